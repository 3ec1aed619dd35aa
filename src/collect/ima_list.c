/* SPDX-License-Identifier: Apache-2.0 */
/* IMA's list of this host; see ima_list.h. Source: the kernel's Documentation/ABI/testing/evm and
 * security/integrity/ima/ima_fs.c (names of the files). */
#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/ima_list.h"

#define SECURITY "/sys/kernel/security/"

int ima_file_read(struct sys *sys, struct ima_file *out)
{
	/* One file for each bank since Linux 6.10; the one without a name is SHA-1's. */
	static const struct {
		const char *path;
		uint16_t alg;
	} lists[] = {
		{SECURITY "ima/binary_runtime_measurements", ATTEST_SHA1},
		{SECURITY "integrity/ima/binary_runtime_measurements", ATTEST_SHA1},
		{SECURITY "ima/binary_runtime_measurements_sha256", ATTEST_SHA256},
	};
	int rc = -ENOENT;

	for (size_t i = 0; rc == -ENOENT && i < RF_COUNT(lists); i++) {
		rf_buf_reset(&out->bytes);
		rc = sys_read(sys, lists[i].path, IMA_MAX_BYTES, &out->bytes, NULL);
		out->path = lists[i].path;
		out->alg = lists[i].alg;
		if (rc == 0 && out->bytes.len == 0)
			rc = -ENOENT;
	}
	if (rc == -ENOENT)
		out->path = lists[0].path;
	out->list = rf_buf_slice(&out->bytes);
	return rc;
}

void ima_file_done(struct ima_file *file)
{
	rf_buf_done(&file->bytes);
}

/* The last measurement of a path counts: the file was changed, then loaded again. */
static int index_add(struct ima_index *index, const struct ima_entry *entry)
{
	char path[RF_MAX_PATH_BYTES];

	if (entry->name.len >= sizeof(path) || memchr(entry->name.data, 0, entry->name.len))
		return 0;
	memcpy(path, entry->name.data, entry->name.len);
	path[entry->name.len] = '\0';
	if (rf_grow((void **)&index->digests, &index->room, index->count + 1,
		    sizeof(*index->digests)) < 0)
		return -ENOMEM;
	index->digests[index->count] = entry->violation ? (struct attest_digest){0} : entry->file;
	/* Numbers from 1, for the storage may move. */
	index->count++;
	return rf_map_set(&index->by_path, path, (void *)(uintptr_t)index->count);
}

static bool holds(struct rf_slice name, const char *part)
{
	return name.len && memmem(name.data, name.len, part, strlen(part));
}

int ima_index_read(struct sys *sys, const char *part, struct ima_index *out)
{
	struct ima_list list;
	struct ima_entry entry;
	int rc = ima_file_read(sys, &out->file);

	if (rc == 0)
		rc = ima_open(out->file.list, (uint8_t)attest_digest_size(out->file.alg), &list,
			      NULL);
	while (rc >= 0 && (rc = ima_next(&list, &entry, NULL)) > 0) {
		if (holds(entry.name, part))
			rc = index_add(out, &entry);
	}
	return rc;
}

void ima_index_done(struct ima_index *index)
{
	ima_file_done(&index->file);
	rf_map_done(&index->by_path);
	rf_free(index->digests);
	memset(index, 0, sizeof(*index));
}

const struct attest_digest *ima_index_find(const struct ima_index *index, const char *path)
{
	uintptr_t number = (uintptr_t)rf_map_get(&index->by_path, path);

	return number ? &index->digests[number - 1] : NULL;
}
