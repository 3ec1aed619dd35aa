/* SPDX-License-Identifier: Apache-2.0 */
/* Values of the kernel that read as nothing: in a directory that stands for a host. */
#include <fcntl.h>
#include <unistd.h>

#include "base/mem.h"
#include "change/kinds.h"
#include "facts_test.h"

#define ONLINE "/sys/devices/system/cpu/online"
#define GROUP  "/sys/fs/cgroup/machine.slice"

/* A group without a list of CPUs has all: so it is read, shown and put back. */
static void a_group_without_cpus(void **state)
{
	static const struct {
		const char *path, *text, *reads; /* NULL: not there */
	} CASES[] = {
		{GROUP "/cpuset.cpus", "\n", "0-3"},
		{GROUP "/cpuset.cpus", "", "0-3"},
		{GROUP "/cpuset.cpus", "1-2\n", "1-2"},
		{GROUP "/cpuset.mems", "\n", ""},
		{GROUP "/cpuset.cpus.partition", "root\n", "root"},
		{GROUP "/cpu.weight", NULL, NULL},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		RF_AUTOBUF struct rf_buf bytes = {0}, text = {0}, again = {0}, now = {0};
		struct test_host h;

		host_make(&h);
		host_file(&h, ONLINE, "0-3\n");
		if (CASES[i].text)
			host_file(&h, CASES[i].path, CASES[i].text);
		const struct verb_env env = {.root = open(h.dir, O_PATH | O_DIRECTORY)};

		assert_int_equal(kind_value.read(&env, CASES[i].path, &bytes, NULL), 0);
		assert_int_equal(value_state_text(rf_buf_slice(&bytes), &text),
				 CASES[i].reads != NULL);
		if (CASES[i].reads) {
			assert_string_equal(rf_buf_text(&text), CASES[i].reads);
			host_file(&h, CASES[i].path, "7\n");
			assert_int_equal(
				kind_value.put(&env, CASES[i].path, rf_buf_slice(&bytes), NULL), 0);
			assert_int_equal(kind_value.read(&env, CASES[i].path, &again, NULL), 0);
			assert_true(value_state_text(rf_buf_slice(&again), &now));
			assert_string_equal(rf_buf_text(&now), CASES[i].reads);
		}
		close(env.root);
		host_done(&h);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(a_group_without_cpus)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
