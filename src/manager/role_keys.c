/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The role keys: holds the authority's key and the one that signs commands, opens nothing, and
 * answers the typed questions of the roles that are given a socket to it. Of strangers' bytes it
 * parses a request's public key, and no more.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "fleet/call.h"
#include "manager/authority.h"
#include "manager/roles.h"
#include "sys/sandbox.h"

#define MAX_CLIENTS 64
#define STALL_MS                                                                                   \
	2000 /* a client that stops in the midst of a frame keeps no other waiting longer */

struct keys {
	struct authority *authority;
	struct pollfd polls[2 + MAX_CLIENTS]; /* the stop, the control socket, clients */
	nfds_t count;
};

static void fault_text(char *out, size_t size, const struct rf_err *err)
{
	(void)snprintf(out, size, "%s", rf_err_text(err));
}

static int certify(struct keys *k, const struct wire_frame *frame, int fd, struct rf_err *err)
{
	MESSAGE_AUTO struct message in = {0};
	struct authority_certificate made = {0};
	struct message out = {.kind = WIRE_CERTIFIED};
	struct rf_err why = {0};
	char fault[512];
	int rc = message_read(frame->kind, frame->text, &in, &why);

	if (!rc)
		rc = authority_certify(k->authority,
				       &(struct authority_order){
					       in.certify.host, in.certify.request,
					       in.certify.from_ms / 1000, in.certify.to_ms / 1000},
				       &made, &why);
	fault_text(fault, sizeof(fault), &why);
	if (rc) {
		out.certified.fault = fault;
	} else {
		out.certified.certificate = rf_buf_text(&made.pem);
		out.certified.serial = made.serial;
		out.certified.sha256 = (struct rf_slice){made.sha256, sizeof(made.sha256)};
	}
	rc = call_write(fd, &out, (struct rf_slice){0}, err);
	rf_buf_done(&made.pem);
	return rc;
}

static int sign(struct keys *k, const struct wire_frame *frame, int fd, struct rf_err *err)
{
	uint8_t signature[AUTHORITY_SIGNATURE];
	struct message out = {.kind = WIRE_SIGNED};
	struct rf_err why = {0};
	char fault[512];
	int rc = authority_sign(k->authority, frame->bytes, signature, &why);

	fault_text(fault, sizeof(fault), &why);
	if (rc)
		out.signed_.fault = fault;
	return call_write(fd, &out, (struct rf_slice){signature, rc ? 0 : sizeof(signature)}, err);
}

static int note(struct keys *k, const struct wire_frame *frame, int fd, struct rf_err *err)
{
	MESSAGE_AUTO struct message in = {0};
	RF_AUTOBUF struct rf_buf text = {0};
	struct message out = {.kind = WIRE_NOTED};
	struct rf_err why = {0};
	char fault[512];
	int rc = message_read(frame->kind, frame->text, &in, &why);

	if (!rc)
		rc = authority_note(k->authority, (uint64_t)in.note.size, in.note.root.data, &text,
				    &why);
	fault_text(fault, sizeof(fault), &why);
	if (rc)
		out.noted.fault = fault;
	else
		out.noted.note = rf_buf_text(&text);
	return call_write(fd, &out, (struct rf_slice){0}, err);
}

static const struct {
	enum wire_kind kind;
	int (*answer)(struct keys *k, const struct wire_frame *frame, int fd, struct rf_err *err);
} questions[] = {
	{WIRE_CERTIFY, certify},
	{WIRE_SIGN, sign},
	{WIRE_NOTE, note},
};

static int client_serve(struct keys *k, int fd)
{
	RF_AUTOBUF struct rf_buf in = {0};
	struct wire_frame frame;
	int rc = call_read(fd, &in, &frame, NULL);

	if (rc)
		return rc;
	for (size_t i = 0; i < RF_COUNT(questions); i++)
		if (questions[i].kind == frame.kind)
			return questions[i].answer(k, &frame, fd, NULL);
	return RF_E_DENIED;
}

static void client_add(struct keys *k)
{
	int fd;

	if (call_fd_take(ROLE_FD_KEYS, &fd, NULL))
		return;
	if (k->count == RF_COUNT(k->polls) || call_limit(fd, STALL_MS, NULL)) {
		close(fd);
		return;
	}
	k->polls[k->count++] = (struct pollfd){.fd = fd, .events = POLLIN};
}

/* One turn; 1: the end. */
static int turn(struct keys *k, struct rf_err *err)
{
	if (poll(k->polls, k->count, -1) < 0)
		return errno == EINTR ? 0 : rf_fail(err, -errno, "poll: %s", rf_code_text(-errno));
	if (k->polls[0].revents || (k->polls[1].revents & (POLLHUP | POLLERR)))
		return 1;
	for (nfds_t i = k->count; i > 2; i--) {
		struct pollfd *p = &k->polls[i - 1];

		if (!p->revents || client_serve(k, p->fd) == 0)
			continue;
		/* Gone, or not one of ours: the supervisor gives its role a new socket. */
		close(p->fd);
		*p = k->polls[--k->count];
	}
	if (k->polls[1].revents & POLLIN)
		client_add(k);
	return 0;
}

int role_keys(const struct config *config, struct rf_err *err)
{
	struct keys k = {.polls = {{.fd = ROLE_FD_STOP}, {.fd = ROLE_FD_KEYS, .events = POLLIN}},
			 .count = 2};
	char missing[SANDBOX_MISSING_BYTES];
	int rc = authority_open(config->state, &k.authority, err);

	if (!rc)
		rc = sandbox_enter(SANDBOX_JUDGE, NULL, 0, missing, err);
	if (!rc)
		role_ready("keys", "", missing);
	while (!rc)
		rc = turn(&k, err);
	for (nfds_t i = 2; i < k.count; i++)
		close(k.polls[i].fd);
	authority_free(k.authority);
	return rc < 0 ? rc : 0;
}
