/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watches the counters of running VMs and has those that are hostile set apart, and back: hostile.h
 * decides, hostile_count.h and hostile_pmu.h count, somebody else acts (the change goes through a
 * plan like any other). Opens nothing but files of /proc and cgroups, parses no policy: what to
 * watch comes as checked records (hostile_table.h).
 */
#ifndef RF_ISOLATE_WATCHER_H
#define RF_ISOLATE_WATCHER_H

#include "isolate/hostile_pmu.h"
#include "isolate/hostile_table.h"

struct watcher_options {
	struct sys *sys;
	struct hostile_pmu *pmu; /* NULL: none */
	bool locks_logged;	 /* the kernel says who takes a split lock */
	/* Does it, or says why not. */
	void (*act)(void *arg, const struct hostile_question *question, struct hostile_answer *out);
	void (*say)(void *arg, const char *line); /* one line for a person */
	void *arg;
};

struct watcher;
/* Watches nothing until the first table comes. Free with watcher_close. */
int watcher_open(const struct watcher_options *options, struct watcher **out,
		 struct rf_err *err) RF_MUST_CHECK;
void watcher_close(struct watcher *watcher);

/* Which VMs run, and what is to be of each; the table is taken. What was known of a VM that still
 * runs stays known. */
int watcher_table(struct watcher *watcher, struct hostile_table *table, int64_t now_ms,
		  struct rf_err *err) RF_MUST_CHECK;
/* Looks at all of them; acts. True: a VM is not as the table says (it ended), or its state changed:
 * a new table, and a new status, are due. */
bool watcher_look(struct watcher *watcher, int64_t now_ms);
/* A record of the kernel's log. */
void watcher_log_line(struct watcher *watcher, const char *record);

/* Appends its account as JSON: what is not counted here, and each VM's state and rates. at_s:
 * seconds since 1970. */
int watcher_status(const struct watcher *watcher, int64_t at_s, struct rf_buf *out) RF_MUST_CHECK;

/* ---- reading that account ---- */

struct watched_vm {
	char vm[256], watch[16], state[24], cause[32];
	bool apart;
	uint32_t times;
	char rates[200]; /* "steal 12.00%, throttling 80.00%" */
};
struct watched {
	int64_t at_s;
	char missing[160]; /* counters that the policy judges and this host does not have */
	char problem[240];
	struct watched_vm *items;
	size_t count, capacity;
};
/* RF_E_SYNTAX. Free with watched_done. Pure. */
int watched_read(struct rf_slice json, struct watched *out, struct rf_err *err) RF_MUST_CHECK;
void watched_done(struct watched *watched);
/* By name; NULL: it is not watched. */
const struct watched_vm *watched_find(const struct watched *watched, const char *vm);
/* The account is so old that nobody keeps it. */
#define WATCHED_STALE_S 60

#endif
