/* SPDX-License-Identifier: Apache-2.0 */
/* What a host's files say of promises about the processor: a folder stands for the host. */
#include "base/mem.h"
#include "base/str.h"
#include "facts_test.h"
#include "isolate/cpu_verify.h"

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

static void judge(struct test_host *h, struct isolate_promises *out)
{
	struct cpu_item item = {.vm = &VM, .managed = true, .weight = 300, .quota_us = 50000};
	struct cpu_result result = {.items = &item, .count = 1, .any = true};
	struct sys *sys = NULL;

	item.cpu.floor_pct = 150;
	assert_int_equal(rf_cpus_parse("0-1", &item.cpus), 0);
	assert_int_equal(sys_open_dir(h->dir, &sys, NULL), 0);
	assert_int_equal(cpu_promises(&result, sys, out, NULL), 0);
	sys_close(sys);
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

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(each_fault_is_found)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
