/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of a definition that have no column, as key/value rows; and the digest of a definition
 * without what only a running VM has. Source: libvirt's formatdomain of 9.0.
 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "collect/domain.h"
#include "collect/util.h"

#define MAX_OPTIONS	 256u
#define MAX_OPTION_BYTES 4096u

/* Words in a value beside which a secret may stand. */
static bool may_hold_secret(const char *value)
{
	static const char *const words[] = {"password", "passwd", "secret",
					    "keyid",	"data=",  "token"};
	char lower[MAX_OPTION_BYTES + 1];

	rf_copy(lower, sizeof(lower), value);
	rf_lower(lower);
	for (size_t i = 0; i < RF_COUNT(words); i++) {
		if (strstr(lower, words[i]))
			return true;
	}
	return false;
}

static void add_option(struct domain_facts *f, const struct xml_node *at, const char *key,
		       const char *value)
{
	if (f->options.count >= MAX_OPTIONS)
		return;
	char *lower = rf_arena_copy(&f->arena, key);

	if (!lower) {
		f->failed = true;
		return;
	}
	rf_lower(lower);
	if (may_hold_secret(value))
		value = "(secret)";
	else if (strlen(value) > MAX_OPTION_BYTES)
		value = domain_text(f, "%.*s", (int)MAX_OPTION_BYTES, value);
	domain_add_option(f, at, lower, value);
}

/* Path of child below prefix; a name that came before among its siblings gets a number. */
static const char *child_key(struct domain_facts *f, const char *prefix,
			     const struct xml_node *child)
{
	unsigned int n = 1;

	for (const struct xml_node *s = child->parent->child; s != child; s = s->next)
		n += strcmp(s->name, child->name) == 0;
	return n == 1 ? domain_text(f, "%s/%s", prefix, child->name)
		      : domain_text(f, "%s/%s[%u]", prefix, child->name, n);
}

/* Depth is bounded by the loader (RF_MAX_XML_DEPTH), the number of rows by MAX_OPTIONS. */
static void flatten(struct domain_facts *f, const char *key, const struct xml_node *node)
{
	if (f->failed || f->options.count >= MAX_OPTIONS)
		return;
	if (*node->text || (!node->child && node->attrs_count == 0))
		add_option(f, node, key, node->text);
	for (size_t i = 0; i < node->attrs_count; i++)
		add_option(f, node, domain_text(f, "%s/@%s", key, node->attrs[i].name),
			   node->attrs[i].value);
	for (const struct xml_node *n = node->child; n; n = n->next)
		flatten(f, child_key(f, key, n), n);
}

void domain_read_options(struct domain_facts *f)
{
	static const char *const parts[] = {"features",	      "clock",		"pm",
					    "perf",	      "keywrap",	"blkiotune",
					    "numatune",	      "resource",	"iothreads",
					    "sysinfo",	      "genid",		"idmap",
					    "throttlegroups", "os/bios",	"os/cmdline",
					    "os/initrd",      "os/dtb",		"os/init",
					    "os/loader",      "os/acpi",	"cpu/numa",
					    "cpu/cache",      "cpu/maxphysaddr"};

	for (size_t i = 0; i < RF_COUNT(parts); i++) {
		const struct xml_node *n = xml_at(f->xml, parts[i]);

		if (n)
			flatten(f, parts[i], n);
	}
	for (const struct xml_node *n = f->xml->child; n; n = n->next) {
		if (n->ns && strcmp(n->ns, DOMAIN_NS_QEMU) == 0)
			flatten(f, domain_text(f, "qemu:%s", n->name), n);
	}
}

static bool is_device(const struct xml_node *node)
{
	return node->parent && xml_is(node->parent, "devices");
}

/* What libvirt writes only while the VM runs, or invents anew at each start. */
static bool runtime_element(const struct xml_node *n)
{
	static const char *const always[] = {"currentMemory", "backingStore", "mirror",
					     "privateData",   "imagelabel",   "actual"};

	if (n->ns || !n->parent)
		return false;
	for (size_t i = 0; i < RF_COUNT(always); i++) {
		if (strcmp(n->name, always[i]) == 0)
			return true;
	}
	if (xml_is(n, "alias"))
		return !rf_starts(xml_attr_text(n, "name"), "ua-");
	if (xml_is(n, "address"))
		return is_device(n->parent);
	if (xml_is(n, "seclabel"))
		return xml_is(n->parent, "domain") && !xml_attr_is(n, "type", "static") &&
		       !xml_attr_is(n, "type", "none") && !xml_child(n, "baselabel");
	if (xml_is(n, "source"))
		return is_device(n->parent) && xml_attr_is(n->parent, "type", "pty");
	if (xml_is(n, "partition"))
		return strcmp(n->text, "/machine") == 0;
	return false;
}

static bool runtime_attr(const struct xml_node *n, const char *attr)
{
	if (strcmp(attr, "id") == 0)
		return xml_is(n, "domain");
	if (strcmp(attr, "current") == 0)
		return xml_is(n, "vcpu");
	if (strcmp(attr, "index") == 0 || strcmp(attr, "portid") == 0)
		return xml_is(n, "source");
	if (strcmp(attr, "tty") == 0)
		return true;
	if (strcmp(attr, "state") == 0)
		return xml_is(n, "target");
	if (strcmp(attr, "port") == 0 || strcmp(attr, "tlsPort") == 0)
		return xml_is(n, "graphics") && xml_attr_is(n, "autoport", "yes");
	if (strcmp(attr, "dev") == 0 && xml_is(n, "target") && xml_is(n->parent, "interface"))
		return rf_starts(xml_attr_text(n, "dev"), "vnet") ||
		       rf_starts(xml_attr_text(n, "dev"), "macvtap");
	return false;
}

/* "3:abc". Without printf, since a site's definitions have a million of these. */
static void add_counted(struct rf_buf *out, const char *text)
{
	size_t len = strlen(text), rest = len;
	char digits[24];
	size_t at = sizeof(digits);

	digits[--at] = ':';
	do {
		digits[--at] = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest);
	rf_buf_add(out, digits + at, sizeof(digits) - at);
	rf_buf_add(out, text, len);
}

/* Attributes in order of their names: their order in a document means nothing. */
static void canon_attrs(struct rf_buf *out, const struct xml_node *n)
{
	const char *last = "";

	for (size_t done = 0; done < n->attrs_count; done++) {
		const struct xml_attr *next = NULL;

		for (size_t i = 0; i < n->attrs_count; i++) {
			if (strcmp(n->attrs[i].name, last) > 0 &&
			    (!next || strcmp(n->attrs[i].name, next->name) < 0))
				next = &n->attrs[i];
		}
		if (!next)
			return;
		last = next->name;
		if (runtime_attr(n, last))
			continue;
		rf_buf_add_byte(out, ' ');
		rf_buf_add_text(out, last);
		rf_buf_add_byte(out, '=');
		add_counted(out, next->value);
	}
}

/* One unambiguous text for a tree; depth is bounded by the loader. */
static void canon(struct rf_buf *out, const struct xml_node *n)
{
	if (runtime_element(n) || out->failed)
		return;
	rf_buf_add_byte(out, '<');
	rf_buf_add_text(out, n->name);
	canon_attrs(out, n);
	rf_buf_add_byte(out, '>');
	add_counted(out, n->text);
	for (const struct xml_node *c = n->child; c; c = c->next)
		canon(out, c);
	rf_buf_add_text(out, "/>");
}

int domain_digest(const struct xml_node *domain, char out[65])
{
	RF_AUTOBUF struct rf_buf text = {0};

	canon(&text, domain);
	return util_digest(&text, 32, out);
}
