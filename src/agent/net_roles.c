/* SPDX-License-Identifier: Apache-2.0 */
/* What `collect` and `priv` send: numbered frames go into the spool under its numbers before they
 * are confirmed to who sent them, evidence straight on. See net.h. */
#include "agent/net.h"

#include <event2/event.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

static const struct {
	const char *name;
	int fd;
	enum wire_kind sends[6]; /* what it may send; ends with WIRE_NONE */
} roles[NET_ROLES] = {
	[NET_COLLECT] = {"collect",
			 ROLE_NET_TO_COLLECT,
			 {WIRE_EVIDENCE, WIRE_MEASURED, WIRE_FACTS, WIRE_LEDGER, WIRE_EVENT,
			  WIRE_NONE}},
	[NET_PRIV] = {"priv", ROLE_NET_TO_PRIV, {WIRE_RESULT, WIRE_EVENT, WIRE_SECRET, WIRE_NONE}},
};

/* The number in a message that is kept; NULL for other kinds. */
static int64_t *number_of(struct message *m)
{
	switch (m->kind) {
	case WIRE_FACTS:
		return &m->facts.number;
	case WIRE_LEDGER:
		return &m->ledger.number;
	case WIRE_EVENT:
		return &m->event.number;
	case WIRE_RESULT:
		return &m->result.number;
	default:
		return NULL;
	}
}

/* Adds a message under the spool's number. */
static int keep(struct net *net, struct message *m, struct rf_slice bytes, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf text = {0};

	*number_of(m) = (int64_t)spool_number(net->spool);
	int rc = message_text(m, &text, err);

	if (!rc)
		rc = spool_add(net->spool,
			       &(struct wire_frame){m->kind, rf_buf_slice(&text), bytes}, err);
	net_loss_tell(net);
	net_pump(net);
	return rc;
}

void net_event(struct net *net, const char *kind, const char *about, const char *text)
{
	struct message m = {
		.kind = WIRE_EVENT,
		.event = {.kind = kind, .about = about, .text = text, .at_ms = agent_now_ms()}};
	struct rf_err err = {0};

	if (keep(net, &m, (struct rf_slice){0}, &err) < 0)
		agent_say("net", "event %s: %s", kind, rf_err_text(&err));
}

/* One event for all that was lost until there is a manager to tell: no flood by our own doing. */
void net_loss_tell(struct net *net)
{
	struct spool_loss loss;
	char text[300] = "";

	spool_loss_take(net->spool, &loss);
	/* Both can be sent again. */
	bool again = loss.dropped[WIRE_FACTS] > 0 || loss.dropped[WIRE_LEDGER] > 0;

	for (size_t i = 0; i < WIRE_KIND_COUNT; i++)
		net->loss.dropped[i] += loss.dropped[i];
	net->loss.damaged += loss.damaged;
	if (again)
		net_facts_ask(net, true);
	if (!net->welcome || (spool_loss_count(&net->loss) == 0 && net->loss.damaged == 0))
		return;
	for (size_t i = 0; i < WIRE_KIND_COUNT; i++) {
		size_t len = strlen(text);

		if (net->loss.dropped[i])
			rf_format(text + len, sizeof(text) - len, "%llu of kind %s; ",
				  (unsigned long long)net->loss.dropped[i],
				  wire_row((enum wire_kind)i)->name);
	}
	size_t len = strlen(text);

	rf_format(text + len, sizeof(text) - len,
		  "%llu damaged: what the manager could not take was more than the spool holds",
		  (unsigned long long)net->loss.damaged);
	net->loss = (struct spool_loss){.damaged = 0};
	net_event(net, "spool-dropped", "", text);
}

static void confirm(struct link *link, int64_t number)
{
	const struct message m = {.kind = WIRE_CONFIRM, .confirm = {.number = number}};

	if (link_send(link, &m, (struct rf_slice){0}, NULL) < 0)
		link_close(link, "it does not read");
}

/* What net itself does for a verb that priv has found good. */
static void done_by_net(struct net *net, const struct message *m)
{
	if (m->result.exit != 0 || !m->result.text)
		return;
	if (strcmp(m->result.text, "facts") == 0)
		net_facts_ask(net, true);
	else if (strcmp(m->result.text, "renew") == 0)
		net_renew(net);
}

static int kept_take(struct net *net, struct link *link, struct message *m, struct rf_slice bytes)
{
	const int64_t theirs = *number_of(m);
	struct rf_err err = {0};
	int rc = keep(net, m, bytes, &err);

	if (!rc) {
		confirm(link, theirs);
		if (m->kind == WIRE_RESULT)
			done_by_net(net, m);
		return 0;
	}
	agent_say("net", "%s", rf_err_text(&err));
	/* Facts can be sent again as a whole, and so can entries; of the rest the loss is told. */
	if (m->kind != WIRE_FACTS && m->kind != WIRE_LEDGER) {
		confirm(link, theirs);
		return 0;
	}
	const struct message no = {.kind = WIRE_REFUSED, .refused = {.reason = "no room"}};

	return link_send(link, &no, (struct rf_slice){0}, NULL);
}

static int evidence_take(struct net *net, const struct wire_frame *frame)
{
	struct rf_err err = {0};

	if (net->manager && net->welcome && link_send_frame(net->manager, frame, &err) == 0) {
		spool_evidence_drop(net->spool);
		return 0;
	}
	/* The manager asks anew when it is back: this one is kept as a record. */
	if (spool_evidence_keep(net->spool, frame, &err) < 0)
		agent_say("net", "evidence: %s", rf_err_text(&err));
	return 0;
}

static int take(struct net *net, enum net_role role, const struct wire_frame *frame,
		struct rf_err *err)
{
	MESSAGE_AUTO struct message m = {.kind = WIRE_NONE};
	bool may = false;

	for (const enum wire_kind *k = roles[role].sends; *k != WIRE_NONE; k++)
		may = may || *k == frame->kind;
	if (!may)
		return rf_fail(err, RF_E_DENIED, "%s may not send this", roles[role].name);
	if (frame->kind == WIRE_EVIDENCE)
		return evidence_take(net, frame);
	/* A manager that is not there asks when it comes back. */
	if (frame->kind == WIRE_MEASURED)
		return net->manager && net->welcome ? link_send_frame(net->manager, frame, err) : 0;
	int rc = message_read(frame->kind, frame->text, &m, err);

	if (!rc && frame->kind == WIRE_SECRET) {
		net_local_done(net, &m);
		return 0;
	}
	return rc ? rc : kept_take(net, net->roles[role], &m, frame->bytes);
}

static int on_collect(void *arg, struct link *link, const struct wire_frame *frame,
		      struct rf_err *err)
{
	(void)link;
	return take(arg, NET_COLLECT, frame, err);
}

static int on_priv(void *arg, struct link *link, const struct wire_frame *frame, struct rf_err *err)
{
	(void)link;
	return take(arg, NET_PRIV, frame, err);
}

static void on_closed(void *arg, struct link *link, const char *why)
{
	struct net *net = arg;

	for (size_t i = 0; i < NET_ROLES; i++) {
		if (net->roles[i] != link)
			continue;
		net->roles[i] = NULL;
		agent_say("net", "%s is gone%s%s", roles[i].name, why[0] ? ": " : "", why);
	}
	/* What it said last is on its way to the manager still. */
	const struct timeval farewell = {.tv_usec = 200000};

	net->result = 1;
	(void)event_base_loopexit(net->base, &farewell);
}

int net_roles_open(struct net *net, struct rf_err *err)
{
	static const struct link_handlers handlers[NET_ROLES] = {
		[NET_COLLECT] = {.frame = on_collect, .closed = on_closed},
		[NET_PRIV] = {.frame = on_priv, .closed = on_closed},
	};
	int rc = 0;

	for (size_t i = 0; !rc && i < NET_ROLES; i++) {
		const struct link_options o = {.base = net->base,
					       .fd = roles[i].fd,
					       .side = {WIRE_AGENT, WIRE_SESSION},
					       .handlers = &handlers[i],
					       .arg = net};

		rc = link_new(&o, &net->roles[i], err);
	}
	return rc;
}

int net_roles_pass(struct net *net, enum net_role role, const struct wire_frame *frame,
		   struct rf_err *err)
{
	return net->roles[role] ? link_send_frame(net->roles[role], frame, err)
				: rf_fail(err, RF_E_PEER, "%s is gone", roles[role].name);
}

void net_facts_ask(struct net *net, bool whole)
{
	const struct message m = {.kind = WIRE_WELCOME,
				  .welcome = {.host = net->identity.host,
					      .state = "NEW",
					      .confirmed = whole ? 0 : 1,
					      .now_ms = agent_now_ms(),
					      .evidence_s = 1,
					      .facts_s = net->facts_s ? net->facts_s : 3600,
					      .idle_s = 1}};

	if (net->roles[NET_COLLECT] &&
	    link_send(net->roles[NET_COLLECT], &m, (struct rf_slice){0}, NULL) < 0)
		agent_say("net", "collect does not read");
}
