/* SPDX-License-Identifier: Apache-2.0 */
/* TLS and frames over a socketpair: who is let in, and what ends a connection. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <event2/event.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "fleet/link.h"
#include "fleet_test.h"

#define ROUNDS_MAX 200000

/* One end, and what came to it. */
struct side {
	struct link *link;
	bool opened, closed, answer, refuse_all, pause_after_one;
	int frames;
	enum wire_kind last;
	size_t last_bytes;
	struct tls_peer peer;
	int peer_rc;
	char why[256];
};

static void on_opened(void *arg, struct link *link)
{
	struct side *s = arg;

	s->opened = true;
	s->peer_rc = link_peer(link, &s->peer, NULL);
}

static int on_frame(void *arg, struct link *link, const struct wire_frame *frame,
		    struct rf_err *err)
{
	struct side *s = arg;

	s->frames++;
	s->last = frame->kind;
	s->last_bytes = frame->bytes.len;
	if (s->pause_after_one)
		link_pause(link, true);
	if (s->refuse_all)
		return rf_fail(err, RF_E_DENIED, "not wanted");
	if (s->answer)
		return link_send(link, &(struct message){.kind = WIRE_PONG, .pong = {.now_ms = 1}},
				 (struct rf_slice){0}, err);
	return 0;
}

static void on_closed(void *arg, struct link *link, const char *why)
{
	struct side *s = arg;

	assert_ptr_equal(s->link, link);
	assert_false(s->closed);
	s->closed = true;
	s->link = NULL;
	rf_copy(s->why, sizeof(s->why), why);
}

static const struct link_handlers handlers = {on_opened, on_frame, NULL, on_closed};

struct world {
	struct event_base *base;
	struct side manager, agent;
	int raw; /* the agent's end where there is no link */
};

struct ends {
	struct tls *manager, *agent; /* both NULL: bare */
	bool raw;
	int64_t handshake_ms, frame_ms, idle_ms;
	size_t output_max;
};

static void world_open(struct world *w, const struct ends *e)
{
	struct link_options o = {.side = {WIRE_AGENT, WIRE_JOINING},
				 .handshake_ms = e->handshake_ms,
				 .frame_ms = e->frame_ms,
				 .idle_ms = e->idle_ms,
				 .output_max = e->output_max,
				 .handlers = &handlers,
				 .arg = &w->manager};
	int pair[2];

	w->base = event_base_new();
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	o.base = w->base;
	o.fd = pair[0];
	o.tls = e->manager ? tls_session(e->manager) : NULL;
	assert_int_equal(link_new(&o, &w->manager.link, NULL), 0);
	w->raw = e->raw ? pair[1] : -1;
	if (e->raw)
		return;
	o.side = (struct wire_side){WIRE_MANAGER, WIRE_JOINING};
	o.fd = pair[1];
	o.tls = e->agent ? tls_session(e->agent) : NULL;
	o.arg = &w->agent;
	assert_int_equal(link_new(&o, &w->agent.link, NULL), 0);
}

static void world_close(struct world *w)
{
	link_free(w->manager.link);
	link_free(w->agent.link);
	if (w->raw >= 0)
		close(w->raw);
	/* libevent lets go of a bufferevent at the loop's next turns. */
	for (int i = 0; i < 4; i++)
		event_base_loop(w->base, EVLOOP_NONBLOCK);
	event_base_free(w->base);
}

/* Turns the loop until the flag is up; the loop itself waits for what it waits for. */
static void until(struct world *w, const bool *flag)
{
	for (int i = 0; i < ROUNDS_MAX && !*flag; i++)
		if (event_base_loop(w->base, EVLOOP_ONCE) != 0)
			break;
	assert_true(*flag);
}

static void until_frames(struct world *w, const struct side *s, int frames)
{
	for (int i = 0; i < ROUNDS_MAX && s->frames < frames; i++)
		if (event_base_loop(w->base, EVLOOP_ONCE) != 0)
			break;
	assert_int_equal(s->frames, frames);
}

static const struct message ping = {.kind = WIRE_PING};
static const struct rf_slice nothing;

/* ---- TLS: who is let in ---- */

/* All the parties of the tables below. */
enum who {
	AUTHORITY,
	OTHER_AUTHORITY,
	MANAGER,
	HOST,
	MANAGER_OTHER,
	MANAGER_EXPIRED,
	MANAGER_EARLY,
	MANAGER_NAME,
	HOST_OTHER,
	HOST_EXPIRED,
	HOST_EARLY,
	HOST_NO_NAME,
	NOBODY
};

static struct test_identity ids[NOBODY];

static int certificates_make(void **state)
{
	const struct {
		enum who who, by;
		struct test_cert cert;
	} rows[] = {
		{AUTHORITY, NOBODY, test_cert_authority},
		{OTHER_AUTHORITY, NOBODY, test_cert_authority},
		{MANAGER, AUTHORITY, test_cert_manager},
		{HOST, AUTHORITY, test_cert_host},
		{MANAGER_OTHER, OTHER_AUTHORITY, test_cert_manager},
		{MANAGER_EXPIRED,
		 AUTHORITY,
		 {"manager", "DNS:manager.test", "serverAuth", false, -9 * TEST_DAY, -TEST_DAY}},
		{MANAGER_EARLY,
		 AUTHORITY,
		 {"manager", "DNS:manager.test", "serverAuth", false, TEST_DAY, 9 * TEST_DAY}},
		/* Its subject says manager.test, which counts for nothing. */
		{MANAGER_NAME,
		 AUTHORITY,
		 {"manager.test", "DNS:evil.test", "serverAuth", false, -TEST_DAY, TEST_DAY}},
		{HOST_OTHER, OTHER_AUTHORITY, test_cert_host},
		{HOST_EXPIRED,
		 AUTHORITY,
		 {"host-1", NULL, "clientAuth", false, -9 * TEST_DAY, -TEST_DAY}},
		{HOST_EARLY,
		 AUTHORITY,
		 {"host-1", NULL, "clientAuth", false, TEST_DAY, 9 * TEST_DAY}},
		{HOST_NO_NAME,
		 AUTHORITY,
		 {"a name that is longer than the sixty-four letters that an id can have", NULL,
		  "clientAuth", false, -TEST_DAY, TEST_DAY}},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++)
		if (rows[i].who != HOST_NO_NAME)
			ids[rows[i].who] = test_identity_new(
				&rows[i].cert, rows[i].by == NOBODY ? NULL : &ids[rows[i].by]);
	return 0;
}

static int certificates_free(void **state)
{
	(void)state;
	for (size_t i = 0; i < NOBODY; i++)
		test_identity_done(&ids[i]);
	return 0;
}

static void options_of(enum who who, struct tls_options *o)
{
	if (who == NOBODY)
		return;
	o->certificate = rf_buf_slice(&ids[who].pem);
	o->key = ids[who].key;
}

static const struct {
	const char *what;
	enum who manager, agent, trusted; /* by the agent */
	const char *name;		  /* that the agent asks for */
	bool pinned, good;
	const char *why; /* at who refuses */
} cases[] = {
	{"a host", MANAGER, HOST, AUTHORITY, "manager.test", false, true, NULL},
	{"a host, by address", MANAGER, HOST, AUTHORITY, "127.0.0.1", false, true, NULL},
	{"who joins, pinned", MANAGER, NOBODY, AUTHORITY, "manager.test", true, true, NULL},
	{"who joins, with the authority", MANAGER, NOBODY, AUTHORITY, "manager.test", false, true,
	 NULL},
	{"a manager of another authority", MANAGER_OTHER, HOST, AUTHORITY, "manager.test", false,
	 false, "certificate"},
	{"pinned, a manager of another authority", MANAGER_OTHER, NOBODY, AUTHORITY, "manager.test",
	 true, false, "certificate"},
	{"a manager that expired", MANAGER_EXPIRED, HOST, AUTHORITY, "manager.test", false, false,
	 "expired"},
	{"pinned, a manager that expired", MANAGER_EXPIRED, NOBODY, AUTHORITY, "manager.test", true,
	 false, "expired"},
	{"a manager of tomorrow", MANAGER_EARLY, HOST, AUTHORITY, "manager.test", false, false,
	 "not yet valid"},
	{"a manager of another name", MANAGER_NAME, HOST, AUTHORITY, "manager.test", false, false,
	 "ost"},
	{"pinned, a manager of another name", MANAGER_NAME, NOBODY, AUTHORITY, "manager.test", true,
	 false, "ost"},
	{"a manager at another address", MANAGER, HOST, AUTHORITY, "127.0.0.2", false, false, "IP"},
	{"a host that plays the manager", HOST, HOST, AUTHORITY, "host-1", false, false, "purpose"},
	{"a host of another authority", MANAGER, HOST_OTHER, AUTHORITY, "manager.test", false,
	 false, "certificate"},
	{"a host that expired", MANAGER, HOST_EXPIRED, AUTHORITY, "manager.test", false, false,
	 "expired"},
	{"a host of tomorrow", MANAGER, HOST_EARLY, AUTHORITY, "manager.test", false, false,
	 "not yet valid"},
	{"a manager that plays a host", MANAGER, MANAGER, AUTHORITY, "manager.test", false, false,
	 "purpose"},
};

static void pair_make(size_t i, struct tls **manager, struct tls **agent)
{
	struct tls_options server = {.server = true,
				     .authority = rf_buf_slice(&ids[AUTHORITY].pem)};
	struct tls_options client = {.host = cases[i].name};
	uint8_t pin[TLS_SHA256_BYTES];
	struct rf_err err = {0};

	options_of(cases[i].manager, &server);
	options_of(cases[i].agent, &client);
	assert_int_equal(tls_authority_digest(rf_buf_slice(&ids[cases[i].trusted].pem), pin, NULL),
			 0);
	if (cases[i].pinned)
		client.authority_sha256 = pin;
	else
		client.authority = rf_buf_slice(&ids[cases[i].trusted].pem);
	if (tls_new(&server, manager, &err) || tls_new(&client, agent, &err))
		fail_msg("%s: %s", cases[i].what, rf_err_text(&err));
}

static void test_who_is_let_in(void **state)
{
	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		struct world w = {0};
		struct ends e = {0};
		bool refused_by_agent;

		pair_make(i, &e.manager, &e.agent);
		world_open(&w, &e);
		assert_int_equal(link_send(w.agent.link, &ping, nothing, NULL), 0);
		if (cases[i].good) {
			until_frames(&w, &w.manager, 1);
			assert_int_equal(w.manager.peer_rc, 0);
			assert_string_equal(w.manager.peer.host,
					    cases[i].agent == HOST ? "host-1" : "");
		} else {
			until(&w, &w.manager.closed);
			until(&w, &w.agent.closed);
			assert_int_equal(w.manager.frames, 0);
			assert_false(w.manager.opened);
			refused_by_agent = strstr(w.agent.why, cases[i].why) != NULL;
			if (!refused_by_agent && !strstr(w.manager.why, cases[i].why))
				fail_msg("%s: %s / %s", cases[i].what, w.manager.why, w.agent.why);
		}
		world_close(&w);
		tls_free(e.manager);
		tls_free(e.agent);
	}
}

static void test_options_that_are_wrong(void **state)
{
	const struct rf_slice authority = rf_buf_slice(&ids[AUTHORITY].pem),
			      manager = rf_buf_slice(&ids[MANAGER].pem);
	const struct {
		struct tls_options o;
		int code;
	} rows[] = {
		{{.server = true, .authority = authority}, RF_E_MISSING},
		{{.server = true, .authority = authority, .certificate = manager}, RF_E_MISSING},
		{{.server = true,
		  .authority = authority,
		  .certificate = manager,
		  .key = ids[HOST].key},
		 RF_E_MISMATCH},
		{{.server = true, .certificate = manager, .key = ids[MANAGER].key}, RF_E_MISSING},
		{{.authority = authority}, RF_E_MISSING},
		{{.host = "m"}, RF_E_MISSING},
		{{.host = "m", .authority = rf_slice_text("-----BEGIN CERTIFICATE-----\nAAAA\n")},
		 RF_E_MISSING},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		struct tls *tls = NULL;

		assert_int_equal(tls_new(&rows[i].o, &tls, NULL), rows[i].code);
		assert_null(tls);
	}
}

static void test_an_authority_is_one_certificate(void **state)
{
	uint8_t digest[TLS_SHA256_BYTES] = {7};

	(void)state;
	assert_int_equal(tls_authority_digest(rf_buf_slice(&ids[HOST].pem), digest, NULL),
			 RF_E_LIMIT);
	assert_int_equal(tls_authority_digest(rf_slice_text("no PEM"), digest, NULL), RF_E_SYNTAX);
	assert_int_equal(tls_authority_digest(nothing, digest, NULL), RF_E_SYNTAX);
	assert_int_equal(digest[0], 7);
}

/* The second connection carries no certificates, and the manager still knows who it is. */
static void test_a_host_resumes_and_is_known(void **state)
{
	static const uint8_t key[TLS_TICKET_BYTES] = {1, 2, 3};
	struct tls_options server = {
		.server = true, .authority = rf_buf_slice(&ids[AUTHORITY].pem), .ticket_key = key};
	struct tls_options client = {.host = "manager.test",
				     .authority = rf_buf_slice(&ids[AUTHORITY].pem)};
	struct ends e = {0};

	(void)state;
	options_of(MANAGER, &server);
	options_of(HOST, &client);
	assert_int_equal(tls_new(&client, &e.agent, NULL), 0);
	for (int i = 0; i < 2; i++) {
		struct world w = {0};

		/* Another manager of the same fleet each time. */
		assert_int_equal(tls_new(&server, &e.manager, NULL), 0);
		w.manager.answer = true;
		world_open(&w, &e);
		assert_int_equal(link_send(w.agent.link, &ping, nothing, NULL), 0);
		until_frames(&w, &w.agent, 1);
		assert_string_equal(w.manager.peer.host, "host-1");
		assert_int_equal(w.manager.peer.resumed, i == 1);
		world_close(&w);
		tls_free(e.manager);
	}
	tls_free(e.agent);
}

/* ---- frames ---- */

static void test_many_frames_of_each_size(void **state)
{
	RF_AUTOBUF struct rf_buf large = {0};
	struct message m = {.kind = WIRE_EVIDENCE, .evidence = {.job = "j"}};
	struct world w = {0};
	struct ends e = {.output_max = 40u << 20};

	(void)state;
	assert_non_null(rf_buf_reserve(&large, 16u << 20));
	memset(large.data, 0x5a, 16u << 20);
	pair_make(0, &e.manager, &e.agent);
	world_open(&w, &e);
	link_phase(w.manager.link, WIRE_SESSION);
	for (size_t i = 0; i < 40; i++)
		assert_int_equal(
			link_send(w.agent.link, &m, (struct rf_slice){large.data, i * 1999}, NULL),
			0);
	assert_int_equal(
		link_send(w.agent.link, &m, (struct rf_slice){large.data, 16u << 20}, NULL), 0);
	until_frames(&w, &w.manager, 41);
	assert_int_equal(w.manager.last_bytes, 16u << 20);
	assert_false(w.manager.closed);
	world_close(&w);
	tls_free(e.manager);
	tls_free(e.agent);
}

static const struct {
	const char *what, *bytes;
	size_t len;
	const char *why;
} hostile[] = {
	{"no such kind", "\x00\xff\0\0\0\0\0\0\0\0\0\0", 12, "no frame of kind 255"},
	{"a kind of the other phase", "\x00\x06\0\0\0\0\0\2\0\0\0\0{}", 14, "not now"},
	{"a kind of the other side", "\x00\x02\0\0\0\0\0\2\0\0\0\0{}", 14, "not from this side"},
	{"a bit that must be zero", "\x00\x15\0\1\0\0\0\2\0\0\0\0{}", 14, "zero"},
	/* Refused by its header, long before its body would be there. */
	{"4 GiB of text", "\x00\x15\0\0\xff\xff\xff\xff\0\0\0\0", 12, "at most"},
	{"4 GiB of bytes", "\x00\x15\0\0\0\0\0\2\xff\xff\xff\xff", 12, "at most"},
	{"HTTP", "GET / HTTP/1.1\r\n\r\n", 18, "no frame of kind"},
};

static void test_hostile_headers_end_it(void **state)
{
	(void)state;
	for (size_t i = 0; i < RF_COUNT(hostile); i++) {
		struct world w = {0};

		world_open(&w, &(struct ends){.raw = true});
		assert_int_equal(write(w.raw, hostile[i].bytes, hostile[i].len),
				 (ssize_t)hostile[i].len);
		until(&w, &w.manager.closed);
		assert_int_equal(w.manager.frames, 0);
		if (!strstr(w.manager.why, hostile[i].why))
			fail_msg("%s: %s", hostile[i].what, w.manager.why);
		world_close(&w);
	}
}

/* Each waits for a limit of 1 ms; how long it takes in truth matters to nobody. */
static void test_slow_and_silent_peers_are_ended(void **state)
{
	static const struct {
		struct ends e;
		const char *bytes, *why;
	} rows[] = {
		{{.raw = true, .idle_ms = 1}, "", "silent"},
		{{.raw = true, .frame_ms = 1}, "\x00", "did not end in time"},
		{{.raw = true, .frame_ms = 1}, "\x00\x15\1", "did not end in time"},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		struct world w = {0};
		size_t len = i == 0 ? 0 : i == 1 ? 1 : 2;

		world_open(&w, &rows[i].e);
		assert_int_equal(write(w.raw, rows[i].bytes, len), (ssize_t)len);
		until(&w, &w.manager.closed);
		if (!strstr(w.manager.why, rows[i].why))
			fail_msg("%zu: %s", i, w.manager.why);
		world_close(&w);
	}
}

static void test_no_handshake_in_time(void **state)
{
	struct ends e = {.raw = true, .handshake_ms = 1};
	struct tls *agent;
	struct world w = {0};

	(void)state;
	pair_make(0, &e.manager, &agent);
	tls_free(agent);
	world_open(&w, &e);
	until(&w, &w.manager.closed);
	assert_non_null(strstr(w.manager.why, "handshake"));
	world_close(&w);
	tls_free(e.manager);
}

static void test_who_does_not_read_gets_no_more(void **state)
{
	static const uint8_t half[512 * 1024];
	struct message m = {.kind = WIRE_RESULT, .result = {.number = 1, .command = "c"}};
	struct world w = {0};
	int sent = 0, rc = 0;

	(void)state;
	world_open(&w, &(struct ends){.raw = true, .output_max = 2u << 20, .frame_ms = 1});
	/* The manager's end sends here what an agent's would; the limit is the same. */
	while (sent < 100 &&
	       !(rc = link_send(w.manager.link, &m, (struct rf_slice){half, sizeof(half)}, NULL)))
		sent++;
	assert_int_equal(rc, RF_E_LIMIT);
	assert_true(sent >= 3);
	assert_true(link_waiting(w.manager.link) <= 2u << 20);
	until(&w, &w.manager.closed);
	assert_non_null(strstr(w.manager.why, "does not take"));
	world_close(&w);
}

static void test_a_pause_keeps_what_comes(void **state)
{
	struct world w = {.manager = {.pause_after_one = true}};

	(void)state;
	world_open(&w, &(struct ends){0});
	for (int i = 0; i < 3; i++)
		assert_int_equal(link_send(w.agent.link, &ping, nothing, NULL), 0);
	for (int i = 1; i <= 3; i++) {
		until_frames(&w, &w.manager, i);
		for (int turn = 0; turn < 20; turn++)
			event_base_loop(w.base, EVLOOP_NONBLOCK);
		assert_int_equal(w.manager.frames, i);
		link_pause(w.manager.link, false);
	}
	world_close(&w);
}

static void test_a_refusal_reaches_the_other_side(void **state)
{
	struct message no = {.kind = WIRE_REFUSED, .refused = {.reason = "busy", .retry_ms = 5}};
	struct ends e = {0};
	struct world w = {0};

	(void)state;
	pair_make(2, &e.manager, &e.agent);
	world_open(&w, &e);
	until(&w, &w.manager.opened);
	assert_int_equal(link_send(w.manager.link, &no, nothing, NULL), 0);
	link_close(w.manager.link, "refused");
	assert_int_equal(link_send(w.manager.link, &no, nothing, NULL), RF_E_PEER);
	until(&w, &w.agent.closed);
	assert_int_equal(w.agent.frames, 1);
	assert_int_equal(w.agent.last, WIRE_REFUSED);
	until(&w, &w.manager.closed);
	assert_string_equal(w.manager.why, "refused");
	world_close(&w);
	tls_free(e.manager);
	tls_free(e.agent);
}

static void test_a_handlers_no_ends_it_with_its_words(void **state)
{
	struct world w = {.manager = {.refuse_all = true}};

	(void)state;
	world_open(&w, &(struct ends){0});
	assert_int_equal(link_send(w.agent.link, &ping, nothing, NULL), 0);
	until(&w, &w.manager.closed);
	assert_string_equal(w.manager.why, "not wanted");
	assert_int_equal(w.manager.frames, 1);
	until(&w, &w.agent.closed);
	world_close(&w);
}

static void test_an_end_within_a_frame_is_said(void **state)
{
	struct world w = {0};

	(void)state;
	world_open(&w, &(struct ends){.raw = true});
	assert_int_equal(write(w.raw, "\x00\x15\0\0\0\0\0\2\0\0\0\0{}\x00\x15\0", 17), 17);
	until_frames(&w, &w.manager, 1);
	close(w.raw);
	w.raw = -1;
	until(&w, &w.manager.closed);
	assert_non_null(strstr(w.manager.why, "within a frame"));
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_is_let_in),
		cmocka_unit_test(test_options_that_are_wrong),
		cmocka_unit_test(test_an_authority_is_one_certificate),
		cmocka_unit_test(test_a_host_resumes_and_is_known),
		cmocka_unit_test(test_many_frames_of_each_size),
		cmocka_unit_test(test_hostile_headers_end_it),
		cmocka_unit_test(test_slow_and_silent_peers_are_ended),
		cmocka_unit_test(test_no_handshake_in_time),
		cmocka_unit_test(test_who_does_not_read_gets_no_more),
		cmocka_unit_test(test_a_pause_keeps_what_comes),
		cmocka_unit_test(test_a_refusal_reaches_the_other_side),
		cmocka_unit_test(test_a_handlers_no_ends_it_with_its_words),
		cmocka_unit_test(test_an_end_within_a_frame_is_said),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, certificates_make, certificates_free);
}
