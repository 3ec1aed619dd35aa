/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Split locks and counters. See cpu_counters.h. Sources: Documentation/admin-guide/
 * kernel-parameters.txt (split_lock_detect), sysctl/kernel.rst (split_lock_mitigate),
 * arch/x86/kernel/cpu/bus_lock.c, libvirt's formatdomain (features/pmu).
 */
#include "isolate/cpu_counters.h"

#include <errno.h>
#include <sqlite3.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

#define CMDLINE_BYTES 8192u
/* Of a thousand processors and more. */
#define CPUINFO_BYTES (4u << 20)

/* ---- split locks ---- */

/* The modes of split_lock_detect; what else is said there the kernel takes as its own default. */
static const struct mode {
	const char *name, *does;
	bool catches;
} modes[] = {
	{"off", "nothing: they slow every processor down", false},
	{"warn", "who takes one is told of in the kernel's log", true},
	{"fatal", "who takes one gets SIGBUS", true},
	{"ratelimit:", "so many a second for the whole host", true},
};
#define MODE_DEFAULT 1

/* The last one on the command line counts. */
static const struct mode *mode_find(struct rf_slice cmdline, bool *out_said)
{
	static const char key[] = "split_lock_detect=";
	const struct mode *found = &modes[MODE_DEFAULT];
	char text[CMDLINE_BYTES], *cursor = text, *word;

	*out_said = false;
	rf_format(text, sizeof(text), "%.*s", (int)cmdline.len,
		  cmdline.len ? (const char *)cmdline.data : "");
	while ((word = rf_word_next(&cursor))) {
		for (size_t i = 0; rf_starts(word, key) && i < RF_COUNT(modes); i++) {
			const char *value = word + strlen(key);
			bool part = rf_ends(modes[i].name, ":");

			if (part ? !rf_starts(value, modes[i].name)
				 : strcmp(value, modes[i].name) != 0)
				continue;
			found = &modes[i];
			*out_said = true;
		}
	}
	return found;
}

static bool has_flag(struct rf_slice cpuinfo)
{
	static const char *const flags[] = {" split_lock_detect", " bus_lock_detect"};

	for (size_t i = 0; cpuinfo.len && i < RF_COUNT(flags); i++) {
		if (memmem(cpuinfo.data, cpuinfo.len, flags[i], strlen(flags[i])))
			return true;
	}
	return false;
}

void cpu_locks_judge(const struct cpu_locks *locks, struct isolate_promise *out)
{
	bool said = false, slowed = rf_equal(locks->mitigate, "1");
	const struct mode *mode = mode_find(locks->cmdline, &said);

	*out = (struct isolate_promise){.configured = mode->catches ? PROMISE_YES : PROMISE_NO,
					.enforced = PROMISE_NOT_ASKED,
					.proven = PROMISE_NOT_ASKED};
	rf_copy(out->subject, sizeof(out->subject), "cpu of this host");
	rf_copy(out->what, sizeof(out->what), "split locks of VMs are caught by the kernel");
	if (!locks->cmdline.len) {
		out->configured = PROMISE_NOT_ASKED;
		rf_copy(out->evidence, sizeof(out->evidence),
			"unknown: the kernel's command line cannot be read");
		return;
	}
	if (!locks->cpuinfo.len) {
		rf_copy(out->evidence, sizeof(out->evidence),
			"unknown: /proc/cpuinfo cannot be read");
		return;
	}
	if (mode->catches && !has_flag(locks->cpuinfo)) {
		rf_copy(out->evidence, sizeof(out->evidence),
			"unknown: this processor tells its kernel of none (neither "
			"split_lock_detect nor bus_lock_detect in /proc/cpuinfo)");
		return;
	}
	out->enforced = mode->catches ? PROMISE_YES : PROMISE_NO;
	rf_format(out->evidence, sizeof(out->evidence), "split_lock_detect=%s%s: %s%s", mode->name,
		  said ? "" : ", as no other is asked for on the command line", mode->does,
		  !locks->mitigate[0] || strcmp(mode->name, "warn") != 0 ? ""
		  : slowed ? ", and waits (kernel.split_lock_mitigate 1)"
			   : ", and goes on at once (kernel.split_lock_mitigate 0)");
}

/* ---- counters ---- */

void cpu_pmu_judge(int stored, bool running, int live, struct isolate_promise *out)
{
	*out = (struct isolate_promise){.configured = PROMISE_NOT_ASKED,
					.enforced = PROMISE_NOT_ASKED,
					.proven = PROMISE_NOT_ASKED};
	rf_copy(out->what, sizeof(out->what), "it has no performance counters of its own");
	if (stored == 0)
		out->configured = PROMISE_YES;
	if (stored == 0 && running)
		out->enforced = live == 0 ? PROMISE_YES : PROMISE_NO;
	rf_format(out->evidence, sizeof(out->evidence), "%s%s",
		  stored == 0  ? "refused by its definition (features/pmu)"
		  : stored > 0 ? "its definition gives it some (vm.cpu.pmu-off says how to refuse "
				 "them)"
			       : "unknown: its definition does not say, and then the model of its "
				 "processor does (vm.cpu.pmu-off)",
		  stored != 0 ? ""
		  : !running  ? "; it is off"
		  : live == 0 ? ", and so it runs"
			      : ", but it was started before: from its next cold boot on");
}

/* Of one layer; CPU_PMU_UNSAID also where there is none, *out_there says. */
static int pmu_read(sqlite3 *db, const char *vm, const char *layer, bool *out_there)
{
	static const char question[] =
		"SELECT pmu FROM vm WHERE name = ?1 AND layer = ?2 AND format = 'libvirt'";
	sqlite3_stmt *stmt = NULL;
	int pmu = CPU_PMU_UNSAID;

	*out_there = false;
	if (sqlite3_prepare_v2(db, question, -1, &stmt, NULL) == SQLITE_OK &&
	    sqlite3_bind_text(stmt, 1, vm, -1, SQLITE_STATIC) == SQLITE_OK &&
	    sqlite3_bind_text(stmt, 2, layer, -1, SQLITE_STATIC) == SQLITE_OK &&
	    sqlite3_step(stmt) == SQLITE_ROW) {
		*out_there = true;
		if (sqlite3_column_type(stmt, 0) == SQLITE_INTEGER)
			pmu = sqlite3_column_int(stmt, 0) ? 1 : 0;
	}
	sqlite3_finalize(stmt);
	return pmu;
}

static int pmu_add(const struct cpu_item *item, struct fact_store *facts,
		   struct isolate_promises *out)
{
	struct isolate_promise p;
	bool stored_there, live_there;
	int stored = pmu_read(fact_store_db(facts), item->vm->name, "persistent", &stored_there);
	int live = pmu_read(fact_store_db(facts), item->vm->name, "live", &live_there);

	/* One without a definition is what it runs as. */
	cpu_pmu_judge(stored_there ? stored : live, live_there, live, &p);
	rf_format(p.subject, sizeof(p.subject), "%.140s cpu", item->vm->name);
	return isolate_promise_add(out, &p);
}

static int locks_add(struct sys *sys, struct isolate_promises *out)
{
	RF_AUTOBUF struct rf_buf cmdline = {0}, cpuinfo = {0};
	struct isolate_promise p;
	char mitigate[16] = "";

	/* What cannot be read is unknown, and said so. */
	if (sys_read(sys, "/proc/cmdline", CMDLINE_BYTES - 1, &cmdline, NULL) < 0)
		rf_buf_reset(&cmdline);
	if (sys_read(sys, "/proc/cpuinfo", CPUINFO_BYTES, &cpuinfo, NULL) < 0)
		rf_buf_reset(&cpuinfo);
	if (sys_read_line(sys, "/proc/sys/kernel/split_lock_mitigate", mitigate, sizeof(mitigate)) <
	    0)
		mitigate[0] = '\0';
	cpu_locks_judge(&(struct cpu_locks){.cmdline = rf_buf_slice(&cmdline),
					    .cpuinfo = rf_buf_slice(&cpuinfo),
					    .mitigate = mitigate},
			&p);
	return isolate_promise_add(out, &p);
}

int cpu_counters_promises(const struct cpu_result *cpu, struct sys *sys, struct fact_store *facts,
			  struct isolate_promises *out, struct rf_err *err)
{
	bool any = false;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < cpu->count; i++) {
		const struct cpu_item *item = &cpu->items[i];

		if (!item->managed || item->cpu.hostile == HOSTILE_WATCH_OFF)
			continue;
		if (!any)
			rc = locks_add(sys, out);
		any = true;
		if (!rc)
			rc = pmu_add(item, facts, out);
	}
	return rc ? rf_fail(err, rc, "no memory") : 0;
}
