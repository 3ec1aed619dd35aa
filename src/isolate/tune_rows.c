/* SPDX-License-Identifier: Apache-2.0 */
/* Which tables of tunables there are. One line each; see tune.h. */
#include "isolate/tune.h"

const struct tune_rows *const tune_tables[] = {
	&tune_cpu_rows, &tune_memory_rows, &tune_disk_rows, &tune_console_rows, NULL,
};
