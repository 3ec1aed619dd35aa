/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collector host: one row about the machine itself. Firmware and boot are in boot.c.
 * Source: os-release(5), uname(2), /proc/cpuinfo,
 * Documentation/ABI/stable/sysfs-devices-system-cpu.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/collect.h"
#include "collect/host_kernel.h"
#include "collect/kconfig.h"
#include "collect/mountinfo.h"
#include "collect/releases.h"
#include "collect/util.h"

#define CPU_DIR "/sys/devices/system/cpu"

/* The row with the texts it borrows. */
struct host_row {
	struct fact_host row;
	char os_id[64], os_version[64], os_name[256];
	char release[256], newest[256], arch[64];
	char vendor[64], model[128], smt[32], entropy[64];
	bool has_hypervisor_flag, has_random_flag, is_x86;
	size_t processors;
};

static void gap(struct fact_sink *out, const char *column, const char *source, const char *text)
{
	fact_gap(out, FACT_T_HOST, "", column, source, "%s", text);
}

static void note_os(void *ctx, const struct util_setting *s)
{
	struct host_row *h = ctx;

	if (strcmp(s->key, "ID") == 0)
		rf_copy(h->os_id, sizeof(h->os_id), s->value);
	if (strcmp(s->key, "VERSION_ID") == 0)
		rf_copy(h->os_version, sizeof(h->os_version), s->value);
	if (strcmp(s->key, "PRETTY_NAME") == 0)
		rf_copy(h->os_name, sizeof(h->os_name), s->value);
}

static void fill_os(struct sys *sys, struct fact_sink *out, struct host_row *h)
{
	static const char *const places[] = {"/etc/os-release", "/usr/lib/os-release"};
	RF_AUTOBUF struct rf_buf buf = {0};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < RF_COUNT(places); i++) {
		rc = util_read(sys, out, FACT_T_HOST, "", places[i], RF_MAX_FILE_BYTES, &buf);
		if (rc > 0 && buf.len)
			util_settings_walk((char *)buf.data, places[i], "#", false, note_os, h);
	}
	if (rc <= 0) {
		gap(out, "os_id", places[0], "There is no os-release file that can be read.");
		return;
	}
	h->row.os_id = h->os_id[0] ? h->os_id : "linux"; /* os-release(5): the default */
	/* Rolling releases (Debian testing) have no number. */
	h->row.os_version = h->os_version;
	h->row.os_name = h->os_name[0] ? h->os_name : "Linux";
	h->row.os_support_end = release_support_end(h->row.os_id, h->row.os_version);
	if (!h->row.os_support_end)
		fact_gap(out, FACT_T_HOST, "", "os_support_end", places[0],
			 "%s %s is not in our table of releases; its maker's life cycle page has "
			 "the date.",
			 h->row.os_id, h->row.os_version);
}

static void fill_kernel(struct sys *sys, struct fact_sink *out, struct host_row *h)
{
	KCONFIG_AUTO struct kconfig config = {0};

	if (kernel_uname(sys, 1, h->release, sizeof(h->release)))
		h->row.kernel_release = h->release;
	if (kernel_uname(sys, 3, h->arch, sizeof(h->arch)))
		h->row.arch = h->arch;
	if (!h->row.kernel_release || !h->row.arch)
		gap(out, "kernel_release", "uname", "The kernel's own name could not be had.");
	if (host_kernel_newest(sys, h->newest, sizeof(h->newest)) == 0)
		h->row.kernel_newest = h->newest;
	else
		gap(out, "kernel_newest", "/boot", "/boot or /lib/modules cannot be listed.");
	kconfig_read(sys, &config);
	char core_sched = kconfig_get(&config, "CONFIG_SCHED_CORE");

	if (core_sched)
		h->row.core_sched = FACT_BOOL(core_sched == 'y');
	else
		gap(out, "core_sched", "/boot",
		    "The kernel's configuration was found neither in /boot nor below /lib/modules "
		    "nor in /proc/config.gz.");
	h->row.reboot_required = FACT_BOOL(sys_exists(sys, "/run/reboot-required") ||
					   sys_exists(sys, "/var/run/reboot-required"));
}

static bool has_word(const char *text, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = text; (p = strstr(p, word)); p += n) {
		if ((p == text || p[-1] == ' ') && (p[n] == ' ' || p[n] == '\0'))
			return true;
	}
	return false;
}

/* One "name : value" line of /proc/cpuinfo; those of the first processor count. */
static void note_cpu(struct host_row *h, char *line)
{
	char *colon = strchr(line, ':');

	if (!colon)
		return;
	*colon = '\0';
	const char *name = rf_trim(line), *value = rf_trim(colon + 1);

	if (strcmp(name, "processor") == 0)
		h->processors++;
	if (h->processors > 1)
		return;
	if (strcmp(name, "vendor_id") == 0 || strcmp(name, "CPU implementer") == 0)
		rf_copy(h->vendor, sizeof(h->vendor), value);
	if (strcmp(name, "model name") == 0)
		rf_copy(h->model, sizeof(h->model), value);
	if (strcmp(name, "flags") == 0) {
		h->is_x86 = true;
		h->has_hypervisor_flag = has_word(value, "hypervisor");
		h->has_random_flag = has_word(value, "rdrand");
	}
	if (strcmp(name, "Features") == 0)
		h->has_random_flag = has_word(value, "rng");
}

static void read_cpuinfo(struct sys *sys, struct fact_sink *out, struct host_row *h)
{
	RF_AUTOBUF struct rf_buf buf = {0};
	int rc = util_read(sys, out, FACT_T_HOST, "", "/proc/cpuinfo", RF_MAX_FILE_BYTES, &buf);
	char *cursor = rc > 0 && buf.len ? (char *)buf.data : NULL;

	for (char *line; (line = rf_line_next(&cursor));)
		note_cpu(h, line);
	if (h->processors == 0)
		gap(out, "cpu_vendor", "/proc/cpuinfo", "No processor is listed there.");
	else
		h->row.cpu_vendor = h->vendor;
	if (h->processors > 0)
		h->row.cpu_model = h->model;
}

static void fill_topology(struct sys *sys, struct fact_sink *out, struct host_row *h)
{
	struct host_cpus cpus = {0};

	if (host_cpus_read(sys, &cpus) < 0) {
		if (h->processors > 0)
			h->row.cpus_online = FACT_INT(h->processors);
		gap(out, "cores", CPU_DIR "/cpu0/topology/thread_siblings_list",
		    "The kernel does not show which logical CPUs share a core.");
	} else {
		h->row.cpus_online = FACT_INT(cpus.online);
		h->row.cores = FACT_INT(cpus.cores);
		h->row.threads_per_core = FACT_INT(cpus.threads_per_core);
	}
	h->row.numa_nodes = FACT_INT(host_numa_nodes(sys));
	if (sys_read_line(sys, CPU_DIR "/smt/control", h->smt, sizeof(h->smt)) == 0)
		h->row.smt_control = h->smt;
	else
		gap(out, "smt_control", CPU_DIR "/smt/control",
		    "The kernel has no switch for hardware threads; Linux 4.19 and later have.");
	int64_t active;

	if (sys_read_int(sys, CPU_DIR "/smt/active", &active) == 0)
		h->row.smt_active = FACT_BOOL(active != 0);
	else if (h->row.threads_per_core.known)
		h->row.smt_active = FACT_BOOL(h->row.threads_per_core.v > 1);
	else
		gap(out, "smt_active", CPU_DIR "/smt/active", "The kernel does not tell.");
}

static void fill_microcode(struct sys *sys, struct fact_sink *out, struct host_row *h)
{
	static const char *const path = CPU_DIR "/vulnerabilities/old_microcode";
	char text[128];

	if (sys_read_line(sys, path, text, sizeof(text)) == 0 &&
	    (rf_starts(text, "Not affected") || rf_starts(text, "Vulnerable")))
		h->row.microcode_old = FACT_BOOL(rf_starts(text, "Vulnerable"));
	else
		gap(out, "microcode_old", path,
		    "The kernel does not judge the microcode; Linux 6.16 and later do, on x86.");
}

/* A CPU that is not x86 has no flag for it: then the maker's name of the machine tells. */
static void fill_guest(struct sys *sys, struct fact_sink *out, struct host_row *h)
{
	static const char *const makers[] = {"QEMU",	   "KVM",    "VMware",
					     "Xen",	   "Bochs",  "innotek",
					     "Amazon EC2", "Google", "Microsoft Corporation"};
	static const char *const path = "/sys/class/dmi/id/sys_vendor";
	char text[128];

	if (h->is_x86) {
		h->row.is_guest = FACT_BOOL(h->has_hypervisor_flag);
		return;
	}
	if (sys_read_line(sys, path, text, sizeof(text)) < 0) {
		gap(out, "is_guest", path, "Neither a CPU flag nor the machine's maker tells.");
		return;
	}
	h->row.is_guest = FACT_BOOL(false);
	for (size_t i = 0; i < RF_COUNT(makers); i++) {
		if (strstr(text, makers[i]))
			h->row.is_guest = FACT_BOOL(true);
	}
}

static void fill_memory(struct sys *sys, struct fact_sink *out, struct host_row *h)
{
	RF_AUTOBUF struct rf_buf buf = {0};
	int64_t kib;
	int rc = util_read(sys, out, FACT_T_HOST, "", "/proc/meminfo", RF_MAX_PROC_BYTES, &buf);
	char *cursor = rc > 0 && buf.len ? (char *)buf.data : NULL;

	for (char *line; (line = rf_line_next(&cursor));) {
		char *words = line;
		const char *name = rf_word_next(&words), *value = rf_word_next(&words);

		if (rf_equal(name, "MemTotal:") && value &&
		    rf_num(value, 10, 0, INT64_MAX / 1024, &kib) == 0) {
			h->row.memory_bytes = FACT_INT(kib * 1024);
			return;
		}
	}
	gap(out, "memory_bytes", "/proc/meminfo", "It holds no MemTotal.");
}

static void fill_entropy(struct sys *sys, struct fact_sink *out, struct host_row *h)
{
	int rc = sys_read_line(sys, "/sys/class/misc/hw_random/rng_current", h->entropy,
			       sizeof(h->entropy));

	if (rc < 0 && !h->row.cpu_vendor) {
		gap(out, "entropy_source", "/sys/class/misc/hw_random/rng_current",
		    "Neither the kernel's source of random numbers nor the CPU's flags can be read.");
		return;
	}
	if (rc < 0 || !h->entropy[0] || strcmp(h->entropy, "none") == 0)
		rf_copy(h->entropy, sizeof(h->entropy), h->has_random_flag ? "cpu" : "none");
	h->row.entropy_source = h->entropy;
}

static void fill_cgroup(struct sys *sys, struct fact_sink *out, struct host_row *h)
{
	MOUNT_AUTOTABLE struct mount_table mounts = {0};
	bool v1 = false, v2 = false;

	if (mount_table_read(sys, &mounts, NULL) == 0) {
		for (size_t i = 0; i < mounts.count; i++) {
			v1 |= strcmp(mounts.rows[i].fstype, "cgroup") == 0;
			v2 |= strcmp(mounts.rows[i].fstype, "cgroup2") == 0;
		}
	}
	if (v1 || v2)
		h->row.cgroup_mode = v1 && v2 ? "hybrid" : v2 ? "v2" : "v1";
	else
		gap(out, "cgroup_mode", "/proc/self/mountinfo",
		    "No cgroup file system is mounted.");
}

static void fill_init(struct sys *sys, struct fact_sink *out, struct host_row *h)
{
	static const char *const inits[] = {"init",	 "systemd", "openrc-init", "runit",
					    "s6-svscan", "dinit",   "busybox",	   "procd"};
	char name[64];

	if (sys_exists(sys, "/run/systemd/system")) {
		h->row.init = "systemd";
		return;
	}
	if (sys_read_line(sys, "/proc/1/comm", name, sizeof(name)) < 0) {
		gap(out, "init", "/proc/1/comm", "What process 1 is cannot be read.");
		return;
	}
	h->row.init = "none";
	for (size_t i = 0; i < RF_COUNT(inits); i++) {
		if (strcmp(name, inits[i]) == 0)
			h->row.init = "other";
	}
}

static void fill_identity(struct sys *sys, struct fact_sink *out, struct host_row *h)
{
	RF_AUTOBUF struct rf_buf identity = {0};
	int64_t now;

	if (sys_probe(sys, "identity", "", &identity, NULL) == 0)
		h->row.as_root = FACT_BOOL(strstr(rf_buf_text(&identity), "euid 0\n") &&
					   strstr(rf_buf_text(&identity), "has_caps 1"));
	else
		gap(out, "as_root", "identity", "The rights of the collector are not recorded.");
	if (util_clock_ms(sys, &now, NULL) == 0)
		h->row.clock_ms = FACT_INT(now);
	else
		gap(out, "clock_ms", "clock", "The host's clock is not recorded.");
}

int collect_host(struct sys *sys, const struct collect_request *req, struct fact_sink *out,
		 struct rf_err *err)
{
	struct host_row h = {.row.source = "/etc/os-release, /proc, /sys"};

	(void)req;
	(void)err;
	fill_os(sys, out, &h);
	fill_kernel(sys, out, &h);
	read_cpuinfo(sys, out, &h);
	fill_topology(sys, out, &h);
	fill_microcode(sys, out, &h);
	fill_guest(sys, out, &h);
	fill_memory(sys, out, &h);
	fill_entropy(sys, out, &h);
	fill_cgroup(sys, out, &h);
	fill_init(sys, out, &h);
	fill_identity(sys, out, &h);
	h.row.has_kvm = FACT_BOOL(sys_exists(sys, "/dev/kvm"));
	h.row.is_virt_host = FACT_BOOL(host_is_virt(sys));
	fact_put_host(out, &h.row);
	return 0;
}
