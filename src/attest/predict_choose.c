/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which entry of grub.cfg will start, see predict_choose in predict.h: follows what the script
 * assigns to `default`, as far as that hangs on the environment block, and finds the entry that the
 * value names. What an entry then runs is predict_entry.c's.
 * Source: grub 2.06 manual ("default", "next_entry", "saved_entry", submenus as "A>B"), its menu's
 * behaviour (a number or a title or an id; what is not there is the first entry), and the header
 * that grub-mkconfig writes.
 */
#include <errno.h>
#include <string.h>

#include "attest/predict_parts.h"
#include "base/mem.h"
#include "base/str.h"

#define MAX_NESTING   32u
#define MAX_VARIABLES 64u

enum truth { FALSE_NOW, MAYBE, TRUE_NOW };

/* An `if`, or a loop, which may run or not. */
struct frame {
	enum truth now;	  /* of the branch that is read */
	enum truth taken; /* one of the branches before was */
	bool condition;	  /* its condition is being read */
};

struct variable {
	char name[GRUBENV_MAX_NAME], value[GRUBENV_MAX_VALUE];
	bool known;
};

struct run {
	const struct grubenv *env;
	struct variable variables[MAX_VARIABLES];
	size_t variables_count;
	struct frame frames[MAX_NESTING];
	size_t depth;
	bool lost; /* nested too deep, or too many variables: nothing is certain */
	/* Values that `default` may have, with what is certain of each. */
	struct variable defaults[PREDICT_MAX_CHOICES];
	size_t defaults_count;
	size_t entries, first_doubtful; /* menu entries; the first that may not be there */
};

/* ---- variables ---- */

static struct variable *find_variable(struct run *run, const char *name)
{
	for (size_t i = 0; i < run->variables_count; i++) {
		if (strcmp(run->variables[i].name, name) == 0)
			return &run->variables[i];
	}
	return NULL;
}

/* Empty at GRUB's start when the environment block does not have them. */
static bool comes_from_block(const char *name)
{
	static const char *const names[] = {"boot_once", "recordfail", "initrdfail"};

	for (size_t i = 0; i < RF_COUNT(names); i++) {
		if (strcmp(name, names[i]) == 0)
			return true;
	}
	return rf_ends(name, "_entry");
}

/* NULL: not known. */
static const char *value_of(struct run *run, const char *name)
{
	const struct variable *set = find_variable(run, name);
	const char *value = run->env && !set ? grubenv_value(run->env, name) : NULL;

	if (set)
		return set->known ? set->value : NULL;
	return value ? value : run->env && comes_from_block(name) ? "" : NULL;
}

static void put_variable(struct run *run, const char *name, const char *value, enum truth now)
{
	struct variable *v = find_variable(run, name);
	const char *was = value_of(run, name);

	if (!v && run->variables_count == MAX_VARIABLES) {
		run->lost = true;
		return;
	}
	bool same = value && was && strcmp(value, was) == 0;

	v = v ? v : &run->variables[run->variables_count++];
	v->known = rf_copy(v->name, sizeof(v->name), name) && value && (now == TRUE_NOW || same) &&
		   rf_copy(v->value, sizeof(v->value), value);
}

/* "$name" or "${name}" at i: its name; returns how long that is, 0 when it is none. */
static size_t variable_at(struct rf_slice word, size_t i, char name[GRUBENV_MAX_NAME])
{
	bool braced = i + 1 < word.len && word.data[i + 1] == '{';
	size_t start = i + (braced ? 2 : 1), end = start;

	while (end < word.len &&
	       (word.data[end] == '_' || (word.data[end] >= '0' && word.data[end] <= '9') ||
		(word.data[end] >= 'a' && word.data[end] <= 'z') ||
		(word.data[end] >= 'A' && word.data[end] <= 'Z')))
		end++;
	if (end == start || end - start >= GRUBENV_MAX_NAME ||
	    (braced && (end == word.len || word.data[end] != '}')))
		return 0;
	memcpy(name, word.data + start, end - start);
	name[end - start] = '\0';
	return end - i + (braced ? 1 : 0);
}

/* The word's value; false when it is not known. */
static bool expand(struct run *run, struct rf_slice word, char out[GRUBENV_MAX_VALUE])
{
	char name[GRUBENV_MAX_NAME];
	size_t len = 0;
	uint8_t quote = 0;

	for (size_t i = 0; i < word.len;) {
		uint8_t c = word.data[i];
		const char *value = NULL;
		size_t taken = 1;

		if (quote ? c == quote : c == '\'' || c == '"') {
			quote = quote ? 0 : c;
			i++;
			continue;
		}
		if (c == '$' && quote != '\'') {
			taken = variable_at(word, i, name);
			value = taken ? value_of(run, name) : NULL;
			if (!value)
				return false;
		}
		const char one[2] = {(char)c, '\0'};

		if (!rf_copy(out + len, GRUBENV_MAX_VALUE - len, value ? value : one))
			return false;
		len += strlen(out + len);
		i += taken;
	}
	out[len] = '\0';
	return true;
}

/* ---- conditions ---- */

static enum truth truth_of(bool yes)
{
	return yes ? TRUE_NOW : FALSE_NOW;
}

/* [ x ], [ -n x ], [ -z x ], [ a = b ], [ a != b ]; all others are not known. */
static enum truth condition(struct run *run, const struct rf_slice *words, size_t count)
{
	char values[2][GRUBENV_MAX_VALUE];

	if (count < 3 || !predict_word_is(words[0], "[") || !predict_word_is(words[count - 1], "]"))
		return MAYBE;
	if (count == 3)
		return expand(run, words[1], values[0]) ? truth_of(values[0][0]) : MAYBE;
	if (count == 4) {
		bool empty = predict_word_is(words[1], "-z");

		if ((!empty && !predict_word_is(words[1], "-n")) ||
		    !expand(run, words[2], values[0]))
			return MAYBE;
		return truth_of((values[0][0] == '\0') == empty);
	}
	bool other = predict_word_is(words[2], "!=");

	if (count != 5 ||
	    (!other && !predict_word_is(words[2], "=") && !predict_word_is(words[2], "==")) ||
	    !expand(run, words[1], values[0]) || !expand(run, words[3], values[1]))
		return MAYBE;
	return truth_of((strcmp(values[0], values[1]) != 0) == other);
}

static enum truth now_of(const struct run *run)
{
	enum truth now = TRUE_NOW;

	if (run->lost)
		return MAYBE;
	for (size_t i = 0; i < run->depth; i++)
		now = run->frames[i].now < now ? run->frames[i].now : now;
	return now;
}

static void push(struct run *run, enum truth now)
{
	if (run->depth == MAX_NESTING) {
		run->lost = true;
		return;
	}
	run->frames[run->depth++] = (struct frame){.now = now, .condition = now == TRUE_NOW};
}

/* The condition of an `if` or `elif`: what was taken before is not taken again. */
static void decide(struct frame *frame, enum truth yes)
{
	if (frame->taken == TRUE_NOW)
		yes = FALSE_NOW;
	else if (frame->taken == MAYBE && yes == TRUE_NOW)
		yes = MAYBE;
	frame->now = yes;
	frame->taken = yes > frame->taken ? yes : frame->taken;
	frame->condition = true;
}

/* ---- commands ---- */

static void add_default(struct run *run, const char *value, bool known, enum truth now)
{
	if (now == TRUE_NOW)
		run->defaults_count = 0;
	if (run->defaults_count == RF_COUNT(run->defaults)) {
		run->lost = true;
		return;
	}
	struct variable *v = &run->defaults[run->defaults_count++];

	v->known = known && rf_copy(v->value, sizeof(v->value), value);
}

static void assign(struct run *run, struct rf_slice word, enum truth now)
{
	char name[GRUBENV_MAX_NAME], value[GRUBENV_MAX_VALUE];
	const uint8_t *equals = memchr(word.data, '=', word.len);
	size_t len = equals ? (size_t)(equals - word.data) : 0;

	if (len == 0 || len >= sizeof(name))
		return;
	memcpy(name, word.data, len);
	name[len] = '\0';
	bool known = expand(run, (struct rf_slice){word.data + len + 1, word.len - len - 1}, value);

	if (strcmp(name, "default") == 0)
		add_default(run, value, known, now);
	put_variable(run, name, known ? value : NULL, now);
}

/* Keywords that stand before a command on its line. Returns how many words were taken. */
static size_t keyword(struct run *run, const struct predict_command *c, size_t at)
{
	struct frame *top = run->depth ? &run->frames[run->depth - 1] : NULL;
	struct rf_slice word = c->words[at];
	bool elif = predict_word_is(word, "elif");

	if (predict_word_is(word, "if")) {
		push(run, TRUE_NOW);
		top = run->depth ? &run->frames[run->depth - 1] : NULL;
	}
	if (predict_word_is(word, "if") || (elif && top)) {
		top->now = TRUE_NOW;
		enum truth yes = condition(run, c->words + at + 1, c->count - at - 1);

		decide(top, yes);
		return c->count - at;
	}
	if (predict_word_is(word, "for") || predict_word_is(word, "while") ||
	    predict_word_is(word, "until")) {
		push(run, MAYBE);
		return c->count - at;
	}
	if (predict_word_is(word, "fi") || predict_word_is(word, "done")) {
		run->depth -= run->depth ? 1 : 0;
		return 1;
	}
	if (predict_word_is(word, "else") && top) {
		decide(top, TRUE_NOW);
		top->condition = false;
		return 1;
	}
	if (predict_word_is(word, "then") || predict_word_is(word, "do")) {
		if (top)
			top->condition = false;
		return 1;
	}
	return 0;
}

static void command(struct run *run, const struct predict_command *c)
{
	size_t at = 0;

	for (size_t taken = 1; taken && at < c->count; at += taken)
		taken = keyword(run, c, at);
	if (at >= c->count)
		return;
	enum truth now = now_of(run);
	struct frame *top = run->depth ? &run->frames[run->depth - 1] : NULL;

	/* A condition of more than one command. */
	if (top && top->condition)
		top->now = top->taken = MAYBE;
	if (predict_word_is(c->words[at], "menuentry") ||
	    predict_word_is(c->words[at], "submenu")) {
		if (now != TRUE_NOW && run->first_doubtful > run->entries)
			run->first_doubtful = run->entries;
		run->entries++;
	} else if (now == FALSE_NOW) {
		return;
	} else if (predict_word_is(c->words[at], "set") && at + 1 < c->count) {
		assign(run, c->words[at + 1], now);
	} else if (at + 1 == c->count) {
		assign(run, c->words[at], now);
	}
}

/* ---- entries ---- */

/* GRUB's comparison of a name with a part of `default`: ">" ends the part, ">>" is the sign. */
static bool names(const char *name, const char *part)
{
	for (;; name++, part++) {
		if (*part == '>' && part[1] != '>')
			return *name == '\0';
		if (*part == '>')
			part++;
		if (*name != *part)
			return false;
		if (*name == '\0')
			return true;
	}
}

/* Behind the first part of the path; "" when there is no other. */
static const char *next_part(const char *path)
{
	for (; *path; path++) {
		if (*path == '>' && path[1] == '>')
			path++;
		else if (*path == '>')
			return path + 1;
	}
	return path;
}

struct choosing {
	struct run *run;
	struct predict_choices *out;
};

/* Adds to a choice's path. */
static bool descend(struct predict_choice *choice, const struct predict_entry *entry)
{
	char title[PREDICT_MAX_TITLE], id[PREDICT_MAX_TITLE];
	size_t len = strlen(choice->title), chosen = strlen(choice->chosen);

	if (choice->depth == PREDICT_MAX_DEPTH || !predict_entry_name(entry, title, id) ||
	    !rf_format(choice->title + len, sizeof(choice->title) - len, "%s%s", len ? " > " : "",
		       title))
		return false;
	if (chosen && chosen + 1 < sizeof(choice->chosen)) {
		choice->chosen[chosen++] = '>';
		choice->chosen[chosen] = '\0';
	}
	for (const char *c = id; *c; c++) {
		if (!rf_format(choice->chosen + chosen, sizeof(choice->chosen) - chosen, "%s%c",
			       *c == '>' ? ">" : "", *c))
			return false;
		chosen = strlen(choice->chosen);
	}
	choice->levels[choice->depth++] = *entry;
	return true;
}

static struct rf_slice inside(const struct predict_entry *entry)
{
	return (struct rf_slice){entry->body.data + 1, entry->body.len - 2};
}

static bool same_way(const struct predict_choice *a, const struct predict_choice *b)
{
	return a->depth && a->depth == b->depth &&
	       a->levels[a->depth - 1].body.data == b->levels[b->depth - 1].body.data;
}

static void add_choice(struct choosing *c, const struct predict_choice *choice)
{
	for (size_t i = 0; i < c->out->count; i++) {
		if (same_way(&c->out->items[i], choice))
			return;
	}
	if (c->out->count == PREDICT_MAX_CHOICES)
		c->out->dropped++;
	else
		c->out->items[c->out->count++] = *choice;
}

/* The entry by name; false when there is none of it. */
static bool by_name(struct rf_slice menu, const char *part, struct predict_entry *out)
{
	char title[PREDICT_MAX_TITLE], id[PREDICT_MAX_TITLE];

	for (size_t i = 0; predict_config_entry(menu, i, out); i++) {
		if (predict_entry_name(out, title, id) && (names(title, part) || names(id, part)))
			return true;
	}
	return false;
}

/* What GRUB reads as a number: decimal, octal or hexadecimal digits at the start. */
static bool is_number(const char *part, size_t *out, bool *whole)
{
	int64_t value;
	char digits[24];
	size_t hex = part[0] == '0' && (part[1] == 'x' || part[1] == 'X') ? 2 : 0;
	size_t len = strspn(part + hex, hex		 ? "0123456789abcdefABCDEF"
					: part[0] == '0' ? "01234567"
							 : "0123456789");

	if (len == 0 || len + 1 > sizeof(digits))
		return false;
	memcpy(digits, part + hex, len);
	digits[len] = '\0';
	*whole = part[hex + len] == '\0' || part[hex + len] == '>';
	if (rf_num(digits, hex ? 16 : part[0] == '0' ? 8 : 10, 0, 100000, &value) < 0)
		value = 100000;
	*out = (size_t)value;
	return true;
}

/* The entry of a menu that a part of `default` names, the first one where it names none. False for
 * a menu without entries. */
static bool find_entry(struct choosing *c, struct rf_slice menu, const char *part, bool top,
		       struct predict_entry *out)
{
	struct predict_notes *notes = &c->out->notes;
	bool whole = true, number = false;
	size_t index = 0;

	if (part[0] == '\0')
		return predict_config_entry(menu, 0, out);
	number = is_number(part, &index, &whole);
	if (number && !whole) {
		/* GRUB reads the number and forgets the rest; later releases read the name. */
		predict_note(
			notes,
			"GRUB's default \"%.60s\" begins with a number: releases of GRUB read it "
			"differently, so both readings are predicted",
			part);
		c->out->certain = false;
		if (by_name(menu, part, out))
			return true;
	}
	if (number && top && index >= c->run->first_doubtful) {
		predict_note(notes,
			     "GRUB's default is number %zu, and an entry before that one is there "
			     "only on a condition that nobody knows from here",
			     index);
		c->out->certain = false;
	}
	if (number ? predict_config_entry(menu, index, out) : by_name(menu, part, out))
		return true;
	if (!predict_config_entry(menu, 0, out))
		return false;
	predict_note(
		notes,
		"GRUB's default \"%.80s\" names no entry of the menu: GRUB starts the first one",
		part);
	return true;
}

/* Follows a value of `default` through submenus. */
static void choose_by_value(struct choosing *c, struct rf_slice config, const char *value,
			    bool once)
{
	struct predict_choice choice = {.default_known = true, .once = once};
	struct rf_slice menu = config;
	struct predict_entry entry;

	rf_copy(choice.default_value, sizeof(choice.default_value), value);
	for (const char *part = value;; part = next_part(part)) {
		if (!find_entry(c, menu, part, choice.depth == 0, &entry))
			return;
		if (!descend(&choice, &entry)) {
			predict_note(
				&c->out->notes,
				"the entry that GRUB starts has a name with a variable, or lies "
				"too deep: it is not predicted");
			c->out->certain = false;
			return;
		}
		if (!entry.submenu)
			break;
		menu = inside(&entry);
	}
	add_choice(c, &choice);
}

/* Every entry of the menu and its submenus that starts a kernel. */
static void choose_all(struct choosing *c, struct rf_slice menu, const struct predict_choice *above)
{
	struct predict_entry entry;

	for (size_t i = 0; predict_config_entry(menu, i, &entry); i++) {
		struct predict_choice choice = *above;
		struct predict_command command;
		size_t at = 0;

		if (!descend(&choice, &entry))
			continue;
		struct rf_slice body = inside(&entry);

		if (entry.submenu) {
			/* Bounded by PREDICT_MAX_DEPTH. */
			choose_all(c, body, &choice);
			continue;
		}
		while (predict_command_next(body, &at, &command)) {
			if (!predict_starts_linux(&command))
				continue;
			add_choice(c, &choice);
			break;
		}
	}
}

static void note_unknown(struct choosing *c)
{
	predict_note(
		&c->out->notes,
		c->run->env
			? "which entry GRUB starts hangs on a variable that nobody knows from "
			  "here: each entry that starts Linux is predicted"
			: "GRUB's environment block (grubenv) could not be read, and the entry that "
			  "starts stands there: each entry that starts Linux is predicted");
}

/* A value is that of the block's next_entry when the script took it from there. */
static bool is_once(struct run *run, const char *value)
{
	const char *next = run->env ? grubenv_value(run->env, "next_entry") : NULL;

	return next && next[0] && strcmp(next, value) == 0;
}

static void choose(struct choosing *c, struct rf_slice config)
{
	struct run *run = c->run;
	const struct predict_choice none = {0};
	bool unknown = false;

	c->out->certain = !run->lost;
	for (size_t i = run->defaults_count; i > 0; i--) {
		const struct variable *v = &run->defaults[i - 1];

		if (v->known) {
			choose_by_value(c, config, v->value, is_once(run, v->value));
			continue;
		}
		note_unknown(c);
		unknown = true;
		c->out->certain = false;
		choose_all(c, config, &none);
	}
	if (run->lost || (run->defaults_count > 1 && c->out->count > 1 && !unknown))
		predict_note(&c->out->notes,
			     "grub.cfg chooses its default by conditions that nobody knows from "
			     "here: each entry that it may be is predicted");
	c->out->certain &= c->out->count == 1;
	const char *once = value_of(run, "boot_once");

	for (size_t i = 0; i < c->out->count; i++)
		c->out->items[i].saves_nothing = once && strcmp(once, "true") == 0;
}

int predict_choose(struct rf_slice config, const struct grubenv *env, struct predict_choices *out)
{
	RF_AUTOFREE struct run *run = rf_alloc(1, sizeof(*run));
	RF_AUTOFREE struct predict_command *c = rf_alloc(1, sizeof(*c));
	size_t at = 0;

	if (!run || !c)
		return -ENOMEM;
	memset(out, 0, sizeof(*out));
	run->env = env;
	run->first_doubtful = SIZE_MAX;
	/* Before the script assigns it. */
	run->defaults[run->defaults_count++].known = true;
	while (predict_command_next(config, &at, c))
		command(run, c);
	choose(&(struct choosing){run, out}, config);
	if (run->entries == 0 && config.len)
		predict_note(
			&out->notes,
			"grub.cfg holds no menu (its entries may lie in files of their own): the "
			"newest kernel is taken to start");
	return 0;
}
