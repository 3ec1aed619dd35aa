/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collector mounts: file systems, and which of them holds the directories that matter.
 * A remote file system is not asked for its space: a dead server would hang us.
 * Source: proc_pid_mountinfo(5), statvfs(3).
 */
#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/block.h"
#include "collect/collect.h"
#include "collect/mountinfo.h"

#define SOURCE "/proc/self/mountinfo"

static const char *const remote_types[] = {
	"9p",	     "afs",	   "beegfs",	"ceph",		  "cifs",
	"coda",	     "fuse.ceph",  "davfs",	"fuse.glusterfs", "fuse.mfs",
	"fuse.s3fs", "fuse.sshfs", "glusterfs", "lustre",	  "ncpfs",
	"nfs",	     "nfs4",	   "orangefs",	"smb3",		  "smbfs",
};

/* Directories that a control asks for. */
static const char *const paths[] = {
	"/",
	"/boot",
	"/boot/efi",
	"/dev/shm",
	"/home",
	"/opt",
	"/srv",
	"/tmp",
	"/usr",
	"/var",
	"/var/crash",
	"/var/lib/libvirt",
	"/var/lib/libvirt/images",
	"/var/lib/libvirt/qemu",
	"/var/lib/libvirt/qemu/save",
	"/var/lib/libvirt/swtpm",
	"/var/lib/nova/instances",
	"/var/lib/vz",
	"/var/log",
	"/var/log/audit",
	"/var/log/libvirt",
	"/var/tmp",
};

static bool is_remote(const char *fstype)
{
	for (size_t i = 0; i < RF_COUNT(remote_types); i++) {
		if (strcmp(fstype, remote_types[i]) == 0)
			return true;
	}
	return false;
}

/* Fills the three columns of space. A file system without blocks (proc) has no share of them. */
static void fill_space(struct sys *sys, struct fact_sink *out, struct fact_mount *row)
{
	struct sys_space space;

	if (row->remote.v || strcmp(row->fstype, "autofs") == 0) {
		fact_gap(out, FACT_T_MOUNT, row->target, "size_bytes", SOURCE,
			 "It lies on another machine or is mounted on first use, so it was not "
			 "asked for its space: an answer may never come. df shows it.");
		return;
	}
	int rc = sys_space(sys, row->target, &space);

	if (rc < 0) {
		fact_gap(out, FACT_T_MOUNT, row->target, "size_bytes", row->target,
			 "Its space could not be asked for: %s.", rf_code_text(rc));
		return;
	}
	row->size_bytes = FACT_INT(space.size_bytes);
	row->free_bytes = FACT_INT(space.free_bytes);
	if (space.size_bytes > 0 && space.free_bytes >= 0)
		row->free_pct =
			FACT_INT((double)space.free_bytes * 100.0 / (double)space.size_bytes);
}

static void put_mount(struct sys *sys, struct fact_sink *out, const struct mount_table *table,
		      const struct mount_entry *e)
{
	RF_AUTOBUF struct rf_buf options = {0};

	rf_buf_printf(&options, "%s,%s", e->options, e->super);
	struct fact_mount row = {
		.target = e->target,
		.device = e->device,
		.fstype = e->fstype,
		.options = rf_buf_text(&options),
		.nodev = FACT_BOOL(mount_option_has(e->options, "nodev")),
		.nosuid = FACT_BOOL(mount_option_has(e->options, "nosuid")),
		.noexec = FACT_BOOL(mount_option_has(e->options, "noexec")),
		.readonly = FACT_BOOL(mount_option_has(e->options, "ro") ||
				      mount_option_has(e->super, "ro")),
		.remote = FACT_BOOL(is_remote(e->fstype)),
		.source = SOURCE,
	};
	int encrypted = row.remote.v ? 0 : block_encrypted_mount(sys, table, e);

	row.encrypted = (struct fact_int){encrypted >= 0, encrypted};
	if (encrypted < 0)
		fact_gap(out, FACT_T_MOUNT, e->target, "encrypted", SOURCE,
			 "%s: it is not on a block device that /sys/class/block knows.",
			 *e->device ? e->device : e->fstype);
	fill_space(sys, out, &row);
	fact_put_mount(out, &row);
}

static void put_path(struct sys *sys, struct fact_sink *out, const struct mount_table *table,
		     const char *path)
{
	char real[RF_MAX_PATH_BYTES];
	struct sys_stat st;
	int rc = sys_stat_follow(sys, path, &st);

	mount_path_resolve(sys, path, real, sizeof(real));
	const struct mount_entry *e = mount_table_find(table, real);

	if (rc < 0 && rc != -ENOENT && rc != -ENOTDIR)
		fact_gap(out, FACT_T_PATH_MOUNT, path, "exists_", path,
			 "It cannot be looked at: %s.", rf_code_text(rc));
	if (!e)
		fact_gap(out, FACT_T_PATH_MOUNT, path, "target", SOURCE,
			 "No line of %s holds this path.", SOURCE);
	bool known = rc == 0 || rc == -ENOENT || rc == -ENOTDIR;

	/* Where a directory is missing, its files would lie where its nearest parent does. */
	fact_put_path_mount(out, &(struct fact_path_mount){
					 .path = path,
					 .target = e ? e->target : NULL,
					 .own_fs = {e != NULL, e && strcmp(e->target, real) == 0},
					 .on_root = {e != NULL, e && strcmp(e->target, "/") == 0},
					 .exists_ = {known, rc == 0},
					 .source = SOURCE});
}

int collect_mounts(struct sys *sys, const struct collect_request *req, struct fact_sink *out,
		   struct rf_err *err)
{
	MOUNT_AUTOTABLE struct mount_table table = {0};
	RF_AUTOMAP struct rf_map topmost = {0};
	int rc = mount_table_read(sys, &table, err);

	(void)req;
	if (rc < 0)
		return rf_wrap(err, rc, "mounts");
	for (size_t i = 0; i < table.count; i++) {
		if (rf_map_set(&topmost, table.rows[i].target, &table.rows[i]) < 0)
			return rf_fail(err, -ENOMEM, "mounts");
	}
	for (size_t i = 0; i < table.count; i++) {
		if (rf_map_get(&topmost, table.rows[i].target) == &table.rows[i])
			put_mount(sys, out, &table, &table.rows[i]);
	}
	if (table.broken_count > 0)
		fact_gap(out, FACT_T_MOUNT, "", "", SOURCE, "%zu lines are not understood.",
			 table.broken_count);
	for (size_t i = 0; i < RF_COUNT(paths); i++)
		put_path(sys, out, &table, paths[i]);
	return 0;
}
