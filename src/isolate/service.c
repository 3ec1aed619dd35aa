/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guard's service. See service.h. Purges of the programs are healed at once (guard/watch.h).
 * The second layer (fences, rules of nft) is put back only when nobody is applying or undoing a
 * plan and the records are those of the policy that is in force: else it would fight with the plan.
 */
#include "isolate/service.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "isolate/service_wards.h"

#define SWEEP_MS   10000
#define BUSY_MS	   200
#define SAY_BURST  20 /* lines about one kind of thing in a second */
#define SECOND_BIT (1u << POLICY_SECOND_BRIDGE)

/* A port whose policy is not final: records asked for after its birth have not come yet. */
struct birth {
	uint32_t ifindex;
	uint64_t asked; /* number of the question that will settle it */
};

/* A port's name as it was told last. */
struct called {
	uint32_t ifindex;
	char name[16];
};

struct service {
	struct service_options with;
	struct guard_watch *watch;
	int rules_fd;
	struct table table;
	bool has_table, stale; /* stale: the kept policy changed since */
	bool second_due;       /* something of the second layer may have changed */
	bool wards_due;	       /* who is in quarantine may have changed */
	uint64_t asked, answered;
	int64_t ask_at_ms, sweep_at_ms, said_at_ms; /* ask_at_ms 0: no question waits */
	unsigned said;
	uint32_t highest; /* ifindex of the newest link seen */
	struct rf_buf incoming;
	struct called called[GUARD_SLOTS]; /* by ifindex, as far as there is room */
	struct birth births[GUARD_SLOTS];
	size_t births_count;
	struct service_wards wards;
};

/* What a link or the reader's records are called is others' to choose: a line stays one line. */
static void plain(char *line)
{
	for (; *line; line++) {
		if ((unsigned char)*line < ' ' || *line == 0x7f)
			*line = '?';
	}
}

/* Somebody who takes us off in a loop fills no log: healing goes on, talking does not. */
RF_PRINTF(2, 3)
static void say(struct service *s, const char *fmt, ...)
{
	int64_t now = rf_clock_ms(CLOCK_MONOTONIC);
	char line[512];
	va_list args;

	if (now - s->said_at_ms >= 1000) {
		s->said_at_ms = now;
		s->said = 0;
	}
	s->said++;
	if (s->said > SAY_BURST + 1)
		return;
	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	plain(line);
	s->with.say(s->with.arg, s->said > SAY_BURST ? "... and more in this second" : line);
}

/* ---- what links are ---- */

enum part { PART_NONE, PART_VM, PART_UPLINK, PART_HOST };

static bool bridge_is_named(const struct service *s, uint32_t ifindex)
{
	char name[16];

	return ifindex && s->table.head.bridges.count && guard_link_named(ifindex, name) &&
	       table_names_match(&s->table.head.bridges, name);
}

static enum part part_of(const struct service *s, const struct guard_link *link)
{
	const struct table_head *head = &s->table.head;

	if (guard_link_is_port(link) && table_names_match(&head->uplinks, link->name))
		return PART_UPLINK;
	if (guard_link_is_bridge(link))
		return head->strict && table_names_match(&head->bridges, link->name) ? PART_HOST
										     : PART_NONE;
	if (!guard_link_is_vm(link))
		return PART_NONE;
	if (guard_link_is_port(link) && table_ward(&s->table, link))
		return PART_VM;
	if (table_names_match(&head->ports, link->name) || bridge_is_named(s, link->master) ||
	    (guard_link_is_port(link) && table_find(&s->table, link, false)))
		return PART_VM;
	return PART_NONE;
}

/* Whether a plan is being applied or undone now. */
static bool busy(const struct service *s)
{
	if (flock(s->with.lock_fd, LOCK_SH | LOCK_NB) != 0)
		return errno == EWOULDBLOCK;
	(void)flock(s->with.lock_fd, LOCK_UN);
	return false;
}

/* A link without a guard that is ours to guard. While a plan is at work only what was born since:
 * what it takes off is not put back. */
static bool wants(void *arg, const struct guard_link *link)
{
	struct service *s = arg;
	bool fresh = link->ifindex > s->highest;

	s->highest = fresh ? link->ifindex : s->highest;
	if (!s->has_table || part_of(s, link) == PART_NONE)
		return false;
	return fresh || (!s->stale && s->asked == s->answered && !busy(s));
}

/* ---- births ---- */

static void ask(struct service *s)
{
	if (!s->ask_at_ms)
		s->ask_at_ms = rf_clock_ms(CLOCK_MONOTONIC);
}

/* A quarantine, or a policy that was applied meanwhile, is not ours to overwrite. */
static bool is_unset(struct service *s, uint32_t ifindex, bool ours)
{
	struct guard_port now;

	if (guard_port_get(s->with.guard, ifindex, &now) != 0 || now.quarantine)
		return false;
	return ours || now.mode == GUARD_MODE_DENY;
}

static void fence(struct service *s, const struct guard_link *link)
{
	struct rf_err err = {0};

	if ((s->table.head.second & SECOND_BIT) && guard_link_is_port(link) &&
	    guard_fence(s->with.guard, link->ifindex, &err) < 0)
		say(s, "%s: no fence: %s", link->name, rf_err_text(&err));
}

static bool port_set(struct service *s, const struct guard_link *link, bool by_name, bool ours)
{
	const struct table_port *record = table_find(&s->table, link, by_name);
	struct rf_err err = {0};

	if (!record || !is_unset(s, link->ifindex, ours))
		return record != NULL;
	if (guard_port_set(s->with.guard, link->ifindex, &record->port, &err) < 0) {
		say(s, "%s: %s", link->name, rf_err_text(&err));
		return false;
	}
	fence(s, link);
	if (by_name || !ours)
		say(s, "%s: guarded for VM %s, zone %u", link->name, record->vm, record->port.zone);
	return true;
}

/* A VM in quarantine stays in it under its new port. */
static void ward_set(struct service *s, const struct guard_link *link)
{
	char line[240];

	if (wards_follow(&s->wards, s->with.guard, &s->table, link, line, sizeof(line)))
		say(s, "%s", line);
}

static void role_set(struct service *s, const struct guard_link *link, enum part part)
{
	struct guard_port port;
	struct rf_err err = {0};

	isolate_uplink_port(part == PART_UPLINK ? GUARD_ROLE_UPLINK : GUARD_ROLE_HOST, &port);
	if (!is_unset(s, link->ifindex, false))
		return;
	if (guard_port_set(s->with.guard, link->ifindex, &port, &err) < 0)
		say(s, "%s: %s", link->name, rf_err_text(&err));
	else
		say(s, "%s: guarded as %s", link->name,
		    part == PART_UPLINK ? "an uplink" : "the host's own end");
}

/* A port that was refused everything a moment ago. */
static void born(struct service *s, const struct guard_link *link)
{
	enum part part = part_of(s, link);

	if (part == PART_UPLINK || part == PART_HOST) {
		role_set(s, link, part);
		return;
	}
	(void)port_set(s, link, false, false);
	ward_set(s, link);
	if (s->births_count < GUARD_SLOTS)
		s->births[s->births_count++] =
			(struct birth){.ifindex = link->ifindex, .asked = s->asked + 1};
	ask(s);
}

/* Records came that were asked for behind some births. */
static void births_settle(struct service *s, const struct guard_links *links)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->births_count; i++) {
		const struct guard_link *link = guard_links_find(links, s->births[i].ifindex);

		if (s->births[i].asked > s->answered) {
			s->births[kept++] = s->births[i];
			continue;
		}
		if (link && !port_set(s, link, true, true) && !table_ward(&s->table, link))
			say(s,
			    "%s: the policy names no VM with this port: it is refused everything",
			    link->name);
	}
	s->births_count = kept;
}

/* ---- the second layer ---- */

static void fence_check(struct service *s, const struct guard_link *link)
{
	struct guard_bridge_port now;
	struct guard_port port;

	if (!guard_link_is_port(link) || guard_port_get(s->with.guard, link->ifindex, &port) != 0 ||
	    port.role != GUARD_ROLE_VM || port.mode == GUARD_MODE_DENY || port.quarantine ||
	    guard_bridge_get(link->ifindex, &now, NULL) != 0 ||
	    (now.locked && !now.learning && !now.flood))
		return;
	fence(s, link);
	say(s, "%s: its fence in the bridge was open, and is closed again", link->name);
}

static void rules_check(struct service *s)
{
	struct guard_rules now;
	struct rf_err err = {0};

	if (!s->table.head.rules.count || guard_rules_get(s->with.guard, &now, &err) != 0 ||
	    memcmp(&now, &s->table.head.rules, sizeof(now)) == 0)
		return;
	if (guard_rules_set(s->with.guard, &s->table.head.rules, &err) < 0)
		say(s, "rules of nft: %s", rf_err_text(&err));
	else
		say(s, "rules of nft: they were not as made, and are again");
}

/* Orders and releases since: not while their plan is at work. */
static void wards_heal(struct service *s)
{
	struct guard_links links = {.count = 0};

	if (!s->wards_due || !s->has_table || busy(s) || s->stale || s->asked != s->answered)
		return;
	s->wards_due = false;
	if (guard_links_read(&links, NULL) < 0)
		return;
	for (size_t i = 0; i < links.count; i++)
		ward_set(s, &links.items[i]);
	guard_links_done(&links);
}

static void second_heal(struct service *s)
{
	struct guard_links links = {.count = 0};

	if (!s->second_due || !s->has_table || !s->table.head.has_policy)
		return;
	/* The policy may just have changed: then its records come first. */
	if (busy(s) || s->stale || s->asked != s->answered)
		return;
	s->second_due = false;
	rules_check(s);
	if (!(s->table.head.second & SECOND_BIT) || guard_links_read(&links, NULL) < 0)
		return;
	for (size_t i = 0; i < links.count; i++)
		fence_check(s, &links.items[i]);
	guard_links_done(&links);
}

/* ---- notices ---- */

/* Names are others' to give: the guard goes by numbers, and says which name is meant from now on.
 */
static void name_learn(struct service *s, const struct guard_link *link)
{
	struct called *at = &s->called[link->ifindex % GUARD_SLOTS];

	if (at->ifindex == link->ifindex && strcmp(at->name, link->name) != 0)
		say(s, "%s: it is called %s now; its policy and its limits stay", at->name,
		    link->name);
	at->ifindex = link->ifindex;
	memcpy(at->name, link->name, sizeof(at->name));
}

static void told(void *arg, const struct guard_notice *notice)
{
	struct service *s = arg;
	const char *name = notice->link.name;

	if (name[0] && notice->deed != GUARD_GONE)
		name_learn(s, &notice->link);

	switch (notice->deed) {
	case GUARD_ATTACHED:
		born(s, &notice->link);
		break;
	case GUARD_HEALED:
		say(s,
		    "%s: somebody took the guard off; it is back (told at %.6f s, %lld us later)",
		    name, (double)notice->time_ns / 1e9,
		    (long long)((rf_clock_ns(CLOCK_MONOTONIC) - notice->time_ns) / 1000));
		break;
	case GUARD_GONE:
		say(s, "%s: gone", name[0] ? name : "a port");
		shape_forget_gone();
		break;
	case GUARD_FAILED:
		say(s, "%s: NOT guarded: %s", name, rf_err_text(&notice->err));
		break;
	case GUARD_CHANGED:
		s->second_due |= (s->table.head.second & SECOND_BIT) != 0;
		break;
	case GUARD_LOOSE:
		break;
	}
}

/* ---- records ---- */

/* After the start of the host nothing of the policy is in the kernel yet. */
static void settings_put(struct service *s)
{
	struct guard *guard = s->with.guard;
	struct guard_zone now;

	for (size_t i = 0; i < s->table.head.zones_count; i++) {
		const struct table_zone *zone = &s->table.zones[i];

		if (guard_zone_get(guard, zone->number, &now) == 0 &&
		    memcmp(&now, &zone->row, sizeof(now)) != 0 &&
		    guard_zone_set(guard, zone->number, &zone->row) < 0)
			say(s, "zone %u cannot be set", zone->number);
	}
	s->second_due = true;
}

/* Ports that a service before this one left refused, between birth and policy. */
static void orphans_take(struct service *s, const struct guard_links *links)
{
	struct guard_port port;

	for (size_t i = 0; i < links->count; i++) {
		const struct guard_link *link = &links->items[i];

		s->highest = link->ifindex > s->highest ? link->ifindex : s->highest;
		if (guard_port_get(s->with.guard, link->ifindex, &port) != 0)
			continue;
		name_learn(s, link);
		if (port.mode == GUARD_MODE_DENY && !port.quarantine && !port.revision &&
		    memcmp(port.mac, "\0\0\0\0\0\0", 6) == 0)
			born(s, link);
	}
}

static void table_use(struct service *s, struct table *table)
{
	struct guard_links links = {.count = 0};
	struct rf_err err = {0};
	bool first = !s->has_table;

	table_done(&s->table);
	s->table = *table;
	s->has_table = true;
	s->wards_due = true;
	if (s->table.head.problem[0])
		say(s, "%s", s->table.head.problem);
	if (guard_links_read(&links, &err) < 0) {
		say(s, "%s", rf_err_text(&err));
		return;
	}
	if (first && s->table.head.has_policy && !busy(s))
		settings_put(s);
	if (first)
		orphans_take(s, &links);
	births_settle(s, &links);
	guard_links_done(&links);
	if (guard_watch_sweep(s->watch, &err) < 0)
		say(s, "%s", rf_err_text(&err));
	/* Last, when all that is there marks its frames. */
	if (first && s->table.head.strict && !busy(s))
		guard_strict_set(s->with.guard, true);
}

static int records_take(struct service *s, struct rf_err *err)
{
	struct table table;
	uint8_t *at = rf_buf_reserve(&s->incoming, 65536);
	ssize_t n = at ? recv(s->with.records, at, 65536, MSG_DONTWAIT) : 0;

	if (!at)
		return rf_fail(err, -ENOMEM, "no memory");
	if (n < 0)
		return errno == EAGAIN || errno == EINTR
			       ? 0
			       : rf_fail(err, -errno, "records: %s", rf_code_text(-errno));
	if (n == 0)
		return rf_fail(err, RF_E_PEER, "the process that reads the policy ended");
	s->incoming.len += (size_t)n;
	if (s->asked == s->answered)
		return rf_fail(err, RF_E_SYNTAX,
			       "the process that reads the policy sent what nobody asked for");

	int64_t size = table_bytes(rf_buf_slice(&s->incoming));

	if (size < 0 || (size && (size_t)size < s->incoming.len))
		return rf_fail(err, RF_E_SYNTAX, "the process that reads the policy sent no table");
	if (!size || (size_t)size > s->incoming.len)
		return 0;
	int rc = table_read(rf_buf_slice(&s->incoming), &table, err);

	rf_buf_reset(&s->incoming);
	if (rc < 0)
		return rf_wrap(err, rc, "records");
	s->answered = s->asked;
	table_use(s, &table);
	return 0;
}

/* One question at a time; what comes up meanwhile makes the next one. */
static int question_send(struct service *s, struct rf_err *err)
{
	if (!s->ask_at_ms || rf_clock_ms(CLOCK_MONOTONIC) < s->ask_at_ms || s->asked != s->answered)
		return 0;
	if (send(s->with.records, "?", 1, MSG_NOSIGNAL) != 1)
		return rf_fail(err, -errno, "records: %s", rf_code_text(-errno));
	s->asked++;
	s->ask_at_ms = 0;
	s->stale = false;
	return 0;
}

static void policy_drain(struct service *s)
{
	char buffer[4096] __attribute__((aligned(8)));

	while (read(s->with.policy_fd, buffer, sizeof(buffer)) > 0) {
		s->stale = true;
		s->second_due = true;
		ask(s);
	}
}

/* ---- the loop ---- */

static int wait_ms(const struct service *s, int timeout_ms)
{
	int64_t now = rf_clock_ms(CLOCK_MONOTONIC), until = s->sweep_at_ms;

	if (s->ask_at_ms && s->asked == s->answered && s->ask_at_ms < until)
		until = s->ask_at_ms;
	if ((s->second_due || s->wards_due) && now + BUSY_MS < until)
		until = now + BUSY_MS;
	until -= now;
	if (until < 0)
		until = 0;
	return until < timeout_ms ? (int)until : timeout_ms;
}

static int sweep(struct service *s, struct rf_err *err)
{
	if (rf_clock_ms(CLOCK_MONOTONIC) < s->sweep_at_ms)
		return 0;
	s->sweep_at_ms = rf_clock_ms(CLOCK_MONOTONIC) + SWEEP_MS;
	s->second_due = true;
	return s->has_table ? guard_watch_sweep(s->watch, err) : 0;
}

int service_step(struct service *s, int timeout_ms, struct rf_err *err)
{
	struct pollfd fds[] = {{.fd = guard_watch_fd(s->watch), .events = POLLIN},
			       {.fd = s->with.records, .events = POLLIN},
			       {.fd = s->with.policy_fd, .events = POLLIN},
			       {.fd = s->rules_fd, .events = POLLIN}};
	int rc = 0;

	if (poll(fds, RF_COUNT(fds), wait_ms(s, timeout_ms)) < 0)
		return errno == EINTR ? -EINTR : rf_fail(err, -errno, "poll");
	/* The links first: a frame may be waiting. */
	if (fds[0].revents)
		rc = guard_watch_step(s->watch, err);
	if (fds[3].revents)
		s->second_due |= guard_rules_touched(s->rules_fd);
	policy_drain(s);
	if (!rc && fds[1].revents)
		rc = records_take(s, err);
	if (!rc)
		rc = question_send(s, err);
	if (!rc)
		rc = sweep(s, err);
	if (!rc)
		wards_heal(s);
	if (!rc)
		second_heal(s);
	return rc;
}

bool service_ready(const struct service *s)
{
	return s->has_table;
}

void service_close(struct service *s)
{
	if (!s)
		return;
	guard_watch_close(s->watch);
	if (s->rules_fd >= 0)
		close(s->rules_fd);
	table_done(&s->table);
	rf_buf_done(&s->incoming);
	rf_free(s);
}

int service_open(const struct service_options *options, struct service **out, struct rf_err *err)
{
	struct service *s = rf_alloc(1, sizeof(*s));

	if (!s)
		return rf_fail(err, -ENOMEM, "no memory");
	s->with = *options;
	s->sweep_at_ms = rf_clock_ms(CLOCK_MONOTONIC) + SWEEP_MS;
	/* Where the kernel has no nf_tables there are no rules to watch. */
	s->rules_fd = guard_rules_watch();

	const struct guard_scope scope = {.wants = wants};
	int rc = guard_watch_open(s->with.guard, &scope, told, s, &s->watch, err);

	if (rc < 0) {
		service_close(s);
		return rc;
	}
	ask(s);
	*out = s;
	return 0;
}
