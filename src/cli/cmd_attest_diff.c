/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ringfence attest diff: what changed from one boot to another, in words. It compares and does not
 * judge: whether a file of evidence is genuine, `attest verify` tells.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "attest/diff.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/common.h"
#include "cli/rows.h"
#include "cli/story.h"

#define FILES_SHOWN    20u
#define SENTENCE_BYTES 4096u
#define NOTES_MAX      6u

struct comparison {
	struct story was, now;
	struct reasons reasons;
	const char *notes[NOTES_MAX]; /* what could not be compared, and what is not proved */
	size_t notes_count;
};

static void note(struct comparison *c, const char *text)
{
	if (c->notes_count < NOTES_MAX)
		c->notes[c->notes_count++] = text;
}

static bool has_source(const struct boot *boot, enum boot_source source)
{
	for (size_t i = 0; i < boot->count; i++) {
		if (boot->items[i].source == source)
			return true;
	}
	return false;
}

static void drop_source(struct boot *boot, enum boot_source source)
{
	size_t kept = 0;

	for (size_t i = 0; i < boot->count; i++) {
		if (boot->items[i].source != source)
			boot->items[kept++] = boot->items[i];
	}
	boot->count = kept;
}

/* A log that only one of the two holds was not collected there: that is no change. */
static void drop_uneven(struct comparison *c)
{
	static const char *const texts[] = {
		[BOOT_FIRMWARE_LOG] = "only one of the two holds the firmware's log: not compared",
		[BOOT_TXT_LOG] = "only one of the two holds the log of a measured launch (TXT): "
				 "not compared",
		[BOOT_USERSPACE_LOG] = "only one of the two holds systemd's measurements: not "
				       "compared",
	};

	for (size_t s = 0; s < RF_COUNT(texts); s++) {
		enum boot_source source = (enum boot_source)s;

		if (has_source(&c->was.boot, source) == has_source(&c->now.boot, source))
			continue;
		drop_source(&c->was.boot, source);
		drop_source(&c->now.boot, source);
		note(c, texts[s]);
	}
}

static int compare_ima(struct comparison *c, struct rf_err *err)
{
	if (!c->was.has_ima && !c->now.has_ima)
		return 0;
	if (!c->was.has_ima || !c->now.has_ima) {
		note(c, "only one of the two holds a list of the programs that ran (IMA): not "
			"compared");
		return 0;
	}
	return ima_diff(&c->was.ima, &c->now.ima, FILES_SHOWN, &c->reasons, err);
}

/* A baseline holds boots: the one that is nearest to the other side. */
static int choose_boot(struct story *story, const struct boot *other, const struct boot **out,
		       struct rf_err *err)
{
	*out = &story->boot;
	if (story->kind != STORY_BASELINE)
		return 0;
	const struct baseline_boot *nearest = NULL;
	int rc = baseline_nearest(story->baseline, other, false, &nearest, err);

	if (rc == 0)
		*out = &nearest->boot;
	return rc < 0 ? rf_wrap(err, rc, "%s", story->path) : 0;
}

/* Two files of evidence name the chips that signed them. */
static void compare_identity(struct comparison *c)
{
	static const struct {
		enum evidence_kind kind;
		enum reason_id id;
	} keys[] = {{EVIDENCE_EK_PUBLIC, REASON_OTHER_TPM}, {EVIDENCE_AK_PUBLIC, REASON_OTHER_AK}};

	for (size_t i = 0; i < RF_COUNT(keys); i++) {
		struct rf_slice was = c->was.evidence.sections[keys[i].kind];
		struct rf_slice now = c->now.evidence.sections[keys[i].kind];

		if (!was.len || !now.len || rf_slice_equal(was, now))
			continue;
		/* Another chip has other keys, too: that is one thing. */
		(void)reasons_add(&c->reasons, keys[i].id);
		return;
	}
}

static int compare(struct comparison *c, struct rf_err *err)
{
	const struct boot *was, *now;
	int rc;

	if (c->was.kind != STORY_BASELINE && c->now.kind != STORY_BASELINE)
		drop_uneven(c);
	rc = choose_boot(&c->was, &c->now.boot, &was, err);
	if (rc == 0)
		rc = choose_boot(&c->now, was, &now, err);
	if (rc < 0)
		return rc;
	if (was->count == 0 && now->count == 0 && !(c->was.has_ima && c->now.has_ima))
		return rf_fail(err, RF_E_MISSING, "%s and %s hold nothing that can be compared",
			       c->was.path, c->now.path);
	compare_identity(c);
	rc = boot_diff(was, now, &c->reasons);
	if (rc == RF_E_MISMATCH)
		return rf_fail(err, rc,
			       "the two boots were measured with different algorithms: "
			       "nothing can be compared");
	if (rc < 0)
		return rf_fail(err, rc, "no memory");
	rc = compare_ima(c, err);
	note(c, "this compares two files and proves neither: `ringfence attest verify` tells "
		"whether evidence is genuine");
	return rc;
}

static void print_table(const struct comparison *c, const struct cli_args *args)
{
	char sentence[SENTENCE_BYTES];
	diff_words(&c->reasons, sentence, sizeof(sentence));
	printf("From %s to %s:\n", c->was.path, c->now.path);
	story_print_wrapped(stdout, "  ", 2, sentence);
	story_print_reasons(stdout, &c->reasons, rows_color(cli_value(args, OPT_COLOR)));
	fputc('\n', stdout);
	for (size_t i = 0; i < c->notes_count; i++)
		story_print_wrapped(stdout, "note: ", 6, c->notes[i]);
}

static int print_json(const struct comparison *c)
{
	char sentence[SENTENCE_BYTES];
	json_t *changes = json_array(), *notes = json_array();
	json_t *root;
	int rc;

	diff_words(&c->reasons, sentence, sizeof(sentence));
	for (size_t i = 0; i < c->reasons.count; i++)
		json_array_append_new(changes, story_reason_json(&c->reasons.items[i]));
	for (size_t i = 0; i < c->notes_count; i++)
		json_array_append_new(notes, json_string(c->notes[i]));
	root = json_pack("{s:s, s:b, s:o, s:I, s:o}", "words", sentence, "changed",
			 c->reasons.count + c->reasons.dropped > 0, "changes", changes, "not_shown",
			 (json_int_t)c->reasons.dropped, "notes", notes);
	rc = root ? json_dumpf(root, stdout, JSON_INDENT(2)) : -1;
	fputc('\n', stdout);
	json_decref(root);
	return rc < 0 ? -ENOMEM : 0;
}

static int run(const struct cli_args *args, struct attest_hasher *hasher, struct comparison *c,
	       struct rf_err *err)
{
	enum rows_format format;
	int rc = rows_format_parse(cli_value(args, OPT_OUTPUT), &format, err);

	if (rc == 0 && format == ROWS_CSV)
		rc = rf_fail(err, RF_E_USAGE, "a difference is printed as table or json");
	if (rc == 0)
		rc = story_read(hasher, args->words[0], &c->was, err);
	if (rc == 0)
		rc = story_read(hasher, args->words[1], &c->now, err);
	if (rc == 0)
		rc = common_lock_in(args, err);
	if (rc == 0)
		rc = compare(c, err);
	if (rc < 0)
		return rc;
	if (format == ROWS_JSON)
		rc = print_json(c);
	else
		print_table(c, args);
	if (rc < 0)
		return rf_fail(err, rc, "the difference could not be printed");
	return c->reasons.count + c->reasons.dropped > 0 ? CLI_FINDINGS : 0;
}

int cmd_attest_diff(const struct cli_args *args, struct rf_err *err)
{
	struct attest_hasher *hasher = NULL;
	struct comparison c = {0};
	int rc = attest_hasher_new(&hasher, err);

	if (rc == 0)
		rc = run(args, hasher, &c, err);
	reasons_done(&c.reasons);
	story_done(&c.was);
	story_done(&c.now);
	attest_hasher_free(hasher);
	return rc;
}
