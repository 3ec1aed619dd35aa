/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a command and kills it, with all it started, when its privileged role is about to make its
 * N-th step that changes something: the fault point of the crash tests, without a hook in the
 * product. usage: kill_at [-s] N [-c DEED] COMMAND... Exit status 137 when it killed, else the
 * command's. With -c nothing is killed: the shell command DEED is done then, and the role goes on.
 * With -s messages to other daemons over stream sockets (libvirt) are steps, too.
 *
 * A step is a system call that writes a file (also below /proc), syncs, renames, removes, changes a
 * BPF map or program, or speaks to the kernel by netlink. Source: ptrace(2), bpf(2). x86-64 only.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROLE	     "--role"
#define MAX_TRACEES  64
#define KILLED	     137
#define TRAP_SYSCALL (SIGTRAP | 0x80)
#define OPTIONS                                                                                    \
	(PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |    \
	 PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC)

struct tracee {
	pid_t pid;
	bool inside; /* a system call */
	bool role;   /* it, or who forked it, is the privileged role */
};

static struct tracee tracees[MAX_TRACEES];
static bool streams; /* -s */

static struct tracee *tracee_of(pid_t pid)
{
	for (size_t i = 0; i < MAX_TRACEES; i++) {
		if (tracees[i].pid == pid)
			return &tracees[i];
	}
	for (size_t i = 0; i < MAX_TRACEES; i++) {
		if (tracees[i].pid == 0) {
			tracees[i] = (struct tracee){.pid = pid};
			return &tracees[i];
		}
	}
	fprintf(stderr, "kill_at: more than %d processes\n", MAX_TRACEES);
	exit(1);
}

static bool is_role(pid_t pid)
{
	char path[64], text[1024];
	size_t len;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	FILE *f = fopen(path, "rb");

	if (!f)
		return false;
	len = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	return memmem(text, len, ROLE, sizeof(ROLE)) != NULL;
}

/* Num RefCount Protocol Flags Type St Inode Path: type 0001 is SOCK_STREAM. */
static bool is_stream(pid_t pid, unsigned long inode)
{
	char path[64], line[512];
	bool found = false;

	snprintf(path, sizeof(path), "/proc/%d/net/unix", (int)pid);
	FILE *f = fopen(path, "r");

	while (f && !found && fgets(line, sizeof(line), f)) {
		unsigned long one;
		unsigned type;

		found = sscanf(line, "%*s %*s %*s %*s %x %*s %lu", &type, &one) == 2 && type == 1 &&
			one == inode;
	}
	if (f)
		fclose(f);
	return found;
}

/* A file, or a netlink socket: not a pipe, and not the socket to the planner. */
static bool reaches_out(pid_t pid, unsigned long long fd)
{
	char path[64], target[512], line[512];
	unsigned long inode = 0;
	bool found = false;

	snprintf(path, sizeof(path), "/proc/%d/fd/%llu", (int)pid, fd);
	ssize_t len = readlink(path, target, sizeof(target) - 1);

	if (len <= 0)
		return false;
	target[len] = '\0';
	if (target[0] == '/')
		return strncmp(target, "/dev/", 5) != 0 || strncmp(target, "/dev/shm/", 9) == 0;
	if (sscanf(target, "socket:[%lu]", &inode) != 1)
		return false;
	if (streams && is_stream(pid, inode))
		return true;
	snprintf(path, sizeof(path), "/proc/%d/net/netlink", (int)pid);
	FILE *f = fopen(path, "r");

	while (f && !found && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		char *last = line + strlen(line);

		while (last > line && last[-1] == ' ')
			*--last = '\0';
		while (last > line && last[-1] != ' ')
			last--;
		found = strtoul(last, NULL, 10) == inode;
	}
	if (f)
		fclose(f);
	return found;
}

static bool bpf_changes(unsigned long long command)
{
	return command == BPF_MAP_UPDATE_ELEM || command == BPF_MAP_DELETE_ELEM ||
	       command == BPF_MAP_CREATE || command == BPF_PROG_LOAD || command == BPF_OBJ_PIN ||
	       command == BPF_LINK_CREATE || command == BPF_LINK_UPDATE ||
	       command == BPF_LINK_DETACH;
}

static bool is_step(pid_t pid, const struct user_regs_struct *regs)
{
	switch ((long)regs->orig_rax) {
	case SYS_fsync:
	case SYS_fdatasync:
	case SYS_rename:
	case SYS_renameat:
	case SYS_renameat2:
	case SYS_unlinkat:
	case SYS_mkdirat:
	case SYS_fchmod:
	case SYS_fchownat:
	case SYS_utimensat:
	case SYS_fsetxattr:
		return true;
	case SYS_write:
	case SYS_pwrite64:
	case SYS_sendto:
	case SYS_sendmsg:
		return reaches_out(pid, regs->rdi);
	case SYS_bpf:
		return bpf_changes(regs->rdi);
	default:
		return false;
	}
}

static int kill_all(void)
{
	int status;

	for (size_t i = 0; i < MAX_TRACEES; i++) {
		if (tracees[i].pid)
			kill(tracees[i].pid, SIGKILL);
	}
	while (waitpid(-1, &status, __WALL) > 0 || errno == EINTR)
		;
	return KILLED;
}

/* What a stop means; the signal to hand on. *step: a step begins. */
static int stopped(struct tracee *t, int status, bool *step)
{
	int signal = WSTOPSIG(status), event = status >> 16;
	struct user_regs_struct regs;
	unsigned long child = 0;

	if (event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK ||
	    event == PTRACE_EVENT_CLONE) {
		ptrace(PTRACE_GETEVENTMSG, t->pid, NULL, &child);
		tracee_of((pid_t)child)->role = t->role;
	}
	if (event == PTRACE_EVENT_EXEC)
		t->role = t->role || is_role(t->pid);
	if (event)
		return 0;
	if (signal != TRAP_SYSCALL)
		return signal == SIGSTOP || signal == SIGTRAP ? 0 : signal;
	t->inside = !t->inside;
	if (t->inside && t->role && ptrace(PTRACE_GETREGS, t->pid, NULL, &regs) == 0)
		*step = is_step(t->pid, &regs);
	return 0;
}

/* By a process that is not traced; waited for, so that it is done before the step. */
static void deed_do(const char *deed)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", deed, (char *)NULL);
		_exit(127);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
}

static int follow(pid_t command, long n, const char *deed)
{
	int status, result = 1;

	for (;;) {
		bool step = false;
		pid_t pid = waitpid(-1, &status, __WALL);

		if (pid < 0 && errno == EINTR)
			continue;
		if (pid < 0)
			return result;
		struct tracee *t = tracee_of(pid);

		if (!WIFSTOPPED(status)) {
			t->pid = 0;
			if (pid == command)
				result = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
			continue;
		}
		int signal = stopped(t, status, &step);

		if (step && --n == 0 && !deed)
			return kill_all();
		if (step && n == 0)
			deed_do(deed);
		ptrace(PTRACE_SYSCALL, pid, NULL, (void *)(long)signal);
	}
}

int main(int argc, char **argv)
{
	int status;

	if (argc > 1 && strcmp(argv[1], "-s") == 0) {
		streams = true;
		argc--;
		argv++;
	}
	if (argc < 3)
		return 64;
	bool does = argc > 4 && strcmp(argv[2], "-c") == 0;
	char **command = argv + (does ? 4 : 2);
	pid_t pid = fork();

	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		execvp(command[0], command);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return 1;
	tracee_of(pid);
	ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *)(long)OPTIONS);
	ptrace(PTRACE_SYSCALL, pid, NULL, NULL);
	return follow(pid, strtol(argv[1], NULL, 10), does ? argv[3] : NULL);
}
