/* SPDX-License-Identifier: Apache-2.0 */
/* A verdict for a person (short or register by register) and for a program. */
#ifndef RF_CLI_VERDICT_VIEW_H
#define RF_CLI_VERDICT_VIEW_H

#include <jansson.h>
#include <stdbool.h>

#include "attest/verdict.h"
#include "collect/boot_paths.h"

#define VERDICT_ANY_PCR UINT32_MAX

struct verdict_view {
	const struct verdict *verdict;
	FILE *out;
	const char *what;		/* file, or "this machine" */
	const char *host;		/* as it calls itself; "" when it does not say */
	bool color, all;		/* all: notes in full, unused registers, too */
	bool compared;			/* there was an approved baseline */
	const struct boot_paths *paths; /* what the host says lies in its /boot; NULL: not known */
	uint32_t pcr;			/* explain: this one alone, or VERDICT_ANY_PCR */
};

/* Verdict, why (worst first, with the next step), what was proved, notes. */
void verdict_view_print(const struct verdict_view *view);
/* Each register: what it stands for, verdict, the event that made it so, old, new, next step. */
void verdict_view_explain(const struct verdict_view *view);
/* docs/schema/attest-verdict.json; events of registers with explain. NULL when memory is short. */
json_t *verdict_view_json(const struct verdict_view *view, bool explain) RF_MUST_CHECK;

#endif
