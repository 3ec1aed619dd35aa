/* SPDX-License-Identifier: Apache-2.0 */
/* Starting a recorder, and asking how it goes, from the outside. See recorder.h. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "respond/recorder.h"

#define READY_MS 5000

static int folder_open(const char *path, struct rf_err *err)
{
	char part[RF_MAX_PATH_BYTES];

	for (const char *p = path; (p = strchr(p + 1, '/'));) {
		rf_format(part, sizeof(part), "%.*s", (int)(p - path), path);
		if (mkdir(part, 0700) < 0 && errno != EEXIST)
			return rf_fail(err, -errno, "%s: %s", part, rf_code_text(-errno));
	}
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return rf_fail(err, -errno, "%s: %s", path, rf_code_text(-errno));
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd >= 0 ? fd : rf_fail(err, -errno, "%s: %s", path, rf_code_text(-errno));
}

static void child_exec(int folder, int starter, const struct recorder_options *options)
{
	char bytes[24];
	const char *const argv[] = {"ringfence",      "--role", "record",    "--link",
				    options->link,    "--vm",	options->vm, "--comment",
				    options->comment, "--max",	bytes,	     NULL};
	char *const env[] = {"LC_ALL=C", NULL};
	int null = open("/dev/null", O_RDWR);
	/* Out of the way of the places that they go to. */
	int a = fcntl(folder, F_DUPFD, 10), b = fcntl(starter, F_DUPFD, 10);

	rf_format(bytes, sizeof(bytes), "%llu", (unsigned long long)options->max_bytes);
	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0 ||
	    dup2(a, RECORDER_FOLDER_FD) < 0 || dup2(b, RECORDER_STARTER_FD) < 0)
		_exit(127);
	close_range(RECORDER_STARTER_FD + 1, ~0u, 0);
	execve("/proc/self/exe", (char *const *)argv, env);
	_exit(127);
}

/* Nobody waits for a recorder: init is its parent. */
static int spawn(int folder, int starter, const struct recorder_options *options)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		setsid();
		/* It keeps no folder in use but its own. */
		if (chdir("/") < 0)
			_exit(1);
		pid = fork();
		if (pid == 0)
			child_exec(folder, starter, options);
		_exit(pid < 0);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return pid > 0 && status == 0 ? 0 : -EAGAIN;
}

int recorder_start(const char *folder, const struct recorder_options *options, int *out_starter,
		   struct rf_err *err)
{
	struct recorder_status now;
	int pair[2], fd;
	char byte;

	*out_starter = -1;
	if (recorder_status(folder, &now) == 0 && now.running)
		return 0;
	fd = folder_open(folder, err);
	if (fd < 0)
		return fd;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
		close(fd);
		return rf_fail(err, -errno, "no socket: %s", rf_code_text(-errno));
	}
	int rc = spawn(fd, pair[1], options);
	struct pollfd ready = {.fd = pair[0], .events = POLLIN};

	close(fd);
	close(pair[1]);
	if (!rc && (poll(&ready, 1, READY_MS) != 1 || read(pair[0], &byte, 1) != 1))
		rc = -ESRCH;
	if (rc < 0) {
		close(pair[0]);
		return rf_fail(err, rc, "the recorder of %s does not start", options->link);
	}
	*out_starter = pair[0];
	return 0;
}

int recorder_status(const char *folder, struct recorder_status *out)
{
	char path[RF_MAX_PATH_BYTES], text[512];
	struct recorder_status status = {0};
	static const struct {
		const char *key;
		size_t offset;
	} numbers[] = {{"frames", offsetof(struct recorder_status, frames)},
		       {"bytes", offsetof(struct recorder_status, bytes)},
		       {"lost", offsetof(struct recorder_status, lost)}};

	if (!rf_format(path, sizeof(path), "%s/" RECORDER_STATUS, folder))
		return -ENAMETOOLONG;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return -errno;
	ssize_t n = read(fd, text, sizeof(text) - 1);

	status.running = flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	for (char *cursor = text, *line; (line = rf_line_next(&cursor));) {
		char *key = rf_word_next(&line), *value = key ? rf_word_next(&line) : NULL;
		int64_t number;

		if (!value || rf_num(value, 10, 0, INT64_MAX, &number) < 0)
			continue;
		for (size_t i = 0; i < RF_COUNT(numbers); i++)
			if (strcmp(key, numbers[i].key) == 0)
				memcpy((char *)&status + numbers[i].offset, &number,
				       sizeof(number));
		status.full = status.full || (strcmp(key, "full") == 0 && number);
	}
	*out = status;
	return 0;
}
