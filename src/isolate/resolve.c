/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a policy and what is known of VMs to what each port should be. Pure. A VM for which two
 * assignments say different things is a conflict, said in words: no order of the file decides it.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/policy_parts.h"

void policy_result_done(struct policy_result *result)
{
	rf_free(result->ports);
	rf_free(result->left);
	memset(result, 0, sizeof(*result));
}

struct resolver {
	const struct policy *policy;
	struct policy_result *out;
	const struct policy_nic *nic;
};

RF_PRINTF(3, 4)
static int leave(struct resolver *r, bool conflict, const char *fmt, ...)
{
	struct policy_result *out = r->out;
	va_list args;

	if (rf_grow((void **)&out->left, &out->left_capacity, out->left_count + 1,
		    sizeof(*out->left)) < 0)
		return -ENOMEM;
	struct policy_left *left = &out->left[out->left_count++];

	*left = (struct policy_left){.vm = r->nic->vm, .nic = r->nic->nic, .conflict = conflict};
	va_start(args, fmt);
	vsnprintf(left->reason, sizeof(left->reason), fmt, args);
	va_end(args);
	out->conflicts += conflict;
	return 0;
}

bool policy_rule_names(const struct policy_rule *rule, const char *vm, const char *class)
{
	return rule->vm ? rf_glob(rule->vm, vm) : class[0] && rf_glob(rule->class, class);
}

/* The rule of a VM: 1 found, 0 none, or it was left with a reason and *rc is what that gave. */
static const struct policy_rule *rule_find(struct resolver *r, bool *left, int *rc)
{
	const struct policy_rule *found = NULL;

	for (size_t i = 0; i < r->policy->rules_count; i++) {
		const struct policy_rule *rule = &r->policy->rules[i];

		if (!policy_rule_names(rule, r->nic->vm, r->nic->class))
			continue;
		if (found && (found->zone != rule->zone || found->profile != rule->profile)) {
			*left = true;
			*rc = leave(r, true,
				    "it is in two places: line %u says profile %s, zone %s, line "
				    "%u profile %s, zone %s",
				    found->line, found->profile->name,
				    found->zone ? found->zone->name : "of its tag", rule->line,
				    rule->profile->name,
				    rule->zone ? rule->zone->name : "of its tag");
			return NULL;
		}
		found = rule;
	}
	return found ? found : r->policy->has_others ? &r->policy->others : NULL;
}

static const struct policy_zone *zone_of(struct resolver *r, const struct policy_rule *rule,
					 int *rc)
{
	const char *tag = r->nic->zone;

	if (!rule->zone && !tag[0]) {
		*rc = leave(r, true, "line %u gives it no zone, and it carries no tag with one",
			    rule->line);
		return NULL;
	}
	if (rule->zone && tag[0] && strcmp(rule->zone->name, tag) != 0) {
		*rc = leave(r, true, "it is in two zones: line %u says %s, its own tag says %.60s",
			    rule->line, rule->zone->name, tag);
		return NULL;
	}
	const struct policy_zone *zone = rule->zone ? rule->zone : policy_zone_find(r->policy, tag);

	if (!zone)
		*rc = leave(r, true, "its tag says zone %.60s, the policy has no such zone", tag);
	return zone;
}

static int addresses_add(const struct policy *policy, const struct policy_nic *nic,
			 struct guard_port *port, struct rf_err *err)
{
	for (size_t i = 0; i < policy->addresses_count; i++) {
		const struct policy_address *a = &policy->addresses[i];

		if (strcmp(a->vm, nic->vm) != 0 || (a->nic && strcmp(a->nic, nic->nic) != 0))
			continue;
		for (size_t k = 0; k < a->ip->items_count; k++) {
			int rc = guard_port_add(port, a->ip->items[k].text, err);

			if (rc < 0)
				return rc;
		}
	}
	return 0;
}

/* Fills the IP side of a port; false: why says what is missing. */
static bool addresses_fill(const struct policy *policy, const struct policy_nic *nic,
			   const struct policy_profile *profile, struct guard_port *port,
			   struct rf_err *why)
{
	if (profile->ip == IP_ANY) {
		port->flags |= GUARD_ANY_V4 | GUARD_ANY_V6;
		return true;
	}
	if (addresses_add(policy, nic, port, why) < 0)
		return false;
	bool known = port->n_v4 || port->n_v6;

	if (!known && profile->ip == IP_KNOWN)
		port->flags |= GUARD_ANY_V4 | GUARD_ANY_V6;
	if (!known && profile->ip == IP_BOUND)
		return rf_fail(why, RF_E_MISSING,
			       "profile %s binds IP addresses and none is known: list them under "
			       "addresses, or take ip-source: known",
			       profile->name) == 0;
	return !profile->groups_only || guard_port_groups(port, why) == 0;
}

static bool tap_taken(const struct policy_result *out, const char *tap, const char **by)
{
	for (size_t i = 0; i < out->ports_count; i++) {
		if (strcmp(out->ports[i].tap, tap) == 0) {
			*by = out->ports[i].vm;
			return true;
		}
	}
	return false;
}

/* Kinds that reach the network without a link that the guard could hang on. */
static bool kind_passes_by(const char *kind)
{
	static const char *const kinds[] = {"hostdev", "direct", "vhostuser", "vdpa", "user",
					    "mcast",   "server", "client",    "udp",  "null"};

	for (size_t i = 0; i < RF_COUNT(kinds); i++) {
		if (strcmp(kinds[i], kind) == 0)
			return true;
	}
	return false;
}

static int port_add(struct resolver *r, const struct policy_rule *rule,
		    const struct policy_zone *zone)
{
	struct policy_result *out = r->out;
	const struct policy_nic *nic = r->nic;
	struct policy_port port = {.vm = nic->vm,
				   .nic = nic->nic,
				   .tap = nic->tap,
				   .profile = rule->profile->name,
				   .zone = zone->name,
				   .shaped = nic->shaped};
	struct rf_err why = {0};
	uint8_t mac[6];

	if (guard_mac_parse(nic->mac, mac) < 0)
		return leave(r, true, "its MAC address is not known: give it one in the VM's XML");
	policy_profile_port(rule->profile, mac, &port.port);
	port.port.zone = zone->number;
	if (!addresses_fill(r->policy, nic, rule->profile, &port.port, &why) ||
	    guard_port_check(&port.port, &why) < 0 ||
	    policy_profile_shape(rule->profile, &port.shape, &why) < 0)
		return leave(r, true, "%.200s", rf_err_text(&why));
	port.addresses_bound = !(port.port.flags & (GUARD_ANY_V4 | GUARD_ANY_V6));
	if (rf_grow((void **)&out->ports, &out->ports_capacity, out->ports_count + 1,
		    sizeof(port)) < 0)
		return -ENOMEM;
	out->ports[out->ports_count++] = port;
	return 0;
}

static int nic_resolve(struct resolver *r)
{
	const struct policy_nic *nic = r->nic;
	bool left = false;
	const char *by = NULL;
	int rc = 0;
	const struct policy_rule *rule = rule_find(r, &left, &rc);

	if (left)
		return rc;
	if (!rule)
		return leave(r, false, "no assignment names this VM");
	const struct policy_zone *zone = zone_of(r, rule, &rc);

	if (!zone)
		return rc;
	if (kind_passes_by(nic->kind))
		return leave(r, false,
			     "a network card of kind %s has no port on a bridge: the "
			     "guard cannot see its frames",
			     nic->kind);
	if (!nic->tap[0])
		return leave(r, false, "the VM is off: it has no port to guard");
	if (tap_taken(r->out, nic->tap, &by))
		return leave(r, true, "its port %s is that of VM %.60s, too", nic->tap, by);
	return port_add(r, rule, zone);
}

int policy_resolve(const struct policy *policy, const struct policy_nic *nics, size_t count,
		   struct policy_result *out, struct rf_err *err)
{
	struct policy_result result = {0};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < count; i++) {
		struct resolver r = {policy, &result, &nics[i]};

		rc = nic_resolve(&r);
	}
	if (rc == 0 && result.ports_count > POLICY_MAX_PORTS)
		rc = RF_E_LIMIT;
	if (rc < 0) {
		policy_result_done(&result);
		return rc == RF_E_LIMIT ? rf_fail(err, rc, "more than %u ports", POLICY_MAX_PORTS)
					: rf_fail(err, rc, "no memory");
	}
	*out = result;
	return 0;
}

int policy_profile_of(const struct policy *policy, const char *vm,
		      const struct policy_profile **out, struct rf_err *err)
{
	const struct policy_rule *found = NULL;

	for (size_t i = 0; i < policy->rules_count; i++) {
		const struct policy_rule *rule = &policy->rules[i];

		if (!rule->vm || !rf_glob(rule->vm, vm))
			continue;
		if (found && found->profile != rule->profile)
			return rf_fail(err, RF_E_MISMATCH,
				       "VM %.100s: line %u says profile %s, line %u profile %s", vm,
				       found->line, found->profile->name, rule->line,
				       rule->profile->name);
		found = rule;
	}
	found = found ? found : policy->has_others ? &policy->others : NULL;
	if (!found)
		return rf_fail(err, RF_E_MISSING, "no assignment names VM %.100s", vm);
	*out = found->profile;
	return 0;
}
