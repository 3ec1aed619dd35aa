/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of `ringfence quarantine` share: records, VMs, and what is asked of a person. */
#ifndef RF_CLI_QUARANTINE_H
#define RF_CLI_QUARANTINE_H

#include "cli/cli.h"
#include "collect/quarantine.h"
#include "isolate/quarantine.h"
#include "model/store.h"

#define QUARANTINE_MAX_DISKS 32

struct records {
	struct quarantine_record *items;
	size_t count, capacity;
	size_t unread; /* files that are there and are no records */
};
/* Every record below the state folder; what is none is told of on standard error. */
int quarantine_records_load(const char *state, struct records *out,
			    struct rf_err *err) RF_MUST_CHECK;
/* One of them, by UUID. -ENOENT. */
int quarantine_record_load(const char *state, const char *uuid, struct quarantine_record *out,
			   struct rf_err *err) RF_MUST_CHECK;
void quarantine_records_done(struct records *records);
/* STATE/quarantine/record/SEGMENT: where a card is recorded. */
int quarantine_record_folder(const char *state, const char *mac, char *out,
			     size_t size) RF_MUST_CHECK;

/* A VM as the facts have it, with its cards. */
struct subject {
	struct quarantine_vm vm;
	const char *zone, *class, *key; /* key: the VM in the facts */
	struct quarantine_nic nics[QUARANTINE_MAX_CARDS];
	const char *disks[QUARANTINE_MAX_DISKS];
	bool trusted_only;   /* one of its definitions asks for a trusted host */
	bool changed, noted; /* the order did something to it; the ledger knows */
};
struct subjects {
	struct subject *items;
	size_t count, capacity;
	struct rf_arena texts;
};
/* The VMs of that name or UUID (NULL: all) or with that tag of a zone (NULL: any). RF_E_LIMIT names
 * a VM with more cards than a record, or more disks than an order holds. */
int quarantine_subjects_load(struct fact_store *store, const char *name, const char *zone,
			     struct subjects *out, struct rf_err *err) RF_MUST_CHECK;
/* After a subject was copied: its VM points into it. */
void quarantine_subject_settle(struct subject *subject);
void quarantine_subjects_done(struct subjects *subjects);

/* Appends a struct table_ward (isolate/table.h) for each card of the records below a state folder.
 * Negative when one of them could not be read: then not all are there. */
int role_wards_read(const char *state, struct rf_buf *out) RF_MUST_CHECK;

/* --status */
int quarantine_status(const struct cli_args *args, const char *state,
		      struct rf_err *err) RF_MUST_CHECK;

/* The reason of --reason, or asked for at a terminal. RF_E_USAGE without one. */
int quarantine_reason(const struct cli_args *args, char *out, size_t size,
		      struct rf_err *err) RF_MUST_CHECK;
/* --yes, or a yes at a terminal. */
bool quarantine_agreed(const struct cli_args *args, const char *question);

#endif
