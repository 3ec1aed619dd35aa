/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that land in the next commits. */
#include "cli/cli.h"

#define LATER(fn)                                                                                  \
	int fn(const struct cli_args *args, struct rf_err *err)                                    \
	{                                                                                          \
		return rf_fail(err, RF_E_UNSUPPORTED, "%s lands soon", args->words[0]);            \
	}
LATER(cmd_check)
LATER(cmd_facts)
LATER(cmd_query)
LATER(cmd_explain)
LATER(cmd_capture)
LATER(cmd_doctor)
