/* SPDX-License-Identifier: Apache-2.0 */
/* Records of VMs in quarantine, as facts. See quarantine.h. */
#include "collect/quarantine.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "collect/collect.h"
#include "collect/util.h"

#define FOLDER	    "/var/lib/ringfence/quarantine"
#define PLAN_LINE   "plan "
#define MAX_TEXT    2047u
#define MAX_RECORDS 4096u
#define MS_PER_DAY  86400000
#define FIELD(member)                                                                              \
#member, offsetof(struct quarantine_record, member),                                       \
		sizeof(((struct quarantine_record *)0)->member)
#define CARD(member)                                                                               \
#member, offsetof(struct quarantine_card, member),                                         \
		sizeof(((struct quarantine_card *)0)->member)

/* Texts of a record, and whether one without it is none. */
static const struct field {
	const char *key;
	size_t offset, size;
	bool required;
} fields[] =
	{
		{FIELD(level), true},
		{FIELD(vm), true},
		{FIELD(uuid), true},
		{FIELD(by), false},
		{FIELD(zone), false},
		{FIELD(reason), false},
		{FIELD(segment_of_honeypot), false},
		{FIELD(stage), false},
		{FIELD(services), false},
		{FIELD(recorded), false},
},
  card_fields[] = {
	  {CARD(mac), true},
	  {CARD(tap), false},
	  {CARD(redirect), false},
};

static int text_get(const json_t *object, const struct field *field, void *out)
{
	const char *text = json_string_value(json_object_get(object, field->key));

	if (!text && field->required)
		return RF_E_SYNTAX;
	return rf_copy((char *)out + field->offset, field->size, text ? text : "") ? 0 : RF_E_LIMIT;
}

static int cards_get(const json_t *list, struct quarantine_record *out)
{
	size_t count = json_array_size(list);
	int rc = count <= QUARANTINE_MAX_CARDS ? 0 : RF_E_LIMIT;

	for (size_t i = 0; rc == 0 && i < count; i++) {
		for (size_t f = 0; rc == 0 && f < RF_COUNT(card_fields); f++)
			rc = text_get(json_array_get(list, i), &card_fields[f], &out->cards[i]);
		out->cards_count = i + 1;
	}
	return rc;
}

int quarantine_record_parse(struct rf_slice text, struct quarantine_record *out, struct rf_err *err)
{
	const uint8_t *end = text.len ? memchr(text.data, '\n', text.len) : NULL;
	size_t len = end ? (size_t)(end - text.data) : text.len;
	struct quarantine_record record = {0};
	json_error_t why;
	json_t *doc = json_loadb((const char *)text.data, len, JSON_REJECT_DUPLICATES, &why);
	int rc = json_is_object(doc) ? 0 : RF_E_SYNTAX;

	for (size_t i = 0; rc == 0 && i < RF_COUNT(fields); i++)
		rc = text_get(doc, &fields[i], &record);
	if (!rc)
		rc = cards_get(json_object_get(doc, "cards"), &record);
	record.since_ms = json_integer_value(json_object_get(doc, "since_ms"));
	json_decref(doc);
	if (!rc && end && text.len - len - 1 > strlen(PLAN_LINE) &&
	    memcmp(end + 1, PLAN_LINE, strlen(PLAN_LINE)) == 0) {
		size_t at = len + 1 + strlen(PLAN_LINE);

		rf_format(record.plan, sizeof(record.plan), "%.*s", (int)(text.len - at),
			  (const char *)text.data + at);
		record.plan[strcspn(record.plan, "\n")] = '\0';
	}
	if (rc < 0)
		return rf_fail(err, rc, "this is no record of a quarantine");
	*out = record;
	return 0;
}

static json_t *texts_put(const struct field *list, size_t count, const void *from)
{
	json_t *object = json_object();

	for (size_t i = 0; i < count; i++) {
		const char *text = (const char *)from + list[i].offset;

		if (*text && json_object_set_new(object, list[i].key, json_string(text)) < 0)
			json_object_set_new(object, list[i].key, json_string("?"));
	}
	return object;
}

int quarantine_record_write(const struct quarantine_record *record, struct rf_buf *out,
			    struct rf_err *err)
{
	json_t *doc = texts_put(fields, RF_COUNT(fields), record), *cards = json_array();

	json_object_set_new(doc, "since_ms", json_integer(record->since_ms));
	for (size_t i = 0; i < record->cards_count; i++)
		json_array_append_new(
			cards, texts_put(card_fields, RF_COUNT(card_fields), &record->cards[i]));
	json_object_set_new(doc, "cards", cards);
	char *text = json_dumps(doc, JSON_COMPACT | JSON_ENSURE_ASCII);
	int rc = !text			   ? -ENOMEM
		 : strlen(text) > MAX_TEXT ? RF_E_LIMIT
					   : rf_buf_add_text(out, text);

	rf_free(text);
	json_decref(doc);
	return rc ? rf_fail(err, rc, "%s: its record: %s", record->vm, rf_code_text(rc)) : 0;
}

/* ---- facts ---- */

static void put(struct fact_sink *out, const char *path, const struct quarantine_record *r,
		int64_t now)
{
	struct fact_quarantine fact = {
		.vm = r->vm,
		.uuid = r->uuid,
		.level = r->level,
		.by_whom = r->by,
		.reason = r->reason,
		.zone = r->zone,
		.plan = r->plan,
		.cards_count = FACT_INT((int64_t)r->cards_count),
		.source = path,
	};

	if (r->since_ms > 0)
		fact.since_ms = FACT_INT(r->since_ms);
	if (r->since_ms > 0 && now >= r->since_ms)
		fact.days = FACT_INT((now - r->since_ms) / MS_PER_DAY);
	fact_put_quarantine(out, &fact);
}

int collect_quarantine(struct sys *sys, const struct collect_request *req, struct fact_sink *out,
		       struct rf_err *err)
{
	SYS_AUTONAMES struct sys_names names = {0};
	int rc = sys_list(sys, FOLDER, &names, err);
	int64_t now = 0;

	(void)req;
	if (rc == -ENOENT)
		return 0;
	if (rc < 0)
		return rc;
	if (util_clock_ms(sys, &now, NULL) < 0)
		now = 0;
	for (size_t i = 0; i < names.count && i < MAX_RECORDS; i++) {
		RF_AUTOBUF struct rf_buf text = {0};
		RF_AUTOFREE char *path = rf_asprintf(FOLDER "/%s", names.names[i]);
		struct quarantine_record record;
		struct rf_err why = {0};

		/* Temporary files and the recorder's folders. */
		if (!path || strlen(names.names[i]) != 36 || names.names[i][0] == '.')
			continue;
		rc = sys_read(sys, path, QUARANTINE_RECORD_MAX_BYTES, &text, &why);
		if (!rc)
			rc = quarantine_record_parse(rf_buf_slice(&text), &record, &why);
		if (rc == 0)
			put(out, path, &record, now);
		else if (rc != -ENOENT)
			fact_gap(out, FACT_T_QUARANTINE, names.names[i], "", path, "%s",
				 rf_err_text(&why));
	}
	return 0;
}
