/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Captures as archives: a recording directory packed into a tar, and such a tar unpacked into a
 * private directory. The archive is hostile: only directories and regular files with clean relative
 * paths are taken, each once, within the limits of base/limits.h. Source: tar(5), libarchive.
 */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "sys/internal.h"
#include "sys/meta.h"

#define BLOCK_BYTES    65536u
#define MAX_PATH_PARTS 64u
#define META_NAME      ".ringfence/meta"

struct unpack {
	struct archive *in;
	int dir_fd;
	uint64_t bytes, files;
	bool has_meta;
};

static int archive_error(struct archive *a, struct rf_err *err)
{
	const char *text = archive_error_string(a);

	return rf_fail(err, RF_E_SYNTAX, "%s", text ? text : "no archive of ours");
}

const char *archive_clean_path(const char *path, char out[RF_MAX_PATH_BYTES])
{
	size_t parts = 0;

	if (!path || path[0] == '/' || !rf_copy(out, RF_MAX_PATH_BYTES, path))
		return NULL;
	while (rf_starts(out, "./"))
		memmove(out, out + 2, strlen(out + 2) + 1);
	if (strcmp(out, ".") == 0)
		out[0] = '\0';
	for (size_t n = strlen(out); n > 0 && out[n - 1] == '/';)
		out[--n] = '\0';
	for (const char *at = out; *at;) {
		size_t len = strcspn(at, "/");

		if (len == 0 || len > 255 || ++parts > MAX_PATH_PARTS ||
		    (len == 1 && at[0] == '.') || (len == 2 && memcmp(at, "..", 2) == 0))
			return NULL;
		at += len + (at[len] ? 1 : 0);
	}
	return out;
}

static int copy_content(struct unpack *u, int fd)
{
	RF_AUTOFREE uint8_t *block = rf_alloc(BLOCK_BYTES, 1);

	if (!block)
		return -ENOMEM;
	for (;;) {
		la_ssize_t n = archive_read_data(u->in, block, BLOCK_BYTES);

		if (n < 0)
			return RF_E_SYNTAX;
		if (n == 0)
			return 0;
		u->bytes += (uint64_t)n;
		if (u->bytes > RF_MAX_CAPTURE_BYTES)
			return RF_E_LIMIT;
		int rc = rf_write_all(fd, (struct rf_slice){block, (size_t)n});

		if (rc < 0)
			return rc;
	}
}

static int unpack_file(struct unpack *u, const char *path, struct archive_entry *entry,
		       struct rf_err *err)
{
	if (archive_entry_size_is_set(entry) &&
	    (archive_entry_size(entry) < 0 ||
	     (uint64_t)archive_entry_size(entry) > RF_MAX_CAPTURE_BYTES - u->bytes))
		return rf_fail(err, RF_E_LIMIT, "%s: more than %u bytes in all", path,
			       RF_MAX_CAPTURE_BYTES);
	int fd = file_create(u->dir_fd, path, O_EXCL);

	if (fd < 0)
		return rf_fail(err, fd == -EEXIST ? RF_E_DUPLICATE : fd, "%s: %s", path,
			       rf_code_text(fd));
	int rc = copy_content(u, fd);

	if (close(fd) < 0 && rc == 0)
		rc = -errno;
	u->has_meta = u->has_meta || strcmp(path, META_NAME) == 0;
	if (rc == RF_E_LIMIT)
		return rf_fail(err, rc, "more than %u bytes in all", RF_MAX_CAPTURE_BYTES);
	return rc < 0 ? rf_fail(err, rc, "%s: %s", path, rf_code_text(rc)) : 0;
}

static int unpack_entry(struct unpack *u, struct archive_entry *entry, struct rf_err *err)
{
	char buf[RF_MAX_PATH_BYTES];
	const char *path = archive_clean_path(archive_entry_pathname(entry), buf);

	if (++u->files > RF_MAX_CAPTURE_FILES)
		return rf_fail(err, RF_E_LIMIT, "more than %u entries", RF_MAX_CAPTURE_FILES);
	if (!path)
		return rf_fail(err, RF_E_DENIED,
			       "entry %llu: not a relative path below the capture",
			       (unsigned long long)u->files);
	if (archive_entry_hardlink(entry) || archive_entry_symlink(entry))
		return rf_fail(err, RF_E_DENIED, "%s: a capture has no links", path);
	/* Directories come into being with the files in them. */
	if (archive_entry_filetype(entry) == AE_IFDIR)
		return 0;
	if (archive_entry_filetype(entry) != AE_IFREG || !path[0])
		return rf_fail(err, RF_E_DENIED, "%s: neither a file nor a directory", path);
	return unpack_file(u, path, entry, err);
}

static int unpack_all(struct unpack *u, struct rf_err *err)
{
	struct archive_entry *entry;

	for (;;) {
		int rc = archive_read_next_header(u->in, &entry);

		if (rc == ARCHIVE_EOF)
			break;
		if (rc != ARCHIVE_OK)
			return archive_error(u->in, err);
		rc = unpack_entry(u, entry, err);
		if (rc < 0)
			return rc;
	}
	if (!u->has_meta)
		return rf_fail(err, RF_E_SYNTAX, "no capture: it has no " META_NAME);
	return 0;
}

/* Formats and compressions that a capture may have. A filter that libarchive would run a program
 * for is not taken. */
static int prepare_reader(struct archive *a, struct rf_err *err)
{
	static int (*const filters[])(struct archive *) = {
		archive_read_support_filter_gzip,
		archive_read_support_filter_zstd,
		archive_read_support_filter_xz,
	};

	for (size_t i = 0; i < RF_COUNT(filters); i++) {
		if (filters[i](a) != ARCHIVE_OK)
			return rf_fail(err, RF_E_UNSUPPORTED, "libarchive cannot decompress");
	}
	if (archive_read_support_format_tar(a) != ARCHIVE_OK)
		return archive_error(a, err);
	/* Names are bytes, whatever the locale. */
	(void)archive_read_set_options(a, "hdrcharset=BINARY");
	return 0;
}

static int unpack_fd(int fd, const char *dir, struct rf_err *err)
{
	struct unpack u = {.in = archive_read_new(), .dir_fd = -1};
	int rc = u.in ? prepare_reader(u.in, err) : -ENOMEM;

	if (rc == 0 && archive_read_open_fd(u.in, fd, BLOCK_BYTES) != ARCHIVE_OK)
		rc = archive_error(u.in, err);
	if (rc == 0) {
		u.dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		rc = u.dir_fd < 0 ? rf_fail(err, -errno, "%s: %s", dir, rf_code_text(-errno))
				  : unpack_all(&u, err);
	}
	if (u.dir_fd >= 0)
		close(u.dir_fd);
	archive_read_free(u.in);
	return rc;
}

/* A descriptor of a regular file, without waiting for a FIFO. */
static int open_archive(const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return fd;
	close(fd);
	return -EINVAL;
}

static char *make_temp_dir(const char *base)
{
	char *dir = rf_asprintf("%s/ringfence-XXXXXX", base);

	if (dir && !mkdtemp(dir)) {
		rf_free(dir);
		dir = NULL;
	}
	return dir;
}

int sys_open_capture(const char *archive, struct sys **out, struct rf_err *err)
{
	/* On disk rather than in memory; where that is not to be had, wherever it may be. */
	return capture_open(archive, access("/var/tmp", W_OK) == 0 ? "/var/tmp" : "/tmp", out, err);
}

int capture_open(const char *archive, const char *temp_base, struct sys **out, struct rf_err *err)
{
	int fd = open_archive(archive);

	rf_err_clear(err);
	if (fd < 0)
		return rf_fail(err, fd, "%s: %s", archive,
			       fd == -EINVAL ? "not a regular file" : rf_code_text(fd));
	char *dir = make_temp_dir(temp_base);
	int rc = dir ? unpack_fd(fd, dir, err)
		     : rf_fail(err, -errno, "no temporary directory: %s", rf_code_text(-errno));

	close(fd);
	if (rc == 0)
		rc = sys_open_dir(dir, out, err);
	if (rc < 0) {
		if (dir)
			(void)file_remove_tree(dir);
		rf_free(dir);
		return rf_wrap(err, rc, "%s", archive);
	}
	(*out)->temp_dir = dir;
	(*out)->temp_owner = getpid();
	return 0;
}

/* How an archive is compressed, by its name. */
static const struct {
	const char *suffix, *filter;
} filters[] = {
	{".tar", "none"}, {".zst", "zstd"}, {".xz", "xz"}, {".gz", "gzip"}, {"", "gzip"},
};

static int prepare_writer(struct archive *a, const char *name, struct rf_err *err)
{
	const char *filter = "gzip";

	for (size_t i = 0; i < RF_COUNT(filters); i++) {
		if (rf_ends(name, filters[i].suffix)) {
			filter = filters[i].filter;
			break;
		}
	}
	if ((strcmp(filter, "none") != 0 &&
	     archive_write_add_filter_by_name(a, filter) != ARCHIVE_OK) ||
	    archive_write_set_format_gnutar(a) != ARCHIVE_OK)
		return archive_error(a, err);
	(void)archive_write_set_options(a, "hdrcharset=BINARY");
	/* The same recording gives the same bytes. */
	(void)archive_write_set_filter_option(a, "gzip", "timestamp", NULL);
	return 0;
}

static int pack_bytes(struct archive *a, const char *path, const struct rf_buf *bytes,
		      struct rf_err *err)
{
	struct archive_entry *entry = archive_entry_new();

	if (!entry)
		return rf_fail(err, -ENOMEM, "no memory for the archive");
	archive_entry_set_pathname(entry, path);
	archive_entry_set_filetype(entry, AE_IFREG);
	archive_entry_set_perm(entry, 0600);
	archive_entry_set_size(entry, (la_int64_t)bytes->len);
	archive_entry_set_mtime(entry, 0, 0);
	int rc = archive_write_header(a, entry) == ARCHIVE_OK &&
				 archive_write_data(a, bytes->data, bytes->len) ==
					 (la_ssize_t)bytes->len
			 ? 0
			 : archive_error(a, err);

	archive_entry_free(entry);
	return rc;
}

struct pack {
	struct archive *out;
	struct file_root root;
	uint64_t bytes, files;
};

/* meta is packed as one line for a path, sorted, however many processes wrote it. */
static int tidy_meta(struct rf_buf *bytes, struct rf_err *err)
{
	struct meta *meta = NULL;
	RF_AUTOBUF struct rf_buf tidy = {0};
	int rc = meta_parse(rf_buf_text(bytes), bytes->len, &meta, err);

	if (rc == 0 && meta_write(meta, &tidy) < 0)
		rc = rf_fail(err, -ENOMEM, "no memory for the meta data");
	meta_free(meta);
	if (rc < 0)
		return rc;
	struct rf_buf old = *bytes;

	*bytes = tidy;
	tidy = old;
	return 0;
}

static int pack_file(struct pack *p, const char *path, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf bytes = {0};
	struct rf_err why = {0};
	size_t max = RF_MAX_CAPTURE_BYTES - p->bytes;
	int rc = file_read(p->root, path, max, &bytes, NULL, &why);

	if (rc == 0 && strcmp(path, META_NAME) == 0)
		rc = tidy_meta(&bytes, &why);
	if (rc == 0 && ++p->files > RF_MAX_CAPTURE_FILES)
		rc = rf_fail(&why, RF_E_LIMIT, "more than %u files", RF_MAX_CAPTURE_FILES);
	if (rc < 0)
		return rf_fail(err, rc, "%s: %s", path,
			       why.code ? rf_err_text(&why) : rf_code_text(rc));
	p->bytes += bytes.len;
	return pack_bytes(p->out, path, &bytes, err);
}

/* Packs what lies below path ("" or "a/b"), sorted. Recursion is bounded by MAX_PATH_PARTS. */
static int pack_dir(struct pack *p, const char *path, unsigned depth, struct rf_err *err)
{
	SYS_AUTONAMES struct sys_names names = {0};
	int rc = depth > MAX_PATH_PARTS ? RF_E_LIMIT
					: file_list(p->root, *path ? path : "/", &names, NULL);

	if (rc < 0)
		return rf_fail(err, rc, "%s: %s", path, rf_code_text(rc));
	for (size_t i = 0; i < names.count && rc == 0; i++) {
		RF_AUTOFREE char *sub =
			rf_asprintf("%s%s%s", path, *path ? "/" : "", names.names[i]);
		struct sys_stat st;

		if (!sub || strlen(sub) >= RF_MAX_PATH_BYTES)
			return rf_fail(err, sub ? -ENAMETOOLONG : -ENOMEM, "%s: %s", path,
				       names.names[i]);
		rc = file_stat(p->root, sub, false, &st);
		if (rc < 0)
			return rf_fail(err, rc, "%s: %s", sub, rf_code_text(rc));
		if (st.type == S_IFDIR)
			rc = pack_dir(p, sub, depth + 1, err);
		else if (st.type == S_IFREG)
			rc = pack_file(p, sub, err);
		else
			rc = rf_fail(err, RF_E_DENIED, "%s: a recording has only files", sub);
	}
	return rc;
}

static int pack_fd(const char *dir, int fd, const char *name, struct rf_err *err)
{
	struct pack p = {.out = archive_write_new(), .root = {.fd = -1, .contained = true}};
	int rc = p.out ? prepare_writer(p.out, name, err) : rf_fail(err, -ENOMEM, "no memory");

	if (rc == 0 && archive_write_open_fd(p.out, fd) != ARCHIVE_OK)
		rc = archive_error(p.out, err);
	if (rc == 0) {
		p.root.fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		rc = p.root.fd < 0 ? rf_fail(err, -errno, "%s: %s", dir, rf_code_text(-errno))
				   : pack_dir(&p, "", 0, err);
	}
	if (rc == 0 && archive_write_close(p.out) != ARCHIVE_OK)
		rc = archive_error(p.out, err);
	if (p.root.fd >= 0)
		close(p.root.fd);
	archive_write_free(p.out);
	if (rc == 0 && fsync(fd) < 0)
		rc = rf_fail(err, -errno, "%s", rf_code_text(-errno));
	return rc;
}

/* Makes the rename last: writes the directory that holds archive. */
static int sync_parent(const char *archive)
{
	RF_AUTOFREE char *path = rf_strdup(archive);
	char *slash = path ? strrchr(path, '/') : NULL;

	if (slash)
		slash[slash == path ? 1 : 0] = '\0';
	int fd = open(slash ? path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	int rc = fsync(fd) < 0 && errno != EINVAL ? -errno : 0;

	close(fd);
	return rc;
}

int sys_capture_write(const char *dir, const char *archive, struct rf_err *err)
{
	/* mkostemp makes it with mode 0600: a capture is the whole configuration of a host. */
	RF_AUTOFREE char *temp = rf_asprintf("%s.XXXXXX", archive);
	int fd = temp ? mkostemp(temp, O_CLOEXEC) : -1;

	rf_err_clear(err);
	if (fd < 0)
		return rf_fail(err, temp ? -errno : -ENOMEM, "%s: %s", archive,
			       rf_code_text(temp ? -errno : -ENOMEM));
	int rc = pack_fd(dir, fd, archive, err);

	if (close(fd) < 0 && rc == 0)
		rc = rf_fail(err, -errno, "%s", rf_code_text(-errno));
	if (rc == 0 && rename(temp, archive) < 0)
		rc = rf_fail(err, -errno, "%s", rf_code_text(-errno));
	if (rc < 0) {
		(void)unlink(temp);
		return rf_wrap(err, rc, "%s", archive);
	}
	return sync_parent(archive);
}
