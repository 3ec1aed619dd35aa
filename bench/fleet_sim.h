/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hosts that exist only in the fleet's bench: what the simulator (fleet_sim.c) and the part that
 * makes them known to a manager (fleet_hosts.c) share. Never part of a product or a test.
 */
#ifndef BENCH_FLEET_SIM_H
#define BENCH_FLEET_SIM_H

#include <openssl/evp.h>

#include "base/buf.h"
#include "fleet/link.h"

struct event;
struct sim;

/* One host: keys of its own, made beforehand. */
struct sim_host {
	struct sim *sim;
	char id[33];
	EVP_PKEY *ak, *tls_key;
	struct rf_buf area;	   /* TPMT_PUBLIC of the AK */
	struct rf_buf certificate; /* PEM */
	struct tls *tls;	   /* keeps the ticket of the last connection */
	struct link *link;
	struct event *timer; /* when it dials again */
	uint64_t clock_ms;
	int64_t retry_ms, asked_us, number, confirmed;
	char job[65];
	bool wanted, open, welcomed, tampered;
	char acknowledged[65]; /* the job of the last verdict that came back */
};

struct sim_hosts_options {
	const char *state; /* of the manager */
	const char *ak;	   /* "ecc": a P-256 key each; "rsa": an RSA-2048 key for each 64 hosts */
	size_t count;
};

/*
 * Makes keys and certificates (by the manager's own authority) and puts the hosts into the store
 * by the call that the role agents makes when a host joins (store_enrol), 500 in a transaction.
 * What is left out of joining is the proof by the TPM, which is not what is measured. out has room
 * for count; *out_authority gets the authority's PEM.
 */
int sim_hosts_make(const struct sim_hosts_options *options, struct sim_host *out,
		   struct rf_buf *out_authority, struct rf_err *err) RF_MUST_CHECK;

#endif
