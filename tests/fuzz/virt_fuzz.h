/* SPDX-License-Identifier: Apache-2.0 */
/* A sink that takes rows as the wire does and throws them away, for the fuzz targets of libvirt. */
#ifndef VIRT_FUZZ_H
#define VIRT_FUZZ_H

#include <stdint.h>

#include "base/buf.h"
#include "model/fact.h"

static inline int fuzz_put(struct fact_sink *sink, const struct fact_table *table, const void *row)
{
	RF_AUTOBUF struct rf_buf out = {0};

	return fact_encode(table, sink->host, row, &out);
}

#define FUZZ_SINK ((struct fact_sink){.put = fuzz_put, .host = "h"})

#endif
