/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may do what, as a snapshot of govern's (rbac.h) that is made anew when the store's generation
 * has changed. Permissions under conditions (condition.h) are asked at each question.
 */
#include <errno.h>
#include <string.h>

#include "api/rights_parts.h"
#include "base/mem.h"
#include "base/str.h"
#include "govern/condition.h"
#include "store/access.h"

static void rows_clear(struct rights_rows *r)
{
	for (uint32_t i = 0; i < r->rows.principals_count; i++)
		rf_free(r->groups[i]);
	rf_free(r->objects);
	rf_free(r->loose);
	rf_free(r->labels);
	rf_free(r->roles);
	rf_free(r->principals);
	rf_free(r->groups);
	rf_free(r->groups_capacity);
	rf_free(r->permissions);
	rf_free(r->conditions);
	rf_free(r->grants);
	rf_free(r->changes);
	rf_free(r->barred);
	rf_free(r->duty_sets);
	rf_free(r->duty_rows);
	rf_map_done(&r->object_numbers);
	rf_map_done(&r->user_numbers);
	rf_map_done(&r->subjects);
	rf_map_done(&r->group_numbers);
	rf_map_done(&r->role_numbers);
	rf_arena_done(&r->arena);
	memset(r, 0, sizeof(*r));
}

static void rows_free(struct rights_rows *rows)
{
	if (!rows)
		return;
	rows_clear(rows);
	rf_free(rows);
}

static void rows_free_p(struct rights_rows **rows)
{
	rows_free(*rows);
}
#define AUTOROWS __attribute__((cleanup(rows_free_p)))

static int number_of(const struct rf_map *map, const char *name, uint32_t *out)
{
	uintptr_t number = (uintptr_t)rf_map_get(map, name);

	if (!number)
		return RF_E_UNKNOWN;
	*out = (uint32_t)(number - 1);
	return 0;
}

static int number_set(struct rf_map *map, const char *name, uint32_t number)
{
	return rf_map_set(map, name, (void *)((uintptr_t)number + 1));
}

#define ROOM(array, capacity, count)                                                               \
	rf_grow((void **)&(array), &(capacity), (count), sizeof(*(array)))

static int take_begin(void *arg, int64_t generation)
{
	struct rights_rows *r = arg;

	rows_clear(r);
	r->generation = generation;
	return 0;
}

static int take_object(void *arg, const struct store_object *object)
{
	struct rights_rows *r = arg;
	uint32_t n = r->rows.objects_count;
	enum rbac_kind kind = 0;

	while (kind < RBAC_KINDS && !rf_equal(rbac_kind_name(kind), object->kind))
		kind++;
	if (n >= RBAC_MAX_OBJECTS)
		return RF_E_LIMIT;
	if (ROOM(r->objects, r->objects_capacity, n + 1u) ||
	    ROOM(r->loose, r->loose_capacity, n + 1u) ||
	    ROOM(r->labels, r->labels_capacity, n + 1u))
		return -ENOMEM;
	r->objects[n] = (struct rbac_object){.id = rf_arena_copy(&r->arena, object->object),
					     .kind = kind,
					     .parents = {RBAC_NONE, RBAC_NONE}};
	for (unsigned i = 0; i < STORE_PARENTS; i++)
		r->loose[n].parents[i] = rf_arena_copy(&r->arena, object->parents[i]);
	bool labelled = object->labels && !rf_equal(object->labels, "{}");

	r->labels[n] = labelled ? rf_arena_copy(&r->arena, object->labels) : NULL;
	r->rows.objects_count++;
	return number_set(&r->object_numbers, object->object, n);
}

static int take_role(void *arg, const struct store_role *role)
{
	struct rights_rows *r = arg;
	uint32_t n = r->rows.roles_count;

	if (n >= RBAC_MAX_ROLES)
		return RF_E_LIMIT;
	if (ROOM(r->roles, r->roles_capacity, n + 1u) ||
	    ROOM(r->changes, r->changes_capacity, n + 1u))
		return -ENOMEM;
	r->changes[n] =
		(struct rights_grant){rf_arena_copy(&r->arena, role->changed_by), role->changed_ms};
	r->roles[n] = (struct rbac_role){.name = rf_arena_copy(&r->arena, role->role)};
	r->rows.roles_count++;
	return number_set(&r->role_numbers, role->role, n);
}

/* A name that this program does not know is a newer one's: it gives nothing here. */
static int take_privilege(void *arg, const char *role, const char *name)
{
	struct rights_rows *r = arg;
	enum privilege privilege;
	uint32_t n;

	if (!number_of(&r->role_numbers, role, &n) && privilege_find(name, &privilege))
		privilege_add(&r->roles[n].privileges, privilege);
	return 0;
}

static int take_principal(void *arg, const struct store_principal *principal)
{
	struct rights_rows *r = arg;
	uint32_t n = r->rows.principals_count;

	if (n >= RBAC_MAX_PRINCIPALS)
		return RF_E_LIMIT;
	if (ROOM(r->principals, r->principals_capacity, n + 1u) ||
	    ROOM(r->groups, r->groups_slots, n + 1u) ||
	    ROOM(r->groups_capacity, r->groups_capacity_slots, n + 1u))
		return -ENOMEM;
	r->principals[n] =
		(struct rbac_principal){.name = rf_arena_copy(&r->arena, principal->principal),
					.is_group = principal->is_group,
					.gone = principal->gone};
	r->groups[n] = NULL;
	r->groups_capacity[n] = 0;
	r->rows.principals_count++;
	return number_set(principal->is_group ? &r->group_numbers : &r->user_numbers,
			  principal->principal, n);
}

static int take_member(void *arg, const struct store_member *member)
{
	struct rights_rows *r = arg;
	uint32_t who, group;

	/* Who is not there is in no group. */
	if (number_of(member->is_group ? &r->group_numbers : &r->user_numbers, member->principal,
		      &who) ||
	    number_of(&r->group_numbers, member->in_group, &group))
		return 0;
	uint32_t count = r->principals[who].groups_count;

	if (ROOM(r->groups[who], r->groups_capacity[who], count + 1u))
		return -ENOMEM;
	r->groups[who][count] = group;
	r->principals[who].groups = r->groups[who];
	r->principals[who].groups_count++;
	return 0;
}

static int take_permission(void *arg, const struct store_permission *permission)
{
	struct rights_rows *r = arg;
	uint32_t n = r->rows.permissions_count;
	struct rbac_permission row = {.object = RBAC_GLOBAL, .propagate = permission->propagate};

	if (n >= RBAC_MAX_PERMISSIONS)
		return RF_E_LIMIT;
	if ((permission->object[0] &&
	     number_of(&r->object_numbers, permission->object, &row.object)) ||
	    number_of(permission->is_group ? &r->group_numbers : &r->user_numbers,
		      permission->principal, &row.principal) ||
	    number_of(&r->role_numbers, permission->role, &row.role))
		return 0;
	if (ROOM(r->permissions, r->permissions_capacity, n + 1u) ||
	    ROOM(r->conditions, r->conditions_capacity, n + 1u) ||
	    ROOM(r->grants, r->grants_capacity, n + 1u))
		return -ENOMEM;
	r->grants[n] = (struct rights_grant){rf_arena_copy(&r->arena, permission->granted_by),
					     permission->granted_ms};
	bool bound = permission->constraints && !rf_equal(permission->constraints, "{}");

	r->permissions[n] = row;
	r->conditions[n] = bound ? rf_arena_copy(&r->arena, permission->constraints) : NULL;
	r->rows.permissions_count++;
	return 0;
}

static int take_duty_set(void *arg, const struct store_duty_set *set)
{
	return duties_take_set(arg, set);
}

static void parents_resolve(struct rights_rows *r)
{
	for (uint32_t i = 0; i < r->rows.objects_count; i++) {
		uint32_t count = 0;

		for (unsigned p = 0; p < STORE_PARENTS; p++)
			if (r->loose[i].parents[p] &&
			    !number_of(&r->object_numbers, r->loose[i].parents[p],
				       &r->objects[i].parents[count]))
				count++;
	}
}

/* Accounts, of which two may be one person's. */
struct accounts {
	struct rights_rows *rows;
	int64_t count;
	char last[API_NAME_BYTES];
};

static int take_subject(void *arg, const struct store_account *account)
{
	struct accounts *a = arg;
	char *subject = rf_arena_copy(&a->rows->arena, account->subject);

	a->count++;
	if (!subject || !rf_copy(a->last, sizeof(a->last), account->account))
		return -ENOMEM;
	return rf_map_set(&a->rows->subjects, account->account, subject);
}

static int subjects_read(struct store *store, struct rights_rows *r, struct rf_err *err)
{
	struct accounts a = {.rows = r, .count = API_PAGE_MAX};
	int rc = 0;

	while (!rc && a.count == API_PAGE_MAX) {
		a.count = 0;
		rc = store_account_each(store, a.last, API_PAGE_MAX, take_subject, &a, err);
	}
	return rc;
}

static int rows_read(struct store *store, struct rights_rows *r, struct rf_err *err)
{
	static const struct store_access_reader reader = {
		take_begin,	take_object, take_role,	      take_privilege,
		take_principal, take_member, take_permission, take_duty_set};
	int rc = store_access_read(store, &reader, r, err);

	if (rc == RF_E_MISMATCH)
		rc = rf_fail(err, rc, "the site's duties are damaged in the store");

	if (!rc)
		rc = subjects_read(store, r, err);
	if (!rc && r->arena.failed)
		rc = rf_fail(err, -ENOMEM, "no memory for the permissions");
	if (rc)
		return rc;
	parents_resolve(r);
	r->rows.objects = r->objects;
	r->rows.roles = r->roles;
	r->rows.principals = r->principals;
	r->rows.permissions = r->permissions;
	r->duties.sets = r->duty_sets;
	r->duties.rows = r->duty_rows;
	return 0;
}

void rights_done(struct api_rights *rights)
{
	rbac_free(rights->rbac);
	rows_free(rights->rows);
	memset(rights, 0, sizeof(*rights));
}

int rights_fresh(struct api *api, struct rf_err *err)
{
	int64_t generation = 0;
	int rc = store_access_generation(api->store, &generation, err);

	if (rc || (api->rights.rows && api->rights.generation == generation))
		return rc;
	AUTOROWS struct rights_rows *rows = rf_alloc(1, sizeof(*rows));
	struct rbac *rbac = NULL;
	struct rf_err why = {0};

	rc = rows ? rows_read(api->store, rows, err) : rf_fail(err, -ENOMEM, "no memory");
	if (rc)
		return rc;
	/* Rows that are no snapshot give nobody anything: safe, and told by each refusal. */
	if (rbac_load(&rows->rows, &rbac, &why))
		rbac = NULL;
	rc = rbac ? duties_find(rows, rbac, err) : 0;
	if (rc) {
		rbac_free(rbac);
		return rc;
	}
	rights_done(&api->rights);
	api->rights = (struct api_rights){rbac, rows->generation, rows};
	rows = NULL;
	return 0;
}

int rights_try(struct api *api, struct rf_err *err)
{
	AUTOROWS struct rights_rows *rows = rf_alloc(1, sizeof(*rows));
	struct rbac *rbac = NULL;
	int rc = rows ? rows_read(api->store, rows, err) : rf_fail(err, -ENOMEM, "no memory");

	if (!rc)
		rc = rbac_load(&rows->rows, &rbac, err);
	if (!rc)
		rc = duties_check(api->rights.rows, rows, err);
	if (!rc)
		rc = duties_find(rows, rbac, err);
	if (!rc)
		rc = duties_try(api->rights.rows, rows, err);
	rbac_free(rbac);
	return rc;
}

void rights_who(const struct api *api, struct api_who *who)
{
	who->user = RBAC_NONE;
	if (api->rights.rbac)
		(void)rbac_user_find(api->rights.rbac, who->account, &who->user);
}

/* A question while it is asked: what conditions are judged by. */
struct asking {
	struct api *api;
	const struct rights_rows *rows;
	struct condition_facts facts;
	char state[32];
	struct rf_err why;  /* why the last condition did not hold */
	const char *barred; /* which duties exclude each other; NULL: none */
};

static int take_host_state(void *arg, const struct store_host *host)
{
	return rf_copy(arg, 32, host->state) ? 0 : RF_E_LIMIT;
}

static bool permission_holds(void *arg, uint32_t permission)
{
	struct asking *asking = arg;
	const char *conditions = asking->rows->conditions[permission];

	return !conditions || condition_holds(conditions, &asking->facts, &asking->why) == 0;
}

static void facts_find(struct asking *asking, const struct rights_question *q, uint32_t object)
{
	asking->facts.address = q->who->address;
	asking->facts.now_ms = q->now_ms;
	if (object == RBAC_GLOBAL)
		return;
	asking->facts.labels = asking->rows->labels[object];
	if (asking->rows->objects[object].kind == RBAC_HOST && rf_starts(q->object, "host:") &&
	    !store_host_get(asking->api->store, q->object + strlen("host:"), take_host_state,
			    asking->state, NULL))
		asking->facts.state = asking->state;
}

/* The number of the object; a host that stands nowhere in the inventory is the fleet's. */
static bool object_find(const struct api *api, const char *object, uint32_t *out)
{
	*out = RBAC_GLOBAL;
	if (!object[0] || rbac_object_find(api->rights.rbac, object, out))
		return true;
	*out = RBAC_GLOBAL;
	return rf_starts(object, "host:");
}

static struct privilege_set resolve(struct api *api, const struct rights_question *q,
				    uint32_t object, struct asking *asking)
{
	const struct rbac_filter filter = {permission_holds, asking};
	struct privilege_set set = {0};

	*asking = (struct asking){.api = api, .rows = api->rights.rows};
	facts_find(asking, q, object);
	set = rbac_resolve_where(api->rights.rbac, q->who->user, object, &filter);
	for (unsigned i = 0; q->who->scoped && i < PRIVILEGE_WORDS; i++)
		set.bits[i] &= q->who->scope.bits[i];
	duties_bar(api, q->who, object, &set, &asking->barred);
	return set;
}

struct privilege_set rights_all(struct api *api, const struct rights_question *q)
{
	struct asking asking;
	uint32_t object;

	if (!api->rights.rbac || !object_find(api, q->object, &object))
		return (struct privilege_set){0};
	return resolve(api, q, object, &asking);
}

int rights_may(struct api *api, const struct rights_question *q, struct rf_err *err)
{
	struct asking asking;
	uint32_t object;

	if (!api->rights.rbac)
		return rf_fail(err, RF_E_DENIED,
			       "nobody has permissions yet: sign in with the first code");
	if (!object_find(api, q->object, &object))
		return rf_fail(err, RF_E_UNKNOWN, "there is no %s", q->object);
	struct privilege_set set = resolve(api, q, object, &asking);

	if (privilege_in(&set, q->privilege))
		return 0;
	if (asking.barred)
		return rf_fail(err, RF_E_DENIED, "%s", asking.barred);
	const struct rbac_need need = {q->privilege, object};
	int rc = rbac_check(api->rights.rbac, q->who->user, &need, 1, err);

	/* What the fleet is, everybody knows. */
	if (rc == RF_E_UNKNOWN && object == RBAC_GLOBAL)
		return rf_fail(err, RF_E_DENIED, "%s is not allowed (to %s)",
			       privilege_name(q->privilege), privilege_about(q->privilege));
	if (rc)
		return rc;
	if (q->who->scoped && !privilege_in(&q->who->scope, q->privilege))
		return rf_fail(err, RF_E_DENIED, "%s is not in the scope of this token",
			       privilege_name(q->privilege));
	return rf_fail(err, RF_E_DENIED, "%s is allowed under conditions alone: %s",
		       privilege_name(q->privilege), rf_err_text(&asking.why));
}

void rights_vote(struct api *api, const struct api_who *who, struct rights_vote *out)
{
	const struct rights_rows *rows = api->rights.rows;
	uint32_t user;

	memset(out, 0, sizeof(*out));
	if (!rows || number_of(&rows->user_numbers, who->account, &user))
		return;
	for (uint32_t i = 0; i < rows->rows.permissions_count; i++) {
		const struct rbac_permission *p = &rows->permissions[i];
		const struct rbac_role *role = &rows->roles[p->role];

		if (p->object != RBAC_GLOBAL || !rights_reaches(rows, p->principal, user) ||
		    !privilege_in(&role->privileges, PRIVILEGE_APPROVAL_GIVE) ||
		    out->count + 2 > RIGHTS_MAX_GRANTS)
			continue;
		out->role = out->role ? out->role : role->name;
		out->grants[out->count++] = (struct approval_grant){
			role->name, rows->grants[i].by_subject, rows->grants[i].time_ms};
		out->grants[out->count++] =
			(struct approval_grant){role->name, rows->changes[p->role].by_subject,
						rows->changes[p->role].time_ms};
	}
}

static bool same_person(const struct rights_rows *rows, const struct api_who *who, const char *name)
{
	const char *subject = rf_map_get(&rows->subjects, name);

	return rf_equal(name, who->account) || (subject && rf_equal(subject, who->subject));
}

bool rights_is_self(struct api *api, const struct api_who *who, const char *principal,
		    bool is_group)
{
	const struct rights_rows *rows = api->rights.rows;
	uint32_t group;

	if (!rows)
		return !is_group && rf_equal(principal, who->account);
	if (!is_group)
		return same_person(rows, who, principal);
	if (number_of(&rows->group_numbers, principal, &group))
		return false;
	for (uint32_t i = 0; i < rows->rows.principals_count; i++)
		if (!rows->principals[i].is_group &&
		    same_person(rows, who, rows->principals[i].name) &&
		    rights_reaches(rows, group, i))
			return true;
	return false;
}

bool rights_holds_role(struct api *api, const struct api_who *who, const char *role)
{
	const struct rights_rows *rows = api->rights.rows;
	uint32_t number;

	if (!rows || number_of(&rows->role_numbers, role, &number))
		return false;
	for (uint32_t i = 0; i < rows->rows.permissions_count; i++) {
		const struct rbac_permission *p = &rows->permissions[i];
		const struct rbac_principal *principal = &rows->principals[p->principal];

		if (p->role == number &&
		    rights_is_self(api, who, principal->name, principal->is_group))
			return true;
	}
	return false;
}

struct person_seen {
	const char *not_subject;
	char subject[API_NAME_BYTES];
	bool other;
};

static int take_account(void *arg, const struct store_account *account)
{
	struct person_seen *seen = arg;

	seen->other = !account->disabled && !rf_equal(account->subject, seen->not_subject) &&
		      rf_copy(seen->subject, sizeof(seen->subject), account->subject);
	return 0;
}

/* Different texts, up to as many as anything asks for. */
struct different {
	char texts[APPROVAL_MAX_VOTES][API_NAME_BYTES];
	uint32_t count;
};

static void different_add(struct different *d, const char *text)
{
	for (uint32_t i = 0; i < d->count; i++)
		if (rf_equal(d->texts[i], text))
			return;
	if (d->count < APPROVAL_MAX_VOTES && rf_copy(d->texts[d->count], API_NAME_BYTES, text))
		d->count++;
}

struct approval_people rights_approvers(struct api *api, const char *subject)
{
	const struct rights_rows *rows = api->rights.rows;
	struct different people = {.count = 0}, roles = {.count = 0};
	const char *why = NULL;

	for (uint32_t i = 0; api->rights.rbac && i < rows->rows.principals_count; i++) {
		const char *name = rows->principals[i].name;
		struct person_seen seen = {.not_subject = subject};
		struct api_who who = {0};
		struct rights_vote by;
		uint32_t user;

		if (rows->principals[i].is_group || rows->principals[i].gone ||
		    !rbac_user_find(api->rights.rbac, name, &user))
			continue;
		struct privilege_set set = rbac_resolve(api->rights.rbac, user, RBAC_GLOBAL);

		if (!privilege_in(&set, PRIVILEGE_APPROVAL_GIVE) ||
		    store_account_get(api->store, name, take_account, &seen, NULL) || !seen.other)
			continue;
		/* Who may not for their other duties is nobody whom one could ask. */
		(void)rf_copy(who.account, sizeof(who.account), name);
		(void)rf_copy(who.subject, sizeof(who.subject), seen.subject);
		duties_bar(api, &who, RBAC_GLOBAL, &set, &why);
		if (!privilege_in(&set, PRIVILEGE_APPROVAL_GIVE))
			continue;
		rights_vote(api, &who, &by);
		different_add(&people, seen.subject);
		if (by.role)
			different_add(&roles, by.role);
	}
	return (struct approval_people){people.count, roles.count};
}
