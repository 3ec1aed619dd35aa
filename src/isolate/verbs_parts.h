/* SPDX-License-Identifier: Apache-2.0 */
/* What the files with verbs of the guard share; nobody else's business. */
#ifndef RF_ISOLATE_VERBS_PARTS_H
#define RF_ISOLATE_VERBS_PARTS_H

#include "change/verb.h"
#include "isolate/guard/guard.h"

/* The guard that holds this host's ports: the one that is there; else, with load, a new one. *out
 * NULL: rules of nft hold them (or nobody yet), and change them. The one place where verbs learn
 * which; RF_E_DENIED, RF_E_MISMATCH where a guard is there that this process may not change.
 * Loading takes the kernel a quarter of a second: the one that is there comes first. */
int verbs_guard_get(const struct verb_env *env, bool load, struct guard **out,
		    struct rf_err *err) RF_MUST_CHECK;
/* The link of that name; or the one that had it when it was guarded. RF_E_MISSING. */
int verbs_link_read(const char *name, struct guard_link *out, struct rf_err *err) RF_MUST_CHECK;

/* ---- where BPF is forbidden (verbs_nft.c) ---- */

/* Whether the table is there. */
bool verbs_nft_holds(const struct verb_env *env);
int verbs_nft_change(const struct verb_env *env, const struct fallback_change *change,
		     struct rf_err *err) RF_MUST_CHECK;
/* What the table carries; of an altered one nothing. */
int verbs_nft_port_read(const struct verb_env *env, const char *link, struct guard_port *out,
			bool *out_guarded, struct rf_err *err) RF_MUST_CHECK;
int verbs_nft_zone_read(const struct verb_env *env, uint32_t zone, struct guard_zone *out,
			struct rf_err *err) RF_MUST_CHECK;
int verbs_nft_strict_read(const struct verb_env *env, bool *out, struct rf_err *err) RF_MUST_CHECK;
int verbs_nft_births_read(const struct verb_env *env, struct guard_rules *out,
			  struct rf_err *err) RF_MUST_CHECK;

#endif
