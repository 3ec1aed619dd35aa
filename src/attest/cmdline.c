/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernel command lines compared, see cmdline.h. What a parameter does in full is for docs and
 * controls: the table below says what hangs on those that a security person asks about first.
 * Sources: kernel lib/cmdline.c (next_arg), kernel/params.c (parameq),
 * Documentation/admin-guide/kernel-parameters.txt.
 */
#include <errno.h>
#include <string.h>

#include "attest/cmdline.h"
#include "base/mem.h"

struct word {
	struct rf_slice text, name;
	bool kernel, to_init;
	bool taken; /* found on the other side */
};

struct line {
	struct word *words;
	size_t count;
};

static const struct {
	const char *name, *about;
} abouts[] = {
	{"init", "the first program that runs"},
	{"rdinit", "the first program that runs"},
	{"rd.break", "a shell in the initramfs, without a password"},
	{"single", "a shell of the administrator"},
	{"systemd.unit", "what is started"},
	{"systemd.debug-shell", "a shell without a password"},
	{"systemd.mask", "services that are not started"},
	{"lockdown", "whether root can change the running kernel"},
	{"module.sig_enforce", "whether unsigned modules are loaded"},
	{"modules_load", "modules that are loaded"},
	{"modprobe.blacklist", "modules that are not loaded"},
	{"mitigations", "protection from flaws of the processor"},
	{"spectre_v2", "protection from flaws of the processor"},
	{"spec_store_bypass_disable", "protection from flaws of the processor"},
	{"l1tf", "protection from flaws of the processor"},
	{"mds", "protection from flaws of the processor"},
	{"tsx_async_abort", "protection from flaws of the processor"},
	{"nopti", "protection from flaws of the processor"},
	{"pti", "protection from flaws of the processor"},
	{"kvm.nx_huge_pages", "protection from flaws of the processor"},
	{"nosmep", "protection of the kernel's memory"},
	{"nosmap", "protection of the kernel's memory"},
	{"nokaslr", "protection of the kernel's memory"},
	{"iommu", "what devices may read and write"},
	{"intel_iommu", "what devices may read and write"},
	{"amd_iommu", "what devices may read and write"},
	{"efi", "what devices may read and write before the kernel runs"},
	{"ima_policy", "what is measured while it runs"},
	{"ima_appraise", "whether files must be signed"},
	{"ima_template", "what is written down of a file"},
	{"ima_hash", "what is written down of a file"},
	{"evm", "whether changes of file attributes are found"},
	{"selinux", "access control"},
	{"enforcing", "access control"},
	{"apparmor", "access control"},
	{"security", "access control"},
	{"lsm", "access control"},
	{"audit", "the audit trail"},
	{"fips", "which cryptography is allowed"},
	{"root", "the file system that is started from"},
	{"roothash", "which contents that file system must have"},
	{"usrhash", "which contents /usr must have"},
	{"dm-mod.create", "the file system that is started from"},
	{"rd.luks.options", "how disks are unlocked"},
	{"kexec_load_disabled", "whether another kernel may take over"},
	{"crashkernel", "the kernel that runs after a crash"},
	{"mem", "memory that the kernel does not see"},
	{"memmap", "memory that the kernel does not see"},
	{"console", "where the console is"},
	{"tpm_tis.force", "the TPM"},
};

/* '-' and '_' are one letter in names. */
static bool same_name(struct rf_slice a, struct rf_slice b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++) {
		char x = a.data[i] == '-' ? '_' : (char)a.data[i];
		char y = b.data[i] == '-' ? '_' : (char)b.data[i];

		if (x != y)
			return false;
	}
	return true;
}

static const char *about_of(struct rf_slice name)
{
	for (size_t i = 0; i < RF_COUNT(abouts); i++) {
		if (same_name(name, rf_slice_text(abouts[i].name)))
			return abouts[i].about;
	}
	return NULL;
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || (c >= '\t' && c <= '\r') || c == '\0';
}

/* Cuts the next word; its name is what is before '=', without a quote that begins the word. */
static bool word_next(struct rf_slice line, size_t *at, struct word *out)
{
	bool quoted = false;

	while (*at < line.len && is_blank(line.data[*at]))
		(*at)++;
	size_t start = *at, equals = SIZE_MAX;

	for (; *at < line.len && (quoted || !is_blank(line.data[*at])); (*at)++) {
		if (line.data[*at] == '"')
			quoted = !quoted;
		else if (line.data[*at] == '=' && equals == SIZE_MAX)
			equals = *at;
	}
	if (*at == start)
		return false;
	size_t name = start + (line.data[start] == '"' ? 1 : 0);
	size_t end = equals != SIZE_MAX ? equals : *at;

	if (equals == SIZE_MAX && end > name && name > start && line.data[end - 1] == '"')
		end--;
	*out = (struct word){.text = {line.data + start, *at - start},
			     .name = {line.data + name, end > name ? end - name : 0}};
	return true;
}

/* The path of the kernel: the first word, with a disk before it or not, or the one in which grub
 * hands it on. */
static bool names_kernel(struct word *word, size_t place)
{
	static const char image[] = "BOOT_IMAGE";

	if (rf_slice_equal(word->name, rf_slice_text(image)) && word->text.len > sizeof(image))
		return true;
	if (place > 0 || !memchr(word->text.data, '/', word->text.len) ||
	    memchr(word->text.data, '=', word->text.len))
		return false;
	word->name.len = 0;
	return true;
}

static int line_read(struct rf_slice text, struct line *out, struct rf_err *err)
{
	bool to_init = false;
	size_t at = 0;
	struct word word;

	if (text.len > CMDLINE_MAX_BYTES)
		return rf_fail(err, RF_E_LIMIT, "%zu bytes, %u are allowed", text.len,
			       CMDLINE_MAX_BYTES);
	out->words = rf_alloc(CMDLINE_MAX_WORDS, sizeof(*out->words));
	if (!out->words)
		return rf_fail(err, -ENOMEM, "no memory");
	while (word_next(text, &at, &word)) {
		if (!to_init && rf_slice_equal(word.text, rf_slice_text("--"))) {
			to_init = true;
			continue;
		}
		if (out->count == CMDLINE_MAX_WORDS)
			return rf_fail(err, RF_E_LIMIT, "more than %u words", CMDLINE_MAX_WORDS);
		word.to_init = to_init;
		word.kernel = names_kernel(&word, out->count);
		out->words[out->count++] = word;
	}
	return 0;
}

static bool same_parameter(const struct word *a, const struct word *b)
{
	return a->to_init == b->to_init && a->kernel == b->kernel && same_name(a->name, b->name);
}

/* The same but for - and _ in the name. */
static bool same_word(const struct word *a, const struct word *b)
{
	size_t name = (size_t)(a->name.data + a->name.len - a->text.data);
	size_t other = (size_t)(b->name.data + b->name.len - b->text.data);

	return same_parameter(a, b) &&
	       rf_slice_equal((struct rf_slice){a->text.data + name, a->text.len - name},
			      (struct rf_slice){b->text.data + other, b->text.len - other});
}

/* Marks what stands on both sides, each as often as on the other. */
static void match(struct line *a, struct line *b)
{
	for (size_t i = 0; i < a->count; i++) {
		for (size_t k = 0; k < b->count && !a->words[i].taken; k++) {
			if (b->words[k].taken || !same_word(&a->words[i], &b->words[k]))
				continue;
			a->words[i].taken = true;
			b->words[k].taken = true;
		}
	}
}

static void change_add(struct cmdline_diff *out, enum cmdline_kind kind, const struct word *before,
		       const struct word *after)
{
	const struct word *any = before ? before : after;

	if (out->changes_count == CMDLINE_CHANGES) {
		out->more++;
		return;
	}
	out->changes[out->changes_count++] = (struct cmdline_change){
		.kind = kind,
		.name = any->name,
		.before = before ? before->text : (struct rf_slice){0},
		.after = after ? after->text : (struct rf_slice){0},
		.about = about_of(any->name),
		.to_init = any->to_init,
		.kernel = any->kernel,
	};
}

/* The one word of that parameter that has no counterpart; NULL when there are none or several. */
static struct word *only_one(const struct line *line, const struct word *like)
{
	struct word *found = NULL;

	for (size_t i = 0; i < line->count; i++) {
		if (line->words[i].taken || !same_parameter(&line->words[i], like))
			continue;
		if (found)
			return NULL;
		found = &line->words[i];
	}
	return found;
}

static void add_differences(struct line *a, struct line *b, struct cmdline_diff *out)
{
	for (size_t i = 0; i < a->count; i++) {
		struct word *word = &a->words[i];
		struct word *now = word->taken || word->to_init ? NULL : only_one(b, word);

		if (word->taken)
			continue;
		if (now && only_one(a, word) == word) {
			now->taken = true;
			change_add(out, CMDLINE_CHANGED, word, now);
		} else {
			change_add(out, CMDLINE_REMOVED, word, NULL);
		}
		word->taken = true;
	}
	for (size_t i = 0; i < b->count; i++) {
		if (!b->words[i].taken)
			change_add(out, CMDLINE_ADDED, NULL, &b->words[i]);
	}
}

static const struct word *last_of(const struct line *line, const struct word *like)
{
	for (size_t i = line->count; i > 0; i--) {
		if (same_parameter(&line->words[i - 1], like))
			return &line->words[i - 1];
	}
	return NULL;
}

/* Nothing came or went, and still another value has the last word: for most parameters it wins. */
static void add_reordered(const struct line *a, const struct line *b, struct cmdline_diff *out)
{
	for (size_t i = 0; i < a->count; i++) {
		const struct word *now = last_of(b, &a->words[i]);

		if (last_of(a, &a->words[i]) == &a->words[i] && now &&
		    !same_word(now, &a->words[i]))
			change_add(out, CMDLINE_REORDERED, &a->words[i], now);
	}
}

int cmdline_compare(struct rf_slice before, struct rf_slice after, struct cmdline_diff *out,
		    struct rf_err *err)
{
	struct line a = {0}, b = {0};
	struct cmdline_diff diff = {0};
	int rc = line_read(before, &a, err);

	if (rc == 0)
		rc = line_read(after, &b, err);
	if (rc == 0) {
		match(&a, &b);
		add_differences(&a, &b, &diff);
		if (diff.changes_count == 0)
			add_reordered(&a, &b, &diff);
		*out = diff;
	}
	rf_free(a.words);
	rf_free(b.words);
	return rc;
}

bool cmdline_only_kernel(const struct cmdline_diff *diff)
{
	for (size_t i = 0; i < diff->changes_count; i++) {
		if (!diff->changes[i].kernel)
			return false;
	}
	return diff->more == 0;
}

/* How each kind is told: "added: A B", "changed: a=1 to a=2, b=3 to b=4". */
static const struct {
	const char *title, *next, *between;
} kind_words[] = {
	[CMDLINE_ADDED] = {"added: ", " ", NULL},
	[CMDLINE_REMOVED] = {"removed: ", " ", NULL},
	[CMDLINE_CHANGED] = {"changed: ", ", ", " to "},
	[CMDLINE_REORDERED] = {"in another order: ", ", ", " was last, now it is "},
};

static void add_change(struct words *w, const struct cmdline_change *change)
{
	words_add_utf8(w, change->before.len ? change->before : change->after);
	if (kind_words[change->kind].between) {
		words_add(w, kind_words[change->kind].between);
		words_add_utf8(w, change->after);
	}
	words_add(w, change->to_init ? " (for init)" : "");
}

/* What hangs on a word, once: "added: mitigations=off (protection from flaws of the processor)". */
static void add_about(struct words *w, const struct cmdline_change *change, const char **told)
{
	if (!change->about || change->to_init || change->about == *told)
		return;
	words_printf(w, " (%s)", change->about);
	*told = change->about;
}

void cmdline_diff_words(struct words *w, const struct cmdline_diff *diff, unsigned int flags)
{
	const char *about = NULL;
	size_t told = 0;

	for (size_t kind = 0; kind < RF_COUNT(kind_words); kind++) {
		const char *before = kind_words[kind].title;

		for (size_t i = 0; i < diff->changes_count; i++) {
			const struct cmdline_change *change = &diff->changes[i];

			if ((size_t)change->kind != kind ||
			    (change->kernel && !(flags & CMDLINE_WITH_KERNEL)))
				continue;
			words_add(w, told > 0 && before == kind_words[kind].title ? "; " : "");
			words_add(w, before);
			add_change(w, change);
			if (flags & CMDLINE_EXPLAINED)
				add_about(w, change, &about);
			before = kind_words[kind].next;
			told++;
		}
	}
	if (diff->more)
		words_printf(w, "; and %zu more", diff->more);
	else if (told == 0)
		words_add(w, "the same words in another order");
}
