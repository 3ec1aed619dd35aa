/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands of `isolate` share: a policy over the facts of this host. */
#ifndef RF_CLI_ISOLATE_H
#define RF_CLI_ISOLATE_H

#include "cli/cli.h"
#include "cli/quarantine.h"
#include "isolate/closed.h"
#include "isolate/memory.h"
#include "isolate/cpu.h"
#include "isolate/disk.h"
#include "isolate/nft_promises.h"
#include "isolate/promise.h"
#include "isolate/prover.h"
#include "isolate/verbs.h"

#define ISOLATE_POLICY	   "/etc/ringfence/isolate.yaml"
#define ISOLATE_GUARD_LOCK "guard.lock" /* held by the guard's service; its process */

/* How ports are guarded on this host: what plan, apply, verify, watch, status and doctor say. */
struct isolate_guarding {
	enum guard_means means;
	bool nft_holds;		   /* the table of the fallback is there */
	char note[NFT_NOTE_BYTES]; /* "", or what is said */
};
void isolate_guarding_ask(struct isolate_guarding *out);
/* Says the note on standard error, unless --quiet. */
void isolate_guarding_say(const struct cli_args *args, const struct isolate_guarding *guarding);

/* Zero-initialise; isolate_input_done frees. */
struct isolate_input {
	struct policy *policy;
	struct policy *before; /* the one that is in force; NULL */
	struct policy_nics nics;
	struct policy_result result;
	struct memory_input memory;
	struct memory_result memory_result;
	struct policy_host host;
	struct cpu_result cpu;
	struct policy_notes notes; /* of processor, memory and disk */
	struct records quarantined;
	struct isolate_guarding guarding;
	struct disk_input disks;
	/* ISOLATE_PROOF: what is said of disks. */
	struct isolate_promises promises;
	struct guard_zone *live; /* GUARD_ZONES rows; those of a new guard where none is loaded */
	struct guard_links links;
	struct closed_guards guards;
	struct ownway access;
	struct policy_numbers *numbers; /* of zones, when that one was applied */
	struct rf_buf kept, keep;	/* what is kept of it, and is to be kept of the new one */
	struct fact_store *facts;	/* vm, vm_nic, link, bridge, bridge_port, address, sysctl */
};

enum isolate_purpose {
	ISOLATE_PLAN,
	ISOLATE_PROOF, /* promises of disks besides, and the facts that they need */
};
/* Reads the policy file (NULL: ISOLATE_POLICY; with --kept the one that is in force) and the facts,
 * locks the program in as soon as everything is read, and only then parses and resolves the one
 * over the other. */
int isolate_input_read(const struct cli_args *args, const char *file, enum isolate_purpose purpose,
		       struct isolate_input *out, struct rf_err *err) RF_MUST_CHECK;
void isolate_input_done(struct isolate_input *input);
/* The VMs that a policy puts into a zone, each with its NUL. For who has more to read and to do:
 * the policy is parsed in a child that is locked in. */
int isolate_zone_members(const struct cli_args *args, const char *file, const char *zone,
			 struct rf_buf *out, struct rf_err *err) RF_MUST_CHECK;
/* The folder of STATE that the guard's service and the kept policy share. */
int isolate_folder(const struct cli_args *args, char *out, size_t size,
		   struct rf_err *err) RF_MUST_CHECK;
/* The policy that is in force, as it is kept (applied.h); nothing where none was applied. */
int isolate_kept_read(const struct cli_args *args, struct rf_buf *out,
		      struct rf_err *err) RF_MUST_CHECK;

/* Says that no guard is loaded, and how to load one. */
int isolate_no_guard(struct rf_err *err) RF_MUST_CHECK;
/* The service's process, from the file that it holds the lock of, which is open then (or -1); 0: it
 * does not run. */
int isolate_service_pid(const struct cli_args *args, int *out_lock, int64_t *out,
			struct rf_err *err) RF_MUST_CHECK;
/* Opens the guard that is there, or says how to load one. */
int isolate_guard_open(struct guard **out, struct rf_err *err) RF_MUST_CHECK;
/* Locks the program in: it may read the guard, and ask rtnetlink, and no more. */
int isolate_lock_in(const struct cli_args *args, struct rf_err *err) RF_MUST_CHECK;

/* Appends what of a port's shaping is configured, enforced and, with active, proven by real frames
 * (cmd_isolate_shape.c). wanted NULL: no policy was given. */
int isolate_shape_promises(struct prover *prover, const char *link,
			   const struct policy_port *wanted, bool active,
			   struct isolate_promises *out, struct rf_err *err) RF_MUST_CHECK;
/* Prints promises grouped by subject, those kept with all. */
void isolate_promises_show(FILE *out, const struct isolate_promises *promises, bool all);

/* Prints what gets no port, and why: conflicts always, the rest with all. */
void isolate_left_show(FILE *out, const struct policy_result *result, bool all);
/* Prints the notes: conflicts always, the rest unless quiet. */
void isolate_notes_show(FILE *out, const struct policy_notes *notes, bool quiet);

/* Prints what of the memory cannot be had, and why: conflicts always, the rest with all. */
void isolate_memory_notes_show(FILE *out, const struct memory_result *result, bool all);

#endif
