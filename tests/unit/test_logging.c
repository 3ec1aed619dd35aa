/* SPDX-License-Identifier: Apache-2.0 */
/* journald, rsyslog in both syntaxes, syslog-ng, virtlogd, logrotate. */
#include <unistd.h>

#include "facts_test.h"
#include "base/mem.h"
#include "netlink_test.h"

static const char *options_row(struct test_host *h, const char *key)
{
	char sql[256];

	snprintf(sql, sizeof(sql),
		 "SELECT coalesce(value, '?') || ' ' || source FROM log_option WHERE key = '%s'",
		 key);
	return host_ask(h, sql);
}

/* One text of rsyslog.conf, and what becomes of its first or only action. */
struct action_case {
	const char *name, *text, *want;
};

static void check_actions(const struct action_case *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct test_host h;

		host_make(&h);
		host_file(&h, "/etc/rsyslog.conf", rows[i].text);
		host_collect(&h, collect_logging);
		const char *got = host_ask(
			&h, "SELECT group_concat(selector || '|' || coalesce(kind, '?') || '|' || "
			    "destination || '|' || protocol || '|' || tls || tls_name_check || "
			    "disk_queue, ' + ') FROM (SELECT * FROM log_target ORDER BY item)");

		if (strcmp(got, rows[i].want) != 0)
			fail_msg("%s:\n got  %s\n want %s", rows[i].name, got, rows[i].want);
		host_done(&h);
	}
}

static void test_rsyslog_legacy(void **state)
{
	static const struct action_case rows[] = {
		{"file", "auth,authpriv.*\t/var/log/auth.log\n",
		 "auth,authpriv.*|file|/var/log/auth.log||000"},
		{"file without sync and a comment", "mail.*  -/var/log/mail.log # mail\n",
		 "mail.*|file|/var/log/mail.log||000"},
		{"udp", "*.* @loghost\n", "*.*|remote|loghost:514|udp|000"},
		{"tcp with port", "*.* @@loghost:6514;RSYSLOG_Forward\n",
		 "*.*|remote|loghost:6514|tcp|000"},
		{"octet-framed IPv6", "*.* @@(o)[2001:db8::1]\n",
		 "*.*|remote|[2001:db8::1]:514|tcp|000"},
		{"tls with name check and disk queue",
		 "$DefaultNetstreamDriver gtls\n$ActionSendStreamDriverMode 1\n"
		 "$ActionSendStreamDriverAuthMode x509/name\n$ActionQueueType LinkedList\n"
		 "$ActionQueueFileName fwd # name\n*.* @@log:6514\n*.* @@other:6514\n",
		 "*.*|remote|log:6514|tcp|111 + *.*|remote|other:6514|tcp|110"},
		{"tls mode without a driver that encrypts",
		 "$ActionSendStreamDriverMode 1\n*.* @@log:6514\n", "*.*|remote|log:6514|tcp|000"},
		{"a file name alone is no queue: its type is direct",
		 "$ActionQueueFileName fwd\n*.* @@log\n", "*.*|remote|log:514|tcp|000"},
		{"discard, then by &", "news.* ~\n:msg, contains, \"a b\" /var/log/x\n& stop\n",
		 "news.*|discard|||000 + :msg, contains, \"a b\"|file|/var/log/x||000 + "
		 ":msg, contains, \"a b\"|discard|||000"},
		{"users", "*.emerg :omusrmsg:*\n*.alert root,admin\n",
		 "*.emerg|user|*||000 + *.alert|user|root,admin||000"},
		{"pipe and template", "kern.* |/run/pipe\nkern.* ?Dyn\n",
		 "kern.*|pipe|/run/pipe||000 + kern.*|file|Dyn||000"},
		{"continued selector",
		 "*.=debug;\\\n\tauth.none;\\\n\tmail.none\t-/var/log/debug\n",
		 "*.=debug;auth.none;mail.none|file|/var/log/debug||000"},
		{"nothing", "# only a comment\n", "NULL"},
	};

	(void)state;
	check_actions(rows, RF_COUNT(rows));
}

static void test_rsyslog_script(void **state)
{
	static const struct action_case rows[] = {
		{"omfwd with everything",
		 "action(type=\"omfwd\" target=\"log.example\" port=\"6514\" protocol=\"tcp\"\n"
		 " StreamDriver=\"gtls\" StreamDriverMode=\"1\" StreamDriverAuthMode=\"x509/name\"\n"
		 " queue.type=\"LinkedList\" queue.filename=\"fwd\")\n",
		 "*.*|remote|log.example:6514|tcp|111"},
		{"omfwd is UDP unless it says TCP",
		 "*.* action(type=\"omfwd\" target=\"log\" StreamDriver=\"gtls\" "
		 "StreamDriverMode=\"1\")\n",
		 "*.*|remote|log:514|udp|000"},
		{"anonymous TLS checks no name",
		 "global(DefaultNetstreamDriver=\"ossl\")\n"
		 "action(type=\"omfwd\" Target='log' Protocol='tcp' streamdrivermode='1' "
		 "streamdriverauthmode='anon')\n",
		 "*.*|remote|log:514|tcp|100"},
		{"relp",
		 "action(type=\"omrelp\" target=\"log\" port=\"20514\" tls=\"on\" "
		 "tls.authMode=\"name\")\n",
		 "*.*|remote|log:20514|relp|110"},
		{"if, else, stop",
		 "if $programname == 'then' and $msg contains \"if x then {\" then stop\n"
		 "else action(type=\"omfile\" file=\"/var/log/a\")\n",
		 "$programname == 'then' and $msg contains \"if x then {\"|discard|||000 + "
		 "$programname == 'then' and $msg contains \"if x then {\" (else)|file|/var/log/a||"
		 "000"},
		{"blocks within blocks",
		 "mail.* {\n  if $msg contains 'x' then { /var/log/x stop }\n"
		 "  action(type=\"omfile\" file=\"/var/log/mail\")\n}\n*.* @log\n",
		 "$msg contains 'x'|file|/var/log/x||000 + $msg contains 'x'|discard|||000 + "
		 "mail.*|file|/var/log/mail||000 + *.*|remote|log:514|udp|000"},
		{"ruleset, template with braces in strings, comments",
		 "template(name=\"t\" type=\"list\") { constant(value=\"} {\") }\n"
		 "/* action(type=\"omfwd\" target=\"no\") */\n"
		 "ruleset(name=\"in\") { action(type=\"omfile\" dynaFile=\"t\") }\n"
		 "# *.* @no\n",
		 "ruleset in|file|t (template)||000"},
		{"assignments and calls go nowhere",
		 "set $.x = \"@@no\" & 'a;b';\nunset $.x;\ncall in\n*.* /var/log/all\n",
		 "*.*|file|/var/log/all||000"},
		{"foreach",
		 "foreach ($.i in $.list) do { action(type=\"omfile\" file=\"/var/log/f\") }\n",
		 "*.*|file|/var/log/f||000"},
		{"https",
		 "action(type=\"omelasticsearch\" server=\"es\" serverport=\"9200\" "
		 "usehttps=\"on\")\n",
		 "*.*|remote|es:9200|tcp|110"},
		{"a module that is not known", "action(type=\"omnew\" x=\"y\")\n",
		 "*.*|?|omnew||000"},
		{"array and bare word", "action(type=omfile file=[\"/var/log/b\", \"c\"])\n",
		 "*.*|file|/var/log/b||000"},
	};

	(void)state;
	check_actions(rows, RF_COUNT(rows));
}

static void test_rsyslog_hostile(void **state)
{
	static const char *const texts[] = {
		"action(",
		"action(type=\"omfwd\" target=\"",
		"if $msg contains 'x' then",
		"if",
		"}}}}{{{{ }",
		"*.* {{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{ stop",
		"/* never closed",
		"template(name=\"x\") {",
		":msg\n:msg, contains, \"open",
		"\\",
		"*.* \\\n",
		"$",
		"$IncludeConfig",
		"&",
		"action(type=\"a\" =\"b\" \"c\")",
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(texts); i++) {
		struct test_host h;

		host_make(&h);
		host_file(&h, "/etc/rsyslog.conf", texts[i]);
		host_collect(&h, collect_logging);
		assert_fact(&h, "SELECT value FROM log_option WHERE key = 'rsyslog/present'", "1");
		host_done(&h);
	}
}

static void test_rsyslog_includes(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	host_file(
		&h, "/etc/rsyslog.conf",
		"$WorkDirectory /var/spool/rsyslog\n$FileCreateMode 0640\n"
		"$IncludeConfig /etc/rsyslog.d/*.conf\ninclude(file=\"/etc/extra/\" "
		"mode=\"optional\")\nmodule(load=\"imuxsock\")\ninput(type=\"imtcp\" port=\"6514\")\n"
		"*.* /var/log/syslog\n");
	host_file(&h, "/etc/rsyslog.d/b.conf", "*.* @b\n$IncludeConfig /etc/rsyslog.conf\n");
	host_file(&h, "/etc/rsyslog.d/a.conf", "\n*.* @a\n");
	host_file(&h, "/etc/rsyslog.d/a.conf.bak", "*.* @no\n");
	host_file(&h, "/etc/extra/z", "*.* @z\n");
	host_collect(&h, collect_logging);
	assert_fact(&h,
		    "SELECT group_concat(destination, ' ') FROM (SELECT * FROM log_target ORDER "
		    "BY item)",
		    "a:514 b:514 z:514 /var/log/syslog");
	assert_fact(&h, "SELECT source FROM log_target WHERE destination = 'a:514'",
		    "/etc/rsyslog.d/a.conf:2");
	assert_fact(&h, "SELECT source FROM log_target WHERE destination LIKE '/%'",
		    "/etc/rsyslog.conf:7");
	assert_string_equal(options_row(&h, "rsyslog/filecreatemode"), "0640 /etc/rsyslog.conf:2");
	assert_string_equal(options_row(&h, "rsyslog/module.imuxsock"), "1 /etc/rsyslog.conf:5");
	assert_string_equal(options_row(&h, "rsyslog/input.imtcp"), "6514 /etc/rsyslog.conf:6");
	host_done(&h);
}

static void test_journald(void **state)
{
	/* Storage=, whether /var/log/journal is there, persistent */
	static const struct {
		const char *storage;
		bool dir;
		const char *want;
	} rows[] = {
		{"", true, "1"},	 {"", false, "0"},    {"persistent", false, "1"},
		{"volatile", true, "0"}, {"none", true, "0"}, {"auto", false, "0"},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		struct test_host h;
		char text[128];

		host_make(&h);
		snprintf(text, sizeof(text), "[Journal]\n%s%s\n[Other]\nStorage=persistent\n",
			 *rows[i].storage ? "Storage=" : "#Storage=none", rows[i].storage);
		host_file(&h, "/etc/systemd/journald.conf", text);
		if (rows[i].dir)
			host_file(&h, "/var/log/journal/x", "");
		host_collect(&h, collect_logging);
		assert_fact(&h, "SELECT value FROM log_option WHERE key = 'journald/persistent'",
			    rows[i].want);
		host_done(&h);
	}
}

static void test_journald_dropins(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	host_file(&h, "/etc/systemd/journald.conf", "[Journal]\nCompress=no\nSeal=no\n");
	host_file(&h, "/usr/lib/systemd/journald.conf", "[Journal]\nMaxLevelStore=crit\n");
	host_file(&h, "/usr/lib/systemd/journald.conf.d/10-a.conf", "[Journal]\nCompress=yes\n");
	host_link(&h, "/etc/systemd/journald.conf.d/10-a.conf", "/dev/null");
	host_file(&h, "/run/systemd/journald.conf.d/20-b.conf", "[Journal]\nSeal=yes\n");
	host_file(&h, "/etc/systemd/journal-upload.conf", "[Upload]\nURL=https://log.example\n");
	host_collect(&h, collect_logging);
	assert_string_equal(options_row(&h, "journald/Compress"),
			    "no /etc/systemd/journald.conf:2");
	assert_string_equal(options_row(&h, "journald/Seal"),
			    "yes /run/systemd/journald.conf.d/20-b.conf:2");
	assert_string_equal(options_row(&h, "journald/MaxLevelStore"), "debug default");
	assert_fact(&h, "SELECT daemon || kind || destination || tls FROM log_target",
		    "journaldremotehttps://log.example1");
	assert_fact(&h, "SELECT count(*) FROM fact_gap", "0");
	host_done(&h);
}

static void test_nothing_there(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	host_collect(&h, collect_logging);
	assert_fact(&h, "SELECT group_concat(key || '=' || value, ' ') FROM log_option",
		    "journald/persistent=0 journald/present=0 logrotate/present=0 "
		    "rsyslog/present=0 syslog-ng/present=0 virtlogd/present=0");
	assert_fact(&h, "SELECT count(*) FROM fact_gap", "0");
	host_done(&h);
}

static void test_virtlogd(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	host_file(&h, "/etc/libvirt/virtlogd.conf", "#max_size = 1\nmax_backups = 5\n");
	host_collect(&h, collect_logging);
	assert_string_equal(options_row(&h, "virtlogd/max_size"), "2097152 default");
	assert_string_equal(options_row(&h, "virtlogd/max_backups"),
			    "5 /etc/libvirt/virtlogd.conf:2");
	host_done(&h);
}

static void test_syslog_ng(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	host_file(
		&h, "/etc/syslog-ng/syslog-ng.conf",
		"@version: 3.38\n@include \"scl.conf\"\noptions { chain_hostnames(off); };\n"
		"source s { system(); internal(); };\n"
		"destination d_file { file(\"/var/log/a{b}\" perm(0640)); };\n"
		"destination d_net { network(\"log.example\" port(6514) transport(\"tls\")\n"
		"  tls(ca-dir(\"/etc/ca\") peer-verify(required-trusted)) disk-buffer(reliable(yes))"
		"); };\ndestination d_open { udp(\"old.example\"); };\n"
		"destination d_unused { tcp(\"never\"); };\n"
		"destination d_lax { network('lax' transport(tls) tls(peer-verify(optional-untrusted"
		"))); };\n"
		"destination d_odd { snowflake(x); };\n"
		"log { source(s); filter(f_auth); destination(d_file); };\n"
		"log { source(s); destination(d_net); destination(d_open); flags(final); };\n"
		"log { source(s); destination(d_lax); destination(d_odd); };\n"
		"@include \"conf.d/*.conf\"\n");
	host_file(&h, "/etc/syslog-ng/conf.d/x.conf",
		  "# more\ndestination d_x { tcp(\"x\"); };\nlog { destination(d_x); };\n");
	host_collect(&h, collect_logging);
	assert_fact(
		&h,
		"SELECT group_concat(selector || '|' || coalesce(kind, '?') || '|' || destination "
		"|| '|' || protocol || '|' || tls || tls_name_check || disk_queue, ' + ') FROM "
		"(SELECT * FROM log_target ORDER BY item)",
		"f_auth|file|/var/log/a{b}||000 + *.*|remote|log.example:6514|tcp|111 + "
		"*.*|remote|old.example:514|udp|000 + *.*|remote|lax:514|tcp|100 + "
		"*.*|?|snowflake||000 + *.*|remote|x:514|tcp|000");
	assert_fact(&h, "SELECT source FROM log_target WHERE destination = 'x:514'",
		    "/etc/syslog-ng/conf.d/x.conf:2");
	host_file(&h, "/etc/syslog-ng/syslog-ng.conf",
		  "destination d { file(\"a\nlog { destination( \ndestination { } { { (((");
	host_collect(&h, collect_logging);
	host_done(&h);
}

static void test_logrotate(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	host_file(&h, "/etc/logrotate.conf",
		  "# all\nweekly\nrotate 4\n#compress\ninclude /etc/logrotate.d\n"
		  "/var/log/last { size=100k }\n");
	host_file(
		&h, "/etc/logrotate.d/a",
		"/var/log/a.log\n\"/var/log/a b.log\" /var/log/c*.log\n{\n\tdaily\n\trotate 7 # keep\n"
		"\tcompress\n\tmaxsize 10M\n\tpostrotate\n\t\tkill }\n\t\trotate 99\n\tendscript\n}\n");
	host_file(&h, "/etc/logrotate.d/b.dpkg-old", "/var/log/no { daily }\n");
	host_file(&h, "/etc/logrotate.d/c", "/var/log/c { monthly\n nocompress }\n");
	host_file(&h, "/etc/cron.daily/logrotate", "");
	host_collect(&h, collect_logging);
	assert_fact(
		&h,
		"SELECT group_concat(pattern || '|' || frequency || '|' || size_bytes || '|' || "
		"keep || '|' || compress, ' + ') FROM log_rotation",
		"/var/log/a b.log|daily|10485760|7|1 + /var/log/a.log|daily|10485760|7|1 + "
		"/var/log/c|monthly|0|4|0 + /var/log/c*.log|daily|10485760|7|1 + "
		"/var/log/last||102400|4|0");
	assert_fact(&h, "SELECT source FROM log_rotation WHERE pattern = '/var/log/a.log'",
		    "/etc/logrotate.d/a:1");
	assert_string_equal(options_row(&h, "logrotate/rotate"), "4 /etc/logrotate.conf:3");
	assert_string_equal(options_row(&h, "logrotate/scheduled"), "1 /etc/cron.daily/logrotate");
	host_done(&h);
}

static void test_logrotate_edges(void **state)
{
	static const struct {
		const char *name, *text, *want;
	} rows[] = {
		{"logrotate's own default", "/a { rotate 1 }\n", "|1048576|1"},
		{"block never closed", "/a {\n daily\n", "daily|0|0"},
		{"a size takes the frequency away", "daily\n/a { size 5 }\n", "|5|0"},
		{"nonsense is passed over", "/a { rotate x\n size 9Z\n weekly\n}\n", "weekly|0|0"},
		{"includes itself", "include /etc/logrotate.conf\n/a { yearly }\n", "yearly|0|0"},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		struct test_host h;

		host_make(&h);
		host_file(&h, "/etc/logrotate.conf", rows[i].text);
		host_collect(&h, collect_logging);
		const char *got = host_ask(
			&h,
			"SELECT frequency || '|' || size_bytes || '|' || keep FROM log_rotation");

		if (strcmp(got, rows[i].want) != 0)
			fail_msg("%s: %s, wanted %s", rows[i].name, got, rows[i].want);
		host_done(&h);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rsyslog_legacy),	cmocka_unit_test(test_rsyslog_script),
		cmocka_unit_test(test_rsyslog_hostile), cmocka_unit_test(test_rsyslog_includes),
		cmocka_unit_test(test_journald),	cmocka_unit_test(test_journald_dropins),
		cmocka_unit_test(test_nothing_there),	cmocka_unit_test(test_virtlogd),
		cmocka_unit_test(test_syslog_ng),	cmocka_unit_test(test_logrotate),
		cmocka_unit_test(test_logrotate_edges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
