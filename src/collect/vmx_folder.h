/* SPDX-License-Identifier: Apache-2.0 */
/* The folder of a .vmx: which of its files belong to the VM, and their modes and owners. */
#ifndef RF_COLLECT_VMX_FOLDER_H
#define RF_COLLECT_VMX_FOLDER_H

#include "collect/util.h"
#include "model/fact.h"
#include "sys/sys.h"

/* A listed folder; one serves every .vmx in it. Zero-initialise. */
struct vmx_folder {
	struct sys *sys;
	char *dir;
	struct sys_names names;
	struct sys_stat stat;
	bool listed;
	bool has_many; /* more than one .vmx: siblings belong to the one whose name they begin with
			*/
};

#define VMX_AUTOFOLDER __attribute__((cleanup(vmx_folder_done)))

/* Lists dir and says whether its files belong to one VM. Returns 0 or what the seam said. */
int vmx_folder_open(struct vmx_folder *folder, struct sys *sys, const char *dir,
		    struct rf_err *err) RF_MUST_CHECK;
/* Frees; accepts a zeroed folder. */
void vmx_folder_done(struct vmx_folder *folder);

/* Rows of vm_file for the .vmx at path and for what belongs to it. */
void vmx_folder_facts(const struct vmx_folder *folder, struct fact_sink *out, const char *path,
		      const struct util_users *users);

/* True when the folder has the list of snapshots that belongs to the .vmx; writes its path. */
bool vmx_folder_vmsd(const struct vmx_folder *folder, const char *path, char *out, size_t size);

/* "dir/name"; false when it does not fit. */
bool vmx_folder_join(char *out, size_t size, const char *dir, const char *name);
/* The folder of a path: "." when it names none. False when it does not fit. */
bool vmx_folder_of(const char *path, char *out, size_t size);

#endif
