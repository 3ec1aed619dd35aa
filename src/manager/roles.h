/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The roles of this program: processes that its supervisor starts (`ringfence-manager --role
 * NAME`), each in its sandbox before its first input. No person types this. Here is what each is
 * given; api, sign-in and outbox are other folders' (api/api.h).
 */
#ifndef RF_MANAGER_ROLES_H
#define RF_MANAGER_ROLES_H

#include "manager/config.h"
#include "store/fleet.h"
#include "sys/sandbox.h"

#define ROLE_MISSING_BYTES SANDBOX_MISSING_BYTES

/* Descriptors that every role finds at the same number; those that it has not are closed. */
enum role_fd {
	ROLE_FD_STOP = 3,  /* closed: come to an end */
	ROLE_FD_READY = 4, /* a line when it is up */
	ROLE_FD_KEYS = 5,  /* agents, keeper: to keys. keys: sockets to others come here */
	ROLE_FD_OTHER = 6, /* agents: where workers of verify come. verify: where it sends them.
			      api: to sign-in, and the other way round */
	ROLE_FD_END
};

/* Each runs until ROLE_FD_STOP ends it, and answers 0, or what went wrong. */
int role_keys(const struct config *config, struct rf_err *err) RF_MUST_CHECK;
int role_verify(const struct config *config, struct rf_err *err) RF_MUST_CHECK;
int role_agents(const struct config *config, struct rf_err *err) RF_MUST_CHECK;

/* The role verify with limits and a judge of the caller's: for tests. */
struct judge;
struct rf_buf;
struct wire_frame;
struct verify_job {
	int64_t cpu_ms, wall_ms;
	int (*answer)(struct judge *judge, const struct wire_frame *question, struct rf_buf *out,
		      struct rf_err *err);
};
int verify_serve(const struct config *config, const struct verify_job *job,
		 struct rf_err *err) RF_MUST_CHECK;
int role_keeper(const struct config *config, struct rf_err *err) RF_MUST_CHECK;
int role_judge(const struct config *config, struct rf_err *err) RF_MUST_CHECK;

/* Other folders' roles with what this program's configuration says (role_others.c). */
int role_api(const struct config *config, struct rf_err *err) RF_MUST_CHECK;
int role_sign_in(const struct config *config, struct rf_err *err) RF_MUST_CHECK;
int role_outbox(const struct config *config, struct rf_err *err) RF_MUST_CHECK;

/* Tells who waits that the role is up, with a line for people (where it listens), and on standard
 * error what its sandbox lacks. */
void role_ready(const char *name, const char *text, const char *missing);

/* What one manager of several does, under a lease of that name. */
struct role_lease {
	const char *name, *holder;
	int64_t ttl_ms;
	struct store_lease lease;
	bool held;
};

/* Takes it or holds it on. RF_E_DENIED while another manager has it. */
int role_lease_hold(struct store *store, struct role_lease *lease,
		    struct rf_err *err) RF_MUST_CHECK;
/* Gives it back where it is held; store may be NULL. */
void role_lease_drop(struct store *store, struct role_lease *lease);

/* Locks a role in that has the store, opened before, and nothing else. */
int role_store_only(const struct config *config, char missing[ROLE_MISSING_BYTES],
		    struct rf_err *err) RF_MUST_CHECK;

/* The clock, ms since 1970-01-01 UTC. */
int64_t role_now_ms(void);

#endif
