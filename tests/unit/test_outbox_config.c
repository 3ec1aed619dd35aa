/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: a file of sinks is taken whole or refused with its place; nothing is sent to an address
 * that only this machine can reach, in whatever way it is written. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "outbox/outbox.h"
#include "outbox/parts.h"

static char dir[32], file[64];

static int setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/rf-outbox-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(file, sizeof(file), "%s/sinks.yaml", dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(file);
	return rmdir(dir);
}

static void file_write(const char *text, size_t len)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), (ssize_t)len);
	close(fd);
}

#define WEBHOOK "{name: w, kind: webhook, url: 'https://a/b', secret_file: /s"
#define SYSLOG	"{name: s, kind: syslog, address: 'a:1'"
#define SNMP	"{name: n, kind: snmp, address: a, user: u, auth_file: /a, priv_file: /p"

static void test_config(void **state)
{
	/* want: "" for taken, else a part of the message */
	static const struct {
		const char *text, *want;
	} cases[] = {
		{"sinks: []\n", ""},
		{"sinks: [" WEBHOOK "}, " SYSLOG "}, " SNMP "}]\n", ""},
		{"sinks: [" WEBHOOK ", allow_addresses: ['127.0.0.1', '::1'], at_least: error}]\n",
		 ""},
		{"sinks: [" SYSLOG ", ca: /c, certificate: /d, key: /e, facility: 4, events: "
		 "['host.*', finding]}]\n",
		 ""},
		{"sinks: [" SNMP ", engine: '8000', inform: no, enterprise: 9}]\n", ""},
		{"", "sinks"},
		{"sinks: 5\n", "list"},
		{"more: 1\nsinks: []\n", "more"},
		{"sinks: [" SYSLOG "}, " SYSLOG "}]\n", "two sinks have the name s"},
		{"sinks: [{name: a, kind: pigeon}]\n", "no kind pigeon"},
		{"sinks: [{name: a/b, kind: syslog, address: x}]\n", "a sink's name"},
		{"sinks: [{name: -x, kind: syslog, address: x}]\n", "a sink's name"},
		{"sinks: [{name: '', kind: syslog, address: x}]\n", "a sink's name"},
		{"sinks: [{kind: syslog, address: x}]\n", "name"},
		{"sinks: [{name: a, kind: syslog}]\n", "needs address"},
		{"sinks: [{name: a, kind: webhook, url: 'https://x'}]\n", "needs secret_file"},
		{"sinks: [{name: a, kind: webhook, url: 'http://x', secret_file: /s}]\n",
		 "only https://"},
		{"sinks: [{name: a, kind: webhook, url: 'file:///etc/passwd', secret_file: /s}]\n",
		 "only https://"},
		{"sinks: [" SYSLOG ", url: 'https://x'}]\n", "has no url"},
		{"sinks: [" SYSLOG ", user: x}]\n", "has no user"},
		{"sinks: [" SYSLOG ", facility: 24}]\n", "facility"},
		{"sinks: [" SYSLOG ", facility: -1}]\n", "facility"},
		{"sinks: [" SYSLOG ", enterprise: 0}]\n", "enterprise"},
		{"sinks: [" SYSLOG ", enterprise: 4294967296}]\n", "enterprise"},
		{"sinks: [" SYSLOG ", at_least: bad}]\n", "at_least"},
		{"sinks: [" SYSLOG ", colour: red}]\n", "colour"},
		{"sinks: [" SYSLOG ", inform: perhaps}]\n", "inform"},
		{"sinks: [{name: n, kind: snmp, address: a, user: u, auth_file: /a}]\n",
		 "needs priv_file"},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		struct rf_err err = {0};

		file_write(cases[i].text, strlen(cases[i].text));
		int rc = outbox_config_check(file, &err);

		if (cases[i].want[0] ? rc >= 0 || !strstr(rf_err_text(&err), cases[i].want) : rc)
			fail_msg("%s: %d %s", cases[i].text, rc, rf_err_text(&err));
	}
}

static void test_config_too_many(void **state)
{
	RF_AUTOBUF struct rf_buf text = {0};

	(void)state;
	rf_buf_add_text(&text, "sinks:\n");
	for (int i = 0; i <= OUTBOX_SINKS; i++)
		rf_buf_printf(&text, "- {name: s%d, kind: syslog, address: a}\n", i);
	file_write(rf_buf_text(&text), text.len);
	assert_int_equal(outbox_config_check(file, NULL), RF_E_SYNTAX);
	assert_int_equal(outbox_config_check("/nowhere/at/all", NULL), -ENOENT);
	assert_int_equal(outbox_config_check(dir, NULL), -EINVAL);
}

static void test_who_wants_what(void **state)
{
	static struct outbox_config config; /* large */
	static const char text[] =
		"sinks:\n"
		"- {name: all, kind: syslog, address: a}\n"
		"- {name: bad, kind: syslog, address: a, at_least: warning}\n"
		"- {name: one, kind: syslog, address: a, events: finding}\n"
		"- {name: two, kind: syslog, address: a, events: ['x', 'host.*']}\n";
	static const struct {
		const char *sink, *kind, *new_state;
		bool want;
	} cases[] = {
		{"all", "anything", "", true},
		{"bad", "host.state", "UNTRUSTED", true},
		{"bad", "host.state", "TRUSTED", false},
		{"one", "finding", "PASS", true},
		{"one", "host.state", "UNTRUSTED", false},
		{"two", "host.state", "TRUSTED", true},
		{"two", "finding", "FAIL", false},
	};

	(void)state;
	file_write(text, strlen(text));
	assert_int_equal(outbox_config_read(file, &config, NULL), 0);
	for (size_t i = 0; i < RF_COUNT(cases); i++)
		assert_int_equal(outbox_sink_wants(outbox_config_sink(&config, cases[i].sink),
						   cases[i].kind, cases[i].new_state),
				 cases[i].want);
	assert_null(outbox_config_sink(&config, "none"));
	outbox_config_done(&config);
}

static void test_secrets(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		int code;
		size_t want;
	} cases[] = {
		{"12345678\n", 9, 0, 8},
		{"12345678\r\n\n", 11, 0, 8},
		{"12345678", 8, 0, 8},
		{"1234567\n", 8, RF_E_MISSING, 0},
		{"", 0, RF_E_MISSING, 0},
		{"1234\0"
		 "56789\n",
		 11, RF_E_MISSING, 0},
	};
	static const char large[1025] = "x";

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		RF_AUTOBUF struct rf_buf out = {0};

		file_write(cases[i].text, cases[i].len);
		assert_int_equal(outbox_secret_read(file, &out, NULL), cases[i].code);
		if (!cases[i].code)
			assert_int_equal(out.len, cases[i].want);
	}
	RF_AUTOBUF struct rf_buf out = {0};

	file_write(large, sizeof(large));
	assert_int_equal(outbox_secret_read(file, &out, NULL), RF_E_LIMIT);
}

static struct sockaddr_storage address_of(const char *text)
{
	struct sockaddr_storage out = {0};
	struct sockaddr_in *v4 = (struct sockaddr_in *)&out;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&out;

	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1)
		out.ss_family = AF_INET;
	else if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1)
		out.ss_family = AF_INET6;
	return out;
}

static void test_addresses(void **state)
{
	static const struct {
		const char *address;
		bool refused;
	} cases[] = {
		{"192.0.2.1", false},
		{"10.0.0.1", false},
		{"172.16.0.1", false},
		{"192.168.1.1", false},
		{"2001:db8::1", false},
		{"fd12:3456::1", false},
		{"127.0.0.1", true},
		{"127.255.255.254", true},
		{"0.0.0.0", true},
		{"0.1.2.3", true},
		{"169.254.169.254", true},
		{"224.0.0.1", true},
		{"255.255.255.255", true},
		{"::", true},
		{"::1", true},
		{"fe80::1", true},
		{"febf::1", true},
		{"fec0::1", false},
		{"ff02::1", true},
		{"fd00:ec2::254", true},
		{"::ffff:127.0.0.1", true},
		{"::ffff:192.0.2.1", false},
		{"64:ff9b::7f00:1", true},
		{"64:ff9b::a9fe:a9fe", true},
		{"203.0.113.7", true}, /* own, by the list below */
		{"::ffff:203.0.113.7", true},
		{"2001:db8::7", true},
		{"203.0.113.8", false},
		{"not an address", true},
	};
	struct sockaddr_storage own4 = address_of("203.0.113.7"), own6 = address_of("2001:db8::7");
	struct ifaddrs none = {.ifa_addr = NULL};
	struct ifaddrs second = {.ifa_next = &none, .ifa_addr = (struct sockaddr *)&own6};
	struct ifaddrs first = {.ifa_next = &second, .ifa_addr = (struct sockaddr *)&own4};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		struct sockaddr_storage a = address_of(cases[i].address);
		const char *why = outbox_address_refused((struct sockaddr *)&a, &first);

		if ((why[0] != '\0') != cases[i].refused)
			fail_msg("%s: '%s'", cases[i].address, why);
	}
}

static void test_address_is(void **state)
{
	static const struct {
		const char *text, *address;
		bool want;
	} cases[] = {
		{"127.0.0.1", "127.0.0.1", true},	 {"127.0.0.1", "127.0.0.2", false},
		{"127.0.0.1", "::ffff:127.0.0.1", true}, {"::1", "::1", true},
		{"localhost", "127.0.0.1", false},	 {"", "::1", false},
		{"127.0.0.1/8", "127.0.0.1", false},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		struct sockaddr_storage a = address_of(cases[i].address);

		assert_int_equal(outbox_address_is(cases[i].text, (struct sockaddr *)&a),
				 cases[i].want);
	}
}

static void test_transports(void **state)
{
	(void)state;
	assert_ptr_equal(outbox_transport_find("webhook"), &outbox_webhook);
	assert_ptr_equal(outbox_transport_find("syslog"), &outbox_tls);
	assert_ptr_equal(outbox_transport_find("snmp"), &outbox_snmp);
	assert_null(outbox_transport_find(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_config),	       cmocka_unit_test(test_config_too_many),
		cmocka_unit_test(test_who_wants_what), cmocka_unit_test(test_secrets),
		cmocka_unit_test(test_addresses),      cmocka_unit_test(test_address_is),
		cmocka_unit_test(test_transports),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
