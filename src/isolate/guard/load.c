/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens the guard: finds it in the kernel, or loads it, and maps its memory. Not the ports
 * (port.c), not the pins (pin.c). Source: libbpf.h, bpf(2).
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "guard.skel.h"
#include "isolate/guard/internal.h"

#define EVENTS_PER_SECOND 100
#define PAGE_BYTES	  4096u

static int silent(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	(void)format;
	(void)args;
	return 0;
}

void guard_lock(struct guard *guard)
{
	while (flock(guard->lock_fd, LOCK_EX) != 0 && errno == EINTR)
		;
}

void guard_unlock(struct guard *guard)
{
	(void)flock(guard->lock_fd, LOCK_UN);
}

/* The maps that are read and written as memory, with the size of what they hold. */
static const struct {
	enum guard_map map;
	size_t offset; /* in struct guard */
	size_t size_bytes;
} VIEWS[] = {
	{MAP_BY_INDEX, offsetof(struct guard, by_index), sizeof(uint64_t) * GUARD_BY_INDEX},
	{MAP_SLOTS, offsetof(struct guard, slots), sizeof(uint64_t) * GUARD_SLOTS},
	{MAP_CONFIGS, offsetof(struct guard, configs), sizeof(struct guard_port) * GUARD_CONFIGS},
	{MAP_ZONES, offsetof(struct guard, zones), sizeof(struct guard_zone) * GUARD_ZONES},
	{MAP_REFUSED, offsetof(struct guard, refused), sizeof(struct guard_refused) * GUARD_SLOTS},
	{MAP_NEAR, offsetof(struct guard, near), sizeof(uint64_t) * GUARD_NEAR},
	{MAP_SETTINGS, offsetof(struct guard, settings), sizeof(struct guard_settings)},
};

static size_t view_bytes(size_t size_bytes)
{
	return (size_bytes + PAGE_BYTES - 1) & ~(size_t)(PAGE_BYTES - 1);
}

static int views_open(struct guard *guard, struct rf_err *err)
{
	for (size_t i = 0; i < RF_COUNT(VIEWS); i++) {
		void *at = mmap(NULL, view_bytes(VIEWS[i].size_bytes), PROT_READ | PROT_WRITE,
				MAP_SHARED, guard->maps[VIEWS[i].map], 0);

		if (at == MAP_FAILED)
			return rf_fail(err, -errno, "map %s: %s", guard_map_name(VIEWS[i].map),
				       rf_code_text(-errno));
		memcpy((char *)guard + VIEWS[i].offset, &at, sizeof(at));
	}
	return 0;
}

static void views_close(struct guard *guard)
{
	for (size_t i = 0; i < RF_COUNT(VIEWS); i++) {
		void *at;

		memcpy(&at, (char *)guard + VIEWS[i].offset, sizeof(at));
		if (at)
			munmap(at, view_bytes(VIEWS[i].size_bytes));
	}
}

/* Links go by their numbers: another network namespace's guard knows others by ours. */
static uint32_t netns_here(void)
{
	struct stat ns;

	return stat("/proc/self/ns/net", &ns) == 0 ? (uint32_t)ns.st_ino : 0;
}

static int netns_check(const struct guard *guard, struct rf_err *err)
{
	uint32_t here = netns_here(), there = guard->settings->netns;

	if (!here || !there || here == there)
		return 0;
	return rf_fail(err, RF_E_MISMATCH,
		       "%s: the guard that is pinned there is another network namespace's: give "
		       "this one a BPF file system of its own (mount -t bpf bpf /sys/fs/bpf)",
		       guard->dir);
}

/* Two halves of a mark that nobody guesses, and that differ. */
static int settings_init(struct guard *guard, enum guard_hook hook, struct rf_err *err)
{
	struct guard_settings *s = guard->settings;
	uint16_t random[2] = {0, 0};

	if (s->layout == GUARD_LAYOUT && !s->netns)
		s->netns = netns_here();
	if (s->layout == GUARD_LAYOUT)
		return 0;
	if (s->layout != 0)
		return rf_fail(err, RF_E_MISMATCH,
			       "the guard's maps have layout %u, this program knows %u", s->layout,
			       GUARD_LAYOUT);
	while (!random[0] || !random[1] || random[0] == random[1])
		if (getrandom(random, sizeof(random), 0) != sizeof(random))
			return rf_fail(err, -errno, "no random numbers: %s", rf_code_text(-errno));
	s->secret = (uint32_t)random[0] << 16;
	s->probe = (uint32_t)random[1] << 16;
	s->event_ns = 1000000000u / EVENTS_PER_SECOND;
	s->cursor = 1;
	if (hook == GUARD_HOOK_TCX && !guard_tcx_works())
		return rf_fail(err, RF_E_UNSUPPORTED, "this kernel has no tcx (6.6)");
	s->hook = hook;
	s->netns = netns_here();
	guard->zones[0].to[0] = 1;
	guard->zones[0].restricted = 1;
	for (uint32_t i = 1; i < GUARD_ZONES; i++)
		guard->zones[i].restricted = 1;
	__atomic_store_n(&s->layout, GUARD_LAYOUT, __ATOMIC_RELEASE);
	return 0;
}

/* A pinned map serves only if it has the size that our programs expect. */
static int maps_reuse(struct guard *guard, struct guard_bpf *skeleton, struct rf_err *err)
{
	struct bpf_map *map;

	for (int i = 0; i < MAP_COUNT; i++) {
		struct bpf_map_info info = {0};
		uint32_t size = sizeof(info);

		if (guard->maps[i] < 0)
			return rf_fail(err, RF_E_MISMATCH,
				       "%s: the map %s is missing: another version's", guard->dir,
				       guard_map_name(i));
		map = bpf_object__find_map_by_name(skeleton->obj, guard_map_name(i));
		if (!map || bpf_obj_get_info_by_fd(guard->maps[i], &info, &size) != 0)
			return rf_fail(err, RF_E_MISMATCH, "%s: the map %s cannot be read",
				       guard->dir, guard_map_name(i));
		if (info.value_size != bpf_map__value_size(map) ||
		    info.max_entries != bpf_map__max_entries(map) ||
		    info.type != bpf_map__type(map))
			return rf_fail(err, RF_E_MISMATCH, "%s: the map %s has another layout",
				       guard->dir, guard_map_name(i));

		int rc = bpf_map__reuse_fd(map, guard->maps[i]);

		if (rc)
			return rf_fail(err, rc, "%s: %s", guard_map_name(i), rf_code_text(rc));
	}
	return 0;
}

/* Keeps what the skeleton made, so that the skeleton itself can go. */
static int skeleton_take(struct guard *guard, struct guard_bpf *skeleton, struct program fresh[])
{
	struct bpf_program *const made[PROG_COUNT] = {skeleton->progs.guard_in,
						      skeleton->progs.guard_out};

	for (int i = 0; i < MAP_COUNT; i++) {
		struct bpf_map *map =
			bpf_object__find_map_by_name(skeleton->obj, guard_map_name(i));

		if (guard->maps[i] < 0)
			guard->maps[i] = map ? fcntl(bpf_map__fd(map), F_DUPFD_CLOEXEC, 3) : -1;
		if (guard->maps[i] < 0)
			return -errno;
	}
	for (int i = 0; i < PROG_COUNT; i++) {
		fresh[i].fd = fcntl(bpf_program__fd(made[i]), F_DUPFD_CLOEXEC, 3);
		if (fresh[i].fd < 0)
			return -errno;

		int rc = guard_program_read(&fresh[i]);

		if (rc)
			return rc;
		/* The slots are ours alone: bound, so that a program leads to all maps. */
		(void)bpf_prog_bind_map(fresh[i].fd, guard->maps[MAP_SLOTS], NULL);
	}
	return 0;
}

static int refused_load(int rc, struct rf_err *err)
{
	if (rc == -EPERM || rc == -EACCES)
		return rf_fail(err, -EPERM,
			       "the kernel loads no BPF program for this process: run as "
			       "root (CAP_BPF and CAP_NET_ADMIN)");
	if (rc == -ENOSYS || rc == -EINVAL || rc == -ENOTSUP)
		return rf_fail(err, RF_E_UNSUPPORTED,
			       "this kernel does not take the guard's programs: %s",
			       rf_code_text(rc));
	return rf_fail(err, rc, "load: %s", rf_code_text(rc));
}

/* Puts fresh programs in place of what is pinned and hangs on ports; the same tag stays. */
static int programs_settle(struct guard *guard, struct program fresh[], struct rf_err *err)
{
	bool replace = false;

	for (int i = 0; i < PROG_COUNT; i++) {
		struct program *held = &guard->programs[i];

		if (held->fd >= 0 && memcmp(held->tag, fresh[i].tag, sizeof(held->tag)) == 0)
			continue;
		if (held->fd >= 0)
			close(held->fd);
		*held = fresh[i];
		fresh[i].fd = -1;
		replace = true;
	}
	for (uint32_t slot = 1; replace && slot < GUARD_SLOTS; slot++) {
		uint32_t ifindex = (uint32_t)(guard->slots[slot] >> 32);

		/* A link that is gone meanwhile is no reason to leave the others. */
		if (ifindex && guard_hook_attach(guard, ifindex, NULL) != 0)
			continue;
	}
	return guard_pins_write(guard, replace, err);
}

static int load(struct guard *guard, bool reuse, enum guard_hook hook, struct rf_err *err)
{
	struct program fresh[PROG_COUNT] = {{.fd = -1}, {.fd = -1}};
	struct guard_bpf *skeleton = guard_bpf__open();
	int rc;

	if (!skeleton)
		return rf_fail(err, -errno, "the built-in programs cannot be read: %s",
			       rf_code_text(-errno));
	rc = reuse ? maps_reuse(guard, skeleton, err) : 0;
	if (rc == 0) {
		rc = guard_bpf__load(skeleton);
		if (rc)
			rc = refused_load(rc, err);
	}
	if (rc == 0)
		rc = skeleton_take(guard, skeleton, fresh);
	if (rc == 0)
		rc = views_open(guard, err);
	if (rc == 0)
		rc = netns_check(guard, err);
	if (rc == 0)
		rc = settings_init(guard, hook, err);
	if (rc == 0)
		rc = programs_settle(guard, fresh, err);
	for (int i = 0; i < PROG_COUNT; i++)
		if (fresh[i].fd >= 0)
			close(fresh[i].fd);
	guard_bpf__destroy(skeleton);
	return rc;
}

static bool is_whole(const struct guard *guard, int maps)
{
	return maps == MAP_COUNT && guard->programs[PROG_IN].fd >= 0 &&
	       guard->programs[PROG_OUT].fd >= 0;
}

/* Behind guard_pins_open. */
static int use_existing(struct guard *guard, struct rf_err *err)
{
	int rc = views_open(guard, err);

	if (rc == 0 && guard->settings->layout != GUARD_LAYOUT)
		rc = rf_fail(err, RF_E_MISMATCH, "%s: maps of another version", guard->dir);
	return rc ? rc : netns_check(guard, err);
}

static int open_existing(struct guard *guard, struct rf_err *err)
{
	if (is_whole(guard, guard_pins_open(guard)))
		return use_existing(guard, err);
	if (guard_pins_closed(guard))
		return rf_fail(err, RF_E_DENIED,
			       "%s: a guard is pinned there, and the kernel lets this process not "
			       "use it: change it where CAP_BPF is given",
			       guard->dir);
	return rf_fail(err, -ENOENT, "%s: no guard is loaded", guard->dir);
}

static int open_or_load(struct guard *guard, enum guard_hook hook, struct rf_err *err)
{
	int found = guard_pins_open(guard);
	bool programs = guard->programs[PROG_IN].fd >= 0 || guard->programs[PROG_OUT].fd >= 0;

	/* Pins are written maps first. Where some are there without programs, and none hangs on a
	 * link, somebody died while pinning a guard that guarded nothing yet. */
	if (found == 0 || (found < MAP_COUNT && !programs)) {
		int more = guard_pins_recover(guard);

		if (more == 0)
			guard_pins_forget(guard);
		found = more ? found + more : 0;
	}
	bool whole = is_whole(guard, found);
	int rc = load(guard, found > 0, hook, err);

	/* Where programs may not be loaded those that are stay, and are used. */
	if (rc != -EPERM || !whole)
		return rc;
	rf_err_clear(err);
	return use_existing(guard, err);
}

static int guard_begin(struct guard *guard, const struct guard_options *options, struct rf_err *err)
{
	bool existing = options && options->existing;
	const char *dir = options && options->pin_dir ? options->pin_dir : GUARD_PIN_DIR;
	int rc;

	if (!rf_copy(guard->dir, sizeof(guard->dir) - 32, dir))
		return rf_fail(err, RF_E_LIMIT, "%s: the path is too long", dir);
	rc = existing ? 0 : guard_dir_prepare(dir, err);
	if (rc)
		return rc;
	guard->lock_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (guard->lock_fd < 0)
		return rf_fail(err, -errno, "%s: %s", dir,
			       existing && errno == ENOENT ? "no guard is loaded"
							   : rf_code_text(-errno));
	guard_lock(guard);
	rc = existing ? open_existing(guard, err)
		      : open_or_load(guard, options ? options->hook : GUARD_HOOK_CLSACT, err);
	/* Nothing is in it where nothing could be loaded. */
	if (rc && !existing)
		(void)rmdir(dir);
	guard_unlock(guard);
	return rc;
}

int guard_open(const struct guard_options *options, struct guard **out, struct rf_err *err)
{
	struct guard *guard = rf_alloc(1, sizeof(*guard));

	if (!guard)
		return -ENOMEM;
	for (int i = 0; i < MAP_COUNT; i++)
		guard->maps[i] = -1;
	for (int i = 0; i < PROG_COUNT; i++)
		guard->programs[i].fd = -1;
	guard->lock_fd = -1;
	libbpf_set_print(silent);
	/* It reads a file, once: a process that locks itself in behind this could not. */
	(void)libbpf_num_possible_cpus();

	int rc = guard_begin(guard, options, err);

	if (rc) {
		guard_close(guard);
		return rf_wrap(err, rc, "guard");
	}
	*out = guard;
	return 0;
}

void guard_close(struct guard *guard)
{
	if (!guard)
		return;
	ring_buffer__free(guard->ring);
	if (guard->nl)
		mnl_socket_close(guard->nl);
	views_close(guard);
	for (int i = 0; i < MAP_COUNT; i++)
		if (guard->maps[i] >= 0)
			close(guard->maps[i]);
	for (int i = 0; i < PROG_COUNT; i++)
		if (guard->programs[i].fd >= 0)
			close(guard->programs[i].fd);
	if (guard->lock_fd >= 0)
		close(guard->lock_fd);
	rf_free(guard);
}

int guard_unload(struct guard *guard, struct rf_err *err)
{
	int first = 0;

	guard_lock(guard);
	for (uint32_t slot = 1; slot < GUARD_SLOTS; slot++) {
		uint32_t ifindex = (uint32_t)(guard->slots[slot] >> 32);

		if (!ifindex)
			continue;

		int rc = guard_hook_detach(guard, ifindex);

		if (rc && rc != -ENODEV && !first)
			first = rf_fail(err, rc, "link %u: %s", ifindex, rf_code_text(rc));
		guard_slot_release(guard, slot);
	}
	guard_pins_remove(guard);
	guard_unlock(guard);
	guard_close(guard);
	return first;
}
