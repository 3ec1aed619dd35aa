/* SPDX-License-Identifier: Apache-2.0 */
/* An exported ledger and a kept checkpoint from anywhere: verified with a fixed key. What no holder
 * of the key wrote is never intact, but for an empty file. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "govern/ledger.h"

/* The secret half was thrown away. */
static const char key[] = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

static int visit(void *arg, struct rf_slice entry)
{
	++*(size_t *)arg;
	return entry.len > LEDGER_MAX_LINE_BYTES ? -1 : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *cut = size ? memchr(data, 0, size) : NULL;
	size_t known = cut ? (size_t)(cut - data) : 0, entries = 0;
	struct rf_slice file = {data + (cut ? known + 1 : 0), size - (cut ? known + 1 : 0)};
	struct ledger_report report = {0};

	/* A checkpoint that cannot be read ends it before the file is looked at. */
	int rc = ledger_verify(file, key, (struct rf_slice){data, known}, &report, NULL);

	if (rc == 0 && report.entries > 0)
		abort();
	if (ledger_each(file, visit, &entries, NULL) < 0 ||
	    (rc == 0 && entries && report.fault == LEDGER_INTACT))
		abort();
	return 0;
}
