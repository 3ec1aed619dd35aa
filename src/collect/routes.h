/* SPDX-License-Identifier: Apache-2.0 */
/* Where the host routes to: the fact route_link, told by the collector links. */
#ifndef RF_COLLECT_ROUTES_H
#define RF_COLLECT_ROUTES_H

#include "collect/collect.h"
#include "collect/netlink.h"

/* Puts a row for each family, table and link that unicast routes lead out of; what cannot be told
 * is a gap. -ENOMEM */
int routes_put(struct sys *sys, const struct net_links *links, struct fact_sink *out) RF_MUST_CHECK;

#endif
