/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process that answers the role api's questions over facts, one after the other, each in a fork
 * of its own (query.c). The role api starts it before it reads its key; it has the store and its
 * socket, and no other end of anybody.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/query.h"
#include "base/io.h"
#include "manager/query.h"
#include "manager/roles.h"

#define FD_ASKED 3

/* 1: read; 0: the role api has ended. */
static int exactly(void *out, size_t len)
{
	ssize_t n;

	do
		n = recv(FD_ASKED, out, len, MSG_WAITALL);
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)len;
}

static int one_question(const char *store_url, const struct query_head *asked)
{
	RF_AUTOBUF struct rf_buf question = {0}, answer = {0};
	struct rf_err why = {0};
	uint8_t *room = asked->bytes <= QUERY_MAX_QUESTION_BYTES
				? rf_buf_reserve(&question, asked->bytes + 1u)
				: NULL;

	if (!room || !exactly(room, asked->bytes))
		return RF_E_PEER;
	question.len = asked->bytes;
	int code = query_answer(store_url, &query_limits_usual, rf_buf_slice(&question), &answer,
				&why);

	if (!code && answer.len > QUERY_MAX_ANSWER_BYTES)
		code = rf_fail(&why, RF_E_LIMIT, "its answer takes too many bytes");
	if (code) {
		rf_buf_reset(&answer);
		rf_buf_add_text(&answer, rf_err_text(&why));
	}
	const struct query_head head = {asked->id, code, (uint32_t)answer.len};
	int rc = rf_write_all(FD_ASKED, (struct rf_slice){(const uint8_t *)&head, sizeof(head)});

	return rc ? rc : rf_write_all(FD_ASKED, rf_buf_slice(&answer));
}

static _Noreturn void run(const struct config *config, int fd)
{
	char missing[ROLE_MISSING_BYTES];
	struct query_head head;
	struct rf_err err = {0};

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	if (dup2(fd, FD_ASKED) < 0 || close_range(FD_ASKED + 1, ~0U, 0) < 0)
		_exit(71);
	if (role_store_only(config, missing, &err)) {
		fprintf(stderr, "ringfence-manager query: %s\n", rf_err_text(&err));
		_exit(1);
	}
	while (exactly(&head, sizeof(head)))
		if (one_question(config->store, &head))
			_exit(1);
	_exit(0);
}

int query_start(const struct config *config, int *out_fd, struct rf_err *err)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return rf_fail(err, -errno, "no socket: %s", rf_code_text(-errno));
	pid_t pid = fork();

	if (pid == 0) {
		close(pair[0]);
		run(config, pair[1]);
	}
	close(pair[1]);
	if (pid < 0) {
		close(pair[0]);
		return rf_fail(err, -EAGAIN, "no process for questions");
	}
	*out_fd = pair[0];
	return 0;
}
