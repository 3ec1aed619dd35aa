/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The TPM as sysfs shows it: version, PCR banks, size of the firmware's event log. It does not talk
 * to the TPM; quotes are for attestation. Source: Documentation/ABI/stable/sysfs-class-tpm.
 */
#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/boot.h"
#include "collect/util.h"

#define TPM	  "/sys/class/tpm/tpm0"
#define EVENT_LOG "/sys/kernel/security/tpm0/binary_bios_measurements"
#define PCR_COUNT 24u

static void put_pcr(struct fact_sink *out, const char *bank, unsigned int pcr, char *value,
		    const char *path)
{
	rf_lower(value);
	fact_put_pcr(out,
		     &(struct fact_pcr){
			     .bank = bank, .pcr = FACT_INT(pcr), .value = value, .source = path});
}

/* A register that nobody extended: all digits 0, or all F. */
static bool is_untouched(const char *value)
{
	size_t n = strlen(value);

	return n == 0 || strspn(value, "0") == n || strspn(value, "fF") == n;
}

/* Reads the registers of a bank; returns how many of PCR 0 to 7 hold a measurement. */
static unsigned int put_bank(struct sys *sys, struct fact_sink *out, const char *bank)
{
	char path[256], value[256];
	unsigned int live = 0;

	for (unsigned int i = 0; i < PCR_COUNT; i++) {
		rf_format(path, sizeof(path), TPM "/pcr-%s/%u", bank, i);
		int rc = sys_read_line(sys, path, value, sizeof(value));

		if (rc == -ENOENT)
			continue;
		if (rc < 0) {
			char key[64];

			rf_format(key, sizeof(key), "%s/%u", bank, i);
			util_gap(out, FACT_T_PCR, key, path, rc);
			continue;
		}
		live += i < 8 && !is_untouched(value) ? 1 : 0;
		put_pcr(out, bank, i, value, path);
	}
	return live;
}

/* A TPM 1.2 has one file of lines "PCR-00: 3A 3F ...". */
static void put_pcrs_12(struct sys *sys, struct fact_sink *out)
{
	static const char *const path = TPM "/device/pcrs";
	RF_AUTOBUF struct rf_buf buf = {0};
	int rc = util_read(sys, out, FACT_T_PCR, "", path, RF_MAX_PROC_BYTES, &buf);
	char *cursor = rc > 0 && buf.len ? (char *)buf.data : NULL;

	for (char *line; (line = rf_line_next(&cursor));) {
		char *colon = strchr(line, ':'), hex[64];
		size_t n = 0;
		int64_t pcr;

		if (!colon || !rf_starts(line, "PCR-"))
			continue;
		*colon = '\0';
		if (rf_num(line + 4, 10, 0, PCR_COUNT - 1, &pcr) < 0)
			continue;
		for (const char *p = colon + 1; *p && n + 1 < sizeof(hex); p++) {
			if (*p != ' ')
				hex[n++] = *p;
		}
		hex[n] = '\0';
		put_pcr(out, "sha1", (unsigned int)pcr, hex, path);
	}
}

static void fill_version(struct sys *sys, struct fact_sink *out, struct boot_row *b)
{
	int64_t major;

	if (!sys_exists(sys, TPM)) {
		b->row.tpm_version = FACT_INT(0);
		return;
	}
	if (sys_read_int(sys, TPM "/tpm_version_major", &major) == 0 && (major == 1 || major == 2))
		b->row.tpm_version = FACT_INT(major);
	else if (sys_exists(sys, TPM "/device/caps") || sys_exists(sys, TPM "/caps"))
		/* Kernels before 5.6 do not tell; only a TPM 1.2 has this file. */
		b->row.tpm_version = FACT_INT(1);
	else if (sys_exists(sys, "/dev/tpmrm0"))
		/* Only a TPM 2.0 has a resource manager. */
		b->row.tpm_version = FACT_INT(2);
	else
		fact_gap(out, FACT_T_BOOT, "", "tpm_version", TPM,
			 "There is a TPM, but the kernel does not tell its version.");
}

static void fill_banks(struct sys *sys, struct fact_sink *out, struct boot_row *b)
{
	SYS_AUTONAMES struct sys_names names = {0};
	bool has_banks = false, live = false;

	if (sys_list(sys, TPM, &names, NULL) < 0)
		names.count = 0;
	for (size_t i = 0; i < names.count; i++) {
		if (!rf_starts(names.names[i], "pcr-"))
			continue;
		const char *bank = names.names[i] + strlen("pcr-");
		unsigned int measured = put_bank(sys, out, bank);

		has_banks = true;
		live |= strcmp(bank, "sha256") == 0 && measured == 8;
	}
	if (!has_banks && b->row.tpm_version.v == 1)
		put_pcrs_12(sys, out);
	/* A TPM 1.2 has no such bank; a TPM 2.0 without any shown is one of an old kernel. */
	if (has_banks || b->row.tpm_version.v == 1)
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
