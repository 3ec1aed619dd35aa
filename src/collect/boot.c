/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collector boot: firmware, measured boot and the kernel's protection of itself.
 * Whether the measurements are the right ones is for attestation; here is told whether there are
 * any. Source: efivarfs.rst, sysfs-class-tpm, kernel_lockdown(7), ima_policy ABI, thunderbolt.rst.
 */
#include <errno.h>
#include <string.h>

#include "attest/imapolicy.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/boot.h"
#include "collect/collect.h"
#include "collect/efi.h"
#include "collect/kconfig.h"
#include "collect/util.h"

#define SECURITY "/sys/kernel/security"
#define EFI	 "/sys/firmware/efi"

static void gap(struct fact_sink *out, const char *column, const char *source, const char *text)
{
	fact_gap(out, FACT_T_BOOT, "", column, source, "%s", text);
}

/* One byte of an EFI variable that is a yes or no. */
static struct fact_int efi_flag(struct sys *sys, struct fact_sink *out, const char *name,
				const char *column)
{
	RF_AUTOBUF struct rf_buf value = {0};
	int rc = efi_variable_read(sys, name, &value);

	if (rc == 0 && value.len > 0)
		return FACT_BOOL(value.data[0] == 1);
	/* Firmware without Secure Boot has no such variable, in a folder that holds others. */
	SYS_AUTONAMES struct sys_names names = {0};

	if (rc == -ENOENT && sys_list(sys, EFI "/efivars", &names, NULL) == 0 && names.count > 0)
		return FACT_BOOL(false);
	fact_gap(out, FACT_T_BOOT, "", column, EFI "/efivars",
		 "The variable %s cannot be read (%s); mount efivarfs on %s/efivars.", name,
		 rf_code_text(rc), EFI);
	return (struct fact_int){0};
}

static void fill_firmware(struct sys *sys, struct fact_sink *out, struct boot_row *b)
{
	bool uefi = sys_exists(sys, EFI);

	b->row.uefi = FACT_BOOL(uefi);
	if (!uefi) {
		/* A BIOS checks no signature, and tells nobody what it boots from. */
		b->row.secure_boot = FACT_BOOL(false);
		b->row.setup_mode = FACT_BOOL(false);
		gap(out, "removable_boot", EFI,
		    "The host was not booted by UEFI, and the order in which a BIOS tries devices "
		    "cannot be read from here; look at the firmware's set-up.");
		return;
	}
	b->row.secure_boot = efi_flag(sys, out, "SecureBoot", "secure_boot");
	b->row.setup_mode = efi_flag(sys, out, "SetupMode", "setup_mode");
	int outside = efi_boot_entries_collect(sys, out);

	b->row.removable_boot = (struct fact_int){outside >= 0, outside};
}

/* What a missing file of securityfs means: nothing there when the kernel lacks the feature. */
static bool known_absent(const struct boot_row *b, const struct kconfig *config, const char *symbol)
{
	char set = kconfig_get(config, symbol);

	return set ? set == 'n' : b->has_securityfs;
}

static void security_gap(struct fact_sink *out, const char *column, const char *path)
{
	fact_gap(out, FACT_T_BOOT, "", column, path,
		 "%s cannot be read; mount securityfs on " SECURITY " and run as root.", path);
}

static void fill_lockdown(struct sys *sys, struct fact_sink *out, const struct kconfig *config,
			  struct boot_row *b)
{
	char text[128];
	int rc = sys_read_line(sys, SECURITY "/lockdown", text, sizeof(text));
	char *open = rc == 0 ? strchr(text, '[') : NULL;
	char *close = open ? strchr(open, ']') : NULL;

	/* "none [integrity] confidentiality" */
	if (close) {
		*close = '\0';
		rf_copy(b->lockdown, sizeof(b->lockdown), open + 1);
	} else if (rc == -ENOENT && known_absent(b, config, "CONFIG_SECURITY_LOCKDOWN_LSM")) {
		rf_copy(b->lockdown, sizeof(b->lockdown), "absent");
	} else {
		security_gap(out, "lockdown", SECURITY "/lockdown");
		return;
	}
	b->row.lockdown = b->lockdown;
}

static void fill_modules(struct sys *sys, struct fact_sink *out, const struct kconfig *config,
			 struct boot_row *b)
{
	static const char *const path = "/sys/module/module/parameters/sig_enforce";
	char text[16];
	int64_t disabled = 0;
	char built = kconfig_get(config, "CONFIG_MODULES");
	bool modular = sys_exists(sys, "/proc/modules") || built == 'y';
	int rc = sys_read_int(sys, "/proc/sys/kernel/modules_disabled", &disabled);

	if (rc < 0 && rc != -ENOENT)
		gap(out, "modules_loadable", "/proc/sys/kernel/modules_disabled",
		    "It cannot be read.");
	else
		b->row.modules_loadable = FACT_BOOL(modular && disabled == 0);
	bool locked = rf_equal(b->row.lockdown, "integrity") ||
		      rf_equal(b->row.lockdown, "confidentiality");

	rc = sys_read_line(sys, path, text, sizeof(text));
	/* A kernel that loads no module at all loads no unsigned one. */
	if (locked || !modular)
		b->row.module_sig_enforce = FACT_BOOL(true);
	else if (rc == 0 || rc == -ENOENT)
		b->row.module_sig_enforce = FACT_BOOL(rc == 0 && rf_truth(text) == 1);
	else
		gap(out, "module_sig_enforce", path, "It cannot be read.");
}

/* Modules and executables, of all or at least of some users and files. */
static void put_ima_policy(struct fact_sink *out, struct boot_row *b, const struct rf_buf *text)
{
	struct imapolicy policy;
	struct rf_err err = {0};

	if (imapolicy_parse(rf_buf_slice(text), &policy, &err) < 0)
		gap(out, "ima_policy_modules", SECURITY "/ima/policy", rf_err_text(&err));
	else
		b->row.ima_policy_modules =
			FACT_BOOL(policy.measured[IMAPOLICY_MODULE_CHECK] != IMAPOLICY_NONE &&
				  policy.measured[IMAPOLICY_BPRM_CHECK] != IMAPOLICY_NONE);
}

static void fill_ima_policy(struct sys *sys, struct fact_sink *out, struct boot_row *b)
{
	RF_AUTOBUF struct rf_buf policy = {0};
	char built_in[256] = "";

	if (sys_read(sys, SECURITY "/ima/policy", RF_MAX_PROC_BYTES, &policy, NULL) == 0 ||
	    sys_read(sys, SECURITY "/integrity/ima/policy", RF_MAX_PROC_BYTES, &policy, NULL) ==
		    0) {
		put_ima_policy(out, b, &policy);
		return;
	}
	/* A kernel without CONFIG_IMA_READ_POLICY does not show it; a built-in one is known. */
	if (kernel_cmdline_value(sys, "ima_policy", built_in, sizeof(built_in)) &&
	    strstr(built_in, "tcb") && !strstr(built_in, "appraise_tcb"))
		b->row.ima_policy_modules = FACT_BOOL(true);
	else
		gap(out, "ima_policy_modules", SECURITY "/ima/policy",
		    "The kernel does not show the IMA policy (CONFIG_IMA_READ_POLICY), and the "
		    "command line names no ima_policy=tcb.");
}

static void fill_ima(struct sys *sys, struct fact_sink *out, const struct kconfig *config,
		     struct boot_row *b)
{
	int64_t count;
	int rc = sys_read_int(sys, SECURITY "/ima/runtime_measurements_count", &count);

	if (rc == -ENOENT)
		rc = sys_read_int(sys, SECURITY "/integrity/ima/runtime_measurements_count",
				  &count);
	if (rc == -ENOENT && known_absent(b, config, "CONFIG_IMA"))
		count = rc = 0;
	if (rc < 0) {
		security_gap(out, "ima_measurements", SECURITY "/ima/runtime_measurements_count");
		security_gap(out, "ima_policy_modules", SECURITY "/ima/policy");
		return;
	}
	b->row.ima_measurements = FACT_INT(count);
	if (count == 0)
		b->row.ima_policy_modules = FACT_BOOL(false);
	else
		fill_ima_policy(sys, out, b);
}

static void fill_init_on(struct sys *sys, struct fact_sink *out, const struct kconfig *config,
			 struct boot_row *b)
{
	const struct {
		const char *word, *symbol;
		struct fact_int *to;
	} rows[] = {
		{"init_on_alloc", "CONFIG_INIT_ON_ALLOC_DEFAULT_ON", &b->row.init_on_alloc},
		{"init_on_free", "CONFIG_INIT_ON_FREE_DEFAULT_ON", &b->row.init_on_free},
	};
	char value[16];

	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		char built = kconfig_get(config, rows[i].symbol);

		if (kernel_cmdline_value(sys, rows[i].word, value, sizeof(value)) &&
		    rf_truth(value) >= 0)
			*rows[i].to = FACT_BOOL(rf_truth(value) == 1);
		else if (built)
			*rows[i].to = FACT_BOOL(built == 'y');
		else
			fact_gap(out, FACT_T_BOOT, "", rows[i].word, "/proc/cmdline",
				 "The command line does not say, and the kernel's configuration "
				 "(%s) was not found.",
				 rows[i].symbol);
	}
}

/* The worst of all Thunderbolt domains: what lets a device in with the fewest questions. */
static void fill_thunderbolt(struct sys *sys, struct fact_sink *out, struct boot_row *b)
{
	static const char *const dir = "/sys/bus/thunderbolt/devices";
	static const char *const levels[] = {"none",   "user",	  "secure",
					     "dponly", "usbonly", "nopcie"};
	SYS_AUTONAMES struct sys_names names = {0};
	char path[RF_MAX_PATH_BYTES], level[32];
	size_t worst = RF_COUNT(levels);
	int rc = sys_list(sys, dir, &names, NULL);
	bool unknown = rc < 0 && rc != -ENOENT;

	for (size_t i = 0; i < names.count; i++) {
		if (!rf_starts(names.names[i], "domain"))
			continue;
		rf_format(path, sizeof(path), "%s/%s/security", dir, names.names[i]);
		size_t rank = 0;

		if (sys_read_line(sys, path, level, sizeof(level)) < 0) {
			unknown = true;
			continue;
		}
		while (rank < RF_COUNT(levels) && strcmp(level, levels[rank]) != 0)
			rank++;
		unknown |= rank == RF_COUNT(levels);
		worst = rank < worst ? rank : worst;
	}
	if (unknown) {
		gap(out, "thunderbolt_security", dir,
		    "A Thunderbolt domain does not tell its security level.");
		return;
	}
	rf_copy(b->thunderbolt, sizeof(b->thunderbolt),
		worst < RF_COUNT(levels) ? levels[worst] : "absent");
	b->row.thunderbolt_security = b->thunderbolt;
}

static void fill_iommu(struct sys *sys, struct fact_sink *out, struct boot_row *b)
{
	SYS_AUTONAMES struct sys_names names = {0};
	int rc = sys_list(sys, "/sys/kernel/iommu_groups", &names, NULL);

	if (rc == 0 || rc == -ENOENT)
		b->row.iommu_groups = FACT_INT(names.count);
	else
		gap(out, "iommu_groups", "/sys/kernel/iommu_groups", "It cannot be listed.");
}

int collect_boot(struct sys *sys, const struct collect_request *req, struct fact_sink *out,
		 struct rf_err *err)
{
	KCONFIG_AUTO struct kconfig config = {0};
	SYS_AUTONAMES struct sys_names security = {0};
	struct boot_row b = {.row.source = "/sys/firmware/efi, /sys/class/tpm, " SECURITY};

	(void)req;
	(void)err;
	kconfig_read(sys, &config);
	b.has_securityfs = sys_list(sys, SECURITY, &security, NULL) == 0 && security.count > 0;
	fill_firmware(sys, out, &b);
	boot_tpm_fill(sys, out, &b);
	fill_lockdown(sys, out, &config, &b);
	fill_modules(sys, out, &config, &b);
	fill_ima(sys, out, &config, &b);
	fill_iommu(sys, out, &b);
	boot_loader_fill(sys, out, &b);
	fill_init_on(sys, out, &config, &b);
	fill_thunderbolt(sys, out, &b);
	fact_put_boot(out, &b.row);
	return 0;
}
