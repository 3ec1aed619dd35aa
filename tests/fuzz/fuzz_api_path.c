/* SPDX-License-Identifier: Apache-2.0 */
/* Paths: what the gate lets through finds a route or none, and its variables are texts. */
#include <stdlib.h>
#include <string.h>

#include "api/gate.h"
#include "api/route.h"
#include "base/mem.h"
#include "base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct route_match match;
	struct rf_err err = {0};
	RF_AUTOFREE char *path = rf_strndup((const char *)data, size);

	if (!path || gate_target_check((struct rf_slice){data, size}).status)
		return 0;
	if (route_find(ROUTE_GET, path, &match, &err))
		return 0;
	for (size_t i = 0; i < match.vars_count; i++)
		if (!rf_utf8_valid((const uint8_t *)match.vars[i], strlen(match.vars[i])))
			abort();
	return 0;
}
