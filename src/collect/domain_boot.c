/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a VM starts and what it can prove: <os>, firmware, Secure Boot, vTPM, launch security,
 * SMBIOS, security labels, pass-through of QEMU arguments. Source: libvirt's formatdomain,
 * domain_conf.c and qemu_firmware.c of 9.0.
 */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "collect/domain.h"

static bool is_x86(const char *arch)
{
	return strcmp(arch, "x86_64") == 0 || strcmp(arch, "i686") == 0;
}

/* What <os><firmware><feature name=> says: 1, 0, or -1 when it is silent. */
static int firmware_feature(struct domain_facts *f, const char *name)
{
	const struct xml_node *n = xml_child(xml_at(f->xml, "os/firmware"), "feature");

	for (; n; n = xml_next(n, "feature")) {
		if (xml_attr_is(n, "name", name))
			return xml_attr_is(n, "enabled", "yes");
	}
	return -1;
}

/* Names under which distributions ship UEFI for VMs; a loader of type pflash is always one. */
static bool names_efi(const char *path)
{
	static const char *const words[] = {"ovmf", "aavmf", "edk2", "efi", "rpi"};
	char lower[512];

	rf_copy(lower, sizeof(lower), path);
	rf_lower(lower);
	for (size_t i = 0; i < RF_COUNT(words); i++) {
		if (strstr(lower, words[i]))
			return true;
	}
	return false;
}

static const char *firmware_kind(struct domain_facts *f, const struct xml_node *os)
{
	const struct xml_node *loader = xml_child(os, "loader");

	if (xml_attr(os, "firmware"))
		return xml_attr(os, "firmware");
	if (loader && (xml_attr_is(loader, "type", "pflash") || names_efi(loader->text)))
		return "efi";
	if (loader)
		return *loader->text && is_x86(f->vm.arch) ? "bios" : "";
	if (*f->vm.kernel || !is_x86(f->vm.arch))
		return "";
	return strcmp(xml_text(os, "type"), "hvm") == 0 ? "bios" : "";
}

/* Templates that hold Microsoft's or the distribution's keys: OVMF_VARS_4M.ms.fd, .secboot.fd. */
static bool template_has_keys(const char *path)
{
	return strstr(path, ".ms.") || strstr(path, ".snakeoil.") || strstr(path, ".secboot.") ||
	       strstr(path, "-ms.") || strstr(path, "enrolled") || strstr(path, "_ms.");
}

/* Secure Boot needs a loader that insists, and keys in its variables. */
static void read_secure_boot(struct domain_facts *f, const struct xml_node *loader)
{
	struct fact_vm *vm = &f->vm;
	int keys = firmware_feature(f, "enrolled-keys");
	int secure = firmware_feature(f, "secure-boot");
	const char *attr = xml_attr(loader, "secure");

	/* libvirt: enrolled keys without Secure Boot would mean nothing, so they ask for it. */
	if (keys == 1 && secure < 0)
		secure = 1;
	if (attr)
		secure = strcmp(attr, "yes") == 0;
	vm->secure_boot = FACT_INT(0);
	if (strcmp(vm->firmware, "efi") != 0 || secure == 0)
		return;
	if (secure < 0 && (!xml_attr(xml_child(f->xml, "os"), "firmware") || *loader->text))
		return; /* a loader that is named and not secure='yes' */
	if (keys < 0 && *vm->nvram_template)
		keys = template_has_keys(vm->nvram_template);
	if (keys == 0)
		return;
	if (secure == 1 && keys == 1) {
		vm->secure_boot = FACT_INT(1);
		return;
	}
	vm->secure_boot = (struct fact_int){0};
	domain_gap(f, FACT_T_VM, "", "secure_boot",
		   secure < 0
			   ? "libvirt chooses the firmware at start; state <firmware><feature "
			     "enabled='yes' name='secure-boot'/> to decide it"
			   : "the definition does not say whether keys are enrolled; state "
			     "<feature enabled='yes' name='enrolled-keys'/> or the nvram template");
}

static void read_firmware(struct domain_facts *f, const struct xml_node *os)
{
	static const struct xml_node no_loader = {.name = "loader", .text = ""};
	const struct xml_node *loader = xml_child(os, "loader");
	const struct xml_node *nvram = xml_child(os, "nvram");
	const char *smm = xml_attr(xml_at(f->xml, "features/smm"), "state");
	struct fact_vm *vm = &f->vm;

	vm->kernel = xml_text(os, "kernel");
	vm->firmware = firmware_kind(f, os);
	vm->nvram = xml_text(nvram, "");
	if (!*vm->nvram)
		vm->nvram = xml_attr_text(xml_child(nvram, "source"), "file");
	vm->nvram_template = xml_attr_text(nvram, "template");
	read_secure_boot(f, loader ? loader : &no_loader);
	/* <smm/> alone means on, and libvirt turns it on itself for a secure loader. */
	if (smm)
		vm->smm = FACT_BOOL(strcmp(smm, "off") != 0);
	else
		vm->smm = FACT_BOOL(xml_at(f->xml, "features/smm") ||
				    xml_attr_is(loader, "secure", "yes") || vm->secure_boot.v == 1);
}

/* The word of <boot dev=> for a device with <boot order=>. */
static const char *boot_word(const struct xml_node *device)
{
	if (xml_is(device, "interface"))
		return "network";
	if (xml_is(device, "disk")) {
		if (xml_attr_is(device, "device", "cdrom"))
			return "cdrom";
		return xml_attr_is(device, "device", "floppy") ? "fd" : "hd";
	}
	return device->name;
}

/* Boot order as the devices give it; "" when none does. */
static const char *boot_by_device(struct domain_facts *f)
{
	enum { MAX_ORDER = 64 };
	const struct xml_node *at[MAX_ORDER] = {0};
	const char *list = "";
	int64_t order;

	for (const struct xml_node *n = xml_child(xml_child(f->xml, "devices"), NULL); n;
	     n = n->next) {
		const char *text = xml_attr_text(xml_child(n, "boot"), "order");

		if (rf_num(text, 10, 1, MAX_ORDER, &order) == 0 && !at[order - 1])
			at[order - 1] = n;
	}
	for (size_t i = 0; i < MAX_ORDER; i++) {
		if (at[i])
			list = domain_join(f, list, boot_word(at[i]));
	}
	return list;
}

static void read_boot_devices(struct domain_facts *f, const struct xml_node *os)
{
	struct fact_vm *vm = &f->vm;

	vm->boot_devices = boot_by_device(f);
	if (!*vm->boot_devices) {
		for (const struct xml_node *n = xml_child(os, "boot"); n; n = xml_next(n, "boot"))
			vm->boot_devices =
				domain_join(f, vm->boot_devices, xml_attr_text(n, "dev"));
	}
	/* virDomainDefPostParse: an HVM without any boot device boots from hd. */
	if (!*vm->boot_devices && strcmp(xml_text(os, "type"), "hvm") == 0)
		vm->boot_devices = "hd";
	vm->boot_menu = FACT_BOOL(xml_attr_is(xml_child(os, "bootmenu"), "enable", "yes"));
}

static void read_tpm(struct domain_facts *f)
{
	const struct xml_node *tpm = xml_at(f->xml, "devices/tpm");
	const struct xml_node *backend = xml_child(tpm, "backend");
	const char *version = xml_attr_text(backend, "version");
	const char *model = xml_attr_text(tpm, "model");
	struct fact_vm *vm = &f->vm;

	vm->tpm = "none";
	vm->tpm_backend = xml_attr_text(backend, "type");
	vm->tpm_encrypted = FACT_BOOL(xml_child(backend, "encryption"));
	if (!tpm)
		return;
	if (*version) {
		vm->tpm = version;
		return;
	}
	/* qemuDomainTPMDefPostParse: tpm-tis on x86 is 1.2 for history's sake, all else 2.0. */
	if (strcmp(vm->tpm_backend, "emulator") == 0) {
		bool tis = strcmp(model, "tpm-tis") == 0 || !*model;

		vm->tpm = tis && is_x86(vm->arch) ? "1.2" : "2.0";
		return;
	}
	if (strcmp(model, "tpm-crb") == 0) {
		vm->tpm = "2.0";
		return;
	}
	vm->tpm = NULL;
	domain_gap(
		f, FACT_T_VM, "", "tpm",
		"the definition does not state the version of its TPM, and its backend '%s' does "
		"not imply one",
		vm->tpm_backend);
}

static void read_launch(struct domain_facts *f)
{
	const struct xml_node *launch = xml_child(f->xml, "launchSecurity");
	struct fact_vm *vm = &f->vm;

	vm->launch_security = xml_attr_text(launch, "type");
	vm->launch_policy = domain_number(f, xml_text(launch, "policy"), 0, "launch_policy");
	vm->launch_kernel_hashes = FACT_BOOL(xml_attr_is(launch, "kernelHashes", "yes"));
}

/* Elements without children below node: the settings of qemu:override and its kin. */
static int64_t count_leaves(const struct xml_node *node)
{
	int64_t count = 0;

	for (const struct xml_node *n = xml_child(node, NULL); n; n = n->next)
		count += n->child ? count_leaves(n) : 1;
	return count;
}

static void read_custom(struct domain_facts *f)
{
	static const char *const others[] = {"capabilities", "override", "deprecation"};
	int64_t caps = 0;

	f->vm.custom_args_count =
		FACT_INT(count_leaves(xml_child_ns(f->xml, DOMAIN_NS_QEMU, "commandline")));
	for (size_t i = 0; i < RF_COUNT(others); i++) {
		const struct xml_node *n = xml_child_ns(f->xml, DOMAIN_NS_QEMU, others[i]);

		if (n)
			caps += n->child ? count_leaves(n) : 1;
	}
	f->vm.custom_caps_count = FACT_INT(caps);
}

void domain_read_boot(struct domain_facts *f)
{
	const struct xml_node *os = xml_child(f->xml, "os");
	int64_t fw_cfg = 0;

	read_firmware(f, os);
	read_boot_devices(f, os);
	read_tpm(f);
	read_launch(f);
	read_custom(f);
	f->vm.smbios_mode = xml_attr_text(xml_child(os, "smbios"), "mode");
	for (const struct xml_node *n = xml_child(f->xml, "sysinfo"); n;
	     n = xml_next(n, "sysinfo")) {
		if (xml_attr_is(n, "type", "fwcfg"))
			fw_cfg += (int64_t)xml_count(n, "entry");
	}
	f->vm.fw_cfg_count = FACT_INT(fw_cfg);
}

/* How little a label protects: none is worse than static, that worse than dynamic. */
static int label_rank(const struct xml_node *label)
{
	if (xml_attr_is(label, "type", "none"))
		return 2;
	return xml_attr_is(label, "type", "static") ? 1 : 0;
}

static bool label_relabels(const struct xml_node *label)
{
	const char *relabel = xml_attr(label, "relabel");

	/* Without the attribute only a dynamic label relabels (virSecurityLabelDefParseXML). */
	return relabel ? strcmp(relabel, "yes") == 0 : label_rank(label) == 0;
}

static int64_t count_overrides(const struct xml_node *node)
{
	int64_t count = 0;

	for (const struct xml_node *n = xml_child(node, NULL); n; n = n->next) {
		if (xml_is(n, "seclabel") &&
		    (xml_attr_is(n, "relabel", "no") || xml_attr_is(n, "labelskip", "yes")))
			count++;
		count += count_overrides(n);
	}
	return count;
}

void domain_read_labels(struct domain_facts *f)
{
	const struct xml_node *worst = xml_child(f->xml, "seclabel");
	struct fact_vm *vm = &f->vm;

	vm->seclabel_type = vm->seclabel_model = "";
	vm->seclabel_relabel = FACT_INT(1);
	vm->label_overrides = FACT_INT(count_overrides(xml_child(f->xml, "devices")));
	for (const struct xml_node *n = worst; n; n = xml_next(n, "seclabel")) {
		if (!label_relabels(n))
			vm->seclabel_relabel = FACT_INT(0);
		if (label_rank(n) > label_rank(worst))
			worst = n;
	}
	if (!worst)
		return;
	vm->seclabel_type = label_rank(worst) == 0 ? "dynamic" : xml_attr_text(worst, "type");
	vm->seclabel_model = xml_attr_text(worst, "model");
}
