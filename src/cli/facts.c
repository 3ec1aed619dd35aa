/* SPDX-License-Identifier: Apache-2.0 */
/* From options to facts: which host, which files, which connection; progress. See common.h. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/common.h"
#include "collect/run.h"
#include "collect/util.h"

struct progress {
	int64_t started_ms;
	bool shown;
};

/* Only work that takes over a second shows itself, and only to a terminal. */
static void progress_show(void *arg, const char *collector, const char *detail)
{
	struct progress *p = arg;

	if (common_now_ms() - p->started_ms < 1000)
		return;
	fprintf(stderr, "\r\033[K%s: %.60s", collector, detail);
	p->shown = true;
}

int common_open_source(const struct cli_args *args, struct sys **out, struct rf_err *err)
{
	const char *from = cli_value(args, OPT_FROM);
	struct stat st;

	if (!from)
		return sys_open_live(out, err);
	if (stat(from, &st) < 0)
		return rf_fail(err, -errno, "--from %s: %s", from, rf_code_text(-errno));
	if (!S_ISDIR(st.st_mode))
		return sys_open_capture(from, out, err);
	return sys_open_dir(from, out, err);
}

bool common_libvirt_here(struct sys *sys)
{
	static const char *const signs[] = {
		"/run/libvirt/libvirt-sock",
		"/run/libvirt/virtqemud-sock",
		"/usr/sbin/libvirtd",
		"/usr/sbin/virtqemud",
		"/var/run/libvirt/libvirt-sock",
		"/usr/libexec/virtqemud",
	};

	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
		if (sys_exists(sys, signs[i]))
			return true;
	}
	return false;
}

static int paths_check(const struct cli_args *args, enum cli_option_id id, struct rf_err *err)
{
	for (size_t i = 0; i < args->counts[id]; i++) {
		if (access(args->values[id][i], F_OK) < 0)
			return rf_fail(err, -errno, "--%s %s: %s", cli_options[id].name,
				       args->values[id][i], rf_code_text(-errno));
	}
	return 0;
}

/* Paths that a person gave, as the seam wants them: from the root. */
struct given_paths {
	struct util_paths vmx, xml, approved;
};

static int paths_absolute(const struct cli_args *args, enum cli_option_id id,
			  struct util_paths *out, struct rf_err *err)
{
	char here[RF_MAX_PATH_BYTES], full[2 * RF_MAX_PATH_BYTES];

	for (size_t i = 0; i < args->counts[id]; i++) {
		const char *path = args->values[id][i];

		while (rf_starts(path, "./") && path[2])
			path += 2;
		if (path[0] != '/' && !getcwd(here, sizeof(here)))
			return rf_fail(err, -errno, "--%s %s: the current folder has no path",
				       cli_options[id].name, path);
		if (path[0] == '/')
			rf_copy(full, sizeof(full), path);
		else
			rf_format(full, sizeof(full), "%s/%s", rf_equal(here, "/") ? "" : here,
				  rf_equal(path, ".") ? "" : path);
		if (util_paths_add(out, full) < 0)
			return rf_fail(err, -ENOMEM, "no memory");
	}
	return 0;
}

static int request_make(const struct cli_args *args, struct sys *sys, struct given_paths *paths,
			struct collect_request *out, struct rf_err *err)
{
	bool files = args->counts[OPT_VMX] || args->counts[OPT_XML];
	int rc = paths_check(args, OPT_VMX, err);

	if (!rc)
		rc = paths_check(args, OPT_XML, err);
	if (!rc)
		rc = paths_check(args, OPT_APPROVED, err);
	if (!rc)
		rc = paths_absolute(args, OPT_VMX, &paths->vmx, err);
	if (!rc)
		rc = paths_absolute(args, OPT_XML, &paths->xml, err);
	if (!rc)
		rc = paths_absolute(args, OPT_APPROVED, &paths->approved, err);
	if (rc < 0)
		return rc;
	if (cli_has(args, OPT_HOST) && cli_has(args, OPT_NO_HOST))
		return rf_fail(err, RF_E_USAGE, "--host and --no-host contradict each other");
	*out = (struct collect_request){
		.vmx = (const char *const *)paths->vmx.paths,
		.vmx_count = paths->vmx.count,
		.xml = (const char *const *)paths->xml.paths,
		.xml_count = paths->xml.count,
		.approved_dir = paths->approved.count ? paths->approved.paths[0] : NULL,
		.uri = cli_value(args, OPT_CONNECT),
		.host = cli_has(args, OPT_HOST) || (!files && !cli_has(args, OPT_NO_HOST)),
	};
	if (!out->uri && out->host && common_libvirt_here(sys))
		out->uri = COMMON_DEFAULT_URI;
	if (!out->uri && !out->host && !files)
		return rf_fail(err, RF_E_USAGE,
			       "nothing to look at: give --vmx, --domain-xml or "
			       "--connect with --no-host");
	return 0;
}

/* The rows of that name; how many. */
static size_t collectors_pick(const char *const *names, struct collector *out, size_t max)
{
	size_t count = 0;

	for (; *names; names++) {
		for (size_t i = 0; i < collectors_count && count < max; i++) {
			if (strcmp(collectors[i].name, *names) == 0)
				out[count++] = collectors[i];
		}
	}
	return count;
}

/* names NULL: by every collector. */
int common_facts_by(const struct cli_args *args, const char *const *names, struct fact_store **out,
		    struct rf_err *err)
{
	struct sys *sys = NULL;
	struct collect_request req;
	struct fact_store *store = NULL;
	struct progress progress = {.started_ms = common_now_ms()};
	struct given_paths paths = {0};
	struct collector table[16];
	int rc = common_open_source(args, &sys, err);

	if (!rc)
		rc = request_make(args, sys, &paths, &req, err);
	if (!rc)
		rc = fact_store_open(&store, err);
	struct collect_options options = {.sys = sys, .req = &req, .progress_arg = &progress};

	if (names) {
		options.table = table;
		options.table_count = collectors_pick(names, table, RF_COUNT(table));
	}
	if (isatty(STDERR_FILENO) && !cli_has(args, OPT_QUIET))
		options.progress = progress_show;
	if (!rc)
		rc = collect_run(store, &options, err);
	if (progress.shown)
		fputs("\r\033[K", stderr);
	if (!rc)
		rc = control_defaults_load(store, err);
	if (!rc)
		rc = fact_store_finish(store, err);
	sys_close(sys);
	util_paths_done(&paths.vmx);
	util_paths_done(&paths.xml);
	util_paths_done(&paths.approved);
	if (rc < 0) {
		fact_store_close(store);
		return rc;
	}
	*out = store;
	return 0;
}

int common_facts(const struct cli_args *args, struct fact_store **out, struct rf_err *err)
{
	return common_facts_by(args, NULL, out, err);
}

int common_some_facts(const struct cli_args *args, const char *const *names,
		      struct fact_store **out, struct rf_err *err)
{
	struct collector table[16];
	const struct collect_request req = {.host = true};
	struct fact_store *store = NULL;
	struct sys *sys = NULL;
	size_t count = collectors_pick(names, table, RF_COUNT(table));
	int rc = common_open_source(args, &sys, err);
	const struct collect_options options = {
		.sys = sys, .req = &req, .table = table, .table_count = count};

	if (!rc)
		rc = fact_store_open(&store, err);
	if (!rc)
		rc = collect_run(store, &options, err);
	if (!rc)
		rc = fact_store_finish(store, err);
	sys_close(sys);
	if (rc < 0) {
		fact_store_close(store);
		return rc;
	}
	*out = store;
	return 0;
}
