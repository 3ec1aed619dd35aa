/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How fast a token bucket of given numbers really is: real frames through one on a pair of links
 * (veth) in an empty network namespace (prover_serve.c). No VM and no wire sees any of it. Source:
 * packet(7), linux/veth.h.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "isolate/guard/internal.h"
#include "isolate/shape_parts.h"

#define TRIAL_LINK	"rftry0"
#define TRIAL_PEER	"rftry1"
#define TRIAL_MTU	9000u
#define TRIAL_FRAMES	400u /* at least, or one frame more or less would count */
#define TRIAL_BATCH	16
#define FRAME_SMALLEST	64u
#define FRAME_LARGEST	9014u
#define EXPERIMENTAL	0x88B5 /* IEEE 802, for local experiments */
#define FILL_NS		2000000000ull
#define TRIAL_GIVEUP_NS 10000000000ull

static uint64_t now_ns(void)
{
	return (uint64_t)rf_clock_ns(CLOCK_MONOTONIC);
}

static int pair_make(void)
{
	char buffer[SHAPE_TALK_BYTES] = {0};
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);

	request->nlmsg_type = RTM_NEWLINK;
	request->nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL;
	mnl_nlmsg_put_extra_header(request, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(request, IFLA_IFNAME, TRIAL_LINK);
	mnl_attr_put_u32(request, IFLA_MTU, TRIAL_MTU);
	struct nlattr *nest = mnl_attr_nest_start(request, IFLA_LINKINFO);

	mnl_attr_put_strz(request, IFLA_INFO_KIND, "veth");
	struct nlattr *data = mnl_attr_nest_start(request, IFLA_INFO_DATA);
	struct nlattr *peer = mnl_attr_nest_start(request, VETH_INFO_PEER);

	mnl_nlmsg_put_extra_header(request, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(request, IFLA_IFNAME, TRIAL_PEER);
	mnl_attr_put_u32(request, IFLA_MTU, TRIAL_MTU);
	mnl_attr_nest_end(request, peer);
	mnl_attr_nest_end(request, data);
	mnl_attr_nest_end(request, nest);
	return guard_nl_talk(request, NULL, NULL);
}

/* Only behind: a link of a pair does not go up while the other is not there. */
static int up(const char *name)
{
	char buffer[SHAPE_TALK_BYTES] = {0};
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);

	request->nlmsg_type = RTM_NEWLINK;
	struct ifinfomsg *info = mnl_nlmsg_put_extra_header(request, sizeof(*info));

	info->ifi_index = (int)guard_link_index(name);
	info->ifi_flags = info->ifi_change = IFF_UP;
	return guard_nl_talk(request, NULL, NULL);
}

static int sender_open(uint32_t ifindex)
{
	const struct timeval wait = {.tv_usec = 100000};
	struct sockaddr_ll where = {.sll_family = AF_PACKET, .sll_ifindex = (int)ifindex};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) == 0 &&
	    bind(fd, (struct sockaddr *)&where, sizeof(where)) == 0)
		return fd;
	int rc = -errno;

	close(fd);
	return rc;
}

static uint64_t frame_bytes(const struct shape_way *way, unsigned ms)
{
	uint64_t fits = shape_ticks_bytes(way->average, way->bucket);
	uint64_t bytes = way->average * ms / 1000 / TRIAL_FRAMES;

	if (way->peak && shape_ticks_bytes(way->peak, way->pbucket) < fits)
		fits = shape_ticks_bytes(way->peak, way->pbucket);
	bytes = bytes > FRAME_LARGEST ? FRAME_LARGEST : bytes;
	bytes = bytes > fits ? fits : bytes;
	return bytes < FRAME_SMALLEST ? FRAME_SMALLEST : bytes;
}

/* A full queue is what is wanted: what does not fit waits with us. */
static int send_some(int fd, const uint8_t *frame, size_t bytes)
{
	const struct timespec pause = {.tv_nsec = 500000};

	for (int i = 0; i < TRIAL_BATCH; i++) {
		if (send(fd, frame, bytes, 0) >= 0 || errno == EINTR)
			continue;
		if (errno != ENOBUFS && errno != EAGAIN)
			return -errno;
		nanosleep(&pause, NULL);
		return 0;
	}
	return 0;
}

struct trial {
	int fd;
	uint32_t ifindex;
	size_t frame;
	uint64_t end; /* give up then */
};

/* Sends until frames had to wait (until 0: how many had before) or the time is over. */
static int send_until(const struct trial *t, uint64_t until_ns, bool first_wait,
		      struct shape_counts *out)
{
	static const uint8_t body[FRAME_LARGEST] = {
		2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, EXPERIMENTAL >> 8, EXPERIMENTAL & 0xff};
	struct shape_qdisc q = {0};
	int rc = 0;

	do {
		rc = send_some(t->fd, body, t->frame);
		if (!rc && first_wait)
			rc = shape_qdisc_get(t->ifindex, TC_H_ROOT, &q);
	} while (!rc && now_ns() < until_ns && now_ns() < t->end &&
		 (!first_wait || !q.counts.waiting));
	if (!rc)
		rc = shape_qdisc_get(t->ifindex, TC_H_ROOT, &q);
	*out = q.counts;
	return rc;
}

/* How long a burst lasts at peak, and half as long again. */
static uint64_t drain_ns(const struct shape_way *way)
{
	double bytes = (double)shape_ticks_bytes(way->average, way->bucket);
	double ns = bytes / (double)(way->peak - way->average) * 1.5e9;

	return ns < (double)FILL_NS ? (uint64_t)ns : FILL_NS;
}

/* Both ends of the pair go with one. */
static int pair_remove(void)
{
	char buffer[SHAPE_TALK_BYTES] = {0};
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);

	request->nlmsg_type = RTM_DELLINK;
	struct ifinfomsg *info = mnl_nlmsg_put_extra_header(request, sizeof(*info));

	info->ifi_index = (int)guard_link_index(TRIAL_LINK);
	return info->ifi_index ? guard_nl_talk(request, NULL, NULL) : 0;
}

static int trial_open(struct trial *t, const struct shape_way *way, struct rf_err *err)
{
	int rc = pair_remove();

	if (!rc)
		rc = pair_make();
	if (!rc)
		rc = up(TRIAL_PEER);
	if (!rc)
		rc = up(TRIAL_LINK);
	t->ifindex = rc ? 0 : guard_link_index(TRIAL_LINK);
	if (!rc)
		rc = shape_bucket_set(t->ifindex, way, err);
	if (!rc)
		t->fd = sender_open(t->ifindex);
	return rc ? rc : t->fd < 0 ? t->fd : 0;
}

static int trial_run(struct trial *t, const struct shape_way *way, unsigned ms,
		     struct shape_trial *out)
{
	struct shape_counts a = {0}, b = {0};
	int rc;

	t->frame = (size_t)frame_bytes(way, ms);
	t->end = now_ns() + TRIAL_GIVEUP_NS;
	rc = send_until(t, now_ns() + FILL_NS, true, &a);
	/* By a peak frames wait while the burst still lasts. */
	if (!rc && way->peak)
		rc = send_until(t, now_ns() + drain_ns(way), false, &a);
	uint64_t from = now_ns();

	if (!rc)
		rc = send_until(t, from + ms * 1000000ull, false, &b);
	*out = (struct shape_trial){.bytes = b.bytes - a.bytes,
				    .ns = now_ns() - from,
				    .filled = a.waiting && b.waiting};
	return rc;
}

int shape_try_enter(struct rf_err *err)
{
	return unshare(CLONE_NEWNET) == 0
		       ? 0
		       : rf_fail(err, -errno, "no network namespace: %s", rf_code_text(-errno));
}

int shape_try(const struct shape_way *way, unsigned ms, struct shape_trial *out, struct rf_err *err)
{
	struct shape_trial trial = {0};
	struct rf_err why = {0};
	struct trial t = {.fd = -1};
	int rc = trial_open(&t, way, &why);

	if (!rc)
		rc = trial_run(&t, way, ms, &trial);
	if (t.fd >= 0)
		close(t.fd);
	int removed = pair_remove();

	if (rc < 0)
		return rf_fail(err, rc, "frames could not be sent: %s",
			       why.code ? rf_err_text(&why) : rf_code_text(rc));
	if (removed < 0)
		return rf_fail(err, removed, "links of the trial: %s", rf_code_text(removed));
	*out = trial;
	return 0;
}
