/* SPDX-License-Identifier: Apache-2.0 */
/* IMA policies: what is measured, for whom, and what is left out. */
#include "attest/imapolicy.h"
#include "test_base.h"

static void parse(const char *text, struct imapolicy *p)
{
	struct rf_err err = {0};

	if (imapolicy_parse(rf_slice_text(text), p, &err) < 0)
		fail_msg("%s", err.text);
}

static void the_tcb_policy_is_understood(void **state)
{
	struct imapolicy p;

	(void)state;
	parse("dont_measure fsmagic=0x9fa0 \n"
	      "dont_measure fsmagic=0x1021994 func=FILE_CHECK \n"
	      "dont_measure fsmagic=0x794c7630\n"
	      "dont_measure fsmagic=0x1234\n"
	      "dont_measure obj_type=var_log_t\n"
	      "measure func=MMAP_CHECK mask=MAY_EXEC\n"
	      "measure func=BPRM_CHECK mask=MAY_EXEC\n"
	      "measure func=FILE_CHECK mask=^MAY_READ euid=0\n"
	      "measure func=FILE_CHECK mask=^MAY_READ uid=0\n"
	      "measure func=MODULE_CHECK pcr=11\n"
	      "measure func=FIRMWARE_CHECK mask=MAY_WRITE\n"
	      "appraise func=MODULE_CHECK appraise_type=imasig|modsig\n"
	      "audit func=BPRM_CHECK\n",
	      &p);
	assert_int_equal(p.rules, 13);
	assert_int_equal(p.measured[IMAPOLICY_BPRM_CHECK], IMAPOLICY_ALL);
	assert_int_equal(p.measured[IMAPOLICY_MMAP_CHECK], IMAPOLICY_ALL);
	assert_int_equal(p.measured[IMAPOLICY_FILE_CHECK], IMAPOLICY_SOME);
	assert_int_equal(p.measured[IMAPOLICY_MODULE_CHECK], IMAPOLICY_ALL);
	assert_int_equal(p.measured[IMAPOLICY_FIRMWARE_CHECK], IMAPOLICY_SOME);
	assert_int_equal(p.measured[IMAPOLICY_KEY_CHECK], IMAPOLICY_NONE);
	assert_int_equal(p.appraised[IMAPOLICY_MODULE_CHECK], IMAPOLICY_ALL);
	assert_int_equal(p.appraised[IMAPOLICY_BPRM_CHECK], IMAPOLICY_NONE);
	assert_int_equal(p.pcrs, 1u << 10 | 1u << 11);
	assert_int_equal(p.skips_count, 4);
	assert_true(imapolicy_skips(&p, "overlay", IMAPOLICY_BPRM_CHECK));
	assert_true(imapolicy_skips(&p, "tmpfs", IMAPOLICY_FILE_CHECK));
	assert_false(imapolicy_skips(&p, "tmpfs", IMAPOLICY_BPRM_CHECK));
	assert_true(imapolicy_skips(&p, "fsmagic=0x1234", IMAPOLICY_BPRM_CHECK));
	assert_false(imapolicy_skips(&p, "ext4", IMAPOLICY_BPRM_CHECK));
	assert_int_equal(p.unreachable, 0);
	assert_int_equal(p.not_known, 0);
}

static void the_first_rule_decides(void **state)
{
	struct imapolicy p;

	(void)state;
	parse("dont_measure func=MODULE_CHECK\nmeasure func=MODULE_CHECK\nmeasure func=BPRM_CHECK\n"
	      "dont_measure\nmeasure func=KEY_CHECK keyrings=.ima|.evm\n",
	      &p);
	assert_int_equal(p.measured[IMAPOLICY_MODULE_CHECK], IMAPOLICY_NONE);
	assert_int_equal(p.measured[IMAPOLICY_BPRM_CHECK], IMAPOLICY_ALL);
	assert_int_equal(p.measured[IMAPOLICY_KEY_CHECK], IMAPOLICY_NONE);
	assert_int_equal(p.unreachable, 2);
	/* A rule for some files does not end the function, and one for any function is for all. */
	parse("dont_measure fsname=tmpfs\nmeasure fowner=0\nmeasure func=PATH_CHECK\n", &p);
	assert_int_equal(p.measured[IMAPOLICY_FILE_CHECK], IMAPOLICY_ALL);
	assert_int_equal(p.measured[IMAPOLICY_CRITICAL_DATA], IMAPOLICY_SOME);
	assert_true(imapolicy_skips(&p, "tmpfs", IMAPOLICY_KEY_CHECK));
	/* An old name, and words of a kernel to come. */
	parse("measure func=FILE_MMAP moon=full\nmeasure func=NEW_CHECK\n", &p);
	assert_int_equal(p.measured[IMAPOLICY_MMAP_CHECK], IMAPOLICY_SOME);
	assert_int_equal(p.not_known, 2);
	parse("", &p);
	assert_int_equal(p.rules, 0);
	assert_int_equal(p.pcrs, 0);
}

static void what_is_no_policy_is_refused(void **state)
{
	struct imapolicy p = {.rules = 77};
	RF_AUTOBUF struct rf_buf many = {0};
	struct rf_err err = {0};

	(void)state;
	assert_int_equal(imapolicy_parse(rf_slice_text("measure\n\n# x\nroot:x:0\n"), &p, &err),
			 RF_E_SYNTAX);
	assert_non_null(strstr(err.text, "line 4"));
	assert_int_equal(imapolicy_parse(rf_slice_text("dont_\n"), &p, &err), RF_E_SYNTAX);
	for (uint32_t i = 0; i <= IMAPOLICY_MAX_RULES; i++)
		rf_buf_add_text(&many, "measure\n");
	assert_int_equal(imapolicy_parse(rf_buf_slice(&many), &p, &err), RF_E_LIMIT);
	assert_int_equal(
		imapolicy_parse((struct rf_slice){(const uint8_t *)"", IMAPOLICY_MAX_BYTES + 1u},
				&p, &err),
		RF_E_LIMIT);
	assert_int_equal(p.rules, 77);
}

static void many_file_systems_are_counted(void **state)
{
	RF_AUTOBUF struct rf_buf text = {0};
	struct imapolicy p;

	(void)state;
	for (int i = 0; i < IMAPOLICY_SKIPS; i++)
		rf_buf_printf(&text, "dont_measure fsmagic=0x%x\n", i + 1);
	parse(rf_buf_text(&text), &p);
	assert_int_equal(p.skips_count, IMAPOLICY_SKIPS);
	assert_false(p.more_skips);
	rf_buf_add_text(&text, "dont_measure fsmagic=0x9fa0\n");
	parse(rf_buf_text(&text), &p);
	assert_true(p.more_skips);
	for (int i = 0; i < IMAPOLICY_FUNCS; i++)
		assert_string_not_equal(imapolicy_func_name((enum imapolicy_func)i), "unknown");
	assert_string_equal(imapolicy_func_name(IMAPOLICY_FUNCS), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_tcb_policy_is_understood),
		cmocka_unit_test(the_first_rule_decides),
		cmocka_unit_test(what_is_no_policy_is_refused),
		cmocka_unit_test(many_file_systems_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
