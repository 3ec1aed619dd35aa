/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Measures what bench/isolate cannot from Python: frames that enter a port of a bridge without a
 * sender (XDP live frames), the cost of the guard's programs, and how long a purged port is open.
 * usage: isolate_net inject LINK COUNT ROUNDS HEX | drop LINK | cost PIN_DIR LINK HEX4 HEX6 HEXBAD
 *        | purge LINK COUNT | mend LINK | flood LINK SECONDS HEX | rtt ADDRESS COUNT GAP_US
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <linux/pkt_cls.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/guard/layout.h"

#define FRAME_BYTES 2048
#define BATCH	    64
#define TRIES	    9

static double now_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static uint32_t number(const char *text)
{
	int64_t n = 0;

	if (rf_num(text, 10, 0, UINT32_MAX, &n) != 0)
		exit(64);
	return (uint32_t)n;
}

static size_t frame_of(const char *hex, uint8_t frame[FRAME_BYTES])
{
	size_t len = 0;

	memset(frame, 0, FRAME_BYTES);
	if (rf_hex_decode(hex, frame, FRAME_BYTES, &len) != 0)
		exit(64);
	return len < 60 ? 60 : len;
}

/* A program that only answers. */
static int answering(enum bpf_prog_type type, int answer)
{
	const struct bpf_insn code[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = answer},
		{.code = BPF_JMP | BPF_EXIT},
	};

	return bpf_prog_load(type, "answer", "GPL", code, RF_COUNT(code), NULL);
}

static int failed(const char *what)
{
	perror(what);
	return 1;
}

static int inject(char **args)
{
	uint32_t ifindex = if_nametoindex(args[0]), count = number(args[1]),
		 rounds = number(args[2]);
	int fd = answering(BPF_PROG_TYPE_XDP, XDP_PASS);
	uint8_t frame[FRAME_BYTES];
	uint32_t len = (uint32_t)frame_of(args[3], frame);

	/* Only a link with a program has the queue that live frames are said to come from. */
	if (fd < 0 || bpf_xdp_attach((int)ifindex, fd, 0, NULL) != 0)
		return failed("xdp");
	for (uint32_t i = 0; i < rounds; i++) {
		struct xdp_md md = {.data_end = len, .ingress_ifindex = ifindex};
		LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame, .data_size_in = len,
			    .ctx_in = &md, .ctx_size_in = sizeof(md), .repeat = (int)count,
			    .flags = BPF_F_TEST_XDP_LIVE_FRAMES, .batch_size = BATCH);
		double cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID);

		if (bpf_prog_test_run_opts(fd, &run) != 0)
			return failed("live frames");
		printf("%.1f\n", (now_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu) / count);
	}
	bpf_xdp_detach((int)ifindex, 0, NULL);
	return 0;
}

/* Frames end here: the receiver's stack is not what is measured. */
static int drop(char **args)
{
	struct bpf_tc_hook hook = {.sz = sizeof(hook),
				   .ifindex = (int)if_nametoindex(args[0]),
				   .attach_point = BPF_TC_INGRESS};
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = answering(BPF_PROG_TYPE_SCHED_CLS, TC_ACT_SHOT));

	(void)bpf_tc_hook_create(&hook);
	return bpf_tc_attach(&hook, &opts) ? failed("tc") : 0;
}

/* on|off LINK LINK LINK: what the hook costs without a guard. */
static int empty(char **args)
{
	int fd = answering(BPF_PROG_TYPE_SCHED_CLS, TC_ACT_UNSPEC);

	for (char **name = args + 1; name < args + 4; name++) {
		struct bpf_tc_hook hook = {.sz = sizeof(hook),
					   .ifindex = (int)if_nametoindex(*name),
					   .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS};

		if (strcmp(args[0], "off") == 0) {
			if (bpf_tc_hook_destroy(&hook) != 0)
				return failed("clsact");
			continue;
		}
		(void)bpf_tc_hook_create(&hook);
		for (unsigned point = BPF_TC_INGRESS; point <= BPF_TC_EGRESS; point <<= 1) {
			LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = fd);

			hook.attach_point = (enum bpf_tc_attach_point)point;
			if (bpf_tc_attach(&hook, &opts) != 0)
				return failed("tc");
		}
	}
	return 0;
}

/* The mark of a frame from the port's own zone, so that it passes the way out. */
static uint32_t mark_of(const char *pins, uint32_t zone)
{
	struct guard_settings settings = {0};
	uint32_t zero = 0;
	char path[256];

	(void)rf_format(path, sizeof(path), "%s/g_settings", pins);

	int fd = bpf_obj_get(path);

	if (fd < 0 || bpf_map_lookup_elem(fd, &zero, &settings) != 0)
		exit(failed(path));
	return settings.secret | zone;
}

static uint32_t cost_of(int fd, uint32_t ifindex, uint32_t mark, const uint8_t *frame, uint32_t len)
{
	uint32_t best = UINT32_MAX;

	for (int i = 0; i < TRIES; i++) {
		struct __sk_buff skb = {.ifindex = ifindex, .mark = mark};
		LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame, .data_size_in = len,
			    .ctx_in = &skb, .ctx_size_in = sizeof(skb), .repeat = 500000);

		if (bpf_prog_test_run_opts(fd, &run) != 0)
			exit(failed("test run"));
		best = run.duration < best ? run.duration : best;
	}
	return best;
}

static int cost(char **args)
{
	static const char *const NAMES[] = {"ipv4", "ipv6", "forged"};
	uint8_t frame[FRAME_BYTES];
	char path[256];
	uint32_t ifindex = if_nametoindex(args[1]);
	uint32_t mark = mark_of(args[0], 1);
	int empty = answering(BPF_PROG_TYPE_SCHED_CLS, TC_ACT_UNSPEC), in, out;

	(void)rf_format(path, sizeof(path), "%s/guard_in", args[0]);
	in = bpf_obj_get(path);
	(void)rf_format(path, sizeof(path), "%s/guard_out", args[0]);
	out = bpf_obj_get(path);
	if (in < 0 || out < 0 || empty < 0)
		return failed(path);
	for (size_t i = 0; i < RF_COUNT(NAMES); i++) {
		uint32_t len = (uint32_t)frame_of(args[2 + i], frame);
		uint32_t base = cost_of(empty, ifindex, mark, frame, len);
		uint8_t swap[6];

		printf("%s empty %u in %u", NAMES[i], base, cost_of(in, ifindex, mark, frame, len));
		memcpy(swap, frame, 6);
		memcpy(frame, frame + 6, 6);
		memcpy(frame + 6, swap, 6);
		frame[6] &= 0xfe;
		printf(" out %u\n", cost_of(out, ifindex, mark, frame, len));
	}
	return 0;
}

static bool guarded(uint32_t ifindex)
{
	static const enum bpf_tc_attach_point POINTS[] = {BPF_TC_INGRESS, BPF_TC_EGRESS};

	for (size_t i = 0; i < RF_COUNT(POINTS); i++) {
		struct bpf_tc_hook hook = {
			.sz = sizeof(hook), .ifindex = (int)ifindex, .attach_point = POINTS[i]};
		LIBBPF_OPTS(bpf_tc_opts, opts, .handle = 0x5246, .priority = 1);

		if (bpf_tc_query(&hook, &opts) != 0)
			return false;
	}
	return true;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/*
 * Deletes clsact and waits until somebody has put both filters back. It looks every 20 us and
 * sleeps between: one that spins at a real-time priority keeps the kernel's own worker for
 * expedited grace periods, which the new filter waits for, from its processor for up to 950 ms.
 */
static int purge(char **args)
{
	uint32_t ifindex = if_nametoindex(args[0]), count = number(args[1]);
	double *took = rf_alloc(count, sizeof(*took));

	for (uint32_t i = 0; i < count; i++) {
		struct bpf_tc_hook hook = {.sz = sizeof(hook),
					   .ifindex = (int)ifindex,
					   .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS};

		if (bpf_tc_hook_destroy(&hook) != 0)
			return failed("purge");

		double begin = now_ns(CLOCK_MONOTONIC);

		while (!guarded(ifindex)) {
			if (now_ns(CLOCK_MONOTONIC) - begin > 5e9)
				return failed("not healed");
			usleep(20);
		}
		took[i] = (now_ns(CLOCK_MONOTONIC) - begin) / 1e3;
		usleep(2000);
	}
	qsort(took, count, sizeof(*took), by_size);
	printf("heals %u median_us %.0f p99_us %.0f max_us %.0f\n", count, took[count / 2],
	       took[count * 99 / 100], took[count - 1]);
	rf_free(took);
	return 0;
}

/*
 * The limit of "purge": puts programs that pass everything back as soon as the kernel says that
 * clsact went, and does nothing else. Until it is ended.
 */
static int mend(char **args)
{
	const struct sockaddr_nl groups = {.nl_family = AF_NETLINK,
					   .nl_groups = 1u << (RTNLGRP_TC - 1)};
	uint8_t block[65536] __attribute__((aligned(8)));
	const struct nlmsghdr *head = (const struct nlmsghdr *)block;
	const struct tcmsg *tc = NLMSG_DATA(head);
	int link = (int)if_nametoindex(args[0]), program = answering(BPF_PROG_TYPE_SCHED_CLS, TC_ACT_UNSPEC);
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);

	if (program < 0 || fd < 0 || bind(fd, (const struct sockaddr *)&groups, sizeof(groups)))
		return failed("mend");
	puts("watching");
	fflush(stdout);
	while (recv(fd, block, sizeof(block), 0) >= (ssize_t)NLMSG_LENGTH(sizeof(*tc))) {
		static const enum bpf_tc_attach_point points[] = {BPF_TC_INGRESS, BPF_TC_EGRESS};
		struct bpf_tc_hook hook = {.sz = sizeof(hook),
					   .ifindex = link,
					   .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS};

		if (head->nlmsg_type != RTM_DELQDISC || tc->tcm_ifindex != link ||
		    tc->tcm_parent != TC_H_CLSACT)
			continue;
		(void)bpf_tc_hook_create(&hook);
		for (size_t i = 0; i < RF_COUNT(points); i++) {
			LIBBPF_OPTS(bpf_tc_opts, opts, .handle = 0x5246, .priority = 1,
				    .prog_fd = program);

			hook.attach_point = points[i];
			(void)bpf_tc_attach(&hook, &opts);
		}
	}
	return failed("mend");
}

static int flood(char **args)
{
	uint8_t frame[FRAME_BYTES];
	size_t len = frame_of(args[2], frame);
	struct sockaddr_ll to = {.sll_family = AF_PACKET,
				 .sll_ifindex = (int)if_nametoindex(args[0])};
	double end = now_ns(CLOCK_MONOTONIC) + number(args[1]) * 1e9;
	uint64_t sent = 0;
	int fd = socket(AF_PACKET, SOCK_RAW, 0);

	if (fd < 0)
		return failed("socket");
	while (now_ns(CLOCK_MONOTONIC) < end)
		for (int i = 0; i < BATCH; i++)
			sent += sendto(fd, frame, len, 0, (struct sockaddr *)&to, sizeof(to)) > 0;
	printf("sent %llu\n", (unsigned long long)sent);
	return 0;
}

/* The checksum of an ICMP message; RFC 1071. */
static uint16_t checksum(const uint16_t *words, size_t count)
{
	uint32_t sum = 0;

	while (count--)
		sum += *words++;
	sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t) ~(sum + (sum >> 16));
}

/* Microseconds until the answer to one echo request came; -1: none within 100 ms. */
static double echo(int fd, const struct sockaddr_in *to, uint16_t number)
{
	struct icmphdr ask = {.type = ICMP_ECHO};
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	uint8_t answer[256];

	ask.un.echo.id = htons((uint16_t)getpid());
	ask.un.echo.sequence = htons(number);
	ask.checksum = checksum((const uint16_t *)&ask, sizeof(ask) / 2);
	double start = now_ns(CLOCK_MONOTONIC);

	if (sendto(fd, &ask, sizeof(ask), 0, (const struct sockaddr *)to, sizeof(*to)) < 0)
		return -1;
	while (poll(&wait, 1, 100) == 1) {
		ssize_t n = recv(fd, answer, sizeof(answer), 0);
		const struct icmphdr *got = (const void *)(answer + sizeof(struct iphdr));

		if (n >= (ssize_t)(sizeof(struct iphdr) + sizeof(*got)) &&
		    got->type == ICMP_ECHOREPLY && got->un.echo.id == ask.un.echo.id &&
		    got->un.echo.sequence == ask.un.echo.sequence)
			return (now_ns(CLOCK_MONOTONIC) - start) / 1e3;
	}
	return -1;
}

/* Round trips to a neighbour whose kernel answers. One that is lost counts as 100 ms. */
static int rtt(char **args)
{
	struct sockaddr_in to = {.sin_family = AF_INET};
	uint32_t count = number(args[1]), gap_us = number(args[2]), lost = 0;
	double *took = rf_alloc(count ? count : 1, sizeof(*took));
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);

	if (fd < 0 || !took || !count || inet_pton(AF_INET, args[0], &to.sin_addr) != 1)
		return failed("rtt");
	(void)echo(fd, &to, 0xffff);
	for (uint32_t i = 0; i < count; i++) {
		took[i] = echo(fd, &to, (uint16_t)(i & 0x7fff));
		if (took[i] < 0) {
			took[i] = 1e5;
			lost++;
		}
		usleep(gap_us);
	}
	qsort(took, count, sizeof(*took), by_size);
	printf("median_us %.1f p99_us %.1f max_us %.1f lost %u\n", took[count / 2],
	       took[count * 99 / 100], took[count - 1], lost);
	rf_free(took);
	return 0;
}

static int silent(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	(void)format;
	(void)args;
	return 0;
}

static const struct {
	const char *name;
	int (*run)(char **args);
	int args;
} VERBS[] = {{"inject", inject, 4}, {"drop", drop, 1},	 {"cost", cost, 5},   {"purge", purge, 2},
	     {"mend", mend, 1},	    {"empty", empty, 4}, {"flood", flood, 3}, {"rtt", rtt, 3}};

int main(int argc, char **argv)
{
	libbpf_set_print(silent);
	for (size_t i = 0; argc > 1 && i < RF_COUNT(VERBS); i++)
		if (strcmp(argv[1], VERBS[i].name) == 0 && argc - 2 == VERBS[i].args)
			return VERBS[i].run(argv + 2);
	fprintf(stderr, "usage: isolate_net inject|drop|empty|cost|purge|mend|flood|rtt ...\n");
	return 64;
}
