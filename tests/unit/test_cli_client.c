/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: what a manager answers is told in words, its authority is the one that was compared, a
 * stream of events is cut where it should be, and a sign-in is kept from others. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "cli/client.h"

static char dir[32];

static int setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/rf-client-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static void test_problem(void **state)
{
	static const struct {
		long status;
		const char *body;
		int code;
		const char *want;
	} cases[] = {
		{200, NULL, 0, ""},
		{204, NULL, 0, ""},
		{404, "{\"detail\":\"there is no host x\",\"next\":\"Check the name.\"}",
		 RF_E_UNKNOWN, "there is no host x. Check the name."},
		{401, "{\"detail\":\"this token does not count\"}", RF_E_DENIED, "ringfence login"},
		{403, "{\"detail\":\"two people\",\"approval\":\"a-1\"}", RF_E_DENIED,
		 "--approval a-1"},
		{409, "{\"detail\":5}", RF_E_CHANGED, "answered 409"},
		{500, "[]", RF_E_PEER, "answered 500"},
		{302, NULL, RF_E_PEER, "answered 302"},
		{0, NULL, RF_E_PEER, "answered 0"},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		struct rf_err err = {0};
		json_t *body = cases[i].body ? json_loads(cases[i].body, 0, NULL) : NULL;

		assert_int_equal(client_problem(cases[i].status, body, &err), cases[i].code);
		if (!strstr(err.text, cases[i].want))
			fail_msg("%ld: %s", cases[i].status, err.text);
		json_decref(body);
	}
}

static void test_escape(void **state)
{
	RF_AUTOBUF struct rf_buf out = {0};

	(void)state;
	client_escape(&out, "aZ0-._~ /?&=%#+\"\xc3\xa4\n");
	assert_string_equal(rf_buf_text(&out), "aZ0-._~%20%2F%3F%26%3D%25%23%2B%22%C3%A4%0A");
}

struct seen {
	char text[256];
	size_t count, stop_at;
};

static int see(void *arg, struct rf_slice data)
{
	struct seen *s = arg;
	size_t len = strlen(s->text);

	snprintf(s->text + len, sizeof(s->text) - len, "<%.*s>", (int)data.len, data.data);
	return ++s->count == s->stop_at ? 7 : 0;
}

/* The same whether it comes at once or byte by byte. */
static void test_events(void **state)
{
	static const struct {
		const char *bytes, *want, *id;
	} cases[] = {
		{"data: a\n\n", "<a>", ""},
		{"retry: 2000\n\nid: 7\nevent: event\ndata: {\"x\":1}\n\n", "<{\"x\":1}>", "7"},
		{"data:a\ndata: b\n\n", "<a\nb>", ""},
		{": still here\n\n: again\n\n", "", ""},
		{"data: a\r\n\r\ndata: b\r\n\r\n", "<a><b>", ""},
		{"data: without an end", "", ""},
		{"id: 123456789012345678901234567890123456789\ndata: x\n\n", "<x>",
		 "1234567890123456789012345678901"},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		for (int bytewise = 0; bytewise < 2; bytewise++) {
			struct seen seen = {0};
			struct client_events events = {.event = see, .arg = &seen};
			struct rf_slice all = rf_slice_text(cases[i].bytes);
			int rc = 0;

			if (!bytewise)
				rc = client_events_take(&events, all);
			for (size_t k = 0; bytewise && k < all.len && !rc; k++)
				rc = client_events_take(&events,
							(struct rf_slice){all.data + k, 1});
			assert_int_equal(rc, 0);
			assert_string_equal(seen.text, cases[i].want);
			assert_string_equal(events.id, cases[i].id);
			client_events_done(&events);
		}
	}
}

static void test_events_end(void **state)
{
	struct seen seen = {.stop_at = 1};
	struct client_events events = {.event = see, .arg = &seen};
	RF_AUTOFREE char *large = rf_alloc(1, 1 << 20);

	(void)state;
	assert_non_null(large);
	memset(large, 'x', 1 << 20);
	assert_int_equal(client_events_take(&events, rf_slice_text("data: a\n\ndata: b\n\n")), 7);
	assert_string_equal(seen.text, "<a>");
	/* A line, and an event of many lines, that never end. */
	assert_int_equal(client_events_take(&events, (struct rf_slice){(uint8_t *)large, 1 << 20}),
			 0);
	assert_int_equal(client_events_take(&events, (struct rf_slice){(uint8_t *)large, 1 << 20}),
			 RF_E_LIMIT);
	client_events_done(&events);
	memset(large, 'x', 1 << 20);
	memcpy(large, "data:", 5);
	large[600000] = '\n';
	int rc = 0;

	for (int i = 0; i < 3 && !rc; i++)
		rc = client_events_take(&events, (struct rf_slice){(uint8_t *)large, 600001});
	assert_int_equal(rc, RF_E_LIMIT);
	client_events_done(&events);
}

/* A certificate that signs itself, an authority's or not. */
static char *certificate(bool authority)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	BIO *bio = BIO_new(BIO_s_mem());
	char *pem = NULL, *data = NULL;
	X509_EXTENSION *ca =
		X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints,
				    authority ? "critical,CA:TRUE" : "critical,CA:FALSE");

	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), 0);
	X509_gmtime_adj(X509_getm_notAfter(x), 86400);
	X509_set_pubkey(x, key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
				   (const uint8_t *)"test", -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(x));
	X509_add_ext(x, ca, -1);
	X509_sign(x, key, EVP_sha256());
	PEM_write_bio_X509(bio, x);
	long len = BIO_get_mem_data(bio, &data);

	pem = rf_strndup(data, (size_t)len);
	X509_EXTENSION_free(ca);
	BIO_free(bio);
	X509_free(x);
	EVP_PKEY_free(key);
	return pem;
}

static void test_authority(void **state)
{
	RF_AUTOFREE char *leaf = certificate(false), *root = certificate(true);
	RF_AUTOFREE char *other = certificate(true), *found = NULL;
	const char *const chain[] = {leaf, root}, *const strange[] = {"nonsense", leaf},
			  *const another[] = {other};
	struct rf_err err = {0};
	char shown[65], colons[128] = "";

	(void)state;
	/* Not said: it is shown, and nothing is taken. */
	assert_int_equal(client_authority_choose(chain, 2, NULL, &found, &err), RF_E_MISSING);
	assert_null(found);
	const char *at = strstr(err.text, "fingerprint ");

	assert_non_null(at);
	snprintf(shown, sizeof(shown), "%.64s", at + strlen("fingerprint "));
	assert_int_equal(client_authority_choose(chain, 2, shown, &found, &err), 0);
	assert_string_equal(found, root);
	/* As openssl prints it. */
	for (size_t i = 0; i < 64; i += 2)
		snprintf(colons + strlen(colons), 4, "%s%c%c", i ? ":" : "", shown[i],
			 shown[i + 1]);
	rf_free(rf_take(found));
	assert_int_equal(client_authority_choose(chain, 2, colons, &found, &err), 0);
	rf_free(rf_take(found));
	assert_int_equal(client_authority_choose(another, 1, shown, &found, &err), RF_E_DENIED);
	assert_int_equal(client_authority_choose(strange, 2, shown, &found, &err), RF_E_MISSING);
	assert_int_equal(client_authority_choose(chain, 0, shown, &found, &err), RF_E_MISSING);
	assert_int_equal(client_authority_choose(chain, 2, "", &found, &err), RF_E_USAGE);
	assert_int_equal(client_authority_choose(chain, 2, "abcd", &found, &err), RF_E_USAGE);
	colons[0] = 'x';
	assert_int_equal(client_authority_choose(chain, 2, colons, &found, &err), RF_E_USAGE);
	assert_null(found);
}

static void test_login_file(void **state)
{
	char path[128], text[] = "https://m:8443", pem[] = "PEM", token[] = "secret", id[] = "t-1";
	const struct client_login login = {text, pem, token, id};
	CLIENT_AUTOLOGIN struct client_login back = {0};
	struct rf_err err = {0};
	struct stat st;

	(void)state;
	snprintf(path, sizeof(path), "%s/a/b/login.json", dir);
	assert_int_equal(client_login_read(path, &back, &err), RF_E_MISSING);
	assert_non_null(strstr(err.text, "ringfence login"));
	assert_int_equal(client_login_write(path, &login, &err), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(client_login_read(path, &back, &err), 0);
	assert_string_equal(back.token, "secret");
	assert_string_equal(back.token_id, "t-1");
	client_login_done(&back);
	/* Others may read it: it is not used. */
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(client_login_read(path, &back, &err), RF_E_DENIED);
	assert_int_equal(chmod(path, 0600), 0);
	/* Replaced as a whole, and damaged. */
	assert_int_equal(client_login_write(path, &login, &err), 0);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs("{\"address\":\"https://m\"}", f);
	fclose(f);
	assert_int_equal(client_login_read(path, &back, &err), RF_E_SYNTAX);
	unlink(path);
	snprintf(path, sizeof(path), "%s/a/b", dir);
	assert_int_equal(rmdir(path), 0); /* nothing half-written is left */
	snprintf(path, sizeof(path), "%s/a", dir);
	rmdir(path);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_problem),	  cmocka_unit_test(test_escape),
		cmocka_unit_test(test_events),	  cmocka_unit_test(test_events_end),
		cmocka_unit_test(test_authority), cmocka_unit_test(test_login_file),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
