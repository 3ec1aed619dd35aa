/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signatures of IMA entries, see imasig.h. Signatures of version 1 (before kernel 3.7) are not
 * read. Metadata signatures are those that the kernel calls portable: others cover inode numbers,
 * which no list tells.
 */
#include <string.h>

#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#include "attest/certs.h"
#include "attest/ima_template.h"
#include "attest/imasig.h"
#include "base/mem.h"
#include "base/reader.h"

#define MAX_NUMBER_BYTES 2048u /* of the bare signature: RSA of 16384 bits */

/* enum evm_ima_xattr_type */
#define XATTR_DIGEST	0x01
#define XATTR_DIGSIG	0x03
#define XATTR_DIGEST_NG 0x04
#define XATTR_PORTABLE	0x05
#define XATTR_VERITY	0x06

struct head {
	uint8_t type, version;
	uint16_t alg;
	uint32_t key_id;
	struct rf_slice number; /* as RSA or ECDSA (DER) made it */
};

/* What one verification needs. */
struct view {
	struct attest_hasher *hasher;
	const struct ima_entry *entry;
	bool big_endian;
	const struct ekcert_store *trusted;
};

/* enum hash_algo of the kernel */
static const struct {
	uint8_t number;
	uint16_t alg;
} hashes[] = {
	{2, ATTEST_SHA1},   {4, ATTEST_SHA256}, {5, ATTEST_SHA384},
	{6, ATTEST_SHA512}, {17, ATTEST_SM3},
};

const char *imasig_kind_name(enum imasig_kind kind)
{
	static const char *const names[] = {"file", "fs-verity", "metadata", "module"};

	return names[kind];
}

static uint16_t alg_of_number(uint8_t number)
{
	for (size_t i = 0; i < RF_COUNT(hashes); i++) {
		if (hashes[i].number == number)
			return hashes[i].alg;
	}
	return 0;
}

static uint8_t number_of_alg(uint16_t alg)
{
	for (size_t i = 0; i < RF_COUNT(hashes); i++) {
		if (hashes[i].alg == alg)
			return hashes[i].number;
	}
	return 0xff;
}

static int head_read(struct rf_slice in, struct head *out, struct rf_err *err)
{
	struct rf_reader r = rf_reader(in);

	out->type = rf_read_u8(&r);
	out->version = rf_read_u8(&r);
	uint8_t number = rf_read_u8(&r);

	out->alg = alg_of_number(number);
	out->key_id = rf_read_be32(&r);
	size_t len = rf_read_be16(&r);

	out->number = rf_read_rest(&r);
	if (r.failed || len != out->number.len || len == 0 || len > MAX_NUMBER_BYTES)
		return rf_fail(err, RF_E_SYNTAX, "%zu bytes are no signature with its head",
			       in.len);
	if (out->version != 2 && out->version != 3)
		return rf_fail(err, RF_E_UNSUPPORTED, "version %u", out->version);
	if (!out->alg)
		return rf_fail(err, RF_E_UNSUPPORTED, "hash algorithm %u of the kernel", number);
	return 0;
}

static const EVP_MD *md_of(uint16_t alg)
{
	return alg == ATTEST_SHA1     ? EVP_sha1()
	       : alg == ATTEST_SHA256 ? EVP_sha256()
	       : alg == ATTEST_SHA384 ? EVP_sha384()
	       : alg == ATTEST_SHA512 ? EVP_sha512()
				      : EVP_sm3();
}

/* RSASSA-PKCS1-v1_5 or ECDSA, as the kernel's keys are. */
static bool number_verifies(X509 *x, struct rf_slice number, const struct attest_digest *digest)
{
	EVP_PKEY *key = X509_get0_pubkey(x);
	bool rsa = key && EVP_PKEY_is_a(key, "RSA");
	EVP_PKEY_CTX *context =
		rsa || (key && EVP_PKEY_is_a(key, "EC")) ? EVP_PKEY_CTX_new(key, NULL) : NULL;
	bool good =
		context && EVP_PKEY_verify_init(context) == 1 &&
		(!rsa || EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1) &&
		EVP_PKEY_CTX_set_signature_md(context, md_of(digest->alg)) == 1 &&
		EVP_PKEY_verify(context, number.data, number.len, digest->bytes, digest->len) == 1;

	EVP_PKEY_CTX_free(context);
	ERR_clear_error();
	return good;
}

static int digest_verify(const struct view *v, const struct head *head,
			 const struct attest_digest *digest, struct imasig *out, struct rf_err *err)
{
	X509 *x = cert_by_key_id(v->trusted, head->key_id);

	if (!x)
		return rf_fail(err, RF_E_UNKNOWN,
			       "made with key %08x, of which no certificate is given",
			       head->key_id);
	if (!number_verifies(x, head->number, digest))
		return rf_fail(err, RF_E_MISMATCH, "made with key %08x, and does not hold",
			       head->key_id);
	out->alg = head->alg;
	out->key_id = head->key_id;
	cert_name(X509_get_subject_name(x), out->signer, sizeof(out->signer));
	return 0;
}

/* Version 3: over H(struct ima_file_id {type, algorithm, digest}). */
static int file_id_digest(const struct view *v, const struct head *head,
			  struct attest_digest *digest, struct rf_err *err)
{
	const uint8_t id[2] = {head->type, number_of_alg(digest->alg)};
	const struct attest_digest inner = *digest;

	if (attest_hash(v->hasher, digest->alg, (struct rf_slice){id, sizeof(id)},
			(struct rf_slice){inner.bytes, inner.len}, digest->bytes))
		return rf_fail(err, RF_E_UNSUPPORTED, "a hash that cannot be computed here");
	return 0;
}

static int file_verify(const struct view *v, struct rf_slice signature, struct imasig *out,
		       struct rf_err *err)
{
	struct attest_digest digest = v->entry->file;
	struct head head;
	int rc = head_read(signature, &head, err);

	if (rc)
		return rc;
	if (head.type != XATTR_DIGSIG && head.type != XATTR_VERITY)
		return rf_fail(err, RF_E_SYNTAX, "type %u is none of a file", head.type);
	if ((head.type == XATTR_VERITY) != v->entry->verity)
		return rf_fail(err, RF_E_MISMATCH,
			       "it is for the other kind of digest (of fs-verity or of all bytes)");
	if (head.type == XATTR_VERITY && head.version != 3)
		return rf_fail(err, RF_E_UNSUPPORTED, "version %u of fs-verity", head.version);
	if (!digest.alg)
		return rf_fail(err, RF_E_UNSUPPORTED, "a digest that cannot be verified here");
	if (head.alg != digest.alg)
		return rf_fail(err, RF_E_MISMATCH, "it is over another hash than was measured");
	if (head.version == 3)
		rc = file_id_digest(v, &head, &digest, err);
	out->kind = head.type == XATTR_VERITY ? IMASIG_VERITY : IMASIG_FILE;
	return rc ? rc : digest_verify(v, &head, &digest, out, err);
}

/* ---- metadata ---- */

static bool field(const struct view *v, const char *name, struct rf_slice *out)
{
	return ima_template_field(v->entry, v->big_endian, name, out);
}

/* Cuts the first attribute from names, lengths and values. */
static bool xattr_take(const struct view *v, struct rf_reader *names, struct rf_reader *lengths,
		       struct rf_reader *values, struct rf_slice parts[2])
{
	struct rf_slice rest = {names->data + names->pos, rf_reader_left(names)};
	const uint8_t *bar = rest.len ? memchr(rest.data, '|', rest.len) : NULL;
	size_t len = bar ? (size_t)(bar - rest.data) : rest.len;
	size_t value = v->big_endian ? rf_read_be32(lengths) : rf_read_le32(lengths);

	parts[0] = rf_read_bytes(names, len);
	rf_read_bytes(names, bar ? 1 : 0);
	parts[1] = rf_read_bytes(values, value);
	while (parts[0].len && parts[0].data[parts[0].len - 1] == '\0')
		parts[0].len--;
	return !lengths->failed && !values->failed;
}

/* security.ima ties the metadata to the file: its digest, or a signature of it, must be that of
 * the entry. */
static int content_check(const struct view *v, struct rf_slice ima, struct rf_err *err)
{
	const struct attest_digest *file = &v->entry->file;
	struct imasig inner = {0};
	struct rf_slice digest = {0};

	if (ima.len && ima.data[0] == XATTR_DIGSIG) {
		int rc = file_verify(v, ima, &inner, err);

		return rc ? rf_wrap(err, rc, "security.ima") : 0;
	}
	if (ima.len && ima.data[0] == XATTR_DIGEST && file->alg == ATTEST_SHA1)
		digest = (struct rf_slice){ima.data + 1, ima.len - 1};
	else if (ima.len > 1 && ima.data[0] == XATTR_DIGEST_NG && file->alg &&
		 alg_of_number(ima.data[1]) == file->alg)
		digest = (struct rf_slice){ima.data + 2, ima.len - 2};
	if (file->len == 0 || !rf_slice_equal(digest, (struct rf_slice){file->bytes, file->len}))
		return rf_fail(err, RF_E_MISMATCH,
			       "it is for other contents than were measured (security.ima)");
	return 0;
}

/* struct h_misc of a 64-bit kernel, in its own byte order: no inode, no generation. */
static int misc_make(const struct view *v, uint8_t out[24], struct rf_err *err)
{
	struct rf_slice uid, gid, mode;

	if (!field(v, "iuid", &uid) || !field(v, "igid", &gid) || !field(v, "imode", &mode) ||
	    uid.len != 4 || gid.len != 4 || mode.len != 2)
		return rf_fail(err, RF_E_SYNTAX, "owner, group or mode is not there");
	memset(out, 0, 24);
	memcpy(out + 12, uid.data, 4);
	memcpy(out + 16, gid.data, 4);
	memcpy(out + 20, mode.data, 2);
	return 0;
}

static int xattrs_check(const struct view *v, struct rf_slice values, struct rf_err *err)
{
	struct rf_slice names, lengths, parts[2], ima = {0};

	if (!field(v, "xattrnames", &names) || !field(v, "xattrlengths", &lengths))
		return rf_fail(err, RF_E_SYNTAX, "extended attributes are not there");
	struct rf_reader n = rf_reader(names), l = rf_reader(lengths), d = rf_reader(values);

	while (rf_reader_left(&l) > 0) {
		if (!xattr_take(v, &n, &l, &d, parts))
			return rf_fail(err, RF_E_SYNTAX, "extended attributes are cut");
		if (rf_slice_equal(parts[0], rf_slice_text("security.ima")))
			ima = parts[1];
	}
	if (rf_reader_left(&d) || rf_reader_left(&n))
		return rf_fail(err, RF_E_SYNTAX, "extended attributes without a length");
	return content_check(v, ima, err);
}

/* H(values of the attributes in the kernel's order, then owner and mode). */
static int evm_verify(const struct view *v, struct rf_slice signature, struct imasig *out,
		      struct rf_err *err)
{
	struct attest_digest digest = {0};
	struct rf_slice values;
	struct head head;
	uint8_t misc[24];
	int rc = head_read(signature, &head, err);

	if (rc == 0 && head.version != 2)
		rc = rf_fail(err, RF_E_UNSUPPORTED, "version %u of metadata", head.version);
	if (rc == 0 && !field(v, "xattrvalues", &values))
		rc = rf_fail(err, RF_E_SYNTAX, "extended attributes are not there");
	if (rc == 0)
		rc = misc_make(v, misc, err);
	if (rc == 0)
		rc = xattrs_check(v, values, err);
	if (rc)
		return rc;
	digest.alg = head.alg;
	digest.len = (uint8_t)attest_digest_size(head.alg);
	if (attest_hash(v->hasher, digest.alg, values, (struct rf_slice){misc, sizeof(misc)},
			digest.bytes))
		return rf_fail(err, RF_E_UNSUPPORTED, "a hash that cannot be computed here");
	out->kind = IMASIG_EVM;
	return digest_verify(v, &head, &digest, out, err);
}

/* ---- modules ---- */

static X509 *cms_signer(const struct ekcert_store *store, CMS_SignerInfo *info)
{
	const STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(store->x509);

	for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
		X509 *x = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));

		if (x && CMS_SignerInfo_cert_cmp(info, x) == 0)
			return x;
	}
	return NULL;
}

static uint16_t cms_alg(CMS_SignerInfo *info)
{
	const char *hash = cert_cms_hash(info);

	return hash ? attest_alg_of_name(hash) : 0;
}

/* With attributes the digest stands in one of them; without (as modules have it) it is signed
 * itself. */
static bool cms_holds(CMS_SignerInfo *info, X509 *x, const struct attest_digest *digest)
{
	if (CMS_signed_get_attr_count(info) < 0) {
		ASN1_OCTET_STRING *number = CMS_SignerInfo_get0_signature(info);
		const struct rf_slice bytes = {ASN1_STRING_get0_data(number),
					       (size_t)ASN1_STRING_length(number)};

		return number_verifies(x, bytes, digest);
	}
	const ASN1_OCTET_STRING *said = CMS_signed_get0_data_by_OBJ(
		info, OBJ_nid2obj(NID_pkcs9_messageDigest), -3, V_ASN1_OCTET_STRING);

	CMS_SignerInfo_set1_signer_cert(info, x);
	return said && ASN1_STRING_length(said) == digest->len &&
	       memcmp(ASN1_STRING_get0_data(said), digest->bytes, digest->len) == 0 &&
	       CMS_SignerInfo_verify(info) == 1;
}

static int cms_verify(const struct view *v, CMS_ContentInfo *cms,
		      const struct attest_digest *digest, struct imasig *out, struct rf_err *err)
{
	STACK_OF(CMS_SignerInfo) *infos = cms ? CMS_get0_SignerInfos(cms) : NULL;

	if (!infos || sk_CMS_SignerInfo_num(infos) != 1)
		return rf_fail(err, RF_E_SYNTAX, "not a PKCS#7 signature of one signer");
	CMS_SignerInfo *info = sk_CMS_SignerInfo_value(infos, 0);
	X509 *x = cms_signer(v->trusted, info);

	if (!x)
		return rf_fail(err, RF_E_UNKNOWN, "no certificate of its signer is given");
	if (cms_alg(info) != digest->alg || !cms_holds(info, x, digest))
		return rf_fail(err, RF_E_MISMATCH, "the module's signature does not hold");
	out->kind = IMASIG_MODULE;
	out->alg = digest->alg;
	cert_name(X509_get_subject_name(x), out->signer, sizeof(out->signer));
	return 0;
}

static int module_verify(const struct view *v, struct imasig *out, struct rf_err *err)
{
	const struct rf_slice der = v->entry->modsig;
	const unsigned char *at = der.data;
	struct attest_digest digest = {0};
	struct rf_slice text;

	if (der.len > IMASIG_MAX_BYTES)
		return rf_fail(err, RF_E_LIMIT, "PKCS#7 of %zu bytes", der.len);
	if (!field(v, "d-modsig", &text) || ima_template_digest(text, &digest, NULL) < 0 ||
	    !digest.alg)
		return rf_fail(err, RF_E_UNSUPPORTED, "no digest of the module that can be used");
	CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &at, (long)der.len);
	int rc = cms_verify(v, cms, &digest, out, err);

	CMS_ContentInfo_free(cms);
	ERR_clear_error();
	return rc;
}

int imasig_verify(struct attest_hasher *hasher, const struct ima_entry *entry, bool big_endian,
		  const struct ekcert_store *trusted, struct imasig *out, struct rf_err *err)
{
	const struct view v = {
		.hasher = hasher, .entry = entry, .big_endian = big_endian, .trusted = trusted};
	const struct rf_slice signature = entry->signature;
	struct imasig found = {0};
	int rc;

	if (!signature.len && !entry->modsig.len)
		return rf_fail(err, RF_E_MISSING, "no signature");
	if (entry->violation)
		return rf_fail(err, RF_E_UNSUPPORTED,
			       "a violation: what the file held is not known");
	/* A file with both: the one in its extended attribute goes first, as the kernel has it. */
	if (!signature.len)
		rc = module_verify(&v, &found, err);
	else if (signature.data[0] == XATTR_PORTABLE)
		rc = evm_verify(&v, signature, &found, err);
	else
		rc = file_verify(&v, signature, &found, err);
	if (rc)
		return rf_wrap(err, rc, "signature");
	*out = found;
	return 0;
}
