/* SPDX-License-Identifier: Apache-2.0 */
/* Parsers of lvm.conf, Open vSwitch's database and login banners; see config.h. */
#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/config.h"

#define OVSDB_MAGIC   "OVSDB JSON "
#define OVSDB_CLUSTER "OVSDB CLUSTER "

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

/* Applies one transaction: rows of Manager by UUID; null deletes, and columns may be left out. */
static int ovsdb_apply(json_t *managers, const json_t *record)
{
	json_t *table = json_object_get(record, "Manager"), *row;
	const char *uuid;

	if (!json_is_object(table))
		return 0;
	json_object_foreach(table, uuid, row)
	{
		const json_t *target = json_object_get(row, "target");

		if (json_is_null(row))
			json_object_del(managers, uuid);
		else if (json_is_string(target) &&
			 json_object_set_new(managers, uuid,
					     json_string(json_string_value(target))) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* One record: "OVSDB JSON LENGTH HASH\n" and LENGTH bytes. Returns its end, NULL when broken. */
static const char *ovsdb_record(const char *p, json_t *managers)
{
	char number[16];
	int64_t len;
	size_t digits = strspn(p + strlen(OVSDB_MAGIC), "0123456789");
	const char *body = strchr(p, '\n');

	if (digits == 0 || digits >= sizeof(number) || !body)
		return NULL;
	memcpy(number, p + strlen(OVSDB_MAGIC), digits);
	number[digits] = '\0';
	body++;
	if (rf_num(number, 10, 0, RF_MAX_FILE_BYTES, &len) < 0 ||
	    strnlen(body, (size_t)len) < (size_t)len)
		return NULL;
	json_t *record = json_loadb(body, (size_t)len, JSON_REJECT_DUPLICATES, NULL);
	int rc = record ? ovsdb_apply(managers, record) : RF_E_SYNTAX;

	json_decref(record);
	return rc < 0 ? NULL : body + len;
}

int ovsdb_managers(const char *text, struct rf_buf *out)
{
	json_t *managers = json_object(), *target;
	const char *uuid;
	int rc = 0;

	if (!managers)
		return -ENOMEM;
	if (rf_starts(text, OVSDB_CLUSTER))
		rc = RF_E_UNSUPPORTED;
	for (const char *p = text; rc == 0 && *p;) {
		p = rf_starts(p, OVSDB_MAGIC) ? ovsdb_record(p, managers) : NULL;
		if (!p) {
			rc = RF_E_SYNTAX;
			break;
		}
	}
	if (rc == 0) {
		json_object_foreach(managers, uuid, target)
			rf_buf_printf(out, "%s%s", out->len ? "," : "", json_string_value(target));
	}
	json_decref(managers);
	return rc;
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
