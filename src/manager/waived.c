/* SPDX-License-Identifier: Apache-2.0 */
/* Waivers over findings; see waived.h. */
#include "manager/waived.h"

#include <errno.h>
#include <openssl/evp.h>

#include "base/mem.h"
#include "base/str.h"

struct loading {
	struct waived *waived;
	struct rf_buf ids;
	int64_t now_ms;
};

static int take(void *arg, const struct store_waiver *waiver)
{
	struct loading *l = arg;
	struct waived *w = l->waived;
	const struct waiver *row = &waiver->row;
	struct rf_arena *a = &w->arena;

	if (waiver_state(row, &waiver_rules_fleet, l->now_ms) != WAIVER_IN_FORCE)
		return 0;
	if (rf_grow((void **)&w->items, &w->capacity, w->count + 1, sizeof(*w->items)))
		return -ENOMEM;
	struct store_waiver *kept = &w->items[w->count++];

	*kept = (struct store_waiver){.waiver = rf_arena_copy(a, waiver->waiver),
				      .row = {.control = rf_arena_copy(a, row->control),
					      .resource = rf_arena_copy(a, row->resource),
					      .reason = rf_arena_copy(a, row->reason),
					      .owner = rf_arena_copy(a, row->owner),
					      .approver = rf_arena_copy(a, row->approver),
					      .expires_ms = row->expires_ms}};
	rf_buf_printf(&l->ids, "%s\n", waiver->waiver);
	return kept->waiver && kept->row.control && kept->row.resource && kept->row.reason &&
			       kept->row.owner && kept->row.approver
		       ? 0
		       : -ENOMEM;
}

static int digest_make(struct loading *l, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf text = {0};
	uint8_t sum[EVP_MAX_MD_SIZE];

	l->waived->digest[0] = '\0';
	if (l->waived->count == 0)
		return 0;
	if (l->ids.failed ||
	    EVP_Digest(l->ids.data, l->ids.len, sum, NULL, EVP_sha256(), NULL) != 1)
		return rf_fail(err, RF_E_CRYPTO, "the waivers' digest");
	rf_buf_add_hex(&text, sum, (WAIVED_DIGEST_BYTES - 1) / 2);
	return rf_copy(l->waived->digest, WAIVED_DIGEST_BYTES, rf_buf_text(&text)) ? 0 : RF_E_LIMIT;
}

int waived_load(struct waived *waived, struct store *store, int64_t now_ms, struct rf_err *err)
{
	struct loading l = {.waived = waived, .now_ms = now_ms};

	waived_done(waived);
	int rc = store_waiver_each(store, take, &l, err);

	if (!rc)
		rc = digest_make(&l, err);
	rf_buf_done(&l.ids);
	return rc;
}

void waived_done(struct waived *waived)
{
	rf_arena_done(&waived->arena);
	rf_free(waived->items);
	*waived = (struct waived){.count = 0};
}

static const struct store_waiver *covering(const struct waived *w, const struct store_finding *f,
					   const char *host, const char *name)
{
	for (size_t i = 0; i < w->count; i++) {
		const struct waiver *row = &w->items[i].row;

		if (waiver_covers(row, f->control, f->resource, host) ||
		    waiver_covers(row, f->control, f->resource, name))
			return &w->items[i];
	}
	return NULL;
}

static int take_name(void *arg, const struct store_host *host)
{
	return rf_copy(arg, STORE_ID_BYTES, host->name) ? 0 : RF_E_LIMIT;
}

int waived_apply(struct waived *waived, struct store *store, const char *host,
		 struct store_finding *findings, size_t count, struct rf_err *err)
{
	char name[STORE_ID_BYTES] = "";
	int rc = waived->count ? store_host_get(store, host, take_name, name, err) : 0;

	for (size_t i = 0; !rc && waived->count && i < count; i++) {
		struct store_finding *f = &findings[i];
		const struct store_waiver *by =
			rf_equal(f->state, "FAIL") ? covering(waived, f, host, name) : NULL;

		if (!by)
			continue;
		f->state = "WAIVED";
		f->evidence = rf_arena_printf(&waived->arena, "%s of %s, approved by %s: %s; %s",
					      by->waiver, by->row.owner, by->row.approver,
					      by->row.reason, f->evidence);
		if (!f->evidence)
			rc = rf_fail(err, -ENOMEM, "no memory");
	}
	return rc;
}
