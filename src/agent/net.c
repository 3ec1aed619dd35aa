/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The role `net`: one connection to the manager, for months. It opens no file but in its own
 * folder, listens to no network, and can start nothing. See net.h; docs/adr/0012.
 */
#include "agent/net.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "agent/drop.h"
#include "base/mem.h"
#include "base/str.h"
#include "sys/state.h"

#define CERTIFICATE   "certificate.pem"
#define AUTHORITY     "authority.pem"
#define VERDICT	      "verdict"
#define BACKOFF_MS    1000
#define BACKOFF_MOST  300000
#define HELD_MS	      3600000 /* after a refusal that needs somebody to act */
#define SETTLED_MS    60000   /* a session that lasted so long begins anew with short waits */
#define IN_FLIGHT_MAX (1u << 20)
#define FAILURES_MAX  40 /* then name servers are read anew, by a new process */

/* ---- when to dial ---- */

static uint32_t random_below(uint32_t most)
{
	uint32_t r = 0;

	(void)RAND_bytes((unsigned char *)&r, sizeof(r));
	return most ? r % most : 0;
}

/* Between half of the time and all of it: ten thousand agents do not come back at once. */
static int64_t backoff_ms(const struct net *net)
{
	int64_t most = BACKOFF_MS;

	for (unsigned i = 1; i < net->failures && most < BACKOFF_MOST; i++)
		most *= 2;
	most = most < BACKOFF_MOST ? most : BACKOFF_MOST;
	if (net->retry_ms >= 0)
		most = net->retry_ms > 0 ? 2 * net->retry_ms : HELD_MS;
	return most / 2 + random_below((uint32_t)(most / 2) + 1);
}

static void timer_ms(struct event *timer, int64_t ms)
{
	const struct timeval t = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

	(void)evtimer_add(timer, &t);
}

static int tls_open(struct net *net, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf certificate = {0};
	int rc = state_read(net->dir, CERTIFICATE, IDENTITY_PEM_BYTES, &certificate, err);

	if (!rc)
		rc = identity_certificate_times(rf_buf_slice(&certificate), &net->renew_s,
						&net->end_s, err);
	tls_free(net->tls);
	net->tls = NULL;
	if (rc)
		return rc;
	const struct tls_options o = {.certificate = rf_buf_slice(&certificate),
				      .key = net->key,
				      .authority = rf_buf_slice(&net->authority),
				      .host = net->identity.manager};

	return tls_new(&o, &net->tls, err);
}

static void dial_later(struct net *net)
{
	net->failures++;
	timer_ms(net->redial, backoff_ms(net));
	if (net->failures < FAILURES_MAX)
		return;
	net->result = 1;
	(void)event_base_loopbreak(net->base);
}

static void on_redial(evutil_socket_t fd, short what, void *arg)
{
	struct net *net = arg;
	struct rf_err err = {0};

	(void)fd;
	(void)what;
	net->retry_ms = -1;
	if (tls_open(net, &err) < 0 || dial_start(net->dial, net->tls, WIRE_SESSION, &err) < 0) {
		agent_say("net", "%s", rf_err_text(&err));
		dial_later(net);
	}
}

/* ---- the session ---- */

void net_pump(struct net *net)
{
	struct rf_err err = {0};
	int rc = 1;

	while (rc == 1 && net->manager && net->welcome &&
	       link_waiting(net->manager) < IN_FLIGHT_MAX) {
		RF_AUTOBUF struct rf_buf store = {0};
		struct wire_frame frame;

		rc = spool_next(net->spool, net->sent, &store, &frame, &net->sent, &err);
		if (rc == 1 && link_send_frame(net->manager, &frame, &err) < 0) {
			link_close(net->manager, rf_err_text(&err));
			return;
		}
	}
	if (rc < 0)
		agent_say("net", "%s", rf_err_text(&err));
}

static void on_opened(void *arg, struct link *link)
{
	struct net *net = arg;
	uint64_t from, to;

	spool_range(net->spool, &from, &to);
	net->manager = link;
	const struct message m = {.kind = WIRE_HELLO,
				  .hello = {.agent_version = RF_VERSION,
					    .boot = net->boot,
					    .spooled_from = (int64_t)from,
					    .spooled_to = (int64_t)to}};

	if (link_send(link, &m, (struct rf_slice){0}, NULL) < 0)
		link_close(link, "hello could not be sent");
}

static int welcome_take(struct net *net, const struct message *m, struct rf_err *err)
{
	const uint64_t confirmed = (uint64_t)m->welcome.confirmed;
	/* It has forgotten what it had of us: another manager, or one from an old backup. */
	bool lost = confirmed < spool_confirmed(net->spool);
	int rc = spool_confirm(net->spool, confirmed, err);

	if (rc)
		return rc;
	net->welcome = true;
	net->welcome_ms = agent_tick_ms();
	net->sent = spool_confirmed(net->spool);
	net->facts_s = m->welcome.facts_s;
	net->ping_ms = m->welcome.idle_s * 500;
	link_idle(net->manager, m->welcome.idle_s * 2000);
	timer_ms(net->ping, net->ping_ms);
	net_facts_ask(net, lost || confirmed == 0);
	net_loss_tell(net);
	if (agent_now_ms() / 1000 > net->renew_s)
		net_renew(net);
	net_pump(net);
	agent_say("net", "connected to %s as %s (%s)", net->identity.manager, m->welcome.host,
		  m->welcome.state);
	return 0;
}

void net_renew(struct net *net)
{
	RF_AUTOBUF struct rf_buf request = {0};
	struct rf_err err = {0};

	if (!net->manager || net->renewing ||
	    identity_request(net->key, net->identity.name, &request, &err) < 0)
		return;
	const struct message m = {.kind = WIRE_RENEW, .renew = {.request = rf_buf_slice(&request)}};

	net->renewing = link_send(net->manager, &m, (struct rf_slice){0}, &err) == 0;
}

/* For the next connection; the one that is there stays. */
static int renewed_take(struct net *net, const struct message *m, struct rf_err *err)
{
	int64_t renew, end;
	struct rf_slice pem = rf_slice_text(m->renewed.certificate);
	int rc = identity_certificate_times(pem, &renew, &end, err);

	net->renewing = false;
	if (!rc)
		rc = state_write(net->dir, CERTIFICATE, pem, err);
	if (!rc)
		net->renew_s = renew;
	return rc;
}

static void verdict_take(struct net *net, const struct message *m)
{
	char text[128];

	rf_copy(net->verdict.state, sizeof(net->verdict.state), m->verdict.state);
	net->verdict.at_ms = m->verdict.at_ms;
	net->verdict.valid_ms = m->verdict.valid_ms;
	rf_format(text, sizeof(text), "%s %lld %lld\n", net->verdict.state,
		  (long long)net->verdict.at_ms, (long long)net->verdict.valid_ms);
	if (state_write(net->dir, VERDICT, rf_slice_text(text), NULL) < 0)
		agent_say("net", "the verdict could not be kept");
}

static void verdict_read(struct net *net)
{
	RF_AUTOBUF struct rf_buf text = {0};
	struct net_verdict v = {.at_ms = 0};

	if (state_read(net->dir, VERDICT, 128, &text, NULL) < 0)
		return;
	char *cursor = (char *)text.data;
	const char *state = cursor ? rf_word_next(&cursor) : NULL;
	const char *at = state && cursor ? rf_word_next(&cursor) : NULL;
	const char *valid = at && cursor ? rf_word_next(&cursor) : NULL;

	if (valid && rf_copy(v.state, sizeof(v.state), state) &&
	    rf_num(at, 10, 0, MESSAGE_MAX_MS, &v.at_ms) == 0 &&
	    rf_num(valid, 10, 0, MESSAGE_MAX_MS, &v.valid_ms) == 0)
		net->verdict = v;
}

static int message_take(struct net *net, const struct message *m, struct rf_err *err)
{
	switch (m->kind) {
	case WIRE_WELCOME:
		return welcome_take(net, m, err);
	case WIRE_CONFIRM:
		return spool_confirm(net->spool, (uint64_t)m->confirm.number, err);
	case WIRE_VERDICT:
		verdict_take(net, m);
		return 0;
	case WIRE_RENEWED:
		return renewed_take(net, m, err);
	case WIRE_REFUSED:
		net->retry_ms = m->refused.retry_ms;
		return rf_fail(err, RF_E_DENIED, "refused: %s %s", m->refused.reason,
			       m->refused.next ? m->refused.next : "");
	case WIRE_PING:
		return link_send(
			net->manager,
			&(struct message){.kind = WIRE_PONG, .pong = {.now_ms = agent_now_ms()}},
			(struct rf_slice){0}, err);
	case WIRE_PONG:
		return 0;
	default:
		return rf_fail(err, RF_E_DENIED, "not expected here");
	}
}

static int on_frame(void *arg, struct link *link, const struct wire_frame *frame,
		    struct rf_err *err)
{
	struct net *net = arg;
	MESSAGE_AUTO struct message m = {.kind = WIRE_NONE};

	(void)link;
	if (!net->welcome && frame->kind != WIRE_WELCOME && frame->kind != WIRE_REFUSED)
		return rf_fail(err, RF_E_DENIED, "before the welcome");
	/* Unread: priv reads nothing whose signature is not good, and we cannot tell. */
	if (frame->kind == WIRE_COMMAND)
		return net_roles_pass(net, NET_PRIV, frame, err);
	int rc = message_read(frame->kind, frame->text, &m, err);

	if (rc)
		return rc;
	if (frame->kind == WIRE_ASK_EVIDENCE)
		return net_roles_pass(net, NET_COLLECT, frame, err);
	if (frame->kind == WIRE_SECRET)
		return net_local_secret(net, &m, frame, err);
	return message_take(net, &m, err);
}

static void on_drained(void *arg, struct link *link)
{
	(void)link;
	net_pump(arg);
}

static void on_closed(void *arg, struct link *link, const char *why)
{
	struct net *net = arg;

	(void)link;
	agent_say("net", "no session with %s: %s", net->identity.manager, why[0] ? why : "closed");
	/* One that ends again at once is no success: what comes back comes slower each time. */
	if (net->welcome && agent_tick_ms() - net->welcome_ms > SETTLED_MS)
		net->failures = 0;
	net->manager = NULL;
	net->welcome = net->renewing = false;
	(void)evtimer_del(net->ping);
	net_local_lost(net);
	dial_later(net);
}

static void on_ping(evutil_socket_t fd, short what, void *arg)
{
	struct net *net = arg;

	(void)fd;
	(void)what;
	if (!net->manager)
		return;
	if (link_send(net->manager, &(struct message){.kind = WIRE_PING}, (struct rf_slice){0},
		      NULL) < 0)
		link_close(net->manager, "it does not read");
	if (agent_now_ms() / 1000 > net->renew_s)
		net_renew(net);
	timer_ms(net->ping, net->ping_ms);
}

/* ---- the start ---- */

static int files_open(struct net *net, const char *state, struct rf_err *err)
{
	char dir[RF_MAX_PATH_BYTES];
	int rc = identity_read(state, &net->identity, err);

	if (!rc)
		rc = identity_folder(state, "", dir, err);
	if (!rc)
		rc = state_read(dir, AUTHORITY, IDENTITY_PEM_BYTES, &net->authority, err);
	if (!rc)
		rc = identity_folder(state, "net", net->dir, err);
	if (!rc)
		rc = identity_key_read(net->dir, &net->key, err);
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, net->boot, sizeof(net->boot) - 1);

	if (fd >= 0)
		close(fd);
	rf_copy(net->boot, sizeof(net->boot), n > 0 ? rf_trim(net->boot) : "unknown");
	return rc;
}

static int loop_open(struct net *net, struct rf_err *err)
{
	static const struct link_handlers handlers = {
		.opened = on_opened, .frame = on_frame, .drained = on_drained, .closed = on_closed};

	net->base = event_base_new();
	net->redial = net->base ? evtimer_new(net->base, on_redial, net) : NULL;
	net->ping = net->base ? evtimer_new(net->base, on_ping, net) : NULL;
	if (!net->redial || !net->ping)
		return rf_fail(err, -ENOMEM, "no loop");
	const struct dial_options o = {net->base, net->identity.manager, net->identity.port,
				       &handlers, net};

	return dial_new(&o, &net->dial, err);
}

/* Without that user it stays who it is, and says so: its sandbox holds all the same. */
static int user_drop(struct net *net, const char *user, char *without, size_t size,
		     struct rf_err *err)
{
	int rc = drop_to(user ? user : DROP_USER, net->dir, IDENTITY_KEY_NAME, err);

	if (rc == RF_E_MISSING) {
		(void)rf_format(without, size, "%s", rf_err_text(err));
		rf_err_clear(err);
		return 0;
	}
	return rc ? rc : rf_copy(net->dir, sizeof(net->dir), ".") ? 0 : -EINVAL;
}

int agent_net_run(int argc, char **argv)
{
	static struct net net = {.retry_ms = -1, .result = 1};
	char missing[SANDBOX_MISSING_BYTES] = "";
	const char *writable[] = {net.dir};
	char without[SANDBOX_MISSING_BYTES + 64] = "";
	struct rf_err err = {0};
	int rc = files_open(&net, agent_option(argc, argv, "--state"), &err);

	signal(SIGPIPE, SIG_IGN);
	if (!rc)
		rc = loop_open(&net, &err);
	if (!rc)
		rc = user_drop(&net, agent_option(argc, argv, "--user"), without, sizeof(without),
			       &err);
	if (!rc)
		rc = sandbox_enter(SANDBOX_DIAL, writable, 1, missing, &err);
	if (!rc)
		rc = spool_open(net.dir, NULL, &net.spool, &err);
	if (!rc)
		rc = net_roles_open(&net, &err);
	if (!rc)
		rc = net_local_open(&net, &err);
	if (rc) {
		agent_say("net", "%s", rf_err_text(&err));
		return 1;
	}
	verdict_read(&net);
	size_t len = strlen(without);

	(void)rf_format(without + len, sizeof(without) - len, "%s%s", len && missing[0] ? "; " : "",
			missing);
	net_event(&net, "agent-started", "", without[0] ? without : "all layers of the sandbox");
	timer_ms(net.redial, random_below(BACKOFF_MS));
	(void)event_base_dispatch(net.base);
	link_free(net.manager);
	spool_close(net.spool);
	return net.result;
}
