/* SPDX-License-Identifier: Apache-2.0 */
/* Thin pools of LVM and their volumes, out of the metadata that LVM keeps of each volume group. */
#ifndef RF_COLLECT_THIN_POOLS_H
#define RF_COLLECT_THIN_POOLS_H

#include "model/fact.h"
#include "sys/sys.h"

/* Writes rows of thin_pool and thin_volume; what cannot be read is a gap. */
void thin_pools_put(struct sys *sys, struct fact_sink *out);

/* "/dev/mapper/VG-LV": a '-' in a name is written twice. */
void thin_mapper_path(const char *vg, const char *lv, char *out, size_t size);

#endif
