/* SPDX-License-Identifier: Apache-2.0 */
/* What goes between the watcher of hostile VMs and its helper, its account as others read it, and
 * lines of the kernel's log. The first byte picks. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "fuzz_rest.h"
#include "isolate/watcher.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void table(struct rf_slice bytes)
{
	struct hostile_table t;

	if (hostile_table_read(bytes, &t, NULL) < 0)
		return;
	for (size_t i = 0; i < t.head.count; i++) {
		const struct hostile_entry *e = &t.entries[i];

		if (memchr(e->vm, '\0', sizeof(e->vm)) == NULL || strlen(e->uuid) > 36 ||
		    strchr(e->vm, '/') || hostile_watch_name(e->watch)[0] == '?')
			abort();
	}
	hostile_table_done(&t);
}

static void question(struct rf_slice bytes)
{
	struct hostile_question q;

	if (hostile_question_read(bytes, &q) == 0 && (strlen(q.uuid) > 36 || strlen(q.why) > 255))
		abort();
}

static void account(struct rf_slice json)
{
	struct watched w;

	if (watched_read(json, &w, NULL) < 0)
		return;
	for (size_t i = 0; i < w.count; i++) {
		if (!watched_find(&w, w.items[i].vm))
			abort();
	}
	watched_done(&w);
}

static void log_line(struct rf_slice text)
{
	RF_AUTOFREE char *record = rf_strndup((const char *)text.data, text.len);

	if (record && hostile_lock_line(record) < 0)
		abort();
	(void)hostile_locks_logged(text);
	(void)hostile_pmu_clears(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const parts[])(struct rf_slice) = {table, question, account, log_line};

	if (size < 1)
		return 0;
	RF_AUTOFREE uint8_t *copy = fuzz_rest(data, size);

	if (!copy)
		return 0;
	parts[data[0] % RF_COUNT(parts)]((struct rf_slice){copy, size - 1});
	return 0;
}
