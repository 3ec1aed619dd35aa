/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a .vmx to a verdict: the collector, the defaults of absent keys and the controls together,
 * over the two examples and over the places where product and version decide.
 */
#include "facts_test.h"

#include "base/mem.h"
#include "control/control.h"

struct verdicts {
	struct test_host host;
	struct control_set controls;
	struct finding_set findings;
};

/* Those that the collector's row in collect.c names: only what was looked at is judged. */
static void tables_of_collector(char *out, size_t size)
{
	out[0] = '\0';
	for (size_t i = 0; i < collectors_count; i++) {
		const struct collector *c = &collectors[i];

		for (size_t t = 0; c->run == collect_vmx_files && t < COLLECT_MAX_TABLES; t++) {
			if (!c->tables[t])
				break;
			snprintf(out + strlen(out), size - strlen(out), "%s%s", t ? "," : "",
				 fact_tables[c->tables[t]].name);
		}
	}
}

/* Judges the .vmx text by one profile. */
static void judge(struct verdicts *v, const char *text, const char *profile)
{
	struct rf_err err = {0};
	const char *path = "/vm/a.vmx";
	char tables[512];
	struct collect_request files = {.vmx = &path, .vmx_count = 1};

	tables_of_collector(tables, sizeof(tables));
	host_make(&v->host);
	host_file(&v->host, "/vm/a.vmx", text);
	assert_int_equal(host_collect_request(&v->host, collect_vmx_files, &files), 0);
	fact_put_collector_run(fact_store_sink(v->host.store, "h"),
			       &(struct fact_collector_run){
				       .collector = "vmx-files", .state = "ok", .tables = tables});
	assert_int_equal(control_set_load_builtin(&v->controls, false, &err), 0);
	assert_int_equal(control_defaults_load(v->host.store, &err), 0);
	const struct profile *p = profile_find(&v->controls, profile);

	assert_non_null(p);
	static const char *const only[] = {"vmx.*"};
	struct judge_request req = {
		.profiles = &p, .profiles_count = 1, .only = only, .only_count = 1};

	if (judge_run(v->host.store, &v->controls, &req, &v->findings, &err) < 0)
		fail_msg("%s", rf_err_text(&err));
}

static void done(struct verdicts *v)
{
	finding_set_done(&v->findings);
	control_set_done(&v->controls);
	host_done(&v->host);
}

/* The worst state of a control, "-" when it has no finding. */
static const char *state_of(const struct verdicts *v, const char *id)
{
	const char *state = "-";

	for (size_t i = 0; i < v->findings.count; i++) {
		const struct finding *f = &v->findings.items[i];

		if (strcmp(f->control->id, id) != 0)
			continue;
		if (f->state == FINDING_FAIL || strcmp(state, "-") == 0)
			state = finding_state_name(f->state);
	}
	return state;
}

static char *example(const char *name)
{
	char path[512];
	static char text[16384];
	const char *root = getenv("SOURCE_DIR");

	snprintf(path, sizeof(path), "%s/examples/vmx/%s/%s.vmx", root ? root : ".", name, name);
	FILE *f = fopen(path, "rb");

	assert_non_null(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	return text;
}

static void test_hardened_example_has_no_finding(void **state)
{
	(void)state;
	struct verdicts v = {0};

	judge(&v, example("web01"), "vsphere");
	for (size_t i = 0; i < v.findings.count; i++) {
		const struct finding *f = &v.findings.items[i];

		if (f->state != FINDING_PASS && f->state != FINDING_NOT_APPLICABLE)
			fail_msg("%s: %s", f->control->id, finding_state_name(f->state));
	}
	assert_true(v.findings.by_state[FINDING_PASS] > 60);
	done(&v);
}

struct expected {
	const char *id;
	const char *state;
};

static void expect(const struct verdicts *v, const struct expected *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char *got = state_of(v, list[i].id);

		if (strcmp(got, list[i].state) != 0)
			fail_msg("%s: %s, not %s", list[i].id, got, list[i].state);
	}
}

static void test_legacy_example_by_the_deck(void **state)
{
	(void)state;
	struct verdicts v = {0};
	static const struct expected list[] = {
		{"vmx.nic.no-promisc", "fail"},
		{"vmx.nic.no-forged-source", "fail"},
		{"vmx.nic.down-on-mac-change", "fail"},
		{"vmx.deck.log-disable", "pass"},
		{"vmx.option.copy-ineffective", "fail"},
		{"vmx.cpu.ht-sharing", "fail"},
		{"vmx.memory.page-sharing", "fail"},
		{"vmx.drive.cdrom-disconnected", "fail"},
		{"vmx.drive.floppy-disconnected", "fail"},
		/* Of today's guides only: the deck does not ask. */
		{"vmx.boot.secure-boot", "-"},
		{"vmx.log.guest-log-kept", "-"},
	};

	judge(&v, example("legacy02"), "sln138");
	expect(&v, list, RF_COUNT(list));
	done(&v);
}

static void test_legacy_example_by_todays_guides(void **state)
{
	(void)state;
	struct verdicts v = {0};
	static const struct expected list[] = {
		{"vmx.log.guest-log-kept", "fail"},
		{"vmx.deck.log-disable", "-"},
		{"vmx.option.near-miss", "fail"},
		{"vmx.option.conflict", "fail"},
		/* The key stands twice with two values: its default must not make it pass. */
		{"vmx.vm.auto-answer", "unknown"},
		{"vmx.vm.annotation-secrets", "fail"},
		{"vmx.console.vnc", "fail"},
		{"vmx.console.vnc-password", "fail"},
		{"vmx.device.serial-network", "fail"},
		{"vmx.disk.inside", "fail"},
		{"vmx.disk.persistent", "fail"},
		{"vmx.nic.one-network", "fail"},
		{"vmx.nic.mac-checked", "fail"},
	};

	judge(&v, example("legacy02"), "vsphere");
	expect(&v, list, RF_COUNT(list));
	done(&v);
}

/* What an absent key means, by product and hardware version. */
struct absent_case {
	const char *text;
	const char *id;
	const char *state;
};

#define ESX(hw)	   "vc.uuid = \"1\"\nvirtualHW.version = \"" hw "\"\n"
#define HOSTED(hw) "virtualHW.productCompatibility = \"hosted\"\nvirtualHW.version = \"" hw "\"\n"

static const struct absent_case absent_cases[] = {
	{ESX("13"), "vmx.guest.console-dnd", "fail"},
	{ESX("17"), "vmx.guest.console-dnd", "pass"},
	{HOSTED("17"), "vmx.guest.console-dnd", "fail"},
	{"virtualHW.version = \"17\"\n", "vmx.guest.console-dnd", "unknown"},
	{"virtualHW.version = \"17\"\nisolation.tools.dnd.disable = \"TRUE\"\n",
	 "vmx.guest.console-dnd", "pass"},
	{ESX("19"), "vmx.console.3d", "fail"},
	{ESX("20"), "vmx.console.3d", "pass"},
	{ESX("18"), "vmx.guest.desktop-autolock", "unknown"},
	{ESX("20"), "vmx.guest.desktop-autolock", "fail"},
	{ESX("17"), "vmx.console.max-connections", "fail"},
	{ESX("20"), "vmx.console.max-connections", "fail"},
	{ESX("16"), "vmx.log.rotate-size", "fail"},
	{ESX("17"), "vmx.log.rotate-size", "pass"},
	/* Both families share this default. */
	{"virtualHW.version = \"4\"\n", "vmx.drive.floppy0", "fail"},
	{"virtualHW.version = \"4\"\n", "vmx.log.enabled", "pass"},
	/* Without a version of the hardware nothing is assumed. */
	{"vc.uuid = \"1\"\n", "vmx.log.enabled", "unknown"},
};

static void test_absent_keys(void **state)
{
	(void)state;
	for (size_t i = 0; i < RF_COUNT(absent_cases); i++) {
		struct verdicts v = {0};

		judge(&v, absent_cases[i].text, "vsphere");
		const char *got = state_of(&v, absent_cases[i].id);

		if (strcmp(got, absent_cases[i].state) != 0)
			fail_msg("case %zu, %s: %s, not %s", i, absent_cases[i].id, got,
				 absent_cases[i].state);
		done(&v);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hardened_example_has_no_finding),
		cmocka_unit_test(test_legacy_example_by_the_deck),
		cmocka_unit_test(test_legacy_example_by_todays_guides),
		cmocka_unit_test(test_absent_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
