/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Live kernel values as objects: files of /proc/sys, /sys and cgroups that hold one line. What
 * counts is the value as the kernel means it: blanks are one, of "always [madvise] never" the word
 * in brackets. What is written back is what was read.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/reader.h"
#include "base/str.h"
#include "change/kinds.h"

#define VALUE_MAX_BYTES 4096u

/* State: u32 length of the text as read, the text, then what counts: '1' and the value, or '0'. */
int value_state_encode(const char *text, struct rf_buf *out)
{
	size_t len = text ? strlen(text) : 0;
	uint8_t size[4] = {(uint8_t)len, (uint8_t)(len >> 8), (uint8_t)(len >> 16),
			   (uint8_t)(len >> 24)};

	rf_buf_add(out, size, sizeof(size));
	rf_buf_add(out, text, len);
	rf_buf_add_byte(out, text ? '1' : '0');
	if (!text)
		return out->failed ? -ENOMEM : 0;
	const char *open = strchr(text, '['), *close = open ? strchr(open, ']') : NULL;
	RF_AUTOFREE char *copy =
		close ? rf_strndup(open + 1, (size_t)(close - open) - 1) : rf_strdup(text);
	char *cursor = copy;
	bool first = true;

	/* Ends of lines are blanks here. */
	for (char *p = copy; p && *p; p++)
		*p = *p == '\n' || *p == '\r' ? ' ' : *p;
	for (char *word; copy && (word = rf_word_next(&cursor)); first = false)
		rf_buf_printf(out, "%s%s", first ? "" : " ", word);
	return !copy || out->failed ? -ENOMEM : 0;
}

static struct rf_slice value_essence(struct rf_slice state)
{
	struct rf_reader r = rf_reader(state);

	(void)rf_read_bytes(&r, rf_read_le32(&r));
	struct rf_slice rest = rf_read_rest(&r);

	return r.failed ? state : rest;
}

bool value_state_text(struct rf_slice state, struct rf_buf *out)
{
	struct rf_slice essence = value_essence(state);

	if (essence.len == 0 || essence.data[0] != '1')
		return false;
	rf_buf_add(out, essence.data + 1, essence.len - 1);
	return true;
}

/* /sys is full of links: they are followed, but never out of the root (openat2(2)). */
static int value_open(const struct verb_env *env, const char *path, int flags)
{
	struct open_how how = {.flags = (uint32_t)(flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK),
			       .resolve = RESOLVE_IN_ROOT};
	long fd = syscall(SYS_openat2, env->root, path + 1, &how, sizeof(how));

	return fd < 0 ? -errno : (int)fd;
}

static int text_read(const struct verb_env *env, const char *path, char text[VALUE_MAX_BYTES],
		     struct rf_err *err)
{
	int fd = value_open(env, path, O_RDONLY);

	if (fd < 0)
		return rf_fail(err, fd, "%s: %s", path, rf_code_text(fd));
	ssize_t n = read(fd, text, VALUE_MAX_BYTES - 1);
	int rc = n < 0 ? -errno : 0;

	close(fd);
	if (n < 0)
		return rf_fail(err, rc, "%s: %s", path, rf_code_text(rc));
	text[n] = '\0';
	return strlen(text) == (size_t)n ? 0 : rf_fail(err, RF_E_SYNTAX, "%s is no text", path);
}

static int value_read(const struct verb_env *env, const char *path, struct rf_buf *out,
		      struct rf_err *err)
{
	char text[VALUE_MAX_BYTES];
	int rc = text_read(env, path, text, err);

	/* A group without a list of CPUs may use those of the group above; while processes are in
	 * it the kernel does not let a list be taken away again. All CPUs mean the same. */
	if (!rc && rf_ends(path, "/cpuset.cpus") && strspn(text, " \n") == strlen(text))
		rc = text_read(env, "/sys/devices/system/cpu/online", text, err);
	if (rc == -ENOENT) {
		rf_err_clear(err);
		return value_state_encode(NULL, out);
	}
	return rc ? rc : value_state_encode(text, out);
}

static int value_put(const struct verb_env *env, const char *path, struct rf_slice state,
		     struct rf_err *err)
{
	struct rf_reader r = rf_reader(state);
	struct rf_slice text = rf_read_bytes(&r, rf_read_le32(&r));
	struct rf_slice essence = rf_read_rest(&r);
	RF_AUTOBUF struct rf_buf chosen = {0};

	if (r.failed || essence.len == 0 || essence.data[0] != '1')
		return rf_fail(err, RF_E_MISSING, "%s cannot be taken away or made", path);
	/* "always [madvise] never" is read, "madvise" is written. */
	if (text.len && memchr(text.data, '[', text.len)) {
		rf_buf_add(&chosen, essence.data + 1, essence.len - 1);
		if (env->live)
			text = rf_buf_slice(&chosen);
	}
	int fd = value_open(env, path, O_WRONLY | (env->live ? 0 : O_TRUNC));

	if (fd < 0)
		return rf_fail(err, fd, "%s: %s", path, rf_code_text(fd));
	/* One write: the kernel takes each as a whole value. */
	ssize_t n = write(fd, text.data, text.len);
	int rc = n < 0 ? -errno : (size_t)n != text.len ? -EIO : 0;

	close(fd);
	return rc < 0 ? rf_fail(err, rc, "%s: %s", path, rf_code_text(rc)) : 0;
}

const struct verb_kind kind_value = {
	.name = "value",
	.rank = 60,
	.check = allow_value_path,
	.read = value_read,
	.put = value_put,
	/* Where the host is a folder a write is not one act, as it is in the kernel. */
	.partial = true,
	.essence = value_essence,
};
