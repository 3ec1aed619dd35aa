/* SPDX-License-Identifier: Apache-2.0 */
/* Report writers: every format of one judged store, with hostile names in it. */
#include "test_base.h"

#include <unistd.h>

#include <jansson.h>
#include <libxml/parser.h>

#include "report/report.h"

#define EVIL "</script><b>\"'&\n=cmd|'/c'!A1\x1b[2J"

struct fixture {
	struct control_set set;
	struct fact_store *store;
	struct finding_set found;
	const struct profile *profiles[1];
	struct report report;
};

static void add(struct fixture *f, const char *kind, const char *text)
{
	assert_int_equal(control_set_add(&f->set, kind, "t.yaml", rf_slice_text(text), false, NULL),
			 0);
	if (f->set.problems_count)
		fail_msg("%s", f->set.problems[0]);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_int_equal(fact_store_open(&f->store, NULL), 0);
	add(f, "profiles", "id: all\ntitle: t\nabout: a\nselect: ['*']\n");
	add(f, "controls",
	    "id: vm.options\ntitle: Options are plain\nseverity: high\npillar: disk\nwhy: W\nstep: Do it.\n"
	    "manual: M\nrefs: {stig: [X-1, X-2]}\nover: vm_option\npass: value = 'good'\nevidence: [value]\n"
	    "tests:\n  - {expect: pass, row: {value: good}}\n  - {expect: fail, row: {value: bad}}\n");
	struct fact_sink *sink = fact_store_sink(f->store, "web-3");

	fact_put_collector_run(sink, &(struct fact_collector_run){.collector = "c",
								  .state = "ok",
								  .tables = "vm_option"});
	for (int i = 0; i < 12; i++) {
		char vm[32];

		snprintf(vm, sizeof(vm), "vm%02d", i);
		fact_put_vm_option(sink,
				   &(struct fact_vm_option){.vm = vm,
							    .layer = i % 2 ? "live" : "persistent",
							    .key = "k",
							    .value = i == 7  ? NULL
								     : i < 9 ? EVIL
									     : "good",
							    .source = "/vm/a b.vmx:12"});
	}
	fact_gap(sink, FACT_T_VM, "/vm/" EVIL, "", "", "a FIFO is not read");
	assert_int_equal(fact_store_finish(f->store, NULL), 0);
	f->profiles[0] = profile_find(&f->set, "all");
	const struct judge_request req = {.profiles = f->profiles, .profiles_count = 1};

	assert_int_equal(judge_run(f->store, &f->set, &req, &f->found, NULL), 0);
	f->report = (struct report){.store = f->store,
				    .set = &f->set,
				    .findings = &f->found,
				    .profiles = f->profiles,
				    .profiles_count = 1,
				    .what = "host " EVIL,
				    .width = 80,
				    .show_all = true};
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	finding_set_done(&f->found);
	fact_store_close(f->store);
	control_set_done(&f->set);
	free(f);
	return 0;
}

static char *written(struct fixture *f, enum report_format format)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	struct rf_err err = {0};

	if (report_write(&f->report, format, out, &err) < 0)
		fail_msg("%s", rf_err_text(&err));
	fclose(out);
	return text;
}

static void text_groups_and_counts(void **state)
{
	char *text = written(*state, REPORT_TABLE);

	assert_non_null(strstr(text, "HIGH"));
	assert_non_null(strstr(text, "vm.options"));
	assert_non_null(strstr(text, "and 4 more (8 VMs)"));
	assert_non_null(strstr(text, "✖ 8 FAIL  ? 1 UNKNOWN  ✔ 3 PASS  - 0 N/A"));
	assert_non_null(strstr(text, "a FIFO is not read"));
	assert_null(strchr(text, '\x1b'));
	free(text);
}

static void colour_only_when_asked(void **state)
{
	struct fixture *f = *state;

	f->report.color = true;
	char *text = written(f, REPORT_TABLE);

	assert_non_null(strstr(text, "\033[31m"));
	assert_null(strstr(text, "\x1b[2J"));
	free(text);
}

static void json_is_json_and_complete(void **state)
{
	char *text = written(*state, REPORT_JSON);
	json_error_t error;
	json_t *doc = json_loads(text, JSON_REJECT_DUPLICATES, &error);

	if (!doc)
		fail_msg("%s at %d:%d", error.text, error.line, error.column);
	assert_string_equal(json_string_value(json_object_get(doc, "schema_version")), "1.0");
	json_t *findings = json_object_get(doc, "findings");

	assert_int_equal(json_array_size(findings), 12);
	assert_string_equal(
		json_string_value(json_object_get(json_array_get(findings, 0), "state")), "fail");
	json_t *fails = json_object_get(
		json_object_get(json_object_get(doc, "summary"), "findings"), "fail");

	assert_int_equal(json_integer_value(fails), 8);
	assert_int_equal(json_array_size(json_object_get(doc, "gaps")), 1);
	json_decref(doc);
	free(text);
}

static void json_lines_are_each_json(void **state)
{
	char *text = written(*state, REPORT_JSONL), *cursor = text, *line;
	size_t count = 0;

	while ((line = rf_line_next(&cursor))) {
		json_t *doc = json_loads(line, 0, NULL);

		assert_non_null(doc);
		json_decref(doc);
		count++;
	}
	assert_int_equal(count, 12);
	free(text);
}

static void sarif_has_failures_only(void **state)
{
	char *text = written(*state, REPORT_SARIF);
	json_t *doc = json_loads(text, 0, NULL);

	assert_non_null(doc);
	json_t *run = json_array_get(json_object_get(doc, "runs"), 0);

	assert_int_equal(json_array_size(json_object_get(run, "results")), 8);
	json_t *place = json_object_get(
		json_array_get(json_object_get(json_array_get(json_object_get(run, "results"), 0),
					       "locations"),
			       0),
		"physicalLocation");

	assert_string_equal(json_string_value(json_object_get(
				    json_object_get(place, "artifactLocation"), "uri")),
			    "file:///vm/a%20b.vmx");
	assert_int_equal(
		json_integer_value(json_object_get(json_object_get(place, "region"), "startLine")),
		12);
	json_decref(doc);
	free(text);
}

static void junit_is_xml(void **state)
{
	char *text = written(*state, REPORT_JUNIT);
	xmlDocPtr doc = xmlReadMemory(text, (int)strlen(text), "j.xml", NULL, XML_PARSE_NONET);

	assert_non_null(doc);
	xmlFreeDoc(doc);
	assert_non_null(strstr(text, "tests=\"12\" failures=\"8\" errors=\"1\" skipped=\"0\""));
	free(text);
}

static void csv_disarms_formulas(void **state)
{
	struct fixture *f = *state;
	char *text;

	f->found.items[0].resource = "=1+1";
	text = written(f, REPORT_CSV);
	assert_non_null(strstr(text, "\"'=1+1\""));
	assert_true(rf_starts(text, "state,severity,control,"));
	free(text);
}

static void html_lets_no_markup_in(void **state)
{
	char *text = written(*state, REPORT_HTML);

	assert_null(strstr(text, "</script><b>"));
	assert_non_null(strstr(text, "&lt;/script&gt;&lt;b&gt;"));
	assert_non_null(strstr(text, "default-src 'none'"));
	assert_null(strstr(text, "http://"));
	assert_null(strstr(text, "https://"));
	assert_non_null(strstr(text, "Not met: "));
	free(text);
}

static void a_file_is_whole_or_not_there(void **state)
{
	struct fixture *f = *state;
	struct rf_err err = {0};

	assert_true(report_write_file(&f->report, REPORT_JSON, "/nonexistent/r.json", &err) < 0);
	assert_non_null(strstr(rf_err_text(&err), "/nonexistent/r.json"));
	if (access("/dev/full", W_OK) != 0)
		return;
	FILE *full = fopen("/dev/full", "w");

	assert_true(report_write(&f->report, REPORT_JSON, full, &err) < 0);
	fclose(full);
}

static void formats_by_name_and_ending(void **state)
{
	enum report_format format = REPORT_TABLE;

	(void)state;
	assert_int_equal(report_format_parse("sarif", &format), 0);
	assert_int_equal(format, REPORT_SARIF);
	assert_int_equal(report_format_of_file("x/report.html", &format), 0);
	assert_int_equal(format, REPORT_HTML);
	assert_true(report_format_of_file("report", &format) < 0);
	assert_int_equal(format, REPORT_HTML);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(text_groups_and_counts),	 T(colour_only_when_asked),
		T(json_is_json_and_complete),	 T(json_lines_are_each_json),
		T(sarif_has_failures_only),	 T(junit_is_xml),
		T(csv_disarms_formulas),	 T(html_lets_no_markup_in),
		T(a_file_is_whole_or_not_there), cmocka_unit_test(formats_by_name_and_ending),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
