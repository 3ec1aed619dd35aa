/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts, sessions, tokens, permissions, approvals and waivers, on both engines. */
#include "store_test.h"

#include "store/access.h"
#include "store/consent.h"
#include "store/people.h"

static const uint8_t secret_one[32] = {1}, secret_two[32] = {2}, secret_three[32] = {3};
#define SHA(x) ((struct rf_slice){x, 32})

static void add_account(struct store *store, const char *name, bool disabled)
{
	struct store_account account = {name, "person", "pam", "A Person", disabled, 7};
	struct rf_err err = {0};

	must(store_account_put(store, &account, &err), &err);
}

/* What was read last, copied. */
struct seen {
	char text[64], subject[64];
	int64_t number, used_ms;
	int count;
};

static int take_account(void *arg, const struct store_account *account)
{
	struct seen *seen = arg;

	assert_true(rf_copy(seen->text, sizeof(seen->text), account->account));
	assert_true(rf_copy(seen->subject, sizeof(seen->subject), account->subject));
	seen->number = account->disabled;
	assert_int_equal(account->created_ms, 7);
	seen->count++;
	return 0;
}

static int take_session(void *arg, const struct store_session *session)
{
	struct seen *seen = arg;

	assert_int_equal(session->sha256.len, 32);
	assert_true(rf_copy(seen->text, sizeof(seen->text), session->account));
	assert_true(rf_copy(seen->subject, sizeof(seen->subject), session->subject));
	seen->number = session->expires_ms;
	seen->used_ms = session->used_ms;
	seen->count++;
	return 0;
}

static int take_token(void *arg, const struct store_token *token)
{
	struct seen *seen = arg;

	assert_true(rf_copy(seen->text, sizeof(seen->text), token->token));
	assert_true(rf_copy(seen->subject, sizeof(seen->subject), token->subject));
	assert_string_equal(token->scope, "{}");
	seen->number = token->revoked_ms;
	seen->used_ms = token->used_ms;
	seen->count++;
	return 0;
}

static void accounts_are_kept(struct place *p)
{
	struct store_account bad = {"x", "s", "ldap", "n", false, 1};
	struct seen seen = {0};
	struct rf_err err = {0};

	add_account(p->store, "ann", false);
	add_account(p->store, "bob", false);
	add_account(p->store, "ann", true);
	must(store_account_get(p->store, "ann", take_account, &seen, &err), &err);
	assert_int_equal(seen.number, 1);
	assert_string_equal(seen.subject, "person");
	must(store_account_each(p->store, "", 9, take_account, &seen, &err), &err);
	assert_int_equal(seen.count, 3);
	assert_string_equal(seen.text, "bob");
	must(store_account_each(p->store, "ann", 9, take_account, &seen, &err), &err);
	assert_int_equal(seen.count, 4);
	assert_int_equal(store_account_get(p->store, "eve", take_account, &seen, &err),
			 RF_E_UNKNOWN);
	assert_int_equal(store_account_put(p->store, &bad, &err), RF_E_MISMATCH);
}

static int session_use(struct place *p, const uint8_t *secret, int64_t now_ms, struct seen *seen)
{
	struct store_use use = {secret, now_ms, 600000};

	return store_session_use(p->store, &use, take_session, seen, NULL);
}

static void sessions_end(struct place *p)
{
	struct store_session s = {SHA(secret_one), "ann", "192.0.2.1", NULL, 1000000, 0, 9000000};
	struct seen seen = {0};
	struct rf_err err = {0};

	assert_int_equal(store_session_add(p->store, &s, &err), RF_E_DENIED);
	add_account(p->store, "ann", false);
	must(store_session_add(p->store, &s, &err), &err);
	assert_int_equal(store_session_add(p->store, &s, &err), RF_E_DUPLICATE);
	must(session_use(p, secret_one, 1030000, &seen), &err);
	assert_string_equal(seen.subject, "person");
	/* Within a minute nothing is written, then it is. */
	assert_int_equal(ask(p->store, "SELECT used_ms FROM session"), 1000000);
	must(session_use(p, secret_one, 1060000, &seen), &err);
	assert_int_equal(ask(p->store, "SELECT used_ms FROM session"), 1060000);
	assert_int_equal(session_use(p, secret_two, 1060000, &seen), RF_E_DENIED);
	/* A clock that jumps back writes no earlier use. */
	must(session_use(p, secret_one, 900000, &seen), &err);
	assert_int_equal(ask(p->store, "SELECT used_ms FROM session"), 1060000);
	/* Idle too long, and over. */
	assert_int_equal(session_use(p, secret_one, 1660000, &seen), RF_E_DENIED);
	must(session_use(p, secret_one, 1659999, &seen), &err);
	for (int64_t t = 1700000; t < 9000000; t += 500000)
		must(session_use(p, secret_one, t, &seen), &err);
	assert_int_equal(session_use(p, secret_one, 9000000, &seen), RF_E_DENIED);
	/* Ended by hand, all at once, and by the account. */
	s.expires_ms = INT64_MAX;
	s.sha256 = SHA(secret_two);
	must(store_session_add(p->store, &s, &err), &err);
	must(store_session_end(p->store, secret_two, &err), &err);
	assert_int_equal(session_use(p, secret_two, 1000001, &seen), RF_E_DENIED);
	must(store_session_add(p->store, &s, &err), &err);
	seen.count = 0;
	must(store_session_each(p->store, "ann", take_session, &seen, &err), &err);
	assert_int_equal(seen.count, 2);
	must(store_session_end_all(p->store, "ann", &err), &err);
	assert_int_equal(ask(p->store, "SELECT count(*) FROM session"), 0);
	must(store_session_add(p->store, &s, &err), &err);
	add_account(p->store, "ann", true);
	assert_int_equal(ask(p->store, "SELECT count(*) FROM session"), 0);
	assert_int_equal(store_session_add(p->store, &s, &err), RF_E_DENIED);
}

static int token_use(struct store *store, const uint8_t *secret, int64_t now_ms, struct seen *seen)
{
	struct store_use use = {secret, now_ms, 0};

	return store_token_use(store, &use, take_token, seen, NULL);
}

static void tokens_are_held_to_their_end(struct place *p)
{
	struct store_token t = {.token = "t1",
				.sha256 = SHA(secret_one),
				.account = "ann",
				.name = "ci",
				.scope = "{}",
				.created_ms = 1000,
				.expires_ms = 900000};
	struct seen seen = {0};
	struct rf_err err = {0};

	assert_int_equal(store_token_add(p->store, &t, &err), RF_E_MISSING);
	add_account(p->store, "ann", false);
	must(store_token_add(p->store, &t, &err), &err);
	t.token = "t2";
	assert_int_equal(store_token_add(p->store, &t, &err), RF_E_DUPLICATE);
	must(token_use(p->store, secret_one, 100000, &seen), &err);
	assert_string_equal(seen.subject, "person");
	assert_int_equal(ask(p->store, "SELECT used_ms FROM token"), 100000);
	assert_int_equal(token_use(p->store, secret_one, 900000, &seen), RF_E_DENIED);
	assert_int_equal(token_use(p->store, secret_two, 1, &seen), RF_E_DENIED);
	/* Of a disabled account no token counts, and it counts again with it. */
	add_account(p->store, "ann", true);
	assert_int_equal(token_use(p->store, secret_one, 100000, &seen), RF_E_DENIED);
	add_account(p->store, "ann", false);
	must(store_token_revoke(p->store, "t1", 100001, &err), &err);
	assert_int_equal(store_token_revoke(p->store, "t1", 100001, &err), RF_E_UNKNOWN);
	assert_int_equal(token_use(p->store, secret_one, 100002, &seen), RF_E_DENIED);
	t.sha256 = SHA(secret_two);
	must(store_token_add(p->store, &t, &err), &err);
	seen.count = 0;
	must(store_token_each(p->store, "ann", take_token, &seen, &err), &err);
	must(store_token_each(p->store, NULL, take_token, &seen, &err), &err);
	must(store_token_each(p->store, "bob", take_token, &seen, &err), &err);
	assert_int_equal(seen.count, 4);
}

/* How many of four at once say that they won. */
static int winners(struct place *p, int (*run)(struct place *p))
{
	pid_t pids[4];
	int won = 0, status;

	for (size_t i = 0; i < RF_COUNT(pids); i++) {
		pids[i] = fork();
		if (pids[i])
			continue;
		struct place q = *p;
		int rc = store_open(p->url, &q.store, NULL);

		rc = rc ? 2 : run(&q);
		store_close(q.store);
		_exit(rc);
	}
	for (size_t i = 0; i < RF_COUNT(pids); i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
		won += WEXITSTATUS(status);
	}
	return won;
}

static int try_secret(struct place *p)
{
	struct seen seen = {0};
	int rc = token_use(p->store, secret_three, 100, &seen);

	return rc == 0 ? 1 : rc == RF_E_DENIED ? 0 : 2;
}

static void a_one_time_secret_is_used_once(struct place *p)
{
	struct store_token t = {.token = "first",
				.sha256 = SHA(secret_three),
				.account = "ann",
				.name = "sign-in",
				.scope = "{}",
				.one_use = true,
				.created_ms = 1,
				.expires_ms = 900000};
	struct seen seen = {0};
	struct rf_err err = {0};

	add_account(p->store, "ann", false);
	must(store_token_add(p->store, &t, &err), &err);
	assert_int_equal(token_use(p->store, secret_three, 900001, &seen), RF_E_DENIED);
	assert_int_equal(seen.count, 0);
	assert_int_equal(winners(p, try_secret), 1);
	assert_int_equal(token_use(p->store, secret_three, 101, &seen), RF_E_DENIED);
}

static void guesses_lock_out_nobody_else(struct place *p)
{
	struct store_failure evil = {"ann", "203.0.113.9", 1000, 500},
			     ann = {"ann", "192.0.2.1", 1000, 500};
	int64_t count = -1;
	struct rf_err err = {0};

	for (int i = 1; i <= 5; i++) {
		must(store_failure_add(p->store, &evil, &count, &err), &err);
		assert_int_equal(count, i);
	}
	must(store_failure_count(p->store, &ann, &count, &err), &err);
	assert_int_equal(count, 0);
	must(store_failure_count(p->store, &evil, &count, &err), &err);
	assert_int_equal(count, 5);
	/* The window's edge, and behind it. */
	evil.at_ms = 1500;
	must(store_failure_count(p->store, &evil, &count, &err), &err);
	assert_int_equal(count, 5);
	evil.at_ms = 1501;
	must(store_failure_count(p->store, &evil, &count, &err), &err);
	assert_int_equal(count, 0);
	must(store_failure_add(p->store, &evil, &count, &err), &err);
	assert_int_equal(count, 1);
	must(store_failure_clear(p->store, "ann", "203.0.113.9", &err), &err);
	assert_int_equal(ask(p->store, "SELECT count(*) FROM sign_in_failure"), 0);
}

/* Access ------------------------------------------------------------------------------------- */

static int64_t generation(struct place *p)
{
	struct rf_err err = {0};
	int64_t now = -1;

	must(store_access_generation(p->store, &now, &err), &err);
	return now;
}

static void put_object(struct place *p, const char *id, const char *kind, const char *a,
		       const char *b)
{
	struct store_object o = {id, kind, id, NULL, {a, b}};
	struct rf_err err = {0};

	must(store_object_put(p->store, &o, &err), &err);
}

static void objects_have_parents(struct place *p)
{
	struct store_object bad = {"vm:9", "vm", "n", NULL, {"host:none", NULL}};
	struct rf_err err = {0};

	assert_int_equal(generation(p), 0);
	put_object(p, "site", "site", NULL, NULL);
	put_object(p, "group:a", "group", "site", NULL);
	put_object(p, "host:h", "host", "site", NULL);
	put_object(p, "vm:1", "vm", "host:h", "group:a");
	assert_int_equal(generation(p), 4);
	/* Nothing new is no change; each difference is one. */
	put_object(p, "vm:1", "vm", "host:h", "group:a");
	assert_int_equal(generation(p), 4);
	put_object(p, "vm:1", "vm", "host:h", NULL);
	assert_int_equal(generation(p), 5);
	assert_int_equal(ask(p->store, "SELECT count(*) FROM object_parent"), 3);
	assert_int_equal(store_object_put(p->store, &bad, &err), RF_E_MISSING);
	bad = (struct store_object){"x", "domain", "n", NULL, {NULL, NULL}};
	assert_int_equal(store_object_put(p->store, &bad, &err), RF_E_MISMATCH);
	assert_int_equal(store_object_drop(p->store, "host:h", &err), RF_E_MISSING);
	assert_int_equal(store_object_drop(p->store, "nothing", &err), RF_E_UNKNOWN);
	assert_int_equal(generation(p), 5);
	assert_int_equal(ask(p->store, "SELECT count(*) FROM object"), 4);
	must(store_object_drop(p->store, "vm:1", &err), &err);
	must(store_object_drop(p->store, "host:h", &err), &err);
	assert_int_equal(generation(p), 7);
}

struct rows_read {
	int counts[8];
	int64_t generation;
	char last_privilege[32], last_parent[32];
};

static int read_begin(void *arg, int64_t now)
{
	*(struct rows_read *)arg = (struct rows_read){.counts = {1}, .generation = now};
	return 0;
}

static int read_object(void *arg, const struct store_object *object)
{
	struct rows_read *rows = arg;

	rows->counts[1]++;
	if (object->parents[1])
		assert_true(rf_copy(rows->last_parent, 32, object->parents[1]));
	return 0;
}

static int read_role(void *arg, const struct store_role *role)
{
	assert_string_equal(role->changed_by, "boss");
	((struct rows_read *)arg)->counts[2]++;
	return 0;
}

static int read_privilege(void *arg, const char *role, const char *privilege)
{
	struct rows_read *rows = arg;

	assert_string_equal(role, "operator");
	assert_true(rf_copy(rows->last_privilege, 32, privilege));
	rows->counts[3]++;
	return 0;
}

static int read_principal(void *arg, const struct store_principal *principal)
{
	assert_true(principal->is_group || rf_equal(principal->principal, "ann"));
	((struct rows_read *)arg)->counts[4]++;
	return 0;
}

static int read_member(void *arg, const struct store_member *member)
{
	assert_string_equal(member->in_group, "ops");
	((struct rows_read *)arg)->counts[5]++;
	return 0;
}

static int read_permission(void *arg, const struct store_permission *permission)
{
	assert_true(permission->propagate);
	assert_string_equal(permission->constraints, "{}");
	((struct rows_read *)arg)->counts[6]++;
	return 0;
}

static int read_duty_set(void *arg, const struct store_duty_set *set)
{
	assert_string_equal(set->set, "s");
	assert_string_equal(set->rule, "{\"a\":2}");
	assert_string_equal(set->changed_by, "boss");
	assert_int_equal(set->changed_ms, 7);
	((struct rows_read *)arg)->counts[7]++;
	return 0;
}

static const struct store_access_reader reader = {read_begin,	   read_object,	   read_role,
						  read_privilege,  read_principal, read_member,
						  read_permission, read_duty_set};

/* A set replaces the one of its name, and each change is one of rights. */
static void duty_sets_are_kept(struct place *p)
{
	struct store_duty_set set = {"s", "{}", "ann", 5};
	struct rows_read rows = {0};
	struct rf_err err = {0};
	int64_t before = generation(p);

	must(store_duty_set_put(p->store, &set, &err), &err);
	set = (struct store_duty_set){"s", "{\"a\":2}", "boss", 7};
	must(store_duty_set_put(p->store, &set, &err), &err);
	assert_int_equal(generation(p), before + 2);
	must(store_access_read(p->store, &reader, &rows, &err), &err);
	assert_int_equal(rows.counts[7], 1);
	assert_int_equal(store_duty_set_drop(p->store, "t", &err), RF_E_UNKNOWN);
	must(store_duty_set_drop(p->store, "s", &err), &err);
	assert_int_equal(store_duty_set_drop(p->store, "s", &err), RF_E_UNKNOWN);
	assert_int_equal(generation(p), before + 3);
	must(store_access_read(p->store, &reader, &rows, &err), &err);
	assert_int_equal(rows.counts[7], 0);
}

static void permissions_are_read_as_of_one_generation(struct place *p)
{
	static const char *const privileges[] = {"host.check", "isolate.plan"};
	struct store_role role = {"operator", "runs things", privileges, 2, "boss", 5};
	struct store_principal ann = {"ann", false, false}, ops = {"ops", true, false};
	struct store_member member = {"ann", false, "ops", "directory", 5};
	struct store_permission all = {"", "ops", true, "operator", true, NULL, "boss", 5},
				site = {"site", "ann", false, "operator", true, NULL, "boss", 5};
	struct rows_read rows = {0};
	struct rf_err err = {0};

	assert_int_equal(store_permission_put(p->store, &all, &err), RF_E_MISSING);
	must(store_role_put(p->store, &role, &err), &err);
	must(store_principal_put(p->store, &ann, &err), &err);
	must(store_principal_put(p->store, &ops, &err), &err);
	must(store_member_put(p->store, &member, &err), &err);
	int64_t before = generation(p);

	must(store_principal_put(p->store, &ann, &err), &err);
	must(store_member_put(p->store, &member, &err), &err);
	assert_int_equal(generation(p), before);
	assert_int_equal(store_permission_put(p->store, &site, &err), RF_E_UNKNOWN);
	put_object(p, "site", "site", NULL, NULL);
	put_object(p, "site2", "site", NULL, NULL);
	put_object(p, "vm:1", "vm", "site", "site2");
	must(store_permission_put(p->store, &all, &err), &err);
	must(store_permission_put(p->store, &site, &err), &err);
	must(store_access_read(p->store, &reader, &rows, &err), &err);
	assert_int_equal(rows.generation, generation(p));
	assert_memory_equal(rows.counts, ((int[]){1, 3, 1, 2, 2, 1, 2, 0}), sizeof(rows.counts));
	assert_string_equal(rows.last_privilege, "isolate.plan");
	assert_string_equal(rows.last_parent, "site2");
	/* A role that is held stays; changed as a whole. */
	assert_int_equal(store_role_drop(p->store, "operator", &err), RF_E_MISSING);
	role.privileges_count = 1;
	must(store_role_put(p->store, &role, &err), &err);
	assert_int_equal(ask(p->store, "SELECT count(*) FROM role_privilege"), 1);
	must(store_permission_drop(p->store, &all, &err), &err);
	assert_int_equal(store_permission_drop(p->store, &all, &err), RF_E_UNKNOWN);
	/* The object takes its permissions along. */
	must(store_object_drop(p->store, "vm:1", &err), &err);
	must(store_object_drop(p->store, "site", &err), &err);
	must(store_role_drop(p->store, "operator", &err), &err);
	assert_int_equal(store_role_drop(p->store, "operator", &err), RF_E_UNKNOWN);
	before = generation(p);
	must(store_member_drop(p->store, &member, &err), &err);
	must(store_member_drop(p->store, &member, &err), &err);
	assert_int_equal(generation(p), before + 1);
}

/* Two at once change what a third reads: whoever reads sees one state or the other. */
static int read_pairs(void *arg, const struct store_object *object)
{
	int *sum = arg;

	*sum += rf_starts(object->object, "pair") ? 1 : 0;
	return 0;
}

static int pair_begin(void *arg, int64_t now)
{
	(void)now;
	*(int *)arg = 0;
	return 0;
}

static int put_pair(struct store *store, void *arg, struct rf_err *err)
{
	char a[32], b[32];

	snprintf(a, sizeof(a), "pair%d-a", *(int *)arg);
	snprintf(b, sizeof(b), "pair%d-b", *(int *)arg);
	struct store_object one = {a, "group", a, NULL, {NULL, NULL}},
			    two = {b, "group", b, NULL, {NULL, NULL}};
	int rc = store_object_put(store, &one, err);

	return rc ? rc : store_object_put(store, &two, err);
}

static void a_snapshot_is_not_torn(struct place *p)
{
	const struct store_access_reader pairs = {.begin = pair_begin, .object = read_pairs};
	struct rf_err err = {0};
	int status, sum = 0;
	pid_t pid = fork();

	if (!pid) {
		struct store *store = NULL;
		int rc = store_open(p->url, &store, NULL);

		for (int i = 0; !rc && i < 30; i++)
			rc = store_transaction(store, put_pair, &i, NULL);
		store_close(store);
		_exit(rc ? 1 : 0);
	}
	while (sum < 60) {
		int rc = store_access_read(p->store, &pairs, &sum, &err);

		assert_true(rc == 0 || rc == -EAGAIN);
		assert_true(rc || sum % 2 == 0);
		if (rc || sum < 60)
			sum = 0;
		if (waitpid(pid, &status, WNOHANG) == pid)
			assert_int_equal(status, 0);
	}
	(void)waitpid(pid, &status, 0);
}

/* Approvals and waivers ----------------------------------------------------------------------- */

/* An event as the caller has it, but for its number. */
struct said {
	struct approval_rule rule;
	struct approval_event event;
};

static int apply_said(void *arg, struct approval *record, uint64_t seq, struct rf_err *err)
{
	struct said *said = arg;

	said->event.seq = seq;
	return approval_apply(record, &said->rule, &said->event, err);
}

static const uint8_t digest_a[APPROVAL_DIGEST_BYTES] = {0xaa};

static struct said say(enum approval_verb verb, const char *who, int64_t at_ms)
{
	struct said said = {0};
	struct rf_err err = {0};
	struct approval_site site = {.operation = "quarantine.release"};

	must(approval_rule_make(&site, &said.rule, &err), &err);
	said.event = (struct approval_event){
		.verb = verb,
		.time_ms = at_ms,
		.who = {who, who, verb == APPROVAL_APPROVE ? "chief" : NULL},
		.digest = digest_a,
		.text = "because"};
	return said;
}

static int apply_event(struct place *p, struct said said, struct rf_err *err)
{
	struct store_approval_change change = {.approval = "a1",
					       .act = rf_slice_text("act"),
					       .reason = "let it out",
					       .at_ms = said.event.time_ms,
					       .apply = apply_said,
					       .arg = &said};

	return store_approval_apply(p->store, &change, err);
}

static int take_approval(void *arg, const struct store_approval *approval)
{
	assert_string_equal(approval->approval, "a1");
	assert_string_equal(approval->reason, "let it out");
	assert_true(approval->act.len == 3 && memcmp(approval->act.data, "act", 3) == 0);
	assert_int_equal(approval->created_ms, 1000);
	*(struct approval *)arg = approval->record;
	return 0;
}

static int count_approval(void *arg, const char *approval, const char *state)
{
	assert_string_equal(approval, "a1");
	assert_string_equal(state, "consumed");
	++*(int *)arg;
	return 0;
}

static void an_approval_is_kept_whole(struct place *p)
{
	struct store_approval_page page = {"consumed", "", 9}, any = {"", "", 9},
				   other = {"denied", "", 9};
	struct approval record;
	struct rf_err err = {0};
	int count = 0;

	assert_int_equal(store_approval_get(p->store, "a1", take_approval, &record, &err),
			 RF_E_UNKNOWN);
	/* Nothing was requested: a refusal of which nothing stays. */
	assert_int_equal(apply_event(p, say(APPROVAL_APPROVE, "bob", 900), &err), RF_E_MISMATCH);
	assert_int_equal(ask(p->store, "SELECT count(*) FROM approval"), 0);
	must(apply_event(p, say(APPROVAL_REQUEST, "ann", 1000), &err), &err);
	must(store_approval_get(p->store, "a1", take_approval, &record, &err), &err);
	assert_int_equal(record.state, APPROVAL_REQUESTED);
	must(approval_check(&record, &err), &err);
	/* Her own vote is refused, and that it was asked is kept. */
	uint64_t seq = record.seq;

	assert_int_equal(apply_event(p, say(APPROVAL_APPROVE, "ann", 1100), &err), RF_E_DENIED);
	assert_true(rf_err_text(&err)[0] != '\0');
	must(store_approval_get(p->store, "a1", take_approval, &record, &err), &err);
	assert_true(record.seq > seq && record.seen_ms == 1100);
	assert_int_equal(record.votes_count, 0);
	while (record.state == APPROVAL_REQUESTED) {
		char voter[16];
		struct said said;

		snprintf(voter, sizeof(voter), "bob%u", record.votes_count);
		said = say(APPROVAL_APPROVE, voter, 1200);
		said.event.who.role = record.votes_count ? "chief" : "deputy";
		must(apply_event(p, said, &err), &err);
		must(store_approval_get(p->store, "a1", take_approval, &record, &err), &err);
	}
	assert_int_equal(record.state, APPROVAL_APPROVED);
	assert_true(record.votes_count >= 1);
	assert_string_equal(record.votes[0].account, "bob0");
	assert_string_equal(record.votes[0].role, "deputy");
	assert_memory_equal(record.digest, digest_a, sizeof(digest_a));
	while (record.state == APPROVAL_APPROVED) {
		must(apply_event(p, say(APPROVAL_USE, "ann", 1300), &err), &err);
		must(store_approval_get(p->store, "a1", take_approval, &record, &err), &err);
		assert_true(record.todo & APPROVAL_TODO_RUN);
	}
	assert_int_equal(record.state, APPROVAL_CONSUMED);
	must(store_approval_each(p->store, &page, count_approval, &count, &err), &err);
	must(store_approval_each(p->store, &any, count_approval, &count, &err), &err);
	must(store_approval_each(p->store, &other, count_approval, &count, &err), &err);
	assert_int_equal(count, 2);
	/* What another program wrote into it is not judged by. */
	place_sql(p, "UPDATE approval SET quorum = -1");
	assert_int_equal(store_approval_get(p->store, "a1", take_approval, &record, &err),
			 RF_E_MISMATCH);
	place_sql(p, "UPDATE approval SET quorum = 1, state = 'fine'");
	assert_int_equal(apply_event(p, say(APPROVAL_LOOK, NULL, 1400), &err), RF_E_MISMATCH);
}

static int try_use(struct place *p)
{
	int rc = apply_event(p, say(APPROVAL_USE, "ann", 1200), NULL);

	return rc == 0 ? 1 : rc == RF_E_MISMATCH ? 0 : 2;
}

/* Many use an approval at once: it runs as often as it says, and no more. */
static void an_approval_is_not_used_too_often(struct place *p)
{
	struct approval record;
	struct rf_err err = {0};

	must(apply_event(p, say(APPROVAL_REQUEST, "ann", 1000), &err), &err);
	for (int i = 0; i < 2; i++) {
		struct said said = say(APPROVAL_APPROVE, i ? "bob" : "cid", 1100);

		said.event.who.role = i ? "chief" : "deputy";
		said.event.terms.count = 1;
		(void)!apply_event(p, said, &err);
	}
	must(store_approval_get(p->store, "a1", take_approval, &record, &err), &err);
	assert_int_equal(record.state, APPROVAL_APPROVED);
	assert_int_equal(winners(p, try_use), 1);
}

static int take_waiver(void *arg, const struct store_waiver *waiver)
{
	int64_t *numbers = arg;

	assert_string_equal(waiver->row.control, "host.*");
	numbers[0] = waiver->seq;
	numbers[1] = waiver->row.seen_ms;
	numbers[2] = waiver->row.approver != NULL;
	numbers[3]++;
	return 0;
}

static void waivers_are_changed_by_who_read_them(struct place *p)
{
	struct store_waiver w = {.waiver = "w1",
				 .row = {.control = "host.*",
					 .resource = "*",
					 .reason = "old hardware",
					 .owner = "ann",
					 .owner_subject = "ann",
					 .since_ms = 5,
					 .expires_ms = 500,
					 .seen_ms = 50}};
	int64_t numbers[4] = {0};
	struct rf_err err = {0};

	must(store_waiver_put(p->store, &w, &err), &err);
	assert_int_equal(store_waiver_put(p->store, &w, &err), RF_E_DUPLICATE);
	must(store_waiver_get(p->store, "w1", take_waiver, numbers, &err), &err);
	assert_int_equal(numbers[0], 1);
	assert_int_equal(numbers[2], 0);
	w.seq = 1;
	w.row.approver = w.row.approver_subject = "bob";
	w.row.seen_ms = 40;
	must(store_waiver_put(p->store, &w, &err), &err);
	assert_int_equal(store_waiver_put(p->store, &w, &err), RF_E_CHANGED);
	/* Time goes one way. */
	must(store_waiver_seen(p->store, 70, &err), &err);
	must(store_waiver_seen(p->store, 60, &err), &err);
	must(store_waiver_each(p->store, take_waiver, numbers, &err), &err);
	assert_int_equal(numbers[0], 2);
	assert_int_equal(numbers[1], 70);
	assert_int_equal(numbers[2], 1);
	assert_int_equal(numbers[3], 2);
	assert_int_equal(store_waiver_get(p->store, "w2", take_waiver, numbers, &err),
			 RF_E_UNKNOWN);
}

static const struct shared_case cases[] = {
	{"accounts are kept", accounts_are_kept},
	{"sessions end", sessions_end},
	{"tokens are held to their end", tokens_are_held_to_their_end},
	{"a one-time secret is used once", a_one_time_secret_is_used_once},
	{"guesses lock out nobody else", guesses_lock_out_nobody_else},
	{"objects have parents", objects_have_parents},
	{"permissions are read as of one generation", permissions_are_read_as_of_one_generation},
	{"duty sets are kept", duty_sets_are_kept},
	{"a snapshot is not torn", a_snapshot_is_not_torn},
	{"an approval is kept whole", an_approval_is_kept_whole},
	{"an approval is not used too often", an_approval_is_not_used_too_often},
	{"waivers are changed by who read them", waivers_are_changed_by_who_read_them},
};

int main(void)
{
	static struct engine_case rows[2 * RF_COUNT(cases)];
	static struct CMUnitTest tests[2 * RF_COUNT(cases)];

	engine_tests(cases, RF_COUNT(cases), rows, tests);
	return cmocka_run_group_tests(tests, server_start, server_stop);
}
