/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verifying an EK certificate; see ekcert.h. What real TPMs do, and what is done about it:
 * - NV indices are larger than the certificate: zeros or 0xff behind it are padding;
 * - a header of 7 bytes (TCG_PCCLIENT_STORED_CERT) stands before it;
 * - chains (Intel's on-die CA) are certificates one behind the other;
 * - the subject is empty, the TPM's name is in a critical subject alternative name;
 * - notAfter is 99991231235959Z, or long past: a chain is judged at the leaf's notBefore, and at
 *   the present, because makers renew intermediates under the same key;
 * - public keys are marked id-RSAES-OAEP, encodings are BER rather than DER.
 */
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "attest/ekcert_parts.h"
#include "base/mem.h"

#define CLOCK_SLACK_S 86400

/* TCG PC Client Specific Implementation Specification 1.21, 7.3.2. */
static struct rf_slice skip_tcg_header(struct rf_slice in)
{
	static const uint8_t stored[2] = {0x10, 0x01}, full[2] = {0x10, 0x02};

	if (in.len < 7 || memcmp(in.data, stored, 2) != 0 || memcmp(in.data + 5, full, 2) != 0)
		return in;
	return (struct rf_slice){in.data + 7, in.len - 7};
}

static bool is_padding(struct rf_slice in)
{
	for (size_t i = 0; i < in.len; i++) {
		if (in.data[i] != 0x00 && in.data[i] != 0xff)
			return false;
	}
	return true;
}

/* Every certificate in the bytes, in order. */
static int split(struct rf_slice in, STACK_OF(X509) * out, struct rf_err *err)
{
	if (in.len > EKCERT_MAX_BYTES)
		return rf_fail(err, RF_E_LIMIT, "%zu bytes, %u are allowed", in.len,
			       EKCERT_MAX_BYTES);
	if (is_padding(in))
		return rf_fail(err, RF_E_MISSING, "empty");
	for (size_t at = 0; !is_padding(in); at++) {
		struct rf_slice der = skip_tcg_header(in);
		const uint8_t *end = der.data;
		X509 *x = d2i_X509(NULL, &end, (long)der.len);

		ERR_clear_error();
		if (!x)
			return rf_fail(err, RF_E_SYNTAX, "certificate %zu is none", at + 1);
		if (at >= EKCERT_MAX_CHAIN || !sk_X509_push(out, x)) {
			X509_free(x);
			return rf_fail(err, RF_E_LIMIT, "more than %u certificates",
				       EKCERT_MAX_CHAIN);
		}
		in = (struct rf_slice){end, (size_t)(der.data + der.len - end)};
	}
	return 0;
}

/* RSA keys of which the algorithm is id-RSAES-OAEP: the key itself is encoded as ever. */
static EVP_PKEY *key_read_oaep(X509 *leaf)
{
	ASN1_OBJECT *algorithm = NULL;
	const uint8_t *bytes = NULL;
	int len = 0;

	if (!X509_PUBKEY_get0_param(&algorithm, &bytes, &len, NULL, X509_get_X509_PUBKEY(leaf)) ||
	    OBJ_obj2nid(algorithm) != NID_rsaesOaep)
		return NULL;
	return d2i_PublicKey(EVP_PKEY_RSA, NULL, &bytes, len);
}

int ekcert_key_check(X509 *leaf, const struct attest_public *ek, struct rf_err *err)
{
	EVP_PKEY *used = NULL;
	int rc = attest_public_pkey(ek, &used, err);

	if (rc)
		return rf_wrap(err, rc, "the endorsement key");
	EVP_PKEY *held = X509_get_pubkey(leaf);

	if (!held)
		held = key_read_oaep(leaf);
	ERR_clear_error();
	if (!held)
		rc = rf_fail(err, RF_E_UNSUPPORTED, "the certificate's public key is unreadable");
	else if (EVP_PKEY_eq(held, used) != 1)
		rc = rf_fail(err, RF_E_MISMATCH,
			     "the certificate is for another key than the one that the host uses");
	EVP_PKEY_free(held);
	EVP_PKEY_free(used);
	ERR_clear_error();
	return rc;
}

/* One verification at one time. The chain on success, else NULL and the reason. */
static STACK_OF(X509) * chain_at(const struct ekcert_store *store, X509 *target,
				 STACK_OF(X509) * sent, int64_t time_s, int *out_why)
{
	X509_STORE_CTX *context = X509_STORE_CTX_new();
	STACK_OF(X509) *chain = NULL;

	*out_why = X509_V_ERR_OUT_OF_MEM;
	if (context && X509_STORE_CTX_init(context, store->x509, target, sent)) {
		/* Folders of roots hold intermediates, too: what the site put there, it trusts. */
		X509_STORE_CTX_set_flags(context, X509_V_FLAG_PARTIAL_CHAIN);
		X509_STORE_CTX_set_time(context, 0, (time_t)time_s);
		X509_STORE_CTX_set_depth(context, EKCERT_MAX_CHAIN);
		int good = X509_verify_cert(context);

		*out_why = X509_STORE_CTX_get_error(context);
		if (good == 1)
			chain = X509_STORE_CTX_get1_chain(context);
	}
	X509_STORE_CTX_free(context);
	ERR_clear_error();
	return chain;
}

static bool issued(X509 *issuer, X509 *leaf)
{
	EVP_PKEY *key = X509_get0_pubkey(issuer);

	return X509_check_ca(issuer) == 1 && X509_check_issued(issuer, leaf) == X509_V_OK && key &&
	       X509_verify(leaf, key) == 1;
}

/* For a leaf whose key libcrypto cannot read, it builds no chain: its issuer's does as well. */
static STACK_OF(X509) * chain_above(const struct ekcert_store *store, STACK_OF(X509) * sent,
				    int64_t time_s, int *out_why)
{
	STACK_OF(X509) *candidates = X509_STORE_get1_all_certs(store->x509);
	STACK_OF(X509) *chain = NULL;
	X509 *leaf = sk_X509_value(sent, 0);

	*out_why = X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY;
	if (X509_get_extension_flags(leaf) & EXFLAG_CRITICAL) {
		*out_why = X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION;
		sk_X509_pop_free(candidates, X509_free);
		return NULL;
	}
	for (int i = 1; candidates && i < sk_X509_num(sent); i++) {
		if (X509_up_ref(sk_X509_value(sent, i)) &&
		    !sk_X509_push(candidates, sk_X509_value(sent, i)))
			X509_free(sk_X509_value(sent, i));
	}
	for (int i = 0; candidates && !chain && i < sk_X509_num(candidates); i++) {
		X509 *issuer = sk_X509_value(candidates, i);

		if (issued(issuer, leaf))
			chain = chain_at(store, issuer, sent, time_s, out_why);
	}
	sk_X509_pop_free(candidates, X509_free);
	ERR_clear_error();
	if (chain && X509_up_ref(leaf) && !sk_X509_insert(chain, leaf, 0))
		X509_free(leaf);
	return chain;
}

static STACK_OF(X509) * chain_try(const struct ekcert_store *store, STACK_OF(X509) * sent,
				  int64_t time_s, int *out_why)
{
	X509 *leaf = sk_X509_value(sent, 0);
	bool readable = X509_get0_pubkey(leaf) != NULL;

	ERR_clear_error();
	return readable ? chain_at(store, leaf, sent, time_s, out_why)
			: chain_above(store, sent, time_s, out_why);
}

static int chain_find(const struct ekcert_store *store, STACK_OF(X509) * sent,
		      const struct ekcert_request *request, struct ekcert_info *info,
		      STACK_OF(X509) * *out, struct rf_err *err)
{
	int why = 0, why_now = 0;

	*out = chain_try(store, sent, info->not_before_s, &why);
	if (!*out)
		*out = chain_try(store, sent, request->now_s, &why_now);
	if (*out)
		return 0;
	if (why == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
	    why == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT ||
	    why == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE)
		return rf_fail(err, RF_E_DENIED,
			       "no trusted certificate of its issuer '%s'; add its maker's root to "
			       "the store if you trust it",
			       info->issuer);
	return rf_fail(err, RF_E_DENIED, "chain: %s", X509_verify_cert_error_string(why));
}

/* MD5 can be forged outright; SHA-1 stands in certificates of TPMs that are in service. */
static int digests_check(STACK_OF(X509) * chain, struct ekcert_info *info, struct rf_err *err)
{
	for (int i = 0; i + 1 < sk_X509_num(chain); i++) {
		int digest = NID_undef;

		if (!X509_get_signature_info(sk_X509_value(chain, i), &digest, NULL, NULL, NULL))
			continue;
		if (digest == NID_md5 || digest == NID_md4 || digest == NID_md2)
			return rf_fail(err, RF_E_DENIED, "chain: a signature uses %s",
				       OBJ_nid2sn(digest));
		info->sha1_chain = info->sha1_chain || digest == NID_sha1;
	}
	return 0;
}

static int leaf_check(X509 *leaf, const struct ekcert_request *request, struct ekcert_info *info,
		      struct rf_err *err)
{
	int rc = ekcert_describe(leaf, info, err);

	if (rc)
		return rc;
	if (X509_check_ca(leaf) == 1)
		return rf_fail(err, RF_E_DENIED, "an authority's certificate, not a TPM's");
	if (info->not_before_s > request->now_s + CLOCK_SLACK_S)
		return rf_fail(err, RF_E_DENIED, "not valid yet: compare clocks");
	info->expired = info->not_after_s < request->now_s;
	return ekcert_key_check(leaf, request->ek, err);
}

static int verify_sent(struct ekcert_store *store, STACK_OF(X509) * sent,
		       const struct ekcert_request *request, struct ekcert_info *info,
		       struct rf_err *err)
{
	STACK_OF(X509) *chain = NULL;
	int rc = leaf_check(sk_X509_value(sent, 0), request, info, err);

	if (rc == 0)
		rc = chain_find(store, sent, request, info, &chain, err);
	if (rc)
		return rc;
	int count = sk_X509_num(chain);

	info->chain_len = (unsigned int)count;
	ekcert_name_text(X509_get_subject_name(sk_X509_value(chain, count - 1)), info->root,
			 sizeof(info->root));
	rc = digests_check(chain, info, err);
	if (rc == 0)
		rc = ekcert_revocation_check(store, chain, request, info, err);
	sk_X509_pop_free(chain, X509_free);
	return rc;
}

int ekcert_verify(struct ekcert_store *store, const struct ekcert_request *request,
		  struct ekcert_info *out, struct rf_err *err)
{
	STACK_OF(X509) *sent = sk_X509_new_null();
	struct ekcert_info info = {0};
	int rc = sent ? split(request->leaf, sent, err) : rf_fail(err, RF_E_CRYPTO, "no memory");

	if (rc == 0 && request->chain_count > EKCERT_MAX_CHAIN)
		rc = rf_fail(err, RF_E_LIMIT, "more than %u certificates", EKCERT_MAX_CHAIN);
	for (size_t i = 0; rc == 0 && i < request->chain_count; i++) {
		rc = split(request->chain[i], sent, err);
		if (rc)
			rc = rf_wrap(err, rc, "chain part %zu", i + 1);
	}
	if (rc == 0)
		rc = verify_sent(store, sent, request, &info, err);
	sk_X509_pop_free(sent, X509_free);
	if (rc)
		return rf_wrap(err, rc, "EK certificate");
	*out = info;
	return 0;
}
