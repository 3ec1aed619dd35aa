/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of the guard is in the kernel already: pins on a bpffs, or, where somebody removed those,
 * the programs that still hang on links. Source: bpf(2), Documentation/bpf/.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/guard/internal.h"

#define BPFFS "/sys/fs/bpf"

static const char *const MAP_NAMES[] = {
#define GUARD_X(name, pin) #pin,
	GUARD_MAP_ROWS(GUARD_X)
#undef GUARD_X
};

static const char *const PROGRAM_NAMES[] = {"guard_in", "guard_out"};

const char *guard_map_name(enum guard_map map)
{
	return MAP_NAMES[map];
}

const char *guard_program_name(unsigned program)
{
	return PROGRAM_NAMES[program];
}

static int on_bpffs(const char *path)
{
	struct statfs fs;

	if (statfs(path, &fs) != 0)
		return -errno;
	return fs.f_type == BPF_FS_MAGIC ? 0 : -ENOTDIR;
}

int guard_dir_prepare(const char *dir, struct rf_err *err)
{
	if (rf_starts(dir, BPFFS "/") && on_bpffs(BPFFS) != 0 &&
	    mount("bpf", BPFFS, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700") != 0)
		return rf_fail(err, -errno, "%s is no bpffs and cannot be made one: %s", BPFFS,
			       rf_code_text(-errno));
	if (mkdir(dir, 0700) != 0 && errno != EEXIST)
		return rf_fail(err, -errno, "%s: %s", dir, rf_code_text(-errno));

	int rc = on_bpffs(dir);

	return rc ? rf_fail(err, rc, "%s is not on a bpffs: pins would not outlive this process",
			    dir)
		  : 0;
}

int guard_program_read(struct program *program)
{
	struct bpf_prog_info info = {0};
	uint32_t size = sizeof(info);

	if (bpf_obj_get_info_by_fd(program->fd, &info, &size) != 0)
		return -errno;
	program->id = info.id;
	memcpy(program->tag, info.tag, sizeof(program->tag));
	return 0;
}

static bool pin_path(const struct guard *guard, const char *name, const char *suffix, char *out)
{
	return rf_format(out, PIN_PATH_BYTES, "%s/%s%s", guard->dir, name, suffix);
}

int guard_pins_open(struct guard *guard)
{
	char path[PIN_PATH_BYTES];
	int found = 0;

	for (int i = 0; i < MAP_COUNT; i++) {
		guard->maps[i] = pin_path(guard, MAP_NAMES[i], "", path) ? bpf_obj_get(path) : -1;
		found += guard->maps[i] >= 0;
	}
	for (int i = 0; i < PROG_COUNT; i++) {
		struct program *p = &guard->programs[i];

		p->fd = pin_path(guard, PROGRAM_NAMES[i], "", path) ? bpf_obj_get(path) : -1;
		if (p->fd >= 0 && guard_program_read(p) != 0) {
			close(p->fd);
			p->fd = -1;
		}
	}
	return found;
}

bool guard_pins_closed(const struct guard *guard)
{
	char path[PIN_PATH_BYTES];

	for (int i = 0; i < PROG_COUNT; i++) {
		if (guard->programs[i].fd < 0 && pin_path(guard, PROGRAM_NAMES[i], "", path) &&
		    access(path, F_OK) == 0)
			return true;
	}
	return false;
}

static int pin_one(struct guard *guard, int fd, const char *name, bool replace, struct rf_err *err)
{
	char path[PIN_PATH_BYTES], fresh[PIN_PATH_BYTES];

	/* A dot is not allowed in names on a bpffs. */
	if (!pin_path(guard, name, "", path) || !pin_path(guard, name, "_new", fresh))
		return rf_fail(err, RF_E_LIMIT, "%s: the path is too long", guard->dir);
	if (!replace && access(path, F_OK) == 0)
		return 0;
	(void)unlink(fresh);
	if (bpf_obj_pin(fd, fresh) != 0)
		return rf_fail(err, -errno, "pin %s: %s", fresh, rf_code_text(-errno));
	if (rename(fresh, path) != 0)
		return rf_fail(err, -errno, "pin %s: %s", path, rf_code_text(-errno));
	return 0;
}

int guard_pins_write(struct guard *guard, bool replace, struct rf_err *err)
{
	int rc = 0;

	for (int i = 0; rc == 0 && i < MAP_COUNT; i++)
		rc = pin_one(guard, guard->maps[i], MAP_NAMES[i], false, err);
	for (int i = 0; rc == 0 && i < PROG_COUNT; i++)
		rc = pin_one(guard, guard->programs[i].fd, PROGRAM_NAMES[i], replace, err);
	return rc;
}

static void pin_drop(const struct guard *guard, const char *name)
{
	char path[PIN_PATH_BYTES];

	if (pin_path(guard, name, "", path))
		(void)unlink(path);
	if (pin_path(guard, name, "_new", path))
		(void)unlink(path);
}

static void pins_drop(const struct guard *guard)
{
	for (int i = 0; i < MAP_COUNT; i++)
		pin_drop(guard, MAP_NAMES[i]);
	for (int i = 0; i < PROG_COUNT; i++)
		pin_drop(guard, PROGRAM_NAMES[i]);
}

void guard_pins_remove(const struct guard *guard)
{
	pins_drop(guard);
	(void)rmdir(guard->dir);
}

void guard_pins_forget(struct guard *guard)
{
	pins_drop(guard);
	for (int i = 0; i < MAP_COUNT; i++) {
		if (guard->maps[i] >= 0)
			close(guard->maps[i]);
		guard->maps[i] = -1;
	}
}

/* Takes those maps of a program that have our names and are not open yet. */
static int maps_of(struct guard *guard, int program_fd)
{
	uint32_t ids[64] = {0}, size = sizeof(struct bpf_prog_info);
	struct bpf_prog_info info = {.nr_map_ids = RF_COUNT(ids),
				     .map_ids = (uint64_t)(uintptr_t)ids};
	int found = 0;

	if (bpf_obj_get_info_by_fd(program_fd, &info, &size) != 0)
		return 0;
	for (uint32_t i = 0; i < info.nr_map_ids && i < RF_COUNT(ids); i++) {
		struct bpf_map_info map = {0};
		uint32_t map_size = sizeof(map);
		int fd = bpf_map_get_fd_by_id(ids[i]), at = 0;

		if (fd < 0 || bpf_obj_get_info_by_fd(fd, &map, &map_size) != 0)
			at = MAP_COUNT;
		/* The kernel keeps 15 bytes of a name; ours are shorter. */
		while (at < MAP_COUNT && strcmp(MAP_NAMES[at], map.name) != 0)
			at++;
		if (at < MAP_COUNT && guard->maps[at] < 0) {
			guard->maps[at] = fd;
			found++;
		} else if (fd >= 0) {
			close(fd);
		}
	}
	return found;
}

static int recover_one(struct guard *guard, uint32_t ifindex, int which)
{
	struct program *p = &guard->programs[which];
	struct bpf_prog_info info = {0};
	uint32_t size = sizeof(info);
	struct filter filter;
	bool first;
	int fd = -1;

	if (guard_tcx_find(ifindex, (enum guard_direction)which, &filter, &first) != 0 ||
	    !filter.program)
		if (guard_filter_find(ifindex, (enum guard_direction)which, &filter, &first) != 0)
			return 0;
	if (filter.program)
		fd = bpf_prog_get_fd_by_id(filter.program);

	if (fd < 0)
		return 0;
	if (p->fd >= 0 || bpf_obj_get_info_by_fd(fd, &info, &size) != 0 ||
	    strcmp(info.name, PROGRAM_NAMES[which]) != 0) {
		close(fd);
		return 0;
	}
	p->fd = fd;
	p->id = info.id;
	memcpy(p->tag, info.tag, sizeof(p->tag));
	return maps_of(guard, fd);
}

int guard_pins_recover(struct guard *guard)
{
	struct if_nameindex *links = if_nameindex();
	int found = 0;

	for (size_t i = 0; links && links[i].if_index && found < MAP_COUNT; i++)
		for (int which = 0; which < PROG_COUNT; which++)
			found += recover_one(guard, links[i].if_index, which);
	if (links)
		if_freenameindex(links);
	return found;
}
