/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All changes in one sentence: "kernel 6.1.0-55 -> 6.1.0-56; grub.cfg changed; nothing else". The
 * long words of each stand in reason.c.
 */
#include <string.h>

#include "attest/diff_parts.h"
#include "attest/words.h"
#include "base/mem.h"
#include "base/str.h"

/* "6.1.0-55" and "6.1.0-56" of "6.1.0-55-amd64" and "6.1.0-56-amd64": what both end in says
 * nothing. */
static void add_versions(struct words *w, const struct reason *r)
{
	size_t a = strlen(r->was), b = strlen(r->now), end = 0, tail = 0;

	while (end < a && end < b && r->was[a - 1 - end] == r->now[b - 1 - end]) {
		end++;
		if (r->was[a - end] == '-')
			tail = end;
	}
	/* A tail of digits belongs to the version. */
	if (tail > 0 && (tail == a || tail == b ||
			 strpbrk(r->was + a - tail + 1, "0123456789") == r->was + a - tail + 1))
		tail = 0;
	words_add(w, " ");
	words_add_utf8(w, (struct rf_slice){(const uint8_t *)r->was, a - tail});
	words_add(w, " -> ");
	words_add_utf8(w, (struct rf_slice){(const uint8_t *)r->now, b - tail});
}

static const char *verb(const struct reason *r)
{
	if (r->old_event == REASON_NOWHERE && r->event != REASON_NOWHERE)
		return " added";
	if (r->event == REASON_NOWHERE && r->old_event != REASON_NOWHERE)
		return " gone";
	return " changed";
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

/* What changed of one part, as a clause. */
static void add_clause(struct words *w, const struct reason *r)
{
	const char *noun = diff_row_of(r->component)->noun;

	switch (r->id) {
	case REASON_KERNEL_CHANGED:
	case REASON_SECURE_BOOT_CHANGED:
	case REASON_FIRMWARE_CHANGED:
		words_add(w, noun);
		if (r->was[0] && r->now[0])
			add_versions(w, r);
		else
			words_add(w, verb(r));
		return;
	case REASON_LOADER_FILE_CHANGED:
	case REASON_BOOT_APP_CHANGED:
		words_add(w, r->subject[0] ? last_part(r->subject) : noun);
		words_add(w, verb(r));
		return;
	case REASON_CMDLINE_CHANGED:
		words_printf(w, "%s: %s", noun, r->detail);
		return;
	case REASON_EVENT_REORDERED:
		words_printf(w, "another order in PCR %u", r->pcr);
		return;
	default:
		words_add(w, noun);
		words_add(w, verb(r));
	}
}

static bool is_of_a_part(const struct reason *r)
{
	return r->id == REASON_EVENT_REORDERED || r->component != COMPONENT_NONE;
}

/* What the last reason of a kind says of those that have none: "and 80 files more". */
static size_t files_more(const struct reason *r)
{
	char number[16];
	int64_t more;

	if (!rf_starts(r->detail, "and "))
		return 0;
	rf_format(number, sizeof(number), "%.*s", (int)strspn(r->detail + 4, "0123456789"),
		  r->detail + 4);
	return rf_num(number, 10, 0, UINT32_MAX, &more) == 0 ? (size_t)more : 0;
}

/* Files are counted: there may be thousands. */
static void add_files(struct words *w, const struct reasons *list)
{
	static const struct {
		enum reason_id id;
		const char *before, *behind;
	} kinds[] = {{REASON_IMA_UNKNOWN_FILE, "new ", ""},
		     {REASON_IMA_CHANGED_FILE, "changed ", ""},
		     {REASON_IMA_VIOLATION, "", " written while measured"}};

	for (size_t i = 0; i < RF_COUNT(kinds) * REASON_FILE_COUNT; i++) {
		enum reason_file file = (enum reason_file)(i % REASON_FILE_COUNT);
		size_t k = i / REASON_FILE_COUNT, n = 0;

		for (size_t r = 0; r < list->count; r++) {
			if (list->items[r].id == kinds[k].id && list->items[r].file == file)
				n += 1 + files_more(&list->items[r]);
		}
		if (n)
			words_printf(w, "%s%zu %s%s%s", w->len ? "; " : "", n, kinds[k].before,
				     reason_file_noun(file, n), kinds[k].behind);
	}
}

const char *diff_words(const struct reasons *list, char *out, size_t size)
{
	struct words w = words_into(out, size);

	for (size_t i = 0; i < list->count; i++) {
		if (list->items[i].id == REASON_OTHER_TPM || list->items[i].id == REASON_OTHER_AK)
			words_add(&w,
				  list->items[i].id == REASON_OTHER_TPM
					  ? "another TPM: another machine, or its chip was changed"
					  : "another attestation key");
		if (!is_of_a_part(&list->items[i]))
			continue;
		words_add(&w, w.len ? "; " : "");
		add_clause(&w, &list->items[i]);
	}
	add_files(&w, list);
	if (list->dropped)
		words_printf(&w, "%sand %zu changes more", w.len ? "; " : "", list->dropped);
	words_add(&w, w.len == 0 ? "nothing changed" : list->dropped ? "" : "; nothing else");
	return out;
}
