/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of /proc/self/mountinfo, and the questions that are asked of the table. */
#include "base/mem.h"
#include "collect/mountinfo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	MOUNT_AUTOTABLE struct mount_table table = {0};
	char value[64];

	if (rf_buf_add(&table.text, data, size) < 0 || mount_table_parse(&table) < 0)
		return 0;
	for (size_t i = 0; i < table.count; i++) {
		const struct mount_entry *e = &table.rows[i];

		/* Every mount holds its own mount point, and something lies on top of it. */
		if (!mount_table_find(&table, e->target) || !mount_table_at(&table, e->target))
			__builtin_trap();
		(void)mount_option_has(e->options, "nodev");
		(void)mount_option_value(e->super, "upperdir", value, sizeof(value));
	}
	return 0;
}
