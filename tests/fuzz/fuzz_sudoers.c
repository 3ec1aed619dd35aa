/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a sudoers file: parsed, and every list's aliases replaced. */
#include <stdint.h>

#include "base/mem.h"
#include "collect/sudoers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_include(void *ctx, const struct sudoers_include *include)
{
	(void)ctx;
	(void)include;
}

static void on_error(void *ctx, unsigned int line, const char *what)
{
	(void)ctx;
	(void)line;
	(void)what;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct sudoers_hooks hooks = {.include = on_include, .error = on_error};
	RF_AUTOFREE char *text = rf_strndup((const char *)data, size);
	struct sudoers s = {0};

	if (!text)
		return 0;
	sudoers_parse(&s, "/etc/sudoers", text, &hooks);
	for (size_t i = 0; i < s.rules_count && i < 64; i++) {
		SUDOERS_AUTOLIST struct sudoers_list flat = {0};

		if (sudoers_expand(&s, SUDOERS_USERS, &s.rules[i].users, &flat) < 0)
			continue;
	}
	sudoers_done(&s);
	return 0;
}
