/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The filters that libvirt ships, by digest of their rules (nwfilter_digest): comments, the order
 * of attributes, UUIDs and spelled-out defaults do not count, so a file and a daemon's answer
 * agree. Source: libvirt 9.0.0, src/nwfilter/xml; the rules have been the same since 1.2.
 */
#include <string.h>

#include "base/mem.h"
#include "collect/nwfilter_xml.h"

static const struct {
	const char *name, *digest;
} shipped[] = {
	{"allow-arp", "508dcb3c2ee41bb6"},
	{"allow-dhcp-server", "9dd792655b8b4221"},
	{"allow-dhcp", "9ad46d9bacfb4681"},
	{"allow-dhcpv6-server", "6ee9b4455cdbd49f"},
	{"allow-dhcpv6", "a72f7f5bdefd10dc"},
	{"allow-incoming-ipv4", "41e716f2d67c3f2a"},
	{"allow-incoming-ipv6", "e7cb511883814348"},
	{"allow-ipv4", "38f447cf2f362224"},
	{"allow-ipv6", "3b8f4987b27dc7ca"},
	{"clean-traffic-gateway", "ef423ace7e37a2d6"},
	{"clean-traffic", "850351ddcc5e647c"},
	{"no-arp-ip-spoofing", "cc456dffe53a618f"},
	{"no-arp-mac-spoofing", "a62b9750b178abd0"},
	{"no-arp-spoofing", "66c3f3e00f6ffed2"},
	{"no-ip-multicast", "166097b7c08d1489"},
	{"no-ip-spoofing", "543c9e8092472697"},
	{"no-ipv6-multicast", "c8eb6d4a9c317393"},
	{"no-ipv6-spoofing", "18d3ba17a11eef83"},
	{"no-mac-broadcast", "54f521af17b24e3f"},
	{"no-mac-spoofing", "3f7db1db4ebf201f"},
	{"no-other-l2-traffic", "83fd6eaabb942104"},
	{"no-other-rarp-traffic", "e905f41ac4b59e73"},
	{"qemu-announce-self-rarp", "6bb60acb9c622024"},
	{"qemu-announce-self", "64526727b00478a2"},
};

int nwfilter_shipped(const char *name, const char *digest)
{
	int known = -1;

	for (size_t i = 0; i < RF_COUNT(shipped); i++) {
		if (strcmp(shipped[i].name, name) != 0)
			continue;
		if (strcmp(shipped[i].digest, digest) == 0)
			return 1;
		known = 0;
	}
	return known;
}
