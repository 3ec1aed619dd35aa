/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Debian packages read in memory, see deb.h. Nothing is written and no program is run: libarchive
 * unpacks gzip, xz and zstd by itself, and other compressions are refused.
 * Source: deb(5), deb-control(5); libarchive's manual pages.
 */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "sys/deb.h"
#include "sys/internal.h"

#define BLOCK_BYTES 65536u

struct reading {
	struct archive *outer, *inner;
	struct deb_package package;
	deb_file_fn *each;
	void *arg;
	EVP_MD_CTX *hash;
	uint64_t files;
	int64_t bytes;
};

static int archive_error(struct archive *a, const char *what, struct rf_err *err)
{
	const char *text = archive_error_string(a);

	return rf_fail(err, RF_E_SYNTAX, "%s: %s", what, text ? text : "no archive");
}

int deb_open(const char *path, struct rf_err *err)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int rc = fd < 0 || fstat(fd, &st) < 0 ? -errno : S_ISREG(st.st_mode) ? 0 : -EINVAL;

	if (rc == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return rf_fail(err, rc, "%s: %s", path, rc == -EINVAL ? "no file" : rf_code_text(rc));
}

/* ---- a tar archive in the ar archive ---- */

static la_ssize_t pass_on(struct archive *a, void *arg, const void **out)
{
	struct reading *r = arg;
	la_int64_t offset;
	size_t len = 0;
	int rc = archive_read_data_block(r->outer, out, &len, &offset);

	(void)a;
	return rc == ARCHIVE_EOF ? 0 : rc == ARCHIVE_OK ? (la_ssize_t)len : -1;
}

static int open_tar(struct reading *r, const char *member, struct rf_err *err)
{
	r->inner = archive_read_new();
	if (!r->inner)
		return rf_fail(err, -ENOMEM, "no memory");
	archive_read_support_format_tar(r->inner);
	archive_read_support_filter_gzip(r->inner);
	archive_read_support_filter_xz(r->inner);
	archive_read_support_filter_zstd(r->inner);
	return archive_read_open(r->inner, r, NULL, pass_on, NULL) == ARCHIVE_OK
		       ? 0
		       : archive_error(r->inner, member, err);
}

static void close_tar(struct reading *r)
{
	if (r->inner)
		archive_read_free(r->inner);
	r->inner = NULL;
}

/* The next entry: 1, 0 at the end, negative. */
static int next_entry(struct reading *r, struct archive_entry **entry, const char *member,
		      struct rf_err *err)
{
	int rc = archive_read_next_header(r->inner, entry);

	if (rc == ARCHIVE_EOF)
		return 0;
	if (rc != ARCHIVE_OK && rc != ARCHIVE_WARN)
		return archive_error(r->inner, member, err);
	return ++r->files <= DEB_MAX_FILES
		       ? 1
		       : rf_fail(err, RF_E_LIMIT, "more than %u files", DEB_MAX_FILES);
}

/* ---- control.tar ---- */

/* Of names and versions these characters are all there are (deb-control(5)). */
static bool is_word(const char *text)
{
	return text[0] && text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					    "0123456789+-.:~")] == '\0';
}

static int take_control(struct reading *r, char *text, struct rf_err *err)
{
	static const char name[] = "Package:", version[] = "Version:";

	for (char *cursor = text, *line; (line = rf_line_next(&cursor));) {
		if (rf_starts(line, name))
			rf_copy(r->package.name, sizeof(r->package.name),
				rf_trim(line + sizeof(name) - 1));
		else if (rf_starts(line, version))
			rf_copy(r->package.version, sizeof(r->package.version),
				rf_trim(line + sizeof(version) - 1));
	}
	if (!is_word(r->package.name) || !is_word(r->package.version))
		return rf_fail(err, RF_E_SYNTAX, "its control file names no package and version");
	return 0;
}

static int read_control_file(struct reading *r, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf text = {0};

	for (;;) {
		uint8_t *to = rf_buf_reserve(&text, BLOCK_BYTES);
		la_ssize_t n = to ? archive_read_data(r->inner, to, BLOCK_BYTES) : 0;

		if (!to)
			return rf_fail(err, -ENOMEM, "no memory");
		if (n < 0)
			return archive_error(r->inner, "control", err);
		if (n == 0)
			break;
		text.len += (size_t)n;
		text.data[text.len] = 0;
		if (text.len > DEB_MAX_CONTROL_BYTES)
			return rf_fail(err, RF_E_LIMIT, "control: more than %u bytes",
				       DEB_MAX_CONTROL_BYTES);
	}
	return take_control(r, text.data ? (char *)text.data : (char[1]){""}, err);
}

static int read_control(struct reading *r, const char *member, struct rf_err *err)
{
	char buf[RF_MAX_PATH_BYTES];
	struct archive_entry *entry;
	int rc;

	while ((rc = next_entry(r, &entry, member, err)) > 0) {
		const char *path = archive_clean_path(archive_entry_pathname(entry), buf);

		if (path && strcmp(path, "control") == 0 &&
		    archive_entry_filetype(entry) == AE_IFREG)
			return read_control_file(r, err);
	}
	return rc < 0 ? rc : rf_fail(err, RF_E_SYNTAX, "%s holds no control file", member);
}

/* ---- data.tar ---- */

static int hash_entry(struct reading *r, uint8_t digest[EVP_MAX_MD_SIZE], unsigned int *len,
		      struct rf_err *err)
{
	RF_AUTOFREE uint8_t *block = rf_alloc(BLOCK_BYTES, 1);
	la_ssize_t n = 1;

	if (!block)
		return rf_fail(err, -ENOMEM, "no memory");
	if (EVP_DigestInit_ex(r->hash, EVP_sha256(), NULL) != 1)
		return rf_fail(err, RF_E_CRYPTO, "SHA-256 is not to be had");
	while (n > 0) {
		n = archive_read_data(r->inner, block, BLOCK_BYTES);
		if (n < 0)
			return archive_error(r->inner, "data", err);
		r->bytes += n;
		if (r->bytes > DEB_MAX_BYTES)
			return rf_fail(err, RF_E_LIMIT, "more than %lld bytes in all",
				       DEB_MAX_BYTES);
		if (EVP_DigestUpdate(r->hash, block, (size_t)n) != 1)
			return rf_fail(err, RF_E_CRYPTO, "SHA-256 is not to be had");
	}
	return EVP_DigestFinal_ex(r->hash, digest, len) == 1
		       ? 0
		       : rf_fail(err, RF_E_CRYPTO, "SHA-256 is not to be had");
}

static int read_file(struct reading *r, const char *path, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf hex = {0};
	uint8_t digest[EVP_MAX_MD_SIZE];
	char absolute[RF_MAX_PATH_BYTES + 1];
	int64_t before = r->bytes;
	unsigned int len = 0;
	int rc = hash_entry(r, digest, &len, err);

	if (rc < 0 || r->bytes == before)
		return rc;
	rf_buf_add_hex(&hex, digest, len);
	rf_format(absolute, sizeof(absolute), "/%s", path);
	rc = hex.failed ? -ENOMEM : r->each(r->arg, &r->package, absolute, rf_buf_text(&hex));
	return rc == 0 ? 0 : rf_fail(err, rc, "%s: %s", absolute, rf_code_text(rc));
}

/* A hard link's contents are those of its target, which is there as well. */
static int read_data(struct reading *r, const char *member, struct rf_err *err)
{
	char buf[RF_MAX_PATH_BYTES];
	struct archive_entry *entry;
	int rc;

	while ((rc = next_entry(r, &entry, member, err)) > 0) {
		const char *path = archive_clean_path(archive_entry_pathname(entry), buf);

		if (!path)
			return rf_fail(err, RF_E_SYNTAX, "%s: file %llu has a path that leads out",
				       member, (unsigned long long)r->files);
		if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry))
			continue;
		rc = read_file(r, path, err);
		if (rc < 0)
			return rc;
	}
	return rc;
}

/* ---- the package ---- */

/* The parts in their order; others may lie between them when their names begin with '_'. */
static const struct {
	const char *name; /* or its beginning, where a dot and the compression follow */
	int (*read)(struct reading *r, const char *member, struct rf_err *err);
} parts[] = {{"debian-binary", NULL}, {"control.tar", read_control}, {"data.tar", read_data}};

/* "2.0", and later ones of the same kind. */
static int read_version(struct reading *r, struct rf_err *err)
{
	char text[64];
	la_ssize_t n = archive_read_data(r->outer, text, sizeof(text));

	return n >= 4 && memcmp(text, "2.", 2) == 0
		       ? 0
		       : rf_fail(err, RF_E_SYNTAX, "no Debian package of format 2");
}

static bool is_part(const char *member, const char *name)
{
	size_t len = strlen(name);

	return rf_starts(member, name) && (member[len] == '\0' || member[len] == '.');
}

static int read_part(struct reading *r, size_t part, const char *member, struct rf_err *err)
{
	if (!parts[part].read)
		return read_version(r, err);
	int rc = open_tar(r, member, err);

	if (rc == 0)
		rc = parts[part].read(r, member, err);
	close_tar(r);
	return rc;
}

static int read_parts(struct reading *r, struct rf_err *err)
{
	struct archive_entry *entry;
	size_t part = 0;

	while (part < RF_COUNT(parts)) {
		int rc = archive_read_next_header(r->outer, &entry);
		char member[64];

		if (rc == ARCHIVE_EOF)
			return rf_fail(err, RF_E_SYNTAX, "no Debian package: it has no %s",
				       parts[part].name);
		if (rc != ARCHIVE_OK)
			return archive_error(r->outer, "no Debian package", err);
		if (!archive_entry_pathname(entry) ||
		    !rf_copy(member, sizeof(member), archive_entry_pathname(entry)))
			return rf_fail(err, RF_E_SYNTAX,
				       "no Debian package: a part without a name");
		if (part > 0 && member[0] == '_')
			continue;
		if (!is_part(member, parts[part].name))
			return rf_fail(err, RF_E_SYNTAX,
				       "no Debian package: %.40s stands where %s must be", member,
				       parts[part].name);
		rc = read_part(r, part, member, err);
		if (rc < 0)
			return rc;
		part++;
	}
	return 0;
}

int deb_read(int fd, deb_file_fn *each, void *arg, struct rf_err *err)
{
	struct reading r = {.outer = archive_read_new(), .each = each, .arg = arg};
	int rc = -ENOMEM;

	r.hash = EVP_MD_CTX_new();
	if (!r.outer || !r.hash) {
		rf_fail(err, rc, "no memory");
	} else {
		archive_read_support_format_ar(r.outer);
		rc = archive_read_open_fd(r.outer, fd, BLOCK_BYTES) == ARCHIVE_OK
			     ? read_parts(&r, err)
			     : archive_error(r.outer, "no Debian package", err);
	}
	EVP_MD_CTX_free(r.hash);
	if (r.outer)
		archive_read_free(r.outer);
	return rc;
}
