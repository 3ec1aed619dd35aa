/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is promised of a closed switch, three ways. Configured: what libvirt has defined gives no
 * way out. Enforced: what the kernel has now gives none. Proven: the walk saw everything that could
 * be one, to its end. See closed.h.
 */
#include "isolate/closed.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

static const struct {
	enum topology_escape escape;
	const char *what;
} rows[] = {
	{TOPOLOGY_UPLINK, "it has no uplink"},
	{TOPOLOGY_HOST, "the host itself is not on it"},
	{TOPOLOGY_SWITCH, "no way leads to another switch"},
	{TOPOLOGY_TUNNEL, "no tunnel leads out of it"},
	{TOPOLOGY_UNKNOWN, "what is plugged into it is known"},
};

struct asking {
	const struct topology *t;
	const char *missing;
	size_t start;
	struct topology_walk live, defined;
	bool is_defined;	       /* a definition speaks of it */
	size_t ways[TOPOLOGY_ESCAPES]; /* that are there now */
	bool whole; /* nothing that it reaches is unknown, and no fact is missing */
};

static bool is_defined(const struct topology *t, size_t at)
{
	for (size_t a = t->nodes[at].first; a != TOPOLOGY_NONE; a = t->arcs[a].next) {
		if (t->arcs[a].layers & TOPOLOGY_DEFINED)
			return true;
	}
	for (size_t i = 0; i < t->networks.capacity; i++) {
		const struct rf_map_slot *slot = &t->networks.slots[i];

		if (slot->key && rf_equal(slot->value, t->nodes[at].name))
			return true;
	}
	return false;
}

/* How far the walk came, for a promise that holds. */
static void seen_words(const struct asking *a, struct rf_buf *out)
{
	size_t links = 0, vms = 0, allowed = 0;
	const char *through = "";

	for (size_t i = 1; i < a->live.count; i++) {
		const struct topology_node *node = &a->t->nodes[a->live.order[i]];

		links += node->kind == TOPOLOGY_IS_LINK;
		vms += node->kind == TOPOLOGY_IS_VM;
		if (node->allowed) {
			allowed++;
			through = node->name;
		}
	}
	rf_buf_printf(out, "walked to its end: %zu links, %zu VMs", links, vms);
	if (allowed)
		rf_buf_printf(out, "; not through %s%s, which the policy lets stand between",
			      through, allowed > 1 ? " and others" : "");
}

static enum promise_answer holds(const struct asking *a, const struct topology_walk *walk,
				 enum topology_escape escape, struct rf_buf *evidence)
{
	size_t end = topology_nearest(a->t, walk, escape);

	if (end == TOPOLOGY_NONE)
		return PROMISE_YES;
	if (evidence->len)
		return PROMISE_NO;
	/* What could be too long for the evidence comes last. */
	if (a->ways[escape] > 1 && walk == &a->live)
		rf_buf_printf(evidence, "%zu ways: ", a->ways[escape]);
	topology_path_words(a->t, walk, end, evidence);
	return PROMISE_NO;
}

static int row_ask(const struct asking *a, size_t row, struct isolate_promises *out)
{
	enum topology_escape escape = rows[row].escape;
	struct isolate_promise p = {.configured = PROMISE_NOT_ASKED,
				    .enforced = PROMISE_NOT_ASKED,
				    .proven = PROMISE_NOT_ASKED};
	RF_AUTOBUF struct rf_buf evidence = {0};

	rf_format(p.subject, sizeof(p.subject), "closed switch %.100s", a->t->nodes[a->start].name);
	rf_copy(p.what, sizeof(p.what), rows[row].what);
	if (a->t->nodes[a->start].live) {
		p.enforced = holds(a, &a->live, escape, &evidence);
		p.proven = p.enforced == PROMISE_YES && a->whole ? PROMISE_YES : PROMISE_NO;
	}
	if (a->is_defined)
		p.configured = holds(a, &a->defined, escape, &evidence);
	if (!evidence.len && !a->t->nodes[a->start].live)
		rf_buf_printf(&evidence, "it is not there now");
	else if (!evidence.len && a->missing[0])
		rf_buf_printf(&evidence, "%s", a->missing);
	else if (!evidence.len && !a->whole)
		rf_buf_printf(&evidence, "something that is plugged into it is not known");
	else if (!evidence.len)
		seen_words(a, &evidence);
	if (evidence.failed)
		return -ENOMEM;
	rf_copy(p.evidence, sizeof(p.evidence), rf_buf_text(&evidence));
	return isolate_promise_add(out, &p);
}

static int way_count(void *arg, const struct topology_walk *walk, size_t end)
{
	struct asking *a = arg;

	(void)walk;
	a->ways[a->t->nodes[end].escape]++;
	return 0;
}

static int switch_ask(struct asking *a, struct isolate_promises *out)
{
	int rc = topology_walk(a->t, a->start, TOPOLOGY_LIVE, &a->live);

	if (!rc)
		rc = topology_walk(a->t, a->start, TOPOLOGY_DEFINED, &a->defined);
	if (!rc)
		rc = topology_ways(a->t, a->start, TOPOLOGY_LIVE, way_count, a);
	if (rc < 0)
		return rc;
	a->whole = a->ways[TOPOLOGY_UNKNOWN] == 0 && !a->missing[0];
	a->is_defined = is_defined(a->t, a->start);
	for (size_t i = 0; rc == 0 && i < RF_COUNT(rows); i++)
		rc = row_ask(a, i, out);
	return rc;
}

/* A name that no switch has promises nothing, and is told of. */
static int names_ask(const struct topology *t, const struct policy_layer *layer,
		     struct isolate_promises *out)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < layer->closed.count; i++) {
		const char *glob = layer->closed.items[i];
		struct isolate_promise p = {.configured = PROMISE_NOT_ASKED,
					    .enforced = PROMISE_NOT_ASKED,
					    .proven = PROMISE_NOT_ASKED};
		bool any = topology_network_bridge(t, glob) != NULL;

		for (size_t n = 0; n < t->nodes_count && !any; n++)
			any = t->nodes[n].closed && rf_glob(glob, t->nodes[n].name);
		if (any)
			continue;
		rf_format(p.subject, sizeof(p.subject), "closed switch %.100s", glob);
		rf_copy(p.what, sizeof(p.what), "it is closed");
		rf_copy(p.evidence, sizeof(p.evidence), "no switch or network has that name now");
		rc = isolate_promise_add(out, &p);
	}
	return rc;
}

int closed_promises(const struct topology *t, const struct policy_layer *layer, const char *missing,
		    struct isolate_promises *out)
{
	int rc = names_ask(t, layer, out);

	for (size_t i = 0; rc == 0 && i < t->nodes_count; i++) {
		struct asking a = {.t = t, .missing = missing, .start = i};

		if (!t->nodes[i].closed)
			continue;
		rc = switch_ask(&a, out);
		topology_walk_done(&a.live);
		topology_walk_done(&a.defined);
	}
	return rc;
}

int closed_notes(const struct isolate_promises *promises, struct policy_notes *out)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < promises->count; i++) {
		const struct isolate_promise *p = &promises->items[i];
		const struct policy_note who = {.vm = "", .part = "network"};

		if (rf_starts(p->subject, "closed switch ") && isolate_promise_fails(p))
			rc = policy_note(out, &who, "%.100s, not so that %.60s: %.200s", p->subject,
					 p->what, p->evidence);
	}
	return rc;
}

/* Gaps without which a way out could stay unseen. Where VMs are not known their taps are links of
 * programs that nobody knows, which is told by itself. */
static const char gaps[] =
	"SELECT tbl, reason FROM fact_gap WHERE (col = '' AND tbl IN ('link', 'address', 'netns',"
	" 'netns_link', 'tc_program', 'route_link', 'firewall_rule', 'firewall_redirect')) OR (tbl ="
	" 'netns_link' AND col = 'addresses') OR (tbl = 'netns' AND col = 'netns') UNION ALL SELECT"
	" replace(tables, ',', ', '), reason FROM collector_run WHERE state NOT IN ('ok', 'partial',"
	" 'skipped') AND collector IN ('links', 'namespaces', 'tc', 'firewall') ORDER BY 1 LIMIT 1";

static int gap_take(void *arg, sqlite3_stmt *row)
{
	rf_format(arg, CLOSED_MISSING_BYTES, "not all of it could be seen (%s): %s",
		  (const char *)sqlite3_column_text(row, 0),
		  (const char *)sqlite3_column_text(row, 1));
	return 0;
}

int closed_missing(struct fact_store *store, char out[CLOSED_MISSING_BYTES])
{
	out[0] = '\0';
	return fact_store_each(store, gaps, gap_take, out);
}

/* ---- whose guard refuses ---- */

/* An uplink's guard judges no such frames; one that observes lets them by, unless a quarantine
 * takes all that the VM sends. */
bool closed_guard_refuses(const struct guard_port *port)
{
	return port->role == GUARD_ROLE_VM &&
	       (port->mode != GUARD_MODE_OBSERVE || port->quarantine >= GUARD_HONEYWALL);
}

void closed_guards_done(struct closed_guards *guards)
{
	rf_free(guards->names);
	*guards = (struct closed_guards){.names = NULL};
}

int closed_guards_read(struct closed_guards *out)
{
	const struct guard_options there = {.existing = true};
	RF_AUTOFREE uint32_t *ports = rf_alloc(GUARD_SLOTS, sizeof(*ports));
	struct guard *guard = NULL;
	int rc = ports ? 0 : -ENOMEM;

	if (rc < 0 || guard_open(&there, &guard, NULL) < 0)
		return rc;
	size_t count = guard_ports(guard, ports, GUARD_SLOTS);

	for (size_t i = 0; rc == 0 && i < count && i < GUARD_SLOTS; i++) {
		struct guard_port port;

		if (guard_port_get(guard, ports[i], &port) < 0 || !closed_guard_refuses(&port))
			continue;
		rc = rf_grow((void **)&out->names, &out->capacity, out->count + 1,
			     sizeof(*out->names));
		if (!rc && guard_link_named(ports[i], out->names[out->count]))
			out->count++;
	}
	guard_close(guard);
	return rc;
}
