/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine with a TPM of the test's own: it boots (story_test.h), measures files (ima_test.h),
 * and its TPM signs. Everything on the way into the evidence can be bent, so that each lie has a
 * test. The signatures are real: what is refused is refused for the lie alone.
 */
#ifndef ATTEST_FORGE_H
#define ATTEST_FORGE_H

#include "attest_test.h"
#include "ima_test.h"
#include "story_test.h"

#include "attest/verdict.h"

static const uint8_t forge_nonce[20] = "twenty bytes of it.";

/* The TPM's keys: made once, they are slow. */
struct forge_keys {
	EVP_PKEY *ak, *other, *ek, *other_ek, *small, *ecc;
};
static struct forge_keys forge_keys;

struct forge {
	struct machine machine;
	struct log_build log, txt; /* firmware's, TXT's (empty: none) */
	struct maker ima;
	struct rf_buf userspace;
	struct attest_pcr_values pcrs; /* what the TPM holds */
	struct attest_pcr_values sent; /* what the host says that it holds */
	bool tpm12;
	/* what signs */
	EVP_PKEY *ak, *signer, *ek;
	struct area_options area, ek_area;
	uint16_t scheme, hash, signature_hash, digest_hash; /* 0: as good ones are */
	struct quote_options quote;
	/* the container */
	bool leave_out[16];
	struct rf_slice instead[16]; /* of a section's bytes */
	uint8_t flip_attest;	     /* xor into the attest's last byte after signing */
	/* the judge */
	struct verdict_options options;
	struct verdict_memory before;
};

static inline int forge_keys_make(void **state)
{
	(void)state;
	forge_keys = (struct forge_keys){.ak = make_rsa(2048),
					 .other = make_rsa(2048),
					 .ek = make_rsa(2048),
					 .other_ek = make_rsa(2048),
					 .small = make_rsa(1024),
					 .ecc = make_ecc("P-256")};
	return 0;
}

static inline int forge_keys_free(void **state)
{
	(void)state;
	EVP_PKEY_free(forge_keys.ak);
	EVP_PKEY_free(forge_keys.other);
	EVP_PKEY_free(forge_keys.ek);
	EVP_PKEY_free(forge_keys.other_ek);
	EVP_PKEY_free(forge_keys.small);
	EVP_PKEY_free(forge_keys.ecc);
	return 0;
}

/* The bank's index; a new one with PCRs as after reset. */
static inline size_t forge_bank(struct attest_pcr_values *values, uint16_t alg)
{
	const struct eventlog none = {0};
	size_t bank = 0;

	while (bank < values->banks_count && values->algs[bank] != alg)
		bank++;
	if (bank < values->banks_count)
		return bank;
	values->algs[values->banks_count++] = alg;
	eventlog_begin(&none, alg, values->values[bank]);
	values->present[bank] = (1u << ATTEST_PCRS) - 1;
	return bank;
}

/* What TPM2_PCR_Extend does, in every bank. */
static inline void forge_extend(struct forge *f, uint32_t pcr, struct rf_slice measured)
{
	uint8_t digest[64];

	for (size_t i = 0; i < f->pcrs.banks_count; i++) {
		uint16_t alg = f->pcrs.algs[i];

		assert_int_equal(attest_hash(f->log.hasher, alg, measured, NOTHING, digest), 0);
		assert_int_equal(attest_extend(f->log.hasher, alg, f->pcrs.values[i][pcr].bytes,
					       (struct rf_slice){digest, attest_digest_size(alg)}),
				 0);
	}
}

/* The TPM as this log leaves it, PCRs of `mask` only. */
static inline void forge_take_log(struct forge *f, const struct log_build *log, uint32_t mask)
{
	struct eventlog_replay replay;
	struct eventlog opened;

	open_log(log, &opened);
	assert_int_equal(eventlog_replay(log->hasher, &opened, &replay, NULL), 0);
	for (size_t i = 0; i < replay.pcrs.banks_count; i++) {
		size_t bank = forge_bank(&f->pcrs, replay.pcrs.algs[i]);

		for (uint32_t pcr = 0; pcr < ATTEST_PCRS; pcr++) {
			if (mask & 1u << pcr)
				f->pcrs.values[bank][pcr] = replay.pcrs.values[i][pcr];
		}
	}
}

/* The first entry of every list: what PCR 0 to 9 of the SHA-256 bank hash to. */
static inline void forge_aggregate(struct forge *f)
{
	RF_AUTOBUF struct rf_buf all = {0}, digest = {0}, data = {0};
	size_t bank = forge_bank(&f->pcrs, ATTEST_SHA256);
	uint8_t hash[32];

	for (uint32_t pcr = 0; pcr < 10; pcr++)
		rf_buf_add(&all, f->pcrs.values[bank][pcr].bytes, 32);
	h("SHA256", all.data, all.len, hash);
	rf_buf_add(&digest, "sha256:", 8);
	rf_buf_add(&digest, hash, sizeof(hash));
	ima_field(&f->ima, &data, digest.data, digest.len);
	ima_field(&f->ima, &data, "boot_aggregate", 15);
	ima_add_data(&f->ima, "ima-ng", rf_buf_slice(&data));
}

/* PCR 10 as the list leaves it. */
static inline void forge_take_ima(struct forge *f)
{
	for (size_t i = 0; i < f->pcrs.banks_count; i++) {
		uint16_t alg = f->pcrs.algs[i];
		const uint8_t *value = alg == ATTEST_SHA1     ? f->ima.sha1
				       : alg == ATTEST_SHA256 ? f->ima.sha256
							      : f->ima.sha384;

		memcpy(f->pcrs.values[i][10].bytes, value, attest_digest_size(alg));
	}
}

/* A good host: Secure Boot, SHA-1 and SHA-256 banks, four measured files. */
static inline void forge_begin_with(struct forge *f, const struct machine *machine)
{
	memset(f, 0, sizeof(*f));
	f->machine = *machine;
	machine_boots(machine, &f->log);
	forge_take_log(f, &f->log, 0xffffff);
	forge_aggregate(f);
	ima_add(&f->ima, "/usr/lib/systemd/systemd", 1);
	ima_add(&f->ima, "/usr/bin/bash", 2);
	ima_add(&f->ima, "/usr/sbin/sshd", 3);
	ima_add(&f->ima, "/usr/bin/ringfence", 4);
	forge_take_ima(f);
	f->ak = f->signer = forge_keys.ak;
	f->ek = forge_keys.ek;
	f->quote.nonce = forge_nonce;
	f->quote.nonce_len = sizeof(forge_nonce);
	f->quote.clock_ms = 5000000;
	f->options.nonce = (struct rf_slice){forge_nonce, sizeof(forge_nonce)};
	f->options.now_ms = 1700000000000;
}

static inline void forge_begin(struct forge *f)
{
	forge_begin_with(f, &story_base);
}

static inline void forge_end(struct forge *f)
{
	end_log(&f->log);
	if (f->txt.hasher)
		end_log(&f->txt);
	rf_buf_done(&f->ima.list);
	rf_buf_done(&f->userspace);
}

/* All PCRs of all banks, as `ringfence attest evidence` asks for. */
static inline void forge_select_all(struct forge *f)
{
	for (size_t i = 0; i < f->pcrs.banks_count && f->quote.selections_count == 0; i++)
		f->quote.selections[i] =
			(struct attest_selection){f->pcrs.algs[i], (1u << ATTEST_PCRS) - 1};
	if (f->quote.selections_count == 0)
		f->quote.selections_count = f->pcrs.banks_count;
}

/* H(selected values) of what the TPM really holds. */
static inline void forge_digest(const struct forge *f, uint8_t out[64])
{
	uint16_t hash = f->digest_hash ? f->digest_hash : f->hash ? f->hash : ATTEST_SHA256;
	RF_AUTOBUF struct rf_buf all = {0};

	for (size_t i = 0; i < f->quote.selections_count; i++) {
		for (size_t bank = 0; bank < f->pcrs.banks_count; bank++) {
			for (uint32_t pcr = 0; pcr < ATTEST_PCRS; pcr++) {
				if (f->pcrs.algs[bank] == f->quote.selections[i].alg &&
				    f->quote.selections[i].pcrs & 1u << pcr)
					rf_buf_add(&all, f->pcrs.values[bank][pcr].bytes,
						   f->pcrs.values[bank][pcr].len);
			}
		}
	}
	h(hash_name(hash), all.data, all.len, out);
}

static inline void forge_put(const struct forge *f, struct rf_buf *out, enum evidence_kind kind,
			     struct rf_slice bytes)
{
	if (!f->leave_out[kind])
		assert_int_equal(
			evidence_add(out, kind, f->instead[kind].data ? f->instead[kind] : bytes),
			0);
}

/* TPM_QUOTE_INFO2 over SHA-1 PCRs, signed as a TPM 1.2 does, and its TPM_PUBKEY. */
static inline void forge_put_quote12(struct forge *f, struct rf_buf *out)
{
	RF_AUTOBUF struct rf_buf all = {0}, info = {0}, signature = {0}, key = {0};
	uint8_t digest[20], n[512];
	size_t len = key_number(f->ak, OSSL_PKEY_PARAM_RSA_N, n, 0);

	put16(&all, 3);
	rf_buf_add(&all, "\xff\xff\xff", 3);
	put32(&all, 24 * 20);
	for (uint32_t pcr = 0; pcr < ATTEST_PCRS; pcr++)
		rf_buf_add(&all, f->pcrs.values[forge_bank(&f->pcrs, ATTEST_SHA1)][pcr].bytes, 20);
	h("SHA1", all.data, all.len, digest);
	put16(&info, 0x0036);
	rf_buf_add(&info, "QUT2", 4);
	rf_buf_add(&info, forge_nonce, 20);
	put16(&info, 3);
	rf_buf_add(&info, "\xff\xff\xff\x01", 4);
	rf_buf_add(&info, digest, 20);
	raw_sign(&signature, f->signer, ATTEST_RSASSA, ATTEST_SHA1, rf_buf_slice(&info));
	put32(&key, 1);
	put16(&key, 1);
	put16(&key, 2);
	put32(&key, 12);
	put32(&key, (uint32_t)(8 * len));
	put32(&key, 2);
	put32(&key, 0);
	put32(&key, (uint32_t)len);
	rf_buf_add(&key, n, len);
	forge_put(f, out, EVIDENCE_QUOTE12, rf_buf_slice(&info));
	forge_put(f, out, EVIDENCE_SIGNATURE, rf_buf_slice(&signature));
	forge_put(f, out, EVIDENCE_AK_PUBLIC, rf_buf_slice(&key));
}

static inline void forge_put_quote(struct forge *f, struct rf_buf *out)
{
	RF_AUTOBUF struct rf_buf attest = {0}, signature = {0}, area = {0}, ak = {0};
	uint8_t digest[64];
	bool rsa = EVP_PKEY_is_a(f->signer, "RSA");
	uint16_t hash = f->hash ? f->hash : ATTEST_SHA256;

	forge_select_all(f);
	forge_digest(f, digest);
	if (!f->quote.digest) {
		f->quote.digest = digest;
		f->quote.digest_len = attest_digest_size(f->digest_hash ? f->digest_hash : hash);
	}
	put_quote(&attest, &f->quote);
	put_signature(&signature, f->signer,
		      f->scheme ? f->scheme : (rsa ? ATTEST_RSASSA : ATTEST_ECDSA),
		      f->signature_hash ? f->signature_hash : hash, rf_buf_slice(&attest));
	attest.data[attest.len - 1] ^= f->flip_attest;
	if (f->quote.digest == digest)
		f->quote.digest = NULL;
	put_area(&area, f->ak, f->area);
	put_sized(&ak, area.data, area.len);
	forge_put(f, out, EVIDENCE_QUOTE, rf_buf_slice(&attest));
	forge_put(f, out, EVIDENCE_SIGNATURE, rf_buf_slice(&signature));
	forge_put(f, out, EVIDENCE_AK_PUBLIC, rf_buf_slice(&ak));
}

static inline void forge_put_ek(struct forge *f, struct rf_buf *out)
{
	RF_AUTOBUF struct rf_buf area = {0}, ek = {0};

	f->ek_area.ek = true;
	put_area(&area, f->ek, f->ek_area);
	put_sized(&ek, area.data, area.len);
	forge_put(f, out, EVIDENCE_EK_PUBLIC, rf_buf_slice(&ek));
}

/* The evidence. */
static inline void forge_pack(struct forge *f, struct rf_buf *out)
{
	static const char meta[] = "{\"host\": \"forge\", \"tpm\": \"device\"}";
	RF_AUTOBUF struct rf_buf pcrs = {0}, ima = {0};

	forge_put(f, out, EVIDENCE_META, rf_slice_text(meta));
	if (f->tpm12)
		forge_put_quote12(f, out);
	else
		forge_put_quote(f, out);
	if (!f->tpm12)
		forge_put_ek(f, out);
	assert_int_equal(evidence_pcrs_add(&pcrs, f->sent.banks_count ? &f->sent : &f->pcrs), 0);
	forge_put(f, out, EVIDENCE_PCRS, rf_buf_slice(&pcrs));
	forge_put(f, out, EVIDENCE_BOOT_LOG, rf_buf_slice(&f->log.buf));
	rf_buf_add(&ima, "\x04\0", 2);
	rf_buf_add(&ima, f->ima.list.data, f->ima.list.len);
	forge_put(f, out, EVIDENCE_IMA, rf_buf_slice(&ima));
	if (f->userspace.len)
		forge_put(f, out, EVIDENCE_USERSPACE, rf_buf_slice(&f->userspace));
	if (f->txt.buf.len)
		forge_put(f, out, EVIDENCE_TXT_LOG, rf_buf_slice(&f->txt.buf));
	forge_put(f, out, EVIDENCE_NONCE, (struct rf_slice){f->quote.nonce, f->quote.nonce_len});
}

/* ---- bending logs ---- */

/* Where record `index` of the log begins; the log's end for one more. */
static inline size_t forge_record(const struct rf_buf *log, uint32_t index)
{
	struct eventlog_event event;
	struct eventlog opened;
	size_t at = 0;

	assert_int_equal(eventlog_open(rf_buf_slice(log), &opened, NULL), 0);
	while (eventlog_next(&opened, &at, &event) == 1) {
		if (event.index == index)
			return event.offset;
	}
	return log->len;
}

/* The first record of that type in that PCR; fails the test when there is none. */
static inline uint32_t forge_find(const struct rf_buf *log, uint32_t pcr, uint32_t type)
{
	struct eventlog_event event;
	struct eventlog opened;
	size_t at = 0;

	assert_int_equal(eventlog_open(rf_buf_slice(log), &opened, NULL), 0);
	while (eventlog_next(&opened, &at, &event) == 1) {
		if (event.pcr == pcr && event.type == type)
			return event.index;
	}
	fail_msg("no record of type 0x%x in PCR %u", type, pcr);
	return 0;
}

/* Replaces bytes from..to of buf. */
static inline void forge_splice(struct rf_buf *buf, size_t from, size_t to, struct rf_slice with)
{
	struct rf_buf out = {0};

	rf_buf_add(&out, buf->data, from);
	rf_buf_add(&out, with.data, with.len);
	rf_buf_add(&out, buf->data + to, buf->len - to);
	rf_buf_done(buf);
	*buf = out;
}

static inline void forge_drop_record(struct rf_buf *log, uint32_t index)
{
	forge_splice(log, forge_record(log, index), forge_record(log, index + 1), NOTHING);
}

/* Puts a copy of a record behind another one. */
static inline void forge_copy_record(struct rf_buf *log, uint32_t index, uint32_t behind)
{
	RF_AUTOBUF struct rf_buf copy = {0};
	size_t from = forge_record(log, index), to = forge_record(log, index + 1);
	size_t at = forge_record(log, behind + 1);

	rf_buf_add(&copy, log->data + from, to - from);
	forge_splice(log, at, at, rf_buf_slice(&copy));
}

static inline void forge_retype_record(struct rf_buf *log, uint32_t index, uint32_t pcr,
				       uint32_t type)
{
	uint8_t *at = log->data + forge_record(log, index);

	for (size_t i = 0; i < 4; i++) {
		at[i] = (uint8_t)(pcr >> (8 * i));
		at[4 + i] = (uint8_t)(type >> (8 * i));
	}
}

/* ---- judging ---- */

static struct verdict forge_verdict; /* reused, as a verifier does */
static struct baseline *forge_baseline;

/* Keys, and the approved baseline of the machine as it is in story_base. */
static inline int forge_setup(void **state)
{
	RF_AUTOBUF struct rf_buf bytes = {0};
	struct evidence evidence;
	struct rf_err err = {0};
	struct forge f;

	forge_keys_make(state);
	forge_begin(&f);
	forge_pack(&f, &bytes);
	assert_int_equal(evidence_parse(rf_buf_slice(&bytes), &evidence, NULL), 0);
	if (baseline_create(f.log.hasher, &evidence, "first", &forge_baseline, &err) < 0 ||
	    baseline_approve(forge_baseline, "first", "test", 1600000000000, &err) < 0)
		fail_msg("%s", rf_err_text(&err));
	forge_end(&f);
	return 0;
}

static inline int forge_teardown(void **state)
{
	baseline_free(forge_baseline);
	verdict_done(&forge_verdict);
	return forge_keys_free(state);
}

static inline bool forge_says(enum reason_id id)
{
	for (size_t i = 0; i < forge_verdict.reasons.count; i++) {
		if (forge_verdict.reasons.items[i].id == id)
			return true;
	}
	return false;
}

/* The first reason of that class; fails the test when there is none. */
static inline const struct reason *forge_reason(enum reason_id id)
{
	for (size_t i = 0; i < forge_verdict.reasons.count; i++) {
		if (forge_verdict.reasons.items[i].id == id)
			return &forge_verdict.reasons.items[i];
	}
	fail_msg("nothing says %s", reason_class_of(id)->id);
	return NULL;
}

static inline void forge_show(const char *name)
{
	char words[1024];

	print_message("%s: %s\n", name, verdict_state_name(forge_verdict.state));
	for (size_t i = 0; i < forge_verdict.reasons.count; i++) {
		const struct reason *reason = &forge_verdict.reasons.items[i];

		print_message("  %s: %s\n", reason_class_of(reason->id)->id,
			      reason_words(reason, words, sizeof(words)));
	}
}

static inline void forge_judge_bytes(struct forge *f, struct rf_slice bytes)
{
	struct rf_err err = {0};

	f->options.before = f->before.known ? &f->before : NULL;
	assert_int_equal(attest_verify(f->log.hasher, bytes, &f->options, &forge_verdict, &err), 0);
}

static inline void forge_judge(struct forge *f)
{
	static struct rf_buf bytes; /* the verdict borrows from it */

	rf_buf_reset(&bytes);
	forge_pack(f, &bytes);
	forge_judge_bytes(f, rf_buf_slice(&bytes));
}

/* A table's case: bend, judge, and this state for this reason. */
struct forge_case {
	const char *name;
	void (*bend)(struct forge *f);
	enum verdict_state state;
	enum reason_id reason; /* REASON_COUNT: none but notes */
	const char *words;     /* that its sentence holds; NULL: any */
};

static inline void forge_run(const struct forge_case *c)
{
	char words[1024];
	struct forge f;

	forge_begin(&f);
	f.options.baseline = forge_baseline;
	if (c->bend)
		c->bend(&f);
	forge_judge(&f);
	if (forge_verdict.state != c->state ||
	    (c->reason != REASON_COUNT && !forge_says(c->reason)))
		forge_show(c->name);
	assert_int_equal(forge_verdict.state, c->state);
	if (c->reason != REASON_COUNT) {
		reason_words(forge_reason(c->reason), words, sizeof(words));
		if (c->words && !strstr(words, c->words))
			fail_msg("%s: no \"%s\" in: %s", c->name, c->words, words);
	}
	forge_end(&f);
}

#endif
