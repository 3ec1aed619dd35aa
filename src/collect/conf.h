/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What collectors of daemons' configuration share beyond util.h: settings of which the last one
 * wins, globs through the seam, sizes with units. No parser of one daemon's syntax belongs here.
 */
#ifndef RF_COLLECT_CONF_H
#define RF_COLLECT_CONF_H

#include "base/map.h"
#include "collect/util.h"

/* Most settings that one set holds. */
#define CONF_MAX_OPTIONS 8192u

/* Settings in the order of their first appearance; a repeated key keeps its last value.
 * Zero-initialise. */
struct conf_options {
	struct conf_option {
		char *key;
		char *value;
		char *source;
	} * items;
	size_t count, capacity;
	struct rf_map index;
	bool failed; /* memory was short, or there were too many: sticky */
};
#define CONF_AUTOOPTIONS __attribute__((cleanup(conf_options_done)))

/* Sets key; a failure is sticky, so that a reader of a file asks once. */
void conf_put(struct conf_options *set, const char *key, const char *value, const char *source);
/* Sets key with the source "PATH:LINE". */
void conf_put_at(struct conf_options *set, const char *key, const char *value, const char *path,
		 unsigned int line);
/* Sets key with the source "default" unless it is there. */
void conf_put_default(struct conf_options *set, const char *key, const char *value);
/* The value, or NULL when the key is not there. */
const char *conf_get(const struct conf_options *set, const char *key);
const struct conf_option *conf_find(const struct conf_options *set, const char *key);
void conf_options_done(struct conf_options *set);

/* Writes every setting as a row of a key/value table, prefix before its key. */
void conf_emit(const struct conf_options *set, enum fact_table_id table, const char *prefix,
	       struct fact_sink *out);

/*
 * Adds the paths that match pattern (* ? [set] in any component; a name that begins with a dot only
 * when the pattern does), sorted. A pattern without wildcard is added as it is, there or not.
 * Returns 0, or the code of a folder that is there and could not be listed; what could be listed is
 * added all the same.
 */
int conf_glob(struct sys *sys, const char *pattern, struct util_paths *out) RF_MUST_CHECK;

/* True when path is a link to /dev/null, by which systemd masks a unit or a drop-in. */
bool conf_masked(struct sys *sys, const char *path);

/* Bytes from a number with a unit K, M, G or T (powers of 1024, either case, "KB" and "KiB" too).
 * Returns 0, RF_E_SYNTAX or RF_E_LIMIT. */
int conf_size(const char *text, int64_t *out_bytes) RF_MUST_CHECK;

/*
 * The next word of a line, blanks between words; "..." and '...' hold blanks and lose their quotes.
 * Cuts in place, like rf_word_next.
 */
char *conf_word_next(char **cursor);

#endif
