/* SPDX-License-Identifier: Apache-2.0 */
/* The administrator's own way to this host. See ownway.h. */
#include "isolate/ownway.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

#define SSH_PORT	22
#define TCP_ESTABLISHED 1
#define ROUTE_UP	1
#define FIELDS		12
#define PEERS_MAX	64

/* An address of either family; IPv4 in the last four bytes, the rest as ::ffff:0:0/96. */
struct peer {
	uint8_t bytes[16];
	bool v4;
};

struct finder {
	const struct ownway_facts *facts;
	const struct guard_links *links;
	struct ownway *out;
	struct peer peers[PEERS_MAX];
	size_t peers_count;
};

bool ownway_has(const struct ownway *path, const char *link)
{
	for (size_t i = 0; i < path->count; i++) {
		if (strcmp(path->links[i], link) == 0)
			return true;
	}
	return false;
}

static void link_add(struct ownway *out, const char *name)
{
	if (out->count < OWNWAY_LINKS && !ownway_has(out, name) &&
	    rf_copy(out->links[out->count], sizeof(out->links[0]), name))
		out->count++;
}

/* Words of a line; returns how many. */
static size_t fields_split(char *line, char *fields[FIELDS])
{
	size_t count = 0;

	for (char *p = line; *p && count < FIELDS;) {
		p += strspn(p, " \t");
		if (!*p)
			break;
		fields[count++] = p;
		p += strcspn(p, " \t");
		if (*p)
			*p++ = '\0';
	}
	return count;
}

/* The next line, cut into words; false at the end. */
static bool fields_next(struct rf_slice *rest, char *line, size_t size, char *fields[FIELDS],
			size_t *count)
{
	const uint8_t *end = rest->len ? memchr(rest->data, '\n', rest->len) : NULL;
	size_t len = end ? (size_t)(end - rest->data) : rest->len;

	if (!rest->len)
		return false;
	size_t kept = len < size - 1 ? len : size - 1;

	memcpy(line, rest->data, kept);
	line[kept] = '\0';
	*rest = (struct rf_slice){rest->data + len + (end != NULL),
				  rest->len - len - (end != NULL)};
	*count = fields_split(line, fields);
	return true;
}

static bool hex_number(const char *text, uint32_t *out)
{
	int64_t n;

	if (rf_num(text, 16, 0, UINT32_MAX, &n) < 0)
		return false;
	*out = (uint32_t)n;
	return true;
}

static void peer_v4(struct peer *out, const void *address)
{
	*out = (struct peer){.v4 = true};
	out->bytes[10] = out->bytes[11] = 0xff;
	memcpy(out->bytes + 12, address, 4);
}

static void peer_add(struct finder *f, struct peer peer)
{
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

	peer.v4 = memcmp(peer.bytes, mapped, sizeof(mapped)) == 0;
	if (f->peers_count < PEERS_MAX)
		f->peers[f->peers_count++] = peer;
}

static void ssh_peer(struct finder *f, uint32_t *out_port)
{
	char line[256], *fields[FIELDS];
	struct peer peer = {.v4 = false};
	uint8_t v4[4];
	int64_t port;

	if (!rf_copy(line, sizeof(line), f->facts->ssh_connection))
		return;
	size_t count = fields_split(line, fields);

	if (count < 4)
		return;
	if (rf_num(fields[3], 10, 1, 65535, &port) == 0)
		*out_port = (uint32_t)port;
	fields[0][strcspn(fields[0], "%")] = '\0';
	if (inet_pton(AF_INET, fields[0], v4) == 1)
		peer_v4(&peer, v4);
	else if (inet_pton(AF_INET6, fields[0], peer.bytes) != 1)
		return;
	peer_add(f, peer);
}

/* "0100007F:0016": words of four bytes as the host has them, and a port. */
static bool endpoint_read(const char *text, struct peer *out, uint32_t *out_port)
{
	const char *colon = strchr(text, ':');
	size_t digits = colon ? (size_t)(colon - text) : 0;
	uint32_t words[4] = {0};
	char word[9] = {0};

	if ((digits != 8 && digits != 32) || !hex_number(colon + 1, out_port))
		return false;
	for (size_t i = 0; i < digits / 8; i++) {
		memcpy(word, text + i * 8, 8);
		if (!hex_number(word, &words[i]))
			return false;
	}
	if (digits == 8)
		peer_v4(out, words);
	else
		memcpy(out->bytes, words, sizeof(out->bytes));
	return true;
}

static void connections_read(struct finder *f, struct rf_slice text, uint32_t ssh_port)
{
	char line[256], *fields[FIELDS];
	size_t count;

	while (fields_next(&text, line, sizeof(line), fields, &count)) {
		struct peer local = {.v4 = false}, remote = {.v4 = false};
		uint32_t port = 0, other = 0, state = 0;

		if (count >= 4 && endpoint_read(fields[1], &local, &port) &&
		    endpoint_read(fields[2], &remote, &other) && hex_number(fields[3], &state) &&
		    state == TCP_ESTABLISHED && (port == ssh_port || port == SSH_PORT))
			peer_add(f, remote);
	}
}

/* ---- routes ---- */

/* The link of the longest prefix that holds an address, and the next hop (0: the address itself).
 * to NULL: the default route. */
struct way {
	char link[16];
	uint32_t hop;
	int bits;
	uint32_t metric;
};

static bool better(const struct way *old, int bits, uint32_t metric)
{
	return bits > old->bits || (bits == old->bits && metric < old->metric);
}

static void way_v4(const struct finder *f, const struct peer *to, struct way *out)
{
	struct rf_slice text = f->facts->routes;
	char line[256], *fields[FIELDS];
	size_t count;
	uint32_t address = 0;

	if (to)
		memcpy(&address, to->bytes + 12, 4);
	while (fields_next(&text, line, sizeof(line), fields, &count)) {
		uint32_t net, hop, flags, metric, mask;
		int64_t n = 0;

		if (count < 8 || !hex_number(fields[1], &net) || !hex_number(fields[2], &hop) ||
		    !hex_number(fields[3], &flags) ||
		    rf_num(fields[6], 10, 0, UINT32_MAX, &n) < 0 || !hex_number(fields[7], &mask))
			continue;
		metric = (uint32_t)n;
		if (!(flags & ROUTE_UP) || (to ? (address & mask) != net : mask != 0) ||
		    !better(out, __builtin_popcount(mask), metric))
			continue;
		*out = (struct way){.hop = hop, .bits = __builtin_popcount(mask), .metric = metric};
		rf_copy(out->link, sizeof(out->link), fields[0]);
	}
}

static bool prefix_holds(const uint8_t *net, const uint8_t *address, int bits)
{
	for (int i = 0; i < bits; i++) {
		if ((net[i / 8] ^ address[i / 8]) >> (7 - i % 8) & 1)
			return false;
	}
	return true;
}

static void way_v6(const struct finder *f, const struct peer *to, struct way *out)
{
	struct rf_slice text = f->facts->routes6;
	char line[256], *fields[FIELDS];
	size_t count;

	while (fields_next(&text, line, sizeof(line), fields, &count)) {
		uint8_t net[16];
		uint32_t bits, metric, flags;
		size_t len = 0;

		if (count < 10 || strlen(fields[0]) != 32 ||
		    rf_hex_decode(fields[0], net, sizeof(net), &len) < 0 || len != sizeof(net) ||
		    !hex_number(fields[1], &bits) || bits > 128 ||
		    !hex_number(fields[5], &metric) || !hex_number(fields[8], &flags))
			continue;
		if (!(flags & ROUTE_UP) || strcmp(fields[9], "lo") == 0 ||
		    (to ? !prefix_holds(net, to->bytes, (int)bits) : bits != 0) ||
		    !better(out, (int)bits, metric))
			continue;
		*out = (struct way){.bits = (int)bits, .metric = metric};
		rf_copy(out->link, sizeof(out->link), fields[9]);
	}
}

/* ---- from a link to all that its frames pass ---- */

static const struct guard_link *link_named(const struct guard_links *links, const char *name)
{
	for (size_t i = 0; i < links->count; i++) {
		if (strcmp(links->items[i].name, name) == 0)
			return &links->items[i];
	}
	return NULL;
}

/* The MAC address of the next hop; false where nobody knows. */
static bool hop_mac(const struct finder *f, uint32_t hop, uint8_t out[6])
{
	struct rf_slice text = f->facts->neighbours;
	char line[256], *fields[FIELDS];
	size_t count;

	while (fields_next(&text, line, sizeof(line), fields, &count)) {
		uint32_t address;

		if (count >= 4 && inet_pton(AF_INET, fields[0], &address) == 1 && address == hop)
			return guard_mac_parse(fields[3], out) == 0;
	}
	return false;
}

/* A tap has the VM's address with another first byte. */
static bool mac_behind(const struct guard_link *link, const uint8_t mac[6])
{
	return memcmp(link->mac + 1, mac + 1, 5) == 0;
}

static void bridge_add(struct finder *f, const struct guard_link *bridge, const uint8_t *mac)
{
	f->out->by_bridge = true;
	link_add(f->out, bridge->name);
	for (size_t i = 0; i < f->links->count; i++) {
		const struct guard_link *port = &f->links->items[i];

		if (port->master != bridge->ifindex)
			continue;
		/* A VM's port only where the way may lead through that VM. */
		if (!guard_link_is_vm(port) || !mac || mac_behind(port, mac))
			link_add(f->out, port->name);
	}
}

static void way_add(struct finder *f, const struct way *way, uint32_t peer)
{
	const struct guard_link *link = link_named(f->links, way->link);
	const struct guard_link *master;
	uint8_t mac[6];
	uint32_t hop = way->hop ? way->hop : peer;
	bool known = hop && hop_mac(f, hop, mac);

	if (way->bits < 0 || !way->link[0] || strcmp(way->link, "lo") == 0)
		return;
	link_add(f->out, way->link);
	if (!link)
		return;
	master = guard_links_find(f->links, link->master);
	if (guard_link_is_bridge(link))
		bridge_add(f, link, known ? mac : NULL);
	else if (master && guard_link_is_bridge(master))
		bridge_add(f, master, known ? mac : NULL);
	/* A VLAN of a bridge is named after it. */
	for (size_t i = 0; strcmp(link->kind, "vlan") == 0 && i < f->links->count; i++) {
		if (guard_link_is_bridge(&f->links->items[i]))
			bridge_add(f, &f->links->items[i], known ? mac : NULL);
	}
}

void ownway_find(const struct ownway_facts *facts, const struct guard_links *links,
		 struct ownway *out)
{
	struct finder f = {.facts = facts, .links = links, .out = out};
	uint32_t port = SSH_PORT, hop;

	*out = (struct ownway){.count = 0};
	ssh_peer(&f, &port);
	connections_read(&f, facts->tcp, port);
	connections_read(&f, facts->tcp6, port);
	for (size_t i = 0; i <= f.peers_count; i++) {
		const struct peer *to = i < f.peers_count ? &f.peers[i] : NULL;
		struct way v4 = {.bits = -1}, v6 = {.bits = -1};

		hop = 0;
		if (to && to->v4)
			memcpy(&hop, to->bytes + 12, 4);
		if (!to || to->v4)
			way_v4(&f, to, &v4);
		if (!to || !to->v4)
			way_v6(&f, to, &v6);
		way_add(&f, &v4, hop);
		way_add(&f, &v6, 0);
	}
}
