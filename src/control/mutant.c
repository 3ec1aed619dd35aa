/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mutants of SQL expressions: the expression with one thing wrong. A control whose tests do not
 * notice a mutant is not tested there. Kinds: negated, a clause dropped, AND and OR swapped, a
 * constant changed, a comparison changed, IS NULL and IS NOT NULL swapped.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "control/internal.h"

struct mutation {
	const char *text;
	struct sql_token tokens[SQL_MAX_TOKENS];
	size_t count;
	mutant_fn *call;
	void *arg;
};

/* The text with bytes [from, to) replaced. */
static int emit(struct mutation *m, size_t from, size_t to, const char *with, const char *what)
{
	RF_AUTOBUF struct rf_buf out = {0};

	rf_buf_add(&out, m->text, from);
	rf_buf_add_text(&out, with);
	rf_buf_add_text(&out, m->text + to);
	if (out.failed)
		return -1;
	return m->call(m->arg, rf_buf_text(&out), what);
}

static bool is(const struct mutation *m, size_t i, const char *word)
{
	return i < m->count && sql_token_is(m->text, &m->tokens[i], word);
}

static size_t token_end(const struct mutation *m, size_t i)
{
	return m->tokens[i].at + m->tokens[i].len;
}

static int mutate_number(struct mutation *m, size_t i)
{
	char text[32], what[64];
	int64_t n;
	const struct sql_token *t = &m->tokens[i];

	rf_format(text, sizeof(text), "%.*s", (int)t->len, m->text + t->at);
	if (rf_num(text, 10, INT64_MIN + 1, INT64_MAX - 1, &n) < 0)
		return 0;
	for (int d = -1; d <= 1; d += 2) {
		rf_format(text, sizeof(text), "(%lld)", (long long)(n + d));
		rf_format(what, sizeof(what), "%lld became %lld", (long long)n, (long long)(n + d));
		int rc = emit(m, t->at, t->at + t->len, text, what);

		if (rc)
			return rc;
	}
	return 0;
}

static int mutate_string(struct mutation *m, size_t i)
{
	const struct sql_token *t = &m->tokens[i];
	char text[256], what[300];

	/* LIKE 'a%' with a byte before the closing quote would be another pattern altogether; a
	 * byte in front changes every kind of text the same way. */
	if (!rf_format(text, sizeof(text), "'~%.*s", (int)t->len - 1, m->text + t->at + 1))
		return 0;
	rf_format(what, sizeof(what), "%.*s became %s", (int)t->len, m->text + t->at, text);
	return emit(m, t->at, t->at + t->len, text, what);
}

/* `a.host = b.host` joins one host's rows; tests have one host only. */
static bool is_host_join(const struct mutation *m, size_t i)
{
	return i >= 2 && is(m, i - 1, "host") && is(m, i - 2, ".");
}

static int mutate_operator(struct mutation *m, size_t i)
{
	static const struct {
		const char *from, *to;
	} swaps[] = {{"=", "<>"}, {"<>", "="}, {"<", "<="}, {"<=", "<"},
		     {">", ">="}, {">=", ">"}, {"<=", ">"}, {">=", "<"}};
	char what[32];

	if (is_host_join(m, i))
		return 0;
	for (size_t k = 0; k < RF_COUNT(swaps); k++) {
		if (!is(m, i, swaps[k].from))
			continue;
		rf_format(what, sizeof(what), "%s became %s", swaps[k].from, swaps[k].to);
		int rc = emit(m, m->tokens[i].at, token_end(m, i), swaps[k].to, what);

		if (rc)
			return rc;
	}
	return 0;
}

static int mutate_word(struct mutation *m, size_t i)
{
	if (is(m, i, "IS") && is(m, i + 1, "NULL"))
		return emit(m, m->tokens[i].at, token_end(m, i), "IS NOT", "IS became IS NOT");
	if (is(m, i, "IS") && is(m, i + 1, "NOT"))
		return emit(m, m->tokens[i].at, token_end(m, i + 1), "IS", "IS NOT became IS");
	if (is(m, i, "LIKE") && !(i > 0 && is(m, i - 1, "NOT")))
		return emit(m, m->tokens[i].at, token_end(m, i), "NOT LIKE",
			    "LIKE became NOT LIKE");
	if (is(m, i, "EXISTS") && !(i > 0 && is(m, i - 1, "NOT")))
		return emit(m, m->tokens[i].at, token_end(m, i), "NOT EXISTS",
			    "EXISTS became NOT EXISTS");
	if (is(m, i, "EXISTS"))
		return emit(m, m->tokens[i - 1].at, token_end(m, i), "EXISTS",
			    "NOT EXISTS became EXISTS");
	return 0;
}

/* Arguments of functions that shape text (substr, replace ...) are no thresholds. */
static bool inside_shaping_call(const struct mutation *m, size_t i)
{
	static const char *const names[] = {"substr", "replace", "round", "trim", "ltrim", "rtrim"};
	size_t depth = 0;

	for (size_t k = i; k-- > 0;) {
		if (is(m, k, ")"))
			depth++;
		if (!is(m, k, "("))
			continue;
		if (depth > 0) {
			depth--;
			continue;
		}
		for (size_t n = 0; k > 0 && n < RF_COUNT(names); n++) {
			if (is(m, k - 1, names[n]))
				return true;
		}
	}
	return false;
}

/* In `query` texts, NULL and 0/1 behind THEN or ELSE and LIMIT numbers are answers, mutated too. */
static int mutate_tokens(struct mutation *m)
{
	for (size_t i = 0; i < m->count; i++) {
		int rc = 0;

		if (m->tokens[i].kind == SQL_NUMBER && !inside_shaping_call(m, i))
			rc = mutate_number(m, i);
		else if (m->tokens[i].kind == SQL_STRING && !inside_shaping_call(m, i))
			rc = mutate_string(m, i);
		else if (m->tokens[i].kind == SQL_OPERATOR)
			rc = mutate_operator(m, i);
		else if (m->tokens[i].kind == SQL_WORD)
			rc = mutate_word(m, i);
		if (rc)
			return rc;
	}
	return 0;
}

/* Depth of parentheses and CASE ... END. */
static int depth_step(const struct mutation *m, size_t i)
{
	if (is(m, i, "(") || is(m, i, "CASE"))
		return 1;
	return is(m, i, ")") || is(m, i, "END") ? -1 : 0;
}

/* Is token i an AND that belongs to BETWEEN? Then it joins no clauses. */
static bool is_between_and(const struct mutation *m, size_t first, size_t i)
{
	int depth = 0;

	for (size_t k = i; k-- > first;) {
		depth -= depth_step(m, k);
		if (depth == 0 && is(m, k, "BETWEEN"))
			return true;
		if (depth == 0 && (is(m, k, "AND") || is(m, k, "OR")))
			return false;
	}
	return false;
}

#define MAX_CLAUSES 64

/* Where tokens [first, end) split at depth 0 by word; returns the number of splits. */
static size_t splits_find(const struct mutation *m, size_t first, size_t end, const char *word,
			  size_t *out)
{
	size_t count = 0;
	int depth = 0;

	for (size_t i = first; i < end; i++) {
		depth += depth_step(m, i);
		if (depth == 0 && is(m, i, word) && !is_between_and(m, first, i) &&
		    count < MAX_CLAUSES)
			out[count++] = i;
	}
	return count;
}

static int mutate_clauses(struct mutation *m, size_t first, size_t end, unsigned level);

/* Drops the clause between two joining words, and looks inside it. */
static int drop_clauses(struct mutation *m, size_t first, size_t end, const size_t *splits,
			size_t count, unsigned level)
{
	for (size_t k = 0; k <= count; k++) {
		size_t from = k ? splits[k - 1] : first; /* with the joining word before it */
		size_t to = k < count ? splits[k] : end;
		size_t cut_to = k ? token_end(m, to - 1) : token_end(m, splits[0]);
		char what[128];
		size_t inner = k ? from + 1 : from;

		rf_format(what, sizeof(what), "dropped: %.*s",
			  (int)(token_end(m, to - 1) - m->tokens[inner].at),
			  m->text + m->tokens[inner].at);
		int rc = emit(m, m->tokens[from].at, cut_to, "", what);

		if (!rc)
			rc = mutate_clauses(m, inner, to, level + 1);
		if (rc)
			return rc;
	}
	for (size_t k = 0; k < count; k++) {
		bool is_and = is(m, splits[k], "AND");
		int rc = emit(m, m->tokens[splits[k]].at, token_end(m, splits[k]),
			      is_and ? "OR" : "AND", is_and ? "AND became OR" : "OR became AND");

		if (rc)
			return rc;
	}
	return 0;
}

static int mutate_clauses(struct mutation *m, size_t first, size_t end, unsigned level)
{
	size_t splits[MAX_CLAUSES];

	if (level > 8 || first >= end)
		return 0;
	if (is(m, first, "NOT"))
		return mutate_clauses(m, first + 1, end, level + 1);
	size_t count = splits_find(m, first, end, "OR", splits);

	if (!count)
		count = splits_find(m, first, end, "AND", splits);
	if (count)
		return drop_clauses(m, first, end, splits, count, level);
	if (is(m, first, "(") && is(m, end - 1, ")"))
		return mutate_clauses(m, first + 1, end - 1, level + 1);
	return 0;
}

static int mutation_start(struct mutation *m, const char *text, mutant_fn *call, void *arg)
{
	m->text = text;
	m->call = call;
	m->arg = arg;
	m->count = sql_tokens(text, m->tokens, SQL_MAX_TOKENS);
	return m->count ? 0 : RF_E_SYNTAX;
}

int mutants_of_expression(const char *expression, mutant_fn *call, void *arg)
{
	struct mutation m;
	RF_AUTOBUF struct rf_buf negated = {0};
	int rc = mutation_start(&m, expression, call, arg);

	if (rc)
		return rc;
	rf_buf_printf(&negated, "NOT (%s)", expression);
	rc = negated.failed ? -1 : call(arg, rf_buf_text(&negated), "negated");
	if (!rc)
		rc = mutate_clauses(&m, 0, m.count, 0);
	return rc ? rc : mutate_tokens(&m);
}

int mutants_of_query(const char *query, mutant_fn *call, void *arg)
{
	struct mutation m;
	int rc = mutation_start(&m, query, call, arg);

	return rc ? rc : mutate_tokens(&m);
}
