/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GRUB's environment block (grubenv): the names and values that a boot loader keeps from boot to
 * boot, such as the entry that was saved. Hostile bytes: whoever may write below /boot wrote them.
 */
#ifndef RF_ATTEST_GRUBENV_H
#define RF_ATTEST_GRUBENV_H

#include "base/buf.h"
#include "base/err.h"

#define GRUBENV_MAX_BYTES     8192u /* grub-editenv makes 1024 */
#define GRUBENV_MAX_VARIABLES 64u
#define GRUBENV_MAX_NAME      64u /* with the NUL */
#define GRUBENV_MAX_VALUE     512u

struct grubenv {
	struct grubenv_variable {
		char name[GRUBENV_MAX_NAME], value[GRUBENV_MAX_VALUE];
	} variables[GRUBENV_MAX_VARIABLES];
	size_t count;
	bool broken; /* GRUB stops at a line that has no end, and reads nothing behind it */
};

/*
 * Reads the block as GRUB does, mistakes included: a line without "=" belongs to the name of the
 * next one. RF_E_SYNTAX without GRUB's signature; RF_E_LIMIT for a block, a name or a value that is
 * too long, or too many of them: nothing is cut in silence. out is written only on success.
 */
int grubenv_parse(struct rf_slice block, struct grubenv *out, struct rf_err *err) RF_MUST_CHECK;

/* The value that counts, the last of that name; NULL when there is none. */
const char *grubenv_value(const struct grubenv *env, const char *name);

#endif
