/* SPDX-License-Identifier: Apache-2.0 */
/* Each profile in a child of its own that tries what is forbidden and what its work needs. */
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <linux/bpf.h>
#include <linux/netlink.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "facts_test.h"
#include "base/mem.h"
#include "base/str.h"
#include "sys/sandbox.h"
#include "sys/sys.h"

#define FILES	  (1u << SANDBOX_COLLECT_FILES)
#define PROCESSES (1u << SANDBOX_COLLECT_PROCESSES)
#define NET	  (1u << SANDBOX_COLLECT_NET)
#define LIBVIRT	  (1u << SANDBOX_COLLECT_LIBVIRT)
#define JUDGE	  (1u << SANDBOX_JUDGE)
#define BPF	  (1u << SANDBOX_COLLECT_BPF)
#define SOFTWARE  (1u << SANDBOX_EVIDENCE_SOFTWARE)
#define ASK	  (1u << SANDBOX_GUARD_ASK)
#define PROVE	  (1u << SANDBOX_PROVE)
#define TRIAL	  (1u << SANDBOX_TRIAL)
#define COUNT	  (1u << SANDBOX_COUNT)
#define LOAD	  (1u << SANDBOX_LOAD)
#define SERVE	  (1u << SANDBOX_SERVE)
#define SERVE_NET (1u << SANDBOX_SERVE_NET)
#define DELIVER	  (1u << SANDBOX_DELIVER)
#define DIAL	  (1u << SANDBOX_DIAL)
#define RECORD	  (1u << SANDBOX_RECORD)
#define ALL                                                                                        \
	(((1u << (SANDBOX_JUDGE + 1)) - 1) | ASK | PROVE | TRIAL | COUNT | LOAD | SERVE |          \
	 SERVE_NET | DELIVER | DIAL | RECORD)
#define NO_FILES (JUDGE | ASK | TRIAL | SERVE | DELIVER | DIAL | RECORD)
/* Landlock would hide what these look at. */
#define UNLOCKED (PROCESSES | PROVE)

static struct test_host host; /* outside of what may be written */
static struct test_host own;  /* the writable directory */

static int result(long rc)
{
	return rc < 0 ? errno : 0;
}

static int fd_result(int fd)
{
	int rc = result(fd);

	if (fd >= 0)
		close(fd);
	return rc;
}

static char *below(const struct test_host *h, const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", h->dir, name);
	return path;
}

static int try_exec(void)
{
	char *const argv[] = {"true", NULL};

	return result(execv("/bin/true", argv));
}

static int try_ptrace(void)
{
	return result(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL));
}

static int try_mount(void)
{
	return result(mount("none", "/mnt", "tmpfs", 0, NULL));
}

static int try_module(void)
{
	return result(syscall(SYS_init_module, "", 0, ""));
}

static int try_bpf(void)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};

	return fd_result((int)syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr)));
}

/* Whether programs may be asked for; that there are none is an answer. */
static int try_bpf_query(void)
{
	union bpf_attr attr = {0};

	if (geteuid() != 0)
		return EPERM;
	attr.prog_id = UINT32_MAX;
	int code = fd_result((int)syscall(SYS_bpf, BPF_PROG_GET_FD_BY_ID, &attr, sizeof(attr)));

	return code == ENOENT ? 0 : code;
}

static int try_setuid(void)
{
	return result(syscall(SYS_setuid, 65534));
}

static int try_namespace(void)
{
	return result(unshare(CLONE_NEWUSER));
}

static int try_clone_namespace(void)
{
	return result(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL));
}

static int try_kill(void)
{
	return result(kill(getppid(), 0));
}

static int try_tgkill(void)
{
	return result(syscall(SYS_tgkill, getppid(), getppid(), 0));
}

static int try_io_uring(void)
{
	char params[256] = {0};

	return fd_result((int)syscall(SYS_io_uring_setup, 1, params));
}

static int try_tcp(void)
{
	return fd_result(socket(AF_INET, SOCK_STREAM, 0));
}

/* That the call is made at all: there is no such socket. */
static int try_accept(void)
{
	int code = fd_result(accept4(-1, NULL, NULL, 0));

	return code == EBADF ? 0 : code;
}

static int try_listen(void)
{
	int code = result(listen(-1, 1));

	return code == EBADF ? 0 : code;
}

static int try_packet(void)
{
	if (geteuid() != 0)
		return EPERM;
	return fd_result(socket(AF_PACKET, SOCK_RAW, 0));
}

static int try_unix(void)
{
	return fd_result(socket(AF_UNIX, SOCK_STREAM, 0));
}

static int try_netlink(void)
{
	return fd_result(socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE));
}

static int try_uevent(void)
{
	return fd_result(socket(AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT));
}

static int try_read(void)
{
	return fd_result(open("/etc/passwd", O_RDONLY));
}

static int try_list(void)
{
	return fd_result(open("/etc", O_RDONLY | O_DIRECTORY));
}

static int try_write(void)
{
	return fd_result(open(below(&host, "f"), O_WRONLY));
}

static int try_truncate(void)
{
	return result(truncate(below(&host, "f"), 0));
}

static int try_create(void)
{
	return fd_result(open(below(&host, "new"), O_RDWR | O_CREAT, 0600));
}

static int try_unlink(void)
{
	return result(unlink(below(&host, "f")));
}

static int try_mkdir(void)
{
	return result(mkdir(below(&host, "d"), 0700));
}

static int try_chmod(void)
{
	return result(chmod(below(&host, "f"), 0777));
}

static int try_own_file(void)
{
	char from[128];
	int rc = fd_result(open(below(&own, "report.new"), O_WRONLY | O_CREAT | O_EXCL, 0600));

	snprintf(from, sizeof(from), "%s", below(&own, "report.new"));
	return rc ? rc : result(rename(from, below(&own, "report")));
}

static int try_own_folder(void)
{
	return result(rmdir(below(&own, "group")));
}

/* A counter of the kernel's own, which every machine has. */
static int try_count(void)
{
	struct perf_event_attr attr = {.size = sizeof(attr),
				       .type = PERF_TYPE_SOFTWARE,
				       .config = PERF_COUNT_SW_TASK_CLOCK,
				       .exclude_kernel = 1};

	return fd_result((int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0));
}

/* abort() has to work: a crash must look like one. */
static int try_raise(void)
{
	return raise(0) == 0 ? 0 : errno;
}

static int try_other_exe(void)
{
	char path[64], target[256];

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)getppid());
	return result(readlink(path, target, sizeof(target)));
}

static int try_new_privileges(void)
{
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : EINVAL;
}

/* What may succeed in which profiles, without and with a writable directory. */
static const struct attempt {
	const char *name;
	int (*run)(void);
	unsigned allowed, allowed_writing;
	bool needs_landlock; /* only it forbids this */
} attempts[] = {
	{"exec", try_exec, 0, 0, false},
	{"ptrace", try_ptrace, 0, 0, false},
	{"mount", try_mount, 0, 0, false},
	{"module", try_module, 0, 0, false},
	{"bpf", try_bpf, 0, 0, false},
	{"bpf query", try_bpf_query, BPF | ASK | PROVE, BPF | ASK | PROVE, false},
	{"setuid", try_setuid, 0, 0, false},
	{"namespace", try_namespace, 0, 0, false},
	{"clone namespace", try_clone_namespace, 0, 0, false},
	{"kill", try_kill, 0, 0, false},
	{"tgkill", try_tgkill, 0, 0, false},
	{"io_uring", try_io_uring, 0, 0, false},
	{"tcp", try_tcp, SOFTWARE | SERVE_NET | DELIVER | DIAL,
	 SOFTWARE | SERVE_NET | DELIVER | DIAL, false},
	{"accept", try_accept, SERVE | SERVE_NET | DIAL, SERVE | SERVE_NET | DIAL, false},
	{"listen", try_listen, 0, 0, false},
	{"packet", try_packet, TRIAL, TRIAL, false},
	{"uevent", try_uevent, 0, 0, false},
	{"chmod", try_chmod, 0, 0, false},
	{"unix", try_unix, LIBVIRT | SOFTWARE | SERVE_NET, LIBVIRT | SOFTWARE | SERVE_NET, false},
	{"netlink", try_netlink, NET | BPF | UNLOCKED | ASK | TRIAL | DELIVER,
	 NET | BPF | UNLOCKED | ASK | TRIAL | DELIVER, false},
	{"read", try_read, ALL & ~NO_FILES, ALL & ~NO_FILES, true},
	{"list", try_list, ALL & ~NO_FILES, ALL & ~NO_FILES, true},
	/* Without Landlock, which these profiles cannot have, a writer may write anywhere. */
	{"write", try_write, 0, UNLOCKED, true},
	{"create", try_create, 0, UNLOCKED, true},
	{"mkdir", try_mkdir, 0, UNLOCKED, true},
	{"truncate", try_truncate, 0, UNLOCKED, true},
	{"unlink", try_unlink, 0, UNLOCKED, true},
	{"own file", try_own_file, 0, ALL, false},
	{"own folder's end", try_own_folder, 0, UNLOCKED | LOAD, true},
	{"count", try_count, COUNT, COUNT, false},
	{"other's exe", try_other_exe, UNLOCKED, UNLOCKED, true},
	{"raise", try_raise, ALL, ALL, false},
	{"no new privileges", try_new_privileges, ALL, ALL, false},
};

static bool has_landlock(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0, 1u) > 0;
}

/* In the child: 0 when the attempt ends as wanted, else a number for the exit status. */
static int attempt(enum sandbox_profile profile, const struct attempt *a, bool writing)
{
	const char *const writable[] = {own.dir};
	char missing[SANDBOX_MISSING_BYTES];
	struct rf_err err = {0};
	unsigned allowed = writing ? a->allowed_writing : a->allowed;
	bool want = allowed & (1u << profile);

	/* Asking about BPF programs takes root, and so do raw frames. */
	if ((a->run == try_bpf_query || a->run == try_packet) && geteuid() != 0)
		want = false;

	if (sandbox_enter(profile, writable, writing ? 1 : 0, missing, &err) < 0)
		return 100;
	if (strstr(missing, "seccomp"))
		return 101;
	int code = a->run();

	if (want)
		return code ? 102 : 0;
	return code == EPERM || code == EACCES ? 0 : 103;
}

static void run_profile(enum sandbox_profile profile, bool writing)
{
	for (size_t i = 0; i < RF_COUNT(attempts); i++) {
		int status = 0;

		if (attempts[i].needs_landlock && !has_landlock()) {
			print_message("skipped: Landlock (%s)\n", attempts[i].name);
			continue;
		}
		(void)unlink(below(&own, "report"));
		host_file(&host, "/f", "text");
		(void)rmdir(below(&host, "d"));
		(void)mkdir(below(&own, "group"), 0700);
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0)
			_exit(attempt(profile, &attempts[i], writing));
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
			fail_msg("profile %d%s: %s ended with %d", profile,
				 writing ? " writing" : "", attempts[i].name,
				 WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
	}
}

static void test_profiles(void **state)
{
	(void)state;
	for (int p = SANDBOX_COLLECT_FILES; p <= SANDBOX_DIAL; p++)
		if (ALL & (1u << p))
			run_profile(p, false);
}

static void test_profiles_that_write(void **state)
{
	(void)state;
	for (int p = SANDBOX_COLLECT_FILES; p <= SANDBOX_DIAL; p++)
		if (ALL & (1u << p))
			run_profile(p, true);
}

/* The seam works inside: a live host opened before, and a directory host. */
static int use_seam(void)
{
	char missing[SANDBOX_MISSING_BYTES];
	RF_AUTOBUF struct rf_buf buf = {0};
	struct sys *live = NULL, *dir = NULL;
	struct rf_err err = {0};

	if (sys_open_live(&live, &err) < 0 || sys_open_dir(host.dir, &dir, &err) < 0 ||
	    sandbox_enter(SANDBOX_COLLECT_NET, NULL, 0, missing, &err) < 0)
		return 1;
	if (sys_read(live, "/proc/version", 4096, &buf, &err) < 0 ||
	    sys_read(dir, "/f", 4096, &buf, &err) < 0)
		return 2;
	if (sys_probe(live, "rtnl-link", "", &buf, &err) < 0 || buf.len == 0)
		return 3;
	if (sys_probe(live, "identity", "", &buf, &err) < 0)
		return 4;
	/* Rights that were there when the host was opened, though they are dropped by now. */
	if (geteuid() == 0 && !strstr(rf_buf_text(&buf), "euid 0"))
		return 5;
	sys_close(live);
	sys_close(dir);
	return 0;
}

static void test_the_seam_inside(void **state)
{
	int status = 0;

	(void)state;
	host_file(&host, "/f", "text");
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(use_seam());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* A recording goes on below its directory and nowhere else. */
static int use_recording(void)
{
	const char *const writable[] = {own.dir};
	char missing[SANDBOX_MISSING_BYTES];
	RF_AUTOBUF struct rf_buf buf = {0};
	struct sys *sys = NULL;
	struct rf_err err = {0};

	if (sys_open_recording(own.dir, &sys, &err) < 0 ||
	    sandbox_enter(SANDBOX_COLLECT_FILES, writable, 1, missing, &err) < 0)
		return 1;
	if (sys_read(sys, "/proc/sys/kernel/ostype", 4096, &buf, &err) < 0)
		return 2;
	sys_close(sys);
	return 0;
}

static void test_a_recording_inside(void **state)
{
	int status = 0;
	struct sys *sys = NULL;
	char line[32];

	(void)state;
	host_done(&own);
	host_make(&own);
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(use_recording());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_int_equal(sys_open_dir(own.dir, &sys, NULL), 0);
	assert_int_equal(sys_read_line(sys, "/proc/sys/kernel/ostype", line, sizeof(line)), 0);
	assert_string_equal(line, "Linux");
	sys_close(sys);
}

static void test_wrong_use(void **state)
{
	static const char *const nowhere[] = {"/nowhere/at/all"};
	char missing[SANDBOX_MISSING_BYTES];
	int status = 0;

	(void)state;
	assert_int_equal(sandbox_enter(77, NULL, 0, missing, NULL), RF_E_UNKNOWN);
	if (!has_landlock())
		skip();
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(sandbox_enter(SANDBOX_JUDGE, nowhere, 1, missing, NULL) == -ENOENT ? 0 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static int make_hosts(void **state)
{
	(void)state;
	host_make(&host);
	host_make(&own);
	return 0;
}

static int remove_hosts(void **state)
{
	(void)state;
	host_done(&host);
	host_done(&own);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_profiles),	cmocka_unit_test(test_profiles_that_write),
		cmocka_unit_test(test_the_seam_inside), cmocka_unit_test(test_a_recording_inside),
		cmocka_unit_test(test_wrong_use),
	};

	return cmocka_run_group_tests(tests, make_hosts, remove_hosts);
}
