/* SPDX-License-Identifier: Apache-2.0 */
/* Netlink answers about links, addresses and sockets, and rules of the audit system. */
#include <stddef.h>
#include <stdint.h>

#include "collect/audit_rules.h"
#include "collect/listeners.h"
#include "collect/netlink.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct net_links links = {0};
	struct audit_rule_view rule;
	struct rf_slice rest = {data, size};
	struct nl_message message;

	if (rf_buf_add(&links.raw, data, size) == 0 && net_links_parse(&links) == 0) {
		for (size_t i = 0; i < links.count; i++)
			(void)net_link_name(&links, links.links[i].master);
	}
	net_links_done(&links);
	while (nl_next(&rest, &message) > 0) {
		struct listener_socket socket;
		struct net_address address;

		if (net_address_parse(&message, &address))
			(void)net_address_is_link_local(&address);
		(void)listener_parse(&message, &socket);
		(void)audit_rule_parse_kernel(message.body, &rule);
		audit_rule_done(&rule);
	}
	return 0;
}
