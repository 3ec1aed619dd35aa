/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Locks the calling process in, before it reads a byte of input: no new privileges, no capability
 * that its work does not need, Landlock for what it may open, seccomp for what it may call. There
 * is no way back. What is forbidden fails with EPERM or EACCES; nothing is killed for it.
 */
#ifndef RF_SYS_SANDBOX_H
#define RF_SYS_SANDBOX_H

#include <stddef.h>

#include "base/err.h"

/* For a directory host SANDBOX_COLLECT_FILES serves all collectors. */
enum sandbox_profile {
	/* Reads and lists everything that its rights allow; no socket. */
	SANDBOX_COLLECT_FILES,
	/* The same with netlink, and without Landlock, which would hide /proc/PID/exe and fd of
	 * other processes (a landlocked process may not look into others); seccomp alone then keeps
	 * it from writing. For the live host only. */
	SANDBOX_COLLECT_PROCESSES,
	/* As files, with netlink and the rights to ask for firewall and audit rules. */
	SANDBOX_COLLECT_NET,
	/* As net, and may ask about BPF programs (bpf(2), three of its commands): that takes
	 * CAP_SYS_ADMIN, whose other uses seccomp and Landlock keep it from. */
	SANDBOX_COLLECT_BPF,
	/* As files, with local sockets to libvirt's daemons. */
	SANDBOX_COLLECT_LIBVIRT,
	/* As files, and may open the TPM. */
	SANDBOX_COLLECT_TPM,
	/* As files, and may write to a folder of whoever called sudo; for a program that has opened
	 * its TPM before. */
	SANDBOX_EVIDENCE,
	/* The same for a software TPM, which is asked anew over the network for each command. */
	SANDBOX_EVIDENCE_SOFTWARE,
	/* Opens no file and no socket. The time zone must have been read before (tzset). */
	SANDBOX_JUDGE,
	/* The privileged process (src/change): reads everything, changes modes, owners and links,
	 * writes below the writable directories only; netlink, local sockets, and of bpf(2) what
	 * the network guard needs; runs nothing. */
	SANDBOX_CHANGE,
	/* The recorder of a VM in quarantine, roles of the agent: no right at all, what sockets it
	 * has it opened before, writes to its folder only. */
	SANDBOX_RECORD,
	/* Asks a network guard that is open already: rtnetlink, test runs and reading of its maps.
	 * Opens no file, changes nothing. */
	SANDBOX_GUARD_ASK,
	/* Asks for `isolate verify`: as the one before, and reads files of other processes, whose
	 * bytes it hands on unread. Changes nothing. */
	SANDBOX_PROVE,
	/* Sends test frames: in an empty network namespace that it is in already. No file. */
	SANDBOX_TRIAL,
	/* The guard's service, with its guard open: hangs its programs on links, writes its maps,
	 * configures ports of bridges and the rules of nft. Opens no file, loads no program. */
	SANDBOX_GUARD,
	/* Counts what processes do: reads everything, opens counters of the processor for others'
	 * threads (perf_event_open(2)), writes to its folder only; no socket. */
	SANDBOX_COUNT,
	/* As files; may make folders below the writable directories and take them away: groups of
	 * processes (cgroups), into which it puts its own children. */
	SANDBOX_LOAD,
	/* Answers strangers: takes connections on sockets that listen already. No other socket; of
	 * files those below the writable directories (a store of SQLite), which it may read. */
	SANDBOX_SERVE,
	/* The same, and connects to PostgreSQL anew when it went away, which reads names of hosts,
	 * certificates and a file of passwords. */
	SANDBOX_SERVE_NET,
	/* Sends to receivers of events: connects by TCP and UDP, lists this machine's addresses,
	 * reads the resolver's files and nothing else. */
	SANDBOX_DELIVER,
	/* Dials a manager, and takes connections on a local socket that listens already; of files
	 * those below the writable directories. No local socket of its own. */
	SANDBOX_DIAL,
};

#define SANDBOX_MISSING_BYTES 256

/*
 * Enters a profile. Below the writable directories (which must be there; a recording's, or where
 * reports go) files may be made, written, replaced and removed; nowhere else. That is Landlock's
 * doing: SANDBOX_COLLECT_PROCESSES with a writable directory may write wherever its user may, and
 * missing says so.
 *
 * missing gets "" or, for a person, which layers this machine could not give and why; the others
 * hold all the same. Returns 0, RF_E_UNKNOWN for no such profile, the error of a writable directory
 * that cannot be opened, or RF_E_DENIED when not even new privileges could be given up.
 */
int sandbox_enter(enum sandbox_profile profile, const char *const *writable, size_t writable_count,
		  char missing[SANDBOX_MISSING_BYTES], struct rf_err *err) RF_MUST_CHECK;

#endif
