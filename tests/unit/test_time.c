/* SPDX-License-Identifier: Apache-2.0 */
/* Who keeps the time, from whom, and whether the kernel's clock follows. */
#include <unistd.h>

#include "netlink_test.h"
#include "base/mem.h"

#define LIB "/usr/lib/systemd/system/"

static const char *option(struct test_host *h, const char *key)
{
	char sql[256];

	snprintf(sql, sizeof(sql), "SELECT coalesce(value, '?') FROM time_option WHERE key = '%s'",
		 key);
	return host_ask(h, sql);
}

static const char *sources(struct test_host *h)
{
	return host_ask(h,
			"SELECT group_concat(kind || ' ' || address || ' ' || authenticated, ', ')"
			" FROM time_source");
}

static void add_process(struct test_host *h, int pid, const char *comm)
{
	char path[64], text[128];

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	snprintf(text, sizeof(text), "%d (%s) S 1 1 1 0 -1 4194560 0\n", pid, comm);
	host_file(h, path, text);
}

static void test_chrony(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	host_file(&h, LIB "chrony.service", "[Service]\n");
	host_link(&h, "/etc/systemd/system/multi-user.target.wants/chrony.service",
		  LIB "chrony.service");
	host_file(
		&h, "/etc/chrony/chrony.conf",
		"# who\n! no\n; no\n% no\nconfdir /etc/chrony/conf.d\nSERVER a.example iburst nts\n"
		"server b.example key 5\nserver b.example\npool pool.example iburst maxsources 3\n"
		"sourcedir /run/chrony-dhcp /etc/chrony/sources.d\n"
		"include /etc/chrony/more/*.conf\nrefclock PHC /dev/ptp0 poll 2\nkeyfile x\n");
	host_file(&h, "/etc/chrony/conf.d/x.conf", "peer c.example\n");
	host_file(&h, "/etc/chrony/sources.d/s.sources", "server d.example\n");
	host_file(&h, "/etc/chrony/sources.d/s.conf", "server no.example\n");
	host_file(&h, "/etc/chrony/more/m.conf",
		  "server e.example\ninclude /etc/chrony/chrony.conf\n");
	add_process(&h, 9, "chronyd");
	host_collect(&h, collect_time);
	assert_string_equal(sources(&h),
			    "refclock PHC /dev/ptp0 0, server a.example 1, server b.example 1, "
			    "peer c.example 0, server d.example 0, server e.example 0, "
			    "pool pool.example 0");
	assert_string_equal(option(&h, "daemon"), "chrony");
	assert_string_equal(option(&h, "running"), "1");
	assert_string_equal(option(&h, "enabled"), "1");
	assert_string_equal(option(&h, "sources_count"), "9"); /* six and a pool of three */
	assert_fact(&h, "SELECT source FROM time_source WHERE address = 'a.example'",
		    "/etc/chrony/chrony.conf:6");
	host_done(&h);
}

static void test_ntp(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	host_file(&h, "/etc/ntp.conf",
		  "server -4 a.example iburst # near\npool b.example\nserver 127.127.1.0\n"
		  "peer c.example autokey\nrestrict default\nincludefile /etc/ntp.more\nserver\n");
	host_file(&h, "/etc/ntp.more", "server d.example key 3\nincludefile /etc/ntp.conf\n");
	host_collect(&h, collect_time);
	assert_string_equal(sources(&h),
			    "refclock 127.127.1.0 0, server a.example 0, pool b.example 0, "
			    "peer c.example 1, server d.example 1");
	assert_string_equal(option(&h, "daemon"), "ntp");
	assert_string_equal(option(&h, "sources_count"), "8");
	/* No process could be listed: whether it runs is not known. */
	assert_string_equal(option(&h, "running"), "?");
	assert_string_equal(option(&h, "enabled"), "0");
	host_done(&h);
}

static void test_timesyncd(void **state)
{
	/* Main file, drop-in, and the servers that follow. */
	static const struct {
		const char *main_text, *dropin, *want;
	} rows[] = {
		{"[Time]\nNTP=a b\nFallbackNTP=f\n", "", "server a 0, server b 0"},
		{"[Time]\nNTP=a\n", "[Time]\nNTP=\nNTP=c\n", "server c 0"},
		{"[Time]\nNTP=a\n", "[Time]\nNTP=c\n", "server a 0, server c 0"},
		{"[Time]\nFallbackNTP=f g\n", "", "server f 0, server g 0"},
		{"[Time]\n#NTP=\n#FallbackNTP=p q\n", "", "server p 0, server q 0"},
		{"[Time]\n#FallbackNTP=p\n", "[Time]\nFallbackNTP=z\n", "server z 0"},
		{"[Other]\nNTP=a\n", "", "NULL"},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		struct test_host h;

		host_make(&h);
		host_file(&h, LIB "systemd-timesyncd.service", "[Service]\n");
		host_file(&h, "/etc/systemd/timesyncd.conf", rows[i].main_text);
		host_file(&h, "/etc/systemd/timesyncd.conf.d/x.conf", rows[i].dropin);
		host_collect(&h, collect_time);
		if (strcmp(sources(&h), rows[i].want) != 0)
			fail_msg("row %zu: %s, wanted %s", i, sources(&h), rows[i].want);
		assert_string_equal(option(&h, "daemon"), "systemd-timesyncd");
		host_done(&h);
	}
}

/* Of two daemons the one that runs keeps the time; a file without its daemon counts for nothing. */
static void test_choice(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	host_file(&h, LIB "systemd-timesyncd.service", "[Service]\n");
	host_link(&h, "/etc/systemd/system/sysinit.target.wants/systemd-timesyncd.service",
		  LIB "systemd-timesyncd.service");
	host_file(&h, "/etc/systemd/timesyncd.conf", "[Time]\nNTP=t\n");
	host_file(&h, LIB "ntpsec.service", "[Service]\n");
	host_file(&h, "/etc/ntpsec/ntp.conf", "server a\n");
	host_file(&h, "/etc/ntpsec/ntp.d/x.conf", "server b nts\n");
	host_file(&h, "/etc/chrony/chrony.conf", "server left-behind\n");
	host_collect(&h, collect_time);
	assert_string_equal(option(&h, "daemon"), "systemd-timesyncd");
	add_process(&h, 9, "ntpd");
	host_collect(&h, collect_time);
	assert_string_equal(option(&h, "daemon"), "ntpsec");
	assert_string_equal(option(&h, "sources_count"), "2");
	assert_fact(&h, "SELECT count(*) FROM time_source WHERE daemon = 'chrony'", "0");
	assert_fact(&h, "SELECT count(*) FROM time_source WHERE daemon = 'systemd-timesyncd'", "1");
	host_done(&h);
}

static void test_openntpd(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	host_file(&h, "/etc/openntpd/ntpd.conf", "servers pool.example # x\nserver a\nsensor *\n");
	host_collect(&h, collect_time);
	assert_string_equal(sources(&h), "refclock * 0, server a 0, pool pool.example 0");
	host_done(&h);
}

static void test_clock(void **state)
{
	static const struct {
		const char *answer, *want;
	} rows[] = {
		{"status 8193\nmaxerror 500\nesterror 1\noffset -2500000\nstate 0\n",
		 "1 500 -2500"},
		{"status 64\nmaxerror 16000000\nesterror 1\noffset 12\nstate 5\n", "0 16000000 12"},
		{"status 64\nmaxerror x\noffset 12\n", "- - -"},
		{"", "- - -"},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		struct test_host h;
		char got[256];

		host_make(&h);
		host_file(&h, "/.ringfence/probe/adjtimex", rows[i].answer);
		host_collect(&h, collect_time);
		snprintf(got, sizeof(got), "%.30s ", option(&h, "synced"));
		strcat(got, option(&h, "max_error_us"));
		strcat(got, " ");
		strcat(got, option(&h, "offset_us"));
		assert_string_equal(got, rows[i].want);
		assert_fact(&h, "SELECT count(*) FROM fact_gap WHERE source = 'adjtimex'",
			    rows[i].want[0] == '-' ? "3" : "0");
		host_done(&h);
	}
}

static void test_none(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	host_collect(&h, collect_time);
	assert_string_equal(option(&h, "daemon"), "none");
	assert_string_equal(option(&h, "running"), "0");
	assert_string_equal(option(&h, "sources_count"), "0");
	host_done(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chrony),	  cmocka_unit_test(test_ntp),
		cmocka_unit_test(test_timesyncd), cmocka_unit_test(test_choice),
		cmocka_unit_test(test_openntpd),  cmocka_unit_test(test_clock),
		cmocka_unit_test(test_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
