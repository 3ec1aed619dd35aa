/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Boot log events about what UEFI loads: variables, Secure Boot, images, partition tables.
 * Source: TCG PC Client Platform Firmware Profile 1.06, 10.2.5 to 10.4.6; UEFI 2.10, 5.3 (GPT);
 * shim's mok.c and tpm.c for the variables under its GUID.
 */
#include <string.h>

#include "attest/devicepath.h"
#include "attest/efivar.h"
#include "attest/eventlog_types.h"
#include "base/mem.h"

#define SHOWN_BYTES 32u

/* ---- variables ---- */

/* How a variable's value becomes words. */
static void show_state(struct words *w, struct rf_slice value)
{
	if (value.len == 0)
		words_add(w, "off (no value)");
	else if (value.len == 1 && value.data[0] <= 1)
		words_add(w, value.data[0] ? "on" : "off");
	else
		words_add(w, "not readable");
}

static void show_database(struct words *w, struct rf_slice value)
{
	/* What is wrong with a broken one stands in the text; its digest decides anyway. */
	if (efivar_database_words(w, value, NULL) < 0)
		return;
}

static void show_order(struct words *w, struct rf_slice value)
{
	struct rf_reader r = rf_reader(value);

	if (value.len == 0)
		words_add(w, "empty");
	for (size_t i = 0; rf_reader_left(&r) >= 2; i++)
		words_printf(w, "%sBoot%04X", i ? ", " : "", rf_read_le16(&r));
}

static void show_entry(struct words *w, struct rf_slice value)
{
	struct efivar_load_option option;

	if (efivar_load_option_parse(value, &option, NULL) < 0) {
		words_add(w, "not readable");
		return;
	}
	words_add_utf16(w, option.description);
	words_add(w, option.active ? ": " : " (inactive): ");
	devicepath_words(w, option.path);
}

static void show_other(struct words *w, struct rf_slice value)
{
	if (value.len == 0)
		words_add(w, "empty");
	else if (value.len > 1 && event_is_text(value))
		words_add_utf8(w, event_without_nul(value));
	else
		words_add_hex(w, value, SHOWN_BYTES);
}

struct variable_row {
	enum efivar_vendor vendor;
	const char *name;
	enum eventlog_component component;
	void (*show)(struct words *w, struct rf_slice value);
};

/* Of PCR 7. A name counts under its own vendor only: anybody can make a "SecureBoot". */
static const struct variable_row secure_boot[] = {
	{EFIVAR_GLOBAL, "SecureBoot", COMPONENT_SECURE_BOOT_STATE, show_state},
	{EFIVAR_GLOBAL, "SetupMode", COMPONENT_SECURE_BOOT_STATE, show_state},
	{EFIVAR_GLOBAL, "AuditMode", COMPONENT_SECURE_BOOT_STATE, show_state},
	{EFIVAR_GLOBAL, "DeployedMode", COMPONENT_SECURE_BOOT_STATE, show_state},
	{EFIVAR_GLOBAL, "PK", COMPONENT_SECURE_BOOT_PK, show_database},
	{EFIVAR_GLOBAL, "KEK", COMPONENT_SECURE_BOOT_KEK, show_database},
	{EFIVAR_SECURITY, "db", COMPONENT_SECURE_BOOT_DB, show_database},
	{EFIVAR_SECURITY, "dbx", COMPONENT_SECURE_BOOT_DBX, show_database},
	{EFIVAR_SECURITY, "dbt", COMPONENT_SECURE_BOOT_DB, show_database},
	{EFIVAR_SECURITY, "dbr", COMPONENT_SECURE_BOOT_DB, show_database},
};

/* Of PCR 1. */
static const struct variable_row boot[] = {
	{EFIVAR_GLOBAL, "BootOrder", COMPONENT_BOOT_ORDER, show_order},
	{EFIVAR_GLOBAL, "BootNext", COMPONENT_BOOT_ORDER, show_order},
	{EFIVAR_GLOBAL, "BootCurrent", COMPONENT_BOOT_ORDER, show_order},
	{EFIVAR_GLOBAL, "DriverOrder", COMPONENT_BOOT_ORDER, show_order},
};

static const struct variable_row *find_row(const struct variable_row *rows, size_t count,
					   const struct efivar *var)
{
	for (size_t i = 0; i < count; i++) {
		if (rows[i].vendor == var->vendor && efivar_name_is(var, rows[i].name))
			return &rows[i];
	}
	return NULL;
}

/* Reads the structure and shows the name, with the vendor where nobody knows it. */
static bool open_variable(struct event_view *view, struct efivar *var)
{
	struct words name = words_into(view->out->name, sizeof(view->out->name));

	if (efivar_parse(view->event->data, var, NULL) < 0) {
		words_add(&view->text, "not a variable");
		return false;
	}
	words_add_utf16(&name, var->name);
	if (var->vendor == EFIVAR_OTHER) {
		words_add(&name, "-");
		words_add_guid(&name, var->guid);
	}
	view->out->value = var->value;
	return true;
}

enum eventlog_proof event_read_variable_config(struct event_view *view)
{
	const struct variable_row *row = NULL;
	struct efivar var;

	if (!open_variable(view, &var))
		return EVENTLOG_DISPROVED;
	if (event_in_pcr(view, 7))
		row = find_row(secure_boot, RF_COUNT(secure_boot), &var);
	if (row)
		view->out->component = row->component;
	(row ? row->show : show_other)(&view->text, var.value);
	enum eventlog_proof proof = event_prove(view, view->event->data, EVENTLOG_HINT);

	/* Settings of PCR 1 to 5 are measured without their name by some firmware. */
	if (proof == EVENTLOG_HINT && !event_in_pcr(view, 7))
		proof = event_prove(view, var.value, EVENTLOG_HINT);
	return proof == EVENTLOG_HINT ? EVENTLOG_DISPROVED : proof;
}

/* "Boot" or "Driver" and four hexadecimal digits. */
static bool is_entry_name(const char *name)
{
	size_t prefix = strncmp(name, "Boot", 4) == 0 ? 4 : strncmp(name, "Driver", 6) == 0 ? 6 : 0;

	return prefix != 0 && strlen(name) == prefix + 4 &&
	       strspn(name + prefix, "0123456789abcdefABCDEF") == 4;
}

enum eventlog_proof event_read_variable_boot(struct event_view *view)
{
	struct efivar var;

	if (!open_variable(view, &var))
		return EVENTLOG_DISPROVED;
	const struct variable_row *row = find_row(boot, RF_COUNT(boot), &var);

	if (row) {
		view->out->component = row->component;
		row->show(&view->text, var.value);
	} else if (var.vendor == EFIVAR_GLOBAL && is_entry_name(view->out->name)) {
		show_entry(&view->text, var.value);
	} else {
		view->out->component = COMPONENT_FIRMWARE_CONFIG;
		show_other(&view->text, var.value);
	}
	/* H(value) is the older rule: there the variable's name is a hint, its value is not. */
	enum eventlog_proof proof = event_prove(view, view->event->data, EVENTLOG_HINT);

	if (proof == EVENTLOG_HINT)
		proof = event_prove(view, var.value, EVENTLOG_DISPROVED);
	return proof;
}

/* Shows who signed: a certificate with its owner's GUID before it or, by shim, without; or a
 * digest. False when it is neither. */
static bool show_authority(struct words *w, struct rf_slice value)
{
	struct rf_reader r = rf_reader(value);

	rf_read_bytes(&r, 16);
	struct rf_slice behind = rf_read_rest(&r);

	if (efivar_subject_words(w, value) || efivar_subject_words(w, behind))
		return true;
	if (value.len != 32 && value.len != 48)
		return false;
	words_add(w, "SHA-256 ");
	words_add_hex(w, value.len == 32 ? value : behind, SHOWN_BYTES);
	return true;
}

enum eventlog_proof event_read_variable_authority(struct event_view *view)
{
	struct rf_slice data = view->event->data;
	struct efivar var;

	if (!open_variable(view, &var))
		return EVENTLOG_DISPROVED;
	/* SbatLevel, MokListTrusted: shim's settings, not somebody's key. A list of versions may
	 * have as many bytes as a digest. */
	bool setting = var.vendor == EFIVAR_SHIM && efivar_name_is(&var, "SbatLevel");

	if (setting || !show_authority(&view->text, var.value)) {
		if (var.vendor == EFIVAR_SHIM)
			view->out->component = COMPONENT_SHIM_VARIABLE;
		while (var.value.len > 0 && var.value.data[var.value.len - 1] == '\n')
			var.value.len--;
		show_other(&view->text, var.value);
	}
	enum eventlog_proof proof = event_prove(view, data, EVENTLOG_HINT);

	/* Shims before 15.3 log one byte more than they measure. */
	if (proof == EVENTLOG_HINT && var.trailing_bytes > 0)
		proof = event_prove(view, (struct rf_slice){data.data, data.len - 1},
				    EVENTLOG_HINT);
	return proof == EVENTLOG_HINT ? EVENTLOG_DISPROVED : proof;
}

/* ---- images ---- */

/* The last part of a path with \ or / between its parts, in UTF-16. */
static struct rf_slice last_part(struct rf_slice path)
{
	size_t start = 0;

	for (size_t i = 0; i + 2 < path.len; i += 2) {
		if (path.data[i + 1] == 0 && (path.data[i] == '\\' || path.data[i] == '/'))
			start = i + 2;
	}
	return (struct rf_slice){path.data + start, path.len - start};
}

/* The digest is the Authenticode hash of the image: who compares it with a file or a list of known
 * images learns something; path and place are hints. */
enum eventlog_proof event_read_image(struct event_view *view)
{
	struct rf_reader r = rf_reader(view->event->data);
	struct words name = words_into(view->out->name, sizeof(view->out->name));
	struct rf_slice file;

	rf_read_le64(&r); /* where in memory */
	uint64_t bytes = rf_read_le64(&r);

	rf_read_le64(&r); /* link time address */
	uint64_t path_bytes = rf_read_le64(&r);
	struct rf_slice path = {0};

	if (path_bytes <= rf_reader_left(&r))
		path = rf_read_bytes(&r, (size_t)path_bytes);
	view->out->value = path;
	if (devicepath_is_option_rom(path))
		view->out->component = COMPONENT_OPTION_ROM;
	if (devicepath_file(path, &file))
		words_add_utf16(&name, last_part(file));
	devicepath_words(&view->text, path);
	if (view->text.len == 0)
		words_printf(&view->text, "an image of %llu bytes, no path",
			     (unsigned long long)bytes);
	return EVENTLOG_HINT;
}

/* ---- partition table ---- */

#define GPT_HEADER_BYTES 92u
#define GPT_ENTRY_BYTES	 128u

enum eventlog_proof event_read_gpt(struct event_view *view)
{
	struct rf_reader r = rf_reader(view->event->data);
	struct words name = words_into(view->out->name, sizeof(view->out->name));
	struct rf_slice header = rf_read_bytes(&r, GPT_HEADER_BYTES);
	uint64_t count = rf_read_le64(&r);

	if (r.failed || memcmp(header.data, "EFI PART", 8) != 0) {
		words_add(&view->text, "not a partition table");
		return EVENTLOG_DISPROVED;
	}
	words_add_guid(&name, (struct rf_slice){header.data + 56, 16});
	words_add(&view->text, "disk ");
	words_add_guid(&view->text, (struct rf_slice){header.data + 56, 16});
	words_printf(&view->text, ", %llu partitions", (unsigned long long)count);
	for (uint64_t i = 0; i < count && rf_reader_left(&r) >= GPT_ENTRY_BYTES; i++) {
		struct rf_slice entry = rf_read_bytes(&r, GPT_ENTRY_BYTES);
		struct rf_slice label = {entry.data + 56, 72};

		words_add(&view->text, i == 0 ? ": " : ", ");
		if (label.data[0] == 0 && label.data[1] == 0)
			words_add_guid(&view->text, (struct rf_slice){entry.data + 16, 16});
		else
			words_add_utf16(&view->text, label);
	}
	return event_prove(view, view->event->data, EVENTLOG_DISPROVED);
}
