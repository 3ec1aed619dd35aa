/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collector config: settings of daemons that are no subject of their own. One row of a table for
 * each: programs that are there or not, keys of files, banners. Names and passwords are never kept:
 * of those only that they are set.
 * Source: iscsid.conf, lvm.conf(5), lldpcli(8), ovsdb(7), clamd.conf(5), agetty(8).
 */
#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/collect.h"
#include "collect/config.h"
#include "collect/ovsdb.h"
#include "collect/units.h"
#include "collect/util.h"

/* Keys that are 1 when one of the paths is there, else 0. */
static const struct {
	const char *key;
	const char *paths[6];
} presences[] = {
	{"autofs/present", {"/usr/sbin/automount"}},
	{"clamd/present", {"/usr/sbin/clamd", "/usr/bin/clamd"}},
	{"flow/present",
	 {"/usr/sbin/softflowd", "/usr/sbin/hsflowd", "/usr/sbin/fprobe", "/usr/sbin/pmacctd",
	  "/usr/sbin/nfpcapd", "/usr/bin/softflowd"}},
	{"iscsid/present", {"/usr/sbin/iscsid", "/sbin/iscsid"}},
	{"lldpd/present", {"/usr/sbin/lldpd", "/usr/sbin/lldpad"}},
	{"lvm/present", {"/usr/sbin/lvm", "/sbin/lvm"}},
	{"ovs/present", {"/usr/sbin/ovs-vswitchd", "/usr/lib/openvswitch-switch/ovs-vswitchd"}},
	{"udisks/present",
	 {"/usr/libexec/udisks2/udisksd", "/usr/lib/udisks2/udisksd",
	  "/usr/lib/udisks/udisks-daemon"}},
	{"usb/present", {"/sys/bus/usb"}},
	{"usbguard/present", {"/usr/sbin/usbguard-daemon"}},
};

/* Units that are 1 when they are started at boot. */
static const char *const unit_names[] = {"ksm",	   "ksmtuned", "udisks2",
					 "autofs", "lldpd",    "bluetooth"};

/* Folders that hold one entry for each device. */
static const struct {
	const char *key, *dir;
} classes[] = {
	{"bluetooth/present", "/sys/class/bluetooth"},
	{"wlan/present", "/sys/class/ieee80211"},
};

static void put(struct fact_sink *out, const char *key, const char *value, const char *source)
{
	fact_put_config_option(
		out, &(struct fact_config_option){.key = key, .value = value, .source = source});
}

static void put_flag(struct fact_sink *out, const char *key, bool value, const char *source)
{
	put(out, key, value ? "1" : "0", source);
}

static void put_presences(struct sys *sys, struct fact_sink *out)
{
	for (size_t i = 0; i < RF_COUNT(presences); i++) {
		const char *found = NULL;

		for (size_t p = 0; p < RF_COUNT(presences[0].paths) && !found; p++) {
			const char *path = presences[i].paths[p];

			found = path && sys_exists(sys, path) ? path : NULL;
		}
		put_flag(out, presences[i].key, found != NULL,
			 found ? found : presences[i].paths[0]);
	}
	for (size_t i = 0; i < RF_COUNT(classes); i++) {
		SYS_AUTONAMES struct sys_names names = {0};
		int rc = sys_list(sys, classes[i].dir, &names, NULL);

		if (rc < 0 && rc != -ENOENT)
			util_gap(out, FACT_T_CONFIG_OPTION, classes[i].key, classes[i].dir, rc);
		else
			put_flag(out, classes[i].key, names.count > 0, classes[i].dir);
	}
}

static void put_units(struct sys *sys, struct fact_sink *out)
{
	struct units units = {0};
	struct rf_err err = {0};
	char key[64];
	int rc = units_read(sys, &units, &err);

	if (rc < 0)
		fact_gap(out, FACT_T_CONFIG_OPTION, "", "value", "/etc/systemd/system",
			 "Which units start at boot cannot be read: %s.", rf_err_text(&err));
	for (size_t i = 0; rc == 0 && i < RF_COUNT(unit_names); i++) {
		char name[64];

		rf_format(name, sizeof(name), "%s.service", unit_names[i]);
		const struct unit *unit = units_find(&units, name);

		rf_format(key, sizeof(key), "%s/enabled", unit_names[i]);
		put_flag(out, key, units_enabled(&units, name),
			 unit && unit->path ? unit->path : name);
	}
	units_done(&units);
}

/* iscsid.conf: a later line wins. */
struct iscsi {
	char method[32], discovery[32], startup[32], method_at[UTIL_WHERE_BYTES],
		discovery_at[UTIL_WHERE_BYTES], startup_at[UTIL_WHERE_BYTES];
	bool has_user, has_user_in;
};

static void note_iscsi(void *ctx, const struct util_setting *s)
{
	struct iscsi *c = ctx;
	const struct {
		const char *key;
		char *to, *where;
	} texts[] = {
		{"node.session.auth.authmethod", c->method, c->method_at},
		{"discovery.sendtargets.auth.authmethod", c->discovery, c->discovery_at},
		{"node.startup", c->startup, c->startup_at},
	};

	for (size_t i = 0; i < RF_COUNT(texts); i++) {
		if (strcmp(s->key, texts[i].key) == 0) {
			rf_copy(texts[i].to, sizeof(c->method), s->value);
			util_where(texts[i].where, s->path, s->line);
		}
	}
	if (strcmp(s->key, "node.session.auth.username") == 0)
		c->has_user = s->value[0];
	if (strcmp(s->key, "node.session.auth.username_in") == 0)
		c->has_user_in = s->value[0];
}

static void put_iscsi(struct sys *sys, struct fact_sink *out)
{
	static const char *const path = "/etc/iscsi/iscsid.conf";
	RF_AUTOBUF struct rf_buf buf = {0};
	/* open-iscsi's own defaults */
	struct iscsi c = {.method = "None",
			  .discovery = "None",
			  .startup = "manual",
			  .method_at = "default",
			  .discovery_at = "default",
			  .startup_at = "default"};

	if (util_read(sys, out, FACT_T_CONFIG_OPTION, path, path, RF_MAX_FILE_BYTES, &buf) <= 0)
		return;
	if (buf.len)
		util_settings_walk((char *)buf.data, path, "#", false, note_iscsi, &c);
	put(out, "iscsid/node.session.auth.authmethod", c.method, c.method_at);
	put(out, "iscsid/discovery.sendtargets.auth.authmethod", c.discovery, c.discovery_at);
	put(out, "iscsid/node.startup", c.startup, c.startup_at);
	put_flag(out, "iscsid/mutual_chap",
		 rf_equal_nocase(c.method, "CHAP") && c.has_user && c.has_user_in, path);
}

struct lvm_values {
	const char *path;
	struct lvm_value {
		const char *setting, *key, *preset;
		char value[2048], where[UTIL_WHERE_BYTES];
	} rows[4];
};

static void note_lvm(void *ctx, const char *key, const char *value, unsigned int line)
{
	struct lvm_values *v = ctx;

	for (size_t i = 0; i < RF_COUNT(v->rows); i++) {
		if (strcmp(key, v->rows[i].setting) == 0) {
			rf_copy(v->rows[i].value, sizeof(v->rows[i].value), value);
			util_where(v->rows[i].where, v->path, line);
		}
	}
}

static void put_lvm(struct sys *sys, struct fact_sink *out)
{
	static const char *const files[] = {"/etc/lvm/lvm.conf", "/etc/lvm/lvmlocal.conf"};
	struct lvm_values v = {.rows = {{"devices/global_filter", "lvm/global_filter", ""},
					{"devices/filter", "lvm/filter", ""},
					{"devices/scan_lvs", "lvm/scan_lvs", "0"},
					/* the default differs between distributions */
					{"devices/use_devicesfile", "lvm/use_devicesfile", NULL}}};
	bool any = false;

	for (size_t i = 0; i < RF_COUNT(files); i++) {
		RF_AUTOBUF struct rf_buf buf = {0};

		v.path = files[i];
		if (util_read(sys, out, FACT_T_CONFIG_OPTION, files[i], files[i], RF_MAX_FILE_BYTES,
			      &buf) <= 0)
			continue;
		any = true;
		if (buf.len)
			lvm_conf_walk((char *)buf.data, note_lvm, &v);
	}
	if (!any)
		return;
	for (size_t i = 0; i < RF_COUNT(v.rows); i++) {
		const struct lvm_value *row = &v.rows[i];

		if (row->where[0])
			put(out, row->key, row->value, row->where);
		else if (row->preset)
			put(out, row->key, row->preset, "default");
	}
	put_flag(out, "lvm/devices_file", sys_exists(sys, "/etc/lvm/devices/system.devices"),
		 "/etc/lvm/devices/system.devices");
}

struct lldp {
	char pattern[512], status[64], pattern_at[UTIL_WHERE_BYTES], status_at[UTIL_WHERE_BYTES];
};

/* What stands behind a fixed beginning of a line, blanks folded; NULL when it is another line. */
static const char *behind(const char *line, const char *words)
{
	while (*words) {
		if (*words == ' ') {
			size_t n = strspn(line, " \t");

			if (n == 0)
				return NULL;
			line += n;
			words++;
		} else if (*line++ != *words++) {
			return NULL;
		}
	}
	return line;
}

static void note_lldp(struct lldp *l, char *text, const char *path)
{
	unsigned int number = 0;

	for (char *cursor = text, *line; (line = rf_line_next(&cursor));) {
		number++;
		line = rf_trim(line);
		const char *pattern = behind(line, "configure system interface pattern ");
		const char *status = behind(line, "configure lldp status ");

		if (pattern) {
			rf_copy(l->pattern, sizeof(l->pattern), pattern);
			util_where(l->pattern_at, path, number);
		}
		if (status) {
			rf_copy(l->status, sizeof(l->status), status);
			util_where(l->status_at, path, number);
		}
	}
}

static void put_lldp(struct sys *sys, struct fact_sink *out)
{
	static const char *const main_file = "/etc/lldpd.conf";
	static const char *const dirs[] = {"/etc/lldpd.d"};
	UTIL_AUTOPATHS struct util_paths files = {0};
	/* Without a pattern lldpd speaks on every physical link; it sends and receives. */
	struct lldp l = {.status = "rx-and-tx", .pattern_at = "default", .status_at = "default"};

	if (!sys_exists(sys, "/usr/sbin/lldpd"))
		return;
	if (util_paths_add(&files, main_file) < 0 ||
	    util_dropins(sys, dirs, 1, ".conf", &files) < 0)
		fact_gap(out, FACT_T_CONFIG_OPTION, "lldpd/interface_pattern", "", dirs[0],
			 "The folder cannot be listed.");
	for (size_t i = 0; i < files.count && i < RF_MAX_INCLUDE_FILES; i++) {
		RF_AUTOBUF struct rf_buf buf = {0};

		if (util_read(sys, out, FACT_T_CONFIG_OPTION, files.paths[i], files.paths[i],
			      RF_MAX_FILE_BYTES, &buf) > 0 &&
		    buf.len)
			note_lldp(&l, (char *)buf.data, files.paths[i]);
	}
	put(out, "lldpd/interface_pattern", l.pattern, l.pattern_at);
	put(out, "lldpd/status", l.status, l.status_at);
}

static void put_ovs(struct sys *sys, struct fact_sink *out)
{
	for (size_t i = 0; ovsdb_files[i]; i++) {
		RF_AUTOBUF struct rf_buf buf = {0};
		RF_AUTOBUF struct rf_buf managers = {0};

		if (util_read(sys, out, FACT_T_CONFIG_OPTION, ovsdb_files[i], ovsdb_files[i],
			      RF_MAX_DPKG_BYTES, &buf) <= 0)
			continue;
		int rc = ovsdb_managers(rf_buf_text(&buf), &managers);

		if (rc == 0)
			put(out, "ovs/manager", rf_buf_text(&managers), ovsdb_files[i]);
		else
			fact_gap(out, FACT_T_CONFIG_OPTION, "ovs/manager", "", ovsdb_files[i],
				 "The switch's database cannot be read (%s); ovs-vsctl "
				 "get-manager shows its managers.",
				 rf_code_text(rc));
		return;
	}
}

static void note_clamd(void *ctx, const struct util_setting *s)
{
	struct rf_buf *excluded = ctx;

	if (strcmp(s->key, "ExcludePath") == 0 || strcmp(s->key, "OnAccessExcludePath") == 0)
		rf_buf_printf(excluded, "%s%s", excluded->len ? "," : "", s->value);
}

static void put_clamd(struct sys *sys, struct fact_sink *out)
{
	static const char *const files[] = {"/etc/clamav/clamd.conf", "/etc/clamd.d/scan.conf",
					    "/etc/clamd.conf"};

	for (size_t i = 0; i < RF_COUNT(files); i++) {
		RF_AUTOBUF struct rf_buf buf = {0};
		RF_AUTOBUF struct rf_buf excluded = {0};

		if (util_read(sys, out, FACT_T_CONFIG_OPTION, files[i], files[i], RF_MAX_FILE_BYTES,
			      &buf) <= 0)
			continue;
		if (buf.len)
			util_settings_walk((char *)buf.data, files[i], "#", false, note_clamd,
					   &excluded);
		put(out, "clamd/ExcludePath", rf_buf_text(&excluded), files[i]);
		return;
	}
}

/* What has been read of bridge.conf and its includes. */
struct bridge_acl {
	struct sys *sys;
	struct fact_sink *out;
	struct rf_buf allowed;
	unsigned int files;
	bool failed;
};

/* The helper follows includes without a limit; nobody needs more than this. */
static void read_bridge_conf(struct bridge_acl *acl, const char *path, unsigned int depth)
{
	RF_AUTOBUF struct rf_buf buf = {0};

	if (depth > RF_MAX_INCLUDE_DEPTH || acl->files++ > RF_MAX_INCLUDE_FILES) {
		acl->failed = true;
		return;
	}
	int rc = util_read(acl->sys, acl->out, FACT_T_CONFIG_OPTION, path, path, RF_MAX_FILE_BYTES,
			   &buf);

	acl->failed |= rc < 0;
	char *cursor = rc > 0 && buf.len ? (char *)buf.data : NULL;

	for (char *line; (line = rf_line_next(&cursor));) {
		char *words = line;
		const char *verb = rf_word_next(&words), *arg = verb ? rf_word_next(&words) : NULL;

		if (!arg || verb[0] == '#')
			continue;
		if (strcmp(verb, "allow") == 0)
			rf_buf_printf(&acl->allowed, "%s%s", acl->allowed.len ? "," : "", arg);
		if (strcmp(verb, "include") == 0)
			read_bridge_conf(acl, arg, depth + 1);
	}
}

static void put_bridge_conf(struct sys *sys, struct fact_sink *out)
{
	static const char *const files[] = {"/etc/qemu/bridge.conf", "/etc/qemu-kvm/bridge.conf"};

	for (size_t i = 0; i < RF_COUNT(files); i++) {
		struct bridge_acl acl = {.sys = sys, .out = out};

		if (!sys_exists(sys, files[i]))
			continue;
		read_bridge_conf(&acl, files[i], 0);
		if (!acl.failed)
			put(out, "qemu-bridge/allow", rf_buf_text(&acl.allowed), files[i]);
		else
			fact_gap(out, FACT_T_CONFIG_OPTION, "qemu-bridge/allow", "", files[i],
				 "It, or a file that it includes, cannot be read, or the includes "
				 "go too deep.");
		rf_buf_done(&acl.allowed);
		return;
	}
}

static void note_id(void *ctx, const struct util_setting *s)
{
	if (strcmp(s->key, "ID") == 0)
		rf_copy(ctx, 64, s->value);
}

static void put_banner(struct sys *sys, struct fact_sink *out, const char *path, const char *dir,
		       const char *os)
{
	UTIL_AUTOPATHS struct util_paths files = {0};
	struct banner banner = {0};
	char key[64];
	bool known = true;

	if (util_paths_add(&files, path) < 0 ||
	    (dir && util_dropins(sys, &dir, 1, ".issue", &files) < 0))
		known = false;
	for (size_t i = 0; i < files.count && i < RF_MAX_INCLUDE_FILES; i++) {
		RF_AUTOBUF struct rf_buf buf = {0};
		int rc = util_read(sys, out, FACT_T_CONFIG_OPTION, files.paths[i], files.paths[i],
				   RF_MAX_FILE_BYTES, &buf);

		known &= rc >= 0;
		if (rc > 0)
			banner_read(rf_buf_text(&buf), os, &banner);
	}
	if (!known)
		return;
	rf_format(key, sizeof(key), "%s/text_set", path + strlen("/etc/"));
	put_flag(out, key, banner.has_text, path);
	rf_format(key, sizeof(key), "%s/os_info", path + strlen("/etc/"));
	put_flag(out, key, banner.has_os, path);
}

static void put_banners(struct sys *sys, struct fact_sink *out)
{
	RF_AUTOBUF struct rf_buf buf = {0};
	char os[64] = "linux";

	if (sys_read(sys, "/etc/os-release", RF_MAX_FILE_BYTES, &buf, NULL) == 0 && buf.len)
		util_settings_walk((char *)buf.data, "/etc/os-release", "#", false, note_id, os);
	put_banner(sys, out, "/etc/issue", "/etc/issue.d", os);
	put_banner(sys, out, "/etc/issue.net", NULL, os);
}

static void put_usb(struct sys *sys, struct fact_sink *out)
{
	static const char *const path = "/sys/module/usbcore/parameters/authorized_default";
	char value[16];

	if (sys_read_line(sys, path, value, sizeof(value)) == 0)
		put(out, "usb/authorized_default", value, path);
}

int collect_config(struct sys *sys, const struct collect_request *req, struct fact_sink *out,
		   struct rf_err *err)
{
	(void)req;
	(void)err;
	put_presences(sys, out);
	put_units(sys, out);
	put_iscsi(sys, out);
	put_lvm(sys, out);
	put_lldp(sys, out);
	put_ovs(sys, out);
	put_clamd(sys, out);
	put_bridge_conf(sys, out);
	put_banners(sys, out);
	put_usb(sys, out);
	return 0;
}
