/* SPDX-License-Identifier: Apache-2.0 */
/* Boot files: digests as firmware takes them, signatures, sections; and what is refused. */
#include "pe_test.h"

static int setup(void **state)
{
	return attest_hasher_new((struct attest_hasher **)state, NULL);
}

static int teardown(void **state)
{
	attest_hasher_free(*state);
	return 0;
}

/* All bytes but the 4 of the checksum and the 8 of the entry, by another way. */
static void digest_by_hand(struct attest_hasher *hasher, const struct rf_buf *file, size_t end,
			   uint8_t out[32])
{
	RF_AUTOBUF struct rf_buf rest = {0};

	rf_buf_add(&rest, file->data, PE_CHECKSUM);
	rf_buf_add(&rest, file->data + PE_CHECKSUM + 4, PE_SECURITY - PE_CHECKSUM - 4);
	rf_buf_add(&rest, file->data + PE_SECURITY + 8, end - PE_SECURITY - 8);
	assert_int_equal(
		attest_hash(hasher, ATTEST_SHA256, rf_buf_slice(&rest), (struct rf_slice){0}, out),
		0);
}

static void a_digest_covers_all_but_what_signing_changes(void **state)
{
	static const size_t tails[] = {0, 8, 11};

	for (size_t i = 0; i < RF_COUNT(tails); i++) {
		RF_AUTOBUF struct rf_buf file = {0};
		struct attest_digest digest, padded;
		struct pe pe;
		uint8_t want[32];

		pe_make(&file, tails[i]);
		digest_by_hand(*state, &file, file.len, want);
		assert_int_equal(pe_open(rf_buf_slice(&file), &pe, NULL), 0);
		assert_false(pe.irregular);
		assert_int_equal(pe_digest(*state, &pe, ATTEST_SHA256, PE_AS_MEASURED, &digest), 0);
		assert_memory_equal(digest.bytes, want, 32);
		assert_int_equal(digest.len, 32);
		assert_int_equal(pe_digest(*state, &pe, ATTEST_SHA256, PE_AS_SIGNED, &padded), 0);
		assert_int_equal(memcmp(padded.bytes, want, 32) == 0, tails[i] % 8 == 0);
		/* Checksum and entry do not count, everything else does. */
		for (size_t at = 0; at < file.len; at += 37) {
			file.data[at] ^= 1;
			if (pe_open(rf_buf_slice(&file), &pe, NULL) == 0 &&
			    pe_digest(*state, &pe, ATTEST_SHA256, PE_AS_MEASURED, &digest) == 0)
				assert_int_equal(memcmp(digest.bytes, want, 32) == 0,
						 at >= PE_CHECKSUM && at < PE_CHECKSUM + 4);
			file.data[at] ^= 1;
		}
	}
}

static void each_bank_has_its_digest(void **state)
{
	static const uint16_t algs[] = {ATTEST_SHA1, ATTEST_SHA256, ATTEST_SHA384, ATTEST_SHA512};
	RF_AUTOBUF struct rf_buf file = {0};
	struct attest_digest digest;
	struct pe pe;

	pe_make(&file, 0);
	assert_int_equal(pe_open(rf_buf_slice(&file), &pe, NULL), 0);
	for (size_t i = 0; i < RF_COUNT(algs); i++) {
		assert_int_equal(pe_digest(*state, &pe, algs[i], PE_AS_MEASURED, &digest), 0);
		assert_int_equal(digest.alg, algs[i]);
		assert_int_equal(digest.len, attest_digest_size(algs[i]));
	}
	digest.alg = 77;
	assert_int_equal(pe_digest(*state, &pe, 0x0027, PE_AS_MEASURED, &digest), RF_E_UNSUPPORTED);
	assert_int_equal(digest.alg, 77);
}

/* Sections count in their order in the file, not in the table's. */
static void sections_count_by_place(void **state)
{
	RF_AUTOBUF struct rf_buf file = {0};
	struct attest_digest digest;
	uint8_t row[40], want[32];
	struct pe pe;

	pe_make(&file, 0);
	memcpy(row, file.data + PE_SECTIONS, 40);
	memcpy(file.data + PE_SECTIONS, file.data + PE_SECTIONS + 80, 40);
	memcpy(file.data + PE_SECTIONS + 80, row, 40);
	digest_by_hand(*state, &file, file.len, want);
	assert_int_equal(pe_open(rf_buf_slice(&file), &pe, NULL), 0);
	assert_string_equal(pe.sections[0].name, ".sbat");
	assert_int_equal(pe_digest(*state, &pe, ATTEST_SHA256, PE_AS_MEASURED, &digest), 0);
	assert_memory_equal(digest.bytes, want, 32);
}

static void sections_are_found_without_padding(void **state)
{
	RF_AUTOBUF struct rf_buf file = {0};
	struct pe pe;

	(void)state;
	pe_make(&file, 0);
	assert_int_equal(pe_open(rf_buf_slice(&file), &pe, NULL), 0);
	struct rf_slice data = pe_section_find(&pe, ".cmdline");

	assert_int_equal(data.len, 20);
	assert_memory_equal(data.data, "root=/dev/vda1 quiet", 20);
	assert_int_equal(pe.sections[1].raw.len, PE_BODY);
	assert_null(pe_section_find(&pe, ".initrd").data);
	/* Its size in memory is unknown (0) or larger: then the file's counts. */
	pe_set(&file, PE_SECTIONS + 40 + 8, 0, 4);
	assert_int_equal(pe_open(rf_buf_slice(&file), &pe, NULL), 0);
	assert_int_equal(pe_section_find(&pe, ".cmdline").len, PE_BODY);
}

struct bent {
	const char *name;
	size_t at, bytes;
	uint64_t value;
	int want;
};

static const struct bent bents[] = {
	{"no MZ", 0, 1, 'X', RF_E_SYNTAX},
	{"header beyond the file", 0x3c, 4, 0xffffffff, RF_E_SYNTAX},
	{"header at the end", 0x3c, 4, PE_HEADERS + 3 * PE_BODY - 1, RF_E_SYNTAX},
	{"no PE", PE_HEAD + 1, 1, 'F', RF_E_SYNTAX},
	{"97 sections", PE_HEAD + 6, 2, 97, RF_E_LIMIT},
	{"65535 sections", PE_HEAD + 6, 2, 0xffff, RF_E_LIMIT},
	{"table longer than the headers", PE_HEAD + 6, 2, 5, RF_E_SYNTAX},
	{"optional header too short", PE_HEAD + 20, 2, 100, RF_E_SYNTAX},
	{"optional header too long", PE_HEAD + 20, 2, 0xffff, RF_E_SYNTAX},
	{"a ROM image", PE_OPTIONAL, 2, 0x107, RF_E_SYNTAX},
	{"headers larger than the file", PE_OPTIONAL + 60, 4, 0xffffffff, RF_E_SYNTAX},
	{"headers of nothing", PE_OPTIONAL + 60, 4, 0, RF_E_SYNTAX},
	{"headers reach into a section", PE_OPTIONAL + 60, 4, PE_HEADERS + 8, RF_E_SYNTAX},
	{"17 directories", PE_OPTIONAL + 108, 4, 17, RF_E_SYNTAX},
	{"2^29 directories", PE_OPTIONAL + 108, 4, 0x20000000, RF_E_SYNTAX},
	{"section beyond the file", PE_SECTIONS + 20, 4, 0xfffffff0, RF_E_TRUNCATED},
	{"section longer than the file", PE_SECTIONS + 16, 4, 0xffffffff, RF_E_TRUNCATED},
	{"sections overlap", PE_SECTIONS + 60, 4, PE_HEADERS + PE_BODY - 1, RF_E_SYNTAX},
	{"two sections in one place", PE_SECTIONS + 60, 4, PE_HEADERS, RF_E_SYNTAX},
	{"section inside the headers", PE_SECTIONS + 20, 4, 0, RF_E_SYNTAX},
	{"certificates beyond the file", PE_SECURITY, 8, 0x10ffffffff, RF_E_TRUNCATED},
	{"certificates longer than it", PE_SECURITY, 8, 0xffffffff00000400, RF_E_TRUNCATED},
	{"certificates in the headers", PE_SECURITY, 8, 0x1000000010, RF_E_TRUNCATED},
	{"certificates in a section", PE_SECURITY, 8, 0x1000000300, RF_E_SYNTAX},
	{"a checksum is anything", PE_CHECKSUM, 4, 0, 0},
};

static void bent_files_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < RF_COUNT(bents); i++) {
		RF_AUTOBUF struct rf_buf file = {0};
		struct rf_err err = {0};
		struct pe pe;

		pe_make(&file, 0);
		pe_set(&file, bents[i].at, bents[i].value, bents[i].bytes);
		if (pe_open(rf_buf_slice(&file), &pe, &err) != bents[i].want)
			fail_msg("%s: %s", bents[i].name, rf_err_text(&err));
	}
}

static void a_cut_file_is_refused_at_every_byte(void **state)
{
	RF_AUTOBUF struct rf_buf file = {0};
	struct pe pe;

	(void)state;
	pe_make(&file, 0);
	for (size_t len = 0; len < file.len; len++) {
		RF_AUTOFREE uint8_t *copy = rf_alloc(1, len ? len : 1);

		memcpy(copy, file.data, len);
		assert_int_not_equal(pe_open((struct rf_slice){copy, len}, &pe, NULL), 0);
	}
	assert_int_equal(pe_open((struct rf_slice){file.data, (size_t)PE_MAX_BYTES + 1}, &pe, NULL),
			 RF_E_LIMIT);
}

/* Firmware counts on from the sum of lengths: what lies in a hole is in no digest. */
static void a_hole_is_seen(void **state)
{
	RF_AUTOBUF struct rf_buf file = {0};
	struct cert_test signer = cert_test_make(EVP_EC_gen("P-256"), "me", NULL, false, true);
	struct ekcert_store *store = cert_test_store(&signer);
	struct pe_signed out;
	struct pe pe;

	pe_make(&file, 16);
	pe_set(&file, PE_SECTIONS + 80 + 20, PE_HEADERS + 2 * PE_BODY + 8, 4);
	pe_sign(*state, &file, &signer, &(struct pe_sign){0});
	assert_int_equal(pe_open(rf_buf_slice(&file), &pe, NULL), 0);
	assert_true(pe.irregular);
	assert_int_equal(pe_signed_by(*state, &pe, store, &out, NULL), RF_E_MISMATCH);
	ekcert_store_free(store);
	cert_test_done(&signer);
}

struct chain {
	struct cert_test root, between, signer;
};

static struct chain chain_make(void)
{
	struct chain c;

	c.root = cert_test_make(EVP_EC_gen("P-256"), "Root CA", NULL, true, true);
	c.between = cert_test_make(EVP_EC_gen("P-256"), "Boot CA", &c.root, true, true);
	c.signer =
		cert_test_make(EVP_EC_gen("P-256"), "Signer\x1b[1m 2022", &c.between, false, true);
	return c;
}

static void chain_done(struct chain *c)
{
	cert_test_done(&c->root);
	cert_test_done(&c->between);
	cert_test_done(&c->signer);
}

static int signed_by(struct attest_hasher *hasher, const struct rf_buf *file,
		     const struct cert_test *trusted, struct pe_signed *out)
{
	struct ekcert_store *store = cert_test_store(trusted);
	struct pe pe;

	assert_int_equal(pe_open(rf_buf_slice(file), &pe, NULL), 0);
	int rc = pe_signed_by(hasher, &pe, store, out, NULL);

	ekcert_store_free(store);
	return rc;
}

/* db may hold the signer's own certificate or any above it, and time does not count. */
static void a_signature_leads_to_any_certificate_of_the_set(void **state)
{
	RF_AUTOBUF struct rf_buf file = {0};
	struct chain c = chain_make();
	struct cert_test stranger =
		cert_test_make(EVP_EC_gen("P-256"), "Root CA", NULL, true, true);
	struct pe_signed out = {.number = 77};

	pe_make(&file, 3);
	assert_int_equal(signed_by(*state, &file, &c.root, &out), RF_E_MISSING);
	pe_sign(*state, &file, &c.signer, &(struct pe_sign){.between = c.between.x});
	assert_int_equal(signed_by(*state, &file, NULL, &out), RF_E_DENIED);
	/* Of the same name is not the same. */
	assert_int_equal(signed_by(*state, &file, &stranger, &out), RF_E_DENIED);
	assert_int_equal(out.number, 77);
	assert_int_equal(signed_by(*state, &file, &c.root, &out), 0);
	assert_string_equal(out.signer, "Signer\\x1b[1m 2022");
	assert_string_equal(out.trusted, "Root CA");
	assert_int_equal(out.number, 1);
	assert_int_equal(out.alg, ATTEST_SHA256);
	assert_int_equal(signed_by(*state, &file, &c.between, &out), 0);
	assert_string_equal(out.trusted, "Boot CA");
	assert_int_equal(signed_by(*state, &file, &c.signer, &out), 0);
	cert_test_done(&stranger);
	chain_done(&c);
}

static void signatures_are_listed(void **state)
{
	RF_AUTOBUF struct rf_buf file = {0}, other = {0};
	struct chain c = chain_make();
	struct pe_signature signature;
	struct pe_signed out;
	struct pe pe;
	size_t at = 0;

	pe_make(&file, 0);
	rf_buf_add(&other, "\1\2\3", 3);
	pe_sign(*state, &file, &c.signer, &(struct pe_sign){0});
	pe_attach(&file, &other, 0x0ef1);
	pe_sign(*state, &file, &c.root, &(struct pe_sign){0});
	assert_int_equal(pe_open(rf_buf_slice(&file), &pe, NULL), 0);
	assert_int_equal(pe_signature_next(*state, &pe, &at, &signature, NULL), 1);
	assert_string_equal(signature.issuer, "Boot CA");
	assert_true(signature.matches);
	assert_int_equal(signature.digest.alg, ATTEST_SHA256);
	assert_int_equal(pe_signature_next(*state, &pe, &at, &signature, NULL), 1);
	assert_string_equal(signature.signer, "Root CA");
	assert_int_equal(pe_signature_next(*state, &pe, &at, &signature, NULL), 0);
	assert_int_equal(pe_signature_next(*state, &pe, &at, &signature, NULL), 0);
	/* The second one is enough. */
	assert_int_equal(signed_by(*state, &file, &c.root, &out), 0);
	assert_int_equal(out.number, 2);
	/* Another file's signature, or a changed byte. */
	file.data[PE_HEADERS + 600] ^= 1;
	at = 0;
	assert_int_equal(pe_open(rf_buf_slice(&file), &pe, NULL), 0);
	assert_int_equal(pe_signature_next(*state, &pe, &at, &signature, NULL), 1);
	assert_false(signature.matches);
	assert_int_equal(signed_by(*state, &file, &c.root, &out), RF_E_MISMATCH);
	chain_done(&c);
}

struct forged {
	const char *name;
	struct pe_sign how;
};

static void forged_signatures_do_not_hold(void **state)
{
	static const struct forged forgeds[] = {
		{"of a mail", {.type = "1.2.840.113549.1.7.1"}},
		{"of nothing that is said", {.type = ""}},
		{"the signer's certificate is not there", {.no_certificate = true}},
	};
	struct chain c = chain_make();

	for (size_t i = 0; i < RF_COUNT(forgeds); i++) {
		RF_AUTOBUF struct rf_buf file = {0};
		struct pe_signed out;

		pe_make(&file, 0);
		pe_sign(*state, &file, &c.signer, &forgeds[i].how);
		if (signed_by(*state, &file, &c.between, &out) != RF_E_MISMATCH)
			fail_msg("%s", forgeds[i].name);
	}
	chain_done(&c);
}

/* Every byte of the PKCS#7 bent: none of it makes a file trusted that the signer did not sign, and
 * where it still verifies the signer is the same. */
static void bent_signatures_never_change_the_signer(void **state)
{
	RF_AUTOBUF struct rf_buf file = {0};
	struct chain c = chain_make();
	size_t held = 0, start;

	pe_make(&file, 0);
	start = file.len;
	pe_sign(*state, &file, &c.signer, &(struct pe_sign){0});
	for (size_t at = start; at < file.len; at++) {
		struct pe_signed out = {0};

		file.data[at] ^= 0x04;
		if (signed_by(*state, &file, &c.between, &out) == 0) {
			assert_string_equal(out.trusted, "Boot CA");
			assert_string_equal(out.signer, "Signer\\x1b[1m 2022");
			held++;
		}
		file.data[at] ^= 0x04;
	}
	/* Versions, revision, issuer name of the signer info's encoding: a few bytes are no part.
	 */
	assert_true(held < 40);
	chain_done(&c);
}

struct table {
	const char *name;
	uint32_t length; /* of the first entry */
	int want;
};

static void bent_tables_are_refused(void **state)
{
	static const struct table tables[] = {
		{"length 0", 0, RF_E_SYNTAX},	    {"shorter than its head", 7, RF_E_SYNTAX},
		{"nothing inside", 8, RF_E_SYNTAX}, {"longer than the table", 0x10000, RF_E_SYNTAX},
		{"huge", 0xffffffff, RF_E_SYNTAX},
	};
	struct chain c = chain_make();
	RF_AUTOBUF struct rf_buf file = {0};
	struct pe_signature signature;
	struct pe pe;
	size_t start, at;

	pe_make(&file, 0);
	start = file.len;
	pe_sign(*state, &file, &c.signer, &(struct pe_sign){0});
	for (size_t i = 0; i < RF_COUNT(tables); i++) {
		at = 0;
		pe_set(&file, start, tables[i].length, 4);
		assert_int_equal(pe_open(rf_buf_slice(&file), &pe, NULL), 0);
		if (pe_signature_next(*state, &pe, &at, &signature, NULL) != tables[i].want)
			fail_msg("%s", tables[i].name);
	}
	/* A table that is not the end: what is behind it takes the place of what is left out. */
	pe_set(&file, start, file.len - start, 4);
	rf_buf_add(&file, "12345678", 8);
	assert_int_equal(pe_open(rf_buf_slice(&file), &pe, NULL), 0);
	assert_true(pe.irregular);
	chain_done(&c);
}

struct sbat {
	const char *name, *text;
	size_t len;
	int lines, want;
};

static void sbat_lines_are_read(void **state)
{
	static const struct sbat sbats[] = {
		{"empty", "", 0, 0, 0},
		{"zeros", "\0\0\0", 3, 0, 0},
		{"one without an end", "shim,4", 6, 1, 0},
		{"blank lines and padding", "a,1\r\n\n\nb,2,,,\n\0\0", 16, 2, 0},
		{"no generation", "shim\n", 5, 0, RF_E_SYNTAX},
		{"empty generation", "shim,,x\n", 8, 0, RF_E_SYNTAX},
		{"no component", ",1\n", 3, 0, RF_E_SYNTAX},
		{"generation with a sign", "a,-1\n", 5, 0, RF_E_SYNTAX},
		{"generation too large", "a,4294967296\n", 13, 0, RF_E_SYNTAX},
		{"many digits", "a,99999999999999999999999\n", 26, 0, RF_E_SYNTAX},
		{"largest", "a,4294967295\n", 13, 1, 0},
	};
	struct pe_sbat row;
	size_t at;

	(void)state;
	for (size_t i = 0; i < RF_COUNT(sbats); i++) {
		const struct rf_slice text = {(const uint8_t *)sbats[i].text, sbats[i].len};
		int lines = 0, rc;

		at = 0;
		while ((rc = pe_sbat_next(text, &at, &row, NULL)) == 1)
			lines++;
		if (lines != sbats[i].lines || rc != sbats[i].want)
			fail_msg("%s: %d lines, %d", sbats[i].name, lines, rc);
	}
	at = 36;
	assert_int_equal(pe_sbat_next(rf_slice_text(PE_TEST_SBAT), &at, &row, NULL), 1);
	assert_true(rf_slice_equal(row.component, rf_slice_text("shim")));
	assert_int_equal(row.generation, 4);
	assert_true(rf_slice_equal(row.vendor, rf_slice_text("UEFI shim")));
	assert_true(rf_slice_equal(row.package, rf_slice_text("shim")));
	assert_true(rf_slice_equal(row.version, rf_slice_text("16.1")));
	assert_true(rf_slice_equal(row.url, rf_slice_text("https://y")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_digest_covers_all_but_what_signing_changes),
		cmocka_unit_test(each_bank_has_its_digest),
		cmocka_unit_test(sections_count_by_place),
		cmocka_unit_test(sections_are_found_without_padding),
		cmocka_unit_test(bent_files_are_refused),
		cmocka_unit_test(a_cut_file_is_refused_at_every_byte),
		cmocka_unit_test(a_hole_is_seen),
		cmocka_unit_test(a_signature_leads_to_any_certificate_of_the_set),
		cmocka_unit_test(signatures_are_listed),
		cmocka_unit_test(forged_signatures_do_not_hold),
		cmocka_unit_test(bent_signatures_never_change_the_signer),
		cmocka_unit_test(bent_tables_are_refused),
		cmocka_unit_test(sbat_lines_are_read),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
