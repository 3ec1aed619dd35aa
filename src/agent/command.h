/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands of the manager: is this one for us, now, for the first time, and by whom may order; and
 * what it means as a command line of `ringfence`. Pure: the caller gives bytes, time and the
 * last serial, and keeps the new one on disk before anything is done.
 */
#ifndef RF_AGENT_COMMAND_H
#define RF_AGENT_COMMAND_H

#include "base/buf.h"
#include "base/err.h"
#include "fleet/message.h"

#define COMMAND_KEY_BYTES	32u /* Ed25519, RFC 8032 */
#define COMMAND_SIGNATURE_BYTES 64u
#define COMMAND_SKEW_MS		120000	    /* two clocks may differ by so much */
#define COMMAND_LIFE_MS		604800000LL /* from issued to expires at most: a week */
#define COMMAND_WORDS		64u
#define COMMAND_ID_BYTES	65u

/* What a verb is done by. */
enum command_by {
	COMMAND_BY_LINE, /* a command line of `ringfence` */
	COMMAND_BY_FACTS,
	COMMAND_BY_RENEW,
	COMMAND_BY_RETIRE,
};

struct command_verb {
	const char *name;
	enum command_by by;
	const char *line;    /* "isolate apply": its first words */
	const char *options; /* what always stands behind them: "-o json"; NULL */
	bool state;	     /* it takes --state-dir */
};
/* The verbs that there are; ends with a row without a name. */
extern const struct command_verb command_verbs[];
/* The row of that name, or NULL. */
const struct command_verb *command_verb_find(const char *name);

/* Who we are, and what was. */
struct command_context {
	const char *host; /* our id */
	uint8_t key[COMMAND_KEY_BYTES];
	int64_t now_ms;
	int64_t serial; /* of the last command that was accepted; 0: none */
};

struct command {
	struct message message; /* .command; owns the texts below */
	const struct command_verb *verb;
};
void command_done(struct command *command);
#define COMMAND_AUTO __attribute__((cleanup(command_done)))

/*
 * Checks the frame of a command: signature over the text as sent, before anything in it is read;
 * RF_E_DENIED for another's signature or another host's command, RF_E_TIMEOUT before or after its
 * time, RF_E_DUPLICATE for a serial that is not new, RF_E_UNKNOWN for a verb or an argument that
 * there is not, errors of message_read. *signed_by_manager (NULL: not asked for) says whether the
 * signature was good, also of a command that is refused: its id may be answered then.
 */
int command_check(const struct wire_frame *frame, const struct command_context *context,
		  struct command *out, bool *signed_by_manager, struct rf_err *err) RF_MUST_CHECK;

/* A command line: words without the program's name, and what must be in a file before. */
struct command_line {
	struct rf_buf texts; /* the words, each with its NUL */
	size_t words[COMMAND_WORDS];
	size_t count;
	const char *file_text; /* the contents of the file that one word names; NULL; borrowed */
};
void command_line_done(struct command_line *line);
#define COMMAND_AUTOLINE __attribute__((cleanup(command_line_done)))

/* The command line of a command by COMMAND_BY_LINE. file: the path that stands for a text which
 * came with it (a policy, a plan). Refuses a word that could be taken for an option. */
int command_line_make(const struct command *command, const char *file, struct command_line *out,
		      struct rf_err *err) RF_MUST_CHECK;
/* Word n, borrowed; NULL behind the last. */
const char *command_line_word(const struct command_line *line, size_t n);

#endif
