/* SPDX-License-Identifier: Apache-2.0 */
/* Units and init scripts, processes, listening sockets. */
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <sys/socket.h>
#include <unistd.h>

#include "netlink_test.h"
#include "base/mem.h"
#include "collect/listeners.h"
#include "collect/proc.h"
#include "collect/units.h"

#define LIB "/usr/lib/systemd/system/"
#define ETC "/etc/systemd/system/"

static void add_unit(struct test_host *h, const char *name, const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), LIB "%s", name);
	host_file(h, path, text);
}

/* A host as Debian sets it up, with what is worth telling apart. */
static void make_units(struct test_host *h)
{
	add_unit(h, "graphical.target", "[Unit]\nRequires=multi-user.target\n");
	add_unit(h, "multi-user.target", "[Unit]\nRequires=basic.target\n");
	add_unit(h, "basic.target", "[Unit]\nRequires=sysinit.target\nWants=timers.target\n");
	add_unit(h, "sysinit.target", "[Unit]\n");
	add_unit(h, "timers.target", "[Unit]\n");
	add_unit(h, "rescue.target", "[Unit]\n");
	host_link(h, LIB "default.target", "graphical.target");
	add_unit(h, "ssh.service", "[Service]\nExecStart=/usr/sbin/sshd -D\n");
	host_link(h, ETC "multi-user.target.wants/ssh.service", LIB "ssh.service");
	host_link(h, ETC "sshd.service", LIB "ssh.service");
	add_unit(h, "telnet.socket", "[Socket]\nListenStream=23\n");
	add_unit(h, "getty@.service", "[Service]\nExecStart=-/sbin/agetty %I\n");
	host_link(h, ETC "getty.target.wants/getty@tty1.service", LIB "getty@.service");
	add_unit(h, "getty.target", "[Unit]\n");
	host_link(h, LIB "multi-user.target.wants/getty.target", "../getty.target");
	add_unit(h, "chrony.service", "[Unit]\nWants=time-sync.service\n[Service]\n");
	add_unit(h, "time-sync.service", "[Service]\n");
	host_link(h, ETC "multi-user.target.wants/chrony.service", LIB "chrony.service");
	add_unit(h, "rescue.service", "[Service]\n");
	host_link(h, ETC "rescue.target.wants/rescue.service", LIB "rescue.service");
	host_link(h, LIB "ctrl-alt-del.target", "reboot.target");
	add_unit(h, "reboot.target", "[Unit]\n");
	host_link(h, ETC "ctrl-alt-del.target", "/dev/null");
	add_unit(h, "avahi.service", "[Service]\n");
	host_link(h, ETC "avahi.service", "/dev/null");
	host_link(h, ETC "multi-user.target.wants/avahi.service", LIB "avahi.service");
	host_link(h, ETC "gone.service", LIB "nothing.service");
	add_unit(h, "notwanted.service", "[Service]\n");
	host_link(h, LIB "multi-user.target.wants/notwanted.service", "../notwanted.service");
	host_link(h, ETC "multi-user.target.wants/notwanted.service", "/dev/null");
}

static const char *unit_row(struct test_host *h, const char *unit)
{
	char sql[256];

	snprintf(
		sql, sizeof(sql),
		"SELECT installed || enabled || masked || coalesce(running, '?') FROM service WHERE "
		"unit = '%s'",
		unit);
	return host_ask(h, sql);
}

static void test_units(void **state)
{
	/* installed, enabled, masked, running */
	static const struct {
		const char *unit, *want;
	} rows[] = {
		{"ssh.service", "1101"},
		{"sshd.service", "1101"}, /* another name for it */
		{"telnet.socket", "100?"},
		{"getty@tty1.service", "1101"}, /* an instance, wanted two targets down */
		{"getty@.service", "1000"},
		{"chrony.service", "1100"},
		{"time-sync.service", "1100"}, /* by Wants= of a unit that starts */
		{"rescue.service", "1000"},    /* its target does not */
		{"ctrl-alt-del.target", "101?"},
		{"avahi.service", "1010"},     /* masked beats wanted */
		{"gone.service", "0000"},      /* a link to a unit that is not there */
		{"notwanted.service", "1000"}, /* the wish was taken away in /etc */
		{"multi-user.target", "-"},    /* nobody asks */
	};
	struct test_host h;

	(void)state;
	host_make(&h);
	make_units(&h);
	host_file(&h, "/proc/1/comm", "systemd\n");
	host_file(&h, "/sys/fs/cgroup/system.slice/ssh.service/cgroup.events", "populated 1\n");
	host_file(&h, "/sys/fs/cgroup/system.slice/chrony.service/cgroup.events", "populated 0\n");
	host_file(&h, "/sys/fs/cgroup/system.slice/chrony.service/cgroup.procs", "7\n");
	host_file(&h,
		  "/sys/fs/cgroup/system.slice/system-getty.slice/getty@tty1.service/cgroup.procs",
		  "77\n");
	host_collect(&h, collect_services);
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		if (strcmp(unit_row(&h, rows[i].unit), rows[i].want) != 0)
			fail_msg("%s: %s, wanted %s", rows[i].unit, unit_row(&h, rows[i].unit),
				 rows[i].want);
	}
	assert_fact(&h, "SELECT group_concat(col) FROM fact_gap WHERE tbl = 'service'", "running");
	host_done(&h);
}

/* Version 1: the unit's own group is empty, one below it holds the process. */
static void test_units_cgroup_v1(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	make_units(&h);
	host_file(&h, "/run/systemd/system/x.mount", "");
	host_file(&h, "/sys/fs/cgroup/systemd/system.slice/ssh.service/cgroup.procs", "");
	host_file(&h, "/sys/fs/cgroup/systemd/system.slice/ssh.service/sub/cgroup.procs", "12\n");
	host_file(&h, "/sys/fs/cgroup/systemd/system.slice/chrony.service/cgroup.procs", "");
	host_collect(&h, collect_services);
	assert_string_equal(unit_row(&h, "ssh.service"), "1101");
	assert_string_equal(unit_row(&h, "chrony.service"), "1100");
	host_done(&h);
}

static void test_units_no_cgroups(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	make_units(&h);
	host_file(&h, "/proc/1/comm", "systemd\n");
	host_collect(&h, collect_services);
	assert_string_equal(unit_row(&h, "ssh.service"), "110?");
	assert_fact(&h, "SELECT reason LIKE '%not found%' FROM fact_gap", "1");
	host_done(&h);
}

static void add_process(struct test_host *h, int pid, const char *comm, const char *exe,
			const char *flags)
{
	char path[64], text[256];

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	snprintf(text, sizeof(text), "%d (%s) S 1 1 1 0 -1 %s 0 0\n", pid, comm, flags);
	host_file(h, path, text);
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	host_file(h, path, "Name:\tx\nUid:\t0\t64055\t0\t0\n");
	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	if (exe)
		host_link(h, path, exe);
}

static void test_scripts_without_systemd(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	make_units(&h);
	host_file(&h, "/proc/1/comm", "init\n");
	add_process(&h, 20, "sshd", "/usr/sbin/sshd", "4194560");
	add_process(&h, 21, "oldd", "/usr/sbin/oldd", "4194560");
	host_file(&h, "/etc/init.d/oldd", "#!/bin/sh\n");
	host_meta(&h, "/etc/init.d/oldd\tf\t0755\t0\t0");
	host_file(&h, "/etc/init.d/README", "text");
	host_meta(&h, "/etc/init.d/README\tf\t0644\t0\t0");
	host_link(&h, "/etc/rc2.d/S20oldd", "../init.d/oldd");
	host_collect(&h, collect_services);
	assert_string_equal(unit_row(&h, "ssh.service"), "1101"); /* by ExecStart= */
	assert_string_equal(unit_row(&h, "chrony.service"), "1100");
	assert_string_equal(unit_row(&h, "telnet.socket"), "1000");
	assert_string_equal(unit_row(&h, "oldd.service"), "1101");
	assert_string_equal(unit_row(&h, "README.service"), "-");
	host_done(&h);
}

static void test_unit_hostile(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	/* Names in a circle, a unit that wants itself, a template without a name. */
	host_link(&h, ETC "a.service", "b.service");
	host_link(&h, ETC "b.service", "a.service");
	host_file(&h, ETC "multi-user.target",
		  "[Unit]\nWants=multi-user.target a.service @.service %i.service\n");
	host_file(&h, ETC "@.service", "");
	host_link(&h, ETC "multi-user.target.wants/a.service", "../a.service");
	host_collect(&h, collect_services);
	assert_string_equal(unit_row(&h, "a.service"), "0000");
	host_done(&h);
	host_make(&h);
	host_collect(&h, collect_services);
	assert_fact(&h, "SELECT count(*) FROM service", "0");
	assert_fact(&h, "SELECT count(*) FROM fact_gap", "0");
	host_done(&h);
}

static void test_processes(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	add_process(&h, 2, "kthreadd", NULL, "2129984");
	add_process(&h, 30, "a) (b", "/usr/bin/qemu (deleted)", "4194560");
	host_file(&h, "/proc/30/cgroup", "0::/machine.slice/machine-x.scope/emulator\n");
	add_process(&h, 31, "cut", NULL, "4194560");
	host_file(&h, "/proc/32/stat", "32 (broken");
	host_file(&h, "/proc/net/tcp", "");
	host_collect(&h, collect_processes);
	assert_fact(&h, "SELECT group_concat(pid) FROM process", "30,31");
	assert_fact(&h,
		    "SELECT name || uid || exe_deleted || unit || ppid FROM process WHERE pid = "
		    "30",
		    "a) (b640551machine-x.scope1");
	assert_fact(&h, "SELECT exe FROM process WHERE pid = 31", "NULL");
	assert_fact(&h, "SELECT group_concat(col) FROM fact_gap", "exe,exe_deleted");
	host_done(&h);
}

static void test_proc_unit(void **state)
{
	static const struct {
		const char *cgroup, *want;
	} rows[] = {
		{"0::/system.slice/ssh.service\n", "ssh.service"},
		{"0::/user.slice/user-0.slice/user@0.service/app.slice/x.service\n",
		 "user@0.service"},
		{"0::/user.slice/user-0.slice/session-3.scope\n", "session-3.scope"},
		{"4:memory:/system.slice/a.service\n1:name=systemd:/system.slice/b.service\n",
		 "b.service"},
		{"0::/\n", ""},
		{"0::/lxc/box/system.slice/ssh.service\n", ""}, /* of a container, not the host */
		{"", ""},
		{"::::", ""},
		{"no colon", ""},
		{"0::/system.slice/.service\n", ""},
	};
	char unit[64];

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		proc_unit(rows[i].cgroup, unit, sizeof(unit));
		assert_string_equal(unit, rows[i].want);
	}
}

static void add_socket(struct build *b, int family, uint8_t socket_state, const char *address,
		       uint16_t port, uint32_t inode, uint32_t ifindex)
{
	struct inet_diag_msg *diag = build_begin(b, SOCK_DIAG_BY_FAMILY, sizeof(*diag));

	diag->idiag_family = (uint8_t)family;
	diag->idiag_state = socket_state;
	diag->id.idiag_sport = htons(port);
	diag->id.idiag_if = ifindex;
	diag->idiag_inode = inode;
	diag->idiag_uid = 33;
	assert_int_equal(inet_pton(family, address, diag->id.idiag_src), 1);
	build_end(b);
}

static void test_listeners(void **state)
{
	struct build *b = rf_alloc(1, sizeof(*b));
	struct test_host h;

	(void)state;
	host_make(&h);
	add_socket(b, AF_INET, 10, "0.0.0.0", 22, 100, 0);
	add_socket(b, AF_INET, 10, "127.0.0.1", 5432, 101, 0);
	add_socket(b, AF_INET, 1, "192.0.2.1", 22, 102, 0); /* a connection */
	build_probe(b, &h, "sock-diag/tcp4");
	add_socket(b, AF_INET6, 10, "::", 22, 103, 0);
	add_socket(b, AF_INET6, 10, "::ffff:127.0.0.1", 99, 106, 0);
	build_probe(b, &h, "sock-diag/tcp6");
	add_socket(b, AF_INET, 7, "0.0.0.0", 67, 104, 6); /* bound to one link */
	add_socket(b, AF_INET, 7, "0.0.0.0", 0, 105, 0);  /* bound to nothing */
	build_probe(b, &h, "sock-diag/udp4");
	build_probe(b, &h, "sock-diag/udp6");
	add_process(&h, 1, "systemd", "/sbin/init", "4194560");
	host_link(&h, "/proc/1/fd/3", "socket:[100]");
	add_process(&h, 40, "sshd", "/usr/sbin/sshd", "4194560");
	host_link(&h, "/proc/40/fd/4", "socket:[100]");
	host_link(&h, "/proc/40/fd/5", "/dev/null");
	host_link(&h, "/proc/40/fd/6", "socket:[103]");
	host_collect(&h, collect_listeners);
	assert_fact(&h, "SELECT count(*) FROM listener", "5");
	assert_fact(&h,
		    "SELECT everywhere || loopback || pid || process || uid FROM listener WHERE "
		    "inode = 100",
		    "1040sshd33");
	assert_fact(&h, "SELECT everywhere || loopback FROM listener WHERE inode = 101", "01");
	assert_fact(&h, "SELECT everywhere || address || pid FROM listener WHERE inode = 103",
		    "1::40");
	assert_fact(&h, "SELECT everywhere || loopback FROM listener WHERE inode = 106", "01");
	assert_fact(&h, "SELECT everywhere || proto || port FROM listener WHERE inode = 104",
		    "0udp67");
	assert_fact(&h, "SELECT coalesce(pid, '?') FROM listener WHERE inode = 101", "?");
	assert_fact(&h, "SELECT count(*) FROM fact_gap WHERE key = 'tcp/127.0.0.1/5432/101'", "2");
	host_done(&h);
	rf_free(b);
}

static void test_listeners_unknown(void **state)
{
	struct collect_request req = {.host = true};
	struct listener_socket socket = {.port = 7};
	static const uint8_t few[8];
	struct nl_message message = {SOCK_DIAG_BY_FAMILY, {few, sizeof(few)}};
	struct test_host h;

	(void)state;
	assert_false(listener_parse(&message, &socket));
	assert_int_equal(socket.port, 7);
	host_make(&h);
	assert_int_equal(host_collect_request(&h, collect_listeners, &req), RF_E_UNSUPPORTED);
	/* One kind that was told is better than nothing; the others are gaps. */
	host_bytes(&h, "/.ringfence/probe/sock-diag/tcp4", "", 0);
	host_collect(&h, collect_listeners);
	assert_fact(&h, "SELECT count(*) FROM fact_gap WHERE tbl = 'listener'", "1");
	host_done(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_units),
		cmocka_unit_test(test_units_cgroup_v1),
		cmocka_unit_test(test_units_no_cgroups),
		cmocka_unit_test(test_scripts_without_systemd),
		cmocka_unit_test(test_unit_hostile),
		cmocka_unit_test(test_processes),
		cmocka_unit_test(test_proc_unit),
		cmocka_unit_test(test_listeners),
		cmocka_unit_test(test_listeners_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
