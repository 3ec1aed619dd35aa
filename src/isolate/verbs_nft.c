/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verbs of the guard where BPF is forbidden: the same objects, held by rules of nft
 * (guard/fallback.h). What the table carries is read once and kept with the engine; it is read
 * anew where anybody else changed a rule since.
 */
#include <errno.h>

#include "base/mem.h"
#include "isolate/verbs.h"
#include "isolate/verbs_parts.h"

static void hold_drop(void *what)
{
	fallback_done(what);
	rf_free(what);
}

/* As it is in the kernel now. Give it back with hold_give. */
static int hold_take(const struct verb_env *env, struct fallback **out, struct rf_err *err)
{
	bool kept = env->keep && env->keep->drop == hold_drop;
	struct fallback *f = kept ? env->keep->what : rf_alloc(1, sizeof(*f));

	if (!f)
		return rf_fail(err, -ENOMEM, "no memory");
	if (env->keep && !env->keep->what)
		*env->keep = (struct verb_keep){f, hold_drop};
	*out = f;
	return fallback_renew(f, err);
}

static void hold_give(const struct verb_env *env, struct fallback *f)
{
	if (f && (!env->keep || env->keep->what != f))
		hold_drop(f);
}

bool verbs_nft_holds(const struct verb_env *env)
{
	struct fallback *f = NULL;
	bool holds = hold_take(env, &f, NULL) == 0 && f->there;

	hold_give(env, f);
	return holds;
}

int verbs_nft_change(const struct verb_env *env, const struct fallback_change *change,
		     struct rf_err *err)
{
	struct fallback *f = NULL;
	int rc = hold_take(env, &f, err);

	if (!rc)
		rc = fallback_change(f, change, err);
	hold_give(env, f);
	return rc;
}

/* The rules of a table that somebody altered guard nothing that one could rely on; what they held
 * is told all the same. */
int verbs_nft_port_read(const struct verb_env *env, const char *link, struct guard_port *out,
			bool *out_guarded, struct rf_err *err)
{
	struct fallback *f = NULL;
	int rc = hold_take(env, &f, err);
	const struct fallback_port *port = rc ? NULL : fallback_find(f, link);

	*out_guarded = port && !port->stale;
	if (port)
		*out = port->port;
	hold_give(env, f);
	return rc;
}

int verbs_nft_zone_read(const struct verb_env *env, uint32_t zone, struct guard_zone *out,
			struct rf_err *err)
{
	struct fallback *f = NULL;
	int rc = hold_take(env, &f, err);

	if (!rc)
		fallback_zone_get(f, zone, out);
	hold_give(env, f);
	return rc;
}

int verbs_nft_strict_read(const struct verb_env *env, bool *out, struct rf_err *err)
{
	struct fallback *f = NULL;
	int rc = hold_take(env, &f, err);

	*out = rc == 0 && f->whole && f->strict;
	hold_give(env, f);
	return rc;
}

int verbs_nft_births_read(const struct verb_env *env, struct guard_rules *out, struct rf_err *err)
{
	struct fallback *f = NULL;
	int rc = hold_take(env, &f, err);

	if (rc == 0 && f->whole)
		*out = f->births;
	hold_give(env, f);
	return rc;
}
