/* SPDX-License-Identifier: Apache-2.0 */
/* The roles of this program and the verbs it knows. See roles.h. */
#include "cli/roles.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "change/priv.h"
#include "cli/apart.h"
#include "isolate/quarantine.h"
#include "isolate/tune.h"
#include "isolate/verbs.h"
#include "respond/recorder.h"

#define ROLE_SOCKET 3 /* where a role finds the socket of who started it */

/* A pillar with verbs of its own adds its table here. */
static const struct verb_table *const tables[] = {
	&change_verbs,	       &isolate_verbs,	      &tune_verbs,
	&quarantine_verbs,     &shape_verbs,	      &isolate_layer_verbs,
	&isolate_holder_verbs, &isolate_policy_verbs, NULL};
const struct verb_set role_verbs = {tables};

static int priv_run(int argc, char **argv)
{
	struct priv_options options = {.root = "/"};

	for (int i = 0; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--root") == 0)
			options.root = argv[i + 1];
		else if (strcmp(argv[i], "--state") == 0)
			options.state = argv[i + 1];
		else if (strcmp(argv[i], "--given") == 0 &&
			 options.given_count < RF_COUNT(options.given))
			options.given[options.given_count++] = argv[i + 1];
		else
			return 64;
	}
	return priv_serve(ROLE_SOCKET, &options, &role_verbs);
}

static int record_run(int argc, char **argv)
{
	struct recorder_options options = {.link = "", .vm = "", .comment = ""};
	int64_t bytes = 0;

	for (int i = 0; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--link") == 0)
			options.link = argv[i + 1];
		else if (strcmp(argv[i], "--vm") == 0)
			options.vm = argv[i + 1];
		else if (strcmp(argv[i], "--comment") == 0)
			options.comment = argv[i + 1];
		else if (strcmp(argv[i], "--max") != 0 ||
			 rf_num(argv[i + 1], 10, 0, INT64_MAX, &bytes) < 0)
			return 64;
	}
	options.max_bytes = (uint64_t)bytes;
	return recorder_run(&options);
}

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} roles[] = {
	{"priv", priv_run},
	{"record", record_run},
	{"guard", role_guard_run},
	{"hostile", role_hostile_run},
};

int role_run(int argc, char **argv)
{
	for (size_t i = 0; i < RF_COUNT(roles); i++) {
		if (strcmp(roles[i].name, argv[2]) == 0)
			return roles[i].run(argc - 3, argv + 3);
	}
	fprintf(stderr, "ringfence: there is no role %s\n", argv[2]);
	return 64;
}
