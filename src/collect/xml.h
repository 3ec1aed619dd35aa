/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one XML loader: a document becomes a small tree of elements, attributes and text. No DTD (a
 * DOCTYPE is refused), so no entities but the five of XML itself; no network; limits on size, depth
 * and nodes (base/limits.h). Looking into the tree is NULL-safe: the child of NULL is NULL.
 */
#ifndef RF_COLLECT_XML_H
#define RF_COLLECT_XML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

struct xml_attr {
	const char *name; /* without prefix */
	const char *ns;	  /* namespace URI; NULL for none */
	const char *value;
};

struct xml_node {
	const char *name; /* without prefix; a prefix that is bound to nothing stays */
	const char *ns;	  /* namespace URI; NULL for none */
	const char *text; /* its own characters, blanks cut at both ends; "" when there are none */
	struct xml_attr *attrs;
	size_t attrs_count;
	struct xml_node *parent, *child, *last, *next;
	uint32_t line;
};

struct xml_doc {
	struct rf_arena arena;
	struct xml_node *root;
};

/* Parses one document; name stands in messages. RF_E_SYNTAX (err says the line), RF_E_LIMIT,
 * RF_E_DENIED for a DOCTYPE, -ENOMEM. Free with xml_done. */
int xml_parse(struct rf_slice in, const char *name, struct xml_doc *out,
	      struct rf_err *err) RF_MUST_CHECK;
void xml_done(struct xml_doc *doc);
#define XML_AUTODOC __attribute__((cleanup(xml_done)))

/* True when node is the element name in no namespace. */
bool xml_is(const struct xml_node *node, const char *name);

/* The first child element of that name in no namespace; with name NULL the first child. */
const struct xml_node *xml_child(const struct xml_node *node, const char *name);

/* The next sibling of that name; with name NULL the next sibling. */
const struct xml_node *xml_next(const struct xml_node *node, const char *name);

/* The first descendant by names joined with '/': xml_at(domain, "os/loader"). */
const struct xml_node *xml_at(const struct xml_node *node, const char *path);

/* The first child element of that name in the namespace ns. */
const struct xml_node *xml_child_ns(const struct xml_node *node, const char *ns, const char *name);

/* The value of an attribute without namespace, or NULL. */
const char *xml_attr(const struct xml_node *node, const char *name);

/* The same, or "". */
const char *xml_attr_text(const struct xml_node *node, const char *name);

/* True when the attribute has that value. */
bool xml_attr_is(const struct xml_node *node, const char *name, const char *value);

/* The text of the element at path ("" for node itself); "" when there is none. */
const char *xml_text(const struct xml_node *node, const char *path);

/* Number of child elements of that name. */
size_t xml_count(const struct xml_node *node, const char *name);

#endif
