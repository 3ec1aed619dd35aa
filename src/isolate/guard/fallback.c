/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guard by nft: reading and writing the table, and what it holds. See fallback.h. A rule's data
 * (NFTA_RULE_USERDATA, at most 254 bytes) is its sum, or, in the chain "state", a piece of the
 * policy: 'P' a port's name, 'L' lines of a port, 'Z' a zone's row. Rules are fallback_rules.c.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/guard/fallback_parts.h"
#include "isolate/guard/guard.h"

/* Behind nft.h, which brings the definitions of the C library first. */
#include <linux/netfilter/nfnetlink.h>

#define LINE_BYTES 192u
#define LINES	   ((sizeof(struct guard_port) + LINE_BYTES - 1) / LINE_BYTES)

/* How pieces of the policy lie in a rule's data. */
struct piece {
	uint8_t kind, line;
	uint16_t port;
	uint32_t zone;
	union {
		char name[16];
		uint8_t bytes[LINE_BYTES];
		struct guard_zone row;
	};
};
#define PIECE_HEAD offsetof(struct piece, name)

void fallback_done(struct fallback *f)
{
	rf_free(f->ports);
	rf_free(f->zones);
	*f = (struct fallback){.ports = NULL};
}

int guard_forbidden(struct rf_err *why)
{
	/* r0 = 0; exit: the smallest program of the guard's kind. */
	static const struct bpf_insn nothing[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
		{.code = BPF_JMP | BPF_EXIT}};
	int fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "rf_may", "GPL", nothing, RF_COUNT(nothing),
			       NULL);

	if (fd < 0)
		return rf_fail(why, -errno,
			       "BPF is forbidden here: the kernel loads no program: %s",
			       rf_code_text(-errno));
	close(fd);
	return 0;
}

/* ---- the policy ---- */

const struct fallback_port *fallback_find(const struct fallback *f, const char *name)
{
	for (size_t i = 0; i < f->ports_count; i++) {
		if (strcmp(f->ports[i].name, name) == 0)
			return &f->ports[i];
	}
	return NULL;
}

int fallback_port_set(struct fallback *f, const char *name, const struct guard_port *port)
{
	struct fallback_port *at = (struct fallback_port *)(uintptr_t)fallback_find(f, name);

	if (!port && !at)
		return 0;
	if (!port) {
		size_t left = f->ports_count - (size_t)(at - f->ports) - 1;

		memmove(at, at + 1, left * sizeof(*at));
		f->ports_count--;
		return 0;
	}
	if (!at && f->ports_count >= FALLBACK_PORTS)
		return RF_E_LIMIT;
	if (!at && rf_grow((void **)&f->ports, &f->ports_capacity, f->ports_count + 1,
			   sizeof(*f->ports)) < 0)
		return -ENOMEM;
	if (!at) {
		at = &f->ports[f->ports_count];
		*at = (struct fallback_port){.name = ""};
		if (!rf_copy(at->name, sizeof(at->name), name))
			return RF_E_LIMIT;
		f->ports_count++;
	}
	at->port = *port;
	at->stale = false;
	/* The guard's own to write: nft has no use for them. */
	at->port.ifindex = 0;
	at->port.slot = 0;
	return 0;
}

static struct guard_zone zone_new(uint32_t number)
{
	struct guard_zone row = {.restricted = 1};

	row.to[0] = number == 0;
	return row;
}

void fallback_zone_get(const struct fallback *f, uint32_t number, struct guard_zone *out)
{
	*out = zone_new(number);
	for (size_t i = 0; i < f->zones_count; i++) {
		if (f->zones[i].number == number)
			*out = f->zones[i].row;
	}
}

int fallback_zone_set(struct fallback *f, uint32_t number, const struct guard_zone *row)
{
	for (size_t i = 0; i < f->zones_count; i++) {
		if (f->zones[i].number == number) {
			f->zones[i].row = *row;
			return 0;
		}
	}
	if (number >= GUARD_ZONES)
		return RF_E_LIMIT;
	if (rf_grow((void **)&f->zones, &f->zones_capacity, f->zones_count + 1, sizeof(*f->zones)) <
	    0)
		return -ENOMEM;
	f->zones[f->zones_count++] = (struct fallback_zone){.number = number, .row = *row};
	return 0;
}

const char *fallback_refuses(const struct guard_port *port)
{
	if (port->role != GUARD_ROLE_VM)
		return "an uplink or the host's own end is guarded by BPF alone";
	if (port->vlan_mode != GUARD_VLAN_EST)
		return "VLAN tags are put on, taken off and chosen by BPF alone";
	if (port->redirect_ifindex || port->mirror_ifindex ||
	    (port->quarantine && port->quarantine != GUARD_SEAL))
		return "a quarantine below seal needs BPF";
	return NULL;
}

static bool has_rate(const struct guard_port *p)
{
	return p->pps || p->flood_pps;
}
static bool has_block(const struct guard_port *p)
{
	return p->flags & GUARD_BLOCK_ON_CHANGE;
}
static bool has_change(const struct guard_port *p)
{
	return p->flags & GUARD_MAC_CHANGE;
}
static bool observes(const struct guard_port *p)
{
	return p->mode == GUARD_MODE_OBSERVE;
}

static const struct {
	bool (*asked)(const struct guard_port *port);
	const char *words;
} lacks[] = {
	{has_rate, "limits of frames and broadcasts per second"},
	{has_block, "blocking the port when its MAC address changes"},
	{has_change, "that ARP and ND name the MAC address which the VM changed to"},
	{observes, "counting what would be refused"},
};

const char *fallback_lacks(const struct guard_port *port, size_t n)
{
	for (size_t i = 0; i < RF_COUNT(lacks); i++) {
		if (lacks[i].asked(port) && n-- == 0)
			return lacks[i].words;
	}
	return NULL;
}

/* ---- what was made, and what is there ---- */

void folds_done(struct folds *folds)
{
	rf_free(folds->items);
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

struct fold *folds_at(struct folds *folds, const char *name)
{
	static struct fold nowhere;

	if (folds->last < folds->count && strcmp(folds->items[folds->last].name, name) == 0)
		return &folds->items[folds->last];
	for (size_t i = 0; i < folds->count; i++) {
		if (strcmp(folds->items[i].name, name) == 0) {
			folds->last = i;
			return &folds->items[i];
		}
	}
	if (rf_grow((void **)&folds->items, &folds->capacity, folds->count + 1,
		    sizeof(*folds->items)) < 0) {
		folds->failed = true;
		return &nowhere;
	}
	folds->last = folds->count++;
	folds->items[folds->last] = (struct fold){.sum = 0};
	rf_copy(folds->items[folds->last].name, FALLBACK_NAME_BYTES, name);
	return &folds->items[folds->last];
}

void fold_element(struct folds *folds, const char *set, const char *link, const char *chain)
{
	char name[FALLBACK_NAME_BYTES], key[NFT_NAME_BYTES] = {0};
	uint64_t sum;

	rf_format(name, sizeof(name), "@%.30s", set);
	memcpy(key, link, strnlen(link, sizeof(key) - 1));
	sum = fold_bytes(0, key, sizeof(key));
	sum = fold_bytes(sum, chain, strlen(chain));
	/* The kernel tells of elements in an order of its own. */
	folds_at(folds, name)->sum += sum;
	folds_at(folds, name)->count++;
}

static int fold_order(const void *a, const void *b)
{
	return strcmp(((const struct fold *)a)->name, ((const struct fold *)b)->name);
}

bool folds_equal(struct folds *a, struct folds *b)
{
	if (a->failed || b->failed || a->count != b->count)
		return false;
	qsort(a->items, a->count, sizeof(*a->items), fold_order);
	qsort(b->items, b->count, sizeof(*b->items), fold_order);
	for (size_t i = 0; i < a->count; i++) {
		const struct fold *x = &a->items[i], *y = &b->items[i];

		if (strcmp(x->name, y->name) != 0 || x->sum != y->sum || x->count != y->count ||
		    x->hook != y->hook)
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
	int rc;
	char name[FALLBACK_NAME_BYTES]; /* of the set that is read */
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

/* A piece of the policy; of other sizes, or about ports that were not named, it is not ours. */
static bool piece_take(struct reading *r, const void *data, size_t len)
{
	struct fallback *f = r->out;
	struct piece piece = {.kind = 0};

	if (len < PIECE_HEAD || len > sizeof(piece))
		return false;
	memcpy(&piece, data, len);
	if (piece.kind == 'P' && len == PIECE_HEAD + sizeof(piece.name)) {
		const struct guard_port empty = {.mode = GUARD_MODE_DENY};

		piece.name[sizeof(piece.name) - 1] = '\0';
		if (piece.port != f->ports_count || fallback_find(f, piece.name))
			return false;
		r->rc = fallback_port_set(f, piece.name, &empty);
		if (r->rc == 0)
			f->ports[f->ports_count - 1].stale = piece.line;
		return r->rc == 0;
	}
	if (piece.kind == 'Z' && len == PIECE_HEAD + sizeof(piece.row)) {
		r->rc = fallback_zone_set(f, piece.zone, &piece.row);
		return r->rc == 0;
	}
	size_t at = piece.line * (size_t)LINE_BYTES;

	if (piece.kind != 'L' || piece.port >= f->ports_count || piece.line >= LINES)
		return false;
	size_t room = sizeof(struct guard_port) - at;

	if (len - PIECE_HEAD != (room < LINE_BYTES ? room : LINE_BYTES))
		return false;
	memcpy((uint8_t *)&f->ports[piece.port].port + at, piece.bytes, len - PIECE_HEAD);
	return true;
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

	if (strcmp(chain, FALLBACK_STATE) == 0) {
		r->odd |= !bytes || !piece_take(r, bytes, len);
		return MNL_CB_OK;
	}
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

static int chain_take(const struct nlmsghdr *answer, void *arg)
{
	struct reading *r = arg;
	struct attributes a, hook;

	if ((answer->nlmsg_type & 0xff) != NFT_MSG_NEWCHAIN)
		return MNL_CB_OK;
	message_read(answer, &a);
	const char *name = text_at(&a, NFTA_CHAIN_NAME);

	/* The kernel tells of every table's chains. */
	if (strcmp(text_at(&a, NFTA_CHAIN_TABLE), FALLBACK_TABLE) != 0 ||
	    strcmp(name, FALLBACK_STATE) == 0)
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
	r->out->there = true;
	r->sleeping = number_at(&a, NFTA_TABLE_FLAGS) & NFT_TABLE_F_DORMANT;
	return MNL_CB_OK;
}

static int element_take(const struct nlattr *attr, void *arg)
{
	struct reading *r = arg;
	struct attributes a, key, data, verdict;
	char link[NFT_NAME_BYTES] = "";

	nest_read(attr, &a);
	nest_read(a.at[NFTA_SET_ELEM_KEY], &key);
	nest_read(a.at[NFTA_SET_ELEM_DATA], &data);
	nest_read(data.at[NFTA_DATA_VERDICT], &verdict);
	if (key.at[NFTA_DATA_VALUE] &&
	    mnl_attr_get_payload_len(key.at[NFTA_DATA_VALUE]) == sizeof(link))
		memcpy(link, mnl_attr_get_payload(key.at[NFTA_DATA_VALUE]), sizeof(link) - 1);
	fold_element(&r->folds, r->name, link, text_at(&verdict, NFTA_VERDICT_CHAIN));
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
	const struct nft_question q = {.type = type, .table = FALLBACK_TABLE, .set = set};
	int rc = nft_ask(&q, take, r);

	return rc ? rc : r->rc;
}

/* The sets that the policy makes, as they are. */
static int sets_read(struct reading *r, const struct folds *made)
{
	for (size_t i = 0; i < made->count; i++) {
		if (made->items[i].name[0] != '@')
			continue;
		rf_copy(r->name, sizeof(r->name), made->items[i].name + 1);
		int rc = ask(r, NFT_MSG_GETSETELEM, r->name, elements_take);

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
	int rc = nft_batch_begin(&batch, FALLBACK_TABLE);

	if (!rc) {
		fallback_make(r->out, &batch, &made);
		rc = sets_read(r, &made);
	}
	r->out->whole = rc == 0 && !r->odd && !r->sleeping && folds_equal(&made, &r->folds);
	folds_done(&made);
	nft_batch_done(&batch);
	return rc;
}

int fallback_read(struct fallback *out, struct rf_err *err)
{
	FALLBACK_AUTO struct fallback f = {.ports = NULL};
	struct reading r = {.out = &f};
	int rc = ask(&r, NFT_MSG_GETTABLE, NULL, table_take);

	/* No nf_tables at all is no table. */
	if (rc == -ENOENT || nft_is_missing(rc))
		rc = 0;
	if (!rc && f.there)
		rc = ask(&r, NFT_MSG_GETRULE, NULL, rule_take);
	if (!rc && f.there)
		rc = ask(&r, NFT_MSG_GETCHAIN, NULL, chain_take);
	if (!rc && f.there)
		rc = whole_check(&r);
	folds_done(&r.folds);
	if (rc < 0)
		return rf_fail(err, rc, "rules of nft: %s", rf_code_text(rc));
	for (size_t i = 0; f.there && !f.whole && i < f.ports_count; i++)
		f.ports[i].stale = true;
	*out = f;
	f = (struct fallback){.ports = NULL};
	return 0;
}

/* ---- writing ---- */

static void piece_put(struct nft_batch *batch, const struct piece *piece, size_t len)
{
	struct nft_rule rule;

	nft_rule_begin(batch, FALLBACK_STATE, &rule);
	nft_rule_end(&rule, piece, PIECE_HEAD + len);
}

static bool is_zero(const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (bytes[i])
			return false;
	}
	return true;
}

static void state_put(struct nft_batch *batch, const struct fallback *f)
{
	nft_chain_add(batch, FALLBACK_STATE, NFT_NO_HOOK, 0);
	for (size_t i = 0; i < f->ports_count; i++) {
		struct piece piece = {.kind = 'P', .line = f->ports[i].stale, .port = (uint16_t)i};

		memcpy(piece.name, f->ports[i].name, sizeof(piece.name));
		piece_put(batch, &piece, sizeof(piece.name));
		piece.kind = 'L';
		for (size_t line = 0; line < LINES; line++) {
			const uint8_t *at = (const uint8_t *)&f->ports[i].port + line * LINE_BYTES;
			size_t room = sizeof(struct guard_port) - line * LINE_BYTES;
			size_t len = room < LINE_BYTES ? room : LINE_BYTES;

			piece.line = (uint8_t)line;
			memcpy(piece.bytes, at, len);
			if (!is_zero(at, len))
				piece_put(batch, &piece, len);
		}
	}
	for (size_t i = 0; i < f->zones_count; i++) {
		struct piece piece = {
			.kind = 'Z', .zone = f->zones[i].number, .row = f->zones[i].row};

		piece_put(batch, &piece, sizeof(piece.row));
	}
}

int fallback_write(const struct fallback *f, struct rf_err *err)
{
	struct nft_batch batch = {.sequence = 0};
	struct folds made = {.items = NULL};
	int rc = 0;

	for (size_t i = 0; i < f->ports_count; i++) {
		const char *why = fallback_refuses(&f->ports[i].port);

		if (why)
			return rf_fail(err, RF_E_UNSUPPORTED, "%s: BPF is forbidden here, and %s",
				       f->ports[i].name, why);
	}
	rc = nft_batch_begin(&batch, FALLBACK_TABLE);
	if (!rc) {
		nft_table_renew(&batch);
		state_put(&batch, f);
		fallback_make(f, &batch, &made);
		rc = made.failed ? -ENOMEM : nft_batch_run(&batch);
	}
	folds_done(&made);
	nft_batch_done(&batch);
	if (rc == -ENOENT || nft_is_missing(rc))
		return rf_fail(err, RF_E_UNSUPPORTED,
			       "BPF is forbidden here, and this kernel has no nf_tables for "
			       "bridges (nf_tables, nft_meta_bridge)");
	return rc ? rf_fail(err, rc, "rules of nft: %s", rf_code_text(rc)) : 0;
}
