/* SPDX-License-Identifier: Apache-2.0 */
/* Collector sudo: the grammar of sudoers, aliases, Defaults and their scopes. */
#include "facts_test.h"

static void sudo_host(struct test_host *h, const char *sudoers)
{
	host_make(h);
	host_file(h, "/usr/bin/sudo", "");
	host_file(h, "/etc/passwd", "anna:x:1000:27::/:/bin/sh\nbob:x:1001:100::/:/bin/sh\n");
	host_file(h, "/etc/group", "wheel:x:10:bob\nadmins:x:27:\n");
	host_file(h, "/etc/sudoers", sudoers);
}

/* Rows as text: who(runas)command with flags A, P (no password) and S (shell). */
static const char rows_sql[] =
	"SELECT group_concat(who||'('||runas||')'||command||"
	"CASE WHEN all_commands THEN ' A' ELSE '' END||CASE WHEN nopasswd THEN ' P' ELSE '' END||"
	"CASE WHEN shell_escape THEN ' S' ELSE '' END, '; ') FROM "
	"(SELECT * FROM sudo_rule ORDER BY file, line, item)";

static void rules(void **state)
{
	static const struct {
		const char *name, *sudoers, *want;
		int gaps;
	} cases[] = {
		{"plain", "root ALL=(ALL:ALL) ALL\n", "root(ALL)ALL A", 0},
		{"no runas", "a ALL=/bin/x\n", "a(root)/bin/x", 0},
		{"runas_default", "Defaults runas_default=op\na ALL=/bin/x\n", "a(op)/bin/x", 0},
		{"group only", "a ALL=(:g) /bin/x\n", "a(:g)/bin/x", 0},
		{"tags carry over", "a ALL=NOPASSWD: /bin/x, /bin/y, PASSWD: /bin/z\n",
		 "a(root)/bin/x P; a(root)/bin/y P; a(root)/bin/z", 0},
		{"runas carries over", "a ALL=(b) /bin/x, /bin/y, (c) /bin/z\n",
		 "a(b)/bin/x; a(b)/bin/y; a(c)/bin/z", 0},
		{"tags end with the list", "a ALL=NOPASSWD: /bin/x : ALL=/bin/y\n",
		 "a(root)/bin/x P; a(root)/bin/y", 0},
		{"options", "a ALL=ROLE=r TYPE=\"t\" TIMEOUT=5m NOPASSWD: CWD=/ /bin/x\n",
		 "a(root)/bin/x P", 0},
		{"two users", "a, b ALL=/bin/x\n", "a(root)/bin/x; b(root)/bin/x", 0},
		{"users taken out", "ALL, !b ALL=/bin/x\n", "ALL(root)/bin/x", 0},
		{"negated command", "a ALL=NOPASSWD: ALL, !/bin/sh\n",
		 "a(root)ALL A P; a(root)!/bin/sh", 0},
		{"aliases behind their use",
		 "U C1=(R) S\nUser_Alias U=a,V:V=b\nRunas_Alias R = r, !s\nHost_Alias C1=ALL\n"
		 "Cmnd_Alias S=/bin/sh, !/bin/x y\n",
		 "a(r,!s)/bin/sh S; a(r,!s)!/bin/x y; b(r,!s)/bin/sh S; b(r,!s)!/bin/x y", 0},
		{"negated alias", "Cmnd_Alias S=/bin/a,!/bin/b\na ALL=ALL,!S\n",
		 "a(root)ALL A; a(root)!/bin/a; a(root)/bin/b", 0},
		{"continuation", "a \\\n ALL=/bin/x,\\\n\t/bin/y\n", "a(root)/bin/x; a(root)/bin/y",
		 0},
		{"comments", "# a ALL=ALL \\\nb ALL=/bin/x # c\n#1000 ALL=/bin/y\n",
		 "b(root)/bin/x; #1000(root)/bin/y", 0},
		{"quotes and escapes", "\"x y\" ALL=/bin/a\\:b\\,c d\nu\\ v ALL=/bin/e\n",
		 "x y(root)/bin/a:b,c d; u v(root)/bin/e", 0},
		{"groups",
		 "%g ALL=/bin/a\n%#5 ALL=/bin/a\n%:nu ALL=/bin/a\n+n ALL=/bin/a\n"
		 "%\"d u\" ALL=/bin/a\n",
		 "%g(root)/bin/a; %#5(root)/bin/a; %:nu(root)/bin/a; +n(root)/bin/a; "
		 "%d u(root)/bin/a",
		 0},
		{"digests", "a ALL=sha256:00ff==, sha512 : aa /bin/a, sudoedit /e\n",
		 "a(root)/bin/a; a(root)sudoedit /e", 0},
		{"regular expression", "a ALL=^/bin/(x,|y:)$ ^-[a,b]$, /bin/z\n",
		 "a(root)^/bin/(x,|y:)$ ^-[a,b]$; a(root)/bin/z", 1},
		{"escapes by program",
		 "a ALL=/bin/vi /etc/x, /bin/python3.11, /bin/python3 /x.py, /bin/python3 *, "
		 "/bin/find \"\", /sbin/, /bin/l*, /bin/lsblk\n",
		 "a(root)/bin/vi /etc/x S; a(root)/bin/python3.11 S; a(root)/bin/python3 /x.py; "
		 "a(root)/bin/python3 * S; a(root)/bin/find \"\" S; a(root)/sbin/ S; "
		 "a(root)/bin/l* S; a(root)/bin/lsblk",
		 0},
		{"NOEXEC", "a ALL=NOEXEC: /bin/vi, EXEC: /bin/less\n",
		 "a(root)/bin/vi; a(root)/bin/less S", 0},
		{"noexec for all", "Defaults noexec\na ALL=/bin/vi, EXEC: /bin/less\n",
		 "a(root)/bin/vi; a(root)/bin/less S", 0},
		{"other hosts", "a web1=/bin/x\na 10.0.0.0/8=/bin/y\na !ALL=/bin/z\n",
		 "a(root)/bin/y", 0},
		{"!authenticate for all", "Defaults !authenticate\na ALL=/bin/x, PASSWD: /bin/y\n",
		 "a(root)/bin/x P; a(root)/bin/y", 0},
		{"!authenticate for a user",
		 "Defaults:a,%wheel !authenticate\na,b,bob ALL=/bin/x\n",
		 "a(root)/bin/x P; b(root)/bin/x; bob(root)/bin/x P", 0},
		{"primary group", "Defaults:%admins !authenticate\nanna,bob ALL=/bin/x\n",
		 "anna(root)/bin/x P; bob(root)/bin/x", 0},
		{"all but one", "Defaults:ALL,!b !authenticate\na,b ALL=/bin/x\n",
		 "a(root)/bin/x P; b(root)/bin/x", 0},
		{"for a command",
		 "Defaults!/bin/x,C !authenticate\nCmnd_Alias C=/bin/y a\n"
		 "a ALL=/bin/x 1,/bin/y,/bin/z\n",
		 "a(root)/bin/x 1 P; a(root)/bin/y P; a(root)/bin/z", 0},
		{"for a runas user",
		 "Defaults>db !authenticate\na ALL=(db) /bin/x, (root) /bin/x\n",
		 "a(db)/bin/x P; a(root)/bin/x", 0},
		{"exempt_group", "Defaults exempt_group=ops\n%ops,a ALL=/bin/x\n",
		 "%ops(root)/bin/x P; a(root)/bin/x", 0},
		{"a bad line costs itself", "a ALL\nb ALL=/bin/x\nc ALL=bin/x\nd ALL=(x /bin/x\n",
		 "b(root)/bin/x", 3},
		{"alias twice", "Cmnd_Alias A=/bin/x\nCmnd_Alias A=/bin/y\nb ALL=A\n",
		 "b(root)/bin/x", 1},
		{"alias circle", "Cmnd_Alias A=B\nCmnd_Alias B=A\nb ALL=A\nc ALL=/bin/x\n",
		 "c(root)/bin/x", 1},
		{"unknown alias", "b ALL=NOALIAS\n", "b(root)NOALIAS", 0},
		{"open quote", "\"b ALL=ALL\n", "NULL", 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct test_host h;
		char gaps[16];

		sudo_host(&h, cases[i].sudoers);
		host_collect(&h, collect_sudo);
		if (strcmp(host_ask(&h, rows_sql), cases[i].want) != 0)
			fail_msg("%s: %s", cases[i].name, host_ask(&h, rows_sql));
		snprintf(gaps, sizeof(gaps), "%d", cases[i].gaps);
		if (strcmp(host_ask(&h, "SELECT count(*) FROM fact_gap WHERE tbl='sudo_rule'"),
			   gaps) != 0)
			fail_msg("%s: gaps: %s", cases[i].name,
				 host_ask(&h, "SELECT group_concat(reason) FROM fact_gap"));
		host_done(&h);
	}
}

static void options_in_effect(void **state)
{
	static const struct {
		const char *sudoers, *key, *want;
	} cases[] = {
		{"Defaults use_pty\n", "use_pty", "1"},
		{"Defaults !use_pty\n", "use_pty", "0"},
		{"Defaults use_pty\nDefaults !use_pty\n", "use_pty", "0"},
		{"Defaults !!use_pty\n", "use_pty", "1"},
		{"", "authenticate", "1"},
		{"Defaults !authenticate\n", "authenticate", "0"},
		{"Defaults:a !authenticate\n", "authenticate", "1"},
		{"Defaults@ALL !authenticate\n", "authenticate", "0"},
		{"Defaults@nowhere !authenticate\n", "authenticate", "1"},
		{"Defaults logfile=/var/log/sudo.log\n", "logfile", "/var/log/sudo.log"},
		{"Defaults logfile=\"/a b\", !logfile\n", "logfile", ""},
		{"", "logfile", ""},
		{"Defaults syslog = local2, timestamp_timeout=-1\n", "syslog", "local2"},
		{"Defaults syslog=local2,timestamp_timeout=-1\n", "timestamp_timeout", "-1"},
		{"Defaults !syslog\n", "syslog", ""},
		{"Defaults syslog\n", "syslog", "authpriv"},
		{"Defaults !lecture\n", "lecture", "never"},
		{"", "timestamp_timeout", "5"},
		{"Defaults !timestamp_timeout\n", "timestamp_timeout", "0"},
		{"Defaults log_servers=\"a b\", log_servers+=c, log_servers-=a\n", "log_servers",
		 "b c"},
		{"Defaults env_keep+=\"A B\"\nDefaults env_keep += B\n", "env_keep", "A B"},
		{"Defaults passprompt=\"say \\\"pw\\\": \"\n", "passprompt", "say \"pw\": "},
		{"Defaults novelty\n", "novelty", "1"},
		{"Defaults\tsecure_path=/a\\:/b\n", "secure_path", "/a:/b"},
		{"Defaults =x\n", "use_pty", "-"},
		{"", "use_pty", "-"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct test_host h;
		char sql[128];

		sudo_host(&h, cases[i].sudoers);
		host_collect(&h, collect_sudo);
		snprintf(sql, sizeof(sql), "SELECT value FROM sudo_option WHERE key='%s'",
			 cases[i].key);
		if (strcmp(host_ask(&h, sql), cases[i].want) != 0)
			fail_msg("%s: %s is %s", cases[i].sudoers, cases[i].key, host_ask(&h, sql));
		host_done(&h);
	}
}

static void defaults_follow_the_build(void **state)
{
	static const struct {
		const char *version, *pty, *timeout;
	} cases[] = {
		{"1.9.13p3-1+deb12u4", "0", "15"},
		{"1.9.14-1", "1", "15"},
		{"1.9.15p5-3ubuntu5", "1", "15"},
		{"1:1.9.9~rc1", "0", "15"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct test_host h;
		char status[256];

		sudo_host(&h, "");
		snprintf(status, sizeof(status),
			 "Package: sudo\nStatus: install ok installed\nVersion: %s\n",
			 cases[i].version);
		host_file(&h, "/var/lib/dpkg/status", status);
		host_collect(&h, collect_sudo);
		assert_fact(&h, "SELECT value FROM sudo_option WHERE key='use_pty'", cases[i].pty);
		assert_fact(&h, "SELECT value FROM sudo_option WHERE key='timestamp_timeout'",
			    cases[i].timeout);
		host_done(&h);
	}
}

static void includes(void **state)
{
	struct test_host h;

	(void)state;
	sudo_host(&h, "@include sub/one\n#include /etc/two\n#includedir /etc/sudoers.d\n"
		      "@includedir nowhere\n@include \"gone away\"\n");
	host_file(&h, "/etc/sub/one", "one ALL=/bin/x\n@include deeper\n");
	host_file(&h, "/etc/sub/deeper", "deeper ALL=/bin/x\n");
	host_file(&h, "/etc/two", "two ALL=/bin/x\n@include /etc/two\n");
	host_file(&h, "/etc/sudoers.d/10-ok", "Defaults use_pty\nok ALL=/bin/x");
	host_file(&h, "/etc/sudoers.d/20.conf", "no ALL=ALL\n");
	host_file(&h, "/etc/sudoers.d/30~", "no ALL=ALL\n");
	host_file(&h, "/etc/sudoers.d/sub/file", "no ALL=ALL\n");
	host_collect(&h, collect_sudo);
	assert_fact(&h, "SELECT count(*) FROM sudo_rule WHERE who='no'", "0");
	assert_fact(&h, "SELECT source FROM sudo_rule WHERE who='deeper'", "/etc/sub/deeper:1");
	assert_fact(&h, "SELECT source FROM sudo_rule WHERE who='ok'", "/etc/sudoers.d/10-ok:2");
	/* A file that includes itself ends at the limit; what is missing is named. */
	assert_fact(&h, "SELECT count(*) FROM fact_gap WHERE key='/etc/two:2'", "1");
	assert_fact(&h, "SELECT reason FROM fact_gap WHERE key='/etc/gone away'",
		    "/etc/sudoers:5 names /etc/gone away, which is not there: visudo -c shows it");
	host_done(&h);
}

static void not_installed(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	host_file(&h, "/etc/sudoers", "a ALL=ALL\n");
	host_collect(&h, collect_sudo);
	assert_fact(&h, "SELECT value FROM sudo_option WHERE key='present'", "0");
	assert_fact(&h, "SELECT count(*) FROM sudo_option", "1");
	assert_fact(&h, "SELECT count(*) FROM sudo_rule", "0");
	assert_fact(&h, "SELECT count(*) FROM fact_gap", "0");
	host_done(&h);
}

static void without_rights(void **state)
{
	struct test_host h;

	(void)state;
	sudo_host(&h, "");
	host_file(&h, "/etc/nsswitch.conf", "sudoers: files sss # x\n");
	host_meta(&h, "/etc/sudoers\tf\t0440\t0\t0\t\t\terror\tEACCES");
	host_collect(&h, collect_sudo);
	assert_fact(&h, "SELECT count(*) FROM sudo_option", "1");
	assert_fact(&h, "SELECT reason FROM fact_gap WHERE tbl='sudo_rule' AND key='/etc/sudoers'",
		    "/etc/sudoers cannot be read: run as root");
	assert_fact(&h, "SELECT count(*) FROM fact_gap WHERE tbl='sudo_option' AND key=''", "1");
	assert_fact(&h, "SELECT count(*) FROM fact_gap WHERE tbl='sudo_rule' AND key='sss'", "1");
	host_done(&h);
}

static void explosion_is_bounded(void **state)
{
	struct test_host h;
	char text[2048] = "a ALL=A0\n";

	(void)state;
	/* Each alias stands for ten of the next: 10^12 commands. */
	for (int i = 0; i < 12; i++) {
		char line[128];

		snprintf(line, sizeof(line),
			 "Cmnd_Alias A%d=A%d,A%d,A%d,A%d,A%d,A%d,A%d,A%d,A%d,A%d\n", i, i + 1,
			 i + 1, i + 1, i + 1, i + 1, i + 1, i + 1, i + 1, i + 1, i + 1);
		strcat(text, line);
	}
	strcat(text, "Cmnd_Alias A12=/bin/x\n");
	sudo_host(&h, text);
	host_collect(&h, collect_sudo);
	assert_fact(&h, "SELECT count(*) FROM sudo_rule", "0");
	assert_fact(&h, "SELECT count(*) FROM fact_gap WHERE key='/etc/sudoers:1'", "1");
	host_done(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules),
		cmocka_unit_test(options_in_effect),
		cmocka_unit_test(defaults_follow_the_build),
		cmocka_unit_test(includes),
		cmocka_unit_test(not_installed),
		cmocka_unit_test(without_rights),
		cmocka_unit_test(explosion_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
