/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal on disk. See journal.h. STATE/changes/ holds the lock and a folder for each plan:
 *
 *	plan.json   the plan as shown; never read here
 *	steps	    struct step_record, one for each change; behind the first of a target its state
 *		    before the first change; at the end struct end_record. In one file, so that one
 *		    fsync makes it durable. Without its end nothing was begun
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

#define STEP_MAGIC	  0x53464352u
#define END_MAGIC	  0x45464352u
#define LOG_MAGIC	  0x4c464352u
#define MAX_LOG		  (16u << 20)
#define LOCK_POLL_MS	  20
#define RECORDS_OF_PLAN	  32
#define RECORDS_OF_TARGET 8

struct step_record {
	uint32_t magic, first; /* first: of its target */
	struct change_spec spec;
	uint64_t state_bytes; /* behind the record */
	uint8_t state_digest[CHANGE_DIGEST_BYTES];
	uint8_t digest[CHANGE_DIGEST_BYTES];
};

struct end_record {
	uint32_t magic, count; /* of steps */
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
	off_t at; /* of its saved state in "steps" */
	size_t bytes;
	uint8_t digest[CHANGE_DIGEST_BYTES];
};

struct journal {
	char id[CHANGE_ID_BYTES];
	int parent, folder, log, file; /* file: "steps" */
	off_t file_bytes;
	struct change_spec *steps;
	bool *firsts;
	size_t steps_count, steps_capacity, firsts_capacity;
	struct target *targets;
	size_t targets_count, targets_capacity;
	enum journal_state state;
	uint32_t records; /* of the log */
	int64_t deadline_ms;
	bool sealed, quick;
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
	const int fds[] = {journal->parent, journal->folder, journal->log, journal->file};

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
	journal->folder = journal->log = journal->file = -1;
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
	journal->file = openat(journal->folder, "steps",
			       O_RDWR | O_APPEND | O_NOFOLLOW | O_CLOEXEC | flags, 0600);
	if (journal->file < 0)
		return rf_fail(err, -errno, "change %s: steps: %s", journal->id,
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
		rc = files_put(journal->folder, "plan.json", 0600, plan_json, err);
	if (rc < 0) {
		/* Not one that was there before. */
		if (rc != -EEXIST)
			journal_discard(journal);
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

static int append(struct journal *journal, const void *data, size_t len, struct rf_err *err)
{
	int rc = rf_write_all(journal->file, (struct rf_slice){data, len});

	if (rc < 0)
		return rf_fail(err, rc, "change %s: steps: %s", journal->id, rf_code_text(rc));
	journal->file_bytes += (off_t)len;
	return 0;
}

static void state_note(struct journal *journal, const struct step_record *r, off_t at)
{
	struct target *t = &journal->targets[journal->targets_count - 1];

	t->at = at;
	t->bytes = (size_t)r->state_bytes;
	memcpy(t->digest, r->state_digest, sizeof(t->digest));
}

void journal_discard(struct journal *journal)
{
	static const char *const names[] = {"plan.json", "steps", "log"};

	if (!journal || journal->sealed || journal->records)
		return;
	for (size_t i = 0; journal->folder >= 0 && i < RF_COUNT(names); i++)
		(void)unlinkat(journal->folder, names[i], 0);
	(void)unlinkat(journal->parent, journal->id, AT_REMOVEDIR);
}

int journal_add(struct journal *journal, const struct change_spec *spec,
		const struct rf_slice *first_state, struct rf_err *err)
{
	RF_AUTOFREE struct step_record *r = rf_alloc(1, sizeof(*r));
	int rc = r ? 0 : -ENOMEM;

	if (journal->sealed)
		return rf_fail(err, RF_E_USAGE, "change %s is sealed", journal->id);
	if (!rc)
		rc = step_note(journal, spec, first_state != NULL);
	if (rc < 0)
		return rf_fail(err, rc, "change %s: %s", journal->id, rf_code_text(rc));
	r->magic = STEP_MAGIC;
	r->first = first_state != NULL;
	r->spec = *spec;
	r->state_bytes = first_state ? first_state->len : 0;
	if ((first_state && sha256(first_state->data, first_state->len, r->state_digest) < 0) ||
	    sha256(r, offsetof(struct step_record, digest), r->digest) < 0)
		return rf_fail(err, RF_E_CRYPTO, "SHA-256 failed");
	rc = append(journal, r, sizeof(*r), err);
	if (rc < 0 || !first_state)
		return rc;
	state_note(journal, r, journal->file_bytes);
	return append(journal, first_state->data, first_state->len, err);
}

static int end_make(uint32_t count, struct end_record *out)
{
	memset(out, 0, sizeof(*out));
	out->magic = END_MAGIC;
	out->count = count;
	return sha256(out, offsetof(struct end_record, digest), out->digest);
}

/* Room for every record of applying and undoing: a disk that is full by then hinders neither. A
 * file system that cannot set room aside does without. */
static int room_take(struct journal *journal, struct rf_err *err)
{
	size_t records = RECORDS_OF_PLAN + RECORDS_OF_TARGET * journal->targets_count;

	if (fallocate(journal->log, FALLOC_FL_KEEP_SIZE, 0,
		      (off_t)(records * sizeof(struct log_record))) == 0 ||
	    (errno != ENOSPC && errno != EDQUOT))
		return 0;
	return rf_fail(err, -errno, "change %s: the journal cannot be written: %s", journal->id,
		       rf_code_text(-errno));
}

int journal_seal(struct journal *journal, struct rf_err *err)
{
	struct end_record end;
	int rc = end_make((uint32_t)journal->steps_count, &end);

	if (rc < 0)
		return rf_fail(err, rc, "SHA-256 failed");
	rc = room_take(journal, err);
	if (rc < 0)
		return rc;
	rc = append(journal, &end, sizeof(end), err);
	if (!rc && fsync(journal->file) < 0)
		rc = rf_fail(err, -errno, "change %s: steps: %s", journal->id,
			     rf_code_text(-errno));
	journal->sealed = rc == 0;
	return rc;
}

int journal_sync(struct journal *journal, struct rf_err *err)
{
	journal->quick = false;
	if (fsync(journal->log) < 0 || fsync(journal->folder) < 0 || fsync(journal->parent) < 0)
		return rf_fail(err, -errno, "change %s: %s", journal->id, rf_code_text(-errno));
	return 0;
}

void journal_quick(struct journal *journal)
{
	journal->quick = true;
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
		[EVENT_END] = JOURNAL_UNDONE,
		[EVENT_STUCK] = JOURNAL_STUCK,
	};
	struct target *t = r->target < journal->targets_count ? &journal->targets[r->target] : NULL;

	/* An undoing that did not come to its end: what it was at may be half back. */
	for (size_t i = 0; r->event == EVENT_UNDO && journal->state == JOURNAL_UNDOING &&
			   i < journal->targets_count;
	     i++)
		journal->targets[i].done = false;
	/* One target more or less: where the plan stands is as before. */
	if (r->event != EVENT_UNDONE && r->event != EVENT_LET_GO)
		journal->state = states[r->event];
	if (r->event == EVENT_UNCONFIRMED)
		journal->deadline_ms = r->value;
	if (t && r->event == EVENT_INTENT)
		t->touched = true;
	if (t && r->event == EVENT_DONE)
		t->done = true;
	if (t && r->event == EVENT_UNDONE)
		t->touched = false;
	if (t && r->event == EVENT_LET_GO)
		t->done = false;
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
	if (!rc && !journal->quick && fdatasync(journal->log) < 0)
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

static int altered(struct rf_err *err)
{
	return rf_fail(err, RF_E_MISMATCH, "its steps were altered");
}

static bool read_at(const struct journal *journal, off_t at, void *out, size_t len)
{
	size_t got = 0;

	for (ssize_t n = 1; got < len && n > 0; got += n > 0 ? (size_t)n : 0)
		n = pread(journal->file, (uint8_t *)out + got, len - got, at + (off_t)got);
	return got == len;
}

/* One step; the state behind it is left for journal_saved. */
static int step_load(struct journal *journal, off_t end, off_t *at, struct step_record *r,
		     struct rf_err *err)
{
	uint8_t digest[CHANGE_DIGEST_BYTES];

	if (end - *at < (off_t)sizeof(*r) || !read_at(journal, *at, r, sizeof(*r)) ||
	    sha256(r, offsetof(struct step_record, digest), digest) < 0)
		return altered(err);
	*at += (off_t)sizeof(*r);
	if (r->magic != STEP_MAGIC || r->first > 1 || r->state_bytes > (uint64_t)(end - *at) ||
	    memcmp(digest, r->digest, sizeof(digest)) != 0)
		return altered(err);
	int rc = step_note(journal, &r->spec, r->first);

	if (rc < 0)
		return rf_fail(err, rc, "its steps: %s", rf_code_text(rc));
	if (r->first)
		state_note(journal, r, *at);
	*at += (off_t)r->state_bytes;
	return 0;
}

/* Without its end it was being written when a crash came: nothing was begun. */
static bool is_whole(const struct journal *journal, off_t bytes, uint32_t *out_count)
{
	struct end_record end, wanted;

	if (bytes < (off_t)sizeof(end) ||
	    !read_at(journal, bytes - (off_t)sizeof(end), &end, sizeof(end)))
		return false;
	*out_count = end.count;
	return end_make(end.count, &wanted) == 0 && memcmp(&end, &wanted, sizeof(end)) == 0;
}

static int steps_load(struct journal *journal, struct rf_err *err)
{
	RF_AUTOFREE struct step_record *r = rf_alloc(1, sizeof(*r));
	struct stat st;
	uint32_t count = 0;
	off_t at = 0, end;
	int rc = r ? 0 : rf_fail(err, -ENOMEM, "no memory");

	if (!rc && fstat(journal->file, &st) < 0)
		return rf_fail(err, -errno, "steps: %s", rf_code_text(-errno));
	if (rc < 0 || !is_whole(journal, st.st_size, &count))
		return rc;
	end = st.st_size - (off_t)sizeof(struct end_record);
	while (rc == 0 && at < end)
		rc = step_load(journal, end, &at, r, err);
	if (!rc && journal->steps_count != count)
		rc = altered(err);
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
		    r.event < EVENT_START || r.event > EVENT_LAST ||
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
	const struct target *t = &journal->targets[target];
	uint8_t digest[CHANGE_DIGEST_BYTES];
	uint8_t *to = rf_buf_reserve(out, t->bytes + 1);

	if (!to)
		return rf_fail(err, -ENOMEM, "no memory");
	if (!read_at(journal, t->at, to, t->bytes) || sha256(to, t->bytes, digest) < 0 ||
	    memcmp(t->digest, digest, sizeof(digest)) != 0)
		return rf_fail(err, RF_E_MISMATCH,
			       "change %s: the saved state of target %zu was altered", journal->id,
			       target);
	out->len += t->bytes;
	return 0;
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
