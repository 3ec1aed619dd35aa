/* SPDX-License-Identifier: Apache-2.0 */
/* What making wants shares between its files; nobody else's business. */
#ifndef RF_ISOLATE_WANTS_PARTS_H
#define RF_ISOLATE_WANTS_PARTS_H

#include "isolate/verbs.h"

/* Adds one; explanation NULL: there was no memory for it. */
int wants_add(struct isolate_wants *w, const char *verb, const char *target,
	      struct rf_slice payload, const char *explanation) RF_MUST_CHECK;
/* The second layer, uplinks and strict. */
int wants_layer(struct isolate_wants *w, const struct policy_layer *layer,
		const struct policy_result *result,
		const struct isolate_scene *scene) RF_MUST_CHECK;

#endif
