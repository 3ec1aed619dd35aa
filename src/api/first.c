/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first start: the roles that there are from then on, and the code with which the first person
 * signs in. A first role that nobody has changed follows the program when it changes.
 */
#include <errno.h>
#include <openssl/rand.h>
#include <string.h>

#include "api/api.h"
#include "api/core.h"
#include "base/mem.h"
#include "base/str.h"
#include "govern/duty_role.h"
#include "store/access.h"

#define CODE_MS	      ((int64_t)24 * 3600000)
#define ADMINISTRATOR "administrator"
#define OPERATOR      "operator"

/* The duties that the first administrator has not, for they would exclude what they have
 * (govern/duty.h). Whoever is alone needs no second person; whoever is not has one. */
static const char *const not_administrator[] = {"approver", "remediator", "policy publisher",
						"storage admin", "operator"};

/* Who sets up is in both groups: while they are the only one, they operate, too. */
static const struct {
	const char *group, *role;
} first_groups[] = {{"administrators", ADMINISTRATOR}, {"operators", OPERATOR}};

/* The roles that there are from the first start on; a site changes them as it likes. */
static const struct {
	const char *role, *title;
	enum privilege privileges[16];
	size_t count;
} first_roles[] = {
#define P(x) PRIVILEGE_##x
	{"no-access", "sees nothing", {0}, 0},
	{"viewer", "reads", {P(OBJECT_VIEW), P(OBJECT_READ), P(EVENT_READ), P(REPORT_MAKE)}, 4},
	{"auditor",
	 "reads all, and the ledger",
	 {P(OBJECT_VIEW), P(OBJECT_READ), P(EVENT_READ), P(LEDGER_READ), P(REPORT_MAKE),
	  P(FACT_QUERY), P(EVIDENCE_READ)},
	 7},
	{OPERATOR,
	 "checks, attests, plans and shuts VMs in",
	 {P(OBJECT_VIEW), P(OBJECT_READ), P(EVENT_READ), P(HOST_CHECK), P(HOST_ATTEST),
	  P(ISOLATE_PLAN), P(ISOLATE_APPLY), P(QUARANTINE_SET), P(QUARANTINE_RELEASE),
	  P(APPROVAL_REQUEST), P(WAIVER_REQUEST), P(DOMAIN_MIGRATE)},
	 12},
	{"remediator",
	 "mends what checks found",
	 {P(OBJECT_VIEW), P(OBJECT_READ), P(EVENT_READ), P(HOST_FIX), P(APPROVAL_REQUEST)},
	 5},
	{"approver",
	 "is the second person",
	 {P(OBJECT_VIEW), P(OBJECT_READ), P(EVENT_READ), P(APPROVAL_GIVE), P(WAIVER_APPROVE)},
	 5},
	{"enroller",
	 "invites and approves hosts",
	 {P(OBJECT_VIEW), P(OBJECT_READ), P(EVENT_READ), P(OBJECT_EDIT), P(HOST_INVITE),
	  P(HOST_APPROVE), P(HOST_RETIRE), P(APPROVAL_REQUEST)},
	 8},
#undef P
};

struct first {
	int64_t now_ms;
	uint8_t sha256[STORE_SHA256_BYTES];
	char token[STORE_ID_BYTES];
};

/* What is a duty that the administrator has not. */
static bool is_left_out(enum privilege privilege)
{
	static const struct duty_table ours;
	const struct duty_row *row;

	for (size_t i = 0; (row = duty_row_at(&ours, i)); i++)
		for (size_t k = 0; k < RF_COUNT(not_administrator); k++)
			if (row->privilege == privilege &&
			    rf_equal(row->duty, not_administrator[k]))
				return true;
	return false;
}

static struct privilege_set wanted_of(size_t row)
{
	struct privilege_set set = {0};

	for (size_t i = 0; row < RF_COUNT(first_roles) && i < first_roles[row].count; i++)
		privilege_add(&set, first_roles[row].privileges[i]);
	for (unsigned p = 0; row == RF_COUNT(first_roles) && p < PRIVILEGE_COUNT; p++)
		if (!is_left_out(p))
			privilege_add(&set, p);
	return set;
}

/* row: of first_roles; the one behind them is the administrator. */
static int role_put(struct store *store, size_t row, int64_t now_ms, struct rf_err *err)
{
	const char *names[PRIVILEGE_COUNT];
	const bool all = row == RF_COUNT(first_roles);
	const struct privilege_set set = wanted_of(row);
	struct store_role role = {.role = all ? ADMINISTRATOR : first_roles[row].role,
				  .title = all ? "decides on rights, hosts and the manager"
					       : first_roles[row].title,
				  .privileges = names,
				  .changed_by = API_SETUP,
				  .changed_ms = now_ms};

	for (unsigned p = 0; p < PRIVILEGE_COUNT; p++)
		if (privilege_in(&set, p))
			names[role.privileges_count++] = privilege_name(p);
	return store_role_put(store, &role, err);
}

static int roles_put(struct store *store, const struct first *first, struct rf_err *err)
{
	int rc = 0;

	for (size_t row = 0; row <= RF_COUNT(first_roles) && !rc; row++)
		rc = role_put(store, row, first->now_ms, err);
	return rc;
}

/* First roles as a store has them. */
struct following {
	struct privilege_set has[RF_COUNT(first_roles) + 1];
	bool ours[RF_COUNT(first_roles) + 1]; /* nobody changed it */
	int64_t now_ms;
};

static size_t row_of(const char *role)
{
	size_t row = 0;

	while (row < RF_COUNT(first_roles) && !rf_equal(first_roles[row].role, role))
		row++;
	return row < RF_COUNT(first_roles) || rf_equal(role, ADMINISTRATOR) ? row : SIZE_MAX;
}

static int follow_begin(void *arg, int64_t generation)
{
	struct following *f = arg;

	(void)generation;
	memset(f->has, 0, sizeof(f->has));
	memset(f->ours, 0, sizeof(f->ours));
	return 0;
}

static int follow_role(void *arg, const struct store_role *role)
{
	struct following *f = arg;
	size_t row = row_of(role->role);

	if (row != SIZE_MAX)
		f->ours[row] = rf_equal(role->changed_by, API_SETUP);
	return 0;
}

static int follow_privilege(void *arg, const char *role, const char *name)
{
	struct following *f = arg;
	size_t row = row_of(role);
	enum privilege privilege;

	if (row != SIZE_MAX && privilege_find(name, &privilege))
		privilege_add(&f->has[row], privilege);
	return 0;
}

static int roles_follow(struct store *store, void *arg, struct rf_err *err)
{
	static const struct store_access_reader reader = {
		.begin = follow_begin, .role = follow_role, .privilege = follow_privilege};
	struct following *f = arg;
	int rc = store_access_read(store, &reader, f, err);

	for (size_t row = 0; row <= RF_COUNT(first_roles) && !rc; row++) {
		const struct privilege_set wanted = wanted_of(row);

		if (f->ours[row] && memcmp(&wanted, &f->has[row], sizeof(wanted)) != 0)
			rc = role_put(store, row, f->now_ms, err);
	}
	return rc;
}

int api_first_roles(struct store *store, int64_t now_ms, struct rf_err *err)
{
	struct following following = {.now_ms = now_ms};

	return store_transaction(store, roles_follow, &following, err);
}

/* A group of the first start with its role, and the first user in it. */
static int group_put(struct store *store, size_t row, int64_t now_ms, struct rf_err *err)
{
	const struct store_principal group = {first_groups[row].group, true, false};
	const struct store_permission permission = {.object = "",
						    .principal = group.principal,
						    .is_group = true,
						    .role = first_groups[row].role,
						    .propagate = true,
						    .granted_by = API_SETUP,
						    .granted_ms = now_ms};
	const struct store_member member = {API_SETUP, false, group.principal, API_SETUP, now_ms};
	int rc = store_principal_put(store, &group, err);

	if (!rc)
		rc = store_permission_put(store, &permission, err);
	return rc ? rc : store_member_put(store, &member, err);
}

static int first_begin(struct store *store, void *arg, struct rf_err *err)
{
	const struct first *first = arg;
	const struct store_account account = {.account = API_SETUP,
					      .subject = API_SETUP,
					      .source = "local",
					      .name = "first sign-in",
					      .created_ms = first->now_ms};
	const struct store_principal principal = {API_SETUP, false, false};
	const struct store_token token = {.token = first->token,
					  .sha256 = {first->sha256, sizeof(first->sha256)},
					  .account = API_SETUP,
					  .name = "first code",
					  .scope = "{}",
					  .one_use = true,
					  .created_ms = first->now_ms,
					  .expires_ms = first->now_ms + CODE_MS};
	int64_t generation = 0;
	int rc = store_access_generation(store, &generation, err);

	if (!rc && !generation)
		rc = roles_put(store, first, err);
	if (!rc)
		rc = store_account_put(store, &account, err);
	if (!rc)
		rc = store_principal_put(store, &principal, err);
	for (size_t row = 0; row < RF_COUNT(first_groups) && !rc && !generation; row++)
		rc = group_put(store, row, first->now_ms, err);
	return rc ? rc : store_token_add(store, &token, err);
}

/* Whoever administers is somebody else than setup: by a permission, or in our group of them. */
static int take_administrator(void *arg, const struct store_permission *permission)
{
	bool *other = arg;

	if (!permission->object[0] && rf_equal(permission->role, ADMINISTRATOR) &&
	    !rf_equal(permission->principal,
		      permission->is_group ? first_groups[0].group : API_SETUP))
		*other = true;
	return 0;
}

static int take_administrators(void *arg, const struct store_member *member)
{
	bool *other = arg;

	if (rf_equal(member->in_group, first_groups[0].group) &&
	    !rf_equal(member->principal, API_SETUP))
		*other = true;
	return 0;
}

static int take_old_code(void *arg, const struct store_token *token)
{
	return token->one_use && !token->used_ms && !token->revoked_ms
		       ? rf_buf_printf(arg, "%s\n", token->token)
		       : 0;
}

static int old_codes_end(struct store *store, int64_t now_ms, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf ids = {0};
	int rc = store_token_each(store, API_SETUP, take_old_code, &ids, err);
	char *cursor = ids.len ? (char *)ids.data : NULL;

	for (const char *id; !rc && cursor && (id = rf_line_next(&cursor));)
		if (*id)
			rc = store_token_revoke(store, id, now_ms, err);
	return rc == RF_E_UNKNOWN ? 0 : rc;
}

/* 20 letters in groups of five: 100 bits, and none that looks like another. */
static int code_make(char out[API_CODE_BYTES], struct rf_err *err)
{
	static const char letters[] = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
	uint8_t random[20];
	size_t at = 0;

	if (RAND_bytes(random, sizeof(random)) != 1)
		return rf_fail(err, RF_E_CRYPTO, "no random numbers");
	for (size_t i = 0; i < sizeof(random); i++) {
		if (i && i % 5 == 0)
			out[at++] = '-';
		out[at++] = letters[random[i] % 32];
	}
	out[at] = '\0';
	return 0;
}

int api_first_code(struct store *store, int64_t now_ms, char out[API_CODE_BYTES],
		   struct rf_err *err)
{
	static const struct store_access_reader reader = {.member = take_administrators,
							  .permission = take_administrator};
	struct first first = {.now_ms = now_ms};
	bool other = false;

	out[0] = '\0';
	int rc = store_access_read(store, &reader, &other, err);

	if (rc || other)
		return rc;
	rc = code_make(out, err);
	if (!rc)
		rc = secret_digest(rf_slice_text(out), first.sha256, err);
	if (!rc)
		rc = id_make("code-", first.token, err);
	if (!rc)
		rc = old_codes_end(store, now_ms, err);
	if (!rc)
		rc = store_transaction(store, first_begin, &first, err);
	if (rc)
		out[0] = '\0';
	return rc;
}
