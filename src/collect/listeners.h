/* SPDX-License-Identifier: Apache-2.0 */
/* One waiting socket, as sock_diag tells of it; QEMU's own sockets are read alike. */
#ifndef RF_COLLECT_LISTENERS_H
#define RF_COLLECT_LISTENERS_H

#include "collect/netlink.h"

struct listener_socket {
	char address[64];
	uint16_t port;
	uint32_t inode;
	uint32_t uid;	  /* owner of the socket */
	uint32_t ifindex; /* bound to that link; 0 */
	bool everywhere;  /* bound to every address and no link */
	bool loopback;
};

/* Reads one message of the probe sock-diag. False for another message, a broken one, or a socket
 * that neither listens nor is without peer. */
bool listener_parse(const struct nl_message *message, struct listener_socket *out);

#endif
