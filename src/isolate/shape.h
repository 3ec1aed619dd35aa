/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shaping of a VM's port: average, peak and burst, as VMware counts them, by the kernel's token
 * bucket (TBF), which waits where a policer would drop. To the VM it is the root queueing
 * discipline of the port's link. From the VM frames are sent through a link of their own (ifb,
 * "rfs" and the port's number) by a filter behind every other, so that the guard and whoever else
 * hangs there has judged them before. Another's queueing discipline is never removed.
 * A frame counts from its Ethernet header on. Source: tc-tbf(8), net/sched/sch_tbf.c.
 */
#ifndef RF_ISOLATE_SHAPE_H
#define RF_ISOLATE_SHAPE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "change/verb.h"

/* What a policy says of one direction; average 0: no limit. */
struct shape_limit {
	uint64_t average, peak; /* bytes a second; peak 0: as fast as the link is */
	uint64_t burst;		/* bytes that may go at peak; 0: what 10 ms of average are */
};

#define SHAPE_TICK_NS	 64u
#define SHAPE_TICKS_MAX	 (UINT32_MAX / SHAPE_TICK_NS) /* the kernel's buckets hold 4.29 s */
#define SHAPE_RATE_MAX	 (100000000000ull / 8)
#define SHAPE_FRAME_MIN	 1518u
#define SHAPE_KIND_BYTES 16

/* One direction in the kernel's own numbers, so that what is read back is what was put. */
struct shape_way {
	uint64_t average, peak;	  /* bytes a second; 0: none */
	uint32_t bucket, pbucket; /* ticks of average, of peak */
	uint32_t limit;		  /* bytes that wait at most */
	uint32_t on;		  /* 1; 0: all others are 0, too */
};

/* Payload of the verb "port-shape". */
struct shape {
	struct shape_way to_vm, from_vm;
};

/* State of a port: what of it is ours, and the kind of what is another's and in the way. */
struct shape_state {
	struct shape now;
	char root[SHAPE_KIND_BYTES], ingress[SHAPE_KIND_BYTES];
};

/* Works out one direction for frames of at most frame_bytes. RF_E_LIMIT with the reason: peak not
 * above average, a burst that no frame passes or that the kernel cannot hold. Pure. */
int shape_way_make(const struct shape_limit *limit, uint32_t frame_bytes, struct shape_way *out,
		   struct rf_err *err) RF_MUST_CHECK;
/* Why it cannot be put; 0 when it can. Pure. */
int shape_check(const struct shape *shape, struct rf_err *err) RF_MUST_CHECK;
/* "to the VM 100 mbit, peak 200 mbit, burst 125000 bytes; from the VM as it likes". Pure. */
void shape_words(const struct shape *shape, struct rf_buf *out);
/* Bytes that ticks of a rate are. */
uint64_t shape_ticks_bytes(uint64_t rate, uint32_t ticks);

/* ---- the kernel, by rtnetlink ---- */

/* What a direction's queueing discipline has counted. */
struct shape_counts {
	uint64_t bytes;
	uint32_t packets, waiting, dropped, held; /* held: frames that had to wait */
};

/* Everything there is at a link. */
struct shape_seen {
	struct shape_state state;
	bool piece;	    /* something of ours is there that is not whole */
	bool filter_before; /* a filter that is not the guard's may take frames before they wait */
	uint32_t ifb;	    /* the link that frames from the VM wait on; 0 */
	struct shape_counts to_vm, from_vm;
};
/* Needs no privilege. */
int shape_see(uint32_t ifindex, struct shape_seen *out, struct rf_err *err) RF_MUST_CHECK;
/* Makes the link so. Where the kernel lacks a mechanism it is named (RF_E_UNSUPPORTED). */
int shape_set(uint32_t ifindex, const char *name, const struct shape *shape,
	      struct rf_err *err) RF_MUST_CHECK;
/* Removes links of ours that frames waited on whose port is gone. */
void shape_forget_gone(void);
/* One token bucket as root of a link; on 0: none of ours. */
int shape_bucket_set(uint32_t ifindex, const struct shape_way *way,
		     struct rf_err *err) RF_MUST_CHECK;

/* How fast a bucket of the same numbers lets real frames pass. */
struct shape_trial {
	uint64_t bytes, ns; /* that passed, and in which time, the first burst not counted */
	bool filled;	    /* frames waited all the time */
};
/* Puts this process into an empty network namespace of its own, for good: for shape_try alone. */
int shape_try_enter(struct rf_err *err) RF_MUST_CHECK;
/* Sends frames through a bucket as fast as they go for ms milliseconds, on links that it makes and
 * removes. */
int shape_try(const struct shape_way *way, unsigned ms, struct shape_trial *out,
	      struct rf_err *err) RF_MUST_CHECK;

/* The verb "port-shape"; its target is the name of a link. */
extern const struct verb_table shape_verbs;

#endif
