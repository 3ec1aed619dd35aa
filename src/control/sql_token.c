/* SPDX-License-Identifier: Apache-2.0 */
/* A lexer for SQL expressions; see sql_token.h. It accepts more than SQL does: SQLite is the judge.
 */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "control/sql_token.h"

static size_t word_len(const char *p)
{
	size_t n = 0;

	while (isalnum((unsigned char)p[n]) || p[n] == '_')
		n++;
	return n;
}

/* '...' with '' inside; 0 when it never ends. */
static size_t string_len(const char *p)
{
	for (size_t n = 1; p[n]; n++) {
		if (p[n] != '\'')
			continue;
		if (p[n + 1] != '\'')
			return n + 1;
		n++;
	}
	return 0;
}

static size_t number_len(const char *p)
{
	size_t n = 0;

	while (isdigit((unsigned char)p[n]) || p[n] == '.')
		n++;
	return n;
}

static size_t operator_len(const char *p)
{
	static const char *const two[] = {"<=", ">=", "<>", "!=", "||", "=="};

	for (size_t i = 0; i < sizeof(two) / sizeof(two[0]); i++) {
		if (strncmp(p, two[i], 2) == 0)
			return 2;
	}
	return strchr("<>=+-*/%&|", *p) ? 1 : 0;
}

static size_t token_len(const char *p, enum sql_token_kind *kind)
{
	if (*p == '\'') {
		*kind = SQL_STRING;
		return string_len(p);
	}
	if (isdigit((unsigned char)*p)) {
		*kind = SQL_NUMBER;
		return number_len(p);
	}
	if (*p == ':') {
		*kind = SQL_PARAM;
		return 1 + word_len(p + 1);
	}
	if (isalpha((unsigned char)*p) || *p == '_') {
		*kind = SQL_WORD;
		return word_len(p);
	}
	*kind = SQL_OPERATOR;
	size_t n = operator_len(p);

	if (n)
		return n;
	*kind = SQL_PUNCT;
	return strchr("(),.", *p) ? 1 : 0;
}

size_t sql_tokens(const char *text, struct sql_token *out, size_t max)
{
	size_t count = 0;

	for (const char *p = text; *p;) {
		if (isspace((unsigned char)*p)) {
			p++;
			continue;
		}
		enum sql_token_kind kind;
		size_t len = token_len(p, &kind);

		if (len == 0 || count == max)
			return 0;
		out[count++] =
			(struct sql_token){.kind = kind, .at = (size_t)(p - text), .len = len};
		p += len;
	}
	return count;
}

bool sql_token_is(const char *text, const struct sql_token *token, const char *word)
{
	return token->len == strlen(word) && strncasecmp(text + token->at, word, token->len) == 0;
}
