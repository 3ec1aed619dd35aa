/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the JSON that tells of an ESXi host's boot, see esx.h. Not for judging it: esx_compare.c.
 * Sources: vSphere Web Services API (vim.host.TpmAttestationReport, TpmEventDetails and those that
 * extend it), Virtual Infrastructure JSON API (_typeName; bytes as numbers), vSphere Automation API
 * (hosts/{host}/hardware/tpm/{tpm}/event-log), and host manifests as public test data has them
 * (digests in hexadecimal; ESXi 6.5 gives forty zeros for a SHA-1 digest that it did not record).
 */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include <jansson.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "attest/esx_parts.h"
#include "base/mem.h"
#include "base/str.h"

#define SEARCH_DEPTH	  5
#define NOT_HERE	  1 /* of find_and_read */
#define OPTIONS_MAX_BYTES 65536u

struct view {
	struct attest_hasher *hasher;
	struct esx_log *log;
};

/* Type names without "HostTpm" and what follows; the number is that of newer manifests. */
static const struct kind_row {
	const char *type;
	const char *number;
	const char *field; /* whose value is the name */
	enum esx_kind kind;
} kind_rows[] = {
	{"SoftwareComponent", "0x60000001", "componentName", ESX_MODULE},
	{"Command", "0x60000002", "commandLine", ESX_COMMAND_LINE},
	{"Option", "0x60000003", "optionsFileName", ESX_OPTIONS_FILE},
	{"Signer", NULL, "bootSecurityOption", ESX_SIGNER},
	{"NvTag", NULL, "bootSecurityOption", ESX_TAG},
	{"BootSecurityOption", "0x60000004", "bootSecurityOption", ESX_SECURITY_OPTION},
	{"Version", NULL, "version", ESX_VERSION},
	{"BootComplete", NULL, NULL, ESX_BOOT_COMPLETE},
};

/* Go's JSON begins its keys with a capital letter, everyone else's does not. */
static json_t *member(json_t *object, const char *key)
{
	char other[64];
	json_t *found = json_object_get(object, key);

	if (found || !rf_copy(other, sizeof(other), key))
		return found;
	other[0] = (char)(other[0] - 'a' + 'A');
	return json_object_get(object, other);
}

static const char *text_of(json_t *object, const char *key)
{
	const char *text = json_string_value(member(object, key));

	return text ? text : "";
}

static bool flag_of(json_t *object, const char *key, bool otherwise)
{
	json_t *value = member(object, key);

	return value ? json_is_true(value) : otherwise;
}

/* Any of "SHA256", "SHA-256", "sha_256", "EFI_TCG2_BOOT_HASH_ALG_SHA256", "SM3_256". */
static uint16_t alg_of(const char *name)
{
	static const char efi[] = "EFI_TCG2_BOOT_HASH_ALG_";
	char plain[16] = "";
	size_t len = 0;

	for (name += rf_starts(name, efi) ? strlen(efi) : 0; *name; name++) {
		if (*name == '-' || *name == '_')
			continue;
		if (len + 1 == sizeof(plain))
			return 0;
		plain[len++] = *name;
	}
	if (rf_equal_nocase(plain, "sm3256"))
		return ATTEST_SM3;
	return attest_alg_of_name(plain);
}

static uint16_t alg_of_size(size_t bytes)
{
	static const uint16_t algs[] = {ATTEST_SHA1, ATTEST_SHA256, ATTEST_SHA384, ATTEST_SHA512};

	for (size_t i = 0; i < RF_COUNT(algs); i++) {
		if (attest_digest_size(algs[i]) == bytes)
			return algs[i];
	}
	return 0;
}

static bool base64_decode(const char *text, struct rf_buf *out)
{
	size_t len = strlen(text);
	EVP_ENCODE_CTX *context = EVP_ENCODE_CTX_new();
	uint8_t *room = rf_buf_reserve(out, len + 64);
	int n = 0, more = 0;
	bool good = context && room && len < INT_MAX / 2;

	if (good) {
		EVP_DecodeInit(context);
		good = EVP_DecodeUpdate(context, room, &n, (const unsigned char *)text, (int)len) >=
			       0 &&
		       EVP_DecodeFinal(context, room + n, &more) == 1;
	}
	EVP_ENCODE_CTX_free(context);
	ERR_clear_error();
	if (good)
		out->len += (size_t)(n + more);
	return good;
}

/* Numbers of -128 to 255. */
static bool numbers_decode(json_t *array, size_t max, struct rf_buf *out)
{
	json_t *item;
	size_t i;

	if (json_array_size(array) > max)
		return false;
	json_array_foreach(array, i, item)
	{
		json_int_t value = json_integer_value(item);

		if (!json_is_integer(item) || value < -128 || value > 255)
			return false;
		rf_buf_add_byte(out, (uint8_t)value);
	}
	return !out->failed;
}

/* Bytes as numbers, hexadecimal or base64. A text of the right length in hexadecimal digits is
 * taken for such; size 0: any. */
static bool bytes_decode(json_t *value, size_t size, struct rf_buf *out)
{
	const char *text = json_string_value(value);
	uint8_t hex[2 * ATTEST_MAX_DIGEST];
	size_t len = 0;

	if (json_is_array(value))
		return numbers_decode(value, OPTIONS_MAX_BYTES, out);
	if (!text || strlen(text) > 2 * (size_t)OPTIONS_MAX_BYTES)
		return false;
	if (rf_hex_decode(text, hex, sizeof(hex), &len) == 0 &&
	    (size == 0 || len == size || len == 40))
		return rf_buf_add(out, hex, len) == 0;
	return base64_decode(text, out);
}

/* alg 0: by its length. Forty zeros are twenty (ESXi 6.5). */
static int digest_read(json_t *value, uint16_t alg, struct attest_digest *out, struct rf_err *err)
{
	static const uint8_t zeros[40];
	RF_AUTOBUF struct rf_buf bytes = {0};

	if (!bytes_decode(value, alg ? attest_digest_size(alg) : 0, &bytes))
		return rf_fail(err, RF_E_SYNTAX, "not a digest");
	if (bytes.len == 40 && memcmp(bytes.data, zeros, 40) == 0)
		bytes.len = 20;
	if (!alg)
		alg = alg_of_size(bytes.len);
	if (!alg || bytes.len != attest_digest_size(alg))
		return rf_fail(err, RF_E_SYNTAX, "a digest of %zu bytes", bytes.len);
	*out = (struct attest_digest){.alg = alg, .len = (uint8_t)bytes.len};
	memcpy(out->bytes, bytes.data, bytes.len);
	return 0;
}

/* 17, "17" or "pcr_17". */
static int pcr_read(json_t *value, uint32_t *out, struct rf_err *err)
{
	const char *text = json_string_value(value);
	int64_t n = json_is_integer(value) ? json_integer_value(value) : -1;

	if (text && rf_num(text + (rf_starts(text, "pcr_") ? 4 : 0), 10, 0, ATTEST_PCRS - 1, &n))
		n = -1;
	if (n < 0 || n >= ATTEST_PCRS)
		return rf_fail(err, RF_E_SYNTAX, "not a PCR of 0 to %d", ATTEST_PCRS - 1);
	*out = (uint32_t)n;
	return 0;
}

static int value_add(struct esx_log *log, uint32_t pcr, const struct attest_digest *digest,
		     struct rf_err *err)
{
	struct attest_pcr_values *pcrs = &log->pcrs;
	size_t bank = 0;

	while (bank < pcrs->banks_count && pcrs->algs[bank] != digest->alg)
		bank++;
	if (bank == ATTEST_MAX_BANKS)
		return rf_fail(err, RF_E_LIMIT, "more than %d banks", ATTEST_MAX_BANKS);
	if (bank == pcrs->banks_count)
		pcrs->algs[pcrs->banks_count++] = digest->alg;
	if (pcrs->present[bank] & 1u << pcr)
		return rf_fail(err, RF_E_DUPLICATE, "PCR %u is there twice", pcr);
	pcrs->present[bank] |= 1u << pcr;
	pcrs->values[bank][pcr] = *digest;
	return 0;
}

/* ---- events ---- */

static const struct kind_row *row_of_type(const char *type)
{
	if (rf_starts(type, "Vim25Api."))
		type += strlen("Vim25Api.");
	if (rf_starts(type, "HostTpm"))
		type += strlen("HostTpm");
	for (size_t i = 0; i < RF_COUNT(kind_rows); i++) {
		size_t len = strlen(kind_rows[i].type);

		if (rf_equal(type, kind_rows[i].number) ||
		    (rf_starts(type, kind_rows[i].type) && rf_starts(type + len, "Event")))
			return &kind_rows[i];
	}
	return NULL;
}

/* Where no type is told, the first row whose field is there. A signer and a tag cannot be told from
 * a security option then. */
static const struct kind_row *row_of_fields(json_t *details)
{
	for (size_t i = 0; i < RF_COUNT(kind_rows); i++) {
		if (kind_rows[i].kind != ESX_SIGNER && kind_rows[i].kind != ESX_TAG &&
		    kind_rows[i].field && member(details, kind_rows[i].field))
			return &kind_rows[i];
	}
	return NULL;
}

/* Only firmware and the launch have no name but this. */
static enum esx_kind kind_of(const struct kind_row *row, const char *name)
{
	if (row && row->kind == ESX_MODULE && strcmp(name, "TPM_EVENT_LOG_PREBOOT") == 0)
		return ESX_PREBOOT;
	return row ? row->kind : ESX_OTHER;
}

static const char *keep(struct esx_log *log, const char *text)
{
	const char *copy = rf_arena_copy(&log->arena, text);

	return copy ? copy : "";
}

/* Copies the event's texts and appends it. */
static int event_add(const struct view *v, struct esx_event event, struct rf_slice data,
		     struct rf_err *err)
{
	static const uint8_t zeros[ATTEST_MAX_DIGEST];
	struct esx_log *log = v->log;

	if (log->events_count >= ESX_MAX_EVENTS)
		return rf_fail(err, RF_E_LIMIT, "more than %u events", ESX_MAX_EVENTS);
	event.missing = memcmp(event.digest.bytes, zeros, event.digest.len) == 0;
	event.name = keep(log, event.name);
	event.package = keep(log, event.package ? event.package : "");
	event.version = keep(log, event.version ? event.version : "");
	event.vendor = keep(log, event.vendor ? event.vendor : "");
	event.text = keep(log, event.text ? event.text : "");
	esx_event_prove(v->hasher, &event, data);
	if (log->arena.failed || rf_grow((void **)&log->events, &log->events_capacity,
					 log->events_count + 1, sizeof(event)))
		return rf_fail(err, -ENOMEM, "no memory for events");
	log->events[log->events_count++] = event;
	return 0;
}

/* HostTpmEventDetails. */
static int report_event(const struct view *v, json_t *item, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf data = {0};
	json_t *details = member(item, "eventDetails"), *bytes = member(details, "bootOptions");
	const char *type = text_of(details, "_typeName"),
		   *method = text_of(details, "dataHashMethod");
	const struct kind_row *row = *type ? row_of_type(type) : row_of_fields(details);
	struct esx_event event = {.text = row ? "" : type};
	uint16_t alg = alg_of(method);
	int rc = pcr_read(member(item, "pcrIndex"), &event.pcr, err);

	if (rc == 0 && *method && !alg)
		rc = rf_fail(err, RF_E_UNSUPPORTED, "an algorithm that is not known");
	if (rc == 0)
		rc = digest_read(member(details, "dataHash"), alg, &event.digest, err);
	if (rc)
		return rc;
	event.name = row && row->field ? text_of(details, row->field) : "";
	event.kind = kind_of(row, event.name);
	event.package = text_of(details, "vibName");
	event.version = text_of(details, "vibVersion");
	event.vendor = text_of(details, "vibVendor");
	if (!bytes && event.kind == ESX_VERSION)
		bytes = member(details, "version");
	if (bytes && !bytes_decode(bytes, 0, &data))
		return rf_fail(err, RF_E_SYNTAX, "options or a version that are no bytes");
	return event_add(v, event, rf_buf_slice(&data), err);
}

static int report_read(const struct view *v, json_t *report, struct rf_err *err)
{
	json_t *item, *values = member(report, "tpmPcrValues"),
		      *events = member(report, "tpmEvents");
	size_t i;
	int rc = 0;

	v->log->format = ESX_REPORT;
	v->log->incomplete = !flag_of(report, "tpmLogReliable", true);
	json_array_foreach(values, i, item)
	{
		struct attest_digest digest;
		uint32_t pcr = 0;

		rc = pcr_read(member(item, "pcrNumber"), &pcr, err);
		if (rc == 0)
			rc = digest_read(member(item, "digestValue"),
					 alg_of(text_of(item, "digestMethod")), &digest, err);
		if (rc == 0)
			rc = value_add(v->log, pcr, &digest, err);
		if (rc)
			return rf_wrap(err, rc, "tpmPcrValues %zu", i);
	}
	json_array_foreach(events, i, item)
	{
		rc = report_event(v, item, err);
		if (rc)
			return rf_wrap(err, rc, "tpmEvents %zu", i);
	}
	return 0;
}

/* ---- manifests ---- */

/* "Vim25Api.HostTpmSoftwareComponentEventDetails_esx-base_VMware" among the tags. */
static void tags_read(const struct view *v, json_t *tags, struct esx_event *event)
{
	json_t *item;
	size_t i;

	json_array_foreach(tags, i, item)
	{
		const char *tag = json_string_value(item);
		const char *first = tag && rf_starts(tag, "Vim25Api.") ? strchr(tag, '_') : NULL;
		const char *last = first ? strrchr(tag, '_') : NULL;

		if (!first || last == first)
			continue;
		event->package =
			rf_arena_text(&v->log->arena, first + 1, (size_t)(last - first) - 1);
		event->vendor = last + 1;
	}
}

/* {value, label, info} of older manifests, {measurement, type_id, type_name, tags} of newer. */
static int manifest_event(const struct view *v, json_t *item, uint32_t pcr, uint16_t alg,
			  struct rf_err *err)
{
	json_t *info = member(item, "info"), *value = member(item, "value");
	bool newer = !value;
	const char *type = newer ? text_of(item, "type_id") : text_of(info, "EventName");
	const struct kind_row *row = row_of_type(type);
	struct esx_event event = {.pcr = pcr, .text = row ? "" : type};
	int rc = digest_read(newer ? member(item, "measurement") : value, alg, &event.digest, err);

	if (rc)
		return rc;
	event.name = text_of(item, newer ? "type_name" : "label");
	event.kind = kind_of(row, event.name);
	event.package = text_of(info, "PackageName");
	event.version = text_of(info, "PackageVersion");
	event.vendor = text_of(info, "PackageVendor");
	if (newer)
		tags_read(v, member(item, "tags"), &event);
	return event_add(v, event, (struct rf_slice){0}, err);
}

static int manifest_events(const struct view *v, json_t *entry, uint16_t alg, struct rf_err *err)
{
	json_t *where = member(entry, "pcr"), *item, *list = member(entry, "event_log");
	uint32_t pcr = 0;
	size_t i;
	int rc = pcr_read(where ? member(where, "index") : member(entry, "pcr_index"), &pcr, err);

	if (rc)
		return rc;
	json_array_foreach(list ? list : member(entry, "tpm_events"), i, item)
	{
		rc = manifest_event(v, item, pcr, alg, err);
		if (rc)
			return rf_wrap(err, rc, "PCR %u, event %zu", pcr, i);
	}
	return 0;
}

/* "sha1pcrs" and "sha2pcrs", which means SHA-256. */
static int manifest_values(const struct view *v, const char *key, json_t *list, struct rf_err *err)
{
	json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
	{
		const char *bank = text_of(item, "pcr_bank");
		uint16_t alg = *bank			      ? alg_of(bank)
			       : strcmp(key, "sha1pcrs") == 0 ? ATTEST_SHA1
							      : 0;
		struct attest_digest digest;
		uint32_t pcr = 0;
		int rc = pcr_read(member(item, "index"), &pcr, err);

		if (rc == 0)
			rc = digest_read(member(item, "value"), alg, &digest, err);
		if (rc == 0)
			rc = value_add(v->log, pcr, &digest, err);
		if (rc)
			return rf_wrap(err, rc, "%s %zu", key, i);
	}
	return 0;
}

static int manifest_read(const struct view *v, json_t *manifest, struct rf_err *err)
{
	json_t *list, *entry;
	const char *key;
	size_t i;
	int rc = 0;

	v->log->format = ESX_MANIFEST;
	json_object_foreach(manifest, key, list)
	{
		if (rc == 0 && rf_starts(key, "sha") && rf_ends(key, "pcrs"))
			rc = manifest_values(v, key, list, err);
	}
	json_object_foreach(member(manifest, "pcr_event_log_map"), key, list)
	{
		uint16_t alg = alg_of(key);

		if (rc == 0 && !alg && json_array_size(list))
			rc = rf_fail(err, RF_E_UNSUPPORTED, "a bank whose algorithm is not known");
		for (i = 0; rc == 0 && i < json_array_size(list); i++) {
			entry = json_array_get(list, i);
			rc = manifest_events(v, entry, alg, err);
		}
	}
	return rc;
}

/* ---- vCenter's event log ---- */

static int bank_value(const struct view *v, const char *key, json_t *value, uint16_t alg,
		      struct rf_err *err)
{
	struct attest_digest digest;
	int64_t pcr = 0;

	if (rf_num(key, 10, 0, ATTEST_PCRS - 1, &pcr))
		return rf_fail(err, RF_E_SYNTAX, "not a PCR of 0 to %d", ATTEST_PCRS - 1);
	int rc = digest_read(value, alg, &digest, err);

	return rc ? rf_wrap(err, rc, "PCR %d", (int)pcr)
		  : value_add(v->log, (uint32_t)pcr, &digest, err);
}

/* pcrs: {"0": digest}, or [{"key": 0, "value": digest}] as the older API writes maps. */
static int bank_read(const struct view *v, json_t *bank, struct rf_err *err)
{
	json_t *pcrs = member(bank, "pcrs"), *value;
	uint16_t alg = alg_of(text_of(bank, "algorithm"));
	const char *key;
	size_t i;
	int rc = alg ? 0 : rf_fail(err, RF_E_UNSUPPORTED, "an algorithm that is not known");

	if (json_is_object(pcrs)) {
		json_object_foreach(pcrs, key, value)
		{
			if (rc == 0)
				rc = bank_value(v, key, value, alg, err);
		}
		return rc;
	}
	json_array_foreach(pcrs, i, value)
	{
		struct attest_digest digest;
		uint32_t pcr = 0;

		if (rc == 0)
			rc = pcr_read(member(value, "key"), &pcr, err);
		if (rc == 0)
			rc = digest_read(member(value, "value"), alg, &digest, err);
		if (rc == 0)
			rc = value_add(v->log, pcr, &digest, err);
	}
	return rc;
}

static int eventlog_read(const struct view *v, json_t *root, struct rf_err *err)
{
	struct esx_log *log = v->log;
	json_t *bank;
	size_t i;
	int rc = 0;

	log->format = ESX_EVENTLOG;
	log->incomplete = flag_of(root, "truncated", false);
	if (!base64_decode(text_of(root, "data"), &log->firmware_bytes))
		return rf_fail(err, RF_E_SYNTAX, "data: not base64");
	json_array_foreach(member(root, "banks"), i, bank)
	{
		rc = bank_read(v, bank, err);
		if (rc)
			return rf_wrap(err, rc, "banks %zu", i);
	}
	rc = eventlog_open(rf_buf_slice(&log->firmware_bytes), &log->firmware, err);
	if (rc == 0)
		rc = eventlog_replay(v->hasher, &log->firmware, &log->firmware_replay, err);
	return rc ? rf_wrap(err, rc, "data") : 0;
}

/* ---- finding it ---- */

/* The three forms by members that each must have; they may stand inside an answer's envelope.
 * NOT_HERE when there is none. */
static int find_and_read(const struct view *v, json_t *at, int depth, struct rf_err *err)
{
	json_t *item;
	const char *key;

	if (json_is_array(at))
		at = json_array_get(at, 0);
	if (member(at, "tpmEvents") || member(at, "tpmPcrValues"))
		return report_read(v, at, err);
	if (member(at, "pcr_event_log_map"))
		return manifest_read(v, at, err);
	if (member(at, "banks") && member(at, "data"))
		return eventlog_read(v, at, err);
	int rc = NOT_HERE;

	if (depth == SEARCH_DEPTH)
		return rc;
	json_object_foreach(at, key, item)
	{
		if (rc == NOT_HERE && (json_is_object(item) || json_is_array(item)))
			rc = find_and_read(v, item, depth + 1, err);
	}
	return rc;
}

int esx_open(struct attest_hasher *hasher, struct rf_slice in, struct esx_log **out,
	     struct rf_err *err)
{
	json_error_t why;

	if (in.len > ESX_MAX_BYTES)
		return rf_fail(err, RF_E_LIMIT, "%zu bytes, %u are allowed", in.len, ESX_MAX_BYTES);
	json_t *root = json_loadb(in.len ? (const char *)in.data : "", in.len,
				  JSON_REJECT_DUPLICATES, &why);

	if (!root)
		return rf_fail(err, RF_E_SYNTAX, "line %d: %s", why.line, why.text);
	struct view v = {.hasher = hasher, .log = rf_alloc(1, sizeof(*v.log))};
	int rc = v.log ? find_and_read(&v, root, 0, err)
		       : rf_fail(err, -ENOMEM, "no memory for the log");

	json_decref(root);
	if (rc == 0) {
		*out = v.log;
		return 0;
	}
	esx_free(v.log);
	if (rc == NOT_HERE)
		return rf_fail(err, RF_E_SYNTAX,
			       "neither a vSphere attestation report (tpmEvents), a host manifest "
			       "(pcr_manifest) nor an event log (data, banks)");
	return rc;
}

void esx_free(struct esx_log *log)
{
	if (!log)
		return;
	rf_free(log->events);
	rf_buf_done(&log->firmware_bytes);
	rf_arena_done(&log->arena);
	rf_free(log);
}
