/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ways out of rules of nftables as rows; see firewall_redirect.h. What a rule says is read by
 * nft_way.c; here numbers of links become names. Source: linux/netfilter/nf_tables.h.
 */
#include "collect/firewall_redirect.h"

#include <linux/netfilter/nf_tables.h>
#include <string.h>

#include "base/str.h"
#include "collect/nft_way.h"

static void name_add(struct rf_buf *out, const char *name)
{
	if (name[0])
		rf_buf_printf(out, "%s%s", out->len ? "," : "", name);
}

void firewall_devices_read(struct rf_slice one, struct rf_slice several, struct rf_buf *out)
{
	struct nl_attr attr;
	char name[16];

	while (nl_attr_next(&several, &attr)) {
		if (attr.type == NFTA_DEVICE_NAME)
			name_add(out, nl_text(attr.value, name, sizeof(name)));
	}
	/* A kernel that tells both tells the first one twice. */
	if (!out->len && one.data)
		name_add(out, nl_text(one, name, sizeof(name)));
}

static void way_gap(struct fact_sink *out, const struct rule_place *at, size_t item,
		    const char *col)
{
	char key[640];

	rf_format(key, sizeof(key), "%s/%s/%s/%llu/%zu", at->family, at->table, at->chain,
		  (unsigned long long)at->handle, item);
	fact_gap(out, FACT_T_FIREWALL_REDIRECT, key, col, "nft rules",
		 "the rule computes where it sends a packet, by a map or out of the packet: see "
		 "nft -a list ruleset");
}

void firewall_redirects_put(const struct net_links *links, const struct rule_place *at,
			    struct rf_slice expressions, struct fact_sink *out)
{
	RF_AUTOBUF struct rf_buf names = {0};
	struct nft_ways ways;

	nft_ways_read(expressions, at->family_number, &ways);
	for (size_t i = 0; i < ways.links_count; i++)
		name_add(&names, ways.links[i]);
	for (size_t i = 0; i < ways.indexes_count; i++)
		name_add(&names, net_link_name(links, ways.indexes[i]));
	for (size_t i = 0; i < ways.count; i++) {
		const struct nft_way *way = &ways.items[i];
		const char *link =
			way->to_index ? net_link_name(links, way->to_index) : way->to_link;

		if (!way->link_known || (way->to_index && !link[0]))
			link = NULL;
		if (!link)
			way_gap(out, at, i, "to_link");
		if (!way->address_known)
			way_gap(out, at, i, "to_address");
		fact_put_firewall_redirect(
			out, &(struct fact_firewall_redirect){
				     .family = at->family,
				     .tbl = at->table,
				     .chain = at->chain,
				     .handle = FACT_INT(at->handle),
				     .item = FACT_INT(i),
				     .kind = way->kind,
				     .links = rf_buf_text(&names),
				     .to_link = link,
				     .to_index = FACT_INT(way->to_index),
				     .to_address = way->address_known ? way->to_address : NULL,
				     .source = "nft rules"});
	}
	if (ways.overflow)
		fact_gap(out, FACT_T_FIREWALL_REDIRECT, "", "", "nft rules",
			 "a rule of table %s sends packets to more places than are followed",
			 at->table);
}
