/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The privileged process: its loop and the table of what it can be asked. Every message has one
 * size, every text in it must end in its field; what is asked is then the engine's matter, which
 * checks again. A caller that goes away in the middle of taking a plan has asked for nothing.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "change/engine.h"
#include "change/hook.h"
#include "change/priv_wire.h"
#include "sys/sandbox.h"

#define MAX_WRITABLE 64

struct session {
	struct engine engine;
	struct rf_buf recovered;
	char missing[SANDBOX_MISSING_BYTES];
	int socket;
};

/* What a handler gets: the request, a descriptor that came with it, and what the reply is made of.
 */
struct call {
	const struct priv_request *request;
	int fd;
	struct priv_result result;
	struct rf_buf memory;
	bool has_memory;
};

static int on_hello(struct session *s, struct call *c, struct rf_err *err)
{
	(void)err;
	c->has_memory = true;
	return rf_buf_add(&c->memory, s->recovered.data, s->recovered.len);
}

static int on_read(struct session *s, struct call *c, struct rf_err *err)
{
	c->has_memory = true;
	return engine_read(&s->engine, &c->request->spec, &c->memory, err);
}

static int on_begin(struct session *s, struct call *c, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf json = {0};
	int rc = priv_memory_read(c->fd, PLAN_MAX_BYTES, &json, err);

	return rc ? rc : engine_begin(&s->engine, c->request->id, rf_buf_slice(&json), err);
}

static int on_step(struct session *s, struct call *c, struct rf_err *err)
{
	int rc = engine_step(&s->engine, &c->request->spec, err);

	if (rc < 0)
		engine_abort(&s->engine);
	return rc;
}

/* A caller that went away meanwhile is no reason to stop half-way. */
static void progress_send(void *arg, size_t done, size_t count)
{
	const struct session *s = arg;
	const struct priv_reply reply = {.magic = PRIV_MAGIC,
					 .applied_count = (uint32_t)done,
					 .targets_count = (uint32_t)count,
					 .more = 1};

	(void)!priv_send(s->socket, &reply, sizeof(reply), -1, NULL);
}

static int on_commit(struct session *s, struct call *c, struct rf_err *err)
{
	return engine_commit(&s->engine, c->request->number, &c->result, err);
}

static int on_confirm(struct session *s, struct call *c, struct rf_err *err)
{
	return engine_confirm(&s->engine, c->request->id, err);
}

static int on_rollback(struct session *s, struct call *c, struct rf_err *err)
{
	return engine_rollback(&s->engine, c->request->id, &c->result, err);
}

static int on_let_go(struct session *s, struct call *c, struct rf_err *err)
{
	return engine_let_go(&s->engine, c->request->id, c->request->text, &c->result, err);
}

/* Entries that the planning side may ask for; what is done is written by the engine itself. */
static int on_note(struct session *s, struct call *c, struct rf_err *err)
{
	static const char *const kinds[] = {"plan", "denied", "quarantine", "release"};
	const char *text = c->request->text;

	for (size_t i = 0; i < RF_COUNT(kinds); i++) {
		size_t n = strlen(kinds[i]);

		if (strncmp(text, kinds[i], n) == 0 && strncmp(text + n, ": ", 2) == 0)
			return engine_note(&s->engine, kinds[i], c->request->id, text + n + 2, err);
	}
	return rf_fail(err, RF_E_DENIED, "the ledger has no such kind of entry for a planner");
}

static const struct handler {
	enum priv_op op;
	int (*run)(struct session *s, struct call *c, struct rf_err *err);
	bool wants_fd;
	bool while_taking; /* also between BEGIN and COMMIT */
} handlers[] = {
	{PRIV_HELLO, on_hello, false, false},	    {PRIV_READ, on_read, false, false},
	{PRIV_BEGIN, on_begin, true, false},	    {PRIV_STEP, on_step, false, true},
	{PRIV_COMMIT, on_commit, false, true},	    {PRIV_CONFIRM, on_confirm, false, false},
	{PRIV_ROLLBACK, on_rollback, false, false}, {PRIV_NOTE, on_note, false, false},
	{PRIV_LET_GO, on_let_go, false, false},
};

static int request_check(const struct priv_request *r, struct rf_err *err)
{
	if (r->magic != PRIV_MAGIC || r->reserved != 0)
		return rf_fail(err, RF_E_SYNTAX, "this is no request");
	if (strnlen(r->id, sizeof(r->id)) == sizeof(r->id) ||
	    strnlen(r->text, sizeof(r->text)) == sizeof(r->text))
		return rf_fail(err, RF_E_SYNTAX, "a text of the request has no end");
	return 0;
}

static int dispatch(struct session *s, struct call *c, struct rf_err *err)
{
	int rc = request_check(c->request, err);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < RF_COUNT(handlers); i++) {
		const struct handler *h = &handlers[i];

		if ((uint32_t)h->op != c->request->op)
			continue;
		if (h->wants_fd != (c->fd >= 0))
			return rf_fail(err, RF_E_SYNTAX, "memory is missing, or not expected");
		if (s->engine.journal && !h->while_taking)
			return rf_fail(err, RF_E_USAGE, "a plan is being taken");
		return h->run(s, c, err);
	}
	return rf_fail(err, RF_E_UNKNOWN, "there is no operation %u", c->request->op);
}

static int reply_send(int socket, struct call *c, int rc, const struct rf_err *why)
{
	struct priv_reply reply = {.magic = PRIV_MAGIC, .code = rc};
	int memory = -1;

	reply.applied_count = (uint32_t)c->result.applied_count;
	reply.undone = c->result.undone;
	reply.unconfirmed = c->result.unconfirmed;
	reply.incomplete = c->result.incomplete;
	rf_copy(reply.text, sizeof(reply.text), rc < 0 ? rf_err_text(why) : c->result.text);
	if (rc >= 0 && c->has_memory) {
		reply.code = priv_memory_make(rf_buf_slice(&c->memory), &memory, NULL);
		reply.has_memory = memory >= 0;
	}
	rc = priv_send(socket, &reply, sizeof(reply), memory, NULL);
	if (memory >= 0)
		close(memory);
	return rc;
}

static void serve(int socket, struct session *s)
{
	RF_AUTOFREE struct priv_request *request = rf_alloc(1, sizeof(*request));
	int rc = request ? 0 : -ENOMEM;

	while (rc == 0) {
		struct call c = {.request = request, .fd = -1};
		struct rf_err err = {0};

		rc = priv_receive(socket, request, sizeof(*request), &c.fd, &err);
		if (rc == RF_E_PEER)
			break;
		int answer = rc < 0 ? rc : dispatch(s, &c, &err);

		rc = reply_send(socket, &c, answer, &err);
		rf_buf_done(&c.memory);
		if (c.fd >= 0)
			close(c.fd);
	}
}

/* ---- locking in ---- */

/* Folders that may be written; each is opened by its path when the process locks itself in. */
struct writable {
	const char *paths[MAX_WRITABLE];
	char own[MAX_WRITABLE][512]; /* of those that are no constants */
	size_t count;
};

/* A folder that is not there, or stands there already, is left out. */
static void writable_add(struct writable *w, const char *path)
{
	if (w->count == MAX_WRITABLE || access(path, F_OK) < 0 ||
	    !rf_copy(w->own[w->count], sizeof(w->own[0]), path))
		return;
	for (size_t i = 0; i < w->count; i++) {
		if (strcmp(w->paths[i], path) == 0)
			return;
	}
	w->paths[w->count] = w->own[w->count];
	w->count++;
}

/* A file is written through its folder. */
static void writable_add_folder_of(struct writable *w, const char *path)
{
	const char *slash = strrchr(path, '/');
	char folder[512];

	if (slash && rf_format(folder, sizeof(folder), "%.*s",
			       (int)(slash == path ? 1 : slash - path), path))
		writable_add(w, folder);
}

static bool below(const char *path, const char *folder)
{
	size_t n = strlen(folder);

	return strncmp(path, folder, n) == 0 && path[n] == '/';
}

/* What a plan in force has changed elsewhere must be writable to be undone. */
static int target_visit(void *arg, const char *target)
{
	struct writable *w = arg;

	for (size_t i = 0; i < w->count; i++) {
		if (below(target, w->paths[i]))
			return 0;
	}
	if (target[0] == '/')
		writable_add_folder_of(w, target);
	return 0;
}

static int writable_list(struct session *s, const struct priv_options *options, struct writable *w,
			 struct rf_err *err)
{
	static const char *const live[] = {
		"/etc",	    "/proc/sys",    "/sys",  "/var/lib/libvirt",
		"/var/log", "/run/libvirt", "/boot", "/home",
		"/root",    "/srv",
	};
	char state[64];

	/* By descriptor: whatever its path is. */
	rf_format(state, sizeof(state), "/proc/self/fd/%d", s->engine.state_dir);
	writable_add(w, state);
	if (!s->engine.env.live) {
		writable_add(w, options->root);
		return 0;
	}
	for (size_t i = 0; i < RF_COUNT(live); i++)
		writable_add(w, live[i]);
	for (size_t i = 0; i < options->given_count; i++) {
		writable_add_folder_of(w, options->given[i]);
		/* Or it is a folder itself. */
		if (access(options->given[i], X_OK) == 0)
			target_visit(w, options->given[i]);
	}
	return engine_targets(&s->engine, target_visit, w, err);
}

static int lock_in(struct session *s, const struct priv_options *options, struct rf_err *err)
{
	RF_AUTOFREE struct writable *w = rf_alloc(1, sizeof(*w));

	if (!w)
		return rf_fail(err, -ENOMEM, "no memory");
	int rc = writable_list(s, options, w, err);

	return rc ? rc : sandbox_enter(SANDBOX_CHANGE, w->paths, w->count, s->missing, err);
}

static int session_open(struct session *s, const struct priv_options *options,
			const struct verb_set *verbs, struct rf_err *err)
{
	int rc = engine_open(&s->engine, options, verbs, err);

	if (!rc && s->engine.env.live)
		rc = hook_start(&s->engine.hooks, err);
	/* A daemon that ends while it is asked (libvirtd, restarted) is an error, not our death.
	 * Behind the hooks, whose programs would inherit it. */
	signal(SIGPIPE, SIG_IGN);
	if (!rc)
		rc = lock_in(s, options, err);
	s->engine.progress = progress_send;
	s->engine.progress_arg = s;
	return rc ? rc : engine_recover(&s->engine, &s->recovered, err);
}

/* The first question gets the reason. It is read before: a socket that is closed with something
 * unread resets the other end, which would lose the answer. */
static void refuse(int socket, int rc, const struct rf_err *why)
{
	RF_AUTOFREE struct priv_request *request = rf_alloc(1, sizeof(*request));
	struct call c = {.fd = -1};

	if (request && priv_receive(socket, request, sizeof(*request), &c.fd, NULL) == 0 &&
	    reply_send(socket, &c, rc, why) < 0)
		c.has_memory = false;
	if (c.fd >= 0)
		close(c.fd);
}

int priv_serve(int socket, const struct priv_options *options, const struct verb_set *verbs)
{
	struct session s = {.engine = {.env = {.root = -1}, .state_dir = -1, .hooks = -1},
			    .socket = socket};
	struct rf_err err = {0};
	int rc = session_open(&s, options, verbs, &err);

	if (rc < 0)
		refuse(socket, rc, &err);
	else
		serve(socket, &s);
	rf_buf_done(&s.recovered);
	engine_close(&s.engine);
	return rc < 0 ? 1 : 0;
}
