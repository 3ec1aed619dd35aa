/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files around a .vmx. A folder is listed once, whatever number of .vmx it holds, and only what
 * belongs to a VM is looked at: a folder of twenty thousand .vmx must not cost their square.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/vmx_folder.h"

static const struct {
	const char *ending;
	const char *kind;
} kinds[] = {
	{".vmx", "vmx"},   {".vmdk", "vmdk"}, {".nvram", "nvram"}, {".log", "log"},
	{".vmsd", "vmsd"}, {".vmxf", "vmxf"}, {".vmem", "vmem"},   {".vswp", "vswp"},
	{".vmss", "vmss"}, {".vmsn", "vmss"}, {".lck", "lock"},
};

static const char *kind_of(const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < RF_COUNT(kinds); i++) {
		size_t n = strlen(kinds[i].ending);

		if (len > n && rf_equal_nocase(name + len - n, kinds[i].ending))
			return kinds[i].kind;
	}
	return NULL;
}

bool vmx_folder_join(char *out, size_t size, const char *dir, const char *name)
{
	return rf_format(out, size, "%s%s%s", dir, rf_ends(dir, "/") ? "" : "/", name);
}

bool vmx_folder_of(const char *path, char *out, size_t size)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return rf_copy(out, size, ".");
	if (slash == path)
		return rf_copy(out, size, "/");
	return rf_format(out, size, "%.*s", (int)(slash - path), path);
}

int vmx_folder_open(struct vmx_folder *folder, struct sys *sys, const char *dir, struct rf_err *err)
{
	size_t vmx_count = 0;
	int rc = sys_list(sys, dir, &folder->names, err);

	if (rc)
		return rc;
	folder->sys = sys;
	folder->dir = rf_strdup(dir);
	if (!folder->dir)
		return rf_fail(err, -ENOMEM, "%s: no memory", dir);
	for (size_t i = 0; i < folder->names.count; i++)
		vmx_count += rf_equal(kind_of(folder->names.names[i]), "vmx");
	folder->has_many = vmx_count > 1;
	rc = sys_stat_follow(sys, dir, &folder->stat);
	if (rc)
		return rf_fail(err, rc, "%s: %s", dir, rf_code_text(rc));
	folder->listed = true;
	return 0;
}

void vmx_folder_done(struct vmx_folder *folder)
{
	sys_names_done(&folder->names);
	rf_free(folder->dir);
	*folder = (struct vmx_folder){0};
}

static void put_file(struct fact_sink *out, const char *vm, const char *path, const char *kind,
		     const struct sys_stat *st, const struct util_users *users)
{
	char mode[16], owner[64], group[64];

	rf_format(mode, sizeof(mode), "%04o", st->mode);
	fact_put_vm_file(out, &(struct fact_vm_file){
				      .vm = vm,
				      .path = path,
				      .kind = kind,
				      .mode = FACT_INT(st->mode),
				      .mode_text = mode,
				      .owner = util_user_name(users, st->uid, owner, sizeof(owner)),
				      .grp = util_group_name(users, st->gid, group, sizeof(group)),
				      .group_write = FACT_BOOL(st->mode & S_IWGRP),
				      .other_read = FACT_BOOL(st->mode & S_IROTH),
				      .other_write = FACT_BOOL(st->mode & S_IWOTH),
				      .is_symlink = FACT_BOOL(st->type == S_IFLNK),
				      .size_bytes = FACT_INT(st->size_bytes),
				      .source = path});
}

/* The name of the file without .vmx; its length in *out_len. */
static const char *stem_of(const char *path, size_t *out_len)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	size_t len = strlen(name);

	*out_len = len > 4 && rf_equal_nocase(name + len - 4, ".vmx") ? len - 4 : len;
	return name;
}

/* The first name that is not before the stem; names are sorted. */
static size_t first_with(const struct vmx_folder *folder, const char *stem, size_t len)
{
	size_t low = 0, high = folder->names.count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strncmp(folder->names.names[mid], stem, len) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* web.nvram, web-1.vmdk, web_1.vmdk belong to web.vmx; web2.vmdk does not. */
static bool is_ours(const char *name, size_t stem_len, bool is_alone)
{
	return is_alone || name[stem_len] == '.' || name[stem_len] == '-' || name[stem_len] == '_';
}

static void put_sibling(const struct vmx_folder *folder, struct fact_sink *out, const char *vm,
			const char *name, const struct util_users *users)
{
	char path[RF_MAX_PATH_BYTES];
	struct sys_stat st;
	const char *kind = kind_of(name);

	if (!kind || !vmx_folder_join(path, sizeof(path), folder->dir, name))
		return;
	/* The .vmx itself was written already, by the path that was given. */
	if (rf_equal(kind, "vmx") || sys_stat(folder->sys, path, &st) < 0)
		return;
	put_file(out, vm, path, kind, &st, users);
}

void vmx_folder_facts(const struct vmx_folder *folder, struct fact_sink *out, const char *path,
		      const struct util_users *users)
{
	struct sys_stat st;
	size_t len;
	const char *stem = stem_of(path, &len);

	if (!folder->listed)
		return;
	put_file(out, path, folder->dir, "dir", &folder->stat, users);
	if (sys_stat(folder->sys, path, &st) == 0)
		put_file(out, path, path, "vmx", &st, users);
	bool is_alone = !folder->has_many;

	for (size_t i = is_alone ? 0 : first_with(folder, stem, len); i < folder->names.count;
	     i++) {
		const char *name = folder->names.names[i];

		if (!is_alone && strncmp(name, stem, len) != 0)
			break;
		if (is_ours(name, len, is_alone))
			put_sibling(folder, out, path, name, users);
	}
}

bool vmx_folder_vmsd(const struct vmx_folder *folder, const char *path, char *out, size_t size)
{
	size_t len;
	const char *stem = stem_of(path, &len);

	for (size_t i = first_with(folder, stem, len); i < folder->names.count; i++) {
		const char *name = folder->names.names[i];

		if (strncmp(name, stem, len) != 0)
			break;
		if (rf_equal_nocase(name + len, ".vmsd"))
			return vmx_folder_join(out, size, folder->dir, name);
	}
	return false;
}
