/* SPDX-License-Identifier: Apache-2.0 */
/* The graph of switches: whatever facts say of links, cards and networks, joining, walking and
 * drawing them ends, and what is drawn is text. A line is a record, its words are the fields. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/topology.h"

#define FIELDS 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int record(struct topology *t, char *f[FIELDS])
{
	static const char *const kinds[] = {"bridge",	   "veth", "vlan",  "tun",
					    "openvswitch", "bond", "vxlan", "macvtap"};
	unsigned bits = (unsigned)f[1][0];

	switch (f[0][0]) {
	case 'n':
		return topology_network_add(
			t, &(struct topology_network){f[1], f[2], f[3], f[4], f[5][0] & 1});
	case 'c':
		return topology_card_add(
			t, &(struct topology_card){bits & 1 ? TOPOLOGY_LIVE : TOPOLOGY_DEFINED,
						   f[2], f[3], f[4], f[5], f[6], f[7]});
	case 'r':
		return topology_redirect_add(t, f[1], f[2][0] ? f[2] : NULL, f[3]);
	case 's':
		return topology_netns_add(t, bits & 3, f[2], true);
	default:
		return topology_link_add(
			t,
			&(struct topology_link){.netns = bits & 1,
						.ifindex = (uint8_t)f[0][0],
						.lower_index = (uint8_t)f[2][0],
						.lower_netns = (int64_t)(bits >> 1 & 3) - 1,
						.name = f[3],
						.kind = f[4][0] > 'a' ? f[4] : kinds[f[4][0] & 7],
						.role = bits & 32 ? "physical" : "virtual",
						.master = f[5],
						.addresses = f[6],
						.ip_forward = bits & 8,
						.ip6_forward = bits & 16,
						.any_source = bits & 64,
						.no_carrier = bits & 4});
	}
}

static void build(struct topology *t, char *text)
{
	char none[] = "", *line;
	int rc = 0;

	while (rc == 0 && (line = rf_line_next(&text))) {
		char *f[FIELDS];

		for (size_t i = 0; i < FIELDS; i++) {
			char *word = line ? rf_word_next(&line) : NULL;

			f[i] = word ? word : none;
		}
		rc = record(t, f);
	}
	if (rc < 0 || topology_join(t) < 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	TOPOLOGY_AUTO struct topology t = {0};
	RF_AUTOBUF struct rf_buf svg = {0}, dot = {0}, text = {0};
	RF_AUTOFREE char *copy = size <= 4096 ? rf_strndup((const char *)data, size) : NULL;

	if (!copy)
		return 0;
	build(&t, copy);
	for (size_t i = 0; i < t.nodes_count; i++)
		t.nodes[i].closed = t.nodes[i].kind == TOPOLOGY_IS_SWITCH;
	if (topology_svg(&t, &svg) < 0 || topology_dot(&t, &dot) < 0 ||
	    topology_text(&t, &text) < 0)
		abort();
	if (!rf_utf8_valid(svg.data, svg.len) || !rf_utf8_valid(dot.data, dot.len))
		abort();
	return 0;
}
