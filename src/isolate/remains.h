/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a quarantine leaves to a VM, so that whoever orders it is told: ways between the VM and
 * others that the guard does not see and that a running VM cannot be parted from without doing it
 * harm, or that could not be given back as they were. Out of the facts; nothing is changed.
 */
#ifndef RF_ISOLATE_REMAINS_H
#define RF_ISOLATE_REMAINS_H

#include "isolate/quarantine.h"
#include "model/store.h"

/* Appends a line for each kind that this level leaves: "NAME: WORDS (WHICH)". vm is its name in the
 * facts, name what a person calls it. RF_E_DATABASE, -ENOMEM. */
int quarantine_remains(struct fact_store *store, const char *vm, const char *name,
		       enum quarantine_level level, struct rf_buf *out) RF_MUST_CHECK;

#endif
