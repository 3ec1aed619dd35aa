/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sandbox; see sandbox.h. Landlock by its system calls, for libraries and headers lag behind
 * kernels: landlock(7), ABI 1 (Linux 5.13) to 6 (6.12). seccomp(2) by libseccomp, capabilities(7)
 * by libcap-ng. What is denied is a table; what is in no row is allowed.
 */
#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/landlock.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "sys/sandbox.h"

/* Rights newer than the header of our oldest build machine. */
#define FS_TRUNCATE  (1ULL << 14) /* ABI 3 */
#define FS_IOCTL_DEV (1ULL << 15) /* ABI 5 */
#define NET_TCP	     3ULL	  /* ABI 4: bind and connect */
#define SCOPE_SIGNAL 2ULL	  /* ABI 6 */
#define FS_ABI1	     ((1ULL << 13) - 1)
#define FS_READ	     (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define FS_WRITE                                                                                   \
	(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG |                             \
	 LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE | FS_TRUNCATE)
#define FS_CHANGE    (LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REMOVE_DIR)
#define MAX_CAPS     12
#define LAST_FAMILY  64
#define LAST_BPF     63
#define LAST_NETLINK 32 /* MAX_LINKS of linux/netlink.h */

struct ruleset_attr {
	uint64_t fs, net, scoped;
};

enum need {
	NEED_READ = 1, /* open files */
	NEED_NETLINK = 2,
	NEED_UNIX = 4,
	NEED_PROCESSES = 8, /* look into other processes: no Landlock */
	NEED_BPF = 16,	    /* ask about BPF programs */
	NEED_INET = 32,	    /* connect to a software TPM */
	NEED_TPM = 64,	    /* open the TPM's device */
	NEED_CHANGE = 128,  /* change modes, owners and links; lock children in further */
	NEED_GUARD = 256,   /* load, pin and configure the network guard's BPF programs */
	NEED_PORTS = 512,   /* hang them on links, and configure them */
	NEED_ASK = 1024,    /* ask them */
	NEED_PACKET = 2048, /* send frames */
	NEED_PERF = 4096,   /* open counters of the processor */
	NEED_GROUPS = 8192, /* take folders away, too */
	NEED_SERVE = 16384, /* take connections on sockets that listen already */
	NEED_NAMES = 32768, /* look up names: the resolver's files alone */
};

static const struct profile {
	unsigned needs;
	int caps[MAX_CAPS]; /* kept when there; ends with -1 */
} profiles[] = {
	[SANDBOX_COLLECT_FILES] = {NEED_READ, {CAP_DAC_READ_SEARCH, -1}},
	[SANDBOX_COLLECT_PROCESSES] = {NEED_READ | NEED_NETLINK | NEED_PROCESSES,
				       {CAP_DAC_READ_SEARCH, CAP_SYS_PTRACE, CAP_NET_ADMIN, -1}},
	[SANDBOX_COLLECT_NET] = {NEED_READ | NEED_NETLINK,
				 {CAP_DAC_READ_SEARCH, CAP_NET_ADMIN, CAP_AUDIT_CONTROL,
				  CAP_AUDIT_READ, -1}},
	[SANDBOX_COLLECT_BPF] = {NEED_READ | NEED_NETLINK | NEED_BPF,
				 {CAP_DAC_READ_SEARCH, CAP_NET_ADMIN, CAP_SYS_ADMIN, -1}},
	[SANDBOX_COLLECT_LIBVIRT] = {NEED_READ | NEED_UNIX, {CAP_DAC_READ_SEARCH, -1}},
	/* The right is what /dev/tpm0, which has no group that reads, wants. */
	[SANDBOX_COLLECT_TPM] = {NEED_READ | NEED_TPM, {CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE, -1}},
	[SANDBOX_EVIDENCE] = {NEED_READ, {CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE, -1}},
	[SANDBOX_EVIDENCE_SOFTWARE] = {NEED_READ | NEED_INET | NEED_UNIX,
				       {CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE, -1}},
	/* A report may go to a directory of whoever called sudo. */
	[SANDBOX_JUDGE] = {0, {CAP_DAC_OVERRIDE, -1}},
	/* Some values of /proc/sys ask for the last three. */
	[SANDBOX_CHANGE] = {NEED_READ | NEED_NETLINK | NEED_UNIX | NEED_CHANGE | NEED_GUARD,
			    {CAP_DAC_OVERRIDE, CAP_CHOWN, CAP_FOWNER, CAP_FSETID, CAP_SETFCAP,
			     CAP_NET_ADMIN, CAP_SYS_ADMIN, CAP_SYS_PTRACE, CAP_SYS_RAWIO, -1}},
	[SANDBOX_RECORD] = {0, {-1}},
	[SANDBOX_GUARD_ASK] = {NEED_NETLINK | NEED_ASK, {CAP_NET_ADMIN, CAP_SYS_ADMIN, -1}},
	[SANDBOX_PROVE] = {NEED_READ | NEED_NETLINK | NEED_PROCESSES | NEED_ASK,
			   {CAP_DAC_READ_SEARCH, CAP_SYS_PTRACE, CAP_NET_ADMIN, CAP_SYS_ADMIN, -1}},
	[SANDBOX_TRIAL] = {NEED_NETLINK | NEED_PACKET, {CAP_NET_ADMIN, CAP_NET_RAW, -1}},
	[SANDBOX_GUARD] = {NEED_NETLINK | NEED_ASK | NEED_PORTS,
			   {CAP_NET_ADMIN, CAP_SYS_ADMIN, -1}},
	/* Its own right for counters is as old as Linux 5.8; before, it was that to trace. */
	[SANDBOX_COUNT] = {NEED_READ | NEED_PERF,
			   {CAP_DAC_READ_SEARCH, CAP_PERFMON, CAP_SYS_PTRACE, -1}},
	[SANDBOX_LOAD] = {NEED_READ | NEED_GROUPS, {CAP_DAC_READ_SEARCH, -1}},
	[SANDBOX_SERVE] = {NEED_SERVE, {-1}},
	[SANDBOX_SERVE_NET] = {NEED_SERVE | NEED_READ | NEED_INET | NEED_UNIX, {-1}},
	[SANDBOX_DELIVER] = {NEED_INET | NEED_NETLINK | NEED_NAMES, {-1}},
	[SANDBOX_DIAL] = {NEED_SERVE | NEED_INET, {-1}},
};

/* Never allowed. */
static const char *const denied[] = {
	/* other programs and processes */
	"execve",
	"execveat",
	"ptrace",
	"process_vm_readv",
	"process_vm_writev",
	"process_madvise",
	"kcmp",
	"pidfd_open",
	"pidfd_getfd",
	"pidfd_send_signal",
	"kill",
	"tkill",
	"rt_sigqueueinfo",
	"rt_tgsigqueueinfo",
	/* mounts and namespaces */
	"mount",
	"umount",
	"umount2",
	"pivot_root",
	"chroot",
	"move_mount",
	"open_tree",
	"fsopen",
	"fsconfig",
	"fsmount",
	"fspick",
	"mount_setattr",
	"setns",
	"unshare",
	/* the kernel */
	"init_module",
	"finit_module",
	"delete_module",
	"kexec_load",
	"kexec_file_load",
	"reboot",
	"swapon",
	"swapoff",
	"userfaultfd",
	"syslog",
	"acct",
	"quotactl",
	"quotactl_fd",
	"iopl",
	"ioperm",
	"modify_ldt",
	"sethostname",
	"setdomainname",
	"settimeofday",
	"clock_settime",
	"stime",
	"vhangup",
	"fanotify_init",
	"open_by_handle_at",
	"nfsservctl",
	"lookup_dcookie",
	"uselib",
	"_sysctl",
	"personality",
	/* a second way to all of the above */
	"io_uring_setup",
	"io_uring_enter",
	"io_uring_register",
	/* keys and identity */
	"keyctl",
	"add_key",
	"request_key",
	"setuid",
	"setgid",
	"setreuid",
	"setregid",
	"setresuid",
	"setresgid",
	"setfsuid",
	"setfsgid",
	"setgroups",
	/* servers: who takes connections listened before */
	"listen",
};

static const char *const denied_accepts[] = {"accept", "accept4"};

/* Not allowed to who only reads: what Landlock does not see of files. */
static const char *const denied_changes[] = {
	"capset",	"mknod",	"mknodat",   "chmod",	  "fchmod",
	"fchmodat",	"fchmodat2",	"chown",     "fchown",	  "lchown",
	"fchownat",	"setxattr",	"lsetxattr", "fsetxattr", "removexattr",
	"lremovexattr", "fremovexattr", "utime",     "utimes",	  "utimensat",
	"futimesat",	"link",		"linkat",    "symlink",	  "symlinkat",
};

/* Not allowed without a writable directory. */
static const char *const denied_writes[] = {
	"creat",  "mkdir",    "mkdirat",   "rmdir",    "unlink",     "unlinkat",
	"rename", "renameat", "renameat2", "truncate", "truncate64",
};

/* Adds "; layer: why" to what a person is told. */
static void lacks(char *missing, const char *layer, const char *why)
{
	size_t len = strlen(missing);

	(void)rf_format(missing + len, SANDBOX_MISSING_BYTES - len, "%s%s: %s", len ? "; " : "",
			layer, why);
}

static uint64_t fs_rights(long abi)
{
	uint64_t rights = FS_ABI1;

	rights |= abi >= 2 ? LANDLOCK_ACCESS_FS_REFER : 0;
	rights |= abi >= 3 ? FS_TRUNCATE : 0;
	return rights | (abi >= 5 ? FS_IOCTL_DEV : 0);
}

static int allow_path(int ruleset, const char *path, int flags, uint64_t rights)
{
	struct landlock_path_beneath_attr rule = {.allowed_access = rights};

	rule.parent_fd = open(path, O_PATH | O_CLOEXEC | flags);
	if (rule.parent_fd < 0)
		return -errno;
	long rc = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);

	if (rc < 0)
		rc = -errno;
	close(rule.parent_fd);
	return (int)rc;
}

/* What Landlock is asked for; the ruleset's descriptor or -errno. */
static int make_ruleset(long abi, unsigned needs, uint64_t *rights)
{
	struct ruleset_attr attr = {.fs = fs_rights(abi)};
	size_t size = abi >= 6 ? 24 : abi >= 4 ? 16 : 8;

	*rights = attr.fs;
	attr.net = abi >= 4 && !(needs & NEED_INET) ? NET_TCP : 0;
	attr.scoped = abi >= 6 ? SCOPE_SIGNAL : 0;
	long fd = syscall(SYS_landlock_create_ruleset, &attr, size, 0);

	return fd < 0 ? -errno : (int)fd;
}

/* 0, 1 where the kernel has no Landlock (missing says so), or -errno. */
static int landlock_enter(const struct profile *profile, const char *const *writable, size_t count,
			  char *missing)
{
	static const char *const tpms[] = {"/dev/tpmrm0", "/dev/tpm0"};
	static const char *const names[] = {"/etc/resolv.conf",	  "/etc/hosts",
					    "/etc/nsswitch.conf", "/etc/host.conf",
					    "/etc/gai.conf",	  "/etc/services"};
	uint64_t rights = 0;
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	int ruleset = abi < 0 ? -errno : make_ruleset(abi, profile->needs, &rights);

	if (ruleset < 0) {
		lacks(missing, "Landlock",
		      ruleset == -ENOSYS || ruleset == -EOPNOTSUPP ? "this kernel does not offer it"
								   : rf_code_text(ruleset));
		return 1;
	}
	uint64_t write = FS_WRITE | (profile->needs & NEED_CHANGE ? FS_CHANGE : 0) |
			 (profile->needs & NEED_GROUPS ? LANDLOCK_ACCESS_FS_REMOVE_DIR : 0);
	int rc = profile->needs & NEED_READ
			 ? allow_path(ruleset, "/", O_DIRECTORY, FS_READ & rights)
			 : 0;

	for (size_t i = 0; i < count && rc == 0; i++)
		rc = allow_path(ruleset, writable[i], O_DIRECTORY, (FS_READ | write) & rights);
	for (size_t i = 0; i < RF_COUNT(tpms) && rc == 0 && (profile->needs & NEED_TPM); i++) {
		rc = allow_path(ruleset, tpms[i], 0,
				LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE);
		rc = rc == -ENOENT ? 0 : rc;
	}
	for (size_t i = 0; i < RF_COUNT(names) && rc == 0 && (profile->needs & NEED_NAMES); i++) {
		rc = allow_path(ruleset, names[i], 0, LANDLOCK_ACCESS_FS_READ_FILE);
		rc = rc == -ENOENT ? 0 : rc;
	}
	if (rc == 0 && syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
		rc = -errno;
	close(ruleset);
	return rc;
}

static bool has_caps(void)
{
	for (unsigned cap = 0; cap <= CAP_LAST_CAP; cap++) {
		if (capng_have_capability(CAPNG_PERMITTED, cap))
			return true;
	}
	return false;
}

static int drop_caps(const struct profile *profile)
{
	bool keep[MAX_CAPS] = {false};

	if (capng_get_caps_process() < 0)
		return -EPERM;
	/* Who has none has none to drop; and the unit of a service may forbid capset(2). */
	if (!has_caps())
		return 0;
	for (size_t i = 0; profile->caps[i] >= 0; i++)
		keep[i] = capng_have_capability(CAPNG_PERMITTED, (unsigned)profile->caps[i]);
	capng_clear(CAPNG_SELECT_CAPS);
	for (size_t i = 0; profile->caps[i] >= 0; i++) {
		if (keep[i] && capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED,
					    (unsigned)profile->caps[i]) < 0)
			return -EINVAL;
	}
	return capng_apply(CAPNG_SELECT_CAPS) < 0 ? -EPERM : 0;
}

#define DENY SCMP_ACT_ERRNO(EPERM)

/* Denies all calls of these names that this architecture has. */
static int deny_names(scmp_filter_ctx ctx, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int number = seccomp_syscall_resolve_name(names[i]);
		int rc = number == __NR_SCMP_ERROR ? 0 : seccomp_rule_add(ctx, DENY, number, 0);

		if (rc < 0)
			return rc;
	}
	return 0;
}

/* Denies opening for writing. openat2 keeps its flags in memory, where seccomp cannot look; there
 * is Landlock for it. */
static int deny_write_open(scmp_filter_ctx ctx)
{
	static const struct {
		uint64_t mask, value;
	} flags[] = {
		{O_ACCMODE, O_WRONLY}, {O_ACCMODE, O_RDWR}, {O_ACCMODE, O_ACCMODE},
		{O_CREAT, O_CREAT},    {O_TRUNC, O_TRUNC},
	};
	int rc = 0;

	for (size_t i = 0; i < RF_COUNT(flags) && rc == 0; i++) {
		rc = seccomp_rule_add(ctx, DENY, SCMP_SYS(open), 1,
				      SCMP_A1(SCMP_CMP_MASKED_EQ, flags[i].mask, flags[i].value));
		if (rc == 0)
			rc = seccomp_rule_add(
				ctx, DENY, SCMP_SYS(openat), 1,
				SCMP_A2(SCMP_CMP_MASKED_EQ, flags[i].mask, flags[i].value));
	}
	return rc;
}

/* Denies all socket families but those needed, and of netlink all that we ask nothing of. */
static int deny_sockets(scmp_filter_ctx ctx, unsigned needs)
{
	static const uint64_t kept_netlink = 1u << 0 /* route */ | 1u << 4 /* sock_diag */ |
					     1u << 9 /* audit */ | 1u << 12 /* netfilter */;
	int rc = seccomp_rule_add(ctx, DENY, SCMP_SYS(socket), 1,
				  SCMP_A0_32(SCMP_CMP_GT, LAST_FAMILY));

	for (uint32_t f = 0; f <= LAST_FAMILY && rc == 0; f++) {
		bool kept = (f == AF_NETLINK && (needs & NEED_NETLINK)) ||
			    (f == AF_UNIX && (needs & NEED_UNIX)) ||
			    (f == AF_PACKET && (needs & NEED_PACKET)) ||
			    ((f == AF_INET || f == AF_INET6) && (needs & NEED_INET));

		if (!kept)
			rc = seccomp_rule_add(ctx, DENY, SCMP_SYS(socket), 1,
					      SCMP_A0_32(SCMP_CMP_EQ, f));
	}
	for (uint32_t p = 0; p <= LAST_NETLINK && rc == 0 && (needs & NEED_NETLINK); p++) {
		if (p < LAST_NETLINK && (kept_netlink & (1ULL << p)))
			continue;
		rc = seccomp_rule_add(ctx, DENY, SCMP_SYS(socket), 2,
				      SCMP_A0_32(SCMP_CMP_EQ, AF_NETLINK),
				      SCMP_A2_32(p < LAST_NETLINK ? SCMP_CMP_EQ : SCMP_CMP_GE, p));
	}
	if (rc == 0)
		rc = seccomp_rule_add(ctx, DENY, SCMP_SYS(socketpair), 1,
				      SCMP_A0_32(SCMP_CMP_NE, AF_UNIX));
	return rc;
}

/* Of bpf(2) each profile has the commands that its work was seen to need. The guard hangs by clsact
 * or as a tcx program, never by a link, so that no command for links is among them. */
static int deny_bpf(scmp_filter_ctx ctx, unsigned needs)
{
	static const struct {
		unsigned need;
		uint64_t commands;
	} sets[] = {
		{NEED_BPF | NEED_GUARD | NEED_ASK, 1ULL << BPF_PROG_GET_FD_BY_ID |
							   1ULL << BPF_OBJ_GET_INFO_BY_FD |
							   1ULL << BPF_PROG_QUERY},
		{NEED_GUARD | NEED_ASK, 1ULL << BPF_MAP_LOOKUP_ELEM},
		{NEED_ASK, 1ULL << BPF_PROG_TEST_RUN},
		/* A port's owner of an address, and a tcx program. */
		{NEED_GUARD | NEED_PORTS,
		 1ULL << BPF_MAP_UPDATE_ELEM | 1ULL << BPF_MAP_DELETE_ELEM |
			 1ULL << BPF_PROG_ATTACH | 1ULL << BPF_PROG_DETACH},
		/* Loading: libbpf probes what the kernel has; a found guard's maps by their number.
		 */
		{NEED_GUARD, 1ULL << BPF_MAP_CREATE | 1ULL << BPF_PROG_LOAD | 1ULL << BPF_OBJ_PIN |
				     1ULL << BPF_OBJ_GET | 1ULL << BPF_MAP_GET_FD_BY_ID |
				     1ULL << BPF_BTF_LOAD | 1ULL << BPF_MAP_FREEZE |
				     1ULL << BPF_PROG_BIND_MAP},
	};
	uint64_t kept = 0;
	int rc = 0;

	for (size_t i = 0; i < RF_COUNT(sets); i++)
		kept |= needs & sets[i].need ? sets[i].commands : 0;
	if (!kept)
		return seccomp_rule_add(ctx, DENY, SCMP_SYS(bpf), 0);
	for (uint32_t c = 0; c <= LAST_BPF && rc == 0; c++) {
		if (c < LAST_BPF && (kept & (1ULL << c)))
			continue;
		rc = seccomp_rule_add(ctx, DENY, SCMP_SYS(bpf), 1,
				      SCMP_A0_32(c < LAST_BPF ? SCMP_CMP_EQ : SCMP_CMP_GE, c));
	}
	return rc;
}

/* Calls that are denied with some arguments only. */
static int deny_arguments(scmp_filter_ctx ctx)
{
	static const uint64_t namespaces[] = {CLONE_NEWNS,    CLONE_NEWUTS, CLONE_NEWIPC,
					      CLONE_NEWUSER,  CLONE_NEWPID, CLONE_NEWNET,
					      CLONE_NEWCGROUP};
	static const uint32_t ioctls[] = {TIOCSTI, TIOCLINUX};
	uint32_t self = (uint32_t)getpid();
	/* abort() and raise() need tgkill; others' threads are none of our business. */
	int rc = seccomp_rule_add(ctx, DENY, SCMP_SYS(tgkill), 1, SCMP_A0_32(SCMP_CMP_NE, self));

	for (size_t i = 0; i < RF_COUNT(namespaces) && rc == 0; i++)
		rc = seccomp_rule_add(ctx, DENY, SCMP_SYS(clone), 1,
				      SCMP_A0(SCMP_CMP_MASKED_EQ, namespaces[i], namespaces[i]));
	/* Its flags are in memory; the C library then falls back to clone. */
	if (rc == 0)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	for (size_t i = 0; i < RF_COUNT(ioctls) && rc == 0; i++)
		rc = seccomp_rule_add(ctx, DENY, SCMP_SYS(ioctl), 1,
				      SCMP_A1_32(SCMP_CMP_EQ, ioctls[i]));
	if (rc == 0)
		rc = seccomp_rule_add(ctx, DENY, SCMP_SYS(prlimit64), 1,
				      SCMP_A0_32(SCMP_CMP_NE, 0));
	return rc;
}

/* writes: Landlock says where. */
static int seccomp_enter(const struct profile *profile, bool writes, bool landlocked)
{
	static const char *const unseen[] = {"openat2"}, *const counters[] = {"perf_event_open"};
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);

	if (!ctx)
		return -ENOMEM;
	int rc = deny_names(ctx, denied, RF_COUNT(denied));

	if (rc == 0 && !(profile->needs & NEED_SERVE))
		rc = deny_names(ctx, denied_accepts, RF_COUNT(denied_accepts));
	if (rc == 0 && !(profile->needs & NEED_PERF))
		rc = deny_names(ctx, counters, RF_COUNT(counters));
	if (rc == 0 && !(profile->needs & NEED_CHANGE))
		rc = deny_names(ctx, denied_changes, RF_COUNT(denied_changes));
	if (rc == 0 && !writes)
		rc = deny_names(ctx, denied_writes, RF_COUNT(denied_writes));
	if (rc == 0 && !writes)
		rc = deny_write_open(ctx);
	/* A profile without Landlock by choice reads the live host, which needs no openat2. */
	if (rc == 0 && !writes && !landlocked)
		rc = deny_names(ctx, unseen, RF_COUNT(unseen));
	if (rc == 0)
		rc = deny_sockets(ctx, profile->needs);
	if (rc == 0)
		rc = deny_bpf(ctx, profile->needs);
	if (rc == 0)
		rc = deny_arguments(ctx);
	if (rc == 0)
		rc = seccomp_load(ctx);
	seccomp_release(ctx);
	return rc;
}

int sandbox_enter(enum sandbox_profile which, const char *const *writable, size_t writable_count,
		  char missing[SANDBOX_MISSING_BYTES], struct rf_err *err)
{
	missing[0] = '\0';
	if ((unsigned)which >= RF_COUNT(profiles))
		return rf_fail(err, RF_E_UNKNOWN, "no sandbox has the number %d", (int)which);
	const struct profile *profile = &profiles[which];
	bool landlocked = !(profile->needs & NEED_PROCESSES);

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return rf_fail(err, RF_E_DENIED, "new privileges cannot be given up: %s",
			       rf_code_text(-errno));
	int rc = drop_caps(profile);

	if (rc < 0)
		lacks(missing, "capabilities", "they could not be dropped");
	rc = landlocked ? landlock_enter(profile, writable, writable_count, missing) : 0;
	if (rc < 0)
		return rf_fail(err, rc, "sandbox: %s", rf_code_text(rc));
	if (!landlocked && writable_count > 0)
		lacks(missing, "Landlock", "off, for it hides other processes' files");
	/* The TPM is opened for writing: only where Landlock keeps all else from it. */
	bool opens_tpm = (profile->needs & NEED_TPM) && rc == 0;

	rc = seccomp_enter(profile, writable_count > 0 || opens_tpm, landlocked);
	if (rc < 0)
		lacks(missing, "seccomp", rf_code_text(rc));
	return 0;
}
