/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Helper of bench/shaping. usage: shape_rate set LINK IN OUT (bits a second, 0 for none)
 *        | shape_rate measure LINK in|out SECONDS: what the kernel counted behind the token bucket,
 *        as a share of its average
 *        | shape_rate send ADDRESS RATE SECONDS: UDP in packets of 1,400 bytes, paced by the clock.
 *        The kernel cuts the packets (UDP_SEGMENT): one call for each would be slower than 1
 * Gbit/s.
 */
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/str.h"
#include "isolate/shape.h"

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int set(char **argv)
{
	struct rf_err err = {0};
	struct shape shape = {0};
	struct shape_limit in = {0}, out = {0};
	int64_t a = 0, b = 0;
	int rc = rf_num(argv[1], 10, 0, 100000000000, &a);

	if (!rc)
		rc = rf_num(argv[2], 10, 0, 100000000000, &b);
	in.average = (uint64_t)a / 8;
	out.average = (uint64_t)b / 8;
	if (!rc)
		rc = shape_way_make(&in, SHAPE_FRAME_MIN, &shape.to_vm, &err);
	if (!rc)
		rc = shape_way_make(&out, SHAPE_FRAME_MIN, &shape.from_vm, &err);
	if (!rc)
		rc = shape_set(if_nametoindex(argv[0]), argv[0], &shape, &err);
	if (rc)
		fprintf(stderr, "%s\n", rf_err_text(&err));
	return rc ? 1 : 0;
}

static int measure(char **argv)
{
	struct shape_seen a, b;
	uint32_t ifindex = if_nametoindex(argv[0]);
	bool in = strcmp(argv[1], "in") == 0;
	int64_t seconds = 0;

	if (rf_num(argv[2], 10, 1, 60, &seconds) < 0 || shape_see(ifindex, &a, NULL) < 0)
		return 1;
	double from = now_s();

	nanosleep(&(struct timespec){.tv_sec = seconds}, NULL);
	if (shape_see(ifindex, &b, NULL) < 0)
		return 1;
	double took = now_s() - from;
	uint64_t bytes = in ? b.to_vm.bytes - a.to_vm.bytes : b.from_vm.bytes - a.from_vm.bytes;
	const struct shape_way *way = in ? &b.state.now.to_vm : &b.state.now.from_vm;
	uint32_t waiting = in ? b.to_vm.waiting : b.from_vm.waiting;

	printf("%.5f %u\n", (double)bytes / took / (double)way->average, waiting);
	return 0;
}

static int failed(const char *what)
{
	perror(what);
	return 1;
}

static int send_paced(char **argv)
{
	enum { PACKET = 1400, PACKETS = 40 };
	static const uint8_t text[PACKETS * PACKET];
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};
	int64_t rate = 0, seconds = 0;
	int segment = PACKET, fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (inet_pton(AF_INET, argv[0], &to.sin_addr) != 1 ||
	    rf_num(argv[1], 10, 1000, 100000000000, &rate) < 0 ||
	    rf_num(argv[2], 10, 1, 60, &seconds) < 0)
		return 64;
	if (fd < 0 || setsockopt(fd, SOL_UDP, UDP_SEGMENT, &segment, sizeof(segment)) != 0)
		return failed("UDP_SEGMENT");
	/* A tenth of a millisecond's worth at most is late at any time. */
	size_t batch = (size_t)rate / 8 / 10000 / PACKET;
	size_t bytes = (batch < 1 ? 1 : batch > PACKETS ? PACKETS : batch) * PACKET;
	double begin = now_s(), sent = 0;

	while (now_s() - begin < (double)seconds) {
		double ahead = sent * 8 / (double)rate - (now_s() - begin);

		if (ahead > 0) {
			usleep((useconds_t)(ahead * 1e6) + 1);
			continue;
		}
		if (sendto(fd, text, bytes, 0, (struct sockaddr *)&to, sizeof(to)) > 0)
			sent += (double)bytes;
	}
	close(fd);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 5 && strcmp(argv[1], "set") == 0)
		return set(argv + 2);
	if (argc == 5 && strcmp(argv[1], "measure") == 0)
		return measure(argv + 2);
	if (argc == 5 && strcmp(argv[1], "send") == 0)
		return send_paced(argv + 2);
	fprintf(stderr, "usage: shape_rate set|measure|send ...\n");
	return 64;
}
