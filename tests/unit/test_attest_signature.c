/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signatures over quotes: every scheme verifies, every flipped bit of quote and signature is
 * refused, and so is each disagreement between what the signature says and what the key is.
 */
#include "attest_test.h"

static EVP_PKEY *rsa, *p256, *p384;

static int make_keys(void **state)
{
	(void)state;
	rsa = make_rsa(2048);
	p256 = make_ecc("P-256");
	p384 = make_ecc("P-384");
	return 0;
}

static int free_keys(void **state)
{
	(void)state;
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(p256);
	EVP_PKEY_free(p384);
	return 0;
}

static const struct {
	const char *name;
	EVP_PKEY **key;
	uint16_t scheme, hash;
} schemes[] = {
	{"RSASSA SHA-256", &rsa, ATTEST_RSASSA, ATTEST_SHA256},
	{"RSASSA SHA-384", &rsa, ATTEST_RSASSA, ATTEST_SHA384},
	{"RSAPSS SHA-256", &rsa, ATTEST_RSAPSS, ATTEST_SHA256},
	{"ECDSA P-256", &p256, ATTEST_ECDSA, ATTEST_SHA256},
	{"ECDSA P-384", &p384, ATTEST_ECDSA, ATTEST_SHA384},
	{"ECDSA P-256 SHA-512", &p256, ATTEST_ECDSA, ATTEST_SHA512},
};

/* The verifier's key for an EVP_PKEY. */
static struct attest_key *key_for(EVP_PKEY *pkey, uint16_t scheme, uint16_t hash)
{
	RF_AUTOBUF struct rf_buf area = {0};
	struct attest_public pub;
	struct attest_key *key = NULL;

	put_area(&area, pkey, (struct area_options){.scheme = scheme, .hash = hash});
	assert_int_equal(attest_public_parse(rf_buf_slice(&area), &pub, NULL), 0);
	assert_int_equal(attest_key_new(&pub, &key, NULL), 0);
	return key;
}

static void put_some_quote(struct rf_buf *b)
{
	static const uint8_t digest[32] = {5};
	const struct quote_options o = {
		.nonce = "nonce",
		.nonce_len = 5,
		.selections = {{ATTEST_SHA256, 0xff}},
		.selections_count = 1,
		.digest = digest,
		.digest_len = 32,
	};

	put_quote(b, &o);
}

static bool verifies(struct attest_key *key, struct rf_slice sig, struct rf_slice message)
{
	uint16_t hash = 0xffff;
	int rc = attest_signature_verify(key, sig, message, &hash, NULL);

	/* Outputs are written only on success. */
	assert_true((rc == 0) != (hash == 0xffff));
	return rc == 0;
}

static void every_scheme_verifies(void **state)
{
	(void)state;
	for (size_t i = 0; i < RF_COUNT(schemes); i++) {
		RF_AUTOBUF struct rf_buf quote = {0}, sig = {0};
		struct attest_key *key =
			key_for(*schemes[i].key, schemes[i].scheme, schemes[i].hash);
		uint16_t hash = 0;

		print_message("%s\n", schemes[i].name);
		put_some_quote(&quote);
		put_signature(&sig, *schemes[i].key, schemes[i].scheme, schemes[i].hash,
			      rf_buf_slice(&quote));
		/* A key is kept for the many quotes of one host. */
		for (int turn = 0; turn < 3; turn++) {
			assert_int_equal(attest_signature_verify(key, rf_buf_slice(&sig),
								 rf_buf_slice(&quote), &hash, NULL),
					 0);
			assert_int_equal(hash, schemes[i].hash);
		}
		attest_key_free(key);
	}
}

/* r and s with and without leading zeros, many times, so that short ones occur, too. */
static void ecdsa_numbers_of_every_length(void **state)
{
	RF_AUTOBUF struct rf_buf quote = {0};
	struct attest_key *key = key_for(p256, ATTEST_ECDSA, ATTEST_SHA256);

	(void)state;
	put_some_quote(&quote);
	for (int i = 0; i < 300; i++) {
		RF_AUTOBUF struct rf_buf sig = {0};

		put_signature_padded(&sig, p256, ATTEST_ECDSA, ATTEST_SHA256, rf_buf_slice(&quote),
				     i & 1 ? 32 : 0);
		assert_true(verifies(key, rf_buf_slice(&sig), rf_buf_slice(&quote)));
	}
	attest_key_free(key);
}

static void every_flipped_bit_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < RF_COUNT(schemes); i++) {
		RF_AUTOBUF struct rf_buf quote = {0}, sig = {0};
		struct attest_key *key =
			key_for(*schemes[i].key, schemes[i].scheme, schemes[i].hash);

		print_message("%s\n", schemes[i].name);
		put_some_quote(&quote);
		put_signature(&sig, *schemes[i].key, schemes[i].scheme, schemes[i].hash,
			      rf_buf_slice(&quote));
		struct rf_buf *both[] = {&quote, &sig};

		for (size_t b = 0; b < 2; b++) {
			for (size_t bit = 0; bit < 8 * both[b]->len; bit++) {
				both[b]->data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
				assert_false(
					verifies(key, rf_buf_slice(&sig), rf_buf_slice(&quote)));
				both[b]->data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
			}
		}
		assert_true(verifies(key, rf_buf_slice(&sig), rf_buf_slice(&quote)));
		attest_key_free(key);
	}
}

static void every_truncation_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < RF_COUNT(schemes); i++) {
		RF_AUTOBUF struct rf_buf quote = {0}, sig = {0};
		struct attest_key *key =
			key_for(*schemes[i].key, schemes[i].scheme, schemes[i].hash);

		put_some_quote(&quote);
		put_signature(&sig, *schemes[i].key, schemes[i].scheme, schemes[i].hash,
			      rf_buf_slice(&quote));
		for (size_t len = 0; len < sig.len; len++)
			assert_false(verifies(key, (struct rf_slice){sig.data, len},
					      rf_buf_slice(&quote)));
		for (size_t len = 0; len < quote.len; len++)
			assert_false(verifies(key, rf_buf_slice(&sig),
					      (struct rf_slice){quote.data, len}));
		rf_buf_add_byte(&sig, 0);
		assert_false(verifies(key, rf_buf_slice(&sig), rf_buf_slice(&quote)));
		attest_key_free(key);
	}
}

static void another_key_does_not_verify(void **state)
{
	RF_AUTOBUF struct rf_buf quote = {0}, sig = {0};
	EVP_PKEY *other = make_ecc("P-256");
	struct attest_key *key = key_for(other, ATTEST_ECDSA, ATTEST_SHA256);
	uint16_t hash = 0;

	(void)state;
	put_some_quote(&quote);
	put_signature(&sig, p256, ATTEST_ECDSA, ATTEST_SHA256, rf_buf_slice(&quote));
	assert_int_equal(
		attest_signature_verify(key, rf_buf_slice(&sig), rf_buf_slice(&quote), &hash, NULL),
		RF_E_MISMATCH);
	attest_key_free(key);
	EVP_PKEY_free(other);
}

static const struct {
	const char *name;
	EVP_PKEY **key;
	uint16_t key_scheme, key_hash, scheme, hash;
	EVP_PKEY **signer;
	int code;
	const char *says;
} disagreements[] = {
	{"SHA-1 signature, key leaves it open", &rsa, 0x10, 0, ATTEST_RSASSA, ATTEST_SHA1, &rsa,
	 RF_E_DENIED, "hash 0x0004"},
	{"SHA-1 signature, key says SHA-1", &rsa, ATTEST_RSASSA, ATTEST_SHA1, ATTEST_RSASSA,
	 ATTEST_SHA1, &rsa, RF_E_DENIED, "hash 0x0004"},
	{"SHA-384 where the key says SHA-256", &rsa, ATTEST_RSASSA, ATTEST_SHA256, ATTEST_RSASSA,
	 ATTEST_SHA384, &rsa, RF_E_MISMATCH, "the key's is 0x000b"},
	{"PSS where the key says RSASSA", &rsa, ATTEST_RSASSA, ATTEST_SHA256, ATTEST_RSAPSS,
	 ATTEST_SHA256, &rsa, RF_E_MISMATCH, "the key's is 0x0014"},
	{"RSASSA where the key says PSS", &rsa, ATTEST_RSAPSS, ATTEST_SHA256, ATTEST_RSASSA,
	 ATTEST_SHA256, &rsa, RF_E_MISMATCH, "the key's is 0x0016"},
	{"ECDSA for an RSA key (go-attestation 2026)", &rsa, ATTEST_RSASSA, ATTEST_SHA256,
	 ATTEST_ECDSA, ATTEST_SHA256, &p256, RF_E_MISMATCH, "but the key is RSA"},
	{"RSASSA for an ECC key", &p256, ATTEST_ECDSA, ATTEST_SHA256, ATTEST_RSASSA, ATTEST_SHA256,
	 &rsa, RF_E_MISMATCH, "but the key is ECC"},
	{"P-384 numbers for a P-256 key", &p256, ATTEST_ECDSA, ATTEST_SHA256, ATTEST_ECDSA,
	 ATTEST_SHA256, &p384, RF_E_SYNTAX, "r of"},
	{"key that leaves it open takes SHA-256", &rsa, 0x10, 0, ATTEST_RSAPSS, ATTEST_SHA256, &rsa,
	 0, ""},
};

/* put_area always writes a scheme's hash; TPM_ALG_NULL has none. */
static struct attest_key *open_key(EVP_PKEY *pkey)
{
	RF_AUTOBUF struct rf_buf area = {0};
	struct attest_public pub;
	struct attest_key *key = NULL;

	put_area(&area, pkey, (struct area_options){0});
	assert_int_equal(attest_public_parse(rf_buf_slice(&area), &pub, NULL), 0);
	pub.scheme = pub.scheme_hash = 0;
	assert_int_equal(attest_key_new(&pub, &key, NULL), 0);
	return key;
}

static void disagreements_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < RF_COUNT(disagreements); i++) {
		RF_AUTOBUF struct rf_buf quote = {0}, sig = {0};
		struct rf_err err = {0};
		struct attest_key *key =
			disagreements[i].key_scheme == 0x10
				? open_key(*disagreements[i].key)
				: key_for(*disagreements[i].key, disagreements[i].key_scheme,
					  disagreements[i].key_hash);
		uint16_t hash = 0;

		print_message("%s\n", disagreements[i].name);
		put_some_quote(&quote);
		put_signature(&sig, *disagreements[i].signer, disagreements[i].scheme,
			      disagreements[i].hash, rf_buf_slice(&quote));
		assert_int_equal(attest_signature_verify(key, rf_buf_slice(&sig),
							 rf_buf_slice(&quote), &hash, &err),
				 disagreements[i].code);
		assert_non_null(strstr(err.text, disagreements[i].says));
		attest_key_free(key);
	}
}

static void hostile_signatures(void **state)
{
	static const struct {
		const char *name;
		const char *bytes;
		size_t len;
		int code;
	} rows[] = {
#define B(text) text, sizeof(text) - 1
		{"HMAC", B("\0\5\0\x0b\0\0"), RF_E_UNSUPPORTED},
		{"no scheme", B("\0\x10"), RF_E_TRUNCATED},
		{"unknown hash", B("\0\x18\0\x27\0\1\1\0\1\1"), RF_E_UNSUPPORTED},
		{"r empty", B("\0\x18\0\x0b\0\0\0\1\1"), RF_E_SYNTAX},
		{"s empty", B("\0\x18\0\x0b\0\1\1\0\0"), RF_E_SYNTAX},
		/* Zeros once verified for every message (CVE-2022-21449 in another library). */
		{"r and s zero", B("\0\x18\0\x0b\0\1\0\0\1\0"), RF_E_MISMATCH},
		{"r of 33 bytes", B("\0\x18\0\x0b\0\x21\0aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\0\1\1"),
		 RF_E_SYNTAX},
#undef B
	};
	RF_AUTOBUF struct rf_buf quote = {0};
	struct attest_key *key = key_for(p256, ATTEST_ECDSA, ATTEST_SHA256);
	uint16_t hash = 0;

	(void)state;
	put_some_quote(&quote);
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		struct rf_slice sig = {(const uint8_t *)rows[i].bytes, rows[i].len};

		print_message("%s\n", rows[i].name);
		assert_int_equal(
			attest_signature_verify(key, sig, rf_buf_slice(&quote), &hash, NULL),
			rows[i].code);
	}
	attest_key_free(key);
}

static void survives_no_memory(void **state)
{
	RF_AUTOBUF struct rf_buf area = {0};
	struct attest_public pub;
	struct attest_key *key = NULL;

	(void)state;
	put_area(&area, p256, (struct area_options){0});
	assert_int_equal(attest_public_parse(rf_buf_slice(&area), &pub, NULL), 0);
	rf_alloc_fail_after(1);
	assert_int_equal(attest_key_new(&pub, &key, NULL), RF_E_CRYPTO);
	rf_alloc_fail_after(0);
	assert_null(key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_scheme_verifies),
		cmocka_unit_test(ecdsa_numbers_of_every_length),
		cmocka_unit_test(every_flipped_bit_is_refused),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(another_key_does_not_verify),
		cmocka_unit_test(disagreements_are_refused),
		cmocka_unit_test(hostile_signatures),
		cmocka_unit_test(survives_no_memory),
	};

	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
