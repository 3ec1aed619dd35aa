/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walk out of a switch, nearest first, and its ways in words. See topology.h. Each node is met
 * once, so that a ring ends it no later than a line.
 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "isolate/topology.h"

void topology_walk_done(struct topology_walk *walk)
{
	rf_free(walk->order);
	rf_free(walk->via);
	*walk = (struct topology_walk){0};
}

/* Over one arc of the switch, or with TOPOLOGY_NONE over each. */
static int walk_over(const struct topology *t, size_t first, enum topology_layer layer,
		     struct topology_walk *walk)
{
	walk->order = rf_alloc(t->nodes_count, sizeof(*walk->order));
	walk->via = rf_alloc(t->nodes_count, sizeof(*walk->via));
	if (!walk->order || !walk->via)
		return -ENOMEM;
	for (size_t i = 0; i < t->nodes_count; i++)
		walk->via[i] = TOPOLOGY_NONE;
	walk->order[walk->count++] = walk->start;
	for (size_t done = 0; done < walk->count; done++) {
		size_t at = walk->order[done];

		if (at != walk->start && t->nodes[at].ends)
			continue;
		for (size_t a = t->nodes[at].first; a != TOPOLOGY_NONE; a = t->arcs[a].next) {
			size_t to = t->arcs[a].to;

			if (!(t->arcs[a].layers & layer) || to == walk->start ||
			    walk->via[to] != TOPOLOGY_NONE ||
			    (at == walk->start && first != TOPOLOGY_NONE && a != first))
				continue;
			walk->via[to] = a;
			walk->order[walk->count++] = to;
		}
	}
	return 0;
}

int topology_walk(const struct topology *t, size_t start, enum topology_layer layer,
		  struct topology_walk *out)
{
	struct topology_walk walk = {.start = start};
	int rc = walk_over(t, TOPOLOGY_NONE, layer, &walk);

	if (rc < 0)
		topology_walk_done(&walk);
	else
		*out = walk;
	return rc;
}

size_t topology_nearest(const struct topology *t, const struct topology_walk *walk,
			enum topology_escape escape)
{
	for (size_t i = 1; i < walk->count; i++) {
		if (t->nodes[walk->order[i]].escape == escape)
			return walk->order[i];
	}
	return TOPOLOGY_NONE;
}

static bool leads_out(const struct topology *t, const struct topology_walk *walk)
{
	for (int e = TOPOLOGY_INSIDE + 1; e < TOPOLOGY_ESCAPES; e++) {
		if (topology_nearest(t, walk, (enum topology_escape)e) != TOPOLOGY_NONE)
			return true;
	}
	return false;
}

static int port_ways(const struct topology *t, size_t first, enum topology_layer layer,
		     int (*take)(void *arg, const struct topology_walk *walk, size_t end),
		     void *arg)
{
	TOPOLOGY_AUTOWALK struct topology_walk walk = {.start = t->arcs[first].from};
	int rc = walk_over(t, first, layer, &walk);

	for (size_t i = 1; rc == 0 && i < walk.count; i++) {
		if (t->nodes[walk.order[i]].escape != TOPOLOGY_INSIDE)
			rc = take(arg, &walk, walk.order[i]);
	}
	return rc;
}

int topology_ways(const struct topology *t, size_t start, enum topology_layer layer,
		  int (*take)(void *arg, const struct topology_walk *walk, size_t end), void *arg)
{
	TOPOLOGY_AUTOWALK struct topology_walk all = {.start = start};
	int rc = walk_over(t, TOPOLOGY_NONE, layer, &all);

	/* A switch that nothing leads out of is not asked port by port. */
	if (rc < 0 || !leads_out(t, &all))
		return rc;
	for (size_t a = t->nodes[start].first; rc == 0 && a != TOPOLOGY_NONE; a = t->arcs[a].next) {
		if (t->arcs[a].layers & layer)
			rc = port_ways(t, a, layer, take, arg);
	}
	return rc;
}

/* What a person would name first: the VM or stack that the way leads through. */
static const char *means(const struct topology *t, const struct topology_walk *walk, size_t end)
{
	const char *name = NULL;

	for (size_t at = end; at != walk->start; at = t->arcs[walk->via[at]].from) {
		const struct topology_node *node = &t->nodes[at];

		if (at == end)
			continue;
		if (node->kind == TOPOLOGY_IS_VM || node->kind == TOPOLOGY_IS_STACK)
			name = node->name;
	}
	return name;
}

void topology_path_words(const struct topology *t, const struct topology_walk *walk, size_t end,
			 struct rf_buf *out)
{
	const char *through = means(t, walk, end);
	size_t length = 0;

	for (size_t at = end; at != walk->start; at = t->arcs[walk->via[at]].from)
		length++;
	rf_buf_printf(out, "%s reaches %s", t->nodes[walk->start].name, t->nodes[end].name);
	if (through)
		rf_buf_printf(out, " by %s", through);
	/* From the end one knows where one came from, not where to go: each hop by counting. */
	bool any = false;

	for (size_t hop = 1; hop <= length; hop++) {
		size_t at = end;

		for (size_t back = length; back > hop; back--)
			at = t->arcs[walk->via[at]].from;
		const char *words = t->arcs[walk->via[at]].words;

		if (words[0])
			rf_buf_printf(out, "%s%s", any ? ", " : ": ", words);
		any |= words[0] != '\0';
	}
}

/* ---- what is shown ---- */

size_t topology_port_of(const struct topology *t, size_t node)
{
	if (t->nodes[node].kind != TOPOLOGY_IS_LINK)
		return TOPOLOGY_NONE;
	for (size_t a = t->nodes[node].first; a != TOPOLOGY_NONE; a = t->arcs[a].next) {
		size_t to = t->arcs[a].to;

		if (t->nodes[to].kind == TOPOLOGY_IS_SWITCH && !t->arcs[a].words[0])
			return to;
	}
	return TOPOLOGY_NONE;
}

void topology_view_done(struct topology_view *view)
{
	rf_free(view->nodes);
	rf_free(view->arcs);
	rf_free(view->breaks);
	*view = (struct topology_view){0};
}

struct viewing {
	const struct topology *t;
	struct topology_view *view;
};

static int way_mark(void *arg, const struct topology_walk *walk, size_t end)
{
	struct viewing *v = arg;

	v->view->ways++;
	for (size_t at = end; at != walk->start; at = v->t->arcs[walk->via[at]].from)
		v->view->breaks[walk->via[at]] = true;
	return 0;
}

/* A card that is there is not shown again as it is defined. */
static bool is_there(const struct topology *t, size_t vm, size_t plugged)
{
	for (size_t a = t->nodes[vm].first; a != TOPOLOGY_NONE; a = t->arcs[a].next) {
		const struct topology_arc *arc = &t->arcs[a];

		if ((arc->layers & TOPOLOGY_LIVE) &&
		    (arc->to == plugged || topology_port_of(t, arc->to) == plugged))
			return true;
	}
	return false;
}

static bool is_repeated(const struct topology *t, const struct topology_arc *arc)
{
	if (arc->layers & TOPOLOGY_LIVE)
		return false;
	if (t->nodes[arc->from].kind == TOPOLOGY_IS_VM)
		return is_there(t, arc->from, arc->to);
	return t->nodes[arc->to].kind == TOPOLOGY_IS_VM && is_there(t, arc->to, arc->from);
}

/* Namespaces that have nothing to do with the host's own links are not shown. */
static int joined_mark(const struct topology *t, bool *nodes)
{
	RF_AUTOFREE size_t *queue = rf_alloc(t->nodes_count + 1, sizeof(*queue));
	size_t count = 0;

	if (!queue)
		return -ENOMEM;
	for (size_t i = 0; i < t->nodes_count; i++) {
		nodes[i] = t->nodes[i].here && t->nodes[i].first != TOPOLOGY_NONE;
		nodes[i] |= t->nodes[i].kind == TOPOLOGY_IS_SWITCH && t->nodes[i].here;
		if (nodes[i])
			queue[count++] = i;
	}
	for (size_t done = 0; done < count; done++) {
		for (size_t a = t->nodes[queue[done]].first; a != TOPOLOGY_NONE;
		     a = t->arcs[a].next) {
			size_t to = t->arcs[a].to;

			if (!nodes[to])
				queue[count++] = to;
			nodes[to] = true;
		}
	}
	return 0;
}

int topology_view_make(const struct topology *t, struct topology_view *out)
{
	TOPOLOGY_AUTOVIEW struct topology_view view = {
		.nodes = rf_alloc(t->nodes_count + 1, sizeof(bool)),
		.arcs = rf_alloc(t->arcs_count + 1, sizeof(bool)),
		.breaks = rf_alloc(t->arcs_count + 1, sizeof(bool))};
	struct viewing v = {.t = t, .view = &view};
	int rc = view.nodes && view.arcs && view.breaks ? joined_mark(t, view.nodes) : -ENOMEM;

	for (size_t i = 0; rc == 0 && i < t->arcs_count; i++)
		view.arcs[i] = view.nodes[t->arcs[i].from] && !is_repeated(t, &t->arcs[i]);
	for (size_t i = 0; rc == 0 && i < t->nodes_count; i++) {
		if (t->nodes[i].closed)
			rc = topology_ways(t, i, TOPOLOGY_LIVE, way_mark, &v);
	}
	if (rc < 0)
		return rc;
	*out = view;
	view = (struct topology_view){0};
	return 0;
}
