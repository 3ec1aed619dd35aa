/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The spool; see spool.h. Files: "mark" (what was confirmed, and the highest number that was ever
 * given), NUMBER (twenty digits) for each record, "evidence". Each is replaced in one step and on
 * disk before the next step (sys/state.h), so that no file can be half.
 *
 * Record: "RFSPOOL1" | u64 number | SHA-256 of the frame | the frame (big endian).
 */
#include "agent/spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/reader.h"
#include "base/str.h"
#include "sys/state.h"

#define MAGIC	      "RFSPOOL1"
#define MAGIC_BYTES   8u
#define DIGEST_BYTES  32u
#define HEAD_BYTES    (MAGIC_BYTES + 8u + DIGEST_BYTES)
#define DIGITS	      20
#define MARK	      "mark"
#define EVIDENCE_FILE "evidence"
#define MAX_FILE      (HEAD_BYTES + WIRE_HEADER_BYTES + 16u * WIRE_MIB + 64u * WIRE_KIB)

/* What goes first where there is no room: facts, for the next run can send all of them again. */
static const struct {
	enum wire_kind kind;
	int worth; /* 0: not numbered */
	bool all;  /* each builds on the one before: they go together */
} kinds[] = {
	{WIRE_FACTS, 1, true},
	{WIRE_EVENT, 2, false},
	{WIRE_LEDGER, 3, false},
	{WIRE_RESULT, 4, false},
};

struct record {
	uint64_t number;
	enum wire_kind kind;
	uint64_t bytes;
};

struct spool {
	char dir[RF_MAX_PATH_BYTES];
	int fd; /* of the folder */
	struct spool_limits limits;
	struct record *records; /* by number */
	size_t count, capacity;
	uint64_t bytes, confirmed, last;
	struct spool_loss loss; /* not yet told of */
	bool has_evidence;
};

static int worth_of(enum wire_kind kind)
{
	for (size_t i = 0; i < RF_COUNT(kinds); i++) {
		if (kinds[i].kind == kind)
			return kinds[i].worth;
	}
	return 0;
}

static bool goes_together(enum wire_kind kind)
{
	for (size_t i = 0; i < RF_COUNT(kinds); i++) {
		if (kinds[i].kind == kind)
			return kinds[i].all;
	}
	return false;
}

uint64_t spool_loss_count(const struct spool_loss *loss)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < WIRE_KIND_COUNT; i++)
		sum += loss->dropped[i];
	return sum;
}

void spool_loss_take(struct spool *spool, struct spool_loss *out)
{
	*out = spool->loss;
	spool->loss = (struct spool_loss){.damaged = 0};
}

/* ---- files ---- */

static void name_of(uint64_t number, char out[DIGITS + 1])
{
	rf_format(out, DIGITS + 1, "%020llu", (unsigned long long)number);
}

/* The number that a file's name says; 0 for another name. */
static uint64_t number_of(const char *name)
{
	int64_t number;

	if (strlen(name) != DIGITS || strspn(name, "0123456789") != DIGITS)
		return 0;
	/* Its zeros in front are no octal number. */
	name += strspn(name, "0");
	return rf_num(name, 10, 1, INT64_MAX, &number) == 0 ? (uint64_t)number : 0;
}

static void remove_file(const struct spool *spool, uint64_t number)
{
	char name[DIGITS + 1];

	name_of(number, name);
	(void)unlinkat(spool->fd, name, 0);
}

static int digest(struct rf_slice bytes, uint8_t out[DIGEST_BYTES])
{
	unsigned len = DIGEST_BYTES;

	return EVP_Digest(bytes.data, bytes.len, out, &len, EVP_sha256(), NULL) == 1 ? 0
										     : RF_E_CRYPTO;
}

static void add_be64(struct rf_buf *out, uint64_t v)
{
	for (int shift = 56; shift >= 0; shift -= 8)
		rf_buf_add_byte(out, (uint8_t)(v >> shift));
}

static int record_write(struct spool *spool, const char *name, uint64_t number,
			const struct wire_frame *frame, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf body = {0};
	RF_AUTOBUF struct rf_buf file = {0};
	uint8_t sum[DIGEST_BYTES];
	int rc = wire_write(&body, frame, err);

	if (!rc)
		rc = digest(rf_buf_slice(&body), sum);
	if (rc)
		return rc;
	rf_buf_add(&file, MAGIC, MAGIC_BYTES);
	add_be64(&file, number);
	rf_buf_add(&file, sum, sizeof(sum));
	rf_buf_add(&file, body.data, body.len);
	return file.failed ? rf_fail(err, -ENOMEM, "spool: no memory")
			   : state_write(spool->dir, name, rf_buf_slice(&file), err);
}

int spool_record_read(struct rf_slice file, struct wire_frame *out, uint64_t *out_number,
		      struct rf_err *err)
{
	static const struct wire_side ours = {WIRE_AGENT, WIRE_SESSION};
	struct rf_reader r = rf_reader(file);
	struct rf_slice magic = rf_read_bytes(&r, MAGIC_BYTES);
	uint64_t number = rf_read_be64(&r);
	struct rf_slice sum = rf_read_bytes(&r, DIGEST_BYTES), body = rf_read_rest(&r);
	uint8_t is[DIGEST_BYTES];
	size_t len = 0;
	int rc = rf_reader_check(&r, "spool", err);

	if (rc)
		return rc;
	if (memcmp(magic.data, MAGIC, MAGIC_BYTES) != 0)
		return rf_fail(err, RF_E_SYNTAX, "spool: not a record");
	rc = wire_read(body, &ours, out, &len, err);
	if (!rc && len != body.len)
		rc = rf_fail(err, RF_E_SYNTAX, "spool: bytes behind the frame");
	if (!rc)
		rc = digest(body, is);
	if (!rc && memcmp(is, sum.data, sizeof(is)) != 0)
		rc = rf_fail(err, RF_E_MISMATCH, "spool: the record is not as it was written");
	if (!rc)
		*out_number = number;
	return rc;
}

/* RF_E_MISMATCH also where a record stands under another's number. */
static int record_load(const struct spool *spool, const char *name, uint64_t number,
		       struct rf_buf *store, struct wire_frame *out, struct rf_err *err)
{
	uint64_t says = 0;

	rf_buf_reset(store);
	int rc = state_read(spool->dir, name, MAX_FILE, store, err);

	if (!rc)
		rc = spool_record_read(rf_buf_slice(store), out, &says, err);
	if (!rc && says != number)
		rc = rf_fail(err, RF_E_MISMATCH, "spool: %s says it is number %llu", name,
			     (unsigned long long)says);
	return rc;
}

static int mark_write(struct spool *spool, struct rf_err *err)
{
	char text[64];

	rf_format(text, sizeof(text), "%lld %lld\n", (long long)spool->confirmed,
		  (long long)spool->last);
	return state_write(spool->dir, MARK, rf_slice_text(text), err);
}

static int mark_read(struct spool *spool, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf text = {0};
	int64_t confirmed, last;
	int rc = state_read(spool->dir, MARK, 64, &text, err);

	if (rc == -ENOENT) {
		rf_err_clear(err);
		return 0;
	}
	if (rc)
		return rc;
	rf_buf_add_byte(&text, 0);
	char *cursor = (char *)text.data;
	char *first = cursor ? rf_word_next(&cursor) : NULL;
	char *second = first && cursor ? rf_word_next(&cursor) : NULL;

	/* Without it a number could be given twice: better no spool than that. */
	if (!second || rf_num(first, 10, 0, INT64_MAX, &confirmed) < 0 ||
	    rf_num(second, 10, 0, INT64_MAX, &last) < 0 || confirmed > last)
		return rf_fail(err, RF_E_SYNTAX,
			       "%s/%s is damaged; remove the folder to begin anew, and approve the "
			       "host anew",
			       spool->dir, MARK);
	spool->confirmed = (uint64_t)confirmed;
	spool->last = (uint64_t)last;
	return 0;
}

/* ---- records ---- */

static int record_insert(struct spool *spool, const struct record *one)
{
	size_t at = spool->count;
	int rc = rf_grow((void **)&spool->records, &spool->capacity, spool->count + 1,
			 sizeof(*spool->records));

	if (rc)
		return rc;
	while (at > 0 && spool->records[at - 1].number > one->number)
		at--;
	memmove(spool->records + at + 1, spool->records + at,
		(spool->count - at) * sizeof(*spool->records));
	spool->records[at] = *one;
	spool->count++;
	spool->bytes += one->bytes;
	return 0;
}

static void record_forget(struct spool *spool, size_t at)
{
	spool->bytes -= spool->records[at].bytes;
	spool->count--;
	memmove(spool->records + at, spool->records + at + 1,
		(spool->count - at) * sizeof(*spool->records));
}

/* The highest number stays known also when its record goes. */
static int record_drop(struct spool *spool, size_t at, struct rf_err *err)
{
	uint64_t number = spool->records[at].number;
	int rc = number == spool->last ? mark_write(spool, err) : 0;

	if (rc)
		return rc;
	remove_file(spool, number);
	record_forget(spool, at);
	return 0;
}

static int scan_one(struct spool *spool, const char *name, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf store = {0};
	struct wire_frame frame;
	uint64_t number = number_of(name);

	if (!number)
		return 0;
	spool->last = number > spool->last ? number : spool->last;
	if (number <= spool->confirmed) {
		remove_file(spool, number);
		return 0;
	}
	int rc = record_load(spool, name, number, &store, &frame, NULL);

	if (rc == -ENOMEM)
		return rf_fail(err, rc, "spool: no memory");
	if (rc || !worth_of(frame.kind)) {
		spool->loss.damaged++;
		rc = mark_write(spool, err);
		if (!rc)
			remove_file(spool, number);
		return rc;
	}
	return record_insert(spool, &(struct record){number, frame.kind, store.len});
}

static int scan(struct spool *spool, struct rf_err *err)
{
	int fd = openat(spool->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	size_t seen = 0;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return rf_fail(err, -EIO, "%s cannot be read", spool->dir);
	}
	for (struct dirent *e; !rc && seen < RF_MAX_DIR_ENTRIES && (e = readdir(dir)); seen++)
		rc = scan_one(spool, e->d_name, err);
	closedir(dir);
	spool->has_evidence = faccessat(spool->fd, EVIDENCE_FILE, F_OK, 0) == 0;
	return rc;
}

int spool_open(const char *dir, const struct spool_limits *limits, struct spool **out,
	       struct rf_err *err)
{
	struct spool *spool = rf_alloc(1, sizeof(*spool));

	if (!spool)
		return rf_fail(err, -ENOMEM, "spool: no memory");
	spool->limits = limits ? *limits : (struct spool_limits){SPOOL_RECORDS, SPOOL_BYTES};
	spool->fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int rc = spool->fd < 0 ? rf_fail(err, -errno, "%s: %s", dir, rf_code_text(-errno)) : 0;

	if (!rc && !rf_copy(spool->dir, sizeof(spool->dir), dir))
		rc = rf_fail(err, -ENAMETOOLONG, "%s", dir);
	if (!rc)
		rc = mark_read(spool, err);
	if (!rc)
		rc = scan(spool, err);
	if (rc) {
		spool_close(spool);
		return rc;
	}
	*out = spool;
	return 0;
}

void spool_close(struct spool *spool)
{
	if (!spool)
		return;
	if (spool->fd >= 0)
		close(spool->fd);
	rf_free(spool->records);
	rf_free(spool);
}

uint64_t spool_number(const struct spool *spool)
{
	return spool->last + 1;
}

/* ---- room ---- */

static bool has_room(const struct spool *spool, uint64_t bytes)
{
	return spool->count < spool->limits.records && spool->bytes + bytes <= spool->limits.bytes;
}

/* The oldest of what is worth least, and no more than `most`; count when there is none. */
static size_t least(const struct spool *spool, int most)
{
	size_t found = spool->count;
	int worth = most + 1;

	for (size_t i = 0; i < spool->count; i++) {
		int one = worth_of(spool->records[i].kind);

		if (one < worth) {
			worth = one;
			found = i;
		}
	}
	return found;
}

static int drop_kind(struct spool *spool, enum wire_kind kind, struct rf_err *err)
{
	int rc = 0;

	for (size_t i = spool->count; !rc && i-- > 0;) {
		if (spool->records[i].kind != kind)
			continue;
		spool->loss.dropped[kind]++;
		rc = record_drop(spool, i, err);
	}
	return rc;
}

static int make_room(struct spool *spool, enum wire_kind kind, uint64_t bytes, struct rf_err *err)
{
	int rc = 0;

	while (!rc && !has_room(spool, bytes)) {
		size_t at =
			bytes > spool->limits.bytes ? spool->count : least(spool, worth_of(kind));

		if (at == spool->count) {
			spool->loss.dropped[kind]++;
			return rf_fail(err, RF_E_LIMIT,
				       "the spool is full of what is worth more than: %s",
				       wire_row(kind)->name);
		}
		enum wire_kind goes = spool->records[at].kind;

		if (goes_together(goes)) {
			rc = drop_kind(spool, goes, err);
			continue;
		}
		spool->loss.dropped[goes]++;
		rc = record_drop(spool, at, err);
	}
	return rc;
}

int spool_add(struct spool *spool, const struct wire_frame *frame, struct rf_err *err)
{
	const uint64_t number = spool_number(spool);
	const uint64_t bytes = HEAD_BYTES + WIRE_HEADER_BYTES + frame->text.len + frame->bytes.len;
	char name[DIGITS + 1];

	if (!worth_of(frame->kind))
		return rf_fail(err, RF_E_USAGE, "this kind of frame is not kept");
	int rc = make_room(spool, frame->kind, bytes, err);

	if (!rc)
		rc = rf_grow((void **)&spool->records, &spool->capacity, spool->count + 1,
			     sizeof(*spool->records));
	name_of(number, name);
	if (!rc)
		rc = record_write(spool, name, number, frame, err);
	if (rc)
		return rc;
	spool->last = number;
	return record_insert(spool, &(struct record){number, frame->kind, bytes});
}

int spool_next(struct spool *spool, uint64_t after, struct rf_buf *store, struct wire_frame *out,
	       uint64_t *out_number, struct rf_err *err)
{
	size_t at = 0;

	while (at < spool->count && spool->records[at].number <= after)
		at++;
	while (at < spool->count) {
		uint64_t number = spool->records[at].number;
		char name[DIGITS + 1];

		name_of(number, name);
		int rc = record_load(spool, name, number, store, out, err);

		if (!rc) {
			*out_number = number;
			return 1;
		}
		if (rc == -ENOMEM)
			return rc;
		spool->loss.damaged++;
		rc = record_drop(spool, at, err);
		if (rc)
			return rc;
	}
	return 0;
}

int spool_confirm(struct spool *spool, uint64_t number, struct rf_err *err)
{
	const uint64_t confirmed = spool->confirmed, last = spool->last;

	if (number <= spool->confirmed || number > INT64_MAX)
		return 0;
	spool->confirmed = number;
	spool->last = number > last ? number : last;
	int rc = mark_write(spool, err);

	if (rc) {
		spool->confirmed = confirmed;
		spool->last = last;
		return rc;
	}
	while (spool->count > 0 && spool->records[0].number <= number) {
		remove_file(spool, spool->records[0].number);
		record_forget(spool, 0);
	}
	return 0;
}

uint64_t spool_confirmed(const struct spool *spool)
{
	return spool->confirmed;
}

void spool_range(const struct spool *spool, uint64_t *from, uint64_t *to)
{
	*from = spool->count ? spool->records[0].number : 0;
	*to = spool->count ? spool->records[spool->count - 1].number : 0;
}

/* ---- evidence ---- */

int spool_evidence_keep(struct spool *spool, const struct wire_frame *frame, struct rf_err *err)
{
	if (frame->kind != WIRE_EVIDENCE)
		return rf_fail(err, RF_E_USAGE, "this is no evidence");
	if (spool->has_evidence)
		return 0;
	int rc = record_write(spool, EVIDENCE_FILE, 0, frame, err);

	spool->has_evidence = rc == 0;
	return rc ? rc : 1;
}

int spool_evidence(struct spool *spool, struct rf_buf *store, struct wire_frame *out,
		   struct rf_err *err)
{
	if (!spool->has_evidence)
		return 0;
	int rc = record_load(spool, EVIDENCE_FILE, 0, store, out, err);

	if (!rc && out->kind != WIRE_EVIDENCE)
		rc = rf_fail(err, RF_E_SYNTAX, "spool: the kept evidence is none");
	if (rc && rc != -ENOMEM)
		spool_evidence_drop(spool);
	return rc ? rc : 1;
}

void spool_evidence_drop(struct spool *spool)
{
	(void)unlinkat(spool->fd, EVIDENCE_FILE, 0);
	spool->has_evidence = false;
}
