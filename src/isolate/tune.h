/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings of a VM as verbs of the plan engine: "vm-tune". One table of tunables, a row for each:
 * its name, what it may be, and how it is read and put in the running VM and in its definition.
 * State, inverse, prediction, read-back and the privileged side's re-validation follow from the
 * row; README.md, "How to add", has an example of each kind.
 *
 * The target of a change is VM/LAYER/ROW or VM/LAYER/ROW/ITEM ("web-1/live/cpu.shares",
 * "web-1/persistent/cpu.pin.vcpu/0"); its value is text. LAYER is live (the running VM, through
 * libvirt where libvirt owns the setting) or persistent (its definition: what it starts with). The
 * operation is set, remove (in a definition), or of numbers and limits at-most and at-least: what
 * is tighter (or larger) already stays.
 */
#ifndef RF_ISOLATE_TUNE_H
#define RF_ISOLATE_TUNE_H

#include <jansson.h>

#include "change/verb.h"
#include "sys/virtset.h"

enum tune_value {
	TUNE_NUMBER, /* min to max, or -1 for no limit where the row has one */
	TUNE_WORD,   /* one of words, joined by blanks */
	TUNE_CPUS,   /* a list of CPUs: "0-3,8" */
	TUNE_FIELDS, /* "name=1 name=2": those of fields that are to change; set in one call */
};

enum tune_item {
	TUNE_NO_ITEM,
	TUNE_INDEX, /* number of a vCPU or I/O thread */
	TUNE_DISK,  /* target of a disk: vda */
	TUNE_NIC,   /* MAC address of a network card, in lower case */
};

/* One number of a TUNE_FIELDS row. */
struct tune_field {
	const char *name; /* libvirt's */
	const char *xml;  /* XPath below the row's xml; NULL: an element of that name */
	int64_t min, max;
};

struct tune_row;

/* What a way gets: one VM, open, and one row with its item. */
struct tune_call {
	const struct verb_env *env;
	struct virt_vm *vm;
	const char *name; /* of the VM, as the target has it */
	const struct tune_row *row;
	const char *item; /* "" where the row has none */
};

/* How a setting of a running VM is read and put. One for each mechanism, not for each row. */
struct tune_way {
	/* Appends the present value in the form of the row (tune_canon). RF_E_UNSUPPORTED when this
	 * host or VM cannot have it. */
	int (*read)(const struct tune_call *call, struct rf_buf *out, struct rf_err *err);
	/* value was checked against the row. */
	int (*put)(const struct tune_call *call, const char *value, struct rf_err *err);
	/* What goes with a value that was put, as verb_kind's after; NULL: nothing. */
	int (*after)(const struct tune_call *call, const char *value, struct rf_err *err);
	/* QEMU itself is asked, and may never answer: the VM is opened, read and put in a child
	 * that has an end (tune_monitor_here). One child and one connection for all of its
	 * questions. */
	bool apart;
};

/* A typed parameter of libvirt: group and param of the row; TUNE_NUMBER, TUNE_WORD, TUNE_FIELDS. */
extern const struct tune_way tune_param;
/* virDomainPinVcpuFlags and its like: threads of the row; TUNE_CPUS. */
extern const struct tune_way tune_pin;
/* A file of the VM's own cgroup that libvirt does not manage: param is its name in cgroup v2,
 * param1 in v1 (NULL: there is none). */
extern const struct tune_way tune_cgroup;

/* One QMP command to the QEMU of a struct virt_vm, through libvirt; arguments is taken, NULL for
 * none. The answer is a stranger's bytes, appended as they came. RF_E_TIMEOUT for a QEMU that does
 * not answer within QMP_WAIT_MS. Fits struct qmp_peer. */
int tune_monitor(void *vm, const char *command, json_t *arguments, struct rf_buf *out,
		 struct rf_err *err) RF_MUST_CHECK;
/* The same without a child or an end of its own: for a way that is apart. */
int tune_monitor_here(void *vm, const char *command, json_t *arguments, struct rf_buf *out,
		      struct rf_err *err) RF_MUST_CHECK;

struct tune_row {
	const char *name, *summary, *unit;
	enum tune_value value;
	enum tune_item item;
	int64_t min, max;
	int64_t unlimited; /* what libvirt says and takes for "no limit"; 0: there is no such thing
			    */
	const char *words;
	const struct tune_field *fields;
	size_t fields_count;
	/* live; way NULL: only the definition has it */
	const struct tune_way *way;
	enum virt_group group;
	enum virt_threads threads;
	const char *param, *param1;
	/* persistent: XPath below <domain>; %s is the item; NULL: only a running VM has it. */
	const char *xml;
	/* xml names an attribute without which its element means nothing (vcpupin/@cpuset): to
	 * unset the one is to take the other away. */
	bool xml_element;
	/* The one word that the bare element of xml stands for; any other is its absence. */
	const char *xml_word;
	/* TUNE_FIELDS: 0 is "no limit", which a definition says by leaving the field out. */
	bool zero_unset;
	/* TUNE_FIELDS: which fields "at-most value" changes of before. Pure. NULL: no such
	 * operation.
	 */
	int (*at_most)(const char *before, const char *value, struct rf_buf *out);
	enum change_risk risk;
};

/* The table: rows of each pillar in a file of its own (tune_cpu.c, ...), listed in tune_rows.c. */
struct tune_rows {
	const struct tune_row *rows;
	size_t count;
};
extern const struct tune_rows *const tune_tables[]; /* ends with NULL */
extern const struct tune_rows tune_cpu_rows;
extern const struct tune_rows tune_memory_rows;
extern const struct tune_rows tune_disk_rows;
extern const struct tune_rows tune_console_rows;

/* By name; NULL: there is no such row. */
const struct tune_row *tune_find(const char *name);

/* "VM/live/ROW" or "VM/live/ROW/ITEM". RF_E_LIMIT when it does not fit, RF_E_SYNTAX for a name that
 * libvirt would not have. */
int tune_target(char out[512], const char *vm, enum virt_layer layer, const char *row,
		const char *item) RF_MUST_CHECK;

struct tune_name {
	char vm[256];
	enum virt_layer layer;
	const struct tune_row *row;
	char item[64];
};
/* Takes a target apart. RF_E_SYNTAX, RF_E_UNKNOWN for no such row, RF_E_DENIED for a layer that the
 * row does not have. Pure. */
int tune_parse(const char *target, struct tune_name *out, struct rf_err *err) RF_MUST_CHECK;

/* Appends value in the one form that it is compared in: numbers without zeros in front, CPU lists
 * sorted and joined, fields in the row's order. RF_E_SYNTAX for what the row does not allow. Pure.
 */
int tune_canon(const struct tune_row *row, const char *value, struct rf_buf *out,
	       struct rf_err *err) RF_MUST_CHECK;

/* The number of a field in "name=1 name=2"; 0 when it is not named. Pure. */
int64_t tune_field(const char *fields, const char *name);

/* The value of a row in a definition: true and appended, or false when it is not set. Pure. */
bool tune_xml_get(const struct tune_name *name, struct rf_slice xml, struct rf_buf *out);
/* The definition with that value; NULL: without it. Pure. */
int tune_xml_put(const struct tune_name *name, struct rf_slice xml, const char *value,
		 struct rf_buf *out, struct rf_err *err) RF_MUST_CHECK;

/* The verb: rows of isolate's second table. */
extern const struct verb_table tune_verbs;
#define TUNE_URI "qemu:///system"

#endif
