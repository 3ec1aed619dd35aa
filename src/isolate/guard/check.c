/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pure: which policy of a port can be set, and the matrix of zones. The privileged process asks
 * before each change, so nothing here trusts its caller.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <string.h>

#include "base/mem.h"
#include "isolate/guard/internal.h"

#define FRAME_MIN_BYTES 60u
#define FRAME_MAX_BYTES 65550u
#define PPS_MAX		100000000u
#define BURST_MAX	1000000u
#define VID_MAX		4094u

static bool all_zero(const void *data, size_t size_bytes)
{
	const uint8_t *p = data;

	while (size_bytes && *p == 0) {
		p++;
		size_bytes--;
	}
	return size_bytes == 0;
}

static bool mac_is_station(const uint8_t *mac)
{
	return !(mac[0] & 1) && !all_zero(mac, 6);
}

/* Ones, then zeroes; not all zeroes: "any" is a flag, said aloud. */
static bool mask_is_prefix(const uint8_t *mask, size_t size_bytes)
{
	bool ended = false;

	if (!(mask[0] & 0x80))
		return false;
	for (size_t bit = 0; bit < size_bytes * 8; bit++) {
		bool one = mask[bit / 8] >> (7 - bit % 8) & 1;

		if (one && ended)
			return false;
		ended = ended || !one;
	}
	return true;
}

static bool inside_mask(const uint8_t *address, const uint8_t *mask, size_t size_bytes)
{
	for (size_t i = 0; i < size_bytes; i++)
		if (address[i] & (uint8_t)~mask[i])
			return false;
	return true;
}

static int check_shape(const struct guard_port *port, struct rf_err *err)
{
	if (port->mode > GUARD_MODE_OBSERVE || port->role > GUARD_ROLE_HOST ||
	    port->vlan_mode > GUARD_VLAN_VGT)
		return rf_fail(err, -EINVAL, "mode %u, role %u or VLAN mode %u is not known",
			       port->mode, port->role, port->vlan_mode);
	if (port->flags & ~GUARD_FLAGS_ALL || !all_zero(port->reserved, sizeof(port->reserved)) ||
	    !all_zero(port->called, sizeof(port->called)))
		return rf_fail(err, -EINVAL, "bits are set that mean nothing (flags 0x%x)",
			       port->flags);
	if (port->zone >= GUARD_ZONES)
		return rf_fail(err, RF_E_LIMIT, "zone %u: there are %u", port->zone, GUARD_ZONES);
	if (port->n_macs > GUARD_MACS || port->n_v4 > GUARD_V4 || port->n_v6 > GUARD_V6 ||
	    port->n_groups > GUARD_GROUPS || port->n_types > GUARD_TYPES)
		return rf_fail(err, RF_E_LIMIT, "a list is longer than its room");
	if (port->redirect_ifindex > INT32_MAX || port->mirror_ifindex > INT32_MAX)
		return rf_fail(err, -EINVAL, "link %u cannot be",
			       port->redirect_ifindex > INT32_MAX ? port->redirect_ifindex
								  : port->mirror_ifindex);
	return 0;
}

static int check_macs(const struct guard_port *port, struct rf_err *err)
{
	bool named = port->role == GUARD_ROLE_VM;

	if (named ? !mac_is_station(port->mac) : !all_zero(port->mac, 6) || port->n_macs)
		return rf_fail(err, -EINVAL,
			       named ? "the MAC address of a port is that of one station"
				     : "only a VM's port has a MAC address");
	for (unsigned i = 0; i < port->n_macs; i++)
		if (!mac_is_station(port->macs[i]) || !all_zero(port->macs[i] + 6, 2))
			return rf_fail(err, -EINVAL, "further MAC address %u is not one station's",
				       i);
	for (unsigned i = 0; i < port->n_groups; i++)
		if (!(port->groups[i][0] & 1) || !all_zero(port->groups[i] + 6, 2))
			return rf_fail(err, -EINVAL, "group %u is no multicast MAC address", i);
	return 0;
}

static int check_addresses(const struct guard_port *port, struct rf_err *err)
{
	for (unsigned i = 0; i < port->n_v4; i++) {
		const uint8_t *address = (const uint8_t *)&port->v4[i].address;
		const uint8_t *mask = (const uint8_t *)&port->v4[i].mask;

		if (!mask_is_prefix(mask, 4) || !inside_mask(address, mask, 4))
			return rf_fail(err, -EINVAL, "IPv4 address %u is no prefix", i);
		if (address[0] == 0 || address[0] == 127 || address[0] >= 224)
			return rf_fail(err, -EINVAL, "IPv4 address %u cannot be a source", i);
	}
	for (unsigned i = 0; i < port->n_v6; i++) {
		const uint8_t *address = (const uint8_t *)port->v6[i].address;
		const uint8_t *mask = (const uint8_t *)port->v6[i].mask;

		if (!mask_is_prefix(mask, 16) || !inside_mask(address, mask, 16))
			return rf_fail(err, -EINVAL, "IPv6 address %u is no prefix", i);
		if (address[0] == 0xff || all_zero(address, 15))
			return rf_fail(err, -EINVAL, "IPv6 address %u cannot be a source", i);
	}
	return 0;
}

static int check_types(const struct guard_port *port, struct rf_err *err)
{
	static const uint16_t JUDGED[] = {ETH_P_IP,    ETH_P_IPV6,   ETH_P_ARP,	  ETH_P_RARP,
					  ETH_P_8021Q, ETH_P_8021AD, ETH_P_QINQ1, ETH_P_QINQ2};

	for (unsigned i = 0; i < port->n_types; i++) {
		uint16_t type = ntohs(port->types[i]);

		if (type < ETH_P_802_3_MIN)
			return rf_fail(err, -EINVAL, "ethertype 0x%04x is a length", type);
		for (size_t j = 0; j < RF_COUNT(JUDGED); j++)
			if (type == JUDGED[j])
				return rf_fail(err, -EINVAL,
					       "ethertype 0x%04x is judged by rules of its own",
					       type);
	}
	return 0;
}

static int check_vlans(const struct guard_port *port, struct rf_err *err)
{
	bool vst = port->vlan_mode == GUARD_VLAN_VST;

	if (vst ? port->vid < 1 || port->vid > VID_MAX : port->vid != 0)
		return rf_fail(err, -EINVAL, "VLAN %u: %s", port->vid,
			       vst ? "1 to 4094" : "only VST has one");
	if (port->vlan_mode != GUARD_VLAN_VGT && !all_zero(port->vlans, sizeof(port->vlans)))
		return rf_fail(err, -EINVAL, "only VGT has a list of VLANs");
	if (port->vlans[63] >> 63)
		return rf_fail(err, -EINVAL, "VLAN 4095 is reserved");
	return 0;
}

static int check_numbers(const struct guard_port *port, struct rf_err *err)
{
	if (port->role == GUARD_ROLE_VM && port->mode != GUARD_MODE_DENY &&
	    (port->max_bytes < FRAME_MIN_BYTES || port->max_bytes > FRAME_MAX_BYTES))
		return rf_fail(err, RF_E_LIMIT, "frames of at most %u bytes: %u to %u",
			       port->max_bytes, FRAME_MIN_BYTES, FRAME_MAX_BYTES);
	if (port->pps > PPS_MAX || port->flood_pps > PPS_MAX || port->pps_burst > BURST_MAX ||
	    port->flood_burst > BURST_MAX)
		return rf_fail(err, RF_E_LIMIT, "a rate above %u or a burst above %u frames",
			       PPS_MAX, BURST_MAX);
	if ((port->pps_burst && !port->pps) || (port->flood_burst && !port->flood_pps))
		return rf_fail(err, -EINVAL, "a burst without a rate");
	return 0;
}

static int check_services(const struct guard_port *port, struct rf_err *err)
{
	static const struct guard_service none;

	for (unsigned i = 0; i < GUARD_SERVICES; i++) {
		const struct guard_service *s = &port->services[i];
		bool listed = i < port->n_services;

		if (!listed && memcmp(s, &none, sizeof(none)) != 0)
			return rf_fail(err, -EINVAL, "service %u is behind the end of the list", i);
		if (listed && ((s->family != 4 && s->family != 6) || s->reserved ||
			       (s->family == 4 && !all_zero(s->address, 12))))
			return rf_fail(err, -EINVAL, "service %u names no address", i);
		if (listed && s->port && s->protocol != IPPROTO_TCP && s->protocol != IPPROTO_UDP)
			return rf_fail(err, -EINVAL, "service %u: only TCP and UDP have ports", i);
	}
	return 0;
}

static int check_quarantine(const struct guard_port *port, struct rf_err *err)
{
	if (port->quarantine > GUARD_SEAL || port->n_services > GUARD_SERVICES)
		return rf_fail(err, RF_E_LIMIT, "quarantine %u with %u services", port->quarantine,
			       port->n_services);
	if (port->quarantine && port->role != GUARD_ROLE_VM)
		return rf_fail(err, -EINVAL, "only a VM is put into quarantine");
	if (port->n_services && port->quarantine != GUARD_RESTRICT)
		return rf_fail(err, -EINVAL, "services belong to a restricted port");
	if (port->mirror_ifindex && !port->quarantine)
		return rf_fail(err, -EINVAL, "only a port in quarantine is copied");
	if (port->quarantine == GUARD_HONEYWALL && !port->redirect_ifindex)
		return rf_fail(err, -EINVAL, "a honeywall needs a link to redirect to");
	return check_services(port, err);
}

int guard_port_check(const struct guard_port *port, struct rf_err *err)
{
	static int (*const CHECKS[])(const struct guard_port *, struct rf_err *) = {
		check_shape, check_addresses, check_types,
		check_vlans, check_numbers,   check_quarantine,
	};

	for (size_t i = 0; i < RF_COUNT(CHECKS); i++) {
		int rc = CHECKS[i](port, err);

		if (rc)
			return rc;
	}
	/* A port that is denied everything needs no address. */
	return port->mode == GUARD_MODE_DENY && all_zero(port->mac, 6) ? 0 : check_macs(port, err);
}

static bool zone_is_restricted(const struct guard_zone *row, uint32_t zones)
{
	for (uint32_t to = 0; to < zones; to++)
		if (!(row->to[to / 64] >> (to % 64) & 1))
			return true;
	return false;
}

int guard_zones_compile(const struct guard_pair *pairs, size_t count, uint32_t zones,
			struct guard_zone *out, struct rf_err *err)
{
	if (zones < 1 || zones > GUARD_ZONES)
		return rf_fail(err, RF_E_LIMIT, "%u zones: 1 to %u", zones, GUARD_ZONES);
	for (size_t i = 0; i < count; i++)
		if (pairs[i].a >= zones || pairs[i].b >= zones)
			return rf_fail(err, RF_E_LIMIT, "zones %u and %u: there are %u", pairs[i].a,
				       pairs[i].b, zones);
	memset(out, 0, sizeof(*out) * GUARD_ZONES);
	for (size_t i = 0; i < count; i++) {
		uint32_t a = pairs[i].a, b = pairs[i].b;

		out[a].to[b / 64] |= 1ull << (b % 64);
		out[b].to[a / 64] |= 1ull << (a % 64);
	}
	for (uint32_t zone = 0; zone < GUARD_ZONES; zone++)
		out[zone].restricted = zone_is_restricted(&out[zone], zones);
	return 0;
}
