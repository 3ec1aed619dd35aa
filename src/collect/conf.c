/* SPDX-License-Identifier: Apache-2.0 */
/* Settings, globs and sizes of daemons' configuration; see conf.h. Source: glob(7). */
#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/conf.h"

static bool option_replace(struct conf_option *option, const char *value, const char *source)
{
	char *new_value = rf_strdup(value);
	char *new_source = rf_strdup(source);

	if (!new_value || !new_source) {
		rf_free(new_value);
		rf_free(new_source);
		return false;
	}
	rf_free(option->value);
	rf_free(option->source);
	option->value = new_value;
	option->source = new_source;
	return true;
}

static bool option_add(struct conf_options *set, const char *key, const char *value,
		       const char *source)
{
	struct conf_option option = {0};
	void *items = set->items;

	if (set->count >= CONF_MAX_OPTIONS ||
	    rf_grow(&items, &set->capacity, set->count + 1, sizeof(option)) < 0)
		return false;
	set->items = items;
	option.key = rf_strdup(key);
	/* The index holds the place plus one: it cannot tell NULL from "not there". */
	if (!option.key || !option_replace(&option, value, source) ||
	    rf_map_set(&set->index, key, (void *)(set->count + 1)) < 0) {
		rf_free(option.key);
		rf_free(option.value);
		rf_free(option.source);
		return false;
	}
	set->items[set->count++] = option;
	return true;
}

void conf_put(struct conf_options *set, const char *key, const char *value, const char *source)
{
	size_t place = (size_t)rf_map_get(&set->index, key);
	bool done = place ? option_replace(&set->items[place - 1], value, source)
			  : option_add(set, key, value, source);

	if (!done)
		set->failed = true;
}

void conf_put_at(struct conf_options *set, const char *key, const char *value, const char *path,
		 unsigned int line)
{
	char where[UTIL_WHERE_BYTES];

	conf_put(set, key, value, util_where(where, path, line));
}

void conf_put_default(struct conf_options *set, const char *key, const char *value)
{
	if (!rf_map_has(&set->index, key))
		conf_put(set, key, value, "default");
}

const struct conf_option *conf_find(const struct conf_options *set, const char *key)
{
	size_t place = (size_t)rf_map_get(&set->index, key);

	return place ? &set->items[place - 1] : NULL;
}

const char *conf_get(const struct conf_options *set, const char *key)
{
	const struct conf_option *option = conf_find(set, key);

	return option ? option->value : NULL;
}

void conf_options_done(struct conf_options *set)
{
	for (size_t i = 0; i < set->count; i++) {
		rf_free(set->items[i].key);
		rf_free(set->items[i].value);
		rf_free(set->items[i].source);
	}
	rf_free(set->items);
	rf_map_done(&set->index);
	*set = (struct conf_options){0};
}

/* Every key/value table of this schema has these columns, so one struct serves them all. */
void conf_emit(const struct conf_options *set, enum fact_table_id table, const char *prefix,
	       struct fact_sink *out)
{
	for (size_t i = 0; i < set->count; i++) {
		RF_AUTOFREE char *key = rf_asprintf("%s%s", prefix, set->items[i].key);

		fact_put(out, table,
			 &(struct fact_log_option){.key = key ? key : set->items[i].key,
						   .value = set->items[i].value,
						   .source = set->items[i].source});
	}
	if (set->failed)
		fact_gap(out, table, "", "", "",
			 "too many settings or no memory: some are missing");
}

_Static_assert(sizeof(struct fact_log_option) == sizeof(struct fact_audit_option) &&
		       sizeof(struct fact_log_option) == sizeof(struct fact_time_option) &&
		       sizeof(struct fact_log_option) == sizeof(struct fact_firewall_option),
	       "key/value tables have one shape");

static bool has_wildcard(const char *text)
{
	return strpbrk(text, "*?[") != NULL;
}

static int path_add(const char *dir, const char *name, struct util_paths *out)
{
	RF_AUTOFREE char *path = rf_asprintf("%s/%s", dir, name);

	if (out->count >= RF_MAX_DIR_ENTRIES)
		return RF_E_LIMIT;
	return path ? util_paths_add(out, path) : -ENOMEM;
}

/* Adds the names in one folder that match one component of a pattern. */
static int glob_dir(struct sys *sys, const char *dir, const char *component, struct util_paths *out)
{
	SYS_AUTONAMES struct sys_names names = {0};
	int rc = sys_list(sys, *dir ? dir : "/", &names, NULL);

	if (rc == -ENOENT || rc == -ENOTDIR)
		return 0;
	for (size_t i = 0; rc == 0 && i < names.count; i++) {
		if (names.names[i][0] == '.' && component[0] != '.')
			continue;
		if (rf_glob(component, names.names[i]))
			rc = path_add(dir, names.names[i], out);
	}
	return rc;
}

/* Every path so far, one component longer. */
static int glob_step(struct sys *sys, const struct util_paths *from, const char *component,
		     struct util_paths *out)
{
	int failed = 0;

	for (size_t i = 0; i < from->count; i++) {
		int rc = has_wildcard(component) ? glob_dir(sys, from->paths[i], component, out)
						 : path_add(from->paths[i], component, out);

		if (rc < 0)
			failed = rc;
	}
	return failed;
}

int conf_glob(struct sys *sys, const char *pattern, struct util_paths *out)
{
	if (!has_wildcard(pattern))
		return util_paths_add(out, pattern);
	if (pattern[0] != '/')
		return -EINVAL;
	UTIL_AUTOPATHS struct util_paths now = {0};
	RF_AUTOFREE char *copy = rf_strdup(pattern);
	char *parts[RF_MAX_DIR_DEPTH];
	int failed = 0;

	if (!copy || util_paths_add(&now, "") < 0)
		return -ENOMEM;
	size_t parts_count = util_split(copy + 1, '/', parts, RF_COUNT(parts));

	for (size_t i = 0; i < parts_count; i++) {
		UTIL_AUTOPATHS struct util_paths next = {0};
		int rc = *parts[i] ? glob_step(sys, &now, parts[i], &next) : 0;

		if (rc < 0)
			failed = rc;
		if (*parts[i]) {
			struct util_paths old = now;

			now = next;
			next = old;
		}
	}
	for (size_t i = 0; i < now.count; i++) {
		if (!sys_exists(sys, now.paths[i]))
			continue;
		if (util_paths_add(out, now.paths[i]) < 0)
			return -ENOMEM;
	}
	return failed;
}

bool conf_masked(struct sys *sys, const char *path)
{
	char target[64];

	return sys_readlink(sys, path, target, sizeof(target)) == 0 &&
	       strcmp(target, "/dev/null") == 0;
}

static int64_t size_factor(const char **unit)
{
	static const char letters[] = "KMGT";
	const char *hit = **unit ? strchr(letters, **unit & ~0x20) : NULL;

	if (!hit || !*hit)
		return 1;
	(*unit)++;
	return (int64_t)1 << (10 * (hit - letters + 1));
}

int conf_size(const char *text, int64_t *out_bytes)
{
	char digits[24];
	size_t n = strspn(text, "0123456789");
	int64_t value;

	if (n == 0 || n >= sizeof(digits))
		return RF_E_SYNTAX;
	memcpy(digits, text, n);
	digits[n] = '\0';
	text += n;
	int64_t factor = size_factor(&text);

	if (*text && !rf_equal_nocase(text, "b") && !(factor > 1 && rf_equal_nocase(text, "ib")))
		return RF_E_SYNTAX;
	int rc = rf_num(digits, 10, 0, INT64_MAX / factor, &value);

	if (rc == 0)
		*out_bytes = value * factor;
	return rc;
}

char *conf_word_next(char **cursor)
{
	char *from = *cursor;

	if (!from)
		return NULL;
	from += strspn(from, " \t\r\n\f\v");
	if (*from == '\0') {
		*cursor = NULL;
		return NULL;
	}
	char *word = from, *to = from;

	while (*from && !strchr(" \t\r\n\f\v", *from)) {
		char quote = *from;

		if (quote != '"' && quote != '\'') {
			*to++ = *from++;
			continue;
		}
		for (from++; *from && *from != quote;)
			*to++ = *from++;
		if (*from)
			from++;
	}
	*cursor = *from ? from + 1 : NULL;
	*to = '\0';
	return word;
}
