/* SPDX-License-Identifier: Apache-2.0 */
/* ringfence doctor: what this machine can and cannot do, each with the line that mends it. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <linux/landlock.h>
#include <linux/perf_event.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/rows.h"
#include "isolate/guard/guard.h"
#include "sys/sys.h"

enum answer { CAN, CANNOT, PARTLY };

/* Writes what was seen into detail. */
typedef enum answer probe_fn(struct sys *sys, char *detail, size_t size);

struct capability {
	const char *area, *name;
	probe_fn *probe;
	const char *used_for;
	const char *mend;
};

static enum answer path_probe(struct sys *sys, const char *path, char *detail, size_t size)
{
	bool there = sys_exists(sys, path);

	rf_format(detail, size, "%s %s", path, there ? "is there" : "is not there");
	return there ? CAN : CANNOT;
}

static enum answer probe_root(struct sys *sys, char *detail, size_t size)
{
	(void)sys;
	rf_format(detail, size, "user id %u", (unsigned)geteuid());
	return geteuid() == 0 ? CAN : PARTLY;
}

static enum answer probe_tpm(struct sys *sys, char *detail, size_t size)
{
	char version[16];

	if (sys_read_line(sys, "/sys/class/tpm/tpm0/tpm_version_major", version, sizeof(version)) <
	    0) {
		rf_format(detail, size, "no TPM in /sys/class/tpm");
		return CANNOT;
	}
	rf_format(detail, size, "TPM version %s", version);
	return strcmp(version, "2") == 0 ? CAN : PARTLY;
}

static enum answer probe_tpm_manager(struct sys *sys, char *detail, size_t size)
{
	return path_probe(sys, "/dev/tpmrm0", detail, size);
}

static enum answer probe_event_log(struct sys *sys, char *detail, size_t size)
{
	return path_probe(sys, "/sys/kernel/security/tpm0/binary_bios_measurements", detail, size);
}

static enum answer probe_securityfs(struct sys *sys, char *detail, size_t size)
{
	return path_probe(sys, "/sys/kernel/security/lsm", detail, size);
}

static enum answer probe_ima(struct sys *sys, char *detail, size_t size)
{
	int64_t count;

	if (sys_read_int(sys, "/sys/kernel/security/ima/runtime_measurements_count", &count) < 0) {
		rf_format(detail, size, "no IMA in /sys/kernel/security/ima");
		return CANNOT;
	}
	rf_format(detail, size, "%lld measurements", (long long)count);
	return count > 1 ? CAN : PARTLY;
}

static enum answer probe_secure_boot(struct sys *sys, char *detail, size_t size)
{
	RF_AUTOBUF struct rf_buf var = {0};
	static const char path[] = "/sys/firmware/efi/efivars/"
				   "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";

	if (!sys_exists(sys, "/sys/firmware/efi")) {
		rf_format(detail, size, "not booted by UEFI");
		return CANNOT;
	}
	if (sys_read(sys, path, 64, &var, NULL) < 0 || var.len < 5) {
		rf_format(detail, size, "the variable SecureBoot cannot be read");
		return CANNOT;
	}
	rf_format(detail, size, "SecureBoot = %u", var.data[4]);
	return var.data[4] == 1 ? CAN : CANNOT;
}

static enum answer probe_lockdown(struct sys *sys, char *detail, size_t size)
{
	char line[128];

	if (sys_read_line(sys, "/sys/kernel/security/lockdown", line, sizeof(line)) < 0) {
		rf_format(detail, size, "/sys/kernel/security/lockdown cannot be read");
		return CANNOT;
	}
	rf_copy(detail, size, line);
	return strstr(line, "[none]") ? CANNOT : CAN;
}

static enum answer probe_kvm(struct sys *sys, char *detail, size_t size)
{
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	(void)sys;
	rf_format(detail, size, "/dev/kvm: %s", fd < 0 ? rf_code_text(-errno) : "opens");
	if (fd < 0)
		return CANNOT;
	close(fd);
	return CAN;
}

static enum answer probe_libvirt(struct sys *sys, char *detail, size_t size)
{
	if (sys_exists(sys, "/run/libvirt/libvirt-sock") ||
	    sys_exists(sys, "/run/libvirt/virtqemud-sock")) {
		rf_format(detail, size, "its socket is there");
		return CAN;
	}
	bool installed =
		sys_exists(sys, "/usr/sbin/libvirtd") || sys_exists(sys, "/usr/sbin/virtqemud");

	rf_format(detail, size, "%s", installed ? "installed, not running" : "not installed");
	return installed ? PARTLY : CANNOT;
}

static enum answer probe_qemu(struct sys *sys, char *detail, size_t size)
{
	if (sys_exists(sys, "/usr/libexec/qemu-kvm"))
		return path_probe(sys, "/usr/libexec/qemu-kvm", detail, size);
	return path_probe(sys, "/usr/bin/qemu-system-x86_64", detail, size);
}

static enum answer probe_swtpm(struct sys *sys, char *detail, size_t size)
{
	return path_probe(sys, "/usr/bin/swtpm", detail, size);
}

static enum answer probe_bpf(struct sys *sys, char *detail, size_t size)
{
	struct rf_err why = {0};
	enum guard_means means = guard_means(&why);

	(void)sys;
	rf_format(detail, size, "%s",
		  means == GUARD_MEANS_BPF ? "a program can be loaded" : rf_err_text(&why));
	return means == GUARD_MEANS_BPF ? CAN : means == GUARD_MEANS_KEPT ? PARTLY : CANNOT;
}

static enum answer probe_btf(struct sys *sys, char *detail, size_t size)
{
	return path_probe(sys, "/sys/kernel/btf/vmlinux", detail, size);
}

static enum answer probe_cgroup(struct sys *sys, char *detail, size_t size)
{
	bool v2 = sys_exists(sys, "/sys/fs/cgroup/cgroup.controllers");
	bool hybrid = sys_exists(sys, "/sys/fs/cgroup/unified/cgroup.controllers");
	bool v1 = sys_exists(sys, "/sys/fs/cgroup/memory");

	rf_format(detail, size, "%s",
		  v2	   ? "version 2"
		  : hybrid ? "hybrid"
		  : v1	   ? "version 1"
			   : "not mounted");
	return v2 ? CAN : hybrid || v1 ? PARTLY : CANNOT;
}

static enum answer probe_landlock(struct sys *sys, char *detail, size_t size)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	(void)sys;
	if (abi < 0) {
		rf_format(detail, size, "%s", rf_code_text(-errno));
		return CANNOT;
	}
	rf_format(detail, size, "ABI %ld", abi);
	return CAN;
}

static enum answer probe_seccomp(struct sys *sys, char *detail, size_t size)
{
	/* Asks for the current mode: EINVAL where the kernel has no seccomp. */
	int mode = prctl(PR_GET_SECCOMP, 0, 0, 0, 0);

	(void)sys;
	rf_format(detail, size, "%s", mode < 0 ? rf_code_text(-errno) : "works");
	return mode < 0 ? CANNOT : CAN;
}

static enum answer probe_perf(struct sys *sys, char *detail, size_t size)
{
	struct perf_event_attr attr = {.type = PERF_TYPE_HARDWARE,
				       .size = sizeof(attr),
				       .config = PERF_COUNT_HW_INSTRUCTIONS,
				       .exclude_kernel = 1};
	long fd = syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);

	(void)sys;
	rf_format(detail, size, "hardware counters: %s", fd < 0 ? rf_code_text(-errno) : "work");
	if (fd < 0)
		return CANNOT;
	close((int)fd);
	return CAN;
}

static enum answer probe_ksm(struct sys *sys, char *detail, size_t size)
{
	return path_probe(sys, "/sys/kernel/mm/ksm/run", detail, size);
}

static enum answer probe_psi(struct sys *sys, char *detail, size_t size)
{
	return path_probe(sys, "/proc/pressure/cpu", detail, size);
}

static enum answer probe_systemd(struct sys *sys, char *detail, size_t size)
{
	return path_probe(sys, "/run/systemd/system", detail, size);
}

static enum answer probe_nft(struct sys *sys, char *detail, size_t size)
{
	RF_AUTOBUF struct rf_buf out = {0};
	struct rf_err err = {0};
	int rc = sys_probe(sys, "nft", "tables", &out, &err);

	rf_format(detail, size, "%s", rc < 0 ? rf_err_text(&err) : "netlink answers");
	return rc < 0 ? CANNOT : CAN;
}

static enum answer probe_audit(struct sys *sys, char *detail, size_t size)
{
	RF_AUTOBUF struct rf_buf out = {0};
	struct rf_err err = {0};
	int rc = sys_probe(sys, "audit", "status", &out, &err);

	rf_format(detail, size, "%s", rc < 0 ? rf_err_text(&err) : "netlink answers");
	return rc < 0 ? CANNOT : CAN;
}

static const struct capability capabilities[] = {
	{"rights", "root", probe_root, "reading everything a control asks for",
	 "run as root: sudo ringfence ..."},
	{"boot", "TPM 2.0", probe_tpm, "measured boot",
	 "switch the TPM on in the firmware setup (fTPM, PTT); in a VM add <tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm>"},
	{"boot", "TPM resource manager", probe_tpm_manager, "sharing the TPM with other programs",
	 "modprobe tpm_crb or tpm_tis; kernel with CONFIG_TCG_TPM"},
	{"boot", "boot event log", probe_event_log, "explaining PCR values",
	 "mount -t securityfs securityfs /sys/kernel/security; the firmware must speak TCG2"},
	{"boot", "Secure Boot", probe_secure_boot, "only signed boot programs and kernels",
	 "switch Secure Boot on in the firmware setup"},
	{"boot", "securityfs", probe_securityfs, "IMA, lockdown, AppArmor, event logs",
	 "mount -t securityfs securityfs /sys/kernel/security"},
	{"boot", "IMA", probe_ima, "measuring programs and modules as they load",
	 "add ima_policy=tcb to the kernel command line"},
	{"boot", "kernel lockdown", probe_lockdown, "keeping root out of the kernel",
	 "add lockdown=integrity to the kernel command line, or boot with Secure Boot"},
	{"virtualization", "KVM", probe_kvm, "hardware virtualization",
	 "switch VT-x or AMD-V on in the firmware; modprobe kvm_intel or kvm_amd"},
	{"virtualization", "libvirt", probe_libvirt, "asking for VMs and networks",
	 "apt-get install libvirt-daemon-system, then systemctl start libvirtd"},
	{"virtualization", "QEMU", probe_qemu, "running VMs", "apt-get install qemu-system-x86"},
	{"virtualization", "software TPM", probe_swtpm, "vTPMs of VMs",
	 "apt-get install swtpm swtpm-tools"},
	{"network", "BPF", probe_bpf, "the network guard",
	 "run as root, with CAP_BPF; kernel with CONFIG_BPF_SYSCALL; until then rules of nft guard, with "
	 "less"},
	{"network", "BTF", probe_btf, "portable BPF programs", "kernel with CONFIG_DEBUG_INFO_BTF"},
	{"network", "nftables", probe_nft, "firewall facts and the second layer",
	 "run as root; modprobe nf_tables"},
	{"resources", "cgroups", probe_cgroup, "limits of CPU, memory and I/O",
	 "boot with systemd.unified_cgroup_hierarchy=1"},
	{"resources", "page sharing (KSM)", probe_ksm, "checking that VMs share no pages",
	 "kernel with CONFIG_KSM; without it nothing is shared"},
	{"resources", "pressure stall information", probe_psi, "seeing a noisy neighbour",
	 "add psi=1 to the kernel command line"},
	{"resources", "hardware counters", probe_perf, "finding hostile VMs by their behaviour",
	 "run on hardware, or give the VM a PMU; kernel.perf_event_paranoid=2"},
	{"sandbox", "Landlock", probe_landlock, "locking our own readers in",
	 "add landlock to lsm= on the kernel command line (Linux 5.13 and later)"},
	{"sandbox", "seccomp", probe_seccomp, "locking our own readers in",
	 "kernel with CONFIG_SECCOMP_FILTER"},
	{"logging", "Linux audit", probe_audit, "a record of changes",
	 "run as root; add audit=1 to the kernel command line"},
	{"services", "systemd", probe_systemd, "service facts",
	 "none needed: service facts come from unit files as well"},
};

static int print_json(struct sys *sys, struct rf_err *err)
{
	static const char *const words[] = {"yes", "no", "partly"};
	json_t *all = json_array();

	for (size_t i = 0; i < RF_COUNT(capabilities); i++) {
		const struct capability *c = &capabilities[i];
		char detail[256] = "";
		enum answer a = c->probe(sys, detail, sizeof(detail));

		json_array_append_new(all, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "area",
						     c->area, "name", c->name, "can", words[a],
						     "seen", detail, "used_for", c->used_for,
						     "mend", a == CAN ? "" : c->mend));
	}
	int rc = json_dumpf(all, stdout, JSON_INDENT(1));

	json_decref(all);
	puts("");
	return rc < 0 ? rf_fail(err, -ENOMEM, "no memory") : 0;
}

int cmd_doctor(const struct cli_args *args, struct rf_err *err)
{
	static const char *const words[] = {"✔ yes   ", "✖ no    ", "▲ partly"};
	static const char *const colors[] = {"\033[32m", "\033[31m", "\033[33m"};
	bool color = rows_color(cli_value(args, OPT_COLOR));
	size_t counts[3] = {0};
	struct sys *sys = NULL;
	enum rows_format format;
	int rc = rows_format_parse(cli_value(args, OPT_OUTPUT), &format, err);

	if (!rc)
		rc = sys_open_live(&sys, err);
	if (rc < 0)
		return rc;
	if (format != ROWS_TABLE) {
		rc = print_json(sys, err);
		sys_close(sys);
		return rc;
	}
	for (size_t i = 0; i < RF_COUNT(capabilities); i++) {
		const struct capability *c = &capabilities[i];
		char detail[256] = "";
		enum answer a = c->probe(sys, detail, sizeof(detail));

		counts[a]++;
		if (i == 0 || strcmp(c->area, capabilities[i - 1].area) != 0)
			printf("%s%s\n", i ? "\n" : "", c->area);
		printf("  %s%s%s  %-28s %s\n", color ? colors[a] : "", words[a],
		       color ? "\033[0m" : "", c->name, detail);
		if (a != CAN)
			printf("            for %s\n            mend: %s\n", c->used_for, c->mend);
	}
	sys_close(sys);
	printf("\n%zu yes, %zu partly, %zu no\n", counts[CAN], counts[PARTLY], counts[CANNOT]);
	return 0;
}
