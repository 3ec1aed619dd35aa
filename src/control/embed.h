/* SPDX-License-Identifier: Apache-2.0 */
/* The data files built into the program (tools/gen-embed): controls, profiles, defaults. */
#ifndef RF_CONTROL_EMBED_H
#define RF_CONTROL_EMBED_H

#include <stddef.h>
#include <stdint.h>

struct embedded_file {
	const char *path; /* "controls/host/boot-uefi.yaml" */
	const uint8_t *data;
	size_t len;
	size_t head_len; /* without a control's tests, where they stand last */
};

extern const struct embedded_file embedded_files[];
extern const size_t embedded_files_count;

#endif
