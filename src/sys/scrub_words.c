/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrets in lines of words: a table of directives and where their secret stands. Sources:
 * snmpd.conf(5), snmpcmd(1), GRUB's password and password_pbkdf2, nslcd.conf(5), tgt's
 * targets.conf(5), apt_auth.conf(5), interfaces(5), chrony's key file. A comment may be yesterday's
 * configuration, so it is scrubbed like the rest.
 */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "sys/scrub.h"

#define MAX_WORDS 64

/* A word of a line, without its quotes. */
struct word {
	size_t from, to;
};

struct line {
	struct rf_slice in;
	struct word words[MAX_WORDS];
	size_t count;
};

struct directive {
	const char *name;    /* glob, small letters */
	size_t position;     /* which word (the directive is 0); 0: see rest, letters and after */
	const char *option;  /* skipped together with its value when it comes first */
	const char *letters; /* words behind options of these letters */
	const char *after;   /* the word behind this one */
	bool rest;	     /* all words from the second on that name no algorithm */
	bool keep_default;   /* "public" and "private" are no secrets but findings */
};

static const struct directive directives[] = {
	{.name = "r[ow]community", .position = 1, .keep_default = true},
	{.name = "r[ow]community6", .position = 1, .keep_default = true},
	{.name = "trapcommunity", .position = 1, .keep_default = true},
	{.name = "com2sec", .position = 3, .option = "-Cn", .keep_default = true},
	{.name = "com2sec6", .position = 3, .option = "-Cn", .keep_default = true},
	{.name = "com2secunix", .position = 2, .option = "-Cn", .keep_default = true},
	{.name = "trapsink", .position = 2, .keep_default = true},
	{.name = "trap2sink", .position = 2, .keep_default = true},
	{.name = "informsink", .position = 2, .keep_default = true},
	{.name = "authcommunity", .position = 2, .keep_default = true},
	{.name = "defcommunity", .position = 1, .keep_default = true},
	{.name = "def*passphrase", .position = 1},
	{.name = "def*masterkey", .position = 1},
	{.name = "def*localizedkey", .position = 1},
	{.name = "createuser", .option = "-e", .rest = true},
	{.name = "usmuser", .rest = true},
	{.name = "trapsess", .letters = "cAXmkK", .keep_default = true},
	{.name = "proxy", .letters = "cAXmkK", .keep_default = true},
	{.name = "password_pbkdf2", .position = 2},
	{.name = "password", .position = 2},
	{.name = "bindpw", .position = 1},
	{.name = "rootbindpw", .position = 1},
	{.name = "incominguser", .position = 2},
	{.name = "outgoinguser", .position = 2},
	{.name = "machine", .after = "password"},
	{.name = "wpa-psk", .position = 1},
	{.name = "wpa-passphrase", .position = 1},
	{.name = "wpa-password", .position = 1},
	{.name = "wireless-key*", .position = 1},
	/* Keys of chrony and ntp: ID TYPE KEY, or ID KEY. */
	{.name = "[0-9]*", .rest = true},
};

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* The next word from at on; false at the end of the line. */
static bool next_word(struct rf_slice in, size_t *at, struct word *word)
{
	size_t i = *at;

	while (i < in.len && is_blank(in.data[i]))
		i++;
	if (i >= in.len)
		return false;
	uint8_t quote = in.data[i] == '"' || in.data[i] == '\'' ? in.data[i] : 0;

	i += quote ? 1 : 0;
	word->from = i;
	while (i < in.len && (quote ? in.data[i] != quote : !is_blank(in.data[i])))
		i++;
	word->to = i;
	*at = i + (quote && i < in.len ? 1 : 0);
	return true;
}

static void split(struct line *line, size_t from)
{
	line->count = 0;
	while (from < line->in.len && (is_blank(line->in.data[from]) || line->in.data[from] == '#'))
		from++;
	while (line->count < MAX_WORDS && next_word(line->in, &from, &line->words[line->count]))
		line->count++;
	/* What no table has room for is one last word. */
	if (line->count == MAX_WORDS)
		line->words[MAX_WORDS - 1].to = line->in.len;
}

static bool word_is(const struct line *line, size_t i, const char *text)
{
	size_t len = line->words[i].to - line->words[i].from;

	return len == strlen(text) && memcmp(line->in.data + line->words[i].from, text, len) == 0;
}

static const struct directive *find_directive(const struct line *line)
{
	char name[32];

	if (line->count == 0 ||
	    !scrub_lower(name, sizeof(name), line->in.data + line->words[0].from,
			 line->words[0].to - line->words[0].from))
		return NULL;
	for (size_t i = 0; i < RF_COUNT(directives); i++) {
		if (rf_glob(directives[i].name, name))
			return &directives[i];
	}
	return NULL;
}

/* Names of algorithms and options, and the marks of a hash that was scrubbed before. */
static bool is_algorithm(const uint8_t *text, size_t len)
{
	static const char *const globs[] = {"md5", "sha*", "des", "3des", "aes*", "-*", "hmac*"};
	char word[32];

	if (!scrub_lower(word, sizeof(word), text, len) || len > 12)
		return false;
	for (size_t i = 0; i < RF_COUNT(globs); i++) {
		if (rf_glob(globs[i], word))
			return true;
	}
	return false;
}

/* "grub.pbkdf2.sha512.10000." of GRUB's hash: how it was made may be told. */
static size_t scheme_len(const uint8_t *text, size_t len)
{
	static const char head[] = "grub.pbkdf2.";
	size_t dots = 0;

	if (len < strlen(head) || memcmp(text, head, strlen(head)) != 0)
		return 0;
	for (size_t i = 0; i < len && i < 32; i++) {
		dots += text[i] == '.';
		if (dots == 4)
			return i + 1;
	}
	return 0;
}

static void hide(struct scrub_edit *edit, const struct directive *d, const struct line *line,
		 size_t i)
{
	if (i >= line->count)
		return;
	struct word w = line->words[i];

	if (d->keep_default && (word_is(line, i, "public") || word_is(line, i, "private")))
		return;
	w.from += scheme_len(line->in.data + w.from, w.to - w.from);
	if (!scrub_is_plain(line->in.data + w.from, w.to - w.from) ||
	    w.from > line->words[i].from) {
		bool done = w.to - w.from == strlen(SCRUB_SECRET) &&
			    memcmp(line->in.data + w.from, SCRUB_SECRET, w.to - w.from) == 0;

		if (!done && w.to > w.from)
			scrub_replace(edit, w.from, w.to, SCRUB_SECRET);
	}
}

/* "-c NAME", "-cNAME" and "-3m KEY". */
static size_t hide_option(struct scrub_edit *edit, const struct directive *d, struct line *line,
			  size_t i)
{
	struct word *w = &line->words[i];
	const uint8_t *text = line->in.data + w->from;
	size_t len = w->to - w->from;

	if (len < 2 || text[0] != '-')
		return i;
	size_t letter = text[1] == '3' && len > 2 ? 2 : 1;

	if (!strchr(d->letters, text[letter]) || (letter == 1 && strchr("mkK", text[1])))
		return i;
	if (len == letter + 1) {
		hide(edit, d, line, i + 1);
		return i + 1;
	}
	w->from += letter + 1;
	hide(edit, d, line, i);
	return i;
}

static void scrub_line(struct scrub_edit *edit, struct line *line)
{
	const struct directive *d = find_directive(line);
	size_t shift = 0;

	if (!d)
		return;
	if (d->option && line->count > 1 && line->words[1].to - line->words[1].from >= 2 &&
	    memcmp(line->in.data + line->words[1].from, d->option, 2) == 0)
		shift = word_is(line, 1, d->option) ? 2 : 1;
	if (d->position)
		hide(edit, d, line, d->position + shift);
	for (size_t i = 1; i < line->count; i++) {
		if (d->letters)
			i = hide_option(edit, d, line, i);
		if (d->after && word_is(line, i - 1, d->after))
			hide(edit, d, line, i);
		if (d->rest && i > (rf_equal(d->name, "[0-9]*") ? 0 : 1) + shift &&
		    !is_algorithm(line->in.data + line->words[i].from,
				  line->words[i].to - line->words[i].from))
			hide(edit, d, line, i);
	}
}

void scrub_words(const struct scrub_rule *rule, struct rf_slice in, struct rf_buf *out)
{
	struct scrub_edit edit = {.in = in, .out = out};

	(void)rule;
	for (size_t at = 0; at < in.len;) {
		const uint8_t *end = memchr(in.data + at, '\n', in.len - at);
		struct line line = {.in = {in.data, end ? (size_t)(end - in.data) : in.len}};

		split(&line, at);
		scrub_line(&edit, &line);
		at = line.in.len + 1;
	}
	scrub_finish(&edit);
}
