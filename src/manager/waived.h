/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fleet's waivers (store/consent.h) over findings: a FAIL that one in force covers is WAIVED,
 * with who accepted it and why in its evidence. One that ends, or is revoked, has another digest:
 * then hosts are due again, and the finding is what it was. A site's file of waivers is
 * control/profile.c's.
 */
#ifndef RF_MANAGER_WAIVED_H
#define RF_MANAGER_WAIVED_H

#include "base/arena.h"
#include "store/consent.h"

#define WAIVED_DIGEST_BYTES 9 /* 8 hexadecimal digits */

struct waived {
	struct rf_arena arena;
	struct store_waiver *items; /* in force */
	size_t count, capacity;
	char digest[WAIVED_DIGEST_BYTES]; /* of which they are; "" for none */
};

/* Reads those in force at now_ms, in the place of what was read before. */
int waived_load(struct waived *waived, struct store *store, int64_t now_ms,
		struct rf_err *err) RF_MUST_CHECK;
void waived_done(struct waived *waived);

/* Makes the findings of a host WAIVED that are; the host is meant by its id or its name. Texts lie
 * in waived until it is loaded again. */
int waived_apply(struct waived *waived, struct store *store, const char *host,
		 struct store_finding *findings, size_t count, struct rf_err *err) RF_MUST_CHECK;

#endif
