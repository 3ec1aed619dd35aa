/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the role `net`: the session with the manager (net.c), what comes from the other
 * roles and goes into the spool (net_roles.c), and questions of this host's own hooks
 * (net_local.c). Not for others. */
#ifndef RF_AGENT_NET_H
#define RF_AGENT_NET_H

#include "agent/dial.h"
#include "agent/role.h"
#include "agent/spool.h"

enum net_role { NET_COLLECT, NET_PRIV, NET_ROLES };

struct evp_pkey_st;

/* The last verdict; state "" where there was none. */
struct net_verdict {
	char state[33];
	int64_t at_ms, valid_ms;
};

struct net {
	struct event_base *base;
	struct identity identity;
	char dir[RF_MAX_PATH_BYTES];
	char boot[64]; /* the kernel's id of this boot */
	struct spool *spool;
	struct link *roles[NET_ROLES];
	/* The session. */
	struct dial *dial;
	struct tls *tls;
	struct evp_pkey_st *key;
	struct rf_buf authority;
	struct link *manager;
	bool welcome, renewing;
	uint64_t sent;	   /* highest number that went out in this session */
	unsigned failures; /* in a row */
	int64_t retry_ms;  /* that the manager asked for; -1: none */
	int64_t renew_s, end_s, ping_ms, welcome_ms;
	struct event *redial, *ping;
	/* What the manager said last. */
	int64_t facts_s;
	struct net_verdict verdict;
	struct spool_loss loss; /* not told of yet */
	struct event *local;
	struct caller *callers; /* hooks that wait for a secret */
	int result;
};

/* ---- net_roles.c ---- */

/* Links to the two roles. */
int net_roles_open(struct net *net, struct rf_err *err) RF_MUST_CHECK;
/* A frame for a role, as it came. */
int net_roles_pass(struct net *net, enum net_role role, const struct wire_frame *frame,
		   struct rf_err *err) RF_MUST_CHECK;
/* Tells collect how often facts are wanted; whole: that all of them are. */
void net_facts_ask(struct net *net, bool whole);
/* Adds an event of our own to the spool. */
void net_event(struct net *net, const char *kind, const char *about, const char *text);
/* Tells of what the spool lost, if it did. */
void net_loss_tell(struct net *net);

/* ---- net.c ---- */

/* Sends what waits in the spool, as long as the manager takes it. */
void net_pump(struct net *net);
/* Asks for a new certificate. */
void net_renew(struct net *net);

/* ---- net_local.c ---- */

/* Answers hooks on the socket that listens at ROLE_NET_TO_LOCAL, if there is one. */
int net_local_open(struct net *net, struct rf_err *err) RF_MUST_CHECK;

/* SECRET of the manager: to priv, if a hook waits for it; else it is dropped. */
int net_local_secret(struct net *net, const struct message *message, const struct wire_frame *frame,
		     struct rf_err *err) RF_MUST_CHECK;
/* SECRET of priv: it is done (or .fault says why not). */
void net_local_done(struct net *net, const struct message *message);
/* The manager is gone: who waits for a secret of it is told so. */
void net_local_lost(struct net *net);

#define NET_QUESTION_BYTES 512

/* "secret VM SECRET" or "forget VM SECRET", taken apart in place; false: not that. */
bool net_secret_question(char *question, const char **vm, const char **secret);

/* Pure: what a hook is answered. question: "start VM", "migrate VM", "secret VM SECRET" (may it be
 * asked for at all) or "state" (one line, no end);
 * out gets "yes STATE" or "no REASON". */
void net_answer(const struct net_verdict *verdict, int64_t now_ms, const char *question, char *out,
		size_t size);

#endif
