/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes secrets out of what is read, before anything sees it: the one line that no password hash,
 * key or token passes. What was set stays visible as set: "(secret)", or the scheme of a hash
 * ("$y$*", "(des)*"); an empty value stays empty. Scrubbing twice changes nothing more.
 *
 * Which files hold what is a table in scrub.c: to add one, add a row. How a syntax is scrubbed is
 * in scrub_text.c.
 */
#ifndef RF_SYS_SCRUB_H
#define RF_SYS_SCRUB_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

#define SCRUB_SECRET "(secret)"

/*
 * Scrubs the content of a file by its path, the path behind symbolic links (NULL: the same) and,
 * for XML and .vmx under other names, by what it looks like. Returns 0, -ENOMEM, or
 * RF_E_UNSUPPORTED for UTF-16 text, in which nothing would be found, or RF_E_SYNTAX for text made
 * so that each secret taken out lays another open; then bytes is emptied.
 */
int scrub_file(const char *path, const char *real, struct rf_buf *bytes) RF_MUST_CHECK;

/* Scrubs the XML in a probe's JSON answer. */
int scrub_probe(const char *name, struct rf_buf *bytes) RF_MUST_CHECK;

/* How a value that follows a key ends. */
enum scrub_end {
	SCRUB_LINE, /* at the end of the line */
	SCRUB_WORD, /* also at a blank, comma or semicolon */
	SCRUB_ARG,  /* an argument of /proc/PID/cmdline: at NUL or a single comma */
	SCRUB_XML,  /* at a blank, comma or < */
};

/* A row: what may lie in files whose path matches. */
struct scrub_rule {
	const char *glob; /* of the path in small letters; * also matches / */
	void (*run)(const struct scrub_rule *rule, struct rf_slice in, struct rf_buf *out);
	const char *const *keys; /* small-letter globs, NULL at the end; see scrub_assign */
	enum scrub_end end;
	bool colon; /* also "key: value" */
};

/*
 * The syntaxes. Each appends the scrubbed text to out, or nothing when there is nothing to change.
 *
 *   scrub_assign   key=value, key = "value", "key": "value" and their forms in XML and JSON texts;
 *                  a key "@name" counts only in a text that says "secret" before it
 *   scrub_words    lines of words, such as "rocommunity NAME", by a table of directives
 *   scrub_fields   the second field of lines like those of /etc/shadow
 *   scrub_next_arg the argument behind --password and the like
 *   scrub_elements the text of XML elements such as <password>
 *   scrub_crypt    crypt(5) hashes anywhere
 *   scrub_pem      private keys in PEM anywhere
 *   scrub_url      the password in scheme://user:password@host anywhere
 *   scrub_whole    everything
 */
void scrub_assign(const struct scrub_rule *rule, struct rf_slice in, struct rf_buf *out);
void scrub_words(const struct scrub_rule *rule, struct rf_slice in, struct rf_buf *out);
void scrub_fields(const struct scrub_rule *rule, struct rf_slice in, struct rf_buf *out);
void scrub_next_arg(const struct scrub_rule *rule, struct rf_slice in, struct rf_buf *out);
void scrub_elements(const struct scrub_rule *rule, struct rf_slice in, struct rf_buf *out);
void scrub_crypt(const struct scrub_rule *rule, struct rf_slice in, struct rf_buf *out);
void scrub_pem(const struct scrub_rule *rule, struct rf_slice in, struct rf_buf *out);
void scrub_url(const struct scrub_rule *rule, struct rf_slice in, struct rf_buf *out);
void scrub_whole(const struct scrub_rule *rule, struct rf_slice in, struct rf_buf *out);

/* What the syntaxes share: copying with replacements, and text in small letters. */
struct scrub_edit {
	struct rf_slice in;
	struct rf_buf *out;
	size_t copied; /* bytes of in that out has already */
};
/* Puts with in the place of in[from, to). Calls go forward. */
void scrub_replace(struct scrub_edit *edit, size_t from, size_t to, const char *with);
/* Copies the rest, if anything was replaced. */
void scrub_finish(struct scrub_edit *edit);
/* Copies len bytes in small letters to out; false when size does not hold them and a NUL. */
bool scrub_lower(char *out, size_t size, const uint8_t *text, size_t len);
/* Whether a value says nothing that must not pass: empty, on, off, yes, no, true, false ... */
bool scrub_is_plain(const uint8_t *value, size_t len);

#endif
