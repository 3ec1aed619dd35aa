/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which addresses a webhook is not sent to unless the site allows them: whoever may name a URL, or
 * answers for its name in the DNS, must not reach by us what only this machine can reach. RFC 6890
 * has the registry of special addresses; private networks are where receivers usually are.
 */
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "outbox/parts.h"

struct range {
	uint8_t bytes[16];
	unsigned bits;
	const char *why;
};

static const struct range v4[] = {
	{{0}, 8, "it means this machine"},
	{{127}, 8, "it is this machine"},
	{{169, 254}, 16, "it is of the link, where a cloud keeps secrets"},
	{{224}, 4, "it is of many machines"},
	{{240}, 4, "it is of none"},
};
static const struct range v6[] = {
	{{0}, 127, "it is this machine"}, /* :: and ::1 */
	{{0xfe, 0x80}, 10, "it is of the link"},
	{{0xff}, 8, "it is of many machines"},
	{{0xfd, 0x00, 0x0e, 0xc2}, 32, "a cloud keeps secrets there"},
};

static const struct in6_addr *in6(const struct sockaddr *address)
{
	return &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
}

/* The bytes of an address; of IPv4 mapped into IPv6 (RFC 4291 2.5.5.2), compatible with it, or
 * reached by NAT64 (RFC 6052) those of IPv4. Their number; 0 for another family. */
static size_t bytes_of(const struct sockaddr *address, uint8_t out[16])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	static const uint8_t nat64[12] = {0x00, 0x64, 0xff, 0x9b};

	if (address->sa_family == AF_INET) {
		memcpy(out, &((const struct sockaddr_in *)(const void *)address)->sin_addr, 4);
		return 4;
	}
	if (address->sa_family != AF_INET6)
		return 0;
	const uint8_t *bytes = in6(address)->s6_addr;

	if (memcmp(bytes, mapped, 12) == 0 || memcmp(bytes, nat64, 12) == 0) {
		memcpy(out, bytes + 12, 4);
		return 4;
	}
	memcpy(out, bytes, 16);
	return 16;
}

static bool in_range(const uint8_t *bytes, const struct range *range)
{
	unsigned whole = range->bits / 8, rest = range->bits % 8;

	return memcmp(bytes, range->bytes, whole) == 0 &&
	       (rest == 0 || ((bytes[whole] ^ range->bytes[whole]) >> (8 - rest)) == 0);
}

const char *outbox_address_refused(const struct sockaddr *address, const struct ifaddrs *own)
{
	uint8_t bytes[16], other[16];
	size_t len = bytes_of(address, bytes);
	const struct range *ranges = len == 4 ? v4 : v6;
	size_t count = len == 4 ? RF_COUNT(v4) : RF_COUNT(v6);

	if (len == 0)
		return "it is neither of IPv4 nor of IPv6";
	for (size_t i = 0; i < count; i++) {
		if (in_range(bytes, &ranges[i]))
			return ranges[i].why;
	}
	for (; own; own = own->ifa_next) {
		if (own->ifa_addr && bytes_of(own->ifa_addr, other) == len &&
		    memcmp(bytes, other, len) == 0)
			return "it is this machine's own";
	}
	return "";
}

bool outbox_address_is(const char *text, const struct sockaddr *address)
{
	uint8_t bytes[16], wanted[16];
	size_t len = bytes_of(address, bytes);
	int family = len == 4 ? AF_INET : AF_INET6;

	return len > 0 && inet_pton(family, text, wanted) == 1 && memcmp(bytes, wanted, len) == 0;
}
