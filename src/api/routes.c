/* SPDX-License-Identifier: Apache-2.0 */
/* The table of routes; see route.h. To add one: a row here, a handler, its schemas. */
#include "api/handlers.h"
#include "base/mem.h"

#define V1 "/api/v1"
/* id, method, path, summary; then who, about what; query, body, answer; shape, audit ... */
#define PUBLIC	  ROUTE_PUBLIC, 0
#define SIGNED_IN ROUTE_SIGNED_IN, 0
#define MAY(p)	  ROUTE_PRIVILEGED, PRIVILEGE_##p
#define READS	  NULL, NULL
#define COMMAND(verb, privilege, schema, operation)                                                \
	{                                                                                          \
		"command-" verb, ROUTE_POST, V1 "/commands/" verb, "Have hosts do this: " verb,    \
			MAY(privilege), ROUTE_HOSTS, NULL, &schema, &schema_command_made,          \
			ROUTE_MANY, "command", operation, verb " --fleet", h_command_make, false   \
	}

/* clang-format off */
const struct route routes[] = {
	/* sessions */
	{"sign-in", ROUTE_POST, V1 "/session", "Sign in by password or by the first code", PUBLIC, ROUTE_FLEET,
	 NULL, &schema_sign_in, &schema_signed_in, ROUTE_ONE, "sign-in", NULL, "login", h_sign_in, true},
	{"session", ROUTE_GET, V1 "/session", "Say who the caller is", SIGNED_IN, ROUTE_EACH,
	 NULL, NULL, &schema_session, ROUTE_ONE, READS, "login --show", h_session, false},
	{"sign-out", ROUTE_DELETE, V1 "/session", "End this session", SIGNED_IN, ROUTE_EACH,
	 NULL, NULL, NULL, ROUTE_NONE, "sign-out", NULL, "logout", h_sign_out, false},

	/* people */
	{"user-list", ROUTE_GET, V1 "/users", "List accounts", MAY(USER_EDIT), ROUTE_FLEET,
	 &query_page, NULL, &schema_user, ROUTE_MANY, READS, "user list", h_users, false},
	{"user-show", ROUTE_GET, V1 "/users/{user}", "Show an account", MAY(USER_EDIT), ROUTE_FLEET,
	 NULL, NULL, &schema_user, ROUTE_ONE, READS, "user show", h_user, false},
	{"user-put", ROUTE_PUT, V1 "/users/{user}", "Let a user in, or change the account", MAY(USER_EDIT), ROUTE_FLEET,
	 NULL, &schema_user_put, &schema_user, ROUTE_ONE, "user", "grant.change", "user add", h_user_put, false},
	{"user-sessions-end", ROUTE_DELETE, V1 "/users/{user}/sessions", "End all sessions of an account", MAY(USER_EDIT), ROUTE_FLEET,
	 NULL, NULL, NULL, ROUTE_NONE, "user", NULL, "user sign-out", h_sessions_end, false},
	{"member-put", ROUTE_PUT, V1 "/groups/{group}/members/{user}", "Put a user into a group", MAY(GRANT_EDIT), ROUTE_FLEET,
	 NULL, NULL, NULL, ROUTE_NONE, "grant", "grant.change", "group add", h_member_put, false},
	{"member-drop", ROUTE_DELETE, V1 "/groups/{group}/members/{user}", "Take a user out of a group", MAY(GRANT_EDIT), ROUTE_FLEET,
	 NULL, NULL, NULL, ROUTE_NONE, "grant", "grant.change", "group remove", h_member_drop, false},
	{"token-list", ROUTE_GET, V1 "/tokens", "List tokens", SIGNED_IN, ROUTE_EACH,
	 &query_tokens, NULL, &schema_token, ROUTE_MANY, READS, "token list", h_tokens, false},
	{"token-make", ROUTE_POST, V1 "/tokens", "Make a token for the caller", SIGNED_IN, ROUTE_EACH,
	 NULL, &schema_token_make, &schema_token_made, ROUTE_ONE, "token", NULL, "token add", h_token_make, false},
	{"token-revoke", ROUTE_DELETE, V1 "/tokens/{token}", "Take a token back", SIGNED_IN, ROUTE_EACH,
	 NULL, NULL, NULL, ROUTE_NONE, "token", NULL, "token revoke", h_token_revoke, false},

	/* access */
	{"privilege-list", ROUTE_GET, V1 "/privileges", "List what roles may allow", SIGNED_IN, ROUTE_EACH,
	 NULL, NULL, &schema_privilege, ROUTE_MANY, READS, "role privileges", h_privileges, false},
	{"role-list", ROUTE_GET, V1 "/roles", "List roles", SIGNED_IN, ROUTE_EACH,
	 NULL, NULL, &schema_role, ROUTE_MANY, READS, "role list", h_roles, false},
	{"role-put", ROUTE_PUT, V1 "/roles/{role}", "Make a role, or change all of it", MAY(ROLE_EDIT), ROUTE_FLEET,
	 NULL, &schema_role_put, NULL, ROUTE_NONE, "role", "role.change", "role set", h_role_put, false},
	{"role-drop", ROUTE_DELETE, V1 "/roles/{role}", "Remove a role that nobody has", MAY(ROLE_EDIT), ROUTE_FLEET,
	 NULL, NULL, NULL, ROUTE_NONE, "role", "role.change", "role remove", h_role_drop, false},
	{"duty-list", ROUTE_GET, V1 "/duties", "List duties of which a person holds one", SIGNED_IN, ROUTE_EACH,
	 NULL, NULL, &schema_duty, ROUTE_MANY, READS, "duty list", h_duties, false},
	{"duty-put", ROUTE_PUT, V1 "/duties/{set}", "Keep more duties apart", MAY(MANAGER_EDIT), ROUTE_FLEET,
	 NULL, &schema_duty_put, NULL, ROUTE_NONE, "duty", "policy.change", "duty set", h_duty_put, false},
	{"duty-drop", ROUTE_DELETE, V1 "/duties/{set}", "Keep these apart no more; ours stay", MAY(MANAGER_EDIT), ROUTE_FLEET,
	 NULL, NULL, NULL, ROUTE_NONE, "duty", "policy.change", "duty remove", h_duty_drop, false},
	{"duty-conflict-list", ROUTE_GET, V1 "/duty-conflicts", "List who holds duties that exclude each other", MAY(GRANT_EDIT), ROUTE_FLEET,
	 NULL, NULL, &schema_duty_conflict, ROUTE_MANY, READS, "duty conflicts", h_duty_conflicts, false},
	{"permission-list", ROUTE_GET, V1 "/permissions", "List permissions", MAY(GRANT_EDIT), ROUTE_FLEET,
	 NULL, NULL, &schema_permission, ROUTE_MANY, READS, "grant list", h_permissions, false},
	{"permission-put", ROUTE_PUT, V1 "/permissions", "Give a permission", MAY(GRANT_EDIT), ROUTE_BODY,
	 NULL, &schema_permission_put, NULL, ROUTE_NONE, "grant", "grant.change", "grant give", h_permission_put, false},
	{"permission-drop", ROUTE_POST, V1 "/permissions/take", "Take a permission back", MAY(GRANT_EDIT), ROUTE_BODY,
	 NULL, &schema_permission_drop, NULL, ROUTE_NONE, "grant", "grant.change", "grant take", h_permission_drop, false},
	{"object-list", ROUTE_GET, V1 "/objects", "List objects of the inventory", SIGNED_IN, ROUTE_EACH,
	 &query_page, NULL, &schema_object, ROUTE_MANY, READS, "object list", h_objects, false},
	{"object-put", ROUTE_PUT, V1 "/objects/{object}", "Make an object, or change all of it", MAY(OBJECT_EDIT), ROUTE_FLEET,
	 NULL, &schema_object_put, NULL, ROUTE_NONE, "object", "grant.change", "object set", h_object_put, false},
	{"object-drop", ROUTE_DELETE, V1 "/objects/{object}", "Take an object out of the inventory", MAY(OBJECT_EDIT), ROUTE_FLEET,
	 NULL, NULL, NULL, ROUTE_NONE, "object", "grant.change", "object remove", h_object_drop, false},
	{"object-rights", ROUTE_GET, V1 "/objects/{object}/rights", "Say what a user may do to an object, and why", MAY(GRANT_EDIT), ROUTE_OBJECT,
	 &query_rights, NULL, &schema_rights, ROUTE_ONE, READS, "grant explain", h_object_rights, false},

	/* hosts */
	{"host-list", ROUTE_GET, V1 "/hosts", "List hosts", SIGNED_IN, ROUTE_EACH,
	 &query_hosts, NULL, &schema_host, ROUTE_MANY, READS, "host list", h_hosts, false},
	{"host-show", ROUTE_GET, V1 "/hosts/{host}", "Show a host", MAY(OBJECT_READ), ROUTE_HOST,
	 NULL, NULL, &schema_host, ROUTE_ONE, READS, "host show", h_host, false},
	{"host-approve", ROUTE_POST, V1 "/hosts/{host}/approve", "Let a host that joined take part", MAY(HOST_APPROVE), ROUTE_HOST,
	 NULL, NULL, &schema_command_made, ROUTE_ONE, "host", "host.approve baseline.approve", "host approve", h_host_approve, false},
	{"host-retire", ROUTE_POST, V1 "/hosts/{host}/retire", "Take a host out for good", MAY(HOST_RETIRE), ROUTE_HOST,
	 NULL, &schema_host_retire, NULL, ROUTE_NONE, "host", "host.retire", "host retire", h_host_retire, false},
	{"verdict-list", ROUTE_GET, V1 "/hosts/{host}/verdicts", "List a host's newest verdicts", MAY(OBJECT_READ), ROUTE_HOST,
	 &query_page, NULL, &schema_verdict, ROUTE_MANY, READS, "host show --verdicts", h_verdicts, false},
	{"change-list", ROUTE_GET, V1 "/hosts/{host}/changes", "List a host's newest changes of state", MAY(OBJECT_READ), ROUTE_HOST,
	 &query_page, NULL, &schema_change, ROUTE_MANY, READS, "host show --changes", h_changes, false},
	{"evidence-get", ROUTE_GET, V1 "/hosts/{host}/evidence/{sha256}", "Read the evidence of a verdict, as the agent sent it", MAY(EVIDENCE_READ), ROUTE_HOST,
	 NULL, NULL, NULL, ROUTE_TEXT, READS, NULL, h_evidence, false},
	{"host-finding-list", ROUTE_GET, V1 "/hosts/{host}/findings", "List a host's findings", MAY(OBJECT_READ), ROUTE_HOST,
	 &query_host_findings, NULL, &schema_finding, ROUTE_MANY, READS, "host show --findings", h_host_findings, false},
	{"finding-list", ROUTE_GET, V1 "/findings", "List findings of the fleet", SIGNED_IN, ROUTE_EACH,
	 &query_findings, NULL, &schema_finding, ROUTE_MANY, READS, "check --fleet --last", h_findings, false},
	{"query", ROUTE_POST, V1 "/query", "Ask the facts of hosts, by one SELECT over the tables of `ringfence facts`", SIGNED_IN, ROUTE_EACH,
	 NULL, &schema_query_make, &schema_query_row, ROUTE_MANY, "query", NULL, "query --fleet", h_query, true},
	{"invite-list", ROUTE_GET, V1 "/invites", "List invites", MAY(HOST_INVITE), ROUTE_FLEET,
	 NULL, NULL, &schema_invite, ROUTE_MANY, READS, "host invites", h_invites, false},
	{"invite-make", ROUTE_POST, V1 "/invites", "Make a token with which one host joins", MAY(HOST_INVITE), ROUTE_BODY,
	 NULL, &schema_invite_make, &schema_invite_made, ROUTE_ONE, "invite", NULL, "host invite", h_invite_make, false},
	{"invite-revoke", ROUTE_DELETE, V1 "/invites/{invite}", "Take an invite back", MAY(HOST_INVITE), ROUTE_FLEET,
	 NULL, NULL, NULL, ROUTE_NONE, "invite", NULL, "host uninvite", h_invite_revoke, false},

	/* commands: the verb is the last part of the path */
	COMMAND("check", HOST_CHECK, schema_check_make, NULL),
	COMMAND("attest", HOST_ATTEST, schema_hosts_make, NULL),
	COMMAND("facts", HOST_CHECK, schema_facts_make, NULL),
	COMMAND("isolate-plan", ISOLATE_PLAN, schema_plan_make, NULL),
	COMMAND("isolate-apply", ISOLATE_APPLY, schema_apply_make, "isolation.network.change isolation.disk.change"),
	COMMAND("isolate-rollback", ISOLATE_APPLY, schema_rollback_make, "isolation.network.change isolation.disk.change"),
	COMMAND("quarantine", QUARANTINE_SET, schema_quarantine_make, "quarantine.begin"),
	COMMAND("quarantine-release", QUARANTINE_RELEASE, schema_release_make, "quarantine.release"),
	COMMAND("fix-plan", HOST_FIX, schema_fix_plan_make, NULL),
	COMMAND("fix-apply", HOST_FIX, schema_fix_make, "host.fix"),
	COMMAND("confirm", HOST_FIX, schema_confirm_make, NULL),
	{"command-list", ROUTE_GET, V1 "/commands", "List commands and their results, the newest first", SIGNED_IN, ROUTE_EACH,
	 &query_commands, NULL, &schema_command, ROUTE_MANY, READS, "host commands", h_commands, false},
	{"command-show", ROUTE_GET, V1 "/commands/{command}", "Show a command and its result", SIGNED_IN, ROUTE_EACH,
	 NULL, NULL, &schema_command, ROUTE_ONE, READS, "host command", h_command, false},

	/* consent */
	{"approval-list", ROUTE_GET, V1 "/approvals", "List approvals", SIGNED_IN, ROUTE_EACH,
	 &query_approvals, NULL, &schema_approval, ROUTE_MANY, READS, "approval list", h_approvals, false},
	{"approval-show", ROUTE_GET, V1 "/approvals/{approval}", "Show an approval and the act it is for", SIGNED_IN, ROUTE_EACH,
	 NULL, NULL, &schema_approval, ROUTE_ONE, READS, "approval show", h_approval, false},
	{"approval-approve", ROUTE_POST, V1 "/approvals/{approval}/approve", "Be the second person", MAY(APPROVAL_GIVE), ROUTE_FLEET,
	 NULL, &schema_approve, &schema_approval, ROUTE_ONE, "approval", NULL, "approval approve", h_approval_approve, true},
	{"approval-deny", ROUTE_POST, V1 "/approvals/{approval}/deny", "Deny, or take an approval back", MAY(APPROVAL_GIVE), ROUTE_FLEET,
	 NULL, &schema_deny, &schema_approval, ROUTE_ONE, "approval", NULL, "approval deny", h_approval_deny, true},
	{"approval-cancel", ROUTE_POST, V1 "/approvals/{approval}/cancel", "Take one's own request back", SIGNED_IN, ROUTE_EACH,
	 NULL, NULL, &schema_approval, ROUTE_ONE, "approval", NULL, "approval cancel", h_approval_cancel, true},
	{"approval-rule-list", ROUTE_GET, V1 "/approval-rules", "List operations, and how many eyes each wants", SIGNED_IN, ROUTE_EACH,
	 NULL, NULL, &schema_approval_rule, ROUTE_MANY, READS, "approval rules", h_approval_rules, false},
	{"approval-rule-put", ROUTE_PUT, V1 "/approval-rules/{operation}", "Ask for more, or less, for an operation", MAY(MANAGER_EDIT), ROUTE_FLEET,
	 NULL, &schema_approval_rule_put, NULL, ROUTE_NONE, "approval-rule", "policy.change", "approval rule", h_approval_rule_put, false},
	{"waiver-list", ROUTE_GET, V1 "/waivers", "List waivers", SIGNED_IN, ROUTE_EACH,
	 NULL, NULL, &schema_waiver, ROUTE_MANY, READS, "waiver list", h_waivers, false},
	{"waiver-propose", ROUTE_POST, V1 "/waivers", "Ask that a finding be accepted for a time", MAY(WAIVER_REQUEST), ROUTE_FLEET,
	 NULL, &schema_waiver_make, &schema_waiver, ROUTE_ONE, "waiver", NULL, "waiver propose", h_waiver_propose, false},
	{"waiver-approve", ROUTE_POST, V1 "/waivers/{waiver}/approve", "Accept a finding that another person owns", MAY(WAIVER_APPROVE), ROUTE_FLEET,
	 NULL, NULL, &schema_waiver, ROUTE_ONE, "waiver", NULL, "waiver approve", h_waiver_approve, false},
	{"waiver-revoke", ROUTE_POST, V1 "/waivers/{waiver}/revoke", "End a waiver before its time", MAY(WAIVER_APPROVE), ROUTE_FLEET,
	 NULL, NULL, &schema_waiver, ROUTE_ONE, "waiver", NULL, "waiver revoke", h_waiver_revoke, false},

	/* events and the ledger */
	{"event-list", ROUTE_GET, V1 "/events", "List events, or follow them", SIGNED_IN, ROUTE_EACH,
	 &query_events, NULL, &schema_event, ROUTE_STREAM, READS, "events", h_events, false},
	{"ledger-show", ROUTE_GET, V1 "/ledger", "Say how far the ledger is", MAY(LEDGER_READ), ROUTE_FLEET,
	 NULL, NULL, &schema_ledger, ROUTE_ONE, READS, "ledger show --fleet", h_ledger, false},
	{"ledger-entries", ROUTE_GET, V1 "/ledger/entries", "List entries of the ledger", MAY(LEDGER_READ), ROUTE_FLEET,
	 &query_entries, NULL, &schema_entry, ROUTE_MANY, READS, "ledger list --fleet", h_ledger_entries, false},
	{"ledger-export", ROUTE_GET, V1 "/ledger/export", "Export what is signed, for `ringfence ledger verify`", MAY(LEDGER_READ), ROUTE_FLEET,
	 NULL, NULL, NULL, ROUTE_TEXT, READS, "ledger export --fleet", h_ledger_export, false},

	/* the program */
	{"version", ROUTE_GET, V1 "/version", "Say what runs here", SIGNED_IN, ROUTE_EACH,
	 NULL, NULL, &schema_version, ROUTE_ONE, READS, NULL, h_version, false},
	{"health", ROUTE_GET, V1 "/health", "Say whether the manager and its store answer", PUBLIC, ROUTE_EACH,
	 NULL, NULL, &schema_health, ROUTE_ONE, READS, NULL, h_health, false},
	{"openapi", ROUTE_GET, V1 "/openapi.json", "This document", PUBLIC, ROUTE_EACH,
	 NULL, NULL, NULL, ROUTE_TEXT, READS, NULL, h_openapi, false},
	{"authority", ROUTE_GET, V1 "/authority", "The authority's certificate (PEM)", PUBLIC, ROUTE_EACH,
	 NULL, NULL, NULL, ROUTE_TEXT, READS, NULL, h_authority, false},
};
/* clang-format on */
const size_t routes_count = RF_COUNT(routes);
