/* SPDX-License-Identifier: Apache-2.0 */
/* libvirt's configuration syntax, qemu.conf, the daemons' files, and which daemon is in use. */
#include "facts_test.h"

#include "base/mem.h"
#include "collect/virtconf.h"

static const struct {
	const char *name, *text, *key, *want; /* NULL: not there */
	unsigned int problem;
} syntax[] = {
	{"text", "a = \"b\"\n", "a", "b", 0},
	{"single quotes", "a='b \"c'", "a", "b \"c", 0},
	{"number", "a=7 # why\n", "a", "7", 0},
	{"negative", "a = -1", "a", "-1", 0},
	{"list", "a = [ \"b\", \"c\" ]", "a", "b,c", 0},
	{"list over lines", "a = [\n # c\n \"b\",\n\n 'c',\n]\nd=1\n", "a", "b,c", 0},
	{"after a list", "a = [\n \"b\"\n]\nd=1\n", "d", "1", 0},
	{"empty list", "a = []", "a", "", 0},
	{"list of numbers", "a=[1,2]", "a", "1,2", 0},
	{"comment", "#a = 1\n  # b\nc = 2", "a", NULL, 0},
	{"first wins", "a = 1\na = 2\n", "a", "1", 0},
	{"text of lines", "a = \"\"\"x\ny\"\"\"\nb = 1", "a", "x\ny", 0},
	{"no escapes", "a = \"x\\\"\n", "a", "x\\", 0},
	{"windows lines", "a = 1\r\nb = \"2\"\r\n", "b", "2", 0},
	{"tabs", "\ta\t=\t1\n", "a", "1", 0},
	{"open text", "a = \"b\nc = 1\n", "a", NULL, 1},
	{"goes on after a problem", "a = \"b\nc = 1\n", "c", "1", 1},
	{"no sign", "a 1\n", "a", NULL, 1},
	{"no value", "\n\na =\n", "a", NULL, 3},
	{"word as value", "a = yes", "a", NULL, 1},
	{"more behind", "a = 1 2", "a", NULL, 1},
	{"open list", "a = [ \"b\",\n", "a", NULL, 2},
	{"list without comma", "a = [ \"b\" \"c\" ]", "a", NULL, 1},
	{"open block", "a = \"\"\"x", "a", NULL, 1},
	{"strange name", "$a = 1", "a", NULL, 1},
	{"empty", "", "a", NULL, 0},
};

static void test_syntax(void **state)
{
	(void)state;
	for (size_t i = 0; i < RF_COUNT(syntax); i++) {
		struct conf_options set = {0};
		struct virtconf_problem problem;

		virtconf_parse(syntax[i].text, "f", &set, &problem);
		const char *got = conf_get(&set, syntax[i].key);

		if (!got != !syntax[i].want || (got && strcmp(got, syntax[i].want) != 0))
			fail_msg("%s: %s", syntax[i].name, got ? got : "NULL");
		if (problem.line != syntax[i].problem)
			fail_msg("%s: problem in line %u", syntax[i].name, problem.line);
		conf_options_done(&set);
	}
}

#define Q(key) "SELECT value||'|'||source FROM qemu_option WHERE key='" key "'"

static void test_qemu_defaults(void **state)
{
	static const struct {
		const char *sql, *want;
	} asks[] = {
		{Q("user"), "libvirt-qemu|default"},
		{Q("group"), "kvm|default"},
		{Q("seccomp_sandbox"), "1|default"},
		{Q("security_default_confined"), "1|default"},
		{Q("security_require_confined"), "0|default"},
		{Q("max_core"), "0|default"},
		{Q("namespaces"), "mount|default"},
		{Q("stdio_handler"), "logd|default"},
		{Q("vnc_listen"), "127.0.0.1|default"},
		{Q("vnc_tls_x509_verify"), "0|default"},
		{Q("migrate_tls_x509_verify"), "1|default"},
		{Q("vnc_password"), "|default"},
	};
	struct test_host h;

	(void)state;
	host_make(&h);
	host_file(&h, "/etc/libvirt/qemu.conf", "# all defaults\n");
	host_file(&h, "/etc/passwd", "libvirt-qemu:x:64055:103::/:/bin/false\n");
	host_file(&h, "/etc/group", "kvm:x:103:\n");
	host_collect(&h, collect_qemu_conf);
	for (size_t i = 0; i < RF_COUNT(asks); i++)
		assert_fact(&h, asks[i].sql, asks[i].want);
	host_done(&h);
}

static void test_qemu_set(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	host_file(&h, "/etc/libvirt/qemu.conf",
		  "user = \"root\"\ngroup = \"+0\"\ndefault_tls_x509_verify = 1\n"
		  "cgroup_device_acl = [\n  \"/dev/null\", \"/dev/mem\"\n]\n"
		  "vnc_password = \"hunter2\"\nchardev_tls_x509_verify = 0\n");
	host_collect(&h, collect_qemu_conf);
	assert_fact(&h, Q("user"), "root|/etc/libvirt/qemu.conf:1");
	assert_fact(&h, Q("cgroup_device_acl"), "/dev/null,/dev/mem|/etc/libvirt/qemu.conf:4");
	assert_fact(&h, Q("vnc_password"), "set|/etc/libvirt/qemu.conf:7");
	assert_fact(&h, Q("vnc_tls_x509_verify"), "1|default");
	assert_fact(&h, Q("chardev_tls_x509_verify"), "0|/etc/libvirt/qemu.conf:8");
	assert_fact(&h, "SELECT COUNT(*) FROM qemu_option WHERE value LIKE '%hunter%'", "0");
	host_done(&h);
}

static void test_qemu_absent(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	host_file(&h, "/etc/hostname", "h\n");
	host_collect(&h, collect_qemu_conf);
	assert_fact(&h, "SELECT COUNT(*) FROM qemu_option", "0");
	assert_fact(&h, "SELECT COUNT(*) FROM fact_gap", "0");
	host_collect(&h, collect_libvirt_conf);
	assert_fact(&h, "SELECT COUNT(*) FROM libvirt_option", "0");
	assert_fact(&h, "SELECT COUNT(*) FROM libvirt", "0");
	host_done(&h);
}

static void test_qemu_unreadable(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	host_file(&h, "/etc/libvirt/qemu.conf", "user = \"root\"\n");
	host_meta(&h, "/etc/libvirt/qemu.conf\tf\t0600\t0\t0\t\t\terror\tEACCES");
	host_collect(&h, collect_qemu_conf);
	/* Nothing is known then, not even a default. */
	assert_fact(&h, "SELECT COUNT(*) FROM qemu_option", "0");
	assert_fact(&h, "SELECT tbl FROM fact_gap", "qemu_option");
	host_done(&h);
}

static void test_qemu_broken(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	host_file(&h, "/etc/libvirt/qemu.conf", "user = root\nmax_core = 5\n");
	host_collect(&h, collect_qemu_conf);
	assert_fact(&h, Q("max_core"), "5|/etc/libvirt/qemu.conf:2");
	assert_fact(&h,
		    "SELECT reason LIKE 'line 1 %' FROM fact_gap WHERE tbl='qemu_option' AND "
		    "key=''",
		    "1");
	host_done(&h);
}

#define L(key) "SELECT value||'|'||source FROM libvirt_option WHERE key='" key "'"

static void test_monolithic(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	host_file(&h, "/usr/sbin/libvirtd", "");
	host_file(&h, "/usr/sbin/virtlogd", "");
	host_file(&h, "/etc/libvirt/libvirtd.conf", "listen_tcp = 1\nauth_tcp = \"none\"\n");
	host_file(&h, "/etc/libvirt/libvirt.conf",
		  "uri_aliases = [ \"a=qemu+tcp://h/system\", \"b=qemu:///system\" ]\n");
	host_file(&h, "/proc/net/tcp",
		  "  sl  local_address rem_address   st\n"
		  "   0: 00000000:407D 00000000:0000 0A 00000000:00000000\n");
	host_file(&h, "/proc/self/x", "");
	host_meta(&h, "/run/libvirt/libvirt-sock\ts\t0777\t0\t0");
	host_collect(&h, collect_libvirt_conf);
	assert_fact(&h, L("libvirtd/listen_tcp"), "1|/etc/libvirt/libvirtd.conf:1");
	assert_fact(&h, L("libvirtd/auth_tcp"), "none|/etc/libvirt/libvirtd.conf:2");
	assert_fact(&h, L("libvirtd/auth_tls"), "none|default");
	assert_fact(&h, L("libvirtd/unix_sock_rw_perms"), "0777|/run/libvirt/libvirt-sock");
	assert_fact(&h, L("libvirtd/unix_sock_admin_perms"), "0700|default");
	assert_fact(&h, L("virtlogd/max_size"), "2097152|default");
	assert_fact(&h, L("libvirt/uri_aliases"),
		    "a=qemu+tcp://h/system,b=qemu:///system|/etc/libvirt/libvirt.conf:1");
	assert_fact(&h,
		    "SELECT COUNT(*) FROM libvirt_option WHERE key LIKE 'virtqemud/%' OR key "
		    "LIKE 'virtlockd/%'",
		    "0");
	assert_fact(&h, "SELECT uri||connected||daemon||tcp_socket||session_daemons FROM libvirt",
		    "files0monolithic10");
	host_done(&h);
}

static void test_modular(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	host_file(&h, "/usr/sbin/virtqemud", "");
	host_file(&h, "/etc/libvirt/virtqemud.conf", "max_clients = 9\nlisten_tcp = 0\n");
	host_file(&h, "/etc/libvirt/virtproxyd.conf", "listen_tcp = 1\nmax_clients = 8\n");
	host_file(&h, "/etc/systemd/system/sockets.target.wants/virtproxyd-tcp.socket", "");
	host_collect(&h, collect_libvirt_conf);
	assert_fact(&h, L("libvirtd/max_clients"), "9|/etc/libvirt/virtqemud.conf:1");
	assert_fact(&h, L("libvirtd/listen_tcp"), "1|/etc/libvirt/virtproxyd.conf:1");
	assert_fact(&h, L("virtproxyd/max_clients"), "8|/etc/libvirt/virtproxyd.conf:2");
	assert_fact(&h, L("virtqemud/listen_tcp"), "0|/etc/libvirt/virtqemud.conf:2");
	assert_fact(&h, "SELECT daemon||tcp_socket FROM libvirt", "modular1");
	host_done(&h);
}

/* Both are installed; what runs decides, and daemons of users are counted. */
static void test_running(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	host_file(&h, "/usr/sbin/libvirtd", "");
	host_file(&h, "/usr/sbin/virtqemud", "");
	host_file(&h, "/proc/10/stat", "10 (virtqemud) S 1 10 10 0 -1 4194560 0");
	host_file(&h, "/proc/10/status", "Name:\tvirtqemud\nUid:\t0\t0\t0\t0\n");
	host_file(&h, "/proc/10/comm", "virtqemud\n");
	host_file(&h, "/proc/11/stat", "11 (libvirtd) S 1 11 11 0 -1 4194560 0");
	host_file(&h, "/proc/11/status", "Name:\tlibvirtd\nUid:\t1000\t1000\t1000\t1000\n");
	host_file(&h, "/proc/11/comm", "libvirtd\n");
	host_collect(&h, collect_libvirt_conf);
	assert_fact(&h, "SELECT daemon||session_daemons FROM libvirt", "modular1");
	/* Without /proc/net/tcp nobody knows. */
	assert_fact(&h, "SELECT tcp_socket IS NULL FROM libvirt", "1");
	assert_fact(&h, "SELECT COUNT(*) FROM fact_gap WHERE col='tcp_socket'", "1");
	host_done(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_syntax),		cmocka_unit_test(test_qemu_defaults),
		cmocka_unit_test(test_qemu_set),	cmocka_unit_test(test_qemu_absent),
		cmocka_unit_test(test_qemu_unreadable), cmocka_unit_test(test_qemu_broken),
		cmocka_unit_test(test_monolithic),	cmocka_unit_test(test_modular),
		cmocka_unit_test(test_running),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
