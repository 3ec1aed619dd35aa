/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets and ids: chance by OpenSSL, as text; of secrets the store gets the SHA-256 alone. */
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "api/core.h"
#include "base/mem.h"
#include "base/str.h"

int secret_digest(struct rf_slice bytes, uint8_t out[STORE_SHA256_BYTES], struct rf_err *err)
{
	if (EVP_Digest(bytes.data, bytes.len, out, NULL, EVP_sha256(), NULL) != 1)
		return rf_fail(err, RF_E_CRYPTO, "SHA-256 failed");
	return 0;
}

static int chance(const char *prefix, size_t bytes, struct rf_buf *out, struct rf_err *err)
{
	uint8_t random[API_SECRET_BYTES];

	if (RAND_bytes(random, (int)bytes) != 1)
		return rf_fail(err, RF_E_CRYPTO, "no random numbers");
	rf_buf_add_text(out, prefix);
	rf_buf_add_hex(out, random, bytes);
	rf_wipe(random, sizeof(random));
	return out->failed ? rf_fail(err, -ENOMEM, "no memory") : 0;
}

int secret_make(const char *prefix, char out[API_SECRET_TEXT_BYTES],
		uint8_t sha256[STORE_SHA256_BYTES], struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf text = {0};
	int rc = chance(prefix, API_SECRET_BYTES, &text, err);

	if (!rc && !rf_copy(out, API_SECRET_TEXT_BYTES, rf_buf_text(&text)))
		rc = rf_fail(err, RF_E_LIMIT, "the secret is too long");
	if (!rc)
		rc = secret_digest(rf_buf_slice(&text), sha256, err);
	if (text.data)
		rf_wipe(text.data, text.capacity);
	return rc;
}

int id_make(const char *prefix, char out[STORE_ID_BYTES], struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf text = {0};
	int rc = chance(prefix, 8, &text, err);

	if (!rc && !rf_copy(out, STORE_ID_BYTES, rf_buf_text(&text)))
		rc = rf_fail(err, RF_E_LIMIT, "the id is too long");
	return rc;
}
