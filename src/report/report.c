/* SPDX-License-Identifier: Apache-2.0 */
/* The table of report writers, and what they share. See report.h. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "report/report.h"

struct format_row {
	enum report_format format;
	const char *name;
	const char *ending;
	report_writer *write;
};

static const struct format_row format_rows[] = {
	{REPORT_TABLE, "table", ".txt", report_text},
	{REPORT_JSON, "json", ".json", report_json},
	{REPORT_JSONL, "jsonl", ".jsonl", report_jsonl},
	{REPORT_CSV, "csv", ".csv", report_csv},
	{REPORT_SARIF, "sarif", ".sarif", report_sarif},
	{REPORT_JUNIT, "junit", ".xml", report_junit},
	{REPORT_HTML, "html", ".html", report_html},
};

int report_format_parse(const char *name, enum report_format *out)
{
	for (size_t i = 0; i < RF_COUNT(format_rows); i++) {
		if (strcmp(format_rows[i].name, name) == 0) {
			*out = format_rows[i].format;
			return 0;
		}
	}
	return RF_E_UNKNOWN;
}

int report_format_of_file(const char *path, enum report_format *out)
{
	for (size_t i = 0; i < RF_COUNT(format_rows); i++) {
		if (rf_ends(path, format_rows[i].ending)) {
			*out = format_rows[i].format;
			return 0;
		}
	}
	return RF_E_UNKNOWN;
}

int report_write(const struct report *report, enum report_format format, FILE *out,
		 struct rf_err *err)
{
	for (size_t i = 0; i < RF_COUNT(format_rows); i++) {
		if (format_rows[i].format != format)
			continue;
		int rc = format_rows[i].write(report, out, err);

		if (!rc && (fflush(out) != 0 || ferror(out)))
			rc = rf_fail(err, -EIO, "the report could not be written completely: %s",
				     rf_code_text(-errno));
		return rc;
	}
	return rf_fail(err, RF_E_UNKNOWN, "no such format");
}

int report_write_file(const struct report *report, enum report_format format, const char *path,
		      struct rf_err *err)
{
	RF_AUTOFREE char *tmp = rf_asprintf("%s.new-%d", path, (int)getpid());

	if (!tmp)
		return rf_fail(err, -ENOMEM, "no memory");
	/* A report names every weakness of the host: not for everybody's eyes. */
	int fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	FILE *out = fd < 0 ? NULL : fdopen(fd, "w");

	if (!out) {
		int code = -errno;

		if (fd >= 0)
			close(fd);
		return rf_fail(err, code, "%s: %s", path, rf_code_text(code));
	}
	int rc = report_write(report, format, out, err);

	if (!rc && fsync(fd) < 0)
		rc = rf_fail(err, -errno, "%s: %s", path, rf_code_text(-errno));
	if (fclose(out) != 0 && !rc)
		rc = rf_fail(err, -errno, "%s: %s", path, rf_code_text(-errno));
	if (!rc && rename(tmp, path) < 0)
		rc = rf_fail(err, -errno, "%s: %s", path, rf_code_text(-errno));
	if (rc) {
		unlink(tmp);
		return rf_wrap(err, rc, "report %s", path);
	}
	return 0;
}

bool report_has_findings(const struct report *report)
{
	const size_t *n = report->findings->by_state;

	return n[FINDING_FAIL] + n[FINDING_UNKNOWN] + n[FINDING_ERROR] > 0;
}

bool group_next(const struct finding_set *set, size_t *at, struct finding_group *out)
{
	if (*at >= set->count)
		return false;
	const struct finding *first = &set->items[*at];
	const char *vm = "";

	*out = (struct finding_group){.first = first};
	for (; *at < set->count; ++*at, out->count++) {
		const struct finding *f = &set->items[*at];

		if (f->control != first->control || f->state != first->state)
			break;
		/* Sorted by resource, so that the rows of one VM are neighbours. */
		out->vms_count += f->vm[0] && strcmp(vm, f->vm) != 0;
		vm = f->vm;
	}
	return true;
}

void report_time(int64_t ms, char out[32])
{
	time_t s = (time_t)(ms / 1000);
	struct tm tm;

	gmtime_r(&s, &tm);
	strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

void report_resource(const struct finding *f, struct rf_buf *out)
{
	const char *text = f->resource[0] ? f->resource : f->host;

	/* web-1/net0 reads better as two words; a path keeps its slashes. */
	if (f->vm[0] && rf_starts(text, f->vm) && text[strlen(f->vm)] == '/') {
		rf_buf_add_visible(out, f->vm, strlen(f->vm));
		rf_buf_add_text(out, " ");
		text += strlen(f->vm) + 1;
	}
	rf_buf_add_visible(out, text, strlen(text));
	if (f->layer[0] && strcmp(f->layer, "persistent") != 0)
		rf_buf_printf(out, " (%s)", f->layer);
}
