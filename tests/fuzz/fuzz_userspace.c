/* SPDX-License-Identifier: Apache-2.0 */
/* systemd's userspace measurement log, and (as another reader of one small text) IMA policies. */
#include <string.h>

#include "attest/imapolicy.h"
#include "attest/userspace.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct attest_hasher *hasher;

static void walk(struct rf_slice in)
{
	struct userspace_log log;
	struct userspace_record record;
	char text[64];
	size_t at = 0;

	if (userspace_open(in, &log, NULL) < 0)
		return;
	while (userspace_next(&log, &record, NULL) == 1) {
		if (log.at <= at || log.at > in.len)
			__builtin_trap();
		if (record.pcr != USERSPACE_NO_PCR && record.pcr >= ATTEST_PCRS)
			__builtin_trap();
		at = log.at;
		userspace_explain(hasher, &record, text, sizeof(text));
		if (!memchr(text, '\0', sizeof(text)))
			__builtin_trap();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rf_slice in = {data, size};
	struct attest_pcr_values values = {.algs = {ATTEST_SHA256}, .banks_count = 1};
	struct userspace_replay replay;
	struct imapolicy policy;

	if (!hasher && attest_hasher_new(&hasher, NULL) < 0)
		__builtin_trap();
	walk(in);
	values.present[0] = (1u << ATTEST_PCRS) - 1;
	if (userspace_replay(hasher, in, NULL, &values, &replay, NULL) == 0 && replay.matched)
		__builtin_trap();
	if (imapolicy_parse(in, &policy, NULL) == 0 &&
	    (policy.skips_count > IMAPOLICY_SKIPS || policy.rules > IMAPOLICY_MAX_RULES))
		__builtin_trap();
	return 0;
}
