/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What several managers share: leases with epochs, work that is given to one, events for others.
 * Safety never hangs on a clock: a late holder is stopped by its epoch, a late worker by the count
 * of tries. The clock, the database's, only says when another may try.
 */
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/str.h"
#include "store/acts.h"
#include "store/wake.h"

int store_counter_next(struct store *store, const char *name, int64_t *out, struct rf_err *err)
{
	return store_run_int(store, STORE_S_COUNTER_NEXT, STORE_PARAMS(store_text(name)), out, err);
}

int store_counter_get(struct store *store, const char *name, int64_t *out, struct rf_err *err)
{
	*out = 0;
	return store_run_int(store, STORE_S_COUNTER_GET, STORE_PARAMS(store_text(name)), out, err);
}

static int take_hit(void *arg, const struct store_value *row)
{
	(void)row;
	*(bool *)arg = true;
	return 0;
}

int store_run_hit(struct store *store, enum store_statement_id id, struct store_params params,
		  bool *out_hit, struct rf_err *err)
{
	*out_hit = false;
	return store_run(store, id, params, (struct store_rows){take_hit, out_hit}, err);
}

static int lease_lost(const struct store_lease *lease, struct rf_err *err)
{
	return rf_fail(err, RF_E_CHANGED, "the lease %s is not %s's any more (epoch %lld)",
		       lease->lease, lease->holder, (long long)lease->epoch);
}

/* Ids of this file's things live in fixed places. */
static int id_copy(char out[STORE_ID_BYTES], const char *id, struct rf_err *err)
{
	if (!rf_copy(out, STORE_ID_BYTES, id))
		return rf_fail(err, RF_E_LIMIT, "an id is longer than %d bytes",
			       STORE_ID_BYTES - 1);
	return 0;
}

/* What is taken, and what of it is over: all that ends until over_ms (0: now). */
struct taking {
	const char *lease, *holder;
	int64_t ttl_ms, over_ms;
};

static int lease_take(struct store *store, const struct taking *t, struct store_lease *out,
		      struct rf_err *err)
{
	struct store_lease taken = {.epoch = 0};
	int64_t now_ms = 0;
	int rc = id_copy(taken.lease, t->lease, err);

	if (!rc)
		rc = id_copy(taken.holder, t->holder, err);
	if (!rc)
		rc = store_now(store, &now_ms, err);
	if (!rc)
		rc = store_run_int(store, STORE_S_LEASE_TAKE,
				   STORE_PARAMS(store_text(t->lease), store_text(t->holder),
						store_int(t->over_ms ? t->over_ms : now_ms),
						store_int(now_ms + t->ttl_ms)),
				   &taken.epoch, err);
	if (rc)
		return rc;
	if (!taken.epoch)
		return rf_fail(err, RF_E_DENIED, "the lease %s is another's", t->lease);
	*out = taken;
	return 0;
}

int store_lease_take(struct store *store, const char *lease, const char *holder, int64_t ttl_ms,
		     struct store_lease *out, struct rf_err *err)
{
	return lease_take(store, &(struct taking){lease, holder, ttl_ms, 0}, out, err);
}

int store_lease_seize(struct store *store, const char *lease, const char *holder, int64_t ttl_ms,
		      struct store_lease *out, struct rf_err *err)
{
	return lease_take(store, &(struct taking){lease, holder, ttl_ms, INT64_MAX}, out, err);
}

int store_lease_renew(struct store *store, const struct store_lease *lease, int64_t ttl_ms,
		      struct rf_err *err)
{
	int64_t now_ms = 0, epoch = 0;
	int rc = store_now(store, &now_ms, err);

	if (!rc)
		rc = store_run_int(store, STORE_S_LEASE_RENEW,
				   STORE_PARAMS(store_text(lease->lease), store_text(lease->holder),
						store_int(lease->epoch),
						store_int(now_ms + ttl_ms)),
				   &epoch, err);
	return rc ? rc : epoch ? 0 : lease_lost(lease, err);
}

/* A statement that names a lease and answers only to its holder. */
static int lease_run(struct store *store, enum store_statement_id id,
		     const struct store_lease *lease, struct rf_err *err)
{
	int64_t epoch = 0;
	int rc = store_run_int(store, id,
			       STORE_PARAMS(store_text(lease->lease), store_text(lease->holder),
					    store_int(lease->epoch)),
			       &epoch, err);

	return rc ? rc : epoch ? 0 : lease_lost(lease, err);
}

int store_lease_drop(struct store *store, const struct store_lease *lease, struct rf_err *err)
{
	return lease_run(store, STORE_S_LEASE_DROP, lease, err);
}

int store_lease_hold(struct store *store, const struct store_lease *lease, struct rf_err *err)
{
	/* Outside a transaction the answer would be old when it is read. */
	if (!store->in_transaction)
		return rf_fail(err, RF_E_USAGE, "a lease is held within a transaction");
	return lease_run(store, STORE_S_LEASE_HOLD, lease, err);
}

int store_work_add(struct store *store, const char *kind, const char *work, struct rf_slice body,
		   int64_t due_ms, struct rf_err *err)
{
	if (strlen(work) >= STORE_ID_BYTES)
		return rf_fail(err, RF_E_LIMIT, "an id is longer than %d bytes",
			       STORE_ID_BYTES - 1);
	return store_run(store, STORE_S_WORK_ADD,
			 STORE_PARAMS(store_text(work), store_text(kind), store_blob(body),
				      store_int(due_ms)),
			 STORE_NO_ROWS, err);
}

/* Each wake-up is a lock of all committers in PostgreSQL: so few. */
#define WAKE_EACH_MS 100

int store_wake_send(struct store *store, struct rf_err *err)
{
	int64_t now_ms = rf_clock_ms(CLOCK_MONOTONIC);

	if (!store->backend->wake_fd || now_ms - store->waked_ms < WAKE_EACH_MS)
		return 0;
	store->waked_ms = now_ms;
	return store_run(store, STORE_S_WAKE, STORE_NO_PARAMS, STORE_NO_ROWS, err);
}

int store_wake_listen(struct store *store, struct rf_err *err)
{
	int rc = store->backend->wake_listen ? store->backend->wake_listen(store->db, err) : 0;

	return rc ? rf_wrap(err, rc, "store") : 0;
}

int store_wake_fd(const struct store *store)
{
	return store->backend->wake_fd ? store->backend->wake_fd(store->db) : -1;
}

bool store_wake_read(struct store *store)
{
	return store->backend->wake_read && store->backend->wake_read(store->db);
}

static int take_work(void *arg, const struct store_value *row)
{
	struct store_work *work = arg;

	if (!rf_copy(work->work, sizeof(work->work), store_value_text(&row[0])))
		return RF_E_LIMIT;
	work->tries = row[2].number;
	return rf_buf_add(&work->body, row[1].bytes.data, row[1].bytes.len);
}

int store_work_take(struct store *store, const char *kind, int64_t hold_ms, struct store_work *out,
		    struct rf_err *err)
{
	struct store_work work = {.tries = 0};
	int64_t now_ms = 0;
	int rc = store_now(store, &now_ms, err);

	if (!rc)
		rc = store_run(store, STORE_S_WORK_TAKE,
			       STORE_PARAMS(store_text(kind), store_int(now_ms),
					    store_int(now_ms + hold_ms)),
			       (struct store_rows){take_work, &work}, err);
	if (rc) {
		rf_buf_done(&work.body);
		return rc;
	}
	*out = work;
	return 0;
}

int store_work_done(struct store *store, const struct store_work *work, struct rf_err *err)
{
	int64_t tries = 0;
	int rc = store_run_int(store, STORE_S_WORK_DONE,
			       STORE_PARAMS(store_text(work->work), store_int(work->tries)), &tries,
			       err);

	if (!rc && !tries)
		rc = rf_fail(err, RF_E_CHANGED, "the work %s was given to another", work->work);
	return rc;
}

static int event_add(struct store *store, void *arg, struct rf_err *err)
{
	const struct store_event *e = arg;
	int64_t seq = 0;
	int rc = store_counter_next(store, "event", &seq, err);

	return rc ? rc
		  : store_run(store, STORE_S_EVENT_ADD,
			      STORE_PARAMS(store_int(seq), store_text(e->kind), store_text(e->host),
					   store_text(e->about), store_text(e->old_state),
					   store_text(e->new_state), store_text(e->text),
					   store_int(e->at_ms)),
			      STORE_NO_ROWS, err);
}

int store_event_add(struct store *store, const struct store_event *event, struct rf_err *err)
{
	struct store_event copy = *event;

	return store_transaction(store, event_add, &copy, err);
}

struct event_rows {
	int (*take)(void *arg, const struct store_event *event);
	void *arg;
};

static int take_event(void *arg, const struct store_value *row)
{
	struct event_rows *rows = arg;
	struct store_event event = {
		row[0].number,
		store_value_text(&row[1]),
		store_value_text(&row[2]),
		store_value_text(&row[3]),
		store_value_text(&row[4]),
		store_value_text(&row[5]),
		store_value_text(&row[6]),
		row[7].number,
	};

	return rows->take(rows->arg, &event);
}

int store_event_each(struct store *store, const char *sink, int64_t limit,
		     int (*take)(void *arg, const struct store_event *event), void *arg,
		     struct rf_err *err)
{
	struct event_rows rows = {take, arg};

	return store_run(store, STORE_S_EVENT_EACH,
			 STORE_PARAMS(store_text(sink), store_int(limit)),
			 (struct store_rows){take_event, &rows}, err);
}

int store_sink_add(struct store *store, const char *sink, struct rf_err *err)
{
	return store_run(store, STORE_S_SINK_ADD, STORE_PARAMS(store_text(sink)), STORE_NO_ROWS,
			 err);
}

int store_sink_confirm(struct store *store, const char *sink, int64_t seq, struct rf_err *err)
{
	int64_t moved = -1;
	int rc = store_run_int(store, STORE_S_SINK_MOVE,
			       STORE_PARAMS(store_text(sink), store_int(seq)), &moved, err);

	if (!rc && moved < 0)
		rc = rf_fail(err, RF_E_CHANGED, "the sink %s has confirmed more, or is not known",
			     sink);
	return rc;
}

int store_sink_drop(struct store *store, const char *sink, struct rf_err *err)
{
	return store_run(store, STORE_S_SINK_DROP, STORE_PARAMS(store_text(sink)), STORE_NO_ROWS,
			 err);
}
