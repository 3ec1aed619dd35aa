/* SPDX-License-Identifier: Apache-2.0 */
/* rsyslog.conf, syslog-ng.conf, logrotate.conf and lines of audit rules. Includes are not followed.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "collect/audit_rules.h"
#include "collect/log_syntax.h"
#include "collect/proc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int drop(struct fact_sink *sink, const struct fact_table *table, const void *row)
{
	(void)sink;
	(void)table;
	(void)row;
	return 0;
}

static void run(void (*parse)(struct log_reader *, char *, const char *), const char *text)
{
	struct fact_sink sink = {.put = drop, .host = "h"};
	CONF_AUTOOPTIONS struct conf_options options = {0};
	struct log_reader reader = {.out = &sink, .options = &options};
	RF_AUTOFREE char *copy = rf_strdup(text);

	if (copy)
		parse(&reader, copy, "/etc/fuzz.conf");
	log_reader_done(&reader);
}

static void run_lines(const char *text)
{
	RF_AUTOFREE char *copy = rf_strdup(text);
	char *cursor = copy;
	bool broken;

	for (char *line; copy && (line = rf_line_next(&cursor));) {
		struct audit_rule_view rule;
		struct proc proc = {0};
		char unit[64];

		(void)proc_stat_parse(line, &proc);
		proc_unit(line, unit, sizeof(unit));
		(void)audit_rule_parse_line(line, &rule, &broken);
		audit_rule_done(&rule);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	RF_AUTOFREE char *text = rf_alloc(size + 1, 1);

	if (!text)
		return 0;
	if (size)
		memcpy(text, data, size);
	run(rsyslog_parse, text);
	run(syslog_ng_parse, text);
	run(logrotate_parse, text);
	run_lines(text);
	return 0;
}
