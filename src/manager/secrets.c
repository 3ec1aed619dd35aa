/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrets of VMs (LUKS passphrases): released to a host that is TRUSTED now and that the VM is
 * assigned to, and only once the release stands in the ledger. They are files, one folder for each
 * VM, which only this role reads:
 *
 *   VM/hosts    ids of the hosts that it may run on, one a line; what follows # is for people
 *   VM/SECRET   the secret itself, every byte of it
 *
 * A host names VM and secret; what it may have is never taken from what it says of itself.
 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "manager/agents.h"
#include "sys/state.h"

#define SECRET_MAX    4096u
#define HOSTS_FILE    "hosts"
#define HOSTS_MAX     (256u << 10)
#define EVIDENCE_LATE 3 /* times evidence_s: a verdict counts for so long, as agents are told */

struct standing {
	char state[32];
	int64_t seen_ms;
};

static int standing_take(void *arg, const struct store_host *host)
{
	struct standing *s = arg;

	rf_copy(s->state, sizeof(s->state), host->state);
	s->seen_ms = host->seen_ms;
	return 0;
}

/* As the store has it now, not as this session remembers it; and the watchdog may come late. */
static int host_check(struct conn *conn, struct rf_err *err)
{
	struct standing s = {.seen_ms = 0};
	const int64_t now = conn->a->now_ms();
	const int64_t life = conn->a->config->evidence_s * 1000 * EVIDENCE_LATE;
	int rc = store_host_get(conn->a->store, conn->peer.host, standing_take, &s, err);

	if (rc)
		return rc;
	if (!rf_equal(s.state, "TRUSTED"))
		return rf_fail(err, RF_E_DENIED, "the host is %s, not TRUSTED", s.state);
	if (now - s.seen_ms > life || now < s.seen_ms - life)
		return rf_fail(err, RF_E_DENIED, "the host's last verdict is too old");
	return 0;
}

/* A name that is a path's part, and not a way out. */
static bool is_part(const char *name)
{
	return name[0] != '.' && !strchr(name, '/');
}

static int assigned(const char *folder, const char *host, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf text = {0};
	int rc = state_read(folder, HOSTS_FILE, HOSTS_MAX, &text, err);
	char *cursor = rc ? NULL : (char *)text.data, *line;

	if (rc && rc != -ENOENT)
		return rc;
	while (cursor && (line = rf_line_next(&cursor))) {
		char *end = strchr(line, '#');

		if (end)
			*end = '\0';
		if (rf_equal(rf_trim(line), host))
			return 0;
	}
	return rf_fail(err, RF_E_DENIED, "the VM is not assigned to this host");
}

static int secret_find(struct conn *conn, const struct message *m, struct rf_buf *out,
		       struct rf_err *err)
{
	const char *vm = m->ask_secret.vm, *secret = m->ask_secret.secret;
	char folder[4096];
	int rc = host_check(conn, err);

	if (rc)
		return rc;
	if (!is_part(vm) || !is_part(secret) || rf_equal(secret, HOSTS_FILE) ||
	    !rf_format(folder, sizeof(folder), "%s/%s", conn->a->config->secrets, vm))
		return rf_fail(err, RF_E_DENIED, "there is no such secret");
	rc = assigned(folder, conn->peer.host, err);
	if (!rc)
		rc = state_read(folder, secret, SECRET_MAX, out, err);
	if (rc == -ENOENT || (!rc && out->len == 0))
		return rf_fail(err, RF_E_DENIED, "there is no such secret");
	return rc;
}

int secret_asked(struct conn *conn, const struct message *m, struct rf_slice bytes,
		 struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf key = {0}, text = {0};
	struct message answer = {
		.kind = WIRE_SECRET,
		.secret = {.vm = m->ask_secret.vm, .secret = m->ask_secret.secret}};
	struct rf_err why = {0};
	int rc = secret_find(conn, m, &key, &why);

	(void)bytes;
	rf_buf_printf(&text, "%s of VM %s%s%s", m->ask_secret.secret, m->ask_secret.vm,
		      rc ? ": " : "", rc ? rf_err_text(&why) : "");
	if (rc)
		conn_event(conn, "secret.refused", rf_buf_text(&text));
	else if (conn_note(conn, "secret.released", rf_buf_text(&text), err))
		rc = rf_fail(&why, RF_E_PEER, "the release could not be written to the ledger");
	if (rc) {
		answer.secret.fault = rf_err_text(&why);
		rf_wipe(key.data, key.len);
		rf_buf_reset(&key);
	}
	rc = link_send(conn->link, &answer, rf_buf_slice(&key), err);
	if (key.data)
		rf_wipe(key.data, key.capacity);
	return rc;
}
