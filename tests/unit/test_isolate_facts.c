/* SPDX-License-Identifier: Apache-2.0 */
/* The collectors that a plan and a proof wait for fill every table that their questions read: what
 * SQLite is asked is seen by its own authorizer. */
#include "base/mem.h"
#include "base/str.h"
#include "collect/collect.h"
#include "facts_test.h"
#include "isolate/disk.h"
#include "isolate/facts.h"
#include "isolate/host.h"
#include "isolate/memory.h"
#include "isolate/policy.h"
#include "sys/sys.h"

static bool asked[512];

static int look(void *arg, int action, const char *table, const char *column, const char *db,
		const char *trigger)
{
	const struct fact_table *found = action == SQLITE_READ ? fact_table_find(table) : NULL;

	(void)arg;
	(void)column;
	(void)db;
	(void)trigger;
	if (found)
		asked[fact_table_id(found)] = true;
	return SQLITE_OK;
}

static bool fills(const char *name, enum fact_table_id table)
{
	for (size_t i = 0; i < collectors_count; i++) {
		for (size_t t = 0; t < COLLECT_MAX_TABLES && collectors[i].tables[t]; t++) {
			if (strcmp(collectors[i].name, name) == 0 &&
			    collectors[i].tables[t] == table)
				return true;
		}
	}
	return false;
}

static bool is_collector(const char *name)
{
	for (size_t i = 0; i < collectors_count; i++) {
		if (strcmp(collectors[i].name, name) == 0)
			return true;
	}
	return false;
}

static void covered(const char *const *names)
{
	size_t count = 0;

	for (const char *const *name = names; *name; name++) {
		if (!is_collector(*name))
			fail_msg("there is no collector %s", *name);
	}
	for (unsigned t = 0; t < RF_COUNT(asked); t++) {
		bool filled = false;

		/* The runner fills it itself. */
		if (!asked[t] || t == FACT_T_COLLECTOR_RUN)
			continue;
		for (const char *const *name = names; *name && !filled; name++)
			filled = fills(*name, (enum fact_table_id)t);
		if (!filled)
			fail_msg("%s is asked, and nobody fills it", fact_tables[t].name);
		count++;
	}
	assert_true(count > 1);
}

static struct fact_store *store_open(void)
{
	struct fact_store *store = NULL;

	assert_int_equal(fact_store_open(&store, NULL), 0);
	assert_int_equal(
		sqlite3_exec(fact_store_db(store),
			     "INSERT INTO vm (host, vm, layer, format, name, state) VALUES"
			     " ('h', 'a', 'live', 'libvirt', 'a', 'running');"
			     "INSERT INTO vm_disk (host, vm, layer, disk, path, medium, device)"
			     " VALUES ('h', 'a', 'live', 'vda', '/x', 1, 'disk');"
			     "INSERT INTO host (host) VALUES ('h');",
			     NULL, NULL, NULL),
		SQLITE_OK);
	memset(asked, 0, sizeof(asked));
	sqlite3_set_authorizer(fact_store_db(store), look, NULL);
	return store;
}

static void ask_for_a_plan(struct fact_store *store, struct disk_input *disks)
{
	struct policy_nics nics = {0};
	struct policy_host host = {0};
	struct memory_input memory = {0};
	struct sys *sys = NULL;

	assert_int_equal(sys_open_dir("/var/empty", &sys, NULL) == 0 ||
				 sys_open_dir("/", &sys, NULL) == 0,
			 1);
	assert_int_equal(policy_nics_load(store, &nics, NULL), 0);
	assert_true(asked[FACT_T_VM_NIC]);
	assert_int_equal(policy_host_load(store, &host, NULL), 0);
	assert_int_equal(memory_input_load(store, sys, &memory, NULL), 0);
	assert_int_equal(disk_input_load(store, disks, NULL), 0);
	assert_true(asked[FACT_T_HOST_CPU] && asked[FACT_T_VM_DISK] && asked[FACT_T_VM_PROCESS]);
	memory_input_done(&memory);
	policy_host_done(&host);
	policy_nics_done(&nics);
	sys_close(sys);
}

static void a_plan(void **state)
{
	struct fact_store *store = store_open();
	struct disk_input disks = {0};

	(void)state;
	ask_for_a_plan(store, &disks);
	covered(isolate_collectors);
	disk_input_done(&disks);
	fact_store_close(store);
}

static void proofs(void **state)
{
	static const char yaml[] =
		"isolate: 1\nzones: {z: {}}\nprofiles: {p: {based-on: standard, disk: {locking: "
		"required, encryption: required}}}\nassignments: [{vm: a, profile: p, zone: z}]\n";
	struct fact_store *store = store_open();
	struct isolate_promises promises = {0};
	struct disk_input disks = {0};
	struct policy *policy = NULL;
	struct rf_err err = {0};

	(void)state;
	ask_for_a_plan(store, &disks);
	if (policy_parse(rf_slice_text(yaml), "p", &policy, &err) != 0)
		fail_msg("%s", rf_err_text(&err));
	assert_int_equal(disk_promises_add(policy, &disks, store, &promises, NULL), 0);
	assert_true(asked[FACT_T_QEMU_OPTION] && asked[FACT_T_STORAGE_POOL]);
	covered(isolate_collectors_verify);
	isolate_promises_done(&promises);
	policy_free(policy);
	disk_input_done(&disks);
	fact_store_close(store);
}

static void network_cards(void **state)
{
	struct fact_store *store = store_open();
	struct policy_nics nics = {0};

	(void)state;
	assert_int_equal(policy_nics_load(store, &nics, NULL), 0);
	covered(isolate_collectors_vms);
	policy_nics_done(&nics);
	fact_store_close(store);
}

static void processors(void **state)
{
	struct fact_store *store = store_open();
	struct policy_host host = {0};

	(void)state;
	assert_int_equal(policy_host_load(store, &host, NULL), 0);
	covered(isolate_collectors_cpu);
	policy_host_done(&host);
	fact_store_close(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plan),
		cmocka_unit_test(proofs),
		cmocka_unit_test(network_cards),
		cmocka_unit_test(processors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
