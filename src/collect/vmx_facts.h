/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a parsed .vmx to fact rows. No I/O: the collector (vmx_files.c) reads, this judges nothing,
 * it says what each key means. A key with two different values has no known value: columns that
 * depend on it stay NULL, and its vm_option row says why in a gap.
 */
#ifndef RF_COLLECT_VMX_FACTS_H
#define RF_COLLECT_VMX_FACTS_H

#include "base/limits.h"
#include "collect/vmx.h"
#include "model/fact.h"

#define VMX_LAYER "persistent"

/* What the .vmsd beside a .vmx says. */
struct vmx_snapshots {
	struct fact_int count;
	struct fact_int oldest_ms; /* 0 when none */
};

/* One .vmx on its way into facts. vmx_vm_init fills it. */
struct vmx_vm {
	struct fact_sink *out;
	const struct vmx *vmx;
	const char *path; /* as given: the key of the VM */
	size_t path_len;
	char where[RF_MAX_PATH_BYTES + 16]; /* "path:" and then a line number */
};

/* path must be shorter than RF_MAX_PATH_BYTES and outlive vm. */
void vmx_vm_init(struct vmx_vm *vm, struct fact_sink *out, const struct vmx *vmx, const char *path);

/* "path:line"; valid until the next call. */
const char *vmx_where(struct vmx_vm *vm, const struct vmx_entry *entry);

/* Every row that the text of one .vmx gives: vm and all vm_* but vm_file. */
void vmx_facts(struct vmx_vm *vm, const struct vmx_snapshots *snapshots);

/* The number of snapshots and the oldest one's time, from a parsed .vmsd. */
void vmx_snapshots_read(const struct vmx *vmsd, struct vmx_snapshots *out);

/* The parts of vmx_facts, one file each. */
void vmx_facts_nics(struct vmx_vm *vm);
void vmx_facts_disks(struct vmx_vm *vm);
void vmx_facts_devices(struct vmx_vm *vm);
void vmx_facts_near_misses(struct vmx_vm *vm);

/* esx, hosted or unknown, by keys and values that only one family of products writes. */
const char *vmx_product(const struct vmx *vmx);

/* Value of an entry: absent when entry is NULL, NULL when it is not known. */
const char *vmx_text(const struct vmx_entry *entry, const char *absent);
/* The same in lower case, in out (size bytes). */
const char *vmx_lower(const struct vmx_entry *entry, const char *absent, char *out, size_t size);
/* As 1 or 0; unknown when it is no truth value. */
struct fact_int vmx_truth(const struct vmx_entry *entry, struct fact_int absent);
/* As a number; "unlimited" is 0; unknown when it is none, with a gap of the vm row's column. */
struct fact_int vmx_number(struct vmx_vm *vm, const struct vmx_entry *entry, int64_t absent,
			   const char *column);
/* True when a device's key .present (or what stands for it) does not say FALSE. */
bool vmx_is_present(const struct vmx_entry *present);

/*
 * True when key is PREFIX, digits and ".rest" (rest "" means anything). Copies "PREFIX<digits>" to
 * out. With two, PREFIX<digits>:<digits>.
 */
bool vmx_device_key(const char *key, const char *prefix, bool two, const char *rest, char *out,
		    size_t size);

#endif
