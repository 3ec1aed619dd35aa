/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goes over the socket pair between the side that plans and the privileged side: messages of
 * one fixed size each way, by SOCK_SEQPACKET, so that a message is whole or not at all. Bytes of
 * any length (a plan's JSON, a target's state) are passed as a descriptor of memory.
 */
#ifndef RF_CHANGE_PRIV_WIRE_H
#define RF_CHANGE_PRIV_WIRE_H

#include "base/buf.h"
#include "change/spec.h"

#define PRIV_MAGIC   0x31505652u
#define PRIV_TIMEOUT 600 /* seconds that an answer may take */

enum priv_op {
	PRIV_HELLO = 1, /* -> memory: what was recovered */
	PRIV_READ,	/* spec -> memory: state */
	PRIV_BEGIN,	/* id, memory: the plan's JSON */
	PRIV_STEP,	/* spec */
	PRIV_COMMIT,	/* number: seconds to confirm within */
	PRIV_CONFIRM,	/* id */
	PRIV_ROLLBACK,	/* id or "" */
	PRIV_NOTE,	/* id, text "KIND: TEXT" */
	PRIV_LET_GO,	/* id, text: the part */
};

struct priv_request {
	uint32_t magic, op, number, reserved;
	char id[CHANGE_ID_BYTES];
	char text[512];
	struct change_spec spec;
};

struct priv_reply {
	uint32_t magic;
	int32_t code;
	uint32_t applied_count, undone, unconfirmed, incomplete, has_memory;
	uint32_t targets_count, more; /* more: not the answer yet, but how far COMMIT is */
	char text[512];		      /* of an error, or notes */
};

/* Sends one message of exactly size bytes, with a descriptor unless fd is negative. */
int priv_send(int socket, const void *message, size_t size, int fd,
	      struct rf_err *err) RF_MUST_CHECK;

/* Receives one of exactly size bytes; *out_fd is a descriptor that came with it, or -1. RF_E_PEER
 * when the other side is gone, RF_E_SYNTAX for another size. */
int priv_receive(int socket, void *message, size_t size, int *out_fd,
		 struct rf_err *err) RF_MUST_CHECK;

/* Bytes as a descriptor of sealed memory, and back (at most max_bytes, only when sealed). */
int priv_memory_make(struct rf_slice bytes, int *out_fd, struct rf_err *err) RF_MUST_CHECK;
int priv_memory_read(int fd, size_t max_bytes, struct rf_buf *out,
		     struct rf_err *err) RF_MUST_CHECK;

#endif
