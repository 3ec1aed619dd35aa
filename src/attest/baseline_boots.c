/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Boots of a baseline as YAML: each measurement is one line that a person can read. Reading and
 * writing stand side by side, so that what is written is read again as the same.
 * Not for rules (baseline_rules.c).
 */
#include <errno.h>
#include <string.h>

#include <openssl/evp.h>

#include "attest/baseline_parts.h"
#include "attest/eventlog_types.h"
#include "base/mem.h"
#include "base/str.h"

#define VALUE_MAX_BYTES (256u << 10)

static const char *const source_names[] = {
	[BOOT_FIRMWARE_LOG] = "firmware",
	[BOOT_TXT_LOG] = "txt",
	[BOOT_USERSPACE_LOG] = "userspace",
};

/* Of a signature list with one entry. */
#define MOK_MIN_BYTES 44u

/* Whose contents words about a change need. */
static bool needs_value(const struct boot_item *item)
{
	switch (item->component) {
	case COMPONENT_SECURE_BOOT_PK:
	case COMPONENT_SECURE_BOOT_KEK:
	case COMPONENT_SECURE_BOOT_DB:
	case COMPONENT_SECURE_BOOT_DBX:
		return true;
	case COMPONENT_MOK_LIST:
		/* Contents, not the name that stands in the log. */
		return item->pcr == 14 && item->value.len > MOK_MIN_BYTES;
	case COMPONENT_CMDLINE:
	case COMPONENT_LOADER_COMMAND:
		/* Others are their text. */
		return item->value.len != strlen(item->text) ||
		       memcmp(item->value.data, item->text, item->value.len) != 0;
	default:
		return false;
	}
}

/* ---- reading ---- */

struct item_fields {
	int64_t pcr;
	const char *source, *type, *part, *name, *proof, *text, *value;
	const struct yaml_node *digests;
};

static const struct yaml_field item_table[] = {
	{"pcr", YAML_T_INT, offsetof(struct item_fields, pcr), false},
	{"source", YAML_T_TEXT, offsetof(struct item_fields, source), false},
	{"type", YAML_T_TEXT, offsetof(struct item_fields, type), false},
	{"part", YAML_T_TEXT, offsetof(struct item_fields, part), true},
	{"name", YAML_T_TEXT, offsetof(struct item_fields, name), false},
	{"proof", YAML_T_TEXT, offsetof(struct item_fields, proof), false},
	{"digests", YAML_T_TEXTS, offsetof(struct item_fields, digests), true},
	{"text", YAML_T_TEXT, offsetof(struct item_fields, text), false},
	{"value", YAML_T_TEXT, offsetof(struct item_fields, value), false},
};

static bool find_component(const char *name, enum eventlog_component *out)
{
	for (size_t i = 0; i < COMPONENT_COUNT; i++) {
		*out = (enum eventlog_component)i;
		if (strcmp(eventlog_component_name(*out), name) == 0)
			return true;
	}
	return false;
}

static bool find_proof(const char *name, enum eventlog_proof *out)
{
	for (size_t i = 0; i <= EVENTLOG_UNKNOWN_TYPE; i++) {
		*out = (enum eventlog_proof)i;
		if (strcmp(eventlog_proof_name(*out), name) == 0)
			return true;
	}
	return false;
}

static bool find_source(const char *name, enum boot_source *out)
{
	for (size_t i = 0; i < RF_COUNT(source_names); i++) {
		*out = (enum boot_source)i;
		if (strcmp(source_names[i], name) == 0)
			return true;
	}
	return false;
}

/* A name, or 0xNUMBER for a type that has none. */
static bool find_type(const char *name, uint32_t *out)
{
	int64_t number;

	if (rf_starts(name, "0x")) {
		if (rf_num(name + 2, 16, 0, UINT32_MAX, &number) < 0)
			return false;
		*out = (uint32_t)number;
		return true;
	}
	return event_type_of_name(name, out);
}

static int read_digests(struct baseline_reader *r, const struct yaml_node *node,
			struct boot_item *item)
{
	const struct yaml_node *first = node->kind == YAML_TEXT ? node : node->items;
	size_t count = node->kind == YAML_TEXT ? 1 : node->items_count;

	if (count == 0 || count > ATTEST_MAX_BANKS)
		return yaml_fail(r->doc, node, r->err, "digests: 1 to %d", ATTEST_MAX_BANKS);
	for (size_t i = 0; i < count; i++) {
		if (baseline_digest_parse(first[i].text, &item->digests[i]) < 0)
			return yaml_fail(r->doc, &first[i], r->err,
					 "a digest is written as sha256:HEX, not %s",
					 first[i].text);
		for (size_t k = 0; k < i; k++) {
			if (item->digests[k].alg == item->digests[i].alg)
				return yaml_fail(r->doc, &first[i], r->err,
						 "two digests of one algorithm");
		}
	}
	item->digests_count = count;
	return 0;
}

static int read_value(struct baseline_reader *r, const struct yaml_node *node, const char *text,
		      struct boot_item *item)
{
	size_t len = strlen(text);

	if (len % 4 != 0 || len > VALUE_MAX_BYTES / 3 * 4)
		return yaml_fail(r->doc, node, r->err, "value: not base64, or too long");
	uint8_t *bytes = rf_arena_alloc(&r->baseline->arena, len / 4 * 3 + 1, 1);

	if (!bytes)
		return rf_fail(r->err, -ENOMEM, "%s: no memory", r->doc->name);
	int got = len ? EVP_DecodeBlock(bytes, (const uint8_t *)text, (int)len) : 0;

	if (got < 0)
		return yaml_fail(r->doc, node, r->err, "value: not base64");
	size_t pad = len && text[len - 1] == '=' ? (text[len - 2] == '=' ? 2u : 1u) : 0u;

	item->value = (struct rf_slice){bytes, (size_t)got - pad};
	return 0;
}

static int fill_item(struct baseline_reader *r, const struct yaml_node *node,
		     const struct item_fields *f, struct boot_item *item)
{
	bool known = (!f->source || find_source(f->source, &item->source)) &&
		     (!f->proof || find_proof(f->proof, &item->proof)) &&
		     (!f->type || find_type(f->type, &item->type)) &&
		     find_component(f->part, &item->component);

	if (!known)
		return yaml_fail(r->doc, node, r->err,
				 "source, type, part or proof: a word that is not known");
	if (f->pcr < -1 || f->pcr >= ATTEST_PCRS)
		return yaml_fail(r->doc, node, r->err, "pcr: 0 to %d", ATTEST_PCRS - 1);
	item->pcr = f->pcr < 0 ? USERSPACE_NO_PCR : (uint32_t)f->pcr;
	if (!rf_copy(item->name, sizeof(item->name), f->name ? f->name : "") ||
	    !rf_copy(item->text, sizeof(item->text), f->text ? f->text : ""))
		return yaml_fail(r->doc, node, r->err, "name or text: too long");
	/* Not the item's own text: items move while more of them are read. */
	const char *text = rf_arena_copy(&r->baseline->arena, item->text);

	if (!text)
		return rf_fail(r->err, -ENOMEM, "%s: no memory", r->doc->name);
	item->value = rf_slice_text(text);
	return f->value ? read_value(r, node, f->value, item) : 0;
}

static int read_item(struct baseline_reader *r, const struct yaml_node *node, struct boot *boot)
{
	struct item_fields f = {.pcr = -1};
	int rc = yaml_bind(r->doc, node, item_table, RF_COUNT(item_table), &f, r->err);

	if (rc < 0)
		return rc;
	struct boot_item *item = boot_add(boot);

	if (!item)
		return rf_fail(r->err, -ENOMEM, "%s: no memory", r->doc->name);
	item->event = (uint32_t)boot->count - 1;
	rc = fill_item(r, node, &f, item);
	return rc < 0 ? rc : read_digests(r, f.digests, item);
}

struct boot_fields {
	const char *name;
	bool predicted, hcrtm, drtm;
	int64_t locality;
	const struct yaml_node *approved, *items;
};

static const struct yaml_field boot_table[] = {
	{"name", YAML_T_TEXT, offsetof(struct boot_fields, name), true},
	{"predicted", YAML_T_BOOL, offsetof(struct boot_fields, predicted), false},
	{"approved", YAML_T_MAP, offsetof(struct boot_fields, approved), false},
	{"locality", YAML_T_INT, offsetof(struct boot_fields, locality), false},
	{"h-crtm", YAML_T_BOOL, offsetof(struct boot_fields, hcrtm), false},
	{"dynamic-launch", YAML_T_BOOL, offsetof(struct boot_fields, drtm), false},
	{"items", YAML_T_LIST, offsetof(struct boot_fields, items), true},
};

struct approval_fields {
	const char *by, *at;
};

static const struct yaml_field approval_table[] = {
	{"by", YAML_T_TEXT, offsetof(struct approval_fields, by), true},
	{"at", YAML_T_TEXT, offsetof(struct approval_fields, at), true},
};

static int read_approval(struct baseline_reader *r, const struct yaml_node *node,
			 struct baseline_boot *boot)
{
	struct approval_fields f = {0};
	int rc = yaml_bind(r->doc, node, approval_table, RF_COUNT(approval_table), &f, r->err);

	if (rc < 0)
		return rc;
	if (f.by[strspn(f.by, " \t")] == '\0')
		return yaml_fail(r->doc, node, r->err, "approved: by whom? A name is needed");
	if (baseline_time_parse(f.at, false, &boot->approved_at_ms) < 0)
		return yaml_fail(r->doc, node, r->err,
				 "approved: at is a time like 2026-11-23T20:00:00Z");
	boot->approved_by = rf_arena_copy(&r->baseline->arena, f.by);
	return boot->approved_by ? 0 : rf_fail(r->err, -ENOMEM, "%s: no memory", r->doc->name);
}

static int read_boot(struct baseline_reader *r, const struct yaml_node *node)
{
	struct baseline *baseline = r->baseline;
	struct boot_fields f = {0};
	int rc = yaml_bind(r->doc, node, boot_table, RF_COUNT(boot_table), &f, r->err);

	if (rc < 0)
		return rc;
	if (baseline->boots_count >= BASELINE_MAX_BOOTS)
		return yaml_fail(r->doc, node, r->err, "more than %u boots; remove old ones",
				 BASELINE_MAX_BOOTS);
	for (size_t i = 0; i < baseline->boots_count; i++) {
		if (strcmp(baseline->boots[i].name, f.name) == 0)
			return yaml_fail(r->doc, node, r->err, "two boots are named %s", f.name);
	}
	if (f.name[0] == '\0' || f.items->items_count == 0)
		return yaml_fail(r->doc, node, r->err, "a boot needs a name and items");
	if (f.locality != 0 && f.locality != 3 && f.locality != 4)
		return yaml_fail(r->doc, node, r->err, "locality: 0, 3 or 4");
	struct baseline_boot *boot = &baseline->boots[baseline->boots_count++];

	boot->name = rf_arena_copy(&baseline->arena, f.name);
	boot->predicted = f.predicted;
	boot->boot.firmware.locality = (int)f.locality;
	boot->boot.firmware.hcrtm = f.hcrtm;
	boot->boot.firmware.drtm = f.drtm;
	if (!boot->name)
		return rf_fail(r->err, -ENOMEM, "%s: no memory", r->doc->name);
	rc = f.approved ? read_approval(r, f.approved, boot) : 0;
	for (size_t i = 0; rc == 0 && i < f.items->items_count; i++)
		rc = read_item(r, &f.items->items[i], &boot->boot);
	return rc;
}

int baseline_read_boots(struct baseline_reader *r, const struct yaml_node *node)
{
	int rc = 0;

	for (size_t i = 0; node && rc == 0 && i < node->items_count; i++)
		rc = read_boot(r, &node->items[i]);
	return rc;
}

/* ---- writing ---- */

static void put_pair(struct rf_buf *out, const char *key, const char *text)
{
	rf_buf_printf(out, ", %s: ", key);
	baseline_put_text(out, text);
}

static void put_value(struct rf_buf *out, struct rf_slice value)
{
	RF_AUTOFREE uint8_t *text = NULL;

	if (value.len == 0 || value.len > VALUE_MAX_BYTES)
		return;
	text = rf_alloc(value.len / 3 * 4 + 5, 1);
	if (!text) {
		out->failed = true;
		return;
	}
	EVP_EncodeBlock(text, value.data, (int)value.len);
	put_pair(out, "value", (const char *)text);
}

static void write_item(const struct boot_item *item, struct rf_buf *out)
{
	const char *type = eventlog_type_name(item->type);
	char alg[16];

	rf_buf_add_text(out, "      - {");
	if (item->pcr < ATTEST_PCRS)
		rf_buf_printf(out, "pcr: %u, ", item->pcr);
	rf_buf_printf(out, "part: \"%s\"", eventlog_component_name(item->component));
	if (item->name[0])
		put_pair(out, "name", item->name);
	if (item->text[0])
		put_pair(out, "text", item->text);
	if (item->source != BOOT_FIRMWARE_LOG)
		rf_buf_printf(out, ", source: %s", source_names[item->source]);
	if (item->source != BOOT_USERSPACE_LOG && type)
		rf_buf_printf(out, ", type: %s", type);
	else if (item->source != BOOT_USERSPACE_LOG)
		rf_buf_printf(out, ", type: 0x%x", item->type);
	if (item->proof != EVENTLOG_PROVED)
		rf_buf_printf(out, ", proof: %s", eventlog_proof_name(item->proof));
	rf_buf_add_text(out, ", digests: [");
	for (size_t i = 0; i < item->digests_count; i++) {
		rf_buf_printf(out, "%s\"%s:", i ? ", " : "",
			      attest_alg_name(item->digests[i].alg, alg));
		rf_buf_add_hex(out, item->digests[i].bytes, item->digests[i].len);
		rf_buf_add_byte(out, '"');
	}
	rf_buf_add_byte(out, ']');
	if (needs_value(item))
		put_value(out, item->value);
	rf_buf_add_text(out, "}\n");
}

static void write_boot(const struct baseline_boot *boot, struct rf_buf *out)
{
	char time[32];

	rf_buf_add_text(out, "  - name: ");
	baseline_put_text(out, boot->name);
	rf_buf_add_text(out, boot->predicted ? "\n    predicted: true" : "");
	if (boot->approved_by) {
		rf_buf_add_text(out, "\n    approved: {by: ");
		baseline_put_text(out, boot->approved_by);
		rf_buf_printf(out, ", at: \"%s\"}", baseline_time_text(boot->approved_at_ms, time));
	}
	if (boot->boot.firmware.locality)
		rf_buf_printf(out, "\n    locality: %d", boot->boot.firmware.locality);
	rf_buf_add_text(out, boot->boot.firmware.hcrtm ? "\n    h-crtm: true" : "");
	rf_buf_add_text(out, boot->boot.firmware.drtm || boot->boot.txt.drtm
				     ? "\n    dynamic-launch: true"
				     : "");
	rf_buf_add_text(out, "\n    items:\n");
	for (size_t i = 0; i < boot->boot.count; i++) {
		const struct boot_item *item = &boot->boot.items[i];
		bool extends = item->source == BOOT_USERSPACE_LOG || item->type != EV_NO_ACTION;

		if (extends && item->digests_count > 0)
			write_item(item, out);
	}
}

void baseline_write_boots(const struct baseline *baseline, struct rf_buf *out)
{
	if (baseline->boots_count == 0)
		return;
	rf_buf_add_text(out, "boots:\n");
	for (size_t i = 0; i < baseline->boots_count; i++)
		write_boot(&baseline->boots[i], out);
}
