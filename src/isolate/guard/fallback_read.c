/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guard by nft, read back: the policy that the table carries, and whether rules, sets and hooks
 * are what this program makes of it. A rule's data (NFTA_RULE_USERDATA, at most 254 bytes) is its
 * sum, or a piece of the policy. See fallback_parts.h.
 */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/guard/fallback_parts.h"

/* Behind nft.h, which brings the definitions of the C library first. */
#include <linux/netfilter/nfnetlink.h>

#define READ_TRIES 3

/* ---- what was made ---- */

void folds_done(struct folds *folds)
{
	rf_free(folds->items);
	rf_free(folds->places);
	*folds = (struct folds){.items = NULL};
}

/* FNV-1a: whoever could forge it could write the rules themselves. */
uint64_t fold_bytes(uint64_t sum, const void *data, size_t len)
{
	const uint8_t *bytes = data;

	sum ^= 0xcbf29ce484222325ull;
	for (size_t i = 0; i < len; i++)
		sum = (sum ^ bytes[i]) * 0x100000001b3ull;
	return sum;
}

static size_t fold_place(const struct folds *folds, const char *name)
{
	size_t at = fold_bytes(0, name, strlen(name)) & (folds->places_count - 1);

	while (folds->places[at] && strcmp(folds->items[folds->places[at] - 1].name, name) != 0)
		at = (at + 1) & (folds->places_count - 1);
	return at;
}

/* At most half of the places are taken. */
static bool folds_room(struct folds *folds)
{
	size_t want = folds->places_count ? folds->places_count * 2 : 256;

	if (rf_grow((void **)&folds->items, &folds->capacity, folds->count + 1,
		    sizeof(*folds->items)) < 0)
		return false;
	if ((folds->count + 1) * 2 <= folds->places_count)
		return true;
	uint32_t *places = rf_alloc(want, sizeof(*places));

	if (!places)
		return false;
	rf_free(folds->places);
	folds->places = places;
	folds->places_count = want;
	for (size_t i = 0; i < folds->count; i++)
		places[fold_place(folds, folds->items[i].name)] = (uint32_t)i + 1;
	return true;
}

struct fold *folds_at(struct folds *folds, const char *name)
{
	static struct fold nowhere;

	if (folds->last < folds->count && strcmp(folds->items[folds->last].name, name) == 0)
		return &folds->items[folds->last];
	if (!folds_room(folds)) {
		folds->failed = true;
		return &nowhere;
	}
	size_t place = fold_place(folds, name);

	if (!folds->places[place]) {
		folds->items[folds->count] = (struct fold){.sum = 0};
		rf_copy(folds->items[folds->count].name, FALLBACK_NAME_BYTES, name);
		folds->places[place] = (uint32_t)++folds->count;
	}
	folds->last = folds->places[place] - 1;
	return &folds->items[folds->last];
}

void fold_element(struct folds *folds, const struct nft_element *e)
{
	char name[FALLBACK_NAME_BYTES];
	uint64_t sum = fold_bytes(0, e->key, sizeof(e->key));

	rf_format(name, sizeof(name), "@%.30s", e->set);
	if (e->chain)
		sum = fold_bytes(sum, e->chain, strlen(e->chain));
	/* The kernel tells of elements in an order of its own. */
	folds_at(folds, name)->sum += sum;
	folds_at(folds, name)->count++;
}

bool folds_equal(const struct folds *a, const struct folds *b)
{
	if (a->failed || b->failed || a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		const struct fold *x = &a->items[i];
		uint32_t other = b->places[fold_place(b, x->name)];
		const struct fold *y = other ? &b->items[other - 1] : NULL;

		if (!y || x->sum != y->sum || x->count != y->count || x->hook != y->hook)
			return false;
	}
	return true;
}

/* ---- reading ---- */

struct reading {
	struct fallback *out;
	struct folds folds;
	bool odd;      /* something of ours that this program does not make */
	bool sleeping; /* the table is there and does nothing */
	bool of_links; /* what is read hangs on single links (fallback_copy.c) */
	int rc;
	int set; /* that is read */
};

/* The attributes of one message or nest by their number; others are left out. */
struct attributes {
	const struct nlattr *at[NFTA_RULE_MAX + 1];
};

static int attribute_take(const struct nlattr *attr, void *arg)
{
	struct attributes *a = arg;
	uint16_t type = mnl_attr_get_type(attr);

	if (type < RF_COUNT(a->at))
		a->at[type] = attr;
	return MNL_CB_OK;
}

static void message_read(const struct nlmsghdr *m, struct attributes *out)
{
	*out = (struct attributes){{NULL}};
	(void)mnl_attr_parse(m, sizeof(struct nfgenmsg), attribute_take, out);
}

static void nest_read(const struct nlattr *nest, struct attributes *out)
{
	*out = (struct attributes){{NULL}};
	if (nest)
		(void)mnl_attr_parse_nested(nest, attribute_take, out);
}

static const char *text_at(const struct attributes *a, unsigned type)
{
	const struct nlattr *attr = a->at[type];

	return attr && mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) == 0 ? mnl_attr_get_str(attr)
									 : "";
}

static uint32_t number_at(const struct attributes *a, unsigned type)
{
	const struct nlattr *attr = a->at[type];

	return attr && mnl_attr_get_payload_len(attr) == 4 ? ntohl(mnl_attr_get_u32(attr)) : 0;
}

/* ---- the policy ---- */

/* The chain's name says whose it is: "p_vnet0_policy". */
static bool chain_is_port(const char *chain, const char *suffix, char out[16])
{
	size_t len = strlen(chain), end = strlen(suffix);

	if (!rf_starts(chain, "p_") || len < 3 + end || strcmp(chain + len - end, suffix) != 0 ||
	    chain[len - end - 1] != '_' || len - end - 3 >= 16)
		return false;
	rf_format(out, 16, "%.*s", (int)(len - end - 3), chain + 2);
	return true;
}

static bool port_piece(struct reading *r, const char *link, const struct fallback_piece *piece,
		       size_t len)
{
	const struct guard_port empty = {.mode = GUARD_MODE_DENY};
	struct fallback *f = r->out;
	struct fallback_port *port = (struct fallback_port *)(uintptr_t)fallback_find(f, link);

	if (piece->kind == 'P') {
		if (port || len != sizeof(piece->name) ||
		    strncmp(piece->name, link, sizeof(piece->name)) != 0)
			return false;
		r->rc = fallback_port_set(f, link, &empty);
		if (r->rc == 0)
			f->ports[f->ports_count - 1].stale = piece->line;
		return r->rc == 0;
	}
	if (piece->kind != 'L' || !port || piece->line >= FALLBACK_LINES)
		return false;
	size_t at = piece->line * (size_t)FALLBACK_LINE_BYTES;
	size_t room = sizeof(struct guard_port) - at;

	if (len != (room < FALLBACK_LINE_BYTES ? room : FALLBACK_LINE_BYTES))
		return false;
	memcpy((uint8_t *)&port->port + at, piece->bytes, len);
	return true;
}

static bool settings_piece(struct fallback *f, const struct fallback_piece *piece, size_t len)
{
	size_t at = piece->line * (size_t)FALLBACK_BIRTHS_LINE;

	if (piece->kind == 'S' && len == sizeof(piece->settings)) {
		f->secret = piece->settings.secret;
		f->strict = piece->settings.strict;
		return (f->secret & GUARD_MARK_ZONE) == 0;
	}
	if (piece->kind != 'B' || piece->count > FALLBACK_BIRTHS_LINE ||
	    at + piece->count > GUARD_RULES || at != f->births.count ||
	    len != piece->count * sizeof(piece->births[0]))
		return false;
	memcpy(&f->births.items[at], piece->births, len);
	f->births.count = (uint16_t)(f->births.count + piece->count);
	return guard_rules_check(&f->births, NULL) == 0;
}

static bool zone_piece(struct reading *r, const struct fallback_piece *piece, size_t len)
{
	if (piece->kind != 'Z' || len != sizeof(piece->row))
		return false;
	r->rc = fallback_zone_set(r->out, piece->zone, &piece->row);
	return r->rc == 0;
}

/* Of other sizes, or in other chains, it is not ours. */
static bool piece_take(struct reading *r, const char *chain, const uint8_t *data, size_t len)
{
	struct fallback_piece piece = {.kind = 0};
	char link[16];

	if (!data || len < FALLBACK_PIECE_HEAD || len > sizeof(piece))
		return false;
	memcpy(&piece, data, len);
	len -= FALLBACK_PIECE_HEAD;
	if (strcmp(chain, FALLBACK_STATE) == 0)
		return settings_piece(r->out, &piece, len);
	if (chain_is_port(chain, "policy", link))
		return port_piece(r, link, &piece, len);
	return zone_piece(r, &piece, len);
}

static bool is_policy(const char *chain)
{
	return strcmp(chain, FALLBACK_STATE) == 0 || rf_ends(chain, "_policy");
}

/* Of a link that went away nothing counts. */
static bool counts_here(const struct reading *r, const char *chain)
{
	char link[16];

	return !r->of_links || !fallback_copies_link(chain, link) || fallback_link_there(link);
}

static int rule_take(const struct nlmsghdr *answer, void *arg)
{
	struct reading *r = arg;
	struct attributes a;

	if ((answer->nlmsg_type & 0xff) != NFT_MSG_NEWRULE)
		return MNL_CB_OK;
	message_read(answer, &a);
	size_t len = 0;
	const uint8_t *bytes = nft_rule_data(a.at[NFTA_RULE_USERDATA], &len);
	const char *chain = text_at(&a, NFTA_RULE_CHAIN);

	if (is_policy(chain)) {
		r->odd |= !piece_take(r, chain, bytes, len);
		return MNL_CB_OK;
	}
	if (!counts_here(r, chain))
		return MNL_CB_OK;
	r->out->rules++;
	if (!bytes || len != 9 || bytes[0] != FALLBACK_TAG) {
		r->odd = true;
		return MNL_CB_OK;
	}
	struct fold *fold = folds_at(&r->folds, chain);

	fold->sum = fold_bytes(fold->sum, bytes + 1, len - 1);
	fold->count++;
	return MNL_CB_OK;
}

/* ---- what is there ---- */

static int chain_take(const struct nlmsghdr *answer, void *arg)
{
	struct reading *r = arg;
	struct attributes a, hook;

	if ((answer->nlmsg_type & 0xff) != NFT_MSG_NEWCHAIN)
		return MNL_CB_OK;
	message_read(answer, &a);
	const char *name = text_at(&a, NFTA_CHAIN_NAME);

	/* The kernel tells of every table's chains. */
	if (strcmp(text_at(&a, NFTA_CHAIN_TABLE), FALLBACK_TABLE) != 0 || is_policy(name) ||
	    !counts_here(r, name))
		return MNL_CB_OK;
	nest_read(a.at[NFTA_CHAIN_HOOK], &hook);
	folds_at(&r->folds, name)->hook =
		a.at[NFTA_CHAIN_HOOK] ? number_at(&hook, NFTA_HOOK_HOOKNUM) + 1 : 0;
	return MNL_CB_OK;
}

static int table_take(const struct nlmsghdr *answer, void *arg)
{
	struct reading *r = arg;
	struct attributes a;

	if ((answer->nlmsg_type & 0xff) != NFT_MSG_NEWTABLE)
		return MNL_CB_OK;
	message_read(answer, &a);
	if (strcmp(text_at(&a, NFTA_TABLE_NAME), FALLBACK_TABLE) != 0)
		return MNL_CB_OK;
	*(r->of_links ? &r->out->copies : &r->out->there) = true;
	r->sleeping |= (number_at(&a, NFTA_TABLE_FLAGS) & NFT_TABLE_F_DORMANT) != 0;
	return MNL_CB_OK;
}

static int element_take(const struct nlattr *attr, void *arg)
{
	struct reading *r = arg;
	struct attributes a, key, data, verdict;
	struct nft_element e = {.set = fallback_sets[r->set].name};
	size_t size = nft_key_bytes(fallback_sets[r->set].kind);

	nest_read(attr, &a);
	nest_read(a.at[NFTA_SET_ELEM_KEY], &key);
	nest_read(a.at[NFTA_SET_ELEM_DATA], &data);
	nest_read(data.at[NFTA_DATA_VERDICT], &verdict);
	if (key.at[NFTA_DATA_VALUE] && mnl_attr_get_payload_len(key.at[NFTA_DATA_VALUE]) == size)
		memcpy(e.key, mnl_attr_get_payload(key.at[NFTA_DATA_VALUE]), size);
	if (verdict.at[NFTA_VERDICT_CHAIN])
		e.chain = text_at(&verdict, NFTA_VERDICT_CHAIN);
	fold_element(&r->folds, &e);
	return MNL_CB_OK;
}

static int elements_take(const struct nlmsghdr *answer, void *arg)
{
	struct attributes a;

	if ((answer->nlmsg_type & 0xff) != NFT_MSG_NEWSETELEM)
		return MNL_CB_OK;
	message_read(answer, &a);
	if (a.at[NFTA_SET_ELEM_LIST_ELEMENTS])
		(void)mnl_attr_parse_nested(a.at[NFTA_SET_ELEM_LIST_ELEMENTS], element_take, arg);
	return MNL_CB_OK;
}

static int ask(struct reading *r, unsigned type, const char *set,
	       int (*take)(const struct nlmsghdr *answer, void *arg))
{
	const struct nft_question q = {.type = type,
				       .table = FALLBACK_TABLE,
				       .set = set,
				       .family = r->of_links ? NFPROTO_NETDEV : 0};
	int rc = nft_ask(&q, take, r);

	return rc ? rc : r->rc;
}

static int sets_read(struct reading *r)
{
	for (r->set = 0; r->set < FALLBACK_SETS; r->set++) {
		bool learned = r->set == SET_BLOCKED;
		int rc = ask(r, NFT_MSG_GETSETELEM, fallback_sets[r->set].name,
			     learned ? NULL : elements_take);

		if (rc == -ENOENT)
			r->odd = true;
		else if (rc < 0)
			return rc;
	}
	return 0;
}

/* Whether what is there is what this program makes of the policy that was read. */
static int whole_check(struct reading *r)
{
	struct nft_batch batch = {.sequence = 0};
	struct folds made = {.items = NULL};
	struct making m = {
		.state = r->out, .batch = &batch, .folds = &made, .there = fallback_link_there};
	int rc = nft_batch_begin(&batch, FALLBACK_TABLE);

	if (!rc)
		fallback_make(&m);
	if (!rc)
		rc = sets_read(r);
	r->out->whole = rc == 0 && !r->odd && !r->sleeping && r->out->secret &&
			folds_equal(&made, &r->folds);
	folds_done(&made);
	nft_batch_done(&batch);
	return rc;
}

/* The other table, which a kernel need not have. */
static int copies_read(struct reading *r)
{
	r->of_links = true;
	int rc = ask(r, NFT_MSG_GETTABLE, NULL, table_take);

	if (!rc && r->out->copies)
		rc = ask(r, NFT_MSG_GETRULE, NULL, rule_take);
	if (!rc && r->out->copies)
		rc = ask(r, NFT_MSG_GETCHAIN, NULL, chain_take);
	r->of_links = false;
	return rc == -ENOENT || nft_is_missing(rc) ? 0 : rc;
}

static int read_once(struct fallback *out)
{
	struct reading r = {.out = out};
	int rc = ask(&r, NFT_MSG_GETTABLE, NULL, table_take);

	/* No nf_tables at all is no table. */
	if (rc == -ENOENT || nft_is_missing(rc))
		rc = 0;
	if (!rc && out->there)
		rc = ask(&r, NFT_MSG_GETRULE, NULL, rule_take);
	if (!rc && out->there)
		rc = ask(&r, NFT_MSG_GETCHAIN, NULL, chain_take);
	if (!rc && out->there)
		rc = copies_read(&r);
	if (!rc && out->there)
		rc = whole_check(&r);
	folds_done(&r.folds);
	return rc;
}

int fallback_read(struct fallback *out, struct rf_err *err)
{
	FALLBACK_AUTO struct fallback f = {.ports = NULL};
	uint32_t after = 0;
	int rc = -EINTR;

	/* Somebody may change rules while they are read. */
	for (unsigned i = 0; i < READ_TRIES && (rc == -EINTR || f.generation != after); i++) {
		fallback_done(&f);
		rc = nft_generation(&f.generation);
		if (nft_is_missing(rc))
			rc = 0;
		if (!rc)
			rc = read_once(&f);
		after = f.generation;
		if (!rc && f.generation)
			rc = nft_generation(&after);
	}
	if (rc < 0)
		return rf_fail(err, rc, "rules of nft: %s", rf_code_text(rc));
	if (f.generation != after)
		f.generation = 0;
	for (size_t i = 0; f.there && !f.whole && i < f.ports_count; i++)
		f.ports[i].stale = true;
	*out = f;
	f = (struct fallback){.ports = NULL};
	return 0;
}

int fallback_renew(struct fallback *f, struct rf_err *err)
{
	uint32_t now = 0;

	if (f->generation && nft_generation(&now) == 0 && now == f->generation)
		return 0;
	fallback_done(f);
	return fallback_read(f, err);
}

/* ---- counters ---- */

/* What a chain's drops are for. */
static const struct {
	const char *suffix;
	uint32_t verdict;
} reasons[] = {
	{"length", GUARD_LENGTH},
	{"blocked", GUARD_BLOCKED},
	{"mac", GUARD_SOURCE_MAC},
	{"sent", GUARD_TYPE},
	{"arp", GUARD_ARP},
	{"sha", GUARD_ARP},
	{"tha", GUARD_ARP},
	{"rarp", GUARD_ARP},
	{"ipv4", GUARD_IPV4},
	{"ipv6", GUARD_EXTENSION},
	{"hops", GUARD_EXTENSION},
	{"part", GUARD_FRAGMENT},
	{"icmp6", GUARD_ADVERT},
	{"option", GUARD_ND},
	{"option2", GUARD_ND},
	{"target", GUARD_ND},
	{"from6", GUARD_IPV6},
	{"tagged", GUARD_VLAN},
	{"inner", GUARD_TYPE},
	{"arrives", GUARD_VLAN},
	{"own", GUARD_FOREIGN},
	{"groups", GUARD_GROUP},
	{"gets", GUARD_ZONE},
	{"police", GUARD_RATE},
	{"services", GUARD_QUARANTINE},
	{"answers", GUARD_QUARANTINE},
};

struct counting {
	void (*take)(void *arg, const char *link, uint32_t verdict, uint64_t frames);
	void *arg;
};

static int counter_take(const struct nlattr *attr, void *arg)
{
	struct attributes element, counter;
	uint64_t *frames = arg;

	nest_read(attr, &element);
	if (strcmp(text_at(&element, NFTA_EXPR_NAME), "counter") != 0)
		return MNL_CB_OK;
	nest_read(element.at[NFTA_EXPR_DATA], &counter);

	const struct nlattr *packets = counter.at[NFTA_COUNTER_PACKETS];

	if (packets && mnl_attr_get_payload_len(packets) == 8)
		*frames += be64toh(mnl_attr_get_u64(packets));
	return MNL_CB_OK;
}

static int count_take(const struct nlmsghdr *answer, void *arg)
{
	struct counting *c = arg;
	struct attributes a;
	uint64_t frames = 0;
	char link[16];

	if ((answer->nlmsg_type & 0xff) != NFT_MSG_NEWRULE)
		return MNL_CB_OK;
	message_read(answer, &a);
	if (a.at[NFTA_RULE_EXPRESSIONS])
		(void)mnl_attr_parse_nested(a.at[NFTA_RULE_EXPRESSIONS], counter_take, &frames);
	for (size_t i = 0; frames && i < RF_COUNT(reasons); i++) {
		if (chain_is_port(text_at(&a, NFTA_RULE_CHAIN), reasons[i].suffix, link))
			c->take(c->arg, link, reasons[i].verdict, frames);
	}
	return MNL_CB_OK;
}

int fallback_counts(void (*take)(void *arg, const char *link, uint32_t verdict, uint64_t frames),
		    void *arg, struct rf_err *err)
{
	const struct nft_question q = {.type = NFT_MSG_GETRULE, .table = FALLBACK_TABLE};
	struct counting c = {take, arg};
	int rc = nft_ask(&q, count_take, &c);

	if (rc == -ENOENT || nft_is_missing(rc))
		return 0;
	return rc ? rf_fail(err, rc, "rules of nft: %s", rf_code_text(rc)) : 0;
}
