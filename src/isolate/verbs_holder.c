/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who holds ports, as an object of the plan engine: where BPF is there again, what rules of nft
 * held is put under a guard of BPF as a whole, and the rules go; undone, they come back as they
 * were. Which of the two holds is never for a single port to say. See guard/fallback.h.
 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "isolate/verbs.h"
#include "isolate/verbs_parts.h"

enum { BY_BPF, BY_NFT }; /* by BPF: or by nobody */

static int target_check(const struct verb_env *env, const char *target, struct rf_err *err)
{
	(void)env;
	return strcmp(target, ISOLATE_HOLDER_TARGET) == 0
		       ? 0
		       : rf_fail(err, RF_E_DENIED, "%.40s is no guard of this host", target);
}

static int holder_read(const struct verb_env *env, const char *target, struct rf_buf *out,
		       struct rf_err *err)
{
	FALLBACK_AUTO struct fallback f = {.ports = NULL};
	int rc = env->live ? fallback_read(&f, err) : 0;

	(void)target;
	return rc ? rc : rf_buf_add_byte(out, f.there ? BY_NFT : BY_BPF);
}

/* Ports first, the rules last: a frame meets one of the two at each moment. */
static int to_bpf(struct rf_err *err)
{
	FALLBACK_AUTO struct fallback f = {.ports = NULL};
	struct guard *guard = NULL;
	int rc = fallback_read(&f, err);

	if (rc || !f.there)
		return rc;
	rc = guard_open(NULL, &guard, err);
	if (!rc)
		rc = guard_take_over(guard, &f, err);
	guard_close(guard);
	return rc ? rc : fallback_remove(&f, err);
}

static int to_nft(struct rf_err *err)
{
	const struct guard_options there = {.existing = true};
	const struct guard_rules none = {.count = 0};
	FALLBACK_AUTO struct fallback f = {.ports = NULL};
	struct guard *guard = NULL;
	int rc = guard_open(&there, &guard, err);

	/* The rules are there again, and the guard is gone: it was done before. */
	if (rc == -ENOENT && fallback_read(&f, NULL) == 0 && f.there) {
		rf_err_clear(err);
		return 0;
	}
	if (!rc)
		rc = guard_hand_over(guard, &f, err);
	if (!rc)
		rc = fallback_write(&f, err);
	if (!rc)
		rc = guard_rules_set(guard, &none, err);
	if (rc) {
		guard_close(guard);
		return rc;
	}
	return guard_unload(guard, err);
}

static int holder_put(const struct verb_env *env, const char *target, struct rf_slice state,
		      struct rf_err *err)
{
	if (state.len != 1 || state.data[0] > BY_NFT)
		return rf_fail(err, RF_E_SYNTAX, "this is no state of the guard");
	if (!env->live)
		return rf_fail(err, RF_E_UNSUPPORTED, "only a running host has a guard");
	int rc = state.data[0] == BY_NFT ? to_nft(err) : to_bpf(err);

	return rc ? rf_wrap(err, rc, "%s", target) : 0;
}

static const struct verb_kind kind_holder = {
	.name = "guard-holder",
	/* Before zones and ports: they are changed where they are held. */
	.rank = 65,
	.check = target_check,
	.read = holder_read,
	.put = holder_put,
	.partial = true,
};

static int holder_predict(const struct change_spec *spec, struct rf_slice before,
			  struct rf_buf *out, struct rf_err *err)
{
	if (before.len != 1)
		return rf_fail(err, RF_E_SYNTAX, "%s: this is no state of it", spec->target);
	return rf_buf_add_byte(out, BY_BPF);
}

static bool holder_show(const struct change_spec *spec, struct rf_slice state, struct rf_buf *out)
{
	(void)spec;
	if (state.len != 1 || state.data[0] != BY_NFT)
		return false;
	rf_buf_printf(out, "rules of nft");
	return true;
}

static int value_check(const struct verb_env *env, const struct change_spec *spec,
		       struct rf_err *err)
{
	(void)env;
	return strcmp((const char *)spec->value, "bpf") == 0
		       ? 0
		       : rf_fail(err, RF_E_SYNTAX, "the guard is moved to bpf and nowhere else");
}

static const struct verb rows[] = {
	{"guard-holder", "put what rules of nft hold under the guard of BPF again", &kind_holder, 0,
	 NEEDS_LIVE, RISK_MEDIUM, value_check, holder_predict, holder_show, NULL},
};

const struct verb_table isolate_holder_verbs = {rows, RF_COUNT(rows)};
