/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection that carries frames, on libevent's loop: over TLS between agents and managers, bare
 * in the socket between two roles. Frames are limited by kind, side and phase before their bodies
 * are waited for; a peer that is slow, silent, or does not read what it is sent is ended.
 *
 * The program ignores SIGPIPE: libssl writes without MSG_NOSIGNAL.
 * Not here: listening, connecting, what frames mean.
 */
#ifndef RF_FLEET_LINK_H
#define RF_FLEET_LINK_H

#include "fleet/message.h"
#include "fleet/tls.h"

struct event_base;
struct link;

struct link_handlers {
	/* The handshake is done (bare: at once); the phase is that of the options still. NULL. */
	void (*opened)(void *arg, struct link *link);
	/* One frame, borrowed. Another answer than 0 ends the link with err's words. */
	int (*frame)(void *arg, struct link *link, const struct wire_frame *frame,
		     struct rf_err *err);
	/* All that was to be sent is with the kernel, after a link_send. NULL. */
	void (*drained)(void *arg, struct link *link);
	/* The last call: link is gone after it. why: "" when we ended it without a word. */
	void (*closed)(void *arg, struct link *link, const char *why);
};

struct link_options {
	struct event_base *base;
	int fd;		       /* connected; the link's from now on */
	struct ssl_st *tls;    /* tls_session, the link's from now on; NULL: bare */
	struct wire_side side; /* the other side, and the phase it begins in */
	int64_t handshake_ms;  /* 0: no limit, here and below */
	int64_t frame_ms;      /* from a frame's first byte to its last, either way */
	int64_t idle_ms;       /* between two frames that come */
	size_t output_max;     /* what may wait to be sent; link_send refuses beyond. 0: 32 MiB */
	const struct link_handlers *handlers;
	void *arg;
};

/* Takes over fd and tls, also when it fails (-ENOMEM). */
int link_new(const struct link_options *options, struct link **out,
	     struct rf_err *err) RF_MUST_CHECK;

/* Puts a frame behind what waits. RF_E_LIMIT when too much waits, RF_E_PEER after the end, errors
 * of message_frame. */
int link_send(struct link *link, const struct message *message, struct rf_slice bytes,
	      struct rf_err *err) RF_MUST_CHECK;
/* The same for a frame as it stands (a command whose text was signed). */
int link_send_frame(struct link *link, const struct wire_frame *frame,
		    struct rf_err *err) RF_MUST_CHECK;

/* What is accepted from now on, and how long the silence may be. */
void link_phase(struct link *link, enum wire_phase phase);
void link_idle(struct link *link, int64_t idle_ms);

/* Stops reading, for work that is not done; what was read stays. */
void link_pause(struct link *link, bool paused);

/* TLS: has it not even begun its handshake? */
bool link_silent(const struct link *link);

/* Bytes that wait to be sent. */
size_t link_waiting(const struct link *link);

/* Sends what waits, if that is soon, then ends it; `closed` comes from the loop, never from within
 * this call. Nothing is read any more. */
void link_close(struct link *link, const char *why);

/* Ends it at once, without `closed`: for who tears everything down. NULL is fine. */
void link_free(struct link *link);

/* TLS: who is there; as tls_peer. Bare: RF_E_UNSUPPORTED. */
int link_peer(const struct link *link, struct tls_peer *out, struct rf_err *err) RF_MUST_CHECK;

#endif
