/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a policy and facts to what each VM gets of the processor. See cpu.h; the places of VMs with
 * cores of their own are cpu_cores.c. Sources: vSphere Resource Management (shares, reservation,
 * limit, hyperthreaded core sharing), cgroups(7).
 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/cpu_parts.h"

#define ROUNDS 64

static const char *const modes[] = {"any", "internal", "none"};

const char *ht_mode_name(enum ht_mode mode)
{
	return (unsigned)mode < RF_COUNT(modes) ? modes[mode] : "?";
}

void cpu_result_done(struct cpu_result *result)
{
	rf_free(result->items);
	rf_free(result->stored);
	memset(result, 0, sizeof(*result));
}

struct policy_note cpu_note_of(const struct cpu_item *item, bool conflict)
{
	return (struct policy_note){
		.vm = item ? item->vm->name : "", .part = "cpu", .conflict = conflict};
}

/* ---- what a profile says, in percent and at this time ---- */

static void shift_apply(struct policy_cpu *cpu, const struct tm *now)
{
	for (size_t i = 0; i < cpu->shifts_count; i++) {
		const struct policy_shift *s = &cpu->shifts[i];

		if (!schedule_holds(&s->when, now))
			continue;
		if (s->shares != -1) {
			cpu->shares = s->shares;
			cpu->shares_each = s->shares_each;
		}
		if (s->cap_pct != -1) {
			cpu->cap_pct = s->cap_pct;
			cpu->cap_mhz = 0;
		}
		return;
	}
}

static int mhz_convert(struct cpu_solver *s, struct cpu_item *item)
{
	const struct policy_note who = cpu_note_of(item, true);
	struct policy_cpu *cpu = &item->cpu;

	if ((cpu->cap_mhz || cpu->floor_mhz) && !s->host->mhz)
		return policy_note(s->notes, &who,
				   "its profile says MHz, and this host does not tell its nominal "
				   "frequency: say cap and floor in percent of a CPU");
	if (cpu->cap_mhz)
		cpu->cap_pct = (cpu->cap_mhz * 100 + s->host->mhz - 1) / s->host->mhz;
	if (cpu->floor_mhz)
		cpu->floor_pct = cpu->floor_mhz * 100 / s->host->mhz;
	return 0;
}

/* The CPUs that affinity and cells leave. */
static int allowed_find(struct cpu_solver *s, struct cpu_item *item)
{
	const struct policy_note who = cpu_note_of(item, true);
	const struct policy_cpu *cpu = &item->cpu;
	RF_AUTOBUF struct rf_buf list = {0};
	struct rf_cpus beyond = cpu->affinity, cells = {0};

	item->cpus = s->out->pool;
	rf_cpus_minus(&beyond, &s->host->online);
	if (cpu->has_affinity && rf_cpus_count(&beyond)) {
		rf_cpus_format(&beyond, &list);
		return policy_note(s->notes, &who,
				   "its affinity names CPUs that are not online: %s",
				   rf_buf_text(&list));
	}
	if (cpu->has_affinity)
		rf_cpus_and(&item->cpus, &cpu->affinity);
	for (size_t i = 0; i < s->host->cores_count; i++) {
		if (rf_cpus_has(&cpu->numa, (unsigned)s->host->cores[i].node))
			rf_cpus_or(&cells, &s->host->cores[i].cpus);
	}
	if (cpu->has_numa)
		rf_cpus_and(&item->cpus, &cells);
	if (rf_cpus_count(&item->cpus) == 0)
		return policy_note(
			s->notes, &who,
			"no CPU of its affinity lies in its NUMA cells%s: nothing is left "
			"to run on",
			s->out->host->has_cell ? " and in the VMs' cell" : "");
	return 0;
}

static int limits_check(struct cpu_solver *s, struct cpu_item *item)
{
	const struct policy_note who = cpu_note_of(item, true);
	const struct policy_cpu *cpu = &item->cpu;

	if (item->vm->vcpus < 1 || item->vm->vcpus > (int64_t)RF_MAX_CPUS)
		return policy_note(s->notes, &who, "how many vCPUs it has is not known");
	if (cpu->floor_pct > 100 * item->vm->vcpus)
		return policy_note(s->notes, &who,
				   "a floor of %lld%% is more than its %lld vCPUs "
				   "can use",
				   (long long)cpu->floor_pct, (long long)item->vm->vcpus);
	if (cpu->cap_pct && cpu->floor_pct > cpu->cap_pct)
		return policy_note(s->notes, &who, "its floor of %lld%% is above its cap of %lld%%",
				   (long long)cpu->floor_pct, (long long)cpu->cap_pct);
	return 0;
}

static int item_read(struct cpu_solver *s, struct cpu_item *item, const struct tm *now)
{
	bool twice = false;
	const struct policy_profile *profile = policy_vm_profile(s->policy, item->vm, &twice);

	item->cpus = s->out->pool;
	item->quota_us = -1;
	if (twice) {
		const struct policy_note who = cpu_note_of(item, true);

		return policy_note(s->notes, &who, "two assignments give it different profiles");
	}
	if (!profile || !profile->cpu.said)
		return 0;
	item->managed = true;
	item->profile = profile->name;
	item->cpu = profile->cpu;
	item->apart = !s->stored && item->vm->apart && item->vm->running &&
		      item->cpu.hostile == HOSTILE_WATCH_APART;
	s->out->any = true;
	shift_apply(&item->cpu, now);
	int rc = mhz_convert(s, item);

	if (!rc)
		rc = allowed_find(s, item);
	if (!rc)
		rc = limits_check(s, item);
	if (item->cpu.cap_pct)
		item->quota_us = item->cpu.cap_pct * CPU_PERIOD_US / 100;
	return rc;
}

/* ---- the pool ---- */

/* Everybody else keeps off cores that are set apart. */
static int pool_place(struct cpu_solver *s, struct cpu_item *item)
{
	struct rf_cpus left = item->cpus;

	if (item->exclusive)
		return 0;
	rf_cpus_and(&left, &s->out->pool);
	if (rf_cpus_count(&left) == 0 && rf_cpus_count(&item->cpus)) {
		const struct policy_note who = cpu_note_of(item, true);

		return policy_note(s->notes, &who,
				   "all CPUs of its affinity are set apart for other VMs");
	}
	item->cpus = left;
	return 0;
}

/* ---- floors ---- */

/* Floors of all VMs that can run nowhere but on these CPUs; their names into list. */
static int64_t floors_within(const struct cpu_result *r, const struct rf_cpus *cpus,
			     struct rf_buf *names)
{
	int64_t sum = 0;

	for (size_t i = 0; i < r->count; i++) {
		const struct cpu_item *item = &r->items[i];

		if (!item->managed || !item->cpu.floor_pct || !rf_cpus_within(&item->cpus, cpus))
			continue;
		sum += item->cpu.floor_pct;
		rf_buf_printf(names, "%s%s (%lld%%)", names->len ? ", " : "", item->vm->name,
			      (long long)item->cpu.floor_pct);
	}
	return sum;
}

/* Admission: for each set of CPUs that some VM is confined to, its floors must fit. */
static int floors_admit(struct cpu_solver *s)
{
	const struct cpu_result *r = s->out;

	for (size_t i = 0; i < r->count; i++) {
		const struct cpu_item *item = &r->items[i];
		RF_AUTOBUF struct rf_buf names = {0}, list = {0};
		bool told = false;

		if (!item->managed || !item->cpu.floor_pct)
			continue;
		for (size_t k = 0; k < i && !told; k++)
			told = r->items[k].managed && r->items[k].cpu.floor_pct &&
			       rf_cpus_equal(&r->items[k].cpus, &item->cpus);
		int64_t room =
			100 * (int64_t)rf_cpus_count(item->exclusive ? &item->each : &item->cpus);
		int64_t sum = told ? 0 : floors_within(r, &item->cpus, &names);

		if (told || sum <= room)
			continue;
		const struct policy_note who = cpu_note_of(NULL, true);

		rf_cpus_format(&item->cpus, &list);
		int rc = policy_note(s->notes, &who,
				     "floors of %lld%% are promised on CPUs %s, which have %lld%%: "
				     "%s",
				     (long long)sum, rf_buf_text(&list), (long long)room,
				     rf_buf_text(&names));

		if (rc < 0)
			return rc;
	}
	return 0;
}

/* ---- weights ---- */

bool cpu_weights_raise(double *weights, const double *floors, size_t count)
{
	/* Raised ones hold exactly their floor of the sum T; T = others / (1 - their floors). Each
	 * round can only add to the raised ones, so it ends. */
	for (int round = 0; round < ROUNDS; round++) {
		double total = 0, others = 0, held = 0;
		bool more = false;

		for (size_t i = 0; i < count; i++)
			total += weights[i];
		for (size_t i = 0; i < count; i++) {
			bool binds = floors[i] > 0 && weights[i] <= floors[i] * total * (1 + 1e-9);

			held += binds ? floors[i] : 0;
			others += binds ? 0 : weights[i];
			more = more || (binds && weights[i] < floors[i] * total * (1 - 1e-9));
		}
		if (!more)
			return true;
		/* Floors that fill everything leave room for nobody else. */
		if (held >= 1 - 1e-6 && others > 0)
			return false;
		double whole = others > 0 ? others / (1 - held) : total;

		for (size_t i = 0; i < count; i++) {
			if (floors[i] > 0 && weights[i] <= floors[i] * total * (1 + 1e-9))
				weights[i] = floors[i] * whole;
		}
	}
	return true;
}

/* Shares, of which 1000 is normal, in the unit of the host's cgroups, and back. */
static double unit_of(const struct policy_host *host)
{
	return host->cgroup_version == 1 ? 1.024 : 0.1;
}

static double shares_of(const struct cpu_solver *s, const struct cpu_item *item)
{
	if (item->managed)
		return (double)(item->cpu.shares ? item->cpu.shares
						 : item->cpu.shares_each * item->vm->vcpus);
	return item->vm->cpu_weight ? (double)item->vm->cpu_weight / unit_of(s->host) : 1000;
}

static int64_t weight_of(const struct policy_host *host, double shares)
{
	int64_t min = host->cgroup_version == 1 ? 2 : 1;
	int64_t max = host->cgroup_version == 1 ? 262144 : 10000;
	double weight = shares * unit_of(host) + 0.5;

	return weight < (double)min ? min : weight > (double)max ? max : (int64_t)weight;
}

static int weights_find(struct cpu_solver *s)
{
	struct cpu_result *r = s->out;
	RF_AUTOFREE double *shares = rf_alloc(r->count + 1, sizeof(*shares));
	RF_AUTOFREE double *floors = rf_alloc(r->count + 1, sizeof(*floors));

	if (!shares || !floors)
		return -ENOMEM;
	for (size_t i = 0; i < r->count; i++) {
		const struct cpu_item *item = &r->items[i];
		double room = 100.0 * rf_cpus_count(&item->cpus);

		shares[i] = item->exclusive ? 0 : shares_of(s, item);
		if (!item->exclusive && item->managed && room > 0)
			floors[i] = (double)item->cpu.floor_pct / room;
	}
	if (!cpu_weights_raise(shares, floors, r->count)) {
		const struct policy_note who = cpu_note_of(NULL, true);

		return policy_note(s->notes, &who,
				   "the floors of some VMs take every CPU: nothing would be left "
				   "for the others");
	}
	for (size_t i = 0; i < r->count; i++)
		r->items[i].weight = weight_of(
			s->host, r->items[i].exclusive ? shares_of(s, &r->items[i]) : shares[i]);
	return 0;
}

/* ---- times ---- */

/* Which window holds is worked out when a plan is made: somebody has to make one. */
static int schedule_tell(struct cpu_solver *s)
{
	const struct policy_note who = cpu_note_of(NULL, false);
	const struct cpu_result *r = s->out;
	RF_AUTOBUF struct rf_buf names = {0};
	size_t count = 0;

	for (size_t i = 0; i < r->count; i++) {
		if (!r->items[i].managed || !r->items[i].cpu.shifts_count)
			continue;
		if (count++ < 3)
			rf_buf_printf(&names, "%s%s", names.len ? ", " : "", r->items[i].vm->name);
	}
	if (!count || s->host->has_timer)
		return 0;
	return policy_note(
		s->notes, &who,
		"%zu VMs follow a schedule (%.200s%s), and no timer applies it: what is in "
		"force stays so until the next `isolate apply` (systemctl enable --now "
		"ringfence-isolate.timer)",
		count, rf_buf_text(&names), count > 3 ? ", ..." : "");
}

/* ---- all of it ---- */

static int facts_suffice(struct cpu_solver *s)
{
	const struct policy_note who = cpu_note_of(NULL, true);

	if (s->host->cores_count && s->host->cgroup_version)
		return 0;
	return policy_note(s->notes, &who,
			   "the facts do not say which CPUs and cgroups this host has: plan on the "
			   "host itself");
}

static int solve(struct cpu_solver *s, const struct tm *now)
{
	struct cpu_result *r = s->out;
	int rc = cpu_cell_take(s);

	r->any = r->host->has_cell;
	for (size_t i = 0; rc == 0 && i < r->count; i++)
		rc = item_read(s, &r->items[i], now);
	if (rc || !r->any)
		return rc;
	size_t before = s->notes->conflicts;

	rc = facts_suffice(s);
	if (!rc && s->notes->conflicts == before)
		rc = cpu_cores_assign(s);
	for (size_t i = 0; rc == 0 && i < r->count; i++)
		rc = pool_place(s, &r->items[i]);
	if (!rc)
		rc = floors_admit(s);
	if (!rc)
		rc = schedule_tell(s);
	return rc ? rc : weights_find(s);
}

static int result_make(struct cpu_solver *s, const struct tm *now, struct rf_err *err)
{
	struct cpu_result *r = s->out;

	*r = (struct cpu_result){.pool = s->host->online,
				 .host = &s->policy->cpu,
				 .cell_dir = s->host->cell_dir ? s->host->cell_dir : "",
				 .count = s->host->vms_count,
				 .items = rf_alloc(s->host->vms_count + 1, sizeof(*r->items))};
	for (size_t i = 0; r->items && i < r->count; i++)
		r->items[i].vm = &s->host->vms[i];
	int rc = r->items ? solve(s, now) : -ENOMEM;

	if (rc < 0)
		cpu_result_done(r);
	return rc ? rf_fail(err, rc, "no memory") : 0;
}

static bool any_apart(const struct cpu_result *r)
{
	for (size_t i = 0; i < r->count; i++) {
		if (r->items[i].apart)
			return true;
	}
	return false;
}

int cpu_resolve(const struct policy *policy, const struct policy_host *host, const struct tm *now,
		struct cpu_result *out, struct policy_notes *notes, struct rf_err *err)
{
	struct policy_notes unsaid = {0};
	struct cpu_result result, stored;
	struct cpu_solver solver = {policy, host, &result, notes, false};
	struct cpu_solver second = {policy, host, &stored, &unsaid, true};
	int rc = result_make(&solver, now, err);

	if (!rc && any_apart(&result)) {
		rc = result_make(&second, now, err);
		if (rc < 0)
			cpu_result_done(&result);
		else
			result.stored = rf_take(stored.items);
	}
	policy_notes_done(&unsaid);
	if (!rc)
		*out = result;
	return rc;
}

struct rf_cpus cpu_item_vcpu(const struct cpu_item *item, int64_t vcpu)
{
	struct rf_cpus one = {0};
	int64_t n = 0;

	if (item->effective != HT_NONE || !item->exclusive)
		return item->cpus;
	for (unsigned cpu = 0; cpu < RF_MAX_CPUS; cpu++) {
		if (!rf_cpus_has(&item->each, cpu) || n++ != vcpu)
			continue;
		rf_cpus_add(&one, cpu);
		return one;
	}
	return item->each;
}
