/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collector qemu-processes: what the running QEMU and swtpm processes really have, whoever started
 * them and whatever their definitions say. Sources: proc(5), capabilities(7), apparmor(7). Which VM
 * a process is, is joined later (model/derive.sql), where libvirt's answer is at hand.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/collect.h"
#include "collect/proc.h"
#include "collect/qemu_cgroup.h"
#include "collect/qemu_cmdline.h"
#include "collect/qemu_files.h"
#include "collect/util.h"

#define DPKG_INFO  "/var/lib/dpkg/info"
#define NO_PACKAGE "-" /* in the cache: looked for, found in no list */

struct run {
	struct sys *sys;
	struct fact_sink *out;
	struct util_users users;
	struct rf_map packages; /* binary to package name */
	char host_mnt[128], host_net[128];
	bool has_dpkg;
};

/* What one process is found to be. */
struct found {
	const char *pid;
	int64_t number;
	struct fact_vm_process row;
	char cap_effective[32], cap_permitted[32], label[512], exe[RF_MAX_PATH_BYTES], source[64];
	char account[128];
	struct qemu_cmdline line;
};

static void gap(struct run *r, const struct found *f, const char *col, const char *why)
{
	fact_gap(r->out, FACT_T_VM_PROCESS, f->pid, col, f->source, "%s; run as root", why);
}

static bool proc_path(char *out, size_t size, const char *pid, const char *name)
{
	return rf_format(out, size, "/proc/%s/%s", pid, name);
}

/* Second number of "Uid:\t0\t0\t0\t0": the effective one. */
static struct fact_int second_number(char *rest)
{
	int64_t v;

	rf_word_next(&rest);
	const char *word = rf_word_next(&rest);

	if (!word || rf_num(word, 10, 0, UINT32_MAX, &v) < 0)
		return (struct fact_int){0};
	return FACT_INT(v);
}

static struct fact_int number_of(char *rest)
{
	int64_t v;

	return rf_num(rf_trim(rest), 10, 0, INT32_MAX, &v) == 0 ? FACT_INT(v)
								: (struct fact_int){0};
}

static void status_line(struct found *f, char *line)
{
	struct fact_vm_process *row = &f->row;
	char *rest = strchr(line, ':');

	if (!rest)
		return;
	*rest++ = '\0';
	if (strcmp(line, "Uid") == 0)
		row->uid = second_number(rest);
	else if (strcmp(line, "Gid") == 0)
		row->gid = second_number(rest);
	else if (strcmp(line, "CapEff") == 0)
		rf_copy(f->cap_effective, sizeof(f->cap_effective), rf_trim(rest));
	else if (strcmp(line, "CapPrm") == 0)
		rf_copy(f->cap_permitted, sizeof(f->cap_permitted), rf_trim(rest));
	else if (strcmp(line, "Seccomp") == 0)
		row->seccomp = number_of(rest);
	else if (strcmp(line, "NoNewPrivs") == 0)
		row->no_new_privs = number_of(rest);
}

static bool is_zero(const char *hex)
{
	return hex[strspn(hex, "0")] == '\0';
}

static bool read_status(struct run *r, struct found *f)
{
	RF_AUTOBUF struct rf_buf text = {0};
	struct fact_vm_process *row = &f->row;
	char path[64];

	if (!proc_path(path, sizeof(path), f->pid, "status") ||
	    sys_read(r->sys, path, RF_MAX_PROC_BYTES, &text, NULL) < 0 || text.len == 0)
		return false;
	char *cursor = (char *)text.data;

	for (char *line; (line = rf_line_next(&cursor));)
		status_line(f, line);
	if (row->uid.known)
		row->account =
			util_user_name(&r->users, row->uid.v, f->account, sizeof(f->account));
	if (*f->cap_effective && *f->cap_permitted) {
		row->cap_effective = f->cap_effective;
		row->cap_permitted = f->cap_permitted;
		row->has_caps = FACT_BOOL(!is_zero(f->cap_effective) || !is_zero(f->cap_permitted));
	}
	return row->uid.known;
}

static void read_exe(struct run *r, struct found *f)
{
	char path[64];

	(void)proc_path(path, sizeof(path), f->pid, "exe");
	if (sys_readlink(r->sys, path, f->exe, sizeof(f->exe)) < 0) {
		f->exe[0] = '\0';
		gap(r, f, "exe", "its binary cannot be seen");
		gap(r, f, "exe_deleted", "its binary cannot be seen");
		gap(r, f, "exe_package", "its binary cannot be seen");
		return;
	}
	bool deleted = rf_ends(f->exe, " (deleted)");

	if (deleted)
		f->exe[strlen(f->exe) - strlen(" (deleted)")] = '\0';
	f->row.exe = f->exe;
	f->row.exe_deleted = FACT_BOOL(deleted);
}

static bool list_has(struct run *r, const char *list, const char *wanted)
{
	RF_AUTOBUF struct rf_buf text = {0};

	if (sys_read(r->sys, list, RF_MAX_FILE_BYTES, &text, NULL) < 0 || text.len == 0)
		return false;
	char *cursor = (char *)text.data;

	for (char *line; (line = rf_line_next(&cursor));) {
		if (strcmp(line, wanted) == 0)
			return true;
	}
	return false;
}

/* Only packages whose name says that they may carry QEMU are looked through. */
static bool may_carry_qemu(const char *name)
{
	return rf_ends(name, ".list") && (strstr(name, "qemu") || strstr(name, "kvm"));
}

static char *find_package(struct run *r, const char *exe)
{
	SYS_AUTONAMES struct sys_names lists = {0};
	char path[512];

	if (sys_list(r->sys, DPKG_INFO, &lists, NULL) < 0)
		return NULL;
	for (size_t i = 0; i < lists.count; i++) {
		const char *name = lists.names[i];

		if (!may_carry_qemu(name) ||
		    !rf_format(path, sizeof(path), DPKG_INFO "/%s", name) ||
		    !list_has(r, path, exe))
			continue;
		/* NAME.list or NAME:ARCH.list */
		return rf_strndup(name, strcspn(name, ":") < strlen(name)
						? strcspn(name, ":")
						: strlen(name) - strlen(".list"));
	}
	return rf_strdup(NO_PACKAGE);
}

static void read_package(struct run *r, struct found *f)
{
	if (!*f->exe)
		return;
	if (!r->has_dpkg) {
		fact_gap(r->out, FACT_T_VM_PROCESS, f->pid, "exe_package", DPKG_INFO,
			 "only dpkg's lists of files are read, and this host has none; ask its "
			 "package manager who owns the binary");
		return;
	}
	const char *package = rf_map_get(&r->packages, f->exe);

	if (!package) {
		char *found = find_package(r, f->exe);

		if (!found || rf_map_set(&r->packages, f->exe, found) < 0) {
			rf_free(found);
			return;
		}
		package = found;
	}
	f->row.exe_package = strcmp(package, NO_PACKAGE) == 0 ? "" : package;
}

/* 1 when the label is enforced, by the mode AppArmor puts behind it or by SELinux' switch. */
static struct fact_int label_enforced(struct run *r, const char *label)
{
	int64_t enforcing;

	if (!*label || rf_starts(label, "unconfined") || strstr(label, ":unconfined_t:"))
		return FACT_INT(0);
	if (rf_ends(label, "(enforce)"))
		return FACT_INT(1);
	if (rf_ends(label, ")"))
		return FACT_INT(0);
	if (sys_read_int(r->sys, "/sys/fs/selinux/enforce", &enforcing) == 0)
		return FACT_BOOL(enforcing == 1);
	return (struct fact_int){0};
}

static void read_label(struct run *r, struct found *f)
{
	static const char *const files[] = {"attr/apparmor/current", "attr/current"};
	char path[64];
	int rc = 0;

	for (size_t i = 0; i < RF_COUNT(files); i++) {
		(void)proc_path(path, sizeof(path), f->pid, files[i]);
		rc = sys_read_line(r->sys, path, f->label, sizeof(f->label));
		if (rc == 0 && *f->label)
			break;
		f->label[0] = '\0';
	}
	/* Without a security module the kernel answers EINVAL. That there is no such file says
	 * nothing: the process may have ended, or a capture may not have it. */
	if (rc < 0 && rc != -EINVAL) {
		const char *why = rc == -ENOENT ? "its security label cannot be read: the process "
						  "has no attr/current (any more)"
						: "its security label cannot be read";

		gap(r, f, "label", why);
		gap(r, f, "label_enforced", why);
		return;
	}
	f->row.label = f->label;
	f->row.label_enforced = label_enforced(r, f->label);
	if (!f->row.label_enforced.known)
		gap(r, f, "label_enforced", "/sys/fs/selinux/enforce cannot be read");
}

static struct fact_int ns_private(struct run *r, struct found *f, const char *name,
				  const char *host, const char *col)
{
	char path[64], link[128];

	(void)proc_path(path, sizeof(path), f->pid, name);
	if (*host && sys_readlink(r->sys, path, link, sizeof(link)) == 0)
		return FACT_BOOL(strcmp(link, host) != 0);
	gap(r, f, col, "its namespaces cannot be seen");
	return (struct fact_int){0};
}

/* Closed to others when any folder on the way to the socket lets them not pass. */
static void read_monitor_folder(struct run *r, struct found *f)
{
	char dir[RF_MAX_PATH_BYTES];
	struct sys_stat st;
	bool seen = false, is_private = false;

	rf_copy(dir, sizeof(dir), f->line.monitor_path);
	for (char *slash; *dir == '/' && (slash = strrchr(dir, '/')) && slash != dir;) {
		*slash = '\0';
		if (sys_stat_follow(r->sys, dir, &st) < 0)
			continue;
		seen = true;
		is_private |= (st.mode & 0001) == 0;
	}
	if (seen)
		f->row.monitor_private = FACT_BOOL(is_private);
	else
		gap(r, f, "monitor_private", "the folder of its monitor's socket cannot be seen");
}

static void read_monitor(struct run *r, struct found *f, const struct qemu_files *files)
{
	static const char *const kinds[] = {"none", "unix", "stdio", "tcp"};

	if (f->line.monitor_fd >= 0)
		rf_copy(f->line.monitor_path, sizeof(f->line.monitor_path), files->socket);
	f->row.monitor_kind = kinds[f->line.monitor];
	f->row.monitor_path = f->line.monitor_path;
	if (f->line.monitor == QEMU_MONITOR_NONE)
		f->row.monitor_private = FACT_INT(1);
	else if (f->line.monitor == QEMU_MONITOR_UNIX)
		read_monitor_folder(r, f);
	else
		f->row.monitor_private = FACT_INT(0);
}

static bool read_cmdline(struct run *r, const char *pid, struct rf_buf *out)
{
	char path[64];

	return proc_path(path, sizeof(path), pid, "cmdline") &&
	       sys_read(r->sys, path, RF_MAX_PROC_BYTES, out, NULL) == 0 && out->len > 0;
}

static void put_cgroup(struct run *r, const struct found *f)
{
	char path[RF_MAX_PATH_BYTES], cpuset[1024], io_max[QEMU_CGROUP_IO_MAX];
	struct fact_vm_cgroup row = {.pid = FACT_INT(f->number), .source = f->source};
	int rc = qemu_cgroup_read(r->sys, f->pid, path, cpuset, io_max, &row);

	if (rc < 0) {
		fact_gap(r->out, FACT_T_VM_CGROUP, f->pid, "", f->source,
			 "its control groups could not be read: %s", rf_code_text(rc));
		return;
	}
	fact_put_vm_cgroup(r->out, &row);
	if (!row.device_rules.known)
		fact_gap(r->out, FACT_T_VM_CGROUP, f->pid, "device_rules", f->source,
			 "with cgroup v2 the list of devices is a BPF program that no file shows; "
			 "run bpftool cgroup tree to see whether one is attached");
}

static void put_qemu(struct run *r, const char *pid)
{
	RF_AUTOBUF struct rf_buf cmdline = {0};
	RF_AUTOFREE struct found *f = rf_alloc(1, sizeof(*f));
	struct qemu_files files;

	if (!f || rf_num(pid, 10, 1, INT32_MAX, &f->number) < 0)
		return;
	f->pid = pid;
	(void)rf_format(f->source, sizeof(f->source), "/proc/%s", pid);
	/* A process that ended meanwhile, or is ending, has nothing to say. */
	if (!read_status(r, f) || !read_cmdline(r, pid, &cmdline))
		return;
	f->row.pid = FACT_INT(f->number);
	f->row.source = f->source;
	qemu_cmdline_parse(rf_buf_slice(&cmdline), &f->line);
	f->row.name = f->line.name;
	rf_lower(f->line.uuid);
	f->row.uuid = f->line.uuid;
	f->row.sandbox_arg = f->line.sandbox;
	f->row.session = FACT_BOOL(f->line.session);
	read_exe(r, f);
	read_package(r, f);
	read_label(r, f);
	f->row.mnt_ns_private = ns_private(r, f, "ns/mnt", r->host_mnt, "mnt_ns_private");
	f->row.net_ns_private = ns_private(r, f, "ns/net", r->host_net, "net_ns_private");
	qemu_files_put(r->sys, pid, f->line.monitor_fd, r->out, &files);
	f->row.accel = !files.readable ? "unknown" : files.has_kvm ? "kvm" : "tcg";
	read_monitor(r, f, &files);
	fact_put_vm_process(r->out, &f->row);
	put_cgroup(r, f);
}

static void put_swtpm(struct run *r, const struct proc *p, const char *pid)
{
	RF_AUTOBUF struct rf_buf cmdline = {0};
	struct swtpm_cmdline line;
	char account[128], source[64];

	if (!read_cmdline(r, pid, &cmdline))
		return;
	swtpm_cmdline_parse(rf_buf_slice(&cmdline), &line);
	/* swtpm_setup and the like run for a moment only, and hold no state. */
	if (!*line.state_dir)
		return;
	(void)rf_format(source, sizeof(source), "/proc/%s", pid);
	fact_put_vm_tpm_process(
		r->out, &(struct fact_vm_tpm_process){
				.pid = FACT_INT(p->pid),
				.uid = p->uid >= 0 ? FACT_INT(p->uid) : (struct fact_int){0},
				.account = p->uid >= 0 ? util_user_name(&r->users, p->uid, account,
									sizeof(account))
						       : NULL,
				.state_dir = line.state_dir,
				.encrypted = FACT_BOOL(line.encrypted),
				.source = source});
}

/* By its binary, and by its name where the binary cannot be seen. */
static bool is_qemu(struct run *r, const char *pid, const struct proc *p)
{
	char path[64], exe[RF_MAX_PATH_BYTES];

	(void)proc_path(path, sizeof(path), pid, "exe");
	if (sys_readlink(r->sys, path, exe, sizeof(exe)) == 0)
		return qemu_is_program(exe);
	/* comm holds 15 characters; set_process_name makes it qemu:NAME. */
	return qemu_is_program(p->comm) || rf_starts(p->comm, "qemu:");
}

static void host_namespace(struct run *r, const char *name, char *out, size_t size)
{
	char path[64];

	/* init is in the host's namespaces even where we are not. */
	(void)rf_format(path, sizeof(path), "/proc/1/ns/%s", name);
	if (sys_readlink(r->sys, path, out, size) == 0)
		return;
	(void)rf_format(path, sizeof(path), "/proc/self/ns/%s", name);
	if (sys_readlink(r->sys, path, out, size) < 0)
		out[0] = '\0';
}

static void run_done(struct run *r)
{
	for (size_t i = 0; i < r->packages.capacity; i++) {
		if (r->packages.slots[i].key)
			rf_free(r->packages.slots[i].value);
	}
	rf_map_done(&r->packages);
	util_users_done(&r->users);
}

int collect_qemu_processes(struct sys *sys, const struct collect_request *req,
			   struct fact_sink *out, struct rf_err *err)
{
	SYS_AUTONAMES struct sys_names pids = {0};
	struct run r = {.sys = sys, .out = out};
	int rc = proc_list(sys, &pids, err);

	(void)req;
	if (rc < 0)
		return rc;
	if (util_users_read(sys, &r.users, NULL) < 0)
		r.users = (struct util_users){0};
	r.has_dpkg = sys_exists(sys, DPKG_INFO);
	host_namespace(&r, "mnt", r.host_mnt, sizeof(r.host_mnt));
	host_namespace(&r, "net", r.host_net, sizeof(r.host_net));
	for (size_t i = 0; i < pids.count; i++) {
		struct proc p;

		if (proc_read(sys, pids.names[i], &p) < 0 || p.is_kernel)
			continue;
		if (strcmp(p.comm, "swtpm") == 0)
			put_swtpm(&r, &p, pids.names[i]);
		else if (is_qemu(&r, pids.names[i], &p))
			put_qemu(&r, pids.names[i]);
	}
	run_done(&r);
	return 0;
}
