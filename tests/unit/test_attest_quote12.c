/* SPDX-License-Identifier: Apache-2.0 */
/* TPM 1.2: both forms of quote, the composite hash, the AIK, the SHA-1 signature, each bent. */
#include "attest_test.h"

static struct attest_hasher *hasher;
static EVP_PKEY *aik, *short_key;
static const uint8_t nonce[20] = "a nonce of 20 bytes";

static int make_keys(void **state)
{
	(void)state;
	aik = make_rsa(2048);
	short_key = make_rsa(1024);
	return attest_hasher_new(&hasher, NULL);
}

static int free_keys(void **state)
{
	(void)state;
	EVP_PKEY_free(aik);
	EVP_PKEY_free(short_key);
	attest_hasher_free(hasher);
	return 0;
}

static struct attest_pcr_values values_of(uint32_t pcrs)
{
	struct attest_pcr_values v = {.banks_count = 1, .algs = {ATTEST_SHA1}, .present = {pcrs}};

	for (unsigned int pcr = 0; pcr < ATTEST_PCRS; pcr++)
		v.values[0][pcr] = (struct attest_digest){ATTEST_SHA1, 20, {(uint8_t)pcr, 3}};
	return v;
}

/* SHA-1 of TPM_PCR_COMPOSITE, written after the specification once more. */
static void composite(const struct attest_pcr_values *v, uint32_t pcrs, unsigned int select,
		      uint8_t out[20])
{
	RF_AUTOBUF struct rf_buf b = {0};

	put16(&b, select);
	for (unsigned int i = 0; i < select; i++)
		rf_buf_add_byte(&b, (uint8_t)(pcrs >> (8 * i)));
	put32(&b, 20u * (unsigned int)__builtin_popcount(pcrs));
	for (unsigned int pcr = 0; pcr < 24; pcr++) {
		if (pcrs & (1u << pcr))
			rf_buf_add(&b, v->values[0][pcr].bytes, 20);
	}
	assert_int_equal(EVP_Q_digest(NULL, "SHA1", NULL, b.data, b.len, out, NULL), 1);
}

static void put_info(struct rf_buf *b, const uint8_t digest[20])
{
	put32(b, 0x01010000);
	rf_buf_add(b, "QUOT", 4);
	rf_buf_add(b, digest, 20);
	rf_buf_add(b, nonce, 20);
}

static void put_info2(struct rf_buf *b, uint32_t pcrs, unsigned int select,
		      const uint8_t digest[20])
{
	put16(b, 0x0036);
	rf_buf_add(b, "QUT2", 4);
	rf_buf_add(b, nonce, 20);
	put16(b, select);
	for (unsigned int i = 0; i < select; i++)
		rf_buf_add_byte(b, i < 4 ? (uint8_t)(pcrs >> (8 * i)) : 0);
	rf_buf_add_byte(b, 1);
	rf_buf_add(b, digest, 20);
}

static void put_version_info(struct rf_buf *b, uint16_t tag)
{
	put16(b, tag);
	put32(b, 0x01020325);
	put16(b, 2);
	rf_buf_add_byte(b, 3);
	rf_buf_add(b, "IFX", 4);
	put_sized(b, "vendor", 6);
}

static void quote_info_is_proved_by_the_values_that_came(void **state)
{
	static const unsigned int selects[] = {3, 2};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		uint32_t pcrs = selects[i] == 3 ? 0x3e00ff : 0x80ff;
		struct attest_pcr_values v = values_of(pcrs);
		RF_AUTOBUF struct rf_buf b = {0};
		struct attest_quote q;
		uint8_t digest[20];

		composite(&v, pcrs, selects[i], digest);
		put_info(&b, digest);
		assert_int_equal(b.len, 48);
		assert_int_equal(attest_quote12_parse(rf_buf_slice(&b), &q, NULL), 0);
		assert_int_equal(q.version, 1);
		assert_int_equal(q.selections_count, 0);
		assert_int_equal(attest_quote_nonce_check(&q, (struct rf_slice){nonce, 20}, NULL),
				 0);
		assert_int_equal(attest_quote12_digest_check(hasher, &q, &v, NULL), 0);
		assert_int_equal(q.selections_count, 1);
		assert_int_equal(q.selections[0].pcrs, pcrs);
		/* A value more or less is another composite. */
		assert_int_equal(attest_quote12_parse(rf_buf_slice(&b), &q, NULL), 0);
		v.present[0] &= ~0x80u;
		assert_int_equal(attest_quote12_digest_check(hasher, &q, &v, NULL), RF_E_MISMATCH);
		assert_int_equal(q.selections_count, 0);
		v.present[0] = 0;
		assert_int_equal(attest_quote12_digest_check(hasher, &q, &v, NULL), RF_E_MISSING);
	}
}

static void quote_info2_names_its_pcrs(void **state)
{
	const uint32_t pcrs = 0x0e00ff;
	struct attest_pcr_values v = values_of(0xffffff);
	RF_AUTOBUF struct rf_buf b = {0};
	struct attest_quote q;
	uint8_t digest[20];

	(void)state;
	composite(&v, pcrs, 3, digest);
	put_info2(&b, pcrs, 3, digest);
	assert_int_equal(attest_quote12_parse(rf_buf_slice(&b), &q, NULL), 0);
	assert_int_equal(q.selections[0].alg, ATTEST_SHA1);
	assert_int_equal(q.selections[0].pcrs, pcrs);
	assert_int_equal(attest_quote12_digest_check(hasher, &q, &v, NULL), 0);
	for (unsigned int bit = 0; bit < 24 * 160; bit++) {
		uint8_t *byte = &v.values[0][bit / 160].bytes[bit % 160 / 8];

		*byte ^= (uint8_t)(1u << (bit % 8));
		assert_int_equal(attest_quote12_digest_check(hasher, &q, &v, NULL),
				 pcrs & (1u << (bit / 160)) ? RF_E_MISMATCH : 0);
		*byte ^= (uint8_t)(1u << (bit % 8));
	}
	v.values[0][0].len = 19;
	assert_int_equal(attest_quote12_digest_check(hasher, &q, &v, NULL), RF_E_MISSING);
	v.values[0][0].len = 20;
	v.present[0] &= ~1u;
	assert_int_equal(attest_quote12_digest_check(hasher, &q, &v, NULL), RF_E_MISSING);
	v.algs[0] = ATTEST_SHA256;
	assert_int_equal(attest_quote12_digest_check(hasher, &q, &v, NULL), RF_E_MISSING);
	q.version = 2;
	assert_int_equal(attest_quote12_digest_check(hasher, &q, &v, NULL), RF_E_USAGE);
}

static void version_info_may_follow(void **state)
{
	static const uint8_t digest[20];
	RF_AUTOBUF struct rf_buf b = {0};
	struct attest_quote q;

	(void)state;
	put_info2(&b, 0xff, 3, digest);
	size_t alone = b.len;

	put_version_info(&b, 0x0030);
	assert_int_equal(attest_quote12_parse(rf_buf_slice(&b), &q, NULL), 0);
	assert_int_equal(q.firmware_version, 0x01020325);
	assert_int_equal(q.signed_bytes.len, b.len);
	for (size_t len = 0; len < b.len; len++)
		assert_int_equal(attest_quote12_parse((struct rf_slice){b.data, len}, &q, NULL) ==
					 0,
				 len == alone);
	b.data[alone + 1] = 0x31;
	assert_int_equal(attest_quote12_parse(rf_buf_slice(&b), &q, NULL), RF_E_SYNTAX);
	b.data[alone + 1] = 0x30;
	rf_buf_add_byte(&b, 0);
	assert_int_equal(attest_quote12_parse(rf_buf_slice(&b), &q, NULL), RF_E_SYNTAX);
}

static void hostile_quotes(void **state)
{
	static const uint8_t digest[20];
	static const struct {
		const char *name;
		bool second;
		unsigned int select;
		size_t at; /* byte to bend */
		int code;
	} rows[] = {
		{"not QUOT (a certify)", false, 0, 4, RF_E_SYNTAX},
		{"another structure version", false, 0, 1, RF_E_SYNTAX},
		{"not QUT2", true, 3, 5, RF_E_SYNTAX},
		{"bitmap of 4 bytes: PCR 24", true, 4, SIZE_MAX, RF_E_LIMIT},
		{"bitmap of 200 bytes", true, 200, SIZE_MAX, RF_E_LIMIT},
		{"no bitmap", true, 0, SIZE_MAX, RF_E_LIMIT},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		RF_AUTOBUF struct rf_buf b = {0};
		struct attest_quote q = {.version = 77};

		if (rows[i].second)
			put_info2(&b, 1, rows[i].select, digest);
		else
			put_info(&b, digest);
		if (rows[i].at != SIZE_MAX)
			b.data[rows[i].at] ^= 0x20;
		print_message("%s\n", rows[i].name);
		assert_int_equal(attest_quote12_parse(rf_buf_slice(&b), &q, NULL), rows[i].code);
		assert_int_equal(q.version, 77);
	}
}

/* TPM_PUBKEY; what stands in for a hostile one. */
struct pubkey_options {
	uint32_t algorithm, bits, primes;
	uint16_t scheme;
	uint8_t exponent_len, exponent;
};

static void put_pubkey(struct rf_buf *b, EVP_PKEY *key, struct pubkey_options o)
{
	uint8_t n[512];
	size_t len = key_number(key, OSSL_PKEY_PARAM_RSA_N, n, 0);

	put32(b, o.algorithm ? o.algorithm : 1);
	put16(b, 1);
	put16(b, o.scheme ? o.scheme : 2);
	put32(b, 12u + o.exponent_len);
	put32(b, o.bits ? o.bits : (uint32_t)(8 * len));
	put32(b, o.primes ? o.primes : 2);
	put32(b, o.exponent_len);
	for (unsigned int i = 0; i < o.exponent_len; i++)
		rf_buf_add_byte(b, o.exponent);
	put32(b, (uint32_t)len);
	rf_buf_add(b, n, len);
}

static void aik_public_keys(void **state)
{
	static const struct {
		const char *name;
		struct pubkey_options o;
		int code;
		uint32_t exponent;
	} rows[] = {
		{"usual", {0}, 0, 65537},
		{"exponent spelt out", {.exponent_len = 1, .exponent = 3}, 0, 3},
		{"exponent 1", {.exponent_len = 1, .exponent = 1}, RF_E_SYNTAX, 0},
		{"even exponent", {.exponent_len = 2, .exponent = 2}, RF_E_SYNTAX, 0},
		{"exponent of 5 bytes", {.exponent_len = 5, .exponent = 1}, RF_E_SYNTAX, 0},
		{"no RSA", {.algorithm = 6}, RF_E_UNSUPPORTED, 0},
		{"DER signatures", {.scheme = 3}, RF_E_UNSUPPORTED, 0},
		{"three primes", {.primes = 3}, RF_E_UNSUPPORTED, 0},
		{"other length announced", {.bits = 4096}, RF_E_SYNTAX, 0},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		RF_AUTOBUF struct rf_buf b = {0};
		struct attest_public pub;

		print_message("%s\n", rows[i].name);
		put_pubkey(&b, aik, rows[i].o);
		assert_int_equal(attest_public12_parse(rf_buf_slice(&b), &pub, NULL), rows[i].code);
		if (rows[i].code)
			continue;
		assert_int_equal(pub.exponent, rows[i].exponent);
		for (size_t len = 0; len < b.len; len++)
			assert_true(attest_public12_parse((struct rf_slice){b.data, len}, &pub,
							  NULL) < 0);
		rf_buf_add_byte(&b, 0);
		assert_int_equal(attest_public12_parse(rf_buf_slice(&b), &pub, NULL), RF_E_SYNTAX);
	}
}

static struct attest_key *key12(EVP_PKEY *pkey, int code)
{
	RF_AUTOBUF struct rf_buf b = {0};
	struct attest_public pub;
	struct attest_key *key = NULL;

	put_pubkey(&b, pkey, (struct pubkey_options){0});
	assert_int_equal(attest_public12_parse(rf_buf_slice(&b), &pub, NULL), 0);
	assert_int_equal(attest_key_new(&pub, &key, NULL), code);
	return key;
}

static void sha1_signature_and_every_flipped_bit(void **state)
{
	static const uint8_t digest[20] = {1};
	RF_AUTOBUF struct rf_buf quote = {0}, sig = {0};
	struct attest_key *key = key12(aik, 0);

	(void)state;
	put_info(&quote, digest);
	raw_sign(&sig, aik, ATTEST_RSASSA, ATTEST_SHA1, rf_buf_slice(&quote));
	const struct rf_slice q = rf_buf_slice(&quote), s = rf_buf_slice(&sig);

	assert_int_equal(attest_signature12_verify(key, s, q, NULL), 0);
	struct rf_buf *both[] = {&quote, &sig};

	for (size_t b = 0; b < 2; b++) {
		for (size_t bit = 0; bit < 8 * both[b]->len; bit++) {
			both[b]->data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
			assert_int_equal(attest_signature12_verify(key, s, q, NULL), RF_E_MISMATCH);
			both[b]->data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
		}
	}
	for (size_t len = 0; len < s.len; len++)
		assert_int_equal(
			attest_signature12_verify(key, (struct rf_slice){s.data, len}, q, NULL),
			RF_E_SYNTAX);
	attest_key_free(key);
	assert_null(key12(short_key, RF_E_DENIED));
}

static void a_tpm2_key_does_not_fall_back_to_sha1(void **state)
{
	static const uint8_t digest[20] = {1};
	RF_AUTOBUF struct rf_buf quote = {0}, sig = {0}, area = {0};
	struct attest_public pub;
	struct attest_key *key = NULL;

	(void)state;
	put_info(&quote, digest);
	raw_sign(&sig, aik, ATTEST_RSASSA, ATTEST_SHA1, rf_buf_slice(&quote));
	put_area(&area, aik, (struct area_options){0});
	assert_int_equal(attest_public_parse(rf_buf_slice(&area), &pub, NULL), 0);
	assert_int_equal(attest_key_new(&pub, &key, NULL), 0);
	assert_int_equal(
		attest_signature12_verify(key, rf_buf_slice(&sig), rf_buf_slice(&quote), NULL),
		RF_E_MISMATCH);
	attest_key_free(key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quote_info_is_proved_by_the_values_that_came),
		cmocka_unit_test(quote_info2_names_its_pcrs),
		cmocka_unit_test(version_info_may_follow),
		cmocka_unit_test(hostile_quotes),
		cmocka_unit_test(aik_public_keys),
		cmocka_unit_test(sha1_signature_and_every_flipped_bit),
		cmocka_unit_test(a_tpm2_key_does_not_fall_back_to_sha1),
	};

	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
