/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of a difference become rows of the store; see facts.h. */
#include "manager/facts.h"

#include <errno.h>

#include "base/arena.h"
#include "base/mem.h"
#include "model/difference.h"

struct rows {
	struct rf_arena arena;
	struct store_fact *list;
	size_t count, room;
};

static struct store_value value_of(const struct fact_column *column, const struct fact_value *value)
{
	if (!value->known)
		return (struct store_value){.kind = STORE_NULL};
	return column->is_text ? store_text(value->text) : store_int(value->number);
}

static int row_take(void *arg, enum difference_op op, const struct fact_table *table,
		    const struct fact_value *values)
{
	struct rows *rows = arg;
	struct store_value *out = rf_arena_alloc(&rows->arena, table->columns_count, sizeof(*out));
	int rc = out ? rf_grow((void **)&rows->list, &rows->room, rows->count + 1,
			       sizeof(*rows->list))
		     : -ENOMEM;

	if (rc)
		return rc;
	/* What an agent calls its host counts for nothing: the store puts the certificate's name.
	 */
	for (size_t i = 0; i < table->columns_count; i++)
		out[i] = value_of(&table->columns[i], &values[i]);
	rows->list[rows->count++] = (struct store_fact){.table = table->name,
							.values = out,
							.count = table->columns_count,
							.gone = op == DIFFERENCE_REMOVE};
	return 0;
}

static int rows_store(struct store *store, const struct facts_frame *frame, const struct rows *rows,
		      bool *out_lacking, struct rf_err *err)
{
	const struct store_facts facts = {.host = frame->host,
					  .whole = frame->whole,
					  .facts = rows->list,
					  .count = rows->count,
					  .at_ms = frame->at_ms};
	int64_t at_ms = 0;
	int rc = frame->whole ? 0 : store_facts_at(store, frame->host, &at_ms, err);

	*out_lacking = !rc && !frame->whole && at_ms == 0;
	return rc || *out_lacking ? rc : store_facts_put(store, &facts, frame->lease, err);
}

int facts_store(struct store *store, const struct facts_frame *frame, bool *out_lacking,
		struct rf_err *err)
{
	struct rows rows = {0};
	bool more;
	int rc = difference_each(frame->bytes, row_take, &rows, &more, err);

	if (!rc)
		rc = rows_store(store, frame, &rows, out_lacking, err);
	rf_free(rows.list);
	rf_arena_done(&rows.arena);
	return rc;
}
