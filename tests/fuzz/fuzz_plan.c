/* SPDX-License-Identifier: Apache-2.0 */
/* A plan as JSON from anywhere: read, and what was read is written and read again to the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "change/plan.h"

static const struct verb_table *const tables[] = {&change_verbs, NULL};
static const struct verb_set verbs = {tables};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	PLAN_AUTO struct plan plan = {0}, again = {0};
	RF_AUTOBUF struct rf_buf json = {0};
	uint8_t a[CHANGE_DIGEST_BYTES], b[CHANGE_DIGEST_BYTES];

	if (plan_read((struct rf_slice){data, size}, &verbs, &plan, NULL) < 0)
		return 0;
	if (plan_write(&plan, &json, NULL) < 0 ||
	    plan_read(rf_buf_slice(&json), &verbs, &again, NULL) < 0 ||
	    plan_digest(&plan, a, NULL) < 0 || plan_digest(&again, b, NULL) < 0 ||
	    memcmp(a, b, sizeof(a)) != 0)
		abort();
	return 0;
}
