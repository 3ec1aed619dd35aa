/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as words of sshd_config, as a line of authorized_keys and as a key. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "collect/ssh.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	RF_AUTOFREE char *text = rf_strndup((const char *)data, size);
	char *cursor = text, *line;

	while (text && (line = rf_line_next(&cursor))) {
		UTIL_AUTOPATHS struct util_paths words = {0};
		struct ssh_public_key key;
		size_t options_len = 0;

		if (sshd_config_words(line, &words) == 0 && words.count > strlen(line))
			abort();
		if (ssh_authorized_line(line, &options_len, &key) == 1) {
			if (options_len > strlen(line) || key.bits < 0)
				abort();
			ssh_options_restrict(line, options_len);
		}
		if (ssh_public_key_parse(line, strlen(line), &key) == 0 && !*key.algorithm)
			abort();
	}
	return 0;
}
