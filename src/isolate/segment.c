/* SPDX-License-Identifier: Apache-2.0 */
/* The bridge of a VM in quarantine, by rtnetlink(7). See segment.h. */
#include "isolate/segment.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/guard/internal.h"

#define OWNER_PREFIX  "ringfence quarantine of "
#define SEGMENTS_MAX  64
#define WAIT_STEP_NS  100000
#define WAITS_PER_MS  10
#define REQUEST_BYTES 512
#define MAKE_TRIES    16
/* The group of links (netdevice(7)) of a segment that has no owner yet: the kernel takes no alias
 * when a link is made, but a group. It is left in the same request that names the owner, and the
 * kernel removes a group at one blow: so whoever tidies up never removes one that has an owner, and
 * who lost one before it had notices. "RFQ" and a byte. */
#define UNFINISHED 0x52465101u

void segment_name(const uint8_t mac[6], char out[IFNAMSIZ])
{
	(void)rf_format(out, IFNAMSIZ, SEGMENT_PREFIX "%02x%02x%02x%02x%02x%02x", mac[0], mac[1],
			mac[2], mac[3], mac[4], mac[5]);
}

bool segment_is_name(const char *name)
{
	return rf_starts(name, SEGMENT_PREFIX) && strspn(name + 3, "0123456789abcdef") == 12 &&
	       !name[15];
}

/* ---- asking ---- */

static int info_take(const struct nlattr *attr, void *arg)
{
	struct segment_link *link = arg;

	if (mnl_attr_get_type(attr) == IFLA_INFO_KIND &&
	    mnl_attr_validate(attr, MNL_TYPE_STRING) >= 0)
		link->bridge = strncmp(mnl_attr_get_str(attr), "bridge", 7) == 0;
	return MNL_CB_OK;
}

static int attr_take(const struct nlattr *attr, void *arg)
{
	struct segment_link *link = arg;
	uint16_t type = mnl_attr_get_type(attr);

	if (type == IFLA_IFNAME && mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
		rf_copy(link->name, sizeof(link->name), mnl_attr_get_str(attr));
	if (type == IFLA_IFALIAS && mnl_attr_get_payload_len(attr) < sizeof(link->owner))
		rf_format(link->owner, sizeof(link->owner), "%.*s",
			  (int)mnl_attr_get_payload_len(attr),
			  (const char *)mnl_attr_get_payload(attr));
	if (type == IFLA_MASTER && mnl_attr_validate(attr, MNL_TYPE_U32) >= 0)
		link->master = mnl_attr_get_u32(attr);
	if (type == IFLA_PROMISCUITY && mnl_attr_validate(attr, MNL_TYPE_U32) >= 0)
		link->listeners = mnl_attr_get_u32(attr);
	if (type == IFLA_LINKINFO)
		(void)mnl_attr_parse_nested(attr, info_take, arg);
	return MNL_CB_OK;
}

static int link_read(const struct nlmsghdr *answer, struct segment_link *out)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(answer);

	if (answer->nlmsg_type != RTM_NEWLINK || mnl_nlmsg_get_payload_len(answer) < sizeof(*info))
		return -1;
	memset(out, 0, sizeof(*out));
	out->ifindex = (uint32_t)info->ifi_index;
	return mnl_attr_parse(answer, sizeof(*info), attr_take, out) < 0 ? -1 : 0;
}

static int link_take(const struct nlmsghdr *answer, void *arg)
{
	struct segment_link link;

	if (link_read(answer, &link) == 0)
		*(struct segment_link *)arg = link;
	return MNL_CB_OK;
}

int segment_link_find(const char *name, uint32_t ifindex, struct segment_link *out,
		      struct rf_err *err)
{
	char buffer[REQUEST_BYTES] = {0};
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct ifinfomsg *info = mnl_nlmsg_put_extra_header(request, sizeof(*info));
	struct segment_link link = {0};

	request->nlmsg_type = RTM_GETLINK;
	if (name)
		mnl_attr_put_strz(request, IFLA_IFNAME, name);
	else
		info->ifi_index = (int)ifindex;
	int rc = guard_nl_talk(request, link_take, &link);

	if (rc == -ENODEV || (rc == 0 && !link.ifindex))
		return name ? rf_fail(err, RF_E_MISSING, "there is no link %s", name)
			    : rf_fail(err, RF_E_MISSING, "there is no link %u", ifindex);
	if (rc < 0)
		return rf_fail(err, rc, "%s: %s", name ? name : "link", rf_code_text(rc));
	*out = link;
	return 0;
}

/* ---- making ---- */

static int bridge_add(const char *name)
{
	char buffer[REQUEST_BYTES] = {0};
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct nlattr *info, *data;

	request->nlmsg_type = RTM_NEWLINK;
	request->nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL;
	mnl_nlmsg_put_extra_header(request, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(request, IFLA_IFNAME, name);
	mnl_attr_put_u32(request, IFLA_GROUP, UNFINISHED);
	info = mnl_attr_nest_start(request, IFLA_LINKINFO);
	mnl_attr_put_strz(request, IFLA_INFO_KIND, "bridge");
	data = mnl_attr_nest_start(request, IFLA_INFO_DATA);
	/* With spanning tree a moved port would be deaf for half a minute. */
	mnl_attr_put_u32(request, IFLA_BR_STP_STATE, 0);
	mnl_attr_put_u32(request, IFLA_BR_FORWARD_DELAY, 0);
	/* Else the host itself joins groups on it. */
	mnl_attr_put_u8(request, IFLA_BR_MCAST_SNOOPING, 0);
	mnl_attr_nest_end(request, data);
	mnl_attr_nest_end(request, info);
	int rc = guard_nl_talk(request, NULL, NULL);

	return rc == -EEXIST ? 0 : rc;
}

static struct nlmsghdr *change(char *buffer, uint32_t ifindex, bool up)
{
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct ifinfomsg *info = mnl_nlmsg_put_extra_header(request, sizeof(*info));

	request->nlmsg_type = RTM_NEWLINK;
	info->ifi_index = (int)ifindex;
	info->ifi_change = up ? IFF_UP : 0;
	info->ifi_flags = up ? IFF_UP : 0;
	return request;
}

/* The host says nothing on the segment: no link-local address. A kernel without IPv6 refuses to be
 * told, and is quiet. */
static void hush(uint32_t ifindex)
{
	char buffer[REQUEST_BYTES] = {0};
	struct nlmsghdr *request = change(buffer, ifindex, false);
	struct nlattr *families = mnl_attr_nest_start(request, IFLA_AF_SPEC);
	struct nlattr *six = mnl_attr_nest_start(request, AF_INET6);

	mnl_attr_put_u8(request, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	mnl_attr_nest_end(request, six);
	mnl_attr_nest_end(request, families);
	if (guard_nl_talk(request, NULL, NULL) < 0)
		return;
}

static int mark_and_up(uint32_t ifindex, const char *owner)
{
	char buffer[REQUEST_BYTES] = {0};
	struct nlmsghdr *request = change(buffer, ifindex, true);

	mnl_attr_put_str(request, IFLA_IFALIAS, owner);
	mnl_attr_put_u32(request, IFLA_GROUP, 0);
	return guard_nl_talk(request, NULL, NULL);
}

/* Frames that come before the recorder would not be in the record. */
static void listener_wait(const char *name, unsigned wait_ms)
{
	const struct timespec step = {.tv_nsec = WAIT_STEP_NS};
	struct segment_link link = {0};

	for (unsigned i = 0; i < wait_ms * WAITS_PER_MS; i++) {
		if (segment_link_find(name, 0, &link, NULL) < 0 || link.listeners)
			return;
		nanosleep(&step, NULL);
	}
}

/* -ENODEV: somebody who tidied up took it away meanwhile. */
static int make_once(const char *name, const char *owner, uint32_t *out_ifindex, struct rf_err *err)
{
	struct segment_link link = {0};
	int rc = bridge_add(name);

	if (rc < 0)
		return rf_fail(err, rc, "%s: it cannot be made: %s", name, rf_code_text(rc));
	rc = segment_link_find(name, 0, &link, NULL);
	if (rc == RF_E_MISSING)
		return -ENODEV;
	if (rc < 0)
		return rf_fail(err, rc, "%s: %s", name, rf_code_text(rc));
	if (!link.bridge || (link.owner[0] && !rf_starts(link.owner, OWNER_PREFIX)))
		return rf_fail(err, RF_E_DENIED, "%s is a link of somebody else", name);
	if (!link.owner[0])
		hush(link.ifindex);
	rc = mark_and_up(link.ifindex, owner);
	if (rc < 0 && rc != -ENODEV)
		return rf_fail(err, rc, "%s: %s", name, rf_code_text(rc));
	*out_ifindex = link.ifindex;
	return rc;
}

int segment_make(const char *name, const char *port, unsigned wait_ms, uint32_t *out_ifindex,
		 struct rf_err *err)
{
	char owner[sizeof(((struct segment_link *)0)->owner)];
	int rc = rf_format(owner, sizeof(owner), OWNER_PREFIX "%s", port) ? -ENODEV : RF_E_LIMIT;

	if (rc == RF_E_LIMIT)
		return rf_fail(err, rc, "%s: its port's name is too long", name);
	for (unsigned i = 0; rc == -ENODEV && i < MAKE_TRIES; i++)
		rc = make_once(name, owner, out_ifindex, err);
	if (rc == -ENODEV)
		return rf_fail(err, rc, "%s is taken away as often as it is made", name);
	if (!rc)
		listener_wait(name, wait_ms);
	return rc;
}

/* ---- tidying ---- */

struct segments {
	char owner[64];
	const char *except;
	uint32_t mine[SEGMENTS_MAX], masters[1024];
	size_t mine_count, masters_count;
};

static int segments_take(const struct nlmsghdr *answer, void *arg)
{
	struct segments *s = arg;
	struct segment_link link;

	if (link_read(answer, &link) < 0)
		return MNL_CB_OK;
	if (link.master && s->masters_count < RF_COUNT(s->masters))
		s->masters[s->masters_count++] = link.master;
	if (link.bridge && segment_is_name(link.name) && strcmp(link.owner, s->owner) == 0 &&
	    (!s->except || strcmp(link.name, s->except) != 0) && s->mine_count < SEGMENTS_MAX)
		s->mine[s->mine_count++] = link.ifindex;
	return MNL_CB_OK;
}

static bool in_use(const struct segments *s, uint32_t ifindex)
{
	/* More ports than we can hold: rather leave an empty bridge than cut a card off. */
	bool used = s->masters_count == RF_COUNT(s->masters);

	for (size_t i = 0; i < s->masters_count; i++)
		used = used || s->masters[i] == ifindex;
	return used;
}

/* Whoever made these died before the kernel could be told whose they are, or makes them again. */
static int unfinished_remove(void)
{
	char buffer[REQUEST_BYTES] = {0};
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);

	request->nlmsg_type = RTM_DELLINK;
	mnl_nlmsg_put_extra_header(request, sizeof(struct ifinfomsg));
	mnl_attr_put_u32(request, IFLA_GROUP, UNFINISHED);
	int rc = guard_nl_talk(request, NULL, NULL);

	return rc == -ENODEV ? 0 : rc;
}

int segment_tidy(const char *port, const char *except, struct rf_err *err)
{
	char buffer[REQUEST_BYTES] = {0};
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct segments s = {.except = except};

	request->nlmsg_type = RTM_GETLINK;
	request->nlmsg_flags = NLM_F_DUMP;
	mnl_nlmsg_put_extra_header(request, sizeof(struct ifinfomsg));
	rf_format(s.owner, sizeof(s.owner), OWNER_PREFIX "%s", port);
	int rc = unfinished_remove();

	if (!rc)
		rc = guard_nl_talk(request, segments_take, &s);
	for (size_t i = 0; rc == 0 && i < s.mine_count; i++) {
		memset(buffer, 0, sizeof(buffer));
		request = change(buffer, s.mine[i], false);
		request->nlmsg_type = RTM_DELLINK;
		if (!in_use(&s, s.mine[i]))
			rc = guard_nl_talk(request, NULL, NULL);
		rc = rc == -ENODEV ? 0 : rc;
	}
	return rc ? rf_fail(err, rc, "segments of %s: %s", port, rf_code_text(rc)) : 0;
}
