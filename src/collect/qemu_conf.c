/* SPDX-License-Identifier: Apache-2.0 */
/* Collector qemu_conf: not written yet. */
#include "collect/collect.h"

int collect_qemu_conf(struct sys *sys, const struct collect_request *req, struct fact_sink *out,
		      struct rf_err *err)
{
	(void)sys;
	(void)req;
	(void)out;
	return rf_fail(err, RF_E_UNSUPPORTED, "collector qemu_conf is not written yet");
}
