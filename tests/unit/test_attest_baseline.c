/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The baseline's file: what is read, written again byte for byte, and refused with its place; boots
 * that are added and approved.
 */
#include "baseline_test.h"

/* ---- refused, each with its place and words ---- */

#define HEAD	   "baseline: 1\n"
#define RULE	   HEAD "rules:\n  - "
#define SET	   HEAD "digest-sets:\n  good: [\"sha256:" ZERO32 "\"]\n  file: {file: f.txt}\n"
#define ZERO32	   "0000000000000000000000000000000000000000000000000000000000000000"
#define ITEM(rest) HEAD "boots:\n  - {name: a, items: [{" rest "}]}\n"
#define DIGEST	   "digests: \"sha256:" ZERO32 "\""

static const struct {
	const char *name, *yaml, *words;
} refused_rows[] = {
	{"nothing", "", "empty"},
	{"not YAML", "\tx", "b.yaml:1"},
	{"no version", "host: a\n", "the key baseline is missing"},
	{"another version", "baseline: 2\n", "b.yaml:1:11: baseline: version 1"},
	{"an unknown key", HEAD "rule: []\n", "b.yaml:2:7: unknown key rule"},
	{"a key twice", HEAD "rules: []\nrules: []\n", "stands twice"},
	{"an unknown key of identity", HEAD "identity: {ak: 00}\n", "unknown key ak"},
	{"a name that is none", HEAD "identity: {ak-name: \"000b00\"}\n", "not the name of a TPM"},
	{"an empty name", HEAD "identity: {ak-name: \"\"}\n", "not the name of a TPM"},
	{"a name of an unknown algorithm", HEAD "identity: {ek-name: \"9999" ZERO32 "\"}\n",
	 "not the name"},
	{"a rule without a reason", RULE "{name: a, allow: kernel-changed}\n",
	 "the key why is missing"},
	{"an empty why", RULE "{name: a, allow: kernel-changed, why: \"\"}\n", "a reason (why)"},
	{"an unknown reason", RULE "{name: a, allow: kernel-chanded, why: x}\n",
	 "b.yaml:3:22: allow: there is no reason kernel-chanded"},
	{"no reasons", RULE "{name: a, allow: [], why: x}\n", "which reasons?"},
	{"a reason twice", RULE "{name: a, allow: [mok-changed, mok-changed], why: x}\n",
	 "stands twice"},
	{"a forged quote allowed", RULE "{name: a, allow: quote-forged, why: x}\n",
	 "quote-forged cannot be allowed"},
	{"another TPM allowed", RULE "{name: a, allow: other-tpm, why: x}\n", "cannot be allowed"},
	{"an unexplained PCR allowed", RULE "{name: a, allow: pcr-not-explained-by-log, why: x}\n",
	 "cannot be allowed"},
	{"an unapproved baseline allowed", RULE "{name: a, allow: baseline-not-approved, why: x}\n",
	 "cannot be allowed"},
	{"two rules of one name",
	 RULE "{name: a, allow: mok-changed, why: x}\n  - {name: a, allow: mok-changed, why: x}\n",
	 "b.yaml:4:5: two rules are named a"},
	{"a rule that ends before it begins",
	 RULE "{name: a, allow: mok-changed, why: x, from: 2026-11-24, until: 2026-11-23}\n",
	 "ends before it begins"},
	{"a day that is none", RULE "{name: a, allow: mok-changed, why: x, until: 2026-02-29}\n",
	 "until: a day"},
	{"a time with a zone",
	 RULE "{name: a, allow: mok-changed, why: x, from: \"2026-11-24T10:00:00+01:00\"}\n",
	 "from: a day"},
	{"PCR 24", RULE "{name: a, allow: mok-changed, why: x, pcr: 24}\n", "pcr: 0 to 23"},
	{"an empty subject", RULE "{name: a, allow: mok-changed, why: x, subject: \"\"}\n",
	 "matches nothing"},
	{"a set of a file and of a text", HEAD "digest-sets: {a: {file: x, text: y}}\n",
	 "one of file and text"},
	{"a set of neither", HEAD "digest-sets: {a: {}}\n", "one of file and text"},
	{"a text that is no digests", HEAD "digest-sets: {a: {text: \"sha256:00 x\"}}\n",
	 "b.yaml:2:18: line 1: not a digest"},
	{"a text without digests", HEAD "digest-sets: {a: {text: \"# none\"}}\n",
	 "a set without digests"},
	{"a set that is not there", RULE "{name: a, allow: kernel-changed, why: x, digests: b}\n",
	 "there is no set b"},
	{"digests of what has none",
	 SET "rules:\n  - {name: a, allow: boot-order-changed, why: x, digests: good}\n",
	 "boot-order-changed has no contents"},
	{"a signer of what nobody signs",
	 RULE "{name: a, allow: initrd-changed, why: x, signer: Debian}\n",
	 "nobody signs what initrd-changed"},
	{"a package by name alone",
	 RULE "{name: a, allow: kernel-changed, why: x, package: linux-image}\n",
	 "a name alone proves nothing"},
	{"a package in a list without labels",
	 SET "rules:\n  - {name: a, allow: kernel-changed, why: x, digests: good, package: p}\n",
	 "a name alone proves nothing"},
	{"a rule against what is expected",
	 HEAD "expect: {secure-boot: on}\nrules:\n  - {name: a, allow: secure-boot-off, why: x}\n",
	 "`expect` demands the contrary"},
	{"an empty set", HEAD "digest-sets: {a: []}\n", "allows nothing"},
	{"a digest without algorithm", HEAD "digest-sets: {a: [\"" ZERO32 "\"]}\n", "sha256:HEX"},
	{"a short digest", HEAD "digest-sets: {a: [\"sha256:00\"]}\n", "sha256:HEX"},
	{"an unknown algorithm", HEAD "digest-sets: {a: [\"md5:00\"]}\n", "sha256:HEX"},
	{"an unknown expectation", HEAD "expect: {secure_boot: on}\n", "unknown key secure_boot"},
	{"an expectation that is off", HEAD "expect: {ima: off}\n", "on, or leave it out"},
	{"a window without an end",
	 HEAD "maintenance: [{name: a, why: x, from: 2026-11-24, packages: grub-pc}]\n",
	 "the key until is missing"},
	{"a window for what is not measured",
	 HEAD "maintenance:\n  - {name: a, why: x, from: 2026-11-24, until: 2026-11-25, "
	      "packages: [cowsay]}\n",
	 "cowsay changes nothing that is measured"},
	{"an IMA policy that knows nothing", HEAD "ima: {violations: fail}\n",
	 "no program could ever be known"},
	{"an IMA policy of a set that is not there", HEAD "ima: {digests: a}\n",
	 "there is no set a"},
	{"violations that are nothing", SET "ima: {digests: good, violations: ignore}\n",
	 "fail or warn"},
	{"a path left out without a reason", SET "ima: {digests: good, exclude: [{path: /x}]}\n",
	 "the key why is missing"},
	{"boots in one line with others", "{baseline: 1, boots: []}\n",
	 "must begin a line of its own"},
	{"a boot without items", HEAD "boots:\n  - {name: a, items: []}\n", "a name and items"},
	{"an approval by nobody",
	 HEAD
	 "boots:\n  - {name: a, approved: {by: \" \", at: 2026-11-24}, items: [{part: kernel, " DIGEST
	 "}]}\n",
	 "by whom?"},
	{"an approval at no time",
	 HEAD "boots:\n  - {name: a, approved: {by: A, at: now}, items: [{part: kernel, " DIGEST
	      "}]}\n",
	 "at is a time"},
	{"locality 2",
	 HEAD "boots:\n  - {name: a, locality: 2, items: [{part: kernel, " DIGEST "}]}\n",
	 "locality"},
	{"an item of PCR 24", ITEM("pcr: 24, part: kernel, " DIGEST), "pcr: 0 to 23"},
	{"an item of no known part", ITEM("pcr: 4, part: kernal, " DIGEST), "not known"},
	{"an item of no known type", ITEM("pcr: 4, type: EV_X, part: kernel, " DIGEST),
	 "not known"},
	{"an item without digests", ITEM("pcr: 4, part: kernel, digests: []"), "digests: 1 to"},
	{"an item with one algorithm twice",
	 ITEM("pcr: 4, part: kernel, digests: [\"sha256:" ZERO32 "\", \"sha256:" ZERO32 "\"]"),
	 "two digests"},
	{"a value that is not base64", ITEM("pcr: 4, part: kernel, value: \"!!!!\", " DIGEST),
	 "not base64"},
	{"a value cut short", ITEM("pcr: 4, part: kernel, value: \"AAA\", " DIGEST), "not base64"},
	{"two boots of one name",
	 HEAD "boots:\n  - {name: a, items: [{part: kernel, " DIGEST
	      "}]}\n  - {name: a, items: [{part: kernel, " DIGEST "}]}\n",
	 "two boots are named a"},
};

static void test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < RF_COUNT(refused_rows); i++) {
		struct baseline *baseline = (struct baseline *)0x10;
		struct rf_err err = {0};
		int rc = baseline_load(rf_slice_text(refused_rows[i].yaml), "b.yaml", &baseline,
				       &err);

		if (rc == 0 || !strstr(rf_err_text(&err), refused_rows[i].words))
			print_message("%s: %d %s\n", refused_rows[i].name, rc, rf_err_text(&err));
		assert_int_not_equal(rc, 0);
		assert_non_null(strstr(rf_err_text(&err), refused_rows[i].words));
		assert_ptr_equal(baseline, (struct baseline *)0x10);
	}
}

/* ---- what a person wrote stays ---- */

static const char written[] = "# who may change what\n"
			      "baseline: 1\n"
			      "host: web-3   # in rack 7\n"
			      "identity:\n"
			      "  ak-name: \"000b" ZERO32 "\"\n"
			      "expect: {secure-boot: on, lockdown: yes}\n"
			      "rules:\n"
			      "  # boots: is only a word here\n"
			      "  - name: order\n"
			      "    allow: boot-order-changed\n"
			      "    why: \"it follows the boots: of the host\"\n"
			      "# the end\n";

static void test_round_trip(void **state)
{
	RF_AUTOBUF struct rf_buf once = {0}, twice = {0};
	struct baseline *baseline = load_text(written);
	struct machine dark = story_base;
	struct reasons list = {0};

	(void)state;
	dark.secure_boot = false;
	dark.locality = 3;
	add_machine(baseline, "first", &story_base, "Ada \"the\" Admin\\");
	add_machine(baseline, "dark", &dark, NULL);
	assert_int_equal(baseline_write(baseline, &once), 0);
	assert_int_equal(strncmp(rf_buf_text(&once), written, strlen(written)), 0);
	baseline_free(baseline);
	baseline = load_text(rf_buf_text(&once));
	assert_int_equal(baseline_write(baseline, &twice), 0);
	assert_string_equal(rf_buf_text(&once), rf_buf_text(&twice));
	assert_int_equal(baseline_boots_count(baseline), 2);
	assert_string_equal(baseline_boot_at(baseline, 0)->approved_by, "Ada \"the\" Admin\\");
	assert_true(baseline_boot_at(baseline, 0)->approved_at_ms == NOON);
	assert_null(baseline_boot_at(baseline, 1)->approved_by);
	assert_null(baseline_boot_at(baseline, 2));
	assert_int_equal(baseline_ak_name(baseline).len, 34);
	assert_int_equal(baseline_ek_name(baseline).len, 0);
	/* What was read again is the same boot. */
	judge_now(baseline, &story_base, &list);
	if (reason_find(&list, REASON_KERNEL_CHANGED) || list.count != 1)
		show_reasons(&list);
	assert_int_equal(list.count, 1); /* the rule about the boot order had nothing to do */
	assert_int_equal(list.items[0].id, REASON_RULE_UNUSED);
	reasons_done(&list);
	baseline_free(baseline);
}

/* The values that the boot's items give are those of its log, also after a round trip. */
static void test_replay(void **state)
{
	RF_AUTOBUF struct rf_buf text = {0};
	static uint8_t from_log[ATTEST_PCRS][ATTEST_MAX_DIGEST],
		from_file[ATTEST_PCRS][ATTEST_MAX_DIGEST];
	struct baseline *baseline = load_text(HEAD);
	struct machine m = story_base;
	struct log_build log;
	struct boot boot;

	(void)state;
	m.locality = 3;
	machine_story(&m, &log, &boot);
	add_machine(baseline, "a", &m, NULL);
	assert_int_equal(baseline_write(baseline, &text), 0);
	baseline_free(baseline);
	baseline = load_text(rf_buf_text(&text));
	assert_int_equal(boot_replay(log.hasher, &boot, ATTEST_SHA256, from_log, NULL), 0);
	assert_int_equal(boot_replay(log.hasher, &baseline_boot_at(baseline, 0)->boot,
				     ATTEST_SHA256, from_file, NULL),
			 0);
	assert_memory_equal(from_log, from_file, sizeof(from_log));
	baseline_free(baseline);
	boot_done(&boot);
	end_log(&log);
}

static void test_boots(void **state)
{
	struct baseline *baseline = load_text(HEAD);
	struct log_build log;
	struct boot boot, none = {0};
	struct rf_err err = {0};
	char name[16];

	(void)state;
	machine_story(&story_base, &log, &boot);
	assert_int_equal(baseline_approve(baseline, "a", "Ada", NOON, &err), RF_E_MISSING);
	assert_int_equal(baseline_add_boot(baseline, "a", false, &none, &err), RF_E_MISSING);
	assert_int_equal(baseline_add_boot(baseline, "", false, &boot, &err), RF_E_SYNTAX);
	assert_int_equal(baseline_add_boot(baseline, "\xff", false, &boot, &err), RF_E_SYNTAX);
	assert_int_equal(baseline_add_boot(baseline, "a", true, &boot, &err), 0);
	assert_int_equal(baseline_add_boot(baseline, "a", false, &boot, &err), RF_E_DUPLICATE);
	assert_true(baseline_boot_at(baseline, 0)->predicted);
	assert_int_equal(baseline_approve(baseline, "a", "  ", NOON, &err), RF_E_USAGE);
	assert_int_equal(baseline_approve(baseline, "a", "\xff", NOON, &err), RF_E_SYNTAX);
	assert_null(baseline_boot_at(baseline, 0)->approved_by);
	assert_int_equal(baseline_approve(baseline, "a", "Ada", NOON + 17, &err), 0);
	assert_true(baseline_boot_at(baseline, 0)->approved_at_ms == NOON);
	for (size_t i = 1; i < BASELINE_MAX_BOOTS; i++) {
		rf_format(name, sizeof(name), "b%zu", i);
		assert_int_equal(baseline_add_boot(baseline, name, false, &boot, &err), 0);
	}
	assert_int_equal(baseline_add_boot(baseline, "more", false, &boot, &err), RF_E_LIMIT);
	baseline_free(baseline);
	baseline_free(NULL);
	boot_done(&boot);
	end_log(&log);
}

/* Evidence without keys gives a baseline for any TPM; without a log it gives none. */
static void test_create(void **state)
{
	struct log_build log;
	struct evidence evidence = {0};
	struct baseline *baseline = NULL;
	struct rf_err err = {0};

	(void)state;
	machine_boots(&story_base, &log);
	assert_int_equal(baseline_create(log.hasher, &evidence, "first", &baseline, &err),
			 RF_E_MISSING);
	assert_null(baseline);
	evidence.sections[EVIDENCE_BOOT_LOG] = rf_buf_slice(&log.buf);
	evidence.sections[EVIDENCE_AK_PUBLIC] = BYTES("no key");
	assert_true(baseline_create(log.hasher, &evidence, "first", &baseline, &err) < 0);
	assert_non_null(strstr(rf_err_text(&err), "attestation key"));
	evidence.sections[EVIDENCE_AK_PUBLIC] = NOTHING;
	assert_int_equal(baseline_create(log.hasher, &evidence, "first", &baseline, &err), 0);
	assert_int_equal(baseline_boots_count(baseline), 1);
	assert_null(baseline_boot_at(baseline, 0)->approved_by);
	assert_false(baseline_boot_at(baseline, 0)->predicted);
	assert_int_equal(baseline_ak_name(baseline).len, 0);
	baseline_free(baseline);
	end_log(&log);
}

static void test_nearest(void **state)
{
	struct baseline *baseline = load_text(HEAD);
	struct machine dark = story_base, order = story_base, sha1 = story_base;
	const struct baseline_boot *found = NULL;
	struct log_build log;
	struct boot boot;

	(void)state;
	dark.secure_boot = false;
	order.order[0] = 7;
	machine_story(&order, &log, &boot);
	assert_int_equal(baseline_nearest(baseline, &boot, false, &found, NULL), 0);
	assert_null(found);
	add_machine(baseline, "dark", &dark, "Ada");
	add_machine(baseline, "base", &story_base, "Ada");
	add_machine(baseline, "order", &order, NULL);
	assert_int_equal(baseline_nearest(baseline, &boot, true, &found, NULL), 0);
	assert_string_equal(found->name, "base");
	assert_int_equal(baseline_nearest(baseline, &boot, false, &found, NULL), 0);
	assert_string_equal(found->name, "order");
	baseline_free(baseline);
	baseline = load_text(HEAD);
	sha1.alg = ATTEST_SHA1;
	add_machine(baseline, "sha1", &sha1, "Ada");
	boot_done(&boot);
	end_log(&log);
	sha1.alg = ATTEST_SHA384;
	machine_story(&sha1, &log, &boot);
	assert_int_equal(baseline_nearest(baseline, &boot, true, &found, NULL), RF_E_MISMATCH);
	baseline_free(baseline);
	boot_done(&boot);
	end_log(&log);
}

static void test_files(void **state)
{
	struct baseline *baseline = load_text(SET "ima: {digests: file, signers: s.pem}\n");
	struct rf_err err = {0};
	struct reasons list = {0};
	const struct evidence_facts facts = {0};
	struct log_build log;
	struct boot boot;

	(void)state;
	assert_int_equal(baseline_files_count(baseline), 2);
	assert_string_equal(baseline_file_at(baseline, 0), "f.txt");
	assert_string_equal(baseline_file_at(baseline, 1), "s.pem");
	assert_null(baseline_file_at(baseline, 2));
	machine_story(&story_base, &log, &boot);
	/* A policy whose lists nobody read judges nothing. */
	assert_int_equal(baseline_judge(log.hasher, baseline, &boot, &facts, &list, &err),
			 RF_E_MISSING);
	assert_int_equal(list.count, 0);
	assert_true(baseline_give_file(baseline, 0, BYTES("what is this\n"), &err) < 0);
	assert_non_null(strstr(rf_err_text(&err), "f.txt"));
	assert_int_equal(baseline_give_file(baseline, 0, BYTES("# none\n"), &err), RF_E_MISSING);
	assert_int_equal(baseline_give_file(baseline, 2, BYTES("x"), &err), RF_E_MISSING);
	assert_true(baseline_give_file(baseline, 1, BYTES("no certificate"), &err) < 0);
	assert_non_null(strstr(rf_err_text(&err), "s.pem"));
	assert_int_equal(
		baseline_give_file(baseline, 0, BYTES("sha256:" ZERO32 " /bin/true\n"), &err), 0);
	assert_int_equal(baseline_judge(log.hasher, baseline, &boot, &facts, &list, &err),
			 RF_E_MISSING); /* the certificates */
	baseline_free(baseline);
	boot_done(&boot);
	end_log(&log);
}

static void test_describe(void **state)
{
	static const char *const said[] = {
		"Host: web-3",
		"Only this TPM counts:",
		"first: approved by Ada on 2026-11-24T12:00:00Z",
		"second: NOT APPROVED, it counts for nothing",
		"/boot/vmlinuz-6.1.0-55-amd64",
		"Untrusted as soon as one of these is found:",
		"allows   The order of boot devices changed",
		"because  it follows the boots: of the host",
		"Programs that run (IMA): not judged",
	};
	RF_AUTOBUF struct rf_buf out = {0};
	struct baseline *baseline = load_text(written);

	(void)state;
	add_machine(baseline, "first", &story_base, "Ada");
	add_machine(baseline, "second", &story_base, NULL);
	assert_int_equal(baseline_describe(baseline, &out), 0);
	for (size_t i = 0; i < RF_COUNT(said); i++) {
		if (!strstr(rf_buf_text(&out), said[i]))
			fail_msg("not said: %s\n%s", said[i], rf_buf_text(&out));
	}
	baseline_free(baseline);
}

/* What rests on names is said to the one who approves. */
static void test_describe_names(void **state)
{
	RF_AUTOBUF struct rf_buf out = {0};
	struct baseline *baseline =
		load_text(SET "rules:\n"
			      "  - {name: a, allow: kernel-changed, why: x, subject: \"/boot/*\"}\n"
			      "  - {name: b, allow: kernel-changed, why: x, digests: good}\n"
			      "  - {name: c, allow: boot-order-changed, why: x}\n");
	size_t careful = 0;

	(void)state;
	assert_int_equal(baseline_describe(baseline, &out), 0);
	for (const char *p = rf_buf_text(&out); (p = strstr(p, "careful")); p++)
		careful++;
	assert_int_equal(careful, 1);
	assert_non_null(strstr(rf_buf_text(&out), "contents listed in good (1 digests)"));
	baseline_free(baseline);
}

/* The examples that we ship are accepted as they are. */
static void test_examples(void **state)
{
	static const char *const names[] = {"attest-host.yaml", "attest-group.yaml"};
	const char *source = getenv("SOURCE_DIR");

	(void)state;
	for (size_t i = 0; source && i < RF_COUNT(names); i++) {
		RF_AUTOFREE char *path = rf_asprintf("%s/examples/policies/%s", source, names[i]);
		FILE *in = fopen(path, "r");
		static char text[16384];

		assert_non_null(in);
		text[fread(text, 1, sizeof(text) - 1, in)] = '\0';
		fclose(in);
		struct baseline *baseline = load_text(text);

		assert_int_equal(baseline_files_count(baseline), 1);
		assert_string_equal(baseline_file_at(baseline, 0), "attest-kernels.sha256");
		baseline_free(baseline);
	}
}

/* Programs that ran become rules once; the rest of the file stays what it was. */
static void test_programs(void **state)
{
	RF_AUTOBUF struct rf_buf ima = {0}, none = {0}, text = {0};
	struct baseline *plain = load_text("# mine\n" HEAD), *more = NULL, *again = NULL;
	struct evidence_facts ran = {.now_ms = NOON};
	struct reasons list = {0};
	struct rf_err err = {0};

	(void)state;
	put_ng(&none, "/var/log/wtmp", ""); /* a violation is no program */
	ran.ima = rf_buf_slice(&none);
	assert_int_equal(baseline_with_programs(plain, &ran, &more, &err), RF_E_MISSING);
	put_ng(&ima, "/usr/bin/true", "true");
	put_ng(&ima, "/bin/true", "true");
	put_ng(&ima, "/usr/bin/false", "false");
	ran.ima = (struct rf_slice){ima.data, ima.len - 1};
	assert_true(baseline_with_programs(plain, &ran, &more, &err) < 0);
	assert_null(more);
	ran.ima = rf_buf_slice(&ima);
	assert_int_equal(baseline_with_programs(plain, &ran, &more, &err), 0);
	assert_int_equal(baseline_write(more, &text), 0);
	assert_non_null(strstr(rf_buf_text(&text), "# mine\n"));
	assert_non_null(strstr(rf_buf_text(&text), " /usr/bin/true\n"));
	assert_null(strstr(rf_buf_text(&text), " /bin/true\n")); /* the same contents */
	judge_at(more, &story_base, rf_buf_slice(&ima), NOON, &list);
	assert_null(reason_find(&list, REASON_IMA_UNKNOWN_FILE));
	assert_null(reason_find(&list, REASON_IMA_UNJUDGED));
	put_ng(&ima, "/usr/bin/false", "true, rather");
	put_ng(&ima, "/usr/bin/other", "other");
	judge_at(more, &story_base, rf_buf_slice(&ima), NOON, &list);
	assert_string_equal(reason_find(&list, REASON_IMA_CHANGED_FILE)->subject, "/usr/bin/false");
	assert_string_equal(reason_find(&list, REASON_IMA_UNKNOWN_FILE)->subject, "/usr/bin/other");
	assert_int_equal(baseline_with_programs(more, &ran, &again, &err), RF_E_DUPLICATE);
	assert_null(again);
	reasons_done(&list);
	baseline_free(plain);
	baseline_free(more);
}

static void test_memory(void **state)
{
	RF_AUTOBUF struct rf_buf text = {0};
	struct baseline *baseline = load_text(written);
	int rc = -ENOMEM;

	(void)state;
	add_machine(baseline, "first", &story_base, "Ada");
	assert_int_equal(baseline_write(baseline, &text), 0);
	baseline_free(baseline);
	for (size_t n = 1; rc == -ENOMEM && n < 5000; n++) {
		baseline = NULL;
		rf_alloc_fail_after(n);
		rc = baseline_load(rf_buf_slice(&text), "b.yaml", &baseline, NULL);
		rf_alloc_fail_after(0);
		assert_true((rc == 0) == (baseline != NULL));
	}
	assert_int_equal(rc, 0);
	baseline_free(baseline);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),	       cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_replay),	       cmocka_unit_test(test_boots),
		cmocka_unit_test(test_create),	       cmocka_unit_test(test_nearest),
		cmocka_unit_test(test_files),	       cmocka_unit_test(test_describe),
		cmocka_unit_test(test_describe_names), cmocka_unit_test(test_memory),
		cmocka_unit_test(test_examples),       cmocka_unit_test(test_programs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
