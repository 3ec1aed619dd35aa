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

#include "base/buf.h"
#include "base/mem.h"
#include "isolate/guard/internal.h"

#define ANSWER_BYTES   (64u << 10)
#define ANSWER_SECONDS 2
#define SEQUENCE       1
#define DUMP_TRIES     20
#define DUMP_BYTES     (256u << 20)

/* Takes answers to their end; those of a dump (whole not NULL) are collected besides. */
static int receive_all(struct mnl_socket *nl, int (*take)(const struct nlmsghdr *answer, void *arg),
		       void *arg, struct rf_buf *whole)
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
		rc = mnl_cb_run(answer, (size_t)n, SEQUENCE, port, take, arg);
		if (rc >= 0 && whole && rf_buf_add(whole, answer, (size_t)n) < 0)
			return -ENOMEM;
		if (whole && whole->len > DUMP_BYTES)
			return RF_E_LIMIT;
	}
	return rc < 0 ? -errno : 0;
}

static int ask(struct nlmsghdr *request, int (*take)(const struct nlmsghdr *answer, void *arg),
	       void *arg, struct rf_buf *whole)
{
	struct timeval wait = {.tv_sec = ANSWER_SECONDS};
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	int rc = 0;

	if (!nl)
		return -errno;
	if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    setsockopt(mnl_socket_get_fd(nl), SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) != 0 ||
	    mnl_socket_sendto(nl, request, request->nlmsg_len) < 0)
		rc = -errno;
	if (rc == 0)
		rc = receive_all(nl, take, arg, whole);
	mnl_socket_close(nl);
	return rc;
}

static int ignore(const struct nlmsghdr *answer, void *arg)
{
	(void)answer;
	(void)arg;
	return MNL_CB_OK;
}

/* A dump that something changed in the middle of (-EINTR) may lack what nobody touched: it is asked
 * for again, and nothing is taken before a whole one is there. */
static int dump(struct nlmsghdr *request, int (*take)(const struct nlmsghdr *answer, void *arg),
		void *arg)
{
	RF_AUTOBUF struct rf_buf whole = {0};
	int rc = -EINTR;

	for (unsigned i = 0; rc == -EINTR && i < DUMP_TRIES; i++) {
		rf_buf_reset(&whole);
		rc = ask(request, ignore, NULL, &whole);
	}
	if (rc == 0 && whole.len && mnl_cb_run(whole.data, whole.len, SEQUENCE, 0, take, arg) < 0)
		rc = -errno;
	return rc;
}

int guard_nl_talk(struct nlmsghdr *request, int (*take)(const struct nlmsghdr *answer, void *arg),
		  void *arg)
{
	request->nlmsg_flags |= NLM_F_REQUEST;
	request->nlmsg_seq = SEQUENCE;
	/* A dump has both bits; one of them alone means "replace". */
	if ((request->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP)
		return dump(request, take, arg);
	request->nlmsg_flags |= NLM_F_ACK;
	return ask(request, take, arg, NULL);
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
