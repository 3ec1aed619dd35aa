/* SPDX-License-Identifier: Apache-2.0 */
/* Records of a policy, from a process that may have been taken over: whatever is read gives only
 * ports, zones, names and rules that the guard's service may use as they are. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "isolate/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void names_look(const struct table_names *names)
{
	if (names->count > TABLE_NAMES)
		abort();
	for (size_t i = 0; i < names->count; i++) {
		if (strnlen(names->items[i], sizeof(names->items[0])) == sizeof(names->items[0]))
			abort();
	}
	(void)table_names_match(names, "vnet123456789ab");
}

static void port_look(const struct table *table, const struct table_port *record)
{
	struct guard_link link = {.ifindex = 1};

	if (guard_port_check(&record->port, NULL) < 0 || record->port.ifindex ||
	    record->port.role != GUARD_ROLE_VM || record->port.quarantine)
		abort();
	memcpy(link.name, record->tap, sizeof(link.name));
	memcpy(link.mac, record->port.mac, 6);
	/* Of two with one address neither is found. */
	if (record->tap[0] && !table_find(table, &link, true))
		abort();
	(void)table_find(table, &link, false);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Exactly so long: a read beyond it is seen. */
	RF_AUTOFREE uint8_t *copy = size ? rf_alloc(size, 1) : NULL;
	struct table table;

	if (!copy)
		return 0;
	memcpy(copy, data, size);
	if (table_bytes((struct rf_slice){copy, size}) > (int64_t)TABLE_MAX_BYTES)
		abort();
	if (table_read((struct rf_slice){copy, size}, &table, NULL) < 0)
		return 0;
	names_look(&table.head.bridges);
	names_look(&table.head.ports);
	names_look(&table.head.uplinks);
	if (guard_rules_check(&table.head.rules, NULL) < 0 || !memchr(table.head.problem, 0, 240))
		abort();
	for (size_t i = 0; i < table.head.ports_count; i++)
		port_look(&table, &table.ports[i]);
	for (size_t i = 0; i < table.head.zones_count; i++) {
		if (table.zones[i].number >= GUARD_ZONES)
			abort();
	}
	table_done(&table);
	return 0;
}
