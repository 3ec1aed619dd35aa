/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates that vouch for boot files and IMA signatures, see certs.h. Not for endorsement keys:
 * ekcert.c judges those, by other rules. Sources: UEFI 2.10, 32.6 (validation by db); kernel
 * crypto/asymmetric_keys/x509_public_key.c and asymmetric_type.c (key identifiers).
 */
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "attest/certs.h"
#include "attest/words.h"

void cert_name(const X509_NAME *name, char *out, size_t size)
{
	struct words w = words_into(out, size);
	int at = name ? X509_NAME_get_index_by_NID(name, NID_commonName, -1) : -1;
	unsigned char *utf8 = NULL;
	int len = at < 0 ? -1
			 : ASN1_STRING_to_UTF8(
				   &utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));

	if (len > 0)
		words_add_utf8(&w, (struct rf_slice){utf8, (size_t)len});
	else
		ekcert_name_text(name, out, size);
	OPENSSL_free(utf8);
	ERR_clear_error();
}

int cert_chain_check(const struct ekcert_store *store, X509 *leaf, STACK_OF(X509) * others,
		     char trusted[256], struct rf_err *err)
{
	X509_STORE_CTX *context = X509_STORE_CTX_new();

	if (!context || X509_STORE_CTX_init(context, store->x509, leaf, others) != 1) {
		X509_STORE_CTX_free(context);
		ERR_clear_error();
		return rf_fail(err, RF_E_CRYPTO, "no memory for a chain of certificates");
	}
	X509_STORE_CTX_set_flags(context, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_NO_CHECK_TIME |
						  X509_V_FLAG_TRUSTED_FIRST);
	X509_VERIFY_PARAM_set_purpose(X509_STORE_CTX_get0_param(context), X509_PURPOSE_ANY);
	X509_VERIFY_PARAM_set_depth(X509_STORE_CTX_get0_param(context), EKCERT_MAX_CHAIN);
	int good = X509_verify_cert(context), why = X509_STORE_CTX_get_error(context);
	STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(context);

	if (good == 1 && trusted && chain)
		cert_name(X509_get_subject_name(sk_X509_value(chain, sk_X509_num(chain) - 1)),
			  trusted, 256);
	X509_STORE_CTX_free(context);
	ERR_clear_error();
	if (good == 1)
		return 0;
	return rf_fail(err, RF_E_DENIED, "%s", X509_verify_cert_error_string(why));
}

static bool key_id_is(X509 *x, uint32_t key_id)
{
	const uint8_t want[4] = {(uint8_t)(key_id >> 24), (uint8_t)(key_id >> 16),
				 (uint8_t)(key_id >> 8), (uint8_t)key_id};
	const ASN1_OCTET_STRING *skid = X509_get0_subject_key_id(x);
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned int len = 0;

	if (skid) {
		int n = ASN1_STRING_length(skid);

		return n >= 4 && memcmp(ASN1_STRING_get0_data(skid) + n - 4, want, 4) == 0;
	}
	return X509_pubkey_digest(x, EVP_sha1(), digest, &len) == 1 && len >= 4 &&
	       memcmp(digest + len - 4, want, 4) == 0;
}

X509 *cert_by_key_id(const struct ekcert_store *store, uint32_t key_id)
{
	const STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(store->x509);
	X509 *found = NULL;

	for (int i = 0; !found && i < sk_X509_OBJECT_num(objects); i++) {
		X509 *x = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));

		if (x && key_id_is(x, key_id))
			found = x;
	}
	ERR_clear_error();
	return found;
}

const char *cert_cms_hash(CMS_SignerInfo *info)
{
	X509_ALGOR *digest = NULL;
	const ASN1_OBJECT *object = NULL;

	CMS_SignerInfo_get0_algs(info, NULL, NULL, &digest, NULL);
	if (digest)
		X509_ALGOR_get0(&object, NULL, NULL, digest);
	int nid = object ? OBJ_obj2nid(object) : NID_undef;

	return nid == NID_undef ? NULL : OBJ_nid2sn(nid);
}
