/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The segment of a VM in quarantine: a bridge of its own per network card, without uplink, address
 * or neighbour, named after the card's MAC address ("rfq525400123456"). What the VM sends goes
 * there, a recorder listens there, and the card is plugged in there. Needs CAP_NET_ADMIN.
 */
#ifndef RF_ISOLATE_SEGMENT_H
#define RF_ISOLATE_SEGMENT_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define SEGMENT_PREFIX "rfq"

/* The name of a card's segment. Pure. */
void segment_name(const uint8_t mac[6], char out[IFNAMSIZ]);
/* Whether a link's name is one of a segment. Pure. */
bool segment_is_name(const char *name);

/* What a link is now. */
struct segment_link {
	uint32_t ifindex, master;
	uint32_t listeners; /* who put it into promiscuous mode */
	bool bridge;
	char name[IFNAMSIZ], owner[64]; /* owner: its alias */
};
/* By name, or by ifindex where name is NULL. RF_E_MISSING. */
int segment_link_find(const char *name, uint32_t ifindex, struct segment_link *out,
		      struct rf_err *err) RF_MUST_CHECK;

/* Makes the segment, marked as made for that port, unless it is there; up, STP and IPv6 off. Waits
 * wait_ms at most until somebody listens. RF_E_DENIED: the name belongs to a link of others. */
int segment_make(const char *name, const char *port, unsigned wait_ms, uint32_t *out_ifindex,
		 struct rf_err *err) RF_MUST_CHECK;
/* Removes what was made for that port, but for the segment called except (NULL: none), and those
 * that a network card is still plugged into; and what nobody finished making, whom it was made for:
 * who is at it makes it again. */
int segment_tidy(const char *port, const char *except, struct rf_err *err) RF_MUST_CHECK;

#endif
