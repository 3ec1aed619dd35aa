/* SPDX-License-Identifier: Apache-2.0 */
/* From a resolved policy to the wants of a plan. See verbs.h. Pure. */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/applied.h"
#include "isolate/wants_parts.h"

void isolate_wants_done(struct isolate_wants *wants)
{
	rf_free(wants->items);
	rf_arena_done(&wants->texts);
	memset(wants, 0, sizeof(*wants));
}

int wants_add(struct isolate_wants *w, const char *verb, const char *target,
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
	return wants_add(w, "guard-zone", target,
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
	return wants_add(
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
	return wants_add(w, "port-shape", port->tap,
			 (struct rf_slice){(const uint8_t *)&port->shape, sizeof(port->shape)},
			 rf_arena_printf(&w->texts, "%s %s: profile %s", port->vm, port->nic,
					 port->profile));
}

/* The kept policy, in parts that fit a change. The same bytes are no want: only the first part
 * could see that nothing is to be done. */
static int policy_want(struct isolate_wants *w, const struct isolate_scene *scene)
{
	struct applied_chunk chunk = {.total_bytes = (uint32_t)scene->keep.len};
	int rc = 0;

	if (!scene->keep.len || rf_slice_equal(scene->kept, scene->keep))
		return 0;
	for (size_t at = 0; rc == 0 && at < scene->keep.len; at += APPLIED_CHUNK) {
		size_t left = scene->keep.len - at;

		chunk.at = (uint32_t)at;
		memset(chunk.bytes, 0, sizeof(chunk.bytes));
		memcpy(chunk.bytes, scene->keep.data + at,
		       left < APPLIED_CHUNK ? left : APPLIED_CHUNK);
		rc = wants_add(w, "guard-policy", "policy",
			       (struct rf_slice){(const uint8_t *)&chunk, sizeof(chunk)},
			       rf_arena_copy(&w->texts, "the policy is kept for the next start"));
	}
	return rc;
}

/* Whether the way leads through a VM whose frames this row of the matrix judges. */
static bool zone_on_the_way(const struct policy_result *result, const struct ownway *access,
			    const char *target)
{
	char own[32];

	for (size_t i = 0; i < result->ports_count; i++) {
		rf_format(own, sizeof(own), "zone %u", result->ports[i].port.zone);
		if (ownway_has(access, result->ports[i].tap) &&
		    (strcmp(target, own) == 0 || strcmp(target, "zone 0") == 0))
			return true;
	}
	return false;
}

/* A change of a link that the administrator's own way goes over may end it. */
static void access_mark(struct isolate_wants *w, const struct policy_result *result,
			const struct ownway *access)
{
	for (size_t i = 0; access && i < w->count; i++) {
		const char *verb = w->items[i].spec.verb, *target = w->items[i].spec.target;
		bool everywhere =
			strcmp(verb, "guard-strict") == 0 || strcmp(verb, "guard-rules") == 0;

		w->items[i].could_cut_access = everywhere ? access->by_bridge
					       : strcmp(verb, "guard-zone") == 0
						       ? zone_on_the_way(result, access, target)
						       : ownway_has(access, target);
	}
}

static int holder_want(struct isolate_wants *w)
{
	static const char bpf[] = "bpf";

	return wants_add(w, "guard-holder", ISOLATE_HOLDER_TARGET,
			 (struct rf_slice){(const uint8_t *)bpf, sizeof(bpf) - 1},
			 rf_arena_copy(&w->texts, "BPF may be used again: its programs take over "
						  "what rules of nft hold, and those go"));
}

int isolate_wants_make(const struct policy *policy, const struct policy_result *result,
		       const struct isolate_scene *scene, struct isolate_wants *out,
		       struct rf_err *err)
{
	struct isolate_wants wants = {0};
	int rc = scene->back ? holder_want(&wants) : 0;

	if (!rc)
		rc = zones_want(&wants, policy, scene->live, err);

	for (size_t i = 0; rc == 0 && i < result->ports_count; i++) {
		rc = port_want(&wants, &result->ports[i]);
		if (rc == 0)
			rc = shape_want(&wants, &result->ports[i]);
		if (rc == RF_E_LIMIT)
			rc = rf_fail(err, rc, "%.60s is no name of a link", result->ports[i].tap);
	}
	if (!rc && scene->links)
		rc = wants_layer(&wants, policy_layer(policy), result, scene);
	if (!rc)
		rc = policy_want(&wants, scene);
	if (rc < 0) {
		isolate_wants_done(&wants);
		return rf_wrap(err, rc, "wants of the policy");
	}
	access_mark(&wants, result, scene->access);
	*out = wants;
	return 0;
}
