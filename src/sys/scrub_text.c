/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How secrets are found in a syntax; see scrub.h. These are no parsers: they look for the places
 * where a value starts and ends, and where that is in doubt take more rather than less.
 */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "sys/scrub.h"

#define KEY_BYTES   128u
#define MAX_KEYS    32u
#define LOOK_BACK   512u
#define URL_BYTES   1024u
#define LABEL_BYTES 64u
#define BSDI_BYTES  20u /* _, rounds, salt, hash */
#define HASH_MIN    13u /* the shortest hash of crypt(5) */

/* Ways to write a quote: in text, in JSON inside a text, in XML. Longer ones first. */
static const char *const quotes[] = {"&quot;", "&apos;", "\\\"", "\\'", "\"", "'"};

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

static bool is_key_char(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '.' || c == '-' || c == ':';
}

static const char *quote_at(struct rf_slice in, size_t at)
{
	if (at >= in.len || !strchr("&\\\"'", in.data[at]))
		return NULL;
	for (size_t i = 0; i < RF_COUNT(quotes); i++) {
		size_t len = strlen(quotes[i]);

		if (len <= in.len - at && memcmp(in.data + at, quotes[i], len) == 0)
			return quotes[i];
	}
	return NULL;
}

static const char *quote_before(struct rf_slice in, size_t at)
{
	if (at == 0 || !strchr(";\"'", in.data[at - 1]))
		return NULL;
	for (size_t i = 0; i < RF_COUNT(quotes); i++) {
		size_t len = strlen(quotes[i]);

		if (len <= at && memcmp(in.data + at - len, quotes[i], len) == 0)
			return quotes[i];
	}
	return NULL;
}

/* The end of the line or field that starts at at. */
static size_t find_end(struct rf_slice in, size_t at, uint8_t stop)
{
	const uint8_t *p = at < in.len ? memchr(in.data + at, stop, in.len - at) : NULL;

	return p ? (size_t)(p - in.data) : in.len;
}

static size_t find_text(struct rf_slice in, size_t at, const char *text)
{
	const uint8_t *p =
		at < in.len ? memmem(in.data + at, in.len - at, text, strlen(text)) : NULL;

	return p ? (size_t)(p - in.data) : in.len;
}

/* Whether "secret" stands before at, in the same argument or element. */
static bool after_secret(const struct scrub_rule *rule, struct rf_slice in, size_t at)
{
	size_t from = at > LOOK_BACK ? at - LOOK_BACK : 0;
	uint8_t stop = rule->end == SCRUB_XML ? '<' : rule->end == SCRUB_ARG ? '\0' : '\n';
	const uint8_t *cut = memrchr(in.data + from, stop, at - from);

	if (cut)
		from = (size_t)(cut - in.data);
	struct rf_slice before = {in.data, at};

	for (size_t i = find_text(before, from, "secret"); i < at;
	     i = find_text(before, i + 1, "secret")) {
		/* Not our own mark. */
		if (i == 0 || in.data[i - 1] != '(')
			return true;
	}
	return false;
}

/* A rule's keys, and which letters each cannot do without: a file has many keys, nearly all of
 * which lack some letter of "password". */
struct keys {
	const struct scrub_rule *rule;
	uint32_t letters[MAX_KEYS];
};

/* The letters in text, one bit each. */
static uint32_t letters_of(const char *text)
{
	uint32_t letters = 0;

	for (; *text; text++) {
		if (*text >= 'a' && *text <= 'z')
			letters |= 1u << (*text - 'a');
	}
	return letters;
}

static struct keys keys_of(const struct scrub_rule *rule)
{
	struct keys keys = {.rule = rule};

	/* What stands in a set is not needed; and what has no room here is always compared. */
	for (size_t i = 0; i < MAX_KEYS && rule->keys[i]; i++)
		keys.letters[i] = strchr(rule->keys[i], '[') ? 0 : letters_of(rule->keys[i]);
	return keys;
}

/* Whether the key that ends before end is one of the rule's. */
static bool is_secret_key(const struct keys *keys, struct rf_slice in, size_t end)
{
	const struct scrub_rule *rule = keys->rule;
	char key[KEY_BYTES];
	size_t from = end;

	while (from > 0 && end - from < KEY_BYTES - 1 && is_key_char(in.data[from - 1]) &&
	       (in.data[from - 1] != ':' || !rule->colon))
		from--;
	if (from == end || !scrub_lower(key, sizeof(key), in.data + from, end - from))
		return false;
	const char *name = key + strspn(key, "-");
	/* "rbd:pool:id=me:key=..." of QEMU: options behind colons. */
	const char *last = strrchr(name, ':');

	last = last ? last + 1 : name;
	uint32_t missing = ~letters_of(name);

	for (size_t i = 0; rule->keys[i]; i++) {
		const char *want = rule->keys[i];

		if (i < MAX_KEYS && keys->letters[i] & missing)
			continue;

		if (want[0] == '@' && strcmp(want + 1, name) == 0 && after_secret(rule, in, from))
			return true;
		if (want[0] != '@' &&
		    (rf_glob(want, name) || (last != name && rf_glob(want, last))))
			return true;
	}
	return false;
}

static bool ends_value(const struct scrub_rule *rule, struct rf_slice in, size_t at)
{
	uint8_t c = in.data[at];

	if (c == '\n' || c == '\0')
		return true;
	switch (rule->end) {
	case SCRUB_LINE:
		return c == '\r';
	case SCRUB_WORD:
		return is_blank(c) || c == ',' || c == ';' || c == '\r' || c == '"' || c == '}';
	case SCRUB_ARG:
		return c == ',';
	case SCRUB_XML:
		return is_blank(c) || c == ',' || c == '<' || c == '>' || c == '\'' || c == '"' ||
		       c == '\\' || c == '&';
	}
	return true;
}

/* Where an unquoted value ends. In QEMU's options two commas stand for one in the value. */
static size_t bare_end(const struct scrub_rule *rule, struct rf_slice in, size_t at)
{
	for (; at < in.len; at++) {
		if (!ends_value(rule, in, at))
			continue;
		bool doubled = in.data[at] == ',' && at + 1 < in.len && in.data[at + 1] == ',';

		if (!doubled || rule->end == SCRUB_WORD)
			return at;
		at++;
	}
	return in.len;
}

static bool is_quote(struct rf_slice in, size_t at, const char *quote)
{
	size_t len = strlen(quote);

	return len <= in.len - at && memcmp(in.data + at, quote, len) == 0;
}

/*
 * Where a quoted value ends: at the same quote, in lines of settings at the last such on the line.
 * When there is none: with the line, in XML before the next tag, so that a quote that somebody put
 * into a description does not swallow the rest.
 */
static size_t quoted_end(const struct scrub_rule *rule, struct rf_slice in, size_t at,
			 const char *quote)
{
	bool escapes = quote[1] == '\0' && (rule->end == SCRUB_WORD || rule->end == SCRUB_ARG);
	uint8_t stop = rule->end == SCRUB_XML ? '<' : '\n';
	size_t last = 0;

	for (; at < in.len && in.data[at] != '\0' && in.data[at] != stop; at++) {
		if (escapes && in.data[at] == '\\' && at + 1 < in.len && in.data[at + 1] != '\n')
			at++;
		else if (is_quote(in, at, quote))
			last = at;
		if (last && rule->end != SCRUB_LINE)
			break;
	}
	if (last)
		return last;
	return at < in.len ? at : in.len;
}

/* Looks at the = or : at i. Returns where to go on. */
static size_t assign_at(const struct keys *keys, struct scrub_edit *edit, size_t i)
{
	const struct scrub_rule *rule = keys->rule;
	struct rf_slice in = edit->in;
	size_t key_end = i, value = i + 1;

	while (key_end > 0 && is_blank(in.data[key_end - 1]))
		key_end--;
	const char *key_quote = quote_before(in, key_end);

	if (in.data[i] == ':' && !key_quote && !rule->colon)
		return value;
	if (!is_secret_key(keys, in, key_end - (key_quote ? strlen(key_quote) : 0)))
		return value;
	while (value < in.len && is_blank(in.data[value]))
		value++;
	const char *quote = value < in.len ? quote_at(in, value) : NULL;

	value += quote ? strlen(quote) : 0;
	size_t end = quote ? quoted_end(rule, in, value, quote) : bare_end(rule, in, value);
	size_t len = end - value;

	/* Blanks behind an unquoted value are not part of it. */
	while (!quote && len > 0 && is_blank(in.data[value + len - 1]))
		len--;
	if (!scrub_is_plain(in.data + value, len))
		scrub_replace(edit, value, value + len, SCRUB_SECRET);
	return end > i + 1 ? end : i + 1;
}

void scrub_assign(const struct scrub_rule *rule, struct rf_slice in, struct rf_buf *out)
{
	struct scrub_edit edit = {.in = in, .out = out};
	struct keys keys = keys_of(rule);
	size_t equals = find_end(in, 0, '='), colon = find_end(in, 0, ':');

	for (size_t i = equals < colon ? equals : colon; i < in.len;
	     i = equals < colon ? equals : colon) {
		size_t next = assign_at(&keys, &edit, i);

		if (equals < next)
			equals = find_end(in, next, '=');
		if (colon < next)
			colon = find_end(in, next, ':');
	}
	scrub_finish(&edit);
}

/* What may be told of a password field; NULL: all of it. */
static const char *field_shown(const char *field, char shown[32])
{
	static const char *const states[] = {"x", "NP", "LK", "*NP*", "*LK*", "(des)*", "_*"};
	size_t marks = strspn(field, "!*");
	const char *hash = field + (field[marks] ? strspn(field, "!") : marks);
	int lock = (int)(hash - field > 8 ? 8 : hash - field);

	if (*hash == '\0')
		return NULL;
	for (size_t i = 0; i < RF_COUNT(states); i++) {
		if (strcmp(field, states[i]) == 0 || strcmp(hash, states[i]) == 0)
			return NULL;
	}
	size_t id = hash[0] == '$' ? strcspn(hash + 1, "$") : 0;

	if (id > 0 && id <= 16 && hash[1 + id] == '$')
		(void)rf_format(shown, 32, "%.*s%.*s*", lock, field, (int)id + 2, hash);
	else if (hash[0] == '_' && strlen(hash) == BSDI_BYTES)
		(void)rf_format(shown, 32, "%.*s_*", lock, field);
	else if (strlen(hash) == HASH_MIN)
		(void)rf_format(shown, 32, "%.*s(des)*", lock, field);
	else
		(void)rf_format(shown, 32, "%.*s" SCRUB_SECRET, lock, field);
	return strcmp(shown, field) == 0 ? NULL : shown;
}

void scrub_fields(const struct scrub_rule *rule, struct rf_slice in, struct rf_buf *out)
{
	struct scrub_edit edit = {.in = in, .out = out};

	(void)rule;
	for (size_t line = 0; line < in.len;) {
		size_t end = find_end(in, line, '\n');
		size_t from = find_end((struct rf_slice){in.data, end}, line, ':') + 1;

		if (from <= end) {
			size_t to = find_end((struct rf_slice){in.data, end}, from, ':');
			char shown[32];
			RF_AUTOFREE char *field =
				rf_strndup((const char *)in.data + from, to - from);

			/* Without memory to look at it, nothing of it passes. */
			const char *with = field ? field_shown(field, shown) : SCRUB_SECRET;

			if (with)
				scrub_replace(&edit, from, to, with);
		}
		line = end + 1;
	}
	scrub_finish(&edit);
}

void scrub_next_arg(const struct scrub_rule *rule, struct rf_slice in, struct rf_buf *out)
{
	static const char *const options[] = {"--password", "--passwd", "--pass",   "--passphrase",
					      "--secret",   "--token",	"--api-key"};
	struct scrub_edit edit = {.in = in, .out = out};
	bool next = false;

	(void)rule;
	for (size_t at = 0; at < in.len;) {
		size_t end = find_end(in, at, '\0');
		char arg[32];

		if (next && !scrub_is_plain(in.data + at, end - at))
			scrub_replace(&edit, at, end, SCRUB_SECRET);
		next = false;
		if (scrub_lower(arg, sizeof(arg), in.data + at, end - at)) {
			for (size_t i = 0; i < RF_COUNT(options); i++)
				next = next || strcmp(arg, options[i]) == 0;
		}
		at = end + 1;
	}
	scrub_finish(&edit);
}

static bool is_secret_element(const char *name)
{
	static const char *const names[] = {"password", "passwd", "passphrase", "cookie"};

	for (size_t i = 0; i < RF_COUNT(names); i++) {
		if (strcmp(name, names[i]) == 0)
			return true;
	}
	return false;
}

/* Where an element's text ends: at a tag. A CDATA section is text too. */
static size_t text_end(struct rf_slice in, size_t at)
{
	static const char cdata[] = "<![CDATA[";

	for (;;) {
		at = find_end(in, at, '<');
		if (in.len - at < strlen(cdata) || memcmp(in.data + at, cdata, strlen(cdata)) != 0)
			return at;
		at = find_text(in, at, "]]>");
	}
}

/* Scrubs the text of the element whose < is at at. Returns where to go on. */
static size_t element_at(struct scrub_edit *edit, size_t at)
{
	struct rf_slice in = edit->in;
	char name[16];
	size_t len = 0;

	while (at + 1 + len < in.len && is_key_char(in.data[at + 1 + len]))
		len++;
	if (!scrub_lower(name, sizeof(name), in.data + at + 1, len) || !is_secret_element(name))
		return at + 1;
	size_t from = find_end(in, at, '>') + 1;

	if (from >= in.len || in.data[from - 2] == '/')
		return from;
	size_t to = text_end(in, from);

	while (from < to && (in.data[from] == '\n' || is_blank(in.data[from])))
		from++;
	if (!scrub_is_plain(in.data + from, to - from))
		scrub_replace(edit, from, to, SCRUB_SECRET);
	return to;
}

void scrub_elements(const struct scrub_rule *rule, struct rf_slice in, struct rf_buf *out)
{
	struct scrub_edit edit = {.in = in, .out = out};

	(void)rule;
	for (size_t at = find_end(in, 0, '<'); at < in.len; at = find_end(in, at, '<'))
		at = element_at(&edit, at);
	scrub_finish(&edit);
}

static bool is_hash_char(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       strchr("./$=,+-", c) != NULL;
}

void scrub_crypt(const struct scrub_rule *rule, struct rf_slice in, struct rf_buf *out)
{
	static const char *const ids[] = {
		"$y$",	"$6$", "$5$", "$1$",	"$2a$",	  "$2b$",      "$2x$",	    "$2y$",
		"$gy$", "$7$", "$3$", "$sha1$", "$apr1$", "$argon2i$", "$argon2d$", "$argon2id$",
	};
	struct scrub_edit edit = {.in = in, .out = out};

	(void)rule;
	for (size_t at = find_end(in, 0, '$'); at < in.len; at = find_end(in, at + 1, '$')) {
		for (size_t i = 0; i < RF_COUNT(ids); i++) {
			size_t from = at + strlen(ids[i]), to = from;

			if (from > in.len || memcmp(in.data + at, ids[i], strlen(ids[i])) != 0)
				continue;
			while (to < in.len && in.data[to] && is_hash_char(in.data[to]))
				to++;
			if (to - from < HASH_MIN)
				continue;
			scrub_replace(&edit, from, to, "*");
			at = to - 1;
			break;
		}
	}
	scrub_finish(&edit);
}

void scrub_pem(const struct scrub_rule *rule, struct rf_slice in, struct rf_buf *out)
{
	static const char head[] = "-----BEGIN ", shown[] = "\n" SCRUB_SECRET "\n";
	struct scrub_edit edit = {.in = in, .out = out};

	(void)rule;
	for (size_t at = find_text(in, 0, head); at < in.len; at = find_text(in, at, head)) {
		at += strlen(head);
		/* The label, such as "RSA PRIVATE KEY", and its dashes. */
		struct rf_slice near = {in.data,
					in.len - at > LABEL_BYTES ? at + LABEL_BYTES : in.len};
		size_t dashes = find_text(near, at, "-----");
		size_t key = find_text((struct rf_slice){in.data, dashes}, at, "PRIVATE KEY");

		if (key >= dashes || dashes >= near.len)
			continue;
		size_t from = dashes + 5, to = find_text(in, from, "-----END");
		bool done =
			to - from == strlen(shown) && memcmp(in.data + from, shown, to - from) == 0;

		if (!done)
			scrub_replace(&edit, from, to, shown);
		at = to;
	}
	scrub_finish(&edit);
}

void scrub_url(const struct scrub_rule *rule, struct rf_slice in, struct rf_buf *out)
{
	struct scrub_edit edit = {.in = in, .out = out};

	(void)rule;
	for (size_t at = find_text(in, 0, "://"); at < in.len; at = find_text(in, at, "://")) {
		size_t from = at + 3, end = from, sign = 0;

		for (; end < in.len && end - from < URL_BYTES; end++) {
			if (in.data[end] <= ' ' || strchr("/?#\"'<>", in.data[end]))
				break;
			if (in.data[end] == '@')
				sign = end;
		}
		size_t colon = sign ? find_end((struct rf_slice){in.data, sign}, from, ':') : sign;

		if (colon < sign && !scrub_is_plain(in.data + colon + 1, sign - colon - 1))
			scrub_replace(&edit, colon + 1, sign, SCRUB_SECRET);
		at = end > from ? end : from;
	}
	scrub_finish(&edit);
}

void scrub_whole(const struct scrub_rule *rule, struct rf_slice in, struct rf_buf *out)
{
	size_t i = 0;

	(void)rule;
	while (i < in.len && (is_blank(in.data[i]) || in.data[i] == '\n'))
		i++;
	if (i < in.len)
		rf_buf_add_text(out, SCRUB_SECRET "\n");
}
