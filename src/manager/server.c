/* SPDX-License-Identifier: Apache-2.0 */
/* The manager's own certificate and what is public of the authority; see server.h. */
#include "manager/server.h"

#include <errno.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "manager/authority.h"
#include "sys/state.h"

#define MAX_BYTES 32768u
#define DAY_S	  INT64_C(86400)

int server_store_folder(const struct config *config, char *out, size_t size, struct rf_err *err)
{
	static const char scheme[] = "sqlite:";
	char *slash;

	out[0] = '\0';
	if (!rf_starts(config->store, scheme))
		return 0;
	if (!rf_copy(out, size, config->store + sizeof(scheme) - 1))
		return rf_fail(err, -ENAMETOOLONG, "store: too long a path");
	slash = strrchr(out, '/');
	if (!slash || slash == out)
		return rf_fail(err, RF_E_SYNTAX, "store: %s is no path of a file in a folder",
			       config->store);
	*slash = '\0';
	return 0;
}

/* ---- the certificate ---- */

static bool names_fit(X509 *certificate, const struct config *config)
{
	for (size_t i = 0; i < config->names_count; i++)
		if (X509_check_host(certificate, config->names[i], 0, 0, NULL) != 1 &&
		    X509_check_ip_asc(certificate, config->names[i], 0) != 1)
			return false;
	return true;
}

static bool is_good(const struct config *config, int64_t now_s)
{
	RF_AUTOBUF struct rf_buf pem = {0};
	const int64_t limit = now_s + SERVER_RENEW_DAYS * DAY_S;
	time_t soon = (time_t)limit;

	if (state_read(config->state, SERVER_PEM_NAME, MAX_BYTES, &pem, NULL))
		return false;
	BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
	X509 *c = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	bool good = c && names_fit(c, config) && X509_cmp_time(X509_get0_notAfter(c), &soon) > 0;

	X509_free(c);
	BIO_free(bio);
	return good;
}

static int certificate_write(const struct config *config, const struct authority *authority,
			     int64_t now_s, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf pem = {0}, key = {0};
	const struct authority_server server = {config->names, config->names_count, now_s,
						now_s + AUTHORITY_SERVER_DAYS * DAY_S};
	int rc = authority_serve(authority, &server, &pem, &key, err);

	if (!rc)
		rc = state_write(config->state, SERVER_KEY_NAME, rf_buf_slice(&key), err);
	if (!rc)
		rc = state_write(config->state, SERVER_PEM_NAME, rf_buf_slice(&pem), err);
	if (key.data)
		rf_wipe(key.data, key.len);
	return rc;
}

/* Of the authority's key: whoever resumes at one manager of a fleet resumes at each. */
static int ticket_write(const struct config *config, const struct authority *authority,
			struct rf_err *err)
{
	uint8_t key[TLS_TICKET_BYTES];
	int rc = authority_derive(authority, "ringfence session tickets", key, sizeof(key), err);

	if (!rc)
		rc = state_write(config->state, SERVER_TICKET_NAME,
				 (struct rf_slice){key, sizeof(key)}, err);
	rf_wipe(key, sizeof(key));
	return rc;
}

int server_prepare(const struct config *config, int64_t now_s, struct rf_err *err)
{
	struct authority *authority = NULL;
	uint8_t command[AUTHORITY_PUBLIC];
	int rc = authority_open(config->state, &authority, err);

	if (!rc)
		rc = authority_command_key(authority, command, err);
	if (!rc)
		rc = state_write(config->state, SERVER_COMMAND,
				 (struct rf_slice){command, sizeof(command)}, err);
	if (!rc)
		rc = state_write(config->state, SERVER_AUTHORITY, authority_pem(authority), err);
	if (!rc)
		rc = state_write(config->state, SERVER_LEDGER,
				 rf_slice_text(authority_ledger_key(authority)), err);
	if (!rc && !is_good(config, now_s))
		rc = certificate_write(config, authority, now_s, err);
	if (!rc)
		rc = ticket_write(config, authority, err);
	authority_free(authority);
	return rc;
}

/* ---- TLS ---- */

static int key_read(const struct config *config, EVP_PKEY **out, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf pem = {0};
	int rc = state_read(config->state, SERVER_KEY_NAME, MAX_BYTES, &pem, err);

	if (rc)
		return rc;
	BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);

	*out = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
	BIO_free(bio);
	rf_wipe(pem.data, pem.len);
	return *out ? 0 : rf_fail(err, RF_E_MISMATCH, "%s is no key", SERVER_KEY_NAME);
}

static int public_read(const struct config *config, struct rf_buf *authority, uint8_t command[32],
		       struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf raw = {0};
	int rc = state_read(config->state, SERVER_AUTHORITY, MAX_BYTES, authority, err);

	if (!rc)
		rc = state_read(config->state, SERVER_COMMAND, AUTHORITY_PUBLIC, &raw, err);
	if (!rc && raw.len != AUTHORITY_PUBLIC)
		rc = rf_fail(err, RF_E_MISMATCH, "%s has not 32 bytes", SERVER_COMMAND);
	if (!rc)
		memcpy(command, raw.data, AUTHORITY_PUBLIC);
	return rc;
}

int server_tls(const struct config *config, struct tls **out, struct rf_buf *out_authority,
	       uint8_t out_command_key[32], struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf pem = {0}, ticket = {0};
	EVP_PKEY *key = NULL;
	int rc = state_read(config->state, SERVER_PEM_NAME, MAX_BYTES, &pem, err);

	if (!rc)
		rc = state_read(config->state, SERVER_TICKET_NAME, TLS_TICKET_BYTES, &ticket, err);
	if (!rc)
		rc = public_read(config, out_authority, out_command_key, err);
	if (!rc)
		rc = key_read(config, &key, err);
	if (!rc) {
		const struct tls_options options = {
			.server = true,
			.certificate = rf_buf_slice(&pem),
			.key = key,
			.authority = rf_buf_slice(out_authority),
			.ticket_key = ticket.len == TLS_TICKET_BYTES ? ticket.data : NULL};

		rc = tls_new(&options, out, err);
	}
	if (ticket.data)
		rf_wipe(ticket.data, ticket.len);
	EVP_PKEY_free(key);
	return rc;
}
