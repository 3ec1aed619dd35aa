/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The manager's role api alone, for tests: a new store in SQLite with some hosts, and a role
 * sign-in that knows one password. usage: api_tool FOLDER CERTIFICATE KEY [CONNECTIONS] Prints the
 * first code and the addresses; ends when its standard input does.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/api.h"
#include "api/sign_in.h"
#include "base/str.h"
#include "store/fleet.h"

#define NOW 1700000000000

static int fail(const struct rf_err *err)
{
	fprintf(stderr, "api_tool: %s\n", rf_err_text(err));
	return 1;
}

/* Knows "right"; whoever asks with "hang" waits until the test ends. */
static void sign_in(int fd)
{
	struct sign_in_question q;

	while (recv(fd, &q, sizeof(q), MSG_WAITALL) == sizeof(q)) {
		struct sign_in_answer answer = {.id = q.id,
						.verdict = strcmp(q.password, "right") == 0};

		if (strcmp(q.password, "hang") != 0 &&
		    write(fd, &answer, sizeof(answer)) != sizeof(answer))
			break;
	}
	_exit(0);
}

static int fill(const char *url, struct rf_err *err)
{
	struct store *store = NULL;
	char code[API_CODE_BYTES];
	int rc = store_upgrade(url, err);

	if (!rc)
		rc = store_open(url, &store, err);
	for (int i = 0; i < 30 && !rc; i++) {
		char id[32], name[32];

		snprintf(id, sizeof(id), "h%02d", i);
		snprintf(name, sizeof(name), "web-%d", i);
		const struct store_host host = {.host = id,
						.name = name,
						.labels = i % 2 ? "{\"zone\":\"prod\"}" : "{}",
						.created_ms = NOW};
		const struct store_finding found = {"ssh.root", "sshd", i % 3 ? "PASS" : "FAIL",
						    "PermitRootLogin=yes"};
		const struct store_findings findings = {id, &found, 1, NOW};
		const struct store_verdict verdict = {"",
						      id,
						      i % 2 ? "TRUSTED" : "UNTRUSTED",
						      "as found",
						      {(const uint8_t *)id, 3},
						      NOW};
		struct store_verdict given = verdict;
		char verdict_id[48];

		snprintf(verdict_id, sizeof(verdict_id), "v-%s", id);
		given.verdict = verdict_id;
		rc = store_host_add(store, &host, err);
		if (!rc)
			rc = store_findings_put(store, &findings, NULL, err);
		if (!rc)
			rc = store_verdict_add(store, &given, NULL, err);
	}
	int64_t now = 0;

	if (!rc)
		rc = store_now(store, &now, err);
	if (!rc)
		rc = api_first_code(store, now, code, err);
	store_close(store);
	if (!rc)
		printf("%s\n", code);
	fflush(stdout);
	return rc;
}

int main(int argc, char **argv)
{
	struct rf_err err = {0};
	char url[512];
	int pair[2];

	if (argc < 4 || !rf_format(url, sizeof(url), "sqlite:%s/store.db", argv[1]))
		return 64;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) || fill(url, &err))
		return fail(&err);
	if (fork() == 0) {
		close(pair[0]);
		sign_in(pair[1]);
	}
	close(pair[1]);
	const struct api_options options = {
		.listen = "127.0.0.1:0",
		.metrics = "127.0.0.1:0",
		.store_url = url,
		.store_dir = argv[1],
		.certificate = argv[2],
		.key = argv[3],
		.agents_address = "https://manager.example:8443",
		.sign_in_fd = pair[0],
		.query_fd = -1,
		.stop_fd = 0,
		.ready_fd = 1,
		.connections_max = argc > 4 ? (uint32_t)strtoul(argv[4], NULL, 10) : 0,
	};

	return api_run(&options, &err) ? fail(&err) : 0;
}
