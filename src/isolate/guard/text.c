/* SPDX-License-Identifier: Apache-2.0 */
/* Pure: addresses as people write them, and the multicast groups that go with them. Source: RFC
 * 4291 (solicited-node addresses), RFC 1112 and 2464 (multicast on Ethernet). */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/guard/internal.h"

int guard_mac_parse(const char *text, uint8_t out[6])
{
	uint8_t mac[6];

	if (strlen(text) != 17)
		return RF_E_SYNTAX;
	for (size_t i = 0; i < 6; i++) {
		char pair[3] = {text[i * 3], text[i * 3 + 1], '\0'};
		size_t n;

		if ((i < 5 && text[i * 3 + 2] != ':') || rf_hex_decode(pair, mac + i, 1, &n) != 0 ||
		    n != 1)
			return RF_E_SYNTAX;
	}
	memcpy(out, mac, sizeof(mac));
	return 0;
}

static void mask_fill(uint8_t *mask, size_t size_bytes, int64_t bits)
{
	for (size_t i = 0; i < size_bytes; i++, bits -= 8)
		mask[i] = bits >= 8   ? 0xff
			  : bits <= 0 ? 0
				      : (uint8_t)((0xffu << (8 - bits)) & 0xffu);
}

static int add_v4(struct guard_port *port, const struct guard_v4 *one)
{
	if ((one->address & one->mask) != one->address)
		return RF_E_SYNTAX;
	for (unsigned i = 0; i < port->n_v4; i++)
		if (memcmp(&port->v4[i], one, sizeof(*one)) == 0)
			return RF_E_DUPLICATE;
	if (port->n_v4 >= GUARD_V4)
		return RF_E_LIMIT;
	port->v4[port->n_v4++] = *one;
	return 0;
}

static int add_v6(struct guard_port *port, const struct guard_v6 *one)
{
	if ((one->address[0] & one->mask[0]) != one->address[0] ||
	    (one->address[1] & one->mask[1]) != one->address[1])
		return RF_E_SYNTAX;
	for (unsigned i = 0; i < port->n_v6; i++)
		if (memcmp(&port->v6[i], one, sizeof(*one)) == 0)
			return RF_E_DUPLICATE;
	if (port->n_v6 >= GUARD_V6)
		return RF_E_LIMIT;
	port->v6[port->n_v6++] = *one;
	return 0;
}

static int add_text(struct guard_port *port, char *address, const char *bits)
{
	struct guard_v4 v4 = {0};
	struct guard_v6 v6 = {0};
	int64_t n = 0;

	if (inet_pton(AF_INET, address, &v4.address) == 1) {
		if (rf_num(bits ? bits : "32", 10, 1, 32, &n) != 0)
			return RF_E_SYNTAX;
		mask_fill((uint8_t *)&v4.mask, sizeof(v4.mask), n);
		return add_v4(port, &v4);
	}
	if (inet_pton(AF_INET6, address, v6.address) == 1) {
		if (rf_num(bits ? bits : "128", 10, 1, 128, &n) != 0)
			return RF_E_SYNTAX;
		mask_fill((uint8_t *)v6.mask, sizeof(v6.mask), n);
		return add_v6(port, &v6);
	}
	return RF_E_SYNTAX;
}

int guard_port_add(struct guard_port *port, const char *prefix, struct rf_err *err)
{
	char address[INET6_ADDRSTRLEN + 8];
	char *slash;
	int rc = RF_E_SYNTAX;

	if (rf_copy(address, sizeof(address), prefix)) {
		slash = strchr(address, '/');
		if (slash)
			*slash++ = '\0';
		rc = add_text(port, address, slash);
	}
	return rc ? rf_fail(err, rc, "\"%s\" is no address or prefix to add: %s", prefix,
			    rf_code_text(rc))
		  : 0;
}

static int group_add(struct guard_port *port, const uint8_t group[6])
{
	for (unsigned i = 0; i < port->n_groups; i++)
		if (memcmp(port->groups[i], group, 6) == 0)
			return 0;
	if (port->n_groups >= GUARD_GROUPS)
		return RF_E_LIMIT;
	memcpy(port->groups[port->n_groups++], group, 6);
	return 0;
}

/* All hosts in IPv4 and IPv6, and the solicited-node group of each single IPv6 address. A prefix
 * would need groups that nobody knows yet. */
int guard_port_groups(struct guard_port *port, struct rf_err *err)
{
	static const uint8_t EVERYBODY[][6] = {{0x01, 0, 0x5e, 0, 0, 1}, {0x33, 0x33, 0, 0, 0, 1}};
	struct guard_port with = *port;
	int rc = 0;

	if (with.flags & (GUARD_LINK_LOCAL | GUARD_ANY_V6))
		return rf_fail(err, -EINVAL, "groups follow from addresses: this port may use any");
	for (size_t i = 0; rc == 0 && i < RF_COUNT(EVERYBODY); i++)
		rc = group_add(&with, EVERYBODY[i]);
	for (unsigned i = 0; rc == 0 && i < with.n_v6; i++) {
		const uint8_t *a = (const uint8_t *)with.v6[i].address;
		const uint8_t group[6] = {0x33, 0x33, 0xff, a[13], a[14], a[15]};

		if (with.v6[i].mask[1] != UINT64_MAX)
			return rf_fail(err, -EINVAL,
				       "IPv6 address %u is a prefix: its groups are "
				       "not known",
				       i);
		rc = group_add(&with, group);
	}
	if (rc)
		return rf_fail(err, rc, "more than %u multicast groups", GUARD_GROUPS);
	with.flags |= GUARD_GROUPS_ONLY;
	*port = with;
	return 0;
}
