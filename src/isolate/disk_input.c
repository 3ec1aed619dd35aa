/* SPDX-License-Identifier: Apache-2.0 */
/* The disks of libvirt's VMs, out of the facts (vm, vm_disk). See disk.h. */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "isolate/disk.h"

static const char question[] =
	"SELECT coalesce(nullif(v.name, ''), v.vm), max(v.class), d.disk, max(d.path),"
	" max(d.layer = 'live'), max(d.layer = 'persistent'), max(coalesce(d.shareable, 0))"
	" FROM vm_disk d JOIN vm v ON v.host = d.host AND v.vm = d.vm AND v.layer = d.layer"
	" WHERE v.format = 'libvirt' AND d.layer IN ('live', 'persistent') AND d.medium = 1"
	" AND d.device IN ('disk', 'lun') GROUP BY 1, d.disk ORDER BY 1, d.disk";

void disk_input_done(struct disk_input *input)
{
	rf_free(input->items);
	rf_arena_done(&input->texts);
	memset(input, 0, sizeof(*input));
}

static int row_take(void *arg, sqlite3_stmt *stmt)
{
	struct disk_input *input = arg;
	const char *texts[4];

	if (rf_grow((void **)&input->items, &input->capacity, input->count + 1,
		    sizeof(*input->items)) < 0)
		return -ENOMEM;
	for (int i = 0; i < 4; i++) {
		const char *text = (const char *)sqlite3_column_text(stmt, i);

		texts[i] = rf_arena_copy(&input->texts, text ? text : "");
	}
	input->items[input->count++] = (struct disk_item){
		.vm = texts[0],
		.class = texts[1],
		.disk = texts[2],
		.path = texts[3],
		.live = sqlite3_column_int(stmt, 4),
		.defined = sqlite3_column_int(stmt, 5),
		.shareable = sqlite3_column_int(stmt, 6),
	};
	return input->texts.failed ? -ENOMEM : 0;
}

int disk_input_load(struct fact_store *store, struct disk_input *out, struct rf_err *err)
{
	struct disk_input input = {0};
	int rc = fact_store_each(store, question, row_take, &input);

	if (rc < 0) {
		disk_input_done(&input);
		return rf_fail(err, rc, "the facts about disks cannot be read");
	}
	*out = input;
	return 0;
}
