/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Boot loader, rescue shell and Ctrl-Alt-Del, as configured. grub.cfg is what GRUB reads; what
 * would be written into it next time (/etc/grub.d) does not count. Passwords never come here: the
 * seam takes them out. Source: GRUB manual "Authentication and authorisation", systemd.unit(5),
 * sulogin(8), proc_sys_kernel(5).
 */
#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/boot.h"
#include "collect/conf.h"
#include "collect/util.h"

#define MAX_GRUB_LINES 200000u

/* Where distributions keep grub.cfg and, beside it, user.cfg. */
static const char *const grub_dirs[] = {"/boot/grub2",
					"/boot/grub",
					"/boot/efi/EFI/redhat",
					"/boot/efi/EFI/rocky",
					"/boot/efi/EFI/almalinux",
					"/boot/efi/EFI/centos",
					"/boot/efi/EFI/fedora"};

static void gap(struct fact_sink *out, const char *column, const char *source, const char *text)
{
	fact_gap(out, FACT_T_BOOT, "", column, source, "%s", text);
}

/* Reads a file whose absence is a fact; returns 1, 0 when it is not there, -1 with a gap. */
static int read_for(struct sys *sys, struct fact_sink *out, const char *column, const char *path,
		    struct rf_buf *buf)
{
	int rc = sys_read(sys, path, RF_MAX_FILE_BYTES, buf, NULL);

	if (rc == 0)
		return 1;
	if (rc == -ENOENT || rc == -ENOTDIR)
		return 0;
	fact_gap(out, FACT_T_BOOT, "", column, path, "%s cannot be read (%s); run as root.", path,
		 rf_code_text(rc));
	return -1;
}

/* Drops one pair of quotes around a word. */
static char *bare(char *word)
{
	size_t n = strlen(word);

	if (n >= 2 && (word[0] == '"' || word[0] == '\'') && word[n - 1] == word[0]) {
		word[n - 1] = '\0';
		return word + 1;
	}
	return word;
}

/* "set superusers=..." names users separated by blanks, commas, or the like. */
static void note_superusers(const char *value, char *users, size_t size)
{
	char list[512];

	rf_copy(list, sizeof(list), value);
	rf_copy(users, size, bare(rf_trim(list)));
	for (char *p = users; *p; p++) {
		if (strchr(",;|&\t", *p))
			*p = ' ';
	}
}

static bool is_superuser(const char *users, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = users; n > 0 && (p = strstr(p, name)); p += n) {
		if ((p == users || p[-1] == ' ') && (p[n] == ' ' || p[n] == '\0'))
			return true;
	}
	return false;
}

/* "password_pbkdf2 NAME HASH" or "password NAME TEXT": the name, NULL when it is no such line. */
static const char *password_user(char *line)
{
	char *cursor = line;
	const char *verb = rf_word_next(&cursor);
	char *name = verb ? rf_word_next(&cursor) : NULL;
	const char *secret = name ? rf_word_next(&cursor) : NULL;

	if (!secret || (strcmp(verb, "password_pbkdf2") != 0 && strcmp(verb, "password") != 0))
		return NULL;
	return bare(name);
}

bool boot_grub_has_password(char *text, bool has_user_password)
{
	char users[512] = "";
	bool found = false, in_user_block = false;
	size_t lines = 0;

	for (char *cursor = text, *line;
	     (line = rf_line_next(&cursor)) && lines++ < MAX_GRUB_LINES;) {
		line = rf_trim(line);
		/* RHEL's grub.cfg always holds this block; its password stands in user.cfg. */
		if (rf_starts(line, "if ") && strstr(line, "GRUB2_PASSWORD"))
			in_user_block = true;
		if (strcmp(line, "fi") == 0)
			in_user_block = false;
		if (in_user_block && !has_user_password)
			continue;
		if (rf_starts(line, "set superusers="))
			note_superusers(line + strlen("set superusers="), users, sizeof(users));
		else if (rf_starts(line, "superusers="))
			note_superusers(line + strlen("superusers="), users, sizeof(users));
		if (!rf_starts(line, "password"))
			continue;
		const char *name = password_user(line);

		found |= name && is_superuser(users, name);
	}
	return found;
}

static void note_user_password(void *ctx, const struct util_setting *s)
{
	bool *found = ctx;

	*found |= strcmp(s->key, "GRUB2_PASSWORD") == 0 && s->value[0];
}

static bool has_user_password(struct sys *sys, struct fact_sink *out, const char *dir)
{
	RF_AUTOBUF struct rf_buf buf = {0};
	char path[RF_MAX_PATH_BYTES];
	bool found = false;

	rf_format(path, sizeof(path), "%s/user.cfg", dir);
	if (read_for(sys, out, "loader_password", path, &buf) > 0 && buf.len)
		util_settings_walk((char *)buf.data, path, "#", false, note_user_password, &found);
	return found;
}

/* Reads the grub.cfg of a folder; false when there is none. */
static bool fill_grub(struct sys *sys, struct fact_sink *out, struct boot_row *b, const char *dir)
{
	RF_AUTOBUF struct rf_buf buf = {0};
	char path[RF_MAX_PATH_BYTES];

	rf_format(path, sizeof(path), "%s/grub.cfg", dir);
	int rc = read_for(sys, out, "loader_password", path, &buf);

	if (rc == 0)
		return false;
	b->row.loader = "grub";
	if (rc < 0)
		return true;
	b->row.loader_password =
		FACT_BOOL(buf.len && boot_grub_has_password((char *)buf.data,
							    has_user_password(sys, out, dir)));
	return true;
}

static void fill_loader(struct sys *sys, struct fact_sink *out, struct boot_row *b)
{
	static const char *const systemd_boot[] = {
		"/boot/loader/loader.conf", "/efi/loader/loader.conf",
		"/boot/efi/loader/loader.conf", "/boot/efi/EFI/systemd/systemd-bootx64.efi",
		"/boot/EFI/systemd/systemd-bootx64.efi"};
	SYS_AUTONAMES struct sys_names names = {0};

	for (size_t i = 0; i < RF_COUNT(grub_dirs); i++) {
		if (fill_grub(sys, out, b, grub_dirs[i]))
			return;
	}
	for (size_t i = 0; i < RF_COUNT(systemd_boot); i++) {
		if (!sys_exists(sys, systemd_boot[i]))
			continue;
		b->row.loader = "systemd-boot";
		b->row.loader_password = FACT_BOOL(false); /* it knows no passwords */
		return;
	}
	int rc = sys_list(sys, "/boot", &names, NULL);

	if (rc < 0 && rc != -ENOENT) {
		gap(out, "loader", "/boot", "/boot cannot be listed; run as root.");
		gap(out, "loader_password", "/boot", "/boot cannot be listed; run as root.");
		return;
	}
	b->row.loader = "none found";
	b->row.loader_password = FACT_BOOL(false);
}

/* What the unit of a rescue shell starts, last setting wins. */
struct rescue {
	bool asks, forced, seen;
};

static void note_rescue(void *ctx, const struct util_setting *s)
{
	struct rescue *r = ctx;

	if (strcmp(s->section, "Service") != 0)
		return;
	if (strcmp(s->key, "ExecStart") == 0 && s->value[0]) {
		r->asks = strstr(s->value, "sulogin") && !strstr(s->value, "sulogin --force") &&
			  !strstr(s->value, "sulogin -e");
		r->seen = true;
	}
	if (strcmp(s->key, "Environment") == 0 && strstr(s->value, "SYSTEMD_SULOGIN_FORCE=1"))
		r->forced = true;
}

static void read_unit(struct sys *sys, struct fact_sink *out, const char *path, struct rescue *r)
{
	RF_AUTOBUF struct rf_buf buf = {0};

	if (read_for(sys, out, "rescue_password", path, &buf) > 0 && buf.len)
		util_settings_walk((char *)buf.data, path, "#;", false, note_rescue, r);
}

/* systemd.unit(5): the first folder that holds the unit wins, drop-ins come on top. */
static void read_rescue(struct sys *sys, struct fact_sink *out, const char *unit, struct rescue *r)
{
	static const char *const dirs[] = {"/etc/systemd/system", "/run/systemd/system",
					   "/usr/local/lib/systemd/system",
					   "/usr/lib/systemd/system", "/lib/systemd/system"};
	UTIL_AUTOPATHS struct util_paths dropins = {0};
	char path[256], folders[RF_COUNT(dirs)][256];
	const char *list[RF_COUNT(dirs)];
	bool found = false;

	for (size_t i = 0; i < RF_COUNT(dirs); i++) {
		rf_format(path, sizeof(path), "%s/%s", dirs[i], unit);
		rf_format(folders[i], sizeof(folders[i]), "%s/%s.d", dirs[i], unit);
		list[i] = folders[i];
		if (!found && sys_exists(sys, path)) {
			found = true;
			read_unit(sys, out, path, r);
		}
	}
	if (util_dropins(sys, list, RF_COUNT(dirs), ".conf", &dropins) < 0)
		return;
	for (size_t i = 0; i < dropins.count; i++)
		read_unit(sys, out, dropins.paths[i], r);
}

/* SysV init: "~~:S:wait:/sbin/sulogin". */
static int inittab_has(struct sys *sys, struct fact_sink *out, const char *column,
		       const char *field, const char *what)
{
	RF_AUTOBUF struct rf_buf buf = {0};
	int rc = read_for(sys, out, column, "/etc/inittab", &buf);
	char *cursor = rc > 0 && buf.len ? (char *)buf.data : NULL;

	if (rc <= 0)
		return -1;
	for (char *line; (line = rf_line_next(&cursor));) {
		if (line[0] != '#' && strstr(line, field) && (!what || strstr(line, what)))
			return 1;
	}
	return 0;
}

static void fill_rescue(struct sys *sys, struct fact_sink *out, struct boot_row *b)
{
	static const char *const units[] = {"rescue.service", "emergency.service"};
	bool all = true, any = false;

	for (size_t i = 0; i < RF_COUNT(units); i++) {
		struct rescue r = {0};

		read_rescue(sys, out, units[i], &r);
		any |= r.seen;
		all &= !r.seen || (r.asks && !r.forced);
	}
	int sysv = any ? -1 : inittab_has(sys, out, "rescue_password", ":S:", "sulogin");

	if (any || sysv >= 0)
		b->row.rescue_password = FACT_BOOL(any ? all : sysv == 1);
	else
		gap(out, "rescue_password", "/usr/lib/systemd/system/rescue.service",
		    "Neither systemd's rescue units nor /etc/inittab are there, so it is not known "
		    "what a rescue boot starts.");
}

static bool is_masked(struct sys *sys, const char *unit)
{
	static const char *const dirs[] = {"/etc/systemd/system", "/run/systemd/system"};
	char path[256];

	for (size_t i = 0; i < RF_COUNT(dirs); i++) {
		rf_format(path, sizeof(path), "%s/%s", dirs[i], unit);
		if (conf_masked(sys, path))
			return true;
	}
	return false;
}

static void fill_ctrl_alt_del(struct sys *sys, struct fact_sink *out, struct boot_row *b)
{
	static const char *const path = "/proc/sys/kernel/ctrl-alt-del";
	bool has_systemd = sys_exists(sys, "/run/systemd/system") ||
			   sys_exists(sys, "/usr/lib/systemd/system/ctrl-alt-del.target") ||
			   sys_exists(sys, "/lib/systemd/system/ctrl-alt-del.target");
	int64_t at_once = 0;
	int rc = sys_read_int(sys, path, &at_once);
	int sysv;

	/* 1: the kernel restarts at once, whoever is init. systemd sets 0 when it starts. */
	if (rc == 0 && at_once == 1 && !sys_exists(sys, "/run/systemd/system")) {
		b->row.ctrl_alt_del_masked = FACT_BOOL(false);
		return;
	}
	if (has_systemd) {
		b->row.ctrl_alt_del_masked = FACT_BOOL(is_masked(sys, "ctrl-alt-del.target"));
		return;
	}
	sysv = inittab_has(sys, out, "ctrl_alt_del_masked", "ctrlaltdel", NULL);
	if (sysv >= 0)
		b->row.ctrl_alt_del_masked = FACT_BOOL(sysv == 0);
	else
		gap(out, "ctrl_alt_del_masked", path,
		    "Neither systemd nor /etc/inittab is there; what process 1 does on "
		    "Ctrl-Alt-Del is not known.");
}

void boot_loader_fill(struct sys *sys, struct fact_sink *out, struct boot_row *b)
{
	fill_loader(sys, out, b);
	fill_rescue(sys, out, b);
	fill_ctrl_alt_del(sys, out, b);
}
