/* SPDX-License-Identifier: Apache-2.0 */
/* The side of `isolate verify` that has no rights: starting the processes that have, and asking
 * them. What they answer is looked at, for size and for texts without an end. See prover.h. */
#include "isolate/prover.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "change/priv_wire.h"
#include "isolate/prover_wire.h"
#include "sys/sandbox.h"
#include "sys/through.h"

struct side {
	pid_t pid;
	int socket;
};

struct prover {
	struct side sides[PROVE_SIDES];
	struct sys_through files;
	char missing[2 * SANDBOX_MISSING_BYTES];
	struct prove_request request; /* large: not on the stack */
};

static int side_start(struct prover *prover, enum prove_side which, struct rf_err *err)
{
	struct side *side = &prover->sides[which];
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return rf_fail(err, -errno, "no socket: %s", rf_code_text(-errno));
	side->pid = fork();
	if (side->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(pair[0]);
		for (size_t i = 0; i < PROVE_SIDES; i++) {
			if (prover->sides[i].socket >= 0)
				close(prover->sides[i].socket);
		}
		prover_serve(pair[1], which);
		_exit(0);
	}
	close(pair[1]);
	side->socket = pair[0];
	return side->pid > 0 ? 0 : rf_fail(err, -EAGAIN, "no process");
}

static void side_stop(struct side *side)
{
	if (side->socket >= 0)
		close(side->socket);
	while (side->pid > 0 && waitpid(side->pid, NULL, 0) < 0 && errno == EINTR)
		;
}

void prover_stop(struct prover *prover)
{
	if (!prover)
		return;
	for (size_t i = 0; i < PROVE_SIDES; i++)
		side_stop(&prover->sides[i]);
	rf_free(prover);
}

static enum prove_side side_of(enum prove_op op)
{
	if (op == PROVE_LOAD || op == PROVE_PAGES)
		return PROVE_LOADS;
	return op == PROVE_TRY ? PROVE_TRIES : PROVE_ASKS;
}

/* Sends prover->request; what came is appended to out, at most max bytes. */
static int ask(struct prover *prover, enum prove_op op, size_t max, struct rf_buf *out,
	       struct rf_err *err)
{
	struct side *side = &prover->sides[side_of(op)];
	struct prove_reply reply;
	int memory = -1;

	prover->request.magic = PROVE_MAGIC;
	prover->request.op = (uint32_t)op;
	int rc = priv_send(side->socket, &prover->request, sizeof(prover->request), -1, err);

	if (!rc)
		rc = priv_receive(side->socket, &reply, sizeof(reply), &memory, err);
	memset(&prover->request, 0, sizeof(prover->request));
	if (rc < 0)
		return rf_wrap(err, rc, "the process that asks the kernel ended");
	reply.text[sizeof(reply.text) - 1] = '\0';
	if (reply.code < 0)
		rc = rf_fail(err, reply.code, "%s", reply.text);
	if (!rc && memory >= 0)
		rc = priv_memory_read(memory, max, out, err);
	if (memory >= 0)
		close(memory);
	return rc ? rc : (int)(reply.number & 1);
}

static int text_set(struct prover *prover, const char *text, struct rf_err *err)
{
	return rf_copy(prover->request.text, sizeof(prover->request.text), text)
		       ? 0
		       : rf_fail(err, -ENAMETOOLONG, "%.60s... is too long", text);
}

/* One answer of a fixed size. */
static int ask_one(struct prover *prover, enum prove_op op, void *out, size_t size,
		   struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf bytes = {0};
	int rc = ask(prover, op, size, &bytes, err);

	if (rc >= 0 && bytes.len != size)
		rc = rf_fail(err, RF_E_PEER, "the process that asks the kernel answered nonsense");
	if (rc < 0)
		return rc;
	memcpy(out, bytes.data, size);
	return 0;
}

/* ---- files ---- */

static int file_read(void *arg, const char *path, size_t max_bytes, struct rf_buf *out)
{
	struct prover *prover = arg;
	int rc = text_set(prover, path, NULL);

	prover->request.number = max_bytes;
	rc = rc ? rc : ask(prover, PROVE_READ, max_bytes, out, NULL);
	return rc < 0 ? rc : 0;
}

static int file_list(void *arg, const char *dir, struct rf_buf *out)
{
	struct prover *prover = arg;
	int rc = text_set(prover, dir, NULL);

	rc = rc ? rc : ask(prover, PROVE_LIST, PROVE_MAX_BYTES, out, NULL);
	return rc < 0 ? rc : 0;
}

static int file_exists(void *arg, const char *path)
{
	struct prover *prover = arg;
	RF_AUTOBUF struct rf_buf nothing = {0};
	int rc = text_set(prover, path, NULL);

	rc = rc ? rc : ask(prover, PROVE_EXISTS, 1, &nothing, NULL);
	return rc < 0 ? rc : 0;
}

int prover_host(struct prover *prover, struct sys **out, struct rf_err *err)
{
	return sys_open_through(&prover->files, out, err);
}

/* ---- the kernel ---- */

int prover_links(struct prover *prover, struct prover_link *out, size_t max, size_t *out_count,
		 struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf bytes = {0};
	int rc = ask(prover, PROVE_LINKS, GUARD_SLOTS * sizeof(*out), &bytes, err);

	if (rc >= 0 && bytes.len % sizeof(*out))
		rc = rf_fail(err, RF_E_PEER, "the process that asks the kernel answered nonsense");
	if (rc < 0)
		return rc;
	*out_count = bytes.len / sizeof(*out);
	for (size_t i = 0; i < *out_count && i < max; i++) {
		memcpy(&out[i], bytes.data + i * sizeof(*out), sizeof(*out));
		out[i].name[sizeof(out[i].name) - 1] = '\0';
	}
	return 0;
}

int prover_port(struct prover *prover, const char *link, struct prover_port *out,
		struct rf_err *err)
{
	int rc = text_set(prover, link, err);

	if (!rc)
		rc = ask_one(prover, PROVE_PORT, out, sizeof(*out), err);
	if (rc < 0)
		return rc;
	out->count = out->count > GUARD_PROBES ? GUARD_PROBES : out->count;
	out->problem[sizeof(out->problem) - 1] = '\0';
	for (size_t i = 0; i < GUARD_PROBES; i++) {
		struct prover_proof *p = &out->proofs[i];

		p->name[sizeof(p->name) - 1] = p->evidence[sizeof(p->evidence) - 1] = '\0';
	}
	return 0;
}

int prover_layer(struct prover *prover, const char *link, struct prover_layer *out,
		 struct rf_err *err)
{
	int rc = text_set(prover, link, err);

	return rc ? rc : ask_one(prover, PROVE_LAYER, out, sizeof(*out), err);
}

int prover_shape(struct prover *prover, const char *link, struct shape_seen *out,
		 struct rf_err *err)
{
	int rc = text_set(prover, link, err);

	if (!rc)
		rc = ask_one(prover, PROVE_SHAPE, out, sizeof(*out), err);
	if (rc < 0)
		return rc;
	out->state.root[sizeof(out->state.root) - 1] = '\0';
	out->state.ingress[sizeof(out->state.ingress) - 1] = '\0';
	return 0;
}

int prover_try(struct prover *prover, const struct shape_way *way, unsigned ms,
	       struct shape_trial *out, struct rf_err *err)
{
	if (prover->sides[PROVE_TRIES].socket < 0)
		return rf_fail(err, RF_E_UNSUPPORTED, "nobody is there to send frames");
	prover->request.way = *way;
	prover->request.number = ms;
	return ask_one(prover, PROVE_TRY, out, sizeof(*out), err);
}

int prover_load(struct prover *prover, const char *vm, const struct cpu_load *load,
		struct cpu_trial *out, struct rf_err *err)
{
	int rc = prover->sides[PROVE_LOADS].socket < 0
			 ? rf_fail(err, RF_E_UNSUPPORTED, "nobody is there to make load")
			 : text_set(prover, vm, err);

	prover->request.load = *load;
	return rc ? rc : ask_one(prover, PROVE_LOAD, out, sizeof(*out), err);
}

int prover_pages(struct prover *prover, unsigned max_ms, struct ksm_trial *out, struct rf_err *err)
{
	if (prover->sides[PROVE_LOADS].socket < 0)
		return rf_fail(err, RF_E_UNSUPPORTED, "nobody is there to offer pages");
	prover->request.number = max_ms;
	int rc = ask_one(prover, PROVE_PAGES, out, sizeof(*out), err);

	if (!rc && (unsigned)out->answer > KSM_UNKNOWN)
		rc = rf_fail(err, RF_E_PEER, "the process that offers pages answered nonsense");
	return rc;
}

const char *prover_missing(const struct prover *prover)
{
	return prover->missing;
}

int prover_start(bool trials, struct prover **out, bool *out_guarded, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf missing = {0};
	struct prover *prover = rf_alloc(1, sizeof(*prover));

	if (!prover)
		return rf_fail(err, -ENOMEM, "no memory");
	for (size_t i = 0; i < PROVE_SIDES; i++)
		prover->sides[i].socket = -1;
	prover->files = (struct sys_through){file_read, file_list, file_exists, prover};
	int rc = side_start(prover, PROVE_ASKS, err);

	if (!rc && trials)
		rc = side_start(prover, PROVE_TRIES, err);
	if (!rc && trials)
		rc = side_start(prover, PROVE_LOADS, err);
	if (!rc)
		rc = ask(prover, PROVE_HELLO, sizeof(prover->missing), &missing, err);
	if (rc < 0) {
		prover_stop(prover);
		return rc;
	}
	rf_format(prover->missing, sizeof(prover->missing), "%s", rf_buf_text(&missing));
	*out_guarded = rc == 1;
	*out = prover;
	return 0;
}
