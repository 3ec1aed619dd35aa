/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guard by nft: what it holds, and what of a port's policy it cannot. See fallback.h. Pure.
 * Reading is fallback_read.c, changing fallback_write.c, rules are
 * fallback_rules.c and fallback_base.c.
 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/guard/fallback_parts.h"
#include "isolate/guard/guard.h"

void fallback_done(struct fallback *f)
{
	rf_free(f->ports);
	rf_free(f->zones);
	*f = (struct fallback){.ports = NULL};
}

/* ---- the policy ---- */

const struct fallback_port *fallback_find(const struct fallback *f, const char *name)
{
	for (size_t i = 0; i < f->ports_count; i++) {
		if (strcmp(f->ports[i].name, name) == 0)
			return &f->ports[i];
	}
	return NULL;
}

int fallback_port_set(struct fallback *f, const char *name, const struct guard_port *port)
{
	struct fallback_port *at = (struct fallback_port *)(uintptr_t)fallback_find(f, name);

	if (!port && !at)
		return 0;
	if (!port) {
		size_t left = f->ports_count - (size_t)(at - f->ports) - 1;

		memmove(at, at + 1, left * sizeof(*at));
		f->ports_count--;
		return 0;
	}
	if (!at && f->ports_count >= FALLBACK_PORTS)
		return RF_E_LIMIT;
	if (!at && rf_grow((void **)&f->ports, &f->ports_capacity, f->ports_count + 1,
			   sizeof(*f->ports)) < 0)
		return -ENOMEM;
	if (!at) {
		at = &f->ports[f->ports_count];
		*at = (struct fallback_port){.name = ""};
		if (!rf_copy(at->name, sizeof(at->name), name))
			return RF_E_LIMIT;
		f->ports_count++;
	}
	at->port = *port;
	at->stale = false;
	/* The guard's own to write: nft has no use for them. */
	at->port.ifindex = 0;
	at->port.slot = 0;
	return 0;
}

static struct guard_zone zone_new(uint32_t number)
{
	struct guard_zone row = {.restricted = 1};

	row.to[0] = number == 0;
	return row;
}

void fallback_zone_get(const struct fallback *f, uint32_t number, struct guard_zone *out)
{
	*out = zone_new(number);
	for (size_t i = 0; i < f->zones_count; i++) {
		if (f->zones[i].number == number)
			*out = f->zones[i].row;
	}
}

int fallback_zone_set(struct fallback *f, uint32_t number, const struct guard_zone *row)
{
	for (size_t i = 0; i < f->zones_count; i++) {
		if (f->zones[i].number == number) {
			f->zones[i].row = *row;
			return 0;
		}
	}
	if (number >= GUARD_ZONES)
		return RF_E_LIMIT;
	if (rf_grow((void **)&f->zones, &f->zones_capacity, f->zones_count + 1, sizeof(*f->zones)) <
	    0)
		return -ENOMEM;
	f->zones[f->zones_count++] = (struct fallback_zone){.number = number, .row = *row};
	return 0;
}

const char *fallback_refuses(const struct guard_port *port)
{
	if (port->vlan_mode == GUARD_VLAN_VST)
		return "VLAN tags are put on and taken off by BPF alone (the bridge can: "
		       "vlan_filtering, and the port's own VLAN there)";
	return NULL;
}

static bool has_change(const struct guard_port *p)
{
	return p->flags & GUARD_MAC_CHANGE;
}
static bool observes(const struct guard_port *p)
{
	return p->mode == GUARD_MODE_OBSERVE;
}

static const struct {
	bool (*asked)(const struct guard_port *port);
	const char *words;
} lacks[] = {
	{has_change, "that ARP and ND name the MAC address which the VM changed to"},
	{observes, "counting what would be refused"},
};

const char *fallback_lacks(const struct guard_port *port, size_t n)
{
	for (size_t i = 0; i < RF_COUNT(lacks); i++) {
		if (lacks[i].asked(port) && n-- == 0)
			return lacks[i].words;
	}
	return NULL;
}
