/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions as a state machine: sign in, use, sign out, end all, disable, from elsewhere, and a
 * clock that goes on, jumps ahead and jumps back, in orders of chance, beside a model of a few
 * lines.
 */
#include "api_test.h"

#define PEOPLE	 3
#define SESSIONS 8
#define STEPS	 1500
#define MINUTE	 ((int64_t)60000)

struct session {
	char bearer[API_SECRET_TEXT_BYTES]; /* "": none */
	int person;
	int64_t used_ms, expires_ms;
};

struct world {
	struct api_test t;
	struct session sessions[SESSIONS];
	bool disabled[PEOPLE];
	uint64_t chance;
	char setup[API_SECRET_TEXT_BYTES];
};

static unsigned choose(struct world *w, unsigned count)
{
	w->chance = w->chance * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(w->chance >> 33) % count;
}

static const char *name_of(int person)
{
	static const char *const names[PEOPLE] = {"ann", "bob", "cid"};

	return names[person];
}

static void account(struct world *w, int person, bool disabled)
{
	struct rf_err err = {0};
	const struct store_account row = {name_of(person), name_of(person), "pam", "", disabled, 1};

	if (store_account_put(w->t.api.store, &row, &err))
		fail_msg("%s", rf_err_text(&err));
	w->disabled[person] = disabled;
	for (int i = 0; disabled && i < SESSIONS; i++)
		if (w->sessions[i].person == person)
			w->sessions[i].bearer[0] = '\0';
}

static void sign_in(struct world *w, struct session *s, int person)
{
	static const char body[] = "{\"user\":\"x\",\"password\":\"y\",\"bearer\":true}";
	const struct api_request request = {.method = "POST",
					    .path = "/api/v1/session",
					    .content_type = "application/json",
					    .host = "m",
					    .body = rf_slice_text(body),
					    .address = "192.0.2.1",
					    .now_ms = w->t.now_ms};
	const struct api_password password = {name_of(person), 1, NULL};
	struct api_reply reply = {0};

	api_password_known(&w->t.api, &request, &password, &reply);
	json_t *json = json_loadb((const char *)reply.body.data, reply.body.len, 0, NULL);
	const char *bearer = json_string_value(json_object_get(json, "bearer"));

	if (reply.status != (w->disabled[person] ? 401 : 201))
		fail_msg("%s signs in: %d", name_of(person), reply.status);
	*s = (struct session){.person = person,
			      .used_ms = w->t.now_ms,
			      .expires_ms = w->t.now_ms + API_SESSION_MS};
	if (bearer)
		assert_true(rf_copy(s->bearer, sizeof(s->bearer), bearer));
	json_decref(json);
	api_reply_done(&reply);
}

static bool counts(const struct world *w, const struct session *s)
{
	return s->bearer[0] && s->expires_ms > w->t.now_ms &&
	       s->used_ms > w->t.now_ms - API_IDLE_MS;
}

/* Shows the session's secret, from its own place or from another. */
static void use(struct world *w, struct session *s, const char *method, const char *address)
{
	const struct api_as as = {.bearer = s->bearer, .address = address};
	bool good = counts(w, s) && !address;
	int wanted = !good ? 401 : rf_equal(method, "GET") ? 200 : 204;

	/* What is shown from elsewhere is a use, as far as idleness goes: asked where it is none.
	 */
	if (!s->bearer[0] || (address && counts(w, s) && w->t.now_ms - s->used_ms >= MINUTE))
		return;
	int status = api_test_status(&w->t, method, "/api/v1/session", NULL, &as, NULL);

	if (status != wanted)
		fail_msg("%s by %s: %d, not %d", method, name_of(s->person), status, wanted);
	if (good && w->t.now_ms - s->used_ms >= MINUTE)
		s->used_ms = w->t.now_ms;
	if (wanted == 204)
		s->bearer[0] = '\0';
}

static void step(struct world *w)
{
	static const int64_t jumps[] = {5 * MINUTE,   10 * MINUTE, 31 * MINUTE,	  780 * MINUTE,
					-45 * MINUTE, -5 * MINUTE, -800 * MINUTE, 2 * MINUTE};
	struct session *s = &w->sessions[choose(w, SESSIONS)];
	int person = (int)choose(w, PEOPLE);
	struct rf_err err = {0};

	switch (choose(w, 12)) {
	case 0:
	case 1:
	case 2:
		sign_in(w, s, person);
		break;
	case 3:
		use(w, s, "DELETE", NULL);
		break;
	case 4:
		use(w, s, "GET", "198.51.100.1");
		break;
	case 5:
		account(w, person, !w->disabled[person]);
		break;
	case 6:
		assert_int_equal(store_session_end_all(w->t.api.store, name_of(person), &err), 0);
		for (int i = 0; i < SESSIONS; i++)
			if (w->sessions[i].person == person)
				w->sessions[i].bearer[0] = '\0';
		break;
	case 7:
	case 8:
		w->t.now_ms += jumps[choose(w, RF_COUNT(jumps))];
		break;
	default:
		use(w, s, "GET", NULL);
		break;
	}
}

static void test_machine(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 3; seed++) {
		struct world w = {.chance = seed};

		api_test_begin(&w.t);
		api_test_setup(&w.t, w.setup);
		for (int i = 0; i < PEOPLE; i++)
			account(&w, i, false);
		for (int i = 0; i < STEPS; i++)
			step(&w);
		api_test_end(&w.t);
	}
}

/* A token ends at its time; neither a jump back nor one ahead and back makes another of it. */
static void test_tokens_and_the_clock(void **state)
{
	static const struct {
		const char *name;
		int64_t at_ms;
		int status;
	} rows[] = {
		{"at once", 0, 200},
		{"before its end", 23 * 60 * MINUTE, 200},
		{"at its end", 24 * 60 * MINUTE, 401},
		{"long behind it", 100000 * MINUTE, 401},
		{"the clock is back", 60 * MINUTE, 200},
		{"before it was made", -600 * MINUTE, 200},
	};
	char setup[API_SECRET_TEXT_BYTES], ann[API_SECRET_TEXT_BYTES];
	struct api_test t;

	(void)state;
	api_test_begin(&t);
	api_test_setup(&t, setup);
	api_test_person(&t, "ann", "viewer", ann);
	const struct api_as as = {.bearer = ann};

	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		t.now_ms = API_NOW + rows[i].at_ms;
		int status = api_test_status(&t, "GET", "/api/v1/session", NULL, &as, NULL);

		if (status != rows[i].status)
			fail_msg("%s: %d", rows[i].name, status);
	}
	api_test_end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_machine),
		cmocka_unit_test(test_tokens_and_the_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
