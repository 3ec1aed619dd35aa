/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collector services: units and init scripts, whether they start at boot and whether they run. It
 * asks neither systemd nor D-Bus. Sources: units.c for the files; cgroups(7) and systemd's
 * CONTROL_GROUP_INTERFACE for what runs.
 */
#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/collect.h"
#include "collect/proc.h"
#include "collect/units.h"

#define CGROUP_MAX_DEPTH 8

/* Targets that a control asks about; the others are only names for groups of units. */
static const char *const targets_asked[] = {
	"ctrl-alt-del.target", "graphical.target",   "bluetooth.target",
	"nfs-client.target",   "debug-shell.target",
};

/* Init scripts whose process has another name. */
static const struct {
	const char *unit, *process;
} script_processes[] = {
	{"ssh.service", "sshd"},	  {"networking.service", "ifup"},
	{"snmpd.service", "snmpd"},	  {"ntpsec.service", "ntpd"},
	{"ntp.service", "ntpd"},	  {"chrony.service", "chronyd"},
	{"rsyslog.service", "rsyslogd"},  {"virtlogd.service", "virtlogd"},
	{"libvirtd.service", "libvirtd"},
};

struct services {
	struct sys *sys;
	struct fact_sink *out;
	struct units units;
	struct rf_map populated; /* units whose cgroup holds processes */
	struct rf_map programs;	 /* names and paths of binaries that run */
	bool booted;		 /* by systemd */
	bool cgroups_seen;
	bool programs_seen;
};

static void services_done(struct services *s)
{
	units_done(&s->units);
	rf_map_done(&s->populated);
	rf_map_done(&s->programs);
}

/* True when the group or one below it holds a process. */
static bool cgroup_populated(struct sys *sys, const char *dir, int depth)
{
	RF_AUTOBUF struct rf_buf text = {0};
	RF_AUTOFREE char *events = rf_asprintf("%s/cgroup.events", dir);
	RF_AUTOFREE char *procs = rf_asprintf("%s/cgroup.procs", dir);

	if (!events || !procs)
		return false;
	/* Version 2 tells it for the whole tree below. */
	if (sys_read(sys, events, RF_MAX_PROC_BYTES, &text, NULL) == 0)
		return strstr(rf_buf_text(&text), "populated 1") != NULL;
	rf_buf_reset(&text);
	if (sys_read(sys, procs, RF_MAX_PROC_BYTES, &text, NULL) == 0 && text.len > 0)
		return true;
	SYS_AUTONAMES struct sys_names names = {0};

	if (depth >= CGROUP_MAX_DEPTH || sys_list(sys, dir, &names, NULL) < 0)
		return false;
	for (size_t i = 0; i < names.count; i++) {
		RF_AUTOFREE char *path = rf_asprintf("%s/%s", dir, names.names[i]);
		struct sys_stat st;

		if (path && sys_stat(sys, path, &st) == 0 && (st.type & 0170000) == 0040000 &&
		    cgroup_populated(sys, path, depth + 1))
			return true;
	}
	return false;
}

/* Slices hold slices and units. */
static void walk_slice(struct services *s, const char *dir, int depth)
{
	SYS_AUTONAMES struct sys_names names = {0};

	if (depth > CGROUP_MAX_DEPTH || sys_list(s->sys, dir, &names, NULL) < 0)
		return;
	for (size_t i = 0; i < names.count; i++) {
		const char *name = names.names[i];
		RF_AUTOFREE char *path = rf_asprintf("%s/%s", dir, name);

		if (!path)
			return;
		if (rf_ends(name, ".slice")) {
			s->cgroups_seen = true;
			walk_slice(s, path, depth + 1);
		} else if ((rf_ends(name, ".service") || rf_ends(name, ".socket")) &&
			   cgroup_populated(s->sys, path, 0) &&
			   rf_map_set(&s->populated, name, s) < 0) {
			return;
		}
	}
}

static void read_cgroups(struct services *s)
{
	static const char *const roots[] = {"/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified",
					    "/sys/fs/cgroup"};

	for (size_t i = 0; i < RF_COUNT(roots) && !s->cgroups_seen; i++)
		walk_slice(s, roots[i], 0);
}

static void read_programs(struct services *s)
{
	SYS_AUTONAMES struct sys_names pids = {0};
	struct proc proc;

	if (proc_list(s->sys, &pids, NULL) < 0)
		return;
	for (size_t i = 0; i < pids.count; i++) {
		char path[64], exe[RF_MAX_PATH_BYTES];

		if (!proc_is_pid(pids.names[i]) || proc_read(s->sys, pids.names[i], &proc) < 0 ||
		    proc.is_kernel)
			continue;
		s->programs_seen = true;
		if (rf_map_set(&s->programs, proc.comm, s) < 0)
			return;
		rf_format(path, sizeof(path), "/proc/%.16s/exe", pids.names[i]);
		if (sys_readlink(s->sys, path, exe, sizeof(exe)) == 0 &&
		    rf_map_set(&s->programs, exe, s) < 0)
			return;
	}
}

/* The kernel cuts a process name after 15 bytes. */
static bool comm_runs(const struct services *s, const char *name)
{
	char comm[16];

	rf_copy(comm, sizeof(comm), name);
	return *comm && rf_map_has(&s->programs, comm);
}

static bool script_runs(const struct services *s, const struct unit *unit)
{
	char name[256];

	for (size_t i = 0; i < RF_COUNT(script_processes); i++) {
		if (strcmp(script_processes[i].unit, unit->name) == 0)
			return comm_runs(s, script_processes[i].process);
	}
	rf_copy(name, sizeof(name), unit->name);
	char *dot = strrchr(name, '.');

	if (dot)
		*dot = '\0';
	return comm_runs(s, name);
}

static bool program_runs(const struct services *s, const struct unit *unit)
{
	char program[512];

	if (unit->script)
		return script_runs(s, unit);
	if (strstr(unit->name, "@."))
		return false;
	units_program(&s->units, unit, program, sizeof(program));
	const char *slash = strrchr(program, '/');

	return program[0] &&
	       (rf_map_has(&s->programs, program) || comm_runs(s, slash ? slash + 1 : program));
}

/* Sockets, timers and targets have no process: under systemd the files cannot tell. */
static struct fact_int unit_running(const struct services *s, const struct unit *unit)
{
	bool has_process = rf_ends(unit->name, ".service");

	if (!s->booted) {
		if (!has_process)
			return FACT_BOOL(false);
		return s->programs_seen ? FACT_BOOL(program_runs(s, unit)) : (struct fact_int){0};
	}
	if (rf_map_has(&s->populated, unit->name))
		return FACT_BOOL(true);
	return has_process && s->cgroups_seen ? FACT_BOOL(false) : (struct fact_int){0};
}

static bool is_asked(const char *name)
{
	if (rf_ends(name, ".service") || rf_ends(name, ".socket") || rf_ends(name, ".timer"))
		return true;
	for (size_t i = 0; i < RF_COUNT(targets_asked); i++) {
		if (strcmp(name, targets_asked[i]) == 0)
			return true;
	}
	return false;
}

static void put_unit(struct services *s, const struct unit *unit)
{
	const struct unit *real = unit->alias_of ? units_find(&s->units, unit->name) : unit;

	/* An alias of a unit that is not there starts nothing. */
	bool there = real && real->installed;
	bool masked = unit->masked || (real && real->masked);

	fact_put_service(s->out, &(struct fact_service){
					 .unit = unit->name,
					 .installed = FACT_BOOL(there),
					 .enabled = FACT_BOOL(there && real->started && !masked),
					 .masked = FACT_BOOL(masked),
					 .running = real ? unit_running(s, real) : FACT_BOOL(false),
					 .source = unit->path,
				 });
}

static void tell_gaps(const struct services *s)
{
	if (!s->booted && !s->programs_seen)
		fact_gap(s->out, FACT_T_SERVICE, "", "running", "/proc",
			 "no process could be listed, so nobody knows which services run");
	else if (s->booted && !s->cgroups_seen)
		fact_gap(s->out, FACT_T_SERVICE, "", "running", "/sys/fs/cgroup",
			 "systemd's control groups were not found, so nobody knows what runs");
	else if (s->booted)
		fact_gap(
			s->out, FACT_T_SERVICE, "", "running", "/sys/fs/cgroup",
			"sockets, timers and targets have no process to be seen by: ask systemctl, "
			"or the table listener for what a socket waits on");
}

int collect_services(struct sys *sys, const struct collect_request *req, struct fact_sink *out,
		     struct rf_err *err)
{
	__attribute__((cleanup(services_done))) struct services s = {.sys = sys, .out = out};
	int rc = units_read(sys, &s.units, err);

	(void)req;
	if (rc < 0)
		return rf_wrap(err, rc, "services");
	s.booted = units_booted(sys);
	if (s.booted)
		read_cgroups(&s);
	else
		read_programs(&s);
	for (size_t i = 0; i < s.units.count; i++) {
		if (is_asked(s.units.units[i]->name))
			put_unit(&s, s.units.units[i]);
	}
	if (s.units.count)
		tell_gaps(&s);
	return 0;
}
