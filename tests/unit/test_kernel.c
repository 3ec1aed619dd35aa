/* SPDX-License-Identifier: Apache-2.0 */
/* Collector kernel: command line, settings, modules and their signatures, access control. */
#include "machine_test.h"

#include "ima_test.h"
#include "modsig_test.h"

#include <zlib.h>

#include "base/limits.h"
#include "base/str.h"
#include "collect/kconfig.h"
#include "collect/kernel_modules.h"

static void the_command_line_is_split_as_the_kernel_does(void **state)
{
	static const char *const want[][2] = {
		{"a", "1"},   {"b", ""},    {"c", "x y"},
		{"d e", "f"}, {"g", "h=i"}, {"dyndbg", "file x +p"},
		{"--", ""},   {"init", ""},
	};
	char text[] = "  a=1 b c=\"x y\" \"d e=f\"\tg=h=i dyndbg=\"file x +p\" -- init=\n";
	char *cursor = text, *key, *value;

	(void)state;
	for (size_t i = 0; i < RF_COUNT(want); i++) {
		assert_true(kernel_word_next(&cursor, &key, &value));
		assert_string_equal(key, want[i][0]);
		assert_string_equal(value, want[i][1]);
	}
	assert_false(kernel_word_next(&cursor, &key, &value));
	assert_false(kernel_word_next(&cursor, &key, &value));
}

static void odd_command_lines_end(void **state)
{
	static const struct {
		const char *text, *key, *value;
	} cases[] = {{"\"", "", ""},	  {"=", "", ""},     {"=x", "", "x"},
		     {"a=\"b", "a", "b"}, {"a=\"", "a", ""}, {"\"a b", "a b", ""}};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		char text[32], *cursor = text, *key, *value;

		rf_copy(text, sizeof(text), cases[i].text);
		assert_true(kernel_word_next(&cursor, &key, &value));
		assert_string_equal(key, cases[i].key);
		assert_string_equal(value, cases[i].value);
		assert_false(kernel_word_next(&cursor, &key, &value));
	}
}

static void parameters_keep_the_last_value(void **state)
{
	static const struct ask cases[] = {
		{"SELECT value FROM kernel_param WHERE key='mitigations'", "off"},
		{"SELECT value FROM kernel_param WHERE key='nokaslr'", ""},
		{"SELECT value FROM kernel_param WHERE key='systemd.debug-shell'", "1"},
		{"SELECT count(*) FROM kernel_param", "3"},
	};
	struct test_host h;

	(void)state;
	host_make(&h);
	host_file(&h, "/proc/cmdline",
		  "mitigations=auto nokaslr mitigations=off systemd.debug-shell=1\n");
	host_collect(&h, collect_kernel);
	ask_all(&h, cases);
	host_done(&h);
}

static void settings_are_read(void **state)
{
	static const char *const files[][2] = {
		{"kernel/kptr_restrict", "1\n"},
		{"kernel/core_pattern", "|/lib/systemd/systemd-coredump %P\n"},
		{"net/ipv4/conf/all/rp_filter", "2\n"},
		{"net/ipv4/conf/br0/rp_filter", "0\n"},
		{"net/ipv4/conf/eth0.100/rp_filter", "1\n"},
		{"net/ipv6/conf/vnet0/accept_ra", "1\n"},
	};
	static const struct ask cases[] = {
		{"SELECT value FROM sysctl WHERE key='kernel.kptr_restrict'", "1"},
		{"SELECT source FROM sysctl WHERE key='kernel.kptr_restrict'",
		 "/proc/sys/kernel/kptr_restrict"},
		{"SELECT value FROM sysctl WHERE key='kernel.core_pattern'",
		 "|/lib/systemd/systemd-coredump %P"},
		{"SELECT value FROM sysctl WHERE key='net.ipv4.conf.all.rp_filter'", "2"},
		{"SELECT value FROM sysctl WHERE key='net.ipv4.conf.br0.rp_filter'", "0"},
		/* As sysctl prints it. */
		{"SELECT value FROM sysctl WHERE key='net.ipv4.conf.eth0/100.rp_filter'", "1"},
		{"SELECT value FROM sysctl WHERE key='net.ipv6.conf.vnet0.accept_ra'", "1"},
		/* Missing ones are told, but not those of an interface. */
		{"SELECT count(*) FROM fact_gap WHERE key='kernel.dmesg_restrict' AND "
		 "col='value'",
		 "1"},
		{"SELECT count(*) FROM fact_gap WHERE key LIKE '%.br0.%'", "0"},
		{"SELECT reason FROM fact_gap WHERE key='net.ipv6.conf.all.accept_ra'",
		 "This kernel has no /proc/sys/net/ipv6/conf/all/accept_ra: IPv6 is switched off, "
		 "or the kernel lacks the setting."},
		/* br_netfilter is not loaded: no bridged frame comes to iptables. */
		{"SELECT value FROM sysctl WHERE key='net.bridge.bridge-nf-call-iptables'", "0"},
		/* Only some distributions have it. */
		{"SELECT count(*) FROM fact_gap WHERE key='kernel.unprivileged_userns_clone'", "0"},
	};
	struct test_host h;
	char path[128];

	(void)state;
	host_make(&h);
	for (size_t i = 0; i < RF_COUNT(files); i++) {
		snprintf(path, sizeof(path), "/proc/sys/%s", files[i][0]);
		host_file(&h, path, files[i][1]);
	}
	host_collect(&h, collect_kernel);
	ask_all(&h, cases);
	host_done(&h);
}

static void what_is_not_built_is_as_good_as_off(void **state)
{
	static const struct ask cases[] = {
		{"SELECT value FROM sysctl WHERE key='kernel.kexec_load_disabled'", "1"},
		{"SELECT value FROM sysctl WHERE key='kernel.yama.ptrace_scope'", "0"},
		{"SELECT source FROM sysctl WHERE key='kernel.yama.ptrace_scope'",
		 "/boot/config-" TEST_RELEASE ": CONFIG_SECURITY_YAMA is not set"},
		/* Built, and yet not there: not known. */
		{"SELECT count(*) FROM sysctl WHERE key='kernel.sysrq'", "0"},
		{"SELECT count(*) FROM fact_gap WHERE key='kernel.sysrq'", "1"},
	};
	struct test_host h;

	(void)state;
	host_make(&h);
	host_uname(&h);
	host_file(&h, "/boot/config-" TEST_RELEASE, "CONFIG_MAGIC_SYSRQ=y\n");
	host_file(&h, "/proc/sys/kernel/pid_max", "1\n");
	host_collect(&h, collect_kernel);
	ask_all(&h, cases);
	host_done(&h);
}

static void without_proc_there_is_one_gap(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	host_collect(&h, collect_kernel);
	assert_fact(&h, "SELECT count(*) FROM sysctl", "0");
	assert_fact(&h, "SELECT count(*) FROM fact_gap WHERE tbl='sysctl'", "1");
	host_done(&h);
}

static void module_parameters_are_read(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	host_file(&h, "/sys/module/kvm_intel/parameters/nested", "Y\n");
	host_file(&h, "/sys/module/kvm_intel/parameters/closed", "Y\n");
	host_file(&h, "/sys/module/other/parameters/x", "1\n");
	host_meta(&h, "/sys/module/kvm_intel/parameters/closed\tf\t-\t-\t-\t-\t-\terror\tEACCES");
	host_collect(&h, collect_kernel);
	assert_fact(&h, "SELECT value FROM module_param WHERE key='kvm_intel/nested'", "Y");
	assert_fact(&h, "SELECT count(*) FROM module_param", "1");
	assert_fact(&h, "SELECT key FROM fact_gap WHERE tbl='module_param'", "kvm_intel/closed");
	host_done(&h);
}

static void probe_of(struct test_host *h, const char *path, const void *data, size_t len)
{
	char name[512] = "/.ringfence/probe/module-tail/";

	for (const char *p = path; *p; p++) {
		size_t n = strlen(name);

		snprintf(name + n, sizeof(name) - n, *p == '/' ? "%%2F" : "%c", *p);
	}
	host_bytes(h, name, data, len);
}

/* A probe's answer for a file. */
static void digest_of(struct test_host *h, const char *path, const char *sha256)
{
	char name[512] = "/.ringfence/probe/file-digest/", text[256];

	for (const char *p = path; *p; p++) {
		size_t n = strlen(name);

		snprintf(name + n, sizeof(name) - n, *p == '/' ? "%%2F" : "%c", *p);
	}
	snprintf(text, sizeof(text), "size 3\nsha1 00\nsha256 %s\n", sha256);
	host_file(h, name, text);
}

static void modules_are_held_against_what_was_measured(void **state)
{
#define DIR "/lib/modules/" TEST_RELEASE "/kernel/"
	static const struct ask cases[] = {
		{"SELECT on_disk FROM module WHERE name='good'", "same"},
		{"SELECT on_disk FROM module WHERE name='bad'", "changed"},
		/* Measured twice: the last one counts. */
		{"SELECT on_disk FROM module WHERE name='twice'", "same"},
		{"SELECT on_disk FROM module WHERE name='lost'", "missing"},
		{"SELECT on_disk FROM module WHERE name='unseen'", "not measured"},
		{"SELECT COALESCE(on_disk, '?') FROM module WHERE name='open'", "?"},
		{"SELECT count(*) FROM fact_gap WHERE col='on_disk'", "1"},
		{"SELECT DISTINCT signature_state FROM module", "unchecked"},
	};
	struct maker ima = {0};
	struct test_host h;
	/* The list's maker begins each digest with a byte of ours, then 2, 3 and zeros. */
	static const char tail[] = "0203"
				   "0000000000000000000000000000000000000000000000000000000000";
	char digest[80];

	(void)state;
	host_make(&h);
	host_uname(&h);
	host_file(&h, "/boot/config-" TEST_RELEASE, "# CONFIG_MODULE_SIG is not set\n");
	host_file(&h, "/lib/modules/" TEST_RELEASE "/modules.dep",
		  "kernel/good.ko:\nkernel/bad.ko:\nkernel/twice.ko:\nkernel/lost.ko:\n"
		  "kernel/unseen.ko:\nkernel/open.ko:\n");
	host_file(&h, "/proc/modules",
		  "good 1 0 - Live 0\nbad 1 0 - Live 0\ntwice 1 0 - Live 0\nlost 1 0 - Live 0\n"
		  "unseen 1 0 - Live 0\nopen 1 0 - Live 0\n");
	static const char *const names[] = {"good", "bad", "twice", "lost", "unseen", "open"};

	for (size_t i = 0; i < RF_COUNT(names); i++) {
		char path[128];

		snprintf(path, sizeof(path), "/sys/module/%s/taint", names[i]);
		host_file(&h, path, "\n");
	}
	ima_add(&ima, "boot_aggregate", 1);
	ima_add(&ima, "/usr" DIR "good.ko", 0x11);
	ima_add(&ima, DIR "bad.ko", 0x22);
	ima_add(&ima, DIR "twice.ko", 0x33);
	ima_add(&ima, DIR "twice.ko", 0x44);
	ima_add(&ima, DIR "lost.ko", 0x55);
	ima_add_violation(&ima, DIR "open.ko");
	host_bytes(&h, "/sys/kernel/security/ima/binary_runtime_measurements", ima.list.data,
		   ima.list.len);
	snprintf(digest, sizeof(digest), "11%s", tail);
	digest_of(&h, DIR "good.ko", digest);
	snprintf(digest, sizeof(digest), "23%s", tail);
	digest_of(&h, DIR "bad.ko", digest);
	snprintf(digest, sizeof(digest), "44%s", tail);
	digest_of(&h, DIR "twice.ko", digest);
	digest_of(&h, DIR "open.ko", digest);
	host_collect(&h, collect_kernel);
	ask_all(&h, cases);
	rf_buf_done(&ima.list);
	host_done(&h);
}

static void loaded_modules_are_described(void **state)
{
	static const struct ask cases[] = {
		{"SELECT count(*) FROM module", "5"},
		{"SELECT size_bytes||taint||has_signature||signer||path FROM module WHERE "
		 "name='x_tables'",
		 "614401CA/lib/modules/" TEST_RELEASE "/kernel/net/x-tables.ko"},
		{"SELECT taint||has_signature||signer FROM module WHERE name='evil'", "OE0"},
		/* A compressed file: the kernel vouches for it. */
		{"SELECT has_signature FROM module WHERE name='xfs'", "1"},
		{"SELECT signer FROM module WHERE name='xfs'", "NULL"},
		/* Loaded from elsewhere and not verified. */
		{"SELECT has_signature FROM module WHERE name='stray'", "NULL"},
		{"SELECT path FROM module WHERE name='stray'", ""},
		{"SELECT count(*) FROM fact_gap WHERE tbl='module' AND key='stray' AND "
		 "col='has_signature'",
		 "1"},
		{"SELECT has_signature FROM module WHERE name='gone'", "NULL"},
		{"SELECT signature_hash FROM module WHERE name='evil'", ""},
		{"SELECT group_concat(name||' '||signature_state) FROM (SELECT * FROM module "
		 "WHERE name IN ('x_tables', 'evil', 'stray') ORDER BY name)",
		 "evil unverified,stray unverified,x_tables verified"},
		{"SELECT DISTINCT on_disk FROM module", "not measured"},
	};
	RF_AUTOBUF struct rf_buf file = {0};
	struct test_host h;

	(void)state;
	host_make(&h);
	host_uname(&h);
	host_file(&h, "/boot/config-" TEST_RELEASE, "CONFIG_MODULE_SIG=y\n");
	host_file(&h, "/lib/modules/" TEST_RELEASE "/modules.dep",
		  "kernel/net/x-tables.ko: kernel/a.ko\nkernel/fs/xfs.ko.xz:\n"
		  "extra/evil.ko:\nkernel/gone.ko:\nkernel/net/x-tables.ko:\nrubbish\n");
	host_file(&h, "/proc/modules",
		  "x_tables 61440 1 ip_tables, Live 0x0\nxfs 1 0 - Live 0x0\n"
		  "evil 2 0 - Live 0x0 (OE)\nstray 3 0 - Live 0x0 (OE)\ngone 1 0 - Live 0x0\n"
		  "broken\n../x 1 0 - Live 0x0\nbig 99999999999999999999 0 - Live 0\n");
	host_file(&h, "/sys/module/x_tables/taint", "\n");
	host_file(&h, "/sys/module/xfs/taint", "\n");
	host_file(&h, "/sys/module/gone/taint", "\n");
	host_file(&h, "/sys/module/evil/taint", "OE\n");
	host_file(&h, "/sys/module/stray/taint", "OE\n");
	modsig_test_sign(&file, "CA");
	probe_of(&h, "/lib/modules/" TEST_RELEASE "/kernel/net/x-tables.ko", file.data, file.len);
	probe_of(&h, "/lib/modules/" TEST_RELEASE "/extra/evil.ko", "\177ELF", 4);
	host_collect(&h, collect_kernel);
	ask_all(&h, cases);
	host_done(&h);
}

static void modprobe_configuration_blocks(void **state)
{
	static const struct ask cases[] = {
		{"SELECT blocked||blacklisted||source FROM module_block WHERE name='cramfs'",
		 "10/etc/modprobe.d/a.conf:2"},
		{"SELECT blocked||blacklisted||source FROM module_block WHERE name='usb_storage'",
		 "11/etc/modprobe.d/a.conf:4"},
		{"SELECT blocked||blacklisted FROM module_block WHERE name='dccp'", "01"},
		/* Other commands do not block. */
		{"SELECT blocked FROM module_block WHERE name='sctp'", "0"},
		/* Over two lines; the file of /lib is hidden by that of /etc. */
		{"SELECT blocked||source FROM module_block WHERE name='tipc'",
		 "1/etc/modprobe.d/a.conf:7"},
		{"SELECT blocked||source FROM module_block WHERE name='udf'",
		 "1/etc/modprobe.d/a.conf:9"},
		{"SELECT blocked FROM module_block WHERE name='hfs'", "0"},
		{"SELECT blocked||source FROM module_block WHERE name='jffs2'", "1/proc/cmdline:1"},
		{"SELECT blacklisted FROM module_block WHERE name='floppy'", "1"},
		{"SELECT blocked||blacklisted FROM module_block WHERE name='rds'", "00"},
		/* What the kernel has. */
		{"SELECT available||loaded FROM module_block WHERE name='udf'", "11"},
		{"SELECT available||loaded FROM module_block WHERE name='usb_storage'", "10"},
		{"SELECT available||loaded FROM module_block WHERE name='squashfs'", "11"},
		{"SELECT available||loaded FROM module_block WHERE name='rds'", "00"},
		{"SELECT kind FROM module_block WHERE name='thunderbolt'", "device"},
		{"SELECT count(*) FROM fact_gap WHERE tbl='module_block'", "0"},
	};
	struct test_host h;

	(void)state;
	host_make(&h);
	host_uname(&h);
	host_file(&h, "/etc/modprobe.d/a.conf",
		  "# install hfs /bin/false\n"
		  "install cramfs /bin/false\n"
		  "blacklist usb-storage\n"
		  "  install\tusb_storage /usr/bin/true\n"
		  "blacklist dccp\n"
		  "install sctp /sbin/modprobe --ignore-install sctp\n"
		  "install tipc \\\n"
		  "  /bin/false\n"
		  "install udf /bin/false\n"
		  "install\ninstall hfs\noptions hfs x=1\n");
	host_file(&h, "/lib/modprobe.d/a.conf", "install hfs /bin/true\n");
	host_file(&h, "/etc/modprobe.d/readme", "install hfs /bin/true\n");
	host_file(&h, "/proc/cmdline", "module_blacklist=jffs2,x modprobe.blacklist=floppy\n");
	host_file(&h, "/lib/modules/" TEST_RELEASE "/modules.dep",
		  "kernel/drivers/usb/storage/usb-storage.ko.xz:\nkernel/fs/udf/udf.ko:\n");
	host_file(&h, "/lib/modules/" TEST_RELEASE "/modules.builtin",
		  "kernel/fs/squashfs/squashfs.ko\n");
	host_file(&h, "/proc/modules", "udf 1 0 - Live 0x0\n");
	host_file(&h, "/sys/module/udf/taint", "\n");
	host_collect(&h, collect_kernel);
	ask_all(&h, cases);
	host_done(&h);
}

static void what_a_kernel_has_may_be_unknown(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	host_uname(&h);
	host_file(&h, "/proc/modules", "");
	host_folder(&h, "/lib/modules/" TEST_RELEASE);
	host_collect(&h, collect_kernel);
	assert_fact(&h, "SELECT available FROM module_block WHERE name='udf'", "NULL");
	assert_fact(&h, "SELECT loaded FROM module_block WHERE name='udf'", "NULL");
	assert_fact(&h, "SELECT blocked FROM module_block WHERE name='udf'", "0");
	assert_fact(&h, "SELECT count(*) FROM fact_gap WHERE tbl='module_block' AND key='udf'",
		    "2");
	/* No folder of modules at all: none can be loaded, whatever is built in. */
	host_done(&h);
	host_make(&h);
	host_uname(&h);
	host_file(&h, "/boot/config-" TEST_RELEASE, "CONFIG_UDF_FS=y\nCONFIG_IP_SCTP=m\n");
	host_collect(&h, collect_kernel);
	assert_fact(&h, "SELECT available||loaded FROM module_block WHERE name='udf'", "11");
	assert_fact(&h, "SELECT available||loaded FROM module_block WHERE name='sctp'", "00");
	host_done(&h);
}

static void access_control_is_told(void **state)
{
	static const struct {
		const char *files[4][2];
		const char *sql, *want;
	} cases[] = {
		{{{"/etc/x", ""}},
		 "SELECT enabled||enforcing FROM lsm WHERE name='apparmor'",
		 "00"},
		{{{"/etc/x", ""}}, "SELECT enabled||enforcing FROM lsm WHERE name='selinux'", "00"},
		{{{"/sys/module/apparmor/parameters/enabled", "Y\n"},
		  {"/sys/module/apparmor/parameters/mode", "enforce\n"}},
		 "SELECT enabled||enforcing FROM lsm WHERE name='apparmor'",
		 "11"},
		{{{"/sys/module/apparmor/parameters/enabled", "Y\n"},
		  {"/sys/module/apparmor/parameters/mode", "complain\n"}},
		 "SELECT enabled||enforcing FROM lsm WHERE name='apparmor'",
		 "10"},
		{{{"/sys/module/apparmor/parameters/enabled", "Y\n"}},
		 "SELECT enforcing FROM lsm WHERE name='apparmor'",
		 "NULL"},
		{{{"/sys/module/apparmor/parameters/enabled", "N\n"}},
		 "SELECT enabled||enforcing FROM lsm WHERE name='apparmor'",
		 "00"},
		{{{"/sys/module/apparmor/parameters/enabled", "Y\n"}},
		 "SELECT count(*) FROM fact_gap WHERE tbl='lsm_profile'",
		 "1"},
		{{{"/sys/fs/selinux/enforce", "1"}},
		 "SELECT enabled||enforcing FROM lsm WHERE name='selinux'",
		 "11"},
		{{{"/sys/fs/selinux/enforce", "0"}},
		 "SELECT enabled||enforcing FROM lsm WHERE name='selinux'",
		 "10"},
		{{{"/sys/kernel/security/lsm", "lockdown,selinux\n"}},
		 "SELECT enabled||COALESCE(enforcing,'?') FROM lsm WHERE name='selinux'",
		 "1?"},
		{{{"/sys/module/apparmor/parameters/enabled", "Y\n"},
		  {"/sys/kernel/security/apparmor/profiles",
		   "libvirtd (enforce)\n/usr/bin/a b (x) (complain)\nbroken\n (enforce)\n"}},
		 "SELECT group_concat(name||'='||mode, ';') FROM lsm_profile",
		 "/usr/bin/a b (x)=complain;libvirtd=enforce"},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		struct test_host h;

		host_make(&h);
		for (size_t f = 0; f < 4 && cases[i].files[f][0]; f++)
			host_file(&h, cases[i].files[f][0], cases[i].files[f][1]);
		host_collect(&h, collect_kernel);
		if (strcmp(host_ask(&h, cases[i].sql), cases[i].want) != 0)
			fail_msg("case %zu: got %s, want %s", i, host_ask(&h, cases[i].sql),
				 cases[i].want);
		host_done(&h);
	}
}

static void gzip(const char *text, struct rf_buf *out)
{
	z_stream z = {0};
	uint8_t packed[4096];

	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY),
			 Z_OK);
	z.next_in = (Bytef *)(uintptr_t)text;
	z.avail_in = (uInt)strlen(text);
	z.next_out = packed;
	z.avail_out = sizeof(packed);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	rf_buf_add(out, packed, sizeof(packed) - z.avail_out);
	deflateEnd(&z);
}

static void configurations_are_answered(void **state)
{
	static const char text[] = "# Linux/x86\nCONFIG_A=y\nCONFIG_B=m\n# CONFIG_C is not set\n"
				   "CONFIG_D=\"y\"\nCONFIG_E=yes\nCONFIG_LONG=y\nCONFIG_F=y";
	static const struct {
		const char *symbol;
		char want;
	} cases[] = {{"CONFIG_A", 'y'}, {"CONFIG_B", 'm'}, {"CONFIG_C", 'n'},	{"CONFIG_D", 'v'},
		     {"CONFIG_E", 'v'}, {"CONFIG_F", 'y'}, {"CONFIG_LON", 'n'}, {"CONFIG_Z", 'n'}};
	RF_AUTOBUF struct rf_buf packed = {0};
	KCONFIG_AUTO struct kconfig config = {0};
	struct test_host h;
	struct sys *sys;

	(void)state;
	host_make(&h);
	host_uname(&h);
	gzip(text, &packed);
	host_bytes(&h, "/proc/config.gz", packed.data, packed.len);
	assert_int_equal(sys_open_dir(h.dir, &sys, NULL), 0);
	assert_int_equal(kconfig_get(&config, "CONFIG_A"), 0);
	kconfig_read(sys, &config);
	assert_string_equal(config.source, "/proc/config.gz");
	for (size_t i = 0; i < RF_COUNT(cases); i++)
		assert_int_equal(kconfig_get(&config, cases[i].symbol), cases[i].want);
	sys_close(sys);
	host_done(&h);
}

static void bad_gzip_is_refused(void **state)
{
	RF_AUTOBUF struct rf_buf packed = {0};
	RF_AUTOBUF struct rf_buf out = {0};

	(void)state;
	gzip("0000000000000000000000000000000000000000000000000000", &packed);
	assert_int_equal(kconfig_gunzip(rf_buf_slice(&packed), 10, &out), RF_E_LIMIT);
	packed.len -= 5;
	assert_int_equal(kconfig_gunzip(rf_buf_slice(&packed), 1000, &out), RF_E_SYNTAX);
	assert_int_equal(kconfig_gunzip(rf_slice_text("plain"), 1000, &out), RF_E_SYNTAX);
	assert_int_equal(kconfig_gunzip((struct rf_slice){0}, 1000, &out), RF_E_SYNTAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_command_line_is_split_as_the_kernel_does),
		cmocka_unit_test(odd_command_lines_end),
		cmocka_unit_test(parameters_keep_the_last_value),
		cmocka_unit_test(settings_are_read),
		cmocka_unit_test(what_is_not_built_is_as_good_as_off),
		cmocka_unit_test(without_proc_there_is_one_gap),
		cmocka_unit_test(module_parameters_are_read),
		cmocka_unit_test(loaded_modules_are_described),
		cmocka_unit_test(modules_are_held_against_what_was_measured),
		cmocka_unit_test(modprobe_configuration_blocks),
		cmocka_unit_test(what_a_kernel_has_may_be_unknown),
		cmocka_unit_test(access_control_is_told),
		cmocka_unit_test(configurations_are_answered),
		cmocka_unit_test(bad_gzip_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
