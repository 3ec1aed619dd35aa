/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drives libxml2's SAX2 parser and builds our own tree, so that every limit is checked while the
 * document is read and not after it has filled the memory; see xml.h.
 */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include <libxml/parser.h>
#include <libxml/parserInternals.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/xml.h"

/* libxml2 compares each attribute of a tag with every other one, and each prefix with every
 * binding: both are bounded before it sees the document. */
#define MAX_ATTRS 64u

struct build {
	xmlParserCtxtPtr parser;
	struct xml_doc *doc;
	struct xml_node *open[RF_MAX_XML_DEPTH];
	struct rf_buf text[RF_MAX_XML_DEPTH]; /* of each open element */
	size_t depth;
	size_t nodes_count;
	int code; /* why we stopped, 0 while all is well */
	const char *why;
};

static void stop(struct build *b, int code, const char *why)
{
	if (b->code == 0) {
		b->code = code;
		b->why = why;
	}
	xmlStopParser(b->parser);
}

static const char *copy_text(struct build *b, const xmlChar *text)
{
	return rf_arena_copy(&b->doc->arena, (const char *)text);
}

/* attributes: five pointers each: name, prefix, URI, first byte of the value, its end. */
static void add_attrs(struct build *b, struct xml_node *node, int count, const xmlChar **from)
{
	node->attrs = rf_arena_alloc(&b->doc->arena, (size_t)count, sizeof(*node->attrs));
	if (!node->attrs)
		return;
	for (int i = 0; i < count; i++, from += 5) {
		struct xml_attr *attr = &node->attrs[node->attrs_count++];

		attr->name = copy_text(b, from[0]);
		attr->ns = copy_text(b, from[2]);
		attr->value = rf_arena_text(&b->doc->arena, (const char *)from[3],
					    (size_t)(from[4] - from[3]));
	}
}

static void link_node(struct build *b, struct xml_node *node)
{
	if (b->depth == 0) {
		b->doc->root = node;
		return;
	}
	struct xml_node *parent = b->open[b->depth - 1];

	node->parent = parent;
	if (parent->last)
		parent->last->next = node;
	else
		parent->child = node;
	parent->last = node;
}

static void on_start(void *ctx, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri,
		     int ns_count, const xmlChar **namespaces, int attrs_count, int defaulted,
		     const xmlChar **attrs)
{
	struct build *b = ctx;

	(void)ns_count;
	(void)namespaces;
	(void)defaulted;
	if (b->code)
		return;
	b->nodes_count += 1 + (size_t)attrs_count;
	if (b->depth >= RF_MAX_XML_DEPTH)
		return stop(b, RF_E_LIMIT, "elements are nested too deeply");
	if (b->nodes_count > RF_MAX_XML_NODES)
		return stop(b, RF_E_LIMIT, "too many elements");
	struct xml_node *node = rf_arena_alloc(&b->doc->arena, 1, sizeof(*node));

	if (!node)
		return stop(b, -ENOMEM, "no memory");
	node->name = prefix && !uri ? rf_arena_printf(&b->doc->arena, "%s:%s", (const char *)prefix,
						      (const char *)name)
				    : copy_text(b, name);
	node->ns = copy_text(b, uri);
	node->text = "";
	node->line = (uint32_t)xmlSAX2GetLineNumber(b->parser);
	if (attrs_count > 0)
		add_attrs(b, node, attrs_count, attrs);
	if (b->doc->arena.failed)
		return stop(b, -ENOMEM, "no memory");
	link_node(b, node);
	rf_buf_reset(&b->text[b->depth]);
	b->open[b->depth++] = node;
}

static void on_end(void *ctx, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
	struct build *b = ctx;

	(void)name;
	(void)prefix;
	(void)uri;
	if (b->code || b->depth == 0)
		return;
	struct xml_node *node = b->open[--b->depth];
	struct rf_buf *text = &b->text[b->depth];

	if (text->failed)
		return stop(b, -ENOMEM, "no memory");
	if (text->len == 0)
		return;
	const char *trimmed = rf_trim((char *)text->data);

	if (*trimmed)
		node->text = rf_arena_copy(&b->doc->arena, trimmed);
	if (!node->text)
		stop(b, -ENOMEM, "no memory");
}

static void on_text(void *ctx, const xmlChar *text, int len)
{
	struct build *b = ctx;

	if (b->code || b->depth == 0 || len <= 0)
		return;
	struct rf_buf *buf = &b->text[b->depth - 1];

	/* Blanks between elements are the most of a document's text, and nothing of its meaning. */
	if (buf->len == 0) {
		while (len > 0 && strchr(" \t\r\n", *text)) {
			text++;
			len--;
		}
	}
	rf_buf_add(buf, text, (size_t)len);
}

static void on_doctype(void *ctx, const xmlChar *name, const xmlChar *external,
		       const xmlChar *system)
{
	(void)name;
	(void)external;
	(void)system;
	stop(ctx, RF_E_DENIED, "it has a DOCTYPE, which no libvirt definition needs");
}

/* Skips a comment, CDATA section or processing instruction; NULL when p begins none. */
static const char *skip_special(const char *p, const char *end)
{
	static const struct {
		const char *open, *close;
	} kinds[] = {{"<!--", "-->"}, {"<![CDATA[", "]]>"}, {"<?", "?>"}};

	for (size_t i = 0; i < RF_COUNT(kinds); i++) {
		size_t len = strlen(kinds[i].open);

		if ((size_t)(end - p) < len || memcmp(p, kinds[i].open, len) != 0)
			continue;
		size_t close_len = strlen(kinds[i].close);
		const char *close =
			memmem(p + len, (size_t)(end - p) - len, kinds[i].close, close_len);

		return close ? close + close_len : end;
	}
	return NULL;
}

/* Walks one tag from its '<'; counts quoted values. NULL when there are too many. */
static const char *skip_tag(const char *p, const char *end)
{
	size_t values = 0;
	char quote = '\0';

	for (p++; p < end; p++) {
		if (quote) {
			if (*p == quote)
				quote = '\0';
		} else if (*p == '"' || *p == '\'') {
			quote = *p;
			if (++values > MAX_ATTRS)
				return NULL;
		} else if (*p == '>') {
			return p + 1;
		}
	}
	return end;
}

static int check_tags(struct rf_slice in, const char *name, struct rf_err *err)
{
	const char *p = (const char *)in.data, *end = p + in.len;

	while (p < end && (p = memchr(p, '<', (size_t)(end - p)))) {
		const char *after = skip_special(p, end);

		if (!after)
			after = skip_tag(p, end);
		if (!after)
			return rf_fail(err, RF_E_LIMIT, "%s: an element has over %u attributes",
				       name, MAX_ATTRS);
		p = after;
	}
	return 0;
}

/* The walk over the bytes above holds only where '<' is always the byte 0x3c. */
static int check_encoding(struct rf_slice in, const char *name, struct rf_err *err)
{
	static const char *const allowed[] = {"utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1"};
	const char *text = (const char *)in.data;

	if (memchr(in.data, '\0', in.len))
		return rf_fail(err, RF_E_SYNTAX, "%s: it is not UTF-8 text", name);
	if (in.len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		text += 3;
	const char *end = (const char *)in.data + in.len;
	size_t left = (size_t)(end - text);

	if (left < 5 || memcmp(text, "<?xml", 5) != 0)
		return left > 0 && (uint8_t)*text >= 0x80
			       ? rf_fail(err, RF_E_SYNTAX, "%s: it is not XML text", name)
			       : 0;
	const char *close = memmem(text, left, "?>", 2);
	const char *key = memmem(text, close ? (size_t)(close - text) : left, "encoding", 8);

	if (!key)
		return 0;
	key += 8;
	key += strspn(key, " \t\r\n=\"'");
	for (size_t i = 0; i < RF_COUNT(allowed); i++) {
		size_t len = strlen(allowed[i]);

		if (strncasecmp(key, allowed[i], len) == 0 && strchr("\"' ", key[len]))
			return 0;
	}
	return rf_fail(err, RF_E_UNSUPPORTED, "%s: only UTF-8 XML is read", name);
}

static int report(struct build *b, const char *name, struct rf_err *err)
{
	if (b->code)
		return rf_fail(err, b->code, "%s: line %d: %s", name,
			       xmlSAX2GetLineNumber(b->parser), b->why);
	const xmlError *last = xmlCtxtGetLastError(b->parser);

	if (last && last->code == XML_ERR_NO_MEMORY)
		return rf_fail(err, -ENOMEM, "%s: no memory", name);
	if (!b->parser->wellFormed || !b->doc->root || b->depth != 0) {
		char message[200] = "it is not well-formed XML";

		if (last && last->message)
			rf_copy(message, sizeof(message), last->message);
		return rf_fail(err, RF_E_SYNTAX, "%s: line %d: %s", name, last ? last->line : 0,
			       rf_trim(message));
	}
	return 0;
}

static int run_parser(struct build *b, struct rf_slice in, const char *name, struct rf_err *err)
{
	b->parser = xmlCreateMemoryParserCtxt((const char *)in.data, (int)in.len);
	if (!b->parser)
		return rf_fail(err, -ENOMEM, "%s: no memory", name);
	*b->parser->sax = (xmlSAXHandler){
		.initialized = XML_SAX2_MAGIC,
		.startElementNs = on_start,
		.endElementNs = on_end,
		.characters = on_text,
		.ignorableWhitespace = on_text,
		.cdataBlock = on_text,
		.internalSubset = on_doctype,
	};
	/* Without NOENT an ampersand in an attribute stays "&#38;". There is nothing else to
	 * replace: no document with a DTD gets this far. */
	xmlCtxtUseOptions(b->parser, XML_PARSE_NONET | XML_PARSE_NOENT | XML_PARSE_NOERROR |
					     XML_PARSE_NOWARNING);
	b->parser->userData = b;
	xmlParseDocument(b->parser);
	int rc = report(b, name, err);

	/* For an entity declaration libxml2 makes a document of its own, SAX or not, and leaves it
	 * to us. */
	xmlFreeDoc(b->parser->myDoc);
	b->parser->myDoc = NULL;
	xmlFreeParserCtxt(b->parser);
	return rc;
}

int xml_parse(struct rf_slice in, const char *name, struct xml_doc *out, struct rf_err *err)
{
	if (in.len == 0)
		return rf_fail(err, RF_E_SYNTAX, "%s: it is empty", name);
	if (in.len > RF_MAX_XML_BYTES)
		return rf_fail(err, RF_E_LIMIT, "%s: more than %u bytes", name, RF_MAX_XML_BYTES);
	int rc = check_encoding(in, name, err);

	if (rc == 0)
		rc = check_tags(in, name, err);
	if (rc < 0)
		return rc;
	struct xml_doc doc = {0};
	struct build *b = rf_alloc(1, sizeof(*b));

	if (!b)
		return rf_fail(err, -ENOMEM, "%s: no memory", name);
	b->doc = &doc;
	rc = run_parser(b, in, name, err);
	for (size_t i = 0; i < RF_MAX_XML_DEPTH; i++)
		rf_buf_done(&b->text[i]);
	rf_free(b);
	if (rc < 0) {
		xml_done(&doc);
		return rc;
	}
	*out = doc;
	return 0;
}

void xml_done(struct xml_doc *doc)
{
	rf_arena_done(&doc->arena);
	doc->root = NULL;
}

bool xml_is(const struct xml_node *node, const char *name)
{
	return node && !node->ns && strcmp(node->name, name) == 0;
}

static const struct xml_node *first_named(const struct xml_node *node, const char *name)
{
	while (node && name && !xml_is(node, name))
		node = node->next;
	return node;
}

const struct xml_node *xml_child(const struct xml_node *node, const char *name)
{
	return node ? first_named(node->child, name) : NULL;
}

const struct xml_node *xml_next(const struct xml_node *node, const char *name)
{
	return node ? first_named(node->next, name) : NULL;
}

const struct xml_node *xml_at(const struct xml_node *node, const char *path)
{
	char part[64];

	while (node && *path) {
		size_t len = strcspn(path, "/");

		if (len >= sizeof(part))
			return NULL;
		memcpy(part, path, len);
		part[len] = '\0';
		node = xml_child(node, part);
		path += len + (path[len] == '/');
	}
	return node;
}

const struct xml_node *xml_child_ns(const struct xml_node *node, const char *ns, const char *name)
{
	for (node = node ? node->child : NULL; node; node = node->next) {
		if (node->ns && strcmp(node->ns, ns) == 0 && strcmp(node->name, name) == 0)
			return node;
	}
	return NULL;
}

const char *xml_attr(const struct xml_node *node, const char *name)
{
	for (size_t i = 0; node && i < node->attrs_count; i++) {
		if (!node->attrs[i].ns && strcmp(node->attrs[i].name, name) == 0)
			return node->attrs[i].value;
	}
	return NULL;
}

const char *xml_attr_text(const struct xml_node *node, const char *name)
{
	const char *value = xml_attr(node, name);

	return value ? value : "";
}

bool xml_attr_is(const struct xml_node *node, const char *name, const char *value)
{
	const char *have = xml_attr(node, name);

	return have && strcmp(have, value) == 0;
}

const char *xml_text(const struct xml_node *node, const char *path)
{
	const struct xml_node *at = xml_at(node, path);

	return at ? at->text : "";
}

size_t xml_count(const struct xml_node *node, const char *name)
{
	size_t count = 0;

	for (node = xml_child(node, name); node; node = xml_next(node, name))
		count++;
	return count;
}
