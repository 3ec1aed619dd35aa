/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The role `priv`: takes commands that net brings, believes none that the manager has not signed
 * (command.h), and has them done by the supervisor, one after the other, as command lines of
 * `ringfence`. Each command that is accepted has one result, whatever crashes: its serial and its
 * id are on disk before anything else, and what is not done at the next start is asked for (is it
 * at work still?), else told of as interrupted.
 */
#include <errno.h>
#include <event2/event.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/command.h"
#include "agent/role.h"
#include "agent/secrets.h"
#include "base/mem.h"
#include "base/str.h"
#include "change/priv_wire.h"
#include "sys/state.h"

#define ORDERS_NAME  "orders"
#define ORDERS_BYTES 16384u
#define FILE_NAME    "given"
#define QUEUE_MAX    16u
#define TEXT_BYTES   600
#define EXIT_REFUSED (-1)
#define EXIT_LOST    (-2)
#define EXIT_NONE    (-255)

/* A command that is accepted and not done. */
struct order {
	char id[COMMAND_ID_BYTES];
	char verb[COMMAND_ID_BYTES];
	struct command command; /* not there after a restart */
	bool begun;
};

struct orders {
	struct role role; /* first: callbacks get it back */
	int64_t serial;
	struct order queue[QUEUE_MAX];
	size_t count;
	bool working; /* on queue[0] */
	int64_t numbers;
	int64_t result; /* number of the result of queue[0]; 0: none yet */
	struct secrets secrets;
};

/* ---- on disk ---- */

static int orders_write(struct orders *o, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf text = {0};

	rf_buf_printf(&text, "serial %lld\n", (long long)o->serial);
	for (size_t i = 0; i < o->count; i++)
		rf_buf_printf(&text, "open %s %s %s\n", o->queue[i].id, o->queue[i].verb,
			      o->queue[i].begun ? "begun" : "waits");
	return text.failed ? -ENOMEM
			   : state_write(o->role.dir, ORDERS_NAME, rf_buf_slice(&text), err);
}

static int line_read(struct orders *o, char *line)
{
	char *cursor = line;
	const char *what = rf_word_next(&cursor), *first = cursor ? rf_word_next(&cursor) : NULL;
	const char *verb = cursor ? rf_word_next(&cursor) : NULL;

	if (!what)
		return 0;
	if (strcmp(what, "serial") == 0 && first)
		return rf_num(first, 10, 0, INT64_MAX, &o->serial);
	if (strcmp(what, "open") != 0 || !first || !verb || o->count == QUEUE_MAX)
		return RF_E_SYNTAX;
	struct order *order = &o->queue[o->count++];

	*order = (struct order){.begun = true};
	return rf_copy(order->id, sizeof(order->id), first) &&
			       rf_copy(order->verb, sizeof(order->verb), verb)
		       ? 0
		       : RF_E_SYNTAX;
}

/* A damaged file is no reason to take old commands again: then none is taken. */
static int orders_read(struct orders *o, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf text = {0};
	int rc = state_read(o->role.dir, ORDERS_NAME, ORDERS_BYTES, &text, err);

	if (rc == -ENOENT)
		return 0;
	char *cursor = rc ? NULL : (char *)text.data, *line;

	while (!rc && cursor && (line = rf_line_next(&cursor)))
		rc = line_read(o, line);
	return rc ? rf_wrap(err, rc, "%s/%s", o->role.dir, ORDERS_NAME) : 0;
}

/* ---- answers ---- */

struct result {
	const char *id;
	int exit;
	const char *text;
	struct rf_slice output;
};

static void result_send(struct orders *o, const struct result *r)
{
	const struct message m = {.kind = WIRE_RESULT,
				  .result = {.number = ++o->numbers,
					     .command = r->id,
					     .exit = r->exit,
					     .text = r->text}};
	struct rf_err err = {0};

	if (link_send(o->role.net, &m, r->output, &err) < 0) {
		agent_say("priv", "result of %s: %s", r->id, rf_err_text(&err));
		agent_end(&o->role, 1);
	}
}

static void event_send(struct orders *o, const char *kind, const char *about, const char *text)
{
	const struct message m = {.kind = WIRE_EVENT,
				  .event = {.number = ++o->numbers,
					    .kind = kind,
					    .about = about,
					    .text = text,
					    .at_ms = agent_now_ms()}};

	if (link_send(o->role.net, &m, (struct rf_slice){0}, NULL) < 0)
		agent_say("priv", "%s: %s", kind, text);
}

static void next_order(struct orders *o);

/* The first order has its result: net keeps it (CONFIRM), then it is forgotten. Until then it
 * stands on disk. */
static void order_done(struct orders *o, int status, const char *text, struct rf_slice output)
{
	const struct result r = {o->queue[0].id, status, text, output};

	result_send(o, &r);
	o->result = o->numbers;
}

static void order_forget(struct orders *o)
{
	struct rf_err err = {0};
	bool retired = strcmp(o->queue[0].verb, "retire") == 0;

	command_done(&o->queue[0].command);
	o->count--;
	memmove(o->queue, o->queue + 1, o->count * sizeof(*o->queue));
	memset(&o->queue[o->count], 0, sizeof(*o->queue));
	o->working = false;
	o->result = 0;
	if (orders_write(o, &err) < 0)
		agent_say("priv", "%s", rf_err_text(&err));
	if (retired)
		agent_end(&o->role, ROLE_EXIT_RETIRED);
	else
		next_order(o);
}

/* ---- doing ---- */

static int line_ask(struct orders *o, struct order *order, struct rf_err *err)
{
	COMMAND_AUTOLINE struct command_line line = {.count = 0};
	const char *words[COMMAND_WORDS + 1];
	char path[RF_MAX_PATH_BYTES + 16];
	size_t n = 0;

	rf_format(path, sizeof(path), "%s/%s", o->role.dir, FILE_NAME);
	int rc = command_line_make(&order->command, path, &line, err);

	if (!rc && line.file_text)
		rc = state_write(o->role.dir, FILE_NAME, rf_slice_text(line.file_text), err);
	for (; !rc && command_line_word(&line, n); n++)
		words[n] = command_line_word(&line, n);
	words[n] = NULL;
	return rc ? rc : agent_ask(&o->role, JOB_COMMAND, order->id, words, err);
}

static void order_do(struct orders *o, struct order *order)
{
	struct rf_err err = {0};
	int rc = 0;

	order->begun = true;
	rc = orders_write(o, &err);
	if (!rc && order->command.verb->by == COMMAND_BY_LINE)
		rc = line_ask(o, order, &err);
	if (rc < 0)
		order_done(o, EXIT_REFUSED, rf_err_text(&err), (struct rf_slice){0});
	else if (order->command.verb->by != COMMAND_BY_LINE)
		/* net does it when it sees this result: the command was the manager's. */
		order_done(o, 0, order->verb, (struct rf_slice){0});
}

static void next_order(struct orders *o)
{
	struct rf_err err = {0};

	if (o->working || o->count == 0)
		return;
	o->working = true;
	if (o->queue[0].command.verb) {
		order_do(o, &o->queue[0]);
		return;
	}
	/* Of an earlier life: is it at work still? */
	if (agent_ask(&o->role, JOB_RUNNING, o->queue[0].id, NULL, &err) < 0)
		agent_end(&o->role, 1);
}

static void on_answer(struct role *role, const struct job_answer *answer, int memory)
{
	struct orders *o = (struct orders *)role;
	RF_AUTOBUF struct rf_buf out = {0};
	const size_t most = wire_row(WIRE_RESULT)->bytes_max;
	char text[TEXT_BYTES];

	if (answer->kind == JOB_SECRET) {
		secrets_answer(&o->secrets, role, answer, memory);
		return;
	}
	if (!o->working || strcmp(answer->id, o->queue[0].id) != 0)
		return;
	if (answer->exit == JOB_UNKNOWN) {
		order_done(o, EXIT_LOST,
			   "it was interrupted: whether it was done is not known; its changes are "
			   "in the host's ledger, whole or undone",
			   (struct rf_slice){0});
		return;
	}
	if (memory >= 0 && priv_memory_read(memory, JOB_OUTPUT_MAX, &out, NULL) < 0)
		rf_buf_reset(&out);
	if (answer->exit < 0)
		rf_format(text, sizeof(text), "%s was ended by signal %d", o->queue[0].verb,
			  -answer->exit);
	else
		rf_format(text, sizeof(text), "%s: exit status %d%s", o->queue[0].verb,
			  answer->exit, out.len > most ? "; its output was cut" : "");
	order_done(o, answer->exit < EXIT_NONE ? EXIT_NONE : answer->exit, text,
		   (struct rf_slice){out.data, out.len < most ? out.len : most});
}

/* ---- taking ---- */

static void refuse(struct orders *o, const struct command *command, int rc, bool good,
		   const struct rf_err *err)
{
	const char *id = good && command->message.kind == WIRE_COMMAND
				 ? command->message.command.command
				 : NULL;

	event_send(o, "command-refused", id, rf_err_text(err));
	/* A replay had its result; what nobody signed has none. */
	if (!id || rc == RF_E_DUPLICATE)
		return;
	result_send(o, &(struct result){id, EXIT_REFUSED, rf_err_text(err), {0}});
}

static int command_take(struct orders *o, const struct wire_frame *frame)
{
	struct command_context context = {
		.host = o->role.identity.host, .now_ms = agent_now_ms(), .serial = o->serial};
	struct order *order = &o->queue[o->count];
	struct command command;
	struct rf_err err = {0};
	bool good = false;

	memcpy(context.key, o->role.identity.command_key, sizeof(context.key));
	int rc = command_check(frame, &context, &command, &good, &err);

	if (!rc && o->count == QUEUE_MAX)
		rc = rf_fail(&err, RF_E_LIMIT, "%u commands wait already", QUEUE_MAX);
	if (rc) {
		refuse(o, &command, rc, good, &err);
		command_done(&command);
		return 0;
	}
	*order = (struct order){.command = command};
	rf_copy(order->id, sizeof(order->id), command.message.command.command);
	rf_copy(order->verb, sizeof(order->verb), command.verb->name);
	o->serial = command.message.command.serial;
	o->count++;
	rc = orders_write(o, &err);
	if (rc) {
		/* What could not be kept is not done: it could be replayed. */
		o->count--;
		refuse(o, &command, rc, true, &err);
		command_done(&command);
		return 0;
	}
	next_order(o);
	return 0;
}

static int on_frame(struct role *role, const struct wire_frame *frame, struct rf_err *err)
{
	struct orders *o = (struct orders *)role;

	if (frame->kind == WIRE_COMMAND)
		return command_take(o, frame);
	if (frame->kind == WIRE_SECRET)
		return secrets_take(&o->secrets, role, frame, err);
	if (frame->kind != WIRE_CONFIRM)
		return rf_fail(err, RF_E_DENIED, "not for priv");
	MESSAGE_AUTO struct message m = {.kind = WIRE_NONE};
	int rc = message_read(frame->kind, frame->text, &m, err);

	/* Results of other commands (refused ones) and events are confirmed, too. */
	if (!rc && o->result && m.confirm.number == o->result)
		order_forget(o);
	return rc;
}

int agent_priv_run(int argc, char **argv)
{
	static struct orders o = {.role = {.name = "priv", .frame = on_frame, .answer = on_answer}};
	struct rf_err err = {0};
	int rc = agent_start(&o.role, agent_option(argc, argv, "--state"), &err);

	if (!rc)
		rc = orders_read(&o, &err);
	if (!rc)
		rc = secrets_sweep(&o.secrets, &err);
	if (rc) {
		agent_say("priv", "%s", rf_err_text(&err));
		return 1;
	}
	next_order(&o);
	return agent_loop(&o.role);
}
