/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plans applied to a host that is a folder: as wanted, again without a change, back byte for byte;
 * and everything that can go wrong on the way, first of all being killed at every system call that
 * writes.
 */
#include "change_test.h"

#include <errno.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>

/* A host with something for each verb to do. */
static void host_fill(struct folder_host *h)
{
	host_make(h);
	host_file(h, "/etc/login.defs", "# x\nUMASK\t\t022\nPASS_MAX_DAYS 99999\n", 0644);
	host_file(h, "/etc/libvirt/qemu.conf", "#user = \"root\"\nuser = \"root\"\n", 0600);
	host_file(h, "/etc/shadow", "root:x\n", 0666);
	host_file(h, "/proc/sys/kernel/dmesg_restrict", "0\n", 0644);
	host_file(h, "/etc/systemd/system/keep", "", 0644);
}

#define WANTS 8
static void wants_fill(struct want w[WANTS])
{
	size_t n = 0;

	w[n++] = want_verb("value", "/proc/sys/kernel/dmesg_restrict", "1");
	w[n++] = want_edit("/etc/login.defs", "space", "UMASK", "027");
	w[n++] = want_edit("/etc/login.defs", "space", "PASS_MAX_DAYS", "90");
	w[n++] = want_edit("/etc/libvirt/qemu.conf", "virtconf", "user", "libvirt-qemu");
	w[n++] = want_mode("/etc/shadow", 0640);
	w[n++] = want_verb("folder", "/etc/sysctl.d", NULL);
	w[n++] = want_edit("/etc/sysctl.d/99-zz-ringfence.conf", "equals", "kernel.dmesg_restrict",
			   "1");
	w[n++] = want_verb("link", "/etc/systemd/system/rpcbind.service", "/dev/null");
	assert_int_equal(n, WANTS);
}

static void as_wanted(const struct folder_host *h)
{
	struct stat st;
	char path[256];

	assert_string_equal(host_text(h, "/etc/login.defs"),
			    "# x\nUMASK\t\t027\nPASS_MAX_DAYS 90\n");
	assert_string_equal(host_text(h, "/etc/libvirt/qemu.conf"),
			    "#user = \"root\"\nuser = \"libvirt-qemu\"\n");
	assert_string_equal(host_text(h, "/proc/sys/kernel/dmesg_restrict"), "1\n");
	assert_string_equal(host_text(h, "/etc/sysctl.d/99-zz-ringfence.conf"),
			    "kernel.dmesg_restrict = 1\n");
	snprintf(path, sizeof(path), "%s/etc/shadow", h->dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	snprintf(path, sizeof(path), "%s/etc/libvirt/qemu.conf", h->dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void applied_again_and_undone(void **state)
{
	struct folder_host h;
	struct want wants[WANTS];
	struct rf_err err = {0};
	struct priv_result result;

	(void)state;
	host_fill(&h);
	wants_fill(wants);
	RF_AUTOFREE char *before = picture(&h);
	struct engine engine = must_open(&h);
	PLAN_AUTO struct plan plan = plan_for(&engine, wants, WANTS);

	assert_int_equal(plan.refusals_count, 0);
	assert_int_equal(plan.count, WANTS);
	if (plan_apply(&engine, &plan, 0, &result, &err) < 0)
		fail_msg("%s", rf_err_text(&err));
	assert_int_equal(result.applied_count, 7);
	as_wanted(&h);
	/* A second plan has nothing to do. */
	RF_AUTOFREE char *after = picture(&h);
	PLAN_AUTO struct plan again = plan_for(&engine, wants, WANTS);

	assert_int_equal(again.count, 0);
	assert_int_equal(again.held_count, WANTS);
	/* The same plan twice is refused, and changes nothing. */
	assert_int_equal(plan_apply(&engine, &plan, 0, &result, &err), RF_E_DUPLICATE);
	RF_AUTOFREE char *same = picture(&h);

	assert_string_equal(after, same);
	if (engine_rollback(&engine, "", &result, &err) < 0)
		fail_msg("%s", rf_err_text(&err));
	assert_true(result.undone);
	RF_AUTOFREE char *back = picture(&h);

	assert_string_equal(before, back);
	assert_int_equal(engine_rollback(&engine, "", &result, &err), RF_E_MISSING);
	assert_int_equal(engine_rollback(&engine, plan.id, &result, &err), RF_E_MISSING);
	engine_close(&engine);
	host_done(&h);
}

static void labels_and_owners_are_kept(void **state)
{
	struct folder_host h;
	struct rf_err err = {0};
	struct priv_result result;
	char path[256], value[16] = {0};
	struct stat st;

	(void)state;
	host_fill(&h);
	snprintf(path, sizeof(path), "%s/etc/login.defs", h.dir);
	if (geteuid() != 0 || chown(path, 12, 34) < 0 ||
	    setxattr(path, "trusted.note", "kept", 4, 0) < 0) {
		host_done(&h);
		skip();
	}
	chmod(path, 02640);
	struct engine engine = must_open(&h);
	struct want want = want_edit("/etc/login.defs", "space", "UMASK", "027");
	PLAN_AUTO struct plan plan = plan_for(&engine, &want, 1);

	assert_int_equal(plan_apply(&engine, &plan, 0, &result, &err), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_uid, 12);
	assert_int_equal(st.st_gid, 34);
	assert_int_equal(st.st_mode & 07777, 02640);
	assert_int_equal(getxattr(path, "trusted.note", value, sizeof(value)), 4);
	assert_string_equal(value, "kept");
	engine_close(&engine);
	host_done(&h);
}

static void stale_plans_are_refused(void **state)
{
	struct folder_host h;
	struct want wants[WANTS];
	struct rf_err err = {0};
	struct priv_result result;

	(void)state;
	host_fill(&h);
	wants_fill(wants);
	struct engine engine = must_open(&h);
	PLAN_AUTO struct plan plan = plan_for(&engine, wants, WANTS);

	host_file(&h, "/etc/login.defs", "UMASK 077\n", 0644);
	RF_AUTOFREE char *before = picture(&h);

	assert_int_equal(plan_apply(&engine, &plan, 0, &result, &err), RF_E_CHANGED);
	RF_AUTOFREE char *after = picture(&h);

	assert_string_equal(before, after);
	assert_non_null(strstr(err.text, "/etc/login.defs"));
	engine_close(&engine);
	host_done(&h);
}

/* Changed between being taken and being applied: nothing half done. */
static void changed_meanwhile_is_undone(void **state)
{
	struct folder_host h;
	struct want wants[WANTS];
	struct rf_err err = {0};
	struct priv_result result;

	(void)state;
	host_fill(&h);
	wants_fill(wants);
	struct engine engine = must_open(&h);
	PLAN_AUTO struct plan plan = plan_for(&engine, wants, WANTS);

	assert_int_equal(plan_take(&engine, &plan, &err), 0);
	host_file(&h, "/proc/sys/kernel/dmesg_restrict", "7\n", 0644);
	RF_AUTOFREE char *before = picture(&h);

	assert_int_equal(engine_commit(&engine, 0, &result, &err), RF_E_CHANGED);
	assert_true(result.undone);
	RF_AUTOFREE char *after = picture(&h);

	assert_string_equal(before, after);
	engine_close(&engine);
	host_done(&h);
}

static void others_work_is_not_overwritten(void **state)
{
	struct folder_host h;
	struct want wants[WANTS];
	struct rf_err err = {0};
	struct priv_result result;

	(void)state;
	host_fill(&h);
	wants_fill(wants);
	struct engine engine = must_open(&h);
	PLAN_AUTO struct plan plan = plan_for(&engine, wants, WANTS);

	assert_int_equal(plan_apply(&engine, &plan, 0, &result, &err), 0);
	host_file(&h, "/etc/login.defs", "UMASK 077\n", 0644);
	RF_AUTOFREE char *before = picture(&h);

	assert_int_equal(engine_rollback(&engine, plan.id, &result, &err), RF_E_CHANGED);
	RF_AUTOFREE char *after = picture(&h);

	assert_string_equal(before, after);
	engine_close(&engine);
	host_done(&h);
}

static void flags_and_chosen_words(void **state)
{
	static const struct {
		const char *verb, *path, *before, *value, *after;
	} rows[] = {
		{"link-flag-off", "/sys/class/net/a/flags", "0x1103\n", "up", "0x1102\n"},
		{"link-flag-off", "/sys/class/net/b/flags", "0x1103\n", "promisc", "0x1003\n"},
		{"value", "/sys/class/net/a/brport/isolated", "0\n", "1", "1\n"},
		{"value", "/sys/kernel/mm/ksm/run", "1\n", "0", "0\n"},
		{"value", "/proc/sys/net/ipv4/conf/a/rp_filter", "0\n", "1", "1\n"},
		{"value", "/sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n",
		 "never", "never\n"},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		struct folder_host h;
		struct rf_err err = {0};
		struct priv_result result;

		host_make(&h);
		host_file(&h, rows[i].path, rows[i].before, 0644);
		struct engine engine = must_open(&h);
		struct want want = want_verb(rows[i].verb, rows[i].path, rows[i].value);
		PLAN_AUTO struct plan plan = plan_for(&engine, &want, 1);

		assert_int_equal(plan.count, 1);
		assert_int_equal(plan_apply(&engine, &plan, 0, &result, &err), 0);
		assert_string_equal(host_text(&h, rows[i].path), rows[i].after);
		PLAN_AUTO struct plan again = plan_for(&engine, &want, 1);

		assert_int_equal(again.count, 0);
		assert_int_equal(engine_rollback(&engine, "", &result, &err), 0);
		assert_string_equal(host_text(&h, rows[i].path), rows[i].before);
		engine_close(&engine);
		host_done(&h);
	}
}

/* ---- what is refused ---- */

static void refusals_name_the_reason(void **state)
{
	struct folder_host h;

	(void)state;
	host_fill(&h);
	host_file(&h, "/etc/cron.d/x", "", 0644);
	struct want wants[] = {
		want_edit("/etc/passwd", "space", "root", "x"),
		want_edit("/etc/login.defs", "equals", "UMASK", "027"),
		want_edit("/etc/libvirt/../login.defs", "virtconf", "a", "1"),
		want_edit("/etc/ssh/sshd_config", "sshd", "AuthorizedKeysCommand", "/tmp/x"),
		want_edit("/etc/sudoers.d/ringfence-x", "space", "ALL", "ALL=(ALL) NOPASSWD: ALL"),
		want_edit("/etc/profile.d/zz-ringfence-x.sh", "shell", "TMOUT", "$(id)"),
		want_edit("/etc/profile.d/zz-ringfence-x.sh", "line", "umask", "umask 027; id"),
		want_edit("/etc/default/grub", "shellwords", "GRUB_DISABLE_OS_PROBER", "a"),
		want_edit("/etc/sysctl.d/a.conf", "equals", "kernel.core_pattern", "|/tmp/x"),
		want_edit("/etc/sysctl.d/a.conf", "equals", "kernel.modprobe", "/tmp/x"),
		want_edit("/vm/a.vmx", "vmx", "a", "1"),
		want_verb("value", "/proc/sys/kernel/core_pattern", "|/tmp/x"),
		want_verb("value", "/proc/sys/kernel/no_such_value", "1"),
		want_verb("value", "/sys/power/state", "mem"),
		want_verb("link-flag-off", "/sys/class/net/a/flags", "running"),
		want_verb("link-flag-off", "/sys/class/net/a/mtu", "up"),
		want_verb("link", "/etc/systemd/system/a.service", "/tmp/x"),
		want_verb("link", "/etc/cron.d/x", "/dev/null"),
		want_verb("folder", "/etc/x", NULL),
		want_mode("/usr/bin/sudo", 0700),
		want_mode("/etc/shadow", 0000),
		want_verb("format-disk", "/dev/sda", NULL),
	};
	struct engine engine = must_open(&h);
	PLAN_AUTO struct plan plan = plan_for(&engine, wants, RF_COUNT(wants));

	assert_int_equal(plan.count, 0);
	assert_int_equal(plan.held_count, 0);
	assert_int_equal(plan.refusals_count, RF_COUNT(wants));
	for (size_t i = 0; i < plan.refusals_count; i++)
		assert_true(strlen(plan.refusals[i].reason) > 10);
	engine_close(&engine);
	host_done(&h);
}

static void two_wants_that_contradict(void **state)
{
	struct folder_host h;

	(void)state;
	host_fill(&h);
	struct want wants[] = {
		want_edit("/etc/login.defs", "space", "UMASK", "027"),
		want_edit("/etc/login.defs", "space", "UMASK", "077"),
		want_edit("/etc/login.defs", "space", "UMASK", "027"),
	};
	struct engine engine = must_open(&h);
	PLAN_AUTO struct plan plan = plan_for(&engine, wants, RF_COUNT(wants));

	assert_int_equal(plan.count, 1);
	assert_int_equal(plan.held_count, 1);
	assert_int_equal(plan.refusals_count, 1);
	engine_close(&engine);
	host_done(&h);
}

/* What the planner asks is checked again: a step whose result is not the one that was shown. */
static void lies_of_the_planner(void **state)
{
	struct folder_host h;
	struct rf_err err = {0};
	struct priv_result result;

	(void)state;
	host_fill(&h);
	struct engine engine = must_open(&h);
	struct want want = want_edit("/etc/login.defs", "space", "UMASK", "027");
	PLAN_AUTO struct plan plan = plan_for(&engine, &want, 1);
	struct change_spec *spec = &plan.changes[0].spec;
	RF_AUTOFREE char *before = picture(&h);

	/* Another value than the digest says. */
	strcpy((char *)spec->value, "000");
	assert_int_equal(plan_apply(&engine, &plan, 0, &result, &err), RF_E_MISMATCH);
	/* A text without an end; a target behind the allow-list's back. */
	strcpy(plan.id, "20261123-000000-1");
	memset(spec->key, 'x', sizeof(spec->key));
	assert_int_equal(plan_apply(&engine, &plan, 0, &result, &err), RF_E_LIMIT);
	strcpy(plan.id, "20261123-000000-2");
	strcpy(spec->key, "UMASK");
	strcpy(spec->target, "/etc/login.defs/../passwd");
	assert_true(plan_apply(&engine, &plan, 0, &result, &err) < 0);
	strcpy(plan.id, "../../x");
	strcpy(spec->target, "/etc/login.defs");
	assert_int_equal(plan_apply(&engine, &plan, 0, &result, &err), RF_E_SYNTAX);
	RF_AUTOFREE char *after = picture(&h);

	assert_string_equal(before, after);
	engine_close(&engine);
	host_done(&h);
}

static void links_lead_nowhere(void **state)
{
	struct folder_host h;
	char path[256], outside[96];

	(void)state;
	host_fill(&h);
	snprintf(outside, sizeof(outside), "%s-outside", h.dir);
	assert_int_equal(mkdir(outside, 0755), 0);
	snprintf(path, sizeof(path), "%s/etc/sysctl.d", h.dir);
	assert_int_equal(symlink(outside, path), 0);
	snprintf(path, sizeof(path), "%s/etc/security", h.dir);
	mkdir(path, 0755);
	snprintf(path, sizeof(path), "%s/etc/security/faillock.conf", h.dir);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	struct want wants[] = {
		want_edit("/etc/sysctl.d/a.conf", "equals", "kernel.sysrq", "0"),
		want_edit("/etc/security/faillock.conf", "equals", "deny", "5"),
		want_mode("/etc/security/faillock.conf", 0600),
		want_mode("/etc/sysctl.d/a.conf", 0600),
	};
	struct engine engine = must_open(&h);
	PLAN_AUTO struct plan plan = plan_for(&engine, wants, RF_COUNT(wants));

	assert_int_equal(plan.count, 0);
	assert_int_equal(plan.refusals_count, RF_COUNT(wants));
	engine_close(&engine);
	assert_int_equal(rmdir(outside), 0);
	host_done(&h);
}

/* A folder that anybody can write: content is not put there, a second name is not chmodded. */
static void folders_of_others(void **state)
{
	struct folder_host h;
	struct rf_err err = {0};
	struct priv_result result;
	char path[256], other[256];

	(void)state;
	host_fill(&h);
	host_file(&h, "/var/x/a", "", 0666);
	host_file(&h, "/var/secret", "", 0666);
	snprintf(path, sizeof(path), "%s/var/x/b", h.dir);
	snprintf(other, sizeof(other), "%s/var/secret", h.dir);
	assert_int_equal(link(other, path), 0);
	snprintf(path, sizeof(path), "%s/var/x", h.dir);
	assert_int_equal(chmod(path, 0777), 0);
	snprintf(path, sizeof(path), "%s/etc/libvirt", h.dir);
	assert_int_equal(chmod(path, 0777), 0);
	struct engine engine = must_open(&h);
	struct want wants[] = {
		want_mode("/var/x/a", 0600),
		want_mode("/var/x/b", 0600),
		want_edit("/etc/libvirt/qemu.conf", "virtconf", "user", "libvirt-qemu"),
	};

	for (size_t i = 0; i < RF_COUNT(wants); i++) {
		PLAN_AUTO struct plan plan = plan_for(&engine, &wants[i], 1);

		assert_int_equal(plan.count, 1);
		assert_int_equal(plan_apply(&engine, &plan, 0, &result, &err),
				 i == 0 ? 0 : RF_E_DENIED);
		assert_true(i == 0 || result.undone);
	}
	engine_close(&engine);
	host_done(&h);
}

/* ---- faults ---- */

/* Room for the state, none for the change: a small file system that is full. */
static void a_full_disk(void **state)
{
	struct folder_host h;
	struct want wants[WANTS];
	struct rf_err err = {0};
	struct priv_result result;
	char path[256];
	static char block[4096];

	(void)state;
	host_make(&h);
	if (geteuid() != 0 || mount("none", h.dir, "tmpfs", 0, "size=192k") < 0) {
		host_done(&h);
		skip();
	}
	host_file(&h, "/etc/login.defs", "UMASK 022\n", 0644);
	host_file(&h, "/etc/libvirt/qemu.conf", "user = \"root\"\n", 0600);
	host_file(&h, "/etc/shadow", "x\n", 0666);
	host_file(&h, "/etc/systemd/system/x", "", 0644);
	host_file(&h, "/proc/sys/kernel/dmesg_restrict", "0\n", 0644);
	struct engine engine = must_open(&h);

	wants_fill(wants);
	PLAN_AUTO struct plan plan = plan_for(&engine, wants, WANTS);

	snprintf(path, sizeof(path), "%s/fill", h.dir);
	FILE *f = fopen(path, "wb");

	assert_non_null(f);
	setvbuf(f, NULL, _IONBF, 0);
	while (fwrite(block, 1, sizeof(block), f) == sizeof(block))
		;
	fclose(f);
	RF_AUTOFREE char *before = picture(&h);

	assert_int_equal(plan_apply(&engine, &plan, 0, &result, &err), -ENOSPC);
	assert_true(result.undone);
	RF_AUTOFREE char *after = picture(&h);

	assert_string_equal(before, after);
	engine_close(&engine);
	umount(h.dir);
	host_done(&h);
}

static void a_read_only_etc(void **state)
{
	struct folder_host h;
	struct want wants[WANTS];
	struct rf_err err = {0};
	struct priv_result result;
	char path[256];

	(void)state;
	host_fill(&h);
	struct engine engine = must_open(&h);

	wants_fill(wants);
	PLAN_AUTO struct plan plan = plan_for(&engine, wants, WANTS);

	snprintf(path, sizeof(path), "%s/etc", h.dir);
	if (geteuid() != 0 || mount(path, path, NULL, MS_BIND, NULL) < 0) {
		engine_close(&engine);
		host_done(&h);
		skip();
	}
	assert_int_equal(mount(NULL, path, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL), 0);
	RF_AUTOFREE char *before = picture(&h);

	assert_int_equal(plan_apply(&engine, &plan, 0, &result, &err), -EROFS);
	assert_true(result.undone);
	RF_AUTOFREE char *after = picture(&h);

	assert_string_equal(before, after);
	umount(path);
	engine_close(&engine);
	host_done(&h);
}

/* A ledger that cannot be written: nothing is changed. */
static void no_ledger_no_change(void **state)
{
	struct folder_host h;
	struct want wants[WANTS];
	struct rf_err err = {0};
	struct priv_result result;
	char path[256];

	(void)state;
	host_fill(&h);
	struct engine engine = must_open(&h);

	wants_fill(wants);
	PLAN_AUTO struct plan plan = plan_for(&engine, wants, WANTS);
	RF_AUTOFREE char *before = picture(&h);

	snprintf(path, sizeof(path), "%s/ledger", h.state);
	assert_int_equal(symlink("/nowhere", path), 0);
	assert_true(plan_apply(&engine, &plan, 0, &result, &err) < 0);
	RF_AUTOFREE char *after = picture(&h);

	assert_string_equal(before, after);
	engine_close(&engine);
	host_done(&h);
}

/* System calls that change something, here or on disk. */
static bool writes(unsigned long long nr)
{
	static const long calls[] = {
		SYS_write,     SYS_pwrite64,	 SYS_renameat, SYS_renameat2, SYS_unlinkat,
		SYS_mkdirat,   SYS_chmod,	 SYS_fchmod,   SYS_fchmodat,  SYS_fchownat,
		SYS_symlinkat, SYS_ftruncate,	 SYS_fsync,    SYS_fdatasync, SYS_utimensat,
		SYS_fsetxattr, SYS_fremovexattr, SYS_linkat,   SYS_fork,      SYS_clone,
		SYS_wait4,
	};

	for (size_t i = 0; i < RF_COUNT(calls); i++) {
		if ((unsigned long long)calls[i] == nr)
			return true;
	}
	return false;
}

/* Runs work in a child and kills it when it is about to make its n-th writing call (from 1).
 * False when it ended before. */
static bool killed_at(unsigned n, void (*work)(void *arg), void *arg)
{
	unsigned seen = 0;
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		work(arg);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *)(PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL));
	for (bool entering = true;; entering = !entering) {
		struct user_regs_struct regs;

		ptrace(PTRACE_SYSCALL, pid, NULL, NULL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		while (WIFSTOPPED(status) && WSTOPSIG(status) != (SIGTRAP | 0x80)) {
			ptrace(PTRACE_SYSCALL, pid, NULL, (void *)(long)WSTOPSIG(status));
			assert_int_equal(waitpid(pid, &status, 0), pid);
		}
		if (WIFEXITED(status) || WIFSIGNALED(status))
			return false;
		ptrace(PTRACE_GETREGS, pid, NULL, &regs);
		if (!entering || !writes(regs.orig_rax) || ++seen < n)
			continue;
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		return true;
	}
}

struct work {
	struct folder_host *h;
	struct plan *plan;
};

static void work_apply(void *arg)
{
	struct work *w = arg;
	struct engine engine;
	struct priv_result result;

	if (engine_open(&engine, &w->h->options, &test_verbs, NULL) == 0 &&
	    plan_apply(&engine, w->plan, 0, &result, NULL) == 0)
		engine_close(&engine);
}

static void work_rollback(void *arg)
{
	struct work *w = arg;
	struct engine engine;
	struct priv_result result;

	if (engine_open(&engine, &w->h->options, &test_verbs, NULL) == 0 &&
	    engine_rollback(&engine, "", &result, NULL) == 0)
		engine_close(&engine);
}

static void work_recover(void *arg)
{
	struct work *w = arg;
	struct engine engine;
	RF_AUTOBUF struct rf_buf said = {0};

	if (engine_open(&engine, &w->h->options, &test_verbs, NULL) == 0 &&
	    engine_recover(&engine, &said, NULL) == 0)
		engine_close(&engine);
}

static void recover(struct folder_host *h, struct rf_buf *said)
{
	struct engine engine = must_open(h);
	struct rf_err err = {0};

	if (engine_recover(&engine, said, &err) < 0)
		fail_msg("%s", rf_err_text(&err));
	engine_close(&engine);
}

/* No temporary file may stay behind. */
static bool has_leftover(const char *text)
{
	return strstr(text, ".ringfence-2") != NULL;
}

/*
 * Killed before every writing call of an apply: after the next start the host is as before, or,
 * once all was done, as wanted; nothing between, and nothing left lying about.
 */
static void killed_at_every_step(void **state)
{
	unsigned n = 1, undone = 0;

	(void)state;
	for (bool killed = true; killed; n++) {
		struct folder_host h;
		struct want wants[WANTS];
		RF_AUTOBUF struct rf_buf said = {0};

		host_fill(&h);
		wants_fill(wants);
		RF_AUTOFREE char *before = picture(&h);
		struct engine engine = must_open(&h);
		PLAN_AUTO struct plan plan = plan_for(&engine, wants, WANTS);
		struct work work = {&h, &plan};

		engine_close(&engine);
		killed = killed_at(n, work_apply, &work);
		recover(&h, &said);
		RF_AUTOFREE char *after = picture(&h);

		if (has_leftover(after))
			fail_msg("call %u: something is left: %s", n, after);
		if (strcmp(before, after) == 0)
			undone++;
		else
			as_wanted(&h);
		/* Nothing to do a second time. */
		rf_buf_reset(&said);
		recover(&h, &said);
		assert_string_equal(rf_buf_text(&said), "");
		host_done(&h);
	}
	print_message("killed at %u calls, undone after %u of them\n", n - 2, undone);
	assert_true(n > 60);
	assert_true(undone > 50);
}

/* The same while it is being rolled back, and while it recovers from that. */
static void killed_while_undoing(void **state)
{
	bool killed = true;

	(void)state;
	for (unsigned n = 1; killed; n++) {
		struct folder_host h;
		struct want wants[WANTS];
		RF_AUTOBUF struct rf_buf said = {0};
		struct priv_result result;

		host_fill(&h);
		wants_fill(wants);
		RF_AUTOFREE char *before = picture(&h);
		struct engine engine = must_open(&h);
		PLAN_AUTO struct plan plan = plan_for(&engine, wants, WANTS);
		struct work work = {&h, &plan};

		assert_int_equal(plan_apply(&engine, &plan, 0, &result, NULL), 0);
		engine_close(&engine);
		killed = killed_at(n, work_rollback, &work);
		killed_at(n / 2 + 1, work_recover, &work);
		recover(&h, &said);
		RF_AUTOFREE char *after = picture(&h);

		/* Before its first record the rollback had not begun. */
		if (strcmp(before, after) != 0)
			as_wanted(&h);
		assert_false(has_leftover(after));
		assert_true(killed || strcmp(before, after) == 0);
		host_done(&h);
	}
}

/* ---- confirmation ---- */

static void wait_for(const struct folder_host *h, const char *before)
{
	for (int i = 0; i < 600; i++) {
		RF_AUTOFREE char *now = picture(h);

		if (strcmp(now, before) == 0)
			return;
		usleep(20000);
	}
	fail_msg("it was not undone");
}

static void unconfirmed_is_undone(void **state)
{
	struct folder_host h;
	struct want wants[WANTS];
	struct rf_err err = {0};
	struct priv_result result;

	(void)state;
	host_fill(&h);
	wants_fill(wants);
	RF_AUTOFREE char *before = picture(&h);
	struct engine engine = must_open(&h);
	PLAN_AUTO struct plan plan = plan_for(&engine, wants, WANTS);

	if (plan_apply(&engine, &plan, 1, &result, &err) < 0)
		fail_msg("%s", rf_err_text(&err));
	assert_true(result.unconfirmed);
	/* Whoever asked is gone; the watcher is not. */
	engine_close(&engine);
	wait_for(&h, before);
	/* Its last record may still be on the way. */
	engine = must_open(&h);
	RF_AUTOBUF struct rf_buf said = {0};

	assert_int_equal(engine_recover(&engine, &said, &err), 0);
	assert_int_equal(engine_confirm(&engine, plan.id, &err), RF_E_MISSING);
	engine_close(&engine);
	host_done(&h);
}

static void confirmed_stays(void **state)
{
	struct folder_host h;
	struct want wants[WANTS];
	struct rf_err err = {0};
	struct priv_result result;
	RF_AUTOBUF struct rf_buf said = {0};

	(void)state;
	host_fill(&h);
	wants_fill(wants);
	struct engine engine = must_open(&h);
	PLAN_AUTO struct plan plan = plan_for(&engine, wants, WANTS);

	assert_int_equal(plan_apply(&engine, &plan, 2, &result, &err), 0);
	/* While somebody watches, a start of another process leaves it alone. */
	assert_int_equal(engine_recover(&engine, &said, &err), 0);
	assert_string_equal(rf_buf_text(&said), "");
	assert_int_equal(engine_confirm(&engine, plan.id, &err), 0);
	sleep(3);
	as_wanted(&h);
	engine_close(&engine);
	host_done(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(applied_again_and_undone),
		cmocka_unit_test(labels_and_owners_are_kept),
		cmocka_unit_test(stale_plans_are_refused),
		cmocka_unit_test(changed_meanwhile_is_undone),
		cmocka_unit_test(others_work_is_not_overwritten),
		cmocka_unit_test(flags_and_chosen_words),
		cmocka_unit_test(refusals_name_the_reason),
		cmocka_unit_test(two_wants_that_contradict),
		cmocka_unit_test(lies_of_the_planner),
		cmocka_unit_test(links_lead_nowhere),
		cmocka_unit_test(folders_of_others),
		cmocka_unit_test(a_full_disk),
		cmocka_unit_test(a_read_only_etc),
		cmocka_unit_test(no_ledger_no_change),
		cmocka_unit_test(killed_at_every_step),
		cmocka_unit_test(killed_while_undoing),
		cmocka_unit_test(unconfirmed_is_undone),
		cmocka_unit_test(confirmed_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
