/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two IMA lists by path and digest, see diff.h. A path is what the kernel wrote when the file was
 * opened, a hint; the digest is what ran. Not for replay (ima.h) and not for policies (baseline).
 * Source: kernel Documentation/security/IMA-templates.
 */
#include <errno.h>
#include <string.h>

#include "attest/diff.h"
#include "attest/words.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"

/* Digests of one path, linked. */
struct known {
	const uint8_t *digest;
	uint32_t next; /* index, 0: none; the first entry of the table is not used */
	uint16_t alg;
	uint8_t len;
	bool violation;
};

struct known_files {
	struct rf_map paths; /* path -> index as a number */
	struct rf_map trees; /* folders of one kernel's modules: ".../lib/modules/6.1.0-55/" */
	struct known *items;
	size_t count, room;
};

enum kind { KIND_UNKNOWN, KIND_CHANGED, KIND_VIOLATION, KINDS };

/* One file, and what is said of it. */
struct judged {
	const struct ima_entry *entry;
	enum kind kind;
	enum reason_file file;
};

struct tally {
	size_t found, limit;
	size_t last; /* index of its last reason */
};

static uint32_t find_path(const struct known_files *files, const char *path)
{
	return (uint32_t)(uintptr_t)rf_map_get(&files->paths, path);
}

/* The path as a C text: what stands behind a NUL was never part of a path. */
static char *path_of(const struct ima_entry *entry)
{
	return rf_strndup(entry->name.len ? (const char *)entry->name.data : "", entry->name.len);
}

/* Cuts a path behind the folder of one kernel's modules; false when it is no module's. */
static bool cut_to_tree(char *path)
{
	static const char modules[] = "/lib/modules/";
	char *at = strstr(path, modules);
	char *end = at ? strchr(at + sizeof(modules) - 1, '/') : NULL;

	if (end)
		end[1] = '\0';
	return end != NULL;
}

static bool is_file(const struct ima_entry *entry)
{
	static const char aggregate[] = "boot_aggregate";

	return entry->name.len > 0 && !rf_slice_equal(entry->name, rf_slice_text(aggregate)) &&
	       (entry->violation || entry->file_digest.len > 0);
}

static bool is_this(const struct known *known, const struct ima_entry *entry)
{
	if (known->violation || entry->violation)
		return known->violation == entry->violation;
	return known->alg == entry->file.alg && known->len == entry->file_digest.len &&
	       memcmp(known->digest, entry->file_digest.data, known->len) == 0;
}

static int add_known(struct known_files *files, const struct ima_entry *entry)
{
	RF_AUTOFREE char *path = path_of(entry);

	if (!path)
		return -ENOMEM;
	uint32_t first = find_path(files, path);

	for (uint32_t i = first; i; i = files->items[i].next) {
		if (is_this(&files->items[i], entry))
			return 0;
	}
	if (files->count == 0)
		files->count = 1;
	if (rf_grow((void **)&files->items, &files->room, files->count + 1, sizeof(*files->items)))
		return -ENOMEM;
	files->items[files->count] = (struct known){.digest = entry->file_digest.data,
						    .len = (uint8_t)entry->file_digest.len,
						    .alg = entry->file.alg,
						    .violation = entry->violation,
						    .next = first};
	int rc = rf_map_set(&files->paths, path, (void *)(uintptr_t)files->count++);

	if (rc == 0 && cut_to_tree(path) && !rf_map_has(&files->trees, path))
		rc = rf_map_set(&files->trees, path, files);
	return rc;
}

static int read_known(const struct ima_list *list, struct known_files *files, struct rf_err *err)
{
	struct ima_list at = *list;
	struct ima_entry entry;
	int rc;

	while ((rc = ima_next(&at, &entry, err)) == 1) {
		if (is_file(&entry) && add_known(files, &entry) < 0)
			return rf_fail(err, -ENOMEM, "IMA list: no memory");
	}
	return rc;
}

static void add_reason(struct tally *tally, const struct judged *file, const struct known *was,
		       struct reasons *out)
{
	const struct ima_entry *entry = file->entry;

	static const enum reason_id ids[KINDS] = {REASON_IMA_UNKNOWN_FILE, REASON_IMA_CHANGED_FILE,
						  REASON_IMA_VIOLATION};

	if (tally->found++ >= tally->limit)
		return;
	size_t index = out->count;
	struct reason *r = reasons_add(out, ids[file->kind]);

	if (!r)
		return;
	r->file = file->file;
	struct words subject = words_into(r->subject, sizeof(r->subject));

	tally->last = index;
	r->pcr = entry->pcr < ATTEST_PCRS ? entry->pcr : REASON_NOWHERE;
	r->pcrs = entry->pcr < ATTEST_PCRS ? 1u << entry->pcr : 0;
	r->event = entry->index;
	words_add_utf8(&subject, entry->name);
	if (!entry->violation)
		r->now_digest = entry->file;
	if (was && was->alg && !was->violation) {
		r->was_digest.alg = was->alg;
		r->was_digest.len = was->len;
		memcpy(r->was_digest.bytes, was->digest, was->len);
	}
}

/* Each kind of file is counted apart, so that a thousand new files do not hide a new module. */
struct tallies {
	struct tally of[KINDS][REASON_FILE_COUNT];
};

/* The modules of one kernel. */
struct tree {
	size_t reason;
	uint32_t modules;
};

/* What was said already. */
struct told {
	struct rf_map paths; /* path -> bits of kinds */
	struct rf_map trees; /* folder -> place in items, from 1 */
	struct tree *items;
	size_t count, room;
};

/* The folder's entry, made with its reason when it is new; NULL when memory is short. */
static struct tree *find_tree(struct told *told, const char *folder, const struct ima_entry *entry,
			      struct reasons *out)
{
	uintptr_t place = (uintptr_t)rf_map_get(&told->trees, folder);

	if (place)
		return &told->items[place - 1];
	if (rf_grow((void **)&told->items, &told->room, told->count + 1, sizeof(*told->items)) ||
	    rf_map_set(&told->trees, folder, (void *)(uintptr_t)(told->count + 1)))
		return NULL;
	struct tree *tree = &told->items[told->count++];

	*tree = (struct tree){.reason = out->count};
	struct reason *r = reasons_add(out, REASON_IMA_UNKNOWN_FILE);

	if (!r) {
		tree->reason = SIZE_MAX;
		return tree;
	}
	struct words subject = words_into(r->subject, sizeof(r->subject));

	words_add(&subject, folder);
	words_add(&subject, "*");
	r->file = REASON_FILE_MODULE;
	r->pcr = entry->pcr < ATTEST_PCRS ? entry->pcr : REASON_NOWHERE;
	r->event = entry->index;
	return tree;
}

/* Modules of a kernel that did not run before come all at once: one reason for that kernel. */
static int add_module(struct told *told, const char *folder, const struct ima_entry *entry,
		      struct reasons *out)
{
	struct tree *tree = find_tree(told, folder, entry, out);

	if (!tree)
		return -ENOMEM;
	tree->modules++;
	if (tree->reason < out->count)
		rf_format(out->items[tree->reason].detail, sizeof(out->items->detail),
			  "%u modules of a kernel that did not run before", tree->modules);
	return 0;
}

static int judge_entry(const struct known_files *known, struct told *told,
		       const struct ima_entry *entry, struct tallies *tallies, struct reasons *out)
{
	RF_AUTOFREE char *path = path_of(entry);

	if (!path)
		return -ENOMEM;
	uint32_t first = find_path(known, path);

	for (uint32_t i = first; i; i = known->items[i].next) {
		if (is_this(&known->items[i], entry))
			return 0;
	}
	/* One path is one change, however many times it was measured. */
	enum kind kind = entry->violation ? KIND_VIOLATION : first ? KIND_CHANGED : KIND_UNKNOWN;
	uintptr_t seen = (uintptr_t)rf_map_get(&told->paths, path);

	if (seen & 1u << kind)
		return 0;
	if (rf_map_set(&told->paths, path, (void *)(seen | 1u << kind)) < 0)
		return -ENOMEM;
	/* Before the path is cut. */
	const struct judged file = {entry, kind,
				    entry->modsig.len ? REASON_FILE_MODULE : reason_file_of(path)};

	if (kind == KIND_UNKNOWN && cut_to_tree(path) && !rf_map_has(&known->trees, path))
		return add_module(told, path, entry, out);
	add_reason(&tallies->of[kind][file.file], &file, first ? &known->items[first] : NULL, out);
	return 0;
}

/* Says at the last reason of each kind how many more there are. */
static void add_rest(const struct tally *tally, enum reason_file file, struct reasons *out)
{
	if (tally->found <= tally->limit || tally->limit == 0 || tally->last >= out->count)
		return;
	struct reason *r = &out->items[tally->last];
	struct words w = words_into(r->detail, sizeof(r->detail));

	words_printf(&w, "and %zu %s more", tally->found - tally->limit,
		     reason_file_noun(file, tally->found - tally->limit));
}

static int compare(const struct ima_list *now, struct known_files *known, size_t limit,
		   struct reasons *out, struct rf_err *err)
{
	struct told told = {0};
	struct tallies tallies = {0};
	struct ima_list at = *now;
	struct ima_entry entry;
	int rc = 0;

	for (size_t i = 0; i < KINDS * REASON_FILE_COUNT; i++)
		tallies.of[i / REASON_FILE_COUNT][i % REASON_FILE_COUNT] =
			(struct tally){.limit = limit, .last = SIZE_MAX};
	while (rc == 0 && (rc = ima_next(&at, &entry, err)) == 1) {
		rc = is_file(&entry) ? judge_entry(known, &told, &entry, &tallies, out) : 0;
		if (rc == -ENOMEM)
			rf_fail(err, rc, "IMA list: no memory");
	}
	for (size_t i = 0; rc == 0 && i < KINDS * REASON_FILE_COUNT; i++)
		add_rest(&tallies.of[i / REASON_FILE_COUNT][i % REASON_FILE_COUNT],
			 (enum reason_file)(i % REASON_FILE_COUNT), out);
	rf_map_done(&told.paths);
	rf_map_done(&told.trees);
	rf_free(told.items);
	return rc;
}

int ima_diff(const struct ima_list *was, const struct ima_list *now, size_t limit,
	     struct reasons *out, struct rf_err *err)
{
	struct known_files known = {0};
	int rc = read_known(was, &known, err);

	if (rc == 0)
		rc = compare(now, &known, limit, out, err);
	rf_map_done(&known.paths);
	rf_map_done(&known.trees);
	rf_free(known.items);
	return rc;
}
