/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collector kernel: command line, settings, parameters of modules, mandatory access control.
 * Modules themselves are in kernel_modules.c. Which settings are read is the table below: those
 * that a control asks for, not all of /proc/sys.
 * Source: Documentation/admin-guide/sysctl, apparmor(7), selinux(8).
 */
#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/collect.h"
#include "collect/kconfig.h"
#include "collect/kernel_modules.h"
#include "collect/util.h"

#define MAX_INTERFACES 4096u
#define MAX_PARAMETERS 512u

/* What it means that the kernel has no such setting. */
enum absence {
	ABSENT_GAP,   /* not known: a gap says so */
	ABSENT_QUIET, /* only some distributions have it: no row */
	ABSENT_ZERO,  /* as good as 0: what it would switch is not there */
};

/* What a missing setting is as good as, when the kernel is built without what it switches. */
static const struct {
	const char *key, *symbol, *value;
} equivalents[] = {
	{"kernel.kexec_load_disabled", "CONFIG_KEXEC_CORE", "1"},
	{"kernel.modules_disabled", "CONFIG_MODULES", "1"},
	{"kernel.sysrq", "CONFIG_MAGIC_SYSRQ", "0"},
	{"kernel.unprivileged_bpf_disabled", "CONFIG_BPF_SYSCALL", "2"},
	{"kernel.yama.ptrace_scope", "CONFIG_SECURITY_YAMA", "0"},
	{"vm.unprivileged_userfaultfd", "CONFIG_USERFAULTFD", "0"},
};

static const struct {
	const char *key;
	enum absence absence;
} sysctls[] = {
	{"dev.tty.ldisc_autoload", ABSENT_GAP},
	{"fs.file-max", ABSENT_GAP},
	{"fs.protected_fifos", ABSENT_GAP},
	{"fs.protected_hardlinks", ABSENT_GAP},
	{"fs.protected_regular", ABSENT_GAP},
	{"fs.protected_symlinks", ABSENT_GAP},
	{"fs.suid_dumpable", ABSENT_GAP},
	{"kernel.core_pattern", ABSENT_GAP},
	{"kernel.core_uses_pid", ABSENT_GAP},
	{"kernel.ctrl-alt-del", ABSENT_GAP},
	{"kernel.dmesg_restrict", ABSENT_GAP},
	{"kernel.io_uring_disabled", ABSENT_QUIET},
	{"kernel.kexec_load_disabled", ABSENT_GAP},
	{"kernel.kptr_restrict", ABSENT_GAP},
	{"kernel.modules_disabled", ABSENT_GAP},
	{"kernel.panic", ABSENT_GAP},
	{"kernel.panic_on_oops", ABSENT_GAP},
	{"kernel.perf_event_paranoid", ABSENT_GAP},
	{"kernel.pid_max", ABSENT_GAP},
	{"kernel.randomize_va_space", ABSENT_GAP},
	{"kernel.sysrq", ABSENT_GAP},
	{"kernel.tainted", ABSENT_GAP},
	{"kernel.unprivileged_bpf_disabled", ABSENT_GAP},
	{"kernel.unprivileged_userns_clone", ABSENT_QUIET},
	{"kernel.yama.ptrace_scope", ABSENT_GAP},
	{"net.bridge.bridge-nf-call-arptables", ABSENT_ZERO},
	{"net.bridge.bridge-nf-call-ip6tables", ABSENT_ZERO},
	{"net.bridge.bridge-nf-call-iptables", ABSENT_ZERO},
	{"net.bridge.bridge-nf-filter-vlan-tagged", ABSENT_ZERO},
	{"net.core.bpf_jit_enable", ABSENT_GAP},
	{"net.core.bpf_jit_harden", ABSENT_GAP},
	{"net.ipv4.icmp_echo_ignore_broadcasts", ABSENT_GAP},
	{"net.ipv4.icmp_ignore_bogus_error_responses", ABSENT_GAP},
	{"net.ipv4.ip_forward", ABSENT_GAP},
	{"net.ipv4.tcp_rfc1337", ABSENT_GAP},
	{"net.ipv4.tcp_syncookies", ABSENT_GAP},
	{"net.ipv4.tcp_timestamps", ABSENT_GAP},
	{"user.max_user_namespaces", ABSENT_GAP},
	{"vm.max_map_count", ABSENT_GAP},
	{"vm.mmap_min_addr", ABSENT_GAP},
	{"vm.nr_hugepages", ABSENT_GAP},
	{"vm.overcommit_memory", ABSENT_GAP},
	{"vm.swappiness", ABSENT_GAP},
	{"vm.unprivileged_userfaultfd", ABSENT_GAP},
};

/* Settings of each network interface, of `all` and of `default`. */
static const struct {
	const char *family;
	const char *names[12];
} interface_sysctls[] = {
	{"ipv4",
	 {"accept_local", "accept_redirects", "accept_source_route", "arp_announce", "arp_ignore",
	  "forwarding", "log_martians", "proxy_arp", "route_localnet", "rp_filter",
	  "secure_redirects", "send_redirects"}},
	{"ipv6",
	 {"accept_ra", "accept_redirects", "accept_source_route", "autoconf", "disable_ipv6",
	  "forwarding", "proxy_ndp"}},
};

/* Modules whose parameters are worth keeping. */
static const char *const parameter_modules[] = {
	"apparmor", "intel_iommu", "iommu",	  "ima",      "kvm",
	"kvm_amd",  "kvm_intel",   "loop",	  "module",   "nbd",
	"tun",	    "usbcore",	   "vfio",	  "vfio_pci", "vfio_iommu_type1",
	"vhost",    "vhost_net",   "vhost_vsock", "zswap",
};

static void collect_cmdline(struct sys *sys, struct fact_sink *out)
{
	RF_AUTOBUF struct rf_buf buf = {0};
	RF_AUTOMAP struct rf_map values = {0};
	char *key, *value;

	if (util_read(sys, out, FACT_T_KERNEL_PARAM, "", "/proc/cmdline", RF_MAX_LINE_BYTES,
		      &buf) <= 0 ||
	    buf.len == 0)
		return;
	/* Words behind -- are kept as well: systemd looks at them, too. */
	for (char *cursor = (char *)buf.data; kernel_word_next(&cursor, &key, &value);) {
		if (*key && rf_map_set(&values, key, value) < 0)
			rf_fail(&out->err, -ENOMEM, "kernel command line");
	}
	for (size_t i = 0; i < values.capacity; i++) {
		if (values.slots[i].key)
			fact_put_kernel_param(
				out, &(struct fact_kernel_param){.key = values.slots[i].key,
								 .value = values.slots[i].value,
								 .source = "/proc/cmdline"});
	}
}

/* Reads one setting; path below /proc/sys. Returns what the read returned. */
static int put_sysctl(struct sys *sys, struct fact_sink *out, const char *key, const char *path)
{
	char value[1024];
	int rc = sys_read_line(sys, path, value, sizeof(value));

	if (rc == 0)
		fact_put_sysctl(out,
				&(struct fact_sysctl){.key = key, .value = value, .source = path});
	else if (rc != -ENOENT)
		util_gap(out, FACT_T_SYSCTL, key, path, rc);
	return rc;
}

static void sysctl_gap(struct fact_sink *out, const char *key, const char *path)
{
	fact_gap(out, FACT_T_SYSCTL, key, "value", path,
		 rf_starts(key, "net.ipv6.")
			 ? "This kernel has no %s: IPv6 is switched off, or the kernel lacks the "
			   "setting."
			 : "This kernel has no %s: it is too old for it, or built without it.",
		 path);
}

/* True when the kernel was built without what the setting would switch: then that is told. */
static bool put_equivalent(struct fact_sink *out, const struct kconfig *config, const char *key)
{
	char source[512];

	for (size_t i = 0; i < RF_COUNT(equivalents); i++) {
		if (strcmp(key, equivalents[i].key) != 0 ||
		    kconfig_get(config, equivalents[i].symbol) != 'n')
			continue;
		rf_format(source, sizeof(source), "%s: %s is not set", config->source,
			  equivalents[i].symbol);
		fact_put_sysctl(out, &(struct fact_sysctl){.key = key,
							   .value = equivalents[i].value,
							   .source = source});
		return true;
	}
	return false;
}

static void collect_fixed_sysctls(struct sys *sys, const struct kconfig *config,
				  struct fact_sink *out)
{
	char path[256];

	for (size_t i = 0; i < RF_COUNT(sysctls); i++) {
		rf_format(path, sizeof(path), "/proc/sys/%s", sysctls[i].key);
		for (char *p = path; (p = strchr(p, '.'));)
			*p = '/';
		if (put_sysctl(sys, out, sysctls[i].key, path) != -ENOENT)
			continue;
		if (sysctls[i].absence == ABSENT_GAP &&
		    !put_equivalent(out, config, sysctls[i].key))
			sysctl_gap(out, sysctls[i].key, path);
		/* Without the module br_netfilter no bridged frame comes to iptables. */
		if (sysctls[i].absence == ABSENT_ZERO)
			fact_put_sysctl(out,
					&(struct fact_sysctl){
						.key = sysctls[i].key,
						.value = "0",
						.source = "no /proc/sys/net/bridge: the "
							  "module br_netfilter is not loaded"});
	}
}

static void collect_interface_sysctls(struct sys *sys, struct fact_sink *out, size_t family,
				      const char *interface)
{
	const char *name = interface_sysctls[family].family;
	bool fixed = strcmp(interface, "all") == 0 || strcmp(interface, "default") == 0;
	char path[512], key[512], shown[256];

	/* As sysctl prints it: a dot in an interface's name becomes a slash. */
	rf_copy(shown, sizeof(shown), interface);
	for (char *p = shown; (p = strchr(p, '.'));)
		*p = '/';
	for (size_t i = 0; i < RF_COUNT(interface_sysctls[0].names); i++) {
		const char *setting = interface_sysctls[family].names[i];

		if (!setting)
			return;
		rf_format(key, sizeof(key), "net.%s.conf.%s.%s", name, shown, setting);
		rf_format(path, sizeof(path), "/proc/sys/net/%s/conf/%s/%s", name, interface,
			  setting);
		if (put_sysctl(sys, out, key, path) == -ENOENT && fixed)
			sysctl_gap(out, key, path);
	}
}

static void collect_sysctls(struct sys *sys, const struct kconfig *config, struct fact_sink *out)
{
	if (!sys_exists(sys, "/proc/sys")) {
		fact_gap(out, FACT_T_SYSCTL, "", "", "/proc/sys",
			 "There is no /proc/sys: proc is not mounted, or was not captured.");
		return;
	}
	collect_fixed_sysctls(sys, config, out);
	for (size_t f = 0; f < RF_COUNT(interface_sysctls); f++) {
		SYS_AUTONAMES struct sys_names names = {0};
		char dir[64];

		collect_interface_sysctls(sys, out, f, "all");
		collect_interface_sysctls(sys, out, f, "default");
		rf_format(dir, sizeof(dir), "/proc/sys/net/%s/conf", interface_sysctls[f].family);
		if (sys_list(sys, dir, &names, NULL) < 0)
			continue;
		for (size_t i = 0; i < names.count && i < MAX_INTERFACES; i++) {
			if (strcmp(names.names[i], "all") != 0 &&
			    strcmp(names.names[i], "default") != 0)
				collect_interface_sysctls(sys, out, f, names.names[i]);
		}
		if (names.count > MAX_INTERFACES)
			fact_gap(out, FACT_T_SYSCTL, dir, "", dir,
				 "There are more than %u interfaces; the rest was left out.",
				 MAX_INTERFACES);
	}
}

static void collect_parameters(struct sys *sys, struct fact_sink *out)
{
	char dir[128], path[512], key[256], value[1024];

	for (size_t m = 0; m < RF_COUNT(parameter_modules); m++) {
		SYS_AUTONAMES struct sys_names names = {0};

		rf_format(dir, sizeof(dir), "/sys/module/%s/parameters", parameter_modules[m]);
		/* A module that is not loaded has no parameters: nothing to tell. */
		if (sys_list(sys, dir, &names, NULL) < 0)
			continue;
		for (size_t i = 0; i < names.count && i < MAX_PARAMETERS; i++) {
			if (!rf_format(path, sizeof(path), "%s/%s", dir, names.names[i]) ||
			    !rf_format(key, sizeof(key), "%s/%s", parameter_modules[m],
				       names.names[i]))
				continue;
			int rc = sys_read_line(sys, path, value, sizeof(value));

			if (rc == 0)
				fact_put_module_param(
					out, &(struct fact_module_param){
						     .key = key, .value = value, .source = path});
			else
				util_gap(out, FACT_T_MODULE_PARAM, key, path, rc);
		}
	}
}

static void collect_apparmor(struct sys *sys, struct fact_sink *out)
{
	static const char *const enabled_path = "/sys/module/apparmor/parameters/enabled";
	static const char *const mode_path = "/sys/module/apparmor/parameters/mode";
	char text[64] = "", mode[64] = "";
	int rc = sys_read_line(sys, enabled_path, text, sizeof(text));
	bool enabled = rc == 0 && rf_truth(text) == 1;
	struct fact_lsm row = {.name = "apparmor", .source = enabled_path};

	if (rc == 0 || rc == -ENOENT)
		row.enabled = FACT_BOOL(enabled);
	else
		util_gap(out, FACT_T_LSM, "apparmor", enabled_path, rc);
	if (row.enabled.known && !enabled)
		row.enforcing = FACT_BOOL(false);
	if (enabled) {
		rc = sys_read_line(sys, mode_path, mode, sizeof(mode));
		row.enforcing = (struct fact_int){rc == 0, strcmp(mode, "enforce") == 0 ||
								   strcmp(mode, "kill") == 0};
		if (rc < 0)
			util_gap(out, FACT_T_LSM, "apparmor", mode_path, rc);
	}
	fact_put_lsm(out, &row);
}

static void collect_selinux(struct sys *sys, struct fact_sink *out)
{
	static const char *const path = "/sys/fs/selinux/enforce";
	struct fact_lsm row = {.name = "selinux", .source = path};
	char stack[256] = "";
	int64_t enforce;
	int rc = sys_read_int(sys, path, &enforce);

	if (rc == 0) {
		row.enabled = FACT_BOOL(true);
		row.enforcing = FACT_BOOL(enforce == 1);
		fact_put_lsm(out, &row);
		return;
	}
	/* selinuxfs may not be mounted here although the kernel has SELinux on. */
	bool stacked = sys_read_line(sys, "/sys/kernel/security/lsm", stack, sizeof(stack)) == 0 &&
		       strstr(stack, "selinux");

	row.enabled = FACT_BOOL(stacked || rc != -ENOENT);
	if (!stacked && rc == -ENOENT)
		row.enforcing = FACT_BOOL(false);
	else
		fact_gap(out, FACT_T_LSM, "selinux", "enforcing", path,
			 "SELinux is in the kernel, but %s cannot be read; mount selinuxfs.", path);
	fact_put_lsm(out, &row);
}

/* Lines "name (mode)"; a name may hold blanks and brackets. */
static void put_profile(struct fact_sink *out, char *line, const char *path)
{
	char *open = strrchr(line, '(');
	size_t len = strlen(line);

	if (!open || open < line + 2 || open[-1] != ' ' || line[len - 1] != ')')
		return;
	open[-1] = '\0';
	line[len - 1] = '\0';
	fact_put_lsm_profile(
		out, &(struct fact_lsm_profile){.name = line, .mode = open + 1, .source = path});
}

static void collect_profiles(struct sys *sys, struct fact_sink *out)
{
	static const char *const path = "/sys/kernel/security/apparmor/profiles";
	RF_AUTOBUF struct rf_buf buf = {0};
	char enabled[16] = "";

	if (sys_read_line(sys, "/sys/module/apparmor/parameters/enabled", enabled,
			  sizeof(enabled)) < 0 ||
	    rf_truth(enabled) != 1)
		return;
	int rc = util_read(sys, out, FACT_T_LSM_PROFILE, "", path, RF_MAX_FILE_BYTES, &buf);

	if (rc == 0)
		fact_gap(out, FACT_T_LSM_PROFILE, "", "", path,
			 "AppArmor is on, but its list of profiles is not there: mount securityfs "
			 "on /sys/kernel/security.");
	char *cursor = rc > 0 && buf.len ? (char *)buf.data : NULL;

	for (char *line; (line = rf_line_next(&cursor));)
		put_profile(out, line, path);
}

int collect_kernel(struct sys *sys, const struct collect_request *req, struct fact_sink *out,
		   struct rf_err *err)
{
	KCONFIG_AUTO struct kconfig config = {0};

	(void)req;
	(void)err;
	kconfig_read(sys, &config);
	collect_cmdline(sys, out);
	collect_sysctls(sys, &config, out);
	collect_parameters(sys, out);
	kernel_modules_collect(sys, &config, out);
	collect_apparmor(sys, out);
	collect_selinux(sys, out);
	collect_profiles(sys, out);
	return 0;
}
