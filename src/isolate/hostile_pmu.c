/* SPDX-License-Identifier: Apache-2.0 */
/* Counters of the processor for each vCPU. See hostile_pmu.h. */
#include "isolate/hostile_pmu.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"

/* MACHINE_CLEARS.COUNT: event 0xc3, umask 1, counted at its edge (cmask 1); from Haswell on. */
#define INTEL_CLEARS 0x010401c3ull
/* SQ_MISC.SPLIT_LOCK: event 0xf4, umask 0x10. */
#define INTEL_LOCKS 0x10f4ull
#define MAX_THREADS 4096u

enum event { EVENT_CLEARS, EVENT_MISSES, EVENT_LOCKS, EVENTS };

struct thread {
	int tid;
	int fds[EVENTS];
	bool seen;
};

struct hostile_pmu {
	struct perf_event_attr attrs[EVENTS]; /* size 0: this machine has no such event */
	struct thread *threads;
	size_t count, capacity;
};

static bool is_intel(struct rf_slice cpuinfo)
{
	static const char vendor[] = "GenuineIntel";

	return cpuinfo.len && memmem(cpuinfo.data, cpuinfo.len, vendor, strlen(vendor));
}

uint64_t hostile_pmu_clears(struct rf_slice cpuinfo)
{
	return is_intel(cpuinfo) ? INTEL_CLEARS : 0;
}

uint64_t hostile_pmu_locks(struct rf_slice cpuinfo)
{
	return is_intel(cpuinfo) ? INTEL_LOCKS : 0;
}

static int event_open(const struct perf_event_attr *attr, int tid)
{
	return (int)syscall(SYS_perf_event_open, attr, tid, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

/* Tried on ourselves: a machine without a PMU says ENOENT. */
static void event_set(struct hostile_pmu *pmu, enum event event, uint32_t type, uint64_t config)
{
	struct perf_event_attr attr = {.size = sizeof(attr), .type = type, .config = config};

	if (type == PERF_TYPE_RAW && !config)
		return;
	/* More events than counters: the kernel takes turns, and says for how long. */
	attr.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;
	int fd = event_open(&attr, 0);

	if (fd < 0)
		return;
	close(fd);
	pmu->attrs[event] = attr;
}

struct hostile_pmu *hostile_pmu_open(struct rf_slice cpuinfo)
{
	struct hostile_pmu *pmu = rf_alloc(1, sizeof(*pmu));

	if (!pmu)
		return NULL;
	event_set(pmu, EVENT_CLEARS, PERF_TYPE_RAW, hostile_pmu_clears(cpuinfo));
	event_set(pmu, EVENT_MISSES, PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES);
	event_set(pmu, EVENT_LOCKS, PERF_TYPE_RAW, hostile_pmu_locks(cpuinfo));
	return pmu;
}

static void thread_close(struct thread *t)
{
	for (size_t i = 0; i < EVENTS; i++) {
		if (t->fds[i] >= 0)
			close(t->fds[i]);
	}
}

void hostile_pmu_close(struct hostile_pmu *pmu)
{
	if (!pmu)
		return;
	for (size_t i = 0; i < pmu->count; i++)
		thread_close(&pmu->threads[i]);
	rf_free(pmu->threads);
	rf_free(pmu);
}

static struct thread *thread_of(struct hostile_pmu *pmu, int tid)
{
	for (size_t i = 0; i < pmu->count; i++) {
		if (pmu->threads[i].tid == tid)
			return &pmu->threads[i];
	}
	if (pmu->count == MAX_THREADS || rf_grow((void **)&pmu->threads, &pmu->capacity,
						 pmu->count + 1, sizeof(*pmu->threads)) < 0)
		return NULL;
	struct thread *t = &pmu->threads[pmu->count++];

	*t = (struct thread){.tid = tid};
	for (size_t i = 0; i < EVENTS; i++)
		t->fds[i] = pmu->attrs[i].size ? event_open(&pmu->attrs[i], tid) : -1;
	return t;
}

static bool event_read(int fd, int64_t *sum)
{
	uint64_t v[3]; /* value, time enabled, time running */

	if (fd < 0 || read(fd, v, sizeof(v)) != (ssize_t)sizeof(v))
		return false;
	double scale = v[2] ? (double)v[1] / (double)v[2] : 0;

	*sum += (int64_t)((double)v[0] * scale);
	return true;
}

void hostile_pmu_read(struct hostile_pmu *pmu, const struct hostile_subject *s,
		      struct hostile_count *out)
{
	bool has[EVENTS] = {true, true, true};
	int64_t sums[EVENTS] = {0};

	for (size_t i = 0; i < s->tasks_count; i++) {
		struct thread *t = thread_of(pmu, s->tasks[i]);

		for (size_t e = 0; e < EVENTS; e++)
			has[e] = has[e] && t && event_read(t->fds[e], &sums[e]);
		if (t)
			t->seen = true;
	}
	out->has[HOSTILE_MACHINE_CLEARS] = has[EVENT_CLEARS] && s->tasks_count;
	out->has[HOSTILE_CACHE_MISSES] = has[EVENT_MISSES] && s->tasks_count;
	out->clears = sums[EVENT_CLEARS];
	out->misses = sums[EVENT_MISSES];
	if (!has[EVENT_LOCKS] || !s->tasks_count)
		return;
	out->has[HOSTILE_SPLIT_LOCKS] = true;
	out->locks = sums[EVENT_LOCKS];
}

void hostile_pmu_sweep(struct hostile_pmu *pmu)
{
	size_t kept = 0;

	for (size_t i = 0; i < pmu->count; i++) {
		struct thread *t = &pmu->threads[i];

		if (!t->seen) {
			thread_close(t);
			continue;
		}
		t->seen = false;
		pmu->threads[kept++] = *t;
	}
	pmu->count = kept;
}
