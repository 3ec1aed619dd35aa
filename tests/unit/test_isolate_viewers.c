/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Putting viewers out: what is said to a VNC server and what is taken of one that lies, and which
 * screens let one have them alone. On a running VM: tests/system/test_quarantine_vm.py.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "base/str.h"
#include "isolate/viewers.h"
#include "test_base.h"

#define VERSION "RFB 003.008\n"
#define ZERO4	"\0\0\0\0"
#define SCREEN	"123456789012345678901234"

static void one_speaks_rfb_and_asks_for_it_alone(void **state)
{
	static const struct {
		const char *server; /* all that it ever says */
		size_t size;
		int rc;
		size_t said; /* how much of what we say it gets */
	} CASES[] = {
#define SAYS(text, rc, said) {text, sizeof(text) - 1, rc, said}
		SAYS(VERSION "\1\1" ZERO4 SCREEN, 0, 14),
		SAYS(VERSION "\3\2\1\5" ZERO4 SCREEN "name", 0, 14),
		SAYS("RFB 003.003\n\1\1" ZERO4 SCREEN, 0, 14),
		/* It ends anywhere. */
		SAYS("", RF_E_PEER, 0),
		SAYS("RFB 003.00", RF_E_PEER, 0),
		SAYS(VERSION, RF_E_PEER, 12),
		SAYS(VERSION "\2\1", RF_E_PEER, 12),
		SAYS(VERSION "\1\1\0\0", RF_E_PEER, 13),
		SAYS(VERSION "\1\1" ZERO4 "12345", RF_E_PEER, 14),
		/* It speaks something else, wants a password, or refuses. */
		SAYS("SPICE 000000\1\1", RF_E_SYNTAX, 0),
		SAYS(VERSION "\0", RF_E_SYNTAX, 12),
		SAYS(VERSION "\2\2\20", RF_E_SYNTAX, 12),
		SAYS(VERSION "\1\1\0\0\0\1" SCREEN, RF_E_SYNTAX, 13),
	};
	static const char all[] = VERSION "\1\0";

	(void)state;
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		char heard[64] = "";
		int pair[2];

		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
		assert_int_equal(write(pair[0], CASES[i].server, CASES[i].size),
				 (ssize_t)CASES[i].size);
		shutdown(pair[0], SHUT_WR);
		int rc = viewers_alone(pair[1], NULL);

		if (rc != CASES[i].rc)
			fail_msg("case %zu: %d", i, rc);
		close(pair[1]);
		size_t got = 0;
		ssize_t n;

		while ((n = read(pair[0], heard + got, sizeof(heard) - got)) > 0)
			got += (size_t)n;
		assert_int_equal(got, CASES[i].said);
		assert_memory_equal(heard, all, got);
		close(pair[0]);
	}
}

static void viewers_are_counted(void **state)
{
	static const struct {
		const char *answer, *count;
		int rc;
	} CASES[] = {
		{"{\"return\":[{\"clients\":[]}]}", "0", 0},
		{"{\"return\":[]}", "0", 0},
		{"{\"return\":[{\"clients\":[{},{}]},{\"clients\":[{}]}]}", "3", 0},
		{"{\"return\":[{}]}", "", RF_E_SYNTAX},
		{"{\"return\":[7]}", "", RF_E_SYNTAX},
		{"{\"return\":{}}", "", RF_E_SYNTAX},
		{"{\"error\":{\"class\":\"x\",\"desc\":\"y\"}}", "", RF_E_PEER},
		{"", "", RF_E_SYNTAX},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		RF_AUTOBUF struct rf_buf out = {0};
		int rc = viewers_count_work(NULL, rf_slice_text(CASES[i].answer), &out, NULL);

		if (rc != CASES[i].rc || strcmp(rf_buf_text(&out), CASES[i].count) != 0)
			fail_msg("%s: %d \"%s\"", CASES[i].answer, rc, rf_buf_text(&out));
	}
}

static void screens_that_one_can_have_alone(void **state)
{
	static const struct {
		const char *devices;
		int rc;
		unsigned index;
	} CASES[] = {
		{"<graphics type='vnc' port='1'><listen/></graphics>", 0, 0},
		{"<graphics type='spice'><listen/></graphics><graphics type='vnc'/>", 0, 1},
		{"<graphics type='vnc' sharePolicy='allow-exclusive'/>", 0, 0},
		{"<graphics type='vnc' sharePolicy='ignore'/>", RF_E_UNSUPPORTED, 0},
		{"<graphics type='vnc' sharePolicy='force-shared'/>", RF_E_UNSUPPORTED, 0},
		{"<graphics type='spice'/>", RF_E_MISSING, 0},
		{"", RF_E_MISSING, 0},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		RF_AUTOBUF struct rf_buf xml = {0};
		unsigned index = 0;

		rf_buf_printf(&xml,
			      "<domain><metadata><graphics type='vnc' sharePolicy='ignore'/>"
			      "</metadata><devices>%s</devices></domain>",
			      CASES[i].devices);
		int rc = viewers_screen(rf_buf_slice(&xml), &index);

		if (rc != CASES[i].rc || (rc == 0 && index != CASES[i].index))
			fail_msg("%s: %d, %u", CASES[i].devices, rc, index);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_speaks_rfb_and_asks_for_it_alone),
		cmocka_unit_test(viewers_are_counted),
		cmocka_unit_test(screens_that_one_can_have_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
