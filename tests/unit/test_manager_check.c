/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The role judge: facts of hosts become findings, on both engines. What single controls say is
 * tested with them.
 */
#include "store_test.h"

#include "control/control.h"
#include "manager/check.h"
#include "manager/init.h"
#include "manager/roles.h"
#include "model/fact.h"
#include "store/consent.h"

#define ASLR "host.kernel.aslr"
#define NOW  1700000000000

static const struct check_options usual = {.profile = "kvm-base",
					   .limits = {.time_ms = 120000, .fact_bytes = 1 << 20}};

/* ---- a host whose only known fact is one sysctl ---- */

static void facts_put(struct store *store, const char *host, bool whole, const char *aslr)
{
	struct store_value row[FACT_MAX_COLUMNS] = {{.kind = STORE_NULL}};
	const struct fact_table *table = fact_table_find("host");
	struct store_value sysctl[] = {store_text(host), store_text("kernel.randomize_va_space"),
				       store_text(aslr), store_text("/proc/sys/kernel/x")};
	struct store_value run[] = {
		store_text(host), store_text("kernel"), store_text("ok"),	   store_int(1),
		store_int(1),	  store_text(NULL),	store_text("sysctl,host"), store_text("")};
	struct store_fact facts[] = {{"sysctl", sysctl, 4, false},
				     {"collector_run", run, 8, false},
				     {"host", row, table->columns_count, false}};
	struct rf_err err = {0};

	for (size_t i = 0; i < table->columns_count; i++)
		if (table->columns[i].required)
			row[i] = table->columns[i].is_text ? store_text("x") : store_int(0);
	must(store_facts_put(store, &(struct store_facts){host, whole, facts, RF_COUNT(facts), 5},
			     NULL, &err),
	     &err);
}

struct asked {
	const char *control;
	char state[32], evidence[512];
	size_t count, errors;
};

static int take_asked(void *arg, const struct store_finding *finding)
{
	struct asked *a = arg;

	a->count++;
	a->errors += rf_equal(finding->state, "ERROR");
	if (rf_equal(finding->control, a->control) && !finding->resource[0]) {
		rf_copy(a->state, sizeof(a->state), finding->state);
		rf_copy(a->evidence, sizeof(a->evidence), finding->evidence);
	}
	return 0;
}

static struct asked findings(struct store *store, const char *host)
{
	struct asked a = {.control = ASLR};
	struct rf_err err = {0};

	must(store_finding_each(store, host, take_asked, &a, &err), &err);
	return a;
}

static void assert_state(struct store *store, const char *host, const char *expected)
{
	struct asked a = findings(store, host);

	if (strcmp(a.state, expected))
		fail_msg("%s: %s (%s) of %zu", host, a.state, a.evidence, a.count);
}

static struct check *opened(const struct check_options *options)
{
	struct check *check = NULL;
	struct rf_err err = {0};

	must(check_open(options, NOW, &check, &err), &err);
	return check;
}

static size_t some(struct check *check, struct place *p, int64_t now_ms)
{
	const struct check_turn turn = {.store = p->store, .now_ms = now_ms};
	struct rf_err err = {0};
	size_t count = 0;

	must(check_some(check, &turn, &count, &err), &err);
	return count;
}

static void ready(struct place *p)
{
	struct rf_err err = {0};

	must(store_facts_upgrade(p->owner, &err), &err);
	add_host(p->store, "h1");
	add_host(p->store, "h2");
}

/* ---- cases ---- */

static void facts_become_findings(struct place *p)
{
	struct check *check = opened(&usual);

	ready(p);
	assert_int_equal(some(check, p, NOW), 0);
	assert_int_equal(findings(p->store, "h1").count, 0);
	facts_put(p->store, "h1", true, "0");
	facts_put(p->store, "h2", true, "2");
	assert_int_equal(some(check, p, NOW), 2);
	assert_state(p->store, "h1", "FAIL");
	assert_state(p->store, "h2", "PASS");
	assert_non_null(strstr(findings(p->store, "h1").evidence, "value = 0"));
	assert_int_equal(findings(p->store, "h1").errors, 0);
	/* A first run is no news, and what was judged is not judged again. */
	assert_int_equal(ask(p->store, "SELECT count(*) FROM event WHERE kind = 'finding'"), 0);
	assert_int_equal(some(check, p, NOW + 1), 0);
	check_close(check);
}

static void a_change_is_a_transition(struct place *p)
{
	struct check *check = opened(&usual);

	ready(p);
	facts_put(p->store, "h1", true, "2");
	facts_put(p->store, "h2", true, "2");
	assert_int_equal(some(check, p, NOW), 2);
	/* In the same ms of the agent's clock: it is the change that counts. */
	facts_put(p->store, "h1", false, "0");
	assert_int_equal(some(check, p, NOW + 5), 1);
	assert_state(p->store, "h1", "FAIL");
	assert_state(p->store, "h2", "PASS");
	assert_int_equal(ask(p->store, "SELECT count(*) FROM finding_change WHERE host = 'h1' AND "
				       "control = '" ASLR "' AND old_state = 'PASS' AND "
				       "new_state = 'FAIL'"),
			 1);
	assert_int_equal(ask(p->store, "SELECT count(*) FROM event WHERE kind = 'finding' AND "
				       "host = 'h1' AND new_state = 'FAIL'"),
			 1);
	/* All of its facts anew are to be judged, too. */
	facts_put(p->store, "h1", true, "2");
	assert_int_equal(some(check, p, NOW + 6), 1);
	assert_state(p->store, "h1", "PASS");
	check_close(check);
}

/* No answer at all would look like a host without faults. */
static void facts_of_no_collector_show(struct place *p)
{
	struct check *check = opened(&usual);
	const struct store_facts none = {"h1", true, NULL, 0, 5};
	struct rf_err err = {0};

	ready(p);
	must(store_facts_put(p->store, &none, NULL, &err), &err);
	assert_int_equal(some(check, p, NOW), 1);
	assert_state(p->store, "h1", "ERROR");
	assert_non_null(strstr(findings(p->store, "h1").evidence, "no collector"));
	check_close(check);
}

/* A host of a pass of which nothing is known keeps no other from its findings. */
static void a_pass_without_a_hosts_facts(struct place *p)
{
	struct check *check = opened(&usual);
	const struct store_facts none = {"h1", true, NULL, 0, 5};
	struct rf_err err = {0};

	ready(p);
	add_host(p->store, "h3");
	must(store_facts_put(p->store, &none, NULL, &err), &err);
	facts_put(p->store, "h2", true, "0");
	facts_put(p->store, "h3", true, "2");
	assert_int_equal(some(check, p, NOW), 3);
	assert_state(p->store, "h1", "ERROR");
	assert_state(p->store, "h2", "FAIL");
	assert_state(p->store, "h3", "PASS");
	assert_int_equal(findings(p->store, "h3").errors, 0);
	check_close(check);
}

/* What cannot be judged is never what it was before, nor nothing. */
static void failure_shows(struct place *p)
{
	struct check_options slow = usual, small = usual;
	struct check *check = opened(&usual);

	ready(p);
	facts_put(p->store, "h1", true, "2");
	facts_put(p->store, "h2", true, "2");
	assert_int_equal(some(check, p, NOW), 2);
	size_t controls = 0;

	check_close(check);
	slow.limits.time_ms = 1;
	check = opened(&slow);
	facts_put(p->store, "h1", false, "2");
	assert_int_equal(some(check, p, NOW + 1), 1);
	assert_state(p->store, "h1", "ERROR");
	assert_non_null(strstr(findings(p->store, "h1").evidence, "longer than 1 ms"));
	controls = findings(p->store, "h1").count;
	assert_true(controls > 50);
	assert_int_equal(findings(p->store, "h1").errors, controls);
	assert_int_equal(ask(p->store, "SELECT count(*) FROM event WHERE kind = 'judge.failed' AND "
				       "host = 'h1'"),
			 1);
	/* It is not tried for ever, and the other host is as it was. */
	assert_int_equal(some(check, p, NOW + 2), 0);
	assert_state(p->store, "h2", "PASS");
	check_close(check);
	small.limits.fact_bytes = 100;
	check = opened(&small);
	facts_put(p->store, "h2", false, "2");
	assert_int_equal(some(check, p, NOW + 3), 1);
	assert_state(p->store, "h2", "ERROR");
	assert_non_null(strstr(findings(p->store, "h2").evidence, "more than 100 bytes"));
	check_close(check);
	/* New facts, new luck. */
	check = opened(&usual);
	facts_put(p->store, "h1", false, "2");
	facts_put(p->store, "h2", false, "0");
	assert_int_equal(some(check, p, NOW + 4), 2);
	assert_state(p->store, "h1", "PASS");
	assert_state(p->store, "h2", "FAIL");
	assert_int_equal(findings(p->store, "h1").errors, 0);
	check_close(check);
}

static void other_controls_judge_all_anew(struct place *p)
{
	struct check_options high = usual;
	struct check *check = opened(&usual);

	ready(p);
	facts_put(p->store, "h1", true, "2");
	facts_put(p->store, "h2", true, "0");
	assert_int_equal(some(check, p, NOW), 2);
	check_close(check);
	check = opened(&usual);
	assert_int_equal(some(check, p, NOW + 1), 0);
	check_close(check);
	high.profile = "kvm-high";
	check = opened(&high);
	assert_int_equal(some(check, p, NOW + 2), 2);
	assert_int_equal(some(check, p, NOW + 3), 0);
	assert_state(p->store, "h2", "FAIL");
	check_close(check);
}

static void retired_hosts_rest(struct place *p)
{
	struct check *check = opened(&usual);
	const struct store_state retired = {"h1", "RETIRED", "gone", NOW};
	struct rf_err err = {0};

	ready(p);
	facts_put(p->store, "h1", true, "0");
	facts_put(p->store, "h2", true, "0");
	must(store_host_state(p->store, &retired, NULL, &err), &err);
	assert_int_equal(some(check, p, NOW), 1);
	assert_int_equal(findings(p->store, "h1").count, 0);
	assert_state(p->store, "h2", "FAIL");
	check_close(check);
}

/* More hosts than one turn takes are all judged, each once. */
static void every_host_has_its_turn(struct place *p)
{
	struct check *check = opened(&usual);
	size_t judged = 0, count;

	ready(p);
	for (unsigned i = 0; i < CHECK_HOSTS_A_TURN + 3; i++) {
		char host[16];

		snprintf(host, sizeof(host), "many-%02u", i);
		add_host(p->store, host);
		facts_put(p->store, host, true, "0");
	}
	while ((count = some(check, p, NOW)) > 0)
		judged += count;
	assert_int_equal(judged, CHECK_HOSTS_A_TURN + 3);
	assert_state(p->store, "many-00", "FAIL");
	assert_state(p->store, "many-18", "FAIL");
	check_close(check);
}

static void waiver_put(struct store *store, bool revoked, int64_t seq)
{
	const struct store_waiver waiver = {.waiver = "waiver-1",
					    .row = {.control = ASLR,
						    .resource = "h1",
						    .reason = "the vendor mends it",
						    .owner = "anna",
						    .owner_subject = "anna",
						    .approver = "otto",
						    .approver_subject = "otto",
						    .compensating = "no guests of others",
						    .since_ms = NOW,
						    .expires_ms = NOW + 100000,
						    .revoked = revoked},
					    .seq = seq};
	struct rf_err err = {0};

	must(store_waiver_put(store, &waiver, &err), &err);
}

/* A fleet's waiver begins, ends by itself, or is revoked: the finding is what it has to be, though
 * no fact changed. */
static void waivers_make_findings_waived(struct place *p)
{
	struct check *check = opened(&usual);

	ready(p);
	facts_put(p->store, "h1", true, "0");
	facts_put(p->store, "h2", true, "0");
	assert_int_equal(some(check, p, NOW), 2);
	assert_state(p->store, "h1", "FAIL");
	waiver_put(p->store, false, 0);
	assert_int_equal(some(check, p, NOW + 1), 2);
	assert_state(p->store, "h1", "WAIVED");
	assert_non_null(strstr(findings(p->store, "h1").evidence,
			       "waiver-1 of anna, approved by otto: the vendor mends it; "));
	assert_state(p->store, "h2", "FAIL");
	assert_int_equal(some(check, p, NOW + 2), 0);
	/* It ends. */
	assert_int_equal(some(check, p, NOW + 100001), 2);
	assert_state(p->store, "h1", "FAIL");
	assert_int_equal(some(check, p, NOW + 100002), 0);
	check_close(check);
}

static void a_revoked_waiver_holds_no_more(struct place *p)
{
	struct check *check = opened(&usual);

	ready(p);
	facts_put(p->store, "h1", true, "0");
	waiver_put(p->store, false, 0);
	assert_int_equal(some(check, p, NOW + 1), 1);
	assert_state(p->store, "h1", "WAIVED");
	waiver_put(p->store, true, ask(p->store, "SELECT max(seq) FROM waiver"));
	assert_int_equal(some(check, p, NOW + 2), 1);
	assert_state(p->store, "h1", "FAIL");
	check_close(check);
}

/* Who lost the lease writes nothing. */
static void a_lost_lease_writes_nothing(struct place *p)
{
	struct check *check = opened(&usual);
	struct store_lease mine, later;
	const struct check_turn turn = {.store = p->store, .lease = &mine, .now_ms = NOW};
	struct rf_err err = {0};
	size_t count = 0;

	ready(p);
	facts_put(p->store, "h1", true, "0");
	must(store_lease_take(p->store, "judge", "one", 60000, &mine, &err), &err);
	must(store_lease_take(p->store, "judge", "one", 60000, &later, &err), &err);
	assert_int_equal(check_some(check, &turn, &count, &err), RF_E_CHANGED);
	assert_int_equal(findings(p->store, "h1").count, 0);
	mine = later;
	must(check_some(check, &turn, &count, &err), &err);
	assert_int_equal(count, 1);
	assert_state(p->store, "h1", "FAIL");
	check_close(check);
}

/* ---- without a store ---- */

static void file_make(const char *dir, const char *name, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void wrong_controls_are_refused(void **state)
{
	char dir[] = "/tmp/rf-site-XXXXXX";
	struct check_options o = usual;
	struct check *check = NULL;
	struct rf_err err = {0};

	(void)state;
	o.profile = "kvm-bass";
	assert_int_equal(check_open(&o, NOW, &check, &err), RF_E_UNKNOWN);
	assert_non_null(strstr(rf_err_text(&err), "kvm-bass"));
	assert_non_null(mkdtemp(dir));
	o = usual;
	o.site = dir;
	must(check_open(&o, NOW, &check, &err), &err);
	check_close(check);
	check = NULL;
	file_make(dir, "waivers.yaml", "no: waivers\n");
	assert_int_equal(check_open(&o, NOW, &check, &err), RF_E_SYNTAX);
	assert_null(check);
	check_close(NULL);
	remove_tree(dir);
}

/* ---- the role, locked in ---- */

static pid_t role_start(const struct config *config, int *out_stop)
{
	int stop[2], ready[2];
	char line;

	assert_int_equal(pipe2(stop, O_CLOEXEC), 0);
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		struct rf_err err = {0};
		const int from[] = {fcntl(stop[0], F_DUPFD, 100), fcntl(ready[1], F_DUPFD, 100)};

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(from[0], ROLE_FD_STOP);
		dup2(from[1], ROLE_FD_READY);
		close_range(ROLE_FD_KEYS, ~0U, 0);
		int rc = role_judge(config, &err);

		if (rc)
			fprintf(stderr, "judge: %s\n", rf_err_text(&err));
		_exit(rc ? 1 : 0);
	}
	close(stop[0]);
	close(ready[1]);
	assert_int_equal(read(ready[0], &line, 1), 1);
	close(ready[0]);
	*out_stop = stop[1];
	return pid;
}

static void the_role_judges(void **state)
{
	char dir[] = "/tmp/rf-judge-XXXXXX", text[] = "name: m1\n", path[64];
	struct config config;
	struct place p = {.store = NULL};
	struct rf_err err = {0};
	int stop, status = -1;

	(void)state;
	assert_non_null(mkdtemp(dir));
	file_make(dir, "manager.yaml", text);
	snprintf(path, sizeof(path), "%s/manager.yaml", dir);
	must(config_load(path, dir, &config, &err), &err);
	must(init_state(&config, NOW, &err), &err);
	assert_string_equal(config.profile, "kvm-base");
	/* A store is not carried across a fork. */
	pid_t pid = role_start(&config, &stop);

	must(store_open(config.store, &p.store, &err), &err);
	add_host(p.store, "h1");
	facts_put(p.store, "h1", true, "0");

	while (!findings(p.store, "h1").count && waitpid(pid, &status, WNOHANG) == 0)
		nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
	assert_state(p.store, "h1", "FAIL");
	facts_put(p.store, "h1", false, "2");
	while (rf_equal(findings(p.store, "h1").state, "FAIL") &&
	       waitpid(pid, &status, WNOHANG) == 0)
		nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
	assert_state(p.store, "h1", "PASS");
	close(stop);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	/* It gave its lease back. */
	assert_int_equal(ask(p.store, "SELECT count(*) FROM lease WHERE lease = 'judge' AND "
				      "until_ms > 0"),
			 0);
	store_close(p.store);
	config_done(&config);
	remove_tree(dir);
}

static const struct shared_case cases[] = {
	{"facts become findings", facts_become_findings},
	{"a change is a transition", a_change_is_a_transition},
	{"facts of no collector show", facts_of_no_collector_show},
	{"a pass without a host's facts", a_pass_without_a_hosts_facts},
	{"failure shows", failure_shows},
	{"other controls judge all anew", other_controls_judge_all_anew},
	{"retired hosts rest", retired_hosts_rest},
	{"every host has its turn", every_host_has_its_turn},
	{"waivers make findings waived", waivers_make_findings_waived},
	{"a revoked waiver holds no more", a_revoked_waiver_holds_no_more},
	{"a lost lease writes nothing", a_lost_lease_writes_nothing},
};

int main(void)
{
	static struct engine_case rows[2 * RF_COUNT(cases)];
	static struct CMUnitTest tests[2 * RF_COUNT(cases) + 2];

	signal(SIGPIPE, SIG_IGN);
	engine_tests(cases, RF_COUNT(cases), rows, tests);
	tests[2 * RF_COUNT(cases)] = (struct CMUnitTest)cmocka_unit_test(the_role_judges);
	tests[2 * RF_COUNT(cases) + 1] =
		(struct CMUnitTest)cmocka_unit_test(wrong_controls_are_refused);
	return cmocka_run_group_tests(tests, server_start, server_stop);
}
