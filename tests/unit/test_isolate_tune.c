/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings of VMs as verbs: targets, values, states and definitions as tables of cases; what the
 * privileged side refuses whoever asks; libvirt's own test driver for what it can. Real VMs:
 * tests/system/test_isolate_cpu.py.
 */
#include "base/cpus.h"
#include "base/mem.h"
#include "base/str.h"
#include "facts_test.h"
#include "isolate/tune.h"
#include "isolate/vm_scope.h"

static const struct verb_table *const tables[] = {&tune_verbs, NULL};
static const struct verb_set set = {tables};
static const struct verb_env env = {.live = true};

static void cpu_lists(void **state)
{
	static const struct {
		const char *in, *out;
		int rc;
	} CASES[] = {
		{"", "", 0},
		{"0", "0", 0},
		{"3,1,2", "1-3", 0},
		{"0-3,8,10-11\n", "0-3,8,10-11", 0},
		{"0-7,^3", "0-2,4-7", 0},
		{"4095", "4095", 0},
		{"4096", "", RF_E_LIMIT},
		{"0-4096", "", RF_E_LIMIT},
		{"0-99999999999", "", RF_E_SYNTAX},
		{"3-1", "", RF_E_SYNTAX},
		{"1,,2", "", RF_E_SYNTAX},
		{"-1", "", RF_E_SYNTAX},
		{"a", "", RF_E_SYNTAX},
		{"1-", "", RF_E_SYNTAX},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		RF_AUTOBUF struct rf_buf out = {0};
		struct rf_cpus cpus = {{7}};

		if (rf_cpus_parse(CASES[i].in, &cpus) != CASES[i].rc)
			fail_msg("%s", CASES[i].in);
		if (CASES[i].rc) {
			assert_int_equal(cpus.bits[0], 7);
			continue;
		}
		rf_cpus_format(&cpus, &out);
		assert_string_equal(rf_buf_text(&out), CASES[i].out);
	}
	struct rf_cpus a, b;

	assert_int_equal(rf_cpus_parse("0-3", &a), 0);
	assert_int_equal(rf_cpus_parse("2-5", &b), 0);
	assert_true(rf_cpus_meet(&a, &b));
	rf_cpus_minus(&b, &a);
	assert_false(rf_cpus_meet(&a, &b));
	assert_int_equal(rf_cpus_count(&b), 2);
	rf_cpus_or(&a, &b);
	assert_int_equal(rf_cpus_count(&a), 6);
	rf_cpus_and(&a, &b);
	assert_true(rf_cpus_equal(&a, &b));
	assert_false(rf_cpus_has(&a, RF_MAX_CPUS));
}

static void targets(void **state)
{
	static const struct {
		const char *target;
		int rc;
	} CASES[] = {
		{"web-1/live/cpu.shares", 0},
		{"web 1.a/persistent/cpu.shares", 0},
		{"7e577e57-0000-4000-8000-7e577e577e57/live/cpu.quota", 0},
		{"web/live/cpu.pin.vcpu/0", 0},
		{"web/live/cpu.pin.vcpu/1023", 0},
		{"web/live/cpu.pin.vcpu", RF_E_SYNTAX},
		{"web/live/cpu.pin.vcpu/01", RF_E_SYNTAX},
		{"web/live/cpu.pin.vcpu/1024", RF_E_SYNTAX},
		{"web/live/cpu.pin.vcpu/0']", RF_E_SYNTAX},
		{"web/live/cpu.shares/0", RF_E_SYNTAX},
		{"web/live/cpu.shares/0/1", RF_E_SYNTAX},
		{"web/live/nothing", RF_E_UNKNOWN},
		{"web/soon/cpu.shares", RF_E_SYNTAX},
		{"/live/cpu.shares", RF_E_SYNTAX},
		{"web/live", RF_E_SYNTAX},
		{"web", RF_E_SYNTAX},
		{"", RF_E_SYNTAX},
		{"../../etc/passwd", RF_E_SYNTAX},
	};
	char made[512];

	(void)state;
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		struct tune_name name = {0};

		if (tune_parse(CASES[i].target, &name, NULL) != CASES[i].rc)
			fail_msg("%s", CASES[i].target);
		if (CASES[i].rc) {
			assert_null(name.row);
			continue;
		}
		assert_int_equal(tune_target(made, name.vm, name.layer, name.row->name,
					     name.item[0] ? name.item : NULL),
				 0);
		assert_string_equal(made, CASES[i].target);
	}
	assert_int_equal(tune_target(made, "a/b", VIRT_LIVE, "cpu.shares", NULL), RF_E_SYNTAX);
	assert_int_equal(tune_target(made, "", VIRT_LIVE, "cpu.shares", NULL), RF_E_SYNTAX);
}

/* Every row of the table can be named, has a way or a place, and bounds that make sense. */
static void rows_are_whole(void **state)
{
	(void)state;
	for (size_t t = 0; tune_tables[t]; t++) {
		for (size_t i = 0; i < tune_tables[t]->count; i++) {
			const struct tune_row *row = &tune_tables[t]->rows[i];

			if (tune_find(row->name) != row || !row->summary ||
			    (!row->way && !row->xml) ||
			    (row->value == TUNE_NUMBER && row->min >= row->max) ||
			    (row->value == TUNE_WORD && !row->words) ||
			    (row->value == TUNE_FIELDS && !row->fields_count) ||
			    (row->item && row->xml && !strstr(row->xml, "%s")) ||
			    (row->way == &tune_param && row->value != TUNE_FIELDS && !row->param))
				fail_msg("row %s", row->name);
		}
	}
}

static const struct tune_field FIELDS[] = {
	{"total_iops_sec", NULL, 0, 1000000},
	{"read_iops_sec", "@read", 0, 1000000},
	{"burst", NULL, 1, 9},
};
static const struct tune_row NUMBER = {.name = "n",
				       .value = TUNE_NUMBER,
				       .min = 10,
				       .max = 99,
				       .unlimited = 1000,
				       .xml = "a/n"},
			     WORD = {.name = "w", .value = TUNE_WORD, .words = "on off"},
			     CPUS = {.name = "c",
				     .value = TUNE_CPUS,
				     .xml = "cputune/vcpupin[@vcpu='%s']/@cpuset",
				     .item = TUNE_INDEX,
				     .xml_element = true},
			     MANY = {.name = "f",
				     .value = TUNE_FIELDS,
				     .fields = FIELDS,
				     .fields_count = 3,
				     .xml = "devices/disk[target/@dev='%s']/iotune",
				     .item = TUNE_DISK};

static void values(void **state)
{
	static const struct {
		const struct tune_row *row;
		const char *in, *out;
	} CASES[] = {
		{&NUMBER, "10", "10"},
		{&NUMBER, "099", "99"},
		{&NUMBER, "100", NULL},
		{&NUMBER, "9", NULL},
		{&NUMBER, "-1", "-1"},
		{&NUMBER, "1000", "-1"},
		{&NUMBER, "2000", "-1"},
		{&NUMBER, "-2", NULL},
		{&NUMBER, "", NULL},
		{&NUMBER, "ten", NULL},
		{&WORD, "on", "on"},
		{&WORD, "o", NULL},
		{&WORD, "on off", NULL},
		{&WORD, "", NULL},
		{&CPUS, "1,0", "0-1"},
		{&CPUS, "", NULL},
		{&CPUS, "x", NULL},
		{&MANY, "burst=9", "burst=9"},
		{&MANY, "burst=9 total_iops_sec=05", "total_iops_sec=5 burst=9"},
		{&MANY, "burst=10", NULL},
		{&MANY, "burst", NULL},
		{&MANY, "x=1", NULL},
		{&MANY, "burst=1 burst=1", NULL},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		RF_AUTOBUF struct rf_buf out = {0};
		int rc = tune_canon(CASES[i].row, CASES[i].in, &out, NULL);

		if ((rc == 0) != (CASES[i].out != NULL) ||
		    (rc == 0 && strcmp(rf_buf_text(&out), CASES[i].out) != 0))
			fail_msg("%s: %s: %s", CASES[i].row->name, CASES[i].in, rf_buf_text(&out));
	}
}

static int checked(const char *target, const char *op, const char *value)
{
	const struct verb *verb = NULL;
	struct change_spec spec;

	assert_int_equal(change_spec_set(&spec, "vm-tune", target, NULL, value, NULL), 0);
	rf_copy(spec.op, sizeof(spec.op), op);
	return verb_check(&set, &env, &spec, &verb, NULL);
}

/* What a planner that was taken over might ask for. */
static void hostile_specs(void **state)
{
	(void)state;
	assert_int_equal(checked("web/live/cpu.shares", "", "2048"), 0);
	assert_int_equal(checked("web/live/cpu.shares", "set", "2048"), 0);
	assert_int_equal(checked("web/persistent/cpu.shares", "remove", ""), 0);
	assert_int_not_equal(checked("web/live/cpu.shares", "remove", ""), 0);
	assert_int_not_equal(checked("web/live/cpu.shares", "run", "2048"), 0);
	assert_int_not_equal(checked("web/live/cpu.shares", "", "0"), 0);
	assert_int_not_equal(checked("web/live/cpu.shares", "", "02048"), 0);
	assert_int_not_equal(checked("web/live/cpu.shares", "", ""), 0);
	assert_int_not_equal(checked("web/live/cpu.quota", "", "999"), 0);
	assert_int_not_equal(checked("web/live/cpu.pin.vcpu/0", "", "0;reboot"), 0);
	assert_int_not_equal(checked("/etc/shadow", "", "1"), 0);
}

static int predict(const char *target, const char *op, const char *value, const char *before,
		   struct rf_buf *out)
{
	const struct verb *verb = verb_find(&set, "vm-tune");
	struct change_spec spec;

	rf_buf_reset(out);
	assert_int_equal(change_spec_set(&spec, "vm-tune", target, NULL, value, NULL), 0);
	rf_copy(spec.op, sizeof(spec.op), op);
	return verb->predict(&spec, rf_slice_text(before), out, NULL);
}

/* What is tighter already stays: never does a limit of ours loosen one of others. */
static void at_most(void **state)
{
	static const struct {
		const char *target, *op, *value, *before, *after;
	} CASES[] = {
		{"w/live/cpu.quota", "at-most", "50000", "1-1", "150000"},
		{"w/live/cpu.quota", "at-most", "50000", "10", "150000"},
		{"w/live/cpu.quota", "at-most", "50000", "120000", "120000"},
		{"w/live/cpu.quota", "at-most", "50000", "160000", "150000"},
		{"w/persistent/cpu.quota", "at-most", "50000", "0", "150000"},
		{"w/live/cpu.period", "at-least", "100000", "150000", "1100000"},
		{"w/live/cpu.period", "at-least", "100000", "1200000", "1200000"},
		{"w/persistent/cpu.period", "at-least", "100000", "0", "1100000"},
		{"w/persistent/disk.limits/vda", "at-most", "total_iops_sec=200", "0",
		 "1total_iops_sec=200"},
		{"w/persistent/disk.limits/vda", "at-most",
		 "total_bytes_sec=10000 total_iops_sec=200", "1total_iops_sec=100",
		 "1total_bytes_sec=10000 total_iops_sec=100"},
		{"w/persistent/disk.limits/vda", "at-most", "total_iops_sec=200",
		 "1total_iops_sec=100 total_iops_sec_max=900", "1total_iops_sec=200"},
		{"w/persistent/disk.limits/vda", "at-most", "total_iops_sec=200",
		 "1read_iops_sec=50 write_iops_sec=200", "1read_iops_sec=50 write_iops_sec=200"},
		{"w/persistent/disk.limits/vda", "at-most", "total_iops_sec=200",
		 "1read_iops_sec=50", "1total_iops_sec=200"},
		{"w/persistent/disk.limits/vda", "at-most", "total_iops_sec=200",
		 "1read_iops_sec=50 write_iops_sec=201", "1total_iops_sec=200"},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		RF_AUTOBUF struct rf_buf out = {0};

		assert_int_equal(checked(CASES[i].target, CASES[i].op, CASES[i].value), 0);
		assert_int_equal(predict(CASES[i].target, CASES[i].op, CASES[i].value,
					 CASES[i].before, &out),
				 0);
		if (strcmp(rf_buf_text(&out), CASES[i].after) != 0)
			fail_msg("%s %s: %s", CASES[i].target, CASES[i].before, rf_buf_text(&out));
	}
	assert_int_not_equal(checked("w/live/memory.page-sharing", "at-most", "off"), 0);
	assert_int_not_equal(checked("w/live/disk.limits/vda", "at-least", "total_iops_sec=1"), 0);
	assert_int_not_equal(checked("w/live/cpu.pin.vcpu/0", "at-most", "1"), 0);
}

static void predicted(void **state)
{
	const struct verb *verb = verb_find(&set, "vm-tune");
	RF_AUTOBUF struct rf_buf out = {0};
	struct change_spec spec;

	(void)state;
	assert_int_equal(predict("w/live/cpu.shares", "", "2048", "11024", &out), 0);
	assert_string_equal(rf_buf_text(&out), "12048");
	assert_int_equal(predict("w/persistent/cpu.shares", "", "2048", "0", &out), 0);
	assert_string_equal(rf_buf_text(&out), "12048");
	assert_int_equal(predict("w/persistent/cpu.shares", "remove", "", "12048", &out), 0);
	assert_string_equal(rf_buf_text(&out), "0");
	assert_int_equal(predict("w/live/cpu.shares", "", "2048", "x", &out), RF_E_MISSING);
	assert_int_equal(predict("w/live/cpu.shares", "", "2048", "", &out), RF_E_MISSING);
	assert_true(verb->kind->gone(rf_slice_text("x")));
	assert_false(verb->kind->gone(rf_slice_text("0")));
	assert_false(verb->kind->gone(rf_slice_text("1x")));
	rf_buf_reset(&out);
	assert_int_equal(change_spec_set(&spec, "vm-tune", "w/live/cpu.shares", NULL, "1", NULL),
			 0);
	assert_false(verb->show(&spec, rf_slice_text("0"), &out));
	assert_true(verb->show(&spec, rf_slice_text("1512"), &out));
	assert_string_equal(rf_buf_text(&out), "512");
}

static const char XML[] =
	"<domain type='kvm'>\n  <name>web</name>\n  <cputune>\n"
	"    <vcpupin vcpu='0' cpuset='0,1'/>\n"
	"    <vcpupin vcpu='1' cpuset='3'/>\n  </cputune>\n  <devices>\n"
	"    <disk><target dev='vda'/><iotune read='7'><burst>3</burst></iotune>"
	"</disk>\n    <disk><target dev='vdb'/></disk>\n  </devices>\n</domain>\n";

/* A put is read back, and taking it away leaves what was there before. */
static void definitions(void **state)
{
	static const struct {
		const struct tune_row *row;
		const char *item, *old, *value;
	} CASES[] = {
		{&NUMBER, "", NULL, "42"},
		{&CPUS, "0", "0-1", "2-3"},
		{&CPUS, "1", "3", "0-1"},
		{&CPUS, "2", NULL, "0"},
		{&MANY, "vda", "read_iops_sec=7 burst=3", "total_iops_sec=5 read_iops_sec=8"},
		{&MANY, "vdb", NULL, "burst=1"},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		RF_AUTOBUF struct rf_buf old = {0}, xml = {0}, now = {0}, back = {0}, again = {0};
		struct tune_name name = {.vm = "web", .row = CASES[i].row};

		rf_copy(name.item, sizeof(name.item), CASES[i].item);
		bool was = tune_xml_get(&name, rf_slice_text(XML), &old);

		assert_int_equal(was, CASES[i].old != NULL);
		assert_string_equal(rf_buf_text(&old), CASES[i].old ? CASES[i].old : "");
		assert_int_equal(
			tune_xml_put(&name, rf_slice_text(XML), CASES[i].value, &xml, NULL), 0);
		assert_true(tune_xml_get(&name, rf_buf_slice(&xml), &now));
		assert_string_equal(rf_buf_text(&now), CASES[i].value);
		assert_int_equal(tune_xml_put(&name, rf_buf_slice(&xml), CASES[i].old, &back, NULL),
				 0);
		assert_int_equal(tune_xml_get(&name, rf_buf_slice(&back), &again), was);
		assert_string_equal(rf_buf_text(&again), rf_buf_text(&old));
	}
}

/* libvirt takes no vcpupin without a cpuset. */
static void unset_takes_the_element(void **state)
{
	RF_AUTOBUF struct rf_buf xml = {0};
	struct tune_name name = {.vm = "web", .row = &CPUS, .item = "1"};

	(void)state;
	assert_int_equal(tune_xml_put(&name, rf_slice_text(XML), NULL, &xml, NULL), 0);
	assert_null(strstr(rf_buf_text(&xml), "vcpu=\"1\""));
	assert_non_null(strstr(rf_buf_text(&xml), "vcpu=\"0\""));
	rf_buf_reset(&xml);
	assert_int_not_equal(tune_xml_put(&name, rf_slice_text("<domain"), "3", &xml, NULL), 0);
	assert_false(tune_xml_get(&name, rf_slice_text("<domain"), &xml));
}

#define V1                                                                                         \
	"29 1 0:25 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n"                       \
	"30 1 0:26 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
#define V2 "30 1 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"

static void scopes(void **state)
{
	static const struct {
		const char *cgroup, *mounts, *path;
		int version, rc;
	} CASES[] = {
		{"0::/machine.slice/machine-qemu\\x2d1\\x2dweb.scope/libvirt/emulator\n", V2,
		 "/sys/fs/cgroup/machine.slice/machine-qemu\\x2d1\\x2dweb.scope", 2, 0},
		{"0::/machine.slice/a.scope/libvirt/vcpu12\n", V2,
		 "/sys/fs/cgroup/machine.slice/a.scope", 2, 0},
		{"4:cpu,cpuacct:/machine/qemu-1-web.libvirt-qemu/emulator\n0::/x\n", V1,
		 "/sys/fs/cgroup/cpu/machine/qemu-1-web.libvirt-qemu", 1, 0},
		{"4:cpu:/machine/vcpu-farm\n", V1, "/sys/fs/cgroup/cpu/machine/vcpu-farm", 1, 0},
		{"4:cpu:/\n0::/\n", V1, NULL, 0, RF_E_MISSING},
		{"0::/emulator\n", V2, NULL, 0, RF_E_MISSING},
		{"4:memory:/a\n", V1, NULL, 0, RF_E_UNSUPPORTED},
		{"4:cpu:/a\n", V2, NULL, 0, RF_E_UNSUPPORTED},
		{"0::/a/../../etc\n", V2, NULL, 0, RF_E_LIMIT},
		{"", V2, NULL, 0, RF_E_UNSUPPORTED},
		{"junk\n:::\n", "junk - \n - cgroup2\n", NULL, 0, RF_E_UNSUPPORTED},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		struct vm_scope scope = {0};

		if (vm_scope_parse(CASES[i].cgroup, CASES[i].mounts, "cpu.max", &scope, NULL) !=
		    CASES[i].rc)
			fail_msg("%s", CASES[i].cgroup);
		assert_int_equal(scope.version, CASES[i].version);
		assert_string_equal(scope.path, CASES[i].path ? CASES[i].path : "");
	}
}

/* libvirt's test driver: reading, setting and pinning go through its API. */
static void the_test_driver(void **state)
{
	static const struct virt_where memory = {VIRT_MEMORY, "", VIRT_LIVE};
	VIRT_AUTOVM struct virt_vm *vm = NULL;
	struct virt_param params[VIRT_MAX_PARAMS], one = {.name = "hard_limit", .number = 70000};
	RF_AUTOBUF struct rf_buf out = {0};
	struct rf_err err = {0};
	char uuid[37];
	size_t count = 0;
	int rc = virt_vm_open("test:///default", "test", &vm, &err);

	(void)state;
	if (rc == RF_E_UNSUPPORTED) {
		print_message("skipped: libvirt's library (%s)\n", rf_err_text(&err));
		skip();
	}
	assert_int_equal(rc, 0);
	assert_true(virt_vm_has(vm, VIRT_LIVE));
	virt_vm_uuid(vm, uuid);
	assert_int_equal(strlen(uuid), 36);
	if (virt_params_get(vm, &memory, params, &count, &err) < 0)
		fail_msg("%s", rf_err_text(&err));
	assert_true(count > 0);
	assert_string_equal(params[0].name, "hard_limit");
	assert_int_equal(virt_params_set(vm, &memory, &one, 1, &err), 0);
	assert_int_equal(virt_params_get(vm, &memory, params, &count, &err), 0);
	assert_int_equal(params[0].number, one.number);
	rf_copy(one.name, sizeof(one.name), "nothing");
	assert_int_equal(virt_params_set(vm, &memory, &one, 1, &err), RF_E_UNKNOWN);
	/* This driver pins without flags only. */
	if (virt_pin_get(vm, VIRT_VCPU, 0, &out, &err) < 0)
		fail_msg("%s", rf_err_text(&err));
	assert_string_equal(rf_buf_text(&out), "0-7");
	assert_int_not_equal(virt_pin_set(vm, VIRT_VCPU, 0, "4000", &err), 0);
	assert_int_not_equal(virt_pin_set(vm, VIRT_VCPU, 0, "zero", &err), 0);
	assert_int_not_equal(virt_pin_get(vm, VIRT_VCPU, 9999, &out, &err), 0);
	assert_int_equal(virt_vm_open("test:///default", "nobody", &vm, &err), RF_E_MISSING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cpu_lists),
		cmocka_unit_test(targets),
		cmocka_unit_test(rows_are_whole),
		cmocka_unit_test(values),
		cmocka_unit_test(hostile_specs),
		cmocka_unit_test(predicted),
		cmocka_unit_test(at_most),
		cmocka_unit_test(definitions),
		cmocka_unit_test(unset_takes_the_element),
		cmocka_unit_test(scopes),
		cmocka_unit_test(the_test_driver),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
