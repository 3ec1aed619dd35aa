/* SPDX-License-Identifier: Apache-2.0 */
/* Records of quarantines as what the guard's service knows of them. See quarantine.h. */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "cli/quarantine.h"
#include "isolate/table.h"

/* The services as they were given, joined by blanks. */
static int services_take(const char *text, struct guard_port *out)
{
	RF_AUTOFREE char *copy = rf_strdup(text);
	char *cursor = copy;
	int rc = copy ? 0 : -ENOMEM;

	for (char *word; rc == 0 && (word = rf_word_next(&cursor));)
		rc = guard_service_add(out, word, NULL);
	return rc;
}

static int record_take(const struct quarantine_record *record, struct rf_buf *out)
{
	struct guard_port services = {.n_services = 0};
	struct quarantine_order order = {.record = strcmp(record->recorded, "yes") == 0};
	int rc = quarantine_level_parse(record->level, &order.level);

	if (!rc)
		rc = services_take(record->services, &services);
	order.services = services.services;
	order.services_count = services.n_services;
	for (size_t i = 0; rc == 0 && i < record->cards_count; i++) {
		struct table_ward ward = {.vm = ""};

		order.honeypot = record->cards[i].redirect;
		rf_format(ward.vm, sizeof(ward.vm), "%.60s", record->vm);
		rc = quarantine_port_make(&order, record->cards[i].mac, &ward.shut, NULL);
		if (!rc)
			rc = rf_buf_add(out, &ward, sizeof(ward));
	}
	return rc;
}

int role_wards_read(const char *state, struct rf_buf *out)
{
	struct records records = {0};
	struct rf_err err = {0};
	int rc = quarantine_records_load(state, &records, &err), worst = rc;

	for (size_t i = 0; rc == 0 && i < records.count; i++) {
		int one = record_take(&records.items[i], out);

		worst = one < 0 ? one : worst;
	}
	worst = records.unread ? RF_E_SYNTAX : worst;
	quarantine_records_done(&records);
	return worst;
}
