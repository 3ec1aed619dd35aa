/* SPDX-License-Identifier: Apache-2.0 */
/* Collector host: distributions, kernels, CPUs, and what makes a machine a virtualization host. */
#include "machine_test.h"

#include "collect/host_kernel.h"
#include "collect/releases.h"

static const char cpuinfo[] = "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: Xeon  X\n"
			      "flags\t\t: fpu vme rdrand hypervisor lm\n\n"
			      "processor\t: 1\nvendor_id\t: Other\nmodel name\t: Else\n"
			      "flags\t\t: fpu\n";

static void cpus(struct test_host *h)
{
	static const char *const siblings[] = {"0,2", "1,3", "0,2", "1,3"};
	char path[128];

	host_file(h, "/sys/devices/system/cpu/online", "0-3\n");
	for (size_t i = 0; i < RF_COUNT(siblings); i++) {
		snprintf(path, sizeof(path),
			 "/sys/devices/system/cpu/cpu%zu/topology/thread_siblings_list", i);
		host_file(h, path, siblings[i]);
	}
}

static void usual(struct test_host *h)
{
	host_make(h);
	host_uname(h);
	cpus(h);
	host_file(h, "/.ringfence/probe/identity", "euid 0\nhas_caps 1\n");
	host_file(h, "/.ringfence/probe/clock", "1700000000000\n");
	host_file(h, "/etc/os-release",
		  "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_ID=\"12\"\n# ID=x\n"
		  "ID=debian\nID_LIKE=other\n");
	host_file(h, "/proc/cpuinfo", cpuinfo);
	host_file(h, "/proc/meminfo", "MemFree: 1 kB\nMemTotal:       2048 kB\n");
	host_file(h, "/proc/self/mountinfo",
		  "1 0 0:1 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n");
	host_file(h, "/proc/1/comm", "systemd\n");
	host_folder(h, "/run/systemd/system");
	host_file(h, "/run/reboot-required", "");
	host_file(h, "/boot/vmlinuz-6.1.0-9-amd64", "");
	host_file(h, "/boot/vmlinuz-6.1.0-31-amd64", "");
	host_file(h, "/boot/vmlinuz-0-rescue-1234", "");
	host_file(h, "/boot/config-" TEST_RELEASE, "CONFIG_SCHED_CORE=y\n");
	host_folder(h, "/sys/devices/system/node/node0");
	host_folder(h, "/sys/devices/system/node/node1");
	host_file(h, "/sys/devices/system/cpu/smt/control", "on\n");
	host_file(h, "/sys/devices/system/cpu/smt/active", "1\n");
	host_file(h, "/sys/devices/system/cpu/vulnerabilities/old_microcode", "Vulnerable\n");
	host_file(h, "/sys/class/misc/hw_random/rng_current", "tpm-rng-0\n");
	host_file(h, "/dev/kvm", "");
	host_file(h, "/usr/sbin/libvirtd", "");
}

static void a_host_is_described(void **state)
{
	static const struct ask cases[] = {
		{"SELECT os_id||'|'||os_version||'|'||os_name||'|'||os_support_end FROM host",
		 "debian|12|Debian GNU/Linux 12 (bookworm)|2028-06-30"},
		{"SELECT kernel_release||'|'||kernel_newest||'|'||arch FROM host",
		 TEST_RELEASE "|" TEST_RELEASE "|x86_64"},
		{"SELECT cpu_vendor||'|'||cpu_model FROM host", "GenuineIntel|Xeon  X"},
		{"SELECT cpus_online||'/'||cores||'/'||threads_per_core||'/'||numa_nodes FROM host",
		 "4/2/2/2"},
		{"SELECT smt_control||smt_active||core_sched||microcode_old FROM host", "on111"},
		{"SELECT memory_bytes FROM host", "2097152"},
		{"SELECT is_guest||has_kvm||is_virt_host||reboot_required||as_root FROM host",
		 "11111"},
		{"SELECT entropy_source||'/'||cgroup_mode||'/'||init FROM host",
		 "tpm-rng-0/v2/systemd"},
		{"SELECT clock_ms FROM host", "1700000000000"},
		{"SELECT count(*) FROM fact_gap", "0"},
	};
	struct test_host h;

	(void)state;
	usual(&h);
	host_collect(&h, collect_host);
	ask_all(&h, cases);
	host_done(&h);
}

static void an_empty_host_has_gaps_not_guesses(void **state)
{
	static const struct ask cases[] = {
		{"SELECT count(*) FROM host", "1"},
		{"SELECT os_id FROM host", "NULL"},
		{"SELECT cpu_vendor FROM host", "NULL"},
		{"SELECT cores FROM host", "NULL"},
		{"SELECT core_sched FROM host", "NULL"},
		{"SELECT memory_bytes FROM host", "NULL"},
		{"SELECT as_root FROM host", "NULL"},
		{"SELECT clock_ms FROM host", "NULL"},
		{"SELECT is_guest FROM host", "NULL"},
		{"SELECT init FROM host", "NULL"},
		{"SELECT cgroup_mode FROM host", "NULL"},
		/* Known to be absent. */
		{"SELECT kernel_newest||'/'||reboot_required||has_kvm||is_virt_host FROM host",
		 "/000"},
		{"SELECT entropy_source FROM host", "NULL"},
		{"SELECT count(*) FROM fact_gap WHERE col IN ('os_id', 'cpu_vendor', 'cores', "
		 "'core_sched', 'memory_bytes', 'as_root', 'clock_ms', 'is_guest', 'init', "
		 "'cgroup_mode', 'smt_control', 'smt_active', 'microcode_old', 'kernel_release')",
		 "14"},
	};
	struct test_host h;

	(void)state;
	host_make(&h);
	host_collect(&h, collect_host);
	ask_all(&h, cases);
	host_done(&h);
}

/* One file changed, one column asked. */
static void edges(void **state)
{
	static const struct {
		const char *path, *text, *sql, *want;
	} cases[] = {
		{"/etc/os-release", "ID=fedora\nVERSION_ID=40\n", "SELECT os_support_end FROM host",
		 "NULL"},
		{"/etc/os-release", "ID=fedora\nVERSION_ID=40\n",
		 "SELECT reason FROM fact_gap WHERE col='os_support_end'",
		 "fedora 40 is not in our table of releases; its maker's life cycle page has the "
		 "date."},
		{"/etc/os-release", "ID=rhel\nVERSION_ID=\"9.4\"\n",
		 "SELECT os_support_end FROM host", "2032-05-31"},
		{"/etc/os-release", "", "SELECT os_id||'/'||os_version||'/'||os_name FROM host",
		 "linux//Linux"},
		{"/etc/os-release", "ID='ubuntu'\nVERSION_ID='24.04'\n",
		 "SELECT os_support_end FROM host", "2029-05-31"},
		{"/proc/cpuinfo", "processor: 0\nflags : fpu hypervisors\n",
		 "SELECT is_guest FROM host", "0"},
		{"/proc/cpuinfo", "processor: 0\nCPU implementer : 0x41\nFeatures : fp rng\n",
		 "SELECT cpu_vendor FROM host", "0x41"},
		{"/sys/class/dmi/id/sys_vendor", "QEMU\n", "SELECT is_guest FROM host", "1"},
		{"/sys/class/misc/hw_random/rng_current", "none\n",
		 "SELECT entropy_source FROM host", "cpu"},
		{"/sys/devices/system/cpu/smt/control", "forceoff\n",
		 "SELECT smt_control FROM host", "forceoff"},
		{"/sys/devices/system/cpu/vulnerabilities/old_microcode", "Not affected\n",
		 "SELECT microcode_old FROM host", "0"},
		{"/sys/devices/system/cpu/vulnerabilities/old_microcode", "Unknown\n",
		 "SELECT microcode_old FROM host", "NULL"},
		{"/proc/meminfo", "MemTotal: many kB\n", "SELECT memory_bytes FROM host", "NULL"},
		{"/proc/meminfo", "MemTotal: 99999999999999999999 kB\n",
		 "SELECT memory_bytes FROM host", "NULL"},
		{"/proc/self/mountinfo",
		 "1 0 0:1 / /a rw - cgroup c rw\n2 0 0:2 / /b rw - cgroup2 c rw\n",
		 "SELECT cgroup_mode FROM host", "hybrid"},
		{"/proc/self/mountinfo", "1 0 0:1 / /a rw - cgroup c rw\n",
		 "SELECT cgroup_mode FROM host", "v1"},
		{"/.ringfence/probe/identity", "euid 0\nhas_caps 0\n", "SELECT as_root FROM host",
		 "0"},
		{"/.ringfence/probe/identity", "euid 1000\nhas_caps 1\n",
		 "SELECT as_root FROM host", "0"},
		{"/.ringfence/probe/clock", "noon\n", "SELECT clock_ms FROM host", "NULL"},
		{"/boot/config-" TEST_RELEASE, "# CONFIG_SCHED_CORE is not set\n",
		 "SELECT core_sched FROM host", "0"},
		{"/lib/modules/6.12.0-1/kernel/x.ko", "", "SELECT kernel_newest FROM host",
		 "6.12.0-1"},
		{"/lib/modules/6.12.0-1/updates/x.ko", "", "SELECT kernel_newest FROM host",
		 TEST_RELEASE},
		{"/sys/devices/system/cpu/cpu3/topology/thread_siblings_list", "1-",
		 "SELECT cores FROM host", "NULL"},
		{"/sys/devices/system/cpu/online", "0-9999999\n", "SELECT cores FROM host", "NULL"},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		struct test_host h;

		usual(&h);
		if (strstr(cases[i].path, "sys_vendor"))
			host_file(&h, "/proc/cpuinfo", "processor : 0\nFeatures : fp\n");
		host_file(&h, cases[i].path, cases[i].text);
		host_collect(&h, collect_host);
		const char *got = host_ask(&h, cases[i].sql);

		if (strcmp(got, cases[i].want) != 0)
			fail_msg("case %zu, %s: got %s, want %s", i, cases[i].path, got,
				 cases[i].want);
		host_done(&h);
	}
}

static void init_is_told_by_process_one(void **state)
{
	static const char *const cases[][2] = {{"init\n", "other"},
					       {"openrc-init\n", "other"},
					       {"bash\n", "none"},
					       {"process_api\n", "none"}};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		struct test_host h;

		host_make(&h);
		host_file(&h, "/proc/1/comm", cases[i][0]);
		host_collect(&h, collect_host);
		assert_fact(&h, "SELECT init FROM host", cases[i][1]);
		host_done(&h);
	}
}

static void signs_of_a_virtualization_host(void **state)
{
	static const struct {
		const char *path, *text, *want;
	} cases[] = {
		{"/usr/bin/qemu-system-x86_64", "", "1"},
		{"/usr/libexec/qemu-kvm", "", "1"},
		{"/usr/sbin/virtqemud", "", "1"},
		{"/usr/bin/qemu-img", "", "0"},
		{"/usr/bin/virsh", "", "0"},
		{"/proc/77/comm", "qemu-system-x86\n", "1"},
		{"/proc/77/comm", "qemu-kvm\n", "1"},
		{"/proc/77/comm", "qemu-ga\n", "0"},
		{"/proc/self/comm", "qemu-kvm\n", "0"},
		{"/var/lib/dpkg/status",
		 "Package: libvirt-daemon-system\nStatus: install ok installed\n", "1"},
		{"/var/lib/dpkg/status",
		 "Package: qemu-system-x86\nStatus: deinstall ok config-files\n", "0"},
		{"/var/lib/dpkg/status",
		 "Package: qemu-system-common\nStatus: install ok installed\n\n"
		 "Package: libvirt-clients\nStatus: install ok installed\n",
		 "0"},
		{"/var/lib/dpkg/status", "Package: pve-qemu-kvm\nStatus: hold ok installed\n", "1"},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		struct test_host h;

		host_make(&h);
		host_file(&h, cases[i].path, cases[i].text);
		host_collect(&h, collect_host);
		if (strcmp(host_ask(&h, "SELECT is_virt_host FROM host"), cases[i].want) != 0)
			fail_msg("case %zu: %s is not %s", i, cases[i].path, cases[i].want);
		host_done(&h);
	}
}

static void releases_are_ordered(void **state)
{
	/* Each is older than the next. */
	static const char *const ordered[] = {
		"4.18.0-553.el8.x86_64",
		"5.10.0-9-amd64",
		"5.10.0-33-amd64",
		"6.1.0-rc7",
		"6.1.0",
		"6.1.0-9-amd64",
		"6.1.0-31-amd64",
		"6.1.10-1",
		"6.8.4-2-pve",
		"6.8.12-4-pve",
		"6.8.12-10-pve",
		"6.10.0",
		"10.0.0",
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(ordered); i++) {
		for (size_t j = 0; j < RF_COUNT(ordered); j++) {
			int c = host_release_compare(ordered[i], ordered[j]);

			if ((i < j && c >= 0) || (i == j && c != 0) || (i > j && c <= 0))
				fail_msg("%s and %s: %d", ordered[i], ordered[j], c);
		}
	}
	assert_int_equal(host_release_compare("6.01", "6.1"), 0);
	assert_true(host_release_compare("", "1") < 0);
	assert_true(host_release_compare("99999999999999999999998", "99999999999999999999999") < 0);
}

static void cpu_lists_are_counted(void **state)
{
	static const struct {
		const char *list;
		int64_t want;
	} cases[] = {{"0", 1},	  {"0-3", 4},	  {"0-3,8,10-11", 7}, {"", 0},
		     {"3-1", -1}, {"a", -1},	  {"0-", -1},	      {"0,,1", -1},
		     {"-1", -1},  {"0-8192", -1}, {"0-8191", 8192}};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++)
		assert_int_equal(host_cpu_list_count(cases[i].list), cases[i].want);
}

static void releases_have_an_end(void **state)
{
	static const struct {
		const char *id, *version, *want;
	} cases[] = {
		{"debian", "12", "2028-06-30"},
		{"debian", "1", NULL},
		{"debian", "", NULL},
		{"debian", "120", NULL},
		{"almalinux", "9.5", "2032-05-31"},
		{"ubuntu", "24.10", NULL},
		{"ubuntu", "24.04.1", NULL},
		{"opensuse-leap", "15.6", "2026-04-30"},
		{"sles", "15.5", "2024-12-31"},
		{"Debian", "12", NULL},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		const char *got = release_support_end(cases[i].id, cases[i].version);

		if (!cases[i].want)
			assert_null(got);
		else
			assert_string_equal(got, cases[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_host_is_described),
		cmocka_unit_test(an_empty_host_has_gaps_not_guesses),
		cmocka_unit_test(edges),
		cmocka_unit_test(init_is_told_by_process_one),
		cmocka_unit_test(signs_of_a_virtualization_host),
		cmocka_unit_test(releases_are_ordered),
		cmocka_unit_test(cpu_lists_are_counted),
		cmocka_unit_test(releases_have_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
