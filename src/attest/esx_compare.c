/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Judges what esx.c read: which PCR values the events explain, and which texts their digests prove.
 * Sources: vim.host.TpmAttestationReport (how a PCR grows); the rules of digests by public test
 * data: command lines as they are, security options with a NUL behind, option files their contents.
 */
#include <string.h>

#include "attest/esx_parts.h"
#include "base/mem.h"

static const char *const kind_names[] = {
	[ESX_PREBOOT] = "before the boot loader",
	[ESX_MODULE] = "module",
	[ESX_OPTIONS_FILE] = "boot options",
	[ESX_COMMAND_LINE] = "command line",
	[ESX_SECURITY_OPTION] = "security option",
	[ESX_SIGNER] = "signer",
	[ESX_TAG] = "tag",
	[ESX_VERSION] = "version",
	[ESX_BOOT_COMPLETE] = "end of the boot",
	[ESX_OTHER] = "other",
};

static const char *const verdict_names[] = {
	[ESX_EXPLAINED] = "explained by its events",
	[ESX_DIFFERS] = "not what its events make",
	[ESX_STATED] = "only repeated by its event, not explained",
	[ESX_INCOMPLETE] = "not to be replayed: an event has no digest",
	[ESX_SILENT] = "explained by nothing",
	[ESX_UNUSED] = "not used",
	[ESX_NO_VALUE] = "events, but no value to compare with",
};

const char *esx_kind_name(enum esx_kind kind)
{
	return kind_names[kind];
}

const char *esx_verdict_name(enum esx_verdict verdict)
{
	return verdict_names[verdict];
}

enum esx_format esx_log_format(const struct esx_log *log)
{
	return log->format;
}

bool esx_log_incomplete(const struct esx_log *log)
{
	return log->incomplete;
}

size_t esx_log_events(const struct esx_log *log, const struct esx_event **out)
{
	*out = log->events;
	return log->events_count;
}

const struct eventlog *esx_log_firmware(const struct esx_log *log)
{
	return log->format == ESX_EVENTLOG ? &log->firmware : NULL;
}

const struct attest_pcr_values *esx_log_pcrs(const struct esx_log *log)
{
	return &log->pcrs;
}

static bool digest_is(struct attest_hasher *hasher, const struct attest_digest *digest,
		      struct rf_slice a, struct rf_slice b)
{
	uint8_t is[ATTEST_MAX_DIGEST];

	return attest_hash(hasher, digest->alg, a, b, is) == 0 &&
	       memcmp(is, digest->bytes, digest->len) == 0;
}

void esx_event_prove(struct attest_hasher *hasher, struct esx_event *event, struct rf_slice data)
{
	static const uint8_t nul;
	const struct rf_slice none = {0}, end = {&nul, 1}, text = rf_slice_text(event->name);
	/* The rule is known, and what it is about is here. */
	bool strict = (event->kind == ESX_COMMAND_LINE || event->kind == ESX_SECURITY_OPTION) &&
		      text.len > 0;
	bool proved = text.len > 0 && event->kind != ESX_MODULE &&
		      (digest_is(hasher, &event->digest, text, end) ||
		       digest_is(hasher, &event->digest, text, none));

	if (event->kind == ESX_OPTIONS_FILE || event->kind == ESX_VERSION) {
		strict = data.len > 0 && event->kind == ESX_OPTIONS_FILE;
		proved = data.len > 0 && digest_is(hasher, &event->digest, data, none);
	}
	event->proof = proved			   ? EVENTLOG_PROVED
		       : strict && !event->missing ? EVENTLOG_DISPROVED
						   : EVENTLOG_HINT;
}

/* What the events of one PCR come to. */
struct sum {
	size_t events, missing;
	struct attest_digest value, last;
};

static int sum_make(struct attest_hasher *hasher, const struct esx_log *log, uint8_t locality,
		    struct esx_pcr *row, struct sum *out)
{
	struct sum sum = {.value = {.alg = row->alg, .len = (uint8_t)attest_digest_size(row->alg)}};

	sum.value.bytes[sum.value.len - 1] = locality;
	for (size_t i = 0; i < log->events_count; i++) {
		const struct esx_event *event = &log->events[i];

		if (event->pcr != row->pcr || event->digest.alg != row->alg)
			continue;
		int rc = attest_extend(hasher, row->alg, sum.value.bytes,
				       (struct rf_slice){event->digest.bytes, event->digest.len});

		if (rc)
			return rc;
		sum.events++;
		sum.missing += event->missing;
		sum.last = event->digest;
	}
	*out = sum;
	return 0;
}

static bool same(const struct attest_digest *a, const struct attest_digest *b)
{
	return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

/* Zeros; ones where a dynamic launch did not take place. */
static bool is_first(const struct attest_digest *value, uint32_t pcr)
{
	uint8_t first = pcr >= 17 && pcr <= 22 ? value->bytes[0] : 0;

	for (size_t i = 0; i < value->len; i++) {
		if (value->bytes[i] != first)
			return false;
	}
	return first == 0 || first == 0xff;
}

static enum esx_verdict verdict_of(const struct sum *sum, const struct attest_digest *value,
				   uint32_t pcr)
{
	if (!value)
		return ESX_NO_VALUE;
	if (!sum->events)
		return is_first(value, pcr) ? ESX_UNUSED : ESX_SILENT;
	if (sum->missing)
		return ESX_INCOMPLETE;
	if (same(&sum->value, value))
		return ESX_EXPLAINED;
	return sum->events == 1 && same(&sum->last, value) ? ESX_STATED : ESX_DIFFERS;
}

/* PCR 0 begins with the locality of the start-up, which these logs do not tell. */
static int row_judge(struct attest_hasher *hasher, const struct esx_log *log,
		     const struct attest_digest *value, struct esx_pcr *row)
{
	static const uint8_t localities[] = {0, 3, 4};

	for (size_t i = 0; i < (row->pcr == 0 ? RF_COUNT(localities) : 1); i++) {
		struct sum sum;
		int rc = sum_make(hasher, log, localities[i], row, &sum);

		if (rc)
			return rc;
		enum esx_verdict verdict = verdict_of(&sum, value, row->pcr);

		if (i > 0 && verdict != ESX_EXPLAINED)
			continue;
		row->verdict = verdict;
		row->events = sum.events;
		if (sum.events && !sum.missing)
			row->replayed = sum.value;
		if (verdict == ESX_EXPLAINED)
			break;
	}
	return 0;
}

static size_t firmware_events(const struct eventlog *log, uint16_t alg, uint32_t pcr)
{
	struct eventlog_event event;
	size_t at = 0, count = 0;

	while (eventlog_next(log, &at, &event) == 1) {
		for (size_t i = 0; event.pcr == pcr && i < event.digests_count; i++)
			count += event.algs[i] == alg;
	}
	return count;
}

/* The firmware's log has been replayed; its banks need not stand in the order of ours. */
static void row_judge_firmware(const struct esx_log *log, const struct attest_digest *value,
			       struct esx_pcr *row)
{
	const struct eventlog_replay *replay = &log->firmware_replay;
	size_t bank = 0;

	while (bank < replay->pcrs.banks_count && replay->pcrs.algs[bank] != row->alg)
		bank++;
	if (bank == replay->pcrs.banks_count) {
		row->verdict = is_first(value, row->pcr) ? ESX_UNUSED : ESX_SILENT;
		return;
	}
	bool touched = replay->touched[bank] & 1u << row->pcr;

	if (touched) {
		row->events = firmware_events(&log->firmware, row->alg, row->pcr);
		row->replayed = replay->pcrs.values[bank][row->pcr];
	}
	if (!value)
		row->verdict = ESX_NO_VALUE;
	else if (touched)
		row->verdict = same(&row->replayed, value) ? ESX_EXPLAINED : ESX_DIFFERS;
	else
		row->verdict = is_first(value, row->pcr) ? ESX_UNUSED : ESX_SILENT;
}

/* Is there anything to say of this PCR? */
static bool is_told(const struct esx_log *log, uint16_t alg, uint32_t pcr,
		    const struct attest_digest **out_value)
{
	*out_value = NULL;
	for (size_t i = 0; i < log->pcrs.banks_count; i++) {
		if (log->pcrs.algs[i] == alg && log->pcrs.present[i] & 1u << pcr)
			*out_value = &log->pcrs.values[i][pcr];
	}
	bool told = *out_value != NULL;

	for (size_t i = 0; !told && i < log->events_count; i++)
		told = log->events[i].pcr == pcr && log->events[i].digest.alg == alg;
	for (size_t i = 0; !told && i < log->firmware_replay.pcrs.banks_count; i++)
		told = log->firmware_replay.pcrs.algs[i] == alg &&
		       log->firmware_replay.touched[i] & 1u << pcr;
	return told;
}

int esx_compare(struct attest_hasher *hasher, struct esx_log *log, const struct esx_pcr **out,
		struct rf_err *err)
{
	static const uint16_t algs[] = {ATTEST_SHA1, ATTEST_SHA256, ATTEST_SHA384, ATTEST_SHA512,
					ATTEST_SM3};
	const struct attest_digest *value;
	size_t count = 0;
	int rc = 0;

	for (size_t n = 0; rc == 0 && n < RF_COUNT(algs) * ATTEST_PCRS; n++) {
		struct esx_pcr row = {.alg = algs[n / ATTEST_PCRS],
				      .pcr = (uint32_t)(n % ATTEST_PCRS)};

		if (!is_told(log, row.alg, row.pcr, &value))
			continue;
		if (log->format == ESX_EVENTLOG)
			row_judge_firmware(log, value, &row);
		else
			rc = row_judge(hasher, log, value, &row);
		log->rows[count++] = row;
	}
	if (rc)
		return rf_fail(err, RF_E_CRYPTO, "a PCR cannot be replayed");
	*out = log->rows;
	return (int)count;
}
