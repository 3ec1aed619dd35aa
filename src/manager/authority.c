/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys and certificates of the fleet; see authority.h. RFC 5280 (profiles), RFC 2986 (requests),
 * RFC 8032 (Ed25519). Of a host's request nothing counts but its public key.
 */
#include "manager/authority.h"

#include <errno.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "fleet/message.h"
#include "govern/ledger.h"
#include "sys/state.h"

#define KEY_NAME       "authority.key"
#define PEM_NAME       "authority.pem"
#define COMMAND_NAME   "command.key"
#define KEY_MAX_BYTES  16384u
#define DAY_S	       86400
#define AUTHORITY_DAYS 3650
#define CLOCK_SKEW_S   300 /* an agent's clock may be so much behind */
#define RSA_MIN_BITS   2048

struct authority {
	EVP_PKEY *key, *command;
	X509 *certificate;
	struct ledger_key *ledger;
	struct rf_buf pem, ledger_public;
};

static int crypto_fail(struct rf_err *err, int code, const char *what)
{
	const char *words = ERR_reason_error_string(ERR_get_error());

	ERR_clear_error();
	return rf_fail(err, code, "%s: %s", what, words ? words : rf_code_text(code));
}

/* ---- PEM ---- */

static int bio_take(BIO *bio, struct rf_buf *out)
{
	char *text = NULL;
	long len = BIO_get_mem_data(bio, &text);

	return len > 0 ? rf_buf_add(out, text, (size_t)len) : RF_E_CRYPTO;
}

static int key_pem(EVP_PKEY *key, struct rf_buf *out)
{
	BIO *bio = BIO_new(BIO_s_secmem());
	int rc = bio && PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1
			 ? bio_take(bio, out)
			 : RF_E_CRYPTO;

	BIO_free(bio);
	return rc;
}

static int certificate_pem(X509 *certificate, struct rf_buf *out)
{
	BIO *bio = BIO_new(BIO_s_mem());
	int rc =
		bio && PEM_write_bio_X509(bio, certificate) == 1 ? bio_take(bio, out) : RF_E_CRYPTO;

	BIO_free(bio);
	return rc;
}

static int secret_write(const char *folder, const char *name, EVP_PKEY *key, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf pem = {0};
	int rc = key_pem(key, &pem);

	if (rc)
		return crypto_fail(err, rc, name);
	rc = state_write(folder, name, rf_buf_slice(&pem), err);
	rf_wipe(pem.data, pem.len);
	return rc;
}

static int secret_read(const char *folder, const char *name, EVP_PKEY **out, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf pem = {0};
	int rc = state_read(folder, name, KEY_MAX_BYTES, &pem, err);

	if (rc)
		return rc == -ENOENT ? rf_fail(err, RF_E_MISSING,
					       "%s/%s is not there: run ringfence-manager init",
					       folder, name)
				     : rc;
	BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);

	*out = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
	BIO_free(bio);
	rf_wipe(pem.data, pem.len);
	return *out ? 0 : crypto_fail(err, RF_E_MISMATCH, name);
}

/* ---- certificates ---- */

struct extension {
	int nid;
	const char *value;
};

static bool extensions_add(X509 *to, X509 *issuer, const struct extension *list)
{
	X509V3_CTX context;

	X509V3_set_ctx(&context, issuer, to, NULL, NULL, 0);
	for (; list->value; list++) {
		X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &context, list->nid, list->value);
		bool good = e && X509_add_ext(to, e, -1) == 1;

		X509_EXTENSION_free(e);
		if (!good)
			return false;
	}
	return true;
}

/* 16 random bytes, positive, never 0 (RFC 5280, 4.1.2.2). */
static bool serial_set(X509 *to, char out[AUTHORITY_SERIAL])
{
	uint8_t bytes[16];
	RF_AUTOBUF struct rf_buf hex = {0};

	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return false;
	bytes[0] = (uint8_t)((bytes[0] & 0x3f) | 0x40);
	rf_buf_add_hex(&hex, bytes, sizeof(bytes));
	BIGNUM *n = BN_bin2bn(bytes, sizeof(bytes), NULL);
	bool good = n && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(to)) && !hex.failed &&
		    rf_copy(out, AUTHORITY_SERIAL, rf_buf_text(&hex));

	BN_free(n);
	return good;
}

struct leaf {
	const char *name;
	EVP_PKEY *key;
	int64_t from_s, to_s;
	const struct extension *extensions;
};

/* Signed by the authority, or, without one, by itself. */
static X509 *certificate_make(const struct authority *by, const struct leaf *leaf,
			      char serial[AUTHORITY_SERIAL])
{
	X509 *c = X509_new();
	X509 *issuer = by ? by->certificate : c;
	X509_NAME *subject = c ? X509_get_subject_name(c) : NULL;

	if (c && X509_set_version(c, X509_VERSION_3) == 1 && serial_set(c, serial) &&
	    ASN1_TIME_set(X509_getm_notBefore(c), (time_t)leaf->from_s) &&
	    ASN1_TIME_set(X509_getm_notAfter(c), (time_t)leaf->to_s) &&
	    X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8,
				       (const unsigned char *)leaf->name, -1, -1, 0) == 1 &&
	    X509_set_issuer_name(c, X509_get_subject_name(issuer)) == 1 &&
	    X509_set_pubkey(c, leaf->key) == 1 && extensions_add(c, issuer, leaf->extensions) &&
	    X509_sign(c, by ? by->key : leaf->key, EVP_sha256()) > 0)
		return c;
	X509_free(c);
	return NULL;
}

static const struct extension authority_extensions[] = {
	{NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
	{NID_key_usage, "critical,keyCertSign,cRLSign"},
	{NID_subject_key_identifier, "hash"},
	{0, NULL},
};

/* No host can play the manager: its key is for clients alone. */
static const struct extension host_extensions[] = {
	{NID_basic_constraints, "critical,CA:FALSE"},
	{NID_key_usage, "critical,digitalSignature"},
	{NID_ext_key_usage, "clientAuth"},
	{NID_subject_key_identifier, "hash"},
	{NID_authority_key_identifier, "keyid:always"},
	{0, NULL},
};

/* ---- the authority ---- */

static int keys_write(const char *folder, const struct authority *a, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf pem = {0};
	int rc = certificate_pem(a->certificate, &pem);

	if (rc)
		return crypto_fail(err, rc, "the authority's certificate");
	rc = secret_write(folder, COMMAND_NAME, a->command, err);
	if (!rc)
		rc = state_write(folder, PEM_NAME, rf_buf_slice(&pem), err);
	/* The last: with it there is an authority. */
	return rc ? rc : secret_write(folder, KEY_NAME, a->key, err);
}

static int ledger_write(const char *folder, const char *fleet, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf pem = {0}, public = {0};
	int rc = ledger_key_make(fleet, &pem, &public, err);

	if (!rc)
		rc = state_write(folder, LEDGER_PUBLIC_FILE, rf_buf_slice(&public), err);
	if (!rc)
		rc = state_write(folder, LEDGER_KEY_FILE, rf_buf_slice(&pem), err);
	if (pem.data)
		rf_wipe(pem.data, pem.len);
	return rc;
}

int authority_create(const char *state, const char *fleet, int64_t now_s, struct rf_err *err)
{
	char folder[RF_MAX_PATH_BYTES], serial[AUTHORITY_SERIAL];
	RF_AUTOBUF struct rf_buf old = {0};
	struct authority a = {.key = EVP_EC_gen("P-256"),
			      .command = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")};
	const struct leaf self = {.name = "Ringfence fleet authority",
				  .key = a.key,
				  .from_s = now_s - CLOCK_SKEW_S,
				  .to_s = now_s + (int64_t)AUTHORITY_DAYS * DAY_S,
				  .extensions = authority_extensions};
	int rc = state_folder(state, AUTHORITY_FOLDER, folder, sizeof(folder), err);

	if (!rc)
		rc = state_prepare(folder, err);
	if (!rc) {
		rc = state_read(folder, KEY_NAME, KEY_MAX_BYTES, &old, NULL);
		rc = rc == -ENOENT ? 0 : rf_fail(err, -EEXIST, "%s holds keys already", folder);
		rf_wipe(old.data, old.len);
	}
	if (!rc && a.key && a.command)
		a.certificate = certificate_make(NULL, &self, serial);
	if (!rc && !a.certificate)
		rc = crypto_fail(err, RF_E_CRYPTO, "the authority's certificate");
	if (!rc)
		rc = ledger_write(folder, fleet, err);
	if (!rc)
		rc = keys_write(folder, &a, err);
	EVP_PKEY_free(a.key);
	EVP_PKEY_free(a.command);
	X509_free(a.certificate);
	return rc;
}

static int ledger_read(const char *folder, struct authority *a, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf pem = {0};
	int rc = state_read(folder, LEDGER_KEY_FILE, KEY_MAX_BYTES, &pem, err);

	if (!rc)
		rc = state_read(folder, LEDGER_PUBLIC_FILE, KEY_MAX_BYTES, &a->ledger_public, err);
	if (!rc)
		rc = ledger_key_load(rf_buf_slice(&pem), rf_buf_text(&a->ledger_public), &a->ledger,
				     err);
	if (pem.data)
		rf_wipe(pem.data, pem.len);
	return rc;
}

static int keys_read(const char *folder, struct authority *a, struct rf_err *err)
{
	int rc = secret_read(folder, KEY_NAME, &a->key, err);

	if (!rc)
		rc = secret_read(folder, COMMAND_NAME, &a->command, err);
	if (!rc)
		rc = state_read(folder, PEM_NAME, KEY_MAX_BYTES, &a->pem, err);
	if (!rc)
		rc = ledger_read(folder, a, err);
	if (rc)
		return rc;
	BIO *bio = BIO_new_mem_buf(a->pem.data, (int)a->pem.len);

	a->certificate = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	BIO_free(bio);
	if (!a->certificate || X509_check_private_key(a->certificate, a->key) != 1 ||
	    EVP_PKEY_get_id(a->command) != EVP_PKEY_ED25519)
		return crypto_fail(err, RF_E_MISMATCH, "the authority's files do not fit together");
	return 0;
}

int authority_open(const char *state, struct authority **out, struct rf_err *err)
{
	char folder[RF_MAX_PATH_BYTES];
	struct authority *a = rf_alloc(1, sizeof(*a));
	int rc = a ? state_folder(state, AUTHORITY_FOLDER, folder, sizeof(folder), err)
		   : rf_fail(err, -ENOMEM, "no memory for the authority");

	if (!rc)
		rc = keys_read(folder, a, err);
	if (rc) {
		authority_free(a);
		return rc;
	}
	*out = a;
	return 0;
}

void authority_free(struct authority *authority)
{
	if (!authority)
		return;
	EVP_PKEY_free(authority->key); /* libcrypto wipes what it frees of keys */
	EVP_PKEY_free(authority->command);
	X509_free(authority->certificate);
	ledger_key_free(authority->ledger);
	rf_buf_done(&authority->pem);
	rf_buf_done(&authority->ledger_public);
	rf_free(authority);
}

struct rf_slice authority_pem(const struct authority *authority)
{
	return rf_buf_slice(&authority->pem);
}

int authority_command_key(const struct authority *authority, uint8_t out[AUTHORITY_PUBLIC],
			  struct rf_err *err)
{
	size_t len = AUTHORITY_PUBLIC;

	if (EVP_PKEY_get_raw_public_key(authority->command, out, &len) != 1)
		return crypto_fail(err, RF_E_CRYPTO, "the key for commands");
	return 0;
}

/* ---- hosts ---- */

/* HKDF (RFC 5869) of the private key for commands, which signs and does nothing else. */
int authority_derive(const struct authority *authority, const char *label, uint8_t *out,
		     size_t size, struct rf_err *err)
{
	uint8_t secret[AUTHORITY_PUBLIC];
	size_t len = sizeof(secret);
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *context = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string("digest", (char *)(uintptr_t) "SHA256", 0),
		OSSL_PARAM_construct_octet_string("key", secret, sizeof(secret)),
		OSSL_PARAM_construct_octet_string("info", (void *)(uintptr_t)label, strlen(label)),
		OSSL_PARAM_construct_end()};
	bool good = context &&
		    EVP_PKEY_get_raw_private_key(authority->command, secret, &len) == 1 &&
		    len == sizeof(secret) && EVP_KDF_derive(context, out, size, params) == 1;

	rf_wipe(secret, sizeof(secret));
	EVP_KDF_CTX_free(context);
	EVP_KDF_free(kdf);
	return good ? 0 : crypto_fail(err, RF_E_CRYPTO, label);
}

static bool key_is_strong(EVP_PKEY *key)
{
	char group[32] = "";

	if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA)
		return EVP_PKEY_get_bits(key) >= RSA_MIN_BITS && EVP_PKEY_get_bits(key) <= 4096;
	if (EVP_PKEY_get_base_id(key) != EVP_PKEY_EC ||
	    EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) != 1)
		return false;
	return rf_equal(group, "prime256v1") || rf_equal(group, "secp384r1");
}

static int request_read(struct rf_slice der, X509_REQ **out, struct rf_err *err)
{
	const unsigned char *at = der.data;
	X509_REQ *request = d2i_X509_REQ(NULL, &at, (long)der.len);
	EVP_PKEY *key = request ? X509_REQ_get0_pubkey(request) : NULL;
	int rc = 0;

	if (!request || at != der.data + der.len)
		rc = rf_fail(err, RF_E_SYNTAX, "not a request for a certificate");
	else if (!key || !key_is_strong(key))
		rc = rf_fail(err, RF_E_DENIED, "the key is not P-256, P-384 or RSA of 2048 bits");
	else if (X509_REQ_verify(request, key) != 1)
		rc = rf_fail(err, RF_E_DENIED, "the request is not signed by its own key");
	ERR_clear_error();
	if (rc) {
		X509_REQ_free(request);
		return rc;
	}
	*out = request;
	return 0;
}

static int certificate_out(const struct authority *a, X509 *leaf, struct authority_certificate *out,
			   struct rf_err *err)
{
	unsigned len = AUTHORITY_SHA256;

	out->pem = (struct rf_buf){0};
	if (X509_digest(leaf, EVP_sha256(), out->sha256, &len) != 1 ||
	    certificate_pem(leaf, &out->pem) || rf_buf_add(&out->pem, a->pem.data, a->pem.len)) {
		rf_buf_done(&out->pem);
		return crypto_fail(err, RF_E_CRYPTO, "a certificate");
	}
	return 0;
}

int authority_certify(const struct authority *authority, const struct authority_order *order,
		      struct authority_certificate *out, struct rf_err *err)
{
	X509_REQ *request = NULL;
	int rc;

	if (order->to_s <= order->from_s ||
	    order->to_s - order->from_s > (int64_t)AUTHORITY_HOST_DAYS * DAY_S)
		return rf_fail(err, RF_E_DENIED, "a certificate of more than %d days",
			       AUTHORITY_HOST_DAYS);
	rc = request_read(order->request, &request, err);
	if (rc)
		return rc;
	const struct leaf want = {.name = order->host,
				  .key = X509_REQ_get0_pubkey(request),
				  .from_s = order->from_s - CLOCK_SKEW_S,
				  .to_s = order->to_s,
				  .extensions = host_extensions};
	X509 *leaf = certificate_make(authority, &want, out->serial);

	rc = leaf ? certificate_out(authority, leaf, out, err)
		  : crypto_fail(err, RF_E_CRYPTO, "a certificate");
	X509_free(leaf);
	X509_REQ_free(request);
	return rc;
}

/* ---- managers ---- */

/* "DNS:a,IP:1.2.3.4". A name with another letter than a name has would be a second entry. */
static int names_text(const struct authority_server *server, struct rf_buf *out, struct rf_err *err)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
		".-_:";

	for (size_t i = 0; i < server->names_count; i++) {
		const char *name = server->names[i];
		ASN1_OCTET_STRING *address = a2i_IPADDRESS(name);

		if (!*name || name[strspn(name, letters)] || strlen(name) > 253)
			return rf_fail(err, RF_E_SYNTAX, "\"%s\" is no name or address", name);
		rf_buf_printf(out, "%s%s:%s", i ? "," : "", address ? "IP" : "DNS", name);
		ASN1_OCTET_STRING_free(address);
	}
	ERR_clear_error();
	return server->names_count ? 0 : rf_fail(err, RF_E_MISSING, "no name of this manager");
}

int authority_serve(const struct authority *authority, const struct authority_server *server,
		    struct rf_buf *out_pem, struct rf_buf *out_key, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf names = {0};
	char serial[AUTHORITY_SERIAL];
	int rc = names_text(server, &names, err);

	if (rc)
		return rc;
	const struct extension extensions[] = {
		{NID_basic_constraints, "critical,CA:FALSE"},
		{NID_key_usage, "critical,digitalSignature"},
		{NID_ext_key_usage, "serverAuth"},
		{NID_subject_key_identifier, "hash"},
		{NID_authority_key_identifier, "keyid:always"},
		{NID_subject_alt_name, rf_buf_text(&names)},
		{0, NULL},
	};
	EVP_PKEY *key = EVP_EC_gen("P-256");
	const struct leaf want = {.name = "Ringfence manager",
				  .key = key,
				  .from_s = server->from_s - CLOCK_SKEW_S,
				  .to_s = server->to_s,
				  .extensions = extensions};
	X509 *leaf = key ? certificate_make(authority, &want, serial) : NULL;

	if (!leaf || certificate_pem(leaf, out_pem) ||
	    rf_buf_add(out_pem, authority->pem.data, authority->pem.len) || key_pem(key, out_key))
		rc = crypto_fail(err, RF_E_CRYPTO, "the manager's certificate");
	X509_free(leaf);
	EVP_PKEY_free(key);
	return rc;
}

/* ---- commands ---- */

int authority_sign(const struct authority *authority, struct rf_slice text,
		   uint8_t out[AUTHORITY_SIGNATURE], struct rf_err *err)
{
	MESSAGE_AUTO struct message command = {0};
	size_t len = AUTHORITY_SIGNATURE;
	int rc = message_read(WIRE_COMMAND, text, &command, err);

	/* Whoever holds our socket gets commands signed, and nothing else. */
	if (rc)
		return rc;
	EVP_MD_CTX *context = EVP_MD_CTX_new();

	if (!context || EVP_DigestSignInit(context, NULL, NULL, NULL, authority->command) != 1 ||
	    EVP_DigestSign(context, out, &len, text.data, text.len) != 1)
		rc = crypto_fail(err, RF_E_CRYPTO, "a signature");
	EVP_MD_CTX_free(context);
	return rc;
}

/* ---- the ledger ---- */

int authority_note(const struct authority *authority, uint64_t size, const uint8_t root[32],
		   struct rf_buf *out, struct rf_err *err)
{
	return ledger_key_sign(authority->ledger, size, root, out, err);
}

const char *authority_ledger_key(const struct authority *authority)
{
	return rf_buf_text(&authority->ledger_public);
}
