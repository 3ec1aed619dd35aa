/* SPDX-License-Identifier: Apache-2.0 */
/* VMs and CPUs of this host, out of the facts (vm, vm_process, vm_cgroup, host, host_cpu). See
 * host.h. */
#include "isolate/host.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/policy_parts.h"
#include "isolate/vm_now.h"
#include "sys/sys.h"

/* Enabled: systemd starts it with all timers. */
#define POLICY_TIMER "/etc/systemd/system/timers.target.wants/ringfence-isolate.timer"

/* One row for each VM: what runs counts, else the definition. */
static const char vms_question[] =
	"SELECT coalesce(nullif(v.name, ''), v.vm), v.class, v.zone, v.layer = 'live',"
	" EXISTS (SELECT 1 FROM vm p WHERE p.host = v.host AND p.vm = v.vm AND p.layer ="
	" 'persistent'), v.vcpus, v.iothreads, v.memory_bytes, (SELECT max(c.cpu_weight) FROM"
	" vm_cgroup c WHERE c.host = v.host AND c.vm = v.vm), v.cpu_set, v.ht_sharing, v.uuid"
	" FROM vm v"
	" WHERE " VM_NOW " ORDER BY 1, v.layer";
static const char cpus_question[] =
	"SELECT cpu, siblings, package, node, base_khz FROM host_cpu ORDER BY cpu";
static const char host_question[] = "SELECT cgroup_mode, core_sched, memory_bytes FROM host";

void policy_host_done(struct policy_host *host)
{
	rf_free(host->vms);
	rf_free(host->cores);
	rf_arena_done(&host->texts);
	memset(host, 0, sizeof(*host));
}

static const char *text_of(struct policy_host *host, sqlite3_stmt *stmt, int column)
{
	const char *text = (const char *)sqlite3_column_text(stmt, column);

	return rf_arena_copy(&host->texts, text ? text : "");
}

static int vm_take(void *arg, sqlite3_stmt *stmt)
{
	struct policy_host *host = arg;

	if (rf_grow((void **)&host->vms, &host->vms_capacity, host->vms_count + 1,
		    sizeof(*host->vms)) < 0)
		return -ENOMEM;
	host->vms[host->vms_count++] =
		(struct policy_vm){.name = text_of(host, stmt, 0),
				   .class = text_of(host, stmt, 1),
				   .zone = text_of(host, stmt, 2),
				   .running = sqlite3_column_int(stmt, 3) != 0,
				   .defined = sqlite3_column_int(stmt, 4) != 0,
				   .vcpus = sqlite3_column_int64(stmt, 5),
				   .iothreads = sqlite3_column_int64(stmt, 6),
				   .memory_bytes = sqlite3_column_int64(stmt, 7),
				   .cpu_weight = sqlite3_column_int64(stmt, 8),
				   .cpu_set = text_of(host, stmt, 9),
				   .ht_asked = text_of(host, stmt, 10),
				   .uuid = text_of(host, stmt, 11)};
	return host->texts.failed ? -ENOMEM : 0;
}

/* A core is made at the first of its threads, and holds those that are online. */
static int cpu_take(void *arg, sqlite3_stmt *stmt)
{
	struct policy_host *host = arg;
	const char *text = (const char *)sqlite3_column_text(stmt, 1);
	unsigned cpu = (unsigned)sqlite3_column_int(stmt, 0);
	struct rf_cpus siblings;

	if (!text || cpu >= RF_MAX_CPUS || rf_cpus_parse(text, &siblings) < 0)
		return 0;
	rf_cpus_add(&host->online, cpu);
	if (!host->mhz)
		host->mhz = sqlite3_column_int64(stmt, 4) / 1000;
	for (size_t i = 0; i < host->cores_count; i++) {
		if (!rf_cpus_meet(&host->cores[i].cpus, &siblings))
			continue;
		rf_cpus_add(&host->cores[i].cpus, cpu);
		host->smt = true;
		return 0;
	}
	if (rf_grow((void **)&host->cores, &host->cores_capacity, host->cores_count + 1,
		    sizeof(*host->cores)) < 0)
		return -ENOMEM;
	struct policy_core *core = &host->cores[host->cores_count++];

	*core = (struct policy_core){.package = sqlite3_column_int64(stmt, 2),
				     .node = sqlite3_column_int64(stmt, 3)};
	rf_cpus_add(&core->cpus, cpu);
	return 0;
}

/* Hybrid: the cpu controller is v1's there. */
static int host_take(void *arg, sqlite3_stmt *stmt)
{
	struct policy_host *host = arg;
	const char *mode = (const char *)sqlite3_column_text(stmt, 0);

	host->cgroup_version = !mode ? 0 : strcmp(mode, "v2") == 0 ? 2 : 1;
	host->core_sched = sqlite3_column_int(stmt, 1) == 1;
	host->memory_bytes = sqlite3_column_int64(stmt, 2);
	return 0;
}

int policy_host_load(struct fact_store *store, struct policy_host *out, struct rf_err *err)
{
	struct policy_host host = {.cell_dir = ""};
	int rc = fact_store_each(store, host_question, host_take, &host);

	if (!rc)
		rc = fact_store_each(store, cpus_question, cpu_take, &host);
	if (!rc)
		rc = fact_store_each(store, vms_question, vm_take, &host);
	if (rc < 0) {
		policy_host_done(&host);
		return rf_fail(err, rc, "the facts about VMs and CPUs cannot be read");
	}
	*out = host;
	return 0;
}

void policy_host_look(struct policy_host *host, struct sys *sys)
{
	/* Where libvirt puts VMs, with systemd and without. */
	static const char *const dirs[] = {"/sys/fs/cgroup/machine.slice",
					   "/sys/fs/cgroup/machine"};
	char path[80];

	host->cell_dir = "";
	for (size_t i = 0; i < RF_COUNT(dirs) && !host->cell_dir[0]; i++) {
		rf_format(path, sizeof(path), "%s/cpuset.cpus.partition", dirs[i]);
		if (sys_exists(sys, path))
			host->cell_dir = dirs[i];
	}
	host->has_timer = sys_exists(sys, POLICY_TIMER);
}

void policy_host_apart(struct policy_host *host, const char *uuid)
{
	for (size_t i = 0; i < host->vms_count; i++) {
		if (uuid[0] && strcmp(host->vms[i].uuid, uuid) == 0)
			host->vms[i].apart = true;
	}
}

void policy_notes_done(struct policy_notes *notes)
{
	rf_free(notes->items);
	memset(notes, 0, sizeof(*notes));
}

int policy_note(struct policy_notes *notes, const struct policy_note *who, const char *fmt, ...)
{
	va_list args;

	if (rf_grow((void **)&notes->items, &notes->capacity, notes->count + 1,
		    sizeof(*notes->items)) < 0)
		return -ENOMEM;
	struct policy_note *note = &notes->items[notes->count++];

	*note = (struct policy_note){.vm = who->vm, .part = who->part, .conflict = who->conflict};
	va_start(args, fmt);
	vsnprintf(note->text, sizeof(note->text), fmt, args);
	va_end(args);
	notes->conflicts += note->conflict;
	return 0;
}

const struct policy_profile *policy_vm_profile(const struct policy *policy,
					       const struct policy_vm *vm, bool *out_twice)
{
	const struct policy_rule *found = NULL;

	*out_twice = false;
	for (size_t i = 0; i < policy->rules_count; i++) {
		const struct policy_rule *rule = &policy->rules[i];

		if (!policy_rule_names(rule, vm->name, vm->class))
			continue;
		*out_twice = *out_twice || (found && found->profile != rule->profile);
		found = rule;
	}
	if (*out_twice)
		return NULL;
	return found ? found->profile : policy->has_others ? policy->others.profile : NULL;
}
