/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One question to the kernel over netlink, and its whole answer as bytes. Which question belongs to
 * which probe is a table in netlink.c; what the answer means is the collectors' matter.
 */
#ifndef RF_SYS_NETLINK_H
#define RF_SYS_NETLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/*
 * Asks the question of the probe name with arg ("" for none) and appends the messages, headers
 * included, without NLMSG_DONE. Returns 0, -EINVAL for an argument that the probe does not take,
 * RF_E_TIMEOUT, RF_E_LIMIT, RF_E_CHANGED (the kernel's tables never stood still), the kernel's own
 * error, or -EPROTONOSUPPORT when the kernel lacks this family.
 */
int netlink_ask(const char *name, const char *arg, struct rf_buf *out,
		struct rf_err *why) RF_MUST_CHECK;

/* What a datagram did to an answer. */
enum netlink_state {
	NETLINK_MORE,
	NETLINK_DONE,
};

/* An answer while it comes in. */
struct netlink_answer {
	uint32_t seq, portid;
	uint16_t single_type; /* a lone message of this type ends it; 0: NLMSG_DONE does */
	bool interrupted;     /* tables changed meanwhile: ask again */
};

/* Takes one datagram. Messages that answer something else are skipped. Returns a netlink_state or
 * a negative code: the kernel's error, RF_E_SYNTAX for bytes that are no messages, RF_E_LIMIT. */
int netlink_take(struct netlink_answer *answer, const uint8_t *data, size_t len,
		 struct rf_buf *out) RF_MUST_CHECK;

/* Whether the bytes of an answer are messages from end to end, so that mnl_nlmsg_ok and
 * mnl_nlmsg_next may walk them. 0 (also for a probe that is not netlink's) or RF_E_SYNTAX. */
int netlink_check(const char *name, const struct rf_buf *bytes) RF_MUST_CHECK;

#endif
