/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs: what a role may not do itself. It asks the supervisor by a message of fixed size; who
 * checks it again by the table in job.c, starts a process for it, and answers with its exit status
 * and its output as sealed memory. Only `collect` and `priv` have a socket to the supervisor, and
 * each only its own kinds of jobs: `net` can start nothing.
 */
#ifndef RF_AGENT_JOB_H
#define RF_AGENT_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define JOB_WORDS      66u
#define JOB_TEXT_BYTES 12288u
#define JOB_ID_BYTES   65u
#define JOB_OUTPUT_MAX (320u << 20)
#define JOB_MAGIC      0x314a4652u

enum job_role { JOB_OF_COLLECT = 1, JOB_OF_PRIV = 2 };

enum job_kind {
	JOB_NONE,
	JOB_FACTS,    /* words: "whole" or none */
	JOB_EVIDENCE, /* words: nonce in hexadecimal */
	JOB_LEDGER,   /* words: number of the first entry that is wanted */
	JOB_COMMAND,  /* words: a command line of `ringfence` */
	JOB_SECRET,   /* words: "set" UUID and the value as memory, "forget" UUID, or "sweep" */
	JOB_RUNNING,  /* none is started: is the command of that id at work? No answer then; else
			 one with JOB_UNKNOWN */
	JOB_KINDS
};

#define JOB_UNKNOWN (-1000) /* exit: there is no such job */

struct job_request {
	uint32_t magic, kind, count, length;
	char id[JOB_ID_BYTES];
	char texts[JOB_TEXT_BYTES]; /* words, each with its NUL */
};

struct job_answer {
	uint32_t magic, kind;
	int32_t exit; /* its status; negative: the signal that ended it */
	char id[JOB_ID_BYTES];
};

/* Fills a request; RF_E_LIMIT. words end with NULL. */
int job_request_make(enum job_kind kind, const char *id, const char *const *words,
		     struct job_request *out, struct rf_err *err) RF_MUST_CHECK;

/*
 * What the supervisor does with a message of hostile bytes: is it whole, may that role ask for it,
 * is it a command line of the verbs (command.h)? words get what stands in it, ended by NULL.
 * RF_E_SYNTAX, _DENIED.
 */
int job_request_check(const struct job_request *request, enum job_role role,
		      const char *words[JOB_WORDS + 1], struct rf_err *err) RF_MUST_CHECK;

/* Whether a command line (as job_request_check gave it) takes --state-dir. */
bool job_takes_state(const char *const *words);

/* "facts": the role that does it; NULL for a command. Seconds that it may take. */
const char *job_role_name(enum job_kind kind);
unsigned job_seconds(enum job_kind kind);

#endif
