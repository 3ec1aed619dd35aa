/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that are a call of the manager's API and no more, and the agent's own program. */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/fleet.h"

#define AGENT "ringfence-agent"

int cmd_fleet(const struct cli_args *args, struct rf_err *err)
{
	return fleet_run(args, err);
}

/* The agent beside this program, or where packages put it. */
static bool agent_find(char out[RF_MAX_PATH_BYTES])
{
	char own[RF_MAX_PATH_BYTES];
	ssize_t len = readlink("/proc/self/exe", own, sizeof(own) - 1);

	own[len > 0 ? len : 0] = '\0';
	char *slash = strrchr(own, '/');

	if (slash)
		*slash = '\0';
	if (slash && rf_format(out, RF_MAX_PATH_BYTES, "%s/" AGENT, own) && access(out, X_OK) == 0)
		return true;
	if (slash && rf_format(out, RF_MAX_PATH_BYTES, "%s/../agent/" AGENT, own) &&
	    access(out, X_OK) == 0)
		return true;
	return rf_copy(out, RF_MAX_PATH_BYTES, "/usr/bin/" AGENT) && access(out, X_OK) == 0;
}

int cmd_agent(const struct cli_args *args, struct rf_err *err)
{
	const char *argv[2 * OPT_COUNT + 8] = {AGENT, strchr(args->command->name, ' ') + 1};
	char *names[OPT_COUNT] = {NULL};
	char path[RF_MAX_PATH_BYTES];
	size_t n = 2;

	if (!agent_find(path))
		return rf_fail(err, -ENOENT,
			       "ringfence-agent is not installed here: it comes with the package "
			       "ringfence-agent");
	for (size_t i = 0; i < args->words_count && i < 4; i++)
		argv[n++] = args->words[i];
	for (size_t i = 0; i < OPT_COUNT; i++) {
		if (!cli_has(args, (enum cli_option_id)i))
			continue;
		names[i] = rf_asprintf("--%s", cli_options[i].name);
		argv[n++] = names[i];
		if (cli_options[i].value)
			argv[n++] = cli_value(args, (enum cli_option_id)i);
	}
	argv[n] = NULL;
	execv(path, (char *const *)(uintptr_t)argv);
	int rc = -errno;

	for (size_t i = 0; i < OPT_COUNT; i++)
		rf_free(names[i]);
	return rf_fail(err, rc, "%s: %s", path, rf_code_text(rc));
}
