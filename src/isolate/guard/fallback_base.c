/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of the guard by nft is no port's: where frames enter its chains, who may send to whom, what
 * links are refused that have no port yet, and how the table carries its policy. A frame that a
 * port let pass carries a mark as one of the BPF programs does: the high half is ours, the low half
 * the sender's zone. Sources: nft(8), net/bridge/br_netfilter_hooks.c for the order of hooks.
 */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/guard/fallback_parts.h"

#define PRIORITY       (-290) /* behind the second layer's, before everybody else's */
#define PRIORITY_LIMIT (-289) /* what was let pass meets it next */

/* By name, a link's kind: of a size that the kernel compares. */
#define KIND_BYTES 16

const struct fallback_set fallback_sets[FALLBACK_SETS] = {
	[SET_BY_SENDER] = {"by_sender", NFT_SET_OF_LINKS},
	[SET_BY_RECEIVER] = {"by_receiver", NFT_SET_OF_LINKS},
	[SET_POLICED] = {"policed", NFT_SET_OF_LINKS},
	[SET_OWNERS] = {"owners", NFT_SET_OF_MACS},
	[SET_PAIRS] = {"pairs", NFT_SET_OF_MARKS},
	[SET_BLOCKED] = {"blocked", NFT_SET_OF_NAMES},
};

/* ---- making ---- */

const char *making_port_chain(const struct fallback_port *port, const char *suffix,
			      char out[FALLBACK_NAME_BYTES])
{
	rf_format(out, FALLBACK_NAME_BYTES, "p_%s_%s", port->name, suffix);
	return out;
}

/* A chain of the policy's pieces holds no rule that judges. */
static bool is_policy(const char *chain)
{
	return strcmp(chain, FALLBACK_STATE) == 0 || rf_ends(chain, "_policy");
}

void making_chain(struct making *m, const char *name, int hook, int priority)
{
	nft_chain_add(m->batch, name, hook, priority);
	if (!is_policy(name))
		folds_at(m->folds, name)->hook = (uint32_t)(hook + 1);
}

void making_link_chain(struct making *m, const char *name, int hook)
{
	nft_chain_add_at(m->batch, name, hook, PRIORITY, m->port->name);
	folds_at(m->folds, name)->hook = (uint32_t)(hook + 1);
}

struct nlmsghdr *making_begin(struct making *m, const char *chain)
{
	rf_copy(m->chain, sizeof(m->chain), chain);
	nft_rule_begin(m->batch, chain, &m->rule);
	return m->rule.message;
}

/* Each rule carries a sum of its own bytes: nobody can put another in its place unseen. */
static void tag_and_end(struct making *m)
{
	struct fold *fold = folds_at(m->folds, m->chain);
	uint8_t tag[9] = {FALLBACK_TAG};
	uint64_t sum;
	size_t len;
	const void *bytes = nft_rule_bytes(&m->rule, &len);

	sum = fold_bytes(0, bytes, len);
	memcpy(tag + 1, &sum, sizeof(sum));
	fold->sum = fold_bytes(fold->sum, &sum, sizeof(sum));
	fold->count++;
	nft_rule_end(&m->rule, tag, sizeof(tag));
}

void making_end(struct making *m, int32_t verdict, const char *to)
{
	if (verdict == FALLBACK_DROP)
		nft_counter(m->rule.message);
	if (verdict != FALLBACK_GO_ON)
		nft_verdict(m->rule.message, (uint32_t)verdict, to);
	tag_and_end(m);
}

void making_element(struct making *m, const struct nft_element *element)
{
	nft_element_put(m->batch, element, false);
	fold_element(m->folds, element);
}

struct nft_element fallback_link_element(int set, const char *link, const char *chain)
{
	struct nft_element e = {
		.set = fallback_sets[set].name, .kind = fallback_sets[set].kind, .chain = chain};

	memcpy(e.key, link, strnlen(link, sizeof(e.key) - 1));
	return e;
}

void making_marked(struct making *m, struct nlmsghdr *message, bool has)
{
	static const uint32_t ours = GUARD_MARK_OURS;

	nft_meta(message, NFT_META_MARK);
	nft_mask(message, &ours, NULL, sizeof(ours));
	nft_compare(message, has ? NFT_CMP_EQ : NFT_CMP_NEQ, &m->state->secret,
		    sizeof(m->state->secret));
}

uint32_t fallback_pair_key(uint32_t from, uint32_t to)
{
	return to << 16 | from;
}

void making_pair(struct making *m, struct nlmsghdr *message, uint32_t to, bool own,
		 enum nft_lookup_way way)
{
	const uint32_t zone = own ? GUARD_ZONES - 1 : 0, key = fallback_pair_key(0, to);

	(void)m;
	nft_meta(message, NFT_META_MARK);
	nft_mask(message, &zone, &key, sizeof(zone));
	nft_lookup(message, fallback_sets[SET_PAIRS].name, way);
}

/* ---- the policy, in rules' data ---- */

static void piece_put(struct making *m, const char *chain, const struct fallback_piece *piece,
		      size_t len)
{
	struct nft_rule rule;

	nft_rule_begin(m->batch, chain, &rule);
	nft_rule_end(&rule, piece, FALLBACK_PIECE_HEAD + len);
}

static bool is_zero(const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (bytes[i])
			return false;
	}
	return true;
}

void fallback_port_pieces(struct making *m)
{
	struct fallback_piece piece = {.kind = 'P', .line = m->port->stale};
	char chain[FALLBACK_NAME_BYTES];

	making_port_chain(m->port, "policy", chain);
	memcpy(piece.name, m->port->name, sizeof(piece.name));
	piece_put(m, chain, &piece, sizeof(piece.name));
	piece.kind = 'L';
	for (size_t line = 0; line < FALLBACK_LINES; line++) {
		const uint8_t *at = (const uint8_t *)&m->port->port + line * FALLBACK_LINE_BYTES;
		size_t room = sizeof(struct guard_port) - line * FALLBACK_LINE_BYTES;
		size_t len = room < FALLBACK_LINE_BYTES ? room : FALLBACK_LINE_BYTES;

		piece.line = (uint8_t)line;
		memcpy(piece.bytes, at, len);
		if (!is_zero(at, len))
			piece_put(m, chain, &piece, len);
	}
}

static void settings_pieces(struct making *m)
{
	const struct fallback *f = m->state;
	struct fallback_piece piece = {.kind = 'S'};

	piece.settings.secret = f->secret;
	piece.settings.strict = f->strict;
	piece_put(m, FALLBACK_STATE, &piece, sizeof(piece.settings));
	for (size_t at = 0; at < f->births.count; at += FALLBACK_BIRTHS_LINE) {
		size_t left = f->births.count - at;

		piece = (struct fallback_piece){.kind = 'B',
						.line = (uint8_t)(at / FALLBACK_BIRTHS_LINE)};
		piece.count = (uint16_t)(left < FALLBACK_BIRTHS_LINE ? left : FALLBACK_BIRTHS_LINE);
		memcpy(piece.births, &f->births.items[at], piece.count * sizeof(piece.births[0]));
		piece_put(m, FALLBACK_STATE, &piece, piece.count * sizeof(piece.births[0]));
	}
}

/* ---- zones ---- */

/* A zone that is not restricted may leave, whatever its row says of zone 0. */
bool fallback_allows(const struct guard_zone *row, uint32_t to)
{
	return (row->to[to / 64 % (GUARD_ZONES / 64)] >> (to % 64) & 1) ||
	       (!row->restricted && to == 0);
}

static void pair_do(struct making *m, uint32_t from, uint32_t to, bool remove)
{
	struct nft_element e = {.set = fallback_sets[SET_PAIRS].name,
				.kind = fallback_sets[SET_PAIRS].kind};
	const uint32_t key = fallback_pair_key(from, to);

	memcpy(e.key, &key, sizeof(key));
	if (remove)
		nft_element_put(m->batch, &e, true);
	else
		making_element(m, &e);
}

void fallback_zone_make(struct making *m, const struct fallback_zone *zone,
			const struct guard_zone *before, bool again)
{
	struct fallback_piece piece = {.kind = 'Z', .zone = zone->number, .row = zone->row};
	char chain[FALLBACK_NAME_BYTES];

	rf_format(chain, sizeof(chain), "zone_%u_policy", zone->number);
	if (again)
		nft_chain_flush(m->batch, chain);
	else
		making_chain(m, chain, NFT_NO_HOOK, 0);
	piece_put(m, chain, &piece, sizeof(piece.row));
	for (uint32_t to = 0; to < GUARD_ZONES; to++) {
		bool had = fallback_allows(before, to), has = fallback_allows(&zone->row, to);

		if (had != has)
			pair_do(m, zone->number, to, had);
	}
}

static void zones_make(struct making *m)
{
	static const struct guard_zone none = {.restricted = 1};
	bool zero = false;

	for (size_t i = 0; i < m->state->zones_count; i++) {
		zero |= m->state->zones[i].number == 0;
		fallback_zone_make(m, &m->state->zones[i], &none, false);
	}
	/* What a new guard has. */
	if (!zero)
		pair_do(m, 0, 0, false);
}

/* ---- links without a port ---- */

static void name_compare(struct nlmsghdr *message, uint32_t key, const char *name)
{
	char full[NFT_NAME_BYTES] = {0};
	size_t len = strlen(name);
	bool star = len && name[len - 1] == '*';

	memcpy(full, name, star ? len - 1 : len);
	nft_meta(message, key);
	nft_compare(message, NFT_CMP_EQ, full, star ? len - 1 : sizeof(full));
}

/* What comes in by such a link, and what goes out by one. */
static const struct birth_way {
	const char *chain;
	uint32_t link, bridge, kind;
} birth_ways[] = {
	{"births", NFT_META_IIFNAME, NFT_META_BRI_IIFNAME, NFT_META_IIFKIND},
	{"births_to", NFT_META_OIFNAME, NFT_META_BRI_OIFNAME, NFT_META_OIFKIND},
};

/* Only what a VM's port is made of: an uplink of the same bridge is none. */
static void birth_put(struct making *m, const struct birth_way *way, const struct guard_rule *rule)
{
	static const char kinds[][KIND_BYTES] = {"tun", "veth"};

	if (rule->kind == GUARD_RULE_EXCEPT) {
		name_compare(making_begin(m, way->chain), way->link, rule->name);
		making_end(m, FALLBACK_RETURN, NULL);
		return;
	}
	for (size_t i = 0; i < RF_COUNT(kinds); i++) {
		struct nlmsghdr *message = making_begin(m, way->chain);

		name_compare(message, rule->kind == GUARD_RULE_BRIDGE ? way->bridge : way->link,
			     rule->name);
		nft_meta(message, way->kind);
		nft_compare(message, NFT_CMP_EQ, kinds[i], sizeof(kinds[i]));
		making_end(m, FALLBACK_DROP, NULL);
	}
}

/* ---- settings ---- */

static bool has_host_end(const struct fallback *f)
{
	for (size_t i = 0; i < f->ports_count; i++) {
		if (f->ports[i].port.role == GUARD_ROLE_HOST)
			return true;
	}
	return false;
}

/* The host's own end of bridges. nft does not tell on every kernel which bridge it is: one that is
 * guarded makes all of them so. */
static void host_rules(struct making *m)
{
	struct nlmsghdr *message;

	nft_mark(making_begin(m, "host_end"), m->state->secret);
	making_end(m, FALLBACK_GO_ON, NULL);
	message = making_begin(m, "host_gets");
	making_marked(m, message, true);
	making_pair(m, message, 0, true, NFT_LOOKUP_HAS_NOT);
	making_end(m, FALLBACK_DROP, NULL);
	making_marked(m, making_begin(m, "host_gets"), false);
	making_end(m, FALLBACK_JUMP, "unmarked");
}

void fallback_settings_make(struct making *m, bool again)
{
	static const char *const chains[] = {FALLBACK_STATE, "unmarked", "births",
					     "births_to",    "host_end", "host_gets"};
	const struct fallback *f = m->state;

	for (size_t i = 0; i < RF_COUNT(chains); i++) {
		if (again)
			nft_chain_flush(m->batch, chains[i]);
		else
			making_chain(m, chains[i], NFT_NO_HOOK, 0);
	}
	settings_pieces(m);
	if (f->strict) {
		making_begin(m, "unmarked");
		making_end(m, FALLBACK_DROP, NULL);
	}
	for (size_t way = 0; way < RF_COUNT(birth_ways); way++) {
		for (size_t i = 0; i < f->births.count; i++)
			birth_put(m, &birth_ways[way], &f->births.items[i]);
	}
	if (has_host_end(f))
		host_rules(m);
}

/* ---- the table ---- */

/* What is in a hook's chain, one after the other. */
static const struct {
	const char *chain;
	int hook, priority;
	int set; /* -1: none; else where the link leads to */
	uint32_t key;
	const char *jump;
	bool leaves; /* what goes to where no guard is */
} hooks[] = {
	{"from_ports", NFT_PRE_ROUTING, PRIORITY, SET_BY_SENDER, NFT_META_IIFNAME, "births", false},
	{"police", NFT_PRE_ROUTING, PRIORITY_LIMIT, SET_POLICED, NFT_META_IIFNAME, NULL, false},
	{"between", NFT_FORWARD, PRIORITY, SET_BY_RECEIVER, NFT_META_OIFNAME, "births_to", true},
	/* Its own mark first. */
	{"from_host", NFT_LOCAL_OUT, PRIORITY, -1, 0, "host_end", false},
	{"from_host", NFT_LOCAL_OUT, PRIORITY, SET_BY_RECEIVER, NFT_META_OIFNAME, "births_to",
	 false},
	{"to_host", NFT_LOCAL_IN, PRIORITY, -1, 0, "host_gets", true},
};

/* What a zone may not send to where no guard is: one frame's, for groups are for everybody. */
static void leaving_rule(struct making *m, const char *chain)
{
	static const uint8_t group = 1, unicast = 0;
	struct nlmsghdr *message = making_begin(m, chain);

	nft_payload(message, NFT_PAYLOAD_LL_HEADER, 0, 1);
	nft_mask(message, &group, NULL, 1);
	nft_compare(message, NFT_CMP_EQ, &unicast, 1);
	making_marked(m, message, true);
	making_pair(m, message, 0, true, NFT_LOOKUP_HAS_NOT);
	making_end(m, FALLBACK_DROP, NULL);
}

static void hook_make(struct making *m, size_t i)
{
	const char *chain = hooks[i].chain;

	if (i == 0 || strcmp(chain, hooks[i - 1].chain) != 0)
		making_chain(m, chain, hooks[i].hook, hooks[i].priority);
	if (hooks[i].set >= 0) {
		struct nlmsghdr *message = making_begin(m, chain);

		nft_meta(message, hooks[i].key);
		nft_lookup(message, fallback_sets[hooks[i].set].name, NFT_LOOKUP_GO);
		making_end(m, FALLBACK_GO_ON, NULL);
	}
	if (hooks[i].jump) {
		making_begin(m, chain);
		making_end(m, FALLBACK_JUMP, hooks[i].jump);
	}
	if (hooks[i].leaves)
		leaving_rule(m, chain);
}

void fallback_base_make(struct making *m)
{
	for (size_t i = 0; i < FALLBACK_SETS; i++)
		nft_set_add(m->batch, fallback_sets[i].name, fallback_sets[i].kind);
	fallback_settings_make(m, false);
	zones_make(m);
	for (size_t i = 0; i < RF_COUNT(hooks); i++)
		hook_make(m, i);
}

void fallback_make(struct making *m)
{
	m->whole = true;
	fallback_base_make(m);
	for (size_t i = 0; i < m->state->ports_count; i++)
		fallback_port_make(m, &m->state->ports[i]);
	m->whole = false;
}

/* ---- a change ---- */

static int change_apply(struct fallback *f, const struct fallback_change *change)
{
	switch (change->what) {
	case FALLBACK_PORT:
		return fallback_port_set(f, change->link, change->port);
	case FALLBACK_ZONE:
		return fallback_zone_set(f, change->zone, change->row);
	case FALLBACK_STRICT:
		f->strict = change->strict;
		return 0;
	case FALLBACK_BIRTHS:
		f->births = *change->births;
		return 0;
	}
	return RF_E_UNKNOWN;
}

static int port_change(struct fallback *f, const struct fallback_change *change, struct making *m)
{
	const struct fallback_port *port = fallback_find(f, change->link);
	bool host = has_host_end(f);

	if (port)
		fallback_port_unmake(m, port);
	int rc = change_apply(f, change);

	port = rc ? NULL : fallback_find(f, change->link);
	if (port)
		fallback_port_make(m, port);
	if (rc == 0 && has_host_end(f) != host)
		fallback_settings_make(m, true);
	return rc;
}

static int zone_change(struct fallback *f, const struct fallback_change *change, struct making *m)
{
	struct guard_zone before;
	bool again = false;

	fallback_zone_get(f, change->zone, &before);
	for (size_t i = 0; i < f->zones_count; i++)
		again |= f->zones[i].number == change->zone;
	int rc = change_apply(f, change);

	if (rc == 0)
		fallback_zone_make(
			m, &(struct fallback_zone){.number = change->zone, .row = *change->row},
			&before, again);
	return rc;
}

int fallback_change_make(struct fallback *f, const struct fallback_change *change, struct making *m)
{
	/* Of a table that is written as a whole only what it holds counts. */
	if (!m)
		return change_apply(f, change);
	if (change->what == FALLBACK_PORT)
		return port_change(f, change, m);
	if (change->what == FALLBACK_ZONE)
		return zone_change(f, change, m);
	int rc = change_apply(f, change);

	if (rc == 0)
		fallback_settings_make(m, true);
	return rc;
}
