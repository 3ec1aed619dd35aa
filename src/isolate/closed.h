/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Switches that a policy wants closed ("network: closed"): no uplink, no address of the host, no
 * way to another switch. They are promises about what is: nothing is changed to keep them.
 */
#ifndef RF_ISOLATE_CLOSED_H
#define RF_ISOLATE_CLOSED_H

#include "isolate/guard/guard.h"
#include "isolate/host.h"
#include "isolate/promise.h"
#include "isolate/topology.h"

/* Ports whose guard refuses, and not only counts: a fact says that its programs hang there, not
 * what they do. Zero-initialise; none known is none. */
struct closed_guards {
	char (*names)[16];
	size_t count, capacity;
};
/* Whether a guard with this policy refuses what its port sends to 01:80:c2:00:00:0e. Pure. */
bool closed_guard_refuses(const struct guard_port *port);
/* Those of this host, asked of the guard that is loaded; without one, or without the right to ask,
 * there are none. -ENOMEM */
int closed_guards_read(struct closed_guards *out) RF_MUST_CHECK;
void closed_guards_done(struct closed_guards *guards);
#define CLOSED_AUTOGUARDS __attribute__((cleanup(closed_guards_done)))

/* The graph of a host out of its facts; layer NULL: no policy, guards NULL: none. t is zeroed
 * before, and to be freed behind, also on failure. */
struct topology_sources {
	struct fact_store *store;
	const struct policy_layer *layer;
	const struct closed_guards *guards;
};
int topology_load(struct topology *t, const struct topology_sources *from,
		  struct rf_err *err) RF_MUST_CHECK;

/* What of the facts could not be had and would be needed to say that a switch is closed, as one
 * sentence; "" when nothing is missing. */
#define CLOSED_MISSING_BYTES 240
int closed_missing(struct fact_store *store, char out[CLOSED_MISSING_BYTES]) RF_MUST_CHECK;

/* Appends the promises of each switch that is to be closed. missing: of closed_missing. -ENOMEM */
int closed_promises(const struct topology *t, const struct policy_layer *layer, const char *missing,
		    struct isolate_promises *out) RF_MUST_CHECK;
/* Appends a note for each promise that does not hold: what no plan can mend. -ENOMEM */
int closed_notes(const struct isolate_promises *promises, struct policy_notes *out) RF_MUST_CHECK;

#endif
