/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What changed between two layers of one VM. The rows are compared, not the documents: they have no
 * runtime-only parts, and say the same for a default that is spelled out and one that is not. What
 * may still differ without meaning anything has a rule in the tables below.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "collect/domain.h"

enum rule {
	EXACT,
	KNOWN,	   /* no difference while one side is not known */
	FILLED_IN, /* nor while one side is '': libvirt chooses */
	PORT,	   /* nor while one side is chosen at start, or none */
	MACHINE,   /* "q35" is the newest "pc-q35-N" */
	CPU,	   /* host-model becomes a named model when the VM starts */
	FEATURES,  /* a running VM lists what its model has, too */
	LABEL,	   /* '' is dynamic */
	RUNTIME,   /* nor while one side is a name that is made at start */
	RAW,	   /* '' is raw */
};

struct column_rule {
	const char *column;
	enum rule rule;
	const char *kind; /* of vm only: what the column belongs to */
};

static const struct column_rule vm_rules[] = {
	{"vcpus", KNOWN, "cpu"},
	{"sockets", KNOWN, "cpu"},
	{"threads", EXACT, "cpu"},
	{"cpu_mode", CPU, "cpu"},
	{"cpu_model", CPU, "cpu"},
	{"cpu_features_required", FEATURES, "cpu"},
	{"cpu_features_disabled", FEATURES, "cpu"},
	{"cpu_shares", KNOWN, "cpu"},
	{"cpu_quota", KNOWN, "cpu"},
	{"cpu_pinned", KNOWN, "cpu"},
	{"cpu_set", KNOWN, "cpu"},
	{"emulator_pinned", EXACT, "cpu"},
	{"pmu", EXACT, "cpu"},
	{"ht_sharing", EXACT, "cpu"},
	{"memory_bytes", KNOWN, "memory"},
	{"page_sharing", EXACT, "memory"},
	{"memory_locked", EXACT, "memory"},
	{"memory_access", EXACT, "memory"},
	{"hugepages", EXACT, "memory"},
	{"mem_hard_limit_bytes", KNOWN, "memory"},
	{"mem_soft_limit_bytes", KNOWN, "memory"},
	{"mem_min_guarantee_bytes", KNOWN, "memory"},
	{"balloon", EXACT, "memory"},
	{"balloon_autodeflate", EXACT, "memory"},
	{"free_page_reporting", EXACT, "memory"},
	{"dump_core", EXACT, "memory"},
	{"firmware", EXACT, "firmware"},
	{"secure_boot", KNOWN, "firmware"},
	{"smm", EXACT, "firmware"},
	{"nvram", FILLED_IN, "firmware"},
	{"nvram_template", FILLED_IN, "firmware"},
	{"kernel", EXACT, "firmware"},
	{"boot_devices", EXACT, "firmware"},
	{"boot_menu", EXACT, "firmware"},
	{"tpm", KNOWN, "firmware"},
	{"tpm_backend", EXACT, "firmware"},
	{"tpm_encrypted", EXACT, "firmware"},
	{"launch_security", EXACT, "firmware"},
	{"launch_policy", KNOWN, "firmware"},
	{"launch_kernel_hashes", EXACT, "firmware"},
	{"seclabel_type", LABEL, "label"},
	{"seclabel_relabel", EXACT, "label"},
	{"label_overrides", EXACT, "label"},
	{"uuid", FILLED_IN, "other"},
	{"virt_type", EXACT, "other"},
	{"arch", FILLED_IN, "other"},
	{"machine", MACHINE, "other"},
	{"emulator", FILLED_IN, "other"},
	{"title", EXACT, "other"},
	{"description", EXACT, "other"},
	{"owner", EXACT, "other"},
	{"class", EXACT, "other"},
	{"zone", EXACT, "other"},
	{"on_crash", EXACT, "other"},
	{"clock_offset", EXACT, "other"},
	{"smbios_mode", EXACT, "other"},
	{"fw_cfg_count", EXACT, "other"},
	{"custom_args_count", EXACT, "other"},
	{"custom_caps_count", EXACT, "other"},
};

static const struct column_rule nic_rules[] = {
	{"mac", FILLED_IN, ""},	   {"model", FILLED_IN, ""},   {"kind", EXACT, ""},
	{"network", EXACT, ""},	   {"target", RUNTIME, ""},    {"filter", EXACT, ""},
	{"filter_ip", EXACT, ""},  {"promiscuous", KNOWN, ""}, {"isolated", EXACT, ""},
	{"vlan_trunk", EXACT, ""}, {"vlan_ids", EXACT, ""},    {"link_up", EXACT, ""},
	{"limit_in", KNOWN, ""},   {"limit_out", KNOWN, ""},   {"script", EXACT, ""},
	{"socket", EXACT, ""},
};

static const struct column_rule disk_rules[] = {
	{"device", EXACT, ""},	 {"bus", EXACT, ""},	   {"kind", EXACT, ""},
	{"path", EXACT, ""},	 {"pool", EXACT, ""},	   {"format", RAW, ""},
	{"readonly", EXACT, ""}, {"shareable", EXACT, ""}, {"transient", EXACT, ""},
	{"cache", EXACT, ""},	 {"discard", EXACT, ""},   {"error_policy", EXACT, ""},
	{"rawio", EXACT, ""},	 {"sgio", EXACT, ""},	   {"reservations", EXACT, ""},
	{"auth", EXACT, ""},	 {"tls", EXACT, ""},	   {"limited", EXACT, ""},
};

static const struct column_rule device_rules[] = {
	{"kind", EXACT, ""},	{"model", FILLED_IN, ""}, {"backend", FILLED_IN, ""},
	{"path", RUNTIME, ""},	{"readonly", EXACT, ""},  {"access_mode", EXACT, ""},
	{"hotplug", EXACT, ""}, {"accel3d", EXACT, ""},	  {"log_path", EXACT, ""},
};

static const struct column_rule console_rules[] = {
	{"kind", EXACT, ""},
	{"port", PORT, ""},
	{"tls_port", PORT, ""},
	{"password_stored", KNOWN, ""},
	{"password_expires", KNOWN, ""},
	{"share_policy", FILLED_IN, ""},
	{"clipboard", EXACT, ""},
	{"file_transfer", EXACT, ""},
	{"default_mode", FILLED_IN, ""},
	{"insecure_channels", EXACT, ""},
	{"gl", EXACT, ""},
};

static const struct column_rule channel_rules[] = {
	{"kind", EXACT, ""}, {"name", EXACT, ""}, {"path", RUNTIME, ""}, {"clipboard", EXACT, ""}};

struct diff {
	const struct domain_facts *a, *b;
	struct fact_sink *out;
	bool has_approved; /* one side was written by hand, without the defaults libvirt adds */
	size_t count;
};

static void put(struct diff *d, const char *kind, const char *item, const char *change,
		const char *value_a, const char *value_b)
{
	d->count++;
	fact_put_vm_difference(d->out, &(struct fact_vm_difference){.vm = d->a->src->vm,
								    .a = d->a->src->layer,
								    .b = d->b->src->layer,
								    .kind = kind,
								    .item = item,
								    .change = change,
								    .value_a = value_a,
								    .value_b = value_b,
								    .source = d->a->vm.source});
}

static const struct fact_column *column_of(enum fact_table_id table, const char *name)
{
	const struct fact_table *t = &fact_tables[table];

	for (size_t i = 0; i < t->columns_count; i++) {
		if (strcmp(t->columns[i].name, name) == 0)
			return &t->columns[i];
	}
	return NULL;
}

/* A column as text; NULL when not known. number has room for the digits. */
static const char *value_of(const struct fact_column *c, const void *row, char number[32])
{
	const char *at = (const char *)row + c->offset;

	if (c->is_text)
		return *(const char *const *)at;
	const struct fact_int *n = (const struct fact_int *)at;

	if (!n->known)
		return NULL;
	(void)rf_format(number, 32, "%lld", (long long)n->v);
	return number;
}

/* Names that libvirt makes up when a VM starts. */
static bool made_at_start(const char *text)
{
	static const char *const prefixes[] = {"vnet",
					       "macvtap",
					       "/dev/pts/",
					       "/var/lib/libvirt/qemu/channel/",
					       "/run/libvirt/qemu/",
					       "/var/run/libvirt/qemu/",
					       "/var/lib/libvirt/qemu/domain-"};

	if (!*text)
		return true;
	for (size_t i = 0; i < RF_COUNT(prefixes); i++) {
		if (rf_starts(text, prefixes[i]))
			return true;
	}
	return false;
}

static bool same_machine(const char *a, const char *b)
{
	static const char *const aliases[][2] = {{"q35", "pc-q35-"},
						 {"pc", "pc-i440fx-"},
						 {"virt", "virt-"},
						 {"pseries", "pseries-"},
						 {"s390-ccw-virtio", "s390-ccw-virtio-"}};

	for (size_t i = 0; i < RF_COUNT(aliases); i++) {
		if ((strcmp(a, aliases[i][0]) == 0 && rf_starts(b, aliases[i][1])) ||
		    (strcmp(b, aliases[i][0]) == 0 && rf_starts(a, aliases[i][1])))
			return true;
	}
	return !*a || !*b;
}

/* One side may be what a running VM's model was expanded to. */
static bool cpu_expanded(const struct diff *d)
{
	const struct domain_facts *sides[] = {d->a, d->b};

	for (size_t i = 0; i < RF_COUNT(sides); i++) {
		const struct domain_facts *other = sides[!i];

		if (strcmp(sides[i]->src->layer, "live") != 0 ||
		    strcmp(sides[i]->vm.cpu_mode, "custom") != 0)
			continue;
		/* Without <cpu> libvirt picks QEMU's default model and writes it out. */
		if (strcmp(other->vm.cpu_mode, "host-model") == 0 || !*other->vm.cpu_mode)
			return true;
	}
	/* The default model is written into the persistent definition, too. */
	return d->has_approved && (!*d->a->vm.cpu_mode || !*d->b->vm.cpu_mode);
}

static bool list_has(const char *list, const char *item, size_t len)
{
	for (const char *p = list; *p; p += strcspn(p, ","), p += *p == ',') {
		if (strncmp(p, item, len) == 0 && (p[len] == ',' || !p[len]))
			return true;
	}
	return false;
}

static bool holds_all(const char *list, const char *wanted)
{
	for (const char *p = wanted; *p; p += strcspn(p, ","), p += *p == ',') {
		if (!list_has(list, p, strcspn(p, ",")))
			return false;
	}
	return true;
}

/* What a definition asks for must be there; a running VM may list more. */
static bool same_features(const struct diff *d, const char *a, const char *b)
{
	if (cpu_expanded(d))
		return true;
	bool a_in_b = holds_all(b, a), b_in_a = holds_all(a, b);

	if (strcmp(d->a->src->layer, "live") == 0)
		return b_in_a;
	if (strcmp(d->b->src->layer, "live") == 0)
		return a_in_b;
	return a_in_b && b_in_a;
}

static bool is_one_of(const char *text, const char *x, const char *y)
{
	return strcmp(text, x) == 0 || strcmp(text, y) == 0;
}

static bool same_value(const struct diff *d, enum rule rule, const char *a, const char *b)
{
	if (!a || !b)
		return rule == KNOWN || a == b || rule == FILLED_IN;
	if (strcmp(a, b) == 0)
		return true;
	switch (rule) {
	case EXACT:
	case KNOWN:
		return false;
	case FILLED_IN:
		return !*a || !*b;
	case PORT:
		return is_one_of(a, "-1", "0") || is_one_of(b, "-1", "0");
	case MACHINE:
		return same_machine(a, b);
	case CPU:
		return cpu_expanded(d);
	case FEATURES:
		return same_features(d, a, b);
	case LABEL:
		return is_one_of(a, "", "dynamic") && is_one_of(b, "", "dynamic");
	case RUNTIME:
		return made_at_start(a) && made_at_start(b);
	case RAW:
		return is_one_of(a, "", "raw") && is_one_of(b, "", "raw");
	}
	return false;
}

static void differ_vm(struct diff *d)
{
	char na[32], nb[32];

	for (size_t i = 0; i < RF_COUNT(vm_rules); i++) {
		const struct column_rule *r = &vm_rules[i];
		const struct fact_column *c = column_of(FACT_T_VM, r->column);
		const char *a = c ? value_of(c, &d->a->vm, na) : NULL;
		const char *b = c ? value_of(c, &d->b->vm, nb) : NULL;

		if (!same_value(d, r->rule, a, b))
			put(d, r->kind, r->column, "changed", a ? a : "", b ? b : "");
	}
}

/* One kind of part: its rows on both sides, and how two of them belong together. */
struct part {
	const char *kind;
	enum fact_table_id table;
	const struct column_rule *rules;
	size_t rules_count;
	size_t row_size, item_offset;
	const void *rows[2];
	size_t count[2];
	bool (*matches)(const void *a, const void *b);
	bool (*implied)(const struct diff *d, const struct part *p, const void *row, int side);
	const char *(*summary)(const void *row);
};

static const void *row_at(const struct part *p, int side, size_t i)
{
	return (const char *)p->rows[side] + i * p->row_size;
}

static const char *item_of(const struct part *p, const void *row)
{
	return *(const char *const *)((const char *)row + p->item_offset);
}

/* One row for each item: the columns that changed, as "column=value" joined by blanks. */
static void differ_rows(struct diff *d, const struct part *p, const void *a, const void *b)
{
	RF_AUTOBUF struct rf_buf left = {0}, right = {0};
	char na[32], nb[32];

	for (size_t i = 0; i < p->rules_count; i++) {
		const struct fact_column *c = column_of(p->table, p->rules[i].column);
		const char *va = c ? value_of(c, a, na) : NULL, *vb = c ? value_of(c, b, nb) : NULL;

		if (same_value(d, p->rules[i].rule, va, vb))
			continue;
		rf_buf_printf(&left, "%s%s=%s", left.len ? " " : "", c->name, va ? va : "");
		rf_buf_printf(&right, "%s%s=%s", right.len ? " " : "", c->name, vb ? vb : "");
	}
	if (left.len > 0)
		put(d, p->kind, item_of(p, a), "changed", rf_buf_text(&left), rf_buf_text(&right));
}

/* A part without a counterpart: net0 may be gone and another net0 be new, so the item names both
 * the place and what was in it. */
static void put_lone(struct diff *d, const struct part *p, const void *row, const char *change)
{
	const char *summary = p->summary(row);
	bool added = strcmp(change, "added") == 0;
	RF_AUTOFREE char *item = rf_asprintf("%s %s", item_of(p, row), summary);

	put(d, p->kind, item ? item : item_of(p, row), change, added ? "" : summary,
	    added ? summary : "");
}

static void differ_part(struct diff *d, const struct part *p)
{
	bool *used = rf_alloc(p->count[1] + 1, sizeof(*used));

	if (!used)
		return;
	for (size_t i = 0; i < p->count[0]; i++) {
		const void *a = row_at(p, 0, i);
		size_t k = 0;

		while (k < p->count[1] && (used[k] || !p->matches(a, row_at(p, 1, k))))
			k++;
		if (k < p->count[1]) {
			used[k] = true;
			differ_rows(d, p, a, row_at(p, 1, k));
		} else if (!p->implied || !p->implied(d, p, a, 1)) {
			put_lone(d, p, a, "removed");
		}
	}
	for (size_t k = 0; k < p->count[1]; k++) {
		const void *b = row_at(p, 1, k);

		if (!used[k] && (!p->implied || !p->implied(d, p, b, 0)))
			put_lone(d, p, b, "added");
	}
	rf_free(used);
}

static bool nic_matches(const void *a, const void *b)
{
	const struct fact_vm_nic *x = a, *y = b;

	if (*x->mac && *y->mac)
		return strcmp(x->mac, y->mac) == 0;
	return strcmp(x->nic, y->nic) == 0;
}

static const char *nic_summary(const void *row)
{
	const struct fact_vm_nic *n = row;

	if (*n->mac)
		return n->mac;
	return *n->network ? n->network : n->kind;
}

static bool disk_matches(const void *a, const void *b)
{
	return strcmp(((const struct fact_vm_disk *)a)->disk,
		      ((const struct fact_vm_disk *)b)->disk) == 0;
}

static const char *disk_summary(const void *row)
{
	const struct fact_vm_disk *disk = row;

	return *disk->path ? disk->path : disk->device;
}

/* Devices of the host are told apart by what they are, others by their place. */
static bool device_matches(const void *a, const void *b)
{
	const struct fact_vm_device *x = a, *y = b;

	if (strcmp(x->kind, y->kind) != 0)
		return false;
	if (strcmp(x->kind, "hostdev") == 0 || strcmp(x->kind, "filesystem") == 0 ||
	    strcmp(x->kind, "shmem") == 0)
		return strcmp(x->path, y->path) == 0;
	if (strcmp(x->kind, "input") == 0)
		return strcmp(x->model, y->model) == 0;
	return strcmp(x->device, y->device) == 0;
}

static const char *device_summary(const void *row)
{
	const struct fact_vm_device *d = row;

	if (*d->path)
		return d->path;
	return *d->model ? d->model : d->kind;
}

/* Devices that libvirt adds to a definition that has none of their kind; only a definition that
 * was written by hand can lack them. */
static bool device_implied(const struct diff *d, const struct part *p, const void *row, int other)
{
	static const struct {
		const char *kind, *model, *backend; /* NULL: any */
	} implied[] = {{"usb_controller", NULL, NULL}, {"input", "mouse", NULL},
		       {"input", "keyboard", NULL},    {"audio", NULL, "none"},
		       {"audio", NULL, "spice"},       {"video", NULL, NULL},
		       {"console", NULL, "pty"},       {"serial", NULL, "pty"},
		       {"watchdog", "itco", NULL},     {"panic", "pseries", NULL},
		       {"panic", "s390", NULL}};
	const struct fact_vm_device *device = row;

	if (!d->has_approved)
		return false;
	if (strcmp(device->kind, "pci_root_port") == 0)
		return true;
	for (size_t i = 0; i < p->count[other]; i++) {
		const struct fact_vm_device *o = row_at(p, other, i);

		if (strcmp(o->kind, device->kind) == 0 && strcmp(o->model, device->model) == 0)
			return false;
	}
	for (size_t i = 0; i < RF_COUNT(implied); i++) {
		if (strcmp(implied[i].kind, device->kind) == 0 &&
		    (!implied[i].model || strcmp(implied[i].model, device->model) == 0) &&
		    (!implied[i].backend || strcmp(implied[i].backend, device->backend) == 0))
			return true;
	}
	return false;
}

static bool console_matches(const void *a, const void *b)
{
	return strcmp(((const struct fact_vm_console *)a)->console,
		      ((const struct fact_vm_console *)b)->console) == 0;
}

static const char *console_summary(const void *row)
{
	return ((const struct fact_vm_console *)row)->listen_kind;
}

static bool channel_matches(const void *a, const void *b)
{
	const struct fact_vm_channel *x = a, *y = b;

	return strcmp(x->name, y->name) == 0 && strcmp(x->kind, y->kind) == 0;
}

static const char *channel_summary(const void *row)
{
	const struct fact_vm_channel *c = row;

	return *c->name ? c->name : c->kind;
}

/* Where qemu.conf decides, a running VM has the address that it decided. */
static void differ_listen(struct diff *d)
{
	for (size_t i = 0; i < d->a->consoles.count; i++) {
		const struct fact_vm_console *a = &d->a->consoles.rows[i];

		for (size_t k = 0; k < d->b->consoles.count; k++) {
			const struct fact_vm_console *b = &d->b->consoles.rows[k];
			RF_AUTOFREE char *item = rf_asprintf("%s/listen", a->console);

			if (!console_matches(a, b) || strcmp(a->listen, b->listen) == 0 ||
			    strcmp(a->listen_kind, "default") == 0 ||
			    strcmp(b->listen_kind, "default") == 0 ||
			    (made_at_start(a->listen) && made_at_start(b->listen)))
				continue;
			put(d, "console", item ? item : a->console, "changed", a->listen,
			    b->listen);
		}
	}
}

/* Parts that libvirt writes on its own, at start or into each definition. */
static bool option_is_filled_in(const struct diff *d, const char *key)
{
	static const char *const always[] = {"backing/",
					     "resolved/",
					     "graphics/",
					     "resource",
					     "os/loader",
					     "features/smm",
					     "clock/@adjustment",
					     "clock/@basis",
					     "numatune/memory/@placement",
					     "genid"};
	static const char *const by_hand[] = {
		"features/acpi", "features/apic", "features/pae", "features/vmport", "features/gic",
		"clock/@offset", "clock/timer",	  "pm/",	  "os/bios",	     "iothreads"};

	for (size_t i = 0; i < RF_COUNT(always); i++) {
		if (rf_starts(key, always[i]))
			return true;
	}
	for (size_t i = 0; d->has_approved && i < RF_COUNT(by_hand); i++) {
		if (rf_starts(key, by_hand[i]))
			return true;
	}
	return false;
}

/* Written by images.c, and not of the definition. */
static bool option_is_looked_up(const char *key)
{
	return rf_starts(key, "backing/") || rf_starts(key, "resolved/");
}

static const char *option_value(const struct domain_facts *f, const char *key)
{
	for (size_t i = 0; i < f->options.count; i++) {
		if (strcmp(f->options.rows[i].key, key) == 0)
			return f->options.rows[i].value;
	}
	return NULL;
}

static void differ_options(struct diff *d)
{
	for (size_t i = 0; i < d->a->options.count; i++) {
		const char *key = d->a->options.rows[i].key, *a = d->a->options.rows[i].value;
		const char *b = option_value(d->b, key);

		if (b && strcmp(a, b) != 0 && !option_is_looked_up(key))
			put(d, "options", key, "changed", a, b);
		if (!b && !option_is_filled_in(d, key))
			put(d, "options", key, "removed", a, "");
	}
	for (size_t i = 0; i < d->b->options.count; i++) {
		const char *key = d->b->options.rows[i].key;

		if (!option_value(d->a, key) && !option_is_filled_in(d, key))
			put(d, "options", key, "added", "", d->b->options.rows[i].value);
	}
}

#define PART(what, TABLE, list, id, type)                                                          \
	.kind = #what, .table = TABLE, .rules = what##_rules,                                      \
	.rules_count = RF_COUNT(what##_rules), .row_size = sizeof(struct type),                    \
	.item_offset = offsetof(struct type, id), .rows = {a->list.rows, b->list.rows},            \
	.count = {a->list.count, b->list.count}, .matches = what##_matches,                        \
	.summary = what##_summary

size_t domain_differ(const struct domain_facts *a, const struct domain_facts *b,
		     struct fact_sink *out)
{
	struct diff d = {.a = a, .b = b, .out = out};
	const struct part parts[] = {
		{PART(nic, FACT_T_VM_NIC, nics, nic, fact_vm_nic)},
		{PART(disk, FACT_T_VM_DISK, disks, disk, fact_vm_disk)},
		{PART(device, FACT_T_VM_DEVICE, devices, device, fact_vm_device),
		 .implied = device_implied},
		{PART(console, FACT_T_VM_CONSOLE, consoles, console, fact_vm_console)},
		{PART(channel, FACT_T_VM_CHANNEL, channels, channel, fact_vm_channel)},
	};

	d.has_approved =
		strcmp(a->src->layer, "approved") == 0 || strcmp(b->src->layer, "approved") == 0;
	differ_vm(&d);
	for (size_t i = 0; i < RF_COUNT(parts); i++)
		differ_part(&d, &parts[i]);
	differ_listen(&d);
	differ_options(&d);
	return d.count;
}
