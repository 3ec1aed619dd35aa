/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a body, a query or an answer consists of: rows of members. From these rows come the check
 * of what was sent (unknown members, wrong types, too long: refused, by the member's name), and the
 * JSON Schema of the OpenAPI document. Not here: what the values mean.
 */
#ifndef RF_API_SCHEMA_H
#define RF_API_SCHEMA_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define SCHEMA_MAX_DEPTH 8u
#define SCHEMA_MAX_QUERY 32u /* members of a query */

enum schema_type {
	SCHEMA_TEXT,   /* without control characters */
	SCHEMA_PROSE,  /* a text that may have lines */
	SCHEMA_SECRET, /* a text of any UTF-8, never shown again */
	SCHEMA_INT,
	SCHEMA_TIME, /* ms since 1970-01-01 UTC */
	SCHEMA_BOOL,
	SCHEMA_TEXTS,  /* a list of texts, each once */
	SCHEMA_MAP,    /* an object of texts */
	SCHEMA_OBJECT, /* one of `of` */
	SCHEMA_LIST,   /* a list of `of` */
	SCHEMA_ANY,    /* answers alone: JSON that somebody else checked */
};

struct schema;

struct schema_member {
	const char *name;
	enum schema_type type;
	bool required;
	int64_t min,
		max; /* of a number its range; bytes of a text; things of a list, pairs of a map */
	const char *words; /* "one|two": the only values of a text, or of each of TEXTS */
	const struct schema *of;
	const char *about; /* a sentence for the documentation */
};

struct schema {
	const char *name; /* in the OpenAPI document: "HostInvite" */
	const char *about;
	const struct schema_member *members;
	size_t count;
};

/* A schema's rows: {"Name", "about", SCHEMA_ROWS(members)}. */
#define SCHEMA_ROWS(rows) (rows), sizeof(rows) / sizeof((rows)[0])

/*
 * Reads the text of a body, at most max_bytes, and checks it. RF_E_SYNTAX (no JSON, a name given
 * twice, a wrong type), RF_E_LIMIT (too large, too long, too deep), RF_E_UNKNOWN (no such member),
 * RF_E_MISSING; the message names the member. *out is owned (json_decref).
 */
int schema_read(const struct schema *schema, struct rf_slice text, size_t max_bytes, json_t **out,
		struct rf_err *err) RF_MUST_CHECK;

/* Checks a value that is read already. */
int schema_check(const struct schema *schema, const json_t *value,
		 struct rf_err *err) RF_MUST_CHECK;

/* Reads a query ("a=1&b=%20", without "?") into an object whose numbers and truths have their
 * types. The same errors; NULL for a route without one. */
int schema_query(const struct schema *schema, const char *query, json_t **out,
		 struct rf_err *err) RF_MUST_CHECK;

/* Decodes %XX of a part of a path or query; '+' is a blank when plus. RF_E_SYNTAX for broken UTF-8
 * and control characters. */
int schema_decode(struct rf_slice text, bool plus, struct rf_buf *out,
		  struct rf_err *err) RF_MUST_CHECK;

/* The JSON Schema of a member, and of all members; NULL without memory. */
json_t *schema_member_json(const struct schema_member *member);
json_t *schema_json(const struct schema *schema);

#endif
