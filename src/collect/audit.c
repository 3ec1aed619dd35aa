/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collector audit: state of the kernel's audit, auditd.conf, rules on disk and in the kernel. It
 * reads no log. Sources: auditd.conf(5), augenrules(8), audit-userspace's auditd-config.c for the
 * defaults, linux/audit.h; audit_rules.c for one rule.
 */
#include <errno.h>
#include <linux/audit.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/audit_rules.h"
#include "collect/collect.h"
#include "collect/conf.h"
#include "collect/netlink.h"

#define AUDITD_CONF "/etc/audit/auditd.conf"

struct audit {
	struct sys *sys;
	struct fact_sink *out;
	int persistent, live; /* items so far */
	struct conf_options options;
};

static void audit_done(struct audit *a)
{
	conf_options_done(&a->options);
}

/* What auditd does where its file says nothing. */
static const struct {
	const char *key, *value;
} auditd_defaults[] = {
	{"auditd/local_events", "yes"},
	{"auditd/write_logs", "yes"},
	{"auditd/log_file", "/var/log/audit/audit.log"},
	{"auditd/log_format", "RAW"},
	{"auditd/flush", "NONE"},
	{"auditd/num_logs", "0"},
	{"auditd/name_format", "NONE"},
	{"auditd/max_log_file", "0"},
	{"auditd/max_log_file_action", "IGNORE"},
	{"auditd/space_left", "0"},
	{"auditd/space_left_action", "IGNORE"},
	{"auditd/action_mail_acct", "root"},
	{"auditd/admin_space_left", "0"},
	{"auditd/admin_space_left_action", "IGNORE"},
	{"auditd/disk_full_action", "IGNORE"},
	{"auditd/disk_error_action", "SYSLOG"},
};

static void each_auditd(void *ctx, const struct util_setting *s)
{
	struct audit *a = ctx;
	char key[128];

	if (!s->has_equals)
		return;
	rf_format(key, sizeof(key), "auditd/%s", s->key);
	rf_lower(key);
	conf_put_at(&a->options, key, s->value, s->path, s->line);
}

static void read_auditd(struct audit *a)
{
	static const char *const programs[] = {"/usr/sbin/auditd", "/sbin/auditd"};
	RF_AUTOBUF struct rf_buf text = {0};
	const char *program = NULL;

	for (size_t i = 0; i < RF_COUNT(programs) && !program; i++)
		program = sys_exists(a->sys, programs[i]) ? programs[i] : NULL;
	int rc = util_read(a->sys, a->out, FACT_T_AUDIT_OPTION, "", AUDITD_CONF, RF_MAX_FILE_BYTES,
			   &text);
	bool present = program || rc != 0;

	conf_put(&a->options, "auditd/present", present ? "1" : "0",
		 program ? program : AUDITD_CONF);
	if (!present || rc < 0)
		return;
	if (text.len)
		util_settings_walk((char *)text.data, AUDITD_CONF, "#", false, each_auditd, a);
	for (size_t i = 0; i < RF_COUNT(auditd_defaults); i++)
		conf_put_default(&a->options, auditd_defaults[i].key, auditd_defaults[i].value);
}

static void put_rule(struct audit *a, const char *layer, int item,
		     const struct audit_rule_view *rule, const char *source)
{
	fact_put_audit_rule(a->out, &(struct fact_audit_rule){
					    .layer = layer,
					    .item = FACT_INT(item),
					    .path = rule->path,
					    .syscalls = rf_buf_text(&rule->syscalls),
					    .perms = rule->perms,
					    .key = rule->key,
					    .source = source,
				    });
}

/* Lines that set something instead of watching; -D throws away the rules above it. */
static void read_setting(struct audit *a, const struct audit_rule_view *rule, const char *path,
			 unsigned int line)
{
	if (rule->setting == 'e')
		conf_put_at(&a->options, "rules/enabled", rule->setting_value, path, line);
	if (rule->setting == 'f')
		conf_put_at(&a->options, "rules/failure", rule->setting_value, path, line);
	if (rule->setting == 'b')
		conf_put_at(&a->options, "rules/backlog_limit", rule->setting_value, path, line);
}

static void read_rule_line(struct audit *a, char *text, const char *path, unsigned int line)
{
	struct audit_rule_view rule;
	char where[UTIL_WHERE_BYTES];
	bool broken;

	if (audit_rule_parse_line(text, &rule, &broken)) {
		read_setting(a, &rule, path, line);
		if (rule.watches)
			put_rule(a, "persistent", a->persistent++, &rule,
				 util_where(where, path, line));
	}
	if (broken) {
		char key[32];

		rf_format(key, sizeof(key), "persistent/%d", a->persistent++);
		fact_gap(a->out, FACT_T_AUDIT_RULE, key, "", util_where(where, path, line),
			 "line %u of %s is no rule that is understood", line, path);
	}
	audit_rule_done(&rule);
}

static bool read_rule_file(struct audit *a, const char *path)
{
	RF_AUTOBUF struct rf_buf text = {0};
	unsigned int line = 0;
	int rc = util_read(a->sys, a->out, FACT_T_AUDIT_RULE, "", path, RF_MAX_FILE_BYTES, &text);

	if (rc <= 0 || !text.len)
		return rc > 0;
	char *cursor = (char *)text.data;

	for (char *row; (row = rf_line_next(&cursor));)
		read_rule_line(a, row, path, ++line);
	return true;
}

/* augenrules writes audit.rules from rules.d at each boot; without rules.d it stands for itself. */
static void read_rule_files(struct audit *a)
{
	static const char *const dirs[] = {"/etc/audit/rules.d"};
	UTIL_AUTOPATHS struct util_paths paths = {0};
	int rc = util_dropins(a->sys, dirs, RF_COUNT(dirs), ".rules", &paths);

	if (rc < 0)
		util_gap(a->out, FACT_T_AUDIT_RULE, "", dirs[0], rc);
	for (size_t i = 0; i < paths.count; i++)
		read_rule_file(a, paths.paths[i]);
	if (rc == 0 && paths.count == 0)
		read_rule_file(a, "/etc/audit/audit.rules");
}

static void put_number(struct audit *a, const char *key, uint32_t value)
{
	char text[16];

	rf_format(text, sizeof(text), "%u", value);
	conf_put(&a->options, key, text, "audit status");
}

/* A kernel built without audit answers so. */
static bool no_audit(int rc)
{
	return rc == -EPROTONOSUPPORT || rc == -EAFNOSUPPORT || rc == -ECONNREFUSED;
}

static void tell_gap(struct audit *a, enum fact_table_id table, const char *key, const char *source,
		     int rc, const struct rf_err *err)
{
	if (rc == -EPERM || rc == -EACCES)
		fact_gap(a->out, table, key, "", source,
			 "the kernel shows its audit state to root only: run as root");
	else
		fact_gap(a->out, table, key, "", source, "the kernel was asked and answered: %s",
			 err->code ? rf_err_text(err) : rf_code_text(rc));
}

static void read_status(struct audit *a)
{
	RF_AUTOBUF struct rf_buf raw = {0};
	struct nl_message message;
	struct audit_status status;
	struct rf_err err = {0};
	bool found = false;
	int rc = sys_probe(a->sys, "audit", "status", &raw, &err);
	struct rf_slice rest = rf_buf_slice(&raw);

	if (no_audit(rc)) {
		put_number(a, "kernel/enabled", 0);
		return;
	}
	while (rc == 0 && (rc = nl_next(&rest, &message)) > 0) {
		rc = 0;
		/* Newer kernels append fields, older ones have fewer: the first six are old. */
		if (message.type != AUDIT_GET || message.body.len < 24)
			continue;
		status = (struct audit_status){0};
		memcpy(&status, message.body.data,
		       message.body.len < sizeof(status) ? message.body.len : sizeof(status));
		put_number(a, "kernel/enabled", status.enabled);
		put_number(a, "kernel/failure", status.failure);
		put_number(a, "kernel/backlog_limit", status.backlog_limit);
		put_number(a, "kernel/lost", status.lost);
		found = true;
	}
	if (!found)
		tell_gap(a, FACT_T_AUDIT_OPTION, "kernel/enabled", "audit status",
			 rc ? rc : RF_E_MISSING, &err);
}

static void read_kernel_rules(struct audit *a)
{
	RF_AUTOBUF struct rf_buf raw = {0};
	struct nl_message message;
	struct rf_err err = {0};
	uint32_t count = 0;
	int rc = sys_probe(a->sys, "audit", "rules", &raw, &err);
	struct rf_slice rest = rf_buf_slice(&raw);

	if (no_audit(rc))
		rc = 0;
	while (rc == 0 && (rc = nl_next(&rest, &message)) > 0) {
		struct audit_rule_view rule;

		rc = 0;
		if (message.type != AUDIT_LIST_RULES)
			continue;
		count++;
		if (audit_rule_parse_kernel(message.body, &rule) && rule.watches)
			put_rule(a, "live", a->live++, &rule, "audit rules");
		audit_rule_done(&rule);
	}
	if (rc == 0) {
		put_number(a, "kernel/rules_count", count);
		return;
	}
	tell_gap(a, FACT_T_AUDIT_RULE, "live", "audit rules", rc, &err);
	tell_gap(a, FACT_T_AUDIT_OPTION, "kernel/rules_count", "audit rules", rc, &err);
}

int collect_audit(struct sys *sys, const struct collect_request *req, struct fact_sink *out,
		  struct rf_err *err)
{
	__attribute__((cleanup(audit_done))) struct audit a = {.sys = sys, .out = out};

	(void)req;
	(void)err;
	read_auditd(&a);
	read_rule_files(&a);
	read_status(&a);
	read_kernel_rules(&a);
	conf_emit(&a.options, FACT_T_AUDIT_OPTION, "", out);
	return 0;
}
