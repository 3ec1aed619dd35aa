/* SPDX-License-Identifier: Apache-2.0 */
/* The table of kinds. See kinds.h. Numbers of notifications are never used again. */
#include "outbox/kinds.h"

#include "base/mem.h"
#include "base/str.h"

const struct outbox_kind outbox_kinds[] = {
	{"host.state", "UNTRUSTED", OUTBOX_CRITICAL, "HOST-UNTRUSTED", 1},
	{"host.state", "STALE", OUTBOX_WARNING, "HOST-STALE", 2},
	{"host.state", "WARNING", OUTBOX_WARNING, "HOST-WARNING", 3},
	{"host.state", "TRUSTED", OUTBOX_NOTICE, "HOST-TRUSTED", 4},
	{"host.state", "RETIRED", OUTBOX_NOTICE, "HOST-RETIRED", 5},
	{"host.state", "*", OUTBOX_NOTICE, "HOST-STATE", 6},
	{"finding", "FAIL", OUTBOX_WARNING, "FINDING-FAIL", 10},
	{"finding", "*", OUTBOX_NOTICE, "FINDING-RESOLVED", 11},
	{"isolation.*", "*", OUTBOX_ERROR, "ISOLATION", 20},
	{"guard.*", "*", OUTBOX_ERROR, "GUARD", 21},
	{"quarantine*", "*", OUTBOX_WARNING, "QUARANTINE", 22},
	{"approval.alarm", "*", OUTBOX_CRITICAL, "APPROVAL-ALARM", 35},
	{"approval.incident", "*", OUTBOX_CRITICAL, "APPROVAL-INCIDENT", 36},
	{"approval*", "*", OUTBOX_NOTICE, "APPROVAL", 30},
	{"waiver*", "*", OUTBOX_NOTICE, "WAIVER", 31},
	{"grant*", "*", OUTBOX_NOTICE, "GRANT", 32},
	{"role*", "*", OUTBOX_NOTICE, "ROLE", 33},
	{"denied*", "*", OUTBOX_WARNING, "DENIED", 34},
	{"outbox.skipped", "*", OUTBOX_ERROR, "OUTBOX-SKIPPED", 40},
	{"*", "*", OUTBOX_NOTICE, "EVENT", 99},
};
const size_t outbox_kinds_count = RF_COUNT(outbox_kinds);

static const char *const severities[OUTBOX_SEVERITIES] = {
	"emergency", "alert", "critical", "error", "warning", "notice", "info", "debug"};

const struct outbox_kind *outbox_kind_find(const char *kind, const char *new_state)
{
	size_t i = 0;

	while (i + 1 < outbox_kinds_count && !(rf_glob(outbox_kinds[i].kind, kind) &&
					       rf_glob(outbox_kinds[i].new_state, new_state)))
		i++;
	return &outbox_kinds[i];
}

const char *outbox_severity_name(enum outbox_severity severity)
{
	return severities[severity];
}

int outbox_severity_find(const char *name)
{
	for (size_t i = 0; i < RF_COUNT(severities); i++) {
		if (rf_equal(severities[i], name))
			return (int)i;
	}
	return -1;
}
