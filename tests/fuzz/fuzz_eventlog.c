/* SPDX-License-Identifier: Apache-2.0 */
/* Boot logs: what opens can be read to its end, replayed, and explained in visible text. */
#include <string.h>

#include "attest/eventlog.h"
#include "base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text)
{
	if (!rf_utf8_valid((const uint8_t *)text, strlen(text)))
		__builtin_trap();
	for (; *text; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			__builtin_trap();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct attest_hasher *hasher;
	static struct eventlog_replay replay;
	struct eventlog log;
	struct eventlog_event event;
	struct eventlog_state state = {0};
	struct eventlog_meaning meaning;
	size_t at = 0, count = 0;

	if (!hasher && attest_hasher_new(&hasher, NULL) < 0)
		__builtin_trap();
	if (eventlog_open((struct rf_slice){data, size}, &log, NULL) < 0)
		return 0;
	while (eventlog_next(&log, &at, &event) == 1) {
		eventlog_explain(hasher, &log, &event, &state, &meaning);
		check_text(meaning.name);
		check_text(meaning.text);
		if (event.pcr >= ATTEST_PCRS || meaning.component >= COMPONENT_COUNT)
			__builtin_trap();
		count++;
	}
	if (count != log.events_count || eventlog_replay(hasher, &log, &replay, NULL) < 0)
		__builtin_trap();
	return 0;
}
