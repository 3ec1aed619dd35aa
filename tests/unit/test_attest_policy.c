/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a baseline says of a boot: each rule allows what it names and no more, and how far its proof
 * reaches; windows; expectations; files that ran.
 */
#include "baseline_test.h"

#define HEAD "baseline: 1\n"

static void sha256_hex(const char *text, char out[65])
{
	RF_AUTOBUF struct rf_buf hex = {0};
	struct attest_hasher *hasher = NULL;
	uint8_t digest[32];

	assert_int_equal(attest_hasher_new(&hasher, NULL), 0);
	assert_int_equal(attest_hash(hasher, ATTEST_SHA256, rf_slice_text(text), NOTHING, digest),
			 0);
	attest_hasher_free(hasher);
	rf_buf_add_hex(&hex, digest, 32);
	rf_copy(out, 65, rf_buf_text(&hex));
}

/* The signers of the story are digests; rules name them as the log shows them. */
static const char *signer_name(const char *signer, char out[128])
{
	RF_AUTOBUF struct rf_buf hex = {0};
	struct attest_hasher *hasher = NULL;
	uint8_t digest[32];

	assert_int_equal(attest_hasher_new(&hasher, NULL), 0);
	assert_int_equal(attest_hash(hasher, ATTEST_SHA256, rf_slice_text(signer), NOTHING, digest),
			 0);
	attest_hasher_free(hasher);
	rf_buf_add_hex(&hex, digest, 32);
	rf_format(out, 128, "SHA-256 %s", rf_buf_text(&hex));
	return out;
}

/* Judges with one approved boot. */
static void judged(const char *yaml, const struct machine *now, int64_t now_ms, struct reasons *out)
{
	struct baseline *baseline = load_text(yaml);

	add_machine(baseline, "first", &story_base, "Ada");
	judge_at(baseline, now, NOTHING, now_ms, out);
	baseline_free(baseline);
}

static struct machine with_kernel(void)
{
	struct machine m = story_base;

	m.version = "6.1.0-56-amd64";
	m.kernel = "kernel 56";
	m.initrd = "initrd 56";
	m.config = "menu of 56";
	return m;
}

struct rule_case {
	const char *name;
	const char *yaml;
	enum reason_id id;
	const char *allowed_by; /* "" not */
	int64_t now_ms;		/* 0: noon */
};

static const struct rule_case cases[] = {
	{"no rule", HEAD, REASON_KERNEL_CHANGED, "", 0},
	{"a rule for kernels, by name",
	 HEAD
	 "rules:\n  - {name: k, allow: kernel-changed, why: x, subject: \"/boot/vmlinuz-*\"}\n",
	 REASON_KERNEL_CHANGED, "k (by name alone: no proof)", 0},
	{"a rule for kernels, by kind",
	 HEAD "rules:\n  - {name: k, allow: [kernel-changed, mok-changed], why: x}\n",
	 REASON_KERNEL_CHANGED, "k (by kind alone: no proof)", 0},
	{"a rule for another kernel",
	 HEAD
	 "rules:\n  - {name: k, allow: kernel-changed, why: x, subject: \"/boot/vmlinuz-5*\"}\n",
	 REASON_KERNEL_CHANGED, "", 0},
	{"a rule for another reason", HEAD "rules:\n  - {name: k, allow: mok-changed, why: x}\n",
	 REASON_KERNEL_CHANGED, "", 0},
	{"a rule for some of its registers",
	 HEAD "rules:\n  - {name: k, allow: kernel-changed, why: x, pcr: [8, 9]}\n",
	 REASON_KERNEL_CHANGED, "", 0},
	{"a rule for all of its registers",
	 HEAD "rules:\n  - {name: k, allow: kernel-changed, why: x, pcr: [4, 8, 9]}\n",
	 REASON_KERNEL_CHANGED, "k (by kind alone: no proof)", 0},
	{"a rule that ended",
	 HEAD "rules:\n  - {name: k, allow: kernel-changed, why: x, until: 2026-11-23}\n",
	 REASON_KERNEL_CHANGED, "", 0},
	{"a rule on its last day",
	 HEAD "rules:\n  - {name: k, allow: kernel-changed, why: x, until: 2026-11-24}\n",
	 REASON_KERNEL_CHANGED, "k (by kind alone: no proof)", 0},
	{"a rule that has not begun",
	 HEAD "rules:\n  - {name: k, allow: kernel-changed, why: x, from: 2026-11-25}\n",
	 REASON_KERNEL_CHANGED, "", 0},
	{"a window",
	 HEAD "maintenance:\n  - {name: w, why: x, from: 2026-11-24, "
	      "until: 2026-11-24, packages: [linux-image-amd64]}\n",
	 REASON_KERNEL_CHANGED, "window w (by date and kind alone: no proof)", 0},
	{"a window for another package",
	 HEAD "maintenance:\n  - {name: w, why: x, from: "
	      "2026-11-24, until: 2026-11-24, packages: [shim-signed]}\n",
	 REASON_KERNEL_CHANGED, "", 0},
	{"a window that is over",
	 HEAD "maintenance:\n  - {name: w, why: x, from: 2026-11-20, "
	      "until: 2026-11-21, packages: [linux-image*]}\n",
	 REASON_KERNEL_CHANGED, "", 0},
};

static void test_rules(void **state)
{
	const struct machine now = with_kernel();

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		struct reasons list = {0};

		judged(cases[i].yaml, &now, cases[i].now_ms ? cases[i].now_ms : NOON, &list);
		const struct reason *r = reason_find(&list, cases[i].id);

		if (!r || strcmp(r->allowed_by, cases[i].allowed_by) != 0) {
			print_message("%s:\n", cases[i].name);
			show_reasons(&list);
		}
		assert_non_null(r);
		assert_string_equal(r->allowed_by, cases[i].allowed_by);
		reasons_done(&list);
	}
}

/* A rule without effect, and a window that is over, are told with the reason. */
static void test_no_effect(void **state)
{
	const struct machine now = with_kernel();
	struct reasons list = {0};
	const struct reason *r;

	(void)state;
	judged(HEAD "rules:\n  - {name: m, allow: mok-changed, why: x}\n", &story_base, NOON,
	       &list);
	assert_int_equal(list.count, 1);
	assert_int_equal(list.items[0].id, REASON_RULE_UNUSED);
	assert_string_equal(list.items[0].subject, "m");
	assert_string_equal(list.items[0].detail, "it matched nothing in this boot");
	reasons_done(&list);
	judged(HEAD "rules:\n  - {name: k, allow: kernel-changed, why: x, until: 2026-11-23}\n",
	       &now, NOON, &list);
	r = reason_find(&list, REASON_RULE_UNUSED);
	assert_non_null(r);
	assert_string_equal(r->detail, "it ended on 2026-11-23T23:59:59Z");
	reasons_done(&list);
	judged(HEAD "maintenance:\n  - {name: w, why: x, from: 2026-11-20, until: 2026-11-21, "
		    "packages: linux-image*}\n",
	       &now, NOON, &list);
	r = reason_find(&list, REASON_BASELINE_EXPIRED);
	assert_non_null(r);
	assert_string_equal(r->subject, "w");
	reasons_done(&list);
	/* Nothing changed: a window that is over is nobody's concern. */
	judged(HEAD "maintenance:\n  - {name: w, why: x, from: 2026-11-20, until: 2026-11-21, "
		    "packages: linux-image*}\n",
	       &story_base, NOON, &list);
	assert_int_equal(list.count, 0);
	reasons_done(&list);
}

/* ---- digests ---- */

static const char *digest_rule(const char *image, const char *file, char *out, size_t size)
{
	char image_hex[65], file_hex[65];

	sha256_hex(image, image_hex);
	sha256_hex(file, file_hex);
	rf_format(out, size,
		  HEAD "digest-sets: {k: [\"sha256:%s\", \"sha256:%s\"]}\n"
		       "rules:\n  - {name: r, allow: [kernel-changed, initrd-changed], why: x, "
		       "digests: k}\n",
		  image_hex, file_hex);
	return out;
}

static void test_digests(void **state)
{
	const struct machine now = with_kernel();
	struct machine grafted = with_kernel();
	struct reasons list = {0};
	char yaml[1024];

	(void)state;
	judged(digest_rule("image of kernel 56", "kernel 56", yaml, sizeof(yaml)), &now, NOON,
	       &list);
	assert_string_equal(reason_find(&list, REASON_KERNEL_CHANGED)->allowed_by, "r");
	assert_string_equal(reason_find(&list, REASON_INITRD_CHANGED)->allowed_by, "");
	reasons_done(&list);
	/* The file is known, the image that shim checked is not: not allowed. */
	judged(digest_rule("another image", "kernel 56", yaml, sizeof(yaml)), &now, NOON, &list);
	assert_string_equal(reason_find(&list, REASON_KERNEL_CHANGED)->allowed_by, "");
	reasons_done(&list);
	/* SHA-1 alone proves nothing. */
	grafted.alg = ATTEST_SHA1;
	judged(digest_rule("image of kernel 56", "kernel 56", yaml, sizeof(yaml)), &grafted, NOON,
	       &list);
	assert_string_equal(reason_find(&list, REASON_KERNEL_CHANGED)->allowed_by, "");
	reasons_done(&list);
}

static void test_package(void **state)
{
	static const char yaml[] =
		HEAD "digest-sets: {d: {file: d}}\nrules:\n"
		     "  - {name: r, allow: initrd-changed, why: x, digests: d, package: %s}\n";
	static const struct {
		const char *glob;
		bool allowed;
	} rows[] = {{"linux-image-*", true}, {"linux-image-6.1", false}, {"grub*", false}};
	const struct machine now = with_kernel();

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		RF_AUTOBUF struct rf_buf file = {0};
		struct reasons list = {0};
		char text[512], hex[65];

		sha256_hex("initrd 56", hex);
		rf_buf_printf(&file, "sha256:%s /boot/initrd.img pkg:linux-image-6.1.0-56=6.1.4\n",
			      hex);
		rf_format(text, sizeof(text), yaml, rows[i].glob);
		struct baseline *baseline = load_text(text);

		assert_int_equal(baseline_give_file(baseline, 0, rf_buf_slice(&file), NULL), 0);
		add_machine(baseline, "first", &story_base, "Ada");
		judge_now(baseline, &now, &list);
		assert_string_equal(reason_find(&list, REASON_INITRD_CHANGED)->allowed_by,
				    rows[i].allowed ? "r" : "");
		reasons_done(&list);
		baseline_free(baseline);
	}
}

/* ---- signers ---- */

static const char *signer_rule(const char *first, const char *second, char *out, size_t size)
{
	char a[128], b[128];

	rf_format(out, size,
		  HEAD "rules:\n  - {name: s, allow: kernel-changed, why: x, signer: [\"%s\", "
		       "\"%s\"]}\n",
		  signer_name(first, a), signer_name(second, b));
	return out;
}

static void unsigned_kernel(struct machine *m)
{
	m->secure_boot = false;
}

static void other_signer(struct machine *m)
{
	m->signer = "Somebody's CA";
}

static void nothing_else(struct machine *m)
{
	(void)m;
}

static void test_signer(void **state)
{
	static const struct {
		const char *name;
		void (*change)(struct machine *m);
		const char *first, *second;
		bool allowed;
	} rows[] = {
		{"both signers named", nothing_else, "Microsoft CA", "Debian Secure Boot CA", true},
		{"one of two named", nothing_else, "Debian Secure Boot CA", "x", false},
		{"Secure Boot off", unsigned_kernel, "Microsoft CA", "Debian Secure Boot CA",
		 false},
		/* A certificate that the approved boot did not know, under whichever name. */
		{"a new signer, named", other_signer, "Microsoft CA", "Somebody's CA", false},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		struct machine now = with_kernel();
		struct reasons list = {0};
		char yaml[1024];

		rows[i].change(&now);
		judged(signer_rule(rows[i].first, rows[i].second, yaml, sizeof(yaml)), &now, NOON,
		       &list);
		const struct reason *r = reason_find(&list, REASON_KERNEL_CHANGED);

		assert_non_null(r);
		if (strcmp(r->allowed_by, rows[i].allowed ? "s" : "") != 0) {
			print_message("%s\n", rows[i].name);
			show_reasons(&list);
		}
		assert_string_equal(r->allowed_by, rows[i].allowed ? "s" : "");
		reasons_done(&list);
	}
}

/* ---- approval ---- */

static void test_approval(void **state)
{
	const struct machine next = with_kernel();
	struct baseline *baseline = load_text(HEAD);
	struct reasons list = {0};
	const struct reason *r;

	(void)state;
	/* Rules alone: nothing to approve, nothing to compare. */
	judge_now(baseline, &next, &list);
	assert_int_equal(list.count, 0);
	add_machine(baseline, "first", &story_base, NULL);
	judge_now(baseline, &story_base, &list);
	assert_int_equal(list.count, 1);
	assert_int_equal(list.items[0].id, REASON_NOT_APPROVED);
	assert_non_null(strstr(list.items[0].detail, "waits for approval"));
	reasons_clear(&list);
	assert_int_equal(baseline_approve(baseline, "first", "Ada", NOON, NULL), 0);
	judge_now(baseline, &story_base, &list);
	assert_int_equal(list.count, 0);
	/* The next boot is there, and nobody approved it: what differs, and why. */
	add_machine(baseline, "next", &next, NULL);
	judge_now(baseline, &next, &list);
	assert_non_null(reason_find(&list, REASON_KERNEL_CHANGED));
	r = reason_find(&list, REASON_NOT_APPROVED);
	assert_non_null(r);
	assert_string_equal(r->subject, "next");
	reasons_clear(&list);
	/* Any of the approved ones. */
	assert_int_equal(baseline_approve(baseline, "next", "Bob", NOON, NULL), 0);
	judge_now(baseline, &next, &list);
	assert_int_equal(list.count, 0);
	judge_now(baseline, &story_base, &list);
	assert_int_equal(list.count, 0);
	reasons_done(&list);
	baseline_free(baseline);
}

/* What is expected distrusts, and no window excuses it. */
static void test_expect(void **state)
{
	struct baseline *baseline =
		load_text(HEAD "expect: {secure-boot: on, ima: on}\n"
			       "rules:\n  - {name: l, allow: lockdown-off, why: x}\n");
	struct reasons list = {0};

	(void)state;
	add_machine(baseline, "first", &story_base, "Ada");
	assert_non_null(reasons_add(&list, REASON_SECURE_BOOT_OFF));
	assert_non_null(reasons_add(&list, REASON_LOCKDOWN_OFF));
	assert_non_null(reasons_add(&list, REASON_IMA_OFF));
	assert_non_null(reasons_add(&list, REASON_QUOTE_FORGED));
	judge_now(baseline, &story_base, &list);
	assert_true(reason_find(&list, REASON_SECURE_BOOT_OFF)->demanded);
	assert_true(reason_find(&list, REASON_IMA_OFF)->demanded);
	assert_false(reason_find(&list, REASON_LOCKDOWN_OFF)->demanded);
	assert_string_equal(reason_find(&list, REASON_LOCKDOWN_OFF)->allowed_by, "l");
	assert_string_equal(reason_find(&list, REASON_QUOTE_FORGED)->allowed_by, "");
	reasons_done(&list);
	baseline_free(baseline);
}

/* Boots of other algorithms cannot be compared: that blinds, it is not "nothing changed". */
static void test_other_banks(void **state)
{
	struct machine sha1 = story_base, sha384 = story_base;
	struct baseline *baseline = load_text(HEAD);
	struct reasons list = {0};

	(void)state;
	sha1.alg = ATTEST_SHA1;
	sha384.alg = ATTEST_SHA384;
	add_machine(baseline, "first", &sha1, "Ada");
	judge_now(baseline, &sha384, &list);
	assert_non_null(reason_find(&list, REASON_EVIDENCE_MISSING));
	reasons_done(&list);
	baseline_free(baseline);
}

/* ---- files that ran ---- */

static const char ima_policy[] = HEAD
	"digest-sets: {d: {file: d}}\n"
	"rules:\n  - {name: tools, allow: ima-file-unknown, why: x, subject: \"/opt/tools/*\"}\n"
	"ima:\n  digests: d\n  violations: fail\n  exclude:\n"
	"    - {path: \"/var/cache/*\", why: made here}\n"
	"    - {path: \"/never/*\", why: nothing}\n";

static struct baseline *ima_baseline(void)
{
	RF_AUTOBUF struct rf_buf file = {0};
	struct baseline *baseline = load_text(ima_policy);
	char hex[65];

	sha256_hex("true", hex);
	rf_buf_printf(&file, "sha256:%s /usr/bin/true pkg:coreutils\n", hex);
	sha256_hex("false", hex);
	rf_buf_printf(&file, "%s */usr/bin/false\n", hex);
	assert_int_equal(baseline_give_file(baseline, 0, rf_buf_slice(&file), NULL), 0);
	add_machine(baseline, "first", &story_base, "Ada");
	return baseline;
}

static void test_ima(void **state)
{
	static const struct {
		const char *path, *contents;
		enum reason_id id; /* REASON_COUNT: none */
		const char *allowed_by;
	} rows[] = {
		{"boot_aggregate", "whatever", REASON_COUNT, ""},
		{"/usr/bin/true", "true", REASON_COUNT, ""},
		{"/tmp/copy", "true", REASON_COUNT, ""}, /* contents count, names do not */
		{"/usr/bin/false", "another false", REASON_IMA_CHANGED_FILE, ""},
		{"/usr/bin/evil", "evil", REASON_IMA_UNKNOWN_FILE, ""},
		{"/opt/tools/x", "tool", REASON_IMA_UNKNOWN_FILE,
		 "tools (by name alone: no proof)"},
		{"/var/cache/x", "made", REASON_COUNT, ""},
		{"/var/log/x", "", REASON_IMA_VIOLATION, ""},
	};
	RF_AUTOBUF struct rf_buf ima = {0};
	struct baseline *baseline = ima_baseline();
	struct reasons list = {0};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++)
		put_ng(&ima, rows[i].path, rows[i].contents);
	put_ng(&ima, "/usr/bin/evil", "evil again"); /* one path is told once */
	judge_at(baseline, &story_base, rf_buf_slice(&ima), NOON, &list);
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		const struct reason *found = NULL;
		size_t times = 0;

		for (size_t k = 0; k < list.count; k++) {
			if (strcmp(list.items[k].subject, rows[i].path) == 0) {
				found = &list.items[k];
				times++;
			}
		}
		if (times != (rows[i].id != REASON_COUNT) || (found && found->id != rows[i].id)) {
			print_message("%s\n", rows[i].path);
			show_reasons(&list);
		}
		assert_int_equal(times, rows[i].id != REASON_COUNT);
		assert_true(!found || found->id == rows[i].id);
		assert_true(!found || strcmp(found->allowed_by, rows[i].allowed_by) == 0);
	}
	assert_true(reason_find(&list, REASON_IMA_VIOLATION)->demanded);
	assert_string_equal(reason_find(&list, REASON_RULE_UNUSED)->subject, "/never/*");
	reasons_done(&list);
	baseline_free(baseline);
}

/* More unknown files than are told: the rest is one reason that no rule about a path allows. */
static void test_ima_many(void **state)
{
	RF_AUTOBUF struct rf_buf ima = {0};
	struct baseline *baseline = ima_baseline();
	struct reasons list = {0};
	char path[64];

	(void)state;
	for (size_t i = 0; i < 300; i++) {
		rf_format(path, sizeof(path), "/opt/tools/%zu", i);
		put_ng(&ima, path, path);
	}
	judge_at(baseline, &story_base, rf_buf_slice(&ima), NOON, &list);
	const struct reason *rest = NULL;
	size_t open = 0;

	for (size_t i = 0; i < list.count; i++) {
		if (list.items[i].id != REASON_IMA_UNKNOWN_FILE || list.items[i].allowed_by[0])
			continue;
		rest = &list.items[i];
		open++;
	}
	assert_int_equal(open, 1);
	assert_string_equal(rest->detail, "and 44 files more that are not shown");
	reasons_done(&list);
	baseline_free(baseline);
}

static void test_ima_broken(void **state)
{
	RF_AUTOBUF struct rf_buf ima = {0};
	struct baseline *baseline = ima_baseline();
	struct reasons list = {0};
	struct log_build log;
	struct boot boot;

	(void)state;
	put_ng(&ima, "/usr/bin/true", "true");
	machine_story(&story_base, &log, &boot);
	for (size_t cut = 1; cut < ima.len; cut++) {
		const struct evidence_facts facts = {.now_ms = NOON,
						     .ima = {ima.data, ima.len - cut}};
		struct rf_err err = {0};

		reasons_clear(&list);
		assert_true(baseline_judge(log.hasher, baseline, &boot, &facts, &list, &err) < 0);
	}
	reasons_done(&list);
	boot_done(&boot);
	end_log(&log);
	baseline_free(baseline);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules),	   cmocka_unit_test(test_no_effect),
		cmocka_unit_test(test_digests),	   cmocka_unit_test(test_package),
		cmocka_unit_test(test_signer),	   cmocka_unit_test(test_approval),
		cmocka_unit_test(test_expect),	   cmocka_unit_test(test_other_banks),
		cmocka_unit_test(test_ima),	   cmocka_unit_test(test_ima_many),
		cmocka_unit_test(test_ima_broken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
