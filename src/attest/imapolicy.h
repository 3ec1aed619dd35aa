/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's IMA policy as /sys/kernel/security/ima/policy shows it: what is measured, what is
 * not. Source: kernel Documentation/ABI/testing/ima_policy, security/integrity/ima/ima_policy.c.
 */
#ifndef RF_ATTEST_IMAPOLICY_H
#define RF_ATTEST_IMAPOLICY_H

#include "base/buf.h"
#include "base/err.h"

#define IMAPOLICY_MAX_BYTES (1u << 20)
#define IMAPOLICY_MAX_RULES 8192u
#define IMAPOLICY_SKIPS	    48

enum imapolicy_func {
	IMAPOLICY_FILE_CHECK, /* also PATH_CHECK, its old name */
	IMAPOLICY_MMAP_CHECK, /* also FILE_MMAP */
	IMAPOLICY_MMAP_CHECK_REQPROT,
	IMAPOLICY_BPRM_CHECK,
	IMAPOLICY_CREDS_CHECK,
	IMAPOLICY_MODULE_CHECK,
	IMAPOLICY_FIRMWARE_CHECK,
	IMAPOLICY_KEXEC_KERNEL_CHECK,
	IMAPOLICY_KEXEC_INITRAMFS_CHECK,
	IMAPOLICY_POLICY_CHECK,
	IMAPOLICY_KEXEC_CMDLINE,
	IMAPOLICY_KEY_CHECK,
	IMAPOLICY_CRITICAL_DATA,
	IMAPOLICY_SETXATTR_CHECK,
	IMAPOLICY_FUNCS
};

enum imapolicy_cover {
	IMAPOLICY_NONE,
	IMAPOLICY_SOME, /* only for some users, labels, file systems ... */
	IMAPOLICY_ALL,	/* but for what `skips` lists */
};

struct imapolicy {
	uint32_t rules;
	enum imapolicy_cover measured[IMAPOLICY_FUNCS];
	enum imapolicy_cover appraised[IMAPOLICY_FUNCS];
	uint32_t pcrs; /* bit n: a rule measures into PCR n; bit 10 where a rule names none */
	/* File systems that are left out: "tmpfs", "fsmagic=0x1234"; bit n: for function n */
	struct {
		char name[32];
		uint32_t funcs;
	} skips[IMAPOLICY_SKIPS];
	size_t skips_count;
	bool more_skips;      /* than fit */
	uint32_t not_known;   /* rules with a word that we do not know: they count as SOME */
	uint32_t unreachable; /* rules behind one that ends their function for good */
};

/* Reads a policy text. RF_E_LIMIT, or RF_E_SYNTAX with the line for what is no policy. */
int imapolicy_parse(struct rf_slice text, struct imapolicy *out, struct rf_err *err) RF_MUST_CHECK;

/* "MODULE_CHECK". */
const char *imapolicy_func_name(enum imapolicy_func func);

/* Does the policy leave out that file system ("tmpfs", "overlay") where func is measured? */
bool imapolicy_skips(const struct imapolicy *policy, const char *filesystem,
		     enum imapolicy_func func);

#endif
