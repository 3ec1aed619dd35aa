/* SPDX-License-Identifier: Apache-2.0 */
/* <network> to a row of `network`. Source: libvirt's formatnetwork and network_conf.c of 9.0. */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "collect/network_xml.h"

#define NS_TAGS DOMAIN_NS_TAGS

/* <forward> without a mode is NAT; no <forward> is an isolated network. */
static const char *forward_mode(const struct xml_node *forward)
{
	if (!forward)
		return "none";
	return *xml_attr_text(forward, "mode") ? xml_attr(forward, "mode") : "nat";
}

static const char *forward_dev(const struct xml_node *forward)
{
	const char *dev = xml_attr_text(forward, "dev");

	return *dev ? dev : xml_attr_text(xml_child(forward, "interface"), "dev");
}

/* Modes in which libvirt makes the bridge and runs dnsmasq on it. */
static bool has_own_bridge(const char *mode)
{
	static const char *const modes[] = {"none", "nat", "route", "open"};

	for (size_t i = 0; i < RF_COUNT(modes); i++) {
		if (strcmp(mode, modes[i]) == 0)
			return true;
	}
	return false;
}

static bool has_trunk(const struct xml_node *at)
{
	const struct xml_node *vlan = xml_child(at, "vlan");

	return xml_attr_is(vlan, "trunk", "yes") || xml_count(vlan, "tag") > 1;
}

struct net_flags {
	bool dhcp, tftp, trunk, trust;
	int64_t addresses;
};

static struct net_flags read_flags(const struct xml_node *xml)
{
	struct net_flags f = {.trunk = has_trunk(xml),
			      .trust = xml_attr_is(xml, "trustGuestRxFilters", "yes")};

	for (const struct xml_node *n = xml_child(xml, "ip"); n; n = xml_next(n, "ip")) {
		const struct xml_node *dhcp = xml_child(n, "dhcp");

		f.addresses++;
		f.dhcp |= xml_child(dhcp, "range") != NULL;
		f.tftp |= xml_child(n, "tftp") || xml_child(dhcp, "bootp");
	}
	for (const struct xml_node *n = xml_child(xml, "portgroup"); n;
	     n = xml_next(n, "portgroup")) {
		f.trunk |= has_trunk(n);
		f.trust |= xml_attr_is(n, "trustGuestRxFilters", "yes");
	}
	return f;
}

static const char *zone_of(const struct xml_node *xml)
{
	for (const struct xml_node *n = xml_child(xml_child(xml, "metadata"), NULL); n;
	     n = n->next) {
		if (!n->ns)
			continue;
		if (strcmp(n->name, "zone") == 0)
			return n->text;
		const struct xml_node *zone = xml_child_ns(n, n->ns, "zone");

		if (zone)
			return zone->text;
		if (strcmp(n->ns, NS_TAGS) == 0 && xml_attr(n, "zone"))
			return xml_attr(n, "zone");
	}
	return "";
}

static bool is_default_nat(const char *name, const char *mode, const struct xml_node *xml)
{
	return strcmp(name, "default") == 0 && strcmp(mode, "nat") == 0 &&
	       xml_attr_is(xml_child(xml, "ip"), "address", "192.168.122.1");
}

static void state_gap(struct fact_sink *out, const char *key, struct fact_int have, const char *col,
		      const char *source, enum fact_table_id table)
{
	if (!have.known)
		fact_gap(out, table, key, col, source,
			 "a file does not tell; ask libvirt (--connect) to have this");
}

bool network_put(const struct xml_node *xml, const struct object_state *state,
		 struct fact_sink *out)
{
	const char *name = xml_text(xml, "name");
	const struct xml_node *forward = xml_child(xml, "forward");
	const char *mode = forward_mode(forward);
	struct net_flags f = read_flags(xml);
	bool dns_off = xml_attr_is(xml_child(xml, "dns"), "enable", "no");
	char uuid[64];

	if (!xml_is(xml, "network") || !*name)
		return false;
	rf_copy(uuid, sizeof(uuid), xml_text(xml, "uuid"));
	rf_lower(uuid);
	fact_put_network(
		out, &(struct fact_network){
			     .network = name,
			     .layer = state->layer,
			     .uuid = uuid,
			     .bridge = xml_attr_text(xml_child(xml, "bridge"), "name"),
			     .forward_mode = mode,
			     .forward_dev = forward_dev(forward),
			     .active = state->active,
			     .autostart = state->autostart,
			     .dhcp = FACT_BOOL(f.dhcp),
			     .dns = FACT_BOOL(has_own_bridge(mode) && f.addresses > 0 && !dns_off),
			     .tftp = FACT_BOOL(f.tftp),
			     .isolated_ports = FACT_BOOL(
				     xml_attr_is(xml_child(xml, "port"), "isolated", "yes")),
			     .vlan_trunk = FACT_BOOL(f.trunk),
			     .trust_guest_rx = FACT_BOOL(f.trust),
			     .mac_table_manager =
				     xml_attr_text(xml_child(xml, "bridge"), "macTableManager"),
			     .addresses_count = FACT_INT(f.addresses),
			     .default_nat = FACT_BOOL(is_default_nat(name, mode, xml)),
			     .zone = zone_of(xml),
			     .source = state->source});
	RF_AUTOFREE char *key = rf_asprintf("%s/%s", name, state->layer);

	state_gap(out, key ? key : name, state->active, "active", state->source, FACT_T_NETWORK);
	state_gap(out, key ? key : name, state->autostart, "autostart", state->source,
		  FACT_T_NETWORK);
	return true;
}

bool secret_put(const struct xml_node *xml, const char *source, struct fact_sink *out)
{
	const struct xml_node *usage = xml_child(xml, "usage");
	const char *kind = xml_attr_text(usage, "type");
	char uuid[64];

	rf_copy(uuid, sizeof(uuid), xml_text(xml, "uuid"));
	rf_lower(uuid);
	if (!xml_is(xml, "secret") || !*uuid)
		return false;
	fact_put_secret(out, &(struct fact_secret){
				     .uuid = uuid,
				     .usage_kind = *kind ? kind : "none",
				     .usage = usage && usage->child ? usage->child->text : "",
				     .ephemeral = FACT_BOOL(xml_attr_is(xml, "ephemeral", "yes")),
				     .private = FACT_BOOL(xml_attr_is(xml, "private", "yes")),
				     .source = source});
	return true;
}
