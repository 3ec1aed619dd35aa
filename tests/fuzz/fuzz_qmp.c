/* SPDX-License-Identifier: Apache-2.0 */
/* What a QEMU answers: whatever comes, only names that can be used come out. */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "isolate/ram.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void pieces_check(struct rf_slice in)
{
	RF_AUTOBUF struct rf_buf out = {0};
	size_t count = 0;

	if (ram_pieces_work(NULL, in, &out, NULL) < 0)
		return;
	char *cursor = out.data ? (char *)out.data : NULL;

	for (char *name; cursor && *cursor && (name = rf_line_next(&cursor)); count++) {
		if ((name[0] != '+' && name[0] != '-') || !name[1] ||
		    strlen(name + 1) >= RAM_NAME_BYTES || strpbrk(name, "/\" \\"))
			abort();
	}
	if (count > RAM_MAX_BACKENDS)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct rf_slice in = {data, size};
	QMP_AUTOMESSAGE struct qmp_message m = {0};
	RF_AUTOBUF struct rf_buf none = {0};

	if (qmp_message_read(in, &m, NULL) == 0) {
		if ((m.kind == QMP_RETURN) != (m.value != NULL) || strlen(m.id) >= sizeof(m.id))
			abort();
		for (const char *p = m.text; *p; p++) {
			if (*p < 0x20 || *p > 0x7e)
				abort();
		}
	}
	pieces_check(in);
	if (ram_done_work(NULL, in, &none, NULL) == 0 && m.kind != QMP_RETURN)
		abort();
	return 0;
}
