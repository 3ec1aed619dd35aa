/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words of sudoers; see sudoers_lex.h. Source: sudoers(5) of sudo 1.9 (QUICK GUIDE TO EBNF, "Other
 * special characters and reserved words").
 */
#include <ctype.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "collect/sudoers_lex.h"

const char *sudoers_lex_keep(struct sudoers *s, const char *text, size_t len)
{
	RF_AUTOFREE char *copy = rf_strndup(text, len);

	if (!copy || util_paths_add(&s->strings, copy) < 0) {
		s->failed = true;
		return "";
	}
	return s->strings.paths[s->strings.count - 1];
}

void sudoers_lex_fail(struct sudoers_lexer *lex, const char *what)
{
	if (!lex->error)
		lex->error = what;
}

void sudoers_lex_skip_blanks(struct sudoers_lexer *lex)
{
	lex->p += strspn(lex->p, " \t");
}

/* Takes c, blanks before it skipped. */
bool sudoers_lex_accept(struct sudoers_lexer *lex, char c)
{
	sudoers_lex_skip_blanks(lex);
	if (*lex->p != c)
		return false;
	lex->p++;
	return true;
}

bool sudoers_lex_at_end(struct sudoers_lexer *lex)
{
	sudoers_lex_skip_blanks(lex);
	return *lex->p == '\0';
}

/* "text", in which a backslash takes the meaning of what follows. */
const char *sudoers_lex_quoted(struct sudoers_lexer *lex)
{
	RF_AUTOBUF struct rf_buf text = {0};
	const char *p = lex->p + 1;

	for (; *p && *p != '"'; p++) {
		if (p[0] == '\\' && (p[1] == '"' || p[1] == '\\'))
			p++;
		rf_buf_add_byte(&text, (uint8_t)*p);
	}
	if (*p != '"')
		sudoers_lex_fail(lex, "a quote that is opened and not closed");
	lex->p = *p ? p + 1 : p;
	return sudoers_lex_keep(lex->s, rf_buf_text(&text), text.len);
}

/* Characters up to one of stop, escapes taken away. */
const char *sudoers_lex_word_until(struct sudoers_lexer *lex, const char *stop)
{
	RF_AUTOBUF struct rf_buf text = {0};

	for (; *lex->p && !strchr(stop, *lex->p); lex->p++) {
		if (lex->p[0] == '\\' && lex->p[1])
			lex->p++;
		rf_buf_add_byte(&text, (uint8_t)*lex->p);
	}
	return sudoers_lex_keep(lex->s, rf_buf_text(&text), text.len);
}

bool sudoers_lex_name_char(char c)
{
	return isupper((unsigned char)c) || isdigit((unsigned char)c) || c == '_';
}

/* True when a colon at p is inside an IPv6 address and ends nothing. */
static bool colon_of_address(const char *start, const char *p)
{
	for (const char *c = start; c < p; c++) {
		if (!isxdigit((unsigned char)*c) && *c != ':' && *c != '.')
			return false;
	}
	return isxdigit((unsigned char)p[1]) || p[1] == ':' || (p > start && p[-1] == ':');
}

static const char *host_word(struct sudoers_lexer *lex)
{
	const char *start = lex->p;

	while (*lex->p && !strchr(",=!() \t#\"", *lex->p)) {
		if (*lex->p == ':' && !colon_of_address(start, lex->p))
			break;
		lex->p += lex->p[0] == '\\' && lex->p[1] ? 2 : 1;
	}
	return sudoers_lex_keep(lex->s, start, (size_t)(lex->p - start));
}

/* A user, group, netgroup or host: text in quotes may stand behind %, + and %: too. */
bool sudoers_lex_item(struct sudoers_lexer *lex, enum sudoers_alias_kind kind,
		      struct sudoers_item *item)
{
	*item = (struct sudoers_item){0};
	while (sudoers_lex_accept(lex, '!'))
		item->negated = !item->negated;
	sudoers_lex_skip_blanks(lex);
	if (kind == SUDOERS_HOSTS && *lex->p != '"') {
		item->text = host_word(lex);
	} else if (*lex->p == '"') {
		item->text = sudoers_lex_quoted(lex);
		/* A name in quotes may still be a group: "%domain users". */
		item->quoted = true;
	} else {
		const char *start = lex->p;
		size_t sigil = strspn(start, "%");

		if (sigil && start[sigil] == ':')
			sigil++;
		lex->p += sigil;
		const char *rest = *lex->p == '"' ? sudoers_lex_quoted(lex)
						  : sudoers_lex_word_until(lex, ",:=!() \t\"");
		RF_AUTOFREE char *joined = rf_asprintf("%.*s%s", (int)sigil, start, rest);

		item->text = joined ? sudoers_lex_keep(lex->s, joined, strlen(joined)) : "";
	}
	if (*item->text == '\0') {
		sudoers_lex_fail(lex, "a name is missing");
		return false;
	}
	return true;
}

/* ^regular expression$, in which nothing is special but its end. */
static void regex_into(struct sudoers_lexer *lex, struct rf_buf *text)
{
	do {
		rf_buf_add_byte(text, (uint8_t)*lex->p++);
		if (lex->p[-1] == '\\' && *lex->p)
			rf_buf_add_byte(text, (uint8_t)*lex->p++);
	} while (*lex->p && !(lex->p[-1] == '$' && strchr(" \t,:", *lex->p)));
}

/* Up to the end of a command: its path and arguments. */
static const char *command_text(struct sudoers_lexer *lex)
{
	RF_AUTOBUF struct rf_buf text = {0};

	while (*lex->p && !strchr(",:", *lex->p)) {
		bool word_starts = text.len == 0 || text.data[text.len - 1] == ' ';

		if (word_starts && *lex->p == '^') {
			regex_into(lex, &text);
			continue;
		}
		if (*lex->p == '\t' || *lex->p == ' ') {
			sudoers_lex_skip_blanks(lex);
			if (*lex->p && !strchr(",:", *lex->p))
				rf_buf_add_byte(&text, ' ');
			continue;
		}
		/* The other escapes belong to the pattern and stay. */
		if (lex->p[0] == '\\' && lex->p[1] && strchr(",:= \t#\\", lex->p[1]))
			lex->p++;
		rf_buf_add_byte(&text, (uint8_t)*lex->p++);
	}
	return sudoers_lex_keep(lex->s, rf_buf_text(&text), text.len);
}

/* sha256:HEX, ... before a command: what it must hash to. */
static void skip_digests(struct sudoers_lexer *lex)
{
	static const char *const names[] = {"sha224", "sha256", "sha384", "sha512"};

	for (;;) {
		const char *start = lex->p;
		size_t i = 0;

		sudoers_lex_skip_blanks(lex);
		while (i < RF_COUNT(names) && !rf_starts(lex->p, names[i]))
			i++;
		if (i == RF_COUNT(names)) {
			lex->p = start;
			return;
		}
		lex->p += strlen(names[i]);
		if (!sudoers_lex_accept(lex, ':')) {
			lex->p = start;
			return;
		}
		sudoers_lex_skip_blanks(lex);
		lex->p += strcspn(lex->p, " \t,");
		sudoers_lex_accept(lex, ',');
	}
}

bool sudoers_lex_command_item(struct sudoers_lexer *lex, struct sudoers_item *item)
{
	*item = (struct sudoers_item){0};
	skip_digests(lex);
	while (sudoers_lex_accept(lex, '!'))
		item->negated = !item->negated;
	skip_digests(lex);
	sudoers_lex_skip_blanks(lex);
	item->text = command_text(lex);
	char c = item->text[0];

	if (c != '/' && c != '^' && c != '*' && !isupper((unsigned char)c) &&
	    !rf_starts(item->text, "sudoedit") && !rf_starts(item->text, "list")) {
		sudoers_lex_fail(lex,
				 c ? "a command is not an absolute path" : "a command is missing");
		return false;
	}
	return true;
}

/*
 * A # begins a comment unless a number follows it where a uid may stand, or it is escaped or
 * quoted.
 */
void sudoers_lex_cut_comment(char *line)
{
	bool in_quotes = false;

	for (char *p = line; *p; p++) {
		if (*p == '\\' && p[1]) {
			p++;
			continue;
		}
		if (*p == '"')
			in_quotes = !in_quotes;
		bool is_id = isdigit((unsigned char)p[1]) ||
			     (p[1] == '-' && isdigit((unsigned char)p[2]));
		bool starts_word = p == line || strchr(" \t,%!(:>", p[-1]);

		if (*p == '#' && !in_quotes && !(is_id && starts_word)) {
			*p = '\0';
			return;
		}
	}
}
