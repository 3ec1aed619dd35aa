/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collector namespaces: the network namespaces besides the host's own, with their links and
 * addresses. They are asked for by id, none is entered; those that only a link tells of are asked,
 * too. Sources: rtnetlink(7), linux/net_namespace.h; links of the host itself are links.c.
 */
#include <errno.h>
#include <linux/if.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "collect/collect.h"
#include "collect/netlink.h"

#define MAX_NAMESPACES 4096u

struct ids {
	int64_t *items;
	size_t count, capacity;
};

struct namespaces {
	struct sys *sys;
	struct fact_sink *out;
	int64_t own;
	struct ids told;  /* have a row */
	struct ids heard; /* a link names them, in the order of their finding */
	int64_t nameless; /* how many have no id */
};

static void namespaces_done(struct namespaces *n)
{
	rf_free(n->told.items);
	rf_free(n->heard.items);
}

static bool ids_have(const struct ids *ids, int64_t id)
{
	for (size_t i = 0; i < ids->count; i++) {
		if (ids->items[i] == id)
			return true;
	}
	return false;
}

static int ids_add(struct ids *ids, int64_t id)
{
	if (ids_have(ids, id) || ids->count >= MAX_NAMESPACES)
		return 0;
	if (rf_grow((void **)&ids->items, &ids->capacity, ids->count + 1, sizeof(*ids->items)) < 0)
		return -ENOMEM;
	ids->items[ids->count++] = id;
	return 0;
}

/* "web (412)" for /proc/412, the name for /run/netns/NAME. */
static void namespace_name(struct namespaces *n, const char *where, char *out, size_t size)
{
	char path[320], comm[64];

	rf_copy(out, size, strrchr(where, '/') ? strrchr(where, '/') + 1 : where);
	rf_format(path, sizeof(path), "%.300s/comm", where);
	if (rf_starts(where, "/proc/") && sys_read_line(n->sys, path, comm, sizeof(comm)) == 0)
		rf_format(out, size, "%s (%s)", comm, strrchr(where, '/') + 1);
}

static char *addresses_of(const struct rf_buf *raw, uint32_t ifindex)
{
	RF_AUTOBUF struct rf_buf text = {0};
	struct rf_slice rest = rf_buf_slice(raw);
	struct nl_message message;
	struct net_address address;

	while (nl_next(&rest, &message) > 0) {
		if (net_address_parse(&message, &address) && address.ifindex == ifindex)
			rf_buf_printf(&text, "%s%s", text.len ? "," : "", address.text);
	}
	return text.len ? rf_buf_take_text(&text) : rf_strdup("");
}

/* Hardware cannot be told by sysfs, which shows our own namespace only: it has no kind. */
static const char *role_of(struct namespaces *n, const struct net_link *link)
{
	if (!link->kind[0] && !(link->flags & IFF_LOOPBACK))
		return "physical";
	return net_link_role(n->sys, link);
}

static int put_link(struct namespaces *n, int64_t id, const struct net_links *links,
		    const struct net_link *link, const struct rf_buf *addresses)
{
	RF_AUTOFREE char *text = addresses ? addresses_of(addresses, link->ifindex) : NULL;

	if (addresses && !text)
		return -ENOMEM;
	fact_put_netns_link(n->out, &(struct fact_netns_link){
					    .netns = FACT_INT(id),
					    .name = link->name,
					    .ifindex = FACT_INT(link->ifindex),
					    .kind = link->kind,
					    .role = role_of(n, link),
					    .up = FACT_BOOL(link->flags & IFF_UP),
					    .mac = link->mac,
					    .master = net_link_name(links, link->master),
					    .lower_index = FACT_INT(link->lower),
					    .lower_netns = FACT_INT(link->lower_netns),
					    .ip_forward = net_link_setting(link->ip_forward),
					    .ip6_forward = net_link_setting(link->ip6_forward),
					    .addresses = text,
					    .source = "rtnl-link-in",
				    });
	return link->lower_netns >= 0 ? ids_add(&n->heard, link->lower_netns) : 0;
}

/* Its links; *out_readable says whether they could be had. RF_E_MISSING: it is gone. */
static int links_add(struct namespaces *n, int64_t id, bool *out_readable)
{
	NET_AUTOLINKS struct net_links links = {0};
	RF_AUTOBUF struct rf_buf addresses = {0};
	struct rf_err why = {0};
	char arg[24];
	int rc;

	rf_format(arg, sizeof(arg), "%lld", (long long)id);
	*out_readable = false;
	rc = net_links_read_in(n->sys, arg, &links, &why);
	/* The kernel knows no such id any more: its last process ended meanwhile. */
	if (rc == -EINVAL)
		return RF_E_MISSING;
	if (rc < 0 || links.broken) {
		fact_gap(n->out, FACT_T_NETNS_LINK, arg, "", "rtnl-link-in",
			 "the links of this network namespace could not be asked for: %s",
			 links.broken ? "the answer ends in the middle" : rf_err_text(&why));
		return 0;
	}
	rc = sys_probe(n->sys, "rtnl-addr-in", arg, &addresses, &why);
	if (rc < 0)
		fact_gap(n->out, FACT_T_NETNS_LINK, arg, "addresses", "rtnl-addr-in",
			 "the addresses of this network namespace could not be asked for: %s",
			 rf_err_text(&why));
	*out_readable = true;
	int added = 0;

	for (size_t i = 0; added == 0 && i < links.count; i++)
		added = put_link(n, id, &links, &links.links[i], rc < 0 ? NULL : &addresses);
	return added;
}

/* One line of the probe: "ID INODE WHERE". */
static int line_take(struct namespaces *n, char *line, bool first)
{
	char *cursor = line, name[96];
	const char *id_text = rf_word_next(&cursor), *inode_text = rf_word_next(&cursor);
	const char *where = rf_word_next(&cursor);
	int64_t id = -1, inode = 0;
	bool readable = first;
	int rc = 0;

	if (!where || rf_num(id_text, 10, -1, INT32_MAX, &id) < 0 ||
	    rf_num(inode_text, 10, 0, INT64_MAX, &inode) < 0 || (id >= 0 && ids_have(&n->told, id)))
		return 0;
	namespace_name(n, where, name, sizeof(name));
	if (first)
		n->own = id;
	if (id >= 0)
		rc = ids_add(&n->told, id);
	if (!rc && !first && id >= 0)
		rc = links_add(n, id, &readable);
	if (rc == RF_E_MISSING)
		return 0;
	if (id < 0)
		fact_gap(n->out, FACT_T_NETNS, name, "netns", where,
			 "the kernel gave this network namespace no id; run as root");
	/* Without an id a row still tells that it is there. */
	if (id < 0 && !first)
		id = -2 - n->nameless++;
	fact_put_netns(n->out, &(struct fact_netns){.netns = FACT_INT(id),
						    .inode = FACT_INT(inode),
						    .name = name,
						    .own = FACT_BOOL(first),
						    .readable = FACT_BOOL(readable),
						    .source = where});
	return rc;
}

/* Those that our own links tell of, and those that these tell of. */
static int heard_take(struct namespaces *n)
{
	NET_AUTOLINKS struct net_links links = {0};
	/* That they cannot be asked for is what collect_links tells. */
	int rc = net_links_read(n->sys, &links, NULL) == -ENOMEM ? -ENOMEM : 0;

	for (size_t i = 0; rc == 0 && i < links.count; i++) {
		if (links.links[i].lower_netns >= 0)
			rc = ids_add(&n->heard, links.links[i].lower_netns);
	}
	for (size_t i = 0; rc == 0 && i < n->heard.count; i++) {
		int64_t id = n->heard.items[i];
		bool readable = false;
		char name[32];

		if (ids_have(&n->told, id))
			continue;
		rc = links_add(n, id, &readable);
		if (rc == RF_E_MISSING) {
			rc = 0;
			continue;
		}
		rf_format(name, sizeof(name), "id %lld", (long long)id);
		fact_put_netns(n->out, &(struct fact_netns){.netns = FACT_INT(id),
							    .inode = FACT_INT(0),
							    .name = name,
							    .own = FACT_BOOL(false),
							    .readable = FACT_BOOL(readable),
							    .source = "rtnl-link-in"});
	}
	return rc;
}

int collect_namespaces(struct sys *sys, const struct collect_request *req, struct fact_sink *out,
		       struct rf_err *err)
{
	__attribute__((cleanup(namespaces_done))) struct namespaces n = {
		.sys = sys, .out = out, .own = -1};
	RF_AUTOBUF struct rf_buf raw = {0};
	bool first = true;
	int rc = sys_probe(sys, "netns", "", &raw, err);

	(void)req;
	if (rc < 0)
		return rf_wrap(err, rc, "network namespaces");
	RF_AUTOFREE char *text = rf_strndup(rf_buf_text(&raw), raw.len);
	char *cursor = text, *line;

	if (!text)
		return rf_fail(err, -ENOMEM, "network namespaces: no memory");
	while (rc == 0 && (line = rf_line_next(&cursor))) {
		rc = line_take(&n, line, first);
		first = false;
	}
	if (!rc)
		rc = heard_take(&n);
	return rc ? rf_fail(err, rc, "network namespaces: no memory") : 0;
}
