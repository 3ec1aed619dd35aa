/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The report for a terminal: worst first; for each control one block with what is wrong, why, where
 * and the next step. Colour, symbol and word say the same, so that none is needed alone.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "report/report.h"

/* Resources named in one block before the rest is counted. */
#define MAX_NAMED 4
/* Controls named once more at the end. */
#define MAX_WORST 5

struct style {
	const char *symbol, *word, *color;
};

static const struct style severity_styles[SEVERITY_COUNT] = {
	[SEVERITY_INFO] = {"·", "INFO", "\033[2m"},
	[SEVERITY_LOW] = {"▪", "LOW", "\033[36m"},
	[SEVERITY_MEDIUM] = {"▲", "MEDIUM", "\033[33m"},
	[SEVERITY_HIGH] = {"✖", "HIGH", "\033[31m"},
	[SEVERITY_CRITICAL] = {"✖", "CRITICAL", "\033[1;31m"},
};

static const struct style state_styles[FINDING_STATE_COUNT] = {
	[FINDING_PASS] = {"✔", "PASS", "\033[32m"},
	[FINDING_FAIL] = {"✖", "FAIL", "\033[31m"},
	[FINDING_UNKNOWN] = {"?", "UNKNOWN", "\033[35m"},
	[FINDING_NOT_APPLICABLE] = {"-", "N/A", "\033[2m"},
	[FINDING_WAIVED] = {"~", "WAIVED", "\033[34m"},
	[FINDING_ERROR] = {"!", "ERROR", "\033[1;35m"},
};

struct text {
	const struct report *report;
	FILE *out;
	char here[RF_MAX_PATH_BYTES]; /* the current directory with a slash; "" for none */
};

/* A path below the current directory as a person would type it. */
static const char *shorter(const struct text *t, const char *path)
{
	return t->here[0] && rf_starts(path, t->here) ? path + strlen(t->here) : path;
}

static void put_color(const struct text *t, const char *color)
{
	if (t->report->color)
		fputs(color, t->out);
}

static void put_reset(const struct text *t)
{
	put_color(t, "\033[0m");
}

static void find_here(struct text *t)
{
	char dir[RF_MAX_PATH_BYTES];

	if (!getcwd(dir, sizeof(dir)) || !dir[1] ||
	    !rf_format(t->here, sizeof(t->here), "%s/", dir))
		t->here[0] = '\0';
}

/* Wraps words to the width behind an indent; the first line starts where the cursor is. */
static void put_wrapped(const struct text *t, const char *text, unsigned indent, unsigned column)
{
	bool first = true;

	for (const char *p = text; *p;) {
		char word[512];
		size_t len = strcspn(p, " \n");

		if (!rf_format(word, sizeof(word), "%.*s", (int)len, p))
			word[sizeof(word) - 1] = '\0';
		unsigned width = (unsigned)rf_width(word);

		if (!first && column + 1 + width > t->report->width) {
			fprintf(t->out, "\n%*s", (int)indent, "");
			column = indent;
			first = true;
		}
		fprintf(t->out, "%s%s", first ? "" : " ", word);
		column += width + (first ? 0 : 1);
		first = false;
		p += len;
		while (*p == ' ' || *p == '\n')
			p++;
	}
	fputc('\n', t->out);
}

/* "web-1 net0, net1, web-2 net0": a VM is named once for all that is its own. */
static void add_resource(const struct text *t, const struct finding *f,
			 const struct finding *before, struct rf_buf *line)
{
	RF_AUTOBUF struct rf_buf name = {0};

	report_resource(f, &name);
	const char *text = rf_buf_text(&name);

	if (before && f->vm[0] && strcmp(before->vm, f->vm) == 0 && rf_starts(text, f->vm) &&
	    text[strlen(f->vm)] == ' ')
		text += strlen(f->vm) + 1;
	rf_buf_printf(line, "%s%s", before ? ", " : "", shorter(t, text));
}

static void put_resources(const struct text *t, const struct finding_group *g)
{
	RF_AUTOBUF struct rf_buf line = {0};
	size_t named = g->count > MAX_NAMED + 1 ? MAX_NAMED : g->count;

	for (size_t i = 0; i < named; i++)
		add_resource(t, &g->first[i], i ? &g->first[i - 1] : NULL, &line);
	if (named < g->count) {
		rf_buf_printf(&line, " and %zu more", g->count - named);
		if (g->vms_count > 1)
			rf_buf_printf(&line, " (%zu VMs)", g->vms_count);
	}
	fprintf(t->out, "      on    ");
	put_wrapped(t, rf_buf_text(&line), 12, 12);
}

/* Where it was seen, without the VM's name, which stands above: "FILE:12" is line 12 of that file,
 * "URI VM /domain/devices" the place in its definition. "" when nothing is left. */
static void add_source(const struct text *t, const struct finding *f, struct rf_buf *line)
{
	const char *at = f->source;
	size_t len = strlen(f->vm);
	const char *word = len ? strstr(at, f->vm) : NULL;

	if (len && rf_starts(at, f->vm) && (at[len] == ':' || !at[len])) {
		if (at[len])
			rf_buf_printf(line, "%sin line %s", line->len ? ", " : "", at + len + 1);
		return;
	}
	if (word && word > at && word[-1] == ' ' && (word[len] == ' ' || !word[len]))
		at = word + len + (word[len] == ' ');
	if (!*at)
		return;
	rf_buf_add_text(line, line->len ? ", in " : "in ");
	at = shorter(t, at);
	rf_buf_add_visible(line, at, strlen(at));
}

/* What was seen at the first resource, and where. */
static void put_evidence(const struct text *t, const struct finding *f)
{
	RF_AUTOBUF struct rf_buf line = {0};
	const char *at = f->evidence, *name, *value;

	while (evidence_next(&at, &name, &value)) {
		value = shorter(t, value);
		size_t len = strlen(value);

		rf_buf_printf(&line, "%s%s = ", line.len ? ", " : "", name);
		rf_buf_add_visible(&line, value, len > 160 ? 160 : len);
		rf_buf_add_text(&line, len > 160 ? "..." : len ? "" : "(empty)");
	}
	add_source(t, f, &line);
	if (!line.len)
		return;
	fprintf(t->out, "      seen  ");
	put_wrapped(t, rf_buf_text(&line), 12, 12);
}

static void put_head(const struct text *t, const struct style *style, const struct control *c)
{
	put_color(t, style->color);
	fprintf(t->out, "%s %-8s", style->symbol, style->word);
	put_reset(t);
	put_color(t, "\033[1m");
	fprintf(t->out, "  %s\n", c->id);
	put_reset(t);
}

static void put_fail(const struct text *t, const struct finding_group *g)
{
	const struct finding *f = g->first;
	const struct control *c = f->control;

	put_head(t, &severity_styles[f->severity], c);
	fprintf(t->out, "      want  ");
	put_wrapped(t, c->title, 12, 12);
	fprintf(t->out, "      why   ");
	put_wrapped(t, c->why, 12, 12);
	put_resources(t, g);
	put_evidence(t, f);
	put_color(t, "\033[1m");
	fprintf(t->out, "      next  ");
	put_wrapped(t, c->step, 12, 12);
	put_reset(t);
	if (f->note[0]) {
		fprintf(t->out, "      note  ");
		put_wrapped(t, f->note, 12, 12);
	}
	fputc('\n', t->out);
}

/* Short for what can wait: its full text is one command away. */
static void put_minor(const struct text *t, const struct finding_group *g)
{
	const struct style *style = &severity_styles[g->first->severity];
	RF_AUTOBUF struct rf_buf line = {0};

	put_color(t, style->color);
	fprintf(t->out, "%s %-8s", style->symbol, style->word);
	put_reset(t);
	fprintf(t->out, "  %s\n            ", g->first->control->id);
	rf_buf_printf(&line, "Not met: %s (", g->first->control->title);
	add_resource(t, g->first, NULL, &line);
	if (g->count > 1)
		rf_buf_printf(&line, " and %zu more", g->count - 1);
	rf_buf_add_text(&line, ")");
	put_wrapped(t, rf_buf_text(&line), 12, 12);
}

/* One line for a control that passed, was waived, or does not apply. */
static void put_short(const struct text *t, const struct finding_group *g)
{
	const struct style *style = &state_styles[g->first->state];

	put_color(t, style->color);
	fprintf(t->out, "%s %-8s", style->symbol, style->word);
	put_reset(t);
	fprintf(t->out, "  %-44s ", g->first->control->id);
	if (g->count > 1)
		fprintf(t->out, "%zu x  ", g->count);
	fprintf(t->out, "%s\n", g->first->reason[0] ? g->first->reason : g->first->control->title);
}

/* ---- what could not be judged: once for each reason, not once for each control ---- */

/* "forged_source is not known: REASON": one reason for many facts is told once. */
static const char *reason_core(const struct finding *f)
{
	static const char mark[] = " is not known: ";
	const char *at = strstr(f->reason, mark);

	return at && !strstr(at + 1, mark) ? at + strlen(mark) : f->reason;
}

static bool reason_seen(const struct finding_set *set, size_t index)
{
	const struct finding *f = &set->items[index];

	for (size_t i = index; i-- > 0;) {
		if (set->items[i].state != f->state)
			return false;
		if (strcmp(reason_core(&set->items[i]), reason_core(f)) == 0)
			return true;
	}
	return false;
}

static void put_unknown(const struct text *t, size_t index)
{
	const struct finding_set *set = t->report->findings;
	const struct finding *f = &set->items[index];
	const struct style *style = &state_styles[f->state];
	RF_AUTOBUF struct rf_buf ids = {0};
	const struct control *last = NULL;
	size_t controls = 0, findings = 0;

	for (size_t i = index; i < set->count && set->items[i].state == f->state; i++) {
		const struct finding *g = &set->items[i];

		if (strcmp(reason_core(g), reason_core(f)) != 0)
			continue;
		findings++;
		if (g->control == last)
			continue;
		last = g->control;
		if (++controls <= 6)
			rf_buf_printf(&ids, "%s%s", ids.len ? ", " : "", g->control->id);
	}
	if (controls > 6)
		rf_buf_printf(&ids, " and %zu more", controls - 6);
	put_color(t, style->color);
	fprintf(t->out, "%s %-8s", style->symbol, style->word);
	put_reset(t);
	fprintf(t->out, "  ");
	put_wrapped(t, findings > 1 ? reason_core(f) : f->reason, 12, 12);
	fprintf(t->out, "            ");
	RF_AUTOFREE char *line = rf_asprintf("%zu finding%s: %s", findings,
					     findings == 1 ? "" : "s", rf_buf_text(&ids));

	put_wrapped(t, line ? line : "", 12, 12);
}

static size_t put_unknowns(const struct text *t, size_t from)
{
	const struct finding_set *set = t->report->findings;
	size_t i = from;

	while (i < set->count &&
	       (set->items[i].state == FINDING_UNKNOWN || set->items[i].state == FINDING_ERROR)) {
		if (i == from || set->items[i].state != set->items[i - 1].state ||
		    !reason_seen(set, i))
			put_unknown(t, i);
		i++;
	}
	if (i > from)
		fputc('\n', t->out);
	return i;
}

/* ---- the end ---- */

static int gap_row(void *arg, int columns, sqlite3_stmt *stmt)
{
	const struct text *t = arg;
	RF_AUTOBUF struct rf_buf line = {0};
	const char *key = (const char *)sqlite3_column_text(stmt, 0);
	const char *reason = (const char *)sqlite3_column_text(stmt, 1);

	(void)columns;
	rf_buf_add_visible(&line, key, strlen(key));
	rf_buf_add_text(&line, ": ");
	rf_buf_add_visible(&line, reason, strlen(reason));
	fprintf(t->out, "  ");
	put_wrapped(t, rf_buf_text(&line), 4, 2);
	return 0;
}

static int put_gaps(const struct text *t, struct rf_err *err)
{
	sqlite3_stmt *stmt = NULL;
	sqlite3 *db = fact_store_db(t->report->store);

	if (sqlite3_prepare_v2(db,
			       "SELECT key, reason FROM fact_gap WHERE tbl = 'vm' AND key <> ''"
			       " AND col = '' ORDER BY key LIMIT 20",
			       -1, &stmt, NULL))
		return rf_fail(err, RF_E_DATABASE, "%s", sqlite3_errmsg(db));
	bool any = false;

	while (sqlite3_step(stmt) == SQLITE_ROW) {
		if (!any)
			fprintf(t->out, "Could not be read, so not judged:\n");
		any = true;
		gap_row((void *)t, 2, stmt);
	}
	sqlite3_finalize(stmt);
	if (any)
		fputc('\n', t->out);
	return 0;
}

static void put_totals(const struct text *t)
{
	const struct finding_set *set = t->report->findings;
	size_t by_severity[SEVERITY_COUNT] = {0};

	for (size_t i = 0; i < set->count && set->items[i].state == FINDING_FAIL; i++)
		by_severity[set->items[i].severity]++;
	fprintf(t->out, "%zu controls judged: ", set->controls_judged);
	static const enum finding_state order[] = {FINDING_FAIL,    FINDING_ERROR,
						   FINDING_UNKNOWN, FINDING_WAIVED,
						   FINDING_PASS,    FINDING_NOT_APPLICABLE};

	for (size_t i = 0; i < RF_COUNT(order); i++) {
		const struct style *style = &state_styles[order[i]];

		if (set->by_state[order[i]] == 0 &&
		    (order[i] == FINDING_ERROR || order[i] == FINDING_WAIVED))
			continue;
		fprintf(t->out, "%s", i ? "  " : "");
		put_color(t, style->color);
		fprintf(t->out, "%s %zu %s", style->symbol, set->by_state[order[i]], style->word);
		put_reset(t);
	}
	fputc('\n', t->out);
	if (set->by_state[FINDING_FAIL]) {
		fprintf(t->out, "Failed by severity:");
		for (size_t i = SEVERITY_COUNT; i-- > 0;) {
			if (!by_severity[i])
				continue;
			put_color(t, severity_styles[i].color);
			fprintf(t->out, "  %zu %s", by_severity[i], severity_styles[i].word);
			put_reset(t);
		}
		fputc('\n', t->out);
	}
	size_t judged = set->count - set->by_state[FINDING_NOT_APPLICABLE];

	/* A check that hardly applied must not look like a clean one. */
	if (set->count && judged * 2 < set->count)
		fprintf(t->out, "Note: more than half of the findings are N/A: is this the right "
				"profile for this machine?\n");
}

/* The end is what is on the screen: the worst once more, since it has scrolled away. */
static void put_worst(const struct text *t)
{
	const struct finding_set *set = t->report->findings;
	struct finding_group g;
	size_t at = 0, lines = 0;

	while (at < set->count && set->items[at].state == FINDING_FAIL &&
	       set->items[at].severity >= SEVERITY_HIGH && group_next(set, &at, &g)) {
		const struct style *style = &severity_styles[g.first->severity];

		if (++lines > MAX_WORST)
			continue;
		fprintf(t->out, "%s", lines == 1 ? "Begin with:\n" : "");
		put_color(t, style->color);
		fprintf(t->out, "  %s %-8s", style->symbol, style->word);
		put_reset(t);
		fprintf(t->out, "  %s\n", g.first->control->id);
	}
	if (lines > MAX_WORST)
		fprintf(t->out, "  and %zu more of that kind, above\n", lines - MAX_WORST);
}

static void put_hints(const struct text *t)
{
	const struct finding_set *set = t->report->findings;

	if (!t->report->as_root && set->by_state[FINDING_UNKNOWN])
		fprintf(t->out, "Run as root to see what an ordinary user may not read.\n");
	if (!t->report->hints)
		return;
	if (set->by_state[FINDING_FAIL])
		fprintf(t->out, "More about one: ringfence explain %s\n",
			set->items[0].control->id);
	if (!t->report->show_all && set->by_state[FINDING_PASS])
		fprintf(t->out, "Low and info in full, passed and N/A: ringfence check --all\n");
}

int report_text(const struct report *report, FILE *out, struct rf_err *err)
{
	struct text t = {.report = report, .out = out};
	const struct finding_set *set = report->findings;
	struct finding_group g;
	size_t at = 0;
	bool was_minor = false;

	find_here(&t);
	while (at < set->count && set->items[at].state == FINDING_FAIL) {
		if (!group_next(set, &at, &g))
			break;
		bool minor = g.first->severity <= SEVERITY_LOW && !report->show_all;

		if (minor)
			put_minor(&t, &g);
		else
			put_fail(&t, &g);
		was_minor = minor;
	}
	if (was_minor)
		fputc('\n', out);
	at = put_unknowns(&t, at);
	bool any = false;

	while (group_next(set, &at, &g)) {
		if (!report->show_all && g.first->state != FINDING_WAIVED)
			continue;
		put_short(&t, &g);
		any = true;
	}
	if (any)
		fputc('\n', out);
	int rc = put_gaps(&t, err);

	put_totals(&t);
	put_worst(&t);
	put_hints(&t);
	return rc;
}
