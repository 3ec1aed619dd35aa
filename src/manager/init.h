/* SPDX-License-Identifier: Apache-2.0 */
/* What is done once before a manager serves, and after it was renewed. */
#ifndef RF_MANAGER_INIT_H
#define RF_MANAGER_INIT_H

#include "manager/config.h"

/* Makes what is missing of the state folder: authority, keys, certificate, store. What is there
 * stays. */
int init_state(const struct config *config, int64_t now_ms, struct rf_err *err) RF_MUST_CHECK;

/* Brings the store to this program's version (in PostgreSQL as config->owner; without one it has to
 * be so already, or RF_E_CHANGED), and renews the manager's certificate where it is
 * time. RF_E_MISSING before init_state. */
int init_upgrade(const struct config *config, int64_t now_ms, struct rf_err *err) RF_MUST_CHECK;

#endif
