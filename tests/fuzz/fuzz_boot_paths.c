/* SPDX-License-Identifier: Apache-2.0 */
/* What a host says of its boot files: a path is given only for a digest that stands beside it.
 * Every run of hexadecimal digits in the input is asked for. */
#include <ctype.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "collect/boot_paths.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(const struct boot_paths *paths, struct rf_slice section, const char *hex)
{
	static const uint16_t algs[] = {ATTEST_SHA1, ATTEST_SHA256, ATTEST_SHA384};
	size_t len = 0;

	for (size_t i = 0; i < RF_COUNT(algs); i++) {
		struct boot_item item = {.digests_count = 1};

		item.digests[0].alg = algs[i];
		if (rf_hex_decode(hex, item.digests[0].bytes, ATTEST_MAX_DIGEST, &len) < 0 ||
		    len != attest_digest_size(algs[i]))
			continue;
		item.digests[0].len = (uint8_t)len;
		const char *path = boot_paths_find(paths, &item);

		if (path && !path[0])
			__builtin_trap();
		/* Shorter than what it came from. */
		if (path && strlen(path) > section.len)
			__builtin_trap();
	}
	/* One that no file has. */
	struct boot_item none = {.digests_count = 1, .digests = {{.alg = 0x7fff, .len = 32}}};

	if (boot_paths_find(paths, &none))
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct rf_slice section = {data, size};
	struct boot_paths paths = {0};
	char hex[2 * ATTEST_MAX_DIGEST + 1];
	size_t len = 0;

	boot_paths_read(section, &paths);
	for (size_t i = 0; i <= size; i++) {
		if (i < size && isxdigit(data[i]) && len + 1 < sizeof(hex)) {
			hex[len++] = (char)data[i];
			continue;
		}
		hex[len] = '\0';
		if (len >= 40)
			ask(&paths, section, hex);
		len = 0;
	}
	boot_paths_done(&paths);
	return 0;
}
