/* SPDX-License-Identifier: Apache-2.0 */
/* Questions and who answers them; see workers.h. */
#include "manager/workers.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/util.h>
#include <string.h>

#include "base/mem.h"
#include "fleet/call.h"
#include "fleet/link.h"

struct job {
	struct job *next;
	struct rf_buf frame;
	enum wire_kind answer;
	struct workers_asker asker; /* done NULL: forgotten */
};

struct worker {
	struct worker *next;
	struct workers *all;
	struct link *link;
	struct job *job; /* in hand; NULL: free */
	struct event *clock;
};

struct workers {
	struct event_base *base;
	struct event *control;
	struct worker *list;
	struct job *first, **last;
	size_t waiting, waiting_bytes;
};

/* ---- jobs ---- */

static void job_end(struct workers *w, struct job *job, const struct message *answer,
		    struct rf_slice bytes, const char *why)
{
	w->waiting--;
	w->waiting_bytes -= job->frame.len;
	if (job->asker.done)
		job->asker.done(job->asker.arg, answer, bytes, why);
	rf_buf_done(&job->frame);
	rf_free(job);
}

static void worker_give(struct worker *worker)
{
	struct workers *w = worker->all;
	const struct timeval limit = {.tv_sec = WORKERS_JOB_MS / 1000,
				      .tv_usec = WORKERS_JOB_MS % 1000 * 1000};
	const struct wire_side roles = {WIRE_EITHER, WIRE_ROLES};
	struct wire_frame frame;
	size_t len;

	while (!worker->job && w->first) {
		struct job *job = w->first;

		w->first = job->next;
		if (!w->first)
			w->last = &w->first;
		/* Our own frame, which can be read back. */
		if (!job->asker.done ||
		    wire_read(rf_buf_slice(&job->frame), &roles, &frame, &len, NULL) ||
		    link_send_frame(worker->link, &frame, NULL)) {
			job_end(w, job, NULL, (struct rf_slice){0}, "no worker took it");
			continue;
		}
		worker->job = job;
		(void)evtimer_add(worker->clock, &limit);
	}
}

static void give_all(struct workers *w)
{
	for (struct worker *i = w->list; i && w->first; i = i->next)
		if (!i->job)
			worker_give(i);
}

/* ---- a worker ---- */

static int on_answer(void *arg, struct link *link, const struct wire_frame *frame,
		     struct rf_err *err)
{
	MESSAGE_AUTO struct message answer = {0};
	struct worker *worker = arg;
	struct job *job = worker->job;
	int rc;

	(void)link;
	if (!job || job->answer != frame->kind)
		return rf_fail(err, RF_E_PEER, "an answer that nobody asked for");
	rc = message_read(frame->kind, frame->text, &answer, err);
	if (rc)
		return rc;
	worker->job = NULL;
	(void)evtimer_del(worker->clock);
	job_end(worker->all, job, &answer, frame->bytes, "");
	worker_give(worker);
	return 0;
}

static void worker_free(struct worker *worker)
{
	if (worker->clock)
		event_free(worker->clock);
	rf_free(worker);
}

/* Its process has ended, or is given up: what it had in hand has no answer. */
static void on_closed(void *arg, struct link *link, const char *why)
{
	struct worker *worker = arg, **at = &worker->all->list;
	struct workers *w = worker->all;
	struct job *job = worker->job;

	(void)link;
	(void)why;
	while (*at != worker)
		at = &(*at)->next;
	*at = worker->next;
	worker_free(worker);
	if (job)
		job_end(w, job, NULL, (struct rf_slice){0},
			"the process that judged it crashed or took too long");
	give_all(w);
}

static void on_clock(evutil_socket_t fd, short what, void *arg)
{
	struct worker *worker = arg;

	(void)fd;
	(void)what;
	link_close(worker->link, "silent");
}

static const struct link_handlers handlers = {.frame = on_answer, .closed = on_closed};

static void worker_add(struct workers *w, int fd)
{
	struct worker *worker = rf_alloc(1, sizeof(*worker));
	struct link_options options = {.base = w->base,
				       .fd = fd,
				       .side = {WIRE_EITHER, WIRE_ROLES},
				       .output_max = WORKERS_QUEUE_BYTES,
				       .handlers = &handlers,
				       .arg = worker};

	if (!worker) {
		evutil_closesocket(fd);
		return;
	}
	worker->all = w;
	worker->clock = evtimer_new(w->base, on_clock, worker);
	if (!worker->clock) {
		evutil_closesocket(fd);
		worker_free(worker);
		return;
	}
	if (link_new(&options, &worker->link, NULL)) {
		worker_free(worker);
		return;
	}
	worker->next = w->list;
	w->list = worker;
	worker_give(worker);
}

static void on_control(evutil_socket_t fd, short what, void *arg)
{
	struct workers *w = arg;
	int one, rc = 0;

	(void)what;
	while (!rc) {
		rc = call_fd_take((int)fd, &one, NULL);
		if (!rc)
			worker_add(w, one);
	}
	/* verify has ended: the supervisor starts it anew, and us with it. */
	if (rc != -EAGAIN)
		(void)event_del(w->control);
}

/* ---- all ---- */

int workers_new(struct event_base *base, int control, struct workers **out, struct rf_err *err)
{
	struct workers *w = rf_alloc(1, sizeof(*w));

	if (w)
		w->control = event_new(base, control, EV_READ | EV_PERSIST, on_control, w);
	if (!w || !w->control || evutil_make_socket_nonblocking(control) ||
	    event_add(w->control, NULL)) {
		workers_free(w);
		return rf_fail(err, -ENOMEM, "no memory for workers");
	}
	w->base = base;
	w->last = &w->first;
	*out = w;
	return 0;
}

void workers_free(struct workers *workers)
{
	if (!workers)
		return;
	while (workers->list) {
		struct worker *worker = workers->list;

		workers->list = worker->next;
		if (worker->job) {
			rf_buf_done(&worker->job->frame);
			rf_free(worker->job);
		}
		link_free(worker->link);
		worker_free(worker);
	}
	while (workers->first) {
		struct job *job = workers->first;

		workers->first = job->next;
		rf_buf_done(&job->frame);
		rf_free(job);
	}
	if (workers->control)
		event_free(workers->control);
	rf_free(workers);
}

/* A frame with bytes in two pieces. */
static int frame_make(const struct workers_question *q, struct rf_buf *out, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf both = {0};

	if (q->first.len == 0)
		return message_frame(q->message, q->second, out, err);
	rf_buf_add(&both, q->first.data, q->first.len);
	if (rf_buf_add(&both, q->second.data, q->second.len) || both.failed)
		return rf_fail(err, -ENOMEM, "no memory for a question");
	return message_frame(q->message, rf_buf_slice(&both), out, err);
}

int workers_ask(struct workers *workers, const struct workers_question *question,
		struct rf_err *err)
{
	struct job *job;
	int rc;

	if (workers->waiting >= WORKERS_QUEUE ||
	    workers->waiting_bytes + question->first.len + question->second.len >
		    WORKERS_QUEUE_BYTES)
		return rf_fail(err, RF_E_LIMIT, "too many wait to be judged");
	job = rf_alloc(1, sizeof(*job));
	if (!job)
		return rf_fail(err, -ENOMEM, "no memory for a question");
	rc = frame_make(question, &job->frame, err);
	if (rc) {
		rf_buf_done(&job->frame);
		rf_free(job);
		return rc;
	}
	job->answer = question->message->kind == WIRE_VOUCH ? WIRE_VOUCHED : WIRE_JUDGED;
	job->asker = question->asker;
	*workers->last = job;
	workers->last = &job->next;
	workers->waiting++;
	workers->waiting_bytes += job->frame.len;
	give_all(workers);
	return 0;
}

void workers_forget(struct workers *workers, const void *arg)
{
	for (struct job *i = workers->first; i; i = i->next)
		if (i->asker.arg == arg)
			i->asker.done = NULL;
	for (struct worker *i = workers->list; i; i = i->next)
		if (i->job && i->job->asker.arg == arg)
			i->job->asker.done = NULL;
}

size_t workers_waiting(const struct workers *workers)
{
	return workers->waiting;
}

size_t workers_count(const struct workers *workers)
{
	size_t n = 0;

	for (const struct worker *i = workers->list; i; i = i->next)
		n++;
	return n;
}
