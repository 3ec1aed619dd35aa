/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control groups of a process; see qemu_cgroup.h. Sources: cgroups(7), the kernel's
 * admin-guide/cgroup-v1 and cgroup-v2, libvirt's cgroups.rst (a VM's group holds emulator and
 * vcpuN, and the quota of virtual CPUs is set on the latter).
 */
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/qemu_cgroup.h"

#define CGROUP_ROOT  "/sys/fs/cgroup"
#define CPUSET_BYTES 1024u
#define MAX_LEVELS   64u
/* A v1 limit that was never set reads as the largest number of pages. */
#define V1_UNLIMITED (INT64_MAX / 2)

enum hierarchy { H_MEMORY, H_CPU, H_PIDS, H_CPUSET, H_IO, H_DEVICES, HIERARCHIES };

static const char *const v1_names[HIERARCHIES] = {"memory", "cpu",   "pids",
						  "cpuset", "blkio", "devices"};

/* Where each controller has the process: the folder of the controller and the group in it. */
struct groups {
	char root[HIERARCHIES][64];
	char path[HIERARCHIES][RF_MAX_PATH_BYTES];
	char unified[RF_MAX_PATH_BYTES];
	bool v1;
};

static bool has_controller(const char *list, const char *name)
{
	size_t len = strlen(name);

	for (const char *p = list; p && *p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL) {
		if (strncmp(p, name, len) == 0 && (p[len] == ',' || !p[len]))
			return true;
	}
	return false;
}

static void take_line(struct groups *g, char *line)
{
	char *list = strchr(line, ':'), *path = list ? strchr(list + 1, ':') : NULL;

	if (!path)
		return;
	*list++ = '\0';
	*path++ = '\0';
	if (!*list) {
		rf_copy(g->unified, sizeof(g->unified), path);
		return;
	}
	for (int h = 0; h < HIERARCHIES; h++) {
		if (!has_controller(list, v1_names[h]))
			continue;
		(void)rf_format(g->root[h], sizeof(g->root[h]), CGROUP_ROOT "/%s", v1_names[h]);
		rf_copy(g->path[h], sizeof(g->path[h]), path);
		g->v1 |= h == H_MEMORY;
	}
}

static int read_groups(struct sys *sys, const char *pid, struct groups *g)
{
	RF_AUTOBUF struct rf_buf text = {0};
	char path[64];

	(void)rf_format(path, sizeof(path), "/proc/%s/cgroup", pid);
	int rc = sys_read(sys, path, RF_MAX_PROC_BYTES, &text, NULL);

	if (rc < 0)
		return rc;
	char *cursor = text.len ? (char *)text.data : NULL;

	for (char *line; (line = rf_line_next(&cursor));)
		take_line(g, line);
	for (int h = 0; h < HIERARCHIES; h++) {
		if (*g->root[h])
			continue;
		rf_copy(g->root[h], sizeof(g->root[h]), CGROUP_ROOT);
		rf_copy(g->path[h], sizeof(g->path[h]), g->unified);
	}
	return 0;
}

/* Cuts the last part of a group's path; false at the root. */
static bool go_up(char *path)
{
	char *slash = strrchr(path, '/');

	if (!slash || (slash == path && !path[1]))
		return false;
	slash[slash == path] = '\0';
	return true;
}

static bool read_value(struct sys *sys, const struct groups *g, enum hierarchy h, const char *group,
		       const char *file, char *out, size_t size)
{
	char path[RF_MAX_PATH_BYTES + 128];

	return rf_format(path, sizeof(path), "%s%s/%s", g->root[h],
			 strcmp(group, "/") == 0 ? "" : group, file) &&
	       sys_read_line(sys, path, out, size) == 0;
}

/* The smallest number in file from the group to the root; -1 when none limits. */
static int64_t tightest(struct sys *sys, const struct groups *g, enum hierarchy h, const char *file)
{
	char group[RF_MAX_PATH_BYTES], text[64];
	int64_t least = -1, v;

	rf_copy(group, sizeof(group), g->path[h]);
	for (unsigned int i = 0; i < MAX_LEVELS; i++) {
		if (read_value(sys, g, h, group, file, text, sizeof(text)) &&
		    rf_num(text, 10, 0, V1_UNLIMITED, &v) == 0 && (least < 0 || v < least))
			least = v;
		if (!go_up(group))
			break;
	}
	return least;
}

struct quota {
	int64_t quota_us, period_us; /* quota -1: none */
};

static struct quota read_quota(struct sys *sys, const struct groups *g, const char *group)
{
	struct quota q = {-1, -1};
	char text[64], *cursor = text;

	if (g->v1) {
		if (read_value(sys, g, H_CPU, group, "cpu.cfs_quota_us", text, sizeof(text)) &&
		    rf_num(text, 10, -1, INT64_MAX, &q.quota_us) < 0)
			q.quota_us = -1;
		if (!read_value(sys, g, H_CPU, group, "cpu.cfs_period_us", text, sizeof(text)) ||
		    rf_num(text, 10, 1, INT64_MAX, &q.period_us) < 0)
			q.period_us = -1;
		return q;
	}
	if (!read_value(sys, g, H_CPU, group, "cpu.max", text, sizeof(text)))
		return q;
	const char *quota = rf_word_next(&cursor);
	const char *period = rf_word_next(&cursor);

	if (quota && rf_num(quota, 10, 0, INT64_MAX, &q.quota_us) < 0)
		q.quota_us = -1;
	if (!period || rf_num(period, 10, 1, INT64_MAX, &q.period_us) < 0)
		q.period_us = -1;
	return q;
}

static bool is_tighter(struct quota a, struct quota b)
{
	if (a.quota_us < 0 || a.period_us <= 0)
		return false;
	if (b.quota_us < 0 || b.period_us <= 0)
		return true;
	return (double)a.quota_us / (double)a.period_us < (double)b.quota_us / (double)b.period_us;
}

/* The part of libvirt's that the main thread is in; virtual CPUs are in parts beside it. */
static bool is_emulator_part(const char *group)
{
	return rf_ends(group, "/emulator");
}

static struct quota tightest_quota(struct sys *sys, const struct groups *g)
{
	char group[RF_MAX_PATH_BYTES], beside[RF_MAX_PATH_BYTES];
	struct quota best = {-1, -1};

	rf_copy(group, sizeof(group), g->path[H_CPU]);
	for (unsigned int i = 0; i < MAX_LEVELS; i++) {
		struct quota q = read_quota(sys, g, group);

		if (is_tighter(q, best) || best.period_us < 0)
			best = q;
		if (is_emulator_part(group) &&
		    rf_format(beside, sizeof(beside), "%.*s/vcpu0",
			      (int)(strlen(group) - strlen("/emulator")), group)) {
			q = read_quota(sys, g, beside);
			best = is_tighter(q, best) ? q : best;
		}
		if (!go_up(group))
			break;
	}
	return best;
}

/* The group of the whole VM: without libvirt's inner parts. */
static void vm_group(const char *group, char *out, size_t size)
{
	rf_copy(out, size, group);
	if (rf_ends(out, "/emulator"))
		(void)go_up(out);
	if (rf_ends(out, "/libvirt"))
		(void)go_up(out);
}

static int64_t read_weight(struct sys *sys, const struct groups *g)
{
	const char *file = g->v1 ? "cpu.shares" : "cpu.weight";
	char group[RF_MAX_PATH_BYTES], inner[RF_MAX_PATH_BYTES], text[64];
	int64_t v;

	vm_group(g->path[H_CPU], group, sizeof(group));
	/* libvirt on v2 sets the weight on the part below systemd's scope, else on the group. */
	if (rf_format(inner, sizeof(inner), "%s/libvirt", group) &&
	    read_value(sys, g, H_CPU, inner, file, text, sizeof(text)) &&
	    rf_num(text, 10, 1, INT64_MAX, &v) == 0)
		return v;
	if (read_value(sys, g, H_CPU, group, file, text, sizeof(text)) &&
	    rf_num(text, 10, 1, INT64_MAX, &v) == 0)
		return v;
	return 0;
}

static bool has_text(struct sys *sys, const struct groups *g, enum hierarchy h, const char *file)
{
	char group[RF_MAX_PATH_BYTES], path[RF_MAX_PATH_BYTES + 128];

	rf_copy(group, sizeof(group), g->path[h]);
	for (unsigned int i = 0; i < MAX_LEVELS; i++) {
		RF_AUTOBUF struct rf_buf text = {0};

		if (rf_format(path, sizeof(path), "%s%s/%s", g->root[h],
			      strcmp(group, "/") == 0 ? "" : group, file) &&
		    sys_read(sys, path, RF_MAX_PROC_BYTES, &text, NULL) == 0 && text.len > 0 &&
		    *rf_trim((char *)text.data))
			return true;
		if (!go_up(group))
			return false;
	}
	return false;
}

/* The nearest io.max that says something, its lines joined; a limit of v1 has many files. */
static void read_io_max(struct sys *sys, const struct groups *g, char *out, size_t size)
{
	char path[RF_MAX_PATH_BYTES + 128], group[RF_MAX_PATH_BYTES];

	out[0] = '\0';
	rf_copy(group, sizeof(group), g->path[H_IO]);
	for (unsigned int i = 0; !g->v1 && i < MAX_LEVELS && !out[0]; i++) {
		RF_AUTOBUF struct rf_buf text = {0};

		if (rf_format(path, sizeof(path), "%s%s/io.max", g->root[H_IO],
			      strcmp(group, "/") == 0 ? "" : group) &&
		    sys_read(sys, path, RF_MAX_PROC_BYTES, &text, NULL) == 0 && text.len) {
			rf_format(out, size, "%.*s", (int)(size - 1), rf_trim((char *)text.data));
			for (char *p = out; *p; p++)
				*p = *p == '\n' ? ';' : *p;
		}
		if (!go_up(group))
			break;
	}
}

static bool io_limited(struct sys *sys, const struct groups *g)
{
	static const char *const v1[] = {
		"blkio.throttle.read_bps_device", "blkio.throttle.write_bps_device",
		"blkio.throttle.read_iops_device", "blkio.throttle.write_iops_device"};

	if (!g->v1)
		return has_text(sys, g, H_IO, "io.max");
	for (size_t i = 0; i < RF_COUNT(v1); i++) {
		if (has_text(sys, g, H_IO, v1[i]))
			return true;
	}
	return false;
}

/* v1: a list that is not "everything". v2: a BPF program, which no file shows. */
static struct fact_int device_rules(struct sys *sys, const struct groups *g)
{
	char text[4096];

	if (strcmp(g->root[H_DEVICES], CGROUP_ROOT) == 0)
		return (struct fact_int){0};
	if (!read_value(sys, g, H_DEVICES, g->path[H_DEVICES], "devices.list", text, sizeof(text)))
		return strcmp(g->path[H_DEVICES], "/") == 0 ? FACT_INT(0) : (struct fact_int){0};
	return FACT_BOOL(!rf_starts(text, "a *:* rwm"));
}

int qemu_cgroup_read(struct sys *sys, const char *pid, char *path, char *cpuset, char *io_max,
		     struct fact_vm_cgroup *row)
{
	static const char *const sets[] = {"cpuset.cpus.effective", "cpuset.effective_cpus",
					   "cpuset.cpus"};
	struct groups *g = rf_alloc(1, sizeof(*g));
	int rc = g ? read_groups(sys, pid, g) : RF_E_LIMIT;

	if (rc < 0) {
		rf_free(g);
		return rc;
	}
	vm_group(g->path[H_MEMORY], path, RF_MAX_PATH_BYTES);
	cpuset[0] = '\0';
	for (size_t i = 0; i < RF_COUNT(sets) && !*cpuset; i++) {
		if (!read_value(sys, g, H_CPUSET, g->path[H_CPUSET], sets[i], cpuset, CPUSET_BYTES))
			cpuset[0] = '\0';
	}
	struct quota quota = tightest_quota(sys, g);

	row->version = FACT_INT(g->v1 ? 1 : 2);
	row->path = path;
	row->cpuset = cpuset;
	row->memory_max_bytes = FACT_INT(
		tightest(sys, g, H_MEMORY, g->v1 ? "memory.limit_in_bytes" : "memory.max"));
	row->cpu_weight = FACT_INT(read_weight(sys, g));
	row->cpu_quota_us = FACT_INT(quota.quota_us);
	row->cpu_period_us = FACT_INT(quota.period_us > 0 ? quota.period_us : 100000);
	row->pids_max = FACT_INT(tightest(sys, g, H_PIDS, "pids.max"));
	row->io_limited = FACT_BOOL(io_limited(sys, g));
	read_io_max(sys, g, io_max, QEMU_CGROUP_IO_MAX);
	row->io_max = io_max;
	row->device_rules = device_rules(sys, g);
	rf_free(g);
	return 0;
}
