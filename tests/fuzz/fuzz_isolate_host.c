/* SPDX-License-Identifier: Apache-2.0 */
/* What isolate reads of a host: the kept policy, and the texts that the administrator's own way is
 * found in. The first byte picks. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "fuzz_rest.h"
#include "isolate/applied.h"
#include "isolate/guard/watch.h"
#include "isolate/ownway.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct policy_numbers numbers;

static void kept(struct rf_slice bytes)
{
	RF_AUTOBUF struct rf_buf again = {0};
	struct rf_slice yaml;

	if (applied_decode(bytes, &numbers, &yaml, NULL) < 0 || bytes.len == 0)
		return;
	/* What is taken is what would be written, but for zeros in front of a number. */
	if (applied_encode(&numbers, yaml, &again) < 0 || again.len > bytes.len)
		abort();
}

static void way(struct rf_slice text)
{
	static struct guard_link items[] = {
		{.ifindex = 1, .name = "br0", .kind = "bridge"},
		{.ifindex = 2, .name = "vnet0", .kind = "tun", .master = 1, .port_of = "bridge"},
		{.ifindex = 3, .name = "v7", .kind = "vlan"},
	};
	static const struct guard_links links = {items, RF_COUNT(items), 0};
	RF_AUTOFREE char *ssh = rf_strndup((const char *)text.data, text.len);
	const struct ownway_facts facts = {.ssh_connection = ssh ? ssh : "",
					   .tcp = text,
					   .tcp6 = text,
					   .routes = text,
					   .routes6 = text,
					   .neighbours = text};
	struct ownway out;

	ownway_find(&facts, &links, &out);
	if (out.count > OWNWAY_LINKS)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	RF_AUTOFREE uint8_t *copy = fuzz_rest(data, size);

	if (!copy)
		return 0;
	if (data[0] & 1)
		kept((struct rf_slice){copy, size - 1});
	else
		way((struct rf_slice){copy, size - 1});
	return 0;
}
