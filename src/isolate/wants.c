/* SPDX-License-Identifier: Apache-2.0 */
/* From a resolved policy to the wants of a plan. See verbs.h. Pure. */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/verbs.h"

void isolate_wants_done(struct isolate_wants *wants)
{
	rf_free(wants->items);
	rf_arena_done(&wants->texts);
	memset(wants, 0, sizeof(*wants));
}

static int want_add(struct isolate_wants *w, const char *verb, const char *target,
		    struct rf_slice payload, const char *explanation)
{
	struct change_spec spec;

	if (!explanation || w->texts.failed ||
	    rf_grow((void **)&w->items, &w->capacity, w->count + 1, sizeof(*w->items)) < 0)
		return -ENOMEM;
	int rc = change_spec_set(&spec, verb, target, NULL, NULL, NULL);

	if (rc < 0 || payload.len > sizeof(spec.value))
		return rc < 0 ? rc : RF_E_LIMIT;
	memcpy(spec.value, payload.data, payload.len);
	spec.value_bytes = (uint32_t)payload.len;
	w->items[w->count++] =
		(struct want){.spec = spec, .explanation = explanation, .origin = "isolate"};
	return 0;
}

int isolate_wants_tune(struct isolate_wants *w, const struct tune_want *what, struct rf_err *err)
{
	struct want want = {.explanation = what->explanation, .origin = "isolate"};
	char target[512];
	int rc = tune_target(target, what->vm, what->layer, what->row, what->item);

	if (!rc)
		rc = change_spec_set(&want.spec, "vm-tune", target, NULL, what->value, err);
	if (rc < 0)
		return rf_fail(err, rc, "%.60s: %s cannot be named", what->vm, what->row);
	if (!what->explanation ||
	    rf_grow((void **)&w->items, &w->capacity, w->count + 1, sizeof(*w->items)) < 0)
		return rf_fail(err, -ENOMEM, "no memory");
	rf_copy(want.spec.op, sizeof(want.spec.op), what->value ? "set" : "remove");
	w->items[w->count++] = want;
	return 0;
}

static int zone_want(struct isolate_wants *w, const struct policy *policy, uint32_t zone,
		     const struct guard_zone *row)
{
	const char *name = policy_zone_name(policy, zone);
	char target[32];

	rf_format(target, sizeof(target), "zone %u", zone);
	return want_add(w, "guard-zone", target,
			(struct rf_slice){(const uint8_t *)row, sizeof(*row)},
			name ? rf_arena_printf(&w->texts, "zone %s", name)
			     : rf_arena_copy(&w->texts, "the policy has no such zone any more"));
}

static int zones_want(struct isolate_wants *w, const struct policy *policy,
		      const struct guard_zone *live, struct rf_err *err)
{
	RF_AUTOFREE struct guard_zone *wanted = rf_alloc(GUARD_ZONES, sizeof(*wanted));

	if (!wanted)
		return rf_fail(err, -ENOMEM, "no memory");
	int rc = policy_zones(policy, wanted, err);

	for (uint32_t zone = 0; rc == 0 && zone < GUARD_ZONES; zone++) {
		if (policy_zone_name(policy, zone) ||
		    memcmp(&live[zone], &wanted[zone], sizeof(*live)) != 0)
			rc = zone_want(w, policy, zone, &wanted[zone]);
	}
	return rc;
}

static int port_want(struct isolate_wants *w, const struct policy_port *port)
{
	return want_add(
		w, "guard-port", port->tap,
		(struct rf_slice){(const uint8_t *)&port->port, sizeof(port->port)},
		rf_arena_printf(&w->texts, "%s %s: profile %s, zone %s%s", port->vm, port->nic,
				port->profile, port->zone,
				port->addresses_bound
					? ""
					: "; its IP addresses are not bound, for none is known or "
					  "the profile lets it use any"));
}

/* Without a limit, and where there is none of ours, nothing is wanted: others' stay. */
static int shape_want(struct isolate_wants *w, const struct policy_port *port)
{
	if (!port->shaped && !port->shape.to_vm.on && !port->shape.from_vm.on)
		return 0;
	return want_add(w, "port-shape", port->tap,
			(struct rf_slice){(const uint8_t *)&port->shape, sizeof(port->shape)},
			rf_arena_printf(&w->texts, "%s %s: profile %s", port->vm, port->nic,
					port->profile));
}

int isolate_wants_make(const struct policy *policy, const struct policy_result *result,
		       const struct guard_zone *live, struct isolate_wants *out, struct rf_err *err)
{
	struct isolate_wants wants = {0};
	int rc = zones_want(&wants, policy, live, err);

	for (size_t i = 0; rc == 0 && i < result->ports_count; i++) {
		rc = port_want(&wants, &result->ports[i]);
		if (rc == 0)
			rc = shape_want(&wants, &result->ports[i]);
		if (rc == RF_E_LIMIT)
			rc = rf_fail(err, rc, "%.60s is no name of a link", result->ports[i].tap);
	}
	if (rc < 0) {
		isolate_wants_done(&wants);
		return rf_wrap(err, rc, "wants of the policy");
	}
	*out = wants;
	return 0;
}
