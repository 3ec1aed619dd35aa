/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML for our own data files and a site's: libyaml's events into a small tree of strings, lists
 * and maps. No anchors, aliases, tags or merge keys, no duplicate keys, limits on size, depth and
 * nodes; every error says file, line and column. Types are the binder's matter: "yes" stays the
 * text yes.
 */
#ifndef RF_BASE_YAML_H
#define RF_BASE_YAML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum yaml_kind { YAML_TEXT, YAML_LIST, YAML_MAP };

struct yaml_node {
	enum yaml_kind kind;
	uint32_t line, column;	 /* from 1 */
	bool quoted;		 /* the text stood in quotes or was a block */
	char *text;		 /* YAML_TEXT; of a map's entry also see key */
	char *key;		 /* name when this node is an entry of a map, else NULL */
	struct yaml_node *items; /* entries of a list or map, in order */
	size_t items_count;
};

struct yaml_doc {
	char *name; /* for messages */
	struct yaml_node *root;
};

/* Parses one document. name stands in messages ("controls/x.yaml"). Free with yaml_done. */
int yaml_parse(struct rf_slice in, const char *name, struct yaml_doc *out,
	       struct rf_err *err) RF_MUST_CHECK;
/* The same for files that may be larger than our own data: at most max_bytes and max_nodes values.
 */
int yaml_parse_large(struct rf_slice in, const char *name, size_t max_bytes, size_t max_nodes,
		     struct yaml_doc *out, struct rf_err *err) RF_MUST_CHECK;
void yaml_done(struct yaml_doc *doc);
#define YAML_AUTODOC __attribute__((cleanup(yaml_done)))

/* Fills err with "name:line:column: message". Returns RF_E_SYNTAX. */
int yaml_fail(const struct yaml_doc *doc, const struct yaml_node *at, struct rf_err *err,
	      const char *fmt, ...) RF_PRINTF(4, 5);

/* The entry of a map, or NULL. */
const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key);

/* What a key of a map must be. */
enum yaml_type {
	YAML_T_TEXT,  /* const char * (borrowed from the document) */
	YAML_T_INT,   /* int64_t */
	YAML_T_BOOL,  /* bool: true, false, yes, no */
	YAML_T_NODE,  /* const struct yaml_node * of any kind */
	YAML_T_LIST,  /* const struct yaml_node * that is a list */
	YAML_T_MAP,   /* const struct yaml_node * that is a map */
	YAML_T_TEXTS, /* const struct yaml_node *: a list of texts, or one text */
};

struct yaml_field {
	const char *key;
	enum yaml_type type;
	size_t offset; /* into out */
	bool required;
};

/*
 * Binds a map to a struct by a table of fields. Unknown keys, missing required ones and wrong types
 * are errors that name the place. Absent optional fields are left as they are.
 */
int yaml_bind(const struct yaml_doc *doc, const struct yaml_node *map,
	      const struct yaml_field *fields, size_t fields_count, void *out,
	      struct rf_err *err) RF_MUST_CHECK;

#endif
