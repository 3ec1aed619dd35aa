/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a link's shaping back from the kernel. Changing it is shape_set.c. Source: rtnetlink(7),
 * linux/pkt_sched.h, linux/tc_act/tc_mirred.h.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/gen_stats.h>
#include <linux/if_link.h>
#include <linux/tc_act/tc_mirred.h>
#include <net/if.h>
#include <string.h>

#include "base/str.h"
#include "isolate/guard/internal.h"
#include "isolate/shape_parts.h"

void shape_link_name(uint32_t ifindex, char out[SHAPE_NAME_BYTES])
{
	rf_format(out, SHAPE_NAME_BYTES, SHAPE_LINK "%u", ifindex);
}

struct nlmsghdr *shape_tc(char *buffer, uint16_t type, uint16_t flags, const struct tcmsg *tc)
{
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);

	request->nlmsg_type = type;
	request->nlmsg_flags = flags;
	memcpy(mnl_nlmsg_put_extra_header(request, sizeof(*tc)), tc, sizeof(*tc));
	return request;
}

/* A text attribute that ends inside itself, or "". */
static const char *attr_text(const struct nlattr *attr)
{
	return mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0 ? mnl_attr_get_str(attr) : "";
}

/* ---- links ---- */

static int info_take(const struct nlattr *attr, void *arg)
{
	struct shape_link *link = arg;

	if (mnl_attr_get_type(attr) == IFLA_INFO_KIND)
		link->ifb = mnl_attr_validate(attr, MNL_TYPE_STRING) >= 0 &&
			    strncmp(mnl_attr_get_str(attr), "ifb", 4) == 0;
	return MNL_CB_OK;
}

static int link_attr_take(const struct nlattr *attr, void *arg)
{
	struct shape_link *link = arg;

	switch (mnl_attr_get_type(attr)) {
	case IFLA_IFNAME:
		rf_copy(link->name, sizeof(link->name), attr_text(attr));
		break;
	case IFLA_IFALIAS:
		link->alias = mnl_attr_get_payload_len(attr) >= sizeof(SHAPE_ALIAS) - 1 &&
			      memcmp(mnl_attr_get_payload(attr), SHAPE_ALIAS,
				     sizeof(SHAPE_ALIAS) - 1) == 0;
		break;
	case IFLA_LINKINFO:
		return mnl_attr_parse_nested(attr, info_take, arg);
	}
	return MNL_CB_OK;
}

static int link_take(const struct nlmsghdr *answer, void *arg)
{
	struct shape_link *link = arg;
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(answer);

	if (answer->nlmsg_type != RTM_NEWLINK || mnl_nlmsg_get_payload_len(answer) < sizeof(*info))
		return MNL_CB_OK;
	link->ifindex = (uint32_t)info->ifi_index;
	link->up = info->ifi_flags & IFF_UP;
	mnl_attr_parse(answer, sizeof(*info), link_attr_take, link);
	return MNL_CB_OK;
}

int shape_link_get(uint32_t ifindex, const char *name, struct shape_link *out, bool *out_found)
{
	char buffer[SHAPE_TALK_BYTES] = {0};
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct shape_link link = {0};

	request->nlmsg_type = RTM_GETLINK;
	struct ifinfomsg *info = mnl_nlmsg_put_extra_header(request, sizeof(*info));

	info->ifi_index = (int)ifindex;
	if (!ifindex)
		mnl_attr_put_strz(request, IFLA_IFNAME, name);
	int rc = guard_nl_talk(request, link_take, &link);

	*out_found = rc == 0 && link.ifindex;
	if (rc == 0)
		*out = link;
	return rc == -ENODEV ? 0 : rc;
}

/* ---- queueing disciplines ---- */

static void rates_take(const struct tc_tbf_qopt *options, struct shape_way *way)
{
	/* The wide attributes come before or behind this one. */
	way->average = way->average ? way->average : options->rate.rate;
	way->peak = way->peak ? way->peak : options->peakrate.rate;
	way->bucket = options->buffer;
	way->pbucket = way->peak ? options->mtu : 0;
	way->limit = options->limit;
	way->on = 1;
}

static int tbf_take(const struct nlattr *attr, void *arg)
{
	struct shape_way *way = arg;
	uint16_t type = mnl_attr_get_type(attr), len = mnl_attr_get_payload_len(attr);
	struct tc_tbf_qopt options;

	if (type == TCA_TBF_PARMS && len >= sizeof(options)) {
		memcpy(&options, mnl_attr_get_payload(attr), sizeof(options));
		rates_take(&options, way);
	}
	if (type == TCA_TBF_RATE64 && len == sizeof(uint64_t))
		way->average = mnl_attr_get_u64(attr);
	if (type == TCA_TBF_PRATE64 && len == sizeof(uint64_t))
		way->peak = mnl_attr_get_u64(attr);
	return MNL_CB_OK;
}

static int stats_take(const struct nlattr *attr, void *arg)
{
	struct shape_counts *counts = arg;
	uint16_t type = mnl_attr_get_type(attr), len = mnl_attr_get_payload_len(attr);
	struct gnet_stats_basic basic;
	struct gnet_stats_queue queue;

	/* The first is padded to 16 bytes, the kernel sends 12 or 16. */
	if (type == TCA_STATS_BASIC && len >= 12) {
		memcpy(&basic, mnl_attr_get_payload(attr), 12);
		counts->bytes = basic.bytes;
		counts->packets = basic.packets;
	}
	if (type == TCA_STATS_QUEUE && len >= sizeof(queue)) {
		memcpy(&queue, mnl_attr_get_payload(attr), sizeof(queue));
		counts->waiting = queue.backlog;
		counts->dropped = queue.drops;
		counts->held = queue.overlimits;
	}
	return MNL_CB_OK;
}

static int qdisc_attr_take(const struct nlattr *attr, void *arg)
{
	struct shape_qdisc *q = arg;

	switch (mnl_attr_get_type(attr)) {
	case TCA_KIND:
		rf_copy(q->kind, sizeof(q->kind), attr_text(attr));
		q->ours = q->handle == SHAPE_HANDLE && strcmp(q->kind, "tbf") == 0;
		break;
	case TCA_OPTIONS:
		return q->ours ? mnl_attr_parse_nested(attr, tbf_take, &q->way) : MNL_CB_OK;
	case TCA_STATS2:
		return mnl_attr_parse_nested(attr, stats_take, &q->counts);
	}
	return MNL_CB_OK;
}

static int qdisc_take(const struct nlmsghdr *answer, void *arg)
{
	struct shape_qdisc *q = arg;
	const struct tcmsg *tc = mnl_nlmsg_get_payload(answer);

	if (answer->nlmsg_type != RTM_NEWQDISC || mnl_nlmsg_get_payload_len(answer) < sizeof(*tc))
		return MNL_CB_OK;
	q->handle = tc->tcm_handle;
	/* Attributes come in this order: kind, options, statistics. */
	mnl_attr_parse(answer, sizeof(*tc), qdisc_attr_take, q);
	return MNL_CB_OK;
}

int shape_qdisc_get(uint32_t ifindex, uint32_t parent, struct shape_qdisc *out)
{
	char buffer[SHAPE_TALK_BYTES] = {0};
	const struct tcmsg tc = {.tcm_ifindex = (int)ifindex, .tcm_parent = parent};
	struct shape_qdisc q = {0};
	/* Without NLM_F_ECHO the answer goes to listeners alone. */
	int rc = guard_nl_talk(shape_tc(buffer, RTM_GETQDISC, NLM_F_ECHO, &tc), qdisc_take, &q);

	/* The kernel says neither of a discipline that nobody made. */
	if (rc == -ENOENT || rc == -EINVAL)
		rc = 0;
	/* One without a handle is the kernel's default. */
	if (q.handle == 0)
		memset(&q, 0, sizeof(q));
	*out = q;
	return rc;
}

/* ---- the filter ---- */

struct action {
	char kind[SHAPE_KIND_BYTES];
	struct tc_mirred mirred;
	bool redirects;
};

static int mirred_take(const struct nlattr *attr, void *arg)
{
	struct action *action = arg;

	if (mnl_attr_get_type(attr) == TCA_MIRRED_PARMS &&
	    mnl_attr_get_payload_len(attr) >= sizeof(action->mirred)) {
		memcpy(&action->mirred, mnl_attr_get_payload(attr), sizeof(action->mirred));
		action->redirects = action->mirred.eaction == TCA_EGRESS_REDIR;
	}
	return MNL_CB_OK;
}

static int action_take(const struct nlattr *attr, void *arg)
{
	struct action *action = arg;

	if (mnl_attr_get_type(attr) == TCA_ACT_KIND)
		rf_copy(action->kind, sizeof(action->kind), attr_text(attr));
	if (mnl_attr_get_type(attr) == TCA_ACT_OPTIONS && strcmp(action->kind, "mirred") == 0)
		return mnl_attr_parse_nested(attr, mirred_take, arg);
	return MNL_CB_OK;
}

static int actions_take(const struct nlattr *attr, void *arg)
{
	return mnl_attr_parse_nested(attr, action_take, arg);
}

static int u32_take(const struct nlattr *attr, void *arg)
{
	if (mnl_attr_get_type(attr) == TCA_U32_ACT)
		return mnl_attr_parse_nested(attr, actions_take, arg);
	return MNL_CB_OK;
}

static int options_take(const struct nlattr *attr, void *arg)
{
	if (mnl_attr_get_type(attr) == TCA_KIND && strcmp(attr_text(attr), "u32") != 0)
		return MNL_CB_STOP;
	if (mnl_attr_get_type(attr) == TCA_OPTIONS)
		(void)mnl_attr_parse_nested(attr, u32_take, arg);
	return MNL_CB_OK;
}

static int filter_take(const struct nlmsghdr *answer, void *arg)
{
	struct shape_filter *found = arg;
	const struct tcmsg *tc = mnl_nlmsg_get_payload(answer);
	struct action action = {0};
	struct filter guards;

	/* Heads of chains and u32's tables are no filters. */
	if (answer->nlmsg_type != RTM_NEWTFILTER ||
	    mnl_nlmsg_get_payload_len(answer) < sizeof(*tc) || (tc->tcm_handle & 0xfffffu) == 0)
		return MNL_CB_OK;
	if (TC_H_MAJ(tc->tcm_info) >> 16 != SHAPE_PRIORITY) {
		bool guard = guard_filter_parse(answer, &guards) &&
			     guards.handle == FILTER_HANDLE && guards.program;

		found->before |= !guard && TC_H_MAJ(tc->tcm_info) >> 16 < SHAPE_PRIORITY;
		return MNL_CB_OK;
	}
	(void)mnl_attr_parse(answer, sizeof(*tc), options_take, &action);
	found->whole = !found->ours && action.redirects;
	found->ifindex = action.redirects ? (uint32_t)action.mirred.ifindex : 0;
	found->ours = true;
	return MNL_CB_OK;
}

int shape_filter_get(uint32_t ifindex, struct shape_filter *out)
{
	char buffer[SHAPE_TALK_BYTES] = {0};
	const struct tcmsg tc = {.tcm_ifindex = (int)ifindex,
				 .tcm_parent = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS)};

	memset(out, 0, sizeof(*out));
	return guard_nl_talk(shape_tc(buffer, RTM_GETTFILTER, NLM_F_DUMP, &tc), filter_take, out);
}

/* ---- all of it ---- */

static int from_vm_see(uint32_t ifindex, struct shape_seen *seen)
{
	struct shape_filter filter = {0};
	struct shape_link link = {0};
	struct shape_qdisc q = {0};
	char name[SHAPE_NAME_BYTES];
	bool found = false;
	int rc = shape_filter_get(ifindex, &filter);

	shape_link_name(ifindex, name);
	if (!rc)
		rc = shape_link_get(0, name, &link, &found);
	if (!rc && found)
		rc = shape_qdisc_get(link.ifindex, TC_H_ROOT, &q);
	if (rc < 0)
		return rc;
	bool whole = filter.whole && found && link.ifb && link.up && q.ours &&
		     filter.ifindex == link.ifindex;

	seen->filter_before = filter.before;
	seen->piece |= !whole && (filter.ours || (found && link.ifb && link.alias));
	if (whole) {
		seen->ifb = link.ifindex;
		seen->state.now.from_vm = q.way;
		seen->from_vm = q.counts;
	}
	return 0;
}

int shape_see(uint32_t ifindex, struct shape_seen *out, struct rf_err *err)
{
	struct shape_seen seen = {0};
	struct shape_qdisc root = {0}, ingress = {0};
	int rc = shape_qdisc_get(ifindex, TC_H_ROOT, &root);

	if (!rc)
		rc = shape_qdisc_get(ifindex, TC_H_INGRESS, &ingress);
	if (!rc)
		rc = from_vm_see(ifindex, &seen);
	if (rc < 0)
		return rf_fail(err, rc, "the shaping of link %u cannot be read: %s", ifindex,
			       rf_code_text(rc));
	if (root.ours) {
		seen.state.now.to_vm = root.way;
		seen.to_vm = root.counts;
	} else {
		memcpy(seen.state.root, root.kind, sizeof(root.kind));
	}
	if (strcmp(ingress.kind, "clsact") != 0)
		memcpy(seen.state.ingress, ingress.kind, sizeof(ingress.kind));
	*out = seen;
	return 0;
}
