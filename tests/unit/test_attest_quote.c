/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quotes of TPM 2.0: fields, each refusal that another verifier lacked (named), every truncation,
 * the digest over PCR values, the nonce.
 */
#include "attest_test.h"

static const uint8_t nonce[8] = "nonce-1";
static const uint8_t some_digest[32] = {0xd1};

static struct quote_options good_options(void)
{
	return (struct quote_options){
		.nonce = nonce,
		.nonce_len = sizeof(nonce),
		.selections = {{ATTEST_SHA1, 0x3}, {ATTEST_SHA256, 0x8000ff}},
		.selections_count = 2,
		.digest = some_digest,
		.digest_len = sizeof(some_digest),
	};
}

static void reads_every_field(void **state)
{
	RF_AUTOBUF struct rf_buf buf = {0};
	struct quote_options o = good_options();
	struct attest_quote q;

	(void)state;
	put_quote(&buf, &o);
	assert_int_equal(attest_quote_parse(rf_buf_slice(&buf), &q, NULL), 0);
	assert_int_equal(q.version, 2);
	assert_int_equal(q.qualified_signer.len, 34);
	assert_true(rf_slice_equal(q.extra_data, (struct rf_slice){nonce, sizeof(nonce)}));
	assert_int_equal(q.clock_ms, 0x0102030405060708);
	assert_int_equal(q.reset_count, 7);
	assert_int_equal(q.restart_count, 9);
	assert_true(q.clock_safe);
	assert_int_equal(q.firmware_version, 0x20190325);
	assert_int_equal(q.selections_count, 2);
	assert_int_equal(q.selections[0].alg, ATTEST_SHA1);
	assert_int_equal(q.selections[1].pcrs, 0x8000ff);
	assert_int_equal(q.pcr_digest.len, 32);
	assert_ptr_equal(q.signed_bytes.data, buf.data);
	assert_int_equal(q.signed_bytes.len, buf.len);
}

static void every_truncation_is_refused(void **state)
{
	RF_AUTOBUF struct rf_buf buf = {0};
	struct quote_options o = good_options();

	(void)state;
	put_quote(&buf, &o);
	for (size_t len = 0; len < buf.len; len++) {
		struct attest_quote q = {.version = 77};
		struct rf_err err = {0};

		assert_true(attest_quote_parse((struct rf_slice){buf.data, len}, &q, &err) < 0);
		assert_int_equal(q.version, 77);
		assert_true(rf_starts(err.text, "quote: "));
	}
	rf_buf_add_byte(&buf, 0);
	struct attest_quote q;

	assert_int_equal(attest_quote_parse(rf_buf_slice(&buf), &q, NULL), RF_E_SYNTAX);
}

static const struct {
	const char *name;
	struct quote_options o;
	int code;
	const char *says;
} refusals[] = {
	{"magic of foreign data (CVE-2024-29038, -29040, charra 90)",
	 {.magic = 0xff544348},
	 RF_E_SYNTAX,
	 "magic"},
	{"magic 1", {.magic = 1}, RF_E_SYNTAX, "magic"},
	{"a certify is no quote (GHSA-gwfg)", {.type = 0x8017}, RF_E_SYNTAX, "type"},
	{"a creation is no quote", {.type = 0x801a}, RF_E_SYNTAX, "type"},
	{"an NV certify is no quote", {.type = 0x8014}, RF_E_SYNTAX, "type"},
	{"PCR 24 (GHSA-qp88)",
	 {.selections = {{ATTEST_SHA256, 1u << 24}}, .selections_count = 1, .select_bytes = 4},
	 RF_E_LIMIT,
	 "PCR 24"},
	{"PCR 31",
	 {.selections = {{ATTEST_SHA256, 1u << 31}}, .selections_count = 1, .select_bytes = 4},
	 RF_E_LIMIT,
	 "PCR 24"},
	{"a bitmap of 5 bytes",
	 {.selections = {{ATTEST_SHA256, 1}}, .selections_count = 1, .select_bytes = 5},
	 RF_E_LIMIT,
	 "bitmap of 5"},
	{"a bitmap of 255 bytes",
	 {.selections = {{ATTEST_SHA256, 1}}, .selections_count = 1, .select_bytes = 255},
	 RF_E_LIMIT,
	 "bitmap of 255"},
	{"a bank twice",
	 {.selections = {{ATTEST_SHA256, 1}, {ATTEST_SHA1, 1}, {ATTEST_SHA256, 2}},
	  .selections_count = 3},
	 RF_E_DUPLICATE,
	 "sha256 twice"},
	{"nine banks",
	 {.selections = {{1, 1}, {2, 1}, {3, 1}, {4, 1}, {5, 1}, {6, 1}, {7, 1}, {8, 1}, {9, 1}},
	  .selections_count = 9},
	 RF_E_LIMIT,
	 "9 PCR banks"},
	{"clock neither safe nor unsafe", {.safe = 2}, RF_E_SYNTAX, "neither yes nor no"},
	{"extra data of 67 bytes",
	 {.nonce = refusals, .nonce_len = 67},
	 RF_E_LIMIT,
	 "extra data has 67"},
	{"a digest of 65 bytes",
	 {.digest = (const uint8_t *)refusals, .digest_len = 65},
	 RF_E_LIMIT,
	 "PCR digest has 65"},
};

static void refuses(void **state)
{
	(void)state;
	for (size_t i = 0; i < RF_COUNT(refusals); i++) {
		RF_AUTOBUF struct rf_buf buf = {0};
		struct attest_quote q = {.version = 77};
		struct rf_err err = {0};

		put_quote(&buf, &refusals[i].o);
		print_message("%s\n", refusals[i].name);
		assert_int_equal(attest_quote_parse(rf_buf_slice(&buf), &q, &err),
				 refusals[i].code);
		assert_non_null(strstr(err.text, refusals[i].says));
		assert_int_equal(q.version, 77);
	}
}

static void an_absurd_count_is_refused_before_reading(void **state)
{
	RF_AUTOBUF struct rf_buf buf = {0};
	struct quote_options o = {0};
	struct attest_quote q;

	(void)state;
	put_quote(&buf, &o);
	memset(buf.data + buf.len - 6, 0xff, 4);
	assert_int_equal(attest_quote_parse(rf_buf_slice(&buf), &q, NULL), RF_E_LIMIT);
}

static void nonce_is_compared_byte_for_byte(void **state)
{
	static const uint8_t bytes[4] = {0x0a, 0xf3, 0x00, 0x9b};
	static const struct {
		const char *name;
		const void *quoted;
		size_t quoted_len;
		const void *issued;
		size_t issued_len;
		int code;
		const char *says;
	} rows[] = {
		{"same", bytes, 4, bytes, 4, 0, ""},
		{"prefix", bytes, 3, bytes, 4, RF_E_MISMATCH, "another nonce"},
		{"longer", bytes, 4, bytes, 3, RF_E_MISMATCH, "another nonce"},
		{"other", "abcd", 4, bytes, 4, RF_E_MISMATCH, "another nonce"},
		{"none quoted", bytes, 0, bytes, 4, RF_E_MISMATCH, "carries no nonce"},
		{"none issued", bytes, 4, bytes, 0, RF_E_MISSING, "empty nonce"},
		{"none at all", bytes, 0, bytes, 0, RF_E_MISSING, "empty nonce"},
		{"text quoted", "0AF3009b", 8, bytes, 4, RF_E_MISMATCH, "as hexadecimal text"},
		{"text issued", bytes, 4, "0af3009b", 8, RF_E_MISMATCH, "is their hexadecimal"},
		{"NUL inside", "0af3\0009b", 8, bytes, 4, RF_E_MISMATCH, "another nonce"},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		struct attest_quote q = {.extra_data = {rows[i].quoted, rows[i].quoted_len}};
		struct rf_slice issued = {rows[i].issued, rows[i].issued_len};
		struct rf_err err = {0};

		print_message("%s\n", rows[i].name);
		assert_int_equal(attest_quote_nonce_check(&q, issued, &err), rows[i].code);
		assert_non_null(strstr(err.text, rows[i].says));
	}
}

static struct attest_pcr_values make_values(void)
{
	struct attest_pcr_values v = {.banks_count = 2, .algs = {ATTEST_SHA256, ATTEST_SHA1}};

	for (unsigned int pcr = 0; pcr < ATTEST_PCRS; pcr++) {
		v.values[0][pcr] = (struct attest_digest){ATTEST_SHA256, 32, {(uint8_t)pcr, 1}};
		v.values[1][pcr] = (struct attest_digest){ATTEST_SHA1, 20, {(uint8_t)pcr, 2}};
	}
	v.present[0] = v.present[1] = 0xffffff;
	return v;
}

/* The digest as a TPM makes it, written independently: selection order, PCRs ascending. */
static void tpm_digest(const struct quote_options *o, const struct attest_pcr_values *v,
		       const char *hash, uint8_t out[64])
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	EVP_MD *md = EVP_MD_fetch(NULL, hash, NULL);

	EVP_DigestInit_ex(c, md, NULL);
	for (size_t i = 0; i < o->selections_count; i++) {
		size_t bank = o->selections[i].alg == ATTEST_SHA256 ? 0 : 1;

		for (unsigned int pcr = 0; pcr < 24; pcr++) {
			if (o->selections[i].pcrs & (1u << pcr))
				EVP_DigestUpdate(c, v->values[bank][pcr].bytes, bank ? 20 : 32);
		}
	}
	EVP_DigestFinal_ex(c, out, NULL);
	EVP_MD_CTX_free(c);
	EVP_MD_free(md);
}

static void digest_is_over_selection_order_with_the_signing_hash(void **state)
{
	struct attest_pcr_values v = make_values();
	struct quote_options o = good_options();
	struct attest_hasher *hasher = NULL;
	RF_AUTOBUF struct rf_buf buf = {0};
	uint8_t digest[64];
	struct attest_quote q;

	(void)state;
	assert_int_equal(attest_hasher_new(&hasher, NULL), 0);
	tpm_digest(&o, &v, "SHA384", digest);
	o.digest = digest;
	o.digest_len = 48;
	put_quote(&buf, &o);
	assert_int_equal(attest_quote_parse(rf_buf_slice(&buf), &q, NULL), 0);
	/* Neither bank is SHA-384: the hash is the signing scheme's. */
	assert_int_equal(attest_quote_digest_check(hasher, &q, ATTEST_SHA384, &v, NULL), 0);
	assert_int_equal(attest_quote_digest_check(hasher, &q, ATTEST_SHA256, &v, NULL),
			 RF_E_MISMATCH);
	assert_int_equal(attest_quote_digest_check(hasher, &q, 0x27, &v, NULL), RF_E_UNSUPPORTED);
	/* The other order is another statement. */
	struct attest_selection first = q.selections[0];

	q.selections[0] = q.selections[1];
	q.selections[1] = first;
	assert_int_equal(attest_quote_digest_check(hasher, &q, ATTEST_SHA384, &v, NULL),
			 RF_E_MISMATCH);
	attest_hasher_free(hasher);
}

static void digest_covers_every_quoted_bit_and_no_other(void **state)
{
	struct attest_pcr_values v = make_values();
	struct quote_options o = good_options();
	struct attest_hasher *hasher = NULL;
	RF_AUTOBUF struct rf_buf buf = {0};
	uint8_t digest[64];
	struct attest_quote q;

	(void)state;
	assert_int_equal(attest_hasher_new(&hasher, NULL), 0);
	tpm_digest(&o, &v, "SHA256", digest);
	o.digest = digest;
	put_quote(&buf, &o);
	assert_int_equal(attest_quote_parse(rf_buf_slice(&buf), &q, NULL), 0);
	for (unsigned int bank = 0; bank < 2; bank++) {
		for (unsigned int bit = 0; bit < 24 * 160; bit++) {
			unsigned int pcr = bit / 160;
			uint32_t quoted = bank ? 0x3 : 0x8000ff;
			uint8_t *byte = &v.values[bank][pcr].bytes[bit % 160 / 8];

			*byte ^= (uint8_t)(1u << (bit % 8));
			int rc = attest_quote_digest_check(hasher, &q, ATTEST_SHA256, &v, NULL);

			assert_int_equal(rc, quoted & (1u << pcr) ? RF_E_MISMATCH : 0);
			*byte ^= (uint8_t)(1u << (bit % 8));
		}
	}
	attest_hasher_free(hasher);
}

static void digest_needs_every_quoted_value(void **state)
{
	struct attest_pcr_values v = make_values();
	struct attest_hasher *hasher = NULL;
	struct rf_err err = {0};
	struct attest_quote q = {
		.version = 2, .selections = {{ATTEST_SHA256, 1u << 23}}, .selections_count = 1};

	(void)state;
	assert_int_equal(attest_hasher_new(&hasher, NULL), 0);
	v.present[0] &= ~(1u << 23);
	assert_int_equal(attest_quote_digest_check(hasher, &q, ATTEST_SHA256, &v, &err),
			 RF_E_MISSING);
	assert_non_null(strstr(err.text, "PCR 23 of bank sha256"));
	v.present[0] |= 1u << 23;
	/* Bytes must not move from one value into its neighbour. */
	v.values[0][23].len = 31;
	assert_int_equal(attest_quote_digest_check(hasher, &q, ATTEST_SHA256, &v, NULL),
			 RF_E_SYNTAX);
	q.selections[0].alg = ATTEST_SHA384;
	assert_int_equal(attest_quote_digest_check(hasher, &q, ATTEST_SHA256, &v, NULL),
			 RF_E_MISSING);
	q.selections[0].alg = 0x27;
	assert_int_equal(attest_quote_digest_check(hasher, &q, ATTEST_SHA256, &v, NULL),
			 RF_E_UNSUPPORTED);
	/* "Compared no PCRs" is no success. */
	q.selections[0].pcrs = 0;
	assert_int_equal(attest_quote_digest_check(hasher, &q, ATTEST_SHA256, &v, &err),
			 RF_E_MISSING);
	q.version = 1;
	assert_int_equal(attest_quote_digest_check(hasher, &q, ATTEST_SHA256, &v, NULL),
			 RF_E_USAGE);
	attest_hasher_free(hasher);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_every_field),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(refuses),
		cmocka_unit_test(an_absurd_count_is_refused_before_reading),
		cmocka_unit_test(nonce_is_compared_byte_for_byte),
		cmocka_unit_test(digest_is_over_selection_order_with_the_signing_hash),
		cmocka_unit_test(digest_covers_every_quoted_bit_and_no_other),
		cmocka_unit_test(digest_needs_every_quoted_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
