/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the machine's collectors share besides facts_test.h. */
#ifndef MACHINE_TEST_H
#define MACHINE_TEST_H

#include "facts_test.h"

#include <unistd.h>

#include "base/mem.h"

struct ask {
	const char *sql, *want;
};

static inline void ask_all_n(struct test_host *h, const struct ask *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char *got = host_ask(h, cases[i].sql);

		if (strcmp(got, cases[i].want) != 0)
			fail_msg("%s: got %s, want %s", cases[i].sql, got, cases[i].want);
	}
}
#define ask_all(h, cases) ask_all_n(h, cases, RF_COUNT(cases))

/* Writes bytes that may hold NULs. */
static inline void host_bytes(struct test_host *h, const char *path, const void *data, size_t len)
{
	char full[512];

	host_file(h, path, "");
	snprintf(full, sizeof(full), "%s%s", h->dir, path);
	FILE *f = fopen(full, "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, len, f), len);
	fclose(f);
}

/* A symbolic link; its folder is made by a file that is taken away again. */
static inline void host_link(struct test_host *h, const char *path, const char *target)
{
	char full[512];

	host_file(h, path, "");
	snprintf(full, sizeof(full), "%s%s", h->dir, path);
	assert_int_equal(unlink(full), 0);
	assert_int_equal(symlink(target, full), 0);
}

static inline void host_folder(struct test_host *h, const char *path)
{
	char full[448];

	snprintf(full, sizeof(full), "%s/.keep", path);
	host_file(h, full, "");
	snprintf(full, sizeof(full), "%s%s/.keep", h->dir, path);
	assert_int_equal(unlink(full), 0);
}

#define TEST_RELEASE "6.1.0-31-amd64"

static inline void host_uname(struct test_host *h)
{
	host_file(h, "/.ringfence/probe/uname", "web\n" TEST_RELEASE "\n#1 SMP\nx86_64\n");
}

#endif
