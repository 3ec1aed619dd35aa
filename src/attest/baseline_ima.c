/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Judges the files that ran (IMA) by a baseline's policy: contents by digest sets or by signature;
 * paths only take files out, each with a reason. And makes such a policy of the files that ran. Not
 * for whether the list is genuine (ima.h).
 */
#include <errno.h>
#include <string.h>

#include "attest/baseline_parts.h"
#include "attest/ima.h"
#include "attest/imasig.h"
#include "attest/words.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"

/* Files told one by one; what comes behind is counted in a reason of its own, which no rule about
 * a path allows. */
#define FILES_MAX   256u
#define LABEL_BYTES 4200u

enum told { TOLD_UNKNOWN = 1, TOLD_VIOLATION = 2, TOLD_SIGNATURE = 4 };

struct files {
	struct baseline_case *c;
	struct rf_map told;    /* path -> bits */
	struct rf_map missing; /* path -> index + 1 of its reason: unknown, or changed? */
	size_t found, more;
	bool big_endian;
};

static bool is_excluded(struct baseline_case *c, const char *path)
{
	bool found = false;

	for (size_t i = 0; i < c->baseline->ima.excludes_count; i++) {
		if (rf_glob(c->baseline->ima.excludes[i].path, path))
			c->excludes_used[i] = found = true;
	}
	return found;
}

static bool digest_known(const struct baseline_ima *ima, const struct ima_entry *entry)
{
	/* SHA-1 can be collided; and a verity digest is another thing than a file's. */
	if (entry->file.alg == 0 || entry->file.alg == ATTEST_SHA1)
		return false;
	for (size_t i = 0; i < ima->sets_count; i++) {
		if (digestset_has(ima->sets[i]->digests, entry->file.alg,
				  (struct rf_slice){entry->file.bytes, entry->file.len}, NULL))
			return true;
	}
	return false;
}

/* 1: signed by one of them; 0: not signed; negative: what it carries does not hold. */
static int signature_state(struct files *f, const struct ima_entry *entry, struct rf_err *why)
{
	const struct baseline_ima *ima = &f->c->baseline->ima;
	struct imasig signature;

	if (!ima->signers)
		return 0;
	int rc = imasig_verify(f->c->hasher, entry, f->big_endian, ima->signers, &signature, why);

	if (rc == RF_E_MISSING)
		return 0;
	/* A signature over attributes says nothing of the contents. */
	if (rc == 0 && signature.kind == IMASIG_EVM)
		return 0;
	return rc == 0 ? 1 : rc;
}

static int tell(struct files *f, enum reason_id id, const struct ima_entry *entry, const char *path,
		const char *detail)
{
	static const struct {
		enum reason_id id;
		enum told bit;
	} bits[] = {{REASON_IMA_UNKNOWN_FILE, TOLD_UNKNOWN},
		    {REASON_IMA_VIOLATION, TOLD_VIOLATION},
		    {REASON_IMA_BAD_SIGNATURE, TOLD_SIGNATURE}};
	uintptr_t seen = (uintptr_t)rf_map_get(&f->told, path), bit = 0;

	for (size_t i = 0; i < RF_COUNT(bits); i++)
		bit |= bits[i].id == id ? (uintptr_t)bits[i].bit : 0;
	if (seen & bit)
		return 0;
	if (rf_map_set(&f->told, path, (void *)(seen | bit)) < 0)
		return -ENOMEM;
	if (f->found++ >= FILES_MAX) {
		f->more++;
		return 0;
	}
	size_t index = f->c->out->count;
	struct reason *r = reasons_add(f->c->out, id);

	if (!r)
		return 0;
	struct words subject = words_into(r->subject, sizeof(r->subject));

	words_add_utf8(&subject, entry->name);
	r->file = entry->modsig.len ? REASON_FILE_MODULE : reason_file_of(path);
	rf_copy(r->detail, sizeof(r->detail), detail);
	r->pcr = entry->pcr < ATTEST_PCRS ? entry->pcr : REASON_NOWHERE;
	r->event = entry->index;
	r->now_digest = entry->violation ? (struct attest_digest){0} : entry->file;
	r->demanded = id == REASON_IMA_VIOLATION && f->c->baseline->ima.violations_fail;
	return id == REASON_IMA_UNKNOWN_FILE
		       ? rf_map_set(&f->missing, path, (void *)(uintptr_t)(index + 1))
		       : 0;
}

static int judge_file(struct files *f, const struct ima_entry *entry, const char *path)
{
	struct rf_err why = {0};

	if (entry->violation)
		return is_excluded(f->c, path) ? 0 : tell(f, REASON_IMA_VIOLATION, entry, path, "");
	if (!entry->verity && digest_known(&f->c->baseline->ima, entry))
		return 0;
	int signature = signature_state(f, entry, &why);

	if (signature == 1 || is_excluded(f->c, path))
		return 0;
	if (signature == -ENOMEM)
		return signature;
	if (signature < 0)
		return tell(f, REASON_IMA_BAD_SIGNATURE, entry, path, rf_err_text(&why));
	return tell(f, REASON_IMA_UNKNOWN_FILE, entry, path, "");
}

static bool is_file(const struct ima_entry *entry)
{
	return entry->name.len > 0 && entry->buffer.len == 0 && entry->template != IMA_BUF &&
	       !rf_slice_equal(entry->name, rf_slice_text("boot_aggregate"));
}

/* The file that an entry is about, with its NUL; NULL without memory. */
static char *path_of(const struct ima_entry *entry)
{
	return rf_strndup(entry->name.len ? (const char *)entry->name.data : "", entry->name.len);
}

static int list_open(const struct evidence_facts *facts, struct ima_list *out, struct rf_err *err)
{
	uint16_t alg = facts->ima_alg ? facts->ima_alg : ATTEST_SHA1;

	return ima_open(facts->ima, (uint8_t)attest_digest_size(alg), out, err);
}

static int judge_list(struct files *f, struct rf_err *err)
{
	struct ima_list list;
	struct ima_entry entry;
	int rc = list_open(f->c->facts, &list, err);

	while (rc == 0 && (rc = ima_next(&list, &entry, err)) == 1) {
		RF_AUTOFREE char *path = path_of(&entry);

		f->big_endian = list.big_endian;
		rc = !path ? -ENOMEM : is_file(&entry) ? judge_file(f, &entry, path) : 0;
	}
	return rc;
}

/* A path that a set knows with other contents is a changed file, not an unknown one. */
static void mark_changed(struct files *f, const struct baseline_set *set)
{
	const char *text = set->text, *end = text ? text + set->text_len : NULL;

	while (text && text < end) {
		const char *line_end = memchr(text, '\n', (size_t)(end - text));
		size_t len = (size_t)((line_end ? line_end : end) - text);
		const char *blank = memchr(text, ' ', len);
		char path[LABEL_BYTES];

		if (blank) {
			size_t left = len - (size_t)(blank - text);

			rf_format(path, sizeof(path), "%.*s", (int)left, blank);
			/* sha256sum marks binary files with a star. */
			char *name = path + strspn(path, " *\t");

			name[strcspn(name, " \t\r")] = '\0';
			uintptr_t index = (uintptr_t)rf_map_get(&f->missing, name);

			if (index > 0 && index <= f->c->out->count)
				f->c->out->items[index - 1].id = REASON_IMA_CHANGED_FILE;
		}
		text += len + 1;
	}
}

/* The verdict over the whole list was made without this policy: it speaks file by file. */
static void replace_summary(struct baseline_case *c)
{
	for (size_t i = 0; i < c->out->count; i++) {
		struct reason *r = &c->out->items[i];

		if (r->id == REASON_IMA_VIOLATION && !r->allowed_by[0])
			rf_copy(r->allowed_by, sizeof(r->allowed_by),
				"the baseline's IMA policy judges each file");
	}
}

int baseline_judge_ima(struct baseline_case *c, struct rf_err *err)
{
	struct files f = {.c = c};

	replace_summary(c);
	int rc = judge_list(&f, err);

	if (rc == -ENOMEM)
		rf_fail(err, rc, "IMA list: no memory");
	for (size_t i = 0; rc == 0 && f.missing.count > 0 && i < c->baseline->ima.sets_count; i++)
		mark_changed(&f, c->baseline->ima.sets[i]);
	if (rc == 0 && f.more > 0) {
		struct reason *r = reasons_add(c->out, REASON_IMA_UNKNOWN_FILE);

		if (r) {
			r->pcr = IMA_PCR;
			rf_format(r->detail, sizeof(r->detail),
				  "and %zu files more that are not shown", f.more);
		}
	}
	rf_map_done(&f.told);
	rf_map_done(&f.missing);
	return rc;
}

/* ---- the programs that ran, as the ones that may run ---- */

#define PROGRAMS     "programs-approved"
#define PROGRAMS_MAX (8u << 20) /* bytes of text: some 60,000 programs */

/* Names are hints that whoever named the file chose: what could end a line of YAML is not kept. */
static void add_path(struct rf_buf *text, struct rf_slice name)
{
	for (size_t i = 0; i < name.len; i++)
		rf_buf_add_byte(text,
				name.data[i] > 0x20 && name.data[i] < 0x7f ? name.data[i] : '?');
}

static int add_program(struct digestset *seen, const struct ima_entry *entry, struct rf_buf *text,
		       struct rf_err *err)
{
	const struct rf_slice digest = {entry->file.bytes, entry->file.len};
	char alg[16];

	if (entry->verity || entry->file.alg == 0 || entry->file.alg == ATTEST_SHA1)
		return rf_fail(err, RF_E_UNSUPPORTED,
			       "entry %u of IMA's list has no digest that a set can hold",
			       entry->index);
	if (digestset_has(seen, entry->file.alg, digest, NULL))
		return 0;
	if (text->len > PROGRAMS_MAX)
		return rf_fail(err, RF_E_UNSUPPORTED, "more programs ran than a baseline holds");
	rf_buf_printf(text, "      %s:", attest_alg_name(entry->file.alg, alg));
	rf_buf_add_hex(text, digest.data, digest.len);
	rf_buf_add_byte(text, ' ');
	add_path(text, entry->name);
	rf_buf_add_byte(text, '\n');
	return digestset_add(seen, entry->file.alg, digest, 0);
}

static int add_programs(const struct evidence_facts *ran, struct rf_buf *text, struct rf_err *err)
{
	struct digestset *seen = NULL;
	struct ima_list list;
	struct ima_entry entry;
	size_t count = 0;
	int rc = list_open(ran, &list, err);

	while (rc == 0 && (rc = ima_next(&list, &entry, err)) == 1)
		rc = ++count > IMA_MAX_ENTRIES ? RF_E_LIMIT : 0;
	if (rc == 0)
		rc = digestset_new(count, &seen, err);
	if (rc == 0)
		rc = list_open(ran, &list, err);
	count = text->len;
	while (rc == 0 && (rc = ima_next(&list, &entry, err)) == 1)
		rc = is_file(&entry) && !entry.violation ? add_program(seen, &entry, text, err) : 0;
	digestset_free(seen);
	if (rc == 0 && text->len == count)
		return rf_fail(err, RF_E_MISSING, "IMA's list names no program");
	return rc;
}

int baseline_with_programs(const struct baseline *baseline, const struct evidence_facts *ran,
			   struct baseline **out, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf text = {0};

	if (baseline->ima.given || baseline->sets_count)
		return rf_fail(err, RF_E_DUPLICATE, "the baseline has rules about programs");
	rf_buf_add_text(&text, "# What ran when the host was approved may run again.\n"
			       "digest-sets:\n  " PROGRAMS ":\n    text: |\n");
	int rc = add_programs(ran, &text, err);

	rf_buf_add_text(&text, "ima: {digests: " PROGRAMS "}\n");
	if (rc == 0 && baseline_write(baseline, &text) < 0)
		rc = rf_fail(err, -ENOMEM, "no memory");
	return rc ? rc : baseline_load(rf_buf_slice(&text), "new baseline", out, err);
}
