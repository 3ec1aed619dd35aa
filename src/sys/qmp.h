/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QMP, the protocol of QEMU's monitor: commands out, answers in. What a QEMU answers is a
 * stranger's bytes, for its guest may have taken it over: every message has a size, a depth and a
 * place in an exchange that has an end. Not here: which commands to ask (isolate/ram.h), and
 * libvirt, which owns the monitor of its VMs and passes commands on (virtset.h).
 * Source: QEMU's docs/interop/qmp-spec.
 */
#ifndef RF_SYS_QMP_H
#define RF_SYS_QMP_H

#include <jansson.h>

#include "base/buf.h"
#include "base/err.h"

#define QMP_MAX_MESSAGE	 (1u << 20) /* bytes of one message */
#define QMP_MAX_DEPTH	 32u	    /* lists and maps in one another */
#define QMP_MAX_MESSAGES 4096u	    /* events and others' answers while we wait for ours */
#define QMP_WAIT_MS	 5000	    /* for one answer, whatever comes before it */

enum qmp_kind { QMP_GREETING, QMP_EVENT, QMP_RETURN, QMP_ERROR };

struct qmp_message {
	enum qmp_kind kind;
	json_t *doc;	/* owns value */
	json_t *value;	/* what was returned; NULL of other kinds */
	char id[32];	/* of an answer; "" when it has none */
	char text[160]; /* QMP_ERROR: what QEMU says, printable */
};
void qmp_message_done(struct qmp_message *message);
#define QMP_AUTOMESSAGE __attribute__((cleanup(qmp_message_done)))

/* Reads one message, with or without its end of line. RF_E_LIMIT, RF_E_SYNTAX; out is then
 * untouched. Pure. */
int qmp_message_read(struct rf_slice line, struct qmp_message *out,
		     struct rf_err *err) RF_MUST_CHECK;

/* Appends a command as one line without its end. arguments is taken, NULL for none; id "" for
 * none. Pure. */
int qmp_command_write(const char *command, json_t *arguments, const char *id,
		      struct rf_buf *out) RF_MUST_CHECK;

/*
 * Somebody who takes commands to one QEMU: libvirt, or its socket. ask appends the answer, one
 * message of the kind QMP_RETURN or QMP_ERROR, not yet read.
 */
struct qmp_peer {
	int (*ask)(void *arg, const char *command, json_t *arguments, struct rf_buf *out_answer,
		   struct rf_err *err);
	void *arg;
};

/* A QEMU that nobody else talks to, by the path of its monitor's socket. RF_E_MISSING when nobody
 * listens there, RF_E_PEER for one that does not speak QMP, RF_E_TIMEOUT. */
struct qmp_socket;
int qmp_socket_open(const char *path, struct qmp_socket **out, struct rf_err *err) RF_MUST_CHECK;
void qmp_socket_close(struct qmp_socket *socket);
static inline void qmp_socket_close_p(struct qmp_socket **socket)
{
	qmp_socket_close(*socket);
}
#define QMP_AUTOSOCKET __attribute__((cleanup(qmp_socket_close_p)))
/* The peer of a socket; valid as long as the socket. */
struct qmp_peer qmp_socket_peer(struct qmp_socket *socket);

#endif
