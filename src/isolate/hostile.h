/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a VM is set apart on cores of its own because of what it does to the machine, and when it
 * comes back: a state machine over rates of counters, with hysteresis in height and in time. Pure:
 * readings and the clock are the caller's, and nothing is changed here. What a machine cannot count
 * is said to be missing and never judged; a VM without any counter stays where it is.
 * Source: VMware's "Hyper-Threading Support in ESX Server 2" (quarantine of VMs that clear the
 * machine too often).
 */
#ifndef RF_ISOLATE_HOSTILE_H
#define RF_ISOLATE_HOSTILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

enum hostile_counter {
	HOSTILE_MACHINE_CLEARS, /* PMU: per second */
	HOSTILE_SPLIT_LOCKS,	/* PMU, or lines of the kernel's log: per minute */
	HOSTILE_CACHE_MISSES,	/* PMU, last level: per second */
	HOSTILE_PRESSURE,	/* PSI of its neighbours' groups: hundredths of a percent of time */
	HOSTILE_STEAL,		/* time its neighbours' vCPUs wait for a CPU: the same */
	HOSTILE_THROTTLED,	/* cpu.stat, time that it is held back by its cap: the same */
	HOSTILE_COUNTERS
};
/* "machine clears" ... */
const char *hostile_counter_name(enum hostile_counter counter);

/* Appends a rate with its unit: "12.50%", "5000 a second". */
void hostile_rate_text(enum hostile_counter counter, int64_t rate, struct rf_buf *out);

/* Above on it counts as hostile, below off as calm again; between the two nothing changes. 0: the
 * counter is not judged. */
struct hostile_limit {
	int64_t on, off;
};

struct hostile_rules {
	struct hostile_limit limits[HOSTILE_COUNTERS];
	int64_t settle_ms;  /* so long it must be hostile before it is set apart */
	int64_t minimum_ms; /* so long it stays apart at least */
	int64_t calm_ms;    /* so long it must be calm before it comes back */
	int64_t maximum_ms; /* so long it stays apart at most; 0: until it is calm */
};

/* What is judged where a policy says nothing: machine clears and split locks. How much of a busy
 * CPU is too much is a site's own matter. */
extern const struct hostile_rules hostile_usual;

/* RF_E_LIMIT for limits and times that contradict each other. */
int hostile_rules_check(const struct hostile_rules *rules, struct rf_err *err) RF_MUST_CHECK;

enum hostile_state { HOSTILE_CALM, HOSTILE_SUSPECT, HOSTILE_APART, HOSTILE_COOLING };
/* "calm", "suspect", "set apart", "cooling down". */
const char *hostile_state_name(enum hostile_state state);

/* One VM. Zero-initialised it is calm. */
struct hostile {
	enum hostile_state state;
	int64_t since_ms; /* in this state */
	int64_t apart_ms; /* when it was set apart */
	uint32_t times;	  /* how often it was */
	enum hostile_counter cause;
};

struct hostile_reading {
	int64_t rates[HOSTILE_COUNTERS];
	bool has[HOSTILE_COUNTERS]; /* the machine has this counter, and it was read */
};

enum hostile_step { HOSTILE_STAY, HOSTILE_SET_APART, HOSTILE_RELEASE };

/*
 * Takes one reading at now_ms (a clock that does not go back; a step back is taken as no time) and
 * says what is to be done. why: one sentence for the ledger, when something is.
 */
enum hostile_step hostile_take(const struct hostile_rules *rules, struct hostile *vm,
			       const struct hostile_reading *reading, int64_t now_ms,
			       struct rf_buf *why);

/* Of a VM that is apart already when watching begins: it stays so for the shortest time at least.
 */
void hostile_resume(struct hostile *vm, int64_t now_ms);
/* What was to be done could not be: it is tried again when the VM was hostile, or calm, for as long
 * again. */
void hostile_undo(struct hostile *vm, enum hostile_step step, int64_t now_ms);

/* Appends which of the counters that the rules judge are missing: "machine clears, split locks";
 * false: none is. */
bool hostile_missing(const struct hostile_rules *rules, const struct hostile_reading *reading,
		     struct rf_buf *out);

#endif
