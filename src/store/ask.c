/* SPDX-License-Identifier: Apache-2.0 */
/* Questions of people; see ask.h. Their statements are not among those of the hot path. */
#include "store/ask.h"

#include "store/parts.h"

static const struct store_statement event_after = {
	"SELECT seq, kind, host, about, old_state, new_state, text, at_ms FROM event "
	"WHERE seq > $1 ORDER BY seq LIMIT $2",
	NULL, "ii", "itttttti"};
static const struct store_statement event_newest = {
	"SELECT seq, kind, host, about, old_state, new_state, text, at_ms FROM "
	"(SELECT * FROM event ORDER BY seq DESC LIMIT $1) AS newest ORDER BY seq",
	NULL, "i", "itttttti"};
static const struct store_statement event_last = {
	"SELECT COALESCE((SELECT value FROM counter WHERE name = 'event'), 0)", NULL, "", "i"};
static const struct store_statement finding_page = {
	"SELECT host, control, resource, state, evidence, since_ms FROM finding "
	"WHERE ($1 = '' OR host = $1) AND ($2 = '' OR control = $2) AND ($3 = '' OR state = $3) "
	"AND (host, control, resource) > ($4, $5, $6) ORDER BY host, control, resource LIMIT $7",
	NULL, "tttttti", "ttttti"};
static const struct store_statement host_sum = {
	"SELECT COALESCE((SELECT max(at_ms) FROM verdict WHERE host = $1 "
	"AND state IN ('TRUSTED', 'WARNING')), 0), "
	"(SELECT count(*) FROM finding WHERE host = $1 AND state = 'FAIL')",
	NULL, "t", "ii"};

/* Where the rows of a question go. */
struct asked {
	int (*event)(void *arg, const struct store_event *event);
	int (*finding)(void *arg, const char *host, const struct store_finding *finding);
	int (*verdict)(void *arg, const struct store_verdict_row *row);
	int (*change)(void *arg, const struct store_host_change *change);
	void *arg;
};

static int take_event(void *arg, const struct store_value *row)
{
	const struct asked *asked = arg;
	const struct store_event event = {
		.seq = row[0].number,
		.kind = store_value_text(&row[1]),
		.host = store_value_text(&row[2]),
		.about = store_value_text(&row[3]),
		.old_state = store_value_text(&row[4]),
		.new_state = store_value_text(&row[5]),
		.text = store_value_text(&row[6]),
		.at_ms = row[7].number,
	};

	return asked->event(asked->arg, &event);
}

int store_event_after(struct store *store, int64_t seq, int64_t limit,
		      int (*take)(void *arg, const struct store_event *event), void *arg,
		      struct rf_err *err)
{
	struct asked asked = {.event = take, .arg = arg};

	return store_run_text(store, &event_after, STORE_PARAMS(store_int(seq), store_int(limit)),
			      (struct store_rows){take_event, &asked}, err);
}

int store_event_newest(struct store *store, int64_t limit,
		       int (*take)(void *arg, const struct store_event *event), void *arg,
		       struct rf_err *err)
{
	struct asked asked = {.event = take, .arg = arg};

	return store_run_text(store, &event_newest, STORE_PARAMS(store_int(limit)),
			      (struct store_rows){take_event, &asked}, err);
}

static int take_int(void *arg, const struct store_value *row)
{
	*(int64_t *)arg = row[0].number;
	return 0;
}

int store_event_last(struct store *store, int64_t *out, struct rf_err *err)
{
	*out = 0;
	return store_run_text(store, &event_last, STORE_NO_PARAMS,
			      (struct store_rows){take_int, out}, err);
}

static int take_finding(void *arg, const struct store_value *row)
{
	const struct asked *asked = arg;
	const struct store_finding finding = {
		.control = store_value_text(&row[1]),
		.resource = store_value_text(&row[2]),
		.state = store_value_text(&row[3]),
		.evidence = store_value_text(&row[4]),
		.since_ms = row[5].number,
	};

	return asked->finding(asked->arg, store_value_text(&row[0]), &finding);
}

int store_finding_page(struct store *store, const struct store_finding_page *page,
		       int (*take)(void *arg, const char *host,
				   const struct store_finding *finding),
		       void *arg, struct rf_err *err)
{
	struct asked asked = {.finding = take, .arg = arg};

	return store_run_text(store, &finding_page,
			      STORE_PARAMS(store_text(page->host), store_text(page->control),
					   store_text(page->state), store_text(page->after_host),
					   store_text(page->after_control),
					   store_text(page->after_resource),
					   store_int(page->limit)),
			      (struct store_rows){take_finding, &asked}, err);
}

static int take_sum(void *arg, const struct store_value *row)
{
	struct store_host_sum *sum = arg;

	sum->good_ms = row[0].number;
	sum->failures = row[1].number;
	return 0;
}

int store_host_sum(struct store *store, const char *host, struct store_host_sum *out,
		   struct rf_err *err)
{
	*out = (struct store_host_sum){0};
	return store_run_text(store, &host_sum, STORE_PARAMS(store_text(host)),
			      (struct store_rows){take_sum, out}, err);
}

static int take_verdict(void *arg, const struct store_value *row)
{
	const struct asked *asked = arg;
	const struct store_verdict_row verdict = {
		.verdict = store_value_text(&row[0]),
		.state = store_value_text(&row[1]),
		.reason = store_value_text(&row[2]),
		.evidence = row[3].bytes,
		.at_ms = row[4].number,
	};

	return asked->verdict(asked->arg, &verdict);
}

int store_verdict_each(struct store *store, const char *host, int64_t limit,
		       int (*take)(void *arg, const struct store_verdict_row *row), void *arg,
		       struct rf_err *err)
{
	struct asked asked = {.verdict = take, .arg = arg};

	return store_run(store, STORE_S_VERDICT_EACH,
			 STORE_PARAMS(store_text(host), store_int(limit)),
			 (struct store_rows){take_verdict, &asked}, err);
}

static int take_change(void *arg, const struct store_value *row)
{
	const struct asked *asked = arg;
	const struct store_host_change change = {
		.old_state = store_value_text(&row[0]),
		.new_state = store_value_text(&row[1]),
		.reason = store_value_text(&row[2]),
		.at_ms = row[3].number,
	};

	return asked->change(asked->arg, &change);
}

int store_host_change_each(struct store *store, const char *host, int64_t limit,
			   int (*take)(void *arg, const struct store_host_change *change),
			   void *arg, struct rf_err *err)
{
	struct asked asked = {.change = take, .arg = arg};

	return store_run(store, STORE_S_HOST_CHANGE_EACH,
			 STORE_PARAMS(store_text(host), store_int(limit)),
			 (struct store_rows){take_change, &asked}, err);
}
