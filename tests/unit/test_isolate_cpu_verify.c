/* SPDX-License-Identifier: Apache-2.0 */
/* What a host's files say of promises about the processor: a folder stands for the host. */
#include "base/mem.h"
#include "base/str.h"
#include "facts_test.h"
#include "isolate/cpu_try.h"
#include "isolate/cpu_verify.h"
#include "isolate/watcher.h"

#define SLICE "/sys/fs/cgroup/machine.slice"
#define SCOPE SLICE "/machine-qemu-web.scope"

static const struct policy_vm VM = {.name = "web", .vcpus = 1, .running = true};

static void host_fill(struct test_host *h)
{
	static const char *const files[][2] = {
		{"/run/libvirt/qemu/web.pid", "77\n"},
		{"/proc/77/cgroup", "0::/machine.slice/machine-qemu-web.scope/libvirt/emulator\n"},
		{"/proc/self/mountinfo", "30 1 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"},
		{"/proc/77/task/77/status", "Name:\tqemu\nCpus_allowed_list:\t0-1\n"},
		{"/proc/77/task/77/stat",
		 "77 (CPU ) 0) R 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 "
		 "28 29 30 31 32 33 34 35 36 37 38 1 40\n"},
		{SLICE "/cpu.weight", "100\n"},
		{SCOPE "/cpu.weight", "300\n"},
		{SCOPE "/cpu.max", "max 100000\n"},
		{SCOPE "/libvirt/cpu.weight", "100\n"},
		{SCOPE "/libvirt/cpu.max", "50000 100000\n"},
		{SLICE "/other.scope/cpu.weight", "100\n"},
	};

	host_make(h);
	for (size_t i = 0; i < RF_COUNT(files); i++)
		host_file(h, files[i][0], files[i][1]);
}

static struct policy_cpu_host host_cpu;
static const struct watched *account;
static int (*attempt)(void *arg, const char *vm, const struct cpu_load *load, struct cpu_trial *out,
		      struct rf_err *err);
static bool exclusive;

static void judge(struct test_host *h, struct isolate_promises *out)
{
	struct cpu_item item = {.vm = &VM, .managed = true, .weight = 300, .quota_us = 50000};
	struct cpu_result result = {
		.items = &item, .count = 1, .any = true, .host = &host_cpu, .cell_dir = SLICE};
	struct cpu_look look = {.attempt = attempt, .arg = NULL, .watched = account, .now_s = 1000};

	item.cpu.floor_pct = 150;
	assert_int_equal(rf_cpus_parse("0-1", &item.cpus), 0);
	item.exclusive = exclusive;
	item.cpu.hostile = account ? HOSTILE_WATCH_APART : HOSTILE_WATCH_OFF;
	result.exclusive_count = exclusive;
	assert_int_equal(sys_open_dir(h->dir, &look.sys, NULL), 0);
	assert_int_equal(cpu_promises(&result, &look, out, NULL), 0);
	sys_close(look.sys);
}

/* One thing is planted; the promise it breaks fails, and it alone. */
static void each_fault_is_found(void **state)
{
	static const struct {
		const char *path, *text, *fails, *says;
	} CASES[] = {
		{NULL, NULL, NULL, NULL},
		{SCOPE "/cpu.weight", "301\n", "weight", "wanted 300"},
		{SLICE "/cpu.weight", "50\n", "weight", "above it has 50"},
		{SCOPE "/libvirt/cpu.max", "max 100000\n", "cap", "wanted 50000"},
		{SCOPE "/cpu.max", "10000 100000\n", "cap", "10000 of"},
		{SCOPE "/libvirt/cpu.max", "junk\n", "cap", "cannot be read"},
		{SLICE "/greedy.scope/cpu.weight", "10000\n", "floor", "promised 150%"},
		{"/proc/77/task/78/status", "Name:\tx\nCpus_allowed_list:\t0-3\n", "place",
		 "also run on 2-3"},
		{"/proc/77/task/77/stat",
		 "77 (x) R 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 "
		 "32 33 34 35 36 37 38 3 40\n",
		 "place", "1 of them elsewhere"},
		{"/proc/77/task/77/stat", "77 (x) S 1\n", NULL, NULL},
		{"/run/libvirt/qemu/web.pid", "none\n", "*", "no process id"},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		struct isolate_promises promises = {0};
		struct test_host h;

		host_fill(&h);
		if (CASES[i].path)
			host_file(&h, CASES[i].path, CASES[i].text);
		judge(&h, &promises);
		assert_int_equal(promises.count, 4);
		for (size_t k = 0; k < promises.count; k++) {
			const struct isolate_promise *p = &promises.items[k];
			bool fails = isolate_promise_fails(p);
			bool should = CASES[i].fails && (CASES[i].fails[0] == '*' ||
							 strcmp(CASES[i].fails, p->what) == 0);

			if (fails != should || (should && !strstr(p->evidence, CASES[i].says)))
				fail_msg("case %zu: %s: %s", i, p->what, p->evidence);
		}
		assert_int_equal(isolate_promises_failed(&promises) > 0, CASES[i].fails != NULL);
		isolate_promises_done(&promises);
		host_done(&h);
	}
}

static const struct isolate_promise *find(const struct isolate_promises *promises, const char *what)
{
	for (size_t i = 0; i < promises->count; i++) {
		if (strstr(promises->items[i].what, what))
			return &promises->items[i];
	}
	fail_msg("no promise %s", what);
	return NULL;
}

#define STAT(flags) "300 (a ) b) S 1 1 1 0 -1 " flags " 0 0 0 0\n"

/* Processes of the host that may run on a VM's own CPUs; threads of the kernel and the VM itself
 * are none. */
static void strangers_are_seen(void **state)
{
	static const struct {
		const char *stat, *allowed;
		enum promise_answer enforced;
		const char *says;
	} CASES[] = {
		{STAT("4194560"), "0-3", PROMISE_NO, "1 processes of the host may run on CPU 0"},
		{STAT("4194560"), "1", PROMISE_NO, "on CPU 1, such as 300 (evil\\x1b)"},
		{STAT("4194560"), "2-3", PROMISE_YES, "none of 2 processes"},
		{STAT("69238880"), "0-3", PROMISE_YES, "none of 1 processes"},
		{"300 (gone\n", "0-3", PROMISE_YES, "none of 1 processes"},
	};

	(void)state;
	exclusive = true;
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		struct isolate_promises promises = {0};
		struct test_host h;
		char status[128];

		host_fill(&h);
		rf_format(status, sizeof(status), "Name:\tevil\x1b\nCpus_allowed_list:\t%s\n",
			  CASES[i].allowed);
		host_file(&h, "/proc/300/stat", CASES[i].stat);
		host_file(&h, "/proc/300/status", status);
		host_file(&h, "/proc/77/stat", "77 (qemu) S 1 1 1 0 -1 4194560 0\n");
		host_file(&h, "/proc/77/status", "Name:\tqemu\nCpus_allowed_list:\t0-1\n");
		host_file(&h, "/proc/1/stat", "1 (systemd) S 0 1 1 0 -1 4194560 0\n");
		host_file(&h, "/proc/1/status", "Name:\tsystemd\nCpus_allowed_list:\t2-3\n");
		judge(&h, &promises);
		const struct isolate_promise *p = find(&promises, "alone");

		if (p->enforced != CASES[i].enforced || p->proven != CASES[i].enforced ||
		    !strstr(p->evidence, CASES[i].says))
			fail_msg("case %zu: %s", i, p->evidence);
		assert_int_equal(p->configured, PROMISE_YES);
		isolate_promises_done(&promises);
		host_done(&h);
	}
	exclusive = false;
}

static void the_cell_is_read_back(void **state)
{
	static const struct {
		const char *partition, *cpus;
		enum promise_answer configured, enforced;
		const char *group; /* of one more process, which may run there */
		enum promise_answer proven;
	} CASES[] = {
		{"root\n", "0-1\n", PROMISE_YES, PROMISE_YES},
		{"isolated\n", "0-1\n", PROMISE_YES, PROMISE_YES},
		{"root invalid (Cpu list in cpuset.cpus not exclusive)\n", "0-1\n", PROMISE_YES,
		 PROMISE_NO},
		{"member\n", "0-1\n", PROMISE_YES, PROMISE_NO},
		{"root\n", "0-3\n", PROMISE_NO, PROMISE_YES},
		{"root\n", "junk\n", PROMISE_NO, PROMISE_YES},
		{"root\n", "0-1\n", PROMISE_YES, PROMISE_YES, "0::/machine.slice/x\n", PROMISE_YES},
		{"root\n", "0-1\n", PROMISE_YES, PROMISE_NO, "0::/machine.slices\n", PROMISE_NO},
		{NULL, NULL, PROMISE_NO, PROMISE_NO},
	};

	(void)state;
	host_cpu.has_cell = true;
	assert_int_equal(rf_cpus_parse("0-1", &host_cpu.cell), 0);
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		struct isolate_promises promises = {0};
		struct test_host h;

		host_fill(&h);
		host_file(&h, "/proc/1/stat", "1 (systemd) S 0 1 1 0 -1 4194560 0\n");
		host_file(&h, "/proc/1/status", "Name:\tsystemd\nCpus_allowed_list:\t2-3\n");
		if (CASES[i].group) {
			host_file(&h, "/proc/400/stat", "400 (x) S 0 1 1 0 -1 4194560 0\n");
			host_file(&h, "/proc/400/status", "Name:\tx\nCpus_allowed_list:\t0-1\n");
			host_file(&h, "/proc/400/cgroup", CASES[i].group);
		}
		if (CASES[i].partition) {
			host_file(&h, SLICE "/cpuset.cpus.partition", CASES[i].partition);
			host_file(&h, SLICE "/cpuset.cpus", CASES[i].cpus);
		}
		judge(&h, &promises);
		const struct isolate_promise *p = find(&promises, "CPUs 0-1 are the VMs' alone");

		if (p->configured != CASES[i].configured || p->enforced != CASES[i].enforced)
			fail_msg("case %zu: %s", i, p->evidence);
		assert_int_equal(p->proven, CASES[i].group ? CASES[i].proven : PROMISE_YES);
		isolate_promises_done(&promises);
		host_done(&h);
	}
	host_cpu = (struct policy_cpu_host){.has_cell = false};
}

static void somebody_has_to_watch(void **state)
{
	static struct watched_vm vm = {
		.vm = "web", .watch = "apart", .state = "calm", .rates = "steal 1.00%", .times = 3};
	static const struct {
		int64_t at_s;
		const char *name, *rates;
		bool holds;
		const char *says;
	} CASES[] = {
		{1000, "web", "steal 1.00%", true, "calm, set apart 3 times; steal 1.00%"},
		{1000 - WATCHED_STALE_S, "web", "steal 1.00%", true, "does not count: split locks"},
		{999 - WATCHED_STALE_S, "web", "steal 1.00%", false, "nobody watches"},
		{1000, "db", "steal 1.00%", false, "not among those watched: no policy"},
		{1000, "web", "", false, "calm"},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		struct isolate_promises promises = {0};
		struct watched w = {.at_s = CASES[i].at_s,
				    .missing = "split locks",
				    .problem = "no policy",
				    .items = &vm,
				    .count = 1};
		struct test_host h;

		rf_copy(vm.vm, sizeof(vm.vm), CASES[i].name);
		rf_copy(vm.rates, sizeof(vm.rates), CASES[i].rates);
		account = &w;
		host_fill(&h);
		judge(&h, &promises);
		account = NULL;
		const struct isolate_promise *p = find(&promises, "watched");

		if ((p->enforced == PROMISE_YES) != CASES[i].holds ||
		    !strstr(p->evidence, CASES[i].says))
			fail_msg("case %zu: %s", i, p->evidence);
		isolate_promises_done(&promises);
		host_done(&h);
	}
}

/* What a fifth of a second can tell. */
static void trials_are_judged(void **state)
{
	static const struct cpu_load ratio = {.weight = 100}, cap = {.quota_us = 1, .period_us = 2};
	static const struct {
		double wanted, had, slack;
		bool ratio, cap;
	} CASES[] = {
		{3, 3, 0, true, true},
		{3, 2.5, 0, true, true},
		{3, 2.3, 0, false, true},
		{3, 3.7, 0, true, false},
		{3, 3.8, 0, false, false},
		{0.2, 0.2, 0, true, true},
		{0.2, 0, 0, false, true},
		{0.2, 0.25, 0, false, false},
		{0.2, 0.25, 0.04, false, true},
		{0.5, 0.54, 0, true, true},
		{0.01, 0.017, 0.025, false, true},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		const struct cpu_trial t = {CASES[i].wanted, CASES[i].had, true, CASES[i].slack};

		if (cpu_trial_holds(&ratio, &t) != CASES[i].ratio ||
		    cpu_trial_holds(&cap, &t) != CASES[i].cap)
			fail_msg("case %zu", i);
	}
}

static void loads_that_are_none(void **state)
{
	static const struct {
		struct cpu_load load;
		int rc;
	} CASES[] = {
		/* No group can be made beside this one. */
		{{.weight = 100}, RF_E_UNSUPPORTED},
		{{.quota_us = 1000, .period_us = 100000}, RF_E_UNSUPPORTED},
		{{.weight = 0}, RF_E_SYNTAX},
		{{.weight = -1}, RF_E_SYNTAX},
		{{.weight = 262145}, RF_E_SYNTAX},
		{{.quota_us = -1, .period_us = 100000}, RF_E_SYNTAX},
		{{.quota_us = 1, .period_us = 0}, RF_E_SYNTAX},
		{{.quota_us = 1, .period_us = 1000001}, RF_E_SYNTAX},
		{{.cpu = RF_MAX_CPUS, .weight = 100}, RF_E_SYNTAX},
	};
	const struct vm_scope scope = {.version = 2, .path = "/nowhere/at-all"};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		struct cpu_trial t = {.wanted = 7};
		struct rf_err err = {0};

		if (cpu_try(&scope, &CASES[i].load, &t, &err) != CASES[i].rc)
			fail_msg("case %zu: %s", i, rf_err_text(&err));
		assert_true(t.wanted == 7 && rf_err_text(&err)[0]);
	}
}

static struct cpu_trial answers[6];
static int tries, refuses;

static int answer(void *arg, const char *vm, const struct cpu_load *load, struct cpu_trial *out,
		  struct rf_err *err)
{
	(void)arg;
	assert_string_equal(vm, "web");
	assert_true(load->weight == 300 || load->quota_us == 50000);
	if (refuses)
		return rf_fail(err, RF_E_UNSUPPORTED, "no group");
	*out = answers[tries++ % 6];
	return 0;
}

/* One trial that misses is chance, three are not; a busy machine and no group say nothing. */
static void a_trial_is_repeated(void **state)
{
	static const struct {
		struct cpu_trial trials[6]; /* of the weight, then of the cap */
		int tries, refuses;
		enum promise_answer weight, cap;
		const char *says;
	} CASES[] = {
		{{{3, 3, true}, {0.5, 0.5, true}}, 2, 0, PROMISE_YES, PROMISE_YES, "3.00 to 1"},
		{{{3, 9, true}, {3, 1, true}, {3, 3, true}, {0.5, 0.5, true}},
		 4,
		 0,
		 PROMISE_YES,
		 PROMISE_YES,
		 "3.00 to 1"},
		{{{3, 9, true},
		  {3, 9, true},
		  {3, 9, true},
		  {0.5, 0.9, true},
		  {0.5, 0.9, true},
		  {0.5, 0.9, true}},
		 6,
		 0,
		 PROMISE_NO,
		 PROMISE_NO,
		 "9.00 to 1 of 3.00"},
		{{{3, 3, false}, {3, 3, false}, {3, 3, false}},
		 6,
		 0,
		 PROMISE_NOT_ASKED,
		 PROMISE_NOT_ASKED,
		 "too busy to tell"},
		{{{3, 3, true}}, 0, 1, PROMISE_NOT_ASKED, PROMISE_NOT_ASKED, "not tried: no group"},
	};

	(void)state;
	attempt = answer;
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		struct isolate_promises promises = {0};
		struct test_host h;

		memcpy(answers, CASES[i].trials, sizeof(answers));
		tries = 0;
		refuses = CASES[i].refuses;
		host_fill(&h);
		judge(&h, &promises);
		const struct isolate_promise *weight = find(&promises, "weight");
		const struct isolate_promise *cap = find(&promises, "cap");

		if (tries != CASES[i].tries || weight->proven != CASES[i].weight ||
		    cap->proven != CASES[i].cap || !strstr(weight->evidence, CASES[i].says))
			fail_msg("case %zu: %d tries, %s; %s", i, tries, weight->evidence,
				 cap->evidence);
		isolate_promises_done(&promises);
		host_done(&h);
	}
	attempt = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_fault_is_found),	 cmocka_unit_test(strangers_are_seen),
		cmocka_unit_test(the_cell_is_read_back), cmocka_unit_test(somebody_has_to_watch),
		cmocka_unit_test(trials_are_judged),	 cmocka_unit_test(loads_that_are_none),
		cmocka_unit_test(a_trial_is_repeated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
