/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrets of VMs on their way through the role `priv`: what the manager released comes from net, is
 * given to a job as sealed memory, which puts it into libvirt's memory (sys/virtsecret.h), and net
 * is told. One at a time, apart from commands: the start of a VM waits for them. Nothing of it is
 * on a disk or in an argument of a process.
 */
#ifndef RF_AGENT_SECRETS_H
#define RF_AGENT_SECRETS_H

#include "agent/role.h"

#define SECRETS_MAX   16u
#define SECRETS_BYTES 4096u

struct secret_order {
	char vm[65], secret[65];
	int memory; /* its value; -1: forget it */
};

struct secrets {
	struct secret_order queue[SECRETS_MAX];
	size_t count;
	bool working, sweeping;
};

/* Has what an agent before us left in libvirt taken away. */
int secrets_sweep(struct secrets *secrets, struct rf_err *err) RF_MUST_CHECK;

/* A SECRET of net: with bytes it is set, without it is forgotten. Another answer than 0 is a fault
 * of the link; what cannot be done is answered. */
int secrets_take(struct secrets *secrets, struct role *role, const struct wire_frame *frame,
		 struct rf_err *err) RF_MUST_CHECK;

/* The answer of a JOB_SECRET. */
void secrets_answer(struct secrets *secrets, struct role *role, const struct job_answer *answer,
		    int memory);

#endif
