/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collector storage-devices: LUNs as sysfs has them, and thin pools of LVM (thin_pools.c). Not:
 * what is behind a LUN (storage_targets.c), which VM has it (images.c). Source: sysfs-class-scsi,
 * the kernel's drivers/scsi/scsi_sysfs.c (wwid), multipath-tools' dm UUIDs, udev's scsi_id.
 */
#include "collect/luns.h"

#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/collect.h"
#include "collect/thin_pools.h"
#include "collect/util.h"

#define MAX_DEVICES  4096u
#define MAX_NAMES    8192u
#define SECTOR_BYTES 512
#define BLOCK	     "/sys/class/block"
#define BY_ID	     "/dev/disk/by-id"

static int line_of(struct sys *sys, const char *device, const char *file, char *out, size_t size)
{
	char path[RF_MAX_PATH_BYTES];

	out[0] = '\0';
	return rf_format(path, sizeof(path), BLOCK "/%s/%s", device, file)
		       ? sys_read_line(sys, path, out, size)
		       : -ENAMETOOLONG;
}

/* What the kernel calls naa., eui. and t10. is 3, 2 and 1 to udev and multipath. */
static bool wwid_normal(const char *text, char out[LUN_WWID_BYTES])
{
	static const struct {
		const char *kernel, *number;
	} kinds[] = {{"naa.", "3"}, {"eui.", "2"}, {"t10.", "1"}};

	for (size_t i = 0; i < RF_COUNT(kinds); i++) {
		const char *rest = text + strlen(kinds[i].kernel);
		size_t n = 1;
		bool blank = false;

		if (!rf_starts(text, kinds[i].kernel) || !*rest)
			continue;
		rf_copy(out, LUN_WWID_BYTES, kinds[i].number);
		/* Blanks of a T10 number are folded to one '_'. */
		for (; *rest && n < LUN_WWID_BYTES - 1; rest++) {
			bool now = *rest == ' ';

			if (!now || !blank)
				out[n++] = now ? '_' : *rest;
			blank = now;
		}
		out[n] = '\0';
		return true;
	}
	return false;
}

/* "mpath-3600..." and, of a partition on one, "part1-mpath-3600...". */
static bool wwid_mapped(const char *uuid, char out[LUN_WWID_BYTES])
{
	const char *at = rf_starts(uuid, "part") ? strchr(uuid, '-') : NULL;

	at = at ? at + 1 : uuid;
	return rf_starts(at, "mpath-") && at[strlen("mpath-")] &&
	       rf_copy(out, LUN_WWID_BYTES, at + strlen("mpath-"));
}

/* The disk that a partition lies on: the folder above it in sysfs. */
static bool whole_disk(struct sys *sys, const char *device, char *out, size_t size)
{
	char path[RF_MAX_PATH_BYTES], link[RF_MAX_PATH_BYTES], number[32];

	if (line_of(sys, device, "partition", number, sizeof(number)) < 0)
		return rf_copy(out, size, device);
	if (!rf_format(path, sizeof(path), BLOCK "/%s", device) ||
	    sys_readlink(sys, path, link, sizeof(link)) < 0)
		return false;
	char *last = strrchr(link, '/');

	if (!last)
		return false;
	*last = '\0';
	last = strrchr(link, '/');
	return rf_copy(out, size, last ? last + 1 : link);
}

bool lun_wwid(struct sys *sys, const char *device, char out[LUN_WWID_BYTES])
{
	char disk[128], text[LUN_WWID_BYTES];

	if (!device[0] || strchr(device, '/'))
		return false;
	if (line_of(sys, device, "dm/uuid", text, sizeof(text)) == 0)
		return wwid_mapped(text, out);
	return whole_disk(sys, device, disk, sizeof(disk)) &&
	       line_of(sys, disk, "device/wwid", text, sizeof(text)) == 0 &&
	       wwid_normal(rf_trim(text), out);
}

/* ---- facts ---- */

struct names {
	struct sys_names list;
	char (*devices)[64]; /* what each name is a link to */
};

static void names_read(struct sys *sys, struct names *out)
{
	char path[RF_MAX_PATH_BYTES], link[RF_MAX_PATH_BYTES];

	if (sys_list(sys, BY_ID, &out->list, NULL) < 0 || out->list.count > MAX_NAMES)
		out->list.count = 0;
	out->devices = rf_alloc(out->list.count + 1, sizeof(*out->devices));
	for (size_t i = 0; out->devices && i < out->list.count; i++) {
		if (!rf_format(path, sizeof(path), BY_ID "/%s", out->list.names[i]) ||
		    sys_readlink(sys, path, link, sizeof(link)) < 0)
			continue;
		const char *last = strrchr(link, '/');

		if (!rf_copy(out->devices[i], sizeof(out->devices[i]), last ? last + 1 : link))
			out->devices[i][0] = '\0';
	}
}

static void names_of(const struct names *names, const char *device, struct rf_buf *out)
{
	for (size_t i = 0; names->devices && i < names->list.count; i++)
		if (strcmp(names->devices[i], device) == 0)
			rf_buf_printf(out, "%s%s", out->len ? "," : "", names->list.names[i]);
}

static int64_t paths_of(struct sys *sys, const char *device)
{
	SYS_AUTONAMES struct sys_names slaves = {0};
	char path[RF_MAX_PATH_BYTES];

	if (!rf_format(path, sizeof(path), BLOCK "/%s/slaves", device) ||
	    sys_list(sys, path, &slaves, NULL) < 0)
		return 0;
	return (int64_t)slaves.count;
}

static void put(struct sys *sys, struct fact_sink *out, const struct names *names,
		const char *device, bool mapped)
{
	RF_AUTOBUF struct rf_buf by_id = {0};
	char source[RF_MAX_PATH_BYTES], wwid[LUN_WWID_BYTES] = "", name[128], vendor[64],
					model[128];
	char number[32];
	int64_t sectors = -1, readonly = -1;

	rf_format(source, sizeof(source), BLOCK "/%s", device);
	/* Without a number worldwide it is told by what else it is. */
	if (!lun_wwid(sys, device, wwid))
		wwid[0] = '\0';
	if (line_of(sys, device, "size", number, sizeof(number)) < 0 ||
	    rf_num(number, 10, 0, INT64_MAX / SECTOR_BYTES, &sectors) < 0)
		sectors = -1;
	if (line_of(sys, device, "ro", number, sizeof(number)) < 0 ||
	    rf_num(number, 10, 0, 1, &readonly) < 0)
		readonly = -1;
	(void)line_of(sys, device, "dm/name", name, sizeof(name));
	(void)line_of(sys, device, "device/vendor", vendor, sizeof(vendor));
	(void)line_of(sys, device, "device/model", model, sizeof(model));
	names_of(names, device, &by_id);
	struct fact_lun fact = {
		.device = device,
		.kind = mapped ? "multipath" : "scsi",
		.wwid = wwid,
		.name = name,
		.by_id = rf_buf_text(&by_id),
		.vendor = vendor,
		.model = model,
		.paths_count = FACT_INT(mapped ? paths_of(sys, device) : 1),
		.source = source,
	};

	if (sectors >= 0)
		fact.size_bytes = FACT_INT(sectors * SECTOR_BYTES);
	if (readonly >= 0)
		fact.readonly = FACT_INT(readonly);
	fact_put_lun(out, &fact);
}

static bool is_partition(struct sys *sys, const char *device)
{
	char number[32];

	return line_of(sys, device, "partition", number, sizeof(number)) == 0;
}

static int luns_put(struct sys *sys, struct fact_sink *out, struct rf_err *err)
{
	SYS_AUTONAMES struct sys_names devices = {0};
	struct names names = {.devices = NULL};
	int rc = sys_list(sys, BLOCK, &devices, err);

	if (rc < 0)
		return rc == -ENOENT ? 0 : rc;
	names_read(sys, &names);
	for (size_t i = 0; i < devices.count && i < MAX_DEVICES; i++) {
		const char *device = devices.names[i];
		char uuid[LUN_WWID_BYTES];

		if (rf_starts(device, "sd") && !is_partition(sys, device))
			put(sys, out, &names, device, false);
		else if (rf_starts(device, "dm-") &&
			 line_of(sys, device, "dm/uuid", uuid, sizeof(uuid)) == 0 &&
			 rf_starts(uuid, "mpath-"))
			put(sys, out, &names, device, true);
	}
	rf_free(names.devices);
	sys_names_done(&names.list);
	return 0;
}

int collect_storage_devices(struct sys *sys, const struct collect_request *req,
			    struct fact_sink *out, struct rf_err *err)
{
	(void)req;
	thin_pools_put(sys, out);
	return luns_put(sys, out, err);
}
