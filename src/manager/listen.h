/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses to listen at: "127.0.0.1:8444", "[::]:8444", port 0 for one that is free. */
#ifndef RF_MANAGER_LISTEN_H
#define RF_MANAGER_LISTEN_H

#include <stddef.h>

#include "base/err.h"

/* A socket that listens there, not blocking. RF_E_SYNTAX for another text; -EADDRINUSE ... */
int listen_open(const char *address, int *out_fd, struct rf_err *err) RF_MUST_CHECK;

/* Where it listens, in the same form. */
int listen_address(int fd, char *out, size_t size, struct rf_err *err) RF_MUST_CHECK;

#endif
