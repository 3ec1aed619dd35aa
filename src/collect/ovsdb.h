/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the database file of Open vSwitch: a log of transactions, the first of which is its schema.
 * What it says is what was configured; a clustered database is not followed. Source: ovsdb(7),
 * "OVSDB File Formats"; RFC 7047; ovs-vswitchd.conf.db(5).
 */
#ifndef RF_COLLECT_OVSDB_H
#define RF_COLLECT_OVSDB_H

#include "base/buf.h"
#include "sys/sys.h"

/* Where it lies, in the order in which it is looked for; NULL behind the last. */
extern const char *const ovsdb_files[];

/* Its managers, joined by ','. Returns 0 or RF_E_SYNTAX, RF_E_UNSUPPORTED (a clustered database),
 * -ENOMEM. */
int ovsdb_managers(const char *text, struct rf_buf *out) RF_MUST_CHECK;

/* One interface of a port of a bridge. */
struct ovsdb_port {
	const char *bridge, *name;
	const char *type; /* "" for a link of the kernel, internal, patch, vxlan ... */
	const char *peer; /* of a patch: the interface of its other end; "" */
};
/* Calls each for every one, in the order of their names. Errors as ovsdb_managers; then each was
 * not called. */
int ovsdb_ports(const char *text, void (*each)(void *ctx, const struct ovsdb_port *port),
		void *ctx) RF_MUST_CHECK;

#endif
