/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ledger's file: opening, repair of what a crash may leave, appending. See ledger.h.
 * Opening needs the end of the file only: a checkpoint's line (line.c) has the tree's nodes. They
 * are no promise: their root must be the signed one.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/str.h"
#include "govern/parts.h"

/* A key of the ledger as PEM or as a line. */
#define KEY_FILE_BYTES 4096
#define FOLDER	       "ledger"
#define TAIL_BYTES     (8u * LEDGER_MAX_LINE_BYTES)

struct ledger {
	int folder, file;
	off_t end; /* of what is signed */
	struct note_key key;
	char public_key[NOTE_KEY_TEXT];
	struct ledger_tree tree;
	char origin[LEDGER_ORIGIN_BYTES];
	char note[NOTE_MAX_BYTES];
};

uint64_t ledger_size(const struct ledger *ledger)
{
	return ledger->tree.size;
}

const char *ledger_checkpoint(const struct ledger *ledger)
{
	return ledger->note;
}

const char *ledger_public_key(const struct ledger *ledger)
{
	return ledger->public_key;
}

void ledger_close(struct ledger *ledger)
{
	if (!ledger)
		return;
	if (ledger->file >= 0)
		close(ledger->file);
	if (ledger->folder >= 0)
		close(ledger->folder);
	note_key_done(&ledger->key);
	rf_free(ledger);
}

/* ---- files of the folder ---- */

/* A small file that is there whole or not at all. */
static int file_write(int folder, const char *name, mode_t mode, struct rf_slice data,
		      struct rf_err *err)
{
	char aside[64];

	rf_format(aside, sizeof(aside), ".%s.new", name);
	unlinkat(folder, aside, 0);
	int fd = openat(folder, aside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);

	if (fd < 0)
		return rf_fail(err, -errno, "%s: %s", name, rf_code_text(-errno));
	int rc = rf_write_all(fd, data);

	if (!rc && (fchmod(fd, mode) < 0 || fsync(fd) < 0))
		rc = -errno;
	close(fd);
	if (!rc && (renameat(folder, aside, folder, name) < 0 || fsync(folder) < 0))
		rc = -errno;
	if (rc < 0)
		unlinkat(folder, aside, 0);
	return rc < 0 ? rf_fail(err, rc, "%s: %s", name, rf_code_text(rc)) : 0;
}

static int file_read(int folder, const char *name, struct rf_buf *out)
{
	int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	int rc = rf_read_all(fd, KEY_FILE_BYTES, out);

	close(fd);
	return rc;
}

static int key_make(struct ledger *ledger, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf pem = {0};
	char line[NOTE_KEY_TEXT + 1];
	int rc = note_key_make(ledger->origin, &ledger->key, &pem, err);

	if (!rc)
		rc = note_key_text(&ledger->key, ledger->public_key, err);
	if (!rc) {
		rf_format(line, sizeof(line), "%s\n", ledger->public_key);
		rc = file_write(ledger->folder, LEDGER_PUBLIC_FILE, 0644, rf_slice_text(line), err);
	}
	/* The private file last: it is what says that there is a key (key_open). Killed between the
	 * two, the next start makes both again. */
	if (!rc)
		rc = file_write(ledger->folder, LEDGER_KEY_FILE, 0600, rf_buf_slice(&pem), err);
	if (pem.data)
		rf_wipe(pem.data, pem.len);
	return rc;
}

/* The origin is part of the key's name: the public file remembers it, whatever the host is called
 * today. */
static int key_open(struct ledger *ledger, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf pem = {0}, public = {0};
	NOTE_AUTOKEY struct note_key known = {0};
	int rc = file_read(ledger->folder, LEDGER_KEY_FILE, &pem);

	if (rc == -ENOENT)
		return ledger->end ? rf_fail(err, RF_E_MISMATCH,
					     "the ledger has entries, but its key is gone")
				   : key_make(ledger, err);
	if (rc == 0)
		rc = file_read(ledger->folder, LEDGER_PUBLIC_FILE, &public);
	if (rc == 0)
		rc = note_key_parse(rf_buf_text(&public), &known, err);
	if (rc == 0)
		rc = note_key_load(known.name, rf_buf_slice(&pem), &ledger->key, err);
	if (pem.data)
		rf_wipe(pem.data, pem.len);
	if (rc < 0)
		return rf_wrap(err, rc, "the ledger's key");
	if (memcmp(known.public_key, ledger->key.public_key, NOTE_PUBLIC) != 0)
		return rf_fail(err, RF_E_MISMATCH,
			       "the ledger's two key files do not belong together");
	rf_copy(ledger->origin, sizeof(ledger->origin), known.name);
	return note_key_text(&ledger->key, ledger->public_key, err);
}

/* ---- appending ---- */

static int tree_sign(const struct ledger *ledger, const struct ledger_tree *tree,
		     struct rf_buf *out_note, struct rf_err *err)
{
	struct checkpoint c = {.size = tree->size};
	int rc = ledger_tree_root(tree, c.root, err);

	rf_copy(c.origin, sizeof(c.origin), ledger->origin);
	return rc ? rc : checkpoint_sign(&c, &ledger->key, out_note, err);
}

/* Writes lines behind what is signed; all of them or, as far as the file goes, none. */
static int lines_write(struct ledger *ledger, struct rf_slice lines, struct rf_err *err)
{
	int rc = 0;

	for (size_t at = 0; at < lines.len && rc == 0;) {
		ssize_t n = pwrite(ledger->file, lines.data + at, lines.len - at,
				   ledger->end + (off_t)at);

		if (n < 0 && errno != EINTR)
			rc = -errno;
		at += n > 0 ? (size_t)n : 0;
	}
	if (!rc && fdatasync(ledger->file) < 0)
		rc = -errno;
	if (rc == 0) {
		ledger->end += (off_t)lines.len;
		return 0;
	}
	/* What is half there is cut again, or, should that fail too, found at the next start. */
	if (ftruncate(ledger->file, ledger->end) < 0)
		return rf_fail(err, rc, "the ledger cannot be written: %s", rf_code_text(rc));
	return rf_fail(err, rc, "the ledger cannot be written: %s", rf_code_text(rc));
}

int ledger_append(struct ledger *ledger, const struct ledger_entry *entry, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf lines = {0};
	struct ledger_tree tree = ledger->tree;
	RF_AUTOBUF struct rf_buf note = {0};
	int rc = ledger_entry_line(tree.size, entry, &lines, err);

	if (!rc)
		rc = ledger_tree_add(&tree, rf_buf_slice(&lines), err);
	rf_buf_add_byte(&lines, '\n');
	if (!rc)
		rc = tree_sign(ledger, &tree, &note, err);
	if (!rc)
		rc = ledger_checkpoint_line(&tree, rf_buf_text(&note), &lines, err);
	rf_buf_add_byte(&lines, '\n');
	if (!rc && (lines.failed || note.len >= sizeof(ledger->note)))
		rc = rf_fail(err, -ENOMEM, "no memory");
	if (!rc)
		rc = lines_write(ledger, rf_buf_slice(&lines), err);
	if (rc < 0)
		return rc;
	ledger->tree = tree;
	rf_copy(ledger->note, sizeof(ledger->note), rf_buf_text(&note));
	return 0;
}

/* ---- opening ---- */

/* What stands behind the last checkpoint. */
struct tail {
	struct rf_buf bytes;
	off_t start;		 /* where bytes begin in the file */
	struct ledger_line last; /* the last checkpoint */
	off_t last_end;		 /* behind its line */
	bool any;
};

static int tail_read(struct ledger *ledger, off_t size, struct tail *tail, struct rf_err *err)
{
	tail->start = size > (off_t)TAIL_BYTES ? size - (off_t)TAIL_BYTES : 0;
	size_t want = (size_t)(size - tail->start);
	uint8_t *at = rf_buf_reserve(&tail->bytes, want + 1);

	if (!at)
		return rf_fail(err, -ENOMEM, "no memory");
	ssize_t n = pread(ledger->file, at, want, tail->start);

	if (n != (ssize_t)want)
		return rf_fail(err, n < 0 ? -errno : -EIO, "the ledger cannot be read");
	tail->bytes.len += want;
	return 0;
}

static int tail_scan(struct tail *tail, struct rf_err *err)
{
	struct rf_slice rest = rf_buf_slice(&tail->bytes), line;
	bool torn = false;

	/* In the middle of a file the first line may be half. */
	if (tail->start)
		ledger_line_next(&rest, &line, &torn);
	while (ledger_line_next(&rest, &line, &torn) && !torn) {
		struct ledger_line parsed;

		if (ledger_line_parse(line, &parsed, NULL) < 0 || !parsed.is_checkpoint)
			continue;
		tail->last = parsed;
		tail->any = true;
		tail->last_end = tail->start + (off_t)(rest.data - tail->bytes.data);
	}
	if (!tail->any && (tail->start || tail->bytes.len >= LEDGER_MAX_LINE_BYTES))
		return rf_fail(err, RF_E_MISMATCH, "the ledger has no checkpoint near its end");
	return 0;
}

static int signed_part_check(struct ledger *ledger, const struct tail *tail, struct rf_err *err)
{
	struct checkpoint c;
	uint8_t root[LEDGER_HASH_BYTES];

	if (!tail->any)
		return 0;
	int rc = checkpoint_open(rf_slice_text(tail->last.note), &ledger->key, &c, err);

	if (!rc)
		rc = ledger_tree_root(&tail->last.tree, root, err);
	if (!rc && (c.size != tail->last.tree.size || memcmp(root, c.root, sizeof(root)) != 0))
		rc = rf_fail(err, RF_E_MISMATCH, "the tree is not the signed one");
	if (rc < 0)
		return rf_wrap(err, rc, "the ledger was altered; see `ringfence ledger verify`");
	ledger->tree = tail->last.tree;
	ledger->end = tail->last_end;
	rf_copy(ledger->note, sizeof(ledger->note), tail->last.note);
	return 0;
}

/*
 * What a crash can leave behind the last signature: a beginning of one append, which is an entry's
 * line and a checkpoint's. Whole lines that are anything else were put there by somebody.
 */
static int torn_check(const struct ledger *ledger, const struct tail *tail, struct rf_err *err)
{
	size_t from = (size_t)(ledger->end - tail->start);
	struct rf_slice rest = {tail->bytes.data + from, tail->bytes.len - from}, line;
	struct ledger_line parsed;
	bool torn = false;

	if (!ledger_line_next(&rest, &line, &torn) || torn)
		return 0;
	bool fine = ledger_line_parse(line, &parsed, NULL) == 0 && !parsed.is_checkpoint &&
		    parsed.number == ledger->tree.size &&
		    (!ledger_line_next(&rest, &line, &torn) || torn);

	return fine ? 0
		    : rf_fail(err, RF_E_MISMATCH,
			      "the ledger was altered behind entry %llu; see `ringfence ledger "
			      "verify`",
			      (unsigned long long)ledger->tree.size);
}

/* Cuts what a crash left behind the last signature, and says so in an entry. */
static int torn_repair(struct ledger *ledger, off_t size, int64_t now_ms, struct rf_err *err)
{
	char text[160];
	const struct ledger_entry entry = {
		.kind = "repair", .actor = "ledger", .text = text, .time_ms = now_ms};

	if (size == ledger->end)
		return 0;
	if (ftruncate(ledger->file, ledger->end) < 0)
		return rf_fail(err, -errno, "the ledger's torn end cannot be cut: %s",
			       rf_code_text(-errno));
	rf_format(
		text, sizeof(text),
		"%lld bytes behind the last signature were cut: an entry that a crash interrupted "
		"before what it announces was done",
		(long long)(size - ledger->end));
	return ledger_append(ledger, &entry, err);
}

static int folder_open(int state_dir, struct ledger *ledger, struct rf_err *err)
{
	if (mkdirat(state_dir, FOLDER, 0700) < 0 && errno != EEXIST)
		return rf_fail(err, -errno, "the ledger's folder: %s", rf_code_text(-errno));
	ledger->folder = openat(state_dir, FOLDER, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (ledger->folder < 0)
		return rf_fail(err, -errno, "the ledger's folder: %s", rf_code_text(-errno));
	ledger->file = openat(ledger->folder, LEDGER_FILE,
			      O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (ledger->file < 0 || flock(ledger->file, LOCK_EX) < 0)
		return rf_fail(err, -errno, "the ledger: %s", rf_code_text(-errno));
	return fsync(ledger->folder) < 0 ? rf_fail(err, -errno, "the ledger's folder") : 0;
}

static int contents_open(struct ledger *ledger, struct rf_err *err)
{
	struct tail tail = {0};
	struct stat st;

	if (fstat(ledger->file, &st) < 0)
		return rf_fail(err, -errno, "the ledger: %s", rf_code_text(-errno));
	int rc = tail_read(ledger, st.st_size, &tail, err);

	if (!rc)
		rc = tail_scan(&tail, err);
	ledger->end = tail.any ? 1 : 0;
	if (!rc)
		rc = key_open(ledger, err);
	ledger->end = 0;
	if (!rc)
		rc = signed_part_check(ledger, &tail, err);
	if (!rc)
		rc = torn_check(ledger, &tail, err);
	if (!rc)
		rc = torn_repair(ledger, st.st_size, rf_clock_ms(CLOCK_REALTIME), err);
	rf_buf_done(&tail.bytes);
	return rc;
}

int ledger_open(int state_dir, const char *host, struct ledger **out, struct rf_err *err)
{
	struct ledger *ledger = rf_alloc(1, sizeof(*ledger));

	if (!ledger)
		return rf_fail(err, -ENOMEM, "no memory");
	ledger->folder = ledger->file = -1;
	ledger_origin(host, ledger->origin);
	int rc = folder_open(state_dir, ledger, err);

	if (!rc)
		rc = contents_open(ledger, err);
	if (rc < 0) {
		ledger_close(ledger);
		return rc;
	}
	*out = ledger;
	return 0;
}
