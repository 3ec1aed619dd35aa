/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of the fleet cost by themselves, on one core: bench/fleet sets its figures beside
 * these, of the same run. Prints a name, a tab and a number a line: things a second, or, where the
 * name ends so, ns.
 *
 * usage: fleet_limit IMA_ENTRIES FILE      FILE: an SQLite database to be made, on the disk of the
 *                                          store
 */
#include "bench_evidence.h"
#include "fleet_test.h"

#include <sqlite3.h>
#include <time.h>

#include "attest/verdict.h"
#include "base/mem.h"
#include "base/str.h"
#include "fleet/tls.h"
#include "govern/rbac.h"

#define SECONDS 0.5
#define HOSTS	1000u
#define VMS	50u
#define ADMIN	0u

static double now_s(clockid_t which)
{
	struct timespec t;

	(void)clock_gettime(which, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* How often a second; by processor time, but for what waits for a disk. */
static double rate(void (*run)(void *data), void *data, clockid_t which)
{
	const double begun = now_s(which), end = now_s(CLOCK_MONOTONIC) + 8 * SECONDS;
	int64_t count = 0;

	do {
		for (int i = 0; i < 16; i++)
			run(data);
		count += 16;
	} while (now_s(which) - begun < SECONDS && now_s(CLOCK_MONOTONIC) < end);
	return (double)count / (now_s(which) - begun);
}

static void say(const char *name, double value)
{
	printf("%s\t%.3f\n", name, value);
	(void)fflush(stdout);
}

/* ---- evidence ---- */

struct judging {
	struct bench_host host;
	struct verdict_options options;
	struct verdict verdict;
};

static void judge_run(void *data)
{
	struct judging *j = data;

	if (attest_verify(j->host.hasher, rf_buf_slice(&j->host.evidence), &j->options, &j->verdict,
			  NULL) ||
	    j->verdict.state == VERDICT_UNTRUSTED || j->verdict.state == VERDICT_CANNOT_JUDGE)
		abort();
}

static void judging(uint32_t ima_entries)
{
	struct judging j = {.options = {.nonce = rf_slice_text(BENCH_NONCE), .now_ms = 1}};
	struct baseline *baseline = NULL;
	struct evidence evidence;

	bench_host_make(&j.host, ima_entries);
	if (evidence_parse(rf_buf_slice(&j.host.evidence), &evidence, NULL) ||
	    baseline_create(j.host.hasher, &evidence, "first", &baseline, NULL) ||
	    baseline_approve(baseline, "first", "bench", 1, NULL))
		abort();
	j.options.baseline = baseline;
	say("evidence judged, one core", rate(judge_run, &j, CLOCK_PROCESS_CPUTIME_ID));
	verdict_done(&j.verdict);
	baseline_free(baseline);
	bench_host_done(&j.host);
}

/* ---- signatures ---- */

struct verifying {
	EVP_PKEY_CTX *context;
	uint8_t signature[512], digest[32];
	size_t len;
};

static void verify_run(void *data)
{
	struct verifying *v = data;

	if (EVP_PKEY_verify(v->context, v->signature, v->len, v->digest, sizeof(v->digest)) != 1)
		abort();
}

static void verifying(EVP_PKEY *key, const char *name)
{
	struct verifying v = {.digest = {1}, .len = sizeof(v.signature)};
	EVP_PKEY_CTX *sign = EVP_PKEY_CTX_new(key, NULL);

	v.context = EVP_PKEY_CTX_new(key, NULL);
	if (EVP_PKEY_sign_init(sign) != 1 ||
	    EVP_PKEY_CTX_set_signature_md(sign, EVP_sha256()) != 1 ||
	    EVP_PKEY_sign(sign, v.signature, &v.len, v.digest, sizeof(v.digest)) != 1 ||
	    EVP_PKEY_verify_init(v.context) != 1 ||
	    EVP_PKEY_CTX_set_signature_md(v.context, EVP_sha256()) != 1)
		abort();
	say(name, rate(verify_run, &v, CLOCK_PROCESS_CPUTIME_ID));
	EVP_PKEY_CTX_free(sign);
	EVP_PKEY_CTX_free(v.context);
	EVP_PKEY_free(key);
}

/* ---- commits ---- */

static void commit_run(void *data)
{
	if (sqlite3_exec(data, "INSERT INTO t VALUES (NULL, randomblob(200))", NULL, NULL, NULL))
		abort();
}

static void commits(const char *path)
{
	sqlite3 *db = NULL;

	if (sqlite3_open(path, &db) ||
	    sqlite3_exec(db,
			 "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
			 "CREATE TABLE t (n INTEGER PRIMARY KEY, b BLOB)",
			 NULL, NULL, NULL))
		abort();
	say("SQLite commits", rate(commit_run, db, CLOCK_MONOTONIC));
	sqlite3_close(db);
}

/* ---- TLS ---- */

struct shaking {
	struct tls *server, *client;
};

static void shake_run(void *data)
{
	struct shaking *s = data;
	SSL *server = tls_session(s->server), *client = tls_session(s->client);
	BIO *a = NULL, *b = NULL;
	char byte;

	if (!server || !client || !BIO_new_bio_pair(&a, 65536, &b, 65536))
		abort();
	SSL_set_bio(server, a, a);
	SSL_set_bio(client, b, b);
	for (int i = 0; i < 4; i++) {
		(void)SSL_do_handshake(client);
		(void)SSL_do_handshake(server);
	}
	/* The ticket, too, that a client keeps. */
	(void)SSL_read(client, &byte, 1);
	if (!SSL_is_init_finished(server) || !SSL_is_init_finished(client))
		abort();
	SSL_free(server);
	SSL_free(client);
}

static void shaking(bool tickets, const char *name)
{
	struct test_identity authority = test_identity_new(&test_cert_authority, NULL);
	struct test_identity manager = test_identity_new(&test_cert_manager, &authority);
	struct test_identity host = test_identity_new(&test_cert_host, &authority);
	RF_AUTOBUF struct rf_buf pem = {0};
	const uint8_t key[TLS_TICKET_BYTES] = {7};
	struct shaking s = {0};

	test_pem(authority.certificate, &pem);
	const struct tls_options server = {.server = true,
					   .certificate = rf_buf_slice(&manager.pem),
					   .key = manager.key,
					   .authority = rf_buf_slice(&pem),
					   .ticket_key = tickets ? key : NULL};
	const struct tls_options client = {.certificate = rf_buf_slice(&host.pem),
					   .key = host.key,
					   .authority = rf_buf_slice(&pem),
					   .host = "127.0.0.1"};

	if (tls_new(&server, &s.server, NULL) || tls_new(&client, &s.client, NULL))
		abort();
	say(name, rate(shake_run, &s, CLOCK_PROCESS_CPUTIME_ID));
	tls_free(s.server);
	tls_free(s.client);
	test_identity_done(&host);
	test_identity_done(&manager);
	test_identity_done(&authority);
}

/* ---- permissions ---- */

struct asking {
	struct rbac *rbac;
	uint32_t user, at;
};

static void ask_run(void *data)
{
	struct asking *a = data;
	const struct rbac_need need = {PRIVILEGE_OBJECT_READ, a->at};

	a->at = (a->at + 7919) % (HOSTS * (VMS + 1) + 1);
	if (rbac_check(a->rbac, a->user, &need, 1, NULL))
		abort();
}

/* A site of HOSTS with VMS each, and a reader of all of it. */
static void asking(void)
{
	const uint32_t count = HOSTS * (VMS + 1) + 1;
	struct rbac_object *objects = rf_alloc(count, sizeof(*objects));
	char(*ids)[24] = rf_alloc(count, sizeof(*ids));
	const struct rbac_principal people[] = {{.name = "admin"}, {.name = "reader"}};
	struct rbac_role roles[] = {{"admin", privilege_all()}, {"reader", {{0}}}};
	const struct rbac_permission permissions[] = {{RBAC_GLOBAL, ADMIN, 0, true},
						      {0, 1, 1, true}};
	struct asking a = {.user = 1};

	privilege_add(&roles[1].privileges, PRIVILEGE_OBJECT_READ);
	for (uint32_t i = 0; i < count; i++) {
		const uint32_t host = i ? (i - 1) / (VMS + 1) * (VMS + 1) + 1 : 0;

		rf_format(ids[i], sizeof(ids[i]), "%s:%u", i == host ? "host" : "vm", i);
		objects[i] = (struct rbac_object){.id = ids[i],
						  .kind = i == 0      ? RBAC_SITE
							  : i == host ? RBAC_HOST
								      : RBAC_VM,
						  .parents = {i == 0	  ? RBAC_NONE
							      : i == host ? 0
									  : host,
							      RBAC_NONE}};
	}
	const struct rbac_rows rows = {objects, count, people, 2, roles, 2, permissions, 2};
	struct rf_err err = {0};

	if (rbac_load(&rows, &a.rbac, &err)) {
		fprintf(stderr, "fleet_limit: %s\n", rf_err_text(&err));
		abort();
	}
	say("permission check, 51,001 objects ns",
	    1e9 / rate(ask_run, &a, CLOCK_PROCESS_CPUTIME_ID));
	rbac_free(a.rbac);
	rf_free(ids);
	rf_free(objects);
}

int main(int argc, char **argv)
{
	int64_t entries = 0;

	if (argc != 3 || rf_num(argv[1], 10, 1, 1000000, &entries)) {
		fputs("usage: fleet_limit IMA_ENTRIES FILE\n", stderr);
		return 64;
	}
	judging((uint32_t)entries);
	verifying(make_rsa(2048), "RSA-2048 verified, one core");
	verifying(EVP_EC_gen("P-256"), "P-256 verified, one core");
	commits(argv[2]);
	shaking(false, "TLS handshakes, mutual, both sides, one core");
	shaking(true, "TLS handshakes, resumed, both sides, one core");
	asking();
	return 0;
}
