/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Netlink dumps: rtnetlink(7), sock_diag(7), linux/netfilter/nf_tables.h, linux/audit.h. Only
 * questions are sent, never a change. A dump that a change interrupted is asked again.
 */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/audit.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/inet_diag.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "sys/netlink.h"

#define ASK_TRIES      5
#define DATAGRAM_BYTES (256u << 10) /* the kernel makes them at most 32 KiB */
#define REQUEST_BYTES  1024
/* NFT_NAME_MAXLEN without its NUL. */
#define NFT_NAME_BYTES 255u
#define ANSWER_SECONDS 2
#define STATE_CLOSE    7    /* TCP_CLOSE of linux/tcp_states.h: an unconnected socket */
#define STATE_LISTEN   10   /* TCP_LISTEN */
#define UNIX_SHOW_UID  0x40 /* UDIAG_SHOW_UID, newer than some headers */

/* A row for each question. The builders put what is special behind the header. */
struct question {
	const char *name;
	const char *arg; /* "" none, NULL the builder reads it */
	int bus;
	uint16_t type;
	uint8_t family;
	uint32_t value; /* the builder's */
	int (*build)(const struct question *q, const char *arg, struct nlmsghdr *nlh);
	bool single; /* one message of the same type, no dump */
};

static int build_link(const struct question *q, const char *arg, struct nlmsghdr *nlh)
{
	struct ifinfomsg *msg = mnl_nlmsg_put_extra_header(nlh, sizeof(*msg));

	(void)arg;
	msg->ifi_family = q->family;
	mnl_attr_put_u32(nlh, IFLA_EXT_MASK, q->value);
	return 0;
}

static int build_addr(const struct question *q, const char *arg, struct nlmsghdr *nlh)
{
	struct ifaddrmsg *msg = mnl_nlmsg_put_extra_header(nlh, sizeof(*msg));

	(void)arg;
	msg->ifa_family = q->family;
	return 0;
}

/* Of all tables: which one is asked is told by rules that need not be known. */
static int build_route(const struct question *q, const char *arg, struct nlmsghdr *nlh)
{
	struct rtmsg *msg = mnl_nlmsg_put_extra_header(nlh, sizeof(*msg));

	(void)arg;
	msg->rtm_family = (unsigned char)q->family;
	return 0;
}

static int build_neigh(const struct question *q, const char *arg, struct nlmsghdr *nlh)
{
	struct ndmsg *msg = mnl_nlmsg_put_extra_header(nlh, sizeof(*msg));

	(void)arg;
	msg->ndm_family = q->family;
	return 0;
}

/* arg: the id of another network namespace, as ours knows it (netns.h). */
static int build_link_in(const struct question *q, const char *arg, struct nlmsghdr *nlh)
{
	int64_t id;

	if (rf_num(arg, 10, 0, INT32_MAX, &id) < 0)
		return -EINVAL;
	(void)build_link(q, arg, nlh);
	mnl_attr_put_u32(nlh, IFLA_TARGET_NETNSID, (uint32_t)id);
	return 0;
}

static int build_addr_in(const struct question *q, const char *arg, struct nlmsghdr *nlh)
{
	int64_t id;

	if (rf_num(arg, 10, 0, INT32_MAX, &id) < 0)
		return -EINVAL;
	(void)build_addr(q, arg, nlh);
	mnl_attr_put_u32(nlh, IFA_TARGET_NETNSID, (uint32_t)id);
	return 0;
}

/* The kernel looks at the namespace that addresses are asked of only where it is told to be strict.
 */
static bool wants_strict(const struct question *q)
{
	return q->build == build_link_in || q->build == build_addr_in;
}

/* arg: "" or "IFINDEX:PARENT", the parent in hexadecimal. */
static int build_tc(const struct question *q, const char *arg, struct nlmsghdr *nlh)
{
	struct tcmsg *msg = mnl_nlmsg_put_extra_header(nlh, sizeof(*msg));
	char index[32];
	int64_t number, parent;

	msg->tcm_family = q->family;
	if (q->arg)
		return 0;
	const char *colon = strchr(arg, ':');

	if (!colon || !rf_format(index, sizeof(index), "%.*s", (int)(colon - arg), arg) ||
	    rf_num(index, 10, 1, INT32_MAX, &number) < 0 ||
	    rf_num(colon + 1, 16, 0, UINT32_MAX, &parent) < 0)
		return -EINVAL;
	msg->tcm_ifindex = (int)number;
	msg->tcm_parent = (uint32_t)parent;
	return 0;
}

/* value: the protocol. TCP sockets that listen, UDP sockets that are not connected. */
static int build_inet(const struct question *q, const char *arg, struct nlmsghdr *nlh)
{
	struct inet_diag_req_v2 *msg = mnl_nlmsg_put_extra_header(nlh, sizeof(*msg));

	(void)arg;
	msg->sdiag_family = q->family;
	msg->sdiag_protocol = (uint8_t)q->value;
	msg->idiag_states = 1u << (q->value == IPPROTO_TCP ? STATE_LISTEN : STATE_CLOSE);
	return 0;
}

static int build_unix(const struct question *q, const char *arg, struct nlmsghdr *nlh)
{
	struct unix_diag_req *msg = mnl_nlmsg_put_extra_header(nlh, sizeof(*msg));

	(void)arg;
	msg->sdiag_family = q->family;
	msg->udiag_states = 1u << STATE_LISTEN;
	msg->udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_VFS | UNIX_SHOW_UID;
	return 0;
}

static int build_nft(const struct question *q, const char *arg, struct nlmsghdr *nlh)
{
	struct nfgenmsg *msg = mnl_nlmsg_put_extra_header(nlh, sizeof(*msg));

	(void)arg;
	msg->nfgen_family = q->family;
	msg->version = NFNETLINK_V0;
	return 0;
}

/* The elements of one set: arg is "elements/FAMILY/TABLE/SET", the family as a number. */
static int build_elements(const struct question *q, const char *arg, struct nlmsghdr *nlh)
{
	static const char prefix[] = "elements/";
	RF_AUTOFREE char *copy = rf_starts(arg, prefix) ? rf_strdup(arg + strlen(prefix)) : NULL;
	char *table = copy ? strchr(copy, '/') : NULL;
	char *set = table ? strchr(table + 1, '/') : NULL;
	int64_t family;

	if (!set)
		return -EINVAL;
	*table++ = '\0';
	*set++ = '\0';
	if (rf_num(copy, 10, 0, UINT8_MAX, &family) < 0 || strlen(table) > NFT_NAME_BYTES ||
	    strlen(set) > NFT_NAME_BYTES)
		return -EINVAL;
	build_nft(q, arg, nlh);
	((struct nfgenmsg *)mnl_nlmsg_get_payload(nlh))->nfgen_family = (uint8_t)family;
	mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_TABLE, table);
	mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_SET, set);
	return 0;
}

static int build_audit(const struct question *q, const char *arg, struct nlmsghdr *nlh)
{
	(void)q;
	(void)arg;
	(void)nlh;
	return 0;
}

#define NFT(type) ((NFNL_SUBSYS_NFTABLES << 8) | (type))
#define LINK_MASK (RTEXT_FILTER_VF | RTEXT_FILTER_SKIP_STATS)

static const struct question questions[] = {
	{"rtnl-link", "", NETLINK_ROUTE, RTM_GETLINK, AF_UNSPEC, LINK_MASK, build_link, false},
	{"rtnl-bridge-vlan", "", NETLINK_ROUTE, RTM_GETLINK, AF_BRIDGE, RTEXT_FILTER_BRVLAN,
	 build_link, false},
	{"rtnl-addr", "", NETLINK_ROUTE, RTM_GETADDR, AF_UNSPEC, 0, build_addr, false},
	{"rtnl-route", "", NETLINK_ROUTE, RTM_GETROUTE, AF_UNSPEC, 0, build_route, false},
	{"rtnl-link-in", NULL, NETLINK_ROUTE, RTM_GETLINK, AF_UNSPEC, LINK_MASK, build_link_in,
	 false},
	{"rtnl-addr-in", NULL, NETLINK_ROUTE, RTM_GETADDR, AF_UNSPEC, 0, build_addr_in, false},
	{"rtnl-fdb", "", NETLINK_ROUTE, RTM_GETNEIGH, AF_BRIDGE, 0, build_neigh, false},
	{"rtnl-qdisc", "", NETLINK_ROUTE, RTM_GETQDISC, AF_UNSPEC, 0, build_tc, false},
	{"rtnl-filter", NULL, NETLINK_ROUTE, RTM_GETTFILTER, AF_UNSPEC, 0, build_tc, false},
	{"sock-diag", "tcp4", NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, AF_INET, IPPROTO_TCP,
	 build_inet, false},
	{"sock-diag", "tcp6", NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, AF_INET6, IPPROTO_TCP,
	 build_inet, false},
	{"sock-diag", "udp4", NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, AF_INET, IPPROTO_UDP,
	 build_inet, false},
	{"sock-diag", "udp6", NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, AF_INET6, IPPROTO_UDP,
	 build_inet, false},
	{"unix-diag", "", NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, AF_UNIX, 0, build_unix, false},
	{"nft", "tables", NETLINK_NETFILTER, NFT(NFT_MSG_GETTABLE), AF_UNSPEC, 0, build_nft, false},
	{"nft", "chains", NETLINK_NETFILTER, NFT(NFT_MSG_GETCHAIN), AF_UNSPEC, 0, build_nft, false},
	{"nft", "rules", NETLINK_NETFILTER, NFT(NFT_MSG_GETRULE), AF_UNSPEC, 0, build_nft, false},
	{"nft", NULL, NETLINK_NETFILTER, NFT(NFT_MSG_GETSETELEM), AF_UNSPEC, 0, build_elements,
	 false},
	{"audit", "status", NETLINK_AUDIT, AUDIT_GET, 0, 0, build_audit, true},
	{"audit", "rules", NETLINK_AUDIT, AUDIT_LIST_RULES, 0, 0, build_audit, false},
};

static const struct question *find_question(const char *name, const char *arg)
{
	for (size_t i = 0; i < RF_COUNT(questions); i++) {
		const struct question *q = &questions[i];

		if (strcmp(q->name, name) == 0 && (!q->arg || strcmp(q->arg, arg) == 0))
			return q;
	}
	return NULL;
}

/* NLMSG_ERROR (0 is an acknowledgement) or the error number that NLMSG_DONE carries. */
static int message_error(const struct nlmsghdr *nlh)
{
	int32_t code = 0;

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(code))
		return nlh->nlmsg_type == NLMSG_DONE ? 0 : RF_E_SYNTAX;
	memcpy(&code, mnl_nlmsg_get_payload(nlh), sizeof(code));
	/* A positive code is no error that exists; INT32_MIN has no opposite. */
	return code > 0 || code < -4095 ? RF_E_SYNTAX : code;
}

static int take_message(struct netlink_answer *a, const struct nlmsghdr *nlh, struct rf_buf *out)
{
	if (nlh->nlmsg_seq != a->seq || (nlh->nlmsg_pid != a->portid && nlh->nlmsg_pid != 0))
		return NETLINK_MORE;
	if (nlh->nlmsg_flags & NLM_F_DUMP_INTR)
		a->interrupted = true;
	if (nlh->nlmsg_type == NLMSG_ERROR) {
		int rc = message_error(nlh);

		return rc < 0 ? rc : NETLINK_MORE;
	}
	if (nlh->nlmsg_type == NLMSG_DONE) {
		int rc = message_error(nlh);

		return rc < 0 ? rc : NETLINK_DONE;
	}
	if (nlh->nlmsg_type == NLMSG_NOOP)
		return NETLINK_MORE;
	/* Whoever walks the answer finds each message at a multiple of four. */
	static const uint8_t zeros[NLMSG_ALIGNTO];
	size_t pad = NLMSG_ALIGN(nlh->nlmsg_len) - nlh->nlmsg_len;

	if (out->len + nlh->nlmsg_len + pad > RF_MAX_NETLINK_BYTES)
		return RF_E_LIMIT;
	if (rf_buf_add(out, nlh, nlh->nlmsg_len) < 0 || rf_buf_add(out, zeros, pad) < 0)
		return -ENOMEM;
	return a->single_type && nlh->nlmsg_type == a->single_type ? NETLINK_DONE : NETLINK_MORE;
}

/* The message at *at, which moves behind it; NULL at the end or where no message can be. Not
 * mnl_nlmsg_ok: that takes lengths above INT32_MAX for small ones (libmnl 1.0.4). */
static const struct nlmsghdr *next_message(const uint8_t *data, size_t len, size_t *at)
{
	size_t left = len - *at;

	if (left < sizeof(struct nlmsghdr))
		return NULL;
	const struct nlmsghdr *nlh = (const void *)(data + *at);

	if (nlh->nlmsg_len < sizeof(*nlh) || nlh->nlmsg_len > left)
		return NULL;
	size_t step = NLMSG_ALIGN((size_t)nlh->nlmsg_len);

	/* Padding behind the last message may be left off. */
	*at += step < left ? step : left;
	return nlh;
}

int netlink_take(struct netlink_answer *a, const uint8_t *data, size_t len, struct rf_buf *out)
{
	const struct nlmsghdr *nlh;
	size_t at = 0;

	while ((nlh = next_message(data, len, &at))) {
		int rc = take_message(a, nlh, out);

		if (rc != NETLINK_MORE)
			return rc;
	}
	return at < len ? RF_E_SYNTAX : NETLINK_MORE;
}

int netlink_check(const char *name, const struct rf_buf *bytes)
{
	size_t at = 0;
	bool is_netlink = false;

	for (size_t i = 0; i < RF_COUNT(questions); i++)
		is_netlink = is_netlink || strcmp(questions[i].name, name) == 0;
	while (is_netlink && next_message(bytes->data, bytes->len, &at))
		;
	return is_netlink && at < bytes->len ? RF_E_SYNTAX : 0;
}

/* One datagram from the kernel itself; other senders are not listened to. */
static ssize_t receive(int fd, uint8_t *data, size_t size)
{
	for (;;) {
		struct sockaddr_nl from = {0};
		struct iovec iov = {.iov_base = data, .iov_len = size};
		struct msghdr msg = {.msg_name = &from,
				     .msg_namelen = sizeof(from),
				     .msg_iov = &iov,
				     .msg_iovlen = 1};
		ssize_t n = recvmsg(fd, &msg, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? RF_E_TIMEOUT : -errno;
		if (msg.msg_namelen != sizeof(from) || from.nl_pid != 0)
			continue;
		return msg.msg_flags & MSG_TRUNC ? RF_E_LIMIT : n;
	}
}

static int receive_all(int fd, struct netlink_answer *answer, struct rf_buf *out)
{
	RF_AUTOFREE uint8_t *data = rf_alloc(DATAGRAM_BYTES, 1);

	if (!data)
		return -ENOMEM;
	for (;;) {
		ssize_t n = receive(fd, data, DATAGRAM_BYTES);

		if (n < 0)
			return (int)n;
		int rc = netlink_take(answer, data, (size_t)n, out);

		if (rc != NETLINK_MORE)
			return rc < 0 ? rc : 0;
	}
}

/* Asks once. Returns 1 when the answer was interrupted. */
static int ask_once(const struct question *q, const char *arg, struct mnl_socket *nl,
		    struct rf_buf *out)
{
	union {
		struct nlmsghdr header;
		char bytes[REQUEST_BYTES];
	} request = {0};
	static const struct timeval wait = {.tv_sec = ANSWER_SECONDS};
	static const int on = 1;
	int fd = mnl_socket_get_fd(nl);

	if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) < 0 ||
	    (wants_strict(q) &&
	     setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on)) < 0))
		return -errno;
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(request.bytes);

	nlh->nlmsg_type = q->type;
	nlh->nlmsg_flags = q->bus == NETLINK_AUDIT ? NLM_F_REQUEST : NLM_F_REQUEST | NLM_F_DUMP;
	nlh->nlmsg_seq = (uint32_t)time(NULL);
	int rc = q->build(q, arg, nlh);

	if (rc < 0)
		return rc;
	struct netlink_answer answer = {
		.seq = nlh->nlmsg_seq,
		.portid = mnl_socket_get_portid(nl),
		.single_type = q->single ? q->type : 0,
	};

	if (mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	rc = receive_all(fd, &answer, out);
	return rc == 0 && answer.interrupted ? 1 : rc;
}

int netlink_ask(const char *name, const char *arg, struct rf_buf *out, struct rf_err *why)
{
	const struct question *q = find_question(name, arg);

	if (!q)
		return rf_fail(why, -EINVAL, "%s is not something it can be asked", arg);
	for (int i = 0; i < ASK_TRIES; i++) {
		rf_buf_reset(out);
		struct mnl_socket *nl = mnl_socket_open2(q->bus, SOCK_CLOEXEC);

		if (!nl)
			return rf_fail(why, -errno, "no netlink socket: %s", strerror(errno));
		int rc = ask_once(q, arg, nl, out);

		mnl_socket_close(nl);
		/* ENOBUFS: the kernel dropped part of the answer. */
		if (rc == 1 || rc == -ENOBUFS || rc == -EINTR)
			continue;
		if (rc == -EINVAL && !q->arg)
			return rf_fail(why, rc, "%s: no such thing can be asked for", arg);
		return rc;
	}
	return rf_fail(why, RF_E_CHANGED, "changed each of the %d times it was asked", ASK_TRIES);
}
