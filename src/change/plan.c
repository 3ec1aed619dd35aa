/* SPDX-License-Identifier: Apache-2.0 */
/* Plans: from wants and the present state to ordered changes. See plan.h. */
#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/str.h"
#include "change/plan.h"

#define MAX_REFUSALS 4096u

/* One object, with its state as the changes so far would leave it. */
struct group {
	const struct verb_kind *kind;
	char *target;
	struct rf_buf state;
	struct change *changes;
	size_t count, capacity;
	bool creates;
};

struct maker {
	const struct plan_maker *with;
	struct plan *plan;
	struct group *groups;
	size_t count, capacity, changes_count;
};

void plan_done(struct plan *plan)
{
	rf_free(plan->changes);
	rf_free(plan->refusals);
	rf_arena_done(&plan->texts);
	memset(plan, 0, sizeof(*plan));
}

static void maker_done(struct maker *m)
{
	for (size_t i = 0; i < m->count; i++) {
		rf_buf_done(&m->groups[i].state);
		rf_free(m->groups[i].target);
		rf_free(m->groups[i].changes);
	}
	rf_free(m->groups);
}

static void header_fill(struct plan *plan, const struct plan_maker *with)
{
	time_t s = (time_t)(with->now_ms / 1000);
	struct tm tm;
	char day[24];

	gmtime_r(&s, &tm);
	strftime(plan->created, sizeof(plan->created), "%Y-%m-%dT%H:%M:%SZ", &tm);
	strftime(day, sizeof(day), "%Y%m%d-%H%M%S", &tm);
	/* Ids sort by time, also within a second: "the newest" is said of them. */
	rf_format(plan->id, sizeof(plan->id), "%s-%03x%05x", day, (unsigned)(with->now_ms % 1000),
		  (unsigned)with->random & 0xfffffu);
	rf_copy(plan->root, sizeof(plan->root), "/");
}

static int refusal_add(struct maker *m, const struct want *want, const char *reason)
{
	struct plan *plan = m->plan;

	if (plan->refusals_count == MAX_REFUSALS)
		return 0;
	if (rf_grow((void **)&plan->refusals, &plan->refusals_capacity, plan->refusals_count + 1,
		    sizeof(*plan->refusals)) < 0)
		return -ENOMEM;
	plan->refusals[plan->refusals_count++] = (struct plan_refusal){
		.origin = rf_arena_copy(&plan->texts, want->origin ? want->origin : ""),
		.target = rf_arena_copy(&plan->texts, want->spec.target),
		.reason = rf_arena_copy(&plan->texts, reason),
	};
	return plan->texts.failed ? -ENOMEM : 0;
}

static struct group *group_find(struct maker *m, const struct verb_kind *kind, const char *target)
{
	for (size_t i = 0; i < m->count; i++) {
		if (m->groups[i].kind == kind && strcmp(m->groups[i].target, target) == 0)
			return &m->groups[i];
	}
	return NULL;
}

/* The group of a target, its present state read at the first want. */
static int group_open(struct maker *m, const struct verb *verb, const struct change_spec *spec,
		      struct group **out, struct rf_err *err)
{
	struct group group = {.kind = verb->kind};

	*out = group_find(m, verb->kind, spec->target);
	if (*out)
		return 0;
	int rc = m->with->read(m->with->read_arg, spec, &group.state, err);

	if (!rc && rf_grow((void **)&m->groups, &m->capacity, m->count + 1, sizeof(group)) < 0)
		rc = -ENOMEM;
	if (!rc && !(group.target = rf_strdup(spec->target)))
		rc = -ENOMEM;
	if (rc < 0) {
		rf_buf_done(&group.state);
		return rc;
	}
	m->groups[m->count] = group;
	*out = &m->groups[m->count++];
	return 0;
}

/* An earlier want of the same option with another value. */
static const struct change *contradiction(const struct group *group, const struct want *want)
{
	const struct change_spec *spec = &want->spec;

	for (size_t i = 0; i < group->count; i++) {
		const struct change_spec *other = &group->changes[i].spec;

		if (strcmp(other->verb, spec->verb) == 0 && spec->key[0] &&
		    strcmp(other->key, spec->key) == 0 &&
		    strcmp(other->section, spec->section) == 0 &&
		    strcmp(other->op, spec->op) == 0 && strcmp(spec->op, "set") == 0 &&
		    (other->value_bytes != spec->value_bytes ||
		     memcmp(other->value, spec->value, spec->value_bytes) != 0))
			return &group->changes[i];
	}
	return NULL;
}

static int change_add(struct maker *m, struct group *group, const struct verb *verb,
		      const struct want *want, const struct change_spec *spec)
{
	RF_AUTOBUF struct rf_buf old = {0};
	struct rf_arena *texts = &m->plan->texts;
	struct change change = {
		.spec = *spec,
		.explanation = rf_arena_copy(texts, want->explanation ? want->explanation : ""),
		.origin = rf_arena_copy(texts, want->origin ? want->origin : ""),
		.needs = want->needs > verb->needs ? want->needs : verb->needs,
		.risk = want->risk > verb->risk ? want->risk : verb->risk,
		.could_cut_access = want->could_cut_access,
		.secret = want->secret,
	};

	if (verb->show && verb->show(spec, rf_buf_slice(&group->state), &old))
		change.old_value = rf_arena_copy(texts, rf_buf_text(&old));
	if (rf_grow((void **)&group->changes, &group->capacity, group->count + 1, sizeof(change)) <
		    0 ||
	    texts->failed)
		return -ENOMEM;
	group->changes[group->count++] = change;
	m->changes_count++;
	return 0;
}

static int want_add(struct maker *m, const struct want *want, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf next = {0};
	struct change_spec spec = want->spec;
	const struct verb *verb = NULL;
	struct group *group = NULL;
	int rc = verb_check(m->with->verbs, m->with->env, &spec, &verb, err);

	if (!rc)
		rc = group_open(m, verb, &spec, &group, err);
	const struct change *other = rc ? NULL : contradiction(group, want);

	if (other)
		return rf_fail(err, RF_E_DUPLICATE, "%s wants %s there", other->origin,
			       change_spec_value(&other->spec));
	if (!rc)
		rc = verb->predict(&spec, rf_buf_slice(&group->state), &next, err);
	if (!rc)
		rc = verb_digest(verb->kind, rf_buf_slice(&group->state), spec.before, err);
	if (!rc)
		rc = verb_digest(verb->kind, rf_buf_slice(&next), spec.after, err);
	if (rc < 0)
		return rc;
	if (memcmp(spec.before, spec.after, sizeof(spec.before)) == 0) {
		m->plan->held_count++;
		return 0;
	}
	if (m->changes_count == CHANGE_MAX_STEPS)
		return rf_fail(err, RF_E_LIMIT, "a plan has at most %u changes", CHANGE_MAX_STEPS);
	rc = change_add(m, group, verb, want, &spec);
	rf_buf_reset(&group->state);
	return rc ? rc : rf_buf_add(&group->state, next.data, next.len);
}

static int group_order(const void *a, const void *b)
{
	const struct group *x = a, *y = b;

	if (x->kind->rank != y->kind->rank)
		return x->kind->rank < y->kind->rank ? -1 : 1;
	/* A folder comes before what is in it. */
	return strcmp(x->target, y->target);
}

static int changes_join(struct maker *m)
{
	struct plan *plan = m->plan;

	if (m->count)
		qsort(m->groups, m->count, sizeof(*m->groups), group_order);
	if (rf_grow((void **)&plan->changes, &plan->capacity, m->changes_count + 1,
		    sizeof(*plan->changes)) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < m->count; i++) {
		for (size_t k = 0; k < m->groups[i].count; k++)
			plan->changes[plan->count++] = m->groups[i].changes[k];
	}
	return 0;
}

int plan_make(const struct plan_maker *maker, const struct want *wants, size_t wants_count,
	      struct plan *out, struct rf_err *err)
{
	struct plan plan = {0};
	struct maker m = {.with = maker, .plan = &plan};
	int rc = 0;

	header_fill(&plan, maker);
	for (size_t i = 0; rc == 0 && i < wants_count; i++) {
		struct rf_err why = {0};

		rc = want_add(&m, &wants[i], &why);
		if (rc < 0 && rc != -ENOMEM)
			rc = refusal_add(&m, &wants[i], rf_err_text(&why));
	}
	if (!rc)
		rc = changes_join(&m);
	maker_done(&m);
	if (rc < 0) {
		plan_done(&plan);
		return rf_fail(err, rc, "no memory");
	}
	*out = plan;
	return 0;
}

int plan_digest(const struct plan *plan, uint8_t out[CHANGE_DIGEST_BYTES], struct rf_err *err)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool done = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1;

	for (size_t i = 0; done && i < plan->count; i++)
		done = EVP_DigestUpdate(ctx, &plan->changes[i].spec,
					sizeof(plan->changes[i].spec)) == 1;
	done = done && EVP_DigestFinal_ex(ctx, out, NULL) == 1;
	EVP_MD_CTX_free(ctx);
	return done ? 0 : rf_fail(err, RF_E_CRYPTO, "SHA-256 failed");
}

enum change_needs plan_needs(const struct plan *plan)
{
	enum change_needs worst = NEEDS_LIVE;

	for (size_t i = 0; i < plan->count; i++)
		worst = plan->changes[i].needs > worst ? plan->changes[i].needs : worst;
	return worst;
}

enum change_risk plan_risk(const struct plan *plan)
{
	enum change_risk worst = RISK_LOW;

	for (size_t i = 0; i < plan->count; i++)
		worst = plan->changes[i].risk > worst ? plan->changes[i].risk : worst;
	return worst;
}

bool plan_could_cut_access(const struct plan *plan)
{
	for (size_t i = 0; i < plan->count; i++) {
		if (plan->changes[i].could_cut_access)
			return true;
	}
	return false;
}
