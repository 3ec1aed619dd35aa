/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collector storage-targets: storage that comes over a fabric, and images of VMs that the host
 * itself has opened. Secrets of CHAP lie beside what is read here and are not touched.
 * Source: sysfs of scsi_transport_iscsi, scsi_transport_fc and nvme-fabrics; loop and nbd drivers.
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/collect.h"
#include "collect/mountinfo.h"
#include "collect/storage_targets.h"
#include "collect/util.h"

#define MAX_ARGUMENTS 512u
#define MAX_DEVICES   4096u

static void add_name(struct rf_buf *list, const char *name)
{
	rf_buf_printf(list, "%s%s", list->len ? "," : "", name);
}

/* Block devices of SCSI targets: DIR/target.../H:C:T:L/block/NAME. */
static void scsi_devices(struct sys *sys, const char *dir, struct rf_buf *list)
{
	SYS_AUTONAMES struct sys_names targets = {0};
	char target[RF_MAX_PATH_BYTES], block[RF_MAX_PATH_BYTES];

	if (sys_list(sys, dir, &targets, NULL) < 0)
		return;
	for (size_t t = 0; t < targets.count && t < MAX_DEVICES; t++) {
		SYS_AUTONAMES struct sys_names units = {0};

		if (!rf_starts(targets.names[t], "target") ||
		    !rf_format(target, sizeof(target), "%s/%s", dir, targets.names[t]) ||
		    sys_list(sys, target, &units, NULL) < 0)
			continue;
		for (size_t u = 0; u < units.count && u < MAX_DEVICES; u++) {
			SYS_AUTONAMES struct sys_names names = {0};

			if (!strchr(units.names[u], ':') ||
			    !rf_format(block, sizeof(block), "%s/%s/block", target,
				       units.names[u]) ||
			    sys_list(sys, block, &names, NULL) < 0)
				continue;
			for (size_t i = 0; i < names.count; i++)
				add_name(list, names.names[i]);
		}
	}
}

/* 1 when the attribute holds a name, 0 when it is empty, negative when it cannot be read. */
static int has_value(struct sys *sys, const char *dir, const char *file)
{
	char path[RF_MAX_PATH_BYTES], value[256];

	if (!rf_format(path, sizeof(path), "%s/%s", dir, file))
		return -ENAMETOOLONG;
	int rc = sys_read_line(sys, path, value, sizeof(value));

	if (rc < 0)
		return rc == -ENOENT ? 0 : rc;
	return value[0] && strcmp(value, "(null)") != 0 && strcmp(value, "<NULL>") != 0;
}

static void put_iscsi(struct sys *sys, struct fact_sink *out, const char *session)
{
	RF_AUTOBUF struct rf_buf devices = {0};
	char dir[RF_MAX_PATH_BYTES], path[RF_MAX_PATH_BYTES], name[512], key[600];

	rf_format(dir, sizeof(dir), "/sys/class/iscsi_session/%s", session);
	rf_format(path, sizeof(path), "%s/targetname", dir);
	int rc = sys_read_line(sys, path, name, sizeof(name));

	if (rc < 0) {
		util_gap(out, FACT_T_STORAGE_TARGET, session, path, rc);
		return;
	}
	int user = has_value(sys, dir, "username"), user_in = has_value(sys, dir, "username_in");

	rf_format(path, sizeof(path), "%s/device", dir);
	scsi_devices(sys, path, &devices);
	rf_format(key, sizeof(key), "iscsi/%s", name);
	if (user < 0 || user_in < 0)
		fact_gap(out, FACT_T_STORAGE_TARGET, key, "authenticated", dir,
			 "Whether CHAP is used stands in %s/username, which only root can read.",
			 dir);
	fact_put_storage_target(
		out, &(struct fact_storage_target){.kind = "iscsi",
						   .name = name,
						   .device = rf_buf_text(&devices),
						   .authenticated = user < 0 || user_in < 0 ? NULL
								    : !user		    ? "none"
								    : user_in ? "mutual"
									      : "one-way",
						   .source = dir});
}

static void put_fc(struct sys *sys, struct fact_sink *out, const char *port)
{
	RF_AUTOBUF struct rf_buf devices = {0};
	char dir[RF_MAX_PATH_BYTES], path[RF_MAX_PATH_BYTES], name[128], roles[256];

	rf_format(dir, sizeof(dir), "/sys/class/fc_remote_ports/%s", port);
	rf_format(path, sizeof(path), "%s/roles", dir);
	/* Other hosts and the switch are remote ports as well. */
	if (sys_read_line(sys, path, roles, sizeof(roles)) < 0 || !strstr(roles, "Target"))
		return;
	rf_format(path, sizeof(path), "%s/port_name", dir);
	int rc = sys_read_line(sys, path, name, sizeof(name));

	if (rc < 0) {
		util_gap(out, FACT_T_STORAGE_TARGET, port, path, rc);
		return;
	}
	rf_format(path, sizeof(path), "%s/device", dir);
	scsi_devices(sys, path, &devices);
	fact_put_storage_target(out, &(struct fact_storage_target){.kind = "fc",
								   .name = name,
								   .device = rf_buf_text(&devices),
								   .authenticated = "",
								   .source = dir});
}

/* With several paths a disk is nvme0n1 and its paths nvme0c1n1. */
static void nvme_devices(struct sys *sys, const char *dir, struct rf_buf *list)
{
	SYS_AUTONAMES struct sys_names names = {0};
	char device[128];

	if (sys_list(sys, dir, &names, NULL) < 0)
		return;
	for (size_t i = 0; i < names.count && i < MAX_DEVICES; i++) {
		const char *name = names.names[i];
		size_t digits = rf_starts(name, "nvme") ? strspn(name + 4, "0123456789") : 0;
		const char *rest = name + 4 + digits;

		if (digits == 0)
			continue;
		if (*rest == 'c')
			rest += 1 + strspn(rest + 1, "0123456789");
		if (*rest == 'n' && isdigit((unsigned char)rest[1]) &&
		    rf_format(device, sizeof(device), "%.*s%s", (int)(4 + digits), name, rest))
			add_name(list, device);
	}
}

static void put_nvme(struct sys *sys, struct fact_sink *out, const char *controller)
{
	RF_AUTOBUF struct rf_buf devices = {0};
	char dir[RF_MAX_PATH_BYTES], path[RF_MAX_PATH_BYTES], name[512], transport[64], key[600];

	rf_format(dir, sizeof(dir), "/sys/class/nvme/%s", controller);
	rf_format(path, sizeof(path), "%s/transport", dir);
	/* A drive in the machine itself is no target. */
	if (sys_read_line(sys, path, transport, sizeof(transport)) < 0 ||
	    strcmp(transport, "pcie") == 0 || strcmp(transport, "apple-nvme") == 0)
		return;
	rf_format(path, sizeof(path), "%s/subsysnqn", dir);
	int rc = sys_read_line(sys, path, name, sizeof(name));

	if (rc < 0) {
		util_gap(out, FACT_T_STORAGE_TARGET, controller, path, rc);
		return;
	}
	nvme_devices(sys, dir, &devices);
	rf_format(key, sizeof(key), "nvme/%s", name);
	fact_gap(out, FACT_T_STORAGE_TARGET, key, "authenticated", dir,
		 "Whether DH-HMAC-CHAP is used shows only together with its key (dhchap_secret), "
		 "which is not read; `nvme connect` options or /etc/nvme/config.json tell.");
	fact_put_storage_target(out, &(struct fact_storage_target){.kind = "nvme",
								   .name = name,
								   .device = rf_buf_text(&devices),
								   .source = dir});
}

static void collect_targets(struct sys *sys, struct fact_sink *out)
{
	static const struct {
		const char *dir;
		void (*put)(struct sys *sys, struct fact_sink *out, const char *name);
	} classes[] = {
		{"/sys/class/iscsi_session", put_iscsi},
		{"/sys/class/fc_remote_ports", put_fc},
		{"/sys/class/nvme", put_nvme},
	};

	for (size_t c = 0; c < RF_COUNT(classes); c++) {
		SYS_AUTONAMES struct sys_names names = {0};
		int rc = sys_list(sys, classes[c].dir, &names, NULL);

		if (rc < 0 && rc != -ENOENT)
			util_gap(out, FACT_T_STORAGE_TARGET, classes[c].dir, classes[c].dir, rc);
		for (size_t i = 0; i < names.count && i < MAX_DEVICES; i++)
			classes[c].put(sys, out, names.names[i]);
	}
}

bool storage_looks_like_image(const char *path)
{
	static const char *const dirs[] = {"/var/lib/libvirt/", "/var/lib/vz/",
					   "/var/lib/nova/instances/", "/var/lib/one/", "/dev/"};
	static const char *const suffixes[] = {".qcow2", ".qcow", ".vmdk", ".vdi", ".vhd",
					       ".vhdx",	 ".qed",  ".raw",  ".img"};

	for (size_t i = 0; i < RF_COUNT(dirs); i++) {
		if (rf_starts(path, dirs[i]))
			return true;
	}
	for (size_t i = 0; i < RF_COUNT(suffixes); i++) {
		if (rf_ends(path, suffixes[i]))
			return true;
	}
	return false;
}

/* Where a block device or one of its partitions (loop0p1) is mounted; "" for nowhere. */
static const char *mounted_at(const struct mount_table *mounts, const char *name)
{
	char device[128];
	size_t n;

	if (!rf_format(device, sizeof(device), "/dev/%s", name))
		return "";
	n = strlen(device);
	for (size_t i = mounts->count; i-- > 0;) {
		const char *d = mounts->rows[i].device;

		if (strncmp(d, device, n) == 0 &&
		    (d[n] == '\0' || (d[n] == 'p' && isdigit((unsigned char)d[n + 1]))))
			return mounts->rows[i].target;
	}
	return "";
}

static void put_image(struct fact_sink *out, const char *path, const char *via, const char *target,
		      const char *source)
{
	fact_put_image_mount(out,
			     &(struct fact_image_mount){
				     .path = path, .via = via, .target = target, .source = source});
}

static void put_loop(struct sys *sys, struct fact_sink *out, const struct mount_table *mounts,
		     const char *name)
{
	static const char deleted[] = " (deleted)";
	char source[RF_MAX_PATH_BYTES], path[RF_MAX_PATH_BYTES];

	rf_format(source, sizeof(source), "/sys/block/%s/loop/backing_file", name);
	if (sys_read_line(sys, source, path, sizeof(path)) < 0 || !path[0])
		return;
	if (rf_ends(path, deleted))
		path[strlen(path) - strlen(deleted)] = '\0';
	if (storage_looks_like_image(path))
		put_image(out, path, name, mounted_at(mounts, name), source);
}

bool storage_arguments_image(char *const *arguments, size_t count, const char *program, char *out,
			     size_t size)
{
	bool is_mount = strcmp(program, "guestmount") == 0, connects = false;
	const char *image = NULL;

	for (size_t i = 1; i < count; i++) {
		const char *a = arguments[i];

		connects |= rf_starts(a, "--connect") || rf_starts(a, "-c");
		if (is_mount && (strcmp(a, "-a") == 0 || strcmp(a, "--add") == 0 ||
				 strcmp(a, "-d") == 0 || strcmp(a, "--domain") == 0))
			image = i + 1 < count && !image ? arguments[i + 1] : image;
		else if (is_mount && rf_starts(a, "--add="))
			image = a + strlen("--add=");
		else if (is_mount && rf_starts(a, "--domain="))
			image = a + strlen("--domain=");
	}
	/* qemu-nbd takes the image as its last word; without -c it only serves a network. */
	if (!is_mount && connects && count > 2)
		image = arguments[count - 1];
	return image && rf_copy(out, size, image);
}

/* Splits a NUL-separated command line. */
static size_t split_arguments(struct rf_buf *buf, char **arguments, size_t max)
{
	size_t count = 0;

	for (size_t i = 0; i < buf->len && count < max;) {
		arguments[count++] = (char *)buf->data + i;
		i += strlen((char *)buf->data + i) + 1;
	}
	return count;
}

/* The device that qemu-nbd was told to connect: "/dev/nbd0" becomes nbd0. */
static const char *nbd_device(char *const *arguments, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		const char *at = strstr(arguments[i], "/dev/nbd");

		if (at && at[strlen("/dev/nbd")])
			return at + strlen("/dev/");
	}
	return "nbd";
}

static void put_process(struct sys *sys, struct fact_sink *out, const struct mount_table *mounts,
			const char *pid, const char *program)
{
	RF_AUTOBUF struct rf_buf buf = {0};
	char *arguments[MAX_ARGUMENTS];
	char path[64], image[RF_MAX_PATH_BYTES];

	rf_format(path, sizeof(path), "/proc/%s/cmdline", pid);
	if (sys_read(sys, path, RF_MAX_PROC_BYTES, &buf, NULL) < 0 || buf.len == 0)
		return;
	size_t count = split_arguments(&buf, arguments, RF_COUNT(arguments));

	if (!storage_arguments_image(arguments, count, program, image, sizeof(image)))
		return;
	if (strcmp(program, "guestmount") == 0) {
		put_image(out, image, program, arguments[count - 1], path);
		return;
	}
	const char *device = nbd_device(arguments, count);

	put_image(out, image, device, mounted_at(mounts, device), path);
}

static void collect_processes_images(struct sys *sys, struct fact_sink *out,
				     const struct mount_table *mounts)
{
	static const char *const programs[] = {"guestmount", "qemu-nbd"};
	SYS_AUTONAMES struct sys_names pids = {0};
	char path[RF_MAX_PATH_BYTES], comm[64];

	if (sys_list(sys, "/proc", &pids, NULL) < 0) {
		fact_gap(out, FACT_T_IMAGE_MOUNT, "", "", "/proc",
			 "/proc cannot be listed, so programs that mount images are not seen.");
		return;
	}
	for (size_t i = 0; i < pids.count; i++) {
		if (!isdigit((unsigned char)pids.names[i][0]) ||
		    !rf_format(path, sizeof(path), "/proc/%s/comm", pids.names[i]) ||
		    sys_read_line(sys, path, comm, sizeof(comm)) < 0)
			continue;
		for (size_t p = 0; p < RF_COUNT(programs); p++) {
			if (strcmp(comm, programs[p]) == 0)
				put_process(sys, out, mounts, pids.names[i], programs[p]);
		}
	}
}

/* kpartx over a logical volume: the host has opened the partitions of a guest's disk. */
static void put_dm(struct sys *sys, struct fact_sink *out, const struct mount_table *mounts,
		   const char *name)
{
	SYS_AUTONAMES struct sys_names slaves = {0};
	char source[RF_MAX_PATH_BYTES], text[RF_MAX_PATH_BYTES], path[RF_MAX_PATH_BYTES];
	char mapper[RF_MAX_PATH_BYTES];

	rf_format(source, sizeof(source), "/sys/block/%s/dm/uuid", name);
	if (sys_read_line(sys, source, text, sizeof(text)) < 0 || !rf_starts(text, "part") ||
	    !strstr(text, "-LVM-"))
		return;
	rf_format(path, sizeof(path), "/sys/block/%s/slaves", name);
	if (sys_list(sys, path, &slaves, NULL) < 0 || slaves.count == 0)
		return;
	rf_format(path, sizeof(path), "/sys/block/%s/dm/name", slaves.names[0]);
	if (sys_read_line(sys, path, text, sizeof(text)) < 0)
		rf_copy(text, sizeof(text), slaves.names[0]);
	rf_format(path, sizeof(path), "/dev/mapper/%s", text);
	rf_format(mapper, sizeof(mapper), "/sys/block/%s/dm/name", name);
	if (sys_read_line(sys, mapper, text, sizeof(text)) < 0)
		rf_copy(text, sizeof(text), name);
	rf_format(mapper, sizeof(mapper), "/dev/mapper/%s", text);
	const struct mount_entry *e = mount_table_device(mounts, mapper);

	put_image(out, path, name, e ? e->target : "", source);
}

static void collect_images(struct sys *sys, struct fact_sink *out)
{
	SYS_AUTONAMES struct sys_names names = {0};
	MOUNT_AUTOTABLE struct mount_table mounts = {0};
	int rc = sys_list(sys, "/sys/block", &names, NULL);

	if (mount_table_read(sys, &mounts, NULL) < 0)
		fact_gap(out, FACT_T_IMAGE_MOUNT, "", "target", "/proc/self/mountinfo",
			 "It cannot be read, so where images are mounted is not known.");
	if (rc < 0)
		util_gap(out, FACT_T_IMAGE_MOUNT, "", "/sys/block", rc);
	for (size_t i = 0; i < names.count && i < MAX_DEVICES; i++) {
		if (rf_starts(names.names[i], "loop"))
			put_loop(sys, out, &mounts, names.names[i]);
		if (rf_starts(names.names[i], "dm-"))
			put_dm(sys, out, &mounts, names.names[i]);
	}
	collect_processes_images(sys, out, &mounts);
}

int collect_storage_targets(struct sys *sys, const struct collect_request *req,
			    struct fact_sink *out, struct rf_err *err)
{
	(void)req;
	(void)err;
	collect_targets(sys, out);
	collect_images(sys, out);
	return 0;
}
