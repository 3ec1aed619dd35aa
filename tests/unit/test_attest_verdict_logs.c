/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verdict over logs: a genuine TPM and a lying host. Events dropped, doubled, moved, retyped,
 * banks that nobody filled, IMA lists with a planted entry, protections that were off.
 */
#include "attest_forge.h"

/* ---- the boot log ---- */

static void log_missing(struct forge *f)
{
	f->leave_out[EVIDENCE_BOOT_LOG] = true;
}

/* Some clouds give a log of no bytes. */
static void log_empty(struct forge *f)
{
	f->instead[EVIDENCE_BOOT_LOG] = BYTES("");
}

static void log_cut(struct forge *f)
{
	f->log.buf.len -= 3;
}

static void log_of_no_events(struct forge *f)
{
	f->instead[EVIDENCE_BOOT_LOG] =
		BYTES("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
}

/* A whole record at the end is left out: the log still reads well. */
static void last_event_cut(struct forge *f)
{
	uint32_t index = forge_find(&f->log.buf, 9, IPL);

	forge_drop_record(&f->log.buf, index);
}

static void event_dropped(struct forge *f)
{
	forge_drop_record(&f->log.buf, forge_find(&f->log.buf, 4, BOOT_APP));
}

static void event_doubled(struct forge *f)
{
	uint32_t index = forge_find(&f->log.buf, 4, BOOT_APP);

	forge_copy_record(&f->log.buf, index, index);
}

static void events_exchanged(struct forge *f)
{
	uint32_t index = forge_find(&f->log.buf, 0, FIRMWARE_BLOB);

	forge_copy_record(&f->log.buf, index, index + 1);
	forge_drop_record(&f->log.buf, index);
}

/* The event goes to a PCR where nobody looks. */
static void event_moved(struct forge *f)
{
	forge_retype_record(&f->log.buf, forge_find(&f->log.buf, 4, BOOT_APP), 2, BOOT_APP);
}

/* EV_NO_ACTION is not extended: a way to hide what was. */
static void event_silenced(struct forge *f)
{
	forge_retype_record(&f->log.buf, forge_find(&f->log.buf, 4, BOOT_APP), 4, NO_ACTION);
}

/* The digest stays, so that the PCR fits; type and data are not covered by it. */
static void event_retyped(struct forge *f)
{
	forge_retype_record(&f->log.buf, forge_find(&f->log.buf, 4, BOOT_APP), 4, VARIABLE_CONFIG);
}

static void event_of_no_type(struct forge *f)
{
	forge_retype_record(&f->log.buf, forge_find(&f->log.buf, 4, BOOT_APP), 4, 0x1234567);
}

/* The TPM measures it, and the log tells what the attacker likes. */
static void measured_as(struct forge *f, uint32_t pcr, uint32_t type, struct rf_slice data)
{
	struct log_build b;

	begin_log(&b, ATTEST_SHA1, ATTEST_SHA256, 0);
	size_t start = b.buf.len, at;

	add_measured(&b, pcr, type, data, BYTES("bootkit"));
	/* Before the exit of boot services: the last two records. */
	at = forge_record(&f->log.buf, forge_find(&f->log.buf, 5, EFI_ACTION));
	forge_splice(&f->log.buf, at, at, (struct rf_slice){b.buf.data + start, b.buf.len - start});
	end_log(&b);
	forge_take_log(f, &f->log, 1u << pcr);
	f->leave_out[EVIDENCE_IMA] = true;
	for (size_t i = 0; i < f->pcrs.banks_count; i++)
		memset(f->pcrs.values[i][10].bytes, 0, 64);
}

static void new_event_of_no_type(struct forge *f)
{
	measured_as(f, 4, 0x1234567, BYTES("harmless"));
}

static void bootkit_as_microcode(struct forge *f)
{
	measured_as(f, 9, IPL, BYTES_NUL("/boot/early-ucode.img"));
}

static void bootkit_as_tag(struct forge *f)
{
	measured_as(f, 4, EVENT_TAG, BYTES("\1\0\0\0\4\0\0\0tag!"));
}

static void key_as_shim_variable(struct forge *f)
{
	measured_as(f, 14, IPL, BYTES_NUL("SbatLevel"));
}

/* "Secure Boot was on", over the digest of off. */
static void data_changed(struct forge *f)
{
	size_t end = forge_record(&f->log.buf, forge_find(&f->log.buf, 7, VARIABLE_CONFIG) + 1);

	f->log.buf.data[end - 1] ^= 1;
}

static void digest_changed(struct forge *f, size_t offset)
{
	f->log.buf.data[forge_record(&f->log.buf, forge_find(&f->log.buf, 4, BOOT_APP)) + offset] ^=
		1;
}

/* Record: pcr, type, count (12 bytes), then algorithm (2) and digest of each bank. */
static void sha1_digest_changed(struct forge *f)
{
	digest_changed(f, 12 + 2);
}

static void sha256_digest_changed(struct forge *f)
{
	digest_changed(f, 12 + 2 + 20 + 2);
}

static void unknown_algorithm(struct forge *f)
{
	digest_changed(f, 12);
}

static void pcr_24(struct forge *f)
{
	forge_retype_record(&f->log.buf, forge_find(&f->log.buf, 4, BOOT_APP), 24, BOOT_APP);
}

static void pcr_huge(struct forge *f)
{
	forge_retype_record(&f->log.buf, forge_find(&f->log.buf, 4, BOOT_APP), 0xffffffff,
			    BOOT_APP);
}

/* Another start value for PCR 0 than the TPM had. */
static void locality_claimed(struct forge *f)
{
	static const uint8_t zeros[20];
	RF_AUTOBUF struct rf_buf record = {0};
	size_t at = forge_record(&f->log.buf, 1);

	put_le(&record, 0, 4);
	put_le(&record, NO_ACTION, 4);
	put_le(&record, 2, 4);
	put_le(&record, ATTEST_SHA1, 2);
	rf_buf_add(&record, zeros, 20);
	put_le(&record, ATTEST_SHA256, 2);
	rf_buf_add(&record, zeros, 20);
	rf_buf_add(&record, zeros, 12);
	put_le(&record, 17, 4);
	rf_buf_add(&record, "StartupLocality\0\3", 17);
	forge_splice(&f->log.buf, at, at, rf_buf_slice(&record));
}

/* An attacker measures on after the firmware has closed PCR 7, and logs it. */
static void appended_after_exit(struct forge *f)
{
	add_event(&f->log, 7, VARIABLE_CONFIG, BYTES("late"));
	forge_take_log(f, &f->log, 1u << 7);
}

static void appended_unmeasured(struct forge *f)
{
	add_event(&f->log, 9, IPL, BYTES("/boot/nothing"));
}

/* The TPM measured it, the log does not show it. */
static void measured_unlogged(struct forge *f)
{
	forge_extend(f, 4, BYTES("bootkit"));
}

static void measured_into_14(struct forge *f)
{
	forge_extend(f, 14, BYTES("key"));
}

static void measured_into_16_and_23(struct forge *f)
{
	forge_extend(f, 16, BYTES("debugging"));
	forge_extend(f, 23, BYTES("application"));
}

static void system_measured_no_log(struct forge *f)
{
	forge_extend(f, 15, BYTES("machine-id"));
}

static void launch_without_log(struct forge *f)
{
	forge_extend(f, 17, BYTES("loader"));
}

static void confidential_log(struct forge *f)
{
	struct log_build b;
	static struct rf_buf kept;

	rf_buf_reset(&kept);
	begin_log(&b, ATTEST_SHA384, 0, 0);
	for (uint32_t i = 0; i < 4; i++)
		add_event(&b, i, SEPARATOR, ZEROS);
	rf_buf_add(&kept, b.buf.data, b.buf.len);
	end_log(&b);
	f->instead[EVIDENCE_BOOT_LOG] = rf_buf_slice(&kept);
}

static const struct forge_case logs[] = {
	{"no boot log", log_missing, VERDICT_CANNOT_JUDGE, REASON_LOG_MISSING, NULL},
	{"an empty boot log", log_empty, VERDICT_CANNOT_JUDGE, REASON_LOG_MISSING, NULL},
	{"a log that is cut", log_cut, VERDICT_UNTRUSTED, REASON_LOG_BROKEN, "wanted"},
	{"a log of padding", log_of_no_events, VERDICT_UNTRUSTED, REASON_LOG_BROKEN, "no event"},
	{"an event of PCR 9 left out", last_event_cut, VERDICT_UNTRUSTED, REASON_PCR_UNEXPLAINED,
	 "PCR 9"},
	{"an event dropped", event_dropped, VERDICT_UNTRUSTED, REASON_PCR_UNEXPLAINED, "PCR 4"},
	{"an event doubled", event_doubled, VERDICT_UNTRUSTED, REASON_PCR_UNEXPLAINED, "PCR 4"},
	{"two events exchanged", events_exchanged, VERDICT_UNTRUSTED, REASON_PCR_UNEXPLAINED,
	 "PCR 0"},
	{"an event in another PCR", event_moved, VERDICT_UNTRUSTED, REASON_PCR_UNEXPLAINED,
	 "PCR 2"},
	{"an event that does not extend", event_silenced, VERDICT_UNTRUSTED, REASON_PCR_UNEXPLAINED,
	 "PCR 4"},
	{"an event with another type", event_retyped, VERDICT_UNTRUSTED, REASON_EVENT_NOT_ALLOWED,
	 NULL},
	{"an approved event under no known type", event_of_no_type, VERDICT_WARNING,
	 REASON_EVENT_UNKNOWN, "0x01234567"},
	{"a new event of no known type", new_event_of_no_type, VERDICT_UNTRUSTED,
	 REASON_EVENT_UNKNOWN, "0x01234567"},
	{"a bootkit that is called microcode", bootkit_as_microcode, VERDICT_UNTRUSTED,
	 REASON_MICROCODE_CHANGED, NULL},
	{"a bootkit that is called a tag", bootkit_as_tag, VERDICT_UNTRUSTED, REASON_EVENT_CHANGED,
	 NULL},
	{"a key that is called a shim variable", key_as_shim_variable, VERDICT_UNTRUSTED,
	 REASON_COUNT, NULL},
	{"data that its digest disproves", data_changed, VERDICT_UNTRUSTED, REASON_EVENT_FORGED,
	 "SecureBoot"},
	{"another digest in the SHA-1 bank", sha1_digest_changed, VERDICT_UNTRUSTED,
	 REASON_PCR_UNEXPLAINED, "sha1"},
	{"another digest in the SHA-256 bank", sha256_digest_changed, VERDICT_UNTRUSTED,
	 REASON_PCR_UNEXPLAINED, "sha256"},
	{"an algorithm that the header lacks", unknown_algorithm, VERDICT_UNTRUSTED,
	 REASON_LOG_BROKEN, "does not list"},
	{"PCR 24 in the log", pcr_24, VERDICT_UNTRUSTED, REASON_LOG_BROKEN, "PCR 24"},
	{"PCR 4294967295 in the log", pcr_huge, VERDICT_UNTRUSTED, REASON_LOG_BROKEN, "PCR"},
	{"a locality that the TPM did not have", locality_claimed, VERDICT_UNTRUSTED,
	 REASON_PCR_UNEXPLAINED, "PCR 0"},
	{"an event behind the end", appended_after_exit, VERDICT_UNTRUSTED,
	 REASON_EVENT_NOT_ALLOWED, NULL},
	{"an event that nobody measured", appended_unmeasured, VERDICT_UNTRUSTED,
	 REASON_PCR_UNEXPLAINED, "PCR 9"},
	{"a measurement that nobody logged", measured_unlogged, VERDICT_UNTRUSTED,
	 REASON_PCR_UNEXPLAINED, "boot programs"},
	{"a measurement of shim that nobody logged", measured_into_14, VERDICT_UNTRUSTED,
	 REASON_PCR_UNEXPLAINED, "PCR 14"},
	{"PCRs that anybody resets", measured_into_16_and_23, VERDICT_TRUSTED, REASON_COUNT, NULL},
	{"the system's measurements without their log", system_measured_no_log,
	 VERDICT_CANNOT_JUDGE, REASON_LOG_MISSING, "PCR 15"},
	{"a launch without its log", launch_without_log, VERDICT_UNTRUSTED, REASON_PCR_UNEXPLAINED,
	 "PCR 17"},
	{"the log of a confidential VM", confidential_log, VERDICT_CANNOT_JUDGE, REASON_LOG_MISSING,
	 "confidential"},
};

/* ---- banks ---- */

/* CVE-2021-42299: the firmware left this bank empty; what stands there later is anybody's. */
static void bank_never_extended(struct forge *f)
{
	forge_bank(&f->pcrs, ATTEST_SHA384);
	forge_take_ima(f);
}

/* The same, and PCR 0 says no more than the locality it began with. */
static void bank_with_locality_only(struct forge *f)
{
	bank_never_extended(f);
	f->pcrs.values[2][0].bytes[47] = 3;
}

/* Filled by an attacker: the log says nothing of this bank. */
static void bank_filled_by_hand(struct forge *f)
{
	bank_never_extended(f);
	for (uint32_t pcr = 0; pcr < 8; pcr++)
		f->pcrs.values[2][pcr].bytes[0] = 0x77;
}

/* Sent but not signed: the host has this bank, and keeps it out of the quote. */
static void bank_not_quoted(struct forge *f)
{
	forge_select_all(f);
	f->sent = f->pcrs;
	forge_bank(&f->sent, ATTEST_SHA512);
}

static const struct forge_case banks[] = {
	{"a bank the firmware never extended", bank_never_extended, VERDICT_UNTRUSTED,
	 REASON_BANK_UNUSED, "sha384"},
	{"a bank with its start value only", bank_with_locality_only, VERDICT_UNTRUSTED,
	 REASON_BANK_UNUSED, "sha384"},
	{"a bank the log says nothing of", bank_filled_by_hand, VERDICT_UNTRUSTED,
	 REASON_PCR_UNEXPLAINED, "sha384"},
	{"a bank that is not signed", bank_not_quoted, VERDICT_WARNING, REASON_BANK_UNQUOTED,
	 "sha512"},
};

/* ---- IMA ---- */

static void ima_missing(struct forge *f)
{
	f->leave_out[EVIDENCE_IMA] = true;
}

static void ima_no_head(struct forge *f)
{
	f->instead[EVIDENCE_IMA] = BYTES("\x04");
}

static void ima_unknown_alg(struct forge *f)
{
	f->instead[EVIDENCE_IMA] = BYTES("\x34\x12\0\0\0\0");
}

static void ima_cut(struct forge *f)
{
	f->ima.list.len -= 3;
}

static void ima_ahead(struct forge *f)
{
	ima_add(&f->ima, "/usr/bin/later", 11);
	ima_add(&f->ima, "/usr/bin/last", 10);
}

/* The template's name is not hashed: with another one nobody reads which file it was. */
static void ima_template_renamed(struct forge *f)
{
	/* PCR, digest, length of the name: then the name. */
	f->ima.list.data[f->ima.offsets[2] + 4 + 20 + 4] ^= 0x10;
}

static void ima_dropped(struct forge *f)
{
	forge_splice(&f->ima.list, f->ima.offsets[2], f->ima.offsets[3], NOTHING);
}

static void ima_doubled(struct forge *f)
{
	RF_AUTOBUF struct rf_buf copy = {0};

	rf_buf_add(&copy, f->ima.list.data + f->ima.offsets[2],
		   f->ima.offsets[3] - f->ima.offsets[2]);
	forge_splice(&f->ima.list, f->ima.offsets[3], f->ima.offsets[3], rf_buf_slice(&copy));
}

static void ima_exchanged(struct forge *f)
{
	RF_AUTOBUF struct rf_buf copy = {0};

	rf_buf_add(&copy, f->ima.list.data + f->ima.offsets[1],
		   f->ima.offsets[2] - f->ima.offsets[1]);
	forge_splice(&f->ima.list, f->ima.offsets[3], f->ima.offsets[3], rf_buf_slice(&copy));
	forge_splice(&f->ima.list, f->ima.offsets[1], f->ima.offsets[2], NOTHING);
}

/* Another file's digest over the old template digest. */
static void ima_changed(struct forge *f)
{
	f->ima.list.data[f->ima.offsets[3] - 30] ^= 1;
}

static void ima_violated(struct forge *f)
{
	ima_add_violation(&f->ima, "/var/lib/db");
	forge_take_ima(f);
}

/* The list is genuine, the PCRs are of another boot. */
static void ima_of_another_boot(struct forge *f)
{
	struct machine other = story_base;
	struct forge g;

	other.grub = "another grub";
	forge_begin_with(&g, &other);
	rf_buf_done(&f->ima.list);
	f->ima = g.ima;
	g.ima.list = (struct rf_buf){0};
	forge_take_ima(f);
	forge_end(&g);
}

/* The value was read after the quote: the digest proves another one. */
static void ima_value_of_later(struct forge *f)
{
	f->sent = f->pcrs;
	f->sent.values[0][10].bytes[3] ^= 1;
	f->sent.values[1][10].bytes[3] ^= 1;
}

static void ima_value_not_sent(struct forge *f)
{
	f->sent = f->pcrs;
	f->sent.present[0] &= ~(1u << 10);
	f->sent.present[1] &= ~(1u << 10);
}

static void ima_value_not_sent_and_dropped(struct forge *f)
{
	ima_value_not_sent(f);
	ima_dropped(f);
}

/* Another value is a lie too: IMA's list must not cover for it. */
static void ima_value_not_sent_and_pcr4_forged(struct forge *f)
{
	ima_value_not_sent(f);
	f->sent.values[1][4].bytes[0] ^= 1;
}

static void ima_value_not_sent_pcr4_forged_and_dropped(struct forge *f)
{
	ima_value_not_sent_and_pcr4_forged(f);
	ima_dropped(f);
}

static void two_values_not_sent(struct forge *f)
{
	ima_value_not_sent(f);
	f->sent.present[1] &= ~(1u << 4);
}

static void ima_value_not_sent_and_cut(struct forge *f)
{
	ima_value_not_sent(f);
	f->ima.list.len -= 3;
}

/* IMA began before the TPM: entries that no PCR proves. */
static void ima_never_extended(struct forge *f)
{
	for (size_t i = 0; i < f->pcrs.banks_count; i++)
		memset(f->pcrs.values[i][10].bytes, 0, 64);
}

static const struct forge_case ima[] = {
	{"no list where IMA measured", ima_missing, VERDICT_CANNOT_JUDGE, REASON_LOG_MISSING,
	 "PCR 10"},
	{"a list without its head", ima_no_head, VERDICT_UNTRUSTED, REASON_IMA_BROKEN, NULL},
	{"a list of an unknown algorithm", ima_unknown_alg, VERDICT_UNTRUSTED, REASON_IMA_BROKEN,
	 NULL},
	{"a list that is cut", ima_cut, VERDICT_UNTRUSTED, REASON_IMA_BROKEN, "entry 4"},
	{"an entry of a template that is not known", ima_template_renamed, VERDICT_UNTRUSTED,
	 REASON_IMA_UNKNOWN_FILE, "the first is 2"},
	{"an entry dropped", ima_dropped, VERDICT_UNTRUSTED, REASON_IMA_UNEXPLAINED, NULL},
	{"an entry doubled", ima_doubled, VERDICT_UNTRUSTED, REASON_IMA_UNEXPLAINED,
	 "/usr/bin/bash"},
	{"two entries exchanged", ima_exchanged, VERDICT_UNTRUSTED, REASON_IMA_UNEXPLAINED,
	 "changed places"},
	{"an entry changed", ima_changed, VERDICT_UNTRUSTED, REASON_IMA_UNEXPLAINED,
	 "the entry was changed"},
	{"a violation", ima_violated, VERDICT_WARNING, REASON_IMA_VIOLATION, "/var/lib/db"},
	{"a list of another boot", ima_of_another_boot, VERDICT_UNTRUSTED, REASON_IMA_AGGREGATE,
	 NULL},
	{"PCR 10 was read later", ima_value_of_later, VERDICT_TRUSTED, REASON_COUNT, NULL},
	{"PCR 10 did not come", ima_value_not_sent, VERDICT_TRUSTED, REASON_COUNT, NULL},
	{"PCR 10 did not come, an entry is missing", ima_value_not_sent_and_dropped,
	 VERDICT_UNTRUSTED, REASON_IMA_UNEXPLAINED, NULL},
	{"PCR 10 did not come, PCR 4 is forged", ima_value_not_sent_and_pcr4_forged,
	 VERDICT_UNTRUSTED, REASON_QUOTE_FORGED, "values of the PCRs"},
	{"PCR 10 did not come, PCR 4 is forged, an entry is missing",
	 ima_value_not_sent_pcr4_forged_and_dropped, VERDICT_UNTRUSTED, REASON_IMA_UNEXPLAINED,
	 NULL},
	{"PCR 10 and PCR 4 did not come", two_values_not_sent, VERDICT_CANNOT_JUDGE,
	 REASON_EVIDENCE_MISSING, "PCR"},
	{"PCR 10 did not come, and its list is cut", ima_value_not_sent_and_cut, VERDICT_UNTRUSTED,
	 REASON_IMA_BROKEN, NULL},
	{"a list ahead of the quote", ima_ahead, VERDICT_TRUSTED, REASON_COUNT, NULL},
	{"a list that never reached the TPM", ima_never_extended, VERDICT_TRUSTED, REASON_IMA_OFF,
	 "none of them"},
};

static void run_all(const struct forge_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++)
		forge_run(&cases[i]);
}

static void log_cases(void **state)
{
	(void)state;
	run_all(logs, RF_COUNT(logs));
}

static void bank_cases(void **state)
{
	(void)state;
	run_all(banks, RF_COUNT(banks));
}

static void ima_cases(void **state)
{
	(void)state;
	run_all(ima, RF_COUNT(ima));
}

/* One entry more in the middle than the TPM saw: it is named. */
static void the_planted_entry_is_named(void **state)
{
	(void)state;
	for (int sent = 0; sent < 2; sent++) {
		struct maker aside = {0};
		struct forge f;

		forge_begin(&f);
		ima_add(&aside, "/tmp/rootkit", 0x66);
		forge_splice(&f.ima.list, f.ima.offsets[2], f.ima.offsets[2],
			     rf_buf_slice(&aside.list));
		rf_buf_done(&aside.list);
		if (!sent)
			ima_value_not_sent(&f);
		forge_judge(&f);
		assert_int_equal(forge_verdict.state, VERDICT_UNTRUSTED);
		assert_string_equal(forge_reason(REASON_IMA_UNEXPLAINED)->subject, "/tmp/rootkit");
		assert_int_equal(forge_reason(REASON_IMA_UNEXPLAINED)->event, 2);
		assert_int_equal(forge_reason(REASON_IMA_UNEXPLAINED)->pcr, 10);
		assert_int_equal(forge_verdict.pcrs[10].state, PCR_UNEXPLAINED);
		/* Without that entry the rest is proved. */
		assert_true(forge_verdict.quote_proved);
		assert_int_equal(forge_verdict.pcrs[4].state, PCR_EXPLAINED);
		assert_false(forge_says(REASON_PCR_UNQUOTED));
		forge_end(&f);
	}
}

/* Values that were not signed are a lie of their own: the list is not blamed, and what the log says
 * is proved all the same. Where log and values lie together, nobody can tell who does. */
static void a_forged_value_is_not_blamed_on_the_list(void **state)
{
	struct forge f;

	(void)state;
	forge_begin(&f);
	ima_value_not_sent_and_pcr4_forged(&f);
	f.sent.values[0][7].bytes[3] ^= 1;
	forge_judge(&f);
	assert_int_equal(forge_verdict.state, VERDICT_UNTRUSTED);
	assert_false(forge_says(REASON_IMA_UNEXPLAINED));
	assert_string_equal(forge_reason(REASON_QUOTE_FORGED)->detail,
			    "other values of PCR 4, 7 came than were signed; the boot log and the "
			    "list of measured files are genuine");
	assert_true(forge_verdict.quote_proved);
	assert_int_equal(forge_verdict.pcrs[4].state, PCR_EXPLAINED);
	assert_int_equal(forge_verdict.pcrs[10].state, PCR_EXPLAINED);
	forge_end(&f);
	/* In a register that the log says nothing of. */
	forge_begin(&f);
	ima_value_not_sent(&f);
	f.sent.values[1][15].bytes[0] ^= 1;
	forge_judge(&f);
	assert_int_equal(forge_verdict.state, VERDICT_UNTRUSTED);
	assert_non_null(strstr(forge_reason(REASON_IMA_UNEXPLAINED)->detail,
			       "or the values of other registers are not those"));
	assert_false(forge_verdict.quote_proved);
	forge_end(&f);
}

static void a_list_into_another_pcr_is_proved_there(void **state)
{
	struct forge f;

	(void)state;
	for (int lie = 0; lie < 2; lie++) {
		struct ima_entry entry;
		struct ima_list list;

		forge_begin(&f);
		f.ima.pcr = 12;
		ima_add(&f.ima, "/usr/bin/measured-into-12", 0x55);
		list = open_list(&f.ima);
		while (ima_next(&list, &entry, NULL) == 1 && entry.pcr != 12)
			;
		if (!lie)
			forge_extend(&f, 12, entry.template_data);
		/* Measured later than that: so that PCR 12 must hold it. */
		f.ima.pcr = 10;
		ima_add(&f.ima, "/usr/bin/after-it", 0x56);
		forge_take_ima(&f);
		forge_judge(&f);
		assert_int_equal(forge_says(REASON_IMA_UNEXPLAINED), lie);
		if (!lie)
			assert_int_equal(forge_verdict.pcrs[12].state, PCR_EXPLAINED);
		forge_end(&f);
	}
}

/* Only the PCR that does not fit is named. */
static void exactly_the_wrong_pcr_is_named(void **state)
{
	struct forge f;

	(void)state;
	for (uint32_t pcr = 0; pcr < 10; pcr++) {
		forge_begin(&f);
		forge_extend(&f, pcr, BYTES("unlogged"));
		/* IMA's first entry is of the genuine values. */
		f.leave_out[EVIDENCE_IMA] = true;
		forge_judge(&f);
		for (uint32_t i = 0; i < 10; i++) {
			assert_int_equal(forge_verdict.pcrs[i].state,
					 i == pcr ? PCR_UNEXPLAINED : PCR_EXPLAINED);
			assert_int_equal(forge_verdict.pcrs[i].changed, i == pcr);
		}
		assert_int_equal(forge_reason(REASON_PCR_UNEXPLAINED)->pcr, pcr);
		forge_end(&f);
	}
}

/* ---- protections ---- */

static void secure_boot_off_is_said(void **state)
{
	struct machine machine = story_base;
	struct forge f;

	(void)state;
	machine.secure_boot = false;
	forge_begin_with(&f, &machine);
	forge_judge(&f);
	assert_string_equal(forge_reason(REASON_SECURE_BOOT_OFF)->subject, "SecureBoot");
	assert_int_equal(forge_reason(REASON_SECURE_BOOT_OFF)->pcr, 7);
	assert_true(forge_says(REASON_LOCKDOWN_OFF));
	forge_end(&f);
	machine.options = "root=/dev/vda2 lockdown=integrity";
	forge_begin_with(&f, &machine);
	forge_judge(&f);
	assert_true(forge_says(REASON_SECURE_BOOT_OFF));
	assert_false(forge_says(REASON_LOCKDOWN_OFF));
	forge_end(&f);
	forge_begin(&f);
	forge_judge(&f);
	assert_false(forge_says(REASON_SECURE_BOOT_OFF));
	assert_false(forge_says(REASON_LOCKDOWN_OFF));
	forge_end(&f);
}

/* A log that says nothing of Secure Boot proves nothing of it. */
static void secure_boot_unsaid_counts_as_off(void **state)
{
	struct forge f;

	(void)state;
	forge_begin(&f);
	forge_drop_record(&f.log.buf, forge_find(&f.log.buf, 7, VARIABLE_CONFIG));
	memset(&f.pcrs, 0, sizeof(f.pcrs));
	forge_take_log(&f, &f.log, 0xffffff);
	forge_take_ima(&f);
	forge_judge(&f);
	assert_non_null(strstr(forge_reason(REASON_SECURE_BOOT_OFF)->detail, "does not prove"));
	forge_end(&f);
}

/* The last word must not be the attacker's: once off, it is off. */
static void secure_boot_said_twice_is_off_when_one_says_so(void **state)
{
	for (int order = 0; order < 2; order++) {
		const uint8_t first = order == 0, second = !first;
		struct forge f;

		(void)state;
		forge_begin(&f);
		uint32_t index = forge_find(&f.log.buf, 7, VARIABLE_CONFIG);
		struct log_build b;

		begin_log(&b, ATTEST_SHA1, ATTEST_SHA256, 0);
		size_t start = b.buf.len;

		add_variable(&b, 7, VARIABLE_CONFIG, story_global, "SecureBoot",
			     (struct rf_slice){&first, 1});
		add_variable(&b, 7, VARIABLE_CONFIG, story_global, "SecureBoot",
			     (struct rf_slice){&second, 1});
		forge_splice(&f.log.buf, forge_record(&f.log.buf, index),
			     forge_record(&f.log.buf, index + 1),
			     (struct rf_slice){b.buf.data + start, b.buf.len - start});
		end_log(&b);
		forge_take_log(&f, &f.log, 1u << 7);
		forge_judge(&f);
		assert_string_equal(forge_reason(REASON_SECURE_BOOT_OFF)->subject, "SecureBoot");
		forge_end(&f);
	}
}

/* PK is empty: setup mode; MokSBState holds 1: shim checks nothing. */
static void setup_mode_and_shim_without_validation(void **state)
{
	static const uint8_t one = 1;
	struct log_build b;
	struct forge f;

	(void)state;
	forge_begin(&f);
	uint32_t index = forge_find(&f.log.buf, 7, VARIABLE_CONFIG) + 1;

	begin_log(&b, ATTEST_SHA1, ATTEST_SHA256, 0);
	size_t start = b.buf.len;

	add_variable(&b, 7, VARIABLE_CONFIG, story_global, "PK", NOTHING);
	add_measured(&b, 14, IPL, BYTES_NUL("MokSBState"), (struct rf_slice){&one, 1});
	forge_splice(&f.log.buf, forge_record(&f.log.buf, index),
		     forge_record(&f.log.buf, index + 1),
		     (struct rf_slice){b.buf.data + start, b.buf.len - start});
	end_log(&b);
	forge_take_log(&f, &f.log, 1u << 7 | 1u << 14);
	forge_judge(&f);
	assert_int_equal(forge_reason(REASON_SETUP_MODE)->pcr, 7);
	assert_int_equal(forge_reason(REASON_SHIM_VALIDATION_OFF)->pcr, 14);
	forge_end(&f);
}

static void an_error_of_the_firmware_is_said(void **state)
{
	struct machine machine = story_base;
	struct forge f;

	(void)state;
	machine.failure = "\1";
	forge_begin_with(&f, &machine);
	forge_judge(&f);
	assert_true(forge_says(REASON_BOOT_FAILURE));
	forge_end(&f);
}

/* ---- other logs ---- */

/* {"pcr":N, ...}: one record of systemd, its digests those of the text. */
static void add_phase(struct forge *f, uint32_t pcr, const char *text)
{
	uint8_t sha1[20], sha256[32];

	h("SHA1", text, strlen(text), sha1);
	h("SHA256", text, strlen(text), sha256);
	rf_buf_printf(&f->userspace,
		      "\x1e{\"pcr\":%u,\"digests\":[{\"hashAlg\":\"sha1\",\"digest\":\"", pcr);
	rf_buf_add_hex(&f->userspace, sha1, sizeof(sha1));
	rf_buf_add_text(&f->userspace, "\"},{\"hashAlg\":\"sha256\",\"digest\":\"");
	rf_buf_add_hex(&f->userspace, sha256, sizeof(sha256));
	rf_buf_printf(&f->userspace,
		      "\"}],\"content_type\":\"systemd\",\"content\":{\"eventType\":\"%s\","
		      "\"string\":\"%s\"}}\n",
		      pcr == 11 ? "phase" : "machine-id", text);
}

static void the_systems_log_explains_its_pcrs(void **state)
{
	struct forge f;

	(void)state;
	forge_begin(&f);
	f.options.baseline = NULL;
	add_phase(&f, 11, "enter-initrd");
	forge_extend(&f, 11, BYTES("enter-initrd"));
	add_phase(&f, 15, "machine-id:1");
	forge_extend(&f, 15, BYTES("machine-id:1"));
	add_phase(&f, 11, "leave-initrd"); /* measured after the quote */
	forge_judge(&f);
	assert_int_equal(forge_verdict.pcrs[11].state, PCR_EXPLAINED);
	assert_int_equal(forge_verdict.pcrs[15].state, PCR_EXPLAINED);
	assert_false(forge_says(REASON_PCR_UNEXPLAINED));
	/* One measurement more than the log has. */
	forge_extend(&f, 15, BYTES("volume-key"));
	forge_judge(&f);
	assert_int_equal(forge_verdict.state, VERDICT_UNTRUSTED);
	assert_int_equal(forge_reason(REASON_PCR_UNEXPLAINED)->pcr, 15);
	forge_end(&f);
}

static void a_broken_log_of_the_system_distrusts(void **state)
{
	struct forge f;

	(void)state;
	forge_begin(&f);
	rf_buf_add_text(&f.userspace, "\x1e{\"pcr\":99}\n");
	forge_judge(&f);
	assert_int_equal(forge_verdict.state, VERDICT_UNTRUSTED);
	assert_non_null(strstr(forge_reason(REASON_LOG_BROKEN)->detail, "userspace"));
	forge_end(&f);
}

static void a_measured_launch_is_explained_by_its_log(void **state)
{
	struct forge f;

	(void)state;
	for (int lie = 0; lie < 2; lie++) {
		forge_begin(&f);
		begin_log(&f.txt, ATTEST_SHA1, ATTEST_SHA256, 0);
		add_event(&f.txt, 17, 0x402, BYTES("SINIT"));
		add_event(&f.txt, 18, 0x410, BYTES("key"));
		add_event(&f.txt, 19, 0x404, BYTES("hypervisor"));
		forge_take_log(&f, &f.txt, 0x7e0000);
		if (lie)
			forge_extend(&f, 19, BYTES("another hypervisor"));
		forge_judge(&f);
		assert_int_equal(forge_verdict.pcrs[17].state, PCR_EXPLAINED);
		assert_int_equal(forge_verdict.pcrs[19].state,
				 lie ? PCR_UNEXPLAINED : PCR_EXPLAINED);
		assert_int_equal(forge_says(REASON_PCR_UNEXPLAINED), lie);
		forge_end(&f);
	}
}

static void only_required_pcrs_need_be_signed(void **state)
{
	struct forge f;

	(void)state;
	forge_begin(&f);
	f.options.required_pcrs = 0xff;
	f.quote.selections[0] = (struct attest_selection){ATTEST_SHA1, 0xff};
	f.quote.selections[1] = (struct attest_selection){ATTEST_SHA256, 0xff};
	f.quote.selections_count = 2;
	f.leave_out[EVIDENCE_IMA] = true;
	forge_judge(&f);
	assert_false(forge_says(REASON_PCR_UNQUOTED));
	assert_int_equal(forge_verdict.pcrs[9].state, PCR_NOT_QUOTED);
	f.options.required_pcrs = 0x1ff;
	forge_judge(&f);
	assert_int_equal(forge_reason(REASON_PCR_UNQUOTED)->pcrs, 0x100);
	forge_end(&f);
}

/* Thousands of wrong events: few reasons, and the rest is counted. */
static void many_wrong_events_do_not_drown_the_verdict(void **state)
{
	struct forge f;

	(void)state;
	forge_begin(&f);
	for (int i = 0; i < 3000; i++)
		add_event(&f.log, 7, 0x7654321, BYTES("?"));
	forge_judge(&f);
	assert_int_equal(forge_verdict.state, VERDICT_UNTRUSTED);
	assert_true(forge_verdict.reasons.count < 100);
	assert_int_equal(forge_verdict.reasons.dropped, 0);
	bool counted = false;

	for (size_t i = 0; i < forge_verdict.reasons.count; i++)
		counted |= strstr(forge_verdict.reasons.items[i].detail, "2984 more") != NULL;
	assert_true(counted);
	forge_end(&f);
}

/* ---- every place ---- */

/* Bytes of hints, which no digest covers, may change; nothing else may. The verdict never gets
 * better, and never crashes. */
static void every_truncation_of_each_section_is_no_pass(void **state)
{
	static const enum evidence_kind kinds[] = {EVIDENCE_QUOTE,     EVIDENCE_SIGNATURE,
						   EVIDENCE_AK_PUBLIC, EVIDENCE_PCRS,
						   EVIDENCE_BOOT_LOG,  EVIDENCE_IMA};
	RF_AUTOBUF struct rf_buf bytes = {0};
	struct evidence evidence;
	struct forge f;

	(void)state;
	forge_begin(&f);
	f.options.baseline = forge_baseline;
	forge_pack(&f, &bytes);
	assert_int_equal(evidence_parse(rf_buf_slice(&bytes), &evidence, NULL), 0);
	for (size_t k = 0; k < RF_COUNT(kinds); k++) {
		struct rf_slice whole = evidence.sections[kinds[k]];
		size_t step = whole.len > 1000 ? 7 : 1;

		for (size_t len = 0; len < whole.len; len += step) {
			f.instead[kinds[k]] = (struct rf_slice){whole.data, len};
			RF_AUTOBUF struct rf_buf cut = {0};

			for (uint32_t s = 1; s < 16; s++) {
				if (evidence.sections[s].data)
					assert_int_equal(
						evidence_add(&cut, (enum evidence_kind)s,
							     s == kinds[k] ? f.instead[s]
									   : evidence.sections[s]),
						0);
			}
			forge_judge_bytes(&f, rf_buf_slice(&cut));
			assert_true(verdict_exit_code(forge_verdict.state) != 0);
		}
	}
	forge_end(&f);
}

static void every_flipped_byte_of_what_is_proved_is_no_pass(void **state)
{
	static const enum evidence_kind kinds[] = {EVIDENCE_QUOTE, EVIDENCE_SIGNATURE,
						   EVIDENCE_AK_PUBLIC, EVIDENCE_PCRS, EVIDENCE_IMA};
	RF_AUTOBUF struct rf_buf bytes = {0};
	struct evidence evidence;
	struct forge f;

	(void)state;
	forge_begin(&f);
	f.options.baseline = forge_baseline;
	forge_pack(&f, &bytes);
	assert_int_equal(evidence_parse(rf_buf_slice(&bytes), &evidence, NULL), 0);
	for (size_t k = 0; k < RF_COUNT(kinds); k++) {
		struct rf_slice whole = evidence.sections[kinds[k]];
		uint8_t *at = bytes.data + (whole.data - bytes.data);

		for (size_t i = 0; i < whole.len; i++) {
			at[i] ^= 0x10;
			forge_judge_bytes(&f, rf_buf_slice(&bytes));
			if (verdict_exit_code(forge_verdict.state) == 0 &&
			    kinds[k] != EVIDENCE_PCRS)
				fail_msg("section %d, byte %zu: %s", kinds[k], i,
					 verdict_state_name(forge_verdict.state));
			at[i] ^= 0x10;
		}
	}
	forge_end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(log_cases),
		cmocka_unit_test(bank_cases),
		cmocka_unit_test(ima_cases),
		cmocka_unit_test(the_planted_entry_is_named),
		cmocka_unit_test(a_list_into_another_pcr_is_proved_there),
		cmocka_unit_test(a_forged_value_is_not_blamed_on_the_list),
		cmocka_unit_test(exactly_the_wrong_pcr_is_named),
		cmocka_unit_test(secure_boot_off_is_said),
		cmocka_unit_test(secure_boot_unsaid_counts_as_off),
		cmocka_unit_test(secure_boot_said_twice_is_off_when_one_says_so),
		cmocka_unit_test(setup_mode_and_shim_without_validation),
		cmocka_unit_test(an_error_of_the_firmware_is_said),
		cmocka_unit_test(the_systems_log_explains_its_pcrs),
		cmocka_unit_test(a_broken_log_of_the_system_distrusts),
		cmocka_unit_test(a_measured_launch_is_explained_by_its_log),
		cmocka_unit_test(only_required_pcrs_need_be_signed),
		cmocka_unit_test(many_wrong_events_do_not_drown_the_verdict),
		cmocka_unit_test(every_truncation_of_each_section_is_no_pass),
		cmocka_unit_test(every_flipped_byte_of_what_is_proved_is_no_pass),
	};

	return cmocka_run_group_tests(tests, forge_setup, forge_teardown);
}
