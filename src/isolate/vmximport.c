/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a .vmx into a policy's YAML. See vmxfile.h; writing one is vmxfile.c. */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "collect/vmx.h"
#include "isolate/vmxfile.h"
#include "isolate/vmxwords.h"

#define NAME_BYTES 44 /* a policy's names have 48 at most, and "vmx-" stands before */

/* A key of the profile to be, or a line that does not get there. */
struct carried {
	const struct vmx_word *word;
	const struct vmx_entry *entry;
	const char *text;   /* of the policy */
	const char *reason; /* why not; NULL: it gets there */
};

struct import {
	const struct vmx *vmx;
	struct carried *items;
	size_t count, capacity;
	struct rf_arena texts;
	const char *vm; /* as an assignment names it */
	char profile[NAME_BYTES + 5];
};

static int carry(struct import *im, const struct vmx_word *word, const struct vmx_entry *entry,
		 const char *text, const char *reason)
{
	if (rf_grow((void **)&im->items, &im->capacity, im->count + 1, sizeof(*im->items)) < 0)
		return -ENOMEM;
	im->items[im->count++] = (struct carried){word, entry, text, reason};
	return 0;
}

/* Two devices that say different things leave the key to the profile that this one is based on. */
static struct carried *same_word(struct import *im, const struct vmx_word *word)
{
	for (size_t i = 0; i < im->count; i++) {
		struct carried *c = &im->items[i];

		if (c->text && strcmp(c->word->block, word->block) == 0 &&
		    strcmp(c->word->policy, word->policy) == 0)
			return c;
	}
	return NULL;
}

static int entry_carry(struct import *im, const struct vmx_word *word, const struct vmx_entry *e)
{
	char text[VMX_WORD_BYTES];

	if (!word)
		return carry(im, NULL, e, NULL, "a profile has no such word");
	if (!word->block)
		return carry(im, word, e, NULL, word->remark);
	if (e->conflict)
		return carry(im, word, e, NULL, "it stands twice, with different values");
	if (vmx_word_to_policy(word, e->value, text) < 0)
		return carry(im, word, e, NULL, "not a value that a profile knows");
	struct carried *before = same_word(im, word);

	if (before && strcmp(before->text, text) != 0) {
		before->reason = "the VM's devices differ, a profile is one for all of them";
		return carry(im, word, e, NULL, before->reason);
	}
	if (before)
		return 0;
	const char *kept = rf_arena_copy(&im->texts, text);

	return kept ? carry(im, word, e, kept, NULL) : -ENOMEM;
}

/* Keys of the families that a profile is about. The rest of a .vmx is another matter. */
static bool about_isolation(const char *key)
{
	return rf_starts(key, "sched.") && !rf_starts(key, "sched.swap.");
}

static int entries_carry(struct import *im)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < im->vmx->count; i++) {
		const struct vmx_entry *e = &im->vmx->entries[i];
		const struct vmx_word *word = e->superseded ? NULL : vmx_word_find(e->key);

		if (!e->superseded && (word || about_isolation(e->key)))
			rc = entry_carry(im, word, e);
	}
	return rc;
}

/* ---- as YAML ---- */

static bool block_add(const struct import *im, const char *block, struct rf_buf *out)
{
	bool any = false;

	for (size_t i = 0; i < im->count; i++) {
		const struct carried *c = &im->items[i];

		if (!c->text || c->reason || strcmp(c->word->block, block) != 0)
			continue;
		rf_buf_printf(out, any ? "" : "    %s:\n", block);
		rf_buf_printf(out, "      %s: %s\n", c->word->policy, c->text);
		any = true;
	}
	return any;
}

/* Blocks in the order of the table. A profile has a network block, an empty one if need be. */
static void blocks_add(const struct import *im, struct rf_buf *out)
{
	for (size_t i = 0; i < vmx_words_count; i++) {
		const char *block = vmx_words[i].block;
		bool seen = !block;

		for (size_t k = 0; !seen && k < i; k++)
			seen = vmx_words[k].block && strcmp(vmx_words[k].block, block) == 0;
		if (!seen && !block_add(im, block, out) && strcmp(block, "network") == 0)
			rf_buf_add_text(out, "    network: {}\n");
	}
}

/* Text of a stranger in a comment: nothing in it may end the line. */
static void comment_add(struct rf_buf *out, const struct carried *c)
{
	rf_buf_printf(out, "# line %u: ", c->entry->line);
	rf_buf_add_visible(out, c->entry->spelling, strlen(c->entry->spelling));
	rf_buf_add_text(out, " = \"");
	rf_buf_add_visible(out, c->entry->value, strlen(c->entry->value));
	rf_buf_printf(out, "\": %s\n", c->reason ? c->reason : c->word->remark);
}

static void comments_add(const struct import *im, struct rf_buf *out)
{
	size_t left = 0, near = 0;

	for (size_t i = 0; i < im->count; i++) {
		if (im->items[i].reason && left++ == 0)
			rf_buf_add_text(out, "#\n# Not carried:\n");
		if (im->items[i].reason)
			comment_add(out, &im->items[i]);
	}
	for (size_t i = 0; i < im->count; i++) {
		const struct carried *c = &im->items[i];

		if (c->reason || !c->word->remark)
			continue;
		rf_buf_add_text(out,
				near++ == 0 ? "#\n# Carried, but the meaning is only near:\n" : "");
		comment_add(out, c);
	}
	for (size_t i = 0; i < im->vmx->problems_count && i < VMX_MAX_PROBLEMS; i++)
		rf_buf_printf(out, "# line %u is not understood: %s\n", im->vmx->problems[i].line,
			      im->vmx->problems[i].what);
}

static int policy_write(const struct import *im, struct rf_buf *out)
{
	rf_buf_reset(out);
	rf_buf_add_text(out, "# Made from a .vmx file by ringfence isolate import. A key that is "
			     "not here is as in the\n# profile that this one is based on. The zone "
			     "is yours to choose.\n");
	comments_add(im, out);
	rf_buf_printf(out, "isolate: 1\nprofiles:\n  %s:\n    based-on: standard\n", im->profile);
	blocks_add(im, out);
	rf_buf_printf(out, "assignments:\n  - {vm: '%s', profile: %s}\n", im->vm, im->profile);
	return out->failed ? -ENOMEM : 0;
}

/* Keys that exclude each other are for a person to decide: the later one is not carried. */
static int policy_write_sound(struct import *im, struct rf_buf *out, struct rf_err *err)
{
	int rc = policy_write(im, out);

	for (size_t n = im->count; rc == 0; n--) {
		POLICY_AUTO struct policy *policy = NULL;
		struct rf_err why = {0};

		rc = policy_parse(rf_buf_slice(out), "policy", &policy, &why);
		if (rc == 0)
			return 0;
		while (n > 0 && (!im->items[n - 1].text || im->items[n - 1].reason))
			n--;
		if (n == 0 || rc == -ENOMEM)
			return rf_fail(err, rc, "%s", rf_err_text(&why));
		im->items[n - 1].reason = "with the other keys a profile refuses it";
		rc = policy_write(im, out);
	}
	return rf_fail(err, rc, "no memory");
}

/* ---- names ---- */

/* A glob for the VM's name: what is special in a glob, in YAML or on a terminal becomes ?. */
static const char *vm_pattern(struct import *im, const char *name)
{
	char *pattern = rf_arena_copy(&im->texts, name);

	for (char *p = pattern; p && *p; p++) {
		if (strchr("*?[]'\\", *p) || iscntrl((unsigned char)*p) || *p & 0x80)
			*p = '?';
	}
	return pattern;
}

static void profile_name(struct import *im, const char *name)
{
	char clean[NAME_BYTES];
	size_t len = 0;

	for (; *name && len + 1 < sizeof(clean); name++)
		clean[len++] = isalnum((unsigned char)*name) || strchr("._-", *name) ? *name : '-';
	clean[len] = '\0';
	rf_format(im->profile, sizeof(im->profile), "vmx-%s", clean);
}

int vmx_import(struct rf_slice file, const char *name, struct rf_buf *out, struct rf_err *err)
{
	VMX_AUTO struct vmx vmx = {0};
	RF_AUTOBUF struct rf_buf text = {0};
	struct import im = {.vmx = &vmx};
	enum vmx_encoding encoding;
	char set[64];
	int rc = rf_buf_add(&text, file.data, file.len);

	if (!rc && text.len == 0)
		return rf_fail(err, RF_E_SYNTAX, "the file is empty");
	if (!rc)
		rc = vmx_to_utf8(&text, set, sizeof(set), &encoding);
	rc = rc ? rf_fail(err, rc, "no memory") : vmx_parse(&vmx, (char *)text.data, text.len, err);
	if (rc < 0)
		return rc;
	const struct vmx_entry *shown = vmx_find(&vmx, "displayname");

	name = shown && !shown->conflict && shown->value[0] ? shown->value : name;
	profile_name(&im, name);
	im.vm = vm_pattern(&im, name);
	rc = im.vm ? entries_carry(&im) : -ENOMEM;
	rc = rc ? rf_fail(err, rc, "no memory") : policy_write_sound(&im, out, err);
	rf_free(im.items);
	rf_arena_done(&im.texts);
	return rc;
}
