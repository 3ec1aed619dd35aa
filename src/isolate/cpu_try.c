/* SPDX-License-Identifier: Apache-2.0 */
/* Load in groups of our own beside a VM's. See cpu_try.h. */
#include "isolate/cpu_try.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cpus.h"
#include "base/mem.h"
#include "base/str.h"

#define GROUPS	      2
#define TICK_S	      0.004 /* CONFIG_HZ 250, or more often */
#define PERIOD_MIN_US 20000 /* several of them in one trial */
#define QUOTA_MIN_US  1000  /* the kernel's own least */
#define TIMES	      3	    /* the heavier weight to the lighter */
/* One in ten: the scheduler deals out slices of some ms. */
#define TOLERANCE 0.1
/* Less than that together, and others had the CPU. */
#define ENOUGH	   0.2
#define WEIGHT_MAX 262144 /* of cgroup v1; v2 has less */

struct spinner {
	char group[440];
	pid_t pid;
	double seconds;
};

static int value_write(const char *dir, const char *file, const char *text)
{
	char path[512];

	if (!rf_format(path, sizeof(path), "%s/%s", dir, file))
		return -ENAMETOOLONG;
	int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return -errno;
	int rc = write(fd, text, strlen(text)) < 0 ? -errno : 0;

	close(fd);
	return rc;
}

static int number_write(const char *dir, const char *file, int64_t n)
{
	char text[24];

	rf_format(text, sizeof(text), "%lld", (long long)n);
	return value_write(dir, file, text);
}

static int weight_write(const struct vm_scope *scope, const char *dir, int64_t weight)
{
	return number_write(dir, scope->version == 2 ? "cpu.weight" : "cpu.shares", weight);
}

static int cap_write(const struct vm_scope *scope, const char *dir, int64_t quota, int64_t period)
{
	char text[48];

	rf_format(text, sizeof(text), "%lld %lld", (long long)quota, (long long)period);
	if (scope->version == 2)
		return value_write(dir, "cpu.max", text);
	int rc = number_write(dir, "cpu.cfs_period_us", period);

	return rc ? rc : number_write(dir, "cpu.cfs_quota_us", quota);
}

/* ---- load ---- */

/* Who started it may end nobody (sys/sandbox.c): it has its end with it, by the clock on the wall.
 */
static void end_in(unsigned ms)
{
	const struct itimerval when = {
		.it_value = {.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000}};

	if (signal(SIGALRM, SIG_DFL) == SIG_ERR || setitimer(ITIMER_REAL, &when, NULL) < 0)
		_exit(1);
}

/* Starts when the other end of gate is closed: both at the same time. */
static void spin(int gate, unsigned cpu)
{
	volatile uint64_t n = 0;
	cpu_set_t *set = CPU_ALLOC(cpu + 1);
	size_t size = CPU_ALLOC_SIZE(cpu + 1);
	char byte;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!set)
		_exit(1);
	CPU_ZERO_S(size, set);
	CPU_SET_S(cpu, size, set);
	if (sched_setaffinity(0, size, set) < 0)
		_exit(1);
	(void)!read(gate, &byte, 1);
	end_in(CPU_TRY_MS);
	for (;;)
		n++;
}

static int group_make(const struct vm_scope *scope, unsigned number, struct spinner *s)
{
	const char *slash = strrchr(scope->path, '/');

	if (!slash || !rf_format(s->group, sizeof(s->group), "%.*s/ringfence-try-%d-%u",
				 (int)(slash - scope->path), scope->path, getpid(), number))
		return -ENAMETOOLONG;
	/* One of a process that had our number and was killed. */
	(void)rmdir(s->group);
	return mkdir(s->group, 0755) < 0 ? -errno : 0;
}

static int spinner_start(struct spinner *s, const int gate[2], unsigned cpu)
{
	s->pid = fork();
	if (s->pid == 0) {
		close(gate[1]);
		spin(gate[0], cpu);
	}
	return s->pid < 0 ? -errno : number_write(s->group, "cgroup.procs", s->pid);
}

/* The exact time that the scheduler gave it. */
static void spinner_end(struct spinner *s)
{
	const struct timespec pause = {.tv_nsec = 2000000};
	struct rusage used = {0};

	if (s->pid > 0) {
		while (wait4(s->pid, NULL, 0, &used) < 0 && errno == EINTR)
			;
	}
	s->seconds = (double)used.ru_utime.tv_sec + (double)used.ru_utime.tv_usec / 1e6 +
		     (double)used.ru_stime.tv_sec + (double)used.ru_stime.tv_usec / 1e6;
	/* A group is busy for a moment after its last process ended. */
	for (int i = 0; i < 50 && s->group[0] && rmdir(s->group) < 0 && errno == EBUSY; i++)
		nanosleep(&pause, NULL);
}

/* Both have their group and settings; out: seconds that each had, and how long it was. */
static int run(struct spinner *spinners, size_t count, unsigned cpu, double *out_wall)
{
	int64_t from;
	int gate[2] = {-1, -1}, rc = pipe2(gate, O_CLOEXEC) < 0 ? -errno : 0;

	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = spinner_start(&spinners[i], gate, cpu);
	from = rf_clock_ns(CLOCK_MONOTONIC);
	if (gate[0] >= 0) {
		close(gate[1]);
		close(gate[0]);
	}
	for (size_t i = 0; i < count; i++)
		spinner_end(&spinners[i]);
	*out_wall = (double)(rf_clock_ns(CLOCK_MONOTONIC) - from) / RF_NS_PER_S;
	return rc;
}

static int refused(int rc, const struct vm_scope *scope, struct rf_err *err)
{
	return rf_fail(err, RF_E_UNSUPPORTED, "no group for a trial beside %.160s: %s", scope->path,
		       rf_code_text(rc));
}

static int weight_try(const struct vm_scope *scope, unsigned cpu, int64_t weight,
		      struct cpu_trial *out, struct rf_err *err)
{
	struct spinner s[GROUPS] = {{.pid = 0}};
	int64_t max = scope->version == 2 ? 10000 : 262144;
	bool up = weight <= max / TIMES;
	int64_t other = up ? weight * TIMES : weight / TIMES;
	double wall = 0;
	int rc = group_make(scope, 0, &s[0]);

	if (!rc)
		rc = group_make(scope, 1, &s[1]);
	if (!rc)
		rc = weight_write(scope, s[0].group, up ? weight : other);
	if (!rc)
		rc = weight_write(scope, s[1].group, up ? other : weight);
	if (!rc)
		rc = run(s, GROUPS, cpu, &wall);
	else
		for (size_t i = 0; i < GROUPS; i++)
			spinner_end(&s[i]);
	if (rc < 0)
		return refused(rc, scope, err);
	*out = (struct cpu_trial){.wanted = up ? (double)other / (double)weight
					       : (double)weight / (double)other,
				  .had = s[0].seconds > 0 ? s[1].seconds / s[0].seconds : 0,
				  .loaded = s[0].seconds + s[1].seconds > ENOUGH * wall};
	return 0;
}

static int cap_try(const struct vm_scope *scope, const struct cpu_load *load, struct cpu_trial *out,
		   struct rf_err *err)
{
	int64_t quota_us = load->quota_us, period_us = load->period_us;
	struct spinner s = {.pid = 0};
	double part = quota_us < period_us ? (double)quota_us / (double)period_us : 0.5, wall = 0;
	int64_t period = PERIOD_MIN_US;

	while ((double)period * part < QUOTA_MIN_US && period < 1000000)
		period += PERIOD_MIN_US;
	int64_t quota = (int64_t)((double)period * part + 0.5);
	int rc = group_make(scope, 0, &s);

	if (!rc)
		rc = cap_write(scope, s.group, quota, period);
	if (!rc)
		rc = run(&s, 1, load->cpu, &wall);
	else
		spinner_end(&s);
	if (rc < 0)
		return refused(rc, scope, err);
	*out = (struct cpu_trial){.wanted = part,
				  .had = wall > 0 ? s.seconds / wall : 0,
				  .slack = ((double)quota / 1e6 + TICK_S) / (wall > 0 ? wall : 1),
				  .loaded = s.seconds > ENOUGH * part * wall};
	return 0;
}

int cpu_try(const struct vm_scope *scope, const struct cpu_load *load, struct cpu_trial *out,
	    struct rf_err *err)
{
	bool weight = load->weight > 0 && load->weight <= WEIGHT_MAX;
	bool cap = load->weight == 0 && load->quota_us > 0 && load->quota_us <= INT64_MAX / 2 &&
		   load->period_us > 0 && load->period_us <= 1000000;

	if (load->cpu >= RF_MAX_CPUS || (!weight && !cap))
		return rf_fail(err, RF_E_SYNTAX, "this is no load");
	return weight ? weight_try(scope, load->cpu, load->weight, out, err)
		      : cap_try(scope, load, out, err);
}

/* Of a cap: a period may begin in the one and end in the other end of the trial, and who has used
 * its part up is stopped at the next tick; it has less then later, when we look no more. */
bool cpu_trial_holds(const struct cpu_load *load, const struct cpu_trial *t)
{
	if (load->weight)
		return t->had > t->wanted * (1 - 2 * TOLERANCE) &&
		       t->had < t->wanted / (1 - 2 * TOLERANCE);
	return t->had < t->wanted * (1 + TOLERANCE) + t->slack;
}
