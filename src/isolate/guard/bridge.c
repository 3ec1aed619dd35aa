/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The second layer in the bridge: a port that is locked to the addresses of its policy forwards no
 * other source even while the guard is off. Source: linux/if_link.h, bridge(8).
 */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "base/mem.h"
#include "isolate/guard/internal.h"

#define STRANGERS_MAX 256

static const struct {
	uint16_t attribute;
	size_t offset;
} FLAGS[] = {
	{IFLA_BRPORT_LOCKED, offsetof(struct guard_bridge_port, locked)},
	{IFLA_BRPORT_LEARNING, offsetof(struct guard_bridge_port, learning)},
	{IFLA_BRPORT_UNICAST_FLOOD, offsetof(struct guard_bridge_port, flood)},
	{IFLA_BRPORT_ISOLATED, offsetof(struct guard_bridge_port, isolated)},
};

struct reading {
	struct guard_bridge_port port;
	bool is_port;
};

static bool *flag_at(struct guard_bridge_port *port, size_t i)
{
	return (bool *)((char *)port + FLAGS[i].offset);
}

static int data_take(const struct nlattr *attr, void *arg)
{
	struct reading *r = arg;

	for (size_t i = 0; i < RF_COUNT(FLAGS); i++)
		if (mnl_attr_get_type(attr) == FLAGS[i].attribute &&
		    mnl_attr_get_payload_len(attr) == 1)
			*flag_at(&r->port, i) = mnl_attr_get_u8(attr) != 0;
	if (mnl_attr_get_type(attr) == IFLA_BRPORT_LOCKED)
		r->port.can_lock = true;
	r->is_port = true;
	return MNL_CB_OK;
}

static int info_take(const struct nlattr *attr, void *arg)
{
	if (mnl_attr_get_type(attr) == IFLA_INFO_SLAVE_KIND &&
	    strncmp(mnl_attr_get_payload(attr), "bridge", mnl_attr_get_payload_len(attr)) != 0)
		return MNL_CB_STOP;
	if (mnl_attr_get_type(attr) == IFLA_INFO_SLAVE_DATA)
		(void)mnl_attr_parse_nested(attr, data_take, arg);
	return MNL_CB_OK;
}

static int link_take(const struct nlattr *attr, void *arg)
{
	if (mnl_attr_get_type(attr) == IFLA_LINKINFO)
		(void)mnl_attr_parse_nested(attr, info_take, arg);
	return MNL_CB_OK;
}

static int answer_take(const struct nlmsghdr *answer, void *arg)
{
	if (answer->nlmsg_type == RTM_NEWLINK)
		(void)mnl_attr_parse(answer, sizeof(struct ifinfomsg), link_take, arg);
	return MNL_CB_OK;
}

static struct nlmsghdr *link_request(char *buffer, uint16_t type, uint8_t family, uint32_t ifindex)
{
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct ifinfomsg *link = mnl_nlmsg_put_extra_header(request, sizeof(*link));

	request->nlmsg_type = type;
	link->ifi_family = family;
	link->ifi_index = (int)ifindex;
	return request;
}

int guard_bridge_get(uint32_t ifindex, struct guard_bridge_port *out, struct rf_err *err)
{
	char buffer[256] = {0};
	struct reading r = {.is_port = false};
	int rc = guard_nl_talk(link_request(buffer, RTM_GETLINK, AF_UNSPEC, ifindex), answer_take,
			       &r);

	if (rc)
		return rf_fail(err, rc, "link %u: %s", ifindex, rf_code_text(rc));
	if (!r.is_port)
		return rf_fail(err, -ENOENT, "link %u is no port of a bridge", ifindex);
	*out = r.port;
	return 0;
}

static int flags_put(uint32_t ifindex, const struct guard_bridge_port *port, bool forget)
{
	char buffer[512] = {0};
	struct nlmsghdr *request = link_request(buffer, RTM_SETLINK, AF_BRIDGE, ifindex);
	struct nlattr *nest = mnl_attr_nest_start(request, IFLA_PROTINFO);
	struct guard_bridge_port wanted = *port;

	for (size_t i = 0; i < RF_COUNT(FLAGS); i++)
		mnl_attr_put_u8(request, FLAGS[i].attribute, *flag_at(&wanted, i));
	if (forget)
		mnl_attr_put(request, IFLA_BRPORT_FLUSH, 0, NULL);
	mnl_attr_nest_end(request, nest);
	return guard_nl_talk(request, NULL, NULL);
}

int guard_bridge_set(uint32_t ifindex, const struct guard_bridge_port *port, struct rf_err *err)
{
	struct guard_bridge_port now;
	int rc = guard_bridge_get(ifindex, &now, err);

	if (rc)
		return rc;
	/* An address that was learned while the port was open would pass a lock: forget it. */
	rc = flags_put(ifindex, port, port->locked || !port->learning);
	if (rc)
		return rf_fail(err, rc, "link %u: bridge port: %s", ifindex, rf_code_text(rc));
	rc = guard_bridge_get(ifindex, &now, err);
	if (rc)
		return rc;
	/* Older kernels take an attribute they do not know in silence. */
	if (now.locked != port->locked)
		return rf_fail(err, RF_E_UNSUPPORTED, "link %u: this kernel locks no bridge ports",
			       ifindex);
	return 0;
}

int guard_bridge_address(uint32_t ifindex, const uint8_t mac[6], bool add, struct rf_err *err)
{
	char buffer[256] = {0};
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct ndmsg *entry = mnl_nlmsg_put_extra_header(request, sizeof(*entry));

	request->nlmsg_type = add ? RTM_NEWNEIGH : RTM_DELNEIGH;
	request->nlmsg_flags = add ? NLM_F_CREATE | NLM_F_REPLACE : 0;
	entry->ndm_family = AF_BRIDGE;
	entry->ndm_ifindex = (int)ifindex;
	entry->ndm_state = NUD_NOARP;
	entry->ndm_flags = NTF_MASTER;
	mnl_attr_put(request, NDA_LLADDR, 6, mac);

	int rc = guard_nl_talk(request, NULL, NULL);

	if (rc == 0 || (!add && rc == -ENOENT))
		return 0;
	return rf_fail(err, rc, "link %u: address table: %s", ifindex, rf_code_text(rc));
}

static bool port_has(const struct guard_port *port, const uint8_t mac[6])
{
	if (memcmp(port->mac, mac, 6) == 0)
		return true;
	for (unsigned i = 0; i < port->n_macs; i++)
		if (memcmp(port->macs[i], mac, 6) == 0)
			return true;
	return false;
}

/* Static entries of a port. */
struct entries {
	uint32_t ifindex;
	uint8_t (*macs)[6];
	size_t count, max;
};

static int mac_take(const struct nlattr *attr, void *arg)
{
	if (mnl_attr_get_type(attr) == NDA_LLADDR && mnl_attr_get_payload_len(attr) == 6)
		memcpy(arg, mnl_attr_get_payload(attr), 6);
	return MNL_CB_OK;
}

static int entry_take(const struct nlmsghdr *answer, void *arg)
{
	const struct ndmsg *entry = mnl_nlmsg_get_payload(answer);
	struct entries *e = arg;
	uint8_t mac[6] = {0};

	if (answer->nlmsg_type != RTM_NEWNEIGH ||
	    mnl_nlmsg_get_payload_len(answer) < sizeof(*entry) ||
	    entry->ndm_ifindex != (int)e->ifindex || entry->ndm_state != NUD_NOARP)
		return MNL_CB_OK;
	(void)mnl_attr_parse(answer, sizeof(*entry), mac_take, mac);
	/* The kernel tells of an address once for each VLAN. */
	for (size_t i = 0; i < e->count && i < e->max; i++)
		if (memcmp(e->macs[i], mac, 6) == 0)
			return MNL_CB_OK;
	if (e->count < e->max)
		memcpy(e->macs[e->count], mac, 6);
	e->count++;
	return MNL_CB_OK;
}

int guard_bridge_macs(uint32_t ifindex, uint8_t (*out)[6], size_t max, size_t *out_count,
		      struct rf_err *err)
{
	char buffer[256] = {0};
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct ndmsg *entry = mnl_nlmsg_put_extra_header(request, sizeof(*entry));
	struct entries e = {.ifindex = ifindex, .macs = out, .max = max};
	int rc;

	request->nlmsg_type = RTM_GETNEIGH;
	request->nlmsg_flags = NLM_F_DUMP;
	entry->ndm_family = AF_BRIDGE;
	rc = guard_nl_talk(request, entry_take, &e);
	if (rc)
		return rf_fail(err, rc, "link %u: address table: %s", ifindex, rf_code_text(rc));
	*out_count = e.count;
	return 0;
}

/* Flushing leaves static entries, and one of an older policy would pass the lock. */
static int strangers_remove(const struct guard_port *port, struct rf_err *err)
{
	uint8_t macs[STRANGERS_MAX][6];
	size_t count = 0;
	int rc = guard_bridge_macs(port->ifindex, macs, STRANGERS_MAX, &count, err);

	for (size_t i = 0; rc == 0 && i < count && i < STRANGERS_MAX; i++)
		if (!port_has(port, macs[i]))
			rc = guard_bridge_address(port->ifindex, macs[i], false, err);
	return rc;
}

int guard_fence(struct guard *guard, uint32_t ifindex, struct rf_err *err)
{
	struct guard_bridge_port fence;
	struct guard_port port;
	int rc = guard_port_get(guard, ifindex, &port);

	if (rc)
		return rf_fail(err, rc, "link %u is not guarded", ifindex);
	rc = guard_bridge_get(ifindex, &fence, err);
	/* The port's own address first: no honest frame is to be lost. */
	if (rc == 0 && port.mode != GUARD_MODE_DENY && port.role == GUARD_ROLE_VM)
		rc = guard_bridge_address(ifindex, port.mac, true, err);
	for (unsigned i = 0; rc == 0 && i < port.n_macs; i++)
		rc = guard_bridge_address(ifindex, port.macs[i], true, err);
	if (rc == 0)
		rc = strangers_remove(&port, err);
	if (rc)
		return rc;
	fence.locked = true;
	fence.learning = false;
	fence.flood = false;
	return guard_bridge_set(ifindex, &fence, err);
}
