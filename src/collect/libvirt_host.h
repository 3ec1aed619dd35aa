/* SPDX-License-Identifier: Apache-2.0 */
/* What of libvirt is on this host, found without asking a daemon. */
#ifndef RF_COLLECT_LIBVIRT_HOST_H
#define RF_COLLECT_LIBVIRT_HOST_H

#include "model/fact.h"
#include "sys/sys.h"

struct libvirt_host {
	bool installed;	    /* its configuration folder or a daemon's program is there */
	const char *daemon; /* monolithic, modular, none */
	struct fact_int tcp_socket, session_daemons;
};

/* Which daemon is here, whether TCP is open, how many session daemons run. */
void libvirt_host_look(struct sys *sys, struct libvirt_host *out);

/* True when a program of that name exists in one of the usual folders. */
bool libvirt_host_has(struct sys *sys, const char *program);

#endif
