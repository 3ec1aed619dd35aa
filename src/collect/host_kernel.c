/* SPDX-License-Identifier: Apache-2.0 */
/* Installed kernels, CPU topology and signs of virtualization; see host_kernel.h. */
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/dpkg.h"
#include "collect/host_kernel.h"

#define CPU_DIR	 "/sys/devices/system/cpu"
#define MAX_CPUS 8192

/* Rank of what stands behind a number: -rc sorts before nothing, anything else behind it. */
static int rank(const char *p)
{
	if (rf_starts(p, "-rc") || rf_starts(p, "~"))
		return -1;
	return *p ? 1 : 0;
}

static int compare_numbers(const char **a, const char **b)
{
	const char *x = *a + strspn(*a, "0"), *y = *b + strspn(*b, "0");
	size_t nx = strspn(x, "0123456789"), ny = strspn(y, "0123456789");

	*a = x + nx;
	*b = y + ny;
	if (nx != ny)
		return nx < ny ? -1 : 1;
	return strncmp(x, y, nx);
}

int host_release_compare(const char *a, const char *b)
{
	while (*a || *b) {
		if (isdigit((unsigned char)*a) && isdigit((unsigned char)*b)) {
			int c = compare_numbers(&a, &b);

			if (c != 0)
				return c;
			continue;
		}
		if (rank(a) != rank(b))
			return rank(a) - rank(b);
		if (*a != *b)
			return (unsigned char)*a - (unsigned char)*b;
		a++;
		b++;
	}
	return 0;
}

static void keep_newest(char *out, size_t size, const char *release)
{
	/* Fedora's rescue image is a copy of some other kernel. */
	if (!isdigit((unsigned char)release[0]) || strstr(release, "rescue"))
		return;
	if (!*out || host_release_compare(release, out) > 0)
		rf_copy(out, size, release);
}

int host_kernel_newest(struct sys *sys, char *out, size_t size)
{
	static const char *const prefixes[] = {"vmlinuz-", "vmlinux-", "Image-"};
	SYS_AUTONAMES struct sys_names boot = {0};
	SYS_AUTONAMES struct sys_names modules = {0};
	char path[RF_MAX_PATH_BYTES];
	int rc = sys_list(sys, "/boot", &boot, NULL);

	out[0] = '\0';
	if (rc < 0 && rc != -ENOENT)
		return rc;
	for (size_t i = 0; i < boot.count; i++) {
		for (size_t p = 0; p < RF_COUNT(prefixes); p++) {
			if (rf_starts(boot.names[i], prefixes[p]) &&
			    !rf_ends(boot.names[i], ".old"))
				keep_newest(out, size, boot.names[i] + strlen(prefixes[p]));
		}
	}
	rc = sys_list(sys, "/lib/modules", &modules, NULL);
	if (rc < 0 && rc != -ENOENT)
		return rc;
	/* A folder may outlive its kernel; one with modules or a kernel image in it has not. */
	for (size_t i = 0; i < modules.count; i++) {
		rf_format(path, sizeof(path), "/lib/modules/%s/kernel", modules.names[i]);
		bool is_there = sys_exists(sys, path);

		rf_format(path, sizeof(path), "/lib/modules/%s/vmlinuz", modules.names[i]);
		if (is_there || sys_exists(sys, path))
			keep_newest(out, size, modules.names[i]);
	}
	return 0;
}

/* Reads "A" or "A-B" at *p; false when it is neither. */
static bool next_range(const char **p, int64_t *first, int64_t *last)
{
	char text[64];
	size_t n = strcspn(*p, ",");
	char *dash;

	if (n == 0 || n >= sizeof(text))
		return false;
	memcpy(text, *p, n);
	text[n] = '\0';
	*p += (*p)[n] == ',' ? n + 1 : n;
	dash = strchr(text, '-');
	if (dash)
		*dash = '\0';
	if (rf_num(text, 10, 0, MAX_CPUS - 1, first) < 0)
		return false;
	*last = *first;
	return !dash || (rf_num(dash + 1, 10, 0, MAX_CPUS - 1, last) == 0 && *last >= *first);
}

int64_t host_cpu_list_count(const char *list)
{
	int64_t count = 0, first, last;

	for (const char *p = list; *p;) {
		if (!next_range(&p, &first, &last))
			return -1;
		count += last - first + 1;
	}
	return count;
}

/* Adds one CPU: a core is counted at the first of its threads. */
static int add_cpu(struct sys *sys, struct host_cpus *cpus, int64_t cpu)
{
	char path[128], list[1024];
	int64_t first, last;

	rf_format(path, sizeof(path), CPU_DIR "/cpu%lld/topology/thread_siblings_list",
		  (long long)cpu);
	int rc = sys_read_line(sys, path, list, sizeof(list));
	const char *p = list;

	if (rc < 0)
		return rc;
	int64_t threads = host_cpu_list_count(list);

	if (threads <= 0 || !next_range(&p, &first, &last))
		return RF_E_SYNTAX;
	cpus->online++;
	cpus->cores += first == cpu ? 1 : 0;
	if ((size_t)threads > cpus->threads_per_core)
		cpus->threads_per_core = (size_t)threads;
	return 0;
}

int host_cpus_read(struct sys *sys, struct host_cpus *cpus)
{
	char online[4096];
	int64_t first, last;
	int rc = sys_read_line(sys, CPU_DIR "/online", online, sizeof(online));

	if (rc < 0)
		return rc;
	for (const char *p = online; *p;) {
		if (!next_range(&p, &first, &last))
			return RF_E_SYNTAX;
		for (; first <= last; first++) {
			rc = add_cpu(sys, cpus, first);
			if (rc < 0)
				return rc;
		}
	}
	return cpus->online ? 0 : RF_E_SYNTAX;
}

size_t host_numa_nodes(struct sys *sys)
{
	SYS_AUTONAMES struct sys_names names = {0};
	size_t count = 0;

	if (sys_list(sys, "/sys/devices/system/node", &names, NULL) < 0)
		return 1;
	for (size_t i = 0; i < names.count; i++) {
		if (rf_starts(names.names[i], "node") &&
		    isdigit((unsigned char)names.names[i][strlen("node")]))
			count++;
	}
	return count ? count : 1;
}

static bool qemu_installed(struct sys *sys)
{
	static const char *const programs[] = {
		"/usr/sbin/libvirtd",	     "/usr/sbin/virtqemud",
		"/usr/libexec/qemu-kvm",     "/usr/bin/kvm",
		"/usr/bin/qemu-kvm",	     "/usr/local/sbin/libvirtd",
		"/usr/local/sbin/virtqemud",
	};
	static const char *const dirs[] = {"/usr/bin", "/usr/local/bin"};

	for (size_t i = 0; i < RF_COUNT(programs); i++) {
		if (sys_exists(sys, programs[i]))
			return true;
	}
	for (size_t d = 0; d < RF_COUNT(dirs); d++) {
		SYS_AUTONAMES struct sys_names names = {0};

		if (sys_list(sys, dirs[d], &names, NULL) < 0)
			continue;
		for (size_t i = 0; i < names.count; i++) {
			if (rf_starts(names.names[i], "qemu-system-"))
				return true;
		}
	}
	return false;
}

static bool qemu_runs(struct sys *sys)
{
	SYS_AUTONAMES struct sys_names names = {0};
	char path[128], comm[64];

	if (sys_list(sys, "/proc", &names, NULL) < 0)
		return false;
	for (size_t i = 0; i < names.count; i++) {
		if (!isdigit((unsigned char)names.names[i][0]) ||
		    !rf_format(path, sizeof(path), "/proc/%s/comm", names.names[i]) ||
		    sys_read_line(sys, path, comm, sizeof(comm)) < 0)
			continue;
		/* qemu-ga and the user-mode emulators are no VMs. */
		if (rf_starts(comm, "qemu-system") || strcmp(comm, "qemu-kvm") == 0)
			return true;
	}
	return false;
}

/* True when dpkg has installed a package that carries a hypervisor or its daemon. */
static bool package_installed(struct sys *sys)
{
	static const char *const wanted[] = {"libvirt-daemon", "qemu-system-", "qemu-kvm",
					     "pve-qemu-kvm"};
	/* Only files for other programs. */
	static const char *const parts[] = {"-common", "-data", "-gui"};
	DPKG_AUTOSTATUS struct dpkg_status status = {0};

	if (dpkg_status_read(sys, &status, NULL) < 0)
		return false;
	for (size_t i = 0; i < status.count; i++) {
		const struct dpkg_package *p = &status.packages[i];
		bool meets = false;

		for (size_t w = 0; w < RF_COUNT(wanted); w++)
			meets |= p->name && rf_starts(p->name, wanted[w]);
		for (size_t w = 0; w < RF_COUNT(parts); w++)
			meets &= p->name && !strstr(p->name, parts[w]);
		if (meets && rf_equal(p->state, "installed"))
			return true;
	}
	return false;
}

bool host_is_virt(struct sys *sys)
{
	return qemu_installed(sys) || qemu_runs(sys) || package_installed(sys);
}
