/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * What the kernel programs (guard.bpf.c) and the user side share: the fixed-size structures of the
 * maps. No code. Included by guard.h for everybody else. Addresses, ethertypes and masks are in
 * network order, everything else in the host's.
 */
#ifndef RF_ISOLATE_GUARD_LAYOUT_H
#define RF_ISOLATE_GUARD_LAYOUT_H

#include <linux/types.h>

#include "isolate/guard/verdicts.h"

#define GUARD_LAYOUT	3u    /* changes with any structure below: old maps are then not reused */
#define GUARD_SLOTS	2048u /* guarded ports on one host; slot 0 belongs to unknown ports */
#define GUARD_CONFIGS	4096u /* twice the slots: a change is written beside, then switched to */
#define GUARD_BY_INDEX	65536u
#define GUARD_NEAR	16384u
#define GUARD_ZONES	1024u
#define GUARD_V4	8
#define GUARD_V6	8
#define GUARD_MACS	4 /* beyond the port's own */
#define GUARD_GROUPS	16
#define GUARD_TYPES	8
#define GUARD_SERVICES	8
#define GUARD_VERDICTS	32
#define GUARD_HEAD	64 /* bytes of a refused frame in an event */
#define GUARD_MARK_ZONE 0x0000ffffu
#define GUARD_MARK_OURS 0xffff0000u

/* tc ingress of the port, and egress. */
enum guard_direction { GUARD_FROM_VM, GUARD_TO_VM };

/* How the programs hang on links: docs/adr/0007. tcx needs kernel 6.6. */
enum guard_hook { GUARD_HOOK_CLSACT, GUARD_HOOK_TCX };

enum guard_mode {
	GUARD_MODE_DENY = 0, /* the default: nothing passes */
	GUARD_MODE_ENFORCE = 1,
	GUARD_MODE_OBSERVE = 2, /* everything passes, what would be refused is counted */
};

enum guard_role {
	GUARD_ROLE_VM = 0,
	GUARD_ROLE_UPLINK = 1, /* hardware: only the zone, its tags and stolen MACs are judged */
	GUARD_ROLE_HOST = 2,   /* the bridge's own interface: its ingress is "to the host" */
};

enum guard_vlan {
	GUARD_VLAN_EST = 0, /* the VM sends untagged, what it gets is untagged */
	GUARD_VLAN_VST = 1, /* as EST for the VM; the guard adds and removes tag vid */
	GUARD_VLAN_VGT = 2, /* the VM tags: only what vlans lists (bit 0: untagged) */
};

#define GUARD_ANY_V4	  0x0001u /* a router or NAT: any IPv4 source that may be one */
#define GUARD_ANY_V6	  0x0002u
#define GUARD_LINK_LOCAL  0x0004u /* any fe80::/10 source (privacy addresses) */
#define GUARD_DHCP_SERVER 0x0008u
#define GUARD_ROUTER	  0x0010u /* router advertisements, redirects */
#define GUARD_PROMISCUOUS 0x0020u /* an IDS: gets what the bridge floods */
#define GUARD_GROUPS_ONLY 0x0040u /* multicast only for groups[] */
#define GUARD_BLOCK_ON_CHANGE                                                                      \
	0x0080u			  /* a forged source MAC blocks the port (downWhenAddrMisMatch) */
#define GUARD_TAGGED_ONLY 0x0100u /* an uplink: untagged frames go nowhere */
#define GUARD_MAC_CHANGE  0x0200u /* MAC changes allowed (ESX "forged transmits: accept") */
#define GUARD_FLAGS_ALL	  0x03ffu

/* How far a VM is shut in, above its policy. Each level does what the one before does. */
enum guard_quarantine {
	GUARD_FREE = 0,
	GUARD_WATCHED = 1,   /* frames are copied to mirror_ifindex, nothing is refused for it */
	GUARD_RESTRICT = 2,  /* only ARP, neighbour discovery and the services listed */
	GUARD_HONEYWALL = 3, /* what it sends goes to redirect_ifindex; only that link answers */
	GUARD_SEAL = 4,	     /* nothing passes */
};

/* What a VM in GUARD_RESTRICT may use: a peer's address, a protocol, the peer's port. */
struct guard_service {
	__be64 address[2]; /* IPv4 in the last four bytes; 0: any */
	__be16 port;	   /* 0: any */
	__u8 protocol;	   /* 0: any */
	__u8 family;	   /* 4 or 6 */
	__u32 reserved;
};

struct guard_v4 {
	__be32 address, mask;
};

struct guard_v6 {
	__be64 address[2], mask[2];
};

/* The whole policy of one port. The inverse of a change is the structure read before it. */
struct guard_port {
	__u32 ifindex; /* written by the guard */
	__u16 slot;    /* written by the guard: where the counters stand */
	__u8 mode;     /* enum guard_mode */
	__u8 role;     /* enum guard_role */
	__u32 flags;
	__u8 mac[6];
	__u16 zone;
	__u8 vlan_mode; /* enum guard_vlan */
	__u8 n_macs, n_v4, n_v6, n_groups, n_types;
	__u16 vid;
	__u32 max_bytes; /* of a frame with its Ethernet header, or of a GSO segment's payload */
	__u32 redirect_ifindex; /* allowed frames leave by this link instead (quarantine); 0 */
	__u32 pps, pps_burst;	/* 0: no limit */
	__u32 flood_pps, flood_burst;
	__u32 revision;	      /* the policy's own number, shown with events */
	__u32 mirror_ifindex; /* frames are copied out of this link (quarantine); 0 */
	__u8 quarantine;      /* enum guard_quarantine */
	__u8 n_services;
	__u8 reserved[2]; /* the first cache line ends here: what every frame needs */
	struct guard_v4 v4[GUARD_V4];
	struct guard_v6 v6[GUARD_V6];
	__u8 macs[GUARD_MACS][8];     /* 6 bytes each, padded with 0 */
	__u8 groups[GUARD_GROUPS][8]; /* multicast MAC addresses, padded with 0 */
	__be16 types[GUARD_TYPES];    /* ethertypes beyond IPv4, IPv6, ARP and own RARP */
	char called[16];	      /* the link's name when this was set; written by the guard */
	__u64 vlans[64];	      /* VGT: bit N of the 4096 allows VLAN N */
	struct guard_service services[GUARD_SERVICES];
};
_Static_assert(sizeof(struct guard_port) == 20 * 64, "a port's policy is whole cache lines");

/* One zone's row of the matrix: bit N allows frames to zone N. Zone 0 is what no port was put in:
 * the uplink and the host. */
struct guard_zone {
	__u32 restricted; /* 0: every zone is allowed, the table of MACs need not be asked */
	__u32 reserved;
	__u64 to[GUARD_ZONES / 64];
};

/* Written by the user side only. Marks carry the zone in their low half. */
struct guard_settings {
	__u32 layout;
	__u32 secret;	/* high half of the mark on frames that passed a guard */
	__u32 probe;	/* high half of the mark on test frames: judged, never counted */
	__u32 strict;	/* 1: a frame that no guard marked is refused at each egress */
	__u32 cursor;	/* where the next free configuration is looked for */
	__u32 hook;	/* enum guard_hook */
	__u32 netns;	/* number of the network namespace whose links these are; 0: not known */
	__u32 event_ns; /* least time between two events of a port on a CPU */
};

/* Per port, shared by all CPUs: refused frames are few, or an attack. */
struct guard_refused {
	__u64 frames[GUARD_VERDICTS];
	__u64 blocked;	/* not 0: the port is blocked (GUARD_BLOCK_ON_CHANGE) */
	__u64 heals;	/* counted by the user side */
	__u64 diverted; /* frames that the quarantine copied or redirected */
};

/* Per port and CPU. */
struct guard_traffic {
	__u64 frames[2], bytes[2];  /* by enum guard_direction */
	__u64 event_ns, event_tick; /* of the last sample; when one was last thought of */
};

struct guard_event {
	__u64 time_ns; /* CLOCK_MONOTONIC */
	__u32 ifindex, revision, length;
	__u16 tci; /* VLAN tag the kernel had taken off; 0 */
	__u8 direction;
	__u8 verdict;
	__u32 captured; /* bytes of head */
	__u8 head[GUARD_HEAD];
	__u32 reserved;
};

/* Who owns a MAC address on this host. The programs look into g_near first, four words at the place
 * of an address, and into the hash only where all four are taken. LEFT: the hash may have more. */
struct guard_owner {
	__u32 ifindex, zone;
};
#define NEAR_LEFT	     (0xffffffffffffull << 16)
#define NEAR_WORD(key, zone) ((key) << 16 | 0x8000u | (zone))
#define NEAR_PLACE(key)	     ((__u32)((key)*0x9e3779b97f4a7c15ull >> 50) & ~3u)

/* Test frames only: what the program found, in skb->cb. */
enum guard_trace_word {
	GUARD_TRACE_VERDICT,
	GUARD_TRACE_CONFIG, /* number of the configuration that judged */
	GUARD_TRACE_MARK,   /* the mark a passed frame carries, secret taken off */
	GUARD_TRACE_VLAN,   /* VLAN that was added, or removed */
};

#endif
