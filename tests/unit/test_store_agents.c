/* SPDX-License-Identifier: Apache-2.0 */
/* Enrolment, agents' spools and commands, and the fleet's ledger, on both engines. */
#include "store_test.h"

#include <poll.h>

#include "store/access.h"
#include "store/agents.h"
#include "store/enrol.h"
#include "store/ledger.h"
#include "store/wake.h"

static const uint8_t token_one[32] = {1}, token_two[32] = {2}, print_one[32] = {11},
		     print_two[32] = {12}, ek[32] = {21};
#define SHA(x) ((struct rf_slice){x, 32})

static void add_invite(struct place *p, const char *id, const uint8_t *sha256, const char *parent)
{
	struct store_invite invite = {.invite = id,
				      .sha256 = SHA(sha256),
				      .parent = parent,
				      .labels = "{\"rack\":\"7\"}",
				      .created_by = "ann",
				      .created_ms = 100,
				      .expires_ms = 10000};
	struct rf_err err = {0};

	must(store_invite_add(p->store, &invite, &err), &err);
}

static int count_invite(void *arg, const struct store_invite *invite)
{
	assert_string_equal(invite->created_by, "ann");
	++*(int *)arg;
	return 0;
}

/* Enrolling host with a TPM and a certificate. */
static int enrol_host(struct store *store, const char *host, const uint8_t *token, int64_t at_ms,
		      struct rf_err *err)
{
	struct store_host h = {
		.host = host, .name = host, .ek_sha256 = SHA(ek), .created_ms = at_ms};
	struct store_tpm tpm = {.host = host,
				.ek_state = "vendor",
				.ek_public = SHA(ek),
				.ak_public = SHA(ek),
				.ak_name = SHA(ek)};
	struct store_certificate certificate = {.serial = "01",
						.host = host,
						.sha256 = SHA(print_one),
						.not_before_ms = 1000,
						.not_after_ms = 5000};
	struct store_enrolment e = {&h, "192.0.2.7", token, &tpm, &certificate};

	return store_enrol(store, &e, err);
}

static int take_labels(void *arg, const struct store_host *host)
{
	assert_true(rf_copy(arg, 64, host->labels));
	return 0;
}

static void an_invite_brings_one_host(struct place *p)
{
	struct store_object site = {"site", "site", "site", NULL, {NULL, NULL}};
	char labels[64];
	struct rf_err err = {0};
	int count = 0;

	must(store_object_put(p->store, &site, &err), &err);
	add_invite(p, "i1", token_one, "site");
	assert_int_equal(enrol_host(p->store, "h", token_two, 1000, &err), RF_E_DENIED);
	assert_int_equal(enrol_host(p->store, "h", token_one, 10000, &err), RF_E_DENIED);
	/* A refused one leaves nothing. */
	assert_int_equal(ask(p->store, "SELECT count(*) FROM host"), 0);
	must(store_invite_look(p->store, token_one, 1000, count_invite, &count, &err), &err);
	must(enrol_host(p->store, "h", token_one, 1000, &err), &err);
	must(store_host_get(p->store, "h", take_labels, labels, &err), &err);
	assert_string_equal(labels, "{\"rack\":\"7\"}");
	assert_int_equal(ask(p->store, "SELECT count(*) FROM object_parent WHERE object = 'host:h' "
				       "AND parent = 'site'"),
			 1);
	assert_int_equal(enrol_host(p->store, "h2", token_one, 1000, &err), RF_E_DENIED);
	assert_int_equal(store_invite_look(p->store, token_one, 1000, count_invite, &count, &err),
			 RF_E_DENIED);
	/* The TPM of a host is of no other, and the invite is not spent on it. */
	add_invite(p, "i2", token_two, "");
	assert_int_equal(enrol_host(p->store, "h2", token_two, 1000, &err), RF_E_DUPLICATE);
	assert_int_equal(ask(p->store, "SELECT count(*) FROM host"), 1);
	must(store_invite_look(p->store, token_two, 1000, count_invite, &count, &err), &err);
	must(store_invite_revoke(p->store, "i2", 1001, &err), &err);
	assert_int_equal(store_invite_revoke(p->store, "i2", 1001, &err), RF_E_UNKNOWN);
	assert_int_equal(store_invite_revoke(p->store, "i1", 1001, &err), RF_E_UNKNOWN);
	assert_int_equal(enrol_host(p->store, "h2", token_two, 1002, &err), RF_E_DENIED);
	count = 0;
	must(store_invite_each(p->store, count_invite, &count, &err), &err);
	assert_int_equal(count, 2);
}

static int join(struct place *p, int i)
{
	char name[16];
	struct store_host host = {.host = name, .name = name, .created_ms = 1000};
	struct store_enrolment e = {&host, "192.0.2.7", token_one, NULL, NULL};
	struct store *store = NULL;
	int rc = store_open(p->url, &store, NULL);

	snprintf(name, sizeof(name), "h%d", i);
	rc = rc ? 9 : store_enrol(store, &e, NULL);
	store_close(store);
	return rc == 0 ? 1 : rc == RF_E_DENIED ? 0 : 2;
}

static void of_many_with_one_invite_one_joins(struct place *p)
{
	pid_t pids[4];
	int won = 0, status;

	add_invite(p, "i1", token_one, "");
	for (int i = 0; i < 4; i++) {
		pids[i] = fork();
		if (!pids[i])
			_exit(join(p, i));
	}
	for (int i = 0; i < 4; i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
		won += WEXITSTATUS(status);
	}
	assert_int_equal(won, 1);
	assert_int_equal(ask(p->store, "SELECT count(*) FROM host"), 1);
}

static int take_serial(void *arg, const struct store_certificate *certificate)
{
	assert_true(rf_copy(arg, 8, certificate->serial));
	return 0;
}

static int check(struct place *p, const uint8_t *sha256, int64_t now_ms, char out[8])
{
	struct store_use use = {sha256, now_ms, 0};
	struct rf_err err = {0};

	return store_certificate_check(p->store, &use, take_serial, out, &err);
}

static void certificates_end(struct place *p)
{
	struct store_certificate next = {.serial = "02",
					 .host = "h",
					 .sha256 = SHA(print_two),
					 .not_before_ms = 3000,
					 .not_after_ms = 9000};
	struct store_command command = {.host = "h",
					.command = "c",
					.verb = "check",
					.arguments = "{}",
					.ordered_by = "ann",
					.expires_ms = 9999};
	char serial[8] = "";
	int64_t n;
	struct rf_err err = {0};

	add_invite(p, "i1", token_one, "");
	must(enrol_host(p->store, "h", token_one, 1000, &err), &err);
	must(store_command_add(p->store, &command, &n, &err), &err);
	assert_int_equal(check(p, print_one, 999, serial), RF_E_DENIED);
	must(check(p, print_one, 1000, serial), &err);
	assert_string_equal(serial, "01");
	assert_int_equal(check(p, print_one, 5000, serial), RF_E_DENIED);
	assert_int_equal(check(p, print_two, 4000, serial), RF_E_DENIED);
	must(store_certificate_add(p->store, &next, &err), &err);
	assert_int_equal(store_certificate_add(p->store, &next, &err), RF_E_DUPLICATE);
	next.host = "none";
	assert_int_equal(store_certificate_add(p->store, &next, &err), RF_E_UNKNOWN);
	must(check(p, print_two, 4000, serial), &err);
	must(store_certificate_revoke(p->store, "01", "superseded", 4000, &err), &err);
	assert_int_equal(store_certificate_revoke(p->store, "01", "again", 4000, &err),
			 RF_E_UNKNOWN);
	assert_int_equal(check(p, print_one, 4000, serial), RF_E_DENIED);
	must(store_certificate_each(p->store, NULL, 4000, take_serial, serial, &err), &err);
	assert_string_equal(serial, "01");
	must(store_certificate_each(p->store, "h", 4000, take_serial, serial, &err), &err);
	assert_string_equal(serial, "02");
	/* It leaves for good. */
	must(store_host_retire(p->store, "h", "sold", 4500, &err), &err);
	assert_int_equal(check(p, print_two, 4600, serial), RF_E_DENIED);
	next.host = "h";
	next.serial = "03";
	assert_int_equal(store_certificate_add(p->store, &next, &err), RF_E_DENIED);
	assert_int_equal(store_host_retire(p->store, "h", "again", 4500, &err), RF_E_DENIED);
	assert_int_equal(store_host_retire(p->store, "none", "", 4500, &err), RF_E_UNKNOWN);
	assert_int_equal(ask(p->store, "SELECT count(*) FROM command WHERE state = 'expired'"), 1);
	assert_int_equal(ask(p->store, "SELECT count(*) FROM certificate WHERE revoked_ms > 0"), 2);
}

static int take_tpm(void *arg, const struct store_tpm *tpm)
{
	struct store_memory *memory = arg;

	assert_string_equal(tpm->ek_state, "vendor");
	assert_int_equal(tpm->ek_certificate.len, 0);
	assert_int_equal(tpm->ak_public.len, 32);
	*memory = tpm->memory;
	return 0;
}

static int take_document(void *arg, const struct store_document *document)
{
	struct rf_buf *all = arg;

	return rf_buf_add(all, document->content.data, document->content.len);
}

static void a_tpm_is_remembered(struct place *p)
{
	struct store_memory memory = {true, INT64_MAX, -1, 3, 4, 780}, back;
	struct store_document baseline = {.host = "h",
					  .kind = "baseline",
					  .content = rf_slice_text("old"),
					  .approved_by = "bob",
					  .approval = "a1",
					  .at_ms = 5};
	RF_AUTOBUF struct rf_buf all = {0};
	struct rf_err err = {0};

	add_invite(p, "i1", token_one, "");
	must(enrol_host(p->store, "h", token_one, 1000, &err), &err);
	must(store_tpm_get(p->store, "h", take_tpm, &back, &err), &err);
	assert_false(back.known);
	must(store_tpm_memory(p->store, "h", &memory, &err), &err);
	must(store_tpm_key(p->store, "h", SHA(print_one), SHA(print_two), &err), &err);
	must(store_tpm_get(p->store, "h", take_tpm, &back, &err), &err);
	assert_true(back.known && back.clock_ms == INT64_MAX && back.firmware == -1 &&
		    back.resets == 3 && back.restarts == 4 && back.ima_entries == 780);
	assert_int_equal(store_tpm_get(p->store, "none", take_tpm, &back, &err), RF_E_UNKNOWN);
	assert_int_equal(store_tpm_memory(p->store, "none", &memory, &err), RF_E_UNKNOWN);
	assert_int_equal(store_tpm_key(p->store, "none", SHA(ek), SHA(ek), &err), RF_E_UNKNOWN);
	/* The newest first, each kind by itself. */
	must(store_document_put(p->store, &baseline, &err), &err);
	baseline.content = rf_slice_text("new");
	must(store_document_put(p->store, &baseline, &err), &err);
	must(store_document_each(p->store, &baseline, 9, take_document, &all, &err), &err);
	assert_string_equal(rf_buf_text(&all), "newold");
	baseline.kind = "policy";
	must(store_document_each(p->store, &baseline, 9, take_document, &all, &err), &err);
	assert_string_equal(rf_buf_text(&all), "newold");
	baseline.kind = "recipe";
	assert_int_equal(store_document_put(p->store, &baseline, &err), RF_E_MISMATCH);
	baseline = (struct store_document){.host = "none", .kind = "policy", .approved_by = ""};
	assert_int_equal(store_document_put(p->store, &baseline, &err), RF_E_MISSING);
}

/* The spool and commands ---------------------------------------------------------------------- */

static int put_event(struct store *store, void *arg, struct rf_err *err)
{
	struct store_event event = {0, "spooled", "h", "", "", "", arg, 5};

	return store_event_add(store, &event, err);
}

static int fails(struct store *store, void *arg, struct rf_err *err)
{
	int rc = put_event(store, arg, err);

	return rc ? rc : rf_fail(err, RF_E_SYNTAX, "no");
}

static void what_comes_twice_is_stored_once(struct place *p)
{
	struct store_lease lease, other;
	struct store_spooled s = {"h", 1, NULL};
	int64_t last = -1;
	bool stored = false;
	struct rf_err err = {0};

	add_host(p->store, "h");
	must(store_spool_last(p->store, "h", &last, &err), &err);
	assert_int_equal(last, 0);
	must(store_spool_take(p->store, &s, put_event, "one", &stored, &err), &err);
	assert_true(stored);
	must(store_spool_take(p->store, &s, put_event, "one", &stored, &err), &err);
	assert_false(stored);
	/* Body and number are one: neither without the other. */
	s.number = 2;
	assert_int_equal(store_spool_take(p->store, &s, fails, "two", &stored, &err), RF_E_SYNTAX);
	must(store_spool_last(p->store, "h", &last, &err), &err);
	assert_int_equal(last, 1);
	must(store_lease_take(p->store, "host/h", "m1", 60000, &lease, &err), &err);
	s.lease = &lease;
	must(store_spool_take(p->store, &s, put_event, "two", &stored, &err), &err);
	assert_true(stored);
	must(store_lease_take(p->store, "host/h", "m1", 60000, &other, &err), &err);
	s.number = 3;
	assert_int_equal(store_spool_take(p->store, &s, put_event, "3", &stored, &err),
			 RF_E_CHANGED);
	s.lease = &other;
	s.number = 0;
	assert_int_equal(store_spool_take(p->store, &s, put_event, "0", &stored, &err), RF_E_USAGE);
	assert_int_equal(ask(p->store, "SELECT count(*) FROM event WHERE kind = 'spooled'"), 2);
	must(store_host_retire(p->store, "h", "", 9, &err), &err);
	s.number = 9;
	assert_int_equal(store_spool_take(p->store, &s, put_event, "9", &stored, &err),
			 RF_E_DENIED);
	s.host = "none";
	assert_int_equal(store_spool_take(p->store, &s, put_event, "9", &stored, &err),
			 RF_E_UNKNOWN);
}

/* Serials, and states' first letters, of what was read. */
struct commands_read {
	char text[64];
	int64_t result;
	size_t signature_bytes;
};

static int take_command(void *arg, const struct store_command *command)
{
	struct commands_read *read = arg;
	size_t len = strlen(read->text);

	assert_true(rf_format(read->text + len, sizeof(read->text) - len, "%lld%c ",
			      (long long)command->serial, command->state[0]));
	read->result = command->result;
	read->signature_bytes = command->signature.len;
	return 0;
}

static int take_host_id(void *arg, const char *host)
{
	assert_true(rf_copy(arg, 8, host));
	return 0;
}

static void assert_pending(struct place *p, int64_t now_ms, const char *want)
{
	struct commands_read read = {.text = ""};
	struct rf_err err = {0};

	must(store_command_pending(p->store, "h", now_ms, take_command, &read, &err), &err);
	assert_string_equal(read.text, want);
}

static void commands_go_their_way(struct place *p)
{
	struct store_command c = {.host = "h",
				  .command = "c1",
				  .verb = "isolate.apply",
				  .arguments = "{\"vm\":\"x\"}",
				  .ordered_by = "ann",
				  .created_ms = 10,
				  .expires_ms = 100};
	struct store_sending sending = {"h", 1, 50, NULL};
	struct store_result result = {"h", 1, -5, "refused", 60};
	struct commands_read read = {.text = ""};
	char host[8] = "";
	int64_t serial = 0;
	uint64_t count = 9;
	struct rf_err err = {0};

	add_host(p->store, "h");
	must(store_command_add(p->store, &c, &serial, &err), &err);
	assert_int_equal(serial, 1);
	assert_int_equal(store_command_add(p->store, &c, &serial, &err), RF_E_DUPLICATE);
	c.command = "c2";
	c.expires_ms = 200;
	c.signature = rf_slice_text("sig");
	must(store_command_add(p->store, &c, &serial, &err), &err);
	c.command = "c3";
	c.host = "none";
	assert_int_equal(store_command_add(p->store, &c, &serial, &err), RF_E_UNKNOWN);
	must(store_command_sign(p->store, "h", 1, rf_slice_text("signature"), &err), &err);
	/* Signed once, and only what waits. */
	assert_int_equal(store_command_sign(p->store, "h", 1, rf_slice_text("x"), &err),
			 RF_E_UNKNOWN);
	must(store_command_hosts(p->store, "", 9, take_host_id, host, &err), &err);
	assert_string_equal(host, "h");
	assert_pending(p, 50, "1w 2w ");
	must(store_command_sent(p->store, &sending, &err), &err);
	assert_pending(p, 50, "1s 2w ");
	must(store_command_sent(p->store, &sending, &err), &err);
	must(store_command_done(p->store, &result, &err), &err);
	assert_int_equal(store_command_done(p->store, &result, &err), RF_E_DUPLICATE);
	assert_int_equal(store_command_sent(p->store, &sending, &err), RF_E_UNKNOWN);
	result.serial = 9;
	assert_int_equal(store_command_done(p->store, &result, &err), RF_E_UNKNOWN);
	must(store_command_get(p->store, "c1", take_command, &read, &err), &err);
	assert_string_equal(read.text, "1d ");
	assert_int_equal(read.result, -5);
	assert_int_equal(read.signature_bytes, 9);
	assert_int_equal(store_command_get(p->store, "c9", take_command, &read, &err),
			 RF_E_UNKNOWN);
	/* At its end a command goes out no more, and is told as expired; a late result counts. */
	assert_pending(p, 200, "");
	sending = (struct store_sending){"h", 2, 200, NULL};
	assert_int_equal(store_command_sent(p->store, &sending, &err), RF_E_UNKNOWN);
	must(store_command_expire(p->store, 199, &count, &err), &err);
	assert_int_equal(count, 0);
	must(store_command_expire(p->store, 200, &count, &err), &err);
	assert_int_equal(count, 1);
	read.text[0] = '\0';
	must(store_command_each(p->store, NULL, 9, take_command, &read, &err), &err);
	assert_string_equal(read.text, "2e 1d ");
	result = (struct store_result){"h", 2, 0, "", 210};
	must(store_command_done(p->store, &result, &err), &err);
	read.text[0] = '\0';
	must(store_command_each(p->store, "h", 1, take_command, &read, &err), &err);
	assert_string_equal(read.text, "2d ");
	/* Serials are never given twice, whatever was deleted. */
	must(store_retain(p->store, 1000 * INT64_C(86400000), NULL, NULL, &err), &err);
	assert_int_equal(ask(p->store, "SELECT count(*) FROM command"), 0);
	c.host = "h";
	must(store_command_add(p->store, &c, &serial, &err), &err);
	assert_int_equal(serial, 3);
}

static void a_command_wakes_who_listens(struct place *p)
{
	STORE_AUTOCLOSE struct store *listener = NULL;
	struct store_command c = {.host = "h",
				  .command = "c1",
				  .verb = "check",
				  .arguments = "{}",
				  .ordered_by = "ann",
				  .expires_ms = 100};
	int64_t serial;
	struct rf_err err = {0};

	add_host(p->store, "h");
	must(store_open(p->url, &listener, &err), &err);
	assert_int_equal(store_wake_fd(listener), -1);
	must(store_wake_listen(listener, &err), &err);
	assert_false(store_wake_read(listener));
	must(store_command_add(p->store, &c, &serial, &err), &err);
	if (!p->is_postgres) {
		assert_int_equal(store_wake_fd(listener), -1);
		return;
	}
	struct pollfd wait = {.fd = store_wake_fd(listener), .events = POLLIN};

	assert_int_equal(poll(&wait, 1, -1), 1);
	assert_true(store_wake_read(listener));
	assert_false(store_wake_read(listener));
}

/* The ledger ---------------------------------------------------------------------------------- */

/* One key for all cases, so that both engines sign the same. */
static struct ledger_key *key;
static struct rf_buf public_key;

static int sign(void *arg, uint64_t size, const uint8_t root[LEDGER_HASH_BYTES],
		struct rf_buf *out_note, struct rf_err *err)
{
	++*(int *)arg;
	return ledger_key_sign(key, size, root, out_note, err);
}

static int take_line(void *arg, struct rf_slice line)
{
	return rf_buf_add(arg, line.data, line.len);
}

static void add_entries(struct store *store, int count, const char *kind)
{
	struct rf_err err = {0};

	for (int i = 0; i < count; i++) {
		char text[32];
		struct ledger_entry entry = {
			.kind = kind, .actor = "ann", .text = text, .time_ms = i};

		snprintf(text, sizeof(text), "entry %d", i);
		must(store_ledger_append(store, &entry, NULL, &err), &err);
	}
}

static enum ledger_fault export_fault(struct place *p, uint64_t *out_entries)
{
	RF_AUTOBUF struct rf_buf file = {0};
	struct ledger_report report;
	struct rf_err err = {0};

	must(store_ledger_export(p->store, take_line, &file, &err), &err);
	must(ledger_verify(rf_buf_slice(&file), rf_buf_text(&public_key),
			   (struct rf_slice){NULL, 0}, &report, &err),
	     &err);
	*out_entries = report.entries;
	return report.fault;
}

static void the_ledger_is_verified_from_its_export(struct place *p)
{
	static uint8_t first_root[LEDGER_HASH_BYTES];
	static bool has_first;
	int signatures = 0;
	struct store_signer signer = {sign, &signatures};
	uint8_t root[LEDGER_HASH_BYTES];
	int64_t size, is_signed;
	uint64_t entries;
	struct rf_err err = {0};

	must(store_ledger_sign(p->store, &signer, &size, &err), &err);
	assert_int_equal(signatures, 0);
	add_entries(p->store, 5, "grant");
	must(store_ledger_sign(p->store, &signer, &size, &err), &err);
	assert_int_equal(size, 5);
	must(store_ledger_sign(p->store, &signer, &size, &err), &err);
	assert_int_equal(signatures, 1);
	add_entries(p->store, 7, "check");
	/* What is not signed yet is not in the file. */
	assert_int_equal(export_fault(p, &entries), LEDGER_INTACT);
	assert_int_equal(entries, 5);
	must(store_ledger_size(p->store, &size, &is_signed, &err), &err);
	assert_int_equal(size, 12);
	assert_int_equal(is_signed, 5);
	must(store_ledger_sign(p->store, &signer, NULL, &err), &err);
	assert_int_equal(export_fault(p, &entries), LEDGER_INTACT);
	assert_int_equal(entries, 12);
	must(store_ledger_check(p->store, root, &err), &err);
	/* The same entries have the same root, whichever engine keeps them. */
	if (has_first)
		assert_memory_equal(root, first_root, sizeof(root));
	memcpy(first_root, root, sizeof(root));
	has_first = true;
}

static void a_ledger_that_was_altered_is_told(struct place *p)
{
	int signatures = 0;
	struct store_signer signer = {sign, &signatures};
	uint8_t root[LEDGER_HASH_BYTES];
	uint64_t entries;
	struct rf_err err = {0};

	add_entries(p->store, 6, "grant");
	must(store_ledger_sign(p->store, &signer, NULL, &err), &err);
	place_sql(p, "UPDATE ledger_entry SET line = (SELECT e.line FROM ledger_entry e "
		     "WHERE e.n = 1) WHERE n = 0");
	assert_int_not_equal(export_fault(p, &entries), LEDGER_INTACT);
	assert_int_equal(store_ledger_check(p->store, root, &err), RF_E_MISMATCH);
	place_sql(p, "DELETE FROM ledger_entry WHERE n = 3");
	assert_int_equal(store_ledger_check(p->store, root, &err), RF_E_MISMATCH);
	assert_non_null(strstr(rf_err_text(&err), "entry 3 is missing"));
	/* The end cut off, with its count. */
	place_sql(p, "DELETE FROM ledger_entry WHERE n > 1");
	place_sql(p, "UPDATE counter SET value = 2 WHERE name = 'ledger'");
	assert_int_equal(store_ledger_sign(p->store, &signer, NULL, &err), RF_E_MISMATCH);
	place_sql(p, "UPDATE ledger_checkpoint SET size = 2");
	assert_int_equal(store_ledger_sign(p->store, &signer, NULL, &err), RF_E_MISMATCH);
	assert_int_equal(signatures, 1);
}

static int append_and_fail(struct store *store, void *arg, struct rf_err *err)
{
	struct ledger_entry entry = {.kind = "lost"};
	int rc = store_ledger_append(store, &entry, arg, err);

	return rc ? rc : rf_fail(err, RF_E_DENIED, "no");
}

static int append_many(struct place *p)
{
	STORE_AUTOCLOSE struct store *store = NULL;

	if (store_open(p->url, &store, NULL))
		return 1;
	add_entries(store, 15, "many");
	return 0;
}

static void writers_leave_no_gap(struct place *p)
{
	int signatures = 0, status;
	struct store_signer signer = {sign, &signatures};
	struct ledger_entry bad = {.kind = "\xc3\x28"};
	pid_t pids[2];
	int64_t size = 0;
	uint64_t entries;
	struct rf_err err = {0};

	assert_int_equal(store_ledger_append(p->store, &bad, NULL, &err), RF_E_SYNTAX);
	for (size_t i = 0; i < RF_COUNT(pids); i++) {
		pids[i] = fork();
		if (!pids[i])
			_exit(append_many(p));
	}
	while (size < 30) {
		int64_t n;

		assert_int_equal(store_transaction(p->store, append_and_fail, &n, &err),
				 RF_E_DENIED);
		must(store_ledger_sign(p->store, &signer, &size, &err), &err);
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
	for (size_t i = 0; i < RF_COUNT(pids); i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	assert_int_equal(export_fault(p, &entries), LEDGER_INTACT);
	assert_int_equal(entries, 30);
}

static int take_agent_line(void *arg, int64_t entry, struct rf_slice line)
{
	assert_int_equal(line.len, 7);
	*(int64_t *)arg += entry;
	return 0;
}

static int take_kind(void *arg, int64_t n, struct rf_slice line)
{
	(void)n;
	*(bool *)arg = memmem(line.data, line.len, "\"about\":\"h/41\"", 14) != NULL;
	return 0;
}

static void agents_entries_are_countersigned(struct place *p)
{
	struct store_agent_entry e = {"h", 40, rf_slice_text("{\"n\":0}"), 5};
	int64_t sum = 0;
	bool found = false;
	struct rf_err err = {0};

	add_host(p->store, "h");
	must(store_ledger_include(p->store, &e, &err), &err);
	assert_int_equal(store_ledger_include(p->store, &e, &err), RF_E_DUPLICATE);
	e.line = rf_slice_text("{\"n\":1}");
	assert_int_equal(store_ledger_include(p->store, &e, &err), RF_E_MISMATCH);
	e.entry = 39;
	assert_int_equal(store_ledger_include(p->store, &e, &err), RF_E_MISMATCH);
	e.entry = 42;
	assert_int_equal(store_ledger_include(p->store, &e, &err), RF_E_MISSING);
	e.entry = 41;
	must(store_ledger_include(p->store, &e, &err), &err);
	e.host = "none";
	assert_int_equal(store_ledger_include(p->store, &e, &err), RF_E_MISSING);
	must(store_ledger_agent_each(p->store, "h", take_agent_line, &sum, &err), &err);
	assert_int_equal(sum, 81);
	must(store_ledger_each(p->store, 1, 1, take_kind, &found, &err), &err);
	assert_true(found);
	assert_int_equal(ask(p->store, "SELECT count(*) FROM ledger_entry"), 2);
}

static void an_agents_entry_that_was_altered_is_told(struct place *p)
{
	static const char *const changed[] = {"DELETE FROM ledger_agent WHERE entry = 2",
					      "UPDATE ledger_agent SET line = (SELECT a.line FROM "
					      "ledger_agent a WHERE a.entry = 3) WHERE entry = 1",
					      "UPDATE ledger_agent SET n = 0 WHERE entry = 3"};
	static const char *const words[] = {
		"4 entries of agents were countersigned, 3 are there",
		"entry 1 of h is not the one that entry 1 countersigns",
		"entry 3 of h is not the one that entry 0 countersigns"};
	uint8_t root[LEDGER_HASH_BYTES];
	struct rf_err err = {0};

	add_host(p->store, "h");
	add_entries(p->store, 1, "grant");
	for (int64_t i = 1; i <= 4; i++) {
		char line[32];
		struct store_agent_entry e = {"h", i, {NULL, 0}, 5};

		snprintf(line, sizeof(line), "{\"n\":%d}", (int)i);
		e.line = rf_slice_text(line);
		must(store_ledger_include(p->store, &e, &err), &err);
	}
	/* Words of another's are no entry of an agent. */
	add_entries(p->store, 1, "\"kind\":\"agent\"");
	must(store_ledger_check(p->store, root, &err), &err);
	for (size_t i = 0; i < RF_COUNT(changed); i++) {
		place_sql(p, "CREATE TABLE kept AS SELECT * FROM ledger_agent");
		place_sql(p, changed[i]);
		assert_int_equal(store_ledger_check(p->store, root, &err), RF_E_MISMATCH);
		if (!strstr(rf_err_text(&err), words[i]))
			fail_msg("%s", rf_err_text(&err));
		place_sql(p, "DELETE FROM ledger_agent; INSERT INTO ledger_agent "
			     "SELECT * FROM kept; DROP TABLE kept");
		must(store_ledger_check(p->store, root, &err), &err);
	}
}

static const struct shared_case cases[] = {
	{"an invite brings one host", an_invite_brings_one_host},
	{"of many with one invite one joins", of_many_with_one_invite_one_joins},
	{"certificates end", certificates_end},
	{"a TPM is remembered", a_tpm_is_remembered},
	{"what comes twice is stored once", what_comes_twice_is_stored_once},
	{"commands go their way", commands_go_their_way},
	{"a command wakes who listens", a_command_wakes_who_listens},
	{"the ledger is verified from its export", the_ledger_is_verified_from_its_export},
	{"a ledger that was altered is told", a_ledger_that_was_altered_is_told},
	{"writers leave no gap", writers_leave_no_gap},
	{"agents' entries are countersigned", agents_entries_are_countersigned},
	{"an agent's entry that was altered is told", an_agents_entry_that_was_altered_is_told},
};

static int start(void **state)
{
	RF_AUTOBUF struct rf_buf pem = {0};
	struct rf_err err = {0};

	must(ledger_key_make("fleet", &pem, &public_key, &err), &err);
	must(ledger_key_load(rf_buf_slice(&pem), rf_buf_text(&public_key), &key, &err), &err);
	return server_start(state);
}

static int stop(void **state)
{
	ledger_key_free(key);
	rf_buf_done(&public_key);
	return server_stop(state);
}

int main(void)
{
	static struct engine_case rows[2 * RF_COUNT(cases)];
	static struct CMUnitTest tests[2 * RF_COUNT(cases)];

	engine_tests(cases, RF_COUNT(cases), rows, tests);
	return cmocka_run_group_tests(tests, start, stop);
}
