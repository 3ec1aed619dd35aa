/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Roles: processes of this program that another of its processes starts (`ringfence --role NAME`).
 * No person types this. The verbs that the program knows are listed here, too.
 */
#ifndef RF_CLI_ROLES_H
#define RF_CLI_ROLES_H

#include "change/verb.h"

/* All tables of verbs: this program's whole power to change a host. */
extern const struct verb_set role_verbs;

/* Runs the role that argv names; the exit status. */
int role_run(int argc, char **argv);

/* The role "guard" (role_guard.c): keeps the network guard up; the exit status. */
int role_guard_run(int argc, char **argv);

#endif
