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
#include <linux/netfilter/nfnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/guard/internal.h"
#include "isolate/guard/nft.h"

#define TABLE	     "ringfence_guard"
#define CHAIN	     "unguarded"
#define PRIORITY     (-300) /* before every other rule of the bridge */
#define ANSWER_BYTES (64u << 10)

/* "vnet*" compares the bytes before the star, "br0" all sixteen. */
static void add_rule(struct nft_batch *t, const struct guard_rule *rule, uint32_t secret)
{
	static const uint32_t ours = GUARD_MARK_OURS;
	char name[NFT_NAME_BYTES] = {0};
	size_t len = strlen(rule->name);
	bool star = len && rule->name[len - 1] == '*';
	struct nft_rule r;

	memcpy(name, rule->name, star ? len - 1 : len);
	nft_rule_begin(t, CHAIN, &r);
	nft_meta(r.message,
		 rule->kind == GUARD_RULE_BRIDGE ? NFT_META_BRI_IIFNAME : NFT_META_IIFNAME);
	nft_compare(r.message, NFT_CMP_EQ, name, star ? len - 1 : sizeof(name));
	if (rule->kind != GUARD_RULE_EXCEPT) {
		nft_meta(r.message, NFT_META_MARK);
		nft_mask(r.message, &ours, NULL, sizeof(ours));
		nft_compare(r.message, NFT_CMP_NEQ, &secret, sizeof(secret));
	}
	nft_counter(r.message);
	nft_verdict(r.message, rule->kind == GUARD_RULE_EXCEPT ? NF_ACCEPT : NF_DROP, NULL);
	nft_rule_end(&r, NULL, 0);
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
	struct nft_batch t = {.sequence = 0};
	int rc = guard_rules_check(rules, err);

	if (rc < 0)
		return rc;
	rc = nft_batch_begin(&t, TABLE);
	if (rc < 0)
		return rf_fail(err, rc, "no memory");
	if (rules->count) {
		nft_table_renew(&t);
		nft_chain_add(&t, CHAIN, NFT_PRE_ROUTING, PRIORITY);
	} else {
		nft_table_remove(&t);
	}
	for (size_t i = 0; i < rules->count; i++)
		add_rule(&t, &rules->items[i], guard->settings->secret);
	rc = nft_batch_run(&t);
	nft_batch_done(&t);
	if (rc == -ENOENT || nft_is_missing(rc))
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

	if (mnl_attr_get_type(attr) != NFTA_DATA_VALUE || len > NFT_NAME_BYTES || len == 0)
		return MNL_CB_OK;
	if (r->meta == NFT_META_MARK) {
		r->marked = len == sizeof(r->mark);
		memcpy(&r->mark, mnl_attr_get_payload(attr), r->marked ? sizeof(r->mark) : 0);
		return MNL_CB_OK;
	}
	memset(r->rule.name, 0, sizeof(r->rule.name));
	memcpy(r->rule.name, mnl_attr_get_payload(attr), len);
	if (len < NFT_NAME_BYTES)
		r->rule.name[len] = '*';
	r->rule.name[NFT_NAME_BYTES - 1] = '\0';
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

int guard_rules_get(struct guard *guard, struct guard_rules *out, struct rf_err *err)
{
	struct guard_rules rules = {.count = 0};
	struct reading reading = {.out = &rules, .secret = guard->settings->secret};
	const struct nft_question all = {.type = NFT_MSG_GETRULE, .table = TABLE, .chain = CHAIN};
	int rc = nft_ask(&all, rule_take, &reading);

	/* No such table, or no nf_tables at all: no rules. */
	if (rc == -ENOENT || nft_is_missing(rc))
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
	    (strcmp(mnl_attr_get_str(attr), TABLE) == 0 ||
	     strcmp(mnl_attr_get_str(attr), FALLBACK_TABLE) == 0))
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
