/* SPDX-License-Identifier: Apache-2.0 */
/* Setting a VM apart by its counters. See hostile.h. */
#include "isolate/hostile.h"

#include "base/mem.h"

static const char *const counters[HOSTILE_COUNTERS] = {
	"machine clears",     "split locks", "cache misses",
	"pressure on others", "steal",	     "throttling",
};
static const char *const states[] = {"calm", "suspect", "set apart", "cooling down"};

/* A guest that rewrites its own code in a loop clears some millions of times a second, one that
 * compiles at run time some ten thousand. A lock over two lines of the cache stops every CPU of the
 * host; of honest software it is a fault. */
const struct hostile_rules hostile_usual = {
	.limits = {[HOSTILE_MACHINE_CLEARS] = {500000, 100000}, [HOSTILE_SPLIT_LOCKS] = {60, 10}},
	.settle_ms = 10000,
	.minimum_ms = 60000,
	.calm_ms = 60000,
	.maximum_ms = 3600000,
};

const char *hostile_counter_name(enum hostile_counter counter)
{
	return (unsigned)counter < HOSTILE_COUNTERS ? counters[counter] : "?";
}

void hostile_rate_text(enum hostile_counter counter, int64_t rate, struct rf_buf *out)
{
	bool share = counter == HOSTILE_PRESSURE || counter == HOSTILE_STEAL ||
		     counter == HOSTILE_THROTTLED;

	if (share)
		rf_buf_printf(out, "%lld.%02lld%%", (long long)rate / 100, (long long)rate % 100);
	else
		rf_buf_printf(out, "%lld a %s", (long long)rate,
			      counter == HOSTILE_SPLIT_LOCKS ? "minute" : "second");
}

const char *hostile_state_name(enum hostile_state state)
{
	return (unsigned)state < RF_COUNT(states) ? states[state] : "?";
}

int hostile_rules_check(const struct hostile_rules *r, struct rf_err *err)
{
	bool any = false;

	for (int i = 0; i < HOSTILE_COUNTERS; i++) {
		const struct hostile_limit *limit = &r->limits[i];

		any = any || limit->on;
		if (limit->on < 0 || limit->off < 0 || (limit->on && limit->off >= limit->on))
			return rf_fail(err, RF_E_LIMIT,
				       "%s: calm again (%lld) has to lie below hostile (%lld)",
				       counters[i], (long long)limit->off, (long long)limit->on);
	}
	if (!any)
		return rf_fail(err, RF_E_LIMIT, "no counter is judged");
	if (r->settle_ms < 0 || r->minimum_ms < 0 || r->calm_ms < 0 || r->maximum_ms < 0 ||
	    (r->maximum_ms && r->maximum_ms < r->minimum_ms))
		return rf_fail(err, RF_E_LIMIT, "the longest time apart is below the shortest");
	return 0;
}

static bool judged(const struct hostile_rules *rules, const struct hostile_reading *reading, int i)
{
	return rules->limits[i].on && reading->has[i];
}

/* Whether one counter is over its upper limit, and which. */
static bool is_hostile(const struct hostile_rules *rules, const struct hostile_reading *reading,
		       enum hostile_counter *cause)
{
	for (int i = 0; i < HOSTILE_COUNTERS; i++) {
		if (!judged(rules, reading, i) || reading->rates[i] <= rules->limits[i].on)
			continue;
		*cause = (enum hostile_counter)i;
		return true;
	}
	return false;
}

/* Every counter is below its lower limit. What is not read is no sign of calm: a VM is not released
 * because its counters went away. */
static bool is_calm(const struct hostile_rules *rules, const struct hostile_reading *reading)
{
	bool any = false;

	for (int i = 0; i < HOSTILE_COUNTERS; i++) {
		if (!judged(rules, reading, i))
			continue;
		any = true;
		if (reading->rates[i] >= rules->limits[i].off)
			return false;
	}
	return any;
}

static void enter(struct hostile *vm, enum hostile_state state, int64_t now_ms)
{
	vm->state = state;
	vm->since_ms = now_ms;
}

static enum hostile_step set_apart(struct hostile *vm, const struct hostile_rules *rules,
				   const struct hostile_reading *reading, int64_t now_ms,
				   struct rf_buf *why)
{
	enter(vm, HOSTILE_APART, now_ms);
	vm->apart_ms = now_ms;
	vm->times++;
	rf_buf_printf(why, "%s: ", counters[vm->cause]);
	hostile_rate_text(vm->cause, reading->rates[vm->cause], why);
	rf_buf_printf(why, ", the limit is ");
	hostile_rate_text(vm->cause, rules->limits[vm->cause].on, why);
	rf_buf_printf(why, ", for %lld s", (long long)rules->settle_ms / 1000);
	return HOSTILE_SET_APART;
}

static enum hostile_step release(struct hostile *vm, int64_t now_ms, const char *reason,
				 struct rf_buf *why)
{
	rf_buf_printf(why, "%s, after %lld s", reason, (long long)(now_ms - vm->apart_ms) / 1000);
	enter(vm, HOSTILE_CALM, now_ms);
	return HOSTILE_RELEASE;
}

static enum hostile_step outside(const struct hostile_rules *rules, struct hostile *vm,
				 const struct hostile_reading *reading, int64_t now_ms,
				 struct rf_buf *why)
{
	if (!is_hostile(rules, reading, &vm->cause)) {
		if (vm->state == HOSTILE_SUSPECT)
			enter(vm, HOSTILE_CALM, now_ms);
		return HOSTILE_STAY;
	}
	if (vm->state == HOSTILE_CALM)
		enter(vm, HOSTILE_SUSPECT, now_ms);
	return now_ms - vm->since_ms >= rules->settle_ms
		       ? set_apart(vm, rules, reading, now_ms, why)
		       : HOSTILE_STAY;
}

static enum hostile_step inside(const struct hostile_rules *rules, struct hostile *vm,
				const struct hostile_reading *reading, int64_t now_ms,
				struct rf_buf *why)
{
	int64_t apart = now_ms - vm->apart_ms;
	bool calm = is_calm(rules, reading);

	if (rules->maximum_ms && apart >= rules->maximum_ms)
		return release(vm, now_ms, "the longest time is over", why);
	if (!calm && vm->state == HOSTILE_COOLING)
		enter(vm, HOSTILE_APART, now_ms);
	if (calm && vm->state == HOSTILE_APART)
		enter(vm, HOSTILE_COOLING, now_ms);
	if (vm->state == HOSTILE_COOLING && now_ms - vm->since_ms >= rules->calm_ms &&
	    apart >= rules->minimum_ms)
		return release(vm, now_ms, "calm again", why);
	return HOSTILE_STAY;
}

enum hostile_step hostile_take(const struct hostile_rules *rules, struct hostile *vm,
			       const struct hostile_reading *reading, int64_t now_ms,
			       struct rf_buf *why)
{
	now_ms = now_ms < vm->since_ms ? vm->since_ms : now_ms;
	if (vm->state == HOSTILE_CALM || vm->state == HOSTILE_SUSPECT)
		return outside(rules, vm, reading, now_ms, why);
	return inside(rules, vm, reading, now_ms, why);
}

void hostile_resume(struct hostile *vm, int64_t now_ms)
{
	enter(vm, HOSTILE_APART, now_ms);
	vm->apart_ms = now_ms;
	vm->times++;
}

void hostile_undo(struct hostile *vm, enum hostile_step step, int64_t now_ms)
{
	if (step == HOSTILE_SET_APART) {
		enter(vm, HOSTILE_SUSPECT, now_ms);
		vm->times--;
	} else if (step == HOSTILE_RELEASE) {
		enter(vm, HOSTILE_APART, now_ms);
	}
}

bool hostile_missing(const struct hostile_rules *rules, const struct hostile_reading *reading,
		     struct rf_buf *out)
{
	bool any = false;

	for (int i = 0; i < HOSTILE_COUNTERS; i++) {
		if (!rules->limits[i].on || reading->has[i])
			continue;
		rf_buf_printf(out, "%s%s", any ? ", " : "", counters[i]);
		any = true;
	}
	return any;
}
