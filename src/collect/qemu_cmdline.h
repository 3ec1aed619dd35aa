/* SPDX-License-Identifier: Apache-2.0 */
/* The command lines of QEMU and swtpm: the few words that facts are made of, and no more: a command
 * line may hold passwords. */
#ifndef RF_COLLECT_QEMU_CMDLINE_H
#define RF_COLLECT_QEMU_CMDLINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

/* How a monitor can be reached; a later one is worse. */
enum qemu_monitor { QEMU_MONITOR_NONE, QEMU_MONITOR_UNIX, QEMU_MONITOR_STDIO, QEMU_MONITOR_TCP };

struct qemu_cmdline {
	char name[256];	   /* guest= of -name */
	char uuid[64];	   /* -uuid, as written */
	char sandbox[256]; /* value of -sandbox */
	enum qemu_monitor monitor;
	char monitor_path[1024]; /* socket or address of the worst monitor; "" when passed as fd */
	int64_t monitor_fd;	 /* descriptor of that monitor's socket, or -1 */
	bool session;		 /* paths of an unprivileged libvirt are in it */
	bool cut;		 /* more arguments than are read */
};

/* Parses /proc/PID/cmdline: arguments with a NUL behind each. Never fails: what is not there stays
 * empty. */
void qemu_cmdline_parse(struct rf_slice cmdline, struct qemu_cmdline *out);

struct swtpm_cmdline {
	char state_dir[1024];
	bool encrypted; /* a key or password was given */
};

/* Reads swtpm's NUL-separated command line. */
void swtpm_cmdline_parse(struct rf_slice cmdline, struct swtpm_cmdline *out);

/* True when the program's name is QEMU's: qemu-system-*, qemu-kvm, kvm. */
bool qemu_is_program(const char *name);

#endif
