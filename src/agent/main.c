/* SPDX-License-Identifier: Apache-2.0 */
/* ringfence-agent: parses, runs one command or one role, and is the only place that exits. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "agent/hook.h"
#include "agent/join.h"
#include "agent/role.h"
#include "agent/supervise.h"
#include "base/mem.h"
#include "base/str.h"

static const char usage[] =
	"ringfence-agent join https://manager:8443 --token TOKEN --fingerprint HEX\n"
	"ringfence-agent run          the agent itself (systemd: ringfence-agent.service)\n"
	"ringfence-agent status       does it run, and for whom\n"
	"ringfence-agent leave        forget the manager\n"
	"ringfence-agent hook qemu NAME OPERATION SUBOPERATION    libvirt's hook, see "
	"libvirt-hook\n"
	"\n"
	"  --authority FILE    join: the authority's certificate, instead of its --fingerprint\n"
	"  --name NAME         join: what this host is called\n"
	"  --tcti TCTI         join: the TPM, as for ringfence attest evidence; none: no TPM\n"
	"  --ringfence PATH    run: the program that does commands; default: beside this one\n"
	"  --socket PATH       run, hook: the socket for hooks; \"\": none\n"
	"  --user NAME         run: who the process on the network becomes; default ringfence-net\n"
	"  --config PATH       hook: default /etc/ringfence/hook.yaml\n"
	"  --state-dir DIR     default /var/lib/ringfence\n";

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} roles[] = {
	{"net", agent_net_run},		  {"collect", agent_collect_run},
	{"priv", agent_priv_run},	  {"facts", agent_facts_run},
	{"evidence", agent_evidence_run}, {"ledger", agent_ledger_run},
	{"secret", agent_secret_run},
};

static int role_run(int argc, char **argv)
{
	char name[16]; /* as ps shows it */

	for (size_t i = 0; i < RF_COUNT(roles); i++) {
		if (strcmp(roles[i].name, argv[2]) != 0)
			continue;
		rf_format(name, sizeof(name), "rf-%s", roles[i].name);
		(void)prctl(PR_SET_NAME, name);
		return roles[i].run(argc - 3, argv + 3);
	}
	return 64;
}

static int fail(int rc, const struct rf_err *err)
{
	fprintf(stderr, "ringfence-agent: %s\n", rf_err_text(err));
	return rf_code_exit(rc);
}

static int cmd_join(int argc, char **argv)
{
	RF_AUTOBUF struct rf_buf said = {0};
	struct rf_err err = {0};
	const struct join_options o = {.url = argc > 0 ? argv[0] : "",
				       .token = agent_option(argc, argv, "--token"),
				       .name = agent_option(argc, argv, "--name"),
				       .authority = agent_option(argc, argv, "--authority"),
				       .fingerprint = agent_option(argc, argv, "--fingerprint"),
				       .state = agent_option(argc, argv, "--state-dir"),
				       .tcti = agent_option(argc, argv, "--tcti")};

	if (!o.token)
		return fail(RF_E_USAGE, &(struct rf_err){RF_E_USAGE, "join needs --token"});
	int rc = join_run(&o, &said, &err);

	fputs(rf_buf_text(&said), stdout);
	return rc ? fail(rc, &err) : 0;
}

static int cmd_run(int argc, char **argv)
{
	char beside[RF_MAX_PATH_BYTES];
	struct supervise_options o = {.state = agent_option(argc, argv, "--state-dir"),
				      .program = agent_option(argc, argv, "--ringfence"),
				      .user = agent_option(argc, argv, "--user"),
				      .local = agent_option(argc, argv, "--socket")};
	ssize_t len = readlink("/proc/self/exe", beside, sizeof(beside) - 16);
	struct rf_err err = {0};

	beside[len > 0 ? len : 0] = '\0';
	char *slash = strrchr(beside, '/');

	if (!o.program && slash) {
		rf_copy(slash + 1, 16, "ringfence");
		o.program = beside;
	}
	if (!o.program || access(o.program, X_OK) < 0)
		return fail(RF_E_MISSING,
			    &(struct rf_err){RF_E_MISSING,
					     "the program ringfence is not there: --ringfence"});
	int rc = supervise(&o, &err);

	return rc ? fail(rc, &err) : 0;
}

/* 0 it runs, 2 it does not, 1 could not tell. */
static int cmd_status(int argc, char **argv)
{
	const char *state = agent_option(argc, argv, "--state-dir");
	struct identity identity;
	struct rf_err err = {0};
	char dir[RF_MAX_PATH_BYTES], path[RF_MAX_PATH_BYTES + 8];
	int rc = identity_read(state, &identity, &err);

	if (!rc)
		rc = identity_folder(state, "", dir, &err);
	if (rc)
		return fail(rc, &err);
	rf_format(path, sizeof(path), "%s/%s", dir, SUPERVISE_PID);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	bool runs = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0;

	printf("host:     %s (%s)\nmanager:  %s port %u\nTPM:      %s\nTLS key:  a file, root's alone\nagent:    %s\n",
	       identity.name, identity.host, identity.manager, identity.port, identity.tpm,
	       runs ? "runs" : "does not run: systemctl start ringfence-agent");
	if (fd >= 0)
		close(fd);
	return runs ? 0 : 2;
}

static int cmd_leave(int argc, char **argv)
{
	struct rf_err err = {0};
	int rc = join_leave(agent_option(argc, argv, "--state-dir"), &err);

	if (rc)
		return fail(rc, &err);
	puts("left; the manager shows this host as stale until it is retired there: ringfence "
	     "host retire");
	return 0;
}

static int cmd_hook(int argc, char **argv)
{
	return argc > 0 && strcmp(argv[0], "qemu") == 0 ? hook_program(argc - 1, argv + 1) : 64;
}

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} commands[] = {
	{"join", cmd_join},   {"run", cmd_run},	  {"status", cmd_status},
	{"leave", cmd_leave}, {"hook", cmd_hook},
};

int main(int argc, char **argv)
{
	if (argc > 2 && strcmp(argv[1], "--role") == 0)
		return role_run(argc, argv);
	if (argc > 1 && strcmp(argv[1], "--version") == 0) {
		puts("ringfence-agent " RF_VERSION);
		return 0;
	}
	for (size_t i = 0; argc > 1 && i < RF_COUNT(commands); i++) {
		if (strcmp(commands[i].name, argv[1]) == 0)
			return commands[i].run(argc - 2, argv + 2);
	}
	bool help = argc > 1 && strcmp(argv[1], "--help") == 0;

	fputs(usage, help ? stdout : stderr);
	return help ? 0 : 64;
}
