/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs of the role `collect`: each a process that does one thing and writes it to standard output.
 * Facts: each collector in a sandbox of its own (collect/run.h), then this process locks itself in
 * before it sorts rows. Ledger: entries of this host's own, for the manager to countersign.
 * Evidence: TPM opened, locked in, then read (as `ringfence attest evidence`).
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "model/difference.h"
#include "agent/role.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/evidence.h"
#include "collect/run.h"
#include "govern/ledger.h"
#include "model/store.h"
#include "sys/state.h"
#include "sys/tpm.h"

#define LIBVIRT	   "qemu:///system"
#define FACTS_MAX  (256u << 20)
#define FACTS_NAME "facts"
#define LEDGER_MAX (256u << 20)

static int failed(const char *role, const struct rf_err *err)
{
	agent_say(role, "%s", rf_err_text(err));
	return 1;
}

/* ---- facts ---- */

static bool libvirt_here(struct sys *sys)
{
	static const char *const signs[] = {"/run/libvirt/libvirt-sock",
					    "/run/libvirt/virtqemud-sock", "/usr/sbin/libvirtd",
					    "/usr/sbin/virtqemud"};

	for (size_t i = 0; i < RF_COUNT(signs); i++) {
		if (sys_exists(sys, signs[i]))
			return true;
	}
	return false;
}

struct rows {
	struct difference *difference;
	const struct fact_table *table;
};

static int row_take(void *arg, sqlite3_stmt *row)
{
	const struct rows *rows = arg;
	struct fact_value values[FACT_MAX_COLUMNS] = {0};
	RF_AUTOBUF struct rf_buf message = {0};

	for (size_t i = 0; i < rows->table->columns_count; i++) {
		values[i].known = sqlite3_column_type(row, (int)i) != SQLITE_NULL;
		if (rows->table->columns[i].is_text)
			values[i].text = (const char *)sqlite3_column_text(row, (int)i);
		else
			values[i].number = sqlite3_column_int64(row, (int)i);
	}
	int rc = fact_encode_values(rows->table, values, &message);

	return rc ? rc : difference_row(rows->difference, rf_buf_slice(&message), NULL);
}

static int tables_take(struct fact_store *store, struct difference *d, struct rf_err *err)
{
	int rc = 0;

	for (size_t t = 0; !rc && t < FACT_T_COUNT; t++) {
		RF_AUTOBUF struct rf_buf question = {0};
		struct rows rows = {d, &fact_tables[t]};

		if (rows.table->is_view)
			continue;
		rf_buf_add_text(&question, "SELECT ");
		for (size_t i = 0; i < rows.table->columns_count; i++)
			rf_buf_printf(&question, "%s\"%s\"", i ? ", " : "",
				      rows.table->columns[i].name);
		rf_buf_printf(&question, " FROM \"%s\"", rows.table->name);
		rc = question.failed
			     ? -ENOMEM
			     : fact_store_each(store, rf_buf_text(&question), row_take, &rows);
		if (rc)
			rf_fail(err, rc, "facts of table %s: %s", rows.table->name,
				rf_code_text(rc));
	}
	return rc;
}

static void add_be32(struct rf_buf *out, size_t v)
{
	for (int shift = 24; shift >= 0; shift -= 8)
		rf_buf_add_byte(out, (uint8_t)(v >> shift));
}

static int piece_take(void *arg, struct rf_slice bytes)
{
	struct rf_buf *pieces = arg;

	add_be32(pieces, bytes.len);
	rf_buf_add(pieces, bytes.data, bytes.len);
	return pieces->failed ? -ENOMEM : 0;
}

static int facts_write(struct difference *d, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf pieces = {0};
	RF_AUTOBUF struct rf_buf state = {0};
	RF_AUTOBUF struct rf_buf head = {0};
	const struct difference_sink sink = {piece_take, &pieces, wire_row(WIRE_FACTS)->bytes_max};
	size_t count = 0;
	int rc = difference_end(d, &sink, &state, &count, err);

	if (rc)
		return rc;
	rf_buf_add_byte(&head, difference_whole(d));
	add_be32(&head, state.len);
	rc = rf_write_all(STDOUT_FILENO, rf_buf_slice(&head));
	if (!rc)
		rc = rf_write_all(STDOUT_FILENO, rf_buf_slice(&state));
	if (!rc)
		rc = rf_write_all(STDOUT_FILENO, rf_buf_slice(&pieces));
	return rc ? rf_fail(err, rc, "facts could not be written") : 0;
}

static int facts_collect(struct fact_store **store, struct rf_err *err)
{
	struct sys *sys = NULL;
	struct collect_request request = {.host = true};
	const struct collect_options options = {.req = &request, .no_sandbox = false};
	int rc = sys_open_live(&sys, err);

	if (!rc)
		rc = fact_store_open(store, err);
	if (!rc) {
		struct collect_options o = options;

		o.sys = sys;
		request.uri = libvirt_here(sys) ? LIBVIRT : NULL;
		rc = collect_run(*store, &o, err);
	}
	if (!rc)
		rc = fact_store_flush(*store, err);
	sys_close(sys);
	return rc;
}

int agent_facts_run(int argc, char **argv)
{
	const char *state = agent_option(argc, argv, "--state");
	bool whole = argc > 0 && strcmp(argv[argc - 1], "whole") == 0;
	RF_AUTOBUF struct rf_buf last = {0};
	FACT_AUTOSTORE struct fact_store *store = NULL;
	struct difference *d = NULL;
	struct rf_err err = {0};
	char dir[RF_MAX_PATH_BYTES], missing[SANDBOX_MISSING_BYTES];
	int rc = identity_folder(state, "collect", dir, &err);

	/* Without a state all is given, whatever is wrong with it. */
	if (!rc && !whole && state_read(dir, FACTS_NAME, FACTS_MAX, &last, NULL) < 0)
		rf_buf_reset(&last);
	if (!rc)
		rc = facts_collect(&store, &err);
	if (!rc)
		rc = sandbox_enter(SANDBOX_JUDGE, NULL, 0, missing, &err);
	if (!rc)
		rc = difference_new(rf_buf_slice(&last), &d, &err);
	if (!rc)
		rc = tables_take(store, d, &err);
	if (!rc)
		rc = facts_write(d, &err);
	difference_free(d);
	return rc ? failed("facts", &err) : 0;
}

/* ---- evidence ---- */

int agent_evidence_run(int argc, char **argv)
{
	const char *state = agent_option(argc, argv, "--state");
	const char *tcti = agent_option(argc, argv, "--tcti");
	const char *hex = argc > 0 ? argv[argc - 1] : "";
	RF_AUTOBUF struct rf_buf out = {0};
	uint8_t nonce[TPM_MAX_NONCE];
	size_t len = 0;
	struct sys *sys = NULL;
	struct evidence_request request = {.ak = TPM_AK_P256,
					   .state_dir = state ? state : STATE_DIR,
					   .tool = "ringfence-agent " RF_VERSION};
	const char *writable[] = {request.state_dir};
	char missing[SANDBOX_MISSING_BYTES];
	struct rf_err err = {0};
	bool software = tcti && !rf_starts(tcti, "device");
	int rc = rf_hex_decode(hex, nonce, sizeof(nonce), &len);

	if (rc)
		rf_fail(&err, rc, "the nonce has more than %d bytes", TPM_MAX_NONCE);
	request.nonce = (struct rf_slice){nonce, len};
	if (!rc)
		rc = sys_open_live(&sys, &err);
	if (!rc)
		rc = tpm_open(tcti, &request.tpm, &err);
	if (!rc)
		rc = sandbox_enter(software ? SANDBOX_EVIDENCE_SOFTWARE : SANDBOX_EVIDENCE,
				   writable, 1, missing, &err);
	if (!rc)
		rc = evidence_collect(sys, &request, &out, &err);
	tpm_close(request.tpm);
	sys_close(sys);
	if (!rc)
		rc = rf_write_all(STDOUT_FILENO, rf_buf_slice(&out));
	return rc ? failed("evidence", &err) : 0;
}

/* ---- the ledger ---- */

struct entries {
	int64_t at, first;
	struct rf_buf lines;
	size_t most;
};

static int entry_take(void *arg, struct rf_slice line)
{
	struct entries *e = arg;
	bool wanted = e->at++ >= e->first && e->lines.len + line.len + 1 <= e->most;

	/* Without a gap: behind one that has no room none is given. */
	if (!wanted) {
		e->most = e->at > e->first ? 0 : e->most;
		return 0;
	}
	rf_buf_add(&e->lines, line.data, line.len);
	rf_buf_add_byte(&e->lines, '\n');
	return e->lines.failed ? -ENOMEM : 0;
}

int agent_ledger_run(int argc, char **argv)
{
	struct entries e = {.most = wire_row(WIRE_LEDGER)->bytes_max};
	RF_AUTOBUF struct rf_buf file = {0};
	char dir[RF_MAX_PATH_BYTES], missing[SANDBOX_MISSING_BYTES];
	struct rf_err err = {0};
	int rc =
		state_folder(agent_option(argc, argv, "--state"), "ledger", dir, sizeof(dir), &err);

	if (!rc)
		rc = rf_num(argc > 0 ? argv[argc - 1] : "", 10, 0, INT64_MAX, &e.first);
	if (!rc)
		rc = state_read(dir, LEDGER_FILE, LEDGER_MAX, &file, &err);
	if (rc == -ENOENT)
		return 0;
	if (!rc)
		rc = sandbox_enter(SANDBOX_JUDGE, NULL, 0, missing, &err);
	if (!rc)
		rc = ledger_each(rf_buf_slice(&file), entry_take, &e, &err);
	if (!rc)
		rc = rf_write_all(STDOUT_FILENO, rf_buf_slice(&e.lines));
	rf_buf_done(&e.lines);
	return rc ? failed("ledger", &err) : 0;
}
