/* SPDX-License-Identifier: Apache-2.0 */
/* The host's gateway and its visitors against MAC addresses. See access.h. */
#include "isolate/access.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

#define MAX_WORDS	12
#define TCP_ESTABLISHED 1
#define SSH_PORT	22
#define RTF_UP_GATEWAY	0x3

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
static bool is_gateway(const char *route, uint32_t address)
{
	RF_AUTOFREE char *copy = rf_strdup(route);
	char *cursor = copy, *line, *words[MAX_WORDS];
	int64_t target, gateway, flags;

	while (copy && (line = rf_line_next(&cursor))) {
		if (split(line, words) < 4 || !hex(words[1], &target) || !hex(words[2], &gateway) ||
		    !hex(words[3], &flags))
			continue;
		if (target == 0 && (flags & RTF_UP_GATEWAY) == RTF_UP_GATEWAY &&
		    (uint32_t)gateway == address)
			return true;
	}
	return false;
}

/* sl local_address rem_address st: "0100007F:0016" */
static bool is_visitor(const char *tcp, uint32_t address)
{
	RF_AUTOFREE char *copy = rf_strdup(tcp);
	char *cursor = copy, *line, *words[MAX_WORDS];
	int64_t port, peer, state;

	while (copy && (line = rf_line_next(&cursor))) {
		if (split(line, words) < 4)
			continue;
		char *local = strchr(words[1], ':'), *remote = strchr(words[2], ':');

		if (!local || !remote)
			continue;
		*remote = '\0';
		if (hex(local + 1, &port) && hex(words[2], &peer) && hex(words[3], &state) &&
		    port == SSH_PORT && state == TCP_ESTABLISHED && (uint32_t)peer == address)
			return true;
	}
	return false;
}

bool access_leads_through(const struct access_files *files, const char *mac, struct rf_buf *out)
{
	RF_AUTOFREE char *copy = rf_strdup(files->arp);
	char *cursor = copy, *line, *words[MAX_WORDS];
	struct in_addr address;

	/* IP address, HW type, Flags, HW address, Mask, Device */
	while (copy && (line = rf_line_next(&cursor))) {
		if (split(line, words) < 6 || !rf_equal_nocase(words[3], mac) ||
		    inet_pton(AF_INET, words[0], &address) != 1)
			continue;
		if (is_gateway(files->route, address.s_addr)) {
			rf_buf_printf(out, "it is this host's default gateway (%s)", words[0]);
			return true;
		}
		if (is_visitor(files->tcp, address.s_addr)) {
			rf_buf_printf(out, "somebody is logged in here from it (SSH from %s)",
				      words[0]);
			return true;
		}
	}
	return false;
}
