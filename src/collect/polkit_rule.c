/* SPDX-License-Identifier: Apache-2.0 */
/*
 * polkit rules; see polkit_rule.h. Not an interpreter: a rule of the form
 *
 *	polkit.addRule(function(action, subject) {
 *		if (action.id == "..." && subject.isInGroup("...")) { return polkit.Result.YES; }
 *	});
 *
 * with terms in any order and several ifs is read exactly; any other that names libvirt, or that
 * asks for no action at all, is handed over with the subject "?". Source: polkit(8).
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "collect/polkit_rule.h"

#define MAX_TOKENS  200000u
#define MAX_ACTIONS 32u
#define WORD_BYTES  256u

enum token_kind { TOKEN_WORD, TOKEN_STRING, TOKEN_SIGN };

struct token {
	const char *text;
	size_t len;
	enum token_kind kind;
	unsigned int line;
};

struct tokens {
	struct token *items;
	size_t count, capacity;
};

static int token_add(struct tokens *t, const struct token *token)
{
	void *array = t->items;

	if (t->count >= MAX_TOKENS)
		return RF_E_SYNTAX;
	int rc = rf_grow(&array, &t->capacity, t->count + 1, sizeof(*t->items));

	t->items = array;
	if (rc == 0)
		t->items[t->count++] = *token;
	return rc;
}

/* Blanks and comments; counts lines. NULL for a comment that does not end. */
static const char *skip_space(const char *p, unsigned int *line)
{
	for (;;) {
		if (isspace((unsigned char)*p)) {
			*line += *p++ == '\n';
		} else if (p[0] == '/' && p[1] == '/') {
			p += strcspn(p, "\n");
		} else if (p[0] == '/' && p[1] == '*') {
			const char *end = strstr(p + 2, "*/");

			if (!end)
				return NULL;
			for (; p < end; p++)
				*line += *p == '\n';
			p = end + 2;
		} else {
			return p;
		}
	}
}

static bool word_char(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '$';
}

static int tokenize(const char *text, struct tokens *out)
{
	unsigned int line = 1;
	const char *p = text;

	while ((p = skip_space(p, &line)) && *p) {
		struct token t = {.text = p, .len = 1, .kind = TOKEN_SIGN, .line = line};

		if (word_char(*p)) {
			t.kind = TOKEN_WORD;
			while (word_char(p[t.len]))
				t.len++;
			p += t.len;
		} else if (strchr("\"'`", *p)) {
			char quote = *p++;

			t.kind = TOKEN_STRING;
			t.text = p;
			while (*p && *p != quote) {
				line += *p == '\n';
				p += p[0] == '\\' && p[1] ? 2 : 1;
			}
			if (!*p)
				return RF_E_SYNTAX;
			t.len = (size_t)(p - t.text);
			p++;
		} else {
			/* == and === are one; && and || are two signs each. */
			while (*p == '=' && p[t.len] == '=')
				t.len++;
			p += t.len;
		}
		int rc = token_add(out, &t);

		if (rc < 0)
			return rc;
	}
	return p ? 0 : RF_E_SYNTAX;
}

struct parser {
	const struct token *t, *end;
};

static bool is(const struct parser *p, size_t ahead, const char *text)
{
	const struct token *t = p->t + ahead;

	return t < p->end && t->kind != TOKEN_STRING && t->len == strlen(text) &&
	       memcmp(t->text, text, t->len) == 0;
}

/* Takes a sequence of words and signs, written with blanks between; "%" stands for the name. */
static bool accept(struct parser *p, const char *sequence, const char *name)
{
	struct parser q = *p;

	for (const char *s = sequence; *s;) {
		char word[WORD_BYTES];
		size_t n = strcspn(s, " ");

		rf_format(word, sizeof(word), "%.*s", (int)n, s);
		if (!is(&q, 0, strcmp(word, "%") == 0 ? name : word))
			return false;
		q.t++;
		s += n + strspn(s + n, " ");
	}
	*p = q;
	return true;
}

static bool take_word(struct parser *p, enum token_kind kind, char out[WORD_BYTES])
{
	if (p->t >= p->end || p->t->kind != kind || p->t->len >= WORD_BYTES ||
	    memchr(p->t->text, '\\', p->t->len))
		return false;
	rf_format(out, WORD_BYTES, "%.*s", (int)p->t->len, p->t->text);
	p->t++;
	return true;
}

static bool accept_equals(struct parser *p)
{
	return accept(p, "==", NULL) || accept(p, "===", NULL);
}

struct rule {
	char action_name[WORD_BYTES], subject_name[WORD_BYTES]; /* of the two parameters */
	char actions[MAX_ACTIONS][WORD_BYTES];
	size_t actions_count;
	bool any_action; /* no term asks for the action */
	char subject[WORD_BYTES + 16];
	char result[WORD_BYTES];
	unsigned int line;
};

/* action.id == "ID", or action.id.indexOf("PREFIX") == 0, or action.id.startsWith("PREFIX") */
static bool parse_action(struct parser *p, struct rule *r)
{
	struct parser q = *p;
	char id[WORD_BYTES];
	bool ok;

	if (r->actions_count >= MAX_ACTIONS || !accept(&q, "% . id", r->action_name))
		return false;
	if (accept_equals(&q)) {
		ok = take_word(&q, TOKEN_STRING, id);
	} else if (accept(&q, ". indexOf (", NULL)) {
		ok = take_word(&q, TOKEN_STRING, id) && accept(&q, ")", NULL) &&
		     accept_equals(&q) && accept(&q, "0", NULL);
		ok = ok && strlen(id) + 2 < sizeof(id);
		strncat(id, ok ? "*" : "", 1);
	} else {
		ok = accept(&q, ". startsWith (", NULL) && take_word(&q, TOKEN_STRING, id) &&
		     accept(&q, ")", NULL) && strlen(id) + 2 < sizeof(id);
		strncat(id, ok ? "*" : "", 1);
	}
	if (!ok)
		return false;
	rf_copy(r->actions[r->actions_count++], WORD_BYTES, id);
	*p = q;
	return true;
}

/* subject.isInGroup("G"), subject.user == "U", subject.local, subject.active == true */
static bool parse_subject(struct parser *p, struct rule *r)
{
	char name[WORD_BYTES];

	if (accept(p, "% . isInGroup (", r->subject_name)) {
		if (!take_word(p, TOKEN_STRING, name) || !accept(p, ")", NULL))
			return false;
		/* A user is narrower than a group. */
		if (!rf_starts(r->subject, "unix-user:"))
			rf_format(r->subject, sizeof(r->subject), "unix-group:%s", name);
		return true;
	}
	if (accept(p, "% . user", r->subject_name)) {
		if (!accept_equals(p) || !take_word(p, TOKEN_STRING, name))
			return false;
		rf_format(r->subject, sizeof(r->subject), "unix-user:%s", name);
		return true;
	}
	if (!accept(p, "% . local", r->subject_name) && !accept(p, "% . active", r->subject_name))
		return false;
	return !accept_equals(p) || accept(p, "true", NULL);
}

/* (A || B || ...), each of them a term that asks for an action. */
static bool parse_actions(struct parser *p, struct rule *r)
{
	struct parser q = *p;

	if (!accept(&q, "(", NULL))
		return false;
	do {
		if (!parse_action(&q, r))
			return false;
	} while (accept(&q, "| |", NULL));
	if (!accept(&q, ")", NULL))
		return false;
	*p = q;
	return true;
}

/* if ( TERM && TERM ... ) { return polkit.Result.X; } */
static bool parse_if(struct parser *p, struct rule *r)
{
	size_t asked = 0;

	r->actions_count = 0;
	rf_copy(r->subject, sizeof(r->subject), "any");
	r->line = p->t < p->end ? p->t->line : 0;
	if (!accept(p, "if (", NULL))
		return false;
	do {
		size_t before = r->actions_count;

		/* Two different actions at once are never true: not a shape to guess at. */
		if (parse_action(p, r) || parse_actions(p, r)) {
			asked++;
			continue;
		}
		r->actions_count = before;
		if (!parse_subject(p, r))
			return false;
	} while (accept(p, "& &", NULL));
	r->any_action = asked == 0;
	if (asked > 1 || !accept(p, ")", NULL))
		return false;
	bool braces = accept(p, "{", NULL);

	if (!accept(p, "return polkit . Result .", NULL) || !take_word(p, TOKEN_WORD, r->result))
		return false;
	accept(p, ";", NULL);
	rf_lower(r->result);
	return !braces || accept(p, "}", NULL);
}

/* True when a rule for this action, or with this prefix and *, touches libvirt's. */
static bool is_libvirt(const char *action)
{
	static const char libvirt[] = "org.libvirt.";
	size_t n = strlen(action);

	if (rf_starts(action, libvirt))
		return true;
	return n > 0 && action[n - 1] == '*' && strncmp(action, libvirt, n - 1) == 0;
}

struct sink {
	void (*take)(void *ctx, const struct polkit_statement *statement);
	void *ctx;
};

static void hand_over(const struct sink *sink, const struct rule *r)
{
	bool yes = strcmp(r->result, "yes") == 0;
	struct polkit_statement s = {.subject = r->subject,
				     .result = r->result,
				     .broad = yes && strcmp(r->subject, "any") == 0,
				     .line = r->line};

	if (strcmp(r->result, "not_handled") == 0)
		return;
	if (r->any_action) {
		s.action = "*";
		sink->take(sink->ctx, &s);
	}
	for (size_t i = 0; i < r->actions_count; i++) {
		s.action = r->actions[i];
		if (is_libvirt(s.action))
			sink->take(sink->ctx, &s);
	}
}

/* function(ACTION, SUBJECT) { or (ACTION, SUBJECT) => { */
static bool parse_head(struct parser *p, struct rule *r)
{
	accept(p, "function", NULL);
	if (!accept(p, "(", NULL) || !take_word(p, TOKEN_WORD, r->action_name) ||
	    !accept(p, ",", NULL) || !take_word(p, TOKEN_WORD, r->subject_name) ||
	    !accept(p, ")", NULL))
		return false;
	accept(p, "= >", NULL);
	return accept(p, "{", NULL);
}

/* The whole body in the shapes that are known. With sink NULL it is only looked at. */
static bool parse_body(struct parser p, const struct sink *sink)
{
	struct rule r = {.line = 0};

	if (!parse_head(&p, &r))
		return false;
	while (is(&p, 0, "if")) {
		if (!parse_if(&p, &r))
			return false;
		if (sink)
			hand_over(sink, &r);
	}
	if (is(&p, 0, "return")) {
		r = (struct rule){.any_action = true, .subject = "any", .line = p.t->line};
		if (!accept(&p, "return polkit . Result .", NULL) ||
		    !take_word(&p, TOKEN_WORD, r.result))
			return false;
		accept(&p, ";", NULL);
		rf_lower(r.result);
		if (sink)
			hand_over(sink, &r);
	}
	return accept(&p, "}", NULL) && p.t == p.end;
}

/* A program that is not understood: what can be said is which results its text names. */
static void hand_over_unread(const struct sink *sink, struct parser p, bool names_libvirt)
{
	char result[WORD_BYTES] = "", action[WORD_BYTES];
	struct polkit_statement s = {.subject = "?", .line = p.t->line};
	bool several = false, computed = false, yes = false;

	rf_copy(action, sizeof(action), names_libvirt ? "org.libvirt.*" : "*");
	for (; p.t < p.end; p.t++) {
		struct parser q = p;
		char word[WORD_BYTES];

		if (accept(&q, "Result .", NULL) && take_word(&q, TOKEN_WORD, word)) {
			rf_lower(word);
			if (strcmp(word, "not_handled") == 0)
				continue;
			several = several || (*result && strcmp(result, word) != 0);
			yes = yes || strcmp(word, "yes") == 0;
			rf_copy(result, sizeof(result), word);
		} else if (is(&p, 0, "Result") || (p.t->kind == TOKEN_STRING && p.t->len == 3 &&
						   strncasecmp(p.t->text, "yes", 3) == 0)) {
			computed = true;
		}
		if (p.t->kind == TOKEN_STRING && p.t->len < sizeof(action) &&
		    strncmp(p.t->text, "org.libvirt.", 12) == 0 &&
		    strcmp(action, "org.libvirt.*") == 0)
			rf_format(action, sizeof(action), "%.*s", (int)p.t->len, p.t->text);
	}
	s.action = action;
	s.result = several || computed || !*result ? NULL : result;
	s.broad = yes || computed || !*result ? -1 : 0;
	sink->take(sink->ctx, &s);
}

/* Why a rule that is not understood is of interest. */
struct mention {
	bool libvirt;	 /* a string that libvirt's actions have, or begin with */
	bool action;	 /* the action is looked at */
	bool any_result; /* it can answer at all */
};

static struct mention mentions(struct parser p)
{
	struct mention m = {.libvirt = false};

	for (; p.t < p.end; p.t++) {
		if (p.t->kind == TOKEN_STRING) {
			char text[WORD_BYTES];

			rf_format(text, sizeof(text), "%.*s",
				  (int)(p.t->len < 200 ? p.t->len : 200), p.t->text);
			m.libvirt = m.libvirt || strstr(text, "libvirt") ||
				    (p.t->len >= 4 && rf_starts("org.libvirt.", text));
		}
		m.libvirt = m.libvirt || (p.t->kind == TOKEN_WORD && p.t->len == 7 &&
					  strncmp(p.t->text, "libvirt", 7) == 0);
		m.action = m.action || is(&p, 0, "id");
		m.any_result = m.any_result || is(&p, 0, "return");
	}
	return m;
}

/* The token behind the ) that closes the ( at t. */
static const struct token *closing(const struct token *t, const struct token *end)
{
	size_t depth = 0;

	for (; t < end; t++) {
		if (t->kind != TOKEN_SIGN)
			continue;
		depth += *t->text == '(';
		depth -= *t->text == ')' && depth > 0;
		if (depth == 0)
			return t;
	}
	return end;
}

int polkit_rules_parse(const char *text,
		       void (*take)(void *ctx, const struct polkit_statement *statement), void *ctx)
{
	const struct sink sink = {.take = take, .ctx = ctx};
	struct tokens tokens = {0};
	int rc = tokenize(text, &tokens);
	struct parser p = {.t = tokens.items, .end = tokens.items + tokens.count};

	while (rc == 0 && p.t < p.end) {
		if (!accept(&p, "polkit . addRule", NULL)) {
			p.t++;
			continue;
		}
		const struct token *end = closing(p.t, p.end);
		struct parser body = {.t = p.t + 1, .end = end};

		p.t = end;
		if (body.t >= body.end)
			continue;
		struct mention m = mentions(body);

		if (parse_body(body, NULL))
			parse_body(body, &sink);
		else if (m.libvirt || (!m.action && m.any_result))
			hand_over_unread(&sink, body, m.libvirt);
	}
	rf_free(tokens.items);
	return rc;
}
