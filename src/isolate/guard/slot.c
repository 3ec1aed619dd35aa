/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which port has which slot (its counters) and which configuration (its policy now). A change
 * writes a configuration that no port uses and then switches one word, so that a program sees the
 * old policy or the new one. The caller holds the guard's lock.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "isolate/guard/internal.h"

static uint64_t word_of(uint32_t ifindex, uint32_t config)
{
	return (uint64_t)ifindex << 32 | config;
}

uint32_t guard_slot_find(const struct guard *guard, uint32_t ifindex)
{
	for (uint32_t slot = 1; ifindex && slot < GUARD_SLOTS; slot++)
		if (__atomic_load_n(&guard->slots[slot], __ATOMIC_ACQUIRE) >> 32 == ifindex)
			return slot;
	return 0;
}

uint32_t guard_slot_config(const struct guard *guard, uint32_t slot)
{
	uint32_t config = (uint32_t)__atomic_load_n(&guard->slots[slot], __ATOMIC_ACQUIRE);

	return config < GUARD_CONFIGS ? config : CONFIG_NONE;
}

/* The one that was free for longest: a program that still reads it began 2,000 changes ago. */
static uint32_t config_free(struct guard *guard)
{
	uint8_t used[GUARD_CONFIGS] = {1};
	uint32_t at = guard->settings->cursor;

	for (uint32_t slot = 1; slot < GUARD_SLOTS; slot++)
		used[guard_slot_config(guard, slot)] = 1;
	for (uint32_t n = 0; n < GUARD_CONFIGS; n++) {
		at = (at + 1) % GUARD_CONFIGS;
		if (!used[at])
			break;
	}
	guard->settings->cursor = at;
	return at;
}

/* What the program finds by ifindex. */
static int entry_write(struct guard *guard, uint32_t ifindex, uint32_t config)
{
	uint64_t *entry = &guard->by_index[ifindex & (GUARD_BY_INDEX - 1)];
	uint64_t word = word_of(ifindex, config), old = *entry;

	if (old == 0 || old == ENTRY_LEFT || old >> 32 == ifindex) {
		__atomic_store_n(entry, word, __ATOMIC_RELEASE);
		return 0;
	}
	return bpf_map_update_elem(guard->maps[MAP_COLLIDED], &ifindex, &word, BPF_ANY);
}

static void entry_clear(struct guard *guard, uint32_t ifindex)
{
	uint64_t *entry = &guard->by_index[ifindex & (GUARD_BY_INDEX - 1)];

	if (*entry >> 32 == ifindex)
		__atomic_store_n(entry, ENTRY_LEFT, __ATOMIC_RELEASE);
	else
		(void)bpf_map_delete_elem(guard->maps[MAP_COLLIDED], &ifindex);
}

/* The address as the program builds its key: four bytes and two, as they lie in memory. */
static uint64_t owner_key(const uint8_t *mac)
{
	uint32_t high;
	uint16_t low;

	memcpy(&high, mac, sizeof(high));
	memcpy(&low, mac + sizeof(high), sizeof(low));
	return (uint64_t)high << 16 | low;
}

/* The near word of an address, or one that is free for it; NULL where all four are others'. */
static uint64_t *near_find(struct guard *guard, uint64_t key)
{
	uint64_t *place = &guard->near[NEAR_PLACE(key)], *unused = NULL;

	for (int i = 0; i < 4; i++) {
		if (place[i] >> 16 == key)
			return &place[i];
		if (place[i] == 0 || place[i] == NEAR_LEFT)
			unused = unused ? unused : &place[i];
	}
	return unused;
}

/* zone -1: forget it. */
static void near_set(struct guard *guard, uint64_t key, int zone)
{
	uint64_t *word = near_find(guard, key);

	if (!word || (zone < 0 && *word >> 16 != key))
		return;
	__atomic_store_n(word, zone < 0 ? NEAR_LEFT : NEAR_WORD(key, (unsigned)zone),
			 __ATOMIC_RELEASE);
}

static const uint8_t *port_mac(const struct guard_port *port, unsigned i)
{
	return i == 0 ? port->mac : port->macs[i - 1];
}

/* Only a VM's port owns addresses: the uplink and the host speak for others. */
static unsigned port_macs(const struct guard_port *port)
{
	bool none = port->role != GUARD_ROLE_VM || port->mode == GUARD_MODE_DENY;

	return none ? 0 : 1u + port->n_macs;
}

static int owners_add(struct guard *guard, uint32_t ifindex, const struct guard_port *port)
{
	struct guard_owner owner = {.ifindex = ifindex, .zone = port->zone};

	for (unsigned i = 0; i < port_macs(port); i++) {
		uint64_t key = owner_key(port_mac(port, i));
		int rc = bpf_map_update_elem(guard->maps[MAP_OWNERS], &key, &owner, BPF_ANY);

		if (rc)
			return rc;
		near_set(guard, key, port->zone);
	}
	return 0;
}

static bool port_has(const struct guard_port *port, const uint8_t *mac)
{
	for (unsigned i = 0; port && i < port_macs(port); i++)
		if (memcmp(port_mac(port, i), mac, 6) == 0)
			return true;
	return false;
}

/* Forgets the addresses of old that now does not have, unless another port took them over. */
static void owners_drop(struct guard *guard, uint32_t ifindex, const struct guard_port *old,
			const struct guard_port *now)
{
	struct guard_owner owner;

	for (unsigned i = 0; i < port_macs(old); i++) {
		uint64_t key = owner_key(port_mac(old, i));

		if (port_has(now, port_mac(old, i)))
			continue;
		if (bpf_map_lookup_elem(guard->maps[MAP_OWNERS], &key, &owner) == 0 &&
		    owner.ifindex == ifindex) {
			(void)bpf_map_delete_elem(guard->maps[MAP_OWNERS], &key);
			near_set(guard, key, -1);
		}
	}
}

static void counters_clear(struct guard *guard, uint32_t slot)
{
	int cpus = libbpf_num_possible_cpus();
	RF_AUTOFREE struct guard_traffic *zero =
		rf_alloc(cpus > 0 ? (size_t)cpus : 1, sizeof(*zero));

	memset(&guard->refused[slot], 0, sizeof(guard->refused[slot]));
	if (zero && cpus > 0)
		(void)bpf_map_update_elem(guard->maps[MAP_TRAFFIC], &slot, zero, BPF_ANY);
}

int guard_slot_switch(struct guard *guard, uint32_t slot, uint32_t ifindex,
		      const struct guard_port *port, struct rf_err *err)
{
	uint32_t was = guard_slot_config(guard, slot), config = config_free(guard);
	struct guard_port *beside = &guard->configs[config];
	int rc;

	*beside = *port;
	beside->ifindex = ifindex;
	beside->slot = (uint16_t)slot;
	memset(beside->called, 0, sizeof(beside->called));
	(void)guard_link_named(ifindex, beside->called);
	/* The addresses first: a frame to a new port must find its zone. */
	rc = owners_add(guard, ifindex, port);
	if (rc == 0)
		rc = entry_write(guard, ifindex, config);
	if (rc)
		return rf_fail(err, rc, "link %u: the guard's tables: %s", ifindex,
			       rf_code_text(rc));
	__atomic_store_n(&guard->slots[slot], word_of(ifindex, config), __ATOMIC_RELEASE);
	if (was != CONFIG_NONE)
		owners_drop(guard, ifindex, &guard->configs[was], port);
	return 0;
}

int guard_slot_take(struct guard *guard, uint32_t ifindex, uint32_t *out_slot, struct rf_err *err)
{
	/* Mode 0 is deny: nothing passes until somebody says what may. */
	static const struct guard_port nothing;
	uint32_t slot = 1;

	while (slot < GUARD_SLOTS && guard->slots[slot] != 0)
		slot++;
	if (slot == GUARD_SLOTS)
		return rf_fail(err, RF_E_LIMIT, "link %u: all %u ports of the guard are in use",
			       ifindex, GUARD_SLOTS - 1);
	counters_clear(guard, slot);

	int rc = guard_slot_switch(guard, slot, ifindex, &nothing, err);

	if (rc == 0)
		*out_slot = slot;
	return rc;
}

void guard_slot_release(struct guard *guard, uint32_t slot)
{
	uint32_t ifindex = (uint32_t)(guard->slots[slot] >> 32);

	entry_clear(guard, ifindex);
	owners_drop(guard, ifindex, &guard->configs[guard_slot_config(guard, slot)], NULL);
	__atomic_store_n(&guard->slots[slot], 0, __ATOMIC_RELEASE);
}
