/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fields inside an IMA entry's template data: each is a length and bytes. Which fields there
 * are is told by the template's name, or is the name itself ("d-ng|n-ng|iuid", ima_template_fmt=).
 * Says nothing of whether the digest over them is right: that is ima_extend.
 * Source: kernel security/integrity/ima/ima_template.c, ima_template_lib.c, crypto/hash_info.c.
 */
#include <string.h>

#include "attest/ima_template.h"
#include "base/mem.h"
#include "base/reader.h"

enum field {
	FIELD_D,
	FIELD_N,
	FIELD_D_NG,
	FIELD_D_NGV2,
	FIELD_N_NG,
	FIELD_SIG,
	FIELD_BUF,
	FIELD_D_MODSIG,
	FIELD_MODSIG,
	/* What EVM signs: hashed, and looked at only with the signature (ima_template_field). */
	FIELD_XATTRNAMES,
	FIELD_XATTRLENGTHS,
	FIELD_XATTRVALUES,
	FIELD_IUID,
	FIELD_IGID,
	FIELD_IMODE,
	FIELD_UNKNOWN
};

static const struct {
	const char *name;
	enum field field;
} field_rows[] = {
	{"d", FIELD_D},
	{"n", FIELD_N},
	{"d-ng", FIELD_D_NG},
	{"d-ngv2", FIELD_D_NGV2},
	{"n-ng", FIELD_N_NG},
	{"sig", FIELD_SIG},
	{"buf", FIELD_BUF},
	{"d-modsig", FIELD_D_MODSIG},
	{"modsig", FIELD_MODSIG},
	{"evmsig", FIELD_SIG},
	{"iuid", FIELD_IUID},
	{"igid", FIELD_IGID},
	{"imode", FIELD_IMODE},
	{"xattrnames", FIELD_XATTRNAMES},
	{"xattrlengths", FIELD_XATTRLENGTHS},
	{"xattrvalues", FIELD_XATTRVALUES},
};

#define MAX_FIELDS 16

static const struct template_row {
	const char *name;
	enum ima_template template;
	uint8_t fields[9]; /* enum field, count of them in fields_count */
	uint8_t fields_count;
} template_rows[] = {
	{"ima-ng", IMA_NG, {FIELD_D_NG, FIELD_N_NG}, 2},
	{"ima-sig", IMA_SIG, {FIELD_D_NG, FIELD_N_NG, FIELD_SIG}, 3},
	{"ima-buf", IMA_BUF, {FIELD_D_NG, FIELD_N_NG, FIELD_BUF}, 3},
	{"ima-modsig",
	 IMA_MODSIG,
	 {FIELD_D_NG, FIELD_N_NG, FIELD_SIG, FIELD_D_MODSIG, FIELD_MODSIG},
	 5},
	{"ima-ngv2", IMA_NGV2, {FIELD_D_NGV2, FIELD_N_NG}, 2},
	{"ima-sigv2", IMA_SIGV2, {FIELD_D_NGV2, FIELD_N_NG, FIELD_SIG}, 3},
	{"evm-sig",
	 IMA_EVM_SIG,
	 {FIELD_D_NG, FIELD_N_NG, FIELD_SIG, FIELD_XATTRNAMES, FIELD_XATTRLENGTHS,
	  FIELD_XATTRVALUES, FIELD_IUID, FIELD_IGID, FIELD_IMODE},
	 9},
	{"ima", IMA_OLD, {FIELD_D, FIELD_N}, 2},
};

/* The kernel's names. alg 0: the TPM has no number for it, so it is carried by name only. */
static const struct hash_row {
	const char *name;
	uint16_t alg;
	uint8_t size_bytes;
} hash_rows[] = {
	{"sha256", ATTEST_SHA256, 32},
	{"sha1", ATTEST_SHA1, 20},
	{"sha384", ATTEST_SHA384, 48},
	{"sha512", ATTEST_SHA512, 64},
	{"sm3", ATTEST_SM3, 32},
	{"sm3-256", ATTEST_SM3, 32},
	{"sha3-256", 0x0027, 32},
	{"sha3-384", 0x0028, 48},
	{"sha3-512", 0x0029, 64},
	{"md5", 0, 16},
	{"md4", 0, 16},
	{"sha224", 0, 28},
	{"rmd160", 0, 20},
	{"streebog256", 0, 32},
	{"streebog512", 0, 64},
	{"wp256", 0, 32},
	{"wp384", 0, 48},
	{"wp512", 0, 64},
};

static bool is_text(struct rf_slice s, const char *text)
{
	size_t len = strlen(text);

	return s.len == len && memcmp(s.data, text, len) == 0;
}

static const struct template_row *row_of(struct rf_slice name)
{
	for (size_t i = 0; i < RF_COUNT(template_rows); i++) {
		if (is_text(name, template_rows[i].name))
			return &template_rows[i];
	}
	return NULL;
}

enum ima_template ima_template_of_name(struct rf_slice name)
{
	const struct template_row *row = row_of(name);

	return row ? row->template : IMA_OTHER;
}

static enum field field_of_name(struct rf_slice name)
{
	for (size_t i = 0; i < RF_COUNT(field_rows); i++) {
		if (is_text(name, field_rows[i].name))
			return field_rows[i].field;
	}
	return FIELD_UNKNOWN;
}

/* The fields that a name like "d-ng|n-ng" lists; 0 when one of them is not known. */
static size_t fields_of_format(struct rf_slice format, uint8_t fields[MAX_FIELDS])
{
	size_t count = 0;

	for (size_t at = 0; at <= format.len;) {
		const uint8_t *bar = memchr(format.data + at, '|', format.len - at);
		size_t end = bar ? (size_t)(bar - format.data) : format.len;
		enum field field = field_of_name((struct rf_slice){format.data + at, end - at});

		if (field == FIELD_UNKNOWN || count == MAX_FIELDS)
			return 0;
		fields[count++] = (uint8_t)field;
		at = end + 1;
	}
	return count;
}

static void set_digest(struct ima_entry *entry, uint16_t alg, struct rf_slice digest)
{
	entry->file_digest = digest;
	if (alg == 0 || digest.len > ATTEST_MAX_DIGEST)
		return;
	entry->file.alg = alg;
	entry->file.len = (uint8_t)digest.len;
	memcpy(entry->file.bytes, digest.data, digest.len);
}

/* A violation has zeros for a digest, in some kernels fewer than its algorithm has. */
static int read_plain_digest(struct ima_entry *entry, struct rf_slice field, struct rf_err *err)
{
	if (field.len != 20 && field.len != 16)
		return rf_fail(err, RF_E_SYNTAX, "a digest of %zu bytes", field.len);
	if (!entry->violation)
		set_digest(entry, field.len == 20 ? ATTEST_SHA1 : 0, field);
	return 0;
}

/* "sha256:" NUL digest; in d-ngv2 "ima:" or "verity:" stands before it. */
static int read_digest(struct ima_entry *entry, struct rf_slice field, bool v2, struct rf_err *err)
{
	if (v2 && field.len >= 4 && memcmp(field.data, "ima:", 4) == 0)
		field = (struct rf_slice){field.data + 4, field.len - 4};
	else if (v2 && field.len >= 7 && memcmp(field.data, "verity:", 7) == 0) {
		field = (struct rf_slice){field.data + 7, field.len - 7};
		entry->verity = true;
	} else if (v2)
		return rf_fail(err, RF_E_SYNTAX, "a digest that is neither ima: nor verity:");
	const uint8_t *colon = field.len ? memchr(field.data, ':', field.len) : NULL;
	size_t len = colon ? (size_t)(colon - field.data) : 0;

	if (!colon || len == 0)
		return rf_fail(err, RF_E_SYNTAX, "a digest without the name of its algorithm");
	if (field.len < len + 2 || colon[1] != '\0')
		return rf_fail(err, RF_E_SYNTAX, "no NUL behind the name of the algorithm");
	struct rf_slice digest = {colon + 2, field.len - len - 2};

	entry->file_alg = (struct rf_slice){field.data, len};
	if (entry->violation)
		return 0;
	for (size_t i = 0; i < RF_COUNT(hash_rows); i++) {
		if (!is_text(entry->file_alg, hash_rows[i].name))
			continue;
		if (digest.len != hash_rows[i].size_bytes)
			return rf_fail(err, RF_E_SYNTAX, "a %s digest of %zu bytes",
				       hash_rows[i].name, digest.len);
		set_digest(entry, hash_rows[i].alg, digest);
		return 0;
	}
	entry->file_digest = digest;
	return 0;
}

static int read_name(struct ima_entry *entry, struct rf_slice field, struct rf_err *err)
{
	const uint8_t *nul = field.len ? memchr(field.data, '\0', field.len) : NULL;

	if (nul && (size_t)(nul - field.data) + 1 != field.len)
		return rf_fail(err, RF_E_SYNTAX, "a name with a NUL inside");
	entry->name = (struct rf_slice){field.data, field.len - (nul ? 1 : 0)};
	return 0;
}

static int read_field(struct ima_entry *entry, enum field kind, struct rf_slice field,
		      struct rf_err *err)
{
	switch (kind) {
	case FIELD_D:
		return read_plain_digest(entry, field, err);
	case FIELD_D_NG:
	case FIELD_D_NGV2:
		return read_digest(entry, field, kind == FIELD_D_NGV2, err);
	case FIELD_N:
	case FIELD_N_NG:
		return read_name(entry, field, err);
	case FIELD_SIG:
		entry->signature = field;
		return 0;
	case FIELD_BUF:
		entry->buffer = field;
		return 0;
	case FIELD_MODSIG:
		entry->modsig = field;
		return 0;
	default:
		return 0;
	}
}

static size_t fields_of(const struct ima_entry *entry, uint8_t listed[MAX_FIELDS],
			const uint8_t **out)
{
	const struct template_row *row = row_of(entry->template_name);

	*out = row ? row->fields : listed;
	return row ? row->fields_count : fields_of_format(entry->template_name, listed);
}

int ima_template_read(struct ima_entry *entry, bool big_endian, struct rf_err *err)
{
	struct rf_reader r = rf_reader(entry->template_data);
	uint8_t listed[MAX_FIELDS];
	const uint8_t *fields = NULL;
	size_t count = fields_of(entry, listed, &fields);

	if (count == 0)
		return 0;
	for (size_t i = 0; i < count; i++) {
		uint32_t len = big_endian ? rf_read_be32(&r) : rf_read_le32(&r);
		struct rf_slice field = rf_read_bytes(&r, len);
		int rc = rf_reader_check(&r, "field", err);

		if (rc == 0)
			rc = read_field(entry, (enum field)fields[i], field, err);
		if (rc)
			return rf_wrap(err, rc, "field %zu of %zu", i + 1, count);
	}
	if (rf_reader_left(&r) != 0)
		return rf_fail(err, RF_E_SYNTAX, "%zu bytes behind the last field",
			       rf_reader_left(&r));
	return 0;
}

bool ima_template_field(const struct ima_entry *entry, bool big_endian, const char *name,
			struct rf_slice *out)
{
	struct rf_reader r = rf_reader(entry->template_data);
	enum field want = field_of_name(rf_slice_text(name));
	uint8_t listed[MAX_FIELDS];
	const uint8_t *fields = NULL;
	size_t count = entry->template == IMA_OLD ? 0 : fields_of(entry, listed, &fields);

	for (size_t i = 0; i < count; i++) {
		uint32_t len = big_endian ? rf_read_be32(&r) : rf_read_le32(&r);
		struct rf_slice field = rf_read_bytes(&r, len);

		if (r.failed)
			return false;
		if (fields[i] == want) {
			*out = field;
			return true;
		}
	}
	return false;
}

int ima_template_digest(struct rf_slice field, struct attest_digest *out, struct rf_err *err)
{
	struct ima_entry entry = {0};
	int rc = read_digest(&entry, field, false, err);

	if (rc == 0)
		*out = entry.file;
	return rc;
}
