/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a port's policy to its chains of nft: what the table of steps (fallback_steps.c) does not
 * say. What is no port's is fallback_base.c. Sources: those of packet.bpf.h, nft(8).
 */
#include <arpa/inet.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/guard/fallback_steps.h"

#define ETHERNET_BYTES 14u

/* ---- what a port is ---- */

static uint32_t traits_of(const struct guard_port *port)
{
	uint32_t traits = port->flags & GUARD_FLAGS_ALL;

	if (port->vlan_mode == GUARD_VLAN_VGT)
		traits |= TRAIT_VGT | (port->vlans[0] & 1 ? 0 : TRAIT_TAGGED);
	return port->quarantine == GUARD_RESTRICT ? traits | TRAIT_RESTRICTED : traits;
}

/* Everything is refused, or nothing: a port that only observes is let alone, for nft cannot tell
 * what it would have done. */
static bool is_shut(const struct guard_port *port)
{
	return port->mode == GUARD_MODE_DENY || port->quarantine == GUARD_SEAL;
}
/* All that it sends goes to the honeywall (fallback_copy.c), and all that it gets comes from
 * there. */
static bool is_diverted(const struct guard_port *port)
{
	return port->redirect_ifindex && !is_shut(port);
}
static bool is_judged(const struct guard_port *port)
{
	return port->mode == GUARD_MODE_ENFORCE && !is_shut(port) && !is_diverted(port);
}
static bool is_vm(const struct guard_port *port)
{
	return port->role == GUARD_ROLE_VM && is_judged(port);
}
static bool is_policed(const struct guard_port *port)
{
	return is_vm(port) && (port->pps || port->flood_pps || port->quarantine == GUARD_RESTRICT);
}
static bool is_restricted(const struct guard_port *port)
{
	return is_vm(port) && port->quarantine == GUARD_RESTRICT;
}
static bool has_chains(const struct guard_port *port)
{
	return port->role != GUARD_ROLE_HOST;
}
static bool always(const struct guard_port *port)
{
	(void)port;
	return true;
}

/* Chains that no step begins. */
static const struct {
	const char *suffix;
	bool (*has)(const struct guard_port *port);
} others[] = {
	{"policy", always},	{"sent", has_chains},	     {"gets", has_chains},
	{"police", is_policed}, {"services", is_restricted}, {"answers", is_restricted},
	{"length", is_vm},
};

static bool is_other(const char *suffix)
{
	for (size_t i = 0; i < RF_COUNT(others); i++) {
		if (strcmp(others[i].suffix, suffix) == 0)
			return true;
	}
	return false;
}

const char *fallback_port_suffix(const struct fallback_port *port, size_t n)
{
	for (size_t i = 0; i < RF_COUNT(others); i++) {
		if (others[i].has(&port->port) && n-- == 0)
			return others[i].suffix;
	}
	return is_vm(&port->port) ? fallback_steps_chain(traits_of(&port->port), n, is_other)
				  : NULL;
}

/* ---- services of a quarantine ---- */

/* Where a frame names the other end: what it sends names it behind, what it gets before. */
static const struct {
	const char *chain;
	uint8_t v4, v6, th, th6;
} ways[] = {{"services", 16, 24, 2, 42}, {"answers", 12, 8, 0, 40}};

static struct nlmsghdr *protocol_begin(struct making *m, const char *chain, uint16_t type)
{
	struct nlmsghdr *message = making_begin(m, chain);
	uint16_t protocol = htons(type);

	nft_meta(message, NFT_META_PROTOCOL);
	nft_compare(message, NFT_CMP_EQ, &protocol, sizeof(protocol));
	return message;
}

static void compare_at(struct nlmsghdr *message, const struct match *match, const void *value)
{
	struct match full = *match;

	memcpy(full.value, value, full.len);
	match_put(message, &full);
}

static void service_put(struct making *m, size_t way, const char *chain,
			const struct guard_service *s, uint8_t protocol)
{
	static const struct match whole = BITS(NH, 6, 2, B(0x3f, 0xff), B(0, 0));
	const bool four = s->family == 4;
	const uint8_t *address = (const uint8_t *)s->address + (four ? 12 : 0);
	struct nlmsghdr *message = protocol_begin(m, chain, four ? 0x0800 : 0x86dd);

	if (s->address[0] || s->address[1])
		compare_at(message,
			   four ? &(struct match)AT(NH, ways[way].v4, 4)
				: &(struct match)AT(NH, ways[way].v6, 16),
			   address);
	if (protocol)
		compare_at(message,
			   four ? &(struct match)AT(NH, 9, 1) : &(struct match)AT(NH, 6, 1),
			   &protocol);
	/* Of a fragment nobody knows the port; no port stands behind IPv6's extension headers. */
	if (s->port && four)
		match_put(message, &whole);
	if (s->port)
		compare_at(message,
			   four ? &(struct match)AT(TH, ways[way].th, 2)
				: &(struct match)AT(NH, ways[way].th6, 2),
			   &s->port);
	making_end(m, RETURN, NULL);
}

static void services_put(struct making *m, size_t way)
{
	static const uint16_t arps[] = {0x0806, 0x8035};
	static const struct match discovery[] = {NEXT(58), GE(NH, 40, 1, 133)};
	static const struct match last = {NH, 40, 1, {136}, {0}, NFT_CMP_LTE};
	const struct guard_port *port = &m->port->port;
	char chain[FALLBACK_NAME_BYTES];

	making_port_chain(m->port, ways[way].chain, chain);
	for (size_t i = 0; i < RF_COUNT(arps); i++) {
		protocol_begin(m, chain, arps[i]);
		making_end(m, RETURN, NULL);
	}
	struct nlmsghdr *message = protocol_begin(m, chain, 0x86dd);

	match_put(message, &discovery[0]);
	match_put(message, &discovery[1]);
	match_put(message, &last);
	making_end(m, RETURN, NULL);
	for (size_t i = 0; i < port->n_services && i < GUARD_SERVICES; i++) {
		const struct guard_service *s = &port->services[i];

		if (s->port && !s->protocol) {
			service_put(m, way, chain, s, 6);
			service_put(m, way, chain, s, 17);
		} else {
			service_put(m, way, chain, s, s->protocol);
		}
	}
	making_begin(m, chain);
	making_end(m, DROP, NULL);
}

/* ---- a port ---- */

static void limit_put(struct making *m, const char *chain, bool groups, uint32_t pps,
		      uint32_t burst)
{
	static const struct match group = BITS(LL, 0, 1, B(1), B(1));

	if (!pps)
		return;
	struct nlmsghdr *message = making_begin(m, chain);

	if (groups)
		match_put(message, &group);
	nft_over(message, pps, burst ? burst : 1);
	making_end(m, DROP, NULL);
}

/* Behind all else, in a hook of its own: what was refused counts against no limit. */
static void police_put(struct making *m)
{
	const struct guard_port *port = &m->port->port;
	char chain[FALLBACK_NAME_BYTES], to[FALLBACK_NAME_BYTES];

	making_port_chain(m->port, "police", chain);
	if (is_restricted(port)) {
		making_begin(m, chain);
		making_end(m, JUMP, making_port_chain(m->port, "services", to));
	}
	limit_put(m, chain, false, port->pps, port->pps_burst);
	limit_put(m, chain, true, port->flood_pps, port->flood_burst);
}

/* A frame that the kernel is to cut is longer than what it becomes, and rules of nft are not told:
 * only TCP and UDP are ever cut. */
static void length_put(struct making *m)
{
	static const struct {
		uint16_t type;
		struct match next;
	} cut[] = {{0x0800, IS(NH, 9, 1, 6)},
		   {0x0800, IS(NH, 9, 1, 17)},
		   {0x86dd, NEXT(6)},
		   {0x86dd, NEXT(17)}};
	/* Without the Ethernet header, which does not count here. */
	uint32_t most = htonl(m->port->port.max_bytes - ETHERNET_BYTES);
	char chain[FALLBACK_NAME_BYTES];
	struct nlmsghdr *message;

	making_port_chain(m->port, "length", chain);
	message = making_begin(m, chain);
	nft_meta(message, NFT_META_LEN);
	nft_order(message);
	nft_compare(message, NFT_CMP_LTE, &most, sizeof(most));
	making_end(m, RETURN, NULL);
	for (size_t i = 0; i < RF_COUNT(cut); i++) {
		match_put(protocol_begin(m, chain, cut[i].type), &cut[i].next);
		making_end(m, RETURN, NULL);
	}
	making_begin(m, chain);
	making_end(m, DROP, NULL);
}

static void mark_put(struct making *m)
{
	char chain[FALLBACK_NAME_BYTES];

	nft_mark(making_begin(m, making_port_chain(m->port, "sent", chain)),
		 m->state->secret | m->port->port.zone);
	making_end(m, FALLBACK_GO_ON, NULL);
}

/* May the zone that the sender's chain put in the mark reach this one? */
static void zone_rules(struct making *m)
{
	uint32_t to = m->port->port.zone;
	char chain[FALLBACK_NAME_BYTES];
	struct nlmsghdr *message;

	making_port_chain(m->port, "gets", chain);
	message = making_begin(m, chain);
	making_marked(m, message, true);
	making_pair(m, message, to, true, NFT_LOOKUP_HAS);
	making_end(m, ACCEPT, NULL);
	making_marked(m, making_begin(m, chain), true);
	making_end(m, DROP, NULL);
	making_begin(m, chain);
	making_end(m, JUMP, "unmarked");
	making_pair(m, making_begin(m, chain), to, false, NFT_LOOKUP_HAS);
	making_end(m, ACCEPT, NULL);
	making_begin(m, chain);
	making_end(m, DROP, NULL);
}

/* An address of a VM of this host does not come in by an uplink. */
static void uplink_rules(struct making *m)
{
	char chain[FALLBACK_NAME_BYTES];

	fallback_uplink_steps_make(m);
	struct nlmsghdr *message = making_begin(m, making_port_chain(m->port, "sent", chain));

	nft_payload(message, NFT_PAYLOAD_LL_HEADER, 6, 6);
	nft_lookup(message, fallback_sets[SET_OWNERS].name, NFT_LOOKUP_HAS);
	making_end(m, DROP, NULL);
	mark_put(m);
	making_begin(m, chain);
	making_end(m, ACCEPT, NULL);
	zone_rules(m);
}

static void all_rules(struct making *m, int32_t verdict)
{
	static const char *const ends[] = {"sent", "gets"};
	char chain[FALLBACK_NAME_BYTES];

	if (verdict == ACCEPT)
		mark_put(m);
	for (size_t i = 0; i < RF_COUNT(ends); i++) {
		making_begin(m, making_port_chain(m->port, ends[i], chain));
		making_end(m, verdict, NULL);
	}
}

/* What it sends is gone before it comes here. */
static void diverted_rules(struct making *m)
{
	const uint32_t from = m->port->port.redirect_ifindex;
	char chain[FALLBACK_NAME_BYTES];
	struct nlmsghdr *message;

	making_begin(m, making_port_chain(m->port, "sent", chain));
	making_end(m, DROP, NULL);
	message = making_begin(m, making_port_chain(m->port, "gets", chain));
	nft_meta(message, NFT_META_IIF);
	nft_compare(message, NFT_CMP_EQ, &from, sizeof(from));
	making_end(m, ACCEPT, NULL);
	making_begin(m, chain);
	making_end(m, DROP, NULL);
}

static void port_rules(struct making *m)
{
	const struct guard_port *port = &m->port->port;

	if (!has_chains(port))
		return;
	if (is_diverted(port)) {
		diverted_rules(m);
		return;
	}
	if (!is_judged(port)) {
		all_rules(m, is_shut(port) ? DROP : ACCEPT);
		return;
	}
	if (port->role == GUARD_ROLE_UPLINK) {
		uplink_rules(m);
		return;
	}
	mark_put(m);
	fallback_steps_make(m);
	zone_rules(m);
	length_put(m);
	if (is_policed(port))
		police_put(m);
	for (size_t way = 0; is_restricted(port) && way < RF_COUNT(ways); way++)
		services_put(m, way);
}

/* ---- a port's elements ---- */

static bool port_has(const struct guard_port *port, unsigned upto, const uint8_t mac[6])
{
	if (port->role != GUARD_ROLE_VM)
		return false;
	for (unsigned i = 0; i < upto && i <= port->n_macs && i <= GUARD_MACS; i++) {
		if (memcmp(i ? port->macs[i - 1] : port->mac, mac, 6) == 0)
			return true;
	}
	return false;
}

/* Whether a MAC is in the set for another port's sake, too. While the whole table is made only the
 * ports before count: one of them brought it. */
static bool is_anothers(const struct making *m, const uint8_t mac[6])
{
	for (size_t i = 0; i < m->state->ports_count; i++) {
		const struct fallback_port *other = &m->state->ports[i];

		if (strcmp(other->name, m->port->name) == 0) {
			if (m->whole)
				return false;
			continue;
		}
		if (port_has(&other->port, GUARD_MACS + 1, mac))
			return true;
	}
	return false;
}

static void element_do(struct making *m, const struct nft_element *e, bool remove)
{
	if (remove)
		nft_element_put(m->batch, e, true);
	else
		making_element(m, e);
}

static void elements_do(struct making *m, bool remove)
{
	static const struct {
		int set;
		const char *suffix;
		bool (*has)(const struct guard_port *port);
	} links[] = {{SET_BY_SENDER, "sent", has_chains},
		     {SET_BY_RECEIVER, "gets", has_chains},
		     {SET_POLICED, "police", is_policed}};
	static const uint8_t none[6];
	const struct guard_port *port = &m->port->port;
	char chain[FALLBACK_NAME_BYTES];

	for (size_t i = 0; i < RF_COUNT(links); i++) {
		if (!links[i].has(port))
			continue;
		making_port_chain(m->port, links[i].suffix, chain);
		const struct nft_element e =
			fallback_link_element(links[i].set, m->port->name, chain);

		element_do(m, &e, remove);
	}
	for (unsigned i = 0; port->role == GUARD_ROLE_VM && i <= port->n_macs && i <= GUARD_MACS;
	     i++) {
		const uint8_t *mac = i ? port->macs[i - 1] : port->mac;
		struct nft_element e = {.set = fallback_sets[SET_OWNERS].name,
					.kind = fallback_sets[SET_OWNERS].kind};

		if (memcmp(mac, none, 6) == 0 || port_has(port, i, mac) || is_anothers(m, mac))
			continue;
		memcpy(e.key, mac, 6);
		element_do(m, &e, remove);
	}
}

/* Whoever sets a port lets it send again. Added before it is taken away, so that this never fails.
 */
static void unblock(struct making *m)
{
	struct nft_element e = {.set = fallback_sets[SET_BLOCKED].name,
				.kind = fallback_sets[SET_BLOCKED].kind};

	if (!(m->port->port.flags & GUARD_BLOCK_ON_CHANGE))
		return;
	memcpy(e.key, m->port->name, strnlen(m->port->name, sizeof(e.key) - 1));
	nft_element_put(m->batch, &e, false);
	nft_element_put(m->batch, &e, true);
}

/* ---- all of a port ---- */

void fallback_port_make(struct making *m, const struct fallback_port *port)
{
	char chain[FALLBACK_NAME_BYTES];
	const char *suffix;

	m->port = port;
	m->traits = traits_of(&port->port);
	for (size_t i = 0; (suffix = fallback_port_suffix(port, i)); i++)
		making_chain(m, making_port_chain(port, suffix, chain), NFT_NO_HOOK, 0);
	fallback_port_pieces(m);
	port_rules(m);
	elements_do(m, false);
	fallback_copies_make(m);
}

/* Nothing leads to a chain that is taken away: elements first, then rules, which lead to others. */
void fallback_port_unmake(struct making *m, const struct fallback_port *port)
{
	char chain[FALLBACK_NAME_BYTES];
	const char *suffix;

	m->port = port;
	fallback_copies_unmake(m);
	elements_do(m, true);
	unblock(m);
	for (size_t i = 0; (suffix = fallback_port_suffix(port, i)); i++)
		nft_chain_flush(m->batch, making_port_chain(port, suffix, chain));
	for (size_t i = 0; (suffix = fallback_port_suffix(port, i)); i++)
		nft_chain_remove(m->batch, making_port_chain(port, suffix, chain));
}
