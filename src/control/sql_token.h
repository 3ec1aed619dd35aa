/* SPDX-License-Identifier: Apache-2.0 */
/* Words of an SQL expression: enough to find the columns it names and to make mutants of it. */
#ifndef RF_CONTROL_SQL_TOKEN_H
#define RF_CONTROL_SQL_TOKEN_H

#include <stdbool.h>
#include <stddef.h>

enum sql_token_kind { SQL_WORD, SQL_NUMBER, SQL_STRING, SQL_OPERATOR, SQL_PUNCT, SQL_PARAM };

struct sql_token {
	enum sql_token_kind kind;
	size_t at, len; /* in the text, in bytes */
};

#define SQL_MAX_TOKENS 1024

/* Splits text; returns the number of tokens, or 0 when there are more than max or it is broken. */
size_t sql_tokens(const char *text, struct sql_token *out, size_t max);

/* Whether the token is this keyword, without regard to case. */
bool sql_token_is(const char *text, const struct sql_token *token, const char *word);

#endif
