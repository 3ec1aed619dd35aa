/* SPDX-License-Identifier: Apache-2.0 */
/* Questions between roles; see call.h. unix(7) for descriptors. */
#include "fleet/call.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/io.h"
#include "base/mem.h"

int call_limit(int fd, int64_t timeout_ms, struct rf_err *err)
{
	const struct timeval t = {.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000};

	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t)) < 0)
		return rf_fail(err, -errno, "a socket between roles: %s", rf_code_text(-errno));
	return 0;
}

/* Exactly len bytes behind what is in `in`. */
static int more(int fd, struct rf_buf *in, size_t len, struct rf_err *err)
{
	uint8_t *at = rf_buf_reserve(in, len);

	if (!at)
		return rf_fail(err, -ENOMEM, "no memory for a frame");
	for (size_t have = 0; have < len;) {
		ssize_t n = read(fd, at + have, len - have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return rf_fail(err, RF_E_TIMEOUT, "the other role is silent");
		if (n < 0)
			return rf_fail(err, -errno, "the other role: %s", rf_code_text(-errno));
		if (n == 0)
			return in->len + have == 0
				       ? rf_fail(err, RF_E_PEER, "the other role has ended")
				       : rf_fail(err, RF_E_TRUNCATED,
						 "the other role ended in a frame");
		have += (size_t)n;
	}
	in->len += len;
	return 0;
}

int call_read(int fd, struct rf_buf *in, struct wire_frame *out, struct rf_err *err)
{
	const struct wire_side side = {WIRE_EITHER, WIRE_ROLES};
	size_t len;

	rf_buf_reset(in);
	int rc = more(fd, in, WIRE_HEADER_BYTES, err);

	if (rc)
		return rc;
	rc = wire_read(rf_buf_slice(in), &side, out, &len, err);
	if (rc != RF_E_TRUNCATED)
		return rc;
	rc = more(fd, in, len - WIRE_HEADER_BYTES, err);
	return rc ? rc : wire_read(rf_buf_slice(in), &side, out, &len, err);
}

int call_write(int fd, const struct message *message, struct rf_slice bytes, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf frame = {0};
	int rc = message_frame(message, bytes, &frame, err);

	if (rc)
		return rc;
	rc = rf_write_all(fd, rf_buf_slice(&frame));
	return rc ? rf_fail(err, rc, "the other role: %s", rf_code_text(rc)) : 0;
}

int call_ask(const struct call *call, struct message *out, struct rf_buf *out_bytes,
	     struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf in = {0};
	struct wire_frame frame;
	int rc = call_write(call->fd, call->question, call->bytes, err);

	if (!rc)
		rc = call_read(call->fd, &in, &frame, err);
	if (rc)
		return rc;
	if (frame.kind != call->answer)
		return rf_fail(err, RF_E_PEER, "the other role answered %s",
			       wire_row(frame.kind)->name);
	if (out_bytes && rf_buf_add(out_bytes, frame.bytes.data, frame.bytes.len))
		return rf_fail(err, -ENOMEM, "no memory for an answer");
	return message_read(frame.kind, frame.text, out, err);
}

union control {
	struct cmsghdr header;
	uint8_t bytes[CMSG_SPACE(sizeof(int))];
};

int call_fd_send(int socket, int fd, struct rf_err *err)
{
	union control control = {0};
	struct iovec one = {.iov_base = "f", .iov_len = 1};
	struct msghdr m = {.msg_iov = &one,
			   .msg_iovlen = 1,
			   .msg_control = control.bytes,
			   .msg_controllen = sizeof(control.bytes)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	if (sendmsg(socket, &m, MSG_NOSIGNAL) != 1)
		return rf_fail(err, -errno, "a descriptor: %s", rf_code_text(-errno));
	return 0;
}

int call_fd_take(int socket, int *out_fd, struct rf_err *err)
{
	union control control = {0};
	char byte;
	struct iovec one = {.iov_base = &byte, .iov_len = 1};
	struct msghdr m = {.msg_iov = &one,
			   .msg_iovlen = 1,
			   .msg_control = control.bytes,
			   .msg_controllen = sizeof(control.bytes)};
	ssize_t n = recvmsg(socket, &m, MSG_CMSG_CLOEXEC);
	struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;

	if (n == 0)
		return rf_fail(err, RF_E_PEER, "the other role has ended");
	if (n < 0)
		return rf_fail(err, -errno, "a descriptor: %s", rf_code_text(-errno));
	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS ||
	    c->cmsg_len != CMSG_LEN(sizeof(int)))
		return rf_fail(err, RF_E_SYNTAX, "no descriptor came");
	memcpy(out_fd, CMSG_DATA(c), sizeof(*out_fd));
	return 0;
}
