/* SPDX-License-Identifier: Apache-2.0 */
/* Collectors of accounts, rights, keys and packages when the n-th allocation fails: an answer or an
 * error, and nothing else. */
#include "facts_test.h"

#include "base/mem.h"

static int put(struct fact_sink *sink, const struct fact_table *table, const void *row)
{
	RF_AUTOBUF struct rf_buf message = {0};

	return fact_encode(table, sink->host, row, &message);
}

static void make(struct test_host *h)
{
	host_make(h);
	host_file(h, "/etc/passwd", "root:x:0:0::/root:/bin/sh\nanna:x:1000:4::/home/a:/bin/sh\n");
	host_file(h, "/etc/shadow", "root:!:1:2:3:4:5:6:\nanna:$y$*:1:2:3:4:5:6:\n");
	host_file(h, "/etc/group", "adm:x:4:root,anna\n");
	host_file(h, "/etc/pam.d/login", "@include shared\nsession optional pam_umask.so\n");
	host_file(h, "/etc/pam.d/shared",
		  "auth required pam_unix.so nullok\n"
		  "password required pam_unix.so \\\n sha512 remember=3\n");
	host_file(h, "/etc/pam.d/passwd", "@include shared\n");
	host_file(h, "/etc/profile", "TMOUT=5; umask 027\n");
	host_file(h, "/etc/security/pwquality.conf.d/a.conf", "minlen = 9\n");
	host_file(h, "/usr/bin/sudo", "");
	host_file(h, "/etc/sudoers",
		  "Defaults:anna !authenticate, env_keep += \"A B\"\n"
		  "Cmnd_Alias C=/bin/sh, !/bin/x\nUser_Alias U=anna\n"
		  "U ALL=(a:b) NOPASSWD: C : ALL=\"x\n%a ALL=(ALL) ALL\n"
		  "U ALL=(a) C\n@includedir /etc/sudoers.d\n");
	host_file(h, "/etc/sudoers.d/a", "b ALL=ALL\n");
	host_file(h, "/usr/sbin/sshd", "");
	host_file(h, "/etc/ssh/sshd_config",
		  "Include x.d/*\nCiphers +a,b\nPort 22\nPort 23\n"
		  "MaxStartups 5\nMatch User a\nInclude /etc/ssh/y\n");
	host_file(h, "/etc/ssh/x.d/a", "HostKey /etc/ssh/k\n");
	host_file(h, "/etc/ssh/y", "PermitTTY no\n");
	host_file(h, "/etc/ssh/k", "");
	host_file(h, "/root/.ssh/authorized_keys", "restrict ssh-ed25519 AAAA\n");
	host_file(h, "/etc/polkit-1/rules.d/a.rules",
		  "polkit.addRule(function(a, s) { if (a.id == 'org.libvirt.unix.manage') { return "
		  "polkit.Result.YES; } });");
	host_file(h, "/usr/share/polkit-1/actions/a.policy",
		  "<policyconfig><action id='org.libvirt.x'/></policyconfig>");
	host_file(h, "/etc/polkit-1/localauthority/a/a.pkla",
		  "[a]\nIdentity=unix-user:a\nAction=*\nResultAny=yes\n");
	host_file(h, "/var/lib/dpkg/status",
		  "Package: libvirt0\nStatus: install ok installed\nVersion: 1\n\n");
	host_file(h, "/var/lib/dpkg/info/libvirt0.md5sums",
		  "0cc175b9c0f1b6a831c399e269772661  usr/bin/x\n");
	host_file(h, "/var/lib/dpkg/diversions", "/usr/bin/x\n/usr/bin/y\nother\n");
	host_file(h, "/proc/modules", "kvm 1\n");
	host_file(h, "/var/lib/apt/lists/a_dists_b_InRelease", "Origin: a\n");
	host_file(h, "/var/lib/apt/lists/a_dists_b_main_Packages",
		  "Package: libvirt0\nVersion: 2\n");
	host_file(h, "/etc/apt/sources.list", "deb http://a b\n");
}

static void every_allocation_may_fail(void **state)
{
	static collect_fn *const collectors_here[] = {
		collect_accounts, collect_auth,	    collect_sudo,	   collect_polkit,
		collect_ssh,	  collect_packages, collect_package_files, collect_package_sources,
	};
	const struct collect_request req = {.host = true};
	struct test_host h;
	struct sys *sys;

	(void)state;
	make(&h);
	assert_int_equal(sys_open_dir(h.dir, &sys, NULL), 0);
	for (size_t i = 0; i < RF_COUNT(collectors_here); i++) {
		struct fact_sink whole = {.put = put, .host = "h"};
		struct rf_err err = {0};

		assert_int_equal(collectors_here[i](sys, &req, &whole, &err), 0);
		assert_int_equal(fact_sink_check(&whole, &err), 0);
		for (size_t n = 1; n < 1200; n += n < 200 ? 1 : 7) {
			struct fact_sink sink = {.put = put, .host = "h"};

			rf_alloc_fail_after(n);
			int rc = collectors_here[i](sys, &req, &sink, &err);

			rf_alloc_fail_after(0);
			assert_true(rc <= 0);
		}
		/* Nothing of the failures stays behind. */
		struct fact_sink again = {.put = put, .host = "h"};

		assert_int_equal(collectors_here[i](sys, &req, &again, &err), 0);
		assert_int_equal(again.rows_count, whole.rows_count);
	}
	sys_close(sys);
	host_done(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_allocation_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
