/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collector packages: what dpkg says is installed, and what apt's lists offer instead. Pins of
 * /etc/apt/preferences are not followed. Sources: dpkg's status file, /var/lib/apt/lists,
 * apt_preferences(5).
 */
#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/apt.h"
#include "collect/collect.h"
#include "collect/dpkg.h"
#include "collect/rpm.h"
#include "collect/util.h"

#define LISTS		"/var/lib/apt/lists"
#define LISTS_MAX_BYTES (256u << 20) /* of all lists together */

/* An installed package and what the lists say of it. */
struct wanted {
	const struct dpkg_package *package;
	struct wanted *next; /* same name, another architecture */
	char *newest;	     /* in archives that are taken from unasked */
	char *newest_asked;  /* in archives whose upgrades come by themselves only */
	char *origin;	     /* of the installed version; NULL: no list has it */
	bool security;	     /* a security archive has a newer one */
};

struct lists {
	struct sys *sys;
	struct fact_sink *out;
	struct sys_names names;
	struct wanted *wanted;
	size_t wanted_count;
	struct rf_map by_name;
	struct apt_release release; /* of the list that is read */
	size_t read_count, compressed_count, bytes;
	const char *compressed; /* one that could not be read for that */
	bool failed;		/* no memory */
	bool incomplete;	/* some list could not be read */
};

static bool on_name(void *ctx, const char *name)
{
	const struct lists *lists = ctx;

	return rf_map_has(&lists->by_name, name);
}

static void keep_newer(struct lists *lists, char **slot, const char *version)
{
	if (*slot && dpkg_version_compare(version, *slot) <= 0)
		return;
	rf_free(*slot);
	*slot = rf_strdup(version);
	lists->failed = lists->failed || !*slot;
}

static void take_version(struct lists *lists, struct wanted *w, const char *version)
{
	const struct apt_release *release = &lists->release;
	const char *installed = w->package->version;

	if (!installed)
		return;
	if (strcmp(installed, version) == 0 && !w->origin) {
		w->origin = rf_strdup(release->origin);
		lists->failed = lists->failed || !w->origin;
	}
	if (release->security && dpkg_version_compare(version, installed) > 0)
		w->security = true;
	if (!release->not_automatic)
		keep_newer(lists, &w->newest, version);
	else if (release->upgrades_automatic)
		keep_newer(lists, &w->newest_asked, version);
}

static void on_offer(void *ctx, const struct apt_offer *offer)
{
	struct lists *lists = ctx;
	char name[256], version[256], arch[32];

	if (!rf_format(name, sizeof(name), "%.*s", (int)offer->name.len, offer->name.data) ||
	    !rf_format(version, sizeof(version), "%.*s", (int)offer->version.len,
		       offer->version.data) ||
	    !rf_format(arch, sizeof(arch), "%.*s", (int)offer->arch.len,
		       offer->arch.len ? (const char *)offer->arch.data : ""))
		return;
	for (struct wanted *w = rf_map_get(&lists->by_name, name); w; w = w->next) {
		/* A package may become one for all architectures, and back. */
		if (strcmp(arch, "all") == 0 || strcmp(w->package->arch, "all") == 0 ||
		    strcmp(arch, w->package->arch) == 0)
			take_version(lists, w, version);
	}
}

/* HOST_PATH_dists_SUITE_InRelease belongs to HOST_PATH_dists_SUITE_main_binary-amd64_Packages. */
static void find_release(struct lists *lists, const char *list)
{
	static const char *const suffixes[] = {"InRelease", "Release"};
	const char *best = NULL;
	size_t best_len = 0;

	lists->release = (struct apt_release){0};
	for (size_t i = 0; i < lists->names.count; i++) {
		const char *name = lists->names.names[i];

		for (size_t k = 0; k < RF_COUNT(suffixes); k++) {
			size_t n = strlen(name), s = strlen(suffixes[k]);

			if (n <= s || name[n - s - 1] != '_' || strcmp(name + n - s, suffixes[k]))
				continue;
			n -= s;
			if (n > best_len && strncmp(name, list, n) == 0) {
				best = name;
				best_len = n;
			}
		}
	}
	char path[RF_MAX_PATH_BYTES];
	RF_AUTOBUF struct rf_buf text = {0};

	if (best && rf_format(path, sizeof(path), LISTS "/%s", best) &&
	    sys_read(lists->sys, path, RF_MAX_FILE_BYTES, &text, NULL) == 0)
		apt_release_parse(rf_buf_text(&text), &lists->release);
}

static void read_list(struct lists *lists, const char *name)
{
	RF_AUTOBUF struct rf_buf text = {0};
	char path[RF_MAX_PATH_BYTES];
	int rc = RF_E_LIMIT;

	if (!rf_format(path, sizeof(path), LISTS "/%s", name))
		return;
	if (lists->bytes < LISTS_MAX_BYTES)
		rc = sys_read(lists->sys, path, RF_MAX_DPKG_BYTES, &text, NULL);
	if (rc < 0) {
		lists->incomplete = true;
		util_gap(lists->out, FACT_T_PACKAGE, "", path, rc);
		return;
	}
	lists->bytes += text.len;
	lists->read_count++;
	find_release(lists, name);
	if (text.len)
		apt_packages_walk((const char *)text.data, text.len, on_name, on_offer, lists);
}

/* lz4, xz, gz ... of a list whose plain form is not there. */
static bool is_compressed_list(const struct lists *lists, const char *name)
{
	const char *dot = strrchr(name, '.');
	size_t n = dot ? (size_t)(dot - name) : 0;

	if (n < 9 || strncmp(name + n - 9, "_Packages", 9) != 0)
		return false;
	for (size_t i = 0; i < lists->names.count; i++) {
		if (strlen(lists->names.names[i]) == n &&
		    strncmp(lists->names.names[i], name, n) == 0)
			return false;
	}
	return true;
}

static void read_lists(struct lists *lists)
{
	int rc = sys_list(lists->sys, LISTS, &lists->names, NULL);

	if (rc < 0 && rc != -ENOENT) {
		lists->incomplete = true;
		util_gap(lists->out, FACT_T_PACKAGE, "", LISTS, rc);
		return;
	}
	for (size_t i = 0; i < lists->names.count && !lists->failed; i++) {
		const char *name = lists->names.names[i];

		if (rf_ends(name, "_Packages")) {
			read_list(lists, name);
		} else if (is_compressed_list(lists, name)) {
			lists->compressed_count++;
			lists->compressed = name;
		}
	}
}

/* Why columns of every row may be unknown. */
static void tell_lists(struct lists *lists)
{
	static const char *const columns[] = {"candidate", "upgradable", "security_update",
					      "origin"};

	if (lists->compressed_count == 0 && lists->read_count > 0)
		return;
	lists->incomplete = true;
	for (size_t i = 0; i < RF_COUNT(columns); i++) {
		if (lists->compressed_count)
			fact_gap(lists->out, FACT_T_PACKAGE, "", columns[i], LISTS,
				 "%zu package lists are compressed and not read, such as %s: set "
				 "Acquire::GzipIndexes \"false\" for apt and run apt-get update",
				 lists->compressed_count, lists->compressed);
		else
			fact_gap(lists->out, FACT_T_PACKAGE, "", columns[i], LISTS,
				 "there are no package lists below %s: run apt-get update", LISTS);
	}
}

/*
 * The version that an upgrade would bring. An archive whose upgrades come by themselves only counts
 * when the installed version came from it: when it is newer than all that others offer.
 */
static const char *candidate_of(const struct wanted *w)
{
	const char *installed = w->package->version;

	if (w->newest_asked && installed &&
	    (!w->newest || dpkg_version_compare(installed, w->newest) > 0))
		return w->newest_asked;
	return w->newest;
}

static void put_package(struct lists *lists, const struct wanted *w)
{
	const struct dpkg_package *p = w->package;
	const char *candidate = candidate_of(w);
	bool newer = candidate && p->version && dpkg_version_compare(candidate, p->version) > 0;
	struct fact_package row = {
		.name = p->name,
		.arch = p->arch,
		.version = p->version,
		.source_name = p->source,
		.state = p->state,
		.source = DPKG_STATUS,
	};

	/* Of lists that were not all read, only what was found is sure. */
	if (newer || !lists->incomplete) {
		row.candidate = candidate ? candidate : "";
		row.upgradable = FACT_BOOL(newer);
	}
	if (w->security || !lists->incomplete)
		row.security_update = FACT_BOOL(w->security);
	if (w->origin || !lists->incomplete)
		row.origin = w->origin ? w->origin : "";
	fact_put_package(lists->out, &row);
	if (p->state)
		return;
	RF_AUTOFREE char *key = rf_asprintf("%s/%s", p->name, p->arch ? p->arch : "");

	fact_gap(lists->out, FACT_T_PACKAGE, key ? key : p->name, "state", DPKG_STATUS,
		 "its paragraph in %s has no Status that can be read", DPKG_STATUS);
}

/* Makes the table of what is looked for; packages that are gone for good are left out. */
static int want_packages(struct lists *lists, const struct dpkg_status *status)
{
	lists->wanted = rf_alloc(status->count, sizeof(*lists->wanted));
	if (!lists->wanted)
		return -ENOMEM;
	for (size_t i = 0; i < status->count; i++) {
		const struct dpkg_package *p = &status->packages[i];
		struct wanted *w = &lists->wanted[lists->wanted_count];

		if (rf_equal(p->state, "not-installed"))
			continue;
		*w = (struct wanted){.package = p, .next = rf_map_get(&lists->by_name, p->name)};
		if (rf_map_set(&lists->by_name, p->name, w) < 0)
			return -ENOMEM;
		lists->wanted_count++;
	}
	return 0;
}

static void lists_done(struct lists *lists)
{
	for (size_t i = 0; i < lists->wanted_count; i++) {
		rf_free(lists->wanted[i].newest);
		rf_free(lists->wanted[i].newest_asked);
		rf_free(lists->wanted[i].origin);
	}
	rf_free(lists->wanted);
	rf_map_done(&lists->by_name);
	sys_names_done(&lists->names);
}

static int collect_dpkg(struct sys *sys, struct fact_sink *out, const struct dpkg_status *status,
			struct rf_err *err)
{
	struct lists lists = {.sys = sys, .out = out};
	int rc = want_packages(&lists, status);

	if (rc == 0) {
		read_lists(&lists);
		tell_lists(&lists);
		for (size_t i = 0; i < lists.wanted_count; i++)
			put_package(&lists, &lists.wanted[i]);
		rc = lists.failed ? -ENOMEM : 0;
	}
	if (status->broken_count)
		fact_gap(out, FACT_T_PACKAGE, "", "", DPKG_STATUS,
			 "%zu stanzas of %s have no name: repair it (dpkg --audit)",
			 status->broken_count, DPKG_STATUS);
	lists_done(&lists);
	return rc < 0 ? rf_fail(err, rc, "packages: no memory") : 0;
}

int collect_packages(struct sys *sys, const struct collect_request *req, struct fact_sink *out,
		     struct rf_err *err)
{
	DPKG_AUTOSTATUS struct dpkg_status status = {0};
	int rc = dpkg_status_read(sys, &status, err);

	(void)req;
	if (rc == -ENOENT) {
		rf_err_clear(err);
		rc = rpm_packages_put(sys, out, err);
	} else if (rc == 0) {
		rc = collect_dpkg(sys, out, &status, err);
	}
	return rc < 0 ? rc : fact_sink_check(out, err);
}
