/* SPDX-License-Identifier: Apache-2.0 */
/* Messages and memory between the two sides. See priv_wire.h. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "change/files.h"
#include "change/priv_wire.h"

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

int priv_send(int socket, const void *message, size_t size, int fd, struct rf_err *err)
{
	struct iovec part = {.iov_base = (void *)message, .iov_len = size};
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct msghdr msg = {.msg_iov = &part, .msg_iovlen = 1};

	if (fd >= 0) {
		msg.msg_control = control.bytes;
		msg.msg_controllen = sizeof(control.bytes);
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	}
	ssize_t n;

	do {
		n = sendmsg(socket, &msg, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	return n == (ssize_t)size ? 0 : rf_fail(err, RF_E_PEER, "the privileged process is gone");
}

/* Takes the first descriptor; others are closed. */
static int descriptor_take(struct msghdr *msg)
{
	int taken = -1;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (taken < 0)
				taken = fd;
			else
				close(fd);
		}
	}
	return taken;
}

int priv_receive(int socket, void *message, size_t size, int *out_fd, struct rf_err *err)
{
	struct iovec part = {.iov_base = message, .iov_len = size};
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(4 * sizeof(int))];
	} control = {0};
	struct msghdr msg = {.msg_iov = &part,
			     .msg_iovlen = 1,
			     .msg_control = control.bytes,
			     .msg_controllen = sizeof(control.bytes)};
	ssize_t n;

	do {
		n = recvmsg(socket, &msg, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	int fd = n >= 0 ? descriptor_take(&msg) : -1;

	if (n == (ssize_t)size && !(msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
		*out_fd = fd;
		return 0;
	}
	if (fd >= 0)
		close(fd);
	return n <= 0 ? rf_fail(err, RF_E_PEER, "the other side of the socket is gone")
		      : rf_fail(err, RF_E_SYNTAX, "a message of %zd bytes, not %zu", n, size);
}

int priv_memory_make(struct rf_slice bytes, int *out_fd, struct rf_err *err)
{
	int fd = memfd_create("ringfence", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return rf_fail(err, -errno, "no memory to pass: %s", rf_code_text(-errno));
	int rc = rf_write_all(fd, bytes);

	if (!rc && fcntl(fd, F_ADD_SEALS, SEALS) < 0)
		rc = -errno;
	if (rc < 0) {
		close(fd);
		return rf_fail(err, rc, "no memory to pass: %s", rf_code_text(rc));
	}
	*out_fd = fd;
	return 0;
}

/* Sealed: it can neither change nor shrink while it is read, and is no file of a disk. */
int priv_memory_read(int fd, size_t max_bytes, struct rf_buf *out, struct rf_err *err)
{
	struct stat st;

	if (fcntl(fd, F_GET_SEALS) != SEALS || fstat(fd, &st) < 0)
		return rf_fail(err, RF_E_DENIED, "what was passed is no sealed memory");
	if (st.st_size < 0 || (size_t)st.st_size > max_bytes)
		return rf_fail(err, RF_E_LIMIT, "what was passed has more than %zu bytes",
			       max_bytes);
	size_t size = (size_t)st.st_size;
	uint8_t *at = rf_buf_reserve(out, size + 1);

	if (!at)
		return rf_fail(err, -ENOMEM, "no memory");
	ssize_t n = pread(fd, at, size, 0);

	if (n != (ssize_t)size)
		return rf_fail(err, -EIO, "what was passed cannot be read");
	out->len += size;
	out->data[out->len] = '\0';
	return 0;
}
