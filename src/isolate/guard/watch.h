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
/* A static entry of the bridge's table; absent or present already is no error. */
int guard_bridge_address(uint32_t ifindex, const uint8_t mac[6], bool add,
			 struct rf_err *err) RF_MUST_CHECK;
/* Locks a guarded port to the addresses of its policy: static entries, no learning, no flooding,
 * what was learned, or stood there for an older policy, forgotten. */
int guard_fence(struct guard *guard, uint32_t ifindex, struct rf_err *err) RF_MUST_CHECK;

/* The nft rule that drops what comes in by links of these names ("vnet*") without a guard's mark:
 * for ports born unseen, and where ports cannot be locked. One transaction; count 0 removes it. */
int guard_rule_set(struct guard *guard, const char *const *names, size_t count,
		   struct rf_err *err) RF_MUST_CHECK;
/* How many of its rules carry this guard's mark. 0 when there is no such table. */
int guard_rule_get(struct guard *guard, size_t *out_count, struct rf_err *err) RF_MUST_CHECK;

/* Which links are ports of VMs: by name (globs), or as a port of these bridges. */
struct guard_scope {
	const char *const *names;
	size_t name_count;
	const uint32_t *bridges;
	size_t bridge_count;
};
enum guard_deed { GUARD_ATTACHED, GUARD_HEALED, GUARD_GONE, GUARD_FAILED };
struct guard_notice {
	enum guard_deed deed;
	uint32_t ifindex;
	char name[16];
	struct rf_err err; /* GUARD_FAILED */
};
struct guard_watch;
/* Guards the links of scope that are there and, as long as guard_watch_step is called when the
 * descriptor is readable, each new one at once; puts back what another took off. told may be NULL.
 * The strings of scope are not copied. */
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
