/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tunables of disks. QEMU's token buckets, which libvirt sets in the running VM and in its
 * definition. Sources: libvirt's formatdomain (iotune), virDomainSetBlockIoTune.
 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/tune.h"

#define LIMIT_MAX  1000000000000000ll /* QEMU's THROTTLE_VALUE_MAX */
#define LENGTH_MAX 86400

static const struct tune_field limits[] = {
	{"total_bytes_sec", NULL, 0, LIMIT_MAX},
	{"read_bytes_sec", NULL, 0, LIMIT_MAX},
	{"write_bytes_sec", NULL, 0, LIMIT_MAX},
	{"total_iops_sec", NULL, 0, LIMIT_MAX},
	{"read_iops_sec", NULL, 0, LIMIT_MAX},
	{"write_iops_sec", NULL, 0, LIMIT_MAX},
	{"total_bytes_sec_max", NULL, 0, LIMIT_MAX},
	{"read_bytes_sec_max", NULL, 0, LIMIT_MAX},
	{"write_bytes_sec_max", NULL, 0, LIMIT_MAX},
	{"total_iops_sec_max", NULL, 0, LIMIT_MAX},
	{"read_iops_sec_max", NULL, 0, LIMIT_MAX},
	{"write_iops_sec_max", NULL, 0, LIMIT_MAX},
	{"total_bytes_sec_max_length", NULL, 0, LENGTH_MAX},
	{"read_bytes_sec_max_length", NULL, 0, LENGTH_MAX},
	{"write_bytes_sec_max_length", NULL, 0, LENGTH_MAX},
	{"total_iops_sec_max_length", NULL, 0, LENGTH_MAX},
	{"read_iops_sec_max_length", NULL, 0, LENGTH_MAX},
	{"write_iops_sec_max_length", NULL, 0, LENGTH_MAX},
};

/* ---- at most ---- */

/* A bucket is for all operations, or one for reading and one for writing; never both. */
static const char *const families[] = {"bytes_sec", "iops_sec"};

int64_t tune_field(const char *fields, const char *name)
{
	RF_AUTOFREE char *copy = rf_strdup(fields);
	char *cursor = copy;
	size_t len = strlen(name);
	int64_t n = 0;

	for (char *word; copy && (word = rf_word_next(&cursor));) {
		if (strncmp(word, name, len) == 0 && word[len] == '=' &&
		    rf_num(word + len + 1, 10, 0, INT64_MAX, &n) < 0)
			n = 0;
	}
	return n;
}

/* Of "total_iops_sec" and its like. */
static int64_t field_of(const char *fields, const char *kind, const char *family)
{
	char name[40];

	rf_format(name, sizeof(name), "%s_%s", kind, family);
	return tune_field(fields, name);
}

/* With a burst a limit is exceeded for a while. */
static bool holds(const char *fields, const char *kind, const char *family, int64_t limit)
{
	char burst[24];
	int64_t now = field_of(fields, kind, family);

	rf_format(burst, sizeof(burst), "%s_max", family);
	return now > 0 && now <= limit && field_of(fields, kind, burst) <= limit;
}

static int limits_at_most(const char *before, const char *value, struct rf_buf *out)
{
	for (size_t i = 0; i < RF_COUNT(families); i++) {
		const char *f = families[i];
		int64_t limit = field_of(value, "total", f);

		if (!limit || holds(before, "total", f, limit) ||
		    (holds(before, "read", f, limit) && holds(before, "write", f, limit)))
			continue;
		rf_buf_printf(out,
			      "%stotal_%s=%lld read_%s=0 write_%s=0 total_%s_max=0 read_%s_max=0 "
			      "write_%s_max=0",
			      out->len ? " " : "", f, (long long)limit, f, f, f, f, f);
	}
	return out->failed ? -ENOMEM : 0;
}

static const struct tune_row rows[] = {
	{.name = "disk.limits",
	 .summary = "what a disk may read and write a second",
	 .unit = "bytes and operations a second; _max_length in seconds",
	 .value = TUNE_FIELDS,
	 .item = TUNE_DISK,
	 .fields = limits,
	 .fields_count = RF_COUNT(limits),
	 .zero_unset = true,
	 .at_most = limits_at_most,
	 .way = &tune_param,
	 .group = VIRT_IOTUNE,
	 .xml = "devices/disk[target/@dev='%s']/iotune"},
};

const struct tune_rows tune_disk_rows = {rows, RF_COUNT(rows)};
