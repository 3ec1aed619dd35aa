/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open files of QEMU processes; see qemu_files.h. Sources: proc(5), the default cgroup_device_acl
 * of libvirt's qemu.conf, qemu_domain_namespace.c. What a definition names is joined to these rows
 * later (model/derive.sql).
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/qemu_files.h"

#define MAX_FDS		16384u
#define DELETED		" (deleted)"
#define MIN_IMAGE_BYTES (1 << 20)

static bool has_prefix(const char *path, const char *const *prefixes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (rf_starts(path, prefixes[i]))
			return true;
	}
	return false;
}

bool qemu_file_usual(const char *path)
{
	static const char *const exact[] = {"/dev/null",   "/dev/zero",	       "/dev/full",
					    "/dev/random", "/dev/urandom",     "/dev/ptmx",
					    "/dev/kvm",	   "/dev/net/tun",     "/dev/vhost-net",
					    "/dev/hpet",   "/dev/vhost-vsock", "/dev/userfaultfd",
					    "/dev/rtc",	   "/dev/vfio/vfio",   "/dev/iommu"};
	static const char *const prefixes[] = {"/dev/pts/",
					       "/dev/tap",
					       "/memfd:",
					       "/dev/hugepages/libvirt/",
					       "/run/libvirt/",
					       "/var/run/libvirt/",
					       "/var/log/libvirt/",
					       "/var/lib/libvirt/qemu/domain-",
					       "/var/lib/libvirt/qemu/channel/",
					       "/var/lib/libvirt/qemu/ram/",
					       "/usr/share/",
					       "/usr/lib"};

	for (size_t i = 0; i < RF_COUNT(exact); i++) {
		if (strcmp(path, exact[i]) == 0)
			return true;
	}
	return has_prefix(path, prefixes, RF_COUNT(prefixes));
}

static bool names_image(const char *path)
{
	static const char *const suffixes[] = {".qcow2", ".qcow", ".img",  ".raw", ".iso",  ".vmdk",
					       ".vdi",	 ".qed",  ".luks", ".vhd", ".vhdx", ".fd"};

	for (size_t i = 0; i < RF_COUNT(suffixes); i++) {
		if (rf_ends(path, suffixes[i]))
			return true;
	}
	return false;
}

const char *qemu_file_kind(const char *path, uint32_t type, int64_t size_bytes)
{
	static const char *const memory[] = {"/memfd:", "/dev/shm/", "/dev/hugepages", "/SYSV",
					     "/dev/zero"};

	if (has_prefix(path, memory, RF_COUNT(memory)) ||
	    rf_starts(path, "/var/lib/libvirt/qemu/ram/"))
		return "memory";
	if (S_ISBLK(type))
		return "disk";
	if (S_ISSOCK(type) || rf_ends(path, ".sock"))
		return "socket";
	if (rf_starts(path, "/dev/") || S_ISCHR(type))
		return "device";
	if (rf_ends(path, ".log") || rf_starts(path, "/var/log/"))
		return "log";
	if (names_image(path) || (S_ISREG(type) && size_bytes >= MIN_IMAGE_BYTES))
		return "disk";
	return "other";
}

/* Path of a unix socket by its inode, from a text of /proc/PID/net/unix. False when unnamed. */
static bool unix_path(char *text, const char *inode, char *out, size_t size)
{
	enum { INODE_FIELD = 6 };
	size_t len = strlen(inode);

	for (char *line = text; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		const char *p = line;

		for (int i = 0; i < INODE_FIELD; i++) {
			p += strcspn(p, " \n");
			p += strspn(p, " ");
		}
		if (strncmp(p, inode, len) != 0 || p[len] != ' ')
			continue;
		p += len + strspn(p + len, " ");
		return rf_format(out, size, "%.*s", (int)strcspn(p, "\n"), p) && *out == '/';
	}
	return false;
}

struct look {
	struct sys *sys;
	const char *pid;
	struct fact_sink *out;
	struct rf_buf unix_text;
	struct rf_map seen;
};

/* "socket:[295862]" to a path, when it is a named unix socket. */
static bool socket_path(struct look *l, const char *link, char *out, size_t size)
{
	char path[64], inode[32];
	size_t len = strcspn(link + 8, "]");

	if (len == 0 || len >= sizeof(inode))
		return false;
	memcpy(inode, link + 8, len);
	inode[len] = '\0';
	if (l->unix_text.len == 0 &&
	    (!rf_format(path, sizeof(path), "/proc/%s/net/unix", l->pid) ||
	     sys_read(l->sys, path, RF_MAX_FILE_BYTES, &l->unix_text, NULL) < 0))
		return false;
	return l->unix_text.len > 0 && unix_path((char *)l->unix_text.data, inode, out, size);
}

static void put_path(struct look *l, const char *path, const char *fd_path, bool is_socket)
{
	struct sys_stat st = {0};
	int64_t pid;

	if (rf_map_has(&l->seen, path) || rf_map_set(&l->seen, path, l) < 0 ||
	    rf_num(l->pid, 10, 1, INT32_MAX, &pid) < 0)
		return;
	if (is_socket)
		st.type = S_IFSOCK;
	else if (sys_stat_follow(l->sys, path, &st) < 0)
		st = (struct sys_stat){0};
	fact_put_vm_open_file(
		l->out,
		&(struct fact_vm_open_file){
			.pid = FACT_INT(pid),
			.path = path,
			.kind = qemu_file_kind(path, st.type, st.size_bytes),
			.declared = qemu_file_usual(path) ? FACT_INT(1) : (struct fact_int){0},
			.source = fd_path});
}

static void look_at_fd(struct look *l, const char *fd, int64_t wanted, struct qemu_files *found)
{
	char fd_path[96], link[RF_MAX_PATH_BYTES], path[RF_MAX_PATH_BYTES];
	int64_t number;

	if (!rf_format(fd_path, sizeof(fd_path), "/proc/%s/fd/%s", l->pid, fd) ||
	    sys_readlink(l->sys, fd_path, link, sizeof(link)) < 0)
		return;
	if (strstr(link, "kvm-vm"))
		found->has_kvm |= rf_starts(link, "anon_inode:");
	if (rf_starts(link, "socket:[")) {
		if (!socket_path(l, link, path, sizeof(path)))
			return;
		if (rf_num(fd, 10, 0, INT32_MAX, &number) == 0 && number == wanted)
			rf_copy(found->socket, sizeof(found->socket), path);
		put_path(l, path, fd_path, true);
		return;
	}
	if (*link != '/')
		return;
	size_t len = strlen(link), cut = strlen(DELETED);

	if (len > cut && rf_ends(link, DELETED))
		link[len - cut] = '\0';
	put_path(l, link, fd_path, false);
}

void qemu_files_put(struct sys *sys, const char *pid, int64_t wanted_fd, struct fact_sink *out,
		    struct qemu_files *found)
{
	SYS_AUTONAMES struct sys_names fds = {0};
	struct look l = {.sys = sys, .pid = pid, .out = out};
	struct rf_err err = {0};
	char dir[64];

	*found = (struct qemu_files){0};
	(void)rf_format(dir, sizeof(dir), "/proc/%s/fd", pid);
	int rc = sys_list(sys, dir, &fds, &err);

	if (rc < 0) {
		if (rc != -ENOENT)
			fact_gap(out, FACT_T_VM_OPEN_FILE, pid, "", dir,
				 "its open files could not be listed (%s); run as root",
				 rf_code_text(rc));
		return;
	}
	found->readable = true;
	for (size_t i = 0; i < fds.count && i < MAX_FDS; i++)
		look_at_fd(&l, fds.names[i], wanted_fd, found);
	if (fds.count > MAX_FDS)
		fact_gap(out, FACT_T_VM_OPEN_FILE, pid, "", dir,
			 "it has over %u open files; the rest was not read", MAX_FDS);
	rf_buf_done(&l.unix_text);
	rf_map_done(&l.seen);
}
