/* SPDX-License-Identifier: Apache-2.0 */
/* The loaded modules as JSON, from the rows that the collector of modules writes: one place knows
 * what a module is. For evidence and for the list of the last boot. */
#include <jansson.h>
#include <string.h>

#include "base/mem.h"
#include "collect/evidence.h"
#include "collect/kernel_modules.h"

struct json_sink {
	struct fact_sink sink;
	json_t *rows;
};

static json_t *cell(const struct fact_column *column, const void *row)
{
	const char *at = (const char *)row + column->offset;

	if (column->is_text) {
		const char *const *text = (const char *const *)(const void *)at;

		return *text ? json_string(*text) : json_null();
	}
	const struct fact_int *number = (const struct fact_int *)(const void *)at;

	return number->known ? json_integer(number->v) : json_null();
}

static int put_row(struct fact_sink *sink, const struct fact_table *table, const void *row)
{
	struct json_sink *to = (struct json_sink *)(void *)sink;

	if (fact_table_id(table) != FACT_T_MODULE)
		return 0;
	json_t *object = json_object();

	for (size_t i = 0; i < table->columns_count; i++) {
		const char *name = table->columns[i].name;

		if (strcmp(name, "host") != 0 && strcmp(name, "source") != 0)
			json_object_set_new(object, name, cell(&table->columns[i], row));
	}
	json_array_append_new(to->rows, object);
	return 0;
}

json_t *modules_json(struct sys *sys)
{
	KCONFIG_AUTO struct kconfig config = {0};
	struct json_sink to = {.sink = {.put = put_row, .host = sys_host_name(sys)},
			       .rows = json_array()};

	kconfig_read(sys, &config);
	kernel_modules_collect(sys, &config, &to.sink);
	return to.rows;
}
