/* SPDX-License-Identifier: Apache-2.0 */
/* Collector accounts: passwd, shadow and group, and what is wrong with them. */
#include "facts_test.h"

#include "collect/util.h"

static const char passwd[] = "root:x:0:0:root:/root:/bin/bash\n"
			     "daemon:x:1:1::/usr/sbin:/usr/sbin/nologin\n"
			     "anna:x:1000:1000:Anna,,,:/home/anna:/bin/bash\n"
			     "old:x:1001:100::/home/old:\n"
			     "open::1002:100::/home/open:/bin/sh\n"
			     "here:$1$*:1003:100::/home/here:/bin/sh\n"
			     "shut:x:6:0::/sbin:/sbin/shutdown\n"
			     "bare:x:1004:4711::/nowhere:/bin/sh\n";
static const char shadow[] = "root:!$6$*:19000:0:99999:7:::\n"
			     "daemon:*:18000:0:99999:7:::\n"
			     "anna:$y$*:20000:1:90:7:30:20500:\n"
			     "old::20000:0::7:::\n"
			     "shut:!!::0:99999:7:::\n"
			     "here:!:1:0:99999:7:::\n";
static const char group[] = "root:x:0:\n"
			    "adm:x:4:anna, old,anna,,\n"
			    "users:x:100:old\n"
			    "anna:x:1000:\n";

static void usual(struct test_host *h)
{
	host_make(h);
	host_file(h, "/etc/passwd", passwd);
	host_file(h, "/etc/shadow", shadow);
	host_file(h, "/etc/group", group);
	host_file(h, "/etc/login.defs", "# UID_MIN 5\nUID_MIN\t\t 1000\n");
	host_file(h, "/home/anna/.netrc", "");
	host_file(h, "/home/old/.shosts", "");
	host_file(h, "/home/open/.forward", "");
	host_meta(h, "/home/anna\td\t0750\t1000\t1000");
	host_collect(h, collect_accounts);
}

static void accounts_are_joined(void **state)
{
	static const struct {
		const char *sql, *want;
	} cases[] = {
		{"SELECT count(*) FROM account", "8"},
		{"SELECT uid||'/'||gid||'/'||home||'/'||shell FROM account WHERE name='anna'",
		 "1000/1000//home/anna//bin/bash"},
		{"SELECT password||'/'||hash_scheme FROM account WHERE name='root'",
		 "locked/sha512"},
		{"SELECT password||'/'||hash_scheme FROM account WHERE name='daemon'", "locked/"},
		{"SELECT password||'/'||hash_scheme FROM account WHERE name='anna'",
		 "set/yescrypt"},
		{"SELECT password||'/'||hash_scheme FROM account WHERE name='old'", "empty/"},
		{"SELECT password||'/'||hash_scheme FROM account WHERE name='bare'", "none/"},
		/* A second field of passwd that is no x is what counts. */
		{"SELECT password||'/'||hash_scheme FROM account WHERE name='open'", "empty/"},
		{"SELECT password||'/'||hash_scheme FROM account WHERE name='here'", "set/md5"},
		{"SELECT changed_day||'/'||min_days||'/'||max_days||'/'||inactive_days||'/'||"
		 "expire_day FROM account WHERE name='anna'",
		 "20000/1/90/30/20500"},
		{"SELECT max_days||'/'||inactive_days||'/'||expire_day FROM account "
		 "WHERE name='old'",
		 "-1/-1/-1"},
		{"SELECT changed_day FROM account WHERE name='shut'", "NULL"},
		{"SELECT reason FROM fact_gap WHERE key='shut' AND col='changed_day'",
		 "/etc/shadow does not say when the password of shut was last changed"},
		{"SELECT can_login FROM account WHERE name='daemon'", "0"},
		{"SELECT can_login FROM account WHERE name='shut'", "0"},
		{"SELECT can_login FROM account WHERE name='old'", "1"},
		{"SELECT is_system FROM account WHERE name='root'", "0"},
		{"SELECT is_system FROM account WHERE name='daemon'", "1"},
		{"SELECT is_system FROM account WHERE name='anna'", "0"},
		{"SELECT home_mode FROM account WHERE name='anna'", "488"},
		{"SELECT home_mode FROM account WHERE name='bare'", "0"},
		{"SELECT netrc||rhosts||forward FROM account WHERE name='anna'", "100"},
		{"SELECT netrc||rhosts||forward FROM account WHERE name='old'", "010"},
		{"SELECT netrc||rhosts||forward FROM account WHERE name='open'", "001"},
		{"SELECT source FROM account WHERE name='anna'", "/etc/passwd:3"},
	};
	struct test_host h;

	(void)state;
	usual(&h);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_fact(&h, cases[i].sql, cases[i].want);
	host_done(&h);
}

static void members_stand_once(void **state)
{
	struct test_host h;

	(void)state;
	usual(&h);
	assert_fact(&h, "SELECT count(*) FROM group_member WHERE grp='adm'", "2");
	assert_fact(&h, "SELECT source FROM group_member WHERE grp='users' AND member='old'",
		    "/etc/group:3");
	assert_fact(&h, "SELECT source FROM group_member WHERE grp='anna'", "/etc/passwd:3");
	assert_fact(&h, "SELECT count(*) FROM group_member WHERE grp='root'", "2");
	assert_fact(&h, "SELECT member FROM group_member WHERE grp='4711'", "bare");
	assert_fact(&h, "SELECT count(*) FROM fact_gap WHERE tbl='group_member'", "0");
	host_done(&h);
}

static void shadow_without_rights(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	host_file(&h, "/etc/passwd", passwd);
	host_meta(&h, "/etc/shadow\tf\t0640\t0\t42\t\t\terror\tEACCES");
	host_collect(&h, collect_accounts);
	assert_fact(&h, "SELECT password FROM account WHERE name='anna'", "NULL");
	assert_fact(&h, "SELECT max_days FROM account WHERE name='anna'", "NULL");
	assert_fact(&h, "SELECT password FROM account WHERE name='open'", "empty");
	assert_fact(&h, "SELECT count(*) FROM fact_gap WHERE tbl='account' AND key=''", "7");
	assert_fact(&h, "SELECT reason FROM fact_gap WHERE col='password'",
		    "/etc/shadow cannot be read: run as root");
	/* Groups are known all the same. */
	assert_fact(&h, "SELECT member FROM group_member WHERE grp='1000'", "anna");
	host_done(&h);
}

static void odd_files(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	host_file(&h, "/etc/passwd",
		  "a:x:0:0::/:/bin/sh\na:x:5:5::/:/bin/sh\n+@admins::::::\nno colons\n"
		  "b:x:minus:99999999999::relative:/bin/sh\n:x:1:1::/:\n"
		  "c:x:1:1::/c:/bin/sh:more\n\n# note\nd:x:7:7::/d:/bin/sh");
	host_file(&h, "/etc/shadow", "a:$y$*\nb:x:y:z:z:z:z:z:z\nd:_*:1:2:3:4:5:6:\n");
	host_collect(&h, collect_accounts);
	assert_fact(&h, "SELECT uid FROM account WHERE name='a'", "0");
	assert_fact(&h, "SELECT reason FROM fact_gap WHERE tbl='account' AND key='a' AND col=''",
		    "stands twice; only the first was judged");
	assert_fact(&h, "SELECT uid FROM account WHERE name='b'", "NULL");
	assert_fact(&h, "SELECT is_system FROM account WHERE name='b'", "NULL");
	assert_fact(&h, "SELECT count(*) FROM fact_gap WHERE key='b' AND col IN ('uid','gid')",
		    "2");
	assert_fact(&h, "SELECT max_days FROM account WHERE name='b'", "NULL");
	assert_fact(&h, "SELECT hash_scheme FROM account WHERE name='d'", "bsdi-des");
	assert_fact(&h, "SELECT shell FROM account WHERE name='c'", "/bin/sh:more");
	assert_fact(&h, "SELECT count(*) FROM fact_gap WHERE key='+'", "1");
	assert_fact(&h, "SELECT reason FROM fact_gap WHERE tbl='account' AND key=''",
		    "2 lines of passwd or group are not understood, the first is /etc/passwd:4: "
		    "repair them (pwck, grpck)");
	assert_fact(&h, "SELECT count(*) FROM fact_gap WHERE key='a' AND col='password'", "1");
	host_done(&h);
}

static void no_passwd_is_an_error(void **state)
{
	struct test_host h;
	struct collect_request req = {.host = true};

	(void)state;
	host_make(&h);
	assert_true(host_collect_request(&h, collect_accounts, &req) < 0);
	host_done(&h);
}

struct seen {
	char text[512];
};

static void note(void *ctx, const struct util_setting *s)
{
	struct seen *seen = ctx;
	size_t n = strlen(seen->text);

	snprintf(seen->text + n, sizeof(seen->text) - n, "%u[%s]%s=%s%s;", s->line, s->section,
		 s->key, s->value, s->has_equals ? "!" : "");
}

static void settings_are_split(void **state)
{
	static const struct {
		const char *text, *comments;
		bool inline_comments;
		const char *want;
	} cases[] = {
		{"a = b\n", "#", false, "1[]a=b!;"},
		{"a=b=c\n", "#", false, "1[]a=b=c!;"},
		{"a  b c \n", "#", false, "1[]a=b c;"},
		{"flag\n", "#", false, "1[]flag=;"},
		{"a=\n", "#", false, "1[]a=!;"},
		{"\n#x=1\n;y=2\n z = \"q r\" \n", "#;", false, "4[]z=q r!;"},
		{"[One]\na=1\n[ Two ]\nb=2\n", "#", false, "2[One]a=1!;4[Two]b=2!;"},
		{"a=1 # no\n", "#", true, "1[]a=1!;"},
		{"a=1 # no\n", "#", false, "1[]a=1 # no!;"},
		{"a='x'y\r\n", "#", false, "1[]a='x'y!;"},
		{"=\n", "#", false, "1[]=!;"},
		{"[\n[]\n\"", "#", false, "1[][=;3[]\"=;"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct seen seen = {""};
		char text[128];

		snprintf(text, sizeof(text), "%s", cases[i].text);
		util_settings_walk(text, "f", cases[i].comments, cases[i].inline_comments, note,
				   &seen);
		assert_string_equal(seen.text, cases[i].want);
	}
}

static void dropins_are_ordered(void **state)
{
	static const char *const dirs[] = {"/etc/x.d", "/run/x.d", "/usr/x.d"};
	struct test_host h;
	struct sys *sys;
	UTIL_AUTOPATHS struct util_paths list = {0};

	(void)state;
	host_make(&h);
	host_file(&h, "/usr/x.d/50-b.conf", "");
	host_file(&h, "/usr/x.d/10-a.conf", "");
	host_file(&h, "/etc/x.d/50-b.conf", "");
	host_file(&h, "/etc/x.d/90-c.conf.bak", "");
	host_file(&h, "/etc/x.d/.hidden.conf", "");
	assert_int_equal(sys_open_dir(h.dir, &sys, NULL), 0);
	assert_int_equal(util_dropins(sys, dirs, 3, ".conf", &list), 0);
	assert_int_equal(list.count, 2);
	assert_string_equal(list.paths[0], "/usr/x.d/10-a.conf");
	assert_string_equal(list.paths[1], "/etc/x.d/50-b.conf");
	sys_close(sys);
	host_done(&h);
}

static void names_of_numbers(void **state)
{
	struct test_host h;
	struct sys *sys;
	char out[24];
	UTIL_AUTOUSERS struct util_users users = {0};

	(void)state;
	host_make(&h);
	host_file(&h, "/etc/passwd", passwd);
	host_file(&h, "/etc/group", group);
	assert_int_equal(sys_open_dir(h.dir, &sys, NULL), 0);
	assert_int_equal(util_users_read(sys, &users, NULL), 0);
	assert_string_equal(util_user_name(&users, 1000, out, sizeof(out)), "anna");
	assert_string_equal(util_user_name(&users, 4242, out, sizeof(out)), "4242");
	assert_string_equal(util_group_name(&users, 4, out, sizeof(out)), "adm");
	assert_string_equal(util_group_name(&users, 77, out, sizeof(out)), "77");
	assert_null(util_user_named(&users, "nobody"));
	sys_close(sys);
	host_done(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accounts_are_joined),	 cmocka_unit_test(members_stand_once),
		cmocka_unit_test(shadow_without_rights), cmocka_unit_test(odd_files),
		cmocka_unit_test(no_passwd_is_an_error), cmocka_unit_test(settings_are_split),
		cmocka_unit_test(dropins_are_ordered),	 cmocka_unit_test(names_of_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
