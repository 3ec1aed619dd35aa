/* SPDX-License-Identifier: Apache-2.0 */
/* Writing a profile into a .vmx. See vmxfile.h; reading one is vmximport.c. */
#include "isolate/vmxfile.h"

#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/vmx.h"
#include "isolate/policy_parts.h"
#include "isolate/vmxwords.h"

/* A template: the lines of a first network card follow. */
#define NEW_FILE ".encoding = \"UTF-8\"\nethernet0.present = \"TRUE\"\n"
#define MARK	 "\xEF\xBB\xBF" /* of UTF-8, at the start of a file */

void vmx_wants_done(struct vmx_wants *wants)
{
	rf_free(wants->items);
	rf_arena_done(&wants->texts);
	memset(wants, 0, sizeof(*wants));
}

static int want_add(struct vmx_wants *w, const char *key, const char *value, const char *remark)
{
	char *kept_key = rf_arena_copy(&w->texts, key);
	char *kept_value = rf_arena_copy(&w->texts, value);

	if (!kept_key || !kept_value ||
	    rf_grow((void **)&w->items, &w->capacity, w->count + 1, sizeof(*w->items)) < 0)
		return -ENOMEM;
	w->items[w->count++] = (struct vmx_line_want){kept_key, kept_value, remark};
	return 0;
}

/* Puts the numbers of a device ("scsi0:12") where # stands in a key. */
static bool numbers_put(const char *pattern, const char *device, char out[VMX_WORD_BYTES])
{
	size_t len = 0;

	for (; *pattern && len + 1 < VMX_WORD_BYTES; pattern++) {
		if (*pattern != '#') {
			out[len++] = *pattern;
			continue;
		}
		device += strcspn(device, "0123456789");
		size_t digits = strspn(device, "0123456789");

		if (digits == 0 || len + digits + 1 >= VMX_WORD_BYTES)
			return false;
		memcpy(out + len, device, digits);
		len += digits;
		device += digits;
	}
	out[len] = '\0';
	return *pattern == '\0';
}

/* "ethernet12" for "ethernet#". */
static bool device_fits(const char *pattern, const char *name, size_t len)
{
	const char *end = name + len;

	for (; *pattern; pattern++) {
		if (*pattern == '#') {
			size_t digits = strspn(name, "0123456789");

			if (digits == 0 || digits > 4)
				return false;
			name += digits;
		} else if (name >= end || *pattern != *name++) {
			return false;
		}
	}
	return name == end;
}

/* One line for each device that the file says is present. */
static int devices_want(struct vmx_wants *w, const struct vmx_word *word, const char *value,
			const struct vmx *vmx)
{
	char key[VMX_WORD_BYTES];
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < vmx->count; i++) {
		const struct vmx_entry *e = &vmx->entries[i];
		size_t len = strlen(e->key);
		const char *name = len > 8 ? e->key + len - 8 : "";

		if (e->superseded || strcmp(name, ".present") != 0 || rf_truth(e->value) == 0 ||
		    !device_fits(word->device, e->key, len - 8))
			continue;
		if (numbers_put(word->key, e->key, key))
			rc = want_add(w, key, value, word->remark);
	}
	return rc;
}

static int word_want(struct vmx_wants *w, const struct vmx_word *word,
		     const struct policy_profile *profile, const struct vmx *vmx)
{
	char text[VMX_WORD_BYTES], value[VMX_WORD_BYTES];

	if (!word->block || !policy_profile_text(profile, word->block, word->policy, text) ||
	    vmx_word_from_policy(word, text, value) < 0)
		return 0; /* the profile says nothing of it that a .vmx can say */
	if (!word->device)
		return want_add(w, word->key, value, word->remark);
	return devices_want(w, word, value, vmx);
}

/* Bytes as they are: keys and what is looked at are ASCII in every character set. */
static int vmx_text_parse(struct rf_slice file, struct rf_buf *text, struct vmx *vmx,
			  struct rf_err *err)
{
	if (file.len == 0)
		file = rf_slice_text(NEW_FILE);
	if (rf_buf_add(text, file.data, file.len) < 0)
		return rf_fail(err, -ENOMEM, "no memory");
	return vmx_parse(vmx, (char *)text->data, text->len, err);
}

int vmx_wants_make(const struct policy_profile *profile, struct rf_slice file,
		   struct vmx_wants *out, struct rf_err *err)
{
	VMX_AUTO struct vmx vmx = {0};
	RF_AUTOBUF struct rf_buf text = {0};
	struct vmx_wants wants = {0};
	int rc = vmx_text_parse(file, &text, &vmx, err);

	for (size_t i = 0; rc == 0 && i < vmx_words_count; i++)
		rc = word_want(&wants, &vmx_words[i], profile, &vmx);
	if (rc < 0) {
		vmx_wants_done(&wants);
		return rf_wrap(err, rc, "lines of a .vmx");
	}
	*out = wants;
	return 0;
}

/* ---- the file with its lines ---- */

struct rewrite {
	const struct vmx_wants *wants;
	bool *done; /* by number of a want */
	struct rf_buf *out, *diff;
	const char *line_end; /* of the file's first line that ends */
};

/* A bar and a quote would end a value or begin an escape; a control character would end the line.
 */
static void value_add(struct rf_buf *out, const char *value)
{
	for (; *value; value++) {
		unsigned char c = (unsigned char)*value;

		if (c == '"' || c == '|' || c < ' ' || c == 0x7f)
			rf_buf_printf(out, "|%02X", c);
		else
			rf_buf_add_byte(out, c);
	}
}

static const struct vmx_line_want *want_find(const struct rewrite *r, const char *name, size_t len)
{
	for (size_t i = 0; i < r->wants->count; i++) {
		const struct vmx_line_want *want = &r->wants->items[i];

		if (strlen(want->key) == len && strncasecmp(want->key, name, len) == 0)
			return want;
	}
	return NULL;
}

/* Truths are written in many ways. What holds a bar may be an escape: it is written anew. */
static bool means_the_same(const char *value, size_t len, const char *wanted)
{
	char text[VMX_WORD_BYTES];

	if (len >= sizeof(text) || memchr(value, '|', len) || memchr(value, '\0', len))
		return false;
	memcpy(text, value, len);
	text[len] = '\0';
	return rf_truth(wanted) >= 0 && !strpbrk(wanted, "0123456789")
		       ? rf_truth(text) == rf_truth(wanted)
		       : strcmp(text, wanted) == 0;
}

static void diff_add(struct rf_buf *diff, const char *sign, const void *line, size_t len)
{
	if (!diff)
		return;
	rf_buf_add_text(diff, sign);
	rf_buf_add_visible(diff, line, len);
	rf_buf_add_byte(diff, '\n');
}

static void line_replace(struct rewrite *r, const char *line, size_t len,
			 const struct vmx_line *parts, const char *value)
{
	size_t behind = parts->value + parts->value_len + parts->quoted;
	size_t start = r->out->len;

	diff_add(r->diff, "-", line, len);
	rf_buf_add(r->out, line, parts->value - parts->quoted);
	rf_buf_add_byte(r->out, '"');
	value_add(r->out, value);
	rf_buf_add_byte(r->out, '"');
	rf_buf_add(r->out, line + behind, len - behind);
	if (!r->out->failed)
		diff_add(r->diff, "+", r->out->data + start, r->out->len - start);
}

static void line_copy(struct rewrite *r, const char *line, size_t len)
{
	const char *nul = memchr(line, '\0', len);
	const struct vmx_line_want *want = NULL;
	struct vmx_line parts;

	vmx_lex(line, nul ? (size_t)(nul - line) : len, &parts);
	if (!parts.problem && parts.name_len)
		want = want_find(r, line + parts.name, parts.name_len);
	if (want)
		r->done[want - r->wants->items] = true;
	if (want && !means_the_same(line + parts.value, parts.value_len, want->value))
		line_replace(r, line, len, &parts, want->value);
	else
		rf_buf_add(r->out, line, len);
}

static void lines_copy(struct rewrite *r, const char *text, size_t len)
{
	size_t at = len >= 3 && memcmp(text, MARK, 3) == 0 ? 3 : 0, end, next;

	rf_buf_add(r->out, text, at);
	while (vmx_line_next(text, len, &at, &end, &next)) {
		line_copy(r, text + at, end - at);
		rf_buf_add(r->out, text + end, next - end);
		if (next > end && !r->line_end)
			r->line_end = text[end] == '\n' ? "\n" : next - end == 2 ? "\r\n" : "\r";
		at = next;
	}
	r->line_end = r->line_end ? r->line_end : "\n";
}

static void line_append(struct rewrite *r, const struct vmx_line_want *want)
{
	struct rf_buf *out = r->out;
	char last = out->len ? (char)out->data[out->len - 1] : '\n';

	if (last != '\n' && last != '\r')
		rf_buf_add_text(out, r->line_end);
	size_t start = out->len;

	rf_buf_printf(out, "%s = \"", want->key);
	value_add(out, want->value);
	rf_buf_add_byte(out, '"');
	if (!out->failed)
		diff_add(r->diff, "+", out->data + start, out->len - start);
	rf_buf_add_text(out, r->line_end);
}

int vmx_rewrite(struct rf_slice file, const struct vmx_wants *wants, struct rf_buf *out,
		struct rf_buf *out_diff, struct rf_err *err)
{
	RF_AUTOFREE bool *done = rf_alloc(wants->count + 1, sizeof(*done));
	struct rewrite r = {.wants = wants, .done = done, .out = out, .diff = out_diff};

	if (!done)
		return rf_fail(err, -ENOMEM, "no memory");
	if (file.len == 0)
		file = rf_slice_text(NEW_FILE);
	lines_copy(&r, (const char *)file.data, file.len);
	for (size_t i = 0; i < wants->count; i++) {
		if (!done[i])
			line_append(&r, &wants->items[i]);
	}
	if (out->len > RF_MAX_VMX_BYTES)
		return rf_fail(err, RF_E_LIMIT, "the file would be larger than %u bytes",
			       RF_MAX_VMX_BYTES);
	return out->failed || (out_diff && out_diff->failed) ? rf_fail(err, -ENOMEM, "no memory")
							     : 0;
}
