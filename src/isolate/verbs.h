/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guard as verbs of the plan engine: "guard-port" (what one link's guard enforces) and
 * "guard-zone" (one row of the matrix of zones). Applied, undone, journalled by src/change.
 */
#ifndef RF_ISOLATE_VERBS_H
#define RF_ISOLATE_VERBS_H

#include "change/plan.h"
#include "isolate/policy.h"
#include "isolate/tune.h"

extern const struct verb_table isolate_verbs;

/* State of a "port": 1 or 0 (guarded or not), then struct guard_port from its mode on: what lies
 * before that the guard itself writes. */
#define PORT_SKIP	 offsetof(struct guard_port, mode)
#define PORT_STATE_BYTES (1 + sizeof(struct guard_port) - PORT_SKIP)

/* The link of that name, if it is a VM's port: a tap or veth that is a port of a bridge.
 * RF_E_MISSING, RF_E_DENIED. */
int isolate_link_find(const char *name, uint32_t *out, struct rf_err *err) RF_MUST_CHECK;
/* Whether a text can be a link's name; env is not asked. Pure. RF_E_DENIED. */
int isolate_port_name_check(const struct verb_env *env, const char *name,
			    struct rf_err *err) RF_MUST_CHECK;

/* A port's policy in words: "enforce 52:54:00:00:00:01 zone 2, IP 10.0.0.5". */
void isolate_port_words(const struct guard_port *port, struct rf_buf *out);

/* Wants with the texts they borrow. */
struct isolate_wants {
	struct want *items;
	size_t count, capacity;
	struct rf_arena texts;
};
/* What has to be so for a policy: the rows of its zones and of those that live has and the policy
 * has not, and each port. live: GUARD_ZONES rows as they are. Free with isolate_wants_done. */
int isolate_wants_make(const struct policy *policy, const struct policy_result *result,
		       const struct guard_zone *live, struct isolate_wants *out,
		       struct rf_err *err) RF_MUST_CHECK;
/* A setting of a VM that should be so. */
struct tune_want {
	const char *vm;
	enum virt_layer layer;
	const char *row, *item;	 /* item NULL where the row has none */
	const char *value;	 /* NULL: unset, in a definition */
	const char *explanation; /* stays until the wants are done */
};
/* Appends one. RF_E_SYNTAX, RF_E_LIMIT for a name or value that no row takes. */
int isolate_wants_tune(struct isolate_wants *wants, const struct tune_want *what,
		       struct rf_err *err) RF_MUST_CHECK;
void isolate_wants_done(struct isolate_wants *wants);

/* The row of a zone that a new guard has. */
struct guard_zone isolate_zone_new(uint32_t zone);

#endif
