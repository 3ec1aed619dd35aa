/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Variables of UEFI out of boot logs; see efivar.h. Not for efivarfs (collect/efi.h reads that) and
 * not for verifying certificates: a subject read here is a name for a person.
 */
#include <string.h>

#include "attest/efivar.h"
#include "base/mem.h"

#define GUID_BYTES 16u

/* GUIDs as they stand in memory (the first three fields are little endian). */
static const struct {
	enum efivar_vendor vendor;
	uint8_t guid[GUID_BYTES];
} vendors[] = {
	/* 8be4df61-93ca-11d2-aa0d-00e098032b8c */
	{EFIVAR_GLOBAL,
	 {0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11, 0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b,
	  0x8c}},
	/* d719b2cb-3d3a-4596-a3bc-dad00e67656f */
	{EFIVAR_SECURITY,
	 {0xcb, 0xb2, 0x19, 0xd7, 0x3a, 0x3d, 0x96, 0x45, 0xa3, 0xbc, 0xda, 0xd0, 0x0e, 0x67, 0x65,
	  0x6f}},
	/* 605dab50-e046-4300-abb6-3dd810dd8b23 */
	{EFIVAR_SHIM,
	 {0x50, 0xab, 0x5d, 0x60, 0x46, 0xe0, 0x00, 0x43, 0xab, 0xb6, 0x3d, 0xd8, 0x10, 0xdd, 0x8b,
	  0x23}},
	/* 4a67b082-0a4c-41cf-b6c7-440b29bb8c4f */
	{EFIVAR_LOADER,
	 {0x82, 0xb0, 0x67, 0x4a, 0x4c, 0x0a, 0xcf, 0x41, 0xb6, 0xc7, 0x44, 0x0b, 0x29, 0xbb, 0x8c,
	  0x4f}},
};

/* Signature types; data_bytes 0: any length. */
static const struct {
	enum efivar_signature_kind kind;
	size_t data_bytes;
	uint8_t guid[GUID_BYTES];
} kinds[] = {
	/* a5c059a1-94e4-4aa7-87b5-ab155c2bf072 */
	{EFIVAR_SIGNATURE_X509,
	 0,
	 {0xa1, 0x59, 0xc0, 0xa5, 0xe4, 0x94, 0xa7, 0x4a, 0x87, 0xb5, 0xab, 0x15, 0x5c, 0x2b, 0xf0,
	  0x72}},
	/* c1c41626-504c-4092-aca9-41f936934328 */
	{EFIVAR_SIGNATURE_SHA256,
	 32,
	 {0x26, 0x16, 0xc4, 0xc1, 0x4c, 0x50, 0x92, 0x40, 0xac, 0xa9, 0x41, 0xf9, 0x36, 0x93, 0x43,
	  0x28}},
	/* 826ca512-cf10-4ac9-b187-be01496631bd */
	{EFIVAR_SIGNATURE_SHA1,
	 20,
	 {0x12, 0xa5, 0x6c, 0x82, 0x10, 0xcf, 0xc9, 0x4a, 0xb1, 0x87, 0xbe, 0x01, 0x49, 0x66, 0x31,
	  0xbd}},
	/* ff3e5307-9fd0-48c9-85f1-8ad56c701e01 */
	{EFIVAR_SIGNATURE_SHA384,
	 48,
	 {0x07, 0x53, 0x3e, 0xff, 0xd0, 0x9f, 0xc9, 0x48, 0x85, 0xf1, 0x8a, 0xd5, 0x6c, 0x70, 0x1e,
	  0x01}},
	/* 093e0fae-a6c4-4f50-9f1b-d41e2b89c19a */
	{EFIVAR_SIGNATURE_SHA512,
	 64,
	 {0xae, 0x0f, 0x3e, 0x09, 0xc4, 0xa6, 0x50, 0x4f, 0x9f, 0x1b, 0xd4, 0x1e, 0x2b, 0x89, 0xc1,
	  0x9a}},
	/* 3c5766e8-269c-4e34-aa14-ed776e85b3b6 */
	{EFIVAR_SIGNATURE_RSA2048,
	 256,
	 {0xe8, 0x66, 0x57, 0x3c, 0x9c, 0x26, 0x34, 0x4e, 0xaa, 0x14, 0xed, 0x77, 0x6e, 0x85, 0xb3,
	  0xb6}},
	/* 3bd2a492-96c0-4079-b420-fcf98ef103ed: a SHA-256 and a time of 16 bytes */
	{EFIVAR_SIGNATURE_X509_HASH,
	 48,
	 {0x92, 0xa4, 0xd2, 0x3b, 0xc0, 0x96, 0x79, 0x40, 0xb4, 0x20, 0xfc, 0xf9, 0x8e, 0xf1, 0x03,
	  0xed}},
};

int efivar_parse(struct rf_slice in, struct efivar *out, struct rf_err *err)
{
	struct rf_reader r = rf_reader(in);
	struct efivar var = {.guid = rf_read_bytes(&r, GUID_BYTES)};
	uint64_t name_length = rf_read_le64(&r), value_length = rf_read_le64(&r);

	if (!r.failed && (name_length > in.len / 2 || value_length > in.len))
		return rf_fail(err, RF_E_TRUNCATED,
			       "variable: a name of %llu characters and %llu bytes in %zu bytes",
			       (unsigned long long)name_length, (unsigned long long)value_length,
			       in.len);
	var.name = rf_read_bytes(&r, (size_t)name_length * 2);
	var.value = rf_read_bytes(&r, (size_t)value_length);
	int rc = rf_reader_check(&r, "variable", err);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < RF_COUNT(vendors); i++) {
		if (memcmp(vendors[i].guid, var.guid.data, GUID_BYTES) == 0)
			var.vendor = vendors[i].vendor;
	}
	var.trailing_bytes = rf_reader_left(&r);
	*out = var;
	return 0;
}

bool efivar_name_is(const struct efivar *var, const char *name)
{
	if (var->name.len != 2 * strlen(name))
		return false;
	for (size_t i = 0; name[i]; i++) {
		if (var->name.data[2 * i] != (uint8_t)name[i] || var->name.data[2 * i + 1] != 0)
			return false;
	}
	return true;
}

struct efivar_signatures efivar_signatures(struct rf_slice value)
{
	return (struct efivar_signatures){.lists = rf_reader(value)};
}

/* Reads the head of the next EFI_SIGNATURE_LIST. */
static int next_list(struct efivar_signatures *at, struct rf_err *err)
{
	struct rf_slice guid = rf_read_bytes(&at->lists, GUID_BYTES);
	uint32_t list_bytes = rf_read_le32(&at->lists), head_bytes = rf_read_le32(&at->lists);
	uint32_t entry_bytes = rf_read_le32(&at->lists);
	size_t data_bytes = 0;

	at->list++;
	at->kind = EFIVAR_SIGNATURE_OTHER;
	if (!at->lists.failed && list_bytes < 28)
		return rf_fail(err, RF_E_SYNTAX, "signature list %u: %u bytes long", at->list,
			       list_bytes);
	struct rf_slice body = rf_read_bytes(&at->lists, list_bytes - 28);
	int rc = rf_reader_check(&at->lists, "signature list", err);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < RF_COUNT(kinds); i++) {
		if (memcmp(kinds[i].guid, guid.data, GUID_BYTES) != 0)
			continue;
		at->kind = kinds[i].kind;
		data_bytes = kinds[i].data_bytes;
	}
	if (head_bytes > body.len || entry_bytes < GUID_BYTES ||
	    (data_bytes != 0 && entry_bytes != GUID_BYTES + data_bytes) ||
	    (body.len - head_bytes) % entry_bytes != 0)
		return rf_fail(err, RF_E_SYNTAX,
			       "signature list %u: a head of %u bytes and entries of %u in %zu",
			       at->list, head_bytes, entry_bytes, body.len);
	at->entries = rf_reader(body);
	rf_read_bytes(&at->entries, head_bytes);
	at->entry_bytes = entry_bytes;
	return 0;
}

int efivar_signatures_next(struct efivar_signatures *at, struct efivar_signature *out,
			   struct rf_err *err)
{
	while (rf_reader_left(&at->entries) == 0) {
		if (at->lists.failed || rf_reader_left(&at->lists) == 0)
			return 0;
		int rc = next_list(at, err);

		if (rc < 0) {
			at->lists.failed = true; /* nothing behind a broken list has a place */
			return rc;
		}
	}
	out->kind = at->kind;
	out->owner = rf_read_bytes(&at->entries, GUID_BYTES);
	out->data = rf_read_bytes(&at->entries, at->entry_bytes - GUID_BYTES);
	return 1;
}

/* ---- the subject of a certificate ---- */

#define DER_SEQUENCE 0x30
#define DER_SET	     0x31
#define DER_OID	     0x06
#define DER_VERSION  0xa0

/* Reads one element; tag 0 when there is none. Lengths of four bytes and the indefinite form do not
 * occur in certificates. */
static uint8_t der_read(struct rf_reader *r, struct rf_slice *body)
{
	uint8_t tag = rf_read_u8(r);
	size_t len = rf_read_u8(r);

	if (len >= 0x80) {
		size_t bytes = len - 0x80;

		if (bytes == 0 || bytes > 3)
			return 0;
		len = 0;
		for (size_t i = 0; i < bytes; i++)
			len = len << 8 | rf_read_u8(r);
	}
	*body = rf_read_bytes(r, len);
	return r->failed ? 0 : tag;
}

/* Enters the element that must come next. */
static bool der_enter(struct rf_reader *r, uint8_t tag, struct rf_reader *out)
{
	struct rf_slice body;

	if (der_read(r, &body) != tag)
		return false;
	*out = rf_reader(body);
	return true;
}

static void add_der_text(struct words *w, uint8_t tag, struct rf_slice text)
{
	if (tag == 0x1e) /* BMPString */
		words_add_utf16_be(w, text);
	else
		words_add_utf8(w, text);
}

/* Finds the last attribute id-at-NUMBER (2.5.4.NUMBER) of a Name. */
static uint8_t find_attribute(struct rf_slice name, uint8_t number, struct rf_slice *out)
{
	const uint8_t oid[] = {0x55, 0x04, number};
	struct rf_reader sets = rf_reader(name), pairs, pair;
	struct rf_slice id, text;
	uint8_t found = 0;

	while (rf_reader_left(&sets) > 0 && der_enter(&sets, DER_SET, &pairs)) {
		while (rf_reader_left(&pairs) > 0 && der_enter(&pairs, DER_SEQUENCE, &pair)) {
			if (der_read(&pair, &id) != DER_OID || id.len != sizeof(oid) ||
			    memcmp(id.data, oid, sizeof(oid)) != 0)
				continue;
			uint8_t tag = der_read(&pair, &text);

			if (tag == 0)
				continue;
			found = tag;
			*out = text;
		}
	}
	return found;
}

static bool find_subject(struct rf_slice certificate, struct rf_slice *out)
{
	struct rf_reader r = rf_reader(certificate), outer, tbs;
	struct rf_slice body;

	if (!der_enter(&r, DER_SEQUENCE, &outer) || !der_enter(&outer, DER_SEQUENCE, &tbs))
		return false;
	uint8_t tag = der_read(&tbs, &body);

	if (tag == DER_VERSION)
		tag = der_read(&tbs, &body);
	/* serial number, signature, issuer, validity */
	if (tag != 0x02 || der_read(&tbs, &body) != DER_SEQUENCE ||
	    der_read(&tbs, &body) != DER_SEQUENCE || der_read(&tbs, &body) != DER_SEQUENCE)
		return false;
	return der_read(&tbs, out) == DER_SEQUENCE;
}

bool efivar_subject_words(struct words *w, struct rf_slice certificate)
{
	static const uint8_t instead[] = {10, 11}; /* organisation, unit */
	struct rf_slice name, text;
	bool any = false;

	if (!find_subject(certificate, &name))
		return false;
	uint8_t tag = find_attribute(name, 3, &text);

	if (tag != 0) {
		add_der_text(w, tag, text);
		return true;
	}
	for (size_t i = 0; i < sizeof(instead); i++) {
		tag = find_attribute(name, instead[i], &text);
		if (tag == 0)
			continue;
		words_add(w, any ? ", " : "");
		add_der_text(w, tag, text);
		any = true;
	}
	if (!any)
		words_add(w, "no name");
	return true;
}

/* ---- whole databases ---- */

static const struct {
	enum efivar_signature_kind kind;
	const char *one, *many;
} counted[] = {
	{EFIVAR_SIGNATURE_SHA256, "SHA-256 hash", "SHA-256 hashes"},
	{EFIVAR_SIGNATURE_SHA1, "SHA-1 hash", "SHA-1 hashes"},
	{EFIVAR_SIGNATURE_SHA384, "SHA-384 hash", "SHA-384 hashes"},
	{EFIVAR_SIGNATURE_SHA512, "SHA-512 hash", "SHA-512 hashes"},
	{EFIVAR_SIGNATURE_RSA2048, "RSA key", "RSA keys"},
	{EFIVAR_SIGNATURE_X509_HASH, "revoked certificate", "revoked certificates"},
	{EFIVAR_SIGNATURE_OTHER, "entry of an unknown kind", "entries of unknown kinds"},
};

/* Adds the subjects of the first count certificates. */
static void add_certificates(struct words *w, struct rf_slice value, size_t count)
{
	struct efivar_signatures at = efivar_signatures(value);
	struct efivar_signature signature;

	words_printf(w, "%zu certificate%s (", count, count == 1 ? "" : "s");
	for (size_t n = 0; n < count && efivar_signatures_next(&at, &signature, NULL) == 1;) {
		if (signature.kind != EFIVAR_SIGNATURE_X509)
			continue;
		words_add(w, n++ > 0 ? "; " : "");
		if (!efivar_subject_words(w, signature.data))
			words_add(w, "not readable");
	}
	words_add(w, ")");
}

int efivar_database_words(struct words *w, struct rf_slice value, struct rf_err *err)
{
	struct efivar_signatures at = efivar_signatures(value);
	struct efivar_signature signature;
	size_t counts[EFIVAR_SIGNATURE_X509_HASH + 1] = {0};
	bool any = false;
	int rc;

	while ((rc = efivar_signatures_next(&at, &signature, err)) == 1)
		counts[signature.kind]++;
	if (counts[EFIVAR_SIGNATURE_X509] > 0) {
		add_certificates(w, value, counts[EFIVAR_SIGNATURE_X509]);
		any = true;
	}
	for (size_t i = 0; i < RF_COUNT(counted); i++) {
		size_t n = counts[counted[i].kind];

		if (n == 0)
			continue;
		words_printf(w, "%s%zu %s", any ? ", " : "", n,
			     n == 1 ? counted[i].one : counted[i].many);
		any = true;
	}
	if (rc < 0)
		words_add(w, any ? ", then not readable" : "not readable");
	else if (!any)
		words_add(w, "empty");
	return rc;
}

int efivar_load_option_parse(struct rf_slice in, struct efivar_load_option *out, struct rf_err *err)
{
	struct rf_reader r = rf_reader(in);
	uint32_t attributes = rf_read_le32(&r);
	uint16_t path_bytes = rf_read_le16(&r);
	size_t start = r.pos;

	while (!r.failed && rf_read_le16(&r) != 0)
		continue;
	size_t end = r.pos;
	struct rf_slice path = rf_read_bytes(&r, path_bytes);
	int rc = rf_reader_check(&r, "boot entry", err);

	if (rc < 0)
		return rc;
	*out = (struct efivar_load_option){.active = attributes & 1,
					   .description = {in.data + start, end - start - 2},
					   .path = path,
					   .optional = rf_read_rest(&r)};
	return 0;
}
