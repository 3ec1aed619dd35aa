/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence of a host that exists only here: a boot log of 73 KB in the mix that servers have, IMA
 * lists of any length, an RSA-2048 key that signs the quote over what both make of the PCRs. It is
 * good evidence: what is measured is the whole way to "trusted".
 */
#ifndef BENCH_EVIDENCE_H
#define BENCH_EVIDENCE_H

#include "attest_test.h"
#include "cert_test.h"
#include "eventlog_test.h"

#include "attest/evidence.h"
#include "attest/ima.h"

#define BENCH_LOG_BYTES 73000u
#define BENCH_NONCE	"0123456789abcdef0123456789abcdef"

static const uint8_t bench_global[16] = {0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11,
					 0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c};
static const uint8_t bench_security[16] = {0xcb, 0xb2, 0x19, 0xd7, 0x3a, 0x3d, 0x96, 0x45,
					   0xa3, 0xbc, 0xda, 0xd0, 0x0e, 0x67, 0x65, 0x6f};
static const uint8_t bench_x509[16] = {0xa1, 0x59, 0xc0, 0xa5, 0xe4, 0x94, 0xa7, 0x4a,
				       0x87, 0xb5, 0xab, 0x15, 0x5c, 0x2b, 0xf0, 0x72};
static const uint8_t bench_sha256[16] = {0x26, 0x16, 0xc4, 0xc1, 0x4c, 0x50, 0x92, 0x40,
					 0xac, 0xa9, 0x41, 0xf9, 0x36, 0x93, 0x43, 0x28};

static inline void bench_signatures(struct rf_buf *out, const uint8_t type[16], const void *data,
				    size_t bytes, size_t count)
{
	uint8_t owner[16] = {1};

	rf_buf_add(out, type, 16);
	put_le(out, 28 + count * (16 + bytes), 4);
	put_le(out, 0, 4);
	put_le(out, 16 + bytes, 4);
	for (size_t i = 0; i < count; i++) {
		owner[1] = (uint8_t)i;
		rf_buf_add(out, owner, 16);
		rf_buf_add(out, data, bytes);
	}
}

static inline void bench_variable(struct log_build *b, uint32_t pcr, uint32_t type,
				  const uint8_t guid[16], const char *name, struct rf_slice value)
{
	RF_AUTOBUF struct rf_buf data = {0};

	put_variable(&data, guid, name, value);
	add_event(b, pcr, type, rf_buf_slice(&data));
}

static inline void bench_secure_boot(struct log_build *b, const struct cert_test *ca)
{
	RF_AUTOBUF struct rf_buf keys = {0}, dbx = {0};
	unsigned char *der = NULL;
	int len = i2d_X509(ca->x, &der);
	uint8_t hash[32] = {0x5a};

	bench_variable(b, 7, VARIABLE_CONFIG, bench_global, "SecureBoot", BYTES("\1"));
	bench_signatures(&keys, bench_x509, der, (size_t)len, 1);
	bench_variable(b, 7, VARIABLE_CONFIG, bench_global, "PK", rf_buf_slice(&keys));
	for (int i = 0; i < 4; i++)
		bench_signatures(&keys, bench_x509, der, (size_t)len, 1);
	bench_variable(b, 7, VARIABLE_CONFIG, bench_global, "KEK", rf_buf_slice(&keys));
	bench_variable(b, 7, VARIABLE_CONFIG, bench_security, "db", rf_buf_slice(&keys));
	bench_signatures(&dbx, bench_sha256, hash, 32, 430);
	bench_variable(b, 7, VARIABLE_CONFIG, bench_security, "dbx", rf_buf_slice(&dbx));
	OPENSSL_free(der);
}

/* Firmware and its configuration up to the separators. */
static inline void bench_firmware(struct log_build *b, const struct cert_test *ca)
{
	RF_AUTOBUF struct rf_buf blob = {0}, entry = {0};

	add_event(b, 0, CRTM_VERSION,
		  BYTES("1\0.\0"
			"2\0\0\0"));
	rf_buf_add_byte(&blob, 4);
	rf_buf_add(&blob, "DXE1", 4);
	put_le(&blob, 0xff000000, 8);
	put_le(&blob, 0x800000, 8);
	for (int i = 0; i < 12; i++)
		add_measured(b, 0, FIRMWARE_BLOB2, rf_buf_slice(&blob), BYTES("firmware"));
	bench_secure_boot(b, ca);
	put_le(&entry, 1, 4);
	put_le(&entry, 4, 2);
	put_utf16(&entry, "debian");
	put_le(&entry, 0, 2);
	put_le(&entry, 0x0004ff7f, 4);
	bench_variable(b, 1, VARIABLE_BOOT2, bench_global, "BootOrder", BYTES("\0\0\1\0"));
	bench_variable(b, 1, VARIABLE_BOOT2, bench_global, "Boot0000", rf_buf_slice(&entry));
	bench_variable(b, 1, VARIABLE_BOOT2, bench_global, "Boot0001", rf_buf_slice(&entry));
	add_event(b, 4, EFI_ACTION, BYTES("Calling EFI Application from Boot Option"));
	for (uint32_t pcr = 0; pcr < 8; pcr++)
		add_event(b, pcr, SEPARATOR, ZEROS);
}

/* What grub measures: commands until the log has its length, some files. */
static inline void bench_grub(struct log_build *b)
{
	for (unsigned int i = 0; b->buf.len < BENCH_LOG_BYTES; i++) {
		char text[160];

		rf_format(text, sizeof(text),
			  "grub_cmd: search --no-floppy --fs-uuid --set=root --hint-efi=hd0,gpt%u "
			  "c2f5b9a0-%08x",
			  i % 9, i);
		struct rf_slice data = rf_slice_text(text);

		data.len++;
		add_measured(b, 8, IPL, data, (struct rf_slice){data.data + 10, data.len - 10 - 1});
		if (i % 6 == 0)
			add_measured(b, 9, IPL, BYTES_NUL("/boot/grub/x86_64-efi/command.lst"),
				     BYTES("file"));
	}
}

static inline void bench_boot_log(struct rf_buf *out)
{
	struct cert_test ca = cert_test_make(EVP_RSA_gen(2048), "Bench CA", NULL, true, true);
	struct log_build b;

	begin_log(&b, ATTEST_SHA1, ATTEST_SHA256, 0);
	bench_firmware(&b, &ca);
	bench_grub(&b);
	add_event(&b, 5, EFI_ACTION, BYTES("Exit Boot Services Invocation"));
	add_event(&b, 5, EFI_ACTION, BYTES("Exit Boot Services Returned with Success"));
	rf_buf_add(out, b.buf.data, b.buf.len);
	end_log(&b);
	cert_test_done(&ca);
}

/* ima-ng, SHA-256, a path of common length: 128 bytes a record, as on real hosts. */
static inline void bench_ima_entry(struct attest_hasher *hasher, struct rf_buf *list, uint32_t i,
				   const uint8_t *aggregate)
{
	RF_AUTOBUF struct rf_buf data = {0};
	uint8_t digest[32] = {1};
	char name[64] = "boot_aggregate";

	if (!aggregate)
		rf_format(name, sizeof(name), "/usr/lib/x86_64/libsome%08u.so", i);
	memcpy(digest + 4, &i, sizeof(i));
	put_le(&data, 40, 4);
	rf_buf_add(&data, "sha256:", 8);
	rf_buf_add(&data, aggregate ? aggregate : digest, 32);
	put_le(&data, strlen(name) + 1, 4);
	rf_buf_add(&data, name, strlen(name) + 1);
	assert_int_equal(
		attest_hash(hasher, ATTEST_SHA1, rf_buf_slice(&data), (struct rf_slice){0}, digest),
		0);
	put_le(list, IMA_PCR, 4);
	rf_buf_add(list, digest, 20);
	put_le(list, 6, 4);
	rf_buf_add(list, "ima-ng", 6);
	put_le(list, data.len, 4);
	rf_buf_add(list, data.data, data.len);
}

/* SHA-256 of PCR 0 to 9. */
static inline void bench_aggregate(const struct attest_digest pcrs[ATTEST_PCRS], uint8_t out[32])
{
	RF_AUTOBUF struct rf_buf all = {0};

	for (int i = 0; i < 10; i++)
		rf_buf_add(&all, pcrs[i].bytes, 32);
	assert_int_equal(EVP_Digest(all.data, all.len, out, NULL, EVP_sha256(), NULL), 1);
}

struct bench_host {
	struct attest_hasher *hasher;
	EVP_PKEY *key;
	struct rf_buf boot_log, ima, evidence;
	struct rf_buf area, quote, signature, pcrs; /* what the evidence holds */
	struct attest_pcr_values values;
	struct ima_state ima_state; /* at the list's end */
};

static inline void bench_ima_replay(struct attest_hasher *hasher, struct rf_slice in,
				    struct ima_state *state)
{
	struct ima_entry entry;
	struct ima_list list;

	assert_int_equal(ima_open(in, 20, &list, NULL), 0);
	while (ima_next(&list, &entry, NULL) == 1)
		assert_int_equal(ima_extend(hasher, &entry, state, NULL), 0);
}

/* Quote over PCR 0 to 10 of both banks. */
static inline void bench_quote(struct bench_host *h)
{
	struct quote_options o = {.nonce = BENCH_NONCE,
				  .nonce_len = strlen(BENCH_NONCE),
				  .selections = {{ATTEST_SHA1, 0x7ff}, {ATTEST_SHA256, 0x7ff}},
				  .selections_count = 2};
	RF_AUTOBUF struct rf_buf all = {0};
	uint8_t digest[32];

	for (size_t bank = 0; bank < 2; bank++) {
		for (int i = 0; i <= 10; i++) {
			const struct attest_digest *value = &h->values.values[bank][i];

			rf_buf_add(&all, value->bytes, value->len);
		}
	}
	assert_int_equal(EVP_Digest(all.data, all.len, digest, NULL, EVP_sha256(), NULL), 1);
	o.digest = digest;
	o.digest_len = 32;
	rf_buf_reset(&h->quote);
	rf_buf_reset(&h->signature);
	rf_buf_reset(&h->pcrs);
	put_quote(&h->quote, &o);
	put_signature(&h->signature, h->key, ATTEST_RSASSA, ATTEST_SHA256, rf_buf_slice(&h->quote));
	assert_int_equal(evidence_pcrs_add(&h->pcrs, &h->values), 0);
}

/* Takes over what IMA made of PCR 10. */
static inline void bench_take_ima(struct bench_host *h)
{
	for (size_t bank = 0; bank < 2; bank++) {
		struct attest_digest *value = &h->values.values[bank][IMA_PCR];

		value->alg = h->values.algs[bank];
		value->len = (uint8_t)attest_digest_size(value->alg);
		memcpy(value->bytes, h->ima_state.values[bank], value->len);
		h->values.present[bank] |= 1u << IMA_PCR;
	}
}

static inline void bench_evidence(struct bench_host *h)
{
	RF_AUTOBUF struct rf_buf ima = {0};
	const struct {
		enum evidence_kind kind;
		const struct rf_buf *bytes;
	} parts[] = {{EVIDENCE_QUOTE, &h->quote},	{EVIDENCE_SIGNATURE, &h->signature},
		     {EVIDENCE_AK_PUBLIC, &h->area},	{EVIDENCE_PCRS, &h->pcrs},
		     {EVIDENCE_BOOT_LOG, &h->boot_log}, {EVIDENCE_IMA, &ima}};

	put_le(&ima, ATTEST_SHA1, 2);
	rf_buf_add(&ima, h->ima.data, h->ima.len);
	rf_buf_reset(&h->evidence);
	for (size_t i = 0; i < RF_COUNT(parts); i++)
		assert_int_equal(
			evidence_add(&h->evidence, parts[i].kind, rf_buf_slice(parts[i].bytes)), 0);
}

static inline void bench_host_make(struct bench_host *h, uint32_t ima_entries)
{
	static const uint16_t banks[] = {ATTEST_SHA1, ATTEST_SHA256};
	struct eventlog_replay replay;
	struct eventlog log;
	uint8_t aggregate[32];

	assert_int_equal(attest_hasher_new(&h->hasher, NULL), 0);
	h->key = make_rsa(2048);
	put_area(&h->area, h->key, (struct area_options){0});
	bench_boot_log(&h->boot_log);
	assert_int_equal(eventlog_open(rf_buf_slice(&h->boot_log), &log, NULL), 0);
	assert_int_equal(eventlog_replay(h->hasher, &log, &replay, NULL), 0);
	h->values = replay.pcrs;
	h->values.present[0] = h->values.present[1] = 0x3ff;
	bench_aggregate(h->values.values[1], aggregate);
	bench_ima_entry(h->hasher, &h->ima, 0, aggregate);
	for (uint32_t i = 1; i < ima_entries; i++)
		bench_ima_entry(h->hasher, &h->ima, i, NULL);
	assert_int_equal(ima_state_init(&h->ima_state, IMA_PCR, banks, 2, NULL), 0);
	bench_ima_replay(h->hasher, rf_buf_slice(&h->ima), &h->ima_state);
	bench_take_ima(h);
	bench_quote(h);
	bench_evidence(h);
}

static inline void bench_host_done(struct bench_host *h)
{
	struct rf_buf *all[] = {&h->boot_log, &h->ima,	     &h->evidence, &h->area,
				&h->quote,    &h->signature, &h->pcrs};

	for (size_t i = 0; i < RF_COUNT(all); i++)
		rf_buf_done(all[i]);
	EVP_PKEY_free(h->key);
	attest_hasher_free(h->hasher);
}

#endif
