/* SPDX-License-Identifier: Apache-2.0 */
/* What several managers share, on both engines: leases, work, events; killed writers; what is old.
 */
#include "store_test.h"

#include "store/ask.h"

/* Leases and work ---------------------------------------------------------------------------- */

static void a_fenced_holder_is_refused(struct place *p)
{
	struct store_lease one, two, again;
	struct store_verdict v = {"v1", "h", "TRUSTED", "", {NULL, 0}, 5};
	struct store_state state = {"h", "STALE", "", 6};
	struct store_finding f = {"c", "r", "PASS", "", 0};
	struct store_findings run = {"h", &f, 1, 7};
	struct rf_err err = {0};

	add_host(p->store, "h");
	must(store_lease_take(p->store, "host/h", "m1", 60000, &one, &err), &err);
	assert_int_equal(store_lease_take(p->store, "host/h", "m2", 60000, &two, &err),
			 RF_E_DENIED);
	must(store_verdict_add(p->store, &v, &one, &err), &err);
	/* Its time is over: another takes it. */
	must(store_lease_renew(p->store, &one, -1, &err), &err);
	must(store_lease_take(p->store, "host/h", "m2", 60000, &two, &err), &err);
	assert_int_equal(two.epoch, one.epoch + 1);
	v.verdict = "v2";
	v.state = "UNTRUSTED";
	assert_int_equal(store_verdict_add(p->store, &v, &one, &err), RF_E_CHANGED);
	assert_int_equal(store_host_state(p->store, &state, &one, &err), RF_E_CHANGED);
	assert_int_equal(store_findings_put(p->store, &run, &one, &err), RF_E_CHANGED);
	assert_int_equal(store_lease_renew(p->store, &one, 1000, &err), RF_E_CHANGED);
	assert_int_equal(store_lease_drop(p->store, &one, &err), RF_E_CHANGED);
	assert_int_equal(ask(p->store, "SELECT count(*) FROM verdict"), 1);
	assert_int_equal(ask(p->store, "SELECT count(*) FROM finding"), 0);
	must(store_verdict_add(p->store, &v, &two, &err), &err);
	/* Started anew under its old name, it fences its former self. */
	must(store_lease_take(p->store, "host/h", "m2", 60000, &again, &err), &err);
	assert_int_equal(store_host_state(p->store, &state, &two, &err), RF_E_CHANGED);
	/* Given back it is free, and its epochs go on. */
	must(store_lease_drop(p->store, &again, &err), &err);
	must(store_lease_take(p->store, "host/h", "m1", 60000, &one, &err), &err);
	assert_true(one.epoch > again.epoch);
	/* Seized from who lives and holds it: fenced off as one whose time is over. */
	must(store_lease_seize(p->store, "host/h", "m3", 60000, &two, &err), &err);
	assert_true(two.epoch > one.epoch);
	assert_int_equal(store_host_state(p->store, &state, &one, &err), RF_E_CHANGED);
	assert_int_equal(store_lease_take(p->store, "host/h", "m1", 60000, &one, &err),
			 RF_E_DENIED);
	must(store_host_state(p->store, &state, &two, &err), &err);
	must(store_lease_seize(p->store, "host/new", "m1", 60000, &one, &err), &err);
	assert_int_equal(one.epoch, 1);
}

static void an_id_too_long_is_refused(struct place *p)
{
	char id[STORE_ID_BYTES + 1];
	struct store_lease lease;
	struct rf_err err = {0};

	memset(id, 'i', sizeof(id));
	id[STORE_ID_BYTES] = '\0';
	assert_int_equal(store_lease_take(p->store, id, "h", 1, &lease, &err), RF_E_LIMIT);
	assert_int_equal(store_lease_take(p->store, "l", id, 1, &lease, &err), RF_E_LIMIT);
	assert_int_equal(store_work_add(p->store, "k", id, rf_slice_text(""), 0, &err), RF_E_LIMIT);
	id[STORE_ID_BYTES - 1] = '\0';
	must(store_lease_take(p->store, id, id, 1, &lease, &err), &err);
}

static void work_is_given_again(struct place *p)
{
	struct store_work first, second, none;
	int64_t now_ms;
	struct rf_err err = {0};

	must(store_now(p->store, &now_ms, &err), &err);
	/* Nobody's clock here is before 2020 or after 2200. */
	assert_in_range(now_ms, 1577836800000, 7258118400000);
	must(store_work_add(p->store, "k", "later", rf_slice_text("l"), now_ms + 3600000, &err),
	     &err);
	must(store_work_add(p->store, "k", "now", rf_slice_text("n"), 0, &err), &err);
	assert_int_equal(store_work_add(p->store, "k", "now", rf_slice_text("n"), 0, &err),
			 RF_E_DUPLICATE);
	must(store_work_take(p->store, "other", 1000, &none, &err), &err);
	assert_int_equal(none.tries, 0);
	/* Held for no time at all: its holder is dead, so to say. */
	must(store_work_take(p->store, "k", -1, &first, &err), &err);
	assert_string_equal(first.work, "now");
	must(store_work_take(p->store, "k", 60000, &second, &err), &err);
	assert_string_equal(second.work, "now");
	assert_int_equal(second.tries, 2);
	must(store_work_take(p->store, "k", 1000, &none, &err), &err);
	assert_int_equal(none.tries, 0);
	assert_int_equal(store_work_done(p->store, &first, &err), RF_E_CHANGED);
	must(store_work_done(p->store, &second, &err), &err);
	assert_int_equal(store_work_done(p->store, &second, &err), RF_E_CHANGED);
	assert_int_equal(ask(p->store, "SELECT count(*) FROM work"), 1);
	rf_buf_done(&first.body);
	rf_buf_done(&second.body);
}

/* A child with a connection of its own; its answer is its exit status. */
static pid_t child(struct place *p, int out, int (*run)(struct store *store, int out))
{
	pid_t pid = fork();

	if (pid)
		return pid;
	struct store *store = NULL;
	int rc = store_open(p->url, &store, NULL);

	rc = rc ? rc : run(store, out);
	store_close(store);
	_exit(rc ? 1 : 0);
}

static int take_work_all(struct store *store, int out)
{
	struct store_work work;
	int rc;

	while ((rc = store_work_take(store, "k", 600000, &work, NULL)) == 0 && work.tries) {
		uint8_t id = work.body.data[0];

		rf_buf_done(&work.body);
		if (write(out, &id, 1) != 1 || store_work_done(store, &work, NULL))
			return -1;
	}
	return rc;
}

#define WORKS 60

static void work_is_given_to_one(struct place *p)
{
	int pipes[2], status;
	uint8_t id, given[WORKS] = {0};
	pid_t pids[3];
	struct rf_err err = {0};

	for (uint8_t i = 0; i < WORKS; i++) {
		char name[8];

		snprintf(name, sizeof(name), "w%d", i);
		must(store_work_add(p->store, "k", name, (struct rf_slice){&i, 1}, 0, &err), &err);
	}
	assert_int_equal(pipe(pipes), 0);
	for (size_t i = 0; i < RF_COUNT(pids); i++)
		pids[i] = child(p, pipes[1], take_work_all);
	close(pipes[1]);
	while (read(pipes[0], &id, 1) == 1)
		given[id]++;
	close(pipes[0]);
	for (size_t i = 0; i < RF_COUNT(pids); i++) {
		waitpid(pids[i], &status, 0);
		assert_int_equal(status, 0);
	}
	for (int i = 0; i < WORKS; i++)
		assert_int_equal(given[i], 1);
	assert_int_equal(ask(p->store, "SELECT count(*) FROM work"), 0);
}

/* Events ------------------------------------------------------------------------------------- */

struct heard {
	int64_t last;
	size_t count;
};

static int take_heard(void *arg, const struct store_event *event)
{
	struct heard *heard = arg;

	/* In order, and none left out, whoever still writes. */
	assert_true(event->seq == heard->last + 1);
	heard->last = event->seq;
	heard->count++;
	return 0;
}

static const struct store_event an_event = {0, "kind", "h", "about", "old", "new", "text", 7};

static void a_sink_hears_each_event(struct place *p)
{
	struct heard heard = {0};
	struct rf_err err = {0};

	must(store_event_add(p->store, &an_event, &err), &err);
	must(store_sink_add(p->store, "hook", &err), &err);
	heard.last = 1; /* what was before it came is not for it */
	for (int i = 0; i < 5; i++)
		must(store_event_add(p->store, &an_event, &err), &err);
	must(store_event_each(p->store, "hook", 3, take_heard, &heard, &err), &err);
	assert_int_equal(heard.count, 3);
	/* Not confirmed, so they come again. */
	heard.last = 1;
	must(store_event_each(p->store, "hook", 3, take_heard, &heard, &err), &err);
	must(store_sink_confirm(p->store, "hook", heard.last, &err), &err);
	must(store_event_each(p->store, "hook", 3, take_heard, &heard, &err), &err);
	assert_int_equal(heard.last, 6);
	assert_int_equal(store_sink_confirm(p->store, "hook", 2, &err), RF_E_CHANGED);
	assert_int_equal(store_sink_confirm(p->store, "nobody", 2, &err), RF_E_CHANGED);
	must(store_sink_add(p->store, "hook", &err), &err);
	assert_int_equal(ask(p->store, "SELECT seq FROM sink"), 4);
	must(store_sink_drop(p->store, "hook", &err), &err);
	assert_int_equal(ask(p->store, "SELECT count(*) FROM sink"), 0);
}

static void the_newest_events_in_order(struct place *p)
{
	struct heard heard = {0};
	struct rf_err err = {0};

	must(store_event_newest(p->store, 3, take_heard, &heard, &err), &err);
	assert_int_equal(heard.count, 0);
	for (int i = 0; i < 5; i++)
		must(store_event_add(p->store, &an_event, &err), &err);
	heard.last = 2;
	must(store_event_newest(p->store, 3, take_heard, &heard, &err), &err);
	assert_int_equal(heard.count, 3);
	assert_int_equal(heard.last, 5);
	heard = (struct heard){0};
	must(store_event_newest(p->store, 100, take_heard, &heard, &err), &err);
	assert_int_equal(heard.last, 5);
}

static int add_events(struct store *store, int out)
{
	int rc = 0;

	(void)out;
	for (int i = 0; !rc && i < 40; i++)
		rc = store_event_add(store, &an_event, NULL);
	return rc;
}

/* A number that is given but not committed yet must not be jumped over by a reader. */
static void no_event_is_jumped_over(struct place *p)
{
	struct heard heard = {0};
	struct rf_err err = {0};
	int status;

	must(store_sink_add(p->store, "hook", &err), &err);
	pid_t a = child(p, -1, add_events), b = child(p, -1, add_events);

	while (heard.count < 80) {
		must(store_event_each(p->store, "hook", 7, take_heard, &heard, &err), &err);
		must(store_sink_confirm(p->store, "hook", heard.last, &err), &err);
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
		if (waitpid(a, &status, WNOHANG) == a)
			assert_int_equal(status, 0);
	}
	waitpid(b, &status, 0);
	assert_int_equal(status, 0);
	(void)waitpid(a, &status, 0);
	assert_int_equal(heard.last, 80);
}

/* Kill --------------------------------------------------------------------------------------- */

/* Every verdict turns the host's state, so that each is one transition and one event. */
static int add_verdicts(struct store *store, int out)
{
	int rc = 0;

	for (int i = 0; !rc; i++) {
		char id[32], evidence[48];
		struct store_verdict v = {id, "h",	 i % 2 ? "TRUSTED" : "UNTRUSTED",
					  "", {NULL, 0}, i};

		snprintf(id, sizeof(id), "%d-%d", (int)getpid(), i);
		snprintf(evidence, sizeof(evidence), "evidence %s", id);
		v.evidence = rf_slice_text(evidence);
		rc = store_verdict_add(store, &v, NULL, NULL);
		if (!rc && write(out, "a", 1) != 1)
			return -1;
	}
	return rc;
}

static void assert_nothing_half(struct store *store)
{
	int64_t verdicts = ask(store, "SELECT count(*) FROM verdict");

	/* The first transition is that the host was made known. A round may begin in the state in
	 * which the last one ended: a verdict without a transition. */
	assert_int_equal(ask(store, "SELECT count(*) FROM evidence"), verdicts);
	assert_int_equal(ask(store, "SELECT count(*) FROM host_change"),
			 ask(store, "SELECT count(*) FROM event"));
	assert_int_equal(
		ask(store,
		    "SELECT count(*) FROM host h JOIN host_change c ON c.host = h.host AND "
		    "c.new_state = h.state WHERE c.seq = (SELECT max(seq) FROM host_change)"),
		1);
	assert_int_equal(ask(store, "SELECT count(*) FROM host_change"),
			 ask(store, "SELECT max(seq) FROM host_change"));
}

static void killed_writers_leave_nothing_half(struct place *p)
{
	add_host(p->store, "h");
	for (int round = 1; round <= 6; round++) {
		int pipes[2], acknowledged = 0, status;
		char a;
		char sql[96];

		assert_int_equal(pipe(pipes), 0);
		pid_t pid = child(p, pipes[1], add_verdicts);

		close(pipes[1]);
		while (acknowledged < round * 3 && read(pipes[0], &a, 1) == 1)
			acknowledged++;
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		assert_true(WIFSIGNALED(status));
		while (read(pipes[0], &a, 1) == 1)
			acknowledged++;
		close(pipes[0]);
		/* All that was acknowledged, and at most the one that was under way. */
		snprintf(sql, sizeof(sql),
			 "SELECT count(*) FROM verdict WHERE verdict LIKE '%d-%%'", (int)pid);
		assert_in_range(ask(p->store, sql), acknowledged, acknowledged + 1);
		assert_nothing_half(p->store);
	}
}

static int body_dies(struct store *store, void *arg, struct rf_err *err)
{
	(void)arg;
	(void)err;
	add_host(store, "half");
	raise(SIGKILL);
	return 0;
}

static int die_within(struct store *store, int out)
{
	(void)out;
	return store_transaction(store, body_dies, NULL, NULL);
}

static void killed_within_a_transaction(struct place *p)
{
	int status;
	pid_t pid = child(p, -1, die_within);

	waitpid(pid, &status, 0);
	assert_true(WIFSIGNALED(status));
	/* Its locks are gone, too. */
	add_host(p->store, "half");
	assert_int_equal(ask(p->store, "SELECT count(*) FROM host"), 1);
	assert_int_equal(ask(p->store, "SELECT count(*) FROM event"), 1);
}

/* Retention ---------------------------------------------------------------------------------- */

#define DAY INT64_C(86400000)

static void what_is_old_goes(struct place *p)
{
	struct store_verdict v = {"v1", "h", "TRUSTED", "", rf_slice_text("one"), DAY};
	uint64_t counts[16];
	int64_t none[16] = {0};
	struct rf_err err = {0};

	add_host(p->store, "h");
	must(store_verdict_add(p->store, &v, NULL, &err), &err);
	v = (struct store_verdict){"v2", "h", "UNTRUSTED", "", rf_slice_text("two"), 2 * DAY};
	must(store_verdict_add(p->store, &v, NULL, &err), &err);
	must(store_sink_add(p->store, "s", &err), &err);
	must(store_event_add(p->store, &an_event, &err), &err);
	assert_true(store_retention_count <= RF_COUNT(counts));
	must(store_retain(p->store, 3 * DAY, NULL, counts, &err), &err);
	for (size_t i = 0; i < store_retention_count; i++)
		assert_int_equal(counts[i], 0);
	/* Old: the verdict before the last, its evidence, every transition; the events that the
	 * sink has, or that were before it, but not the one that it waits for. */
	must(store_retain(p->store, 1000 * DAY, NULL, counts, &err), &err);
	assert_string_equal(store_retention[0].what, "event");
	assert_int_equal(counts[0], 3);
	assert_int_equal(counts[1], 1);
	assert_int_equal(counts[2], 1);
	assert_int_equal(counts[3], 3);
	must(store_sink_confirm(p->store, "s", 4, &err), &err);
	must(store_retain(p->store, 1000 * DAY, none, counts, &err), &err);
	assert_int_equal(counts[0], 1);
	assert_int_equal(ask(p->store, "SELECT count(*) FROM verdict WHERE verdict = 'v2'"), 1);
	assert_int_equal(ask(p->store, "SELECT count(*) FROM evidence"), 1);
	/* Numbers are never given twice, whatever was deleted. */
	must(store_event_add(p->store, &an_event, &err), &err);
	assert_int_equal(ask(p->store, "SELECT seq FROM event"), 5);
}

static const struct shared_case cases[] = {
	{"a fenced holder is refused", a_fenced_holder_is_refused},
	{"an id too long is refused", an_id_too_long_is_refused},
	{"work is given again", work_is_given_again},
	{"work is given to one", work_is_given_to_one},
	{"a sink hears each event", a_sink_hears_each_event},
	{"the newest events in order", the_newest_events_in_order},
	{"no event is jumped over", no_event_is_jumped_over},
	{"killed writers leave nothing half", killed_writers_leave_nothing_half},
	{"killed within a transaction", killed_within_a_transaction},
	{"what is old goes", what_is_old_goes},
};

int main(void)
{
	static struct engine_case rows[2 * RF_COUNT(cases)];
	static struct CMUnitTest tests[2 * RF_COUNT(cases)];

	engine_tests(cases, RF_COUNT(cases), rows, tests);
	return cmocka_run_group_tests(tests, server_start, server_stop);
}
