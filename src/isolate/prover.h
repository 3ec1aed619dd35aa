/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who asks the kernel for `isolate verify`: the program itself is locked in before it parses the
 * policy and judges, and has no right left. A process of its own, with the rights and no input but
 * typed requests, asks the guard and the links and reads some files of /proc and cgroups; another,
 * in an empty network namespace, sends test frames through token buckets; a third may make groups
 * of processes, and puts load into its own. None can change what is in force.
 */
#ifndef RF_ISOLATE_PROVER_H
#define RF_ISOLATE_PROVER_H

#include "isolate/cpu_try.h"
#include "isolate/guard/guard.h"
#include "isolate/ksm_try.h"
#include "isolate/shape.h"
#include "sys/sys.h"

struct prover;

/* Starts it, before anything is read; trials: also who sends frames, and who makes load.
 * RF_E_MISSING is no error where no guard is loaded: *out_guarded says it. */
int prover_start(bool trials, struct prover **out, bool *out_guarded,
		 struct rf_err *err) RF_MUST_CHECK;
/* Accepts NULL. */
void prover_stop(struct prover *prover);
/* Which layers this machine could not give its sandboxes; "". */
const char *prover_missing(const struct prover *prover);

struct prover_link {
	uint32_t ifindex;
	char name[16];
};
/* The VMs' ports that the guard has, at most max; *out_count is how many there are. */
int prover_links(struct prover *prover, struct prover_link *out, size_t max, size_t *out_count,
		 struct rf_err *err) RF_MUST_CHECK;

/* A guard_proof as it goes from one process to another. */
struct prover_proof {
	uint8_t honest, configured, enforced, proven;
	uint32_t verdict;
	char name[80], evidence[160];
};
struct prover_port {
	uint32_t ifindex;      /* 0: there is no such link */
	uint32_t guarded;      /* 1: live counts */
	uint32_t hangs;	       /* 1: both programs hang on the link, before any other */
	uint32_t nft;	       /* 1: by rules of nft, for BPF is forbidden; then no proofs */
	uint32_t whole, rules; /* of nft: as made; how many */
	uint32_t count;	       /* of proofs; 0: problem says why they cannot be had, if anything */
	struct guard_port live;
	struct prover_proof proofs[GUARD_PROBES];
	char problem[240];
};
/* What the guard has and does at a link, by its name. */
int prover_port(struct prover *prover, const char *link, struct prover_port *out,
		struct rf_err *err) RF_MUST_CHECK;
#define PROVER_MACS 32
struct prover_layer {
	uint32_t is_port; /* of a bridge: bridge and macs count */
	uint32_t strict, macs_count;
	uint32_t nft; /* 1: by rules of nft, for BPF is forbidden */
	struct guard_bridge_port bridge;
	uint8_t macs[PROVER_MACS][6]; /* static ones; macs_count may be more */
	struct guard_rules rules;
};
/* What there is of the second layer at a link (""; then of the host alone). */
int prover_layer(struct prover *prover, const char *link, struct prover_layer *out,
		 struct rf_err *err) RF_MUST_CHECK;
/* shape_see by name. RF_E_MISSING: there is no such link. */
int prover_shape(struct prover *prover, const char *link, struct shape_seen *out,
		 struct rf_err *err) RF_MUST_CHECK;
/* shape_try where it harms nobody. RF_E_UNSUPPORTED without trials. */
int prover_try(struct prover *prover, const struct shape_way *way, unsigned ms,
	       struct shape_trial *out, struct rf_err *err) RF_MUST_CHECK;
/* cpu_try beside the group of that VM, and ksm_try. RF_E_UNSUPPORTED without trials. */
int prover_load(struct prover *prover, const char *vm, const struct cpu_load *load,
		struct cpu_trial *out, struct rf_err *err) RF_MUST_CHECK;
int prover_pages(struct prover *prover, unsigned max_ms, struct ksm_trial *out,
		 struct rf_err *err) RF_MUST_CHECK;
/* The files that proofs are made of, as a host; prover must outlive it. */
int prover_host(struct prover *prover, struct sys **out, struct rf_err *err) RF_MUST_CHECK;
/* Whether a file may be read so: it proves something, and holds no secret. Pure. */
bool prover_path_allowed(const char *path);

#endif
