/* SPDX-License-Identifier: Apache-2.0 */
/* What the two halves of working out the processor share; nobody else's business. */
#ifndef RF_ISOLATE_CPU_PARTS_H
#define RF_ISOLATE_CPU_PARTS_H

#include "isolate/cpu.h"
#include "isolate/policy_parts.h"

struct cpu_solver {
	const struct policy *policy;
	const struct policy_host *host;
	struct cpu_result *out;
	struct policy_notes *notes;
	bool stored; /* for definitions: nobody is apart */
};

/* Who a note is about; item NULL: the host. */
struct policy_note cpu_note_of(const struct cpu_item *item, bool conflict);

/* Takes the cell of the policy as the pool, and says what speaks against it. */
int cpu_cell_take(struct cpu_solver *s);

/* Gives cores to the VMs whose ht-sharing asks for some, and takes them out of the pool. */
int cpu_cores_assign(struct cpu_solver *s);

#endif
