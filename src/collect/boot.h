/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of the boot collector: the TPM, and boot loader and rescue configuration. */
#ifndef RF_COLLECT_BOOT_H
#define RF_COLLECT_BOOT_H

#include <stdbool.h>

#include "model/fact.h"
#include "sys/sys.h"

/* The row with the texts that it borrows. */
struct boot_row {
	struct fact_boot row;
	char lockdown[32], thunderbolt[32];
	bool has_securityfs; /* /sys/kernel/security holds something */
};

/* 2, 1 (for 1.2), 0 for none; unknown where there is one that does not tell. */
struct fact_int boot_tpm_version(struct sys *sys);

/* Fills the TPM's columns. */
void boot_tpm_fill(struct sys *sys, struct fact_sink *out, struct boot_row *b);

/* Fills loader, loader_password, rescue_password and ctrl_alt_del_masked. */
void boot_loader_fill(struct sys *sys, struct fact_sink *out, struct boot_row *b);

/*
 * True when a grub.cfg names superusers and gives one of them a password. has_user_password tells
 * whether user.cfg holds the one that grub.cfg only refers to (as on RHEL). text is cut up.
 */
bool boot_grub_has_password(char *text, bool has_user_password);

#endif
