/* SPDX-License-Identifier: Apache-2.0 */
/* Hosts, what was proven of them and found on them, and invites. */
#include <errno.h>
#include <string.h>

#include "api/handlers.h"
#include "base/mem.h"
#include "base/str.h"
#include "store/agents.h"
#include "store/ask.h"
#include "store/enrol.h"

#define MINUTE_MS	((int64_t)60000)
#define HOSTS_LOOKED	10000 /* of one page: filters that fit few go on later */
#define HOSTS_AT_A_TIME 256
#define APPROVE_MS	((int64_t)7 * 86400000)

static json_t *json_of(const char *text)
{
	json_t *json = text ? json_loads(text, 0, NULL) : NULL;

	return json_is_object(json) ? json : json_object();
}

static json_t *host_json(const struct store_host *host)
{
	return json_pack("{s:s, s:s, s:s, s:I, s:s, s:b, s:o, s:I, s:I}", "host", host->host,
			 "name", host->name, "state", host->state, "state_ms",
			 (json_int_t)host->state_ms, "agent_version", host->agent_version, "tpm",
			 host->ek_sha256.len > 0, "labels", json_of(host->labels), "created_ms",
			 (json_int_t)host->created_ms, "seen_ms", (json_int_t)host->seen_ms);
}

/* What of the list needs questions of its own: asked once the rows are read. */
static int sum_add(struct api_call *call, json_t *json, struct rf_err *err)
{
	struct store_host_sum sum;
	int rc = store_host_sum(call->api->store, json_string_value(json_object_get(json, "host")),
				&sum, err);
	int64_t age_s = (call->request->now_ms - sum.good_ms) / 1000;

	if (rc)
		return rc;
	json_object_set_new(json, "good_ms", json_integer(sum.good_ms));
	if (sum.good_ms)
		json_object_set_new(json, "good_age_s", json_integer(age_s > 0 ? age_s : 0));
	json_object_set_new(json, "failures", json_integer(sum.failures));
	return 0;
}

/* A list of hosts while it is made. */
struct hosts {
	struct api_call *call;
	json_t *items;
	int64_t limit, looked;
	char last[512];
	bool more;
};

static bool has_label(const struct store_host *host, const char *label)
{
	API_AUTOJSON json_t *labels = json_of(host->labels);
	const char *sign = strchr(label, '=');
	RF_AUTOFREE char *name = rf_strndup(label, sign ? (size_t)(sign - label) : strlen(label));
	const json_t *value = name ? json_object_get(labels, name) : NULL;

	return value && (!sign || rf_equal(json_string_value(value), sign + 1));
}

static bool fits(const struct api_call *call, const struct store_host *host)
{
	const char *state = call_query(call, "state"), *name = call_query(call, "name");
	const char *label = call_query(call, "label");

	return (!state || rf_equal(state, host->state)) && (!name || rf_glob(name, host->name)) &&
	       (!label || has_label(host, label));
}

static int take_hosts(void *arg, const struct store_host *host)
{
	struct hosts *hosts = arg;

	if ((int64_t)json_array_size(hosts->items) >= hosts->limit) {
		hosts->more = true;
		return 0;
	}
	hosts->looked++;
	(void)rf_copy(hosts->last, sizeof(hosts->last), host->host);
	if (!fits(hosts->call, host))
		return 0;
	return json_array_append_new(hosts->items, host_json(host)) ? -ENOMEM : 0;
}

/* Rights are asked when no row is being read: they may ask the store. */
static void drop_unseen(struct hosts *hosts, size_t from)
{
	char object[600];

	for (size_t i = json_array_size(hosts->items); i > from; i--) {
		const json_t *json = json_array_get(hosts->items, i - 1);

		(void)rf_format(object, sizeof(object), "host:%s",
				json_string_value(json_object_get(json, "host")));
		if (!call_sees(hosts->call, PRIVILEGE_OBJECT_READ, object))
			json_array_remove(hosts->items, i - 1);
	}
}

static int hosts_read(struct hosts *hosts, struct rf_err *err)
{
	bool end = false;

	while (!end && !hosts->more && hosts->looked < HOSTS_LOOKED) {
		int64_t before = hosts->looked;
		size_t from = json_array_size(hosts->items);
		int rc = store_host_each(hosts->call->api->store, hosts->last, HOSTS_AT_A_TIME,
					 take_hosts, hosts, err);

		if (rc)
			return rc;
		drop_unseen(hosts, from);
		end = hosts->looked - before < HOSTS_AT_A_TIME && !hosts->more;
		hosts->more = !end && (int64_t)json_array_size(hosts->items) >= hosts->limit;
	}
	if (end)
		hosts->last[0] = '\0';
	return 0;
}

int h_hosts(struct api_call *call, struct rf_err *err)
{
	API_AUTOJSON json_t *items = json_array();
	struct hosts hosts = {
		.call = call, .items = items, .limit = call_query_number(call, "limit", API_PAGE)};
	const char *after = call_query(call, "after");

	if (after && !rf_copy(hosts.last, sizeof(hosts.last), after))
		return rf_fail(err, RF_E_LIMIT, "after is too long");
	int rc = hosts_read(&hosts, err);

	for (size_t i = 0; i < json_array_size(items) && !rc; i++)
		rc = sum_add(call, json_array_get(items, i), err);
	return rc ? rc : call_many(call, json_incref(items), hosts.last);
}

static int take_host(void *arg, const struct store_host *host)
{
	return call_one(arg, host_json(host));
}

static int take_reason(void *arg, const struct store_host_change *change)
{
	return json_object_set_new(arg, "reason", json_string(change->reason)) ? -ENOMEM : 0;
}

int h_host(struct api_call *call, struct rf_err *err)
{
	const char *host = call_var(call, "host");
	int rc = store_host_get(call->api->store, host, take_host, call, err);

	if (!rc)
		rc = sum_add(call, call->answer, err);
	/* The newest change is the one that gave it its state. */
	return rc ? rc
		  : store_host_change_each(call->api->store, host, 1, take_reason, call->answer,
					   err);
}

/* The manager of its connection makes its first boot the baseline, and itself its state. */
int h_host_approve(struct api_call *call, struct rf_err *err)
{
	char id[STORE_ID_BYTES];
	int rc = id_make("command-", id, err);
	const char *host = call_var(call, "host");
	const struct store_command command = {
		.host = host,
		.command = id,
		.verb = "approve",
		.arguments = "{}",
		.ordered_by = call->who.account,
		.approval = call->request->approval ? call->request->approval : "",
		.created_ms = call->request->now_ms,
		.expires_ms = call->request->now_ms + APPROVE_MS};
	int64_t serial = 0;

	if (!rc)
		rc = store_command_add(call->api->store, &command, &serial, err);
	return rc ? rc
		  : call_one(call, json_pack("{s:s, s:s, s:I}", "host", host, "command", id,
					     "serial", (json_int_t)serial));
}

int h_host_retire(struct api_call *call, struct rf_err *err)
{
	return store_host_retire(call->api->store, call_var(call, "host"),
				 call_text(call, "reason"), call->request->now_ms, err);
}

static json_t *hex_json(struct rf_slice bytes)
{
	RF_AUTOBUF struct rf_buf text = {0};

	rf_buf_add_hex(&text, bytes.data, bytes.len);
	return json_string(rf_buf_text(&text));
}

static int take_verdict(void *arg, const struct store_verdict_row *row)
{
	json_t *json =
		json_pack("{s:s, s:s, s:s, s:I}", "verdict", row->verdict, "state", row->state,
			  "reason", row->reason, "at_ms", (json_int_t)row->at_ms);

	if (json && row->evidence.len)
		json_object_set_new(json, "evidence", hex_json(row->evidence));
	return json_array_append_new(arg, json) ? -ENOMEM : 0;
}

int h_verdicts(struct api_call *call, struct rf_err *err)
{
	API_AUTOJSON json_t *items = json_array();
	int rc = store_verdict_each(call->api->store, call_var(call, "host"),
				    call_query_number(call, "limit", API_PAGE), take_verdict, items,
				    err);

	return rc ? rc : call_many(call, json_incref(items), "");
}

static int take_change(void *arg, const struct store_host_change *change)
{
	return json_array_append_new(arg, json_pack("{s:s, s:s, s:s, s:I}", "old_state",
						    change->old_state, "new_state",
						    change->new_state, "reason", change->reason,
						    "at_ms", (json_int_t)change->at_ms))
		       ? -ENOMEM
		       : 0;
}

int h_changes(struct api_call *call, struct rf_err *err)
{
	API_AUTOJSON json_t *items = json_array();
	int rc = store_host_change_each(call->api->store, call_var(call, "host"),
					call_query_number(call, "limit", API_PAGE), take_change,
					items, err);

	return rc ? rc : call_many(call, json_incref(items), "");
}

/* Evidence is told by its digest: it has to be one of a verdict over this host. */
struct digest_seen {
	const uint8_t *sha256;
	bool here;
};

static int take_digest(void *arg, const struct store_verdict_row *row)
{
	struct digest_seen *seen = arg;

	seen->here =
		seen->here || (row->evidence.len == STORE_SHA256_BYTES &&
			       memcmp(row->evidence.data, seen->sha256, STORE_SHA256_BYTES) == 0);
	return 0;
}

static int take_evidence(void *arg, struct rf_slice content)
{
	struct api_call *call = arg;

	return rf_buf_add(&call->reply->body, content.data, content.len);
}

int h_evidence(struct api_call *call, struct rf_err *err)
{
	uint8_t sha256[STORE_SHA256_BYTES];
	size_t len = 0;
	struct digest_seen seen = {sha256, false};

	if (rf_hex_decode(call_var(call, "sha256"), sha256, sizeof(sha256), &len) ||
	    len != sizeof(sha256))
		return rf_fail(err, RF_E_SYNTAX, "sha256 has to be 64 hexadecimal digits");
	int rc = store_verdict_each(call->api->store, call_var(call, "host"), API_PAGE_MAX,
				    take_digest, &seen, err);

	if (!rc && !seen.here)
		rc = rf_fail(err, RF_E_UNKNOWN, "there is no such evidence of this host");
	call->reply->type = "application/octet-stream";
	return rc ? rc : store_evidence_get(call->api->store, sha256, take_evidence, call, err);
}

/* Findings of a page, and the key of the last. */
struct findings {
	json_t *items;
	struct rf_buf last;
	int64_t read;
};

static int take_finding(void *arg, const char *host, const struct store_finding *finding)
{
	struct findings *findings = arg;

	findings->read++;
	rf_buf_reset(&findings->last);
	/* Neither a host's id nor a control's has a blank. */
	rf_buf_printf(&findings->last, "%s %s %s", host, finding->control, finding->resource);
	return json_array_append_new(findings->items,
				     json_pack("{s:s, s:s, s:s, s:s, s:s, s:I}", "host", host,
					       "control", finding->control, "resource",
					       finding->resource, "state", finding->state,
					       "evidence", finding->evidence, "since_ms",
					       (json_int_t)finding->since_ms))
		       ? -ENOMEM
		       : 0;
}

static void drop_unseen_findings(struct api_call *call, json_t *items)
{
	char object[600];

	for (size_t i = json_array_size(items); i > 0; i--) {
		const json_t *host = json_object_get(json_array_get(items, i - 1), "host");

		(void)rf_format(object, sizeof(object), "host:%s", json_string_value(host));
		if (!call_sees(call, PRIVILEGE_OBJECT_READ, object))
			json_array_remove(items, i - 1);
	}
}

static int findings_list(struct api_call *call, const char *host, struct rf_err *err)
{
	struct findings findings = {.items = json_array()};
	RF_AUTOFREE char *after =
		rf_strdup(call_query(call, "after") ? call_query(call, "after") : "");
	const char *control = call_query(call, "control"), *state = call_query(call, "state");
	char *blank = after ? strchr(after, ' ') : NULL;
	char *second = blank ? strchr(blank + 1, ' ') : NULL;
	API_AUTOJSON json_t *items = findings.items;
	struct store_finding_page page = {host ? host : "",
					  control ? control : "",
					  state ? state : "",
					  "",
					  "",
					  "",
					  call_query_number(call, "limit", API_PAGE)};

	if (after && after[0] && !second)
		return rf_fail(err, RF_E_SYNTAX, "after is none of ours");
	if (second) {
		*blank = *second = '\0';
		page.after_host = after;
		page.after_control = blank + 1;
		page.after_resource = second + 1;
	}
	int rc = store_finding_page(call->api->store, &page, take_finding, &findings, err);

	if (!rc)
		drop_unseen_findings(call, items);
	if (!rc)
		rc = call_many(call, json_incref(items),
			       findings.read >= page.limit ? rf_buf_text(&findings.last) : "");
	rf_buf_done(&findings.last);
	return rc;
}

int h_findings(struct api_call *call, struct rf_err *err)
{
	return findings_list(call, call_query(call, "host"), err);
}

int h_host_findings(struct api_call *call, struct rf_err *err)
{
	return findings_list(call, call_var(call, "host"), err);
}

static int take_invite(void *arg, const struct store_invite *invite)
{
	json_t *json = json_pack(
		"{s:s, s:s, s:o, s:s, s:I, s:I, s:I, s:I}", "invite", invite->invite, "parent",
		invite->parent, "labels", json_of(invite->labels), "created_by", invite->created_by,
		"created_ms", (json_int_t)invite->created_ms, "expires_ms",
		(json_int_t)invite->expires_ms, "used_ms", (json_int_t)invite->used_ms,
		"revoked_ms", (json_int_t)invite->revoked_ms);

	if (json && invite->used_by)
		json_object_set_new(json, "used_by", json_string(invite->used_by));
	return json_array_append_new(arg, json) ? -ENOMEM : 0;
}

int h_invites(struct api_call *call, struct rf_err *err)
{
	API_AUTOJSON json_t *items = json_array();
	int rc = store_invite_each(call->api->store, take_invite, items, err);

	return rc ? rc : call_many(call, json_incref(items), "");
}

int h_invite_make(struct api_call *call, struct rf_err *err)
{
	const json_t *labels = json_object_get(call->body, "labels");
	RF_AUTOFREE char *text =
		json_is_object(labels) ? json_dumps(labels, JSON_COMPACT) : rf_strdup("{}");
	char secret[API_SECRET_TEXT_BYTES], id[STORE_ID_BYTES];
	uint8_t sha256[STORE_SHA256_BYTES];
	int rc = text ? secret_make("rfi_", secret, sha256, err) : rf_fail(err, -ENOMEM, "memory");
	const char *address = call->api->settings.agents_address;

	if (!rc)
		rc = id_make("invite-", id, err);
	if (rc)
		return rc;
	const struct store_invite invite = {
		.invite = id,
		.sha256 = {sha256, sizeof(sha256)},
		.parent = call->object,
		.labels = text,
		.created_by = call->who.subject,
		.created_ms = call->request->now_ms,
		.expires_ms = call->request->now_ms + call_number(call, "minutes", 60) * MINUTE_MS};
	const char *print = call->api->settings.fingerprint;
	const bool whole = address && strstr(address, "://");
	RF_AUTOFREE char *join = rf_asprintf(
		"ringfence agent join %s%s --token %s --fingerprint %s", whole ? "" : "https://",
		address ? address : "MANAGER:8444", secret, print ? print : "HEX");

	rc = store_invite_add(call->api->store, &invite, err);
	if (!rc)
		rc = call_one(call, json_pack("{s:s, s:s, s:s, s:I}", "invite", id, "token", secret,
					      "join", join ? join : "", "expires_ms",
					      (json_int_t)invite.expires_ms));
	(void)rf_format(call->note, sizeof(call->note), "%s made", id);
	rf_wipe(secret, sizeof(secret));
	return rc;
}

int h_invite_revoke(struct api_call *call, struct rf_err *err)
{
	(void)rf_format(call->note, sizeof(call->note), "%.64s revoked", call_var(call, "invite"));
	return store_invite_revoke(call->api->store, call_var(call, "invite"),
				   call->request->now_ms, err);
}
