/* SPDX-License-Identifier: Apache-2.0 */
/* PAM service files: what modules a service runs, with includes followed. */
#ifndef RF_COLLECT_PAM_H
#define RF_COLLECT_PAM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "sys/sys.h"

#define PAM_MAX_RULES 1024u

/* One line of a stack. */
struct pam_rule {
	char *text;	     /* storage of the fields below */
	const char *type;    /* auth, account, password, session */
	const char *control; /* required, sufficient ... or the words between [ ] */
	const char *module;  /* file name without directory: pam_unix.so */
	char **args;
	size_t args_count;
	char *path; /* file the line stands in */
	unsigned int line;
	bool optional; /* a dash stands before the type: a missing module is no error */
};

/* A service's rules in order; zero-initialise. */
struct pam_stack {
	struct pam_rule *rules;
	size_t count, capacity;
	unsigned int includes_count;
	char missing[256]; /* first file that could not be read, and why; "" when all could */
};
#define PAM_AUTOSTACK __attribute__((cleanup(pam_stack_done)))

/*
 * Loads /etc/pam.d/SERVICE, or the distribution's copy in /usr/lib/pam.d, with @include, include
 * and substack. Returns 0, -ENOENT when the service has no file, or why its file cannot be read.
 * An included file that cannot be read is named in missing.
 */
int pam_stack_load(struct sys *sys, const char *service, struct pam_stack *stack) RF_MUST_CHECK;
void pam_stack_done(struct pam_stack *stack);

/* The next rule of that type and module at or after *at, which is moved behind it; or NULL. */
const struct pam_rule *pam_rule_next(const struct pam_stack *stack, const char *type,
				     const char *module, size_t *at);

/* The value of an argument: "" for a bare word, NULL when it is not given. The last one counts. */
const char *pam_rule_arg(const struct pam_rule *rule, const char *name);

/* True when a failure of this rule makes the stack fail. */
bool pam_rule_mandatory(const struct pam_rule *rule);

#endif
