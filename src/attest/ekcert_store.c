/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store of trusted certificates and CRLs; see ekcert.h. PEM is taken apart here, because
 * libcrypto's reader wants each block on lines of its own, which concatenated stores without a last
 * newline do not have, and stops silently at the first block that it does not like.
 */
#include <limits.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#include "attest/ekcert_parts.h"
#include "base/mem.h"

struct pem_row {
	const char *begin, *end;
	bool crl;
};

static const struct pem_row pem_rows[] = {
	{"-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----", false},
	{"-----BEGIN TRUSTED CERTIFICATE-----", "-----END TRUSTED CERTIFICATE-----", false},
	{"-----BEGIN X509 CERTIFICATE-----", "-----END X509 CERTIFICATE-----", false},
	{"-----BEGIN X509 CRL-----", "-----END X509 CRL-----", true},
};

int ekcert_store_new(struct ekcert_store **out, struct rf_err *err)
{
	struct ekcert_store *store = rf_alloc(1, sizeof(*store));

	if (!store)
		return rf_fail(err, RF_E_CRYPTO, "certificate store: no memory");
	/* No default paths: what this machine's web browser trusts makes no TPMs. */
	store->x509 = X509_STORE_new();
	store->crls = sk_X509_CRL_new_null();
	if (!store->x509 || !store->crls) {
		ekcert_store_free(store);
		return rf_fail(err, RF_E_CRYPTO, "certificate store: no memory");
	}
	*out = store;
	return 0;
}

void ekcert_store_free(struct ekcert_store *store)
{
	if (!store)
		return;
	X509_STORE_free(store->x509);
	sk_X509_CRL_pop_free(store->crls, X509_CRL_free);
	rf_free(store);
}

static int add_certificate(struct ekcert_store *store, struct rf_slice der, struct rf_err *err)
{
	const uint8_t *at = der.data;
	/* A trusted certificate carries more behind itself, which says nothing to us. */
	X509 *x = d2i_X509(NULL, &at, (long)der.len);
	int good = x ? X509_STORE_add_cert(store->x509, x) : 0;

	X509_free(x);
	ERR_clear_error();
	if (!good)
		return rf_fail(err, RF_E_SYNTAX, "not a certificate");
	return 0;
}

static int add_crl(struct ekcert_store *store, struct rf_slice der, struct rf_err *err)
{
	const uint8_t *at = der.data;
	X509_CRL *crl = d2i_X509_CRL(NULL, &at, (long)der.len);

	ERR_clear_error();
	if (!crl)
		return rf_fail(err, RF_E_SYNTAX, "not a revocation list");
	if (!sk_X509_CRL_push(store->crls, crl)) {
		X509_CRL_free(crl);
		return rf_fail(err, RF_E_CRYPTO, "no memory");
	}
	return 0;
}

static int add_der(struct ekcert_store *store, struct rf_slice der, bool crl, struct rf_err *err)
{
	if (store->count >= EKCERT_MAX_STORE)
		return rf_fail(err, RF_E_LIMIT, "more than %u certificates", EKCERT_MAX_STORE);
	int rc = crl ? add_crl(store, der, err) : add_certificate(store, der, err);

	if (rc == 0)
		store->count++;
	return rc;
}

/* base64 between the lines to DER. */
static int pem_decode(struct rf_slice text, struct rf_buf *out, struct rf_err *err)
{
	EVP_ENCODE_CTX *context = EVP_ENCODE_CTX_new();
	uint8_t *room = rf_buf_reserve(out, text.len + 64);
	int len = 0, more = 0;
	bool good = context && room && text.len < INT_MAX / 2;

	if (good) {
		EVP_DecodeInit(context);
		good = EVP_DecodeUpdate(context, room, &len, text.data, (int)text.len) >= 0 &&
		       EVP_DecodeFinal(context, room + len, &more) == 1;
	}
	EVP_ENCODE_CTX_free(context);
	ERR_clear_error();
	if (!good)
		return rf_fail(err, RF_E_SYNTAX, "PEM: not base64");
	out->len = (size_t)(len + more);
	return 0;
}

/* The first block at or behind *at; NULL when there is none. */
static const struct pem_row *pem_next(struct rf_slice file, size_t at, size_t *out_begin)
{
	const struct pem_row *found = NULL;

	for (size_t i = 0; i < RF_COUNT(pem_rows); i++) {
		const uint8_t *begin = memmem(file.data + at, file.len - at, pem_rows[i].begin,
					      strlen(pem_rows[i].begin));

		if (begin && (!found || (size_t)(begin - file.data) < *out_begin)) {
			found = &pem_rows[i];
			*out_begin = (size_t)(begin - file.data);
		}
	}
	return found;
}

static int add_pem(struct ekcert_store *store, struct rf_slice file, size_t *count,
		   struct rf_err *err)
{
	size_t at = 0, begin = 0;
	const struct pem_row *row;

	while ((row = pem_next(file, at, &begin))) {
		RF_AUTOBUF struct rf_buf der = {0};
		size_t body = begin + strlen(row->begin);
		const uint8_t *end =
			memmem(file.data + body, file.len - body, row->end, strlen(row->end));

		if (!end)
			return rf_fail(err, RF_E_TRUNCATED, "PEM: at byte %zu: no %s", begin,
				       row->end);
		size_t body_end = (size_t)(end - file.data);
		int rc =
			pem_decode((struct rf_slice){file.data + body, body_end - body}, &der, err);

		if (rc == 0)
			rc = add_der(store, rf_buf_slice(&der), row->crl, err);
		if (rc)
			return rf_wrap(err, rc, "at byte %zu", begin);
		at = body_end + strlen(row->end);
		(*count)++;
	}
	return 0;
}

int ekcert_store_add(struct ekcert_store *store, struct rf_slice file, size_t *out_count,
		     struct rf_err *err)
{
	size_t count = 0;
	int rc = 0;

	if (file.len > RF_MAX_FILE_BYTES)
		return rf_fail(err, RF_E_LIMIT, "certificate store: %zu bytes", file.len);
	/* DER begins with a SEQUENCE of a two-byte length; a text never does. */
	if (file.len > 4 && file.data[0] == 0x30 && file.data[1] >= 0x80) {
		rc = add_der(store, file, false, NULL);
		if (rc)
			rc = add_der(store, file, true, NULL);
		if (rc)
			return rf_fail(err, RF_E_SYNTAX,
				       "certificate store: neither a certificate nor a CRL in DER");
		count = 1;
	} else {
		rc = file.len ? add_pem(store, file, &count, err) : 0;
	}
	if (rc)
		return rf_wrap(err, rc, "certificate store");
	if (!count)
		return rf_fail(err, RF_E_SYNTAX, "certificate store: no certificate in %zu bytes",
			       file.len);
	if (out_count)
		*out_count = count;
	return 0;
}
