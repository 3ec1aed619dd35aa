/* SPDX-License-Identifier: Apache-2.0 */
/* Policies of isolation: whatever is read gives only ports and zones that the guard takes. */
#include <stdlib.h>
#include <string.h>

#include "isolate/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct guard_zone rows[GUARD_ZONES];

static void resolve(const struct policy *policy)
{
	static const struct policy_nic nics[] = {
		{"web-1", "", "", "net0", "52:54:00:00:00:01", "vnet0", "bridge"},
		{"specimen-1", "hostile", "analysis", "net0", "52:54:00:00:00:02", "vnet1",
		 "network"},
		{"db-1", "unknown", "a", "net1", "no address", "vnet1", "hostdev"},
	};
	struct policy_result result;

	if (policy_resolve(policy, nics, sizeof(nics) / sizeof(nics[0]), &result, NULL) < 0)
		return;
	if (result.ports_count + result.left_count != sizeof(nics) / sizeof(nics[0]))
		abort();
	for (size_t i = 0; i < result.ports_count; i++) {
		const struct guard_port *port = &result.ports[i].port;

		if (guard_port_check(port, NULL) < 0 || !policy_zone_name(policy, port->zone))
			abort();
	}
	policy_result_done(&result);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct policy *policy = NULL;

	if (policy_parse((struct rf_slice){data, size}, "fuzz", &policy, NULL) < 0)
		return 0;
	/* The host and its uplink are never cut off from each other. */
	if (policy_zones(policy, rows, NULL) < 0 || !(rows[0].to[0] & 1))
		abort();
	resolve(policy);
	policy_free(policy);
	return 0;
}
