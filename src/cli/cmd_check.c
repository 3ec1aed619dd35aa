/* SPDX-License-Identifier: Apache-2.0 */
/* ringfence check and ringfence explain: facts, judgement, report. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "cli/check.h"
#include "cli/common.h"
#include "cli/rows.h"
#include "report/report.h"

void check_done(struct check *c)
{
	finding_set_done(&c->findings);
	fact_store_close(c->store);
	control_set_done(&c->set);
}

static int profiles_choose(struct check *c, const struct cli_args *args, struct rf_err *err)
{
	/* What is asked of .vmx files says nothing where none was given. */
	const char *const defaults[] = {"kvm-base", args->counts[OPT_VMX] ? "vsphere" : NULL};

	for (size_t i = 0; i < args->counts[OPT_PROFILE] && c->profiles_count < CHECK_MAX_PROFILES;
	     i++)
		c->profiles[c->profiles_count++] =
			profile_find(&c->set, args->values[OPT_PROFILE][i]);
	for (size_t i = 0; args->counts[OPT_PROFILE] == 0 && i < RF_COUNT(defaults); i++) {
		const struct profile *p = defaults[i] ? profile_find(&c->set, defaults[i]) : NULL;

		if (p)
			c->profiles[c->profiles_count++] = p;
	}
	return c->profiles_count ? 0 : rf_fail(err, RF_E_MISSING, "no profile is there to choose");
}

static const char *one_text(struct fact_store *store, const char *sql, char *out, size_t size)
{
	sqlite3_stmt *stmt = NULL;

	out[0] = '\0';
	if (sqlite3_prepare_v2(fact_store_db(store), sql, -1, &stmt, NULL) == SQLITE_OK &&
	    sqlite3_step(stmt) == SQLITE_ROW && sqlite3_column_text(stmt, 0))
		rf_copy(out, size, (const char *)sqlite3_column_text(stmt, 0));
	sqlite3_finalize(stmt);
	return out;
}

/* "host web-3, 12 VMs" */
static void describe(struct check *c)
{
	char host[128], vms[32];

	one_text(c->store, "SELECT host FROM host ORDER BY host LIMIT 1", host, sizeof(host));
	one_text(c->store, "SELECT count(DISTINCT vm) FROM vm", vms, sizeof(vms));
	rf_format(c->what, sizeof(c->what), "%s%s%s%s VM%s", host[0] ? "host " : "", host,
		  host[0] ? ", " : "", vms, strcmp(vms, "1") == 0 ? "" : "s");
}

/* CPU time, of this process or of the collectors that it waited for. */
static int64_t cpu_ms(int who)
{
	struct rusage use = {0};

	if (getrusage(who, &use) < 0)
		return 0;
	return ((int64_t)use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1000 +
	       (use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1000;
}

int check_run(struct check *c, const struct cli_args *args, const char *const *only,
	      size_t only_count, struct rf_err *err)
{
	int64_t start = common_now_ms(), cpu = cpu_ms(RUSAGE_SELF);
	int rc = profiles_choose(c, args, err);

	if (!rc)
		rc = common_facts(args, &c->store, err);
	if (rc < 0)
		return rc;
	c->now_ms = common_now_ms();
	c->collect_ms = c->now_ms - start;
	c->reader_cpu_ms = cpu_ms(RUSAGE_CHILDREN);
	c->store_cpu_ms = cpu_ms(RUSAGE_SELF) - cpu;
	describe(c);
	rc = common_lock_in(args, err);
	if (rc < 0)
		return rc;
	const struct judge_request req = {
		.profiles = c->profiles,
		.profiles_count = c->profiles_count,
		.only = only,
		.only_count = only_count,
		.now_ms = c->now_ms,
	};

	cpu = cpu_ms(RUSAGE_SELF);
	rc = judge_run(c->store, &c->set, &req, &c->findings, err);
	c->judge_ms = common_now_ms() - c->now_ms;
	c->judge_cpu_ms = cpu_ms(RUSAGE_SELF) - cpu;
	return rc;
}

static struct report report_of(const struct check *c, const struct cli_args *args)
{
	return (struct report){
		.store = c->store,
		.set = &c->set,
		.findings = &c->findings,
		.profiles = c->profiles,
		.profiles_count = c->profiles_count,
		.now_ms = c->now_ms,
		.what = c->what,
		.as_root = geteuid() == 0 || cli_has(args, OPT_FROM),
		.color = rows_color(cli_value(args, OPT_COLOR)),
		.width = rows_width(),
		.show_all = cli_has(args, OPT_ALL),
		.hints = isatty(STDOUT_FILENO),
	};
}

/* Every report file's format is known before an hour of work, not after it. */
static int reports_check(const struct cli_args *args, struct rf_err *err)
{
	for (size_t i = 0; i < args->counts[OPT_REPORT]; i++) {
		enum report_format format;

		if (report_format_of_file(args->values[OPT_REPORT][i], &format) < 0)
			return rf_fail(
				err, RF_E_USAGE,
				"--report %s: the ending must be .html, .json, .jsonl, .csv, "
				".sarif, .xml or .txt",
				args->values[OPT_REPORT][i]);
	}
	return 0;
}

static int reports_write(const struct cli_args *args, const struct report *report,
			 struct rf_err *err)
{
	struct report plain = *report;

	plain.color = false;
	for (size_t i = 0; i < args->counts[OPT_REPORT]; i++) {
		const char *path = args->values[OPT_REPORT][i];
		enum report_format format;
		int rc = report_format_of_file(path, &format);

		if (!rc)
			rc = report_write_file(&plain, format, path, err);
		if (rc < 0)
			return rc;
		if (!cli_has(args, OPT_QUIET))
			fprintf(stderr, "ringfence: report written to %s\n", path);
	}
	return 0;
}

static int check_and_report(struct check *c, const struct cli_args *args, struct rf_err *err)
{
	const char *output = cli_value(args, OPT_OUTPUT);
	enum report_format format = REPORT_TABLE;

	if (output && report_format_parse(output, &format) < 0)
		return rf_fail(
			err, RF_E_USAGE,
			"there is no format %s: table, json, jsonl, csv, sarif, junit or html",
			output);
	int rc = reports_check(args, err);

	if (!rc)
		rc = common_controls(args, false, &c->set, err);
	if (!rc)
		rc = check_run(c, args, args->values[OPT_ONLY], args->counts[OPT_ONLY], err);
	if (rc < 0)
		return rc;
	struct report report = report_of(c, args);

	rc = report_write(&report, format, stdout, err);
	if (!rc)
		rc = reports_write(args, &report, err);
	if (rc < 0)
		return rc;
	if (cli_has(args, OPT_TIMING))
		fprintf(stderr,
			"ringfence: collected %llu facts in %lld ms, judged in %lld ms; CPU: readers "
			"%lld ms, store %lld ms, judge %lld ms\n",
			(unsigned long long)fact_store_rows(c->store), (long long)c->collect_ms,
			(long long)c->judge_ms, (long long)c->reader_cpu_ms,
			(long long)c->store_cpu_ms, (long long)c->judge_cpu_ms);
	/* A control of the site that was refused is no clean check. */
	return report_has_findings(&report) || c->set.problems_count ? CLI_FINDINGS : 0;
}

int cmd_check(const struct cli_args *args, struct rf_err *err)
{
	struct check c = {0};
	int rc = check_and_report(&c, args, err);

	check_done(&c);
	return rc;
}

/* ---- explain ---- */

static void explain_refs(const struct control *c)
{
	for (size_t i = 0; i < c->refs->items_count; i++) {
		const struct yaml_node *ref = &c->refs->items[i];

		printf("  %-12s", ref->key);
		if (ref->kind == YAML_TEXT)
			printf(" %s", ref->text);
		for (size_t k = 0; ref->kind == YAML_LIST && k < ref->items_count; k++)
			printf("%s %s", k ? "," : "", ref->items[k].text ? ref->items[k].text : "");
		printf("\n");
	}
}

static void explain_finding(const struct finding *f, bool with_control)
{
	RF_AUTOBUF struct rf_buf name = {0};
	const char *at = f->evidence, *key, *value;

	report_resource(f, &name);
	printf("  %-14s %s", finding_state_name(f->state), rf_buf_text(&name));
	if (with_control)
		printf("  %s (%s)\n                 %s", f->control->id, severity_name(f->severity),
		       f->control->title);
	printf("\n");
	if (f->reason[0])
		printf("                 %s\n", f->reason);
	while (evidence_next(&at, &key, &value)) {
		RF_AUTOBUF struct rf_buf shown = {0};

		rf_buf_add_visible(&shown, value, strlen(value));
		printf("                 %s = %s\n", key, rf_buf_text(&shown));
	}
	if (f->source[0])
		printf("                 in %s\n", f->source);
	if (with_control && f->state == FINDING_FAIL)
		printf("                 next: %s\n", f->control->step);
}

static int explain_control(struct check *c, const struct control *control)
{
	printf("%s (%s, %s)\n%s\n\nWhy it matters\n  %s\n\nNext step\n  %s\n", control->id,
	       severity_name(control->severity), control->pillar, control->title, control->why,
	       control->step);
	if (control->manual)
		printf("  By hand: %s\n", control->manual);
	printf("\nReferences\n");
	explain_refs(control);
	printf("\nThe question\n  over %s: %s\n", control->over ? control->over : "a query",
	       control->pass ? control->pass : control->query);
	if (control->when)
		printf("  applies only %s: %s\n", control->applies, control->when);
	for (size_t i = 0; i < c->profiles_count; i++) {
		const struct yaml_node *note = yaml_get(c->profiles[i]->notes, control->id);

		if (note && note->kind == YAML_TEXT)
			printf("\nNote of profile %s\n  %s\n", c->profiles[i]->id, note->text);
	}
	printf("\nHere\n");
	size_t count = 0;

	for (size_t i = 0; i < c->findings.count; i++) {
		if (c->findings.items[i].control != control)
			continue;
		explain_finding(&c->findings.items[i], false);
		count++;
	}
	if (count == 0)
		printf("  not judged: nothing it asks about was looked at, or no profile chooses it "
		       "(try --profile)\n");
	return 0;
}

static bool about(const struct finding *f, const char *word)
{
	return strcmp(f->vm, word) == 0 || strcmp(f->resource, word) == 0 ||
	       (strcmp(f->host, word) == 0 && !f->resource[0]) ||
	       (rf_starts(f->resource, word) && f->resource[strlen(word)] == '/');
}

static int explain_resource(struct check *c, const char *word, struct rf_err *err)
{
	size_t count = 0;

	for (size_t i = 0; i < c->findings.count; i++) {
		const struct finding *f = &c->findings.items[i];

		if (!about(f, word) || f->state == FINDING_NOT_APPLICABLE)
			continue;
		explain_finding(f, true);
		count++;
	}
	if (count == 0)
		return rf_fail(
			err, RF_E_UNKNOWN,
			"there is no control and no resource called %s here; `ringfence "
			"controls list` and `ringfence query \"SELECT vm FROM vm\"` show both",
			word);
	printf("%zu findings about %s\n", count, word);
	return 0;
}

static int explain_run(struct check *c, const struct cli_args *args, struct rf_err *err)
{
	const char *word = args->words[0];
	int rc = common_controls(args, false, &c->set, err);
	const struct control *control = rc ? NULL : control_find(&c->set, word);

	/* For a control only it is asked; for a resource all are. */
	if (!rc)
		rc = check_run(c, args, &word, control ? 1 : 0, err);
	if (rc < 0)
		return rc;

	return control ? explain_control(c, control) : explain_resource(c, word, err);
}

int cmd_explain(const struct cli_args *args, struct rf_err *err)
{
	struct check c = {0};
	int rc = explain_run(&c, args, err);

	check_done(&c);
	return rc;
}
