/* SPDX-License-Identifier: Apache-2.0 */
/* The manager's parts one by one: authority, configuration, addresses, the keeper, backoff. */
#include "test_base.h"

#include <jansson.h>
#include <openssl/ec.h>
#include <openssl/x509.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fleet/message.h"
#include "manager/authority.h"
#include "manager/config.h"
#include "manager/init.h"
#include "manager/keeper.h"
#include "manager/listen.h"
#include "manager/server.h"
#include "manager/supervisor.h"
#include "sys/state.h"

#define NOW_S 1700000000

static char folder[64];

static int setup(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/rf-manager-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
	char command[96];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

/* ---- the authority ---- */

static struct rf_buf request_of(EVP_PKEY *key, EVP_PKEY *signer)
{
	X509_REQ *request = X509_REQ_new();
	unsigned char *der = NULL;
	struct rf_buf out = {0};

	X509_REQ_set_pubkey(request, key);
	X509_REQ_sign(request, signer, EVP_sha256());
	int len = i2d_X509_REQ(request, &der);

	rf_buf_add(&out, der, (size_t)len);
	OPENSSL_free(der);
	X509_REQ_free(request);
	return out;
}

static void requests_that_are_refused(void **state)
{
	EVP_PKEY *good = EVP_EC_gen("P-256"), *other = EVP_EC_gen("P-256"),
		 *curve = EVP_EC_gen("secp256k1"), *weak = EVP_RSA_gen(1024);
	struct rf_buf fine = request_of(good, good), stolen = request_of(good, other),
		      odd = request_of(curve, curve), small = request_of(weak, weak),
		      behind = request_of(good, good);
	struct authority *a = NULL;

	(void)state;
	rf_buf_add_byte(&behind, 0);
	const struct {
		struct rf_slice request;
		int64_t days;
		int code;
	} rows[] = {
		{rf_buf_slice(&fine), 30, 0},
		{rf_buf_slice(&fine), AUTHORITY_HOST_DAYS + 1, RF_E_DENIED},
		{rf_buf_slice(&fine), 0, RF_E_DENIED},
		{rf_buf_slice(&stolen), 30, RF_E_DENIED},
		{rf_buf_slice(&odd), 30, RF_E_DENIED},
		{rf_buf_slice(&small), 30, RF_E_DENIED},
		{rf_buf_slice(&behind), 30, RF_E_SYNTAX},
		{{fine.data, fine.len - 1}, 30, RF_E_SYNTAX},
		{{0}, 30, RF_E_SYNTAX},
	};

	assert_int_equal(authority_create(folder, "test", NOW_S, NULL), 0);
	assert_int_equal(authority_create(folder, "test", NOW_S, NULL), -EEXIST);
	assert_int_equal(authority_open(folder, &a, NULL), 0);
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		struct authority_certificate made = {0};
		const struct authority_order order = {"host-1", rows[i].request, NOW_S,
						      NOW_S + rows[i].days * 86400};

		assert_int_equal(authority_certify(a, &order, &made, NULL), rows[i].code);
		assert_int_equal(made.pem.len > 0, rows[i].code == 0);
		rf_buf_done(&made.pem);
	}
	authority_free(a);
	EVP_PKEY *keys[] = {good, other, curve, weak};
	struct rf_buf *bufs[] = {&fine, &stolen, &odd, &small, &behind};

	for (size_t i = 0; i < RF_COUNT(keys); i++)
		EVP_PKEY_free(keys[i]);
	for (size_t i = 0; i < RF_COUNT(bufs); i++)
		rf_buf_done(bufs[i]);
}

static void nothing_but_commands_is_signed(void **state)
{
	uint8_t signature[AUTHORITY_SIGNATURE], public[AUTHORITY_PUBLIC];
	RF_AUTOBUF struct rf_buf text = {0};
	json_t *none = json_object();
	const struct message command = {.kind = WIRE_COMMAND,
					.command = {.command = "c",
						    .host = "h",
						    .verb = "check",
						    .arguments = none,
						    .serial = 1}};
	struct authority *a = NULL;

	(void)state;
	assert_int_equal(authority_open(folder, &a, NULL), 0);
	assert_int_equal(message_text(&command, &text, NULL), 0);
	assert_int_equal(authority_sign(a, rf_buf_slice(&text), signature, NULL), 0);
	assert_int_equal(authority_command_key(a, public, NULL), 0);
	/* The same each time, another for each label, and not what anybody knows. */
	uint8_t derived[3][80];

	assert_int_equal(authority_derive(a, "one", derived[0], sizeof(derived[0]), NULL), 0);
	assert_int_equal(authority_derive(a, "one", derived[1], sizeof(derived[1]), NULL), 0);
	assert_int_equal(authority_derive(a, "two", derived[2], sizeof(derived[2]), NULL), 0);
	assert_memory_equal(derived[0], derived[1], sizeof(derived[0]));
	assert_memory_not_equal(derived[0], derived[2], 32);
	assert_memory_not_equal(derived[0], public, 32);
	EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public, sizeof(public));
	EVP_MD_CTX *c = EVP_MD_CTX_new();

	assert_int_equal(EVP_DigestVerifyInit(c, NULL, NULL, NULL, key), 1);
	assert_int_equal(EVP_DigestVerify(c, signature, sizeof(signature), text.data, text.len), 1);
	EVP_MD_CTX_free(c);
	EVP_PKEY_free(key);
	assert_int_equal(authority_sign(a, rf_slice_text("a certificate"), signature, NULL),
			 RF_E_SYNTAX);
	assert_true(authority_sign(a, rf_slice_text("{}"), signature, NULL) < 0);
	authority_free(a);
	json_decref(none);
}

static void names_that_would_be_two_are_refused(void **state)
{
	static const char *const bad[] = {"a,DNS:b", "", "a b", "a\nb", "dirName:x=y;"};
	struct authority *a = NULL;

	(void)state;
	assert_int_equal(authority_open(folder, &a, NULL), 0);
	for (size_t i = 0; i < RF_COUNT(bad); i++) {
		RF_AUTOBUF struct rf_buf pem = {0}, key = {0};
		const struct authority_server server = {&bad[i], 1, NOW_S, NOW_S + 86400};

		assert_int_equal(authority_serve(a, &server, &pem, &key, NULL), RF_E_SYNTAX);
		assert_int_equal(pem.len, 0);
	}
	authority_free(a);
}

/* ---- configuration ---- */

static void configurations(void **state)
{
	static const struct {
		const char *text, *words; /* NULL: fine */
	} rows[] = {
		{"", NULL},
		{"evidence_s: 5\nwithout_tpm: yes\nnames: [a, b]\n", NULL},
		{"untrusted: seal\n", NULL},
		{"untrusted: honeywall\n", "untrusted is none"},
		{"untrusted: sael\n", "untrusted is none"},
		{"evidence_s: 0\n", "evidence_s"},
		{"workers: 65\n", "workers"},
		{"certificate_days: 91\n", "certificate_days"},
		{"evidence_days: 7\nchanges_days: 3650\nevents_days: 1\n", NULL},
		{"evidence_days: 0\n", "evidence_days"},
		{"changes_days: never\n", "changes_days"},
		{"approve: perhaps\n", "approve"},
		{"aprove: no\n", "aprove"},
		{"listen: [a]\n", "listen"},
		{"names: [a, b, c, d, e, f, g, h, i, j, k]\n", "names"},
	};
	char path[96];

	(void)state;
	snprintf(path, sizeof(path), "%s/m.yaml", folder);
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		struct config c = {0};
		struct rf_err err = {0};
		FILE *f = fopen(path, "w");

		fputs(rows[i].text, f);
		fclose(f);
		int rc = config_load(path, folder, &c, &err);

		if ((rc != 0) != (rows[i].words != NULL) ||
		    (rc && !strstr(rf_err_text(&err), rows[i].words)))
			fail_msg("%s: %d %s", rows[i].text, rc, rf_err_text(&err));
		config_done(&c);
	}
	struct config c = {0};

	assert_int_equal(config_load("/nowhere/m.yaml", folder, &c, NULL), -ENOENT);
}

static void the_store_has_a_folder_of_its_own(void **state)
{
	const struct {
		const char *url, *folder;
		int code;
	} rows[] = {
		{"sqlite:/a/b/c.db", "/a/b", 0},
		{"sqlite:/c.db", NULL, RF_E_SYNTAX},
		{"sqlite:c.db", NULL, RF_E_SYNTAX},
		{"postgresql:///ringfence", "", 0},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		const struct config c = {.store = rows[i].url};
		char out[256];

		assert_int_equal(server_store_folder(&c, out, sizeof(out), NULL), rows[i].code);
		if (!rows[i].code)
			assert_string_equal(out, rows[i].folder);
	}
}

static void addresses(void **state)
{
	static const char *const bad[] = {"",	     "8444",	     "host:8444",
					  "1.2.3.4", "1.2.3.4:x",    "1.2.3.4:65536",
					  "::1:80",  "[1.2.3.4]:80", "[::1]"};
	char text[64];
	int fd;

	(void)state;
	for (size_t i = 0; i < RF_COUNT(bad); i++)
		assert_int_equal(listen_open(bad[i], &fd, NULL), RF_E_SYNTAX);
	assert_int_equal(listen_open("127.0.0.1:0", &fd, NULL), 0);
	assert_int_equal(listen_address(fd, text, sizeof(text), NULL), 0);
	assert_true(rf_starts(text, "127.0.0.1:") && strcmp(text, "127.0.0.1:0"));
	int second;

	assert_int_equal(listen_open(text, &second, NULL), -EADDRINUSE);
	close(fd);
}

static void backoff_grows_and_ends(void **state)
{
	(void)state;
	assert_int_equal(supervisor_backoff_ms(0), 0);
	for (unsigned i = 1; i < 40; i++) {
		assert_true(supervisor_backoff_ms(i) >= supervisor_backoff_ms(i - 1));
		assert_true(supervisor_backoff_ms(i) <= 30000);
	}
	assert_int_equal(supervisor_backoff_ms(UINT32_MAX), 30000);
}

/* ---- the keeper ---- */

static int take_state(void *arg, const struct store_host *host)
{
	rf_copy(arg, 32, host->state);
	return 0;
}

/* What was given to each host, when, and what it is at NOW by the keeper. */
static void hosts_grow_stale(void **state)
{
	const int64_t now = INT64_C(1700000000000), limit = 65000;
	const struct {
		const char *host, *state, *then;
		int64_t seen_ms;
	} rows[] = {
		{"fresh", "TRUSTED", "TRUSTED", now - limit},
		{"late", "TRUSTED", "STALE", now - limit - 1},
		{"late-warning", "WARNING", "STALE", now - limit - 1},
		{"late-untrusted", "UNTRUSTED", "STALE", now - limit - 1},
		{"new", "NEW", "NEW", now - 10 * limit},
		{"no-tpm", "NO_TPM", "NO_TPM", now - 10 * limit},
		/* The manager was down, or its clock was set back. */
		{"long-ago", "TRUSTED", "STALE", 1},
		{"tomorrow", "TRUSTED", "STALE", now + 86400000},
	};
	const struct keeper_rules rules = {.stale_ms = limit};
	struct config c = {0};
	STORE_AUTOCLOSE struct store *store = NULL;
	struct rf_err err = {0};
	uint64_t count = 0;

	(void)state;
	assert_int_equal(config_load(NULL, folder, &c, NULL), 0);
	if (init_state(&c, now, &err) || store_open(c.store, &store, &err))
		fail_msg("%s", rf_err_text(&err));
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		const struct store_host host = {
			.host = rows[i].host, .name = "n", .labels = "{}", .created_ms = 1};
		const struct store_state given = {rows[i].host, rows[i].state, "test", 1};

		assert_int_equal(store_host_add(store, &host, NULL), 0);
		assert_int_equal(store_host_state(store, &given, NULL, NULL), 0);
		assert_int_equal(store_host_seen(store, rows[i].host, "1", rows[i].seen_ms, NULL),
				 0);
	}
	for (int round = 0; round < 2; round++) {
		if (keeper_round(store, &rules, now, &count, &err))
			fail_msg("%s", rf_err_text(&err));
		assert_int_equal(count, round == 0 ? 5 : 0);
		for (size_t i = 0; i < RF_COUNT(rows); i++) {
			char is[32] = "";

			assert_int_equal(store_host_get(store, rows[i].host, take_state, is, NULL),
					 0);
			assert_string_equal(is, rows[i].then);
		}
	}
	config_done(&c);
}

static int64_t rows_of(struct store *store, const char *what, const struct keeper_keeps *keeps,
		       int64_t now_ms)
{
	struct rf_err err = {0};
	uint64_t counts[16] = {0};
	int64_t none[16];

	if (keeper_old_goes(store, keeps, now_ms, &err))
		fail_msg("%s", rf_err_text(&err));
	/* Asked by deleting all that may go: what is left of it is what was kept. */
	for (size_t i = 0; i < RF_COUNT(none); i++)
		none[i] = 0;
	if (store_retain(store, now_ms, none, counts, &err))
		fail_msg("%s", rf_err_text(&err));
	for (size_t i = 0; i < store_retention_count; i++) {
		if (strcmp(store_retention[i].what, what) == 0)
			return (int64_t)counts[i];
	}
	return -1;
}

/* The clock is put forward by days; the site keeps verdicts and evidence for 7, events for 1. */
static void what_is_old_goes_when_the_site_says(void **state)
{
	static const int64_t day = 86400000;
	const struct keeper_keeps keeps = {
		.evidence_days = 7, .changes_days = 30, .events_days = 1};
	static const struct {
		const char *what;
		int64_t days, left;
	} rows[] = {
		{"verdict", 7, 1},	{"verdict", 8, 0},	{"evidence", 7, 1},
		{"evidence", 8, 0},	{"event", 1, 3},	{"event", 2, 0},
		{"host-change", 30, 3}, {"host-change", 31, 0},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		STORE_AUTOCLOSE struct store *store = NULL;
		char url[128];
		struct rf_err err = {0};
		const struct store_host host = {
			.host = "h", .name = "n", .labels = "{}", .created_ms = day};
		struct store_verdict v = {"old", "h", "TRUSTED", "", {(const uint8_t *)"one", 3},
					  day};

		snprintf(url, sizeof(url), "sqlite:%s/keep-%zu.db", folder, i);
		assert_int_equal(store_upgrade(url, &err), 0);
		assert_int_equal(store_open(url, &store, &err), 0);
		assert_int_equal(store_host_add(store, &host, NULL), 0);
		assert_int_equal(store_verdict_add(store, &v, NULL, NULL), 0);
		v = (struct store_verdict){
			"last", "h", "UNTRUSTED", "", {(const uint8_t *)"two", 3}, day + 1};
		assert_int_equal(store_verdict_add(store, &v, NULL, NULL), 0);
		/* At the last millisecond of its days it is there; a day later it is not. */
		assert_int_equal(rows_of(store, rows[i].what, &keeps, (rows[i].days + 1) * day),
				 rows[i].left);
		/* The last verdict stays, and so its id counts as given. */
		assert_int_equal(store_verdict_add(store, &v, NULL, NULL), RF_E_DUPLICATE);
	}
	/* No kind of the table is the ledger's. */
	for (size_t i = 0; i < store_retention_count; i++)
		assert_null(strstr(store_retention[i].what, "ledger"));
}

/* A clock that jumps deletes nothing for a day, whichever way. */
static void clocks_that_jump(void **state)
{
	static const int64_t hour = 3600000, year = 365 * 24 * 3600000LL, day = 24 * 3600000LL;
	static const struct {
		const char *name;
		int64_t wall_ms, boot_ms; /* since the row before */
		bool good;
		int64_t jumped_ms;
	} rows[] = {
		{"first look", 0, 0, true, 0},
		{"a second", 1000, 1000, true, 0},
		{"put right by a minute", 61000, 1000, true, 0},
		{"a year forward", year + 1000, 1000, false, year + 60000},
		{"an hour later", hour, hour, false, 0},
		{"the day is over", day, day, true, 0},
		{"a day back", -day, 0, false, -day},
		{"set right again", day, 0, false, day},
		{"asleep for two days", 2 * day, 2 * day, true, 0},
	};
	struct keeper_clock clock = {0};
	int64_t wall_ms = 50 * year, boot_ms = hour, jumped_ms;

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		wall_ms += rows[i].wall_ms;
		boot_ms += rows[i].boot_ms;
		if (keeper_clock_good(&clock, wall_ms, boot_ms, &jumped_ms) != rows[i].good ||
		    jumped_ms != rows[i].jumped_ms)
			fail_msg("%s: jumped %lld", rows[i].name, (long long)jumped_ms);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_old_goes_when_the_site_says),
		cmocka_unit_test(clocks_that_jump),
		cmocka_unit_test(requests_that_are_refused),
		cmocka_unit_test(nothing_but_commands_is_signed),
		cmocka_unit_test(names_that_would_be_two_are_refused),
		cmocka_unit_test(configurations),
		cmocka_unit_test(the_store_has_a_folder_of_its_own),
		cmocka_unit_test(addresses),
		cmocka_unit_test(backoff_grows_and_ends),
		cmocka_unit_test(hosts_grow_stale),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
