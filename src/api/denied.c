/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Denied attempts in the ledger: who, from where, what, on what and why. Whoever tries again and
 * again fills no disk: after the first few of a kind in a minute the others are counted, and their
 * number is one entry. All kinds together have a limit, too; what is over it is counted by all.
 */
#include <stdio.h>
#include <string.h>

#include "api/core.h"
#include "base/str.h"
#include "store/ledger.h"

static int sum_tell(struct api *api, const struct api_denial *d, int64_t now_ms)
{
	char text[256];
	const struct ledger_entry entry = {.kind = "denied",
					   .actor = d->actor,
					   .about = d->about,
					   .text = text,
					   .time_ms = now_ms};
	struct rf_err err = {0};

	(void)rf_format(text, sizeof(text), "%s: %llu more attempts like it since the last entry",
			d->route, (unsigned long long)d->held);
	int rc = store_ledger_append(api->store, &entry, NULL, &err);

	if (rc)
		fprintf(stderr, "ringfence-manager: api: ledger: %s\n", rf_err_text(&err));
	return rc;
}

static bool is_over(const struct api_denial *d, int64_t now_ms)
{
	/* A clock that jumps back ends the minute, too. */
	return now_ms - d->since_ms >= API_DENIAL_MS || now_ms < d->since_ms;
}

void denied_flush(struct api *api, int64_t now_ms, bool all)
{
	struct api_denials *n = &api->denials;

	for (size_t i = 0; i < API_DENIALS; i++) {
		struct api_denial *d = &n->rows[i];

		if (!d->route || (!all && !is_over(d, now_ms)))
			continue;
		/* What cannot be written now is counted on. */
		if (!d->held || !sum_tell(api, d, now_ms))
			memset(d, 0, sizeof(*d));
	}
	if (n->other.held && (all || is_over(&n->other, now_ms)) &&
	    !sum_tell(api, &n->other, now_ms))
		n->other.held = 0;
}

static void actor_write(const struct api_call *call,
			char out[sizeof(((struct api_denial *)0)->actor)])
{
	(void)rf_format(out, sizeof(((struct api_denial *)0)->actor), "user %s from %s",
			call->who.account[0] ? call->who.account : "?", call->who.address);
}

/* The row of its kind, or a free one; NULL: all are taken. */
static struct api_denial *row_find(struct api_call *call)
{
	struct api_denials *n = &call->api->denials;
	struct api_denial *free_row = NULL;
	char actor[sizeof(free_row->actor)];

	actor_write(call, actor);
	for (size_t i = 0; i < API_DENIALS; i++) {
		struct api_denial *d = &n->rows[i];

		if (d->route && rf_equal(d->route, call->route->id) && rf_equal(d->actor, actor))
			return d;
		free_row = !d->route && !free_row ? d : free_row;
	}
	if (!free_row)
		return NULL;
	free_row->route = call->route->id;
	free_row->since_ms = call->request->now_ms;
	(void)rf_copy(free_row->actor, sizeof(free_row->actor), actor);
	(void)rf_format(free_row->about, sizeof(free_row->about), "%.600s",
			call->object[0] ? call->object : "fleet");
	return free_row;
}

/* All kinds together in this minute. */
static bool has_room(struct api_denials *n, int64_t now_ms)
{
	if (is_over(&n->other, now_ms)) {
		n->other.since_ms = now_ms;
		n->other.told = 0;
	}
	return n->other.told < API_DENIALS_TOLD_ALL;
}

int denied_tell(struct api_call *call, const char *why, struct rf_err *err)
{
	struct api_denials *n = &call->api->denials;
	int64_t now = call->request->now_ms;

	denied_flush(call->api, now, false);
	struct api_denial *d = row_find(call);

	if (!d || !has_room(n, now)) {
		n->other.route = "api";
		(void)rf_copy(n->other.actor, sizeof(n->other.actor),
			      "users and addresses beyond count");
		(void)rf_copy(n->other.about, sizeof(n->other.about), "fleet");
		n->other.held++;
		return 0;
	}
	if (d->told >= API_DENIALS_TOLD) {
		d->held++;
		return 0;
	}
	d->told++;
	n->other.told++;
	return ledger_tell(call, call->api->store, "denied", why, err);
}
