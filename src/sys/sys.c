/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seam's front: checks paths, asks the kind of host (live: here; directory: dir.c), scrubs what
 * was read and lets a recorder copy it. See sys.h for what is promised.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "sys/internal.h"
#include "sys/meta.h"
#include "sys/netlink.h"
#include "sys/record.h"
#include "sys/scrub.h"

static struct file_root live_root(const struct sys *sys)
{
	return (struct file_root){.fd = sys->root_fd, .contained = false};
}

static int live_read(struct sys *sys, const char *path, size_t max_bytes, struct rf_buf *out,
		     char real[RF_MAX_PATH_BYTES])
{
	return file_read(live_root(sys), path, max_bytes, out, real, &sys->why);
}

static int live_list(struct sys *sys, const char *dir, struct sys_names *out)
{
	return file_list(live_root(sys), dir, out, &sys->why);
}

static int live_stat(struct sys *sys, const char *path, bool follow, struct sys_stat *out)
{
	return file_stat(live_root(sys), path, follow, out);
}

static int live_readlink(struct sys *sys, const char *path, char *out, size_t size)
{
	return file_readlink(live_root(sys), path, out, size);
}

static int live_space(struct sys *sys, const char *path, struct sys_space *out)
{
	struct statvfs fs;

	(void)sys;
	if (statvfs(path, &fs) < 0)
		return -errno;
	uint64_t unit = fs.f_frsize ? fs.f_frsize : fs.f_bsize;

	if (unit == 0 || fs.f_blocks > (uint64_t)INT64_MAX / unit)
		return RF_E_LIMIT;
	*out = (struct sys_space){
		.size_bytes = (int64_t)(fs.f_blocks * unit),
		.free_bytes = (int64_t)(fs.f_bavail * unit),
	};
	return 0;
}

const struct sys_ops live_ops = {
	.read = live_read,
	.list = live_list,
	.stat = live_stat,
	.readlink = live_readlink,
	.space = live_space,
	.probe = probe_live,
};

struct sys *sys_new(const struct sys_ops *ops)
{
	struct sys *sys = rf_alloc(1, sizeof(*sys));

	if (sys) {
		sys->ops = ops;
		sys->root_fd = -1;
	}
	return sys;
}

int sys_open_live(struct sys **out, struct rf_err *err)
{
	struct utsname names;
	struct sys *sys = sys_new(&live_ops);

	if (!sys)
		return rf_fail(err, -ENOMEM, "no memory for the host");
	sys->is_live = true;
	sys->root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int rc = sys->root_fd < 0 ? -errno : probe_identity(sys->identity, sizeof(sys->identity));

	if (rc < 0) {
		sys_close(sys);
		return rf_fail(err, rc, "/: %s", rf_code_text(rc));
	}
	(void)rf_copy(sys->host_name, sizeof(sys->host_name),
		      uname(&names) == 0 && names.nodename[0] ? names.nodename : "localhost");
	*out = sys;
	return 0;
}

int sys_open_recording(const char *path, struct sys **out, struct rf_err *err)
{
	/* Without these a capture cannot be judged: whose it is, when, and with what rights. */
	static const char *const first[] = {"uname", "identity", "clock"};
	struct sys *sys = NULL;
	int rc = sys_open_live(&sys, err);

	if (rc == 0)
		rc = recorder_open(path, &sys->rec, err);
	for (size_t i = 0; i < RF_COUNT(first) && rc == 0; i++) {
		RF_AUTOBUF struct rf_buf bytes = {0};

		rc = sys_probe(sys, first[i], "", &bytes, err);
	}
	if (rc < 0) {
		sys_close(sys);
		return rc;
	}
	*out = sys;
	return 0;
}

bool sys_is_live(const struct sys *sys)
{
	return sys->is_live;
}

const char *sys_host_name(const struct sys *sys)
{
	return sys->host_name;
}

/* What every operation asks of its path. */
static int begin(struct sys *sys, const char *path)
{
	rf_err_clear(&sys->why);
	if (path[0] != '/')
		return -EINVAL;
	return strlen(path) >= RF_MAX_PATH_BYTES ? -ENAMETOOLONG : 0;
}

/* Fills err from a code and what the operation said of it. */
static int say(const struct sys *sys, struct rf_err *err, const char *path, int rc)
{
	const char *text = sys->why.code ? rf_err_text(&sys->why) : rf_code_text(rc);

	return rf_fail(err, rc, "%s: %s", path, text);
}

/* An answer that could not be recorded does not count. */
static int record_or(int recorded, int rc)
{
	return recorded < 0 ? recorded : rc;
}

static int scrub(struct sys *sys, const char *path, const char *real, struct rf_buf *bytes)
{
	int rc = scrub_file(path, real, bytes);

	if (rc == RF_E_UNSUPPORTED)
		return rf_fail(&sys->why, rc, "text in UTF-16 is not read");
	if (rc == RF_E_SYNTAX)
		return rf_fail(&sys->why, rc, "what is secret in it could not be told apart");
	return rc;
}

int sys_read(struct sys *sys, const char *path, size_t max_bytes, struct rf_buf *out,
	     struct rf_err *err)
{
	char real[RF_MAX_PATH_BYTES];
	RF_AUTOBUF struct rf_buf bytes = {0};
	int rc = begin(sys, path);

	if (rc < 0)
		return say(sys, err, path, rc);
	rc = sys->ops->read(sys, path, max_bytes, &bytes, real);
	if (rc == 0)
		rc = scrub(sys, path, real, &bytes);
	rc = sys->rec ? record_or(record_read(sys, path, rc, &bytes), rc) : rc;
	if (rc < 0)
		return say(sys, err, path, rc);
	rf_buf_done(out);
	*out = bytes;
	bytes = (struct rf_buf){0};
	return 0;
}

int sys_read_line(struct sys *sys, const char *path, char *out, size_t size)
{
	RF_AUTOBUF struct rf_buf bytes = {0};
	int rc = sys_read(sys, path, size - 1, &bytes, NULL);

	if (rc < 0)
		return rc;
	char *text = rf_buf_take_text(&bytes);

	if (!text)
		return -ENOMEM;
	(void)rf_copy(out, size, rf_trim(text));
	rf_free(text);
	return 0;
}

bool sys_stat_field(const char *line, unsigned field, char *out, size_t size)
{
	static const char blanks[] = " \n";
	const char *word = strrchr(line, ')');

	word = word ? word + 1 : "";
	word += strspn(word, blanks);
	for (unsigned at = 3; at < field; at++) {
		word += strcspn(word, blanks);
		word += strspn(word, blanks);
	}
	out[0] = '\0';
	return word[0] && rf_format(out, size, "%.*s", (int)strcspn(word, blanks), word);
}

int sys_read_int(struct sys *sys, const char *path, int64_t *out)
{
	char line[64];
	int rc = sys_read_line(sys, path, line, sizeof(line));

	return rc < 0 ? rc : rf_num(line, 0, INT64_MIN, INT64_MAX, out);
}

int sys_list(struct sys *sys, const char *dir, struct sys_names *out, struct rf_err *err)
{
	struct sys_names names = {0};
	int rc = begin(sys, dir);

	if (rc < 0)
		return say(sys, err, dir, rc);
	rc = sys->ops->list(sys, dir, &names);
	rc = sys->rec ? record_or(record_list(sys, dir, rc, &names), rc) : rc;
	if (rc < 0) {
		sys_names_done(&names);
		return say(sys, err, dir, rc);
	}
	*out = names;
	return 0;
}

void sys_names_done(struct sys_names *names)
{
	for (size_t i = 0; i < names->count; i++)
		rf_free(names->names[i]);
	rf_free(names->names);
	*names = (struct sys_names){0};
}

static int stat_any(struct sys *sys, const char *path, bool follow, struct sys_stat *out)
{
	struct sys_stat st;
	int rc = begin(sys, path);

	if (rc < 0)
		return rc;
	rc = sys->ops->stat(sys, path, follow, &st);
	rc = sys->rec ? record_or(record_stat(sys, path, follow, rc, &st), rc) : rc;
	if (rc == 0)
		*out = st;
	return rc;
}

int sys_stat(struct sys *sys, const char *path, struct sys_stat *out)
{
	return stat_any(sys, path, false, out);
}

int sys_stat_follow(struct sys *sys, const char *path, struct sys_stat *out)
{
	return stat_any(sys, path, true, out);
}

bool sys_exists(struct sys *sys, const char *path)
{
	struct sys_stat st;

	return stat_any(sys, path, true, &st) == 0;
}

int sys_readlink(struct sys *sys, const char *path, char *out, size_t size)
{
	char target[RF_MAX_PATH_BYTES];
	int rc = begin(sys, path);

	if (rc < 0)
		return rc;
	rc = sys->ops->readlink(sys, path, target, sizeof(target));
	rc = sys->rec ? record_or(record_readlink(sys, path, rc, target), rc) : rc;
	if (rc < 0)
		return rc;
	return strlen(target) < size && rf_copy(out, size, target) ? 0 : -ENAMETOOLONG;
}

int sys_space(struct sys *sys, const char *path, struct sys_space *out)
{
	struct sys_space space;
	int rc = begin(sys, path);

	if (rc < 0)
		return rc;
	rc = sys->ops->space(sys, path, &space);
	rc = sys->rec ? record_or(record_space(sys, path, rc, &space), rc) : rc;
	if (rc == 0)
		*out = space;
	return rc;
}

int sys_probe(struct sys *sys, const char *name, const char *arg, struct rf_buf *out,
	      struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf bytes = {0};

	rf_err_clear(&sys->why);
	arg = arg ? arg : "";
	if (!probe_known(name))
		return rf_fail(err, RF_E_UNKNOWN, "%s: no probe has this name", name);
	int rc = sys->ops->probe(sys, name, arg, &bytes);

	if (rc == 0 && bytes.failed)
		rc = -ENOMEM;
	if (rc == 0)
		rc = scrub_probe(name, &bytes);
	if (rc == 0 && netlink_check(name, &bytes) < 0)
		rc = rf_fail(&sys->why, RF_E_SYNTAX, "the answer is not made of netlink messages");
	rc = sys->rec ? record_or(record_probe(sys, name, arg, rc, &bytes), rc) : rc;
	if (rc < 0) {
		char what[128];

		(void)rf_format(what, sizeof(what), "probe %s%s%s", name, *arg ? " " : "", arg);
		return say(sys, err, what, rc);
	}
	rf_buf_done(out);
	*out = bytes;
	bytes = (struct rf_buf){0};
	return 0;
}

void sys_close(struct sys *sys)
{
	if (!sys)
		return;
	if (sys->root_fd >= 0)
		close(sys->root_fd);
	meta_free(sys->meta);
	recorder_close(sys->rec);
	/* Only whoever unpacked a capture removes it, not a child that inherited the object. */
	if (sys->temp_dir && sys->temp_owner == getpid())
		(void)file_remove_tree(sys->temp_dir);
	rf_free(sys->temp_dir);
	rf_free(sys);
}
