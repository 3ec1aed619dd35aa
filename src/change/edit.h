/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Edits of configuration text: what the bytes of a file become when one option is set or removed.
 * Pure: text in, text out. Everything that the edit is not about stays as it was, byte for byte:
 * comments, order, blanks, line ends. One row of a table for each syntax.
 */
#ifndef RF_CHANGE_EDIT_H
#define RF_CHANGE_EDIT_H

#include <stdbool.h>

#include "base/buf.h"
#include "change/spec.h"

#define EDIT_MAX_BYTES (4u << 20)

/*
 * The operations, by syntax:
 *
 *   equals space ini shell sshd virtconf vmx   set KEY to VALUE, or remove it (every occurrence)
 *   shellwords    add-word, remove-word of the list that the shell variable KEY holds
 *   words         the same for a file that is one line of words (/etc/kernel/cmdline)
 *   modprobe      set the option KEY of module SECTION; remove it
 *   fstab         add-word to the options of the mount point KEY
 *   line          set: the line VALUE stands in the file; remove: it does not
 *   xml           set: what XPath KEY (below the element SECTION of the root) names has VALUE,
 *                 elements on the way are made; remove: everything it names is gone
 *
 * in is the file's bytes (empty for a file that is not there). Appends the new bytes to out.
 * RF_E_UNKNOWN for no such style or operation, RF_E_SYNTAX for a text that cannot be edited,
 * RF_E_MISSING when what would be changed is not there and cannot be made.
 */
int edit_apply(const struct change_spec *spec, struct rf_slice in, struct rf_buf *out,
	       struct rf_err *err) RF_MUST_CHECK;

/* Appends what the key has now, for a person and to see whether it is as wanted; false when it is
 * not there. */
bool edit_get(const struct change_spec *spec, struct rf_slice in, struct rf_buf *out);

/* Whether the text is as the spec wants it. */
bool edit_holds(const struct change_spec *spec, struct rf_slice in);

/*
 * Whether the reader of such a file would accept the text, by our own parser of that syntax, chosen
 * by path and style; a path that no parser knows is accepted. RF_E_SYNTAX says the line.
 */
int edit_check(const struct change_spec *spec, struct rf_slice text,
	       struct rf_err *err) RF_MUST_CHECK;

#endif
