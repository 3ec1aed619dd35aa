/* SPDX-License-Identifier: Apache-2.0 */
/*
 * systemd's userspace measurements: parsing, replay and words, see userspace.h. Each record is one
 * small JSON object; Jansson allocates, so this is not for hot loops (a boot has some ten records).
 */
#include <string.h>

#include <jansson.h>

#include "attest/userspace.h"
#include "base/mem.h"
#include "base/str.h"

#define RECORD_SEPARATOR 0x1e

int userspace_open(struct rf_slice in, struct userspace_log *out, struct rf_err *err)
{
	if (in.len > USERSPACE_MAX_BYTES)
		return rf_fail(err, RF_E_LIMIT, "userspace log: %zu bytes, %u are allowed", in.len,
			       USERSPACE_MAX_BYTES);
	*out = (struct userspace_log){.bytes = in};
	return 0;
}

/* A string member; "" when absent. False when it is no string or too long. */
static bool get_text(json_t *object, const char *key, char *out, size_t size)
{
	json_t *member = json_object_get(object, key);

	out[0] = '\0';
	return !member || (json_is_string(member) && rf_copy(out, size, json_string_value(member)));
}

/* A whole number up to max; *out keeps its value when absent. */
static bool get_number(json_t *object, const char *key, uint64_t max, uint64_t *out)
{
	json_t *member = json_object_get(object, key);

	if (!member)
		return true;
	if (!json_is_integer(member) || json_integer_value(member) < 0 ||
	    (uint64_t)json_integer_value(member) > max)
		return false;
	*out = (uint64_t)json_integer_value(member);
	return true;
}

static int read_digest(json_t *item, struct userspace_record *record, struct rf_err *err)
{
	const char *name = json_string_value(json_object_get(item, "hashAlg"));
	const char *hex = json_string_value(json_object_get(item, "digest"));
	struct attest_digest digest = {.alg = attest_alg_of_name(name)};
	size_t len;

	if (!name || !hex)
		return rf_fail(err, RF_E_SYNTAX, "a digest without hashAlg or digest");
	/* A bank we cannot compute is carried by none of our replays. */
	if (!digest.alg)
		return 0;
	if (rf_hex_decode(hex, digest.bytes, sizeof(digest.bytes), &len) < 0 ||
	    len != attest_digest_size(digest.alg))
		return rf_fail(err, RF_E_SYNTAX, "not a %s digest", name);
	for (size_t i = 0; i < record->digests_count; i++) {
		if (record->digests[i].alg == digest.alg)
			return rf_fail(err, RF_E_DUPLICATE, "two %s digests", name);
	}
	if (record->digests_count == ATTEST_MAX_BANKS)
		return rf_fail(err, RF_E_LIMIT, "more than %d digests", ATTEST_MAX_BANKS);
	digest.len = (uint8_t)len;
	record->digests[record->digests_count++] = digest;
	return 0;
}

static int read_content(json_t *content, struct userspace_record *record, struct rf_err *err)
{
	if (!content)
		return 0;
	if (!json_is_object(content))
		return rf_fail(err, RF_E_SYNTAX, "content is no object");
	if (!get_text(content, "eventType", record->type, sizeof(record->type)) ||
	    !get_text(content, "string", record->string, sizeof(record->string)) ||
	    !get_text(content, "nvIndexName", record->nv_index, sizeof(record->nv_index)) ||
	    !get_text(content, "bootId", record->boot_id, sizeof(record->boot_id)) ||
	    !get_number(content, "timestamp", INT64_MAX, &record->timestamp_us))
		return rf_fail(err, RF_E_SYNTAX,
			       "content: eventType, string, nvIndexName, bootId or timestamp is "
			       "not what it should be");
	return 0;
}

static int read_record(json_t *root, struct userspace_record *record, struct rf_err *err)
{
	json_t *digests = json_object_get(root, "digests"), *item;
	uint64_t pcr = USERSPACE_NO_PCR;
	size_t i;
	int rc = 0;

	if (!json_is_object(root))
		return rf_fail(err, RF_E_SYNTAX, "not an object");
	if (!get_number(root, "pcr", ATTEST_PCRS - 1, &pcr))
		return rf_fail(err, RF_E_SYNTAX, "pcr is not 0 to %d", ATTEST_PCRS - 1);
	record->pcr = (uint32_t)pcr;
	if (pcr == USERSPACE_NO_PCR && !json_object_get(root, "nv_index") &&
	    !json_object_get(root, "rtmr"))
		return rf_fail(err, RF_E_MISSING, "neither pcr nor nv_index");
	if (!json_is_array(digests))
		return rf_fail(err, RF_E_MISSING, "no digests");
	json_array_foreach(digests, i, item)
	{
		rc = read_digest(item, record, err);
		if (rc)
			return rc;
	}
	return read_content(json_object_get(root, "content"), record, err);
}

/* The text between two separators, which ends with a line feed (RFC 7464 section 2.4: without it
 * the record may have been cut). */
static int next_text(struct userspace_log *log, struct rf_slice *out, struct rf_err *err)
{
	const uint8_t *data = log->bytes.data;

	while (log->at < log->bytes.len && data[log->at] == RECORD_SEPARATOR)
		log->at++;
	if (log->at >= log->bytes.len)
		return 0;
	if (log->at == 0)
		return rf_fail(err, RF_E_SYNTAX,
			       "not a JSON text sequence: it does not begin with byte 0x1e");
	const uint8_t *end = memchr(data + log->at, RECORD_SEPARATOR, log->bytes.len - log->at);

	*out = (struct rf_slice){data + log->at,
				 (end ? (size_t)(end - data) : log->bytes.len) - log->at};
	if (out->len > USERSPACE_MAX_RECORD_BYTES)
		return rf_fail(err, RF_E_LIMIT, "%zu bytes, %u are allowed", out->len,
			       USERSPACE_MAX_RECORD_BYTES);
	if (out->data[out->len - 1] != '\n')
		return rf_fail(err, RF_E_TRUNCATED, "it does not end with a line feed");
	return 1;
}

int userspace_next(struct userspace_log *log, struct userspace_record *out, struct rf_err *err)
{
	struct userspace_log at = *log;
	struct rf_slice text = {0};
	json_error_t why;
	int rc = next_text(&at, &text, err);

	if (rc == 0)
		return 0;
	struct userspace_record record = {.index = log->count, .offset = at.at};

	if (rc == 1 && log->count >= USERSPACE_MAX_RECORDS)
		rc = rf_fail(err, RF_E_LIMIT, "more than %u records", USERSPACE_MAX_RECORDS);
	if (rc == 1) {
		json_t *root =
			json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, &why);

		rc = root ? read_record(root, &record, err)
			  : rf_fail(err, RF_E_SYNTAX, "%s", why.text);
		json_decref(root);
	}
	if (rc)
		return rf_wrap(err, rc, "userspace log: record %u at byte %zu", log->count, at.at);
	*out = record;
	log->at = at.at + text.len;
	log->count++;
	return 1;
}

/* Do all banks of that PCR which both know have the same value, and is there one? */
static bool pcr_equal(const struct attest_pcr_values *a, const struct attest_pcr_values *b,
		      uint32_t pcr)
{
	bool any = false;

	for (size_t i = 0; i < a->banks_count; i++) {
		for (size_t k = 0; k < b->banks_count; k++) {
			if (a->algs[i] != b->algs[k] || !(a->present[i] & 1u << pcr) ||
			    !(b->present[k] & 1u << pcr))
				continue;
			if (memcmp(a->values[i][pcr].bytes, b->values[k][pcr].bytes,
				   attest_digest_size(a->algs[i])) != 0)
				return false;
			any = true;
		}
	}
	return any;
}

/* A bank that the record does not name was not extended. */
static int extend_pcr(struct attest_hasher *hasher, const struct userspace_record *record,
		      struct attest_pcr_values *values)
{
	int rc = 0;

	for (size_t i = 0; i < values->banks_count; i++) {
		if (!(values->present[i] & 1u << record->pcr))
			continue;
		for (size_t k = 0; k < record->digests_count && rc == 0; k++) {
			const struct attest_digest *digest = &record->digests[k];

			if (digest->alg == values->algs[i])
				rc = attest_extend(hasher, digest->alg,
						   values->values[i][record->pcr].bytes,
						   (struct rf_slice){digest->bytes, digest->len});
		}
	}
	return rc;
}

int userspace_replay(struct attest_hasher *hasher, struct rf_slice log,
		     const struct attest_pcr_values *proved, struct attest_pcr_values *values,
		     struct userspace_replay *out, struct rf_err *err)
{
	struct userspace_replay replay = {0};
	struct userspace_log at;
	struct userspace_record record;
	int rc = userspace_open(log, &at, err);

	if (rc)
		return rc;
	for (uint32_t pcr = 0; proved && pcr < ATTEST_PCRS; pcr++)
		replay.matched |= pcr_equal(values, proved, pcr) ? 1u << pcr : 0;
	while ((rc = userspace_next(&at, &record, err)) > 0) {
		replay.records++;
		if (record.pcr == USERSPACE_NO_PCR)
			continue;
		replay.touched |= 1u << record.pcr;
		if (replay.matched & 1u << record.pcr) {
			replay.beyond[record.pcr]++;
			continue;
		}
		rc = extend_pcr(hasher, &record, values);
		if (rc)
			return rf_fail(err, rc, "userspace log: record %u: PCR %u", record.index,
				       record.pcr);
		replay.covered[record.pcr]++;
		if (proved && pcr_equal(values, proved, record.pcr))
			replay.matched |= 1u << record.pcr;
	}
	if (rc < 0)
		return rc;
	*out = replay;
	return 0;
}

/* One row for each event type of systemd. */
static const struct {
	const char *type;
	uint32_t pcrs; /* bit n: it may go into PCR n; 0: into an NV index too */
	bool plain;    /* the digest is H(string) */
	const char *words;
} types[] = {
	{"phase", 1u << 11, true, "boot phase"},
	{"filesystem", 1u << 15, true, "file system"},
	{"machine-id", 1u << 15, true, "machine identity"},
	{"product-id", 1u << 15, true, "product identity"},
	{"volume-key", 1u << 15, false, "key of an encrypted volume"},
	{"keyslot", 0, false, "key slot of an encrypted volume"},
	{"nvpcr-init", 1u << 9, false, "start of a PCR in an NV index"},
	{"nvpcr-separator", 1u << 9, true, "end of the starts of PCRs in NV indexes"},
	{"dm-verity", 0, false, "verified volume"},
};

/* Did each bank get H(string)? */
static bool digests_are(struct attest_hasher *hasher, const struct userspace_record *record)
{
	uint8_t got[ATTEST_MAX_DIGEST];

	for (size_t i = 0; i < record->digests_count; i++) {
		const struct attest_digest *digest = &record->digests[i];

		if (attest_hash(hasher, digest->alg, rf_slice_text(record->string),
				(struct rf_slice){0}, got) < 0 ||
		    memcmp(got, digest->bytes, digest->len) != 0)
			return false;
	}
	return record->digests_count > 0;
}

/* "boot phase enter-initrd", visible characters only. */
static void put_words(const char *words, const struct userspace_record *record, char *text,
		      size_t size)
{
	RF_AUTOBUF struct rf_buf buf = {0};

	rf_buf_add_text(&buf, words);
	if (record->string[0]) {
		rf_buf_add_byte(&buf, ' ');
		rf_buf_add_visible(&buf, record->string, strlen(record->string));
	}
	if (record->nv_index[0]) {
		rf_buf_add_text(&buf, " in NV index ");
		rf_buf_add_visible(&buf, record->nv_index, strlen(record->nv_index));
	}
	rf_copy(text, size, rf_buf_text(&buf));
}

enum eventlog_proof userspace_explain(struct attest_hasher *hasher,
				      const struct userspace_record *record, char *text,
				      size_t size_bytes)
{
	size_t i = 0;

	while (i < RF_COUNT(types) && strcmp(types[i].type, record->type) != 0)
		i++;
	bool proved = digests_are(hasher, record);

	if (i == RF_COUNT(types)) {
		put_words(record->type[0] ? record->type : "measurement", record, text, size_bytes);
		return EVENTLOG_UNKNOWN_TYPE;
	}
	put_words(types[i].words, record, text, size_bytes);
	if (record->pcr != USERSPACE_NO_PCR && types[i].pcrs &&
	    !(types[i].pcrs & 1u << record->pcr))
		return EVENTLOG_NOT_ALLOWED;
	if (proved)
		return EVENTLOG_PROVED;
	/* systemd escapes and shortens the words that it logs, not those that it measures. */
	bool changed = strchr(record->string, '\\') || strstr(record->string, "\xe2\x80\xa6") ||
		       !record->string[0];

	return types[i].plain && !changed ? EVENTLOG_DISPROVED : EVENTLOG_HINT;
}
