/* SPDX-License-Identifier: Apache-2.0 */
/* The helper that runs fixed commands. See hook.h. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "change/hook.h"

#define COMMAND_SECONDS 120

const struct hook hooks[] = {
	{"sshd",
	 "ask sshd whether it accepts its configuration",
	 true,
	 "/run/sshd",
	 {"/usr/sbin/sshd", "-t"}},
	{"visudo",
	 "ask sudo whether it accepts its rules",
	 true,
	 NULL,
	 {"/usr/sbin/visudo", "-c", "-q"}},
	{"systemd",
	 "let systemd read its units again",
	 false,
	 "/run/systemd/system",
	 {"/usr/bin/systemctl", "daemon-reload"}},
	{"update-grub",
	 "write the boot menu anew",
	 false,
	 "/boot/grub/grub.cfg",
	 {"/usr/sbin/update-grub"}},
	{"augenrules",
	 "load the audit rules",
	 false,
	 "/run/auditd.pid",
	 {"/usr/sbin/augenrules", "--load"}},
};
const size_t hooks_count = RF_COUNT(hooks);

const struct hook *hook_find(const char *name)
{
	for (size_t i = 0; i < hooks_count; i++) {
		if (strcmp(hooks[i].name, name) == 0)
			return &hooks[i];
	}
	return NULL;
}

/* In the child of the helper: nothing of ours is open, nothing is read or printed. */
static void command_exec(const struct hook *hook)
{
	char *const env[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", NULL};
	char *argv[HOOK_MAX_ARGS + 1] = {NULL};
	int null = open("/dev/null", O_RDWR);

	for (size_t i = 0; i < HOOK_MAX_ARGS && hook->argv[i]; i++)
		argv[i] = (char *)hook->argv[i];
	for (int fd = 0; fd < 3 && null >= 0; fd++)
		dup2(null, fd);
	close_range(3, ~0u, 0);
	signal(SIGPIPE, SIG_DFL);
	alarm(COMMAND_SECONDS);
	execve(argv[0], argv, env);
	_exit(127);
}

static uint8_t command_run(const struct hook *hook)
{
	int status = 0;

	if (access(hook->argv[0], X_OK) < 0 || (hook->needs && access(hook->needs, F_OK) < 0))
		return 0;
	pid_t pid = fork();

	if (pid == 0)
		command_exec(hook);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return pid < 0 ? 126 : WIFEXITED(status) ? (uint8_t)WEXITSTATUS(status) : (uint8_t)125;
}

static void serve(int socket)
{
	uint8_t number;
	int null = open("/dev/null", O_RDWR);

	/* It may outlive whoever waits for the end of our output. */
	for (int fd = 0; fd < 3 && null >= 0; fd++)
		dup2(null, fd);
	close_range(3, (unsigned)socket - 1, 0);
	close_range((unsigned)socket + 1, ~0u, 0);
	setsid();
	while (read(socket, &number, 1) == 1) {
		uint8_t status = number < hooks_count ? command_run(&hooks[number]) : 127;

		if (write(socket, &status, 1) != 1)
			break;
	}
	_exit(0);
}

int hook_start(int *out_socket, struct rf_err *err)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return rf_fail(err, -errno, "no socket: %s", rf_code_text(-errno));
	pid_t pid = fork();

	if (pid == 0)
		serve(pair[1]);
	close(pair[1]);
	if (pid < 0) {
		close(pair[0]);
		return rf_fail(err, -EAGAIN, "no process for commands");
	}
	*out_socket = pair[0];
	return 0;
}

int hook_run(int socket, const struct hook *hook, struct rf_err *err)
{
	uint8_t number = (uint8_t)(hook - hooks), status = 0;

	if (write(socket, &number, 1) != 1 || read(socket, &status, 1) != 1)
		return rf_fail(err, RF_E_PEER, "%s: the helper for commands is gone", hook->name);
	return status == 0 ? 0
			   : rf_fail(err, RF_E_PEER, "%s ended with status %u: could not %s",
				     hook->argv[0], status, hook->summary);
}
