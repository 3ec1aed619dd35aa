/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program ringfence-manager: its commands, and the door to its roles. What the commands do is
 * in init.c and supervisor.c; nothing is decided here.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "api/api.h"
#include "base/mem.h"
#include "base/str.h"
#include "manager/init.h"
#include "manager/roles.h"
#include "manager/supervisor.h"
#include "outbox/outbox.h"
#include "store/store.h"

struct options {
	const char *config, *state, *owner;
};

static int fail(const struct rf_err *err, int rc)
{
	fprintf(stderr, "ringfence-manager: %s\n", rf_err_text(err));
	return rf_code_exit(rc);
}

/* ---- commands ---- */

static int init(const struct config *config, const struct options *options, struct rf_err *err)
{
	STORE_AUTOCLOSE struct store *store = NULL;
	char code[API_CODE_BYTES] = "";
	int rc = init_state(config, role_now_ms(), err);

	(void)options;
	if (!rc)
		rc = store_open(config->store, &store, err);
	if (!rc)
		rc = api_first_code(store, role_now_ms(), code, err);
	if (rc)
		return rc;
	printf("%s is ready. Start the manager with: ringfence-manager serve\n", config->state);
	if (code[0])
		printf("The first sign-in, once within a day: user setup, code %s\n", code);
	return 0;
}

static int upgrade(const struct config *config, const struct options *options, struct rf_err *err)
{
	int rc = init_upgrade(config, role_now_ms(), err);

	(void)options;
	if (!rc)
		printf("The store is at this program's version.\n");
	return rc;
}

static void on_ready(void *arg, const char *role, const char *line)
{
	(void)arg;
	if (line[0])
		printf("ready: %s %s\n", role, line);
	(void)fflush(stdout);
}

static int serve(const struct config *config, const struct options *options, struct rf_err *err)
{
	const struct supervisor_options o = {.config = config,
					     .config_path = options->config,
					     .state = options->state,
					     .ready = on_ready};
	int rc = init_upgrade(config, role_now_ms(), err);

	return rc ? rc : supervisor_run(&o, err);
}

/* The unit ringfence-sign-in: one connection of the manager's at standard input, as root, with no
 * configuration to read. */
static int sign_in(const struct config *config, const struct options *options, struct rf_err *err)
{
	(void)config;
	(void)options;
	return api_sign_in_run(0, API_PAM_SERVICE, err);
}

static const struct {
	const char *name, *help;
	int (*run)(const struct config *config, const struct options *options, struct rf_err *err);
	bool bare; /* without configuration */
} commands[] = {
	{"init", "make keys, certificate and store, and show how to sign in first", init},
	{"upgrade", "bring the store to this version (PostgreSQL: as its owner)", upgrade},
	{"serve", "run the manager until it is told to end", serve},
	{"sign-in", "answer a manager at standard input whether passwords are good (PAM)", sign_in,
	 true},
};

/* ---- roles ---- */

static const struct {
	const char *name;
	int (*run)(const struct config *config, struct rf_err *err);
} roles[] = {
	{"keys", role_keys},	 {"verify", role_verify}, {"agents", role_agents},
	{"keeper", role_keeper}, {"api", role_api},	  {"sign-in", role_sign_in},
	{"outbox", role_outbox}, {"judge", role_judge},
};

static int role_run(int argc, char **argv)
{
	struct config config;
	struct rf_err err = {0};
	int rc = RF_E_UNKNOWN;

	if (argc != 5)
		return 64;
	if (rf_equal(argv[2], "outbox-sink"))
		return outbox_sink_run(ROLE_FD_STOP, argv[3], argv[4]);
	rc = config_load(argv[3][0] ? argv[3] : NULL, argv[4][0] ? argv[4] : NULL, &config, &err);
	if (rc)
		return fail(&err, rc);
	rc = rf_fail(&err, RF_E_UNKNOWN, "there is no role %s", argv[2]);
	for (size_t i = 0; i < RF_COUNT(roles); i++) {
		if (!rf_equal(roles[i].name, argv[2]))
			continue;
		rf_err_clear(&err);
		rc = rf_wrap(&err, roles[i].run(&config, &err), "%s", argv[2]);
		break;
	}
	config_done(&config);
	return rc ? fail(&err, rc) : 0;
}

/* ---- the command line ---- */

static int usage(FILE *out, int status)
{
	fprintf(out,
		"usage: ringfence-manager [--config FILE] [--state DIR] [--owner URL] COMMAND\n\n");
	for (size_t i = 0; i < RF_COUNT(commands); i++)
		fprintf(out, "  %-8s  %s\n", commands[i].name, commands[i].help);
	fprintf(out,
		"\nWithout a configuration file (/etc/ringfence/manager.yaml) it serves this "
		"machine alone:\nHTTP at 127.0.0.1:8443, agents at port 8444, its state in "
		"/var/lib/ringfence-manager.\n\n"
		"--owner is for PostgreSQL: its address for the schema's owner, for init and upgrade "
		"alone.\nWho runs the manager (store: in the configuration) may change no schema.\n");
	return status;
}

static int command_run(const char *name, const struct options *options)
{
	struct config config = {0};
	struct rf_err err = {0};
	int rc;

	for (size_t i = 0; i < RF_COUNT(commands); i++) {
		if (!rf_equal(commands[i].name, name))
			continue;
		rc = config_load(options->config, options->state, &config, &err);
		if (rc)
			return fail(&err, rc);
		config.owner = options->owner;
		rc = commands[i].run(&config, options, &err);
		config_done(&config);
		return rc ? fail(&err, rc) : 0;
	}
	return usage(stderr, 64);
}

int main(int argc, char **argv)
{
	struct options options = {0};

	signal(SIGPIPE, SIG_IGN);
	(void)umask(077);
	if (argc > 2 && strcmp(argv[1], "--role") == 0)
		return role_run(argc, argv);
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--config") == 0 && i + 1 < argc)
			options.config = argv[++i];
		else if (strcmp(argv[i], "--state") == 0 && i + 1 < argc)
			options.state = argv[++i];
		else if (strcmp(argv[i], "--owner") == 0 && i + 1 < argc)
			options.owner = argv[++i];
		else if (strcmp(argv[i], "--help") == 0)
			return usage(stdout, 0);
		else if (strcmp(argv[i], "--version") == 0)
			return printf("ringfence-manager %s\n", RF_VERSION) < 0;
		else
			return i + 1 == argc ? command_run(argv[i], &options) : usage(stderr, 64);
	}
	return usage(stderr, 64);
}
