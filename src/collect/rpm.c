/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rpm's database; see rpm.h. Only the SQLite form (RHEL 9, Fedora, openSUSE Leap 15.4 and later
 * have it or ndb): the older Berkeley and ndb forms are named in a gap. Updates are not known: the
 * repositories' metadata is compressed. Source: rpm's doc "Package format" (header structure) and
 * lib/rpmtag.h for the tags' numbers.
 */
#include <errno.h>
#include <sqlite3.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/reader.h"
#include "base/str.h"
#include "collect/rpm.h"

#define RPM_MAX_ENTRIES 65536u

enum {
	TAG_NAME = 1000,
	TAG_VERSION = 1001,
	TAG_RELEASE = 1002,
	TAG_EPOCH = 1003,
	TAG_VENDOR = 1011,
	TAG_ARCH = 1022,
	TAG_SOURCERPM = 1044,
	TYPE_INT32 = 4,
	TYPE_STRING = 6,
};

static const char *const databases[] = {"/usr/lib/sysimage/rpm/rpmdb.sqlite",
					"/var/lib/rpm/rpmdb.sqlite"};
static const char *const others[] = {"/usr/lib/sysimage/rpm/Packages.db", "/var/lib/rpm/Packages",
				     "/var/lib/rpm/Packages.db"};

static const char **text_field(struct rpm_package *p, uint32_t tag)
{
	switch (tag) {
	case TAG_NAME:
		return &p->name;
	case TAG_VERSION:
		return &p->version;
	case TAG_RELEASE:
		return &p->release;
	case TAG_VENDOR:
		return &p->vendor;
	case TAG_ARCH:
		return &p->arch;
	case TAG_SOURCERPM:
		return &p->source_rpm;
	default:
		return NULL;
	}
}

/* Two counts, the index of 16-byte entries, then the data that the entries point into. */
int rpm_header_parse(struct rf_slice header, struct rpm_package *out)
{
	struct rf_reader r = rf_reader(header);
	uint32_t entries = rf_read_be32(&r), data_len = rf_read_be32(&r);
	struct rpm_package p = {.epoch = -1};

	if (r.failed)
		return RF_E_TRUNCATED;
	if (entries > RPM_MAX_ENTRIES || (uint64_t)entries * 16 + data_len > rf_reader_left(&r))
		return RF_E_SYNTAX;
	const uint8_t *data = header.data + 8 + (size_t)entries * 16;

	for (uint32_t i = 0; i < entries; i++) {
		uint32_t tag = rf_read_be32(&r), type = rf_read_be32(&r);
		uint32_t offset = rf_read_be32(&r);
		const char **text = text_field(&p, tag);

		rf_read_be32(&r); /* count */
		if (offset >= data_len)
			continue;
		if (text && type == TYPE_STRING && memchr(data + offset, 0, data_len - offset))
			*text = (const char *)data + offset;
		if (tag == TAG_EPOCH && type == TYPE_INT32 && data_len - offset >= 4) {
			struct rf_reader n = rf_reader((struct rf_slice){data + offset, 4});

			p.epoch = (int64_t)rf_read_be32(&n);
		}
	}
	if (!p.name || !p.version || !p.release)
		return RF_E_SYNTAX;
	*out = p;
	return 0;
}

struct rpm_db {
	struct rf_buf bytes;
	sqlite3 *db;
	sqlite3_stmt *rows;
	const char *path;
};

static void db_close(struct rpm_db *db)
{
	sqlite3_finalize(db->rows);
	sqlite3_close(db->db);
	rf_buf_done(&db->bytes);
}

/* Opens a copy in memory, read-only, with nothing of SQL but one statement of ours. */
static int db_attach(struct rpm_db *db)
{
	if (db->bytes.len < 100)
		return RF_E_SYNTAX;
	/* A database in WAL mode cannot be opened from memory: bytes 18 and 19 say rollback. */
	db->bytes.data[18] = db->bytes.data[19] = 1;
	if (sqlite3_open_v2(":memory:", &db->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY, NULL))
		return RF_E_DATABASE;
	sqlite3_limit(db->db, SQLITE_LIMIT_LENGTH, (int)RF_MAX_FILE_BYTES);
	sqlite3_db_config(db->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(db->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	if (sqlite3_deserialize(db->db, "main", db->bytes.data, (sqlite3_int64)db->bytes.len,
				(sqlite3_int64)db->bytes.len, SQLITE_DESERIALIZE_READONLY))
		return RF_E_DATABASE;
	/* A view in place of the table could compute for ever. */
	if (sqlite3_prepare_v2(db->db,
			       "SELECT blob FROM Packages WHERE (SELECT type FROM sqlite_master "
			       "WHERE name = 'Packages') = 'table'",
			       -1, &db->rows, NULL))
		return RF_E_DATABASE;
	return 0;
}

static int db_open(struct sys *sys, struct rpm_db *db, struct rf_err *err)
{
	for (size_t i = 0; i < RF_COUNT(databases); i++) {
		int rc = sys_read(sys, databases[i], RF_MAX_CAPTURE_BYTES, &db->bytes, err);

		if (rc == -ENOENT)
			continue;
		db->path = databases[i];
		if (rc == 0)
			rc = db_attach(db);
		if (rc < 0)
			return rf_wrap(err, rc, "%s", databases[i]);
		return 0;
	}
	return -ENOENT;
}

/* 1 with the next package, 0 at the end, negative when the database is broken. */
static int db_next(struct rpm_db *db, struct rpm_package *out)
{
	for (;;) {
		int step = sqlite3_step(db->rows);

		if (step == SQLITE_DONE)
			return 0;
		if (step != SQLITE_ROW)
			return RF_E_DATABASE;
		struct rf_slice header = {sqlite3_column_blob(db->rows, 0),
					  (size_t)sqlite3_column_bytes(db->rows, 0)};

		if (rpm_header_parse(header, out) == 0)
			return 1;
	}
}

/* openssh-8.7p1-38.el9.src.rpm is of openssh: the last two dashes end the name. */
static void source_name(const char *source_rpm, const char *name, char *out, size_t size)
{
	const char *dash = source_rpm ? strrchr(source_rpm, '-') : NULL;

	while (dash && dash > source_rpm && dash[-1] != '-')
		dash--;
	if (dash && dash > source_rpm + 1)
		rf_format(out, size, "%.*s", (int)(dash - 1 - source_rpm), source_rpm);
	else
		rf_copy(out, size, name);
}

static void put_package(struct fact_sink *out, const struct rpm_package *p, const char *path)
{
	char version[512], source[256];

	if (strcmp(p->name, "gpg-pubkey") == 0)
		return; /* a key that rpm keeps in the form of a package */
	if (p->epoch >= 0)
		rf_format(version, sizeof(version), "%lld:%s-%s", (long long)p->epoch, p->version,
			  p->release);
	else
		rf_format(version, sizeof(version), "%s-%s", p->version, p->release);
	source_name(p->source_rpm, p->name, source, sizeof(source));
	fact_put_package(out, &(struct fact_package){.name = p->name,
						     .arch = p->arch ? p->arch : "",
						     .version = version,
						     .source_name = source,
						     .state = "installed",
						     .origin = p->vendor ? p->vendor : "",
						     .source = path});
}

static void tell_unknown(struct fact_sink *out, const char *path)
{
	static const char *const columns[] = {"candidate", "upgradable", "security_update"};

	for (size_t i = 0; i < RF_COUNT(columns); i++)
		fact_gap(out, FACT_T_PACKAGE, "", columns[i], path,
			 "what rpm repositories offer is not read here: dnf updateinfo says it");
}

int rpm_packages_put(struct sys *sys, struct fact_sink *out, struct rf_err *err)
{
	struct rpm_db db = {0};
	struct rpm_package p;
	int rc = db_open(sys, &db, err);

	if (rc == -ENOENT) {
		const char *path = databases[1];

		for (size_t i = 0; i < RF_COUNT(others); i++)
			path = sys_exists(sys, others[i]) ? others[i] : path;
		fact_gap(out, FACT_T_PACKAGE, "", "", path,
			 "neither dpkg's status file nor an rpm database in SQLite form is there, "
			 "so that packages are not known");
		db_close(&db);
		rf_err_clear(err);
		return 0;
	}
	while (rc == 0 && (rc = db_next(&db, &p)) == 1) {
		put_package(out, &p, db.path);
		rc = 0;
	}
	if (rc == 0)
		tell_unknown(out, db.path);
	else
		rf_fail(err, rc, "%s: not a database of rpm", db.path);
	db_close(&db);
	return rc;
}

bool rpm_version(struct sys *sys, const char *name, char *out, size_t size)
{
	struct rpm_db db = {0};
	struct rpm_package p;
	bool found = false;

	if (db_open(sys, &db, NULL) == 0) {
		while (!found && db_next(&db, &p) == 1)
			found = strcmp(p.name, name) == 0 && rf_copy(out, size, p.version);
	}
	db_close(&db);
	return found;
}
