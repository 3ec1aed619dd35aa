/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the guard's service does about VMs in quarantine: a port that such a VM comes back with is
 * shut in as the record says, and let out again when the record is gone. Ports that a plan shut in
 * are the plan's, and are left alone.
 */
#ifndef RF_ISOLATE_SERVICE_WARDS_H
#define RF_ISOLATE_SERVICE_WARDS_H

#include "isolate/table.h"

/* The links that were shut in here, not by a plan. */
struct service_wards {
	uint32_t links[GUARD_SLOTS];
	size_t count;
};

/* Makes one link so. True with a line to say when something was done, or could not be. */
bool wards_follow(struct service_wards *wards, struct guard *guard, const struct table *table,
		  const struct guard_link *link, char *line, size_t size);

#endif
