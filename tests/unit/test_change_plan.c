/* SPDX-License-Identifier: Apache-2.0 */
/* Plans as documents: written and read again, and everything that is refused on the way in. */
#include "change_test.h"

static void host_fill(struct folder_host *h)
{
	host_make(h);
	host_file(h, "/etc/login.defs", "UMASK 022\nPASS_MAX_DAYS 99999\n", 0644);
	host_file(h, "/etc/libvirt/qemu.conf", "vnc_password = \"hunter2\"\n", 0600);
	host_file(h, "/etc/shadow", "x\n", 0666);
	host_file(h, "/proc/sys/kernel/dmesg_restrict", "0\n", 0644);
}

static struct plan some_plan(struct folder_host *h)
{
	struct want wants[] = {
		want_verb("value", "/proc/sys/kernel/dmesg_restrict", "1"),
		want_mode("/etc/shadow", 0640),
		want_edit("/etc/login.defs", "space", "UMASK", "027"),
		want_edit("/etc/libvirt/qemu.conf", "virtconf", "vnc_password", NULL),
		want_edit("/etc/login.defs", "space", "PASS_MAX_DAYS", "90"),
		want_edit("/etc/passwd", "space", "a", "b"),
	};

	wants[3].secret = true;
	wants[2].could_cut_access = true;
	wants[2].risk = RISK_HIGH;
	wants[4].needs = NEEDS_REBOOT;
	struct engine engine = must_open(h);
	struct plan plan = plan_for(&engine, wants, RF_COUNT(wants));

	engine_close(&engine);
	return plan;
}

static void order_and_sums(void **state)
{
	struct folder_host h;

	(void)state;
	host_fill(&h);
	PLAN_AUTO struct plan plan = some_plan(&h);
	static const char *const targets[] = {"/etc/libvirt/qemu.conf", "/etc/login.defs",
					      "/etc/login.defs", "/etc/shadow",
					      "/proc/sys/kernel/dmesg_restrict"};

	assert_int_equal(plan.count, RF_COUNT(targets));
	for (size_t i = 0; i < plan.count; i++)
		assert_string_equal(plan.changes[i].spec.target, targets[i]);
	assert_string_equal(plan.changes[1].old_value, "022");
	assert_memory_equal(plan.changes[1].spec.after, plan.changes[2].spec.before,
			    CHANGE_DIGEST_BYTES);
	assert_int_equal(plan_needs(&plan), NEEDS_REBOOT);
	assert_int_equal(plan_risk(&plan), RISK_HIGH);
	assert_true(plan_could_cut_access(&plan));
	assert_int_equal(plan.refusals_count, 1);
	host_done(&h);
}

/* "The newest" is said of ids: whatever is random in them, time comes first. */
static void ids_sort_by_time(void **state)
{
	static const struct plan_maker moments[] = {
		{.now_ms = 1795000000000, .random = UINT64_MAX},
		{.now_ms = 1795000000001, .random = 0},
		{.now_ms = 1795000000999, .random = 7},
		{.now_ms = 1795000001000, .random = 0},
	};
	char before[CHANGE_ID_BYTES] = "";

	(void)state;
	for (size_t i = 0; i < RF_COUNT(moments); i++) {
		struct plan plan = {0};

		assert_int_equal(plan_make(&moments[i], NULL, 0, &plan, NULL), 0);
		assert_true(strcmp(before, plan.id) < 0);
		assert_int_equal(strlen(plan.id), 24);
		rf_copy(before, sizeof(before), plan.id);
		plan_done(&plan);
	}
}

static void written_and_read_again(void **state)
{
	struct folder_host h;
	struct rf_err err = {0};
	RF_AUTOBUF struct rf_buf json = {0}, second = {0};
	uint8_t a[CHANGE_DIGEST_BYTES], b[CHANGE_DIGEST_BYTES];

	(void)state;
	host_fill(&h);
	PLAN_AUTO struct plan plan = some_plan(&h);
	PLAN_AUTO struct plan read = {0};

	assert_int_equal(plan_write(&plan, &json, &err), 0);
	/* A secret is in no plan, neither as old value nor in the inverse. */
	assert_null(strstr(rf_buf_text(&json), "hunter2"));
	if (plan_read(rf_buf_slice(&json), &test_verbs, &read, &err) < 0)
		fail_msg("%s", rf_err_text(&err));
	assert_int_equal(plan_digest(&plan, a, &err), 0);
	assert_int_equal(plan_digest(&read, b, &err), 0);
	assert_memory_equal(a, b, sizeof(a));
	assert_int_equal(plan_write(&read, &second, &err), 0);
	assert_string_equal(rf_buf_text(&json), rf_buf_text(&second));
	host_done(&h);
}

/* A whole change, to put faults into. */
#define D "0000000000000000000000000000000000000000000000000000000000000000"
#define E "1111111111111111111111111111111111111111111111111111111111111111"
#define CHANGE(verb, target, before, after, more)                                                  \
	"{\"verb\":\"" verb "\",\"target\":\"" target "\",\"value\":\"1\",\"before\":\"" before    \
	"\",\"after\":\"" after "\",\"explanation\":\"\",\"origin\":\"\",\"needs\":\"live\","      \
	"\"risk\":\"low\"" more "}"
#define PLAN(changes)                                                                              \
	"{\"format\":\"ringfence-plan/1\",\"id\":\"1\",\"created\":\"\",\"root\":\"/\","           \
	"\"changes\":[" changes "]}"

static void hostile_plans(void **state)
{
	static const struct {
		const char *name, *json;
		int rc;
	} rows[] = {
		{"sound", PLAN(CHANGE("value", "/a", D, E, "")), 0},
		{"no change", PLAN(""), 0},
		{"two of one target that follow",
		 PLAN(CHANGE("value", "/a", D, E, "") "," CHANGE("value", "/a", E, D, "")), 0},
		{"empty", "", RF_E_SYNTAX},
		{"no JSON", "{", RF_E_SYNTAX},
		{"a list", "[]", RF_E_SYNTAX},
		{"another format", "{\"format\":\"x\"}", RF_E_SYNTAX},
		{"a key twice", PLAN(CHANGE("value", "/a", D, E, ",\"risk\":\"low\"")),
		 RF_E_SYNTAX},
		{"an unknown key", PLAN(CHANGE("value", "/a", D, E, ",\"x\":1")), RF_E_SYNTAX},
		{"an unknown verb", PLAN(CHANGE("rm", "/a", D, E, "")), RF_E_UNKNOWN},
		{"a digest too short", PLAN(CHANGE("value", "/a", "00", E, "")), RF_E_SYNTAX},
		{"a mode that is none", PLAN(CHANGE("mode", "/a", D, E, ",\"mode\":\"99\"")),
		 RF_E_SYNTAX},
		{"a mode as number", PLAN(CHANGE("mode", "/a", D, E, ",\"mode\":420")),
		 RF_E_SYNTAX},
		{"a negative owner", PLAN(CHANGE("mode", "/a", D, E, ",\"uid\":-1")), RF_E_SYNTAX},
		{"an owner that says leave",
		 PLAN(CHANGE("mode", "/a", D, E, ",\"uid\":4294967295")), RF_E_SYNTAX},
		{"a text as boolean", PLAN(CHANGE("value", "/a", D, E, ",\"secret\":\"yes\"")),
		 RF_E_SYNTAX},
		{"a control character", PLAN(CHANGE("value", "/a\\n", D, E, "")), RF_E_SYNTAX},
		{"a NUL", PLAN(CHANGE("value", "/a\\u0000b", D, E, "")), RF_E_SYNTAX},
		{"a payload for a text verb",
		 PLAN(CHANGE("value", "/a", D, E, ",\"payload\":\"00\"")), RF_E_SYNTAX},
		{"targets that are no neighbours",
		 PLAN(CHANGE("value", "/a", D, E, "") "," CHANGE(
			 "value", "/b", D, E, "") "," CHANGE("value", "/a", E, D, "")),
		 RF_E_SYNTAX},
		{"changes that do not follow",
		 PLAN(CHANGE("value", "/a", D, E, "") "," CHANGE("value", "/a", D, E, "")),
		 RF_E_SYNTAX},
		{"changes that are no list",
		 "{\"format\":\"ringfence-plan/1\",\"id\":\"1\",\"created\":\"\",\"root\":\"/\",\"changes\":{}}",
		 RF_E_LIMIT},
		{"a change that is no object", PLAN("1"), RF_E_SYNTAX},
		{"a missing key", PLAN("{\"verb\":\"value\"}"), RF_E_SYNTAX},
		{"an id too long",
		 "{\"format\":\"ringfence-plan/1\",\"id\":\"0123456789012345678901234567890123456789\",\"created\":\"\",\"root\":\"/\",\"changes\":[]}",
		 RF_E_LIMIT},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		struct plan plan = {.count = 4711};
		struct rf_err err = {0};
		int rc = plan_read(rf_slice_text(rows[i].json), &test_verbs, &plan, &err);

		if (rc != rows[i].rc)
			fail_msg("%s: %d, %s", rows[i].name, rc, rf_err_text(&err));
		if (rc < 0)
			assert_int_equal(plan.count, 4711);
		else
			plan_done(&plan);
	}
}

static void larger_than_allowed(void **state)
{
	RF_AUTOBUF struct rf_buf json = {0};
	struct plan plan;

	(void)state;
	rf_buf_add_text(&json, "{\"format\":\"ringfence-plan/1\",\"id\":\"1\",\"created\":\"\","
			       "\"root\":\"/\",\"changes\":[");
	for (unsigned i = 0; i <= CHANGE_MAX_STEPS; i++)
		rf_buf_printf(&json, "%s{\"verb\":\"value\"}", i ? "," : "");
	rf_buf_add_text(&json, "]}");
	assert_int_equal(plan_read(rf_buf_slice(&json), &test_verbs, &plan, NULL), RF_E_LIMIT);
	while (json.len <= PLAN_MAX_BYTES)
		rf_buf_printf(&json, "%1000s", "");
	assert_int_equal(plan_read(rf_buf_slice(&json), &test_verbs, &plan, NULL), RF_E_LIMIT);
}

static void states_that_are_none(void **state)
{
	static const struct {
		const char *name;
		uint8_t bytes[40];
		size_t len;
	} rows[] = {
		{"nothing", {0}, 0},
		{"another magic", {'R', 'F', 'S', '2'}, 40},
		{"a type that is none", {'R', 'F', 'S', '1', [16] = 9}, 40},
		{"cut", {'R', 'F', 'S', '1', [16] = 1}, 30},
		{"labels longer than all", {'R', 'F', 'S', '1', [16] = 1, [32] = 0xff}, 40},
		{"a mode that is none", {'R', 'F', 'S', '1', [16] = 1, [22] = 1}, 40},
	};
	struct change_spec spec;

	(void)state;
	assert_int_equal(change_spec_set(&spec, "edit", "/etc/login.defs", "a", "b", NULL), 0);
	strcpy(spec.style, "space");
	strcpy(spec.op, "set");
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		RF_AUTOBUF struct rf_buf out = {0};
		const struct verb *verb = verb_find(&test_verbs, "edit");

		if (verb->predict(&spec, (struct rf_slice){rows[i].bytes, rows[i].len}, &out,
				  NULL) >= 0)
			fail_msg("%s is taken for a state", rows[i].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_and_sums),	  cmocka_unit_test(ids_sort_by_time),
		cmocka_unit_test(written_and_read_again), cmocka_unit_test(hostile_plans),
		cmocka_unit_test(larger_than_allowed),	  cmocka_unit_test(states_that_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
