/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The guard of a port: one pair of tc programs for all ports of a host. guard_in judges what a VM
 * sends, guard_out what it is to receive. What is not configured is refused. Nothing of the kernel
 * beyond its UAPI is read, so that one object serves 5.10 to 6.18. Only user space configures it
 * (load.c, port.c). Source: the isolation design; bpf-helpers(7).
 */
#include "isolate/guard/packet6.bpf.h"

#define ETYPE_TEB_MIN 0x600 /* below it is a length: LLC, which is how bridges talk */

/* The kernel takes the GPL side of the licence. */
char LICENSE[] SEC("license") = "GPL";

#define ARRAY(name, value_type, entries, with)                                                     \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_ARRAY);                                                  \
		__uint(max_entries, entries);                                                      \
		__uint(map_flags, with);                                                           \
		__type(key, __u32);                                                                \
		__type(value, value_type);                                                         \
	} name SEC(".maps")

struct bucket {
	struct bpf_spin_lock lock;
	__u32 pad;
	__u64 due_ns[2]; /* when the next frame, the next broadcast would be on time */
};

/* ifindex << 32 | configuration: one word, so that a reader sees the old policy or the new one. */
ARRAY(g_by_index, __u64, GUARD_BY_INDEX, BPF_F_MMAPABLE);
ARRAY(g_slots, __u64, GUARD_SLOTS, BPF_F_MMAPABLE);
ARRAY(g_configs, struct guard_port, GUARD_CONFIGS, BPF_F_MMAPABLE);
ARRAY(g_zones, struct guard_zone, GUARD_ZONES, BPF_F_MMAPABLE);
ARRAY(g_refused, struct guard_refused, GUARD_SLOTS, BPF_F_MMAPABLE);
ARRAY(g_settings, struct guard_settings, 1, BPF_F_MMAPABLE);
ARRAY(g_near, __u64, GUARD_NEAR, BPF_F_MMAPABLE);
ARRAY(g_buckets, struct bucket, GUARD_SLOTS, 0);

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, GUARD_SLOTS);
	__type(key, __u32);
	__type(value, struct guard_traffic);
} g_traffic SEC(".maps");

/* Ports whose ifindex shares its low 16 bits with another's. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, GUARD_SLOTS);
	__type(key, __u32);
	__type(value, __u64);
} g_collided SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, GUARD_SLOTS *(1 + GUARD_MACS));
	__type(key, __u64);
	__type(value, struct guard_owner);
} g_owners SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} g_events SEC(".maps");

#include "isolate/guard/quarantine.bpf.h"

struct judged {
	const struct guard_port *port; /* NULL: nobody configured this link */
	const struct guard_settings *settings;
	__u32 config;
	__u32 slot;
	bool probe; /* a test frame: judged, not counted */
};

static __always_inline void port_find(struct __sk_buff *skb, struct judged *j)
{
	__u32 ifindex = skb->ifindex, low = ifindex & (GUARD_BY_INDEX - 1);
	const __u64 *entry = bpf_map_lookup_elem(&g_by_index, &low);
	__u64 word = entry ? *(const volatile __u64 *)entry : 0;

	if (word >> 32 != ifindex) {
		entry = word ? bpf_map_lookup_elem(&g_collided, &ifindex) : NULL;
		word = entry ? *(const volatile __u64 *)entry : 0;
		if (word >> 32 != ifindex)
			return;
	}
	j->config = (__u32)word;

	const struct guard_port *port = bpf_map_lookup_elem(&g_configs, &j->config);

	if (!port || port->ifindex != ifindex)
		return;
	j->port = port;
	j->slot = port->slot;
}

/* Generic cell rate: late frames catch up by at most the burst. True: refuse. */
static __always_inline bool over_rate(__u32 slot, __u32 which, __u32 pps, __u32 burst, __u32 count)
{
	struct bucket *b = bpf_map_lookup_elem(&g_buckets, &slot);
	__u64 now = bpf_ktime_get_ns(), step, allowed, due;
	bool over;

	if (!b)
		return true;
	step = 1000000000ull / pps;
	allowed = step * (burst ? burst : 1);
	step *= count;
	bpf_spin_lock(&b->lock);
	due = b->due_ns[which] < now ? now : b->due_ns[which];
	over = due + step > now + allowed;
	if (!over)
		b->due_ns[which] = due + step;
	bpf_spin_unlock(&b->lock);
	return over;
}

static __always_inline int rate_judge(struct __sk_buff *skb, const struct judged *j,
				      const struct ethhdr *eth)
{
	const struct guard_port *port = j->port;
	__u32 count = 1;

	/* A GSO frame is as many as it will be cut into. */
	if (skb->gso_size)
		count = (skb->len + skb->gso_size - 1) / skb->gso_size;
	if (port->pps && over_rate(j->slot, 0, port->pps, port->pps_burst, count))
		return GUARD_RATE;
	if (port->flood_pps && (eth->h_dest[0] & 1) &&
	    over_rate(j->slot, 1, port->flood_pps, port->flood_burst, count))
		return GUARD_FLOOD;
	return GUARD_PASS;
}

static __always_inline bool zone_allows(const struct guard_zone *row, __u32 to)
{
	return row->to[(to >> 6) & (GUARD_ZONES / 64 - 1)] >> (to & 63) & 1;
}

/* At the receiver: may the zone that the sender's guard put in the mark reach this one? */
static __always_inline int zone_judge(struct __sk_buff *skb, const struct judged *j)
{
	__u32 mark = skb->mark, from = 0;
	__u32 ours = mark & GUARD_MARK_OURS;

	if (ours == j->settings->secret || j->probe)
		from = mark & (GUARD_ZONES - 1);
	else if (j->settings->strict)
		return GUARD_UNMARKED;

	const struct guard_zone *row = bpf_map_lookup_elem(&g_zones, &from);

	return row && zone_allows(row, j->port->zone) ? GUARD_PASS : GUARD_ZONE;
}

/* The zone of the local port that owns an address; -1: nobody here does. */
static __always_inline int owner_zone(__u64 key)
{
	__u32 place = NEAR_PLACE(key);

	for (__u32 i = 0; i < 4; i++) {
		__u32 at = place + i;
		const __u64 *word = bpf_map_lookup_elem(&g_near, &at);

		/* Words are taken in order and never become 0 again: nobody is behind it. */
		if (!word || !*word)
			return -1;
		if (*word >> 16 == key)
			return (int)(*word & (GUARD_ZONES - 1));
	}

	const struct guard_owner *owner = bpf_map_lookup_elem(&g_owners, &key);

	return owner ? (int)(owner->zone & (GUARD_ZONES - 1)) : -1;
}

/* At the sender, before the bridge sees the frame: only where the zone is restricted at all. */
static __always_inline int zone_judge_early(const struct guard_port *port, const struct ethhdr *eth)
{
	__u32 from = port->zone;
	const struct guard_zone *row = bpf_map_lookup_elem(&g_zones, &from);

	if (!row)
		return GUARD_ZONE;
	if (!row->restricted || (eth->h_dest[0] & 1))
		return GUARD_PASS;

	int to = owner_zone(owner_key(eth->h_dest));

	return zone_allows(row, to < 0 ? 0 : (__u32)to) ? GUARD_PASS : GUARD_ZONE;
}

static __always_inline bool source_is_own(const struct guard_port *port, const struct frame *f)
{
	if (source_is(f, port->mac))
		return true;
	for (int i = 0; i < GUARD_MACS; i++) {
		if (i >= port->n_macs)
			break;
		if (source_is(f, port->macs[i]))
			return true;
	}
	/* Still no multicast and not all zero. */
	return (port->flags & GUARD_MAC_CHANGE) && !(*(const __u8 *)&f->src_high & 1) &&
	       (f->src_high || f->src_low);
}

static __always_inline int type_judge(struct __sk_buff *skb, const struct guard_port *port,
				      const struct frame *f)
{
	if (f->type == bpf_htons(ETH_P_IP))
		return ipv4_judge(skb, port, f);
	if (f->type == bpf_htons(ETH_P_IPV6))
		return ipv6_judge(skb, port, f);
	if (f->type == bpf_htons(ETH_P_ARP) || f->type == bpf_htons(ETH_P_RARP))
		return arp_judge(port, f);
	if (bpf_ntohs(f->type) < ETYPE_TEB_MIN)
		return GUARD_CONTROL;
	for (int i = 0; i < GUARD_TYPES; i++) {
		if (i >= port->n_types)
			break;
		if (f->type == port->types[i])
			return GUARD_PASS;
	}
	return GUARD_TYPE;
}

static __always_inline int source_judge(const struct judged *j, const struct frame *f)
{
	const struct guard_port *port = j->port;
	struct guard_refused *refused;
	__u32 slot = j->slot;

	if (!(port->flags & GUARD_BLOCK_ON_CHANGE))
		return source_is_own(port, f) ? GUARD_PASS : GUARD_SOURCE_MAC;
	refused = bpf_map_lookup_elem(&g_refused, &slot);
	if (!refused || refused->blocked)
		return GUARD_BLOCKED;
	if (source_is_own(port, f))
		return GUARD_PASS;
	if (!j->probe && port->mode == GUARD_MODE_ENFORCE)
		refused->blocked = 1;
	return GUARD_SOURCE_MAC;
}

static __always_inline bool too_long(struct __sk_buff *skb, const struct guard_port *port)
{
	return (skb->gso_size ? skb->gso_size : skb->len) > port->max_bytes;
}

/* What a VM sends. */
static __always_inline int vm_sends(struct __sk_buff *skb, const struct judged *j, struct frame *f)
{
	const struct guard_port *port = j->port;
	const struct ethhdr *eth;
	int verdict;

	if (port->mode == GUARD_MODE_DENY)
		return GUARD_DENIED;
	if (too_long(skb, port))
		return GUARD_LENGTH;
	verdict = frame_read(skb, f);
	if (verdict)
		return verdict;
	verdict = source_judge(j, f);
	if (verdict)
		return verdict;
	eth = f->data;
	if ((void *)(eth + 1) > f->end)
		return GUARD_LENGTH;
	if (is_link_control(eth))
		return GUARD_CONTROL;
	if (port->vlan_mode == GUARD_VLAN_VGT ? !vgt_allows(port, f) : f->tags != 0)
		return GUARD_VLAN;
	verdict = type_judge(skb, port, f);
	if (verdict)
		return verdict;
	if (port->quarantine == GUARD_RESTRICT && !service_allows(skb, j->config, f, GUARD_FROM_VM))
		return GUARD_QUARANTINE;
	verdict = zone_judge_early(port, eth);
	if (verdict || j->probe || !(port->pps | port->flood_pps))
		return verdict;
	return rate_judge(skb, j, eth);
}

static __always_inline int uplink_brings(struct __sk_buff *skb, const struct judged *j,
					 struct frame *f)
{
	int verdict;
	__u64 key;

	if (j->port->mode == GUARD_MODE_DENY)
		return GUARD_DENIED;
	verdict = frame_read(skb, f);
	if (verdict)
		return verdict;
	if ((j->port->flags & GUARD_TAGGED_ONLY) && f->tags == 0)
		return GUARD_UNTAGGED;
	key = (__u64)f->src_high << 16 | f->src_low;
	return owner_zone(key) >= 0 ? GUARD_OWNED : GUARD_PASS;
}

static __always_inline bool receives(const struct guard_port *port, const struct ethhdr *eth)
{
	if (destination_is(eth, port->mac))
		return true;
	for (int i = 0; i < GUARD_MACS; i++) {
		if (i >= port->n_macs)
			break;
		if (destination_is(eth, port->macs[i]))
			return true;
	}
	return port->flags & GUARD_PROMISCUOUS;
}

static __always_inline bool group_joined(const struct guard_port *port, const struct ethhdr *eth)
{
	if (!(port->flags & GUARD_GROUPS_ONLY) || is_broadcast(eth))
		return true;
	for (int i = 0; i < GUARD_GROUPS; i++) {
		if (i >= port->n_groups)
			break;
		if (destination_is(eth, port->groups[i]))
			return true;
	}
	return false;
}

static __always_inline bool vlan_arrives(const struct guard_port *port, const struct frame *f)
{
	if (port->vlan_mode == GUARD_VLAN_VGT)
		return vgt_allows(port, f);
	if (port->vlan_mode == GUARD_VLAN_VST)
		return f->tags == 1 && !f->service && f->vid == port->vid;
	return f->tags == 0;
}

/* What a VM is to receive. */
static __always_inline int vm_receives(struct __sk_buff *skb, const struct judged *j,
				       struct frame *f)
{
	const struct guard_port *port = j->port;
	const struct ethhdr *eth;
	int verdict;

	if (port->mode == GUARD_MODE_DENY)
		return GUARD_DENIED;
	verdict = frame_read(skb, f);
	if (verdict)
		return verdict;
	eth = f->data;
	if ((void *)(eth + 1) > f->end)
		return GUARD_LENGTH;
	if (!(eth->h_dest[0] & 1)) {
		if (!receives(port, eth))
			return GUARD_FOREIGN;
	} else if (!group_joined(port, eth)) {
		return GUARD_GROUP;
	}
	if (source_is(f, port->mac))
		return GUARD_LOOP;
	if (!vlan_arrives(port, f))
		return GUARD_VLAN;
	if (port->quarantine == GUARD_RESTRICT && !service_allows(skb, j->config, f, GUARD_TO_VM))
		return GUARD_QUARANTINE;
	return zone_judge(skb, j);
}

static __always_inline int others_receive(struct __sk_buff *skb, const struct judged *j)
{
	if (j->port->mode == GUARD_MODE_DENY)
		return GUARD_DENIED;
	return zone_judge(skb, j);
}

static __always_inline void sample(struct __sk_buff *skb, const struct judged *j, __u32 direction,
				   int verdict)
{
	__u32 slot = j->slot, n = skb->len;
	struct guard_traffic *traffic = bpf_map_lookup_elem(&g_traffic, &slot);
	struct guard_event *event;
	__u64 now, tick = bpf_jiffies64();

	/* In a flood the clock is read once a tick: it is half the price of a refusal. */
	if (!traffic || traffic->event_tick == tick)
		return;
	traffic->event_tick = tick;
	now = bpf_ktime_get_ns();
	if (now - traffic->event_ns < j->settings->event_ns)
		return;
	traffic->event_ns = now;
	event = bpf_ringbuf_reserve(&g_events, sizeof(*event), 0);
	if (!event)
		return;
	__builtin_memset(event, 0, sizeof(*event));
	event->time_ns = now;
	event->ifindex = skb->ifindex;
	event->revision = j->port ? j->port->revision : 0;
	event->length = n;
	event->tci = skb->vlan_present ? (__u16)skb->vlan_tci : 0;
	event->direction = (__u8)direction;
	event->verdict = (__u8)verdict;
	/* 1 to GUARD_HEAD, in a way that every kernel's verifier follows. */
	n = n > GUARD_HEAD ? GUARD_HEAD : n;
	n = ((n - 1) & (GUARD_HEAD - 1)) + 1;
	if (bpf_skb_load_bytes(skb, 0, event->head, n) == 0)
		event->captured = n;
	bpf_ringbuf_submit(event, 0);
}

static __always_inline void refuse(struct __sk_buff *skb, const struct judged *j, __u32 direction,
				   int verdict)
{
	__u32 slot = j->slot;
	struct guard_refused *refused = bpf_map_lookup_elem(&g_refused, &slot);

	if (refused)
		__sync_fetch_and_add(&refused->frames[verdict & (GUARD_VERDICTS - 1)], 1);
	sample(skb, j, direction, verdict);
}

static __always_inline void count(struct __sk_buff *skb, const struct judged *j, __u32 direction)
{
	__u32 slot = j->slot;
	struct guard_traffic *traffic = bpf_map_lookup_elem(&g_traffic, &slot);

	if (!traffic)
		return;
	traffic->frames[direction & 1]++;
	traffic->bytes[direction & 1] += skb->len;
}

static __always_inline void tell(struct __sk_buff *skb, const struct judged *j, int verdict,
				 __u32 vlan)
{
	skb->cb[GUARD_TRACE_VERDICT] = (__u32)verdict;
	skb->cb[GUARD_TRACE_CONFIG] = j->config;
	skb->cb[GUARD_TRACE_MARK] = skb->mark & GUARD_MARK_ZONE;
	skb->cb[GUARD_TRACE_VLAN] = vlan;
}

static __always_inline bool begin(struct __sk_buff *skb, struct judged *j)
{
	__u32 zero = 0;

	j->settings = bpf_map_lookup_elem(&g_settings, &zero);
	if (!j->settings)
		return false;
	j->probe = (skb->mark & GUARD_MARK_OURS) == j->settings->probe && j->settings->probe;
	port_find(skb, j);
	return true;
}

/* Counts a refusal. True: the frame goes no further. */
static __always_inline bool refused(struct __sk_buff *skb, const struct judged *j, __u32 direction,
				    int verdict)
{
	if (!j->probe)
		refuse(skb, j, direction, verdict);
	if (j->port && j->port->mode == GUARD_MODE_OBSERVE)
		return false;
	if (j->probe)
		tell(skb, j, verdict, 0);
	return true;
}

/* Counts a frame, and copies it out of a link. Its own function for the verifier's sake. */
__attribute__((noinline)) int guard_divert(struct __sk_buff *skb, __u32 slot, __u32 copy_to)
{
	struct guard_refused *counts = bpf_map_lookup_elem(&g_refused, &slot);

	if (counts)
		__sync_fetch_and_add(&counts->diverted, 1);
	if (copy_to)
		bpf_clone_redirect(skb, copy_to, 0);
	return 0;
}

static __always_inline int sealed(struct __sk_buff *skb, const struct judged *j, __u32 direction)
{
	if (j->probe)
		tell(skb, j, GUARD_QUARANTINE, 0);
	else
		refuse(skb, j, direction, GUARD_QUARANTINE);
	return TC_ACT_SHOT;
}

/* Of a port in quarantine. True: *answer is final; else the port's policy goes on judging. */
static __always_inline bool quarantine_in(struct __sk_buff *skb, const struct judged *j,
					  int *answer)
{
	const struct guard_port *port = j->port;

	if (port->mirror_ifindex && !j->probe)
		guard_divert(skb, j->slot, port->mirror_ifindex);
	if (port->quarantine < GUARD_HONEYWALL)
		return false;
	if (port->quarantine == GUARD_SEAL) {
		*answer = sealed(skb, j, GUARD_FROM_VM);
		return true;
	}
	/* Whatever it sends, forged or not: the honeywall is there to see it. */
	skb->mark = j->settings->secret | port->zone;
	if (j->probe) {
		tell(skb, j, GUARD_PASS, 0);
	} else {
		count(skb, j, GUARD_FROM_VM);
		if (!port->mirror_ifindex)
			guard_divert(skb, j->slot, 0);
	}
	*answer = (int)bpf_redirect(port->redirect_ifindex, 0);
	return true;
}

static __always_inline bool quarantine_out(struct __sk_buff *skb, const struct judged *j,
					   int *answer)
{
	const struct guard_port *port = j->port;

	if (port->quarantine < GUARD_HONEYWALL)
		return false;
	*answer = TC_ACT_SHOT;
	/* Its own frame, which a bridge behind the honeywall floods back: no foreign frame. */
	if (!j->probe && skb->ingress_ifindex == skb->ifindex)
		return true;
	if (port->quarantine == GUARD_SEAL || skb->ingress_ifindex != port->redirect_ifindex) {
		*answer = sealed(skb, j, GUARD_TO_VM);
		return true;
	}
	*answer = TC_ACT_UNSPEC;
	if (j->probe) {
		tell(skb, j, GUARD_PASS, 0);
		return true;
	}
	count(skb, j, GUARD_TO_VM);
	if (port->mirror_ifindex)
		guard_divert(skb, j->slot, port->mirror_ifindex);
	return true;
}

/* The end of both programs: what became of a frame that was not refused. */
static __always_inline int let_pass(struct __sk_buff *skb, const struct judged *j, __u32 direction,
				    int verdict, __u32 vlan)
{
	bool spoiled = verdict == GUARD_INTERNAL;

	if (j->probe)
		tell(skb, j, verdict, vlan);
	else if (spoiled)
		refuse(skb, j, direction, verdict);
	else
		count(skb, j, direction);
	/* What the VM sends was copied before it was judged. */
	if (direction == GUARD_TO_VM && j->port->mirror_ifindex && !j->probe && !spoiled)
		guard_divert(skb, j->slot, j->port->mirror_ifindex);
	return spoiled ? TC_ACT_SHOT : TC_ACT_UNSPEC;
}

SEC("tc")
int guard_in(struct __sk_buff *skb)
{
	struct judged j = {};
	struct frame f = {};
	int verdict = GUARD_UNKNOWN, answer;
	__u32 vlan = 0;

	if (!begin(skb, &j))
		return TC_ACT_SHOT;
	if (j.port && j.port->quarantine && quarantine_in(skb, &j, &answer))
		return answer;
	if (j.port && j.port->role == GUARD_ROLE_VM)
		verdict = vm_sends(skb, &j, &f);
	else if (j.port && j.port->role == GUARD_ROLE_UPLINK)
		verdict = uplink_brings(skb, &j, &f);
	else if (j.port && j.port->role == GUARD_ROLE_HOST)
		verdict = others_receive(skb, &j);
	if (verdict && refused(skb, &j, GUARD_FROM_VM, verdict))
		return TC_ACT_SHOT;
	if (!j.port)
		return TC_ACT_SHOT;
	if (j.port->role != GUARD_ROLE_HOST)
		skb->mark = j.settings->secret | j.port->zone;
	if (j.port->redirect_ifindex) {
		if (j.probe)
			tell(skb, &j, verdict, 0);
		else
			count(skb, &j, GUARD_FROM_VM);
		return (int)bpf_redirect(j.port->redirect_ifindex, 0);
	}
	if (j.port->role == GUARD_ROLE_VM && j.port->vlan_mode == GUARD_VLAN_VST && f.tags == 0) {
		vlan = j.port->vid;
		if (bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), (__u16)vlan))
			verdict = GUARD_INTERNAL;
	}
	return let_pass(skb, &j, GUARD_FROM_VM, verdict, vlan);
}

SEC("tc")
int guard_out(struct __sk_buff *skb)
{
	struct judged j = {};
	struct frame f = {};
	int verdict = GUARD_UNKNOWN, answer;
	__u32 vlan = 0;

	if (!begin(skb, &j))
		return TC_ACT_SHOT;
	if (j.port && j.port->quarantine && quarantine_out(skb, &j, &answer))
		return answer;
	if (j.port && j.port->role == GUARD_ROLE_VM)
		verdict = vm_receives(skb, &j, &f);
	else if (j.port && j.port->role == GUARD_ROLE_UPLINK)
		verdict = others_receive(skb, &j);
	else if (j.port && j.port->role == GUARD_ROLE_HOST)
		verdict = j.port->mode == GUARD_MODE_DENY ? GUARD_DENIED : GUARD_PASS;
	if (verdict && refused(skb, &j, GUARD_TO_VM, verdict))
		return TC_ACT_SHOT;
	if (!j.port)
		return TC_ACT_SHOT;
	if (j.port->role == GUARD_ROLE_HOST)
		skb->mark = j.settings->secret | j.port->zone;
	if (j.port->role == GUARD_ROLE_VM && j.port->vlan_mode == GUARD_VLAN_VST && f.tags == 1 &&
	    f.vid == j.port->vid) {
		vlan = j.port->vid;
		if (bpf_skb_vlan_pop(skb))
			verdict = GUARD_INTERNAL;
	}
	return let_pass(skb, &j, GUARD_TO_VM, verdict, vlan);
}
