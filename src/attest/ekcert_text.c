/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an EK certificate says of its TPM: names, serial, times, and the directory name in its
 * subject alternative name (TCG EK Credential Profile, 3.1.2); see ekcert.h. Everything here is for
 * people: nothing is decided by it but the extended key usage.
 */
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "attest/ekcert_parts.h"
#include "base/mem.h"
#include "base/str.h"

#define OID_EK_CERTIFICATE "2.23.133.8.1" /* tcg-kp-EKCertificate */

static void text_put(char *out, size_t size, const void *data, size_t len)
{
	RF_AUTOBUF struct rf_buf visible = {0};

	rf_buf_add_visible(&visible, data, len);
	rf_copy(out, size, rf_buf_text(&visible));
}

void ekcert_name_text(const X509_NAME *name, char *out, size_t size)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *data = NULL;
	long len = 0;

	out[0] = '\0';
	if (bio && name && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) >= 0)
		len = BIO_get_mem_data(bio, &data);
	if (len > 0)
		text_put(out, size, data, (size_t)len);
	BIO_free(bio);
}

static void serial_text(X509 *leaf, char *out, size_t size)
{
	RF_AUTOBUF struct rf_buf hex = {0};
	const ASN1_INTEGER *serial = X509_get0_serialNumber(leaf);

	rf_buf_add_hex(&hex, ASN1_STRING_get0_data(serial), (size_t)ASN1_STRING_length(serial));
	rf_copy(out, size, rf_buf_text(&hex));
}

static int time_unix(const ASN1_TIME *time, int64_t *out)
{
	struct tm tm;

	/* 99991231235959Z, "no end", fits as well as any other. */
	if (!ASN1_TIME_to_tm(time, &tm))
		return RF_E_SYNTAX;
	*out = timegm(&tm);
	return 0;
}

struct tpm_name_row {
	const char *oid;
	size_t at, size;
};

static const struct tpm_name_row tpm_name_rows[] = {
	{"2.23.133.2.1", offsetof(struct ekcert_info, manufacturer),
	 sizeof(((struct ekcert_info *)0)->manufacturer)},
	{"2.23.133.2.2", offsetof(struct ekcert_info, model),
	 sizeof(((struct ekcert_info *)0)->model)},
	{"2.23.133.2.3", offsetof(struct ekcert_info, version),
	 sizeof(((struct ekcert_info *)0)->version)},
};

static void tpm_name_put(const X509_NAME_ENTRY *entry, struct ekcert_info *out)
{
	const ASN1_STRING *value = X509_NAME_ENTRY_get_data(entry);
	char oid[64];

	if (OBJ_obj2txt(oid, sizeof(oid), X509_NAME_ENTRY_get_object(entry), 1) <= 0)
		return;
	for (size_t i = 0; i < RF_COUNT(tpm_name_rows); i++) {
		if (rf_equal(oid, tpm_name_rows[i].oid))
			text_put((char *)out + tpm_name_rows[i].at, tpm_name_rows[i].size,
				 ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value));
	}
}

/* "id:4E544300" are the letters NTC, padded. Others stay as they are. */
static void manufacturer_decode(char *text, size_t size)
{
	uint8_t bytes[4];
	size_t len = 0;

	if (!rf_starts(text, "id:") || rf_hex_decode(text + 3, bytes, sizeof(bytes), &len))
		return;
	while (len && (bytes[len - 1] == 0 || bytes[len - 1] == ' '))
		len--;
	if (len)
		text_put(text, size, bytes, len);
}

static void san_read(X509 *leaf, struct ekcert_info *out)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);

	for (int i = 0; names && i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

		if (name->type != GEN_DIRNAME)
			continue;
		for (int k = 0; k < X509_NAME_entry_count(name->d.directoryName); k++)
			tpm_name_put(X509_NAME_get_entry(name->d.directoryName, k), out);
	}
	GENERAL_NAMES_free(names);
	manufacturer_decode(out->manufacturer, sizeof(out->manufacturer));
}

/* A server's or a person's certificate from the same maker vouches for no TPM. */
static int eku_check(X509 *leaf, struct ekcert_info *out, struct rf_err *err)
{
	int critical = 0;
	EXTENDED_KEY_USAGE *usage = X509_get_ext_d2i(leaf, NID_ext_key_usage, &critical, NULL);
	bool found = false;

	/* -1: not there; -2: twice; 0 or 1 with no result: broken. */
	if (!usage && critical == -1) {
		out->no_eku = true;
		return 0;
	}
	for (int i = 0; usage && i < sk_ASN1_OBJECT_num(usage); i++) {
		char oid[64];

		if (OBJ_obj2txt(oid, sizeof(oid), sk_ASN1_OBJECT_value(usage, i), 1) > 0)
			found = found || rf_equal(oid, OID_EK_CERTIFICATE);
	}
	EXTENDED_KEY_USAGE_free(usage);
	if (!found)
		return rf_fail(err, RF_E_DENIED,
			       "extended key usage lacks %s: not an EK certificate",
			       OID_EK_CERTIFICATE);
	return 0;
}

int ekcert_describe(X509 *leaf, struct ekcert_info *out, struct rf_err *err)
{
	unsigned int len = 0;

	ekcert_name_text(X509_get_subject_name(leaf), out->subject, sizeof(out->subject));
	ekcert_name_text(X509_get_issuer_name(leaf), out->issuer, sizeof(out->issuer));
	serial_text(leaf, out->serial, sizeof(out->serial));
	san_read(leaf, out);
	ERR_clear_error();
	if (X509_digest(leaf, EVP_sha256(), out->fingerprint, &len) != 1 || len != 32)
		return rf_fail(err, RF_E_CRYPTO, "SHA-256 of the certificate failed");
	if (time_unix(X509_get0_notBefore(leaf), &out->not_before_s) ||
	    time_unix(X509_get0_notAfter(leaf), &out->not_after_s))
		return rf_fail(err, RF_E_SYNTAX, "its validity is not a time");
	return eku_check(leaf, out, err);
}
