/* SPDX-License-Identifier: Apache-2.0 */
/* The header of a qcow2 image: its size, its encryption, and the image below it. */
#ifndef RF_COLLECT_QCOW2_H
#define RF_COLLECT_QCOW2_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define QCOW2_MAX_BACKING_BYTES 1023u

struct qcow2_header {
	uint32_t version; /* 2 or 3 */
	int64_t virtual_bytes;
	bool luks;				   /* content is encrypted with LUKS */
	bool has_data_file;			   /* content lies in another file */
	char backing[QCOW2_MAX_BACKING_BYTES + 1]; /* "" when there is none */
	char backing_format[32];		   /* "" when not stated */
};

/* True when head begins like a qcow image of any version. */
bool qcow2_is(struct rf_slice head);

/* Parses the first bytes of an image. RF_E_MISMATCH when it is no qcow2 image, RF_E_UNSUPPORTED for
 * other versions, RF_E_TRUNCATED, RF_E_LIMIT, RF_E_SYNTAX. */
int qcow2_parse(struct rf_slice head, struct qcow2_header *out, struct rf_err *err) RF_MUST_CHECK;

#endif
