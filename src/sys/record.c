/* SPDX-License-Identifier: Apache-2.0 */
/* Recording; see record.h. Symbolic links are kept as lines of meta only, never made on disk. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "sys/meta.h"
#include "sys/record.h"

#define META_PATH ".ringfence/meta"

/* What of a path is in meta already. */
enum seen {
	SEEN_STAT = 1,
	SEEN_LIST = 2,
	SEEN_READ = 4,
	SEEN_ERROR = 8,
	SEEN_LINK = 16,
};

struct recorder {
	int dir_fd, meta_fd;
	struct rf_map seen;  /* path -> a pointer into marks, the place of which is the bits */
	struct rf_buf lines; /* of meta, not written yet */
	bool through_proc;   /* the last path went through a link of /proc */
};

/* Values of the map: their distance from the first is the number that is meant. */
static char marks[32];

int recorder_open(const char *path, struct recorder **out, struct rf_err *err)
{
	struct recorder *rec = rf_alloc(1, sizeof(*rec));
	SYS_AUTONAMES struct sys_names names = {0};

	if (!rec)
		return rf_fail(err, -ENOMEM, "no memory for the recording");
	rec->meta_fd = -1;
	rec->dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = rec->dir_fd < 0 ? -errno : 0;

	if (rc == 0)
		rc = file_list((struct file_root){.fd = rec->dir_fd, .contained = true}, "/",
			       &names, NULL);
	if (rc == 0 && names.count > 0)
		rc = -ENOTEMPTY;
	if (rc == 0)
		rc = rec->meta_fd = file_create(rec->dir_fd, META_PATH, O_APPEND);
	if (rc >= 0)
		rc = rf_write_all(rec->meta_fd, rf_slice_text("#recorded\n"));
	if (rc < 0) {
		recorder_close(rec);
		return rf_fail(err, rc, "%s: %s", path, rf_code_text(rc));
	}
	*out = rec;
	return 0;
}

void recorder_close(struct recorder *rec)
{
	if (!rec)
		return;
	if (rec->dir_fd >= 0)
		close(rec->dir_fd);
	if (rec->meta_fd >= 0)
		close(rec->meta_fd);
	rf_map_done(&rec->seen);
	rf_buf_done(&rec->lines);
	rf_free(rec);
}

/* Writes what came together: one write, which appends whole even beside other processes. */
static int flush(struct recorder *rec)
{
	if (rec->lines.failed)
		return -ENOMEM;
	int rc = rf_write_all(rec->meta_fd, rf_buf_slice(&rec->lines));

	rf_buf_reset(&rec->lines);
	return rc;
}

/* Adds the line of an entry unless all of bits are in meta already. */
static int note(struct recorder *rec, const struct meta_entry *e, unsigned bits)
{
	const char *mark = rf_map_get(&rec->seen, e->path);
	unsigned seen = mark ? (unsigned)(mark - marks) : 0;

	if ((seen & bits) == bits)
		return 0;
	meta_add_line(e, &rec->lines);
	return rf_map_set(&rec->seen, e->path, &marks[seen | bits]);
}

static struct file_root live(const struct sys *sys)
{
	return (struct file_root){.fd = sys->root_fd, .contained = false};
}

/* These links lead each recording process to itself; in a recording they are directories. */
static bool is_self(const char *path)
{
	return strcmp(path, "/proc/self") == 0 || strcmp(path, "/proc/thread-self") == 0;
}

/* Fills an entry from the live machine. */
static void look(struct sys *sys, const char *path, struct meta_entry *e)
{
	*e = (struct meta_entry){.path = (char *)path, .known = META_TYPE};
	int rc = file_stat(live(sys), path, is_self(path), &e->st);

	if (rc < 0) {
		e->stat_failed = true;
		e->error = rc;
		return;
	}
	e->known = META_TYPE | META_MODE | META_UID | META_GID | META_SIZE | META_MTIME;
	e->flags = e->st.has_acl ? META_ACL : 0;
}

/* walk_link_fn of the live machine; each link on the way is noted. */
static int link_of(void *ctx, const char *path, char *target, size_t size)
{
	struct sys *sys = ctx;
	struct meta_entry e;

	if (is_self(path) || file_readlink(live(sys), path, target, size) < 0)
		return 0;
	if (rf_starts(path, "/proc/"))
		sys->rec->through_proc = true;
	look(sys, path, &e);
	e.text = target;
	if (e.stat_failed)
		return 0;
	int rc = note(sys->rec, &e, SEEN_STAT | SEEN_LINK);

	return rc < 0 ? rc : 1;
}

/*
 * The path behind links under which an answer is kept; 1 when there is none: links like
 * /proc/PID/root lead where no path leads, so what is behind them has no name of its own.
 */
static int place(struct sys *sys, const char *path, bool follow, char real[RF_MAX_PATH_BYTES])
{
	struct sys_stat a, b;

	sys->rec->through_proc = false;
	int rc = walk_resolve(path, follow, link_of, sys, real);

	/* A loop replays itself from the links that were noted. */
	if (rc == -ELOOP || (rc == 0 && !follow && is_self(real)))
		return 1;
	if (rc < 0 || !sys->rec->through_proc)
		return rc;
	if (file_stat(live(sys), path, follow, &a) < 0 || file_stat(live(sys), real, false, &b) < 0)
		return 0;
	return a.dev == b.dev && a.inode == b.inode ? 0 : 1;
}

/* Notes that reading, listing or readlink of path failed. */
static int note_error(struct sys *sys, const char *path, int rc)
{
	struct meta_entry e;

	look(sys, path, &e);
	bool is_text = e.stat_failed || e.st.type == S_IFREG || e.st.type == S_IFDIR ||
		       e.st.type == S_IFLNK;

	if (rc == RF_E_LIMIT)
		e.flags |= META_LARGE;
	/* What -EINVAL, -ENOTDIR and -ENOENT say follows from the type. */
	else if (!e.stat_failed && is_text && rc != -EINVAL && rc != -ENOTDIR && rc != -ENOENT) {
		e.flags |= META_ERROR;
		e.error = rc;
		e.text = sys->why.code && e.st.type != S_IFLNK ? sys->why.text : NULL;
	}
	return note(sys->rec, &e, SEEN_STAT | SEEN_ERROR);
}

/* Ends each record_ function. */
static int done(struct sys *sys, int rc)
{
	int written = flush(sys->rec);

	if (rc >= 0)
		rc = written;
	if (rc < 0)
		return rf_fail(&sys->why, rc, "it could not be recorded: %s", rf_code_text(rc));
	return 0;
}

/* Begins one: false where there is nothing to write down but an error, or nothing at all; *out is
 * what the function returns then. */
static bool begins(struct sys *sys, const char *path, bool follow, int rc,
		   char real[RF_MAX_PATH_BYTES], int *out)
{
	int rr = place(sys, path, follow, real);

	if (rr == 0 && rc >= 0)
		return true;
	*out = done(sys, rr == 0 ? note_error(sys, real, rc) : rr);
	return false;
}

/* It was there a moment ago: what ended since (a process) is kept as it was read. */
static void look_again(struct sys *sys, const char *real, uint32_t type, struct meta_entry *e)
{
	look(sys, real, e);
	if (e->stat_failed)
		*e = (struct meta_entry){
			.path = (char *)real, .known = META_TYPE, .st = {.type = type}};
}

int record_read(struct sys *sys, const char *path, int rc, const struct rf_buf *bytes)
{
	char real[RF_MAX_PATH_BYTES];
	struct meta_entry e;
	int rr;

	if (!begins(sys, path, true, rc, real, &rr))
		return rr;
	rr = file_replace(sys->rec->dir_fd, real, bytes->data, bytes->len);
	if (rr < 0)
		return done(sys, rr);
	look_again(sys, real, S_IFREG, &e);
	e.flags |= META_READ;
	return done(sys, note(sys->rec, &e, SEEN_STAT | SEEN_READ));
}

int record_list(struct sys *sys, const char *dir, int rc, const struct sys_names *names)
{
	char real[RF_MAX_PATH_BYTES], path[RF_MAX_PATH_BYTES];
	struct meta_entry e;
	int rr;

	if (!begins(sys, dir, true, rc, real, &rr))
		return rr;
	look_again(sys, real, S_IFDIR, &e);
	e.flags |= META_LISTED;
	rr = note(sys->rec, &e, SEEN_STAT | SEEN_LIST);
	for (size_t i = 0; i < names->count && rr == 0; i++) {
		if (!rf_format(path, sizeof(path), "%s/%s", real[1] ? real : "", names->names[i]))
			return done(sys, -ENAMETOOLONG);
		look(sys, path, &e);
		/* In the list, and so there; that it is gone since is another moment. */
		if (e.stat_failed)
			e = (struct meta_entry){.path = path};
		rr = note(sys->rec, &e, SEEN_STAT);
	}
	return done(sys, rr);
}

int record_stat(struct sys *sys, const char *path, bool follow, int rc, const struct sys_stat *st)
{
	char real[RF_MAX_PATH_BYTES];
	struct meta_entry e = {.path = real, .known = META_TYPE};
	int rr;

	if (!begins(sys, path, follow, rc, real, &rr))
		return rr;
	e.st = *st;
	e.known = META_TYPE | META_MODE | META_UID | META_GID | META_SIZE | META_MTIME;
	e.flags = st->has_acl ? META_ACL : 0;
	return done(sys, note(sys->rec, &e, SEEN_STAT));
}

int record_readlink(struct sys *sys, const char *path, int rc, const char *target)
{
	char real[RF_MAX_PATH_BYTES];
	struct meta_entry e;
	int rr;

	if (!begins(sys, path, false, rc, real, &rr))
		return rr;
	look_again(sys, real, S_IFLNK, &e);
	e.text = (char *)target;
	return done(sys, note(sys->rec, &e, SEEN_STAT | SEEN_LINK));
}

int record_probe(struct sys *sys, const char *name, const char *arg, int rc,
		 const struct rf_buf *bytes)
{
	char path[RF_MAX_PATH_BYTES];
	int rr = probe_path(name, arg, path);

	if (rr < 0)
		return done(sys, rr);
	if (rc == 0)
		return done(sys, file_replace(sys->rec->dir_fd, path, bytes->data, bytes->len));
	struct meta_entry e = {
		.path = path,
		.known = META_TYPE,
		.stat_failed = true,
		.error = rc,
		.text = sys->why.code ? sys->why.text : NULL,
	};

	return done(sys, note(sys->rec, &e, SEEN_ERROR));
}

int record_space(struct sys *sys, const char *path, int rc, const struct sys_space *space)
{
	RF_AUTOBUF struct rf_buf text = {0};

	if (rc == 0)
		rf_buf_printf(&text, "%lld %lld\n", (long long)space->size_bytes,
			      (long long)space->free_bytes);
	return record_probe(sys, "space", path, text.failed ? -ENOMEM : rc, &text);
}
