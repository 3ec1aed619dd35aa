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

static char *skip_blanks(char *p, const char *end)
{
	while (p < end && is_blank(*p))
		p++;
	return p;
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
static const char *find_value(char *p, char *end, char **out_value, char **out_end)
{
	char *close;

	if (p < end && *p == '"') {
		*out_value = ++p;
		close = memchr(p, '"', (size_t)(end - p));
		if (!close)
			return "the closing quote is missing";
		*out_end = close;
		p = close + 1;
	} else {
		*out_value = p;
		while (p < end && !is_blank(*p) && *p != '#')
			p++;
		*out_end = p;
	}
	p = skip_blanks(p, end);
	if (p < end && *p != '#')
		return "text stands behind the value";
	return NULL;
}

static int parse_line(struct vmx *vmx, char *p, char *end)
{
	uint32_t line = ++vmx->lines_count;
	char *nul = memchr(p, '\0', (size_t)(end - p));

	if (nul) {
		note_problem(vmx, line, "a NUL byte stands in it; what follows is not read");
		end = nul;
	}
	p = skip_blanks(p, end);
	if (p == end || *p == '#')
		return 0;
	char *name = p;

	while (p < end && !is_blank(*p) && *p != '=' && *p != '#')
		p++;
	size_t name_len = (size_t)(p - name);

	p = skip_blanks(p, end);
	if (p == end || *p != '=' || name_len == 0) {
		note_problem(vmx, line, name_len ? "no = behind the name" : "no name before the =");
		return 0;
	}
	if (name_len > VMX_MAX_KEY_BYTES) {
		note_problem(vmx, line, "the name is longer than 255 bytes");
		return 0;
	}
	char *value, *value_end;
	const char *wrong = find_value(skip_blanks(p + 1, end), end, &value, &value_end);

	if (wrong) {
		note_problem(vmx, line, wrong);
		return 0;
	}
	unescape(value, value_end);
	return add_entry(vmx, name, name_len, value, line);
}

/* A line ends with \n, \r\n or \r, as VMware reads it: a lone \r must not hide a line from us. */
static int parse_lines(struct vmx *vmx, char *p, char *end)
{
	int rc = 0;

	while (p < end && !rc) {
		char *eol = memchr(p, '\n', (size_t)(end - p));
		char *next = eol ? eol + 1 : end;

		eol = eol ? eol : end;
		char *cr = memchr(p, '\r', (size_t)(eol - p));

		if (cr) {
			next = cr + 1 == eol ? next : cr + 1;
			eol = cr;
		}
		rc = parse_line(vmx, p, eol);
		p = next;
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
	char *start = text;

	reset(vmx);
	if (len >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0)
		start += 3;
	/* A name and its NUL take no more room than the name and its = in the text. */
	if (!rf_buf_reserve(&vmx->keys, len + 1) || index_grow(vmx))
		return rf_fail(err, -ENOMEM, "no memory for a file of %zu bytes", len);
	int rc = parse_lines(vmx, start, text + len);

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
