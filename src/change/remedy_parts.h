/* SPDX-License-Identifier: Apache-2.0 */
/* What the verbs of `fix:` are written with. Not for other folders. */
#ifndef RF_CHANGE_REMEDY_PARTS_H
#define RF_CHANGE_REMEDY_PARTS_H

#include "change/remedy.h"

/* One finding being turned into wants. The verb sets the middle part before it makes them. */
struct remedy_call {
	const struct finding *finding;
	struct remedy *out;
	plan_read_fn *read;
	void *read_arg;

	enum change_needs needs;
	bool could_cut_access, secret;
	const char *hook;

	const char *reason; /* why not; set by what failed */
};

struct remedy_verb {
	const char *name;
	int (*make)(struct remedy_call *c); /* 0, RF_E_UNSUPPORTED, -ENOMEM */
	const char *why_not;		    /* without make: what to do instead */
};
/* The row of a verb of `fix:`, or NULL. */
const struct remedy_verb *remedy_verb_find(const char *name);

/* An argument of the control's fix, placeholders filled; NULL when it is not given or a placeholder
 * has no value (then reason is set). */
const char *remedy_arg(struct remedy_call *c, const char *name);

/* "net0": what the resource is of its VM. */
const char *remedy_part(const struct remedy_call *c);

/* Notes why not and returns RF_E_UNSUPPORTED. */
int remedy_refuse(struct remedy_call *c, const char *reason);

/* Makes a want of a verb without key. */
int remedy_simple(struct remedy_call *c, const char *verb, const char *target, const char *value);

struct remedy_edit {
	const char *path, *style, *op, *section, *key, *value;
};
/* Makes a want that edits a file. */
int remedy_edit(struct remedy_call *c, const struct remedy_edit *e);

/* Makes a want that takes rights away; owner, group: to root. */
int remedy_mode(struct remedy_call *c, const char *path, uint32_t mode, bool owner, bool group);

/* The verbs that edit definitions of VMs and networks (remedy_vm.c). */
int remedy_domain(struct remedy_call *c);
int remedy_nic(struct remedy_call *c);
int remedy_disk(struct remedy_call *c);
int remedy_console(struct remedy_call *c);
int remedy_device(struct remedy_call *c);
int remedy_network(struct remedy_call *c);
int remedy_vmx(struct remedy_call *c);

#endif
