/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collector tc: programs and mirrors on links, as traffic control and XDP have them. It does not
 * read rates and classes. Sources: linux/pkt_cls.h, linux/pkt_sched.h, linux/tc_act/tc_mirred.h,
 * tc-bpf(8), tc-mirred(8).
 */
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/tc_act/tc_bpf.h>
#include <linux/tc_act/tc_mirred.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "collect/collect.h"
#include "collect/netlink.h"

#define TC_MAX_ITEMS 10000

struct tc {
	struct sys *sys;
	struct fact_sink *out;
	struct net_links links;
	/* The place that is read now: */
	const char *link;
	const char *direction;
	int item;
};

static void tc_done(struct tc *tc)
{
	net_links_done(&tc->links);
}

static void put(struct tc *tc, const char *kind, const char *name, const char *tag)
{
	bool known = name != NULL;

	if (tc->item >= TC_MAX_ITEMS)
		return;
	fact_put_tc_program(
		tc->out,
		&(struct fact_tc_program){
			.link = tc->link,
			.direction = tc->direction,
			.item = FACT_INT(tc->item++),
			.kind = kind,
			.name = name,
			.tag = tag,
			.ours = known ? FACT_BOOL(strcmp(kind, "bpf") == 0 &&
						  rf_starts(name, "rf_guard"))
				      : (struct fact_int){0},
			.source = strcmp(tc->direction, "xdp") == 0 ? "rtnl-link" : "rtnl-filter",
		});
}

static void put_bpf(struct tc *tc, struct rf_slice name, struct rf_slice tag)
{
	RF_AUTOBUF struct rf_buf hex = {0};
	char text[128];

	nl_text(name, text, sizeof(text));
	/* libbpf names a filter "PROGRAM:[ID]"; the number is another at each attach. */
	char *id = strstr(text, ":[");

	if (id && strspn(id + 2, "0123456789") + 3 == strlen(id))
		*id = '\0';
	if (tag.len)
		rf_buf_add_hex(&hex, tag.data, tag.len > 64 ? 64 : tag.len);
	put(tc, "bpf", text, rf_buf_text(&hex));
}

static bool put_mirred(struct tc *tc, struct rf_slice options)
{
	struct rf_slice a[TCA_MIRRED_PARMS + 1];
	struct tc_mirred parms;
	char name[80];

	nl_attrs(options, a, RF_COUNT(a));
	if (a[TCA_MIRRED_PARMS].len < sizeof(parms))
		return false;
	memcpy(&parms, a[TCA_MIRRED_PARMS].data, sizeof(parms));
	const char *target = net_link_name(&tc->links, parms.ifindex);

	/* A target in another namespace, or one that is gone, has no name here. */
	if (*target)
		rf_copy(name, sizeof(name), target);
	else
		rf_format(name, sizeof(name), "index %u", parms.ifindex);
	bool mirror = parms.eaction == TCA_EGRESS_MIRROR || parms.eaction == TCA_INGRESS_MIRROR;

	put(tc, mirror ? "mirror" : "redirect", name, "");
	return true;
}

/* One action of a filter; false when it is neither a program nor a mirror. */
static bool put_action(struct tc *tc, struct rf_slice action)
{
	struct rf_slice a[TCA_ACT_OPTIONS + 1];
	char kind[32];

	nl_attrs(action, a, RF_COUNT(a));
	nl_text(a[TCA_ACT_KIND], kind, sizeof(kind));
	if (strcmp(kind, "mirred") == 0)
		return put_mirred(tc, a[TCA_ACT_OPTIONS]);
	if (strcmp(kind, "bpf") != 0)
		return false;
	struct rf_slice b[TCA_ACT_BPF_ID + 1];

	nl_attrs(a[TCA_ACT_OPTIONS], b, RF_COUNT(b));
	put_bpf(tc, b[TCA_ACT_BPF_NAME], b[TCA_ACT_BPF_TAG]);
	return true;
}

/* Where each kind of filter keeps its actions, in TCA_OPTIONS. */
static const struct {
	const char *kind;
	uint16_t act;
} filter_kinds[] = {
	{"bpf", TCA_BPF_ACT},	    {"matchall", TCA_MATCHALL_ACT}, {"u32", TCA_U32_ACT},
	{"flower", TCA_FLOWER_ACT}, {"basic", TCA_BASIC_ACT},	    {"fw", TCA_FW_ACT},
	{"cgroup", TCA_CGROUP_ACT}, {"flow", TCA_FLOW_ACT},	    {"route", TCA_ROUTE4_ACT},
	{"rsvp", TCA_RSVP_ACT},	    {"rsvp6", TCA_RSVP_ACT},
};

static bool put_actions(struct tc *tc, const char *kind, struct rf_slice options)
{
	bool any = false;

	for (size_t i = 0; i < RF_COUNT(filter_kinds); i++) {
		struct rf_slice a[TCA_FLOWER_ACT + TCA_BPF_MAX + 1];
		struct nl_attr action;

		if (strcmp(kind, filter_kinds[i].kind) != 0)
			continue;
		nl_attrs(options, a, RF_COUNT(a));
		struct rf_slice rest = a[filter_kinds[i].act];

		while (nl_attr_next(&rest, &action))
			any = put_action(tc, action.value) || any;
	}
	return any;
}

/* u32 lists its hash tables among its filters. */
static bool is_hash_table(struct rf_slice options)
{
	struct rf_slice a[TCA_U32_DIVISOR + 1];

	nl_attrs(options, a, RF_COUNT(a));
	return a[TCA_U32_DIVISOR].data != NULL;
}

static void put_filter(struct tc *tc, const struct nl_message *message)
{
	struct rf_slice a[TCA_OPTIONS + 1];
	struct tcmsg header;
	char kind[32];

	if (message->type != RTM_NEWTFILTER || message->body.len < sizeof(header))
		return;
	memcpy(&header, message->body.data, sizeof(header));
	nl_attrs(nl_behind(message->body, sizeof(header)), a, RF_COUNT(a));
	/* The classifier itself comes first, without handle or options, then its filters. */
	if (header.tcm_handle == 0 || a[TCA_OPTIONS].len == 0)
		return;
	nl_text(a[TCA_KIND], kind, sizeof(kind));
	if (strcmp(kind, "u32") == 0 && is_hash_table(a[TCA_OPTIONS]))
		return;
	bool any = put_actions(tc, kind, a[TCA_OPTIONS]);

	if (strcmp(kind, "bpf") == 0) {
		struct rf_slice b[TCA_BPF_ID + 1];

		nl_attrs(a[TCA_OPTIONS], b, RF_COUNT(b));
		put_bpf(tc, b[TCA_BPF_NAME], b[TCA_BPF_TAG]);
	} else if (!any) {
		put(tc, "other", kind, "");
	}
}

static void read_filters(struct tc *tc, uint32_t ifindex, uint32_t parent, const char *direction)
{
	RF_AUTOBUF struct rf_buf raw = {0};
	struct nl_message message;
	struct rf_err err = {0};
	char arg[32], key[128];

	tc->direction = direction;
	rf_format(arg, sizeof(arg), "%u:%x", ifindex, parent);
	rf_format(key, sizeof(key), "%s/%s", tc->link, direction);
	int rc = sys_probe(tc->sys, "rtnl-filter", arg, &raw, &err);
	struct rf_slice rest = rf_buf_slice(&raw);

	if (rc == 0) {
		while ((rc = nl_next(&rest, &message)) > 0)
			put_filter(tc, &message);
	}
	if (rc < 0)
		fact_gap(tc->out, FACT_T_TC_PROGRAM, key, "", "rtnl-filter",
			 "the filters of %s could not be read: %s", tc->link,
			 err.code ? rf_err_text(&err) : rf_code_text(rc));
}

/* Queueing disciplines that ask filters where a packet goes, so that a mirror may hang there. */
static bool has_filters(const char *kind)
{
	static const char *const kinds[] = {"prio", "htb", "hfsc", "drr",    "qfq",  "cbq",
					    "atm",  "ets", "sfq",  "multiq", "cake", "fq_codel"};

	for (size_t i = 0; i < RF_COUNT(kinds); i++) {
		if (strcmp(kind, kinds[i]) == 0)
			return true;
	}
	return false;
}

static void read_qdisc(struct tc *tc, const struct nl_message *message)
{
	struct rf_slice a[TCA_KIND + 1];
	struct tcmsg header;
	char kind[32];

	if (message->type != RTM_NEWQDISC || message->body.len < sizeof(header))
		return;
	memcpy(&header, message->body.data, sizeof(header));
	nl_attrs(nl_behind(message->body, sizeof(header)), a, RF_COUNT(a));
	nl_text(a[TCA_KIND], kind, sizeof(kind));
	uint32_t ifindex = (uint32_t)header.tcm_ifindex;

	tc->link = net_link_name(&tc->links, ifindex);
	if (*tc->link == '\0')
		return;
	if (strcmp(kind, "clsact") == 0 || strcmp(kind, "ingress") == 0) {
		tc->item = 0;
		read_filters(tc, ifindex, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS), "ingress");
	}
	/* clsact and a root discipline both filter what leaves: their items count on from 1000. */
	if (strcmp(kind, "clsact") == 0) {
		tc->item = 0;
		read_filters(tc, ifindex, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS), "egress");
	} else if (header.tcm_handle != 0 && has_filters(kind)) {
		tc->item = (int)(header.tcm_handle >> 16 & 0xff) * 16 + 1000;
		read_filters(tc, ifindex, header.tcm_handle, "egress");
	}
}

static void read_qdiscs(struct tc *tc)
{
	RF_AUTOBUF struct rf_buf raw = {0};
	struct nl_message message;
	struct rf_err err = {0};
	int rc = sys_probe(tc->sys, "rtnl-qdisc", "", &raw, &err);
	struct rf_slice rest = rf_buf_slice(&raw);

	if (rc == 0) {
		while ((rc = nl_next(&rest, &message)) > 0)
			read_qdisc(tc, &message);
	}
	if (rc < 0)
		fact_gap(tc->out, FACT_T_TC_PROGRAM, "", "", "rtnl-qdisc",
			 "queueing disciplines could not be read: %s",
			 err.code ? rf_err_text(&err) : rf_code_text(rc));
}

/* Name and tag of a program by its id; false when the kernel may not be asked. */
static bool program_ask(struct tc *tc, uint32_t id, char *name, char *tag, size_t size)
{
	RF_AUTOBUF struct rf_buf answer = {0};
	char arg[16];
	char *line;

	rf_format(arg, sizeof(arg), "%u", id);
	if (sys_probe(tc->sys, "bpf-prog", arg, &answer, NULL) < 0 || answer.len == 0)
		return false;
	char *cursor = (char *)answer.data;

	name[0] = tag[0] = '\0';
	while ((line = rf_line_next(&cursor))) {
		if (rf_starts(line, "name "))
			rf_copy(name, size, line + 5);
		else if (rf_starts(line, "tag "))
			rf_copy(tag, size, line + 4);
	}
	return true;
}

/* A program of which only the id is known so far. */
static void put_program(struct tc *tc, uint32_t id)
{
	static const char *const columns[] = {"name", "tag", "ours"};
	char name[64], tag[64], key[96];

	if (program_ask(tc, id, name, tag, sizeof(name))) {
		put(tc, "bpf", name, tag);
		return;
	}
	rf_format(key, sizeof(key), "%s/%s/%d", tc->link, tc->direction, tc->item);
	for (size_t i = 0; i < RF_COUNT(columns); i++)
		fact_gap(
			tc->out, FACT_T_TC_PROGRAM, key, columns[i], "bpf-prog",
			"BPF program %u of %s could not be asked for its name and tag: run as root",
			id, tc->link);
	put(tc, "bpf", NULL, NULL);
}

static void read_xdp(struct tc *tc, const struct net_link *link)
{
	static const int modes[] = {IFLA_XDP_DRV_PROG_ID, IFLA_XDP_SKB_PROG_ID,
				    IFLA_XDP_HW_PROG_ID};
	struct rf_slice a[IFLA_XDP_HW_PROG_ID + 1];

	nl_attrs(link->xdp, a, RF_COUNT(a));
	if (nl_u8(a[IFLA_XDP_ATTACHED], XDP_ATTACHED_NONE) == XDP_ATTACHED_NONE)
		return;
	tc->link = link->name;
	tc->direction = "xdp";
	tc->item = 0;
	for (size_t i = 0; i < RF_COUNT(modes); i++) {
		if (a[modes[i]].data)
			put_program(tc, nl_u32(a[modes[i]], 0));
	}
	/* Kernels before 4.18 tell one id, whatever the mode. */
	if (tc->item == 0)
		put_program(tc, nl_u32(a[IFLA_XDP_PROG_ID], 0));
}

/* Programs that hang on a link by tcx (Linux 6.6) are in no dump of tc. False when the kernel may
 * not be asked: then it need not be asked for the other links either. */
static bool read_tcx(struct tc *tc, const struct net_link *link)
{
	RF_AUTOBUF struct rf_buf answer = {0};
	struct rf_err err = {0};
	char arg[16];
	int64_t id;

	rf_format(arg, sizeof(arg), "%u", link->ifindex);
	tc->link = link->name;
	int rc = sys_probe(tc->sys, "bpf-tcx", arg, &answer, &err);

	if (rc < 0) {
		fact_gap(tc->out, FACT_T_TC_PROGRAM, "", "", "bpf-tcx",
			 "whether programs hang on links by tcx could not be asked: %s",
			 rf_err_text(&err));
		return false;
	}
	char *cursor = answer.len ? (char *)answer.data : NULL;

	/* Items of tcx count from 5000, behind those of filters. */
	tc->item = 5000;
	for (char *line; (line = rf_line_next(&cursor));) {
		char *space = strchr(line, ' ');

		if (!space || rf_num(space + 1, 10, 0, UINT32_MAX, &id) < 0)
			continue;
		tc->direction = rf_starts(line, "egress ") ? "egress" : "ingress";
		put_program(tc, (uint32_t)id);
	}
	return true;
}

int collect_tc(struct sys *sys, const struct collect_request *req, struct fact_sink *out,
	       struct rf_err *err)
{
	__attribute__((cleanup(tc_done))) struct tc tc = {.sys = sys, .out = out};
	int rc = net_links_read(sys, &tc.links, err);

	(void)req;
	if (rc < 0)
		return rf_wrap(err, rc, "traffic control");
	bool tcx = true;

	read_qdiscs(&tc);
	for (size_t i = 0; i < tc.links.count; i++) {
		read_xdp(&tc, &tc.links.links[i]);
		tcx = tcx && read_tcx(&tc, &tc.links.links[i]);
	}
	return 0;
}
