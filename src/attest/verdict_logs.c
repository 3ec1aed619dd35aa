/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verdict's checks of the logs: does each entry prove what it says, do the logs give the values
 * that the quote proves in every bank, and which protections were off.
 * Source: TCG PC Client Platform Firmware Profile; CVE-2021-42299 (TPM Carte Blanche: a bank that
 * the firmware never extended); go-attestation's notes on event logs.
 */
#include <string.h>

#include "attest/eventlog_types.h"
#include "attest/verdict_parts.h"
#include "attest/words.h"
#include "base/mem.h"
#include "base/str.h"

#define FIRMWARE_PCRS 0x000000ffu
#define LAUNCH_PCRS   0x007e0000u /* 17 to 22: a dynamic launch sets them anew */
#define FREE_PCRS     0x00810000u /* 16 and 23: anybody may reset them, nothing rests on them */
#define SYSTEM_PCRS   0x0000b800u /* 11 to 13, 15: the system measures into them, too */
/* Reasons of one class about events: more say nothing new. */
#define SAME_MAX 16u

/* ---- the story against itself ---- */

static enum reason_id reason_of_proof(const struct boot_item *item)
{
	switch (item->proof) {
	case EVENTLOG_DISPROVED:
		return REASON_EVENT_FORGED;
	case EVENTLOG_NOT_ALLOWED:
		return REASON_EVENT_NOT_ALLOWED;
	case EVENTLOG_UNKNOWN_TYPE:
		return REASON_EVENT_UNKNOWN;
	case EVENTLOG_PROVED:
	case EVENTLOG_HINT:
		break;
	}
	return REASON_COUNT;
}

void verdict_judge_events(struct judge *j)
{
	const struct boot *boot = &j->out->boot;
	struct reason *last[REASON_COUNT] = {NULL};
	uint32_t counts[REASON_COUNT] = {0};
	enum reason_id id;

	for (size_t i = 0; i < boot->count; i++) {
		id = reason_of_proof(&boot->items[i]);
		if (id != REASON_COUNT && counts[id]++ < SAME_MAX)
			verdict_reason_item(j, id, &boot->items[i]);
		if (boot->items[i].component == COMPONENT_BOOT_FAILURE &&
		    counts[REASON_BOOT_FAILURE]++ < SAME_MAX)
			verdict_reason_item(j, REASON_BOOT_FAILURE, &boot->items[i]);
	}
	/* The list may have moved while it grew: found again only now. */
	for (size_t i = 0; i < j->out->reasons.count; i++)
		last[j->out->reasons.items[i].id] = &j->out->reasons.items[i];
	for (size_t i = 0; i < REASON_COUNT; i++) {
		if (last[i] && counts[i] > SAME_MAX)
			rf_format(last[i]->detail, sizeof(last[i]->detail),
				  "event %u, and %u more of this kind", last[i]->event,
				  counts[i] - SAME_MAX);
	}
	if (verdict_has_log(j) && !boot->state.exit_boot_services)
		verdict_reason(j, REASON_EXIT_MISSING, NULL, NULL);
}

/* ---- banks ---- */

static bool is_zero(const uint8_t *bytes, size_t len)
{
	uint8_t bits = 0;

	for (size_t i = 0; i < len; i++)
		bits |= bytes[i];
	return bits == 0;
}

/* The value that a PCR has when nothing was measured into it. */
static bool is_reset(const struct attest_digest *value, uint32_t pcr)
{
	if (is_zero(value->bytes, value->len))
		return true;
	if (pcr == 0)
		return is_zero(value->bytes, value->len - 1u) && value->bytes[value->len - 1] <= 4;
	for (size_t i = 0; i < value->len; i++) {
		if (value->bytes[i] != 0xff)
			return false;
	}
	return LAUNCH_PCRS & 1u << pcr;
}

static struct reason *bank_reason(struct judge *j, enum reason_id id, uint16_t alg,
				  const char *detail)
{
	char name[16];
	struct reason *reason = verdict_reason(j, id, attest_alg_name(alg, name), detail);

	if (reason)
		reason->alg = alg;
	return reason;
}

/* Does the firmware's log hold a digest of that bank? */
static bool log_has(const struct boot *boot, uint16_t alg)
{
	size_t bank = verdict_bank(&boot->replay.pcrs, alg);

	return bank < boot->replay.pcrs.banks_count && boot->replay.touched[bank] != 0;
}

/* A bank that is quoted, but that the firmware never extended: an attacker fills it as he likes. */
static void judge_bank_used(struct judge *j, size_t bank)
{
	uint32_t here = j->proved.present[bank] & FIRMWARE_PCRS;

	if (here == 0)
		return;
	for (uint32_t pcr = 0; pcr < 8; pcr++) {
		if (here & 1u << pcr && !is_reset(&j->proved.values[bank][pcr], pcr))
			return;
	}
	bank_reason(j, REASON_BANK_UNUSED, j->proved.algs[bank], NULL);
}

/* Algorithms in which approved boots know the firmware's measurements. */
struct known_banks {
	uint16_t algs[ATTEST_MAX_BANKS];
	size_t count;
	bool strong; /* one of them is no SHA-1 */
};

static void know_item(struct known_banks *known, const struct boot_item *item)
{
	for (size_t i = 0; item->type != EV_NO_ACTION && i < item->digests_count; i++) {
		size_t at = 0;

		while (at < known->count && known->algs[at] != item->digests[i].alg)
			at++;
		if (at == known->count && at < ATTEST_MAX_BANKS)
			known->algs[known->count++] = item->digests[i].alg;
		known->strong |= item->digests[i].alg != ATTEST_SHA1;
	}
}

static struct known_banks find_known(const struct baseline *baseline)
{
	struct known_banks known = {0};
	const struct baseline_boot *boot;

	for (size_t i = 0; baseline && (boot = baseline_boot_at(baseline, i)); i++) {
		/* The first events of a boot name all its banks. */
		for (size_t k = 0; boot->approved_by && k < boot->boot.count && k < 8; k++)
			know_item(&known, &boot->boot.items[k]);
	}
	return known;
}

static bool knows(const struct known_banks *known, uint16_t alg)
{
	for (size_t i = 0; i < known->count; i++) {
		if (known->algs[i] == alg)
			return true;
	}
	return false;
}

/* PCRs of that bank that hold something. */
static uint32_t pcrs_in_use(const struct judge *j, size_t bank)
{
	uint32_t used = 0;

	for (uint32_t pcr = 0; pcr < ATTEST_PCRS; pcr++) {
		if (j->proved.present[bank] & ~FREE_PCRS & 1u << pcr &&
		    !is_reset(&j->proved.values[bank][pcr], pcr))
			used |= 1u << pcr;
	}
	return used;
}

static void say_weak(struct judge *j, enum reason_id id, uint32_t mask)
{
	struct reason *reason = verdict_reason(j, id, "SHA-1 alone", NULL);
	char pcrs[96];

	if (!reason)
		return;
	verdict_pcr_list(mask, pcrs, sizeof(pcrs));
	reason->pcrs = mask;
	rf_format(reason->detail, sizeof(reason->detail), "nothing stronger signs PCR %s", pcrs);
}

/*
 * SHA-1 proves something only where an approved boot knows nothing better: otherwise an attacker
 * would choose the weakest bank, or one that the firmware does not fill, and tell his story there.
 */
static void judge_strength(struct judge *j, const struct known_banks *known)
{
	uint32_t strong = 0, weak = 0;
	bool common = known->count == 0;

	if (j->out->quote.version == 1)
		return; /* said with the quote */
	for (size_t i = 0; i < j->proved.banks_count; i++) {
		uint16_t alg = j->proved.algs[i];

		if (alg == ATTEST_SHA1)
			weak |= pcrs_in_use(j, i);
		else
			strong |= j->proved.present[i];
		if (j->proved.present[i] & FIRMWARE_PCRS && knows(known, alg) &&
		    (alg != ATTEST_SHA1 || !known->strong))
			common = true;
	}
	if (weak & ~strong)
		say_weak(j,
			 known->count > 0 && !known->strong ? REASON_WEAK_CRYPTO
							    : REASON_PCR_UNQUOTED,
			 weak & ~strong);
	if (!common)
		verdict_reason(j, REASON_PCR_UNQUOTED, NULL,
			       "no bank is signed that the approved boots know");
}

/* Banks of the log, of the values that came, and of the approved boots: each must be quoted. */
static void judge_bank_quoted(struct judge *j, uint16_t alg, const char *seen)
{
	const struct reasons *list = &j->out->reasons;

	if (verdict_selected(&j->out->quote, alg) != 0)
		return;
	for (size_t i = 0; i < list->count; i++) {
		if (list->items[i].id == REASON_BANK_UNQUOTED && list->items[i].alg == alg)
			return;
	}
	bank_reason(j, REASON_BANK_UNQUOTED, alg, seen);
}

static void judge_banks(struct judge *j)
{
	const struct boot *boot = &j->out->boot;
	const struct known_banks known = find_known(j->options->baseline);

	for (size_t i = 0; i < j->proved.banks_count; i++)
		judge_bank_used(j, i);
	judge_strength(j, &known);
	for (size_t i = 0; verdict_has_log(j) && i < boot->firmware.algs_count; i++) {
		if (log_has(boot, boot->firmware.algs[i]) ||
		    attest_digest_size(boot->firmware.algs[i]) == 0)
			judge_bank_quoted(j, boot->firmware.algs[i], "the boot log holds it");
	}
	for (size_t i = 0; i < j->sent.banks_count; i++)
		judge_bank_quoted(j, j->sent.algs[i], "the host sent its values");
	for (size_t i = 0; i < known.count; i++)
		judge_bank_quoted(j, known.algs[i], "the approved boots know it");
}

/* ---- PCRs ---- */

/* What the logs make of each quoted bank. */
struct logs_say {
	struct attest_pcr_values values;
	uint32_t known[ATTEST_MAX_BANKS]; /* bit n: the logs know this bank of PCR n */
	uint32_t touched;		  /* bit n: a log has an event for PCR n */
	bool firmware, userspace;	  /* such a log came */
};

static void take_bank(struct logs_say *say, size_t bank, const struct eventlog_replay *replay,
		      uint32_t mask)
{
	size_t from = verdict_bank(&replay->pcrs, say->values.algs[bank]);

	if (from == replay->pcrs.banks_count)
		return;
	for (uint32_t pcr = 0; pcr < ATTEST_PCRS; pcr++) {
		if (!(mask & 1u << pcr))
			continue;
		say->values.values[bank][pcr] = replay->pcrs.values[from][pcr];
		say->known[bank] |= 1u << pcr;
	}
}

/* Firmware log, then TXT's for what a dynamic launch set anew. */
static void gather_logs(struct judge *j, struct logs_say *say)
{
	const struct boot *boot = &j->out->boot;
	const struct eventlog none = {0};

	say->firmware = verdict_has_log(j);
	say->userspace = verdict_section(j, EVIDENCE_USERSPACE).len > 0 && !j->log_broken;
	say->values.banks_count = j->proved.banks_count;
	for (size_t i = 0; i < j->proved.banks_count; i++) {
		uint16_t alg = j->proved.algs[i];

		say->values.algs[i] = alg;
		say->values.present[i] = (1u << ATTEST_PCRS) - 1;
		eventlog_begin(&none, alg, say->values.values[i]);
		if (say->firmware)
			take_bank(say, i, &boot->replay, (1u << ATTEST_PCRS) - 1);
		if (boot->txt.bytes.data)
			take_bank(say, i, &boot->txt_replay, LAUNCH_PCRS);
	}
	for (size_t i = 0; i < boot->count; i++) {
		if (boot->items[i].type != EV_NO_ACTION && boot->items[i].pcr < ATTEST_PCRS &&
		    (say->firmware || boot->items[i].source != BOOT_FIRMWARE_LOG)) {
			say->touched |= 1u << boot->items[i].pcr;
			j->out->pcrs[boot->items[i].pcr].events++;
		}
	}
}

/* What systemd measured comes behind the firmware's; its log may be ahead of the quote. */
static int gather_userspace(struct judge *j, struct logs_say *say)
{
	struct userspace_replay replay;
	struct rf_slice log = verdict_section(j, EVIDENCE_USERSPACE);

	if (!say->userspace)
		return 0;
	/* The story was read: it is not broken. */
	int rc = userspace_replay(j->hasher, log, &j->proved, &say->values, &replay, NULL);

	for (size_t i = 0; rc == 0 && i < say->values.banks_count; i++)
		say->known[i] |= replay.touched & ~(FIRMWARE_PCRS | LAUNCH_PCRS);
	return rc;
}

static void say_unexplained(struct judge *j, uint32_t pcr, size_t bank, bool all,
			    const struct attest_digest *expected)
{
	const struct attest_digest *value = &j->proved.values[bank][pcr];
	struct reason *reason = verdict_reason(j, REASON_PCR_UNEXPLAINED, NULL, NULL);
	char name[16];

	if (!reason)
		return;
	reason->pcr = pcr;
	reason->alg = all ? 0 : value->alg;
	if (expected)
		reason->was_digest = *expected;
	reason->now_digest = *value;
	rf_format(reason->subject, sizeof(reason->subject), "%s (PCR %u)", reason_pcr_title(pcr),
		  pcr);
	verdict_say_divergence(j, reason, value->alg);
	if (!all) {
		size_t len = strlen(reason->detail);

		(void)rf_format(reason->detail + len, sizeof(reason->detail) - len,
				"; in its %s value alone", attest_alg_name(value->alg, name));
	}
}

static void say_no_log(struct judge *j, uint32_t pcr)
{
	struct reason *reason = verdict_reason(
		j, REASON_LOG_MISSING, NULL,
		"something measured here, and its log (systemd's tpm2-measure.log) did not come");

	if (!reason)
		return;
	reason->pcr = pcr;
	rf_format(reason->subject, sizeof(reason->subject), "%s (PCR %u)", reason_pcr_title(pcr),
		  pcr);
}

/* One PCR in all its quoted banks. */
struct pcr_fit {
	uint32_t banks, fit, reset;
	size_t wrong; /* a bank that does not fit */
	size_t strongest;
};

static struct pcr_fit fit_of(const struct judge *j, const struct logs_say *say, uint32_t pcr)
{
	struct pcr_fit fit = {0};
	size_t best = 0;

	for (size_t i = 0; i < j->proved.banks_count; i++) {
		const struct attest_digest *value = &j->proved.values[i][pcr];

		if (!(j->proved.present[i] & 1u << pcr))
			continue;
		fit.banks++;
		if (value->len > best) {
			best = value->len;
			fit.strongest = i;
		}
		bool reset = is_reset(value, pcr);
		bool same = say->known[i] & 1u << pcr &&
			    memcmp(value->bytes, say->values.values[i][pcr].bytes, value->len) == 0;

		fit.reset += reset;
		fit.fit += same;
		if (!same)
			fit.wrong = i;
	}
	return fit;
}

static bool ima_explains(const struct judge *j, uint32_t pcr)
{
	return (pcr == IMA_PCR && j->ima_found) || j->ima_pcrs & 1u << pcr;
}

/* A PCR whose value is not what the logs give. */
static enum verdict_pcr_state judge_wrong(struct judge *j, const struct logs_say *say, uint32_t pcr,
					  const struct pcr_fit *fit)
{
	uint32_t bit = 1u << pcr;

	/* 16 and 23: whatever stands there. IMA's, and those its list names: said with the list. */
	if (bit & FREE_PCRS)
		return PCR_NO_LOG;
	if (pcr == IMA_PCR && verdict_section(j, EVIDENCE_IMA).data)
		return PCR_UNEXPLAINED;
	if (j->ima_wrong & bit)
		return PCR_UNEXPLAINED;
	if (j->log_broken)
		return PCR_NO_LOG;
	if (!say->firmware && bit & ~(LAUNCH_PCRS | SYSTEM_PCRS | 1u << IMA_PCR))
		return PCR_NO_LOG; /* said once for all */
	if (pcr == IMA_PCR || (bit & SYSTEM_PCRS && !say->userspace)) {
		say_no_log(j, pcr);
		return PCR_NO_LOG;
	}
	const struct attest_digest *expected =
		say->known[fit->wrong] & bit ? &say->values.values[fit->wrong][pcr] : NULL;

	say_unexplained(j, pcr, fit->wrong, fit->fit == 0, expected);
	return PCR_UNEXPLAINED;
}

static void judge_pcr(struct judge *j, const struct logs_say *say, uint32_t pcr)
{
	struct verdict_pcr *out = &j->out->pcrs[pcr];
	struct pcr_fit fit = fit_of(j, say, pcr);

	if (fit.banks == 0) {
		/* Its value did not come, and its list does not make the quoted digest. */
		if (pcr == IMA_PCR && j->ima_said)
			out->state = PCR_UNEXPLAINED;
		return;
	}
	out->value = j->proved.values[fit.strongest][pcr];
	if (ima_explains(j, pcr)) {
		out->events += pcr == IMA_PCR ? j->ima.entries : 0;
		out->state = fit.reset == fit.banks ? PCR_UNUSED : PCR_EXPLAINED;
	} else if (fit.fit == fit.banks && say->touched & 1u << pcr) {
		out->state = PCR_EXPLAINED;
	} else if (fit.reset == fit.banks && !(say->touched & 1u << pcr)) {
		out->state = PCR_UNUSED;
	} else {
		out->state = judge_wrong(j, say, pcr, &fit);
	}
}

/* PCRs that decide something must be signed. */
static void judge_required(struct judge *j, const struct logs_say *say)
{
	uint32_t required = j->options->required_pcrs, quoted = 0;
	struct reason *reason;
	char pcrs[96];

	if (required == 0)
		required = FIRMWARE_PCRS | (say->touched & ~FREE_PCRS) |
			   (verdict_section(j, EVIDENCE_IMA).data ? 1u << IMA_PCR : 0);
	for (size_t i = 0; i < j->proved.banks_count; i++)
		quoted |= j->proved.present[i];
	/* IMA's was said with its list. */
	if (verdict_section(j, EVIDENCE_IMA).data && !j->ima_found)
		required &= ~(1u << IMA_PCR);
	if (!(required & ~quoted))
		return;
	verdict_pcr_list(required & ~quoted, pcrs, sizeof(pcrs));
	reason = verdict_reason(j, REASON_PCR_UNQUOTED, NULL, NULL);
	if (!reason)
		return;
	reason->pcrs = required & ~quoted;
	rf_format(reason->detail, sizeof(reason->detail), "not signed: PCR %s", pcrs);
}

/* A bank of which the whole firmware log says nothing: one reason instead of eight. */
static void judge_unknown_banks(struct judge *j, struct logs_say *say)
{
	for (size_t i = 0; i < j->proved.banks_count; i++) {
		if (!say->firmware || log_has(&j->out->boot, j->proved.algs[i]) ||
		    !(j->proved.present[i] & FIRMWARE_PCRS))
			continue;
		bank_reason(j, REASON_PCR_UNEXPLAINED, j->proved.algs[i],
			    "the boot log holds no digest of this bank");
	}
}

static bool wants_firmware_log(const struct judge *j)
{
	uint32_t required = j->options->required_pcrs;

	return required == 0 || required & 0x3ff;
}

/* Why a host has no boot log: by whether its firmware measured at all. */
static const struct no_log {
	const char *detail, *next;
} no_logs[] = {
	{"and its firmware measured nothing: registers 0 to 7 are empty, as after a start by BIOS "
	 "(CSM) or with measuring switched off",
	 "In the firmware setup start by UEFI, switch CSM (legacy) off, and switch measuring on (TPM "
	 "measurement, Measured Boot, PCR); in a VM choose UEFI firmware (<os firmware='efi'>). "
	 "Restart, then collect evidence again"},
	{"although its firmware measured: registers 0 to 7 are filled",
	 "On the host, as root: ls /sys/kernel/security/tpm0. Nothing there has three causes: "
	 "securityfs is not mounted (mount -t securityfs securityfs /sys/kernel/security); the kernel "
	 "was built without a TPM driver (use the distribution's); or the boot loader started it past "
	 "its EFI stub, which hands the log on (use the distribution's signed GRUB with linux, not "
	 "linux16, or systemd-boot). Mend it, restart, collect evidence again"},
	{"what came is the log of a confidential VM's registers, not of a TPM's", NULL},
};

static const char said_bios[] = "\"boot\":\"bios\"";

static void say_no_boot_log(struct judge *j)
{
	bool filled = false;

	for (size_t i = 0; i < j->proved.banks_count; i++)
		filled |= (pcrs_in_use(j, i) & FIRMWARE_PCRS) != 0;
	const struct no_log *row = &no_logs[j->out->boot.firmware.ccel ? 2 : filled];
	struct reason *reason = verdict_reason(j, REASON_LOG_MISSING, NULL, row->detail);
	struct rf_slice meta = verdict_section(j, EVIDENCE_META);

	if (!reason)
		return;
	reason->next = row->next;
	/* A hint, but it costs nothing: without UEFI there is no such log anyway. */
	if (meta.len && memmem(meta.data, meta.len, said_bios, sizeof(said_bios) - 1)) {
		rf_copy(reason->detail, sizeof(reason->detail),
			"the host says that it was started by BIOS, which leaves none");
		reason->next = no_logs[0].next;
	}
}

int verdict_judge_pcrs(struct judge *j, struct rf_err *err)
{
	struct logs_say say = {0};

	gather_logs(j, &say);
	int rc = gather_userspace(j, &say);

	if (rc < 0)
		return rf_fail(err, rc, "the system's log cannot be replayed");
	judge_banks(j);
	if (!say.firmware && !j->log_broken && wants_firmware_log(j))
		say_no_boot_log(j);
	judge_unknown_banks(j, &say);
	for (uint32_t pcr = 0; pcr < ATTEST_PCRS; pcr++)
		judge_pcr(j, &say, pcr);
	judge_required(j, &say);
	return 0;
}

/* ---- protections ---- */

/* What the story says of them; believed only where a digest proves it. */
struct protections {
	const struct boot_item *secure_boot, *pk, *shim, *cmdline;
};

static bool believed(const struct boot_item *item)
{
	return item->proof == EVENTLOG_PROVED;
}

static bool says_on(const struct boot_item *item)
{
	return item->value.len == 1 && item->value.data[0] == 1;
}

static struct protections find_protections(const struct boot *boot)
{
	struct protections p = {0};

	for (size_t i = 0; i < boot->count; i++) {
		const struct boot_item *item = &boot->items[i];

		if (item->source != BOOT_FIRMWARE_LOG)
			continue;
		if (item->component == COMPONENT_SECURE_BOOT_STATE && believed(item) &&
		    strcmp(item->name, "SecureBoot") == 0) {
			/* Said twice, the worse one counts. */
			if (!p.secure_boot || says_on(p.secure_boot))
				p.secure_boot = item;
		}
		if (item->component == COMPONENT_SECURE_BOOT_PK && believed(item))
			p.pk = item;
		else if (item->component == COMPONENT_CMDLINE && believed(item))
			p.cmdline = item;
		else if (strcmp(item->name, "MokSBState") == 0)
			p.shim = item;
	}
	return p;
}

/* Shim measures the variable's contents: the one byte 1 means "check nothing". */
static bool shim_checks_nothing(struct judge *j, const struct boot_item *item)
{
	static const uint8_t one = 1;
	uint8_t digest[ATTEST_MAX_DIGEST];

	for (size_t i = 0; item && i < item->digests_count; i++) {
		const struct attest_digest *have = &item->digests[i];

		if (attest_hash(j->hasher, have->alg, (struct rf_slice){&one, 1},
				(struct rf_slice){0}, digest) == 0 &&
		    memcmp(digest, have->bytes, have->len) == 0)
			return true;
	}
	return false;
}

void verdict_judge_protections(struct judge *j)
{
	const struct boot *boot = &j->out->boot;

	if (!verdict_has_log(j))
		return;
	struct protections p = find_protections(boot);
	bool on =
		p.secure_boot && p.secure_boot->value.len == 1 && p.secure_boot->value.data[0] == 1;
	bool unchecked = shim_checks_nothing(j, p.shim);

	if (!p.secure_boot)
		verdict_reason(j, REASON_SECURE_BOOT_OFF, NULL,
			       "the boot log does not prove that it was on");
	else if (!on)
		verdict_reason_item(j, REASON_SECURE_BOOT_OFF, p.secure_boot);
	if (p.pk && p.pk->value.len == 0)
		verdict_reason_item(j, REASON_SETUP_MODE, p.pk);
	if (unchecked)
		verdict_reason_item(j, REASON_SHIM_VALIDATION_OFF, p.shim);
	/* With Secure Boot kernels of distributions lock themselves down; without it they do so
	 * only when told. */
	if ((!on || unchecked) && p.cmdline && !strstr(p.cmdline->text, "lockdown="))
		verdict_reason_item(j, REASON_LOCKDOWN_OFF, p.cmdline);
}
