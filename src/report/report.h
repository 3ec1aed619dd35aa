/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reports: findings for a person (terminal, HTML) and for programs (JSON, JSON lines, CSV, SARIF
 * 2.1.0, JUnit). A writer is one row of the table in report.c. Nothing is judged here.
 */
#ifndef RF_REPORT_REPORT_H
#define RF_REPORT_REPORT_H

#include <stdio.h>

#include "control/control.h"

struct report {
	struct fact_store *store;
	const struct control_set *set;
	const struct finding_set *findings;
	const struct profile *const *profiles;
	size_t profiles_count;
	int64_t now_ms;
	const char *what; /* "this host and its VMs", in words */
	bool as_root;	  /* facts were collected with full rights */
	/* For the terminal. */
	bool color, show_all;
	unsigned width; /* columns */
	/* For the terminal: its last lines say what to do next. */
	bool hints;
};

enum report_format {
	REPORT_TABLE,
	REPORT_JSON,
	REPORT_JSONL,
	REPORT_CSV,
	REPORT_SARIF,
	REPORT_JUNIT,
	REPORT_HTML,
};

/* By name ("json"); by file name ending (".html"). 0 or RF_E_UNKNOWN. */
int report_format_parse(const char *name, enum report_format *out) RF_MUST_CHECK;
int report_format_of_file(const char *path, enum report_format *out) RF_MUST_CHECK;

/* Writes the report. Returns 0 or a negative code; a full disk is an error, not a short report. */
int report_write(const struct report *report, enum report_format format, FILE *out,
		 struct rf_err *err) RF_MUST_CHECK;

/* Writes to a temporary file beside path, then renames: never half a report. */
int report_write_file(const struct report *report, enum report_format format, const char *path,
		      struct rf_err *err) RF_MUST_CHECK;

/* 1 when anything needs attention (a finding in state FAIL, UNKNOWN or ERROR). */
bool report_has_findings(const struct report *report);

/* ---- shared by the writers ---- */

/* Findings of one control in one state, neighbours in the sorted set. */
struct finding_group {
	const struct finding *first;
	size_t count;
	size_t vms_count; /* distinct VMs */
};
/* The group that starts at index *at, which moves behind it. */
bool group_next(const struct finding_set *set, size_t *at, struct finding_group *out);

/* "2026-01-31T12:00:00Z" */
void report_time(int64_t ms, char out[32]);

/* What a resource is called: "web-1 net0 (live)", or the host's name. */
void report_resource(const struct finding *f, struct rf_buf *out);

typedef int report_writer(const struct report *report, FILE *out, struct rf_err *err);
report_writer report_text, report_json, report_jsonl, report_csv, report_sarif, report_junit,
	report_html;

#endif
