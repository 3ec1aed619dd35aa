/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request and its answer, without a socket: what the server makes of HTTP, and what tests make by
 * themselves. api_answer is the whole way of a request: who, route, body, rights, approval,
 * handler, ledger.
 */
#ifndef RF_API_CALL_H
#define RF_API_CALL_H

#include "api/route.h"
#include "govern/rbac.h"
#include "store/people.h"

#define API_SECRET_BYTES  32
#define API_SESSION_MS	  ((int64_t)12 * 3600000) /* a session ends, used or not */
#define API_IDLE_MS	  ((int64_t)30 * 60000)	  /* and when it is not used */
#define API_TOKEN_MAX_MS  ((int64_t)366 * 86400000)
#define API_INVITE_MAX_MS ((int64_t)7 * 86400000)
#define API_PAGE	  100
#define API_PAGE_MAX	  1000
#define API_COOKIE	  "__Host-ringfence"
#define API_NAME_BYTES	  160
#define API_MAX_STREAMS	  256u

enum api_way { API_BY_NOTHING, API_BY_SESSION, API_BY_TOKEN };

/* Who calls. */
struct api_who {
	enum api_way way;
	char account[API_NAME_BYTES], subject[API_NAME_BYTES];
	char address[64];
	char token[API_NAME_BYTES];	    /* id of the token */
	uint8_t sha256[STORE_SHA256_BYTES]; /* of the session's or token's secret */
	bool scoped;			    /* a token that may less than its account */
	struct privilege_set scope;
	uint32_t user; /* in the snapshot; RBAC_NONE: no principal */
};

/* The rights of everybody, as of one generation. */
struct api_rights {
	struct rbac *rbac; /* NULL: none yet, or no inventory: nobody may anything */
	int64_t generation;
	struct rights_rows *rows; /* with constraints and subjects */
};

/* What is counted for /metrics. */
#define API_COUNTERS(X)                                                                            \
	X(REQUESTS, "requests_total", "Requests that came through the gate.")                      \
	X(REFUSED, "refused_total", "Connections that the gate ended.")                            \
	X(CONNECTIONS, "connections_total", "Connections that were taken.")                        \
	X(TURNED_AWAY, "turned_away_total", "Connections over a limit.")                           \
	X(TIMED_OUT, "timed_out_total", "Connections that were too slow.")                         \
	X(ANSWERS_2XX, "answers_2xx_total", "Answers of success.")                                 \
	X(ANSWERS_4XX, "answers_4xx_total", "Answers that the caller can mend.")                   \
	X(ANSWERS_5XX, "answers_5xx_total", "Answers of our own failures.")                        \
	X(DENIED, "denied_total", "Attempts of what the caller may not do.")                       \
	X(SIGN_INS, "sign_ins_total", "Sign-ins that succeeded.")                                  \
	X(SIGN_INS_FAILED, "sign_ins_failed_total", "Sign-ins that failed.")                       \
	X(LOCKED_OUT, "locked_out_total", "Sign-ins refused without a look at the password.")

enum api_counter {
#define API_COUNTER_ID(id, name, about) API_N_##id,
	API_COUNTERS(API_COUNTER_ID)
#undef API_COUNTER_ID
		API_N_COUNT
};

struct api_settings {
	const char *authority;	    /* PEM; NULL */
	const char *agents_address; /* NULL */
	const char *fingerprint;    /* of the authority: SHA-256 in hexadecimal; NULL */
	bool has_passwords;	    /* there is a role sign-in */
	bool has_queries;	    /* somebody answers questions over facts */
};

/* Denied attempts of one kind (by whom, from where, what) of the last minute. */
#define API_DENIALS	     256
#define API_DENIAL_MS	     ((int64_t)60000)
#define API_DENIALS_TOLD     5	/* entries of one kind in a minute; the others are counted */
#define API_DENIALS_TOLD_ALL 60 /* and of all kinds */
struct api_denial {
	const char *route; /* NULL: free */
	char actor[256], about[640];
	int64_t since_ms;
	uint64_t held; /* counted, and not told yet */
	uint32_t told;
};
struct api_denials {
	struct api_denial rows[API_DENIALS];
	struct api_denial other; /* what found no room */
};

/* What requests of one process share. */
struct api {
	struct store *store;
	struct api_rights rights;
	struct api_settings settings;
	struct rf_buf openapi; /* the document, made once */
	uint64_t counters[API_N_COUNT];
	struct api_denials denials;
};

struct api_request {
	const char *method, *path, *query; /* as sent; query NULL: none */
	const char *authorization, *cookie, *csrf, *origin, *host, *content_type, *etag,
		*last_event;
	const char *approval; /* id of the approval under which it runs; NULL */
	const char *glass;    /* why it has to run without one; NULL */
	struct rf_slice body;
	const char *address;
	int64_t now_ms;
};

/* What the server does with an answer. */
enum api_then {
	API_THEN_SEND,
	API_THEN_PASSWORD, /* ask the role sign-in, then api_password_known */
	API_THEN_QUERY,	   /* ask the question, then api_query_known */
	API_THEN_STREAM,   /* send the head, then events as they come */
};

struct api_reply {
	int status;
	struct rf_buf body;
	const char *type; /* of the body; NULL: none */
	char etag[72];
	char cookie[256]; /* Set-Cookie; "": none */
	char allow[64];
	int retry_s;
	enum api_then then;
	int64_t after;		      /* of a stream: the last number that is known there */
	char account[API_NAME_BYTES]; /* whose password, or question */
	struct rf_buf question;	      /* see query.h */
	struct rf_buf password;	      /* wiped by api_reply_done */
	struct api_who who;	      /* of a stream: asked again before it goes on */
};
void api_reply_done(struct api_reply *reply);

/* A call in hand. */
struct api_call {
	struct api *api;
	const struct api_request *request;
	struct api_reply *reply;
	struct route_match match;
	const struct route *route;
	json_t *query, *body, *answer; /* owned by api_answer */
	struct api_who who;
	char object[API_NAME_BYTES * 4]; /* what it is about; "": the fleet */
	char note[256];			 /* of what was done, for the ledger; "": the summary */
	bool refused;			 /* the caller may not, or may not know of it */
	bool wants_approval;		 /* it fails for want of one, which is to be requested */
	bool approval_refused;		 /* the approval that was shown does not count */
	char approval[STORE_ID_BYTES];	 /* that was requested for it */
	bool ran_alone;			 /* without a second person, for there is none */
	bool glass_broken;		 /* without one, for there was no time */
};

/* The whole way of a request; reply is zeroed and gets an answer in any case. */
void api_answer(struct api *api, const struct api_request *request, struct api_reply *reply);

/* What the role sign-in said of a password. */
struct api_password {
	const char *account;
	int verdict;	    /* 1: good; 0: not; -1: could not be asked */
	const char *groups; /* of the directory, a line each; NULL: none */
};
/* Goes on with API_THEN_PASSWORD: makes the session, or the refusal. */
void api_password_known(struct api *api, const struct api_request *request,
			const struct api_password *password, struct api_reply *reply);

/* Goes on with API_THEN_QUERY: the answer, or (code not 0) why there is none. */
void api_query_known(struct api *api, const struct api_request *request, int code,
		     struct rf_slice text, struct api_reply *reply);

/* What a call was given. NULL or the other value where it was left out; a name that is no member of
 * the route's schema is left out, too. */
const char *call_var(const struct api_call *call, const char *name);
const char *call_text(const struct api_call *call, const char *member);
int64_t call_number(const struct api_call *call, const char *member, int64_t other);
bool call_truth(const struct api_call *call, const char *member);
const char *call_query(const struct api_call *call, const char *member);
int64_t call_query_number(const struct api_call *call, const char *member, int64_t other);

/* Makes a list the answer: items (taken over) and where it goes on; next "": nowhere. */
int call_many(struct api_call *call, json_t *items, const char *next) RF_MUST_CHECK;
/* Makes an object the answer (taken over; NULL: -ENOMEM). */
int call_one(struct api_call *call, json_t *answer) RF_MUST_CHECK;

/* May the caller do that to an object ("" is the fleet)? 0 or RF_E_DENIED, RF_E_UNKNOWN. */
int call_may(struct api_call *call, enum privilege privilege, const char *object,
	     struct rf_err *err) RF_MUST_CHECK;
bool call_sees(struct api_call *call, enum privilege privilege, const char *object);

#endif
