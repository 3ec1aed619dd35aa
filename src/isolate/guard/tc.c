/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guard's filters on a link. clsact is shared property: it is made where it is missing and
 * never removed; our filters have a priority and a handle of their own. Source: tc-bpf(8),
 * libbpf.h.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/time.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/guard/internal.h"
#include "sys/bpf.h"

#define BATCH_BYTES    1024u /* two requests of some 120 bytes */
#define ANSWER_BYTES   8192u
#define ANSWER_SECONDS 2

static const struct {
	uint32_t parent;
	const char *tcx; /* how sys/bpf.h calls the same direction */
} HOOKS[] = {
	[GUARD_FROM_VM] = {TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS), "ingress "},
	[GUARD_TO_VM] = {TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS), "egress "},
};

/* Requests that go to the kernel in one call, and what it says to each. */
struct batch {
	char bytes[BATCH_BYTES];
	size_t len;
	unsigned count;
	int results[4];
};

static struct nlmsghdr *batch_add(struct batch *batch, uint16_t type, uint16_t flags,
				  const struct tcmsg *tc, const char *kind)
{
	struct nlmsghdr *request = mnl_nlmsg_put_header(batch->bytes + batch->len);

	request->nlmsg_type = type;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	request->nlmsg_seq = batch->count++;
	memcpy(mnl_nlmsg_put_extra_header(request, sizeof(*tc)), tc, sizeof(*tc));
	mnl_attr_put_strz(request, TCA_KIND, kind);
	return request;
}

static void batch_close(struct batch *batch, const struct nlmsghdr *request)
{
	/* NLMSG_ALIGN without its signed constant. */
	batch->len += (request->nlmsg_len + 3u) & ~3u;
}

static struct tcmsg filter_place(uint32_t ifindex, unsigned direction)
{
	return (struct tcmsg){.tcm_family = AF_UNSPEC,
			      .tcm_ifindex = (int)ifindex,
			      .tcm_handle = FILTER_HANDLE,
			      .tcm_parent = HOOKS[direction].parent,
			      .tcm_info = TC_H_MAKE(FILTER_PRIORITY << 16, htons(ETH_P_ALL))};
}

static void add_clsact(struct batch *batch, uint32_t ifindex)
{
	const struct tcmsg tc = {.tcm_family = AF_UNSPEC,
				 .tcm_ifindex = (int)ifindex,
				 .tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0),
				 .tcm_parent = TC_H_CLSACT};

	batch_close(batch, batch_add(batch, RTM_NEWQDISC, NLM_F_CREATE, &tc, "clsact"));
}

static void add_filter(struct batch *batch, const struct guard *guard, uint32_t ifindex,
		       unsigned direction)
{
	const struct tcmsg tc = filter_place(ifindex, direction);
	struct nlmsghdr *request =
		batch_add(batch, RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_REPLACE, &tc, "bpf");
	struct nlattr *options = mnl_attr_nest_start(request, TCA_OPTIONS);

	mnl_attr_put_u32(request, TCA_BPF_FD, (uint32_t)guard->programs[direction].fd);
	mnl_attr_put_strz(request, TCA_BPF_NAME, guard_program_name(direction));
	mnl_attr_put_u32(request, TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT);
	mnl_attr_nest_end(request, options);
	batch_close(batch, request);
}

static int socket_ready(struct guard *guard)
{
	struct timeval wait = {.tv_sec = ANSWER_SECONDS};

	if (guard->nl)
		return 0;
	guard->nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!guard->nl)
		return -errno;
	if (mnl_socket_bind(guard->nl, 0, MNL_SOCKET_AUTOPID) == 0 &&
	    setsockopt(mnl_socket_get_fd(guard->nl), SOL_SOCKET, SO_RCVTIMEO, &wait,
		       sizeof(wait)) == 0)
		return 0;

	int rc = -errno;

	mnl_socket_close(guard->nl);
	guard->nl = NULL;
	return rc;
}

/* Takes the acknowledgements out of one answer; returns how many. */
static unsigned results_take(struct batch *batch, const char *answer, size_t size)
{
	const struct nlmsghdr *message = (const struct nlmsghdr *)answer;
	unsigned taken = 0;
	int left = (int)size;

	for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
		const struct nlmsgerr *result = mnl_nlmsg_get_payload(message);

		if (message->nlmsg_type != NLMSG_ERROR || message->nlmsg_seq >= batch->count ||
		    mnl_nlmsg_get_payload_len(message) < sizeof(result->error))
			continue;
		batch->results[message->nlmsg_seq] = result->error;
		taken++;
	}
	return taken;
}

static int batch_send(struct guard *guard, struct batch *batch)
{
	char answer[ANSWER_BYTES] __attribute__((aligned(8)));
	unsigned taken = 0;
	int rc = socket_ready(guard);

	if (rc)
		return rc;
	if (mnl_socket_sendto(guard->nl, batch->bytes, batch->len) < 0)
		return -errno;
	while (taken < batch->count) {
		ssize_t n = mnl_socket_recvfrom(guard->nl, answer, sizeof(answer));

		if (n < 0) {
			rc = -errno;
			/* What comes late must not be taken for the next answer. */
			mnl_socket_close(guard->nl);
			guard->nl = NULL;
			return rc;
		}
		taken += results_take(batch, answer, (size_t)n);
	}
	return 0;
}

/*
 * An ingress qdisc that is no clsact (libvirt's <outbound> bandwidth makes one) has the same
 * handle, and would take the filter for egress too, at its ingress: so the kind is settled first.
 * Without NLM_F_EXCL the kernel says yes where clsact is there, and -EINVAL where the other kind
 * is.
 */
static int clsact_ensure(struct guard *guard, uint32_t ifindex, struct rf_err *err)
{
	struct batch batch = {.len = 0};
	int rc;

	add_clsact(&batch, ifindex);
	rc = batch_send(guard, &batch);
	if (rc == 0)
		rc = batch.results[0];
	if (rc == -EINVAL)
		return rf_fail(err, RF_E_UNSUPPORTED,
			       "link %u: an ingress qdisc that is no clsact is in the way; remove "
			       "the bandwidth limit that made it",
			       ifindex);
	return rc ? rf_fail(err, rc, "link %u: clsact: %s", ifindex, rf_code_text(rc)) : 0;
}

int guard_filters_attach(struct guard *guard, uint32_t ifindex, struct rf_err *err)
{
	struct batch batch = {.len = 0};
	int rc = clsact_ensure(guard, ifindex, err);

	if (rc)
		return rc;
	add_filter(&batch, guard, ifindex, GUARD_FROM_VM);
	add_filter(&batch, guard, ifindex, GUARD_TO_VM);
	rc = batch_send(guard, &batch);
	for (unsigned i = 0; rc == 0 && i < batch.count; i++)
		rc = batch.results[i];
	return rc ? rf_fail(err, rc, "link %u: filters: %s", ifindex, rf_code_text(rc)) : 0;
}

int guard_filters_detach(struct guard *guard, uint32_t ifindex)
{
	struct batch batch = {.len = 0};

	for (unsigned i = 0; i < RF_COUNT(HOOKS); i++) {
		const struct tcmsg tc = filter_place(ifindex, i);

		batch_close(&batch, batch_add(&batch, RTM_DELTFILTER, 0, &tc, "bpf"));
	}

	int rc = batch_send(guard, &batch);

	/* -EINVAL: there is no clsact, so there is no filter either. */
	for (unsigned i = 0; rc == 0 && i < batch.count; i++)
		if (batch.results[i] != -ENOENT && batch.results[i] != -EINVAL)
			rc = batch.results[i];
	return rc;
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
