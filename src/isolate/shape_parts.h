/* SPDX-License-Identifier: Apache-2.0 */
/* What reading and changing a link's shaping share; nobody else's business. */
#ifndef RF_ISOLATE_SHAPE_PARTS_H
#define RF_ISOLATE_SHAPE_PARTS_H

#include <libmnl/libmnl.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include "isolate/shape.h"

/* Ours are known by their handle ("RF") and kind, the filter by a priority behind all that the
 * kernel gives away (at most 0xC000). */
#define SHAPE_HANDLE	 TC_H_MAKE(0x52460000u, 0)
#define SHAPE_PRIORITY	 0xFFFEu
#define SHAPE_LINK	 "rfs" /* and the number of the port's link */
#define SHAPE_ALIAS	 "ringfence"
#define SHAPE_NAME_BYTES 16
#define SHAPE_TALK_BYTES 1024

struct shape_link {
	uint32_t ifindex;
	char name[SHAPE_NAME_BYTES];
	bool up, ifb, alias; /* alias: it bears SHAPE_ALIAS */
};
/* One link by number, or by name where ifindex is 0; *out_found false where there is none. */
int shape_link_get(uint32_t ifindex, const char *name, struct shape_link *out,
		   bool *out_found) RF_MUST_CHECK;

/* One queueing discipline. */
struct shape_qdisc {
	char kind[SHAPE_KIND_BYTES]; /* "": the kernel's own */
	uint32_t handle;
	bool ours;
	struct shape_way way;
	struct shape_counts counts;
};
int shape_qdisc_get(uint32_t ifindex, uint32_t parent, struct shape_qdisc *out) RF_MUST_CHECK;

/* What leads frames from a port to a link of its own. */
struct shape_filter {
	bool ours;	  /* something has our priority */
	bool whole;	  /* and it is what we made */
	uint32_t ifindex; /* where it leads */
	bool before;	  /* another's filter, which is not the guard's, stands before it */
};
int shape_filter_get(uint32_t ifindex, struct shape_filter *out) RF_MUST_CHECK;

/* "rfs12" of link 12. */
void shape_link_name(uint32_t ifindex, char out[SHAPE_NAME_BYTES]);
/* Begins a message of a link's traffic control. */
struct nlmsghdr *shape_tc(char *buffer, uint16_t type, uint16_t flags, const struct tcmsg *tc);

#endif
