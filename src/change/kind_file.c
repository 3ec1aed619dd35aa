/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files as objects: their whole state, and putting one. A file's content is replaced whole, through
 * a temporary file beside it, fsync, rename and fsync of the folder; who reads sees the old bytes
 * or the new. Where only mode or owner differ the file itself is changed, so that hard links and
 * open descriptors stay true.
 *
 * Every component of a path is opened by itself with O_NOFOLLOW. Content is written only where
 * nobody but root (or whoever we are) can rename things on the way; mode and owner, which go to an
 * open descriptor, also elsewhere, but not to a file with a second name there.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/reader.h"
#include "base/str.h"
#include "change/kinds.h"

#define STATE_MAGIC	0x31534652u /* "RFS1" */
#define STATE_TIME_SIZE 16u	    /* magic, nanoseconds, seconds: what does not count */
#define XATTR_MAX_BYTES 65536u

static void le(struct rf_buf *out, uint64_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		rf_buf_add_byte(out, (uint8_t)(value >> (8 * i)));
}

int file_state_encode(const struct file_state *s, struct rf_buf *out)
{
	le(out, STATE_MAGIC, 4);
	le(out, s->type == FILE_ABSENT ? 0 : s->mtime_ns, 4);
	le(out, s->type == FILE_ABSENT ? 0 : (uint64_t)s->mtime_s, 8);
	le(out, (uint64_t)s->type, 4);
	if (s->type == FILE_ABSENT)
		return out->failed ? -ENOMEM : 0;
	le(out, s->mode, 4);
	le(out, s->uid, 4);
	le(out, s->gid, 4);
	le(out, s->xattrs.len, 4);
	rf_buf_add(out, s->xattrs.data, s->xattrs.len);
	rf_buf_add(out, s->content.data, s->content.len);
	return out->failed ? -ENOMEM : 0;
}

int file_state_decode(struct rf_slice in, struct file_state *out, struct rf_err *err)
{
	struct rf_reader r = rf_reader(in);
	struct file_state s = {0};
	uint32_t magic = rf_read_le32(&r);

	s.mtime_ns = rf_read_le32(&r);
	s.mtime_s = (int64_t)rf_read_le64(&r);
	s.type = (enum file_type)rf_read_le32(&r);
	if (s.type != FILE_ABSENT) {
		s.mode = rf_read_le32(&r);
		s.uid = rf_read_le32(&r);
		s.gid = rf_read_le32(&r);
		s.xattrs = rf_read_bytes(&r, rf_read_le32(&r));
		s.content = rf_read_rest(&r);
	}
	int rc = rf_reader_check(&r, "state of a file", err);

	if (rc < 0)
		return rc;
	if (magic != STATE_MAGIC || (unsigned)s.type > FILE_OTHER || s.mode > 07777)
		return rf_fail(err, RF_E_SYNTAX, "these bytes are no state of a file");
	*out = s;
	return 0;
}

static struct rf_slice file_essence(struct rf_slice state)
{
	if (state.len < STATE_TIME_SIZE)
		return state;
	return (struct rf_slice){state.data + STATE_TIME_SIZE, state.len - STATE_TIME_SIZE};
}

/* ---- the way to a file ---- */

struct place {
	int folder; /* descriptor of the folder that holds it */
	char name[256];
	char untrusted[RF_MAX_PATH_BYTES]; /* the first folder that others may change; "" */
};

static void place_done(struct place *place)
{
	if (place->folder >= 0)
		close(place->folder);
}
#define AUTOPLACE __attribute__((cleanup(place_done)))

/* Whether nobody but root and us can put another thing in the place of one in the folder. In a
 * sticky folder (/tmp) that holds for what is ours: good enough on the way, not for the last. */
static bool trusted(int folder, bool last)
{
	struct stat st;

	if (fstat(folder, &st) < 0 || (st.st_uid != 0 && st.st_uid != geteuid()))
		return false;
	if ((st.st_mode & S_IWOTH) && (last || !(st.st_mode & S_ISVTX)))
		return false;
	/* A person's own group is the person. */
	bool own = st.st_gid == 0 || (geteuid() != 0 && st.st_gid == getegid());

	return !(st.st_mode & S_IWGRP) || own || (!last && (st.st_mode & S_ISVTX));
}

/* Goes into one folder; at most once on the way is said which one others may change. */
static int step_into(struct place *place, const char *name, const char *path, size_t path_len,
		     struct rf_err *err)
{
	int next = openat(place->folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (next < 0) {
		int rc = -errno;

		/* O_NOFOLLOW with O_DIRECTORY says ENOTDIR of a link. */
		if (rc == -ENOTDIR || rc == -ELOOP)
			return rf_fail(err, RF_E_DENIED,
				       "%.*s is a symbolic link or no folder; we do not follow",
				       (int)path_len, path);
		return rf_fail(err, rc, "%.*s: %s", (int)path_len, path, rf_code_text(rc));
	}
	close(place->folder);
	place->folder = next;
	if (!trusted(next, false) && !place->untrusted[0])
		rf_format(place->untrusted, sizeof(place->untrusted), "%.*s", (int)path_len, path);
	return 0;
}

/* -ENOENT when a folder on the way is not there. */
static int place_open(const struct verb_env *env, const char *path, struct place *out,
		      struct rf_err *err)
{
	char rest[RF_MAX_PATH_BYTES], *name = rest;

	*out = (struct place){.folder = fcntl(env->root, F_DUPFD_CLOEXEC, 3)};
	if (out->folder < 0)
		return rf_fail(err, -errno, "the root: %s", rf_code_text(-errno));
	if (path[0] != '/' || !path[1] || !rf_copy(rest, sizeof(rest), path + 1))
		return rf_fail(err, RF_E_SYNTAX, "%.80s is no path from the root", path);
	for (char *slash; (slash = strchr(name, '/')); name = slash + 1) {
		*slash = '\0';
		int rc = step_into(out, name, path, (size_t)(slash - rest) + 1, err);

		if (rc < 0)
			return rc;
	}
	if (!trusted(out->folder, true) && !out->untrusted[0])
		rf_format(out->untrusted, sizeof(out->untrusted), "%.*s",
			  (int)(strlen(path) - strlen(name)), path);
	return rf_copy(out->name, sizeof(out->name), name)
		       ? 0
		       : rf_fail(err, -ENAMETOOLONG, "%.80s: the name is too long", path);
}

/* ---- reading ---- */

/* Not content-bound labels, which the kernel makes itself. */
static bool xattr_counts(const char *name)
{
	return strcmp(name, "security.ima") != 0 && strcmp(name, "security.evm") != 0;
}

static int name_order(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int xattrs_read(int fd, struct rf_buf *out)
{
	RF_AUTOFREE char *names = rf_alloc(1, XATTR_MAX_BYTES);
	RF_AUTOFREE char *value = rf_alloc(1, XATTR_MAX_BYTES);
	const char *sorted[256];
	size_t count = 0;

	if (!names || !value)
		return -ENOMEM;
	ssize_t len = flistxattr(fd, names, XATTR_MAX_BYTES);

	if (len < 0)
		return errno == ENOTSUP || errno == EBADF ? 0 : -errno;
	for (const char *p = names; p < names + len && count < RF_COUNT(sorted);
	     p += strlen(p) + 1) {
		if (xattr_counts(p))
			sorted[count++] = p;
	}
	qsort(sorted, count, sizeof(*sorted), name_order);
	for (size_t i = 0; i < count; i++) {
		ssize_t n = fgetxattr(fd, sorted[i], value, XATTR_MAX_BYTES);

		if (n < 0)
			return -errno;
		rf_buf_add(out, sorted[i], strlen(sorted[i]) + 1);
		le(out, (uint64_t)n, 4);
		rf_buf_add(out, value, (size_t)n);
	}
	return out->failed ? -ENOMEM : 0;
}

static int content_read(int fd, off_t size, struct rf_buf *out)
{
	char block[65536];
	ssize_t n;

	if (size > CHANGE_MAX_STATE / 2)
		return RF_E_LIMIT;
	while ((n = read(fd, block, sizeof(block))) > 0) {
		if (out->len + (size_t)n > CHANGE_MAX_STATE / 2)
			return RF_E_LIMIT;
		rf_buf_add(out, block, (size_t)n);
	}
	return n < 0 ? -errno : out->failed ? -ENOMEM : 0;
}

static enum file_type type_of(mode_t mode)
{
	return S_ISREG(mode)   ? FILE_REGULAR
	       : S_ISDIR(mode) ? FILE_FOLDER
	       : S_ISLNK(mode) ? FILE_LINK
			       : FILE_OTHER;
}

/* Opens so that nothing waits (a FIFO) and nothing is driven (a device). */
static int leaf_open(const struct place *place, const struct stat *st)
{
	int flags = O_NOFOLLOW | O_CLOEXEC | O_NOCTTY;

	if (S_ISREG(st->st_mode) || S_ISDIR(st->st_mode))
		flags |= O_RDONLY | O_NONBLOCK;
	else
		flags |= O_PATH;
	int fd = openat(place->folder, place->name, flags);

	return fd < 0 ? -errno : fd;
}

struct parts {
	bool whole; /* content too */
	struct rf_buf xattrs, content;
};

static void parts_done(struct parts *parts)
{
	rf_buf_done(&parts->xattrs);
	rf_buf_done(&parts->content);
}

static int state_fill(const struct place *place, int fd, struct file_state *s, struct parts *parts)
{
	char link[RF_MAX_PATH_BYTES];
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	*s = (struct file_state){.type = type_of(st.st_mode),
				 .mode = st.st_mode & 07777,
				 .uid = st.st_uid,
				 .gid = st.st_gid,
				 .mtime_s = st.st_mtim.tv_sec,
				 .mtime_ns = (uint32_t)st.st_mtim.tv_nsec};
	int rc = 0;

	if (s->type == FILE_REGULAR || s->type == FILE_FOLDER)
		rc = xattrs_read(fd, &parts->xattrs);
	if (!rc && parts->whole && s->type == FILE_REGULAR)
		rc = content_read(fd, st.st_size, &parts->content);
	if (!rc && s->type == FILE_LINK) {
		ssize_t n = readlinkat(place->folder, place->name, link, sizeof(link));

		rc = n < 0 ? -errno : rf_buf_add(&parts->content, link, (size_t)n);
	}
	s->xattrs = rf_buf_slice(&parts->xattrs);
	s->content = rf_buf_slice(&parts->content);
	return rc;
}

static int state_read(const struct verb_env *env, const char *path, bool whole, struct rf_buf *out,
		      struct rf_err *err)
{
	AUTOPLACE struct place place = {.folder = -1};
	__attribute__((cleanup(parts_done))) struct parts parts = {.whole = whole};
	struct file_state s = {.type = FILE_ABSENT};
	struct stat st;
	int rc = place_open(env, path, &place, err);

	if (rc == 0 && fstatat(place.folder, place.name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		rc = rf_fail(err, -errno, "%s: %s", path, rf_code_text(-errno));
	if (rc == -ENOENT) {
		rf_err_clear(err);
		return file_state_encode(&s, out);
	}
	if (rc < 0)
		return rc;
	int fd = leaf_open(&place, &st);

	if (fd < 0)
		return rf_fail(err, fd, "%s: %s", path, rf_code_text(fd));
	rc = state_fill(&place, fd, &s, &parts);
	close(fd);
	if (!rc)
		rc = file_state_encode(&s, out);
	return rc < 0 ? rf_fail(err, rc, "%s: %s", path, rf_code_text(rc)) : 0;
}

static int file_read(const struct verb_env *env, const char *path, struct rf_buf *out,
		     struct rf_err *err)
{
	return state_read(env, path, true, out, err);
}

static int meta_read(const struct verb_env *env, const char *path, struct rf_buf *out,
		     struct rf_err *err)
{
	return state_read(env, path, false, out, err);
}

/* ---- putting ---- */

/* Labels that are there and should not be. */
static int xattrs_drop(int fd, struct rf_slice wanted)
{
	RF_AUTOFREE char *names = rf_alloc(1, XATTR_MAX_BYTES);

	if (!names)
		return -ENOMEM;
	ssize_t len = flistxattr(fd, names, XATTR_MAX_BYTES);

	for (const char *p = names; len > 0 && p < names + len; p += strlen(p) + 1) {
		struct rf_reader r = rf_reader(wanted);
		bool keep = !xattr_counts(p);

		while (!keep && rf_reader_left(&r)) {
			const char *name = (const char *)r.data + r.pos;
			size_t n = strnlen(name, rf_reader_left(&r));

			(void)rf_read_bytes(&r, n + 1);
			(void)rf_read_bytes(&r, rf_read_le32(&r));
			keep = !r.failed && strcmp(name, p) == 0;
		}
		if (!keep && fremovexattr(fd, p) < 0)
			return -errno;
	}
	return 0;
}

/* Writes those that differ: a label that is right already is not touched, for that may be denied
 * where reading is not. */
static int xattrs_put(int fd, struct rf_slice xattrs)
{
	struct rf_reader r = rf_reader(xattrs);
	RF_AUTOBUF struct rf_buf now = {0};
	int rc = xattrs_read(fd, &now);

	if (rc < 0 || rf_slice_equal(rf_buf_slice(&now), xattrs))
		return rc;
	while (rf_reader_left(&r)) {
		const char *name = (const char *)r.data + r.pos;
		size_t n = strnlen(name, rf_reader_left(&r));

		(void)rf_read_bytes(&r, n + 1);
		struct rf_slice value = rf_read_bytes(&r, rf_read_le32(&r));

		if (r.failed)
			return RF_E_SYNTAX;
		if (fsetxattr(fd, name, value.data, value.len, 0) < 0)
			return -errno;
	}
	return xattrs_drop(fd, xattrs);
}

/* Owner first: chown takes set-id bits and capabilities away. */
static int meta_set(int fd, const struct file_state *s)
{
	struct stat st;
	char self[64];
	const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT},
					  {.tv_sec = s->mtime_s, .tv_nsec = s->mtime_ns}};
	bool link = s->type == FILE_LINK;

	/* A descriptor of O_PATH takes no fchmod; its name in /proc does. */
	rf_format(self, sizeof(self), "/proc/self/fd/%d", fd);
	if (fstat(fd, &st) < 0)
		return -errno;
	if ((st.st_uid != s->uid || st.st_gid != s->gid) &&
	    fchownat(fd, "", s->uid, s->gid, AT_EMPTY_PATH) < 0)
		return -errno;
	if (link)
		return 0;
	int rc = s->type == FILE_OTHER ? 0 : xattrs_put(fd, s->xattrs);

	if (rc < 0)
		return rc;
	if (fstat(fd, &st) < 0 || ((st.st_mode & 07777) != s->mode && chmod(self, s->mode) < 0))
		return -errno;
	if (s->mtime_s != FILE_TIME_NOW && s->type == FILE_REGULAR)
		return utimensat(AT_FDCWD, self, times, 0) < 0 ? -errno : 0;
	return 0;
}

/* A new file or link under a temporary name, complete and on disk. */
static int make_aside(const struct place *place, const char *aside, const struct file_state *s)
{
	char target[RF_MAX_PATH_BYTES];

	/* Left by a crash. */
	if (unlinkat(place->folder, aside, 0) < 0 && errno != ENOENT)
		return -errno;
	if (s->type == FILE_LINK) {
		if (!rf_format(target, sizeof(target), "%.*s", (int)s->content.len,
			       (const char *)s->content.data))
			return -ENAMETOOLONG;
		if (symlinkat(target, place->folder, aside) < 0)
			return -errno;
		return fchownat(place->folder, aside, s->uid, s->gid, AT_SYMLINK_NOFOLLOW) < 0
			       ? -errno
			       : 0;
	}
	int fd = openat(place->folder, aside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			0600);

	if (fd < 0)
		return -errno;
	int rc = rf_write_all(fd, s->content);

	if (!rc)
		rc = meta_set(fd, s);
	if (!rc && fsync(fd) < 0)
		rc = -errno;
	close(fd);
	return rc;
}

#define ASIDE_BYTES (256 + CHANGE_ID_BYTES + 16)

static void aside_name(const struct verb_env *env, const struct place *place, char out[ASIDE_BYTES])
{
	rf_format(out, ASIDE_BYTES, ".%.160s.ringfence-%s", place->name, env->scratch);
}

static int replace(const struct verb_env *env, const struct place *place,
		   const struct file_state *s)
{
	char aside[ASIDE_BYTES];

	aside_name(env, place, aside);
	int rc = make_aside(place, aside, s);

	if (!rc && renameat(place->folder, aside, place->folder, place->name) < 0)
		rc = -errno;
	if (rc < 0)
		unlinkat(place->folder, aside, 0);
	return rc;
}

static int remove_leaf(const struct place *place, enum file_type now)
{
	if (now == FILE_ABSENT)
		return 0;
	return unlinkat(place->folder, place->name, now == FILE_FOLDER ? AT_REMOVEDIR : 0) < 0
		       ? -errno
		       : 0;
}

/* With its mode at once: a folder is there as wanted or not at all (the umask is 0). */
static int folder_make(const struct place *place, uint32_t mode)
{
	return mkdirat(place->folder, place->name, mode) < 0 && errno != EEXIST ? -errno : 0;
}

/* Changes mode, owner and labels of what is there. */
static int meta_put_at(const struct place *place, const struct file_state *s, const char *path,
		       struct rf_err *err)
{
	struct stat st;

	if (fstatat(place->folder, place->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return rf_fail(err, -errno, "%s: %s", path, rf_code_text(-errno));
	if (type_of(st.st_mode) != s->type)
		return rf_fail(err, RF_E_CHANGED, "%s is another kind of file now", path);
	if (S_ISREG(st.st_mode) && st.st_nlink > 1 && place->untrusted[0])
		return rf_fail(err, RF_E_DENIED,
			       "%s has a second name and %s can be changed by others: it could be "
			       "any file",
			       path, place->untrusted);
	int fd = leaf_open(place, &st);

	if (fd < 0)
		return rf_fail(err, fd, "%s: %s", path, rf_code_text(fd));
	struct stat now;
	int rc = fstat(fd, &now) < 0				      ? -errno
		 : now.st_ino != st.st_ino || now.st_dev != st.st_dev ? RF_E_CHANGED
								      : meta_set(fd, s);

	if (!rc && s->type != FILE_OTHER && s->type != FILE_LINK && fsync(fd) < 0 &&
	    errno != EINVAL)
		rc = -errno;
	close(fd);
	return rc < 0 ? rf_fail(err, rc, "%s: %s", path, rf_code_text(rc)) : 0;
}

/* What has to happen to a file that is now so. */
static int transform(const struct verb_env *env, const struct place *place,
		     const struct file_state *now, const struct file_state *s)
{
	if (s->type == FILE_ABSENT)
		return remove_leaf(place, now->type);
	if (s->type == FILE_FOLDER)
		return folder_make(place, s->mode);
	if (now->type == FILE_FOLDER || now->type == FILE_OTHER)
		return -EEXIST;
	return replace(env, place, s);
}

static int file_put_at(const struct verb_env *env, const struct place *place, const char *path,
		       struct rf_slice state, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf present = {0};
	struct file_state s, now;
	char aside[ASIDE_BYTES];
	int rc = file_state_decode(state, &s, err);

	/* What an interrupted put of this plan left behind. */
	aside_name(env, place, aside);
	if (!place->untrusted[0] && unlinkat(place->folder, aside, 0) < 0 && errno != ENOENT)
		return rf_fail(err, -errno, "%s: %s", path, rf_code_text(-errno));
	if (!rc)
		rc = file_read(env, path, &present, err);
	if (!rc)
		rc = file_state_decode(rf_buf_slice(&present), &now, err);
	if (rc < 0)
		return rc;
	if (now.type == s.type && s.type != FILE_ABSENT && rf_slice_equal(now.content, s.content))
		return meta_put_at(place, &s, path, err);
	if (place->untrusted[0])
		return rf_fail(err, RF_E_DENIED,
			       "%s can be changed by others than root, so nothing below it is "
			       "written; mend the folder first",
			       place->untrusted);
	rc = transform(env, place, &now, &s);
	if (rc < 0)
		return rf_fail(err, rc, "%s: %s", path, rf_code_text(rc));
	if (s.type == FILE_FOLDER)
		rc = meta_put_at(place, &s, path, err);
	if (!rc && fsync(place->folder) < 0)
		rc = rf_fail(err, -errno, "%s: %s", path, rf_code_text(-errno));
	return rc;
}

static int file_put(const struct verb_env *env, const char *path, struct rf_slice state,
		    struct rf_err *err)
{
	AUTOPLACE struct place place = {.folder = -1};
	struct file_state s;
	int rc = file_state_decode(state, &s, err);

	if (!rc)
		rc = place_open(env, path, &place, err);
	/* Not there, in a folder that is not there. */
	if (rc == -ENOENT && s.type == FILE_ABSENT) {
		rf_err_clear(err);
		return 0;
	}
	return rc ? rc : file_put_at(env, &place, path, state, err);
}

static int meta_put(const struct verb_env *env, const char *path, struct rf_slice state,
		    struct rf_err *err)
{
	AUTOPLACE struct place place = {.folder = -1};
	struct file_state s;
	int rc = file_state_decode(state, &s, err);

	if (!rc)
		rc = place_open(env, path, &place, err);
	if (rc < 0)
		return rc;
	s.mtime_s = FILE_TIME_NOW;
	return s.type == FILE_ABSENT ? rf_fail(err, RF_E_MISSING, "%s was not there", path)
				     : meta_put_at(&place, &s, path, err);
}

/* The file as it was before its mode was changed. */
static int file_merge(struct rf_slice state, struct rf_slice part, struct rf_buf *out)
{
	struct file_state s, meta;

	if (file_state_decode(state, &s, NULL) < 0 || file_state_decode(part, &meta, NULL) < 0)
		return RF_E_SYNTAX;
	s.mode = meta.mode;
	s.uid = meta.uid;
	s.gid = meta.gid;
	s.xattrs = meta.xattrs;
	return file_state_encode(&s, out);
}

const struct verb_kind kind_file = {
	.name = "file",
	.rank = 10,
	.check = allow_path,
	.read = file_read,
	.put = file_put,
	.merge = file_merge,
	.essence = file_essence,
};

const struct verb_kind kind_meta = {
	.name = "mode",
	.rank = 20,
	.check = allow_path,
	.read = meta_read,
	.put = meta_put,
	.partial = true,
	.essence = file_essence,
};
