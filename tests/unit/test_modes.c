/* SPDX-License-Identifier: Apache-2.0 */
/* Collectors modes and special-files. */
#include "machine_test.h"

#include "base/str.h"
#include "collect/special_files.h"

static void accounts(struct test_host *h)
{
	host_file(h, "/etc/passwd", "root:x:0:0::/root:/bin/sh\nqemu:x:107:107::/:/sbin/nologin\n");
	host_file(h, "/etc/group", "root:x:0:\nkvm:x:107:\nshadow:x:42:\n");
}

static void modes_have_names_and_bits(void **state)
{
	static const struct ask cases[] = {
		{"SELECT topic||kind||mode||'/'||mode_text||owner||grp FROM file_mode WHERE "
		 "path='/etc/shadow'",
		 "shadowfile416/0640rootshadow"},
		{"SELECT group_write||other_read||other_write||setuid||extra_acl FROM file_mode "
		 "WHERE path='/etc/shadow'",
		 "00000"},
		{"SELECT group_write||other_read||other_write||setuid||extra_acl||kind||mode_text "
		 "FROM file_mode WHERE path='/dev/kvm'",
		 "11111char4666"},
		{"SELECT owner||grp||uid||'/'||gid FROM file_mode WHERE path='/dev/vhost-net'",
		 "99998888"
		 "9999/8888"},
		{"SELECT topic FROM file_mode WHERE path='/etc/libvirt/qemu.conf'", "qemu-conf"},
		{"SELECT topic FROM file_mode WHERE path='/etc/libvirt/libvirtd.conf'",
		 "libvirt-conf"},
		{"SELECT topic||kind FROM file_mode WHERE path='/run/libvirt/libvirt-sock'",
		 "libvirt-socketsocket"},
		{"SELECT group_concat(path) FROM (SELECT path FROM file_mode WHERE "
		 "topic='swtpm-state' ORDER BY path)",
		 "/var/lib/libvirt/swtpm,/var/lib/libvirt/swtpm/u1,/var/lib/libvirt/swtpm/u1/tpm2,"
		 "/var/lib/libvirt/swtpm/u1/tpm2/state"},
		{"SELECT count(*) FROM file_mode WHERE topic='ssh-host-key'", "1"},
		{"SELECT topic FROM file_mode WHERE path='/huge/libvirt'", "memory-backing"},
		{"SELECT topic FROM file_mode WHERE path='/backing'", "memory-backing"},
		{"SELECT kind||COALESCE(mode,'?') FROM file_mode WHERE path='/dumps'", "absent?"},
		/* What should be there is told as absent; what may be is not. */
		{"SELECT kind||COALESCE(mode,'?') FROM file_mode WHERE path='/etc/shadow-'", "-"},
		{"SELECT count(*) FROM fact_gap", "0"},
	};
	struct test_host h;

	(void)state;
	host_make(&h);
	accounts(&h);
	host_file(&h, "/etc/shadow", "");
	host_meta(&h, "/etc/shadow\tf\t0640\t0\t42");
	host_meta(&h, "/dev/kvm\tc\t4666\t0\t107\t-\t-\tacl");
	host_meta(&h, "/dev/vhost-net\tc\t0660\t9999\t8888");
	host_meta(&h, "/run/libvirt/libvirt-sock\ts\t0770\t0\t0");
	host_file(&h, "/etc/libvirt/qemu.conf",
		  "#memory_backing_dir = \"/x\"\nmemory_backing_dir = \"/backing\"\n"
		  "auto_dump_path = \"/dumps\"\nuser = \"/root\"\n");
	host_file(&h, "/etc/libvirt/libvirtd.conf", "");
	host_file(&h, "/etc/ssh/ssh_host_rsa_key", "");
	host_file(&h, "/etc/ssh/ssh_host_rsa_key.pub", "");
	host_file(&h, "/var/lib/libvirt/swtpm/u1/tpm2/state", "");
	host_file(&h, "/proc/self/mountinfo", "1 0 0:9 / /huge rw - hugetlbfs hugetlbfs rw\n");
	host_folder(&h, "/huge/libvirt");
	host_folder(&h, "/backing");
	host_collect(&h, collect_modes);
	ask_all(&h, cases);
	host_done(&h);
}

static void links_show_what_is_behind(void **state)
{
	static const struct ask cases[] = {
		{"SELECT kind||mode_text||source FROM file_mode WHERE path='/boot/grub2/grub.cfg'",
		 "file0600/boot/grub2/grub.cfg -> ../efi/real.cfg"},
		{"SELECT kind FROM file_mode WHERE path='/etc/at.allow'", "link"},
	};
	struct test_host h;

	(void)state;
	host_make(&h);
	accounts(&h);
	host_file(&h, "/boot/efi/real.cfg", "");
	host_meta(&h, "/boot/efi/real.cfg\tf\t0600\t0\t0");
	host_link(&h, "/boot/grub2/grub.cfg", "../efi/real.cfg");
	host_link(&h, "/etc/at.allow", "/nowhere");
	host_collect(&h, collect_modes);
	ask_all(&h, cases);
	host_done(&h);
}

static void what_cannot_be_seen_is_a_gap(void **state)
{
	static const struct ask cases[] = {
		{"SELECT kind IS NULL AND mode IS NULL AND topic = 'sudoers' FROM file_mode WHERE path='/etc/sudoers'",
		 "1"},
		{"SELECT count(*) FROM fact_gap WHERE key='/etc/sudoers'", "1"},
		{"SELECT count(*) FROM fact_gap WHERE key='/etc/sudoers.d/*'", "1"},
		/* No account files: numbers, and one gap. */
		{"SELECT owner FROM file_mode WHERE path='/etc/group'", "NULL"},
		{"SELECT kind FROM file_mode WHERE path='/etc/passwd'", "absent"},
		{"SELECT count(*) FROM fact_gap WHERE col='owner'", "1"},
	};
	struct test_host h;

	(void)state;
	host_make(&h);
	host_meta(&h, "/etc/sudoers\t?\t-\t-\t-\t-\t-\terror\tEACCES");
	host_folder(&h, "/etc/sudoers.d");
	host_meta(&h, "/etc/sudoers.d\td\t0750\t0\t0\t-\t-\terror\tEACCES");
	host_collect(&h, collect_modes);
	ask_all(&h, cases);
	host_done(&h);
}

static void names_with_wildcards_stay_names(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	accounts(&h);
	/* A folder that is called like a pattern is that folder, not all of them once more. */
	host_file(&h, "/var/lib/libvirt/swtpm/*/tpm2/x", "");
	host_file(&h, "/var/lib/libvirt/swtpm/u1/tpm2/y", "");
	host_file(&h, "/etc/cron.d/a b", "");
	host_collect(&h, collect_modes);
	assert_fact(&h, "SELECT count(*) FROM file_mode WHERE path LIKE '%tpm2/_'", "2");
	assert_fact(&h, "SELECT count(*) FROM file_mode WHERE path LIKE '%*/tpm2/y'", "0");
	assert_fact(&h, "SELECT count(*) FROM fact_gap", "0");
	assert_fact(&h, "SELECT topic FROM file_mode WHERE path='/etc/cron.d/a b'", "cron");
	host_done(&h);
}

static void lines_of_the_probe_are_parsed(void **state)
{
	static const struct {
		const char *line;
		bool ok;
		char kind;
		unsigned int mode;
		const char *path;
	} cases[] = {
		{"f 4755 0 0 /usr/bin/su", true, 'f', 04755, "/usr/bin/su"},
		{"d 0777 0 0 /opt/a\\040b", true, 'd', 0777, "/opt/a b"},
		{"o 0666 5 6 /x", true, 'o', 0666, "/x"},
		{"later /usr/lib/x", true, 'l', 0, "/usr/lib/x"},
		{"closed /opt/y", true, 'c', 0, "/opt/y"},
		{"", false, 0, 0, NULL},
		{"f", false, 0, 0, NULL},
		{"f 4755 0 0", false, 0, 0, NULL},
		{"f 4755 0 0 relative", false, 0, 0, NULL},
		{"f 99 0 0 /x", false, 0, 0, NULL},
		{"f 10000 0 0 /x", false, 0, 0, NULL},
		{"f 755 -1 0 /x", false, 0, 0, NULL},
		{"f 755 0 4294967296 /x", false, 0, 0, NULL},
		{"x 755 0 0 /x", false, 0, 0, NULL},
		{"ff 755 0 0 /x", false, 0, 0, NULL},
		{"later", false, 0, 0, NULL},
		{"later relative", false, 0, 0, NULL},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		struct special_line got;
		char text[64];

		rf_copy(text, sizeof(text), cases[i].line);
		if (special_line_parse(text, &got) != cases[i].ok)
			fail_msg("%s", cases[i].line);
		if (!cases[i].ok)
			continue;
		assert_int_equal(got.kind, cases[i].kind);
		assert_int_equal(got.mode, cases[i].mode);
		assert_string_equal(got.path, cases[i].path);
	}
}

#define PROBE "/.ringfence/probe/special-files/"

static void special_files_are_sorted(void **state)
{
	static const struct ask cases[] = {
		{"SELECT kind||mode_text||package||source FROM special_file WHERE "
		 "path='/usr/bin/su'",
		 "setuid4755util-linux/usr/bin"},
		/* The package lists it below /bin. */
		{"SELECT kind||package FROM special_file WHERE path='/usr/bin/mount'",
		 "setuidmount"},
		{"SELECT kind||package FROM special_file WHERE path='/usr/bin/both'", "setuid"},
		{"SELECT kind FROM special_file WHERE path='/usr/bin/wall'", "setgid"},
		{"SELECT kind FROM special_file WHERE path='/usr/bin/open'", "world_writable"},
		{"SELECT kind FROM special_file WHERE path='/usr/bin/dir'", "world_writable"},
		{"SELECT count(*) FROM special_file WHERE path='/usr/bin/sticky'", "0"},
		/* Set-gid on a directory only hands the group on. */
		{"SELECT count(*) FROM special_file WHERE path='/usr/bin/gdir'", "0"},
		{"SELECT kind FROM special_file WHERE path='/usr/bin/nobodys'", "unowned"},
		{"SELECT kind FROM special_file WHERE path='/usr/bin/nogroup'", "unowned"},
		{"SELECT count(*) FROM special_file WHERE path='/usr/bin/qemus'", "0"},
		{"SELECT kind||source FROM special_file WHERE path='/usr/bin/later/x'",
		 "setuid/usr/bin"},
		{"SELECT count(*) FROM fact_gap WHERE key='/usr/bin/closed'", "1"},
		{"SELECT count(*) FROM fact_gap WHERE key='/opt'", "1"},
		/* A link to another folder is not walked twice. */
		{"SELECT count(*) FROM fact_gap WHERE key='/bin'", "0"},
		/* What was not looked at must not pass for clean. */
		{"SELECT count(*) FROM fact_gap WHERE key='' AND col=''", "1"},
	};
	struct test_host h;

	(void)state;
	host_make(&h);
	accounts(&h);
	host_folder(&h, "/usr/bin");
	host_folder(&h, "/opt");
	host_link(&h, "/bin", "usr/bin");
	host_file(&h, PROBE "%2Fusr%2Fbin",
		  "f 4755 0 0 /usr/bin/su\nf 4755 0 0 /usr/bin/mount\nf 6755 0 0 /usr/bin/both\n"
		  "f 2755 0 0 /usr/bin/wall\nf 0666 0 0 /usr/bin/open\nd 0777 0 0 /usr/bin/dir\n"
		  "d 1777 0 0 /usr/bin/sticky\nd 2755 0 42 /usr/bin/gdir\n"
		  "f 0644 1234 0 /usr/bin/nobodys\no 0644 0 1234 /usr/bin/nogroup\n"
		  "f 0644 107 107 /usr/bin/qemus\nlater /usr/bin/later\nclosed /usr/bin/closed\n"
		  "rubbish\n");
	host_file(&h, PROBE "%2Fusr%2Fbin%2Flater", "f 4755 0 0 /usr/bin/later/x\n");
	host_file(&h, "/var/lib/dpkg/info/util-linux.list", "/.\n/bin/ls\n/usr/bin/su\n");
	host_file(&h, "/var/lib/dpkg/info/mount:amd64.list", "/bin/mount\n");
	host_file(&h, "/var/lib/dpkg/info/mount.md5sums", "x /usr/bin/both\n");
	host_collect(&h, collect_special_files);
	ask_all(&h, cases);
	host_done(&h);
}

static void without_dpkg_packages_are_unknown(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	accounts(&h);
	host_file(&h, "/etc/nsswitch.conf", "passwd: files sss\n");
	host_folder(&h, "/usr/sbin");
	host_file(&h, PROBE "%2Fusr%2Fsbin",
		  "f 4755 0 0 /usr/sbin/x\nf 0644 999 999 /usr/sbin/y\n");
	host_collect(&h, collect_special_files);
	assert_fact(&h, "SELECT package FROM special_file WHERE path='/usr/sbin/x'", "NULL");
	assert_fact(&h, "SELECT count(*) FROM fact_gap WHERE col='package'", "1");
	/* A directory service may know that owner. */
	assert_fact(&h, "SELECT count(*) FROM special_file", "1");
	assert_fact(&h, "SELECT count(*) FROM fact_gap WHERE col='kind'", "1");
	assert_fact(&h, "SELECT count(*) FROM fact_gap WHERE key='' AND col=''", "0");
	host_done(&h);
}

static void a_probe_that_goes_round_ends(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	accounts(&h);
	host_folder(&h, "/opt");
	host_file(&h, PROBE "%2Fopt", "later /opt\nf 4755 0 0 /opt/x\n");
	host_collect(&h, collect_special_files);
	assert_fact(&h, "SELECT count(*) FROM special_file", "1");
	host_done(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(modes_have_names_and_bits),
		cmocka_unit_test(links_show_what_is_behind),
		cmocka_unit_test(what_cannot_be_seen_is_a_gap),
		cmocka_unit_test(names_with_wildcards_stay_names),
		cmocka_unit_test(lines_of_the_probe_are_parsed),
		cmocka_unit_test(special_files_are_sorted),
		cmocka_unit_test(without_dpkg_packages_are_unknown),
		cmocka_unit_test(a_probe_that_goes_round_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
