/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collector memory: page sharing between VMs (KSM) and swap areas, where the memory of VMs may end
 * up on a disk. Source: Documentation/admin-guide/mm/ksm.rst, proc_swaps(5).
 */
#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/block.h"
#include "collect/collect.h"
#include "collect/mountinfo.h"
#include "collect/util.h"

#define KSM "/sys/kernel/mm/ksm"

/* Files of KSM and the columns they fill. */
static const struct {
	const char *file, *column;
	size_t offset;
} ksm_files[] = {
	{"run", "run", offsetof(struct fact_ksm, run)},
	{"pages_sharing", "pages_sharing", offsetof(struct fact_ksm, pages_sharing)},
	{"merge_across_nodes", "merge_across_nodes", offsetof(struct fact_ksm, merge_across_nodes)},
	{"use_zero_pages", "use_zero_pages", offsetof(struct fact_ksm, use_zero_pages)},
	{"pages_to_scan", "pages_to_scan", offsetof(struct fact_ksm, pages_to_scan)},
	{"sleep_millisecs", "sleep_ms", offsetof(struct fact_ksm, sleep_ms)},
};

static void collect_ksm(struct sys *sys, struct fact_sink *out)
{
	struct fact_ksm row = {.present = FACT_BOOL(sys_exists(sys, KSM)), .source = KSM};
	char path[128];

	for (size_t i = 0; i < RF_COUNT(ksm_files); i++) {
		struct fact_int *field = (struct fact_int *)((char *)&row + ksm_files[i].offset);
		int64_t value = 0;
		int rc = -ENOENT;

		if (row.present.v) {
			rf_format(path, sizeof(path), KSM "/%s", ksm_files[i].file);
			rc = sys_read_int(sys, path, &value);
		}
		/* Without KSM nothing is shared; without NUMA there are no nodes to cross. */
		bool none = rc == -ENOENT && (!row.present.v || i == 2 || i == 3);

		if (rc == 0 || none)
			*field = FACT_INT(none ? 0 : value);
		else
			fact_gap(out, FACT_T_KSM, "", ksm_files[i].column, path,
				 "It cannot be read: %s.", rf_code_text(rc));
	}
	fact_put_ksm(out, &row);
}

/* A swap file is as safe as the file system it lies on. */
static int file_encrypted(struct sys *sys, const struct mount_table *mounts, const char *path)
{
	char real[RF_MAX_PATH_BYTES];

	mount_path_resolve(sys, path, real, sizeof(real));
	const struct mount_entry *e = mount_table_find(mounts, real);

	return e ? block_encrypted_mount(sys, mounts, e) : -1;
}

/* One line: Filename Type Size Used Priority; sizes in KiB; blanks in names as \040. */
static void put_swap(struct sys *sys, struct fact_sink *out, const struct mount_table *mounts,
		     char *line)
{
	char *cursor = line;
	char *path = rf_word_next(&cursor);
	const char *kind = rf_word_next(&cursor), *size = rf_word_next(&cursor);
	int64_t kib;

	if (!size || path[0] != '/' || rf_num(size, 10, 0, INT64_MAX / 1024, &kib) < 0)
		return;
	mount_unescape(path);
	if (rf_starts(path, "/dev/zram"))
		kind = "zram";
	int encrypted = strcmp(kind, "file") == 0 ? file_encrypted(sys, mounts, path)
						  : block_encrypted_path(sys, path);

	if (encrypted < 0)
		fact_gap(out, FACT_T_SWAP, path, "encrypted", "/proc/swaps",
			 "The block device below it was not found in /sys/class/block.");
	fact_put_swap(out, &(struct fact_swap){.path = path,
					       .kind = kind,
					       .size_bytes = FACT_INT(kib * 1024),
					       .encrypted = {encrypted >= 0, encrypted},
					       .source = "/proc/swaps"});
}

static void collect_swaps(struct sys *sys, struct fact_sink *out)
{
	MOUNT_AUTOTABLE struct mount_table mounts = {0};
	RF_AUTOBUF struct rf_buf buf = {0};
	/* A kernel without swap has no such file, and then no swap areas. */
	int rc = util_read(sys, out, FACT_T_SWAP, "", "/proc/swaps", RF_MAX_PROC_BYTES, &buf);

	if (rc <= 0 || buf.len == 0)
		return;
	if (mount_table_read(sys, &mounts, NULL) < 0)
		mount_table_done(&mounts);
	char *cursor = (char *)buf.data;

	rf_line_next(&cursor);
	for (char *line; (line = rf_line_next(&cursor));)
		put_swap(sys, out, &mounts, line);
}

int collect_memory(struct sys *sys, const struct collect_request *req, struct fact_sink *out,
		   struct rf_err *err)
{
	(void)req;
	(void)err;
	collect_ksm(sys, out);
	collect_swaps(sys, out);
	return 0;
}
