/* SPDX-License-Identifier: Apache-2.0 */
/* Collector polkit: rules that can be read, rules that cannot, .pkla files, action defaults. */
#include "facts_test.h"

#define RULE(body)	 "polkit.addRule(function(action, subject) {\n" body "\n});\n"
#define IF(cond, result) "if (" cond ") { return polkit.Result." result "; }"
#define MANAGE		 "action.id == \"org.libvirt.unix.manage\""

static const char rows_sql[] =
	"SELECT group_concat(action||' '||subject||' '||coalesce(result,'NULL')||' '||"
	"coalesce(broad,'NULL')||' '||substr(source, instr(source, ':')+1), '; ') FROM "
	"(SELECT * FROM polkit_grant ORDER BY file, item)";

static void check(const char *path, const char *text, const char *want, int gaps)
{
	struct test_host h;
	char count[16];

	host_make(&h);
	host_file(&h, path, text);
	host_collect(&h, collect_polkit);
	if (strcmp(host_ask(&h, rows_sql), want) != 0)
		fail_msg("%s: %s", text, host_ask(&h, rows_sql));
	snprintf(count, sizeof(count), "%d", gaps);
	if (strcmp(host_ask(&h, "SELECT count(*) FROM fact_gap"), count) != 0)
		fail_msg("%s: %s gaps", text, host_ask(&h, "SELECT count(*) FROM fact_gap"));
	host_done(&h);
}

static void rules(void **state)
{
	static const struct {
		const char *text, *want;
		int gaps;
	} cases[] = {
		{"// Allow\n" RULE(IF(MANAGE " &&\n subject.isInGroup(\"libvirt\")", "YES")),
		 "org.libvirt.unix.manage unix-group:libvirt yes 0 3", 0},
		{RULE("if (" MANAGE ") return polkit.Result.YES"),
		 "org.libvirt.unix.manage any yes 1 2", 0},
		{RULE(IF("subject.local && subject.active == true && " MANAGE, "YES")),
		 "org.libvirt.unix.manage any yes 1 2", 0},
		{RULE(IF("'bob' == subject.user && " MANAGE, "YES")),
		 "org.libvirt.unix.manage ? yes NULL 1", 1},
		{RULE(IF("subject.user === 'bob' && subject.isInGroup('x') && " MANAGE, "YES")),
		 "org.libvirt.unix.manage unix-user:bob yes 0 2", 0},
		{RULE(IF("(action.id == 'a.b' || " MANAGE ") && subject.isInGroup('g')",
			 "AUTH_ADMIN_KEEP")),
		 "org.libvirt.unix.manage unix-group:g auth_admin_keep 0 2", 0},
		{RULE(IF("action.id.indexOf('org.libvirt.') == 0", "YES")),
		 "org.libvirt.* any yes 1 2", 0},
		{RULE(IF("action.id.startsWith('org.') && subject.isInGroup('wheel')", "YES")),
		 "org.* unix-group:wheel yes 0 2", 0},
		{RULE(IF("subject.isInGroup('wheel')", "YES")), "* unix-group:wheel yes 0 2", 0},
		{RULE("return polkit.Result.YES;"), "* any yes 1 2", 0},
		{RULE("return polkit.Result.NOT_HANDLED;"), "NULL", 0},
		{RULE(IF(MANAGE, "NO") "\n" IF(MANAGE, "YES")),
		 "org.libvirt.unix.manage any no 0 2; org.libvirt.unix.manage any yes 1 3", 0},
		{RULE(IF("action.id == 'org.other'", "YES")), "NULL", 0},
		{"/* " RULE(IF(MANAGE, "YES")) "*/ // " MANAGE "\n", "NULL", 0},
		/* Programs: what they name is said, what they do is not guessed. */
		{RULE("var x = " MANAGE "; if (x) return polkit.Result.YES;"),
		 "org.libvirt.unix.manage ? yes NULL 1", 1},
		{RULE("if (!(" MANAGE ")) return polkit.Result.NO;"),
		 "org.libvirt.unix.manage ? no 0 1", 0},
		{RULE("return ok(" MANAGE ") ? polkit.Result.YES : polkit.Result.NO;"),
		 "org.libvirt.unix.manage ? NULL NULL 1", 2},
		{RULE("if (/libvirt/.test(action.id)) return polkit.Result.YES;"),
		 "org.libvirt.* ? yes NULL 1", 1},
		{RULE("if (action.id.match('libvirt')) return 'yes';"),
		 "org.libvirt.* ? NULL NULL 1", 2},
		{RULE("if (subject.isInGroup('a') || subject.local) return polkit.Result.YES;"),
		 "* ? yes NULL 1", 1},
		{RULE(IF(MANAGE " && action.id == 'org.libvirt.unix.monitor'", "YES")),
		 "org.libvirt.unix.manage ? yes NULL 1", 1},
		{RULE(IF(MANAGE " && subject.isInGroup(\"a\\\"b\")", "YES")),
		 "org.libvirt.unix.manage ? yes NULL 1", 1},
		{RULE(IF("action.lookup('id') == 'org.other'", "YES")), "* ? yes NULL 1", 1},
		{"polkit.addRule((a, s) => { if (a.id == 'org.libvirt.unix.manage') { return "
		 "polkit.Result.YES; } });",
		 "org.libvirt.unix.manage any yes 1 1", 0},
		/* Broken text. */
		{"polkit.addRule('org.libvirt", "NULL", 1},
		{"/* no end", "NULL", 1},
		{"polkit.addRule(", "NULL", 0},
		{"polkit.addRule(((((", "NULL", 0},
		{"", "NULL", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check("/etc/polkit-1/rules.d/50.rules", cases[i].text, cases[i].want,
		      cases[i].gaps);
	check("/usr/share/polkit-1/rules.d/50.js", RULE(IF(MANAGE, "YES")), "NULL", 0);
}

static void local_authority(void **state)
{
	static const char path[] = "/etc/polkit-1/localauthority/50-local.d/a.pkla";

	(void)state;
	check(path,
	      "[Ops]\nIdentity=unix-group:ops;unix-user:bob\nAction=org.libvirt.unix.manage;x.y\n"
	      "ResultAny=no\nResultInactive=auth_admin\nResultActive=yes\n\n"
	      "[All]\nIdentity=unix-user:*\nAction=org.libvirt.*\nResultActive=yes\n",
	      "org.libvirt.unix.manage unix-group:ops yes 0 2; "
	      "org.libvirt.unix.manage unix-user:bob yes 0 2; "
	      "org.libvirt.* any yes 1 9",
	      0);
	check(path, "[A]\nIdentity=unix-group:a\nAction=*\nResultAny=auth_admin_keep\n",
	      "* unix-group:a auth_admin_keep 0 2", 0);
	check(path, "[A]\nIdentity=unix-group:a\nAction=org.other\nResultAny=yes\n", "NULL", 0);
	check(path, "Identity\n[A]\nAction=org.libvirt.*;;\nResultAny=maybe\n[\n", "NULL", 0);
}

static void action_defaults(void **state)
{
	static const char path[] = "/usr/share/polkit-1/actions/org.libvirt.unix.policy";

	(void)state;
	check(path,
	      "<!DOCTYPE policyconfig PUBLIC \"-//x//DTD PolicyKit 1.0//EN\"\n \"http://x\">\n"
	      "<policyconfig><action id=\"org.libvirt.unix.manage\"><defaults>\n"
	      "<allow_any>auth_admin</allow_any><allow_active>yes</allow_active>\n"
	      "</defaults></action>\n<action id='org.libvirt.x'/>\n"
	      "<action id='org.other'><defaults><allow_any>yes</allow_any></defaults></action>\n"
	      "</policyconfig>\n",
	      "org.libvirt.unix.manage any yes 1 3; org.libvirt.x any no 0 6", 0);
	check(path, "<policyconfig><action id='org.libvirt.x'>", "NULL", 1);
	check(path, "<!DOCTYPE a [<!ENTITY b 'org.libvirt.'>]><a/>", "NULL", 1);
	check(path, "<other/>", "NULL", 0);
}

static void without_rights(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	host_file(&h, "/etc/polkit-1/rules.d/x", "");
	host_meta(&h, "/etc/polkit-1/rules.d\td\t0700\t0\t0\t\t\terror\tEACCES");
	host_collect(&h, collect_polkit);
	assert_fact(&h, "SELECT reason FROM fact_gap",
		    "/etc/polkit-1/rules.d/*.rules cannot be read: run as root");
	host_done(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules),
		cmocka_unit_test(local_authority),
		cmocka_unit_test(action_defaults),
		cmocka_unit_test(without_rights),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
