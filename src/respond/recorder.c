/* SPDX-License-Identifier: Apache-2.0 */
/* The recorder's own process. See recorder.h. Source: packet(7), rtnetlink(7). */
#include "respond/recorder.h"

#include <errno.h>
#include <arpa/inet.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "respond/ring.h"
#include "sys/sandbox.h"

#define SOCKET_BYTES (64 << 20)
#define FRAMES	     64u
#define FRAME_BYTES  65700u
#define STATUS_BYTES 256u
#define TICK_MS	     1000
#define TAG_BYTES    4u

struct recorder {
	const struct recorder_options *options;
	struct ring ring;
	int packets, status;
	struct mnl_socket *links;
	uint32_t ifindex; /* 0: the link is not there yet */
	bool gone, orphan;
	uint64_t dropped; /* the socket's buffer was full */
	uint8_t *frames;  /* FRAMES of FRAME_BYTES + TAG_BYTES */
};

static uint64_t now_ns(void)
{
	return (uint64_t)rf_clock_ns(CLOCK_REALTIME);
}

/* ---- status ---- */

/* Always the same size: a full disk does not keep it from being told. */
static void status_write(struct recorder *r)
{
	char text[STATUS_BYTES + 1];
	size_t len;

	rf_format(text, sizeof(text), "frames %llu\nbytes %llu\nlost %llu\nfull %d\n",
		  (unsigned long long)r->ring.frames, (unsigned long long)r->ring.bytes_recorded,
		  (unsigned long long)(r->ring.lost + r->dropped), r->ring.full);
	len = strlen(text);
	memset(text + len, ' ', STATUS_BYTES - len);
	text[STATUS_BYTES - 1] = '\n';
	/* Told again in a second. */
	if (pwrite(r->status, text, STATUS_BYTES, 0) != (ssize_t)STATUS_BYTES)
		return;
}

static void drops_take(struct recorder *r)
{
	struct tpacket_stats stats = {0};
	socklen_t size = sizeof(stats);

	/* Reading sets the kernel's counters to zero. */
	if (getsockopt(r->packets, SOL_PACKET, PACKET_STATISTICS, &stats, &size) == 0)
		r->dropped += stats.tp_drops;
}

/* ---- the link ---- */

static void link_bind(struct recorder *r, uint32_t ifindex)
{
	struct sockaddr_ll at = {.sll_family = AF_PACKET,
				 .sll_protocol = htons(ETH_P_ALL),
				 .sll_ifindex = (int)ifindex};
	/* Also how whoever made the link sees that somebody listens. */
	struct packet_mreq all = {.mr_ifindex = (int)ifindex, .mr_type = PACKET_MR_PROMISC};

	if (bind(r->packets, (struct sockaddr *)&at, sizeof(at)) < 0)
		return;
	r->ifindex = ifindex;
	if (setsockopt(r->packets, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof(all)) < 0)
		r->gone = errno == ENODEV;
}

static int name_take(const struct nlattr *attr, void *arg)
{
	if (mnl_attr_get_type(attr) == IFLA_IFNAME &&
	    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
		rf_copy(arg, IFNAMSIZ, mnl_attr_get_str(attr));
	return MNL_CB_OK;
}

static int notice_take(const struct nlmsghdr *message, void *arg)
{
	struct recorder *r = arg;
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(message);
	char name[IFNAMSIZ] = "";

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*info))
		return MNL_CB_OK;
	if (message->nlmsg_type == RTM_DELLINK && r->ifindex &&
	    info->ifi_index == (int)r->ifindex && info->ifi_family == AF_UNSPEC)
		r->gone = true;
	if (message->nlmsg_type != RTM_NEWLINK || r->ifindex)
		return MNL_CB_OK;
	(void)mnl_attr_parse(message, sizeof(*info), name_take, name);
	if (strcmp(name, r->options->link) == 0)
		link_bind(r, (uint32_t)info->ifi_index);
	return MNL_CB_OK;
}

/* Asks for all links once: the one may be there already, or its notice may have been lost. */
static int links_ask(struct recorder *r)
{
	char buffer[128] = {0};
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);

	request->nlmsg_type = RTM_GETLINK;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	mnl_nlmsg_put_extra_header(request, sizeof(struct ifinfomsg));
	return mnl_socket_sendto(r->links, request, request->nlmsg_len) < 0 ? -errno : 0;
}

static void notices_read(struct recorder *r)
{
	static uint8_t buffer[65536] __attribute__((aligned(8)));
	ssize_t n = mnl_socket_recvfrom(r->links, buffer, sizeof(buffer));

	if (n > 0)
		(void)mnl_cb_run(buffer, (size_t)n, 0, 0, notice_take, r);
	/* Notices were lost: whether the link is still there, poll on the packets tells. */
	if (n < 0 && errno == ENOBUFS && !r->ifindex && links_ask(r) < 0)
		r->gone = true;
}

/* ---- frames ---- */

/* A tag that the kernel took off is put back: the record is what was on the wire. */
static struct rf_slice frame_of(const struct msghdr *head, uint8_t *frame, size_t len,
				uint64_t *time)
{
	struct rf_slice out = {frame + TAG_BYTES, len};
	struct cmsghdr *c;

	for (c = CMSG_FIRSTHDR(head); c; c = CMSG_NXTHDR((struct msghdr *)head, c)) {
		struct tpacket_auxdata aux;
		struct timespec at;

		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
			memcpy(&at, CMSG_DATA(c), sizeof(at));
			*time = (uint64_t)at.tv_sec * 1000000000u + (uint64_t)at.tv_nsec;
		}
		if (c->cmsg_level != SOL_PACKET || c->cmsg_type != PACKET_AUXDATA)
			continue;
		memcpy(&aux, CMSG_DATA(c), sizeof(aux));
		if (!(aux.tp_status & TP_STATUS_VLAN_VALID) || len < 2 * ETH_ALEN)
			continue;
		uint16_t tag[2] = {htons(aux.tp_status & TP_STATUS_VLAN_TPID_VALID
						 ? aux.tp_vlan_tpid
						 : ETH_P_8021Q),
				   htons(aux.tp_vlan_tci)};

		memmove(frame, frame + TAG_BYTES, 2 * ETH_ALEN);
		memcpy(frame + 2 * ETH_ALEN, tag, sizeof(tag));
		out = (struct rf_slice){frame, len + TAG_BYTES};
	}
	return out;
}

/* One call's worth of frames; how many, or a negative errno. */
static int frames_read(struct recorder *r)
{
	struct mmsghdr heads[FRAMES] = {0};
	struct iovec places[FRAMES];
	union {
		char bytes[128];
		struct cmsghdr align;
	} extras[FRAMES];

	for (unsigned i = 0; i < FRAMES; i++) {
		places[i] = (struct iovec){r->frames + i * (FRAME_BYTES + TAG_BYTES) + TAG_BYTES,
					   FRAME_BYTES};
		heads[i].msg_hdr = (struct msghdr){.msg_iov = &places[i],
						   .msg_iovlen = 1,
						   .msg_control = &extras[i],
						   .msg_controllen = sizeof(extras[i])};
	}
	int n = recvmmsg(r->packets, heads, FRAMES, MSG_DONTWAIT | MSG_TRUNC, NULL);

	for (int i = 0; i < n; i++) {
		uint8_t *frame = r->frames + (size_t)i * (FRAME_BYTES + TAG_BYTES);
		uint32_t whole = heads[i].msg_len;
		uint64_t time = now_ns();
		struct rf_slice got = frame_of(&heads[i].msg_hdr, frame,
					       whole < FRAME_BYTES ? whole : FRAME_BYTES, &time);

		if (ring_add(&r->ring, time, got, whole) < 0)
			break;
	}
	return n < 0 ? -errno : n;
}

static void frames_drain(struct recorder *r)
{
	while (frames_read(r) > 0)
		;
	drops_take(r);
	ring_flush(&r->ring);
}

/* ---- the process ---- */

static int sockets_open(struct recorder *r)
{
	const int on = 1, bytes = SOCKET_BYTES;

	/* Protocol 0: nothing is received before there is a link to bind to. */
	r->packets = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	r->links = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (r->packets < 0 || !r->links ||
	    mnl_socket_bind(r->links, RTMGRP_LINK, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	if (setsockopt(r->packets, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) < 0 ||
	    setsockopt(r->packets, SOL_PACKET, PACKET_AUXDATA, &on, sizeof(on)) < 0)
		return -errno;
	/* A small buffer loses frames under a flood, and says so. */
	if (setsockopt(r->packets, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0)
		return 0;
	return 0;
}

static int recorder_open(struct recorder *r, struct rf_err *err)
{
	char folder[32], missing[SANDBOX_MISSING_BYTES];
	const char *writable[] = {folder};
	int rc = sockets_open(r);

	rf_format(folder, sizeof(folder), "/proc/self/fd/%d", RECORDER_FOLDER_FD);
	r->status = openat(RECORDER_FOLDER_FD, RECORDER_STATUS,
			   O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (rc < 0 || r->status < 0)
		return rf_fail(err, rc < 0 ? rc : -errno, "%s cannot be recorded",
			       r->options->link);
	if (flock(r->status, LOCK_EX | LOCK_NB) < 0)
		return rf_fail(err, RF_E_DUPLICATE, "%s is recorded already", r->options->link);
	r->frames = rf_alloc(FRAMES, FRAME_BYTES + TAG_BYTES);
	if (!r->frames)
		return rf_fail(err, -ENOMEM, "no memory");
	rc = sandbox_enter(SANDBOX_RECORD, writable, 1, missing, err);
	r->ring = (struct ring){.folder = RECORDER_FOLDER_FD,
				.max_bytes = r->options->max_bytes,
				.link = r->options->link,
				.vm = r->options->vm,
				.comment = r->options->comment};
	if (!rc)
		rc = ring_open(&r->ring, err);
	return rc;
}

/* The starter went: a link that is not there by now will not come. */
static void starter_read(struct recorder *r)
{
	char byte;

	if (read(RECORDER_STARTER_FD, &byte, 1) != 0)
		return;
	close(RECORDER_STARTER_FD);
	r->orphan = true;
	r->gone = r->gone || !r->ifindex;
}

static void serve(struct recorder *r)
{
	uint64_t told = 0;

	while (!r->gone) {
		struct pollfd ways[] = {
			{.fd = r->packets, .events = POLLIN},
			{.fd = mnl_socket_get_fd(r->links), .events = POLLIN},
			{.fd = r->orphan ? -1 : RECORDER_STARTER_FD, .events = POLLIN},
		};
		int n = poll(ways, RF_COUNT(ways), TICK_MS);

		if (n < 0 && errno != EINTR)
			return;
		if (n > 0 && ways[1].revents)
			notices_read(r);
		if (n > 0 && ways[0].revents)
			(void)frames_read(r);
		if (n > 0 && ways[2].revents)
			starter_read(r);
		if (n > 0 && now_ns() - told < TICK_MS * 1000000ull)
			continue;
		drops_take(r);
		ring_flush(&r->ring);
		status_write(r);
		told = now_ns();
	}
}

int recorder_run(const struct recorder_options *options)
{
	struct recorder r = {.options = options, .packets = -1, .status = -1};
	struct rf_err err = {0};

	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	int rc = recorder_open(&r, &err);

	if (!rc)
		rc = links_ask(&r);
	/* What is there already is taken before anybody is told. */
	if (!rc)
		notices_read(&r);
	if (rc < 0 || write(RECORDER_STARTER_FD, "", 1) != 1)
		return rc == RF_E_DUPLICATE ? 0 : 1;
	status_write(&r);
	serve(&r);
	frames_drain(&r);
	ring_close(&r.ring, now_ns(), r.dropped);
	status_write(&r);
	rf_free(r.frames);
	return 0;
}
