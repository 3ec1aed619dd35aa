/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Webhooks: each event is a POST of JSON, signed (RFC 2104). https only, no redirect, no proxy, an
 * answer of which the status alone counts. The address is looked at after the name was resolved, in
 * the moment of the connection, so that no other answer of the DNS comes between.
 */
#include <curl/curl.h>
#include <errno.h>
#include <ifaddrs.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "outbox/parts.h"

#define ANSWER_BYTES (64u << 10)
#define CONNECT_MS   10000
#define PEM_BYTES    (64u << 10)

struct webhook {
	CURL *curl;
	const struct outbox_sink *sink;
	struct rf_buf secret, authorities, certificate, key;
	size_t answer_len;
	char why[CURL_ERROR_SIZE], refused[128];
};

static bool allowed(const struct outbox_sink *sink, const struct sockaddr *address)
{
	if (!sink->allow)
		return false;
	if (sink->allow->kind == YAML_TEXT)
		return outbox_address_is(sink->allow->text, address);
	for (size_t i = 0; i < sink->allow->items_count; i++) {
		if (outbox_address_is(sink->allow->items[i].text, address))
			return true;
	}
	return false;
}

/* curl asks for a socket to an address that a name stands for: the last place to say no. */
static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct webhook *w = arg;
	struct ifaddrs *own = NULL;
	const char *why = "";

	(void)purpose;
	if (getifaddrs(&own) < 0)
		own = NULL;
	why = outbox_address_refused(&address->addr, own);
	freeifaddrs(own);
	if (why[0] && !allowed(w->sink, &address->addr)) {
		(void)rf_format(
			w->refused, sizeof(w->refused),
			"its address is not sent to (%s); allow_addresses can say otherwise", why);
		return CURL_SOCKET_BAD;
	}
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static size_t take_answer(char *data, size_t size, size_t count, void *arg)
{
	struct webhook *w = arg;

	(void)data;
	w->answer_len += size * count;
	return w->answer_len > ANSWER_BYTES ? 0 : size * count;
}

static void webhook_close(void *state)
{
	struct webhook *w = state;

	if (!w)
		return;
	curl_easy_cleanup(w->curl);
	rf_wipe(w->secret.data, w->secret.len);
	rf_buf_done(&w->secret);
	rf_buf_done(&w->authorities);
	rf_buf_done(&w->certificate);
	rf_wipe(w->key.data, w->key.len);
	rf_buf_done(&w->key);
	rf_free(w);
}

static struct curl_blob blob_of(const struct rf_buf *buf)
{
	return (struct curl_blob){buf->data, buf->len, CURL_BLOB_NOCOPY};
}

static CURLcode options_set(struct webhook *w)
{
	struct curl_blob authorities = blob_of(&w->authorities), key = blob_of(&w->key);
	struct curl_blob certificate = blob_of(&w->certificate);
	CURL *c = w->curl;
	CURLcode bad = CURLE_OK;

#define SET(option, value) bad = bad ? bad : curl_easy_setopt(c, CURLOPT_##option, value)
	SET(URL, w->sink->url);
	SET(PROTOCOLS_STR, "https");
	SET(FOLLOWLOCATION, 0L);
	SET(PROXY, "");
	SET(NETRC, (long)CURL_NETRC_IGNORED);
	SET(HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(CAINFO_BLOB, &authorities);
	SET(CAPATH, NULL);
	if (w->sink->certificate) {
		SET(SSLCERT_BLOB, &certificate);
		SET(SSLKEY_BLOB, &key);
	}
	SET(TIMEOUT_MS, (long)OUTBOX_ATTEMPT_MS);
	SET(CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	SET(MAXFILESIZE, (long)ANSWER_BYTES);
	SET(NOSIGNAL, 1L);
	SET(NOPROGRESS, 1L);
	SET(WRITEFUNCTION, take_answer);
	SET(WRITEDATA, w);
	SET(OPENSOCKETFUNCTION, open_socket);
	SET(OPENSOCKETDATA, w);
	SET(ERRORBUFFER, w->why);
	SET(USERAGENT, "ringfence/" RF_VERSION);
#undef SET
	return bad;
}

/* All files are read now: the sandbox has none. */
static int files_read(struct webhook *w, struct rf_err *err)
{
	const struct outbox_sink *sink = w->sink;
	int rc = outbox_secret_read(sink->secret_file, &w->secret, err);

	if (!rc)
		rc = outbox_authorities_read(sink, &w->authorities, err);
	if (!rc && sink->certificate)
		rc = outbox_file_read(sink->certificate, PEM_BYTES, &w->certificate, err);
	if (!rc && sink->certificate)
		rc = sink->key ? outbox_file_read(sink->key, PEM_BYTES, &w->key, err)
			       : rf_fail(err, RF_E_MISSING, "certificate without key");
	return rc;
}

static int webhook_open(const struct outbox_sink *sink, void **out, struct rf_err *err)
{
	struct webhook *w = rf_alloc(1, sizeof(*w));

	if (!w || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		rf_free(w);
		return rf_fail(err, -ENOMEM, "no memory");
	}
	w->sink = sink;
	w->curl = curl_easy_init();
	int rc = w->curl ? files_read(w, err) : rf_fail(err, -ENOMEM, "no memory");
	CURLcode bad = rc ? CURLE_OK : options_set(w);

	if (bad)
		rc = rf_fail(err, -EINVAL, "%s", curl_easy_strerror(bad));
	if (rc < 0) {
		webhook_close(w);
		return rc;
	}
	*out = w;
	return 0;
}

/* The headers of one event; NULL when memory is short. */
static struct curl_slist *headers_make(const struct outbox_event *event, const char *signature)
{
	RF_AUTOFREE char *id = rf_asprintf("Ringfence-Event: %lld", (long long)event->seq);
	RF_AUTOFREE char *signed_by = rf_asprintf("Ringfence-Signature: %s", signature);
	const char *const lines[] = {"Content-Type: application/json", "Expect:", id, signed_by};
	struct curl_slist *list = NULL;

	for (size_t i = 0; i < RF_COUNT(lines); i++) {
		struct curl_slist *longer = lines[i] ? curl_slist_append(list, lines[i]) : NULL;

		if (!longer) {
			curl_slist_free_all(list);
			return NULL;
		}
		list = longer;
	}
	return list;
}

/* What the receiver's status means to us. */
static int status_check(CURL *curl, int64_t *out_retry_s, struct rf_err *err)
{
	static const long refusals[] = {400, 413, 414, 415, 422};
	curl_off_t retry_s = 0;
	long status = 0;

	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	if (status >= 200 && status < 300)
		return 0;
	curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &retry_s);
	*out_retry_s = retry_s > 0 && retry_s < OUTBOX_RETRY_MAX_S ? retry_s : 0;
	for (size_t i = 0; i < RF_COUNT(refusals); i++) {
		if (status == refusals[i])
			return rf_fail(err, RF_E_DENIED, "the receiver answered %ld", status);
	}
	if (status >= 300 && status < 400)
		return rf_fail(err, RF_E_PEER,
			       "the receiver answered %ld; redirects are not followed: write the "
			       "final address into url",
			       status);
	return rf_fail(err, RF_E_PEER, "the receiver answered %ld", status);
}

static int webhook_send(void *state, const struct outbox_event *event, int64_t *out_retry_s,
			struct rf_err *err)
{
	struct webhook *w = state;
	RF_AUTOBUF struct rf_buf body = {0};
	char signature[OUTBOX_SIGNATURE_BYTES];
	int rc = outbox_event_json(event, &body, err);

	if (!rc)
		rc = outbox_signature(rf_buf_slice(&w->secret), outbox_clock_s(),
				      rf_buf_slice(&body), signature, err);
	if (rc < 0)
		return rc;
	struct curl_slist *headers = headers_make(event, signature);

	if (!headers)
		return rf_fail(err, -ENOMEM, "no memory");
	w->answer_len = 0;
	w->refused[0] = w->why[0] = '\0';
	curl_easy_setopt(w->curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(w->curl, CURLOPT_POSTFIELDS, body.data);
	curl_easy_setopt(w->curl, CURLOPT_POSTFIELDSIZE, (long)body.len);
	CURLcode bad = curl_easy_perform(w->curl);

	/* They go out of scope. */
	curl_easy_setopt(w->curl, CURLOPT_HTTPHEADER, NULL);
	curl_easy_setopt(w->curl, CURLOPT_POSTFIELDS, NULL);
	curl_slist_free_all(headers);
	if (bad)
		return rf_fail(err, RF_E_PEER, "%s",
			       w->refused[0] ? w->refused
			       : w->why[0]   ? w->why
					     : curl_easy_strerror(bad));
	return status_check(w->curl, out_retry_s, err);
}

const struct outbox_transport outbox_webhook = {"webhook", webhook_open, webhook_send,
						webhook_close};
