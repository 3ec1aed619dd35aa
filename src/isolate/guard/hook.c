/* SPDX-License-Identifier: Apache-2.0 */
/* How the guard's programs hang on a link: by clsact, or by tcx where that was chosen. What the
 * first process chose stands in the settings, and holds for every other. */
#include <errno.h>

#include "base/mem.h"
#include "isolate/guard/internal.h"

static bool by_tcx(const struct guard *guard)
{
	return guard->settings->hook == GUARD_HOOK_TCX;
}

int guard_hook_attach(struct guard *guard, uint32_t ifindex, struct rf_err *err)
{
	if (!by_tcx(guard))
		return guard_filters_attach(guard, ifindex, err);
	for (unsigned i = 0; i < PROG_COUNT; i++) {
		int rc = guard_tcx_attach(guard, ifindex, (enum guard_direction)i);

		if (rc)
			return rf_fail(err, rc, "link %u: %s: %s", ifindex, guard_program_name(i),
				       rf_code_text(rc));
	}
	return 0;
}

int guard_hook_detach(struct guard *guard, uint32_t ifindex)
{
	int first = 0;

	if (!by_tcx(guard))
		return guard_filters_detach(guard, ifindex);
	for (unsigned i = 0; i < PROG_COUNT; i++)
		first = guard_tcx_detach(ifindex, (enum guard_direction)i) ?: first;
	return first;
}

int guard_hook_find(const struct guard *guard, uint32_t ifindex, enum guard_direction direction,
		    struct filter *out, bool *out_first)
{
	if (by_tcx(guard))
		return guard_tcx_find(ifindex, direction, out, out_first);
	return guard_filter_find(ifindex, direction, out, out_first);
}
