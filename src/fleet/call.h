/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One question and its answer between two roles of a program, over a stream socket that blocks: for
 * what takes less time than a turn of an event loop. Frames as everywhere (wire.h); sockets with
 * descriptors passed along.
 *
 * Not here: strangers (link.h).
 */
#ifndef RF_FLEET_CALL_H
#define RF_FLEET_CALL_H

#include "fleet/message.h"

#define CALL_TIMEOUT_MS 5000 /* a role that is silent for longer has failed */

/* Both directions fail after that silence from now on. */
int call_limit(int fd, int64_t timeout_ms, struct rf_err *err) RF_MUST_CHECK;

/* Reads one frame of the phase WIRE_ROLES into in, which out borrows from. RF_E_PEER at an orderly
 * end between two frames; RF_E_TRUNCATED, RF_E_TIMEOUT, -errno; as wire_read. */
int call_read(int fd, struct rf_buf *in, struct wire_frame *out, struct rf_err *err) RF_MUST_CHECK;

/* Writes one. */
int call_write(int fd, const struct message *message, struct rf_slice bytes,
	       struct rf_err *err) RF_MUST_CHECK;

/* A question and what becomes of it; *out_bytes (NULL: none are wanted) gets the bytes beside it.
 */
struct call {
	int fd;
	const struct message *question;
	struct rf_slice bytes;
	enum wire_kind answer;
};
/* out is the caller's (message_done). RF_E_PEER when the answer is of another kind. */
int call_ask(const struct call *call, struct message *out, struct rf_buf *out_bytes,
	     struct rf_err *err) RF_MUST_CHECK;

/* Sends a descriptor over a local socket (the caller's stays open), or takes one: -EAGAIN where
 * none came yet and the socket does not block, RF_E_PEER when the other side has ended. */
int call_fd_send(int socket, int fd, struct rf_err *err) RF_MUST_CHECK;
int call_fd_take(int socket, int *out_fd, struct rf_err *err) RF_MUST_CHECK;

#endif
