/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of nf_tables, see nft.h. */
#include "isolate/guard/nft.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/mem.h"

#define ANSWER_BYTES   (64u << 10)
#define ANSWER_SECONDS 5
#define BATCH_MAX      (64u << 20)
/* A rule's data is a list of type, length and value to nft(8), which shows those of its own types:
 * ours is one of none of them. */
#define DATA_TYPE   0x52
#define DATA_HEAD   2u
#define LEARNED_MAX 4096u

/* ---- one transaction ---- */

static struct nlmsghdr *message_begin(struct nft_batch *t, uint16_t type, uint16_t flags,
				      uint8_t family)
{
	bool room = rf_grow((void **)&t->bytes, &t->capacity, t->len + NFT_ROOM_BYTES, 1) == 0;
	char *at = room ? t->bytes + t->len : t->scratch;
	struct nlmsghdr *message;
	struct nfgenmsg *generic;

	if (!room)
		t->len = BATCH_MAX;
	/* Also what pads attributes: sums are taken of it. */
	memset(at, 0, NFT_ROOM_BYTES);
	message = mnl_nlmsg_put_header(at);
	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | flags;
	message->nlmsg_seq = t->sequence++;
	generic = mnl_nlmsg_put_extra_header(message, sizeof(*generic));
	generic->nfgen_family = family;
	generic->version = NFNETLINK_V0;
	generic->res_id = type < NLMSG_MIN_TYPE + 8 ? htons(NFNL_SUBSYS_NFTABLES) : 0;
	return message;
}

static void message_end(struct nft_batch *t, const struct nlmsghdr *message)
{
	if (t->len < BATCH_MAX)
		t->len += (message->nlmsg_len + 3u) & ~3u;
}

static struct nlmsghdr *ours_begin(struct nft_batch *t, unsigned type, uint16_t flags)
{
	t->last = t->sequence;
	return message_begin(t, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), flags,
			     t->family ? t->family : NFPROTO_BRIDGE);
}

int nft_batch_begin_at(struct nft_batch *t, const char *table, uint32_t generation)
{
	*t = (struct nft_batch){
		.table = table, .sequence = 1, .scratch = rf_alloc(1, NFT_ROOM_BYTES)};
	if (!t->scratch)
		return -ENOMEM;
	struct nlmsghdr *m = message_begin(t, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC);

	if (generation)
		mnl_attr_put_u32(m, NFNL_BATCH_GENID, htonl(generation));
	message_end(t, m);
	return 0;
}

int nft_batch_begin(struct nft_batch *t, const char *table)
{
	return nft_batch_begin_at(t, table, 0);
}

void nft_batch_done(struct nft_batch *t)
{
	rf_free(t->bytes);
	rf_free(t->scratch);
	*t = (struct nft_batch){.sequence = 0};
}

static void table_put(struct nft_batch *t, unsigned type)
{
	struct nlmsghdr *m = ours_begin(t, type, type == NFT_MSG_NEWTABLE ? NLM_F_CREATE : 0);

	mnl_attr_put_strz(m, NFTA_TABLE_NAME, t->table);
	message_end(t, m);
}

void nft_table_remove(struct nft_batch *t)
{
	/* Added before it is deleted, so that deleting never fails. */
	table_put(t, NFT_MSG_NEWTABLE);
	table_put(t, NFT_MSG_DELTABLE);
}

void nft_table_add(struct nft_batch *t)
{
	table_put(t, NFT_MSG_NEWTABLE);
}

void nft_table_renew(struct nft_batch *t)
{
	nft_table_remove(t);
	table_put(t, NFT_MSG_NEWTABLE);
}

void nft_chain_add(struct nft_batch *t, const char *name, int hook, int priority)
{
	nft_chain_add_at(t, name, hook, priority, NULL);
}

void nft_chain_add_at(struct nft_batch *t, const char *name, int hook, int priority,
		      const char *link)
{
	struct nlmsghdr *m = ours_begin(t, NFT_MSG_NEWCHAIN, NLM_F_CREATE);

	mnl_attr_put_strz(m, NFTA_CHAIN_TABLE, t->table);
	mnl_attr_put_strz(m, NFTA_CHAIN_NAME, name);
	if (hook != NFT_NO_HOOK) {
		mnl_attr_put_strz(m, NFTA_CHAIN_TYPE, "filter");
		mnl_attr_put_u32(m, NFTA_CHAIN_POLICY, htonl(NF_ACCEPT));
		struct nlattr *nest = mnl_attr_nest_start(m, NFTA_CHAIN_HOOK);

		mnl_attr_put_u32(m, NFTA_HOOK_HOOKNUM, htonl((uint32_t)hook));
		mnl_attr_put_u32(m, NFTA_HOOK_PRIORITY, htonl((uint32_t)priority));
		if (link)
			mnl_attr_put_strz(m, NFTA_HOOK_DEV, link);
		mnl_attr_nest_end(m, nest);
	}
	message_end(t, m);
}

void nft_chain_flush(struct nft_batch *t, const char *name)
{
	struct nlmsghdr *m = ours_begin(t, NFT_MSG_DELRULE, 0);

	mnl_attr_put_strz(m, NFTA_RULE_TABLE, t->table);
	mnl_attr_put_strz(m, NFTA_RULE_CHAIN, name);
	message_end(t, m);
}

void nft_chain_remove(struct nft_batch *t, const char *name)
{
	struct nlmsghdr *m = ours_begin(t, NFT_MSG_DELCHAIN, 0);

	mnl_attr_put_strz(m, NFTA_CHAIN_TABLE, t->table);
	mnl_attr_put_strz(m, NFTA_CHAIN_NAME, name);
	message_end(t, m);
}

/* type: as nft(8) numbers them. */
static const struct {
	uint32_t type, bytes;
} set_kinds[] = {
	[NFT_SET_OF_LINKS] = {41, NFT_NAME_BYTES},
	[NFT_SET_OF_MACS] = {9, 6},
	[NFT_SET_OF_MARKS] = {19, 4},
	[NFT_SET_OF_NAMES] = {41, NFT_NAME_BYTES},
};

size_t nft_key_bytes(enum nft_set_kind kind)
{
	return set_kinds[kind].bytes;
}

void nft_set_add(struct nft_batch *t, const char *name, enum nft_set_kind kind)
{
	struct nlmsghdr *m = ours_begin(t, NFT_MSG_NEWSET, NLM_F_CREATE);
	bool map = kind == NFT_SET_OF_LINKS;

	mnl_attr_put_strz(m, NFTA_SET_TABLE, t->table);
	mnl_attr_put_strz(m, NFTA_SET_NAME, name);
	mnl_attr_put_u32(m, NFTA_SET_FLAGS,
			 htonl(map			  ? NFT_SET_MAP
			       : kind == NFT_SET_OF_NAMES ? NFT_SET_EVAL
							  : 0));
	mnl_attr_put_u32(m, NFTA_SET_KEY_TYPE, htonl(set_kinds[kind].type));
	mnl_attr_put_u32(m, NFTA_SET_KEY_LEN, htonl(set_kinds[kind].bytes));
	if (map)
		mnl_attr_put_u32(m, NFTA_SET_DATA_TYPE, htonl(NFT_DATA_VERDICT));
	/* What rules add to has an end. */
	if (kind == NFT_SET_OF_NAMES) {
		struct nlattr *nest = mnl_attr_nest_start(m, NFTA_SET_DESC);

		mnl_attr_put_u32(m, NFTA_SET_DESC_SIZE, htonl(LEARNED_MAX));
		mnl_attr_nest_end(m, nest);
	}
	mnl_attr_put_u32(m, NFTA_SET_ID, htonl(++t->sets));
	message_end(t, m);
}

static void verdict_put(struct nlmsghdr *m, uint16_t type, uint32_t code, const char *chain)
{
	struct nlattr *data = mnl_attr_nest_start(m, type);
	struct nlattr *verdict = mnl_attr_nest_start(m, NFTA_DATA_VERDICT);

	mnl_attr_put_u32(m, NFTA_VERDICT_CODE, htonl(code));
	if (chain)
		mnl_attr_put_strz(m, NFTA_VERDICT_CHAIN, chain);
	mnl_attr_nest_end(m, verdict);
	mnl_attr_nest_end(m, data);
}

static void value_put(struct nlmsghdr *m, uint16_t type, const void *value, size_t size)
{
	struct nlattr *nest = mnl_attr_nest_start(m, type);

	mnl_attr_put(m, NFTA_DATA_VALUE, size, value);
	mnl_attr_nest_end(m, nest);
}

void nft_element_put(struct nft_batch *t, const struct nft_element *e, bool remove)
{
	struct nlmsghdr *m = ours_begin(t, remove ? NFT_MSG_DELSETELEM : NFT_MSG_NEWSETELEM,
					remove ? 0 : NLM_F_CREATE);

	mnl_attr_put_strz(m, NFTA_SET_ELEM_LIST_TABLE, t->table);
	mnl_attr_put_strz(m, NFTA_SET_ELEM_LIST_SET, e->set);
	struct nlattr *list = mnl_attr_nest_start(m, NFTA_SET_ELEM_LIST_ELEMENTS);
	struct nlattr *element = mnl_attr_nest_start(m, NFTA_LIST_ELEM);

	value_put(m, NFTA_SET_ELEM_KEY, e->key, nft_key_bytes(e->kind));
	if (e->chain && !remove)
		verdict_put(m, NFTA_SET_ELEM_DATA, (uint32_t)NFT_GOTO, e->chain);
	mnl_attr_nest_end(m, element);
	mnl_attr_nest_end(m, list);
	message_end(t, m);
}

/* ---- rules ---- */

void nft_rule_begin(struct nft_batch *t, const char *chain, struct nft_rule *out)
{
	struct nlmsghdr *m = ours_begin(t, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);

	mnl_attr_put_strz(m, NFTA_RULE_TABLE, t->table);
	mnl_attr_put_strz(m, NFTA_RULE_CHAIN, chain);
	*out = (struct nft_rule){
		.batch = t, .message = m, .list = mnl_attr_nest_start(m, NFTA_RULE_EXPRESSIONS)};
}

const void *nft_rule_bytes(const struct nft_rule *rule, size_t *out_len)
{
	const char *end = mnl_nlmsg_get_payload_tail(rule->message);
	const char *begin = mnl_attr_get_payload(rule->list);

	*out_len = (size_t)(end - begin);
	return begin;
}

void nft_rule_end(struct nft_rule *rule, const void *data, size_t len)
{
	uint8_t kept[NFT_DATA_MAX + DATA_HEAD] = {DATA_TYPE, (uint8_t)len};

	mnl_attr_nest_end(rule->message, rule->list);
	if (data && len <= NFT_DATA_MAX) {
		memcpy(kept + DATA_HEAD, data, len);
		mnl_attr_put(rule->message, NFTA_RULE_USERDATA, DATA_HEAD + len, kept);
	}
	message_end(rule->batch, rule->message);
}

const uint8_t *nft_rule_data(const struct nlattr *userdata, size_t *out_len)
{
	const uint8_t *bytes = userdata ? mnl_attr_get_payload(userdata) : NULL;
	size_t len = userdata ? mnl_attr_get_payload_len(userdata) : 0;

	if (len < DATA_HEAD || bytes[0] != DATA_TYPE || bytes[1] != len - DATA_HEAD)
		return NULL;
	*out_len = len - DATA_HEAD;
	return bytes + DATA_HEAD;
}

struct expression {
	struct nlattr *element, *data;
};

static struct expression expression_begin(struct nlmsghdr *m, const char *name)
{
	struct expression e = {.element = mnl_attr_nest_start(m, NFTA_LIST_ELEM)};

	mnl_attr_put_strz(m, NFTA_EXPR_NAME, name);
	e.data = mnl_attr_nest_start(m, NFTA_EXPR_DATA);
	return e;
}

static void expression_end(struct nlmsghdr *m, struct expression e)
{
	mnl_attr_nest_end(m, e.data);
	mnl_attr_nest_end(m, e.element);
}

void nft_meta(struct nlmsghdr *m, uint32_t key)
{
	struct expression e = expression_begin(m, "meta");

	mnl_attr_put_u32(m, NFTA_META_DREG, htonl(NFT_REG_1));
	mnl_attr_put_u32(m, NFTA_META_KEY, htonl(key));
	expression_end(m, e);
}

void nft_payload(struct nlmsghdr *m, enum nft_payload_bases base, uint32_t offset, uint32_t len)
{
	struct expression e = expression_begin(m, "payload");

	mnl_attr_put_u32(m, NFTA_PAYLOAD_DREG, htonl(NFT_REG_1));
	mnl_attr_put_u32(m, NFTA_PAYLOAD_BASE, htonl(base));
	mnl_attr_put_u32(m, NFTA_PAYLOAD_OFFSET, htonl(offset));
	mnl_attr_put_u32(m, NFTA_PAYLOAD_LEN, htonl(len));
	expression_end(m, e);
}

void nft_mask(struct nlmsghdr *m, const void *mask, const void *flip, uint32_t len)
{
	static const uint8_t zero[NFT_NAME_BYTES];
	struct expression e = expression_begin(m, "bitwise");

	mnl_attr_put_u32(m, NFTA_BITWISE_SREG, htonl(NFT_REG_1));
	mnl_attr_put_u32(m, NFTA_BITWISE_DREG, htonl(NFT_REG_1));
	mnl_attr_put_u32(m, NFTA_BITWISE_LEN, htonl(len));
	value_put(m, NFTA_BITWISE_MASK, mask, len);
	value_put(m, NFTA_BITWISE_XOR, flip ? flip : zero, len);
	expression_end(m, e);
}

void nft_compare(struct nlmsghdr *m, uint32_t op, const void *value, size_t size)
{
	struct expression e = expression_begin(m, "cmp");

	mnl_attr_put_u32(m, NFTA_CMP_SREG, htonl(NFT_REG_1));
	mnl_attr_put_u32(m, NFTA_CMP_OP, htonl(op));
	value_put(m, NFTA_CMP_DATA, value, size);
	expression_end(m, e);
}

void nft_order(struct nlmsghdr *m)
{
	struct expression e = expression_begin(m, "byteorder");

	mnl_attr_put_u32(m, NFTA_BYTEORDER_SREG, htonl(NFT_REG_1));
	mnl_attr_put_u32(m, NFTA_BYTEORDER_DREG, htonl(NFT_REG_1));
	mnl_attr_put_u32(m, NFTA_BYTEORDER_OP, htonl(NFT_BYTEORDER_HTON));
	mnl_attr_put_u32(m, NFTA_BYTEORDER_LEN, htonl(4));
	mnl_attr_put_u32(m, NFTA_BYTEORDER_SIZE, htonl(4));
	expression_end(m, e);
}

void nft_learn(struct nlmsghdr *m, const char *set)
{
	struct expression e = expression_begin(m, "dynset");

	mnl_attr_put_strz(m, NFTA_DYNSET_SET_NAME, set);
	mnl_attr_put_u32(m, NFTA_DYNSET_OP, htonl(NFT_DYNSET_OP_ADD));
	mnl_attr_put_u32(m, NFTA_DYNSET_SREG_KEY, htonl(NFT_REG_1));
	expression_end(m, e);
}

static void out_of(struct nlmsghdr *m, const char *name, uint16_t attribute, uint32_t ifindex)
{
	struct expression e = expression_begin(m, "immediate");

	mnl_attr_put_u32(m, NFTA_IMMEDIATE_DREG, htonl(NFT_REG_1));
	value_put(m, NFTA_IMMEDIATE_DATA, &ifindex, sizeof(ifindex));
	expression_end(m, e);
	e = expression_begin(m, name);
	mnl_attr_put_u32(m, attribute, htonl(NFT_REG_1));
	expression_end(m, e);
}

void nft_copy(struct nlmsghdr *m, uint32_t ifindex)
{
	out_of(m, "dup", NFTA_DUP_SREG_DEV, ifindex);
}

void nft_send(struct nlmsghdr *m, uint32_t ifindex)
{
	out_of(m, "fwd", NFTA_FWD_SREG_DEV, ifindex);
}

void nft_mark(struct nlmsghdr *m, uint32_t mark)
{
	struct expression e = expression_begin(m, "immediate");

	mnl_attr_put_u32(m, NFTA_IMMEDIATE_DREG, htonl(NFT_REG_1));
	value_put(m, NFTA_IMMEDIATE_DATA, &mark, sizeof(mark));
	expression_end(m, e);
	e = expression_begin(m, "meta");
	mnl_attr_put_u32(m, NFTA_META_SREG, htonl(NFT_REG_1));
	mnl_attr_put_u32(m, NFTA_META_KEY, htonl(NFT_META_MARK));
	expression_end(m, e);
}

void nft_over(struct nlmsghdr *m, uint64_t per_second, uint32_t burst)
{
	struct expression e = expression_begin(m, "limit");

	mnl_attr_put_u64(m, NFTA_LIMIT_RATE, htobe64(per_second));
	mnl_attr_put_u64(m, NFTA_LIMIT_UNIT, htobe64(1));
	mnl_attr_put_u32(m, NFTA_LIMIT_BURST, htonl(burst));
	mnl_attr_put_u32(m, NFTA_LIMIT_TYPE, htonl(NFT_LIMIT_PKTS));
	mnl_attr_put_u32(m, NFTA_LIMIT_FLAGS, htonl(NFT_LIMIT_F_INV));
	expression_end(m, e);
}

void nft_lookup(struct nlmsghdr *m, const char *set, enum nft_lookup_way way)
{
	struct expression e = expression_begin(m, "lookup");

	mnl_attr_put_strz(m, NFTA_LOOKUP_SET, set);
	mnl_attr_put_u32(m, NFTA_LOOKUP_SREG, htonl(NFT_REG_1));
	if (way == NFT_LOOKUP_GO)
		mnl_attr_put_u32(m, NFTA_LOOKUP_DREG, htonl(NFT_REG_VERDICT));
	if (way == NFT_LOOKUP_HAS_NOT)
		mnl_attr_put_u32(m, NFTA_LOOKUP_FLAGS, htonl(NFT_LOOKUP_F_INV));
	expression_end(m, e);
}

void nft_counter(struct nlmsghdr *m)
{
	expression_end(m, expression_begin(m, "counter"));
}

void nft_verdict(struct nlmsghdr *m, uint32_t code, const char *chain)
{
	struct expression e = expression_begin(m, "immediate");

	mnl_attr_put_u32(m, NFTA_IMMEDIATE_DREG, htonl(NFT_REG_VERDICT));
	verdict_put(m, NFTA_IMMEDIATE_DATA, code, chain);
	expression_end(m, e);
}

/* ---- talking ---- */

/* A transaction is one datagram: the socket has to take all of it. */
static struct mnl_socket *nft_open(size_t bytes, int *rc)
{
	struct timeval wait = {.tv_sec = ANSWER_SECONDS};
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	int room = (int)bytes + 4096;

	if (nl && bytes > (64u << 10))
		(void)setsockopt(mnl_socket_get_fd(nl), SOL_SOCKET, SO_SNDBUFFORCE, &room,
				 sizeof(room));
	if (nl && mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) == 0 &&
	    setsockopt(mnl_socket_get_fd(nl), SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) == 0)
		return nl;
	*rc = -errno;
	if (nl)
		mnl_socket_close(nl);
	return NULL;
}

/* The kernel's word on a transaction: the first error, or 0 once the last message is acknowledged.
 */
static int batch_answer(struct mnl_socket *nl, const struct nft_batch *t)
{
	RF_AUTOFREE char *answer = rf_alloc(1, ANSWER_BYTES);

	for (;;) {
		ssize_t n = answer ? mnl_socket_recvfrom(nl, answer, ANSWER_BYTES) : -1;
		const struct nlmsghdr *m = (const struct nlmsghdr *)answer;
		int left = (int)n;

		if (n < 0)
			return answer ? -errno : -ENOMEM;
		for (; mnl_nlmsg_ok(m, left); m = mnl_nlmsg_next(m, &left)) {
			const struct nlmsgerr *result = mnl_nlmsg_get_payload(m);

			if (m->nlmsg_type != NLMSG_ERROR ||
			    mnl_nlmsg_get_payload_len(m) < sizeof(result->error))
				continue;
			if (result->error || m->nlmsg_seq == t->last)
				return result->error;
		}
	}
}

int nft_batch_run(struct nft_batch *t)
{
	struct mnl_socket *nl;
	int rc = 0;

	/* The end is acknowledged when all before it holds. */
	t->last = t->sequence;
	message_end(t, message_begin(t, NFNL_MSG_BATCH_END, NLM_F_ACK, AF_UNSPEC));
	if (t->len >= BATCH_MAX)
		return -ENOMEM;
	nl = nft_open(t->len, &rc);
	if (!nl)
		return rc;
	if (mnl_socket_sendto(nl, t->bytes, t->len) < 0)
		rc = -errno;
	if (rc == 0)
		rc = batch_answer(nl, t);
	mnl_socket_close(nl);
	return rc;
}

static void question_put(const struct nft_question *q, struct nlmsghdr *m)
{
	if (q->set) {
		mnl_attr_put_strz(m, NFTA_SET_ELEM_LIST_TABLE, q->table);
		mnl_attr_put_strz(m, NFTA_SET_ELEM_LIST_SET, q->set);
		return;
	}
	/* The first attribute is the table's name, for each kind of thing. */
	mnl_attr_put_strz(m, NFTA_RULE_TABLE, q->table);
	if (q->chain)
		mnl_attr_put_strz(m, NFTA_RULE_CHAIN, q->chain);
}

int nft_ask(const struct nft_question *q, int (*take)(const struct nlmsghdr *answer, void *arg),
	    void *arg)
{
	RF_AUTOFREE char *answer = rf_alloc(1, ANSWER_BYTES);
	char scratch[NFT_ROOM_BYTES] __attribute__((aligned(8))) = {0};
	struct nft_batch t = {
		.sequence = 1, .bytes = scratch, .capacity = sizeof(scratch), .family = q->family};
	int rc = 0, run = MNL_CB_OK;
	struct mnl_socket *nl = nft_open(0, &rc);

	if (!nl || !answer) {
		if (nl)
			mnl_socket_close(nl);
		return answer ? rc : -ENOMEM;
	}
	struct nlmsghdr *m = ours_begin(&t, q->type, q->type == NFT_MSG_GETGEN ? 0 : NLM_F_DUMP);

	if (q->table)
		question_put(q, m);
	if (mnl_socket_sendto(nl, m, m->nlmsg_len) < 0)
		rc = -errno;
	while (rc == 0 && run > MNL_CB_STOP) {
		ssize_t n = mnl_socket_recvfrom(nl, answer, ANSWER_BYTES);

		run = n < 0 ? -1
			    : mnl_cb_run(answer, (size_t)n, t.last, mnl_socket_get_portid(nl), take,
					 arg);
		rc = run < 0 ? -errno : 0;
	}
	mnl_socket_close(nl);
	return rc;
}

static int generation_attribute(const struct nlattr *attr, void *arg)
{
	uint32_t *out = arg;

	if (mnl_attr_get_type(attr) == NFTA_GEN_ID && mnl_attr_get_payload_len(attr) == 4)
		*out = ntohl(mnl_attr_get_u32(attr));
	return MNL_CB_OK;
}

/* The answer is one message, without an end. */
static int generation_take(const struct nlmsghdr *answer, void *arg)
{
	(void)mnl_attr_parse(answer, sizeof(struct nfgenmsg), generation_attribute, arg);
	return MNL_CB_STOP;
}

int nft_generation(uint32_t *out)
{
	const struct nft_question q = {.type = NFT_MSG_GETGEN};

	*out = 0;
	return nft_ask(&q, generation_take, out);
}

bool nft_is_missing(int rc)
{
	return rc == -EPROTONOSUPPORT || rc == -EOPNOTSUPP || rc == -EAFNOSUPPORT;
}
