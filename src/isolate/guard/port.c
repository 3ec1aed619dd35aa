/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guarded ports: on and off, policy, counters, state; zones and samples. All of it is in the
 * kernel's maps. What may be set at all is in check.c.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/guard/internal.h"

static const struct {
	const char *word, *why;
} VERDICTS[] = {
#define GUARD_X(name, word, why) {word, why},
	GUARD_VERDICT_ROWS(GUARD_X)
#undef GUARD_X
};

const char *guard_verdict_word(uint32_t verdict)
{
	return verdict < GUARD_VERDICT_COUNT ? VERDICTS[verdict].word : "unknown-verdict";
}

const char *guard_verdict_why(uint32_t verdict)
{
	return verdict < GUARD_VERDICT_COUNT ? VERDICTS[verdict].why
					     : "a verdict that this version does not know";
}

void guard_port_init(struct guard_port *port, const uint8_t mac[6])
{
	memset(port, 0, sizeof(*port));
	memcpy(port->mac, mac, 6);
	port->mode = GUARD_MODE_ENFORCE;
	port->max_bytes = GUARD_MTU;
}

int guard_attach(struct guard *guard, uint32_t ifindex, struct rf_err *err)
{
	uint32_t slot, fresh = 0;
	int rc = 0;

	if (ifindex == 0 || ifindex > INT32_MAX)
		return rf_fail(err, -ENODEV, "link %u cannot be", ifindex);
	guard_lock(guard);
	slot = guard_slot_find(guard, ifindex);
	if (!slot)
		rc = guard_slot_take(guard, ifindex, &fresh, err);
	/* Ports of VMs that were switched off while nobody watched. */
	if (rc == RF_E_LIMIT) {
		guard_unlock(guard);
		guard_forget_gone(guard, NULL, NULL);
		guard_lock(guard);
		rc = guard_slot_take(guard, ifindex, &fresh, err);
	}
	if (rc == 0)
		rc = guard_hook_attach(guard, ifindex, err);
	if (rc && fresh)
		guard_slot_release(guard, fresh);
	guard_unlock(guard);
	return rc;
}

int guard_mend(struct guard *guard, uint32_t ifindex, struct rf_err *err)
{
	int rc = -ENOENT;

	guard_lock(guard);

	uint32_t slot = guard_slot_find(guard, ifindex);

	if (slot)
		rc = guard_hook_attach(guard, ifindex, err);
	if (slot && rc == 0)
		__atomic_fetch_add(&guard->refused[slot].heals, 1, __ATOMIC_RELAXED);
	guard_unlock(guard);
	return rc;
}

int guard_detach(struct guard *guard, uint32_t ifindex, struct rf_err *err)
{
	int rc = 0;

	guard_lock(guard);

	uint32_t slot = guard_slot_find(guard, ifindex);

	if (slot) {
		rc = guard_hook_detach(guard, ifindex);
		/* A link that is gone took its filters along. */
		if (rc == 0 || rc == -ENODEV) {
			guard_slot_release(guard, slot);
			rc = 0;
		}
	}
	guard_unlock(guard);
	return rc ? rf_fail(err, rc, "link %u: %s", ifindex, rf_code_text(rc)) : 0;
}

void guard_forget_gone(struct guard *guard, void (*gone)(void *arg, uint32_t ifindex), void *arg)
{
	RF_AUTOFREE uint32_t *ports = rf_alloc(GUARD_SLOTS, sizeof(*ports));
	size_t count = ports ? guard_ports(guard, ports, GUARD_SLOTS) : 0;
	char name[16];

	for (size_t i = 0; i < count && i < GUARD_SLOTS; i++) {
		if (!guard_link_named(ports[i], name) && guard_detach(guard, ports[i], NULL) == 0 &&
		    gone)
			gone(arg, ports[i]);
	}
}

int guard_port_get(struct guard *guard, uint32_t ifindex, struct guard_port *out)
{
	int rc = -ENOENT;

	guard_lock(guard);

	uint32_t slot = guard_slot_find(guard, ifindex);

	if (slot) {
		*out = guard->configs[guard_slot_config(guard, slot)];
		memset(out->called, 0, sizeof(out->called));
		rc = 0;
	}
	guard_unlock(guard);
	return rc;
}

int guard_port_set(struct guard *guard, uint32_t ifindex, const struct guard_port *port,
		   struct rf_err *err)
{
	int rc = guard_port_check(port, err);

	if (rc)
		return rf_wrap(err, rc, "link %u", ifindex);
	guard_lock(guard);

	uint32_t slot = guard_slot_find(guard, ifindex);

	if (slot)
		rc = guard_slot_switch(guard, slot, ifindex, port, err);
	else
		rc = rf_fail(err, -ENOENT, "link %u is not guarded", ifindex);
	guard_unlock(guard);
	return rc;
}

int guard_port_unblock(struct guard *guard, uint32_t ifindex)
{
	uint32_t slot = guard_slot_find(guard, ifindex);

	if (!slot)
		return -ENOENT;
	__atomic_store_n(&guard->refused[slot].blocked, 0, __ATOMIC_RELEASE);
	return 0;
}

uint32_t guard_port_called(struct guard *guard, const char *name)
{
	uint32_t found = 0;
	char now[16];

	guard_lock(guard);
	for (uint32_t i = 0; i < GUARD_CONFIGS; i++) {
		const struct guard_port *port = &guard->configs[i];

		if (!port->ifindex || strncmp(port->called, name, sizeof(port->called)) != 0 ||
		    !guard_link_named(port->ifindex, now) || strcmp(now, name) == 0)
			continue;
		/* What a port has now says more than what it had. */
		if (!found || guard_slot_find(guard, port->ifindex))
			found = port->ifindex;
	}
	guard_unlock(guard);
	return found;
}

size_t guard_ports(struct guard *guard, uint32_t *out, size_t max)
{
	size_t count = 0;

	for (uint32_t slot = 1; slot < GUARD_SLOTS; slot++) {
		uint64_t word = __atomic_load_n(&guard->slots[slot], __ATOMIC_ACQUIRE);

		if (!word)
			continue;
		if (count < max)
			out[count] = (uint32_t)(word >> 32);
		count++;
	}
	return count;
}

int guard_zone_get(struct guard *guard, uint32_t zone, struct guard_zone *out)
{
	if (zone >= GUARD_ZONES)
		return RF_E_LIMIT;
	*out = guard->zones[zone];
	return 0;
}

/* Each word is one store: a pair of zones is allowed or it is not. Restricted comes first and goes
 * last, because it makes the sender's guard look. */
int guard_zone_set(struct guard *guard, uint32_t zone, const struct guard_zone *row)
{
	struct guard_zone *live;

	if (zone >= GUARD_ZONES)
		return RF_E_LIMIT;
	if (row->restricted > 1 || row->reserved)
		return -EINVAL;
	guard_lock(guard);
	live = &guard->zones[zone];
	__atomic_store_n(&live->restricted, 1, __ATOMIC_SEQ_CST);
	for (size_t i = 0; i < RF_COUNT(live->to); i++)
		__atomic_store_n(&live->to[i], row->to[i], __ATOMIC_SEQ_CST);
	__atomic_store_n(&live->restricted, row->restricted, __ATOMIC_SEQ_CST);
	guard_unlock(guard);
	return 0;
}

bool guard_strict_get(const struct guard *guard)
{
	return __atomic_load_n(&guard->settings->strict, __ATOMIC_ACQUIRE) != 0;
}

void guard_strict_set(struct guard *guard, bool on)
{
	__atomic_store_n(&guard->settings->strict, on, __ATOMIC_RELEASE);
}

static void tag_text(const uint8_t tag[8], char out[17])
{
	for (int i = 0; i < 8; i++)
		(void)rf_format(out + i * 2, 3, "%02x", tag[i]);
}

int guard_state(struct guard *guard, uint32_t ifindex, struct guard_state *out, struct rf_err *err)
{
	struct guard_state state = {0};
	struct filter filters[2];
	uint32_t slot = guard_slot_find(guard, ifindex);
	bool *const first[] = {&state.first_in, &state.first_out};
	bool *const there[] = {&state.in, &state.out};
	char *const tags[] = {state.tag_in, state.tag_out};

	for (unsigned i = 0; i < 2; i++) {
		int rc = guard_hook_find(guard, ifindex, (enum guard_direction)i, &filters[i],
					 first[i]);

		if (rc)
			return rf_fail(err, rc, "link %u: the filters cannot be read: %s", ifindex,
				       rf_code_text(rc));
		if (!filters[i].program)
			continue;
		tag_text(filters[i].tag, tags[i]);
		*there[i] = filters[i].program == guard->programs[i].id;
	}
	state.known = slot != 0;
	state.hook = (enum guard_hook)guard->settings->hook;
	if (slot) {
		state.blocked = guard->refused[slot].blocked != 0;
		state.heals = guard->refused[slot].heals;
		state.mode = guard->configs[guard_slot_config(guard, slot)].mode;
	}
	*out = state;
	return 0;
}

int guard_counts(struct guard *guard, uint32_t ifindex, struct guard_counts *out)
{
	int cpus = libbpf_num_possible_cpus();
	uint32_t slot = guard_slot_find(guard, ifindex);
	RF_AUTOFREE struct guard_traffic *traffic = NULL;

	if (ifindex && !slot)
		return -ENOENT;
	if (cpus <= 0)
		return cpus;
	traffic = rf_alloc((size_t)cpus, sizeof(*traffic));
	if (!traffic)
		return -ENOMEM;

	int rc = bpf_map_lookup_elem(guard->maps[MAP_TRAFFIC], &slot, traffic);

	if (rc)
		return rc;
	memset(out, 0, sizeof(*out));
	for (int cpu = 0; cpu < cpus; cpu++)
		for (int i = 0; i < 2; i++) {
			out->frames[i] += traffic[cpu].frames[i];
			out->bytes[i] += traffic[cpu].bytes[i];
		}
	memcpy(out->refused, guard->refused[slot].frames, sizeof(out->refused));
	out->heals = guard->refused[slot].heals;
	out->diverted = guard->refused[slot].diverted;
	return 0;
}

int guard_quarantine_count(struct guard *guard, uint32_t ifindex)
{
	uint32_t slot = guard_slot_find(guard, ifindex);

	if (!slot)
		return -ENOENT;
	__atomic_store_n(&guard->refused[slot].diverted, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&guard->refused[slot].frames[GUARD_QUARANTINE], 0, __ATOMIC_RELEASE);
	return 0;
}

static int event_take(void *arg, void *data, size_t size)
{
	struct guard *guard = arg;
	struct guard_event event;

	if (size < sizeof(event))
		return 0;
	memcpy(&event, data, sizeof(event));
	guard->take(guard->take_arg, &event);
	return 0;
}

int guard_events_fd(struct guard *guard)
{
	if (!guard->ring)
		guard->ring = ring_buffer__new(guard->maps[MAP_EVENTS], event_take, guard, NULL);
	return guard->ring ? ring_buffer__epoll_fd(guard->ring) : -1;
}

int guard_events(struct guard *guard, void (*take)(void *arg, const struct guard_event *event),
		 void *arg)
{
	if (guard_events_fd(guard) < 0)
		return -errno;
	guard->take = take;
	guard->take_arg = arg;
	return ring_buffer__consume(guard->ring);
}
