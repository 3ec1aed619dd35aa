/* SPDX-License-Identifier: Apache-2.0 */
/* What the rows of routes.c call, and the schemas that they name. */
#ifndef RF_API_HANDLERS_H
#define RF_API_HANDLERS_H

#include "api/core.h"

#define HANDLER(name) int name(struct api_call *call, struct rf_err *err) RF_MUST_CHECK

/* Sessions: h_session.c. */
HANDLER(h_sign_in);
HANDLER(h_session);
HANDLER(h_sign_out);
HANDLER(h_sessions_end);
/* Accounts, groups and tokens: h_people.c. */
HANDLER(h_users);
HANDLER(h_user);
HANDLER(h_user_put);
HANDLER(h_member_put);
HANDLER(h_member_drop);
HANDLER(h_tokens);
HANDLER(h_token_make);
HANDLER(h_token_revoke);
/* Roles, permissions and the inventory: h_access.c. */
HANDLER(h_privileges);
HANDLER(h_roles);
HANDLER(h_role_put);
HANDLER(h_role_drop);
HANDLER(h_permissions);
HANDLER(h_permission_put);
HANDLER(h_permission_drop);
HANDLER(h_objects);
HANDLER(h_object_put);
HANDLER(h_object_drop);
HANDLER(h_object_rights);
/* Duties that exclude each other: duty_sets.c. */
HANDLER(h_duties);
HANDLER(h_duty_put);
HANDLER(h_duty_drop);
HANDLER(h_duty_conflicts);
/* Hosts, invites, and what was found: h_host.c. */
HANDLER(h_hosts);
HANDLER(h_host);
HANDLER(h_host_approve);
HANDLER(h_host_retire);
HANDLER(h_verdicts);
HANDLER(h_changes);
HANDLER(h_evidence);
HANDLER(h_host_findings);
HANDLER(h_findings);
HANDLER(h_query);
HANDLER(h_invites);
HANDLER(h_invite_make);
HANDLER(h_invite_revoke);
/* Commands for agents: h_command.c. The verb is the last part of the path. */
HANDLER(h_command_make);
HANDLER(h_commands);
HANDLER(h_command);
/* Approvals and waivers: h_consent.c. */
HANDLER(h_approvals);
HANDLER(h_approval);
HANDLER(h_approval_approve);
HANDLER(h_approval_deny);
HANDLER(h_approval_cancel);
HANDLER(h_waivers);
HANDLER(h_waiver_propose);
HANDLER(h_waiver_approve);
HANDLER(h_waiver_revoke);
/* Events and the ledger: h_event.c. */
HANDLER(h_events);
HANDLER(h_ledger);
HANDLER(h_ledger_entries);
HANDLER(h_ledger_export);
/* The program itself: h_meta.c. */
HANDLER(h_version);
HANDLER(h_health);
HANDLER(h_openapi);
HANDLER(h_authority);

/* Schemas: schemas.c. */
int h_approval_rules(struct api_call *call, struct rf_err *err);
int h_approval_rule_put(struct api_call *call, struct rf_err *err);

extern const struct schema schema_duty, schema_duty_put, schema_duty_conflict, schema_approval_rule,
	schema_approval_rule_put, schema_sign_in, schema_signed_in, schema_session, schema_user,
	schema_user_put, schema_token, schema_token_make, schema_token_made, schema_privilege,
	schema_role, schema_role_put, schema_permission, schema_permission_put,
	schema_permission_drop, schema_object, schema_object_put, schema_rights, schema_host,
	schema_host_retire, schema_verdict, schema_query_make, schema_query_row, schema_change,
	schema_finding, schema_invite, schema_invite_make, schema_invite_made, schema_command,
	schema_command_made, schema_check_make, schema_hosts_make, schema_facts_make,
	schema_plan_make, schema_apply_make, schema_rollback_make, schema_quarantine_make,
	schema_release_make, schema_fix_plan_make, schema_fix_make, schema_confirm_make,
	schema_approval, schema_approve, schema_deny, schema_waiver, schema_waiver_make,
	schema_event, schema_ledger, schema_entry, schema_version, schema_health, schema_problem;
/* Queries. */
extern const struct schema query_page, query_hosts, query_findings, query_events, query_tokens,
	query_approvals, query_commands, query_rights, query_entries, query_host_findings;

#endif
