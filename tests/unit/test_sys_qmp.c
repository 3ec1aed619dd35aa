/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QMP: messages as a table of cases, hostile ones among them, and exchanges with a monitor that is
 * played by a child: events before the answer, lines without end, events without end.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "sys/qmp.h"
#include "test_base.h"

#define GREETING "{\"QMP\": {\"version\": {}, \"capabilities\": []}}\r\n"
#define DEEP31	 "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"

static void messages(void **state)
{
	static const struct {
		const char *text;
		int rc;
		enum qmp_kind kind;
		const char *id, *says;
	} CASES[] = {
		{GREETING, 0, QMP_GREETING, "", ""},
		{"{\"return\": {}}", 0, QMP_RETURN, "", ""},
		{"{\"return\": true, \"id\": \"a\"}\r\n", 0, QMP_RETURN, "a", ""},
		{"{\"return\": 1, \"id\": 7}", 0, QMP_RETURN, "", ""},
		{"{\"event\": \"STOP\", \"timestamp\": {}}", 0, QMP_EVENT, "", ""},
		{"{\"error\": {\"class\": \"GenericError\", \"desc\": \"no\\u001b[31m \\u00e9\"}}",
		 0, QMP_ERROR, "", "no?[31m ??"},
		{"{\"error\": 3}", 0, QMP_ERROR, "", "an error without words"},
		{"{\"return\": 1, \"id\": \"01234567890123456789012345678901\"}", 0, QMP_RETURN,
		 "?", ""},
		{"{\"return\": " DEEP31 "}", 0, QMP_RETURN, "", ""},
		{"{\"return\": [" DEEP31 "]}", RF_E_LIMIT, 0, "", ""},
		{"{\"return\": \"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[[[[\"}", 0, QMP_RETURN,
		 "", ""},
		{"", RF_E_SYNTAX, 0, "", ""},
		{"\r\n", RF_E_SYNTAX, 0, "", ""},
		{"[]", RF_E_SYNTAX, 0, "", ""},
		{"{}", RF_E_SYNTAX, 0, "", ""},
		{"{\"return\": 1, \"event\": \"x\"}", RF_E_SYNTAX, 0, "", ""},
		{"{\"return\": 1, \"return\": 2}", RF_E_SYNTAX, 0, "", ""},
		{"{\"return\": 1} {\"return\": 2}", RF_E_SYNTAX, 0, "", ""},
		{"{\"return\": \"\xff\"}", RF_E_SYNTAX, 0, "", ""},
		{"]]]]{", RF_E_SYNTAX, 0, "", ""},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		QMP_AUTOMESSAGE struct qmp_message m = {.kind = QMP_EVENT, .id = "untouched"};
		struct rf_err err = {0};
		int rc = qmp_message_read(rf_slice_text(CASES[i].text), &m, &err);

		if (rc != CASES[i].rc)
			fail_msg("%s: %d %s", CASES[i].text, rc, rf_err_text(&err));
		assert_string_equal(m.id, rc ? "untouched" : CASES[i].id);
		if (rc)
			continue;
		assert_int_equal(m.kind, CASES[i].kind);
		assert_string_equal(m.text, CASES[i].says);
		assert_int_equal(m.value != NULL, m.kind == QMP_RETURN);
	}
}

static void too_large(void **state)
{
	RF_AUTOBUF struct rf_buf text = {0};
	QMP_AUTOMESSAGE struct qmp_message m = {0};

	(void)state;
	rf_buf_add_text(&text, "{\"return\": \"");
	for (size_t i = 0; i < QMP_MAX_MESSAGE; i++)
		rf_buf_add_byte(&text, 'x');
	rf_buf_add_text(&text, "\"}");
	assert_int_equal(qmp_message_read(rf_buf_slice(&text), &m, NULL), RF_E_LIMIT);
	assert_null(m.doc);
}

static void commands(void **state)
{
	RF_AUTOBUF struct rf_buf out = {0};

	(void)state;
	assert_int_equal(qmp_command_write("stop", NULL, "", &out), 0);
	assert_string_equal(rf_buf_text(&out), "{\"execute\":\"stop\"}");
	rf_buf_reset(&out);
	assert_int_equal(
		qmp_command_write("qom-get", json_pack("{s:s}", "path", "/a\"b\n"), "7", &out), 0);
	assert_string_equal(rf_buf_text(&out), "{\"execute\":\"qom-get\",\"arguments\":{\"path\":"
					       "\"/a\\\"b\\n\"},\"id\":\"7\"}");
}

/* ---- a monitor played by a child ---- */

struct play {
	const char *name;
	const char *greeting; /* NULL: it closes at once */
	void (*answer)(int fd, unsigned number);
	int opens, asks;
};

static void say(int fd, const char *text)
{
	size_t len = strlen(text);

	if (send(fd, text, len, MSG_NOSIGNAL) != (ssize_t)len)
		_exit(0);
}

static void plainly(int fd, unsigned number)
{
	char text[128];

	snprintf(text, sizeof(text), "{\"return\": {}, \"id\": \"ringfence-%u\"}\r\n", number);
	say(fd, text);
}

static void after_events(int fd, unsigned number)
{
	for (int i = 0; i < 100; i++)
		say(fd,
		    "{\"event\": \"RTC_CHANGE\"}\r\n{\"return\": 9, \"id\": \"another's\"}\r\n");
	plainly(fd, number);
}

static void in_pieces(int fd, unsigned number)
{
	char text[128];

	snprintf(text, sizeof(text), "{\"return\": {}, \"id\": \"ringfence-%u\"}\n", number);
	for (char *p = text; *p; p++) {
		char one[2] = {*p, 0};

		say(fd, one);
	}
}

static void only_events(int fd, unsigned number)
{
	(void)number;
	for (;;)
		say(fd, "{\"event\": \"X\"}\n");
}

static void without_end(int fd, unsigned number)
{
	(void)number;
	for (;;)
		say(fd, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
}

static void refusing(int fd, unsigned number)
{
	(void)number;
	say(fd, "{\"error\": {\"class\": \"GenericError\", \"desc\": \"not now\"}}\n");
}

static void silly(int fd, unsigned number)
{
	(void)number;
	say(fd, "+OK\n");
}

static void leaving(int fd, unsigned number)
{
	(void)number;
	shutdown(fd, SHUT_RDWR);
	_exit(0);
}

/* Capabilities are taken by all; what follows is the play. */
static void serve(int listener, const struct play *play)
{
	int fd = accept(listener, NULL, NULL);
	char in[4096];

	if (!play->greeting)
		_exit(0);
	say(fd, play->greeting);
	for (unsigned number = 0; recv(fd, in, sizeof(in), 0) > 0; number++)
		(number == 0 ? plainly : play->answer)(fd, number);
	_exit(0);
}

static const struct play plays[] = {
	{"plain", GREETING, plainly, 0, 0},
	{"events first", GREETING, after_events, 0, 0},
	{"in pieces", GREETING, in_pieces, 0, 0},
	{"events before the greeting", "{\"event\": \"X\"}\n" GREETING, plainly, 0, 0},
	{"an error is an answer", GREETING, refusing, 0, 0},
	{"events without end", GREETING, only_events, 0, RF_E_LIMIT},
	{"a line without end", GREETING, without_end, 0, RF_E_LIMIT},
	{"not QMP any more", GREETING, silly, 0, RF_E_SYNTAX},
	{"goes away", GREETING, leaving, 0, RF_E_PEER},
	{"never QMP", "220 mail\r\n", plainly, RF_E_SYNTAX, 0},
	{"closes", NULL, plainly, RF_E_PEER, 0},
};

static void play(const char *path, const struct play *p)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	QMP_AUTOSOCKET struct qmp_socket *s = NULL;
	RF_AUTOBUF struct rf_buf answer = {0};
	struct rf_err err = {0};
	int listener = socket(AF_UNIX, SOCK_STREAM, 0);

	rf_copy(at.sun_path, sizeof(at.sun_path), path);
	assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(listener, 1), 0);
	pid_t child = fork();

	if (child == 0)
		serve(listener, p);
	int rc = qmp_socket_open(path, &s, &err);

	if (rc != p->opens)
		fail_msg("%s: opening: %d %s", p->name, rc, rf_err_text(&err));
	if (rc == 0) {
		struct qmp_peer peer = qmp_socket_peer(s);

		rc = peer.ask(peer.arg, "query-status", NULL, &answer, &err);
		if (rc != p->asks)
			fail_msg("%s: asking: %d %s", p->name, rc, rf_err_text(&err));
		assert_int_equal(answer.len > 0, rc == 0);
	}
	close(listener);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	unlink(path);
}

static void exchanges(void **state)
{
	char dir[] = "/tmp/rf-test-XXXXXX", path[64];
	struct qmp_socket *s = NULL;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/qmp", dir);
	for (size_t i = 0; i < RF_COUNT(plays); i++)
		play(path, &plays[i]);
	assert_int_equal(qmp_socket_open(path, &s, NULL), RF_E_MISSING);
	assert_int_equal(qmp_socket_open("", &s, NULL), RF_E_LIMIT);
	assert_null(s);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages),
		cmocka_unit_test(too_large),
		cmocka_unit_test(commands),
		cmocka_unit_test(exchanges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
