/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Part of guard.h, which includes it: the guard where BPF is forbidden. The same policy of ports
 * and zones as rules of nft, one table of ours in the bridge's family. A change is one transaction
 * of what changes and nothing else. The table carries the policy it was made from, so that reading
 * it back is the inverse of writing. What it cannot do is told by fallback_refuses and
 * fallback_lacks.
 */
#ifndef RF_ISOLATE_GUARD_FALLBACK_H
#define RF_ISOLATE_GUARD_FALLBACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "isolate/guard/layout.h"
#include "isolate/guard/watch.h"

#define FALLBACK_TABLE "ringfence"
#define FALLBACK_PORTS 1024u

struct fallback_port {
	char name[16]; /* of the link: nft knows ports by it */
	bool stale;    /* somebody altered the table since it was set: it is to be set again */
	struct guard_port port;
};
struct fallback_zone {
	uint32_t number;
	struct guard_zone row;
};
/* The whole of it. Zero-initialise; fallback_done frees. */
struct fallback {
	struct fallback_port *ports;
	size_t ports_count, ports_capacity;
	struct fallback_zone *zones; /* rows that a new guard does not have */
	size_t zones_count, zones_capacity;
	uint32_t secret;	   /* high half of the marks of frames that passed; 0: none yet */
	bool strict;		   /* frames without a mark are refused */
	struct guard_rules births; /* links that are refused everything while they have no port */
	bool there;		   /* read: the table is there */
	bool whole;		   /* read: rules, sets and hooks are as this program makes them */
	uint32_t rules;		   /* read: how many there are */
	uint32_t generation;	   /* of the kernel's rules when it was read or changed; 0 */
	bool copies;		   /* read: the table in hooks of single links is there, too */
};
#define FALLBACK_AUTO __attribute__((cleanup(fallback_done)))
void fallback_done(struct fallback *f);

/* What the kernel has. No table, or no nf_tables, is nothing. Where the table was altered its ports
 * are stale: in force again with the next write, but each has to be set before it counts. */
int fallback_read(struct fallback *out, struct rf_err *err) RF_MUST_CHECK;
/* Reads it anew where anybody changed any rule since; else it is as it was. */
int fallback_renew(struct fallback *f, struct rf_err *err) RF_MUST_CHECK;
/* Puts all of it in force at once. RF_E_UNSUPPORTED: a port needs what nft cannot do, or this
 * kernel has no nf_tables for bridges. */
int fallback_write(struct fallback *f, struct rf_err *err) RF_MUST_CHECK;

/* What may change: the others of the table stay as they are. */
enum fallback_what { FALLBACK_PORT, FALLBACK_ZONE, FALLBACK_STRICT, FALLBACK_BIRTHS };
struct fallback_change {
	enum fallback_what what;
	const char *link;		  /* PORT */
	const struct guard_port *port;	  /* PORT; NULL: it is guarded no more */
	uint32_t zone;			  /* ZONE */
	const struct guard_zone *row;	  /* ZONE */
	bool strict;			  /* STRICT */
	const struct guard_rules *births; /* BIRTHS */
};
/* Puts one change in force: f is renewed first. One transaction, whose size depends on the change
 * and not on how many ports there are; a table that is not there, or not whole, is written as a
 * whole. Errors as of fallback_write, and RF_E_BUSY where others change rules all the time. */
int fallback_change(struct fallback *f, const struct fallback_change *change,
		    struct rf_err *err) RF_MUST_CHECK;
/* Takes the whole table away; 0 also where there is none. */
int fallback_remove(struct fallback *f, struct rf_err *err) RF_MUST_CHECK;

/* BPF is there again. Puts all that the table holds and guard does not guard yet under guard, ports
 * with the same marks so that no frame is lost between; the table itself stays. */
struct guard;
int guard_take_over(struct guard *guard, const struct fallback *f,
		    struct rf_err *err) RF_MUST_CHECK;
/* Its inverse: what guard holds, as a table could. */
int guard_hand_over(struct guard *guard, struct fallback *f, struct rf_err *err) RF_MUST_CHECK;

/* NULL: there is none. */
const struct fallback_port *fallback_find(const struct fallback *f, const char *name);
/* Sets or, with port NULL, takes away. Pure. -ENOMEM, RF_E_LIMIT. */
int fallback_port_set(struct fallback *f, const char *name,
		      const struct guard_port *port) RF_MUST_CHECK;
/* A row; one that is not there is what a new guard has. Pure. */
void fallback_zone_get(const struct fallback *f, uint32_t number, struct guard_zone *out);
int fallback_zone_set(struct fallback *f, uint32_t number,
		      const struct guard_zone *row) RF_MUST_CHECK;

/* What of a port's policy cannot be had by nft at all, in words; NULL: it can. Pure. */
const char *fallback_refuses(const struct guard_port *port);
/* The n-th thing that the policy of a port asks for and nft does not do; NULL behind the last. */
const char *fallback_lacks(const struct guard_port *port, size_t n);

/* Hands over how many frames the rules of each port refused, and why (enum guard_verdict: as near
 * as nft tells it). */
int fallback_counts(void (*take)(void *arg, const char *link, uint32_t verdict, uint64_t frames),
		    void *arg, struct rf_err *err) RF_MUST_CHECK;

#endif
