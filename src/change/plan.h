/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plan: what would be changed, in order, shown before anything is. Made from wants (what should
 * be so) and the present state; what holds already is not in it, so an empty plan means that the
 * host is as wanted. As a JSON document it can be kept, approved and applied later; a target that
 * changed meanwhile makes it stale, and it is refused.
 */
#ifndef RF_CHANGE_PLAN_H
#define RF_CHANGE_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "change/verb.h"

#define PLAN_MAX_BYTES (8u << 20)

/* What should be so. Texts are borrowed until plan_make returns. */
struct want {
	struct change_spec spec; /* before and after are filled by plan_make */
	enum change_needs needs;
	enum change_risk risk;
	bool could_cut_access;
	bool secret;		 /* neither the old nor the new value may be shown */
	const char *explanation; /* one sentence: why */
	const char *origin;	 /* the control or policy that wants it; "" */
};

struct change {
	struct change_spec spec;
	const char *old_value; /* what stands there now; NULL when nothing does */
	const char *explanation, *origin;
	enum change_needs needs;
	enum change_risk risk;
	bool could_cut_access, secret;
};

/* A want that cannot be had, and why. */
struct plan_refusal {
	const char *origin, *target, *reason;
};

struct plan {
	char id[CHANGE_ID_BYTES]; /* YYYYMMDD-HHMMSS-hex; newer ones sort behind */
	char created[32];	  /* RFC 3339, UTC */
	char made_by[64], host[256], reason[256];
	char root[256]; /* "/" or the directory that stands for the host */
	struct change *changes;
	size_t count, capacity;
	struct plan_refusal *refusals;
	size_t refusals_count, refusals_capacity;
	size_t held_count;     /* wants that held already */
	struct rf_arena texts; /* owns the texts above */
};
#define PLAN_AUTO __attribute__((cleanup(plan_done)))
void plan_done(struct plan *plan);

/* How plan_make learns of the present: the state of a target, from the privileged side (priv.h) or,
 * in a test, directly. */
typedef int plan_read_fn(void *arg, const struct change_spec *spec, struct rf_buf *out_state,
			 struct rf_err *err);
struct plan_maker {
	const struct verb_set *verbs;
	const struct verb_env *env; /* for the pure checks */
	plan_read_fn *read;
	void *read_arg;
	int64_t now_ms;
	uint64_t random; /* makes the id unique */
};

/*
 * Makes a plan. The wants of one target become neighbours and are applied in one step, targets are
 * ordered by the rank of their kind, then as wanted. A want that contradicts an earlier one, is
 * not allowed or cannot be read becomes a refusal, not a failure.
 * Fails for lack of memory only, or when there are too many.
 */
int plan_make(const struct plan_maker *maker, const struct want *wants, size_t wants_count,
	      struct plan *out, struct rf_err *err) RF_MUST_CHECK;

/* The plan as JSON, with a final newline. */
int plan_write(const struct plan *plan, struct rf_buf *out, struct rf_err *err) RF_MUST_CHECK;

/*
 * Reads one. Unknown keys, wrong types, verbs that are not in the set, values over the limits and
 * targets whose changes are not neighbours are refused (RF_E_SYNTAX, RF_E_LIMIT, RF_E_UNKNOWN); out
 * is then untouched. What the privileged side allows is its own matter.
 */
int plan_read(struct rf_slice json, const struct verb_set *verbs, struct plan *out,
	      struct rf_err *err) RF_MUST_CHECK;

/* SHA-256 of what would be done: all specs in order. Binds an approval to a plan. */
int plan_digest(const struct plan *plan, uint8_t out[CHANGE_DIGEST_BYTES],
		struct rf_err *err) RF_MUST_CHECK;

/* The worst need and risk of all changes; whether one could cut access. */
enum change_needs plan_needs(const struct plan *plan);
enum change_risk plan_risk(const struct plan *plan);
bool plan_could_cut_access(const struct plan *plan);

#endif
