/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does the way to this host lead through a VM? Out of what /proc/net says of IPv4: the host's
 * default gateway, or who is logged in by SSH, has the VM's MAC address. Pure. IPv6 neighbours are
 * not in /proc and are not looked at. Source: proc(5).
 */
#ifndef RF_ISOLATE_ACCESS_H
#define RF_ISOLATE_ACCESS_H

#include <stdbool.h>

#include "base/buf.h"

/* The texts of /proc/net/route, arp and tcp. */
struct access_files {
	const char *route, *arp, *tcp;
};

/* Whether mac (lower case) is one of those; out then says which, in words for a person. */
bool access_leads_through(const struct access_files *files, const char *mac, struct rf_buf *out);

#endif
