/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which links the administrator's own way to this host goes over: the route to whoever is logged in
 * over SSH, and the default route. A change there could lock everybody out, so a plan says so and
 * apply wants a confirmation. Pure: texts of /proc in, names out.
 */
#ifndef RF_ISOLATE_OWNWAY_H
#define RF_ISOLATE_OWNWAY_H

#include "base/buf.h"
#include "isolate/guard/guard.h"

#define OWNWAY_LINKS 32

struct ownway {
	char links[OWNWAY_LINKS][16];
	size_t count;
	bool by_bridge; /* one of them is a bridge, or a port of one */
};

/* What is known of the host; each may be empty. Sources: proc(5), sshd(8). */
struct ownway_facts {
	const char *ssh_connection;	 /* "PEER PORT LOCAL PORT" of SSH_CONNECTION, or "" */
	struct rf_slice tcp, tcp6;	 /* /proc/net/tcp, tcp6: who is connected to the SSH port */
	struct rf_slice routes, routes6; /* /proc/net/route, ipv6_route */
	struct rf_slice neighbours;	 /* /proc/net/arp */
};

/* Every link on the way to each of them; texts that make no sense add none. */
void ownway_find(const struct ownway_facts *facts, const struct guard_links *links,
		 struct ownway *out);
/* Whether a link is on the way. */
bool ownway_has(const struct ownway *path, const char *link);

#endif
