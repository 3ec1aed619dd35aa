/* SPDX-License-Identifier: Apache-2.0 */
/* What each kind of event is to a receiver: its severity, syslog's MSGID and the number of its
 * SNMP notification. One table (kinds.c). */
#ifndef RF_OUTBOX_KINDS_H
#define RF_OUTBOX_KINDS_H

#include <stddef.h>
#include <stdint.h>

/* RFC 5424 section 6.2.1: the smaller, the worse. */
enum outbox_severity {
	OUTBOX_EMERGENCY,
	OUTBOX_ALERT,
	OUTBOX_CRITICAL,
	OUTBOX_ERROR,
	OUTBOX_WARNING,
	OUTBOX_NOTICE,
	OUTBOX_INFO,
	OUTBOX_DEBUG,
	OUTBOX_SEVERITIES
};

struct outbox_kind {
	const char *kind;      /* a pattern of rf_glob */
	const char *new_state; /* the same; "*" for any */
	enum outbox_severity severity;
	const char *msgid; /* 1 to 32 printable ASCII characters, no blank */
	uint32_t trap;	   /* NAME.0.trap of the MIB */
};
extern const struct outbox_kind outbox_kinds[];
extern const size_t outbox_kinds_count;

/* The first row that fits; the last fits all. */
const struct outbox_kind *outbox_kind_find(const char *kind, const char *new_state);

/* "critical"; the severity of such a name, or -1. */
const char *outbox_severity_name(enum outbox_severity severity);
int outbox_severity_find(const char *name);

#endif
