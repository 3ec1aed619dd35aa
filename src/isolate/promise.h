/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `isolate verify` says of anything but frames: a promise of the policy, three ways.
 * Configured: what is written says so. Enforced: the running thing is so. Proven: it was tried, or
 * the kernel itself was asked.
 */
#ifndef RF_ISOLATE_PROMISE_H
#define RF_ISOLATE_PROMISE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum promise_answer { PROMISE_NO, PROMISE_YES, PROMISE_NOT_ASKED };

struct isolate_promise {
	char subject[160]; /* "web-1 disk vda", "web-1 net0 on vnet3" */
	char what[120];	   /* "no other VM writes it" */
	enum promise_answer configured, enforced, proven;
	char evidence[320];
};

/* Zero-initialise. */
struct isolate_promises {
	struct isolate_promise *items;
	size_t count, capacity;
};
/* Appends a copy. -ENOMEM. */
int isolate_promise_add(struct isolate_promises *promises,
			const struct isolate_promise *promise) RF_MUST_CHECK;
void isolate_promises_done(struct isolate_promises *promises);
/* One of the three is no. */
bool isolate_promise_fails(const struct isolate_promise *promise);
size_t isolate_promises_failed(const struct isolate_promises *promises);

#endif
