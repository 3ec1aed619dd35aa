/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Puts rules of nft back. See keeper.h. A change that was asked for leaves a whole table, also an
 * empty one: only what is missing or not whole is somebody else's doing.
 */
#include "isolate/keeper.h"

#include <errno.h>
#include <poll.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"

#define BUSY_MS	 200
#define SWEEP_MS 10000

static bool busy(const struct keeper *k)
{
	if (flock(k->lock_fd, LOCK_SH | LOCK_NB) != 0)
		return errno == EWOULDBLOCK;
	(void)flock(k->lock_fd, LOCK_UN);
	return false;
}

static void put_back(struct keeper *k)
{
	struct rf_err err = {0};
	char line[300];

	if (fallback_write(&k->kept, &err) < 0)
		rf_format(line, sizeof(line), "rules of nft: %.250s", rf_err_text(&err));
	else
		rf_format(line, sizeof(line),
			  "rules of nft: they were not as made, and are put back for %zu ports",
			  k->kept.ports_count);
	k->say(k->arg, line);
}

static bool is_stale(const struct fallback *f)
{
	for (size_t i = 0; i < f->ports_count; i++) {
		if (f->ports[i].stale)
			return true;
	}
	return false;
}

/* BPF came back, and somebody applied the policy by it: then nobody took the rules away. */
static bool is_taken_over(const struct keeper *k)
{
	for (size_t i = 0; i < k->kept.ports_count; i++) {
		uint32_t ifindex = guard_link_index(k->kept.ports[i].name);

		if (ifindex && guard_hangs(ifindex))
			return true;
	}
	return false;
}

static int look(struct keeper *k, struct rf_err *err)
{
	FALLBACK_AUTO struct fallback now = {.ports = NULL};
	int rc;

	k->waits = busy(k);
	if (k->waits)
		return 0;
	rc = fallback_read(&now, err);
	if (rc < 0)
		return rc;
	if (now.there && now.whole && !is_stale(&now)) {
		fallback_done(&k->kept);
		k->kept = now;
		now = (struct fallback){.ports = NULL};
	} else if (k->kept.there && !now.there && is_taken_over(k)) {
		return RF_E_CHANGED;
	} else if (k->kept.there) {
		put_back(k);
	}
	return 0;
}

int keeper_open(struct keeper *k, struct rf_err *err)
{
	k->rules_fd = guard_rules_watch();
	if (k->rules_fd < 0)
		return rf_fail(err, RF_E_UNSUPPORTED, "this kernel tells of no rules of nft");
	return look(k, err);
}

int keeper_step(struct keeper *k, int timeout_ms, struct rf_err *err)
{
	struct pollfd fd = {.fd = k->rules_fd, .events = POLLIN};
	int wait = k->waits ? BUSY_MS : SWEEP_MS;
	int told = poll(&fd, 1, wait < timeout_ms ? wait : timeout_ms);

	if (told < 0)
		return errno == EINTR ? -EINTR : rf_fail(err, -errno, "poll");
	if (told > 0 && !guard_rules_touched(k->rules_fd))
		return 0;
	return look(k, err);
}

void keeper_close(struct keeper *k)
{
	fallback_done(&k->kept);
	if (k->rules_fd >= 0)
		close(k->rules_fd);
	k->rules_fd = -1;
}
