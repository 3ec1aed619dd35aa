/* SPDX-License-Identifier: Apache-2.0 */
/* The file of a sign-in, and the authority that is pinned in it. See client.h. */
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/client.h"
#include "cli/common.h"

#define LOGIN_BYTES   65536u
#define CHAIN_MAX     8
#define DIGEST_BYTES  32
#define FETCH_MS      10000L
#define DEFAULT_LOGIN ".config/ringfence/login.json"

void client_login_done(struct client_login *login)
{
	if (login->token)
		rf_wipe(login->token, strlen(login->token));
	rf_free(login->token);
	rf_free(login->token_id);
	rf_free(login->address);
	rf_free(login->authority);
	*login = (struct client_login){0};
}

int client_login_path(const char *given, char out[RF_MAX_PATH_BYTES], struct rf_err *err)
{
	const struct passwd *user = given ? NULL : getpwuid(geteuid());

	if (!given && !user)
		return rf_fail(err, RF_E_MISSING,
			       "this user has no home; say with --login where the sign-in is kept");
	if (given ? !rf_copy(out, RF_MAX_PATH_BYTES, given)
		  : !rf_format(out, RF_MAX_PATH_BYTES, "%s/" DEFAULT_LOGIN, user->pw_dir))
		return rf_fail(err, -ENAMETOOLONG, "the path is too long");
	return 0;
}

static char *member(const json_t *json, const char *name)
{
	return rf_strdup(json_string_value(json_object_get(json, name)));
}

int client_login_read(const char *path, struct client_login *out, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf text = {0};
	struct stat st;

	if (stat(path, &st) < 0)
		return rf_fail(err, RF_E_MISSING,
			       "you are not signed in to a manager: ringfence login "
			       "https://MANAGER:8443 (%s: %s)",
			       path, rf_code_text(-errno));
	if (st.st_mode & 077)
		return rf_fail(
			err, RF_E_DENIED,
			"%s: others may read it, and it holds a secret: chmod 600 it, and make "
			"a new token if they did",
			path);
	int rc = common_read_file(path, LOGIN_BYTES, &text, err);

	if (rc < 0)
		return rc;
	json_t *json = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
	struct client_login login = {member(json, "address"), member(json, "authority"),
				     member(json, "token"), member(json, "token_id")};

	json_decref(json);
	rf_wipe(text.data, text.len);
	if (!login.address || !login.authority || !login.token) {
		client_login_done(&login);
		return rf_fail(err, RF_E_SYNTAX,
			       "%s: not understood; sign in again: ringfence login", path);
	}
	*out = login;
	return 0;
}

static int folder_make(const char *path)
{
	char part[RF_MAX_PATH_BYTES];

	for (const char *p = path; (p = strchr(p + 1, '/'));) {
		(void)rf_format(part, sizeof(part), "%.*s", (int)(p - path), path);
		if (mkdir(part, 0700) < 0 && errno != EEXIST)
			return -errno;
	}
	return 0;
}

static int file_replace(const char *path, struct rf_slice text)
{
	char fresh[RF_MAX_PATH_BYTES];

	if (!rf_format(fresh, sizeof(fresh), "%s.%d", path, (int)getpid()))
		return -ENAMETOOLONG;
	int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return -errno;
	int rc = rf_write_all(fd, text);

	if (!rc && fsync(fd) < 0)
		rc = -errno;
	close(fd);
	if (!rc && rename(fresh, path) < 0)
		rc = -errno;
	if (rc)
		(void)unlink(fresh);
	return rc;
}

static int piece_take(const char *text, size_t len, void *out)
{
	return rf_buf_add(out, text, len);
}

int client_login_write(const char *path, const struct client_login *login, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf text = {0};
	json_t *json =
		json_pack("{s:s, s:s, s:s*, s:s*}", "address", login->address, "authority",
			  login->authority, "token", login->token, "token_id", login->token_id);
	int rc = json && json_dump_callback(json, piece_take, &text, JSON_INDENT(1)) == 0 &&
				 !text.failed
			 ? folder_make(path)
			 : -ENOMEM;

	json_decref(json);
	if (!rc)
		rc = file_replace(path, rf_buf_slice(&text));
	if (text.data)
		rf_wipe(text.data, text.len);
	return rc ? rf_fail(err, rc, "%s: %s", path, rf_code_text(rc)) : 0;
}

/* "AB:CD..." or "abcd..." into bytes. */
static bool fingerprint_read(const char *text, uint8_t out[DIGEST_BYTES])
{
	char hex[2 * DIGEST_BYTES + 1];
	size_t used = 0, len = 0;

	for (; *text; text++) {
		if (*text == ':' || *text == ' ')
			continue;
		if (used == sizeof(hex) - 1)
			return false;
		hex[used++] = *text;
	}
	hex[used] = '\0';
	return rf_hex_decode(hex, out, DIGEST_BYTES, &len) == 0 && len == DIGEST_BYTES;
}

/* The digest of a certificate, and whether it is an authority's own. */
static bool certificate_look(const char *pem, uint8_t out[DIGEST_BYTES], bool *out_authority)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	X509 *x = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	unsigned len = 0;
	bool good = x && X509_digest(x, EVP_sha256(), out, &len) == 1 && len == DIGEST_BYTES;

	*out_authority = good && X509_check_ca(x) > 0 &&
			 X509_NAME_cmp(X509_get_subject_name(x), X509_get_issuer_name(x)) == 0;
	X509_free(x);
	BIO_free(bio);
	ERR_clear_error();
	return good;
}

int client_authority_choose(const char *const *pems, size_t count, const char *fingerprint,
			    char **out_pem, struct rf_err *err)
{
	uint8_t wanted[DIGEST_BYTES], digest[DIGEST_BYTES];
	RF_AUTOBUF struct rf_buf seen = {0};
	bool authority = false;

	if (fingerprint && !fingerprint_read(fingerprint, wanted))
		return rf_fail(err, RF_E_USAGE,
			       "--fingerprint: 64 hexadecimal digits (SHA-256) are wanted");
	for (size_t i = 0; i < count; i++) {
		if (!certificate_look(pems[i], digest, &authority) || !authority)
			continue;
		if (fingerprint && memcmp(digest, wanted, sizeof(digest)) == 0) {
			*out_pem = rf_strdup(pems[i]);
			return *out_pem ? 0 : rf_fail(err, -ENOMEM, "no memory");
		}
		rf_buf_reset(&seen);
		rf_buf_add_hex(&seen, digest, sizeof(digest));
	}
	if (seen.len == 0)
		return rf_fail(err, RF_E_MISSING, "the manager shows no authority's certificate");
	if (!fingerprint)
		return rf_fail(
			err, RF_E_MISSING,
			"the manager's authority has the fingerprint %s. Compare it with what "
			"`ringfence-manager` printed there, and if it is the same add: "
			"--fingerprint %s",
			rf_buf_text(&seen), rf_buf_text(&seen));
	return rf_fail(
		err, RF_E_DENIED,
		"the authority there has the fingerprint %s, not the one that you gave: it is "
		"another manager, or somebody is in between",
		rf_buf_text(&seen));
}

/* The PEM texts of a chain as curl has them ("Cert:-----BEGIN ..."). */
static size_t chain_take(const struct curl_certinfo *info, const char *out[CHAIN_MAX])
{
	size_t count = 0;

	for (int i = 0; info && i < info->num_of_certs; i++) {
		for (const struct curl_slist *l = info->certinfo[i]; l; l = l->next) {
			if (count < CHAIN_MAX && rf_starts(l->data, "Cert:"))
				out[count++] = l->data + strlen("Cert:");
		}
	}
	return count;
}

int client_authority_fetch(const char *address, const char *fingerprint, char **out_pem,
			   struct rf_err *err)
{
	const char *pems[CHAIN_MAX];
	struct curl_certinfo *info = NULL;
	char why[CURL_ERROR_SIZE] = "";
	CURL *curl = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? curl_easy_init() : NULL;

	if (!curl)
		return rf_fail(err, -ENOMEM, "no memory");
	/* Only to look: nothing is sent, and what is found is compared before it is used. */
	curl_easy_setopt(curl, CURLOPT_URL, address);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L);
	curl_easy_setopt(curl, CURLOPT_CERTINFO, 1L);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, FETCH_MS);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
	CURLcode bad = curl_easy_perform(curl);
	int rc = bad ? rf_fail(err, RF_E_PEER,
			       "%s cannot be reached (%s). Does ringfence-manager run there?",
			       address, why[0] ? why : curl_easy_strerror(bad))
		     : 0;

	if (!rc && curl_easy_getinfo(curl, CURLINFO_CERTINFO, &info) != CURLE_OK)
		info = NULL;
	if (!rc)
		rc = client_authority_choose(pems, chain_take(info, pems), fingerprint, out_pem,
					     err);
	curl_easy_cleanup(curl);
	return rc;
}
