/* SPDX-License-Identifier: Apache-2.0 */
/* Open vSwitch's database file. */
#include "base/mem.h"
#include "collect/ovsdb.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void each(void *ctx, const struct ovsdb_port *port)
{
	unsigned *count = ctx;

	if (!port->name[0] || !port->bridge || !port->type || !port->peer || ++*count > 20000)
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	RF_AUTOFREE char *text = rf_strndup((const char *)data, size);
	RF_AUTOBUF struct rf_buf out = {0};

	if (text)
		(void)!ovsdb_ports(text, each, &(unsigned){0});
	if (text && ovsdb_managers(text, &out) < 0 && out.len > 0)
		__builtin_trap();
	return 0;
}
