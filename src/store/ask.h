/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions that people ask of the whole fleet: pages of findings and events, a host's verdicts and
 * changes, and what stands in a list of hosts. Reads alone; each page goes on behind a key.
 *
 * Callbacks and answers as in fleet.h.
 */
#ifndef RF_STORE_ASK_H
#define RF_STORE_ASK_H

#include "store/fleet.h"

/* Gives take up to limit events behind seq, in order. */
int store_event_after(struct store *store, int64_t seq, int64_t limit,
		      int (*take)(void *arg, const struct store_event *event), void *arg,
		      struct rf_err *err) RF_MUST_CHECK;

/* Gives take the newest events, limit of them or fewer, the oldest of them first. */
int store_event_newest(struct store *store, int64_t limit,
		       int (*take)(void *arg, const struct store_event *event), void *arg,
		       struct rf_err *err) RF_MUST_CHECK;

/* The number of the last event; 0 for none. */
int store_event_last(struct store *store, int64_t *out, struct rf_err *err) RF_MUST_CHECK;

/* What of a fleet's findings: "" in host, control or state is any. */
struct store_finding_page {
	const char *host, *control, *state;
	const char *after_host, *after_control, *after_resource; /* behind this one; "" */
	int64_t limit;
};

/* Gives take a page in order of host, control and resource. */
int store_finding_page(struct store *store, const struct store_finding_page *page,
		       int (*take)(void *arg, const char *host,
				   const struct store_finding *finding),
		       void *arg, struct rf_err *err) RF_MUST_CHECK;

/* What a list of hosts says of each beside its row. */
struct store_host_sum {
	int64_t good_ms;  /* its last verdict of TRUSTED or WARNING; 0: none */
	int64_t failures; /* findings that FAIL */
};
int store_host_sum(struct store *store, const char *host, struct store_host_sum *out,
		   struct rf_err *err) RF_MUST_CHECK;

/* A verdict that was given; evidence is its digest, or nothing. */
struct store_verdict_row {
	const char *verdict, *state, *reason;
	struct rf_slice evidence;
	int64_t at_ms;
};

/* Gives take a host's newest verdicts, up to limit, the newest first. */
int store_verdict_each(struct store *store, const char *host, int64_t limit,
		       int (*take)(void *arg, const struct store_verdict_row *row), void *arg,
		       struct rf_err *err) RF_MUST_CHECK;

struct store_host_change {
	const char *old_state, *new_state, *reason;
	int64_t at_ms;
};

/* Gives take a host's newest changes of state, up to limit, the newest first. */
int store_host_change_each(struct store *store, const char *host, int64_t limit,
			   int (*take)(void *arg, const struct store_host_change *change),
			   void *arg, struct rf_err *err) RF_MUST_CHECK;

#endif
