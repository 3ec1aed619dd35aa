/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collector tpm: the TPM and what was measured into it. sysfs and the logs say most; the TPM itself
 * is asked what it is (probe "tpm"). Whether that is as it should be, controls and `attest verify`
 * say. Source: Documentation/ABI/stable/sysfs-class-tpm; TCG PC Client Platform Firmware Profile.
 */
#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/boot.h"
#include "collect/collect.h"
#include "collect/measured.h"
#include "collect/tpm_text.h"
#include "collect/util.h"

#define TPM "/sys/class/tpm/tpm0"

struct tpm_row {
	struct fact_tpm row;
	struct tpm_text text; /* what it said; empty when it was not asked */
	struct rf_buf banks, empty_banks;
	struct measured measured;
};

/* No TPM: all of this is known. */
static void put_absent(struct fact_sink *out)
{
	fact_put_tpm(out, &(struct fact_tpm){.version = FACT_INT(0),
					     .manufacturer = "",
					     .vendor = "",
					     .firmware = "",
					     .software = FACT_BOOL(false),
					     .resource_manager = FACT_BOOL(false),
					     .locked_out = FACT_BOOL(false),
					     .owner_auth = FACT_BOOL(false),
					     .lockout_auth = FACT_BOOL(false),
					     .ek_certificate = FACT_BOOL(false),
					     .banks = "",
					     .empty_banks = "",
					     .measured_boot = "none",
					     .log_events = FACT_INT(0),
					     .source = "/sys/class/tpm"});
}

static struct fact_int number(int64_t n)
{
	return (struct fact_int){n >= 0, n};
}

/* Asks the TPM what it is. A TPM 1.2 speaks another language; of it only sysfs is read. */
static void ask(struct sys *sys, struct fact_sink *out, struct tpm_row *t)
{
	static const char *const columns[] = {"manufacturer", "vendor",	       "firmware",
					      "software",     "locked_out",    "owner_auth",
					      "lockout_auth", "ek_certificate"};
	RF_AUTOBUF struct rf_buf answer = {0};
	struct rf_err err = {0};
	int rc =
		t->row.version.v == 2 ? sys_probe(sys, "tpm", "", &answer, &err) : RF_E_UNSUPPORTED;

	if (rc == 0 && answer.len) {
		struct tpm_text *x = &t->text;

		tpm_text_parse((char *)answer.data, x);
		t->row.manufacturer = x->manufacturer;
		t->row.vendor = x->vendor;
		t->row.firmware = x->firmware;
		t->row.software = number(x->software);
		t->row.locked_out = number(x->locked_out);
		t->row.owner_auth = number(x->owner_auth);
		t->row.lockout_auth = number(x->lockout_auth);
		t->row.ek_certificate = (struct fact_int){x->ek_certificate_bytes >= 0,
							  x->ek_certificate_bytes > 0};
	}
	const bool missing[] = {!t->row.manufacturer,	    !t->row.vendor,
				!t->row.firmware,	    !t->row.software.known,
				!t->row.locked_out.known,   !t->row.owner_auth.known,
				!t->row.lockout_auth.known, !t->row.ek_certificate.known};

	for (size_t i = 0; i < RF_COUNT(columns); i++) {
		if (missing[i])
			fact_gap(out, FACT_T_TPM, "", columns[i], "/dev/tpmrm0",
				 "The TPM was not asked: %s.",
				 t->row.version.v == 1
					 ? "it is a TPM 1.2, of which only its PCRs are "
					   "read"
				 : rc < 0 && err.code ? rf_err_text(&err)
						      : "its answer was not captured");
	}
}

static void fill_version(struct sys *sys, struct fact_sink *out, struct tpm_row *t)
{
	struct fact_int version = boot_tpm_version(sys);

	t->row.version = version;
	if (!version.known)
		fact_gap(out, FACT_T_TPM, "", "version", TPM,
			 "There is a TPM, but the kernel does not tell its version.");
	t->row.resource_manager = FACT_BOOL(sys_exists(sys, "/dev/tpmrm0") ||
					    sys_exists(sys, "/sys/class/tpmrm/tpmrm0"));
}

static void fill_banks(struct sys *sys, struct fact_sink *out, struct tpm_row *t)
{
	struct measured *m = &t->measured;

	pcr_banks_read(sys, out, &m->banks);
	if (m->banks.count == 0 && t->text.pcrs.banks_count)
		pcr_banks_of_values(&t->text.pcrs, "/dev/tpmrm0", &m->banks);
	pcr_banks_values(&m->banks, &m->actual);
	for (size_t b = 0; b < m->banks.count; b++) {
		const struct pcr_bank *bank = &m->banks.banks[b];
		bool empty = pcr_bank_measured(bank) == 0;

		rf_buf_printf(&t->banks, "%s%s", b ? "," : "", bank->name);
		if (empty)
			rf_buf_printf(&t->empty_banks, "%s%s", t->empty_banks.len ? "," : "",
				      bank->name);
	}
	if (m->banks.count) {
		t->row.banks = rf_buf_text(&t->banks);
		t->row.empty_banks = rf_buf_text(&t->empty_banks);
		return;
	}
	static const char *const columns[] = {"banks", "empty_banks", "measured_boot"};

	for (size_t i = 0; i < RF_COUNT(columns); i++)
		fact_gap(
			out, FACT_T_TPM, "", columns[i], TPM,
			"Neither the kernel (before Linux 5.12) nor the TPM gave the values of the "
			"PCRs; run as root.");
	fact_gap(out, FACT_T_PCR, "", "", TPM,
		 "Neither the kernel (before Linux 5.12) nor the TPM gave the values of the PCRs; "
		 "run as root.");
}

/* In some bank one of these was extended. */
static bool extended(const struct pcr_banks *banks, uint32_t pcrs)
{
	for (size_t b = 0; b < banks->count; b++) {
		for (uint32_t p = 0; p < ATTEST_PCRS; p++) {
			if ((pcrs >> p & 1) && !pcr_text_untouched(banks->banks[b].text[p]))
				return true;
		}
	}
	return false;
}

/*
 * A dynamic launch shows in PCR 17 to 19, which hold ones until then; boot loaders and kernels that
 * measure extend 8, 9 (GRUB, the kernel's EFI stub), 11 or 12 (systemd).
 */
static const char *measured_boot(const struct pcr_banks *banks)
{
	if (extended(banks, 7u << 17))
		return "dynamic";
	if (extended(banks, 1u << 8 | 1u << 9 | 1u << 11 | 1u << 12))
		return "static";
	return extended(banks, 0xff) ? "firmware" : "none";
}

static void fill_log(struct fact_sink *out, struct tpm_row *t)
{
	struct measured *m = &t->measured;

	if (m->firmware_rc == -ENOENT && m->has_securityfs)
		t->row.log_events = FACT_INT(0);
	else if (m->has_boot)
		t->row.log_events = FACT_INT(m->boot.firmware.events_count);
	else
		fact_gap(out, FACT_T_TPM, "", "log_events", MEASURED_LOG,
			 "The firmware's log cannot be read (%s); mount securityfs on "
			 "/sys/kernel/security and run as root.",
			 m->problem.code ? rf_err_text(&m->problem) : rf_code_text(m->firmware_rc));
}

static void put_pcrs(const struct measured *m, struct fact_sink *out)
{
	char key[64];

	for (size_t b = 0; b < m->banks.count; b++) {
		const struct pcr_bank *bank = &m->banks.banks[b];

		for (uint32_t p = 0; p < ATTEST_PCRS; p++) {
			if (!(bank->there >> p & 1))
				continue;
			const char *state = measured_pcr_state(m, b, p);

			rf_format(key, sizeof(key), "%s/%u", bank->name, p);
			if (!state)
				fact_gap(
					out, FACT_T_PCR, key, "state", MEASURED_LOG,
					"The firmware's log cannot be read, so that nothing is held "
					"against this value.");
			fact_put_pcr(out, &(struct fact_pcr){.bank = bank->name,
							     .pcr = FACT_INT(p),
							     .value = bank->text[p],
							     .state = state,
							     .source = m->banks.source});
		}
	}
}

static int collect(struct sys *sys, struct fact_sink *out, struct tpm_row *t, struct rf_err *err)
{
	struct measured *m = &t->measured;

	m->sys = sys;
	fill_version(sys, out, t);
	ask(sys, out, t);
	fill_banks(sys, out, t);
	int rc = measured_read(m, err);

	if (rc < 0)
		return rc;
	measured_put_ima(m, out);
	measured_put_events(m, out);
	if (m->banks.count)
		t->row.measured_boot = measured_boot(&m->banks);
	fill_log(out, t);
	put_pcrs(m, out);
	t->row.source = TPM;
	fact_put_tpm(out, &t->row);
	return 0;
}

int collect_tpm(struct sys *sys, const struct collect_request *req, struct fact_sink *out,
		struct rf_err *err)
{
	struct tpm_row *t = rf_alloc(1, sizeof(*t));
	int rc = t ? 0 : -ENOMEM;

	(void)req;
	if (rc == 0 && !sys_exists(sys, TPM)) {
		/* IMA measures without a TPM too; only nobody can prove it. */
		t->measured.sys = sys;
		put_absent(out);
		rc = measured_read(&t->measured, err);
		if (rc == 0)
			measured_put_ima(&t->measured, out);
	} else if (rc == 0) {
		rc = collect(sys, out, t, err);
	}
	if (t) {
		measured_done(&t->measured);
		rf_buf_done(&t->banks);
		rf_buf_done(&t->empty_banks);
	}
	rf_free(t);
	return rc;
}
