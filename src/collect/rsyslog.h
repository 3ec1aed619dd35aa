/* SPDX-License-Identifier: Apache-2.0 */
/* Between the parser of rsyslog.conf and the rows that its actions become; for rsyslog*.c alone. */
#ifndef RF_COLLECT_RSYSLOG_H
#define RF_COLLECT_RSYSLOG_H

#include "collect/log_syntax.h"

#define RSYSLOG_MAX_PARAMS 64

/* name="value" of an object; value may be NULL. */
struct rsyslog_param {
	char *name, *value;
};

/* Settings of legacy directives for the actions behind them. */
struct rsyslog_legacy {
	char queue_type[32], queue_file[128]; /* for the next action only */
	char driver[32], auth_mode[32];
	bool tls_mode;
};

/* Where an action stands. */
struct rsyslog_at {
	struct log_reader *r;
	const char *path;
	unsigned int line;
	struct rsyslog_legacy *legacy; /* shared with included files */
};

/* The value of a parameter, names without regard to case; "" when it is not there. */
const char *rsyslog_param(const struct rsyslog_param *params, size_t count, const char *name);

/* Writes the row of action(...). */
void rsyslog_put_action(const struct rsyslog_at *s, const char *selector,
			const struct rsyslog_param *params, size_t count);

/* Writes the row of stop and ~. */
void rsyslog_put_discard(const struct rsyslog_at *s, const char *selector);

/* Writes the row of a legacy action: /file, @host, |pipe, users. Cuts text in place. */
void rsyslog_put_legacy_action(const struct rsyslog_at *s, const char *selector, char *text);

#endif
