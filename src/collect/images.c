/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks at the disks' images through the seam; see images.h. An image's header is read only where
 * the definition (or the header above it) says qcow2: what a guest wrote into a raw disk is never
 * taken for a header. Sources: QEMU's block.c (backing names), libvirt's storage_file_probe.c.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/images.h"
#include "collect/luns.h"
#include "collect/qcow2.h"

#define MAX_CHAIN	 16u
#define MAX_SLAVES_DEPTH 8u
#define BLOCK_SECTOR	 512

/* Columns of vm_disk that only the host can fill. */
static const char *const looked_cols[] = {"exists_",
					  "mode_bits",
					  "mode_text",
					  "owner",
					  "grp",
					  "other_read",
					  "group_other_write",
					  "is_symlink",
					  "host_device",
					  "virtual_bytes",
					  "backing_depth",
					  "backing_remote",
					  "backing_format_stated"};

static void mark_busy(struct images *images, const char *name, unsigned int depth);

static void mark_slaves(struct images *images, const char *name, unsigned int depth)
{
	SYS_AUTONAMES struct sys_names slaves = {0};
	char dir[RF_MAX_PATH_BYTES];

	if (!rf_format(dir, sizeof(dir), "/sys/class/block/%s/slaves", name) ||
	    sys_list(images->sys, dir, &slaves, NULL) < 0)
		return;
	for (size_t i = 0; i < slaves.count; i++)
		mark_busy(images, slaves.names[i], depth + 1);
}

/* The disk that a partition lies on: the folder above it in sysfs. */
static void mark_whole_disk(struct images *images, const char *name, unsigned int depth)
{
	char path[RF_MAX_PATH_BYTES], link[RF_MAX_PATH_BYTES];

	if (!rf_format(path, sizeof(path), "/sys/class/block/%s", name) ||
	    sys_readlink(images->sys, path, link, sizeof(link)) < 0)
		return;
	char *last = strrchr(link, '/');

	if (!last)
		return;
	*last = '\0';
	char *parent = strrchr(link, '/');

	if (parent && strcmp(parent, "/block") != 0)
		mark_busy(images, parent + 1, depth + 1);
}

/* Depth is bounded, and a name that is marked already is not followed again. */
static void mark_busy(struct images *images, const char *name, unsigned int depth)
{
	if (depth > MAX_SLAVES_DEPTH || !*name || rf_map_has(&images->busy, name) ||
	    rf_map_set(&images->busy, name, images) < 0)
		return;
	mark_whole_disk(images, name, depth);
	mark_slaves(images, name, depth);
}

/* The kernel's name of a device file, links followed: sda1, dm-0; "" when path is none. */
static const char *kernel_name(struct images *images, const char *path, char *out, size_t size)
{
	if (!rf_starts(path, "/dev/"))
		return "";
	(void)mount_path_resolve(images->sys, path, out, size);
	const char *last = strrchr(out, '/');

	return last ? last + 1 : "";
}

static void mark_device(struct images *images, const char *path)
{
	char real[RF_MAX_PATH_BYTES];

	mark_busy(images, kernel_name(images, path, real, sizeof(real)), 0);
}

static void mark_swaps(struct images *images)
{
	RF_AUTOBUF struct rf_buf text = {0};

	if (sys_read(images->sys, "/proc/swaps", RF_MAX_PROC_BYTES, &text, NULL) < 0)
		return;
	char *cursor = text.len ? (char *)text.data : NULL;

	for (char *line; (line = rf_line_next(&cursor));) {
		char *word = rf_word_next(&line);

		if (!word)
			continue;
		mount_unescape(word);
		mark_device(images, word);
	}
}

void images_open(struct images *images, struct sys *sys)
{
	images->sys = sys;
	if (util_users_read(sys, &images->users, NULL) < 0)
		images->users = (struct util_users){0};
	images->mounts_known = mount_table_read(sys, &images->mounts, NULL) == 0;
	for (size_t i = 0; images->mounts_known && i < images->mounts.count; i++)
		mark_device(images, images->mounts.rows[i].device);
	mark_swaps(images);
	images_locks_open(images);
}

void images_done(struct images *images)
{
	util_users_done(&images->users);
	mount_table_done(&images->mounts);
	rf_map_done(&images->busy);
	rf_map_done(&images->locked);
}

/* Without sysfs the names alone still tell: sda1 and nvme0n1p2 are parts of sda and nvme0n1. */
static bool is_part_of(const char *part, const char *disk)
{
	size_t len = strlen(disk);

	if (strncmp(part, disk, len) != 0 || !part[len])
		return false;
	part += len;
	if (*part == 'p' && disk[len - 1] >= '0' && disk[len - 1] <= '9')
		part++;
	else if (disk[len - 1] >= '0' && disk[len - 1] <= '9')
		return false;
	return *part && strspn(part, "0123456789") == strlen(part);
}

int images_host_device(struct images *images, const char *path)
{
	char real[RF_MAX_PATH_BYTES];
	const char *name = kernel_name(images, path, real, sizeof(real));

	if (!*name)
		return 0;
	if (rf_map_has(&images->busy, name))
		return 1;
	for (size_t i = 0; i < images->busy.capacity; i++) {
		const char *busy = images->busy.slots[i].key;

		if (busy && is_part_of(busy, name))
			return 1;
	}
	return images->mounts_known ? 0 : -1;
}

bool images_is_protocol(const char *name)
{
	size_t len =
		strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");

	return len > 1 && name[len] == ':';
}

bool images_backing_path(const char *image, const char *backing, char *out, size_t size)
{
	const char *slash = strrchr(image, '/');

	if (*backing == '/' || !slash)
		return rf_copy(out, size, backing);
	return rf_format(out, size, "%.*s/%s", (int)(slash - image), image, backing);
}

static void disk_gap(struct domain_facts *f, const struct fact_vm_disk *disk, const char *col,
		     const char *fmt, const char *what)
{
	char reason[300];

	(void)snprintf(reason, sizeof(reason), "%s: %s", what, fmt);
	domain_gap(f, FACT_T_VM_DISK, disk->disk, col, "%s", reason);
}

static int read_head(struct images *images, const char *path, struct qcow2_header *out,
		     struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf head = {0};
	int rc = sys_probe(images->sys, "image-head", path, &head, err);

	return rc < 0 ? rc : qcow2_parse(rf_buf_slice(&head), out, err);
}

/* State of a walk down a backing chain. */
struct chain {
	char paths[MAX_CHAIN][RF_MAX_PATH_BYTES];
	size_t count;
	bool remote, stated;
};

static bool seen(const struct chain *c, const char *path)
{
	for (size_t i = 0; i < c->count; i++) {
		if (strcmp(c->paths[i], path) == 0)
			return true;
	}
	return false;
}

/* One step down; 1 when there may be more below, 0 at the end, negative when it cannot be told. */
static int step(struct images *images, struct chain *c, const char *image,
		const struct qcow2_header *h, struct rf_err *err)
{
	const char *name = rf_starts(h->backing, "file:") ? h->backing + 5 : h->backing;
	char *next = c->paths[c->count];
	struct sys_stat st;

	if (c->count + 1 >= MAX_CHAIN)
		return rf_fail(err, RF_E_LIMIT, "more than %u images lie below it", MAX_CHAIN - 1);
	c->stated &= *h->backing_format != '\0';
	if (images_is_protocol(name)) {
		(void)rf_copy(next, RF_MAX_PATH_BYTES, h->backing);
		c->count++;
		c->remote = true;
		return 0;
	}
	if (!images_backing_path(image, name, next, RF_MAX_PATH_BYTES))
		return rf_fail(err, RF_E_LIMIT, "a path in the chain is too long");
	if (seen(c, next))
		return rf_fail(err, RF_E_MISMATCH, "the chain of images comes back to %s", next);
	c->count++;
	if (sys_stat_follow(images->sys, next, &st) < 0)
		return rf_fail(err, -ENOENT, "%s, an image below it, is not there", next);
	return strcmp(h->backing_format, "raw") != 0;
}

/* Below a file whose format is not stated there is a header only if it looks like one. */
static int walk_chain(struct images *images, const char *path, const struct qcow2_header *first,
		      struct chain *c, struct rf_err *err)
{
	struct qcow2_header h = *first;

	(void)rf_copy(c->paths[0], RF_MAX_PATH_BYTES, path);
	c->count = 1;
	c->stated = true;
	while (*h.backing) {
		int rc = step(images, c, c->paths[c->count - 1], &h, err);

		if (rc <= 0)
			return rc;
		bool must = strcmp(h.backing_format, "qcow2") == 0;

		rc = read_head(images, c->paths[c->count - 1], &h, err);
		if (rc == RF_E_MISMATCH && !must)
			return 0;
		if (rc < 0)
			return rc;
	}
	return 0;
}

static void put_chain(struct domain_facts *f, struct fact_vm_disk *disk, const struct chain *c)
{
	disk->backing_depth = FACT_INT(c->count - 1);
	disk->backing_remote = FACT_BOOL(c->remote);
	disk->backing_format_stated = FACT_BOOL(c->stated);
	for (size_t i = 1; i < c->count; i++)
		domain_add_option(f, f->xml, domain_text(f, "backing/%s/%zu", disk->disk, i),
				  domain_text(f, "%s", c->paths[i]));
}

static void chain_gap(struct domain_facts *f, const struct fact_vm_disk *disk, const char *why)
{
	for (size_t i = RF_COUNT(looked_cols) - 3; i < RF_COUNT(looked_cols); i++)
		disk_gap(f, disk, looked_cols[i], why, disk->path);
}

static void look_header(struct images *images, struct domain_facts *f, struct fact_vm_disk *disk)
{
	struct qcow2_header h;
	struct rf_err err = {0};
	int rc = read_head(images, disk->path, &h, &err);

	if (rc < 0) {
		disk_gap(f, disk, "virtual_bytes", rf_err_text(&err), disk->path);
		if (!disk->backing_depth.known)
			chain_gap(f, disk, rf_err_text(&err));
		return;
	}
	disk->virtual_bytes = FACT_INT(h.virtual_bytes);
	if (h.luks)
		disk->encrypted = FACT_INT(1);
	if (disk->backing_depth.known)
		return;
	struct chain *c = rf_alloc(1, sizeof(*c));

	rc = c ? walk_chain(images, disk->path, &h, c, &err) : rf_fail(&err, -ENOMEM, "no memory");
	if (rc == 0)
		put_chain(f, disk, c);
	else
		chain_gap(f, disk, rf_err_text(&err));
	rf_free(c);
}

static void look_raw_size(struct images *images, struct domain_facts *f, struct fact_vm_disk *disk,
			  const struct sys_stat *st)
{
	char real[RF_MAX_PATH_BYTES], path[RF_MAX_PATH_BYTES + 64];
	int64_t sectors;

	if (S_ISREG(st->type)) {
		disk->virtual_bytes = FACT_INT(st->size_bytes);
		return;
	}
	const char *name = kernel_name(images, disk->path, real, sizeof(real));

	if (*name && rf_format(path, sizeof(path), "/sys/class/block/%s/size", name) &&
	    sys_read_int(images->sys, path, &sectors) == 0 && sectors >= 0 &&
	    sectors <= INT64_MAX / BLOCK_SECTOR)
		disk->virtual_bytes = FACT_INT(sectors * BLOCK_SECTOR);
	else
		disk_gap(f, disk, "virtual_bytes", "sysfs does not tell the size of the device",
			 disk->path);
}

static void put_mode(struct images *images, struct domain_facts *f, struct fact_vm_disk *disk,
		     const struct sys_stat *st)
{
	char name[128];

	disk->exists_ = FACT_INT(1);
	disk->mode_bits = FACT_INT(st->mode);
	disk->mode_text = domain_text(f, "%04o", st->mode);
	disk->owner =
		domain_text(f, "%s", util_user_name(&images->users, st->uid, name, sizeof(name)));
	disk->grp =
		domain_text(f, "%s", util_group_name(&images->users, st->gid, name, sizeof(name)));
	disk->other_read = FACT_BOOL(st->mode & 0004);
	disk->group_other_write = FACT_BOOL(st->mode & 0022);
}

/* Held by a process; and of one that is said to be encrypted, whether the medium says so, too. */
static void look_protection(struct images *images, struct fact_vm_disk *disk,
			    const struct sys_stat *st)
{
	static const uint8_t luks[] = {'L', 'U', 'K', 'S', 0xba, 0xbe};
	RF_AUTOBUF struct rf_buf head = {0};
	struct qcow2_header h;
	int locked = images_locked(images, st);

	if (locked >= 0)
		disk->locked = FACT_INT(locked);
	if (disk->encrypted.v != 1 ||
	    sys_probe(images->sys, "image-head", disk->path, &head, NULL) < 0)
		return;
	if (strcmp(disk->format, "qcow2") == 0)
		disk->luks = FACT_BOOL(qcow2_parse(rf_buf_slice(&head), &h, NULL) == 0 && h.luks);
	else
		disk->luks = FACT_BOOL(head.len >= sizeof(luks) &&
				       memcmp(head.data, luks, sizeof(luks)) == 0);
}

/* A number behind a word that begins a line; -1: there is none. */
static int64_t number_after(const char *text, const char *word)
{
	const char *at = strstr(text, word);
	char number[24];
	int64_t n;

	if (!at || (at != text && at[-1] != '\n'))
		return -1;
	at += strlen(word);
	if (!rf_format(number, sizeof(number), "%.*s", (int)strcspn(at, "\n"), at) ||
	    rf_num(number, 10, 0, IMAGES_MAX_SAMPLES, &n) < 0)
		return -1;
	return n;
}

void images_sample(struct images *images, const char *path, struct fact_int *sampled,
		   struct fact_int *blank)
{
	RF_AUTOBUF struct rf_buf answer = {0};
	struct sys_stat st;

	/* A file is no medium that was another's: its file system hands out zeros. */
	if (images->sampled == IMAGES_MAX_SAMPLED || *path != '/' ||
	    sys_stat_follow(images->sys, path, &st) < 0 || !S_ISBLK(st.type))
		return;
	images->sampled++;
	if (sys_probe(images->sys, "block-samples", path, &answer, NULL) < 0)
		return;
	int64_t read = number_after(rf_buf_text(&answer), "read ");
	int64_t zero = number_after(rf_buf_text(&answer), "blank ");

	if (read <= 0 || zero < 0 || zero > read)
		return;
	*sampled = FACT_INT(read);
	*blank = FACT_INT(zero);
}

static void look_lun(struct images *images, struct domain_facts *f, struct fact_vm_disk *disk)
{
	char real[RF_MAX_PATH_BYTES] = "", wwid[LUN_WWID_BYTES];
	const char *name = kernel_name(images, disk->path, real, sizeof(real));

	disk->lun = lun_wwid(images->sys, name, wwid) ? domain_text(f, "%s", wwid) : "";
}

static void look_disk(struct images *images, struct domain_facts *f, struct fact_vm_disk *disk)
{
	struct sys_stat st;
	int busy = images_host_device(images, disk->path);
	int rc = sys_stat(images->sys, disk->path, &st);

	if (busy >= 0)
		disk->host_device = FACT_INT(busy);
	else
		disk_gap(f, disk, "host_device", "/proc/self/mountinfo could not be read",
			 disk->path);
	if (rc == 0) {
		disk->is_symlink = FACT_BOOL(S_ISLNK(st.type));
		rc = sys_stat_follow(images->sys, disk->path, &st);
	}
	if (rc < 0) {
		if (rc == -ENOENT)
			disk->exists_ = FACT_INT(0);
		for (size_t i = rc == -ENOENT; i < RF_COUNT(looked_cols); i++) {
			bool depth = i >= RF_COUNT(looked_cols) - 3;

			if (strcmp(looked_cols[i], "host_device") != 0 &&
			    !(depth && disk->backing_depth.known))
				disk_gap(f, disk, looked_cols[i], rf_code_text(rc), disk->path);
		}
		return;
	}
	put_mode(images, f, disk, &st);
	look_protection(images, disk, &st);
	look_lun(images, f, disk);
	if (disk->encrypted.v != 1)
		images_sample(images, disk->path, &disk->sampled_count, &disk->blank_count);
	if (strcmp(disk->format, "qcow2") == 0)
		look_header(images, f, disk);
	else if (strcmp(disk->format, "raw") == 0 || !*disk->format)
		look_raw_size(images, f, disk, &st);
	else
		disk_gap(f, disk, "virtual_bytes", "only qcow2 and raw images are looked into",
			 disk->path);
}

/* QEMU's descriptors show the path behind symbolic links: it is kept for the comparison. */
static void add_resolved(struct images *images, struct domain_facts *f, const char *name,
			 const char *path)
{
	char real[RF_MAX_PATH_BYTES];

	if (*path != '/' || !mount_path_resolve(images->sys, path, real, sizeof(real)) ||
	    strcmp(real, path) == 0)
		return;
	domain_add_option(f, f->xml, domain_text(f, "resolved/%s", name),
			  domain_text(f, "%s", real));
}

static void resolve_paths(struct images *images, struct domain_facts *f)
{
	size_t count = f->options.count;

	for (size_t i = 0; i < f->disks.count; i++)
		add_resolved(images, f, f->disks.rows[i].disk, f->disks.rows[i].path);
	for (size_t i = 0; i < count; i++) {
		/* Adding may move the rows, so nothing of them is kept across. */
		const char *key = f->options.rows[i].key, *value = f->options.rows[i].value;

		if (rf_starts(key, "backing/"))
			add_resolved(images, f, key, value);
	}
}

void images_look(struct images *images, struct domain_facts *f)
{
	for (size_t i = 0; i < f->disks.count; i++) {
		struct fact_vm_disk *disk = &f->disks.rows[i];

		if (*disk->path == '/' &&
		    (strcmp(disk->kind, "file") == 0 || strcmp(disk->kind, "block") == 0))
			look_disk(images, f, disk);
		/* libvirt takes an image without a stated format for raw: nothing lies below. */
		if (!disk->backing_depth.known && !*disk->format && disk->exists_.v == 1) {
			disk->backing_depth = FACT_INT(0);
			disk->backing_remote = FACT_INT(0);
			disk->backing_format_stated = FACT_INT(1);
		}
	}
	resolve_paths(images, f);
}

void images_not_looked(struct fact_sink *out, const char *source)
{
	for (size_t i = 0; i < RF_COUNT(looked_cols); i++)
		fact_gap(out, FACT_T_VM_DISK, "", looked_cols[i], source,
			 "the definitions were read from files and the images they name were not "
			 "looked at; check the host itself to have this");
}

static void put_own_file(struct images *images, const struct domain_facts *f, struct fact_sink *out,
			 const char *path, const char *kind)
{
	struct sys_stat st, target;
	char mode[16], owner[128], grp[128];

	if (*path != '/' || sys_stat(images->sys, path, &st) < 0)
		return;
	bool is_link = S_ISLNK(st.type);

	if (is_link && sys_stat_follow(images->sys, path, &target) == 0)
		st = target;
	(void)rf_format(mode, sizeof(mode), "%04o", st.mode);
	fact_put_vm_file(
		out, &(struct fact_vm_file){
			     .vm = f->src->vm,
			     .path = path,
			     .kind = kind,
			     .mode = FACT_INT(st.mode),
			     .mode_text = mode,
			     .owner = util_user_name(&images->users, st.uid, owner, sizeof(owner)),
			     .grp = util_group_name(&images->users, st.gid, grp, sizeof(grp)),
			     .group_write = FACT_BOOL(st.mode & 0020),
			     .other_read = FACT_BOOL(st.mode & 0004),
			     .other_write = FACT_BOOL(st.mode & 0002),
			     .is_symlink = FACT_BOOL(is_link),
			     .size_bytes = FACT_INT(st.size_bytes),
			     .source = path});
}

void images_own_files(struct images *images, const struct domain_facts *f, struct fact_sink *out)
{
	static const struct {
		const char *format, *kind;
		bool by_uuid;
	} files[] = {{"/etc/libvirt/qemu/%s.xml", "xml", false},
		     {"/run/libvirt/qemu/%s.xml", "xml", false},
		     {"/var/lib/libvirt/qemu/save/%s.save", "save", false},
		     {"/var/log/libvirt/qemu/%s.log", "log", false},
		     {"/var/lib/libvirt/swtpm/%s", "tpm", true}};
	char path[RF_MAX_PATH_BYTES];

	if (*f->src->path)
		put_own_file(images, f, out, f->src->path, "xml");
	put_own_file(images, f, out, f->vm.nvram, "nvram");
	for (size_t i = 0; i < RF_COUNT(files); i++) {
		const char *name = files[i].by_uuid ? f->vm.uuid : f->vm.name;
		const char *rest = strchr(files[i].format, '%') + 2;
		int dir = (int)(strchr(files[i].format, '%') - files[i].format);

		/* A name with a slash is none that libvirt would have given a file. */
		if (*name && !strchr(name, '/') &&
		    rf_format(path, sizeof(path), "%.*s%s%s", dir, files[i].format, name, rest) &&
		    strcmp(path, f->src->path) != 0)
			put_own_file(images, f, out, path, files[i].kind);
	}
}
