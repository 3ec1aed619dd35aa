/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parsers of the logging collector: rsyslog in both of its syntaxes, syslog-ng as far as its
 * destinations go, logrotate. Each writes rows of log_target, log_rotation and log_option itself.
 */
#ifndef RF_COLLECT_LOG_SYNTAX_H
#define RF_COLLECT_LOG_SYNTAX_H

#include "collect/conf.h"
#include "model/fact.h"
#include "sys/sys.h"

/* What a reader of configuration with includes carries along. */
struct log_reader {
	struct sys *sys; /* NULL: includes are not followed (fuzzing) */
	struct fact_sink *out;
	struct conf_options *options; /* rows of log_option, keys with the daemon before them */
	struct util_paths seen;	      /* files that were read, against circles */
	unsigned int depth;	      /* of includes */
	int items;		      /* rows of log_target so far */
};

/* Reads /etc/rsyslog.conf and what it includes. Returns false when it is not there. */
bool rsyslog_read(struct log_reader *r, const char *path);
/* The same for a text, which is cut in place. */
void rsyslog_parse(struct log_reader *r, char *text, const char *path);

/* The same for syslog-ng. */
bool syslog_ng_read(struct log_reader *r, const char *path);
void syslog_ng_parse(struct log_reader *r, char *text, const char *path);

/* The same for logrotate. */
bool logrotate_read(struct log_reader *r, const char *path);
void logrotate_parse(struct log_reader *r, char *text, const char *path);

/* Forgets which files were read. */
void log_reader_done(struct log_reader *r);

/*
 * Opens an included file: 1 when it is to be read now (text holds it), 0 when it is not there, was
 * read before, or lies too deep. Raise depth while it is parsed.
 */
int log_reader_open(struct log_reader *r, enum fact_table_id table, const char *path,
		    struct rf_buf *text);

#endif
