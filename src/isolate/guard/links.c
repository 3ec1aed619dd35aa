/* SPDX-License-Identifier: Apache-2.0 */
/* The links of this host as the guard sees them. Source: rtnetlink(7), linux/if_link.h. */
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/guard/internal.h"

#define NOTICE_BYTES (32u << 10)

static void text_take(const struct nlattr *attr, char *out, size_t size)
{
	if (mnl_attr_validate(attr, MNL_TYPE_STRING) >= 0)
		(void)rf_format(out, size, "%.*s", (int)mnl_attr_get_payload_len(attr),
				mnl_attr_get_str(attr));
}

static int info_take(const struct nlattr *attr, void *arg)
{
	struct guard_link *link = arg;

	if (mnl_attr_get_type(attr) == IFLA_INFO_KIND)
		text_take(attr, link->kind, sizeof(link->kind));
	if (mnl_attr_get_type(attr) == IFLA_INFO_SLAVE_KIND)
		text_take(attr, link->port_of, sizeof(link->port_of));
	return MNL_CB_OK;
}

static int attribute_take(const struct nlattr *attr, void *arg)
{
	struct guard_link *link = arg;

	switch (mnl_attr_get_type(attr)) {
	case IFLA_MASTER:
		link->master = mnl_attr_get_payload_len(attr) == 4 ? mnl_attr_get_u32(attr) : 0;
		break;
	case IFLA_IFNAME:
		text_take(attr, link->name, sizeof(link->name));
		break;
	case IFLA_ADDRESS:
		if (mnl_attr_get_payload_len(attr) == sizeof(link->mac))
			memcpy(link->mac, mnl_attr_get_payload(attr), sizeof(link->mac));
		break;
	case IFLA_LINKINFO:
		return mnl_attr_parse_nested(attr, info_take, arg);
	default:
		break;
	}
	return MNL_CB_OK;
}

bool guard_link_parse(const struct nlmsghdr *message, struct guard_link *out)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(message);

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*info))
		return false;
	/* The bridge tells of its ports in a family of its own; the link itself is told too. */
	if (info->ifi_family != AF_UNSPEC)
		return false;
	*out = (struct guard_link){.ifindex = (uint32_t)info->ifi_index};
	(void)mnl_attr_parse(message, sizeof(*info), attribute_take, out);
	return true;
}

bool guard_link_is_vm(const struct guard_link *link)
{
	return strcmp(link->kind, "tun") == 0 || strcmp(link->kind, "veth") == 0;
}

bool guard_link_is_port(const struct guard_link *link)
{
	return strcmp(link->port_of, "bridge") == 0 || strcmp(link->port_of, "openvswitch") == 0;
}

bool guard_link_is_bridge(const struct guard_link *link)
{
	return strcmp(link->kind, "bridge") == 0;
}

static int link_take(const struct nlmsghdr *answer, void *arg)
{
	struct guard_links *links = arg;
	struct guard_link link;

	if (answer->nlmsg_type != RTM_NEWLINK || !guard_link_parse(answer, &link))
		return MNL_CB_OK;
	if (rf_grow((void **)&links->items, &links->capacity, links->count + 1,
		    sizeof(*links->items)) < 0) {
		errno = ENOMEM;
		return MNL_CB_ERROR;
	}
	links->items[links->count++] = link;
	return MNL_CB_OK;
}

static struct nlmsghdr *question(char *buffer)
{
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);

	request->nlmsg_type = RTM_GETLINK;
	mnl_nlmsg_put_extra_header(request, sizeof(struct ifinfomsg));
	return request;
}

int guard_links_read(struct guard_links *out, struct rf_err *err)
{
	char buffer[256] = {0};
	struct guard_links links = {.count = 0};
	struct nlmsghdr *request = question(buffer);

	request->nlmsg_flags = NLM_F_DUMP;

	int rc = guard_nl_talk(request, link_take, &links);

	if (rc) {
		guard_links_done(&links);
		return rf_fail(err, rc, "the links cannot be listed: %s", rf_code_text(rc));
	}
	*out = links;
	return 0;
}

int guard_link_read(const char *name, struct guard_link *out, struct rf_err *err)
{
	char buffer[256] = {0};
	struct nlmsghdr *request = question(buffer);
	struct guard_links links = {.count = 0};

	mnl_attr_put_strz(request, IFLA_IFNAME, name);

	int rc = guard_nl_talk(request, link_take, &links);

	if (rc == -ENODEV || (rc == 0 && !links.count))
		rc = rf_fail(err, RF_E_MISSING,
			     "there is no link %s: the VM is off, or its port was renamed", name);
	else if (rc)
		rc = rf_fail(err, rc, "%s: %s", name, rf_code_text(rc));
	else
		*out = links.items[0];
	guard_links_done(&links);
	return rc;
}

bool guard_link_named(uint32_t ifindex, char out[16])
{
	char buffer[256] = {0};
	struct nlmsghdr *request = question(buffer);
	struct ifinfomsg *info = mnl_nlmsg_get_payload(request);
	struct guard_links links = {.count = 0};

	info->ifi_index = (int)ifindex;

	bool there = guard_nl_talk(request, link_take, &links) == 0 && links.count;

	if (there)
		(void)rf_copy(out, 16, links.items[0].name);
	guard_links_done(&links);
	return there;
}

uint32_t guard_link_index(const char *name)
{
	struct guard_link link;

	return guard_link_read(name, &link, NULL) == 0 ? link.ifindex : 0;
}

const struct guard_link *guard_links_find(const struct guard_links *links, uint32_t ifindex)
{
	for (size_t i = 0; ifindex && i < links->count; i++) {
		if (links->items[i].ifindex == ifindex)
			return &links->items[i];
	}
	return NULL;
}

void guard_links_done(struct guard_links *links)
{
	rf_free(links->items);
	memset(links, 0, sizeof(*links));
}

int guard_names_watch(void)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	int fd = nl ? fcntl(mnl_socket_get_fd(nl), F_DUPFD_CLOEXEC, 3) : -1;

	if (fd >= 0 && mnl_socket_bind(nl, RTMGRP_LINK, MNL_SOCKET_AUTOPID) < 0) {
		close(fd);
		fd = -1;
	}
	if (nl)
		mnl_socket_close(nl);
	return fd;
}

/* A notice of links is one message. */
bool guard_names_next(int fd, struct guard_link *out, bool *out_lost)
{
	char notice[NOTICE_BYTES] __attribute__((aligned(8)));

	for (;;) {
		ssize_t n = recv(fd, notice, sizeof(notice), MSG_DONTWAIT);
		const struct nlmsghdr *m = (const struct nlmsghdr *)notice;

		/* More than could be kept. */
		if (n < 0 && errno == ENOBUFS)
			*out_lost = true;
		else if (n < 0 && errno != EINTR)
			return false;
		if (n > 0 && mnl_nlmsg_ok(m, (int)n) && m->nlmsg_type == RTM_NEWLINK &&
		    guard_link_parse(m, out))
			return true;
	}
}
