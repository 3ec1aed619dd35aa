/* SPDX-License-Identifier: Apache-2.0 */
/* Records for the watcher of hostile VMs: made and checked. Pure. See hostile_table.h. */
#include "isolate/hostile_table.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

#define MAGIC	   0x52464831u
#define UUID_CHARS 36u

int hostile_table_make(const struct cpu_result *result, struct rf_buf *out)
{
	struct hostile_head head = {.magic = MAGIC, .rules = result->host->hostile};

	for (size_t i = 0; i < result->count && head.count < HOSTILE_MAX_VMS; i++)
		head.count += result->items[i].vm->running;
	rf_buf_add(out, &head, sizeof(head));
	for (size_t i = 0, n = 0; i < result->count && n < head.count; i++) {
		const struct cpu_item *item = &result->items[i];
		struct hostile_entry entry = {.watch = item->managed ? (uint8_t)item->cpu.hostile
								     : HOSTILE_WATCH_OFF,
					      .apart = item->vm->apart,
					      .own = item->exclusive && !item->apart,
					      .stuck = item->apart && !item->exclusive};

		if (!item->vm->running)
			continue;
		n++;
		if (!rf_copy(entry.vm, sizeof(entry.vm), item->vm->name) ||
		    !rf_copy(entry.uuid, sizeof(entry.uuid), item->vm->uuid))
			entry = (struct hostile_entry){.vm = "?"};
		rf_buf_add(out, &entry, sizeof(entry));
	}
	return out->failed ? -ENOMEM : 0;
}

int hostile_table_empty(const char *problem, struct rf_buf *out)
{
	struct hostile_head head = {.magic = MAGIC, .rules = hostile_usual};

	(void)rf_format(head.problem, sizeof(head.problem), "%s", problem);
	return rf_buf_add(out, &head, sizeof(head));
}

int64_t hostile_table_bytes(struct rf_slice bytes)
{
	struct hostile_head head;

	if (bytes.len < sizeof(head))
		return 0;
	memcpy(&head, bytes.data, sizeof(head));
	if (head.magic != MAGIC || head.count > HOSTILE_MAX_VMS)
		return RF_E_SYNTAX;
	return (int64_t)(sizeof(head) + head.count * sizeof(struct hostile_entry));
}

static bool ends(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

static bool uuid_ok(const char uuid[37])
{
	return ends(uuid, 37) && (!uuid[0] || (strlen(uuid) == UUID_CHARS &&
					       strspn(uuid, "0123456789abcdef-") == UUID_CHARS));
}

static bool entry_ok(const struct hostile_entry *e)
{
	return ends(e->vm, sizeof(e->vm)) && e->vm[0] && !strchr(e->vm, '/') && uuid_ok(e->uuid) &&
	       e->watch <= HOSTILE_WATCH_APART && e->apart <= 1 && e->own <= 1 && e->stuck <= 1 &&
	       /* What has no name cannot be acted on. */
	       (e->uuid[0] || !e->watch);
}

void hostile_table_done(struct hostile_table *table)
{
	rf_free(table->entries);
	memset(table, 0, sizeof(*table));
}

int hostile_table_read(struct rf_slice bytes, struct hostile_table *out, struct rf_err *err)
{
	struct hostile_table table = {.entries = NULL};
	int64_t size = hostile_table_bytes(bytes);

	if (size <= 0 || (size_t)size != bytes.len)
		return rf_fail(err, RF_E_SYNTAX, "this is no table");
	memcpy(&table.head, bytes.data, sizeof(table.head));
	if (!ends(table.head.problem, sizeof(table.head.problem)) ||
	    hostile_rules_check(&table.head.rules, err) < 0)
		return rf_fail(err, RF_E_SYNTAX, "the head of the table is none");
	table.entries = rf_alloc(table.head.count + 1, sizeof(*table.entries));
	if (!table.entries)
		return rf_fail(err, -ENOMEM, "no memory");
	memcpy(table.entries, bytes.data + sizeof(table.head),
	       table.head.count * sizeof(*table.entries));
	for (size_t i = 0; i < table.head.count; i++) {
		if (entry_ok(&table.entries[i]))
			continue;
		hostile_table_done(&table);
		return rf_fail(err, RF_E_SYNTAX, "a VM of the table is none");
	}
	*out = table;
	return 0;
}

int hostile_question_read(struct rf_slice bytes, struct hostile_question *out)
{
	struct hostile_question q;

	if (bytes.len != sizeof(q))
		return RF_E_SYNTAX;
	memcpy(&q, bytes.data, sizeof(q));
	if (q.ask < HOSTILE_ASK_TABLE || q.ask > HOSTILE_ASK_RELEASE || !uuid_ok(q.uuid) ||
	    !ends(q.why, sizeof(q.why)) || (q.ask != HOSTILE_ASK_TABLE && !q.uuid[0]))
		return RF_E_SYNTAX;
	*out = q;
	return 0;
}
