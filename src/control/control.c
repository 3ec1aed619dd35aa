/* SPDX-License-Identifier: Apache-2.0 */
/* Names of severities, states and pillars; looking things up; letting go. See control.h. */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "control/internal.h"

static const char *const severity_names[] = {"info", "low", "medium", "high", "critical"};
static const char *const state_names[] = {"pass",	    "fail",   "unknown",
					  "not_applicable", "waived", "error"};

const char *const control_pillars[] = {"hardening", "access",  "boot",	  "integrity",
				       "cpu",	    "memory",  "network", "disk",
				       "migration", "logging", "change"};
const size_t control_pillars_count = RF_COUNT(control_pillars);

const char *severity_name(enum severity severity)
{
	return severity_names[severity];
}

const char *finding_state_name(enum finding_state state)
{
	return state_names[state];
}

int severity_parse(const char *text, enum severity *out)
{
	for (size_t i = 0; i < RF_COUNT(severity_names); i++) {
		if (strcmp(severity_names[i], text) == 0) {
			*out = (enum severity)i;
			return 0;
		}
	}
	return RF_E_UNKNOWN;
}

int finding_state_parse(const char *text, enum finding_state *out)
{
	for (size_t i = 0; i < RF_COUNT(state_names); i++) {
		if (strcmp(state_names[i], text) == 0) {
			*out = (enum finding_state)i;
			return 0;
		}
	}
	return RF_E_UNKNOWN;
}

const struct control *control_find(const struct control_set *set, const char *id)
{
	for (size_t i = 0; i < set->controls_count; i++) {
		if (strcmp(set->controls[i].id, id) == 0)
			return &set->controls[i];
	}
	return NULL;
}

const struct profile *profile_find(const struct control_set *set, const char *id)
{
	for (size_t i = 0; i < set->profiles_count; i++) {
		if (strcmp(set->profiles[i].id, id) == 0)
			return &set->profiles[i];
	}
	return NULL;
}

void control_done(struct control *control)
{
	for (size_t i = 0; i < control->needs_count; i++)
		rf_free(control->needs[i]);
	for (size_t i = 0; i < control->columns_count; i++)
		rf_free(control->columns[i]);
	rf_free(control->needs);
	rf_free(control->columns);
	rf_free(control->lookup_table);
	rf_free(control->lookup_key);
	yaml_done(&control->doc);
}

void control_set_done(struct control_set *set)
{
	for (size_t i = 0; i < set->controls_count; i++)
		control_done(&set->controls[i]);
	for (size_t i = 0; i < set->profiles_count; i++)
		yaml_done(&set->profiles[i].doc);
	for (size_t i = 0; i < set->problems_count; i++)
		rf_free(set->problems[i]);
	rf_free(set->controls);
	rf_free(set->profiles);
	rf_free(set->problems);
	rf_free(set->waivers);
	yaml_done(&set->waivers_doc);
	*set = (struct control_set){0};
}
