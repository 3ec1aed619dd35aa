/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may be changed at all: the allow-lists that the privileged side holds against every request,
 * whoever made it. A row for each kind of place; what is in no row is refused. A planner that was
 * taken over can ask for what stands here and for nothing else, so a row should name keys where the
 * file could do harm with others.
 */
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "change/kinds.h"

/* Which characters a value may hold. */
enum charset {
	ANY,	/* control characters are refused before */
	WORDS,	/* letters, digits and what is harmless to a shell */
	NUMBER, /* digits */
};

/* keys: names joined by blanks, "" for any. A value that begins with one of forbid is refused. */
static const struct edit_row {
	const char *path, *style, *keys;
	enum charset values;
} edit_rows[] = {
	{"/etc/sysctl.d/*.conf", "equals", "", ANY}, /* keys: as values, below */
	{"/etc/modprobe.d/*.conf", "modprobe", "", WORDS},
	{"/etc/modprobe.d/*.conf", "line", "", WORDS},
	{"/etc/ssh/sshd_config", "sshd", "", ANY},
	{"/etc/ssh/sshd_config.d/*.conf", "sshd", "", ANY},
	{"/etc/login.defs", "space", "", WORDS},
	{"/etc/security/faillock.conf", "equals", "", WORDS},
	{"/etc/security/pwquality.conf", "equals", "", WORDS},
	{"/etc/security/pwhistory.conf", "equals", "", WORDS},
	{"/etc/sudoers.d/ringfence-*", "space", "Defaults", ANY},
	/* The last files of the folder, so that what others set before does not count. */
	{"/etc/profile.d/zz-ringfence-*.sh", "shell", "TMOUT", NUMBER},
	{"/etc/profile.d/zz-ringfence-*.sh", "line", "", WORDS},
	{"/etc/audit/auditd.conf", "equals", "", WORDS},
	{"/etc/audit/rules.d/*.rules", "line", "", WORDS},
	{"/etc/systemd/*.conf", "ini", "", WORDS},
	{"/etc/selinux/config", "shell", "SELINUX SELINUXTYPE", WORDS},
	{"/etc/default/grub", "shellwords", "GRUB_CMDLINE_LINUX GRUB_CMDLINE_LINUX_DEFAULT", WORDS},
	{"/etc/default/grub.d/*.cfg", "shellwords", "GRUB_CMDLINE_LINUX GRUB_CMDLINE_LINUX_DEFAULT",
	 WORDS},
	{"/etc/kernel/cmdline", "words", "", WORDS},
	{"/etc/fstab", "fstab", "", WORDS},
	{"/etc/libvirt/*.conf", "virtconf", "", ANY},
	{"/etc/libvirt/qemu/*.xml", "xml", "", ANY},
	{"/etc/libvirt/qemu/networks/*.xml", "xml", "", ANY},
};

/* Kinds of files that a caller may name on its command line, wherever they are. */
static const struct {
	const char *ending, *style;
} given_rows[] = {
	{".vmx", "vmx"},
	{".xml", "xml"},
};

/* Options of sshd that run programs or trust other people's files: never ours to set. */
static const char *const sshd_denied[] = {
	"authorizedkeyscommand",
	"authorizedkeyscommanduser",
	"authorizedprincipalscommand",
	"forcecommand",
	"subsystem",
	"include",
	"authorizedkeysfile",
	"trustedusercakeys",
	"chrootdirectory",
	"match",
	"xauthlocation",
	"pamservicename",
	"sshdsessionpath",
	"sshdauthpath",
	"securitykeyprovider",
};

/* Where mode and owner may be restricted. */
static const char *const mode_prefixes[] = {
	"/etc/",   "/var/",  "/boot/", "/run/",		 "/home/",
	"/root/",  "/srv/",  "/opt/",  "/vmfs/",	 "/mnt/",
	"/media/", "/data/", "/dev/",  "/usr/lib/qemu/", "/usr/libexec/qemu-bridge-helper",
};

/* Links that switch units. */
static const char *const link_paths[] = {
	"/etc/systemd/system/*",
	"/etc/rc?.d/S*",
};

/* Values of /proc/sys that name programs: only these texts. */
static const struct {
	const char *path;
	const char *values; /* joined by a line end; "" for none */
} value_restricted[] = {
	{"/proc/sys/kernel/core_pattern", "|/bin/false\ncore\n"},
	{"/proc/sys/kernel/modprobe", ""},
	{"/proc/sys/kernel/hotplug", ""},
	{"/proc/sys/kernel/poweroff_cmd", ""},
	{"/proc/sys/kernel/usermodehelper/*", ""},
	{"/proc/sys/kernel/ns_last_pid", ""},
	{"/proc/sys/fs/binfmt_misc/*", ""},
};

static const char *const value_paths[] = {
	"/proc/sys/fs/*",
	"/proc/sys/kernel/*",
	"/proc/sys/net/*",
	"/proc/sys/user/*",
	"/proc/sys/vm/*",
	"/proc/sys/dev/*",
	"/sys/kernel/mm/*",
	"/sys/module/*/parameters/*",
	"/sys/devices/system/cpu/smt/control",
	"/sys/kernel/security/lockdown",
	"/sys/class/net/*/brport/*",
	"/sys/class/net/*/flags",
	"/sys/fs/cgroup/*",
};

static bool in_words(const char *words, const char *word)
{
	size_t len = strlen(word);

	for (const char *p = words; *p;) {
		size_t n = strcspn(p, " ");

		if (n == len && memcmp(p, word, n) == 0)
			return true;
		p += n + (p[n] == ' ');
	}
	return false;
}

static bool charset_holds(enum charset set, const char *value)
{
	for (const char *p = value; *p; p++) {
		bool digit = *p >= '0' && *p <= '9';

		if (set == NUMBER && !digit)
			return false;
		if (set == WORDS && strchr("\"'`$\\;&|<>(){}*?!\n", *p))
			return false;
	}
	return true;
}

/* Absolute, every component a name: no "..", nothing twice. */
static int path_normal(const char *path, struct rf_err *err)
{
	if (path[0] != '/' || !path[1])
		return rf_fail(err, RF_E_SYNTAX, "%.80s is no path from the root", path);
	for (const char *p = path; *p;) {
		size_t len = strcspn(++p, "/");

		if (len == 0 || (len == 1 && p[0] == '.') ||
		    (len == 2 && p[0] == '.' && p[1] == '.'))
			return rf_fail(err, RF_E_SYNTAX, "%.80s holds '.', '..' or '//'", path);
		p += len;
	}
	return 0;
}

int allow_path(const struct verb_env *env, const char *path, struct rf_err *err)
{
	(void)env;
	return path_normal(path, err);
}

/* What the caller named, or something below it. */
static bool given(const struct verb_env *env, const char *path)
{
	for (size_t i = 0; i < env->given_count; i++) {
		size_t len = strlen(env->given[i]);

		if (len && strncmp(path, env->given[i], len) == 0 &&
		    (path[len] == '\0' || path[len] == '/'))
			return true;
	}
	return false;
}

/* A pattern's * holds no slash: as many components as the pattern has. */
static bool path_matches(const char *pattern, const char *path)
{
	size_t a = 0, b = 0;

	for (const char *p = pattern; *p; p++)
		a += *p == '/';
	for (const char *p = path; *p; p++)
		b += *p == '/';
	return a == b && rf_glob(pattern, path);
}

static int denied(struct rf_err *err, const struct change_spec *spec)
{
	return rf_fail(
		err, RF_E_DENIED, "%s: setting %.60s there (%s) is in no allow-list of Ringfence",
		spec->target, spec->key[0] ? spec->key : change_spec_value(spec), spec->style);
}

static int sshd_allowed(const struct change_spec *spec, struct rf_err *err)
{
	for (size_t i = 0; i < RF_COUNT(sshd_denied); i++) {
		if (rf_equal_nocase(spec->key, sshd_denied[i]))
			return denied(err, spec);
	}
	return 0;
}

/* kernel.core_pattern of a drop-in is /proc/sys/kernel/core_pattern. */
static int sysctl_allowed(const struct verb_env *env, const struct change_spec *spec,
			  struct rf_err *err)
{
	struct change_spec live = *spec;

	if (!rf_format(live.target, sizeof(live.target), "/proc/sys/%.400s", spec->key))
		return denied(err, spec);
	bool slashes = strchr(spec->key, '/') != NULL;

	for (char *p = live.target + strlen("/proc/sys/"); *p && !slashes; p++)
		*p = *p == '.' ? '/' : *p;
	int rc = allow_value_path(env, live.target, err);

	return rc ? rc : allow_value(env, &live, err);
}

/* An install line could run anything. */
static bool modprobe_line(const char *line)
{
	return rf_starts(line, "blacklist ") ||
	       (rf_starts(line, "install ") &&
		(rf_ends(line, " /bin/false") || rf_ends(line, " /bin/true")));
}

static bool audit_line(const char *line)
{
	return rf_starts(line, "-w ") || rf_starts(line, "-a ");
}

static bool umask_line(const char *line)
{
	int64_t mask;

	return rf_starts(line, "umask ") && rf_num(line + strlen("umask "), 8, 0, 0777, &mask) == 0;
}

/* What a line may be, by the folder that its file is in. */
static const struct line_rule {
	const char *folder;
	bool (*fine)(const char *line);
} line_rules[] = {
	{"/etc/modprobe.d/", modprobe_line},
	{"/etc/audit/rules.d/", audit_line},
	{"/etc/profile.d/", umask_line},
};

static bool line_allowed(const struct change_spec *spec)
{
	for (size_t i = 0; i < RF_COUNT(line_rules); i++) {
		if (rf_starts(spec->target, line_rules[i].folder))
			return line_rules[i].fine(change_spec_value(spec));
	}
	return false;
}

static int style_allowed(const struct verb_env *env, const struct change_spec *spec,
			 struct rf_err *err)
{
	if (strcmp(spec->style, "sshd") == 0)
		return sshd_allowed(spec, err);
	if (rf_starts(spec->target, "/etc/sysctl.d/"))
		return sysctl_allowed(env, spec, err);
	if (strcmp(spec->style, "line") == 0 && !line_allowed(spec))
		return denied(err, spec);
	return 0;
}

int allow_edit(const struct verb_env *env, const struct change_spec *spec, struct rf_err *err)
{
	for (size_t i = 0; i < RF_COUNT(given_rows); i++) {
		if (rf_ends(spec->target, given_rows[i].ending) &&
		    strcmp(spec->style, given_rows[i].style) == 0 && given(env, spec->target))
			return 0;
	}
	for (size_t i = 0; i < RF_COUNT(edit_rows); i++) {
		const struct edit_row *row = &edit_rows[i];

		if (strcmp(row->style, spec->style) != 0 || !path_matches(row->path, spec->target))
			continue;
		if ((row->keys[0] && !in_words(row->keys, spec->key)) ||
		    !charset_holds(row->values, change_spec_value(spec)))
			return denied(err, spec);
		return style_allowed(env, spec, err);
	}
	return denied(err, spec);
}

int allow_mode(const struct verb_env *env, const struct change_spec *spec, struct rf_err *err)
{
	bool place = given(env, spec->target);

	for (size_t i = 0; i < RF_COUNT(mode_prefixes) && !place; i++)
		place = rf_starts(spec->target, mode_prefixes[i]);
	if (!place)
		return rf_fail(err, RF_E_DENIED, "%s: its mode is not ours to change",
			       spec->target);
	if ((spec->uid != CHANGE_LEAVE && spec->uid != 0) ||
	    (spec->gid != CHANGE_LEAVE && spec->gid != 0))
		return rf_fail(err, RF_E_DENIED, "%s: files are given to root only", spec->target);
	/* Root reads without; a service that owns its file does not. */
	if (spec->mode != CHANGE_LEAVE && !(spec->mode & 0400))
		return rf_fail(err, RF_E_DENIED, "%s: its owner would not be able to read it",
			       spec->target);
	return 0;
}

int allow_link(const struct verb_env *env, const struct change_spec *spec, struct rf_err *err)
{
	const char *value = change_spec_value(spec);

	(void)env;
	for (size_t i = 0; i < RF_COUNT(link_paths); i++) {
		if (!rf_glob(link_paths[i], spec->target))
			continue;
		/* A unit as shipped, or none. */
		if (!value[0] || strcmp(value, "/dev/null") == 0 ||
		    rf_starts(value, "/lib/systemd/system/") ||
		    rf_starts(value, "/usr/lib/systemd/system/"))
			return 0;
	}
	return rf_fail(err, RF_E_DENIED, "%s: this link is not ours to change", spec->target);
}

int allow_folder(const struct verb_env *env, const struct change_spec *spec, struct rf_err *err)
{
	static const char *const paths[] = {
		"/etc/sysctl.d",
		"/etc/modprobe.d",
		"/etc/ssh/sshd_config.d",
		"/etc/audit",
		"/etc/audit/rules.d",
		"/etc/default/grub.d",
		"/etc/systemd/system/*.wants",
		"/etc/sudoers.d",
		"/etc/profile.d",
		"/etc/security",
		"/etc/libvirt",
		"/etc/systemd",
		"/etc/systemd/system",
		"/etc/selinux",
		"/etc/kernel",
	};

	(void)env;
	for (size_t i = 0; i < RF_COUNT(paths); i++) {
		if (path_matches(paths[i], spec->target))
			return 0;
	}
	return rf_fail(err, RF_E_DENIED, "%s: this folder is not ours to make", spec->target);
}

int allow_value_path(const struct verb_env *env, const char *path, struct rf_err *err)
{
	(void)env;
	int rc = path_normal(path, err);

	for (size_t i = 0; rc == 0 && i < RF_COUNT(value_paths); i++) {
		if (rf_glob(value_paths[i], path))
			return 0;
	}
	return rc ? rc : rf_fail(err, RF_E_DENIED, "%s is no value that we change", path);
}

int allow_value(const struct verb_env *env, const struct change_spec *spec, struct rf_err *err)
{
	const char *value = change_spec_value(spec);
	char line[sizeof(spec->value) + 2];

	(void)env;
	if (strlen(value) > 1024)
		return rf_fail(err, RF_E_LIMIT, "%s: the value is too long", spec->target);
	for (size_t i = 0; i < RF_COUNT(value_restricted); i++) {
		const char *values = value_restricted[i].values, *at;

		if (!rf_glob(value_restricted[i].path, spec->target))
			continue;
		rf_format(line, sizeof(line), "%s\n", value);
		at = strstr(values, line);
		if (value[0] && at && (at == values || at[-1] == '\n'))
			return 0;
		return rf_fail(err, RF_E_DENIED, "%s: this value could run a program as root",
			       spec->target);
	}
	return 0;
}
