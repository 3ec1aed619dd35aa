/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's own verdict as facts: a machine of files, whose TPM answers from a probe, judged
 * against its logs and the baseline that is kept on it.
 */
#include "attest_forge.h"

#include "facts_test.h"

#define BASELINE "/var/lib/ringfence/attest/baseline.yaml"
#define LOG	 "/sys/kernel/security/tpm0/binary_bios_measurements"
#define IMA	 "/sys/kernel/security/ima/binary_runtime_measurements"

static void put_bytes(struct test_host *h, const char *path, struct rf_slice bytes)
{
	char full[512];

	host_file(h, path, "");
	snprintf(full, sizeof(full), "%s%s", h->dir, path);
	FILE *file = fopen(full, "wb");

	assert_non_null(file);
	fwrite(bytes.data, 1, bytes.len, file);
	fclose(file);
}

/* What the probe says of the forged TPM. */
static void put_tpm(struct test_host *h, const struct forge *f)
{
	RF_AUTOBUF struct rf_buf text = {0};

	rf_buf_add_text(&text, "manufacturer IFX\nsoftware 0\n");
	for (size_t b = 0; b < f->pcrs.banks_count; b++) {
		for (uint32_t pcr = 0; pcr < ATTEST_PCRS; pcr++) {
			rf_buf_printf(&text, "pcr 0x%04x %u ", f->pcrs.algs[b], pcr);
			rf_buf_add_hex(&text, f->pcrs.values[b][pcr].bytes,
				       attest_digest_size(f->pcrs.algs[b]));
			rf_buf_add_byte(&text, '\n');
		}
	}
	host_file(h, "/.ringfence/probe/tpm", rf_buf_text(&text));
}

static void put_baseline(struct test_host *h, bool approved)
{
	RF_AUTOBUF struct rf_buf bytes = {0}, text = {0};
	struct evidence evidence;
	struct baseline *baseline;
	struct forge f;

	forge_begin(&f);
	forge_pack(&f, &bytes);
	assert_int_equal(evidence_parse(rf_buf_slice(&bytes), &evidence, NULL), 0);
	assert_int_equal(baseline_create(f.log.hasher, &evidence, "first", &baseline, NULL), 0);
	if (approved)
		assert_int_equal(baseline_approve(baseline, "first", "test", 1600000000000, NULL),
				 0);
	assert_int_equal(baseline_write(baseline, &text), 0);
	host_file(h, BASELINE, rf_buf_text(&text));
	baseline_free(baseline);
	forge_end(&f);
}

static void put_machine(struct test_host *h, const struct forge *f)
{
	host_make(h);
	put_tpm(h, f);
	put_bytes(h, LOG, rf_buf_slice(&f->log.buf));
	put_bytes(h, IMA, rf_buf_slice(&f->ima.list));
	host_file(h, "/.ringfence/probe/clock", "1700000000000\n");
}

static void an_approved_boot_is_trusted(void **state)
{
	struct test_host h;
	struct forge f;

	(void)state;
	forge_begin(&f);
	put_machine(&h, &f);
	put_baseline(&h, true);
	host_collect(&h, collect_attest_verdict);
	assert_fact(&h, "SELECT state FROM attest_verdict", "trusted");
	assert_fact(&h, "SELECT baseline FROM attest_verdict", "approved");
	assert_fact(&h, "SELECT pcrs_unexplained||'/'||unexplained FROM attest_verdict", "0/");
	assert_fact(&h, "SELECT changes FROM attest_verdict", "0");
	assert_fact(&h, "SELECT ima_entries FROM attest_verdict", "5");
	assert_fact(&h, "SELECT count(*) FROM attest_reason WHERE effect <> 'note'", "0");
	assert_fact(&h, "SELECT count(*) FROM fact_gap", "0");
	host_done(&h);
	forge_end(&f);
}

static void a_changed_kernel_is_a_row_with_words(void **state)
{
	struct machine machine = story_base;
	struct test_host h;
	struct forge f;

	(void)state;
	machine.version = "6.1.0-56-amd64";
	machine.kernel = "kernel 56";
	forge_begin_with(&f, &machine);
	put_machine(&h, &f);
	put_baseline(&h, true);
	host_collect(&h, collect_attest_verdict);
	assert_fact(&h, "SELECT state FROM attest_verdict", "untrusted");
	assert_fact(&h, "SELECT changes > 0 FROM attest_verdict", "1");
	assert_fact(
		&h,
		"SELECT count(*) FROM attest_reason WHERE id = 'kernel-changed' AND component "
		"= 'kernel' AND words LIKE '%6.1.0-56%' AND next <> '' AND effect = 'untrusted'",
		"1");
	assert_fact(&h,
		    "SELECT worst = (SELECT words FROM attest_reason WHERE number = 1) FROM "
		    "attest_verdict",
		    "1");
	host_done(&h);
	forge_end(&f);
}

static void an_unlogged_measurement_is_counted(void **state)
{
	struct test_host h;
	struct forge f;

	(void)state;
	forge_begin(&f);
	forge_extend(&f, 4, BYTES("bootkit"));
	put_machine(&h, &f);
	host_collect(&h, collect_attest_verdict);
	assert_fact(&h, "SELECT baseline FROM attest_verdict", "none");
	assert_fact(&h, "SELECT changes FROM attest_verdict", "NULL");
	assert_fact(&h, "SELECT pcrs_unexplained||'/'||unexplained FROM attest_verdict", "1/4");
	assert_fact(&h, "SELECT pcr FROM attest_reason WHERE id = 'pcr-not-explained-by-log'", "4");
	host_done(&h);
	forge_end(&f);
}

static void an_unapproved_baseline_judges_nothing(void **state)
{
	struct test_host h;
	struct forge f;

	(void)state;
	forge_begin(&f);
	put_machine(&h, &f);
	put_baseline(&h, false);
	host_collect(&h, collect_attest_verdict);
	assert_fact(&h, "SELECT baseline FROM attest_verdict", "unapproved");
	assert_fact(&h, "SELECT state FROM attest_verdict", "cannot judge");
	assert_fact(&h, "SELECT changes FROM attest_verdict", "NULL");
	host_done(&h);
	forge_end(&f);
}

static void a_broken_baseline_is_a_gap(void **state)
{
	struct test_host h;
	struct forge f;

	(void)state;
	forge_begin(&f);
	put_machine(&h, &f);
	host_file(&h, BASELINE, "what: [is this\n");
	host_collect(&h, collect_attest_verdict);
	assert_fact(&h, "SELECT baseline FROM attest_verdict", "NULL");
	assert_fact(&h, "SELECT state FROM attest_verdict", "cannot judge");
	assert_fact(&h, "SELECT col FROM fact_gap WHERE tbl = 'attest_verdict'", "baseline");
	host_done(&h);
	forge_end(&f);
}

static void without_a_log_nothing_is_said_of_explanations(void **state)
{
	struct test_host h;
	struct forge f;

	(void)state;
	forge_begin(&f);
	host_make(&h);
	put_tpm(&h, &f);
	host_collect(&h, collect_attest_verdict);
	assert_fact(&h, "SELECT pcrs_unexplained FROM attest_verdict", "NULL");
	assert_fact(&h, "SELECT state FROM attest_verdict", "cannot judge");
	assert_fact(&h, "SELECT count(*) FROM fact_gap WHERE col = 'pcrs_unexplained'", "1");
	host_done(&h);
	forge_end(&f);
}

/* A log that cannot be read explains nothing: a control must not pass over it. */
static void a_broken_log_explains_nothing(void **state)
{
	struct test_host h;
	struct forge f;

	(void)state;
	forge_begin(&f);
	put_machine(&h, &f);
	put_bytes(&h, LOG, (struct rf_slice){f.log.buf.data, f.log.buf.len - 3});
	host_collect(&h, collect_attest_verdict);
	assert_fact(&h, "SELECT state FROM attest_verdict", "untrusted");
	assert_fact(&h, "SELECT pcrs_unexplained > 7 FROM attest_verdict", "1");
	assert_fact(&h, "SELECT unexplained LIKE '0, 1, 2, %' FROM attest_verdict", "1");
	host_done(&h);
	forge_end(&f);
}

/* What IMA's list does not explain is told by ima_summary, once. */
static void imas_register_is_not_counted(void **state)
{
	struct test_host h;
	struct forge f;

	(void)state;
	forge_begin(&f);
	forge_extend(&f, 10, BYTES("not in the list"));
	put_machine(&h, &f);
	host_collect(&h, collect_attest_verdict);
	assert_fact(&h, "SELECT pcrs_unexplained||'/'||unexplained FROM attest_verdict", "0/");
	assert_fact(&h,
		    "SELECT count(*) FROM attest_reason WHERE id = "
		    "'ima-list-does-not-explain-pcr'",
		    "1");
	host_done(&h);
	forge_end(&f);
}

/* The chip was taken out of a host that had one. */
static void a_baseline_without_tpm_is_told(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	put_baseline(&h, true);
	host_collect(&h, collect_attest_verdict);
	assert_fact(&h, "SELECT state FROM attest_verdict", "cannot judge");
	assert_fact(&h, "SELECT id FROM attest_reason WHERE number = 1", "no-tpm");
	host_done(&h);
}

static void a_host_with_neither_has_nothing_to_say(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	host_collect(&h, collect_attest_verdict);
	assert_fact(&h, "SELECT count(*) FROM attest_verdict", "0");
	assert_fact(&h, "SELECT count(*) FROM attest_reason", "0");
	assert_fact(&h, "SELECT count(*) FROM fact_gap", "0");
	host_done(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_approved_boot_is_trusted),
		cmocka_unit_test(a_changed_kernel_is_a_row_with_words),
		cmocka_unit_test(an_unlogged_measurement_is_counted),
		cmocka_unit_test(an_unapproved_baseline_judges_nothing),
		cmocka_unit_test(a_broken_baseline_is_a_gap),
		cmocka_unit_test(a_broken_log_explains_nothing),
		cmocka_unit_test(imas_register_is_not_counted),
		cmocka_unit_test(without_a_log_nothing_is_said_of_explanations),
		cmocka_unit_test(a_baseline_without_tpm_is_told),
		cmocka_unit_test(a_host_with_neither_has_nothing_to_say),
	};

	return cmocka_run_group_tests(tests, forge_setup, forge_teardown);
}
