/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The site's approval policy: which operation wants how many eyes. A row of the store for each that
 * the site says something of; its change is an operation itself (policy.change). And what time
 * does to approvals, which the role keeper asks for.
 */
#include <errno.h>
#include <string.h>

#include "api/api.h"
#include "api/handlers.h"
#include "base/mem.h"
#include "base/str.h"
#include "store/consent.h"

static int take_rule(void *arg, const struct store_rule *rule)
{
	struct site_rule *out = arg;

	out->site = json_loads(rule->rule, JSON_REJECT_DUPLICATES, NULL);
	out->changed_ms = rule->changed_ms;
	return json_is_object(out->site) &&
			       rf_copy(out->changed_by, sizeof(out->changed_by), rule->changed_by)
		       ? 0
		       : RF_E_MISMATCH;
}

/* "window-ms" is the member window_ms. */
static int64_t number_of(const json_t *site, const char *name)
{
	char member[32];

	(void)rf_copy(member, sizeof(member), name);
	for (char *c = member; *c; c++)
		*c = *c == '-' ? '_' : *c;
	return json_integer_value(json_object_get(site, member));
}

static int rule_make(const char *operation, struct site_rule *out, struct rf_err *err)
{
	const json_t *roles = json_object_get(out->site, "roles");
	struct approval_site site = {
		.operation = operation,
		.level = json_string_value(json_object_get(out->site, "level")),
		.roles = out->roles,
		.shared_role = json_is_true(json_object_get(out->site, "shared_role"))};

	for (size_t i = 0; i < APPROVAL_NUMBER_COUNT; i++)
		site.numbers[i] = number_of(out->site, approval_numbers[i].name);
	for (size_t i = 0; i < json_array_size(roles) && i < APPROVAL_MAX_ROLES; i++)
		out->roles[site.roles_count++] = json_string_value(json_array_get(roles, i));
	return approval_rule_make(&site, &out->rule, err);
}

int site_rule_read(struct store *store, const char *operation, struct site_rule *out,
		   struct rf_err *err)
{
	memset(out, 0, sizeof(*out));
	int rc = store_rule_get(store, operation, take_rule, out, err);

	if (rc == RF_E_MISMATCH)
		rc = rf_fail(err, rc, "the site's rule for %s is damaged in the store", operation);
	return rc ? rc : rule_make(operation, out, err);
}

static json_t *rule_json(const struct site_rule *r)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:I, s:o, s:s, s:I}", "operation",
			 r->rule.operation->name, "title", r->rule.operation->title, "level",
			 approval_level_name(r->rule.level), "floor",
			 approval_level_name(r->rule.operation->floor), "quorum",
			 (json_int_t)r->rule.numbers[APPROVAL_QUORUM], "site",
			 r->site ? json_incref(r->site) : json_object(), "changed_by",
			 r->changed_by, "changed_ms", (json_int_t)r->changed_ms);
}

int h_approval_rules(struct api_call *call, struct rf_err *err)
{
	API_AUTOJSON json_t *items = json_array();

	for (size_t i = 0; i < approval_operations_count; i++) {
		AUTORULE struct site_rule rule;
		int rc = site_rule_read(call->api->store, approval_operations[i].name, &rule, err);

		if (rc)
			return rc;
		approval_rule_fit(&rule.rule, rights_approvers(call->api, call->who.subject));
		json_array_append_new(items, rule_json(&rule));
	}
	return call_many(call, json_incref(items), "");
}

int h_approval_rule_put(struct api_call *call, struct rf_err *err)
{
	const char *operation = call_var(call, "operation");
	RF_AUTOFREE char *text = json_dumps(call->body, JSON_COMPACT | JSON_SORT_KEYS);
	AUTORULE struct site_rule rule = {.site = json_incref(call->body)};
	const struct store_rule row = {operation, text, call->who.subject, call->request->now_ms};
	int rc = text ? rule_make(operation, &rule, err) : rf_fail(err, -ENOMEM, "no memory");

	if (!rc)
		rc = approval_rule_reach(&rule.rule, rights_approvers(call->api, ""), err);
	/* What is below the floor is a wrong word, and nobody's attempt. */
	if (rc == RF_E_DENIED)
		rc = RF_E_MISMATCH;
	if (!rc)
		rc = store_rule_put(call->api->store, &row, err);
	(void)rf_format(call->note, sizeof(call->note), "%.64s wants level %s", operation,
			rc ? "?" : approval_level_name(rule.rule.level));
	return rc;
}

/* ---- who hears of it ---- */

static const struct {
	enum approval_todo todo;
	const char *kind, *text;
} news_rows[] = {
	{APPROVAL_TODO_ASK, "approval.wanted", "a second person is asked for"},
	{APPROVAL_TODO_NOTIFY, "approval.notice", "it was done, and approvers are told"},
	{APPROVAL_TODO_ANSWER, "approval.answer", "who requested it is told"},
	{APPROVAL_TODO_ALARM, "approval.alarm", "the glass was broken: it ran without approval"},
	{APPROVAL_TODO_INCIDENT, "approval.incident",
	 "the glass was broken and nobody stood by it"},
};

int approval_tell(struct store *store, const struct approval_news *news, struct rf_err *err)
{
	char text[512];
	int rc = 0;

	for (size_t i = 0; i < RF_COUNT(news_rows) && !rc; i++) {
		const struct store_event event = {.kind = news_rows[i].kind,
						  .host = "",
						  .about = news->approval,
						  .old_state = "",
						  .new_state = news->state,
						  .text = text,
						  .at_ms = news->at_ms};

		if (!(news->todo & news_rows[i].todo))
			continue;
		if (!rf_format(text, sizeof(text), "%s: %.64s: %.256s", news_rows[i].text,
			       news->account, news->text))
			text[sizeof(text) - 1] = '\0';
		rc = store_event_add(store, &event, err);
	}
	return rc;
}

/* ---- time ---- */

struct looking {
	struct store *store;
	const char *approval;
	int64_t now_ms;
	struct approval record;
	char reason[300];
	const struct approval_rule *rule;
};

static int take_record(void *arg, const struct store_approval *approval)
{
	struct looking *l = arg;

	l->record = approval->record;
	(void)rf_format(l->reason, sizeof(l->reason), "%.256s", approval->reason);
	return 0;
}

static int judge_look(void *arg, struct approval *record, uint64_t seq, struct rf_err *err)
{
	struct looking *l = arg;
	const struct approval_event event = {
		.verb = APPROVAL_LOOK, .seq = seq, .time_ms = l->now_ms};
	int rc = approval_apply(record, l->rule, &event, err);

	l->record = *record;
	return rc;
}

static int look_one(struct store *store, void *arg, struct rf_err *err)
{
	struct looking *l = arg;
	const struct store_approval_change change = {.approval = l->approval,
						     .reason = "",
						     .at_ms = l->now_ms,
						     .apply = judge_look,
						     .arg = l};
	int rc = store_approval_apply(store, &change, err);
	const struct approval_news news = {l->approval,	      approval_state_name(l->record.state),
					   l->record.account, l->reason,
					   l->record.todo,    l->now_ms};

	return rc ? rc : approval_tell(store, &news, err);
}

static int take_id(void *arg, const char *approval, const char *state)
{
	(void)state;
	return json_array_append_new(arg, json_string(approval)) ? -ENOMEM : 0;
}

static int look_at(struct store *store, const char *id, int64_t now_ms, struct rf_err *err)
{
	struct looking l = {.store = store, .approval = id, .now_ms = now_ms};
	AUTORULE struct site_rule rule = {0};
	int rc = store_approval_get(store, id, take_record, &l, err);

	/* Nothing is written while nothing ends. */
	if (rc || l.record.deadline_ms > now_ms)
		return rc;
	rc = site_rule_read(store, l.record.operation->name, &rule, err);
	l.rule = &rule.rule;
	return rc ? rc : store_transaction(store, look_one, &l, err);
}

int api_approvals_look(struct store *store, int64_t now_ms, struct rf_err *err)
{
	static const enum approval_state open[] = {APPROVAL_REQUESTED, APPROVAL_APPROVED,
						   APPROVAL_GLASS};
	API_AUTOJSON json_t *ids = json_array();
	int rc = 0;

	for (size_t i = 0; i < RF_COUNT(open) && !rc; i++) {
		const struct store_approval_page page = {approval_state_name(open[i]), "",
							 API_PAGE_MAX};

		rc = store_approval_each(store, &page, take_id, ids, err);
	}
	for (size_t i = 0; i < json_array_size(ids) && !rc; i++)
		rc = look_at(store, json_string_value(json_array_get(ids, i)), now_ms, err);
	return rc;
}
