/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Segregation of duties over the snapshot of rights: who holds duties that exclude each other, by
 * effective rights over the whole inventory, all accounts of a person together. Whoever does uses
 * none of them, however they came to hold them (a group of the directory may have grown), and no
 * change of roles, permissions, groups or accounts makes another such person.
 *
 * Only who could hold two by any permission is looked at object by object; nobody, as a rule.
 */
#include <errno.h>
#include <string.h>

#include "api/rights_parts.h"
#include "base/mem.h"
#include "base/str.h"

#define MAX_PERSONS 4096u /* that could hold two duties; more are a fault of the permissions */
#define MAX_KINDS   64u	  /* of rights that one person has, as far as duties go */

bool rights_reaches(const struct rights_rows *rows, uint32_t principal, uint32_t user)
{
	uint32_t count = rows->rows.principals_count, top = 0;
	RF_AUTOFREE uint32_t *stack = NULL;
	RF_AUTOFREE uint8_t *seen = NULL;

	if (principal == user || !rows->principals[user].groups_count)
		return principal == user;
	stack = rf_alloc(count, sizeof(*stack));
	seen = rf_alloc(count, 1);
	if (!stack || !seen)
		return false;
	stack[top++] = user;
	while (top) {
		const struct rbac_principal *p = &rows->principals[stack[--top]];

		for (uint32_t i = 0; i < p->groups_count; i++) {
			if (p->groups[i] == principal)
				return true;
			if (!seen[p->groups[i]])
				stack[top++] = p->groups[i];
			seen[p->groups[i]] = 1;
		}
	}
	return false;
}

/* The privileges that are duties; the others do not matter here. */
static struct privilege_set duties_only(const struct rights_rows *rows,
					const struct privilege_set *set)
{
	struct privilege_set out = rows->duty_privileges;

	for (unsigned i = 0; i < PRIVILEGE_WORDS; i++)
		out.bits[i] &= set->bits[i];
	return out;
}

static bool excludes(const struct rights_rows *rows, const struct privilege_set *set)
{
	const struct duty_set *one;

	for (size_t i = 0; (one = duty_set_at(&rows->duties, i)); i++)
		if (duty_count(&rows->duties, one, set) > 1)
			return true;
	return false;
}

/* A person, the accounts they have, and all that these are given anywhere. */
struct person {
	const char *subject;
	uint32_t *users;
	size_t count, capacity;
	struct privilege_set given;
};

/* What each principal is given anywhere, by itself and by its groups. */
static struct privilege_set *given_make(const struct rights_rows *r)
{
	struct privilege_set *given = rf_alloc(r->rows.principals_count, sizeof(*given));
	bool changed = given != NULL;

	for (uint32_t i = 0; given && i < r->rows.permissions_count; i++) {
		const struct rbac_permission *p = &r->permissions[i];
		struct privilege_set own = duties_only(r, &r->roles[p->role].privileges);

		privilege_add_all(&given[p->principal], &own);
	}
	/* Each round goes one group deeper; what a circle of groups has it has after one. */
	for (uint32_t round = 0; changed && round < RBAC_MAX_DEPTH; round++) {
		changed = false;
		for (uint32_t i = 0; i < r->rows.principals_count; i++) {
			struct privilege_set before = given[i];

			for (uint32_t g = 0; g < r->principals[i].groups_count; g++)
				privilege_add_all(&given[i], &given[r->principals[i].groups[g]]);
			changed = changed || memcmp(&before, &given[i], sizeof(before)) != 0;
		}
	}
	return given;
}

struct persons {
	struct rf_map numbers;
	struct person *rows;
	size_t count, capacity;
};

static void persons_done(struct persons *p)
{
	for (size_t i = 0; i < p->count; i++)
		rf_free(p->rows[i].users);
	rf_free(p->rows);
	rf_map_done(&p->numbers);
}
#define AUTOPERSONS __attribute__((cleanup(persons_done)))

static int person_add(struct persons *all, const char *subject, uint32_t user,
		      const struct privilege_set *given)
{
	uintptr_t number = (uintptr_t)rf_map_get(&all->numbers, subject);

	if (!number) {
		if (rf_grow((void **)&all->rows, &all->capacity, all->count + 1,
			    sizeof(*all->rows)))
			return -ENOMEM;
		all->rows[all->count] = (struct person){.subject = subject};
		number = ++all->count;
		if (rf_map_set(&all->numbers, subject, (void *)number))
			return -ENOMEM;
	}
	struct person *p = &all->rows[number - 1];

	if (rf_grow((void **)&p->users, &p->capacity, p->count + 1, sizeof(*p->users)))
		return -ENOMEM;
	p->users[p->count++] = user;
	privilege_add_all(&p->given, given);
	return 0;
}

static int persons_make(const struct rights_rows *r, struct persons *out)
{
	RF_AUTOFREE struct privilege_set *given = given_make(r);
	int rc = given || !r->rows.principals_count ? 0 : -ENOMEM;

	for (uint32_t i = 0; i < r->rows.principals_count && !rc; i++) {
		const struct rbac_principal *p = &r->principals[i];
		const char *subject = rf_map_get(&r->subjects, p->name);

		if (!p->is_group && !p->gone && !privilege_none(&given[i]))
			rc = person_add(out, subject ? subject : p->name, i, &given[i]);
	}
	return rc;
}

/* Holdings of one person: one place for each different set of duties. */
struct holdings {
	struct rights_rows *rows;
	const struct rbac *rbac;
	const struct person *person;
	const struct persons *all;
	struct privilege_set kinds[MAX_KINDS];
	size_t kinds_count;
	struct duty_holding *list;
	size_t count, capacity;
};

static void holdings_done(struct holdings *h)
{
	rf_free(h->list);
}

/* The role by which a person has a privilege, for sentences. */
static const char *through(const struct holdings *h, enum privilege privilege)
{
	for (uint32_t i = 0; i < h->rows->rows.permissions_count; i++) {
		const struct rbac_permission *p = &h->rows->permissions[i];

		for (size_t u = 0; u < h->person->count; u++)
			if (privilege_in(&h->rows->roles[p->role].privileges, privilege) &&
			    rights_reaches(h->rows, p->principal, h->person->users[u]))
				return h->rows->roles[p->role].name;
	}
	return "(unknown)";
}

static struct privilege_set person_at(const struct rights_rows *rows, const struct rbac *rbac,
				      const struct person *person, uint32_t object)
{
	struct privilege_set all = {0};

	for (size_t i = 0; i < person->count; i++) {
		struct privilege_set one = rbac_resolve(rbac, person->users[i], object);

		privilege_add_all(&all, &one);
	}
	return duties_only(rows, &all);
}

static int holding_add(struct holdings *h, const char *duty, enum privilege privilege,
		       const char *scope)
{
	char *by = rf_arena_printf(&h->rows->arena, "%s by role %.64s", privilege_name(privilege),
				   through(h, privilege));

	if (h->count == DUTY_MAX_SUBJECT_HOLDINGS)
		return RF_E_LIMIT;
	if (!by || rf_grow((void **)&h->list, &h->capacity, h->count + 1, sizeof(*h->list)))
		return -ENOMEM;
	h->list[h->count++] = (struct duty_holding){h->person->subject, duty, scope, by};
	return 0;
}

/* Each duty is one holding, whatever it consists of. */
static bool duty_is_new(const struct holdings *h, size_t from, const char *duty)
{
	while (from < h->count && !rf_equal(h->list[from].duty, duty))
		from++;
	return from == h->count;
}

static int place_add(struct holdings *h, uint32_t object)
{
	const struct privilege_set set = person_at(h->rows, h->rbac, h->person, object);
	const struct duty_row *row;
	const size_t from = h->count;
	int rc = 0;

	for (size_t i = 0; i < h->kinds_count; i++)
		if (memcmp(&h->kinds[i], &set, sizeof(set)) == 0)
			return 0;
	if (h->kinds_count == MAX_KINDS)
		return RF_E_LIMIT;
	h->kinds[h->kinds_count] = set;
	char *scope = rf_arena_printf(&h->rows->arena, "/%zu", h->kinds_count++);

	if (!scope)
		return -ENOMEM;
	for (size_t i = 0; (row = duty_row_at(&h->rows->duties, i)) && !rc; i++)
		if (privilege_in(&set, row->privilege) && duty_is_new(h, from, row->duty))
			rc = holding_add(h, row->duty, row->privilege, scope);
	return rc;
}

/* A child of one parent has what its parent has, but where a permission lies on either. */
static bool has_own(const struct rights_rows *r, const uint8_t *marked, uint32_t object)
{
	const struct rbac_object *o = &r->objects[object];

	return marked[object] || o->parents[0] == RBAC_NONE || o->parents[1] != RBAC_NONE ||
	       marked[o->parents[0]];
}

static int places_add(struct holdings *h)
{
	const struct rights_rows *r = h->rows;
	RF_AUTOFREE uint8_t *marked = rf_alloc(r->rows.objects_count + 1u, 1);
	int rc = marked ? place_add(h, RBAC_GLOBAL) : -ENOMEM;

	for (uint32_t i = 0; marked && i < r->rows.permissions_count; i++)
		if (r->permissions[i].object != RBAC_GLOBAL)
			marked[r->permissions[i].object] = 1;
	for (uint32_t i = 0; i < r->rows.objects_count && !rc; i++)
		rc = has_own(r, marked, i) ? place_add(h, i) : 0;
	return rc;
}

/* Does nobody but that person hold a duty of the set? The first user goes when others have come,
 * and is no other person. */
static bool is_alone(const struct holdings *h, const struct duty_set *set)
{
	for (size_t i = 0; i < h->all->count; i++) {
		const struct person *p = &h->all->rows[i];

		if (p != h->person && !rf_equal(p->subject, API_SETUP) &&
		    duty_count(&h->rows->duties, set, &p->given))
			return false;
	}
	return true;
}

static int barred_add(struct holdings *h, const struct duty_set *set, const char *why)
{
	struct rights_rows *r = h->rows;
	uint32_t *users = rf_arena_alloc(&r->arena, h->person->count, sizeof(*users));

	if (rf_grow((void **)&r->barred, &r->barred_capacity, r->barred_count + 1,
		    sizeof(*r->barred)) ||
	    !users)
		return -ENOMEM;
	memcpy(users, h->person->users, h->person->count * sizeof(*users));
	r->barred[r->barred_count++] = (struct rights_barred){
		.subject = h->person->subject,
		.set = set,
		.why = rf_arena_copy(&r->arena, why),
		.alone = set && set->yields && is_alone(h, set),
		.users = users,
		.users_count = h->person->count,
	};
	return 0;
}

/* What is found while the rows of duty_conflicts are gone through. */
struct finding {
	struct holdings *holdings;
	const struct duty_rows *duties;
};

static int take_conflict(void *arg, const struct duty_conflict *conflict)
{
	const struct finding *f = arg;
	const struct duty_holding pair[] = {*conflict->a, *conflict->b};
	const struct duty_rows rows = {pair, RF_COUNT(pair), f->duties->more,
				       f->duties->more_count};
	const bool second = rf_equal(pair[1].duty, conflict->set->yields);
	struct rf_err why = {0};

	/* The sentence is that of the refusal, and about what is given up. */
	if (!duty_use_check(&rows, &pair[second], &why))
		return 0;
	return barred_add(f->holdings, conflict->set, rf_err_text(&why));
}

static int person_judge(struct rights_rows *rows, const struct rbac *rbac,
			const struct persons *all, const struct person *person, struct rf_err *err)
{
	__attribute__((cleanup(holdings_done))) struct holdings h = {
		.rows = rows, .rbac = rbac, .person = person, .all = all};
	char why[256];
	int rc = places_add(&h);
	const struct duty_rows duties = {h.list, h.count, rows->duties.sets,
					 rows->duties.sets_count};
	struct finding finding = {&h, &duties};

	/* One person's permissions are no reason to stop all others. */
	if (rc == RF_E_LIMIT) {
		(void)rf_format(why, sizeof(why),
				"%.64s has too many different rights to tell which duties exclude "
				"each other; an administrator of roles can take some away",
				person->subject);
		return barred_add(&h, NULL, why);
	}
	return rc ? rf_fail(err, rc, "the duties of %.64s cannot be judged", person->subject)
		  : duty_conflicts(&duties, take_conflict, &finding, err);
}

int duties_find(struct rights_rows *rows, const struct rbac *rbac, struct rf_err *err)
{
	AUTOPERSONS struct persons all = {0};
	const struct duty_row *row;
	size_t suspects = 0;

	for (size_t i = 0; (row = duty_row_at(&rows->duties, i)); i++)
		privilege_add(&rows->duty_privileges, row->privilege);
	int rc = persons_make(rows, &all);

	if (rc)
		return rf_fail(err, rc, "no memory for duties");
	for (size_t i = 0; i < all.count && !rc; i++) {
		if (!excludes(rows, &all.rows[i].given))
			continue;
		rc = ++suspects > MAX_PERSONS
			     ? rf_fail(err, RF_E_LIMIT,
				       "more than %u people could hold duties that exclude each "
				       "other",
				       MAX_PERSONS)
			     : person_judge(rows, rbac, &all, &all.rows[i], err);
	}
	if (!rc && rows->arena.failed)
		rc = rf_fail(err, -ENOMEM, "no memory for duties");
	return rc;
}

/* The privileges that a person who holds two of a set does not use. */
static struct privilege_set taken(const struct rights_rows *rows, const struct rights_barred *b)
{
	struct duty_set one = {.duties = {b->set ? b->set->yields : NULL}};

	if (!b->set)
		return rows->duty_privileges;
	return duty_privileges(&rows->duties, b->set->yields ? &one : b->set);
}

static bool bars(const struct api *api, const struct rights_barred *b, uint32_t object)
{
	const struct person person = {.users = (uint32_t *)(uintptr_t)b->users,
				      .count = b->users_count};

	if (b->alone)
		return false;
	if (!b->set || !b->set->same_scope)
		return true;
	const struct privilege_set here =
		person_at(api->rights.rows, api->rights.rbac, &person, object);

	return duty_count(&api->rights.rows->duties, b->set, &here) > 1;
}

void duties_bar(const struct api *api, const struct api_who *who, uint32_t object,
		struct privilege_set *set, const char **out_why)
{
	const struct rights_rows *rows = api->rights.rows;

	for (size_t i = 0; i < rows->barred_count; i++) {
		const struct rights_barred *b = &rows->barred[i];

		if (!rf_equal(b->subject, who->subject) || !bars(api, b, object))
			continue;
		const struct privilege_set away = taken(rows, b);

		for (unsigned w = 0; w < PRIVILEGE_WORDS; w++) {
			if (set->bits[w] & away.bits[w] && !*out_why)
				*out_why = b->why;
			set->bits[w] &= ~away.bits[w];
		}
	}
}

const struct duty_set *duties_alone(const struct api *api, const struct api_who *who,
				    enum privilege privilege)
{
	const struct rights_rows *rows = api->rights.rows;

	for (size_t i = 0; rows && i < rows->barred_count; i++) {
		const struct rights_barred *b = &rows->barred[i];

		if (!b->alone || !rf_equal(b->subject, who->subject))
			continue;
		const struct privilege_set given = taken(rows, b);

		if (privilege_in(&given, privilege))
			return b->set;
	}
	return NULL;
}

static const struct rbac_role *role_find(const struct rights_rows *rows, const char *name)
{
	for (uint32_t i = 0; rows && i < rows->rows.roles_count; i++)
		if (rf_equal(rows->roles[i].name, name))
			return &rows->roles[i];
	return NULL;
}

int duties_check(const struct rights_rows *before, const struct rights_rows *after,
		 struct rf_err *err)
{
	int rc = duty_table_check(&after->duties, err);

	for (uint32_t i = 0; i < after->rows.roles_count && !rc; i++) {
		const struct rbac_role *role = &after->roles[i];
		const struct rbac_role *was = role_find(before, role->name);

		/* One that was so already is no reason to refuse what would mend another. */
		if (was && duty_role_check(&before->duties, was->name, &was->privileges, NULL))
			continue;
		rc = duty_role_check(&after->duties, role->name, &role->privileges, err);
	}
	return rc;
}

static bool known(const struct rights_rows *rows, const struct rights_barred *wanted)
{
	for (size_t i = 0; rows && i < rows->barred_count; i++) {
		const struct rights_barred *b = &rows->barred[i];

		if (rf_equal(b->subject, wanted->subject) &&
		    rf_equal(b->set ? b->set->id : "", wanted->set ? wanted->set->id : ""))
			return true;
	}
	return false;
}

int duties_try(const struct rights_rows *before, const struct rights_rows *after,
	       struct rf_err *err)
{
	for (size_t i = 0; i < after->barred_count; i++)
		if (!after->barred[i].alone && !known(before, &after->barred[i]))
			return rf_fail(err, RF_E_DENIED, "%s", after->barred[i].why);
	return 0;
}
