/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the guard's service knows of the policy: fixed-size records, made by a process that parses
 * (the policy's text, VMs' definitions) for one that does not. The service checks each of them.
 */
#ifndef RF_ISOLATE_TABLE_H
#define RF_ISOLATE_TABLE_H

#include "isolate/applied.h"
#include "isolate/quarantine.h"
#include "isolate/verbs.h"

#define TABLE_MAGIC 0x52465432u
#define TABLE_NAMES POLICY_LAYER_NAMES

struct table_names {
	uint32_t count;
	char items[TABLE_NAMES][16];
};

struct table_head {
	uint32_t magic, ports_count, zones_count;
	uint32_t second; /* as struct policy_layer */
	uint8_t strict, has_policy;
	uint8_t wards_whole; /* every record of a quarantine could be read */
	uint8_t reserved;
	uint32_t wards_count, reserved2;
	struct guard_rules rules;
	struct table_names bridges, ports, uplinks;
	char problem[240]; /* why there is nothing here; "" */
};

/* A network card that may appear: its port by name (""), its address, and what it becomes. */
struct table_port {
	char tap[16];
	char vm[64];
	struct guard_port port;
};

/* A network card of a VM in quarantine, under whatever port it is. */
struct table_ward {
	char vm[64];
	struct quarantine_port shut;
};

struct table_zone {
	uint32_t number, reserved;
	struct guard_zone row;
};

struct table {
	struct table_head head;
	struct table_port *ports;
	struct table_zone *zones;
	struct table_ward *wards;
};

#define TABLE_MAX_BYTES                                                                            \
	(sizeof(struct table_head) + GUARD_SLOTS * sizeof(struct table_port) +                     \
	 GUARD_ZONES * sizeof(struct table_zone) + GUARD_SLOTS * sizeof(struct table_ward))

/* Appends the records of a kept policy (applied.h) laid over network cards: also those of VMs that
 * are off, for they may start. Cards that get no port are left out. */
int table_make(struct rf_slice kept, const struct policy_nics *nics, struct rf_buf *out,
	       struct rf_err *err) RF_MUST_CHECK;
/* Appends records that say why there is no policy. */
int table_empty(const char *problem, struct rf_buf *out) RF_MUST_CHECK;

/* Appends who is in quarantine to records made so. RF_E_LIMIT. */
int table_wards_add(struct rf_buf *table, const struct table_ward *wards, size_t count,
		    bool whole) RF_MUST_CHECK;

/* How many bytes a table has whose head is here; 0: not yet known; RF_E_SYNTAX. */
int64_t table_bytes(struct rf_slice bytes) RF_MUST_CHECK;
/* Checks every record. Free with table_done. RF_E_SYNTAX, RF_E_LIMIT, or what guard_port_check
 * says. */
int table_read(struct rf_slice bytes, struct table *out, struct rf_err *err) RF_MUST_CHECK;
void table_done(struct table *table);

/* Whether a name matches one of the globs. */
bool table_names_match(const struct table_names *names, const char *name);
/* The record of a link: by its port's name where by_name says that names are fresh, else by its
 * address (a tap has the VM's with another first byte). NULL: none, or more than one. */
const struct table_port *table_find(const struct table *table, const struct guard_link *link,
				    bool by_name);
/* The ward that a VM's port belongs to, by its address; NULL. */
const struct table_ward *table_ward(const struct table *table, const struct guard_link *link);

#endif
