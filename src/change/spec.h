/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One change in its fixed-size form: what the unprivileged side asks for, what the privileged side
 * checks, and what stands in the journal on disk. No pointer, no length that is not checked: a spec
 * is a struct of NUL-terminated texts and numbers. See verb.h for what the fields mean to a verb.
 */
#ifndef RF_CHANGE_SPEC_H
#define RF_CHANGE_SPEC_H

#include <stdint.h>

#include "base/err.h"

#define CHANGE_DIGEST_BYTES 32
#define CHANGE_ID_BYTES	    40
#define CHANGE_MAX_STEPS    4096u
#define CHANGE_MAX_STATE    (16u << 20) /* the largest state of one target */
#define CHANGE_LEAVE	    UINT32_MAX	/* of mode, uid, gid: as it is */

struct change_spec {
	char verb[24];	/* "edit", "mode", "value" ... a row of a verb table */
	char op[16];	/* what the verb does: "set", "remove" ...; "" where it can do one thing */
	char style[16]; /* "edit": the syntax of the file */
	char target[512];  /* a path from the root, or the name of a kernel or libvirt object */
	char hook[24];	   /* row of hook.h to run behind the last change; "" */
	char part[40];	   /* the part of its plan that can be undone alone; "" */
	char section[128]; /* of an ini file; the element of a VM; "" */
	char key[512];	   /* option, XPath */
	uint32_t mode, uid, gid; /* permission bits and owner, or CHANGE_LEAVE */
	uint32_t value_bytes;	 /* of a verb with a binary payload; else the text's length */
	uint8_t value[2048];	 /* the wanted value: a text with a NUL behind, or the payload */
	uint8_t before[CHANGE_DIGEST_BYTES]; /* digest of the target's state before this change */
	uint8_t after[CHANGE_DIGEST_BYTES];  /* and behind it */
};

/* Fills a spec; texts that do not fit are RF_E_LIMIT. mode, uid and gid are CHANGE_LEAVE. */
int change_spec_set(struct change_spec *spec, const char *verb, const char *target, const char *key,
		    const char *value, struct rf_err *err) RF_MUST_CHECK;

/* The value as text; "" when it is none. */
const char *change_spec_value(const struct change_spec *spec);

/*
 * Refuses what no spec may be, whatever the verb: a text without its NUL, control characters, a
 * length over the limit, bits beyond 07777. The verb's own check comes on top. RF_E_SYNTAX,
 * RF_E_LIMIT.
 */
int change_spec_check(const struct change_spec *spec, struct rf_err *err) RF_MUST_CHECK;

#endif
