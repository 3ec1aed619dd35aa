/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What isolate verify says of rates, and how promises are printed. A rate is configured when the
 * kernel has the policy's numbers, enforced when every frame must pass there, and proven, when
 * asked, by real frames through a bucket of the same numbers in a network namespace of its own.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "cli/isolate.h"
#include "isolate/units.h"

#define TRIAL_MS 400
#define NS_PER_S 1000000000.0

static enum promise_answer yes(bool truth)
{
	return truth ? PROMISE_YES : PROMISE_NO;
}

/* More than 1 % above is a bucket that does not hold; below it, one that keeps too much, unless it
 * was never full: then this machine was too busy to fill it, and only the bound is proven. */
static void way_try(struct prover *prover, const struct shape_way *way, struct isolate_promise *p)
{
	struct shape_trial trial = {0};
	struct rf_err why = {0};
	char evidence[sizeof(p->evidence)];

	rf_copy(evidence, sizeof(evidence), p->evidence);
	if (prover_try(prover, way, TRIAL_MS, &trial, &why) < 0) {
		rf_format(p->evidence, sizeof(p->evidence), "%.120s; not tried: %.160s", evidence,
			  rf_err_text(&why));
		return;
	}
	double rate = (double)trial.bytes / ((double)trial.ns / NS_PER_S);
	double share = rate / (double)way->average;

	p->proven = yes(share <= 1.01 && (share >= 0.99 || !trial.filled));
	rf_format(p->evidence, sizeof(p->evidence), "%.200s; tried: %.1f %% of the average%s",
		  evidence, share * 100,
		  trial.filled ? "" : " (frames could not be sent fast enough to fill it)");
}

struct direction {
	const char *words;
	const struct shape_way *wanted, *now;
	const struct shape_counts *counts;
	const char *foreign;
	bool before;
};

static int way_promise(const struct isolate_promise *subject, const struct direction *d,
		       struct prover *tries, struct isolate_promises *out)
{
	struct isolate_promise p = *subject;
	RF_AUTOBUF struct rf_buf rate = {0};
	const struct shape_way *wanted = d->wanted ? d->wanted : d->now;

	if (!wanted->on && !d->now->on)
		return 0;
	unit_rate_words(wanted->average, &rate);
	rf_format(p.what, sizeof(p.what), "%s: %.60s", d->words,
		  wanted->on ? rf_buf_text(&rate) : "no limit");
	p.configured = yes(memcmp(wanted, d->now, sizeof(*wanted)) == 0);
	p.enforced = yes(d->now->on && !d->before);
	p.proven = PROMISE_NOT_ASKED;
	if (d->now->on)
		rf_format(p.evidence, sizeof(p.evidence),
			  "token bucket read back: %llu bytes passed, %u frames waited, %u "
			  "dropped%s",
			  (unsigned long long)d->counts->bytes, d->counts->held, d->counts->dropped,
			  d->before ? "; another's filter may let frames by" : "");
	else
		rf_format(p.evidence, sizeof(p.evidence), "no token bucket of ours%s%s",
			  d->foreign[0] ? "; another's stands there: " : "", d->foreign);
	if (tries && d->now->on)
		way_try(tries, d->now, &p);
	return isolate_promise_add(out, &p);
}

int isolate_shape_promises(struct prover *prover, const char *link,
			   const struct policy_port *wanted, bool active,
			   struct isolate_promises *out, struct rf_err *err)
{
	struct isolate_promise subject = {0};
	struct shape_seen seen;
	int rc = prover_shape(prover, link, &seen, err);

	/* A link that is gone is told of where the guard is. */
	if (rc == RF_E_MISSING)
		return 0;
	if (rc < 0)
		return rc;
	rf_format(subject.subject, sizeof(subject.subject), "%.60s%s%.40s%s%s",
		  wanted ? wanted->vm : "", wanted ? " " : "", wanted ? wanted->nic : "",
		  wanted ? " on " : "", link);
	const struct direction in = {"rate to the VM",	    wanted ? &wanted->shape.to_vm : NULL,
				     &seen.state.now.to_vm, &seen.to_vm,
				     seen.state.root,	    false};
	const struct direction from = {
		"rate from the VM",	 wanted ? &wanted->shape.from_vm : NULL,
		&seen.state.now.from_vm, &seen.from_vm,
		seen.state.ingress,	 seen.filter_before};

	struct prover *tries = active ? prover : NULL;

	rc = way_promise(&subject, &in, tries, out);
	if (!rc)
		rc = way_promise(&subject, &from, tries, out);
	return rc ? rf_fail(err, rc, "no memory") : 0;
}

static const char *answer_word(enum promise_answer answer, const char *word, bool comma)
{
	static char text[48];

	rf_format(text, sizeof(text), "%s%s%s", answer == PROMISE_NO ? "NOT " : "", word,
		  comma ? ", " : "");
	return answer == PROMISE_NOT_ASKED ? "" : text;
}

static void visible(FILE *out, const char *text)
{
	RF_AUTOBUF struct rf_buf shown = {0};

	rf_buf_add_visible(&shown, text, strlen(text));
	fputs(rf_buf_text(&shown), out);
}

static void promise_show(FILE *out, const struct isolate_promise *p)
{
	bool tried = p->proven != PROMISE_NOT_ASKED;

	fprintf(out, "  %-6s %s: ", isolate_promise_fails(p) ? "FAIL" : "ok", p->what);
	fputs(answer_word(p->configured, "configured", tried || p->enforced != PROMISE_NOT_ASKED),
	      out);
	fputs(answer_word(p->enforced, "enforced", tried), out);
	fputs(answer_word(p->proven, "proven", false), out);
	fputs("\n         ", out);
	visible(out, p->evidence);
	fputs("\n", out);
}

void isolate_promises_show(FILE *out, const struct isolate_promises *promises, bool all)
{
	for (size_t i = 0, end; i < promises->count; i = end) {
		const char *subject = promises->items[i].subject;
		size_t failed = 0;

		for (end = i;
		     end < promises->count && strcmp(promises->items[end].subject, subject) == 0;
		     end++)
			failed += isolate_promise_fails(&promises->items[end]);
		visible(out, subject);
		fprintf(out, ": %zu of %zu promises kept\n", end - i - failed, end - i);
		for (size_t k = i; k < end; k++) {
			if (all || isolate_promise_fails(&promises->items[k]))
				promise_show(out, &promises->items[k]);
		}
	}
}
