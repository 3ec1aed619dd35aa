/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verbs of the second layer: what the bridge itself lets a port do ("guard-fence"), the rules
 * of nft ("guard-rules"), and strict ("guard-strict"). States are fixed-size; what was read is the
 * inverse. See verbs.h. Ports and zones are verbs.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/verbs.h"
#include "isolate/verbs_parts.h"

/* ---- the port of a bridge ---- */

/* State: nothing but what a put restores. Addresses that were learned are learned again. */
struct fence_state {
	uint8_t there; /* it is a port of a bridge */
	uint8_t can_lock;
	uint8_t flags[ISOLATE_FENCE_FLAGS];
	uint8_t count;
	uint8_t macs[ISOLATE_FENCE_MACS][6];
};

static bool *const_flag(struct guard_bridge_port *port, size_t i)
{
	bool *const flags[ISOLATE_FENCE_FLAGS] = {&port->locked, &port->learning, &port->flood,
						  &port->isolated};

	return flags[i];
}

static int mac_order(const void *a, const void *b)
{
	return memcmp(a, b, 6);
}

/* The order in which the kernel tells of addresses is no part of what counts; an address twice
 * neither. */
static void macs_sort(struct fence_state *state)
{
	size_t kept = 0;

	qsort(state->macs, state->count, sizeof(state->macs[0]), mac_order);
	for (size_t i = 0; i < state->count; i++) {
		if (i == 0 || memcmp(state->macs[i], state->macs[kept - 1], 6) != 0)
			memmove(state->macs[kept++], state->macs[i], 6);
	}
	memset((uint8_t *)state->macs + kept * 6, 0, (ISOLATE_FENCE_MACS - kept) * 6);
	state->count = (uint8_t)kept;
}

static uint32_t link_index(const struct verb_env *env, const char *target)
{
	struct guard_link link;

	return env->live && verbs_link_read(target, &link, NULL) == 0 ? link.ifindex : 0;
}

static int fence_read(const struct verb_env *env, const char *target, struct rf_buf *out,
		      struct rf_err *err)
{
	struct fence_state state = {.there = 0};
	struct guard_bridge_port port;
	uint32_t ifindex = link_index(env, target);
	size_t count = 0;
	int rc = ifindex ? guard_bridge_get(ifindex, &port, err) : -ENOENT;

	/* A VM that was switched off took its port along. */
	if (rc == -ENOENT)
		return rf_buf_add(out, &state, sizeof(state));
	if (!rc)
		rc = guard_bridge_macs(ifindex, state.macs, ISOLATE_FENCE_MACS, &count, err);
	if (!rc && count > ISOLATE_FENCE_MACS)
		rc = rf_fail(err, RF_E_LIMIT, "%s: %zu static addresses, at most %u are kept",
			     target, count, ISOLATE_FENCE_MACS);
	if (rc < 0)
		return rc;
	state.there = 1;
	state.can_lock = port.can_lock;
	state.count = (uint8_t)count;
	macs_sort(&state);
	for (size_t i = 0; i < ISOLATE_FENCE_FLAGS; i++)
		state.flags[i] = *const_flag(&port, i);
	return rf_buf_add(out, &state, sizeof(state));
}

static bool state_has(const struct fence_state *state, const uint8_t mac[6])
{
	for (size_t i = 0; i < state->count; i++) {
		if (memcmp(state->macs[i], mac, 6) == 0)
			return true;
	}
	return false;
}

/* The addresses that are to be there first: no honest frame is lost. */
static int macs_put(uint32_t ifindex, const struct fence_state *state, struct rf_err *err)
{
	uint8_t now[256][6];
	size_t count = 0;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < state->count; i++)
		rc = guard_bridge_address(ifindex, state->macs[i], true, err);
	if (!rc)
		rc = guard_bridge_macs(ifindex, now, RF_COUNT(now), &count, err);
	for (size_t i = 0; rc == 0 && i < count && i < RF_COUNT(now); i++) {
		if (!state_has(state, now[i]))
			rc = guard_bridge_address(ifindex, now[i], false, err);
	}
	return rc;
}

static int fence_decode(struct rf_slice bytes, struct fence_state *out)
{
	if (bytes.len != sizeof(*out))
		return RF_E_SYNTAX;
	memcpy(out, bytes.data, sizeof(*out));
	return out->there > 1 || out->count > ISOLATE_FENCE_MACS ? RF_E_SYNTAX : 0;
}

static int fence_put(const struct verb_env *env, const char *target, struct rf_slice bytes,
		     struct rf_err *err)
{
	struct guard_bridge_port port = {.locked = false};
	struct fence_state state;
	uint32_t ifindex = link_index(env, target);

	if (fence_decode(bytes, &state) < 0)
		return rf_fail(err, RF_E_SYNTAX, "%s: this is no state of a bridge's port", target);
	if (!state.there)
		return 0;
	if (!ifindex)
		return rf_fail(err, RF_E_MISSING, "there is no link %s", target);
	for (size_t i = 0; i < ISOLATE_FENCE_FLAGS; i++)
		*const_flag(&port, i) = state.flags[i] != 0;
	int rc = macs_put(ifindex, &state, err);

	return rc ? rc : guard_bridge_set(ifindex, &port, err);
}

/* With its port of the bridge. */
static bool fence_gone(struct rf_slice bytes)
{
	struct fence_state state;

	if (bytes.len != sizeof(state))
		return false;
	memcpy(&state, bytes.data, sizeof(state));
	return !state.there;
}

static const struct verb_kind kind_fence = {
	.name = "guard-fence",
	/* Behind the guard itself, whose addresses it repeats. */
	.rank = 85,
	.check = isolate_port_name_check,
	.read = fence_read,
	.put = fence_put,
	.partial = true,
	.gone = fence_gone,
};

static int fence_check(const struct verb_env *env, const struct change_spec *spec,
		       struct rf_err *err)
{
	struct isolate_fence fence;

	(void)env;
	memcpy(&fence, spec->value, sizeof(fence));
	for (size_t i = 0; i < ISOLATE_FENCE_FLAGS; i++) {
		if (fence.flags[i] > ISOLATE_FENCE_LEAVE)
			return rf_fail(err, RF_E_SYNTAX, "%s: flag %zu", spec->target, i);
	}
	if (fence.count > ISOLATE_FENCE_MACS && fence.count != ISOLATE_FENCE_LEAVE_MACS)
		return rf_fail(err, RF_E_LIMIT, "%s: at most %u addresses", spec->target,
			       ISOLATE_FENCE_MACS);
	for (size_t i = 0; fence.count <= ISOLATE_FENCE_MACS && i < fence.count; i++) {
		if (fence.macs[i][0] & 1)
			return rf_fail(err, RF_E_SYNTAX, "%s: address %zu is no station's",
				       spec->target, i);
	}
	return 0;
}

static int fence_predict(const struct change_spec *spec, struct rf_slice before, struct rf_buf *out,
			 struct rf_err *err)
{
	struct fence_state state;
	struct isolate_fence fence;

	memcpy(&fence, spec->value, sizeof(fence));
	if (fence_decode(before, &state) < 0)
		return rf_fail(err, RF_E_SYNTAX, "%s: this is no state of a bridge's port",
			       spec->target);
	if (!state.there)
		return rf_fail(err, RF_E_MISSING, "%s is no port of a bridge", spec->target);
	if (fence.flags[0] == 1 && !state.can_lock)
		return rf_fail(err, RF_E_UNSUPPORTED,
			       "%s: this kernel locks no ports of bridges (5.18): second-layer: "
			       "nft does the same",
			       spec->target);
	for (size_t i = 0; i < ISOLATE_FENCE_FLAGS; i++) {
		if (fence.flags[i] != ISOLATE_FENCE_LEAVE)
			state.flags[i] = fence.flags[i];
	}
	if (fence.count != ISOLATE_FENCE_LEAVE_MACS) {
		state.count = fence.count;
		memset(state.macs, 0, sizeof(state.macs));
		memcpy(state.macs, fence.macs, (size_t)fence.count * 6);
	}
	macs_sort(&state);
	return rf_buf_add(out, &state, sizeof(state));
}

static void fence_words(const uint8_t *flags, size_t count, struct rf_buf *out)
{
	static const char *const names[] = {"locked", "learning", "flood", "isolated"};

	for (size_t i = 0; i < ISOLATE_FENCE_FLAGS; i++) {
		if (flags[i] != ISOLATE_FENCE_LEAVE)
			rf_buf_printf(out, "%s%s %s", out->len ? ", " : "", names[i],
				      flags[i] ? "on" : "off");
	}
	if (count != ISOLATE_FENCE_LEAVE_MACS)
		rf_buf_printf(out, ", %zu static addresses", count);
}

static bool fence_show(const struct change_spec *spec, struct rf_slice bytes, struct rf_buf *out)
{
	struct fence_state state;

	(void)spec;
	if (fence_decode(bytes, &state) < 0 || !state.there)
		return false;
	fence_words(state.flags, state.count, out);
	return true;
}

static void fence_payload_show(const struct change_spec *spec, struct rf_buf *out)
{
	struct isolate_fence fence;

	memcpy(&fence, spec->value, sizeof(fence));
	fence_words(fence.flags, fence.count, out);
}

/* ---- strict ---- */

static int strict_target(const struct verb_env *env, const char *target, struct rf_err *err)
{
	(void)env;
	return strcmp(target, "strict") == 0
		       ? 0
		       : rf_fail(err, RF_E_DENIED, "%.40s is no setting of the guard", target);
}

static int strict_read(const struct verb_env *env, const char *target, struct rf_buf *out,
		       struct rf_err *err)
{
	struct guard *guard = NULL;
	int rc = verbs_guard_get(env, false, &guard, err);

	(void)target;
	bool strict = rc == 0 && guard && guard_strict_get(guard);

	if (rc == 0 && !guard)
		rc = verbs_nft_strict_read(env, &strict, err);
	guard_close(guard);
	return rc ? rc : rf_buf_add_byte(out, strict);
}

static int strict_put(const struct verb_env *env, const char *target, struct rf_slice state,
		      struct rf_err *err)
{
	struct guard *guard = NULL;

	(void)target;
	if (state.len != 1 || state.data[0] > 1)
		return rf_fail(err, RF_E_SYNTAX, "this is no state of strict");
	int rc = verbs_guard_get(env, state.data[0], &guard, err);
	const struct fallback_change by_nft = {.what = FALLBACK_STRICT, .strict = state.data[0]};

	if (rc == 0 && guard)
		guard_strict_set(guard, state.data[0]);
	else if (rc == 0)
		rc = verbs_nft_change(env, &by_nft, err);
	guard_close(guard);
	return rc;
}

static const struct verb_kind kind_strict = {
	.name = "guard-strict",
	/* When every port marks what it lets pass. */
	.rank = 90,
	.check = strict_target,
	.read = strict_read,
	.put = strict_put,
};

static int strict_check(const struct verb_env *env, const struct change_spec *spec,
			struct rf_err *err)
{
	(void)env;
	return spec->value[0] <= 1 ? 0 : rf_fail(err, RF_E_SYNTAX, "strict is on or off");
}

static int payload_predict(const struct change_spec *spec, struct rf_slice before,
			   struct rf_buf *out, struct rf_err *err)
{
	(void)before;
	(void)err;
	return rf_buf_add(out, spec->value, spec->value_bytes);
}

static bool strict_show(const struct change_spec *spec, struct rf_slice state, struct rf_buf *out)
{
	(void)spec;
	rf_buf_printf(out, state.len == 1 && state.data[0] ? "on" : "off");
	return true;
}

static void strict_payload_show(const struct change_spec *spec, struct rf_buf *out)
{
	(void)strict_show(spec, (struct rf_slice){spec->value, 1}, out);
}

/* ---- nft ---- */

static int rules_target(const struct verb_env *env, const char *target, struct rf_err *err)
{
	(void)env;
	return strcmp(target, ISOLATE_RULES_TARGET) == 0
		       ? 0
		       : rf_fail(err, RF_E_DENIED, "%.40s: only our own table is written", target);
}

static int rules_read(const struct verb_env *env, const char *target, struct rf_buf *out,
		      struct rf_err *err)
{
	struct guard_rules rules = {.count = 0};
	struct guard *guard = NULL;
	int rc = verbs_guard_get(env, false, &guard, err);

	(void)target;
	if (!rc && guard)
		rc = guard_rules_get(guard, &rules, err);
	else if (!rc)
		rc = verbs_nft_births_read(env, &rules, err);
	guard_close(guard);
	return rc ? rc : rf_buf_add(out, &rules, sizeof(rules));
}

static int rules_put(const struct verb_env *env, const char *target, struct rf_slice state,
		     struct rf_err *err)
{
	struct guard_rules rules;
	struct guard *guard = NULL;

	(void)target;
	if (state.len != sizeof(rules))
		return rf_fail(err, RF_E_SYNTAX, "these are no rules of the guard");
	memcpy(&rules, state.data, sizeof(rules));
	int rc = guard_rules_check(&rules, err);
	const struct fallback_change by_nft = {.what = FALLBACK_BIRTHS, .births = &rules};

	if (rc < 0)
		return rc;
	rc = verbs_guard_get(env, rules.count > 0, &guard, err);
	if (!rc && guard)
		rc = guard_rules_set(guard, &rules, err);
	else if (!rc)
		rc = verbs_nft_change(env, &by_nft, err);
	guard_close(guard);
	return rc;
}

static const struct verb_kind kind_rules = {
	.name = "guard-rules",
	.rank = 95,
	.check = rules_target,
	.read = rules_read,
	.put = rules_put,
};

static int rules_check(const struct verb_env *env, const struct change_spec *spec,
		       struct rf_err *err)
{
	struct guard_rules rules;

	(void)env;
	memcpy(&rules, spec->value, sizeof(rules));
	return guard_rules_check(&rules, err);
}

static void rules_words(const uint8_t *bytes, struct rf_buf *out)
{
	static const char *const kinds[] = {"", "bridge ", "except "};
	struct guard_rules rules;

	memcpy(&rules, bytes, sizeof(rules));
	rf_buf_printf(out, rules.count ? "drop unmarked frames of:" : "no rules");
	for (size_t i = 0; i < rules.count && i < GUARD_RULES; i++)
		rf_buf_printf(out, "%s %s%.15s", i ? "," : "",
			      rules.items[i].kind < RF_COUNT(kinds) ? kinds[rules.items[i].kind]
								    : "? ",
			      rules.items[i].name);
}

static bool rules_show(const struct change_spec *spec, struct rf_slice state, struct rf_buf *out)
{
	(void)spec;
	if (state.len != sizeof(struct guard_rules) || (!state.data[0] && !state.data[1]))
		return false;
	rules_words(state.data, out);
	return true;
}

static void rules_payload_show(const struct change_spec *spec, struct rf_buf *out)
{
	rules_words(spec->value, out);
}

static const struct verb rows[] = {
	{"guard-fence", "have the bridge itself hold a port to its addresses", &kind_fence,
	 sizeof(struct isolate_fence), NEEDS_LIVE, RISK_MEDIUM, fence_check, fence_predict,
	 fence_show, fence_payload_show},
	{"guard-strict", "refuse frames that no guard marked", &kind_strict, 1, NEEDS_LIVE,
	 RISK_HIGH, strict_check, payload_predict, strict_show, strict_payload_show},
	{"guard-rules", "have nft drop what no guard marked", &kind_rules,
	 sizeof(struct guard_rules), NEEDS_LIVE, RISK_MEDIUM, rules_check, payload_predict,
	 rules_show, rules_payload_show},
};

const struct verb_table isolate_layer_verbs = {rows, RF_COUNT(rows)};
