/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Measures a quarantine from the call to the last frame that still went to its old place, on links
 * that bench/quarantine made: numbered frames flow from a VM's card while the order is given to a
 * privileged process that runs (as an agent's does), each is looked for at the old receiver and at
 * the honeypot. Prints a line of JSON a round. Nothing here is a test.
 * usage: quarantine_call RINGFENCE STATE ROUNDS VM_NS OLD_NS HONEY_NS TAP HONEYPOT MAC FRAME
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "change/priv.h"
#include "isolate/quarantine.h"

#define UUID	   "00000000-0000-0000-0000-0000000000aa"
#define ETHERTYPE  0x0800
#define GAP_NS	   50000
#define TAIL_MS	   20
#define MAX_FRAMES 100000
#define NUMBER_AT  42 /* behind Ethernet, IPv4 and UDP headers */

static const struct verb_table *const tables[] = {&quarantine_verbs, NULL};
static const struct verb_set verbs = {tables};

struct sender {
	int fd;
	uint8_t frame[60];
	atomic_bool stop;
	uint32_t sent;
};

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

_Noreturn static void fail(const char *what, const struct rf_err *err)
{
	fprintf(stderr, "quarantine_call: %s: %s\n", what,
		err ? rf_err_text(err) : strerror(errno));
	exit(1);
}

/* A raw socket at eth0 of a namespace; sockets stay where they were made. */
static int socket_in(const char *ns)
{
	char path[64];
	struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	int here = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), on = 1, size = 64 << 20;

	rf_format(path, sizeof(path), "/run/netns/%s", ns);
	int there = open(path, O_RDONLY | O_CLOEXEC);

	if (here < 0 || there < 0 || setns(there, CLONE_NEWNET) < 0)
		fail(ns, NULL);
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));

	at.sll_ifindex = (int)if_nametoindex("eth0");
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on));
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 ||
	    setns(here, CLONE_NEWNET) < 0)
		fail(ns, NULL);
	close(here);
	close(there);
	return fd;
}

static void *sender_run(void *arg)
{
	struct sender *s = arg;
	const struct timespec gap = {.tv_nsec = GAP_NS};

	while (!atomic_load(&s->stop) && s->sent < MAX_FRAMES) {
		uint32_t n = htonl(s->sent);

		memcpy(s->frame + NUMBER_AT, &n, sizeof(n));
		if (send(s->fd, s->frame, sizeof(s->frame), 0) == (ssize_t)sizeof(s->frame))
			s->sent++;
		nanosleep(&gap, NULL);
	}
	return NULL;
}

/* Marks the numbered frames that wait at a socket; *last: when the newest was received. */
static size_t drain(int fd, uint8_t *seen, int64_t *last)
{
	uint8_t frame[2048], control[256];
	size_t count = 0;

	for (;;) {
		struct iovec io = {frame, sizeof(frame)};
		struct msghdr m = {.msg_iov = &io,
				   .msg_iovlen = 1,
				   .msg_control = control,
				   .msg_controllen = sizeof(control)};
		ssize_t len = recvmsg(fd, &m, MSG_DONTWAIT);
		struct timespec when;
		uint32_t n;

		if (len < 0)
			return count;
		if (len < NUMBER_AT + 4 || frame[12] != ETHERTYPE >> 8 || frame[13])
			continue;
		memcpy(&n, frame + NUMBER_AT, sizeof(n));
		n = ntohl(n);
		if (n >= MAX_FRAMES)
			continue;
		seen[n]++;
		count++;
		for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
			if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SO_TIMESTAMPNS)
				continue;
			memcpy(&when, CMSG_DATA(c), sizeof(when));
			*last = (int64_t)when.tv_sec * 1000000000 + when.tv_nsec;
		}
	}
}

/* The order, as an agent would give it: planned, journalled, applied, read back. */
static void order(struct priv *priv, const struct quarantine_vm *vm, const char *honeypot,
		  struct plan *plan)
{
	const struct quarantine_order what = {.level = QUARANTINE_HONEYWALL,
					      .stage = QUARANTINE_CUT,
					      .honeypot = honeypot,
					      .segment_of_honeypot = ""};
	const struct verb_env env = {.live = true};
	struct plan_maker maker = {.verbs = &verbs,
				   .env = &env,
				   .read = priv_read,
				   .read_arg = priv,
				   .now_ms = now_ns() / 1000000};
	struct quarantine_wants wants = {0};
	struct priv_result result;
	struct rf_err err = {0};
	static const char record[] =
		"{\"level\":\"honeywall\",\"vm\":\"bench\",\"uuid\":\"" UUID "\",\"cards\":[]}";

	if (getrandom(&maker.random, sizeof(maker.random), 0) != sizeof(maker.random) ||
	    quarantine_wants_add(&wants, vm, &what, record, &err) < 0 ||
	    plan_make(&maker, wants.items, wants.count, plan, &err) < 0)
		fail("plan", &err);
	rf_copy(plan->root, sizeof(plan->root), "/");
	if (plan->refusals_count || priv_apply(priv, plan, 0, &result, &err) < 0)
		fail(plan->refusals_count ? plan->refusals[0].reason : "apply", &err);
	quarantine_wants_done(&wants);
}

static void round_run(struct priv *priv, struct sender *s, const int fds[2], char **args)
{
	static uint8_t old[MAX_FRAMES], honey[MAX_FRAMES];
	const struct quarantine_nic nic = {args[8], args[6]};
	const struct quarantine_vm vm = {
		.name = "bench", .uuid = UUID, .running = true, .nics = &nic, .nics_count = 1};
	const struct timespec tail = {.tv_nsec = TAIL_MS * 1000000};
	struct plan plan = {0};
	struct priv_result result;
	struct rf_err err = {0};
	int64_t last = 0, other = 0;
	size_t lost = 0, twice = 0;
	pthread_t thread;

	memset(old, 0, sizeof(old));
	memset(honey, 0, sizeof(honey));
	drain(fds[0], old, &last);
	drain(fds[1], honey, &other);
	memset(old, 0, sizeof(old));
	memset(honey, 0, sizeof(honey));
	s->sent = 0;
	atomic_store(&s->stop, false);
	pthread_create(&thread, NULL, sender_run, s);
	nanosleep(&tail, NULL);

	int64_t start = now_ns();

	order(priv, &vm, args[7], &plan);
	int64_t end = now_ns();

	nanosleep(&tail, NULL);
	atomic_store(&s->stop, true);
	pthread_join(thread, NULL);
	nanosleep(&tail, NULL);
	size_t at_old = drain(fds[0], old, &last), at_honey = drain(fds[1], honey, &other);

	for (uint32_t i = 0; i < s->sent; i++) {
		lost += !old[i] && !honey[i];
		twice += old[i] + honey[i] > 1;
	}
	printf("{\"last_foreign_ms\": %.3f, \"call_ms\": %.3f, \"sent\": %u, \"old\": %zu, "
	       "\"honey\": %zu, \"lost\": %zu, \"twice\": %zu}\n",
	       (double)(last - start) / 1e6, (double)(end - start) / 1e6, s->sent, at_old, at_honey,
	       lost, twice);
	fflush(stdout);
	if (priv_rollback(priv, plan.id, &result, &err) < 0)
		fail("release", &err);
	plan_done(&plan);
}

int main(int argc, char **argv)
{
	struct sender s = {.fd = -1};
	struct priv_options options = {0};
	struct priv *priv = NULL;
	struct rf_err err = {0};
	RF_AUTOBUF struct rf_buf recovered = {0};
	int64_t rounds = 0;
	size_t len = 0;

	if (argc != 11 || rf_num(argv[3], 10, 1, 100000, &rounds) < 0 ||
	    rf_hex_decode(argv[10], s.frame, sizeof(s.frame), &len) < 0)
		return 64;
	s.fd = socket_in(argv[4]);
	const int fds[2] = {socket_in(argv[5]), socket_in(argv[6])};

	options.program = argv[1];
	options.state = argv[2];
	if (priv_start(&options, &priv, &recovered, &err) < 0)
		fail("the privileged process", &err);
	for (int64_t i = 0; i < rounds; i++)
		round_run(priv, &s, fds, argv + 1);
	priv_stop(priv);
	return 0;
}
