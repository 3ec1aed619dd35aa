/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Kernel side only: reads the Ethernet header and the tags of a frame, and the small questions that
 * both programs ask. Source: linux/if_ether.h, IEEE 802.1Q. No other header declares ARP here:
 * linux/if_arp.h does not compile for -target bpf.
 */
#ifndef RF_ISOLATE_GUARD_FRAME_BPF_H
#define RF_ISOLATE_GUARD_FRAME_BPF_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <stdbool.h>

#include "isolate/guard/layout.h"

#define PULL_BYTES 82 /* Ethernet, one tag, IPv6, and 24 bytes of what follows */
#define FRAME_ETH  14
#define FRAME_TAG  4

struct mac {
	__u32 high;
	__u16 low;
} __attribute__((packed, aligned(2)));

struct frame {
	void *data, *end;
	__u32 src_high; /* source address, as it lies in memory */
	__u16 src_low;
	__be16 type;  /* behind the tags */
	__u16 vid;    /* of the outer tag */
	__u8 tags;    /* 0, 1, or 2 for more than one */
	__u8 service; /* the outer tag is 802.1ad */
	__u32 l3;     /* where the payload begins: 14, or 18 behind a tag in the frame */
};

static __always_inline bool is_tag(__be16 type)
{
	return type == bpf_htons(ETH_P_8021Q) || type == bpf_htons(ETH_P_8021AD);
}

/* Linear bytes end early in frames whose sender says so (a VM can): fetch what is judged. */
static __always_inline void frame_pull(struct __sk_buff *skb, struct frame *f)
{
	f->data = (void *)(long)skb->data;
	f->end = (void *)(long)skb->data_end;
	if (f->data + PULL_BYTES <= f->end || skb->len <= (__u32)(f->end - f->data))
		return;
	bpf_skb_pull_data(skb, skb->len < PULL_BYTES ? skb->len : PULL_BYTES);
	f->data = (void *)(long)skb->data;
	f->end = (void *)(long)skb->data_end;
}

/* A tag is in skb metadata (what a device received) or still in the frame (raw sockets). */
static __always_inline int frame_read(struct __sk_buff *skb, struct frame *f)
{
	frame_pull(skb, f);

	struct ethhdr *eth = f->data;

	if ((void *)(eth + 1) > f->end)
		return GUARD_LENGTH;
	f->src_high = ((struct mac *)eth->h_source)->high;
	f->src_low = ((struct mac *)eth->h_source)->low;
	f->type = eth->h_proto;
	f->l3 = FRAME_ETH;
	f->tags = 0;
	f->vid = 0;
	f->service = 0;
	if (skb->vlan_present) {
		f->tags = 1;
		f->vid = skb->vlan_tci & 0xfff;
		f->service = skb->vlan_proto == bpf_htons(ETH_P_8021AD);
	}
	if (!is_tag(f->type))
		return GUARD_PASS;
	f->tags++;
	f->service |= f->type == bpf_htons(ETH_P_8021AD);

	__be16 *tag = f->data + FRAME_ETH;

	if ((void *)(tag + 2) > f->end)
		return GUARD_HEADER;
	f->vid = bpf_ntohs(tag[0]) & 0xfff;
	f->type = tag[1];
	f->l3 = FRAME_ETH + FRAME_TAG;
	if (is_tag(f->type))
		f->tags = 2;
	return GUARD_PASS;
}

static __always_inline bool source_is(const struct frame *f, const __u8 *mac)
{
	return f->src_high == ((struct mac *)mac)->high && f->src_low == ((struct mac *)mac)->low;
}

static __always_inline bool destination_is(const struct ethhdr *eth, const __u8 *mac)
{
	const struct mac *a = (const struct mac *)eth->h_dest, *b = (const struct mac *)mac;

	return a->high == b->high && a->low == b->low;
}

static __always_inline bool is_broadcast(const struct ethhdr *eth)
{
	const struct mac *a = (const struct mac *)eth->h_dest;

	return a->high == 0xffffffff && a->low == 0xffff;
}

/* 01:80:c2:00:00:0x, what bridges talk among themselves. */
static __always_inline bool is_link_control(const struct ethhdr *eth)
{
	const __u8 *d = eth->h_dest;

	return d[0] == 0x01 && d[1] == 0x80 && d[2] == 0xc2 && d[3] == 0 && d[4] == 0 &&
	       (d[5] & 0xf0) == 0;
}

static __always_inline bool vlan_listed(const struct guard_port *port, __u16 vid)
{
	return port->vlans[(vid >> 6) & 63] >> (vid & 63) & 1;
}

/* VGT, either direction: one customer tag that is listed, or untagged where bit 0 says so. */
static __always_inline bool vgt_allows(const struct guard_port *port, const struct frame *f)
{
	if (f->tags > 1 || f->service || (f->tags && f->vid == 0))
		return false;
	return vlan_listed(port, f->vid);
}

/* A MAC address as the table of owners has it. */
static __always_inline __u64 owner_key(const void *mac)
{
	return (__u64)((const struct mac *)mac)->high << 16 | ((const struct mac *)mac)->low;
}

#endif
