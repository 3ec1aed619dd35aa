/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signatures in boot files, see pe.h: PKCS#7 over SpcIndirectDataContent, which holds the file's
 * digest. Nested signatures (as Windows files have) are not looked at: firmware does not either.
 * Source: Windows Authenticode Portable Executable Signature Format; UEFI 2.10, 32.2.4 and 32.6.
 */
#include <limits.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/pkcs7.h>

#include "attest/certs.h"
#include "attest/pe.h"
#include "base/mem.h"
#include "base/reader.h"

#define TYPE_PKCS7   0x0002u
#define SPC_INDIRECT "1.3.6.1.4.1.311.2.1.4"

static const struct {
	int nid;
	uint16_t alg;
} digests[] = {
	{NID_sha256, ATTEST_SHA256},
	{NID_sha384, ATTEST_SHA384},
	{NID_sha512, ATTEST_SHA512},
	{NID_sha1, ATTEST_SHA1},
};

static bool is_spc_indirect(const ASN1_OBJECT *object)
{
	char text[64];

	return object && OBJ_obj2txt(text, sizeof(text), object, 1) > 0 &&
	       strcmp(text, SPC_INDIRECT) == 0;
}

/* The SpcIndirectDataContent inside, without its SEQUENCE head: what is signed. */
static bool content_find(PKCS7 *p7, struct rf_slice *out)
{
	PKCS7 *inner = PKCS7_type_is_signed(p7) && p7->d.sign ? p7->d.sign->contents : NULL;
	long len = 0;
	int tag = 0, class = 0;

	if (!inner || !is_spc_indirect(inner->type) || !inner->d.other ||
	    inner->d.other->type != V_ASN1_SEQUENCE)
		return false;
	const ASN1_STRING *text = inner->d.other->value.sequence;
	const unsigned char *at = text->data;

	if (ASN1_get_object(&at, &len, &tag, &class, text->length) != V_ASN1_CONSTRUCTED)
		return false;
	*out = (struct rf_slice){at, (size_t)len};
	return true;
}

/* SEQUENCE {what kind of file}, DigestInfo. */
static bool digest_read(struct rf_slice content, struct attest_digest *out)
{
	const unsigned char *at = content.data, *end = content.data + content.len;
	const X509_ALGOR *algorithm = NULL;
	const ASN1_OCTET_STRING *value = NULL;
	const ASN1_OBJECT *object = NULL;
	long len = 0;
	int tag = 0, class = 0;

	if (ASN1_get_object(&at, &len, &tag, &class, (long)content.len) != V_ASN1_CONSTRUCTED)
		return false;
	at += len;
	X509_SIG *info = d2i_X509_SIG(NULL, &at, (long)(end - at));

	if (!info)
		return false;
	X509_SIG_get0(info, &algorithm, &value);
	X509_ALGOR_get0(&object, NULL, NULL, algorithm);
	int nid = OBJ_obj2nid(object);
	size_t size = (size_t)ASN1_STRING_length(value);

	*out = (struct attest_digest){0};
	for (size_t i = 0; i < RF_COUNT(digests); i++) {
		if (digests[i].nid != nid || attest_digest_size(digests[i].alg) != size)
			continue;
		out->alg = digests[i].alg;
		out->len = (uint8_t)size;
		memcpy(out->bytes, ASN1_STRING_get0_data(value), size);
	}
	X509_SIG_free(info);
	return true;
}

static PKCS7 *pkcs7_read(struct rf_slice der)
{
	const unsigned char *at = der.data;
	PKCS7 *p7 = d2i_PKCS7(NULL, &at, (long)der.len);

	ERR_clear_error();
	return p7;
}

/* The one signer; NULL when there are more or its certificate is not there. Owned by p7. */
static X509 *signer_find(PKCS7 *p7)
{
	STACK_OF(PKCS7_SIGNER_INFO) *infos = PKCS7_get_signer_info(p7);

	if (!infos || sk_PKCS7_SIGNER_INFO_num(infos) != 1)
		return NULL;
	STACK_OF(X509) *signers = PKCS7_get0_signers(p7, NULL, 0);
	X509 *signer = signers && sk_X509_num(signers) == 1 ? sk_X509_value(signers, 0) : NULL;

	sk_X509_free(signers);
	ERR_clear_error();
	return signer;
}

static bool digest_matches(struct attest_hasher *hasher, const struct pe *pe,
			   const struct attest_digest *said)
{
	struct attest_digest is;

	return said->alg && !pe->irregular &&
	       pe_digest(hasher, pe, said->alg, PE_AS_MEASURED, &is) == 0 && is.len == said->len &&
	       memcmp(is.bytes, said->bytes, is.len) == 0;
}

static int signature_read(struct attest_hasher *hasher, const struct pe *pe, struct rf_slice der,
			  struct pe_signature *out)
{
	struct rf_slice content;
	PKCS7 *p7 = pkcs7_read(der);

	if (!p7 || !content_find(p7, &content) || !digest_read(content, &out->digest)) {
		PKCS7_free(p7);
		ERR_clear_error();
		return RF_E_SYNTAX;
	}
	X509 *signer = signer_find(p7);

	out->der = der;
	if (signer) {
		cert_name(X509_get_subject_name(signer), out->signer, sizeof(out->signer));
		cert_name(X509_get_issuer_name(signer), out->issuer, sizeof(out->issuer));
	}
	out->matches = digest_matches(hasher, pe, &out->digest);
	PKCS7_free(p7);
	return 0;
}

/* WIN_CERTIFICATE: its length counts the head, the next begins at a multiple of 8. */
static int entry_next(const struct pe *pe, size_t *at, struct rf_slice *out, uint16_t *type,
		      struct rf_err *err)
{
	struct rf_reader r = rf_reader(pe->signatures);

	rf_read_bytes(&r, *at);
	if (rf_reader_left(&r) == 0)
		return 0;
	size_t len = rf_read_le32(&r);

	rf_read_le16(&r); /* revision */
	*type = rf_read_le16(&r);
	if (r.failed || len < 8 || len > pe->signatures.len - *at)
		return rf_fail(err, RF_E_SYNTAX, "certificate table at byte %zu: a length of %zu",
			       *at, len);
	*out = rf_read_bytes(&r, len - 8);
	size_t step = (len + 7) & ~(size_t)7;

	*at = step < pe->signatures.len - *at ? *at + step : pe->signatures.len;
	return 1;
}

int pe_signature_next(struct attest_hasher *hasher, const struct pe *pe, size_t *at,
		      struct pe_signature *out, struct rf_err *err)
{
	struct pe_signature found = {0};
	struct rf_slice der;
	uint16_t type = 0;
	size_t start = *at;
	int rc = entry_next(pe, at, &der, &type, err);

	/* Other types of certificate: none of a boot file's. */
	for (unsigned int n = 0; rc == 1 && type != TYPE_PKCS7; n++) {
		if (n == PE_MAX_SIGNATURES)
			return rf_fail(err, RF_E_LIMIT, "certificate table: too many entries");
		start = *at;
		rc = entry_next(pe, at, &der, &type, err);
	}
	if (rc != 1)
		return rc;
	if (der.len > PE_MAX_SIGNATURE_BYTES)
		return rf_fail(err, RF_E_LIMIT, "signature of %zu bytes, %u are allowed", der.len,
			       PE_MAX_SIGNATURE_BYTES);
	rc = signature_read(hasher, pe, der, &found);
	if (rc)
		return rf_fail(err, rc, "certificate table at byte %zu: not a signature of a file",
			       start);
	*out = found;
	return 1;
}

/* The signature must be of this kind of content: a module's or a mail's by the same key says
 * nothing about a boot file. */
static bool type_is_signed(PKCS7 *p7)
{
	PKCS7_SIGNER_INFO *info = sk_PKCS7_SIGNER_INFO_value(PKCS7_get_signer_info(p7), 0);
	const ASN1_TYPE *type = PKCS7_get_signed_attribute(info, NID_pkcs9_contentType);

	return type && type->type == V_ASN1_OBJECT && is_spc_indirect(type->value.object);
}

/* PKCS7_verify would do as much, but loses memory where an algorithm is not known to it. */
static bool content_is_signed(PKCS7 *p7, X509 *signer, struct rf_slice content)
{
	PKCS7_SIGNER_INFO *info = sk_PKCS7_SIGNER_INFO_value(PKCS7_get_signer_info(p7), 0);
	X509_ALGOR *algorithm = NULL;
	const ASN1_OBJECT *object = NULL;

	PKCS7_SIGNER_INFO_get0_algs(info, NULL, &algorithm, NULL);
	X509_ALGOR_get0(&object, NULL, NULL, algorithm);
	const EVP_MD *md = object ? EVP_get_digestbyobj(object) : NULL;
	BIO *hash = md ? BIO_new(BIO_f_md()) : NULL, *sink = BIO_new(BIO_s_null());
	bool good = hash && sink && BIO_set_md(hash, md) > 0;

	if (good)
		hash = BIO_push(hash, sink);
	good = good && BIO_write(hash, content.data, (int)content.len) == (int)content.len &&
	       PKCS7_signatureVerify(hash, p7, info, signer) == 1;
	if (!hash || BIO_next(hash) != sink)
		BIO_free(sink);
	BIO_free_all(hash);
	return good;
}

static int signature_verify(const struct pe_signature *signature,
			    const struct ekcert_store *trusted, struct pe_signed *out,
			    struct rf_err *err)
{
	struct rf_slice content = {0};
	PKCS7 *p7 = pkcs7_read(signature->der);
	X509 *signer = p7 ? signer_find(p7) : NULL;
	bool holds = signer && content_find(p7, &content) && content.len <= INT_MAX &&
		     type_is_signed(p7) && content_is_signed(p7, signer, content);
	/* The chain is our own affair, by other rules than a mail's. */
	int rc = holds ? cert_chain_check(trusted, signer, p7->d.sign->cert, out->trusted, err)
		       : rf_fail(err, RF_E_MISMATCH, "the signature does not hold");

	if (rc == 0)
		cert_name(X509_get_subject_name(signer), out->signer, sizeof(out->signer));
	PKCS7_free(p7);
	ERR_clear_error();
	return rc;
}

int pe_signed_by(struct attest_hasher *hasher, const struct pe *pe,
		 const struct ekcert_store *trusted, struct pe_signed *out, struct rf_err *err)
{
	struct pe_signature signature;
	struct pe_signed found = {0};
	size_t at = 0;
	int rc = RF_E_MISSING, step = 0;

	if (pe->irregular)
		return rf_fail(err, RF_E_MISMATCH,
			       "parts of the file are in no digest, so no signature covers it");
	if (!pe->signatures.len)
		return rf_fail(err, RF_E_MISSING, "no signature");
	for (unsigned int n = 1; n <= PE_MAX_SIGNATURES; n++) {
		step = pe_signature_next(hasher, pe, &at, &signature, err);
		if (step != 1)
			break;
		rc = signature.matches
			     ? signature_verify(&signature, trusted, &found, err)
			     : rf_fail(err, RF_E_MISMATCH, "the signature is for another file");
		if (rc == 0) {
			found.alg = signature.digest.alg;
			found.number = n;
			*out = found;
			return 0;
		}
		rc = rf_wrap(err, rc, "signature %u by '%s'", n, signature.signer);
	}
	if (step < 0)
		return step;
	return rc == RF_E_MISSING ? rf_fail(err, RF_E_MISSING, "no signature") : rc;
}
