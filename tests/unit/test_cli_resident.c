/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Roles that stay: what is urgent has its priority and memory or says what it has not, and what it
 * starts has neither. Each case in a process of its own. A running service:
 * tests/system/test_isolate_guard.py.
 */
#include <sched.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "cli/resident.h"
#include "test_base.h"

static int in_child(int (*work)(void))
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		_exit(work());
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int policy_now(void)
{
	return sched_getscheduler(0) & ~SCHED_RESET_ON_FORK;
}

static int priority_or_said(void)
{
	char missing[RESIDENT_MISSING_BYTES];

	resident_urgent(missing);
	return (policy_now() == SCHED_FIFO) == !strstr(missing, "real-time scheduling") ? 0 : 1;
}

static int children_are_not(void)
{
	char missing[RESIDENT_MISSING_BYTES];

	resident_urgent(missing);

	pid_t pid = fork();
	int status = 1;

	if (pid == 0)
		_exit(policy_now() == SCHED_OTHER ? 0 : 1);
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : 2;
}

/* Without any right: it goes on, and both are named. */
static int nothing_allowed(void)
{
	const struct rlimit none = {0, 0};
	char missing[RESIDENT_MISSING_BYTES];

	if (setrlimit(RLIMIT_RTPRIO, &none) < 0 || setrlimit(RLIMIT_MEMLOCK, &none) < 0)
		return 2;
	if (geteuid() == 0 && setresuid(65534, 65534, 65534) < 0)
		return 3;
	resident_urgent(missing);
	return strstr(missing, "real-time scheduling (") && strstr(missing, "), memory that is") &&
			       policy_now() == SCHED_OTHER
		       ? 0
		       : 1;
}

static void urgent(void **state)
{
	(void)state;
	assert_int_equal(in_child(priority_or_said), 0);
	assert_int_equal(in_child(children_are_not), 0);
	assert_int_equal(in_child(nothing_allowed), 0);
}

static void options(void **state)
{
	static const struct {
		const char *name, *value;
		bool taken;
	} CASES[] = {
		{"--state", "/s", true},   {"--log", "/l", true},     {"--ready", "3", true},
		{"--ready", "2", false},   {"--ready", "x", false},   {"--ready", "1001", false},
		{"--ready", "1000", true}, {"--states", "/s", false}, {"", "", false},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		struct resident r;

		resident_init(&r, "one");
		assert_int_equal(r.ready, -1);
		if (resident_option(&r, CASES[i].name, CASES[i].value) != CASES[i].taken)
			fail_msg("%s %s", CASES[i].name, CASES[i].value);
		if (!CASES[i].taken)
			assert_true(!r.state && !r.log && r.ready == -1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(urgent),
		cmocka_unit_test(options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
