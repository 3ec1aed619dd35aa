/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guard of one network card in quarantine, as an object of the plan engine. Links that frames
 * are sent to are kept by name, for a segment has no number before it is made. See quarantine.h.
 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/quarantine.h"
#include "isolate/verbs.h"
#include "isolate/verbs_parts.h"

/* How long a new segment waits for its recorder: less than a person or an attacker notices. */
#define LISTENER_MS 4
#define JUMBO_BYTES 65550u

struct port_state {
	bool guarded;
	struct guard_port port; /* without ifindexes */
	char redirect[IFNAMSIZ], mirror[IFNAMSIZ];
};

static int state_add(const struct port_state *s, struct rf_buf *out)
{
	rf_buf_add_byte(out, s->guarded);
	rf_buf_add(out, (const uint8_t *)&s->port + PORT_SKIP, sizeof(s->port) - PORT_SKIP);
	rf_buf_add(out, s->redirect, sizeof(s->redirect));
	return rf_buf_add(out, s->mirror, sizeof(s->mirror));
}

static int state_read(struct rf_slice in, struct port_state *out)
{
	const size_t port_bytes = sizeof(out->port) - PORT_SKIP;

	if (in.len != QUARANTINE_PORT_STATE || in.data[0] > 1)
		return RF_E_SYNTAX;
	memset(out, 0, sizeof(*out));
	out->guarded = in.data[0] == 1;
	memcpy((uint8_t *)&out->port + PORT_SKIP, in.data + 1, port_bytes);
	memcpy(out->redirect, in.data + 1 + port_bytes, IFNAMSIZ);
	memcpy(out->mirror, in.data + 1 + port_bytes + IFNAMSIZ, IFNAMSIZ);
	return out->redirect[IFNAMSIZ - 1] || out->mirror[IFNAMSIZ - 1] ? RF_E_SYNTAX : 0;
}

static int not_a_state(const char *target, struct rf_err *err)
{
	return rf_fail(err, RF_E_SYNTAX, "%s: this is no state of a port", target);
}

/* ---- the kind ---- */

static void name_of(uint32_t ifindex, char out[IFNAMSIZ])
{
	struct segment_link link;

	/* A link that went away is said so, and cannot be put back. */
	if (ifindex && segment_link_find(NULL, ifindex, &link, NULL) == 0)
		rf_copy(out, IFNAMSIZ, link.name);
	else if (ifindex)
		rf_copy(out, IFNAMSIZ, "?");
}

static void guard_drop(void *guard)
{
	guard_close(guard);
}

/* Opened once for all ports of a plan: opening it takes longer than all else that is done to one.
 */
static int guard_here(const struct verb_env *env, bool load, struct guard **out, struct rf_err *err)
{
	*out = env->keep && env->keep->drop == guard_drop ? env->keep->what : NULL;
	if (*out)
		return 0;
	int rc = verbs_guard_get(env, load, out, err);

	if (!rc && *out && env->keep && !env->keep->what)
		*env->keep = (struct verb_keep){*out, guard_drop};
	return rc;
}

/* Behind guard_here: what is not kept is closed. */
static void guard_give(const struct verb_env *env, struct guard *guard)
{
	if (!env->keep || env->keep->what != guard)
		guard_close(guard);
}

static int port_read(const struct verb_env *env, const char *target, struct rf_buf *out,
		     struct rf_err *err)
{
	struct port_state s = {.guarded = false};
	struct guard *guard = NULL;
	uint32_t ifindex = 0;
	int rc = isolate_link_find(target, &ifindex, err);

	/* A VM that was switched off took its port along. */
	if (rc == RF_E_MISSING)
		return state_add(&s, out);
	if (!rc)
		rc = guard_here(env, false, &guard, err);
	if (rc < 0)
		return rc;
	s.guarded = guard && guard_port_get(guard, ifindex, &s.port) == 0;
	if (!guard)
		rc = verbs_nft_port_read(env, target, &s.port, &s.guarded, err);
	guard_give(env, guard);
	if (rc < 0)
		return rc;
	name_of(s.port.redirect_ifindex, s.redirect);
	name_of(s.port.mirror_ifindex, s.mirror);
	s.port.redirect_ifindex = s.port.mirror_ifindex = 0;
	return state_add(&s, out);
}

/* The number of a link that frames go to; a segment is made where it is not there. */
static int link_ready(const char *name, const char *target, uint32_t *out, struct rf_err *err)
{
	struct segment_link link;

	if (!name[0])
		return 0;
	if (segment_is_name(name))
		return segment_make(name, target, LISTENER_MS, out, err);
	int rc = segment_link_find(name, 0, &link, err);

	if (!rc)
		*out = link.ifindex;
	return rc;
}

/* The segment of the port's own card: also where nothing is recorded there has to be one that the
 * card can be plugged into. "" for a level that leaves it where it is. */
static void own_segment(const struct port_state *s, char out[IFNAMSIZ])
{
	out[0] = '\0';
	if (s->guarded && s->port.quarantine >= GUARD_HONEYWALL)
		segment_name(s->port.mac, out);
}

/* Makes what frames are sent to, and says so in the port. */
static int links_ready(const char *target, struct port_state *s, struct rf_err *err)
{
	char own[IFNAMSIZ];
	uint32_t unused;
	int rc = link_ready(s->mirror, target, &s->port.mirror_ifindex, err);

	own_segment(s, own);
	if (!rc)
		rc = link_ready(s->redirect, target, &s->port.redirect_ifindex, err);
	if (!rc && own[0] && strcmp(own, s->mirror) != 0 && strcmp(own, s->redirect) != 0)
		rc = segment_make(own, target, 0, &unused, err);
	return rc;
}

static int guarded_put(struct guard *guard, const char *target, uint32_t ifindex,
		       struct port_state *s, struct rf_err *err)
{
	int rc = links_ready(target, s, err);

	if (!rc)
		rc = guard_attach(guard, ifindex, err);
	/* A port in quarantine counts from here. */
	if (!rc && s->port.quarantine)
		rc = guard_quarantine_count(guard, ifindex);
	if (!rc)
		rc = guard_port_set(guard, ifindex, &s->port, err);
	return rc;
}

/* Where nft holds the ports. What it cannot is said before anything is made. */
static int nft_put(const struct verb_env *env, const char *target, struct port_state *s,
		   struct rf_err *err)
{
	const struct fallback_change change = {
		.what = FALLBACK_PORT, .link = target, .port = s->guarded ? &s->port : NULL};
	const char *why = s->guarded ? fallback_refuses(&s->port) : NULL;
	int rc = why ? rf_fail(err, RF_E_UNSUPPORTED, "BPF is forbidden here, and %s", why) : 0;

	if (!rc)
		rc = links_ready(target, s, err);
	return rc ? rc : verbs_nft_change(env, &change, err);
}

/* Rules of nft go by names, and would be the next one's. */
static int port_bury(const struct verb_env *env, const char *target, struct rf_err *err)
{
	const struct fallback_change gone = {.what = FALLBACK_PORT, .link = target};
	int rc = env->live && verbs_nft_holds(env) ? verbs_nft_change(env, &gone, err) : 0;

	return rc ? rc : segment_tidy(target, NULL, err);
}

static int port_put(const struct verb_env *env, const char *target, struct rf_slice state,
		    struct rf_err *err)
{
	struct port_state s;
	struct guard *guard = NULL;
	char own[IFNAMSIZ];
	uint32_t ifindex = 0;

	if (state_read(state, &s) < 0)
		return not_a_state(target, err);
	int rc = isolate_link_find(target, &ifindex, err);

	if (rc == RF_E_MISSING && !s.guarded)
		return port_bury(env, target, err);
	if (!rc)
		rc = guard_here(env, s.guarded, &guard, err);
	if (!rc && !guard)
		rc = nft_put(env, target, &s, err);
	else if (!rc && s.guarded)
		rc = guarded_put(guard, target, ifindex, &s, err);
	else if (!rc)
		rc = guard_detach(guard, ifindex, err);
	guard_give(env, guard);
	own_segment(&s, own);
	if (!rc)
		rc = segment_tidy(target,
				  segment_is_name(s.redirect) ? s.redirect
				  : s.mirror[0]		      ? s.mirror
							      : own,
				  err);
	return rc ? rf_wrap(err, rc, "%s", target) : 0;
}

static int target_check(const struct verb_env *env, const char *target, struct rf_err *err)
{
	return isolate_port_name_check(env, target, err);
}

/* Another VM may have the name by now: what its port is, is not ours to put back. */
static bool port_gone(struct rf_slice state)
{
	struct port_state s;

	return state_read(state, &s) == 0 && !s.guarded;
}

const struct verb_kind quarantine_kind_port = {
	.name = "quarantine-port",
	/* First of all: from here on the VM harms nobody. */
	.rank = 20,
	.check = target_check,
	.read = port_read,
	.put = port_put,
	.at_once = true,
	.partial = true,
	.gone = port_gone,
	.bury = port_bury,
};

/* ---- the verb ---- */

static struct quarantine_port payload_of(const struct change_spec *spec)
{
	struct quarantine_port payload;

	memcpy(&payload, spec->value, sizeof(payload));
	return payload;
}

static int link_name_check(const char *name, struct rf_err *err)
{
	if (strnlen(name, IFNAMSIZ) == IFNAMSIZ)
		return rf_fail(err, RF_E_SYNTAX, "the name of a link has no end");
	return name[0] ? isolate_port_name_check(NULL, name, err) : 0;
}

int quarantine_payload_check(const struct quarantine_port *want, struct rf_err *err)
{
	struct guard_port probe;
	int rc = link_name_check(want->mirror, err);

	if (!rc)
		rc = link_name_check(want->redirect, err);
	if (rc < 0)
		return rc;
	if (want->mirror[0] && !segment_is_name(want->mirror))
		return rf_fail(err, RF_E_DENIED, "frames are copied to a segment of ours only");
	if ((want->redirect[0] != 0) != (want->level == GUARD_HONEYWALL) ||
	    want->level == GUARD_FREE)
		return rf_fail(err, RF_E_SYNTAX, "no such quarantine");
	guard_port_init(&probe, want->mac);
	probe.quarantine = want->level;
	probe.n_services = want->n_services;
	probe.redirect_ifindex = want->redirect[0] != 0;
	probe.mirror_ifindex = want->mirror[0] != 0;
	memcpy(probe.services, want->services, sizeof(probe.services));
	return guard_port_check(&probe, err);
}

int quarantine_port_check(const struct verb_env *env, const struct change_spec *spec,
			  struct rf_err *err)
{
	struct quarantine_port want = payload_of(spec);
	int rc = quarantine_payload_check(&want, err);

	(void)env;
	return rc ? rf_wrap(err, rc, "%s", spec->target) : 0;
}

void quarantine_port_open(const uint8_t mac[6], struct guard_port *port)
{
	guard_port_init(port, mac);
	port->mode = GUARD_MODE_OBSERVE;
	port->flags = GUARD_ANY_V4 | GUARD_ANY_V6 | GUARD_LINK_LOCAL;
	port->max_bytes = JUMBO_BYTES;
}

void quarantine_port_shut(const struct quarantine_port *want, struct guard_port *port)
{
	static const uint8_t none[6];

	if (memcmp(port->mac, none, sizeof(none)) == 0)
		memcpy(port->mac, want->mac, sizeof(port->mac));
	if (want->level >= GUARD_RESTRICT && port->mode == GUARD_MODE_OBSERVE)
		port->mode = GUARD_MODE_ENFORCE;
	port->quarantine = want->level;
	port->n_services = want->n_services;
	memcpy(port->services, want->services, sizeof(port->services));
}

int quarantine_port_links(const struct quarantine_port *want, const char *link,
			  struct guard_port *port, struct rf_err *err)
{
	int rc = link_ready(want->mirror, link, &port->mirror_ifindex, err);

	return rc ? rc : link_ready(want->redirect, link, &port->redirect_ifindex, err);
}

int quarantine_port_predict(const struct change_spec *spec, struct rf_slice before,
			    struct rf_buf *out, struct rf_err *err)
{
	struct quarantine_port want = payload_of(spec);
	struct port_state s;

	if (state_read(before, &s) < 0)
		return not_a_state(spec->target, err);
	if (s.guarded && s.port.role != GUARD_ROLE_VM)
		return rf_fail(err, RF_E_DENIED, "%s is no VM's port", spec->target);
	if (s.guarded && s.port.quarantine > want.level)
		return rf_fail(err, RF_E_DENIED, "%s is shut in further already: release it first",
			       spec->target);
	if (!s.guarded)
		quarantine_port_open(want.mac, &s.port);
	s.guarded = true;
	quarantine_port_shut(&want, &s.port);
	memcpy(s.redirect, want.redirect, sizeof(s.redirect));
	memcpy(s.mirror, want.mirror, sizeof(s.mirror));
	return state_add(&s, out);
}

void quarantine_port_words(const struct guard_port *port, const char *redirect, const char *mirror,
			   struct rf_buf *out)
{
	static const char *const words[] = {
		[GUARD_FREE] = "in no quarantine",   [GUARD_WATCHED] = "nothing refused",
		[GUARD_RESTRICT] = "only",	     [GUARD_HONEYWALL] = "all it sends goes to",
		[GUARD_SEAL] = "no frame in or out",
	};

	rf_buf_printf(out, "%s",
		      port->quarantine < RF_COUNT(words) ? words[port->quarantine] : "?");
	if (port->quarantine == GUARD_HONEYWALL)
		rf_buf_printf(out, " %s, only from there comes an answer", redirect);
	for (unsigned i = 0; i < port->n_services && i < GUARD_SERVICES; i++) {
		rf_buf_printf(out, i ? ", " : " ");
		guard_service_words(&port->services[i], out);
	}
	if (port->quarantine == GUARD_RESTRICT && !port->n_services)
		rf_buf_printf(out, " ARP and neighbour discovery");
	if (mirror[0])
		rf_buf_printf(out, "; copied to %s", mirror);
}

bool quarantine_port_show(const struct change_spec *spec, struct rf_slice state, struct rf_buf *out)
{
	struct port_state s;

	(void)spec;
	if (state_read(state, &s) < 0 || !s.guarded)
		return false;
	if (s.port.quarantine)
		quarantine_port_words(&s.port, s.redirect, s.mirror, out);
	else
		isolate_port_words(&s.port, out);
	return true;
}

void quarantine_port_payload(const struct change_spec *spec, struct rf_buf *out)
{
	struct quarantine_port want = payload_of(spec);
	struct guard_port port = {.quarantine = want.level, .n_services = want.n_services};

	memcpy(port.services, want.services, sizeof(port.services));
	quarantine_port_words(&port, want.redirect, want.mirror, out);
}
