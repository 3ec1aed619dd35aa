/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP side of the manager: what its roles `api` and `sign-in` run. One table of routes
 * (route.h) gives dispatch, privilege, schema of bodies, ledger entries and the OpenAPI document.
 *
 * The caller gives addresses, files and descriptors, and starts, watches and ends the process; not
 * here: command lines, configuration files, agents (src/manager), the inside of the store.
 */
#ifndef RF_API_API_H
#define RF_API_API_H

#include <stdint.h>

#include "base/err.h"

#define API_PORT	 8443
#define API_METRICS_PORT 9443
#define API_TICKET_BYTES 80 /* name, HMAC key and AES key of OpenSSL's session tickets */

struct store;

struct api_options {
	const char *listen;	 /* "127.0.0.1:8443", "[::]:8443"; port 0: one that is free */
	const char *metrics;	 /* the same, for Prometheus, without TLS; NULL: none */
	const char *store_url;	 /* as store_open; must be at this program's version */
	const char *store_dir;	 /* the folder of SQLite's file; NULL for PostgreSQL */
	const char *certificate; /* PEM files, read before the sandbox is entered */
	const char *key;
	const char *authority;	    /* the same, of managers and agents; NULL: not told */
	const char *agents_address; /* HOST:PORT that an invited agent is told to join */
	const uint8_t *ticket_keys; /* API_TICKET_BYTES shared by all managers; NULL: own ones */
	int sign_in_fd;		    /* socket to api_sign_in_run; -1: nobody has a password */
	int query_fd;		    /* socket to who answers questions (query.h); -1: nobody */
	int stop_fd;		    /* readable or closed: requests in hand end, then api_run */
	int ready_fd;		    /* gets one line "ADDRESS:PORT METRICS:PORT\n"; -1: none */
	uint32_t connections_max;   /* 0: the normal number; that of one address is a part of it */
};

/*
 * Serves until stop_fd ends it: opens sockets, store and files, enters its sandbox, writes the line
 * to ready_fd, and only then takes the first connection. Several processes may serve one address
 * (SO_REUSEPORT). One thread. 0 after an orderly end; else what could not be opened, in words.
 */
int api_run(const struct api_options *options, struct rf_err *err) RF_MUST_CHECK;

/*
 * The role sign-in: answers api_run at the other end of fd whether user and password are good by
 * PAM's service of that name ("ringfence"), until fd is closed. Runs as root where the host's PAM
 * modules read /etc/shadow, and parses nothing but frames of one fixed size.
 */
#define API_PAM_SERVICE "ringfence"
int api_sign_in_run(int fd, const char *service, struct rf_err *err) RF_MUST_CHECK;

#define API_CODE_BYTES 32 /* with its NUL */

/*
 * A code with which the first person signs in once, within a day, as the user "setup" with the role
 * administrator above the inventory. Each call makes the code before invalid. out gets ""
 * when somebody else administers already.
 */
int api_first_code(struct store *store, int64_t now_ms, char out[API_CODE_BYTES],
		   struct rf_err *err) RF_MUST_CHECK;

/* Ends approvals whose time is over, and makes incidents of broken glass that nobody stood by, with
 * their events. For whoever keeps the fleet, again and again. */
int api_approvals_look(struct store *store, int64_t now_ms, struct rf_err *err) RF_MUST_CHECK;

/*
 * The role sign-in of a manager that has no right to ask PAM: passes questions on to the unit
 * ringfence-sign-in, which listens at path. A unit that is away is "could not be asked".
 */
int api_sign_in_relay(int fd, const char *path, struct rf_err *err) RF_MUST_CHECK;

/* Forgets who was in a group of the directory longer ago than a session lasts: who does not sign in
 * any more has nothing by such a group. For whoever keeps the fleet. */
int api_directory_look(struct store *store, int64_t now_ms, struct rf_err *err) RF_MUST_CHECK;

/* Roles of the first start that nobody has changed become those of this program. */
int api_first_roles(struct store *store, int64_t now_ms, struct rf_err *err) RF_MUST_CHECK;

#endif
