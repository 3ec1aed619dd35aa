/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verbs of `fix:` that change the definition of a VM or network: libvirt's XML by an XPath, a
 * .vmx by a key. The finding's resource says which element it is about: net1 is the second
 * <interface>, vda the disk with that target.
 */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "change/remedy_parts.h"

/* The file a definition stands in: the VM's own path, or where the finding's fact was read. */
static const char *definition_path(struct remedy_call *c, const char *ending)
{
	const struct finding *f = c->finding;

	if (f->vm[0] == '/' && rf_ends(f->vm, ending))
		return f->vm;
	const char *colon = strrchr(f->source, ':');
	size_t len = colon && strspn(colon + 1, "0123456789") == strlen(colon + 1)
			     ? (size_t)(colon - f->source)
			     : strlen(f->source);
	const char *path = rf_arena_text(&c->out->texts, f->source, len);

	if (path && path[0] == '/' && rf_ends(path, ending))
		return path;
	c->reason =
		"its definition is held by libvirt, not in a file that was looked at: use virsh "
		"edit, or judge the file with --domain-xml";
	return NULL;
}

/* A definition counts from the next start of the VM on. */
static int xml_edit(struct remedy_call *c, const char *section, const char *op, const char *key,
		    const char *value)
{
	const char *path = definition_path(c, ".xml");

	if (!path)
		return RF_E_UNSUPPORTED;
	if (!key)
		return remedy_refuse(c, "the fix has no path");
	c->needs = NEEDS_VM_BOOT;
	c->secret |= strstr(key, "passwd") != NULL;
	const struct remedy_edit e = {
		.path = path,
		.style = "xml",
		.op = rf_equal(op, "delete") ? "remove" : "set",
		.section = section,
		.key = key,
		.value = value,
	};

	return remedy_edit(c, &e);
}

static int element_edit(struct remedy_call *c, const char *section)
{
	const char *op = remedy_arg(c, "op"), *key = remedy_arg(c, "path");
	const char *value = remedy_arg(c, "value");

	if (c->reason)
		return RF_E_UNSUPPORTED;
	return xml_edit(c, section, op, key, value);
}

int remedy_domain(struct remedy_call *c)
{
	return element_edit(c, NULL);
}

int remedy_network(struct remedy_call *c)
{
	return element_edit(c, NULL);
}

/* "net1" is devices/NAME[2]. */
static const char *by_number(struct remedy_call *c, const char *prefix, const char *name)
{
	const char *part = remedy_part(c);
	size_t len = strcspn(part, "0123456789");
	int64_t n;

	if (strlen(prefix) != len || strncmp(part, prefix, len) != 0 ||
	    rf_num(part + len, 10, 0, 100000, &n) < 0)
		return NULL;
	return rf_arena_printf(&c->out->texts, "devices/%s[%d]", name, (int)n + 1);
}

int remedy_nic(struct remedy_call *c)
{
	const char *section = by_number(c, "net", "interface"), *set = remedy_arg(c, "set");

	if (!section)
		return remedy_refuse(c, "the finding does not say which interface it is");
	if (!set)
		return element_edit(c, section);
	if (strcmp(set, "filter") != 0)
		return remedy_refuse(c, "the verb domain-nic can set a filter only");
	return xml_edit(c, section, "set", "filterref/@filter", remedy_arg(c, "value"));
}

int remedy_disk(struct remedy_call *c)
{
	const char *part = remedy_part(c);

	if (strpbrk(part, "'\"/"))
		return remedy_refuse(c, "the finding does not say which disk it is");
	const char *section =
		rf_arena_printf(&c->out->texts, "devices/disk[target/@dev='%s']", part);

	return section ? element_edit(c, section) : remedy_refuse(c, "no memory");
}

/* "spice0" is the first <graphics type='spice'>. */
int remedy_console(struct remedy_call *c)
{
	const char *part = remedy_part(c);
	size_t len = strcspn(part, "0123456789");
	int64_t n;

	if (rf_num(part + len, 10, 0, 100000, &n) < 0 || memchr(part, '\'', len))
		return remedy_refuse(c, "the finding does not say which console it is");
	const char *section = rf_arena_printf(&c->out->texts, "devices/graphics[@type='%.*s'][%d]",
					      (int)len, part, (int)n + 1);

	return section ? element_edit(c, section) : remedy_refuse(c, "no memory");
}

int remedy_device(struct remedy_call *c)
{
	static const struct {
		const char *prefix, *name;
	} rows[] = {
		{"fs", "filesystem"}, {"serial", "serial"},   {"hostdev", "hostdev"},
		{"video", "video"},   {"redir", "redirdev"},  {"shmem", "shmem"},
		{"sound", "sound"},   {"console", "console"}, {"parallel", "parallel"},
	};

	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		const char *section = by_number(c, rows[i].prefix, rows[i].name);

		if (section)
			return element_edit(c, section);
	}
	return remedy_refuse(c, "the finding does not say which device it is");
}

int remedy_vmx(struct remedy_call *c)
{
	const char *path = definition_path(c, ".vmx"), *key = remedy_arg(c, "key");
	const char *value = remedy_arg(c, "value");

	if (!path || c->reason)
		return remedy_refuse(c, "the finding does not say which file it is about");
	c->needs = NEEDS_VM_BOOT;
	const struct remedy_edit e = {
		.path = path,
		.style = "vmx",
		.op = value && value[0] ? "set" : "remove",
		.key = key,
		.value = value,
	};

	return remedy_edit(c, &e);
}
