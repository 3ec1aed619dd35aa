/* SPDX-License-Identifier: Apache-2.0 */
/* The table of operations and a site's say in it; see approval_rule.h. */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "govern/approval_rule.h"
#include "govern/text.h"

#define MINUTE_MS ((int64_t)60000)
#define HOUR_MS	  (60 * MINUTE_MS)
#define DAY_MS	  (24 * HOUR_MS)

static const struct {
	const char *name;
	uint32_t quorum;
} levels[APPROVAL_LEVEL_COUNT] = {
	[APPROVAL_LEVEL_RECORD] = {"record", 0}, [APPROVAL_LEVEL_NOTIFY] = {"notify", 0},
	[APPROVAL_LEVEL_ONE] = {"one", 1},	 [APPROVAL_LEVEL_TWO] = {"two", 2},
	[APPROVAL_LEVEL_WINDOW] = {"window", 2},
};

#define L(level) APPROVAL_LEVEL_##level
/* To shut a VM in must not wait for anyone; to let it out must. */
const struct approval_operation approval_operations[] = {
	{"baseline.approve", "approve a baseline of measured boot", L(ONE), L(ONE)},
	{"grant.change", "give or take a permission", L(ONE), L(ONE)},
	{"host.approve", "let a host into the fleet", L(ONE), L(NOTIFY)},
	{"host.fix", "mend findings on hosts", L(NOTIFY), L(RECORD)},
	{"host.retire", "take a host out of the fleet", L(ONE), L(NOTIFY)},
	{"isolation.disk.change", "change the isolation of disks", L(ONE), L(NOTIFY)},
	{"isolation.network.change", "change the isolation of networks", L(ONE), L(NOTIFY)},
	{"key.release", "hand a VM's disk key to a person", L(TWO), L(ONE)},
	{"policy.change", "change a policy of approvals, duties or what verdicts protect", L(TWO),
	 L(ONE)},
	{"quarantine.begin", "shut a VM in", L(NOTIFY), L(RECORD)},
	{"quarantine.release", "let a VM out of quarantine", L(ONE), L(ONE)},
	{"risk.accept", "accept a risk instead of mending it", L(TWO), L(ONE)},
	{"role.change", "change what a role may do", L(ONE), L(ONE)},
	{"store.migrate", "move the store to another database", L(WINDOW), L(ONE)},
	{"vm.migrate", "move a VM to another host", L(NOTIFY), L(RECORD)},
	{"waiver.approve", "waive a finding for a time", L(ONE), L(ONE)},
};
#undef L
const size_t approval_operations_count = RF_COUNT(approval_operations);

const struct approval_number_row approval_numbers[APPROVAL_NUMBER_COUNT] = {
	[APPROVAL_REQUEST_MS] = {"request-ms", DAY_MS, MINUTE_MS, 30 * DAY_MS},
	[APPROVAL_WINDOW_MS] = {"window-ms", 4 * HOUR_MS, MINUTE_MS, 7 * DAY_MS},
	[APPROVAL_WINDOW_MAX_MS] = {"window-max-ms", DAY_MS, MINUTE_MS, 7 * DAY_MS},
	[APPROVAL_AHEAD_MS] = {"ahead-ms", 30 * DAY_MS, HOUR_MS, 90 * DAY_MS},
	[APPROVAL_GLASS_MS] = {"glass-ms", DAY_MS, MINUTE_MS, 7 * DAY_MS},
	[APPROVAL_GRANT_MS] = {"grant-ms", 3 * DAY_MS, HOUR_MS, 90 * DAY_MS},
	[APPROVAL_COUNT_MAX] = {"count-max", 100, 1, 100},
	[APPROVAL_QUORUM] = {"quorum", 0, 0, APPROVAL_MAX_VOTES},
};

const char *approval_level_name(enum approval_level level)
{
	return (unsigned)level < APPROVAL_LEVEL_COUNT ? levels[level].name : "unknown";
}

int approval_level_parse(const char *text, enum approval_level *out, struct rf_err *err)
{
	for (size_t i = 0; i < APPROVAL_LEVEL_COUNT; i++) {
		if (rf_equal(levels[i].name, text)) {
			*out = (enum approval_level)i;
			return 0;
		}
	}
	return rf_fail(err, RF_E_UNKNOWN,
		       "no such level of approval; record, notify, one, two and window are");
}

uint32_t approval_level_quorum(enum approval_level level)
{
	return (unsigned)level < APPROVAL_LEVEL_COUNT ? levels[level].quorum : APPROVAL_MAX_VOTES;
}

const struct approval_operation *approval_operation_find(struct rf_slice name)
{
	for (size_t i = 0; i < approval_operations_count; i++) {
		if (rf_slice_equal(name, rf_slice_text(approval_operations[i].name)))
			return &approval_operations[i];
	}
	return NULL;
}

static int level_choose(const struct approval_site *site, struct approval_rule *rule,
			struct rf_err *err)
{
	enum approval_level floor = rule->operation->floor;

	rule->level = rule->operation->level;
	int rc = site->level ? approval_level_parse(site->level, &rule->level, err) : 0;

	if (rc < 0)
		return rf_wrap(err, rc, "%s", site->operation);
	if (rule->level < floor)
		return rf_fail(err, RF_E_DENIED,
			       "%s: level %s lies below the floor, which is %s; a site can ask for "
			       "more, not for less",
			       site->operation, approval_level_name(rule->level),
			       approval_level_name(floor));
	return 0;
}

static int numbers_choose(const struct approval_site *site, struct approval_rule *rule,
			  struct rf_err *err)
{
	for (size_t i = 0; i < APPROVAL_NUMBER_COUNT; i++) {
		const struct approval_number_row *row = &approval_numbers[i];
		int64_t wish = site->numbers[i];

		rule->numbers[i] = wish ? wish : row->normal;
		if (wish && (wish < row->min || wish > row->max))
			return rf_fail(err, RF_E_LIMIT, "%s: %s: %lld to %lld, not %lld",
				       site->operation, row->name, (long long)row->min,
				       (long long)row->max, (long long)wish);
	}
	int64_t *window = &rule->numbers[APPROVAL_WINDOW_MS];
	int64_t most = rule->numbers[APPROVAL_WINDOW_MAX_MS];

	if (*window > most && site->numbers[APPROVAL_WINDOW_MS])
		return rf_fail(err, RF_E_LIMIT, "%s: window-ms is more than window-max-ms",
			       site->operation);
	*window = *window > most ? most : *window;
	return 0;
}

static int quorum_choose(const struct approval_site *site, struct approval_rule *rule,
			 struct rf_err *err)
{
	int64_t least = approval_level_quorum(rule->level);
	int64_t *quorum = &rule->numbers[APPROVAL_QUORUM];

	if (*quorum && *quorum < least)
		return rf_fail(err, RF_E_DENIED,
			       "%s: a quorum of %lld is less than level %s asks for, which is %lld",
			       site->operation, (long long)*quorum,
			       approval_level_name(rule->level), (long long)least);
	if (*quorum && !least)
		return rf_fail(err, RF_E_MISMATCH,
			       "%s: level %s asks nobody, so it has no quorum; take level one",
			       site->operation, approval_level_name(rule->level));
	*quorum = *quorum ? *quorum : least;
	rule->distinct_roles = *quorum > 1 && !site->shared_role;
	if (rule->distinct_roles && site->roles_count && *quorum > (int64_t)site->roles_count)
		return rf_fail(err, RF_E_MISMATCH,
			       "%s: %lld approvers from different roles cannot come from %zu; name "
			       "more roles, or let approvers share one",
			       site->operation, (long long)*quorum, site->roles_count);
	return 0;
}

static int roles_choose(const struct approval_site *site, struct approval_rule *rule,
			struct rf_err *err)
{
	if (site->roles_count > APPROVAL_MAX_ROLES)
		return rf_fail(err, RF_E_LIMIT, "%s: %zu roles of approvers; at most %u",
			       site->operation, site->roles_count, APPROVAL_MAX_ROLES);
	for (size_t i = 0; i < site->roles_count; i++) {
		int rc = govern_name_check(site->roles[i], GOVERN_MAX_NAME_BYTES,
					   "the name of a role", err);

		if (rc < 0)
			return rf_wrap(err, rc, "%s", site->operation);
		for (size_t k = 0; k < i; k++) {
			if (rf_equal(site->roles[i], site->roles[k]))
				return rf_fail(err, RF_E_DUPLICATE, "%s: role %s is named twice",
					       site->operation, site->roles[i]);
		}
	}
	rule->roles = site->roles;
	rule->roles_count = site->roles_count;
	return 0;
}

int approval_rule_make(const struct approval_site *site, struct approval_rule *out,
		       struct rf_err *err)
{
	struct approval_rule rule = {0};

	rule.operation =
		approval_operation_find(rf_slice_text(site->operation ? site->operation : ""));
	if (!rule.operation)
		return rf_fail(err, RF_E_UNKNOWN, "no operation of this name can be approved");
	int rc = level_choose(site, &rule, err);

	if (!rc)
		rc = numbers_choose(site, &rule, err);
	if (!rc)
		rc = roles_choose(site, &rule, err);
	if (!rc)
		rc = quorum_choose(site, &rule, err);
	if (rc < 0)
		return rc;
	rule.said = site->level || site->numbers[APPROVAL_QUORUM] || site->roles_count;
	*out = rule;
	return 0;
}

void approval_rule_fit(struct approval_rule *rule, struct approval_people people)
{
	int64_t *quorum = &rule->numbers[APPROVAL_QUORUM];

	if (rule->said || *quorum < 2)
		return;
	if (people.people < *quorum && rule->operation->floor <= APPROVAL_LEVEL_ONE) {
		rule->level = APPROVAL_LEVEL_ONE;
		*quorum = approval_level_quorum(rule->level);
	}
	if (*quorum < 2 || people.roles < *quorum)
		rule->distinct_roles = false;
}

int approval_rule_reach(const struct approval_rule *rule, struct approval_people people,
			struct rf_err *err)
{
	int64_t quorum = rule->numbers[APPROVAL_QUORUM];

	/* Where nobody can approve, nobody is waited for. */
	if (quorum > 1 && people.people < quorum)
		return rf_fail(err, RF_E_MISMATCH,
			       "%s would want %lld approvers, and only %u people here can be: give "
			       "more people a role with approval.give first, or ask for fewer",
			       rule->operation->name, (long long)quorum, people.people);
	if (rule->distinct_roles && people.roles < quorum)
		return rf_fail(err, RF_E_MISMATCH,
			       "%s would want approvers of %lld roles, and they have %u here: make "
			       "another role with approval.give first, or let them share one",
			       rule->operation->name, (long long)quorum, people.roles);
	return 0;
}
