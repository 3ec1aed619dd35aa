/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The role agents as it runs, with its keys, its worker and its store in a folder of the test's
 * own, and an agent that says over TLS whatever the test wants. TPMs are software keys
 * (attest_forge.h).
 */
#ifndef AGENT_TEST_H
#define AGENT_TEST_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "activate_test.h"
#include "attest_forge.h"

#include "fleet/call.h"
#include "fleet/tls.h"
#include "manager/agents.h"
#include "manager/authority.h"
#include "manager/init.h"
#include "manager/roles.h"

/* ---- the manager ---- */

struct test_manager {
	char folder[64], path[96];
	struct config config;
	struct store *store; /* the test's own connection */
	pid_t pids[3];
	int stops[3], keys; /* our ends */
	uint16_t port;
	/* NULL: role_verify */
	int (*verify)(const struct config *config, struct rf_err *err);
};

static inline void manager_config_write(const struct test_manager *m, const char *more)
{
	FILE *f = fopen(m->path, "w");

	assert_non_null(f);
	fprintf(f, "agents: 127.0.0.1:0\nnames: [manager.test]\nworkers: 1\n%s", more);
	fclose(f);
}

/* A role in a process of its own, as the supervisor would start it but for the program. */
static inline void role_fork(struct test_manager *m, size_t at, int keys, int other, int ready,
			     int (*run)(const struct config *config, struct rf_err *err))
{
	int stop[2];

	assert_int_equal(pipe2(stop, O_CLOEXEC), 0);
	m->stops[at] = stop[1];
	m->pids[at] = fork();
	assert_true(m->pids[at] >= 0);
	if (m->pids[at] > 0) {
		close(stop[0]);
		return;
	}
	const int from[] = {stop[0], ready, keys, other};
	int high[4];
	struct rf_err err = {0};

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int i = 0; i < 4; i++)
		high[i] = from[i] >= 0 ? fcntl(from[i], F_DUPFD, 100) : open("/dev/null", O_RDWR);
	for (int i = 0; i < 4; i++)
		dup2(high[i], ROLE_FD_STOP + i);
	close_range(ROLE_FD_END, ~0U, 0);
	signal(SIGPIPE, SIG_IGN);
	int rc = run(&m->config, &err);

	if (rc)
		fprintf(stderr, "a role of the test: %s\n", rf_err_text(&err));
	_exit(rc ? 1 : 0);
}

static inline void manager_start(struct test_manager *m)
{
	int control[2], keys[2], workers[2], ready[2];
	char line[128] = "";
	size_t have = 0;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, keys), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, workers), 0);
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	m->keys = control[0];
	role_fork(m, 0, control[1], -1, -1, role_keys);
	assert_int_equal(call_fd_send(control[0], keys[0], NULL), 0);
	role_fork(m, 1, -1, workers[0], -1, m->verify ? m->verify : role_verify);
	role_fork(m, 2, keys[1], workers[1], ready[1], role_agents);
	close(control[1]);
	close(keys[0]);
	close(keys[1]);
	close(workers[0]);
	close(workers[1]);
	close(ready[1]);
	while (have < sizeof(line) - 1 && !strchr(line, '\n')) {
		ssize_t n = read(ready[0], line + have, sizeof(line) - 1 - have);

		assert_true(n > 0);
		have += (size_t)n;
	}
	close(ready[0]);
	m->port = (uint16_t)atoi(strrchr(line, ':') + 1);
	assert_true(m->port > 0);
}

static inline void manager_stop(struct test_manager *m)
{
	for (int i = 2; i >= 0; i--) {
		int status = 0;

		close(m->stops[i]);
		assert_int_equal(waitpid(m->pids[i], &status, 0), m->pids[i]);
		if (!WIFEXITED(status) || WEXITSTATUS(status))
			fail_msg("role %d ended with %x", i, (unsigned)status);
	}
	close(m->keys);
}

static inline void manager_open_verify(struct test_manager *m, const char *more,
				       int (*verify)(const struct config *config,
						     struct rf_err *err))
{
	struct rf_err err = {0};

	*m = (struct test_manager){.folder = "/tmp/rf-manager-XXXXXX", .verify = verify};
	assert_non_null(mkdtemp(m->folder));
	rf_format(m->path, sizeof(m->path), "%s/manager.yaml", m->folder);
	manager_config_write(m, more);
	if (config_load(m->path, m->folder, &m->config, &err) ||
	    init_state(&m->config, role_now_ms(), &err))
		fail_msg("%s", rf_err_text(&err));
	/* Before our own connection: SQLite's does not live across fork. */
	manager_start(m);
	if (store_open(m->config.store, &m->store, &err))
		fail_msg("%s", rf_err_text(&err));
}

static inline void manager_open(struct test_manager *m, const char *more)
{
	manager_open_verify(m, more, NULL);
}

static inline void manager_close(struct test_manager *m)
{
	char command[128];

	manager_stop(m);
	store_close(m->store);
	config_done(&m->config);
	rf_format(command, sizeof(command), "rm -rf %s", m->folder);
	assert_int_equal(system(command), 0);
}

static inline void manager_invite(struct test_manager *m, const char *token)
{
	uint8_t sha256[32];
	const int64_t now = role_now_ms();

	EVP_Digest(token, strlen(token), sha256, NULL, EVP_sha256(), NULL);
	const struct store_invite invite = {.invite = token,
					    .sha256 = {sha256, sizeof(sha256)},
					    .parent = "",
					    .labels = "{}",
					    .created_by = "test",
					    .created_ms = now,
					    .expires_ms = now + 600000};
	struct rf_err err = {0};

	if (store_invite_add(m->store, &invite, &err))
		fail_msg("%s", rf_err_text(&err));
}

/* ---- an agent ---- */

struct test_agent {
	struct test_manager *m;
	EVP_PKEY *tls_key, *ak, *ek;
	struct rf_buf certificate, authority; /* PEM, once it has joined */
	uint8_t command_key[32];
	char host[TLS_HOST_BYTES];
	struct tls *tls;
	SSL *ssl;
	int fd;
	struct rf_buf in; /* of the last frame */
};

static inline void agent_init(struct test_agent *a, struct test_manager *m, EVP_PKEY *ak,
			      EVP_PKEY *ek)
{
	*a = (struct test_agent){
		.m = m, .tls_key = EVP_EC_gen("P-256"), .ak = ak, .ek = ek, .fd = -1};
}

static inline void agent_hang_up(struct test_agent *a)
{
	SSL_free(a->ssl);
	if (a->fd >= 0)
		close(a->fd);
	tls_free(a->tls);
	a->ssl = NULL;
	a->tls = NULL;
	a->fd = -1;
}

static inline void agent_done(struct test_agent *a)
{
	agent_hang_up(a);
	EVP_PKEY_free(a->tls_key);
	rf_buf_done(&a->certificate);
	rf_buf_done(&a->authority);
	rf_buf_done(&a->in);
}

/* Joins by the pinned authority, or comes with its certificate. */
static inline void agent_dial(struct test_agent *a)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons(a->m->port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const struct timeval limit = {.tv_sec = 60};
	uint8_t pin[TLS_SHA256_BYTES];
	RF_AUTOBUF struct rf_buf pem = {0};
	struct tls_options o = {.host = "manager.test"};
	char path[128];
	struct rf_err err = {0};

	agent_hang_up(a);
	rf_format(path, sizeof(path), "%s/authority.pem", a->m->folder);
	FILE *f = fopen(path, "r");

	assert_non_null(f);
	assert_non_null(rf_buf_reserve(&pem, 8192));
	pem.len = fread(pem.data, 1, 8192, f);
	fclose(f);
	assert_int_equal(tls_authority_digest(rf_buf_slice(&pem), pin, NULL), 0);
	o.authority_sha256 = pin;
	if (a->certificate.len) {
		o.authority_sha256 = NULL;
		o.authority = rf_buf_slice(&a->authority);
		o.certificate = rf_buf_slice(&a->certificate);
		o.key = a->tls_key;
	}
	if (tls_new(&o, &a->tls, &err))
		fail_msg("%s", rf_err_text(&err));
	a->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(a->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	assert_int_equal(connect(a->fd, (struct sockaddr *)&to, sizeof(to)), 0);
	a->ssl = tls_session(a->tls);
	assert_non_null(a->ssl);
	SSL_set_mode(a->ssl, SSL_MODE_AUTO_RETRY);
	SSL_set_fd(a->ssl, a->fd);
	assert_int_equal(SSL_connect(a->ssl), 1);
}

static inline void agent_send(struct test_agent *a, const struct message *m, struct rf_slice bytes)
{
	RF_AUTOBUF struct rf_buf frame = {0};
	struct rf_err err = {0};

	if (message_frame(m, bytes, &frame, &err))
		fail_msg("%s", rf_err_text(&err));
	assert_int_equal(SSL_write(a->ssl, frame.data, (int)frame.len), (int)frame.len);
}

/* The next frame; false when the other side ends. */
static inline bool agent_next(struct test_agent *a, struct wire_frame *out)
{
	const struct wire_side sides[] = {{WIRE_MANAGER, WIRE_SESSION},
					  {WIRE_MANAGER, WIRE_JOINING}};
	size_t want = WIRE_HEADER_BYTES;

	rf_buf_reset(&a->in);
	for (;;) {
		uint8_t *at = rf_buf_reserve(&a->in, want - a->in.len);
		int n = SSL_read(a->ssl, at, (int)(want - a->in.len));

		if (n <= 0)
			return false;
		a->in.len += (size_t)n;
		if (a->in.len < want)
			continue;
		for (size_t i = 0; i < RF_COUNT(sides); i++) {
			size_t len;
			int rc = wire_read(rf_buf_slice(&a->in), &sides[i], out, &len, NULL);

			if (rc == 0)
				return true;
			if (rc == RF_E_TRUNCATED)
				want = len;
		}
	}
}

/* The next frame of that kind; states that come meanwhile are passed over. */
static inline void agent_expect(struct test_agent *a, enum wire_kind kind, struct message *out)
{
	struct wire_frame frame;
	struct rf_err err = {0};

	for (;;) {
		if (!agent_next(a, &frame))
			fail_msg("the manager ended it, where %s was expected",
				 wire_row(kind)->name);
		if (frame.kind == kind)
			break;
		if (frame.kind != WIRE_VERDICT && frame.kind != WIRE_ASK_EVIDENCE &&
		    frame.kind != WIRE_COMMAND)
			fail_msg("%s came, where %s was expected: %.*s", wire_row(frame.kind)->name,
				 wire_row(kind)->name, (int)frame.text.len,
				 (const char *)frame.text.data);
	}
	if (message_read(kind, frame.text, out, &err))
		fail_msg("%s", rf_err_text(&err));
}

static inline void agent_expect_end(struct test_agent *a)
{
	struct wire_frame frame;

	while (agent_next(a, &frame))
		;
}

static inline void agent_request(EVP_PKEY *key, struct rf_buf *out)
{
	X509_REQ *request = X509_REQ_new();
	unsigned char *der = NULL;

	X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(request), "CN", MBSTRING_ASC,
				   (const unsigned char *)"somebody else", -1, -1, 0);
	X509_REQ_set_pubkey(request, key);
	X509_REQ_sign(request, key, EVP_sha256());
	int len = i2d_X509_REQ(request, &der);

	rf_buf_add(out, der, (size_t)len);
	OPENSSL_free(der);
	X509_REQ_free(request);
}

static inline void agent_public(EVP_PKEY *key, struct area_options o, struct rf_buf *out)
{
	RF_AUTOBUF struct rf_buf area = {0};

	put_area(&area, key, o);
	put_sized(out, area.data, area.len);
}

/* Sends ENROL. attributes: of the attestation key; 0: good ones. tpm NULL: without. */
static inline void agent_enrol(struct test_agent *a, const char *token, uint32_t attributes)
{
	RF_AUTOBUF struct rf_buf request = {0}, ek = {0}, ak = {0};
	struct message m = {.kind = WIRE_ENROL,
			    .enrol = {.token = token,
				      .name = "web-3",
				      .agent_version = "0.1.0",
				      .tpm = a->ek ? "device" : "none"}};

	agent_request(a->tls_key, &request);
	m.enrol.request = rf_buf_slice(&request);
	if (a->ek) {
		agent_public(a->ek, (struct area_options){.ek = true}, &ek);
		agent_public(a->ak, (struct area_options){.attributes = attributes}, &ak);
		m.enrol.ek_public = rf_buf_slice(&ek);
		m.enrol.ak_public = rf_buf_slice(&ak);
	}
	agent_dial(a);
	agent_send(a, &m, NOTHING);
}

/* What a TPM that holds ek says to the challenge; false where it refuses. */
static inline bool agent_activate(struct test_agent *a, const struct message *challenge,
				  uint8_t out[64], size_t *out_len)
{
	struct enrol_credential made = {.blob_len = challenge->challenge.credential.len,
					.seed_len = challenge->challenge.seed.len};
	RF_AUTOBUF struct rf_buf ak = {0};
	struct attest_hasher *hasher = NULL;
	struct attest_public public;
	uint8_t name[2 + ATTEST_MAX_DIGEST];
	size_t name_len;

	memcpy(made.blob, challenge->challenge.credential.data, made.blob_len);
	memcpy(made.seed, challenge->challenge.seed.data, made.seed_len);
	agent_public(a->ak, (struct area_options){0}, &ak);
	assert_int_equal(attest_hasher_new(&hasher, NULL), 0);
	assert_int_equal(attest_public_parse(rf_buf_slice(&ak), &public, NULL), 0);
	assert_int_equal(attest_public_name(hasher, &public, name, &name_len, NULL), 0);
	attest_hasher_free(hasher);
	return activate(a->ek, ATTEST_SHA256, 128, (struct rf_slice){name, name_len}, &made, out,
			out_len);
}

static inline void agent_enrolled(struct test_agent *a)
{
	MESSAGE_AUTO struct message m = {0};

	agent_expect(a, WIRE_ENROLLED, &m);
	rf_buf_reset(&a->certificate);
	rf_buf_reset(&a->authority);
	rf_buf_add_text(&a->certificate, m.enrolled.certificate);
	rf_buf_add_text(&a->authority, m.enrolled.authority);
	rf_copy(a->host, sizeof(a->host), m.enrolled.host);
	memcpy(a->command_key, m.enrolled.command_key.data, 32);
}

static inline void agent_join(struct test_agent *a, const char *token)
{
	MESSAGE_AUTO struct message challenge = {0};
	uint8_t secret[64];
	size_t len = 0;

	manager_invite(a->m, token);
	agent_enrol(a, token, 0);
	if (a->ek) {
		agent_expect(a, WIRE_CHALLENGE, &challenge);
		assert_true(agent_activate(a, &challenge, secret, &len));
		agent_send(a, &(struct message){.kind = WIRE_PROOF, .proof = {{secret, len}}},
			   NOTHING);
	}
	agent_enrolled(a);
}

static inline void agent_hello(struct test_agent *a, struct message *welcome)
{
	agent_dial(a);
	agent_send(a,
		   &(struct message){.kind = WIRE_HELLO,
				     .hello = {.agent_version = "0.1.0", .boot = "boot-1"}},
		   NOTHING);
	agent_expect(a, WIRE_WELCOME, welcome);
}

/* Puts a command into the store, as the api does. */
static inline int64_t manager_command(struct test_manager *m, const char *host, const char *id,
				      const char *verb)
{
	const struct store_command c = {.host = host,
					.command = id,
					.verb = verb,
					.arguments = "{}",
					.ordered_by = "test",
					.created_ms = role_now_ms(),
					.expires_ms = role_now_ms() + 600000};
	struct rf_err err = {0};
	int64_t serial;

	if (store_command_add(m->store, &c, &serial, &err))
		fail_msg("%s", rf_err_text(&err));
	return serial;
}

/* Evidence of the machine of attest_forge.h, by these keys, over this nonce. */
static inline void agent_evidence(struct test_agent *a, struct rf_slice nonce, uint64_t clock_ms,
				  struct rf_buf *out)
{
	struct forge f;

	forge_begin(&f);
	f.ak = f.signer = a->ak;
	f.ek = a->ek;
	f.quote.nonce = nonce.data;
	f.quote.nonce_len = nonce.len;
	f.quote.clock_ms = clock_ms;
	forge_pack(&f, out);
	forge_end(&f);
}

static inline void agent_answer(struct test_agent *a, const char *job, struct rf_slice evidence)
{
	agent_send(a, &(struct message){.kind = WIRE_EVIDENCE, .evidence = {.job = job}}, evidence);
}

#endif
