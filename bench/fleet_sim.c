/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fleet of simulated agents in one process: each has its own keys and its own connection over
 * mutual TLS, speaks the real protocol (src/fleet), and answers each question for evidence with a
 * quote over the manager's nonce, signed for this one answer. Boot log and IMA list are the same on
 * all of them (bench_evidence.h). bench/fleet drives it: one command a line on standard input, one
 * line of JSON for each on standard output.
 *
 * usage: fleet_sim STATE ADDRESS:PORT HOSTS IMA_ENTRIES ecc|rsa
 *
 *   address A:P         where the manager listens now
 *   connect N           the first N hosts dial, and dial again when they are cut off
 *   close               all hang up, and stay so
 *   cut                 all connections are cut at once; they dial again at once
 *   tamper I            from now on PCR 4 of host I is another
 *   events N            each of the first N sends one numbered event
 *   stats               counts so far, latency since the last stats
 *   acknowledged FILE   writes what the manager has acknowledged: host, job, number
 *   quit
 */
#include "bench_evidence.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <event2/util.h>
#include <netinet/tcp.h>
#include <openssl/rand.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "attest/same.h"
#include "base/mem.h"
#include "base/str.h"
#include "fleet_sim.h"

#define HANDSHAKE_MS 60000
#define FRAME_MS     60000
#define IDLE_MS	     300000
#define SAMPLES	     65536u
#define LINE_BYTES   4096u
#define DIALS	     64u

struct sim {
	struct event_base *base;
	struct sim_host *hosts;
	size_t count, dialled;
	struct rf_buf authority;
	struct bench_host machine; /* the software that all of them run */
	struct rf_buf pcrs_tampered;
	uint8_t digest[32], digest_tampered[32];
	struct sockaddr_in manager;
	struct event *input, *dialler;
	size_t next, until; /* hosts that are still to be dialled */
	char line[LINE_BYTES];
	size_t line_len;

	size_t open, welcomed;
	int64_t verdicts, trusted, untrusted, stale, refused, cuts, resumed, handshakes, confirmed,
		brief;
	int64_t first_dial_us, last_welcome_us, tampered_ms;
	uint32_t latency_us[SAMPLES];
	size_t samples;
};

static int64_t now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void dial(struct sim_host *h);

static void dial_in(struct sim_host *h, int64_t ms)
{
	const struct timeval t = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

	(void)evtimer_add(h->timer, &t);
}

static int64_t random_ms(int64_t below)
{
	uint32_t n = 0;

	RAND_bytes((uint8_t *)&n, sizeof(n));
	return n % below;
}

/* ---- evidence ---- */

static void pcr_digest(const struct attest_pcr_values *values, uint8_t out[32])
{
	RF_AUTOBUF struct rf_buf all = {0};

	for (size_t bank = 0; bank < 2; bank++)
		for (int i = 0; i <= 10; i++)
			rf_buf_add(&all, values->values[bank][i].bytes,
				   values->values[bank][i].len);
	assert_int_equal(EVP_Digest(all.data, all.len, out, NULL, EVP_sha256(), NULL), 1);
}

static void machine_make(struct sim *sim, uint32_t ima_entries)
{
	struct attest_pcr_values changed;

	bench_host_make(&sim->machine, ima_entries);
	changed = sim->machine.values;
	pcr_digest(&changed, sim->digest);
	changed.values[1][4].bytes[0] ^= 1;
	pcr_digest(&changed, sim->digest_tampered);
	assert_int_equal(evidence_pcrs_add(&sim->pcrs_tampered, &changed), 0);
}

static void evidence_make(struct sim_host *h, struct rf_slice nonce, struct rf_buf *out)
{
	const struct bench_host *m = &h->sim->machine;
	RF_AUTOBUF struct rf_buf quote = {0}, signature = {0}, ima = {0};
	const struct rf_buf *pcrs = h->tampered ? &h->sim->pcrs_tampered : &m->pcrs;
	const struct {
		enum evidence_kind kind;
		const struct rf_buf *bytes;
	} parts[] = {{EVIDENCE_QUOTE, &quote},		{EVIDENCE_SIGNATURE, &signature},
		     {EVIDENCE_AK_PUBLIC, &h->area},	{EVIDENCE_PCRS, pcrs},
		     {EVIDENCE_BOOT_LOG, &m->boot_log}, {EVIDENCE_IMA, &ima}};
	struct quote_options o = {.nonce = nonce.data,
				  .nonce_len = nonce.len,
				  .selections = {{ATTEST_SHA1, 0x7ff}, {ATTEST_SHA256, 0x7ff}},
				  .selections_count = 2,
				  .digest = h->tampered ? h->sim->digest_tampered : h->sim->digest,
				  .digest_len = 32,
				  .clock_ms = h->clock_ms += 100};

	put_quote(&quote, &o);
	put_signature(&signature, h->ak, EVP_PKEY_is_a(h->ak, "RSA") ? ATTEST_RSASSA : ATTEST_ECDSA,
		      ATTEST_SHA256, rf_buf_slice(&quote));
	put_le(&ima, ATTEST_SHA1, 2);
	rf_buf_add(&ima, m->ima.data, m->ima.len);
	for (size_t i = 0; i < RF_COUNT(parts); i++)
		assert_int_equal(evidence_add(out, parts[i].kind, rf_buf_slice(parts[i].bytes)), 0);
}

/* ---- frames ---- */

static int send_one(struct sim_host *h, const struct message *m, struct rf_slice bytes)
{
	return link_send(h->link, m, bytes, NULL);
}

static int on_welcome(struct sim_host *h, const struct message *m)
{
	struct sim *sim = h->sim;

	sim->welcomed += !h->welcomed;
	h->welcomed = true;
	sim->last_welcome_us = now_us();
	h->number = h->number > m->welcome.confirmed ? h->number : m->welcome.confirmed;
	link_idle(h->link, IDLE_MS);
	return 0;
}

static int on_ask(struct sim_host *h, const struct message *m)
{
	RF_AUTOBUF struct rf_buf evidence = {0};
	struct message answer = {.kind = WIRE_EVIDENCE, .evidence = {.job = h->job}};
	RF_AUTOBUF struct rf_buf brief = {0};

	h->asked_us = now_us();
	rf_copy(h->job, sizeof(h->job), m->ask_evidence.job);
	evidence_make(h, m->ask_evidence.nonce, &evidence);
	if (h->tampered && !h->sim->tampered_ms)
		h->sim->tampered_ms = now_us() / 1000;
	/* As the agent does: no logs, where they were judged and nothing has changed since. */
	answer.evidence.brief =
		m->ask_evidence.same.len &&
		attest_same_cut(rf_buf_slice(&evidence), m->ask_evidence.same, &brief, NULL) == 0;
	h->sim->brief += answer.evidence.brief;
	return send_one(h, &answer, rf_buf_slice(answer.evidence.brief ? &brief : &evidence));
}

static int on_verdict(struct sim_host *h, const struct message *m)
{
	struct sim *sim = h->sim;

	/* A state that the manager's clock gave answers no evidence. */
	if (!h->asked_us || (m->verdict.reason && rf_starts(m->verdict.reason, "no verdict")))
		return 0;
	sim->verdicts++;
	sim->trusted += rf_equal(m->verdict.state, "TRUSTED");
	sim->untrusted += rf_equal(m->verdict.state, "UNTRUSTED");
	sim->stale += rf_equal(m->verdict.state, "STALE");
	if (sim->verdicts == 1 || (rf_equal(m->verdict.state, "STALE") && sim->stale == 1))
		fprintf(stderr, "fleet_sim: %s %s\n", m->verdict.state,
			m->verdict.reason ? m->verdict.reason : "");
	sim->latency_us[sim->samples++ % SAMPLES] = (uint32_t)(now_us() - h->asked_us);
	h->asked_us = 0;
	rf_copy(h->acknowledged, sizeof(h->acknowledged), h->job);
	return 0;
}

static int on_confirm(struct sim_host *h, const struct message *m)
{
	h->confirmed = m->confirm.number;
	h->sim->confirmed++;
	return 0;
}

static int on_refused(struct sim_host *h, const struct message *m)
{
	h->sim->refused++;
	h->retry_ms = m->refused.retry_ms ? m->refused.retry_ms : 10000;
	return 0;
}

static int on_ignored(struct sim_host *h, const struct message *m)
{
	(void)h;
	(void)m;
	return 0;
}

static const struct {
	enum wire_kind kind;
	int (*take)(struct sim_host *h, const struct message *m);
} handlers[] = {
	{WIRE_WELCOME, on_welcome}, {WIRE_ASK_EVIDENCE, on_ask}, {WIRE_VERDICT, on_verdict},
	{WIRE_CONFIRM, on_confirm}, {WIRE_REFUSED, on_refused},	 {WIRE_COMMAND, on_ignored},
	{WIRE_PING, on_ignored},    {WIRE_PONG, on_ignored},
};

static int on_frame(void *arg, struct link *link, const struct wire_frame *frame,
		    struct rf_err *err)
{
	MESSAGE_AUTO struct message m = {0};
	int rc = message_read(frame->kind, frame->text, &m, err);

	(void)link;
	for (size_t i = 0; i < RF_COUNT(handlers) && !rc; i++)
		if (handlers[i].kind == frame->kind)
			return handlers[i].take(arg, &m);
	return rc ? rc : rf_fail(err, RF_E_UNKNOWN, "a frame that the bench does not know");
}

/* ---- connections ---- */

static void on_opened(void *arg, struct link *link)
{
	struct sim_host *h = arg;
	const struct message hello = {.kind = WIRE_HELLO,
				      .hello = {.agent_version = "bench", .boot = "boot-1"}};
	struct tls_peer peer;

	h->open = true;
	h->sim->open++;
	h->sim->handshakes++;
	if (link_peer(link, &peer, NULL) == 0)
		h->sim->resumed += peer.resumed;
	(void)send_one(h, &hello, (struct rf_slice){0});
}

static void on_closed(void *arg, struct link *link, const char *why)
{
	struct sim_host *h = arg;

	(void)link;
	(void)why;
	h->sim->open -= h->open;
	h->sim->welcomed -= h->welcomed;
	h->sim->cuts++;
	h->open = h->welcomed = false;
	h->link = NULL;
	h->asked_us = 0;
	if (h->wanted)
		dial_in(h, h->retry_ms ? h->retry_ms : 500 + random_ms(1500));
	h->retry_ms = 0;
}

static const struct link_handlers link_events = {
	.opened = on_opened, .frame = on_frame, .closed = on_closed};

static int tls_make(struct sim_host *h)
{
	const struct tls_options options = {.certificate = rf_buf_slice(&h->certificate),
					    .key = h->tls_key,
					    .authority = rf_buf_slice(&h->sim->authority),
					    .host = "127.0.0.1"};
	struct rf_err err = {0};

	if (h->tls || tls_new(&options, &h->tls, &err) == 0)
		return 0;
	fprintf(stderr, "fleet_sim: %s\n", rf_err_text(&err));
	return -1;
}

static void dial(struct sim_host *h)
{
	struct sim *sim = h->sim;
	const int on = 1;
	/* A source address for each 20,000 hosts: ports of one would not be enough. */
	struct sockaddr_in from = {
		.sin_family = AF_INET,
		.sin_addr.s_addr =
			htonl(0x7f000001u + (uint32_t)((size_t)(h - sim->hosts) / 20000u))};

	if (!h->wanted || h->link || tls_make(h))
		return;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0) {
		dial_in(h, 1000);
		return;
	}
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	(void)bind(fd, (struct sockaddr *)&from, sizeof(from));
	if (connect(fd, (struct sockaddr *)&sim->manager, sizeof(sim->manager)) < 0 &&
	    errno != EINPROGRESS) {
		close(fd);
		dial_in(h, 500 + random_ms(1500));
		return;
	}
	const struct link_options options = {.base = sim->base,
					     .fd = fd,
					     .tls = tls_session(h->tls),
					     .side = {WIRE_MANAGER, WIRE_SESSION},
					     .handshake_ms = HANDSHAKE_MS,
					     .frame_ms = FRAME_MS,
					     .idle_ms = IDLE_MS,
					     .handlers = &link_events,
					     .arg = h};

	sim->dialled++;
	if (!options.tls || link_new(&options, &h->link, NULL))
		fprintf(stderr, "fleet_sim: no memory for a connection\n");
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	dial(arg);
}

/* ---- commands ---- */

static void answer(const char *text)
{
	printf("%s\n", text);
	(void)fflush(stdout);
}

static void do_address(struct sim *sim, const char *text)
{
	int len = sizeof(sim->manager);

	answer(evutil_parse_sockaddr_port(text, (struct sockaddr *)&sim->manager, &len)
		       ? "{\"fault\": \"no address\"}"
		       : "{}");
}

static size_t number(const struct sim *sim, const char *text)
{
	int64_t n = 0;

	return rf_num(text, 10, 0, (int64_t)sim->count, &n) ? 0 : (size_t)n;
}

/* Some in each turn of the loop: hosts are machines of their own, and each says its greeting at
 * once. All in one go, the first would be silent until the last has dialled, which the manager
 * rightly takes for strangers that keep others out. */
static void on_dialler(evutil_socket_t fd, short what, void *arg)
{
	struct sim *sim = arg;

	(void)fd;
	(void)what;
	for (size_t i = 0; i < DIALS && sim->next < sim->until; i++)
		dial(&sim->hosts[sim->next++]);
	if (sim->next < sim->until)
		(void)evtimer_add(sim->dialler, &(struct timeval){0});
}

/* Those before n. */
static void dial_all(struct sim *sim, size_t n)
{
	sim->next = 0;
	sim->until = n;
	sim->first_dial_us = now_us();
	(void)evtimer_add(sim->dialler, &(struct timeval){0});
}

static void do_connect(struct sim *sim, const char *text)
{
	const size_t n = number(sim, text);

	/* What a host has before it dials is no part of dialling. */
	for (size_t i = 0; i < n; i++)
		sim->hosts[i].wanted = tls_make(&sim->hosts[i]) == 0;
	dial_all(sim, n);
	answer("{}");
}

static void hang_up(struct sim *sim, bool stay)
{
	(void)evtimer_del(sim->dialler);
	for (size_t i = 0; i < sim->count; i++) {
		struct sim_host *h = &sim->hosts[i];
		struct link *link = h->link;

		if (stay)
			h->wanted = false;
		(void)evtimer_del(h->timer);
		if (link) {
			on_closed(h, link, "");
			link_free(link);
		}
		(void)evtimer_del(h->timer);
	}
	if (!stay)
		dial_all(sim, sim->count);
	answer("{}");
}

static void do_close(struct sim *sim, const char *text)
{
	(void)text;
	hang_up(sim, true);
}

static void do_cut(struct sim *sim, const char *text)
{
	(void)text;
	hang_up(sim, false);
}

static void do_tamper(struct sim *sim, const char *text)
{
	struct sim_host *h = &sim->hosts[number(sim, text)];

	h->tampered = true;
	sim->tampered_ms = 0;
	printf("{\"host\": \"%s\"}\n", h->id);
	(void)fflush(stdout);
}

static void do_events(struct sim *sim, const char *text)
{
	const size_t n = number(sim, text);

	for (size_t i = 0; i < n; i++) {
		struct sim_host *h = &sim->hosts[i];
		const struct message m = {.kind = WIRE_EVENT,
					  .event = {.number = h->number + 1,
						    .kind = "bench",
						    .about = "",
						    .text = "an event of the bench",
						    .at_ms = now_us() / 1000}};

		if (h->welcomed && send_one(h, &m, (struct rf_slice){0}) == 0)
			h->number++;
	}
	answer("{}");
}

static int by_size(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void do_stats(struct sim *sim, const char *text)
{
	const size_t n = sim->samples < SAMPLES ? sim->samples : SAMPLES;
	struct rusage used;

	(void)text;
	getrusage(RUSAGE_SELF, &used);
	qsort(sim->latency_us, n, sizeof(sim->latency_us[0]), by_size);
	printf("{\"open\": %zu, \"welcomed\": %zu, \"dialled\": %zu, \"verdicts\": %lld, "
	       "\"trusted\": %lld, \"untrusted\": %lld, \"stale\": %lld, \"refused\": %lld, "
	       "\"cuts\": %lld, \"handshakes\": %lld, \"resumed\": %lld, \"confirmed\": %lld, "
	       "\"settled_s\": %.2f, \"tampered_ms\": %lld, \"p50_ms\": %.2f, \"p99_ms\": %.2f, "
	       "\"cpu_s\": %.2f, \"brief\": %lld}\n",
	       sim->open, sim->welcomed, sim->dialled, (long long)sim->verdicts,
	       (long long)sim->trusted, (long long)sim->untrusted, (long long)sim->stale,
	       (long long)sim->refused, (long long)sim->cuts, (long long)sim->handshakes,
	       (long long)sim->resumed, (long long)sim->confirmed,
	       (double)(sim->last_welcome_us - sim->first_dial_us) / 1e6,
	       (long long)sim->tampered_ms, n ? sim->latency_us[n / 2] / 1e3 : 0.0,
	       n ? sim->latency_us[n * 99 / 100] / 1e3 : 0.0,
	       (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
		       (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6,
	       (long long)sim->brief);
	(void)fflush(stdout);
	sim->samples = 0;
}

static void do_acknowledged(struct sim *sim, const char *path)
{
	FILE *out = fopen(path, "we");

	for (size_t i = 0; out && i < sim->count; i++)
		fprintf(out, "%s %s %lld\n", sim->hosts[i].id,
			sim->hosts[i].acknowledged[0] ? sim->hosts[i].acknowledged : "-",
			(long long)sim->hosts[i].confirmed);
	answer(out && fclose(out) == 0 ? "{}" : "{\"fault\": \"not written\"}");
}

static void do_quit(struct sim *sim, const char *text)
{
	(void)text;
	(void)event_base_loopbreak(sim->base);
}

static const struct {
	const char *name;
	void (*run)(struct sim *sim, const char *text);
} commands[] = {
	{"address", do_address}, {"connect", do_connect}, {"close", do_close},
	{"cut", do_cut},	 {"tamper", do_tamper},	  {"events", do_events},
	{"stats", do_stats},	 {"quit", do_quit},	  {"acknowledged", do_acknowledged},
};

static void command_run(struct sim *sim, char *line)
{
	char *space = strchr(line, ' ');

	if (space)
		*space++ = '\0';
	for (size_t i = 0; i < RF_COUNT(commands); i++) {
		if (!rf_equal(commands[i].name, line))
			continue;
		commands[i].run(sim, space ? space : "");
		return;
	}
	answer("{\"fault\": \"no such command\"}");
}

static void on_input(evutil_socket_t fd, short what, void *arg)
{
	struct sim *sim = arg;
	ssize_t n = read((int)fd, sim->line + sim->line_len, sizeof(sim->line) - 1 - sim->line_len);
	char *end;

	(void)what;
	if (n <= 0) {
		(void)event_base_loopbreak(sim->base);
		return;
	}
	sim->line_len += (size_t)n;
	while ((end = memchr(sim->line, '\n', sim->line_len))) {
		size_t len = (size_t)(end - sim->line) + 1;

		*end = '\0';
		command_run(sim, sim->line);
		sim->line_len -= len;
		memmove(sim->line, sim->line + len, sim->line_len);
	}
}

/* ---- beginning and end ---- */

static int start(struct sim *sim, char **argv, struct rf_err *err)
{
	const struct sim_hosts_options options = {argv[1], argv[5], sim->count};
	int64_t entries = 0;
	int len = sizeof(sim->manager), rc;

	if (rf_num(argv[4], 10, 1, 1000000, &entries) ||
	    evutil_parse_sockaddr_port(argv[2], (struct sockaddr *)&sim->manager, &len))
		return rf_fail(err, RF_E_USAGE, "ADDRESS:PORT or IMA_ENTRIES");
	machine_make(sim, (uint32_t)entries);
	rc = sim_hosts_make(&options, sim->hosts, &sim->authority, err);
	sim->base = event_base_new();
	for (size_t i = 0; i < sim->count && !rc && sim->base; i++) {
		sim->hosts[i].sim = sim;
		sim->hosts[i].timer = evtimer_new(sim->base, on_timer, &sim->hosts[i]);
		rc = sim->hosts[i].timer ? 0 : -ENOMEM;
	}
	sim->input =
		sim->base ? event_new(sim->base, 0, EV_READ | EV_PERSIST, on_input, sim) : NULL;
	sim->dialler = sim->base ? evtimer_new(sim->base, on_dialler, sim) : NULL;
	if (!rc && (!sim->input || !sim->dialler || event_add(sim->input, NULL)))
		rc = -ENOMEM;
	return rc;
}

int main(int argc, char **argv)
{
	static struct sim sim; /* the samples are large */
	const struct rlimit files = {1048576, 1048576};
	struct rf_err err = {0};
	int64_t count = 0;

	if (argc != 6 || rf_num(argv[3], 10, 1, 200000, &count)) {
		fputs("usage: fleet_sim STATE ADDRESS:PORT HOSTS IMA_ENTRIES ecc|rsa\n", stderr);
		return 64;
	}
	signal(SIGPIPE, SIG_IGN);
	(void)setrlimit(RLIMIT_NOFILE, &files);
	sim.count = (size_t)count;
	sim.hosts = rf_alloc(sim.count, sizeof(*sim.hosts));
	if (!sim.hosts || start(&sim, argv, &err)) {
		fprintf(stderr, "fleet_sim: %s\n", rf_err_text(&err));
		return 1;
	}
	printf("{\"hosts\": %zu}\n", sim.count);
	(void)fflush(stdout);
	(void)event_base_dispatch(sim.base);
	return 0;
}
