/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The TPM as sysfs shows it: version, a bank that is in use, size of the firmware's event log. It
 * does not talk to the TPM (tpm.c does). Source: Documentation/ABI/stable/sysfs-class-tpm.
 */
#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/boot.h"
#include "collect/pcrs.h"
#include "collect/util.h"

#define TPM	  "/sys/class/tpm/tpm0"
#define EVENT_LOG "/sys/kernel/security/tpm0/binary_bios_measurements"

struct fact_int boot_tpm_version(struct sys *sys)
{
	int64_t major;

	if (!sys_exists(sys, TPM))
		return FACT_INT(0);
	if (sys_read_int(sys, TPM "/tpm_version_major", &major) == 0 && (major == 1 || major == 2))
		return FACT_INT(major);
	/* Kernels before 5.6 do not tell; only a TPM 1.2 has this file. */
	if (sys_exists(sys, TPM "/device/caps") || sys_exists(sys, TPM "/caps"))
		return FACT_INT(1);
	/* Only a TPM 2.0 has a resource manager. */
	if (sys_exists(sys, "/dev/tpmrm0"))
		return FACT_INT(2);
	return (struct fact_int){0};
}

static void fill_version(struct sys *sys, struct fact_sink *out, struct boot_row *b)
{
	b->row.tpm_version = boot_tpm_version(sys);
	if (!b->row.tpm_version.known)
		fact_gap(out, FACT_T_BOOT, "", "tpm_version", TPM,
			 "There is a TPM, but the kernel does not tell its version.");
}

static void fill_banks(struct sys *sys, struct fact_sink *out, struct boot_row *b)
{
	struct pcr_banks banks;
	bool live = false;

	pcr_banks_read(sys, NULL, &banks);
	for (size_t i = 0; i < banks.count; i++)
		live |= strcmp(banks.banks[i].name, "sha256") == 0 &&
			pcr_bank_measured(&banks.banks[i]) == 8;
	/* A TPM 1.2 has no such bank; a TPM 2.0 without any shown is one of an old kernel. */
	if (banks.count > 0 || b->row.tpm_version.v == 1)
		b->row.tpm_sha256_live = FACT_BOOL(live);
	else
		fact_gap(out, FACT_T_BOOT, "", "tpm_sha256_live", TPM,
			 "The kernel does not show PCR values; Linux 5.12 and later do.");
}

static void fill_event_log(struct sys *sys, struct fact_sink *out, struct boot_row *b)
{
	RF_AUTOBUF struct rf_buf log = {0};
	int rc = sys_read(sys, EVENT_LOG, RF_MAX_FILE_BYTES, &log, NULL);

	/* With securityfs there, a missing file means that the firmware left no log. */
	if (rc == 0 || (rc == -ENOENT && b->has_securityfs))
		b->row.event_log_bytes = FACT_INT(rc == 0 ? log.len : 0);
	else
		fact_gap(out, FACT_T_BOOT, "", "event_log_bytes", EVENT_LOG,
			 "The firmware's event log cannot be read (%s); mount securityfs on "
			 "/sys/kernel/security and run as root.",
			 rf_code_text(rc));
}

void boot_tpm_fill(struct sys *sys, struct fact_sink *out, struct boot_row *b)
{
	fill_version(sys, out, b);
	if (b->row.tpm_version.known && b->row.tpm_version.v == 0) {
		b->row.tpm_sha256_live = FACT_BOOL(false);
		b->row.event_log_bytes = FACT_INT(0);
		return;
	}
	fill_banks(sys, out, b);
	fill_event_log(sys, out, b);
}
