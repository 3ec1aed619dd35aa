/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collector modes: mode and owner of the files that matter. The table below is the list; a row is a
 * path or a pattern and the topic by which a control selects it. Which mode is right is not
 * decided here. Where a link stands, the file behind it is shown: that is what programs open.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/collect.h"
#include "collect/conf.h"
#include "collect/mountinfo.h"
#include "collect/util.h"
#include "collect/virtconf.h"

#define MAX_MATCHES 4096u /* of one pattern */
#define QEMU_CONF   "/etc/libvirt/qemu.conf"

struct wanted {
	const char *path; /* * ? [set] in a part stand for names in that folder */
	const char *topic;
	bool tell_absent; /* a row even where it is missing, because it should be there */
};

/* The first row that meets a path gives its topic. */
static const struct wanted wanted[] = {
	{"/etc/passwd", "passwd", true},
	{"/etc/group", "passwd", true},
	{"/etc/passwd-", "passwd", false},
	{"/etc/group-", "passwd", false},
	{"/etc/shadow", "shadow", true},
	{"/etc/gshadow", "shadow", false},
	{"/etc/shadow-", "shadow", false},
	{"/etc/gshadow-", "shadow", false},
	{"/etc/security/opasswd", "shadow", false},
	{"/boot/grub/grub.cfg", "grub", false},
	{"/boot/grub2/grub.cfg", "grub", false},
	{"/boot/grub2/user.cfg", "grub", false},
	{"/boot/efi/EFI/*/grub.cfg", "grub", false},
	{"/boot/efi/EFI/*/user.cfg", "grub", false},
	{"/etc/grub.d/*", "grub-source", false},
	{"/etc/default/grub", "grub-source", false},
	{"/boot", "boot-dir", false},
	{"/boot/efi", "esp", false},
	{"/efi", "esp", false},
	{"/boot/loader/loader.conf", "boot-loader", false},
	{"/boot/loader/entries/*.conf", "boot-loader", false},
	{"/boot/efi/loader/loader.conf", "boot-loader", false},
	{"/etc/ssh/ssh_host_*_key", "ssh-host-key", false},
	{"/etc/ssh/sshd_config", "ssh-conf", false},
	{"/etc/ssh/sshd_config.d/*", "ssh-conf", false},
	{"/etc/sudoers", "sudoers", false},
	{"/etc/sudoers.d", "sudoers", false},
	{"/etc/sudoers.d/*", "sudoers", false},
	{"/etc/crontab", "cron", false},
	{"/etc/anacrontab", "cron", false},
	{"/etc/cron.allow", "cron", false},
	{"/etc/at.allow", "cron", false},
	{"/etc/cron.d", "cron", false},
	{"/etc/cron.d/*", "cron", false},
	{"/etc/cron.hourly", "cron", false},
	{"/etc/cron.daily", "cron", false},
	{"/etc/cron.weekly", "cron", false},
	{"/etc/cron.monthly", "cron", false},
	{"/etc/cron.yearly", "cron", false},
	{"/var/spool/cron", "cron", false},
	{"/var/spool/cron/crontabs", "cron", false},
	{"/dev/kvm", "dev-kvm", false},
	{"/dev/vhost-*", "dev-vhost", false},
	{"/dev/vfio/*", "dev-vfio", false},
	{"/dev/net/tun", "dev-tun", false},
	{"/dev/sev", "dev-sev", false},
	{"/dev/tpm*", "dev-tpm", false},
	{QEMU_CONF, "qemu-conf", false},
	{"/etc/libvirt/*.conf", "libvirt-conf", false},
	{"/etc/libvirt", "libvirt-conf", false},
	{"/etc/sasl2/libvirt.conf", "libvirt-conf", false},
	{"/etc/libvirt/passwd.db", "libvirt-key", false},
	{"/etc/pki/CA/private", "libvirt-key", false},
	{"/etc/pki/CA/private/*", "libvirt-key", false},
	{"/etc/pki/libvirt/private", "libvirt-key", false},
	{"/etc/pki/libvirt/private/*", "libvirt-key", false},
	{"/etc/pki/qemu", "libvirt-key-dir", false},
	{"/etc/pki/qemu/*-key.pem", "libvirt-key", false},
	{"/etc/pki/libvirt-*", "libvirt-key-dir", false},
	{"/etc/pki/libvirt-*/*-key.pem", "libvirt-key", false},
	{"/run/libvirt", "libvirt-run", false},
	{"/run/libvirt/*sock*", "libvirt-socket", false},
	{"/etc/libvirt/hooks", "libvirt-hook", false},
	{"/etc/libvirt/hooks/*", "libvirt-hook", false},
	{"/etc/libvirt/hooks/*.d/*", "libvirt-hook", false},
	{"/etc/libvirt/qemu", "libvirt-domain", false},
	{"/etc/libvirt/qemu/*.xml", "libvirt-domain", false},
	{"/run/libvirt/qemu/*.xml", "libvirt-domain", false},
	{"/etc/libvirt/qemu/networks", "libvirt-network", false},
	{"/etc/libvirt/qemu/networks/*.xml", "libvirt-network", false},
	{"/etc/libvirt/storage", "libvirt-storage", false},
	{"/etc/libvirt/storage/*.xml", "libvirt-storage", false},
	{"/etc/libvirt/secrets", "libvirt-secret", false},
	{"/etc/libvirt/secrets/*", "libvirt-secret", false},
	{"/etc/libvirt/nwfilter", "libvirt-nwfilter", false},
	{"/etc/libvirt/nwfilter/*.xml", "libvirt-nwfilter", false},
	{"/var/log/libvirt", "libvirt-log", false},
	{"/var/log/libvirt/qemu", "libvirt-log", false},
	{"/var/log/libvirt/qemu/*.log", "libvirt-log", false},
	{"/var/log/swtpm/libvirt/qemu", "libvirt-log", false},
	{"/var/lib/libvirt", "libvirt-state", false},
	{"/var/lib/libvirt/qemu", "libvirt-state", false},
	{"/var/lib/libvirt/qemu/domain-*", "qemu-monitor", false},
	{"/var/lib/libvirt/qemu/domain-*/monitor.sock", "qemu-monitor", false},
	{"/var/lib/libvirt/images", "vm-image-dir", false},
	{"/var/lib/libvirt/boot", "vm-image-dir", false},
	{"/var/lib/vz/images", "vm-image-dir", false},
	{"/var/lib/nova/instances", "vm-image-dir", false},
	{"/var/lib/libvirt/images/*", "vm-image", false},
	{"/var/lib/libvirt/qemu/save", "save-dir", false},
	{"/var/lib/libvirt/qemu/dump", "save-dir", false},
	{"/var/lib/libvirt/qemu/snapshot", "save-dir", false},
	{"/var/lib/libvirt/qemu/checkpoint", "save-dir", false},
	{"/var/lib/libvirt/qemu/save/*", "save-file", false},
	{"/var/lib/libvirt/qemu/dump/*", "save-file", false},
	{"/var/lib/libvirt/qemu/nvram", "nvram-dir", false},
	{"/var/lib/libvirt/qemu/nvram/*", "nvram", false},
	{"/var/lib/libvirt/swtpm", "swtpm-state", false},
	{"/var/lib/libvirt/swtpm/*", "swtpm-state", false},
	{"/var/lib/libvirt/swtpm/*/tpm*", "swtpm-state", false},
	{"/var/lib/libvirt/swtpm/*/tpm*/*", "swtpm-state", false},
	{"/var/lib/swtpm-localca", "swtpm-ca", false},
	{"/var/lib/swtpm-localca/*key*", "swtpm-ca", false},
	{"/etc/audit", "audit-rules", false},
	{"/etc/audit/auditd.conf", "audit-rules", false},
	{"/etc/audit/audit.rules", "audit-rules", false},
	{"/etc/audit/rules.d", "audit-rules", false},
	{"/etc/audit/rules.d/*", "audit-rules", false},
	{"/var/log", "log-dir", false},
	{"/var/log/audit", "log-dir", false},
	{"/var/log/journal", "log-dir", false},
	{"/var/log/audit/*", "audit-log", false},
	{"/usr/lib/qemu/qemu-bridge-helper", "bridge-helper", false},
	{"/usr/libexec/qemu-bridge-helper", "bridge-helper", false},
	{"/usr/lib/qemu-bridge-helper", "bridge-helper", false},
	{"/etc/qemu/bridge.conf", "bridge-conf", false},
	{"/etc/qemu-kvm/bridge.conf", "bridge-conf", false},
	{"/var/lib/libvirt/qemu/ram", "memory-backing", false},
	{"/tmp", "tmp-dir", false},
	{"/var/tmp", "tmp-dir", false},
	{"/dev/shm", "tmp-dir", false},
	{"/root", "home-root", false},
	{"/etc/hosts.equiv", "hosts-equiv", false},
	{"/etc/ssh/shosts.equiv", "hosts-equiv", false},
	{"/etc/snmp/snmpd.conf", "snmp-conf", false},
	{"/var/lib/snmp/snmpd.conf", "snmp-conf", false},
	{"/etc/chrony/chrony.keys", "time-key", false},
	{"/etc/chrony.keys", "time-key", false},
	{"/etc/ringfence", "ringfence", false},
	{"/var/lib/ringfence", "ringfence", false},
};

struct modes {
	struct sys *sys;
	struct fact_sink *out;
	const struct util_users *users;
	struct rf_map seen; /* paths that have a row */
};

static const char *kind_of(uint32_t type)
{
	switch (type) {
	case S_IFDIR:
		return "dir";
	case S_IFLNK:
		return "link";
	case S_IFSOCK:
		return "socket";
	case S_IFCHR:
		return "char";
	case S_IFBLK:
		return "block";
	case S_IFIFO:
		return "fifo";
	default:
		return "file";
	}
}

static void put_row(struct modes *m, const char *path, const char *topic, const char *source,
		    const struct sys_stat *st)
{
	char mode[8], owner[32], group[32];

	rf_format(mode, sizeof(mode), "%04o", (unsigned int)(st->mode & 07777));
	fact_put_file_mode(m->out,
			   &(struct fact_file_mode){
				   .path = path,
				   .topic = topic,
				   .kind = kind_of(st->type),
				   .mode = FACT_INT(st->mode & 07777),
				   .mode_text = mode,
				   .uid = FACT_INT(st->uid),
				   .gid = FACT_INT(st->gid),
				   .owner = util_user_name(m->users, st->uid, owner, sizeof(owner)),
				   .grp = util_group_name(m->users, st->gid, group, sizeof(group)),
				   .group_write = FACT_BOOL(st->mode & S_IWGRP),
				   .other_read = FACT_BOOL(st->mode & S_IROTH),
				   .other_write = FACT_BOOL(st->mode & S_IWOTH),
				   .setuid = FACT_BOOL(st->mode & S_ISUID),
				   .extra_acl = FACT_BOOL(st->has_acl),
				   .size_bytes = FACT_INT(st->size_bytes),
				   .source = source,
			   });
}

static void put_path(struct modes *m, const char *path, const char *topic, bool tell_absent)
{
	char source[RF_MAX_PATH_BYTES * 2], link[RF_MAX_PATH_BYTES];
	struct sys_stat st;
	if (rf_map_has(&m->seen, path))
		return;
	if (rf_map_set(&m->seen, path, m) < 0)
		rf_fail(&m->out->err, -ENOMEM, "modes");
	int rc = sys_stat(m->sys, path, &st);

	if (rc == -ENOENT || rc == -ENOTDIR) {
		if (tell_absent)
			fact_put_file_mode(m->out, &(struct fact_file_mode){.path = path,
									    .topic = topic,
									    .kind = "absent",
									    .source = path});
		return;
	}
	if (rc < 0) {
		/* A row of unknowns: without it a control would find nothing to judge. */
		util_gap(m->out, FACT_T_FILE_MODE, path, path, rc);
		fact_put_file_mode(m->out, &(struct fact_file_mode){
						   .path = path, .topic = topic, .source = path});
		return;
	}
	rf_copy(source, sizeof(source), path);
	/* A link's own bits mean nothing; one that leads nowhere stays a link. */
	if (st.type == S_IFLNK && sys_readlink(m->sys, path, link, sizeof(link)) == 0) {
		rf_format(source, sizeof(source), "%s -> %s", path, link);
		if (sys_stat_follow(m->sys, path, &st) < 0)
			st.type = S_IFLNK;
	}
	put_row(m, path, topic, source, &st);
}

static void put_wanted(struct modes *m, const struct wanted *w)
{
	UTIL_AUTOPATHS struct util_paths paths = {0};
	int rc = conf_glob(m->sys, w->path, &paths);

	if (rc < 0)
		util_gap(m->out, FACT_T_FILE_MODE, w->path, w->path, rc);
	for (size_t i = 0; i < paths.count && i < MAX_MATCHES; i++)
		put_path(m, paths.paths[i], w->topic, w->tell_absent);
	if (paths.count > MAX_MATCHES)
		fact_gap(m->out, FACT_T_FILE_MODE, w->path, "", w->path,
			 "More than %u files meet this pattern; the rest was left out.",
			 MAX_MATCHES);
}

/* What qemu.conf names as a folder of its own. */
static void put_qemu_conf(struct modes *m)
{
	static const char *const keys[][2] = {{"memory_backing_dir", "memory-backing"},
					      {"hugetlbfs_mount", "memory-backing"},
					      {"auto_dump_path", "save-dir"}};
	RF_AUTOBUF struct rf_buf buf = {0};
	struct conf_options settings = {0};
	struct virtconf_problem problem = {0};

	if (util_read(m->sys, m->out, FACT_T_FILE_MODE, QEMU_CONF, QEMU_CONF, RF_MAX_FILE_BYTES,
		      &buf) <= 0)
		return;
	virtconf_parse(rf_buf_text(&buf), QEMU_CONF, &settings, &problem);
	for (size_t i = 0; i < RF_COUNT(keys); i++) {
		const char *path = conf_get(&settings, keys[i][0]);

		if (path && path[0] == '/')
			put_path(m, path, keys[i][1], true);
	}
	conf_options_done(&settings);
}

/* Folders that the host's own configuration chooses. */
static void put_configured(struct modes *m)
{
	MOUNT_AUTOTABLE struct mount_table table = {0};
	char path[RF_MAX_PATH_BYTES];

	put_qemu_conf(m);
	if (mount_table_read(m->sys, &table, NULL) < 0)
		return;
	for (size_t i = 0; i < table.count; i++) {
		if (strcmp(table.rows[i].fstype, "hugetlbfs") != 0)
			continue;
		put_path(m, table.rows[i].target, "memory-backing", false);
		if (rf_format(path, sizeof(path), "%s/libvirt", table.rows[i].target))
			put_path(m, path, "memory-backing", false);
		if (rf_format(path, sizeof(path), "%s/libvirt/qemu", table.rows[i].target))
			put_path(m, path, "memory-backing", false);
	}
}

int collect_modes(struct sys *sys, const struct collect_request *req, struct fact_sink *out,
		  struct rf_err *err)
{
	UTIL_AUTOUSERS struct util_users users = {0};
	struct modes m = {.sys = sys, .out = out, .users = &users};
	int rc = util_users_read(sys, &users, err);

	(void)req;
	/* Without names the numbers still tell. */
	if (rc < 0)
		fact_gap(out, FACT_T_FILE_MODE, "", "owner", "/etc/passwd",
			 "Names of owners are shown as numbers: /etc/passwd cannot be read (%s).",
			 rf_code_text(rc));
	for (size_t i = 0; i < RF_COUNT(wanted); i++)
		put_wanted(&m, &wanted[i]);
	put_configured(&m);
	rf_map_done(&m.seen);
	return 0;
}
