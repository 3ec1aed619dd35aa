/* SPDX-License-Identifier: Apache-2.0 */
/* Collector auth: which of several files, modules and shells has the last word. */
#include "facts_test.h"

#include <errno.h>

#include "collect/pam.h"

#define VALUE(key)  "SELECT value FROM auth_policy WHERE key='" key "'"
#define SOURCE(key) "SELECT source FROM auth_policy WHERE key='" key "'"

struct expected {
	const char *sql, *want;
};

static void expect(struct test_host *h, const struct expected *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char *got = host_ask(h, cases[i].sql);

		if (strcmp(got, cases[i].want) != 0)
			fail_msg("%s: %s, not %s", cases[i].sql, got, cases[i].want);
	}
}
#define EXPECT(h, cases) expect(h, cases, sizeof(cases) / sizeof((cases)[0]))

/* As RHEL 9 does it: substacks, arguments over files, a locked wheel. */
static void rhel(struct test_host *h)
{
	host_make(h);
	host_file(h, "/etc/pam.d/sshd",
		  "#%PAM-1.0\nauth       substack     password-auth\n"
		  "password   include      password-auth\n");
	host_file(h, "/etc/pam.d/login",
		  "auth substack system-auth\nsession include system-auth\n");
	host_file(h, "/etc/pam.d/passwd", "password   substack   system-auth\n");
	static const char shared[] =
		"auth        required                                     pam_env.so\n"
		"auth        required                                     pam_faillock.so preauth "
		"silent\n"
		"auth        [default=1 ignore=ignore success=ok]         pam_localuser.so\n"
		"auth        sufficient                                   pam_unix.so # nullok\n"
		"auth        required                                     pam_faillock.so authfail "
		"deny=4\n"
		"account     required                                     pam_faillock.so\n"
		"password    requisite                                    pam_pwquality.so "
		"local_users_only minlen=14\n"
		"password    requisite  pam_pwhistory.so use_authtok remember=5\n"
		"password    sufficient pam_unix.so sha512 shadow use_authtok\n"
		"session     optional   pam_umask.so\n";

	host_file(h, "/etc/pam.d/system-auth", shared);
	host_file(h, "/etc/pam.d/password-auth", shared);
	host_file(h, "/etc/pam.d/su",
		  "auth\t\tsufficient\tpam_rootok.so\n"
		  "auth\t\trequired\tpam_wheel.so use_uid\n"
		  "auth substack system-auth\n");
	host_file(h, "/etc/security/faillock.conf",
		  "deny = 3  # more\nunlock_time=never\neven_deny_root\n");
	host_file(h, "/etc/security/pwquality.conf", "minlen = 12\ndcredit = -1\n");
	host_file(h, "/etc/security/pwquality.conf.d/50.conf", "dcredit = -2\nucredit = -1\n");
	host_file(h, "/etc/login.defs", "UMASK\t027\nPASS_MAX_DAYS 60\nENCRYPT_METHOD YESCRYPT\n");
	host_file(h, "/etc/nsswitch.conf", "passwd:  sss files systemd # order\n");
	host_file(h, "/usr/sbin/sssd", "");
	host_file(h, "/usr/sbin/crond", "");
	host_file(h, "/etc/cron.allow", "root\n");
	host_file(h, "/usr/bin/at", "");
	host_file(h, "/etc/at.deny", "");
	host_file(h, "/usr/lib/systemd/systemd-logind", "");
	host_file(h, "/usr/lib/systemd/logind.conf.d/10.conf",
		  "[Login]\nStopIdleSessionSec=15min\n");
	host_file(h, "/etc/systemd/logind.conf",
		  "[Login]\n#IdleAction=x\nIdleActionSec=1h 30min\nKillUserProcesses=yes\n[Other]\n"
		  "RemoveIPC=no\n");
	host_collect(h, collect_auth);
}

static void rhel_style(void **state)
{
	static const struct expected cases[] = {
		{VALUE("pam/faillock"), "1"},
		{VALUE("faillock/deny"), "4"},
		{SOURCE("faillock/deny"), "/etc/pam.d/system-auth:5"},
		{VALUE("faillock/unlock_time"), "0"},
		{VALUE("faillock/even_deny_root"), "1"},
		{SOURCE("faillock/even_deny_root"), "/etc/security/faillock.conf:3"},
		{VALUE("faillock/silent"), "1"},
		{VALUE("faillock/fail_interval"), "900"},
		{SOURCE("faillock/fail_interval"), "default"},
		{VALUE("pam/nullok"), "0"},
		{VALUE("pam/pwquality"), "1"},
		{VALUE("pwquality/minlen"), "14"},
		{VALUE("pwquality/local_users_only"), "1"},
		/* The folder is read before the main file. */
		{VALUE("pwquality/dcredit"), "-1"},
		{VALUE("pwquality/ucredit"), "-1"},
		{VALUE("pwquality/difok"), "1"},
		{VALUE("pam/pwhistory"), "1"},
		{VALUE("pwhistory/remember"), "5"},
		{VALUE("pam/hash"), "sha512"},
		{VALUE("pam/su_wheel"), "1"},
		{SOURCE("pam/su_wheel"), "/etc/pam.d/su:2"},
		{VALUE("login.defs/PASS_MAX_DAYS"), "60"},
		{VALUE("login.defs/PASS_MIN_DAYS"), "-1"},
		{VALUE("shell/umask"), "027"},
		{VALUE("shell/TMOUT"), "0"},
		{VALUE("nsswitch/passwd"), "sss files systemd"},
		{VALUE("sssd/present"), "1"},
		{VALUE("cron/allow"), "1"},
		{VALUE("at/allow"), "0"},
		{VALUE("logind/StopIdleSessionSec"), "900"},
		{VALUE("logind/IdleActionSec"), "5400"},
		{VALUE("logind/IdleAction"), "ignore"},
		{VALUE("logind/KillUserProcesses"), "yes"},
		{VALUE("logind/RemoveIPC"), "yes"},
		{"SELECT count(*) FROM fact_gap", "0"},
	};
	struct test_host h;

	(void)state;
	rhel(&h);
	EXPECT(&h, cases);
	host_done(&h);
}

/* As Debian and Ubuntu do it: @include, nothing but pam_unix. */
static void debian_style(void **state)
{
	static const struct expected cases[] = {
		{VALUE("pam/faillock"), "0"},
		{VALUE("faillock/deny"), "0"},
		{VALUE("pam/nullok"), "1"},
		{SOURCE("pam/nullok"), "/etc/pam.d/common-auth:1"},
		{VALUE("pam/pwquality"), "0"},
		{VALUE("pwquality/minlen"), "8"},
		{VALUE("pwquality/dictcheck"), "0"},
		{VALUE("pam/pwhistory"), "1"},
		{VALUE("pwhistory/remember"), "3"},
		{VALUE("pam/hash"), "yescrypt"},
		{VALUE("pam/su_wheel"), "0"},
		{VALUE("login.defs/PASS_MAX_DAYS"), "-1"},
		{VALUE("cron/allow"), "0"},
		{VALUE("at/allow"), "1"},
		{SOURCE("at/allow"), "not installed"},
		{VALUE("logind/IdleAction"), "-"},
	};
	struct test_host h;

	(void)state;
	host_make(&h);
	host_file(&h, "/etc/pam.d/login", "@include common-auth\n@include common-password\n");
	host_file(&h, "/etc/pam.d/passwd", "@include common-password\n");
	host_file(&h, "/etc/pam.d/common-auth",
		  "auth\t[success=1 default=ignore]\tpam_unix.so nullok\nauth requisite "
		  "pam_deny.so\n");
	host_file(&h, "/etc/pam.d/common-password",
		  "password\t[success=1 default=ignore]\tpam_unix.so \\\n obscure minlen=8 "
		  "remember=3 yescrypt\n");
	host_file(&h, "/etc/pam.d/su",
		  "auth sufficient pam_rootok.so\n#auth required pam_wheel.so\n"
		  "auth sufficient pam_wheel.so trust\n");
	host_file(&h, "/usr/bin/crontab", "");
	host_collect(&h, collect_auth);
	EXPECT(&h, cases);
	host_done(&h);
}

static void half_a_lock_is_none(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	host_file(&h, "/etc/pam.d/sshd",
		  "auth required pam_faillock.so preauth\n"
		  "auth required pam_faillock.so authfail\n");
	host_file(&h, "/etc/pam.d/login", "auth required pam_faillock.so preauth\n");
	host_file(&h, "/etc/pam.d/passwd", "password required pam_permit.so\n");
	host_file(&h, "/etc/pam.d/su", "auth sufficient pam_unix.so\nauth required pam_wheel.so\n");
	host_collect(&h, collect_auth);
	assert_fact(&h, VALUE("pam/faillock"), "0");
	assert_fact(&h, SOURCE("pam/faillock"), "/etc/pam.d/login");
	assert_fact(&h, VALUE("pam/su_wheel"), "0");
	assert_fact(&h, VALUE("pam/hash"), "-");
	assert_fact(&h, "SELECT count(*) FROM fact_gap WHERE key='pam/hash'", "1");
	host_done(&h);
}

static void unreadable_is_unknown(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	host_file(&h, "/etc/pam.d/login", "auth include gone\n");
	host_file(&h, "/etc/pam.d/passwd", "@include passwd\n");
	host_meta(&h, "/etc/login.defs\tf\t0600\t0\t0\t\t\terror\tEACCES");
	host_meta(&h, "/etc/profile\tf\t0600\t0\t0\t\t\terror\tEACCES");
	host_collect(&h, collect_auth);
	assert_fact(&h, VALUE("login.defs/UMASK"), "-");
	assert_fact(&h, "SELECT reason FROM fact_gap WHERE key='login.defs/UMASK'",
		    "/etc/login.defs cannot be read: run as root");
	assert_fact(&h, VALUE("pam/faillock"), "-");
	assert_fact(&h, "SELECT count(*) FROM fact_gap WHERE key='pam/faillock'", "1");
	/* A file that includes itself ends at the depth limit, and is told of. */
	assert_fact(&h, VALUE("pwquality/minlen"), "-");
	assert_fact(&h, "SELECT count(*) FROM fact_gap WHERE key='pwquality/minlen'", "1");
	assert_fact(&h, VALUE("shell/TMOUT"), "-");
	assert_fact(&h, "SELECT count(*) FROM fact_gap WHERE key='shell/umask'", "1");
	host_done(&h);
}

static void shell_settings(void **state)
{
	static const struct {
		const char *name, *profile, *dropin, *tmout, *mask;
	} cases[] = {
		{"nothing", "# TMOUT=5 umask 077\n", "", "0", "022"},
		{"plain", "TMOUT=600\numask 027\n", "", "600", "027"},
		{"declared", "declare -xr TMOUT=900; umask 0077\n", "", "900", "077"},
		{"later wins", "TMOUT=600\n", "export TMOUT=300\n", "300", "022"},
		{"readonly stays", "readonly TMOUT=600\n", "TMOUT=0\n", "600", "022"},
		{"made readonly", "TMOUT=600; readonly TMOUT; export TMOUT\n", "TMOUT=0\n", "600",
		 "022"},
		{"branches: the worst",
		 "if [ $UID -gt 199 ] && [ a = b ]; then\n umask 002\nelse\n umask 022\nfi\n", "",
		 "0", "002"},
		{"sure after branch", "if x; then umask 002; fi\n", "umask 027\n", "0", "027"},
		{"behind &&", "[ -n \"$PS1\" ] && TMOUT=700\n", "", "700", "022"},
		{"case", "case $- in *i*) umask 007;; esac\numask 077\n", "", "0", "077"},
		{"quotes", "TMOUT='900'\numask \"027\"\n", "", "900", "027"},
		{"symbolic", "umask u=rwx,g=rx,o=\n", "", "0", "027"},
		{"unset", "TMOUT=900\nunset TMOUT\n", "", "0", "022"},
		{"computed", "TMOUT=${LIMIT:-5}\numask `cat /x`\n", "", "-", "-"},
		{"empty", "TMOUT=\n", "", "0", "022"},
		{"umask -S", "umask -S\numask -p 027\n", "", "0", "027"},
		{"an argument is no command", "echo umask 000\necho TMOUT=0\numask 027\n", "", "0",
		 "027"},
		{"broken quotes", "echo 'x\n\"\n${\n$(\nTMOUT=1\n", "", "1", "022"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct test_host h;

		host_make(&h);
		host_file(&h, "/etc/profile", cases[i].profile);
		host_file(&h, "/etc/profile.d/x.sh", cases[i].dropin);
		host_file(&h, "/etc/profile.d/x.csh", "umask 000\nTMOUT=1\n");
		host_collect(&h, collect_auth);
		if (strcmp(host_ask(&h, VALUE("shell/TMOUT")), cases[i].tmout) != 0)
			fail_msg("%s: TMOUT %s", cases[i].name, host_ask(&h, VALUE("shell/TMOUT")));
		if (strcmp(host_ask(&h, VALUE("shell/umask")), cases[i].mask) != 0)
			fail_msg("%s: umask %s", cases[i].name, host_ask(&h, VALUE("shell/umask")));
		host_done(&h);
	}
}

static void pam_lines(void **state)
{
	static const struct {
		const char *text;
		size_t count;
		const char *module, *arg, *value;
		bool mandatory;
	} cases[] = {
		{"auth required pam_a.so x=1 x=2\n", 1, "pam_a.so", "x", "2", true},
		{"-AUTH Requisite /lib/security/pam_a.so y\n", 1, "pam_a.so", "y", "", true},
		{"auth [success=1 default=die] pam_a.so [q=a b\\]c] z\n", 1, "pam_a.so", "q",
		 "a b]c", true},
		{"auth [success=1 default=ignore] pam_a.so\n", 1, "pam_a.so", "q", NULL, false},
		{"auth optional \\\n  pam_a.so \\\n  k=v # c\n", 1, "pam_a.so", "k", "v", false},
		{"auth\nauth required\nwhat required pam_a.so\n[\n@include\nauth include\n", 0,
		 NULL, NULL, NULL, false},
		{"auth [never closed pam_a.so", 0, NULL, NULL, NULL, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		PAM_AUTOSTACK struct pam_stack stack = {0};
		struct test_host h;
		struct sys *sys;

		host_make(&h);
		host_file(&h, "/usr/lib/pam.d/svc", cases[i].text);
		assert_int_equal(sys_open_dir(h.dir, &sys, NULL), 0);
		assert_int_equal(pam_stack_load(sys, "svc", &stack), 0);
		assert_int_equal(stack.count, cases[i].count);
		if (stack.count) {
			const struct pam_rule *rule = &stack.rules[0];

			assert_string_equal(rule->module, cases[i].module);
			assert_int_equal(pam_rule_mandatory(rule), cases[i].mandatory);
			const char *value = pam_rule_arg(rule, cases[i].arg);

			if (cases[i].value)
				assert_string_equal(value, cases[i].value);
			else
				assert_null(value);
		}
		assert_int_equal(pam_stack_load(sys, "none", &stack), -ENOENT);
		sys_close(sys);
		host_done(&h);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rhel_style),	       cmocka_unit_test(debian_style),
		cmocka_unit_test(half_a_lock_is_none), cmocka_unit_test(unreadable_is_unknown),
		cmocka_unit_test(shell_settings),      cmocka_unit_test(pam_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
