/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The signature behind a kernel module, see modsig.h: the module's bytes, then signer name and key
 * id (old kinds only), the signature, struct module_signature, and the magic.
 */
#include <string.h>

#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/x509.h>

#include "attest/certs.h"
#include "attest/modsig.h"
#include "base/mem.h"
#include "base/reader.h"
#include "base/str.h"

#define MAGIC	      "~Module signature appended~\n"
#define TRAILER_BYTES 12u

static void put_hex(char *out, size_t size, const void *data, size_t len)
{
	RF_AUTOBUF struct rf_buf hex = {0};

	rf_buf_add_hex(&hex, data, len);
	if (!rf_copy(out, size, rf_buf_text(&hex)))
		out[0] = '\0';
}

/* The common name; "" when there is none or it is no text to show. */
static void put_common_name(char *out, size_t size, X509_NAME *name)
{
	int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
	unsigned char *utf8 = NULL;
	int len = at < 0 ? -1
			 : ASN1_STRING_to_UTF8(
				   &utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));

	if (len > 0 && (size_t)len < size && rf_utf8_valid(utf8, (size_t)len)) {
		memcpy(out, utf8, (size_t)len);
		out[len] = '\0';
	}
	OPENSSL_free(utf8);
}

static void put_hash(char *out, size_t size, CMS_SignerInfo *info)
{
	const char *hash = cert_cms_hash(info);

	if (hash && rf_copy(out, size, hash))
		rf_lower(out);
}

static void read_signer(CMS_ContentInfo *cms, struct modsig *out)
{
	ASN1_OCTET_STRING *key_id = NULL;
	X509_NAME *issuer = NULL;
	ASN1_INTEGER *serial = NULL;
	STACK_OF(CMS_SignerInfo) *infos = CMS_get0_SignerInfos(cms);

	if (!infos || sk_CMS_SignerInfo_num(infos) < 1)
		return;
	CMS_SignerInfo *info = sk_CMS_SignerInfo_value(infos, 0);

	put_hash(out->hash, sizeof(out->hash), info);
	if (CMS_SignerInfo_get0_signer_id(info, &key_id, &issuer, &serial) != 1)
		return;
	if (issuer)
		put_common_name(out->signer, sizeof(out->signer), issuer);
	const ASN1_STRING *id = key_id ? key_id : serial;

	if (id && ASN1_STRING_length(id) > 0)
		put_hex(out->key_id, sizeof(out->key_id), ASN1_STRING_get0_data(id),
			(size_t)ASN1_STRING_length(id));
}

static int read_cms(struct rf_slice signature, struct modsig *out, struct rf_err *err)
{
	const unsigned char *der = signature.data;
	CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &der, (long)signature.len);

	if (!cms || OBJ_obj2nid(CMS_get0_type(cms)) != NID_pkcs7_signed) {
		CMS_ContentInfo_free(cms);
		ERR_clear_error();
		return rf_fail(err, RF_E_SYNTAX, "module signature: not a PKCS#7 signature");
	}
	read_signer(cms, out);
	CMS_ContentInfo_free(cms);
	ERR_clear_error();
	return 0;
}

/* Kernels before 4.3: names stand before the signature, the hash is a number of the kernel's. */
static void read_old(const struct rf_slice signer, struct rf_slice key_id, uint8_t hash,
		     struct modsig *out)
{
	static const char *const hashes[] = {"md4",    "md5",	 "sha1",   "rmd160",
					     "sha256", "sha384", "sha512", "sha224"};

	if (signer.len && signer.len < sizeof(out->signer) &&
	    rf_utf8_valid(signer.data, signer.len))
		memcpy(out->signer, signer.data, signer.len);
	if (key_id.len)
		put_hex(out->key_id, sizeof(out->key_id), key_id.data, key_id.len);
	if (hash < RF_COUNT(hashes))
		rf_copy(out->hash, sizeof(out->hash), hashes[hash]);
}

int modsig_parse(struct rf_slice file, struct modsig *out, struct rf_err *err)
{
	const size_t magic = strlen(MAGIC), tail = magic + TRAILER_BYTES;
	struct modsig sig = {0};

	if (file.len < magic || memcmp(file.data + file.len - magic, MAGIC, magic) != 0)
		return 0;
	if (file.len < tail)
		return rf_fail(err, RF_E_SYNTAX, "module signature: the magic stands alone");
	struct rf_reader r =
		rf_reader((struct rf_slice){file.data + file.len - tail, TRAILER_BYTES});

	rf_read_u8(&r); /* the key's algorithm */
	uint8_t hash = rf_read_u8(&r), kind = rf_read_u8(&r);
	uint8_t signer_len = rf_read_u8(&r), key_id_len = rf_read_u8(&r);

	rf_read_bytes(&r, 3);
	size_t len = rf_read_be32(&r), names = (size_t)signer_len + key_id_len;

	if (kind > MODSIG_PKCS7)
		return rf_fail(err, RF_E_SYNTAX, "module signature: kind %u", kind);
	if (r.failed || len == 0 || len > file.len - tail || names > file.len - tail - len)
		return rf_fail(err, RF_E_SYNTAX, "module signature: %zu bytes, %zu are there", len,
			       file.len - tail);
	const uint8_t *at = file.data + file.len - tail - len;

	sig.kind = (enum modsig_kind)kind;
	sig.bytes = tail + len + (kind == MODSIG_PKCS7 ? 0 : names);
	if (kind != MODSIG_PKCS7) {
		read_old((struct rf_slice){at - names, signer_len},
			 (struct rf_slice){at - key_id_len, key_id_len}, hash, &sig);
		*out = sig;
		return 1;
	}
	/* The kernel refuses names beside PKCS#7, which carries its own. */
	if (names != 0)
		return rf_fail(err, RF_E_SYNTAX, "module signature: names beside PKCS#7");
	int rc = read_cms((struct rf_slice){at, len}, &sig, err);

	if (rc)
		return rc;
	*out = sig;
	return 1;
}
