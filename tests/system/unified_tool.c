/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parts of isolation on a kernel whose cgroups are version 2 alone, where neither libvirt nor the
 * program as a whole has to run: what test_isolate_unified.py drives in a VM. Each verb goes the
 * way that the privileged process goes.
 * usage: unified_tool tune VM ROW VALUE | value PATH TEXT | cell CPUS|none | counts VM SECONDS
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "change/kinds.h"
#include "isolate/cpu.h"
#include "isolate/hostile_count.h"
#include "isolate/policy.h"
#include "isolate/tune.h"
#include "isolate/verbs.h"

static struct verb_env here(void)
{
	return (struct verb_env){.root = open("/", O_PATH | O_DIRECTORY), .live = true};
}

static int told(int rc, const struct rf_err *err)
{
	if (rc < 0)
		fprintf(stderr, "%s\n", rf_err_text(err));
	return rc < 0;
}

static int do_tune(char **args)
{
	const struct verb_env env = here();
	const struct tune_row *row = tune_find(args[1]);
	const struct tune_call call = {.env = &env, .name = args[0], .row = row, .item = ""};
	RF_AUTOBUF struct rf_buf now = {0};
	struct rf_err err = {0};

	if (!row || !row->way)
		return 64;
	int rc = row->way->put(&call, args[2], &err);

	if (!rc)
		rc = row->way->read(&call, &now, &err);
	printf("%s %s\n", args[1], rf_buf_text(&now));
	return told(rc, &err);
}

static int value_put(const char *path, const char *text)
{
	const struct verb_env env = here();
	RF_AUTOBUF struct rf_buf wanted = {0}, state = {0}, now = {0};
	struct rf_err err = {0};
	int rc = kind_value.check(&env, path, &err);

	if (!rc)
		rc = value_state_encode(text, &wanted);
	if (!rc)
		rc = kind_value.put(&env, path, rf_buf_slice(&wanted), &err);
	if (!rc)
		rc = kind_value.read(&env, path, &state, &err);
	if (!rc && !value_state_text(rf_buf_slice(&state), &now))
		rc = RF_E_SYNTAX;
	printf("%s %s\n", path, rf_buf_text(&now));
	return told(rc, &err);
}

static int do_value(char **args)
{
	return value_put(args[0], args[1]);
}

static struct policy *policy_of(const char *cell)
{
	RF_AUTOBUF struct rf_buf text = {0};
	struct policy *policy = NULL;
	struct rf_err err = {0};

	rf_buf_add_text(&text, "isolate: 1\nassignments: []\n");
	if (strcmp(cell, "none") != 0)
		rf_buf_printf(&text, "host: {cpu: {cell: '%s'}}\n", cell);
	(void)told(policy_parse(rf_buf_slice(&text), "cell", &policy, &err), &err);
	return policy;
}

/* Makes a cell, or takes away the one that there is: in the order of the plan. */
static int do_cell(char **args)
{
	struct policy *policy = policy_of(args[0]), *before = policy_of("1");
	struct policy_host host = {.cell_dir = ""};
	struct isolate_wants wants = {0};
	struct sys *sys = NULL;
	struct rf_err err = {0};
	int rc = sys_open_live(&sys, &err);

	for (unsigned cpu = 0; cpu < (unsigned)sysconf(_SC_NPROCESSORS_ONLN); cpu++)
		rf_cpus_add(&host.online, cpu);
	if (!rc && policy && before) {
		policy_host_look(&host, sys);
		rc = cpu_cell_want(policy, before, &host, &wants, &err);
	}
	int failed = told(rc, &err) || !wants.count;

	for (size_t i = 0; !failed && i < wants.count; i++) {
		const struct change_spec *spec = &wants.items[i].spec;

		failed = value_put(spec->target, change_spec_value(spec));
	}
	isolate_wants_done(&wants);
	policy_free(policy);
	policy_free(before);
	sys_close(sys);
	return failed;
}

/* What a VM's group was stalled and held back meanwhile. */
static int do_counts(char **args)
{
	struct hostile_count before = {0}, now = {0};
	struct hostile_subject subject;
	struct sys *sys = NULL;
	struct rf_err err = {0};
	int64_t seconds;

	if (rf_num(args[1], 10, 0, 100, &seconds) < 0)
		return 64;
	int rc = sys_open_live(&sys, &err);

	if (!rc)
		rc = hostile_subject_find(sys, args[0], &subject, &err);
	if (rc < 0)
		return told(rc, &err);
	hostile_count_read(sys, &subject, &before);
	sleep((unsigned)seconds);
	hostile_count_read(sys, &subject, &now);
	printf("version %d pressure %d stalled_us %lld throttled %d held_us %lld\n",
	       subject.version, now.has[HOSTILE_PRESSURE],
	       (long long)(now.stall_us - before.stall_us), now.has[HOSTILE_THROTTLED],
	       (long long)(now.held_us - before.held_us));
	sys_close(sys);
	return 0;
}

static const struct {
	const char *name;
	int (*run)(char **args);
	int args;
} VERBS[] = {{"tune", do_tune, 3},
	     {"value", do_value, 2},
	     {"cell", do_cell, 1},
	     {"counts", do_counts, 2}};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < RF_COUNT(VERBS); i++)
		if (strcmp(argv[1], VERBS[i].name) == 0 && argc - 2 == VERBS[i].args)
			return VERBS[i].run(argv + 2);
	fprintf(stderr, "usage: unified_tool tune|value|cell|counts ...\n");
	return 64;
}
