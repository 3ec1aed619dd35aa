/* SPDX-License-Identifier: Apache-2.0 */
/* Pure: what of a policy is the port's own, and what is certainly another's, to test with. The
 * addresses of others are from the ranges for documentation (RFC 5737, 3849). */
#include <arpa/inet.h>
#include <string.h>

#include "base/mem.h"
#include "isolate/guard/frames.h"

bool guard_owns_v4(const struct guard_port *port, uint32_t address)
{
	uint8_t top = (uint8_t)(ntohl(address) >> 24);

	if (port->flags & GUARD_ANY_V4)
		return top != 0 && top != 127 && top < 224;
	for (unsigned i = 0; i < port->n_v4; i++)
		if ((address & port->v4[i].mask) == port->v4[i].address)
			return true;
	return false;
}

bool guard_owns_v6(const struct guard_port *port, const uint8_t address[16])
{
	uint64_t half[2];

	if ((port->flags & GUARD_LINK_LOCAL) && address[0] == 0xfe && (address[1] & 0xc0) == 0x80)
		return true;
	if ((port->flags & GUARD_ANY_V6) && address[0] != 0xff)
		return true;
	memcpy(half, address, sizeof(half));
	for (unsigned i = 0; i < port->n_v6; i++)
		if ((half[0] & port->v6[i].mask[0]) == port->v6[i].address[0] &&
		    (half[1] & port->v6[i].mask[1]) == port->v6[i].address[1])
			return true;
	return false;
}

static void choose_mac(struct test_subject *s)
{
	bool taken = true;

	memcpy(s->stranger, s->port->mac, 6);
	while (taken) {
		s->stranger[5]++;
		taken = false;
		for (unsigned i = 0; i < s->port->n_macs; i++)
			taken = taken || memcmp(s->stranger, s->port->macs[i], 6) == 0;
	}
}

static void choose_v4(struct test_subject *s)
{
	static const char *const OTHERS[] = {"192.0.2.254", "198.51.100.254", "203.0.113.254"};
	const struct guard_port *port = s->port;

	s->has_v4 = port->n_v4 || (port->flags & GUARD_ANY_V4);
	(void)inet_pton(AF_INET, "192.0.2.1", &s->v4);
	/* The last address of a prefix may be its broadcast address, the first the network's. */
	if (port->n_v4)
		s->v4 = port->v4[0].address | (htonl(1) & ~port->v4[0].mask);
	for (size_t i = 0; i < RF_COUNT(OTHERS); i++) {
		(void)inet_pton(AF_INET, OTHERS[i], &s->other_v4);
		if (!guard_owns_v4(port, s->other_v4))
			return;
	}
}

static void choose_v6(struct test_subject *s)
{
	static const char *const OTHERS[] = {"2001:db8::bad", "2001:db8:bad::bad", "fc00:bad::bad"};
	const struct guard_port *port = s->port;

	s->has_v6 = port->n_v6 || (port->flags & (GUARD_LINK_LOCAL | GUARD_ANY_V6));
	(void)inet_pton(AF_INET6, "2001:db8:1::1", s->v6);
	if (port->flags & GUARD_LINK_LOCAL)
		(void)inet_pton(AF_INET6, "fe80::1", s->v6);
	if (port->n_v6) {
		memcpy(s->v6, port->v6[0].address, 16);
		s->v6[15] |= (uint8_t)(1 & ~((const uint8_t *)port->v6[0].mask)[15]);
	}
	for (size_t i = 0; i < RF_COUNT(OTHERS); i++) {
		(void)inet_pton(AF_INET6, OTHERS[i], s->other_v6);
		if (!guard_owns_v6(port, s->other_v6))
			return;
	}
}

static bool listed(const struct guard_port *port, uint16_t vid)
{
	return port->vlans[vid / 64] >> (vid % 64) & 1;
}

static void choose_vlan(struct test_subject *s)
{
	const struct guard_port *port = s->port;

	s->vid = port->vid;
	s->wrong_vid = port->vid == 7 ? 8 : 7;
	s->has_wrong_vid = true;
	if (port->vlan_mode != GUARD_VLAN_VGT)
		return;
	s->tagged = !listed(port, 0);
	s->has_wrong_vid = false;
	for (uint16_t vid = 4094; vid > 0; vid--) {
		if (listed(port, vid))
			s->vid = vid;
		else {
			s->wrong_vid = vid;
			s->has_wrong_vid = true;
		}
	}
}

static void choose_zone(struct test_subject *s, const struct guard_zone *zones)
{
	uint32_t to = s->port->zone;

	for (uint32_t from = GUARD_ZONES; from-- > 0;) {
		if (zones[from].to[to / 64] >> (to % 64) & 1) {
			s->zone = from;
			s->has_zone = true;
		} else {
			s->wrong_zone = from;
			s->has_wrong_zone = true;
		}
	}
}

void guard_subject_init(struct test_subject *subject, const struct guard_port *port,
			const struct guard_zone *zones)
{
	memset(subject, 0, sizeof(*subject));
	subject->port = port;
	choose_mac(subject);
	choose_v4(subject);
	choose_v6(subject);
	choose_vlan(subject);
	choose_zone(subject, zones);
}
