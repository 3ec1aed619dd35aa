/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One question to rtnetlink and its answers, and how a tc filter reads. Only for the guard's own
 * changes and for reading them back: what facts need comes by src/sys. Source: rtnetlink(7),
 * linux/pkt_cls.h.
 */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/pkt_cls.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/time.h>

#include "base/mem.h"
#include "isolate/guard/internal.h"

#define ANSWER_BYTES   (64u << 10)
#define ANSWER_SECONDS 2

static int receive_all(struct mnl_socket *nl, uint32_t sequence,
		       int (*take)(const struct nlmsghdr *answer, void *arg), void *arg)
{
	RF_AUTOFREE char *answer = rf_alloc(1, ANSWER_BYTES);
	uint32_t port = mnl_socket_get_portid(nl);
	int rc = MNL_CB_OK;

	if (!answer)
		return -ENOMEM;
	while (rc > MNL_CB_STOP) {
		ssize_t n = mnl_socket_recvfrom(nl, answer, ANSWER_BYTES);

		if (n < 0)
			return -errno;
		rc = mnl_cb_run(answer, (size_t)n, sequence, port, take, arg);
	}
	return rc < 0 ? -errno : 0;
}

int guard_nl_talk(struct nlmsghdr *request, int (*take)(const struct nlmsghdr *answer, void *arg),
		  void *arg)
{
	struct timeval wait = {.tv_sec = ANSWER_SECONDS};
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	int rc = 0;

	if (!nl)
		return -errno;
	request->nlmsg_flags |= NLM_F_REQUEST;
	/* A dump has both bits; one of them alone means "replace". */
	if ((request->nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP)
		request->nlmsg_flags |= NLM_F_ACK;
	request->nlmsg_seq = 1;
	if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    setsockopt(mnl_socket_get_fd(nl), SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) != 0 ||
	    mnl_socket_sendto(nl, request, request->nlmsg_len) < 0)
		rc = -errno;
	if (rc == 0)
		rc = receive_all(nl, 1, take, arg);
	mnl_socket_close(nl);
	return rc;
}

static int options_take(const struct nlattr *attr, void *arg)
{
	struct filter *f = arg;

	if (mnl_attr_get_type(attr) == TCA_BPF_ID && mnl_attr_get_payload_len(attr) == 4)
		f->program = mnl_attr_get_u32(attr);
	if (mnl_attr_get_type(attr) == TCA_BPF_TAG &&
	    mnl_attr_get_payload_len(attr) == sizeof(f->tag))
		memcpy(f->tag, mnl_attr_get_payload(attr), sizeof(f->tag));
	return MNL_CB_OK;
}

static int filter_take(const struct nlattr *attr, void *arg)
{
	uint16_t type = mnl_attr_get_type(attr);

	/* Only BPF filters have what is read of the options; another kind's numbers mean others. */
	if (type == TCA_KIND && (mnl_attr_get_payload_len(attr) != 4 ||
				 memcmp(mnl_attr_get_payload(attr), "bpf", 4) != 0))
		return MNL_CB_STOP;
	if (type == TCA_OPTIONS)
		(void)mnl_attr_parse_nested(attr, options_take, arg);
	return MNL_CB_OK;
}

bool guard_filter_parse(const struct nlmsghdr *message, struct filter *out)
{
	const struct tcmsg *tc = mnl_nlmsg_get_payload(message);

	if ((message->nlmsg_type != RTM_NEWTFILTER && message->nlmsg_type != RTM_DELTFILTER) ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(*tc))
		return false;
	*out = (struct filter){.ifindex = (uint32_t)tc->tcm_ifindex,
			       .parent = tc->tcm_parent,
			       .handle = tc->tcm_handle,
			       .priority = TC_H_MAJ(tc->tcm_info) >> 16};
	(void)mnl_attr_parse(message, sizeof(*tc), filter_take, out);
	return true;
}
