/* SPDX-License-Identifier: Apache-2.0 */
/* Which collectors (their names in collect.c) fill the tables that the questions of this folder
 * ask: a plan waits for no other. */
#ifndef RF_ISOLATE_FACTS_H
#define RF_ISOLATE_FACTS_H

/* For a plan. Ends with NULL. */
extern const char *const isolate_collectors[];
/* For promises, which also look at disks and how QEMU is confined. Ends with NULL. */
extern const char *const isolate_collectors_verify[];
/* For who has which network card: the guard's service, quarantine. Ends with NULL. */
extern const char *const isolate_collectors_vms[];
/* What the processor is worked out from alone. */
extern const char *const isolate_collectors_cpu[];

/* For what switches reach (topology.h). Ends with NULL. */
extern const char *const isolate_collectors_nets[];

#endif
