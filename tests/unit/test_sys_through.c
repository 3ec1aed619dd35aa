/* SPDX-License-Identifier: Apache-2.0 */
/* A host that another process reads: what it hands over is taken as the seam promises it, and not
 * more; what cannot be asked so is refused. */
#include "sys/through.h"
#include "test_base.h"

static const char *names_bytes;
static size_t names_len;

static int read_one(void *arg, const char *path, size_t max_bytes, struct rf_buf *out)
{
	(void)max_bytes;
	if (strcmp(path, "/denied") == 0)
		return RF_E_DENIED;
	if (strcmp(path, "/long") == 0)
		return rf_buf_add(out, "0123456789", 10);
	assert_string_equal(arg, "arg");
	return rf_buf_add(out, " 42\n", 4);
}

static int list_one(void *arg, const char *dir, struct rf_buf *out)
{
	(void)arg;
	(void)dir;
	return rf_buf_add(out, names_bytes, names_len);
}

static int exists_one(void *arg, const char *path)
{
	(void)arg;
	return strcmp(path, "/there") == 0 ? 0 : -ENOENT;
}

static char arg[] = "arg";
static const struct sys_through through = {read_one, list_one, exists_one, arg};

static struct sys *host(void)
{
	struct sys *sys = NULL;

	assert_int_equal(sys_open_through(&through, &sys, NULL), 0);
	return sys;
}

static void reading(void **state)
{
	RF_AUTOBUF struct rf_buf out = {0};
	struct sys *sys = host();
	struct rf_err err = {0};
	int64_t n = 0;

	(void)state;
	assert_false(sys_is_live(sys));
	assert_int_equal(sys_read_int(sys, "/x", &n), 0);
	assert_int_equal(n, 42);
	assert_int_equal(sys_read(sys, "/denied", 99, &out, &err), RF_E_DENIED);
	assert_non_null(strstr(rf_err_text(&err), "/denied"));
	/* More than was asked for is not taken, whoever sends it. */
	assert_int_equal(sys_read(sys, "/long", 9, &out, NULL), RF_E_LIMIT);
	assert_int_equal(sys_read(sys, "/long", 10, &out, NULL), 0);
	assert_int_equal(sys_read(sys, "relative", 10, &out, NULL), -EINVAL);
	assert_true(sys_exists(sys, "/there"));
	assert_false(sys_exists(sys, "/gone"));
	sys_close(sys);
}

static void listing(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		int rc;
		size_t count;
	} CASES[] = {
		{"", 0, 0, 0},
		{"b\0a\0", 4, 0, 2},
		{"a\0a\0", 4, 0, 1},
		{"no end", 6, RF_E_SYNTAX, 0},
		{"a\0b", 3, RF_E_SYNTAX, 0},
	};
	struct sys *sys = host();

	(void)state;
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		SYS_AUTONAMES struct sys_names names = {0};

		names_bytes = CASES[i].bytes;
		names_len = CASES[i].len;
		assert_int_equal(sys_list(sys, "/d", &names, NULL), CASES[i].rc);
		assert_int_equal(names.count, CASES[i].count);
		if (names.count)
			assert_string_equal(names.names[0], "a");
	}
	sys_close(sys);
}

static void what_cannot_be_asked(void **state)
{
	RF_AUTOBUF struct rf_buf out = {0};
	struct sys *sys = host();
	struct sys_space space;
	char target[64];

	(void)state;
	assert_int_equal(sys_readlink(sys, "/x", target, sizeof(target)), RF_E_UNSUPPORTED);
	assert_int_equal(sys_space(sys, "/x", &space), RF_E_UNSUPPORTED);
	assert_int_equal(sys_probe(sys, "uname", "", &out, NULL), RF_E_UNSUPPORTED);
	sys_close(sys);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reading),
		cmocka_unit_test(listing),
		cmocka_unit_test(what_cannot_be_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
