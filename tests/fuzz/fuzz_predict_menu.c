/* SPDX-License-Identifier: Apache-2.0 */
/* Menus of a grub.cfg, as prediction takes them apart. */
#include <string.h>

#include "attest/predict_parts.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct rf_slice config = {data, size > 8192 ? 8192 : size};
	struct predict_entry entry;
	size_t count = predict_config_entries(config);

	for (size_t i = 0; i < count; i++) {
		RF_AUTOBUF struct rf_buf head = {0};

		if (!predict_config_entry(config, i, &entry))
			__builtin_trap();
		/* Its parts lie in the text, one behind the other, and the body in its braces. */
		if (entry.head.data < config.data ||
		    entry.head.data + entry.head.len != entry.body.data ||
		    entry.body.data + entry.body.len > config.data + config.len ||
		    entry.body.len < 2 || entry.body.data[0] != '{' ||
		    entry.body.data[entry.body.len - 1] != '}')
			__builtin_trap();
		if (predict_entry_head(&entry, &head) && strchr(rf_buf_text(&head), '$'))
			__builtin_trap();
	}
	return 0;
}
