/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a worker says of a host that was approved, as the manager asks it: each way of tampering
 * with what ran or booted has its verdict and its words; a host that is approved again is good
 * again.
 */
#include "attest_forge.h"

#include "fleet/message.h"
#include "manager/judge.h"

#define NOW_MS 1700000000000

struct asked {
	struct judge *judge;
	struct rf_buf baseline; /* as the store keeps it */
	bool any_program;
	const char *approved_by;
	/* the answer */
	struct message answer;
	char state[32], reason[4096];
};

static int setup(void **state)
{
	struct asked *a = rf_alloc(1, sizeof(*a));

	forge_keys_make(NULL);
	assert_int_equal(judge_new(NULL, &a->judge, NULL), 0);
	*state = a;
	return 0;
}

static int teardown(void **state)
{
	struct asked *a = *state;

	judge_free(a->judge);
	rf_buf_done(&a->baseline);
	rf_free(a);
	return forge_keys_free(NULL);
}

/* Asks about evidence; a baseline that comes with the answer takes the place of the old one. */
static void ask(struct asked *a, struct rf_slice evidence)
{
	const struct wire_side side = {WIRE_EITHER, WIRE_ROLES};
	RF_AUTOBUF struct rf_buf text = {0}, bytes = {0}, out = {0};
	MESSAGE_AUTO struct message answer = {0};
	struct wire_frame frame = {.kind = WIRE_JUDGE};
	struct rf_err err = {0};
	size_t len;
	struct message m = {.kind = WIRE_JUDGE,
			    .judge = {.job = "job",
				      .nonce = {forge_nonce, sizeof(forge_nonce)},
				      .now_ms = NOW_MS,
				      .any_program = a->any_program,
				      .approved_by = a->approved_by}};

	if (!a->approved_by) {
		m.judge.baseline_bytes = (int64_t)a->baseline.len;
		rf_buf_add(&bytes, a->baseline.data, a->baseline.len);
	}
	rf_buf_add(&bytes, evidence.data, evidence.len);
	assert_int_equal(message_text(&m, &text, NULL), 0);
	frame.text = rf_buf_slice(&text);
	frame.bytes = rf_buf_slice(&bytes);
	assert_int_equal(judge_answer(a->judge, &frame, &out, NULL), 0);
	if (wire_read(rf_buf_slice(&out), &side, &frame, &len, &err) ||
	    message_read(frame.kind, frame.text, &answer, &err))
		fail_msg("%s", rf_err_text(&err));
	assert_int_equal(answer.kind, WIRE_JUDGED);
	rf_copy(a->state, sizeof(a->state), answer.judged.state);
	rf_copy(a->reason, sizeof(a->reason), answer.judged.reason ? answer.judged.reason : "");
	assert_int_equal(frame.bytes.len > 0, a->approved_by != NULL);
	if (!frame.bytes.len)
		return;
	rf_buf_reset(&a->baseline);
	rf_buf_add(&a->baseline, frame.bytes.data, frame.bytes.len);
}

static void ask_about(struct asked *a, struct forge *f, const char *approved_by)
{
	RF_AUTOBUF struct rf_buf evidence = {0};

	a->approved_by = approved_by;
	forge_pack(f, &evidence);
	ask(a, rf_buf_slice(&evidence));
}

static void expect(const struct asked *a, const char *state, const char *words)
{
	if (strcmp(a->state, state) || !strstr(a->reason, words))
		fail_msg("%s: %s", a->state, a->reason);
}

static void approve_good(struct asked *a)
{
	struct forge f;

	forge_begin(&f);
	ask_about(a, &f, "ada");
	forge_end(&f);
	expect(a, "TRUSTED", "");
}

/* ---- each way of tampering ---- */

static void nothing(struct forge *f)
{
	(void)f;
}

static void known_program_again(struct forge *f)
{
	ima_add(&f->ima, "/usr/local/bin/bash-by-another-name", 2);
	forge_take_ima(f);
}

static void unknown_program(struct forge *f)
{
	ima_add(&f->ima, "/usr/bin/miner", 77);
	forge_take_ima(f);
}

static void changed_program(struct forge *f)
{
	ima_add(&f->ima, "/usr/sbin/sshd", 77);
	forge_take_ima(f);
}

static void entry_that_the_tpm_lacks(struct forge *f)
{
	ima_add(&f->ima, "/usr/bin/miner", 77);
	ima_add(&f->ima, "/usr/bin/bash", 2);
	f->ima.list.data[f->ima.offsets[3] + 4] ^= 1;
}

static void shortened_list(struct forge *f)
{
	unknown_program(f);
	f->ima.list.len = f->ima.offsets[5];
}

static void list_of_another_boot(struct forge *f)
{
	forge_extend(f, 10, rf_slice_text("an entry of another list"));
}

static void violation(struct forge *f)
{
	ima_add_violation(&f->ima, "/var/log/lastlog");
	forge_take_ima(f);
}

static void extended_register(struct forge *f)
{
	forge_extend(f, 4, rf_slice_text("by somebody"));
}

static void empty_list(struct forge *f)
{
	f->ima.list.len = 0;
}

static const struct {
	const char *name;
	void (*tamper)(struct forge *f);
	const char *kernel, *options; /* NULL: as approved */
	const char *state, *words;
} rows[] = {
	{"nothing", nothing, NULL, NULL, "TRUSTED", ""},
	{"a known program by another name", known_program_again, NULL, NULL, "TRUSTED", ""},
	{"a program that nobody approved", unknown_program, NULL, NULL, "UNTRUSTED",
	 "/usr/bin/miner"},
	{"another program in the place of one", changed_program, NULL, NULL, "UNTRUSTED",
	 "whose contents changed: /usr/sbin/sshd"},
	{"a list that was changed", entry_that_the_tpm_lacks, NULL, NULL, "UNTRUSTED", "list"},
	{"a list without its end", shortened_list, NULL, NULL, "UNTRUSTED",
	 "does not fit what the TPM recorded"},
	{"no list where the register has one", empty_list, NULL, NULL, "UNTRUSTED", ""},
	{"a list of another boot", list_of_another_boot, NULL, NULL, "UNTRUSTED",
	 "does not fit what the TPM recorded"},
	{"a file written while it was measured", violation, NULL, NULL, "WARNING",
	 "/var/log/lastlog"},
	{"a register that was extended", extended_register, NULL, NULL, "UNTRUSTED", "PCR 4"},
	{"another kernel", nothing, "another kernel", NULL, "UNTRUSTED", "kernel"},
	{"another command line", nothing, NULL, "ro quiet init=/bin/sh", "UNTRUSTED",
	 "init=/bin/sh"},
};

static void tampering_is_named(void **state)
{
	struct asked *a = *state;

	approve_good(a);
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		struct machine machine = story_base;
		struct forge f;

		machine.kernel = rows[i].kernel ? rows[i].kernel : machine.kernel;
		machine.options = rows[i].options ? rows[i].options : machine.options;
		forge_begin_with(&f, &machine);
		rows[i].tamper(&f);
		ask_about(a, &f, NULL);
		forge_end(&f);
		if (strcmp(a->state, rows[i].state) || !strstr(a->reason, rows[i].words))
			fail_msg("%s: %s: %s", rows[i].name, a->state, a->reason);
	}
}

/* Each program by its name: a list that grows is judged by what was approved, until somebody
 * approves it as it is. */
static void an_approval_takes_the_programs_that_ran(void **state)
{
	struct asked *a = *state;
	struct forge f;

	approve_good(a);
	forge_begin(&f);
	ima_add(&f.ima, "/usr/bin/new tool", 77);
	forge_take_ima(&f);
	ask_about(a, &f, NULL);
	expect(a, "UNTRUSTED", "/usr/bin/new tool");
	expect(a, "UNTRUSTED", "\nNext: ");
	ask_about(a, &f, "ada");
	expect(a, "TRUSTED", "");
	ask_about(a, &f, NULL);
	expect(a, "TRUSTED", "");
	ima_add(&f.ima, "/usr/bin/third", 78);
	forge_take_ima(&f);
	ask_about(a, &f, NULL);
	expect(a, "UNTRUSTED", "/usr/bin/third");
	forge_end(&f);
}

/* What the quote does not cover was proved by nobody: it is not approved with the rest. */
static void entries_behind_the_quote_are_not_approved(void **state)
{
	struct asked *a = *state;
	struct forge f;

	forge_begin(&f);
	ima_add(&f.ima, "/usr/bin/miner", 77); /* the TPM has not got it yet */
	ask_about(a, &f, "ada");
	expect(a, "TRUSTED", "");
	ask_about(a, &f, NULL);
	expect(a, "TRUSTED", "");
	forge_take_ima(&f);
	ask_about(a, &f, NULL);
	expect(a, "UNTRUSTED", "/usr/bin/miner");
	forge_end(&f);
}

/* Names are bytes that somebody chose: in the baseline they are a line's end or a key of YAML to
 * nobody. */
static void hostile_names_stay_names(void **state)
{
	static const char *const names[] = {"/a\nima: {digests: x}\nboots:\n",
					    "/a\tb \"c'",
					    "\xff\xfe",
					    "/\xe2\x80\xa8/\xc2\x85",
					    "# no comment",
					    "-",
					    " ",
					    "/a\r\nrules:"};
	struct asked *a = *state;
	struct forge f;

	forge_begin(&f);
	for (size_t i = 0; i < RF_COUNT(names); i++)
		ima_add(&f.ima, names[i], (uint8_t)(100 + i));
	forge_take_ima(&f);
	ask_about(a, &f, "ada");
	expect(a, "TRUSTED", "");
	ask_about(a, &f, NULL);
	expect(a, "TRUSTED", "");
	ima_add(&f.ima, names[0], 77);
	forge_take_ima(&f);
	ask_about(a, &f, NULL);
	expect(a, "UNTRUSTED", "");
	forge_end(&f);
}

/* Where nothing judges what ran, "trusted" says so. */
static void programs_that_nobody_judges_are_told(void **state)
{
	struct asked *a = *state;
	struct forge f;

	a->any_program = true;
	forge_begin(&f);
	ask_about(a, &f, "ada");
	expect(a, "TRUSTED", "no rule of the baseline judges it");
	ima_add(&f.ima, "/usr/bin/miner", 77);
	forge_take_ima(&f);
	ask_about(a, &f, NULL);
	expect(a, "TRUSTED", "no rule of the baseline judges it");
	forge_end(&f);
	a->any_program = false;
}

/* Digests of SHA-1 are no rule: the approval counts for the boot, and that is said. */
static void a_list_of_sha1_is_told_as_unjudged(void **state)
{
	RF_AUTOBUF struct rf_buf digest = {0}, data = {0};
	struct asked *a = *state;
	uint8_t hash[20] = {9};
	struct forge f;

	forge_begin(&f);
	rf_buf_add(&digest, "sha1:", 6);
	rf_buf_add(&digest, hash, sizeof(hash));
	ima_field(&f.ima, &data, digest.data, digest.len);
	ima_field(&f.ima, &data, "/usr/bin/old", 13);
	ima_add_data(&f.ima, "ima-ng", rf_buf_slice(&data));
	forge_take_ima(&f);
	ask_about(a, &f, "ada");
	expect(a, "TRUSTED", "no rule of the baseline judges it");
	forge_end(&f);
}

/* A host that is not good by itself is nobody's baseline, and none is made of its programs. */
static void what_is_not_good_is_not_approved(void **state)
{
	struct asked *a = *state;
	struct forge f;

	forge_begin(&f);
	extended_register(&f);
	ask_about(a, &f, "ada");
	expect(a, "UNTRUSTED", "PCR 4");
	assert_null(strstr(rf_buf_text(&a->baseline), "programs-approved"));
	forge_end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tampering_is_named),
		cmocka_unit_test(an_approval_takes_the_programs_that_ran),
		cmocka_unit_test(entries_behind_the_quote_are_not_approved),
		cmocka_unit_test(hostile_names_stay_names),
		cmocka_unit_test(programs_that_nobody_judges_are_told),
		cmocka_unit_test(a_list_of_sha1_is_told_as_unjudged),
		cmocka_unit_test(what_is_not_good_is_not_approved),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
