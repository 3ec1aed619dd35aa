/* SPDX-License-Identifier: Apache-2.0 */
/* Profiles (which controls, with which parameters) and a site's waivers. See control.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/str.h"
#include "control/internal.h"

#define F(name, type, required)                                                                    \
	{                                                                                          \
#name, type, offsetof(struct profile, name), required                              \
	}
static const struct yaml_field profile_fields[] = {
	F(id, YAML_T_TEXT, true),	 F(title, YAML_T_TEXT, true),
	F(about, YAML_T_TEXT, true),	 F(select, YAML_T_TEXTS, false),
	F(exclude, YAML_T_TEXTS, false), F(select_refs, YAML_T_TEXTS, false),
	F(params, YAML_T_MAP, false),	 F(severity, YAML_T_MAP, false),
	F(notes, YAML_T_MAP, false),
};
#undef F

static int profile_check(const struct profile *p, struct rf_err *err)
{
	for (size_t i = 0; p->severity && i < p->severity->items_count; i++) {
		const struct yaml_node *node = &p->severity->items[i];
		enum severity severity;

		if (node->kind != YAML_TEXT || severity_parse(node->text, &severity) < 0)
			return yaml_fail(&p->doc, node, err, "severity: no such severity");
	}
	if (!p->select && !p->select_refs)
		return yaml_fail(&p->doc, p->doc.root, err, "select or select_refs is needed");
	return 0;
}

int profile_load(struct control_set *set, const char *name, struct rf_slice text, bool from_site,
		 struct rf_err *err)
{
	struct profile p = {.from_site = from_site};
	int rc = yaml_parse(text, name, &p.doc, err);

	if (!rc)
		rc = yaml_bind(&p.doc, p.doc.root, profile_fields, RF_COUNT(profile_fields), &p,
			       err);
	if (!rc)
		rc = profile_check(&p, err);
	if (!rc && profile_find(set, p.id))
		rc = yaml_fail(&p.doc, p.doc.root, err, "the profile %s exists already", p.id);
	if (!rc && rf_grow((void **)&set->profiles, &set->profiles_capacity,
			   set->profiles_count + 1, sizeof(*set->profiles)) < 0)
		rc = -ENOMEM;
	if (rc < 0) {
		yaml_done(&p.doc);
		return rc;
	}
	set->profiles[set->profiles_count++] = p;
	return 0;
}

/* Whether a list of globs (or one) holds the text. */
static bool globs_hold(const struct yaml_node *globs, const char *text)
{
	if (!globs)
		return false;
	if (globs->kind == YAML_TEXT)
		return rf_glob(globs->text, text);
	for (size_t i = 0; i < globs->items_count; i++) {
		if (rf_glob(globs->items[i].text, text))
			return true;
	}
	return false;
}

static bool refs_hold(const struct yaml_node *wanted, const struct control *c)
{
	for (size_t i = 0; wanted && i < c->refs->items_count; i++) {
		if (globs_hold(wanted, c->refs->items[i].key))
			return true;
	}
	return false;
}

bool profile_selects(const struct profile *p, const struct control *c)
{
	if (globs_hold(p->exclude, c->id))
		return false;
	return globs_hold(p->select, c->id) || refs_hold(p->select_refs, c);
}

/* ---- waivers ---- */

static const struct yaml_field waiver_fields[] = {
	{"control", YAML_T_TEXT, offsetof(struct waiver, control), true},
	{"resource", YAML_T_TEXT, offsetof(struct waiver, resource), true},
	{"reason", YAML_T_TEXT, offsetof(struct waiver, reason), true},
	{"owner", YAML_T_TEXT, offsetof(struct waiver, owner), true},
	{"approver", YAML_T_TEXT, offsetof(struct waiver, approver), false},
	{"compensating", YAML_T_TEXT, offsetof(struct waiver, compensating), false},
	{"since", YAML_T_TEXT, offsetof(struct waiver, since), false},
	{"expires", YAML_T_TEXT, offsetof(struct waiver, expires), true},
};

/* The begin of that day, UTC, in ms. */
static int day_ms(const char *text, int64_t *out)
{
	struct tm tm = {0};
	const char *end = strptime(text, "%Y-%m-%d", &tm);

	if (!end || *end || strlen(text) != 10)
		return RF_E_SYNTAX;
	*out = (int64_t)timegm(&tm) * 1000;
	return 0;
}

/* A waiver holds to the end of its last day; one without an end is not accepted. */
static int waiver_finish(const struct yaml_doc *doc, const struct yaml_node *node, struct waiver *w,
			 struct rf_err *err)
{
	struct rf_err why = {0};

	if (day_ms(w->expires, &w->expires_ms) < 0)
		return yaml_fail(doc, node, err, "expires: YYYY-MM-DD, not %s", w->expires);
	if (w->since && day_ms(w->since, &w->since_ms) < 0)
		return yaml_fail(doc, node, err, "since: YYYY-MM-DD, not %s", w->since);
	w->expires_ms += 86400000;
	if (waiver_check(w, &waiver_rules_file, true, &why) < 0)
		return yaml_fail(doc, node, err, "%s", rf_err_text(&why));
	return 0;
}

int waivers_load(struct control_set *set, const char *name, struct rf_slice text,
		 struct rf_err *err)
{
	struct yaml_doc doc = {0};
	int rc = yaml_parse(text, name, &doc, err);

	if (rc < 0)
		return rc;
	if (doc.root->kind != YAML_LIST) {
		rc = yaml_fail(&doc, doc.root, err, "a list of waivers was expected");
		yaml_done(&doc);
		return rc;
	}
	struct waiver *waivers = rf_alloc(doc.root->items_count, sizeof(*waivers));

	rc = waivers ? 0 : -ENOMEM;
	for (size_t i = 0; rc == 0 && i < doc.root->items_count; i++) {
		const struct yaml_node *node = &doc.root->items[i];

		rc = yaml_bind(&doc, node, waiver_fields, RF_COUNT(waiver_fields), &waivers[i],
			       err);
		if (!rc)
			rc = waiver_finish(&doc, node, &waivers[i], err);
	}
	if (rc < 0 || set->waivers) {
		rf_free(waivers);
		yaml_done(&doc);
		return rc ? rc
			  : rf_fail(err, RF_E_DUPLICATE, "%s: waivers are loaded already", name);
	}
	set->waivers = waivers;
	set->waivers_count = doc.root->items_count;
	set->waivers_doc = doc;
	return 0;
}

int control_waivers_check(struct control_set *set, int64_t now_ms, struct rf_err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < set->waivers_count; i++) {
		const struct waiver *w = &set->waivers[i];
		struct rf_err why;

		if (waiver_state(w, &waiver_rules_file, now_ms) != WAIVER_INVALID)
			continue;
		yaml_fail(&set->waivers_doc, &set->waivers_doc.root->items[i], &why,
			  "a waiver lasts at most 365 days, so one to %s does not hold; say since "
			  "when it is, or choose an earlier end",
			  w->expires);
		rc = control_problem_add(set, &why, err);
	}
	return rc;
}
