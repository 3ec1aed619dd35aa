/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shim's variables beside a boot log: two bytes say how long the log is, then come log and section.
 * What is read is written again the same; contents are taken only where the log has their digest.
 */
#include <string.h>

#include "attest/boot.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool lies_in(struct rf_slice part, struct rf_slice whole)
{
	return part.len == 0 ||
	       (part.data >= whole.data && part.data + part.len <= whole.data + whole.len);
}

/* Every variable lies in the section, and the section is what they make. */
static void walk(struct rf_slice section)
{
	RF_AUTOBUF struct rf_buf again = {0};
	struct evidence_variable variable;
	size_t at = 0, before = 0;
	int rc;

	while ((rc = evidence_variable_next(section, &at, &variable)) == 1) {
		char name[256] = "";

		if (at <= before || at > section.len || !lies_in(variable.name, section) ||
		    !lies_in(variable.contents, section))
			__builtin_trap();
		before = at;
		if (variable.name.len >= sizeof(name) ||
		    (variable.name.len && memchr(variable.name.data, 0, variable.name.len)))
			return;
		if (variable.name.len)
			memcpy(name, variable.name.data, variable.name.len);
		if (evidence_variable_add(&again, name, variable.contents) < 0)
			return;
	}
	if (again.len && memcmp(again.data, section.data, again.len) != 0)
		__builtin_trap();
	if (rc == 0 && again.len != section.len)
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct attest_hasher *hasher;
	static struct boot boot;
	size_t len = size < 2 ? 0 : (size_t)(data[0] | data[1] << 8);

	if (size < 2 || len > size - 2 || (!hasher && attest_hasher_new(&hasher, NULL) < 0))
		return 0;
	const struct boot_logs logs = {.firmware = {data + 2, len},
				       .shim = {data + 2 + len, size - 2 - len}};

	walk(logs.shim);
	if (boot_read(hasher, &logs, &boot, NULL) < 0)
		return 0;
	for (size_t i = 0; i < boot.count; i++) {
		const struct boot_item *item = &boot.items[i];
		uint8_t digest[ATTEST_MAX_DIGEST];

		if (!lies_in(item->value, logs.shim) || item->value.len == 0)
			continue;
		for (size_t d = 0; d < item->digests_count; d++) {
			if (attest_hash(hasher, item->digests[d].alg, item->value,
					(struct rf_slice){0}, digest) == 0 &&
			    memcmp(digest, item->digests[d].bytes, item->digests[d].len) != 0)
				__builtin_trap();
		}
	}
	return 0;
}
