/* SPDX-License-Identifier: Apache-2.0 */
/* Signature databases compared: by certificate, by hash, in words; and what is refused. */
#include "cert_test.h"

#include "attest/sbdiff.h"

static const uint8_t x509[16] = {0xa1, 0x59, 0xc0, 0xa5, 0xe4, 0x94, 0xa7, 0x4a,
				 0x87, 0xb5, 0xab, 0x15, 0x5c, 0x2b, 0xf0, 0x72};
static const uint8_t sha256[16] = {0x26, 0x16, 0xc4, 0xc1, 0x4c, 0x50, 0x92, 0x40,
				   0xac, 0xa9, 0x41, 0xf9, 0x36, 0x93, 0x43, 0x28};

static void put32(struct rf_buf *b, size_t value)
{
	for (int i = 0; i < 4; i++)
		rf_buf_add_byte(b, (uint8_t)(value >> (8 * i)));
}

static void put_head(struct rf_buf *b, const uint8_t type[16], size_t entries, size_t bytes)
{
	rf_buf_add(b, type, 16);
	put32(b, 28 + entries * bytes);
	put32(b, 0);
	put32(b, bytes);
}

/* Hashes first, first + 1 ...: the number stands in the first two bytes. */
static void put_hashes(struct rf_buf *b, unsigned int first, unsigned int count, uint8_t owner)
{
	put_head(b, sha256, count, 48);
	for (unsigned int i = first; i < first + count; i++) {
		uint8_t entry[48] = {owner, [16] = (uint8_t)(i >> 8), [17] = (uint8_t)i};

		rf_buf_add(b, entry, sizeof(entry));
	}
}

static void put_certificate(struct rf_buf *b, const struct cert_test *cert)
{
	uint8_t owner[16] = {7};
	unsigned char *der = NULL;
	int len = i2d_X509(cert->x, &der);

	put_head(b, x509, 1, 16 + (size_t)len);
	rf_buf_add(b, owner, 16);
	rf_buf_add(b, der, (size_t)len);
	OPENSSL_free(der);
}

struct certs {
	struct cert_test debian, other, namesake;
};

static int setup(void **state)
{
	struct certs *c = rf_alloc(1, sizeof(*c));

	c->debian = cert_test_make(EVP_EC_gen("P-256"), "Debian Secure Boot CA", NULL, true, true);
	c->other = cert_test_make(EVP_EC_gen("P-256"), "Evil\x1b[2J CA", NULL, true, true);
	c->namesake =
		cert_test_make(EVP_EC_gen("P-256"), "Debian Secure Boot CA", NULL, true, true);
	*state = c;
	return 0;
}

static int teardown(void **state)
{
	struct certs *c = *state;

	cert_test_done(&c->debian);
	cert_test_done(&c->other);
	cert_test_done(&c->namesake);
	rf_free(c);
	return 0;
}

static void compare(enum sbdiff_list list, const struct rf_buf *before, const struct rf_buf *after,
		    struct sbdiff *diff)
{
	struct rf_err err = {0};

	if (sbdiff_compare(list, rf_buf_slice(before), rf_buf_slice(after), diff, &err))
		fail_msg("%s", rf_err_text(&err));
}

static void expect(const struct sbdiff *diff, const char *want)
{
	char text[2048];
	struct words w = words_into(text, sizeof(text));

	sbdiff_words(&w, diff);
	assert_string_equal(text, want);
}

static void certificates_come_and_go_by_name(void **state)
{
	const struct certs *c = *state;
	RF_AUTOBUF struct rf_buf before = {0}, after = {0};
	struct sbdiff diff;

	put_certificate(&before, &c->debian);
	put_certificate(&after, &c->debian);
	compare(SBDIFF_DB, &before, &after, &diff);
	expect(&diff, "nothing");
	assert_false(diff.wider);
	put_certificate(&after, &c->other);
	compare(SBDIFF_DB, &before, &after, &diff);
	expect(&diff, "added: certificate 'Evil\\x1b[2J CA' that may sign boot programs");
	assert_true(diff.wider);
	assert_int_equal(diff.added, 1);
	assert_int_equal(diff.removed, 0);
	/* What is forbidden counts the other way round. */
	compare(SBDIFF_DBX, &before, &after, &diff);
	expect(&diff, "added: certificate 'Evil\\x1b[2J CA' whose signatures are forbidden");
	assert_false(diff.wider);
	compare(SBDIFF_DBX, &after, &before, &diff);
	assert_true(diff.wider);
	assert_true(diff.lines[0].removed && !diff.lines[0].added);
}

static void a_namesake_is_another_certificate(void **state)
{
	const struct certs *c = *state;
	RF_AUTOBUF struct rf_buf before = {0}, after = {0};
	struct sbdiff diff;

	put_certificate(&before, &c->debian);
	put_certificate(&after, &c->namesake);
	compare(SBDIFF_MOK, &before, &after, &diff);
	expect(&diff, "replaced by another of the same name: certificate 'Debian Secure Boot CA' "
		      "that the machine's owner trusts");
	assert_true(diff.wider);
	assert_int_equal(diff.lines_count, 1);
	/* All of it new, or all gone. */
	rf_buf_reset(&before);
	compare(SBDIFF_PK, &before, &after, &diff);
	expect(&diff, "added: certificate 'Debian Secure Boot CA' that owns the platform");
}

static void hashes_are_counted(void **state)
{
	RF_AUTOBUF struct rf_buf before = {0}, after = {0};
	struct sbdiff diff;

	(void)state;
	put_hashes(&before, 0, 10, 1);
	put_hashes(&after, 1, 10, 2); /* another owner does not count, nor do two lists */
	compare(SBDIFF_DBX, &before, &after, &diff);
	expect(&diff, "removed: SHA-256 hash of a forbidden program (0000000000000000...); added: "
		      "SHA-256 hash of a forbidden program (000a000000000000...)");
	assert_true(diff.wider);
	put_hashes(&after, 0, 5, 3);
	put_hashes(&after, 100, 300, 3);
	compare(SBDIFF_DBX, &before, &after, &diff);
	expect(&diff, "added: 301 SHA-256 hashes of forbidden programs (000a000000000000..., "
		      "0064000000000000..., 0065000000000000..., ...)");
	assert_false(diff.wider);
	assert_int_equal(diff.added, 301);
	compare(SBDIFF_DB, &after, &before, &diff);
	assert_true(strncmp(diff.lines[0].text, "301 SHA-256 hashes of allowed programs", 38) == 0);
	rf_buf_reset(&after);
	put_hashes(&after, 0, 11, 1);
	compare(SBDIFF_DB, &before, &after, &diff);
	expect(&diff, "added: SHA-256 hash of an allowed program (000a000000000000...)");
}

static void output_is_bounded(void **state)
{
	const struct certs *c = *state;
	RF_AUTOBUF struct rf_buf before = {0}, after = {0}, one = {0};
	struct sbdiff diff;
	char text[4096];
	struct words w = words_into(text, sizeof(text));

	put_certificate(&one, &c->debian);
	for (unsigned int i = 0; i < 264; i++) {
		/* The last byte is part of the signature: 264 certificates of one name. */
		one.data[one.len - 1] = (uint8_t)i;
		one.data[one.len - 2] = (uint8_t)(i >> 8);
		rf_buf_add(&after, one.data, one.len);
	}
	compare(SBDIFF_DB, &before, &after, &diff);
	assert_int_equal(diff.lines_count, SBDIFF_LINES);
	assert_int_equal(diff.more, 240);
	assert_int_equal(diff.added, 264);
	sbdiff_words(&w, &diff);
	assert_non_null(strstr(text, "; and 240 more"));
}

struct bent {
	const char *name;
	size_t at, len; /* value: hashes, cut to len, byte at at is bent */
	uint8_t value;
	int want;
};

static void broken_values_are_refused(void **state)
{
	static const struct bent bents[] = {
		{"cut in an entry", 0, 100, 0x26, RF_E_TRUNCATED},
		{"cut in a head", 0, 20, 0x26, RF_E_TRUNCATED},
		{"one byte", 0, 1, 0x26, RF_E_TRUNCATED},
		{"entries of no bytes", 24, 124, 0, RF_E_SYNTAX},
		{"a list that is longer", 16, 124, 0xff, RF_E_TRUNCATED},
	};
	RF_AUTOBUF struct rf_buf good = {0};

	(void)state;
	put_hashes(&good, 0, 2, 1);
	for (size_t i = 0; i < RF_COUNT(bents); i++) {
		RF_AUTOBUF struct rf_buf bent = {0};
		struct sbdiff diff = {.more = 77};
		struct rf_err err = {0};

		rf_buf_add(&bent, good.data, bents[i].len);
		bent.data[bents[i].at] = bents[i].value;
		for (int side = 0; side < 2; side++) {
			int rc = sbdiff_compare(SBDIFF_DB, rf_buf_slice(side ? &bent : &good),
						rf_buf_slice(side ? &good : &bent), &diff, &err);

			if (rc != bents[i].want)
				fail_msg("%s: %d %s", bents[i].name, rc, rf_err_text(&err));
			assert_non_null(strstr(err.text, side ? "the old value" : "the new value"));
			assert_int_equal(diff.more, 77);
		}
	}
	struct sbdiff diff;

	assert_int_equal(sbdiff_compare(SBDIFF_DB, (struct rf_slice){0},
					(struct rf_slice){good.data, SBDIFF_MAX_BYTES + 1}, &diff,
					NULL),
			 RF_E_LIMIT);
}

static void memory_may_fail(void **state)
{
	RF_AUTOBUF struct rf_buf before = {0}, after = {0};
	struct sbdiff diff;

	(void)state;
	put_hashes(&before, 0, 30, 1);
	put_hashes(&after, 9, 30, 1);
	for (size_t n = 1; n < 40; n++) {
		rf_alloc_fail_after(n);
		int rc = sbdiff_compare(SBDIFF_DB, rf_buf_slice(&before), rf_buf_slice(&after),
					&diff, NULL);

		rf_alloc_fail_after(0);
		if (rc == 0)
			return;
		assert_int_equal(rc, -ENOMEM);
	}
	fail_msg("it never had enough");
}

static void names_of_variables(void **state)
{
	(void)state;
	assert_int_equal(sbdiff_list_of_name("db"), SBDIFF_DB);
	assert_int_equal(sbdiff_list_of_name("dbx"), SBDIFF_DBX);
	assert_int_equal(sbdiff_list_of_name("MokListXRT"), SBDIFF_MOKX);
	assert_int_equal(sbdiff_list_of_name("DB"), SBDIFF_OTHER);
	assert_int_equal(sbdiff_list_of_name(""), SBDIFF_OTHER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(certificates_come_and_go_by_name),
		cmocka_unit_test(a_namesake_is_another_certificate),
		cmocka_unit_test(hashes_are_counted),
		cmocka_unit_test(output_is_bounded),
		cmocka_unit_test(broken_values_are_refused),
		cmocka_unit_test(memory_may_fail),
		cmocka_unit_test(names_of_variables),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
