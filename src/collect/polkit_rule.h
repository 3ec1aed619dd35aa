/* SPDX-License-Identifier: Apache-2.0 */
/* polkit's rules are JavaScript programs: the few shapes of them that can be read without running.
 */
#ifndef RF_COLLECT_POLKIT_RULE_H
#define RF_COLLECT_POLKIT_RULE_H

#include <stdbool.h>

#include "base/err.h"

/* What one statement of a rule, or a whole rule that is not understood, says. */
struct polkit_statement {
	const char *action;  /* an action, a prefix with *, or * for every action */
	const char *subject; /* unix-group:NAME, unix-user:NAME, any, or "?" */
	const char *result;  /* in small letters; NULL when the program could give several */
	int broad;	     /* 1, 0, or -1 when not known */
	unsigned int line;
};

/*
 * Reads a rules file and hands over each statement that concerns libvirt. Returns 0, -ENOMEM, or
 * RF_E_SYNTAX for text that is not even words of JavaScript: then nothing was handed over.
 */
int polkit_rules_parse(const char *text,
		       void (*take)(void *ctx, const struct polkit_statement *statement),
		       void *ctx) RF_MUST_CHECK;

#endif
