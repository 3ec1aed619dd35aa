/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The role `collect`: facts on schedule, new entries of the host's ledger, evidence when asked for.
 * It decides when; the work is done by a job of its own process each (work.c), so that this one
 * stays small and reads nothing of the host. One job at a time; evidence goes first.
 *
 * The state of facts is taken away before a difference is given to net, and the new one is kept
 * when net has all of it on disk: a crash in between costs one run as a whole, never a row.
 */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <malloc.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/role.h"
#include "attest/same.h"
#include "base/mem.h"
#include "base/reader.h"
#include "base/str.h"
#include "model/fact.h"
#include "sys/state.h"

#define STATE_NAME "facts"
#define FACTS_S	   3600 /* until the manager says how often */
#define FIRST_S	   5
#define RETRY_S	   300
#define LEDGER_S   60
/* How many entries IMA's list has (the kernel's ima_fs.c). Nothing wakes who waits for more. */
#define COUNT_FILE "/sys/kernel/security/ima/runtime_measurements_count"
#define COUNT_S	   1
#define MARK_NAME  "ledger" /* how many entries net has */

/* A run's output, while net takes it piece by piece. */
struct delivery {
	struct rf_reader rest;
	struct rf_slice state;
	void *memory;
	size_t size;
	int64_t number; /* of the piece that net has */
	bool whole;
};

struct collector {
	struct role role; /* first: callbacks get it back */
	struct event *timer, *ledger_timer, *count_timer;
	int count_fd;  /* -1: this kernel measures nothing */
	int64_t count; /* as it was told; -1: not looked at yet */
	enum job_kind working;
	char job[JOB_ID_BYTES];	      /* of evidence that is asked for; "" */
	uint8_t same[SAME_MAX_BYTES]; /* and what its quote may be over to be brief */
	size_t same_len;
	char nonce[2 * 64 + 1];
	bool wants_facts, wants_whole, wants_ledger;
	struct delivery delivery;
	int64_t facts_s, numbers;
	/* The ledger: its file as it was last looked at, entries that net has, entries on their way
	 * and the number of their frame. */
	char ledger_path[RF_MAX_PATH_BYTES];
	struct timespec ledger_seen;
	int64_t ledger_next, ledger_going, ledger_number;
};

static void next_job(struct collector *c);

static void timer_set(struct collector *c, int64_t s)
{
	const struct timeval t = {.tv_sec = s};

	(void)evtimer_add(c->timer, &t);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct collector *c = arg;

	(void)fd;
	(void)what;
	c->wants_facts = true;
	timer_set(c, c->facts_s);
	next_job(c);
}

static void ask(struct collector *c, enum job_kind kind, const char *word)
{
	const char *const words[] = {word, NULL};
	struct rf_err err = {0};

	c->working = kind;
	if (agent_ask(&c->role, kind, c->job, words, &err) == 0)
		return;
	agent_say("collect", "%s", rf_err_text(&err));
	agent_end(&c->role, 1);
}

static void next_job(struct collector *c)
{
	if (c->working != JOB_NONE)
		return;
	if (c->job[0]) {
		ask(c, JOB_EVIDENCE, c->nonce);
	} else if (c->wants_facts && !c->delivery.memory) {
		const char *word = c->wants_whole ? "whole" : NULL;

		c->wants_facts = c->wants_whole = false;
		ask(c, JOB_FACTS, word);
	} else if (c->wants_ledger && !c->ledger_number) {
		char first[24];

		c->wants_ledger = false;
		rf_format(first, sizeof(first), "%lld", (long long)c->ledger_next);
		ask(c, JOB_LEDGER, first);
	}
}

/* ---- evidence ---- */

/* Without its logs, where they were judged before and nothing has changed since. */
static void evidence_send(struct collector *c, struct rf_slice bytes, const char *fault)
{
	RF_AUTOBUF struct rf_buf brief = {0};
	const struct rf_slice same = {c->same, c->same_len};
	struct message m = {.kind = WIRE_EVIDENCE, .evidence = {.job = c->job, .fault = fault}};
	struct rf_err err = {0};

	if (!fault && same.len && attest_same_cut(bytes, same, &brief, NULL) == 0) {
		m.evidence.brief = true;
		bytes = rf_buf_slice(&brief);
	}

	if (link_send(c->role.net, &m, bytes, &err) < 0)
		agent_say("collect", "evidence: %s", rf_err_text(&err));
	c->job[0] = '\0';
}

static void evidence_done(struct collector *c, int status, struct rf_slice out)
{
	char fault[200];

	if (status == 0 && out.len > 0 && out.len <= wire_row(WIRE_EVIDENCE)->bytes_max) {
		evidence_send(c, out, NULL);
		return;
	}
	if (status == 0)
		rf_format(fault, sizeof(fault), "the evidence has %zu bytes; a frame takes %u",
			  out.len, wire_row(WIRE_EVIDENCE)->bytes_max);
	else
		rf_format(fault, sizeof(fault),
			  "no evidence could be collected (status %d): the agent's log says why",
			  status);
	evidence_send(c, (struct rf_slice){0}, fault);
}

/* ---- facts ---- */

static void delivery_end(struct collector *c)
{
	if (c->delivery.memory)
		munmap(c->delivery.memory, c->delivery.size);
	c->delivery = (struct delivery){.memory = NULL};
	malloc_trim(0);
}

static void delivery_done(struct collector *c)
{
	struct rf_err err = {0};

	if (state_write(c->role.dir, STATE_NAME, c->delivery.state, &err) < 0)
		agent_say("collect", "%s", rf_err_text(&err));
	delivery_end(c);
	next_job(c);
}

/* The next piece, or the end. */
static void delivery_step(struct collector *c)
{
	struct delivery *d = &c->delivery;
	struct rf_err err = {0};

	if (rf_reader_left(&d->rest) == 0) {
		delivery_done(c);
		return;
	}
	struct rf_slice piece = rf_read_bytes(&d->rest, rf_read_be32(&d->rest));

	d->number = ++c->numbers;
	const struct message m = {.kind = WIRE_FACTS,
				  .facts = {.number = d->number,
					    .whole = d->whole,
					    .at_ms = agent_now_ms(),
					    .schema = fact_schema_id}};

	d->whole = false;
	if (d->rest.failed || link_send(c->role.net, &m, piece, &err) < 0) {
		agent_say("collect", "facts: %s",
			  d->rest.failed ? "the run is cut" : rf_err_text(&err));
		delivery_end(c);
	}
}

/* u8 whole | u32 length, state | pieces: u32 length, bytes. */
static void facts_done(struct collector *c, int status, void *memory, size_t size)
{
	struct delivery d = {
		.rest = rf_reader((struct rf_slice){memory, size}), .memory = memory, .size = size};

	d.whole = rf_read_u8(&d.rest) != 0;
	d.state = rf_read_bytes(&d.rest, rf_read_be32(&d.rest));
	c->delivery = d;
	if (status != 0 || d.rest.failed) {
		agent_say("collect", "facts could not be collected (status %d)", status);
		delivery_end(c);
		timer_set(c, RETRY_S < c->facts_s ? RETRY_S : c->facts_s);
		return;
	}
	char path[RF_MAX_PATH_BYTES + 16];

	/* Nothing differs: a state that is delivered already. */
	if (!d.whole && rf_reader_left(&d.rest) == 4) {
		delivery_end(c);
		return;
	}
	rf_format(path, sizeof(path), "%s/%s", c->role.dir, STATE_NAME);
	(void)unlink(path);
	delivery_step(c);
}

/* ---- what the kernel measures ---- */

/* More than before is told at once: else a program that nobody approved would run until the manager
 * asks the next time. The first look tells nothing, for each session begins with a question. */
static void on_count_timer(evutil_socket_t fd, short what, void *arg)
{
	const struct message m = {.kind = WIRE_MEASURED};
	struct collector *c = arg;
	char text[24] = "";
	struct rf_err err = {0};
	int64_t count;

	(void)fd;
	(void)what;
	if (pread(c->count_fd, text, sizeof(text) - 1, 0) <= 0 ||
	    rf_num(rf_trim(text), 10, 0, INT64_MAX, &count) < 0 || count == c->count)
		return;
	if (c->count >= 0 && link_send(c->role.net, &m, (struct rf_slice){0}, &err) < 0) {
		agent_say("collect", "what was measured: %s", rf_err_text(&err));
		return;
	}
	c->count = count;
}

/* ---- the ledger ---- */

/* Its file is only looked at: who reads it is a job. */
static void on_ledger_timer(evutil_socket_t fd, short what, void *arg)
{
	const struct timeval t = {.tv_sec = LEDGER_S};
	struct collector *c = arg;
	struct stat st;

	(void)fd;
	(void)what;
	(void)evtimer_add(c->ledger_timer, &t);
	if (stat(c->ledger_path, &st) < 0 || (st.st_mtim.tv_sec == c->ledger_seen.tv_sec &&
					      st.st_mtim.tv_nsec == c->ledger_seen.tv_nsec))
		return;
	c->ledger_seen = st.st_mtim;
	c->wants_ledger = true;
	next_job(c);
}

static void ledger_done(struct collector *c, int status, struct rf_slice lines)
{
	struct rf_err err = {0};

	if (status != 0 || lines.len == 0)
		return;
	const struct message m = {.kind = WIRE_LEDGER,
				  .ledger = {.number = ++c->numbers, .first = c->ledger_next}};

	if (link_send(c->role.net, &m, lines, &err) < 0) {
		agent_say("collect", "ledger: %s", rf_err_text(&err));
		return;
	}
	c->ledger_number = m.ledger.number;
	c->ledger_going = 0;
	for (size_t i = 0; i < lines.len; i++)
		c->ledger_going += lines.data[i] == '\n';
}

static void ledger_confirmed(struct collector *c)
{
	char text[24];

	c->ledger_next += c->ledger_going;
	c->ledger_number = 0;
	rf_format(text, sizeof(text), "%lld", (long long)c->ledger_next);
	if (state_write(c->role.dir, MARK_NAME, rf_slice_text(text), NULL) < 0)
		agent_say("collect", "how far the ledger was sent cannot be kept");
	/* A frame may not have held all. */
	c->wants_ledger = true;
	next_job(c);
}

/* Without a mark all entries are sent: those that the manager has it leaves out. */
static void ledger_open(struct collector *c, const char *state)
{
	RF_AUTOBUF struct rf_buf text = {0};
	char dir[RF_MAX_PATH_BYTES];

	if (state_folder(state, "ledger", dir, sizeof(dir), NULL) < 0 ||
	    !rf_format(c->ledger_path, sizeof(c->ledger_path), "%s/ledger.jsonl", dir))
		return;
	if (state_read(c->role.dir, MARK_NAME, 24, &text, NULL) < 0 ||
	    rf_num(rf_buf_text(&text), 10, 0, INT64_MAX, &c->ledger_next) < 0)
		c->ledger_next = 0;
}

/* ---- the loop ---- */

static void on_answer(struct role *role, const struct job_answer *answer, int memory)
{
	struct collector *c = (struct collector *)role;
	enum job_kind kind = c->working;
	struct stat st;
	void *map = NULL;
	size_t size = 0;

	c->working = JOB_NONE;
	if (memory >= 0 && fstat(memory, &st) == 0 && st.st_size > 0 &&
	    st.st_size <= (off_t)JOB_OUTPUT_MAX) {
		size = (size_t)st.st_size;
		map = mmap(NULL, size, PROT_READ, MAP_SHARED, memory, 0);
		map = map == MAP_FAILED ? NULL : map;
	}
	if (kind == JOB_FACTS) {
		facts_done(c, answer->exit, map, map ? size : 0);
	} else {
		if (kind == JOB_EVIDENCE)
			evidence_done(c, answer->exit, (struct rf_slice){map, map ? size : 0});
		else if (kind == JOB_LEDGER)
			ledger_done(c, answer->exit, (struct rf_slice){map, map ? size : 0});
		if (map)
			munmap(map, size);
	}
	next_job(c);
}

static int evidence_ask(struct collector *c, const struct message *m, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf hex = {0};

	/* The newest question counts: the one before has been given up. */
	rf_buf_add_hex(&hex, m->ask_evidence.nonce.data, m->ask_evidence.nonce.len);
	if (c->working == JOB_EVIDENCE) {
		const struct message busy = {.kind = WIRE_EVIDENCE,
					     .evidence = {.job = m->ask_evidence.job,
							  .fault = "the question before is not "
								   "answered yet"}};

		return link_send(c->role.net, &busy, (struct rf_slice){0}, err);
	}
	if (!rf_copy(c->job, sizeof(c->job), m->ask_evidence.job) ||
	    !rf_copy(c->nonce, sizeof(c->nonce), rf_buf_text(&hex)))
		return rf_fail(err, RF_E_LIMIT, "ask-evidence");
	c->same_len = m->ask_evidence.same.len;
	if (c->same_len)
		memcpy(c->same, m->ask_evidence.same.data, c->same_len);
	next_job(c);
	return 0;
}

static int on_frame(struct role *role, const struct wire_frame *frame, struct rf_err *err)
{
	struct collector *c = (struct collector *)role;
	MESSAGE_AUTO struct message m = {.kind = WIRE_NONE};
	int rc = message_read(frame->kind, frame->text, &m, err);

	if (rc)
		return rc;
	switch (frame->kind) {
	case WIRE_ASK_EVIDENCE:
		return evidence_ask(c, &m, err);
	case WIRE_CONFIRM:
		if (c->delivery.memory && m.confirm.number == c->delivery.number)
			delivery_step(c);
		else if (m.confirm.number == c->ledger_number)
			ledger_confirmed(c);
		return 0;
	case WIRE_WELCOME:
		/* confirmed 0: what the manager has of us is nothing, or not whole. */
		c->facts_s = m.welcome.facts_s;
		if (m.welcome.confirmed == 0) {
			c->wants_whole = c->wants_facts = c->wants_ledger = true;
			c->ledger_next = c->ledger_number = 0;
			next_job(c);
		}
		timer_set(c, c->facts_s);
		return 0;
	case WIRE_REFUSED:
		/* net has no room for this run: the next is sent as a whole. */
		c->wants_whole = true;
		c->ledger_number = 0;
		delivery_end(c);
		return 0;
	default:
		return rf_fail(err, RF_E_DENIED, "not for collect");
	}
}

int agent_collect_run(int argc, char **argv)
{
	static struct collector c = {
		.role = {.name = "collect", .frame = on_frame, .answer = on_answer},
		.count = -1,
		.facts_s = FACTS_S};
	const struct timeval each = {.tv_sec = COUNT_S};
	struct rf_err err = {0};

	/* Before this role locks itself in. */
	c.count_fd = open(COUNT_FILE, O_RDONLY | O_CLOEXEC);
	int rc = agent_start(&c.role, agent_option(argc, argv, "--state"), &err);

	c.timer = rc ? NULL : evtimer_new(c.role.base, on_timer, &c);
	c.ledger_timer = rc ? NULL : evtimer_new(c.role.base, on_ledger_timer, &c);
	if (rc || !c.timer || !c.ledger_timer) {
		agent_say("collect", "%s", rf_err_text(&err));
		return 1;
	}
	c.count_timer =
		c.count_fd < 0 ? NULL : event_new(c.role.base, -1, EV_PERSIST, on_count_timer, &c);
	if (c.count_timer)
		(void)evtimer_add(c.count_timer, &each);
	timer_set(&c, FIRST_S);
	ledger_open(&c, agent_option(argc, argv, "--state"));
	on_ledger_timer(-1, 0, &c);
	rc = agent_loop(&c.role);
	return rc;
}
