/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of this folder share: the object behind `struct sys`, the table of operations that
 * a kind of host has, plain file access below a root, and the walk that resolves symbolic links.
 * Nothing outside src/sys includes it, but tests of these parts do.
 */
#ifndef RF_SYS_INTERNAL_H
#define RF_SYS_INTERNAL_H

#include <sys/types.h>

#include "base/limits.h"
#include "sys/sys.h"

struct meta;
struct recorder;
struct sys_through;

/* What a kind of host can do. Paths were checked: absolute, shorter than RF_MAX_PATH_BYTES. */
struct sys_ops {
	/* real gets the path behind all symbolic links, for the scrubber. */
	int (*read)(struct sys *sys, const char *path, size_t max_bytes, struct rf_buf *out,
		    char real[RF_MAX_PATH_BYTES]);
	int (*list)(struct sys *sys, const char *dir, struct sys_names *out);
	int (*stat)(struct sys *sys, const char *path, bool follow, struct sys_stat *out);
	int (*readlink)(struct sys *sys, const char *path, char *out, size_t size);
	int (*space)(struct sys *sys, const char *path, struct sys_space *out);
	int (*probe)(struct sys *sys, const char *name, const char *arg, struct rf_buf *out);
};

struct sys {
	const struct sys_ops *ops;
	int root_fd;
	bool is_live;
	struct meta *meta;		   /* a directory host's .ringfence/meta */
	struct recorder *rec;		   /* a recording host's */
	const struct sys_through *through; /* of one that another process reads; not ours */
	char *temp_dir;			   /* an unpacked capture: removed at close */
	pid_t temp_owner;		   /* by this process only, not by a child it forked */
	char host_name[256];
	char identity[64]; /* the probe's answer when a live host was opened */
	/* What the last operation has to say beside its code; "" when nothing. Belongs to the call
	 * that set it: sys.c clears it before each operation. */
	struct rf_err why;
};

/* A new host with these operations; NULL when memory is short. */
struct sys *sys_new(const struct sys_ops *ops) RF_MUST_CHECK;

/* files.c: access below a root. contained: symbolic links and .. cannot leave it. */
struct file_root {
	int fd;
	bool contained;
};

/* Opens path below root with openat2, or openat for the live root. Descriptor or -errno. */
int file_open(struct file_root root, const char *path, int flags) RF_MUST_CHECK;
/* As sys_read, without scrubbing; real may be NULL. why says sizes. */
int file_read(struct file_root root, const char *path, size_t max_bytes, struct rf_buf *out,
	      char *real, struct rf_err *why) RF_MUST_CHECK;
/* Like file_read of an open descriptor; check_change is false for /proc and the like. Calls
 * between (NULL: nothing) after each pass, so that a test can change the file meanwhile. */
struct file_pass {
	void (*between)(void *ctx);
	void *ctx;
};
int file_read_fd(int fd, size_t max_bytes, bool check_change, const struct file_pass *pass,
		 struct rf_buf *out, struct rf_err *why) RF_MUST_CHECK;
int file_list(struct file_root root, const char *dir, struct sys_names *out,
	      struct rf_err *why) RF_MUST_CHECK;
int file_stat(struct file_root root, const char *path, bool follow,
	      struct sys_stat *out) RF_MUST_CHECK;
int file_readlink(struct file_root root, const char *path, char *out, size_t size) RF_MUST_CHECK;

/* stale.c: removes the files ".NAME.new-PID" beside NAME that writers left who are no more; only
 * ours, only in a folder where nobody else may write. What cannot be told stays. */
void file_stale_remove(int dir_fd, const char *name);
/* Says that the file is being written: nobody's stale file. */
void file_claim(int fd);

/* capture.c: the path of an archive's entry without "./" before and "/" behind; NULL when it is no
 * clean relative one. "" stands for the directory itself. */
const char *archive_clean_path(const char *path, char out[RF_MAX_PATH_BYTES]);

/* tree.c: opens path below dir_fd for writing, making it (0600) and the directories above it
 * (0700), never through a symbolic link. Descriptor or -errno. */
int file_create(int dir_fd, const char *path, int extra_flags) RF_MUST_CHECK;
/* Replaces the file at path with these bytes, in one step for whoever reads it. */
int file_replace(int dir_fd, const char *path, const void *data, size_t len) RF_MUST_CHECK;
/* Removes a directory tree that we made. Symbolic links are removed, not followed. */
int file_remove_tree(const char *path);

/* Adds a copy of name; sort when all are there. */
int names_add(struct sys_names *names, size_t *capacity, const char *name) RF_MUST_CHECK;
void names_sort_unique(struct sys_names *names);

/* walk.c: 1 when path (no links before its last part) is a symbolic link whose target was written,
 * 0 when it is something else or not there, or a negative code. */
typedef int walk_link_fn(void *ctx, const char *path, char *target, size_t size);

/*
 * Writes the path behind all symbolic links, which is then absolute and without ".", ".." and
 * empty parts. Parts behind one that is not there stay as they are. follow: also a link at the end.
 * Returns 0, -ELOOP (more than 40 links), -ENAMETOOLONG or what link_of returned.
 */
int walk_resolve(const char *path, bool follow, walk_link_fn *link_of, void *ctx,
		 char out[RF_MAX_PATH_BYTES]) RF_MUST_CHECK;

/* probe.c: asks the live machine; RF_E_UNKNOWN for a name that is in no row. */
int probe_live(struct sys *sys, const char *name, const char *arg,
	       struct rf_buf *out) RF_MUST_CHECK;
bool probe_known(const char *name);
/* Writes the answer of the probe identity. 0 or -ENAMETOOLONG. */
int probe_identity(char *out, size_t size) RF_MUST_CHECK;
/* Where a probe's answer lies in a directory host: "/.ringfence/probe/NAME[/ARG]", arg's bytes
 * outside A-Za-z0-9._:+- as %XX; a part that is longer than a file's name may be ends with ~ and
 * goes on in a directory of that name. */
int probe_path(const char *name, const char *arg, char out[RF_MAX_PATH_BYTES]) RF_MUST_CHECK;

/* capture.c: sys_open_capture with the folder in which the archive is unpacked. */
int capture_open(const char *archive, const char *temp_base, struct sys **out,
		 struct rf_err *err) RF_MUST_CHECK;

/* The operations of a directory host. */
extern const struct sys_ops dir_ops;
extern const struct sys_ops live_ops;

#endif
