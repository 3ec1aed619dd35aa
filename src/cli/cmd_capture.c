/* SPDX-License-Identifier: Apache-2.0 */
/* ringfence capture: the raw inputs of this host, without secrets, to judge elsewhere. */
#include <errno.h>
#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "cli/common.h"
#include "collect/run.h"

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

/* Runs every collector over a recording host: what they read is, by construction, what is needed.
 */
static int record(const char *dir, const char *uri, struct rf_err *err)
{
	FACT_AUTOSTORE struct fact_store *store = NULL;
	struct sys *sys = NULL;
	struct collect_request req = {.host = true, .uri = uri};
	int rc = sys_open_recording(dir, &sys, err);

	if (!rc && !uri && common_libvirt_here(sys))
		req.uri = COMMON_DEFAULT_URI;
	if (!rc)
		rc = fact_store_open(&store, err);
	const struct collect_options options = {.sys = sys, .req = &req, .record_dir = dir};

	if (!rc)
		rc = collect_run(store, &options, err);
	if (!rc)
		fprintf(stderr, "ringfence: %llu facts seen\n",
			(unsigned long long)fact_store_rows(store));
	sys_close(sys);
	return rc;
}

int cmd_capture(const struct cli_args *args, struct rf_err *err)
{
	char dir[] = "/tmp/ringfence-capture-XXXXXX";
	const char *archive = args->words[0];

	if (access(archive, F_OK) == 0)
		return rf_fail(err, -EEXIST, "%s exists already; name another file", archive);
	if (!mkdtemp(dir))
		return rf_fail(err, -errno, "%s: %s", dir, rf_code_text(-errno));
	int rc = record(dir, cli_value(args, OPT_CONNECT), err);

	if (!rc)
		rc = sys_capture_write(dir, archive, err);
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	if (rc < 0)
		return rf_wrap(err, rc, "capture");
	struct stat st;

	printf("%s: %lld bytes, readable by you alone. Judge it anywhere with: ringfence check --from %s\n",
	       archive, stat(archive, &st) == 0 ? (long long)st.st_size : 0, archive);
	return 0;
}
