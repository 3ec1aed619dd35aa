/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This manager's own files below its state folder, other than the authority's secrets: its
 * certificate and key (renewed by `serve` when they end soon), the key of session tickets, what is
 * public of the authority.
 */
#ifndef RF_MANAGER_SERVER_H
#define RF_MANAGER_SERVER_H

#include "fleet/tls.h"
#include "manager/config.h"

#define SERVER_PEM_NAME	   "manager.pem"
#define SERVER_KEY_NAME	   "manager.key"
#define SERVER_TICKET_NAME "ticket.key"
#define SERVER_AUTHORITY   "authority.pem"
#define SERVER_COMMAND	   "command.pub"
#define SERVER_LEDGER	   "ledger.pub" /* what `ringfence ledger verify` takes */
#define SERVER_RENEW_DAYS  30

/* Makes what is missing, and a new certificate when its names changed or it ends within
 * SERVER_RENEW_DAYS. Needs the authority. */
int server_prepare(const struct config *config, int64_t now_s, struct rf_err *err) RF_MUST_CHECK;

/* TLS as agents get it, with what they are told when they join. tls_free is the caller's. */
int server_tls(const struct config *config, struct tls **out, struct rf_buf *out_authority,
	       uint8_t out_command_key[32], struct rf_err *err) RF_MUST_CHECK;

/* The folder of SQLite's file; "" for PostgreSQL. */
int server_store_folder(const struct config *config, char *out, size_t size,
			struct rf_err *err) RF_MUST_CHECK;

#endif
