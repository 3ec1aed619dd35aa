/* SPDX-License-Identifier: Apache-2.0 */
/* Profiles and .vmx files: the table of words, writing without touching what is not ours, reading
 * back, and profiles that speak VMware's words. */
#include <stdio.h>

#include "base/mem.h"
#include "base/str.h"
#include "collect/vmx.h"
#include "isolate/policy.h"
#include "isolate/vmxfile.h"
#include "isolate/vmxwords.h"
#include "test_base.h"

#define EMPTY "isolate: 1\nassignments: []\n"

static struct policy *parse(const char *text)
{
	struct policy *policy = NULL;
	struct rf_err err = {0};

	if (policy_parse(rf_slice_text(text), "p", &policy, &err) != 0)
		fail_msg("%s", rf_err_text(&err));
	return policy;
}

/* ---- the table ---- */

static void words_are_found(void **state)
{
	static const struct {
		const char *key, *row;
	} CASES[] = {
		{"ethernet0.noPromisc", "ethernet#.noPromisc"},
		{"Ethernet12.NOPROMISC", "ethernet#.noPromisc"},
		{"Ethernet<n>.noForgedSrcAddr", "ethernet#.noForgedSrcAddr"},
		{"ethernetN.downWhenAddrMismatch", "ethernet#.downWhenAddrMisMatch"},
		{"ethernet0.filter3.name", "ethernet#.filter#.name"},
		{"ethernet.noPromisc", NULL},
		{"ethernet0.noPromiscc", NULL},
		{"ethernet0.noPromis", NULL},
		{"ethernetx.noPromisc", NULL},
		{"", NULL},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		const struct vmx_word *word = vmx_word_find(CASES[i].key);

		if (!CASES[i].row ? word != NULL : !word || strcmp(word->key, CASES[i].row) != 0)
			fail_msg("%s: %s", CASES[i].key, word ? word->key : "none");
	}
}

/* Each row is whole, and each of its values comes back from the other side. */
static void the_table_is_sound(void **state)
{
	(void)state;
	for (size_t i = 0; i < vmx_words_count; i++) {
		const struct vmx_word *w = &vmx_words[i];
		static const struct vmx_pair truths[] = {{"TRUE", "yes"}, {"FALSE", "no"}, {0}};
		char there[VMX_WORD_BYTES], back[VMX_WORD_BYTES];

		assert_true(!w->block == !w->policy && (w->block || w->remark));
		assert_true(!w->device || strchr(w->device, '#'));
		const struct vmx_pair *p = w->pairs ? w->pairs : w->unit ? truths + 2 : truths;

		for (; p->vmx; p++) {
			assert_int_equal(vmx_word_from_policy(w, p->policy, there), 0);
			assert_int_equal(vmx_word_to_policy(w, there, back), 0);
			assert_string_equal(back, p->policy);
		}
		assert_int_equal(vmx_word_to_policy(w, "perhaps so", there), RF_E_SYNTAX);
		assert_int_equal(vmx_word_to_policy(w, "", there), RF_E_SYNTAX);
		if (!w->unit)
			continue;
		assert_int_equal(vmx_word_to_policy(w, "1234", there), 0);
		assert_true(rf_starts(there, "1234") && rf_ends(there, w->unit));
		assert_int_equal(vmx_word_from_policy(w, there, back), 0);
		assert_string_equal(back, "1234");
		assert_int_equal(vmx_word_to_policy(w, "1.5", there), RF_E_SYNTAX);
		assert_int_equal(vmx_word_to_policy(w, "-2", there), RF_E_SYNTAX);
		assert_int_equal(vmx_word_to_policy(w, "12x", there), RF_E_SYNTAX);
		assert_int_equal(vmx_word_to_policy(w, "1234567890123456789", there), RF_E_SYNTAX);
	}
}

/* Each value that the table sends to a profile is one that a profile takes, and says again. */
static void the_profiles_know_the_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < vmx_words_count; i++) {
		const struct vmx_word *w = &vmx_words[i];
		const char *value = w->pairs ? w->pairs[0].vmx : w->unit ? "400" : "TRUE";
		char yaml[300], said[POLICY_TEXT_BYTES], text[POLICY_TEXT_BYTES];

		if (!w->block || (w->unit && w->pairs))
			continue;
		assert_true(rf_format(yaml, sizeof(yaml),
				      EMPTY
				      "profiles: {x: {based-on: standard, vmx: {'%s': '%s'}}}\n",
				      w->key, value));
		char *number = strchr(yaml, '#');

		if (number)
			*number = '0';
		struct policy *policy = parse(yaml);

		assert_int_equal(vmx_word_to_policy(w, value, said), 0);
		if (!policy_profile_text(policy_profile_find(policy, "x"), w->block, w->policy,
					 text))
			fail_msg("%s: no %s.%s", w->key, w->block, w->policy);
		assert_string_equal(text, said);
		policy_free(policy);
	}
}

/* ---- profiles that speak VMware's words ---- */

static void a_profile_takes_the_words(void **state)
{
	static const struct {
		const char *profile, *key, *says; /* says NULL: refused with key in the message */
	} CASES[] = {
		{"vmx: {ethernet0.noPromisc: FALSE}", "noPromisc", "no"},
		{"vmx: {ethernet0.noPromisc: 'true'}", "noPromisc", "yes"},
		{"vmx: {EtherNet7.nopromisc: 0}", "noPromisc", "no"},
		{"vmx: {ethernetN.noPromisc: no, ethernet0.noForgedSrcAddr: 0}", "noForgedSrcAddr",
		 "no"},
		{"vmx: {ethernet0.noPromisc: 0}, network: {frame-bytes: 900}", "frame-bytes",
		 "900"},
		{"vmx: {ethernet0.noPromisc: 0}, network: {noPromisc: 'FALSE'}", "noPromisc", "no"},
		{"vmx: {ethernet0.noPromisc: 0, ethernet1.noPromisc: FALSE}", "noPromisc", "no"},
		{"vmx: {ethernet0.downWhenAddrMisMatch: TRUE}", "downWhenAddrMisMatch", "yes"},
		{"vmx: {}", "noPromisc", "yes"},
		{"vmx: {ethernet0.noPromisc: 0}, network: {noPromisc: yes}", "says otherwise",
		 NULL},
		{"vmx: {ethernet0.noPromisc: 0, ethernet1.noPromisc: 1}", "says otherwise", NULL},
		{"vmx: {ethernet0.noPromisc: maybe}", "p:4:", NULL},
		{"vmx: {ethernet0.noPromisc: [TRUE]}", "not a value", NULL},
		{"vmx: {ethernet0.noSuchThing: TRUE}", "no word of a .vmx", NULL},
		{"vmx: {ethernet0.limit: 100}", "rate-out", "100mbit"},
		{"vmx: {ethernet0.limit: 1}, network: {rate-out: 1500000 bit}", "says otherwise",
		 NULL},
		{"vmx: {ethernet0.limit: 0}", "rate-out", NULL},
		{"vmx: {ethernet0.reservation: 100}", "not carried: a profile has limits", NULL},
		{"vmx: [x]", "vmx", NULL},
		{"vmx: {ethernet0.noForgedSrcAddr: 0, ethernet0.downWhenAddrMisMatch: 1}",
		 "noForgedSrcAddr: no allows", NULL},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		char yaml[400], text[POLICY_TEXT_BYTES];
		struct policy *policy = NULL;
		struct rf_err err = {0};

		assert_true(rf_format(yaml, sizeof(yaml),
				      EMPTY "profiles:\n  x: {based-on: standard, %s}\n",
				      CASES[i].profile));
		int rc = policy_parse(rf_slice_text(yaml), "p", &policy, &err);

		if (CASES[i].says && rc != 0)
			fail_msg("case %zu: %s", i, rf_err_text(&err));
		if (!CASES[i].says && (rc == 0 || !strstr(rf_err_text(&err), CASES[i].key)))
			fail_msg("case %zu: rc %d, %s", i, rc, rf_err_text(&err));
		if (!CASES[i].says)
			continue;
		assert_true(policy_profile_text(policy_profile_find(policy, "x"), "network",
						CASES[i].key, text));
		assert_string_equal(text, CASES[i].says);
		policy_free(policy);
	}
}

static void whose_profile(void **state)
{
	struct policy *policy = parse("isolate: 1\nzones: {z: {}}\nassignments:\n"
				      "  - {vm: 'web-*', profile: risky, zone: z}\n"
				      "  - {vm: web-9, profile: hostile, zone: z}\n"
				      "  - {class: lab, profile: sensor, zone: z}\n");
	struct policy *rest = parse(EMPTY "others: {profile: trusted, zone: outside}\n");
	const struct policy_profile *out = NULL;
	struct rf_err err = {0};

	(void)state;
	assert_int_equal(policy_profile_of(policy, "web-1", &out, &err), 0);
	assert_ptr_equal(out, policy_profile_find(policy, "risky"));
	out = NULL;
	assert_int_equal(policy_profile_of(policy, "web-9", &out, &err), RF_E_MISMATCH);
	assert_int_equal(policy_profile_of(policy, "lab", &out, &err), RF_E_MISSING);
	assert_null(out);
	assert_int_equal(policy_profile_of(rest, "any", &out, &err), 0);
	assert_ptr_equal(out, policy_profile_find(rest, "trusted"));
	policy_free(policy);
	policy_free(rest);
}

/* ---- writing ---- */

/* "strict" says the three keys of the network and nothing else. */
#define STRICT                                                                                      \
	"profiles: {strict: {based-on: standard, network: {downWhenAddrMisMatch: yes, link-local: " \
	"yes}}}\n"

static void written_as(const char *profile, struct rf_slice file, struct rf_buf *out,
		       struct rf_buf *diff)
{
	struct policy *policy = parse(EMPTY STRICT);
	struct vmx_wants wants;
	struct rf_err err = {0};

	assert_int_equal(vmx_wants_make(policy_profile_find(policy, profile), file, &wants, &err),
			 0);
	assert_int_equal(vmx_rewrite(file, &wants, out, diff, &err), 0);
	vmx_wants_done(&wants);
	policy_free(policy);
}

#define FORGED	 "ethernet0.noForgedSrcAddr = \"TRUE\""
#define MISMATCH "ethernet0.downWhenAddrMisMatch = \"TRUE\""
#define PROMISC	 "ethernet0.noPromisc = \"TRUE\""
#define CARD	 "ethernet0.present = \"TRUE\""

/* Before and after, by a profile that says TRUE to all three keys. */
static void only_the_values_change(void **state)
{
	static const struct {
		const char *name, *before, *after;
	} CASES[] = {
		{"a new file", "",
		 ".encoding = \"UTF-8\"\n" CARD "\n" FORGED "\n" MISMATCH "\n" PROMISC "\n"},
		{"no card", "displayName = \"x\"\n", "displayName = \"x\"\n"},
		{"a card that is not there", "ethernet0.present = \"FALSE\"\n",
		 "ethernet0.present = \"FALSE\"\n"},
		{"line ends of Windows", CARD "\r\nx = \"1\"\r\n",
		 CARD "\r\nx = \"1\"\r\n" FORGED "\r\n" MISMATCH "\r\n" PROMISC "\r\n"},
		{"line ends of old Macintosh", CARD "\rx = \"1\"\r",
		 CARD "\rx = \"1\"\r" FORGED "\r" MISMATCH "\r" PROMISC "\r"},
		{"no end of the last line", CARD, CARD "\n" FORGED "\n" MISMATCH "\n" PROMISC "\n"},
		{"spelling, blanks and a comment stay",
		 CARD "\n\t EtherNet0.NoPromisc\t=  \"FALSE\" # why\n" FORGED "\n" MISMATCH "\n",
		 CARD "\n\t EtherNet0.NoPromisc\t=  \"TRUE\" # why\n" FORGED "\n" MISMATCH "\n"},
		{"no quotes", CARD "\nethernet0.noPromisc = FALSE# x\n" FORGED "\n" MISMATCH "\n",
		 CARD "\nethernet0.noPromisc = \"TRUE\"# x\n" FORGED "\n" MISMATCH "\n"},
		{"no value", CARD "\nethernet0.noPromisc =\n" FORGED "\n" MISMATCH "\n",
		 CARD "\nethernet0.noPromisc =\"TRUE\"\n" FORGED "\n" MISMATCH "\n"},
		{"the same, said otherwise",
		 CARD "\nethernet0.noPromisc = \"true\"\n" FORGED "\n" MISMATCH "\n",
		 CARD "\nethernet0.noPromisc = \"true\"\n" FORGED "\n" MISMATCH "\n"},
		{"said twice: both",
		 CARD "\n" PROMISC "\n" FORGED "\n" MISMATCH "\nethernet0.nopromisc = \"FALSE\"\n",
		 CARD "\n" PROMISC "\n" FORGED "\n" MISMATCH "\nethernet0.nopromisc = \"TRUE\"\n"},
		{"a line that is not understood",
		 CARD "\n????\nethernet0.noPromisc = \"FALSE\n" FORGED "\n" MISMATCH "\n",
		 CARD "\n????\nethernet0.noPromisc = \"FALSE\n" FORGED "\n" MISMATCH "\n" PROMISC
		      "\n"},
		{"bytes of GBK, a bar among them",
		 CARD "\nannotation = \"\xb0\x7c\xb0\x7c\"\n" PROMISC "\n" FORGED "\n" MISMATCH
		      "\n",
		 CARD "\nannotation = \"\xb0\x7c\xb0\x7c\"\n" PROMISC "\n" FORGED "\n" MISMATCH
		      "\n"},
		{"a byte order mark", "\xEF\xBB\xBF" CARD "\n" PROMISC "\n" FORGED "\n" MISMATCH,
		 "\xEF\xBB\xBF" CARD "\n" PROMISC "\n" FORGED "\n" MISMATCH},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		RF_AUTOBUF struct rf_buf once = {0}, twice = {0}, diff = {0}, again = {0};

		written_as("strict", rf_slice_text(CASES[i].before), &once, &diff);
		if (strcmp(rf_buf_text(&once), CASES[i].after) != 0)
			fail_msg("%s:\n%s\nwanted\n%s", CASES[i].name, rf_buf_text(&once),
				 CASES[i].after);
		assert_int_equal(diff.len > 0, strcmp(CASES[i].before, CASES[i].after) != 0);
		if (!once.len)
			continue;
		written_as("strict", rf_buf_slice(&once), &twice, &again);
		assert_string_equal(rf_buf_text(&twice), rf_buf_text(&once));
		assert_int_equal(again.len, 0);
	}
}

static void a_nul_hides_nothing(void **state)
{
	static const char text[] = CARD "\nethernet0.noPromisc = \"FALSE\"\0 \"x\"\n";
	RF_AUTOBUF struct rf_buf out = {0};

	(void)state;
	written_as("standard", (struct rf_slice){(const uint8_t *)text, sizeof(text) - 1}, &out,
		   NULL);
	assert_int_equal(memcmp(out.data, CARD "\n" PROMISC "\0 \"x\"\n", sizeof(text) - 2), 0);
}

static void each_card_and_the_diff(void **state)
{
	RF_AUTOBUF struct rf_buf out = {0}, diff = {0};

	(void)state;
	written_as("sensor",
		   rf_slice_text("ethernet0.present = \"TRUE\"\nethernet2.present = \"1\"\n"
				 "ethernet1.present = \"FALSE\"\nethernet10.present = \"TRUE\"\n"
				 "ethernet2.noPromisc = \"\x1b[31m\"\n"),
		   &out, &diff);
	assert_non_null(strstr(rf_buf_text(&out), "ethernet10.noPromisc = \"FALSE\"\n"));
	assert_non_null(strstr(rf_buf_text(&out), "ethernet0.noPromisc = \"FALSE\"\n"));
	assert_null(strstr(rf_buf_text(&out), "ethernet1.noPromisc"));
	assert_non_null(strstr(rf_buf_text(&diff), "-ethernet2.noPromisc = \"\\x1b[31m\"\n"
						   "+ethernet2.noPromisc = \"FALSE\"\n"));
}

static void a_limit_is_written(void **state)
{
	struct policy *policy = parse(EMPTY "profiles: {x: {based-on: standard, network: "
					    "{rate-out: 250 mbit/s, rate-in: 1mbit}}}\n");
	struct vmx_wants wants;
	RF_AUTOBUF struct rf_buf out = {0};
	const struct rf_slice file = rf_slice_text(CARD "\nethernet0.limit = \"-1\"\n");

	(void)state;
	assert_int_equal(vmx_wants_make(policy_profile_find(policy, "x"), file, &wants, NULL), 0);
	assert_int_equal(vmx_rewrite(file, &wants, &out, NULL, NULL), 0);
	assert_non_null(strstr(rf_buf_text(&out), "ethernet0.limit = \"250\"\n"));
	vmx_wants_done(&wants);
	policy_free(policy);
}

/* Whatever a value holds, it is read back as it was. */
static void values_come_back(void **state)
{
	static const char *const VALUES[] = {"", "a b", "\"", "|", "|41", "a\"|\n\r\tb", "#x", "="};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(VALUES); i++) {
		struct vmx_line_want line = {"some.key", VALUES[i], NULL};
		const struct vmx_wants wants = {.items = &line, .count = 1};
		RF_AUTOBUF struct rf_buf out = {0}, twice = {0};
		VMX_AUTO struct vmx vmx = {0};
		struct rf_err err = {0};

		assert_int_equal(vmx_rewrite(rf_slice_text("some.KEY = old # c\n"), &wants, &out,
					     NULL, &err),
				 0);
		assert_int_equal(vmx_rewrite(rf_buf_slice(&out), &wants, &twice, NULL, &err), 0);
		assert_string_equal(rf_buf_text(&twice), rf_buf_text(&out));
		assert_int_equal(vmx_parse(&vmx, (char *)out.data, out.len, &err), 0);
		assert_int_equal(vmx.problems_count, 0);
		assert_string_equal(vmx_find(&vmx, "some.key")->value, VALUES[i]);
	}
}

static void not_larger_than_a_vmx(void **state)
{
	RF_AUTOBUF struct rf_buf file = {0}, out = {0};
	struct vmx_line_want line = {"k", "v", NULL};
	const struct vmx_wants wants = {.items = &line, .count = 1};
	struct rf_err err = {0};

	(void)state;
	rf_buf_add_text(&file, "# ");
	while (file.len < (1u << 20) - 1)
		rf_buf_add_byte(&file, 'x');
	assert_int_equal(vmx_rewrite(rf_buf_slice(&file), &wants, &out, NULL, &err), RF_E_LIMIT);
}

/* ---- reading ---- */

static void imported(const char *file, struct rf_buf *out)
{
	struct rf_err err = {0};

	if (vmx_import(rf_slice_text(file), "named", out, &err) != 0)
		fail_msg("%s", rf_err_text(&err));
	policy_free(parse(rf_buf_text(out)));
}

static void import_says_what_it_could_not_carry(void **state)
{
	static const struct {
		const char *file, *has, *lacks;
	} CASES[] = {
		{CARD "\n" PROMISC "\n", "      noPromisc: yes\n", "Not carried"},
		{"x = \"1\"\n", "network: {}\n", "noPromisc"},
		{"x = \"1\"\n", "vm: 'named', profile: vmx-named}", NULL},
		{"displayName = \"a 'b' [c]*\"\n", "{vm: 'a ?b? ?c?\?', profile: vmx-a--b---c--}",
		 NULL},
		{"ethernet0.noPromisc = \"x\ny\"\n", "line 1 is not understood", NULL},
		{"ethernet0.noPromisc = \"perhaps\"\n",
		 "# line 1: ethernet0.noPromisc = \"perhaps\": not a value that a profile knows\n",
		 "      noPromisc"},
		{"ethernet0.noPromisc = \"TRUE\"\nethernet0.nopromisc = \"FALSE\"\n",
		 "stands twice", "      noPromisc"},
		{"ethernet0.noPromisc = \"TRUE\"\nethernet1.noPromisc = \"FALSE\"\n",
		 "devices differ", "      noPromisc"},
		{"ethernet0.noPromisc = \"FALSE\"\nethernet1.noPromisc = \"FALSE\"\n",
		 "      noPromisc: no\n", "devices differ"},
		{"ethernet0.noForgedSrcAddr = \"0\"\nethernet0.downWhenAddrMisMatch = \"1\"\n",
		 "refuses it", "      downWhenAddrMisMatch"},
		{"ethernet0.limit = \"50\"\n", "      rate-out: 50mbit\n", "Not carried"},
		{"ethernet0.limit = \"-1\"\n", "      rate-out: unlimited\n", "Not carried"},
		{"ethernet0.limit = \"fast\"\n", "not a value", "      rate-out"},
		{"ethernet0.shares = \"high\"\n", "# line 1: ethernet0.shares = \"high\": ", NULL},
		{"sched.some.thing = \"a|0Aisolate: 2\"\n",
		 "sched.some.thing = \"a\\x0aisolate: 2\"", NULL},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(CASES); i++) {
		RF_AUTOBUF struct rf_buf out = {0};

		imported(CASES[i].file, &out);
		if (!strstr(rf_buf_text(&out), CASES[i].has))
			fail_msg("case %zu: no \"%s\" in\n%s", i, CASES[i].has, rf_buf_text(&out));
		if (CASES[i].lacks && strstr(rf_buf_text(&out), CASES[i].lacks))
			fail_msg("case %zu: \"%s\" in\n%s", i, CASES[i].lacks, rf_buf_text(&out));
	}
}

static void nothing_is_no_file(void **state)
{
	RF_AUTOBUF struct rf_buf out = {0};
	struct rf_err err = {0};

	(void)state;
	assert_int_equal(vmx_import(rf_slice_text(""), "x", &out, &err), RF_E_SYNTAX);
	assert_int_equal(out.len, 0);
}

/* From each built-in profile into files of several makers, and back: what a .vmx can say is the
 * same again. */
static void there_and_back(void **state)
{
	static const char *const FILES[] = {
		"",
		".encoding = \"windows-1252\"\r\ndisplayName = \"Caf\xe9\"\r\n" CARD "\r\n",
		"#!/usr/bin/vmware\n.encoding = \"UTF-8\"\nethernet0.present = TRUE\n"
		"ethernet0.noPromisc = FALSE\nethernet0.noForgedSrcAddr = FALSE\n",
		".encoding = \"GBK\"\ndisplayName = \"\xb2\xe2\xca\xd4\"\n" CARD "\n" MISMATCH "\n",
	};
	static const char *const PROFILES[] = {"trusted", "standard", "risky", "hostile", "sensor"};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(FILES) * RF_COUNT(PROFILES); i++) {
		const char *name = PROFILES[i % RF_COUNT(PROFILES)];
		RF_AUTOBUF struct rf_buf file = {0}, yaml = {0}, again = {0}, diff = {0};
		struct vmx_wants wants;
		struct rf_err err = {0};

		written_as(name, rf_slice_text(FILES[i / RF_COUNT(PROFILES)]), &file, NULL);
		assert_int_equal(vmx_import(rf_buf_slice(&file), "x", &yaml, &err), 0);
		struct policy *policy = parse(rf_buf_text(&yaml));
		const struct policy_profile *profile = NULL;
		const char *at = strstr(rf_buf_text(&yaml), "profiles:\n  ");
		char own[64];

		assert_non_null(at);
		assert_int_equal(sscanf(at, "profiles:\n  %63[^:]", own), 1);
		profile = policy_profile_find(policy, own);
		assert_non_null(profile);
		assert_int_equal(vmx_wants_make(profile, rf_buf_slice(&file), &wants, &err), 0);
		assert_true(wants.count >= 3);
		assert_int_equal(vmx_rewrite(rf_buf_slice(&file), &wants, &again, &diff, &err), 0);
		assert_string_equal(rf_buf_text(&diff), "");
		vmx_wants_done(&wants);
		policy_free(policy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_found),
		cmocka_unit_test(the_table_is_sound),
		cmocka_unit_test(the_profiles_know_the_words),
		cmocka_unit_test(a_profile_takes_the_words),
		cmocka_unit_test(whose_profile),
		cmocka_unit_test(only_the_values_change),
		cmocka_unit_test(a_nul_hides_nothing),
		cmocka_unit_test(each_card_and_the_diff),
		cmocka_unit_test(a_limit_is_written),
		cmocka_unit_test(values_come_back),
		cmocka_unit_test(not_larger_than_a_vmx),
		cmocka_unit_test(import_says_what_it_could_not_carry),
		cmocka_unit_test(nothing_is_no_file),
		cmocka_unit_test(there_and_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
