/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Computes the PCRs that a boot log explains. Not for comparing them with a quote, and it believes
 * nothing that events say beyond what eventlog_open has checked.
 * Source: TCG PC Client Platform Firmware Profile 1.06, 3.3.1 and 10.4.5; TPM 2.0 Library, Part 1,
 * 17.6 (H-CRTM) and 34 (locality); Intel TXT Software Development Guide, 1.10 (PCR 17 to 22).
 */
#include <string.h>

#include "attest/eventlog_types.h"

void eventlog_begin(const struct eventlog *log, uint16_t alg,
		    struct attest_digest values[ATTEST_PCRS])
{
	size_t size = attest_digest_size(alg);

	if (size == 0)
		return;
	for (uint32_t pcr = 0; pcr < ATTEST_PCRS; pcr++) {
		/* 17 to 22 say "no dynamic launch" with ones until a launch resets them. */
		bool ones = pcr >= 17 && pcr <= 22 && !log->drtm && !log->ccel;

		values[pcr].alg = alg;
		values[pcr].len = (uint8_t)size;
		memset(values[pcr].bytes, ones ? 0xff : 0, size);
	}
	if (log->hcrtm)
		values[0].bytes[size - 1] = 4;
	else
		values[0].bytes[size - 1] = (uint8_t)log->locality;
}

/* Index of the algorithm's bank; -1 when we have none. */
static int bank_of(const struct attest_pcr_values *pcrs, uint16_t alg)
{
	for (size_t i = 0; i < pcrs->banks_count; i++) {
		if (pcrs->algs[i] == alg)
			return (int)i;
	}
	return -1;
}

static int extend_event(struct attest_hasher *hasher, const struct eventlog_event *event,
			struct eventlog_replay *out)
{
	for (size_t i = 0; i < event->digests_count; i++) {
		int bank = bank_of(&out->pcrs, event->algs[i]);

		if (bank < 0)
			continue;
		int rc = attest_extend(hasher, event->algs[i],
				       out->pcrs.values[bank][event->pcr].bytes, event->digests[i]);

		if (rc < 0)
			return rc;
		out->touched[bank] |= 1u << event->pcr;
	}
	return 0;
}

int eventlog_replay(struct attest_hasher *hasher, const struct eventlog *log,
		    struct eventlog_replay *out, struct rf_err *err)
{
	struct eventlog_event event;
	size_t at = 0;

	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < log->algs_count; i++) {
		size_t size = attest_digest_size(log->algs[i]);
		uint8_t probe[ATTEST_MAX_DIGEST];

		/* Known to us is not enough: this OpenSSL may lack it. */
		if (size == 0 || attest_hash(hasher, log->algs[i], (struct rf_slice){0},
					     (struct rf_slice){0}, probe) < 0)
			continue;
		out->pcrs.algs[out->pcrs.banks_count] = log->algs[i];
		eventlog_begin(log, log->algs[i], out->pcrs.values[out->pcrs.banks_count++]);
	}
	while (eventlog_next(log, &at, &event) == 1) {
		if (event.type == EV_NO_ACTION)
			continue;
		int rc = extend_event(hasher, &event, out);

		if (rc < 0)
			return rf_fail(err, rc, "event %u cannot be replayed", event.index);
	}
	memcpy(out->pcrs.present, out->touched, sizeof(out->touched));
	return 0;
}
