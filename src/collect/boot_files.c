/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lies below /boot and on the EFI system partition, with the digests by which firmware (PE,
 * Authenticode) and boot loaders (the whole file) measure it, so that a digest in a boot log gets a
 * path. Hints for a person: a file may have changed since it was booted. Not for judging.
 */
#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/evidence.h"

#define MAX_FILES 4000u
#define MAX_DEPTH 8u
#define MAX_BYTES (2048LL << 20) /* hashed in all */

struct walk {
	struct sys *sys;
	json_t *files;
	size_t files_count;
	int64_t bytes;
};

/* "size N\nsha1 HEX\n..." as members of object. */
static void take_digests(char *text, json_t *object)
{
	for (char *cursor = text, *line; (line = rf_line_next(&cursor));) {
		char *value = strchr(line, ' ');
		int64_t size;

		if (!value)
			continue;
		*value++ = '\0';
		if (strcmp(line, "size") != 0)
			json_object_set_new(object, line, json_string(value));
		else if (rf_num(value, 10, 0, INT64_MAX, &size) == 0)
			json_object_set_new(object, line, json_integer(size));
	}
}

static void add_file(struct walk *w, const char *path, const struct sys_stat *st)
{
	RF_AUTOBUF struct rf_buf answer = {0};

	if (w->files_count >= MAX_FILES || w->bytes + st->size_bytes > MAX_BYTES ||
	    !rf_utf8_valid((const uint8_t *)path, strlen(path)))
		return;
	w->files_count++;
	w->bytes += st->size_bytes;
	if (sys_probe(w->sys, "file-digest", path, &answer, NULL) < 0 || !answer.len)
		return;
	json_t *file = json_object();

	json_object_set_new(file, "path", json_string(path));
	take_digests((char *)answer.data, file);
	json_array_append_new(w->files, file);
}

/* Depth is bounded; symbolic links are not followed, so there are no cycles. */
static void walk_dir(struct walk *w, const char *dir, unsigned depth)
{
	SYS_AUTONAMES struct sys_names names = {0};

	if (depth > MAX_DEPTH || sys_list(w->sys, dir, &names, NULL) < 0)
		return;
	for (size_t i = 0; i < names.count; i++) {
		char path[RF_MAX_PATH_BYTES];
		struct sys_stat st;

		if (!rf_format(path, sizeof(path), "%s/%s", dir, names.names[i]) ||
		    sys_stat(w->sys, path, &st) < 0)
			continue;
		if (st.type == S_IFDIR)
			walk_dir(w, path, depth + 1);
		else if (st.type == S_IFREG)
			add_file(w, path, &st);
	}
}

json_t *boot_files_json(struct sys *sys)
{
	struct walk w = {.sys = sys, .files = json_array()};

	if (!w.files)
		return NULL;
	walk_dir(&w, "/boot", 0);
	walk_dir(&w, "/efi", 0);
	return w.files;
}
