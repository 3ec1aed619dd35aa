/* SPDX-License-Identifier: Apache-2.0 */
/* Writes that share a commit; see batch.h. */
#include "manager/batch.h"

#include <errno.h>
#include <event2/event.h>
#include <string.h>

#include "base/mem.h"

struct batch {
	struct store *store;
	struct event *turn;
	struct batch_item *items;
	size_t count, room;
	bool flushing;
};

static int all_write(struct store *store, void *arg, struct rf_err *err)
{
	const struct batch *b = arg;
	int rc = 0;

	for (size_t i = 0; i < b->count && !rc; i++)
		rc = b->items[i].write(store, b->items[i].arg, err);
	return rc;
}

/* The items are taken out first: a done may add others, for the next time. */
void batch_flush(struct batch *batch)
{
	struct batch now = *batch;
	struct rf_err err = {0};
	int rc;

	if (batch->count == 0 || batch->flushing)
		return;
	batch->items = NULL;
	batch->count = batch->room = 0;
	batch->flushing = true;
	rc = store_transaction(batch->store, all_write, &now, &err);
	for (size_t i = 0; i < now.count; i++) {
		const struct batch_item *item = &now.items[i];

		if (rc && now.count > 1) {
			struct rf_err own = {0};
			int own_rc = store_transaction(batch->store, item->write, item->arg, &own);

			item->done(item->arg, own_rc, &own);
			continue;
		}
		item->done(item->arg, rc, &err);
	}
	batch->flushing = false;
	rf_free(now.items);
	if (batch->count)
		event_active(batch->turn, EV_TIMEOUT, 0);
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	batch_flush(arg);
}

int batch_new(struct event_base *base, struct store *store, struct batch **out, struct rf_err *err)
{
	struct batch *b = rf_alloc(1, sizeof(*b));

	if (b)
		b->turn = evtimer_new(base, on_turn, b);
	if (!b || !b->turn) {
		rf_free(b);
		return rf_fail(err, -ENOMEM, "no memory for writes");
	}
	/* After what has come from sockets, when the loop has priorities. */
	if (event_base_get_npriorities(base) > 1)
		(void)event_priority_set(b->turn, event_base_get_npriorities(base) - 1);
	b->store = store;
	*out = b;
	return 0;
}

void batch_free(struct batch *batch)
{
	if (!batch)
		return;
	while (batch->count)
		batch_flush(batch);
	event_free(batch->turn);
	rf_free(batch->items);
	rf_free(batch);
}

int batch_add(struct batch *batch, const struct batch_item *item, struct rf_err *err)
{
	if (rf_grow((void **)&batch->items, &batch->room, batch->count + 1, sizeof(*batch->items)) <
	    0)
		return rf_fail(err, -ENOMEM, "no memory for a write");
	batch->items[batch->count++] = *item;
	/* A wait of nothing: the other events of this turn come first. */
	if (batch->count >= BATCH_MOST)
		event_active(batch->turn, EV_TIMEOUT, 0);
	else if (batch->count == 1)
		(void)evtimer_add(batch->turn, &(struct timeval){.tv_usec = 1000});
	return 0;
}
