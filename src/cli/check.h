/* SPDX-License-Identifier: Apache-2.0 */
/* From options to findings: what `check`, `explain` and `fix` share. */
#ifndef RF_CLI_CHECK_H
#define RF_CLI_CHECK_H

#include "cli/cli.h"
#include "control/control.h"

#define CHECK_MAX_PROFILES 16

/* Zero-initialise; set is filled by the caller (common_controls). */
struct check {
	struct control_set set;
	struct fact_store *store;
	struct finding_set findings;
	const struct profile *profiles[CHECK_MAX_PROFILES];
	size_t profiles_count;
	int64_t now_ms;
	int64_t collect_ms, judge_ms;
	int64_t reader_cpu_ms, store_cpu_ms, judge_cpu_ms; /* see --timing */
	char what[256];					   /* "host web-3, 12 VMs" */
};

/* Collects, locks the program in, and judges with the chosen profiles; only: globs of ids. */
int check_run(struct check *c, const struct cli_args *args, const char *const *only,
	      size_t only_count, struct rf_err *err) RF_MUST_CHECK;
void check_done(struct check *c);

#endif
