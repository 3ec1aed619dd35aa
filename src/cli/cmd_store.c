/* SPDX-License-Identifier: Apache-2.0 */
/* ringfence store backup, migrate, upgrade: the manager's store, on the manager's machine. */
#include <stdio.h>

#include "base/str.h"
#include "cli/cli.h"
#include "store/facts.h"
#include "store/store.h"

#define DEFAULT_STORE "sqlite:/var/lib/ringfence-manager/store/manager.db"

static const char *url_of(const struct cli_args *args)
{
	const char *url = cli_value(args, OPT_STORE);

	return url ? url : DEFAULT_STORE;
}

int cmd_store_backup(const struct cli_args *args, struct rf_err *err)
{
	STORE_AUTOCLOSE struct store *store = NULL;
	int rc = store_open(url_of(args), &store, err);

	if (!rc)
		rc = store_backup(store, args->words[0], err);
	if (!rc)
		printf("%s: a copy as of now; use it with store: sqlite:%s\n", args->words[0],
		       args->words[0]);
	return rc;
}

int cmd_store_upgrade(const struct cli_args *args, struct rf_err *err)
{
	int rc = store_upgrade(url_of(args), err);

	if (!rc)
		rc = store_facts_upgrade(url_of(args), err);
	if (!rc)
		printf("the store has version %d now\n", store_version());
	return rc;
}

static void table_show(void *arg, const struct store_table_count *count)
{
	(void)arg;
	printf("%-24s %llu rows, the same on both sides\n", count->table,
	       (unsigned long long)count->rows_count);
}

int cmd_store_migrate(const struct cli_args *args, struct rf_err *err)
{
	int rc = store_migrate(args->words[0], args->words[1], table_show, NULL, err);

	if (!rc)
		printf("all of it is there; let the managers use it with store: %s\n",
		       args->words[1]);
	return rc;
}
