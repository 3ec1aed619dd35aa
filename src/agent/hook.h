/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libvirt's qemu hook: a VM that wants a trusted host does not start on, or come to, one that is
 * not. It asks the agent's socket for at most HOOK_MS and never calls libvirt, which would wait for
 * the hook. Sources: libvirt.org/hooks.html.
 */
#ifndef RF_AGENT_HOOK_H
#define RF_AGENT_HOOK_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

#define HOOK_MS	       50
#define HOOK_SECRET_MS 12000 /* a secret comes from the manager, and goes to libvirt */
#define HOOK_SECRETS   16
#define HOOK_CONFIG    "/etc/ringfence/hook.yaml"
#define HOOK_TAG_URI   "https://ringfence.example/vm/1"

struct hook_site {
	bool open_on_silence; /* on-silence: open; closed is what stands without a file */
	struct rf_buf vms;    /* patterns of names, each with its NUL: trusted: [...] */
};
void hook_site_done(struct hook_site *site);

/* Reads hook.yaml's text: `on-silence: open|closed`, `trusted: [PATTERN...]`. Errors name the line;
 * a site whose file is broken is closed for all VMs. */
int hook_site_parse(struct rf_slice text, struct hook_site *out, struct rf_err *err) RF_MUST_CHECK;

/* What is asked for an operation: "start", "migrate", "forget" (the secrets: QEMU has them, or is
 * gone); NULL: nothing (any other operation). */
const char *hook_question(const char *operation, const char *sub_operation);

/* Does this VM want a trusted host: by the site's patterns, or by its definition (XML as the hook
 * gets it): <metadata><trusted xmlns="HOOK_TAG_URI"/></metadata>. RF_E_SYNTAX for no such XML. */
int hook_tagged(const struct hook_site *site, const char *vm, struct rf_slice xml, bool *out,
		struct rf_err *err) RF_MUST_CHECK;

/* The secrets that the manager keeps for this VM: all that its disks and its TPM are opened with,
 * where the tag says so: <trusted xmlns="HOOK_TAG_URI" secrets="manager"/>. */
struct hook_secrets {
	char vm[37]; /* its UUID */
	char uuids[HOOK_SECRETS][37];
	size_t count;
};
/* RF_E_SYNTAX for no such XML, RF_E_LIMIT. */
int hook_secrets_of(struct rf_slice xml, struct hook_secrets *out,
		    struct rf_err *err) RF_MUST_CHECK;

/* Asks socket; 0: yes, RF_E_DENIED: no with its reason, RF_E_TIMEOUT: silence for so long. */
struct hook_question {
	const char *socket, *question, *about;
	int64_t limit_ms;
};
int hook_ask(const struct hook_question *question, struct rf_err *err) RF_MUST_CHECK;

/* The whole program: argv are libvirt's four words behind "hook qemu"; an exit status. */
int hook_program(int argc, char **argv);

#endif
