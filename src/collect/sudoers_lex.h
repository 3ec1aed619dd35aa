/* SPDX-License-Identifier: Apache-2.0 */
/* Words of sudoers: names, quotes, escapes, commands. For sudoers.c alone. */
#ifndef RF_COLLECT_SUDOERS_LEX_H
#define RF_COLLECT_SUDOERS_LEX_H

#include "collect/sudoers.h"

/* One logical line. */
struct sudoers_lexer {
	struct sudoers *s;
	const char *p;
	const char *error; /* first thing that was not understood */
};

/* A text that s owns; "" and s->failed when memory is short. */
const char *sudoers_lex_keep(struct sudoers *s, const char *text, size_t len);

/* Notes what was not understood, unless something was noted before. */
void sudoers_lex_fail(struct sudoers_lexer *lex, const char *what);

/* Moves to the next character that is no blank. */
void sudoers_lex_skip_blanks(struct sudoers_lexer *lex);
/* Takes c, blanks before it skipped. */
bool sudoers_lex_accept(struct sudoers_lexer *lex, char c);
/* Skips blanks; true when nothing is left. */
bool sudoers_lex_at_end(struct sudoers_lexer *lex);

/* lex stands on a quote: the text up to the next, in which a backslash keeps a quote. */
const char *sudoers_lex_quoted(struct sudoers_lexer *lex);
/* Characters up to one of stop, escapes taken away. */
const char *sudoers_lex_word_until(struct sudoers_lexer *lex, const char *stop);
/* A character of an alias or tag name. */
bool sudoers_lex_name_char(char c);

/* A member of a list of users, hosts or runas users. False when there is none. */
bool sudoers_lex_item(struct sudoers_lexer *lex, enum sudoers_alias_kind kind,
		      struct sudoers_item *item);
/* A command with its arguments, digests skipped. False when there is none. */
bool sudoers_lex_command_item(struct sudoers_lexer *lex, struct sudoers_item *item);

/* Ends the line where its comment begins. */
void sudoers_lex_cut_comment(char *line);

#endif
