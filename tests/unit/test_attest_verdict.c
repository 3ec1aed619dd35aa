/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verdict over quotes, keys, identities and what was seen before: every trap of other verifiers
 * as a case with real signatures. What logs say is in test_attest_verdict_logs.c.
 */
#include "attest_forge.h"
#include "cert_test.h"

/* ---- container ---- */

static void no_quote(struct forge *f)
{
	f->leave_out[EVIDENCE_QUOTE] = true;
}

static void no_signature(struct forge *f)
{
	f->leave_out[EVIDENCE_SIGNATURE] = true;
}

static void no_key(struct forge *f)
{
	f->leave_out[EVIDENCE_AK_PUBLIC] = true;
}

static void no_values(struct forge *f)
{
	f->leave_out[EVIDENCE_PCRS] = true;
}

static void meta_only(struct forge *f)
{
	for (size_t i = 2; i < RF_COUNT(f->leave_out); i++)
		f->leave_out[i] = true;
}

/* The TPM was exchanged: it cannot use the old key, and the collector has a log alone. */
static void log_only(struct forge *f)
{
	meta_only(f);
	f->leave_out[EVIDENCE_BOOT_LOG] = false;
}

static void broken_values(struct forge *f)
{
	f->instead[EVIDENCE_PCRS] = BYTES("\0\x0b\x18\x01x");
}

static void empty_sections(struct forge *f)
{
	for (size_t i = 2; i < RF_COUNT(f->instead); i++)
		f->instead[i] = BYTES("");
}

static const struct forge_case container[] = {
	{"a good host", NULL, VERDICT_TRUSTED, REASON_COUNT, NULL},
	{"no quote", no_quote, VERDICT_CANNOT_JUDGE, REASON_EVIDENCE_MISSING, "quote"},
	{"no signature", no_signature, VERDICT_CANNOT_JUDGE, REASON_EVIDENCE_MISSING, "signature"},
	{"no attestation key", no_key, VERDICT_CANNOT_JUDGE, REASON_EVIDENCE_MISSING, "key"},
	{"no PCR values", no_values, VERDICT_CANNOT_JUDGE, REASON_EVIDENCE_MISSING, "values"},
	{"a host without TPM", meta_only, VERDICT_CANNOT_JUDGE, REASON_NO_TPM,
	 "enrolled with a TPM"},
	{"a boot log that nobody signed", log_only, VERDICT_CANNOT_JUDGE, REASON_EVIDENCE_MISSING,
	 "exchanged or cleared"},
	{"PCR 24 among the values", broken_values, VERDICT_UNTRUSTED, REASON_EVIDENCE_BROKEN,
	 "PCR 24"},
	{"all sections empty", empty_sections, VERDICT_UNTRUSTED, REASON_AK_UNFIT, NULL},
};

/* ---- key ---- */

static void key_decrypts(struct forge *f)
{
	f->area.attributes = AK_ATTRIBUTES | ATTEST_DECRYPT;
}

/* Signs anything, also what looks like a quote. */
static void key_unrestricted(struct forge *f)
{
	f->area.attributes = AK_ATTRIBUTES & ~ATTEST_RESTRICTED;
}

static void key_exported(struct forge *f)
{
	f->area.attributes = AK_ATTRIBUTES & ~ATTEST_FIXED_TPM;
}

static void key_imported(struct forge *f)
{
	f->area.attributes = AK_ATTRIBUTES & ~ATTEST_SENSITIVE_DATA_ORIGIN;
}

static void key_small(struct forge *f)
{
	f->ak = f->signer = forge_keys.small;
}

static void key_garbage(struct forge *f)
{
	f->instead[EVIDENCE_AK_PUBLIC] = BYTES("\xff\xff\xff\xff");
}

static void key_of_no_curve(struct forge *f)
{
	f->ak = f->signer = forge_keys.ecc;
	f->area.curve = 0x7777;
}

/* ---- signature ---- */

static void other_key_signs(struct forge *f)
{
	f->signer = forge_keys.other;
}

static void attest_changed(struct forge *f)
{
	f->flip_attest = 1;
}

static void signed_with_sha1(struct forge *f)
{
	f->signature_hash = ATTEST_SHA1;
}

/* The key may sign with SHA-256 only; the host says otherwise. */
static void signed_with_other_hash(struct forge *f)
{
	f->signature_hash = ATTEST_SHA512;
}

static void signed_with_pss(struct forge *f)
{
	f->scheme = ATTEST_RSAPSS;
}

static void ecc_key_rsa_signature(struct forge *f)
{
	f->ak = forge_keys.ecc;
}

static void signature_garbage(struct forge *f)
{
	f->instead[EVIDENCE_SIGNATURE] = BYTES("\0\x14\0\x0b\xff\xff");
}

/* CVE-2024-29038, CVE-2024-29040, charra #90: bytes that are no TPM's. */
static void wrong_magic(struct forge *f)
{
	f->quote.magic = 0x12345678;
}

/* GHSA-gwfg: a creation is no quote. */
static void wrong_type(struct forge *f)
{
	f->quote.type = 0x801a;
}

/* ---- nonce ---- */

static void other_nonce(struct forge *f)
{
	f->quote.nonce = "another twenty bytes";
}

static void no_nonce(struct forge *f)
{
	f->quote.nonce_len = 0;
}

static void hex_nonce(struct forge *f)
{
	f->quote.nonce = "7477656e7479206279746573206f662069742e00";
	f->quote.nonce_len = 40;
}

static void shorter_nonce(struct forge *f)
{
	f->quote.nonce_len = 19;
}

/* Nobody asked; but the host's own copy is not what the TPM signed. */
static void own_copy_differs(struct forge *f)
{
	f->options.nonce = NOTHING;
	f->instead[EVIDENCE_NONCE] = BYTES("something else");
}

static void nonce_unchecked(struct forge *f)
{
	f->options.nonce = NOTHING;
}

static const struct forge_case quotes[] = {
	{"a key that decrypts", key_decrypts, VERDICT_UNTRUSTED, REASON_AK_UNFIT, "decrypt"},
	{"a key that signs anything", key_unrestricted, VERDICT_UNTRUSTED, REASON_AK_UNFIT,
	 "restricted"},
	{"a key that may leave its TPM", key_exported, VERDICT_UNTRUSTED, REASON_AK_UNFIT,
	 "fixedTPM"},
	{"a key from outside", key_imported, VERDICT_UNTRUSTED, REASON_AK_UNFIT,
	 "sensitiveDataOrigin"},
	{"a key of 1024 bits", key_small, VERDICT_UNTRUSTED, REASON_AK_UNFIT, "1024"},
	{"a key of garbage", key_garbage, VERDICT_UNTRUSTED, REASON_AK_UNFIT, NULL},
	{"a key of an unknown curve", key_of_no_curve, VERDICT_UNTRUSTED, REASON_AK_UNFIT, NULL},
	{"another key signs", other_key_signs, VERDICT_UNTRUSTED, REASON_QUOTE_FORGED, NULL},
	{"the attest is changed", attest_changed, VERDICT_UNTRUSTED, REASON_QUOTE_FORGED, NULL},
	{"a signature with SHA-1", signed_with_sha1, VERDICT_UNTRUSTED, REASON_QUOTE_FORGED, NULL},
	{"a hash the key may not use", signed_with_other_hash, VERDICT_UNTRUSTED,
	 REASON_QUOTE_FORGED, NULL},
	{"a scheme the key may not use", signed_with_pss, VERDICT_UNTRUSTED, REASON_QUOTE_FORGED,
	 NULL},
	{"an RSA signature for an ECC key", ecc_key_rsa_signature, VERDICT_UNTRUSTED,
	 REASON_QUOTE_FORGED, NULL},
	{"a signature of garbage", signature_garbage, VERDICT_UNTRUSTED, REASON_QUOTE_FORGED, NULL},
	{"wrong magic, well signed", wrong_magic, VERDICT_UNTRUSTED, REASON_QUOTE_FORGED, "magic"},
	{"wrong type, well signed", wrong_type, VERDICT_UNTRUSTED, REASON_QUOTE_FORGED, "type"},
	{"another nonce", other_nonce, VERDICT_UNTRUSTED, REASON_NONCE_WRONG, "another nonce"},
	{"no nonce in the quote", no_nonce, VERDICT_UNTRUSTED, REASON_NONCE_WRONG, "no nonce"},
	{"the nonce as hexadecimal text", hex_nonce, VERDICT_UNTRUSTED, REASON_NONCE_WRONG,
	 "hexadecimal"},
	{"a nonce one byte short", shorter_nonce, VERDICT_UNTRUSTED, REASON_NONCE_WRONG, NULL},
	{"the host's copy of the nonce differs", own_copy_differs, VERDICT_UNTRUSTED,
	 REASON_NONCE_WRONG, NULL},
	{"nobody asked for a nonce", nonce_unchecked, VERDICT_TRUSTED, REASON_NONCE_UNCHECKED,
	 NULL},
};

/* ---- selection and values ---- */

static void select_mask(struct forge *f, uint32_t sha1, uint32_t sha256)
{
	f->quote.selections[0] = (struct attest_selection){ATTEST_SHA1, sha1};
	f->quote.selections[1] = (struct attest_selection){ATTEST_SHA256, sha256};
	f->quote.selections_count = 2;
}

/* CVE-2024-29039, GHSA-99cg-575x-774p: the value came, the TPM did not sign it. */
static void pcr4_not_selected(struct forge *f)
{
	select_mask(f, 0xffffef, 0xffffef);
}

static void nothing_selected(struct forge *f)
{
	select_mask(f, 0, 0);
}

static void ima_not_selected(struct forge *f)
{
	select_mask(f, 0xfffbff, 0xfffbff);
}

static void sha1_only(struct forge *f)
{
	select_mask(f, 0xffffff, 0);
}

/* The SHA-1 bank is in the log and was sent, and not signed. */
static void sha256_only(struct forge *f)
{
	select_mask(f, 0, 0xffffff);
}

static void sha1_for_one(struct forge *f)
{
	select_mask(f, 0xffffff, 0xffffef);
}

static void unknown_bank(struct forge *f)
{
	forge_select_all(f);
	f->quote.selections[2] = (struct attest_selection){0x4242, 0xff};
	f->quote.selections_count = 3;
}

static void bank_twice(struct forge *f)
{
	forge_select_all(f);
	f->quote.selections[2] = f->quote.selections[1];
	f->quote.selections_count = 3;
}

/* tpm2-tools GHSA-qp88. */
static void pcr_24_selected(struct forge *f)
{
	forge_select_all(f);
	f->quote.selections[0].pcrs = 0x1ffffff;
	f->quote.select_bytes = 4;
}

static void value_changed(struct forge *f)
{
	f->sent = f->pcrs;
	f->sent.values[1][4].bytes[0] ^= 1;
}

static void value_missing(struct forge *f)
{
	f->sent = f->pcrs;
	f->sent.present[1] &= ~(1u << 4);
}

/* The digest must be of the signature's hash, not of the bank's or of whatever fits. */
static void digest_of_other_hash(struct forge *f)
{
	f->digest_hash = ATTEST_SHA1;
}

static const struct forge_case values[] = {
	{"PCR 4 is not signed", pcr4_not_selected, VERDICT_CANNOT_JUDGE, REASON_PCR_UNQUOTED,
	 "PCR 4"},
	{"no PCR is signed", nothing_selected, VERDICT_CANNOT_JUDGE, REASON_EVIDENCE_MISSING,
	 "no PCR"},
	{"IMA's PCR is not signed", ima_not_selected, VERDICT_CANNOT_JUDGE, REASON_PCR_UNQUOTED,
	 "PCR 10"},
	{"SHA-1 alone is signed", sha1_only, VERDICT_CANNOT_JUDGE, REASON_PCR_UNQUOTED, "SHA-1"},
	{"SHA-1 alone for PCR 4", sha1_for_one, VERDICT_CANNOT_JUDGE, REASON_PCR_UNQUOTED, "PCR 4"},
	{"a bank of the log is not signed", sha256_only, VERDICT_WARNING, REASON_BANK_UNQUOTED,
	 "sha1"},
	{"an unknown bank is signed", unknown_bank, VERDICT_CANNOT_JUDGE, REASON_PCR_UNQUOTED,
	 "0x4242"},
	{"a bank twice", bank_twice, VERDICT_UNTRUSTED, REASON_QUOTE_FORGED, "twice"},
	{"PCR 24 is signed", pcr_24_selected, VERDICT_UNTRUSTED, REASON_QUOTE_FORGED, "24"},
	{"another value came", value_changed, VERDICT_UNTRUSTED, REASON_QUOTE_FORGED,
	 "not the quoted"},
	{"a value is missing", value_missing, VERDICT_CANNOT_JUDGE, REASON_EVIDENCE_MISSING,
	 "PCR 4"},
	{"a digest of another hash", digest_of_other_hash, VERDICT_UNTRUSTED, REASON_QUOTE_FORGED,
	 NULL},
};

/* ---- identity ---- */

static void other_tpm(struct forge *f)
{
	f->ak = f->signer = forge_keys.other;
	f->ek = forge_keys.other_ek;
}

/* The EK is public: an attacker sends the genuine one beside his own key. */
static void other_ak(struct forge *f)
{
	f->ak = f->signer = forge_keys.other;
}

static void unfit_ek(struct forge *f)
{
	f->ek_area.attributes = AK_ATTRIBUTES;
}

static void no_ek(struct forge *f)
{
	f->leave_out[EVIDENCE_EK_PUBLIC] = true;
}

static void other_ak_no_ek(struct forge *f)
{
	other_ak(f);
	no_ek(f);
}

static const struct forge_case identities[] = {
	{"another TPM", other_tpm, VERDICT_UNTRUSTED, REASON_OTHER_TPM, "was 000b"},
	{"another key beside the genuine EK", other_ak, VERDICT_UNTRUSTED, REASON_OTHER_AK, NULL},
	{"another key and no EK", other_ak_no_ek, VERDICT_UNTRUSTED, REASON_OTHER_AK, NULL},
	{"an EK that may sign", unfit_ek, VERDICT_UNTRUSTED, REASON_EK_REFUSED, NULL},
	{"no EK, the AK is the enrolled one", no_ek, VERDICT_TRUSTED, REASON_EK_UNVERIFIED, NULL},
};

/* ---- TPM 1.2 ---- */

static void tpm12_unexpected(struct forge *f)
{
	f->tpm12 = true;
	f->options.baseline = NULL;
}

static void tpm12_other_key(struct forge *f)
{
	f->tpm12 = true;
	f->options.accept_tpm12 = true;
	f->signer = forge_keys.other;
}

static void both_kinds(struct forge *f)
{
	f->options.accept_tpm12 = true;
	f->instead[EVIDENCE_NONCE] = NOTHING;
	f->tpm12 = false;
}

static const struct forge_case tpm12[] = {
	{"a TPM 1.2 where none is enrolled", tpm12_unexpected, VERDICT_UNTRUSTED, REASON_AK_UNFIT,
	 "TPM 1.2"},
	{"another key of a TPM 1.2", tpm12_other_key, VERDICT_UNTRUSTED, REASON_QUOTE_FORGED, NULL},
	{"a TPM 2.0 where a 1.2 would do", both_kinds, VERDICT_TRUSTED, REASON_COUNT, NULL},
};

static void run_all(const struct forge_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++)
		forge_run(&cases[i]);
}

static void container_cases(void **state)
{
	(void)state;
	run_all(container, RF_COUNT(container));
}

static void quote_cases(void **state)
{
	(void)state;
	run_all(quotes, RF_COUNT(quotes));
}

static void value_cases(void **state)
{
	(void)state;
	run_all(values, RF_COUNT(values));
}

static void identity_cases(void **state)
{
	(void)state;
	run_all(identities, RF_COUNT(identities));
}

static void tpm12_cases(void **state)
{
	(void)state;
	run_all(tpm12, RF_COUNT(tpm12));
}

static void a_tpm12_that_is_enrolled_is_weak_at_best(void **state)
{
	struct forge f;

	(void)state;
	forge_begin(&f);
	f.tpm12 = true;
	f.options.accept_tpm12 = true;
	forge_judge(&f);
	if (!forge_verdict.quote_proved)
		forge_show("TPM 1.2");
	assert_true(forge_verdict.quote_proved);
	assert_true(forge_says(REASON_WEAK_CRYPTO));
	assert_int_equal(forge_verdict.pcrs[4].state, PCR_EXPLAINED);
	assert_int_equal(forge_verdict.ak_name_len, 34);
	assert_false(forge_verdict.memory.known);
	forge_end(&f);
}

/* Two kinds of quote would let the sender choose the weaker. */
static void two_kinds_of_quote_are_refused(void **state)
{
	RF_AUTOBUF struct rf_buf bytes = {0};
	struct forge f;

	(void)state;
	forge_begin(&f);
	f.options.accept_tpm12 = true;
	forge_pack(&f, &bytes);
	assert_int_equal(evidence_add(&bytes, EVIDENCE_QUOTE12, BYTES("x")), 0);
	forge_judge_bytes(&f, rf_buf_slice(&bytes));
	assert_int_equal(forge_verdict.state, VERDICT_UNTRUSTED);
	assert_true(forge_says(REASON_EVIDENCE_BROKEN));
	forge_end(&f);
}

static void bytes_that_are_no_evidence(void **state)
{
	static const struct {
		struct rf_slice bytes;
		enum reason_id reason;
		enum verdict_state state;
	} cases[] = {
		{{NULL, 0}, REASON_EVIDENCE_BROKEN, VERDICT_UNTRUSTED},
		{BYTES("RFEVID1"), REASON_EVIDENCE_BROKEN, VERDICT_UNTRUSTED},
		{BYTES("RFEVID1\n"), REASON_NO_TPM, VERDICT_CANNOT_JUDGE},
		{BYTES("RFEVID1\n\2\0\0\0\xff\xff\xff\xff"), REASON_EVIDENCE_BROKEN,
		 VERDICT_UNTRUSTED},
		{BYTES("RFEVID1\n\2\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0"), REASON_EVIDENCE_BROKEN,
		 VERDICT_UNTRUSTED},
		{BYTES("RFEVID1\n\x63\0\0\0\0\0\0\0"), REASON_EVIDENCE_BROKEN, VERDICT_UNTRUSTED},
		{BYTES("RFEVID1\n\2\0\0\0\0\0\0\0"), REASON_EVIDENCE_MISSING, VERDICT_CANNOT_JUDGE},
	};
	struct forge f;

	(void)state;
	forge_begin(&f);
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		forge_judge_bytes(&f, cases[i].bytes);
		assert_int_equal(forge_verdict.state, cases[i].state);
		assert_true(forge_says(cases[i].reason));
		assert_false(forge_verdict.quote_proved);
	}
	forge_end(&f);
}

/* ---- certificates ---- */

static void put_cert(struct rf_buf *bytes, X509 *x)
{
	uint8_t *der = NULL;
	int len = i2d_X509(x, &der);

	assert_true(len > 0);
	assert_int_equal(evidence_add(bytes, EVIDENCE_EK_CERT, (struct rf_slice){der, (size_t)len}),
			 0);
	OPENSSL_free(der);
}

/* A certificate for another key, by a maker that is trusted: a swapped or copied one. */
static void a_certificate_of_another_ek_is_refused(void **state)
{
	RF_AUTOBUF struct rf_buf bytes = {0}, pem = {0};
	struct cert_test maker = cert_test_make(make_rsa(2048), "Maker", NULL, true, true);
	struct cert_test leaf = cert_test_make(make_rsa(2048), "EK", &maker, false, true);
	struct ekcert_store *store;
	uint8_t *der = NULL;
	int len = i2d_X509(maker.x, &der);
	struct forge f;

	(void)state;
	forge_begin(&f);
	assert_int_equal(ekcert_store_new(&store, NULL), 0);
	assert_int_equal(ekcert_store_add(store, (struct rf_slice){der, (size_t)len}, NULL, NULL),
			 0);
	OPENSSL_free(der);
	forge_pack(&f, &bytes);
	put_cert(&bytes, leaf.x);
	f.options.roots = store;
	forge_judge_bytes(&f, rf_buf_slice(&bytes));
	assert_int_equal(forge_verdict.state, VERDICT_UNTRUSTED);
	assert_true(forge_says(REASON_EK_REFUSED));
	/* Without roots nobody judges it, and that is said. */
	f.options.roots = NULL;
	forge_judge_bytes(&f, rf_buf_slice(&bytes));
	assert_false(forge_says(REASON_EK_REFUSED));
	assert_true(forge_says(REASON_EK_UNVERIFIED));
	ekcert_store_free(store);
	cert_test_done(&leaf);
	cert_test_done(&maker);
	forge_end(&f);
}

static void a_program_that_plays_tpm_is_named(void **state)
{
	struct forge f;

	(void)state;
	forge_begin(&f);
	f.instead[EVIDENCE_META] = BYTES("{\"tpm\": \"swtpm\"}");
	forge_judge(&f);
	assert_string_equal(forge_reason(REASON_SOFTWARE_TPM)->subject, "swtpm");
	f.instead[EVIDENCE_META] = BYTES("{\"tpm\": \"device\"}");
	forge_judge(&f);
	assert_false(forge_says(REASON_SOFTWARE_TPM));
	forge_end(&f);
}

/* ---- memory ---- */

static const struct {
	const char *name;
	uint64_t clock_ms;
	uint32_t reset, restart, ima;
	uint64_t firmware;
	bool unsafe_clock;
	enum reason_id reason; /* REASON_COUNT: nothing to say */
	enum verdict_state state;
} memories[] = {
	{"the same boot, later", 6000, 5, 5, 5, 1, false, REASON_COUNT, VERDICT_TRUSTED},
	{"the very same quote", 5000, 5, 5, 5, 1, false, REASON_COUNT, VERDICT_TRUSTED},
	{"an older clock", 4999, 5, 5, 5, 1, false, REASON_REPLAYED, VERDICT_UNTRUSTED},
	{"an older clock that says it may be", 4999, 5, 5, 5, 1, true, REASON_REPLAYED,
	 VERDICT_UNTRUSTED},
	{"fewer restarts", 9000, 4, 5, 5, 1, false, REASON_REPLAYED, VERDICT_UNTRUSTED},
	{"fewer resumes", 9000, 5, 4, 5, 1, false, REASON_REPLAYED, VERDICT_UNTRUSTED},
	{"restarted", 9000, 6, 0, 0, 1, false, REASON_REBOOTED, VERDICT_TRUSTED},
	{"restarted, but an older clock", 4999, 6, 0, 0, 1, false, REASON_REPLAYED,
	 VERDICT_UNTRUSTED},
	{"restarted after a power failure", 4999, 6, 0, 0, 1, true, REASON_REBOOTED,
	 VERDICT_TRUSTED},
	{"resumed", 9000, 5, 6, 5, 1, false, REASON_RESUMED, VERDICT_TRUSTED},
	{"fewer measured files than before", 9000, 5, 5, 99, 1, false, REASON_REPLAYED,
	 VERDICT_UNTRUSTED},
	{"other firmware of the TPM", 9000, 6, 0, 0, 2, false, REASON_TPM_FIRMWARE,
	 VERDICT_WARNING},
};

static void older_evidence_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < RF_COUNT(memories); i++) {
		struct forge f;

		forge_begin(&f);
		f.options.baseline = forge_baseline;
		f.before = (struct verdict_memory){.known = true,
						   .clock_ms = 5000,
						   .firmware_version = 1,
						   .reset_count = 5,
						   .restart_count = 5,
						   .ima_entries = memories[i].ima};
		f.quote.clock_ms = memories[i].clock_ms;
		f.quote.reset = memories[i].reset;
		/* 0 would be the helper's own. */
		f.quote.restart = memories[i].restart ? memories[i].restart : 1;
		f.quote.firmware = memories[i].firmware;
		f.quote.unsafe = memories[i].unsafe_clock;
		forge_judge(&f);
		if (forge_verdict.state != memories[i].state)
			forge_show(memories[i].name);
		assert_int_equal(forge_verdict.state, memories[i].state);
		if (memories[i].reason != REASON_COUNT)
			forge_reason(memories[i].reason);
		assert_true(forge_verdict.memory.known);
		assert_int_equal(forge_verdict.memory.clock_ms, memories[i].clock_ms);
		assert_int_equal(forge_verdict.memory.reset_count, memories[i].reset);
		assert_int_equal(forge_verdict.memory.ima_entries, 5);
		forge_end(&f);
	}
}

/* TPMs add a constant to their counters for keys of the owner: they wrap around. */
static void counters_wrap_around(void **state)
{
	static const struct {
		uint32_t before, now;
		enum reason_id reason;
	} cases[] = {{0xfffffffe, 3, REASON_REBOOTED},
		     {3, 0xfffffffe, REASON_REPLAYED},
		     {0xffffffff, 1, REASON_REBOOTED}};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		struct forge f;

		forge_begin(&f);
		f.before = (struct verdict_memory){
			.known = true, .reset_count = cases[i].before, .restart_count = 9};
		f.quote.reset = cases[i].now;
		forge_judge(&f);
		forge_reason(cases[i].reason);
		assert_int_equal(forge_says(REASON_REPLAYED), cases[i].reason == REASON_REPLAYED);
		forge_end(&f);
	}
}

/* ---- the verdict itself ---- */

static void states_have_names_and_exit_codes(void **state)
{
	(void)state;
	assert_string_equal(verdict_state_name(VERDICT_CANNOT_JUDGE), "cannot judge");
	assert_string_equal(verdict_state_name((enum verdict_state)99), "cannot judge");
	assert_string_equal(verdict_pcr_state_name(PCR_UNEXPLAINED), "not explained");
	assert_string_equal(verdict_pcr_state_name((enum verdict_pcr_state)99), "not signed");
	assert_int_equal(verdict_exit_code(VERDICT_TRUSTED), 0);
	assert_int_equal(verdict_exit_code(VERDICT_WARNING), 0);
	assert_int_equal(verdict_exit_code(VERDICT_UNTRUSTED), 2);
	assert_int_equal(verdict_exit_code(VERDICT_CANNOT_JUDGE), 1);
	assert_int_equal(verdict_exit_code((enum verdict_state)99), 1);
}

static void without_a_baseline_nothing_is_trusted(void **state)
{
	struct forge f;

	(void)state;
	forge_begin(&f);
	forge_judge(&f);
	assert_int_equal(forge_verdict.state, VERDICT_CANNOT_JUDGE);
	assert_true(forge_says(REASON_NO_BASELINE));
	assert_true(forge_verdict.quote_proved);
	for (uint32_t pcr = 0; pcr < 11; pcr++)
		assert_int_equal(forge_verdict.pcrs[pcr].state, PCR_EXPLAINED);
	assert_int_equal(forge_verdict.pcrs[11].state, PCR_UNUSED);
	assert_int_equal(forge_verdict.ima_entries, 5);
	assert_int_equal(forge_verdict.pcrs[10].events, 5);
	assert_int_equal(forge_verdict.pcrs[4].value.alg, ATTEST_SHA256);
	forge_end(&f);
}

static void the_worst_reason_comes_first(void **state)
{
	struct forge f;

	(void)state;
	forge_begin(&f);
	f.options.nonce = NOTHING;		       /* a note, medium */
	forge_drop_record(&f.log.buf, 5);	       /* distrusts, critical */
	ima_add_violation(&f.ima, "/var/log/lastlog"); /* warns */
	forge_take_ima(&f);
	forge_judge(&f);
	assert_int_equal(forge_verdict.state, VERDICT_UNTRUSTED);
	assert_int_equal(forge_verdict.reasons.items[0].id, REASON_PCR_UNEXPLAINED);
	int last = 99;

	for (size_t i = 0; i < forge_verdict.reasons.count; i++) {
		static const int ranks[] = {[REASON_NOTES] = 0,
					    [REASON_WARNS] = 1,
					    [REASON_BLINDS] = 2,
					    [REASON_DISTRUSTS] = 3};
		int rank = ranks[reason_class_of(forge_verdict.reasons.items[i].id)->effect];

		assert_true(rank <= last);
		last = rank;
	}
	assert_true(forge_verdict.pcrs[forge_verdict.reasons.items[0].pcr].changed);
	assert_false(forge_verdict.pcrs[6].changed);
	forge_end(&f);
}

/* What the last verdict left behind must not help the next evidence. */
static void a_verdict_forgets_the_last_evidence(void **state)
{
	struct forge f;

	(void)state;
	forge_begin(&f);
	f.options.baseline = forge_baseline;
	forge_judge(&f);
	assert_int_equal(forge_verdict.state, VERDICT_TRUSTED);
	forge_judge_bytes(&f, BYTES("RFEVID1\n"));
	assert_int_equal(forge_verdict.state, VERDICT_CANNOT_JUDGE);
	assert_false(forge_verdict.quote_proved);
	assert_int_equal(forge_verdict.boot.count, 0);
	assert_int_equal(forge_verdict.ak_name_len, 0);
	assert_int_equal(forge_verdict.ima_entries, 0);
	assert_int_equal(forge_verdict.pcrs[0].state, PCR_NOT_QUOTED);
	/* The kept key is the last host's: another host's signature is not verified with it. */
	f.ak = f.signer = forge_keys.other;
	forge_judge(&f);
	assert_true(forge_verdict.quote_proved);
	f.signer = forge_keys.ak;
	forge_judge(&f);
	assert_true(forge_says(REASON_QUOTE_FORGED));
	forge_end(&f);
}

static void elliptic_keys_sign_as_well(void **state)
{
	struct forge f;

	(void)state;
	forge_begin(&f);
	f.ak = f.signer = forge_keys.ecc;
	forge_judge(&f);
	assert_true(forge_verdict.quote_proved);
	forge_end(&f);
}

/* A machine that judges itself takes its own values, and only where it was asked to. */
static void own_values_count_only_where_they_are_asked_for(void **state)
{
	struct forge f;

	(void)state;
	forge_begin(&f);
	f.options.baseline = forge_baseline;
	f.leave_out[EVIDENCE_QUOTE] = true;
	f.leave_out[EVIDENCE_SIGNATURE] = true;
	f.leave_out[EVIDENCE_AK_PUBLIC] = true;
	forge_judge(&f);
	assert_int_equal(forge_verdict.state, VERDICT_CANNOT_JUDGE);
	assert_true(forge_says(REASON_EVIDENCE_MISSING));
	f.options.own_values = true;
	forge_judge(&f);
	assert_int_equal(forge_verdict.state, VERDICT_TRUSTED);
	assert_true(forge_verdict.own_values);
	assert_false(forge_verdict.quote_proved);
	assert_false(forge_verdict.memory.known);
	assert_int_equal(forge_verdict.pcrs[10].state, PCR_EXPLAINED);
	f.sent = f.pcrs;
	f.sent.values[0][7].bytes[0] ^= 1;
	forge_judge(&f);
	assert_int_equal(forge_verdict.state, VERDICT_UNTRUSTED);
	assert_int_equal(forge_reason(REASON_PCR_UNEXPLAINED)->pcr, 7);
	/* A quote that came is judged as a quote, whatever was asked for. */
	f.sent.banks_count = 0;
	f.leave_out[EVIDENCE_QUOTE] = f.leave_out[EVIDENCE_AK_PUBLIC] = false;
	forge_judge(&f);
	assert_int_equal(forge_verdict.state, VERDICT_CANNOT_JUDGE);
	forge_end(&f);
}

/* The second verdict over a host of that size needs no memory of ours. */
static void the_second_verdict_allocates_nothing(void **state)
{
	RF_AUTOBUF struct rf_buf bytes = {0};
	struct rf_err err = {0};
	struct forge f;

	(void)state;
	forge_begin(&f);
	forge_pack(&f, &bytes);
	forge_judge_bytes(&f, rf_buf_slice(&bytes));
	rf_alloc_fail_after(1);
	int rc =
		attest_verify(f.log.hasher, rf_buf_slice(&bytes), &f.options, &forge_verdict, &err);

	rf_alloc_fail_after(0);
	assert_int_equal(rc, 0);
	assert_true(forge_verdict.quote_proved);
	assert_int_equal(forge_verdict.reasons.dropped, 0);
	forge_end(&f);
}

/* Whatever allocation fails, the verdict is an error or no pass, and nothing leaks. */
static void without_memory_nothing_is_trusted(void **state)
{
	RF_AUTOBUF struct rf_buf bytes = {0};
	struct forge f;

	(void)state;
	forge_begin(&f);
	f.options.baseline = forge_baseline;
	forge_pack(&f, &bytes);
	for (size_t n = 1; n < 60; n++) {
		struct verdict v = {0};

		rf_alloc_fail_after(n);
		int rc = attest_verify(f.log.hasher, rf_buf_slice(&bytes), &f.options, &v, NULL);
		bool failed = rc < 0 || v.state != VERDICT_TRUSTED;

		rf_alloc_fail_after(0);
		verdict_done(&v);
		if (!failed) {
			assert_true(n > 3);
			break;
		}
	}
	forge_end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(container_cases),
		cmocka_unit_test(quote_cases),
		cmocka_unit_test(value_cases),
		cmocka_unit_test(identity_cases),
		cmocka_unit_test(tpm12_cases),
		cmocka_unit_test(a_tpm12_that_is_enrolled_is_weak_at_best),
		cmocka_unit_test(two_kinds_of_quote_are_refused),
		cmocka_unit_test(bytes_that_are_no_evidence),
		cmocka_unit_test(a_certificate_of_another_ek_is_refused),
		cmocka_unit_test(a_program_that_plays_tpm_is_named),
		cmocka_unit_test(older_evidence_is_refused),
		cmocka_unit_test(counters_wrap_around),
		cmocka_unit_test(states_have_names_and_exit_codes),
		cmocka_unit_test(without_a_baseline_nothing_is_trusted),
		cmocka_unit_test(the_worst_reason_comes_first),
		cmocka_unit_test(a_verdict_forgets_the_last_evidence),
		cmocka_unit_test(elliptic_keys_sign_as_well),
		cmocka_unit_test(own_values_count_only_where_they_are_asked_for),
		cmocka_unit_test(the_second_verdict_allocates_nothing),
		cmocka_unit_test(without_memory_nothing_is_trusted),
	};

	return cmocka_run_group_tests(tests, forge_setup, forge_teardown);
}
