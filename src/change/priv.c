/* SPDX-License-Identifier: Apache-2.0 */
/* The side that plans: starting the privileged process and asking it. See priv.h. */
#include "change/priv.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "change/priv_wire.h"

#define MAX_ARGS (2 * RF_COUNT(((struct priv_options *)0)->given) + 12)

struct priv {
	pid_t pid;
	int socket;
	void (*tell)(void *arg, size_t done, size_t count);
	void *tell_arg;
	struct priv_request request; /* large: not on the stack */
};

static void child_exec(int socket, const struct priv_options *options)
{
	const char *argv[MAX_ARGS];
	char *const env[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", NULL};
	const char *program = options->program ? options->program : "/proc/self/exe";
	size_t n = 0;

	argv[n++] = "ringfence";
	argv[n++] = "--role";
	argv[n++] = "priv";
	argv[n++] = "--root";
	argv[n++] = options->root ? options->root : "/";
	for (size_t i = 0; i < options->given_count; i++) {
		argv[n++] = "--given";
		argv[n++] = options->given[i];
	}
	if (options->state) {
		argv[n++] = "--state";
		argv[n++] = options->state;
	}
	argv[n] = NULL;
	/* The role finds its socket at 3, and nothing else of ours. */
	if (socket != 3 && dup2(socket, 3) < 0)
		_exit(127);
	fcntl(3, F_SETFD, 0);
	close_range(4, ~0u, 0);
	execve(program, (char *const *)argv, env);
	_exit(127);
}

void priv_stop(struct priv *priv)
{
	if (!priv)
		return;
	if (priv->socket >= 0)
		close(priv->socket);
	while (priv->pid > 0 && waitpid(priv->pid, NULL, 0) < 0 && errno == EINTR)
		;
	rf_free(priv);
}

/* How far it is comes before the answer; it holds no memory. */
static int answer_take(struct priv *priv, struct priv_reply *reply, int *out_memory,
		       struct rf_err *err)
{
	int rc = priv_receive(priv->socket, reply, sizeof(*reply), out_memory, err);

	while (rc == 0 && reply->more) {
		if (priv->tell)
			priv->tell(priv->tell_arg, reply->applied_count, reply->targets_count);
		rc = priv_receive(priv->socket, reply, sizeof(*reply), out_memory, err);
	}
	return rc;
}

/* Sends priv->request and takes the answer; memory that came is appended to out. */
static int ask(struct priv *priv, enum priv_op op, int fd, struct priv_reply *reply,
	       struct rf_buf *out, struct rf_err *err)
{
	int memory = -1;

	priv->request.magic = PRIV_MAGIC;
	priv->request.op = (uint32_t)op;
	int rc = priv_send(priv->socket, &priv->request, sizeof(priv->request), fd, err);

	/* A side that refused to start has said why before it went. */
	if (rc == 0 || op == PRIV_HELLO)
		rc = answer_take(priv, reply, &memory, err);
	memset(&priv->request, 0, sizeof(priv->request));
	if (rc < 0)
		return rf_wrap(err, rc, "the privileged process ended");
	reply->text[sizeof(reply->text) - 1] = '\0';
	if (reply->code < 0)
		rc = rf_fail(err, reply->code, "%s", reply->text);
	if (!rc && memory >= 0 && out)
		rc = priv_memory_read(memory, CHANGE_MAX_STATE, out, err);
	if (memory >= 0)
		close(memory);
	return rc;
}

int priv_start(const struct priv_options *options, struct priv **out, struct rf_buf *recovered,
	       struct rf_err *err)
{
	struct priv *priv = rf_alloc(1, sizeof(*priv));
	struct priv_reply reply;
	int pair[2];

	if (!priv)
		return rf_fail(err, -ENOMEM, "no memory");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		rf_free(priv);
		return rf_fail(err, -errno, "no socket: %s", rf_code_text(-errno));
	}
	priv->socket = pair[0];
	priv->pid = fork();
	if (priv->pid == 0)
		child_exec(pair[1], options);
	close(pair[1]);
	int rc = priv->pid < 0 ? rf_fail(err, -EAGAIN, "no process") : 0;

	if (!rc)
		rc = ask(priv, PRIV_HELLO, -1, &reply, recovered, err);
	if (rc < 0) {
		priv_stop(priv);
		return rc;
	}
	*out = priv;
	return 0;
}

int priv_read(void *arg, const struct change_spec *spec, struct rf_buf *out_state,
	      struct rf_err *err)
{
	struct priv *priv = arg;
	struct priv_reply reply;

	priv->request.spec = *spec;
	return ask(priv, PRIV_READ, -1, &reply, out_state, err);
}

static int id_set(struct priv *priv, const char *id, struct rf_err *err)
{
	return rf_copy(priv->request.id, sizeof(priv->request.id), id)
		       ? 0
		       : rf_fail(err, RF_E_SYNTAX, "%.40s is no id of a change", id);
}

static void result_take(const struct priv_reply *reply, struct priv_result *out)
{
	*out = (struct priv_result){.applied_count = reply->applied_count,
				    .undone = reply->undone,
				    .unconfirmed = reply->unconfirmed,
				    .incomplete = reply->incomplete};
	if (reply->code >= 0)
		rf_copy(out->text, sizeof(out->text), reply->text);
}

static int begin(struct priv *priv, const struct plan *plan, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf json = {0};
	struct priv_reply reply;
	int memory = -1;
	int rc = plan_write(plan, &json, err);

	if (!rc)
		rc = priv_memory_make(rf_buf_slice(&json), &memory, err);
	if (!rc)
		rc = id_set(priv, plan->id, err);
	if (!rc)
		rc = ask(priv, PRIV_BEGIN, memory, &reply, NULL, err);
	if (memory >= 0)
		close(memory);
	return rc;
}

int priv_apply(struct priv *priv, const struct plan *plan, unsigned confirm_within_s,
	       struct priv_result *out, struct rf_err *err)
{
	struct priv_reply reply = {0};

	*out = (struct priv_result){0};
	int rc = begin(priv, plan, err);

	for (size_t i = 0; rc == 0 && i < plan->count; i++) {
		priv->request.spec = plan->changes[i].spec;
		rc = ask(priv, PRIV_STEP, -1, &reply, NULL, err);
	}
	if (rc < 0)
		return rf_wrap(err, rc, "nothing was changed");
	priv->request.number = confirm_within_s;
	rc = ask(priv, PRIV_COMMIT, -1, &reply, NULL, err);
	result_take(&reply, out);
	return rc;
}

int priv_confirm(struct priv *priv, const char *id, struct rf_err *err)
{
	struct priv_reply reply;
	int rc = id_set(priv, id, err);

	return rc ? rc : ask(priv, PRIV_CONFIRM, -1, &reply, NULL, err);
}

int priv_rollback(struct priv *priv, const char *id, struct priv_result *out, struct rf_err *err)
{
	struct priv_reply reply = {0};
	int rc = id_set(priv, id ? id : "", err);

	if (!rc)
		rc = ask(priv, PRIV_ROLLBACK, -1, &reply, NULL, err);
	result_take(&reply, out);
	return rc;
}

int priv_let_go(struct priv *priv, const char *id, const char *part, struct priv_result *out,
		struct rf_err *err)
{
	struct priv_reply reply = {0};
	int rc = id_set(priv, id, err);

	rf_format(priv->request.text, sizeof(priv->request.text), "%s", part);
	if (!rc)
		rc = ask(priv, PRIV_LET_GO, -1, &reply, NULL, err);
	result_take(&reply, out);
	return rc;
}

void priv_progress(struct priv *priv, void (*tell)(void *arg, size_t done, size_t count), void *arg)
{
	priv->tell = tell;
	priv->tell_arg = arg;
}

int priv_note(struct priv *priv, const char *kind, const char *plan_id, const char *text,
	      struct rf_err *err)
{
	struct priv_reply reply;
	int rc = id_set(priv, plan_id, err);

	rf_format(priv->request.text, sizeof(priv->request.text), "%s: %s", kind, text);
	return rc ? rc : ask(priv, PRIV_NOTE, -1, &reply, NULL, err);
}
