/* SPDX-License-Identifier: Apache-2.0 */
/* Debian packages: the files in them by SHA-256, whatever they are packed with; and packages that
 * mean harm, each refused with the reason. */
#include "test_base.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/str.h"
#include "sys/deb.h"

#define CONTROL "Package: tool\nVersion: 1:2.0-3~x\nArchitecture: amd64\n"
#define ABC_SHA "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" /* of "abc" */

/* A file of an archive; type 0 is a regular one. link: a hard link's target. */
struct member {
	const char *path, *body;
	unsigned int type;
	const char *link;
	size_t len; /* 0: of body */
};

static void add_member(struct archive *a, const struct member *m)
{
	struct archive_entry *entry = archive_entry_new();
	size_t len = m->len ? m->len : m->body ? strlen(m->body) : 0;

	archive_entry_set_pathname(entry, m->path);
	archive_entry_set_filetype(entry, m->type ? m->type : AE_IFREG);
	archive_entry_set_perm(entry, 0644);
	archive_entry_set_size(entry, (la_int64_t)len);
	if (m->type == AE_IFLNK)
		archive_entry_set_symlink(entry, "target");
	if (m->link)
		archive_entry_set_hardlink(entry, m->link);
	assert_int_equal(archive_write_header(a, entry), ARCHIVE_OK);
	if (len && !m->link)
		assert_int_equal(archive_write_data(a, m->body, len), (la_ssize_t)len);
	archive_entry_free(entry);
}

static la_ssize_t to_buf(struct archive *a, void *out, const void *data, size_t len)
{
	(void)a;
	assert_int_equal(rf_buf_add(out, data, len), 0);
	return (la_ssize_t)len;
}

static void pack(const struct member *members, size_t count, const char *filter, bool ar,
		 struct rf_buf *out)
{
	struct archive *a = archive_write_new();

	assert_int_equal(ar ? archive_write_set_format_ar_bsd(a)
			    : archive_write_set_format_gnutar(a),
			 ARCHIVE_OK);
	if (filter && archive_write_add_filter_by_name(a, filter) != ARCHIVE_OK)
		fail_msg("%s: %s", filter, archive_error_string(a));
	archive_write_set_bytes_in_last_block(a, 1);
	assert_int_equal(archive_write_open(a, out, NULL, to_buf, NULL), ARCHIVE_OK);
	for (size_t i = 0; i < count; i++)
		add_member(a, &members[i]);
	assert_int_equal(archive_write_close(a), ARCHIVE_OK);
	archive_write_free(a);
}

static const struct member usual[] = {
	{"./", NULL, AE_IFDIR, NULL, 0},
	{"./usr/bin/", NULL, AE_IFDIR, NULL, 0},
	{"./usr/bin/tool", "abc", 0, NULL, 0},
	{"./usr/bin/again", "", 0, "./usr/bin/tool", 0},
	{"./usr/bin/link", NULL, AE_IFLNK, NULL, 0},
	{"./usr/share/empty", "", 0, NULL, 0},
	{"./usr/share/doc/a b", "abc", 0, NULL, 0},
};

/* A package of these contents; NULL members: the usual ones. */
static void make_deb(const char *filter, const char *control, const struct member *data,
		     size_t count, struct rf_buf *out)
{
	RF_AUTOBUF struct rf_buf first = {0}, second = {0};
	const struct member in_control[] = {{"./md5sums", "x", 0, NULL, 0},
					    {"./control", control, 0, NULL, 0}};
	char names[2][32];

	pack(in_control, 2, filter, false, &first);
	pack(data ? data : usual, data ? count : RF_COUNT(usual), filter, false, &second);
	rf_format(names[0], 32, "control.tar%s%s", filter ? "." : "", filter ? filter : "");
	rf_format(names[1], 32, "data.tar%s%s", filter ? "." : "", filter ? filter : "");
	const struct member parts[] = {{"debian-binary", "2.0\n", 0, NULL, 0},
				       {names[0], (const char *)first.data, 0, NULL, first.len},
				       {"_later", "something", 0, NULL, 0},
				       {names[1], (const char *)second.data, 0, NULL, second.len}};

	pack(parts, RF_COUNT(parts), NULL, true, out);
}

struct seen {
	struct rf_buf text;
	int answer;
};

static int see(void *arg, const struct deb_package *package, const char *path, const char *sha256)
{
	struct seen *seen = arg;

	rf_buf_printf(&seen->text, "%s=%s %s %s\n", package->name, package->version, path, sha256);
	return seen->answer;
}

static int read_bytes(struct rf_slice bytes, struct seen *seen, struct rf_err *err)
{
	int fd = memfd_create("deb", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(rf_write_all(fd, bytes), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	int rc = deb_read(fd, see, seen, err);

	close(fd);
	return rc;
}

static void files_of_every_compression(void **state)
{
	static const char *const filters[] = {NULL, "gzip", "xz", "zstd"};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(filters); i++) {
		RF_AUTOBUF struct rf_buf deb = {0};
		struct seen seen = {0};
		struct rf_err err = {0};

		make_deb(filters[i], CONTROL, NULL, 0, &deb);
		if (read_bytes(rf_buf_slice(&deb), &seen, &err) < 0)
			fail_msg("%s: %s", filters[i] ? filters[i] : "plain", rf_err_text(&err));
		assert_string_equal(rf_buf_text(&seen.text),
				    "tool=1:2.0-3~x /usr/bin/tool " ABC_SHA "\n"
				    "tool=1:2.0-3~x /usr/share/doc/a b " ABC_SHA "\n");
		rf_buf_done(&seen.text);
	}
}

/* Members in another order or with other contents; NULL parts are left out. */
static void what_is_no_package(void **state)
{
	RF_AUTOBUF struct rf_buf tar = {0}, control = {0}, bzip2 = {0};
	const struct member named = {"./control", CONTROL, 0, NULL, 0};

	(void)state;
	pack(usual, RF_COUNT(usual), NULL, false, &tar);
	pack(&named, 1, NULL, false, &control);
	pack(&named, 1, "bzip2", false, &bzip2);
	const struct member version = {"debian-binary", "2.0\n", 0, NULL, 0};
	const struct member first = {"control.tar", (const char *)control.data, 0, NULL,
				     control.len};
	const struct member second = {"data.tar", (const char *)tar.data, 0, NULL, tar.len};
	const struct {
		const char *name;
		struct member parts[3];
		const char *words;
	} rows[] = {
		{"an old format",
		 {{"debian-binary", "0.939000\n", 0, NULL, 0}, first, second},
		 "no Debian package of format 2"},
		{"no version", {first, second, version}, "control.tar stands where debian-binary"},
		{"data first", {version, second, first}, "data.tar stands where control.tar"},
		{"no data", {version, first, {"_x", "x", 0, NULL, 0}}, "it has no data.tar"},
		{"another part",
		 {version, first, {"data.zip", "x", 0, NULL, 0}},
		 "data.zip stands where data.tar"},
		{"a name that only begins so",
		 {version, first, {"data.tarx", "x", 0, NULL, 0}},
		 "data.tarx stands"},
		{"a part that is no tar",
		 {version, {"control.tar", "abc", 0, NULL, 0}, second},
		 "control.tar"},
		{"a compression that is not ours",
		 {version,
		  {"control.tar.bz2", (const char *)bzip2.data, 0, NULL, bzip2.len},
		  second},
		 "control.tar.bz2"},
		{"control without a control file",
		 {version, {"control.tar", (const char *)tar.data, 0, NULL, tar.len}, second},
		 "holds no control file"},
	};

	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		RF_AUTOBUF struct rf_buf deb = {0};
		struct seen seen = {0};
		struct rf_err err = {0};

		pack(rows[i].parts, 3, NULL, true, &deb);
		if (read_bytes(rf_buf_slice(&deb), &seen, &err) != RF_E_SYNTAX ||
		    !strstr(rf_err_text(&err), rows[i].words))
			fail_msg("%s: %s", rows[i].name, rf_err_text(&err));
		assert_int_equal(seen.text.len, 0);
		rf_buf_done(&seen.text);
	}
}

static void hostile_contents(void **state)
{
	static char large[DEB_MAX_CONTROL_BYTES + 2];
	static const struct {
		const char *name, *control, *path;
		int rc;
		const char *words;
	} rows[] = {
		{"a path that leads out", CONTROL, "../../etc/shadow", RF_E_SYNTAX, "leads out"},
		{"one from the root", CONTROL, "/etc/shadow", RF_E_SYNTAX, "leads out"},
		{"one with an empty part", CONTROL, "./a//b", RF_E_SYNTAX, "leads out"},
		{"no name", "Version: 1\n", "./a", RF_E_SYNTAX, "names no package"},
		{"no version", "Package: a\n", "./a", RF_E_SYNTAX, "names no package"},
		{"a name with a blank", "Package: a b\nVersion: 1\n", "./a", RF_E_SYNTAX,
		 "names no package"},
		{"a version with a line's end in it", "Package: a\nVersion: 1\r2\n", "./a",
		 RF_E_SYNTAX, "names no package"},
		{"an empty control", "", "./a", RF_E_SYNTAX, "names no package"},
		{"a large control", large, "./a", RF_E_LIMIT, "control: more than"},
	};

	(void)state;
	memset(large, 'x', sizeof(large) - 1);
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		const struct member data = {rows[i].path, "abc", 0, NULL, 0};
		RF_AUTOBUF struct rf_buf deb = {0};
		struct seen seen = {0};
		struct rf_err err = {0};

		make_deb(NULL, rows[i].control, &data, 1, &deb);
		if (read_bytes(rf_buf_slice(&deb), &seen, &err) != rows[i].rc ||
		    !strstr(rf_err_text(&err), rows[i].words))
			fail_msg("%s: %s", rows[i].name, rf_err_text(&err));
		rf_buf_done(&seen.text);
	}
}

/* Cut anywhere: never good but where nothing of the data is missing, and never a crash. */
static void cut_and_bent(void **state)
{
	RF_AUTOBUF struct rf_buf deb = {0};
	size_t good = 0;

	(void)state;
	make_deb("xz", CONTROL, NULL, 0, &deb);
	for (size_t len = 0; len < deb.len; len++) {
		struct seen seen = {0};

		good += read_bytes((struct rf_slice){deb.data, len}, &seen, NULL) == 0;
		rf_buf_done(&seen.text);
	}
	/* The padding behind the last part. */
	assert_true(good <= 1);
	for (size_t at = 0; at < deb.len; at += 3) {
		struct seen seen = {0};

		deb.data[at] ^= 0xff;
		(void)!read_bytes(rf_buf_slice(&deb), &seen, NULL);
		deb.data[at] ^= 0xff;
		rf_buf_done(&seen.text);
	}
}

static void the_caller_may_stop(void **state)
{
	RF_AUTOBUF struct rf_buf deb = {0};
	struct seen seen = {.answer = RF_E_LIMIT};
	struct rf_err err = {0};

	(void)state;
	make_deb("zstd", CONTROL, NULL, 0, &deb);
	assert_int_equal(read_bytes(rf_buf_slice(&deb), &seen, &err), RF_E_LIMIT);
	assert_non_null(strstr(rf_err_text(&err), "/usr/bin/tool"));
	assert_null(strstr(rf_buf_text(&seen.text), "a b"));
	rf_buf_done(&seen.text);
	for (size_t n = 1; n < 4; n++) {
		struct seen none = {0};

		rf_alloc_fail_after(n);
		int rc = read_bytes(rf_buf_slice(&deb), &none, NULL);

		rf_alloc_fail_after(0);
		assert_int_equal(rc, -ENOMEM);
		rf_buf_done(&none.text);
	}
}

static void only_files_are_opened(void **state)
{
	struct rf_err err = {0};
	char dir[] = "/tmp/rf-deb-XXXXXX", path[64];

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(deb_open(dir, &err), -EINVAL);
	rf_format(path, sizeof(path), "%s/none.deb", dir);
	assert_int_equal(deb_open(path, &err), -ENOENT);
	/* Nobody writes to it: it must not be waited for. */
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(deb_open(path, &err), -EINVAL);
	assert_int_equal(unlink(path), 0);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	close(fd);
	fd = deb_open(path, &err);
	assert_true(fd >= 0);
	assert_int_equal(deb_read(fd, see, NULL, &err), RF_E_SYNTAX);
	close(fd);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_of_every_compression),
		cmocka_unit_test(what_is_no_package),
		cmocka_unit_test(hostile_contents),
		cmocka_unit_test(cut_and_bent),
		cmocka_unit_test(the_caller_may_stop),
		cmocka_unit_test(only_files_are_opened),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
