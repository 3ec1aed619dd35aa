/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Promises about the processor against what the kernel has. See cpu_verify.h. Sources: cgroups(7),
 * Documentation/admin-guide/cgroup-v2.rst, Documentation/scheduler/sched-bwc.rst, proc(5).
 */
#include "isolate/cpu_verify.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/cpu_alone.h"
#include "isolate/cpu_try.h"
#include "isolate/vm_scope.h"
#include "isolate/watcher.h"

#define MAX_LEVELS 16
/* A floor counts as kept from so much of it on: weights are whole numbers. */
#define FLOOR_KEPT 0.98

struct subject {
	struct sys *sys;
	const struct cpu_look *look;
	const struct cpu_result *result;
	const struct cpu_strangers *strangers;
	const struct cpu_item *item;
	struct vm_scope scope;
	bool found; /* scope is known */
	struct rf_err why;
};

static bool number_at(struct sys *sys, const char *dir, const char *file, int64_t *out)
{
	char path[600], text[128], *cursor = text;

	if (!rf_format(path, sizeof(path), "%s/%s", dir, file) ||
	    sys_read_line(sys, path, text, sizeof(text)) < 0)
		return false;
	const char *word = rf_word_next(&cursor);

	if (rf_equal(word, "max")) {
		*out = -1;
		return true;
	}
	return word && rf_num(word, 10, -1, INT64_MAX, out) == 0;
}

static const char *weight_file(const struct subject *s)
{
	return s->scope.version == 2 ? "cpu.weight" : "cpu.shares";
}

/* In microseconds a period of CPU_PERIOD_US; -1: none. */
static bool quota_at(const struct subject *s, const char *dir, int64_t *out)
{
	char path[600], text[64], *cursor = text;
	int64_t quota, period = CPU_PERIOD_US;

	if (s->scope.version == 1) {
		if (!number_at(s->sys, dir, "cpu.cfs_quota_us", &quota) ||
		    !number_at(s->sys, dir, "cpu.cfs_period_us", &period))
			return false;
	} else {
		if (!rf_format(path, sizeof(path), "%s/cpu.max", dir) ||
		    sys_read_line(s->sys, path, text, sizeof(text)) < 0)
			return false;
		const char *first = rf_word_next(&cursor), *second = rf_word_next(&cursor);

		if (!first || !second || rf_num(second, 10, 1, INT32_MAX, &period) < 0)
			return false;
		quota = -1;
		if (strcmp(first, "max") != 0 && rf_num(first, 10, 1, INT64_MAX, &quota) < 0)
			return false;
	}
	*out = quota < 0 || period <= 0 || quota > INT64_MAX / CPU_PERIOD_US
		       ? -1
		       : quota * CPU_PERIOD_US / period;
	return true;
}

/* libvirt puts a quota into a group of its own below systemd's scope where there is one. */
static void inner_dir(const struct subject *s, char out[600])
{
	int64_t n;

	rf_format(out, 600, "%s/libvirt", s->scope.path);
	if (s->scope.version != 2 || !number_at(s->sys, out, "cpu.weight", &n))
		rf_copy(out, 600, s->scope.path);
}

/* The folder above, as long as it is one of the hierarchy's own. */
static bool step_up(const struct subject *s, char *dir)
{
	char *slash = strrchr(dir, '/');
	int64_t n;

	if (!slash || slash == dir)
		return false;
	*slash = '\0';
	/* The root group has no weight. */
	return number_at(s->sys, dir, weight_file(s), &n) && !rf_ends(dir, "/cgroup") &&
	       !rf_ends(dir, "/cpu");
}

/* A group above the VM whose weight is not the usual one shrinks or grows what all below it get. */
static bool weight_holds(struct subject *s, struct isolate_promise *p)
{
	int64_t usual = s->scope.version == 2 ? 100 : 1024, weight = 0, above;
	char dir[600];
	bool holds;

	rf_copy(dir, sizeof(dir), s->scope.path);
	if (!number_at(s->sys, dir, weight_file(s), &weight)) {
		rf_format(p->evidence, sizeof(p->evidence), "%.200s/%s cannot be read", dir,
			  weight_file(s));
		return false;
	}
	holds = weight == s->item->weight;
	rf_format(p->evidence, sizeof(p->evidence), "%s %lld, wanted %lld (%.160s)", weight_file(s),
		  (long long)weight, (long long)s->item->weight, s->scope.path);
	for (int i = 0; holds && i < MAX_LEVELS && step_up(s, dir); i++) {
		if (!number_at(s->sys, dir, weight_file(s), &above) || above >= usual)
			continue;
		holds = false;
		rf_format(p->evidence, sizeof(p->evidence),
			  "its own weight is as wanted, but %.160s above it has %lld, less than "
			  "the usual %lld",
			  dir, (long long)above, (long long)usual);
	}
	return holds;
}

/* A machine that is too busy to load says nothing against the kernel; one trial that misses may be
 * chance, three are not. */
#define TRIES 3

static void load_try(struct subject *s, struct isolate_promise *p, const struct cpu_load *load)
{
	struct cpu_trial trial = {0};
	struct rf_err why = {0};
	size_t len = strlen(p->evidence);
	char *end = p->evidence + len;
	int rc = 0;

	for (int i = 0; i < TRIES && rc == 0 && !(trial.loaded && cpu_trial_holds(load, &trial));
	     i++)
		rc = s->look->attempt(s->look->arg, s->item->vm->name, load, &trial, &why);
	if (rc == 0 && trial.loaded)
		p->proven = cpu_trial_holds(load, &trial) ? PROMISE_YES : PROMISE_NO;
	const char *busy = trial.loaded ? "" : " (the CPU was too busy to tell)";

	if (rc < 0)
		rf_format(end, sizeof(p->evidence) - len, "; not tried: %.90s", rf_err_text(&why));
	else if (load->weight)
		rf_format(end, sizeof(p->evidence) - len, "; tried beside it: %.2f to 1 of %.2f%s",
			  trial.had, trial.wanted, busy);
	else
		rf_format(end, sizeof(p->evidence) - len,
			  "; tried beside it: %.1f%% of a CPU, held to %.1f%%%s", 100 * trial.had,
			  100 * trial.wanted, busy);
}

static void weight_try(struct subject *s, struct isolate_promise *p, unsigned cpu)
{
	load_try(s, p, &(struct cpu_load){.cpu = cpu, .weight = s->item->weight});
}

/* No cap is nothing to be tried. */
static void cap_try(struct subject *s, struct isolate_promise *p, unsigned cpu)
{
	if (s->item->quota_us > 0)
		load_try(s, p,
			 &(struct cpu_load){.cpu = cpu,
					    .quota_us = s->item->quota_us,
					    .period_us = CPU_PERIOD_US});
}

static bool cap_holds(struct subject *s, struct isolate_promise *p)
{
	char dir[600], inner[600];
	int64_t scope = -1, quota = -1;

	inner_dir(s, inner);
	rf_copy(dir, sizeof(dir), s->scope.path);
	bool read = quota_at(s, dir, &scope) && quota_at(s, inner, &quota);

	if (scope > 0 && (quota < 0 || scope < quota))
		quota = scope;
	rf_format(p->evidence, sizeof(p->evidence),
		  read ? "%lld of %d us a period, wanted %lld (%.160s)" : "cannot be read",
		  (long long)quota, CPU_PERIOD_US, (long long)s->item->quota_us, s->scope.path);
	return read && quota == s->item->quota_us;
}

/* The part of its group's CPU time that its weight is worth when every sibling wants everything. */
static bool floor_holds(struct subject *s, struct isolate_promise *p)
{
	SYS_AUTONAMES struct sys_names names = {0};
	double sum = 0, room = rf_cpus_count(&s->item->cpus);
	int64_t own = 0, n;
	char dir[600], sibling[600];

	rf_copy(dir, sizeof(dir), s->scope.path);
	char *slash = strrchr(dir, '/');

	if (!slash || !number_at(s->sys, dir, weight_file(s), &own))
		return false;
	*slash = '\0';
	if (sys_list(s->sys, dir, &names, NULL) < 0)
		return false;
	for (size_t i = 0; i < names.count; i++) {
		if (rf_format(sibling, sizeof(sibling), "%s/%s", dir, names.names[i]) &&
		    number_at(s->sys, sibling, weight_file(s), &n))
			sum += (double)n;
	}
	double worth = sum > 0 ? 100 * room * (double)own / sum : 0;

	rf_format(p->evidence, sizeof(p->evidence),
		  "weight %lld of %.0f on %.0f CPUs is worth %.1f%% of a CPU, promised %lld%%",
		  (long long)own, sum, room, worth, (long long)s->item->cpu.floor_pct);
	return worth >= FLOOR_KEPT * (double)s->item->cpu.floor_pct;
}

/* Whether a thread runs now (field 3 of /proc/PID/task/TID/stat), and where (field 39). One that
 * sleeps says where it ran before it was moved, which proves nothing. */
static bool runs_on(struct sys *sys, const char *task, unsigned *out)
{
	char path[640], text[1024], word[24];
	int64_t n;

	if (!rf_format(path, sizeof(path), "%s/stat", task) ||
	    sys_read_line(sys, path, text, sizeof(text)) < 0)
		return false;
	if (!sys_stat_field(text, 3, word, sizeof(word)) || strcmp(word, "R") != 0 ||
	    !sys_stat_field(text, 39, word, sizeof(word)) ||
	    rf_num(word, 10, 0, RF_MAX_CPUS - 1, &n) < 0)
		return false;
	*out = (unsigned)n;
	return true;
}

static bool allowed_cpus(struct sys *sys, const char *task, struct rf_cpus *out)
{
	RF_AUTOBUF struct rf_buf status = {0};
	char path[640];

	if (!rf_format(path, sizeof(path), "%s/status", task) ||
	    sys_read(sys, path, 65536, &status, NULL) < 0)
		return false;
	const char *at = strstr(rf_buf_text(&status), "\nCpus_allowed_list:");
	char list[4096];

	if (!at)
		return false;
	at += strlen("\nCpus_allowed_list:");
	return rf_format(list, sizeof(list), "%.*s", (int)strcspn(at, "\n"), at) &&
	       rf_cpus_parse(list, out) == 0;
}

/* Each thread may run inside only, and those that run do. A thread that ended meanwhile is none. */
static bool place_holds(struct subject *s, struct isolate_promise *p)
{
	SYS_AUTONAMES struct sys_names tasks = {0};
	RF_AUTOBUF struct rf_buf list = {0};
	char dir[64], task[400];
	size_t seen = 0, running = 0, outside = 0;

	rf_format(dir, sizeof(dir), "/proc/%d/task", s->scope.pid);
	if (sys_list(s->sys, dir, &tasks, &s->why) < 0)
		return false;
	for (size_t i = 0; i < tasks.count; i++) {
		struct rf_cpus cpus;
		unsigned cpu = 0;

		if (!rf_format(task, sizeof(task), "%s/%s", dir, tasks.names[i]) ||
		    !allowed_cpus(s->sys, task, &cpus))
			continue;
		seen++;
		rf_cpus_minus(&cpus, &s->item->cpus);
		if (rf_cpus_count(&cpus)) {
			rf_cpus_format(&cpus, &list);
			rf_format(p->evidence, sizeof(p->evidence),
				  "thread %s may also run on %.100s", tasks.names[i],
				  rf_buf_text(&list));
			return false;
		}
		if (!runs_on(s->sys, task, &cpu))
			continue;
		running++;
		outside += !rf_cpus_has(&s->item->cpus, cpu);
	}
	if (running)
		p->proven = outside ? PROMISE_NO : PROMISE_YES;
	rf_cpus_format(&s->item->cpus, &list);
	rf_format(
		p->evidence, sizeof(p->evidence),
		"%zu threads of process %d may run on %.120s only; %zu run, %zu of them elsewhere",
		seen, s->scope.pid, rf_buf_text(&list), running, outside);
	return seen > 0;
}

/* ---- alone ---- */

/* The CPUs as a whole: whoever may run on one of them is said. */
static bool alone_on(const struct subject *s, const struct rf_cpus *cpus, struct isolate_promise *p)
{
	unsigned cpu = 0;
	uint32_t n = cpu_strangers_on(s->strangers, cpus, &cpu);

	if (s->strangers->seen == 0) {
		rf_format(p->evidence, sizeof(p->evidence), "no process of the host could be seen");
		return false;
	}
	p->proven = n ? PROMISE_NO : PROMISE_YES;
	if (n)
		rf_format(
			p->evidence, sizeof(p->evidence),
			"configured, not enforced: %u processes of the host may run on CPU %u, such "
			"as %d (%s); %s",
			n, cpu, s->strangers->pid[cpu], s->strangers->name[cpu],
			s->result->cell_dir[0]
				? "a cell (host: cpu: cell) keeps them off"
				: "this host has no partitions of CPUs (cgroup v2) to keep them off");
	else
		rf_format(p->evidence, sizeof(p->evidence),
			  "none of %zu processes of the host may run there", s->strangers->seen);
	return n == 0;
}

static bool alone_holds(struct subject *s, struct isolate_promise *p)
{
	return alone_on(s, &s->item->cpus, p);
}

/* "root", or "root invalid (why)". */
static int cell_judge(struct subject *s, struct isolate_promises *out)
{
	struct isolate_promise p = {.configured = PROMISE_YES, .enforced = PROMISE_NO};
	const struct rf_cpus *cell = &s->result->host->cell;
	RF_AUTOBUF struct rf_buf list = {0};
	char path[120], state[200] = "", text[4096] = "";
	struct rf_cpus now;

	rf_cpus_format(cell, &list);
	rf_copy(p.subject, sizeof(p.subject), "this host cpu");
	rf_format(p.what, sizeof(p.what), "CPUs %.60s are the VMs' alone", rf_buf_text(&list));
	bool alone = alone_on(s, cell, &p);

	if (s->result->cell_dir[0]) {
		rf_format(path, sizeof(path), "%s/cpuset.cpus.partition", s->result->cell_dir);
		if (sys_read_line(s->sys, path, state, sizeof(state)) < 0)
			state[0] = '\0';
		rf_format(path, sizeof(path), "%s/cpuset.cpus", s->result->cell_dir);
		p.configured = sys_read_line(s->sys, path, text, sizeof(text)) == 0 &&
					       rf_cpus_parse(text, &now) == 0 &&
					       rf_cpus_equal(&now, cell)
				       ? PROMISE_YES
				       : PROMISE_NO;
		bool root = strcmp(state, "root") == 0 || strcmp(state, "isolated") == 0;
		size_t len = strlen(p.evidence);

		p.enforced = root && alone ? PROMISE_YES : PROMISE_NO;
		rf_format(p.evidence + len, sizeof(p.evidence) - len, "; %.60s: %.80s", path,
			  state[0] ? state : "cannot be read");
	}
	return isolate_promise_add(out, &p);
}

/* ---- hostile ---- */

static bool watched_holds(struct subject *s, struct isolate_promise *p)
{
	const struct watched *w = s->look->watched;
	const struct watched_vm *vm = w ? watched_find(w, s->item->vm->name) : NULL;

	if (!w || s->look->now_s - w->at_s > WATCHED_STALE_S) {
		rf_format(p->evidence, sizeof(p->evidence),
			  "nobody watches: ringfence-hostile.service does not run");
		return false;
	}
	if (!vm) {
		rf_format(p->evidence, sizeof(p->evidence), "it is not among those watched%s%.200s",
			  w->problem[0] ? ": " : "", w->problem);
		return false;
	}
	rf_format(p->evidence, sizeof(p->evidence), "%s%s%s, set apart %u times; %.120s%s%s",
		  vm->state, vm->cause[0] ? ": " : "", vm->cause, vm->times, vm->rates,
		  w->missing[0] ? "; this host does not count: " : "", w->missing);
	/* What is not counted at all is judged by nobody. */
	return vm->rates[0] != '\0';
}

/* ---- the table ---- */

static bool exclusive(const struct cpu_item *item)
{
	return item->exclusive;
}

static bool watched(const struct cpu_item *item)
{
	return item->managed && item->cpu.hostile != HOSTILE_WATCH_OFF;
}

static bool managed(const struct cpu_item *item)
{
	return item->managed;
}

static bool has_floor(const struct cpu_item *item)
{
	return item->managed && item->cpu.floor_pct && !item->exclusive;
}

static bool everybody(const struct cpu_item *item)
{
	(void)item;
	return true;
}

static const struct {
	const char *type;
	bool (*promised)(const struct cpu_item *item);
	bool (*holds)(struct subject *s, struct isolate_promise *p);
	void (*try)(struct subject *s, struct isolate_promise *p, unsigned cpu); /* NULL: cannot */
} types[] = {
	{"weight", managed, weight_holds, weight_try},
	{"cap", managed, cap_holds, cap_try},
	{"floor", has_floor, floor_holds, NULL},
	{"place", everybody, place_holds, NULL},
	{"alone on its cores", exclusive, alone_holds, NULL},
	{"watched for hostile work", watched, watched_holds, NULL},
};

static unsigned first_cpu(const struct rf_cpus *cpus)
{
	unsigned cpu = 0;

	while (cpu + 1 < RF_MAX_CPUS && !rf_cpus_has(cpus, cpu))
		cpu++;
	return cpu;
}

static int subject_judge(struct subject *s, struct isolate_promises *out)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < RF_COUNT(types); i++) {
		struct isolate_promise p = {.configured = PROMISE_YES,
					    .enforced = PROMISE_NO,
					    .proven = PROMISE_NOT_ASKED};

		if (!types[i].promised(s->item))
			continue;
		rf_format(p.subject, sizeof(p.subject), "%.140s cpu", s->item->vm->name);
		rf_copy(p.what, sizeof(p.what), types[i].type);
		if (!s->found)
			rf_format(p.evidence, sizeof(p.evidence), "%.250s", rf_err_text(&s->why));
		else if (types[i].holds(s, &p))
			p.enforced = PROMISE_YES;
		if (s->look->attempt && p.enforced == PROMISE_YES && types[i].try)
			types[i].try(s, &p, first_cpu(&s->item->cpus));
		rc = isolate_promise_add(out, &p);
	}
	return rc;
}

/* The QEMUs of all VMs are at home there; in a cell so is what else is in the VMs' group. */
static void strangers_find(const struct cpu_result *r, const struct cpu_look *look,
			   const char *group, struct cpu_strangers *out)
{
	RF_AUTOFREE int *pids = rf_alloc(r->count + 1, sizeof(*pids));
	const struct cpu_known known = {pids, r->count, group};
	struct vm_scope scope;

	for (size_t i = 0; pids && i < r->count; i++) {
		scope = (struct vm_scope){.pid = -1};
		pids[i] = vm_scope_see(look->sys, r->items[i].vm->name, "cpu", &scope, NULL) == 0
				  ? scope.pid
				  : -1;
	}
	if (pids)
		cpu_strangers_find(look->sys, &known, out);
}

int cpu_promises(const struct cpu_result *result, const struct cpu_look *look,
		 struct isolate_promises *out, struct rf_err *err)
{
	RF_AUTOFREE struct cpu_strangers *strangers = rf_alloc(1, sizeof(*strangers));
	struct subject host = {
		.sys = look->sys, .look = look, .result = result, .strangers = strangers};
	int rc = strangers ? 0 : -ENOMEM;

	if (rc == 0 && result->host->has_cell) {
		strangers_find(result, look, result->cell_dir, strangers);
		rc = cell_judge(&host, out);
	}
	if (rc == 0 && result->exclusive_count)
		strangers_find(result, look, "", strangers);
	for (size_t i = 0; rc == 0 && result->any && i < result->count; i++) {
		struct subject s = host;

		s.item = &result->items[i];
		if (!s.item->vm->running || (!s.item->managed && !cpu_is_shared(result)))
			continue;
		s.found = vm_scope_see(look->sys, s.item->vm->name, "cpu", &s.scope, &s.why) == 0;
		rc = subject_judge(&s, out);
	}
	return rc ? rf_fail(err, rc, "no memory") : 0;
}
