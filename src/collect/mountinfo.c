/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parser of /proc/self/mountinfo. It does not judge options; mounts.c turns lines into facts.
 * Source: proc_pid_mountinfo(5).
 */
#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/mountinfo.h"

#define MOUNTINFO "/proc/self/mountinfo"
#define MAX_LINKS 40u /* as many as the kernel follows */

void mount_unescape(char *text)
{
	char *to = text;

	for (const char *p = text; *p; to++) {
		if (p[0] == '\\' && p[1] >= '0' && p[1] <= '3' && p[2] >= '0' && p[2] <= '7' &&
		    p[3] >= '0' && p[3] <= '7') {
			*to = (char)((p[1] - '0') * 64 + (p[2] - '0') * 8 + (p[3] - '0'));
			p += 4;
			continue;
		}
		*to = *p++;
	}
	*to = '\0';
}

/* "MAJOR:MINOR" */
static bool parse_device(char *text, struct mount_entry *e)
{
	char *colon = strchr(text, ':');

	if (!colon)
		return false;
	*colon = '\0';
	return rf_num(text, 10, 0, UINT32_MAX, &e->major) == 0 &&
	       rf_num(colon + 1, 10, 0, UINT32_MAX, &e->minor) == 0;
}

static bool parse_line(char *line, struct mount_entry *e)
{
	char *f[6], *word;
	char *cursor = line;

	for (size_t i = 0; i < RF_COUNT(f); i++) {
		f[i] = rf_word_next(&cursor);
		if (!f[i])
			return false;
	}
	/* Optional fields (propagation) end with a single hyphen. */
	do {
		word = rf_word_next(&cursor);
	} while (word && strcmp(word, "-") != 0);
	char *fstype = rf_word_next(&cursor);
	char *device = rf_word_next(&cursor);
	char *super = rf_word_next(&cursor);

	if (!device || f[4][0] != '/' || !parse_device(f[2], e))
		return false;
	/* An empty mount source leaves two blanks, so that the options seem to be the source. */
	if (!super) {
		super = device;
		device = super + strlen(super);
	}
	mount_unescape(f[3]);
	mount_unescape(f[4]);
	mount_unescape(device);
	e->root = f[3];
	e->target = f[4];
	e->options = f[5];
	e->fstype = fstype;
	e->device = device;
	e->super = super;
	return true;
}

int mount_table_parse(struct mount_table *table)
{
	char *cursor = table->text.len ? (char *)table->text.data : NULL;

	for (char *line; (line = rf_line_next(&cursor));) {
		struct mount_entry e = {0};

		if (!*line)
			continue;
		if (!parse_line(line, &e)) {
			table->broken_count++;
			continue;
		}
		if (rf_grow((void **)&table->rows, &table->capacity, table->count + 1,
			    sizeof(*table->rows)) < 0)
			return -ENOMEM;
		table->rows[table->count++] = e;
	}
	return 0;
}

int mount_table_read(struct sys *sys, struct mount_table *table, struct rf_err *err)
{
	int rc = sys_read(sys, MOUNTINFO, RF_MAX_FILE_BYTES, &table->text, err);

	if (rc < 0)
		return rc;
	rc = mount_table_parse(table);
	return rc < 0 ? rf_fail(err, rc, MOUNTINFO ": %s", rf_code_text(rc)) : 0;
}

void mount_table_done(struct mount_table *table)
{
	rf_buf_done(&table->text);
	rf_free(table->rows);
	*table = (struct mount_table){0};
}

const struct mount_entry *mount_table_at(const struct mount_table *table, const char *target)
{
	/* The kernel lists mounts in the order in which they were made: the last lies on top. */
	for (size_t i = table->count; i-- > 0;) {
		if (strcmp(table->rows[i].target, target) == 0)
			return &table->rows[i];
	}
	return NULL;
}

static bool holds(const char *target, const char *path)
{
	size_t n = strlen(target);

	if (strcmp(target, "/") == 0)
		return path[0] == '/';
	return strncmp(target, path, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

const struct mount_entry *mount_table_find(const struct mount_table *table, const char *path)
{
	const struct mount_entry *best = NULL;

	for (size_t i = 0; i < table->count; i++) {
		const struct mount_entry *e = &table->rows[i];

		if (holds(e->target, path) && (!best || strlen(e->target) >= strlen(best->target)))
			best = e;
	}
	return best;
}

const struct mount_entry *mount_table_device(const struct mount_table *table, const char *device)
{
	for (size_t i = table->count; i-- > 0;) {
		if (strcmp(table->rows[i].device, device) == 0)
			return &table->rows[i];
	}
	return NULL;
}

bool mount_option_has(const char *options, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = options; p && *p; p = strchr(p, ','), p = p ? p + 1 : NULL) {
		if (strncmp(p, word, n) == 0 && (p[n] == ',' || p[n] == '\0'))
			return true;
	}
	return false;
}

bool mount_option_value(const char *options, const char *name, char *out, size_t size)
{
	size_t n = strlen(name);

	for (const char *p = options; p && *p; p = strchr(p, ','), p = p ? p + 1 : NULL) {
		if (strncmp(p, name, n) != 0 || p[n] != '=')
			continue;
		size_t len = strcspn(p + n + 1, ",");

		if (len >= size)
			return false;
		memcpy(out, p + n + 1, len);
		out[len] = '\0';
		return true;
	}
	return false;
}

/* Drops the last part of a resolved path: "/a/b" becomes "/a", "/a" becomes "". */
static void drop_last(char *path)
{
	char *slash = strrchr(path, '/');

	if (slash)
		*slash = '\0';
}

/*
 * One part of a path behind what is resolved so far; rest receives a link's target.
 * Returns 1 when a link was followed, 0 when the part is no link, -1 when it does not fit.
 */
static int resolve_part(struct sys *sys, char *done, size_t size, char *rest, const char *part)
{
	char link[RF_MAX_PATH_BYTES], tail[RF_MAX_PATH_BYTES];
	size_t before = strlen(done);

	if (strcmp(part, ".") == 0 || !*part)
		return 0;
	if (strcmp(part, "..") == 0) {
		drop_last(done);
		return 0;
	}
	if (!rf_format(done + before, size - before, "/%s", part))
		return -1;
	if (sys_readlink(sys, done, link, sizeof(link)) < 0)
		return 0;
	rf_copy(tail, sizeof(tail), rest);
	done[link[0] == '/' ? 0 : before] = '\0';
	return rf_format(rest, RF_MAX_PATH_BYTES, "%s/%s", link, tail) ? 1 : -1;
}

bool mount_path_resolve(struct sys *sys, const char *path, char *out, size_t size)
{
	char rest[RF_MAX_PATH_BYTES], done[RF_MAX_PATH_BYTES] = "", part[RF_MAX_PATH_BYTES];
	bool fits = rf_copy(rest, sizeof(rest), path);
	unsigned int links = 0;

	while (fits && *rest) {
		size_t skip = strspn(rest, "/");
		size_t len = strcspn(rest + skip, "/");

		memcpy(part, rest + skip, len);
		part[len] = '\0';
		memmove(rest, rest + skip + len, strlen(rest + skip + len) + 1);
		int rc = resolve_part(sys, done, sizeof(done), rest, part);

		links += rc > 0 ? 1 : 0;
		fits = rc >= 0 && links <= MAX_LINKS;
	}
	if (fits && rf_copy(out, size, *done ? done : "/"))
		return true;
	rf_copy(out, size, path);
	return false;
}
