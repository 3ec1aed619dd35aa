/* SPDX-License-Identifier: Apache-2.0 */
/* Collector qemu_processes: not written yet. */
#include "collect/collect.h"

int collect_qemu_processes(struct sys *sys, const struct collect_request *req,
			   struct fact_sink *out, struct rf_err *err)
{
	(void)sys;
	(void)req;
	(void)out;
	return rf_fail(err, RF_E_UNSUPPORTED, "collector qemu_processes is not written yet");
}
