/* SPDX-License-Identifier: Apache-2.0 */
/*
 * systemd's units and SysV init scripts as the files say: which there are, which are started at
 * boot, which are masked. Nothing is asked of systemd itself, so that a capture answers the same.
 */
#ifndef RF_COLLECT_UNITS_H
#define RF_COLLECT_UNITS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/map.h"
#include "sys/sys.h"

struct unit {
	char *name;	/* with suffix: ssh.service */
	char *path;	/* the unit file, link or init script that decides */
	char *alias_of; /* the unit that this name stands for; NULL */
	bool installed; /* a unit file or script is there, though it may be masked */
	bool masked;
	bool script;  /* from /etc/init.d, no unit file */
	bool started; /* at boot */
};

struct unit_edge; /* one unit pulls in another */

/* Zero-initialise. */
struct units {
	struct sys *sys;
	struct unit **units;
	size_t count, capacity;
	struct rf_map index; /* name to struct unit */
	struct unit_edge *edges;
	size_t edges_count, edges_capacity;
	bool failed; /* memory was short, or a limit was reached */
};
#define UNITS_AUTO __attribute__((cleanup(units_done)))

/* Reads everything. A host without systemd and without init scripts has no units. */
int units_read(struct sys *sys, struct units *out, struct rf_err *err) RF_MUST_CHECK;
void units_done(struct units *units);

/* The unit of that name, aliases followed; NULL when there is none. */
const struct unit *units_find(const struct units *units, const char *name);

/* True when the unit is there, not masked, and started at boot. */
bool units_enabled(const struct units *units, const char *name);

/* True when the host was booted by systemd. */
bool units_booted(struct sys *sys);

/*
 * The program that ExecStart= of a service runs, in out; "" when it has none or runs it by an
 * interpreter.
 */
void units_program(const struct units *units, const struct unit *unit, char *out, size_t size);

#endif
