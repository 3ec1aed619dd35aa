/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal on disk. See journal.h. STATE/changes/ holds the lock and a folder for each plan:
 *
 *	plan.json   the plan as shown; never read here
 *	steps	    struct step_record, one for each change
 *	saved-N	    SHA-256 and the state of target N before the first change
 *	log	    struct log_record, appended; a torn last one was never acted on
 *	watch	    locked by the process that waits for a confirmation
 *
 * Byte order is the machine's: a journal does not leave it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "base/mem.h"
#include "base/str.h"
#include "change/files.h"
#include "change/journal.h"
#include "change/plan.h"

#define STEP_MAGIC   0x53464352u
#define LOG_MAGIC    0x4c464352u
#define MAX_LOG	     (16u << 20)
#define LOCK_POLL_MS 20

struct step_record {
	uint32_t magic, first; /* first: of its target */
	struct change_spec spec;
	uint8_t digest[CHANGE_DIGEST_BYTES];
};

struct log_record {
	uint32_t magic, number, event, target;
	int64_t value;
	uint8_t digest[CHANGE_DIGEST_BYTES];
};

struct journal_store {
	int folder, lock;
};

struct target {
	size_t first, count;
	bool touched, done;
};

struct journal {
	char id[CHANGE_ID_BYTES];
	int parent, folder, log;
	struct change_spec *steps;
	bool *firsts;
	size_t steps_count, steps_capacity, firsts_capacity;
	struct target *targets;
	size_t targets_count, targets_capacity;
	enum journal_state state;
	uint32_t records; /* of the log */
	int64_t deadline_ms;
	bool sealed;
};

static const char *const state_names[JOURNAL_STATE_COUNT] = {
	[JOURNAL_PREPARING] = "not begun",
	[JOURNAL_APPLYING] = "interrupted",
	[JOURNAL_UNCONFIRMED] = "waits for a confirmation",
	[JOURNAL_APPLIED] = "in force",
	[JOURNAL_UNDOING] = "being undone",
	[JOURNAL_UNDONE] = "undone",
	[JOURNAL_STUCK] = "cannot be undone completely",
};

const char *journal_state_name(enum journal_state state)
{
	return (unsigned)state < JOURNAL_STATE_COUNT ? state_names[state] : "?";
}

static int sha256(const void *data, size_t len, uint8_t out[CHANGE_DIGEST_BYTES])
{
	return EVP_Digest(data, len, out, NULL, EVP_sha256(), NULL) == 1 ? 0 : RF_E_CRYPTO;
}

/* ---- the store ---- */

static int lock_take(int fd, int64_t wait_ms)
{
	const struct timespec pause = {.tv_nsec = LOCK_POLL_MS * 1000000};

	for (int64_t waited = 0;; waited += LOCK_POLL_MS) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return 0;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		if (waited >= wait_ms)
			return RF_E_TIMEOUT;
		nanosleep(&pause, NULL);
	}
}

void journal_store_close(struct journal_store *store)
{
	if (!store)
		return;
	if (store->lock >= 0)
		close(store->lock);
	if (store->folder >= 0)
		close(store->folder);
	rf_free(store);
}

static int store_open(int state_dir, int64_t wait_ms, struct journal_store *store,
		      struct rf_err *err)
{
	if (mkdirat(state_dir, "changes", 0700) < 0 && errno != EEXIST)
		return rf_fail(err, -errno, "the folder of changes: %s", rf_code_text(-errno));
	store->folder =
		openat(state_dir, "changes", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (store->folder < 0)
		return rf_fail(err, -errno, "the folder of changes: %s", rf_code_text(-errno));
	store->lock =
		openat(store->folder, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (store->lock < 0)
		return rf_fail(err, -errno, "the lock of changes: %s", rf_code_text(-errno));
	int rc = lock_take(store->lock, wait_ms);

	return rc < 0 ? rf_fail(err, rc, "another change of this host is under way") : 0;
}

int journal_store_open(int state_dir, int64_t wait_ms, struct journal_store **out,
		       struct rf_err *err)
{
	struct journal_store *store = rf_alloc(1, sizeof(*store));

	if (!store)
		return rf_fail(err, -ENOMEM, "no memory");
	store->folder = store->lock = -1;
	int rc = store_open(state_dir, wait_ms, store, err);

	if (rc < 0) {
		journal_store_close(store);
		return rc;
	}
	*out = store;
	return 0;
}

/* ---- one plan ---- */

void journal_close(struct journal *journal)
{
	if (!journal)
		return;
	const int fds[] = {journal->parent, journal->folder, journal->log};

	for (size_t i = 0; i < RF_COUNT(fds); i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
	rf_free(journal->steps);
	rf_free(journal->firsts);
	rf_free(journal->targets);
	rf_free(journal);
}

/* No slash, no dot: nothing but a name of ours. */
static bool id_valid(const char *id)
{
	size_t len = strnlen(id, CHANGE_ID_BYTES);

	if (len == 0 || len == CHANGE_ID_BYTES)
		return false;
	for (const char *p = id; *p; p++) {
		if (!((*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'z') || *p == '-'))
			return false;
	}
	return true;
}

static int journal_new(struct journal_store *store, const char *id, struct journal **out,
		       struct rf_err *err)
{
	if (!id_valid(id))
		return rf_fail(err, RF_E_SYNTAX, "%.40s is no id of a change", id);
	struct journal *journal = rf_alloc(1, sizeof(*journal));

	if (!journal)
		return rf_fail(err, -ENOMEM, "no memory");
	rf_copy(journal->id, sizeof(journal->id), id);
	journal->folder = journal->log = -1;
	journal->parent = fcntl(store->folder, F_DUPFD_CLOEXEC, 3);
	if (journal->parent < 0) {
		journal_close(journal);
		return rf_fail(err, -errno, "changes: %s", rf_code_text(-errno));
	}
	*out = journal;
	return 0;
}

static int folder_open(struct journal *journal, int flags, struct rf_err *err)
{
	journal->folder = openat(journal->parent, journal->id,
				 O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (journal->folder < 0)
		return rf_fail(err, -errno, "change %s: %s", journal->id, rf_code_text(-errno));
	journal->log = openat(journal->folder, "log",
			      O_RDWR | O_APPEND | O_NOFOLLOW | O_CLOEXEC | flags, 0600);
	if (journal->log < 0)
		return rf_fail(err, -errno, "change %s: log: %s", journal->id,
			       rf_code_text(-errno));
	return 0;
}

int journal_begin(struct journal_store *store, const char *id, struct rf_slice plan_json,
		  struct journal **out, struct rf_err *err)
{
	struct journal *journal = NULL;
	int rc = journal_new(store, id, &journal, err);

	if (rc < 0)
		return rc;
	if (mkdirat(journal->parent, id, 0700) < 0)
		rc = rf_fail(err, -errno, "change %s: %s", id, rf_code_text(-errno));
	if (!rc)
		rc = folder_open(journal, O_CREAT | O_EXCL, err);
	if (!rc)
		rc = files_make(journal->folder, "plan.json", 0600, plan_json, err);
	if (rc < 0) {
		journal_close(journal);
		return rc;
	}
	*out = journal;
	return 0;
}

static int step_note(struct journal *journal, const struct change_spec *spec, bool first)
{
	if (journal->steps_count == CHANGE_MAX_STEPS)
		return RF_E_LIMIT;
	if (!first && journal->targets_count == 0)
		return RF_E_MISMATCH;
	if (rf_grow((void **)&journal->steps, &journal->steps_capacity, journal->steps_count + 1,
		    sizeof(*journal->steps)) < 0 ||
	    rf_grow((void **)&journal->firsts, &journal->firsts_capacity, journal->steps_count + 1,
		    sizeof(*journal->firsts)) < 0 ||
	    rf_grow((void **)&journal->targets, &journal->targets_capacity,
		    journal->targets_count + 1, sizeof(*journal->targets)) < 0)
		return -ENOMEM;
	if (first)
		journal->targets[journal->targets_count++] =
			(struct target){.first = journal->steps_count};
	journal->targets[journal->targets_count - 1].count++;
	journal->firsts[journal->steps_count] = first;
	journal->steps[journal->steps_count++] = *spec;
	return 0;
}

static void saved_name(size_t target, char out[32])
{
	rf_format(out, 32, "saved-%zu", target);
}

int journal_add(struct journal *journal, const struct change_spec *spec,
		const struct rf_slice *first_state, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf bytes = {0};
	uint8_t digest[CHANGE_DIGEST_BYTES];
	char name[32];

	if (journal->sealed)
		return rf_fail(err, RF_E_USAGE, "change %s is sealed", journal->id);
	int rc = step_note(journal, spec, first_state != NULL);

	if (rc < 0)
		return rf_fail(err, rc, "change %s: %s", journal->id, rf_code_text(rc));
	if (!first_state)
		return 0;
	rc = sha256(first_state->data, first_state->len, digest);
	if (rc < 0)
		return rf_fail(err, rc, "SHA-256 failed");
	rf_buf_add(&bytes, digest, sizeof(digest));
	rf_buf_add(&bytes, first_state->data, first_state->len);
	if (bytes.failed)
		return rf_fail(err, -ENOMEM, "no memory");
	saved_name(journal->targets_count - 1, name);
	return files_make(journal->folder, name, 0600, rf_buf_slice(&bytes), err);
}

static int steps_write(struct journal *journal, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf bytes = {0};
	RF_AUTOFREE struct step_record *r = rf_alloc(1, sizeof(*r));

	for (size_t i = 0; r && i < journal->steps_count; i++) {
		memset(r, 0, sizeof(*r));
		r->magic = STEP_MAGIC;
		r->first = journal->firsts[i];
		r->spec = journal->steps[i];
		if (sha256(r, offsetof(struct step_record, digest), r->digest) < 0)
			return rf_fail(err, RF_E_CRYPTO, "SHA-256 failed");
		rf_buf_add(&bytes, r, sizeof(*r));
	}
	if (!r || bytes.failed)
		return rf_fail(err, -ENOMEM, "no memory");
	return files_make(journal->folder, "steps", 0600, rf_buf_slice(&bytes), err);
}

int journal_seal(struct journal *journal, struct rf_err *err)
{
	int rc = steps_write(journal, err);

	if (!rc &&
	    (fsync(journal->log) < 0 || fsync(journal->folder) < 0 || fsync(journal->parent) < 0))
		rc = rf_fail(err, -errno, "change %s: %s", journal->id, rf_code_text(-errno));
	journal->sealed = rc == 0;
	return rc;
}

/* ---- the log ---- */

/* What an event makes of the state. */
static void event_note(struct journal *journal, const struct log_record *r)
{
	static const enum journal_state states[] = {
		[EVENT_START] = JOURNAL_APPLYING,
		[EVENT_INTENT] = JOURNAL_APPLYING,
		[EVENT_DONE] = JOURNAL_APPLYING,
		[EVENT_APPLIED] = JOURNAL_APPLIED,
		[EVENT_UNCONFIRMED] = JOURNAL_UNCONFIRMED,
		[EVENT_CONFIRMED] = JOURNAL_APPLIED,
		[EVENT_UNDO] = JOURNAL_UNDOING,
		[EVENT_UNDONE] = JOURNAL_UNDOING,
		[EVENT_END] = JOURNAL_UNDONE,
		[EVENT_STUCK] = JOURNAL_STUCK,
	};
	struct target *t = r->target < journal->targets_count ? &journal->targets[r->target] : NULL;

	/* An undoing that did not come to its end: what it was at may be half back. */
	for (size_t i = 0; r->event == EVENT_UNDO && journal->state == JOURNAL_UNDOING &&
			   i < journal->targets_count;
	     i++)
		journal->targets[i].done = false;
	journal->state = states[r->event];
	if (r->event == EVENT_UNCONFIRMED)
		journal->deadline_ms = r->value;
	if (t && r->event == EVENT_INTENT)
		t->touched = true;
	if (t && r->event == EVENT_DONE)
		t->done = true;
	if (t && r->event == EVENT_UNDONE)
		t->touched = false;
}

int journal_log(struct journal *journal, enum journal_event event, uint32_t target, int64_t value,
		struct rf_err *err)
{
	struct log_record r;

	memset(&r, 0, sizeof(r));
	r.magic = LOG_MAGIC;
	r.number = journal->records;
	r.event = (uint32_t)event;
	r.target = target;
	r.value = value;
	int rc = sha256(&r, offsetof(struct log_record, digest), r.digest);

	if (!rc)
		rc = rf_write_all(journal->log, (struct rf_slice){(uint8_t *)&r, sizeof(r)});
	if (!rc && fdatasync(journal->log) < 0)
		rc = -errno;
	if (rc < 0) {
		/* Half a record would hide all later ones. */
		if (ftruncate(journal->log, (off_t)(journal->records * sizeof(r))) < 0)
			rf_err_clear(err);
		return rf_fail(err, rc, "change %s: the journal cannot be written: %s", journal->id,
			       rf_code_text(rc));
	}
	journal->records++;
	event_note(journal, &r);
	return 0;
}

static int steps_load(struct journal *journal, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf bytes = {0};
	RF_AUTOFREE struct step_record *r = rf_alloc(1, sizeof(*r));
	uint8_t digest[CHANGE_DIGEST_BYTES];
	int rc = files_read(journal->folder, "steps", CHANGE_MAX_STEPS * sizeof(*r), &bytes, err);

	if (rc == -ENOENT)
		return 0;
	if (!rc && (!r || bytes.len % sizeof(*r) != 0))
		rc = rf_fail(err, r ? RF_E_MISMATCH : -ENOMEM, "its steps were altered");
	for (size_t at = 0; rc == 0 && at < bytes.len; at += sizeof(*r)) {
		memcpy(r, bytes.data + at, sizeof(*r));
		rc = sha256(r, offsetof(struct step_record, digest), digest);
		if (!rc && (r->magic != STEP_MAGIC || r->first > 1 ||
			    memcmp(digest, r->digest, sizeof(digest)) != 0))
			rc = rf_fail(err, RF_E_MISMATCH, "its steps were altered");
		if (!rc)
			rc = step_note(journal, &r->spec, r->first);
	}
	journal->sealed = rc == 0;
	return rc;
}

/* Records up to the first that is torn: what it says was not acted on. It is cut off. */
static int log_load(struct journal *journal, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf bytes = {0};
	uint8_t digest[CHANGE_DIGEST_BYTES];
	struct log_record r;
	int rc = files_read(journal->folder, "log", MAX_LOG, &bytes, err);

	for (size_t at = 0; rc == 0 && at + sizeof(r) <= bytes.len; at += sizeof(r)) {
		memcpy(&r, bytes.data + at, sizeof(r));
		rc = sha256(&r, offsetof(struct log_record, digest), digest);
		if (rc < 0 || r.magic != LOG_MAGIC || r.number != journal->records ||
		    r.event < EVENT_START || r.event > EVENT_STUCK ||
		    memcmp(digest, r.digest, sizeof(digest)) != 0)
			break;
		journal->records++;
		event_note(journal, &r);
	}
	if (!rc && ftruncate(journal->log, (off_t)(journal->records * sizeof(r))) < 0)
		rc = rf_fail(err, -errno, "log: %s", rf_code_text(-errno));
	return rc;
}

int journal_open(struct journal_store *store, const char *id, struct journal **out,
		 struct rf_err *err)
{
	struct journal *journal = NULL;
	int rc = journal_new(store, id, &journal, err);

	if (rc < 0)
		return rc;
	/* A crash right behind mkdir leaves a folder without a log: nothing was begun. */
	rc = folder_open(journal, O_CREAT, err);
	if (!rc)
		rc = steps_load(journal, err);
	if (!rc)
		rc = log_load(journal, err);
	if (rc < 0) {
		journal_close(journal);
		return rf_wrap(err, rc, "change %s", id);
	}
	*out = journal;
	return 0;
}

/* ---- what is known ---- */

size_t journal_steps(const struct journal *journal)
{
	return journal->steps_count;
}

const struct change_spec *journal_step(const struct journal *journal, size_t i)
{
	return &journal->steps[i];
}

size_t journal_targets(const struct journal *journal)
{
	return journal->targets_count;
}

void journal_target(const struct journal *journal, size_t target, size_t *first, size_t *count)
{
	*first = journal->targets[target].first;
	*count = journal->targets[target].count;
}

int journal_saved(const struct journal *journal, size_t target, struct rf_buf *out,
		  struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf bytes = {0};
	uint8_t digest[CHANGE_DIGEST_BYTES];
	char name[32];

	saved_name(target, name);
	int rc = files_read(journal->folder, name, CHANGE_MAX_STATE + sizeof(digest), &bytes, err);

	if (rc < 0)
		return rc;
	if (bytes.len < sizeof(digest) ||
	    sha256(bytes.data + sizeof(digest), bytes.len - sizeof(digest), digest) < 0 ||
	    memcmp(bytes.data, digest, sizeof(digest)) != 0)
		return rf_fail(err, RF_E_MISMATCH, "%s: the saved state was altered", name);
	return rf_buf_add(out, bytes.data + sizeof(digest), bytes.len - sizeof(digest));
}

enum journal_state journal_state(const struct journal *journal)
{
	return journal->state;
}

bool journal_touched(const struct journal *journal, size_t target)
{
	return journal->targets[target].touched;
}

bool journal_done(const struct journal *journal, size_t target)
{
	return journal->targets[target].done;
}

int64_t journal_deadline_ms(const struct journal *journal)
{
	return journal->deadline_ms;
}

const char *journal_id(const struct journal *journal)
{
	return journal->id;
}

int journal_watch(const struct journal *journal, int *out_fd)
{
	int fd = openat(journal->folder, "watch", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		int rc = errno == EWOULDBLOCK ? RF_E_TIMEOUT : -errno;

		close(fd);
		return rc;
	}
	*out_fd = fd;
	return 0;
}

int journal_each(struct journal_store *store, int (*visit)(void *arg, const char *id), void *arg,
		 struct rf_err *err)
{
	struct dirent **names = NULL;
	int count = scandirat(store->folder, ".", &names, NULL, alphasort);
	int rc = count < 0 ? rf_fail(err, -errno, "changes: %s", rf_code_text(-errno)) : 0;

	for (int i = 0; i < count; i++) {
		if (rc >= 0 && id_valid(names[i]->d_name) && strcmp(names[i]->d_name, "lock") != 0)
			rc = visit(arg, names[i]->d_name);
		rf_free(names[i]);
	}
	rf_free(names);
	return rc < 0 ? rc : 0;
}
