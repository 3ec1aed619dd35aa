/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The back end for one manager: SQLite, with a write-ahead log that is on the disk before a commit
 * is answered. Sources: sqlite.org/wal.html, /pragma.html, /security.html ("untrusted SQLite
 * database files"), /backup.html.
 */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "store/parts.h"

#define SCHEME	       "sqlite:"
#define APPLICATION_ID 0x52467374 /* "RFst", in the head of the file */
#define APPLICATION_IS "1380348788"
#define BUSY_MS	       2000
/* A row, which SQLite counts as one thing, may have several texts. */
#define ROW_BYTES ((int)(RF_MAX_KEPT_BLOB_BYTES + 4 * RF_MAX_KEPT_TEXT_BYTES))

struct sqlite {
	sqlite3 *db;
	sqlite3_stmt *prepared[STORE_MAX_PREPARED]; /* when first run */
};

/* What an extended result code means to a caller; the first that fits, low byte or whole. */
static const struct {
	int result, code;
} results[] = {
	{SQLITE_CONSTRAINT_PRIMARYKEY, RF_E_DUPLICATE},
	{SQLITE_CONSTRAINT_UNIQUE, RF_E_DUPLICATE},
	{SQLITE_CONSTRAINT_FOREIGNKEY, RF_E_MISSING},
	{SQLITE_CONSTRAINT, RF_E_MISMATCH},
	{SQLITE_BUSY, -EAGAIN},
	{SQLITE_LOCKED, -EAGAIN},
	{SQLITE_FULL, -ENOSPC},
	{SQLITE_TOOBIG, RF_E_LIMIT},
	{SQLITE_NOMEM, -ENOMEM},
	{SQLITE_READONLY, RF_E_DENIED},
	{SQLITE_PERM, RF_E_DENIED},
	{SQLITE_AUTH, RF_E_DENIED},
	{SQLITE_CANTOPEN, RF_E_MISSING},
};

static int result_fail(sqlite3 *db, const char *what, struct rf_err *err)
{
	int result = sqlite3_extended_errcode(db), code = RF_E_DATABASE;

	for (size_t i = 0; i < RF_COUNT(results); i++) {
		if (result != results[i].result && (result & 0xff) != results[i].result)
			continue;
		code = results[i].code;
		break;
	}
	if ((result & 0xff) == SQLITE_CORRUPT || result == SQLITE_NOTADB)
		return rf_fail(err, code, "%s: %s; the file is damaged, put back the last backup",
			       what, sqlite3_errmsg(db));
	if (code == -ENOSPC)
		return rf_fail(err, code,
			       "%s: %s; nothing of it was kept: make room on the store's disk, "
			       "nothing needs a restart",
			       what, sqlite3_errmsg(db));
	if ((result & 0xff) == SQLITE_IOERR)
		return rf_fail(err, code,
			       "%s: %s; nothing of it was kept: look after the store's disk (the "
			       "kernel's log says more)",
			       what, sqlite3_errmsg(db));
	return rf_fail(err, code, "%s: %s", what, sqlite3_errmsg(db));
}

static int script(struct sqlite *s, const char *sql, const char *what, struct rf_err *err)
{
	if (sqlite3_exec(s->db, sql, NULL, NULL, NULL))
		return result_fail(s->db, what, err);
	return 0;
}

/* The one answer of a question of our own, as text. */
static int ask(struct sqlite *s, const char *sql, char *out, size_t size_bytes, struct rf_err *err)
{
	sqlite3_stmt *stmt = NULL;
	int rc = 0;

	if (sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL) || sqlite3_step(stmt) != SQLITE_ROW)
		rc = result_fail(s->db, sql, err);
	else
		(void)rf_copy(out, size_bytes, (const char *)sqlite3_column_text(stmt, 0));
	sqlite3_finalize(stmt);
	return rc;
}

/* The file is ours by its head; the owner may make an empty one ours. */
static int file_own(struct sqlite *s, enum store_access access, struct rf_err *err)
{
	char id[32], tables[32];
	/* Tables first: who makes them at this moment has written the head before. */
	int rc = ask(s, "SELECT count(*) FROM sqlite_master", tables, sizeof(tables), err);

	if (!rc)
		rc = ask(s, "PRAGMA application_id", id, sizeof(id), err);
	if (rc || rf_equal(id, APPLICATION_IS))
		return rc;
	if (!rf_equal(id, "0") || !rf_equal(tables, "0"))
		return rf_fail(err, RF_E_MISMATCH,
			       "the file is a database, but not this program's");
	if (access != STORE_AS_OWNER)
		return rf_fail(err, RF_E_CHANGED, "the file is empty: upgrade the store first");
	return script(s, "PRAGMA application_id = " APPLICATION_IS, "mark the file", err);
}

/* Every page and every reference, after an end that was not in order. */
static int check_whole(struct sqlite *s, struct rf_err *err)
{
	char text[256];
	int rc = ask(s, "PRAGMA quick_check(1)", text, sizeof(text), err);

	if (!rc && !rf_equal(text, "ok"))
		rc = rf_fail(err, RF_E_DATABASE,
			     "the file is damaged, put back the last backup: %s", text);
	if (!rc)
		rc = ask(s, "SELECT count(*) FROM pragma_foreign_key_check", text, sizeof(text),
			 err);
	if (!rc && !rf_equal(text, "0"))
		rc = rf_fail(err, RF_E_DATABASE,
			     "%s rows refer to rows that are not there, put back the last backup",
			     text);
	return rc;
}

static int settle(struct sqlite *s, enum store_access access, bool unclean, struct rf_err *err)
{
	static const int switches[][2] = {
		{SQLITE_DBCONFIG_DEFENSIVE, 1},	     {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
		{SQLITE_DBCONFIG_ENABLE_TRIGGER, 0}, {SQLITE_DBCONFIG_ENABLE_VIEW, 0},
		{SQLITE_DBCONFIG_ENABLE_FKEY, 1},
	};

	sqlite3_extended_result_codes(s->db, 1);
	sqlite3_busy_timeout(s->db, BUSY_MS);
	sqlite3_limit(s->db, SQLITE_LIMIT_LENGTH, ROW_BYTES);
	for (size_t i = 0; i < RF_COUNT(switches); i++)
		sqlite3_db_config(s->db, switches[i][0], switches[i][1], NULL);
	int rc = script(s, "PRAGMA synchronous = FULL; PRAGMA cell_size_check = ON", "settings",
			err);

	if (!rc)
		rc = file_own(s, access, err);
	if (!rc && access == STORE_AS_OWNER)
		rc = script(s, "PRAGMA journal_mode = WAL", "write-ahead log", err);
	if (!rc && access == STORE_AS_OWNER && unclean)
		rc = check_whole(s, err);
	return rc;
}

static void sqlite_close(void *arg)
{
	struct sqlite *s = arg;

	for (size_t i = 0; i < STORE_MAX_PREPARED; i++)
		sqlite3_finalize(s->prepared[i]);
	sqlite3_close(s->db);
	rf_free(s);
}

/* Makes the file for its owner alone. One that is there is not even opened: to close it would drop
 * the locks of another connection of this process. */
static int file_make(const char *path, struct rf_err *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd >= 0)
		close(fd);
	else if (errno != EEXIST)
		return rf_fail(err, -errno, "%s: %s", path, strerror(errno));
	return 0;
}

/* A log that was not folded into the file: its last user was killed, or still runs. */
static bool log_left(const char *path)
{
	RF_AUTOFREE char *log = rf_asprintf("%s-wal", path);
	struct stat st;

	return log && stat(log, &st) == 0 && st.st_size > 0;
}

static int sqlite_open(const char *url, enum store_access access, void **out_db, struct rf_err *err)
{
	const char *path = url + strlen(SCHEME);
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW;

	if (path[0] != '/')
		return rf_fail(err, RF_E_SYNTAX,
			       "sqlite: wants a whole path: sqlite:/path/file.db");
	int rc = access == STORE_AS_OWNER ? file_make(path, err) : 0;
	struct sqlite *s = rc ? NULL : rf_alloc(1, sizeof(*s));

	if (!s)
		return rc ? rc : rf_fail(err, -ENOMEM, "no memory");
	bool unclean = log_left(path);

	if (sqlite3_open_v2(path, &s->db, flags, NULL))
		rc = result_fail(s->db, path, err);
	if (!rc)
		rc = settle(s, access, unclean, err);
	if (rc) {
		sqlite_close(s);
		return rc;
	}
	*out_db = s;
	return 0;
}

static int bind_one(sqlite3_stmt *stmt, int at, const struct store_value *value)
{
	const char *data = (const char *)value->bytes.data;

	if (value->kind == STORE_INT)
		return sqlite3_bind_int64(stmt, at, value->number);
	if (value->kind == STORE_TEXT)
		return sqlite3_bind_text64(stmt, at, data ? data : "", value->bytes.len,
					   SQLITE_STATIC, SQLITE_UTF8);
	/* An empty blob with a NULL pointer would be a NULL. */
	if (value->kind == STORE_BLOB)
		return sqlite3_bind_blob64(stmt, at, data ? data : "", value->bytes.len,
					   SQLITE_STATIC);
	return sqlite3_bind_null(stmt, at);
}

/* ?1 is the first parameter; $1 would be a name that SQLite looks for each time. */
static int bind(sqlite3_stmt *stmt, struct store_params params)
{
	for (size_t i = 0; i < params.count; i++)
		if (bind_one(stmt, (int)i + 1, &params.values[i]))
			return SQLITE_ERROR;
	return SQLITE_OK;
}

/* Our statements have no text with a $ in it. */
static int prepare(struct sqlite *s, const char *sql, unsigned flags, sqlite3_stmt **out)
{
	RF_AUTOFREE char *text = rf_strdup(sql);

	for (char *c = text; c && *c; c++)
		if (*c == '$' && c[1] >= '1' && c[1] <= '9')
			*c = '?';
	return text ? sqlite3_prepare_v3(s->db, text, -1, flags, out, NULL) : SQLITE_NOMEM;
}

static struct store_value column(sqlite3_stmt *stmt, int i)
{
	int type = sqlite3_column_type(stmt, i);
	struct store_value value = {.kind = STORE_NULL};

	if (type == SQLITE_INTEGER)
		return store_int(sqlite3_column_int64(stmt, i));
	if (type == SQLITE_NULL)
		return value;
	value.kind = type == SQLITE_BLOB ? STORE_BLOB : STORE_TEXT;
	value.bytes.data =
		type == SQLITE_BLOB ? sqlite3_column_blob(stmt, i) : sqlite3_column_text(stmt, i);
	value.bytes.len = (size_t)sqlite3_column_bytes(stmt, i);
	return value;
}

static int step_all(struct sqlite *s, sqlite3_stmt *stmt, struct store_rows rows,
		    struct rf_err *err)
{
	struct store_value values[STORE_MAX_COLUMNS];
	int count = sqlite3_column_count(stmt), step;

	while ((step = sqlite3_step(stmt)) == SQLITE_ROW) {
		for (int i = 0; i < count && i < STORE_MAX_COLUMNS; i++)
			values[i] = column(stmt, i);
		int rc = rows.take ? rows.take(rows.arg, values) : 0;

		if (rc)
			return rc;
	}
	return step == SQLITE_DONE ? 0 : result_fail(s->db, "statement", err);
}

static int sqlite_run(void *arg, const struct store_statement *statement, size_t id,
		      struct store_params params, struct store_rows rows, struct rf_err *err)
{
	struct sqlite *s = arg;
	sqlite3_stmt *once = NULL;
	sqlite3_stmt **stmt = id < STORE_MAX_PREPARED ? &s->prepared[id] : &once;
	unsigned flags = id < STORE_MAX_PREPARED ? SQLITE_PREPARE_PERSISTENT : 0;
	int rc = 0;

	if (!*stmt && prepare(s, statement->sql, flags, stmt))
		return result_fail(s->db, "statement", err);
	if (bind(*stmt, params))
		rc = result_fail(s->db, "parameter", err);
	if (!rc)
		rc = step_all(s, *stmt, rows, err);
	/* What failed was told already; nothing of the caller's stays bound. */
	sqlite3_reset(*stmt);
	sqlite3_clear_bindings(*stmt);
	sqlite3_finalize(once);
	return rc;
}

static int sqlite_script(void *arg, const char *sql, struct rf_err *err)
{
	return script(arg, sql, "schema", err);
}

/* As a writer from the start: one that becomes it later may be refused half way. */
static int sqlite_begin(void *arg, struct rf_err *err)
{
	return script(arg, "BEGIN IMMEDIATE", "begin", err);
}

static int sqlite_commit(void *arg, struct rf_err *err)
{
	return script(arg, "COMMIT", "commit", err);
}

static void sqlite_rollback(void *arg)
{
	struct sqlite *s = arg;

	/* Some failures have rolled back already. */
	if (!sqlite3_get_autocommit(s->db))
		(void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
}

/* In one step: a reader of the log as it is now, in whose way no writer is. */
static int copy_pages(struct sqlite *from, struct sqlite *to, struct rf_err *err)
{
	sqlite3_backup *copy = sqlite3_backup_init(to->db, "main", from->db, "main");

	if (!copy)
		return result_fail(to->db, "copy", err);
	sqlite3_backup_step(copy, -1);
	if (sqlite3_backup_finish(copy))
		return result_fail(to->db, "copy", err);
	/* One file, with no log beside it. */
	int rc = script(to, "PRAGMA journal_mode = DELETE", "copy", err);

	return rc ? rc : check_whole(to, err);
}

/* Gives the whole file its name, if nothing has it. */
static int copy_name(const char *part, const char *path, struct rf_err *err)
{
	RF_AUTOFREE char *folder = rf_strdup(path);

	if (!folder)
		return rf_fail(err, -ENOMEM, "no memory");
	if (link(part, path))
		return rf_fail(err, -errno, "%s: %s", path, strerror(errno));
	*strrchr(folder, '/') = '\0';
	int fd = open(folder[0] ? folder : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int failed = fd < 0 || fsync(fd);

	if (fd >= 0)
		close(fd);
	return failed ? rf_fail(err, -errno, "%s: %s", path, strerror(errno)) : 0;
}

static int sqlite_backup(void *arg, const char *path, struct rf_err *err)
{
	struct sqlite to = {NULL};
	RF_AUTOFREE char *part = rf_asprintf("%s.part", path);
	struct stat st;

	if (path[0] != '/')
		return rf_fail(err, RF_E_SYNTAX, "wants a whole path");
	if (lstat(path, &st) == 0)
		return rf_fail(err, -EEXIST, "%s is there already", path);
	if (!part)
		return rf_fail(err, -ENOMEM, "no memory");
	/* What an earlier, killed one left. */
	(void)unlink(part);
	int rc = file_make(part, err);

	if (rc)
		return rc;
	if (sqlite3_open_v2(part, &to.db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW, NULL))
		rc = result_fail(to.db, part, err);
	if (!rc)
		rc = copy_pages(arg, &to, err);
	sqlite3_close(to.db);
	if (!rc)
		rc = copy_name(part, path, err);
	(void)unlink(part);
	return rc;
}

const struct store_backend store_backend_sqlite = {
	.scheme = SCHEME,
	.open = sqlite_open,
	.close = sqlite_close,
	.run = sqlite_run,
	.script = sqlite_script,
	.begin = sqlite_begin,
	.commit = sqlite_commit,
	.rollback = sqlite_rollback,
	.backup = sqlite_backup,
};
