/* SPDX-License-Identifier: Apache-2.0 */
/* Processes that may run where they should not. See cpu_alone.h. */
#include "isolate/cpu_alone.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"

#define KERNEL_THREAD 0x00200000 /* PF_KTHREAD, linux/sched.h */
#define STATUS_MAX    65536

struct process {
	int pid;
	char name[16];
	struct rf_cpus cpus;
};

/* "PID (any name) S PPID PGRP SESSION TTY TPGID FLAGS": field 9. */
static bool is_kernel_thread(struct sys *sys, const char *pid)
{
	char path[64], text[1024], word[24];
	int64_t flags;

	return !rf_format(path, sizeof(path), "/proc/%s/stat", pid) ||
	       sys_read_line(sys, path, text, sizeof(text)) < 0 ||
	       !sys_stat_field(text, 9, word, sizeof(word)) ||
	       rf_num(word, 10, 0, UINT32_MAX, &flags) < 0 || (flags & KERNEL_THREAD);
}

static bool process_read(struct sys *sys, const char *pid, struct process *out)
{
	RF_AUTOBUF struct rf_buf status = {0};
	RF_AUTOBUF struct rf_buf name = {0};
	char path[64], list[4096] = "";

	if (!rf_format(path, sizeof(path), "/proc/%s/status", pid) ||
	    sys_read(sys, path, STATUS_MAX, &status, NULL) < 0 || status.failed)
		return false;
	char *cursor = (char *)status.data;

	for (char *line; cursor && (line = rf_line_next(&cursor));) {
		if (rf_starts(line, "Name:\t"))
			rf_buf_add_visible(&name, line + 6, strlen(line + 6));
		if (rf_starts(line, "Cpus_allowed_list:\t"))
			rf_copy(list, sizeof(list), line + strlen("Cpus_allowed_list:\t"));
	}
	(void)rf_format(out->name, sizeof(out->name), "%s", rf_buf_text(&name));
	return list[0] && rf_cpus_parse(list, &out->cpus) == 0;
}

/* "0::/machine.slice/machine-qemu-web.scope/libvirt/emulator" */
static bool is_in(struct sys *sys, const char *pid, const char *group)
{
	RF_AUTOBUF struct rf_buf text = {0};
	const char *name = strrchr(group, '/');
	char path[64];

	if (!name || !rf_format(path, sizeof(path), "/proc/%s/cgroup", pid) ||
	    sys_read(sys, path, STATUS_MAX, &text, NULL) < 0 || text.failed)
		return false;
	char *cursor = (char *)text.data;
	size_t len = strlen(name);

	for (char *line; cursor && (line = rf_line_next(&cursor));) {
		if (rf_starts(line, "0::") && strncmp(line + 3, name, len) == 0 &&
		    (line[3 + len] == '/' || !line[3 + len]))
			return true;
	}
	return false;
}

static bool is_known(struct sys *sys, const struct cpu_known *known, const char *name, int64_t pid)
{
	for (size_t k = 0; k < known->count; k++) {
		if (known->pids[k] == pid)
			return true;
	}
	return is_kernel_thread(sys, name) || (known->group[0] && is_in(sys, name, known->group));
}

void cpu_strangers_find(struct sys *sys, const struct cpu_known *known, struct cpu_strangers *out)
{
	SYS_AUTONAMES struct sys_names names = {0};
	int64_t pid;

	memset(out, 0, sizeof(*out));
	if (sys_list(sys, "/proc", &names, NULL) < 0)
		return;
	for (size_t i = 0; i < names.count; i++) {
		struct process p = {0};

		if (rf_num(names.names[i], 10, 1, INT32_MAX, &pid) < 0 ||
		    is_known(sys, known, names.names[i], pid) ||
		    !process_read(sys, names.names[i], &p))
			continue;
		out->seen++;
		for (unsigned cpu = 0; cpu < RF_MAX_CPUS; cpu++) {
			if (!rf_cpus_has(&p.cpus, cpu))
				continue;
			if (!out->count[cpu]++) {
				out->pid[cpu] = (int)pid;
				memcpy(out->name[cpu], p.name, sizeof(p.name));
			}
		}
	}
}

uint32_t cpu_strangers_on(const struct cpu_strangers *strangers, const struct rf_cpus *cpus,
			  unsigned *out_cpu)
{
	uint32_t most = 0;

	for (unsigned cpu = 0; cpu < RF_MAX_CPUS; cpu++) {
		if (!rf_cpus_has(cpus, cpu) || strangers->count[cpu] <= most)
			continue;
		most = strangers->count[cpu];
		*out_cpu = cpu;
	}
	return most;
}
