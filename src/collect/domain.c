/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Domain XML to facts: the walk over the document, the identity of the VM, and the helpers that the
 * sections (domain_*.c) share. Source: libvirt's domaincommon.rng and domain_conf.c of 9.0.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "collect/domain.h"

/* A definition with more rows of one kind than this is not one that libvirt would start. */
#define MAX_ROWS	      4096u
#define MAX_DESCRIPTION_BYTES 1000u

const char *domain_text(struct domain_facts *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int len = vsnprintf(NULL, 0, fmt, ap);

	va_end(ap);
	char *out = len < 0 ? NULL : rf_arena_alloc(&f->arena, 1, (size_t)len + 1);

	if (!out) {
		f->failed = true;
		return "";
	}
	va_start(ap, fmt);
	vsnprintf(out, (size_t)len + 1, fmt, ap);
	va_end(ap);
	return out;
}

const char *domain_join(struct domain_facts *f, const char *list, const char *item)
{
	return *list ? domain_text(f, "%s,%s", list, item) : item;
}

void domain_gap(struct domain_facts *f, enum fact_table_id table, const char *item, const char *col,
		const char *fmt, ...)
{
	char reason[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(reason, sizeof(reason), fmt, ap);
	va_end(ap);
	RF_AUTOFREE char *key =
		rf_asprintf("%s/%s%s%s", f->src->vm, f->src->layer, *item ? "/" : "", item);

	fact_gap(f->out, table, key ? key : "", col, f->src->source, "%s", reason);
}

struct fact_int domain_number(struct domain_facts *f, const char *text, int64_t absent,
			      const char *col)
{
	int64_t v;

	if (!*text)
		return FACT_INT(absent);
	if (rf_num(text, 0, INT64_MIN, INT64_MAX, &v) == 0)
		return FACT_INT(v);
	domain_gap(f, FACT_T_VM, "", col, "'%.60s' is not a number; correct the definition", text);
	return (struct fact_int){0};
}

/* Scale of virScaleInteger: a bare suffix and its "iB" form are binary, the "B" form is decimal. */
static int unit_scale(const char *unit, int64_t *out)
{
	static const char letters[] = "KMGTPE";

	if (!*unit || rf_equal_nocase(unit, "b") || rf_equal_nocase(unit, "byte") ||
	    rf_equal_nocase(unit, "bytes")) {
		*out = 1;
		return 0;
	}
	char upper = (char)(*unit >= 'a' && *unit <= 'z' ? *unit - 'a' + 'A' : *unit);
	const char *at = strchr(letters, upper);

	if (!at)
		return RF_E_SYNTAX;
	int64_t base;

	if (!unit[1] || rf_equal_nocase(unit + 1, "iB"))
		base = 1024;
	else if (rf_equal_nocase(unit + 1, "B"))
		base = 1000;
	else
		return RF_E_SYNTAX;
	int64_t scale = base;

	for (const char *p = letters; p < at; p++)
		scale *= base;
	*out = scale;
	return 0;
}

int domain_size(const char *number, const char *unit, const char *default_unit, int64_t *out_bytes)
{
	int64_t v, scale = 1, bytes;
	int rc = rf_num(number, 10, 0, INT64_MAX, &v);

	if (rc == 0)
		rc = unit_scale(unit && *unit ? unit : default_unit, &scale);
	if (rc < 0)
		return rc;
	if (__builtin_mul_overflow(v, scale, &bytes))
		return RF_E_LIMIT;
	*out_bytes = bytes;
	return 0;
}

/* Position of an element among its siblings of that name, from 1, as XPath counts. */
static unsigned int position(const struct xml_node *at)
{
	unsigned int n = 1;

	for (const struct xml_node *s = at->parent ? at->parent->child : at; s && s != at;
	     s = s->next) {
		if (strcmp(s->name, at->name) == 0)
			n++;
	}
	return n;
}

/* A file's rows say file:line; a daemon's XML has no lines that anybody could open. */
static const char *source_of(struct domain_facts *f, const struct xml_node *at)
{
	if (*f->src->path)
		return domain_text(f, "%s:%u", f->src->path, at->line);
	if (at == f->xml)
		return domain_text(f, "%s", f->src->source);
	if (at->parent == f->xml)
		return domain_text(f, "%s /domain/%s", f->src->source, at->name);
	return domain_text(f, "%s /domain/%s/%s[%u]", f->src->source, at->parent->name, at->name,
			   position(at));
}

/* Makes room for one more row; false when there are too many or memory is short. */
static bool room(struct domain_facts *f, enum fact_table_id table, void **rows, size_t *capacity,
		 size_t count, size_t size)
{
	if (f->failed)
		return false;
	if (count >= MAX_ROWS) {
		if (!f->overfull)
			domain_gap(f, table, "", "",
				   "the definition has over %u of these; the "
				   "rest was not read",
				   MAX_ROWS);
		f->overfull = true;
		return false;
	}
	if (count < *capacity)
		return true;
	if (rf_grow(rows, capacity, count + 1, size) < 0) {
		f->failed = true;
		return false;
	}
	return true;
}

#define ADD_FUNCTION(what, name, field, TABLE)                                                     \
	struct fact_vm_##what *name(struct domain_facts *f, const struct xml_node *at)             \
	{                                                                                          \
		void *rows = f->field.rows;                                                        \
		bool ok = room(f, TABLE, &rows, &f->field.capacity, f->field.count,                \
			       sizeof(*f->field.rows));                                            \
                                                                                                   \
		f->field.rows = rows;                                                              \
		if (!ok)                                                                           \
			return NULL;                                                               \
		struct fact_vm_##what *row = &f->field.rows[f->field.count++];                     \
                                                                                                   \
		*row = (struct fact_vm_##what){                                                    \
			.vm = f->src->vm, .layer = f->src->layer, .source = source_of(f, at)};     \
		return row;                                                                        \
	}

ADD_FUNCTION(nic, domain_add_nic, nics, FACT_T_VM_NIC)
ADD_FUNCTION(disk, domain_add_disk, disks, FACT_T_VM_DISK)
ADD_FUNCTION(device, domain_add_device, devices, FACT_T_VM_DEVICE)
ADD_FUNCTION(console, domain_add_console, consoles, FACT_T_VM_CONSOLE)
ADD_FUNCTION(channel, domain_add_channel, channels, FACT_T_VM_CHANNEL)
static ADD_FUNCTION(option, add_option, options, FACT_T_VM_OPTION)

	void domain_add_option(struct domain_facts *f, const struct xml_node *at, const char *key,
			       const char *value)
{
	struct fact_vm_option *row = add_option(f, at);

	if (!row)
		return;
	row->key = key;
	row->value = value;
}

const struct xml_node *domain_find(const struct xml_node *root)
{
	if (xml_is(root, "domain"))
		return root;
	if (xml_is(root, "domstatus") || xml_is(root, "domainstatus") ||
	    xml_is(root, "domainsnapshot"))
		return xml_child(root, "domain");
	return NULL;
}

/* 8-4-4-4-12 lower-case digits from any spelling libvirt accepts; "" when it is none. */
static const char *normal_uuid(struct domain_facts *f, const char *text)
{
	char hex[33];
	size_t n = 0;

	for (; *text; text++) {
		if (*text == '-' || *text == ' ')
			continue;
		if (!strchr("0123456789abcdefABCDEF", *text) || n == 32)
			return "";
		hex[n++] = *text;
	}
	if (n != 32)
		return "";
	hex[32] = '\0';
	rf_lower(hex);
	return domain_text(f, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16,
			   hex + 20);
}

/* At most 1,000 bytes, cut between characters. */
static const char *short_text(struct domain_facts *f, const char *text)
{
	size_t len = strlen(text);

	if (len <= MAX_DESCRIPTION_BYTES)
		return text;
	len = MAX_DESCRIPTION_BYTES;
	while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
		len--;
	return domain_text(f, "%.*s", (int)len, text);
}

/* Text of a tag: its own, or that of its first child (<nova:owner><nova:user>name). */
static const char *tag_value(const struct xml_node *tag)
{
	if (*tag->text)
		return tag->text;
	return tag->child ? tag->child->text : "";
}

static void read_tag(struct domain_facts *f, const struct xml_node *tag)
{
	struct fact_vm *vm = &f->vm;
	const struct {
		const char *name;
		const char **field;
		bool any_namespace; /* words that other products use in the same sense */
	} tags[] = {{"owner", &vm->owner, true},
		    {"class", &vm->class, true},
		    {"zone", &vm->zone, true},
		    {"htsharing", &vm->ht_sharing, false}};
	bool ours = strcmp(tag->ns, DOMAIN_NS_TAGS) == 0;

	for (size_t i = 0; i < RF_COUNT(tags); i++) {
		if (**tags[i].field)
			continue;
		if (strcmp(tag->name, tags[i].name) == 0 && (ours || tags[i].any_namespace))
			*tags[i].field = tag_value(tag);
		else if (ours && xml_attr(tag, tags[i].name))
			*tags[i].field = xml_attr(tag, tags[i].name);
	}
}

/* Elements below <metadata>, two levels deep: <rf:tags><rf:zone>dmz</rf:zone></rf:tags>. */
static void read_metadata(struct domain_facts *f)
{
	const struct xml_node *metadata = xml_child(f->xml, "metadata");

	for (const struct xml_node *n = xml_child(metadata, NULL); n; n = n->next) {
		if (!n->ns)
			continue;
		if (strcmp(n->ns, DOMAIN_NS_TRUST) == 0 && strcmp(n->name, "trusted") == 0)
			f->vm.trusted_only = FACT_INT(1);
		read_tag(f, n);
		for (const struct xml_node *m = n->child; m; m = m->next) {
			if (m->ns)
				read_tag(f, m);
			if (strcmp(m->name, "os") == 0 && strstr(n->ns, "libosinfo"))
				f->vm.guest_os = xml_attr_text(m, "id");
		}
	}
}

static void read_identity(struct domain_facts *f)
{
	const struct domain_source *src = f->src;
	const struct xml_node *type = xml_at(f->xml, "os/type");
	struct fact_vm *vm = &f->vm;

	*vm = (struct fact_vm){.vm = src->vm,
			       .layer = src->layer,
			       .format = "libvirt",
			       .path = src->path,
			       .state = src->state,
			       .autostart = src->autostart,
			       .managed_save = src->managed_save,
			       .snapshots_count = src->snapshots_count,
			       .snapshot_oldest_ms = src->snapshot_oldest_ms,
			       .taints = src->taints,
			       .owner = "",
			       .class = "",
			       .zone = "",
			       .trusted_only = FACT_INT(0),
			       .ht_sharing = "",
			       .guest_os = ""};
	vm->source = source_of(f, f->xml);
	vm->name = xml_text(f->xml, "name");
	vm->uuid = normal_uuid(f, xml_text(f->xml, "uuid"));
	vm->virt_type = xml_attr_text(f->xml, "type");
	vm->arch = xml_attr_text(type, "arch");
	vm->machine = xml_attr_text(type, "machine");
	vm->emulator = xml_text(f->xml, "devices/emulator");
	vm->title = xml_text(f->xml, "title");
	vm->description = short_text(f, xml_text(f->xml, "description"));
	vm->on_crash = xml_text(f->xml, "on_crash");
	if (!*vm->on_crash)
		vm->on_crash = "destroy";
	vm->clock_offset = xml_attr_text(xml_child(f->xml, "clock"), "offset");
	if (!*vm->clock_offset)
		vm->clock_offset = "utc";
	read_metadata(f);
}

static void read_devices(struct domain_facts *f)
{
	static const struct {
		const char *name;
		void (*read)(struct domain_facts *f, const struct xml_node *at);
	} readers[] = {{"interface", domain_read_nic},
		       {"disk", domain_read_disk},
		       {"graphics", domain_read_console},
		       {"channel", domain_read_channel}};

	f->vm.vsock = FACT_INT(0);
	f->vm.shmem_count = FACT_INT(0);
	f->vm.rng_unbounded = FACT_INT(0);
	for (const struct xml_node *n = xml_child(xml_child(f->xml, "devices"), NULL); n;
	     n = n->next) {
		size_t i = 0;

		if (n->ns)
			continue;
		while (i < RF_COUNT(readers) && strcmp(n->name, readers[i].name) != 0)
			i++;
		if (i < RF_COUNT(readers))
			readers[i].read(f, n);
		else
			domain_read_device(f, n);
	}
}

int domain_read(const struct xml_node *xml, const struct domain_source *src, struct fact_sink *out,
		struct domain_facts *facts, struct rf_err *err)
{
	char digest[65];

	*facts = (struct domain_facts){.out = out, .src = src, .xml = xml};
	if (!xml_is(xml, "domain"))
		return rf_fail(err, RF_E_SYNTAX, "%s: it is no domain", src->source);
	read_identity(facts);
	domain_read_cpu(facts);
	domain_read_memory(facts);
	domain_read_boot(facts);
	domain_read_labels(facts);
	read_devices(facts);
	domain_read_options(facts);
	int rc = domain_digest(xml, digest);

	if (rc == 0)
		facts->vm.digest = domain_text(facts, "%s", digest);
	if (rc == -ENOMEM || facts->failed || facts->arena.failed) {
		domain_done(facts);
		return rf_fail(err, -ENOMEM, "%s: no memory", src->source);
	}
	return 0;
}

void domain_put(const struct domain_facts *facts, struct fact_sink *out)
{
	fact_put_vm(out, &facts->vm);
	for (size_t i = 0; i < facts->nics.count; i++)
		fact_put_vm_nic(out, &facts->nics.rows[i]);
	for (size_t i = 0; i < facts->disks.count; i++)
		fact_put_vm_disk(out, &facts->disks.rows[i]);
	for (size_t i = 0; i < facts->devices.count; i++)
		fact_put_vm_device(out, &facts->devices.rows[i]);
	for (size_t i = 0; i < facts->consoles.count; i++)
		fact_put_vm_console(out, &facts->consoles.rows[i]);
	for (size_t i = 0; i < facts->channels.count; i++)
		fact_put_vm_channel(out, &facts->channels.rows[i]);
	for (size_t i = 0; i < facts->options.count; i++)
		fact_put_vm_option(out, &facts->options.rows[i]);
}

void domain_done(struct domain_facts *facts)
{
	rf_arena_done(&facts->arena);
	rf_free(facts->nics.rows);
	rf_free(facts->disks.rows);
	rf_free(facts->devices.rows);
	rf_free(facts->consoles.rows);
	rf_free(facts->channels.rows);
	rf_free(facts->options.rows);
	*facts = (struct domain_facts){0};
}
