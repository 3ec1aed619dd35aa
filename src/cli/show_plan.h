/* SPDX-License-Identifier: Apache-2.0 */
/* A plan for a person: like a difference, target by target. */
#ifndef RF_CLI_SHOW_PLAN_H
#define RF_CLI_SHOW_PLAN_H

#include "change/remedy.h"

/* Prints the plan, and what no verb mends (all: each with its reason). color as --color. */
int show_plan(const struct plan *plan, const struct remedy *remedy, bool all, const char *color);

/* Prints the plan's own JSON. */
int show_plan_json(const struct plan *plan, struct rf_err *err) RF_MUST_CHECK;

#endif
