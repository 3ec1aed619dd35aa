/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which measurements belong to one part of the machine, so that a new kernel is one change and not
 * six: its file (PCR 9), its image as shim checks it (PCR 4), its path in the command line (PCR 8).
 * Not for words.
 * Source: what grub 2.06, shim 15.8, systemd-boot and systemd-stub measure, seen in real logs.
 */
#include <errno.h>
#include <string.h>

#include "attest/cmdline.h"
#include "attest/diff_parts.h"
#include "attest/eventlog_types.h"
#include "base/mem.h"
#include "base/str.h"

/* ---- the table of parts, in the order in which people want to hear of them ---- */

static const struct diff_row rows[] = {
	{COMPONENT_SECURE_BOOT_STATE, REASON_SECURE_BOOT_CHANGED, DIFF_ALL, "Secure Boot"},
	{COMPONENT_SECURE_BOOT_PK, REASON_SECURE_BOOT_KEYS_CHANGED, DIFF_ALL,
	 "Secure Boot platform key"},
	{COMPONENT_SECURE_BOOT_KEK, REASON_SECURE_BOOT_KEYS_CHANGED, DIFF_ALL,
	 "Secure Boot key exchange keys"},
	{COMPONENT_SECURE_BOOT_DB, REASON_SECURE_BOOT_KEYS_CHANGED, DIFF_BY_NAME,
	 "Secure Boot allowed list"},
	{COMPONENT_SECURE_BOOT_DBX, REASON_DBX_CHANGED, DIFF_ALL, "Secure Boot forbidden list"},
	{COMPONENT_AUTHORITY, REASON_AUTHORITY_CHANGED, DIFF_BY_NAME, "signer of boot programs"},
	{COMPONENT_MOK_LIST, REASON_MOK_CHANGED, DIFF_ALL, "machine owner keys"},
	{COMPONENT_SHIM_VARIABLE, REASON_SBAT_CHANGED, DIFF_BY_NAME, "setting of shim"},
	{COMPONENT_FIRMWARE, REASON_FIRMWARE_CHANGED, DIFF_ALL, "firmware"},
	{COMPONENT_FIRMWARE_CONFIG, REASON_FIRMWARE_CONFIG_CHANGED, DIFF_BY_NAME,
	 "firmware setting"},
	{COMPONENT_OPTION_ROM, REASON_OPTION_ROM_CHANGED, DIFF_BY_NAME, "option ROM"},
	{COMPONENT_DRIVER, REASON_DRIVER_CHANGED, DIFF_BY_NAME, "firmware driver"},
	{COMPONENT_MICROCODE, REASON_MICROCODE_CHANGED, DIFF_ALL, "processor microcode"},
	{COMPONENT_BOOT_APP, REASON_BOOT_APP_CHANGED, DIFF_BY_NAME, "boot program"},
	{COMPONENT_KERNEL, REASON_KERNEL_CHANGED, DIFF_ALL, "kernel"},
	{COMPONENT_INITRD, REASON_INITRD_CHANGED, DIFF_ALL, "initrd"},
	{COMPONENT_CMDLINE, REASON_CMDLINE_CHANGED, DIFF_ALL, "kernel command line"},
	{COMPONENT_LOADER_FILE, REASON_LOADER_FILE_CHANGED, DIFF_BY_NAME, "boot loader file"},
	{COMPONENT_LOADER_COMMAND, REASON_LOADER_COMMAND_CHANGED, DIFF_ALL, "boot loader commands"},
	{COMPONENT_BOOT_ORDER, REASON_BOOT_ORDER_CHANGED, DIFF_ALL, "boot order"},
	{COMPONENT_BOOT_ENTRY, REASON_BOOT_ENTRY_CHANGED, DIFF_BY_NAME, "boot entry"},
	{COMPONENT_GPT, REASON_GPT_CHANGED, DIFF_BY_NAME, "partition table"},
	{COMPONENT_DRTM, REASON_DRTM_CHANGED, DIFF_ALL, "dynamic launch"},
	{COMPONENT_ESX_MODULE, REASON_ESX_CHANGED, DIFF_BY_NAME, "ESXi module"},
	{COMPONENT_ESX_OPTION, REASON_ESX_CHANGED, DIFF_BY_NAME, "ESXi boot option"},
	{COMPONENT_ESX_SIGNER, REASON_ESX_CHANGED, DIFF_ALL, "ESXi signer"},
	{COMPONENT_ASSET_TAG, REASON_ASSET_TAG_CHANGED, DIFF_ALL, "asset tag"},
	{COMPONENT_BOOT_FAILURE, REASON_BOOT_FAILURE, DIFF_ALL, "boot failure"},
	{COMPONENT_SEPARATOR, REASON_EVENT_CHANGED, DIFF_ALL, "separator"},
	{COMPONENT_EXIT_BOOT_SERVICES, REASON_EXIT_MISSING, DIFF_ALL, "hand-over to the system"},
	{COMPONENT_ACTION, REASON_EVENT_CHANGED, DIFF_ALL, "firmware's steps"},
	{COMPONENT_OTHER, REASON_EVENT_CHANGED, DIFF_BY_NAME, "other measurement"},
};

size_t diff_rank(enum eventlog_component component)
{
	size_t i = 0;

	while (i < RF_COUNT(rows) - 1 && rows[i].component != component)
		i++;
	return i;
}

const struct diff_row *diff_row_of(enum eventlog_component component)
{
	return &rows[diff_rank(component)];
}

/* ---- names ---- */

const char *diff_path(const char *text)
{
	const char *close = text[0] == '(' ? strchr(text, ')') : NULL;

	return close && close[1] ? close + 1 : text;
}

const char *diff_version(const char *name)
{
	for (const char *p = name; *p; p++) {
		if ((*p == '-' || *p == '_') && p[1] >= '0' && p[1] <= '9')
			return p + 1;
	}
	return "";
}

bool diff_is_config(const char *name)
{
	return rf_ends(name, ".cfg") || rf_ends(name, ".conf");
}

struct rf_slice diff_text(const struct boot_item *item)
{
	bool text =
		item->component == COMPONENT_CMDLINE || item->component == COMPONENT_LOADER_COMMAND;

	/* What is shown is cut, and its line ends are spelt out. */
	if (text && item->value.len > 0 && event_is_text(item->value))
		return item->value;
	return rf_slice_text(item->text);
}

/* ---- roles ---- */

static bool is_kernel_name(const char *name)
{
	char small[128];

	rf_copy(small, sizeof(small), name);
	rf_lower(small);
	return strstr(small, "vmlinu") || strstr(small, "bzimage") || strcmp(small, "linux") == 0;
}

static bool is_nameless_image(const struct boot_item *item)
{
	return item->component == COMPONENT_BOOT_APP && item->pcr == 4 && item->name[0] == '\0' &&
	       item->source == BOOT_FIRMWARE_LOG;
}

/* The kernel that was measured just before (or, at the beginning of a pair, just after): images
 * that shim checks for a boot loader come without a path. */
static bool is_beside_kernel(const struct boot *boot, size_t at)
{
	size_t i = at;

	while (i > 0 && is_nameless_image(&boot->items[i - 1]))
		i--;
	if (i > 0 && boot->items[i - 1].component == COMPONENT_KERNEL)
		return true;
	for (i = at + 1; i < boot->count && is_nameless_image(&boot->items[i]);)
		i++;
	return i < boot->count && boot->items[i].component == COMPONENT_KERNEL &&
	       boot->items[i].source == BOOT_FIRMWARE_LOG;
}

/* The image in which a unified kernel came: the last one before its sections. */
static size_t find_container(const struct boot *boot)
{
	size_t image = SIZE_MAX;

	for (size_t i = 0; i < boot->count; i++) {
		const struct boot_item *item = &boot->items[i];

		if (item->component == COMPONENT_BOOT_APP && item->pcr == 4)
			image = i;
		if (item->component == COMPONENT_KERNEL && item->pcr == 11)
			return image;
	}
	return SIZE_MAX;
}

static enum eventlog_component role_of(const struct boot *boot, size_t i)
{
	const struct boot_item *item = &boot->items[i];

	/* Kinds of one thing: what shim keeps of its owner's keys, under whichever name. */
	if (item->component == COMPONENT_SHIM_VARIABLE && strstr(item->name, "Sbat") == NULL)
		return COMPONENT_MOK_LIST;
	if (item->component == COMPONENT_AUTHORITY && strcmp(item->name, "SbatLevel") == 0)
		return COMPONENT_SHIM_VARIABLE;
	if (item->component == COMPONENT_AUTHORITY && rf_starts(item->name, "MokListTrusted"))
		return COMPONENT_MOK_LIST;
	if (item->component == COMPONENT_BOOT_APP && is_kernel_name(item->name))
		return COMPONENT_KERNEL;
	if (item->component == COMPONENT_NONE)
		return COMPONENT_OTHER;
	return item->component;
}

enum eventlog_component *diff_roles(const struct boot *boot)
{
	enum eventlog_component *roles = rf_alloc(boot->count, sizeof(*roles));
	size_t container = find_container(boot), last = SIZE_MAX;

	for (size_t i = 0; roles && i < boot->count; i++) {
		roles[i] = role_of(boot, i);
		if (!is_nameless_image(&boot->items[i])) {
			last = SIZE_MAX;
			continue;
		}
		/* Neighbours of a run share what was found for its first one. */
		if (last != SIZE_MAX)
			roles[i] = roles[last];
		else if (is_beside_kernel(boot, i))
			roles[i] = COMPONENT_KERNEL;
		last = i;
	}
	if (roles && container != SIZE_MAX)
		roles[container] = COMPONENT_KERNEL;
	return roles;
}

/* ---- what follows from what ---- */

static const struct diff_change *find_role(const struct diff_changes *changes,
					   enum eventlog_component role)
{
	for (size_t i = 0; i < changes->count; i++) {
		if (changes->items[i].role == role)
			return &changes->items[i];
	}
	return NULL;
}

/* The file that holds the boot loader's commands, where it changed. */
static const struct diff_change *find_config(const struct diff_changes *changes)
{
	for (size_t i = 0; i < changes->count; i++) {
		const struct diff_change *change = &changes->items[i];

		if (change->role == COMPONENT_LOADER_FILE && diff_is_config(change->key))
			return change;
	}
	return NULL;
}

/* Do two kernel command lines say the same but for the path of the kernel? 1, 0 or -ENOMEM. */
static int same_but_kernel(struct rf_slice was, struct rf_slice now)
{
	RF_AUTOFREE struct cmdline_diff *diff = rf_alloc(1, sizeof(*diff));
	int rc = diff ? cmdline_compare(was, now, diff, NULL) : -ENOMEM;

	if (rc < 0)
		return rc == -ENOMEM ? rc : 0;
	return cmdline_only_kernel(diff) && diff->changes_count > 0;
}

/* Does that change of the command line follow from a new kernel? 1, 0 or -ENOMEM. */
static int follows_kernel(const struct diff_change *change)
{
	if (change->role != COMPONENT_CMDLINE || !change->was || !change->now)
		return 0;
	return same_but_kernel(diff_text(change->was), diff_text(change->now));
}

static void move_to(struct diff_change *change, enum eventlog_component role, const char *key)
{
	change->role = role;
	rf_copy(change->key, sizeof(change->key), key);
}

/* Shim's first list of revoked versions, to which it goes back where Secure Boot is off
 * (SBAT_VAR_ORIGINAL). */
static bool is_first_sbat(const struct boot_item *item)
{
	return item && strcmp(item->name, "SbatLevel") == 0 &&
	       strcmp(item->text, "sbat,1,2021030218") == 0;
}

/* With Secure Boot off nobody asks who signed, and shim checks no image. */
static bool follows_secure_boot(const struct diff_change *change)
{
	const struct boot_item *item = change->now ? change->now : change->was;

	if (is_first_sbat(change->was) || is_first_sbat(change->now))
		return true;
	if (change->was && change->now)
		return false;
	return change->role == COMPONENT_AUTHORITY || is_nameless_image(item) ||
	       (change->role == COMPONENT_MOK_LIST && item->pcr == 7);
}

int diff_absorb(struct diff_changes *changes)
{
	const struct diff_change *config = find_config(changes);
	const struct diff_change *secure = find_role(changes, COMPONENT_SECURE_BOOT_STATE);
	bool kernel = find_role(changes, COMPONENT_KERNEL) != NULL;
	char config_key[128] = "";
	int rc = 0;

	if (config)
		rf_copy(config_key, sizeof(config_key), config->key);
	for (size_t i = 0; rc >= 0 && i < changes->count; i++) {
		struct diff_change *change = &changes->items[i];

		if (secure && follows_secure_boot(change))
			move_to(change, COMPONENT_SECURE_BOOT_STATE, "");
		else if (config_key[0] && change->role == COMPONENT_LOADER_COMMAND)
			move_to(change, COMPONENT_LOADER_FILE, config_key);
		else if (kernel && (rc = follows_kernel(change)) == 1)
			move_to(change, COMPONENT_KERNEL, "");
	}
	return rc < 0 ? rc : 0;
}
