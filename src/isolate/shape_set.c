/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changing a link's shaping. Nothing of another's is ever replaced: a discipline is made without
 * NLM_F_REPLACE, which the kernel refuses where one stands, and removed by our own handle. clsact
 * is shared and stays. Reading back is shape_see.c. Source: rtnetlink(7), linux/pkt_sched.h.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/tc_act/tc_mirred.h>
#include <net/if.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/guard/internal.h"
#include "isolate/shape_parts.h"

#define IFB_QUEUE 1000u

static int talk(struct nlmsghdr *request)
{
	return guard_nl_talk(request, NULL, NULL);
}

/* ---- the token bucket ---- */

static struct tc_ratespec ratespec(uint64_t rate)
{
	return (struct tc_ratespec){.rate = rate > UINT32_MAX ? UINT32_MAX : (uint32_t)rate,
				    .linklayer = TC_LINKLAYER_ETHERNET};
}

static int bucket_make(uint32_t ifindex, const struct shape_way *way)
{
	char buffer[SHAPE_TALK_BYTES] = {0};
	const struct tcmsg tc = {
		.tcm_ifindex = (int)ifindex, .tcm_handle = SHAPE_HANDLE, .tcm_parent = TC_H_ROOT};
	const struct tc_tbf_qopt options = {.rate = ratespec(way->average),
					    .peakrate = ratespec(way->peak),
					    .limit = way->limit,
					    .buffer = way->bucket,
					    .mtu = way->pbucket};
	struct nlmsghdr *request = shape_tc(buffer, RTM_NEWQDISC, NLM_F_CREATE, &tc);

	mnl_attr_put_strz(request, TCA_KIND, "tbf");
	struct nlattr *nest = mnl_attr_nest_start(request, TCA_OPTIONS);

	mnl_attr_put(request, TCA_TBF_PARMS, sizeof(options), &options);
	if (way->average > UINT32_MAX)
		mnl_attr_put_u64(request, TCA_TBF_RATE64, way->average);
	if (way->peak > UINT32_MAX)
		mnl_attr_put_u64(request, TCA_TBF_PRATE64, way->peak);
	mnl_attr_nest_end(request, nest);
	return talk(request);
}

static int bucket_remove(uint32_t ifindex)
{
	char buffer[SHAPE_TALK_BYTES] = {0};
	const struct tcmsg tc = {
		.tcm_ifindex = (int)ifindex, .tcm_handle = SHAPE_HANDLE, .tcm_parent = TC_H_ROOT};
	struct nlmsghdr *request = shape_tc(buffer, RTM_DELQDISC, 0, &tc);

	mnl_attr_put_strz(request, TCA_KIND, "tbf");
	int rc = talk(request);

	/* Another's, or the kernel's own: none of ours is there. */
	return rc == -EINVAL || rc == -ENOENT ? 0 : rc;
}

int shape_bucket_set(uint32_t ifindex, const struct shape_way *way, struct rf_err *err)
{
	int rc = way->on ? bucket_make(ifindex, way) : bucket_remove(ifindex);

	if (rc == -ENOENT)
		return rf_fail(err, RF_E_UNSUPPORTED,
			       "this kernel has no token bucket (sch_tbf): it cannot shape");
	if (rc == -EEXIST)
		return rf_fail(err, RF_E_CHANGED,
			       "link %u: another's queueing discipline stands there; it is not "
			       "removed",
			       ifindex);
	if (rc == -ENODEV)
		return rf_fail(err, RF_E_MISSING, "link %u is gone", ifindex);
	return rc ? rf_fail(err, rc, "link %u: token bucket: %s", ifindex, rf_code_text(rc)) : 0;
}

/* ---- the link that frames from the VM wait on ---- */

static int ifb_create(const char *name)
{
	char buffer[SHAPE_TALK_BYTES] = {0};
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);

	request->nlmsg_type = RTM_NEWLINK;
	request->nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL;
	mnl_nlmsg_put_extra_header(request, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(request, IFLA_IFNAME, name);
	mnl_attr_put_u32(request, IFLA_TXQLEN, IFB_QUEUE);
	struct nlattr *nest = mnl_attr_nest_start(request, IFLA_LINKINFO);

	mnl_attr_put_strz(request, IFLA_INFO_KIND, "ifb");
	mnl_attr_nest_end(request, nest);
	return talk(request);
}

static int ifb_up(uint32_t ifindex, const char *of)
{
	char buffer[SHAPE_TALK_BYTES] = {0}, alias[64];
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);

	request->nlmsg_type = RTM_NEWLINK;
	struct ifinfomsg *info = mnl_nlmsg_put_extra_header(request, sizeof(*info));

	info->ifi_index = (int)ifindex;
	info->ifi_flags = info->ifi_change = IFF_UP;
	rf_format(alias, sizeof(alias), SHAPE_ALIAS ": frames from %s wait here", of);
	mnl_attr_put_str(request, IFLA_IFALIAS, alias);
	return talk(request);
}

static int link_delete(uint32_t ifindex)
{
	char buffer[SHAPE_TALK_BYTES] = {0};
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);

	request->nlmsg_type = RTM_DELLINK;
	struct ifinfomsg *info = mnl_nlmsg_put_extra_header(request, sizeof(*info));

	info->ifi_index = (int)ifindex;
	int rc = talk(request);

	return rc == -ENODEV ? 0 : rc;
}

/* Of that name and ours, made where it is missing. */
static int ifb_ensure(uint32_t ifindex, const char *of, uint32_t *out, struct rf_err *err)
{
	struct shape_link link = {0};
	char name[SHAPE_NAME_BYTES];
	bool found = false;

	shape_link_name(ifindex, name);
	int rc = ifb_create(name);

	if (rc == -EOPNOTSUPP)
		return rf_fail(err, RF_E_UNSUPPORTED,
			       "this kernel has no ifb: what a VM sends cannot be shaped");
	if (rc == 0 || rc == -EEXIST) {
		bool made = rc == 0;

		rc = shape_link_get(0, name, &link, &found);
		if (!rc && found && !made && (!link.ifb || !link.alias))
			return rf_fail(err, RF_E_DENIED, "link %s is another's", name);
	}
	if (!rc && !found)
		rc = -ENODEV;
	if (!rc)
		rc = ifb_up(link.ifindex, of);
	*out = link.ifindex;
	return rc ? rf_fail(err, rc, "link %s: %s", name, rf_code_text(rc)) : 0;
}

/* ---- the filter ---- */

static int clsact_ensure(uint32_t ifindex, struct rf_err *err)
{
	char buffer[SHAPE_TALK_BYTES] = {0};
	const struct tcmsg tc = {.tcm_ifindex = (int)ifindex,
				 .tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0),
				 .tcm_parent = TC_H_CLSACT};
	struct nlmsghdr *request = shape_tc(buffer, RTM_NEWQDISC, NLM_F_CREATE, &tc);

	mnl_attr_put_strz(request, TCA_KIND, "clsact");
	int rc = talk(request);

	/* Without NLM_F_EXCL the kernel says yes where it is there, -EINVAL where another kind is.
	 */
	if (rc == -EINVAL)
		return rf_fail(
			err, RF_E_CHANGED,
			"link %u: an ingress queueing discipline that is no clsact is in the "
			"way; it is not removed",
			ifindex);
	return rc ? rf_fail(err, rc, "link %u: clsact: %s", ifindex, rf_code_text(rc)) : 0;
}

static struct tcmsg filter_place(uint32_t ifindex)
{
	return (struct tcmsg){.tcm_ifindex = (int)ifindex,
			      .tcm_parent = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS),
			      .tcm_info = TC_H_MAKE(SHAPE_PRIORITY << 16, htons(ETH_P_ALL))};
}

static void filter_action(struct nlmsghdr *request, uint32_t to)
{
	const struct tc_mirred mirred = {
		.action = TC_ACT_STOLEN, .eaction = TCA_EGRESS_REDIR, .ifindex = to};
	struct nlattr *list = mnl_attr_nest_start(request, TCA_U32_ACT);
	struct nlattr *first = mnl_attr_nest_start(request, 1);

	mnl_attr_put_strz(request, TCA_ACT_KIND, "mirred");
	struct nlattr *options = mnl_attr_nest_start(request, TCA_ACT_OPTIONS);

	mnl_attr_put(request, TCA_MIRRED_PARMS, sizeof(mirred), &mirred);
	mnl_attr_nest_end(request, options);
	mnl_attr_nest_end(request, first);
	mnl_attr_nest_end(request, list);
}

/* Every frame that came so far. */
static int filter_make(uint32_t ifindex, uint32_t to, struct rf_err *err)
{
	struct {
		struct tc_u32_sel sel;
		struct tc_u32_key key;
	} all = {.sel = {.flags = TC_U32_TERMINAL, .nkeys = 1}};
	char buffer[SHAPE_TALK_BYTES] = {0};
	const struct tcmsg tc = filter_place(ifindex);
	struct nlmsghdr *request = shape_tc(buffer, RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL, &tc);

	mnl_attr_put_strz(request, TCA_KIND, "u32");
	struct nlattr *nest = mnl_attr_nest_start(request, TCA_OPTIONS);

	mnl_attr_put(request, TCA_U32_SEL, sizeof(all), &all);
	filter_action(request, to);
	mnl_attr_nest_end(request, nest);
	int rc = talk(request);

	if (rc == -ENOENT)
		return rf_fail(
			err, RF_E_UNSUPPORTED,
			"this kernel has no cls_u32 or no act_mirred: what a VM sends cannot "
			"be shaped");
	return rc ? rf_fail(err, rc, "link %u: filter: %s", ifindex, rf_code_text(rc)) : 0;
}

static int filter_remove(uint32_t ifindex)
{
	char buffer[SHAPE_TALK_BYTES] = {0};
	const struct tcmsg tc = filter_place(ifindex);
	int rc = talk(shape_tc(buffer, RTM_DELTFILTER, 0, &tc));

	/* -EINVAL: there is no clsact, so there is no filter either. */
	return rc == -ENOENT || rc == -EINVAL ? 0 : rc;
}

/* ---- what remained of links that are gone ---- */

struct census {
	struct shape_link *items;
	size_t count, capacity;
};

static int name_take(const struct nlattr *attr, void *arg)
{
	struct shape_link *link = arg;

	if (mnl_attr_get_type(attr) == IFLA_IFNAME &&
	    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
		rf_copy(link->name, sizeof(link->name), mnl_attr_get_str(attr));
	return MNL_CB_OK;
}

static int census_take(const struct nlmsghdr *answer, void *arg)
{
	struct census *census = arg;
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(answer);

	if (answer->nlmsg_type != RTM_NEWLINK || mnl_nlmsg_get_payload_len(answer) < sizeof(*info))
		return MNL_CB_OK;
	if (rf_grow((void **)&census->items, &census->capacity, census->count + 1,
		    sizeof(*census->items)) < 0)
		return MNL_CB_ERROR;
	struct shape_link *link = &census->items[census->count++];

	*link = (struct shape_link){.ifindex = (uint32_t)info->ifi_index};
	mnl_attr_parse(answer, sizeof(*info), name_take, link);
	return MNL_CB_OK;
}

static bool census_has(const struct census *census, int64_t ifindex)
{
	for (size_t i = 0; i < census->count; i++) {
		if (census->items[i].ifindex == ifindex)
			return true;
	}
	return false;
}

/* A VM's port takes all with it but the link that its frames waited on. */
void shape_forget_gone(void)
{
	char buffer[SHAPE_TALK_BYTES] = {0};
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct census census = {0};
	int64_t of;

	request->nlmsg_type = RTM_GETLINK;
	request->nlmsg_flags = NLM_F_DUMP;
	mnl_nlmsg_put_extra_header(request, sizeof(struct ifinfomsg));
	int rc = guard_nl_talk(request, census_take, &census);

	for (size_t i = 0; rc == 0 && i < census.count; i++) {
		struct shape_link link = {0};
		const char *name = census.items[i].name;
		bool found = false;

		if (!rf_starts(name, SHAPE_LINK) ||
		    rf_num(name + sizeof(SHAPE_LINK) - 1, 10, 1, INT32_MAX, &of) < 0 ||
		    census_has(&census, of))
			continue;
		if (shape_link_get(census.items[i].ifindex, NULL, &link, &found) == 0 && found &&
		    link.ifb && link.alias)
			(void)!link_delete(link.ifindex);
	}
	rf_free(census.items);
}

/* ---- all of it ---- */

static int from_vm_off(uint32_t ifindex, struct rf_err *err)
{
	struct shape_link link = {0};
	char name[SHAPE_NAME_BYTES];
	bool found = false;
	/* The filter first: frames that find their way gone are lost. */
	int rc = filter_remove(ifindex);

	shape_link_name(ifindex, name);
	if (!rc)
		rc = shape_link_get(0, name, &link, &found);
	if (!rc && found && link.ifb && link.alias)
		rc = link_delete(link.ifindex);
	return rc ? rf_fail(err, rc, "link %u: %s", ifindex, rf_code_text(rc)) : 0;
}

static int from_vm_on(uint32_t ifindex, const char *name, const struct shape_way *way,
		      struct rf_err *err)
{
	struct shape_filter filter = {0};
	uint32_t ifb = 0;
	int rc = ifb_ensure(ifindex, name, &ifb, err);

	if (!rc)
		rc = shape_bucket_set(ifb, way, err);
	if (!rc)
		rc = clsact_ensure(ifindex, err);
	if (rc < 0)
		return rc;
	rc = shape_filter_get(ifindex, &filter);
	if (!rc && filter.whole && filter.ifindex == ifb)
		return 0;
	if (!rc)
		rc = filter_remove(ifindex);
	return rc ? rf_fail(err, rc, "link %u: filter: %s", ifindex, rf_code_text(rc))
		  : filter_make(ifindex, ifb, err);
}

int shape_set(uint32_t ifindex, const char *name, const struct shape *shape, struct rf_err *err)
{
	struct shape_seen seen;
	int rc = shape_see(ifindex, &seen, err);

	if (!rc && memcmp(&seen.state.now.to_vm, &shape->to_vm, sizeof(shape->to_vm)) != 0)
		rc = shape_bucket_set(ifindex, &shape->to_vm, err);
	if (!rc && (seen.piece ||
		    memcmp(&seen.state.now.from_vm, &shape->from_vm, sizeof(shape->from_vm)) != 0))
		rc = shape->from_vm.on ? from_vm_on(ifindex, name, &shape->from_vm, err)
				       : from_vm_off(ifindex, err);
	shape_forget_gone();
	return rc;
}
