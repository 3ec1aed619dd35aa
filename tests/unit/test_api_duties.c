/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Segregation of duties through the API: what no role may have, what no person may be given, what
 * who came to it by a directory's group may no longer use, and that nobody edits their own rights.
 */
#include "api/rights_parts.h"
#include "api_test.h"
#include "govern/duty_role.h"

static void must(int rc, const struct rf_err *err)
{
	if (rc)
		fail_msg("%s", rf_err_text(err));
}

static void object(struct api_test *t, const char *id, const char *kind, const char *parent,
		   const char *other)
{
	struct rf_err err = {0};
	const struct store_object row = {id, kind, id, NULL, {parent, other}};

	must(store_object_put(t->api.store, &row, &err), &err);
}

static void member(struct api_test *t, const char *who, bool is_group, const char *group, bool in)
{
	struct rf_err err = {0};
	const struct store_principal principal = {group, true, false};
	const struct store_member row = {who, is_group, group, "directory", t->now_ms};

	must(store_principal_put(t->api.store, &principal, &err), &err);
	must(in ? store_member_put(t->api.store, &row, &err)
		: store_member_drop(t->api.store, &row, &err),
	     &err);
}

static void grant(struct api_test *t, const char *object, const char *who, bool group,
		  const char *role)
{
	struct rf_err err = {0};
	const struct store_permission row = {object, who,  group,  role,
					     true,   NULL, "root", t->now_ms};
	const struct store_principal principal = {who, group, false};

	must(store_principal_put(t->api.store, &principal, &err), &err);
	must(store_permission_put(t->api.store, &row, &err), &err);
}

/* Calls, and wants that status and (NULL: no matter) those words in what comes back. */
static void wants(struct api_test *t, const char *const call[3], const struct api_as *as,
		  int status, const char *words)
{
	struct api_reply reply;

	api_test_call(t, call[0], call[1], call[2], as, &reply);
	if (reply.status != status || (words && !strstr(rf_buf_text(&reply.body), words)))
		fail_msg("%s %s %s: %d, not %d with %s: %s", call[0], call[1],
			 call[2] ? call[2] : "", reply.status, status, words ? words : "anything",
			 rf_buf_text(&reply.body));
	api_reply_done(&reply);
}
#define CALL(...) ((const char *const[3]){__VA_ARGS__})

static void test_roles(void **state)
{
	static const struct {
		const char *name, *privileges;
		int status;
		const char *words;
	} cases[] = {
		{"requests and approves", "\"approval.request\",\"approval.give\"", 403,
		 "requester-approver"},
		{"asks for waivers and gives consent", "\"waiver.request\",\"approval.give\"", 403,
		 "waiver.request"},
		{"assesses and remediates", "\"host.check\",\"host.fix\"", 403, "host.fix"},
		{"writes policies and publishes", "\"policy.edit\",\"policy.publish\"", 403,
		 "author-publisher"},
		{"operates and audits", "\"isolate.apply\",\"ledger.read\"", 403,
		 "ledger.read and isolate.apply"},
		{"reads evidence and shuts in", "\"evidence.read\",\"quarantine.set\"", 403,
		 "auditor-operator"},
		{"operates and gives rights", "\"grant.edit\",\"domain.write\"", 403,
		 "roles-operator"},
		{"operates and makes roles", "\"role.edit\",\"host.fix\"", 403, "roles-operator"},
		{"has disks and keys", "\"secret.edit\",\"storage.write\"", 403, "keys-storage"},
		{"two privileges of one duty", "\"approval.give\",\"waiver.approve\"", 204, NULL},
		{"one of each set", "\"approval.request\",\"host.check\",\"policy.edit\"", 204,
		 NULL},
		{"none", "", 204, NULL},
		{"no privilege", "\"moon.walk\"", 404, "moon.walk"},
	};
	char setup[API_SECRET_TEXT_BYTES], body[256];
	struct api_test t;

	(void)state;
	api_test_begin(&t);
	api_test_setup(&t, setup);
	const struct api_as as = {.bearer = setup};

	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		snprintf(body, sizeof(body), "{\"privileges\":[%s]}", cases[i].privileges);
		wants(&t, CALL("PUT", "/api/v1/roles/r1", body), &as, cases[i].status,
		      cases[i].words);
	}
	/* What was refused is not there, nor is its entry: the role is what it was. */
	wants(&t, CALL("PUT", "/api/v1/roles/r1", "{\"privileges\":[\"host.check\"]}"), &as, 204,
	      NULL);
	api_test_end(&t);
}

/* All that a first role has may be in one. */
static void test_first_roles(void **state)
{
	struct api_test t;
	char setup[API_SECRET_TEXT_BYTES];
	struct rf_err err = {0};

	(void)state;
	api_test_begin(&t);
	api_test_setup(&t, setup);
	assert_int_equal(rights_fresh(&t.api, &err), 0);
	const struct rights_rows *rows = t.api.rights.rows;

	assert_true(rows->rows.roles_count > 6);
	for (uint32_t i = 0; i < rows->rows.roles_count; i++)
		must(duty_role_check(&rows->duties, rows->roles[i].name, &rows->roles[i].privileges,
				     &err),
		     &err);
	api_test_end(&t);
}

static bool role_has(struct api_test *t, const char *role, enum privilege privilege)
{
	struct rf_err err = {0};

	must(rights_fresh(&t->api, &err), &err);
	const struct rights_rows *rows = t->api.rights.rows;

	for (uint32_t i = 0; i < rows->rows.roles_count; i++)
		if (rf_equal(rows->roles[i].name, role))
			return privilege_in(&rows->roles[i].privileges, privilege);
	return false;
}

/* A store of an earlier program: roles that nobody changed follow, a site's own words stay. */
static void test_first_roles_follow(void **state)
{
	static const char *const old[] = {"host.check", "host.fix"};
	struct store_role role = {"operator", "", old, 2, API_SETUP, 1};
	char setup[API_SECRET_TEXT_BYTES];
	struct rf_err err = {0};
	struct api_test t;

	(void)state;
	api_test_begin(&t);
	api_test_setup(&t, setup);
	must(store_role_put(t.api.store, &role, &err), &err);
	role.role = "remediator";
	role.changed_by = "ann";
	must(store_role_put(t.api.store, &role, &err), &err);
	assert_true(role_has(&t, "operator", PRIVILEGE_HOST_FIX));
	must(api_first_roles(t.api.store, t.now_ms, &err), &err);
	assert_false(role_has(&t, "operator", PRIVILEGE_HOST_FIX));
	assert_true(role_has(&t, "operator", PRIVILEGE_QUARANTINE_SET));
	assert_true(role_has(&t, "remediator", PRIVILEGE_HOST_CHECK));
	api_test_end(&t);
}

/* Who has one duty is not given the other: by themselves, by a group, by another account. */
static void test_grants(void **state)
{
	static const struct {
		const char *name, *call[3];
		int status;
		const char *words;
	} cases[] = {
		{"another role of the same duty",
		 {"PUT", "/api/v1/permissions",
		  "{\"object\":\"group:g2\",\"principal\":\"ann\",\"role\":\"enroller\"}"},
		 204,
		 NULL},
		{"the other duty elsewhere",
		 {"PUT", "/api/v1/permissions",
		  "{\"object\":\"group:g2\",\"principal\":\"ann\",\"role\":\"approver\"}"},
		 403,
		 "requester-approver"},
		{"by a group that she is in",
		 {"PUT", "/api/v1/permissions",
		  "{\"object\":\"group:g4\",\"principal\":\"staff\",\"group\":true,\"role\":"
		  "\"approver\"}"},
		 403,
		 "ann"},
		{"into a group that has it",
		 {"PUT", "/api/v1/groups/seconds/members/ann", NULL},
		 403,
		 "requester-approver"},
		{"into a group that has not",
		 {"PUT", "/api/v1/groups/staff/members/bob", NULL},
		 204,
		 NULL},
		{"two accounts that become one person",
		 {"PUT", "/api/v1/users/zoe", "{\"subject\":\"ann\"}"},
		 403,
		 "requester-approver"},
		{"a role that two hold gets the other duty",
		 {"PUT", "/api/v1/roles/half", "{\"privileges\":[\"approval.give\"]}"},
		 403,
		 "requester-approver"},
		{"assess here and remediate there",
		 {"PUT", "/api/v1/permissions",
		  "{\"object\":\"group:g3\",\"principal\":\"ann\",\"role\":\"mends\"}"},
		 204,
		 NULL},
		{"a VM under both places",
		 {"PUT", "/api/v1/objects/vm:v2",
		  "{\"kind\":\"vm\",\"name\":\"v2\",\"parents\":[\"group:g1\",\"host:h2\"]}"},
		 403,
		 "remediator-assessor"},
	};
	static const char *const half[] = {"object.view"}, *const mends[] = {"host.fix"},
				 *const checks[] = {"host.check"};
	const struct store_role roles[] = {{"half", "", half, 1, "root", 1},
					   {"mends", "", mends, 1, "root", 1},
					   {"checks", "", checks, 1, "root", 1}};
	char setup[API_SECRET_TEXT_BYTES], secret[API_SECRET_TEXT_BYTES];
	struct rf_err err = {0};
	struct api_test t;

	(void)state;
	api_test_begin(&t);
	api_test_setup(&t, setup);
	const struct api_as as = {.bearer = setup};

	for (size_t i = 0; i < RF_COUNT(roles); i++)
		must(store_role_put(t.api.store, &roles[i], &err), &err);
	object(&t, "site:s", "site", NULL, NULL);
	object(&t, "group:g1", "group", "site:s", NULL);
	object(&t, "group:g2", "group", "site:s", NULL);
	object(&t, "group:g3", "group", "site:s", NULL);
	object(&t, "group:g4", "group", "site:s", NULL);
	object(&t, "host:h2", "host", "group:g3", NULL);
	api_test_person(&t, "ann", NULL, secret);
	api_test_person(&t, "bob", NULL, secret);
	api_test_person(&t, "zoe", NULL, secret);
	grant(&t, "site:s", "setup", false, "administrator");
	grant(&t, "site:s", "ops", true, "enroller");
	member(&t, "ann", false, "ops", true);
	member(&t, "ops", true, "staff", true);
	grant(&t, "group:g3", "seconds", true, "approver");
	grant(&t, "group:g2", "zoe", false, "approver");
	grant(&t, "group:g1", "ann", false, "checks");
	grant(&t, "group:g3", "staff", true, "half");
	for (size_t i = 0; i < RF_COUNT(cases); i++)
		wants(&t, cases[i].call, &as, cases[i].status, cases[i].words);
	api_test_end(&t);
}

/* A directory's group has grown behind our back: neither of the two is used then. */
static void test_use(void **state)
{
	char setup[API_SECRET_TEXT_BYTES], ann[API_SECRET_TEXT_BYTES];
	struct rf_err err = {0};
	struct api_test t;
	const struct store_host host = {
		.host = "h1", .name = "web-1", .labels = "{}", .created_ms = API_NOW};
	const char *const list[3] = {"POST", "/api/v1/approvals/a1/deny", "{\"reason\":\"no\"}"};

	(void)state;
	api_test_begin(&t);
	api_test_setup(&t, setup);
	must(store_host_add(t.api.store, &host, &err), &err);
	api_test_person(&t, "ann", NULL, ann);
	grant(&t, "", "ops", true, "operator");
	grant(&t, "", "seconds", true, "approver");
	member(&t, "ann", false, "seconds", true);
	const struct api_as as = {.bearer = ann}, admin = {.bearer = setup};

	wants(&t, list, &as, 404, "a1"); /* she may, there is none */
	member(&t, "ann", false, "ops", true);
	wants(&t, list, &as, 403,
	      "approver (approval.give by role approver) while being requester");
	/* What no duty excludes she may still. */
	wants(&t, CALL("GET", "/api/v1/hosts/h1", NULL), &as, 200, NULL);
	wants(&t,
	      CALL("POST", "/api/v1/waivers",
		   "{\"control\":\"a\",\"resource\":\"b\",\"reason\":\"c\",\"expires_ms\":1}"),
	      &as, 403, "requester-approver");
	/* Who is barred does not keep others from mending it. */
	wants(&t, CALL("DELETE", "/api/v1/groups/ops/members/ann", NULL), &admin, 204, NULL);
	wants(&t, list, &as, 404, "a1");
	api_test_end(&t);
}

/* A site of one person: they operate, too, and the ledger says so; until another has come. */
static void test_alone(void **state)
{
	static const char apply[] = "/api/v1/commands/isolate-apply",
			  body[] = "{\"hosts\":[\"h1\"]}";
	char setup[API_SECRET_TEXT_BYTES], ann[API_SECRET_TEXT_BYTES], bob[API_SECRET_TEXT_BYTES];
	const struct store_host host = {
		.host = "h1", .name = "web-1", .labels = "{}", .created_ms = API_NOW};
	struct rf_err err = {0};
	struct api_test t;

	(void)state;
	api_test_begin(&t);
	api_test_setup(&t, setup);
	must(store_host_add(t.api.store, &host, &err), &err);
	api_test_person(&t, "ann", NULL, ann);
	api_test_person(&t, "bob", NULL, bob);
	const struct api_as as = {.bearer = setup}, as_ann = {.bearer = ann};
	const struct {
		const char *name, *call[3];
		const struct api_as *as;
		int status;
		const char *words;
	} story[] = {
		{"alone", {"POST", apply, body}, &as, 201, NULL},
		{"told",
		 {"GET", "/api/v1/ledger/entries", NULL},
		 &as,
		 200,
		 "by one person, for nobody else has a duty of auditor-operator"},
		{"listed", {"GET", "/api/v1/duty-conflicts", NULL}, &as, 200, "\"alone\":true"},
		{"another who only looks",
		 {"PUT", "/api/v1/permissions",
		  "{\"object\":\"\",\"principal\":\"bob\",\"role\":\"viewer\"}"},
		 &as,
		 204,
		 NULL},
		{"still alone", {"POST", apply, body}, &as, 201, NULL},
		{"another administrator",
		 {"PUT", "/api/v1/groups/administrators/members/ann", NULL},
		 &as,
		 204,
		 NULL},
		{"no longer alone", {"POST", apply, body}, &as, 403, "auditor-operator"},
		{"and says what can be done",
		 {"POST", apply, body},
		 &as,
		 403,
		 "operator (isolate.apply by role operator) while being auditor (ledger.read by "
		 "role administrator)"},
		{"still an administrator", {"GET", "/api/v1/permissions", NULL}, &as, 200, NULL},
		{"listed, as one who does not operate",
		 {"GET", "/api/v1/duty-conflicts", NULL},
		 &as,
		 200,
		 "\"alone\":false"},
		/* Setup is how one begins, and no other person. */
		{"she alone",
		 {"PUT", "/api/v1/groups/operators/members/ann", NULL},
		 &as_ann,
		 204,
		 NULL},
		{"operates", {"POST", apply, body}, &as_ann, 201, NULL},
		{"a third, who operates",
		 {"PUT", "/api/v1/permissions",
		  "{\"object\":\"\",\"principal\":\"bob\",\"role\":\"operator\"}"},
		 &as_ann,
		 204,
		 NULL},
		{"she operates no more", {"POST", apply, body}, &as_ann, 403, "auditor-operator"},
	};

	for (size_t i = 0; i < RF_COUNT(story); i++) {
		t.now_ms += 1000;
		wants(&t, story[i].call, story[i].as, story[i].status, story[i].words);
	}
	api_test_end(&t);
}

/* The site's own rows, beside ours. */
static void test_site(void **state)
{
	static const struct {
		const char *name, *call[3];
		int status;
		const char *words;
	} cases[] = {
		{"too few",
		 {"PUT", "/api/v1/duties/s",
		  "{\"why\":\"w\",\"duties\":{\"a\":\"network.write\"}}"},
		 400,
		 "duties"},
		{"no privilege",
		 {"PUT", "/api/v1/duties/s",
		  "{\"why\":\"w\",\"duties\":{\"a\":\"network.write\",\"b\":\"moon.walk\"}}"},
		 404,
		 "moon.walk"},
		{"a duty of nothing",
		 {"PUT", "/api/v1/duties/s",
		  "{\"why\":\"w\",\"duties\":{\"a\":\"network.write\",\"b\":\"\"}}"},
		 400,
		 "those that it is"},
		{"ours with other privileges",
		 {"PUT", "/api/v1/duties/s",
		  "{\"why\":\"w\",\"duties\":{\"a\":\"network.write\",\"auditor\":\"object.view\"}}"},
		 409,
		 "built in"},
		{"a name of ours",
		 {"PUT", "/api/v1/duties/keys-storage",
		  "{\"why\":\"w\",\"duties\":{\"auditor\":\"\",\"approver\":\"\"}}"},
		 409,
		 "built in"},
		{"ours away", {"DELETE", "/api/v1/duties/keys-storage", NULL}, 400, "built in"},
		{"somebody would break it",
		 {"PUT", "/api/v1/duties/s",
		  "{\"why\":\"w\",\"duties\":{\"viewer of both\":\"network.write\",\"storer\":\"domain.start\"}}"},
		 403,
		 "ann cannot be"},
		{"a role would",
		 {"PUT", "/api/v1/duties/s",
		  "{\"why\":\"never both\",\"duties\":{\"a\":\"object.read\",\"b\":\"event.read\"}}"},
		 403,
		 "cannot have both object.read and event.read: never both (s)"},
		{"nobody would",
		 {"PUT", "/api/v1/duties/s",
		  "{\"why\":\"who plugs does not approve\",\"duties\":{\"plugger\":\"network.write\",\"approver\":\"\"}}"},
		 204,
		 NULL},
		{"it is listed",
		 {"GET", "/api/v1/duties", NULL},
		 200,
		 "who plugs does not approve"},
		{"ours are listed with what they are",
		 {"GET", "/api/v1/duties", NULL},
		 200,
		 "\"role admin\":\"role.edit grant.edit\""},
		{"a role that breaks it",
		 {"PUT", "/api/v1/roles/r",
		  "{\"privileges\":[\"network.write\",\"waiver.approve\"]}"},
		 403,
		 "network.write and waiver.approve"},
		{"a grant that breaks it",
		 {"PUT", "/api/v1/permissions",
		  "{\"object\":\"group:g\",\"principal\":\"ann\",\"role\":\"approver\"}"},
		 403,
		 "who plugs does not approve (s)"},
		{"away with it", {"DELETE", "/api/v1/duties/s", NULL}, 204, NULL},
		{"it is gone", {"DELETE", "/api/v1/duties/s", NULL}, 404, "no set of duties s"},
		{"the grant may be",
		 {"PUT", "/api/v1/permissions",
		  "{\"object\":\"group:g\",\"principal\":\"ann\",\"role\":\"approver\"}"},
		 204,
		 NULL},
	};
	static const char *const plugs[] = {"network.write"}, *const stores[] = {"domain.start"};
	const struct store_role roles[] = {{"plugs", "", plugs, 1, "root", 1},
					   {"stores", "", stores, 1, "root", 1}};
	char setup[API_SECRET_TEXT_BYTES], ann[API_SECRET_TEXT_BYTES];
	struct rf_err err = {0};
	struct api_test t;

	(void)state;
	api_test_begin(&t);
	api_test_setup(&t, setup);
	const struct api_as as = {.bearer = setup};

	for (size_t i = 0; i < RF_COUNT(roles); i++)
		must(store_role_put(t.api.store, &roles[i], &err), &err);
	object(&t, "site:s", "site", NULL, NULL);
	object(&t, "group:g", "group", "site:s", NULL);
	object(&t, "group:h", "group", "site:s", NULL);
	api_test_person(&t, "ann", NULL, ann);
	grant(&t, "", "ann", false, "plugs");
	grant(&t, "group:h", "ann", false, "stores");
	for (size_t i = 0; i < RF_COUNT(cases); i++)
		wants(&t, cases[i].call, &as, cases[i].status, cases[i].words);
	api_test_end(&t);
}

/* A set that somebody wrote into the store by hand: nobody has rights by a table that is none. */
static void test_site_damaged(void **state)
{
	static const char *const rules[] = {"",
					    "{",
					    "[]",
					    "{\"why\":1,\"duties\":{}}",
					    "{\"why\":\"w\"}",
					    "{\"why\":\"w\",\"duties\":[\"a\",\"b\"]}"};
	char setup[API_SECRET_TEXT_BYTES];
	struct rf_err err = {0};
	struct api_test t;

	(void)state;
	api_test_begin(&t);
	api_test_setup(&t, setup);
	const struct api_as as = {.bearer = setup};

	for (size_t i = 0; i < RF_COUNT(rules); i++) {
		const struct store_duty_set set = {"s", rules[i], "x", 1};

		must(store_duty_set_put(t.api.store, &set, &err), &err);
		wants(&t, CALL("GET", "/api/v1/permissions", NULL), &as, 422, "damaged");
	}
	must(store_duty_set_drop(t.api.store, "s", &err), &err);
	wants(&t, CALL("GET", "/api/v1/permissions", NULL), &as, 200, NULL);
	api_test_end(&t);
}

static void test_own_rights(void **state)
{
	static const struct {
		const char *name, *principal;
		bool is_group, is_self;
	} cases[] = {
		{"herself", "ann", false, true},
		{"her other account", "ann2", false, true},
		{"another", "bob", false, false},
		{"her group", "inner", true, true},
		{"the group that it is in", "outer", true, true},
		{"the group that this one is in, in a circle", "round", true, true},
		{"a group of others", "staff", true, false},
		{"a group that is none", "none", true, false},
		{"a user that is none", "none", false, false},
		{"a group of her name", "ann", true, false},
	};
	const struct api_who ann = {.account = "ann", .subject = "ann"};
	const struct api_who bob = {.account = "bob", .subject = "bob"};
	char secret[API_SECRET_TEXT_BYTES];
	struct rf_err err = {0};
	struct api_test t;

	(void)state;
	api_test_begin(&t);
	api_test_setup(&t, secret);
	api_test_person(&t, "ann", NULL, secret);
	api_test_person(&t, "ann2", NULL, secret);
	api_test_person(&t, "bob", NULL, secret);
	must(store_account_put(t.api.store,
			       &(struct store_account){"ann2", "ann", "pam", "", false, 1}, &err),
	     &err);
	grant(&t, "", "outer", true, "enroller");
	grant(&t, "", "bob", false, "viewer");
	member(&t, "ann2", false, "inner", true);
	member(&t, "inner", true, "outer", true);
	member(&t, "outer", true, "round", true);
	member(&t, "round", true, "inner", true);
	member(&t, "bob", false, "staff", true);
	must(rights_fresh(&t.api, &err), &err);
	for (size_t i = 0; i < RF_COUNT(cases); i++)
		if (rights_is_self(&t.api, &ann, cases[i].principal, cases[i].is_group) !=
		    cases[i].is_self)
			fail_msg("%s", cases[i].name);
	/* By a group of a group of her other account; nobody edits a role that they hold. */
	assert_true(rights_holds_role(&t.api, &ann, "enroller"));
	assert_false(rights_holds_role(&t.api, &ann, "viewer"));
	assert_false(rights_holds_role(&t.api, &bob, "enroller"));
	assert_true(rights_holds_role(&t.api, &bob, "viewer"));
	assert_false(rights_holds_role(&t.api, &bob, "none"));
	api_test_end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_roles),
		cmocka_unit_test(test_first_roles),
		cmocka_unit_test(test_first_roles_follow),
		cmocka_unit_test(test_grants),
		cmocka_unit_test(test_use),
		cmocka_unit_test(test_alone),
		cmocka_unit_test(test_site),
		cmocka_unit_test(test_site_damaged),
		cmocka_unit_test(test_own_rights),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
