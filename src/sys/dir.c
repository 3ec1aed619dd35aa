/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A directory that stands for a host: content from the files below it, everything else from
 * .ringfence/meta (meta.h) where that has a line, answers of probes from .ringfence/probe. Nothing
 * of the machine we run on shows through, and nothing outside the directory is reached.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "sys/internal.h"
#include "sys/meta.h"

#define OWN_DIR "/.ringfence"

static struct file_root dir_root(const struct sys *sys)
{
	return (struct file_root){.fd = sys->root_fd, .contained = true};
}

/* Our own files are no part of the host. */
static bool is_own(const char *path)
{
	size_t len = strlen(OWN_DIR);

	return strncmp(path, OWN_DIR, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

static bool is_link(const struct meta_entry *e)
{
	return (e->known & META_TYPE) && !e->stat_failed && e->st.type == S_IFLNK;
}

static int link_of(void *ctx, const char *path, char *target, size_t size)
{
	struct sys *sys = ctx;
	const struct meta_entry *e = meta_find(sys->meta, path);

	if (e && is_link(e) && e->error)
		return e->error;
	if (e && is_link(e) && e->text)
		return rf_copy(target, size, e->text) ? 1 : -ENAMETOOLONG;
	if (e && (e->known & META_TYPE))
		return 0;
	int rc = file_readlink(dir_root(sys), path, target, size);

	if (rc == 0)
		return 1;
	return rc == -EINVAL || rc == -ENOENT || rc == -ENOTDIR ? 0 : rc;
}

/* Finds the path behind links and what is known of it; *entry may be NULL. */
static int find(struct sys *sys, const char *path, bool follow, char real[RF_MAX_PATH_BYTES],
		const struct meta_entry **entry)
{
	int rc = walk_resolve(path, follow, link_of, sys, real);

	if (rc < 0)
		return rc;
	if (is_own(real))
		return -ENOENT;
	*entry = meta_find(sys->meta, real);
	return 0;
}

/* What was recorded as the error of reading it. */
static int replay(struct sys *sys, const struct meta_entry *e)
{
	if (!e || !e->error)
		return 0;
	if (e->text && !is_link(e))
		return rf_fail(&sys->why, e->error, "%s", e->text);
	return e->error;
}

static int not_there(struct sys *sys, const char *real, const struct meta_entry *e)
{
	int rc = e ? RF_E_MISSING : meta_absent(sys->meta, real);

	if (e && (e->flags & META_LARGE))
		return rf_fail(&sys->why, RF_E_LIMIT, "larger than what the capture kept");
	if (rc == RF_E_MISSING)
		return rf_fail(&sys->why, rc, "not in the capture");
	return rc;
}

static int dir_read(struct sys *sys, const char *path, size_t max_bytes, struct rf_buf *out,
		    char real[RF_MAX_PATH_BYTES])
{
	const struct meta_entry *e;
	int rc = find(sys, path, true, real, &e);

	if (rc == 0)
		rc = replay(sys, e);
	if (rc < 0)
		return rc;
	if (e && (e->known & META_TYPE) && e->st.type != S_IFREG)
		return rf_fail(&sys->why, -EINVAL, "not a regular file");
	rc = file_read(dir_root(sys), real, max_bytes, out, NULL, &sys->why);
	return rc == -ENOENT ? not_there(sys, real, e) : rc;
}

/* Adds the names of entries that only meta knows. */
static int add_kids(const struct meta_entry *e, struct sys_names *names)
{
	size_t capacity = names->count;

	for (size_t i = 0; e && i < e->kids_count; i++) {
		int rc = is_own(e->kids[i]->path)
				 ? 0
				 : names_add(names, &capacity, strrchr(e->kids[i]->path, '/') + 1);

		if (rc < 0)
			return rc;
	}
	names_sort_unique(names);
	return 0;
}

/* The names below real, without our own folder and without what is known to be absent. */
static void drop_hidden(struct sys *sys, const char *real, struct sys_names *names)
{
	char path[RF_MAX_PATH_BYTES];
	size_t kept = 0;

	for (size_t i = 0; i < names->count; i++) {
		bool fits = rf_format(path, sizeof(path), "%s/%s", real[1] ? real : "",
				      names->names[i]);
		const struct meta_entry *e = fits ? meta_find(sys->meta, path) : NULL;

		if ((fits && is_own(path)) || (e && e->stat_failed && e->error == -ENOENT))
			rf_free(names->names[i]);
		else
			names->names[kept++] = names->names[i];
	}
	names->count = kept;
}

static int dir_list(struct sys *sys, const char *dir, struct sys_names *out)
{
	SYS_AUTONAMES struct sys_names names = {0};
	char real[RF_MAX_PATH_BYTES];
	const struct meta_entry *e;
	int rc = find(sys, dir, true, real, &e);

	if (rc == 0)
		rc = replay(sys, e);
	if (rc < 0)
		return rc;
	if (e && (e->known & META_TYPE) && e->st.type != S_IFDIR)
		return -ENOTDIR;
	if (meta_is_recorded(sys->meta) && e && !(e->flags & META_LISTED))
		return rf_fail(&sys->why, RF_E_MISSING, "its entries are not in the capture");
	/* What was recorded is listed from the record alone. */
	rc = meta_is_recorded(sys->meta) && e ? 0
					      : file_list(dir_root(sys), real, &names, &sys->why);
	if (rc == -ENOENT && e)
		rc = 0;
	else if (rc == -ENOENT)
		return not_there(sys, real, e);
	if (rc == 0)
		rc = add_kids(e, &names);
	if (rc < 0)
		return rc;
	drop_hidden(sys, real, &names);
	*out = names;
	names = (struct sys_names){0};
	return 0;
}

/* Puts what meta knows over what the directory says. */
static void overlay(const struct meta_entry *e, bool found, struct sys_stat *st)
{
	if (e->known & META_TYPE)
		st->type = e->st.type;
	else if (!found)
		st->type = S_IFDIR;
	if (e->known & META_MODE)
		st->mode = e->st.mode;
	else if (!found)
		st->mode = st->type == S_IFREG ? 0644 : 0755;
	if (e->known & META_UID)
		st->uid = e->st.uid;
	if (e->known & META_GID)
		st->gid = e->st.gid;
	if (e->known & META_SIZE)
		st->size_bytes = e->st.size_bytes;
	if (e->known & META_MTIME)
		st->mtime_ms = e->st.mtime_ms;
	st->has_acl = st->has_acl || e->st.has_acl;
}

/* FNV-1a: a number that is the same for all ways to a file, and another for each other file. */
static uint64_t path_number(const char *real)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (; *real; real++)
		h = (h ^ (uint8_t)*real) * 0x100000001b3u;
	return h ? h : 1;
}

static int dir_stat(struct sys *sys, const char *path, bool follow, struct sys_stat *out)
{
	char real[RF_MAX_PATH_BYTES];
	const struct meta_entry *e;
	int rc = find(sys, path, follow, real, &e);

	if (rc < 0)
		return rc;
	if (e && e->stat_failed)
		return replay(sys, e);
	if (meta_is_recorded(sys->meta) && e && !(e->known & META_TYPE))
		return not_there(sys, real, e);
	*out = (struct sys_stat){0};
	rc = file_stat(dir_root(sys), real, false, out);
	if (rc < 0 && (rc != -ENOENT || !e))
		return rc == -ENOENT ? not_there(sys, real, e) : rc;
	if (e)
		overlay(e, rc == 0, out);
	/* Those of the directory would be another machine's, or none. */
	out->dev = 1;
	out->inode = path_number(real);
	return 0;
}

static int dir_readlink(struct sys *sys, const char *path, char *out, size_t size)
{
	char real[RF_MAX_PATH_BYTES];
	const struct meta_entry *e;
	int rc = find(sys, path, false, real, &e);

	if (rc == 0)
		rc = replay(sys, e);
	if (rc < 0)
		return rc;
	if (e && is_link(e) && e->text)
		return rf_copy(out, size, e->text) ? 0 : -ENAMETOOLONG;
	if (e && (e->known & META_TYPE))
		return -EINVAL;
	rc = file_readlink(dir_root(sys), real, out, size);
	return rc == -ENOENT ? not_there(sys, real, e) : rc;
}

static int dir_probe(struct sys *sys, const char *name, const char *arg, struct rf_buf *out)
{
	char path[RF_MAX_PATH_BYTES];
	int rc = probe_path(name, arg, path);

	if (rc < 0)
		return rc;
	rc = replay(sys, meta_find(sys->meta, path));
	if (rc < 0)
		return rc;
	rc = file_read(dir_root(sys), path, RF_MAX_NETLINK_BYTES, out, NULL, &sys->why);
	if (rc == -ENOENT)
		return rf_fail(&sys->why, rc, "the directory has no answer to it");
	return rc;
}

static int dir_space(struct sys *sys, const char *path, struct sys_space *out)
{
	RF_AUTOBUF struct rf_buf bytes = {0};
	struct sys_space space;
	char answer[RF_MAX_PATH_BYTES];
	int rc = probe_path("space", path, answer);

	if (rc == 0)
		rc = replay(sys, meta_find(sys->meta, answer));
	if (rc < 0)
		return rc;
	rc = dir_probe(sys, "space", path, &bytes);
	if (rc < 0)
		return rc == -ENOENT ? RF_E_MISSING : rc;
	RF_AUTOFREE char *text = rf_buf_take_text(&bytes);
	char *cursor = text;
	char *size = rf_word_next(&cursor), *free_text = rf_word_next(&cursor);

	if (!text)
		return -ENOMEM;
	if (!size || !free_text || rf_num(size, 10, 0, INT64_MAX, &space.size_bytes) < 0 ||
	    rf_num(free_text, 10, 0, INT64_MAX, &space.free_bytes) < 0)
		return RF_E_SYNTAX;
	*out = space;
	return 0;
}

const struct sys_ops dir_ops = {
	.read = dir_read,
	.list = dir_list,
	.stat = dir_stat,
	.readlink = dir_readlink,
	.space = dir_space,
	.probe = dir_probe,
};

static int load_meta(struct sys *sys, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf bytes = {0};
	struct rf_err why = {0};
	int rc = file_read(dir_root(sys), OWN_DIR "/meta", RF_MAX_META_BYTES, &bytes, NULL, &why);

	if (rc == -ENOENT) {
		sys->meta = meta_new();
		return sys->meta ? 0 : rf_fail(err, -ENOMEM, "no memory for the host");
	}
	if (rc < 0)
		return rf_fail(err, rc, ".ringfence/meta: %s",
			       why.code ? rf_err_text(&why) : rf_code_text(rc));
	rc = meta_parse(rf_buf_text(&bytes), bytes.len, &sys->meta, &why);
	return rc < 0 ? rf_fail(err, rc, ".ringfence/meta: %s", rf_err_text(&why)) : 0;
}

/* The name that the uname probe gives, else that of the directory. */
static void name_host(struct sys *sys, const char *path)
{
	RF_AUTOBUF struct rf_buf bytes = {0};
	char text[RF_MAX_PATH_BYTES], *cursor = text;

	if (dir_probe(sys, "uname", "", &bytes) == 0 &&
	    rf_copy(text, sizeof(text), rf_buf_text(&bytes))) {
		char *line = rf_line_next(&cursor);

		if (line && *line && rf_copy(sys->host_name, sizeof(sys->host_name), line))
			return;
	}
	(void)rf_copy(text, sizeof(text), path);
	for (size_t n = strlen(text); n > 1 && text[n - 1] == '/';)
		text[--n] = '\0';
	const char *last = strrchr(text, '/');

	last = last && last[1] ? last + 1 : text;
	(void)rf_copy(sys->host_name, sizeof(sys->host_name), last);
}

int sys_open_dir(const char *path, struct sys **out, struct rf_err *err)
{
	struct sys *sys = sys_new(&dir_ops);

	if (!sys)
		return rf_fail(err, -ENOMEM, "no memory for the host");
	sys->root_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int rc = sys->root_fd < 0 ? -errno : 0;

	if (rc == 0)
		rc = load_meta(sys, err);
	else
		rf_fail(err, rc, "%s", rf_code_text(rc));
	if (rc < 0) {
		sys_close(sys);
		return rf_wrap(err, rc, "%s", path);
	}
	name_host(sys, path);
	rf_err_clear(&sys->why);
	*out = sys;
	return 0;
}
