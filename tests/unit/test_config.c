/* SPDX-License-Identifier: Apache-2.0 */
/* Collector config and its parsers: lvm.conf, Open vSwitch's database, banners. */
#include "machine_test.h"

#include "base/str.h"
#include "collect/config.h"
#include "collect/ovsdb.h"

static void note(void *ctx, const char *key, const char *value, unsigned int line)
{
	rf_buf_printf(ctx, "%s=%s@%u;", key, value, line);
}

static void lvm_conf_is_parsed(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{"devices {\n  global_filter = [ \"r|/dev/vg/.*|\", \"a|.*|\" ]\n}\n",
		 "devices/global_filter=r|/dev/vg/.*|,a|.*|@2;"},
		{"devices {\n\tfilter = [\n\t\"r|x|\", # no\n\t# \"a|y|\"\n\t'a|z|'\n\t]\n\tscan_lvs=0\n}",
		 "devices/filter=r|x|,a|z|@2;devices/scan_lvs=0@7;"},
		{"a { b { c = 1 } d = 2 }\ne = 3", "a/b/c=1@1;a/d=2@1;e=3@2;"},
		{"x = \"a \\\" ] # b\"", "x=a \" ] # b@1;"},
		{"# devices { filter = 1 }\n", ""},
		{"x = []", "x=@1;"},
		{"x = [ 1,2 , 3", "x=1,2,3@1;"},
		{"x = \"open", "x=open@1;"},
		{"x =", "x=@1;"},
		{"} } x = 1", "x=1@1;"},
		{"bare words here", ""},
		{"", ""},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		RF_AUTOBUF struct rf_buf got = {0};
		char text[256];

		rf_copy(text, sizeof(text), cases[i].text);
		lvm_conf_walk(text, note, &got);
		assert_string_equal(rf_buf_text(&got), cases[i].want);
	}
}

static void ovs_managers_are_found(void **state)
{
#define SCHEMA "OVSDB JSON 34 aa\n{\"name\":\"Open_vSwitch\",\"tables\":1}"
	static const struct {
		const char *name, *text;
		int rc;
		const char *want;
	} cases[] = {
		{"none", SCHEMA, 0, ""},
		{"empty file", "", 0, ""},
		{"one",
		 SCHEMA "OVSDB JSON 42 bb\n{\"Manager\":{\"u1\":{\"target\":\"ptcp:6640\"}}}\n", 0,
		 "ptcp:6640"},
		{"taken away",
		 SCHEMA "OVSDB JSON 42 bb\n{\"Manager\":{\"u1\":{\"target\":\"ptcp:6640\"}}}\n"
			"OVSDB JSON 24 cc\n{\"Manager\":{\"u1\":null}}\n",
		 0, ""},
		{"changed elsewhere",
		 SCHEMA "OVSDB JSON 42 bb\n{\"Manager\":{\"u1\":{\"target\":\"ptcp:6640\"}}}\n"
			"OVSDB JSON 36 cc\n{\"Manager\":{\"u1\":{\"status\":\"x\"}}}   ",
		 0, "ptcp:6640"},
		{"clustered", "OVSDB CLUSTER 5 x\n12345", RF_E_UNSUPPORTED, ""},
		{"no length", "OVSDB JSON x\n{}", RF_E_SYNTAX, ""},
		{"too long", "OVSDB JSON 99 x\n{}", RF_E_SYNTAX, ""},
		{"huge length", "OVSDB JSON 99999999999999999999 x\n{}", RF_E_SYNTAX, ""},
		{"no JSON", "OVSDB JSON 3 x\n{,}", RF_E_SYNTAX, ""},
		{"twice the same key", "OVSDB JSON 13 x\n{\"a\":1,\"a\":1}", RF_E_SYNTAX, ""},
		{"another file", "hello", RF_E_SYNTAX, ""},
		{"no table", "OVSDB JSON 13 x\n{\"Manager\":1}", 0, ""},
		{"no row", "OVSDB JSON 19 x\n{\"Manager\":{\"u\":1}}", 0, ""},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		RF_AUTOBUF struct rf_buf got = {0};
		int rc = ovsdb_managers(cases[i].text, &got);

		if (rc != cases[i].rc || strcmp(rf_buf_text(&got), cases[i].want) != 0)
			fail_msg("%s: %d %s", cases[i].name, rc, rf_buf_text(&got));
	}
}

static void banners_are_read(void **state)
{
	static const struct {
		const char *text, *os;
		bool has_text, has_os;
	} cases[] = {
		{"Authorised use only.\n", "debian", true, false},
		{"Debian GNU/Linux 12 \\n \\l\n", "debian", true, true},
		{"\\S\nKernel \\r on an \\m\n", "rhel", true, true},
		{"Welcome to Red Hat\n", "rhel", true, true},
		{"openSUSE Leap\n", "opensuse-leap", true, true},
		{"\\n \\l\n", "debian", false, false},
		{"\\e{lightred} \n", "debian", false, false},
		{"\\4{eth0}\\e{unclosed\n", "debian", false, false},
		{"Property of Debianfans\n", "debian", true, false},
		{" \n\t", "debian", false, false},
		{"\\", "debian", false, false},
		{"\xc3\x84", "debian", true, false},
		{"", "debian", false, false},
		{"x", "", true, false},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		struct banner got = {0};

		banner_read(cases[i].text, cases[i].os, &got);
		if (got.has_text != cases[i].has_text || got.has_os != cases[i].has_os)
			fail_msg("%s: %d %d", cases[i].text, got.has_text, got.has_os);
	}
}

static void settings_of_daemons(void **state)
{
	static const struct ask cases[] = {
		{"SELECT value||source FROM config_option WHERE "
		 "key='iscsid/node.session.auth.authmethod'",
		 "CHAP/etc/iscsi/iscsid.conf:2"},
		{"SELECT value||source FROM config_option WHERE "
		 "key='iscsid/discovery.sendtargets.auth.authmethod'",
		 "Nonedefault"},
		{"SELECT value FROM config_option WHERE key='iscsid/mutual_chap'", "1"},
		{"SELECT count(*) FROM config_option WHERE value LIKE '%bob%'", "0"},
		{"SELECT value||source FROM config_option WHERE key='lvm/global_filter'",
		 "r|.*|/etc/lvm/lvmlocal.conf:1"},
		{"SELECT value||source FROM config_option WHERE key='lvm/filter'", "default"},
		{"SELECT count(*) FROM config_option WHERE key='lvm/use_devicesfile'", "0"},
		{"SELECT value FROM config_option WHERE key='lvm/devices_file'", "0"},
		{"SELECT value||source FROM config_option WHERE key='lldpd/interface_pattern'",
		 "eth*,!vnet*/etc/lldpd.d/x.conf:2"},
		{"SELECT value FROM config_option WHERE key='lldpd/status'", "rx-only"},
		{"SELECT value FROM config_option WHERE key='ovs/manager'", ""},
		{"SELECT value FROM config_option WHERE key='clamd/ExcludePath'",
		 "^/proc/,^/var/lib/libvirt/"},
		{"SELECT value||source FROM config_option WHERE key='ksmtuned/enabled'",
		 "1/lib/systemd/system/ksmtuned.service"},
		{"SELECT value FROM config_option WHERE key='ksm/enabled'", "0"},
		{"SELECT value FROM config_option WHERE key='udisks/present'", "1"},
		{"SELECT value FROM config_option WHERE key='clamd/present'", "0"},
		{"SELECT value FROM config_option WHERE key='wlan/present'", "1"},
		{"SELECT value FROM config_option WHERE key='bluetooth/present'", "0"},
		{"SELECT value FROM config_option WHERE key='usb/authorized_default'", "1"},
		{"SELECT value FROM config_option WHERE key='issue/text_set'", "1"},
		{"SELECT value FROM config_option WHERE key='issue/os_info'", "1"},
		{"SELECT value FROM config_option WHERE key='issue.net/text_set'", "0"},
		{"SELECT value FROM config_option WHERE key='issue.net/os_info'", "0"},
		{"SELECT count(*) FROM fact_gap", "0"},
	};
	struct test_host h;

	(void)state;
	host_make(&h);
	host_file(&h, "/etc/os-release", "ID=debian\n");
	host_file(&h, "/etc/iscsi/iscsid.conf",
		  "#node.session.auth.authmethod = None\nnode.session.auth.authmethod = CHAP\n"
		  "node.session.auth.username = bob\nnode.session.auth.username_in = bob2\n");
	host_file(&h, "/etc/lvm/lvm.conf", "devices {\n global_filter = [ \"a|.*|\" ]\n}\n");
	host_file(&h, "/etc/lvm/lvmlocal.conf", "devices { global_filter = \"r|.*|\" }\n");
	host_file(&h, "/usr/sbin/lldpd", "");
	host_file(&h, "/etc/lldpd.conf", "configure lldp  status rx-only\n");
	host_file(&h, "/etc/lldpd.d/x.conf",
		  "# x\nconfigure system interface pattern eth*,!vnet*\n");
	host_file(&h, "/etc/openvswitch/conf.db", SCHEMA);
	host_file(&h, "/etc/clamav/clamd.conf",
		  "ExcludePath ^/proc/\nExcludePath ^/var/lib/libvirt/\nUser clamav\n");
	host_link(&h, "/etc/systemd/system/multi-user.target.wants/ksmtuned.service",
		  "/lib/systemd/system/ksmtuned.service");
	host_file(&h, "/lib/systemd/system/ksmtuned.service", "[Service]\n");
	host_file(&h, "/usr/libexec/udisks2/udisksd", "");
	host_file(&h, "/sys/class/ieee80211/phy0/name", "");
	host_file(&h, "/sys/module/usbcore/parameters/authorized_default", "1\n");
	host_file(&h, "/etc/issue", "Keep out\n");
	host_file(&h, "/etc/issue.d/x.issue", "\\s\n");
	host_collect(&h, collect_config);
	ask_all(&h, cases);
	host_done(&h);
}

static void nothing_installed_is_a_fact(void **state)
{
	static const struct ask cases[] = {
		{"SELECT count(*) FROM config_option WHERE key LIKE 'iscsid/node%'", "0"},
		{"SELECT count(*) FROM config_option WHERE key LIKE 'lvm/%filter'", "0"},
		{"SELECT count(*) FROM config_option WHERE key='ovs/manager'", "0"},
		{"SELECT value FROM config_option WHERE key='iscsid/present'", "0"},
		{"SELECT value FROM config_option WHERE key='issue/text_set'", "0"},
		{"SELECT count(*) FROM fact_gap", "0"},
	};
	struct test_host h;

	(void)state;
	host_make(&h);
	host_collect(&h, collect_config);
	ask_all(&h, cases);
	host_done(&h);
}

static void allowed_bridges_are_listed(void **state)
{
	static const struct {
		const char *text, *include, *want;
	} cases[] = {
		{"allow br0\n", "", "br0"},
		{" allow  br0\n#allow all\ndeny br1\nallow\n", "", "br0"},
		{"allow br0\ninclude /etc/qemu/x.conf\n", "allow all\n", "br0,all"},
		{"", "", ""},
		/* Files that include each other. */
		{"include /etc/qemu/x.conf\n", "include /etc/qemu/bridge.conf\n", "-"},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		struct test_host h;

		host_make(&h);
		host_file(&h, "/etc/qemu/bridge.conf", cases[i].text);
		host_file(&h, "/etc/qemu/x.conf", cases[i].include);
		host_collect(&h, collect_config);
		assert_fact(&h, "SELECT value FROM config_option WHERE key='qemu-bridge/allow'",
			    cases[i].want);
		assert_fact(&h, "SELECT count(*) FROM fact_gap WHERE key='qemu-bridge/allow'",
			    strcmp(cases[i].want, "-") == 0 ? "1" : "0");
		host_done(&h);
	}
}

static void what_cannot_be_read_is_a_gap(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	host_file(&h, "/etc/openvswitch/conf.db", "OVSDB CLUSTER 1 x\n");
	host_file(&h, "/etc/issue", "x");
	host_meta(&h, "/etc/issue\tf\t0600\t0\t0\t-\t-\terror\tEACCES");
	host_collect(&h, collect_config);
	assert_fact(&h, "SELECT count(*) FROM fact_gap WHERE key='ovs/manager'", "1");
	assert_fact(&h, "SELECT count(*) FROM config_option WHERE key='issue/text_set'", "0");
	assert_fact(&h, "SELECT count(*) FROM fact_gap WHERE key='/etc/issue'", "1");
	host_done(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lvm_conf_is_parsed),
		cmocka_unit_test(ovs_managers_are_found),
		cmocka_unit_test(banners_are_read),
		cmocka_unit_test(settings_of_daemons),
		cmocka_unit_test(nothing_installed_is_a_fact),
		cmocka_unit_test(allowed_bridges_are_listed),
		cmocka_unit_test(what_cannot_be_read_is_a_gap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
