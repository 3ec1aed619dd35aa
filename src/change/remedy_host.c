/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verbs of `fix:` that change the host, and the table of all. Where a system reads several
 * files, ours is named so that it counts: the last for sysctl and modprobe, the first for sshd.
 */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "change/edit.h"
#include "change/edit_parts.h"
#include "change/kinds.h"
#include "change/remedy_parts.h"

/* Behind 99-sysctl.conf, which Debian links to /etc/sysctl.conf. */
#define SYSCTL_FILE   "/etc/sysctl.d/99-zz-ringfence.conf"
#define MODPROBE_FILE "/etc/modprobe.d/zz-ringfence.conf"
#define AUDIT_FILE    "/etc/audit/rules.d/ringfence.rules"
#define GRUB_FILE     "/etc/default/grub"
#define SSHD_FILE     "/etc/ssh/sshd_config"
#define SSHD_DROPIN   "/etc/ssh/sshd_config.d/00-ringfence.conf"

/* The folder of a file that we make. */
static int folder_for(struct remedy_call *c, const char *folder)
{
	return remedy_simple(c, "folder", folder, NULL);
}

/* The live value and the file that sets it at the next start. */
static int make_sysctl(struct remedy_call *c)
{
	const char *key = remedy_arg(c, "key"), *value = remedy_arg(c, "value");

	if (!key || !value)
		return remedy_refuse(c, "the fix has no key or no value");
	char *path = rf_arena_printf(&c->out->texts, "/proc/sys/%s", key);
	const struct remedy_edit e = {
		.path = SYSCTL_FILE, .style = "equals", .op = "set", .key = key, .value = value};

	if (!path)
		return remedy_refuse(c, "no memory");
	/* Where a name holds dots the key is written with slashes: sysctl.d(5). */
	for (char *p = path + strlen("/proc/sys/"); *p && !strchr(key, '/'); p++)
		*p = *p == '.' ? '/' : *p;
	c->could_cut_access = rf_starts(key, "net.");
	int rc = folder_for(c, "/etc/sysctl.d");

	if (!rc)
		rc = remedy_simple(c, "value", path, value);
	return rc ? rc : remedy_edit(c, &e);
}

static const char *hook_of(const char *path)
{
	return rf_starts(path, "/etc/sudoers.d/") ? "visudo"
	       : rf_starts(path, "/etc/ssh/")	  ? "sshd"
						  : NULL;
}

static int make_conf(struct remedy_call *c)
{
	const char *path = remedy_arg(c, "file"), *key = remedy_arg(c, "key");
	const char *value = remedy_arg(c, "value"), *style = remedy_arg(c, "style");

	if (c->reason || !path || !key || !style)
		return remedy_refuse(c, "the fix does not say file, key and style");
	c->needs = NEEDS_RESTART;
	c->hook = hook_of(path);
	const struct remedy_edit e = {
		.path = path,
		.style = rf_starts(path, "/etc/libvirt/") ? "virtconf" : style,
		.op = value && value[0] ? "set" : "remove",
		.section = remedy_arg(c, "section"),
		.key = key,
		.value = value,
	};

	return remedy_edit(c, &e);
}

/* ---- ssh ---- */

/* Whether the first line of sshd_config that counts includes the drop-in folder. */
static bool includes_first(struct rf_slice text)
{
	struct edit_line line;

	for (size_t at = 0; edit_line_next(text, &at, &line);) {
		char copy[512], *cursor = copy, *word;

		if (!rf_format(copy, sizeof(copy), "%.*s", (int)line.len, line.text))
			return false;
		word = rf_word_next(&cursor);
		if (!word || word[0] == '#')
			continue;
		const char *what = rf_word_next(&cursor);

		return rf_equal_nocase(word, "include") && what &&
		       (strcmp(what, "/etc/ssh/sshd_config.d/*.conf") == 0 ||
			strcmp(what, "sshd_config.d/*.conf") == 0);
	}
	return false;
}

/* A drop-in where that is read first, else the main file, at its top: the first value counts. */
static bool dropin_counts(struct remedy_call *c, const char *key)
{
	RF_AUTOBUF struct rf_buf state = {0};
	struct change_spec spec;
	struct file_state file;

	if (change_spec_set(&spec, "edit", SSHD_FILE, key, "no", NULL) < 0)
		return false;
	rf_copy(spec.style, sizeof(spec.style), "sshd");
	rf_copy(spec.op, sizeof(spec.op), "set");
	return c->read(c->read_arg, &spec, &state, NULL) == 0 &&
	       file_state_decode(rf_buf_slice(&state), &file, NULL) == 0 &&
	       file.type == FILE_REGULAR && includes_first(file.content);
}

static int make_ssh(struct remedy_call *c)
{
	const char *key = remedy_arg(c, "key"), *value = remedy_arg(c, "value");

	if (!key || !value)
		return remedy_refuse(c, "the fix has no key or no value");
	bool dropin = dropin_counts(c, key);
	const struct remedy_edit e = {.path = dropin ? SSHD_DROPIN : SSHD_FILE,
				      .style = "sshd",
				      .op = "set",
				      .key = key,
				      .value = value};

	c->needs = NEEDS_RESTART;
	c->could_cut_access = true;
	c->hook = "sshd";
	int rc = dropin ? folder_for(c, "/etc/ssh/sshd_config.d") : 0;

	return rc ? rc : remedy_edit(c, &e);
}

/* ---- mode ---- */

/* "0640", or "go-w": what is left. */
static bool mode_parse(const char *text, uint32_t *out)
{
	static const struct {
		const char *text;
		uint32_t mode;
	} words[] = {{"go-w", 07755}, {"o-w", 07775}, {"o-rwx", 07770}, {"go-rwx", 07700}};
	int64_t n;

	for (size_t i = 0; i < RF_COUNT(words); i++) {
		if (strcmp(words[i].text, text) == 0) {
			*out = words[i].mode;
			return true;
		}
	}
	if (rf_num(text, 8, 0, 07777, &n) < 0)
		return false;
	*out = (uint32_t)n;
	return true;
}

static int make_mode(struct remedy_call *c)
{
	const char *path = remedy_arg(c, "path"), *mode = remedy_arg(c, "mode");
	const char *owner = remedy_arg(c, "owner"), *group = remedy_arg(c, "group");
	uint32_t bits = CHANGE_LEAVE;

	if (!path || path[0] != '/')
		return remedy_refuse(c, "the finding does not say which file it is");
	if (mode && !mode_parse(mode, &bits))
		return remedy_refuse(c, "the fix has no permission bits that we know");
	if ((owner && strcmp(owner, "root") != 0) || (group && strcmp(group, "root") != 0))
		return remedy_refuse(c, "files are given to root only");
	return remedy_mode(c, path, bits, owner != NULL, group != NULL);
}

/* ---- units ---- */

/* Targets whose .wants folder may hold a link of a unit that an administrator enabled. */
static const char *const wanting[] = {
	"multi-user.target.wants", "sockets.target.wants",   "timers.target.wants",
	"graphical.target.wants",  "default.target.wants",   "sysinit.target.wants",
	"basic.target.wants",	   "network.target.wants",   "network-online.target.wants",
	"local-fs.target.wants",   "remote-fs.target.wants", "machines.target.wants",
};

static int unit_disable(struct remedy_call *c, const char *unit)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < RF_COUNT(wanting); i++) {
		const char *path = rf_arena_printf(&c->out->texts, "/etc/systemd/system/%s/%s",
						   wanting[i], unit);

		rc = path ? remedy_simple(c, "link", path, NULL) : remedy_refuse(c, "no memory");
	}
	return rc;
}

static int unit_enable(struct remedy_call *c, const char *unit)
{
	const char *wants = rf_ends(unit, ".socket")  ? "sockets.target.wants"
			    : rf_ends(unit, ".timer") ? "timers.target.wants"
						      : "multi-user.target.wants";
	struct rf_arena *texts = &c->out->texts;
	const char *folder = rf_arena_printf(texts, "/etc/systemd/system/%s", wants);
	const char *path = rf_arena_printf(texts, "/etc/systemd/system/%s/%s", wants, unit);
	const char *file = rf_arena_printf(texts, "/lib/systemd/system/%s", unit);

	if (!folder || !path || !file)
		return remedy_refuse(c, "no memory");
	int rc = folder_for(c, folder);

	return rc ? rc : remedy_simple(c, "link", path, file);
}

static int make_unit(struct remedy_call *c)
{
	const char *unit = remedy_arg(c, "unit"), *state = remedy_arg(c, "state");

	if (!unit || !state || !unit[0] || strpbrk(unit, "/ \t"))
		return remedy_refuse(c, "the finding does not say which unit it is");
	c->needs = NEEDS_RESTART;
	c->hook = "systemd";
	c->could_cut_access = rf_starts(unit, "ssh") || rf_starts(unit, "nftables");
	if (strcmp(state, "disabled") == 0)
		return unit_disable(c, unit);
	if (strcmp(state, "enabled") == 0)
		return unit_enable(c, unit);
	if (strcmp(state, "masked") != 0)
		return remedy_refuse(c, "a unit is enabled, disabled or masked");
	const char *path = rf_arena_printf(&c->out->texts, "/etc/systemd/system/%s", unit);

	return path ? remedy_simple(c, "link", path, "/dev/null") : remedy_refuse(c, "no memory");
}

/* ---- modules ---- */

static int module_block(struct remedy_call *c, const char *module)
{
	const char *install = rf_arena_printf(&c->out->texts, "install %s /bin/false", module);
	const char *blacklist = rf_arena_printf(&c->out->texts, "blacklist %s", module);
	struct remedy_edit e = {.path = MODPROBE_FILE, .style = "line", .op = "set"};

	if (!install || !blacklist)
		return remedy_refuse(c, "no memory");
	e.value = install;
	int rc = remedy_edit(c, &e);

	e.value = blacklist;
	return rc ? rc : remedy_edit(c, &e);
}

/* Options that the kernel takes while the module is loaded. */
static bool takes_live(const char *module, const char *option)
{
	static const char *const rows[] = {
		"kvm ignore_msrs",
		"kvm_intel vmentry_l1d_flush",
		"vfio_iommu_type1 allow_unsafe_interrupts",
	};
	char name[160];

	rf_format(name, sizeof(name), "%s %s", module, option);
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		if (strcmp(rows[i], name) == 0)
			return true;
	}
	return false;
}

static int make_modprobe(struct remedy_call *c)
{
	const char *module = remedy_arg(c, "module"), *option = remedy_arg(c, "option");
	const char *value = remedy_arg(c, "value");

	if (!module || !module[0] || strpbrk(module, "/ \t"))
		return remedy_refuse(c, "the finding does not say which module it is");
	c->needs = NEEDS_REBOOT;
	int rc = folder_for(c, "/etc/modprobe.d");

	if (rc < 0 || !option)
		return rc ? rc : module_block(c, module);
	const struct remedy_edit e = {.path = MODPROBE_FILE,
				      .style = "modprobe",
				      .op = "set",
				      .section = module,
				      .key = option,
				      .value = value};
	const char *live =
		rf_arena_printf(&c->out->texts, "/sys/module/%s/parameters/%s", module, option);

	if (!value || !live)
		return remedy_refuse(c, "the fix has no value");
	rc = remedy_edit(c, &e);
	return rc || !takes_live(module, option) ? rc : remedy_simple(c, "value", live, value);
}

/* ---- kernel command line, audit, mounts, libvirt's daemons ---- */

static int make_cmdline(struct remedy_call *c)
{
	static const char *const keys[] = {"GRUB_CMDLINE_LINUX", "GRUB_CMDLINE_LINUX_DEFAULT"};
	const char *add = remedy_arg(c, "add"), *drop = remedy_arg(c, "remove");
	struct remedy_edit e = {.path = GRUB_FILE, .style = "shellwords"};
	int rc = 0;

	if (c->reason || (!add && !drop))
		return remedy_refuse(c, "the fix has no word");
	c->needs = NEEDS_REBOOT;
	c->hook = "update-grub";
	e.op = add ? "add-word" : "remove-word";
	e.value = add ? add : drop;
	/* A word is added once, and taken away wherever it stands. */
	for (size_t i = 0; rc == 0 && i < (add ? 1 : RF_COUNT(keys)); i++) {
		e.key = keys[i];
		rc = remedy_edit(c, &e);
	}
	return rc;
}

static int make_audit(struct remedy_call *c)
{
	const char *rule = remedy_arg(c, "rule");
	const struct remedy_edit e = {
		.path = AUDIT_FILE, .style = "line", .op = "set", .value = rule};

	if (!rule)
		return remedy_refuse(c, "the fix has no rule");
	c->needs = NEEDS_RESTART;
	c->hook = "augenrules";
	int rc = folder_for(c, "/etc/audit/rules.d");

	return rc ? rc : remedy_edit(c, &e);
}

static int make_mount(struct remedy_call *c)
{
	const char *target = remedy_arg(c, "target"), *options = remedy_arg(c, "options");
	struct remedy_edit e = {
		.path = "/etc/fstab", .style = "fstab", .op = "add-word", .key = target};
	int rc = 0;

	if (!target || !options)
		return remedy_refuse(c, "the finding does not say which mount it is");
	c->needs = NEEDS_REBOOT;
	for (const char *p = options; rc == 0 && *p; p += strspn(p, ",")) {
		size_t len = strcspn(p, ",");

		e.value = rf_arena_text(&c->out->texts, p, len);
		rc = e.value ? remedy_edit(c, &e) : remedy_refuse(c, "no memory");
		p += len;
	}
	return rc;
}

/* The file that the finding was read from, when it is one of libvirt's; else the usual one. */
static int daemon_option(struct remedy_call *c, const char *usual)
{
	const char *key = remedy_arg(c, "key"), *value = remedy_arg(c, "value");
	const char *colon = strrchr(c->finding->source, ':');
	const char *path = usual;

	if (!key)
		return remedy_refuse(c, "the fix has no key");
	if (colon && rf_starts(c->finding->source, "/etc/libvirt/") &&
	    rf_num(colon + 1, 10, 1, 10000000, &(int64_t){0}) == 0)
		path = rf_arena_text(&c->out->texts, c->finding->source,
				     (size_t)(colon - c->finding->source));
	if (!path || !rf_ends(path, ".conf"))
		path = usual;
	c->needs = NEEDS_RESTART;
	c->secret = strstr(key, "password") != NULL;
	const struct remedy_edit e = {.path = path,
				      .style = "virtconf",
				      .op = value && value[0] ? "set" : "remove",
				      .key = key,
				      .value = value};

	return remedy_edit(c, &e);
}

static int make_libvirtd(struct remedy_call *c)
{
	return daemon_option(c, "/etc/libvirt/libvirtd.conf");
}

/* Options of QEMU count for VMs that are started afterwards. */
static int make_qemu_conf(struct remedy_call *c)
{
	return daemon_option(c, "/etc/libvirt/qemu.conf");
}

/* ---- ports and links: their files in /sys/class/net ---- */

/* A name of an interface: no slash, no dot alone, as the kernel has it. */
static bool link_valid(const char *name)
{
	return name && name[0] && strlen(name) < 16 && !strpbrk(name, "/ \t*?[") &&
	       strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

/* Live until the port is made anew: a port of a VM lives as long as the VM runs. */
static int make_bridge_port(struct remedy_call *c)
{
	static const struct {
		const char *flag, *file;
	} rows[] = {
		{"isolated", "isolated"},	    {"learning", "learning"},
		{"flood", "unicast_flood"},	    {"hairpin", "hairpin_mode"},
		{"bpdu_guard", "bpdu_guard"},	    {"root_block", "root_block"},
		{"mcast_flood", "multicast_flood"}, {"neigh_suppress", "neigh_suppress"},
	};
	const char *flag = remedy_arg(c, "flag"), *value = remedy_arg(c, "value");
	const char *port = remedy_arg(c, "port");

	if (!port && !c->reason)
		port = remedy_part(c);
	if (!link_valid(port) || !flag || !value)
		return remedy_refuse(c, "the finding does not say which port it is");
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		if (strcmp(rows[i].flag, flag) != 0)
			continue;
		const char *path = rf_arena_printf(&c->out->texts, "/sys/class/net/%s/brport/%s",
						   port, rows[i].file);

		return path ? remedy_simple(c, "value", path, value)
			    : remedy_refuse(c, "no memory");
	}
	return remedy_refuse(c, "no such flag of a port is known");
}

static int make_link(struct remedy_call *c)
{
	const char *link = remedy_arg(c, "link"), *set = remedy_arg(c, "set");
	const char *flag = rf_equal(set, "down")	  ? "up"
			   : rf_equal(set, "promisc-off") ? "promisc"
							  : NULL;

	if (!link_valid(link) || !flag)
		return remedy_refuse(c, "the finding does not say which link it is");
	const char *path = rf_arena_printf(&c->out->texts, "/sys/class/net/%s/flags", link);

	c->could_cut_access = strcmp(flag, "up") == 0;
	return path ? remedy_simple(c, "link-flag-off", path, flag) : remedy_refuse(c, "no memory");
}

static const struct remedy_verb verbs[] = {
	{"sysctl", make_sysctl, NULL},
	{"conf", make_conf, NULL},
	{"ssh", make_ssh, NULL},
	{"mode", make_mode, NULL},
	{"unit", make_unit, NULL},
	{"modprobe", make_modprobe, NULL},
	{"cmdline", make_cmdline, NULL},
	{"audit", make_audit, NULL},
	{"mount", make_mount, NULL},
	{"libvirtd", make_libvirtd, NULL},
	{"qemu-conf", make_qemu_conf, NULL},
	{"domain", remedy_domain, NULL},
	{"domain-nic", remedy_nic, NULL},
	{"domain-disk", remedy_disk, NULL},
	{"domain-console", remedy_console, NULL},
	{"domain-device", remedy_device, NULL},
	{"network", remedy_network, NULL},
	{"vmx", remedy_vmx, NULL},
	{"package", NULL,
	 "packages are installed and removed by the system's own tool: see the step"},
	{"bridge-port", make_bridge_port, NULL},
	{"link", make_link, NULL},
	{"nft", NULL, "no verb for firewall rules yet: see the step"},
	{"cgroup", NULL, "no verb for a running VM's limits yet: see the step"},
	{"qmp", NULL, "no verb for a running VM yet: see the step"},
};

const struct remedy_verb *remedy_verb_find(const char *name)
{
	for (size_t i = 0; name && i < RF_COUNT(verbs); i++) {
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	}
	return NULL;
}
