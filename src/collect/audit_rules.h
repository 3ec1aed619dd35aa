/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One audit rule as columns, from a rule file and from the kernel. Sources: auditctl(8),
 * audit.rules(7), linux/audit.h.
 */
#ifndef RF_COLLECT_AUDIT_RULES_H
#define RF_COLLECT_AUDIT_RULES_H

#include <stdbool.h>

#include "base/buf.h"

struct audit_rule_view {
	char path[4096];
	char perms[8]; /* letters of "rwxa", in that order */
	char key[256];
	struct rf_buf syscalls; /* names joined by ',' */
	bool watches;		/* false for a rule that keeps events out, and for a setting */
	char setting;		/* 'e', 'b', 'f', 'D' ... of a line that sets something; 0 */
	char setting_value[16];
};

/* Frees what a view owns. */
void audit_rule_done(struct audit_rule_view *rule);

/* Reads a line of a rule file, which is cut in place. False when it is empty, a comment, or not
 * understood (then *out_broken is true). */
bool audit_rule_parse_line(char *line, struct audit_rule_view *out, bool *out_broken);

/* Reads a struct audit_rule_data of the kernel. False when it is broken. */
bool audit_rule_parse_kernel(struct rf_slice data, struct audit_rule_view *out);

#endif
