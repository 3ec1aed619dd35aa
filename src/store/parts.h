/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this folder share: the back ends, the statements, the migrations. */
#ifndef RF_STORE_PARTS_H
#define RF_STORE_PARTS_H

#include <sys/types.h>

#include "store/store.h"

#define STORE_MAX_COLUMNS 32 /* and parameters */

/*
 * Every statement. Parameters are $1, $2 ...; params and columns have one letter for each, i for
 * an integer, t for text, b for bytes. Both engines take the same text; postgres is set where they
 * do not.
 */
struct store_statement {
	const char *sql;
	const char *postgres; /* NULL: as sql */
	const char *params;
	const char *columns;
};

enum store_statement_id {
	STORE_S_NOW,
	STORE_S_COUNTER_NEXT,
	STORE_S_HOST_ADD,
	STORE_S_HOST_GET,
	STORE_S_HOST_EACH,
	STORE_S_HOST_LOCK,
	STORE_S_HOST_SEEN,
	STORE_S_HOST_STATE,
	STORE_S_HOST_CHANGE_ADD,
	STORE_S_HOST_CHANGE_EACH,
	STORE_S_EVIDENCE_PUT,
	STORE_S_EVIDENCE_GET,
	STORE_S_VERDICT_ADD,
	STORE_S_VERDICT_EACH,
	STORE_S_FINDING_PUT,
	STORE_S_FINDING_EACH,
	STORE_S_FINDING_GONE,
	STORE_S_FINDING_CHANGE_ADD,
	STORE_S_FINDING_CHANGE_EACH,
	STORE_S_LEASE_TAKE,
	STORE_S_LEASE_RENEW,
	STORE_S_LEASE_HOLD,
	STORE_S_LEASE_DROP,
	STORE_S_WORK_ADD,
	STORE_S_WORK_TAKE,
	STORE_S_WORK_DONE,
	STORE_S_EVENT_ADD,
	STORE_S_EVENT_EACH,
	STORE_S_SINK_ADD,
	STORE_S_SINK_MOVE,
	STORE_S_SINK_DROP,
	STORE_S_RETAIN_EVENT,
	STORE_S_RETAIN_VERDICT,
	STORE_S_RETAIN_EVIDENCE,
	STORE_S_RETAIN_HOST_CHANGE,
	STORE_S_RETAIN_FINDING_CHANGE,
	STORE_S_ACCOUNT_PUT,
	STORE_S_ACCOUNT_GET,
	STORE_S_ACCOUNT_EACH,
	STORE_S_SESSION_ADD,
	STORE_S_SESSION_GET,
	STORE_S_SESSION_USED,
	STORE_S_SESSION_END,
	STORE_S_SESSION_END_ALL,
	STORE_S_SESSION_EACH,
	STORE_S_TOKEN_ADD,
	STORE_S_TOKEN_GET,
	STORE_S_TOKEN_USED,
	STORE_S_TOKEN_USE_ONCE,
	STORE_S_TOKEN_REVOKE,
	STORE_S_TOKEN_EACH,
	STORE_S_FAILURE_ADD,
	STORE_S_FAILURE_COUNT,
	STORE_S_FAILURE_CLEAR,
	STORE_S_OBJECT_PUT,
	STORE_S_OBJECT_DROP,
	STORE_S_OBJECT_EACH,
	STORE_S_OBJECT_THERE,
	STORE_S_PARENT_PUT,
	STORE_S_PARENT_DROP,
	STORE_S_ROLE_PUT,
	STORE_S_ROLE_DROP,
	STORE_S_ROLE_EACH,
	STORE_S_PRIVILEGE_ADD,
	STORE_S_PRIVILEGES_DROP,
	STORE_S_PRIVILEGE_EACH,
	STORE_S_PRINCIPAL_PUT,
	STORE_S_PRINCIPAL_EACH,
	STORE_S_MEMBER_PUT,
	STORE_S_MEMBER_DROP,
	STORE_S_MEMBER_EACH,
	STORE_S_PERMISSION_PUT,
	STORE_S_PERMISSION_DROP,
	STORE_S_PERMISSIONS_DROP,
	STORE_S_PERMISSION_EACH,
	STORE_S_COUNTER_GET,
	STORE_S_APPROVAL_PUT,
	STORE_S_APPROVAL_GET,
	STORE_S_APPROVAL_EACH,
	STORE_S_VOTE_ADD,
	STORE_S_VOTES_DROP,
	STORE_S_WAIVER_ADD,
	STORE_S_WAIVER_PUT,
	STORE_S_WAIVER_GET,
	STORE_S_WAIVER_EACH,
	STORE_S_WAIVER_SEEN,
	STORE_S_INVITE_ADD,
	STORE_S_INVITE_LOOK,
	STORE_S_INVITE_USE,
	STORE_S_INVITE_REVOKE,
	STORE_S_INVITE_EACH,
	STORE_S_CERTIFICATE_ADD,
	STORE_S_CERTIFICATE_GET,
	STORE_S_CERTIFICATE_REVOKE,
	STORE_S_CERTIFICATES_REVOKE,
	STORE_S_CERTIFICATE_EACH,
	STORE_S_TPM_ADD,
	STORE_S_TPM_GET,
	STORE_S_TPM_KEY,
	STORE_S_TPM_MEMORY,
	STORE_S_DOCUMENT_ADD,
	STORE_S_DOCUMENT_EACH,
	STORE_S_SPOOL_GET,
	STORE_S_SPOOL_MOVE,
	STORE_S_SERIAL_NEXT,
	STORE_S_COMMAND_ADD,
	STORE_S_COMMAND_SIGN,
	STORE_S_COMMAND_GET,
	STORE_S_COMMAND_PENDING,
	STORE_S_COMMAND_HOSTS,
	STORE_S_COMMAND_EACH,
	STORE_S_COMMAND_SENT,
	STORE_S_COMMAND_DONE,
	STORE_S_COMMAND_THERE,
	STORE_S_COMMAND_EXPIRE,
	STORE_S_COMMANDS_DROP,
	STORE_S_LEDGER_ADD,
	STORE_S_LEDGER_EACH,
	STORE_S_LEDGER_SIGNED,
	STORE_S_LEDGER_SIGN,
	STORE_S_LEDGER_EXPORT,
	STORE_S_LEDGER_AGENT_ADD,
	STORE_S_LEDGER_AGENT_GET,
	STORE_S_LEDGER_AGENT_LAST,
	STORE_S_LEDGER_AGENT_EACH,
	STORE_S_RETAIN_SESSION,
	STORE_S_RETAIN_TOKEN,
	STORE_S_RETAIN_FAILURE,
	STORE_S_RETAIN_INVITE,
	STORE_S_RETAIN_COMMAND,
	STORE_S_COUNT, /* how many there are; as a number: prepared for one use */
};
extern const struct store_statement store_statements[STORE_S_COUNT];

struct store_migration {
	int version;
	const char *name, *sha256, *sqlite, *postgres;
};
extern const struct store_migration store_migrations[];
extern const size_t store_migrations_count;

enum store_access { STORE_AS_OWNER, STORE_AS_RUNTIME };

/*
 * An engine. db is its own state. Each answers 0 or a negative code with words: RF_E_DUPLICATE (a
 * key is there), RF_E_MISSING (what it refers to is not), RF_E_MISMATCH (a CHECK), -EAGAIN (another
 * writer), RF_E_PEER, -ENOSPC, RF_E_TIMEOUT, RF_E_DENIED, RF_E_DATABASE.
 */
struct store_backend {
	const char *scheme; /* how its URLs begin */
	bool is_postgres;
	int (*open)(const char *url, enum store_access access, void **out_db, struct rf_err *err);
	void (*close)(void *db);
	/* id as above; rows.take may be NULL. */
	int (*run)(void *db, const struct store_statement *statement, size_t id,
		   struct store_params params, struct store_rows rows, struct rf_err *err);
	/* Our own text of several statements. */
	int (*script)(void *db, const char *sql, struct rf_err *err);
	/* BEGIN, COMMIT, ROLLBACK; begin makes a lost connection anew. */
	int (*begin)(void *db, struct rf_err *err);
	int (*commit)(void *db, struct rf_err *err);
	void (*rollback)(void *db);
	int (*backup)(void *db, const char *path, struct rf_err *err);
};
extern const struct store_backend store_backend_sqlite, store_backend_postgres;

struct store {
	const struct store_backend *backend;
	void *db;
	pid_t pid; /* whose it is */
	bool in_transaction;
	bool in_rows;	      /* a callback runs */
	struct rf_err failed; /* what failed in this transaction */
};

/* Runs a statement, within a transaction or as one of its own. RF_E_USAGE when params are not what
 * it wants; RF_E_SYNTAX for a text with NUL or broken UTF-8, RF_E_LIMIT for too much. */
int store_run(struct store *store, enum store_statement_id id, struct store_params params,
	      struct store_rows rows, struct rf_err *err) RF_MUST_CHECK;

/* The same for a statement that is no row, used once. */
int store_run_text(struct store *store, const struct store_statement *statement,
		   struct store_params params, struct store_rows rows,
		   struct rf_err *err) RF_MUST_CHECK;

/* Runs a statement that gives one row of one integer, or none: then *out stays. */
int store_run_int(struct store *store, enum store_statement_id id, struct store_params params,
		  int64_t *out, struct rf_err *err) RF_MUST_CHECK;

/* Opens without a look at the version. */
int store_connect(const char *url, enum store_access access, struct store **out,
		  struct rf_err *err) RF_MUST_CHECK;

/* store_upgrade with other migrations, for tests. */
int store_upgrade_to(const char *url, const struct store_migration *migrations, size_t count,
		     struct rf_err *err) RF_MUST_CHECK;

/* Are the applied migrations exactly these? As store_open says. */
int store_version_check(struct store *store, const struct store_migration *migrations, size_t count,
			struct rf_err *err) RF_MUST_CHECK;

#endif
