/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a profile to the lines of a .vmx file, and from a file to a profile. Pure: bytes in, bytes
 * out. Lines that nobody asked for stay as they are, byte by byte, whatever character set the file
 * is in. Not for the grammar (collect/vmx.h) or for which word is which (vmxwords.h).
 */
#ifndef RF_ISOLATE_VMXFILE_H
#define RF_ISOLATE_VMXFILE_H

#include "base/arena.h"
#include "base/buf.h"
#include "isolate/policy.h"

/* One line that has to be so. */
struct vmx_line_want {
	const char *key, *value; /* ASCII */
	const char *remark;	 /* where the meaning is only near; or NULL */
};

struct vmx_wants {
	struct vmx_line_want *items;
	size_t count, capacity;
	struct rf_arena texts;
};

/* The lines by which a .vmx says what a profile says, one for each device that the file has; a file
 * without a line gets those of a first network card. Free with vmx_wants_done. */
int vmx_wants_make(const struct policy_profile *profile, struct rf_slice file,
		   struct vmx_wants *out, struct rf_err *err) RF_MUST_CHECK;
void vmx_wants_done(struct vmx_wants *wants);

/*
 * The file with these lines: values are replaced where their key stands (each time, where it stands
 * twice), else a line is added at the end. Spelling, order, comments, line ends and all other bytes
 * are kept; a value that means the same is left alone. out_diff, or NULL, receives what changes, in
 * lines that begin with - and +. RF_E_LIMIT: larger than a .vmx may be.
 */
int vmx_rewrite(struct rf_slice file, const struct vmx_wants *wants, struct rf_buf *out,
		struct rf_buf *out_diff, struct rf_err *err) RF_MUST_CHECK;

/*
 * A policy with one profile (based on standard) and one assignment, as YAML that policy_parse
 * takes; what of the file could not be carried stands in it as comments, with line and reason. name
 * is the VM's where the file has none. A file in a character set that is not known is read as far
 * as it is ASCII.
 */
int vmx_import(struct rf_slice file, const char *name, struct rf_buf *out,
	       struct rf_err *err) RF_MUST_CHECK;

#endif
