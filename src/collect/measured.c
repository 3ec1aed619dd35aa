/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Logs of the boot against the values of the PCRs; see measured.h. All parsing and replay is
 * src/attest's. Source: TCG PC Client Platform Firmware Profile, 2.3.4 (which PCR is whose).
 */
#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/measured.h"
#include "collect/util.h"

#define USERSPACE_LOG "/run/log/systemd/tpm2-measure.log"
#define TXT_LOG	      "/sys/kernel/security/slaunch/eventlog"
#define FIRMWARE_PCRS 0xffu /* 0 to 7: nobody but the firmware's log may extend them */
#define IMA_PCR_BIT   (1u << 10)

static int read_log(struct sys *sys, const char *path, size_t max_bytes, struct rf_buf *out)
{
	int rc = sys_read(sys, path, max_bytes, out, NULL);

	return rc == 0 && out->len == 0 ? -ENOENT : rc;
}

/* Values of the firmware's and the dynamic launch's logs, then on with userspace's. */
static int replay(struct measured *m)
{
	const struct eventlog_replay *txt = &m->boot.txt_replay;
	struct userspace_replay userspace;

	m->expected = m->boot.replay.pcrs;
	memcpy(m->touched, m->boot.replay.touched, sizeof(m->touched));
	for (size_t b = 0; b < m->expected.banks_count; b++) {
		for (size_t t = 0; t < txt->pcrs.banks_count; t++) {
			if (txt->pcrs.algs[t] != m->expected.algs[b])
				continue;
			for (uint32_t p = 17; p <= 22; p++)
				m->expected.values[b][p] = txt->pcrs.values[t][p];
			m->touched[b] |= txt->touched[t];
		}
		/* All have a value: what they begin with. */
		m->expected.present[b] = 0xffffff;
	}
	if (m->userspace_rc < 0)
		return 0;
	int rc = userspace_replay(m->hasher, rf_buf_slice(&m->userspace), &m->actual, &m->expected,
				  &userspace, &m->problem);

	for (size_t b = 0; rc == 0 && b < m->expected.banks_count; b++)
		m->touched[b] |= userspace.touched;
	return rc;
}

int measured_read(struct measured *m, struct rf_err *err)
{
	SYS_AUTONAMES struct sys_names names = {0};
	int rc = attest_hasher_new(&m->hasher, err);

	if (rc < 0)
		return rc;
	m->has_securityfs =
		sys_list(m->sys, "/sys/kernel/security", &names, NULL) == 0 && names.count > 0;
	m->firmware_rc = read_log(m->sys, MEASURED_LOG, EVENTLOG_MAX_BYTES, &m->firmware);
	m->userspace_rc = read_log(m->sys, USERSPACE_LOG, USERSPACE_MAX_BYTES, &m->userspace);
	(void)!read_log(m->sys, TXT_LOG, EVENTLOG_MAX_BYTES, &m->txt);
	if (m->firmware_rc < 0)
		return 0;
	const struct boot_logs logs = {rf_buf_slice(&m->firmware), rf_buf_slice(&m->txt),
				       rf_buf_slice(&m->userspace)};

	if (boot_read(m->hasher, &logs, &m->boot, &m->problem) < 0)
		return 0;
	m->has_boot = true;
	(void)!replay(m);
	return 0;
}

void measured_done(struct measured *m)
{
	boot_done(&m->boot);
	attest_hasher_free(m->hasher);
	rf_buf_done(&m->firmware);
	rf_buf_done(&m->txt);
	rf_buf_done(&m->userspace);
}

static size_t bank_of(const struct attest_pcr_values *values, uint16_t alg)
{
	size_t b = 0;

	while (b < values->banks_count && values->algs[b] != alg)
		b++;
	return b;
}

const char *measured_pcr_state(const struct measured *m, size_t bank, uint32_t pcr)
{
	const struct pcr_bank *row = &m->banks.banks[bank];
	size_t a = bank_of(&m->actual, row->alg), e = bank_of(&m->expected, row->alg);
	bool unused = pcr_text_untouched(row->text[pcr]);
	bool readable = m->firmware_rc == 0 || m->firmware_rc == -ENOENT;

	if (unused && !(e < m->expected.banks_count && (m->touched[e] >> pcr & 1)))
		return "unused";
	if (pcr == 10 && m->ima_known)
		return m->ima_explains ? "explained" : "unexplained";
	/* A log that cannot be read, or not understood, says nothing. */
	if (!readable || (m->firmware_rc == 0 && m->problem.code))
		return NULL;
	if (e < m->expected.banks_count && (m->touched[e] >> pcr & 1)) {
		if (a == m->actual.banks_count || !(m->actual.present[a] >> pcr & 1))
			return "unexplained";
		return memcmp(m->actual.values[a][pcr].bytes, m->expected.values[e][pcr].bytes,
			      attest_digest_size(row->alg)) == 0
			       ? "explained"
			       : "unexplained";
	}
	return m->has_boot && (FIRMWARE_PCRS >> pcr & 1) ? "unexplained" : "unlogged";
}

/* "sha256:HEX", of the strongest bank that is not younger than SHA-256 where there is one. */
static void digest_text(const struct boot_item *item, struct rf_buf *out)
{
	static const uint16_t order[] = {ATTEST_SHA256, ATTEST_SHA384, ATTEST_SHA512, ATTEST_SM3,
					 ATTEST_SHA1};
	char name[16];

	for (size_t i = 0; i < RF_COUNT(order); i++) {
		const struct attest_digest *digest = boot_item_digest(item, order[i]);

		if (!digest)
			continue;
		rf_buf_printf(out, "%s:", attest_alg_name(order[i], name));
		rf_buf_add_hex(out, digest->bytes, digest->len);
		return;
	}
}

void measured_put_events(const struct measured *m, struct fact_sink *out)
{
	static const struct {
		const char *log, *path;
	} logs[] = {
		[BOOT_FIRMWARE_LOG] = {"firmware", MEASURED_LOG},
		[BOOT_TXT_LOG] = {"txt", TXT_LOG},
		[BOOT_USERSPACE_LOG] = {"userspace", USERSPACE_LOG},
	};

	if (m->firmware_rc < 0 && m->firmware_rc != -ENOENT)
		util_gap(out, FACT_T_BOOT_EVENT, "", MEASURED_LOG, m->firmware_rc);
	else if (m->firmware_rc == 0 && !m->has_boot)
		fact_gap(out, FACT_T_BOOT_EVENT, "", "", MEASURED_LOG,
			 "The boot's logs are not understood: %s.", rf_err_text(&m->problem));
	for (size_t i = 0; m->has_boot && i < m->boot.count; i++) {
		const struct boot_item *item = &m->boot.items[i];
		RF_AUTOBUF struct rf_buf digest = {0};
		const char *type = item->type ? eventlog_type_name(item->type) : "";

		digest_text(item, &digest);
		fact_put_boot_event(out, &(struct fact_boot_event){
						 .log = logs[item->source].log,
						 .event = FACT_INT(item->event),
						 .pcr = FACT_INT(item->pcr),
						 .type = type ? type : "unknown",
						 .part = eventlog_component_name(item->component),
						 .proof = eventlog_proof_name(item->proof),
						 .name = item->name,
						 .text = item->text,
						 .digest = rf_buf_text(&digest),
						 .source = logs[item->source].path});
	}
}
