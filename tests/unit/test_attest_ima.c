/* SPDX-License-Identifier: Apache-2.0 */
/* IMA lists: every template, both byte orders, violations, and each way a hostile list is broken.
 */
#include "ima_test.h"

static struct attest_hasher *hasher;

static int setup(void **state)
{
	(void)state;
	return attest_hasher_new(&hasher, NULL);
}

static int teardown(void **state)
{
	(void)state;
	attest_hasher_free(hasher);
	return 0;
}

static void assert_slice(struct rf_slice got, const char *want)
{
	if (!rf_slice_equal(got, rf_slice_text(want)))
		fail_msg("\"%.*s\" is not \"%s\"", (int)got.len, (const char *)got.data, want);
}

/* Replays the whole list in SHA-1, SHA-256 and SHA-384 and compares with the maker's own values. */
static void assert_replays(const struct maker *m)
{
	static const uint16_t algs[] = {ATTEST_SHA1, ATTEST_SHA256, ATTEST_SHA384};
	struct ima_list list = open_list(m);
	struct ima_state s;
	struct ima_entry e;
	struct rf_err err = {0};
	int rc;

	assert_int_equal(ima_state_init(&s, IMA_PCR, algs, 3, NULL), 0);
	s.padded_banks = m->padded ? 6 : 0;
	while ((rc = ima_next(&list, &e, &err)) > 0) {
		rc = ima_extend(hasher, &e, &s, &err);
		if (rc)
			break;
	}
	assert_string_equal(err.text, "");
	assert_int_equal(rc, 0);
	assert_int_equal(s.entries, m->count);
	assert_memory_equal(s.values[0], m->sha1, 20);
	assert_memory_equal(s.values[1], m->sha256, 32);
	assert_memory_equal(s.values[2], m->sha384, 48);
}

struct template_case {
	const char *template;
	enum ima_template want;
	const char *digest; /* prefix of the digest field */
	bool sig, buf, modsig, dac, verity;
};

static const struct template_case templates[] = {
	{"ima-ng", IMA_NG, "sha256:", 0, 0, 0, 0, 0},
	{"ima-sig", IMA_SIG, "sha256:", 1, 0, 0, 0, 0},
	{"ima-buf", IMA_BUF, "sha256:", 0, 1, 0, 0, 0},
	{"ima-modsig", IMA_MODSIG, "sha256:", 1, 0, 1, 0, 0},
	{"ima-ngv2", IMA_NGV2, "ima:sha256:", 0, 0, 0, 0, 0},
	{"ima-ngv2", IMA_NGV2, "verity:sha256:", 0, 0, 0, 0, 1},
	{"ima-sigv2", IMA_SIGV2, "verity:sha256:", 1, 0, 0, 0, 1},
	{"evm-sig", IMA_EVM_SIG, "sha256:", 1, 0, 0, 1, 0},
	/* ima_template_fmt= has no name: the list of fields stands in its place. */
	{"d-ng|n-ng|sig", IMA_OTHER, "sha256:", 1, 0, 0, 0, 0},
};

static void add_template(struct maker *m, const struct template_case *t)
{
	RF_AUTOBUF struct rf_buf data = {0};

	ima_digest_field(m, &data, t->digest, 32, 0xab);
	ima_field(m, &data, "/bin/with space", 16);
	if (t->sig)
		ima_field(m, &data, "\3\2sig", 5);
	if (t->buf)
		ima_field(m, &data, "root=/dev/sda", 13);
	if (t->modsig) {
		ima_digest_field(m, &data, "sha1:", 20, 1);
		ima_field(m, &data, "pkcs7", 5);
	}
	for (int i = 0; t->dac && i < 6; i++)
		ima_field(m, &data, "\0\0\0\0", 4);
	ima_add_data(m, t->template, rf_buf_slice(&data));
}

static void every_template_is_read_in_both_byte_orders(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * RF_COUNT(templates); i++) {
		const struct template_case *t = &templates[i / 2];
		struct maker m = {.big_endian = i % 2};
		struct ima_entry e;

		add_template(&m, t);
		struct ima_list list = open_list(&m);

		assert_int_equal(list.big_endian, m.big_endian);
		assert_int_equal(ima_next(&list, &e, NULL), 1);
		assert_int_equal(e.template, t->want);
		assert_slice(e.template_name, t->template);
		assert_int_equal(e.pcr, 10);
		assert_slice(e.name, "/bin/with space");
		assert_int_equal(e.file.alg, ATTEST_SHA256);
		assert_int_equal(e.file.len, 32);
		assert_int_equal(e.file.bytes[0], 0xab);
		assert_slice(e.file_alg, "sha256");
		assert_int_equal(e.verity, t->verity);
		assert_slice(e.signature, t->sig ? "\3\2sig" : "");
		assert_slice(e.buffer, t->buf ? "root=/dev/sda" : "");
		assert_slice(e.modsig, t->modsig ? "pkcs7" : "");
		assert_false(e.violation);
		assert_int_equal(ima_next(&list, &e, NULL), 0);
		assert_replays(&m);
		rf_buf_done(&m.list);
	}
}

static void the_old_template_is_padded_when_hashed(void **state)
{
	char longest[256] = {0};

	(void)state;
	memset(longest, 'n', 255);
	for (int big = 0; big < 2; big++) {
		struct maker m = {.big_endian = big};
		struct ima_entry e;

		ima_add_old(&m, "boot_aggregate", 1);
		ima_add_old(&m, longest, 2);
		ima_add_old(&m, "", 3);
		struct ima_list list = open_list(&m);

		assert_int_equal(ima_next(&list, &e, NULL), 1);
		assert_int_equal(e.template, IMA_OLD);
		assert_int_equal(e.file.alg, ATTEST_SHA1);
		assert_int_equal(e.file.len, 20);
		assert_slice(e.name, "boot_aggregate");
		assert_replays(&m);
		rf_buf_done(&m.list);
	}
}

static void unknown_templates_and_algorithms_are_carried(void **state)
{
	struct maker m = {0};
	struct ima_entry e;

	(void)state;
	ima_add_data(&m, "ima-cgpath", rf_slice_text("whatever stands here"));
	ima_add_data(&m, "d-ng|n-ng|moon", rf_slice_text("neither is this read"));
	ima_add_named(&m, "blake9:", 33, "/bin/new", 7);
	ima_add_named(&m, "md5:", 16, "/bin/weak", 7);
	ima_add_named(&m, "sha3-256:", 32, "/bin/three", 7);
	struct ima_list list = open_list(&m);

	for (int i = 0; i < 2; i++) {
		assert_int_equal(ima_next(&list, &e, NULL), 1);
		assert_int_equal(e.template, IMA_OTHER);
		assert_int_equal(e.name.len, 0);
		assert_int_equal(e.file.alg, 0);
	}
	assert_int_equal(ima_next(&list, &e, NULL), 1);
	assert_int_equal(e.file.alg, 0);
	assert_slice(e.file_alg, "blake9");
	assert_int_equal(e.file_digest.len, 33);
	assert_int_equal(ima_next(&list, &e, NULL), 1);
	assert_int_equal(e.file.alg, 0);
	assert_int_equal(e.file_digest.len, 16);
	assert_int_equal(ima_next(&list, &e, NULL), 1);
	assert_int_equal(e.file.alg, 0x0027);
	assert_replays(&m);
	rf_buf_done(&m.list);
}

static void violations_extend_ones(void **state)
{
	(void)state;
	for (int padded = 0; padded < 2; padded++) {
		struct maker m = {.padded = padded};
		struct ima_entry e;

		ima_add(&m, "/bin/a", 1);
		ima_add_violation(&m, "/bin/open for writing");
		ima_add(&m, "/bin/b", 2);
		struct ima_list list = open_list(&m);

		assert_int_equal(ima_next(&list, &e, NULL), 1);
		assert_false(e.violation);
		assert_int_equal(ima_next(&list, &e, NULL), 1);
		assert_true(e.violation);
		assert_slice(e.name, "/bin/open for writing");
		/* Its digest is unknown, not zero. */
		assert_int_equal(e.file.alg, 0);
		assert_int_equal(e.file_digest.len, 0);
		assert_replays(&m);
		rf_buf_done(&m.list);
	}
}

static void a_banks_own_list_is_checked_with_its_hash(void **state)
{
	struct maker m = {.list_alg = ATTEST_SHA256};
	struct ima_list list;
	struct ima_entry e;

	(void)state;
	ima_add(&m, "/bin/a", 1);
	ima_add_violation(&m, "/bin/v");
	ima_add(&m, "/bin/b", 2);
	list = open_list(&m);
	assert_int_equal(ima_next(&list, &e, NULL), 1);
	assert_int_equal(e.template_alg, ATTEST_SHA256);
	assert_int_equal(e.template_digest.len, 32);
	assert_replays(&m);
	/* No hash has that length. */
	assert_int_equal(ima_open(rf_buf_slice(&m.list), 21, &list, NULL), RF_E_UNSUPPORTED);
	rf_buf_done(&m.list);
}

static void an_entry_for_another_pcr_extends_nothing_here(void **state)
{
	struct maker m = {0};

	(void)state;
	ima_add(&m, "/bin/a", 1);
	m.pcr = 11;
	ima_add(&m, "/bin/elsewhere", 2);
	m.pcr = 0;
	ima_add(&m, "/bin/b", 3);
	assert_replays(&m);
	rf_buf_done(&m.list);
}

static void a_list_cut_anywhere_is_refused(void **state)
{
	struct maker m = {0};
	size_t whole = 0;

	(void)state;
	add_template(&m, &templates[3]);
	ima_add_old(&m, "old", 1);
	add_template(&m, &templates[7]);
	for (size_t cut = 0; cut <= m.list.len; cut++) {
		/* A copy of that size, so that a sanitizer sees a read behind it. */
		RF_AUTOFREE uint8_t *copy = rf_alloc(1, cut ? cut : 1);
		struct rf_err err = {0};
		struct ima_list list;
		struct ima_entry e = {.index = 77};
		int rc;

		memcpy(copy, m.list.data, cut);
		assert_int_equal(ima_open((struct rf_slice){copy, cut}, 20, &list, NULL), 0);
		while ((rc = ima_next(&list, &e, &err)) > 0)
			;
		bool between = cut == 0 || cut == m.list.len;

		for (size_t i = 1; i < m.count; i++)
			between |= cut == m.offsets[i];
		if (rc != (between ? 0 : RF_E_TRUNCATED))
			fail_msg("cut at %zu: %d %s", cut, rc, err.text);
		whole += between;
		/* Nothing was written for the entry that is broken. */
		assert_int_equal(e.index, list.count ? list.count - 1 : 77);
	}
	assert_int_equal(whole, 4);
	rf_buf_done(&m.list);
}

/* One entry whose bytes are bent; where: from the start of the record. */
struct bent {
	const char *name;
	size_t where;
	const char *bytes;
	size_t len;
	int want;
	const char *says;
};

/* ima-ng: pcr 0, digest 4, name length 24, name 28, data length 34, data 38: field length 38,
 * "sha256:\0" 42, digest 50, field length 82, name 86. */
static const struct bent bents[] = {
	{"PCR 24", 0, "\x18\0\0\0", 4, RF_E_SYNTAX, "PCR 24"},
	{"PCR 2^32-1", 0, "\xff\xff\xff\xff", 4, RF_E_SYNTAX, "PCR 4294967295"},
	{"name length 0", 24, "\0\0\0\0", 4, RF_E_SYNTAX, "template name length 0"},
	{"name length 0xFFFFFFFF", 24, "\xff\xff\xff\xff", 4, RF_E_SYNTAX,
	 "template name length 4294967295"},
	{"name length 256", 24, "\0\1\0\0", 4, RF_E_SYNTAX, "template name length 256"},
	{"name length beyond", 24, "\xf0\0\0\0", 4, RF_E_TRUNCATED, "template name"},
	{"data length beyond", 34, "\0\1\0\0", 4, RF_E_TRUNCATED, "template data"},
	{"data length 0xFFFFFFFF", 34, "\xff\xff\xff\xff", 4, RF_E_TRUNCATED, "template data"},
	{"data length 0", 34, "\0\0\0\0", 4, RF_E_TRUNCATED, "field 1 of 2"},
	{"field longer than data", 38, "\xf0\0\0\0", 4, RF_E_TRUNCATED, "field 1 of 2"},
	{"field length 0xFFFFFFFF", 38, "\xff\xff\xff\xff", 4, RF_E_TRUNCATED, "field 1 of 2"},
	{"second field longer than data", 82, "\x09\0\0\0", 4, RF_E_TRUNCATED, "field 2 of 2"},
	{"second field shorter than data", 82, "\x06\0\0\0", 4, RF_E_SYNTAX, "behind the last"},
	{"digest without colon", 48, "6", 1, RF_E_SYNTAX, "without the name"},
	{"digest with nothing before the colon", 42, ":", 1, RF_E_SYNTAX, "without the name"},
	{"colon without NUL", 49, "x", 1, RF_E_SYNTAX, "no NUL"},
	{"colon at the end", 38, "\7\0\0\0", 4, RF_E_SYNTAX, "no NUL"},
	{"wrong length for its algorithm", 42, "sha384", 6, RF_E_SYNTAX, "sha384 digest"},
	{"NUL inside the name", 88, "\0", 1, RF_E_SYNTAX, "NUL inside"},
};

static void broken_entries_are_refused_by_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < RF_COUNT(bents); i++) {
		const struct bent *b = &bents[i];
		struct maker m = {0};
		struct rf_err err = {0};
		struct ima_entry e;

		ima_add(&m, "/bin/x", 1);
		ima_add(&m, "/bin/y", 2);
		memcpy(m.list.data + m.offsets[1] + b->where, b->bytes, b->len);
		struct ima_list list = open_list(&m);

		assert_int_equal(ima_next(&list, &e, &err), 1);
		size_t at = list.at;
		int rc = ima_next(&list, &e, &err);

		if (rc != b->want || !strstr(err.text, b->says) ||
		    !strstr(err.text, "IMA entry 1 at byte"))
			fail_msg("%s: %d %s", b->name, rc, err.text);
		/* It stays where it is broken. */
		assert_int_equal(list.at, at);
		assert_int_equal(list.count, 1);
		rf_buf_done(&m.list);
	}
}

static void old_and_v2_traps_are_refused(void **state)
{
	static const struct {
		const char *name, *digest;
		size_t digest_len;
		int want;
	} cases[] = {
		{"v2 without its kind", "sha256:", 32, RF_E_SYNTAX},
		{"v2 of another kind", "moon:sha256:", 32, RF_E_SYNTAX},
		{"v2 kind alone", "ima:", 0, RF_E_SYNTAX},
		{"v2 short digest", "verity:sha256:", 31, RF_E_SYNTAX},
		{"v2 good", "verity:sha512:", 64, 1},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		RF_AUTOBUF struct rf_buf data = {0};
		struct maker m = {0};
		struct ima_entry e;

		ima_digest_field(&m, &data, cases[i].digest, cases[i].digest_len, 1);
		ima_field(&m, &data, "n", 2);
		ima_add_data(&m, "ima-ngv2", rf_buf_slice(&data));
		struct ima_list list = open_list(&m);

		if (ima_next(&list, &e, NULL) != cases[i].want)
			fail_msg("%s", cases[i].name);
		rf_buf_done(&m.list);
	}
	struct maker m = {0};
	struct ima_entry e;

	/* The name of the old template: 256 bytes do not fit what is hashed. */
	ima_add_old(&m, "name", 1);
	memcpy(m.list.data + 4 + 20 + 4 + 3 + 20, "\0\1\0\0", 4);
	for (int i = 0; i < 300; i++)
		rf_buf_add_byte(&m.list, 'x');
	struct ima_list list = open_list(&m);

	assert_int_equal(ima_next(&list, &e, NULL), RF_E_SYNTAX);
	rf_buf_done(&m.list);
}

static void an_edited_entry_is_named(void **state)
{
	struct maker m = {0};
	struct ima_entry e;
	struct ima_state s, before;
	struct rf_err err = {0};

	(void)state;
	ima_add(&m, "/bin/good", 1);
	ima_add(&m, "/bin/evil", 2);
	/* Another file digest, so that the entry looks like a known file. */
	m.list.data[m.offsets[1] + 50] ^= 1;
	struct ima_list list = open_list(&m);

	assert_int_equal(ima_state_init(&s, 10, (uint16_t[]){ATTEST_SHA256}, 1, NULL), 0);
	assert_int_equal(ima_next(&list, &e, NULL), 1);
	assert_int_equal(ima_extend(hasher, &e, &s, NULL), 0);
	before = s;
	assert_int_equal(ima_next(&list, &e, NULL), 1);
	assert_int_equal(ima_extend(hasher, &e, &s, &err), RF_E_MISMATCH);
	assert_non_null(strstr(err.text, "IMA entry 1 "));
	assert_non_null(strstr(err.text, "/bin/evil"));
	assert_memory_equal(&s, &before, sizeof(s));
	rf_buf_done(&m.list);
}

/* Two boot aggregates as real kernels listed them (ima-sig without a signature). */
static void kernels_agree(void **state)
{
	static const struct {
		const char *template_digest, *digest;
	} cases[] = {
		{"0c8a706a75a5689c1e168f0a573a3cbec33061b5",
		 "e4cb9f5709c88376b5fc3743cd88e76b9aae8f3d992d845678de5215edb31216"},
		{"8aa71d146be2b1a0a53cb603be22928f1b74ae17",
		 "94326940137a8f59b369d1aa058bccce58cbda37e68be0f138ea45c2cb743a46"},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		RF_AUTOBUF struct rf_buf data = {0};
		struct maker m = {0};
		uint8_t digest[40] = "sha256:";
		struct ima_entry e;
		struct ima_state s;
		size_t len;

		assert_int_equal(rf_hex_decode(cases[i].digest, digest + 8, 32, &len), 0);
		ima_field(&m, &data, digest, 40);
		ima_field(&m, &data, "boot_aggregate", 15);
		ima_field(&m, &data, NULL, 0);
		ima_add_data(&m, "ima-sig", rf_buf_slice(&data));
		assert_int_equal(rf_hex_decode(cases[i].template_digest, m.list.data + 4, 20, &len),
				 0);
		struct ima_list list = open_list(&m);

		assert_int_equal(ima_state_init(&s, 10, (uint16_t[]){ATTEST_SHA1}, 1, NULL), 0);
		assert_int_equal(ima_next(&list, &e, NULL), 1);
		assert_int_equal(ima_extend(hasher, &e, &s, NULL), 0);
		rf_buf_done(&m.list);
	}
}

static void states_have_limits(void **state)
{
	uint16_t many[9] = {4, 11, 12, 13, 4, 11, 12, 13, 4};
	struct ima_state s = {.pcr = 99};
	struct ima_list list;

	(void)state;
	assert_int_equal(ima_state_init(&s, 10, many, 9, NULL), RF_E_LIMIT);
	assert_int_equal(ima_state_init(&s, 10, many, 0, NULL), RF_E_LIMIT);
	assert_int_equal(ima_state_init(&s, 24, many, 1, NULL), RF_E_LIMIT);
	many[1] = 0x0027;
	assert_int_equal(ima_state_init(&s, 10, many, 2, NULL), RF_E_UNSUPPORTED);
	assert_int_equal(s.pcr, 99);
	assert_int_equal(ima_open((struct rf_slice){(const uint8_t *)"", IMA_MAX_BYTES + 1u}, 20,
				  &list, NULL),
			 RF_E_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_template_is_read_in_both_byte_orders),
		cmocka_unit_test(the_old_template_is_padded_when_hashed),
		cmocka_unit_test(unknown_templates_and_algorithms_are_carried),
		cmocka_unit_test(violations_extend_ones),
		cmocka_unit_test(a_banks_own_list_is_checked_with_its_hash),
		cmocka_unit_test(an_entry_for_another_pcr_extends_nothing_here),
		cmocka_unit_test(a_list_cut_anywhere_is_refused),
		cmocka_unit_test(broken_entries_are_refused_by_name),
		cmocka_unit_test(old_and_v2_traps_are_refused),
		cmocka_unit_test(an_edited_entry_is_named),
		cmocka_unit_test(kernels_agree),
		cmocka_unit_test(states_have_limits),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
