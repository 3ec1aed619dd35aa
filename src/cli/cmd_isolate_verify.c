/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ringfence isolate verify and trace: what the live guard does, asked of the programs themselves.
 * Nothing is changed and nothing is sent.
 */
#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "cli/apart.h"
#include "cli/common.h"
#include "cli/isolate.h"
#include "isolate/cpu_counters.h"
#include "isolate/cpu_verify.h"
#include "isolate/ksm_try.h"
#include "isolate/layer_verify.h"
#include "isolate/memory_verify.h"

#define FRAME_MAX_BYTES 65550u
#define KSM_TRY_MS	500

/* ---- verify ---- */

struct verify {
	struct prover *prover;
	bool guarded; /* a guard is loaded */
	bool all, json, active;
	json_t *ports; /* with -o json */
	size_t ports_count, failed_count;
	struct isolate_promises promises; /* of rates and disks */
};

/* One port: what the policy wants of it (NULL: no policy was given), and what there is. */
struct checked_port {
	const char *name; /* of the link */
	const struct policy_port *wanted;
	bool guarded, configured;
	size_t failed;
	const char *problem; /* "" */
	struct prover_port port;
};

static bool proof_fails(const struct prover_proof *proof)
{
	return !proof->enforced || !proof->proven;
}

static bool port_as_wanted(const struct guard_port *live, const struct guard_port *wanted)
{
	return memcmp((const char *)live + PORT_SKIP, (const char *)wanted + PORT_SKIP,
		      sizeof(*live) - PORT_SKIP) == 0;
}

static int subject_ask(struct verify *v, struct checked_port *s, struct rf_err *err)
{
	int rc = prover_port(v->prover, s->name, &s->port, err);

	if (rc < 0)
		return rc;
	s->guarded = s->port.guarded;
	s->configured =
		s->guarded && (!s->wanted || port_as_wanted(&s->port.live, &s->wanted->port));
	s->problem = s->port.problem;
	if (!v->guarded)
		s->problem = "no guard is loaded (ringfence isolate apply loads it)";
	else if (!s->port.ifindex)
		s->problem = "there is no such link";
	else if (!s->guarded)
		s->problem = "no guard hangs on it";
	else if (!s->configured && !s->problem[0])
		s->problem =
			"what is configured is not what the policy wants (ringfence isolate plan)";
	for (size_t i = 0; i < s->port.count; i++)
		s->failed += proof_fails(&s->port.proofs[i]);
	return 0;
}

/* Where BPF is forbidden: promises of rules, which are no proofs. */
static int subject_nft(struct verify *v, const struct checked_port *s)
{
	char name[160];
	const struct nft_seen seen = {.subject = name,
				      .port = &s->port.live,
				      .as_wanted = s->configured,
				      .whole = s->port.whole,
				      .rules = s->port.rules};

	if (!s->port.nft)
		return 0;
	rf_format(name, sizeof(name), "%.60s%s%.40s%s%s, by nft", s->wanted ? s->wanted->vm : "",
		  s->wanted ? " " : "", s->wanted ? s->wanted->nic : "", s->wanted ? " on " : "",
		  s->name);
	return nft_promises(&seen, &v->promises);
}

static bool subject_fails(const struct checked_port *s)
{
	return s->problem[0] || s->failed;
}

static void subject_print(const struct verify *v, const struct checked_port *s)
{
	printf("%s%s%s%s%s: ", s->wanted ? s->wanted->vm : "", s->wanted ? " " : "",
	       s->wanted ? s->wanted->nic : "", s->wanted ? " on " : "", s->name);
	if (s->problem[0])
		printf("NOT as promised: %s%s", s->problem, s->port.count ? "; " : "");
	if (s->port.count)
		printf("%zu of %u promises enforced and proven", s->port.count - s->failed,
		       s->port.count);
	if (s->port.nft && !s->problem[0])
		printf("guarded by nft; what holds is told below");
	printf("\n");
	for (size_t i = 0; i < s->port.count; i++) {
		const struct prover_proof *p = &s->port.proofs[i];

		if (!v->all && !proof_fails(p))
			continue;
		printf("  %-6s %s: %s, %s, %s\n         %s\n", proof_fails(p) ? "FAIL" : "ok",
		       p->name, p->configured ? "configured" : "not promised by the policy",
		       p->enforced ? "enforced" : "NOT enforced",
		       p->proven ? "proven" : "NOT proven", p->evidence);
	}
}

static int subject_json(struct verify *v, const struct checked_port *s)
{
	json_t *list = json_array();
	json_t *port =
		json_pack("{s:s,s:s?,s:s?,s:b,s:b,s:s,s:o}", "link", s->name, "vm",
			  s->wanted ? s->wanted->vm : NULL, "nic",
			  s->wanted ? s->wanted->nic : NULL, "guarded", s->guarded, "configured",
			  s->configured, "problem", s->problem, "promises", list);

	if (!port || json_array_append_new(v->ports, port) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < s->port.count; i++) {
		const struct prover_proof *p = &s->port.proofs[i];

		if (json_array_append_new(list,
					  json_pack("{s:s,s:b,s:b,s:b,s:s,s:s}", "name", p->name,
						    "configured", p->configured, "enforced",
						    p->enforced, "proven", p->proven, "verdict",
						    guard_verdict_word(p->verdict), "evidence",
						    p->evidence)) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int subject_verify(struct verify *v, const struct policy_port *wanted, const char *link,
			  struct rf_err *err)
{
	struct checked_port s = {.name = link, .wanted = wanted};
	int rc = subject_ask(v, &s, err);

	if (rc < 0)
		return rc;
	v->ports_count++;
	v->failed_count += subject_fails(&s);
	rc = subject_nft(v, &s);
	if (!rc)
		rc = isolate_shape_promises(v->prover, link, wanted, v->active, &v->promises, err);
	if (rc < 0)
		return rc;
	if (v->json)
		return subject_json(v, &s);
	subject_print(v, &s);
	return 0;
}

/* Without a policy: every port that has a guard keeps what its configuration promises. */
static int guarded_verify(struct verify *v, const struct cli_args *args, struct rf_err *err)
{
	RF_AUTOFREE struct prover_link *links = rf_alloc(GUARD_SLOTS, sizeof(*links));
	size_t count = 0;
	int rc = links ? common_lock_in(args, err) : -ENOMEM;

	if (!rc)
		rc = prover_links(v->prover, links, GUARD_SLOTS, &count, err);
	for (size_t i = 0; rc == 0 && i < count && i < GUARD_SLOTS; i++)
		rc = subject_verify(v, NULL, links[i].name, err);
	return rc;
}

static void zones_verify(struct verify *v, const struct isolate_input *in,
			 const struct guard_zone *wanted)
{
	for (uint32_t zone = 0; zone < GUARD_ZONES; zone++) {
		const char *name = policy_zone_name(in->policy, zone);

		if (memcmp(&in->live[zone], &wanted[zone], sizeof(*wanted)) == 0)
			continue;
		v->failed_count++;
		fprintf(v->json ? stderr : stdout,
			"zone %u%s%s: NOT as promised: its row of the matrix is not what the policy "
			"wants\n",
			zone, name ? " " : "", name ? name : "");
	}
}

static enum promise_answer answer_of(bool yes)
{
	return yes ? PROMISE_YES : PROMISE_NO;
}

/* Nothing is said where nothing was promised of the host's pages. */
static void pages_try(struct verify *v, struct memory_proofs *proofs)
{
	struct ksm_trial trial;
	bool any = false;

	for (size_t i = 0; i < proofs->count; i++)
		any = any || !proofs->items[i].vm[0];
	if (any && prover_pages(v->prover, KSM_TRY_MS, &trial, NULL) == 0)
		memory_proofs_tried(proofs, &trial);
}

/* What was promised of memory, among the other promises. */
static int memory_prove(struct verify *v, const struct isolate_input *in, struct sys *sys,
			struct rf_err *err)
{
	MEMORY_AUTOPROOFS struct memory_proofs proofs = {0};
	int rc = memory_verify(in->policy, &in->memory, &in->memory_result, sys, &proofs, err);

	if (!rc && v->active)
		pages_try(v, &proofs);
	for (size_t i = 0; rc == 0 && i < proofs.count; i++) {
		const struct memory_proof *p = &proofs.items[i];
		struct isolate_promise promise = {.configured = answer_of(p->configured),
						  .enforced = answer_of(p->enforced),
						  .proven = answer_of(p->proven)};

		rf_format(promise.subject, sizeof(promise.subject), "%.140s",
			  p->vm[0] ? p->vm : "memory of this host");
		rf_copy(promise.what, sizeof(promise.what), p->name);
		rf_copy(promise.evidence, sizeof(promise.evidence), p->evidence);
		rc = isolate_promise_add(&v->promises, &promise);
	}
	return rc;
}

static int load_try(void *arg, const char *vm, const struct cpu_load *load, struct cpu_trial *out,
		    struct rf_err *err)
{
	const struct verify *v = arg;

	return prover_load(v->prover, vm, load, out, err);
}

/* Of processors and memory, out of files of the host. */
static int host_verify(struct verify *v, const struct isolate_input *in, struct rf_slice account,
		       struct rf_err *err)
{
	struct watched watched = {0};
	struct sys *sys = NULL;
	int rc = prover_host(v->prover, &sys, err);
	struct cpu_look look = {.sys = sys,
				.attempt = v->active ? load_try : NULL,
				.arg = v,
				.now_s = common_now_ms() / 1000};

	if (account.len && watched_read(account, &watched, NULL) == 0)
		look.watched = &watched;
	if (!rc)
		rc = cpu_promises(&in->cpu, &look, &v->promises, err);
	if (!rc)
		rc = cpu_counters_promises(&in->cpu, sys, in->facts, &v->promises, err);
	if (!rc)
		rc = memory_prove(v, in, sys, err);
	watched_done(&watched);
	sys_close(sys);
	v->failed_count += in->notes.conflicts;
	return rc;
}

/* The second layer, uplinks and strict: what a plan would want of them. */
static int layer_verify(struct verify *v, const struct isolate_input *in, struct rf_err *err)
{
	struct isolate_wants wants = {0};
	const struct isolate_scene scene = {.live = in->live,
					    .links = &in->links,
					    .by_nft = in->guarding.means == GUARD_MEANS_NFT ||
						      in->guarding.nft_holds};
	int rc = isolate_wants_make(in->policy, &in->result, &scene, &wants, err);

	if (!rc)
		rc = layer_promises(&wants, v->prover, &v->promises, err);
	isolate_wants_done(&wants);
	return rc;
}

static int policy_verify(struct verify *v, const struct cli_args *args, struct rf_err *err)
{
	RF_AUTOFREE struct guard_zone *wanted = rf_alloc(GUARD_ZONES, sizeof(*wanted));
	struct isolate_input in = {0};
	const char *file = args->words_count ? args->words[0] : NULL;
	RF_AUTOBUF struct rf_buf account = {0};
	/* Read while files can be; without one nobody watches, which is told where somebody should.
	 */
	int rc = wanted ? apart_account(args, &account, NULL) : -ENOMEM;

	if (rc != -ENOMEM)
		rc = isolate_input_read(args, file, ISOLATE_PROOF, &in, err);

	if (!rc)
		rc = policy_zones(in.policy, wanted, err);
	if (!rc)
		zones_verify(v, &in, wanted);
	for (size_t i = 0; rc == 0 && i < in.result.ports_count; i++)
		rc = subject_verify(v, &in.result.ports[i], in.result.ports[i].tap, err);
	if (!rc)
		rc = layer_verify(v, &in, err);
	for (size_t i = 0; rc == 0 && i < in.promises.count; i++)
		rc = isolate_promise_add(&v->promises, &in.promises.items[i]);
	if (!rc)
		rc = host_verify(v, &in, rf_buf_slice(&account), err);
	if (!rc) {
		isolate_left_show(stderr, &in.result, v->all);
		isolate_notes_show(stderr, &in.notes, !v->all);
		isolate_memory_notes_show(stderr, &in.memory_result, v->all);
		v->failed_count += in.result.conflicts + in.memory_result.conflicts;
	}
	isolate_input_done(&in);
	return rc;
}

static json_t *answer_json(enum promise_answer answer)
{
	return answer == PROMISE_NOT_ASKED ? json_null() : json_boolean(answer == PROMISE_YES);
}

/* NULL: no memory. */
static json_t *promises_json(const struct isolate_promises *promises)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < promises->count; i++) {
		const struct isolate_promise *p = &promises->items[i];
		json_t *row =
			json_pack("{s:s,s:s,s:o,s:o,s:o,s:s}", "subject", p->subject, "promise",
				  p->what, "configured", answer_json(p->configured), "enforced",
				  answer_json(p->enforced), "proven", answer_json(p->proven),
				  "evidence", p->evidence);

		if (json_array_append_new(list, row) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static int verify_print(struct verify *v)
{
	v->failed_count += isolate_promises_failed(&v->promises);
	if (!v->json) {
		isolate_promises_show(stdout, &v->promises, v->all);
		printf("%zu ports, %zu not as promised.\n", v->ports_count, v->failed_count);
		return 0;
	}
	json_t *out = json_pack("{s:I,s:O,s:o}", "failed", (json_int_t)v->failed_count, "ports",
				v->ports, "promises", promises_json(&v->promises));
	int rc = out && json_dumpf(out, stdout, JSON_INDENT(1)) == 0 ? 0 : -ENOMEM;

	json_decref(out);
	printf("\n");
	return rc;
}

int cmd_isolate_verify(const struct cli_args *args, struct rf_err *err)
{
	const char *output = cli_value(args, OPT_OUTPUT);
	struct verify v = {.all = cli_has(args, OPT_ALL),
			   .json = rf_equal(output, "json"),
			   .active = cli_has(args, OPT_ACTIVE)};

	if (output && !v.json && strcmp(output, "text") != 0)
		return rf_fail(err, RF_E_USAGE, "-o: text or json, not %s", output);
	bool policy = args->words_count || cli_has(args, OPT_KEPT);
	struct isolate_guarding guarding;

	isolate_guarding_ask(&guarding);
	/* With a policy and --all it is among that one's notes. */
	if (!policy || !v.all)
		isolate_guarding_say(args, &guarding);
	int rc = prover_start(v.active, &v.prover, &v.guarded, err);

	/* A policy may speak of disks alone; a port that it names is told to be unguarded. */
	if (!rc && !v.guarded && !policy)
		rc = isolate_no_guard(err);
	if (!rc && prover_missing(v.prover)[0] && !cli_has(args, OPT_QUIET))
		fprintf(stderr, "ringfence: proving without: %s\n", prover_missing(v.prover));
	v.ports = json_array();
	if (!rc && !v.ports)
		rc = -ENOMEM;
	if (!rc)
		rc = policy ? policy_verify(&v, args, err) : guarded_verify(&v, args, err);
	if (!rc)
		rc = verify_print(&v);
	json_decref(v.ports);
	isolate_promises_done(&v.promises);
	prover_stop(v.prover);
	if (rc == -ENOMEM)
		return rf_fail(err, rc, "no memory");
	return rc ? rc : v.failed_count ? CLI_FINDINGS : 0;
}

/* ---- trace ---- */

/* Hexadecimal with blanks and colons between, or a file of raw bytes. */
static int frame_read(const char *text, struct rf_buf *out, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf digits = {0}, frame = {0};
	size_t len = 0;

	if (access(text, F_OK) == 0)
		return common_read_file(text, FRAME_MAX_BYTES, out, err);
	for (const char *p = text; *p; p++) {
		if (isxdigit((unsigned char)*p))
			rf_buf_add_byte(&digits, (uint8_t)*p);
		else if (*p != ' ' && *p != ':')
			return rf_fail(err, RF_E_USAGE,
				       "%.60s: neither a file nor a frame in hexadecimal", text);
	}
	for (size_t i = 0; i < digits.len / 2; i++)
		rf_buf_add_byte(&frame, 0);
	if (digits.failed || frame.failed)
		return rf_fail(err, -ENOMEM, "no memory");
	if (digits.len % 2 || rf_hex_decode(rf_buf_text(&digits), frame.data, frame.len, &len) < 0)
		return rf_fail(err, RF_E_USAGE, "%.60s: half a byte at its end", text);
	return rf_buf_add(out, frame.data, len);
}

static int trace_print(struct guard *guard, uint32_t ifindex, struct rf_slice frame,
		       struct rf_err *err)
{
	const struct guard_question question = {
		.ifindex = ifindex, .direction = GUARD_FROM_VM, .frame = frame};
	struct guard_answer answer = {0};
	int rc = guard_trace(guard, &question, &answer, err);

	if (rc < 0)
		return rc;
	printf("%s: %s (%s)\n", answer.passes ? "passes" : "refused",
	       guard_verdict_word(answer.verdict), guard_verdict_why(answer.verdict));
	if (answer.passes)
		printf("leaves in zone %u", answer.zone);
	if (answer.passes && answer.vlan)
		printf(", VLAN tag %u put on or taken off", answer.vlan);
	if (answer.passes)
		printf("%s\n", answer.redirect ? ", by the port's redirect link" : "");
	return answer.passes ? 0 : CLI_FINDINGS;
}

int cmd_isolate_trace(const struct cli_args *args, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf frame = {0};
	struct guard *guard = NULL;
	uint32_t ifindex = guard_link_index(args->words[0]);
	int rc = frame_read(args->words[1], &frame, err);

	if (rc < 0)
		return rc;
	if (!ifindex)
		return rf_fail(err, RF_E_MISSING, "there is no link %.60s", args->words[0]);
	if (frame.len < 14 || frame.len > FRAME_MAX_BYTES)
		return rf_fail(err, RF_E_USAGE, "a frame has 14 to %u bytes, not %zu",
			       FRAME_MAX_BYTES, frame.len);
	rc = isolate_guard_open(&guard, err);
	if (!rc)
		rc = isolate_lock_in(args, err);
	if (!rc)
		rc = trace_print(guard, ifindex, rf_buf_slice(&frame), err);
	guard_close(guard);
	return rc;
}
