/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collectors: each reads one family of facts through the seam (sys/sys.h) and writes rows
 * (model/fact.h). A collector judges nothing. It never fails for one odd file: it writes a gap and
 * goes on; it returns an error only when none of its tables can be had.
 *
 * To add one: write collect/NAME.c with a function of type collect_fn and add a row to the table in
 * collect.c. Nothing else.
 */
#ifndef RF_COLLECT_COLLECT_H
#define RF_COLLECT_COLLECT_H

#include "base/err.h"
#include "model/fact.h"
#include "sys/sys.h"

/* What the user asked for. */
struct collect_request {
	const char *uri;	/* libvirt URI; NULL: none */
	const char *const *vmx; /* .vmx files or folders */
	size_t vmx_count;
	const char *const *xml; /* libvirt XML files or folders */
	size_t xml_count;
	const char *approved_dir; /* approved definitions, NAME.xml each; NULL: none */
	bool host;		  /* collect the host itself */
};

typedef int collect_fn(struct sys *sys, const struct collect_request *req, struct fact_sink *out,
		       struct rf_err *err);

/* When a collector runs. */
enum collect_when {
	COLLECT_HOST,	 /* when the host is asked for */
	COLLECT_LIBVIRT, /* when a URI is asked for */
	COLLECT_FILES,	 /* when .vmx or XML paths are given */
};

#define COLLECT_MAX_TABLES 24

/* What a collector of the host reaches beyond files: the narrowest sandbox that lets it. */
enum collect_reach {
	COLLECT_FILES_ONLY,
	COLLECT_PROCESSES, /* /proc/PID/exe, fd, ns: Landlock would hide them; and sockets */
	COLLECT_NETLINK,   /* links, the packet filter, audit */
	COLLECT_TPM,	   /* the TPM's device */
	COLLECT_BPF,	   /* netlink, names of BPF programs, net.core.bpf_jit_*: CAP_SYS_ADMIN */
};

struct collector {
	const char *name;
	const char *what; /* a line for progress and docs */
	enum collect_when when;
	collect_fn *run;
	enum fact_table_id tables[COLLECT_MAX_TABLES]; /* those it fills; ends with fact_gap (0) */
	enum collect_reach reach;
	/* It tells of each step (collect_heartbeat): silence ends it, and only a multiple of that
	 * its length, so that a large or busy host does not lose its tables. */
	bool in_steps;
};

extern const struct collector collectors[];
extern const size_t collectors_count;

/* What a file collector calls before each file: a hang or crash then costs that file alone. False:
 * leave this file out (it was read, or did harm, before a restart). */
bool collect_heartbeat(struct fact_sink *out, const char *path);

/* False when a collector in steps should end with what it has, and say in a gap what is missing. */
bool collect_time_left(const struct fact_sink *out);

/* The collectors' functions; one row each in collect.c. */
collect_fn collect_boot, collect_attest_verdict, collect_kernel, collect_cpu, collect_memory,
	collect_accounts, collect_auth, collect_sudo, collect_polkit, collect_ssh, collect_services,
	collect_processes, collect_listeners, collect_packages, collect_package_files,
	collect_package_sources, collect_mounts, collect_modes, collect_special_files,
	collect_logging, collect_audit, collect_time, collect_snmp, collect_firewall,
	collect_certificates, collect_links, collect_bridges, collect_tc, collect_config,
	collect_storage_targets, collect_storage_devices, collect_libvirt_conf, collect_qemu_conf,
	collect_libvirt, collect_libvirt_hypervisor, collect_qemu_processes, collect_vmx_files,
	collect_xml_files, collect_host, collect_ovs, collect_tpm, collect_quarantine,
	collect_namespaces;

#endif
