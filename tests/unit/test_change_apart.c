/* SPDX-License-Identifier: Apache-2.0 */
/* Work in a child: its result, its error, its death, and the time that it cannot outlive. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "base/mem.h"
#include "change/apart.h"
#include "test_base.h"

static int echo(void *arg, struct rf_slice in, struct rf_buf *out, struct rf_err *err)
{
	(void)err;
	rf_buf_add_text(out, arg ? arg : "");
	return rf_buf_add(out, in.data, in.len);
}

static int refuse(void *arg, struct rf_slice in, struct rf_buf *out, struct rf_err *err)
{
	(void)arg;
	(void)in;
	rf_buf_add_text(out, "half");
	return rf_fail(err, RF_E_SYNTAX, "not like this");
}

static int die(void *arg, struct rf_slice in, struct rf_buf *out, struct rf_err *err)
{
	(void)arg;
	(void)in;
	(void)out;
	(void)err;
	_exit(3);
}

/* For ever, whatever signal comes that can be held up. */
static int hang(void *arg, struct rf_slice in, struct rf_buf *out, struct rf_err *err)
{
	sigset_t all;

	(void)arg;
	(void)in;
	(void)out;
	(void)err;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	while (true)
		pause();
	return 0;
}

/* Whether the parent's descriptor is open here, and files can be. */
static int look(void *arg, struct rf_slice in, struct rf_buf *out, struct rf_err *err)
{
	bool open_here = fcntl(*(int *)arg, F_GETFD) >= 0;
	bool opens = open("/dev/null", O_RDONLY) >= 0;

	(void)in;
	(void)err;
	return rf_buf_printf(out, "%s, %s", open_here ? "open" : "closed",
			     opens ? "free" : "locked in");
}

static void results_come_back(void **state)
{
	RF_AUTOBUF struct rf_buf a = {0}, b = {0}, c = {0};
	struct rf_err err = {0};

	(void)state;
	assert_int_equal(apart_run(echo, "x", rf_slice_text("abc"), &a, &err), 0);
	assert_string_equal(rf_buf_text(&a), "xabc");
	assert_int_equal(apart_ask(echo, "answer", 60000, &b, &err), 0);
	assert_string_equal(rf_buf_text(&b), "answer");
	assert_int_equal(apart_run(refuse, NULL, rf_slice_text(""), &c, &err), RF_E_SYNTAX);
	assert_int_equal(apart_ask(refuse, NULL, 60000, &c, &err), RF_E_SYNTAX);
	assert_string_equal(rf_err_text(&err), "not like this");
	assert_int_equal(apart_run(die, NULL, rf_slice_text(""), &c, &err), RF_E_PEER);
	assert_int_equal(apart_ask(die, NULL, 60000, &c, &err), RF_E_PEER);
	assert_int_equal(c.len, 0);
}

static void who_hangs_is_ended(void **state)
{
	RF_AUTOBUF struct rf_buf out = {0};
	struct rf_err err = {0};

	(void)state;
	assert_int_equal(apart_ask(hang, NULL, 50, &out, &err), RF_E_TIMEOUT);
	assert_non_null(strstr(rf_err_text(&err), "50 ms"));
	assert_int_equal(out.len, 0);
}

static void the_child_has_nothing_of_ours(void **state)
{
	RF_AUTOBUF struct rf_buf ran = {0}, asked = {0};
	int fd = open("/dev/null", O_RDONLY);

	(void)state;
	assert_int_equal(apart_ask(look, &fd, 60000, &asked, NULL), 0);
	assert_string_equal(rf_buf_text(&asked), "closed, free");
	assert_int_equal(apart_run(look, &fd, rf_slice_text(""), &ran, NULL), 0);
	assert_string_equal(rf_buf_text(&ran), "closed, locked in");
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(results_come_back),
		cmocka_unit_test(who_hangs_is_ended),
		cmocka_unit_test(the_child_has_nothing_of_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
