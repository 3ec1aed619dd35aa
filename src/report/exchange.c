/* SPDX-License-Identifier: Apache-2.0 */
/* SARIF 2.1.0 (failures only, for code-scanning dashboards) and JUnit (for CI servers). */
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "report/report.h"

static const char *sarif_level(enum severity severity)
{
	static const char *const levels[] = {"note", "note", "warning", "error", "error"};

	return levels[severity];
}

/* GitHub and others sort by this number, 0 to 10. */
static const char *sarif_score(enum severity severity)
{
	static const char *const scores[] = {"0.0", "3.0", "5.5", "8.0", "9.5"};

	return scores[severity];
}

static json_t *sarif_rule(const struct control *c)
{
	json_t *tags = json_array();

	json_array_append_new(tags, json_string("security"));
	json_array_append_new(tags, json_string(c->pillar));
	return json_pack("{s:s, s:s, s:{s:s}, s:{s:s}, s:{s:s}, s:{s:s}, s:{s:s, s:o}}", "id",
			 c->id, "name", c->id, "shortDescription", "text", c->title,
			 "fullDescription", "text", c->why, "help", "text", c->step,
			 "defaultConfiguration", "level", sarif_level(c->severity), "properties",
			 "security-severity", sarif_score(c->severity), "tags", tags);
}

/* "/etc/x.conf:12" -> file and line; anything else has no place in a file. */
static json_t *sarif_place(const char *source)
{
	char path[1024];
	int64_t line = 1;

	if (source[0] != '/' || !rf_copy(path, sizeof(path), source))
		return NULL;
	char *colon = strrchr(path, ':');

	if (colon && rf_num(colon + 1, 10, 1, 1 << 30, &line) == 0)
		*colon = '\0';
	RF_AUTOBUF struct rf_buf uri = {0};

	rf_buf_add_text(&uri, "file://");
	for (const char *p = path; *p; p++) {
		bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
			     (*p >= '0' && *p <= '9') || strchr("/._-", *p);

		if (plain)
			rf_buf_add_byte(&uri, (uint8_t)*p);
		else
			rf_buf_printf(&uri, "%%%02X", (unsigned char)*p);
	}
	return json_pack("{s:{s:s}, s:{s:I}}", "artifactLocation", "uri", rf_buf_text(&uri),
			 "region", "startLine", (json_int_t)line);
}

static json_t *sarif_result(const struct finding *f)
{
	RF_AUTOBUF struct rf_buf message = {0}, name = {0};

	report_resource(f, &name);
	rf_buf_printf(&message, "Not so: %s (%s). %s", f->control->title, rf_buf_text(&name),
		      f->control->step);
	json_t *location = json_pack("{s:[{s:s, s:s}]}", "logicalLocations", "fullyQualifiedName",
				     rf_buf_text(&name), "kind", "resource");
	json_t *place = sarif_place(f->source);

	if (place)
		json_object_set_new(location, "physicalLocation", place);
	RF_AUTOFREE char *print =
		rf_asprintf("%s|%s|%s|%s", f->control->id, f->host, f->resource, f->layer);

	return json_pack("{s:s, s:s, s:{s:s}, s:[o], s:{s:s}}", "ruleId", f->control->id, "level",
			 sarif_level(f->severity), "message", "text", rf_buf_text(&message),
			 "locations", location, "partialFingerprints", "ringfence/v1",
			 print ? print : "");
}

int report_sarif(const struct report *report, FILE *out, struct rf_err *err)
{
	const struct finding_set *set = report->findings;
	RF_AUTOMAP struct rf_map seen = {0};
	json_t *rules = json_array(), *results = json_array();

	for (size_t i = 0; i < set->count && set->items[i].state == FINDING_FAIL; i++) {
		const struct control *c = set->items[i].control;

		json_array_append_new(results, sarif_result(&set->items[i]));
		if (rf_map_has(&seen, c->id))
			continue;
		if (rf_map_set(&seen, c->id, (void *)c) == 0)
			json_array_append_new(rules, sarif_rule(c));
	}
	json_t *doc = json_pack("{s:s, s:s, s:[{s:{s:{s:s, s:s, s:o}}, s:o}]}", "$schema",
				"https://json.schemastore.org/sarif-2.1.0.json", "version", "2.1.0",
				"runs", "tool", "driver", "name", "Ringfence", "version",
				RF_VERSION, "rules", rules, "results", results);

	if (!doc)
		return rf_fail(err, -ENOMEM, "SARIF report: no memory");
	int rc = json_dumpf(doc, out, JSON_INDENT(1));

	json_decref(doc);
	fputc('\n', out);
	return rc < 0 ? rf_fail(err, -EIO, "SARIF report: not written") : 0;
}

/* XML 1.0 knows no control characters, not even escaped. */
static void put_xml(FILE *out, const char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '<')
			fputs("&lt;", out);
		else if (c == '>')
			fputs("&gt;", out);
		else if (c == '&')
			fputs("&amp;", out);
		else if (c == '"')
			fputs("&quot;", out);
		else if (c < 0x20 && c != '\n' && c != '\t')
			fputc('?', out);
		else
			fputc(c, out);
	}
}

static void junit_case(const struct finding *f, FILE *out)
{
	RF_AUTOBUF struct rf_buf name = {0};

	report_resource(f, &name);
	fputs("  <testcase classname=\"", out);
	put_xml(out, f->control->id);
	fputs("\" name=\"", out);
	put_xml(out, rf_buf_text(&name));
	fputs("\"", out);
	if (f->state == FINDING_PASS) {
		fputs("/>\n", out);
		return;
	}
	const char *tag = f->state == FINDING_FAIL				     ? "failure"
			  : f->state == FINDING_UNKNOWN || f->state == FINDING_ERROR ? "error"
										     : "skipped";

	fprintf(out, "><%s message=\"", tag);
	put_xml(out, f->state == FINDING_FAIL ? f->control->title : f->reason);
	fputs("\">", out);
	if (f->state == FINDING_FAIL)
		put_xml(out, f->control->step);
	fprintf(out, "</%s></testcase>\n", tag);
}

int report_junit(const struct report *report, FILE *out, struct rf_err *err)
{
	const struct finding_set *set = report->findings;
	const size_t *n = set->by_state;

	(void)err;
	fprintf(out,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n"
		" <testsuite name=\"ringfence\" tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" "
		"skipped=\"%zu\">\n",
		set->count, n[FINDING_FAIL], n[FINDING_UNKNOWN] + n[FINDING_ERROR],
		n[FINDING_NOT_APPLICABLE] + n[FINDING_WAIVED]);
	for (size_t i = 0; i < set->count; i++)
		junit_case(&set->items[i], out);
	fputs(" </testsuite>\n</testsuites>\n", out);
	return 0;
}
