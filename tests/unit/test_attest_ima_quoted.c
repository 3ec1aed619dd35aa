/* SPDX-License-Identifier: Apache-2.0 */
/* IMA lists against what a quote proves: ahead of it, in increments, tampered with; boot
 * aggregates. */
#include "ima_test.h"

static struct attest_hasher *hasher;
static const uint16_t three[] = {ATTEST_SHA1, ATTEST_SHA256, ATTEST_SHA384};

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

static void fresh(struct ima_state *s, size_t from, size_t count)
{
	assert_int_equal(ima_state_init(s, IMA_PCR, three + from, count, NULL), 0);
}

static void add_many(struct maker *m, size_t count)
{
	char name[32];

	for (size_t i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "/usr/bin/%zu", m->count);
		ima_add(m, name, (uint8_t)m->count);
	}
}

/* Proved values of PCR 10 as the maker has them now. */
static void prove(struct attest_pcr_values *values, const struct maker *m)
{
	memset(values, 0, sizeof(*values));
	put_value(values, ATTEST_SHA1, 10, m->sha1);
	put_value(values, ATTEST_SHA256, 10, m->sha256);
}

static void a_list_ahead_of_the_quote_is_split(void **state)
{
	(void)state;
	for (size_t ahead = 0; ahead < 3; ahead++) {
		struct maker m = {0};
		struct attest_pcr_values values;
		struct ima_target target = {.values = &values};
		struct ima_quoted q;
		struct ima_state s;

		fresh(&s, 0, 3);
		add_many(&m, 35);
		ima_add_violation(&m, "/var/log/open");
		prove(&values, &m);
		size_t bytes = m.list.len;

		add_many(&m, ahead);
		struct ima_list list = open_list(&m);

		assert_int_equal(ima_find_quoted(hasher, &list, &target, &s, &q, NULL), 0);
		assert_int_equal(q.entries, 36);
		assert_int_equal(q.beyond, ahead);
		assert_int_equal(q.bytes, bytes);
		assert_int_equal(q.violations, 1);
		assert_int_equal(q.first_violation, 35);
		assert_int_equal(q.other_pcrs, 0);
		assert_int_equal(s.entries, 36);
		assert_int_equal(s.padded_banks, 0);
		assert_memory_equal(s.values[1], values.values[1][10].bytes, 32);
		rf_buf_done(&m.list);
	}
}

static void increments_go_on_where_the_last_quote_left_off(void **state)
{
	struct maker m = {0};
	struct attest_pcr_values values;
	struct ima_target target = {.values = &values};
	struct ima_quoted q;
	struct ima_state s;
	struct ima_list list;
	size_t from = 0;

	(void)state;
	fresh(&s, 1, 1);
	for (int round = 0; round < 4; round++) {
		/* The third round brings nothing new. */
		add_many(&m, round == 2 ? 0 : 5);
		prove(&values, &m);
		size_t covered = m.list.len;

		m.pcr = 12;
		ima_add(&m, "/for/another", 3);
		m.pcr = 0;
		assert_int_equal(ima_open((struct rf_slice){m.list.data + from, m.list.len - from},
					  20, &list, NULL),
				 0);
		assert_int_equal(ima_find_quoted(hasher, &list, &target, &s, &q, NULL), 0);
		assert_int_equal(q.other_pcrs, round == 0 || round == 2 ? 0 : 1u << 12);
		from += q.bytes;
		assert_true(from <= covered);
		/* An entry for another PCR right behind is not yet proved. */
		assert_int_equal(q.beyond, round == 2 ? 2 : 1);
	}
	rf_buf_done(&m.list);
}

static void padded_banks_of_old_kernels_are_recognised(void **state)
{
	static const struct {
		size_t from, count;
		uint8_t want;
	} cases[] = {{0, 2, 2}, {1, 1, 1}, {0, 1, 0}};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		struct maker m = {.padded = true};
		struct attest_pcr_values values;
		struct ima_target target = {.values = &values};
		struct ima_quoted q;
		struct ima_state s;

		fresh(&s, cases[i].from, cases[i].count);
		add_many(&m, 10);
		ima_add_violation(&m, "/v");
		prove(&values, &m);
		add_many(&m, 1);
		struct ima_list list = open_list(&m);

		assert_int_equal(ima_find_quoted(hasher, &list, &target, &s, &q, NULL), 0);
		assert_int_equal(q.entries, 11);
		assert_int_equal(s.padded_banks, cases[i].want);
		rf_buf_done(&m.list);
	}
}

/* A quote of SHA-1 and SHA-256, PCR 0, 1 and 10, signed with SHA-256. */
struct quoted {
	uint8_t message[512], digest[32];
	struct attest_quote quote;
	struct attest_pcr_values values; /* of 0 and 1 */
};

static void make_quote(struct quoted *q, const struct maker *m)
{
	uint8_t value[32];
	size_t len = 0;

	memset(q, 0, sizeof(*q));
	for (uint16_t bank = 0; bank < 2; bank++) {
		size_t size = bank ? 32 : 20;

		for (uint32_t pcr = 0; pcr < 2; pcr++) {
			memset(value, (int)(1 + pcr + bank), sizeof(value));
			put_value(&q->values, three[bank], pcr, value);
			memcpy(q->message + len, value, size);
			len += size;
		}
		memcpy(q->message + len, bank ? m->sha256 : m->sha1, size);
		len += size;
		q->quote.selections[bank] = (struct attest_selection){three[bank], 0x403};
	}
	h("SHA256", q->message, len, q->digest);
	q->quote.version = 2;
	q->quote.selections_count = 2;
	q->quote.pcr_digest = (struct rf_slice){q->digest, 32};
}

static void the_quoted_digest_alone_is_enough(void **state)
{
	struct maker m = {0};
	struct quoted q;
	struct ima_target target = {.values = &q.values, .quote = &q.quote, .hash = ATTEST_SHA256};
	struct ima_quoted out;
	struct ima_state s;
	struct rf_err err = {0};

	(void)state;
	add_many(&m, 20);
	make_quote(&q, &m);
	add_many(&m, 4);
	struct ima_list list = open_list(&m);

	fresh(&s, 0, 2);
	assert_int_equal(ima_find_quoted(hasher, &list, &target, &s, &out, NULL), 0);
	assert_int_equal(out.entries, 20);
	assert_int_equal(out.beyond, 4);
	/* A bank that the quote covers must be replayed. */
	fresh(&s, 1, 1);
	assert_int_equal(ima_find_quoted(hasher, &list, &target, &s, &out, &err), RF_E_MISSING);
	assert_non_null(strstr(err.text, "the sha1 bank is not replayed"));
	/* Another PCR of the quote must be known. */
	fresh(&s, 0, 2);
	q.values.present[1] = 1;
	assert_int_equal(ima_find_quoted(hasher, &list, &target, &s, &out, &err), RF_E_MISSING);
	assert_non_null(strstr(err.text, "the value of PCR 1 in the sha256 bank is missing"));
	q.values.present[1] = 3;
	/* A quote without IMA's PCR proves nothing of it. */
	q.quote.selections[0].pcrs = q.quote.selections[1].pcrs = 3;
	assert_int_equal(ima_find_quoted(hasher, &list, &target, &s, &out, &err), RF_E_MISSING);
	assert_non_null(strstr(err.text, "proves no value of PCR 10"));
	q.quote.selections[0].pcrs = q.quote.selections[1].pcrs = 0x403;
	q.digest[0] ^= 1;
	assert_int_equal(ima_find_quoted(hasher, &list, &target, &s, &out, &err), RF_E_MISMATCH);
	q.quote.pcr_digest.len = 31;
	assert_int_equal(ima_find_quoted(hasher, &list, &target, &s, &out, &err), RF_E_MISMATCH);
	rf_buf_done(&m.list);
}

/* TPM 1.2: the composite says the selection and the length too. */
static void a_tpm12_composite_is_made_again(void **state)
{
	struct maker m = {0};
	uint8_t message[64] = {0, 3, 1, 4, 0, 0, 0, 0, 40}, digest[20];
	struct attest_quote quote = {.version = 1,
				     .select_bytes = 3,
				     .selections = {{ATTEST_SHA1, 0x401}},
				     .selections_count = 1,
				     .pcr_digest = {digest, 20}};
	struct attest_pcr_values values = {0};
	struct ima_target target = {.values = &values, .quote = &quote, .hash = ATTEST_SHA1};
	struct ima_quoted out;
	struct ima_state s;

	(void)state;
	memset(message + 9, 7, 20);
	put_value(&values, ATTEST_SHA1, 0, message + 9);
	for (int i = 0; i < 5; i++)
		ima_add_old(&m, "old", (uint8_t)(i + 1));
	memcpy(message + 29, m.sha1, 20);
	h("SHA1", message, 49, digest);
	ima_add_old(&m, "old", 9);
	struct ima_list list = open_list(&m);

	fresh(&s, 0, 1);
	assert_int_equal(ima_find_quoted(hasher, &list, &target, &s, &out, NULL), 0);
	assert_int_equal(out.entries, 5);
	fresh(&s, 0, 1);
	quote.select_bytes = 0;
	assert_int_equal(ima_find_quoted(hasher, &list, &target, &s, &out, NULL), RF_E_MISSING);
	rf_buf_done(&m.list);
}

/* ---- what was tampered with is named ---- */

static void append(struct rf_buf *out, const struct maker *m, size_t i)
{
	size_t end = i + 1 < m->count ? m->offsets[i + 1] : m->list.len;

	rf_buf_add(out, m->list.data + m->offsets[i], end - m->offsets[i]);
}

struct tamper {
	const char *name;
	int order[12]; /* entries of the true list, -1: the planted one, -2: the end */
	int found;     /* by ima_find_culprit */
	enum ima_change found_kind, kind;
	uint32_t found_index, index;
};

static const struct tamper tampers[] = {
	{"planted in the middle",
	 {0, 1, 2, 3, -1, 4, 5, 6, 7, -2},
	 1,
	 IMA_PLANTED,
	 IMA_PLANTED,
	 4,
	 4},
	{"planted first", {-1, 0, 1, 2, 3, 4, 5, 6, 7, -2}, 1, IMA_PLANTED, IMA_PLANTED, 0, 0},
	{"doubled", {0, 1, 2, 3, 4, 2, 5, 6, 7, -2}, 1, IMA_DOUBLED, IMA_DOUBLED, 5, 5},
	{"doubled at once", {0, 1, 2, 2, 3, 4, 5, 6, 7, -2}, 1, IMA_DOUBLED, IMA_DOUBLED, 3, 3},
	{"reordered", {0, 1, 3, 2, 4, 5, 6, 7, -2}, 1, IMA_REORDERED, IMA_REORDERED, 2, 2},
	{"dropped", {0, 1, 2, 4, 5, 6, 7, -2}, 0, IMA_PLANTED, IMA_DROPPED, 0, 3},
	{"last dropped", {0, 1, 2, 3, 4, 5, 6, -2}, 0, IMA_PLANTED, IMA_DROPPED, 0, 7},
	{"replaced", {0, 1, 2, -1, 4, 5, 6, 7, -2}, 0, IMA_PLANTED, IMA_CHANGED, 0, 3},
};

static void check_tamper(const struct tamper *t, const struct maker *m, const struct maker *planted,
			 struct ima_target *target, struct rf_slice known)
{
	RF_AUTOBUF struct rf_buf bent = {0};
	struct ima_search search = {.max_extends = 100000};
	struct ima_culprit c = {0};
	struct ima_list list, was;
	struct ima_state s;
	struct ima_quoted q = {.entries = 99};
	struct rf_err err = {0};

	for (size_t i = 0; t->order[i] != -2; i++)
		append(&bent, t->order[i] < 0 ? planted : m,
		       t->order[i] < 0 ? 0 : (size_t)t->order[i]);
	assert_int_equal(ima_open(rf_buf_slice(&bent), 20, &list, NULL), 0);
	assert_int_equal(ima_open(known, 20, &was, NULL), 0);
	fresh(&s, 0, 2);
	struct ima_state before = s;

	if (ima_find_quoted(hasher, &list, target, &s, &q, &err) != RF_E_MISMATCH)
		fail_msg("%s is not seen", t->name);
	assert_memory_equal(&s, &before, sizeof(s));
	assert_int_equal(q.entries, 99);
	int rc = ima_find_culprit(hasher, &list, target, &s, &search, &c);

	if (rc != t->found || (rc == 1 && (c.kind != t->found_kind || c.index != t->found_index)))
		fail_msg("%s: found %d, kind %d at %u", t->name, rc, c.kind, c.index);
	assert_int_equal(ima_compare(&was, &list, &c, NULL), 1);
	if (c.kind != t->kind || c.index != t->index)
		fail_msg("%s: kind %d at %u", t->name, c.kind, c.index);
}

static void a_tampered_list_does_not_fit_and_the_entry_is_named(void **state)
{
	struct maker m = {0}, planted = {0};
	struct attest_pcr_values values;
	struct quoted q;
	struct ima_target by_value = {.values = &values};
	struct ima_target by_digest = {
		.values = &q.values, .quote = &q.quote, .hash = ATTEST_SHA256};

	(void)state;
	add_many(&m, 8);
	ima_add(&planted, "/usr/bin/planted", 0xee);
	prove(&values, &m);
	make_quote(&q, &m);
	for (size_t i = 0; i < RF_COUNT(tampers); i++) {
		check_tamper(&tampers[i], &m, &planted, &by_value, rf_buf_slice(&m.list));
		check_tamper(&tampers[i], &m, &planted, &by_digest, rf_buf_slice(&m.list));
	}
	rf_buf_done(&m.list);
	rf_buf_done(&planted.list);
}

static void a_list_that_grew_is_the_same(void **state)
{
	struct maker m = {0};
	struct ima_list was, now;
	struct ima_culprit c;

	(void)state;
	add_many(&m, 3);
	was = open_list(&m);
	was.bytes.len = m.offsets[2];
	add_many(&m, 3);
	now = open_list(&m);
	was.bytes.data = now.bytes.data;
	assert_int_equal(ima_compare(&was, &now, &c, NULL), 0);
	now.bytes.len--;
	was.bytes.len = m.list.len;
	assert_int_equal(ima_compare(&was, &now, &c, NULL), RF_E_TRUNCATED);
	rf_buf_done(&m.list);
}

/* A whole host's list, 37 of whose entries came after the quote; then one entry is planted. */
static void sixteen_thousand_entries(void **state)
{
	struct maker m = {0};
	struct attest_pcr_values values;
	struct ima_target target = {.values = &values};
	struct ima_culprit c = {0};
	struct ima_quoted q;
	struct ima_state s;
	uint32_t suspects[] = {3, 8000, 15999};
	struct ima_search search = {
		.max_extends = 60000, .suspects = suspects, .suspects_count = 3};

	(void)state;
	add_many(&m, 15963);
	prove(&values, &m);
	add_many(&m, 37);
	struct ima_list list = open_list(&m);

	fresh(&s, 0, 2);
	assert_int_equal(ima_find_quoted(hasher, &list, &target, &s, &q, NULL), 0);
	assert_int_equal(q.entries, 15963);
	assert_int_equal(q.beyond, 37);

	RF_AUTOBUF struct rf_buf bent = {0};
	struct maker planted = {0};
	size_t at = 0;

	for (uint32_t i = 0; i < 8000; i++) {
		struct ima_entry e;

		assert_int_equal(ima_next(&list, &e, NULL), 1);
		at = list.at;
	}
	ima_add(&planted, "/tmp/implant", 0xee);
	rf_buf_add(&bent, m.list.data, at);
	rf_buf_add(&bent, planted.list.data, planted.list.len);
	rf_buf_add(&bent, m.list.data + at, m.list.len - at);
	assert_int_equal(ima_open(rf_buf_slice(&bent), 20, &list, NULL), 0);
	fresh(&s, 0, 2);
	assert_int_equal(ima_find_quoted(hasher, &list, &target, &s, &q, NULL), RF_E_MISMATCH);
	assert_int_equal(ima_find_culprit(hasher, &list, &target, &s, &search, &c), 1);
	assert_int_equal(c.kind, IMA_PLANTED);
	assert_int_equal(c.index, 8000);
	assert_int_equal(c.entries, 15964);
	/* Nobody suspects it and the budget is small: it says that it does not know. */
	search.suspects_count = 0;
	assert_int_equal(ima_find_culprit(hasher, &list, &target, &s, &search, &c), 0);
	rf_buf_done(&m.list);
	rf_buf_done(&planted.list);
}

static void an_old_kernels_planted_entry_is_found_too(void **state)
{
	struct maker m = {.padded = true}, planted = {0};
	struct attest_pcr_values values = {0};
	struct ima_target target = {.values = &values};
	struct ima_search search = {.max_extends = 10000};
	struct ima_culprit c = {0};
	struct ima_state s;
	struct ima_list list;

	(void)state;
	add_many(&m, 8);
	put_value(&values, ATTEST_SHA256, 10, m.sha256);
	ima_add(&planted, "/planted", 0xee);
	rf_buf_add(&m.list, planted.list.data, planted.list.len);
	RF_AUTOBUF struct rf_buf bent = {0};

	/* In front, so that no prefix fits. */
	rf_buf_add(&bent, planted.list.data, planted.list.len);
	rf_buf_add(&bent, m.list.data, m.list.len);
	assert_int_equal(ima_open(rf_buf_slice(&bent), 20, &list, NULL), 0);
	fresh(&s, 1, 1);
	assert_int_equal(ima_find_culprit(hasher, &list, &target, &s, &search, &c), 1);
	assert_int_equal(c.index, 0);
	rf_buf_done(&m.list);
	rf_buf_done(&planted.list);
}

static void a_search_survives_short_memory(void **state)
{
	struct maker m = {0};
	struct attest_pcr_values values = {0};
	struct ima_target target = {.values = &values};
	struct ima_search search = {.max_extends = 10000};
	struct ima_culprit c = {.index = 77};
	struct ima_state s;

	(void)state;
	add_many(&m, 4);
	put_value(&values, ATTEST_SHA1, 10, (const uint8_t *)"01234567890123456789");
	struct ima_list list = open_list(&m);

	fresh(&s, 0, 1);
	for (size_t n = 1; n <= 5; n++) {
		rf_alloc_fail_after(n);
		assert_int_equal(ima_find_culprit(hasher, &list, &target, &s, &search, &c),
				 -ENOMEM);
	}
	rf_alloc_fail_after(0);
	assert_int_equal(ima_find_culprit(hasher, &list, &target, &s, &search, &c), 0);
	assert_int_equal(c.index, 77);
	rf_buf_done(&m.list);
}

/* ---- boot_aggregate ---- */

struct aggregate {
	const char *name, *hash; /* what it is made with */
	uint16_t alg, bank;
	int last; /* PCR; -1: zeros, -2: something else */
	uint32_t missing;
	int want;
	const char *how;
};

static const struct aggregate aggregates[] = {
	{"SHA-1, always 0 to 7", "sha1", ATTEST_SHA1, ATTEST_SHA1, 7, 0, 1, "sha1 of PCR 0 to 7"},
	{"SHA-256 since 5.8", "sha256", ATTEST_SHA256, ATTEST_SHA256, 9, 0, 1,
	 "sha256 of PCR 0 to 9"},
	{"old SHA-256", "sha256", ATTEST_SHA256, ATTEST_SHA256, 7, 0, 1, "sha256 of PCR 0 to 7"},
	{"SHA-256 of the SHA-1 bank", "sha256", ATTEST_SHA256, ATTEST_SHA1, 7, 0, 1,
	 "sha256 of sha1 PCR 0 to 7"},
	{"no TPM", "sha256", ATTEST_SHA256, ATTEST_SHA256, -1, 0, 0,
	 "zeros: IMA started before there was a TPM"},
	{"another machine's", "sha256", ATTEST_SHA256, ATTEST_SHA256, -2, 0, 0, ""},
	{"PCR 3 unknown", "sha256", ATTEST_SHA256, ATTEST_SHA256, 9, 1u << 3, RF_E_MISSING, ""},
	{"PCR 9 unknown", "sha256", ATTEST_SHA256, ATTEST_SHA256, 7, 1u << 9, 1,
	 "sha256 of PCR 0 to 7"},
	{"bank unknown", "sha384", ATTEST_SHA384, ATTEST_SHA256, -2, 0, RF_E_MISSING, ""},
};

static void aggregate_entry(const struct aggregate *a, struct attest_pcr_values *pcrs,
			    struct ima_entry *e)
{
	uint8_t message[640], value[64];
	size_t size = attest_digest_size(a->bank);

	memset(pcrs, 0, sizeof(*pcrs));
	for (uint32_t pcr = 0; pcr < 10; pcr++) {
		memset(value, (int)pcr + 1, sizeof(value));
		put_value(pcrs, ATTEST_SHA1, pcr, value);
		put_value(pcrs, ATTEST_SHA256, pcr, value);
		memcpy(message + pcr * size, value, size);
	}
	pcrs->present[0] &= ~a->missing;
	pcrs->present[1] &= ~a->missing;
	memset(e, 0, sizeof(*e));
	e->name = rf_slice_text("boot_aggregate");
	e->file.alg = a->alg;
	e->file.len = (uint8_t)attest_digest_size(a->alg);
	if (a->last >= 0)
		h(a->hash, message, (size_t)(a->last + 1) * size, e->file.bytes);
	else if (a->last == -2)
		e->file.bytes[0] = 1;
	e->file_digest = (struct rf_slice){e->file.bytes, e->file.len};
}

static void boot_aggregates_fit_both_ways(void **state)
{
	struct attest_pcr_values pcrs;
	struct ima_entry e;
	char how[64];

	(void)state;
	for (size_t i = 0; i < RF_COUNT(aggregates); i++) {
		aggregate_entry(&aggregates[i], &pcrs, &e);
		int rc = ima_boot_aggregate_check(hasher, &e, &pcrs, how);

		if (rc != aggregates[i].want || strcmp(how, aggregates[i].how) != 0)
			fail_msg("%s: %d \"%s\"", aggregates[i].name, rc, how);
	}
	e.name = rf_slice_text("boot_aggregate2");
	assert_int_equal(ima_boot_aggregate_check(hasher, &e, &pcrs, how), RF_E_USAGE);
	/* md5 has no number in the TPM's world. */
	e.name = rf_slice_text("boot_aggregate");
	e.file.alg = 0;
	e.file_digest = rf_slice_text("0123456789abcdef");
	assert_int_equal(ima_boot_aggregate_check(hasher, &e, &pcrs, how), RF_E_UNSUPPORTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_ahead_of_the_quote_is_split),
		cmocka_unit_test(increments_go_on_where_the_last_quote_left_off),
		cmocka_unit_test(padded_banks_of_old_kernels_are_recognised),
		cmocka_unit_test(the_quoted_digest_alone_is_enough),
		cmocka_unit_test(a_tpm12_composite_is_made_again),
		cmocka_unit_test(a_tampered_list_does_not_fit_and_the_entry_is_named),
		cmocka_unit_test(a_list_that_grew_is_the_same),
		cmocka_unit_test(sixteen_thousand_entries),
		cmocka_unit_test(an_old_kernels_planted_entry_is_found_too),
		cmocka_unit_test(a_search_survives_short_memory),
		cmocka_unit_test(boot_aggregates_fit_both_ways),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
