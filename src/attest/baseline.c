/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A baseline as a whole: load, write, create, approve, and which of its boots is nearest, see
 * baseline.h. Its parts are read by baseline_rules.c and baseline_boots.c, applied by
 * baseline_apply.c.
 */
#include <errno.h>
#include <string.h>

#include "attest/baseline_parts.h"
#include "attest/ekcert.h"
#include "base/mem.h"
#include "base/str.h"

#define NAME_MAX_BYTES (2 + ATTEST_MAX_DIGEST)

/* ---- life ---- */

void baseline_free(struct baseline *baseline)
{
	if (!baseline)
		return;
	for (size_t i = 0; i < baseline->boots_count; i++)
		boot_done(&baseline->boots[i].boot);
	for (size_t i = 0; i < baseline->sets_count; i++) {
		digestset_free(baseline->sets[i].digests);
		rf_free(baseline->sets[i].text);
	}
	ekcert_store_free(baseline->ima.signers);
	rf_free(baseline->head);
	rf_arena_done(&baseline->arena);
	rf_free(baseline);
}

/* ---- what is not the boots stays as it was written, comments and all ---- */

static bool at_line_start(const char *text, const char *p)
{
	return p == text || p[-1] == '\n';
}

/* The line "boots:" and the end of its block: the next line that begins with another key. */
static bool find_boots(const char *text, const char **begin, const char **end)
{
	const char *p = text;

	while ((p = strstr(p, "boots:")) && !at_line_start(text, p))
		p++;
	if (!p)
		return false;
	*begin = p;
	for (p = strchr(p, '\n'); p; p = strchr(p + 1, '\n')) {
		if (!strchr(" \t\r\n-#", p[1]) && p[1] != '\0')
			break;
	}
	*end = p ? p + 1 : text + strlen(text);
	return true;
}

static int take_head(struct baseline_reader *r, struct rf_slice yaml)
{
	RF_AUTOFREE char *text = rf_strndup(yaml.len ? (const char *)yaml.data : "", yaml.len);
	const struct yaml_node *boots = yaml_get(r->doc->root, "boots");
	const char *begin, *end;

	if (!text)
		return rf_fail(r->err, -ENOMEM, "%s: no memory", r->doc->name);
	if (!boots) {
		r->baseline->head = rf_take(text);
		return 0;
	}
	if (!find_boots(text, &begin, &end))
		return yaml_fail(r->doc, boots, r->err, "`boots:` must begin a line of its own");
	r->baseline->head = rf_asprintf("%.*s%s", (int)(begin - text), text, end);
	if (!r->baseline->head)
		return rf_fail(r->err, -ENOMEM, "%s: no memory", r->doc->name);
	/* The block that was cut out is the one that libyaml saw, and what is left is whole. */
	YAML_AUTODOC struct yaml_doc rest = {0};
	int rc = yaml_parse_large(rf_slice_text(r->baseline->head), r->doc->name,
				  BASELINE_MAX_BYTES, BASELINE_MAX_NODES, &rest, NULL);

	if (rc == -ENOMEM)
		return rf_fail(r->err, rc, "%s: no memory", r->doc->name);
	if (rc < 0 || yaml_get(rest.root, "boots") ||
	    rest.root->items_count + 1 != r->doc->root->items_count)
		return yaml_fail(r->doc, boots, r->err,
				 "`boots:` must begin a line of its own, and stand beside other "
				 "keys");
	return 0;
}

/* ---- load ---- */

struct file_fields {
	int64_t version;
	const char *host;
	const struct yaml_node *identity, *sets, *rules, *windows, *expect, *ima, *boots;
};

static const struct yaml_field file_table[] = {
	{"baseline", YAML_T_INT, offsetof(struct file_fields, version), true},
	{"host", YAML_T_TEXT, offsetof(struct file_fields, host), false},
	{"identity", YAML_T_MAP, offsetof(struct file_fields, identity), false},
	{"digest-sets", YAML_T_MAP, offsetof(struct file_fields, sets), false},
	{"expect", YAML_T_MAP, offsetof(struct file_fields, expect), false},
	{"rules", YAML_T_LIST, offsetof(struct file_fields, rules), false},
	{"maintenance", YAML_T_LIST, offsetof(struct file_fields, windows), false},
	{"ima", YAML_T_MAP, offsetof(struct file_fields, ima), false},
	{"boots", YAML_T_LIST, offsetof(struct file_fields, boots), false},
};

struct identity_fields {
	const char *ak, *ek;
};

static const struct yaml_field identity_table[] = {
	{"ak-name", YAML_T_TEXT, offsetof(struct identity_fields, ak), false},
	{"ek-name", YAML_T_TEXT, offsetof(struct identity_fields, ek), false},
};

/* A TPM name: an algorithm and a digest of that size. */
static int read_name(struct baseline_reader *r, const struct yaml_node *node, const char *key,
		     struct rf_slice *out)
{
	const struct yaml_node *at = yaml_get(node, key);
	uint8_t *bytes = rf_arena_alloc(&r->baseline->arena, 1, NAME_MAX_BYTES);
	size_t len = 0;

	if (!bytes)
		return rf_fail(r->err, -ENOMEM, "%s: no memory", r->doc->name);
	if (rf_hex_decode(at->text, bytes, NAME_MAX_BYTES, &len) < 0 || len < 3 ||
	    len != 2 + attest_digest_size((uint16_t)(bytes[0] << 8 | bytes[1])))
		return yaml_fail(r->doc, at, r->err,
				 "%s: not the name of a TPM key (hexadecimal, e.g. 000b...)", key);
	*out = (struct rf_slice){bytes, len};
	return 0;
}

static int read_identity(struct baseline_reader *r, const struct yaml_node *node)
{
	struct identity_fields f = {0};
	int rc =
		node ? yaml_bind(r->doc, node, identity_table, RF_COUNT(identity_table), &f, r->err)
		     : 0;

	if (rc == 0 && f.ak)
		rc = read_name(r, node, "ak-name", &r->baseline->ak_name);
	if (rc == 0 && f.ek)
		rc = read_name(r, node, "ek-name", &r->baseline->ek_name);
	return rc;
}

static int read_file(struct baseline_reader *r)
{
	struct file_fields f = {0};
	int rc = yaml_bind(r->doc, r->doc->root, file_table, RF_COUNT(file_table), &f, r->err);

	if (rc < 0)
		return rc;
	if (f.version != 1)
		return yaml_fail(r->doc, yaml_get(r->doc->root, "baseline"), r->err,
				 "baseline: version 1 is understood");
	r->baseline->host = rf_arena_copy(&r->baseline->arena, f.host);
	rc = read_identity(r, f.identity);
	if (rc == 0)
		rc = baseline_read_sets(r, f.sets);
	if (rc == 0)
		rc = baseline_read_expect(r, f.expect);
	if (rc == 0)
		rc = baseline_read_rules(r, f.rules);
	if (rc == 0)
		rc = baseline_read_windows(r, f.windows);
	if (rc == 0)
		rc = baseline_read_ima(r, f.ima);
	if (rc == 0)
		rc = baseline_read_boots(r, f.boots);
	if (rc == 0 && r->baseline->arena.failed)
		rc = rf_fail(r->err, -ENOMEM, "%s: no memory", r->doc->name);
	return rc;
}

int baseline_load(struct rf_slice yaml, const char *name, struct baseline **out, struct rf_err *err)
{
	YAML_AUTODOC struct yaml_doc doc = {0};
	struct baseline *baseline = rf_alloc(1, sizeof(*baseline));
	struct baseline_reader r = {.doc = &doc, .baseline = baseline, .err = err};
	int rc = baseline ? yaml_parse_large(yaml, name, BASELINE_MAX_BYTES, BASELINE_MAX_NODES,
					     &doc, err)
			  : rf_fail(err, -ENOMEM, "%s: no memory", name);

	if (rc == 0)
		rc = read_file(&r);
	if (rc == 0)
		rc = take_head(&r, yaml);
	if (rc < 0)
		baseline_free(baseline);
	else
		*out = baseline;
	return rc;
}

/* ---- files beside it ---- */

size_t baseline_files_count(const struct baseline *baseline)
{
	size_t n = baseline->ima.signers_file != NULL;

	for (size_t i = 0; i < baseline->sets_count; i++)
		n += baseline->sets[i].file != NULL;
	return n;
}

/* The set of that file; NULL: the certificates, which come last. */
static struct baseline_set *set_of_file(const struct baseline *baseline, size_t index)
{
	for (size_t i = 0; i < baseline->sets_count; i++) {
		if (baseline->sets[i].file && index-- == 0)
			return &baseline->sets[i];
	}
	return NULL;
}

const char *baseline_file_at(const struct baseline *baseline, size_t index)
{
	const struct baseline_set *set = set_of_file(baseline, index);

	if (index >= baseline_files_count(baseline))
		return NULL;
	return set ? set->file : baseline->ima.signers_file;
}

static int give_certificates(struct baseline *baseline, struct rf_slice bytes, struct rf_err *err)
{
	struct ekcert_store *store = NULL;
	size_t count = 0;
	int rc = ekcert_store_new(&store, err);

	if (rc == 0)
		rc = ekcert_store_add(store, bytes, &count, err);
	if (rc == 0 && count == 0)
		rc = rf_fail(err, RF_E_MISSING, "no certificate in it");
	if (rc < 0) {
		ekcert_store_free(store);
		return rc;
	}
	ekcert_store_free(baseline->ima.signers);
	baseline->ima.signers = store;
	return 0;
}

int baseline_give_file(struct baseline *baseline, size_t index, struct rf_slice bytes,
		       struct rf_err *err)
{
	const char *name = baseline_file_at(baseline, index);
	struct baseline_set *set = set_of_file(baseline, index);
	struct digestset *digests = NULL;

	if (!name)
		return rf_fail(err, RF_E_MISSING, "the baseline names no such file");
	if (!set) {
		int rc = give_certificates(baseline, bytes, err);

		return rc < 0 ? rf_wrap(err, rc, "%s", name) : 0;
	}
	RF_AUTOFREE char *text = rf_strndup(bytes.len ? (const char *)bytes.data : "", bytes.len);
	int rc = text ? digestset_load((struct rf_slice){(const uint8_t *)text, bytes.len},
				       &digests, err)
		      : rf_fail(err, -ENOMEM, "no memory");

	if (rc == 0 && digestset_count(digests) == 0) {
		digestset_free(digests);
		rc = rf_fail(err, RF_E_MISSING, "no digest in it: the set would allow nothing");
	}
	if (rc < 0)
		return rf_wrap(err, rc, "%s", name);
	digestset_free(set->digests);
	rf_free(set->text);
	set->digests = digests;
	set->text = rf_take(text);
	set->text_len = bytes.len;
	return 0;
}

/* ---- write ---- */

int baseline_write(const struct baseline *baseline, struct rf_buf *out)
{
	size_t len = strlen(baseline->head);

	rf_buf_add(out, baseline->head, len);
	if (len > 0 && baseline->head[len - 1] != '\n')
		rf_buf_add_byte(out, '\n');
	baseline_write_boots(baseline, out);
	return out->failed ? -ENOMEM : 0;
}

/* ---- create, approve, add ---- */

static int name_of_area(struct attest_hasher *hasher, struct rf_slice area, struct rf_buf *out,
			struct rf_err *err)
{
	uint8_t name[NAME_MAX_BYTES];
	struct attest_public key;
	size_t len = 0;

	if (area.len == 0)
		return 0;
	int rc = attest_public_parse(area, &key, err);

	if (rc == 0)
		rc = attest_public_name(hasher, &key, name, &len, err);
	if (rc == 0)
		rf_buf_add_hex(out, name, len);
	return rc;
}

/* The head of a new file, with what a person may add. */
static int write_head(struct attest_hasher *hasher, const struct evidence *evidence,
		      struct rf_buf *out, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf ak = {0}, ek = {0};
	int rc = name_of_area(hasher, evidence->sections[EVIDENCE_AK_PUBLIC], &ak, err);

	if (rc < 0)
		return rf_wrap(err, rc, "attestation key");
	rc = name_of_area(hasher, evidence->sections[EVIDENCE_EK_PUBLIC], &ek, err);
	if (rc < 0)
		return rf_wrap(err, rc, "endorsement key");
	rf_buf_add_text(out,
			"# What this host booted when it was trusted, and what may change.\n"
			"# Everything but `boots` is yours to edit; keys: docs/schema/baseline.md\n"
			"baseline: 1\n");
	if (ak.len || ek.len)
		rf_buf_add_text(out, "identity:\n");
	if (ak.len)
		rf_buf_printf(out, "  ak-name: \"%s\"\n", rf_buf_text(&ak));
	if (ek.len)
		rf_buf_printf(out, "  ek-name: \"%s\"\n", rf_buf_text(&ek));
	return out->failed || ak.failed || ek.failed ? rf_fail(err, -ENOMEM, "no memory") : 0;
}

int baseline_create(struct attest_hasher *hasher, const struct evidence *evidence,
		    const char *boot_name, struct baseline **out, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf text = {0};
	struct boot boot = {0};
	struct baseline *baseline = NULL;
	const struct boot_logs logs = boot_logs_of(evidence);
	int rc = boot_read(hasher, &logs, &boot, err);

	if (rc == 0)
		rc = write_head(hasher, evidence, &text, err);
	if (rc == 0)
		rc = baseline_load(rf_buf_slice(&text), "new baseline", &baseline, err);
	if (rc == 0)
		rc = baseline_add_boot(baseline, boot_name, false, &boot, err);
	boot_done(&boot);
	if (rc < 0)
		baseline_free(baseline);
	else
		*out = baseline;
	return rc;
}

int baseline_approve(struct baseline *baseline, const char *boot_name, const char *by,
		     int64_t at_ms, struct rf_err *err)
{
	if (by[strspn(by, " \t")] == '\0')
		return rf_fail(err, RF_E_USAGE, "an approval needs the name of a person");
	if (!rf_utf8_valid((const uint8_t *)by, strlen(by)))
		return rf_fail(err, RF_E_SYNTAX, "the name is not UTF-8");
	for (size_t i = 0; i < baseline->boots_count; i++) {
		struct baseline_boot *boot = &baseline->boots[i];

		if (strcmp(boot->name, boot_name) != 0)
			continue;
		const char *copy = rf_arena_copy(&baseline->arena, by);

		if (!copy)
			return rf_fail(err, -ENOMEM, "no memory");
		boot->approved_by = copy;
		boot->approved_at_ms = at_ms / 1000 * 1000;
		return 0;
	}
	return rf_fail(err, RF_E_MISSING, "there is no boot named %s", boot_name);
}

/* Values belong to a log; the copy owns its own. */
static int copy_item(struct baseline *baseline, const struct boot_item *item, struct boot *out)
{
	struct boot_item *copy = boot_add(out);

	if (!copy)
		return -ENOMEM;
	*copy = *item;
	copy->value.data = NULL;
	if (item->value.len == 0)
		return 0;
	uint8_t *bytes = rf_arena_alloc(&baseline->arena, item->value.len, 1);

	if (!bytes)
		return -ENOMEM;
	memcpy(bytes, item->value.data, item->value.len);
	copy->value.data = bytes;
	return 0;
}

int baseline_add_boot(struct baseline *baseline, const char *name, bool predicted,
		      const struct boot *boot, struct rf_err *err)
{
	if (baseline->boots_count >= BASELINE_MAX_BOOTS)
		return rf_fail(err, RF_E_LIMIT, "%u boots are kept at most; remove old ones",
			       BASELINE_MAX_BOOTS);
	if (name[0] == '\0' || !rf_utf8_valid((const uint8_t *)name, strlen(name)))
		return rf_fail(err, RF_E_SYNTAX, "a boot needs a name in UTF-8");
	if (boot->count == 0)
		return rf_fail(err, RF_E_MISSING, "there is nothing in this boot to remember");
	for (size_t i = 0; i < baseline->boots_count; i++) {
		if (strcmp(baseline->boots[i].name, name) == 0)
			return rf_fail(err, RF_E_DUPLICATE, "a boot is named %s already", name);
	}
	struct baseline_boot *added = &baseline->boots[baseline->boots_count];
	int rc = 0;

	memset(added, 0, sizeof(*added));
	added->name = rf_arena_copy(&baseline->arena, name);
	added->predicted = predicted;
	added->boot.firmware.locality = boot->firmware.locality;
	added->boot.firmware.hcrtm = boot->firmware.hcrtm;
	added->boot.firmware.drtm = boot->firmware.drtm || boot->txt.drtm;
	for (size_t i = 0; rc == 0 && i < boot->count; i++)
		rc = copy_item(baseline, &boot->items[i], &added->boot);
	if (rc < 0 || !added->name) {
		boot_done(&added->boot);
		return rf_fail(err, -ENOMEM, "no memory");
	}
	baseline->boots_count++;
	return 0;
}

/* ---- looking ---- */

size_t baseline_boots_count(const struct baseline *baseline)
{
	return baseline->boots_count;
}

const struct baseline_boot *baseline_boot_at(const struct baseline *baseline, size_t index)
{
	return index < baseline->boots_count ? &baseline->boots[index] : NULL;
}

struct rf_slice baseline_ak_name(const struct baseline *baseline)
{
	return baseline->ak_name;
}

struct rf_slice baseline_ek_name(const struct baseline *baseline)
{
	return baseline->ek_name;
}

/* How far two boots are apart: what distrusts weighs more than any number of notes. */
static size_t distance(const struct reasons *list)
{
	size_t n = list->dropped * 4096;

	for (size_t i = 0; i < list->count; i++) {
		const struct reason_class *row = reason_class_of(list->items[i].id);

		n += row->effect == REASON_DISTRUSTS ? 4096 : row->effect == REASON_WARNS ? 64 : 1;
	}
	return n;
}

int baseline_nearest(const struct baseline *baseline, const struct boot *now, bool approved_only,
		     const struct baseline_boot **out, struct rf_err *err)
{
	const struct baseline_boot *best = NULL;
	size_t least = SIZE_MAX, candidates = 0;
	struct reasons list = {0};
	int rc = 0;

	for (size_t i = 0; least > 0 && i < baseline->boots_count; i++) {
		const struct baseline_boot *boot = &baseline->boots[i];

		if (approved_only && !boot->approved_by)
			continue;
		candidates++;
		reasons_clear(&list);
		rc = boot_diff(&boot->boot, now, &list);
		if (rc == -ENOMEM)
			break;
		if (rc == 0 && distance(&list) < least) {
			best = boot;
			least = distance(&list);
		}
	}
	reasons_done(&list);
	if (rc == -ENOMEM)
		return rf_fail(err, rc, "no memory");
	if (candidates > 0 && !best)
		return rf_fail(err, RF_E_MISMATCH,
			       "its boots were measured with other algorithms than this one");
	*out = best;
	return 0;
}
