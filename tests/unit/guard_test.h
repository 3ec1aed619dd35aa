/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guard of the test's own: in its own network and mount namespace, pinned on its own bpffs, so
 * that nothing of the machine is touched. Where the kernel or the rights are missing, tests skip.
 */
#ifndef GUARD_TEST_H
#define GUARD_TEST_H

#include <arpa/inet.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "isolate/guard/guard.h"
#include "test_base.h"

#define LOOPBACK 1u

static struct guard *guard;
static char guard_why[600] = "not set up";
static char guard_dir[] = "/tmp/rf-guard-XXXXXX";

static int guard_begin(void **state)
{
	struct guard_options options = {0};
	struct rf_err err = {0};
	char dir[64];

	(void)state;
	if (geteuid() != 0 || unshare(CLONE_NEWNS | CLONE_NEWNET) != 0) {
		snprintf(guard_why, sizeof(guard_why), "needs root and namespaces");
		return 0;
	}
	mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
	if (!mkdtemp(guard_dir) || mount("bpf", guard_dir, "bpf", 0, NULL) != 0) {
		snprintf(guard_why, sizeof(guard_why), "no bpffs");
		return 0;
	}
	snprintf(dir, sizeof(dir), "%s/rf", guard_dir);
	options.pin_dir = dir;
	if (guard_open(&options, &guard, &err) != 0)
		snprintf(guard_why, sizeof(guard_why), "%s", rf_err_text(&err));
	return 0;
}

static int guard_end(void **state)
{
	(void)state;
	if (guard && guard_unload(guard, NULL) != 0)
		return -1;
	guard = NULL;
	if (guard_dir[sizeof(guard_dir) - 2] != 'X') {
		umount2(guard_dir, MNT_DETACH);
		rmdir(guard_dir);
	}
	return 0;
}

/* Leaves the test, with the reason, where there is no guard. */
static inline void need_guard(void)
{
	if (guard)
		return;
	print_message("skipped: %s\n", guard_why);
	skip();
}

#endif
