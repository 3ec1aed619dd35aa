/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies and queries of every route, and the conditions of a permission. */
#include <string.h>

#include "api/route.h"
#include "base/mem.h"
#include "govern/condition.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rf_err err = {0};
	json_t *json = NULL;

	if (size < 1)
		return 0;
	const struct route *route = &routes[data[0] % routes_count];
	RF_AUTOFREE char *text = rf_strndup((const char *)data + 1, size - 1);

	if (route->body &&
	    !schema_read(route->body, (struct rf_slice){data + 1, size - 1}, 65536, &json, &err))
		json_decref(json);
	json = NULL;
	if (text && !schema_query(route->query, text, &json, &err))
		json_decref(json);
	if (text && !condition_check(text, &err)) {
		struct condition_facts facts = {"10.0.0.1", 1795437000000, "{}", "TRUSTED"};

		(void)!condition_holds(text, &facts, &err);
	}
	return 0;
}
