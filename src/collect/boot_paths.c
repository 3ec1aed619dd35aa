/* SPDX-License-Identifier: Apache-2.0 */
/* Paths for digests; see boot_paths.h. A sorted table: a hostile list costs no more than a long
 * one. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "collect/boot_paths.h"

#define MAX_BYTES (8u << 20) /* what 4,000 files with long names take */
#define MAX_FILES 4096u

static const uint16_t algs[] = {ATTEST_SHA1, ATTEST_SHA256, ATTEST_SHA384};
/* Of the whole file and as a boot program. */
#define DIGESTS_OF_FILE (2 * RF_COUNT(algs))

struct boot_path {
	struct attest_digest digest;
	const char *path;
};

static int compare(const void *a, const void *b)
{
	const struct attest_digest *x = &((const struct boot_path *)a)->digest;
	const struct attest_digest *y = &((const struct boot_path *)b)->digest;

	if (x->alg != y->alg)
		return x->alg < y->alg ? -1 : 1;
	return memcmp(x->bytes, y->bytes, sizeof(x->bytes));
}

static void add_digests(struct boot_paths *paths, const json_t *object, const char *path)
{
	for (size_t i = 0; i < RF_COUNT(algs); i++) {
		struct boot_path *one = &paths->sorted[paths->count];
		char name[16];
		const char *hex =
			json_string_value(json_object_get(object, attest_alg_name(algs[i], name)));
		size_t len = 0;

		memset(one, 0, sizeof(*one));
		if (!hex ||
		    rf_hex_decode(hex, one->digest.bytes, sizeof(one->digest.bytes), &len) < 0 ||
		    len != attest_digest_size(algs[i]))
			continue;
		one->digest.alg = algs[i];
		one->digest.len = (uint8_t)len;
		one->path = path;
		paths->count++;
	}
}

void boot_paths_read(struct rf_slice section, struct boot_paths *out)
{
	if (!section.data || section.len > MAX_BYTES)
		return;
	out->files =
		json_loadb((const char *)section.data, section.len, JSON_REJECT_DUPLICATES, NULL);
	size_t files = json_array_size(out->files);

	files = files < MAX_FILES ? files : MAX_FILES;
	out->sorted = rf_alloc(files * DIGESTS_OF_FILE + 1, sizeof(*out->sorted));
	for (size_t i = 0; out->sorted && i < files; i++) {
		const json_t *file = json_array_get(out->files, i);
		const char *path = json_string_value(json_object_get(file, "path"));

		if (!path || !path[0])
			continue;
		add_digests(out, file, path);
		add_digests(out, json_object_get(file, "authenticode"), path);
	}
	if (out->sorted)
		qsort(out->sorted, out->count, sizeof(*out->sorted), compare);
}

void boot_paths_done(struct boot_paths *paths)
{
	json_decref(paths->files);
	rf_free(paths->sorted);
	*paths = (struct boot_paths){0};
}

const char *boot_paths_find(const struct boot_paths *paths, const struct boot_item *item)
{
	for (size_t i = 0; paths->count && i < item->digests_count; i++) {
		struct boot_path wanted = {0};

		wanted.digest.alg = item->digests[i].alg;
		memcpy(wanted.digest.bytes, item->digests[i].bytes, item->digests[i].len);
		const struct boot_path *found = bsearch(&wanted, paths->sorted, paths->count,
							sizeof(*paths->sorted), compare);

		if (found)
			return found->path;
	}
	return NULL;
}
