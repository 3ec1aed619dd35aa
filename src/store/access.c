/* SPDX-License-Identifier: Apache-2.0 */
/* Inventory, roles, principals and permissions, and their generation; see access.h. */
#include "store/access.h"

#include <errno.h>

#include "base/mem.h"
#include "base/str.h"
#include "store/acts.h"

#define GENERATION "access"

/* Snapshots are old from this commit on. */
int store_access_changed(struct store *store, struct rf_err *err)
{
	int64_t generation = 0;

	return store_counter_next(store, GENERATION, &generation, err);
}

int store_access_generation(struct store *store, int64_t *out, struct rf_err *err)
{
	return store_counter_get(store, GENERATION, out, err);
}

/* Objects ------------------------------------------------------------------------------------ */

static int parent_put(struct store *store, const struct store_object *o, int place, bool *out_hit,
		      struct rf_err *err)
{
	if (!o->parents[place])
		return store_run_hit(store, STORE_S_PARENT_DROP,
				     STORE_PARAMS(store_text(o->object), store_int(place)), out_hit,
				     err);
	return store_run_hit(store, STORE_S_PARENT_PUT,
			     STORE_PARAMS(store_text(o->object), store_int(place),
					  store_text(o->parents[place])),
			     out_hit, err);
}

static int object_put(struct store *store, void *arg, struct rf_err *err)
{
	const struct store_object *o = arg;
	bool changed = false, hit = false;
	int rc = store_run_hit(store, STORE_S_OBJECT_PUT,
			       STORE_PARAMS(store_text(o->object), store_text(o->kind),
					    store_text(o->name),
					    store_text(o->labels ? o->labels : "{}")),
			       &changed, err);

	for (int i = 0; !rc && i < STORE_PARENTS; i++) {
		rc = parent_put(store, o, i, &hit, err);
		changed |= hit;
	}
	return rc || !changed ? rc : store_access_changed(store, err);
}

int store_object_put(struct store *store, const struct store_object *object, struct rf_err *err)
{
	struct store_object copy = *object;

	return store_transaction(store, object_put, &copy, err);
}

static int object_drop(struct store *store, void *arg, struct rf_err *err)
{
	struct store_object o = {.object = arg};
	bool hit = false;
	int rc = store_run(store, STORE_S_PERMISSIONS_DROP, STORE_PARAMS(store_text(o.object)),
			   STORE_NO_ROWS, err);

	for (int i = 0; !rc && i < STORE_PARENTS; i++)
		rc = parent_put(store, &o, i, &hit, err);
	if (!rc)
		rc = store_run_hit(store, STORE_S_OBJECT_DROP, STORE_PARAMS(store_text(o.object)),
				   &hit, err);
	if (!rc && !hit)
		rc = rf_fail(err, RF_E_UNKNOWN, "there is no object %s", o.object);
	return rc ? rc : store_access_changed(store, err);
}

int store_object_drop(struct store *store, const char *object, struct rf_err *err)
{
	return store_transaction(store, object_drop, (void *)(uintptr_t)object, err);
}

struct object_rows {
	int (*take)(void *arg, const struct store_object *object);
	void *arg;
};

static int take_object(void *arg, const struct store_value *row)
{
	struct object_rows *rows = arg;
	struct store_object object = {
		.object = store_value_text(&row[0]),
		.kind = store_value_text(&row[1]),
		.name = store_value_text(&row[2]),
		.labels = store_value_text(&row[3]),
		.parents = {store_value_text(&row[4]), store_value_text(&row[5])},
	};

	return rows->take(rows->arg, &object);
}

int store_object_each(struct store *store, const char *after, int64_t limit,
		      int (*take)(void *arg, const struct store_object *object), void *arg,
		      struct rf_err *err)
{
	struct object_rows rows = {take, arg};

	return store_run(store, STORE_S_OBJECT_EACH,
			 STORE_PARAMS(store_text(after), store_int(limit)),
			 (struct store_rows){take_object, &rows}, err);
}

/* Roles -------------------------------------------------------------------------------------- */

static int role_put(struct store *store, void *arg, struct rf_err *err)
{
	const struct store_role *r = arg;
	int rc = store_run(store, STORE_S_ROLE_PUT,
			   STORE_PARAMS(store_text(r->role), store_text(r->title),
					store_text(r->changed_by), store_int(r->changed_ms)),
			   STORE_NO_ROWS, err);

	if (!rc)
		rc = store_run(store, STORE_S_PRIVILEGES_DROP, STORE_PARAMS(store_text(r->role)),
			       STORE_NO_ROWS, err);
	for (size_t i = 0; !rc && i < r->privileges_count; i++)
		rc = store_run(store, STORE_S_PRIVILEGE_ADD,
			       STORE_PARAMS(store_text(r->role), store_text(r->privileges[i])),
			       STORE_NO_ROWS, err);
	return rc ? rc : store_access_changed(store, err);
}

int store_role_put(struct store *store, const struct store_role *role, struct rf_err *err)
{
	struct store_role copy = *role;

	return store_transaction(store, role_put, &copy, err);
}

static int role_drop(struct store *store, void *arg, struct rf_err *err)
{
	const char *role = arg;
	bool hit = false;
	int rc = store_run(store, STORE_S_PRIVILEGES_DROP, STORE_PARAMS(store_text(role)),
			   STORE_NO_ROWS, err);

	if (!rc)
		rc = store_run_hit(store, STORE_S_ROLE_DROP, STORE_PARAMS(store_text(role)), &hit,
				   err);
	if (!rc && !hit)
		rc = rf_fail(err, RF_E_UNKNOWN, "there is no role %s", role);
	return rc ? rc : store_access_changed(store, err);
}

int store_role_drop(struct store *store, const char *role, struct rf_err *err)
{
	return store_transaction(store, role_drop, (void *)(uintptr_t)role, err);
}

/* Principals and permissions ----------------------------------------------------------------- */

static int principal_put(struct store *store, void *arg, struct rf_err *err)
{
	const struct store_principal *p = arg;
	bool hit = false;
	int rc = store_run_hit(
		store, STORE_S_PRINCIPAL_PUT,
		STORE_PARAMS(store_int(p->is_group), store_text(p->principal), store_int(p->gone)),
		&hit, err);

	return rc || !hit ? rc : store_access_changed(store, err);
}

int store_principal_put(struct store *store, const struct store_principal *principal,
			struct rf_err *err)
{
	struct store_principal copy = *principal;

	return store_transaction(store, principal_put, &copy, err);
}

static int member_put(struct store *store, void *arg, struct rf_err *err)
{
	const struct store_member *m = arg;
	bool hit = false;
	int rc = store_run_hit(store, STORE_S_MEMBER_PUT,
			       STORE_PARAMS(store_int(m->is_group), store_text(m->principal),
					    store_text(m->in_group), store_text(m->added_by),
					    store_int(m->added_ms)),
			       &hit, err);

	return rc || !hit ? rc : store_access_changed(store, err);
}

int store_member_put(struct store *store, const struct store_member *member, struct rf_err *err)
{
	struct store_member copy = *member;

	return store_transaction(store, member_put, &copy, err);
}

static int member_drop(struct store *store, void *arg, struct rf_err *err)
{
	const struct store_member *m = arg;
	bool hit = false;
	int rc = store_run_hit(store, STORE_S_MEMBER_DROP,
			       STORE_PARAMS(store_int(m->is_group), store_text(m->principal),
					    store_text(m->in_group)),
			       &hit, err);

	return rc || !hit ? rc : store_access_changed(store, err);
}

int store_member_drop(struct store *store, const struct store_member *member, struct rf_err *err)
{
	struct store_member copy = *member;

	return store_transaction(store, member_drop, &copy, err);
}

/* Locked until the end, so that nobody takes the object away under its new permission. */
static int object_there(struct store *store, const char *object, struct rf_err *err)
{
	bool hit = object[0] == '\0';
	int rc = hit ? 0
		     : store_run_hit(store, STORE_S_OBJECT_THERE, STORE_PARAMS(store_text(object)),
				     &hit, err);

	if (!rc && !hit)
		rc = rf_fail(err, RF_E_UNKNOWN, "there is no object %s", object);
	return rc;
}

static int permission_put(struct store *store, void *arg, struct rf_err *err)
{
	const struct store_permission *p = arg;
	int rc = object_there(store, p->object, err);

	if (!rc)
		rc = store_run(store, STORE_S_PERMISSION_PUT,
			       STORE_PARAMS(store_text(p->object), store_int(p->is_group),
					    store_text(p->principal), store_text(p->role),
					    store_int(p->propagate),
					    store_text(p->constraints ? p->constraints : "{}"),
					    store_text(p->granted_by), store_int(p->granted_ms)),
			       STORE_NO_ROWS, err);
	return rc ? rc : store_access_changed(store, err);
}

int store_permission_put(struct store *store, const struct store_permission *permission,
			 struct rf_err *err)
{
	struct store_permission copy = *permission;

	return store_transaction(store, permission_put, &copy, err);
}

static int permission_drop(struct store *store, void *arg, struct rf_err *err)
{
	const struct store_permission *p = arg;
	bool hit = false;
	int rc = store_run_hit(store, STORE_S_PERMISSION_DROP,
			       STORE_PARAMS(store_text(p->object), store_int(p->is_group),
					    store_text(p->principal)),
			       &hit, err);

	if (!rc && !hit)
		rc = rf_fail(err, RF_E_UNKNOWN, "%s has no permission of its own on %s",
			     p->principal, p->object[0] ? p->object : "everything");
	return rc ? rc : store_access_changed(store, err);
}

int store_permission_drop(struct store *store, const struct store_permission *permission,
			  struct rf_err *err)
{
	struct store_permission copy = *permission;

	return store_transaction(store, permission_drop, &copy, err);
}

static int duty_set_put(struct store *store, void *arg, struct rf_err *err)
{
	const struct store_duty_set *s = arg;
	int rc = store_run(store, STORE_S_DUTIES_PUT,
			   STORE_PARAMS(store_text(s->set), store_text(s->rule),
					store_text(s->changed_by), store_int(s->changed_ms)),
			   STORE_NO_ROWS, err);

	return rc ? rc : store_access_changed(store, err);
}

int store_duty_set_put(struct store *store, const struct store_duty_set *set, struct rf_err *err)
{
	struct store_duty_set copy = *set;

	return store_transaction(store, duty_set_put, &copy, err);
}

static int duty_set_drop(struct store *store, void *arg, struct rf_err *err)
{
	const char *set = arg;
	bool hit = false;
	int rc =
		store_run_hit(store, STORE_S_DUTIES_DROP, STORE_PARAMS(store_text(set)), &hit, err);

	if (!rc && !hit)
		rc = rf_fail(err, RF_E_UNKNOWN, "the site has no set of duties %s", set);
	return rc ? rc : store_access_changed(store, err);
}

int store_duty_set_drop(struct store *store, const char *set, struct rf_err *err)
{
	return store_transaction(store, duty_set_drop, (void *)(uintptr_t)set, err);
}

/* Reading the whole -------------------------------------------------------------------------- */

struct reading {
	const struct store_access_reader *to;
	void *arg;
};

static int take_each_object(void *arg, const struct store_value *row)
{
	struct reading *r = arg;

	return take_object(&(struct object_rows){r->to->object, r->arg}, row);
}

static int take_role(void *arg, const struct store_value *row)
{
	struct reading *r = arg;
	struct store_role role = {
		.role = store_value_text(&row[0]),
		.title = store_value_text(&row[1]),
		.changed_by = store_value_text(&row[2]),
		.changed_ms = row[3].number,
	};

	return r->to->role(r->arg, &role);
}

static int take_privilege(void *arg, const struct store_value *row)
{
	struct reading *r = arg;

	return r->to->privilege(r->arg, store_value_text(&row[0]), store_value_text(&row[1]));
}

static int take_principal(void *arg, const struct store_value *row)
{
	struct reading *r = arg;
	struct store_principal principal = {
		.is_group = row[0].number,
		.principal = store_value_text(&row[1]),
		.gone = row[2].number,
	};

	return r->to->principal(r->arg, &principal);
}

static int take_member(void *arg, const struct store_value *row)
{
	struct reading *r = arg;
	struct store_member member = {
		.is_group = row[0].number,
		.principal = store_value_text(&row[1]),
		.in_group = store_value_text(&row[2]),
		.added_by = store_value_text(&row[3]),
		.added_ms = row[4].number,
	};

	return r->to->member(r->arg, &member);
}

static int take_permission(void *arg, const struct store_value *row)
{
	struct reading *r = arg;
	struct store_permission permission = {
		.object = store_value_text(&row[0]),
		.is_group = row[1].number,
		.principal = store_value_text(&row[2]),
		.role = store_value_text(&row[3]),
		.propagate = row[4].number,
		.constraints = store_value_text(&row[5]),
		.granted_by = store_value_text(&row[6]),
		.granted_ms = row[7].number,
	};

	return r->to->permission(r->arg, &permission);
}

static int take_duty_set(void *arg, const struct store_value *row)
{
	struct reading *r = arg;
	struct store_duty_set set = {
		.set = store_value_text(&row[0]),
		.rule = store_value_text(&row[1]),
		.changed_by = store_value_text(&row[2]),
		.changed_ms = row[3].number,
	};

	return r->to->duty_set(r->arg, &set);
}

static int read_rows(struct store *store, struct reading *r, struct rf_err *err)
{
	const struct store_access_reader *to = r->to;
	const struct {
		bool wanted, is_objects;
		enum store_statement_id id;
		int (*take)(void *arg, const struct store_value *row);
	} kinds[] = {
		{to->object, true, STORE_S_OBJECT_EACH, take_each_object},
		{to->role, false, STORE_S_ROLE_EACH, take_role},
		{to->privilege, false, STORE_S_PRIVILEGE_EACH, take_privilege},
		{to->principal, false, STORE_S_PRINCIPAL_EACH, take_principal},
		{to->member, false, STORE_S_MEMBER_EACH, take_member},
		{to->permission, false, STORE_S_PERMISSION_EACH, take_permission},
		{to->duty_set, false, STORE_S_DUTIES_EACH, take_duty_set},
	};
	int rc = 0;

	for (size_t i = 0; !rc && i < RF_COUNT(kinds); i++) {
		struct store_params params =
			kinds[i].is_objects ? STORE_PARAMS(store_text(""), store_int(INT64_MAX))
					    : STORE_NO_PARAMS;

		if (kinds[i].wanted)
			rc = store_run(store, kinds[i].id, params,
				       (struct store_rows){kinds[i].take, r}, err);
	}
	return rc;
}

/* In PostgreSQL each statement sees what was committed before it: where the generation moved
 * meanwhile, what was read is of two. */
static int read_once(struct store *store, void *arg, struct rf_err *err)
{
	struct reading *r = arg;
	int64_t before = 0, after = 0;
	int rc = store_access_generation(store, &before, err);

	if (!rc && r->to->begin)
		rc = r->to->begin(r->arg, before);
	if (!rc)
		rc = read_rows(store, r, err);
	if (!rc)
		rc = store_access_generation(store, &after, err);
	if (!rc && before != after)
		rc = rf_fail(err, -EAGAIN, "permissions changed while they were read");
	return rc;
}

int store_access_read(struct store *store, const struct store_access_reader *reader, void *arg,
		      struct rf_err *err)
{
	struct reading r = {reader, arg};

	return store_transaction(store, read_once, &r, err);
}
