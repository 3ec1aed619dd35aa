/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A QEMU's monitor by its socket. See qmp.h. One exchange has one deadline: events without end, a
 * line without end and silence all end it. Source: unix(7), QEMU's docs/interop/qmp-spec.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "sys/qmp.h"

struct qmp_socket {
	int fd;
	unsigned next; /* number of the next command */
	struct rf_buf in;
	size_t scanned; /* bytes of in that hold no end of line */
	int64_t deadline_ms;
};

void qmp_socket_close(struct qmp_socket *s)
{
	if (!s)
		return;
	if (s->fd >= 0)
		close(s->fd);
	rf_buf_done(&s->in);
	rf_free(s);
}

static int wait_for(struct qmp_socket *s, short events, struct rf_err *err)
{
	struct pollfd poll_fd = {.fd = s->fd, .events = events};

	for (;;) {
		int64_t left = s->deadline_ms - rf_clock_ms(CLOCK_MONOTONIC);
		int n = left > 0 ? poll(&poll_fd, 1, (int)left) : 0;

		if (n > 0)
			return 0;
		if (n == 0)
			return rf_fail(err, RF_E_TIMEOUT, "QEMU did not answer within %d s",
				       QMP_WAIT_MS / 1000);
		if (errno != EINTR)
			return rf_fail(err, -errno, "QEMU's monitor: %s", rf_code_text(-errno));
	}
}

static int send_all(struct qmp_socket *s, struct rf_slice data, struct rf_err *err)
{
	while (data.len) {
		ssize_t n = send(s->fd, data.data, data.len, MSG_NOSIGNAL | MSG_DONTWAIT);
		int rc = n < 0 ? -errno : 0;

		if (rc == -EAGAIN || rc == -EINTR) {
			rc = wait_for(s, POLLOUT, err);
			if (rc < 0)
				return rc;
			continue;
		}
		if (rc < 0)
			return rf_fail(err, RF_E_PEER, "QEMU's monitor: %s", rf_code_text(rc));
		data.data += n;
		data.len -= (size_t)n;
	}
	return 0;
}

static int receive_more(struct qmp_socket *s, struct rf_err *err)
{
	uint8_t *room = rf_buf_reserve(&s->in, 65536);
	int rc = room ? wait_for(s, POLLIN, err) : rf_fail(err, -ENOMEM, "no memory");
	ssize_t n = rc < 0 ? 0 : recv(s->fd, room, 65536, MSG_DONTWAIT);

	if (rc < 0)
		return rc;
	if (n == 0)
		return rf_fail(err, RF_E_PEER, "QEMU closed its monitor");
	if (n < 0)
		return errno == EAGAIN || errno == EINTR
			       ? 0
			       : rf_fail(err, RF_E_PEER, "QEMU's monitor: %s",
					 rf_code_text(-errno));
	s->in.len += (size_t)n;
	return 0;
}

/* Takes the next line that is not blank out of what came. */
static int line_next(struct qmp_socket *s, struct rf_buf *out, struct rf_err *err)
{
	for (;;) {
		const uint8_t *end = s->in.len > s->scanned ? memchr(s->in.data + s->scanned, '\n',
								     s->in.len - s->scanned)
							    : NULL;
		size_t len = end ? (size_t)(end - s->in.data) + 1 : 0;

		s->scanned = end ? s->scanned : s->in.len;
		if (len > QMP_MAX_MESSAGE || (!end && s->in.len > QMP_MAX_MESSAGE))
			return rf_fail(err, RF_E_LIMIT, "QEMU sent a line of more than %u bytes",
				       QMP_MAX_MESSAGE);
		if (end) {
			rf_buf_reset(out);
			int rc = rf_buf_add(out, s->in.data, len);

			memmove(s->in.data, s->in.data + len, s->in.len - len);
			s->in.len -= len;
			s->scanned = 0;
			return rc ? rf_fail(err, rc, "no memory") : 0;
		}
		int rc = receive_more(s, err);

		if (rc < 0)
			return rc;
	}
}

/* The first message of a kind that was asked for; others are passed over, up to a number. */
static int message_next(struct qmp_socket *s, const char *id, struct rf_buf *line,
			struct rf_err *err)
{
	for (unsigned i = 0; i < QMP_MAX_MESSAGES; i++) {
		QMP_AUTOMESSAGE struct qmp_message m = {0};
		int rc = line_next(s, line, err);

		if (!rc)
			rc = qmp_message_read(rf_buf_slice(line), &m, err);
		if (rc < 0)
			return rc;
		/* An error before the id was read carries none. */
		if (id ? (m.kind == QMP_RETURN || m.kind == QMP_ERROR) &&
				    (strcmp(m.id, id) == 0 || (m.kind == QMP_ERROR && !m.id[0]))
		       : m.kind == QMP_GREETING)
			return 0;
	}
	return rf_fail(err, RF_E_LIMIT, "QEMU sent %u messages and no answer", QMP_MAX_MESSAGES);
}

static int socket_ask(void *arg, const char *command, json_t *arguments, struct rf_buf *out,
		      struct rf_err *err)
{
	struct qmp_socket *s = arg;
	RF_AUTOBUF struct rf_buf line = {0};
	char id[32];

	rf_format(id, sizeof(id), "ringfence-%u", s->next++);
	s->deadline_ms = rf_clock_ms(CLOCK_MONOTONIC) + QMP_WAIT_MS;
	int rc = qmp_command_write(command, arguments, id, &line);

	if (rc < 0 || rf_buf_add_byte(&line, '\n') < 0)
		return rf_fail(err, -ENOMEM, "no memory");
	rc = send_all(s, rf_buf_slice(&line), err);
	if (!rc)
		rc = message_next(s, id, &line, err);
	return rc ? rc : rf_buf_add(out, line.data, line.len);
}

struct qmp_peer qmp_socket_peer(struct qmp_socket *socket)
{
	return (struct qmp_peer){socket_ask, socket};
}

static int greet(struct qmp_socket *s, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf line = {0}, answer = {0};
	QMP_AUTOMESSAGE struct qmp_message m = {0};

	s->deadline_ms = rf_clock_ms(CLOCK_MONOTONIC) + QMP_WAIT_MS;
	int rc = message_next(s, NULL, &line, err);

	if (!rc)
		rc = socket_ask(s, "qmp_capabilities", NULL, &answer, err);
	if (!rc)
		rc = qmp_message_read(rf_buf_slice(&answer), &m, err);
	if (!rc && m.kind == QMP_ERROR)
		rc = rf_fail(err, RF_E_PEER, "QEMU: %s", m.text);
	return rc;
}

int qmp_socket_open(const char *path, struct qmp_socket **out, struct rf_err *err)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	QMP_AUTOSOCKET struct qmp_socket *s = rf_alloc(1, sizeof(*s));

	if (!s)
		return rf_fail(err, -ENOMEM, "no memory");
	s->fd = -1;
	if (!rf_copy(to.sun_path, sizeof(to.sun_path), path) || !path[0])
		return rf_fail(err, RF_E_LIMIT, "%.60s: no path of a socket", path);
	/* Not to wait where the queue of a monitor that takes one caller is full. */
	s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->fd < 0)
		return rf_fail(err, -errno, "no socket: %s", rf_code_text(-errno));
	if (connect(s->fd, (const struct sockaddr *)&to, sizeof(to)) < 0) {
		int rc = errno == ENOENT || errno == ECONNREFUSED ? RF_E_MISSING
			 : errno == EAGAIN			  ? RF_E_PEER
								  : -errno;

		return rf_fail(err, rc, "%s: %s", path,
			       rc == RF_E_PEER ? "somebody else talks to this QEMU"
					       : rf_code_text(-errno));
	}
	int rc = greet(s, err);

	if (rc < 0)
		return rf_wrap(err, rc, "%s", path);
	*out = rf_take(s);
	return 0;
}
