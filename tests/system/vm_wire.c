/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs inside a test's VM, linked statically: raw frames out of a network card, as a hostile VM
 * sends them. Not a tool for a host. usage:
 *   vm_wire LINK FILE [COUNT]         the frame in FILE, COUNT times
 *   vm_wire LINK FILE COUNT macs      each with another source MAC address
 *   vm_wire LINK hear WORD            shows the header of what arrives until a frame has WORD in it
 * Prints how many the card took. Source: packet(7).
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define FRAME_MAX 9014

static int wire_open(const char *link)
{
	int fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
	struct ifreq request = {0};
	struct sockaddr_ll address = {.sll_family = AF_PACKET};

	if (fd < 0)
		return -1;
	strncpy(request.ifr_name, link, sizeof(request.ifr_name) - 1);
	if (ioctl(fd, SIOCGIFINDEX, &request) < 0)
		return -1;
	address.sll_ifindex = request.ifr_ifindex;
	return bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -1 : fd;
}

static ssize_t frame_read(const char *path, uint8_t frame[FRAME_MAX])
{
	int fd = open(path, O_RDONLY);
	ssize_t len = fd < 0 ? -1 : read(fd, frame, FRAME_MAX);

	if (fd >= 0)
		close(fd);
	return len;
}

/* A full queue is waited for: every frame is to reach the host. */
static int frame_send(int fd, const uint8_t *frame, size_t len)
{
	while (send(fd, frame, len, 0) < 0) {
		if (errno != ENOBUFS && errno != EAGAIN && errno != EINTR)
			return -1;
		poll(NULL, 0, 1);
	}
	return 0;
}

static int hear(int fd, const char *word)
{
	static const char ready[] = "listening\n";
	uint8_t frame[FRAME_MAX];

	if (write(1, ready, strlen(ready)) < 0)
		return 1;
	for (;;) {
		struct sockaddr_ll from;
		socklen_t from_len = sizeof(from);
		ssize_t len =
			recvfrom(fd, frame, sizeof(frame), 0, (struct sockaddr *)&from, &from_len);

		if (len < 14)
			return 1;
		if (from.sll_pkttype == PACKET_OUTGOING)
			continue;
		for (int i = 0; i < 14; i++)
			printf("%02x", frame[i]);
		printf("\n");
		if (memmem(frame, (size_t)len, word, strlen(word)))
			return 0;
	}
}

int main(int argc, char **argv)
{
	uint8_t frame[FRAME_MAX];
	long count = argc > 3 ? strtol(argv[3], NULL, 10) : 1;
	int fd = argc > 2 ? wire_open(argv[1]) : -1;

	if (fd >= 0 && argc == 4 && strcmp(argv[2], "hear") == 0)
		return hear(fd, argv[3]);
	ssize_t len = argc > 2 ? frame_read(argv[2], frame) : -1;

	if (fd < 0 || len < 14) {
		perror("vm_wire");
		return 1;
	}
	for (long i = 0; i < count; i++) {
		if (argc > 4) {
			const uint8_t source[6] = {2, 0, 0, 0, (uint8_t)(i >> 8), (uint8_t)i};

			memcpy(frame + 6, source, sizeof(source));
		}
		if (frame_send(fd, frame, (size_t)len) < 0) {
			perror("vm_wire");
			return 1;
		}
	}
	printf("sent %ld\n", count);
	return 0;
}
