/* SPDX-License-Identifier: Apache-2.0 */
/* Boot files of a test's own making, and Authenticode signatures for them. */
#ifndef PE_TEST_H
#define PE_TEST_H

#include <openssl/pkcs7.h>

#include "cert_test.h"

#include "attest/pe.h"

#define PE_HEAD	     64u  /* where the PE header begins */
#define PE_OPTIONAL  88u  /* where the optional header begins */
#define PE_CHECKSUM  152u /* PE_OPTIONAL + 64 */
#define PE_SECURITY  232u /* PE_OPTIONAL + 112 + 4 * 8 */
#define PE_SECTIONS  328u /* PE_OPTIONAL + 240 */
#define PE_HEADERS   512u
#define PE_BODY	     512u /* of each section */
#define PE_TEST_SBAT "sbat,1,SBAT Version,sbat,1,https://x\nshim,4,UEFI shim,shim,16.1,https://y\n"

static inline void pe_set(struct rf_buf *b, size_t at, uint64_t value, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		b->data[at + i] = (uint8_t)(value >> (8 * i));
}

static inline void pe_section(struct rf_buf *b, size_t i, const char *name, const char *text)
{
	size_t row = PE_SECTIONS + 40 * i, at = PE_HEADERS + PE_BODY * i;

	memcpy(b->data + row, name, strlen(name));
	pe_set(b, row + 8, strlen(text), 4);
	pe_set(b, row + 16, PE_BODY, 4);
	pe_set(b, row + 20, at, 4);
	memcpy(b->data + at, text, strlen(text));
}

/* PE32+ of three sections, the second listed first; tail: bytes behind the last one. */
static inline void pe_make(struct rf_buf *b, size_t tail)
{
	size_t len = PE_HEADERS + 3 * PE_BODY + tail;

	memset(rf_buf_reserve(b, len), 0, len);
	b->len = len;
	memcpy(b->data, "MZ", 2);
	pe_set(b, 0x3c, PE_HEAD, 4);
	memcpy(b->data + PE_HEAD, "PE\0\0\x64\x86\x03\0", 8);
	pe_set(b, PE_HEAD + 20, 240, 2);
	pe_set(b, PE_OPTIONAL, 0x20b, 2);
	pe_set(b, PE_OPTIONAL + 60, PE_HEADERS, 4);
	pe_set(b, PE_CHECKSUM, 0xdeadbeef, 4);
	pe_set(b, PE_OPTIONAL + 108, 16, 4);
	pe_section(b, 0, ".linux", "kernel");
	pe_section(b, 1, ".cmdline", "root=/dev/vda1 quiet");
	pe_section(b, 2, ".sbat", PE_TEST_SBAT);
	for (size_t i = 0; i < tail; i++)
		b->data[len - tail + i] = (uint8_t)i;
}

static inline void pe_der(struct rf_buf *b, uint8_t tag, const void *data, size_t len)
{
	rf_buf_add_byte(b, tag);
	rf_buf_add_byte(b, (uint8_t)len); /* all are shorter than 128 */
	rf_buf_add(b, data, len);
}

/* SpcIndirectDataContent without its head. */
static inline void pe_content(struct rf_buf *out, const struct attest_digest *digest)
{
	static const uint8_t kind[] = {6, 10, 43, 6, 1, 4, 1, 130, 55, 2, 1, 15};
	static const uint8_t sha256[] = {48, 13, 6, 9, 96, 134, 72, 1, 101, 3, 4, 2, 1, 5, 0};
	RF_AUTOBUF struct rf_buf info = {0};

	pe_der(out, 0x30, kind, sizeof(kind));
	rf_buf_add(&info, sha256, sizeof(sha256));
	pe_der(&info, 4, digest->bytes, digest->len);
	pe_der(out, 0x30, info.data, info.len);
}

/* What a test may bend. Zeros give a good signature. */
struct pe_sign {
	const char *type; /* contentType attribute; NULL: the right one, "": none */
	bool no_certificate;
	X509 *between; /* sent along */
};

static inline void pe_pkcs7(struct rf_buf *out, const struct attest_digest *digest,
			    const struct cert_test *signer, const struct pe_sign *how)
{
	static const char spc[] = "1.3.6.1.4.1.311.2.1.4";
	RF_AUTOBUF struct rf_buf content = {0}, sequence = {0};
	PKCS7 *p7 = PKCS7_new(), *inner = PKCS7_new();
	unsigned char *der = NULL;

	pe_content(&content, digest);
	pe_der(&sequence, 0x30, content.data, content.len);
	PKCS7_set_type(p7, NID_pkcs7_signed);
	PKCS7_SIGNER_INFO *info = PKCS7_add_signature(p7, signer->x, signer->key, EVP_sha256());

	assert_non_null(info);
	if (!how->no_certificate)
		PKCS7_add_certificate(p7, signer->x);
	if (how->between)
		PKCS7_add_certificate(p7, how->between);
	if (!how->type || how->type[0])
		PKCS7_add_signed_attribute(info, NID_pkcs9_contentType, V_ASN1_OBJECT,
					   OBJ_txt2obj(how->type ? how->type : spc, 1));
	PKCS7_content_new(p7, NID_pkcs7_data);
	BIO *bio = PKCS7_dataInit(p7, NULL);

	BIO_write(bio, content.data, (int)content.len);
	assert_int_equal(PKCS7_dataFinal(p7, bio), 1);
	BIO_free_all(bio);
	inner->type = OBJ_txt2obj(spc, 1);
	inner->d.other = ASN1_TYPE_new();
	inner->d.other->type = V_ASN1_SEQUENCE;
	inner->d.other->value.sequence = ASN1_STRING_new();
	ASN1_STRING_set(inner->d.other->value.sequence, sequence.data, (int)sequence.len);
	PKCS7_set_content(p7, inner);
	int len = i2d_PKCS7(p7, &der);

	assert_true(len > 0);
	rf_buf_add(out, der, (size_t)len);
	OPENSSL_free(der);
	PKCS7_free(p7);
}

/* Appends to the certificate table, which becomes the file's end. */
static inline void pe_attach(struct rf_buf *file, const struct rf_buf *pkcs7, uint16_t type)
{
	static const uint8_t zeros[8];
	size_t at, len;

	if (file->len % 8)
		rf_buf_add(file, zeros, 8 - file->len % 8);
	at = file->len;
	len = 8 + pkcs7->len;
	memset(rf_buf_reserve(file, 8), 0, 8);
	file->len += 8;
	pe_set(file, at, len, 4);
	pe_set(file, at + 4, 0x0200, 2);
	pe_set(file, at + 6, type, 2);
	rf_buf_add(file, pkcs7->data, pkcs7->len);
	if (file->len % 8)
		rf_buf_add(file, zeros, 8 - file->len % 8);
	struct rf_slice old = {0};

	for (size_t i = 0; i < 4; i++) {
		old.len |= (size_t)file->data[PE_SECURITY + 4 + i] << (8 * i);
	}
	if (!old.len)
		pe_set(file, PE_SECURITY, at, 4);
	pe_set(file, PE_SECURITY + 4, old.len + file->len - at, 4);
}

static inline void pe_digest_of(struct attest_hasher *hasher, const struct rf_buf *file,
				struct attest_digest *out)
{
	struct pe pe;

	assert_int_equal(pe_open(rf_buf_slice(file), &pe, NULL), 0);
	assert_int_equal(pe_digest(hasher, &pe, ATTEST_SHA256, PE_AS_SIGNED, out), 0);
}

static inline void pe_sign(struct attest_hasher *hasher, struct rf_buf *file,
			   const struct cert_test *signer, const struct pe_sign *how)
{
	RF_AUTOBUF struct rf_buf pkcs7 = {0};
	struct attest_digest digest;

	pe_digest_of(hasher, file, &digest);
	pe_pkcs7(&pkcs7, &digest, signer, how);
	pe_attach(file, &pkcs7, 2);
}

#endif
