/* SPDX-License-Identifier: Apache-2.0 */
/* Processes as /proc shows them: what several collectors ask of one. */
#ifndef RF_COLLECT_PROC_H
#define RF_COLLECT_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sys/sys.h"

struct proc {
	int64_t pid, ppid;
	int64_t uid; /* effective; -1 when not told */
	bool is_kernel;
	char comm[64];
};

/* The process ids of /proc, as names. 0, or why /proc cannot be listed. */
int proc_list(struct sys *sys, struct sys_names *out, struct rf_err *err) RF_MUST_CHECK;

/* True when a name in /proc is a process id. */
bool proc_is_pid(const char *name);

/* Reads one process. 0, or -ENOENT when it ended meanwhile. */
int proc_read(struct sys *sys, const char *pid, struct proc *out) RF_MUST_CHECK;

/* Reads the text of /proc/PID/stat: "PID (COMM) STATE PPID ... FLAGS". False when it is broken. */
bool proc_stat_parse(const char *text, struct proc *out);

/*
 * The systemd unit in a text of /proc/PID/cgroup: the first part of the path that is no slice. ""
 * for a process outside of any unit.
 */
void proc_unit(const char *cgroup, char *out, size_t size);

#endif
