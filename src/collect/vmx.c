/* SPDX-License-Identifier: Apache-2.0 */
/* VMware's dictionary format, line by line; see vmx.h for the grammar and its source. */
#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "collect/vmx.h"

enum { INDEX_FIRST_SIZE = 256 };

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static size_t skip_blanks(const char *line, size_t len, size_t at)
{
	while (at < len && is_blank(line[at]))
		at++;
	return at;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Turns |xx into bytes in place and ends the value with a NUL. |00 stays as it is written, because
 * a NUL would hide what stands behind it. */
static void unescape(char *from, char *end)
{
	char *to = memchr(from, '|', (size_t)(end - from));

	if (!to) {
		*end = '\0';
		return;
	}
	for (from = to; from < end; from++) {
		int high = *from == '|' && end - from > 2 ? hex_digit(from[1]) : -1;
		int low = high >= 0 ? hex_digit(from[2]) : -1;

		if (low >= 0 && (high | low) != 0) {
			*to++ = (char)(high << 4 | low);
			from += 2;
		} else {
			*to++ = *from;
		}
	}
	*to = '\0';
}

static void note_problem(struct vmx *vmx, uint32_t line, const char *what)
{
	if (vmx->problems_count < VMX_MAX_PROBLEMS)
		vmx->problems[vmx->problems_count] =
			(struct vmx_problem){.line = line, .what = what};
	vmx->problems_count++;
}

static uint32_t *index_slot(const struct vmx *vmx, const char *key, uint32_t hash)
{
	size_t mask = vmx->index_size - 1;

	for (size_t i = hash & mask;; i = (i + 1) & mask) {
		uint32_t number = vmx->index[i];

		if (!number)
			return &vmx->index[i];
		const struct vmx_entry *e = &vmx->entries[number - 1];

		if (e->hash == hash && strcmp(e->key, key) == 0)
			return &vmx->index[i];
	}
}

/* Keeps the index at most half full. */
static int index_grow(struct vmx *vmx)
{
	if ((vmx->count + 1) * 2 <= vmx->index_size)
		return 0;
	size_t size = vmx->index_size ? vmx->index_size * 2 : INDEX_FIRST_SIZE;
	uint32_t *bigger = rf_alloc(size, sizeof(*bigger));

	if (!bigger)
		return -ENOMEM;
	rf_free(vmx->index);
	vmx->index = bigger;
	vmx->index_size = size;
	for (size_t i = 0; i < vmx->count; i++) {
		const struct vmx_entry *e = &vmx->entries[i];

		if (!e->superseded)
			*index_slot(vmx, e->key, e->hash) = (uint32_t)i + 1;
	}
	return 0;
}

static uint32_t hash_step(uint32_t hash, char c)
{
	return (hash ^ (uint8_t)c) * 16777619u; /* FNV-1a */
}

/* Appends a lower-case copy of the name; its room was reserved for the whole text. */
static const char *keep_key(struct vmx *vmx, const char *name, size_t len, uint32_t *out_hash)
{
	char *key = (char *)vmx->keys.data + vmx->keys.len;
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < len; i++) {
		char c = name[i];

		if (c >= 'A' && c <= 'Z')
			c = (char)(c + ('a' - 'A'));
		key[i] = c;
		hash = hash_step(hash, c);
	}
	key[len] = '\0';
	vmx->keys.len += len + 1;
	*out_hash = hash;
	return key;
}

static int add_entry(struct vmx *vmx, char *name, size_t name_len, const char *value, uint32_t line)
{
	if (vmx->count >= RF_MAX_VMX_KEYS)
		return RF_E_LIMIT;
	void *entries = vmx->entries;
	int rc = rf_grow(&entries, &vmx->capacity, vmx->count + 1, sizeof(*vmx->entries));

	vmx->entries = entries;
	if (!rc)
		rc = index_grow(vmx);
	if (rc)
		return rc;
	struct vmx_entry *e = &vmx->entries[vmx->count];

	*e = (struct vmx_entry){.spelling = name, .value = value, .line = line};
	e->key = keep_key(vmx, name, name_len, &e->hash);
	name[name_len] = '\0';
	uint32_t *slot = index_slot(vmx, e->key, e->hash);

	e->previous = *slot;
	*slot = (uint32_t)++vmx->count;
	if (e->previous) {
		struct vmx_entry *old = &vmx->entries[e->previous - 1];

		old->superseded = true;
		e->conflict = old->conflict || strcmp(old->value, e->value) != 0;
	}
	return 0;
}

/* Finds where the value lies. NULL, or what is wrong. */
static const char *find_value(const char *line, size_t len, size_t at, struct vmx_line *out)
{
	out->quoted = at < len && line[at] == '"';
	out->value = at += out->quoted;
	if (out->quoted) {
		const char *close = memchr(line + at, '"', len - at);

		if (!close)
			return "the closing quote is missing";
		out->value_len = (size_t)(close - line) - at;
		at += out->value_len + 1;
	} else {
		while (at < len && !is_blank(line[at]) && line[at] != '#')
			at++;
		out->value_len = at - out->value;
	}
	at = skip_blanks(line, len, at);
	if (at < len && line[at] != '#')
		return "text stands behind the value";
	return NULL;
}

void vmx_lex(const char *line, size_t len, struct vmx_line *out)
{
	size_t at = skip_blanks(line, len, 0);

	*out = (struct vmx_line){.name = at};
	if (at == len || line[at] == '#')
		return;
	while (at < len && !is_blank(line[at]) && line[at] != '=' && line[at] != '#')
		at++;
	out->name_len = at - out->name;
	at = skip_blanks(line, len, at);
	if (at == len || line[at] != '=' || out->name_len == 0)
		out->problem = out->name_len ? "no = behind the name" : "no name before the =";
	else if (out->name_len > VMX_MAX_KEY_BYTES)
		out->problem = "the name is longer than 255 bytes";
	else
		out->problem = find_value(line, len, skip_blanks(line, len, at + 1), out);
}

bool vmx_line_next(const char *text, size_t len, size_t *at, size_t *out_end, size_t *out_next)
{
	if (*at >= len)
		return false;
	const char *p = text + *at;
	const char *eol = memchr(p, '\n', len - *at);

	*out_next = eol ? (size_t)(eol - text) + 1 : len;
	*out_end = eol ? (size_t)(eol - text) : len;
	const char *cr = memchr(p, '\r', *out_end - *at);

	if (cr) {
		size_t cut = (size_t)(cr - text);

		*out_next = cut + 1 == *out_end ? *out_next : cut + 1;
		*out_end = cut;
	}
	return true;
}

static int parse_line(struct vmx *vmx, char *p, size_t len)
{
	uint32_t line = ++vmx->lines_count;
	const char *nul = memchr(p, '\0', len);
	struct vmx_line parts;

	if (nul) {
		note_problem(vmx, line, "a NUL byte stands in it; what follows is not read");
		len = (size_t)(nul - p);
	}
	vmx_lex(p, len, &parts);
	if (parts.problem)
		note_problem(vmx, line, parts.problem);
	if (parts.problem || !parts.name_len)
		return 0;
	unescape(p + parts.value, p + parts.value + parts.value_len);
	return add_entry(vmx, p + parts.name, parts.name_len, p + parts.value, line);
}

static int parse_lines(struct vmx *vmx, char *text, size_t len)
{
	size_t at = 0, end, next;
	int rc = 0;

	while (!rc && vmx_line_next(text, len, &at, &end, &next)) {
		rc = parse_line(vmx, text + at, end - at);
		at = next;
	}
	return rc;
}

static void reset(struct vmx *vmx)
{
	vmx->count = 0;
	vmx->lines_count = 0;
	vmx->problems_count = 0;
	rf_buf_reset(&vmx->keys);
	if (vmx->index)
		memset(vmx->index, 0, vmx->index_size * sizeof(*vmx->index));
}

int vmx_parse(struct vmx *vmx, char *text, size_t len, struct rf_err *err)
{
	size_t mark = len >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;

	reset(vmx);
	/* A name and its NUL take no more room than the name and its = in the text. */
	if (!rf_buf_reserve(&vmx->keys, len + 1) || index_grow(vmx))
		return rf_fail(err, -ENOMEM, "no memory for a file of %zu bytes", len);
	int rc = parse_lines(vmx, text + mark, len - mark);

	if (rc == RF_E_LIMIT)
		rf_fail(err, rc, "line %u: more than %u keys", vmx->lines_count, RF_MAX_VMX_KEYS);
	else if (rc)
		rf_fail(err, rc, "line %u: no memory", vmx->lines_count);
	if (rc)
		reset(vmx);
	return rc;
}

void vmx_done(struct vmx *vmx)
{
	if (!vmx)
		return;
	rf_free(vmx->entries);
	rf_free(vmx->index);
	rf_buf_done(&vmx->keys);
	*vmx = (struct vmx){0};
}

static const struct vmx_entry *find_hashed(const struct vmx *vmx, const char *key, uint32_t hash)
{
	if (!vmx->count)
		return NULL;
	uint32_t number = *index_slot(vmx, key, hash);

	return number ? &vmx->entries[number - 1] : NULL;
}

const struct vmx_entry *vmx_find(const struct vmx *vmx, const char *key)
{
	uint32_t hash = 2166136261u;

	for (const char *p = key; *p; p++)
		hash = hash_step(hash, *p);
	return find_hashed(vmx, key, hash);
}

const struct vmx_entry *vmx_find_in(const struct vmx *vmx, const char *prefix, const char *name)
{
	char key[VMX_MAX_KEY_BYTES + 1];
	size_t prefix_len = strlen(prefix), name_len = strlen(name);

	if (prefix_len + name_len + 2 > sizeof(key))
		return NULL;
	memcpy(key, prefix, prefix_len);
	key[prefix_len] = '.';
	memcpy(key + prefix_len + 1, name, name_len + 1);
	return vmx_find(vmx, key);
}

const struct vmx_entry *vmx_previous(const struct vmx *vmx, const struct vmx_entry *entry)
{
	return entry->previous ? &vmx->entries[entry->previous - 1] : NULL;
}
