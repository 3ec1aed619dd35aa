/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Part of guard.h, which includes it: what keeps the guard up. The second layer in the bridge and
 * in nft, and the watch that guards new ports and heals guarded ones.
 */
#ifndef RF_ISOLATE_GUARD_WATCH_H
#define RF_ISOLATE_GUARD_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct guard;
struct nlmsghdr;

/* A link of this host. */
struct guard_link {
	uint32_t ifindex, master;
	char name[16], kind[16]; /* kind "" for hardware */
	char port_of[16];	 /* "bridge", "openvswitch", "bond" ... or "" */
	uint8_t mac[6];
};
struct guard_links {
	struct guard_link *items;
	size_t count, capacity;
};
/* All of them. Free with guard_links_done. */
int guard_links_read(struct guard_links *out, struct rf_err *err) RF_MUST_CHECK;
void guard_links_done(struct guard_links *links);
/* The one of that name; RF_E_MISSING. */
int guard_link_read(const char *name, struct guard_link *out, struct rf_err *err) RF_MUST_CHECK;
/* Name to index and back, over rtnetlink alone (if_nametoindex wants a socket of another family,
 * which the sandboxes deny). 0, false: there is none. */
uint32_t guard_link_index(const char *name);
bool guard_link_named(uint32_t ifindex, char out[16]);
/* By index, or NULL. */
const struct guard_link *guard_links_find(const struct guard_links *links, uint32_t ifindex);
/* Out of a message of rtnetlink; false where it is none about a link itself. */
bool guard_link_parse(const struct nlmsghdr *message, struct guard_link *out);
/* A tap or a veth: what a VM's port is made of. */
/* Notices of links: readable when any changed; -1. The next one that waits; false: no more. */
int guard_names_watch(void);
bool guard_names_next(int fd, struct guard_link *out, bool *out_lost);
bool guard_link_is_vm(const struct guard_link *link);
bool guard_link_is_port(const struct guard_link *link);
bool guard_link_is_bridge(const struct guard_link *link);

/* The second layer, for the moment in which somebody took the first one off. */
struct guard_bridge_port {
	bool locked;   /* only source addresses of the table pass (kernel 5.18) */
	bool learning; /* the table learns from what it sees */
	bool flood;    /* unicast to unknown addresses goes here too */
	bool isolated; /* frames go to ports that are not isolated, only */
	bool can_lock; /* read only */
};
/* -ENOENT where the link is no port of a bridge; set: RF_E_UNSUPPORTED where it cannot be locked
 * (the rest is set), and reads back. */
int guard_bridge_get(uint32_t ifindex, struct guard_bridge_port *out,
		     struct rf_err *err) RF_MUST_CHECK;
int guard_bridge_set(uint32_t ifindex, const struct guard_bridge_port *port,
		     struct rf_err *err) RF_MUST_CHECK;
/* The static entries of a port in its bridge's table, at most max; *out_count is how many there
 * are. */
int guard_bridge_macs(uint32_t ifindex, uint8_t (*out)[6], size_t max, size_t *out_count,
		      struct rf_err *err) RF_MUST_CHECK;
/* A static entry of the bridge's table; absent or present already is no error. */
int guard_bridge_address(uint32_t ifindex, const uint8_t mac[6], bool add,
			 struct rf_err *err) RF_MUST_CHECK;
/* Locks a guarded port to the addresses of its policy: static entries, no learning, no flooding,
 * what was learned, or stood there for an older policy, forgotten. */
int guard_fence(struct guard *guard, uint32_t ifindex, struct rf_err *err) RF_MUST_CHECK;

/* The nft rules of the second layer: a frame without a guard's mark goes no further, also from a
 * port that was born this moment. A table of our own; nobody else's is touched. */
enum guard_rule_kind {
	GUARD_RULE_LINK,   /* what comes in by links of this name: "vnet3", "vnet*" */
	GUARD_RULE_BRIDGE, /* by any port of this bridge (kernels with nft_meta_bridge) */
	GUARD_RULE_EXCEPT, /* not what comes in here: an uplink without a guard. Before the others
			    */
};
#define GUARD_RULES 96u
struct guard_rule {
	uint8_t kind, reserved;
	char name[16];
};
struct guard_rules {
	uint16_t count, reserved;
	struct guard_rule items[GUARD_RULES];
};
/* Why rules cannot be set; 0 when they can. Pure. */
int guard_rules_check(const struct guard_rules *rules, struct rf_err *err) RF_MUST_CHECK;
/* Adds one; RF_E_LIMIT, RF_E_SYNTAX. Pure. */
int guard_rules_add(struct guard_rules *rules, enum guard_rule_kind kind, const char *name,
		    struct rf_err *err) RF_MUST_CHECK;
/* Replaces the whole table in one transaction; count 0 removes it. RF_E_UNSUPPORTED. */
int guard_rules_set(struct guard *guard, const struct guard_rules *rules,
		    struct rf_err *err) RF_MUST_CHECK;
/* The rules as the kernel has them and as this guard made them; none where somebody altered the
 * table, or there is none. */
int guard_rules_get(struct guard *guard, struct guard_rules *out, struct rf_err *err) RF_MUST_CHECK;

/* Becomes readable when somebody changes nft's rules; -1 with errno. Close it. */
int guard_rules_watch(void);
/* Takes what was told; whether our table was touched (or more was told than could be kept). */
bool guard_rules_touched(int fd);

/* Which links are ports of VMs: by name (globs), as a port of these bridges, or as wants says. */
struct guard_scope {
	const char *const *names;
	size_t name_count;
	const uint32_t *bridges;
	size_t bridge_count;
	bool (*wants)(void *arg, const struct guard_link *link); /* NULL */
	bool look_only; /* nothing is attached or healed: GUARD_LOOSE tells of it */
};
/* CHANGED: something about a guarded link, or its port of a bridge, may be different now. */
enum guard_deed {
	GUARD_ATTACHED,
	GUARD_HEALED,
	GUARD_GONE,
	GUARD_FAILED,
	GUARD_LOOSE,
	GUARD_CHANGED
};
struct guard_notice {
	enum guard_deed deed;
	struct guard_link link;
	int64_t time_ns;   /* CLOCK_MONOTONIC, when the kernel's message was taken */
	struct rf_err err; /* GUARD_FAILED */
};
struct guard_watch;
/* Guards the links of scope that are there and, as long as guard_watch_step is called when the
 * descriptor is readable, each new one at once; puts back what another took off. told may be NULL.
 * The strings of scope are not copied; arg is also that of scope->wants. */
int guard_watch_open(struct guard *guard, const struct guard_scope *scope,
		     void (*told)(void *arg, const struct guard_notice *notice), void *arg,
		     struct guard_watch **out, struct rf_err *err) RF_MUST_CHECK;
int guard_watch_fd(const struct guard_watch *watch);
/* Deals with what is waiting; never blocks. */
int guard_watch_step(struct guard_watch *watch, struct rf_err *err) RF_MUST_CHECK;
/* Looks at every link, whatever was told: at the start, after lost notices, once in a while. */
int guard_watch_sweep(struct guard_watch *watch, struct rf_err *err) RF_MUST_CHECK;
void guard_watch_close(struct guard_watch *watch);

#endif
