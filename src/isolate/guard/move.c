/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From rules of nft to a guard of BPF, where BPF is there again, and back. Both hold the same ports
 * and zones; for a while both judge, which refuses nothing that either would not. See fallback.h.
 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "isolate/guard/internal.h"

/* The marks that frames carry already are taken as this guard's own: it guards nothing yet. */
static void marks_take(struct guard *guard, uint32_t secret)
{
	struct guard_settings *s = guard->settings;

	if (!secret || guard_ports(guard, NULL, 0) > 0)
		return;
	if (s->probe == secret)
		s->probe = s->secret;
	s->secret = secret;
}

static int port_take(struct guard *guard, const struct fallback_port *port, struct rf_err *err)
{
	uint32_t ifindex = guard_link_index(port->name);
	struct guard_state state = {.known = false};

	/* A VM that was switched off took its port along. */
	if (!ifindex)
		return 0;
	int rc = guard_state(guard, ifindex, &state, err);

	if (rc || (state.known && state.in && state.out))
		return rc;
	rc = guard_attach(guard, ifindex, err);
	return rc ? rc : guard_port_set(guard, ifindex, &port->port, err);
}

int guard_take_over(struct guard *guard, const struct fallback *f, struct rf_err *err)
{
	bool fresh = guard_ports(guard, NULL, 0) == 0;
	int rc = 0;

	marks_take(guard, f->secret);
	for (size_t i = 0; fresh && rc == 0 && i < f->zones_count; i++)
		rc = guard_zone_set(guard, f->zones[i].number, &f->zones[i].row);
	if (rc)
		return rf_fail(err, rc, "zones: %s", rf_code_text(rc));
	for (size_t i = 0; rc == 0 && i < f->ports_count; i++)
		rc = port_take(guard, &f->ports[i], err);
	if (rc == 0 && fresh)
		guard_strict_set(guard, f->strict);
	/* What is refused from birth stays so: the second layer's rules say the same. */
	if (rc == 0 && fresh && f->births.count)
		rc = guard_rules_set(guard, &f->births, err);
	return rc;
}

static int zones_give(struct guard *guard, struct fallback *f)
{
	int rc = 0;

	for (uint32_t zone = 0; rc == 0 && zone < GUARD_ZONES; zone++) {
		struct guard_zone row, there;

		fallback_zone_get(f, zone, &there);
		rc = guard_zone_get(guard, zone, &row);
		if (rc == 0 && memcmp(&row, &there, sizeof(row)) != 0)
			rc = fallback_zone_set(f, zone, &row);
	}
	return rc;
}

static int ports_give(struct guard *guard, struct fallback *f)
{
	RF_AUTOFREE uint32_t *ports = rf_alloc(GUARD_SLOTS, sizeof(*ports));
	size_t count = ports ? guard_ports(guard, ports, GUARD_SLOTS) : 0;
	int rc = ports ? 0 : -ENOMEM;

	for (size_t i = 0; rc == 0 && i < count && i < GUARD_SLOTS; i++) {
		struct guard_port port;
		char name[IF_NAMESIZE];

		if (guard_link_named(ports[i], name) && guard_port_get(guard, ports[i], &port) == 0)
			rc = fallback_port_set(f, name, &port);
	}
	return rc;
}

int guard_hand_over(struct guard *guard, struct fallback *f, struct rf_err *err)
{
	int rc = zones_give(guard, f);

	if (!rc)
		rc = ports_give(guard, f);
	f->strict = guard_strict_get(guard);
	f->secret = guard->settings->secret;
	if (rc)
		return rf_fail(err, rc, "ports and zones: %s", rf_code_text(rc));
	return guard_rules_get(guard, &f->births, err);
}
