/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What reaches the privileged process: the bytes of a spec, and of states of files and values. What
 * its checks let pass is a path from the root without "..", and can be computed without a crash.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "change/kinds.h"
#include "change/verb.h"

static const struct verb_table *const tables[] = {&change_verbs, NULL};
static const struct verb_set verbs = {tables};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct change_spec spec;
	const struct verb_env env = {.root = -1};
	const struct verb *verb = NULL;
	struct file_state state;
	RF_AUTOBUF struct rf_buf out = {0};
	size_t used = size < sizeof(spec) ? size : sizeof(spec);
	struct rf_slice rest = {data + used, size - used};

	memset(&spec, 0, sizeof(spec));
	memcpy(&spec, data, used);
	(void)!file_state_decode(rest, &state, NULL);
	(void)value_state_text(rest, &out);
	if (verb_check(&verbs, &env, &spec, &verb, NULL) < 0)
		return 0;
	if (spec.target[0] != '/' || strstr(spec.target, "/../"))
		abort();
	rf_buf_reset(&out);
	(void)!verb->predict(&spec, rest, &out, NULL);
	return 0;
}
