/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a quarantine copies to a recorder, and what it sends to a honeywall instead: rules in hooks
 * of the port's own link (table netdev ringfence), before the bridge sees a frame, and behind it.
 * As with BPF a recorder gets all that the VM sends, forged or not, and what it is let have. Of a
 * link that is not there the kernel forgets such a chain, or keeps it for one of that name, as its
 * version is: then it counts for nothing. Source: nft(8), net/netfilter/nft_{dup,fwd}_netdev.c.
 */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/guard/fallback_parts.h"
#include "isolate/guard/guard.h"

static const struct {
	const char *suffix;
	int hook;
} ends[] = {{"_from", NF_NETDEV_INGRESS}, {"_to", NF_NETDEV_EGRESS}};

bool fallback_copies(const struct guard_port *port)
{
	return port->mirror_ifindex || port->redirect_ifindex;
}

bool fallback_link_there(const char *link)
{
	return guard_link_index(link) != 0;
}

bool fallback_copies_link(const char *chain, char out[16])
{
	size_t len = strlen(chain);

	for (size_t i = 0; i < RF_COUNT(ends); i++) {
		size_t end = strlen(ends[i].suffix);

		if (!rf_starts(chain, "m_") || !rf_ends(chain, ends[i].suffix) || len < 3 + end ||
		    len - end - 2 >= 16)
			continue;
		rf_format(out, 16, "%.*s", (int)(len - end - 2), chain + 2);
		return true;
	}
	return false;
}

static void name_of(const struct making *m, size_t end, char out[FALLBACK_NAME_BYTES])
{
	rf_format(out, FALLBACK_NAME_BYTES, "m_%s%s", m->port->name, ends[end].suffix);
}

static void end_make(struct making *m, size_t end)
{
	const struct guard_port *port = &m->port->port;
	char chain[FALLBACK_NAME_BYTES];
	struct nlmsghdr *message;

	name_of(m, end, chain);
	making_link_chain(m, chain, ends[end].hook);
	if (port->mirror_ifindex) {
		message = making_begin(m, chain);
		nft_counter(message);
		nft_copy(message, port->mirror_ifindex);
		making_end(m, FALLBACK_GO_ON, NULL);
	}
	if (!port->redirect_ifindex || ends[end].hook != NF_NETDEV_INGRESS)
		return;
	nft_mark(making_begin(m, chain), m->state->secret | port->zone);
	making_end(m, FALLBACK_GO_ON, NULL);
	message = making_begin(m, chain);
	nft_counter(message);
	nft_send(message, port->redirect_ifindex);
	making_end(m, FALLBACK_GO_ON, NULL);
}

void fallback_copies_make(struct making *m)
{
	if (!fallback_copies(&m->port->port) || (m->there && !m->there(m->port->name)))
		return;
	m->batch->family = NFPROTO_NETDEV;
	nft_table_add(m->batch);
	for (size_t i = 0; i < RF_COUNT(ends); i++)
		end_make(m, i);
	m->batch->family = 0;
}

void fallback_copies_unmake(struct making *m)
{
	char chain[FALLBACK_NAME_BYTES];

	if (!fallback_copies(&m->port->port))
		return;
	m->batch->family = NFPROTO_NETDEV;
	nft_table_add(m->batch);
	for (size_t i = 0; i < RF_COUNT(ends); i++) {
		name_of(m, i, chain);
		nft_chain_add(m->batch, chain, NFT_NO_HOOK, 0);
		nft_chain_flush(m->batch, chain);
		nft_chain_remove(m->batch, chain);
	}
	m->batch->family = 0;
}
