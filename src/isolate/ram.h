/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the kernel may merge the pages of a running VM's RAM with those of others (KSM): asked
 * and changed in the running QEMU, without a restart. Each piece of RAM is an object of QEMU's
 * ("/objects/pc.ram"), whose property "merge" is the madvise(2) that KSM goes by. What the kernel
 * then really has is smaps.h's matter. Source: QEMU's qapi/qom.json,
 * qapi/machine.json (query-memdev, with names since 2.9), backends/hostmem.c.
 */
#ifndef RF_ISOLATE_RAM_H
#define RF_ISOLATE_RAM_H

#include "sys/qmp.h"

#define RAM_MAX_BACKENDS 256u
#define RAM_NAME_BYTES	 64u

/*
 * Appends "on", "off", or, where it is on for some pieces of RAM alone, "on: NAME NAME". Answers
 * are read in a child that was locked in. RF_E_UNSUPPORTED for a QEMU that has no such objects,
 * RF_E_PEER for what it refuses.
 */
int ram_sharing_read(const struct qmp_peer *peer, struct rf_buf *out,
		     struct rf_err *err) RF_MUST_CHECK;
/* Makes it so; value as above. What was changed is changed back when a later piece is refused. */
int ram_sharing_put(const struct qmp_peer *peer, const char *value,
		    struct rf_err *err) RF_MUST_CHECK;

/* What the child does, pure: out of the answer to query-memdev a line for each RAM object, sorted
 * by name: "+NAME" where it may be merged, else "-NAME". arg is not used. RF_E_SYNTAX for names
 * that none of QEMU's have, RF_E_DUPLICATE, RF_E_LIMIT. */
int ram_pieces_work(void *arg, struct rf_slice answer, struct rf_buf *out, struct rf_err *err);
/* The same out of the answer to qom-set: "". */
int ram_done_work(void *arg, struct rf_slice answer, struct rf_buf *out, struct rf_err *err);

#endif
