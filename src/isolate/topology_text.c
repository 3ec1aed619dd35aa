/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The graph of switches as text for a terminal, and for Graphviz (its language is that of dot(1)).
 * The picture is topology_svg.c. See topology.h.
 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/topology.h"

static void visible(struct rf_buf *out, const char *text)
{
	rf_buf_add_visible(out, text, strlen(text));
}

/* ---- text ---- */

/* What a port leads to, besides its own switch. */
static void port_text(const struct topology *t, size_t port, size_t from, struct rf_buf *out)
{
	bool any = false;

	for (size_t a = t->nodes[port].first; a != TOPOLOGY_NONE; a = t->arcs[a].next) {
		const struct topology_arc *arc = &t->arcs[a];

		if (arc->to == from || !(arc->layers & TOPOLOGY_LIVE))
			continue;
		rf_buf_printf(out, any ? ", " : "  ");
		visible(out, t->nodes[arc->to].name);
		if (arc->words[0] && t->nodes[arc->to].kind == TOPOLOGY_IS_VM) {
			rf_buf_printf(out, " ");
			visible(out, arc->words);
		}
		any = true;
	}
}

static void switch_text(const struct topology *t, size_t at, const struct topology_view *view,
			struct rf_buf *out)
{
	const struct topology_node *node = &t->nodes[at];

	visible(out, node->name);
	rf_buf_printf(out, "  %s%s%s\n", node->what, node->live ? "" : ", only defined",
		      node->closed ? ", to be closed" : "");
	for (size_t a = node->first; a != TOPOLOGY_NONE; a = t->arcs[a].next) {
		const struct topology_arc *arc = &t->arcs[a];
		const struct topology_node *to = &t->nodes[arc->to];

		if (!view->arcs[a])
			continue;
		rf_buf_printf(out, "  %s ", view->breaks[a] ? "!" : " ");
		visible(out, arc->words[0] ? arc->words : to->name);
		if (to->kind != TOPOLOGY_IS_LINK)
			rf_buf_printf(out, "  ");
		if (to->kind != TOPOLOGY_IS_LINK)
			visible(out, to->name);
		else
			port_text(t, arc->to, at, out);
		if (!(arc->layers & TOPOLOGY_LIVE))
			rf_buf_printf(out, " (defined)");
		rf_buf_printf(out, "\n");
	}
}

struct ways {
	const struct topology *t;
	struct rf_buf *out;
	size_t count;
};

static int way_text(void *arg, const struct topology_walk *walk, size_t end)
{
	RF_AUTOBUF struct rf_buf words = {0};
	struct ways *w = arg;

	w->count++;
	topology_path_words(w->t, walk, end, &words);
	rf_buf_printf(w->out, "! ");
	visible(w->out, rf_buf_text(&words));
	rf_buf_printf(w->out, "\n");
	return words.failed ? -ENOMEM : 0;
}

int topology_text(const struct topology *t, struct rf_buf *out)
{
	TOPOLOGY_AUTOVIEW struct topology_view view = {0};
	int rc = topology_view_make(t, &view);

	for (size_t i = 0; rc == 0 && i < t->nodes_count; i++) {
		if (t->nodes[i].kind == TOPOLOGY_IS_SWITCH && view.nodes[i])
			switch_text(t, i, &view, out);
	}
	for (size_t i = 0; rc == 0 && i < t->nodes_count; i++) {
		struct ways w = {.t = t, .out = out};

		if (!t->nodes[i].closed)
			continue;
		rc = topology_ways(t, i, TOPOLOGY_LIVE, way_text, &w);
		if (rc || w.count)
			continue;
		visible(out, t->nodes[i].name);
		rf_buf_printf(out, ": nothing leads out of it\n");
	}
	return rc || out->failed ? -ENOMEM : 0;
}

/* ---- dot ---- */

static void dot_label(struct rf_buf *out, const char *text)
{
	RF_AUTOBUF struct rf_buf shown = {0};

	visible(&shown, text);
	for (size_t i = 0; i < shown.len; i++) {
		if (shown.data[i] == '"' || shown.data[i] == '\\')
			rf_buf_add_byte(out, '\\');
		rf_buf_add_byte(out, shown.data[i]);
	}
}

static const char *dot_style(const struct topology_node *node)
{
	switch (node->kind) {
	case TOPOLOGY_IS_SWITCH:
		return node->closed ? "box, style=\"filled,bold\", fillcolor=\"#d8eedd\""
				    : "box, style=filled, fillcolor=\"#e3e8f0\"";
	case TOPOLOGY_IS_VM:
		return "component";
	case TOPOLOGY_IS_STACK:
		return "house";
	case TOPOLOGY_IS_BEYOND:
		return "octagon";
	default:
		return node->escape == TOPOLOGY_INSIDE ? "plaintext" : "octagon";
	}
}

/* The arc the other way; TOPOLOGY_NONE. */
static size_t arc_back(const struct topology *t, size_t arc)
{
	size_t a = t->nodes[t->arcs[arc].to].first;

	while (a != TOPOLOGY_NONE && t->arcs[a].to != t->arcs[arc].from)
		a = t->arcs[a].next;
	return a;
}

static void dot_arc(const struct topology *t, size_t at, const struct topology_view *view,
		    struct rf_buf *out)
{
	const struct topology_arc *arc = &t->arcs[at];
	size_t back = arc_back(t, at);

	/* Both ways are one line: the arc that was made first draws it. */
	if (!view->arcs[at] || (back != TOPOLOGY_NONE && back < at))
		return;
	bool broken = view->breaks[at] || (back != TOPOLOGY_NONE && view->breaks[back]);

	rf_buf_printf(out, "  n%zu -> n%zu [%s%s%s", arc->from, arc->to,
		      back != TOPOLOGY_NONE ? "dir=none" : "dir=forward",
		      arc->layers & TOPOLOGY_LIVE ? "" : ", style=dashed",
		      broken ? ", color=\"#c62828\", penwidth=2.5" : "");
	rf_buf_printf(out, ", tooltip=\"");
	dot_label(out, arc->words);
	rf_buf_printf(out, "\"];\n");
}

int topology_dot(const struct topology *t, struct rf_buf *out)
{
	TOPOLOGY_AUTOVIEW struct topology_view view = {0};

	if (topology_view_make(t, &view) < 0)
		return -ENOMEM;
	rf_buf_printf(out,
		      "digraph switches {\n  rankdir=LR;\n  node [fontname=\"sans-serif\"];\n");
	for (size_t i = 0; i < t->nodes_count; i++) {
		const struct topology_node *node = &t->nodes[i];

		if (!view.nodes[i])
			continue;
		rf_buf_printf(out, "  n%zu [label=\"", i);
		dot_label(out, node->name);
		if (node->what[0]) {
			rf_buf_printf(out, "\\n");
			dot_label(out, node->what);
		}
		rf_buf_printf(out, "%s\", shape=%s];\n", node->closed ? ", to be closed" : "",
			      dot_style(node));
	}
	for (size_t i = 0; i < t->arcs_count; i++)
		dot_arc(t, i, &view, out);
	rf_buf_printf(out, "}\n");
	return out->failed ? -ENOMEM : 0;
}
