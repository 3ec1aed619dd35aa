/* SPDX-License-Identifier: Apache-2.0 */
/* What is said of split locks and of VMs' counters, from what a host says; what is not known. */
#include "base/mem.h"
#include "base/str.h"
#include "facts_test.h"
#include "isolate/cpu_counters.h"

enum { NO = PROMISE_NO, YES = PROMISE_YES, UNKNOWN = PROMISE_NOT_ASKED };

static struct rf_slice slice_of(const char *text)
{
	return (struct rf_slice){(const uint8_t *)text, text ? strlen(text) : 0};
}

static void split_locks(void **state)
{
	static const char intel[] = "processor\t: 0\nflags\t\t: fpu vme split_lock_detect ibrs\n",
			  amd[] = "flags\t\t: fpu bus_lock_detect\n",
			  old[] = "flags\t\t: fpu vme\n";
	static const struct {
		const char *name, *cmdline, *cpuinfo, *mitigate;
		int configured, enforced;
		const char *evidence; /* part of it */
	} cases[] = {
		{"the default", "quiet ro\n", intel, "1", YES, YES, "and waits"},
		{"not slowed", "quiet", intel, "0", YES, YES, "goes on at once"},
		{"no such setting", "quiet", intel, "", YES, YES,
		 "split_lock_detect=warn, as no other"},
		{"AMD", "quiet", amd, "1", YES, YES, "kernel's log"},
		{"fatal", "a split_lock_detect=fatal b", intel, "1", YES, YES, "SIGBUS"},
		{"so many", "split_lock_detect=ratelimit:10", intel, "1", YES, YES,
		 "so many a second"},
		{"off", "split_lock_detect=off", intel, "1", NO, NO, "slow every processor"},
		{"off, on a processor without", "split_lock_detect=off", old, "1", NO, NO, "=off"},
		{"the last counts", "split_lock_detect=off split_lock_detect=fatal", intel, "1",
		 YES, YES, "SIGBUS"},
		{"a mode that is none", "split_lock_detect=offal", intel, "1", YES, YES,
		 "=warn, as"},
		{"another's key", "xsplit_lock_detect=off", intel, "1", YES, YES, "=warn, as"},
		{"a processor without", "quiet", old, "1", YES, UNKNOWN, "unknown: this processor"},
		{"no cpuinfo", "quiet", NULL, "1", YES, UNKNOWN, "unknown: /proc/cpuinfo"},
		{"no command line", NULL, intel, "1", UNKNOWN, UNKNOWN, "unknown: the kernel's"},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		const struct cpu_locks locks = {.cmdline = slice_of(cases[i].cmdline),
						.cpuinfo = slice_of(cases[i].cpuinfo),
						.mitigate = cases[i].mitigate};
		struct isolate_promise p;

		cpu_locks_judge(&locks, &p);
		if ((int)p.configured != cases[i].configured ||
		    (int)p.enforced != cases[i].enforced || !strstr(p.evidence, cases[i].evidence))
			fail_msg("%s: %d %d %s", cases[i].name, (int)p.configured, (int)p.enforced,
				 p.evidence);
		/* Nothing is tried, so nothing is proven. */
		assert_int_equal(p.proven, PROMISE_NOT_ASKED);
	}
}

/* A command line longer than any: cut, and no harm. */
static void long_command_line(void **state)
{
	RF_AUTOBUF struct rf_buf text = {0};
	struct isolate_promise p;

	(void)state;
	for (unsigned i = 0; i < 5000; i++)
		rf_buf_add_text(&text, "word ");
	rf_buf_add_text(&text, "split_lock_detect=off");
	cpu_locks_judge(&(struct cpu_locks){.cmdline = rf_buf_slice(&text),
					    .cpuinfo = slice_of(" split_lock_detect"),
					    .mitigate = ""},
			&p);
	assert_int_equal(p.configured, PROMISE_YES);
}

static void counters(void **state)
{
	static const struct {
		int stored;
		bool running;
		int live;
		int configured, enforced;
		const char *evidence;
	} cases[] = {
		{0, true, 0, YES, YES, "and so it runs"},
		{0, true, 1, YES, NO, "next cold boot"},
		{0, true, CPU_PMU_UNSAID, YES, NO, "next cold boot"},
		{0, false, CPU_PMU_UNSAID, YES, UNKNOWN, "it is off"},
		{1, true, 1, UNKNOWN, UNKNOWN, "gives it some"},
		{CPU_PMU_UNSAID, true, CPU_PMU_UNSAID, UNKNOWN, UNKNOWN, "unknown: its definition"},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		struct isolate_promise p;

		cpu_pmu_judge(cases[i].stored, cases[i].running, cases[i].live, &p);
		if ((int)p.configured != cases[i].configured ||
		    (int)p.enforced != cases[i].enforced || !strstr(p.evidence, cases[i].evidence))
			fail_msg("%zu: %d %d %s", i, (int)p.configured, (int)p.enforced,
				 p.evidence);
		assert_int_equal(p.proven, PROMISE_NOT_ASKED);
	}
}

/* Only of VMs that a policy has watched; the host's row once. */
static void of_a_policy(void **state)
{
	static const struct policy_vm vms[] = {{.name = "web", .running = true},
					       {.name = "db", .running = true},
					       {.name = "plain", .running = true}};
	struct cpu_item items[] = {
		{.vm = &vms[0], .managed = true, .cpu = {.hostile = HOSTILE_WATCH_REPORT}},
		{.vm = &vms[1], .managed = true, .cpu = {.hostile = HOSTILE_WATCH_APART}},
		{.vm = &vms[2], .managed = true}};
	static const char rows[] =
		"INSERT INTO vm(host, vm, layer, format, name, pmu) VALUES"
		"('h','web','persistent','libvirt','web',0),('h','web','live','libvirt','web',0),"
		"('h','/db.vmx','persistent','vmx','db',0)";
	struct cpu_result result = {.items = items, .count = RF_COUNT(items), .any = true};
	struct isolate_promises out = {0};
	FACT_AUTOSTORE struct fact_store *facts = NULL;
	struct test_host h;
	struct sys *sys = NULL;

	(void)state;
	host_make(&h);
	host_file(&h, "/proc/cmdline", "quiet\n");
	host_file(&h, "/proc/cpuinfo", "flags\t: split_lock_detect\n");
	assert_int_equal(sys_open_dir(h.dir, &sys, NULL), 0);
	assert_int_equal(fact_store_open(&facts, NULL), 0);
	assert_int_equal(sqlite3_exec(fact_store_db(facts), rows, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(cpu_counters_promises(&result, sys, facts, &out, NULL), 0);
	assert_int_equal(out.count, 3);
	assert_string_equal(out.items[0].subject, "cpu of this host");
	assert_string_equal(out.items[1].subject, "web cpu");
	assert_int_equal(out.items[1].enforced, PROMISE_YES);
	assert_int_equal(out.items[2].configured, PROMISE_NOT_ASKED);
	assert_int_equal(isolate_promises_failed(&out), 0);
	isolate_promises_done(&out);
	items[0].cpu.hostile = items[1].cpu.hostile = HOSTILE_WATCH_OFF;
	assert_int_equal(cpu_counters_promises(&result, sys, facts, &out, NULL), 0);
	assert_int_equal(out.count, 0);
	isolate_promises_done(&out);
	sys_close(sys);
	host_done(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(split_locks), cmocka_unit_test(long_command_line),
		cmocka_unit_test(counters), cmocka_unit_test(of_a_policy)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
