/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets of VMs; see secrets.h. */
#include "agent/secrets.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/io.h"
#include "base/mem.h"
#include "base/str.h"
#include "change/priv_wire.h"
#include "sys/virtsecret.h"

#define LIBVIRT	   "qemu:///system"
#define FAULT_MAX  600
#define SWEEP_NAME "sweep"

/* ---- in priv ---- */

static void tell(struct role *role, const struct secret_order *order, const char *fault)
{
	const struct message m = {.kind = WIRE_SECRET,
				  .secret = {.vm = order->vm,
					     .secret = order->secret,
					     .fault = fault && fault[0] ? fault : NULL}};

	if (link_send(role->net, &m, (struct rf_slice){0}, NULL) < 0)
		agent_end(role, 1);
}

static void drop_first(struct secrets *s)
{
	if (s->queue[0].memory >= 0)
		close(s->queue[0].memory);
	s->count--;
	memmove(s->queue, s->queue + 1, s->count * sizeof(*s->queue));
	s->working = false;
}

static void next(struct secrets *s, struct role *role)
{
	while (!s->working && !s->sweeping && s->count > 0) {
		struct secret_order *first = &s->queue[0];
		const char *words[] = {first->memory >= 0 ? "set" : "forget", first->secret, NULL};
		struct rf_err err = {0};

		s->working = true;
		if (agent_ask_with(JOB_SECRET, first->secret, words, first->memory, &err) == 0)
			return;
		tell(role, first, rf_err_text(&err));
		drop_first(s);
	}
}

int secrets_sweep(struct secrets *secrets, struct rf_err *err)
{
	secrets->sweeping = true;
	return agent_ask_with(JOB_SECRET, SWEEP_NAME, (const char *const[]){SWEEP_NAME, NULL}, -1,
			      err);
}

int secrets_take(struct secrets *secrets, struct role *role, const struct wire_frame *frame,
		 struct rf_err *err)
{
	struct secret_order order = {.memory = -1};
	MESSAGE_AUTO struct message m = {.kind = WIRE_NONE};
	struct rf_err why = {0};
	int rc = message_read(frame->kind, frame->text, &m, err);

	if (rc)
		return rc;
	rf_copy(order.vm, sizeof(order.vm), m.secret.vm);
	rf_copy(order.secret, sizeof(order.secret), m.secret.secret);
	if (!virt_secret_uuid(order.secret))
		rc = rf_fail(&why, RF_E_SYNTAX, "not the UUID of a secret");
	else if (secrets->count == SECRETS_MAX)
		rc = rf_fail(&why, RF_E_LIMIT, "%u secrets wait already", SECRETS_MAX);
	if (!rc && frame->bytes.len > 0)
		rc = priv_memory_make(frame->bytes, &order.memory, &why);
	if (rc) {
		tell(role, &order, rf_err_text(&why));
		return 0;
	}
	secrets->queue[secrets->count++] = order;
	next(secrets, role);
	return 0;
}

void secrets_answer(struct secrets *secrets, struct role *role, const struct job_answer *answer,
		    int memory)
{
	RF_AUTOBUF struct rf_buf words = {0};

	if (memory >= 0 && priv_memory_read(memory, FAULT_MAX, &words, NULL) < 0)
		rf_buf_reset(&words);
	const char *fault = answer->exit == 0 ? "" : rf_buf_text(&words);

	if (answer->exit != 0 && !fault[0])
		fault = "the secret could not be handed to libvirt";
	if (secrets->sweeping && strcmp(answer->id, SWEEP_NAME) == 0) {
		secrets->sweeping = false;
	} else if (secrets->working && strcmp(answer->id, secrets->queue[0].secret) == 0) {
		tell(role, &secrets->queue[0], fault);
		drop_first(secrets);
	}
	next(secrets, role);
}

/* ---- the job: its words on standard output say what went wrong ---- */

static int set(const char *uuid, struct rf_err *err)
{
	uint8_t value[SECRETS_BYTES];
	size_t len = 0;
	ssize_t n = 1;

	/* The descriptor is priv's, too: where it stands is nobody's promise. */
	while (n > 0 && len < sizeof(value)) {
		n = pread(STDIN_FILENO, value + len, sizeof(value) - len, (off_t)len);
		len += n > 0 ? (size_t)n : 0;
	}
	int rc = n < 0 || len == 0
			 ? rf_fail(err, RF_E_TRUNCATED, "the secret's value did not come")
			 : virt_secret_set(LIBVIRT, uuid, (struct rf_slice){value, len}, err);

	rf_wipe(value, sizeof(value));
	return rc;
}

static bool libvirt_here(void)
{
	return access("/run/libvirt/libvirt-sock", F_OK) == 0 ||
	       access("/run/libvirt/virtqemud-sock", F_OK) == 0;
}

int agent_secret_run(int argc, char **argv)
{
	const struct rlimit none = {0, 0};
	const char *uuid = agent_option(argc, argv, "set");
	const char *forget = agent_option(argc, argv, "forget");
	char missing[SANDBOX_MISSING_BYTES];
	struct rf_err err = {0};
	int rc = 0;

	(void)setrlimit(RLIMIT_CORE, &none);
	/* Without libvirt there is nothing to forget. */
	if (!uuid && !libvirt_here())
		return 0;
	rc = sandbox_enter(SANDBOX_COLLECT_LIBVIRT, NULL, 0, missing, &err);
	if (!rc && uuid)
		rc = set(uuid, &err);
	else if (!rc)
		rc = virt_secret_forget(LIBVIRT, forget, &err);
	if (!rc)
		return 0;
	agent_say("secret", "%s", rf_err_text(&err));
	return rf_write_all(STDOUT_FILENO, rf_slice_text(rf_err_text(&err))) ? 2 : 1;
}
