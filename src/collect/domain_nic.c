/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Network cards of a definition: <interface>. What a filter stops is not told here: it follows from
 * the filter's own definition (model/derive.sql). Source: libvirt's formatdomain of 9.0.
 */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "collect/domain.h"

/* Where each kind of interface says what it is plugged into. */
static const struct {
	const char *kind, *attr;
} peers[] = {{"network", "network"}, {"bridge", "bridge"}, {"internal", "name"},
	     {"direct", "dev"},	     {"vdpa", "dev"},	   {"vds", "switchid"}};

static const char *peer_of(const char *kind, const struct xml_node *source)
{
	for (size_t i = 0; i < RF_COUNT(peers); i++) {
		if (strcmp(kind, peers[i].kind) == 0)
			return xml_attr_text(source, peers[i].attr);
	}
	return "";
}

static const char *socket_of(struct domain_facts *f, const char *kind,
			     const struct xml_node *source)
{
	static const char *const with_port[] = {"mcast", "server", "client", "udp"};

	if (strcmp(kind, "vhostuser") == 0)
		return xml_attr_text(source, "path");
	for (size_t i = 0; i < RF_COUNT(with_port); i++) {
		if (strcmp(kind, with_port[i]) == 0)
			return domain_text(f, "%s:%s", xml_attr_text(source, "address"),
					   xml_attr_text(source, "port"));
	}
	return "";
}

static void read_mac(struct domain_facts *f, struct fact_vm_nic *nic, const struct xml_node *at)
{
	const struct xml_node *mac = xml_child(at, "mac");
	char lower[64];

	rf_copy(lower, sizeof(lower), xml_attr_text(mac, "address"));
	rf_lower(lower);
	nic->mac = domain_text(f, "%s", lower);
	nic->mac_kind = !*lower || xml_attr_is(mac, "type", "generated") ? "generated" : "static";
}

static void read_filter(struct fact_vm_nic *nic, const struct xml_node *at)
{
	const struct xml_node *ref = xml_child(at, "filterref");
	bool has_ip = false;

	nic->filter = xml_attr_text(ref, "filter");
	for (const struct xml_node *n = xml_child(ref, "parameter"); n;
	     n = xml_next(n, "parameter"))
		has_ip |=
			xml_attr_is(n, "name", "IP") || xml_attr_is(n, "name", "CTRL_IP_LEARNING");
	nic->filter_ip = FACT_BOOL(has_ip);
}

/* Without a filter a frame leaves as the VM made it. The hardware of a passed-through virtual
 * function has checks of its own that the definition does not show. */
static void read_spoofing(struct domain_facts *f, struct fact_vm_nic *nic)
{
	static const char *const cols[] = {"forged_source", "mac_change", "arp_spoofing",
					   "ip_spoofing"};

	if (*nic->filter)
		return;
	if (strcmp(nic->kind, "hostdev") != 0) {
		nic->forged_source = nic->mac_change = "accept";
		nic->arp_spoofing = nic->ip_spoofing = "accept";
		return;
	}
	for (size_t i = 0; i < RF_COUNT(cols); i++)
		domain_gap(f, FACT_T_VM_NIC, nic->nic, cols[i],
			   "the card itself decides for a passed-through virtual function; see "
			   "spoofchk in sriov_vf");
}

static void read_vlan(struct domain_facts *f, struct fact_vm_nic *nic, const struct xml_node *at)
{
	const struct xml_node *vlan = xml_child(at, "vlan");

	nic->vlan_ids = "";
	for (const struct xml_node *n = xml_child(vlan, "tag"); n; n = xml_next(n, "tag"))
		nic->vlan_ids = domain_join(f, nic->vlan_ids, xml_attr_text(n, "id"));
	/* Several tags are a trunk even where the attribute is missing. */
	nic->vlan_trunk =
		FACT_BOOL(xml_attr_is(vlan, "trunk", "yes") || xml_count(vlan, "tag") > 1);
}

static struct fact_int bandwidth(struct domain_facts *f, struct fact_vm_nic *nic,
				 const struct xml_node *at, const char *way, const char *col)
{
	const char *text = xml_attr_text(xml_child(xml_child(at, "bandwidth"), way), "average");
	int64_t v;

	if (!*text)
		return FACT_INT(0);
	if (rf_num(text, 10, 0, INT64_MAX, &v) == 0)
		return FACT_INT(v);
	domain_gap(f, FACT_T_VM_NIC, nic->nic, col, "bandwidth '%.40s' is not a number; correct it",
		   text);
	return (struct fact_int){0};
}

/* trustGuestRxFilters may also stand in the network; a live definition already holds the answer. */
static void read_promiscuous(struct domain_facts *f, struct fact_vm_nic *nic,
			     const struct xml_node *at)
{
	const char *trust = xml_attr(at, "trustGuestRxFilters");

	if (trust)
		nic->promiscuous = strcmp(trust, "yes") == 0 ? "accept" : "reject";
	else if (strcmp(nic->kind, "network") != 0 || strcmp(f->src->layer, "live") == 0)
		nic->promiscuous = "reject";
}

void domain_read_nic(struct domain_facts *f, const struct xml_node *at)
{
	size_t index = f->nics.count;
	struct fact_vm_nic *nic = domain_add_nic(f, at);
	const struct xml_node *source = xml_child(at, "source");
	char model[64];

	if (!nic)
		return;
	nic->nic = domain_text(f, "net%zu", index);
	nic->kind = xml_attr_text(at, "type");
	rf_copy(model, sizeof(model), xml_attr_text(xml_child(at, "model"), "type"));
	rf_lower(model);
	nic->model = domain_text(f, "%s", model);
	nic->network = peer_of(nic->kind, source);
	nic->socket = socket_of(f, nic->kind, source);
	nic->target = xml_attr_text(xml_child(at, "target"), "dev");
	nic->isolated = FACT_BOOL(xml_attr_is(xml_child(at, "port"), "isolated", "yes"));
	nic->link_up = FACT_BOOL(!xml_attr_is(xml_child(at, "link"), "state", "down"));
	nic->script = xml_attr_text(xml_child(at, "script"), "path");
	if (!*nic->script)
		nic->script = xml_attr_text(xml_child(at, "downscript"), "path");
	nic->limit_in = bandwidth(f, nic, at, "inbound", "limit_in");
	nic->limit_out = bandwidth(f, nic, at, "outbound", "limit_out");
	nic->dvfilter = "";
	read_mac(f, nic, at);
	read_filter(nic, at);
	read_spoofing(f, nic);
	read_vlan(f, nic, at);
	read_promiscuous(f, nic, at);
}
