/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Real quotes (tests/fixtures/attest), and every single bit of the attest, its signature, the PCR
 * values and the nonce flipped: all of them are refused.
 */
#include <stdlib.h>

#include "test_base.h"

#include "attest/evidence.h"

enum part { PART_QUOTE, PART_SIGNATURE, PART_PCRS, PART_NONCE, PART_COUNT };

static const struct {
	const char *name;
	enum evidence_kind kind;
} part_rows[PART_COUNT] = {
	{"quote", EVIDENCE_QUOTE},
	{"signature", EVIDENCE_SIGNATURE},
	{"PCR values", EVIDENCE_PCRS},
	{"nonce", EVIDENCE_NONCE},
};

struct machine {
	struct attest_hasher *hasher;
	struct attest_key *key;
	struct rf_slice parts[PART_COUNT];
};

/* The whole way from bytes to "these PCR values, now, by this key". */
static int judge(const struct machine *m)
{
	struct attest_pcr_values values;
	struct attest_quote quote;
	uint16_t hash = 0;
	int rc = attest_signature_verify(m->key, m->parts[PART_SIGNATURE], m->parts[PART_QUOTE],
					 &hash, NULL);

	if (rc == 0)
		rc = attest_quote_parse(m->parts[PART_QUOTE], &quote, NULL);
	if (rc == 0)
		rc = attest_quote_nonce_check(&quote, m->parts[PART_NONCE], NULL);
	if (rc == 0)
		rc = evidence_pcrs_parse(m->parts[PART_PCRS], &values, NULL);
	return rc ? rc : attest_quote_digest_check(m->hasher, &quote, hash, &values, NULL);
}

static void flip_all(struct machine *m, enum part part)
{
	const struct rf_slice was = m->parts[part];
	RF_AUTOFREE uint8_t *copy = rf_alloc(1, was.len);

	memcpy(copy, was.data, was.len);
	m->parts[part].data = copy;
	for (size_t bit = 0; bit < 8 * was.len; bit++) {
		copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (judge(m) == 0)
			fail_msg("%s: bit %zu flipped and still good", part_rows[part].name, bit);
		copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	assert_int_equal(judge(m), 0);
	m->parts[part] = was;
}

static void fixture_read(const char *name, struct rf_buf *out)
{
	const char *root = getenv("SOURCE_DIR");
	uint8_t block[4096];
	char path[512];

	assert_non_null(root);
	assert_true(snprintf(path, sizeof(path), "%s/tests/fixtures/attest/%s", root, name) > 0);
	FILE *f = fopen(path, "rb");

	assert_non_null(f);
	rf_buf_add(out, block, fread(block, 1, sizeof(block), f));
	fclose(f);
}

static void every_flip_is_refused(const char *name)
{
	RF_AUTOBUF struct rf_buf file = {0};
	struct machine m = {0};
	struct attest_public ak;
	struct evidence e;

	fixture_read(name, &file);
	assert_int_equal(evidence_parse(rf_buf_slice(&file), &e, NULL), 0);
	assert_int_equal(attest_public_parse(e.sections[EVIDENCE_AK_PUBLIC], &ak, NULL), 0);
	assert_int_equal(attest_ak_check(&ak, NULL), 0);
	assert_int_equal(attest_key_new(&ak, &m.key, NULL), 0);
	assert_int_equal(attest_hasher_new(&m.hasher, NULL), 0);
	for (size_t i = 0; i < PART_COUNT; i++)
		m.parts[i] = e.sections[part_rows[i].kind];
	assert_int_equal(judge(&m), 0);
	for (size_t i = 0; i < PART_COUNT; i++)
		flip_all(&m, (enum part)i);
	attest_hasher_free(m.hasher);
	attest_key_free(m.key);
}

static void rsassa(void **state)
{
	(void)state;
	every_flip_is_refused("quote-rsa.evidence");
}

static void rsapss(void **state)
{
	(void)state;
	every_flip_is_refused("quote-rsapss.evidence");
}

static void p256(void **state)
{
	(void)state;
	every_flip_is_refused("quote-p256.evidence");
}

static void p384(void **state)
{
	(void)state;
	every_flip_is_refused("quote-p384.evidence");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rsassa),
		cmocka_unit_test(rsapss),
		cmocka_unit_test(p256),
		cmocka_unit_test(p384),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
