/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a policy promises of memory, and whether it is configured (the definition says it), enforced
 * (the kernel has it) and proven (its effect is there): smaps, KSM's counters, each cgroup above a
 * VM, what is swapped. Nothing is changed. A balloon proves nothing and is not asked.
 */
#ifndef RF_ISOLATE_MEMORY_VERIFY_H
#define RF_ISOLATE_MEMORY_VERIFY_H

#include "isolate/memory.h"

struct memory_proof {
	const char *vm;	  /* "" for the host */
	const char *name; /* of the promise */
	bool configured, enforced, proven;
	char evidence[320];
};

struct memory_proofs {
	struct memory_proof *items;
	size_t count, capacity;
};
#define MEMORY_AUTOPROOFS __attribute__((cleanup(memory_proofs_done)))
/* Frees; NULL items are fine. */
void memory_proofs_done(struct memory_proofs *proofs);

/* Everything that the policy promises of memory on this host. What cannot be read is not enforced
 * and not proven, with the reason as evidence. Fails for lack of memory only. */
int memory_verify(const struct policy *policy, const struct memory_input *input,
		  const struct memory_result *result, struct sys *sys, struct memory_proofs *out,
		  struct rf_err *err) RF_MUST_CHECK;

struct ksm_trial;
/* Says in the proofs that speak of the host's page sharing what became of equal pages (ksm_try.h):
 * merged where nothing is to be merged is no proof. Pure. */
void memory_proofs_tried(struct memory_proofs *proofs, const struct ksm_trial *trial);

#endif
