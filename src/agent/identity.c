/* SPDX-License-Identifier: Apache-2.0 */
/* Who this host is; see identity.h. Sources: RFC 2986 (PKCS#10), RFC 5958 (keys in PEM). */
#include "agent/identity.h"

#include <errno.h>
#include <jansson.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

#include "base/base64.h"
#include "base/mem.h"
#include "base/str.h"
#include "fleet/wire.h"
#include "sys/state.h"

#define FILE_NAME  "identity.json"
#define FILE_BYTES 8192u
#define PEOPLE	   8443

static const char *const folders[] = {"", "net", "collect", "priv"};

int identity_folder(const char *state, const char *name, char out[RF_MAX_PATH_BYTES],
		    struct rf_err *err)
{
	char below[64];

	rf_format(below, sizeof(below), "%s%s%s", IDENTITY_FOLDER, name[0] ? "/" : "", name);
	return state_folder(state, below, out, RF_MAX_PATH_BYTES, err);
}

int identity_prepare(const char *state, struct rf_err *err)
{
	char dir[RF_MAX_PATH_BYTES];
	int rc = 0;

	for (size_t i = 0; !rc && i < RF_COUNT(folders); i++) {
		rc = identity_folder(state, folders[i], dir, err);
		if (!rc)
			rc = state_prepare(dir, err);
	}
	return rc;
}

/* ---- identity.json ---- */

static int read_text(const json_t *all, const char *name, char *out, size_t size)
{
	const char *text = json_string_value(json_object_get(all, name));

	return text && rf_copy(out, size, text) ? 0 : RF_E_SYNTAX;
}

static int parse(const json_t *all, struct identity *out)
{
	const char *key = json_string_value(json_object_get(all, "command_key"));
	json_int_t port = json_integer_value(json_object_get(all, "port"));
	size_t len = 0;
	int rc = read_text(all, "host", out->host, sizeof(out->host));

	if (!rc)
		rc = read_text(all, "name", out->name, sizeof(out->name));
	if (!rc)
		rc = read_text(all, "manager", out->manager, sizeof(out->manager));
	if (!rc)
		rc = read_text(all, "tpm", out->tpm, sizeof(out->tpm));
	if (!rc)
		rc = read_text(all, "tcti", out->tcti, sizeof(out->tcti));
	if (rc || !key || port < 1 || port > 65535 ||
	    rf_base64_decode(rf_slice_text(key), out->command_key, IDENTITY_KEY_BYTES, &len) < 0 ||
	    len != IDENTITY_KEY_BYTES)
		return RF_E_SYNTAX;
	out->port = (uint16_t)port;
	return 0;
}

int identity_read(const char *state, struct identity *out, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf text = {0};
	char dir[RF_MAX_PATH_BYTES];
	int rc = identity_folder(state, "", dir, err);

	if (!rc)
		rc = state_read(dir, FILE_NAME, FILE_BYTES, &text, err);
	if (rc == -ENOENT)
		return rf_fail(err, RF_E_MISSING,
			       "this host has not joined a manager: ringfence-agent join URL "
			       "--token TOKEN");
	if (rc)
		return rc;
	json_t *all = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, NULL);

	*out = (struct identity){.port = 0};
	rc = parse(all, out);
	json_decref(all);
	return rc ? rf_fail(err, rc, "%s/%s is damaged: leave and join again", dir, FILE_NAME) : 0;
}

int identity_write(const char *state, const struct identity *identity, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf key = {0};
	char dir[RF_MAX_PATH_BYTES];
	int rc = identity_folder(state, "", dir, err);

	if (!rc)
		rc = rf_base64_add(&key, identity->command_key, IDENTITY_KEY_BYTES);
	if (rc)
		return rc;
	json_t *all =
		json_pack("{ss ss ss si ss ss ss}", "host", identity->host, "name", identity->name,
			  "manager", identity->manager, "port", (int)identity->port, "tpm",
			  identity->tpm, "tcti", identity->tcti, "command_key", rf_buf_text(&key));
	char *text = all ? json_dumps(all, JSON_INDENT(1)) : NULL;

	rc = text ? state_write(dir, FILE_NAME, rf_slice_text(text), err)
		  : rf_fail(err, -ENOMEM, "identity: not text, or no memory");
	rf_free(text);
	json_decref(all);
	return rc;
}

int identity_url(const char *url, struct identity *out, struct rf_err *err)
{
	static const char scheme[] = "https://";
	const char *at = url + sizeof(scheme) - 1;
	bool brackets;
	char host[254];
	int64_t port = WIRE_PORT;

	if (!rf_starts(url, scheme))
		return rf_fail(err, RF_E_USAGE, "%s: https://MANAGER[:PORT]", url);
	brackets = at[0] == '[';
	at += brackets;
	size_t len = strcspn(at, brackets ? "]" : ":/");

	if (len == 0 || len >= sizeof(host) || (brackets && at[len] != ']'))
		return rf_fail(err, RF_E_USAGE, "%s: no name of a manager", url);
	memcpy(host, at, len);
	host[len] = '\0';
	at += len + brackets;
	RF_AUTOFREE char *rest = rf_strdup(at);

	if (!rest)
		return rf_fail(err, -ENOMEM, "no memory");
	if (rf_ends(rest, "/"))
		rest[strlen(rest) - 1] = '\0';
	if (rest[0] && (rest[0] != ':' || rf_num(rest + 1, 10, 1, 65535, &port) < 0))
		return rf_fail(err, RF_E_USAGE, "%s: not a port", url);
	if (strspn(host, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_:") !=
	    strlen(host))
		return rf_fail(err, RF_E_USAGE, "%s: not the name of a manager", url);
	rf_copy(out->manager, sizeof(out->manager), host);
	out->port = (uint16_t)(port == PEOPLE ? WIRE_PORT : port);
	return 0;
}

/* ---- the key ---- */

int identity_key_make(const char *dir, EVP_PKEY **out, struct rf_err *err)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	BIO *pem = BIO_new(BIO_s_mem());
	char *data = NULL;
	int rc = RF_E_CRYPTO;

	if (key && pem && PEM_write_bio_PKCS8PrivateKey(pem, key, NULL, NULL, 0, NULL, NULL) == 1) {
		long len = BIO_get_mem_data(pem, &data);

		rc = state_write(dir, IDENTITY_KEY_NAME,
				 (struct rf_slice){(const uint8_t *)data, (size_t)len}, err);
		rf_wipe(data, (size_t)len);
	}
	BIO_free(pem);
	if (rc) {
		EVP_PKEY_free(key);
		return rf_wrap(err, rc, "the TLS key");
	}
	*out = key;
	return 0;
}

int identity_key_read(const char *dir, EVP_PKEY **out, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf text = {0};
	int rc = state_read(dir, IDENTITY_KEY_NAME, FILE_BYTES, &text, err);

	if (rc)
		return rf_wrap(err, rc, "the TLS key");
	BIO *pem = BIO_new_mem_buf(text.data, (int)text.len);

	*out = pem ? PEM_read_bio_PrivateKey(pem, NULL, NULL, NULL) : NULL;
	BIO_free(pem);
	rf_wipe(text.data, text.len);
	return *out ? 0 : rf_fail(err, RF_E_SYNTAX, "%s/%s is no key", dir, IDENTITY_KEY_NAME);
}

int identity_request(EVP_PKEY *key, const char *name, struct rf_buf *out, struct rf_err *err)
{
	X509_REQ *request = X509_REQ_new();
	X509_NAME *subject = request ? X509_REQ_get_subject_name(request) : NULL;
	uint8_t *der = NULL;
	int len = -1;

	/* RFC 5280: a common name has at most 64 characters. The manager writes its own. */
	if (subject &&
	    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const uint8_t *)name,
				       (int)strnlen(name, 64), -1, 0) == 1 &&
	    X509_REQ_set_pubkey(request, key) == 1 && X509_REQ_sign(request, key, EVP_sha256()) > 0)
		len = i2d_X509_REQ(request, &der);
	if (len > 0)
		rf_buf_add(out, der, (size_t)len);
	OPENSSL_free(der);
	X509_REQ_free(request);
	if (len <= 0)
		return rf_fail(err, RF_E_CRYPTO, "no request for a certificate could be made");
	return out->failed ? -ENOMEM : 0;
}

static int64_t seconds_of(const ASN1_TIME *time)
{
	struct tm tm;

	return ASN1_TIME_to_tm(time, &tm) == 1 ? (int64_t)timegm(&tm) : -1;
}

int identity_certificate_times(struct rf_slice pem, int64_t *out_renew_s, int64_t *out_end_s,
			       struct rf_err *err)
{
	BIO *in = BIO_new_mem_buf(pem.data, (int)pem.len);
	X509 *leaf = in ? PEM_read_bio_X509(in, NULL, NULL, NULL) : NULL;
	int64_t begin = leaf ? seconds_of(X509_get0_notBefore(leaf)) : -1;
	int64_t end = leaf ? seconds_of(X509_get0_notAfter(leaf)) : -1;

	BIO_free(in);
	X509_free(leaf);
	if (begin < 0 || end <= begin)
		return rf_fail(err, RF_E_SYNTAX, "our certificate cannot be read");
	*out_renew_s = begin + (end - begin) / 3 * 2;
	*out_end_s = end;
	return 0;
}
