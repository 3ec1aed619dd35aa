/* SPDX-License-Identifier: Apache-2.0 */
/* ringfence isolate guard start, stop, status: the guard's service by hand. systemd starts the role
 * itself (packaging/ringfence-guard.service). */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/common.h"
#include "cli/isolate.h"
#include "isolate/nft_promises.h"

#define START_SECONDS 60
#define STOP_SECONDS  10
#define MAX_ARGS      (2 * CLI_MAX_WORDS + 12)

int isolate_service_pid(const struct cli_args *args, int *out_lock, int64_t *out,
			struct rf_err *err)
{
	char folder[RF_MAX_PATH_BYTES], path[RF_MAX_PATH_BYTES + 16], text[24] = "";
	int rc = isolate_folder(args, folder, sizeof(folder), err);

	*out = 0;
	*out_lock = -1;
	if (rc < 0)
		return rc;
	rf_format(path, sizeof(path), "%s/" ISOLATE_GUARD_LOCK, folder);
	*out_lock = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (*out_lock < 0)
		return errno == ENOENT ? 0
				       : rf_fail(err, -errno, "%s: %s", path, rf_code_text(-errno));
	if (flock(*out_lock, LOCK_SH | LOCK_NB) == 0) {
		(void)flock(*out_lock, LOCK_UN);
		return 0;
	}
	ssize_t n = read(*out_lock, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	if (rf_num(text, 10, 2, INT32_MAX, out) < 0)
		return rf_fail(err, RF_E_SYNTAX, "%s: names no process", path);
	return 0;
}

static void child_exec(const struct cli_args *args, int ready)
{
	const char *argv[MAX_ARGS] = {"ringfence", "--role", "guard",	 "--ready",
				      "3",	   "--log",  "guard.log"};
	char *const env[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", NULL};
	size_t n = 7;
	int null = open("/dev/null", O_RDWR);

	if (cli_has(args, OPT_STATE_DIR)) {
		argv[n++] = "--state";
		argv[n++] = cli_value(args, OPT_STATE_DIR);
	}
	for (size_t i = 0; i < args->counts[OPT_XML]; i++) {
		argv[n++] = "--domain-xml";
		argv[n++] = args->values[OPT_XML][i];
	}
	setsid();
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	if (ready != 3 && dup2(ready, 3) < 0)
		_exit(127);
	fcntl(3, F_SETFD, 0);
	close_range(4, ~0u, 0);
	execve("/proc/self/exe", (char *const *)(uintptr_t)argv, env);
	_exit(127);
}

int cmd_isolate_guard_start(const struct cli_args *args, struct rf_err *err)
{
	int ends[2], lock = -1;
	int64_t pid = 0;
	char byte;
	int rc = isolate_service_pid(args, &lock, &pid, err);

	if (lock >= 0)
		close(lock);
	if (rc < 0)
		return rc;
	if (pid) {
		printf("The guard's service runs already: process %lld.\n", (long long)pid);
		return 0;
	}
	if (pipe2(ends, O_CLOEXEC) < 0)
		return rf_fail(err, -errno, "no pipe: %s", rf_code_text(-errno));
	fflush(stdout);
	pid_t child = fork();

	if (child == 0)
		child_exec(args, ends[1]);
	close(ends[1]);
	struct pollfd wait = {.fd = ends[0], .events = POLLIN};
	bool ready = child > 0 && poll(&wait, 1, START_SECONDS * 1000) == 1 &&
		     read(ends[0], &byte, 1) == 1;

	close(ends[0]);
	if (!ready)
		return rf_fail(err, RF_E_PEER, "the guard's service did not start");
	printf("The guard's service runs: process %d. What is guarded stays so when it ends.\n",
	       child);
	return 0;
}

int cmd_isolate_guard_stop(const struct cli_args *args, struct rf_err *err)
{
	int lock = -1;
	int64_t pid = 0;
	int rc = isolate_service_pid(args, &lock, &pid, err);

	if (!rc && pid) {
		/* The number is that of the process that holds the lock: asked again behind it. */
		int fd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
		struct pollfd wait = {.fd = fd, .events = POLLIN};

		if (fd < 0 || flock(lock, LOCK_SH | LOCK_NB) == 0)
			pid = 0;
		else if (syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0) < 0)
			rc = rf_fail(err, -errno, "process %lld: %s", (long long)pid,
				     rf_code_text(-errno));
		else if (poll(&wait, 1, STOP_SECONDS * 1000) != 1)
			rc = rf_fail(err, RF_E_TIMEOUT, "process %lld does not end",
				     (long long)pid);
		if (fd >= 0)
			close(fd);
	}
	if (lock >= 0)
		close(lock);
	if (rc < 0)
		return rc;
	printf(pid ? "The guard's service ended. Ports stay guarded; new ones, and what somebody takes "
		     "off, are not seen to.\n"
		   : "The guard's service does not run.\n");
	return 0;
}

/* Where BPF is forbidden. Said aloud, with what it cannot. */
static int nft_status(const struct isolate_guarding *guarding, bool runs, struct rf_err *err)
{
	FALLBACK_AUTO struct fallback f = {.ports = NULL};
	size_t stale = 0;
	int rc = fallback_read(&f, err);

	if (rc < 0)
		return rc;
	if (!f.there || !f.ports_count) {
		printf("guard: none is loaded\n");
		if (guarding->note[0])
			printf("%s\n", guarding->note);
		return CLI_FINDINGS;
	}
	for (size_t i = 0; i < f.ports_count; i++)
		stale += f.ports[i].stale;
	printf("guard: by rules of nft, the fallback: %zu ports, strict %s, %u rules, %s\n",
	       f.ports_count, f.strict ? "on" : "off", f.rules,
	       !f.whole ? "NOT as made: somebody altered them"
	       : stale	? "as made; some ports wait for ringfence isolate apply"
			: "as made");
	printf("new ports: %s\n",
	       f.births.count ? "refused everything until they are guarded, where the policy names "
				"them"
			      : "not guarded from birth: the policy names no ports or bridges");
	printf("%s\n", guarding->note);
	return f.whole && !stale && runs ? 0 : CLI_FINDINGS;
}

int cmd_isolate_guard_status(const struct cli_args *args, struct rf_err *err)
{
	const struct guard_options options = {.existing = true};
	RF_AUTOFREE uint32_t *ports = rf_alloc(GUARD_SLOTS, sizeof(*ports));
	struct guard_rules rules = {.count = 0};
	struct isolate_guarding guarding;
	struct guard *guard = NULL;
	int lock = -1;
	int64_t pid = 0;
	int rc = isolate_service_pid(args, &lock, &pid, err);

	if (lock >= 0)
		close(lock);
	if (rc < 0 || !ports)
		return rc < 0 ? rc : rf_fail(err, -ENOMEM, "no memory");
	printf(pid ? "service: runs, process %lld\n" : "service: does not run\n", (long long)pid);
	isolate_guarding_ask(&guarding);
	rc = guard_open(&options, &guard, err);
	if (rc == -ENOENT)
		return nft_status(&guarding, pid != 0, err);
	if (rc < 0)
		return rc;
	if (guarding.note[0])
		printf("%s\n", guarding.note);
	rc = guard_rules_get(guard, &rules, err);
	if (!rc)
		printf("guard: %zu ports, strict %s, %u rules of nft\n",
		       guard_ports(guard, ports, GUARD_SLOTS),
		       guard_strict_get(guard) ? "on" : "off", rules.count);
	guard_close(guard);
	return rc ? rc : pid ? 0 : CLI_FINDINGS;
}
