/* SPDX-License-Identifier: Apache-2.0 */
/* Judging evidence and vouching for TPMs, in a process that holds nothing; see judge.h. */
#include "manager/judge.h"

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

#include "attest/enrol.h"
#include "attest/same.h"
#include "attest/verdict.h"
#include "base/mem.h"
#include "base/str.h"

#define REASON_BYTES  512
#define REASONS_SHOWN 12u
#define SHA256_BYTES  32

struct judge {
	struct attest_hasher *hasher;
	struct ekcert_store *roots;
	struct verdict verdict;
	/* The baseline of the last question: hosts often ask twice. */
	struct baseline *baseline;
	uint8_t baseline_sha256[SHA256_BYTES];
};

int judge_new(struct ekcert_store *roots, struct judge **out, struct rf_err *err)
{
	struct judge *j = rf_alloc(1, sizeof(*j));
	int rc = j ? attest_hasher_new(&j->hasher, err) : rf_fail(err, -ENOMEM, "no memory");

	if (rc) {
		judge_free(j);
		return rc;
	}
	j->roots = roots;
	*out = j;
	return 0;
}

void judge_free(struct judge *judge)
{
	if (!judge)
		return;
	baseline_free(judge->baseline);
	verdict_done(&judge->verdict);
	attest_hasher_free(judge->hasher);
	rf_free(judge);
}

/* ---- evidence ---- */

static int baseline_take(struct judge *j, struct rf_slice yaml, struct rf_err *err)
{
	uint8_t sha256[SHA256_BYTES];
	int rc = attest_hash(j->hasher, ATTEST_SHA256, yaml, (struct rf_slice){0}, sha256);

	if (rc)
		return rf_fail(err, rc, "the baseline's digest");
	if (j->baseline && memcmp(sha256, j->baseline_sha256, sizeof(sha256)) == 0)
		return 0;
	baseline_free(j->baseline);
	j->baseline = NULL;
	rc = baseline_load(yaml, "baseline", &j->baseline, err);
	memcpy(j->baseline_sha256, sha256, sizeof(sha256));
	return rc;
}

static int baseline_make(struct judge *j, struct rf_slice evidence, const struct message *q,
			 struct rf_buf *out, struct rf_err *err)
{
	struct baseline *made = NULL;
	struct evidence parsed;
	int rc = evidence_parse(evidence, &parsed, err);

	if (!rc)
		rc = baseline_create(j->hasher, &parsed, "first", &made, err);
	if (!rc)
		rc = baseline_approve(made, "first", q->judge.approved_by, q->judge.now_ms, err);
	if (!rc)
		rc = baseline_write(made, out);
	baseline_free(made);
	return rc;
}

/* The next step as it is taken over a fleet. */
static void next_add(struct rf_buf *out, const char *next)
{
	const char *approve = strstr(next, REASON_APPROVE);
	size_t before = approve ? (size_t)(approve - next) : strlen(next);

	rf_buf_printf(out, "\nNext: %.*s%s%s", (int)before, next,
		      approve ? "ringfence host approve HOST" : "",
		      approve ? approve + strlen(REASON_APPROVE) : "");
}

/* What is said: what decided, and that programs are not judged, which nobody may take for "good".
 */
static bool is_told(const struct reason *r)
{
	if (r->allowed_by[0])
		return false;
	return reason_class_of(r->id)->effect != REASON_NOTES || r->demanded ||
	       r->id == REASON_IMA_UNJUDGED;
}

/* The reasons, worst first, a line for each, and what to do about the first. */
static void reasons_text(const struct verdict *v, struct rf_buf *out)
{
	char words[REASON_BYTES];
	const char *next = NULL;
	size_t shown = 0;

	for (size_t i = 0; i < v->reasons.count && shown < REASONS_SHOWN; i++) {
		const struct reason *r = &v->reasons.items[i];

		if (!is_told(r))
			continue;
		rf_buf_printf(out, "%s%s", shown ? "\n" : "",
			      reason_words(r, words, sizeof(words)));
		next = next ? next : reason_next(r);
		shown++;
	}
	if (next && next[0])
		next_add(out, next);
}

static const char *const states[] = {
	[VERDICT_TRUSTED] = "TRUSTED",
	[VERDICT_WARNING] = "WARNING",
	[VERDICT_UNTRUSTED] = "UNTRUSTED",
	[VERDICT_CANNOT_JUDGE] = "CANNOT_JUDGE",
};

static int verdict_out(const struct judge *j, const struct message *q, struct rf_slice baseline,
		       struct rf_buf *out, struct rf_err *err)
{
	const struct verdict *v = &j->verdict;
	RF_AUTOBUF struct rf_buf reason = {0};
	struct message m = {.kind = WIRE_JUDGED,
			    .judged = {.job = q->judge.job,
				       .state = states[v->state],
				       .proved = v->quote_proved,
				       .ak_name = {v->ak_name, v->ak_name_len},
				       .clock_ms = (int64_t)v->memory.clock_ms,
				       .firmware = (int64_t)v->memory.firmware_version,
				       .resets = v->memory.reset_count,
				       .restarts = v->memory.restart_count,
				       .ima_entries = v->memory.ima_entries}};

	reasons_text(v, &reason);
	m.judged.reason = rf_buf_text(&reason);
	if (v->quote_proved)
		m.judged.quoted = attest_same_quoted(v->quote.signed_bytes);
	return message_frame(&m, baseline, out, err);
}

static int cannot(const struct message *q, const struct rf_err *why, struct rf_buf *out,
		  struct rf_err *err)
{
	const struct message m = {.kind = WIRE_JUDGED,
				  .judged = {.job = q->judge.job,
					     .state = states[VERDICT_CANNOT_JUDGE],
					     .reason = rf_err_text(why)}};

	return message_frame(&m, (struct rf_slice){0}, out, err);
}

/* The baseline that the evidence is judged by: the one of the question, or, where it is to be
 * approved, one made of itself. */
static int baseline_choose(struct judge *j, const struct message *q, struct rf_slice *rest,
			   struct rf_buf *made, struct rf_err *err)
{
	const size_t len = (size_t)q->judge.baseline_bytes;
	const struct rf_slice own = {rest->data, len};

	if (len > rest->len)
		return rf_fail(err, RF_E_SYNTAX, "a baseline of %zu bytes in %zu", len, rest->len);
	*rest = (struct rf_slice){rest->data + len, rest->len - len};
	if (q->judge.approved_by) {
		int rc = baseline_make(j, *rest, q, made, err);

		return rc ? rc : baseline_take(j, rf_buf_slice(made), err);
	}
	return len ? baseline_take(j, own, err) : 0;
}

static struct verdict_memory memory_of(const struct message *q)
{
	return (struct verdict_memory){.known = q->judge.known,
				       .clock_ms = (uint64_t)q->judge.clock_ms,
				       .firmware_version = (uint64_t)q->judge.firmware,
				       .reset_count = (uint32_t)q->judge.resets,
				       .restart_count = (uint32_t)q->judge.restarts,
				       .ima_entries = (uint32_t)q->judge.ima_entries};
}

/* Evidence without logs: what was judged goes on, or nothing can be said. */
static int judge_brief(struct judge *j, const struct wire_frame *frame, const struct message *q,
		       struct rf_buf *out, struct rf_err *err)
{
	const struct verdict_memory before = memory_of(q);
	const struct same_question question = {q->judge.nonce, q->judge.same, q->judge.ak_name,
					       &before};
	struct verdict_memory memory;
	struct rf_err why = {0};

	if (attest_same_verify(j->hasher, frame->bytes, &question, &memory, &why)) {
		(void)rf_wrap(&why, why.code, "evidence without logs");
		return cannot(q, &why, out, err);
	}
	const struct message m = {.kind = WIRE_JUDGED,
				  .judged = {.job = q->judge.job,
					     .state = states[VERDICT_TRUSTED],
					     .proved = true,
					     .brief = true,
					     .ak_name = q->judge.ak_name,
					     .quoted = q->judge.same,
					     .clock_ms = (int64_t)memory.clock_ms,
					     .firmware = (int64_t)memory.firmware_version,
					     .resets = memory.reset_count,
					     .restarts = memory.restart_count,
					     .ima_entries = memory.ima_entries}};

	return message_frame(&m, (struct rf_slice){0}, out, err);
}

static bool is_good(const struct verdict *v)
{
	return v->state == VERDICT_TRUSTED || v->state == VERDICT_WARNING;
}

/* Whoever approves a host approves its programs with it: the list is proved by now, so what it
 * names is what may run. 1: the baseline has become another one, and the evidence is judged anew. A
 * list that can be no rule leaves it as it is, and the verdict says that nothing judges it. */
static int programs_approve(struct judge *j, const struct message *q, struct rf_buf *made,
			    struct rf_err *err)
{
	struct baseline *more = NULL;
	struct rf_err why = {0};

	if (!q->judge.approved_by || q->judge.any_program || !j->verdict.facts.ima.len ||
	    !is_good(&j->verdict))
		return 0;
	int rc = baseline_with_programs(j->baseline, &j->verdict.facts, &more, &why);

	if (rc == RF_E_UNSUPPORTED || rc == RF_E_MISSING)
		return 0;
	if (rc)
		return rf_fail(err, rc, "programs: %s", rf_err_text(&why));
	rf_buf_reset(made);
	rc = baseline_write(more, made);
	baseline_free(more);
	if (rc)
		return rf_fail(err, rc, "no memory");
	rc = baseline_take(j, rf_buf_slice(made), err);
	return rc ? rc : 1;
}

static int judge_evidence(struct judge *j, const struct wire_frame *frame, const struct message *q,
			  struct rf_buf *out, struct rf_err *err)
{
	const struct verdict_memory before = memory_of(q);
	RF_AUTOBUF struct rf_buf made = {0};
	struct rf_slice evidence = frame->bytes;
	struct rf_err why = {0};

	if (q->judge.same.len)
		return judge_brief(j, frame, q, out, err);
	int rc = baseline_choose(j, q, &evidence, &made, &why);

	if (rc)
		return cannot(q, &why, out, err);
	struct verdict_options options = {
		.nonce = q->judge.nonce,
		.baseline = q->judge.baseline_bytes || q->judge.approved_by ? j->baseline : NULL,
		.roots = j->roots,
		.now_ms = q->judge.now_ms,
		.before = before.known ? &before : NULL};

	rc = attest_verify(j->hasher, evidence, &options, &j->verdict, &why);
	if (!rc)
		rc = programs_approve(j, q, &made, &why);
	if (rc == 1) {
		options.baseline = j->baseline;
		rc = attest_verify(j->hasher, evidence, &options, &j->verdict, &why);
	}
	if (rc)
		return cannot(q, &why, out, err);
	return verdict_out(j, q, rf_buf_slice(&made), out, err);
}

/* ---- TPMs that join ---- */

struct vouching {
	struct attest_public ek, ak;
	uint8_t ek_sha256[SHA256_BYTES], ak_name[2 + ATTEST_MAX_DIGEST];
	size_t ak_name_len;
	struct enrol_credential credential;
	const char *ek_state;
	char note[1024];
};

static int keys_check(struct judge *j, const struct message *q, struct vouching *v,
		      struct rf_err *err)
{
	int rc = attest_public_parse(q->vouch.ek_public, &v->ek, err);

	if (!rc)
		rc = attest_ek_check(&v->ek, err);
	if (rc)
		return rf_wrap(err, rc, "endorsement key");
	rc = attest_public_parse(q->vouch.ak_public, &v->ak, err);
	if (!rc)
		rc = attest_ak_check(&v->ak, err);
	if (!rc)
		rc = attest_public_name(j->hasher, &v->ak, v->ak_name, &v->ak_name_len, err);
	if (rc)
		return rf_wrap(err, rc, "attestation key");
	return attest_hash(j->hasher, ATTEST_SHA256, v->ek.area, (struct rf_slice){0},
			   v->ek_sha256);
}

/* Who vouches for the endorsement key. A certificate that is not good is said, and leaves the TPM
 * unproven: whether that may join is the site's rule. */
static void certificate_check(struct judge *j, const struct message *q, struct vouching *v)
{
	const struct message_list *list = &q->vouch.ek_certificates;
	struct rf_err why = {0};
	struct ekcert_info info;

	v->ek_state = "unproven";
	if (list->count == 0 || !j->roots) {
		rf_copy(v->note, sizeof(v->note),
			list->count ? "no maker's certificate is known here (ek_roots)"
				    : "the TPM has no certificate");
		return;
	}
	const struct ekcert_request request = {.leaf = list->items[0],
					       .chain = list->items + 1,
					       .chain_count = list->count - 1,
					       .ek = &v->ek,
					       .now_s = q->vouch.now_ms / 1000};

	if (ekcert_verify(j->roots, &request, &info, &why)) {
		rf_copy(v->note, sizeof(v->note), rf_err_text(&why));
		return;
	}
	/* IBM's id is what software TPMs say of themselves. */
	v->ek_state = rf_starts(info.manufacturer, "IBM") ? "site" : "vendor";
	rf_format(v->note, sizeof(v->note), "%s %s, by %s", info.manufacturer, info.model,
		  info.root);
}

static int vouch(struct judge *j, const struct message *q, struct rf_buf *out, struct rf_err *err)
{
	struct vouching v = {0};
	struct rf_err why = {0};
	int rc = keys_check(j, q, &v, &why);

	if (!rc)
		rc = enrol_credential_make(j->hasher, &v.ek,
					   (struct rf_slice){v.ak_name, v.ak_name_len},
					   q->vouch.secret, &v.credential, &why);
	if (rc) {
		const struct message no = {.kind = WIRE_VOUCHED,
					   .vouched = {.fault = rf_err_text(&why)}};

		return message_frame(&no, (struct rf_slice){0}, out, err);
	}
	certificate_check(j, q, &v);
	const struct message yes = {
		.kind = WIRE_VOUCHED,
		.vouched = {.ek_state = v.ek_state,
			    .note = v.note[0] ? v.note : NULL,
			    .ek_sha256 = {v.ek_sha256, sizeof(v.ek_sha256)},
			    .ak_name = {v.ak_name, v.ak_name_len},
			    .credential = {v.credential.blob, v.credential.blob_len},
			    .seed = {v.credential.seed, v.credential.seed_len}}};

	return message_frame(&yes, (struct rf_slice){0}, out, err);
}

int judge_answer(struct judge *judge, const struct wire_frame *question, struct rf_buf *out,
		 struct rf_err *err)
{
	MESSAGE_AUTO struct message q = {0};
	int rc;

	if (question->kind != WIRE_JUDGE && question->kind != WIRE_VOUCH)
		return rf_fail(err, RF_E_SYNTAX, "verify is not asked that");
	rc = message_read(question->kind, question->text, &q, err);
	if (rc)
		return rc;
	return q.kind == WIRE_JUDGE ? judge_evidence(judge, question, &q, out, err)
				    : vouch(judge, &q, out, err);
}
