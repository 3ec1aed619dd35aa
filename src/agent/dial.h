/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dials the manager: name to addresses, the first that takes the connection, TLS, frames. It never
 * waits within a call, and opens no file once it is made.
 */
#ifndef RF_AGENT_DIAL_H
#define RF_AGENT_DIAL_H

#include "fleet/link.h"

struct dial;

struct dial_options {
	struct event_base *base;
	const char *host;
	uint16_t port;
	const struct link_handlers *handlers; /* of the link; closed also where none came to be,
						 with link NULL */
	void *arg;
};

/* Reads /etc/resolv.conf and /etc/hosts now. */
int dial_new(const struct dial_options *options, struct dial **out,
	     struct rf_err *err) RF_MUST_CHECK;
void dial_free(struct dial *dial);

/* Begins to dial with this TLS context (which must stay until the end of the link) and phase. The
 * link is given by handlers.opened. One at a time: RF_E_DUPLICATE. */
int dial_start(struct dial *dial, struct tls *tls, enum wire_phase phase,
	       struct rf_err *err) RF_MUST_CHECK;

#endif
