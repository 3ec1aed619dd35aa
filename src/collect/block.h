/* SPDX-License-Identifier: Apache-2.0 */
/* Block devices: which lie on dm-crypt. */
#ifndef RF_COLLECT_BLOCK_H
#define RF_COLLECT_BLOCK_H

#include <stddef.h>
#include <stdint.h>

#include "collect/mountinfo.h"
#include "sys/sys.h"

/*
 * 1 when everything on the device is written through dm-crypt: it is a crypt mapping itself, or
 * each device below it is. 0 when not, -1 when sysfs does not know the device.
 */
int block_encrypted_number(struct sys *sys, int64_t major, int64_t minor);

/* The same for "/dev/NAME", links such as /dev/mapper/NAME followed. */
int block_encrypted_path(struct sys *sys, const char *path);

/*
 * The same for a mounted file system. One that lies on no block device of this host (tmpfs, NFS)
 * gives 0; an overlay is asked for its upper layer; for ZFS, which encrypts by itself, -1.
 */
int block_encrypted_mount(struct sys *sys, const struct mount_table *table,
			  const struct mount_entry *entry);

#endif
