/* SPDX-License-Identifier: Apache-2.0 */
/* Counters of VMs out of /proc and cgroups, and rates of them. See hostile_count.h. */
#include "isolate/hostile_count.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/vm_scope.h"

#define MINUTE_MS 60000
#define MAX_STAT  8192

/* ---- who ---- */

/* QEMU names them "CPU 0/KVM" (or /TCG); libvirt has it do so. */
static bool is_vcpu(struct sys *sys, const char *dir, const char *tid)
{
	char path[96], name[32];

	return rf_format(path, sizeof(path), "%s/%s/comm", dir, tid) &&
	       sys_read_line(sys, path, name, sizeof(name)) == 0 && rf_starts(name, "CPU ") &&
	       strchr(name, '/');
}

int hostile_subject_find(struct sys *sys, const char *vm, struct hostile_subject *out,
			 struct rf_err *err)
{
	SYS_AUTONAMES struct sys_names names = {0};
	struct vm_scope scope = {0};
	struct hostile_subject found = {0};
	char dir[48];
	int64_t tid;
	int rc = vm_scope_see(sys, vm, "cpu", &scope, err);

	if (rc < 0 && scope.pid <= 0)
		return rc;
	/* A VM without a group of its own still has threads. */
	rf_err_clear(err);
	if (!rf_copy(found.vm, sizeof(found.vm), vm))
		return rf_fail(err, RF_E_LIMIT, "a name of a VM is too long");
	found.pid = scope.pid;
	found.version = rc ? 0 : scope.version;
	rf_copy(found.group, sizeof(found.group), rc ? "" : scope.path);
	rf_format(dir, sizeof(dir), "/proc/%d/task", found.pid);
	rc = sys_list(sys, dir, &names, err);
	for (size_t i = 0; rc == 0 && i < names.count; i++) {
		if (found.tasks_count < HOSTILE_MAX_TASKS && is_vcpu(sys, dir, names.names[i]) &&
		    rf_num(names.names[i], 10, 1, INT32_MAX, &tid) == 0)
			found.tasks[found.tasks_count++] = (int)tid;
	}
	if (rc == 0)
		*out = found;
	return rc;
}

bool hostile_subject_has(struct sys *sys, const struct hostile_subject *subject, int tid)
{
	char path[64];

	rf_format(path, sizeof(path), "/proc/%d/task/%d", subject->pid, tid);
	return sys_exists(sys, path);
}

/* ---- counts ---- */

/* "1234 567 8": nanoseconds it ran, and it waited. */
static bool schedstat_add(struct sys *sys, const struct hostile_subject *s, int tid,
			  struct hostile_count *out)
{
	char path[80], text[96], *cursor = text;
	int64_t run, wait;

	rf_format(path, sizeof(path), "/proc/%d/task/%d/schedstat", s->pid, tid);
	if (sys_read_line(sys, path, text, sizeof(text)) < 0)
		return false;
	const char *first = rf_word_next(&cursor), *second = rf_word_next(&cursor);

	if (!first || !second || rf_num(first, 10, 0, INT64_MAX / 4096, &run) < 0 ||
	    rf_num(second, 10, 0, INT64_MAX / 4096, &wait) < 0)
		return false;
	out->run_ns += run;
	out->wait_ns += wait;
	out->vcpus++;
	return true;
}

/* The number behind a key of a file of lines "KEY NUMBER". */
static bool keyed_read(struct sys *sys, const char *path, const char *key, int64_t *out)
{
	RF_AUTOBUF struct rf_buf text = {0};

	if (sys_read(sys, path, MAX_STAT, &text, NULL) < 0 || text.failed)
		return false;
	char *cursor = (char *)text.data;

	for (char *line; cursor && (line = rf_line_next(&cursor));) {
		const char *word = rf_word_next(&line), *number = rf_word_next(&line);

		if (word && number && strcmp(word, key) == 0)
			return rf_num(number, 10, 0, INT64_MAX, out) == 0;
	}
	return false;
}

/* "some avg10=0.00 avg60=0.00 avg300=0.00 total=12345" */
static bool pressure_read(struct sys *sys, const char *path, int64_t *out)
{
	char text[256];

	if (sys_read_line(sys, path, text, sizeof(text)) < 0 || !rf_starts(text, "some "))
		return false;
	text[strcspn(text, "\n")] = '\0';
	const char *total = strstr(text, " total=");

	return total && rf_num(total + strlen(" total="), 10, 0, INT64_MAX, out) == 0;
}

void hostile_count_read(struct sys *sys, const struct hostile_subject *s, struct hostile_count *out)
{
	char path[440];
	bool ran = s->tasks_count > 0;

	out->run_ns = out->wait_ns = out->vcpus = 0;
	for (size_t i = 0; i < s->tasks_count; i++)
		ran = schedstat_add(sys, s, s->tasks[i], out) && ran;
	out->has[HOSTILE_STEAL] = ran;
	if (!s->group[0])
		return;
	rf_format(path, sizeof(path), "%s/cpu.stat", s->group);
	out->has[HOSTILE_THROTTLED] =
		s->version == 2 ? keyed_read(sys, path, "throttled_usec", &out->held_us)
				: keyed_read(sys, path, "throttled_time", &out->held_us);
	if (s->version != 2) {
		out->held_us /= 1000;
		return;
	}
	/* libvirt holds a VM back in a group of its own below systemd's scope. */
	int64_t below = 0;

	rf_format(path, sizeof(path), "%s/libvirt/cpu.stat", s->group);
	if (out->has[HOSTILE_THROTTLED] && keyed_read(sys, path, "throttled_usec", &below))
		out->held_us += below;
	rf_format(path, sizeof(path), "%s/cpu.pressure", s->group);
	out->has[HOSTILE_PRESSURE] = pressure_read(sys, path, &out->stall_us);
}

/* ---- rates ---- */

#define SHARE_MAX 10000 /* hundredths of a percent */

static int64_t share_of(int64_t part, int64_t whole)
{
	if (whole <= 0 || part <= 0)
		return 0;
	double share = (double)part / (double)whole * SHARE_MAX;

	return share > SHARE_MAX ? SHARE_MAX : (int64_t)share;
}

static bool both(const struct hostile_look *look, enum hostile_counter counter)
{
	return !look->fresh && look->before.has[counter] && look->now.has[counter];
}

/* The worst that another VM suffers: of the time between two looks. */
static int64_t others_suffer(const struct hostile_look *looks, size_t count, size_t which,
			     enum hostile_counter counter)
{
	int64_t worst = 0;

	for (size_t i = 0; i < count; i++) {
		const struct hostile_look *l = &looks[i];
		int64_t ms = l->now.at_ms - l->before.at_ms;

		if (i == which || !both(l, counter) || ms <= 0)
			continue;
		int64_t share = counter == HOSTILE_PRESSURE
					? share_of(l->now.stall_us - l->before.stall_us, ms * 1000)
					: share_of(l->now.wait_ns - l->before.wait_ns,
						   ms * 1000000 * l->now.vcpus);

		worst = share > worst ? share : worst;
	}
	return worst;
}

static double used_part(const struct hostile_look *looks, size_t count, size_t which)
{
	double own = 0, all = 0;

	for (size_t i = 0; i < count; i++) {
		double ns = both(&looks[i], HOSTILE_STEAL)
				    ? (double)(looks[i].now.run_ns - looks[i].before.run_ns)
				    : 0;

		ns = ns > 0 ? ns : 0;
		own = i == which ? ns : own;
		all += ns;
	}
	return all > 0 ? own / all : 0;
}

static void rate_put(struct hostile_reading *out, enum hostile_counter counter, int64_t rate)
{
	out->has[counter] = rate >= 0;
	out->rates[counter] = rate >= 0 ? rate : 0;
}

static int64_t per_second(int64_t before, int64_t now, int64_t ms)
{
	return (int64_t)((double)(now - before) * 1000 / (double)ms);
}

void hostile_rates(struct hostile_look *looks, size_t count, size_t which,
		   struct hostile_reading *out)
{
	struct hostile_look *l = &looks[which];
	int64_t ms = l->now.at_ms - l->before.at_ms;

	*out = (struct hostile_reading){0};
	if (l->fresh || ms <= 0)
		return;
	if (both(l, HOSTILE_MACHINE_CLEARS))
		rate_put(out, HOSTILE_MACHINE_CLEARS,
			 per_second(l->before.clears, l->now.clears, ms));
	if (both(l, HOSTILE_CACHE_MISSES))
		rate_put(out, HOSTILE_CACHE_MISSES,
			 per_second(l->before.misses, l->now.misses, ms));
	if (both(l, HOSTILE_SPLIT_LOCKS)) {
		/* What came fades over a minute: single lines of the log are a rate, too. */
		int64_t left = ms < MINUTE_MS ? l->locks_milli / MINUTE_MS * (MINUTE_MS - ms) +
							l->locks_milli % MINUTE_MS *
								(MINUTE_MS - ms) / MINUTE_MS
					      : 0;

		l->locks_milli = left + (l->now.locks - l->before.locks) * 1000;
		rate_put(out, HOSTILE_SPLIT_LOCKS, l->locks_milli / 1000);
	}
	if (both(l, HOSTILE_THROTTLED))
		rate_put(out, HOSTILE_THROTTLED,
			 share_of(l->now.held_us - l->before.held_us, ms * 1000));
	double part = used_part(looks, count, which);

	if (both(l, HOSTILE_STEAL))
		rate_put(out, HOSTILE_STEAL,
			 (int64_t)(part *
				   (double)others_suffer(looks, count, which, HOSTILE_STEAL)));
	if (both(l, HOSTILE_PRESSURE))
		rate_put(out, HOSTILE_PRESSURE,
			 (int64_t)(part *
				   (double)others_suffer(looks, count, which, HOSTILE_PRESSURE)));
}

/* "4,1234,5678901,-;x86/split lock detection: #AC: CPU 0/KVM/4711 took a split_lock trap at ..." */
int hostile_lock_line(const char *record)
{
	static const char *const ends[] = {" took a split_lock trap at",
					   " took a bus_lock trap at"};
	const char *text = strchr(record, ';'), *at = NULL;
	char number[16];
	int64_t tid;

	/* A line of a process is not the kernel's: its facility is not 0. */
	if (!text || strspn(record, "0123456789") != 1 || record[1] != ',' || record[0] > '7')
		return 0;
	if (!rf_starts(text + 1, "x86/split lock detection: #"))
		return 0;
	for (size_t i = 0; i < RF_COUNT(ends) && !at; i++)
		at = strstr(text, ends[i]);
	const char *slash = at;

	while (slash && slash > text && *slash != '/')
		slash--;
	if (!at || slash == text ||
	    !rf_format(number, sizeof(number), "%.*s", (int)(at - slash) - 1, slash + 1) ||
	    rf_num(number, 10, 1, INT32_MAX, &tid) < 0)
		return 0;
	return (int)tid;
}

bool hostile_locks_logged(struct rf_slice cpuinfo)
{
	static const char *const flags[] = {" split_lock_detect", " bus_lock_detect"};

	for (size_t i = 0; i < RF_COUNT(flags); i++) {
		if (cpuinfo.len && memmem(cpuinfo.data, cpuinfo.len, flags[i], strlen(flags[i])))
			return true;
	}
	return false;
}
