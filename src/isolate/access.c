/* SPDX-License-Identifier: Apache-2.0 */
/* The host's gateways and its visitors against MAC addresses. See access.h. */
#include "isolate/access.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/guard/internal.h"

#define MAX_WORDS	12
#define TCP_ESTABLISHED 1
#define SSH_PORT	22
#define RTF_UP_GATEWAY	0x3
#define REQUEST_BYTES	256

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

/* ---- the kernel's neighbours ---- */

static void v4_put(uint8_t out[16], const void *address)
{
	memcpy(out, mapped, sizeof(mapped));
	memcpy(out + sizeof(mapped), address, 4);
}

struct neighbour {
	int family;
	bool has_address, has_mac;
	struct access_neighbour one;
};

static int attr_take(const struct nlattr *attr, void *arg)
{
	struct neighbour *n = arg;
	uint16_t type = mnl_attr_get_type(attr), len = mnl_attr_get_payload_len(attr);
	const void *data = mnl_attr_get_payload(attr);

	if (type == NDA_DST && n->family == AF_INET && len == 4) {
		v4_put(n->one.address, data);
		n->has_address = true;
	} else if (type == NDA_DST && n->family == AF_INET6 && len == sizeof(n->one.address)) {
		memcpy(n->one.address, data, len);
		n->has_address = true;
	} else if (type == NDA_LLADDR && len == sizeof(n->one.mac)) {
		memcpy(n->one.mac, data, len);
		n->has_mac = true;
	}
	return MNL_CB_OK;
}

static int neighbour_take(const struct nlmsghdr *answer, void *arg)
{
	const struct ndmsg *head = mnl_nlmsg_get_payload(answer);
	struct neighbour n = {.has_address = false};

	if (answer->nlmsg_type != RTM_NEWNEIGH || mnl_nlmsg_get_payload_len(answer) < sizeof(*head))
		return MNL_CB_OK;
	n.family = head->ndm_family;
	if (mnl_attr_parse(answer, sizeof(*head), attr_take, &n) < 0 || !n.has_address ||
	    !n.has_mac)
		return MNL_CB_OK;
	return rf_buf_add(arg, &n.one, sizeof(n.one)) == 0 ? MNL_CB_OK : MNL_CB_ERROR;
}

int access_neighbours(struct rf_buf *out, struct rf_err *err)
{
	char buffer[REQUEST_BYTES] = {0};
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);

	request->nlmsg_type = RTM_GETNEIGH;
	request->nlmsg_flags = NLM_F_DUMP;
	mnl_nlmsg_put_extra_header(request, sizeof(struct ndmsg));
	int rc = guard_nl_talk(request, neighbour_take, out);

	return rc || out->failed ? rf_fail(err, rc ? rc : -ENOMEM, "the host's neighbours: %s",
					   rf_code_text(rc ? rc : -ENOMEM))
				 : 0;
}

/* ---- texts of /proc ---- */

/* The words of a line; how many. */
static size_t split(char *line, char *words[MAX_WORDS])
{
	size_t n = 0;
	char *word;

	while (n < MAX_WORDS && (word = rf_word_next(&line)))
		words[n++] = word;
	return n;
}

static bool hex(const char *text, int64_t *out)
{
	return rf_num(text, 16, 0, UINT32_MAX, out) == 0;
}

/* Iface Destination Gateway Flags: addresses as they lie in memory. */
static bool gateway_v4(char *words[MAX_WORDS], size_t count, const uint8_t address[16])
{
	int64_t target, gateway, flags;
	uint32_t word;

	if (count < 4 || !hex(words[1], &target) || !hex(words[2], &gateway) ||
	    !hex(words[3], &flags))
		return false;
	word = (uint32_t)gateway;
	return target == 0 && (flags & RTF_UP_GATEWAY) == RTF_UP_GATEWAY &&
	       memcmp(address, mapped, sizeof(mapped)) == 0 &&
	       memcmp(address + sizeof(mapped), &word, 4) == 0;
}

static bool address_read(const char *text, uint8_t out[16])
{
	size_t len = 0;

	return strlen(text) == 32 && rf_hex_decode(text, out, 16, &len) == 0 && len == 16;
}

/* Destination bits Source bits Gateway Metric Refs Use Flags Iface: in network order. */
static bool gateway_v6(char *words[MAX_WORDS], size_t count, const uint8_t address[16])
{
	static const uint8_t any[16];
	uint8_t target[16], gateway[16];
	int64_t bits, flags;

	return count >= 9 && address_read(words[0], target) && hex(words[1], &bits) &&
	       address_read(words[4], gateway) && hex(words[8], &flags) && bits == 0 &&
	       memcmp(target, any, sizeof(any)) == 0 &&
	       (flags & RTF_UP_GATEWAY) == RTF_UP_GATEWAY &&
	       memcmp(gateway, address, sizeof(gateway)) == 0;
}

/* "0100007F:0016", or four such words: each as it lies in memory. */
static bool endpoint_read(const char *text, uint8_t out[16], int64_t *out_port)
{
	const char *colon = strchr(text, ':');
	size_t digits = colon ? (size_t)(colon - text) : 0;
	char word[9] = {0};
	uint32_t words[4] = {0};
	int64_t n;

	if ((digits != 8 && digits != 32) || !hex(colon + 1, out_port))
		return false;
	for (size_t i = 0; i < digits / 8; i++) {
		memcpy(word, text + i * 8, 8);
		if (!hex(word, &n))
			return false;
		words[i] = (uint32_t)n;
	}
	if (digits == 8)
		v4_put(out, words);
	else
		memcpy(out, words, 16);
	return true;
}

/* sl local_address rem_address st */
static bool visitor(char *words[MAX_WORDS], size_t count, const uint8_t address[16])
{
	uint8_t local[16], remote[16];
	int64_t port, other, state;

	return count >= 4 && endpoint_read(words[1], local, &port) &&
	       endpoint_read(words[2], remote, &other) && hex(words[3], &state) &&
	       port == SSH_PORT && state == TCP_ESTABLISHED &&
	       memcmp(remote, address, sizeof(remote)) == 0;
}

/* Whether a line of the text says so of the address. */
static bool any_line(const char *text,
		     bool (*says)(char *words[MAX_WORDS], size_t count, const uint8_t address[16]),
		     const uint8_t address[16])
{
	RF_AUTOFREE char *copy = rf_strdup(text);
	char *cursor = copy, *line, *words[MAX_WORDS];

	while (copy && (line = rf_line_next(&cursor))) {
		size_t count = split(line, words);

		if (says(words, count, address))
			return true;
	}
	return false;
}

static void address_words(const uint8_t address[16], char out[INET6_ADDRSTRLEN])
{
	bool v4 = memcmp(address, mapped, sizeof(mapped)) == 0;

	if (!inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? address + sizeof(mapped) : address, out,
		       INET6_ADDRSTRLEN))
		rf_copy(out, INET6_ADDRSTRLEN, "?");
}

bool access_leads_through(const struct access_files *files, const uint8_t mac[6],
			  struct rf_buf *out)
{
	for (size_t i = 0; i < files->neighbours_count; i++) {
		const struct access_neighbour *n = &files->neighbours[i];
		char words[INET6_ADDRSTRLEN];

		if (memcmp(n->mac, mac, sizeof(n->mac)) != 0)
			continue;
		address_words(n->address, words);
		if (any_line(files->route, gateway_v4, n->address) ||
		    any_line(files->route6, gateway_v6, n->address)) {
			rf_buf_printf(out, "it is this host's default gateway (%s)", words);
			return true;
		}
		if (any_line(files->tcp, visitor, n->address) ||
		    any_line(files->tcp6, visitor, n->address)) {
			rf_buf_printf(out, "somebody is logged in here from it (SSH from %s)",
				      words);
			return true;
		}
	}
	return false;
}
