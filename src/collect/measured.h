/* SPDX-License-Identifier: Apache-2.0 */
/* What was measured on a host, read once: PCR values, the logs of the boot, what the logs give. For
 * the collector of tables tpm, pcr, boot_event and ima_summary. Nothing is judged. */
#ifndef RF_COLLECT_MEASURED_H
#define RF_COLLECT_MEASURED_H

#include "attest/boot.h"
#include "collect/pcrs.h"

#define MEASURED_LOG "/sys/kernel/security/tpm0/binary_bios_measurements"

struct measured {
	struct sys *sys;
	struct attest_hasher *hasher;
	bool has_securityfs; /* /sys/kernel/security holds something */
	struct pcr_banks banks;
	struct attest_pcr_values actual; /* the same as values */
	struct rf_buf firmware, txt, userspace;
	int firmware_rc, userspace_rc; /* of reading them */
	struct boot boot;
	bool has_boot;	       /* there is a firmware log, and it could be read */
	struct rf_err problem; /* why a log that is there gives no values; code 0: it does */
	/* What the logs give, bank by bank, and bit n of touched: they speak of PCR n. */
	struct attest_pcr_values expected;
	uint32_t touched[ATTEST_MAX_BANKS];
	bool ima_known, ima_explains; /* PCR 10 */
};

/* Reads logs and replays them; banks and actual must be there. */
int measured_read(struct measured *m, struct rf_err *err) RF_MUST_CHECK;
void measured_done(struct measured *m);

/* "explained" ... of the table pcr; NULL when that is not known. */
const char *measured_pcr_state(const struct measured *m, size_t bank, uint32_t pcr);

/* Writes the table boot_event. */
void measured_put_events(const struct measured *m, struct fact_sink *out);

/* Writes the table ima_summary, and fills what it tells of PCR 10. */
void measured_put_ima(struct measured *m, struct fact_sink *out);

#endif
