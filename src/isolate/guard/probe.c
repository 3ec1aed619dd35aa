/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proves a port: asks the live guard about forged and honest frames (frames.c) and tells apart what
 * the policy says, what hangs on the link, and what the program answers.
 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/guard/frames.h"
#include "isolate/guard/internal.h"

/* What the policy says: a port that is denied everything promises nothing honest. */
static bool expected_to_pass(const struct test_row *row, const struct test_subject *subject)
{
	if (subject->port->quarantine == GUARD_HONEYWALL)
		return row->direction == GUARD_FROM_VM;
	if (subject->port->mode == GUARD_MODE_DENY || subject->port->quarantine == GUARD_SEAL)
		return false;
	if (subject->port->mode == GUARD_MODE_OBSERVE)
		return true;
	return row->allowed(subject);
}

static bool in_force(const struct test_row *row, const struct guard_state *state)
{
	bool from_vm = row->direction == GUARD_FROM_VM;

	return state->known &&
	       (from_vm ? state->in && state->first_in : state->out && state->first_out) &&
	       state->mode != GUARD_MODE_OBSERVE;
}

static const char *missing(const struct test_row *row, const struct guard_state *state)
{
	bool from_vm = row->direction == GUARD_FROM_VM;

	if (state->mode == GUARD_MODE_OBSERVE)
		return "; the port only observes";
	if (from_vm ? !state->in : !state->out)
		return "; but the program does not hang on the link";
	if (from_vm ? !state->first_in : !state->first_out)
		return "; but another program stands before it";
	return "";
}

static int ask(struct guard *guard, const struct test_row *row, const struct test_subject *subject,
	       struct guard_answer *answer, struct rf_err *err)
{
	struct test_frame frame = {.len = 0};
	struct guard_question question = {
		.ifindex = subject->port->ifindex,
		.direction = row->direction,
		.from_zone = row->from_wrong_zone ? subject->wrong_zone : subject->zone,
	};

	row->build(&frame, subject);
	question.frame = (struct rf_slice){frame.bytes, frame.len};
	question.gso_bytes = frame.gso_bytes;
	return guard_trace(guard, &question, answer, err);
}

static int prove(struct guard *guard, const struct test_row *row, const struct guard_state *state,
		 const struct test_subject *subject, struct guard_proof *out)
{
	struct guard_answer answer = {0};
	struct rf_err err = {0};
	bool expected = expected_to_pass(row, subject);
	int rc = ask(guard, row, subject, &answer, &err);

	*out = (struct guard_proof){.name = row->name,
				    .honest = row->honest,
				    .configured = expected == row->honest,
				    .enforced = in_force(row, state)};
	if (rc) {
		(void)rf_format(out->evidence, sizeof(out->evidence), "not tested: %s",
				rf_err_text(&err));
		return rc;
	}
	/* Which services a restricted port has left the test frames do not know. */
	if (subject->port->quarantine == GUARD_RESTRICT && answer.verdict == GUARD_QUARANTINE)
		expected = false;
	out->passes = answer.passes;
	out->verdict = answer.verdict;
	out->proven = answer.passes == expected;
	(void)rf_format(out->evidence, sizeof(out->evidence), "%s %s a test frame: %s%s",
			guard_program_name(row->direction), answer.passes ? "passed" : "refused",
			guard_verdict_word(answer.verdict), missing(row, state));
	return 0;
}

int guard_probe(struct guard *guard, uint32_t ifindex, struct guard_proof out[GUARD_PROBES],
		struct rf_err *err)
{
	struct test_subject subject;
	struct guard_state state;
	struct guard_port port;
	int rc = guard_port_get(guard, ifindex, &port);

	if (rc)
		return rf_fail(err, rc, "link %u is not guarded", ifindex);
	if (port.role != GUARD_ROLE_VM)
		return rf_fail(err, RF_E_UNSUPPORTED, "link %u is no VM's port", ifindex);
	rc = guard_state(guard, ifindex, &state, err);
	if (rc)
		return rc;
	guard_subject_init(&subject, &port, guard->zones);
	for (size_t i = 0; i < GUARD_PROBES; i++)
		rc = prove(guard, &GUARD_TESTS[i], &state, &subject, &out[i]) ?: rc;
	return rc == 0 ? 0 : rf_fail(err, rc, "link %u: not every frame could be tested", ifindex);
}
