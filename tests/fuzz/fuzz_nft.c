/* SPDX-License-Identifier: Apache-2.0 */
/* nf_tables' answers: the bytes as a dump, as the expressions of a rule and as elements of a set.
 */
#include <stddef.h>
#include <stdint.h>

#include "collect/netlink.h"
#include "collect/nft_rule.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool any_set(void *ctx, const char *set, size_t size_bytes, struct nft_set_view *out)
{
	const struct rf_slice *all = ctx;

	nft_set_read(*all, size_bytes, out);
	return set[0] != '_';
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rf_slice all = {data, size}, rest = all;
	struct nl_message message;
	struct nft_set_view view;
	struct nft_rule rule;

	nft_rule_read(all, any_set, &all, &rule);
	nft_set_read(all, 1, &view);
	while (nl_next(&rest, &message) > 0) {
		struct rf_slice a[16];

		nl_attrs(nl_behind(message.body, 4), a, 16);
		nft_rule_read(a[4], any_set, &a[4], &rule);
		nft_set_read(a[3], 2, &view);
	}
	return 0;
}
