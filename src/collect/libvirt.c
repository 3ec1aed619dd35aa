/* SPDX-License-Identifier: Apache-2.0 */
/* Collector libvirt: not written yet. */
#include "collect/collect.h"

int collect_libvirt(struct sys *sys, const struct collect_request *req, struct fact_sink *out,
		    struct rf_err *err)
{
	(void)sys;
	(void)req;
	(void)out;
	return rf_fail(err, RF_E_UNSUPPORTED, "collector libvirt is not written yet");
}
