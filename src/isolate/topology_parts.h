/* SPDX-License-Identifier: Apache-2.0 */
/* What the files that make the graph of switches share; nobody else includes it. */
#ifndef RF_ISOLATE_TOPOLOGY_PARTS_H
#define RF_ISOLATE_TOPOLOGY_PARTS_H

#include "isolate/topology.h"

/* What is told of a link beyond its node, kept until all are there. */
struct topology_pending {
	struct topology_link link;
	size_t node;
	const char *route4, *route6; /* what is routed to it, in words; NULL: nothing */
};

/* An address of the host, for what is sent to those near it. */
struct topology_near {
	size_t node;
	bool six;
	uint8_t address[16], prefix;
};

/* Whether text is one of the list. */
bool topology_is_one(const char *text, const char *const *list, size_t count);
/* A program has the other end. */
bool topology_is_tap(const char *kind);

/* One way; words NULL is -ENOMEM. */
int topology_arc_add(struct topology *t, size_t from, size_t to, unsigned layers,
		     const char *words) RF_MUST_CHECK;
/* Frames go both ways. */
int topology_both(struct topology *t, size_t a, size_t b, const char *to_b,
		  const char *to_a) RF_MUST_CHECK;
/* The node of that key, made where there is none. */
int topology_node_named(struct topology *t, const char *key, const struct topology_node *node,
			size_t *out) RF_MUST_CHECK;
/* What a link, card or rule leads to that has no link here. */
int topology_beyond(struct topology *t, const char *name, enum topology_escape escape,
		    size_t *out) RF_MUST_CHECK;
/* A link of the same namespace by its name; TOPOLOGY_NONE. */
size_t topology_mate(const struct topology *t, const struct topology_pending *p, const char *name);

/* "network namespace web-1"; NULL: no memory. */
const char *topology_space_name(struct topology *t, int64_t netns);

enum stack { STACK_LOCAL, STACK_FORWARD4, STACK_FORWARD6 };

/* A stack of a namespace: what it takes for itself, or what it forwards. */
int topology_stack(struct topology *t, int64_t netns, enum stack which, size_t *out) RF_MUST_CHECK;
/* What a link of the host hands to its stack. */
struct topology_takes {
	bool four, six;		     /* packets that are forwarded if it forwards */
	bool to_others4, to_others6; /* packets for addresses that are on other links */
};
void topology_takes_read(const struct topology *t, const struct topology_pending *p,
			 struct topology_takes *out);
/* The arcs between a link and the stacks. */
int topology_stacks_join(struct topology *t, const struct topology_pending *p) RF_MUST_CHECK;
/* The switch that takes every frame of a link before its own addresses are asked; NULL. */
const struct topology_node *topology_switch_of(const struct topology *t,
					       const struct topology_pending *p);

#endif
