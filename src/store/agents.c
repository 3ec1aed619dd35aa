/* SPDX-License-Identifier: Apache-2.0 */
/* What goes between the manager and the agents; see agents.h. */
#include "store/agents.h"

#include "base/str.h"
#include "store/acts.h"
#include "store/wake.h"

/* The spool ---------------------------------------------------------------------------------- */

struct spool_act {
	const struct store_spooled *spooled;
	int (*body)(struct store *store, void *arg, struct rf_err *err);
	void *arg;
	bool stored;
};

static int spool_take(struct store *store, void *arg, struct rf_err *err)
{
	struct spool_act *act = arg;
	const struct store_spooled *s = act->spooled;
	char state[STORE_STATE_BYTES];
	int rc = store_host_lock(store, s->host, s->lease, state, err);

	act->stored = false;
	if (!rc)
		rc = store_run_hit(store, STORE_S_SPOOL_MOVE,
				   STORE_PARAMS(store_text(s->host), store_int(s->number)),
				   &act->stored, err);
	return rc || !act->stored ? rc : act->body(store, act->arg, err);
}

int store_spool_take(struct store *store, const struct store_spooled *spooled,
		     int (*body)(struct store *store, void *arg, struct rf_err *err), void *arg,
		     bool *out_stored, struct rf_err *err)
{
	struct spool_act act = {spooled, body, arg, false};

	if (spooled->number < 1)
		return rf_fail(err, RF_E_USAGE, "numbers of a spool begin at 1");
	int rc = store_transaction(store, spool_take, &act, err);

	if (!rc)
		*out_stored = act.stored;
	return rc;
}

int store_spool_last(struct store *store, const char *host, int64_t *out, struct rf_err *err)
{
	int64_t last = 0;
	int rc =
		store_run_int(store, STORE_S_SPOOL_GET, STORE_PARAMS(store_text(host)), &last, err);

	if (!rc)
		*out = last;
	return rc;
}

/* Commands ----------------------------------------------------------------------------------- */

struct command_act {
	const struct store_command *command;
	int64_t serial;
};

static int command_add(struct store *store, void *arg, struct rf_err *err)
{
	struct command_act *act = arg;
	const struct store_command *c = act->command;
	char state[STORE_STATE_BYTES];
	int rc = store_host_lock(store, c->host, NULL, state, err);

	if (!rc)
		rc = store_run_int(store, STORE_S_SERIAL_NEXT, STORE_PARAMS(store_text(c->host)),
				   &act->serial, err);
	if (!rc)
		rc = store_run(store, STORE_S_COMMAND_ADD,
			       STORE_PARAMS(store_text(c->host), store_int(act->serial),
					    store_text(c->command), store_text(c->verb),
					    store_text(c->arguments), store_text(c->ordered_by),
					    store_text(c->approval ? c->approval : ""),
					    store_int(c->created_ms), store_int(c->expires_ms),
					    store_blob_or_null(c->signature)),
			       STORE_NO_ROWS, err);
	return rc ? rc : store_wake_send(store, err);
}

int store_command_add(struct store *store, const struct store_command *command, int64_t *out_serial,
		      struct rf_err *err)
{
	struct command_act act = {command, 0};
	int rc = store_transaction(store, command_add, &act, err);

	if (!rc)
		*out_serial = act.serial;
	return rc;
}

int store_command_sign(struct store *store, const char *host, int64_t serial,
		       struct rf_slice signature, struct rf_err *err)
{
	bool hit = false;
	int rc = store_run_hit(
		store, STORE_S_COMMAND_SIGN,
		STORE_PARAMS(store_text(host), store_int(serial), store_blob(signature)), &hit,
		err);

	if (!rc && !hit)
		rc = rf_fail(err, RF_E_UNKNOWN, "no command %lld of %s waits for a signature",
			     (long long)serial, host);
	return rc;
}

struct command_rows {
	int (*take)(void *arg, const struct store_command *command);
	void *arg;
	bool any;
};

static int take_command(void *arg, const struct store_value *row)
{
	struct command_rows *rows = arg;
	struct store_command command = {
		.host = store_value_text(&row[0]),
		.serial = row[1].number,
		.command = store_value_text(&row[2]),
		.verb = store_value_text(&row[3]),
		.arguments = store_value_text(&row[4]),
		.ordered_by = store_value_text(&row[5]),
		.approval = store_value_text(&row[6]),
		.created_ms = row[7].number,
		.expires_ms = row[8].number,
		.signature = row[9].bytes,
		.state = store_value_text(&row[10]),
		.result = row[11].number,
		.output = store_value_text(&row[12]),
		.changed_ms = row[13].number,
	};

	rows->any = true;
	return rows->take(rows->arg, &command);
}

int store_command_get(struct store *store, const char *command,
		      int (*take)(void *arg, const struct store_command *command), void *arg,
		      struct rf_err *err)
{
	struct command_rows rows = {take, arg, false};
	int rc = store_run(store, STORE_S_COMMAND_GET, STORE_PARAMS(store_text(command)),
			   (struct store_rows){take_command, &rows}, err);

	if (!rc && !rows.any)
		rc = rf_fail(err, RF_E_UNKNOWN, "there is no command %s", command);
	return rc;
}

int store_command_pending(struct store *store, const char *host, int64_t now_ms,
			  int (*take)(void *arg, const struct store_command *command), void *arg,
			  struct rf_err *err)
{
	struct command_rows rows = {take, arg, false};

	return store_run(store, STORE_S_COMMAND_PENDING,
			 STORE_PARAMS(store_text(host), store_int(now_ms)),
			 (struct store_rows){take_command, &rows}, err);
}

int store_command_each(struct store *store, const char *host, int64_t limit,
		       int (*take)(void *arg, const struct store_command *command), void *arg,
		       struct rf_err *err)
{
	struct command_rows rows = {take, arg, false};

	return store_run(store, STORE_S_COMMAND_EACH,
			 STORE_PARAMS(store_text(host), store_int(limit)),
			 (struct store_rows){take_command, &rows}, err);
}

struct host_id_rows {
	int (*take)(void *arg, const char *host);
	void *arg;
};

static int take_host_id(void *arg, const struct store_value *row)
{
	struct host_id_rows *rows = arg;

	return rows->take(rows->arg, store_value_text(&row[0]));
}

int store_command_hosts(struct store *store, const char *after, int64_t limit,
			int (*take)(void *arg, const char *host), void *arg, struct rf_err *err)
{
	struct host_id_rows rows = {take, arg};

	return store_run(store, STORE_S_COMMAND_HOSTS,
			 STORE_PARAMS(store_text(after), store_int(limit)),
			 (struct store_rows){take_host_id, &rows}, err);
}

static int command_sent(struct store *store, void *arg, struct rf_err *err)
{
	const struct store_sending *s = arg;
	char state[STORE_STATE_BYTES];
	bool hit = false;
	int rc = store_host_lock(store, s->host, s->lease, state, err);

	if (!rc)
		rc = store_run_hit(store, STORE_S_COMMAND_SENT,
				   STORE_PARAMS(store_text(s->host), store_int(s->serial),
						store_int(s->at_ms)),
				   &hit, err);
	if (!rc && !hit)
		rc = rf_fail(err, RF_E_UNKNOWN, "the command %lld of %s waits no more",
			     (long long)s->serial, s->host);
	return rc;
}

int store_command_sent(struct store *store, const struct store_sending *sending, struct rf_err *err)
{
	struct store_sending copy = *sending;

	return store_transaction(store, command_sent, &copy, err);
}

static int command_done(struct store *store, void *arg, struct rf_err *err)
{
	const struct store_result *r = arg;
	bool hit = false, there = false;
	int rc = store_run_hit(store, STORE_S_COMMAND_DONE,
			       STORE_PARAMS(store_text(r->host), store_int(r->serial),
					    store_int(r->result), store_text(r->output),
					    store_int(r->at_ms)),
			       &hit, err);

	if (rc || hit)
		return rc;
	rc = store_run_hit(store, STORE_S_COMMAND_THERE,
			   STORE_PARAMS(store_text(r->host), store_int(r->serial)), &there, err);
	if (rc)
		return rc;
	return there ? rf_fail(err, RF_E_DUPLICATE, "the command %lld of %s has a result already",
			       (long long)r->serial, r->host)
		     : rf_fail(err, RF_E_UNKNOWN, "%s was given no command %lld", r->host,
			       (long long)r->serial);
}

int store_command_done(struct store *store, const struct store_result *result, struct rf_err *err)
{
	struct store_result copy = *result;

	return store_transaction(store, command_done, &copy, err);
}

static int take_count(void *arg, const struct store_value *row)
{
	(void)row;
	++*(uint64_t *)arg;
	return 0;
}

int store_command_expire(struct store *store, int64_t now_ms, uint64_t *out_count,
			 struct rf_err *err)
{
	uint64_t count = 0;
	int rc = store_run(store, STORE_S_COMMAND_EXPIRE, STORE_PARAMS(store_int(now_ms)),
			   (struct store_rows){take_count, &count}, err);

	if (!rc)
		*out_count = count;
	return rc;
}
