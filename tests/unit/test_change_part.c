/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plans of parts, undone one by one; targets that are changed at once, before the ledger knows; and
 * a disk of the state that is full at any point. The rest of the engine: test_change_engine.c.
 */
#include "change_test.h"

#include <errno.h>
#include <sys/mount.h>

#include "govern/ledger.h"

/* ---- parts ---- */

static const char *const names[] = {"/etc/security/faillock.conf", "/etc/security/pwhistory.conf",
				    "/etc/security/pwquality.conf"};

static struct plan plan_of_parts(struct engine *engine)
{
	struct want wants[3];

	for (size_t i = 0; i < RF_COUNT(wants); i++) {
		wants[i] = want_edit(names[i], "equals", "deny", "27");
		rf_copy(wants[i].spec.part, sizeof(wants[i].spec.part), i < 2 ? "one" : "two");
	}
	return plan_for(engine, wants, RF_COUNT(wants));
}

static void host_of_parts(struct folder_host *h)
{
	host_make(h);
	for (size_t i = 0; i < RF_COUNT(names); i++)
		host_file(h, names[i], "deny = 22\n", 0644);
}

static void expect(const struct folder_host *h, const char *a, const char *b, const char *c)
{
	const char *const wanted[] = {a, b, c};

	for (size_t i = 0; i < RF_COUNT(names); i++)
		assert_string_equal(host_text(h, names[i]), wanted[i]);
}

#define OLD "deny = 22\n"
#define NEW "deny = 27\n"

static void a_part_is_undone_alone(void **state)
{
	struct folder_host h;
	struct priv_result result;
	struct rf_err err = {0};

	(void)state;
	host_of_parts(&h);
	RF_AUTOFREE char *before = picture(&h);
	struct engine engine = must_open(&h);
	PLAN_AUTO struct plan plan = plan_of_parts(&engine);

	assert_int_equal(plan_apply(&engine, &plan, 0, &result, &err), 0);
	expect(&h, NEW, NEW, NEW);
	assert_int_equal(engine_let_go(&engine, plan.id, "three", &result, &err), RF_E_MISSING);
	assert_int_equal(engine_let_go(&engine, plan.id, "", &result, &err), RF_E_MISSING);
	assert_int_equal(engine_let_go(&engine, plan.id, "one", &result, &err), 0);
	assert_int_equal(result.applied_count, 2);
	expect(&h, OLD, OLD, NEW);
	assert_int_equal(engine_let_go(&engine, plan.id, "one", &result, &err), RF_E_MISSING);
	/* What is left is one change as ever: undone whole, or by its last part. */
	assert_int_equal(engine_let_go(&engine, plan.id, "two", &result, &err), 0);
	assert_int_equal(engine_rollback(&engine, "", &result, &err), RF_E_MISSING);
	RF_AUTOFREE char *after = picture(&h);

	assert_string_equal(before, after);
	engine_close(&engine);
	host_done(&h);
}

static void the_rest_is_undone_by_a_rollback(void **state)
{
	struct folder_host h;
	struct priv_result result;
	struct rf_err err = {0};

	(void)state;
	host_of_parts(&h);
	struct engine engine = must_open(&h);
	PLAN_AUTO struct plan plan = plan_of_parts(&engine);

	assert_int_equal(plan_apply(&engine, &plan, 0, &result, &err), 0);
	assert_int_equal(engine_let_go(&engine, plan.id, "one", &result, &err), 0);
	/* Whoever changes what was let go does not hinder the rest. */
	host_file(&h, names[0], "deny = 77\n", 0644);
	assert_int_equal(engine_rollback(&engine, plan.id, &result, &err), 0);
	expect(&h, "deny = 77\n", OLD, OLD);
	engine_close(&engine);
	host_done(&h);
}

static void a_part_that_somebody_changed_is_left(void **state)
{
	struct folder_host h;
	struct priv_result result;
	struct rf_err err = {0};

	(void)state;
	host_of_parts(&h);
	struct engine engine = must_open(&h);
	PLAN_AUTO struct plan plan = plan_of_parts(&engine);

	assert_int_equal(plan_apply(&engine, &plan, 0, &result, &err), 0);
	host_file(&h, names[1], "deny = 77\n", 0644);
	assert_int_equal(engine_let_go(&engine, plan.id, "one", &result, &err), RF_E_CHANGED);
	expect(&h, NEW, "deny = 77\n", NEW);
	assert_int_equal(engine_let_go(&engine, plan.id, "two", &result, &err), 0);
	expect(&h, NEW, "deny = 77\n", OLD);
	engine_close(&engine);
	host_done(&h);
}

/* A death between the journal's record and the deed: the plan stays, the part is let go again. */
static void a_death_on_the_way(void **state)
{
	struct folder_host h;
	struct priv_result result;
	struct rf_err err = {0};
	RF_AUTOBUF struct rf_buf said = {0};
	struct journal_store *store = NULL;
	struct journal *journal = NULL;

	(void)state;
	host_of_parts(&h);
	struct engine engine = must_open(&h);
	PLAN_AUTO struct plan plan = plan_of_parts(&engine);

	assert_int_equal(plan_apply(&engine, &plan, 0, &result, &err), 0);
	assert_int_equal(journal_store_open(engine.state_dir, 0, &store, &err), 0);
	assert_int_equal(journal_open(store, plan.id, &journal, &err), 0);
	assert_int_equal(journal_log(journal, EVENT_LET_GO, 1, 0, &err), 0);
	journal_close(journal);
	journal_store_close(store);
	assert_int_equal(engine_recover(&engine, &said, &err), 0);
	assert_int_equal(said.len, 0);
	expect(&h, NEW, NEW, NEW);
	assert_int_equal(engine_let_go(&engine, plan.id, "one", &result, &err), 0);
	expect(&h, OLD, OLD, NEW);
	engine_close(&engine);
	host_done(&h);
}

/* ---- at once ---- */

static struct {
	char values[2][16];
	bool refuses;
	int silent;	     /* so many times nobody answers */
	bool stays;	     /* what goes with a value is not done */
	int afters;	     /* how often it was asked for */
	int handles, ledger; /* ledger: its bytes when a value was put */
	int state_dir;
} memory;

static int ledger_bytes(void)
{
	struct stat st;

	return fstatat(memory.state_dir, "ledger/" LEDGER_FILE, &st, 0) == 0 ? (int)st.st_size : 0;
}

static void handle_drop(void *what)
{
	(void)what;
	memory.handles--;
}

static int memory_check(const struct verb_env *env, const char *target, struct rf_err *err)
{
	(void)env;
	(void)err;
	return strlen(target) == 2 && target[0] == 'm' ? 0 : RF_E_DENIED;
}

static int memory_read(const struct verb_env *env, const char *target, struct rf_buf *out,
		       struct rf_err *err)
{
	(void)err;
	if (env->keep && !env->keep->what) {
		*env->keep = (struct verb_keep){&memory, handle_drop};
		memory.handles++;
	}
	return rf_buf_add_text(out, memory.values[target[1] - '0']);
}

static int memory_put(const struct verb_env *env, const char *target, struct rf_slice value,
		      struct rf_err *err)
{
	(void)env;
	if (memory.refuses && target[1] == '1')
		return rf_fail(err, -EIO, "no");
	if (memory.silent && memory.silent--)
		return rf_fail(err, RF_E_PEER, "nobody answers");
	memory.ledger = ledger_bytes();
	rf_format(memory.values[target[1] - '0'], sizeof(memory.values[0]), "%.*s", (int)value.len,
		  (const char *)value.data);
	return 0;
}

static int memory_after(const struct verb_env *env, const char *target, struct rf_slice value,
			struct rf_err *err)
{
	(void)env;
	/* It is so by then. */
	assert_true(rf_slice_equal(value, rf_slice_text(memory.values[target[1] - '0'])));
	memory.afters++;
	return memory.stays ? rf_fail(err, RF_E_PEER, "%s: somebody stays", target) : 0;
}

static const struct verb_kind kind_memory = {.name = "memory",
					     .rank = 1,
					     .check = memory_check,
					     .read = memory_read,
					     .put = memory_put,
					     .after = memory_after,
					     .at_once = true};

static int memory_predict(const struct change_spec *spec, struct rf_slice before,
			  struct rf_buf *out, struct rf_err *err)
{
	(void)before;
	(void)err;
	return rf_buf_add_text(out, change_spec_value(spec));
}

static const struct verb memory_rows[] = {
	{"memory", "", &kind_memory, 0, NEEDS_LIVE, RISK_LOW, NULL, memory_predict, NULL, NULL}};
static const struct verb_table memory_verbs = {memory_rows, 1};
static const struct verb_table *const all_tables[] = {&change_verbs, &memory_verbs, NULL};
static const struct verb_set all_verbs = {all_tables};

static void memory_open(struct engine *engine, const struct folder_host *h)
{
	memset(&memory, 0, sizeof(memory));
	rf_copy(memory.values[0], sizeof(memory.values[0]), "free");
	rf_copy(memory.values[1], sizeof(memory.values[1]), "free");
	assert_int_equal(engine_open(engine, &h->options, &all_verbs, NULL), 0);
	memory.state_dir = engine->state_dir;
}

static struct plan memory_plan(struct engine *engine)
{
	struct want wants[] = {want_edit(names[0], "equals", "deny", "27"),
			       want_verb("memory", "m0", "shut"),
			       want_verb("memory", "m1", "shut")};
	const struct plan_maker maker = {.verbs = &all_verbs,
					 .env = &engine->env,
					 .read = read_directly,
					 .read_arg = engine,
					 .now_ms = 1763892610123,
					 .random = 77};
	struct plan plan = {0};

	assert_int_equal(plan_make(&maker, wants, RF_COUNT(wants), &plan, NULL), 0);
	assert_int_equal(plan.count, 3);
	return plan;
}

static void at_once_comes_before_the_ledger(void **state)
{
	struct folder_host h;
	struct priv_result result;
	struct rf_err err = {0};

	(void)state;
	host_of_parts(&h);
	struct engine engine;

	memory_open(&engine, &h);
	PLAN_AUTO struct plan plan = memory_plan(&engine);
	int before = ledger_bytes();

	assert_int_equal(memory.handles, 1); /* the plan's reads share one */
	if (plan_apply(&engine, &plan, 0, &result, &err) < 0)
		fail_msg("%s", rf_err_text(&err));
	assert_int_equal(result.applied_count, 3);
	assert_string_equal(memory.values[1], "shut");
	assert_string_equal(host_text(&h, names[0]), NEW);
	assert_int_equal(memory.ledger, before);
	assert_true(ledger_bytes() > before);
	assert_int_equal(memory.handles, 0);
	assert_int_equal(engine_rollback(&engine, "", &result, &err), 0);
	assert_string_equal(memory.values[0], "free");
	assert_string_equal(host_text(&h, names[0]), OLD);
	engine_close(&engine);
	host_done(&h);
}

/* Somebody who cannot be put out keeps nothing else from being changed; it is told, and noted. */
static void what_goes_with_it_fails_alone(void **state)
{
	for (int stays = 0; stays < 2; stays++) {
		struct folder_host h;
		struct priv_result result;
		struct rf_err err = {0};
		static char text[65536];
		size_t noted = 0, size;

		(void)state;
		host_of_parts(&h);
		struct engine engine;

		memory_open(&engine, &h);
		PLAN_AUTO struct plan plan = memory_plan(&engine);

		memory.stays = stays;
		if (plan_apply(&engine, &plan, 0, &result, &err) < 0)
			fail_msg("%s", rf_err_text(&err));
		assert_int_equal(result.applied_count, 3);
		assert_int_equal(result.incomplete, stays);
		assert_string_equal(result.text, stays ? "m0: somebody stays" : "");
		assert_string_equal(memory.values[1], "shut");
		assert_string_equal(host_text(&h, names[0]), NEW);
		assert_int_equal(memory.afters, 2);
		int fd = openat(memory.state_dir, "ledger/" LEDGER_FILE, O_RDONLY | O_CLOEXEC);

		assert_true(fd >= 0);
		size = (size_t)read(fd, text, sizeof(text) - 1);
		close(fd);
		assert_true(size < sizeof(text));
		text[size] = '\0';
		for (const char *at = text; (at = strstr(at, "somebody stays")); at++)
			noted++;
		assert_int_equal(noted, stays ? 2 : 0);
		assert_int_equal(strstr(text, "\"incomplete\"") != NULL, stays);
		/* Nothing goes with an undoing. */
		assert_int_equal(engine_rollback(&engine, "", &result, &err), 0);
		assert_int_equal(memory.afters, 2);
		assert_false(result.incomplete);
		assert_string_equal(memory.values[0], "free");
		engine_close(&engine);
		host_done(&h);
	}
}

/* What was changed at once is undone as anything else: a later refusal, a ledger that cannot be
 * written, a death of the process. */
static void at_once_is_undone(void **state)
{
	for (int fault = 0; fault < 3; fault++) {
		RF_AUTOBUF struct rf_buf said = {0};
		struct folder_host h;
		struct priv_result result;
		struct rf_err err = {0};

		(void)state;
		host_of_parts(&h);
		struct engine engine;

		memory_open(&engine, &h);
		PLAN_AUTO struct plan plan = memory_plan(&engine);
		char path[160];

		memory.refuses = fault == 0;
		snprintf(path, sizeof(path), "%s/ledger", h.state);
		if (fault == 1) {
			FILE *f = fopen(path, "wb");

			assert_non_null(f);
			fclose(f);
		}
		assert_int_equal(plan_take(&engine, &plan, &err), 0);
		if (fault == 2) {
			/* As far as the lead, and no further. */
			assert_int_equal(journal_seal(engine.journal, &err), 0);
			journal_quick(engine.journal);
			assert_int_equal(journal_log(engine.journal, EVENT_START, 0, 0, &err), 0);
			assert_int_equal(journal_log(engine.journal, EVENT_INTENT, 0, 0, &err), 0);
			rf_copy(memory.values[0], sizeof(memory.values[0]), "shut");
			engine_abort(&engine);
			assert_int_equal(engine_recover(&engine, &said, &err), 0);
			assert_non_null(strstr(rf_buf_text(&said), "it was undone"));
		} else {
			assert_true(engine_commit(&engine, 0, &result, &err) < 0);
			assert_true(result.undone);
		}
		assert_string_equal(memory.values[0], "free");
		assert_string_equal(memory.values[1], "free");
		assert_string_equal(host_text(&h, names[0]), OLD);
		engine_close(&engine);
		assert_int_equal(memory.handles, 0);
		host_done(&h);
	}
}

/* A daemon that is being restarted: undoing waits for it; one that is gone is not given up. */
static void nobody_answers(void **state)
{
	struct folder_host h;
	struct priv_result result;
	struct rf_err err = {0};
	RF_AUTOBUF struct rf_buf said = {0};

	(void)state;
	host_of_parts(&h);
	struct engine engine;

	memory_open(&engine, &h);
	PLAN_AUTO struct plan plan = memory_plan(&engine);

	assert_int_equal(plan_apply(&engine, &plan, 0, &result, &err), 0);
	memory.silent = 2;
	assert_int_equal(engine_rollback(&engine, "", &result, &err), 0);
	assert_string_equal(memory.values[0], "free");
	assert_string_equal(memory.values[1], "free");
	engine_close(&engine);
	host_done(&h);

	host_of_parts(&h);
	memory_open(&engine, &h);
	assert_int_equal(plan_apply(&engine, &plan, 0, &result, &err), 0);
	engine.peer_tries = 1;
	memory.silent = INT32_MAX;
	assert_int_equal(engine_rollback(&engine, "", &result, &err), RF_E_PEER);
	assert_string_equal(memory.values[0], "shut");
	assert_string_equal(host_text(&h, names[0]), OLD);
	memory.silent = 0;
	assert_int_equal(engine_recover(&engine, &said, &err), 0);
	assert_non_null(strstr(rf_buf_text(&said), "it was undone"));
	assert_string_equal(memory.values[0], "free");
	assert_string_equal(memory.values[1], "free");
	engine_close(&engine);
	host_done(&h);
}

/* ---- a full disk ---- */

static void disk_fill(const struct folder_host *h, size_t room_bytes)
{
	static const char block[1024];
	char path[160];

	snprintf(path, sizeof(path), "%s/room", h->state);
	FILE *room = fopen(path, "wb");

	assert_non_null(room);
	setvbuf(room, NULL, _IONBF, 0);
	for (size_t i = 0; i < room_bytes / sizeof(block); i++)
		assert_int_equal(fwrite(block, 1, sizeof(block), room), sizeof(block));
	fclose(room);
	snprintf(path, sizeof(path), "%s/fill", h->state);
	FILE *fill = fopen(path, "wb");

	assert_non_null(fill);
	setvbuf(fill, NULL, _IONBF, 0);
	while (fwrite(block, 1, sizeof(block), fill) == sizeof(block))
		;
	fclose(fill);
	snprintf(path, sizeof(path), "%s/room", h->state);
	assert_int_equal(unlink(path), 0);
}

/* The state's disk has room for so much and no more: wherever it ends, all of the plan or nothing
 * of it, and it is said. */
static void a_disk_of_the_state_that_is_full(void **state)
{
	size_t refused = 0, room = 0;
	bool applied = false;

	(void)state;
	for (; !applied && room < 256u << 10; room += 4096) {
		struct folder_host h;
		struct priv_result result = {0};
		struct rf_err err = {0};
		RF_AUTOBUF struct rf_buf said = {0};
		char path[160];

		host_of_parts(&h);
		assert_int_equal(mkdir(h.state, 0700), 0);
		if (geteuid() != 0 ||
		    mount("none", h.state, "tmpfs", 0, "size=256k,mode=700") < 0) {
			host_done(&h);
			skip();
		}
		RF_AUTOFREE char *before = picture(&h);
		struct engine engine = must_open(&h);
		PLAN_AUTO struct plan plan = plan_of_parts(&engine);

		disk_fill(&h, room);
		int rc = plan_apply(&engine, &plan, 0, &result, &err);
		RF_AUTOFREE char *after = picture(&h);

		applied = rc == 0;
		if (!applied) {
			refused++;
			assert_string_equal(before, after);
			assert_non_null(strstr(rf_err_text(&err), "No space left"));
		} else {
			expect(&h, NEW, NEW, NEW);
		}
		/* With room again nothing is left to put right, or it is put right. */
		snprintf(path, sizeof(path), "%s/fill", h.state);
		assert_int_equal(unlink(path), 0);
		assert_int_equal(engine_recover(&engine, &said, &err), 0);
		RF_AUTOFREE char *later = picture(&h);

		assert_string_equal(after, later);
		engine_close(&engine);
		assert_int_equal(umount(h.state), 0);
		host_done(&h);
	}
	assert_true(applied);
	assert_true(refused >= 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_part_is_undone_alone),
		cmocka_unit_test(the_rest_is_undone_by_a_rollback),
		cmocka_unit_test(a_part_that_somebody_changed_is_left),
		cmocka_unit_test(a_death_on_the_way),
		cmocka_unit_test(at_once_comes_before_the_ledger),
		cmocka_unit_test(what_goes_with_it_fails_alone),
		cmocka_unit_test(at_once_is_undone),
		cmocka_unit_test(nobody_answers),
		cmocka_unit_test(a_disk_of_the_state_that_is_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
