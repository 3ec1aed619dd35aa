/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The editor of libvirt's XML: a tree of libxml2, one XPath, the tree written again. No DTD, no
 * entity, no network; runs in the locked-in child of the privileged side. A document type is
 * refused: libvirt writes none, and it is where XML's traps are.
 */
#include <errno.h>
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <libxml/xmlsave.h>
#include <libxml/xpath.h>
#include <libxml/xpathInternals.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "change/edit_parts.h"

#define MAX_PARTS 16
#define MAX_NODES 1024

static void quiet(void *arg, const char *fmt, ...)
{
	(void)arg;
	(void)fmt;
}

static void doc_free(xmlDoc **doc)
{
	xmlFreeDoc(*doc);
}

static void context_free(xmlXPathContext **context)
{
	xmlXPathFreeContext(*context);
}

static void object_free(xmlXPathObject **object)
{
	xmlXPathFreeObject(*object);
}

static int doc_parse(struct rf_slice in, const char *path, xmlDoc **out, struct rf_err *err)
{
	xmlSetGenericErrorFunc(NULL, quiet);
	xmlDoc *doc =
		in.len ? xmlReadMemory((const char *)in.data, (int)in.len, "", NULL,
				       XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING)
		       : NULL;

	if (!doc || !xmlDocGetRootElement(doc)) {
		xmlFreeDoc(doc);
		return rf_fail(err, RF_E_SYNTAX, "%s is no XML document", path);
	}
	if (doc->intSubset || doc->extSubset) {
		xmlFreeDoc(doc);
		return rf_fail(err, RF_E_DENIED, "%s has a document type, which we do not edit",
			       path);
	}
	*out = doc;
	return 0;
}

/* The nodes that an expression names from a node; NULL for a bad expression. */
static xmlXPathObject *nodes_of(xmlDoc *doc, xmlNode *from, const char *expression)
{
	__attribute__((cleanup(context_free))) xmlXPathContext *context = xmlXPathNewContext(doc);

	if (!context)
		return NULL;
	xmlXPathSetContextNode(from, context);
	xmlXPathObject *found = xmlXPathEval((const xmlChar *)expression, context);

	if (found && found->type != XPATH_NODESET) {
		xmlXPathFreeObject(found);
		return NULL;
	}
	if (found && found->nodesetval)
		xmlXPathNodeSetSort(found->nodesetval);
	return found;
}

static int count_of(const xmlXPathObject *found)
{
	return found && found->nodesetval ? found->nodesetval->nodeNr : 0;
}

static bool is_blank_text(const xmlNode *node)
{
	return node && node->type == XML_TEXT_NODE && xmlIsBlankNode(node);
}

/* A new child at the end, indented as its siblings are. */
static xmlNode *child_add(xmlNode *parent, const char *name)
{
	xmlNode *child = xmlNewDocNode(parent->doc, NULL, (const xmlChar *)name, NULL);
	xmlNode *end = is_blank_text(parent->last) ? parent->last : NULL;
	xmlNode *indent = end && is_blank_text(parent->children) && parent->children != end
				  ? xmlDocCopyNode(parent->children, parent->doc, 1)
				  : NULL;

	if (!child || !end)
		return child ? xmlAddChild(parent, child) : NULL;
	/* Two texts side by side would be merged, and the first freed: the new element first. */
	child = xmlAddPrevSibling(end, child);
	if (indent)
		xmlAddPrevSibling(child, indent);
	return child;
}

/* "name" or "name[@attribute='value']": such an element is made. */
static xmlNode *step_make(xmlNode *parent, const char *step)
{
	char name[128], *open;

	if (!rf_copy(name, sizeof(name), step))
		return NULL;
	open = strchr(name, '[');
	if (open)
		*open = '\0';
	if (!name[0] || xmlValidateNCName((const xmlChar *)name, 0) != 0)
		return NULL;
	if (!open)
		return child_add(parent, name);
	char *attr = open + 1, *eq = strchr(attr, '=');

	if (*attr != '@' || !eq || (eq[1] != '\'' && eq[1] != '"') || !strchr(eq + 2, eq[1]))
		return NULL;
	*eq = '\0';
	*strchr(eq + 2, eq[1]) = '\0';
	xmlNode *made = child_add(parent, name);

	if (made)
		xmlNewProp(made, (const xmlChar *)attr + 1, (const xmlChar *)eq + 2);
	return made;
}

/* Cuts a path at its slashes outside of brackets; 0 when it cannot be walked step by step. */
static size_t path_split(char *path, char *parts[MAX_PARTS])
{
	size_t count = 0;
	int depth = 0;

	parts[count++] = path;
	for (char *p = path; *p; p++) {
		depth += *p == '[' ? 1 : *p == ']' ? -1 : 0;
		if (depth == 0 && *p == '|')
			return 0;
		if (depth || *p != '/')
			continue;
		if (count == MAX_PARTS || p[1] == '/' || p == path)
			return 0;
		*p = '\0';
		parts[count++] = p + 1;
	}
	return count;
}

static void node_set(xmlNode *node, const char *value)
{
	if (node->type == XML_ATTRIBUTE_NODE) {
		/* The parent's function escapes what has to be. */
		xmlSetProp(node->parent, node->name, (const xmlChar *)value);
		return;
	}
	/* An element that has only to be there keeps what is in it. */
	if (value[0] == '\0' && node->children)
		return;
	while (node->children) {
		xmlNode *child = node->children;

		xmlUnlinkNode(child);
		xmlFreeNode(child);
	}
	if (value[0])
		xmlAddChild(node, xmlNewDocText(node->doc, (const xmlChar *)value));
}

static int path_set(xmlNode *from, char *const *parts, size_t count, const char *value)
{
	if (count == 0) {
		node_set(from, value);
		return 1;
	}
	if (parts[0][0] == '@') {
		if (count > 1 || xmlValidateNCName((const xmlChar *)parts[0] + 1, 0) != 0)
			return RF_E_SYNTAX;
		return xmlSetProp(from, (const xmlChar *)parts[0] + 1, (const xmlChar *)value)
			       ? 1
			       : -ENOMEM;
	}
	__attribute__((cleanup(object_free))) xmlXPathObject *found =
		nodes_of(from->doc, from, parts[0]);

	if (!found)
		return RF_E_SYNTAX;
	if (count_of(found) == 0) {
		xmlNode *made = step_make(from, parts[0]);

		return made ? path_set(made, parts + 1, count - 1, value) : RF_E_MISSING;
	}
	int rc = 0;

	for (int i = 0; rc >= 0 && i < count_of(found) && i < MAX_NODES; i++)
		rc = path_set(found->nodesetval->nodeTab[i], parts + 1, count - 1, value);
	return rc;
}

/* With the blanks before it. From the last to the first, so that what lies in another goes first.
 */
static void nodes_remove(xmlXPathObject *found)
{
	for (int i = count_of(found) - 1; i >= 0; i--) {
		xmlNode *node = found->nodesetval->nodeTab[i];

		found->nodesetval->nodeTab[i] = NULL;
		if (node->type == XML_ATTRIBUTE_NODE) {
			xmlRemoveProp((xmlAttr *)node);
			continue;
		}
		if (node->type != XML_ELEMENT_NODE || node == xmlDocGetRootElement(node->doc))
			continue;
		if (is_blank_text(node->prev)) {
			xmlNode *gap = node->prev;

			xmlUnlinkNode(gap);
			xmlFreeNode(gap);
		}
		xmlUnlinkNode(node);
		xmlFreeNode(node);
	}
}

/* The element that the section names: the root for "". */
static int base_find(xmlDoc *doc, const struct change_spec *spec, xmlNode **out, struct rf_err *err)
{
	*out = xmlDocGetRootElement(doc);
	if (!spec->section[0])
		return 0;
	__attribute__((cleanup(object_free))) xmlXPathObject *found =
		nodes_of(doc, *out, spec->section);

	if (count_of(found) != 1 || found->nodesetval->nodeTab[0]->type != XML_ELEMENT_NODE)
		return rf_fail(err, RF_E_MISSING, "%s: %s names %d elements, not one", spec->target,
			       spec->section, count_of(found));
	*out = found->nodesetval->nodeTab[0];
	return 0;
}

static int set_value(xmlNode *base, const struct change_spec *spec, struct rf_err *err)
{
	char path[sizeof(spec->key)], *parts[MAX_PARTS];

	rf_copy(path, sizeof(path), spec->key);
	size_t count = path_split(path, parts);
	int rc = count ? path_set(base, parts, count, change_spec_value(spec)) : RF_E_SYNTAX;

	if (rc == -ENOMEM)
		return rf_fail(err, rc, "no memory");
	return rc < 0 ? rf_fail(err, rc,
				"%s: %s cannot be set: no such place, and it cannot be made",
				spec->target, spec->key)
		      : 0;
}

static int remove_nodes(xmlNode *base, const struct change_spec *spec, struct rf_err *err)
{
	__attribute__((cleanup(object_free))) xmlXPathObject *found =
		nodes_of(base->doc, base, spec->key);

	if (!found)
		return rf_fail(err, RF_E_SYNTAX, "%s: %s is no XPath", spec->target, spec->key);
	nodes_remove(found);
	return 0;
}

static int doc_write(xmlDoc *doc, struct rf_slice in, struct rf_buf *out, struct rf_err *err)
{
	bool declared = in.len > 5 && memcmp(in.data, "<?xml", 5) == 0;
	xmlBuffer *buffer = xmlBufferCreate();
	xmlSaveCtxt *save =
		buffer ? xmlSaveToBuffer(buffer, NULL, declared ? 0 : XML_SAVE_NO_DECL) : NULL;
	bool done = save && xmlSaveDoc(save, doc) >= 0;

	if (save)
		xmlSaveClose(save);
	if (done)
		rf_buf_add(out, xmlBufferContent(buffer), (size_t)xmlBufferLength(buffer));
	if (buffer)
		xmlBufferFree(buffer);
	return done && !out->failed ? 0 : rf_fail(err, -ENOMEM, "no memory");
}

int edit_xml_apply(const struct edit_style *style, const struct change_spec *spec,
		   struct rf_slice in, struct rf_buf *out, struct rf_err *err)
{
	__attribute__((cleanup(doc_free))) xmlDoc *doc = NULL;
	xmlNode *base;
	bool set = strcmp(spec->op, "set") == 0;

	if (!set && strcmp(spec->op, "remove") != 0)
		return rf_fail(err, RF_E_UNKNOWN, "the style %s has no operation %s", style->name,
			       spec->op);
	/* What holds stays as it is, down to the quotes. */
	RF_AUTOBUF struct rf_buf now = {0};
	bool there = edit_xml_get(style, spec, in, &now);

	if (now.failed)
		return rf_fail(err, -ENOMEM, "no memory");
	if (set ? there && strcmp(rf_buf_text(&now), change_spec_value(spec)) == 0 : !there) {
		rf_buf_add(out, in.data, in.len);
		return out->failed ? rf_fail(err, -ENOMEM, "no memory") : 0;
	}
	int rc = doc_parse(in, spec->target, &doc, err);

	if (!rc)
		rc = base_find(doc, spec, &base, err);
	if (!rc)
		rc = set ? set_value(base, spec, err) : remove_nodes(base, spec, err);
	return rc ? rc : doc_write(doc, in, out, err);
}

/* Of several nodes with one value that value; with several values their list. */
static void values_write(const xmlXPathObject *found, struct rf_buf *out)
{
	for (int i = 0; i < count_of(found) && i < MAX_NODES; i++) {
		const xmlNode *node = found->nodesetval->nodeTab[i];
		bool leaf =
			node->type == XML_ATTRIBUTE_NODE || !xmlFirstElementChild((xmlNode *)node);
		xmlChar *text = leaf ? xmlNodeGetContent(node) : NULL;
		const char *value = text ? (const char *)text : "";

		if (i == 0 || strcmp(rf_buf_text(out), value) != 0)
			rf_buf_printf(out, "%s%s", i ? ", " : "", value);
		xmlFree(text);
	}
}

/* A place on the way that is missing would have to be made: then the path does not hold. */
static bool all_there(xmlNode *base, const struct change_spec *spec, int found)
{
	const char *slash = strrchr(spec->key, '/');
	char parent[sizeof(spec->key)];

	if (!slash || slash[1] != '@' || slash == spec->key)
		return true;
	rf_copy(parent, sizeof(parent), spec->key);
	parent[slash - spec->key] = '\0';
	__attribute__((cleanup(object_free))) xmlXPathObject *parents =
		nodes_of(base->doc, base, parent);

	return count_of(parents) == found;
}

bool edit_xml_get(const struct edit_style *style, const struct change_spec *spec,
		  struct rf_slice in, struct rf_buf *out)
{
	__attribute__((cleanup(doc_free))) xmlDoc *doc = NULL;
	__attribute__((cleanup(object_free))) xmlXPathObject *found = NULL;
	xmlNode *base;

	(void)style;
	if (doc_parse(in, spec->target, &doc, NULL) < 0 || base_find(doc, spec, &base, NULL) < 0)
		return false;
	found = nodes_of(doc, base, spec->key);
	if (count_of(found) == 0)
		return false;
	values_write(found, out);
	return strcmp(spec->op, "set") != 0 || all_there(base, spec, count_of(found));
}
