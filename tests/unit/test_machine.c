/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All collectors of the machine itself: over the machine that runs the tests, over a recording of
 * it, and with memory that fails.
 */
#include "machine_test.h"

#include <errno.h>

#include "base/str.h"

static const struct {
	const char *name;
	collect_fn *run;
	const char *tables[8];
} machine[] = {
	{"host", collect_host, {"host"}},
	{"boot", collect_boot, {"boot", "efi_boot_entry", "pcr"}},
	{"kernel",
	 collect_kernel,
	 {"kernel_param", "sysctl", "module_param", "module", "module_block", "lsm",
	  "lsm_profile"}},
	{"cpu", collect_cpu, {"cpu_vuln"}},
	{"memory", collect_memory, {"ksm", "swap"}},
	{"mounts", collect_mounts, {"mount", "path_mount"}},
	{"modes", collect_modes, {"file_mode"}},
	{"config", collect_config, {"config_option"}},
	{"storage-targets", collect_storage_targets, {"storage_target", "image_mount"}},
};

/* Every row of the collector's tables and its gaps as text. */
static void dump(struct fact_store *store, size_t which, struct rf_buf *out)
{
	for (size_t t = 0; t < 9; t++) {
		const char *table = t < 8 ? machine[which].tables[t] : "fact_gap";
		sqlite3_stmt *stmt;
		char sql[128];

		if (!table)
			continue;
		snprintf(sql, sizeof(sql), "SELECT * FROM %s ORDER BY 1, 2, 3, 4", table);
		assert_int_equal(sqlite3_prepare_v2(fact_store_db(store), sql, -1, &stmt, NULL), 0);
		while (sqlite3_step(stmt) == SQLITE_ROW) {
			rf_buf_printf(out, "%s:", table);
			for (int c = 0; c < sqlite3_column_count(stmt); c++) {
				const char *text = (const char *)sqlite3_column_text(stmt, c);

				rf_buf_printf(out, " %s", text ? text : "NULL");
			}
			rf_buf_add_byte(out, '\n');
		}
		sqlite3_finalize(stmt);
	}
}

static void collect_into(struct sys *sys, size_t which, struct rf_buf *out)
{
	struct collect_request req = {.host = true};
	struct fact_store *store;
	struct rf_err err = {0};

	assert_int_equal(fact_store_open(&store, &err), 0);
	struct fact_sink *sink = fact_store_sink(store, "h");

	if (machine[which].run(sys, &req, sink, &err) < 0)
		fail_msg("%s: %s", machine[which].name, rf_err_text(&err));
	if (fact_sink_check(sink, &err) < 0)
		fail_msg("%s: sink: %s", machine[which].name, rf_err_text(&err));
	dump(store, which, out);
	fact_store_close(store);
}

/* The tables whose facts are not the same from the recording, as text; "" when all are. */
static void compare_recording(struct rf_buf *differ)
{
	struct rf_buf live[RF_COUNT(machine)] = {0};
	struct rf_err err = {0};
	struct test_host h;
	struct sys *sys;

	host_make(&h);
	if (sys_open_recording(h.dir, &sys, &err) < 0)
		fail_msg("%s", rf_err_text(&err));
	for (size_t i = 0; i < RF_COUNT(machine); i++)
		collect_into(sys, i, &live[i]);
	sys_close(sys);
	if (sys_open_dir(h.dir, &sys, &err) < 0)
		fail_msg("%s", rf_err_text(&err));
	for (size_t i = 0; i < RF_COUNT(machine); i++) {
		RF_AUTOBUF struct rf_buf again = {0};

		collect_into(sys, i, &again);
		if (strcmp(rf_buf_text(&live[i]), rf_buf_text(&again)) != 0)
			rf_buf_printf(differ, "%s: live\n%s\nrecorded\n%s\n", machine[i].name,
				      rf_buf_text(&live[i]), rf_buf_text(&again));
		rf_buf_done(&live[i]);
	}
	sys_close(sys);
	h.store = NULL;
	host_done(&h);
}

/* What was recorded of this machine gives the same facts as the machine did. A machine may change
 * between two collectors that read the same file (a mount, a module): then another round tells. */
static void a_recording_gives_the_same_facts(void **state)
{
	RF_AUTOBUF struct rf_buf differ = {0};

	(void)state;
	for (int round = 0; round < 4; round++) {
		rf_buf_reset(&differ);
		compare_recording(&differ);
		if (differ.len == 0)
			return;
	}
	fail_msg("%s", rf_buf_text(&differ));
}

/* What is true of every Linux machine. */
static void this_machine_makes_sense(void **state)
{
	static const struct {
		size_t which;
		const char *sql, *want;
	} cases[] = {
		{0, "SELECT count(*) FROM host WHERE kernel_release <> '' AND arch <> ''", "1"},
		{0,
		 "SELECT cpus_online >= cores AND cores >= 1 AND threads_per_core >= 1 AND "
		 "memory_bytes > 16777216 AND clock_ms > 1700000000000 FROM host",
		 "1"},
		{3, "SELECT count(*) FROM cpu_vuln WHERE detail IS NULL OR state IS NULL", "0"},
		{4, "SELECT count(*) FROM ksm WHERE present IN (0, 1)", "1"},
		/* In a chroot the root may be no mount point. */
		{5,
		 "SELECT count(*) <= 1 AND (SELECT count(*) FROM mount) > 0 FROM mount WHERE target='/'",
		 "1"},
		{5, "SELECT own_fs||on_root||exists_ FROM path_mount WHERE path='/'", "111"},
		{6, "SELECT kind FROM file_mode WHERE path='/etc/passwd'", "file"},
		{6, "SELECT count(*) FROM file_mode WHERE kind <> 'absent' AND mode IS NULL", "0"},
		{6,
		 "SELECT count(*) FROM file_mode WHERE group_write <> ((mode & 16) > 0) OR "
		 "other_read <> ((mode & 4) > 0) OR other_write <> ((mode & 2) > 0)",
		 "0"},
	};
	struct collect_request req = {.host = true};
	struct rf_err err = {0};
	struct sys *sys;

	(void)state;
	assert_int_equal(sys_open_live(&sys, &err), 0);
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		struct test_host h = {0};

		assert_int_equal(fact_store_open(&h.store, &err), 0);
		struct fact_sink *sink = fact_store_sink(h.store, "h");

		assert_int_equal(machine[cases[i].which].run(sys, &req, sink, &err), 0);
		const char *got = host_ask(&h, cases[i].sql);

		if (strcmp(got, cases[i].want) != 0)
			fail_msg("%s: got %s, want %s", cases[i].sql, got, cases[i].want);
		fact_store_close(h.store);
	}
	sys_close(sys);
}

/* A column that is NULL has a gap that says why; the row's own gap or the table's will do. */
static void every_null_has_a_reason(void **state)
{
	static const struct {
		size_t which;
		const char *table;
		const char *key; /* SQL for the natural key */
	} cases[] = {
		{0, "host", "''"},    {1, "boot", "''"},      {2, "module_block", "t.name"},
		{2, "lsm", "t.name"}, {2, "sysctl", "t.key"}, {3, "cpu_vuln", "t.name"},
		{4, "ksm", "''"},     {4, "swap", "t.path"},  {5, "path_mount", "t.path"},
	};
	struct test_host h;

	(void)state;
	/* An empty machine has most of them. */
	host_make(&h);
	host_file(&h, "/proc/self/mountinfo", "");
	host_file(&h, "/proc/swaps", "Filename\n/dev/gone partition 1 0 0\n");
	host_file(&h, "/proc/modules", "");
	host_folder(&h, "/sys/kernel/mm/ksm");
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		const struct fact_table *table = fact_table_find(cases[i].table);

		host_collect(&h, machine[cases[i].which].run);
		for (size_t c = 0; c < table->columns_count; c++) {
			char sql[512];
			const char *column = table->columns[c].name;

			/* Filled in later, from what is here. */
			if (strcmp(column, "os_support_days") == 0)
				continue;
			snprintf(sql, sizeof(sql),
				 "SELECT %s FROM %s t WHERE t.%s IS NULL AND NOT EXISTS (SELECT 1 "
				 "FROM fact_gap g WHERE g.tbl='%s' AND g.key IN ('', %s))",
				 cases[i].key, table->name, column, table->name, cases[i].key);
			if (strcmp(host_ask(&h, sql), "-") != 0)
				fail_msg("%s.%s is NULL and nothing says why", table->name, column);
		}
	}
	host_done(&h);
}

/* The n-th allocation fails: an error or fewer facts, and never a crash. */
static void failing_memory_is_survived(void **state)
{
	struct collect_request req = {.host = true};
	struct test_host h;

	(void)state;
	host_make(&h);
	host_uname(&h);
	host_file(&h, "/etc/passwd", "root:x:0:0::/root:/bin/sh\n");
	host_file(&h, "/etc/group", "root:x:0:\n");
	host_file(&h, "/etc/os-release", "ID=debian\nVERSION_ID=12\n");
	host_file(&h, "/proc/self/mountinfo", "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n");
	host_file(&h, "/proc/cmdline", "a=1 b c=\"d e\"\n");
	host_file(&h, "/proc/modules", "x 1 0 - Live 0x0\n");
	host_file(&h, "/lib/modules/" TEST_RELEASE "/modules.dep", "kernel/x.ko:\n");
	host_file(&h, "/etc/modprobe.d/a.conf", "install udf /bin/false\n");
	host_file(&h, "/proc/swaps", "Filename\n/dev/sda1 partition 1 0 0\n");
	host_file(&h, "/boot/grub/grub.cfg", "set superusers=\"a\"\npassword a x\n");
	host_file(&h, "/etc/lvm/lvm.conf", "devices { filter = [ \"a\" ] }\n");
	host_file(&h, "/etc/openvswitch/conf.db",
		  "OVSDB JSON 33 a\n{\"Manager\":{\"u\":{\"target\":\"p\"}}}");
	host_file(&h, "/sys/block/loop0/loop/backing_file", "/a.img\n");
	host_file(&h, "/sys/kernel/mm/ksm/run", "0\n");
	for (size_t i = 0; i < RF_COUNT(machine); i++) {
		for (size_t n = 1; n < 400; n += n < 60 ? 1 : 17) {
			struct fact_store *store;
			struct rf_err err = {0};
			struct sys *sys;

			assert_int_equal(fact_store_open(&store, &err), 0);
			assert_int_equal(sys_open_dir(h.dir, &sys, &err), 0);
			rf_alloc_fail_after(n);
			int rc = machine[i].run(sys, &req, fact_store_sink(store, "h"), &err);

			rf_alloc_fail_after(0);
			/* An error has a reason. */
			if (rc < 0)
				assert_true(rf_err_text(&err)[0] != '\0');
			sys_close(sys);
			fact_store_close(store);
		}
	}
	host_done(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_recording_gives_the_same_facts),
		cmocka_unit_test(this_machine_makes_sense),
		cmocka_unit_test(every_null_has_a_reason),
		cmocka_unit_test(failing_memory_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
