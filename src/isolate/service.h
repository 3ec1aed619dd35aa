/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guard's service: ports of VMs are guarded from birth, and what another program takes off
 * comes back. It parses nothing: what ports are to be comes as checked records (table.h) from a
 * process that does. What it enforces stays in the kernel when it ends.
 *
 * A new port is refused everything at once; its policy follows from the records at hand by the VM's
 * address, and again, for good, from records made after it appeared. A port that was there before
 * is left as `isolate apply` made it.
 */
#ifndef RF_ISOLATE_SERVICE_H
#define RF_ISOLATE_SERVICE_H

#include "isolate/table.h"

struct service_options {
	struct guard *guard;
	int records;   /* stream to the process that makes records: a byte asks, a table comes */
	int policy_fd; /* inotify on the folder of the kept policy */
	int lock_fd; /* of the journal of changes: while it is held nothing but purges is healed */
	void (*say)(void *arg, const char *line); /* one line for a person */
	void *arg;
};

struct service;

/* Asks for the first records, and guards nothing before they come. Free with service_close. */
int service_open(const struct service_options *options, struct service **out,
		 struct rf_err *err) RF_MUST_CHECK;
void service_close(struct service *service);
/* Waits for one thing to happen, at most timeout_ms, and deals with it. -EINTR at a signal. */
int service_step(struct service *service, int timeout_ms, struct rf_err *err) RF_MUST_CHECK;
/* Whether the first records came, and what they say was done. */
bool service_ready(const struct service *service);

#endif
