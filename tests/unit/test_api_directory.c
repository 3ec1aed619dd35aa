/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Groups of the directory: who is in one by their sign-in has its rights, and has them no longer
 * when the directory, or silence, says so; what a person made here is never touched. And the relay
 * to the unit that asks PAM.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "api/sign_in.h"
#include "api_test.h"

#define HOUR ((int64_t)3600000)

static void must(int rc, const struct rf_err *err)
{
	if (rc)
		fail_msg("%s", rf_err_text(err));
}

static void grant(struct api_test *t, const char *group, const char *role)
{
	struct rf_err err = {0};
	const struct store_principal principal = {group, true, false};
	const struct store_permission row = {"", group, true, role, true, NULL, "root", 1};

	must(store_principal_put(t->api.store, &principal, &err), &err);
	must(store_permission_put(t->api.store, &row, &err), &err);
}

/* A good (or other) password, with what the directory says; the bearer, or "". */
static int sign_in(struct api_test *t, const struct api_password *password,
		   char out[API_SECRET_TEXT_BYTES])
{
	static const char body[] = "{\"user\":\"x\",\"password\":\"y\",\"bearer\":true}";
	const struct api_request request = {.method = "POST",
					    .path = "/api/v1/session",
					    .content_type = "application/json",
					    .host = "m",
					    .body = rf_slice_text(body),
					    .address = "192.0.2.1",
					    .now_ms = t->now_ms};
	struct api_reply reply = {0};

	out[0] = '\0';
	api_password_known(&t->api, &request, password, &reply);
	json_t *json = json_loadb((const char *)reply.body.data, reply.body.len, 0, NULL);
	const char *bearer = json_string_value(json_object_get(json, "bearer"));
	int status = reply.status;

	if (bearer)
		assert_true(rf_copy(out, API_SECRET_TEXT_BYTES, bearer));
	json_decref(json);
	api_reply_done(&reply);
	return status;
}

static bool may(struct api_test *t, const char *bearer, const char *path)
{
	const struct api_as as = {.bearer = bearer};

	return api_test_status(t, "GET", path, NULL, &as, NULL) == 200;
}

static void test_sign_ins(void **state)
{
	static const struct {
		const char *name, *account;
		int verdict;
		const char *groups;
		int status;
		bool reads_users, reads_ledger;
	} rows[] = {
		{"in a group with rights", "ann", 1, "staff\nadmins\n", 201, true, false},
		{"in two", "bob", 1, "admins\nauditors\n", 201, true, true},
		{"without one that means something", "eve", 1, "staff\n", 401, false, false},
		{"without any", "eve", 1, "", 401, false, false},
		{"the directory said nothing", "eve", 1, NULL, 401, false, false},
		{"a part of a name", "eve", 1, "admin\nadmins2\nadmins x\n", 401, false, false},
		{"a group of ours by its name", "eve", 1, "locals\n", 401, false, false},
		{"with our sign before it", "eve", 1, "@admins\n", 401, false, false},
		{"a wrong password", "ann", 0, "admins\n", 401, false, false},
		{"PAM is away", "ann", -1, "admins\n", 503, false, false},
		{"no longer in it", "ann", 1, "staff\n", 201, false, false},
		{"and again", "ann", 1, "admins\n", 201, true, false},
		{"an account that is shut", "shut", 1, "admins\n", 401, false, false},
	};
	char setup[API_SECRET_TEXT_BYTES], bearer[API_SECRET_TEXT_BYTES];
	struct rf_err err = {0};
	struct api_test t;

	(void)state;
	api_test_begin(&t);
	api_test_setup(&t, setup);
	grant(&t, "@admins", "administrator");
	grant(&t, "@auditors", "auditor");
	grant(&t, "locals", "administrator");
	must(store_account_put(t.api.store,
			       &(struct store_account){"shut", "shut", "pam", "", true, 1}, &err),
	     &err);
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		const struct api_password password = {rows[i].account, rows[i].verdict,
						      rows[i].groups};
		int status = sign_in(&t, &password, bearer);

		t.now_ms += 1000;
		if (status != rows[i].status)
			fail_msg("%s: %d", rows[i].name, status);
		if (bearer[0] && (may(&t, bearer, "/api/v1/users") != rows[i].reads_users ||
				  (rows[i].reads_ledger && !may(&t, bearer, "/api/v1/ledger"))))
			fail_msg("%s: other rights", rows[i].name);
	}
	api_test_end(&t);
}

/* Nothing is known of who does not sign in any more; what was made by hand stays. */
static void test_forgotten(void **state)
{
	static const struct api_password ann = {"ann", 1, "admins\n"};
	const struct store_principal hand = {"byhand", true, false};
	const struct store_member kept = {"ann", false, "byhand", "root", 1};
	char setup[API_SECRET_TEXT_BYTES], bearer[API_SECRET_TEXT_BYTES];
	struct rf_err err = {0};
	struct api_test t;

	(void)state;
	api_test_begin(&t);
	api_test_setup(&t, setup);
	grant(&t, "@admins", "administrator");
	must(store_principal_put(t.api.store, &hand, &err), &err);
	must(store_member_put(t.api.store, &kept, &err), &err);
	assert_int_equal(sign_in(&t, &ann, bearer), 201);
	const struct api_who who = {.account = "ann", .subject = "ann"};

	static const struct {
		int64_t after_ms;
		bool in;
	} rows[] = {{0, true}, {11 * HOUR, true}, {13 * HOUR, false}, {13 * HOUR, false}};

	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		must(api_directory_look(t.api.store, t.now_ms + rows[i].after_ms, &err), &err);
		must(rights_fresh(&t.api, &err), &err);
		assert_int_equal(rights_is_self(&t.api, &who, "@admins", true), rows[i].in);
		assert_true(rights_is_self(&t.api, &who, "byhand", true));
	}
	/* A clock that was far ahead keeps nobody in. */
	t.now_ms += 1000 * HOUR;
	assert_int_equal(sign_in(&t, &ann, bearer), 201);
	must(api_directory_look(t.api.store, t.now_ms - 900 * HOUR, &err), &err);
	must(rights_fresh(&t.api, &err), &err);
	assert_false(rights_is_self(&t.api, &who, "@admins", true));
	api_test_end(&t);
}

/* The directory's groups are changed in the directory. */
static void test_by_hand(void **state)
{
	char setup[API_SECRET_TEXT_BYTES];
	struct api_test t;

	(void)state;
	api_test_begin(&t);
	api_test_setup(&t, setup);
	const struct api_as as = {.bearer = setup};

	assert_int_equal(
		api_test_status(&t, "PUT", "/api/v1/groups/@admins/members/ann", NULL, &as, NULL),
		400);
	assert_int_equal(api_test_status(&t, "DELETE", "/api/v1/groups/%40admins/members/ann", NULL,
					 &as, NULL),
			 400);
	api_test_end(&t);
}

/* The unit: a socket, and how many questions each of its processes answers before it ends. */
struct unit {
	int listener;
	int answers[8], count;
};

static void *unit_run(void *arg)
{
	struct unit *unit = arg;

	for (int i = 0; i < unit->count; i++) {
		int fd = accept(unit->listener, NULL, NULL);
		struct sign_in_question q;

		for (int k = 0; k < unit->answers[i]; k++) {
			if (recv(fd, &q, sizeof(q), MSG_WAITALL) != (ssize_t)sizeof(q))
				break;
			struct sign_in_answer a = {.id = q.id, .verdict = q.password[0] == 'r'};

			snprintf(a.groups, sizeof(a.groups), "%s-group\n", q.name);
			(void)!write(fd, &a, sizeof(a));
		}
		close(fd);
	}
	return NULL;
}

struct relay {
	int fd, rc;
	const char *path;
};

static void *relay_run(void *arg)
{
	struct relay *relay = arg;

	relay->rc = api_sign_in_relay(relay->fd, relay->path, NULL);
	close(relay->fd);
	return NULL;
}

static int relay_ask(int fd, uint64_t id, const char *password, struct sign_in_answer *out)
{
	struct sign_in_question q = {.id = id, .name = "ann"};

	assert_true(rf_copy(q.password, sizeof(q.password), password));
	if (write(fd, &q, sizeof(q)) != (ssize_t)sizeof(q) ||
	    recv(fd, out, sizeof(*out), MSG_WAITALL) != (ssize_t)sizeof(*out))
		return -2;
	assert_int_equal(out->id, id);
	return out->verdict;
}

static void test_relay(void **state)
{
	char dir[] = "/tmp/rf-relay-XXXXXX", path[64];
	struct sockaddr_un where = {.sun_family = AF_UNIX};
	struct sign_in_answer answer;
	struct unit unit = {.answers = {2, 1}, .count = 2};
	struct relay relay = {.path = path};
	pthread_t unit_thread, relay_thread;
	int pair[2];

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/s", dir);
	assert_true(rf_copy(where.sun_path, sizeof(where.sun_path), path));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	relay.fd = pair[1];
	assert_int_equal(pthread_create(&relay_thread, NULL, relay_run, &relay), 0);
	/* Nobody listens yet: it could not be asked, and it goes on. */
	assert_int_equal(relay_ask(pair[0], 1, "right", &answer), -1);
	unit.listener = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(unit.listener, (struct sockaddr *)&where, sizeof(where)), 0);
	assert_int_equal(listen(unit.listener, 4), 0);
	assert_int_equal(pthread_create(&unit_thread, NULL, unit_run, &unit), 0);
	assert_int_equal(relay_ask(pair[0], 2, "right", &answer), 1);
	assert_string_equal(answer.groups, "ann-group\n");
	assert_int_equal(relay_ask(pair[0], 3, "wrong", &answer), 0);
	/* The unit's process has ended; the next one answers. */
	assert_int_equal(relay_ask(pair[0], 4, "right", &answer), 1);
	pthread_join(unit_thread, NULL);
	close(unit.listener);
	assert_int_equal(relay_ask(pair[0], 5, "right", &answer), -1);
	close(pair[0]);
	pthread_join(relay_thread, NULL);
	assert_int_equal(relay.rc, 0);
	unlink(path);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sign_ins),
		cmocka_unit_test(test_forgotten),
		cmocka_unit_test(test_by_hand),
		cmocka_unit_test(test_relay),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
