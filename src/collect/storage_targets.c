/* SPDX-License-Identifier: Apache-2.0 */
/* Collector storage_targets: not written yet. */
#include "collect/collect.h"

int collect_storage_targets(struct sys *sys, const struct collect_request *req,
			    struct fact_sink *out, struct rf_err *err)
{
	(void)sys;
	(void)req;
	(void)out;
	return rf_fail(err, RF_E_UNSUPPORTED, "collector storage_targets is not written yet");
}
