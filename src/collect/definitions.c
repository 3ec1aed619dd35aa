/* SPDX-License-Identifier: Apache-2.0 */
/* Layers of VMs and approved definitions; see definitions.h. */
#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/definitions.h"

struct approved {
	char *path;
	bool used;
};

int definitions_load(struct sys *sys, const char *path, struct xml_doc *doc, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf text = {0};
	int rc = sys_read(sys, path, RF_MAX_XML_BYTES, &text, err);

	return rc < 0 ? rc : xml_parse(rf_buf_slice(&text), path, doc, err);
}

static void vm_gap(struct definitions *d, const char *path, const struct rf_err *err)
{
	RF_AUTOFREE char *key = rf_asprintf("%s/approved", path);

	fact_gap(d->out, FACT_T_VM, key ? key : path, "", path,
		 "the approved definition was not read: %s", rf_err_text(err));
}

static int add_approved(struct definitions *d, const char *dir, const char *name)
{
	RF_AUTOFREE char *path = rf_asprintf("%s/%s", dir, name);
	XML_AUTODOC struct xml_doc doc = {0};
	struct rf_err err = {0};

	if (!path)
		return -ENOMEM;
	int rc = definitions_load(d->sys, path, &doc, &err);
	const char *vm = xml_text(domain_find(doc.root), "name");

	if (rc == 0 && !*vm)
		rc = rf_fail(&err, RF_E_SYNTAX, "it is no domain with a name");
	if (rc == 0 && rf_map_has(&d->by_name, vm))
		rc = rf_fail(&err, RF_E_DUPLICATE, "another approved file is for the VM %s", vm);
	if (rc == 0 && d->approved_count >= DEFINITIONS_MAX_APPROVED)
		rc = rf_fail(&err, RF_E_LIMIT, "over %u files", DEFINITIONS_MAX_APPROVED);
	if (rc < 0) {
		vm_gap(d, path, &err);
		return rc == -ENOMEM ? rc : 0;
	}
	rc = rf_grow((void **)&d->approved, &d->approved_capacity, d->approved_count + 1,
		     sizeof(*d->approved));
	/* The array moves when it grows, so the map holds the place, counted from 1. */
	if (rc == 0)
		rc = rf_map_set(&d->by_name, vm, (void *)(uintptr_t)(d->approved_count + 1));
	if (rc == 0)
		d->approved[d->approved_count++] = (struct approved){.path = rf_take(path)};
	return rc;
}

int definitions_open(struct definitions *d, struct sys *sys, struct fact_sink *out,
		     struct images *images, const char *approved_dir)
{
	SYS_AUTONAMES struct sys_names names = {0};
	struct rf_err err = {0};

	d->sys = sys;
	d->out = out;
	d->images = images;
	if (!approved_dir)
		return 0;
	if (sys_list(sys, approved_dir, &names, &err) < 0) {
		vm_gap(d, approved_dir, &err);
		return 0;
	}
	for (size_t i = 0; i < names.count; i++) {
		int rc = 0;

		if (rf_ends(names.names[i], ".xml"))
			rc = add_approved(d, approved_dir, names.names[i]);
		if (rc < 0)
			return rc;
	}
	return 0;
}

void definitions_done(struct definitions *d)
{
	for (size_t i = 0; i < d->approved_count; i++)
		rf_free(d->approved[i].path);
	rf_free(d->approved);
	rf_map_done(&d->by_name);
	*d = (struct definitions){0};
}

/* One layer in memory; present is false when the VM has none. */
struct layer {
	struct domain_source src;
	struct domain_facts facts;
	struct xml_doc doc; /* of an approved definition */
	bool present;
};

static int read_layer(struct definitions *d, struct layer *layer, const struct xml_node *xml,
		      struct images *images)
{
	struct rf_err err = {0};

	if (!xml)
		return 0;
	int rc = domain_read(xml, &layer->src, d->out, &layer->facts, &err);

	if (rc == -ENOMEM)
		return rc;
	if (rc < 0) {
		fact_gap(d->out, FACT_T_VM, layer->src.vm, "", layer->src.source, "%s",
			 rf_err_text(&err));
		return 0;
	}
	if (images)
		images_look(images, &layer->facts);
	layer->present = true;
	return layer->facts.failed || layer->facts.arena.failed ? -ENOMEM : 0;
}

static int read_approved(struct definitions *d, struct layer *layer, size_t index, const char *vm)
{
	struct approved *a = &d->approved[index];
	struct rf_err err = {0};

	a->used = true;
	int rc = definitions_load(d->sys, a->path, &layer->doc, &err);

	if (rc < 0) {
		vm_gap(d, a->path, &err);
		return rc == -ENOMEM ? rc : 0;
	}
	layer->src = (struct domain_source){.vm = vm,
					    .layer = "approved",
					    .path = a->path,
					    .state = "",
					    .source = a->path,
					    .taints = ""};
	return read_layer(d, layer, domain_find(layer->doc.root), NULL);
}

static void layer_done(struct layer *layer)
{
	domain_done(&layer->facts);
	xml_done(&layer->doc);
}

/* A running VM whose definition is that of its next start, as far as it means anything, gets the
 * same digest: libvirt fills in addresses, models and defaults when it starts a VM. */
static void put_differences(struct definitions *d, struct layer *persistent, struct layer *live,
			    struct layer *approved)
{
	if (persistent->present && live->present &&
	    domain_differ(&persistent->facts, &live->facts, d->out) == 0)
		live->facts.vm.digest = persistent->facts.vm.digest;
	if (persistent->present && approved->present)
		(void)domain_differ(&persistent->facts, &approved->facts, d->out);
	if (live->present && approved->present)
		(void)domain_differ(&live->facts, &approved->facts, d->out);
}

int definitions_put(struct definitions *d, const struct definition_pair *pair)
{
	struct layer layers[3] = {
		{.src = pair->persistent_src}, {.src = pair->live_src}, {.present = false}};
	struct layer *persistent = &layers[0], *live = &layers[1], *approved = &layers[2];
	int rc = read_layer(d, persistent, pair->persistent, d->images);

	if (rc == 0)
		rc = read_layer(d, live, pair->live, d->images);
	const struct layer *one = persistent->present ? persistent : live;

	if (rc == 0 && one->present) {
		size_t index = (uintptr_t)rf_map_get(&d->by_name, one->facts.vm.name);

		if (index > 0)
			rc = read_approved(d, approved, index - 1, one->src.vm);
	}
	if (rc == 0)
		put_differences(d, persistent, live, approved);
	for (size_t i = 0; rc == 0 && i < RF_COUNT(layers); i++) {
		if (layers[i].present)
			domain_put(&layers[i].facts, d->out);
	}
	if (rc == 0 && one->present && d->images)
		images_own_files(d->images, &one->facts, d->out);
	for (size_t i = 0; i < RF_COUNT(layers); i++)
		layer_done(&layers[i]);
	return rc;
}

int definitions_put_unused(struct definitions *d)
{
	for (size_t i = 0; i < d->by_name.capacity; i++) {
		const char *vm = d->by_name.slots[i].key;
		size_t index = vm ? (uintptr_t)d->by_name.slots[i].value - 1 : 0;
		struct layer layer = {0};

		if (!vm || d->approved[index].used)
			continue;
		int rc = read_approved(d, &layer, index, vm);

		if (rc == 0 && layer.present)
			domain_put(&layer.facts, d->out);
		layer_done(&layer);
		if (rc < 0)
			return rc;
	}
	return 0;
}
