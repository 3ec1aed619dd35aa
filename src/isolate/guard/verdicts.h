/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* What the guard may say of a frame: part of layout.h, which includes it. No code. */
#ifndef RF_ISOLATE_GUARD_VERDICTS_H
#define RF_ISOLATE_GUARD_VERDICTS_H

/* name, word, why. The word is what people and files see; rows are only added at the end. */
#define GUARD_VERDICT_ROWS(X)                                                                      \
	X(PASS, "pass", "allowed")                                                                 \
	X(UNKNOWN, "unconfigured", "the port has no policy yet")                                   \
	X(DENIED, "denied", "the port's policy refuses every frame")                               \
	X(BLOCKED, "blocked", "the port is blocked since its MAC address changed")                 \
	X(LENGTH, "length", "the frame is shorter or longer than the port allows")                 \
	X(SOURCE_MAC, "source-mac", "the source MAC address is not the port's")                    \
	X(CONTROL, "link-control", "a frame for bridges (STP, LLDP, LACP, pause) is not a VM's")   \
	X(VLAN, "vlan", "the VLAN tag, or its absence, is not allowed on this port")               \
	X(TYPE, "ethertype", "the protocol is not allowed on this port")                           \
	X(ARP, "arp", "ARP that names another's MAC or IP address")                                \
	X(HEADER, "malformed", "a header is cut short or contradicts itself")                      \
	X(IPV4, "ipv4-source", "the IPv4 source address is not the port's")                        \
	X(IPV6, "ipv6-source", "the IPv6 source address is not the port's")                        \
	X(EXTENSION, "ipv6-headers", "more or other IPv6 extension headers than can be judged")    \
	X(FRAGMENT, "fragment", "a fragment hides what must be judged")                            \
	X(ND, "nd", "neighbour discovery that names another's MAC or IP address")                  \
	X(ADVERT, "router", "a router advertisement or a redirect from a VM that is no router")    \
	X(DHCP, "dhcp-server", "a DHCP answer from a VM that is no DHCP server")                   \
	X(RATE, "rate", "more frames in a second than the port may send")                          \
	X(FLOOD, "flood-rate", "more broadcasts and multicasts in a second than allowed")          \
	X(ZONE, "zone", "the zones of sender and receiver may not exchange frames")                \
	X(UNMARKED, "unguarded", "the frame came in by a port without a guard")                    \
	X(FOREIGN, "not-its-own", "a unicast frame for another MAC address")                       \
	X(GROUP, "multicast", "a multicast group that the port has not joined")                    \
	X(LOOP, "loop", "the port's own source address comes back to it")                          \
	X(OWNED, "local-mac", "the uplink brings the MAC address of a local port")                 \
	X(UNTAGGED, "untagged", "an untagged frame on an uplink that carries only VLANs")          \
	X(INTERNAL, "internal", "the kernel could not change the frame as the policy asks")        \
	X(QUARANTINE, "quarantine",                                                                \
	  "the VM is in quarantine, and the frame is not one it may still exchange")

enum guard_verdict {
#define GUARD_X(name, word, why) GUARD_##name,
	GUARD_VERDICT_ROWS(GUARD_X)
#undef GUARD_X
		GUARD_VERDICT_COUNT
};

#endif
