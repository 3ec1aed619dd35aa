/* SPDX-License-Identifier: Apache-2.0 */
/* What the files with verbs of the guard share; nobody else's business. */
#ifndef RF_ISOLATE_VERBS_PARTS_H
#define RF_ISOLATE_VERBS_PARTS_H

#include "change/verb.h"
#include "isolate/guard/guard.h"

/* Opens the guard that is there, or loads one; *out NULL where there is none to open. */
int verbs_guard_get(const struct verb_env *env, bool load, struct guard **out,
		    struct rf_err *err) RF_MUST_CHECK;
/* The link of that name; or the one that had it when it was guarded. RF_E_MISSING. */
int verbs_link_read(const char *name, struct guard_link *out, struct rf_err *err) RF_MUST_CHECK;

/* ---- where BPF is forbidden (verbs_nft.c) ---- */

/* Whether nft holds it: opening the guard (rc, guard) failed for a reason that nft does not have,
 * or no guard is loaded and nothing was to be loaded for it. */
bool verbs_nft_instead(const struct verb_env *env, int rc, const struct guard *guard);
int verbs_nft_change(const struct verb_env *env, const struct fallback_change *change,
		     struct rf_err *err) RF_MUST_CHECK;
/* BPF guards the link now: nft holds nothing of it any more. */
int verbs_nft_retire(const struct verb_env *env, const char *link,
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
