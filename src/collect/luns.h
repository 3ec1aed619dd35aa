/* SPDX-License-Identifier: Apache-2.0 */
/* LUNs: which number worldwide a block device has, so that one is known under each of its names. */
#ifndef RF_COLLECT_LUNS_H
#define RF_COLLECT_LUNS_H

#include <stdbool.h>
#include <stddef.h>

#include "sys/sys.h"

#define LUN_WWID_BYTES 256

/* The number of a SCSI disk or a multipath device (kernel's name: sda, dm-3), also of a partition
 * on one, in the form that multipath has it ("3" and the NAA number). False where it has none. */
bool lun_wwid(struct sys *sys, const char *device, char out[LUN_WWID_BYTES]);

#endif
