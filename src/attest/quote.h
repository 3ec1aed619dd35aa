/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TPM structures of a quote, parsed from hostile bytes without a TSS: TPMS_ATTEST, TPMT_SIGNATURE,
 * public areas (TPM 2.0 Library, Part 2), and TPM 1.2's TPM_QUOTE_INFO and TPM_QUOTE_INFO2.
 * Nothing here allocates. Slices borrow from the input.
 */
#ifndef RF_ATTEST_QUOTE_H
#define RF_ATTEST_QUOTE_H

#include "attest/hash.h"

struct attest_selection {
	uint16_t alg;
	uint32_t pcrs; /* bit n: PCR n */
};

struct attest_quote {
	uint8_t version; /* 2, or 1 for TPM 1.2 */
	struct rf_slice qualified_signer;
	struct rf_slice extra_data; /* the nonce */
	uint64_t clock_ms;
	uint32_t reset_count, restart_count;
	bool clock_safe;
	uint64_t firmware_version;
	struct attest_selection selections[ATTEST_MAX_BANKS];
	size_t selections_count;
	uint8_t select_bytes; /* TPM 1.2: length of the bitmap in QUOTE_INFO2; 0 in QUOTE_INFO */
	struct rf_slice pcr_digest;
	struct rf_slice signed_bytes; /* what the signature covers */
};

/* Refuses wrong magic, any type but quote, PCR index 24 and above, a bank twice, trailing bytes. */
int attest_quote_parse(struct rf_slice in, struct attest_quote *out,
		       struct rf_err *err) RF_MUST_CHECK;
/* TPM 1.2: TPM_QUOTE_INFO (tag-less, "QUOT"; it does not say which PCRs) or TPM_QUOTE_INFO2 (tag
 * 0x0036, "QUT2", perhaps with TPM_CAP_VERSION_INFO behind). */
int attest_quote12_parse(struct rf_slice in, struct attest_quote *out,
			 struct rf_err *err) RF_MUST_CHECK;

/* Is extra_data the nonce that we issued, byte for byte? RF_E_MISMATCH if not; the error tells
 * where hexadecimal text and bytes were confused. An empty nonce is refused. */
int attest_quote_nonce_check(const struct attest_quote *quote, struct rf_slice nonce,
			     struct rf_err *err) RF_MUST_CHECK;

enum attest_key_type { ATTEST_KEY_RSA, ATTEST_KEY_ECC };

/* TPMA_OBJECT bits that matter. */
#define ATTEST_FIXED_TPM	     (1u << 1)
#define ATTEST_ST_CLEAR		     (1u << 2)
#define ATTEST_FIXED_PARENT	     (1u << 4)
#define ATTEST_SENSITIVE_DATA_ORIGIN (1u << 5)
#define ATTEST_USER_WITH_AUTH	     (1u << 6)
#define ATTEST_RESTRICTED	     (1u << 16)
#define ATTEST_DECRYPT		     (1u << 17)
#define ATTEST_SIGN		     (1u << 18)

struct attest_public {
	enum attest_key_type type;
	uint16_t name_alg;
	uint32_t attributes;
	uint16_t scheme, scheme_hash;			    /* 0 for TPM_ALG_NULL */
	uint16_t symmetric, symmetric_bits, symmetric_mode; /* of a storage key; 0 for none */
	uint16_t curve;					    /* TPM_ECC_CURVE: 3 P-256, 4 P-384 */
	uint32_t exponent;				    /* 65537 where the area says 0 */
	struct rf_slice modulus;			    /* RSA */
	struct rf_slice x, y;				    /* ECC */
	struct rf_slice auth_policy;
	struct rf_slice area; /* TPMT_PUBLIC as received: what the name is computed over */
};

/* TPM2B_PUBLIC or bare TPMT_PUBLIC. */
int attest_public_parse(struct rf_slice in, struct attest_public *out,
			struct rf_err *err) RF_MUST_CHECK;

/* TPM 1.2: TPM_PUBKEY of an AIK. It has neither attributes nor a name. */
int attest_public12_parse(struct rf_slice in, struct attest_public *out,
			  struct rf_err *err) RF_MUST_CHECK;

/* Name = nameAlg || H(area), computed by us; out has 2 + digest bytes. */
int attest_public_name(struct attest_hasher *hasher, const struct attest_public *pub,
		       uint8_t out[2 + ATTEST_MAX_DIGEST], size_t *out_len,
		       struct rf_err *err) RF_MUST_CHECK;

/* An attestation key must be fixedTPM, fixedParent, sensitiveDataOrigin, restricted, sign, not
 * decrypt; RSA of 2048 bits or more, or P-256/P-384. The error names the missing attribute. */
int attest_ak_check(const struct attest_public *pub, struct rf_err *err) RF_MUST_CHECK;

/* An endorsement key must be fixedTPM, fixedParent, sensitiveDataOrigin, restricted, decrypt, not
 * sign, with AES-CFB for what it protects; RSA of 2048 bits or more, or P-256/P-384. */
int attest_ek_check(const struct attest_public *pub, struct rf_err *err) RF_MUST_CHECK;

/* TPM_ALG_ID of schemes. */
enum attest_scheme { ATTEST_RSASSA = 0x0014, ATTEST_RSAPSS = 0x0016, ATTEST_ECDSA = 0x0018 };

/* TPMT_SIGNATURE. */
struct attest_signature {
	uint16_t scheme, hash;
	struct rf_slice rsa;  /* RSASSA, RSAPSS */
	struct rf_slice r, s; /* ECDSA */
};
/* Refuses every other scheme and trailing bytes. */
int attest_signature_parse(struct rf_slice in, struct attest_signature *out,
			   struct rf_err *err) RF_MUST_CHECK;

/* A public key ready for verifying; keep it for the many quotes of one host. */
struct attest_key;
int attest_key_new(const struct attest_public *pub, struct attest_key **out,
		   struct rf_err *err) RF_MUST_CHECK;
void attest_key_free(struct attest_key *key);

/* libcrypto's form of a public key (an EVP_PKEY, the caller frees it); a point that is not on its
 * curve is refused. For enrolment; verifying goes through attest_key. */
struct evp_pkey_st;
int attest_public_pkey(const struct attest_public *pub, struct evp_pkey_st **out,
		       struct rf_err *err) RF_MUST_CHECK;

/*
 * Verifies a TPMT_SIGNATURE over signed_bytes. The signature's algorithm and hash must fit the key;
 * SHA-1 is refused. Returns 0, RF_E_MISMATCH when it does not verify, RF_E_SYNTAX ...
 */
int attest_signature_verify(struct attest_key *key, struct rf_slice signature,
			    struct rf_slice signed_bytes, uint16_t *out_hash,
			    struct rf_err *err) RF_MUST_CHECK;
/* TPM 1.2: RSASSA-PKCS1-v1_5 with SHA-1 over the quote info (weak: the caller says so). */
int attest_signature12_verify(struct attest_key *key, struct rf_slice signature,
			      struct rf_slice signed_bytes, struct rf_err *err) RF_MUST_CHECK;

/* PCR values as they came with the evidence: proved only by the quote's digest. */
struct attest_pcr_values {
	struct attest_digest values[ATTEST_MAX_BANKS][ATTEST_PCRS];
	uint32_t present[ATTEST_MAX_BANKS]; /* bit n: value of PCR n is here */
	uint16_t algs[ATTEST_MAX_BANKS];
	size_t banks_count;
};

/* TPM 1.2: is the digest SHA-1 of the TPM_PCR_COMPOSITE over these values? QUOTE_INFO says nothing
 * of the selection, so there the values present are it, and on success quote->selections holds
 * them. */
int attest_quote12_digest_check(struct attest_hasher *hasher, struct attest_quote *quote,
				const struct attest_pcr_values *values,
				struct rf_err *err) RF_MUST_CHECK;

/* Does H(selected values in selection order, PCRs ascending) with the signature's hash equal
 * pcr_digest? */
int attest_quote_digest_check(struct attest_hasher *hasher, const struct attest_quote *quote,
			      uint16_t hash, const struct attest_pcr_values *values,
			      struct rf_err *err) RF_MUST_CHECK;

#endif
