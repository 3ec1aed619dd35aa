/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One reason for each part that changed, in words. Which changes make a part is decided in
 * diff_absorb.c; titles and next steps of reasons stand in reason.c.
 */
#include <stdlib.h>
#include <string.h>

#include "attest/cmdline.h"
#include "attest/diff_parts.h"
#include "attest/eventlog_types.h"
#include "attest/sbdiff.h"
#include "attest/words.h"
#include "base/mem.h"
#include "base/str.h"

#define LINES_SHOWN    3u
#define LINE_BYTES     72u
#define NAMES_SHOWN    4u
#define PCR_LIST_BYTES 64u

/* The changes of one part. */
struct part {
	struct diff_change *changes;
	size_t count;
	const struct diff_change *lead; /* the one that names it */
	const struct diff_changes *all;
};

static const struct boot_item *item_of(const struct diff_change *change)
{
	return change->now ? change->now : change->was;
}

/* ---- pieces ---- */

static void join(struct words *w, const char *between)
{
	if (w->len > 0)
		words_add(w, between);
}

static uint32_t pcrs_of(const struct part *part)
{
	uint32_t pcrs = 0;

	for (size_t i = 0; i < part->count; i++) {
		uint32_t pcr = item_of(&part->changes[i])->pcr;

		pcrs |= pcr < ATTEST_PCRS ? 1u << pcr : 0;
	}
	return pcrs;
}

/* "seen in PCR 4, 8, 9" where it is more than one. */
static void add_pcrs(struct words *w, uint32_t pcrs)
{
	const char *before = "seen in PCR ";

	if ((pcrs & (pcrs - 1)) == 0)
		return;
	for (uint32_t pcr = 0; pcr < ATTEST_PCRS; pcr++) {
		if (!(pcrs & 1u << pcr))
			continue;
		words_printf(w, "%s%u", before, pcr);
		before = ", ";
	}
}

/* Different texts of one side, joined: "A, B and 3 more". */
static void list_texts(const struct part *part, bool now, char *out, size_t size)
{
	struct words w = words_into(out, size);
	const char *last = NULL;
	size_t shown = 0, more = 0;

	for (size_t i = 0; i < part->count; i++) {
		const struct boot_item *item = now ? part->changes[i].now : part->changes[i].was;

		if (!item || (last && strcmp(last, item->text) == 0))
			continue;
		last = item->text;
		if (shown == NAMES_SHOWN) {
			more++;
			continue;
		}
		join(&w, ", ");
		words_add(&w, item->text[0] ? item->text : item->name);
		shown++;
	}
	if (more)
		words_printf(&w, " and %zu more", more);
}

static void set_digests(const struct part *part, struct reason *r)
{
	const struct boot_item *was = part->lead->was, *now = part->lead->now;
	static const uint16_t strongest_first[] = {ATTEST_SHA512, ATTEST_SHA384, ATTEST_SHA256,
						   ATTEST_SHA1};

	for (size_t i = 0; i < RF_COUNT(strongest_first); i++) {
		const struct attest_digest *a =
			was ? boot_item_digest(was, strongest_first[i]) : NULL;
		const struct attest_digest *b =
			now ? boot_item_digest(now, strongest_first[i]) : NULL;

		if ((was && !a) || (now && !b))
			continue;
		if (a)
			r->was_digest = *a;
		if (b)
			r->now_digest = *b;
		return;
	}
}

/* Says what it means that one side is not there. */
static void add_presence(const struct part *part, struct words *w)
{
	bool was = false, now = false;

	for (size_t i = 0; i < part->count; i++) {
		was |= part->changes[i].was != NULL;
		now |= part->changes[i].now != NULL;
	}
	if (was && now)
		return;
	join(w, "; ");
	words_add(w, now ? "it was not there before" : "it is not there any more");
}

/* ---- by kind of part ---- */

/* A file: its path, its version where that changed, its digest. */
static void describe_file(const struct part *part, struct reason *r, struct words *detail)
{
	const struct boot_item *was = part->lead->was, *now = part->lead->now;
	const struct boot_item *item = item_of(part->lead);
	/* UEFI names the whole way to the device: the file is what people know. */
	const char *text = item->pcr == 4 && item->name[0] ? item->name : diff_path(item->text);
	const char *old = was ? diff_version(was->name) : "";
	const char *new = now ? diff_version(now->name) : "";

	rf_copy(r->subject, sizeof(r->subject), text);
	if (was && now && strcmp(old, new) != 0 && old[0] && new[0]) {
		rf_copy(r->was, sizeof(r->was), old);
		rf_copy(r->now, sizeof(r->now), new);
	} else if (was && now && strcmp(was->name, now->name) != 0) {
		rf_copy(r->was, sizeof(r->was), was->name);
		rf_copy(r->now, sizeof(r->now), now->name);
	} else if (was && now && old[0] && r->id == REASON_KERNEL_CHANGED) {
		words_add(detail, "the version in its name is the same, its contents are not");
	}
	set_digests(part, r);
	add_presence(part, detail);
}

/* Something whose text says it all: a state, a list, an order. */
static void describe_text(const struct part *part, struct reason *r, struct words *detail)
{
	list_texts(part, false, r->was, sizeof(r->was));
	list_texts(part, true, r->now, sizeof(r->now));
	if (diff_row_of(part->lead->role)->merge == DIFF_BY_NAME)
		rf_copy(r->subject, sizeof(r->subject), part->lead->key);
	set_digests(part, r);
	if (strcmp(r->was, r->now) == 0) {
		r->was[0] = r->now[0] = '\0';
		rf_copy(r->subject, sizeof(r->subject), item_of(part->lead)->name);
	}
	add_presence(part, detail);
}

/* A list of keys: certificates and hashes that came and went, by name. */
static void describe_database(const struct part *part, struct reason *r, struct words *detail)
{
	const struct diff_change *lead = part->lead;
	RF_AUTOFREE struct sbdiff *diff = rf_alloc(1, sizeof(*diff));

	describe_text(part, r, detail);
	if (!diff ||
	    sbdiff_compare(sbdiff_list_of_name(item_of(lead)->name),
			   lead->was ? lead->was->value : (struct rf_slice){0},
			   lead->now ? lead->now->value : (struct rf_slice){0}, diff, NULL) < 0)
		return;
	/* The counts of before and after say less than what came and went. */
	r->was[0] = r->now[0] = '\0';
	rf_copy(r->subject, sizeof(r->subject), item_of(lead)->name);
	detail->len = 0;
	sbdiff_words(detail, diff);
}

/* The names of what changed: contents are not in the log. */
static void describe_names(const struct part *part, struct reason *r, struct words *detail)
{
	struct words w = words_into(r->subject, sizeof(r->subject));
	const char *last = "";

	for (size_t i = 0; i < part->count; i++) {
		if (strcmp(last, part->changes[i].key) == 0)
			continue;
		last = part->changes[i].key;
		join(&w, ", ");
		words_add(&w, last);
	}
	set_digests(part, r);
	add_presence(part, detail);
}

/* One list of machine owner's keys, as far as its contents came. */
static bool add_mok_changes(const struct diff_change *change, struct words *detail)
{
	const char *name = item_of(change)->name;
	RF_AUTOFREE struct sbdiff *diff = rf_alloc(1, sizeof(*diff));

	if (!diff ||
	    sbdiff_compare(sbdiff_list_of_name(name),
			   change->was ? change->was->value : (struct rf_slice){0},
			   change->now ? change->now->value : (struct rf_slice){0}, diff, NULL) < 0)
		return false;
	join(detail, "; ");
	words_printf(detail, "%s: ", name);
	sbdiff_words(detail, diff);
	return true;
}

static void describe_mok(const struct part *part, struct reason *r, struct words *detail)
{
	size_t unknown = 0;

	for (size_t i = 0; i < part->count; i++) {
		const struct boot_item *item = item_of(&part->changes[i]);

		/* In PCR 7 shim tells which of them vouched. */
		if (item->pcr == 14 && rf_starts(item->name, "MokList") &&
		    strcmp(item->name, "MokListTrusted") != 0)
			unknown += !add_mok_changes(&part->changes[i], detail);
	}
	describe_names(part, r, detail);
	if (unknown)
		words_printf(detail,
			     "%swhich keys cannot be told: the evidence does not hold the %s",
			     detail->len ? "; " : "", unknown == 1 ? "list" : "lists");
}

static void describe_firmware(const struct part *part, struct reason *r, struct words *detail)
{
	const struct diff_change *version = NULL;

	for (size_t i = 0; i < part->count; i++) {
		if (strcmp(part->changes[i].key, "version") == 0)
			version = &part->changes[i];
	}
	if (version && version->was && version->now) {
		rf_format(r->was, sizeof(r->was), "version %s", version->was->text);
		rf_format(r->now, sizeof(r->now), "version %s", version->now->text);
	} else {
		words_add(detail, "the version that it names is the same");
	}
	set_digests(part, r);
	if (part->count > 1)
		words_printf(detail, "%s%zu measurements of it changed", detail->len ? "; " : "",
			     part->count);
}

static void describe_secure_boot(const struct part *part, struct reason *r, struct words *detail)
{
	const struct boot_item *was = part->lead->was, *now = part->lead->now;
	size_t names = 0;

	rf_copy(r->subject, sizeof(r->subject), item_of(part->lead)->name);
	rf_copy(r->was, sizeof(r->was), was ? was->text : "not said");
	rf_copy(r->now, sizeof(r->now), now ? now->text : "not said");
	for (size_t i = 0; i < part->count; i++) {
		const struct boot_item *item = item_of(&part->changes[i]);

		if (item->component != COMPONENT_AUTHORITY || names++ == NAMES_SHOWN)
			continue;
		if (names == 1)
			words_add(detail, part->changes[i].now ? "signers that count now: "
							       : "signers that count no more: ");
		else
			words_add(detail, ", ");
		words_add(detail, item->text);
	}
}

/* "added: A B; removed: C" */
static void add_word_changes(struct words *w, struct rf_slice was, struct rf_slice now,
			     unsigned int flags)
{
	RF_AUTOFREE struct cmdline_diff *diff = rf_alloc(1, sizeof(*diff));

	if (!diff || cmdline_compare(was, now, diff, NULL) < 0)
		words_add(w, "too long to be compared word by word");
	else
		cmdline_diff_words(w, diff, flags);
}

static struct rf_slice text_or_none(const struct boot_item *item)
{
	return item ? diff_text(item) : (struct rf_slice){0};
}

static bool has_role(const struct diff_changes *changes, enum eventlog_component role)
{
	for (size_t i = 0; i < changes->count; i++) {
		if (changes->items[i].role == role)
			return true;
	}
	return false;
}

static void describe_cmdline(const struct part *part, struct reason *r, struct words *detail)
{
	struct rf_slice was = text_or_none(part->lead->was), now = text_or_none(part->lead->now);

	(void)r;
	/* systemd's stub and the kernel's own measure it without telling it. */
	if (rf_slice_equal(was, now)) {
		words_add(detail, "the log does not tell its words");
		return;
	}
	add_word_changes(detail, was, now,
			 CMDLINE_EXPLAINED |
				 (has_role(part->all, COMPONENT_KERNEL) ? 0 : CMDLINE_WITH_KERNEL));
}

/* ---- the boot loader's commands ---- */

/* One command, cut: what it is about stands at its beginning. */
static void add_line(struct words *w, const struct boot_item *item)
{
	char line[LINE_BYTES];
	struct words cut = words_into(line, sizeof(line));
	struct rf_slice text = diff_text(item);
	const uint8_t *end = text.len ? memchr(text.data, '\n', text.len) : NULL;

	if (end)
		text.len = (size_t)(end - text.data);
	words_add_utf8(&cut, text);
	words_add(w, line);
}

/* "linux: added: mitigations=off", "new: insmod x", "gone: insmod x" */
static void add_command(struct words *w, const struct diff_change *change)
{
	if (change->was && change->now) {
		words_add(w, change->now->name);
		words_add(w, ": ");
		add_word_changes(w, diff_text(change->was), diff_text(change->now), true);
		return;
	}
	words_add(w, change->now ? "new: " : "gone: ");
	add_line(w, item_of(change));
}

/* A menu entry repeats what its commands say when they run. */
static bool is_body(const struct diff_change *change)
{
	const struct boot_item *item = item_of(change);

	return item->value.len > 0 && memchr(item->value.data, '\n', item->value.len) != NULL;
}

static void add_commands(const struct part *part, struct words *detail)
{
	size_t lines = 0, others = 0, bodies = 0;

	for (size_t i = 0; i < part->count; i++) {
		const struct diff_change *change = &part->changes[i];

		if (item_of(change)->component != COMPONENT_LOADER_COMMAND)
			continue;
		if (is_body(change)) {
			bodies++;
			continue;
		}
		if (lines++ >= LINES_SHOWN) {
			others++;
			continue;
		}
		join(detail, ", ");
		add_command(detail, change);
	}
	if (others)
		words_printf(detail, ", and %zu commands more", others);
	if (lines == 0 && bodies > 0)
		words_printf(detail, "%sthe text of %zu menu entries", detail->len ? "; " : "",
			     bodies);
}

static void describe_loader_file(const struct part *part, struct reason *r, struct words *detail)
{
	describe_file(part, r, detail);
	add_commands(part, detail);
}

static void describe_commands(const struct part *part, struct reason *r, struct words *detail)
{
	(void)r;
	if (!has_role(part->all, COMPONENT_LOADER_FILE))
		words_add(detail,
			  "no file of the boot loader changed: they were typed at its menu, "
			  "or another entry was chosen");
	add_commands(part, detail);
}

/* ---- the rest ---- */

static void describe_exit(const struct part *part, struct reason *r, struct words *detail)
{
	if (item_of(part->lead) == part->lead->now)
		r->id = REASON_EVENT_CHANGED;
	describe_text(part, r, detail);
}

static void describe_failure(const struct part *part, struct reason *r, struct words *detail)
{
	bool now = false;

	for (size_t i = 0; i < part->count; i++)
		now |= part->changes[i].now != NULL;
	if (!now)
		r->id = REASON_EVENT_CHANGED;
	describe_text(part, r, detail);
}

static void describe_shim(const struct part *part, struct reason *r, struct words *detail)
{
	describe_text(part, r, detail);
	rf_copy(r->subject, sizeof(r->subject), part->lead->key);
}

static void describe_other(const struct part *part, struct reason *r, struct words *detail)
{
	if (item_of(part->lead)->source == BOOT_USERSPACE_LOG)
		r->id = REASON_USERSPACE_CHANGED;
	describe_text(part, r, detail);
}

typedef void describe_fn(const struct part *part, struct reason *r, struct words *detail);

static describe_fn *describer_of(enum eventlog_component role)
{
	static describe_fn *const table[COMPONENT_COUNT] = {
		[COMPONENT_FIRMWARE] = describe_firmware,
		[COMPONENT_OPTION_ROM] = describe_file,
		[COMPONENT_MICROCODE] = describe_file,
		[COMPONENT_DRIVER] = describe_file,
		[COMPONENT_BOOT_APP] = describe_file,
		[COMPONENT_KERNEL] = describe_file,
		[COMPONENT_INITRD] = describe_file,
		[COMPONENT_ESX_MODULE] = describe_file,
		[COMPONENT_LOADER_FILE] = describe_loader_file,
		[COMPONENT_LOADER_COMMAND] = describe_commands,
		[COMPONENT_CMDLINE] = describe_cmdline,
		[COMPONENT_SECURE_BOOT_PK] = describe_database,
		[COMPONENT_SECURE_BOOT_KEK] = describe_database,
		[COMPONENT_SECURE_BOOT_DB] = describe_database,
		[COMPONENT_SECURE_BOOT_DBX] = describe_database,
		[COMPONENT_SECURE_BOOT_STATE] = describe_secure_boot,
		[COMPONENT_MOK_LIST] = describe_mok,
		[COMPONENT_SHIM_VARIABLE] = describe_shim,
		[COMPONENT_DRTM] = describe_names,
		[COMPONENT_EXIT_BOOT_SERVICES] = describe_exit,
		[COMPONENT_BOOT_FAILURE] = describe_failure,
		[COMPONENT_OTHER] = describe_other,
	};

	return table[role] ? table[role] : describe_text;
}

/* ---- the parts ---- */

static bool by_name(const struct diff_change *change)
{
	return diff_row_of(change->role)->merge == DIFF_BY_NAME;
}

static bool same_part(const struct diff_change *a, const struct diff_change *b)
{
	if (a->role != b->role)
		return false;
	return !by_name(a) || strcmp(a->key, b->key) == 0;
}

static size_t place_of(const struct diff_change *change)
{
	return change->now_at != DIFF_NONE ? change->now_at : change->was_at;
}

static int by_part(const void *left, const void *right)
{
	const struct diff_change *a = left, *b = right;
	size_t ra = diff_rank(a->role), rb = diff_rank(b->role);

	if (ra != rb)
		return ra < rb ? -1 : 1;
	if (by_name(a) && strcmp(a->key, b->key) != 0)
		return strcmp(a->key, b->key);
	if (place_of(a) != place_of(b))
		return place_of(a) < place_of(b) ? -1 : 1;
	return (a->now != NULL) - (b->now != NULL);
}

/* How well a change names its part: of its own kind, with a path, on both sides. */
static int lead_score(const struct diff_change *change)
{
	const struct boot_item *item = item_of(change);

	return (item->component == change->role ? 8 : 0) +
	       (item->name[0] && item->name[0] != '.' ? 4 : 0) +
	       (strcmp(item->name, "SecureBoot") == 0 ? 2 : 0) +
	       (change->was && change->now ? 1 : 0);
}

static void add_part(struct part *part, struct reasons *out)
{
	char pcrs[PCR_LIST_BYTES] = "";
	size_t index = out->count;
	struct reason *r = reasons_add(out, diff_row_of(part->changes[0].role)->id);

	if (!r)
		return;
	part->lead = &part->changes[0];
	for (size_t i = 0; i < part->count; i++) {
		part->changes[i].reason = index;
		if (lead_score(&part->changes[i]) > lead_score(part->lead))
			part->lead = &part->changes[i];
	}
	r->component = part->lead->role;
	r->pcrs = pcrs_of(part);
	r->pcr = item_of(part->lead)->pcr;
	r->pcr = r->pcr < ATTEST_PCRS ? r->pcr : REASON_NOWHERE;
	r->event = part->lead->now ? part->lead->now->event : REASON_NOWHERE;
	r->old_event = part->lead->was ? part->lead->was->event : REASON_NOWHERE;

	/* The list of registers always fits: it is what people look for. */
	struct words list = words_into(pcrs, sizeof(pcrs));
	struct words detail = words_into(r->detail, sizeof(r->detail) - sizeof(pcrs));

	describer_of(part->lead->role)(part, r, &detail);
	add_pcrs(&list, r->pcrs);
	if (list.len > 0) {
		detail.size = sizeof(r->detail);
		detail.cut = false;
		words_printf(&detail, "%s%s", detail.len ? "; " : "", pcrs);
	}
}

void diff_describe(struct diff_changes *changes, struct reasons *out)
{
	if (changes->count)
		qsort(changes->items, changes->count, sizeof(*changes->items), by_part);
	for (size_t i = 0; i < changes->count;) {
		struct part part = {.changes = &changes->items[i], .all = changes};

		while (i + part.count < changes->count &&
		       same_part(part.changes, &part.changes[part.count]))
			part.count++;
		add_part(&part, out);
		i += part.count;
	}
}
