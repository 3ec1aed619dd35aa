/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTML report: one file, no network, readable without scripts, light and dark, printable.
 * Style and script are the data files report/report.css and report/report.js, built in.
 * Everything from a host or a VM goes through put_text: none of it is markup.
 */
#include <errno.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "control/embed.h"
#include "report/report.h"

/* Resources listed in one finding; the JSON report has them all. */
#define MAX_LISTED 200

static void put_text(FILE *out, const char *text)
{
	RF_AUTOBUF struct rf_buf visible = {0};

	rf_buf_add_visible(&visible, text, strlen(text));
	for (const char *p = rf_buf_text(&visible); *p; p++) {
		if (*p == '<')
			fputs("&lt;", out);
		else if (*p == '>')
			fputs("&gt;", out);
		else if (*p == '&')
			fputs("&amp;", out);
		else if (*p == '"')
			fputs("&quot;", out);
		else if (*p == '\'')
			fputs("&#39;", out);
		else
			fputc(*p, out);
	}
}

static void put_file(FILE *out, const char *path)
{
	for (size_t i = 0; i < embedded_files_count; i++) {
		if (strcmp(embedded_files[i].path, path) == 0)
			fwrite(embedded_files[i].data, 1, embedded_files[i].len, out);
	}
}

/* The class that gives a group its colour, and the word beside it. */
static const char *group_class(const struct finding *f)
{
	static const char *const classes[FINDING_STATE_COUNT] = {
		[FINDING_PASS] = "pass",	 [FINDING_UNKNOWN] = "unknown",
		[FINDING_NOT_APPLICABLE] = "na", [FINDING_WAIVED] = "waived",
		[FINDING_ERROR] = "unknown",
	};

	return f->state == FINDING_FAIL ? severity_name(f->severity) : classes[f->state];
}

static const char *group_word(const struct finding *f)
{
	static const char *const words[FINDING_STATE_COUNT] = {
		[FINDING_PASS] = "✔ PASS",	    [FINDING_UNKNOWN] = "? UNKNOWN",
		[FINDING_NOT_APPLICABLE] = "– N/A", [FINDING_WAIVED] = "~ WAIVED",
		[FINDING_ERROR] = "! ERROR",
	};
	static const char *const severities[SEVERITY_COUNT] = {"· INFO", "▪ LOW", "▲ MEDIUM",
							       "✖ HIGH", "✖ CRITICAL"};

	return f->state == FINDING_FAIL ? severities[f->severity] : words[f->state];
}

/* ---- the overview picture: one bar for each pillar ---- */

enum slice {
	SLICE_CRITICAL,
	SLICE_HIGH,
	SLICE_MEDIUM,
	SLICE_LOW,
	SLICE_INFO,
	SLICE_UNKNOWN,
	SLICE_WAIVED,
	SLICE_PASS,
	SLICE_COUNT
};

static const char *const slice_names[SLICE_COUNT] = {"critical", "high",    "medium", "low",
						     "info",	 "unknown", "waived", "pass"};

static int slice_of(const struct finding *f)
{
	if (f->state == FINDING_FAIL)
		return SLICE_CRITICAL + (SEVERITY_CRITICAL - (int)f->severity);
	if (f->state == FINDING_UNKNOWN || f->state == FINDING_ERROR)
		return SLICE_UNKNOWN;
	if (f->state == FINDING_WAIVED)
		return SLICE_WAIVED;
	return f->state == FINDING_PASS ? SLICE_PASS : -1;
}

/* Widths are by share of the row; the words are there for those who do not see the bar. */
static void put_bar(FILE *out, const char *name, const size_t counts[SLICE_COUNT])
{
	size_t total = 0, failed = 0;

	for (size_t i = 0; i < SLICE_COUNT; i++)
		total += counts[i];
	for (size_t i = 0; i <= SLICE_INFO; i++)
		failed += counts[i];
	fprintf(out, "<li><span>%s</span><span class=\"bar\" role=\"img\" aria-label=\"%s:", name,
		name);
	for (size_t i = 0; i < SLICE_COUNT; i++) {
		if (counts[i])
			fprintf(out, " %zu %s", counts[i], slice_names[i]);
	}
	fputs("\">", out);
	for (size_t i = 0; i < SLICE_COUNT; i++) {
		if (counts[i])
			fprintf(out,
				"<i class=\"c-%s\" style=\"flex-grow:%zu\" title=\"%zu %s\"></i>",
				slice_names[i], counts[i], counts[i], slice_names[i]);
	}
	fprintf(out, "</span><span>%zu of %zu failed</span></li>\n", failed, total);
}

static void put_overview(const struct report *report, FILE *out)
{
	static size_t counts[16][SLICE_COUNT];
	const struct finding_set *set = report->findings;

	memset(counts, 0, sizeof(counts));
	for (size_t i = 0; i < set->count; i++) {
		int slice = slice_of(&set->items[i]);

		for (size_t p = 0; slice >= 0 && p < control_pillars_count; p++) {
			if (strcmp(control_pillars[p], set->items[i].control->pillar) == 0)
				counts[p][slice]++;
		}
	}
	fputs("<section><h2>Overview by area</h2><div class=\"panel\"><ul class=\"bars\">\n", out);
	for (size_t p = 0; p < control_pillars_count; p++) {
		size_t total = 0;

		for (size_t i = 0; i < SLICE_COUNT; i++)
			total += counts[p][i];
		if (total)
			put_bar(out, control_pillars[p], counts[p]);
	}
	fputs("</ul><ul class=\"legend\">", out);
	for (size_t i = 0; i < SLICE_COUNT; i++)
		fprintf(out, "<li><i class=\"c-%s\"></i>%s</li>", slice_names[i], slice_names[i]);
	fputs("</ul></div></section>\n", out);
}

/* ---- findings ---- */

static void put_refs(FILE *out, const struct control *c)
{
	bool first = true;

	for (size_t i = 0; i < c->refs->items_count; i++) {
		const struct yaml_node *ref = &c->refs->items[i];

		fputs(first ? "" : "; ", out);
		first = false;
		put_text(out, ref->key);
		fputc(' ', out);
		if (ref->kind == YAML_TEXT)
			put_text(out, ref->text);
		for (size_t k = 0; ref->kind == YAML_LIST && k < ref->items_count; k++) {
			fputs(k ? ", " : "", out);
			put_text(out, ref->items[k].text ? ref->items[k].text : "");
		}
	}
}

static void put_evidence_cell(FILE *out, const struct finding *f)
{
	const char *at = f->evidence, *name, *value;
	bool first = true;

	while (evidence_next(&at, &name, &value)) {
		fputs(first ? "" : "<br>", out);
		first = false;
		put_text(out, name);
		fputs(" = <code>", out);
		put_text(out, *value ? value : "(empty)");
		fputs("</code>", out);
	}
}

static void put_resource_table(FILE *out, const struct finding_group *g)
{
	bool reasons = g->first->reason[0] && g->first->state != FINDING_NOT_APPLICABLE;

	fprintf(out,
		"<table class=\"r\"><thead><tr><th>Resource</th><th>Seen</th><th>Where</th>%s</tr></thead><tbody>\n",
		reasons ? "<th>Reason</th>" : "");
	for (size_t i = 0; i < g->count && i < MAX_LISTED; i++) {
		const struct finding *f = &g->first[i];
		RF_AUTOBUF struct rf_buf name = {0};

		report_resource(f, &name);
		fputs("<tr><td>", out);
		put_text(out, rf_buf_text(&name));
		fputs("</td><td>", out);
		put_evidence_cell(out, f);
		fputs("</td><td><code>", out);
		put_text(out, f->source);
		fputs("</code></td>", out);
		if (reasons) {
			fputs("<td>", out);
			put_text(out, f->reason);
			fputs("</td>", out);
		}
		fputs("</tr>\n", out);
	}
	fputs("</tbody></table>\n", out);
	if (g->count > MAX_LISTED)
		fprintf(out, "<p class=\"none\">and %zu more; the JSON report lists them all</p>",
			g->count - MAX_LISTED);
}

static void put_field(FILE *out, const char *name, const char *class, const char *text)
{
	if (!text || !*text)
		return;
	fprintf(out, "<dt>%s</dt><dd%s%s%s>", name, class ? " class=\"" : "", class ? class : "",
		class ? "\"" : "");
	put_text(out, text);
	fputs("</dd>", out);
}

static void put_group(FILE *out, const struct finding_group *g)
{
	const struct finding *f = g->first;
	const struct control *c = f->control;

	fprintf(out,
		"<details class=\"f s-%s%s\" data-sev=\"%s\" data-pillar=\"%s\" id=\"%s-%s\"><summary><span "
		"class=\"tag\">%s</span><span class=\"t\">",
		group_class(f), f->state == FINDING_FAIL ? " fail" : "", group_class(f), c->pillar,
		finding_state_name(f->state), c->id, group_word(f));
	/* A title states the good state; where it does not hold, that is said first. */
	fputs(f->state == FINDING_FAIL ? "<span class=\"not\">Not met: </span>" : "", out);
	put_text(out, c->title);
	fprintf(out, "<code>%s</code></span><span class=\"n\">", c->id);
	if (g->vms_count > 1)
		fprintf(out, "%zu VMs", g->vms_count);
	else if (g->count > 1)
		fprintf(out, "%zu resources", g->count);
	fputs("</span></summary><div class=\"b\"><dl>", out);
	put_field(out, "Why", NULL, c->why);
	put_field(out, "Next step", "step", f->state == FINDING_PASS ? NULL : c->step);
	put_field(out, "By hand", NULL, c->manual);
	if (f->state == FINDING_NOT_APPLICABLE || f->state == FINDING_WAIVED)
		put_field(out, f->state == FINDING_WAIVED ? "Waived" : "Applies", NULL, f->reason);
	put_field(out, "Note", NULL, f->note);
	fputs("<dt>References</dt><dd>", out);
	put_refs(out, c);
	fputs("</dd></dl>\n", out);
	put_resource_table(out, g);
	fputs("</div></details>\n", out);
}

static void put_section(const struct report *report, FILE *out, const char *title, const char *id,
			uint32_t states)
{
	struct finding_group g;
	size_t at = 0, count = 0;

	fprintf(out, "<section data-list id=\"%s\"><h2>%s</h2>\n", id, title);
	while (group_next(report->findings, &at, &g)) {
		if (!(states >> g.first->state & 1))
			continue;
		put_group(out, &g);
		count++;
	}
	fprintf(out, "<p class=\"none\"%s>%s</p></section>\n", count ? " hidden" : "",
		count ? "Nothing here matches the filter." : "None.");
}

/* ---- head and appendix ---- */

static void put_card(FILE *out, const char *anchor, const char *class, size_t n, const char *word)
{
	fprintf(out, "<div class=\"card\"><b style=\"color:var(--%s)\">%zu</b><span>", class, n);
	if (anchor)
		fprintf(out, "<a href=\"#%s\">%s</a></span></div>\n", anchor, word);
	else
		fprintf(out, "%s</span></div>\n", word);
}

static void put_summary(const struct report *report, FILE *out)
{
	const struct finding_set *set = report->findings;
	size_t by_severity[SEVERITY_COUNT] = {0};

	for (size_t i = 0; i < set->count && set->items[i].state == FINDING_FAIL; i++)
		by_severity[set->items[i].severity]++;
	fputs("<section aria-label=\"Summary\"><div class=\"cards\">\n", out);
	put_card(out, "failed", "critical", by_severity[SEVERITY_CRITICAL], "critical");
	put_card(out, "failed", "high", by_severity[SEVERITY_HIGH], "high");
	put_card(out, "failed", "medium", by_severity[SEVERITY_MEDIUM], "medium");
	put_card(out, "failed", "low", by_severity[SEVERITY_LOW] + by_severity[SEVERITY_INFO],
		 "low and info");
	put_card(out, "unknown", "unknown",
		 set->by_state[FINDING_UNKNOWN] + set->by_state[FINDING_ERROR],
		 "could not be judged");
	put_card(out, "waived", "waived", set->by_state[FINDING_WAIVED], "waived");
	put_card(out, "passed", "pass", set->by_state[FINDING_PASS], "passed");
	put_card(out, "na", "soft", set->by_state[FINDING_NOT_APPLICABLE], "not applicable");
	fputs("</div></section>\n", out);
}

static void put_tools(FILE *out)
{
	fputs("<div class=\"tools\" hidden><label for=\"q\">Search</label><input id=\"q\" "
	      "type=\"search\" placeholder=\"VM, control, word\"><label "
	      "for=\"sev\">State</label><select id=\"sev\"><option value=\"\">all states</option>",
	      out);
	for (size_t i = 0; i < SLICE_COUNT; i++)
		fprintf(out, "<option>%s</option>", slice_names[i]);
	fputs("<option>na</option></select><label for=\"pil\">Area</label><select "
	      "id=\"pil\"><option value=\"\">all areas</option>",
	      out);
	for (size_t i = 0; i < control_pillars_count; i++)
		fprintf(out, "<option>%s</option>", control_pillars[i]);
	fputs("</select><button id=\"open\" type=\"button\" aria-pressed=\"false\">Unfold all</button>"
	      "<span id=\"shown\" role=\"status\"></span></div>\n",
	      out);
}

/* The rows of a query as a table; the first row of text are the headings. */
static int put_query(const struct report *report, FILE *out, const char *title, const char *sql)
{
	sqlite3_stmt *stmt = NULL;
	bool any = false;

	if (sqlite3_prepare_v2(fact_store_db(report->store), sql, -1, &stmt, NULL))
		return RF_E_DATABASE;
	while (sqlite3_step(stmt) == SQLITE_ROW) {
		if (!any)
			fprintf(out,
				"<section><h2>%s</h2><div class=\"panel\"><table class=\"q\"><thead><tr>",
				title);
		for (int i = 0; !any && i < sqlite3_column_count(stmt); i++)
			fprintf(out, "<th>%s</th>", sqlite3_column_name(stmt, i));
		fputs(any ? "<tr>" : "</tr></thead><tbody><tr>", out);
		any = true;
		for (int i = 0; i < sqlite3_column_count(stmt); i++) {
			const char *text = (const char *)sqlite3_column_text(stmt, i);

			fputs("<td>", out);
			put_text(out, text ? text : "unknown");
			fputs("</td>", out);
		}
		fputs("</tr>\n", out);
	}
	sqlite3_finalize(stmt);
	fputs(any ? "</tbody></table></div></section>\n" : "", out);
	return 0;
}

static void put_profiles(const struct report *report, FILE *out)
{
	fputs("<section><h2>Profiles</h2><div class=\"panel\"><dl>", out);
	for (size_t i = 0; i < report->profiles_count; i++) {
		const struct profile *p = report->profiles[i];

		fprintf(out, "<dt><code>%s</code></dt><dd>", p->id);
		put_text(out, p->about);
		fputs("</dd>", out);
	}
	fputs("</dl></div></section>\n", out);
}

/* What each word of the report means, for the reader who was not there. */
static void put_words(FILE *out)
{
	static const char *const words[][2] = {
		{"FAIL",
		 "The facts say that the good state does not hold. Evidence and place are shown."},
		{"PASS", "The facts say that it holds."},
		{"UNKNOWN",
		 "A fact is missing; which one and why is said. Never counted as passed."},
		{"WAIVED", "It fails, and somebody who may has accepted it for a stated time."},
		{"N/A", "The question does not arise here; why is said."},
		{"ERROR", "The control itself could not be run. Never counted as passed."},
	};

	fputs("<section><h2>How to read this</h2><div class=\"panel\"><dl>", out);
	for (size_t i = 0; i < RF_COUNT(words); i++)
		put_field(out, words[i][0], NULL, words[i][1]);
	fputs("</dl></div></section>\n", out);
}

static int put_appendix(const struct report *report, FILE *out)
{
	put_words(out);
	put_profiles(report, out);
	int rc = put_query(
		report, out, "Hosts",
		"SELECT host AS Host, os_name AS System, kernel_release AS Kernel, cpu_model AS CPU, "
		"cpus_online AS CPUs FROM host ORDER BY host");

	if (!rc)
		rc = put_query(
			report, out, "Virtual machines looked at",
			"SELECT vm AS VM, layer AS Layer, name AS Name, format AS Format, state AS "
			"State, vcpus AS vCPUs FROM vm ORDER BY vm, layer LIMIT 2000");
	if (!rc)
		rc = put_query(
			report, out, "What could not be read",
			"SELECT tbl AS \"Facts\", CASE key WHEN '' THEN 'all' ELSE key END AS \"About\", "
			"CASE col WHEN '' THEN 'all' ELSE group_concat(col, ', ') END AS \"Missing\", "
			"reason AS \"Why, and what would mend it\" FROM (SELECT * FROM fact_gap ORDER BY "
			"tbl, key, col) GROUP BY tbl, key, reason, col = '' ORDER BY tbl, key LIMIT 500");
	return rc;
}

static void put_title(const struct report *report, FILE *out)
{
	char time[32];

	report_time(report->now_ms, time);
	fputs("<header><h1>Ringfence report: ", out);
	put_text(out, report->what);
	fprintf(out,
		"</h1><p class=\"sub\">%s by Ringfence %s; %zu controls judged%s; profiles: ", time,
		RF_VERSION, report->findings->controls_judged,
		report->as_root ? "" : "; collected without root, so some facts are unknown");
	for (size_t i = 0; i < report->profiles_count; i++) {
		fputs(i ? ", " : "", out);
		put_text(out, report->profiles[i]->id);
	}
	fputs("</p></header>\n", out);
}

#define STATE(x) (1u << FINDING_##x)

int report_html(const struct report *report, FILE *out, struct rf_err *err)
{
	fputs("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n<meta http-equiv=\""
	      "Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
	      "script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">\n<meta name=\""
	      "viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Ringfence report: ",
	      out);
	put_text(out, report->what);
	fputs("</title>\n<style>\n", out);
	put_file(out, "report/report.css");
	fputs("</style></head><body>\n", out);
	put_title(report, out);
	fputs("<main>\n", out);
	put_summary(report, out);
	put_overview(report, out);
	put_tools(out);
	put_section(report, out, "What needs attention", "failed", STATE(FAIL));
	put_section(report, out, "Could not be judged", "unknown", STATE(UNKNOWN) | STATE(ERROR));
	put_section(report, out, "Waived", "waived", STATE(WAIVED));
	put_section(report, out, "Passed", "passed", STATE(PASS));
	put_section(report, out, "Not applicable", "na", STATE(NOT_APPLICABLE));
	int rc = put_appendix(report, out);

	fputs("</main>\n<footer>Unknown is never counted as passed. Secrets are never read into a "
	      "report.</footer>\n<script>\n",
	      out);
	put_file(out, "report/report.js");
	fputs("</script></body></html>\n", out);
	return rc ? rf_fail(err, rc, "HTML report: %s", rf_code_text(rc)) : 0;
}
