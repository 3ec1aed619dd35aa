/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The role "guard": the process that keeps the network guard up, and the one beside it that reads
 * the policy and VMs' definitions for it. The first holds the guard and opens nothing; the second
 * makes a new process for each reading, which is locked in before it parses. Source: inotify(7).
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/common.h"
#include "cli/isolate.h"
#include "cli/quarantine.h"
#include "cli/resident.h"
#include "cli/roles.h"
#include "isolate/facts.h"
#include "isolate/keeper.h"
#include "isolate/service.h"
#include "sys/sandbox.h"
#include "sys/state.h"

#define STEP_MS 60000

static volatile sig_atomic_t stopped;

static void on_stop(int signal)
{
	(void)signal;
	stopped = 1;
}

static void say(void *arg, const char *line)
{
	(void)arg;
	fprintf(stderr, "ringfence-guard: %s\n", line);
}

/* ---- the side that reads ---- */

struct reader {
	const char *folder, *state;
	struct cli_args *args; /* where facts come from */
};

static int records_make(const struct reader *r, struct rf_buf *out, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf kept = {0};
	FACT_AUTOSTORE struct fact_store *store = NULL;
	struct policy_nics nics = {0};
	char missing[SANDBOX_MISSING_BYTES];
	int rc = state_read(r->folder, APPLIED_NAME, APPLIED_MAX_BYTES, &kept, err);

	if (rc == -ENOENT)
		return table_empty("no policy was applied yet", out);
	if (!rc)
		rc = common_facts_by(r->args, isolate_collectors_vms, &store, err);
	if (!rc)
		rc = policy_nics_load(store, &nics, err);
	if (!rc)
		rc = sandbox_enter(SANDBOX_JUDGE, NULL, 0, missing, err);
	if (!rc)
		rc = table_make(rf_buf_slice(&kept), &nics, out, err);
	policy_nics_done(&nics);
	return rc;
}

static int records_work(void *arg, struct rf_slice question, struct rf_buf *out)
{
	const struct reader *r = arg;
	RF_AUTOBUF struct rf_buf wards = {0};
	struct rf_err err = {0};
	char problem[240];
	int rc = 0;
	/* Before the policy is parsed, locked in. */
	bool whole = role_wards_read(r->state, &wards) == 0;

	(void)question;
	if (records_make(r, out, &err) < 0) {
		rf_format(problem, sizeof(problem), "the kept policy: %.200s", rf_err_text(&err));
		rf_buf_reset(out);
		rc = table_empty(problem, out);
	}
	return rc ? rc
		  : table_wards_add(out, (const struct table_ward *)wards.data,
				    wards.len / sizeof(struct table_ward), whole);
}

static int records_failed(struct rf_slice question, struct rf_buf *out)
{
	(void)question;
	return table_empty("the process that reads the policy failed", out);
}

/* ---- starting ---- */

struct role {
	struct resident resident;
	struct service_options service;
};

static int folders_open(struct role *role, struct rf_err *err)
{
	struct resident *r = &role->resident;
	char changes[RF_MAX_PATH_BYTES], lock[RF_MAX_PATH_BYTES + 8], wards[RF_MAX_PATH_BYTES];
	int rc = state_folder(r->state, "changes", changes, sizeof(changes), err);

	if (!rc)
		rc = state_folder(r->state, QUARANTINE_DIR, wards, sizeof(wards), err);
	if (!rc)
		rc = resident_start(r, APPLIED_FOLDER, ISOLATE_GUARD_LOCK, err);
	if (!rc)
		rc = state_prepare(changes, err);
	if (!rc)
		rc = state_prepare(wards, err);
	if (rc < 0)
		return rc;
	rf_format(lock, sizeof(lock), "%s/lock", changes);
	role->service.lock_fd = open(lock, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	role->service.policy_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (role->service.lock_fd < 0 || role->service.policy_fd < 0 ||
	    inotify_add_watch(role->service.policy_fd, r->folder, IN_MOVED_TO | IN_DELETE) < 0 ||
	    inotify_add_watch(role->service.policy_fd, wards, IN_MOVED_TO | IN_DELETE) < 0)
		return rf_fail(err, -errno, "%s: %s", r->folder, rf_code_text(-errno));
	return 0;
}

static int loop(struct role *role, struct rf_err *err)
{
	struct service *service = NULL;
	bool told = false;
	char missing[SANDBOX_MISSING_BYTES];
	int rc = sandbox_enter(SANDBOX_GUARD, NULL, 0, missing, err);

	if (!rc && missing[0])
		fprintf(stderr, "ringfence-guard: without: %s\n", missing);
	if (!rc)
		rc = service_open(&role->service, &service, err);
	while (rc == 0 && !stopped) {
		rc = service_step(service, STEP_MS, err);
		rc = rc == -EINTR ? 0 : rc;
		if (rc == 0 && !told && service_ready(service)) {
			resident_ready(&role->resident);
			told = true;
		}
	}
	service_close(service);
	return rc;
}

/* Where BPF is forbidden rules of nft are kept, and nothing else. */
static int keep(struct role *role, const char *why, struct rf_err *err)
{
	struct keeper keeper = {
		.lock_fd = role->service.lock_fd, .rules_fd = -1, .links_fd = -1, .say = say};
	char missing[SANDBOX_MISSING_BYTES], line[400];
	int rc = sandbox_enter(SANDBOX_GUARD, NULL, 0, missing, err);

	if (!rc && missing[0])
		fprintf(stderr, "ringfence-guard: without: %s\n", missing);
	rf_format(line, sizeof(line),
		  "%.200s: rules of nft are kept as they were applied; new ports that the policy "
		  "names are refused everything until `ringfence isolate apply`",
		  why);
	if (!rc)
		rc = keeper_open(&keeper, err);
	if (!rc) {
		say(NULL, line);
		resident_ready(&role->resident);
	}
	while (rc == 0 && !stopped) {
		rc = keeper_step(&keeper, STEP_MS, err);
		rc = rc == -EINTR ? 0 : rc;
	}
	keeper_close(&keeper);
	/* What starts it again finds the guard. */
	if (rc == RF_E_CHANGED)
		return rf_fail(err, rc,
			       "BPF guards again, and rules of nft no more: this service ends, to "
			       "be started as the guard's");
	return rc;
}

static int role_start(struct role *role, const struct cli_args *args, struct rf_err *err)
{
	struct reader reader = {.args = (struct cli_args *)(uintptr_t)args};
	const struct helper helper = {records_work, records_failed, &reader, TABLE_MAX_BYTES};
	struct sigaction stop = {.sa_handler = on_stop};
	struct rf_err why = {0};
	char missing[RESIDENT_MISSING_BYTES];
	int rc = folders_open(role, err);
	enum guard_means means = rc == 0 ? guard_means(&why) : GUARD_MEANS_BPF;
	bool forbidden = means == GUARD_MEANS_NFT;

	if (means == GUARD_MEANS_NONE)
		return rf_fail(err, RF_E_DENIED, "%s", rf_err_text(&why));
	if (means == GUARD_MEANS_KEPT)
		say(NULL, rf_err_text(&why));

	reader.folder = role->resident.folder;
	reader.state = role->resident.state ? role->resident.state : STATE_DIR;
	/* Before the guard is open: the reader has nothing of it. */
	const int own[HELPER_OWN] = {role->resident.ready, role->resident.lock,
				     role->service.lock_fd, role->service.policy_fd};

	if (!rc && !forbidden)
		rc = helper_start(&helper, &role->resident, own, &role->service.records, err);
	/* Behind the reader's start: what is cut open is open until we get our turn. */
	resident_urgent(missing);
	if (missing[0])
		fprintf(stderr, "ringfence-guard: without: %s\n", missing);
	if (!rc && !forbidden)
		rc = guard_open(NULL, &role->service.guard, err);
	if (rc < 0)
		return rc;
	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGINT, &stop, NULL);
	signal(SIGPIPE, SIG_IGN);
	rc = forbidden ? keep(role, rf_err_text(&why), err) : loop(role, err);
	guard_close(role->service.guard);
	return rc;
}

int role_guard_run(int argc, char **argv)
{
	static struct cli_args args; /* large: not on the stack */
	struct role role = {.service = {.say = say, .lock_fd = -1, .policy_fd = -1}};
	struct rf_err err = {0};

	resident_init(&role.resident, "the guard's service");
	for (int i = 0; i + 1 < argc; i += 2) {
		if (resident_option(&role.resident, argv[i], argv[i + 1]))
			continue;
		if (strcmp(argv[i], "--domain-xml") != 0 || args.counts[OPT_XML] == CLI_MAX_WORDS)
			return 64;
		args.values[OPT_XML][args.counts[OPT_XML]++] = argv[i + 1];
	}
	args.counts[args.counts[OPT_XML] ? OPT_NO_HOST : OPT_HOST] = 1;
	args.counts[OPT_QUIET] = 1;
	if (role_start(&role, &args, &err) == 0)
		return 0;
	fprintf(stderr, "ringfence-guard: %s\n", rf_err_text(&err));
	return 1;
}
