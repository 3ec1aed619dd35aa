/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the watcher of hostile VMs knows of the policy, and what it asks for: fixed-size records,
 * made by a process that parses (the policy, VMs' definitions) for one that only counts. The
 * watcher checks each of them; who acts checks what it is asked for.
 */
#ifndef RF_ISOLATE_HOSTILE_TABLE_H
#define RF_ISOLATE_HOSTILE_TABLE_H

#include "isolate/cpu.h"

#define HOSTILE_MAX_VMS	  4096u
#define HOSTILE_WHY_BYTES 256

struct hostile_head {
	uint32_t magic, count;
	struct hostile_rules rules;
	char problem[240]; /* why there is nothing here; "" */
};

/* A VM that runs. */
struct hostile_entry {
	char vm[256], uuid[37];
	uint8_t watch; /* enum hostile_watch */
	uint8_t apart; /* it is set apart now */
	uint8_t own;   /* the policy gives it cores of its own anyway: there is nothing to do */
	uint8_t stuck; /* it is to be apart, and has no cores */
};

struct hostile_table {
	struct hostile_head head;
	struct hostile_entry *entries;
};

/* Appends the records of what a policy makes of a host. Pure. */
int hostile_table_make(const struct cpu_result *result, struct rf_buf *out) RF_MUST_CHECK;
/* Appends records that say why there are none. */
int hostile_table_empty(const char *problem, struct rf_buf *out) RF_MUST_CHECK;
/* How many bytes a table has whose head is here; 0: not yet known; RF_E_SYNTAX. */
int64_t hostile_table_bytes(struct rf_slice bytes) RF_MUST_CHECK;
/* Checks every record. Free with hostile_table_done. RF_E_SYNTAX. */
int hostile_table_read(struct rf_slice bytes, struct hostile_table *out,
		       struct rf_err *err) RF_MUST_CHECK;
void hostile_table_done(struct hostile_table *table);

/* What the watcher asks for. */
enum hostile_ask { HOSTILE_ASK_TABLE = 1, HOSTILE_ASK_APART, HOSTILE_ASK_RELEASE };
struct hostile_question {
	uint32_t ask; /* enum hostile_ask */
	char uuid[37];
	char why[HOSTILE_WHY_BYTES];
};
/* RF_E_SYNTAX for what is none. Pure. */
int hostile_question_read(struct rf_slice bytes, struct hostile_question *out) RF_MUST_CHECK;
/* The answer to all but the first. */
struct hostile_answer {
	int32_t rc;
	char text[300]; /* what was done, or why not */
};

/* The folder of records below the state folder: a file for each VM that is set apart, named by its
 * UUID (quarantine.h has the verb), and the watcher's own account. */
#define APART_DIR    "apart"
#define APART_STATUS "status"

#endif
