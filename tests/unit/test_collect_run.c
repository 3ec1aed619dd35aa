/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The runner: what a collector that crashes, hangs, fails or lies costs, and that it costs no more.
 */
#include "facts_test.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "base/mem.h"
#include "collect/run.h"

static int good(struct sys *sys, const struct collect_request *req, struct fact_sink *out,
		struct rf_err *err)
{
	(void)sys;
	(void)req;
	(void)err;
	for (int i = 0; i < 5000; i++) {
		char key[32];

		snprintf(key, sizeof(key), "key.%d", i);
		fact_put_sysctl(out, &(struct fact_sysctl){.key = key, .value = "1"});
	}
	return 0;
}

static int crashes(struct sys *sys, const struct collect_request *req, struct fact_sink *out,
		   struct rf_err *err)
{
	(void)sys;
	(void)req;
	(void)out;
	(void)err;
	raise(SIGKILL);
	return 0;
}

__attribute__((noreturn)) static int hangs(struct sys *sys, const struct collect_request *req,
					   struct fact_sink *out, struct rf_err *err)
{
	(void)sys;
	(void)req;
	(void)out;
	(void)err;
	for (;;)
		pause();
}

static int fails(struct sys *sys, const struct collect_request *req, struct fact_sink *out,
		 struct rf_err *err)
{
	(void)sys;
	(void)req;
	(void)out;
	return rf_fail(err, -EACCES, "/x: run as root");
}

static int partial(struct sys *sys, const struct collect_request *req, struct fact_sink *out,
		   struct rf_err *err)
{
	(void)sys;
	(void)req;
	(void)err;
	fact_gap(out, FACT_T_SWAP, "sda2", "encrypted", "/sys", "cannot tell");
	return 0;
}

/* Reads a, b, c ...: crashes in b, hangs in d. */
static int files(struct sys *sys, const struct collect_request *req, struct fact_sink *out,
		 struct rf_err *err)
{
	static const char *const names[] = {"/a", "/b", "/c", "/d", "/e"};

	(void)sys;
	(void)req;
	(void)err;
	for (size_t i = 0; i < RF_COUNT(names); i++) {
		if (!collect_heartbeat(out, names[i]))
			continue;
		fact_put_vm(out, &(struct fact_vm){.vm = names[i], .layer = "persistent"});
		if (i != 1 && i != 3)
			continue;
		/* Half a VM is on its way already. */
		for (int k = 0; k < 2000; k++) {
			char key[32];

			snprintf(key, sizeof(key), "key%d", k);
			fact_put_vm_option(out, &(struct fact_vm_option){.vm = names[i],
									 .layer = "persistent",
									 .key = key});
		}
		if (i == 1)
			raise(SIGKILL);
		for (;;)
			pause();
	}
	return 0;
}

static const struct collector table[] = {
	{"good", "", COLLECT_HOST, good, {FACT_T_SYSCTL}},
	{"crashes", "", COLLECT_HOST, crashes, {FACT_T_KSM}},
	{"hangs", "", COLLECT_HOST, hangs, {FACT_T_BOOT, FACT_T_PCR}},
	{"fails", "", COLLECT_HOST, fails, {FACT_T_MODULE}},
	{"partial", "", COLLECT_HOST, partial, {FACT_T_SWAP}},
	{"files", "", COLLECT_FILES, files, {FACT_T_VM}},
};

/* Works for as long as it is let, telling of each step, and only then looks at files. */
static int slow(struct sys *sys, const struct collect_request *req, struct fact_sink *out,
		struct rf_err *err)
{
	while (collect_time_left(out)) {
		(void)collect_heartbeat(out, "/step");
		usleep(20000);
	}
	return collect_special_files(sys, req, out, err);
}

/* Would go on for ever, and hears nothing. */
__attribute__((noreturn)) static int deaf(struct sys *sys, const struct collect_request *req,
					  struct fact_sink *out, struct rf_err *err)
{
	(void)sys;
	(void)req;
	(void)err;
	for (;;) {
		(void)collect_heartbeat(out, "/step");
		usleep(20000);
	}
}

static const struct collector in_steps[] = {
	{"slow", "", COLLECT_HOST, slow, {FACT_T_SPECIAL_FILE}, .in_steps = true},
	{"deaf", "", COLLECT_HOST, deaf, {FACT_T_SWAP}, .in_steps = true},
	{"no-steps", "", COLLECT_HOST, deaf, {FACT_T_KSM}},
};

static void run_table(struct test_host *h, const struct collect_request *req,
		      const struct collector *rows, size_t rows_count)
{
	struct sys *sys;
	struct rf_err err = {0};

	assert_int_equal(sys_open_dir(h->dir, &sys, &err), 0);
	assert_int_equal(fact_store_open(&h->store, &err), 0);
	const struct collect_options o = {.sys = sys,
					  .req = req,
					  .timeout_ms = 400,
					  .table = rows,
					  .table_count = rows_count,
					  .no_sandbox = true};

	if (collect_run(h->store, &o, &err) < 0)
		fail_msg("%s", rf_err_text(&err));
	assert_int_equal(fact_store_finish(h->store, &err), 0);
	sys_close(sys);
}

static void run_all(struct test_host *h, const struct collect_request *req)
{
	host_make(h);
	run_table(h, req, table, RF_COUNT(table));
}

/* A host that is too large or too busy keeps what was found, and nothing passes for clean. */
static void a_collector_in_steps_keeps_what_it_has(void **state)
{
	const struct collect_request req = {.host = true};
	struct test_host h;

	(void)state;
	host_make(&h);
	host_file(&h, "/etc/passwd", "root:x:0:0::/root:/bin/sh\n");
	host_file(&h, "/etc/group", "root:x:0:\n");
	host_file(&h, "/usr/bin/su", "");
	host_file(&h, "/.ringfence/probe/special-files/%2Fusr%2Fbin",
		  "f 4755 0 0 /usr/bin/su\nlater /usr/bin/more\n");
	host_file(&h, "/.ringfence/probe/special-files/%2Fusr%2Fbin%2Fmore",
		  "f 4755 0 0 /usr/bin/more/x\n");
	run_table(&h, &req, in_steps, RF_COUNT(in_steps));
	assert_fact(&h, "SELECT state FROM collector_run WHERE collector='slow'", "partial");
	assert_fact(&h, "SELECT group_concat(path) FROM special_file", "/usr/bin/su");
	assert_fact(&h,
		    "SELECT count(*) FROM fact_gap WHERE tbl='special_file' AND key='' AND col='' "
		    "AND reason LIKE '%no time%/usr/bin/more%'",
		    "1");
	/* Silence is not needed to end one that does not end. */
	assert_fact(&h, "SELECT state FROM collector_run WHERE collector='deaf'", "timeout");
	assert_fact(&h, "SELECT state FROM collector_run WHERE collector='no-steps'", "timeout");
	assert_fact(&h,
		    "SELECT count(*) FROM collector_run d JOIN collector_run n ON n.collector = "
		    "'no-steps' WHERE d.collector = 'deaf' AND d.duration_ms > n.duration_ms * 2",
		    "1");
	host_done(&h);
}

static void each_loses_only_its_own(void **state)
{
	const struct collect_request req = {.host = true};
	struct test_host h;

	(void)state;
	run_all(&h, &req);
	assert_fact(&h, "SELECT count(*) FROM sysctl", "5000");
	assert_fact(&h, "SELECT state FROM collector_run WHERE collector='good'", "ok");
	assert_fact(&h, "SELECT rows_count FROM collector_run WHERE collector='good'", "5000");
	assert_fact(&h, "SELECT state FROM collector_run WHERE collector='crashes'", "crashed");
	assert_fact(&h, "SELECT reason FROM fact_gap WHERE tbl='ksm' AND key=''",
		    "collector crashes ended by itself (signal 9)");
	assert_fact(&h, "SELECT state FROM collector_run WHERE collector='hangs'", "timeout");
	assert_fact(&h,
		    "SELECT count(*) FROM fact_gap WHERE tbl IN ('boot','pcr') AND reason LIKE "
		    "'%took more than%'",
		    "2");
	assert_fact(&h, "SELECT reason FROM fact_gap WHERE tbl='module'",
		    "collector fails: /x: run as root");
	assert_fact(&h, "SELECT state FROM collector_run WHERE collector='partial'", "partial");
	assert_fact(&h, "SELECT count(*) FROM collector_run WHERE collector='files'", "0");
	assert_fact(&h, "SELECT tables FROM collector_run WHERE collector='hangs'", "boot,pcr");
	host_done(&h);
}

static void a_bad_file_costs_that_file(void **state)
{
	const char *path = "/";
	const struct collect_request req = {.vmx = &path, .vmx_count = 1};
	struct test_host h;

	(void)state;
	run_all(&h, &req);
	assert_fact(&h, "SELECT group_concat(vm) FROM (SELECT vm FROM vm ORDER BY vm)", "/a,/c,/e");
	assert_fact(&h, "SELECT count(*) FROM vm_option", "0");
	assert_fact(&h, "SELECT count(*) FROM fact_gap WHERE tbl='vm' AND key IN ('/b','/d')", "2");
	assert_fact(&h, "SELECT state FROM collector_run WHERE collector='files'", "partial");
	assert_fact(&h, "SELECT count(*) FROM sysctl", "0");
	host_done(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_loses_only_its_own),
		cmocka_unit_test(a_bad_file_costs_that_file),
		cmocka_unit_test(a_collector_in_steps_keeps_what_it_has),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
