/* SPDX-License-Identifier: Apache-2.0 */
/* The schemas of bodies, queries and answers: rows, no code. Limits of a text are in bytes. */
#include "api/handlers.h"
#include "govern/condition.h"
#include "govern/text.h"

#define NAME	 1, GOVERN_MAX_NAME_BYTES, NULL, NULL
#define MAYBE	 0, GOVERN_MAX_NAME_BYTES, NULL, NULL
#define ID	 1, 256, NULL, NULL
#define MAYID	 0, 512, NULL, NULL
#define PROSE	 1, GOVERN_MAX_PROSE_BYTES, NULL, NULL
#define MPROSE	 0, GOVERN_MAX_PROSE_BYTES, NULL, NULL
#define BIG	 0, 1 << 20, NULL, NULL
#define TIME	 0, INT64_MAX, NULL, NULL
#define COUNT	 0, INT64_MAX, NULL, NULL
#define LABELS	 0, 32, NULL, NULL
#define PLAIN	 0, 0, NULL, NULL
#define WORDS(w) 0, 64, w, NULL
#define SCHEMA(name, title, about)                                                                 \
	const struct schema name = {title, about, SCHEMA_ROWS(name##_rows)}
#define ROWS(name) static const struct schema_member name##_rows[]

#define STATES	 "NEW|TRUSTED|WARNING|UNTRUSTED|STALE|NO_TPM|RETIRED"
#define FINDINGS "PASS|FAIL|UNKNOWN|NOT_APPLICABLE|WAIVED|ERROR"
#define HOSTS_ROW                                                                                  \
	{                                                                                          \
		"hosts", SCHEMA_TEXTS, true, 1, 1000, NULL, NULL,                                  \
			"Ids of the hosts that are to do it."                                      \
	}
#define MINUTES_ROW                                                                                \
	{                                                                                          \
		"minutes", SCHEMA_INT, false, 1, 1440, NULL, NULL,                                 \
			"How long the command waits for an agent that is away; 10 when left out."  \
	}

/* Sessions. */
ROWS(schema_sign_in) = {
	{"user", SCHEMA_TEXT, false, NAME, "The account, with a password."},
	{"password", SCHEMA_SECRET, false, 1, 511, NULL, NULL, "Asked of PAM, stored nowhere."},
	{"code", SCHEMA_SECRET, false, 1, 64, NULL, NULL, "The one-time code of the first start."},
	{"bearer", SCHEMA_BOOL, false, PLAIN,
	 "Answer the session's secret for Authorization: Bearer, and set no cookie."},
};
SCHEMA(schema_sign_in, "SignIn", "A sign-in by password or by the first code.");
ROWS(schema_signed_in) = {
	{"user", SCHEMA_TEXT, true, NAME, "The account."},
	{"csrf", SCHEMA_TEXT, true, MAYBE, "For X-Ringfence-CSRF; \"\" with bearer."},
	{"bearer", SCHEMA_TEXT, false, MAYBE, "The session's secret, when it was asked for."},
	{"expires_ms", SCHEMA_TIME, true, TIME, "The session ends then."},
	{"idle_ms", SCHEMA_INT, true, COUNT, "It ends earlier when it is not used for so long."},
};
SCHEMA(schema_signed_in, "SignedIn", "A session that has begun.");
ROWS(schema_session) = {
	{"user", SCHEMA_TEXT, true, NAME, "The account."},
	{"subject", SCHEMA_TEXT, true, NAME, "The person behind the account."},
	{"way", SCHEMA_TEXT, true, WORDS("session|token"), "How it was shown."},
	{"token", SCHEMA_TEXT, false, MAYBE, "Id of the token."},
	{"csrf", SCHEMA_TEXT, false, MAYBE, "For X-Ringfence-CSRF; of a cookie's session."},
	{"privileges", SCHEMA_TEXTS, true, 0, 128, NULL, NULL, "Allowed above all objects."},
};
SCHEMA(schema_session, "Session", "Who the caller is.");

/* People. */
ROWS(schema_user) = {
	{"user", SCHEMA_TEXT, true, NAME, "The account."},
	{"subject", SCHEMA_TEXT, true, NAME,
	 "The person behind it: two accounts of one person are one."},
	{"name", SCHEMA_TEXT, true, MAYBE, "The person's name."},
	{"source", SCHEMA_TEXT, true, WORDS("local|pam"), "Where its password is."},
	{"disabled", SCHEMA_BOOL, true, PLAIN, "It may not sign in."},
	{"created_ms", SCHEMA_TIME, true, TIME, "When it was made."},
};
SCHEMA(schema_user, "User", "An account.");
ROWS(schema_user_put) = {
	{"subject", SCHEMA_TEXT, false, NAME, "The person behind it; the account when left out."},
	{"name", SCHEMA_TEXT, false, MAYBE, "The person's name."},
	{"disabled", SCHEMA_BOOL, false, PLAIN, "It may not sign in, and its sessions end."},
};
SCHEMA(schema_user_put, "UserPut", "An account as it is to be. Its password is PAM's.");
ROWS(schema_token) = {
	{"token", SCHEMA_TEXT, true, ID, "Its id, no secret."},
	{"user", SCHEMA_TEXT, true, NAME, "Whose it is."},
	{"name", SCHEMA_TEXT, true, MAYBE, "What it is for."},
	{"scope", SCHEMA_ANY, true, PLAIN, "What it may of what its user may; {} is all."},
	{"created_ms", SCHEMA_TIME, true, TIME, NULL},
	{"expires_ms", SCHEMA_TIME, true, TIME, NULL},
	{"used_ms", SCHEMA_TIME, true, TIME, "When it was used last; 0 for never."},
	{"revoked_ms", SCHEMA_TIME, true, TIME, "When it was taken back; 0 for not."},
};
SCHEMA(schema_token, "Token", "A token of the API.");
ROWS(schema_token_make) = {
	{"name", SCHEMA_TEXT, true, NAME, "What it is for."},
	{"days", SCHEMA_INT, false, 1, 366, NULL, NULL, "How long it counts; 30 when left out."},
	{"privileges", SCHEMA_TEXTS, false, 1, 128, NULL, NULL,
	 "It may these alone, as far as its user may; all when left out."},
};
SCHEMA(schema_token_make, "TokenMake", "A token for the caller.");
ROWS(schema_token_made) = {
	{"token", SCHEMA_TEXT, true, ID, "Its id."},
	{"secret", SCHEMA_TEXT, true, ID, "For Authorization: Bearer. It is shown this once."},
	{"expires_ms", SCHEMA_TIME, true, TIME, NULL},
};
SCHEMA(schema_token_made, "TokenMade", "A token that was made.");

/* Access. */
ROWS(schema_privilege) = {
	{"privilege", SCHEMA_TEXT, true, NAME, NULL},
	{"about", SCHEMA_TEXT, true, MAYBE, "What it allows."},
};
SCHEMA(schema_privilege, "Privilege", "Something that a role may allow.");
ROWS(schema_role) = {
	{"role", SCHEMA_TEXT, true, NAME, NULL},
	{"title", SCHEMA_TEXT, true, MAYBE, NULL},
	{"privileges", SCHEMA_TEXTS, true, 0, 128, NULL, NULL, NULL},
	{"changed_by", SCHEMA_TEXT, true, MAYBE, NULL},
	{"changed_ms", SCHEMA_TIME, true, TIME, NULL},
};
SCHEMA(schema_role, "Role", "A named set of privileges.");
ROWS(schema_role_put) = {
	{"title", SCHEMA_TEXT, false, MAYBE, "What it is for."},
	{"privileges", SCHEMA_TEXTS, true, 0, 128, NULL, NULL,
	 "All of them; none hides objects from those who have this role alone."},
};
SCHEMA(schema_role_put, "RolePut", "A role as it is to be.");
#define DUTIES_ABOUT                                                                               \
	"Each duty with its privileges, blanks between them; one of ours is named without any."
ROWS(schema_duty) = {
	{"set", SCHEMA_TEXT, true, NAME, NULL},
	{"ours", SCHEMA_BOOL, true, PLAIN, "It is built in, and stays."},
	{"why", SCHEMA_PROSE, true, MPROSE, NULL},
	{"same_scope", SCHEMA_BOOL, true, PLAIN, "They exclude each other where places overlap."},
	{"yields", SCHEMA_TEXT, true, MAYBE,
	 "The duty that gives way to another, and does not while nobody else holds any of the set; "
	 "\"\": who holds two uses none of them."},
	{"duties", SCHEMA_MAP, true, LABELS, "Each duty with its privileges, blanks between them."},
};
SCHEMA(schema_duty, "DutySet", "Duties of which a person holds one.");
ROWS(schema_duty_put) = {
	{"why", SCHEMA_TEXT, true, 1, 200, NULL, NULL, "Why, as a refusal is to say it."},
	{"same_scope", SCHEMA_BOOL, false, PLAIN, "Only where their places overlap."},
	{"duties", SCHEMA_MAP, true, 2, 8, NULL, NULL, DUTIES_ABOUT},
};
SCHEMA(schema_duty_put, "DutySetPut", "A set of duties that the site keeps apart.");
ROWS(schema_duty_conflict) = {
	{"subject", SCHEMA_TEXT, true, NAME, "The person."},
	{"set", SCHEMA_TEXT, true, MAYBE, "\"\": their rights are too many to tell."},
	{"alone", SCHEMA_BOOL, true, PLAIN, "Nobody else holds one of the set: they use all."},
	{"why", SCHEMA_TEXT, true, MPROSE,
	 "Which privileges exclude each other, and what can be done."},
};
SCHEMA(schema_duty_conflict, "DutyConflict", "A person who holds duties that exclude each other.");
ROWS(schema_condition) = {
	{"addresses", SCHEMA_TEXTS, false, 1, CONDITION_MAX_LIST, NULL, NULL,
	 "From these networks."},
	{"days", SCHEMA_TEXTS, false, 1, 7, "mon|tue|wed|thu|fri|sat|sun", NULL,
	 "On these days (UTC)."},
	{"hours", SCHEMA_TEXT, false, 11, 11, NULL, NULL, "\"08:00-18:00\" (UTC)."},
	{"labels", SCHEMA_MAP, false, LABELS, "On objects with these labels."},
	{"states", SCHEMA_TEXTS, false, 1, 7, STATES, NULL, "On hosts of these states."},
};
SCHEMA(schema_condition, "Conditions", "When a permission holds; all of them together.");
ROWS(schema_permission) = {
	{"object", SCHEMA_TEXT, true, MAYID, "\"\" is above all objects."},
	{"principal", SCHEMA_TEXT, true, NAME, NULL},
	{"group", SCHEMA_BOOL, true, PLAIN, "The principal is a group."},
	{"role", SCHEMA_TEXT, true, NAME, NULL},
	{"propagate", SCHEMA_BOOL, true, PLAIN, "It holds for what is below, too."},
	{"conditions", SCHEMA_ANY, true, PLAIN, "As Conditions; {} is always."},
	{"granted_by", SCHEMA_TEXT, true, MAYBE, NULL},
	{"granted_ms", SCHEMA_TIME, true, TIME, NULL},
};
SCHEMA(schema_permission, "Permission", "A role of a principal on an object.");
ROWS(schema_permission_put) = {
	{"object", SCHEMA_TEXT, true, MAYID, "\"\" is above all objects."},
	{"principal", SCHEMA_TEXT, true, NAME, "A user or a group."},
	{"group", SCHEMA_BOOL, false, PLAIN, "The principal is a group."},
	{"role", SCHEMA_TEXT, true, NAME, NULL},
	{"propagate", SCHEMA_BOOL, false, PLAIN, "For what is below, too; true when left out."},
	{"conditions", SCHEMA_OBJECT, false, 0, 0, NULL, &schema_condition, NULL},
};
SCHEMA(schema_permission_put, "PermissionPut",
       "A permission, in place of the principal's other there.");
ROWS(schema_permission_drop) = {
	{"object", SCHEMA_TEXT, true, MAYID, "\"\" is above all objects."},
	{"principal", SCHEMA_TEXT, true, NAME, NULL},
	{"group", SCHEMA_BOOL, false, PLAIN, "The principal is a group."},
};
SCHEMA(schema_permission_drop, "PermissionDrop", "The permission that is taken.");
#define KINDS "site|group|host|vm|network|storage"
ROWS(schema_object) = {
	{"object", SCHEMA_TEXT, true, ID, "Its id."},
	{"kind", SCHEMA_TEXT, true, WORDS(KINDS), NULL},
	{"name", SCHEMA_TEXT, true, MAYBE, NULL},
	{"labels", SCHEMA_ANY, true, PLAIN, "An object of texts."},
	{"parents", SCHEMA_TEXTS, true, 0, 2, NULL, NULL, NULL},
};
SCHEMA(schema_object, "Object", "What stands in the inventory.");
ROWS(schema_object_put) = {
	{"kind", SCHEMA_TEXT, true, WORDS(KINDS), NULL},
	{"name", SCHEMA_TEXT, true, NAME, NULL},
	{"labels", SCHEMA_MAP, false, LABELS, NULL},
	{"parents", SCHEMA_TEXTS, false, 0, 2, NULL, NULL, "What it is below; a VM may have two."},
};
SCHEMA(schema_object_put, "ObjectPut", "An object as it is to be.");
ROWS(schema_rights) = {
	{"object", SCHEMA_TEXT, true, MAYID, NULL},
	{"user", SCHEMA_TEXT, true, NAME, NULL},
	{"privileges", SCHEMA_TEXTS, true, 0, 128, NULL, NULL, "Without a look at conditions."},
	{"why", SCHEMA_PROSE, true, MPROSE, "A sentence for each way up."},
};
SCHEMA(schema_rights, "Rights", "What a user may do to an object, and why.");

/* Hosts. */
ROWS(schema_host) = {
	{"host", SCHEMA_TEXT, true, ID, "Its id."},
	{"name", SCHEMA_TEXT, true, MAYBE, NULL},
	{"state", SCHEMA_TEXT, true, WORDS(STATES), NULL},
	{"state_ms", SCHEMA_TIME, true, TIME, "Since when."},
	{"reason", SCHEMA_PROSE, false, BIG, "Why it is in this state; left out of lists."},
	{"good_ms", SCHEMA_TIME, true, TIME, "The last verdict of TRUSTED or WARNING; 0 for none."},
	{"good_age_s", SCHEMA_INT, false, COUNT, "So long ago; left out where there was none."},
	{"failures", SCHEMA_INT, true, COUNT, "Findings that fail."},
	{"agent_version", SCHEMA_TEXT, true, MAYBE, NULL},
	{"tpm", SCHEMA_BOOL, true, PLAIN, "It has one."},
	{"labels", SCHEMA_ANY, true, PLAIN, "An object of texts."},
	{"created_ms", SCHEMA_TIME, true, TIME, NULL},
	{"seen_ms", SCHEMA_TIME, true, TIME, "When its agent spoke last; 0 for never."},
};
SCHEMA(schema_host, "Host", "A host of the fleet.");
ROWS(schema_host_retire) = {
	{"reason", SCHEMA_PROSE, true, PROSE, NULL},
};
SCHEMA(schema_host_retire, "HostRetire", "Why a host leaves for good.");
ROWS(schema_verdict) = {
	{"verdict", SCHEMA_TEXT, true, ID, NULL},
	{"state", SCHEMA_TEXT, true, WORDS(STATES), NULL},
	{"reason", SCHEMA_PROSE, true, BIG, NULL},
	{"evidence", SCHEMA_TEXT, false, MAYBE, "SHA-256 of what was judged."},
	{"at_ms", SCHEMA_TIME, true, TIME, NULL},
};
SCHEMA(schema_verdict, "Verdict", "A verdict over a host's evidence.");
ROWS(schema_change) = {
	{"old_state", SCHEMA_TEXT, true, MAYBE, NULL},
	{"new_state", SCHEMA_TEXT, true, MAYBE, NULL},
	{"reason", SCHEMA_PROSE, true, BIG, NULL},
	{"at_ms", SCHEMA_TIME, true, TIME, NULL},
};
SCHEMA(schema_change, "HostChange", "A change of a host's state.");
ROWS(schema_finding) = {
	{"host", SCHEMA_TEXT, true, ID, NULL},
	{"control", SCHEMA_TEXT, true, ID, NULL},
	{"resource", SCHEMA_TEXT, true, BIG, NULL},
	{"state", SCHEMA_TEXT, true, WORDS(FINDINGS), NULL},
	{"evidence", SCHEMA_PROSE, true, BIG, NULL},
	{"since_ms", SCHEMA_TIME, true, TIME, NULL},
};
SCHEMA(schema_finding, "Finding", "A control's last answer about a resource.");
ROWS(schema_query_make) = {
	{"sql", SCHEMA_PROSE, true, 1, 65536, NULL, NULL,
	 "One SELECT. Rows are there of the hosts whose facts the caller may ask for, and of no other."},
	{"hosts", SCHEMA_TEXTS, false, 1, 1000, NULL, NULL, "Of these hosts alone."},
};
SCHEMA(schema_query_make, "Query", "A question over the facts of hosts.");
/* Its members are the columns that were asked for. */
const struct schema schema_query_row = {"QueryRow",
					"A row of the answer: a member for each column.", NULL, 0};
ROWS(schema_invite) = {
	{"invite", SCHEMA_TEXT, true, ID, "Its id, no secret."},
	{"parent", SCHEMA_TEXT, true, MAYID, NULL},
	{"labels", SCHEMA_ANY, true, PLAIN, NULL},
	{"created_by", SCHEMA_TEXT, true, MAYBE, NULL},
	{"created_ms", SCHEMA_TIME, true, TIME, NULL},
	{"expires_ms", SCHEMA_TIME, true, TIME, NULL},
	{"used_ms", SCHEMA_TIME, true, TIME, "0 for not yet."},
	{"used_by", SCHEMA_TEXT, false, MAYID, "The host that joined by it."},
	{"revoked_ms", SCHEMA_TIME, true, TIME, "0 for not."},
};
SCHEMA(schema_invite, "Invite", "A token with which one host may join.");
ROWS(schema_invite_make) = {
	{"object", SCHEMA_TEXT, false, MAYID, "Below which the host will stand."},
	{"labels", SCHEMA_MAP, false, LABELS, NULL},
	{"minutes", SCHEMA_INT, false, 1, 10080, NULL, NULL,
	 "How long it counts; 60 when left out."},
};
SCHEMA(schema_invite_make, "InviteMake", "An invite of one host.");
ROWS(schema_invite_made) = {
	{"invite", SCHEMA_TEXT, true, ID, NULL},
	{"token", SCHEMA_TEXT, true, ID, "For `ringfence agent join`. It is shown this once."},
	{"join", SCHEMA_TEXT, true, BIG, "What to type on the host."},
	{"expires_ms", SCHEMA_TIME, true, TIME, NULL},
};
SCHEMA(schema_invite_made, "InviteMade", "An invite that was made.");

/* Commands. */
ROWS(schema_command) = {
	{"command", SCHEMA_TEXT, true, ID, NULL},
	{"host", SCHEMA_TEXT, true, ID, NULL},
	{"serial", SCHEMA_INT, true, COUNT, "Its number among the host's."},
	{"verb", SCHEMA_TEXT, true, NAME, NULL},
	{"arguments", SCHEMA_ANY, true, PLAIN, NULL},
	{"ordered_by", SCHEMA_TEXT, true, MAYBE, NULL},
	{"approval", SCHEMA_TEXT, false, MAYBE, NULL},
	{"state", SCHEMA_TEXT, true, WORDS("waiting|sent|done|expired"), NULL},
	{"result", SCHEMA_INT, true, 0, 0, NULL, NULL, "0, or the code it failed with."},
	{"output", SCHEMA_PROSE, false, BIG, NULL},
	{"created_ms", SCHEMA_TIME, true, TIME, NULL},
	{"expires_ms", SCHEMA_TIME, true, TIME, NULL},
	{"changed_ms", SCHEMA_TIME, true, TIME, NULL},
};
SCHEMA(schema_command, "Command", "What an agent was told to do.");
ROWS(schema_command_made) = {
	{"host", SCHEMA_TEXT, true, ID, NULL},
	{"command", SCHEMA_TEXT, true, ID, "See /api/v1/commands/{command} for its result."},
	{"serial", SCHEMA_INT, true, COUNT, NULL},
};
SCHEMA(schema_command_made, "CommandMade", "A command that waits for its agent.");
ROWS(schema_check_make) = {
	HOSTS_ROW,
	{"profile", SCHEMA_TEXT, false, NAME, NULL},
	{"controls", SCHEMA_TEXTS, false, 1, 512, NULL, NULL, "These alone."},
	MINUTES_ROW,
};
SCHEMA(schema_check_make, "CheckMake", "A check of hosts.");
ROWS(schema_hosts_make) = {
	HOSTS_ROW,
	MINUTES_ROW,
};
SCHEMA(schema_hosts_make, "HostsMake", "Hosts that are to do it.");
ROWS(schema_facts_make) = {
	HOSTS_ROW,
	{"whole", SCHEMA_BOOL, false, PLAIN, "All facts, not what changed."},
	MINUTES_ROW,
};
SCHEMA(schema_facts_make, "FactsMake", "Hosts whose facts are to be collected now.");
#define POLICY_ROW                                                                                 \
	{                                                                                          \
		"policy", SCHEMA_PROSE, false, 1, 196608, NULL, NULL,                              \
			"The policy file's text; the one in force there when left out."            \
	}
#define WITHIN_ROW                                                                                 \
	{                                                                                          \
		"confirm_within_s", SCHEMA_INT, false, 10, 86400, NULL, NULL,                      \
			"It is undone unless it is confirmed in time."                             \
	}
ROWS(schema_plan_make) = {
	HOSTS_ROW,
	POLICY_ROW,
	MINUTES_ROW,
};
SCHEMA(schema_plan_make, "IsolatePlanMake", "Plans of isolation.");
ROWS(schema_apply_make) = {
	HOSTS_ROW,
	POLICY_ROW,
	WITHIN_ROW,
	MINUTES_ROW,
};
SCHEMA(schema_apply_make, "IsolateApplyMake", "Isolation that is to be applied.");
ROWS(schema_rollback_make) = {
	HOSTS_ROW,
	{"plan", SCHEMA_TEXT, false, NAME, "The plan that is undone; the last when left out."},
	MINUTES_ROW,
};
SCHEMA(schema_rollback_make, "IsolateRollbackMake", "Isolation that is to be undone.");
ROWS(schema_quarantine_make) = {
	HOSTS_ROW,
	{"vm", SCHEMA_TEXT, false, NAME, "The VM; or a zone."},
	{"zone", SCHEMA_TEXT, false, NAME, NULL},
	{"level", SCHEMA_TEXT, true, WORDS("observe|restrict|honeywall|seal|freeze"), NULL},
	{"reason", SCHEMA_TEXT, true, 1, 512, NULL, NULL, NULL},
	{"allow", SCHEMA_TEXTS, false, 1, 32, NULL, NULL, "What it may still reach."},
	{"honeywall", SCHEMA_TEXT, false, NAME, NULL},
	MINUTES_ROW,
};
SCHEMA(schema_quarantine_make, "QuarantineMake", "VMs that are to be shut in.");
ROWS(schema_release_make) = {
	HOSTS_ROW,
	{"vm", SCHEMA_TEXT, false, NAME, "The VM; or a zone."},
	{"zone", SCHEMA_TEXT, false, NAME, NULL},
	{"reason", SCHEMA_TEXT, true, 1, 512, NULL, NULL, NULL},
	MINUTES_ROW,
};
SCHEMA(schema_release_make, "QuarantineReleaseMake", "VMs that are to be let out.");
ROWS(schema_fix_plan_make) = {
	HOSTS_ROW,
	{"controls", SCHEMA_TEXTS, false, 1, 512, NULL, NULL, "Of these alone."},
	MINUTES_ROW,
};
SCHEMA(schema_fix_plan_make, "FixPlanMake", "Plans that mend findings.");
ROWS(schema_fix_make) = {
	HOSTS_ROW,
	{"controls", SCHEMA_TEXTS, false, 1, 512, NULL, NULL, "Of these alone."},
	{"plan", SCHEMA_PROSE, false, 1, 196608, NULL, NULL, "The plan's text, as it was shown."},
	WITHIN_ROW,
	MINUTES_ROW,
};
SCHEMA(schema_fix_make, "FixMake", "Findings that are to be mended.");
ROWS(schema_confirm_make) = {
	HOSTS_ROW,
	{"plan", SCHEMA_TEXT, true, NAME, "The plan that is kept."},
	MINUTES_ROW,
};
SCHEMA(schema_confirm_make, "ConfirmMake", "A change that is kept.");

/* Consent. */
ROWS(schema_approval) = {
	{"approval", SCHEMA_TEXT, true, ID, NULL},
	{"operation", SCHEMA_TEXT, true, NAME, NULL},
	{"state", SCHEMA_TEXT, true,
	 WORDS("requested|approved|glass|consumed|expired|denied|cancelled|incident"), NULL},
	{"reason", SCHEMA_PROSE, true, BIG, NULL},
	{"account", SCHEMA_TEXT, true, MAYBE, "Who requested it."},
	{"act", SCHEMA_ANY, true, PLAIN,
	 "What exactly would be done: objects with their state, and the request."},
	{"digest", SCHEMA_TEXT, true, MAYBE, "SHA-256 of the act."},
	{"votes", SCHEMA_ANY, true, PLAIN, "Who approved so far, and when."},
	{"quorum", SCHEMA_INT, true, COUNT, "How many have to."},
	{"used", SCHEMA_INT, true, COUNT, NULL},
	{"count", SCHEMA_INT, true, COUNT, "How often it can be used."},
	{"created_ms", SCHEMA_TIME, true, TIME, NULL},
	{"start_ms", SCHEMA_TIME, true, TIME, NULL},
	{"deadline_ms", SCHEMA_TIME, true, TIME, "Of the vote; once approved, of its use."},
};
SCHEMA(schema_approval, "Approval", "A second person's consent to one act.");
ROWS(schema_approve) = {
	{"digest", SCHEMA_TEXT, true, 64, 64, NULL, NULL, "Of the act that was read and is meant."},
	{"comment", SCHEMA_PROSE, false, MPROSE, NULL},
	{"start_ms", SCHEMA_TIME, false, TIME, "Not before; at once when left out."},
	{"duration_ms", SCHEMA_INT, false, 0, 604800000, NULL, NULL,
	 "How long; as the rule says when left out."},
	{"count", SCHEMA_INT, false, 0, 100, NULL, NULL, "How often; once when left out."},
};
SCHEMA(schema_approve, "Approve", "A vote for an approval.");
ROWS(schema_deny) = {
	{"reason", SCHEMA_PROSE, true, PROSE, NULL},
};
SCHEMA(schema_deny, "Deny", "Why not.");
#define RULE_MS(name, about)                                                                       \
	{                                                                                          \
		name, SCHEMA_INT, false, 0, 7776000000, NULL, NULL, about                          \
	}
ROWS(schema_approval_rule_put) = {
	{"level", SCHEMA_TEXT, false, 1, 16, "record|notify|one|two|window", NULL,
	 "How much is asked for; never less than the floor."},
	RULE_MS("request_ms", "How long a request waits for its approvers."),
	RULE_MS("window_ms", "How long an approval lasts where an approver says nothing."),
	RULE_MS("window_max_ms", "And at most."),
	RULE_MS("ahead_ms", "How far ahead a window may begin."),
	RULE_MS("glass_ms", "After a broken glass: until when it must be approved."),
	RULE_MS("grant_ms", "A role that the requester granted so lately does not count."),
	{"count_max", SCHEMA_INT, false, 0, 100, NULL, NULL, "How often an approval can be used."},
	{"quorum", SCHEMA_INT, false, 0, 8, NULL, NULL, "How many must approve."},
	{"roles", SCHEMA_TEXTS, false, 0, 32, NULL, NULL, "Whose holders may approve."},
	{"shared_role", SCHEMA_BOOL, false, PLAIN, "Two approvers may hold one role."},
};
SCHEMA(schema_approval_rule_put, "ApprovalRulePut",
       "What the site asks for; what is left out is as the program has it.");
ROWS(schema_approval_rule) = {
	{"operation", SCHEMA_TEXT, true, NAME, NULL},
	{"title", SCHEMA_TEXT, true, NAME, NULL},
	{"level", SCHEMA_TEXT, true, NAME, "As it holds now."},
	{"floor", SCHEMA_TEXT, true, NAME, "A site cannot ask for less."},
	{"quorum", SCHEMA_INT, true, COUNT, "How many must approve."},
	{"site", SCHEMA_ANY, true, PLAIN, "What the site said."},
	{"changed_by", SCHEMA_TEXT, true, MAYBE, NULL},
	{"changed_ms", SCHEMA_TIME, true, TIME, NULL},
};
SCHEMA(schema_approval_rule, "ApprovalRule", "How many eyes an operation wants.");
ROWS(schema_waiver) = {
	{"waiver", SCHEMA_TEXT, true, ID, NULL},
	{"control", SCHEMA_TEXT, true, ID, NULL},
	{"resource", SCHEMA_TEXT, true, MAYID, NULL},
	{"reason", SCHEMA_PROSE, true, MPROSE, NULL},
	{"owner", SCHEMA_TEXT, true, NAME, NULL},
	{"approver", SCHEMA_TEXT, false, MAYBE, NULL},
	{"compensating", SCHEMA_PROSE, false, MPROSE, NULL},
	{"state", SCHEMA_TEXT, true, WORDS("proposed|to come|in force|ended|revoked|invalid"),
	 NULL},
	{"since_ms", SCHEMA_TIME, true, TIME, NULL},
	{"expires_ms", SCHEMA_TIME, true, TIME, NULL},
};
SCHEMA(schema_waiver, "Waiver", "A finding that somebody accepts for a time.");
ROWS(schema_waiver_make) = {
	{"control", SCHEMA_TEXT, true, ID, "Id of the control."},
	{"resource", SCHEMA_TEXT, true, 1, 512, NULL, NULL, "A glob; of the host itself its name."},
	{"reason", SCHEMA_PROSE, true, PROSE, NULL},
	{"compensating", SCHEMA_PROSE, true, PROSE, "What holds the risk meanwhile."},
	{"since_ms", SCHEMA_TIME, false, TIME, "Now when left out."},
	{"expires_ms", SCHEMA_TIME, true, TIME, "At most 365 days from since_ms."},
};
SCHEMA(schema_waiver_make, "WaiverMake", "A waiver that its owner proposes.");

/* Events and the ledger. */
ROWS(schema_event) = {
	{"seq", SCHEMA_INT, true, COUNT, NULL},
	{"kind", SCHEMA_TEXT, true, MAYBE, NULL},
	{"host", SCHEMA_TEXT, true, MAYID, NULL},
	{"about", SCHEMA_TEXT, true, BIG, NULL},
	{"old_state", SCHEMA_TEXT, true, MAYBE, NULL},
	{"new_state", SCHEMA_TEXT, true, MAYBE, NULL},
	{"text", SCHEMA_PROSE, true, BIG, NULL},
	{"at_ms", SCHEMA_TIME, true, TIME, NULL},
};
SCHEMA(schema_event, "Event", "What happened.");
ROWS(schema_ledger) = {
	{"size", SCHEMA_INT, true, COUNT, "How many entries there are."},
	{"signed", SCHEMA_INT, true, COUNT, "How many of them a checkpoint covers."},
};
SCHEMA(schema_ledger, "Ledger", "How far the ledger is.");
ROWS(schema_entry) = {
	{"n", SCHEMA_INT, true, COUNT, NULL},
	{"line", SCHEMA_TEXT, true, BIG, "The bytes that are hashed."},
};
SCHEMA(schema_entry, "LedgerEntry", "An entry of the ledger.");

/* The program. */
ROWS(schema_version) = {
	{"version", SCHEMA_TEXT, true, MAYBE, NULL},
	{"store", SCHEMA_INT, true, COUNT, "Version of the store's schema."},
};
SCHEMA(schema_version, "Version", "What runs here.");
ROWS(schema_health) = {
	{"status", SCHEMA_TEXT, true, WORDS("ok"), NULL},
	{"passwords", SCHEMA_BOOL, true, PLAIN, "Passwords can be asked for."},
};
SCHEMA(schema_health, "Health", "That the manager and its store answer.");
ROWS(schema_problem) = {
	{"type", SCHEMA_TEXT, true, MAYBE, NULL},
	{"title", SCHEMA_TEXT, true, MAYBE, NULL},
	{"status", SCHEMA_INT, true, 100, 599, NULL, NULL, NULL},
	{"detail", SCHEMA_TEXT, true, BIG, NULL},
	{"next", SCHEMA_TEXT, false, BIG, "What to do next."},
	{"approval", SCHEMA_TEXT, false, MAYID, "The approval that was requested for it."},
};
SCHEMA(schema_problem, "Problem", "Problem details (RFC 9457).");

/* Queries. */
#define PAGE_ROWS                                                                                  \
	{"after", SCHEMA_TEXT, false, 0,                                                           \
	 1600,	  NULL,	       NULL,  "Go on behind this: `next` of the page before."},            \
	{                                                                                          \
		"limit", SCHEMA_INT, false, 1, API_PAGE_MAX, NULL, NULL,                           \
			"At most so many; 100 when left out."                                      \
	}
ROWS(query_page) = {PAGE_ROWS};
SCHEMA(query_page, "Page", "A page.");
ROWS(query_hosts) = {
	PAGE_ROWS,
	{"state", SCHEMA_TEXT, false, WORDS(STATES), "Of this state alone."},
	{"name", SCHEMA_TEXT, false, NAME, "Whose name this glob fits."},
	{"label", SCHEMA_TEXT, false, NAME, "With this label: NAME=VALUE."},
};
SCHEMA(query_hosts, "HostsQuery", "Which hosts.");
ROWS(query_findings) = {
	PAGE_ROWS,
	{"host", SCHEMA_TEXT, false, ID, "Of this host alone."},
	{"control", SCHEMA_TEXT, false, ID, "Of this control alone."},
	{"state", SCHEMA_TEXT, false, WORDS(FINDINGS), "Of this state alone."},
};
SCHEMA(query_findings, "FindingsQuery", "Which findings.");
ROWS(query_host_findings) = {
	PAGE_ROWS,
	{"control", SCHEMA_TEXT, false, ID, "Of this control alone."},
	{"state", SCHEMA_TEXT, false, WORDS(FINDINGS), "Of this state alone."},
};
SCHEMA(query_host_findings, "HostFindingsQuery", "Which findings of the host.");
ROWS(query_events) = {
	{"after", SCHEMA_INT, false, COUNT, "Behind this number; the newest when left out."},
	{"limit", SCHEMA_INT, false, 1, API_PAGE_MAX, NULL, NULL,
	 "At most so many; 100 when left out."},
	{"follow", SCHEMA_BOOL, false, PLAIN, "As server-sent events, as they come."},
};
SCHEMA(query_events, "EventsQuery", "Which events.");
ROWS(query_tokens) = {
	{"user", SCHEMA_TEXT, false, NAME, "Of this user; your own when left out."},
};
SCHEMA(query_tokens, "TokensQuery", "Whose tokens.");
ROWS(query_approvals) = {
	PAGE_ROWS,
	{"state", SCHEMA_TEXT, false,
	 WORDS("requested|approved|glass|consumed|expired|denied|cancelled|incident"), NULL},
};
SCHEMA(query_approvals, "ApprovalsQuery", "Which approvals.");
ROWS(query_commands) = {
	{"host", SCHEMA_TEXT, false, ID, "Of this host alone."},
	{"limit", SCHEMA_INT, false, 1, API_PAGE_MAX, NULL, NULL,
	 "At most so many; 100 when left out."},
};
SCHEMA(query_commands, "CommandsQuery", "Which commands.");
ROWS(query_rights) = {
	{"user", SCHEMA_TEXT, true, NAME, "Whose rights."},
};
SCHEMA(query_rights, "RightsQuery", "Whose rights.");
ROWS(query_entries) = {
	{"after", SCHEMA_INT, false, COUNT, "From this number on; 0 is the first."},
	{"limit", SCHEMA_INT, false, 1, API_PAGE_MAX, NULL, NULL,
	 "At most so many; 100 when left out."},
};
SCHEMA(query_entries, "EntriesQuery", "Which entries.");
