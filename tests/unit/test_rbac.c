/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Permissions: the documented corner cases by name, a hundred thousand random questions against an
 * oracle that works from the roots downwards instead of climbing, and rows that must be refused.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "govern/rbac.h"

enum { SITE, PROD, LAB, HOST1, HOST2, WEB, DB, NET, OBJECTS };
enum { ALICE, BOB, CAROL, GONE, OPS, ALL, NEST, PEOPLE };
enum { NOTHING, VIEWER, OPERATOR, ADMIN, ROLES };

static const struct rbac_object objects[OBJECTS] = {
	[SITE] = {"site:one", RBAC_SITE, {RBAC_NONE, RBAC_NONE}, false},
	[PROD] = {"group:prod", RBAC_GROUP, {SITE, RBAC_NONE}, false},
	[LAB] = {"group:lab", RBAC_GROUP, {PROD, RBAC_NONE}, false},
	[HOST1] = {"host:1", RBAC_HOST, {SITE, RBAC_NONE}, false},
	[HOST2] = {"host:2", RBAC_HOST, {LAB, RBAC_NONE}, false},
	[WEB] = {"vm:web", RBAC_VM, {HOST1, LAB}, false},
	[DB] = {"vm:db", RBAC_VM, {HOST2, RBAC_NONE}, false},
	[NET] = {"network:1", RBAC_NETWORK, {HOST1, RBAC_NONE}, true},
};
static const uint32_t in_ops[] = {OPS}, in_both[] = {OPS, ALL}, in_all[] = {ALL};
/* Groups in groups, and a circle. */
static const uint32_t nest_in[] = {ALL}, all_in[] = {NEST}, in_nest[] = {NEST};
static const struct rbac_principal people[PEOPLE] = {
	[ALICE] = {"alice", false, in_both, 2, false}, [BOB] = {"bob", false, in_ops, 1, false},
	[CAROL] = {"carol", false, in_nest, 1, false}, [GONE] = {"gone", false, in_all, 1, true},
	[OPS] = {"ops", true, NULL, 0, false},	       [ALL] = {"all", true, all_in, 1, false},
	[NEST] = {"nest", true, nest_in, 1, false},
};

static struct rbac_role roles[ROLES];

static void roles_fill(void)
{
	static const char *const names[ROLES] = {"no access", "viewer", "operator",
						 "administrator"};

	for (size_t i = 0; i < ROLES; i++)
		roles[i] = (struct rbac_role){.name = names[i]};
	privilege_add(&roles[VIEWER].privileges, PRIVILEGE_FACT_QUERY);
	privilege_add(&roles[OPERATOR].privileges, PRIVILEGE_DOMAIN_START);
	roles[ADMIN].privileges = privilege_all();
}

static struct rbac_rows world(const struct rbac_permission *permissions, uint32_t count)
{
	roles_fill();
	return (struct rbac_rows){.objects = objects,
				  .objects_count = OBJECTS,
				  .principals = people,
				  .principals_count = PEOPLE,
				  .roles = roles,
				  .roles_count = ROLES,
				  .permissions = permissions,
				  .permissions_count = count};
}

/* Which of query, start and everything: "q", "s", "qs", "*", "-" (seeing nothing). */
static const char *letters(const struct privilege_set *set)
{
	struct privilege_set all = privilege_all();

	if (memcmp(set, &all, sizeof(all)) == 0)
		return "*";
	bool q = privilege_in(set, PRIVILEGE_FACT_QUERY);
	bool s = privilege_in(set, PRIVILEGE_DOMAIN_START);

	if (!privilege_in(set, PRIVILEGE_OBJECT_VIEW))
		return q || s ? "blind" : "-";
	return q && s ? "qs" : q ? "q" : s ? "s" : "v";
}

/* Carol is the administrator of the site in each, so that the rows load. */
#define CAROLS                                                                                     \
	{                                                                                          \
		SITE, CAROL, ADMIN, true                                                           \
	}

static void corner_cases(void **state)
{
	static const struct {
		const char *name;
		struct rbac_permission permissions[5];
		uint32_t count, user, object;
		const char *may;
	} cases[] = {
		{"no permission, no access", {CAROLS}, 1, BOB, WEB, "-"},
		{"above, propagated", {CAROLS, {SITE, OPS, OPERATOR, true}}, 2, BOB, DB, "s"},
		{"above, not propagated", {CAROLS, {SITE, OPS, OPERATOR, false}}, 2, BOB, DB, "-"},
		{"not propagated counts at the object",
		 {CAROLS, {DB, OPS, OPERATOR, false}},
		 2,
		 BOB,
		 DB,
		 "s"},
		{"the nearest wins outright, for another group too",
		 {CAROLS, {SITE, OPS, OPERATOR, true}, {DB, ALL, VIEWER, true}},
		 3,
		 ALICE,
		 DB,
		 "q"},
		{"a member of the upper group only keeps its role",
		 {CAROLS, {SITE, OPS, OPERATOR, true}, {DB, ALL, VIEWER, true}},
		 3,
		 BOB,
		 DB,
		 "s"},
		{"a nearer one without propagation is no barrier below it",
		 {CAROLS, {SITE, OPS, OPERATOR, true}, {LAB, ALL, VIEWER, false}},
		 3,
		 ALICE,
		 DB,
		 "s"},
		{"two groups at one object together",
		 {CAROLS, {LAB, OPS, OPERATOR, true}, {LAB, ALL, VIEWER, true}},
		 3,
		 ALICE,
		 DB,
		 "qs"},
		{"a group's no access does not block another group",
		 {CAROLS, {LAB, OPS, OPERATOR, true}, {LAB, ALL, NOTHING, true}},
		 3,
		 ALICE,
		 DB,
		 "s"},
		{"the user's own alone: no access beats groups",
		 {CAROLS, {LAB, OPS, OPERATOR, true}, {LAB, ALICE, NOTHING, true}},
		 3,
		 ALICE,
		 DB,
		 "-"},
		{"the user's own alone: less than the group's",
		 {CAROLS, {LAB, OPS, ADMIN, true}, {LAB, ALICE, VIEWER, true}},
		 3,
		 ALICE,
		 DB,
		 "q"},
		{"the user's own beats a group's no access",
		 {CAROLS, {LAB, ALL, NOTHING, true}, {LAB, ALICE, OPERATOR, true}},
		 3,
		 ALICE,
		 DB,
		 "s"},
		{"the user's own without propagation leaves the groups' below",
		 {CAROLS, {LAB, OPS, OPERATOR, true}, {LAB, ALICE, NOTHING, false}},
		 3,
		 ALICE,
		 DB,
		 "s"},
		{"own far above, a group's near: the near one",
		 {CAROLS, {SITE, ALICE, ADMIN, true}, {LAB, ALL, VIEWER, true}},
		 3,
		 ALICE,
		 DB,
		 "q"},
		{"two parents: both ways together",
		 {CAROLS, {HOST1, OPS, OPERATOR, true}, {LAB, ALL, VIEWER, true}},
		 3,
		 ALICE,
		 WEB,
		 "qs"},
		{"two parents: no access one way does not block the other",
		 {CAROLS, {HOST1, ALICE, NOTHING, true}, {LAB, ALL, VIEWER, true}},
		 3,
		 ALICE,
		 WEB,
		 "q"},
		{"two parents: at the VM itself nothing above counts",
		 {CAROLS, {HOST1, OPS, OPERATOR, true}, {WEB, ALL, VIEWER, false}},
		 3,
		 ALICE,
		 WEB,
		 "q"},
		{"two parents: nearer on one way, the root on the other",
		 {CAROLS, {SITE, OPS, OPERATOR, true}, {LAB, ALL, VIEWER, true}},
		 3,
		 ALICE,
		 WEB,
		 "qs"},
		{"part of a host inherits",
		 {CAROLS, {HOST1, OPS, OPERATOR, true}},
		 2,
		 BOB,
		 NET,
		 "s"},
		{"everything lies above the roots",
		 {CAROLS, {RBAC_GLOBAL, OPS, VIEWER, true}},
		 2,
		 BOB,
		 DB,
		 "q"},
		{"everything, not propagated, is no object",
		 {CAROLS, {RBAC_GLOBAL, OPS, VIEWER, false}},
		 2,
		 BOB,
		 SITE,
		 "-"},
		{"everything, asked itself",
		 {CAROLS, {RBAC_GLOBAL, OPS, VIEWER, false}},
		 2,
		 BOB,
		 RBAC_GLOBAL,
		 "q"},
		{"a site's permission says nothing of everything",
		 {CAROLS},
		 1,
		 CAROL,
		 RBAC_GLOBAL,
		 "-"},
		{"a root beats everything",
		 {CAROLS, {RBAC_GLOBAL, OPS, ADMIN, true}, {SITE, OPS, VIEWER, true}},
		 3,
		 BOB,
		 DB,
		 "q"},
		{"groups in groups, and in a circle",
		 {CAROLS, {LAB, ALL, VIEWER, true}, {SITE, CAROL, ADMIN, true}},
		 3,
		 CAROL,
		 DB,
		 "q"},
		{"who is gone has nothing", {CAROLS, {DB, GONE, ADMIN, true}}, 2, GONE, DB, "-"},
		{"of two for one object and user the later",
		 {CAROLS, {DB, BOB, ADMIN, true}, {DB, BOB, VIEWER, true}},
		 3,
		 BOB,
		 DB,
		 "q"},
		{"a group is nobody", {CAROLS, {DB, OPS, ADMIN, true}}, 2, OPS, DB, "-"},
		{"no such user", {CAROLS}, 1, 999, DB, "-"},
		{"no such object", {CAROLS}, 1, CAROL, 999, "-"},
		{"administrators may everything", {CAROLS}, 1, CAROL, WEB, "*"},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		struct rbac_rows rows = world(cases[i].permissions, cases[i].count);
		struct rbac *rbac = NULL;
		struct rf_err err = {0};

		if (rbac_load(&rows, &rbac, &err))
			fail_msg("%s: %s", cases[i].name, err.text);
		struct privilege_set set = rbac_resolve(rbac, cases[i].user, cases[i].object);

		if (strcmp(letters(&set), cases[i].may) != 0)
			fail_msg("%s: %s, not %s", cases[i].name, letters(&set), cases[i].may);
		rbac_free(rbac);
	}
}

/* ---- the oracle ---- */

#define MANY 12u

struct random_world {
	struct rbac_object objects[MANY];
	struct rbac_principal people[MANY];
	uint32_t groups[MANY][MANY];
	struct rbac_permission permissions[2 * MANY + 1];
	struct rbac_rows rows;
	char names[2 * MANY][8];
};

static uint32_t next(uint64_t *seed, uint32_t below)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*seed >> 33) % below;
}

static uint32_t pick(const struct random_world *w, uint64_t *seed, uint32_t below, unsigned wanted)
{
	for (int tries = 0; tries < 40; tries++) {
		uint32_t at = next(seed, below);

		if (wanted >> w->objects[at].kind & 1)
			return at;
	}
	return RBAC_NONE;
}

static void objects_random(struct random_world *w, uint64_t *seed)
{
	for (uint32_t i = 0; i < MANY; i++) {
		struct rbac_object *o = &w->objects[i];

		rf_format(w->names[i], sizeof(w->names[i]), "o%u", i);
		*o = (struct rbac_object){w->names[i], RBAC_SITE, {RBAC_NONE, RBAC_NONE}, false};
		if (i == 0)
			continue;
		o->kind = i < 4 ? RBAC_GROUP : i < 7 ? RBAC_HOST : RBAC_VM;
		if (o->kind == RBAC_VM) {
			o->parents[0] = pick(w, seed, i, 1u << RBAC_HOST);
			if (next(seed, 2) || o->parents[0] == RBAC_NONE)
				o->parents[1] = pick(w, seed, i, 1u << RBAC_GROUP);
		}
		if (o->parents[0] == RBAC_NONE && o->parents[1] == RBAC_NONE)
			*o = (struct rbac_object){
				w->names[i],
				i < 4 ? RBAC_GROUP : RBAC_HOST,
				{pick(w, seed, i, 1u << RBAC_SITE | 1u << RBAC_GROUP), RBAC_NONE},
				false};
	}
}

static void world_random(struct random_world *w, uint64_t *seed)
{
	memset(w, 0, sizeof(*w));
	roles_fill();
	objects_random(w, seed);
	for (uint32_t i = 0; i < MANY; i++) {
		uint32_t count = 0;

		rf_format(w->names[MANY + i], sizeof(w->names[0]), "p%u", i);
		for (uint32_t g = MANY / 2; g < MANY; g++) {
			if (next(seed, 4) == 0)
				w->groups[i][count++] = g;
		}
		w->people[i] =
			(struct rbac_principal){w->names[MANY + i], i >= MANY / 2, w->groups[i],
						count, i > 0 && next(seed, 12) == 0};
	}
	for (uint32_t i = 0; i < 2 * MANY; i++)
		w->permissions[i] = (struct rbac_permission){
			next(seed, 10) ? next(seed, MANY) : RBAC_GLOBAL, next(seed, MANY),
			next(seed, ROLES), next(seed, 3) > 0};
	w->permissions[2 * MANY] = (struct rbac_permission){0, 0, ADMIN, true};
	w->rows = (struct rbac_rows){w->objects, MANY,	w->people,	MANY,
				     roles,	 ROLES, w->permissions, 2 * MANY + 1};
}

/* member[p][g]: Warshall. */
static void members(const struct random_world *w, bool member[MANY][MANY])
{
	memset(member, 0, sizeof(bool) * MANY * MANY);
	for (uint32_t p = 0; p < MANY; p++) {
		member[p][p] = true;
		for (uint32_t i = 0; i < w->people[p].groups_count; i++)
			member[p][w->people[p].groups[i]] = true;
	}
	for (uint32_t k = 0; k < MANY; k++)
		for (uint32_t i = 0; i < MANY; i++)
			for (uint32_t j = 0; j < MANY; j++)
				member[i][j] |= member[i][k] && member[k][j];
}

struct heard {
	bool any;
	struct privilege_set set;
};

/* What is said at one object: written without the snapshot's order, searching all rows. */
static struct heard said(const struct random_world *w, bool member[MANY][MANY], uint32_t user,
			 uint32_t object, bool below)
{
	struct heard own = {0}, groups = {0};

	for (uint32_t p = 0; p < MANY; p++) {
		const struct rbac_permission *last = NULL;

		for (uint32_t i = 0; i < w->rows.permissions_count; i++) {
			if (w->permissions[i].object == object && w->permissions[i].principal == p)
				last = &w->permissions[i];
		}
		if (!last || !member[user][p] || w->people[p].gone || (below && !last->propagate))
			continue;
		struct heard *into = p == user ? &own : &groups;
		struct privilege_set role = roles[last->role].privileges;

		if (!privilege_none(&role)) {
			privilege_add(&role, PRIVILEGE_OBJECT_VIEW);
			privilege_add(&role, PRIVILEGE_OBJECT_READ);
		}
		into->any = true;
		privilege_add_all(&into->set, &role);
	}
	return own.any ? own : groups;
}

/* Downwards: what an object hands to those below it. Objects are in order, parents first. */
static void oracle(const struct random_world *w, uint32_t user, struct privilege_set out[MANY])
{
	bool member[MANY][MANY];
	struct privilege_set hands[MANY];
	struct privilege_set top = {0};

	members(w, member);
	memset(out, 0, MANY * sizeof(*out));
	if (w->people[user].gone || w->people[user].is_group)
		return;
	struct heard global = said(w, member, user, RBAC_GLOBAL, true);

	if (global.any)
		top = global.set;
	for (uint32_t o = 0; o < MANY; o++) {
		struct privilege_set from_above = {0};
		bool root = true;

		for (size_t k = 0; k < RBAC_PARENTS; k++) {
			if (w->objects[o].parents[k] == RBAC_NONE)
				continue;
			root = false;
			privilege_add_all(&from_above, &hands[w->objects[o].parents[k]]);
		}
		if (root)
			from_above = top;
		struct heard below = said(w, member, user, o, true),
			     here = said(w, member, user, o, false);

		hands[o] = below.any ? below.set : from_above;
		out[o] = here.any ? here.set : from_above;
	}
}

static void like_the_oracle(void **state)
{
	uint64_t seed = 20261123;
	uint32_t loaded = 0, asked = 0, allowed = 0;

	(void)state;
	for (int n = 0; n < 3000; n++) {
		struct random_world w;
		struct rbac *rbac = NULL;

		world_random(&w, &seed);
		int rc = rbac_load(&w.rows, &rbac, NULL);

		if (rc == RF_E_DENIED)
			continue; /* nobody is left to administer it */
		assert_int_equal(rc, 0);
		loaded++;
		for (uint32_t user = 0; user < MANY; user++) {
			struct privilege_set want[MANY];

			oracle(&w, user, want);
			for (uint32_t o = 0; o < MANY; o++) {
				struct privilege_set got = rbac_resolve(rbac, user, o);

				asked++;
				allowed += !privilege_none(&got);
				if (memcmp(&got, &want[o], sizeof(got)) != 0)
					fail_msg("world %d, user %u, object %u", n, user, o);
			}
		}
		rbac_free(rbac);
	}
	/* The worlds say something: both answers are common. */
	assert_true(loaded > 1000 && allowed > asked / 20 && allowed < asked * 19 / 20);
}

/* ---- check, explain ---- */

static void operations_name_what_is_missing(void **state)
{
	static const struct rbac_permission permissions[] = {CAROLS,
							     {HOST1, OPS, OPERATOR, true},
							     {LAB, ALICE, VIEWER, true},
							     {NET, BOB, VIEWER, true}};
	struct rbac_rows rows = world(permissions, 3);
	struct rbac *rbac = NULL;
	struct rf_err err = {0};
	uint32_t alice = 0, web = 0, none = 77;
	RF_AUTOBUF struct rf_buf why = {0};

	(void)state;
	assert_int_equal(rbac_load(&rows, &rbac, &err), 0);
	assert_true(rbac_user_find(rbac, "alice", &alice) && alice == ALICE);
	assert_true(rbac_object_find(rbac, "vm:web", &web) && web == WEB);
	assert_false(rbac_user_find(rbac, "ops", &none) || rbac_object_find(rbac, "vm:x", &none));
	assert_int_equal(none, 77);

	const struct rbac_need both[] = {{PRIVILEGE_DOMAIN_START, WEB},
					 {PRIVILEGE_FACT_QUERY, WEB}};

	assert_int_equal(rbac_check(rbac, ALICE, both, 2, &err), 0);
	assert_int_equal(rbac_check(rbac, BOB, both, 2, &err), RF_E_DENIED);
	assert_string_equal(
		err.text,
		"vm:web: fact.query is not allowed (to ask facts by SQL). By host:1: decided at host:1 by role "
		"operator (group ops); what is above does not count. By group:lab: no permission applies, here or above.");
	/* What one may not see is not there. */
	const struct rbac_need hidden[] = {{PRIVILEGE_DOMAIN_START, DB}};

	assert_int_equal(rbac_check(rbac, BOB, hidden, 1, &err), RF_E_UNKNOWN);
	assert_string_equal(err.text, "there is no vm:db");
	assert_int_equal(rbac_explain(rbac, ALICE, HOST2, &why), 0);
	assert_string_equal(rf_buf_text(&why),
			    "decided at group:lab by role viewer (user alice); groups do not count "
			    "beside it, nor what is above.");
	assert_int_equal(rbac_check(rbac, ALICE, NULL, 0, &err), 0);
	rbac_free(rbac);
	rbac_free(NULL);
}

/* ---- rows that are refused ---- */

static void refused(struct rbac_rows rows, int code, const char *words)
{
	struct rbac *rbac = NULL;
	struct rf_err err = {0};
	int rc = rbac_load(&rows, &rbac, &err);

	if (rc != code || !strstr(err.text, words))
		fail_msg("%s: %d %s", words, rc, err.text);
	assert_null(rbac);
}

static void permissions_refused(void **state)
{
	static const struct rbac_permission bad_object[] = {CAROLS, {OBJECTS, BOB, VIEWER, true}},
					    bad_person[] = {CAROLS, {DB, PEOPLE, VIEWER, true}},
					    bad_role[] = {CAROLS, {DB, BOB, ROLES, true}},
					    part[] = {CAROLS, {NET, BOB, VIEWER, true}},
					    taken[] = {CAROLS, {SITE, CAROL, VIEWER, true}},
					    gone[] = {{SITE, GONE, ADMIN, true}},
					    below[] = {{PROD, CAROL, ADMIN, true}};

	(void)state;
	refused(world(NULL, 0), RF_E_DENIED, "nobody could give permissions on site:one");
	refused(world(bad_object, 2), RF_E_UNKNOWN, "permission 1 is on object 8");
	refused(world(bad_person, 2), RF_E_UNKNOWN, "permission 1 is for 7");
	refused(world(bad_role, 2), RF_E_UNKNOWN, "permission 1 gives role 4");
	refused(world(part, 2), RF_E_DENIED, "network:1 is part of a larger object");
	refused(world(taken, 2), RF_E_DENIED, "nobody could give");
	refused(world(gone, 1), RF_E_DENIED, "nobody could give");
	refused(world(below, 1), RF_E_DENIED, "nobody could give");
	refused((struct rbac_rows){0}, RF_E_DENIED, "the inventory");
	refused((struct rbac_rows){.objects_count = UINT32_MAX}, RF_E_LIMIT, "objects: at most");
}

static void objects_refused(void **state)
{
	static const struct rbac_permission carol[] = {CAROLS};
	static const struct {
		uint32_t row;
		struct rbac_object object;
		int code;
		const char *words;
	} cases[] = {
		{DB, {"", RBAC_VM, {HOST2, RBAC_NONE}, false}, RF_E_SYNTAX, "object 6 has no name"},
		{DB,
		 {NULL, RBAC_VM, {HOST2, RBAC_NONE}, false},
		 RF_E_SYNTAX,
		 "object 6 has no name"},
		{DB, {"\xff", RBAC_VM, {HOST2, RBAC_NONE}, false}, RF_E_SYNTAX, "UTF-8"},
		{DB,
		 {"vm:web", RBAC_VM, {HOST2, RBAC_NONE}, false},
		 RF_E_DUPLICATE,
		 "vm:web is there twice"},
		{DB, {"x", RBAC_KINDS, {HOST2, RBAC_NONE}, false}, RF_E_UNKNOWN, "no known kind"},
		{DB,
		 {"x", RBAC_VM, {RBAC_NONE, RBAC_NONE}, false},
		 RF_E_SYNTAX,
		 "its host, its group"},
		{DB,
		 {"x", RBAC_VM, {WEB, RBAC_NONE}, false},
		 RF_E_SYNTAX,
		 "a vm cannot lie below a vm"},
		{DB,
		 {"x", RBAC_VM, {HOST1, HOST2}, false},
		 RF_E_SYNTAX,
		 "two objects of kind host"},
		{DB, {"x", RBAC_VM, {OBJECTS, RBAC_NONE}, false}, RF_E_UNKNOWN, "not there"},
		{DB, {"x", RBAC_VM, {RBAC_GLOBAL, RBAC_NONE}, false}, RF_E_UNKNOWN, "not there"},
		{HOST2,
		 {"x", RBAC_HOST, {LAB, SITE}, false},
		 RF_E_SYNTAX,
		 "lies below 2 objects: a host lies below one"},
		{SITE, {"x", RBAC_SITE, {PROD, RBAC_NONE}, false}, RF_E_SYNTAX, "a site cannot"},
		{PROD, {"x", RBAC_GROUP, {LAB, RBAC_NONE}, false}, RF_E_SYNTAX, "circle"},
		{PROD, {"x", RBAC_GROUP, {PROD, RBAC_NONE}, false}, RF_E_SYNTAX, "circle"},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		struct rbac_object changed[OBJECTS];
		struct rbac_rows rows = world(carol, 1);

		memcpy(changed, objects, sizeof(objects));
		changed[cases[i].row] = cases[i].object;
		rows.objects = changed;
		refused(rows, cases[i].code, cases[i].words);
	}
}

static void people_and_roles_refused(void **state)
{
	static const struct rbac_permission carol[] = {CAROLS};
	static const uint32_t in_bob[] = {BOB}, in_nobody[] = {PEOPLE};
	struct rbac_principal changed[PEOPLE];
	struct rbac_rows rows = world(carol, 1);
	struct rbac_role twice[ROLES];

	(void)state;
	rows.principals = changed;
	memcpy(changed, people, sizeof(people));
	changed[ALICE] = (struct rbac_principal){"alice", false, in_bob, 1, false};
	refused(rows, RF_E_UNKNOWN, "alice is in 1, which is no group");
	changed[ALICE].groups = in_nobody;
	refused(rows, RF_E_UNKNOWN, "alice is in 7");
	changed[ALICE] = (struct rbac_principal){"bob", false, NULL, 0, false};
	refused(rows, RF_E_DUPLICATE, "user bob");
	/* A user and a group may share a name. */
	changed[ALICE].name = "ops";
	struct rbac *rbac = NULL;

	assert_int_equal(rbac_load(&rows, &rbac, NULL), 0);
	rbac_free(rbac);
	rows = world(carol, 1);
	memcpy(twice, roles, sizeof(roles));
	twice[VIEWER].name = "operator";
	rows.roles = twice;
	refused(rows, RF_E_DUPLICATE, "role operator");
}

static void deep_trees(void **state)
{
	static const struct rbac_permission carol[] = {CAROLS};
	struct rbac_object deep[RBAC_MAX_DEPTH + 2] = {
		{"s", RBAC_SITE, {RBAC_NONE, RBAC_NONE}, false}};
	char names[RBAC_MAX_DEPTH + 2][8];
	struct rbac_rows rows = world(carol, 1);
	struct rbac *rbac = NULL;

	(void)state;
	for (uint32_t i = 1; i < RF_COUNT(deep); i++) {
		rf_format(names[i], sizeof(names[i]), "g%u", i);
		deep[i] = (struct rbac_object){names[i], RBAC_GROUP, {i - 1, RBAC_NONE}, false};
	}
	rows.objects = deep;
	rows.objects_count = RBAC_MAX_DEPTH + 1;
	assert_int_equal(rbac_load(&rows, &rbac, NULL), 0);
	struct privilege_set set = rbac_resolve(rbac, CAROL, RBAC_MAX_DEPTH);

	assert_string_equal(letters(&set), "*");
	rbac_free(rbac);
	rows.objects_count++;
	refused(rows, RF_E_SYNTAX, "deeper than 32");
}

static void no_memory_at_any_point(void **state)
{
	static const struct rbac_permission permissions[] = {CAROLS, {DB, BOB, VIEWER, true}};
	struct rbac_rows rows = world(permissions, 2);
	int rc = -ENOMEM;

	(void)state;
	for (size_t n = 1; rc == -ENOMEM; n++) {
		struct rbac *rbac = NULL;

		assert_true(n < 500);
		rf_alloc_fail_after(n);
		rc = rbac_load(&rows, &rbac, NULL);
		rf_alloc_fail_after(0);
		assert_true(rc == 0 || (rc == -ENOMEM && !rbac));
		rbac_free(rbac);
	}
	assert_int_equal(rc, 0);
}

static void privileges_have_names(void **state)
{
	struct privilege_set none = {0}, all = privilege_all();

	(void)state;
	for (unsigned i = 0; i < PRIVILEGE_COUNT; i++) {
		enum privilege found = PRIVILEGE_COUNT;

		assert_true(privilege_find(privilege_name((enum privilege)i), &found) &&
			    found == i);
		assert_true(privilege_about((enum privilege)i)[0] != '\0');
		assert_true(privilege_in(&all, (enum privilege)i));
	}
	assert_false(privilege_find("domain.fly", &(enum privilege){0}));
	assert_string_equal(privilege_name(PRIVILEGE_COUNT), "");
	privilege_add(&none, PRIVILEGE_COUNT);
	assert_true(privilege_none(&none));
	assert_false(privilege_in(&all, PRIVILEGE_COUNT));
	assert_string_equal(rbac_kind_name(RBAC_VM), "vm");
	assert_string_equal(rbac_kind_name(RBAC_KINDS), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(corner_cases),
		cmocka_unit_test(like_the_oracle),
		cmocka_unit_test(operations_name_what_is_missing),
		cmocka_unit_test(permissions_refused),
		cmocka_unit_test(objects_refused),
		cmocka_unit_test(people_and_roles_refused),
		cmocka_unit_test(deep_trees),
		cmocka_unit_test(no_memory_at_any_point),
		cmocka_unit_test(privileges_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
