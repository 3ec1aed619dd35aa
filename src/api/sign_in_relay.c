/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The role sign-in where the manager runs as a user of its own: pam_unix tells such a user nothing
 * of other accounts (its helper unix_chkpwd asks the caller's own password alone). So questions go
 * on to the unit ringfence-sign-in, a root process behind a socket that only the manager's user may
 * open (packaging/ringfence-sign-in.socket). Nothing of a question is kept here.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "api/api.h"
#include "api/sign_in.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/str.h"

#define ANSWER_S 20 /* a directory that is away takes its time */

static int unit_connect(const char *path)
{
	const struct timeval wait = {.tv_sec = ANSWER_S};
	struct sockaddr_un where = {.sun_family = AF_UNIX};
	int fd = -1;

	if (!rf_copy(where.sun_path, sizeof(where.sun_path), path))
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (!setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) &&
	    !setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) &&
	    !connect(fd, (const struct sockaddr *)&where, sizeof(where)))
		return fd;
	close(fd);
	return -1;
}

/* One question there and its answer back; false when there is none. */
static bool unit_ask(int fd, const struct sign_in_question *question, struct sign_in_answer *answer)
{
	const struct rf_slice bytes = {(const uint8_t *)question, sizeof(*question)};

	return fd >= 0 && !rf_write_all(fd, bytes) &&
	       recv(fd, answer, sizeof(*answer), MSG_WAITALL) == (ssize_t)sizeof(*answer) &&
	       answer->id == question->id;
}

/* A unit that ended since the last question is started anew by its socket. */
static void pass_on(int *unit, const char *path, const struct sign_in_question *question,
		    struct sign_in_answer *answer)
{
	for (int tries = 0; tries < 2; tries++) {
		bool was_open = *unit >= 0;

		if (!was_open)
			*unit = unit_connect(path);
		if (unit_ask(*unit, question, answer))
			return;
		if (*unit >= 0)
			close(*unit);
		*unit = -1;
		if (!was_open)
			break;
	}
	*answer = (struct sign_in_answer){.id = question->id, .verdict = -1};
}

int api_sign_in_relay(int fd, const char *path, struct rf_err *err)
{
	struct sign_in_question question;
	int unit = -1, rc = 0;

	while (!rc) {
		struct sign_in_answer answer;
		ssize_t got = recv(fd, &question, sizeof(question), MSG_WAITALL);

		if (got < 0 && errno == EINTR)
			continue;
		if (got == 0)
			break;
		if (got != (ssize_t)sizeof(question)) {
			rc = RF_E_PEER;
			break;
		}
		pass_on(&unit, path, &question, &answer);
		rf_wipe(&question, sizeof(question));
		rc = rf_write_all(fd, (struct rf_slice){(const uint8_t *)&answer, sizeof(answer)});
	}
	if (unit >= 0)
		close(unit);
	return rc ? rf_fail(err, rc, "sign-in: the role api does not speak as it should") : 0;
}
