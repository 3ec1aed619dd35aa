/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What GRUB measures (PCR 8) when another entry starts than the last time: the default that it
 * sets, the submenus that it enters, the commands of the entry. Each is an edit of the last boot's
 * commands, worked out before any is copied; one that cannot be found there is said and left.
 * Which entry starts, predict_choose.c knows.
 * Source: grub 2.06: a command is measured as its words with single blanks; an entry begins with
 * setparams; the header that grub-mkconfig writes (next_entry, savedefault).
 */
#include <errno.h>
#include <string.h>

#include "attest/predict_parts.h"
#include "base/mem.h"
#include "base/str.h"

#define MAX_EDITS    1024u
#define MAX_COMMANDS 256u
#define MAX_PATHS    16u

enum deed { REPLACE, DROP, INSERT };

struct edit {
	enum deed deed;
	size_t at; /* place in the last boot; inserted behind it */
	const char *text;
};

struct predict_way {
	const struct predict_choice *choice;
	size_t first,
		last; /* the last boot's setparams: of the outermost entry, of the one that ran */
	bool entry_known; /* the entry's commands are worked out */
	struct edit edits[MAX_EDITS];
	size_t edits_count;
	bool full;
	/* Files of the entry: as the last boot read them, as the next one does. */
	struct {
		const char *was, *now;
	} paths[MAX_PATHS];
	size_t paths_count;
};

/* ---- the last boot's commands ---- */

static bool is_command(const struct boot_item *item)
{
	return item->source == BOOT_FIRMWARE_LOG && item->pcr == 8 &&
	       (item->component == COMPONENT_LOADER_COMMAND ||
		item->component == COMPONENT_CMDLINE);
}

static bool says(const struct boot_item *item, const char *text)
{
	return is_command(item) && rf_slice_equal(diff_text(item), rf_slice_text(text));
}

/* The place of the next command behind i, or of the one before it; SIZE_MAX when there is none. */
static size_t neighbour(const struct boot *last, size_t i, int step)
{
	for (size_t k = i + (size_t)step; k < last->count; k += (size_t)step) {
		if (is_command(&last->items[k]))
			return k;
	}
	return SIZE_MAX;
}

static bool neighbour_says(const struct boot *last, size_t i, int step, const char *text)
{
	size_t k = neighbour(last, i, step);

	return k != SIZE_MAX && says(&last->items[k], text);
}

static bool find_setparams(struct predict_way *way, const struct boot *last)
{
	way->first = way->last = SIZE_MAX;
	for (size_t i = 0; i < last->count; i++) {
		if (!is_command(&last->items[i]) || strcmp(last->items[i].name, "setparams") != 0)
			continue;
		way->first = way->first == SIZE_MAX ? i : way->first;
		way->last = i;
	}
	return way->first != SIZE_MAX;
}

/* ---- edits ---- */

static void edit(struct predict_way *way, enum deed deed, size_t at, const char *text)
{
	if (at == SIZE_MAX || way->edits_count == MAX_EDITS || (deed != DROP && !text)) {
		way->full = true;
		return;
	}
	way->edits[way->edits_count++] = (struct edit){deed, at, text};
}

static const char *keep(struct prediction *p, const struct rf_buf *text)
{
	return text->failed ? NULL : rf_arena_text(p->arena, rf_buf_text(text), text->len);
}

/* ---- the default that grub.cfg sets ---- */

/* What grub-mkconfig writes at the top, flat. */
static const char header[] =
	"\nif [ ${next_entry} ] ; then\nset default=${next_entry}\nset "
	"next_entry=\nsave_env next_entry\nset boot_once=true\nelse\nset default=";

static size_t find_default(const struct predict_way *way, const struct boot *last)
{
	static const char command[] = "set default=";
	size_t found = SIZE_MAX;

	for (size_t i = 0; i < way->first; i++) {
		struct rf_slice text = diff_text(&last->items[i]);

		if (is_command(&last->items[i]) && text.len >= sizeof(command) - 1 &&
		    memcmp(text.data, command, sizeof(command) - 1) == 0)
			found = i;
	}
	return found;
}

/* Another entry was asked for, for one boot, or is no longer. */
static void flip_default(struct prediction *p, size_t at, bool was_once)
{
	static const char *const forgets[] = {"set next_entry=", "save_env next_entry",
					      "set boot_once=true"};
	struct predict_way *way = p->way;
	const struct predict_choice *choice = way->choice;
	size_t before = neighbour(p->last, at, -1), behind = at;

	edit(way, REPLACE, before,
	     rf_arena_printf(p->arena, "[ %s ]", choice->once ? choice->default_value : ""));
	for (size_t i = 0; i < RF_COUNT(forgets); i++) {
		if (!was_once) {
			edit(way, INSERT, at, forgets[i]);
			continue;
		}
		behind = neighbour(p->last, behind, 1);
		edit(way, DROP, behind, NULL);
	}
}

static void predict_default(struct prediction *p)
{
	struct predict_way *way = p->way;
	const struct predict_choice *choice = way->choice;
	size_t at = find_default(way, p->last);
	const char *text = rf_arena_printf(p->arena, "set default=%s", choice->default_value);

	if (!choice->default_known) {
		predict_note(
			p->notes,
			"PCR 8: cannot be predicted: what grub.cfg assigns to its default is not "
			"known");
		return;
	}

	if (at == SIZE_MAX || !text) {
		if (choice->default_value[0])
			predict_note(p->notes, "PCR 8: cannot be predicted: the last boot set no "
					       "default entry, the next one does");
		return;
	}
	bool was_once = neighbour_says(p->last, at, 1, "set next_entry=");

	if (!says(&p->last->items[at], text))
		edit(way, REPLACE, at, text);
	if (was_once != choice->once && p->config && strstr(p->config, header))
		flip_default(p, at, was_once);
	else if (was_once != choice->once)
		predict_note(p->notes,
			     "PCR 8: cannot be predicted: an entry is asked for by next_entry, in "
			     "another way than grub-mkconfig writes it");
	else if (was_once && neighbour(p->last, at, -1) != SIZE_MAX)
		edit(way, REPLACE, neighbour(p->last, at, -1),
		     rf_arena_printf(p->arena, "[ %s ]", choice->default_value));
}

/* savedefault, where an entry has it: remembers what was started, but not one for a single boot. */
static void predict_saved(struct prediction *p)
{
	struct predict_way *way = p->way;
	const struct predict_choice *choice = way->choice;
	const char *saved = rf_arena_printf(p->arena, "saved_entry=%s", choice->chosen);

	for (size_t i = way->last; i < p->last->count; i++) {
		bool saves = says(&p->last->items[i], "[ -z  ]");

		if ((!saves && !says(&p->last->items[i], "[ -z true ]")) ||
		    !neighbour_says(p->last, i, -1, "savedefault"))
			continue;
		size_t first = neighbour(p->last, i, 1);

		if (saves && !choice->saves_nothing) {
			edit(way, REPLACE, first, saved);
		} else if (saves) {
			edit(way, REPLACE, i, "[ -z true ]");
			edit(way, DROP, first, NULL);
			edit(way, DROP, neighbour(p->last, first, 1), NULL);
		} else if (!choice->saves_nothing) {
			edit(way, REPLACE, i, "[ -z  ]");
			edit(way, INSERT, i, saved);
			edit(way, INSERT, i, "save_env saved_entry");
		}
	}
}

/* ---- submenus ---- */

/* The texts of all commands from the outermost entry to the one that runs: each entry's setparams,
 * and a submenu's own entries. */
static size_t level_texts(struct prediction *p, const char **out, size_t room)
{
	const struct predict_choice *choice = p->way->choice;
	char title[PREDICT_MAX_TITLE], id[PREDICT_MAX_TITLE];
	struct predict_entry entry;
	size_t count = 0;

	for (size_t d = 0; d < choice->depth; d++) {
		const struct predict_entry *level = &choice->levels[d];
		const struct rf_slice inside = {level->body.data + 1, level->body.len - 2};

		if (count == room || !predict_entry_name(level, title, id))
			return 0;
		out[count] = rf_arena_printf(p->arena, "setparams %s", title);
		if (!out[count++])
			return 0;
		for (size_t i = 0; level->submenu && predict_config_entry(inside, i, &entry); i++) {
			RF_AUTOBUF struct rf_buf text = {0};

			if (count == room || !predict_entry_head(&entry, &text))
				return 0;
			rf_buf_add_byte(&text, ' ');
			rf_buf_add(&text, entry.body.data, entry.body.len);
			out[count] = keep(p, &text);
			if (!out[count++])
				return 0;
		}
	}
	return count;
}

static int predict_levels(struct prediction *p)
{
	RF_AUTOFREE const char **texts = rf_alloc(MAX_EDITS, sizeof(*texts));
	struct predict_way *way = p->way;
	size_t count = texts ? level_texts(p, texts, MAX_EDITS) : 0, used = 0;

	if (!texts)
		return -ENOMEM;
	if (count == 0)
		way->full = true;
	for (size_t i = way->first; count && i <= way->last; i++) {
		if (!is_command(&p->last->items[i]))
			continue;
		if (used == count)
			edit(way, DROP, i, NULL);
		else if (!says(&p->last->items[i], texts[used++]))
			edit(way, REPLACE, i, texts[used - 1]);
	}
	while (used < count)
		edit(way, INSERT, way->last, texts[used++]);
	return 0;
}

/* ---- the entry ---- */

/* Commands of a block, as they are measured where no variable is in them. */
struct commands {
	char *flat[MAX_COMMANDS];
	size_t count;
	bool failed;
};

static void commands_done(struct commands *list)
{
	for (size_t i = 0; i < list->count; i++)
		rf_free(list->flat[i]);
}

static void read_commands(struct rf_slice body, struct commands *out)
{
	struct predict_command command;
	size_t at = 0;

	while (predict_command_next(body, &at, &command)) {
		RF_AUTOFREE char *flat =
			out->count == MAX_COMMANDS ? NULL : predict_config_flat(command.whole);
		RF_AUTOBUF struct rf_buf text = {0};

		if (!flat) {
			out->failed = true;
			return;
		}
		rf_buf_add_text(&text, rf_trim(flat));
		out->flat[out->count] = rf_buf_take_text(&text);
		if (!out->flat[out->count]) {
			out->failed = true;
			return;
		}
		out->count++;
	}
}

/* The body of the entry that ran, from the menu that was measured; without its braces. */
static struct rf_slice old_body(struct prediction *p)
{
	static const char command[] = "setparams ";
	struct rf_slice title = diff_text(&p->last->items[p->way->last]), text;

	if (title.len < sizeof(command))
		return (struct rf_slice){0};
	title.data += sizeof(command) - 1;
	title.len -= sizeof(command) - 1;
	for (size_t i = p->way->last; i > 0; i--) {
		const struct boot_item *item = &p->last->items[i - 1];

		text = diff_text(item);
		if (!predict_is_entry(item) || !predict_title_is(text, title))
			continue;
		for (size_t k = 0; k < text.len; k++) {
			if (text.data[k] == '{' && predict_skip_block(text, k) == text.len)
				return (struct rf_slice){text.data + k + 1, text.len - k - 2};
		}
	}
	return (struct rf_slice){0};
}

static size_t find_text(const struct predict_way *way, const struct boot *last, const char *text)
{
	for (size_t i = way->last + 1; i < last->count; i++) {
		if (says(&last->items[i], text))
			return i;
	}
	return SIZE_MAX;
}

/* Files that both commands name at the same place. */
static void pair_paths(struct prediction *p, char *was, char *now)
{
	struct predict_way *way = p->way;
	char *a = was, *b = now, *old, *new;

	while ((old = rf_word_next(&a)) && (new = rf_word_next(&b))) {
		if (old[0] != '/' || new[0] != '/' || way->paths_count == MAX_PATHS)
			continue;
		way->paths[way->paths_count].was = rf_arena_copy(p->arena, old);
		way->paths[way->paths_count].now = rf_arena_copy(p->arena, new);
		if (way->paths[way->paths_count].was && way->paths[way->paths_count].now)
			way->paths_count++;
	}
}

/* One command that is another one now. False when it cannot be told how that is measured. */
static bool swap_command(struct prediction *p, char *was, char *now)
{
	struct predict_way *way = p->way;
	size_t word = strcspn(was, " "), at = find_text(way, p->last, was);
	bool is_linux = rf_starts(was, "linux");

	if (strcspn(now, " ") != word || memcmp(was, now, word) != 0 || strchr(was, '$') ||
	    strchr(now, '$') || at == SIZE_MAX)
		return false;
	edit(way, REPLACE, at, rf_arena_copy(p->arena, now));
	if (is_linux && was[word] && now[word]) {
		at = find_text(way, p->last, was + word + 1);
		if (at == SIZE_MAX)
			return false;
		edit(way, REPLACE, at, rf_arena_copy(p->arena, now + word + 1));
	}
	if (is_linux || rf_starts(was, "initrd"))
		pair_paths(p, was, now);
	return true;
}

static void predict_commands(struct prediction *p, struct commands *was, struct commands *now)
{
	const struct predict_choice *choice = p->way->choice;
	const struct predict_entry *entry = &choice->levels[choice->depth - 1];
	size_t edits = p->way->edits_count;
	bool known = true;

	read_commands(old_body(p), was);
	read_commands((struct rf_slice){entry->body.data + 1, entry->body.len - 2}, now);
	known = was->count > 0 && was->count == now->count && !was->failed && !now->failed;
	for (size_t i = 0; known && i < was->count; i++) {
		if (strcmp(was->flat[i], now->flat[i]) != 0)
			known = swap_command(p, was->flat[i], now->flat[i]);
	}
	p->way->entry_known = known;
	if (known)
		return;
	p->way->edits_count = edits;
	p->way->paths_count = 0;
	predict_note(p->notes,
		     "PCR 8: cannot be predicted: \"%.100s\" does other things than the entry that "
		     "started the last time",
		     choice->title);
}

static int predict_body(struct prediction *p)
{
	RF_AUTOFREE struct commands *was = rf_alloc(1, sizeof(*was));
	RF_AUTOFREE struct commands *now = rf_alloc(1, sizeof(*now));
	int rc = was && now ? 0 : -ENOMEM;

	if (rc == 0) {
		predict_commands(p, was, now);
		rc = was->failed && was->count < MAX_COMMANDS ? -ENOMEM : 0;
	}
	if (was)
		commands_done(was);
	if (now)
		commands_done(now);
	return rc;
}

/* ---- for predict.c ---- */

int predict_way_open(struct prediction *p)
{
	const struct predict_choice *choice = p->input->choice;

	if (!choice || !choice->depth)
		return 0;
	p->way = rf_arena_alloc(p->arena, 1, sizeof(*p->way));
	if (!p->way)
		return -ENOMEM;
	p->way->choice = choice;
	if (!find_setparams(p->way, p->last)) {
		p->way = NULL;
		return 0;
	}
	predict_default(p);
	int rc = predict_levels(p);

	if (rc == 0)
		rc = predict_body(p);
	if (rc == 0)
		predict_saved(p);
	if (rc == 0 && p->way->full)
		predict_note(p->notes, "PCR 8: cannot be predicted: the menu is too large, or a "
				       "title has a variable");
	return rc;
}

const char *predict_way_kernel(const struct predict_choice *choice, char *out, size_t size)
{
	const struct predict_entry *entry = &choice->levels[choice->depth - 1];
	const struct rf_slice body = {entry->body.data + 1, entry->body.len - 2};
	struct predict_command command;
	size_t at = 0;

	while (predict_command_next(body, &at, &command)) {
		if (!predict_starts_linux(&command))
			continue;
		struct rf_slice path = command.words[1];

		if (path.data[0] != '/' || memchr(path.data, '$', path.len) ||
		    !rf_format(out, size, "%.*s", (int)path.len, (const char *)path.data))
			return "";
		return out;
	}
	return NULL;
}

const char *predict_way_path(const struct prediction *p, const char *path)
{
	for (size_t i = 0; p->way && i < p->way->paths_count; i++) {
		if (strcmp(p->way->paths[i].was, path) == 0)
			return p->way->paths[i].now;
	}
	return NULL;
}

static int put(struct prediction *p, const struct boot_item *like, const char *text)
{
	int nuls = predict_digest_rule(p, like, diff_text(like));
	struct boot_item *item = boot_add(p->out);
	RF_AUTOBUF struct rf_buf copy = {0};

	if (!item || rf_buf_add_text(&copy, text) < 0)
		return -ENOMEM;
	*item = *like;
	if (nuls < 0) {
		predict_note(p->notes,
			     "PCR 8: cannot be predicted: \"%.80s\" is not measured as a text",
			     like->text);
		return 0;
	}
	return predict_put_text(p, item, &copy, (size_t)nuls);
}

int predict_way_item(struct prediction *p, size_t i)
{
	const struct boot_item *was = &p->last->items[i];
	const struct predict_way *way = p->way;
	const struct edit *whole = NULL;
	bool mine = false, menu;

	if (!way || !is_command(was))
		return 0;
	menu = i >= way->first && i <= way->last;
	for (size_t e = 0; e < way->edits_count; e++) {
		mine |= way->edits[e].at == i;
		if (way->edits[e].at == i && way->edits[e].deed != INSERT)
			whole = &way->edits[e];
	}
	if (!mine && !menu && !(i > way->last && way->entry_known))
		return 0;
	int rc = 0;

	if (whole && whole->deed == DROP) {
		p->changed++;
	} else if (whole) {
		rc = put(p, was, whole->text);
	} else {
		struct boot_item *same = boot_add(p->out);

		if (!same)
			return -ENOMEM;
		*same = *was;
	}
	for (size_t e = 0; rc == 0 && e < way->edits_count; e++) {
		if (way->edits[e].at == i && way->edits[e].deed == INSERT)
			rc = put(p, was, way->edits[e].text);
	}
	return rc < 0 ? rc : 1;
}
