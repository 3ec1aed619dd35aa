/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The nft rules of the second layer: frames that no guard marked go no further than the port they
 * came in by. A table of our own, written and read over nfnetlink in one transaction, without a
 * child process, so that a process that may run nothing can put it back. Source:
 * linux/netfilter/nf_tables.h, Documentation/userspace-api/netlink/.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/guard/internal.h"

#define TABLE	       "ringfence_guard"
#define CHAIN	       "unguarded"
#define PRIORITY       (-300) /* before every other rule of the bridge */
#define ANSWER_BYTES   (64u << 10)
#define ANSWER_SECONDS 2
#define RULE_BYTES     512u /* the longest rule has some 300 */
#define BATCH_BYTES    (1024u + GUARD_RULES * RULE_BYTES)
#define NAME_BYTES     16u
#define BR_PRE_ROUTING 0u /* linux/netfilter_bridge.h, which contradicts net/if.h */

/* ---- one transaction ---- */

struct transaction {
	char *bytes;
	size_t len;
	uint32_t sequence, last; /* of the next message; of the one that is acknowledged */
};

static struct nlmsghdr *message_begin(struct transaction *t, uint16_t type, uint16_t flags,
				      uint8_t family)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(t->bytes + t->len);
	struct nfgenmsg *generic;

	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | flags;
	message->nlmsg_seq = t->sequence++;
	generic = mnl_nlmsg_put_extra_header(message, sizeof(*generic));
	generic->nfgen_family = family;
	generic->version = NFNETLINK_V0;
	if (type < NLMSG_MIN_TYPE + 8)
		generic->res_id = htons(NFNL_SUBSYS_NFTABLES);
	return message;
}

static void message_end(struct transaction *t, const struct nlmsghdr *message)
{
	t->len += (message->nlmsg_len + 3u) & ~3u;
}

static struct nlmsghdr *ours_begin(struct transaction *t, unsigned type, uint16_t flags)
{
	t->last = t->sequence;
	return message_begin(t, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), flags,
			     NFPROTO_BRIDGE);
}

static void add_table(struct transaction *t, unsigned type)
{
	struct nlmsghdr *m = ours_begin(t, type, type == NFT_MSG_NEWTABLE ? NLM_F_CREATE : 0);

	mnl_attr_put_strz(m, NFTA_TABLE_NAME, TABLE);
	message_end(t, m);
}

static void add_chain(struct transaction *t)
{
	struct nlmsghdr *m = ours_begin(t, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
	struct nlattr *hook;

	mnl_attr_put_strz(m, NFTA_CHAIN_TABLE, TABLE);
	mnl_attr_put_strz(m, NFTA_CHAIN_NAME, CHAIN);
	mnl_attr_put_strz(m, NFTA_CHAIN_TYPE, "filter");
	mnl_attr_put_u32(m, NFTA_CHAIN_POLICY, htonl(NF_ACCEPT));
	hook = mnl_attr_nest_start(m, NFTA_CHAIN_HOOK);
	mnl_attr_put_u32(m, NFTA_HOOK_HOOKNUM, htonl(BR_PRE_ROUTING));
	mnl_attr_put_u32(m, NFTA_HOOK_PRIORITY, htonl((uint32_t)PRIORITY));
	mnl_attr_nest_end(m, hook);
	message_end(t, m);
}

/* ---- expressions of a rule ---- */

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

static void put_value(struct nlmsghdr *m, uint16_t type, const void *value, size_t size)
{
	struct nlattr *nest = mnl_attr_nest_start(m, type);

	mnl_attr_put(m, NFTA_DATA_VALUE, size, value);
	mnl_attr_nest_end(m, nest);
}

static void add_meta(struct nlmsghdr *m, uint32_t key)
{
	struct expression e = expression_begin(m, "meta");

	mnl_attr_put_u32(m, NFTA_META_DREG, htonl(NFT_REG_1));
	mnl_attr_put_u32(m, NFTA_META_KEY, htonl(key));
	expression_end(m, e);
}

static void add_compare(struct nlmsghdr *m, uint32_t op, const void *value, size_t size)
{
	struct expression e = expression_begin(m, "cmp");

	mnl_attr_put_u32(m, NFTA_CMP_SREG, htonl(NFT_REG_1));
	mnl_attr_put_u32(m, NFTA_CMP_OP, htonl(op));
	put_value(m, NFTA_CMP_DATA, value, size);
	expression_end(m, e);
}

static void add_mask(struct nlmsghdr *m, uint32_t mask)
{
	static const uint32_t ZERO;
	struct expression e = expression_begin(m, "bitwise");

	mnl_attr_put_u32(m, NFTA_BITWISE_SREG, htonl(NFT_REG_1));
	mnl_attr_put_u32(m, NFTA_BITWISE_DREG, htonl(NFT_REG_1));
	mnl_attr_put_u32(m, NFTA_BITWISE_LEN, htonl(sizeof(mask)));
	put_value(m, NFTA_BITWISE_MASK, &mask, sizeof(mask));
	put_value(m, NFTA_BITWISE_XOR, &ZERO, sizeof(ZERO));
	expression_end(m, e);
}

static void add_verdict(struct nlmsghdr *m, uint32_t code)
{
	struct expression counter = expression_begin(m, "counter"), e;
	struct nlattr *data, *verdict;

	expression_end(m, counter);
	e = expression_begin(m, "immediate");
	mnl_attr_put_u32(m, NFTA_IMMEDIATE_DREG, htonl(NFT_REG_VERDICT));
	data = mnl_attr_nest_start(m, NFTA_IMMEDIATE_DATA);
	verdict = mnl_attr_nest_start(m, NFTA_DATA_VERDICT);
	mnl_attr_put_u32(m, NFTA_VERDICT_CODE, htonl(code));
	mnl_attr_nest_end(m, verdict);
	mnl_attr_nest_end(m, data);
	expression_end(m, e);
}

/* "vnet*" compares the bytes before the star, "br0" all sixteen. */
static void add_rule(struct transaction *t, const struct guard_rule *rule, uint32_t secret)
{
	struct nlmsghdr *m = ours_begin(t, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
	char name[NAME_BYTES] = {0};
	size_t len = strlen(rule->name);
	bool star = len && rule->name[len - 1] == '*';
	struct nlattr *list;

	memcpy(name, rule->name, star ? len - 1 : len);
	mnl_attr_put_strz(m, NFTA_RULE_TABLE, TABLE);
	mnl_attr_put_strz(m, NFTA_RULE_CHAIN, CHAIN);
	list = mnl_attr_nest_start(m, NFTA_RULE_EXPRESSIONS);
	add_meta(m, rule->kind == GUARD_RULE_BRIDGE ? NFT_META_BRI_IIFNAME : NFT_META_IIFNAME);
	add_compare(m, NFT_CMP_EQ, name, star ? len - 1 : sizeof(name));
	if (rule->kind != GUARD_RULE_EXCEPT) {
		add_meta(m, NFT_META_MARK);
		add_mask(m, GUARD_MARK_OURS);
		add_compare(m, NFT_CMP_NEQ, &secret, sizeof(secret));
	}
	add_verdict(m, rule->kind == GUARD_RULE_EXCEPT ? NF_ACCEPT : NF_DROP);
	mnl_attr_nest_end(m, list);
	message_end(t, m);
}

/* ---- talking ---- */

static struct mnl_socket *nft_open(int *rc)
{
	struct timeval wait = {.tv_sec = ANSWER_SECONDS};
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);

	if (nl && mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) == 0 &&
	    setsockopt(mnl_socket_get_fd(nl), SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) == 0)
		return nl;
	*rc = -errno;
	if (nl)
		mnl_socket_close(nl);
	return NULL;
}

/* The kernel's word on a transaction: the first error, or 0 once the last message is acknowledged.
 * Deleting fails only where the table is not there, which is as wanted. */
static int transaction_answer(struct mnl_socket *nl, const struct transaction *t)
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

static int transaction_run(struct transaction *t)
{
	int rc = 0;
	struct mnl_socket *nl = nft_open(&rc);

	if (!nl)
		return rc;
	if (mnl_socket_sendto(nl, t->bytes, t->len) < 0)
		rc = -errno;
	if (rc == 0)
		rc = transaction_answer(nl, t);
	mnl_socket_close(nl);
	return rc;
}

/* ---- what rules may be ---- */

static bool name_is_plain(const char *name)
{
	size_t len = strnlen(name, IFNAMSIZ);

	if (len == 0 || len >= IFNAMSIZ || name[0] == '*')
		return false;
	for (size_t i = 0; i < len; i++) {
		char c = name[i];
		bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			    (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';

		if (!word && !(c == '*' && i == len - 1))
			return false;
	}
	return true;
}

int guard_rules_check(const struct guard_rules *rules, struct rf_err *err)
{
	bool excepts = true;

	if (rules->count > GUARD_RULES || rules->reserved)
		return rf_fail(err, RF_E_LIMIT, "at most %u rules", GUARD_RULES);
	for (size_t i = 0; i < rules->count; i++) {
		const struct guard_rule *rule = &rules->items[i];

		if (rule->kind > GUARD_RULE_EXCEPT || rule->reserved)
			return rf_fail(err, RF_E_SYNTAX, "rule %zu is of no known kind", i);
		if (!name_is_plain(rule->name))
			return rf_fail(err, RF_E_SYNTAX, "\"%.15s\" is no name of links",
				       rule->name);
		/* What is let off stands before what is refused. */
		if (rule->kind == GUARD_RULE_EXCEPT && !excepts)
			return rf_fail(err, RF_E_SYNTAX, "exceptions come first");
		excepts = rule->kind == GUARD_RULE_EXCEPT;
	}
	return 0;
}

int guard_rules_add(struct guard_rules *rules, enum guard_rule_kind kind, const char *name,
		    struct rf_err *err)
{
	struct guard_rule rule = {.kind = (uint8_t)kind};

	if (rules->count >= GUARD_RULES)
		return rf_fail(err, RF_E_LIMIT, "at most %u rules of nft", GUARD_RULES);
	if (!rf_copy(rule.name, sizeof(rule.name), name) || !name_is_plain(rule.name))
		return rf_fail(err, RF_E_SYNTAX, "\"%.40s\" is no name of links", name);
	rules->items[rules->count++] = rule;
	return 0;
}

/* ---- writing and reading ---- */

int guard_rules_set(struct guard *guard, const struct guard_rules *rules, struct rf_err *err)
{
	RF_AUTOFREE char *bytes = rf_alloc(1, BATCH_BYTES);
	struct transaction t = {.bytes = bytes, .sequence = 1};
	int rc = guard_rules_check(rules, err);

	if (rc < 0 || !bytes)
		return rc < 0 ? rc : rf_fail(err, -ENOMEM, "no memory");
	message_end(&t, message_begin(&t, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC));
	/* Added before it is deleted, so that deleting never fails. */
	add_table(&t, NFT_MSG_NEWTABLE);
	add_table(&t, NFT_MSG_DELTABLE);
	if (rules->count) {
		add_table(&t, NFT_MSG_NEWTABLE);
		add_chain(&t);
	}
	for (size_t i = 0; i < rules->count; i++)
		add_rule(&t, &rules->items[i], guard->settings->secret);
	/* The end is acknowledged when all before it holds. */
	t.last = t.sequence;
	message_end(&t, message_begin(&t, NFNL_MSG_BATCH_END, NLM_F_ACK, AF_UNSPEC));
	rc = transaction_run(&t);
	if (rc == -ENOENT || rc == -EPROTONOSUPPORT || rc == -EOPNOTSUPP || rc == -EAFNOSUPPORT)
		return rf_fail(err, RF_E_UNSUPPORTED,
			       "this kernel has no nf_tables for bridges, or cannot tell a bridge "
			       "by its name (nft_meta_bridge)");
	return rc ? rf_fail(err, rc, "nf_tables: %s", rf_code_text(rc)) : 0;
}

/* What of a rule is read back. */
struct rule_read {
	char kind[16]; /* of the expression at hand */
	uint32_t meta; /* key of the last "meta" */
	bool marked;
	uint32_t mark;
	uint32_t verdict;
	struct guard_rule rule;
};

struct reading {
	struct guard_rules *out;
	uint32_t secret;
	bool foreign; /* a rule that is none of ours stands in our table */
};

static int value_take(const struct nlattr *attr, void *arg)
{
	struct rule_read *r = arg;
	uint16_t len = mnl_attr_get_payload_len(attr);

	if (mnl_attr_get_type(attr) != NFTA_DATA_VALUE || len > NAME_BYTES || len == 0)
		return MNL_CB_OK;
	if (r->meta == NFT_META_MARK) {
		r->marked = len == sizeof(r->mark);
		memcpy(&r->mark, mnl_attr_get_payload(attr), r->marked ? sizeof(r->mark) : 0);
		return MNL_CB_OK;
	}
	memset(r->rule.name, 0, sizeof(r->rule.name));
	memcpy(r->rule.name, mnl_attr_get_payload(attr), len);
	if (len < NAME_BYTES)
		r->rule.name[len] = '*';
	r->rule.name[NAME_BYTES - 1] = '\0';
	r->rule.kind = r->meta == NFT_META_BRI_IIFNAME ? GUARD_RULE_BRIDGE : GUARD_RULE_LINK;
	return MNL_CB_OK;
}

static int verdict_take(const struct nlattr *attr, void *arg)
{
	struct rule_read *r = arg;

	if (mnl_attr_get_type(attr) == NFTA_DATA_VERDICT)
		return mnl_attr_parse_nested(attr, verdict_take, arg);
	if (mnl_attr_get_type(attr) == NFTA_VERDICT_CODE && mnl_attr_get_payload_len(attr) == 4)
		r->verdict = ntohl(mnl_attr_get_u32(attr));
	return MNL_CB_OK;
}

static int data_take(const struct nlattr *attr, void *arg)
{
	struct rule_read *r = arg;
	uint16_t type = mnl_attr_get_type(attr);

	if (strcmp(r->kind, "meta") == 0 && type == NFTA_META_KEY &&
	    mnl_attr_get_payload_len(attr) == 4)
		r->meta = ntohl(mnl_attr_get_u32(attr));
	if (strcmp(r->kind, "cmp") == 0 && type == NFTA_CMP_DATA)
		return mnl_attr_parse_nested(attr, value_take, arg);
	if (strcmp(r->kind, "immediate") == 0 && type == NFTA_IMMEDIATE_DATA)
		return mnl_attr_parse_nested(attr, verdict_take, arg);
	return MNL_CB_OK;
}

static int expression_take(const struct nlattr *attr, void *arg)
{
	struct rule_read *r = arg;

	if (mnl_attr_get_type(attr) == NFTA_EXPR_NAME &&
	    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) == 0)
		(void)rf_copy(r->kind, sizeof(r->kind), mnl_attr_get_str(attr));
	if (mnl_attr_get_type(attr) == NFTA_EXPR_DATA)
		return mnl_attr_parse_nested(attr, data_take, arg);
	return MNL_CB_OK;
}

static int element_take(const struct nlattr *attr, void *arg)
{
	struct rule_read *r = arg;

	r->kind[0] = '\0';
	return mnl_attr_get_type(attr) == NFTA_LIST_ELEM
		       ? mnl_attr_parse_nested(attr, expression_take, arg)
		       : MNL_CB_OK;
}

static int list_take(const struct nlattr *attr, void *arg)
{
	return mnl_attr_get_type(attr) == NFTA_RULE_EXPRESSIONS
		       ? mnl_attr_parse_nested(attr, element_take, arg)
		       : MNL_CB_OK;
}

static int rule_take(const struct nlmsghdr *answer, void *arg)
{
	struct reading *reading = arg;
	struct rule_read r = {.verdict = NF_ACCEPT};

	if ((answer->nlmsg_type & 0xff) != NFT_MSG_NEWRULE)
		return MNL_CB_OK;
	(void)mnl_attr_parse(answer, sizeof(struct nfgenmsg), list_take, &r);
	if (r.verdict == NF_ACCEPT && !r.marked && r.rule.kind == GUARD_RULE_LINK)
		r.rule.kind = GUARD_RULE_EXCEPT;
	else if (r.verdict != NF_DROP || !r.marked || r.mark != reading->secret)
		r.rule.name[0] = '\0';
	if (!r.rule.name[0] || reading->out->count >= GUARD_RULES)
		reading->foreign = true;
	else
		reading->out->items[reading->out->count++] = r.rule;
	return MNL_CB_OK;
}

static int rules_dump(struct mnl_socket *nl, struct reading *reading)
{
	RF_AUTOFREE char *answer = rf_alloc(1, ANSWER_BYTES);
	char buffer[512] = {0};
	struct transaction t = {.bytes = buffer, .sequence = 1};
	struct nlmsghdr *m = ours_begin(&t, NFT_MSG_GETRULE, NLM_F_DUMP);
	int rc = MNL_CB_OK;

	mnl_attr_put_strz(m, NFTA_RULE_TABLE, TABLE);
	mnl_attr_put_strz(m, NFTA_RULE_CHAIN, CHAIN);
	if (!answer)
		return -ENOMEM;
	if (mnl_socket_sendto(nl, m, m->nlmsg_len) < 0)
		return -errno;
	while (rc > MNL_CB_STOP) {
		ssize_t n = mnl_socket_recvfrom(nl, answer, ANSWER_BYTES);

		if (n < 0)
			return -errno;
		rc = mnl_cb_run(answer, (size_t)n, t.last, mnl_socket_get_portid(nl), rule_take,
				reading);
	}
	return rc < 0 ? -errno : 0;
}

int guard_rules_get(struct guard *guard, struct guard_rules *out, struct rf_err *err)
{
	struct guard_rules rules = {.count = 0};
	struct reading reading = {.out = &rules, .secret = guard->settings->secret};
	int rc = 0;
	struct mnl_socket *nl = nft_open(&rc);

	if (nl) {
		rc = rules_dump(nl, &reading);
		mnl_socket_close(nl);
	}
	/* No such table, or no nf_tables at all: no rules. */
	if (rc == -ENOENT || rc == -EPROTONOSUPPORT || rc == -EAFNOSUPPORT)
		rc = 0;
	if (rc)
		return rf_fail(err, rc, "nf_tables: %s", rf_code_text(rc));
	/* An altered table is not ours to read: it counts as none, and is written anew. */
	if (reading.foreign)
		rules = (struct guard_rules){.count = 0};
	*out = rules;
	return 0;
}

/* ---- others ---- */

int guard_rules_watch(void)
{
	int group = NFNLGRP_NFTABLES, rc = 0;
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC | SOCK_NONBLOCK);
	int fd = nl ? fcntl(mnl_socket_get_fd(nl), F_DUPFD_CLOEXEC, 3) : -1;

	if (fd < 0 || mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    mnl_socket_setsockopt(nl, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0)
		rc = errno;
	if (nl)
		mnl_socket_close(nl);
	if (rc && fd >= 0)
		close(fd);
	errno = rc;
	return rc ? -1 : fd;
}

/* Tables, chains and rules all name their table in their first attribute. */
static int table_take(const struct nlattr *attr, void *arg)
{
	bool *ours = arg;

	if (mnl_attr_get_type(attr) == NFTA_TABLE_NAME &&
	    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) == 0 &&
	    strcmp(mnl_attr_get_str(attr), TABLE) == 0)
		*ours = true;
	return MNL_CB_OK;
}

bool guard_rules_touched(int fd)
{
	RF_AUTOFREE char *notice = rf_alloc(1, ANSWER_BYTES);
	bool touched = false;

	while (notice) {
		ssize_t n = recv(fd, notice, ANSWER_BYTES, MSG_DONTWAIT);
		const struct nlmsghdr *m = (const struct nlmsghdr *)notice;
		int left = (int)n;

		/* More than could be kept: look. */
		if (n < 0 && errno == ENOBUFS)
			touched = true;
		else if (n < 0 && errno != EINTR)
			break;
		for (; n > 0 && mnl_nlmsg_ok(m, left); m = mnl_nlmsg_next(m, &left))
			if (mnl_nlmsg_get_payload_len(m) >= sizeof(struct nfgenmsg))
				(void)mnl_attr_parse(m, sizeof(struct nfgenmsg), table_take,
						     &touched);
	}
	return touched;
}
