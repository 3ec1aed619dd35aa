/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows of commands that call the manager (fleet.h); their words, options and help are rows of
 * commands.c. tests/unit/test_cli_fleet_rows.c holds them against the API's table of routes.
 */
#include "base/mem.h"
#include "cli/fleet.h"

#define V1	     "/api/v1"
#define GET(path)    "GET", V1 path
#define POST(path)   "POST", V1 path
#define PUT(path)    "PUT", V1 path
#define DELETE(path) "DELETE", V1 path
#define WORD(member)                                                                               \
	{                                                                                          \
		member, FLEET_TEXT, 0, NULL                                                        \
	}
#define TEXT(member, id)                                                                           \
	{                                                                                          \
		member, FLEET_TEXT, OPT_##id, NULL                                                 \
	}
#define OF(type, member, id)                                                                       \
	{                                                                                          \
		member, FLEET_##type, OPT_##id, NULL                                               \
	}
#define MINUTES OF(NUMBER, "minutes", MINUTES)
#define LIMIT	OF(NUMBER, "limit", LIMIT)
/* Results of what hosts were told to do. */
#define RESULTS                                                                                    \
	"HOST=host OUTCOME=outcome COMMAND=command VERB=verb STATE=state RESULT=result OUTPUT=output"
/* An order over --fleet. */
#define ORDER(verb) POST("/commands/" verb), .fleet = true, .order = true, .columns = RESULTS

#define HOSTS                                                                                      \
	"HOST=host STATE=state GOOD=~good_ms FAILS=failures SEEN=~seen_ms AGENT=agent_version NAME=name"
#define FINDINGS                                                                                   \
	"HOST=host STATE=state CONTROL=control RESOURCE=resource SINCE=~since_ms EVIDENCE=evidence"
#define COMMANDS                                                                                   \
	"COMMAND=command HOST=host VERB=verb BY=ordered_by STATE=state RESULT=result AT=created_ms"

/* clang-format off */
const struct fleet_row fleet_rows[] = {
	{"user list", GET("/users"), .options = {LIMIT}, .paged = true,
	 .columns = "USER=user SUBJECT=subject NAME=name SOURCE=source DISABLED=disabled SINCE=created_ms"},
	{"user show", GET("/users/{user}"), .words = {WORD("user")}},
	{"user add", PUT("/users/{user}"), .words = {WORD("user")},
	 .options = {TEXT("subject", SUBJECT), TEXT("name", PERSON), OF(TRUTH, "disabled", DISABLED)}},
	{"user sign-out", DELETE("/users/{user}/sessions"), .words = {WORD("user")}, .done = "all sessions have ended"},
	{"group add", PUT("/groups/{group}/members/{user}"), .words = {WORD("group"), WORD("user")}},
	{"group remove", DELETE("/groups/{group}/members/{user}"), .words = {WORD("group"), WORD("user")}},
	{"token list", GET("/tokens"), .options = {TEXT("user", USER)},
	 .columns = "TOKEN=token USER=user NAME=name EXPIRES=expires_ms USED=used_ms REVOKED=revoked_ms"},
	{"token add", POST("/tokens"), .words = {WORD("name")},
	 .options = {OF(NUMBER, "days", DAYS), OF(TEXTS, "privileges", PRIVILEGE)}},
	{"token revoke", DELETE("/tokens/{token}"), .words = {WORD("token")}, .done = "it counts no more"},

	{"role privileges", GET("/privileges"), .columns = "PRIVILEGE=privilege ALLOWS=about"},
	{"role list", GET("/roles"), .columns = "ROLE=role TITLE=title BY=changed_by PRIVILEGES=privileges"},
	{"role set", PUT("/roles/{role}"), .words = {WORD("role"), {"privileges", FLEET_TEXTS, 0, NULL}},
	 .options = {TEXT("title", TITLE)}},
	{"role remove", DELETE("/roles/{role}"), .words = {WORD("role")}},
	{"duty list", GET("/duties"),
	 .columns = "SET=set WHY=why DUTIES=duties"},
	{"duty set", PUT("/duties/{set}"), .words = {WORD("set")},
	 .options = {OF(MAP, "duties", DUTY), TEXT("why", WHY), OF(TRUTH, "same_scope", SAME_PLACE)}},
	{"duty remove", DELETE("/duties/{set}"), .words = {WORD("set")}},
	{"duty conflicts", GET("/duty-conflicts"), .columns = "PERSON=subject SET=set ALONE=alone WHY=why"},
	{"grant list", GET("/permissions"),
	 .columns = "PRINCIPAL=principal GROUP=group ROLE=role OBJECT=object BELOW=propagate BY=granted_by CONDITIONS=conditions"},
	{"grant give", PUT("/permissions"), .words = {WORD("principal"), WORD("role")},
	 .options = {{"object", FLEET_TEXT, OPT_ON, ""}, OF(TRUTH, "group", GROUP), OF(UNTRUTH, "propagate", HERE_ONLY),
		     OF(FILE, "conditions", CONDITIONS)}},
	{"grant take", POST("/permissions/take"), .words = {WORD("principal")},
	 .options = {{"object", FLEET_TEXT, OPT_ON, ""}, OF(TRUTH, "group", GROUP)}},
	{"grant explain", GET("/objects/{object}/rights"), .words = {WORD("object"), WORD("user")}},
	{"object list", GET("/objects"), .options = {LIMIT}, .paged = true,
	 .columns = "OBJECT=object KIND=kind NAME=name PARENTS=parents LABELS=labels"},
	{"object set", PUT("/objects/{object}"), .words = {WORD("object"), WORD("kind"), WORD("name")},
	 .options = {OF(MAP, "labels", LABELS), OF(TEXTS, "parents", PARENT)}},
	{"object remove", DELETE("/objects/{object}"), .words = {WORD("object")}},

	{"host list", GET("/hosts"), .paged = true, .columns = HOSTS,
	 .options = {LIMIT, TEXT("state", STATE), TEXT("name", GLOB), TEXT("label", LABEL)}},
	{"host show", GET("/hosts/{host}/verdicts"), .with = OPT_VERDICTS, .words = {WORD("host")},
	 .options = {LIMIT}, .columns = "AT=at_ms STATE=state REASON=reason"},
	{"host show", GET("/hosts/{host}/changes"), .with = OPT_CHANGES, .words = {WORD("host")}, .options = {LIMIT},
	 .columns = "AT=at_ms FROM=old_state TO=new_state REASON=reason"},
	{"host show", GET("/hosts/{host}/findings"), .with = OPT_FINDINGS, .words = {WORD("host")}, .paged = true,
	 .options = {LIMIT, TEXT("state", STATE), TEXT("control", CONTROL)},
	 .columns = "STATE=state CONTROL=control RESOURCE=resource SINCE=~since_ms EVIDENCE=evidence"},
	{"host show", GET("/hosts/{host}"), .words = {WORD("host")}},
	{"host approve", POST("/hosts/{host}/approve"), .words = {WORD("host")}},
	{"host retire", POST("/hosts/{host}/retire"), .words = {WORD("host")}, .options = {TEXT("reason", REASON)},
	 .done = "it is retired: its certificate counts no more, and it never joins again"},
	{"host invite", POST("/invites"), .options = {TEXT("object", BELOW), OF(MAP, "labels", LABELS), MINUTES}},
	{"host invites", GET("/invites"),
	 .columns = "INVITE=invite BY=created_by EXPIRES=expires_ms USED=used_ms HOST=used_by REVOKED=revoked_ms"},
	{"host uninvite", DELETE("/invites/{invite}"), .words = {WORD("invite")}},
	{"host commands", GET("/commands"), .options = {TEXT("host", OF_HOST), LIMIT}, .columns = COMMANDS},
	{"host command", GET("/commands/{command}"), .words = {WORD("command")}},

	{"check", GET("/findings"), .fleet = true, .with = OPT_LAST, .paged = true, .chosen = true, .columns = FINDINGS,
	 .options = {LIMIT, TEXT("state", STATE), TEXT("control", CONTROL)}},
	{"query", POST("/query"), .fleet = true, .chosen = true, .words = {WORD("sql")}},
	{"check", ORDER("check"), .options = {TEXT("profile", PROFILE), OF(TEXTS, "controls", ONLY), MINUTES}},
	{"attest status", ORDER("attest"), .options = {MINUTES}},
	{"facts", ORDER("facts"), .options = {MINUTES}},
	{"isolate plan", ORDER("isolate-plan"), .words = {{"policy", FLEET_CONTENT, 0, NULL}}, .options = {MINUTES}},
	{"isolate apply", ORDER("isolate-apply"), .words = {{"policy", FLEET_CONTENT, 0, NULL}},
	 .options = {OF(SECONDS, "confirm_within_s", CONFIRM_WITHIN), MINUTES}},
	{"isolate rollback", ORDER("isolate-rollback"), .words = {WORD("plan")}, .options = {MINUTES}},
	{"quarantine", ORDER("quarantine-release"), .with = OPT_RELEASE, .words = {WORD("vm")},
	 .options = {TEXT("zone", ZONE), TEXT("reason", REASON), MINUTES}},
	{"quarantine", ORDER("quarantine"), .words = {WORD("vm")},
	 .options = {TEXT("zone", ZONE), TEXT("level", LEVEL), TEXT("reason", REASON), OF(TEXTS, "allow", ALLOW),
		     TEXT("honeywall", HONEYWALL), MINUTES}},
	{"fix", ORDER("confirm"), .with = OPT_CONFIRM, .options = {TEXT("plan", CONFIRM), MINUTES}},
	{"fix", ORDER("fix-apply"), .with = OPT_APPLY, .words = {{"controls", FLEET_SOME, 0, NULL}},
	 .options = {OF(CONTENT, "plan", PLAN), OF(SECONDS, "confirm_within_s", CONFIRM_WITHIN), MINUTES}},
	{"fix", ORDER("fix-plan"), .words = {{"controls", FLEET_SOME, 0, NULL}}, .options = {MINUTES}},

	{"approval list", GET("/approvals"), .options = {LIMIT, TEXT("state", STATE)}, .paged = true,
	 .columns = "APPROVAL=approval OPERATION=operation STATE=state BY=account UNTIL=deadline_ms REASON=reason"},
	{"approval show", GET("/approvals/{approval}"), .words = {WORD("approval")}},
	{"approval approve", POST("/approvals/{approval}/approve"), .words = {WORD("approval")},
	 .options = {TEXT("digest", DIGEST), TEXT("comment", COMMENT), OF(DURATION, "duration_ms", FOR),
		     OF(NUMBER, "count", COUNT_OF)}},
	{"approval deny", POST("/approvals/{approval}/deny"), .words = {WORD("approval")}, .options = {TEXT("reason", REASON)}},
	{"approval cancel", POST("/approvals/{approval}/cancel"), .words = {WORD("approval")}},
	{"approval rules", GET("/approval-rules"),
	 .columns = "OPERATION=operation LEVEL=level FLOOR=floor QUORUM=quorum BY=changed_by TITLE=title"},
	{"approval rule", PUT("/approval-rules/{operation}"), .words = {WORD("operation")},
	 .options = {TEXT("level", LEVEL), OF(DURATION, "window_ms", FOR), OF(NUMBER, "count_max", COUNT_OF)}},
	{"waiver list", GET("/waivers"),
	 .columns = "WAIVER=waiver STATE=state CONTROL=control RESOURCE=resource OWNER=owner APPROVER=approver EXPIRES=expires_ms"},
	{"waiver propose", POST("/waivers"), .words = {WORD("control"), WORD("resource")},
	 .options = {TEXT("reason", REASON), TEXT("compensating", INSTEAD), OF(UNTIL, "expires_ms", FOR)}},
	{"waiver approve", POST("/waivers/{waiver}/approve"), .words = {WORD("waiver")}},
	{"waiver revoke", POST("/waivers/{waiver}/revoke"), .words = {WORD("waiver")}},

	{"events", GET("/events"), .options = {OF(NUMBER, "after", AFTER), LIMIT}, .stream = true,
	 .columns = "AT=at_ms KIND=kind HOST=host ABOUT=about TO=new_state TEXT=text"},
	{"ledger show", GET("/ledger"), .fleet = true},
	{"ledger export", GET("/ledger/export"), .fleet = true, .to_file = true},
};
/* clang-format on */
const size_t fleet_rows_count = RF_COUNT(fleet_rows);
