/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collector firewall: chains and rules of nftables as the kernel has them, and whether they come
 * back after a boot. Rules of the old ip_tables are not read: a gap says so. Sources:
 * linux/netfilter/nf_tables.h, nft(8); nft_rule.c for one rule.
 */
#include <errno.h>
#include <netinet/in.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/collect.h"
#include "collect/conf.h"
#include "collect/netlink.h"
#include "collect/firewall_redirect.h"
#include "collect/nft_rule.h"
#include "collect/units.h"

struct firewall {
	struct sys *sys;
	struct fact_sink *out;
	struct rf_map counts; /* "family table chain" to the number of rules */
	bool rules_known;
	bool input_hook;
	unsigned int sets_count;
	struct net_links links;
	uint8_t family_number; /* of the rule that is read now */
	char table[128];
};

static void firewall_done(struct firewall *f)
{
	rf_map_done(&f->counts);
	net_links_done(&f->links);
}

static const struct {
	uint8_t number;
	const char *name;
} families[] = {
	{NFPROTO_INET, "inet"}, {NFPROTO_IPV4, "ip"},	    {NFPROTO_IPV6, "ip6"},
	{NFPROTO_ARP, "arp"},	{NFPROTO_BRIDGE, "bridge"}, {NFPROTO_NETDEV, "netdev"},
};

static const char *family_name(uint8_t number)
{
	for (size_t i = 0; i < RF_COUNT(families); i++) {
		if (families[i].number == number)
			return families[i].name;
	}
	return NULL;
}

static const char *hook_name(uint8_t family, uint32_t hook)
{
	static const char *const inet[] = {"prerouting", "input",	"forward",
					   "output",	 "postrouting", "ingress"};
	static const char *const arp[] = {"input", "output", "forward"};
	static const char *const netdev[] = {"ingress", "egress"};

	if (family == NFPROTO_ARP)
		return hook < RF_COUNT(arp) ? arp[hook] : "";
	if (family == NFPROTO_NETDEV)
		return hook < RF_COUNT(netdev) ? netdev[hook] : "";
	return hook < RF_COUNT(inet) ? inet[hook] : "";
}

/* Takes the header off a message of nf_tables; NULL for another message or an unknown family. */
static const char *message_open(const struct nl_message *message, int type, struct rf_slice *out,
				uint8_t *out_family)
{
	struct nfgenmsg header;

	if (message->type != (NFNL_SUBSYS_NFTABLES << 8 | type) ||
	    message->body.len < sizeof(header))
		return NULL;
	memcpy(&header, message->body.data, sizeof(header));
	*out = nl_behind(message->body, sizeof(header));
	*out_family = header.nfgen_family;
	return family_name(header.nfgen_family);
}

static void count_key(char out[512], const char *family, const char *table, const char *chain)
{
	rf_format(out, 512, "%s %s %s", family, table, chain);
}

/* Rules that look into more sets than this leave the ports of the others unknown. */
#define SETS_MAX 512

/* Asks the kernel for the elements of one set of the rule's table. */
static bool find_set(void *ctx, const char *set, size_t size_bytes, struct nft_set_view *out)
{
	struct firewall *f = ctx;
	RF_AUTOBUF struct rf_buf raw = {0};
	RF_AUTOFREE char *arg = rf_asprintf("elements/%u/%s/%s", f->family_number, f->table, set);
	struct nl_message message;
	bool found = false;

	if (!arg || f->sets_count++ >= SETS_MAX || sys_probe(f->sys, "nft", arg, &raw, NULL) < 0)
		return false;
	struct rf_slice rest = rf_buf_slice(&raw);

	while (nl_next(&rest, &message) > 0) {
		struct rf_slice a[NFTA_SET_ELEM_LIST_SET_ID + 1], body;
		uint8_t number;

		if (!message_open(&message, NFT_MSG_NEWSETELEM, &body, &number))
			continue;
		nl_attrs(body, a, RF_COUNT(a));
		/* A dump may end in an empty message. */
		if (a[NFTA_SET_ELEM_LIST_ELEMENTS].len == 0)
			continue;
		/* A set that comes in two messages is larger than is followed here. */
		if (found)
			return false;
		found = true;
		nft_set_read(a[NFTA_SET_ELEM_LIST_ELEMENTS], size_bytes, out);
	}
	return found;
}

static const char *proto_name(uint8_t proto, char *out, size_t size)
{
	static const struct {
		uint8_t number;
		const char *name;
	} names[] = {{IPPROTO_TCP, "tcp"},
		     {IPPROTO_UDP, "udp"},
		     {IPPROTO_ICMP, "icmp"},
		     {IPPROTO_ICMPV6, "icmpv6"},
		     {IPPROTO_SCTP, "sctp"}};

	for (size_t i = 0; i < RF_COUNT(names); i++) {
		if (names[i].number == proto)
			return names[i].name;
	}
	rf_format(out, size, "%u", proto);
	return out;
}

static void rule_gap(struct firewall *f, const struct rule_place *at, const char *col)
{
	char key[640];

	rf_format(key, sizeof(key), "%s/%s/%s/%llu/0", at->family, at->table, at->chain,
		  (unsigned long long)at->handle);
	fact_gap(f->out, FACT_T_FIREWALL_RULE, key, col, "nft rules",
		 "the rule compares with a set or in a way that is not followed");
}

static void put_rule_row(struct firewall *f, const struct rule_place *at,
			 const struct nft_rule *rule, size_t item, size_t proto, size_t port)
{
	struct fact_int none = {0};
	bool all = rule->ports_count == 0;
	char text[8];
	const char *name = "";

	if (!rule->protos_known)
		name = NULL;
	else if (rule->protos_count)
		name = proto_name(rule->protos[proto], text, sizeof(text));
	fact_put_firewall_rule(
		f->out,
		&(struct fact_firewall_rule){
			.family = at->family,
			.tbl = at->table,
			.chain = at->chain,
			.handle = FACT_INT(at->handle),
			.item = FACT_INT(item),
			.proto = name,
			.dport_first = !rule->ports_known
					       ? none
					       : FACT_INT(all ? 0 : rule->ports[port].first),
			.dport_last = !rule->ports_known
					      ? none
					      : FACT_INT(all ? UINT16_MAX : rule->ports[port].last),
			.peer_limited = FACT_BOOL(rule->peer_limited),
			.other_match = FACT_BOOL(rule->other_match),
			.verdict = rule->verdict,
			.source = "nft rules",
		});
}

static void put_rule(struct firewall *f, const struct rule_place *at, struct rf_slice expressions)
{
	struct nft_rule rule;
	size_t item = 0;

	rf_copy(f->table, sizeof(f->table), at->table);
	nft_rule_read(expressions, find_set, f, &rule);
	if (!rule.protos_known)
		rule_gap(f, at, "proto");
	if (!rule.ports_known) {
		rule_gap(f, at, "dport_first");
		rule_gap(f, at, "dport_last");
	}
	size_t protos = rule.protos_known && rule.protos_count ? rule.protos_count : 1;
	size_t ports = rule.ports_known && rule.ports_count ? rule.ports_count : 1;

	for (size_t i = 0; i < protos; i++) {
		for (size_t k = 0; k < ports; k++)
			put_rule_row(f, at, &rule, item++, i, k);
	}
}

static void read_rule(struct firewall *f, const struct nl_message *message)
{
	struct rf_slice a[NFTA_RULE_CHAIN_ID + 1], body;
	char table[128], chain[128], key[512];
	uint8_t number;
	const char *family = message_open(message, NFT_MSG_NEWRULE, &body, &number);

	if (!family)
		return;
	nl_attrs(body, a, RF_COUNT(a));
	struct rule_place at = {
		.family = family,
		.family_number = number,
		.table = nl_text(a[NFTA_RULE_TABLE], table, sizeof(table)),
		.chain = nl_text(a[NFTA_RULE_CHAIN], chain, sizeof(chain)),
		.handle = nl_be64(a[NFTA_RULE_HANDLE], 0),
	};
	count_key(key, family, table, chain);
	size_t count = (size_t)rf_map_get(&f->counts, key);

	if (rf_map_set(&f->counts, key, (void *)(count + 1)) < 0)
		f->rules_known = false;
	f->family_number = number;
	put_rule(f, &at, a[NFTA_RULE_EXPRESSIONS]);
	firewall_redirects_put(&f->links, &at, a[NFTA_RULE_EXPRESSIONS], f->out);
}

static void read_chain(struct firewall *f, const struct nl_message *message)
{
	struct rf_slice a[NFTA_CHAIN_USERDATA + 1], h[NFTA_HOOK_DEVS + 1], body;
	char table[128], chain[128], key[512];
	uint8_t number;
	const char *family = message_open(message, NFT_MSG_NEWCHAIN, &body, &number);
	const char *hook = "", *policy = "";
	RF_AUTOBUF struct rf_buf devices = {0};

	if (!family)
		return;
	nl_attrs(body, a, RF_COUNT(a));
	nl_text(a[NFTA_CHAIN_TABLE], table, sizeof(table));
	nl_text(a[NFTA_CHAIN_NAME], chain, sizeof(chain));
	if (a[NFTA_CHAIN_HOOK].data) {
		nl_attrs(a[NFTA_CHAIN_HOOK], h, RF_COUNT(h));
		hook = hook_name(number, nl_be32(h[NFTA_HOOK_HOOKNUM], UINT32_MAX));
		policy = nl_be32(a[NFTA_CHAIN_POLICY], NF_ACCEPT) == NF_DROP ? "drop" : "accept";
		firewall_devices_read(h[NFTA_HOOK_DEV], h[NFTA_HOOK_DEVS], &devices);
	}
	if (strcmp(hook, "input") == 0 && number != NFPROTO_ARP && number != NFPROTO_BRIDGE)
		f->input_hook = true;
	count_key(key, family, table, chain);
	fact_put_firewall_chain(f->out,
				&(struct fact_firewall_chain){
					.family = family,
					.tbl = table,
					.chain = chain,
					.hook = hook,
					.policy = policy,
					.rules_count = f->rules_known ? FACT_INT((size_t)rf_map_get(
										&f->counts, key))
								      : (struct fact_int){0},
					.devices = rf_buf_text(&devices),
					.source = "nft chains",
				});
}

/* A kernel without nf_tables has no rules; that is known, not a gap. */
static bool no_nf_tables(int rc)
{
	return rc == -EINVAL || rc == -EPROTONOSUPPORT || rc == -EOPNOTSUPP || rc == -ENOENT;
}

/* Walks one dump. Returns 1 when it was had, 0 when the kernel has no nf_tables, or why not. */
static int walk(struct firewall *f, const char *arg, enum fact_table_id table, const char *col,
		void (*each)(struct firewall *, const struct nl_message *))
{
	RF_AUTOBUF struct rf_buf raw = {0};
	struct nl_message message;
	struct rf_err err = {0};
	int rc = sys_probe(f->sys, "nft", arg, &raw, &err);
	struct rf_slice rest = rf_buf_slice(&raw);

	if (sys_is_live(f->sys) && no_nf_tables(rc))
		return 0;
	if (rc == 0) {
		while ((rc = nl_next(&rest, &message)) > 0)
			each(f, &message);
	}
	if (rc == 0)
		return 1;
	if (rc == -EPERM || rc == -EACCES)
		fact_gap(f->out, table, "", col, "nft",
			 "the kernel shows its packet filter to root only: run as root");
	else
		fact_gap(f->out, table, "", col, "nft", "%s could not be read: %s", arg,
			 err.code ? rf_err_text(&err) : rf_code_text(rc));
	return rc;
}

/* Returns as walk does, for the chains. */
static int read_nftables(struct firewall *f)
{
	struct rf_err ignored = {0};

	/* Without it links stay numbers: who asks for names finds none, which counts as not known.
	 */
	if (net_links_read(f->sys, &f->links, &ignored) < 0)
		net_links_done(&f->links);
	f->rules_known = true;
	if (walk(f, "rules", FACT_T_FIREWALL_RULE, "", read_rule) < 0) {
		f->rules_known = false;
		fact_gap(f->out, FACT_T_FIREWALL_CHAIN, "", "rules_count", "nft rules",
			 "the rules could not be read, so they could not be counted");
	}
	return walk(f, "chains", FACT_T_FIREWALL_CHAIN, "", read_chain);
}

/* True when the old ip_tables holds rules, which nf_tables does not show. */
static bool legacy_tables(struct firewall *f, const char *path)
{
	RF_AUTOBUF struct rf_buf names = {0};

	if (sys_read(f->sys, path, RF_MAX_PROC_BYTES, &names, NULL) < 0 || names.len == 0)
		return false;
	for (char *p = (char *)names.data; *p; p++)
		*p = *p == '\n' ? ' ' : *p;
	fact_gap(f->out, FACT_T_FIREWALL_CHAIN, "", "", path,
		 "the old ip_tables is in use too (tables %s); its rules are not read: see "
		 "iptables-legacy-save, or move to iptables-nft",
		 rf_trim((char *)names.data));
	return true;
}

static void put_option(struct firewall *f, const char *key, const char *value, const char *source)
{
	fact_put_firewall_option(f->out, &(struct fact_firewall_option){
						 .key = key, .value = value, .source = source});
}

static void put_present(struct firewall *f, int chains)
{
	bool legacy = legacy_tables(f, "/proc/net/ip_tables_names");
	bool legacy6 = legacy_tables(f, "/proc/net/ip6_tables_names");

	if (f->input_hook || legacy || legacy6) {
		put_option(f, "present", "1",
			   f->input_hook ? "nft chains" : "/proc/net/ip_tables_names");
		return;
	}
	if (chains >= 0) {
		put_option(f, "present", "0", "nft chains");
		return;
	}
	put_option(f, "present", NULL, "nft chains");
	fact_gap(f->out, FACT_T_FIREWALL_OPTION, "present", "value", "nft chains",
		 "the chains could not be read");
}

static void put_unit(struct firewall *f, const struct units *units, const char *name)
{
	char unit[64], key[64];

	rf_format(unit, sizeof(unit), "%s.service", name);
	rf_format(key, sizeof(key), "%s/enabled", name);
	const struct unit *found = units_find(units, unit);

	put_option(f, key, units_enabled(units, unit) ? "1" : "0", found ? found->path : "no unit");
}

static void each_ufw(void *ctx, const struct util_setting *s)
{
	if (rf_equal(s->key, "ENABLED"))
		*(bool *)ctx = rf_truth(s->value) == 1;
}

/* ufw's unit always runs; its own file says whether it does anything. */
static void put_ufw(struct firewall *f, const struct units *units)
{
	static const char path[] = "/etc/ufw/ufw.conf";
	RF_AUTOBUF struct rf_buf text = {0};
	bool on = false;
	int rc = util_read(f->sys, f->out, FACT_T_FIREWALL_OPTION, "ufw/enabled", path,
			   RF_MAX_FILE_BYTES, &text);

	if (rc < 0)
		return;
	if (rc > 0 && text.len)
		util_settings_walk((char *)text.data, path, "#", false, each_ufw, &on);
	put_option(f, "ufw/enabled", on && units_enabled(units, "ufw.service") ? "1" : "0", path);
}

static void put_persistence(struct firewall *f)
{
	static const char *const files[] = {"/etc/nftables.conf", "/etc/sysconfig/nftables.conf",
					    "/etc/nftables/main.nft"};
	static const char *const names[] = {"nftables", "firewalld", "netfilter-persistent",
					    "iptables", "ip6tables"};
	UNITS_AUTO struct units units = {0};
	struct rf_err err = {0};
	const char *file = "";

	for (size_t i = RF_COUNT(files); i-- > 0;) {
		if (sys_exists(f->sys, files[i]))
			file = files[i];
	}
	put_option(f, "nftables/file", file, *file ? file : "/etc");
	if (units_read(f->sys, &units, &err) < 0) {
		fact_gap(f->out, FACT_T_FIREWALL_OPTION, "", "", "units", "%s", rf_err_text(&err));
		return;
	}
	for (size_t i = 0; i < RF_COUNT(names); i++)
		put_unit(f, &units, names[i]);
	put_ufw(f, &units);
}

int collect_firewall(struct sys *sys, const struct collect_request *req, struct fact_sink *out,
		     struct rf_err *err)
{
	__attribute__((cleanup(firewall_done))) struct firewall f = {.sys = sys, .out = out};

	(void)req;
	(void)err;
	put_present(&f, read_nftables(&f));
	put_persistence(&f);
	return 0;
}
