/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collector accounts: /etc/passwd joined with what is safe to know of /etc/shadow, and the members
 * of groups. Only the host's own files: accounts of a directory (SSSD, NIS) are not asked for.
 * The seam has taken the hashes away; what comes here is a scheme's prefix and '*'.
 * Sources: passwd(5), shadow(5), group(5), crypt(5), login.defs(5).
 */
#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/collect.h"
#include "collect/util.h"

#define PASSWD "/etc/passwd"
#define GROUP  "/etc/group"
#define SHADOW "/etc/shadow"

/* shadow(5): what a line says besides the hash. */
struct shadow_line {
	char *password;
	struct fact_int changed, min, max, inactive, expire;
};

struct shadow {
	struct rf_map lines; /* name to struct shadow_line */
	bool known;	     /* false when the file is there and could not be read */
};

static void shadow_done(struct shadow *shadow)
{
	for (size_t i = 0; i < shadow->lines.capacity; i++) {
		struct shadow_line *line = shadow->lines.slots[i].value;

		if (!shadow->lines.slots[i].key)
			continue;
		rf_free(line->password);
		rf_free(line);
	}
	rf_map_done(&shadow->lines);
}

/* An empty field means "no such rule" (shadow(5)), which the table writes as otherwise. */
static struct fact_int shadow_number(const char *field, int64_t otherwise)
{
	int64_t n;

	if (*field == '\0')
		return FACT_INT(otherwise);
	if (rf_num(field, 10, -1, INT32_MAX, &n) < 0)
		return (struct fact_int){0};
	return FACT_INT(n);
}

static int shadow_add(struct shadow *shadow, char **f)
{
	if (rf_map_has(&shadow->lines, f[0]))
		return 0; /* getspnam takes the first line of a name */
	struct shadow_line *line = rf_alloc(1, sizeof(*line));

	if (!line)
		return -ENOMEM;
	*line = (struct shadow_line){
		.password = rf_strdup(f[1]),
		.min = shadow_number(f[3], 0),
		.max = shadow_number(f[4], -1),
		.inactive = shadow_number(f[6], -1),
		.expire = shadow_number(f[7], -1),
	};
	if (*f[2])
		line->changed = shadow_number(f[2], 0);
	int rc = line->password ? rf_map_set(&shadow->lines, f[0], line) : -ENOMEM;

	if (rc < 0) {
		rf_free(line->password);
		rf_free(line);
	}
	return rc;
}

static const char *const shadow_columns[] = {"password", "hash_scheme",	  "changed_day", "min_days",
					     "max_days", "inactive_days", "expire_day"};

static void shadow_gaps(struct fact_sink *out, int rc)
{
	for (size_t i = 0; i < RF_COUNT(shadow_columns); i++) {
		if (rc == -EACCES || rc == -EPERM)
			fact_gap(out, FACT_T_ACCOUNT, "", shadow_columns[i], SHADOW,
				 SHADOW " cannot be read: run as root");
		else
			fact_gap(out, FACT_T_ACCOUNT, "", shadow_columns[i], SHADOW,
				 SHADOW " cannot be read: %s", rf_code_text(rc));
	}
}

static int shadow_read(struct sys *sys, struct fact_sink *out, struct shadow *shadow)
{
	RF_AUTOBUF struct rf_buf text = {0};
	int rc = sys_read(sys, SHADOW, RF_MAX_FILE_BYTES, &text, NULL);

	shadow->known = rc == 0 || rc == -ENOENT;
	if (!shadow->known)
		shadow_gaps(out, rc);
	if (rc < 0 || text.len == 0)
		return 0;
	char *cursor = (char *)text.data, *line, *f[9];
	unsigned int number = 0;

	while ((line = rf_line_next(&cursor))) {
		number++;
		if (*line == '\0' || *line == '+' || *line == '-')
			continue;
		if (util_split(line, ':', f, RF_COUNT(f)) != RF_COUNT(f)) {
			fact_gap(out, FACT_T_ACCOUNT, f[0], "password", SHADOW,
				 SHADOW " line %u does not have nine fields: repair it (pwck)",
				 number);
			continue;
		}
		rc = shadow_add(shadow, f);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* crypt(5): the prefix says the scheme. */
static const struct {
	const char *prefix;
	const char *scheme;
} schemes[] = {
	{"$y$", "yescrypt"},	 {"$gy$", "gost-yescrypt"}, {"$7$", "scrypt"}, {"$6$", "sha512"},
	{"$5$", "sha256"},	 {"$2", "bcrypt"},	    {"$1$", "md5"},    {"$md5", "sunmd5"},
	{"$sha1", "sha1"},	 {"$3$", "nthash"},	    {"_", "bsdi-des"}, {"$", "unknown"},
	{"(secret)", "unknown"},
};

/* field is what the second field of passwd or shadow holds, scrubbed. */
static const char *scheme_of(const char *field)
{
	field += strspn(field, "!");
	if (*field == '\0' || *field == '*' || strcmp(field, "x") == 0)
		return "";
	for (size_t i = 0; i < RF_COUNT(schemes); i++) {
		if (rf_starts(field, schemes[i].prefix))
			return schemes[i].scheme;
	}
	return "des";
}

static const char *state_of(const char *field)
{
	if (*field == '\0')
		return "empty";
	if (*field == '!' || *field == '*')
		return "locked";
	return "set";
}

static void fill_password(struct fact_sink *out, struct fact_account *row,
			  const struct util_user *user, const struct shadow *shadow)
{
	/* pam_unix asks the shadow file only when the field says so. */
	if (strcmp(user->password, "x") != 0) {
		row->password = state_of(user->password);
		row->hash_scheme = scheme_of(user->password);
	}
	const struct shadow_line *line = rf_map_get(&shadow->lines, user->name);

	if (!line) {
		if (!shadow->known)
			return;
		if (!row->password) {
			row->password = "none";
			row->hash_scheme = "";
		}
		row->min_days = FACT_INT(0);
		row->max_days = row->inactive_days = row->expire_day = FACT_INT(-1);
		fact_gap(out, FACT_T_ACCOUNT, user->name, "changed_day", SHADOW,
			 SHADOW " has no line for %s", user->name);
		return;
	}
	if (!row->password) {
		row->password = state_of(line->password);
		row->hash_scheme = scheme_of(line->password);
	}
	row->changed_day = line->changed;
	row->min_days = line->min;
	row->max_days = line->max;
	row->inactive_days = line->inactive;
	row->expire_day = line->expire;
	if (!line->changed.known)
		fact_gap(out, FACT_T_ACCOUNT, user->name, "changed_day", SHADOW,
			 SHADOW " does not say when the password of %s was last changed",
			 user->name);
}

/* A home directory: its mode, and the files in it that give others a way in. */
static void fill_home(struct sys *sys, struct fact_sink *out, struct fact_account *row)
{
	struct sys_stat st;
	const struct {
		const char *name, *column;
		struct fact_int *field;
	} files[] = {
		{".rhosts", "rhosts", &row->rhosts},
		{".shosts", "rhosts", &row->rhosts},
		{".netrc", "netrc", &row->netrc},
		{".forward", "forward", &row->forward},
	};
	int rc = row->home[0] == '/' ? sys_stat_follow(sys, row->home, &st) : -ENOENT;

	if (rc == 0)
		row->home_mode = FACT_INT(st.mode & 07777);
	else if (rc == -ENOENT || rc == -ENOTDIR)
		row->home_mode = FACT_INT(0);
	else
		fact_gap(out, FACT_T_ACCOUNT, row->name, "home_mode", row->home,
			 "%s cannot be looked at: %s", row->home, rf_code_text(rc));
	for (size_t i = 0; i < RF_COUNT(files); i++) {
		char path[RF_MAX_PATH_BYTES];
		bool fits = rf_format(path, sizeof(path), "%s/%s", row->home, files[i].name);
		int file_rc = -ENOENT;

		if (row->home[0] == '/' && fits)
			file_rc = sys_stat(sys, path, &st);
		if (file_rc == 0)
			*files[i].field = FACT_BOOL(1);
		else if (file_rc == -ENOENT || file_rc == -ENOTDIR)
			*files[i].field = FACT_BOOL(files[i].field->v);
		else
			fact_gap(out, FACT_T_ACCOUNT, row->name, files[i].column, path,
				 "%s cannot be looked for: %s", path, rf_code_text(file_rc));
	}
}

static bool shell_allows_login(const char *shell)
{
	static const char *const closed[] = {"nologin", "false", "sync", "halt", "shutdown"};
	const char *slash = strrchr(shell, '/');
	const char *name = slash ? slash + 1 : shell;

	for (size_t i = 0; i < RF_COUNT(closed); i++) {
		if (strcmp(name, closed[i]) == 0)
			return false;
	}
	return true; /* an empty field is /bin/sh (passwd(5)) */
}

static void uid_min_take(void *ctx, const struct util_setting *s)
{
	int64_t n;

	if (strcmp(s->key, "UID_MIN") == 0 && rf_num(s->value, 0, 0, UINT32_MAX, &n) == 0)
		*(int64_t *)ctx = n;
}

/* UID_MIN of login.defs; 1000 is the default of useradd. */
static int64_t uid_min(struct sys *sys)
{
	RF_AUTOBUF struct rf_buf text = {0};
	int64_t min = 1000;

	if (sys_read(sys, "/etc/login.defs", RF_MAX_FILE_BYTES, &text, NULL) == 0 && text.len)
		util_settings_walk((char *)text.data, "/etc/login.defs", "#", false, uid_min_take,
				   &min);
	return min;
}

static void put_account(struct sys *sys, struct fact_sink *out, const struct util_user *user,
			const struct shadow *shadow, int64_t first_uid)
{
	char where[UTIL_WHERE_BYTES];
	struct fact_account row = {
		.name = user->name,
		.home = user->home,
		.shell = user->shell,
		.can_login = FACT_BOOL(shell_allows_login(user->shell)),
		.source = util_where(where, PASSWD, user->line),
	};

	if (user->uid >= 0) {
		row.uid = FACT_INT(user->uid);
		row.is_system = FACT_BOOL(user->uid != 0 && user->uid < first_uid);
	} else {
		fact_gap(out, FACT_T_ACCOUNT, user->name, "uid", row.source,
			 "%s: the uid is not a number", row.source);
	}
	if (user->gid >= 0)
		row.gid = FACT_INT(user->gid);
	else
		fact_gap(out, FACT_T_ACCOUNT, user->name, "gid", row.source,
			 "%s: the gid is not a number", row.source);
	fill_password(out, &row, user, shadow);
	fill_home(sys, out, &row);
	fact_put_account(out, &row);
}

/* Writes a membership once, whichever of the two files names it first. */
static void put_member(struct fact_sink *out, struct rf_map *seen, const char *group,
		       const char *member, const char *path, unsigned int line)
{
	char where[UTIL_WHERE_BYTES];
	/* Neither name can hold a colon, so that the joined text is unique. */
	RF_AUTOFREE char *key = rf_asprintf("%s:%s", group, member);

	if (!key || rf_map_has(seen, key) || rf_map_set(seen, key, seen) < 0)
		return;
	fact_put_group_member(out,
			      &(struct fact_group_member){.grp = group,
							  .member = member,
							  .source = util_where(where, path, line)});
}

static void put_members(struct fact_sink *out, const struct util_users *users)
{
	RF_AUTOMAP struct rf_map seen = {0};

	for (size_t i = 0; i < users->groups_count; i++) {
		const struct util_group *group = &users->groups[i];
		char *cursor = group->members;

		while (cursor) {
			char *member = cursor, *comma = strchr(cursor, ',');

			if (comma)
				*comma = '\0';
			cursor = comma ? comma + 1 : NULL;
			member = rf_trim(member);
			if (*member)
				put_member(out, &seen, group->name, member, GROUP, group->line);
		}
	}
	for (size_t i = 0; i < users->users_count; i++) {
		const struct util_user *user = &users->users[i];
		char number[24];

		if (user->gid >= 0)
			put_member(out, &seen,
				   util_group_name(users, user->gid, number, sizeof(number)),
				   user->name, PASSWD, user->line);
	}
}

static void put_doubts(struct fact_sink *out, const struct util_users *users)
{
	if (users->has_nis)
		fact_gap(out, FACT_T_ACCOUNT, "+", "", PASSWD,
			 "a line that begins with + or - brings in accounts of NIS, which are not "
			 "listed: remove the line (nsswitch.conf names directories today)");
	if (users->broken_count)
		fact_gap(out, FACT_T_ACCOUNT, "", "", users->broken_path,
			 "%zu lines of passwd or group are not understood, the first is %s:%u: "
			 "repair them (pwck, grpck)",
			 users->broken_count, users->broken_path, users->broken_line);
}

int collect_accounts(struct sys *sys, const struct collect_request *req, struct fact_sink *out,
		     struct rf_err *err)
{
	UTIL_AUTOUSERS struct util_users users = {0};
	struct shadow shadow = {0};
	int rc = util_users_read(sys, &users, err);

	(void)req;
	if (rc < 0)
		return rc;
	rc = shadow_read(sys, out, &shadow);
	if (rc == 0) {
		int64_t first_uid = uid_min(sys);

		for (size_t i = 0; i < users.users_count; i++)
			put_account(sys, out, &users.users[i], &shadow, first_uid);
		put_members(out, &users);
		put_doubts(out, &users);
	}
	shadow_done(&shadow);
	return rc < 0 ? rf_fail(err, rc, "accounts: no memory") : fact_sink_check(out, err);
}
