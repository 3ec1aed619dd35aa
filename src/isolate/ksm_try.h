/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the kernel merges equal pages now: asked of pages of our own, in a child, which offers
 * them as QEMU offers a guest's (madvise(2), MADV_MERGEABLE). Nobody else's pages are touched.
 * Source: Documentation/admin-guide/mm/ksm.rst, proc(5) (/proc/PID/ksm_merging_pages).
 */
#ifndef RF_ISOLATE_KSM_TRY_H
#define RF_ISOLATE_KSM_TRY_H

#include <stdint.h>

#include "base/err.h"

enum ksm_answer {
	KSM_MERGED,	/* pages of ours were merged: KSM runs */
	KSM_NOT_MERGED, /* it looked at everything twice, and did not */
	KSM_UNKNOWN,	/* it did not come round in the time */
};

struct ksm_trial {
	enum ksm_answer answer;
	int64_t pages; /* merged */
	unsigned ms;   /* how long it took */
};

/* Waits at most max_ms. With KSM stopped (run 0 or 2) a few ms are enough: it can merge nothing.
 * RF_E_UNSUPPORTED for a kernel without KSM. */
int ksm_try(unsigned max_ms, struct ksm_trial *out, struct rf_err *err) RF_MUST_CHECK;

#endif
