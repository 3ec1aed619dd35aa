/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tunables of disks. QEMU's token buckets, which libvirt sets in the running VM and in its
 * definition. Sources: libvirt's formatdomain (iotune), virDomainSetBlockIoTune.
 */
#include "base/mem.h"
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

static const struct tune_row rows[] = {
	{.name = "disk.limits",
	 .summary = "what a disk may read and write a second",
	 .unit = "bytes and operations a second; _max_length in seconds",
	 .value = TUNE_FIELDS,
	 .item = TUNE_DISK,
	 .fields = limits,
	 .fields_count = RF_COUNT(limits),
	 .zero_unset = true,
	 .way = &tune_param,
	 .group = VIRT_IOTUNE,
	 .xml = "devices/disk[target/@dev='%s']/iotune"},
};

const struct tune_rows tune_disk_rows = {rows, RF_COUNT(rows)};
