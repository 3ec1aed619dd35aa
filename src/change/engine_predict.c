/* SPDX-License-Identifier: Apache-2.0 */
/* Computing a wanted state: in a child (apart.h), for the files of a host are strangers' bytes. */
#include <errno.h>
#include <string.h>

#include "change/apart.h"
#include "change/engine.h"

struct prediction {
	const struct verb_set *verbs;
	const struct change_spec *steps;
	size_t count;
};

static int steps_predict(void *arg, struct rf_slice before, struct rf_buf *out, struct rf_err *err)
{
	const struct prediction *p = arg;
	const struct change_spec *steps = p->steps;
	RF_AUTOBUF struct rf_buf now = {0};
	uint8_t digest[CHANGE_DIGEST_BYTES];
	int rc = rf_buf_add(&now, before.data, before.len);

	for (size_t i = 0; rc == 0 && i < p->count; i++) {
		const struct verb *verb = verb_find(p->verbs, steps[i].verb);

		if (!verb)
			return rf_fail(err, RF_E_UNKNOWN, "there is no verb %s", steps[i].verb);
		rf_buf_reset(out);
		rc = verb->predict(&steps[i], rf_buf_slice(&now), out, err);
		if (!rc)
			rc = verb_digest(verb->kind, rf_buf_slice(out), digest, err);
		if (!rc && memcmp(digest, steps[i].after, sizeof(digest)) != 0)
			rc = rf_fail(err, RF_E_MISMATCH,
				     "%s: what would be written is not what the plan showed",
				     steps[i].target);
		rf_buf_reset(&now);
		if (!rc)
			rc = rf_buf_add(&now, out->data, out->len);
	}
	return rc || out->failed ? (rc ? rc : -ENOMEM) : 0;
}

int engine_predict(const struct verb_set *verbs, const struct change_spec *steps, size_t count,
		   struct rf_slice before, struct rf_buf *out, struct rf_err *err)
{
	struct prediction p = {verbs, steps, count};

	return apart_run(steps_predict, &p, before, out, err);
}

int engine_predict_here(const struct verb_set *verbs, const struct change_spec *steps, size_t count,
			struct rf_slice before, struct rf_buf *out, struct rf_err *err)
{
	struct prediction p = {verbs, steps, count};

	return steps_predict(&p, before, out, err);
}
