/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does the way to this host lead through a VM? The host's default gateway, or who is logged in by
 * SSH, has the VM's MAC address, by what /proc/net says of routes and connections and the kernel of
 * its neighbours, IPv4 and IPv6. Pure, but for access_neighbours. Sources: proc(5), rtnetlink(7).
 */
#ifndef RF_ISOLATE_ACCESS_H
#define RF_ISOLATE_ACCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/* IPv4 in the last four bytes, the rest as ::ffff:0:0/96. */
struct access_neighbour {
	uint8_t address[16], mac[6];
};

/* The texts of /proc/net/route, tcp, ipv6_route and tcp6, each may be empty. */
struct access_files {
	const char *route, *tcp, *route6, *tcp6;
	const struct access_neighbour *neighbours;
	size_t neighbours_count;
};

/* Appends the kernel's neighbours, both families, as struct access_neighbour. Needs no rights. */
int access_neighbours(struct rf_buf *out, struct rf_err *err) RF_MUST_CHECK;

/* Whether the card with that address is one of those; out then says which, for a person. */
bool access_leads_through(const struct access_files *files, const uint8_t mac[6],
			  struct rf_buf *out);

#endif
