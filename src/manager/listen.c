/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets that listen; see listen.h. Addresses are numbers: no name is looked up. */
#include "manager/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"

#define BACKLOG 4096

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static int address_read(const char *text, union address *out, socklen_t *out_len,
			struct rf_err *err)
{
	const char *colon = strrchr(text, ':');
	char host[64] = "";
	int64_t port = -1;
	size_t len = colon ? (size_t)(colon - text) : 0;
	bool six = len > 2 && text[0] == '[' && text[len - 1] == ']';

	if (colon && len < sizeof(host) && rf_num(colon + 1, 10, 0, 65535, &port) == 0)
		memcpy(host, six ? text + 1 : text, six ? len - 2 : len);
	*out = (union address){0};
	if (port >= 0 && six && inet_pton(AF_INET6, host, &out->v6.sin6_addr) == 1) {
		out->v6.sin6_family = AF_INET6;
		out->v6.sin6_port = htons((uint16_t)port);
		*out_len = sizeof(out->v6);
		return 0;
	}
	if (port >= 0 && !six && inet_pton(AF_INET, host, &out->v4.sin_addr) == 1) {
		out->v4.sin_family = AF_INET;
		out->v4.sin_port = htons((uint16_t)port);
		*out_len = sizeof(out->v4);
		return 0;
	}
	return rf_fail(err, RF_E_SYNTAX, "\"%s\" is no ADDRESS:PORT (127.0.0.1:8444, [::]:8444)",
		       text);
}

int listen_open(const char *address, int *out_fd, struct rf_err *err)
{
	union address at;
	socklen_t len = 0;
	const int on = 1, off = 0;
	int rc = address_read(address, &at, &len, err);

	if (rc)
		return rc;
	int fd = socket(at.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return rf_fail(err, -errno, "%s: %s", address, rf_code_text(-errno));
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	/* "[::]" is for both. */
	if (at.any.sa_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (bind(fd, &at.any, len) < 0 || listen(fd, BACKLOG) < 0) {
		rc = rf_fail(err, -errno, "%s: %s", address, rf_code_text(-errno));
		close(fd);
		return rc;
	}
	*out_fd = fd;
	return 0;
}

int listen_address(int fd, char *out, size_t size, struct rf_err *err)
{
	union address at;
	socklen_t len = sizeof(at);
	char host[INET6_ADDRSTRLEN] = "";

	if (getsockname(fd, &at.any, &len) < 0)
		return rf_fail(err, -errno, "a socket: %s", rf_code_text(-errno));
	bool six = at.any.sa_family == AF_INET6;

	(void)inet_ntop(at.any.sa_family,
			six ? (const void *)&at.v6.sin6_addr : (const void *)&at.v4.sin_addr, host,
			sizeof(host));
	if (!rf_format(out, size, six ? "[%s]:%u" : "%s:%u", host,
		       ntohs(six ? at.v6.sin6_port : at.v4.sin_port)))
		return rf_fail(err, -ENAMETOOLONG, "an address");
	return 0;
}
