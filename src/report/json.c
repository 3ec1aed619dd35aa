/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON (docs/schema/report.json), JSON lines, CSV. Findings are written one at a time, so that a
 * report of a large site does not need its own size in memory once more.
 */
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "report/report.h"

#define SCHEMA_VERSION "1.0"

static int put_json(FILE *out, json_t *object, size_t flags)
{
	int rc = object ? json_dumpf(object, out, flags) : -1;

	json_decref(object);
	return rc < 0 ? -ENOMEM : 0;
}

/* A node of a control's file (refs, fix) as JSON. */
static json_t *json_of_node(const struct yaml_node *node)
{
	if (!node)
		return json_null();
	if (node->kind == YAML_TEXT)
		return json_string(node->text);
	json_t *out = node->kind == YAML_LIST ? json_array() : json_object();

	for (size_t i = 0; i < node->items_count; i++) {
		if (node->kind == YAML_LIST)
			json_array_append_new(out, json_of_node(&node->items[i]));
		else
			json_object_set_new(out, node->items[i].key, json_of_node(&node->items[i]));
	}
	return out;
}

/* A text in quotes. What a site's control or an error made may be cut within a letter, so that
 * bytes which are no UTF-8 are shown as \xNN. */
static void add_text(struct rf_buf *out, const char *text)
{
	RF_AUTOBUF struct rf_buf visible = {0};
	size_t len = strlen(text);

	if (!rf_utf8_valid((const uint8_t *)text, len)) {
		rf_buf_add_visible(&visible, text, len);
		text = rf_buf_text(&visible);
	}
	rf_buf_add_byte(out, '"');
	for (const char *end; *text; text = end) {
		for (end = text; (unsigned char)*end >= ' ' && *end != '"' && *end != '\\'; end++)
			;
		rf_buf_add(out, text, (size_t)(end - text));
		if (*end == '"' || *end == '\\')
			rf_buf_printf(out, "\\%c", *end++);
		else if (*end)
			rf_buf_printf(out, "\\u%04x", (unsigned char)*end++);
	}
	rf_buf_add_byte(out, '"');
}

static void add_comma(struct rf_buf *out)
{
	if (out->len > 0 && out->data[out->len - 1] != '{')
		rf_buf_add_byte(out, ',');
}

static void add_member(struct rf_buf *out, const char *name, const char *text)
{
	add_comma(out);
	rf_buf_printf(out, "\"%s\":", name);
	add_text(out, text);
}

/* Whether the evidence behind at has that name again: then the last stands, as in any object. */
static bool comes_again(const char *at, const char *wanted)
{
	const char *name, *value;

	while (evidence_next(&at, &name, &value)) {
		if (strcmp(name, wanted) == 0)
			return true;
	}
	return false;
}

/*
 * A finding as a flat object of texts, written at once: there are tens of thousands, and a tree of
 * values for each of them took a third of a whole check's time. The brace stays open.
 */
static void add_finding(struct rf_buf *out, const struct finding *f)
{
	const struct {
		const char *name, *text;
	} members[] = {
		{"control", f->control->id},
		{"state", finding_state_name(f->state)},
		{"severity", severity_name(f->severity)},
		{"host", f->host},
		{"resource", f->resource},
		{"vm", f->vm},
		{"layer", f->layer},
		{"reason", f->reason},
		{"source", f->source},
		{"note", f->note},
	};
	const char *at = f->evidence, *name, *value;

	rf_buf_add_byte(out, '{');
	for (size_t i = 0; i < RF_COUNT(members); i++)
		add_member(out, members[i].name, members[i].text);
	rf_buf_add_text(out, ",\"evidence\":{");
	while (evidence_next(&at, &name, &value)) {
		if (comes_again(at, name))
			continue;
		add_comma(out);
		add_text(out, name);
		rf_buf_add_byte(out, ':');
		add_text(out, value);
	}
	rf_buf_add_byte(out, '}');
}

static int put_buf(struct rf_buf *buf, FILE *out)
{
	if (buf->failed)
		return -ENOMEM;
	fwrite(buf->data, 1, buf->len, out);
	rf_buf_reset(buf);
	return 0;
}

static json_t *json_control(const struct control *c)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s?, s:o, s:o}", "title", c->title, "severity",
			 severity_name(c->severity), "pillar", c->pillar, "why", c->why, "step",
			 c->step, "manual", c->manual, "fix", json_of_node(c->fix), "refs",
			 json_of_node(c->refs));
}

/* The rows of a query as an array of objects. */
static int put_rows(const struct report *report, FILE *out, const char *sql)
{
	sqlite3_stmt *stmt = NULL;
	int rc = 0;
	bool first = true;

	if (sqlite3_prepare_v2(fact_store_db(report->store), sql, -1, &stmt, NULL))
		return RF_E_DATABASE;
	fputc('[', out);
	while (rc == 0 && sqlite3_step(stmt) == SQLITE_ROW) {
		json_t *row = json_object();

		for (int i = 0; i < sqlite3_column_count(stmt); i++) {
			json_t *value = json_null();

			if (sqlite3_column_type(stmt, i) == SQLITE_INTEGER)
				value = json_integer(sqlite3_column_int64(stmt, i));
			else if (sqlite3_column_type(stmt, i) == SQLITE_TEXT)
				value = json_string((const char *)sqlite3_column_text(stmt, i));
			json_object_set_new(row, sqlite3_column_name(stmt, i), value);
		}
		fputs(first ? "\n" : ",\n", out);
		first = false;
		rc = put_json(out, row, JSON_COMPACT);
	}
	sqlite3_finalize(stmt);
	fputc(']', out);
	return rc;
}

static json_t *json_summary(const struct report *report)
{
	const struct finding_set *set = report->findings;
	json_t *states = json_object(), *severities = json_object();
	size_t by_severity[SEVERITY_COUNT] = {0};

	for (size_t i = 0; i < FINDING_STATE_COUNT; i++)
		json_object_set_new(states, finding_state_name((enum finding_state)i),
				    json_integer((json_int_t)set->by_state[i]));
	for (size_t i = 0; i < set->count && set->items[i].state == FINDING_FAIL; i++)
		by_severity[set->items[i].severity]++;
	for (size_t i = 0; i < SEVERITY_COUNT; i++)
		json_object_set_new(severities, severity_name((enum severity)i),
				    json_integer((json_int_t)by_severity[i]));
	return json_pack("{s:I, s:I, s:o, s:o}", "controls_judged",
			 (json_int_t)set->controls_judged, "controls_skipped",
			 (json_int_t)set->controls_skipped, "findings", states,
			 "failed_by_severity", severities);
}

static int put_head(const struct report *report, FILE *out)
{
	char time[32];
	json_t *profiles = json_array();

	report_time(report->now_ms, time);
	for (size_t i = 0; i < report->profiles_count; i++)
		json_array_append_new(profiles,
				      json_pack("{s:s, s:s, s:s}", "id", report->profiles[i]->id,
						"title", report->profiles[i]->title, "about",
						report->profiles[i]->about));
	fprintf(out,
		"{\"schema_version\": \"%s\",\n\"tool\": {\"name\": \"ringfence\", \"version\": \"%s\"},\n"
		"\"generated\": \"%s\",\n\"as_root\": %s,\n\"what\": ",
		SCHEMA_VERSION, RF_VERSION, time, report->as_root ? "true" : "false");
	int rc = put_json(out, json_string(report->what), JSON_ENCODE_ANY);

	fputs(",\n\"profiles\": ", out);
	if (!rc)
		rc = put_json(out, profiles, JSON_COMPACT);
	fputs(",\n\"summary\": ", out);
	if (!rc)
		rc = put_json(out, json_summary(report), 0);
	fputs(",\n\"hosts\": ", out);
	if (!rc)
		rc = put_rows(
			report, out,
			"SELECT host, os_name, kernel_release, arch, cpus_online, memory_bytes, "
			"is_guest, has_kvm FROM host ORDER BY host");
	return rc;
}

/* The controls that the findings speak of, each once. */
static int put_controls(const struct report *report, FILE *out)
{
	const struct finding_set *set = report->findings;
	RF_AUTOMAP struct rf_map seen = {0};
	bool first = true;
	int rc = 0;

	fputs(",\n\"controls\": {", out);
	for (size_t i = 0; rc == 0 && i < set->count; i++) {
		const struct control *c = set->items[i].control;

		if (rf_map_has(&seen, c->id))
			continue;
		rc = rf_map_set(&seen, c->id, (void *)c);
		fprintf(out, "%s\n\"%s\": ", first ? "" : ",", c->id);
		first = false;
		if (!rc)
			rc = put_json(out, json_control(c), JSON_COMPACT);
	}
	fputc('}', out);
	return rc;
}

int report_json(const struct report *report, FILE *out, struct rf_err *err)
{
	const struct finding_set *set = report->findings;
	RF_AUTOBUF struct rf_buf line = {0};
	int rc = put_head(report, out);

	if (!rc)
		rc = put_controls(report, out);
	fputs(",\n\"findings\": [", out);
	for (size_t i = 0; rc == 0 && i < set->count; i++) {
		rf_buf_add_text(&line, i ? ",\n" : "\n");
		add_finding(&line, &set->items[i]);
		rf_buf_add_byte(&line, '}');
		rc = put_buf(&line, out);
	}
	fputs("],\n\"collectors\": ", out);
	if (!rc)
		rc = put_rows(report, out,
			      "SELECT host, collector, state, rows_count, duration_ms, reason FROM "
			      "collector_run ORDER BY host, collector");
	fputs(",\n\"gaps\": ", out);
	if (!rc)
		rc = put_rows(
			report, out,
			"SELECT host, tbl AS \"table\", key, col AS \"column\", reason, source FROM "
			"fact_gap ORDER BY host, tbl, key, col");
	fputs(",\n\"refused\": ", out);
	json_t *refused = json_array();

	for (size_t i = 0; i < report->set->problems_count; i++)
		json_array_append_new(refused, json_string(report->set->problems[i]));
	if (!rc)
		rc = put_json(out, refused, JSON_COMPACT);
	else
		json_decref(refused);
	fputs("}\n", out);
	return rc ? rf_fail(err, rc, "JSON report: %s", rf_code_text(rc)) : 0;
}

int report_jsonl(const struct report *report, FILE *out, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf line = {0};

	for (size_t i = 0; i < report->findings->count; i++) {
		const struct finding *f = &report->findings->items[i];

		add_finding(&line, f);
		add_member(&line, "title", f->control->title);
		add_member(&line, "step", f->control->step);
		rf_buf_add_text(&line, "}\n");
		if (put_buf(&line, out) < 0)
			return rf_fail(err, -ENOMEM, "JSON report: no memory");
	}
	return 0;
}

/* RFC 4180; a field that a spreadsheet would run as a formula gets a quote in front. */
static void put_csv(FILE *out, const char *text, const char *end)
{
	fputc('"', out);
	if (*text && strchr("=+-@\t\r", *text))
		fputc('\'', out);
	for (; *text; text++) {
		if (*text == '"')
			fputc('"', out);
		fputc(*text, out);
	}
	fprintf(out, "\"%s", end);
}

int report_csv(const struct report *report, FILE *out, struct rf_err *err)
{
	fputs("state,severity,control,host,resource,layer,title,reason,evidence,source,step\r\n",
	      out);
	for (size_t i = 0; i < report->findings->count; i++) {
		const struct finding *f = &report->findings->items[i];
		RF_AUTOBUF struct rf_buf evidence = {0};
		const char *at = f->evidence, *name, *value;

		while (evidence_next(&at, &name, &value))
			rf_buf_printf(&evidence, "%s%s=%s", evidence.len ? "; " : "", name, value);
		if (evidence.failed)
			return rf_fail(err, -ENOMEM, "CSV report: no memory");
		put_csv(out, finding_state_name(f->state), ",");
		put_csv(out, severity_name(f->severity), ",");
		put_csv(out, f->control->id, ",");
		put_csv(out, f->host, ",");
		put_csv(out, f->resource, ",");
		put_csv(out, f->layer, ",");
		put_csv(out, f->control->title, ",");
		put_csv(out, f->reason, ",");
		put_csv(out, rf_buf_text(&evidence), ",");
		put_csv(out, f->source, ",");
		put_csv(out, f->control->step, "\r\n");
	}
	return 0;
}
