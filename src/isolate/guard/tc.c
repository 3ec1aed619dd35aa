/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guard's filters on a link. clsact is shared property: it is made where it is missing and
 * never removed; our filters have a priority and a handle of their own. Source: tc-bpf(8),
 * libbpf.h.
 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "base/str.h"
#include "isolate/guard/internal.h"
#include "sys/bpf.h"

static const struct {
	enum bpf_tc_attach_point point;
	uint32_t parent;
	const char *tcx; /* how sys/bpf.h calls the same direction */
} HOOKS[] = {
	[GUARD_FROM_VM] = {BPF_TC_INGRESS, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS), "ingress "},
	[GUARD_TO_VM] = {BPF_TC_EGRESS, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS), "egress "},
};

static struct bpf_tc_hook hook_of(uint32_t ifindex, unsigned points)
{
	return (struct bpf_tc_hook){.sz = sizeof(struct bpf_tc_hook),
				    .ifindex = (int)ifindex,
				    .attach_point = (enum bpf_tc_attach_point)points};
}

static int attach_one(struct guard *guard, uint32_t ifindex, enum guard_direction direction)
{
	struct bpf_tc_hook hook = hook_of(ifindex, HOOKS[direction].point);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = FILTER_HANDLE, .priority = FILTER_PRIORITY,
		    .flags = BPF_TC_F_REPLACE, .prog_fd = guard->programs[direction].fd);

	return bpf_tc_attach(&hook, &opts);
}

int guard_filters_attach(struct guard *guard, uint32_t ifindex, struct rf_err *err)
{
	struct bpf_tc_hook hook = hook_of(ifindex, BPF_TC_INGRESS | BPF_TC_EGRESS);
	int rc = bpf_tc_hook_create(&hook);
	bool shared = rc == -EEXIST;

	if (rc && !shared)
		return rf_fail(err, rc, "link %u: clsact: %s", ifindex, rf_code_text(rc));
	rc = attach_one(guard, ifindex, GUARD_FROM_VM);
	if (rc)
		return rf_fail(err, rc, "link %u: filter from the VM: %s", ifindex,
			       rf_code_text(rc));
	rc = attach_one(guard, ifindex, GUARD_TO_VM);
	/* An old ingress qdisc (libvirt's <outbound> bandwidth makes one) has no egress. */
	if (rc == -EINVAL && shared)
		return rf_fail(err, RF_E_UNSUPPORTED,
			       "link %u: an ingress qdisc that is no clsact is in the way; remove "
			       "the bandwidth limit that made it",
			       ifindex);
	return rc ? rf_fail(err, rc, "link %u: filter to the VM: %s", ifindex, rf_code_text(rc))
		  : 0;
}

int guard_filters_detach(uint32_t ifindex)
{
	int first = 0;

	for (int i = 0; i < 2; i++) {
		struct bpf_tc_hook hook = hook_of(ifindex, HOOKS[i].point);
		LIBBPF_OPTS(bpf_tc_opts, opts, .handle = FILTER_HANDLE,
			    .priority = FILTER_PRIORITY);
		int rc = bpf_tc_detach(&hook, &opts);

		/* -EINVAL: there is no clsact, so there is no filter either. */
		if (rc && rc != -ENOENT && rc != -EINVAL && !first)
			first = rc;
	}
	return first;
}

struct search {
	struct filter ours;
	bool first;
	bool any; /* some filter was seen */
};

static int filter_take(const struct nlmsghdr *answer, void *arg)
{
	struct search *s = arg;
	struct filter f;

	/* The chain's head has handle 0 and is no filter. */
	if (!guard_filter_parse(answer, &f) || f.handle == 0)
		return MNL_CB_OK;
	if (f.handle == FILTER_HANDLE && f.priority == FILTER_PRIORITY && f.program) {
		s->ours = f;
		s->first = !s->any;
	}
	s->any = true;
	return MNL_CB_OK;
}

/* tcx programs run before clsact. Where the kernel has no tcx there are none. */
static bool tcx_before(uint32_t ifindex, enum guard_direction direction)
{
	RF_AUTOBUF struct rf_buf lines = {0};
	char arg[16];

	return rf_format(arg, sizeof(arg), "%u", ifindex) && bpf_tcx(arg, &lines, NULL) == 0 &&
	       strstr(rf_buf_text(&lines), HOOKS[direction].tcx) != NULL;
}

int guard_filter_find(uint32_t ifindex, enum guard_direction direction, struct filter *out,
		      bool *out_first)
{
	char buffer[256] = {0};
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct search search = {0};

	request->nlmsg_type = RTM_GETTFILTER;
	request->nlmsg_flags = NLM_F_DUMP;

	struct tcmsg *tc = mnl_nlmsg_put_extra_header(request, sizeof(*tc));

	tc->tcm_family = AF_UNSPEC;
	tc->tcm_ifindex = (int)ifindex;
	tc->tcm_parent = HOOKS[direction].parent;

	int rc = guard_nl_talk(request, filter_take, &search);

	if (rc)
		return rc;
	*out = search.ours;
	*out_first = search.first && !tcx_before(ifindex, direction);
	return 0;
}
