/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How fast a token bucket of given numbers really is: real frames through one on a pair of links
 * (veth) in a network namespace of a child, gone with it. No VM and no wire sees any of it. Source:
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
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

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

struct result {
	int32_t rc;
	char why[200];
	struct shape_trial trial;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
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

	info->ifi_index = (int)if_nametoindex(name);
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

static int trial_run(const struct shape_way *way, unsigned ms, struct result *r)
{
	struct rf_err err = {0};
	struct shape_counts a = {0}, b = {0};
	uint64_t from, to;
	struct trial t = {.fd = -1};
	int rc = unshare(CLONE_NEWNET) < 0 ? -errno : pair_make();

	if (!rc)
		rc = up(TRIAL_PEER);
	if (!rc)
		rc = up(TRIAL_LINK);
	if (!rc) {
		t.ifindex = if_nametoindex(TRIAL_LINK);
		rc = shape_bucket_set(t.ifindex, way, &err);
		memcpy(r->why, rf_err_text(&err), strnlen(rf_err_text(&err), sizeof(r->why) - 1));
	}
	if (!rc)
		t.fd = sender_open(t.ifindex);
	if (rc < 0 || t.fd < 0)
		return rc ? rc : t.fd;
	t.frame = (size_t)frame_bytes(way, ms);
	t.end = now_ns() + TRIAL_GIVEUP_NS;
	rc = send_until(&t, now_ns() + FILL_NS, true, &a);
	/* By a peak frames wait while the burst still lasts. */
	if (!rc && way->peak)
		rc = send_until(&t, now_ns() + drain_ns(way), false, &a);
	from = now_ns();
	if (!rc)
		rc = send_until(&t, from + ms * 1000000ull, false, &b);
	to = now_ns();
	r->trial = (struct shape_trial){
		.bytes = b.bytes - a.bytes, .ns = to - from, .filled = a.waiting && b.waiting};
	return rc;
}

static void child_run(int fd, const struct shape_way *way, unsigned ms)
{
	struct result r = {0};

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	r.rc = trial_run(way, ms, &r);
	_exit(write(fd, &r, sizeof(r)) == sizeof(r) ? 0 : 1);
}

int shape_try(const struct shape_way *way, unsigned ms, struct shape_trial *out, struct rf_err *err)
{
	struct result r = {0};
	int fds[2], status = 0;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return rf_fail(err, -errno, "no pipe: %s", rf_code_text(-errno));
	pid_t pid = fork();

	if (pid == 0)
		child_run(fds[1], way, ms);
	close(fds[1]);
	ssize_t n = pid > 0 ? read(fds[0], &r, sizeof(r)) : -1;

	close(fds[0]);
	if (pid > 0)
		waitpid(pid, &status, 0);
	if (n != (ssize_t)sizeof(r))
		return rf_fail(err, RF_E_PEER, "the process that sends frames ended");
	r.why[sizeof(r.why) - 1] = '\0';
	if (r.rc < 0)
		return rf_fail(err, r.rc, "frames could not be sent: %s",
			       r.why[0] ? r.why : rf_code_text(r.rc));
	*out = r.trial;
	return 0;
}
