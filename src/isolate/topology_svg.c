/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The graph of switches as a picture: VMs on the left, switches with their ports in the middle,
 * what is no port on the right, and what breaks a closed switch in red, with its words below. One
 * SVG 1.1 file, which needs nothing beside it. See topology.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/topology.h"

#define MARGIN	  24
#define TOP	  96
#define ROW	  24 /* height of a port's line */
#define HEAD	  34 /* of a switch's name */
#define GAP	  22 /* between boxes */
#define BOX	  30 /* height of a VM or a link that is no port */
#define LEFT_W	  250
#define MIDDLE_X  430
#define MIDDLE_W  290
#define RIGHT_X	  850
#define RIGHT_W	  310
#define FAR_X	  1270
#define FAR_W	  250
#define WIDTH	  (FAR_X + FAR_W + MARGIN)
#define CHAR_W	  7.2 /* of the font, at its widest that is usual */
#define WAYS_MAX  40
#define WAY_H	  22
#define WAY_CHARS 205
#define RED	  "#c62828"
#define GREY	  "#8a919c"

/* Where a node is drawn. */
struct place {
	bool placed;
	int left, right, y; /* middle of its line */
	size_t card;	    /* switch that it is a port of, TOPOLOGY_NONE */
	long weight;	    /* sum and count of its neighbours' heights */
	long count;
};

struct picture {
	const struct topology *t;
	const struct topology_view *view;
	struct place *places;
	bool *broken; /* nodes on a way out */
	struct rf_buf *out;
	int height;
};

/* ---- text ---- */

/* Letters, not bytes, are counted; what does not fit ends with dots. */
static void text_put(struct rf_buf *out, const char *text, size_t max)
{
	RF_AUTOBUF struct rf_buf shown = {0};
	size_t letters = 0;

	rf_buf_add_visible(&shown, text, strlen(text));
	for (size_t i = 0; i < shown.len; i++) {
		uint8_t c = shown.data[i];

		letters += (c & 0xc0) != 0x80;
		if (letters > max) {
			rf_buf_printf(out, "…");
			return;
		}
		if (c == '&' || c == '<' || c == '>' || c == '"')
			rf_buf_printf(out, "&#%u;", c);
		else
			rf_buf_add_byte(out, c);
	}
}

static size_t fits(int width)
{
	return (size_t)((width - 16) / CHAR_W);
}

/* ---- placing ---- */

enum column { COLUMN_VMS, COLUMN_SWITCHES, COLUMN_LINKS, COLUMN_FAR };

static enum column column_of(const struct topology_node *node)
{
	static const enum column columns[] = {[TOPOLOGY_IS_SWITCH] = COLUMN_SWITCHES,
					      [TOPOLOGY_IS_LINK] = COLUMN_LINKS,
					      [TOPOLOGY_IS_VM] = COLUMN_VMS,
					      [TOPOLOGY_IS_STACK] = COLUMN_FAR,
					      [TOPOLOGY_IS_BEYOND] = COLUMN_FAR};

	return columns[node->kind];
}

static int card_place(struct picture *p, size_t at, int y)
{
	p->places[at] = (struct place){.placed = true,
				       .left = MIDDLE_X,
				       .right = MIDDLE_X + MIDDLE_W,
				       .y = y + HEAD / 2,
				       .card = TOPOLOGY_NONE};
	y += HEAD;
	for (size_t i = 0; i < p->t->nodes_count; i++) {
		if (p->places[i].card != at || !p->view->nodes[i])
			continue;
		p->places[i].placed = true;
		p->places[i].left = MIDDLE_X;
		p->places[i].right = MIDDLE_X + MIDDLE_W;
		p->places[i].y = y + ROW / 2;
		y += ROW;
	}
	return y + GAP;
}

/* Neighbours that have a place already say where a node would like to be. */
static void weigh(struct picture *p)
{
	for (size_t i = 0; i < p->t->arcs_count; i++) {
		const struct topology_arc *arc = &p->t->arcs[i];
		struct place *from = &p->places[arc->from];
		const struct place *to = &p->places[arc->to];

		if (from->placed || !to->placed)
			continue;
		from->weight += to->y;
		from->count++;
	}
	for (size_t i = 0; i < p->t->arcs_count; i++) {
		const struct place *from = &p->places[p->t->arcs[i].from];
		struct place *to = &p->places[p->t->arcs[i].to];

		if (!from->placed || to->placed)
			continue;
		to->weight += from->y;
		to->count++;
	}
}

struct wish {
	size_t node;
	long y;
};

static int wish_order(const void *a, const void *b)
{
	const struct wish *x = a, *y = b;

	if (x->y != y->y)
		return x->y < y->y ? -1 : 1;
	return x->node < y->node ? -1 : x->node > y->node;
}

/* What is no port, beside its neighbours. */
static int column_place(struct picture *p, enum column column, int left, int right)
{
	RF_AUTOFREE struct wish *wishes = rf_alloc(p->t->nodes_count + 1, sizeof(*wishes));
	size_t count = 0;
	int y = TOP;

	if (!wishes)
		return -ENOMEM;
	for (size_t i = 0; i < p->t->nodes_count; i++) {
		const struct place *place = &p->places[i];

		if (place->placed || !p->view->nodes[i] || column_of(&p->t->nodes[i]) != column)
			continue;
		wishes[count++] = (struct wish){i, place->count ? place->weight / place->count
								: (long)p->height};
	}
	qsort(wishes, count, sizeof(*wishes), wish_order);
	for (size_t i = 0; i < count; i++) {
		struct place *place = &p->places[wishes[i].node];

		y = wishes[i].y > y + BOX / 2 ? (int)wishes[i].y - BOX / 2 : y;
		place->placed = true;
		place->left = left;
		place->right = right;
		place->y = y + BOX / 2;
		y += BOX + 12;
	}
	p->height = y > p->height ? y : p->height;
	return 0;
}

static int all_place(struct picture *p)
{
	int y = TOP;

	for (size_t i = 0; i < p->t->nodes_count; i++)
		p->places[i].card = topology_port_of(p->t, i);
	for (size_t i = 0; i < p->t->nodes_count; i++) {
		if (p->t->nodes[i].kind == TOPOLOGY_IS_SWITCH && p->view->nodes[i])
			y = card_place(p, i, y);
	}
	p->height = y;
	weigh(p);
	int rc = column_place(p, COLUMN_VMS, MARGIN, MARGIN + LEFT_W);

	if (!rc)
		rc = column_place(p, COLUMN_LINKS, RIGHT_X, RIGHT_X + RIGHT_W);
	/* What is behind those links has neighbours only now. */
	weigh(p);
	return rc ? rc : column_place(p, COLUMN_FAR, FAR_X, FAR_X + FAR_W);
}

/* ---- drawing ---- */

static void box_put(struct picture *p, const struct place *at, int height, const char *fill,
		    const char *line)
{
	rf_buf_printf(p->out,
		      "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"5\" fill=\"%s\" "
		      "stroke=\"%s\"/>\n",
		      at->left, at->y - height / 2, at->right - at->left, height, fill, line);
}

static void words_put(struct picture *p, int x, int y, const char *class, const char *text,
		      size_t max)
{
	rf_buf_printf(p->out, "<text x=\"%d\" y=\"%d\"%s>", x, y + 5, class);
	text_put(p->out, text, max);
	rf_buf_printf(p->out, "</text>\n");
}

static void card_draw(struct picture *p, size_t at)
{
	const struct topology_node *node = &p->t->nodes[at];
	const struct place *head = &p->places[at];
	RF_AUTOBUF struct rf_buf title = {0};
	bool broken = node->closed && p->broken[at];
	int ports = 0;

	for (size_t i = 0; i < p->t->nodes_count; i++)
		ports += p->places[i].card == at && p->view->nodes[i];
	rf_buf_printf(
		p->out,
		"<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"7\" fill=\"#ffffff\" "
		"stroke=\"%s\" stroke-width=\"%s\"%s/>\n",
		head->left, head->y - HEAD / 2, MIDDLE_W, HEAD + ports * ROW,
		broken	       ? RED
		: node->closed ? "#2e7d32"
			       : "#5b6b82",
		node->closed ? "2" : "1.2", node->live ? "" : " stroke-dasharray=\"5 4\"");
	box_put(p, head, HEAD, broken ? "#fbe4e4" : node->closed ? "#dff1e2" : "#e6ebf3", "none");
	rf_buf_printf(&title, "%s", node->name);
	words_put(p, head->left + 10, head->y, " class=\"b\"", rf_buf_text(&title), 22);
	words_put(p, head->right - 10, head->y, " class=\"s\" text-anchor=\"end\"",
		  broken	 ? "closed: NOT"
		  : node->closed ? "closed"
		  : node->live	 ? node->what
				 : "only defined",
		  18);
}

static void port_draw(struct picture *p, size_t at)
{
	const struct place *place = &p->places[at];

	words_put(p, place->left + 10, place->y, p->broken[at] ? " class=\"r\"" : "",
		  p->t->nodes[at].name, fits(MIDDLE_W - 80));
	words_put(p, place->right - 10, place->y, " class=\"s\" text-anchor=\"end\"",
		  p->t->nodes[at].named ? "uplink" : p->t->nodes[at].what, 12);
}

static void free_draw(struct picture *p, size_t at)
{
	const struct topology_node *node = &p->t->nodes[at];
	const struct place *place = &p->places[at];
	RF_AUTOBUF struct rf_buf title = {0};
	bool vm = node->kind == TOPOLOGY_IS_VM;

	box_put(p, place, BOX, vm ? "#f3f0fa" : "#f6f6f4", p->broken[at] ? RED : "#9aa3b0");
	rf_buf_printf(&title, "%s%s%s", node->name, node->what[0] && !vm ? " · " : "",
		      vm ? "" : node->what);
	words_put(p, place->left + 10, place->y, p->broken[at] ? " class=\"r\"" : "",
		  rf_buf_text(&title), fits(place->right - place->left));
}

/* Out of the side that looks at the other end; two ports are joined around the right. */
static void line_put(struct picture *p, size_t at, bool broken)
{
	const struct topology_arc *arc = &p->t->arcs[at];
	const struct place *a = &p->places[arc->from], *b = &p->places[arc->to];
	bool same = a->left == b->left;
	int x1 = same || a->right <= b->left ? a->right : a->left;
	int x2 = same || b->right <= a->left ? b->right : b->left;
	int bend = same ? 90 : (x2 - x1) / 2;

	rf_buf_printf(p->out,
		      "<path d=\"M%d %dC%d %d %d %d %d %d\" fill=\"none\" stroke=\"%s\" "
		      "stroke-width=\"%s\"%s><title>",
		      x1, a->y, x1 + bend, a->y, same ? x2 + bend : x2 - bend, b->y, x2, b->y,
		      broken ? RED : GREY, broken ? "2.4" : "1.2",
		      arc->layers & TOPOLOGY_LIVE ? "" : " stroke-dasharray=\"5 4\"");
	text_put(p->out, arc->words, 200);
	rf_buf_printf(p->out, "</title></path>\n");
}

static bool is_inside_card(const struct picture *p, const struct topology_arc *arc)
{
	return p->places[arc->from].card == arc->to || p->places[arc->to].card == arc->from;
}

/* The lines that break something lie on top. */
static void lines_draw(struct picture *p, bool broken)
{
	for (size_t i = 0; i < p->t->arcs_count; i++) {
		const struct topology_arc *arc = &p->t->arcs[i];

		if (is_inside_card(p, arc) || !p->view->arcs[i] || !p->places[arc->from].placed ||
		    !p->places[arc->to].placed || p->view->breaks[i] != broken)
			continue;
		line_put(p, i, broken);
	}
}

struct ways {
	struct picture *p;
	size_t count;
	int y;
};

static int way_draw(void *arg, const struct topology_walk *walk, size_t end)
{
	RF_AUTOBUF struct rf_buf words = {0};
	struct ways *w = arg;

	if (w->count++ >= WAYS_MAX)
		return 0;
	topology_path_words(w->p->t, walk, end, &words);
	words_put(w->p, MARGIN, w->y, " class=\"r\"", rf_buf_text(&words), WAY_CHARS);
	w->y += WAY_H;
	return words.failed ? -ENOMEM : 0;
}

static int ways_draw(struct picture *p)
{
	struct ways w = {.p = p, .y = p->height + 20};
	char more[40];
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < p->t->nodes_count; i++) {
		if (p->t->nodes[i].closed)
			rc = topology_ways(p->t, i, TOPOLOGY_LIVE, way_draw, &w);
	}
	if (w.count > WAYS_MAX) {
		rf_format(more, sizeof(more), "and %zu more ways", w.count - WAYS_MAX);
		words_put(p, MARGIN, w.y, " class=\"r\"", more, WAY_CHARS);
	}
	return rc;
}

static void head_draw(struct picture *p, int height)
{
	rf_buf_printf(p->out,
		      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
		      "viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"13\" "
		      "fill=\"#1f2733\">\n<style>.b{font-weight:600;font-size:14px}.s{fill:#5b6675;"
		      "font-size:11px}.r{fill:" RED "}.h{font-weight:600;font-size:17px}</style>\n"
		      "<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n",
		      WIDTH, height, WIDTH, height);
	words_put(p, MARGIN, 28, " class=\"h\"", "Switches of this host and what they reach", 80);
	words_put(p, MARGIN, 52, " class=\"s\"",
		  "Green: closed, nothing leads out. Red: a way out of a switch that is to be "
		  "closed. Dashed: defined, not there now.",
		  160);
	words_put(p, MARGIN, 78, " class=\"s\"", "VMs", 20);
	words_put(p, MIDDLE_X, 78, " class=\"s\"", "switches and their ports", 40);
	words_put(p, RIGHT_X, 78, " class=\"s\"", "other links", 60);
	words_put(p, FAR_X, 78, " class=\"s\"", "the host, namespaces, what is beyond", 60);
}

static int draw(struct picture *p)
{
	const struct topology *t = p->t;
	size_t ways = p->view->ways > WAYS_MAX ? WAYS_MAX + 1 : p->view->ways;

	head_draw(p, p->height + MARGIN + (int)ways * WAY_H + (ways ? 20 : 0));
	for (size_t i = 0; i < t->arcs_count; i++) {
		p->broken[t->arcs[i].from] |= p->view->breaks[i];
		p->broken[t->arcs[i].to] |= p->view->breaks[i];
	}
	lines_draw(p, false);
	lines_draw(p, true);
	for (size_t i = 0; i < t->nodes_count; i++) {
		if (t->nodes[i].kind == TOPOLOGY_IS_SWITCH && p->places[i].placed)
			card_draw(p, i);
	}
	for (size_t i = 0; i < t->nodes_count; i++) {
		if (p->places[i].placed && p->places[i].card != TOPOLOGY_NONE)
			port_draw(p, i);
		else if (p->places[i].placed && t->nodes[i].kind != TOPOLOGY_IS_SWITCH)
			free_draw(p, i);
	}
	int rc = ways_draw(p);

	rf_buf_printf(p->out, "</svg>\n");
	return rc;
}

int topology_svg(const struct topology *t, struct rf_buf *out)
{
	RF_AUTOFREE struct place *places = rf_alloc(t->nodes_count + 1, sizeof(*places));
	RF_AUTOFREE bool *broken = rf_alloc(t->nodes_count + 1, sizeof(*broken));
	TOPOLOGY_AUTOVIEW struct topology_view view = {0};
	struct picture p = {.t = t, .view = &view, .places = places, .broken = broken, .out = out};

	if (!places || !broken || topology_view_make(t, &view) < 0)
		return -ENOMEM;
	int rc = all_place(&p);

	if (!rc)
		rc = draw(&p);
	return rc || out->failed ? -ENOMEM : 0;
}
