/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames over a bufferevent; see link.h. The input buffer's upper mark is one frame, so that a peer
 * cannot make us keep more. Callbacks are deferred: none runs within another's call.
 */
#include "fleet/link.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/util.h>
#include <openssl/ssl.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"

#define OUTPUT_MAX  (32u << 20)
#define READ_AHEAD  16384u
#define FAREWELL_MS 2000
#define WHY_BYTES   512

struct link {
	struct bufferevent *bev;
	struct event
		*timer; /* the handshake's, the frame's or the silence's end; then the farewell's */
	SSL *tls;
	struct wire_side side;
	struct link_handlers handlers;
	void *arg;
	int64_t frame_ms, idle_ms;
	size_t output_max;
	bool open, paused, closing, in_frame;
	char why[WHY_BYTES];
};

static void timer_set(struct link *link, int64_t ms)
{
	const struct timeval t = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

	if (ms > 0)
		(void)evtimer_add(link->timer, &t);
	else
		(void)evtimer_del(link->timer);
}

/* ---- the end ---- */

void link_free(struct link *link)
{
	if (!link)
		return;
	/* Best effort; the other side takes an end without it, too. */
	if (link->tls && link->open && link->closing)
		(void)SSL_shutdown(link->tls);
	if (link->bev)
		bufferevent_free(link->bev);
	if (link->timer)
		event_free(link->timer);
	rf_free(link);
}

static void end(struct link *link)
{
	link->handlers.closed(link->arg, link, link->why);
	link_free(link);
}

void link_close(struct link *link, const char *why)
{
	if (link->closing)
		return;
	link->closing = true;
	rf_copy(link->why, sizeof(link->why), why ? why : "");
	(void)bufferevent_disable(link->bev, EV_READ);
	/* The timer fires at once where nothing waits. */
	if (link_waiting(link) > 0 && link->open)
		timer_set(link, FAREWELL_MS);
	else
		event_active(link->timer, EV_TIMEOUT, 0);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct link *link = arg;

	(void)fd;
	(void)what;
	if (!link->closing)
		rf_copy(link->why, sizeof(link->why),
			!link->open	 ? "no handshake in time"
			: link->in_frame ? "a frame that began did not end in time"
					 : "silent for too long");
	end(link);
}

/* ---- frames in ---- */

/* len: of the frame that is waited for whole; 0: a header, of which each byte is of interest. */
static void marks_set(struct link *link, size_t len)
{
	size_t high = len > READ_AHEAD ? len : READ_AHEAD;

	bufferevent_setwatermark(link->bev, EV_READ, len, high);
}

/* Kinds whose frames are wiped where they stood; libssl's own buffers are not ours to wipe. */
static bool is_secret(enum wire_kind kind)
{
	return kind == WIRE_PROOF || kind == WIRE_SECRET;
}

/* One frame, if it is whole: 1, else 0; negative ends the link. */
static int frame_take(struct link *link, struct rf_err *err)
{
	struct evbuffer *input = bufferevent_get_input(link->bev);
	size_t have = evbuffer_get_length(input), len = 0;
	struct rf_slice in = {evbuffer_pullup(input, WIRE_HEADER_BYTES), WIRE_HEADER_BYTES};
	struct wire_frame frame;
	int rc;

	if (!in.data)
		return 0;
	rc = wire_read(in, &link->side, &frame, &len, err);
	if (rc == RF_E_TRUNCATED && have >= len) {
		in = (struct rf_slice){evbuffer_pullup(input, (ev_ssize_t)len), len};
		rc = in.data ? wire_read(in, &link->side, &frame, &len, err) : -ENOMEM;
	} else if (rc == RF_E_TRUNCATED) {
		marks_set(link, len);
		return 0;
	}
	if (!rc) {
		/* That it was not whole at first is no fault. */
		rf_err_clear(err);
		rc = link->handlers.frame(link->arg, link, &frame, err);
		if (is_secret(frame.kind))
			rf_wipe((void *)(uintptr_t)in.data, len);
	}
	(void)evbuffer_drain(input, len);
	marks_set(link, 0);
	return rc ? (rc < 0 ? rc : -EINVAL) : 1;
}

static void frames_take(struct link *link)
{
	struct evbuffer *input = bufferevent_get_input(link->bev);
	struct rf_err err = {0};
	bool any = false;
	int rc = 0;

	while (!link->closing && !link->paused && (rc = frame_take(link, &err)) > 0) {
		any = true;
		rf_err_clear(&err);
	}
	if (rc < 0)
		link_close(link, rf_err_text(&err));
	if (link->closing || link->paused)
		return;

	bool part = evbuffer_get_length(input) > 0;

	/* A frame's time runs from its first byte and is not given anew for each byte. */
	if (part && (any || !link->in_frame))
		timer_set(link, link->frame_ms);
	else if (!part)
		timer_set(link, link->idle_ms);
	link->in_frame = part;
}

static void on_read(struct bufferevent *bev, void *arg)
{
	struct link *link = arg;

	(void)bev;
	if (link->open)
		frames_take(link);
}

void link_pause(struct link *link, bool paused)
{
	if (link->paused == paused || link->closing)
		return;
	link->paused = paused;
	if (paused) {
		(void)bufferevent_disable(link->bev, EV_READ);
		(void)evtimer_del(link->timer);
		return;
	}
	(void)bufferevent_enable(link->bev, EV_READ);
	timer_set(link, link->idle_ms);
	link->in_frame = false;
	bufferevent_trigger(link->bev, EV_READ,
			    BEV_TRIG_IGNORE_WATERMARKS | BEV_TRIG_DEFER_CALLBACKS);
}

/* ---- frames out ---- */

size_t link_waiting(const struct link *link)
{
	return evbuffer_get_length(bufferevent_get_output(link->bev));
}

static void wiped(const void *data, size_t len, void *arg)
{
	(void)arg;
	rf_wipe((void *)(uintptr_t)data, len);
	rf_free((void *)(uintptr_t)data);
}

/* A frame that is wiped and freed when it is sent: no copy stays in the output's memory. */
static int put_wiped(struct link *link, struct rf_buf *frame)
{
	struct evbuffer *output = bufferevent_get_output(link->bev);

	if (evbuffer_add_reference(output, frame->data, frame->len, wiped, NULL) < 0) {
		rf_wipe(frame->data, frame->len);
		return -ENOMEM;
	}
	*frame = (struct rf_buf){0};
	return 0;
}

static int put(struct link *link, enum wire_kind kind, struct rf_buf *frame, struct rf_err *err)
{
	if (link->closing)
		return rf_fail(err, RF_E_PEER, "the connection has ended");
	if (link_waiting(link) + frame->len > link->output_max)
		return rf_fail(err, RF_E_LIMIT, "the other side does not take what it is sent");
	if (is_secret(kind) ? put_wiped(link, frame) < 0
			    : bufferevent_write(link->bev, frame->data, frame->len) < 0)
		return rf_fail(err, -ENOMEM, "no memory for a frame");
	return 0;
}

int link_send(struct link *link, const struct message *message, struct rf_slice bytes,
	      struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf frame = {0};
	int rc = message_frame(message, bytes, &frame, err);

	if (!rc)
		rc = put(link, message->kind, &frame, err);
	return rc;
}

int link_send_frame(struct link *link, const struct wire_frame *frame, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf out = {0};
	int rc = wire_write(&out, frame, err);

	return rc ? rc : put(link, frame->kind, &out, err);
}

static void on_write(struct bufferevent *bev, void *arg)
{
	struct link *link = arg;

	(void)bev;
	if (link_waiting(link) > 0 || !link->open)
		return;
	if (link->closing)
		end(link);
	else if (link->handlers.drained)
		link->handlers.drained(link->arg, link);
}

/* ---- the state of the connection ---- */

static void opened(struct link *link)
{
	link->open = true;
	timer_set(link, link->idle_ms);
	if (link->handlers.opened)
		link->handlers.opened(link->arg, link);
	if (!link->closing)
		frames_take(link);
}

static void failed(struct link *link, short what)
{
	char words[128] = "";

	if (link->tls)
		tls_fault(link->tls, words, sizeof(words));
	if (link->closing)
		;
	else if (what & BEV_EVENT_TIMEOUT)
		rf_copy(link->why, sizeof(link->why), "does not take what it is sent");
	else if (words[0])
		rf_format(link->why, sizeof(link->why), "TLS: %s", words);
	else if ((what & BEV_EVENT_EOF) || EVUTIL_SOCKET_ERROR() == 0)
		rf_copy(link->why, sizeof(link->why),
			link->in_frame ? "the other side ended within a frame"
				       : "the other side ended it");
	else
		rf_format(link->why, sizeof(link->why), "%s", strerror(EVUTIL_SOCKET_ERROR()));
	end(link);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	struct link *link = arg;

	(void)bev;
	if (what & BEV_EVENT_CONNECTED) {
		opened(link);
		return;
	}
	/* What came before the end counts. */
	if ((what & BEV_EVENT_EOF) && link->open && !link->closing)
		frames_take(link);
	failed(link, what);
}

/* Bare, there is no handshake to wait for, but `opened` still comes from the loop. */
static void on_bare(evutil_socket_t fd, short what, void *arg)
{
	struct link *link = arg;

	(void)fd;
	(void)what;
	event_free(link->timer);
	link->timer = evtimer_new(bufferevent_get_base(link->bev), on_timer, link);
	if (!link->timer) {
		rf_copy(link->why, sizeof(link->why), "no memory");
		end(link);
		return;
	}
	opened(link);
}

static int start(struct link *link, const struct link_options *o, struct rf_err *err)
{
	const struct timeval stall = {.tv_sec = o->frame_ms / 1000,
				      .tv_usec = o->frame_ms % 1000 * 1000};
	const int flags = BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS;

	link->timer = evtimer_new(o->base, o->tls ? on_timer : on_bare, link);
	if (evutil_make_socket_nonblocking(o->fd) < 0)
		return rf_fail(err, -errno, "a socket: %s", rf_code_text(-errno));
	if (o->tls)
		link->bev = bufferevent_openssl_socket_new(o->base, o->fd, o->tls,
							   SSL_is_server(o->tls)
								   ? BUFFEREVENT_SSL_ACCEPTING
								   : BUFFEREVENT_SSL_CONNECTING,
							   flags);
	else
		link->bev = bufferevent_socket_new(o->base, o->fd, flags);
	if (!link->bev || !link->timer)
		return rf_fail(err, -ENOMEM, "no memory for a connection");
	link->tls = o->tls;
	if (o->tls)
		bufferevent_openssl_set_allow_dirty_shutdown(link->bev, 1);
	bufferevent_setcb(link->bev, on_read, on_write, on_event, link);
	if (o->frame_ms > 0)
		(void)bufferevent_set_timeouts(link->bev, NULL, &stall);
	marks_set(link, 0);
	(void)bufferevent_enable(link->bev, EV_READ | EV_WRITE);
	if (o->tls)
		timer_set(link, o->handshake_ms);
	else
		event_active(link->timer, EV_TIMEOUT, 0);
	return 0;
}

int link_new(const struct link_options *options, struct link **out, struct rf_err *err)
{
	struct link *link = rf_alloc(1, sizeof(*link));
	int rc = link ? 0 : rf_fail(err, -ENOMEM, "no memory for a connection");

	if (link) {
		link->side = options->side;
		link->handlers = *options->handlers;
		link->arg = options->arg;
		link->frame_ms = options->frame_ms;
		link->idle_ms = options->idle_ms;
		link->output_max = options->output_max ? options->output_max : OUTPUT_MAX;
		rc = start(link, options, err);
	}
	if (rc) {
		/* The bufferevent closes them, once it is there. */
		if (!link || !link->bev) {
			SSL_free(options->tls);
			close(options->fd);
		}
		link_free(link);
		return rc;
	}
	*out = link;
	return 0;
}

void link_phase(struct link *link, enum wire_phase phase)
{
	link->side.phase = phase;
}

void link_idle(struct link *link, int64_t idle_ms)
{
	link->idle_ms = idle_ms;
	if (link->open && !link->in_frame && !link->closing && !link->paused)
		timer_set(link, idle_ms);
}

bool link_silent(const struct link *link)
{
	return link->tls && SSL_in_before(link->tls);
}

int link_peer(const struct link *link, struct tls_peer *out, struct rf_err *err)
{
	if (!link->tls)
		return rf_fail(err, RF_E_UNSUPPORTED, "no TLS here");
	return tls_peer(link->tls, out, err);
}
