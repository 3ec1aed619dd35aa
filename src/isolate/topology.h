/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which switch leads where: a graph of switches, links, VMs and network stacks, and the walk that
 * finds every way out of a switch. Pure: it is told what there is, by facts (topology_load.c) or by
 * a test. A packet filter is not counted: it may be flushed, and a closed switch needs none.
 */
#ifndef RF_ISOLATE_TOPOLOGY_H
#define RF_ISOLATE_TOPOLOGY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/map.h"

#define TOPOLOGY_MAX_NODES 200000u
#define TOPOLOGY_NONE	   SIZE_MAX

/* What it means that a closed switch reaches this. */
enum topology_escape {
	TOPOLOGY_INSIDE,  /* nothing */
	TOPOLOGY_UPLINK,  /* hardware, or what leads to it */
	TOPOLOGY_HOST,	  /* the host's own network stack */
	TOPOLOGY_SWITCH,  /* another switch of the host */
	TOPOLOGY_TUNNEL,  /* a link whose frames go on in packets */
	TOPOLOGY_UNKNOWN, /* nobody can say what is behind it */
	TOPOLOGY_ESCAPES,
};

enum topology_kind {
	TOPOLOGY_IS_SWITCH,
	TOPOLOGY_IS_LINK,
	TOPOLOGY_IS_VM,
	TOPOLOGY_IS_STACK, /* of a network namespace, the host's or another */
	TOPOLOGY_IS_BEYOND,
};

/* What runs, and what is defined and will run. */
enum topology_layer { TOPOLOGY_LIVE = 1, TOPOLOGY_DEFINED = 2 };

struct topology_node {
	enum topology_kind kind;
	enum topology_escape escape;
	bool ends;    /* the walk goes no further */
	bool allowed; /* it ends because the policy lets it stand between switches */
	bool closed;  /* a switch that is to be closed */
	bool here;    /* of the host's own network namespace; a VM always */
	bool live;    /* there now, not only defined */
	bool named;   /* its link is one that the policy calls an uplink */
	const char *name;
	const char *what;   /* "bridge", "veth", "hardware" ... */
	size_t first, last; /* arcs that lead out of it; first TOPOLOGY_NONE: there is none */
};

struct topology_arc {
	size_t from, to;
	size_t next; /* the next one out of from */
	unsigned layers;
	const char *words; /* what is gone through: "port vnet0"; "" */
};

struct topology {
	struct topology_node *nodes;
	size_t nodes_count, nodes_capacity;
	struct topology_arc *arcs;
	size_t arcs_count, arcs_capacity;
	struct rf_map by_index; /* "NETNS/IFINDEX" to a node's number + 1 */
	struct rf_map by_name;	/* links of the host by name; "vm NAME"; "stack NETNS" ... */
	struct topology_pending *pending;
	size_t pending_count, pending_capacity;
	struct topology_space *spaces;
	size_t spaces_count, spaces_capacity;
	struct topology_near *nears;
	size_t nears_count, nears_capacity;
	struct rf_map ovs;	/* links of the host whose bridge of Open vSwitch is known */
	struct rf_map networks; /* of libvirt: name to its bridge or device */
	int64_t own;		/* the host's own network namespace */
	struct rf_arena texts;
};

/* A link. Texts may be NULL for "". */
struct topology_link {
	int64_t netns; /* as in the fact netns; the host's own: topology.own */
	uint32_t ifindex, lower_index;
	int64_t lower_netns; /* -1: the same */
	const char *name, *kind, *role, *master, *addresses;
	bool ip_forward, ip6_forward;
	bool any_source;	   /* packets are taken whatever their source: rp_filter 0 */
	bool any_arp;		   /* ARP is answered for every address of the host: arp_ignore 0 */
	bool proxy_arp, proxy_ndp; /* and for addresses of others */
	bool no_carrier;	   /* nobody holds the other end */
	bool uplink;		   /* the policy says so */
	bool guarded;		   /* the guard's programs hang on it */
};

/* An interface of a bridge of Open vSwitch. */
struct topology_ovs_port {
	const char *name, *bridge, *type, *peer; /* peer: of a patch */
};

/* A network card of a VM, by one layer of its definition. */
struct topology_card {
	enum topology_layer layer;
	const char *vm, *nic, *mac, *kind, *network, *target;
};

/* A network of libvirt, by its definition. */
struct topology_network {
	const char *name, *bridge, *forward_mode, *forward_dev;
	int64_t addresses;
};

/* Zero-initialise, set own, free with topology_done. Each adds a copy. -ENOMEM, RF_E_LIMIT. */
int topology_link_add(struct topology *t, const struct topology_link *link) RF_MUST_CHECK;
int topology_netns_add(struct topology *t, int64_t netns, const char *name,
		       bool readable) RF_MUST_CHECK;
/* Behind the links of the host: an address of a link, with the length of its prefix. What is no
 * address is left out. */
int topology_address_add(struct topology *t, const char *link, const char *address,
			 int64_t prefix) RF_MUST_CHECK;
/* Behind the links of the host: a route leads out of it. words: "10.5.0.0/24 (table 100)" */
int topology_route_add(struct topology *t, const char *link, int family,
		       const char *words) RF_MUST_CHECK;
/* Behind links, addresses and routes: a rule of nft sends packets elsewhere. */
struct topology_filter {
	const char *kind, *family; /* as in the fact firewall_redirect */
	const char *rule;	   /* "table nat, chain prerouting" */
	const char *links;	   /* "a,b"; "": every one */
	const char *to_link;	   /* "": none; NULL: nobody can say */
	const char *to_address;	   /* "": none; NULL: nobody can say */
};
int topology_filter_add(struct topology *t, const struct topology_filter *filter) RF_MUST_CHECK;
/* Behind the links of the host. A link that none tells of is on the one datapath that all bridges
 * share: nobody can say which of them it reaches. */
int topology_ovs_port_add(struct topology *t, const struct topology_ovs_port *port) RF_MUST_CHECK;
/* Behind the links and networks. */
int topology_network_add(struct topology *t, const struct topology_network *net) RF_MUST_CHECK;
int topology_card_add(struct topology *t, const struct topology_card *card) RF_MUST_CHECK;
/* A filter on a link of the host takes frames to another; to NULL: where, nobody can say. */
int topology_redirect_add(struct topology *t, const char *link, const char *to,
			  const char *program) RF_MUST_CHECK;
/* Joins what was added; last. */
int topology_join(struct topology *t) RF_MUST_CHECK;
void topology_done(struct topology *t);
#define TOPOLOGY_AUTO __attribute__((cleanup(topology_done)))

/* The number of a link of the host's, or of "vm NAME"; TOPOLOGY_NONE. */
size_t topology_find(const struct topology *t, const char *name);
/* The bridge or device of a libvirt network; NULL. */
const char *topology_network_bridge(const struct topology *t, const char *network);

/* Everything that a switch reaches. */
struct topology_walk {
	size_t start;
	size_t *order; /* numbers of nodes as they were reached, nearest first */
	size_t count;
	size_t *via; /* for each node the arc it was reached by, TOPOLOGY_NONE */
};
/* Walks the arcs of a layer from a switch. Free with topology_walk_done. -ENOMEM */
int topology_walk(const struct topology *t, size_t start, enum topology_layer layer,
		  struct topology_walk *out) RF_MUST_CHECK;
void topology_walk_done(struct topology_walk *walk);
#define TOPOLOGY_AUTOWALK __attribute__((cleanup(topology_walk_done)))

/* The nearest node of that escape; TOPOLOGY_NONE. */
size_t topology_nearest(const struct topology *t, const struct topology_walk *walk,
			enum topology_escape escape);
/* "br-lab reaches br-prod by VM web1: port vnet0, ...". */
void topology_path_words(const struct topology *t, const struct topology_walk *walk, size_t end,
			 struct rf_buf *out);

/* Calls take for each way out of a switch: for each of its ports each end that the port leads to,
 * nearest first. Not 0 from take ends it. -ENOMEM */
int topology_ways(const struct topology *t, size_t start, enum topology_layer layer,
		  int (*take)(void *arg, const struct topology_walk *walk, size_t end),
		  void *arg) RF_MUST_CHECK;

/* What a picture shows: what the host is joined to, each thing once. Flags for each node or arc. */
struct topology_view {
	bool *nodes, *arcs;
	bool *breaks; /* arcs on a way out of a closed switch */
	size_t ways;  /* how many there are */
};
/* Free with topology_view_done. -ENOMEM */
int topology_view_make(const struct topology *t, struct topology_view *out) RF_MUST_CHECK;
void topology_view_done(struct topology_view *view);
#define TOPOLOGY_AUTOVIEW __attribute__((cleanup(topology_view_done)))
/* The switch that a link is a port of; TOPOLOGY_NONE. */
size_t topology_port_of(const struct topology *t, size_t node);

/* Pictures of a whole graph; ways out of closed switches stand out. -ENOMEM */
int topology_text(const struct topology *t, struct rf_buf *out) RF_MUST_CHECK;
int topology_dot(const struct topology *t, struct rf_buf *out) RF_MUST_CHECK;
int topology_svg(const struct topology *t, struct rf_buf *out) RF_MUST_CHECK;

#endif
