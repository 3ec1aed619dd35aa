/* SPDX-License-Identifier: Apache-2.0 */
/* auditd.conf, rule files, and the kernel's answers. */
#include <linux/audit.h>
#include <unistd.h>

#include "netlink_test.h"
#include "base/mem.h"
#include "collect/audit_rules.h"

static const char *option(struct test_host *h, const char *key)
{
	char sql[256];

	snprintf(sql, sizeof(sql),
		 "SELECT value || ' ' || source FROM audit_option WHERE key = '%s'", key);
	return host_ask(h, sql);
}

static void test_lines(void **state)
{
	/* path|syscalls|perms|key, "-" for a line that is no rule, "!" for one not understood */
	static const struct {
		const char *line, *want;
	} rows[] = {
		{"-w /etc/libvirt/ -p wa -k libvirt", "/etc/libvirt||wa|libvirt"},
		{"-w /etc/shadow", "/etc/shadow||rwxa|"},
		{"-w /", "/||rwxa|"},
		{"-a always,exit -F arch=b64 -S adjtimex,settimeofday -S stime -F key=time",
		 "|adjtimex,settimeofday,stime||time"},
		{"-a exit,always -F dir=/var/lib/libvirt/ -F perm=aw -k v",
		 "/var/lib/libvirt||wa|v"},
		{"-A always,exit -F path=\"/etc/a b\"", "/etc/a b||rwxa|"},
		{"-a always,exit -F path!=/etc/x -S open", "|open||"},
		{"-a never,exit -F path=/tmp", "-"},
		{"-a always,exclude -F msgtype=CWD", "-"},
		{"-e 2", "-"},
		{"-D", "-"},
		{"  # comment", "-"},
		{"", "-"},
		{"-w", "!"},
		{"--wild /x", "!"},
		{"watch /etc", "!"},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		struct audit_rule_view rule;
		char line[256], got[512] = "-";
		bool broken;

		snprintf(line, sizeof(line), "%s", rows[i].line);
		if (audit_rule_parse_line(line, &rule, &broken) && rule.watches)
			snprintf(got, sizeof(got), "%.200s|%.200s|%s|%.50s", rule.path,
				 rf_buf_text(&rule.syscalls), rule.perms, rule.key);
		if (broken)
			snprintf(got, sizeof(got), "!");
		audit_rule_done(&rule);
		if (strcmp(got, rows[i].want) != 0)
			fail_msg("%s: %s, wanted %s", rows[i].line, got, rows[i].want);
	}
}

static void test_files(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	host_file(&h, "/etc/audit/auditd.conf",
		  "# auditd\nspace_left_action = SYSLOG\nMax_Log_File = 8\nnoequals\n");
	host_file(&h, "/etc/audit/rules.d/30-b.rules", "-w /b\n-e 2\n");
	host_file(&h, "/etc/audit/rules.d/10-a.rules", "-b 8192\n-w /a\nnonsense\n");
	host_file(&h, "/etc/audit/rules.d/no.txt", "-w /no\n");
	host_file(&h, "/etc/audit/audit.rules", "-w /old\n");
	host_collect(&h, collect_audit);
	assert_fact(&h, "SELECT group_concat(item || path || ' ' || source, ', ') FROM audit_rule",
		    "0/a /etc/audit/rules.d/10-a.rules:2, 2/b /etc/audit/rules.d/30-b.rules:1");
	assert_fact(&h, "SELECT source FROM fact_gap WHERE key = 'persistent/1'",
		    "/etc/audit/rules.d/10-a.rules:3");
	assert_string_equal(option(&h, "rules/enabled"), "2 /etc/audit/rules.d/30-b.rules:2");
	assert_string_equal(option(&h, "auditd/space_left_action"),
			    "SYSLOG /etc/audit/auditd.conf:2");
	assert_string_equal(option(&h, "auditd/max_log_file"), "8 /etc/audit/auditd.conf:3");
	assert_string_equal(option(&h, "auditd/disk_full_action"), "IGNORE default");
	assert_string_equal(option(&h, "auditd/present"), "1 /etc/audit/auditd.conf");
	host_done(&h);
	/* Without rules.d the file that it would make stands for itself. */
	host_make(&h);
	host_file(&h, "/etc/audit/audit.rules", "-w /old\n");
	host_collect(&h, collect_audit);
	assert_fact(&h, "SELECT path FROM audit_rule", "/old");
	assert_string_equal(option(&h, "auditd/present"), "0 /etc/audit/auditd.conf");
	assert_string_equal(option(&h, "auditd/disk_full_action"), "-");
	host_done(&h);
}

static void test_unreadable(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	host_meta(&h, "/etc/audit/auditd.conf\tf\t0640\t0\t0\t\t\terror\tEACCES");
	host_meta(&h, "/etc/audit/rules.d\td\t0750\t0\t0\t\t\terror\tEACCES");
	host_collect(&h, collect_audit);
	assert_string_equal(option(&h, "auditd/present"), "1 /etc/audit/auditd.conf");
	assert_string_equal(option(&h, "auditd/disk_full_action"), "-");
	assert_fact(&h, "SELECT count(*) FROM fact_gap WHERE reason LIKE '%run as root%'", "2");
	host_done(&h);
}

static void put_text(struct audit_rule_data *rule, size_t *at, uint32_t field, const char *text)
{
	rule->fields[rule->field_count] = field;
	rule->fieldflags[rule->field_count] = AUDIT_EQUAL;
	rule->values[rule->field_count++] = (uint32_t)strlen(text);
	memcpy(rule->buf + *at, text, strlen(text));
	*at += strlen(text);
}

static void put_value(struct audit_rule_data *rule, uint32_t field, uint32_t value)
{
	rule->fields[rule->field_count] = field;
	rule->fieldflags[rule->field_count] = AUDIT_EQUAL;
	rule->values[rule->field_count++] = value;
}

static struct audit_rule_data *rule_new(struct build *b, uint32_t action, bool all)
{
	struct audit_rule_data *rule = build_begin(b, AUDIT_LIST_RULES, sizeof(*rule) + 256);

	rule->flags = AUDIT_FILTER_EXIT;
	rule->action = action;
	for (size_t i = 0; all && i < AUDIT_BITMASK_SIZE; i++)
		rule->mask[i] = UINT32_MAX;
	return rule;
}

static void test_kernel(void **state)
{
	struct audit_status status = {.enabled = 2, .failure = 1, .backlog_limit = 8192};
	struct build *b = rf_alloc(1, sizeof(*b));
	struct test_host h;
	size_t at = 0;

	(void)state;
	host_make(&h);
	/* -w /etc/libvirt -p wa -k libvirt */
	struct audit_rule_data *rule = rule_new(b, AUDIT_ALWAYS, true);

	put_text(rule, &at, AUDIT_DIR, "/etc/libvirt");
	put_value(rule, AUDIT_PERM, AUDIT_PERM_WRITE | AUDIT_PERM_ATTR);
	put_text(rule, &at, AUDIT_FILTERKEY, "libvirt");
	build_end(b);
	/* -a always,exit -F arch=b64 -S adjtimex -k time */
	at = 0;
	rule = rule_new(b, AUDIT_ALWAYS, false);
	rule->mask[159 / 32] |= 1u << 159 % 32;
	put_value(rule, AUDIT_ARCH, AUDIT_ARCH_X86_64);
	put_text(rule, &at, AUDIT_FILTERKEY, "time");
	build_end(b);
	/* The same number is another call for 32-bit programs. */
	rule = rule_new(b, AUDIT_ALWAYS, false);
	rule->mask[124 / 32] |= 1u << 124 % 32;
	put_value(rule, AUDIT_ARCH, AUDIT_ARCH_I386);
	build_end(b);
	rule_new(b, AUDIT_NEVER, true);
	build_end(b);
	build_probe(b, &h, "audit/rules");
	memcpy(build_begin(b, AUDIT_GET, sizeof(status)), &status, sizeof(status));
	build_end(b);
	build_probe(b, &h, "audit/status");
	host_collect(&h, collect_audit);
	assert_fact(&h,
		    "SELECT group_concat(path || '|' || syscalls || '|' || perms || '|' || key, "
		    "' + ') FROM audit_rule WHERE layer = 'live'",
		    "/etc/libvirt||wa|libvirt + |adjtimex||time + |adjtimex||");
	assert_string_equal(option(&h, "kernel/enabled"), "2 audit status");
	assert_string_equal(option(&h, "kernel/backlog_limit"), "8192 audit status");
	assert_string_equal(option(&h, "kernel/rules_count"), "4 audit status");
	assert_fact(&h, "SELECT count(*) FROM fact_gap", "0");
	host_done(&h);
	rf_free(b);
}

static void test_kernel_hostile(void **state)
{
	struct build *b = rf_alloc(1, sizeof(*b));
	struct audit_rule_view view;

	(void)state;
	struct audit_rule_data *rule = rule_new(b, AUDIT_ALWAYS, false);
	struct rf_slice data = {(const uint8_t *)rule, sizeof(*rule)};

	put_value(rule, AUDIT_WATCH, 100000); /* a text longer than the message */
	assert_false(audit_rule_parse_kernel(data, &view));
	audit_rule_done(&view);
	rule->field_count = AUDIT_MAX_FIELDS + 1;
	assert_false(audit_rule_parse_kernel(data, &view));
	audit_rule_done(&view);
	data.len = sizeof(*rule) - 1;
	assert_false(audit_rule_parse_kernel(data, &view));
	audit_rule_done(&view);
	rf_free(b);
}

static void test_kernel_unknown(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	host_collect(&h, collect_audit);
	assert_string_equal(option(&h, "kernel/enabled"), "-");
	assert_fact(
		&h, "SELECT group_concat(tbl || ' ' || key, ', ') FROM fact_gap",
		"audit_option kernel/enabled, audit_option kernel/rules_count, audit_rule live");
	host_done(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),	       cmocka_unit_test(test_files),
		cmocka_unit_test(test_unreadable),     cmocka_unit_test(test_kernel),
		cmocka_unit_test(test_kernel_hostile), cmocka_unit_test(test_kernel_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
