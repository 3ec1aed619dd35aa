/* SPDX-License-Identifier: Apache-2.0 */
/* What rules and chains of nftables tell about links: the fact firewall_redirect and the column
 * firewall_chain.devices, told by the collector firewall. */
#ifndef RF_COLLECT_FIREWALL_REDIRECT_H
#define RF_COLLECT_FIREWALL_REDIRECT_H

#include "collect/collect.h"
#include "collect/netlink.h"

/* Where a rule stands. */
struct rule_place {
	const char *family, *table, *chain;
	uint64_t handle;
	uint8_t family_number; /* NFPROTO_... */
};

/* Puts a row for each way out of a rule (NFTA_RULE_EXPRESSIONS); what it computes is a gap. */
void firewall_redirects_put(const struct net_links *links, const struct rule_place *at,
			    struct rf_slice expressions, struct fact_sink *out);
/* Appends the links that a chain hangs on (NFTA_HOOK_DEV, NFTA_HOOK_DEVS), joined by ','. */
void firewall_devices_read(struct rf_slice one, struct rf_slice several, struct rf_buf *out);

#endif
