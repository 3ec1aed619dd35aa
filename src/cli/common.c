/* SPDX-License-Identifier: Apache-2.0 */
/* What several commands share. See common.h. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/common.h"
#include "model/store.h"
#include "sys/sandbox.h"

#define SITE_DEFAULT "/etc/ringfence/site"

int64_t common_now_ms(void)
{
	return rf_clock_ms(CLOCK_REALTIME);
}

int common_read_file(const char *path, size_t max_bytes, struct rf_buf *out, struct rf_err *err)
{
	struct stat st;
	/* O_NONBLOCK: a FIFO must not hold us. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int rc = fd < 0 || fstat(fd, &st) < 0 ? -errno : 0;

	if (rc == 0 && !S_ISREG(st.st_mode))
		rc = -EINVAL;
	if (rc == 0)
		rc = rf_read_all(fd, max_bytes, out);
	if (fd >= 0)
		close(fd);
	if (rc == -EINVAL)
		return rf_fail(err, rc, "%s: not a regular file", path);
	if (rc == RF_E_LIMIT)
		return rf_fail(err, rc, "%s: more than %zu bytes", path, max_bytes);
	return rc < 0 ? rf_fail(err, rc, "%s: %s", path, rf_code_text(rc)) : 0;
}

int common_controls(const struct cli_args *args, bool with_tests, struct control_set *out,
		    struct rf_err *err)
{
	const char *site = cli_value(args, OPT_SITE);
	int rc = control_set_load_builtin(out, with_tests, err);

	if (!rc && site)
		rc = control_set_load_site(out, site, err);
	else if (!rc && access(SITE_DEFAULT, F_OK) == 0)
		rc = control_set_load_site(out, SITE_DEFAULT, err);
	if (!rc)
		rc = control_waivers_check(out, common_now_ms(), err);
	for (size_t i = 0; rc == 0 && i < out->problems_count; i++)
		fprintf(stderr, "ringfence: refused: %s\n", out->problems[i]);
	for (size_t i = 0; rc == 0 && i < args->counts[OPT_PROFILE]; i++) {
		if (!profile_find(out, args->values[OPT_PROFILE][i]))
			rc = rf_fail(err, RF_E_USAGE,
				     "there is no profile %s; `ringfence controls list` shows them",
				     args->values[OPT_PROFILE][i]);
	}
	return rc;
}

/* The folder of a file that will be written. */
static const char *folder_of(const char *path, char out[RF_MAX_PATH_BYTES])
{
	if (!rf_copy(out, RF_MAX_PATH_BYTES, path))
		return NULL;
	char *slash = strrchr(out, '/');

	if (!slash)
		return ".";
	slash[slash == out] = '\0';
	return out;
}

int common_lock_in(const struct cli_args *args, struct rf_err *err)
{
	static char folders[CLI_MAX_WORDS + 1][RF_MAX_PATH_BYTES];
	const char *writable[CLI_MAX_WORDS + 1];
	char missing[SANDBOX_MISSING_BYTES];
	const char *output = cli_value(args, OPT_OUTPUT);
	size_t count = 0;

	for (size_t i = 0; i < args->counts[OPT_REPORT]; i++)
		writable[count++] = folder_of(args->values[OPT_REPORT][i], folders[i]);
	if (output && rf_starts(output, "sqlite:"))
		writable[count++] = folder_of(output + 7, folders[CLI_MAX_WORDS]);
	for (size_t i = 0; i < count; i++) {
		if (!writable[i])
			return rf_fail(err, -ENAMETOOLONG, "a report's path is too long");
		if (access(writable[i], F_OK) < 0)
			return rf_fail(err, -errno, "the report's folder %s: %s", writable[i],
				       rf_code_text(-errno));
	}
	tzset();
	int rc = sandbox_enter(SANDBOX_JUDGE, writable, count, missing, err);

	if (rc < 0)
		return rf_wrap(err, rc, "cannot write the report");
	if (missing[0] && !cli_has(args, OPT_QUIET))
		fprintf(stderr, "ringfence: judging without: %s\n", missing);
	return 0;
}

int common_collected(struct fact_store *store, const char *table, struct rf_err *err)
{
	static const char sql[] =
		"SELECT reason FROM collector_run WHERE state IN ('failed', 'timeout', 'crashed') "
		"AND (?1 IS NULL OR instr(',' || replace(tables, ' ', '') || ',', ',' || ?1 || "
		"',')) ORDER BY collector LIMIT 1";
	sqlite3_stmt *stmt = NULL;
	sqlite3 *db = fact_store_db(store);
	int rc = 0;

	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL))
		return rf_fail(err, RF_E_DATABASE, "%s", sqlite3_errmsg(db));
	sqlite3_bind_text(stmt, 1, table, -1, SQLITE_STATIC);
	if (sqlite3_step(stmt) == SQLITE_ROW) {
		const char *reason = (const char *)sqlite3_column_text(stmt, 0);

		rc = rf_fail(err, RF_E_TIMEOUT, "%s", reason ? reason : "it was not seen whole");
	}
	sqlite3_finalize(stmt);
	return rc;
}
