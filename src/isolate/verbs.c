/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verbs of the guard: ports and zones. See verbs.h. A link may be a VM's port when it is a tap
 * or a veth and a port of a bridge; uplinks and the bridges themselves have a verb of their own,
 * which judges zones and marks and no addresses. The second layer is verbs_layer.c.
 */
#include "isolate/verbs.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/verbs_parts.h"

/* Names are others' to give: what was put on a link under the name that it had is found there. */
int verbs_link_read(const char *name, struct guard_link *out, struct rf_err *err)
{
	const struct guard_options there = {.existing = true};
	struct guard *guard = NULL;
	char now[16];
	int rc = guard_link_read(name, out, err);

	if (rc != RF_E_MISSING || guard_open(&there, &guard, NULL) < 0)
		return rc;
	uint32_t ifindex = guard_port_called(guard, name);

	guard_close(guard);
	if (!ifindex || !guard_link_named(ifindex, now))
		return rc;
	rf_err_clear(err);
	return guard_link_read(now, out, err);
}

/* The link that a target names, if it is one that this kind may change. */
static int link_find(const char *name, bool vm, uint32_t *out, struct rf_err *err)
{
	struct guard_link link;
	int rc = verbs_link_read(name, &link, err);

	if (rc < 0)
		return rc;
	if (vm && !guard_link_is_vm(&link))
		return rf_fail(err, RF_E_DENIED,
			       "%s is no tap and no veth: only ports of VMs are guarded so", name);
	if (!guard_link_is_port(&link) && (vm || !guard_link_is_bridge(&link)))
		return rf_fail(err, RF_E_DENIED, "%s is no port of a bridge%s", name,
			       vm ? "" : ", and none itself");
	*out = link.ifindex;
	return 0;
}

int isolate_link_find(const char *name, uint32_t *out, struct rf_err *err)
{
	return link_find(name, true, out, err);
}

int verbs_guard_get(const struct verb_env *env, bool load, struct guard **out, struct rf_err *err)
{
	const struct guard_options there = {.existing = true};

	*out = NULL;
	if (!env->live)
		return rf_fail(err, RF_E_UNSUPPORTED, "only a running host has a guard");
	int rc = guard_open(&there, out, err);

	if (rc != -ENOENT)
		return rc;
	rf_err_clear(err);
	/* What nft holds stays there until all of it is moved (verbs_holder.c). */
	if (!load || verbs_nft_holds(env))
		return 0;
	rc = guard_open(NULL, out, err);
	if (rc != -EPERM && rc != RF_E_UNSUPPORTED)
		return rc;
	struct rf_err why = {0};
	enum guard_means means = guard_means(&why);

	if (means == GUARD_MEANS_NONE)
		return rf_fail(err, RF_E_DENIED, "%s", rf_err_text(&why));
	if (means != GUARD_MEANS_NFT)
		return rc;
	rf_err_clear(err);
	return 0;
}

/* ---- ports ---- */

int isolate_port_name_check(const struct verb_env *env, const char *target, struct rf_err *err)
{
	size_t len = strspn(target, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789._-");

	(void)env;
	if (len == 0 || target[len] || len >= IFNAMSIZ || target[0] == '.' || target[0] == '-')
		return rf_fail(err, RF_E_DENIED, "%.60s is no name of a link", target);
	return 0;
}

/* What a state begins with. */
/* LOST: in quarantine, and somebody took away what held it there. */
enum { PORT_UNGUARDED, PORT_GUARDED, PORT_GONE, PORT_LOST };

static int port_state(uint8_t what, const struct guard_port *port, struct rf_buf *out)
{
	rf_buf_add_byte(out, what);
	if (what == PORT_GUARDED || what == PORT_LOST)
		return rf_buf_add(out, (const uint8_t *)port + PORT_SKIP,
				  sizeof(*port) - PORT_SKIP);
	for (size_t i = 1; i < PORT_STATE_BYTES; i++)
		rf_buf_add_byte(out, 0);
	return out->failed ? -ENOMEM : 0;
}

/* *out_guarded says which; -1 for bytes that are no state of a port. */
static int port_of_state(struct rf_slice state, struct guard_port *out, bool *out_guarded)
{
	if (state.len != PORT_STATE_BYTES || state.data[0] > PORT_LOST)
		return RF_E_SYNTAX;
	memset(out, 0, sizeof(*out));
	memcpy((uint8_t *)out + PORT_SKIP, state.data + 1, sizeof(*out) - PORT_SKIP);
	*out_guarded = state.data[0] == PORT_GUARDED || state.data[0] == PORT_LOST;
	return 0;
}

static bool port_gone(struct rf_slice state)
{
	return state.len == PORT_STATE_BYTES && state.data[0] == PORT_GONE;
}

/* What the guard still has of links that went away. */
static int port_bury(const struct verb_env *env, const char *target, struct rf_err *err)
{
	struct guard *guard = NULL;
	int rc = verbs_guard_get(env, false, &guard, err);

	if (!rc && guard)
		guard_forget_gone(guard, NULL, NULL);
	/* Rules of nft go by names, and would be the next one's. */
	if (!rc && !guard && env->live)
		rc = verbs_nft_change(
			env, &(struct fallback_change){.what = FALLBACK_PORT, .link = target}, err);
	guard_close(guard);
	return rc;
}

/* A port whose programs somebody took away is not guarded, whatever the maps still hold. */
static int guarded_read(const struct verb_env *env, const char *target, bool vm, struct rf_buf *out,
			struct rf_err *err)
{
	struct guard_state state = {0};
	struct guard_port port = {0};
	struct guard *guard = NULL;
	uint32_t ifindex = 0;
	int rc = link_find(target, vm, &ifindex, err);

	/* A VM that was switched off took its port and all its rules with it. */
	if (rc == RF_E_MISSING)
		return port_state(PORT_GONE, NULL, out);
	if (!rc)
		rc = verbs_guard_get(env, false, &guard, err);
	if (rc < 0)
		return rc;
	if (guard)
		rc = guard_state(guard, ifindex, &state, err);
	bool guarded = rc == 0 && state.known && state.in && state.out;

	if (rc == 0 && state.known)
		rc = guard_port_get(guard, ifindex, &port);
	else if (rc == 0 && !guard)
		rc = verbs_nft_port_read(env, target, &port, &guarded, err);
	guard_close(guard);
	if (rc < 0)
		return rf_fail(err, rc, "%s: the guard cannot be read: %s", target,
			       rf_code_text(rc));
	return port_state(guarded	    ? PORT_GUARDED
			  : port.quarantine ? PORT_LOST
					    : PORT_UNGUARDED,
			  &port, out);
}

static int guarded_put(const struct verb_env *env, const char *target, bool vm,
		       struct rf_slice state, struct rf_err *err)
{
	struct guard_port port;
	struct guard *guard = NULL;
	uint32_t ifindex = 0;
	bool guarded = false;
	int rc = port_of_state(state, &port, &guarded);

	if (rc < 0)
		return rf_fail(err, rc, "%s: this is no state of a port", target);
	rc = link_find(target, vm, &ifindex, err);
	if (rc == RF_E_MISSING && !guarded)
		return 0;
	if (!rc)
		rc = verbs_guard_get(env, guarded, &guard, err);
	const struct fallback_change by_nft = {
		.what = FALLBACK_PORT, .link = target, .port = guarded ? &port : NULL};

	if (rc < 0)
		return rc;
	if (!guard)
		return verbs_nft_change(env, &by_nft, err);
	/* Denied between the two: no frame passes by no policy. */
	if (guarded)
		rc = guard_attach(guard, ifindex, err);
	else
		rc = guard_detach(guard, ifindex, err);
	if (!rc && guarded)
		rc = guard_port_set(guard, ifindex, &port, err);
	guard_close(guard);
	return rc ? rf_wrap(err, rc, "%s", target) : 0;
}

static int port_read(const struct verb_env *env, const char *target, struct rf_buf *out,
		     struct rf_err *err)
{
	return guarded_read(env, target, true, out, err);
}

static int port_put(const struct verb_env *env, const char *target, struct rf_slice state,
		    struct rf_err *err)
{
	return guarded_put(env, target, true, state, err);
}

static int uplink_read(const struct verb_env *env, const char *target, struct rf_buf *out,
		       struct rf_err *err)
{
	return guarded_read(env, target, false, out, err);
}

static int uplink_put(const struct verb_env *env, const char *target, struct rf_slice state,
		      struct rf_err *err)
{
	return guarded_put(env, target, false, state, err);
}

/* An uplink, or the bridge itself: the host's own end of it. */
static const struct verb_kind kind_uplink = {
	.name = "guard-uplink",
	.rank = 75,
	.check = isolate_port_name_check,
	.read = uplink_read,
	.put = uplink_put,
	.partial = true,
	.gone = port_gone,
	.bury = port_bury,
};

static const struct verb_kind kind_port = {
	.name = "guard-port",
	.rank = 80,
	.check = isolate_port_name_check,
	.read = port_read,
	.put = port_put,
	/* Attached and not yet set: everything is denied, which is neither. */
	.partial = true,
	.gone = port_gone,
	.bury = port_bury,
};

static void payload_port(const struct change_spec *spec, struct guard_port *out)
{
	memcpy(out, spec->value, sizeof(*out));
}

static int port_check(const struct verb_env *env, const struct change_spec *spec,
		      struct rf_err *err)
{
	struct guard_port port;

	(void)env;
	payload_port(spec, &port);
	if (port.ifindex || port.slot)
		return rf_fail(err, RF_E_SYNTAX, "%s: link and slot are the guard's to write",
			       spec->target);
	if (port.role != GUARD_ROLE_VM)
		return rf_fail(err, RF_E_DENIED, "%s: only a VM's port is set so", spec->target);
	if (port.redirect_ifindex || port.quarantine)
		return rf_fail(err, RF_E_DENIED, "%s: a port is not redirected so", spec->target);
	int rc = guard_port_check(&port, err);

	return rc ? rf_wrap(err, rc, "%s", spec->target) : 0;
}

static int uplink_check(const struct verb_env *env, const struct change_spec *spec,
			struct rf_err *err)
{
	struct guard_port port;

	(void)env;
	payload_port(spec, &port);
	if (port.ifindex || port.slot || port.redirect_ifindex)
		return rf_fail(err, RF_E_SYNTAX, "%s: link and slot are the guard's to write",
			       spec->target);
	if (port.role == GUARD_ROLE_VM || port.mode != GUARD_MODE_ENFORCE)
		return rf_fail(err, RF_E_DENIED, "%s: an uplink or a bridge, enforced",
			       spec->target);
	int rc = guard_port_check(&port, err);

	return rc ? rf_wrap(err, rc, "%s", spec->target) : 0;
}

static int off_check(const struct verb_env *env, const struct change_spec *spec, struct rf_err *err)
{
	(void)env;
	return spec->value_bytes == 0 ? 0 : rf_fail(err, RF_E_SYNTAX, "%s: no value", spec->target);
}

static int off_predict(const struct change_spec *spec, struct rf_slice before, struct rf_buf *out,
		       struct rf_err *err)
{
	(void)spec;
	(void)err;
	return port_gone(before) ? rf_buf_add(out, before.data, before.len)
				 : port_state(PORT_UNGUARDED, NULL, out);
}

static int port_predict(const struct change_spec *spec, struct rf_slice before, struct rf_buf *out,
			struct rf_err *err)
{
	struct guard_port port;
	bool guarded;

	if (port_of_state(before, &port, &guarded) < 0)
		return rf_fail(err, RF_E_SYNTAX, "%s: this is no state of a port", spec->target);
	if (port_gone(before))
		return rf_fail(err, RF_E_MISSING, "there is no link %s", spec->target);
	/* A quarantine outranks every policy: release comes first. */
	if (guarded && port.quarantine)
		return port_state(PORT_GUARDED, &port, out);
	payload_port(spec, &port);
	return port_state(PORT_GUARDED, &port, out);
}

static void prefix_words(const struct guard_port *port, struct rf_buf *out)
{
	char text[INET6_ADDRSTRLEN];

	for (unsigned i = 0; i < port->n_v4 && i < GUARD_V4; i++) {
		int bits = __builtin_popcount(port->v4[i].mask);

		if (inet_ntop(AF_INET, &port->v4[i].address, text, sizeof(text)))
			rf_buf_printf(out, " %s/%d", text, bits);
	}
	for (unsigned i = 0; i < port->n_v6 && i < GUARD_V6; i++) {
		int bits = __builtin_popcountll(port->v6[i].mask[0]) +
			   __builtin_popcountll(port->v6[i].mask[1]);

		if (inet_ntop(AF_INET6, port->v6[i].address, text, sizeof(text)))
			rf_buf_printf(out, " %s/%d", text, bits);
	}
}

static const struct {
	uint32_t flag;
	const char *word;
} flag_words[] = {
	{GUARD_ANY_V4, "any IPv4"},
	{GUARD_ANY_V6, "any IPv6"},
	{GUARD_LINK_LOCAL, "link-local"},
	{GUARD_DHCP_SERVER, "DHCP server"},
	{GUARD_ROUTER, "router"},
	{GUARD_PROMISCUOUS, "promiscuous"},
	{GUARD_GROUPS_ONLY, "own groups only"},
	{GUARD_BLOCK_ON_CHANGE, "blocked when its MAC changes"},
	{GUARD_MAC_CHANGE, "any MAC"},
};

void isolate_port_words(const struct guard_port *port, struct rf_buf *out)
{
	static const char *const modes[] = {"deny", "enforce", "observe"};
	static const char *const roles[] = {"", "uplink", "the host's own end"};
	const uint8_t *m = port->mac;

	if (port->role != GUARD_ROLE_VM) {
		rf_buf_printf(out, "%s, zone %u",
			      port->role < RF_COUNT(roles) ? roles[port->role] : "?", port->zone);
		return;
	}
	rf_buf_printf(out, "%s %02x:%02x:%02x:%02x:%02x:%02x zone %u",
		      port->mode < RF_COUNT(modes) ? modes[port->mode] : "?", m[0], m[1], m[2],
		      m[3], m[4], m[5], port->zone);
	prefix_words(port, out);
	for (size_t i = 0; i < RF_COUNT(flag_words); i++) {
		if (port->flags & flag_words[i].flag)
			rf_buf_printf(out, ", %s", flag_words[i].word);
	}
	if (port->vlan_mode == GUARD_VLAN_VST)
		rf_buf_printf(out, ", VLAN %u by the guard", port->vid);
	if (port->vlan_mode == GUARD_VLAN_VGT)
		rf_buf_printf(out, ", tags VLANs itself:");
	for (unsigned vid = 0; port->vlan_mode == GUARD_VLAN_VGT && vid < 4096; vid++) {
		if (port->vlans[vid / 64] >> (vid % 64) & 1)
			rf_buf_printf(out, vid ? " %u" : " untagged", vid);
	}
	if (port->pps)
		rf_buf_printf(out, ", %u frames/s", port->pps);
	if (port->flood_pps)
		rf_buf_printf(out, ", %u broadcasts/s", port->flood_pps);
	rf_buf_printf(out, ", at most %u bytes", port->max_bytes);
}

static bool port_show(const struct change_spec *spec, struct rf_slice state, struct rf_buf *out)
{
	struct guard_port port;
	bool guarded = false;

	(void)spec;
	if (port_of_state(state, &port, &guarded) < 0 || !guarded)
		return false;
	isolate_port_words(&port, out);
	return true;
}

static void port_payload_show(const struct change_spec *spec, struct rf_buf *out)
{
	struct guard_port port;

	payload_port(spec, &port);
	isolate_port_words(&port, out);
}

/* ---- zones ---- */

struct guard_zone isolate_zone_new(uint32_t zone)
{
	struct guard_zone row = {.restricted = 1};

	row.to[0] = zone == 0;
	return row;
}

static int zone_number(const char *target, uint32_t *out)
{
	char again[48];
	int64_t n;

	if (!rf_starts(target, "zone ") || rf_num(target + 5, 10, 0, GUARD_ZONES - 1, &n) < 0)
		return RF_E_SYNTAX;
	rf_format(again, sizeof(again), "zone %lld", (long long)n);
	if (strcmp(again, target) != 0)
		return RF_E_SYNTAX;
	*out = (uint32_t)n;
	return 0;
}

static int zone_target_check(const struct verb_env *env, const char *target, struct rf_err *err)
{
	uint32_t zone;

	(void)env;
	return zone_number(target, &zone) == 0
		       ? 0
		       : rf_fail(err, RF_E_DENIED, "%.60s is no zone of the guard", target);
}

static int zone_read(const struct verb_env *env, const char *target, struct rf_buf *out,
		     struct rf_err *err)
{
	struct guard *guard = NULL;
	uint32_t zone = 0;
	int rc = zone_number(target, &zone);
	struct guard_zone row = isolate_zone_new(zone);

	if (!rc)
		rc = verbs_guard_get(env, false, &guard, err);
	if (!rc && guard)
		rc = guard_zone_get(guard, zone, &row);
	else if (!rc)
		rc = verbs_nft_zone_read(env, zone, &row, err);
	guard_close(guard);
	return rc ? rf_wrap(err, rc, "%s", target) : rf_buf_add(out, &row, sizeof(row));
}

static int zone_put(const struct verb_env *env, const char *target, struct rf_slice state,
		    struct rf_err *err)
{
	struct guard *guard = NULL;
	struct guard_zone row;
	uint32_t zone = 0;
	int rc = zone_number(target, &zone);

	if (rc < 0 || state.len != sizeof(row))
		return rf_fail(err, RF_E_SYNTAX, "%s: this is no state of a zone", target);
	memcpy(&row, state.data, sizeof(row));
	rc = verbs_guard_get(env, true, &guard, err);
	const struct fallback_change by_nft = {.what = FALLBACK_ZONE, .zone = zone, .row = &row};

	if (!rc && guard)
		rc = guard_zone_set(guard, zone, &row);
	else if (!rc)
		rc = verbs_nft_change(env, &by_nft, err);
	guard_close(guard);
	return rc ? rf_wrap(err, rc, "%s", target) : 0;
}

static const struct verb_kind kind_zone = {
	.name = "guard-zone",
	/* Before the ports: a new port finds its zone as it is wanted. */
	.rank = 70,
	.check = zone_target_check,
	.read = zone_read,
	.put = zone_put,
	.partial = true,
};

static int zone_check(const struct verb_env *env, const struct change_spec *spec,
		      struct rf_err *err)
{
	struct guard_zone row;

	(void)env;
	memcpy(&row, spec->value, sizeof(row));
	if (row.restricted > 1 || row.reserved)
		return rf_fail(err, RF_E_SYNTAX, "%s: bits are set that mean nothing",
			       spec->target);
	if (strcmp(spec->target, "zone 0") == 0 && !(row.to[0] & 1))
		return rf_fail(err, RF_E_DENIED, "the host and its uplink stay able to talk");
	return 0;
}

static int zone_predict(const struct change_spec *spec, struct rf_slice before, struct rf_buf *out,
			struct rf_err *err)
{
	if (before.len != sizeof(struct guard_zone))
		return rf_fail(err, RF_E_SYNTAX, "%s: this is no state of a zone", spec->target);
	return rf_buf_add(out, spec->value, sizeof(struct guard_zone));
}

static void zone_words(const uint8_t *bytes, struct rf_buf *out)
{
	struct guard_zone row;
	bool any = false;

	memcpy(&row, bytes, sizeof(row));
	rf_buf_printf(out, row.restricted ? "exchanges with zones" : "exchanges with every zone");
	for (uint32_t to = 0; row.restricted && to < GUARD_ZONES; to++) {
		if (row.to[to / 64] >> (to % 64) & 1) {
			rf_buf_printf(out, "%s%u", any ? ", " : " ", to);
			any = true;
		}
	}
	if (row.restricted && !any)
		rf_buf_printf(out, " none");
}

static bool zone_show(const struct change_spec *spec, struct rf_slice state, struct rf_buf *out)
{
	(void)spec;
	if (state.len != sizeof(struct guard_zone))
		return false;
	zone_words(state.data, out);
	return true;
}

static void zone_payload_show(const struct change_spec *spec, struct rf_buf *out)
{
	zone_words(spec->value, out);
}

static const struct verb rows[] = {
	{"guard-zone", "say with whom a zone may exchange frames", &kind_zone,
	 sizeof(struct guard_zone), NEEDS_LIVE, RISK_MEDIUM, zone_check, zone_predict, zone_show,
	 zone_payload_show},
	{"guard-port", "guard a VM's port", &kind_port, sizeof(struct guard_port), NEEDS_LIVE,
	 RISK_MEDIUM, port_check, port_predict, port_show, port_payload_show},
	{"guard-uplink", "guard an uplink, or the host's end of a bridge", &kind_uplink,
	 sizeof(struct guard_port), NEEDS_LIVE, RISK_HIGH, uplink_check, port_predict, port_show,
	 port_payload_show},
	{"guard-uplink-off", "take the guard off an uplink", &kind_uplink, 0, NEEDS_LIVE, RISK_HIGH,
	 off_check, off_predict, port_show, NULL},
};

const struct verb_table isolate_verbs = {rows, RF_COUNT(rows)};
