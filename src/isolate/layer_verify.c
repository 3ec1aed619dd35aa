/* SPDX-License-Identifier: Apache-2.0 */
/* The second layer as promises. See layer_verify.h. A row of a table for each verb. */
#include "isolate/layer_verify.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

static enum promise_answer yes(bool truth)
{
	return truth ? PROMISE_YES : PROMISE_NO;
}

/* ---- fences ---- */

static bool listed(const uint8_t (*macs)[6], size_t count, const uint8_t mac[6])
{
	for (size_t i = 0; i < count; i++) {
		if (memcmp(macs[i], mac, 6) == 0)
			return true;
	}
	return false;
}

static bool macs_hold(const struct isolate_fence *fence, const struct prover_layer *layer)
{
	if (fence->count == ISOLATE_FENCE_LEAVE_MACS)
		return true;
	if (layer->macs_count > PROVER_MACS)
		return false;
	for (size_t i = 0; i < fence->count && i < ISOLATE_FENCE_MACS; i++) {
		if (!listed(layer->macs, layer->macs_count, fence->macs[i]))
			return false;
	}
	for (size_t i = 0; i < layer->macs_count; i++) {
		if (!listed(fence->macs, fence->count, layer->macs[i]))
			return false;
	}
	return true;
}

static bool fence_judge(const struct change_spec *want, const struct prover_layer *layer,
			const struct prover_port *port, struct isolate_promise *p)
{
	static const char *const words[] = {"locked", "learning", "flood", "isolated"};
	const struct guard_bridge_port *b = &layer->bridge;
	const bool now[] = {b->locked, b->learning, b->flood, b->isolated};
	struct isolate_fence fence;
	bool holds = layer->is_port;

	(void)port;
	memcpy(&fence, want->value, sizeof(fence));
	rf_copy(p->what, sizeof(p->what),
		fence.flags[0] == 1 ? "second layer: its bridge lets only its own addresses pass"
				    : "its bridge keeps it from other uplinks");
	rf_format(p->evidence, sizeof(p->evidence),
		  layer->is_port ? "" : "it is no port of a bridge");
	for (size_t i = 0; layer->is_port && i < RF_COUNT(words); i++) {
		size_t len = strlen(p->evidence);
		bool right =
			fence.flags[i] == ISOLATE_FENCE_LEAVE || (fence.flags[i] != 0) == now[i];

		holds = holds && right;
		rf_format(p->evidence + len, sizeof(p->evidence) - len, "%s%s %s%s", i ? ", " : "",
			  words[i], now[i] ? "on" : "off", right ? "" : " (NOT as wanted)");
	}
	size_t len = strlen(p->evidence);
	bool macs = macs_hold(&fence, layer);

	if (layer->is_port && fence.count != ISOLATE_FENCE_LEAVE_MACS)
		rf_format(p->evidence + len, sizeof(p->evidence) - len,
			  ", %u static addresses of %u%s", layer->macs_count, fence.count,
			  macs ? "" : " (NOT those wanted)");
	p->configured = p->enforced = yes(holds && macs);
	return true;
}

/* ---- uplinks, and the host's own ends ---- */

static bool uplink_judge(const struct change_spec *want, const struct prover_layer *layer,
			 const struct prover_port *port, struct isolate_promise *p)
{
	struct guard_port wanted;

	(void)layer;
	memcpy(&wanted, want->value, sizeof(wanted));
	rf_copy(p->what, sizeof(p->what),
		wanted.role == GUARD_ROLE_UPLINK ? "an uplink brings no address of a VM"
						 : "what the host sends carries a mark");
	p->configured = yes(port->guarded && memcmp((const char *)&port->live + PORT_SKIP,
						    (const char *)&wanted + PORT_SKIP,
						    sizeof(wanted) - PORT_SKIP) == 0);
	p->enforced = yes(port->guarded && port->hangs);
	rf_copy(p->evidence, sizeof(p->evidence),
		port->nft	 ? port->hangs ? "its rules of nft are as made"
					       : "somebody altered the rules of nft"
		: !port->ifindex ? "there is no such link"
		: !port->guarded ? "no guard hangs on it"
		: !port->hangs	 ? "the programs do not hang on the link, or not first"
				 : "both programs hang on the link, before any other");
	return true;
}

/* ---- strict, rules ---- */

static bool strict_judge(const struct change_spec *want, const struct prover_layer *layer,
			 const struct prover_port *port, struct isolate_promise *p)
{
	bool wanted = want->value[0] != 0;

	(void)port;
	if (!wanted && !layer->strict)
		return false;
	rf_copy(p->what, sizeof(p->what), "strict: frames that no guard marked are refused");
	p->configured = p->enforced = yes(wanted == (layer->strict != 0));
	rf_format(p->evidence, sizeof(p->evidence), "the guard's setting is %s, the policy's %s",
		  layer->strict ? "on" : "off", wanted ? "on" : "off");
	return true;
}

static bool rules_judge(const struct change_spec *want, const struct prover_layer *layer,
			const struct prover_port *port, struct isolate_promise *p)
{
	struct guard_rules wanted;

	(void)port;
	memcpy(&wanted, want->value, sizeof(wanted));
	if (!wanted.count && !layer->rules.count)
		return false;
	rf_copy(p->what, sizeof(p->what),
		layer->nft ? "new ports are refused everything until they are guarded"
			   : "second layer: nft drops what no guard marked");
	p->configured = p->enforced = yes(memcmp(&wanted, &layer->rules, sizeof(wanted)) == 0);
	rf_format(p->evidence, sizeof(p->evidence), "table bridge %s: %u rules as made, %u wanted",
		  layer->nft ? FALLBACK_TABLE : "ringfence_guard", layer->rules.count,
		  wanted.count);
	return true;
}

static const struct {
	const char *verb;
	bool of_link; /* the target is one */
	bool (*judge)(const struct change_spec *want, const struct prover_layer *layer,
		      const struct prover_port *port, struct isolate_promise *p);
} rows[] = {
	{"guard-fence", true, fence_judge},
	{"guard-uplink", true, uplink_judge},
	{"guard-strict", false, strict_judge},
	{"guard-rules", false, rules_judge},
};

bool layer_judge(const struct change_spec *want, const struct prover_layer *layer,
		 const struct prover_port *port, struct isolate_promise *out)
{
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		if (strcmp(rows[i].verb, want->verb) != 0)
			continue;
		memset(out, 0, sizeof(*out));
		out->proven = PROMISE_NOT_ASKED;
		rf_format(out->subject, sizeof(out->subject), "network%s%.60s",
			  rows[i].of_link ? " " : "", rows[i].of_link ? want->target : "");
		return rows[i].judge(want, layer, port, out);
	}
	return false;
}

static bool is_row(const char *verb, bool *of_link)
{
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		if (strcmp(rows[i].verb, verb) == 0) {
			*of_link = rows[i].of_link;
			return true;
		}
	}
	return false;
}

int layer_promises(const struct isolate_wants *wants, struct prover *prover,
		   struct isolate_promises *out, struct rf_err *err)
{
	RF_AUTOFREE struct prover_layer *layer = rf_alloc(1, sizeof(*layer));
	RF_AUTOFREE struct prover_port *port = rf_alloc(1, sizeof(*port));
	int rc = layer && port ? 0 : -ENOMEM;

	for (size_t i = 0; rc == 0 && i < wants->count; i++) {
		const struct change_spec *want = &wants->items[i].spec;
		struct isolate_promise promise;
		bool of_link = false;

		if (!is_row(want->verb, &of_link))
			continue;
		rc = prover_layer(prover, of_link ? want->target : "", layer, err);
		if (!rc && strcmp(want->verb, "guard-uplink") == 0)
			rc = prover_port(prover, want->target, port, err);
		if (!rc && layer_judge(want, layer, port, &promise))
			rc = isolate_promise_add(out, &promise);
	}
	return rc == -ENOMEM ? rf_fail(err, rc, "no memory") : rc;
}
