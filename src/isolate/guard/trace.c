/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks the live programs, with the live maps, about a frame that never reaches a wire:
 * BPF_PROG_TEST_RUN. A mark that only this process knows says that it is a test. Source: bpf(2),
 * net/bpf/test_run.c.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/pkt_cls.h>
#include <string.h>

#include "base/mem.h"
#include "isolate/guard/internal.h"

#define FRAME_MIN_BYTES 14u
#define FRAME_MAX_BYTES 65535u
#define NOT_WRITTEN	0xffffffffu

int guard_trace(struct guard *guard, const struct guard_question *question,
		struct guard_answer *out, struct rf_err *err)
{
	struct __sk_buff in = {.ifindex = question->ifindex, .gso_size = question->gso_bytes},
			 after = {0};
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = question->frame.data,
		    .data_size_in = (uint32_t)question->frame.len, .ctx_in = &in,
		    .ctx_size_in = sizeof(in), .ctx_out = &after, .ctx_size_out = sizeof(after),
		    .repeat = question->repeat ? (int)question->repeat : 1);

	if (question->frame.len < FRAME_MIN_BYTES || question->frame.len > FRAME_MAX_BYTES)
		return rf_fail(err, RF_E_LIMIT, "a frame has %u to %u bytes", FRAME_MIN_BYTES,
			       FRAME_MAX_BYTES);
	if (question->direction > GUARD_TO_VM || question->from_zone >= GUARD_ZONES ||
	    question->repeat > INT32_MAX)
		return rf_fail(err, -EINVAL, "no such direction or zone");
	in.mark = guard->settings->probe | question->from_zone;
	in.cb[GUARD_TRACE_VERDICT] = NOT_WRITTEN;

	int rc = bpf_prog_test_run_opts(guard->programs[question->direction].fd, &run);

	if (rc)
		return rf_fail(err, rc, "link %u: the kernel runs no test: %s", question->ifindex,
			       rf_code_text(rc));
	if (after.cb[GUARD_TRACE_VERDICT] == NOT_WRITTEN)
		return rf_fail(err, RF_E_PEER, "link %u: the program said nothing",
			       question->ifindex);
	*out = (struct guard_answer){.passes = run.retval != TC_ACT_SHOT,
				     .verdict = after.cb[GUARD_TRACE_VERDICT],
				     .zone = after.cb[GUARD_TRACE_MARK],
				     .vlan = after.cb[GUARD_TRACE_VLAN],
				     .redirect = run.retval == TC_ACT_REDIRECT,
				     .ns = question->repeat ? run.duration : 0};
	return 0;
}
