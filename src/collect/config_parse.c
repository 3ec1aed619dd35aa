/* SPDX-License-Identifier: Apache-2.0 */
/* Parsers of lvm.conf and login banners; see config.h. */
#include <ctype.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/config.h"

struct lvm {
	char *p;
	unsigned int line;
	char section[256];
};

/* Skips blanks and comments; counts lines. */
static void lvm_skip(struct lvm *l)
{
	for (; *l->p; l->p++) {
		if (*l->p == '#')
			l->p += strcspn(l->p, "\n");
		if (*l->p == '\n')
			l->line++;
		if (!*l->p || !isspace((unsigned char)*l->p))
			return;
	}
}

/* Appends a quoted string, the cursor on its first quote. */
static void lvm_string(struct lvm *l, struct rf_buf *value)
{
	char quote = *l->p++;

	for (; *l->p && *l->p != quote; l->p++) {
		if (*l->p == '\\' && l->p[1])
			l->p++;
		if (*l->p == '\n')
			l->line++;
		rf_buf_add_byte(value, (uint8_t)*l->p);
	}
	if (*l->p)
		l->p++;
}

/* A value: a string, a bare word, or a list of them over any number of lines. */
static void lvm_value(struct lvm *l, struct rf_buf *value)
{
	bool list = *l->p == '[';
	size_t items = 0;

	if (list)
		l->p++;
	for (;;) {
		lvm_skip(l);
		if (list && *l->p == ',') {
			l->p++;
			continue;
		}
		if (!*l->p || (list && *l->p == ']'))
			break;
		if (items++ > 0)
			rf_buf_add_byte(value, ',');
		if (*l->p == '"' || *l->p == '\'') {
			lvm_string(l, value);
		} else {
			size_t n = strcspn(l->p, " \t\r\n,]#");

			rf_buf_add(value, l->p, n ? n : 1);
			l->p += n ? n : 1;
		}
		if (!list)
			return;
	}
	if (*l->p)
		l->p++;
}

/* "name {": sections are named by the path to them. */
static void lvm_enter(struct lvm *l, const char *name)
{
	size_t n = strlen(l->section);

	rf_format(l->section + n, sizeof(l->section) - n, "%s%s", n ? "/" : "", name);
}

static void lvm_leave(struct lvm *l)
{
	char *slash = strrchr(l->section, '/');

	if (slash)
		*slash = '\0';
	else
		l->section[0] = '\0';
}

void lvm_conf_walk(char *text,
		   void (*each)(void *ctx, const char *key, const char *value, unsigned int line),
		   void *ctx)
{
	struct lvm l = {.p = text, .line = 1};
	char name[128], key[512];

	for (lvm_skip(&l); *l.p; lvm_skip(&l)) {
		RF_AUTOBUF struct rf_buf value = {0};
		size_t n = strcspn(l.p, " \t\r\n={}#");

		if (n == 0 || n >= sizeof(name)) {
			if (*l.p == '}')
				lvm_leave(&l);
			l.p += n ? n : 1;
			continue;
		}
		memcpy(name, l.p, n);
		name[n] = '\0';
		l.p += n;
		lvm_skip(&l);
		unsigned int line = l.line;

		if (*l.p == '{') {
			lvm_enter(&l, name);
			l.p++;
		} else if (*l.p == '=') {
			l.p++;
			lvm_skip(&l);
			lvm_value(&l, &value);
			rf_format(key, sizeof(key), "%s%s%s", l.section, l.section[0] ? "/" : "",
				  name);
			each(ctx, key, rf_buf_text(&value), line);
		}
	}
}

/* True when the letters of word stand in text as a word of their own, in any case. */
static bool has_name(const char *text, const char *word)
{
	char small[RF_MAX_PATH_BYTES];
	size_t n = strlen(word);

	rf_copy(small, sizeof(small), text);
	rf_lower(small);
	for (const char *p = small; n > 0 && (p = strstr(p, word)); p++) {
		if ((p == small || !isalnum((unsigned char)p[-1])) && !isalnum((unsigned char)p[n]))
			return true;
	}
	return false;
}

void banner_read(const char *text, const char *os, struct banner *banner)
{
	for (const char *p = text; *p; p++) {
		if (*p == '\\' && p[1]) {
			p++;
			banner->has_os |= strchr("smrvS", *p) != NULL;
			if (p[1] == '{')
				p += strcspn(p, "}\n");
			if (!*p)
				break;
			continue;
		}
		banner->has_text |= isalpha((unsigned char)*p) || (unsigned char)*p >= 0x80;
	}
	/* "opensuse-leap" is called openSUSE, "rhel" Red Hat. */
	char name[64];

	rf_copy(name, sizeof(name), strcmp(os, "rhel") == 0 ? "red hat" : os);
	name[strcspn(name, "-")] = '\0';
	banner->has_os |= has_name(text, name);
}
