/* SPDX-License-Identifier: Apache-2.0 */
/* Brief evidence: each way in which a quote without logs is not what was judged before. */
#include "test_base.h"

#include "attest_forge.h"

#include "attest/same.h"

/* A host whose evidence was judged, and its next quote. */
struct two_quotes {
	struct rf_buf first, next, brief;
	struct rf_buf quoted;
	uint8_t ak_name[34];
	struct verdict_memory before;
};

static void name_of(EVP_PKEY *key, uint8_t out[34])
{
	RF_AUTOBUF struct rf_buf area = {0};

	put_area(&area, key, (struct area_options){0});
	out[0] = 0;
	out[1] = 0x0b;
	assert_int_equal(EVP_Digest(area.data, area.len, out + 2, NULL, EVP_sha256(), NULL), 1);
}

static void pack(struct rf_buf *out, uint64_t clock_ms, void (*bend)(struct forge *f))
{
	struct forge f;

	forge_begin(&f);
	f.quote.nonce = forge_nonce;
	f.quote.nonce_len = sizeof(forge_nonce);
	f.quote.clock_ms = clock_ms;
	if (bend)
		bend(&f);
	forge_pack(&f, out);
	forge_end(&f);
}

static struct rf_slice section(const struct rf_buf *evidence, enum evidence_kind kind)
{
	struct evidence parsed;

	assert_int_equal(evidence_parse(rf_buf_slice(evidence), &parsed, NULL), 0);
	return parsed.sections[kind];
}

static void begin(struct two_quotes *t, void (*bend)(struct forge *f))
{
	*t = (struct two_quotes){.before = {true, 5000, 0x20190325, 7, 9, 3}};
	pack(&t->first, 5000, NULL);
	pack(&t->next, 6000, bend);
	const struct rf_slice quoted = attest_same_quoted(section(&t->first, EVIDENCE_QUOTE));

	assert_true(quoted.len > 0);
	rf_buf_add(&t->quoted, quoted.data, quoted.len);
	name_of(forge_keys.ak, t->ak_name);
}

static void end(struct two_quotes *t)
{
	rf_buf_done(&t->first);
	rf_buf_done(&t->next);
	rf_buf_done(&t->brief);
	rf_buf_done(&t->quoted);
}

/* Cuts whatever it is: a host that lies cuts as it likes. */
static void cut(struct two_quotes *t)
{
	const struct rf_slice own = attest_same_quoted(section(&t->next, EVIDENCE_QUOTE));

	assert_int_equal(attest_same_cut(rf_buf_slice(&t->next), own, &t->brief, NULL), 0);
}

static int verify(struct two_quotes *t, struct rf_slice evidence, struct verdict_memory *memory)
{
	struct attest_hasher *hasher = NULL;
	const struct same_question question = {
		.nonce = {forge_nonce, sizeof(forge_nonce)},
		.quoted = rf_buf_slice(&t->quoted),
		.ak_name = {t->ak_name, sizeof(t->ak_name)},
		.before = &t->before,
	};
	struct rf_err err = {0};

	assert_int_equal(attest_hasher_new(&hasher, NULL), 0);
	int rc = attest_same_verify(hasher, evidence, &question, memory, &err);

	/* A refusal has words. */
	assert_int_equal(rc, err.code);
	attest_hasher_free(hasher);
	return rc;
}

static void the_same_goes_on(void **state)
{
	struct verdict_memory memory = {0};
	struct two_quotes t;

	(void)state;
	begin(&t, NULL);
	cut(&t);
	assert_true(attest_same_is(rf_buf_slice(&t.brief)));
	assert_false(attest_same_is(rf_buf_slice(&t.next)));
	assert_true(t.brief.len < 2048);
	assert_int_equal(verify(&t, rf_buf_slice(&t.brief), &memory), 0);
	assert_int_equal(memory.clock_ms, 6000);
	assert_int_equal(memory.ima_entries, 3);
	end(&t);
}

/* ---- lies ---- */

static void other_firmware(struct forge *f)
{
	f->quote.firmware = 0x20200101;
}

static void another_boot(struct forge *f)
{
	f->quote.reset = 8;
}

static void another_restart(struct forge *f)
{
	f->quote.restart = 10;
}

static void a_clock_that_stands(struct forge *f)
{
	f->quote.clock_ms = 5000;
}

static void a_clock_that_is_unsafe(struct forge *f)
{
	f->quote.unsafe = true;
}

static void another_register(struct forge *f)
{
	forge_extend(f, 4, BYTES("evil"));
}

static void another_key(struct forge *f)
{
	f->ak = f->signer = forge_keys.other;
}

static void another_signer(struct forge *f)
{
	f->signer = forge_keys.other;
}

static void a_bit(struct forge *f)
{
	f->flip_attest = 1;
}

static void another_nonce(struct forge *f)
{
	f->quote.nonce = "twenty other bytes..";
}

static void lies_are_refused(void **state)
{
	static const struct {
		const char *name;
		void (*bend)(struct forge *f);
	} rows[] = {
		{"firmware", other_firmware},
		{"boot", another_boot},
		{"restart", another_restart},
		{"clock", a_clock_that_stands},
		{"unsafe", a_clock_that_is_unsafe},
		{"register", another_register},
		{"key", another_key},
		{"signer", another_signer},
		{"bit", a_bit},
		{"nonce", another_nonce},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		struct verdict_memory memory = {.clock_ms = 77};
		struct two_quotes t;

		begin(&t, rows[i].bend);
		cut(&t);
		if (verify(&t, rf_buf_slice(&t.brief), &memory) >= 0)
			fail_msg("%s was taken", rows[i].name);
		assert_int_equal(memory.clock_ms, 77);
		end(&t);
	}
}

static void what_is_not_known_is_refused(void **state)
{
	struct verdict_memory memory;
	struct two_quotes t;

	(void)state;
	begin(&t, NULL);
	cut(&t);
	t.before.known = false;
	assert_int_equal(verify(&t, rf_buf_slice(&t.brief), &memory), RF_E_MISMATCH);
	t.before.known = true;
	rf_buf_reset(&t.quoted);
	assert_int_equal(verify(&t, rf_buf_slice(&t.brief), &memory), RF_E_MISMATCH);
	end(&t);
}

/* Logs beside it would be believed unread. */
static void nothing_else_stands_in_it(void **state)
{
	struct verdict_memory memory;
	struct two_quotes t;

	(void)state;
	begin(&t, NULL);
	cut(&t);
	assert_int_equal(verify(&t, rf_buf_slice(&t.next), &memory), RF_E_SYNTAX);
	assert_int_equal(evidence_add(&t.brief, EVIDENCE_BOOT_LOG, BYTES("log")), 0);
	assert_int_equal(verify(&t, rf_buf_slice(&t.brief), &memory), RF_E_SYNTAX);
	end(&t);
}

static void each_cut_is_refused(void **state)
{
	struct verdict_memory memory;
	struct two_quotes t;

	(void)state;
	begin(&t, NULL);
	cut(&t);
	for (size_t len = 0; len < t.brief.len; len++)
		assert_true(verify(&t, (struct rf_slice){t.brief.data, len}, &memory) < 0);
	end(&t);
}

static void a_host_cuts_only_what_is_the_same(void **state)
{
	RF_AUTOBUF struct rf_buf out = {0};
	struct two_quotes t;

	(void)state;
	begin(&t, another_register);
	assert_int_equal(
		attest_same_cut(rf_buf_slice(&t.next), rf_buf_slice(&t.quoted), &out, NULL),
		RF_E_MISMATCH);
	assert_int_equal(attest_same_cut(rf_buf_slice(&t.next), (struct rf_slice){0}, &out, NULL),
			 RF_E_MISMATCH);
	assert_true(attest_same_cut(BYTES("nothing of the kind"), rf_buf_slice(&t.quoted), &out,
				    NULL) < 0);
	assert_int_equal(out.len, 0);
	assert_int_equal(attest_same_quoted(BYTES("no quote")).len, 0);
	end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_goes_on),
		cmocka_unit_test(lies_are_refused),
		cmocka_unit_test(what_is_not_known_is_refused),
		cmocka_unit_test(nothing_else_stands_in_it),
		cmocka_unit_test(each_cut_is_refused),
		cmocka_unit_test(a_host_cuts_only_what_is_the_same),
	};

	return cmocka_run_group_tests(tests, forge_keys_make, forge_keys_free);
}
