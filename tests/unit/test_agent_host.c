/* SPDX-License-Identifier: Apache-2.0 */
/* Who a host is (identity), and what its hook says: addresses of a manager, key and request,
 * what is kept; tags, sites, verdicts and their age. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "agent/hook.h"
#include "agent/identity.h"
#include "agent/net.h"
#include "base/mem.h"
#include "base/str.h"
#include "sys/internal.h"
#include "sys/state.h"

/* ---- identity ---- */

static void addresses(void **state)
{
	static const struct {
		const char *url, *host;
		int port, code;
	} rows[] = {
		{"https://manager", "manager", 8444, 0},
		{"https://manager/", "manager", 8444, 0},
		{"https://manager:8443", "manager", 8444, 0},
		{"https://manager:9000/", "manager", 9000, 0},
		{"https://192.0.2.7:1", "192.0.2.7", 1, 0},
		{"https://[2001:db8::1]", "2001:db8::1", 8444, 0},
		{"https://[2001:db8::1]:65535", "2001:db8::1", 65535, 0},
		{"http://manager", NULL, 0, RF_E_USAGE},
		{"manager", NULL, 0, RF_E_USAGE},
		{"https://", NULL, 0, RF_E_USAGE},
		{"https://:8443", NULL, 0, RF_E_USAGE},
		{"https://m:0", NULL, 0, RF_E_USAGE},
		{"https://m:65536", NULL, 0, RF_E_USAGE},
		{"https://m:", NULL, 0, RF_E_USAGE},
		{"https://m/path", NULL, 0, RF_E_USAGE},
		{"https://user@m", NULL, 0, RF_E_USAGE},
		{"https://m m", NULL, 0, RF_E_USAGE},
		{"https://[::1", NULL, 0, RF_E_USAGE},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		struct identity id = {.port = 7};
		int rc = identity_url(rows[i].url, &id, NULL);

		if (rc != rows[i].code)
			fail_msg("%s: %d", rows[i].url, rc);
		if (rc == 0) {
			assert_string_equal(id.manager, rows[i].host);
			assert_int_equal(id.port, rows[i].port);
		}
	}
}

static void an_identity_is_kept(void **state)
{
	static const char *const damaged[] = {"", "{}", "[]", "{\"host\":\"h\"}"};
	char dir[] = "/tmp/rf-test-XXXXXX", folder[RF_MAX_PATH_BYTES];
	struct identity id = {.host = "h-1",
			      .name = "web-1",
			      .manager = "manager",
			      .port = 8444,
			      .tpm = "none",
			      .command_key = {1, 2, 3}};
	struct identity got;
	struct rf_err err = {0};

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(identity_read(dir, &got, &err), RF_E_MISSING);
	assert_non_null(strstr(rf_err_text(&err), "ringfence-agent join"));
	assert_int_equal(identity_prepare(dir, NULL), 0);
	assert_int_equal(identity_write(dir, &id, NULL), 0);
	assert_int_equal(identity_read(dir, &got, NULL), 0);
	assert_memory_equal(&got, &id, sizeof(id));
	assert_int_equal(identity_folder(dir, "", folder, NULL), 0);
	for (size_t i = 0; i < RF_COUNT(damaged); i++) {
		assert_int_equal(
			state_write(folder, "identity.json", rf_slice_text(damaged[i]), NULL), 0);
		assert_int_equal(identity_read(dir, &got, NULL), RF_E_SYNTAX);
	}
	assert_int_equal(file_remove_tree(dir), 0);
}

static void a_key_and_its_request(void **state)
{
	char dir[] = "/tmp/rf-test-XXXXXX";
	RF_AUTOBUF struct rf_buf der = {0};
	EVP_PKEY *key = NULL, *same = NULL;

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(identity_key_read(dir, &key, NULL), -ENOENT);
	assert_int_equal(identity_key_make(dir, &key, NULL), 0);
	assert_int_equal(identity_key_read(dir, &same, NULL), 0);
	assert_int_equal(EVP_PKEY_eq(key, same), 1);
	assert_int_equal(identity_request(key, "web-1.example", &der, NULL), 0);
	const uint8_t *at = der.data;
	X509_REQ *request = d2i_X509_REQ(NULL, &at, (long)der.len);

	assert_non_null(request);
	assert_int_equal(X509_REQ_verify(request, key), 1);
	X509_REQ_free(request);
	EVP_PKEY_free(key);
	EVP_PKEY_free(same);
	assert_int_equal(state_write(dir, "key.pem", rf_slice_text("none"), NULL), 0);
	assert_int_equal(identity_key_read(dir, &key, NULL), RF_E_SYNTAX);
	assert_int_equal(file_remove_tree(dir), 0);
}

static void times_of_a_certificate(void **state)
{
	X509 *x = X509_new();
	EVP_PKEY *key = EVP_EC_gen("P-256");
	BIO *out = BIO_new(BIO_s_mem());
	int64_t renew, end;
	char *data;

	(void)state;
	ASN1_TIME_set(X509_getm_notBefore(x), 1000000);
	ASN1_TIME_set(X509_getm_notAfter(x), 1300000);
	X509_set_pubkey(x, key);
	assert_true(X509_sign(x, key, EVP_sha256()) > 0);
	assert_int_equal(PEM_write_bio_X509(out, x), 1);
	size_t len = (size_t)BIO_get_mem_data(out, &data);

	assert_int_equal(identity_certificate_times((struct rf_slice){(uint8_t *)data, len}, &renew,
						    &end, NULL),
			 0);
	assert_int_equal(renew, 1200000);
	assert_int_equal(end, 1300000);
	assert_int_equal(identity_certificate_times(rf_slice_text("x"), &renew, &end, NULL),
			 RF_E_SYNTAX);
	BIO_free(out);
	X509_free(x);
	EVP_PKEY_free(key);
}

/* ---- hooks ---- */

static void verdicts_and_their_age(void **state)
{
	static const struct {
		const char *state, *question, *answer;
		int64_t at, valid, now;
	} rows[] = {
		{"TRUSTED", "start vm", "yes TRUSTED", 1000000, 5000, 1005000},
		{"TRUSTED", "migrate vm", "yes TRUSTED", 1000000, 5000, 1000000},
		{"TRUSTED", "start vm", "no this host's last verdict is too old (STALE)", 1000000,
		 5000, 1005001},
		/* A clock that was set back a day makes nothing young. */
		{"TRUSTED", "start vm", "no this host's last verdict is too old (STALE)",
		 86400000000, 5000, 1000000},
		{"TRUSTED", "state", "yes TRUSTED", 1000000, 5000, 1000001},
		{"TRUSTED", "state", "yes STALE", 1000000, 5000, 2000000},
		{"WARNING", "start vm", "no this host is WARNING", 1000000, 5000, 1000001},
		{"UNTRUSTED", "start vm", "no this host is UNTRUSTED", 1000000, 5000, 1000001},
		{"", "start vm", "no this host is NEW", 0, 0, 1000001},
		{"", "state", "yes NEW", 0, 0, 1000001},
		{"TRUSTED", "", "no not a question", 1000000, 5000, 1000001},
		{"TRUSTED", "stop vm", "no not a question", 1000000, 5000, 1000001},
		{"TRUSTED", "start", "no not a question", 1000000, 5000, 1000001},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		struct net_verdict v = {.at_ms = rows[i].at, .valid_ms = rows[i].valid};
		char answer[200];

		rf_copy(v.state, sizeof(v.state), rows[i].state);
		net_answer(&v, rows[i].now, rows[i].question, answer, sizeof(answer));
		assert_string_equal(answer, rows[i].answer);
	}
}

static void operations(void **state)
{
	(void)state;
	assert_string_equal(hook_question("prepare", "begin"), "start");
	assert_string_equal(hook_question("restore", "begin"), "start");
	assert_string_equal(hook_question("migrate", "begin"), "migrate");
	assert_string_equal(hook_question("started", "begin"), "forget");
	assert_string_equal(hook_question("release", "end"), "forget");
	assert_null(hook_question("stopped", "end"));
	assert_null(hook_question("prepare", "end"));
	assert_null(hook_question("", ""));
}

static void sites_and_tags(void **state)
{
#define TAG "<metadata><trusted xmlns='" HOOK_TAG_URI "'/></metadata>"
	static const struct {
		const char *site, *xml;
		int code;
		bool tagged;
	} rows[] = {
		{"{}", "<domain>" TAG "</domain>", 0, true},
		{"{}", "<domstatus><domain>" TAG "</domain></domstatus>", 0, true},
		{"{}", "<domain/>", 0, false},
		{"{}", "<domain><metadata><trusted/></metadata></domain>", 0, false},
		{"{}", "<domain><description>" TAG "</description></domain>", 0, false},
		{"trusted: ['web-*', db]", "<domain/>", 0, true},
		{"trusted: web-1", "not even read", 0, true},
		{"trusted: ['db*']", "<domain/>", 0, false},
		{"on-silence: open", "<domain", RF_E_SYNTAX, false},
		{"{}", "<!DOCTYPE d><domain/>", RF_E_DENIED, false},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		struct hook_site site = {.open_on_silence = false};
		bool tagged = false;

		assert_int_equal(hook_site_parse(rf_slice_text(rows[i].site), &site, NULL), 0);
		int rc = hook_tagged(&site, "web-1", rf_slice_text(rows[i].xml), &tagged, NULL);

		if (rc != rows[i].code || tagged != rows[i].tagged)
			fail_msg("row %zu: %d %d", i, rc, tagged);
		hook_site_done(&site);
	}
}

static void broken_sites_are_refused(void **state)
{
	static const char *const texts[] = {
		"on-silence: perhaps", "trusted: {a: b}", "other: 1", "- a",
		"on-silence: [open]",  "a: b: c"};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(texts); i++) {
		struct hook_site site = {.open_on_silence = false};

		if (hook_site_parse(rf_slice_text(texts[i]), &site, NULL) == 0)
			fail_msg("%s", texts[i]);
		assert_false(site.open_on_silence);
		hook_site_done(&site);
	}
}

static void nobody_there_is_silence(void **state)
{
	struct rf_err err = {0};

	(void)state;
	assert_int_equal(
		hook_ask(&(struct hook_question){"/nonexistent/agent.sock", "start", "vm", 50},
			 &err),
		RF_E_TIMEOUT);
	assert_int_equal(
		hook_ask(&(struct hook_question){"/nonexistent/agent.sock", "start", "v\nm", 50},
			 &err),
		RF_E_SYNTAX);
}

#define U1 "7e577e57-0000-4000-8000-000000000001"
#define U2 "7e577e57-0000-4000-8000-000000000002"
#define U3 "7e577e57-0000-4000-8000-000000000003"
#define KEPT                                                                                       \
	"<metadata><trusted xmlns='https://ringfence.example/vm/1' secrets='manager'/></metadata>"
#define DISK(u)                                                                                    \
	"<disk><source><encryption format='luks'><secret type='passphrase' uuid='" u               \
	"'/></encryption></source></disk>"

static void secrets_of_a_vm_are_found(void **state)
{
	static const struct {
		const char *xml;
		int rc;
		size_t count;
	} rows[] = {
		{"<domain><uuid>" U1 "</uuid>" KEPT "<devices>" DISK(U2)
			 DISK(U3) "</devices></domain>",
		 0, 2},
		{"<domstatus><domain><uuid>" U1 "</uuid>" KEPT
		 "<devices>" DISK(U2) "</devices></domain></domstatus>",
		 0, 1},
		/* the same twice; a TPM's */
		{"<domain><uuid>" U1 "</uuid>" KEPT "<devices>" DISK(U2)
			 DISK(U2) "<tpm><backend><encryption secret='" U3
				  "'/></backend></tpm></devices></domain>",
		 0, 2},
		/* not the manager's: no tag, the tag alone, another's name space */
		{"<domain><uuid>" U1 "</uuid><devices>" DISK(U2) "</devices></domain>", 0, 0},
		{"<domain><uuid>" U1
		 "</uuid><metadata><trusted xmlns='https://ringfence.example/vm/1'/>"
		 "</metadata><devices>" DISK(U2) "</devices></domain>",
		 0, 0},
		{"<domain><uuid>" U1
		 "</uuid><metadata><trusted secrets='manager'/></metadata><devices>" DISK(
			 U2) "</devices></domain>",
		 0, 0},
		/* nothing to find */
		{"<domain><uuid>" U1 "</uuid>" KEPT "</domain>", 0, 0},
		{"<domain><uuid>" U1 "</uuid>" KEPT "<devices/></domain>", 0, 0},
		/* no name that could be asked for */
		{"<domain>" KEPT "<devices>" DISK(U2) "</devices></domain>", RF_E_SYNTAX, 0},
		{"<domain><uuid>" U1 "</uuid>" KEPT
		 "<devices>" DISK("../../etc/passwd") "</devices></domain>",
		 RF_E_SYNTAX, 0},
		{"<domain><uuid>" U1 "</uuid>" KEPT "<devices>" DISK("") "</devices></domain>",
		 RF_E_SYNTAX, 0},
		{"<domain>", RF_E_SYNTAX, 0},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		struct hook_secrets got;

		assert_int_equal(hook_secrets_of(rf_slice_text(rows[i].xml), &got, NULL),
				 rows[i].rc);
		assert_int_equal(got.count, rows[i].count);
	}
}

static void more_secrets_than_a_vm_may_have_are_refused(void **state)
{
	RF_AUTOBUF struct rf_buf xml = {0};
	struct hook_secrets got;

	(void)state;
	rf_buf_add_text(&xml, "<domain><uuid>" U1 "</uuid>" KEPT "<devices>");
	for (int i = 0; i <= HOOK_SECRETS; i++)
		rf_buf_printf(&xml,
			      "<disk><encryption><secret uuid='7e577e57-0000-4000-8000-%012d'/>"
			      "</encryption></disk>",
			      i);
	rf_buf_add_text(&xml, "</devices></domain>");
	assert_int_equal(hook_secrets_of(rf_buf_slice(&xml), &got, NULL), RF_E_LIMIT);
}

static void questions_for_secrets_are_taken_apart(void **state)
{
	static const struct {
		const char *question;
		bool good;
	} rows[] = {
		{"secret vm key", true},
		{"forget vm key", true},
		{"secret vm", false},
		{"secret", false},
		{"", false},
		{"start vm key", false},
		{"secret vm key x", false},
		{"secret vm 01234567890123456789012345678901234567890123456789012345678901234",
		 false},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		char line[NET_QUESTION_BYTES];
		const char *vm = NULL, *secret = NULL;

		rf_copy(line, sizeof(line), rows[i].question);
		assert_int_equal(net_secret_question(line, &vm, &secret), rows[i].good);
		if (rows[i].good) {
			assert_string_equal(vm, "vm");
			assert_string_equal(secret, "key");
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses),
		cmocka_unit_test(an_identity_is_kept),
		cmocka_unit_test(a_key_and_its_request),
		cmocka_unit_test(times_of_a_certificate),
		cmocka_unit_test(verdicts_and_their_age),
		cmocka_unit_test(operations),
		cmocka_unit_test(sites_and_tags),
		cmocka_unit_test(broken_sites_are_refused),
		cmocka_unit_test(nobody_there_is_silence),
		cmocka_unit_test(secrets_of_a_vm_are_found),
		cmocka_unit_test(more_secrets_than_a_vm_may_have_are_refused),
		cmocka_unit_test(questions_for_secrets_are_taken_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
