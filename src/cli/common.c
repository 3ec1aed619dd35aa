/* SPDX-License-Identifier: Apache-2.0 */
/* What several commands share. See common.h. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/common.h"

#define SITE_DEFAULT "/etc/ringfence/site"

int64_t common_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int common_controls(const struct cli_args *args, struct control_set *out, struct rf_err *err)
{
	const char *site = cli_value(args, OPT_SITE);
	int rc = control_set_load_builtin(out, err);

	if (!rc && site)
		rc = control_set_load_site(out, site, err);
	else if (!rc && access(SITE_DEFAULT, F_OK) == 0)
		rc = control_set_load_site(out, SITE_DEFAULT, err);
	for (size_t i = 0; rc == 0 && i < out->problems_count; i++)
		fprintf(stderr, "ringfence: refused: %s\n", out->problems[i]);
	for (size_t i = 0; rc == 0 && i < args->counts[OPT_PROFILE]; i++) {
		if (!profile_find(out, args->values[OPT_PROFILE][i]))
			rc = rf_fail(err, RF_E_USAGE,
				     "there is no profile %s; `ringfence controls list` shows them",
				     args->values[OPT_PROFILE][i]);
	}
	return rc;
}
