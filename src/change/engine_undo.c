/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Undoing: after a failure, on demand, when nobody confirmed, and after a crash. What a target is
 * now decides: as before, nothing to do; as planned, the saved state is put back; interrupted in
 * the middle of a put that is not all or nothing, likewise; anything else is somebody's work, which
 * is not overwritten.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "change/engine.h"
#include "change/engine_parts.h"

#define LOCK_WAIT_MS  10000
#define PEER_PAUSE_MS 250
#define WATCH_WAIT_MS 600000

/* ---- one target ---- */

/* Puts the saved state back and looks whether it is there. */
static int saved_put(struct engine *engine, struct journal *journal, uint32_t target,
		     const struct verb_kind *kind, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf saved = {0};
	size_t first, count;

	journal_target(journal, target, &first, &count);
	const struct change_spec *spec = journal_step(journal, first);
	int rc = journal_saved(journal, target, &saved, err);

	if (!rc)
		rc = kind->put(&engine->env, spec->target, rf_buf_slice(&saved), err);
	return rc ? rc : engine_is(engine, kind, spec->target, spec->before, err);
}

bool engine_is_gone(struct engine *engine, const struct verb_kind *kind, const char *target)
{
	RF_AUTOBUF struct rf_buf state = {0};

	return kind->gone && kind->read(&engine->env, target, &state, NULL) == 0 &&
	       kind->gone(rf_buf_slice(&state));
}

static int target_undo(struct engine *engine, struct journal *journal, uint32_t target,
		       struct rf_err *err)
{
	size_t first, count;

	journal_target(journal, target, &first, &count);
	const struct change_spec *steps = journal_step(journal, first);
	const struct verb *verb = verb_find(engine->verbs, steps->verb);

	if (!verb)
		return rf_fail(err, RF_E_UNKNOWN, "there is no verb %s any more", steps->verb);
	if (verb->kind->bury && engine_is_gone(engine, verb->kind, steps->target)) {
		int buried = verb->kind->bury(&engine->env, steps->target, err);

		return buried ? buried : journal_log(journal, EVENT_UNDONE, target, 0, err);
	}
	bool done = journal_done(journal, target);
	int rc = engine_is(engine, verb->kind, steps->target, steps->before, err);

	if (rc == 0) {
		/* An interrupted put may have left something beside the target: putting again
		 * tidies. Where that is not possible nothing was left either. */
		if (!done && saved_put(engine, journal, target, verb->kind, NULL) < 0)
			rc = engine_is(engine, verb->kind, steps->target, steps->before, err);
		return rc ? rc : journal_log(journal, EVENT_UNDONE, target, 0, err);
	}
	if (rc == RF_E_CHANGED && engine_is_gone(engine, verb->kind, steps->target))
		return journal_log(journal, EVENT_UNDONE, target, 0, err);
	if (rc == RF_E_CHANGED)
		rc = engine_is(engine, verb->kind, steps->target, steps[count - 1].after, err);
	if (rc == RF_E_CHANGED && verb->kind->partial && !done)
		rc = 0;
	if (!rc)
		rc = saved_put(engine, journal, target, verb->kind, err);
	return rc ? rc : journal_log(journal, EVENT_UNDONE, target, 0, err);
}

/* Somebody who is asked to put it back does not answer: a moment later he may. */
static int target_undo_patiently(struct engine *engine, struct journal *journal, uint32_t target,
				 unsigned *tries, struct rf_err *err)
{
	const struct timespec pause = {.tv_nsec = PEER_PAUSE_MS * 1000000};
	int rc = target_undo(engine, journal, target, err);

	for (; rc == RF_E_PEER && *tries; (*tries)--) {
		nanosleep(&pause, NULL);
		rf_err_clear(err);
		rc = target_undo(engine, journal, target, err);
	}
	return rc;
}

int engine_undo(struct engine *engine, struct journal *journal, struct rf_err *err)
{
	struct rf_err first = {0};
	size_t stuck = 0, waiting = 0;
	unsigned tries = engine->peer_tries;

	rf_copy(engine->env.scratch, sizeof(engine->env.scratch), journal_id(journal));
	int rc = journal_log(journal, EVENT_UNDO, 0, 0, err);

	for (size_t t = journal_targets(journal); rc == 0 && t-- > 0;) {
		struct rf_err why = {0};

		if (!journal_touched(journal, t))
			continue;
		int one = target_undo_patiently(engine, journal, (uint32_t)t, &tries, &why);

		if (one < 0 && stuck + waiting == 0)
			first = why;
		waiting += one == RF_E_PEER;
		stuck += one < 0 && one != RF_E_PEER;
	}
	if (rc < 0)
		return rc;
	/* The plan stays one that is being undone: the next start goes on. */
	if (waiting && !stuck)
		return rf_fail(err, RF_E_PEER,
			       "%.300s (%zu of %zu targets; the next command, or `ringfence "
			       "recover`, goes on)",
			       first.text, waiting, journal_targets(journal));
	stuck += waiting;
	rc = journal_log(journal, stuck ? EVENT_STUCK : EVENT_END, 0, 0, err);
	if (rc == 0 && stuck)
		rc = rf_fail(err, RF_E_CHANGED, "%.300s (%zu of %zu targets)", first.text, stuck,
			     journal_targets(journal));
	return rc;
}

/* ---- on demand ---- */

/* The target that a later kind of change of the plan touched too, or the number of targets. */
static size_t later_touch(const struct journal *journal, size_t target)
{
	size_t first, count, t, n = journal_targets(journal);

	journal_target(journal, target, &first, &count);
	const char *name = journal_step(journal, first)->target;

	for (t = target + 1; t < n; t++) {
		journal_target(journal, t, &first, &count);
		if (journal_touched(journal, t) &&
		    strcmp(journal_step(journal, first)->target, name) == 0)
			break;
	}
	return t;
}

/* The state that a target had behind its own changes, and before a later kind's. */
static int own_state(struct engine *engine, struct journal *journal, size_t target,
		     const struct verb_kind *kind, struct rf_buf *out, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf now = {0}, part = {0};
	size_t first, count, later = later_touch(journal, target);

	journal_target(journal, target, &first, &count);
	int rc = kind->read(&engine->env, journal_step(journal, first)->target, &now, err);

	if (!rc && (later == journal_targets(journal) || !kind->merge))
		return rf_buf_add(out, now.data, now.len);
	if (!rc)
		rc = journal_saved(journal, later, &part, err);
	return rc ? rc : kind->merge(rf_buf_slice(&now), rf_buf_slice(&part), out);
}

static int as_planned(struct engine *engine, struct journal *journal, size_t target,
		      struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf state = {0};
	uint8_t digest[CHANGE_DIGEST_BYTES];
	size_t first, count;

	journal_target(journal, target, &first, &count);
	const struct change_spec *steps = journal_step(journal, first);
	const struct verb *verb = verb_find(engine->verbs, steps->verb);

	if (!verb)
		return rf_fail(err, RF_E_UNKNOWN, "there is no verb %s any more", steps->verb);
	int rc = own_state(engine, journal, target, verb->kind, &state, err);

	if (!rc)
		rc = verb_digest(verb->kind, rf_buf_slice(&state), digest, err);
	if (!rc && memcmp(digest, steps[count - 1].after, sizeof(digest)) != 0 &&
	    memcmp(digest, steps->before, sizeof(digest)) != 0 &&
	    !(verb->kind->gone && verb->kind->gone(rf_buf_slice(&state))))
		rc = rf_fail(err, RF_E_CHANGED, "%s was changed by somebody else meanwhile",
			     steps->target);
	return rc;
}

/* A rollback is refused before anything is touched when one target is not as the plan left it. */
static int all_as_planned(struct engine *engine, struct journal *journal, struct rf_err *err)
{
	int rc = 0;

	for (size_t t = 0; rc == 0 && t < journal_targets(journal); t++) {
		if (journal_touched(journal, t))
			rc = as_planned(engine, journal, t, err);
	}
	return rc == RF_E_CHANGED ? rf_wrap(err, rc, "nothing was undone") : rc;
}

struct newest {
	struct engine *engine;
	struct journal_store *store;
	char id[CHANGE_ID_BYTES];
};

static int newest_visit(void *arg, const char *id)
{
	struct newest *n = arg;
	struct journal *journal = NULL;

	if (journal_open(n->store, id, &journal, NULL) < 0)
		return 0;
	if (journal_state(journal) == JOURNAL_APPLIED ||
	    journal_state(journal) == JOURNAL_UNCONFIRMED)
		rf_copy(n->id, sizeof(n->id), id);
	journal_close(journal);
	return 0;
}

static int rollback_open(struct engine *engine, struct journal_store *store, const char *id,
			 struct journal **out, struct rf_err *err)
{
	struct newest newest = {.engine = engine, .store = store};

	if (!id[0]) {
		int rc = journal_each(store, newest_visit, &newest, err);

		if (rc < 0)
			return rc;
		if (!newest.id[0])
			return rf_fail(err, RF_E_MISSING, "no change is in force");
		id = newest.id;
	}
	return journal_open(store, id, out, err);
}

static int rollback_do(struct engine *engine, struct journal *journal, struct priv_result *out,
		       struct rf_err *err)
{
	enum journal_state state = journal_state(journal);
	char text[96];

	if (state == JOURNAL_PREPARING || state == JOURNAL_UNDONE)
		return rf_fail(err, RF_E_MISSING, "change %s is %s: there is nothing to undo",
			       journal_id(journal), journal_state_name(state));
	int rc = all_as_planned(engine, journal, err);

	for (size_t t = 0; t < journal_targets(journal); t++)
		out->applied_count += journal_touched(journal, t);
	rf_format(text, sizeof(text), "%zu targets", out->applied_count);
	if (!rc)
		rc = engine_note(engine, "rollback", journal_id(journal), text, err);
	if (!rc)
		rc = engine_undo(engine, journal, err);
	out->undone = rc == 0;
	rf_copy(out->text, sizeof(out->text), journal_id(journal));
	return rc;
}

int engine_rollback(struct engine *engine, const char *id, struct priv_result *out,
		    struct rf_err *err)
{
	struct journal_store *store = NULL;
	struct journal *journal = NULL;

	memset(out, 0, sizeof(*out));
	int rc = journal_store_open(engine->state_dir, LOCK_WAIT_MS, &store, err);

	if (!rc)
		rc = rollback_open(engine, store, id, &journal, err);
	if (!rc)
		rc = rollback_do(engine, journal, out, err);
	engine->journal = journal;
	if (!rc && engine_hooks(engine, false, NULL, out, NULL) < 0)
		out->undone = false;
	engine->journal = NULL;
	journal_close(journal);
	journal_store_close(store);
	return rc;
}

/* ---- a part ---- */

static bool in_part(const struct journal *journal, size_t target, const char *part)
{
	size_t first, count;

	journal_target(journal, target, &first, &count);
	return journal_touched(journal, target) &&
	       strcmp(journal_step(journal, first)->part, part) == 0;
}

/* What a crash left in the middle of being put back is ours, whatever it is now. */
static int part_as_planned(struct engine *engine, struct journal *journal, const char *part,
			   size_t *out_count, struct rf_err *err)
{
	int rc = 0;

	for (size_t t = 0; rc == 0 && t < journal_targets(journal); t++) {
		if (!in_part(journal, t, part))
			continue;
		(*out_count)++;
		if (journal_done(journal, t))
			rc = as_planned(engine, journal, t, err);
	}
	if (!rc && !*out_count)
		rc = rf_fail(err, RF_E_MISSING, "change %s has nothing in force for %s",
			     journal_id(journal), part);
	return rc == RF_E_CHANGED ? rf_wrap(err, rc, "nothing was undone") : rc;
}

static int part_undo(struct engine *engine, struct journal *journal, const char *part,
		     struct rf_err *err)
{
	bool left = false;
	int rc = 0;

	rf_copy(engine->env.scratch, sizeof(engine->env.scratch), journal_id(journal));
	for (size_t t = journal_targets(journal); rc == 0 && t-- > 0;) {
		if (!in_part(journal, t, part))
			continue;
		rc = journal_log(journal, EVENT_LET_GO, (uint32_t)t, 0, err);
		if (!rc)
			rc = target_undo(engine, journal, (uint32_t)t, err);
	}
	for (size_t t = 0; t < journal_targets(journal); t++)
		left = left || journal_touched(journal, t);
	return rc || left ? rc : journal_log(journal, EVENT_END, 0, 0, err);
}

int engine_let_go(struct engine *engine, const char *id, const char *part, struct priv_result *out,
		  struct rf_err *err)
{
	struct journal_store *store = NULL;
	struct journal *journal = NULL;
	char text[96];

	memset(out, 0, sizeof(*out));
	int rc = journal_store_open(engine->state_dir, LOCK_WAIT_MS, &store, err);

	if (!rc)
		rc = journal_open(store, id, &journal, err);
	if (!rc)
		rc = part_as_planned(engine, journal, part, &out->applied_count, err);
	rf_format(text, sizeof(text), "%zu targets of %.40s", out->applied_count, part);
	if (!rc)
		rc = engine_note(engine, "rollback", id, text, err);
	if (!rc)
		rc = part_undo(engine, journal, part, err);
	out->undone = rc == 0;
	rf_copy(out->text, sizeof(out->text), id);
	journal_close(journal);
	journal_store_close(store);
	return rc;
}

int engine_confirm(struct engine *engine, const char *id, struct rf_err *err)
{
	struct journal_store *store = NULL;
	struct journal *journal = NULL;
	int rc = journal_store_open(engine->state_dir, LOCK_WAIT_MS, &store, err);

	if (!rc)
		rc = journal_open(store, id, &journal, err);
	if (!rc && journal_state(journal) != JOURNAL_UNCONFIRMED)
		rc = rf_fail(err, RF_E_MISSING, "change %s is %s: there is nothing to confirm", id,
			     journal_state_name(journal_state(journal)));
	if (!rc)
		rc = engine_note(engine, "confirmed", id, NULL, err);
	if (!rc)
		rc = journal_log(journal, EVENT_CONFIRMED, 0, 0, err);
	journal_close(journal);
	journal_store_close(store);
	return rc;
}

/* ---- nobody confirmed ---- */

/* Under the store's lock: the state may have changed while we waited for it. */
static void watch_end(struct engine *engine, const char *id)
{
	struct journal_store *store = NULL;
	struct journal *journal = NULL;

	if (journal_store_open(engine->state_dir, WATCH_WAIT_MS, &store, NULL) == 0 &&
	    journal_open(store, id, &journal, NULL) == 0 &&
	    journal_state(journal) == JOURNAL_UNCONFIRMED) {
		int noted = engine_note(engine, "rollback", id, "nobody confirmed in time", NULL);
		int undone = engine_undo(engine, journal, NULL);

		engine->journal = journal;
		if (noted == 0 && undone == 0 && engine_hooks(engine, false, NULL, NULL, NULL) < 0)
			undone = -1;
		engine->journal = NULL;
	}
	journal_close(journal);
	journal_store_close(store);
	_exit(0);
}

static void watch_run(struct engine *engine, const char *id, int lock, unsigned seconds, int ready)
{
	struct timespec end;

	setsid();
	signal(SIGHUP, SIG_IGN);
	/* The lock of the store, the caller's socket and streams are not ours to hold. */
	for (int fd = 0; fd < 256; fd++) {
		if (fd != engine->state_dir && fd != engine->env.root && fd != lock &&
		    fd != engine->hooks && fd != ready)
			close(fd);
	}
	engine->store = NULL;
	engine->journal = NULL;
	/* Boot time: a host that sleeps is as cut off as one that does not. */
	clock_gettime(CLOCK_BOOTTIME, &end);
	end.tv_sec += seconds;
	if (write(ready, "", 1) != 1)
		_exit(1);
	close(ready);
	while (clock_nanosleep(CLOCK_BOOTTIME, TIMER_ABSTIME, &end, NULL) == EINTR)
		;
	watch_end(engine, id);
}

int engine_watch(struct engine *engine, const char *id, unsigned seconds, struct rf_err *err)
{
	int lock, ready[2], status = 0;
	char byte, own[CHANGE_ID_BYTES];
	int rc = journal_watch(engine->journal, &lock);

	rf_copy(own, sizeof(own), id);
	if (rc < 0 || pipe(ready) < 0)
		return rf_fail(err, rc < 0 ? rc : -errno, "no watcher can be left behind");
	pid_t pid = fork();

	if (pid == 0) {
		close(ready[0]);
		pid = fork();
		if (pid == 0)
			watch_run(engine, own, lock, seconds, ready[1]);
		_exit(pid < 0);
	}
	close(lock);
	close(ready[1]);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	/* Only a watcher that said so is one. */
	ssize_t n = pid > 0 && status == 0 ? read(ready[0], &byte, 1) : 0;

	close(ready[0]);
	return n == 1 ? 0
		      : rf_fail(err, -EAGAIN,
				"no watcher could be left behind that undoes the change");
}

/* ---- after a crash ---- */

struct recovery {
	struct engine *engine;
	struct journal_store *store;
	struct rf_buf *said;
	struct rf_err *err;
};

/* Has nobody watched it since the crash? */
static bool unwatched(const struct journal *journal)
{
	int fd;

	if (journal_watch(journal, &fd) < 0)
		return false;
	close(fd);
	return true;
}

static int recover_one(struct recovery *r, struct journal *journal, const char *why)
{
	struct rf_err err = {0};
	char text[160];

	rf_format(text, sizeof(text), "%s: it is undone", why);
	int rc = engine_note(r->engine, "recover", journal_id(journal), text, r->err);

	if (rc < 0)
		return rc;
	rc = engine_undo(r->engine, journal, &err);
	rf_buf_printf(r->said, "change %s %s; %s%s\n", journal_id(journal), why,
		      rc == 0 ? "it was undone" : "it could not be undone completely: ",
		      rc == 0 ? "" : rf_err_text(&err));
	return 0;
}

static int recover_visit(void *arg, const char *id)
{
	struct recovery *r = arg;
	struct journal *journal = NULL;
	struct rf_err err = {0};
	int rc = journal_open(r->store, id, &journal, &err);

	if (rc < 0) {
		rf_buf_printf(r->said, "%s\n", rf_err_text(&err));
		return 0;
	}
	switch (journal_state(journal)) {
	case JOURNAL_APPLYING:
	case JOURNAL_UNDOING:
		rc = recover_one(r, journal, "was interrupted");
		break;
	case JOURNAL_UNCONFIRMED:
		if (unwatched(journal))
			rc = recover_one(r, journal, "was not confirmed before the watcher ended");
		break;
	default:
		journal_discard(journal);
		break;
	}
	journal_close(journal);
	return rc;
}

int engine_recover(struct engine *engine, struct rf_buf *said, struct rf_err *err)
{
	struct recovery r = {.engine = engine, .said = said, .err = err};
	int rc = journal_store_open(engine->state_dir, LOCK_WAIT_MS, &r.store, err);

	if (!rc)
		rc = journal_each(r.store, recover_visit, &r, err);
	journal_store_close(r.store);
	return rc;
}

/* ---- what may have to be undone ---- */

struct targets {
	struct journal_store *store;
	int (*visit)(void *arg, const char *target);
	void *arg;
};

static int targets_visit(void *arg, const char *id)
{
	struct targets *t = arg;
	struct journal *journal = NULL;
	int rc = 0;

	/* One that cannot be read is told of by engine_recover. */
	if (journal_open(t->store, id, &journal, NULL) < 0)
		return 0;
	enum journal_state state = journal_state(journal);
	bool matters = state != JOURNAL_PREPARING && state != JOURNAL_UNDONE;

	for (size_t i = 0; rc == 0 && matters && i < journal_steps(journal); i++)
		rc = t->visit(t->arg, journal_step(journal, i)->target);
	journal_close(journal);
	return rc;
}

int engine_targets(struct engine *engine, int (*visit)(void *arg, const char *target), void *arg,
		   struct rf_err *err)
{
	struct targets t = {.visit = visit, .arg = arg};
	int rc = journal_store_open(engine->state_dir, LOCK_WAIT_MS, &t.store, err);

	if (!rc)
		rc = journal_each(t.store, targets_visit, &t, err);
	journal_store_close(t.store);
	return rc;
}
