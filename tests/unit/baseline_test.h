/* SPDX-License-Identifier: Apache-2.0 */
/* What tests of the baseline share: baselines of the story's machine, judged. */
#ifndef BASELINE_TEST_H
#define BASELINE_TEST_H

#include "story_test.h"

#include "attest/baseline.h"

#define NOON   1795521600000LL /* 2026-11-24T12:00:00Z */
#define DAY_MS 86400000LL

/* A YAML text with the boots of machines behind it. */
struct baseline_build {
	struct rf_buf text;
	struct baseline *baseline;
};

static inline struct baseline *load_text(const char *yaml)
{
	struct baseline *baseline = NULL;
	struct rf_err err = {0};

	if (baseline_load(rf_slice_text(yaml), "b.yaml", &baseline, &err) < 0)
		fail_msg("%s", rf_err_text(&err));
	return baseline;
}

static inline void add_machine(struct baseline *baseline, const char *name, const struct machine *m,
			       const char *approved_by)
{
	struct log_build log;
	struct boot boot;

	machine_story(m, &log, &boot);
	assert_int_equal(baseline_add_boot(baseline, name, false, &boot, NULL), 0);
	if (approved_by)
		assert_int_equal(baseline_approve(baseline, name, approved_by, NOON, NULL), 0);
	boot_done(&boot);
	end_log(&log);
}

static inline void judge_at(const struct baseline *baseline, const struct machine *now,
			    struct rf_slice ima, int64_t now_ms, struct reasons *out)
{
	const struct evidence_facts facts = {.now_ms = now_ms, .ima = ima};
	struct log_build log;
	struct boot boot;
	struct rf_err err = {0};

	machine_story(now, &log, &boot);
	if (baseline_judge(log.hasher, baseline, &boot, &facts, out, &err) < 0)
		fail_msg("%s", rf_err_text(&err));
	boot_done(&boot);
	end_log(&log);
}

static inline void judge_now(const struct baseline *baseline, const struct machine *now,
			     struct reasons *out)
{
	judge_at(baseline, now, (struct rf_slice){0}, NOON, out);
}

static inline const struct reason *reason_find(const struct reasons *list, enum reason_id id)
{
	for (size_t i = 0; i < list->count; i++) {
		if (list->items[i].id == id)
			return &list->items[i];
	}
	return NULL;
}

static inline void show_reasons(const struct reasons *list)
{
	char text[1024];

	for (size_t i = 0; i < list->count; i++)
		print_message("  [%s] %s (allowed by \"%s\")\n",
			      reason_class_of(list->items[i].id)->id,
			      reason_words(&list->items[i], text, sizeof(text)),
			      list->items[i].allowed_by);
}

/* An entry of an IMA list (ima-ng); no contents: a violation. */
static inline void put_ng(struct rf_buf *list, const char *path, const char *contents)
{
	uint8_t digest[32];
	struct attest_hasher *hasher = NULL;
	RF_AUTOBUF struct rf_buf data = {0};
	uint8_t template_digest[20];

	assert_int_equal(attest_hasher_new(&hasher, NULL), 0);
	assert_int_equal(
		attest_hash(hasher, ATTEST_SHA256, rf_slice_text(contents), NOTHING, digest), 0);
	put_le(&data, 8 + 32, 4);
	rf_buf_add(&data, "sha256:", 8);
	rf_buf_add(&data, digest, 32);
	put_le(&data, strlen(path) + 1, 4);
	rf_buf_add(&data, path, strlen(path) + 1);
	assert_int_equal(
		attest_hash(hasher, ATTEST_SHA1, rf_buf_slice(&data), NOTHING, template_digest), 0);
	if (!*contents)
		memset(template_digest, 0, sizeof(template_digest));
	put_le(list, 10, 4);
	rf_buf_add(list, template_digest, 20);
	put_le(list, 6, 4);
	rf_buf_add(list, "ima-ng", 6);
	put_le(list, data.len, 4);
	rf_buf_add(list, data.data, data.len);
	attest_hasher_free(hasher);
}

#endif
