/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which libvirt daemons are installed and run. Sources: libvirt's daemons.rst (monolithic and
 * modular), systemd.unit(5) for enabled sockets, proc(5).
 */
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/libvirt_host.h"
#include "collect/proc.h"

#define TCP_LISTEN "0A"	   /* st in /proc/net/tcp */
#define TCP_PORT   ":407D" /* 16509 */

bool libvirt_host_has(struct sys *sys, const char *program)
{
	static const char *const dirs[] = {"/usr/sbin", "/usr/bin", "/usr/local/sbin", "/sbin"};
	char path[256];

	for (size_t i = 0; i < RF_COUNT(dirs); i++) {
		if (rf_format(path, sizeof(path), "%s/%s", dirs[i], program) &&
		    sys_exists(sys, path))
			return true;
	}
	return false;
}

struct running {
	bool monolithic, modular;
	int64_t sessions;
};

static bool find_running(struct sys *sys, struct running *r)
{
	SYS_AUTONAMES struct sys_names pids = {0};
	struct proc p;

	if (proc_list(sys, &pids, NULL) < 0)
		return false;
	for (size_t i = 0; i < pids.count; i++) {
		if (proc_read(sys, pids.names[i], &p) < 0)
			continue;
		bool mono = strcmp(p.comm, "libvirtd") == 0;

		if (!mono && strcmp(p.comm, "virtqemud") != 0)
			continue;
		if (p.uid > 0)
			r->sessions++;
		else if (mono)
			r->monolithic = true;
		else
			r->modular = true;
	}
	return true;
}

static bool enabled(struct sys *sys, const char *unit)
{
	static const char *const dirs[] = {"/etc/systemd/system/sockets.target.wants",
					   "/run/systemd/system/sockets.target.wants",
					   "/etc/systemd/system/multi-user.target.wants",
					   "/usr/lib/systemd/system/sockets.target.wants"};
	char path[256];
	struct sys_stat st;

	for (size_t i = 0; i < RF_COUNT(dirs); i++) {
		if (rf_format(path, sizeof(path), "%s/%s", dirs[i], unit) &&
		    sys_stat(sys, path, &st) == 0)
			return true;
	}
	return false;
}

/* 1 when a TCP socket waits on the port (":HHHH" in hexadecimal), 0 when not, -1 unknown. */
static int port_waits(struct sys *sys, const char *path, const char *port)
{
	RF_AUTOBUF struct rf_buf text = {0};

	if (sys_read(sys, path, RF_MAX_PROC_BYTES, &text, NULL) < 0 || text.len == 0)
		return -1;
	char *cursor = (char *)text.data;

	for (char *line; (line = rf_line_next(&cursor));) {
		rf_word_next(&line);
		const char *local = rf_word_next(&line);

		rf_word_next(&line);
		const char *state = rf_word_next(&line);

		if (local && state && strcmp(state, TCP_LISTEN) == 0 && rf_ends(local, port))
			return 1;
	}
	return 0;
}

static struct fact_int tcp_socket(struct sys *sys)
{
	if (enabled(sys, "libvirtd-tcp.socket") || enabled(sys, "virtproxyd-tcp.socket"))
		return FACT_INT(1);
	int v4 = port_waits(sys, "/proc/net/tcp", TCP_PORT);
	int v6 = port_waits(sys, "/proc/net/tcp6", TCP_PORT);

	if (v4 == 1 || v6 == 1)
		return FACT_INT(1);
	return v4 == 0 ? FACT_INT(0) : (struct fact_int){0};
}

void libvirt_host_look(struct sys *sys, struct libvirt_host *out)
{
	bool mono = libvirt_host_has(sys, "libvirtd");
	bool modular = libvirt_host_has(sys, "virtqemud");
	struct running r = {0};

	*out = (struct libvirt_host){.daemon = "none"};
	if (find_running(sys, &r))
		out->session_daemons = FACT_INT(r.sessions);
	out->tcp_socket = tcp_socket(sys);
	out->installed =
		mono || modular || sys_exists(sys, "/etc/libvirt") || r.monolithic || r.modular;
	/* What runs decides; then what is started at boot; then what is there at all. */
	if (r.modular || (!r.monolithic && enabled(sys, "virtqemud.socket")))
		out->daemon = "modular";
	else if (r.monolithic || enabled(sys, "libvirtd.socket") ||
		 enabled(sys, "libvirtd.service"))
		out->daemon = "monolithic";
	else if (mono || modular)
		out->daemon = mono ? "monolithic" : "modular";
}
