/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Screens of a running VM: what QEMU answers and what it is told, and the password of a SPICE
 * screen in libvirt's XML. On a running VM: tests/system/test_quarantine_vm.py.
 */
#include "base/mem.h"
#include "base/str.h"
#include "facts_test.h"
#include "isolate/console.h"

#define SERVER(host, port, family)                                                                 \
	"{\"host\":\"" host "\",\"service\":\"" port "\",\"family\":\"" family                     \
	"\",\"auth\":\"none\",\"websocket\":false}"
#define ANSWER(servers)                                                                            \
	"{\"return\":[{\"id\":\"default\",\"auth\":\"none\",\"server\":[" servers                  \
	"],\"clients\":[]}]}"

static void vnc_answers(void **state)
{
	static const struct {
		const char *answer, *places;
		int rc;
	} CASES[] = {
		{ANSWER(SERVER("127.0.0.1", "5900", "ipv4")), "127.0.0.1:5900", 0},
		{ANSWER(SERVER("127.0.0.1", "5900", "ipv4") "," SERVER("::1", "5900", "ipv6")),
		 "127.0.0.1:5900 [::1]:5900", 0},
		{ANSWER(SERVER("/run/vnc.sock", "", "unix")), "unix:/run/vnc.sock", 0},
		{ANSWER(""), "closed", 0},
		{"{\"return\":[]}", "", RF_E_UNSUPPORTED},
		{"{\"return\":[{\"server\":[]},{\"server\":[]}]}", "", RF_E_UNSUPPORTED},
		{ANSWER("{\"host\":\"::\",\"service\":\"5700\",\"family\":\"ipv6\",\"websocket\":"
			"true}"),
		 "", RF_E_UNSUPPORTED},
		{ANSWER(SERVER("a b", "1", "ipv4")), "", RF_E_SYNTAX},
		{ANSWER(SERVER("", "1", "ipv4")), "", RF_E_SYNTAX},
		{ANSWER(SERVER("::", "", "ipv6")), "", RF_E_SYNTAX},
		{ANSWER(SERVER("::", "1:2", "ipv6")), "", RF_E_SYNTAX},
		{ANSWER("{}"), "", RF_E_SYNTAX},
		{ANSWER("7"), "", RF_E_SYNTAX},
		{"{\"return\":{}}", "", RF_E_SYNTAX},
		{"{\"error\":{\"class\":\"CommandNotFound\",\"desc\":\"x\"}}", "", RF_E_PEER},
		{"", "", RF_E_SYNTAX},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		RF_AUTOBUF struct rf_buf out = {0};
		int rc = console_vnc_work(NULL, rf_slice_text(CASES[i].answer), &out, NULL);

		if (rc != CASES[i].rc)
			fail_msg("%s: %d", CASES[i].answer, rc);
		if (!rc)
			assert_string_equal(rf_buf_text(&out), CASES[i].places);
	}
}

static void vnc_arguments(void **state)
{
	static const struct {
		const char *places, *json; /* json NULL: no place */
	} CASES[] = {
		{"closed", "{\"addresses\":[],\"type\":\"vnc\"}"},
		{"127.0.0.1:5900", "{\"addresses\":[{\"host\":\"127.0.0.1\",\"port\":\"5900\","
				   "\"type\":\"inet\"}],\"type\":\"vnc\"}"},
		{"[::1]:5900", "{\"addresses\":[{\"host\":\"::1\",\"port\":\"5900\",\"type\":"
			       "\"inet\"}],\"type\":\"vnc\"}"},
		{"unix:/a.sock", "{\"addresses\":[{\"path\":\"/a.sock\",\"type\":\"unix\"}],"
				 "\"type\":\"vnc\"}"},
		{"", NULL},
		{"5900", NULL},
		{":5900", NULL},
		{"a:", NULL},
		{"[]:1", NULL},
		{"[::1:5", NULL},
		{"unix:a", NULL},
		{"127.0.0.1:5900 nonsense", NULL},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		json_t *arguments = NULL;
		int rc = console_vnc_arguments(CASES[i].places, &arguments);

		if ((rc == 0) != (CASES[i].json != NULL))
			fail_msg("%s: %d", CASES[i].places, rc);
		if (rc == 0) {
			char *text = json_dumps(arguments, JSON_COMPACT | JSON_SORT_KEYS);

			assert_string_equal(text, CASES[i].json);
			rf_free(text);
		}
		json_decref(arguments);
	}
}

#define HEAD                                                                                       \
	"<domain><metadata><graphics type='spice' passwd='lie'/></metadata><devices><graphics "    \
	"type='vnc' port='5900'/>"
#define TAIL "<listen type='address' address='127.0.0.1'/></graphics></devices></domain>"

static void spice(void **state)
{
	static const struct {
		const char *tag, *value;
		int rc;
	} CASES[] = {
		{"<graphics type='spice' port='5901' passwd='s'>", "open", 0},
		{"<graphics type='spice' passwd='s' passwdValidTo='2030-01-01T00:00:00'>",
		 "until=2030-01-01T00:00:00", 0},
		{"<graphics type='spice' passwd='s' passwdValidTo='2030-01-01T00:00:00' "
		 "connected='keep'>",
		 "until=2030-01-01T00:00:00 connected=keep", 0},
		{"<graphics type='spice' passwd='s' connected='fail'>", "connected=fail", 0},
		{"<graphics type='spice' passwd='s' passwdValidTo='1970-01-01T00:00:01' "
		 "connected='disconnect'>",
		 "expired", 0},
		{"<graphics type='spice' port='5901'>", NULL, RF_E_UNSUPPORTED},
		{"<graphics type='sdl'>", NULL, RF_E_MISSING},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		RF_AUTOBUF struct rf_buf xml = {0}, was = {0}, shut = {0}, now = {0}, back = {0},
					 again = {0};

		rf_buf_printf(&xml, HEAD "%s" TAIL, CASES[i].tag);
		assert_int_equal(console_spice_read(rf_buf_slice(&xml), &was), CASES[i].rc);
		if (CASES[i].rc)
			continue;
		assert_string_equal(rf_buf_text(&was), CASES[i].value);
		rf_buf_add_text(&shut, "<domain><devices>");
		assert_int_equal(console_spice_replace(rf_buf_slice(&xml), "expired", &shut), 0);
		assert_non_null(strstr(rf_buf_text(&shut), "passwd='s'"));
		assert_non_null(strstr(rf_buf_text(&shut), "<listen type='address'"));
		assert_int_equal(console_spice_read(rf_buf_slice(&shut), &now), 0);
		assert_string_equal(rf_buf_text(&now), "expired");
		rf_buf_add_text(&back, "<domain><devices>");
		assert_int_equal(console_spice_replace(rf_buf_slice(&shut), CASES[i].value, &back),
				 0);
		assert_int_equal(console_spice_read(rf_buf_slice(&back), &again), 0);
		assert_string_equal(rf_buf_text(&again), CASES[i].value);
	}
}

static void spice_values_that_are_none(void **state)
{
	static const char *const BAD[] = {"",	       "until=",	  "until=2030'",
					  "closed",    "connected='x'",	  "expired x",
					  "until=a><", "connected=keep x"};
	RF_AUTOBUF struct rf_buf xml = {0}, out = {0};

	(void)state;
	rf_buf_add_text(&xml, HEAD "<graphics type='spice' passwd='s'>" TAIL);
	for (size_t i = 0; i < RF_COUNT(BAD); i++) {
		assert_int_equal(console_spice_replace(rf_buf_slice(&xml), BAD[i], &out),
				 RF_E_SYNTAX);
		assert_int_equal(out.len, 0);
	}
	/* Half of it is none, and is not read beyond. */
	for (size_t len = 0; len < xml.len; len++) {
		RF_AUTOFREE uint8_t *half = rf_alloc(1, len + 1);
		RF_AUTOBUF struct rf_buf value = {0};

		memcpy(half, xml.data, len);
		(void)!console_spice_read((struct rf_slice){half, len}, &value);
		(void)!console_spice_replace((struct rf_slice){half, len}, "expired", &value);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vnc_answers),
		cmocka_unit_test(vnc_arguments),
		cmocka_unit_test(spice),
		cmocka_unit_test(spice_values_that_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
