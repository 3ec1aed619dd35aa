/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of collector sudo share. */
#ifndef RF_COLLECT_SUDO_H
#define RF_COLLECT_SUDO_H

#include "collect/collect.h"
#include "collect/sudoers.h"
#include "collect/util.h"

/* Hostile files make lists times lists: beyond this many steps rows end, and a gap says so. */
#define SUDO_MAX_WORK 20000000u

struct sudo_run {
	struct sys *sys;
	struct fact_sink *out;
	struct sudoers tree;
	struct util_users users;
	struct util_paths paths; /* files read; the tree points at their names */
	size_t rows_count;
	uint64_t work; /* steps done for rows; see SUDO_MAX_WORK */
	unsigned int depth;
	bool incomplete; /* a file could not be read */
};

/* What a scoped Defaults line is asked about; NULL where it does not matter. */
struct sudo_subject {
	const char *who;
	const char *command;		  /* path without arguments */
	const struct sudoers_list *runas; /* expanded */
};

/* True when the Defaults line holds for everyone on this host, or for the subject. */
bool sudo_default_applies(struct sudo_run *run, const struct sudoers_default *d,
			  const struct sudo_subject *subject);

/* True when this host is, or may be, one of the list. */
bool sudo_host_matches(struct sudo_run *run, const struct sudoers_list *hosts);

/* A flag as it is for the subject: the last Defaults line that applies, else otherwise. */
bool sudo_flag(struct sudo_run *run, const char *name, bool otherwise,
	       const struct sudo_subject *subject);

/* The text of an option for the subject, or NULL when no Defaults line sets it. */
const char *sudo_text(struct sudo_run *run, const char *name, const struct sudo_subject *subject);

/* Rows of sudo_option. version is sudo's own, "" when it is not known; debian says whose build. */
void sudo_options_put(struct sudo_run *run, const char *version, bool debian);

/* Rows of sudo_rule. */
void sudo_rules_put(struct sudo_run *run);

#endif
