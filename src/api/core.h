/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this folder share about a call: who, rights, problems. */
#ifndef RF_API_CORE_H
#define RF_API_CORE_H

#include "api/call.h"
#include "base/buf.h"
#include "govern/approval.h"

static inline void json_free_p(json_t **json)
{
	json_decref(*json);
}
#define API_AUTOJSON __attribute__((cleanup(json_free_p)))

/* A new secret as text, prefix and 64 hexadecimal digits, and the SHA-256 that is kept. */
#define API_SECRET_TEXT_BYTES 80
int secret_make(const char *prefix, char out[API_SECRET_TEXT_BYTES],
		uint8_t sha256[STORE_SHA256_BYTES], struct rf_err *err) RF_MUST_CHECK;
#define API_DIRECTORY '@'     /* begins the name of a group of the directory (NSS) */
#define API_SETUP     "setup" /* the first user, and who made the first roles */
/* SHA-256 of bytes. */
int secret_digest(struct rf_slice bytes, uint8_t out[STORE_SHA256_BYTES],
		  struct rf_err *err) RF_MUST_CHECK;
/* A new id: prefix and 16 hexadecimal digits of chance. */
int id_make(const char *prefix, char out[STORE_ID_BYTES], struct rf_err *err) RF_MUST_CHECK;

/* Whom the request's token or session is of; way API_BY_NOTHING when it shows neither. RF_E_DENIED
 * for one that does not count, and for a change by cookie without its CSRF token. */
int who_find(struct api_call *call, struct rf_err *err) RF_MUST_CHECK;
/* What a session's changes have to carry in X-Ringfence-CSRF: SHA-256 over its secret, as text. */
int who_csrf(const char *secret, char out[65], struct rf_err *err) RF_MUST_CHECK;
/* The value of our cookie, or "". */
void who_cookie(const char *cookies, char out[API_SECRET_TEXT_BYTES]);
/* The address as sessions and failures know it: of IPv6 the network of 64 bits. */
void who_network(const char *address, char out[64]);

/* Makes the groups of the directory that a sign-in told those of the account; whoever is in one
 * that has permissions here has an account from then on. */
struct api_password;
int directory_take(struct store *store, const struct api_password *password, int64_t now_ms,
		   struct rf_err *err) RF_MUST_CHECK;

/* Reads the rights anew when the store has others. RF_E_* of the store; rbac NULL is no error. */
int rights_fresh(struct api *api, struct rf_err *err) RF_MUST_CHECK;
void rights_done(struct api_rights *rights);
/* Finds the caller in the snapshot. */
void rights_who(const struct api *api, struct api_who *who);
/* May who do that to object now? 0, RF_E_DENIED, or RF_E_UNKNOWN for what they may not see. */
struct rights_question {
	const struct api_who *who;
	enum privilege privilege;
	const char *object; /* "": the fleet */
	int64_t now_ms;
};
int rights_may(struct api *api, const struct rights_question *question,
	       struct rf_err *err) RF_MUST_CHECK;
/* All that they may there. */
struct privilege_set rights_all(struct api *api, const struct rights_question *question);
/* Who could consent, but for this subject ("": nobody is left out), up to eight of each. */
struct approval_people rights_approvers(struct api *api, const char *subject);
/* By which role the caller is a second person, and since when by whom: texts of the snapshot. */
#define RIGHTS_MAX_GRANTS 32u
struct rights_vote {
	const char *role; /* NULL: by none */
	struct approval_grant grants[RIGHTS_MAX_GRANTS];
	size_t count;
};
void rights_vote(struct api *api, const struct api_who *who, struct rights_vote *out);
/* Is that principal the caller: by this account, another of the same person, or a group? */
bool rights_is_self(struct api *api, const struct api_who *who, const char *principal,
		    bool is_group);
/* Does the caller hold that role anywhere, in one of these ways? */
bool rights_holds_role(struct api *api, const struct api_who *who, const char *role);
/* The set of duties of which who uses this one beside another while nobody else holds any of them;
 * NULL: there is none. */
struct duty_set;
const struct duty_set *duties_alone(const struct api *api, const struct api_who *who,
				    enum privilege privilege);
/* Would these be rights under which somebody can still administer, and nobody holds duties that
 * exclude each other and did not before? Called within a transaction behind a change. */
int rights_try(struct api *api, struct rf_err *err) RF_MUST_CHECK;

/* Makes the problem of a code the reply (RFC 9457); what is our own failure is told to the log. */
void problem_reply(const struct api_call *call, int code, const struct rf_err *err);
/* The same with an HTTP status and words of its own, before there is a call. */
struct problem {
	int status;
	const char *word; /* urn:ringfence:problem:WORD */
	const char *detail, *next;
};
int problem_write(const struct problem *problem, json_t *more, struct rf_buf *out);
const char *problem_title(int status);

/* Tells the ledger of the call: kind, and why ("": it was done). */
int ledger_tell(struct api_call *call, struct store *store, const char *kind, const char *why,
		struct rf_err *err) RF_MUST_CHECK;

/* Tells it of a denied attempt, or counts it (API_DENIALS_TOLD). */
int denied_tell(struct api_call *call, const char *why, struct rf_err *err) RF_MUST_CHECK;
/* Tells the numbers of those whose minute is over, or of all. */
void denied_flush(struct api *api, int64_t now_ms, bool all);

/* An event as an answer has it, and whether who may read it. */
struct store_event;
json_t *event_json(const struct store_event *event);
bool event_seen(struct api *api, const struct api_who *who, const struct store_event *event);

/* What holds for an operation: ours, as the site made it stricter. Lives as long as its texts. */
struct site_rule {
	struct approval_rule rule;
	const char *roles[APPROVAL_MAX_ROLES];
	json_t *site; /* the site's words; NULL: none */
	char changed_by[API_NAME_BYTES];
	int64_t changed_ms;
};
static inline void site_rule_done(struct site_rule *rule)
{
	json_decref(rule->site);
}
#define AUTORULE __attribute__((cleanup(site_rule_done)))
int site_rule_read(struct store *store, const char *operation, struct site_rule *out,
		   struct rf_err *err) RF_MUST_CHECK;

/* Tells, by events, those whom an event of an approval concerns: what `todo` says. */
struct approval_news {
	const char *approval, *state, *account, *text;
	unsigned todo; /* enum approval_todo */
	int64_t at_ms;
};
int approval_tell(struct store *store, const struct approval_news *news,
		  struct rf_err *err) RF_MUST_CHECK;

/* Is this act of the route one that its operation is about? */
bool consent_wanted(struct api_call *call);
/* Runs the route's handler, under an approval where its operation wants one. */
int consent_run(struct api_call *call, struct store *store, struct rf_err *err) RF_MUST_CHECK;
/* Behind a transaction that failed: keeps what became of the approval, or asks for one. */
int consent_after(struct api_call *call, int rc, struct rf_err *err) RF_MUST_CHECK;

#endif
