/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Puts rules of nft back. See keeper.h. A change that was asked for leaves a whole table, also an
 * empty one: only what is missing or not whole is somebody else's doing.
 */
#include "isolate/keeper.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
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

/* ---- names ---- */

static const struct guard_link *link_called(const struct guard_links *links, const char *name)
{
	for (size_t i = 0; i < links->count; i++) {
		if (strcmp(links->items[i].name, name) == 0)
			return &links->items[i];
	}
	return NULL;
}

size_t keeper_moves(const struct keeper *k, const struct guard_links *links,
		    struct keeper_move *out, size_t max)
{
	size_t count = 0;

	for (size_t i = 0; i < k->names_count && count < max; i++) {
		const struct keeper_name *was = &k->names[i];
		const struct guard_link *now = guard_links_find(links, was->ifindex);

		if (!now || strcmp(now->name, was->name) == 0 ||
		    !fallback_find(&k->kept, was->name))
			continue;
		rf_copy(out[count].from, sizeof(out[count].from), was->name);
		rf_copy(out[count].to, sizeof(out[count].to), now->name);
		count++;
	}
	return count;
}

int keeper_note(struct keeper *k, const struct guard_links *links)
{
	k->names_count = 0;
	for (size_t i = 0; i < k->kept.ports_count; i++) {
		const struct guard_link *link = link_called(links, k->kept.ports[i].name);

		if (!link)
			continue;
		if (rf_grow((void **)&k->names, &k->names_capacity, k->names_count + 1,
			    sizeof(*k->names)) < 0)
			return -ENOMEM;
		k->names[k->names_count].ifindex = link->ifindex;
		rf_copy(k->names[k->names_count++].name, sizeof(link->name), link->name);
	}
	return 0;
}

/* All policies are taken before the first is moved: two links may have changed names. */
static int moves_do(struct keeper *k, const struct keeper_move *moves, size_t count,
		    struct rf_err *err)
{
	FALLBACK_AUTO struct fallback before = {.ports = NULL};
	int rc = fallback_read(&before, err);
	char line[120];

	for (size_t i = 0; rc == 0 && i < count; i++) {
		const struct fallback_port *port = fallback_find(&before, moves[i].from);
		const struct fallback_change change = {.what = FALLBACK_PORT,
						       .link = moves[i].to,
						       .port = port ? &port->port : NULL};

		rc = port ? fallback_change(&k->kept, &change, err) : 0;
	}
	for (size_t i = 0; rc == 0 && i < count; i++) {
		bool again = false;

		for (size_t n = 0; n < count; n++)
			again |= strcmp(moves[n].to, moves[i].from) == 0;
		if (!again)
			rc = fallback_change(&k->kept,
					     &(struct fallback_change){.what = FALLBACK_PORT,
								       .link = moves[i].from},
					     err);
		rf_format(line, sizeof(line), "%s is called %s now: its rules follow it",
			  moves[i].from, moves[i].to);
		if (!rc)
			k->say(k->arg, line);
	}
	return rc;
}

/* Rules of nft go by names; ports are links. */
static int names_follow(struct keeper *k, struct rf_err *err)
{
	struct guard_links links = {.items = NULL};
	RF_AUTOFREE struct keeper_move *moves = rf_alloc(FALLBACK_PORTS, sizeof(*moves));
	int rc = moves ? guard_links_read(&links, err) : -ENOMEM;
	size_t count = rc ? 0 : keeper_moves(k, &links, moves, FALLBACK_PORTS);

	if (count)
		rc = moves_do(k, moves, count, err);
	if (!rc)
		rc = keeper_note(k, &links);
	guard_links_done(&links);
	return rc;
}

/* ---- what was altered ---- */

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
	return names_follow(k, err);
}

int keeper_open(struct keeper *k, struct rf_err *err)
{
	k->rules_fd = guard_rules_watch();
	if (k->rules_fd < 0)
		return rf_fail(err, RF_E_UNSUPPORTED, "this kernel tells of no rules of nft");
	k->links_fd = guard_names_watch();
	if (k->links_fd < 0)
		return rf_fail(err, -errno, "notices of links: %s", rf_code_text(-errno));
	return look(k, err);
}

/* Whether a port has another name now. Links tell of much else. */
static bool names_touched(const struct keeper *k)
{
	struct guard_link link;
	bool touched = false;

	while (guard_names_next(k->links_fd, &link, &touched)) {
		for (size_t i = 0; i < k->names_count; i++)
			touched |= k->names[i].ifindex == link.ifindex &&
				   strcmp(k->names[i].name, link.name) != 0;
	}
	return touched;
}

int keeper_step(struct keeper *k, int timeout_ms, struct rf_err *err)
{
	struct pollfd fds[] = {{.fd = k->rules_fd, .events = POLLIN},
			       {.fd = k->links_fd, .events = POLLIN}};
	int wait = k->waits ? BUSY_MS : SWEEP_MS;
	int told = poll(fds, RF_COUNT(fds), wait < timeout_ms ? wait : timeout_ms);

	if (told < 0)
		return errno == EINTR ? -EINTR : rf_fail(err, -errno, "poll");
	bool rules = fds[0].revents && guard_rules_touched(k->rules_fd);
	bool names = fds[1].revents && names_touched(k);

	return told > 0 && !rules && !names ? 0 : look(k, err);
}

void keeper_close(struct keeper *k)
{
	int *const fds[] = {&k->rules_fd, &k->links_fd};

	fallback_done(&k->kept);
	rf_free(k->names);
	k->names = NULL;
	k->names_count = k->names_capacity = 0;
	for (size_t i = 0; i < RF_COUNT(fds); i++) {
		if (*fds[i] >= 0)
			close(*fds[i]);
		*fds[i] = -1;
	}
}
