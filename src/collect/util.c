/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What several collectors share; see util.h. Sources: passwd(5), group(5), systemd's drop-in
 * order (logind.conf(5)), and the readers of libpwquality and pam_faillock.
 */
#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/util.h"

const char *util_where(char *out, const char *path, unsigned int line)
{
	if (!rf_format(out, UTIL_WHERE_BYTES, "%s:%u", path, line))
		rf_copy(out, UTIL_WHERE_BYTES, path);
	return out;
}

int util_clock_ms(struct sys *sys, int64_t *out_ms, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf answer = {0};
	int rc = sys_probe(sys, "clock", "", &answer, err);

	if (rc < 0)
		return rc;
	if (!answer.len || rf_num(rf_trim((char *)answer.data), 10, 0, INT64_MAX, out_ms) < 0)
		return rf_fail(err, RF_E_MISSING, "it is not recorded");
	return 0;
}

void util_gap(struct fact_sink *out, enum fact_table_id table, const char *key, const char *path,
	      int rc)
{
	if (rc == -EACCES || rc == -EPERM)
		fact_gap(out, table, key, "", path, "%s cannot be read: run as root", path);
	else
		fact_gap(out, table, key, "", path, "%s cannot be read: %s", path,
			 rf_code_text(rc));
}

/* Programs that read with fgets see nothing behind a NUL in a line, yet the next line again. */
static void blank_behind_nul(struct rf_buf *buf)
{
	uint8_t *end = buf->data + buf->len, *p = buf->data;

	while (p < end && (p = memchr(p, '\0', (size_t)(end - p)))) {
		while (p < end && *p != '\n')
			*p++ = ' ';
	}
}

int util_read(struct sys *sys, struct fact_sink *out, enum fact_table_id table, const char *key,
	      const char *path, size_t max_bytes, struct rf_buf *buf)
{
	rf_buf_reset(buf);
	int rc = sys_read(sys, path, max_bytes, buf, NULL);

	if (rc == 0 && buf->failed)
		rc = -ENOMEM;
	if (rc == 0) {
		if (buf->len)
			blank_behind_nul(buf);
		return 1;
	}
	if (rc == -ENOENT || rc == -ENOTDIR)
		return 0;
	util_gap(out, table, key, path, rc);
	return rc;
}

/* Ends line at the first comment character. */
static void cut_comment(char *line, const char *comments)
{
	line[strcspn(line, comments)] = '\0';
}

static char *unquote(char *value)
{
	size_t n = strlen(value);

	if (n >= 2 && (value[0] == '"' || value[0] == '\'') && value[n - 1] == value[0]) {
		value[n - 1] = '\0';
		value++;
	}
	return value;
}

/* Splits `key = value` or `key value` in place. */
static void setting_split(char *line, struct util_setting *s)
{
	char *p = line + strcspn(line, " \t=");
	bool equals = *p == '=';

	s->key = line;
	s->value = "";
	s->has_equals = equals;
	if (*p == '\0')
		return;
	*p++ = '\0';
	p += strspn(p, " \t");
	if (!equals && *p == '=') {
		s->has_equals = true;
		p++;
	}
	s->value = unquote(rf_trim(p));
}

void util_settings_walk(char *text, const char *path, const char *comments, bool inline_comments,
			void (*each)(void *ctx, const struct util_setting *s), void *ctx)
{
	struct util_setting s = {.path = path, .section = ""};
	char *cursor = text, *line;

	while ((line = rf_line_next(&cursor))) {
		s.line++;
		if (inline_comments)
			cut_comment(line, comments);
		line = rf_trim(line);
		if (*line == '\0' || strchr(comments, *line))
			continue;
		size_t n = strlen(line);

		if (line[0] == '[' && line[n - 1] == ']') {
			line[n - 1] = '\0';
			s.section = rf_trim(line + 1);
			continue;
		}
		setting_split(line, &s);
		each(ctx, &s);
	}
}

int util_paths_add(struct util_paths *list, const char *path)
{
	void *paths = list->paths;
	int rc = rf_grow(&paths, &list->capacity, list->count + 1, sizeof(*list->paths));

	list->paths = paths;
	if (rc < 0)
		return rc;
	list->paths[list->count] = rf_strdup(path);
	if (!list->paths[list->count])
		return -ENOMEM;
	list->count++;
	return 0;
}

void util_paths_done(struct util_paths *list)
{
	for (size_t i = 0; i < list->count; i++)
		rf_free(list->paths[i]);
	rf_free(list->paths);
	*list = (struct util_paths){0};
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static int path_compare(const void *a, const void *b)
{
	return strcmp(base_name(*(char *const *)a), base_name(*(char *const *)b));
}

static int dropins_of_dir(struct sys *sys, const char *dir, const char *suffix, size_t first,
			  struct util_paths *list)
{
	SYS_AUTONAMES struct sys_names names = {0};
	int rc = sys_list(sys, dir, &names, NULL);
	size_t before = list->count;

	if (rc == -ENOENT || rc == -ENOTDIR)
		return 0;
	for (size_t i = 0; rc == 0 && i < names.count; i++) {
		char path[RF_MAX_PATH_BYTES];
		bool masked = false;

		if (names.names[i][0] == '.' || !rf_ends(names.names[i], suffix))
			continue;
		for (size_t k = first; k < before && !masked; k++)
			masked = strcmp(base_name(list->paths[k]), names.names[i]) == 0;
		if (masked || !rf_format(path, sizeof(path), "%s/%s", dir, names.names[i]))
			continue;
		rc = util_paths_add(list, path);
	}
	return rc;
}

int util_dropins(struct sys *sys, const char *const *dirs, size_t dirs_count, const char *suffix,
		 struct util_paths *list)
{
	size_t first = list->count;
	int failed = 0;

	for (size_t i = 0; i < dirs_count; i++) {
		int rc = dropins_of_dir(sys, dirs[i], suffix, first, list);

		if (rc < 0 && failed == 0)
			failed = rc;
	}
	if (list->count > first)
		qsort(list->paths + first, list->count - first, sizeof(*list->paths), path_compare);
	return failed;
}

size_t util_split(char *text, char separator, char **fields, size_t max)
{
	size_t n = 0;

	while (n < max) {
		fields[n++] = text;
		char *end = n < max ? strchr(text, separator) : NULL;

		if (!end)
			break;
		*end = '\0';
		text = end + 1;
	}
	return n;
}

static int64_t number_or(const char *text, int64_t otherwise)
{
	int64_t n;

	return rf_num(text, 10, 0, UINT32_MAX, &n) == 0 ? n : otherwise;
}

static void broken_line(struct util_users *users, const char *path, unsigned int line)
{
	if (users->broken_count++ == 0) {
		users->broken_path = path;
		users->broken_line = line;
	}
}

static int user_add(struct util_users *users, char **f, unsigned int line)
{
	void *array = users->users;
	int rc = rf_grow(&array, &users->users_capacity, users->users_count + 1,
			 sizeof(*users->users));

	users->users = array;
	if (rc < 0)
		return rc;
	struct util_user u = {.name = rf_strdup(f[0]),
			      .home = rf_strdup(f[5]),
			      .shell = rf_strdup(f[6]),
			      .password = rf_strdup(f[1]),
			      .uid = number_or(f[2], -1),
			      .gid = number_or(f[3], -1),
			      .line = line};

	users->users[users->users_count++] = u;
	return u.name && u.home && u.shell && u.password ? 0 : -ENOMEM;
}

static int group_add(struct util_users *users, char **f, unsigned int line)
{
	void *array = users->groups;
	int rc = rf_grow(&array, &users->groups_capacity, users->groups_count + 1,
			 sizeof(*users->groups));

	users->groups = array;
	if (rc < 0)
		return rc;
	struct util_group g = {.name = rf_strdup(f[0]),
			       .members = rf_strdup(f[3]),
			       .gid = number_or(f[2], -1),
			       .line = line};

	users->groups[users->groups_count++] = g;
	return g.name && g.members ? 0 : -ENOMEM;
}

static int parse_lines(struct util_users *users, char *text, const char *path, size_t fields_count,
		       int (*add)(struct util_users *, char **, unsigned int))
{
	char *cursor = text, *line, *f[7];
	unsigned int number = 0;

	while ((line = rf_line_next(&cursor))) {
		number++;
		if (*line == '\0' || *line == '#')
			continue;
		if (*line == '+' || *line == '-') {
			users->has_nis = true;
			continue;
		}
		if (util_split(line, ':', f, fields_count) != fields_count || *f[0] == '\0') {
			broken_line(users, path, number);
			continue;
		}
		int rc = add(users, f, number);

		if (rc < 0)
			return rc;
	}
	return 0;
}

int util_users_read(struct sys *sys, struct util_users *users, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf passwd = {0}, group = {0};
	int rc = sys_read(sys, "/etc/passwd", RF_MAX_FILE_BYTES, &passwd, err);

	if (rc < 0)
		return rc;
	rc = sys_read(sys, "/etc/group", RF_MAX_FILE_BYTES, &group, err);
	if (rc < 0 && rc != -ENOENT)
		return rc;
	rf_err_clear(err);
	if (passwd.len) {
		blank_behind_nul(&passwd);
		rc = parse_lines(users, (char *)passwd.data, "/etc/passwd", 7, user_add);
	}
	if (rc >= 0 && group.len) {
		blank_behind_nul(&group);
		rc = parse_lines(users, (char *)group.data, "/etc/group", 4, group_add);
	}
	return rc == -ENOMEM ? rf_fail(err, rc, "accounts: no memory") : 0;
}

void util_users_done(struct util_users *users)
{
	for (size_t i = 0; i < users->users_count; i++) {
		rf_free(users->users[i].name);
		rf_free(users->users[i].home);
		rf_free(users->users[i].shell);
		rf_free(users->users[i].password);
	}
	for (size_t i = 0; i < users->groups_count; i++) {
		rf_free(users->groups[i].name);
		rf_free(users->groups[i].members);
	}
	rf_free(users->users);
	rf_free(users->groups);
	*users = (struct util_users){0};
}

const struct util_user *util_user_find(const struct util_users *users, int64_t uid)
{
	for (size_t i = 0; i < users->users_count; i++) {
		if (users->users[i].uid == uid)
			return &users->users[i];
	}
	return NULL;
}

const struct util_user *util_user_named(const struct util_users *users, const char *name)
{
	for (size_t i = 0; i < users->users_count; i++) {
		if (strcmp(users->users[i].name, name) == 0)
			return &users->users[i];
	}
	return NULL;
}

const struct util_group *util_group_find(const struct util_users *users, int64_t gid)
{
	for (size_t i = 0; i < users->groups_count; i++) {
		if (users->groups[i].gid == gid)
			return &users->groups[i];
	}
	return NULL;
}

const char *util_user_name(const struct util_users *users, int64_t uid, char *out, size_t size)
{
	const struct util_user *user = util_user_find(users, uid);

	if (user)
		return user->name;
	rf_format(out, size, "%lld", (long long)uid);
	return out;
}

const char *util_group_name(const struct util_users *users, int64_t gid, char *out, size_t size)
{
	const struct util_group *group = util_group_find(users, gid);

	if (group)
		return group->name;
	rf_format(out, size, "%lld", (long long)gid);
	return out;
}

int util_digest(const struct rf_buf *bytes, size_t first, char *out)
{
	RF_AUTOBUF struct rf_buf hex = {0};
	uint8_t digest[EVP_MAX_MD_SIZE];

	if (bytes->failed)
		return -ENOMEM;
	if (EVP_Digest(bytes->data, bytes->len, digest, NULL, EVP_sha256(), NULL) != 1)
		return RF_E_CRYPTO;
	rf_buf_add_hex(&hex, digest, first);
	if (hex.failed)
		return -ENOMEM;
	rf_copy(out, 2 * first + 1, rf_buf_text(&hex));
	return 0;
}
