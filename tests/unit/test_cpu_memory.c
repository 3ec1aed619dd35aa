/* SPDX-License-Identifier: Apache-2.0 */
/* Collectors cpu and memory. */
#include "machine_test.h"

#define VULN "/sys/devices/system/cpu/vulnerabilities/"

static void the_kernels_words_are_sorted(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{"Not affected\n", "not_affected"},
		{"Mitigation: PTI\n", "mitigated"},
		{"Mitigation: PTE Inversion; VMX: conditional cache flushes, SMT vulnerable\n",
		 "partial"},
		{"Mitigation: Clear CPU buffers; SMT Host state unknown\n", "mitigated"},
		{"Mitigation: Retpolines; STIBP: disabled; PBRSB-eIBRS: Not affected; BHI: "
		 "Vulnerable\n",
		 "partial"},
		{"Vulnerable\n", "vulnerable"},
		{"Vulnerable: Safe RET, no microcode\n", "vulnerable"},
		{"KVM: Mitigation: VMX disabled\n", "mitigated"},
		{"KVM: Mitigation: Split huge pages\n", "mitigated"},
		{"KVM: Vulnerable\n", "vulnerable"},
		{"Processor vulnerable\n", "vulnerable"},
		{"Unknown: Dependent on hypervisor status\n", "unknown"},
		{"Something new\n", "unknown"},
		{"", "unknown"},
	};
	struct test_host h;
	char path[128], sql[128];

	(void)state;
	host_make(&h);
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		snprintf(path, sizeof(path), VULN "v%zu", i);
		host_file(&h, path, cases[i].text);
	}
	host_collect(&h, collect_cpu);
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		snprintf(sql, sizeof(sql), "SELECT state FROM cpu_vuln WHERE name='v%zu'", i);
		if (strcmp(host_ask(&h, sql), cases[i].want) != 0)
			fail_msg("%s: got %s, want %s", cases[i].text, host_ask(&h, sql),
				 cases[i].want);
	}
	assert_fact(&h, "SELECT detail FROM cpu_vuln WHERE name='v1'", "Mitigation: PTI");
	host_done(&h);
}

static void an_old_kernel_gives_a_gap(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	host_collect(&h, collect_cpu);
	assert_fact(&h, "SELECT count(*) FROM cpu_vuln", "0");
	assert_fact(&h, "SELECT count(*) FROM fact_gap WHERE tbl='cpu_vuln' AND key=''", "1");
	host_file(&h, VULN "mds", "Mitigation: x\n");
	host_meta(&h, VULN "mds\tf\t-\t-\t-\t-\t-\terror\tEACCES");
	host_collect(&h, collect_cpu);
	assert_fact(&h, "SELECT count(*) FROM cpu_vuln", "0");
	assert_fact(&h, "SELECT key FROM fact_gap WHERE tbl='cpu_vuln'", "mds");
	host_done(&h);
}

#define CPUS "/sys/devices/system/cpu"

static void topology_is_read(void **state)
{
	static const struct ask asks[] = {
		{"SELECT count(*) FROM host_cpu", "3"},
		{"SELECT siblings||' '||package||' '||node||' '||base_khz FROM host_cpu WHERE "
		 "cpu=0",
		 "0,2 0 1 2500000"},
		{"SELECT siblings||' '||package||' '||node||' '||base_khz FROM host_cpu WHERE "
		 "cpu=1",
		 "1 1 0 0"},
		/* Not one of its own siblings, and a text that is no list. */
		{"SELECT count(*) FROM fact_gap WHERE tbl='host_cpu' AND key IN ('3', '4')", "2"},
	};
	struct test_host h;

	(void)state;
	host_make(&h);
	host_collect(&h, collect_cpu);
	assert_fact(&h, "SELECT count(*) FROM host_cpu", "0");
	assert_fact(&h, "SELECT count(*) FROM fact_gap WHERE tbl='host_cpu' AND key=''", "1");
	host_file(&h, CPUS "/online", "0-4\n");
	host_file(&h, CPUS "/cpu0/topology/thread_siblings_list", "0,2\n");
	host_file(&h, CPUS "/cpu0/topology/physical_package_id", "0\n");
	host_file(&h, CPUS "/cpu0/cpufreq/base_frequency", "2500000\n");
	host_folder(&h, CPUS "/cpu0/node1");
	host_file(&h, CPUS "/cpu1/topology/thread_siblings_list", "1\n");
	host_file(&h, CPUS "/cpu1/topology/physical_package_id", "1\n");
	host_file(&h, CPUS "/cpu2/topology/thread_siblings_list", "0,2\n");
	host_file(&h, CPUS "/cpu3/topology/thread_siblings_list", "1\n");
	host_file(&h, CPUS "/cpu4/topology/thread_siblings_list", "4-\n");
	host_collect(&h, collect_cpu);
	ask_all(&h, asks);
	host_done(&h);
}

static void page_sharing_is_read(void **state)
{
	static const char *const files[][2] = {{"run", "1\n"},
					       {"pages_sharing", "4711\n"},
					       {"merge_across_nodes", "1\n"},
					       {"use_zero_pages", "0\n"},
					       {"pages_to_scan", "100\n"},
					       {"sleep_millisecs", "20\n"}};
	struct test_host h;
	char path[128];

	(void)state;
	host_make(&h);
	host_collect(&h, collect_memory);
	/* No KSM in the kernel: nothing is shared, and that is known. */
	assert_fact(
		&h,
		"SELECT present||run||pages_sharing||merge_across_nodes||use_zero_pages FROM ksm",
		"00000");
	for (size_t i = 0; i < RF_COUNT(files); i++) {
		snprintf(path, sizeof(path), "/sys/kernel/mm/ksm/%s", files[i][0]);
		host_file(&h, path, files[i][1]);
	}
	host_collect(&h, collect_memory);
	assert_fact(&h,
		    "SELECT present||'/'||run||'/'||pages_sharing||'/'||merge_across_nodes||'/'||"
		    "use_zero_pages||'/'||pages_to_scan||'/'||sleep_ms FROM ksm",
		    "1/1/4711/1/0/100/20");
	host_done(&h);
}

static void a_broken_ksm_file_is_a_gap(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	host_file(&h, "/sys/kernel/mm/ksm/run", "maybe\n");
	host_collect(&h, collect_memory);
	assert_fact(&h, "SELECT run FROM ksm", "NULL");
	/* A kernel without NUMA has no such file. */
	assert_fact(&h, "SELECT merge_across_nodes FROM ksm", "0");
	assert_fact(&h, "SELECT group_concat(col) FROM (SELECT col FROM fact_gap ORDER BY col)",
		    "pages_sharing,pages_to_scan,run,sleep_ms");
	host_done(&h);
}

static void swap_areas_are_listed(void **state)
{
	static const struct ask cases[] = {
		{"SELECT count(*) FROM swap", "5"},
		{"SELECT kind||size_bytes||encrypted FROM swap WHERE path='/dev/dm-1'",
		 "partition10485761"},
		{"SELECT kind||encrypted FROM swap WHERE path='/dev/sda2'", "partition0"},
		{"SELECT kind||encrypted FROM swap WHERE path='/swap file'", "file0"},
		{"SELECT kind FROM swap WHERE path='/dev/zram0'", "zram"},
		{"SELECT encrypted FROM swap WHERE path='/dev/gone'", "NULL"},
		{"SELECT count(*) FROM fact_gap WHERE tbl='swap' AND col='encrypted'", "1"},
	};
	struct test_host h;

	(void)state;
	host_make(&h);
	host_file(&h, "/proc/swaps",
		  "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
		  "/dev/dm-1                               partition\t1024\t\t0\t\t-2\n"
		  "/dev/sda2                               partition\t1024\t\t0\t\t-2\n"
		  "/swap\\040file                           file\t\t1024\t\t0\t\t-3\n"
		  "/dev/zram0 partition 10 0 5\n"
		  "/dev/gone partition 10 0 5\n"
		  "rubbish\n/dev/x partition many 0 0\n");
	host_file(&h, "/proc/self/mountinfo", "1 0 8:3 / / rw - ext4 /dev/sda3 rw\n");
	host_file(&h, "/sys/class/block/dm-1/dm/uuid", "CRYPT-PLAIN-swap\n");
	host_file(&h, "/sys/class/block/sda2/partition", "2\n");
	host_file(&h, "/sys/class/block/zram0/size", "2\n");
	host_file(&h, "/sys/dev/block/8:3/partition", "3\n");
	host_collect(&h, collect_memory);
	ask_all(&h, cases);
	host_done(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_kernels_words_are_sorted),
		cmocka_unit_test(an_old_kernel_gives_a_gap),
		cmocka_unit_test(topology_is_read),
		cmocka_unit_test(page_sharing_is_read),
		cmocka_unit_test(a_broken_ksm_file_is_a_gap),
		cmocka_unit_test(swap_areas_are_listed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
