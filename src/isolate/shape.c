/* SPDX-License-Identifier: Apache-2.0 */
/* Shaping in numbers and words, and as a verb. See shape.h; the kernel's side is shape_net.c. */
#include "isolate/shape.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/units.h"
#include "isolate/verbs.h"

#define NS_PER_S    1000000000ull
#define BURST_PER_S 100 /* of average: in no second more than 1 % above it */
#define WAIT_PER_S  10	/* nothing waits longer than 100 ms ... */
#define WAIT_FRAMES 16	/* ... but so many frames may, or TCP finds no room */
#define LIMIT_MAX   (256u << 20)
#define PEAK_PER_S  1000

uint64_t shape_ticks_bytes(uint64_t rate, uint32_t ticks)
{
	return (uint64_t)((unsigned __int128)rate * ticks * SHAPE_TICK_NS / NS_PER_S);
}

/* Rounded up, so that a frame of these bytes passes. */
static uint64_t bytes_ticks(uint64_t rate, uint64_t bytes)
{
	unsigned __int128 ns = ((unsigned __int128)bytes * NS_PER_S + rate - 1) / rate;

	return (uint64_t)((ns + SHAPE_TICK_NS - 1) / SHAPE_TICK_NS);
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

int shape_way_make(const struct shape_limit *limit, uint32_t frame_bytes, struct shape_way *out,
		   struct rf_err *err)
{
	uint64_t frame = larger(frame_bytes, SHAPE_FRAME_MIN);

	memset(out, 0, sizeof(*out));
	if (limit->average == 0)
		return limit->peak || limit->burst
			       ? rf_fail(err, RF_E_LIMIT, "peak and burst want an average")
			       : 0;
	uint64_t burst =
		limit->burst ? limit->burst : larger(limit->average / BURST_PER_S, 2 * frame);

	if (limit->peak && limit->peak <= limit->average)
		return rf_fail(err, RF_E_LIMIT, "the peak must be above the average");
	if (burst < frame)
		return rf_fail(err, RF_E_LIMIT,
			       "a burst of %llu bytes: no frame of %llu bytes would ever pass",
			       (unsigned long long)burst, (unsigned long long)frame);
	if (bytes_ticks(limit->average, burst) > SHAPE_TICKS_MAX)
		return rf_fail(err, RF_E_LIMIT,
			       "a burst of %llu bytes is more than 4 seconds of the average, which "
			       "is what the kernel can hold",
			       (unsigned long long)burst);
	uint64_t wait = larger(limit->average / WAIT_PER_S, WAIT_FRAMES * frame);

	out->average = limit->average;
	out->bucket = (uint32_t)bytes_ticks(limit->average, burst);
	out->limit = (uint32_t)smaller(burst + wait, LIMIT_MAX);
	out->on = 1;
	if (limit->peak) {
		out->peak = limit->peak;
		out->pbucket = (uint32_t)bytes_ticks(limit->peak,
						     larger(limit->peak / PEAK_PER_S, 2 * frame));
	}
	return 0;
}

static int way_check(const struct shape_way *way, struct rf_err *err)
{
	static const struct shape_way none;

	if (!way->on)
		return memcmp(way, &none, sizeof(none)) == 0
			       ? 0
			       : rf_fail(err, RF_E_SYNTAX, "numbers of a limit that is off");
	if (way->on != 1 || !way->average || way->average > SHAPE_RATE_MAX ||
	    way->peak > SHAPE_RATE_MAX)
		return rf_fail(err, RF_E_LIMIT, "a rate is 8 bit to 100 gbit");
	if (way->peak ? way->peak <= way->average : way->pbucket != 0)
		return rf_fail(err, RF_E_LIMIT, "the peak must be above the average");
	if (way->bucket > SHAPE_TICKS_MAX || way->pbucket > SHAPE_TICKS_MAX ||
	    way->limit > LIMIT_MAX)
		return rf_fail(err, RF_E_LIMIT, "a bucket that the kernel cannot hold");
	if (shape_ticks_bytes(way->average, way->bucket) < SHAPE_FRAME_MIN ||
	    (way->peak && shape_ticks_bytes(way->peak, way->pbucket) < SHAPE_FRAME_MIN) ||
	    way->limit < SHAPE_FRAME_MIN)
		return rf_fail(err, RF_E_LIMIT, "a bucket that no frame would ever pass");
	return 0;
}

int shape_check(const struct shape *shape, struct rf_err *err)
{
	int rc = way_check(&shape->to_vm, err);

	if (rc < 0)
		return rf_wrap(err, rc, "to the VM");
	rc = way_check(&shape->from_vm, err);
	return rc ? rf_wrap(err, rc, "from the VM") : 0;
}

static void way_words(const struct shape_way *way, struct rf_buf *out)
{
	if (!way->on) {
		rf_buf_printf(out, "no limit");
		return;
	}
	unit_rate_words(way->average, out);
	if (way->peak) {
		rf_buf_printf(out, ", peak ");
		unit_rate_words(way->peak, out);
	}
	rf_buf_printf(out, ", burst %llu bytes",
		      (unsigned long long)shape_ticks_bytes(way->average, way->bucket));
}

void shape_words(const struct shape *shape, struct rf_buf *out)
{
	rf_buf_printf(out, "to the VM ");
	way_words(&shape->to_vm, out);
	rf_buf_printf(out, "; from the VM ");
	way_words(&shape->from_vm, out);
}

/* ---- the verb ---- */

#define GONE 'x' /* the whole state of a link that is not there */

static int state_take(struct rf_slice bytes, const char *target, struct shape_state *out,
		      struct rf_err *err)
{
	if (bytes.len != sizeof(*out))
		return rf_fail(err, RF_E_SYNTAX, "%s: this is no state of a port's shaping",
			       target);
	memcpy(out, bytes.data, sizeof(*out));
	out->root[SHAPE_KIND_BYTES - 1] = out->ingress[SHAPE_KIND_BYTES - 1] = '\0';
	return 0;
}

static int port_read(const struct verb_env *env, const char *target, struct rf_buf *out,
		     struct rf_err *err)
{
	struct shape_seen seen = {0};
	uint32_t ifindex = 0;

	if (!env->live)
		return rf_fail(err, RF_E_UNSUPPORTED, "only a running host has ports");
	int rc = isolate_link_find(target, &ifindex, err);

	/* A VM that was switched off took its port and what hung on it with it. */
	if (rc == RF_E_MISSING)
		return rf_buf_add_byte(out, GONE);
	if (!rc)
		rc = shape_see(ifindex, &seen, err);
	return rc ? rf_wrap(err, rc, "%s", target)
		  : rf_buf_add(out, &seen.state, sizeof(seen.state));
}

static int port_put(const struct verb_env *env, const char *target, struct rf_slice bytes,
		    struct rf_err *err)
{
	struct shape_state state;
	uint32_t ifindex = 0;
	int rc = state_take(bytes, target, &state, err);

	if (!rc && !env->live)
		rc = rf_fail(err, RF_E_UNSUPPORTED, "only a running host has ports");
	if (!rc)
		rc = shape_check(&state.now, err);
	if (rc < 0)
		return rc;
	rc = isolate_link_find(target, &ifindex, err);
	if (rc == RF_E_MISSING && !state.now.to_vm.on && !state.now.from_vm.on)
		return 0;
	if (!rc)
		rc = shape_set(ifindex, target, &state.now, err);
	return rc ? rf_wrap(err, rc, "%s", target) : 0;
}

static bool port_gone(struct rf_slice state)
{
	return state.len == 1 && state.data[0] == GONE;
}

/* The link that its frames waited on does not go by itself. */
static int port_bury(const struct verb_env *env, const char *target, struct rf_err *err)
{
	(void)env;
	(void)target;
	(void)err;
	shape_forget_gone();
	return 0;
}

static const struct verb_kind kind_shape = {
	.name = "port-shape",
	/* Behind the guard: what it refuses need not wait. */
	.rank = 85,
	.check = isolate_port_name_check,
	.read = port_read,
	.put = port_put,
	/* One direction and then the other. */
	.partial = true,
	.gone = port_gone,
	.bury = port_bury,
};

static int spec_check(const struct verb_env *env, const struct change_spec *spec,
		      struct rf_err *err)
{
	struct shape shape;

	(void)env;
	memcpy(&shape, spec->value, sizeof(shape));
	int rc = shape_check(&shape, err);

	return rc ? rf_wrap(err, rc, "%s", spec->target) : 0;
}

static int spec_predict(const struct change_spec *spec, struct rf_slice before, struct rf_buf *out,
			struct rf_err *err)
{
	struct shape_state state;
	struct shape wanted;

	memcpy(&wanted, spec->value, sizeof(wanted));
	if (port_gone(before) && !wanted.to_vm.on && !wanted.from_vm.on)
		return rf_buf_add(out, before.data, before.len);
	if (port_gone(before))
		return rf_fail(err, RF_E_MISSING, "there is no link %s", spec->target);
	int rc = state_take(before, spec->target, &state, err);

	if (rc < 0)
		return rc;
	state.now = wanted;
	if (state.now.to_vm.on && state.root[0])
		return rf_fail(
			err, RF_E_DENIED,
			"%s: another's queueing discipline (%s) stands where rate-in would; "
			"it is not removed (libvirt's <bandwidth> makes htb): take that limit "
			"away, or leave rate-in out",
			spec->target, state.root);
	if (state.now.from_vm.on && state.ingress[0])
		return rf_fail(
			err, RF_E_DENIED,
			"%s: another's queueing discipline (%s) stands where frames come in; "
			"it is not removed (libvirt's <outbound> bandwidth makes ingress): "
			"take that limit away, or leave rate-out out",
			spec->target, state.ingress);
	return rf_buf_add(out, &state, sizeof(state));
}

static bool spec_show(const struct change_spec *spec, struct rf_slice bytes, struct rf_buf *out)
{
	struct shape_state state;

	if (state_take(bytes, spec->target, &state, NULL) < 0 ||
	    (!state.now.to_vm.on && !state.now.from_vm.on))
		return false;
	shape_words(&state.now, out);
	return true;
}

static void spec_payload_show(const struct change_spec *spec, struct rf_buf *out)
{
	struct shape shape;

	memcpy(&shape, spec->value, sizeof(shape));
	shape_words(&shape, out);
}

static const struct verb rows[] = {
	{"port-shape", "limit the rate of a VM's port", &kind_shape, sizeof(struct shape),
	 NEEDS_LIVE, RISK_MEDIUM, spec_check, spec_predict, spec_show, spec_payload_show},
};

const struct verb_table shape_verbs = {rows, RF_COUNT(rows)};
