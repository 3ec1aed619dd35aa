/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disks in a policy: what is read and refused, which limits are wanted of whom, and what is
 * promised by which facts. On a running VM: tests/system/test_isolate_disk.py.
 */
#include "base/mem.h"
#include "base/str.h"
#include "facts_test.h"
#include "isolate/disk.h"
#include "isolate/policy.h"
#include "isolate/tune.h"
#include "isolate/verbs.h"

static struct policy *policy_of(const char *disk)
{
	RF_AUTOBUF struct rf_buf text = {0};
	struct policy *policy = NULL;
	struct rf_err err = {0};

	rf_buf_printf(&text,
		      "isolate: 1\nprofiles: {p: {based-on: standard, disk: {%s}}}\nassignments: "
		      "[{vm: 'web-*', profile: p, zone: outside}, {vm: other, profile: standard, "
		      "zone: outside}]\n",
		      disk);
	if (policy_parse(rf_buf_slice(&text), "p", &policy, &err) < 0)
		fail_msg("%s: %s", disk, rf_err_text(&err));
	return policy;
}

static void keys(void **state)
{
	static const struct {
		const char *disk, *says; /* says: NULL where it is taken */
	} CASES[] = {
		{"", NULL},
		{"iops: 500", NULL},
		{"iops: 0", NULL},
		{"iops: -1", "numbers from 0"},
		{"iops: 1000000000000001", "numbers from 0"},
		{"iops: many", "iops"},
		{"bytes-per-second: 20MB", NULL},
		{"bytes-per-second: 20mbit", "bytes a second"},
		{"bytes-per-second: 2000000GB", "bytes a second"},
		{"iops: 10, iops-burst: 20, burst-seconds: 5", NULL},
		{"iops: 10, iops-burst: 5", "a burst below"},
		{"iops-burst: 5", "a burst without"},
		{"bytes-per-second: 2MB, bytes-burst: 1MB", "a burst below"},
		{"burst-seconds: 86401", "burst-seconds"},
		{"shared: forbidden", NULL},
		{"shared: some", "forbidden or listed"},
		{"shared: listed", "wants shared-paths"},
		{"shared: listed, shared-paths: [/a]", NULL},
		{"shared: forbidden, shared-paths: [/a]", "lists some"},
		{"encryption: required, locking: required", NULL},
		{"encryption: maybe", "any or required"},
		{"locking: yes", "any or required"},
		{"residue: none", NULL},
		{"residue: some", "any or none"},
		{"paths: [/var/lib/*]", NULL},
		{"paths: {a: b}", "paths"},
		{"luns: ['3600*']", NULL},
		{"luns: 36001405abc", NULL},
		{"luns: {a: b}", "luns"},
		{"colour: red", "colour"},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		RF_AUTOBUF struct rf_buf text = {0};
		struct policy *policy = NULL;
		struct rf_err err = {0};

		rf_buf_printf(&text,
			      "isolate: 1\nassignments: []\nprofiles: {p: {based-on: standard, "
			      "disk: {%s}}}\n",
			      CASES[i].disk);
		int rc = policy_parse(rf_buf_slice(&text), "p", &policy, &err);

		if ((rc < 0) != (CASES[i].says != NULL))
			fail_msg("%s: %s", CASES[i].disk, rf_err_text(&err));
		if (rc < 0 && !strstr(rf_err_text(&err), CASES[i].says))
			fail_msg("%s: %s", CASES[i].disk, rf_err_text(&err));
		policy_free(policy);
	}
}

static const char BOTH[] =
	"INSERT INTO vm(host, vm, layer, format, name, state) VALUES"
	" ('h', 'web-1', 'live', 'libvirt', 'web-1', 'running'),"
	" ('h', 'web-1', 'persistent', 'libvirt', 'web-1', 'running'),"
	" ('h', 'other', 'persistent', 'libvirt', 'other', 'shutoff');"
	"INSERT INTO vm_disk(host, vm, layer, disk, device, kind, path, pool, medium, readonly, "
	"shareable, format, format_stated, backing_format_stated, backing_depth, rawio, sgio, "
	"encrypted, mode_bits, mode_text, owner, grp, other_read, group_other_write, host_device, "
	"stable_name, locked) SELECT 'h', v.vm, v.layer, 'vda', 'disk', 'file', '/i/' || v.vm, '', 1, "
	"0, 0, 'raw', 1, 1, 0, 0, '', 0, 384, '0600', 'qemu', 'qemu', 0, 0, 0, 0, 1 FROM vm v;"
	"INSERT INTO vm_disk(host, vm, layer, disk, device, kind, path, medium) VALUES"
	" ('h', 'web-1', 'live', 'sda', 'cdrom', 'none', '', 0);"
	"INSERT INTO vm_process(host, pid, vm, uid, account, has_caps, seccomp, no_new_privs, "
	"cap_effective, label, label_enforced, label_shared, mnt_ns_private) VALUES"
	" ('h', 7, 'web-1', 64055, 'qemu', 0, 2, 1, '0', 'libvirt-1', 1, 0, 1);"
	"INSERT INTO libvirt_hypervisor(host, uri, secmodels) VALUES ('h', 'u', 'apparmor,dac');";

static struct fact_store *store_of(const char *change)
{
	struct fact_store *store = NULL;

	assert_int_equal(fact_store_open(&store, NULL), 0);
	if (sqlite3_exec(fact_store_db(store), BOTH, NULL, NULL, NULL) != SQLITE_OK ||
	    sqlite3_exec(fact_store_db(store), change, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s", sqlite3_errmsg(fact_store_db(store)));
	return store;
}

static void wants(void **state)
{
	static const struct {
		const char *disk, *live, *persistent; /* NULL: none is wanted */
	} CASES[] = {
		{"", NULL, NULL},
		{"shared: forbidden", NULL, NULL},
		{"iops: 500", "total_iops_sec=500", "total_bytes_sec=0"},
		{"bytes-per-second: 2MB, bytes-burst: 4MB, burst-seconds: 3",
		 "total_bytes_sec_max_length=3", "total_bytes_sec_max=4000000"},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		struct policy *policy = policy_of(CASES[i].disk);
		struct fact_store *store = store_of("");
		struct disk_input input;
		struct isolate_wants list = {0};

		assert_int_equal(disk_input_load(store, &input, NULL), 0);
		assert_int_equal(input.count, 2);
		assert_int_equal(disk_wants_add(policy, &input, &list, NULL), 0);
		assert_int_equal(list.count, CASES[i].live ? 2 : 0);
		for (size_t k = 0; k < list.count; k++) {
			const struct change_spec *spec = &list.items[k].spec;
			const struct verb *verb = NULL;
			const struct verb_table *const tables[] = {&tune_verbs, NULL};
			const struct verb_set set = {tables};
			const struct verb_env env = {.live = true};

			assert_string_equal(spec->target, k ? "web-1/persistent/disk.limits/vda"
							    : "web-1/live/disk.limits/vda");
			assert_non_null(strstr(change_spec_value(spec),
					       k ? CASES[i].persistent : CASES[i].live));
			/* The privileged side takes it. */
			assert_int_equal(verb_check(&set, &env, spec, &verb, NULL), 0);
		}
		isolate_wants_done(&list);
		disk_input_done(&input);
		fact_store_close(store);
		policy_free(policy);
	}
}

/* "No limit" is 0 in a running VM, and no word at all in a definition. */
static void a_definition_leaves_zeros_out(void **state)
{
	static const struct {
		const char *target, *before, *value, *after;
	} CASES[] = {
		{"a/live/disk.limits/vda", "1total_iops_sec=7", "total_iops_sec=0",
		 "1total_iops_sec=0"},
		{"a/persistent/disk.limits/vda", "1total_iops_sec=7", "total_iops_sec=0", "0"},
		{"a/persistent/disk.limits/vda", "1total_iops_sec=7 total_iops_sec_max=9",
		 "total_iops_sec_max=0", "1total_iops_sec=7"},
		{"a/persistent/disk.limits/vda", "0", "total_bytes_sec=0 total_iops_sec=5",
		 "1total_iops_sec=5"},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		RF_AUTOBUF struct rf_buf out = {0};
		struct change_spec spec;

		assert_int_equal(change_spec_set(&spec, "vm-tune", CASES[i].target, NULL,
						 CASES[i].value, NULL),
				 0);
		assert_int_equal(tune_verbs.rows[0].predict(&spec, rf_slice_text(CASES[i].before),
							    &out, NULL),
				 0);
		assert_string_equal(rf_buf_text(&out), CASES[i].after);
	}
}

/* A volume that no VM has, in the pool of one that a VM has; and what a process has open. */
#define SPARE(blank)                                                                               \
	"INSERT INTO volume(host, pool, volume, path, sampled_count, blank_count) VALUES"          \
	"('h', 'd', 'v', '/i/web-1', NULL, NULL), ('h', 'd', 's', '/i/spare', CASE WHEN " blank    \
	" IS NOT NULL THEN 32 END, " blank ")"
#define OPEN(path, kind)                                                                           \
	"INSERT INTO vm_open_file(host, pid, path, kind) VALUES('h', 7, '" path "', '" kind "')"

/* Each fault of the facts fails one promise; without it all are kept. */
static void promises(void **state)
{
	static const struct {
		const char *disk, *change, *fails; /* fails: NULL for none */
	} CASES[] = {
		{"", "", NULL},
		{"", "UPDATE vm_disk SET shareable = 1", "1. no other VM"},
		{"shared: listed, shared-paths: ['/i/*']", "UPDATE vm_disk SET shareable = 1",
		 NULL},
		{"shared: listed, shared-paths: ['/x/*']", "UPDATE vm_disk SET shareable = 1",
		 "1. no other VM"},
		{"", "UPDATE vm_disk SET path = '/i/web-1'", "1. no other VM"},
		{"", "UPDATE vm_disk SET path = '/i/web-1', readonly = 1", NULL},
		{"", "UPDATE vm_disk SET locked = 0", "1. no other VM"},
		{"", "UPDATE vm_disk SET locked = NULL", NULL},
		{"locking: required", "", "1. images are locked"},
		{"locking: required",
		 "INSERT INTO qemu_option VALUES('h', 'lock_manager', 'lockd', 's')", NULL},
		{"", "UPDATE vm_process SET label_enforced = 0", "2. its process is confined"},
		{"", "UPDATE vm_process SET label_shared = 1", "2. its process is confined"},
		{"", "UPDATE vm_process SET has_caps = 1", "2. its process holds"},
		{"", "UPDATE vm_process SET seccomp = 0", "2. its process holds"},
		{"", "UPDATE vm_disk SET other_read = 1", "3. nobody else may read"},
		{"", "UPDATE vm_disk SET group_other_write = 1", "3. nobody else may read"},
		{"",
		 "INSERT INTO storage_pool(host, pool, kind, path, mode, other_read, other_write) "
		 "VALUES('h', 'd', 'dir', '/i', 493, 1, 0)",
		 "3. nobody else may list"},
		{"encryption: required", "", "4. its image"},
		{"encryption: required", "UPDATE vm_disk SET encrypted = 1, luks = 1", NULL},
		{"encryption: required", "UPDATE vm_disk SET encrypted = 1, luks = 0",
		 "4. its image"},
		{"", "UPDATE vm_disk SET format_stated = 0", "5. its format"},
		{"", "UPDATE vm_disk SET backing_format_stated = 0", "5. its format"},
		{"", "UPDATE vm_disk SET kind = 'network', auth = 1, tls = 0", "7. its remote"},
		{"", "UPDATE vm_disk SET kind = 'network', auth = 1, tls = 1", NULL},
		{"", "UPDATE vm_disk SET host_device = 1", "8. it is no device"},
		{"", "UPDATE vm_disk SET rawio = 1", "8. it is no device"},
		{"", "UPDATE vm_disk SET kind = 'block'", "8. it is no device"},
		{"",
		 "INSERT INTO vm_device(host, vm, layer, device, kind, path) VALUES('h', 'web-1', "
		 "'live', 'fs0', 'filesystem', '/srv')",
		 "8. no folder"},
		{"", "UPDATE vm_disk SET medium = 1, path = '/x.iso' WHERE disk = 'sda'",
		 "8. no medium"},
		{"paths: ['/i/*']", "", NULL},
		{"paths: ['/j/*']", "", "8. its image lies"},
		{"",
		 "INSERT INTO storage_pool(host, pool, kind, path, free_pct) VALUES('h', 'd', 'dir', "
		 "'/i/', 9)",
		 "10. its pool"},
		/* Limits: in the definition, in what runs, in both, and what is in the way. */
		{"iops: 500", "UPDATE vm_disk SET limits = 'total_iops_sec=500'", NULL},
		{"iops: 500", "", "6. it reads and writes"},
		{"iops: 500",
		 "UPDATE vm_disk SET limits = 'total_iops_sec=500'; UPDATE vm_disk SET limits = "
		 "'total_iops_sec=501' WHERE layer = 'live'",
		 "6. it reads and writes"},
		{"iops: 500",
		 "UPDATE vm_disk SET limits = 'total_iops_sec=500'; UPDATE vm_disk SET limits = '' "
		 "WHERE layer = 'persistent'",
		 "6. it reads and writes"},
		{"iops: 500", "UPDATE vm_disk SET limits = 'total_iops_sec=500 read_bytes_sec=1'",
		 "6. it reads and writes"},
		{"iops: 500",
		 "UPDATE vm_disk SET limits = 'total_iops_sec=500 total_iops_sec_max_length=1'",
		 NULL},
		{"",
		 "INSERT INTO vm_cgroup(host, pid, vm, io_limited, io_max) VALUES('h', 7, 'web-1', 1, "
		 "'8:0 rbps=1')",
		 NULL},
		/* What is left on a medium. */
		{"residue: none", "", NULL},
		{"residue: none", "UPDATE vm_disk SET kind = 'block', stable_name = 1",
		 "5. nobody's old blocks"},
		{"residue: none",
		 "UPDATE vm_disk SET kind = 'block', stable_name = 1, encrypted = 1", NULL},
		{"residue: none",
		 "UPDATE vm_disk SET kind = 'block', stable_name = 1, path = '/dev/v/w'; INSERT INTO "
		 "thin_volume(host, volume, path, pool) VALUES('h', 'v/w', '/dev/v/w', 'v/p'); INSERT "
		 "INTO thin_pool(host, pool, zeroes) VALUES('h', 'v/p', 1); DELETE FROM vm_disk WHERE "
		 "vm = 'other'",
		 NULL},
		{"residue: none",
		 "UPDATE vm_disk SET kind = 'block', stable_name = 1, path = '/dev/v/w'; INSERT INTO "
		 "thin_volume(host, volume, path, pool) VALUES('h', 'v/w', '/dev/v/w', 'v/p'); INSERT "
		 "INTO thin_pool(host, pool, zeroes) VALUES('h', 'v/p', 0); DELETE FROM vm_disk WHERE "
		 "vm = 'other'",
		 "5. nobody's old blocks"},
		/* Nothing is left where samples say so; and what is left for the next. */
		{"residue: none",
		 "UPDATE vm_disk SET kind = 'block', stable_name = 1, sampled_count = 32, "
		 "blank_count = 32",
		 NULL},
		{"residue: none",
		 "UPDATE vm_disk SET kind = 'block', stable_name = 1, sampled_count = 32, "
		 "blank_count = 31",
		 "5. nobody's old blocks"},
		{"residue: none", SPARE("32"), NULL},
		{"residue: none", SPARE("31"), "5. volumes of its pools"},
		{"", SPARE("31"), NULL},
		{"residue: none", SPARE("NULL"), NULL},
		{"residue: none", SPARE("31") "; UPDATE volume SET pool = 'e' WHERE volume = 's'",
		 NULL},
		{"residue: none",
		 SPARE("31") "; UPDATE volume SET path = '/i/other' WHERE volume = 's'", NULL},
		/* Disks that the policy names, and what the process has open. */
		{"luns: ['3600*']", "UPDATE vm_disk SET lun = '3600' || vm", NULL},
		{"luns: ['3600*']", "UPDATE vm_disk SET lun = '3500' || vm", "7. its LUN is one"},
		{"luns: ['3600*']", "", NULL},
		{"", "UPDATE vm_disk SET lun = '3500' || vm", NULL},
		{"paths: ['/i/*']", OPEN("/i/web-1", "disk"), NULL},
		{"paths: ['/i/*']", OPEN("/dev/sdb", "disk"), "8. its process has no image"},
		{"paths: ['/i/*']", OPEN("/dev/net/tun", "device"), NULL},
		{"paths: ['/i/*']", OPEN("/usr/share/OVMF/OVMF_CODE.fd", "disk"), NULL},
		{"", OPEN("/dev/sdb", "disk"), NULL},
		{"paths: ['/i/*']",
		 OPEN("/dev/dm-3", "disk") "; INSERT INTO vm_option(host, vm, layer, key, value) "
					   "VALUES('h', 'web-1', 'live', 'resolved/vda', "
					   "'/dev/dm-3')",
		 NULL},
		/* One LUN under two names. */
		{"", "UPDATE vm_disk SET lun = '3a'", "7. its LUN"},
		{"", "UPDATE vm_disk SET lun = '3a', readonly = 1", NULL},
		{"", "UPDATE vm_disk SET lun = '3' || vm", NULL},
		/* Room to grow. */
		{"",
		 "INSERT INTO storage_pool(host, pool, kind, free_bytes) VALUES('h', 'd', 'dir', 100); "
		 "INSERT INTO volume(host, pool, volume, path, allocation_bytes) VALUES('h', 'd', 'v', "
		 "'/i/web-1', 50); UPDATE vm_disk SET virtual_bytes = 150",
		 NULL},
		{"",
		 "INSERT INTO storage_pool(host, pool, kind, free_bytes) VALUES('h', 'd', 'dir', 99); "
		 "INSERT INTO volume(host, pool, volume, path, allocation_bytes) VALUES('h', 'd', 'v', "
		 "'/i/web-1', 50); UPDATE vm_disk SET virtual_bytes = 150",
		 "10. growing"},
		{"",
		 "INSERT INTO storage_pool(host, pool, kind, free_bytes) VALUES('h', 'd', 'dir', 99); "
		 "INSERT INTO volume(host, pool, volume, path, allocation_bytes) VALUES('h', 'd', 'v', "
		 "'/i/web-1', 50); UPDATE vm_disk SET virtual_bytes = 150; INSERT INTO mount(host, "
		 "target, options) VALUES('h', '/i', 'rw,prjquota')",
		 NULL},
		{"", "INSERT INTO libvirt_option VALUES('h', 'virtlogd/max_size', '0', 's')",
		 "10. what it writes"},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		struct policy *policy = policy_of(CASES[i].disk);
		struct fact_store *store = store_of(CASES[i].change);
		struct isolate_promises list = {0};
		struct disk_input input;
		struct rf_err err = {0};
		size_t failed = 0;

		assert_int_equal(disk_input_load(store, &input, NULL), 0);
		if (disk_promises_add(policy, &input, store, &list, &err) < 0)
			fail_msg("%s", rf_err_text(&err));
		assert_true(list.count >= 7);
		for (size_t k = 0; k < list.count; k++) {
			const struct isolate_promise *p = &list.items[k];

			assert_true(rf_starts(p->subject, "web-1"));
			if (!isolate_promise_fails(p))
				continue;
			failed++;
			if (!CASES[i].fails || !rf_starts(p->what, CASES[i].fails))
				fail_msg("case %zu %s: %s: %s", i, CASES[i].change, p->what,
					 p->evidence);
		}
		assert_int_equal(isolate_promises_failed(&list), failed);
		if (failed != (CASES[i].fails ? 1 : 0))
			fail_msg("case %zu %s: %zu failed", i, CASES[i].change, failed);
		isolate_promises_done(&list);
		disk_input_done(&input);
		fact_store_close(store);
		policy_free(policy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys),
		cmocka_unit_test(wants),
		cmocka_unit_test(a_definition_leaves_zeros_out),
		cmocka_unit_test(promises),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
