/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guard as verbs of the plan engine: "guard-port" (what one link's guard enforces) and
 * "guard-zone" (one row of the matrix of zones). Applied, undone, journalled by src/change.
 */
#ifndef RF_ISOLATE_VERBS_H
#define RF_ISOLATE_VERBS_H

#include "change/plan.h"
#include "isolate/ownway.h"
#include "isolate/policy.h"
#include "isolate/tune.h"

extern const struct verb_table isolate_verbs;	     /* ports, zones, uplinks */
extern const struct verb_table isolate_layer_verbs;  /* the second layer, strict */
extern const struct verb_table isolate_holder_verbs; /* nft or BPF */
extern const struct verb_table isolate_policy_verbs; /* the policy that is kept (applied.h) */

/* Payload of "guard-fence": flags locked, learning, flood, isolated: 0, 1, or as it is; the static
 * addresses of the port. */
#define ISOLATE_FENCE_FLAGS	 4
#define ISOLATE_FENCE_MACS	 16
#define ISOLATE_FENCE_LEAVE	 2
#define ISOLATE_FENCE_LEAVE_MACS 0xff
struct isolate_fence {
	uint8_t flags[ISOLATE_FENCE_FLAGS];
	uint8_t count;
	uint8_t macs[ISOLATE_FENCE_MACS][6];
};
#define ISOLATE_HOLDER_TARGET "guard"		       /* of "guard-holder", whose value is "bpf" */
#define ISOLATE_RULES_TARGET  "bridge ringfence_guard" /* of "guard-rules" */

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

/* What else a plan depends on. */
struct isolate_scene {
	const struct guard_zone *live;	   /* GUARD_ZONES rows as they are */
	const struct guard_links *links;   /* of this host */
	const struct policy_layer *before; /* of the policy that is in force; NULL */
	struct rf_slice kept, keep;	   /* bytes that are kept now, and that are to be */
	const struct ownway *access;	   /* what the administrator's own way goes over; NULL */
	bool by_nft;			   /* rules of nft guard, also from birth */
	bool back;			   /* they do, and BPF may be used again */
};

/* What has to be so for a policy: the rows of its zones and of those that live has and the policy
 * has not, each port, the second layer, and that it is kept. Free with isolate_wants_done. */
int isolate_wants_make(const struct policy *policy, const struct policy_result *result,
		       const struct isolate_scene *scene, struct isolate_wants *out,
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

/* Adds to result, as conflicts, ports of bridges that strict or nft would cut off: neither a VM's
 * nor an uplink by the policy. Pure. -ENOMEM. */
int isolate_layer_check(const struct policy *policy, const struct guard_links *links,
			struct policy_result *result) RF_MUST_CHECK;
/* The rules of nft for a policy: of the second layer; or, where nft guards, of ports from birth. */
void isolate_layer_rules(const struct policy_layer *layer, bool by_nft, struct guard_rules *out);
/* The fence of a port with this policy, and of an uplink. */
void isolate_fence_port(const struct guard_port *port, struct isolate_fence *out);
/* An uplink's or a bridge's own configuration. */
void isolate_uplink_port(enum guard_role role, struct guard_port *out);
/* Whether ports of that bridge meet the second layer: it is named, or one of the policy's ports is
 * on it. */
bool isolate_layer_has(const struct policy_layer *layer, const struct policy_result *result,
		       const struct guard_links *links, const struct guard_link *bridge);

/* The row of a zone that a new guard has. */
struct guard_zone isolate_zone_new(uint32_t zone);

#endif
