/* SPDX-License-Identifier: Apache-2.0 */
/* Baselines: what loads is written and loads again as the same bytes, and judges without harm. */
#include <stdlib.h>
#include <string.h>

#include "attest/baseline.h"
#include "base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_again(const struct baseline *baseline)
{
	RF_AUTOBUF struct rf_buf once = {0}, twice = {0}, words = {0};
	struct baseline *again = NULL;

	if (baseline_write(baseline, &once) < 0)
		return;
	if (baseline_load(rf_buf_slice(&once), "again", &again, NULL) < 0)
		abort();
	if (baseline_write(again, &twice) == 0 &&
	    !rf_slice_equal(rf_buf_slice(&once), rf_buf_slice(&twice)))
		abort();
	if (baseline_describe(again, &words) < 0)
		abort();
	baseline_free(again);
}

/* Each boot, judged by the others. */
static void judge(const struct baseline *baseline)
{
	const struct evidence_facts facts = {.now_ms = 1795521600000};
	struct attest_hasher *hasher = NULL;
	const struct baseline_boot *boot;
	struct reasons list = {0};

	if (attest_hasher_new(&hasher, NULL) < 0)
		return;
	for (size_t i = 0; (boot = baseline_boot_at(baseline, i)); i++) {
		reasons_clear(&list);
		if (baseline_judge(hasher, baseline, &boot->boot, &facts, &list, NULL) < 0)
			continue;
	}
	reasons_done(&list);
	attest_hasher_free(hasher);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct baseline *baseline = NULL;

	if (baseline_load((struct rf_slice){data, size}, "fuzz", &baseline, NULL) < 0)
		return 0;
	for (size_t i = 0; i < baseline_files_count(baseline); i++) {
		if (baseline_give_file(baseline, i, rf_slice_text("sha256:00 x\n"), NULL) < 0)
			continue;
	}
	write_again(baseline);
	judge(baseline);
	baseline_free(baseline);
	return 0;
}
