/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The database file of Open vSwitch. See ovsdb.h. A transaction names the rows that it changes:
 * null takes one away, and with "_is_diff" a column of many values holds those that came or went.
 */
#include "collect/ovsdb.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"

#define OVSDB_MAGIC   "OVSDB JSON "
#define OVSDB_CLUSTER "OVSDB CLUSTER "
#define PORTS_MAX     20000u

const char *const ovsdb_files[] = {"/etc/openvswitch/conf.db", "/var/lib/openvswitch/conf.db",
				   NULL};

/* The columns that are asked for, and whether they hold many values. */
static const struct {
	const char *table, *column;
	bool many;
} columns[] = {
	{"Manager", "target", false},	{"Bridge", "name", false},    {"Bridge", "ports", true},
	{"Port", "interfaces", true},	{"Interface", "name", false}, {"Interface", "type", false},
	{"Interface", "options", true},
};

static void json_drop(json_t **json)
{
	json_decref(*json);
}
#define AUTOJSON __attribute__((cleanup(json_drop)))

/* ["set", [...]] and ["map", [...]]: the list; another value stands for a list of it. */
static const json_t *items_of(const json_t *value)
{
	const char *kind = json_string_value(json_array_get(value, 0));
	const json_t *list = json_array_get(value, 1);

	return (rf_equal(kind, "set") || rf_equal(kind, "map")) && json_is_array(list) ? list
										       : NULL;
}

static size_t items_count(const json_t *value)
{
	const json_t *list = items_of(value);

	return list ? json_array_size(list) : value != NULL;
}

static const json_t *item_at(const json_t *value, size_t i)
{
	const json_t *list = items_of(value);

	return list ? json_array_get(list, i) : value;
}

static bool is_map(const json_t *value)
{
	return rf_equal(json_string_value(json_array_get(value, 0)), "map");
}

/* Of a map the key alone says which item it is. */
static size_t item_find(const json_t *list, const json_t *item, bool map)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *have = json_array_get(list, i);

		if (map ? json_equal(json_array_get(have, 0), json_array_get(item, 0))
			: json_equal(have, item))
			return i;
	}
	return SIZE_MAX;
}

/* What came joins what was there; what is named again goes, or, in a map, changes. */
static int diff_apply(json_t *row, const char *column, const json_t *diff)
{
	const json_t *old = json_object_get(row, column);
	bool map = is_map(diff) || is_map(old);
	AUTOJSON json_t *now = json_array();

	for (size_t i = 0; now && i < items_count(old); i++) {
		if (json_array_append(now, (json_t *)(uintptr_t)item_at(old, i)) < 0)
			return -ENOMEM;
	}
	for (size_t i = 0; now && i < items_count(diff); i++) {
		json_t *item = (json_t *)(uintptr_t)item_at(diff, i);
		size_t at = item_find(now, item, map);
		bool same = at != SIZE_MAX && json_equal(json_array_get(now, at), item);

		if (at != SIZE_MAX && json_array_remove(now, at) < 0)
			return -ENOMEM;
		if (!same && json_array_append(now, item) < 0)
			return -ENOMEM;
	}
	json_t *set = now ? json_pack("[s, O]", map ? "map" : "set", now) : NULL;

	return set && json_object_set_new(row, column, set) == 0 ? 0 : -ENOMEM;
}

static int column_apply(json_t *row, const json_t *changed, size_t c, bool diff)
{
	const char *column = columns[c].column;
	json_t *value = json_object_get(changed, column);

	if (!value)
		return 0;
	if (diff && columns[c].many)
		return diff_apply(row, column, value);
	return json_object_set(row, column, value) == 0 ? 0 : -ENOMEM;
}

/* db: table to UUID to column. */
static int row_apply(json_t *table, const char *uuid, const json_t *changed, const char *name,
		     bool diff)
{
	json_t *row = json_object_get(table, uuid);
	int rc = 0;

	if (json_is_null(changed)) {
		json_object_del(table, uuid);
		return 0;
	}
	if (!json_is_object(changed))
		return 0;
	/* A row that is new is told of in full. */
	bool fresh = row == NULL;

	if (fresh) {
		row = json_object();
		if (!row || json_object_set_new(table, uuid, row) < 0)
			return -ENOMEM;
	}
	for (size_t c = 0; rc == 0 && c < RF_COUNT(columns); c++) {
		if (strcmp(columns[c].table, name) == 0)
			rc = column_apply(row, changed, c, diff && !fresh);
	}
	return rc;
}

static int record_apply(json_t *db, const json_t *record)
{
	bool diff = json_is_true(json_object_get(record, "_is_diff"));
	const char *name, *uuid;
	json_t *table, *row;
	int rc = 0;

	json_object_foreach(db, name, table)
	{
		json_t *changed = json_object_get(record, name);

		json_object_foreach(changed, uuid, row)
		{
			if (rc == 0)
				rc = row_apply(table, uuid, row, name, diff);
		}
	}
	return rc;
}

/* One record: "OVSDB JSON LENGTH HASH\n" and LENGTH bytes. Returns its end, NULL when broken. */
static const char *record_read(const char *p, json_t *db)
{
	char number[16];
	int64_t len;
	size_t digits = strspn(p + strlen(OVSDB_MAGIC), "0123456789");
	const char *body = strchr(p, '\n');

	if (digits == 0 || digits >= sizeof(number) || !body)
		return NULL;
	memcpy(number, p + strlen(OVSDB_MAGIC), digits);
	number[digits] = '\0';
	body++;
	if (rf_num(number, 10, 0, RF_MAX_FILE_BYTES, &len) < 0 ||
	    strnlen(body, (size_t)len) < (size_t)len)
		return NULL;
	AUTOJSON json_t *record = json_loadb(body, (size_t)len, JSON_REJECT_DUPLICATES, NULL);
	int rc = record ? record_apply(db, record) : RF_E_SYNTAX;

	return rc < 0 ? NULL : body + len;
}

static int db_read(const char *text, json_t **out)
{
	AUTOJSON json_t *db =
		json_pack("{s:{},s:{},s:{},s:{}}", "Manager", "Bridge", "Port", "Interface");

	if (!db)
		return -ENOMEM;
	if (rf_starts(text, OVSDB_CLUSTER))
		return RF_E_UNSUPPORTED;
	for (const char *p = text; *p;) {
		p = rf_starts(p, OVSDB_MAGIC) ? record_read(p, db) : NULL;
		if (!p)
			return RF_E_SYNTAX;
	}
	*out = rf_take(db);
	return 0;
}

int ovsdb_managers(const char *text, struct rf_buf *out)
{
	AUTOJSON json_t *db = NULL;
	const char *uuid;
	json_t *row;
	int rc = db_read(text, &db);

	json_object_foreach(json_object_get(db, "Manager"), uuid, row)
	{
		const char *target = json_string_value(json_object_get(row, "target"));

		if (rc == 0 && target)
			rf_buf_printf(out, "%s%s", out->len ? "," : "", target);
	}
	return rc;
}

/* ---- ports ---- */

static const char *text_of(const json_t *row, const char *column)
{
	const char *text = json_string_value(json_object_get(row, column));

	return text ? text : "";
}

/* ["uuid", "..."] in a table. */
static const json_t *referred(const json_t *db, const char *table, const json_t *item)
{
	const char *uuid = json_string_value(json_array_get(item, 1));

	return uuid ? json_object_get(json_object_get(db, table), uuid) : NULL;
}

static const char *option_of(const json_t *interface, const char *key)
{
	const json_t *options = json_object_get(interface, "options");

	for (size_t i = 0; i < items_count(options); i++) {
		const json_t *pair = item_at(options, i);
		const char *value = json_string_value(json_array_get(pair, 1));

		if (value && rf_equal(json_string_value(json_array_get(pair, 0)), key))
			return value;
	}
	return "";
}

struct ports {
	struct ovsdb_port *items;
	size_t count, capacity;
};

static int port_take(struct ports *ports, const json_t *bridge, const json_t *interface)
{
	if (!interface || !text_of(interface, "name")[0])
		return 0;
	if (ports->count >= PORTS_MAX)
		return RF_E_LIMIT;
	if (rf_grow((void **)&ports->items, &ports->capacity, ports->count + 1,
		    sizeof(*ports->items)) < 0)
		return -ENOMEM;
	ports->items[ports->count++] = (struct ovsdb_port){.bridge = text_of(bridge, "name"),
							   .name = text_of(interface, "name"),
							   .type = text_of(interface, "type"),
							   .peer = option_of(interface, "peer")};
	return 0;
}

static int bridge_take(const json_t *db, const json_t *bridge, struct ports *out)
{
	const json_t *ports = json_object_get(bridge, "ports");
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < items_count(ports); i++) {
		const json_t *port = referred(db, "Port", item_at(ports, i));
		const json_t *interfaces = json_object_get(port, "interfaces");

		for (size_t k = 0; rc == 0 && k < items_count(interfaces); k++)
			rc = port_take(out, bridge,
				       referred(db, "Interface", item_at(interfaces, k)));
	}
	return rc;
}

static int port_order(const void *a, const void *b)
{
	return strcmp(((const struct ovsdb_port *)a)->name, ((const struct ovsdb_port *)b)->name);
}

int ovsdb_ports(const char *text, void (*each)(void *ctx, const struct ovsdb_port *port), void *ctx)
{
	AUTOJSON json_t *db = NULL;
	struct ports ports = {.items = NULL};
	const char *uuid;
	json_t *bridge;
	int rc = db_read(text, &db);

	json_object_foreach(json_object_get(db, "Bridge"), uuid, bridge)
	{
		if (rc == 0)
			rc = bridge_take(db, bridge, &ports);
	}
	if (ports.count)
		qsort(ports.items, ports.count, sizeof(*ports.items), port_order);
	for (size_t i = 0; rc == 0 && i < ports.count; i++) {
		/* One that stands in two bridges is told of once: a broken database names it so. */
		if (i == 0 || strcmp(ports.items[i].name, ports.items[i - 1].name) != 0)
			each(ctx, &ports.items[i]);
	}
	rf_free(ports.items);
	return rc;
}
