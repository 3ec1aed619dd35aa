/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two values of a signature database compared, see sbdiff.h. Not for judging a signature in it.
 * Sources: UEFI 2.10, 32.4 (what each database is for); shim, README and MokVars.txt.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "attest/efivar.h"
#include "attest/sbdiff.h"
#include "base/mem.h"
#include "base/str.h"

#define SAMPLES 3 /* hashes shown of many */

static const struct list_row {
	bool forbids;
	const char *certificate; /* behind the name */
	const char *program;	 /* "hash of a forbidden program" */
	const char *programs;
} list_rows[] = {
	[SBDIFF_PK] = {false, "that owns the platform", "program", "programs"},
	[SBDIFF_KEK] = {false, "that may change what is allowed and forbidden", "program",
			"programs"},
	[SBDIFF_DB] = {false, "that may sign boot programs", "allowed program", "allowed programs"},
	[SBDIFF_DBX] = {true, "whose signatures are forbidden", "forbidden program",
			"forbidden programs"},
	[SBDIFF_MOK] = {false, "that the machine's owner trusts",
			"program that the machine's owner allows",
			"programs that the machine's owner allows"},
	[SBDIFF_MOKX] = {true, "that the machine's owner forbids",
			 "program that the machine's owner forbids",
			 "programs that the machine's owner forbids"},
	[SBDIFF_OTHER] = {false, "", "program", "programs"},
};

static const struct {
	const char *name;
	enum sbdiff_list list;
} names[] = {
	{"PK", SBDIFF_PK},	    {"PKDefault", SBDIFF_PK},	 {"KEK", SBDIFF_KEK},
	{"KEKDefault", SBDIFF_KEK}, {"db", SBDIFF_DB},		 {"dbDefault", SBDIFF_DB},
	{"vendor_db", SBDIFF_DB},   {"dbx", SBDIFF_DBX},	 {"dbxDefault", SBDIFF_DBX},
	{"vendor_dbx", SBDIFF_DBX}, {"MokList", SBDIFF_MOK},	 {"MokListRT", SBDIFF_MOK},
	{"MokListX", SBDIFF_MOKX},  {"MokListXRT", SBDIFF_MOKX},
};

/* Of one kind that is not a certificate. */
static const struct kind_row {
	enum efivar_signature_kind kind;
	const char *one, *many;
	bool of_program;
} kind_rows[] = {
	{EFIVAR_SIGNATURE_SHA256, "SHA-256 hash of a", "SHA-256 hashes of", true},
	{EFIVAR_SIGNATURE_SHA1, "SHA-1 hash of a", "SHA-1 hashes of", true},
	{EFIVAR_SIGNATURE_SHA384, "SHA-384 hash of a", "SHA-384 hashes of", true},
	{EFIVAR_SIGNATURE_SHA512, "SHA-512 hash of a", "SHA-512 hashes of", true},
	{EFIVAR_SIGNATURE_RSA2048, "RSA key", "RSA keys", false},
	{EFIVAR_SIGNATURE_X509_HASH, "hash of a revoked certificate",
	 "hashes of revoked certificates", false},
	{EFIVAR_SIGNATURE_OTHER, "entry of an unknown kind", "entries of unknown kinds", false},
};

struct entry {
	enum efivar_signature_kind kind;
	struct rf_slice data;
};

struct set {
	struct entry *entries;
	size_t count, capacity;
};

enum sbdiff_list sbdiff_list_of_name(const char *name)
{
	for (size_t i = 0; i < RF_COUNT(names); i++) {
		if (strcmp(name, names[i].name) == 0)
			return names[i].list;
	}
	return SBDIFF_OTHER;
}

static int entry_order(const void *left, const void *right)
{
	const struct entry *a = left, *b = right;

	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	if (a->data.len != b->data.len)
		return a->data.len < b->data.len ? -1 : 1;
	return a->data.len ? memcmp(a->data.data, b->data.data, a->data.len) : 0;
}

static void set_done(struct set *set)
{
	rf_free(set->entries);
}

/* Shim writes a hash of zeros where a list would be empty. */
static bool is_placeholder(const struct efivar_signature *signature)
{
	static const uint8_t shim[] = {0x50, 0xab, 0x5d, 0x60, 0x46, 0xe0, 0x00, 0x43,
				       0xab, 0xb6, 0x3d, 0xd8, 0x10, 0xdd, 0x8b, 0x23};
	uint8_t bits = 0;

	for (size_t i = 0; i < signature->data.len; i++)
		bits |= signature->data.data[i];
	return signature->kind == EFIVAR_SIGNATURE_SHA256 && bits == 0 &&
	       rf_slice_equal(signature->owner, (struct rf_slice){shim, sizeof(shim)});
}

static int set_read(struct rf_slice value, struct set *out, struct rf_err *err)
{
	struct efivar_signatures at = efivar_signatures(value);
	struct efivar_signature signature;
	size_t kept = 0;
	int rc;

	if (value.len > SBDIFF_MAX_BYTES)
		return rf_fail(err, RF_E_LIMIT, "%zu bytes, %u are allowed", value.len,
			       SBDIFF_MAX_BYTES);
	while ((rc = efivar_signatures_next(&at, &signature, err)) == 1) {
		if (is_placeholder(&signature))
			continue;
		if (out->count >= SBDIFF_MAX_ENTRIES)
			return rf_fail(err, RF_E_LIMIT, "more than %u entries", SBDIFF_MAX_ENTRIES);
		if (rf_grow((void **)&out->entries, &out->capacity, out->count + 1,
			    sizeof(*out->entries)))
			return rf_fail(err, -ENOMEM, "no memory");
		out->entries[out->count++] = (struct entry){signature.kind, signature.data};
	}
	if (rc < 0 || !out->count)
		return rc;
	qsort(out->entries, out->count, sizeof(*out->entries), entry_order);
	for (size_t i = 0; i < out->count; i++) {
		if (i == 0 || entry_order(&out->entries[kept - 1], &out->entries[i]) != 0)
			out->entries[kept++] = out->entries[i];
	}
	out->count = kept;
	return 0;
}

/* Leaves in set what is not in other, and keeps the order. */
static void set_subtract(struct set *set, const struct set *other)
{
	size_t kept = 0, at = 0;

	for (size_t i = 0; i < set->count; i++) {
		while (at < other->count && entry_order(&other->entries[at], &set->entries[i]) < 0)
			at++;
		if (at == other->count || entry_order(&other->entries[at], &set->entries[i]) != 0)
			set->entries[kept++] = set->entries[i];
	}
	set->count = kept;
}

/* Each value twice: what is gone from one is found against the whole of the other. */
static int sets_read(struct rf_slice before, struct rf_slice after, struct set sets[4],
		     struct rf_err *err)
{
	const struct rf_slice values[4] = {before, after, before, after};
	int rc = 0;

	for (int i = 0; rc == 0 && i < 4; i++) {
		rc = set_read(values[i], &sets[i], err);
		if (rc)
			return rf_wrap(err, rc, "%s", i % 2 ? "the new value" : "the old value");
	}
	set_subtract(&sets[0], &sets[3]);
	set_subtract(&sets[1], &sets[2]);
	return 0;
}

static struct sbdiff_line *line_new(struct sbdiff *out, bool added, const struct list_row *row)
{
	bool wider = added != row->forbids;

	out->wider = out->wider || wider;
	if (out->lines_count == SBDIFF_LINES)
		return NULL;
	struct sbdiff_line *line = &out->lines[out->lines_count++];

	*line = (struct sbdiff_line){.added = added, .removed = !added, .wider = wider};
	return line;
}

/* One of that name went and this one came: one line. */
static bool is_replaced(struct sbdiff *out, const char *text)
{
	for (size_t i = 0; i < out->lines_count; i++) {
		struct sbdiff_line *line = &out->lines[i];

		if (line->added || strcmp(line->text, text) != 0)
			continue;
		line->added = true;
		line->wider = true;
		out->wider = true;
		return true;
	}
	return false;
}

static void add_certificates(struct sbdiff *out, const struct set *set, bool added,
			     const struct list_row *row)
{
	for (size_t i = 0; i < set->count; i++) {
		char text[sizeof(out->lines[0].text)];
		struct words w = words_into(text, sizeof(text));

		if (set->entries[i].kind != EFIVAR_SIGNATURE_X509)
			continue;
		words_add(&w, "certificate '");
		if (!efivar_subject_words(&w, set->entries[i].data))
			words_add(&w, "not readable");
		words_printf(&w, "'%s%s", row->certificate[0] ? " " : "", row->certificate);
		if (added && is_replaced(out, text))
			continue;
		struct sbdiff_line *line = line_new(out, added, row);

		if (line)
			rf_copy(line->text, sizeof(line->text), text);
		else
			out->more++;
	}
}

/* "3 SHA-256 hashes of forbidden programs (0011223344556677..., ...)". */
static void add_kind(struct sbdiff *out, const struct set *set, bool added,
		     const struct list_row *row, const struct kind_row *kind)
{
	size_t first = 0, count = 0;

	while (first < set->count && set->entries[first].kind != kind->kind)
		first++;
	while (first + count < set->count && set->entries[first + count].kind == kind->kind)
		count++;
	struct sbdiff_line *line = count ? line_new(out, added, row) : NULL;

	if (!line) {
		out->more += count;
		return;
	}
	struct words w = words_into(line->text, sizeof(line->text));

	if (count == 1)
		words_printf(&w, "%s", kind->one);
	else
		words_printf(&w, "%zu %s", count, kind->many);
	if (kind->of_program && count == 1)
		/* "a allowed" would be wrong. */
		words_printf(&w, "%s %s", row->program[0] == 'a' ? "n" : "", row->program);
	else if (kind->of_program)
		words_printf(&w, " %s", row->programs);
	words_add(&w, " (");
	for (size_t i = 0; i < count && i < SAMPLES; i++) {
		words_add(&w, i ? ", " : "");
		words_add_hex(&w, set->entries[first + i].data, 8);
	}
	words_add(&w, count > SAMPLES ? ", ...)" : ")");
}

static void add_kinds(struct sbdiff *out, const struct set *set, bool added,
		      const struct list_row *row)
{
	for (size_t i = 0; i < RF_COUNT(kind_rows); i++)
		add_kind(out, set, added, row, &kind_rows[i]);
}

int sbdiff_compare(enum sbdiff_list list, struct rf_slice before, struct rf_slice after,
		   struct sbdiff *out, struct rf_err *err)
{
	const struct list_row *row = &list_rows[list];
	struct set sets[4] = {0};
	int rc = sets_read(before, after, sets, err);

	if (rc == 0) {
		*out = (struct sbdiff){.removed = sets[0].count, .added = sets[1].count};
		/* Kinds first: each is one line, and certificates can be many. */
		add_kinds(out, &sets[0], false, row);
		add_kinds(out, &sets[1], true, row);
		add_certificates(out, &sets[0], false, row);
		add_certificates(out, &sets[1], true, row);
	}
	for (int i = 0; i < 4; i++)
		set_done(&sets[i]);
	return rc;
}

void sbdiff_words(struct words *w, const struct sbdiff *diff)
{
	for (size_t i = 0; i < diff->lines_count; i++) {
		const struct sbdiff_line *line = &diff->lines[i];

		words_printf(w, "%s%s: ", i ? "; " : "",
			     line->added && line->removed ? "replaced by another of the same name"
			     : line->added		  ? "added"
							  : "removed");
		words_add(w, line->text);
	}
	if (diff->more)
		words_printf(w, "; and %zu more", diff->more);
	if (!diff->added && !diff->removed)
		words_add(w, "nothing");
}
