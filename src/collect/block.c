/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks along /sys/class/block/NAME/slaves for dm-crypt. Not for file systems that encrypt
 * themselves (ZFS, fscrypt) nor for drives that do. Source: sysfs-block-dm, cryptsetup's dm UUIDs.
 */
#include <string.h>

#include "base/limits.h"
#include "base/str.h"
#include "collect/block.h"

#define MAX_DEPTH   8u
#define MAX_DEVICES 256u

/* cryptsetup also makes these, which protect content but do not hide it. */
static bool is_crypt(const char *uuid)
{
	return rf_starts(uuid, "CRYPT-") && !rf_starts(uuid, "CRYPT-VERITY-") &&
	       !rf_starts(uuid, "CRYPT-INTEGRITY-");
}

/* base is the device's directory in sysfs; budget bounds the whole walk. */
static int encrypted(struct sys *sys, const char *base, unsigned int depth, unsigned int *budget)
{
	SYS_AUTONAMES struct sys_names slaves = {0};
	char path[RF_MAX_PATH_BYTES], uuid[256];

	if (depth > MAX_DEPTH || *budget == 0)
		return 0;
	(*budget)--;
	if (rf_format(path, sizeof(path), "%s/dm/uuid", base) &&
	    sys_read_line(sys, path, uuid, sizeof(uuid)) == 0 && is_crypt(uuid))
		return 1;
	if (!rf_format(path, sizeof(path), "%s/slaves", base) ||
	    sys_list(sys, path, &slaves, NULL) < 0 || slaves.count == 0)
		return 0;
	for (size_t i = 0; i < slaves.count; i++) {
		rf_format(path, sizeof(path), "/sys/class/block/%s", slaves.names[i]);
		if (encrypted(sys, path, depth + 1, budget) != 1)
			return 0;
	}
	return 1;
}

static int encrypted_base(struct sys *sys, const char *base)
{
	unsigned int budget = MAX_DEVICES;

	return sys_exists(sys, base) ? encrypted(sys, base, 0, &budget) : -1;
}

int block_encrypted_number(struct sys *sys, int64_t major, int64_t minor)
{
	char base[64];

	rf_format(base, sizeof(base), "/sys/dev/block/%lld:%lld", (long long)major,
		  (long long)minor);
	return encrypted_base(sys, base);
}

int block_encrypted_path(struct sys *sys, const char *path)
{
	char real[RF_MAX_PATH_BYTES], base[RF_MAX_PATH_BYTES];

	if (!mount_path_resolve(sys, path, real, sizeof(real)) || !rf_starts(real, "/dev/"))
		return -1;
	/* In sysfs a / of a device's name is written !. */
	for (char *p = real + strlen("/dev/"); (p = strchr(p, '/'));)
		*p = '!';
	if (!rf_format(base, sizeof(base), "/sys/class/block/%s", real + strlen("/dev/")))
		return -1;
	return encrypted_base(sys, base);
}

/* The directory that an overlay writes to, or the first of those that it reads. */
static bool overlay_layer(const struct mount_entry *e, char *out, size_t size)
{
	if (mount_option_value(e->super, "upperdir", out, size))
		return true;
	if (!mount_option_value(e->super, "lowerdir", out, size))
		return false;
	out[strcspn(out, ":")] = '\0';
	return true;
}

int block_encrypted_mount(struct sys *sys, const struct mount_table *table,
			  const struct mount_entry *entry)
{
	char layer[RF_MAX_PATH_BYTES];

	for (unsigned int i = 0; i < MAX_DEPTH && strcmp(entry->fstype, "overlay") == 0; i++) {
		if (!overlay_layer(entry, layer, sizeof(layer)))
			return -1;
		entry = mount_table_find(table, layer);
		if (!entry)
			return -1;
	}
	if (strcmp(entry->fstype, "zfs") == 0)
		return -1;
	int found = entry->major ? block_encrypted_number(sys, entry->major, entry->minor) : -1;

	if (found >= 0)
		return found;
	/* btrfs has a number of its own, which is no block device. */
	if (rf_starts(entry->device, "/dev/"))
		return block_encrypted_path(sys, entry->device);
	return entry->major ? -1 : 0;
}
