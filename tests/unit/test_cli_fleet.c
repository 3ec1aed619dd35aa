/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: what is typed becomes exactly one request, or an error that says what is wrong; every row
 * has its command with its options; what hosts say moves no cursor. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "cli/fleet.h"

#define NOW 1000000

static char file[64];
static struct cli_args args; /* large */

static int setup(void **state)
{
	(void)state;
	setlocale(LC_CTYPE, "C.UTF-8");
	snprintf(file, sizeof(file), "/tmp/rf-fleet-XXXXXX");
	int fd = mkstemp(file);

	return fd >= 0 && write(fd, "{\"hours\":\"08:00-18:00\"}", 23) == 23 ? close(fd) : -1;
}

static int teardown(void **state)
{
	(void)state;
	return unlink(file);
}

/* Words between blanks; "~" stands for a blank in one, "@" for the file. */
static int parse(const char *line)
{
	static char text[512];
	static char *argv[40];
	struct rf_err err = {0};
	char *cursor = text;
	int argc = 1;

	argv[0] = (char *)(uintptr_t) "ringfence";
	rf_copy(text, sizeof(text), line);
	for (char *word; (word = rf_word_next(&cursor));) {
		for (char *p = word; *p; p++)
			*p = *p == '~' ? ' ' : *p;
		argv[argc++] = strcmp(word, "@") == 0 ? file : word;
	}
	int rc = cli_parse(argc, argv, &args, &err);

	if (rc)
		print_message("%s: %s\n", line, err.text);
	return rc;
}

static void test_requests(void **state)
{
	static const struct {
		const char *line, *method, *path, *body; /* body: sorted, compact; NULL: none */
	} cases[] = {
		{"host list", "GET", "/api/v1/hosts", NULL},
		{"host list --state UNTRUSTED --name web-*", "GET",
		 "/api/v1/hosts?state=UNTRUSTED&name=web-%2A", NULL},
		{"host list --limit 5 --label zone=dmz", "GET",
		 "/api/v1/hosts?limit=5&label=zone%3Ddmz", NULL},
		{"host show h-1", "GET", "/api/v1/hosts/h-1", NULL},
		{"host show ../../etc", "GET", "/api/v1/hosts/..%2F..%2Fetc", NULL},
		{"host show a?b#c", "GET", "/api/v1/hosts/a%3Fb%23c", NULL},
		{"host show h-1 --verdicts", "GET", "/api/v1/hosts/h-1/verdicts", NULL},
		{"host show h-1 --findings --state FAIL", "GET",
		 "/api/v1/hosts/h-1/findings?state=FAIL", NULL},
		{"host approve h-1", "POST", "/api/v1/hosts/h-1/approve", NULL},
		{"host retire h-1 --reason sold~it", "POST", "/api/v1/hosts/h-1/retire",
		 "{\"reason\":\"sold it\"}"},
		{"host invite", "POST", "/api/v1/invites", "{}"},
		{"host invite --label a=b --label c=d=e --minutes 15", "POST", "/api/v1/invites",
		 "{\"labels\":{\"a\":\"b\",\"c\":\"d=e\"},\"minutes\":15}"},
		{"host uninvite i-1", "DELETE", "/api/v1/invites/i-1", NULL},
		{"role set watcher", "PUT", "/api/v1/roles/watcher", "{\"privileges\":[]}"},
		{"role set watcher a.b c.d --title x", "PUT", "/api/v1/roles/watcher",
		 "{\"privileges\":[\"a.b\",\"c.d\"],\"title\":\"x\"}"},
		{"grant give ada watcher", "PUT", "/api/v1/permissions",
		 "{\"object\":\"\",\"principal\":\"ada\",\"role\":\"watcher\"}"},
		{"grant give ops op --group --on site:w --here-only --conditions @", "PUT",
		 "/api/v1/permissions",
		 "{\"conditions\":{\"hours\":\"08:00-18:00\"},\"group\":true,\"object\":\"site:w\","
		 "\"principal\":\"ops\",\"propagate\":false,\"role\":\"op\"}"},
		{"grant take ada", "POST", "/api/v1/permissions/take",
		 "{\"object\":\"\",\"principal\":\"ada\"}"},
		{"grant explain host:h-1 ada", "GET", "/api/v1/objects/host%3Ah-1/rights?user=ada",
		 NULL},
		{"group add ops ada", "PUT", "/api/v1/groups/ops/members/ada", NULL},
		{"object set group:d group DMZ --below site:w --label z=d", "PUT",
		 "/api/v1/objects/group%3Ad",
		 "{\"kind\":\"group\",\"labels\":{\"z\":\"d\"},\"name\":\"DMZ\",\"parents\":[\"site:"
		 "w\"]}"},
		{"token add x --days 7 --privilege a --privilege b", "POST", "/api/v1/tokens",
		 "{\"days\":7,\"name\":\"x\",\"privileges\":[\"a\",\"b\"]}"},
		{"waiver propose c r --reason x --instead y --for 30d", "POST", "/api/v1/waivers",
		 "{\"compensating\":\"y\",\"control\":\"c\",\"expires_ms\":2593000000,\"reason\":"
		 "\"x\",\"resource\":\"r\"}"},
		{"approval approve a-1 --digest 00 --for 1h --count 2", "POST",
		 "/api/v1/approvals/a-1/approve",
		 "{\"count\":2,\"digest\":\"00\",\"duration_ms\":3600000}"},
		{"events --after 7", "GET", "/api/v1/events?after=7", NULL},
		{"check --fleet", "POST", "/api/v1/commands/check", "{}"},
		{"check --fleet --only a --only b -p kvm-base", "POST", "/api/v1/commands/check",
		 "{\"controls\":[\"a\",\"b\"],\"profile\":\"kvm-base\"}"},
		{"check --fleet --last --state FAIL", "GET", "/api/v1/findings?state=FAIL", NULL},
		{"isolate apply @ --fleet --confirm-within 5m", "POST",
		 "/api/v1/commands/isolate-apply",
		 "{\"confirm_within_s\":300,\"policy\":\"{\\\"hours\\\":\\\"08:00-18:00\\\"}\"}"},
		{"isolate plan --fleet", "POST", "/api/v1/commands/isolate-plan", "{}"},
		{"quarantine web --fleet --level seal --reason x", "POST",
		 "/api/v1/commands/quarantine",
		 "{\"level\":\"seal\",\"reason\":\"x\",\"vm\":\"web\"}"},
		{"quarantine web --fleet --release --reason x", "POST",
		 "/api/v1/commands/quarantine-release", "{\"reason\":\"x\",\"vm\":\"web\"}"},
		{"fix --fleet", "POST", "/api/v1/commands/fix-plan", "{}"},
		{"fix a b --fleet --apply", "POST", "/api/v1/commands/fix-apply",
		 "{\"controls\":[\"a\",\"b\"]}"},
		{"fix --confirm p-1 --fleet", "POST", "/api/v1/commands/confirm",
		 "{\"plan\":\"p-1\"}"},
		{"ledger export f --fleet", "GET", "/api/v1/ledger/export", NULL},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		FLEET_AUTOREQUEST struct fleet_request r = {0};
		struct rf_err err = {0};

		assert_int_equal(parse(cases[i].line), 0);
		const struct fleet_row *row = fleet_row_find(&args);

		if (!row)
			fail_msg("%s has no row", cases[i].line);
		if (fleet_request_make(row, &args, NOW, &r, &err))
			fail_msg("%s: %s", cases[i].line, err.text);
		RF_AUTOFREE char *body =
			r.body ? json_dumps(r.body, JSON_COMPACT | JSON_SORT_KEYS) : NULL;

		assert_string_equal(row->method, cases[i].method);
		assert_string_equal(rf_buf_text(&r.path), cases[i].path);
		if (!rf_equal(body, cases[i].body))
			fail_msg("%s: %s", cases[i].line, body ? body : "no body");
	}
}

static void test_requests_refused(void **state)
{
	static const struct {
		const char *line, *want;
	} cases[] = {
		{"host show ..", "host: a name is wanted"},
		{"host show .", "host: a name is wanted"},
		{"host list --limit many", "limit: many is no number"},
		{"host invite --label novalue", "NAME=VALUE"},
		{"waiver propose c r --for soon", "soon is no time"},
		{"grant give a b --conditions /nowhere", "/nowhere"},
		{"isolate apply /nowhere --fleet", "/nowhere"},
		{"host show \xff", "UTF-8"},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		struct fleet_request r = {0};
		struct rf_err err = {0};

		assert_int_equal(parse(cases[i].line), 0);
		assert_int_equal(fleet_request_make(fleet_row_find(&args), &args, NOW, &r, &err),
				 RF_E_USAGE);
		if (!strstr(err.text, cases[i].want))
			fail_msg("%s: %s", cases[i].line, err.text);
		assert_null(r.body);
	}
	assert_int_equal(parse("host show ''"), 0);
	/* What is not over a fleet says so. */
	args.command = &cli_commands[0];
	for (size_t i = 0; i < cli_commands_count; i++) {
		if (strcmp(cli_commands[i].name, "doctor") == 0)
			args.command = &cli_commands[i];
	}
	assert_null(fleet_row_find(&args));
}

/* A row without its command, or a command that does not take what its row wants, is our mistake. */
static void test_rows_have_their_commands(void **state)
{
	(void)state;
	for (size_t i = 0; i < fleet_rows_count; i++) {
		const struct fleet_row *row = &fleet_rows[i];
		const struct cli_command *c = NULL;
		size_t words = 0;

		for (size_t k = 0; k < cli_commands_count; k++) {
			if (strcmp(cli_commands[k].name, row->command) == 0)
				c = &cli_commands[k];
		}
		if (!c)
			fail_msg("%s is no command", row->command);
		for (const struct fleet_argument *a = row->options; a->member; a++) {
			if (!cli_takes(c, a->option))
				fail_msg("%s takes no --%s", c->name, cli_options[a->option].name);
		}
		if (row->with != OPT_HELP)
			assert_true(cli_takes(c, row->with));
		if (!cli_takes(c, OPT_LOGIN))
			fail_msg("%s takes no --login", c->name);
		if (row->fleet != cli_takes(c, OPT_FLEET))
			fail_msg("%s: --fleet", c->name);
		if (row->order && !(cli_takes(c, OPT_WHERE) && cli_takes(c, OPT_NO_WAIT)))
			fail_msg("%s is an order without --where or --no-wait", c->name);
		if (row->stream)
			assert_true(cli_takes(c, OPT_FOLLOW));
		/* All variables of the path are words that cannot be left out. */
		while (row->words[words].member)
			words++;
		for (const char *p = row->path; (p = strchr(p, '{')); p++) {
			char name[32];
			bool found = false;

			snprintf(name, sizeof(name), "%.*s", (int)strcspn(p + 1, "}"), p + 1);
			for (size_t k = 0; k < words && k < c->words_min; k++)
				found |= strcmp(row->words[k].member, name) == 0;
			if (!found)
				fail_msg("%s: {%s} is no word", c->name, name);
		}
	}
}

static void test_duration(void **state)
{
	static const struct {
		const char *text;
		int64_t want; /* 0: refused */
	} cases[] = {
		{"90s", 90000},	 {"15m", 900000}, {"8h", 28800000}, {"30d", 2592000000},
		{"", 0},	 {"s", 0},	  {"5", 0},	    {"-5s", 0},
		{"0s", 0},	 {"5 s", 0},	  {"5w", 0},	    {"99999999999999999999d", 0},
		{"1000000d", 0},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		int64_t ms = 0;

		assert_int_equal(fleet_duration(cases[i].text, &ms, NULL),
				 cases[i].want ? 0 : RF_E_USAGE);
		assert_int_equal(ms, cases[i].want);
	}
}

static void test_where(void **state)
{
	static const struct {
		const char *selector, *want; /* NULL: refused */
	} cases[] = {
		{NULL, ""},
		{"", ""},
		{"state=STALE", "?state=STALE"},
		{"name=web-*,label=zone=dmz", "?name=web-%2A&label=zone%3Ddmz"},
		{"host=x", NULL},
		{"state", NULL},
		{"state=", NULL},
		{"=x", NULL},
		{",", NULL},
		{"name=a&limit=1", "?name=a%26limit%3D1"},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		RF_AUTOBUF struct rf_buf out = {0};
		int rc = fleet_where(cases[i].selector, &out, NULL);

		assert_int_equal(rc, cases[i].want ? 0 : RF_E_USAGE);
		if (cases[i].want)
			assert_string_equal(rf_buf_text(&out), cases[i].want);
	}
}

static char *shown(const char *json, const char *columns, const char *how)
{
	char *text = NULL;
	size_t len = 0;
	enum fleet_format format;
	json_t *value = json_loads(json, 0, NULL);
	FILE *out = open_memstream(&text, &len);
	int rc = fleet_format_parse(how, &format, NULL);

	assert_non_null(value);
	assert_int_equal(rc, 0);
	rc = json_is_array(value) ? fleet_show_items(out, value, columns, format, NULL)
				  : fleet_show_one(out, value, format, NULL);
	assert_int_equal(rc, 0);
	fclose(out);
	json_decref(value);
	return text;
}

#define LONG_FIRST                                                                                 \
	"one word after the other until the line of the terminal is full and then a little more of it all"
#define LONG_SECOND "words, so that they stand on the next"
#define LONG	    LONG_FIRST " " LONG_SECOND

static void test_show(void **state)
{
	static const struct {
		const char *json, *columns, *format, *want;
	} cases[] = {
		{"[]", "A=a", NULL, "none\n"},
		{"[{\"a\":\"x\",\"b\":true}]", "A=a B=b", NULL, "A B\nx yes\n"},
		{"[{\"a\":\"x\"}]", NULL, NULL, "A\nx\n"},
		{"[{\"a\":\"x\\u001b[2J\"}]", "A=a", NULL, "\\x1b[2J"},
		{"[{\"a\":\"line\\nbreak\"}]", "A=a", NULL, "A\nline\n"},
		/* What is too long for its line stands under it, in words. */
		{"[{\"a\":\"x\",\"b\":\"" LONG "\"},{\"a\":\"y\",\"b\":\"\"}]", "A=a B=b", NULL,
		 "A\nx\n    " LONG_FIRST "\n    " LONG_SECOND "\ny\n"},
		{"[{\"a\":\"x\",\"b\":\"" LONG "\\nz\\u001b[2J\"}]", "A=a B=b", NULL,
		 LONG_SECOND "\n    z\\x1b[2J\n"},
		{"[{\"a_ms\":0}]", "A=a_ms", NULL, "never"},
		{"[{\"a_ms\":0}]", "A=~a_ms", NULL, "never"},
		{"[{\"a_ms\":86400000}]", "A=~a_ms", NULL, " d ago\n"},
		{"[{\"a_ms\":86400000}]", "A=~a_ms", "csv", "\"86400000\""},
		{"[{\"a_ms\":9007199254740991}]", "A=~a_ms", NULL, "now\n"},
		/* A host's id: what of it a command wants. Nothing else is cut. */
		{"[{\"host\":\"0123456789abcdef0123456789abcdef\"}]", "H=host", NULL,
		 "H\n01234567\n"},
		{"[{\"host\":\"0123456789abcdef0123456789abcdef\"}]", "H=host", "csv",
		 "\"0123456789abcdef0123456789abcdef\""},
		{"[{\"host\":\"0123456789abcdef0123456789abcdeX\"}]", "H=host", NULL,
		 "0123456789abcdef0123456789abcdeX\n"},
		{"[{\"a\":\"x,\\\"y\\\"\"},{\"a\":5}]", "A=a", "csv",
		 "a\r\n\"x,\"\"y\"\"\"\r\n\"5\"\r\n"},
		{"[{\"a\":1},{\"a\":2}]", "A=a", "jsonl", "{\"a\":1}\n{\"a\":2}\n"},
		{"[{\"a\":[\"x\",\"y\"]}]", "A=a", NULL, "A\nx y\n"},
		{"[{\"a\":[\"x\",1]}]", "A=a", NULL, "[\"x\",1]"},
		{"[{\"a\":{\"zone\":\"dmz\",\"tpm\":\"none\"}}]", "A=a", NULL,
		 "A\nzone=dmz, tpm=none\n"},
		{"[{\"a\":{\"zone\":1}}]", "A=a", NULL, "A\n{\"zone\":1}\n"},
		{"[{\"a\":{}},{\"a\":\"x\"}]", "A=a", NULL, "A\n\nx\n"},
		{"{\"a\":{\"z\\u001b\":\"\\u0007\"}}", NULL, NULL, "a  z\\x1b=\\x07\n"},
		{"[{\"a\":{\"zone\":\"dmz\"}}]", "A=a", "csv", "\"{\"\"zone\"\":\"\"dmz\"\"}\""},
		{"{\"a\":[\"x\\u001b\"]}", NULL, NULL, "a  x\\x1b\n"},
		{"[{\"a\":1}]", "A=a", "json", "\"a\": 1"},
		{"{\"a\":\"x\",\"long\":[1]}", NULL, NULL, "a     x\nlong  [1]\n"},
		{"{\"a\\u001b\":\"\\u0007\"}", NULL, NULL, "a\\x1b  \\x07\n"},
		{"{\"a\":1}", NULL, "jsonl", "{\"a\":1}\n"},
	};

	(void)state;
	setenv("COLUMNS", "100", 1);
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		char *text = shown(cases[i].json, cases[i].columns, cases[i].format);

		if (!strstr(text, cases[i].want))
			fail_msg("%s: %s", cases[i].json, text);
		if (!cases[i].format)
			assert_null(strchr(text, 0x1b));
		free(text);
	}
	enum fleet_format format;

	assert_int_equal(fleet_format_parse("xml", &format, NULL), RF_E_USAGE);
}

static void test_hosts_are_named(void **state)
{
	static const char *const hosts =
		"[{\"host\":\"aaaa0000000000000000000000000000\",\"name\":\"one\",\"state\":\"TRUSTED\"},"
		"{\"host\":\"aaaa1000000000000000000000000000\",\"name\":\"two\",\"state\":\"NEW\"},"
		"{\"host\":\"bbbb0000000000000000000000000000\",\"name\":\"two\",\"state\":\"RETIRED\"},"
		"{\"host\":\"cccc0000000000000000000000000000\",\"name\":\"bbbb\",\"state\":\"NEW\"},"
		"{\"host\":\"dddd0000000000000000000000000000\",\"name\":\"same\",\"state\":\"NEW\"},"
		"{\"host\":\"eeee0000000000000000000000000000\",\"name\":\"same\",\"state\":\"NEW\"},{}]";
	static const struct {
		const char *text, *want; /* how its id begins */
		int rc;
	} cases[] = {
		{"one", "aaaa0", 0},
		{"two", "aaaa1", 0},  /* the retired one gave its name away */
		{"bbbb", "cccc0", 0}, /* a name before the beginning of an id */
		{"bbbb0", "bbbb0", 0},
		{"aaaa", NULL, RF_E_USAGE},
		{"same", NULL, RF_E_USAGE},
		{"ddd", NULL, RF_E_UNKNOWN}, /* too short */
		{"", NULL, RF_E_UNKNOWN},
		{"three", NULL, RF_E_UNKNOWN},
	};
	json_t *items = json_loads(hosts, 0, NULL);

	(void)state;
	assert_non_null(items);
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		const char *got = "untouched";
		struct rf_err err = {0};
		int rc = fleet_host_pick(items, cases[i].text, &got, &err);

		if (rc != cases[i].rc)
			fail_msg("%s: %s", cases[i].text, rf_err_text(&err));
		assert_int_equal(strncmp(got, rc ? "untouched" : cases[i].want, 5), 0);
	}
	json_decref(items);
	assert_true(fleet_host_is_id("0123456789abcdef0123456789abcdef"));
	assert_false(fleet_host_is_id("0123456789abcdef0123456789abcde"));
	assert_false(fleet_host_is_id("0123456789ABCDEF0123456789abcdef"));
	assert_false(fleet_host_is_id(""));
}

static void help_is_a_word_too(void **state)
{
	(void)state;
	assert_int_equal(parse("help"), 0);
	assert_null(args.command);
	assert_true(cli_has(&args, OPT_HELP));
	assert_int_equal(parse("help host approve"), 0);
	assert_string_equal(args.command->name, "host approve");
	assert_true(cli_has(&args, OPT_HELP));
	assert_int_equal(parse("help host"), 0);
	assert_null(args.command);
	assert_string_equal(args.group, "host");
	assert_int_equal(parse("help nonsense"), RF_E_USAGE);
	/* Elsewhere it is a word like others. */
	assert_int_equal(parse("host show help"), 0);
	assert_false(cli_has(&args, OPT_HELP));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_requests_refused),
		cmocka_unit_test(test_rows_have_their_commands),
		cmocka_unit_test(test_duration),
		cmocka_unit_test(test_where),
		cmocka_unit_test(test_show),
		cmocka_unit_test(test_hosts_are_named),
		cmocka_unit_test(help_is_a_word_too),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
