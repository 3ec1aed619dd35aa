/* SPDX-License-Identifier: Apache-2.0 */
/* Builds netlink answers for directory hosts: messages one behind another, as sys_probe gives. */
#ifndef NETLINK_TEST_H
#define NETLINK_TEST_H

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>

#include "base/buf.h"
#include "facts_test.h"

#define BUILD_BYTES 65536

struct build {
	struct rf_buf answer;
	struct nlmsghdr *nlh; /* the message that is built now */
	char bytes[BUILD_BYTES] __attribute__((aligned(8)));
};

/* Begins a message with a fixed header of size bytes. */
static inline void *build_begin(struct build *b, uint16_t type, size_t size)
{
	memset(b->bytes, 0, sizeof(b->bytes));
	b->nlh = mnl_nlmsg_put_header(b->bytes);
	b->nlh->nlmsg_type = type;
	return mnl_nlmsg_put_extra_header(b->nlh, size);
}

static inline void build_end(struct build *b)
{
	assert_int_equal(rf_buf_add(&b->answer, b->nlh, (b->nlh->nlmsg_len + 3u) & ~3u), 0);
}

/* Writes DIR/path with its parent directories. */
static inline void host_bytes(struct test_host *h, const char *path, const void *data, size_t len)
{
	char full[512];

	host_file(h, path, "");
	snprintf(full, sizeof(full), "%s%s", h->dir, path);
	FILE *f = fopen(full, "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, len, f), len);
	fclose(f);
}

/* Makes the answer of a probe ("rtnl-link", "nft/rules") and begins anew. */
static inline void build_probe(struct build *b, struct test_host *h, const char *probe)
{
	char path[256];

	snprintf(path, sizeof(path), "/.ringfence/probe/%s", probe);
	host_bytes(h, path, b->answer.data ? (void *)b->answer.data : (void *)"", b->answer.len);
	rf_buf_done(&b->answer);
}

/* A symbolic link in the host. */
static inline void host_link(struct test_host *h, const char *path, const char *target)
{
	char full[512];

	host_file(h, path, "");
	snprintf(full, sizeof(full), "%s%s", h->dir, path);
	assert_int_equal(remove(full), 0);
	assert_int_equal(symlink(target, full), 0);
}

/* A link: RTM_NEWLINK that the caller ends. */
static inline void build_link(struct build *b, uint32_t ifindex, const char *name, uint32_t flags)
{
	static const uint8_t mac[6] = {2, 0, 0, 0, 0, 1};
	struct ifinfomsg *header = build_begin(b, RTM_NEWLINK, sizeof(*header));

	header->ifi_index = (int)ifindex;
	header->ifi_flags = flags;
	mnl_attr_put_strz(b->nlh, IFLA_IFNAME, name);
	mnl_attr_put(b->nlh, IFLA_ADDRESS, sizeof(mac), mac);
	mnl_attr_put_u32(b->nlh, IFLA_MTU, 1500);
	mnl_attr_put_u32(b->nlh, IFLA_PROMISCUITY, 0);
	mnl_attr_put_u8(b->nlh, IFLA_CARRIER, 1);
}

static inline void build_kind(struct build *b, const char *kind)
{
	struct nlattr *info = mnl_attr_nest_start(b->nlh, IFLA_LINKINFO);

	mnl_attr_put_strz(b->nlh, IFLA_INFO_KIND, kind);
	mnl_attr_nest_end(b->nlh, info);
}

#endif
