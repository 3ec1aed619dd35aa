/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Duties that a site keeps apart: its rows beside ours (govern/duty_role.h), read, written, and who
 * holds two of a set. A set is put in force as a change of rights is: not while somebody would
 * break it (duties.c says who).
 */
#include <errno.h>
#include <string.h>

#include "api/handlers.h"
#include "api/rights_parts.h"
#include "base/mem.h"
#include "base/str.h"
#include "govern/text.h"

/* A privilege that this program does not know is a newer one's: it gives nothing here. */
static int privileges_take(struct rights_rows *r, const char *duty, const char *words)
{
	RF_AUTOFREE char *copy = rf_strdup(words);
	char *cursor = copy;
	enum privilege privilege;
	const char *word;

	if (!copy)
		return -ENOMEM;
	while (cursor && (word = rf_word_next(&cursor))) {
		if (!privilege_find(word, &privilege))
			continue;
		if (rf_grow((void **)&r->duty_rows, &r->duty_rows_capacity,
			    r->duties.rows_count + 1, sizeof(*r->duty_rows)))
			return -ENOMEM;
		r->duty_rows[r->duties.rows_count++] = (struct duty_row){privilege, duty};
	}
	return 0;
}

int duties_take_set(struct rights_rows *r, const struct store_duty_set *row)
{
	API_AUTOJSON json_t *rule = json_loads(row->rule, JSON_REJECT_DUPLICATES, NULL);
	json_t *duties = json_object_get(rule, "duties"), *words;
	const char *why = json_string_value(json_object_get(rule, "why")), *name;
	struct duty_set set = {.id = rf_arena_copy(&r->arena, row->set),
			       .why = rf_arena_copy(&r->arena, why),
			       .same_scope = json_is_true(json_object_get(rule, "same_scope"))};
	size_t count = 0;

	if (!why || !json_is_object(duties) || json_object_size(duties) > DUTY_MAX_MEMBERS)
		return RF_E_MISMATCH;
	json_object_foreach(duties, name, words)
	{
		char *duty = rf_arena_copy(&r->arena, name);
		int rc = duty ? privileges_take(r, duty, json_string_value(words)) : -ENOMEM;

		if (rc)
			return rc;
		set.duties[count++] = duty;
	}
	if (rf_grow((void **)&r->duty_sets, &r->duty_sets_capacity, r->duties.sets_count + 1,
		    sizeof(*r->duty_sets)))
		return -ENOMEM;
	r->duty_sets[r->duties.sets_count++] = set;
	return 0;
}

/* ---- routes ---- */

/* "host.fix isolate.apply": what a duty consists of. */
static json_t *duty_json(const struct duty_table *table, const char *duty)
{
	RF_AUTOBUF struct rf_buf words = {0};
	const struct duty_row *row;

	for (size_t i = 0; (row = duty_row_at(table, i)); i++)
		if (rf_equal(row->duty, duty))
			rf_buf_printf(&words, "%s%s", words.len ? " " : "",
				      privilege_name(row->privilege));
	return json_string(rf_buf_text(&words));
}

static json_t *set_json(const struct duty_table *table, const struct duty_set *set, bool ours)
{
	json_t *duties = json_object();

	for (size_t i = 0; i < DUTY_MAX_MEMBERS && set->duties[i]; i++)
		json_object_set_new(duties, set->duties[i], duty_json(table, set->duties[i]));
	return json_pack("{s:s, s:b, s:s, s:b, s:s, s:o}", "set", set->id, "ours", ours, "why",
			 set->why, "same_scope", set->same_scope, "yields",
			 set->yields ? set->yields : "", "duties", duties);
}

int h_duties(struct api_call *call, struct rf_err *err)
{
	const struct duty_table *table = &call->api->rights.rows->duties;
	const struct duty_set *set;
	json_t *items = json_array();

	(void)err;
	for (size_t i = 0; (set = duty_set_at(table, i)); i++)
		json_array_append_new(items, set_json(table, set, i < duty_sets_count));
	return call_many(call, items, "");
}

int h_duty_conflicts(struct api_call *call, struct rf_err *err)
{
	const struct rights_rows *rows = call->api->rights.rows;
	json_t *items = json_array();

	(void)err;
	for (size_t i = 0; i < rows->barred_count; i++) {
		const struct rights_barred *b = &rows->barred[i];

		json_array_append_new(items, json_pack("{s:s, s:s, s:b, s:s}", "subject",
						       b->subject, "set", b->set ? b->set->id : "",
						       "alone", b->alone, "why", b->why));
	}
	return call_many(call, items, "");
}

static int words_check(const char *duty, const char *words, struct rf_err *err)
{
	RF_AUTOFREE char *copy = rf_strdup(words);
	char *cursor = copy;
	enum privilege privilege;
	const char *word;

	if (!copy)
		return rf_fail(err, -ENOMEM, "no memory");
	while (cursor && (word = rf_word_next(&cursor)))
		if (!privilege_find(word, &privilege))
			return rf_fail(err, RF_E_UNKNOWN, "duties: %.64s: there is no %.64s", duty,
				       word);
	return 0;
}

int h_duty_put(struct api_call *call, struct rf_err *err)
{
	RF_AUTOFREE char *text = json_dumps(call->body, JSON_COMPACT);
	const struct store_duty_set set = {call_var(call, "set"), text, call->who.subject,
					   call->request->now_ms};
	json_t *words;
	const char *duty;
	int rc = text ? govern_prose_check(call_text(call, "why"), "why", err)
		      : rf_fail(err, -ENOMEM, "no memory");

	json_object_foreach(json_object_get(call->body, "duties"), duty, words)
	{
		if (!rc)
			rc = words_check(duty, json_string_value(words), err);
	}
	if (!rc)
		rc = store_duty_set_put(call->api->store, &set, err);
	(void)rf_format(call->note, sizeof(call->note), "the duties %.64s are kept apart", set.set);
	return rc ? rc : rights_try(call->api, err);
}

int h_duty_drop(struct api_call *call, struct rf_err *err)
{
	const char *set = call_var(call, "set");

	for (size_t i = 0; i < duty_sets_count; i++)
		if (rf_equal(duty_sets[i].id, set))
			return rf_fail(err, RF_E_USAGE,
				       "the set %s is built in, and stays; a site adds to ours",
				       set);
	(void)rf_format(call->note, sizeof(call->note), "the duties %.64s are kept apart no more",
			set);
	int rc = store_duty_set_drop(call->api->store, set, err);

	return rc ? rc : rights_try(call->api, err);
}
