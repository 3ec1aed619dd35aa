/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel has of a QEMU's memory: whether its guest's RAM may be merged with other
 * processes' pages, and how much of it is swapped out. Source: proc(5), /proc/PID/smaps;
 * madvise(2), MADV_MERGEABLE is the flag "mg".
 */
#ifndef RF_ISOLATE_SMAPS_H
#define RF_ISOLATE_SMAPS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct smaps_ram {
	bool found;		 /* mappings that are the guest's RAM were found */
	bool exact;		 /* by its size; else they are all large ones together */
	bool mergeable;		 /* one of them may be shared */
	int64_t bytes;		 /* of them */
	int64_t swap_bytes;	 /* of them, swapped out */
	int64_t mergeable_bytes; /* of all mappings: RAM, video memory, firmware */
};

/*
 * Finds RAM of ram_bytes in the text of smaps: mappings side by side that make up exactly that; if
 * there are none (NUMA cells, plugged modules), all that are 32 MiB or more, when together they are
 * as much. RF_E_SYNTAX for a text that is no smaps. Pure.
 */
int smaps_read(struct rf_slice text, int64_t ram_bytes, struct smaps_ram *out,
	       struct rf_err *err) RF_MUST_CHECK;

#endif
