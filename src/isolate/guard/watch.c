/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watches the links and filters of the host by rtnetlink: guards a new port before it is up, and
 * puts back what another program took off. What a notice says is only a reason to look: the state
 * itself is asked. Source: rtnetlink(7), linux/pkt_sched.h.
 */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "isolate/guard/internal.h"

#define RECEIVE_BYTES (4 << 20) /* some 10,000 notices */
#define MESSAGE_BYTES (64u << 10)
#define STEP_MESSAGES 4096u /* at most in one step, so that others get their turn */

struct guard_watch {
	struct guard *guard;
	struct guard_scope scope;
	void (*told)(void *arg, const struct guard_notice *notice);
	void *arg;
	struct mnl_socket *nl;
	char *buffer;
	int64_t time_ns; /* of the message at hand, or of the sweep */
};

static void tell(struct guard_watch *w, enum guard_deed deed, const struct guard_link *link,
		 const struct rf_err *err)
{
	struct guard_notice notice = {.deed = deed, .link = *link, .time_ns = w->time_ns};

	if (!w->told)
		return;
	if (err)
		notice.err = *err;
	w->told(w->arg, &notice);
}

static bool in_scope(const struct guard_watch *w, const struct guard_link *link)
{
	for (size_t i = 0; i < w->scope.name_count; i++)
		if (rf_glob(w->scope.names[i], link->name))
			return true;
	for (size_t i = 0; link->master && i < w->scope.bridge_count; i++)
		if (w->scope.bridges[i] == link->master)
			return true;
	return w->scope.wants && w->scope.wants(w->arg, link);
}

static void name_fill(struct guard_link *link)
{
	if (!guard_link_named(link->ifindex, link->name))
		link->name[0] = '\0';
}

/* Attaching is the cure for everything: it makes what is missing and leaves policies alone. A port
 * that somebody took off on purpose meanwhile is not taken back. */
static void cure(struct guard_watch *w, const struct guard_link *link, bool known)
{
	struct guard_link named = *link;
	struct rf_err err = {0};
	int rc;

	if (w->scope.look_only) {
		if (known && !named.name[0])
			name_fill(&named);
		if (known && named.name[0])
			tell(w, GUARD_LOOSE, &named, NULL);
		return;
	}
	rc = known ? guard_mend(w->guard, link->ifindex, &err)
		   : guard_attach(w->guard, link->ifindex, &err);
	/* It went away again meanwhile. */
	if (rc == -ENODEV || rc == -ENOENT)
		return;
	if (!named.name[0])
		name_fill(&named);
	tell(w,
	     rc	     ? GUARD_FAILED
	     : known ? GUARD_HEALED
		     : GUARD_ATTACHED,
	     &named, rc ? &err : NULL);
}

static bool intact(const struct guard_watch *w, uint32_t ifindex)
{
	for (unsigned i = 0; i < PROG_COUNT; i++) {
		struct filter f;
		bool first;

		if (guard_hook_find(w->guard, ifindex, (enum guard_direction)i, &f, &first) != 0 ||
		    f.program != w->guard->programs[i].id)
			return false;
	}
	return true;
}

static void link_told(struct guard_watch *w, const struct nlmsghdr *message)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(message);
	struct guard_link link;

	/* Of a port of a bridge: its flags there. */
	if (mnl_nlmsg_get_payload_len(message) >= sizeof(*info) && info->ifi_family == AF_BRIDGE) {
		link = (struct guard_link){.ifindex = (uint32_t)info->ifi_index};
		name_fill(&link);
		if (link.name[0] && guard_slot_find(w->guard, link.ifindex))
			tell(w, GUARD_CHANGED, &link, NULL);
		return;
	}
	if (!guard_link_parse(message, &link))
		return;
	if (message->nlmsg_type == RTM_DELLINK) {
		if (guard_slot_find(w->guard, link.ifindex) == 0)
			return;
		if (w->scope.look_only || guard_detach(w->guard, link.ifindex, NULL) == 0)
			tell(w, GUARD_GONE, &link, NULL);
		return;
	}
	if (guard_slot_find(w->guard, link.ifindex))
		tell(w, GUARD_CHANGED, &link, NULL);
	else if (in_scope(w, &link))
		cure(w, &link, false);
}

static void qdisc_told(struct guard_watch *w, const struct nlmsghdr *message)
{
	const struct tcmsg *tc = mnl_nlmsg_get_payload(message);
	struct guard_link link = {.ifindex = 0};

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*tc) || tc->tcm_parent != TC_H_CLSACT)
		return;
	link.ifindex = (uint32_t)tc->tcm_ifindex;
	if (w->guard->settings->hook != GUARD_HOOK_CLSACT ||
	    guard_slot_find(w->guard, link.ifindex) == 0)
		return;
	/* No look first, not even for its name: frames pass unjudged by now, and attaching twice
	 * does no harm. */
	cure(w, &link, true);
}

static void filter_told(struct guard_watch *w, const struct nlmsghdr *message)
{
	struct filter f;
	struct guard_link link = {.ifindex = 0};

	if (w->guard->settings->hook != GUARD_HOOK_CLSACT || !guard_filter_parse(message, &f) ||
	    guard_slot_find(w->guard, f.ifindex) == 0)
		return;
	/* Our own program, put there by whomever, is as it should be. */
	if (message->nlmsg_type == RTM_NEWTFILTER &&
	    (f.handle != FILTER_HANDLE || f.program == w->guard->programs[PROG_IN].id ||
	     f.program == w->guard->programs[PROG_OUT].id))
		return;
	if (intact(w, f.ifindex))
		return;
	link.ifindex = f.ifindex;
	name_fill(&link);
	if (link.name[0])
		cure(w, &link, true);
}

static int message_take(const struct nlmsghdr *message, void *arg)
{
	struct guard_watch *w = arg;

	switch (message->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		link_told(w, message);
		break;
	case RTM_DELQDISC:
		qdisc_told(w, message);
		break;
	case RTM_NEWTFILTER:
	case RTM_DELTFILTER:
		filter_told(w, message);
		break;
	default:
		break;
	}
	return MNL_CB_OK;
}

static int sweep_take(const struct nlmsghdr *message, void *arg)
{
	struct guard_watch *w = arg;
	struct guard_link link;

	if (message->nlmsg_type != RTM_NEWLINK || !guard_link_parse(message, &link))
		return MNL_CB_OK;
	if (guard_slot_find(w->guard, link.ifindex) == 0) {
		if (in_scope(w, &link))
			cure(w, &link, false);
	} else if (!intact(w, link.ifindex)) {
		cure(w, &link, true);
	}
	return MNL_CB_OK;
}

/* Ports whose link went away while nobody watched. */
static void sweep_gone(void *arg, uint32_t ifindex)
{
	const struct guard_link link = {.ifindex = ifindex};

	tell(arg, GUARD_GONE, &link, NULL);
}

int guard_watch_sweep(struct guard_watch *watch, struct rf_err *err)
{
	char buffer[256] = {0};
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct ifinfomsg *link = mnl_nlmsg_put_extra_header(request, sizeof(*link));

	request->nlmsg_type = RTM_GETLINK;
	request->nlmsg_flags = NLM_F_DUMP;
	link->ifi_family = AF_UNSPEC;

	watch->time_ns = rf_clock_ns(CLOCK_MONOTONIC);
	int rc = guard_nl_talk(request, sweep_take, watch);

	if (rc)
		return rf_fail(err, rc, "the links cannot be listed: %s", rf_code_text(rc));
	if (!watch->scope.look_only)
		guard_forget_gone(watch->guard, sweep_gone, watch);
	return 0;
}

int guard_watch_step(struct guard_watch *watch, struct rf_err *err)
{
	int fd = mnl_socket_get_fd(watch->nl);

	for (unsigned n = 0; n < STEP_MESSAGES; n++) {
		ssize_t got = recv(fd, watch->buffer, MESSAGE_BYTES, MSG_DONTWAIT);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno == EAGAIN)
			return 0;
		/* More was told than fits: look at everything. */
		if (got < 0 && errno == ENOBUFS) {
			int rc = guard_watch_sweep(watch, err);

			if (rc)
				return rc;
			continue;
		}
		if (got < 0)
			return rf_fail(err, -errno, "rtnetlink: %s", rf_code_text(-errno));
		watch->time_ns = rf_clock_ns(CLOCK_MONOTONIC);
		(void)mnl_cb_run(watch->buffer, (size_t)got, 0, 0, message_take, watch);
	}
	return 0;
}

static int socket_open(struct guard_watch *w, struct rf_err *err)
{
	static const int GROUPS[] = {RTNLGRP_LINK, RTNLGRP_TC};
	int size = RECEIVE_BYTES;

	w->nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!w->nl || mnl_socket_bind(w->nl, 0, MNL_SOCKET_AUTOPID) < 0)
		return rf_fail(err, -errno, "rtnetlink: %s", rf_code_text(-errno));
	for (size_t i = 0; i < RF_COUNT(GROUPS); i++) {
		int group = GROUPS[i];

		if (mnl_socket_setsockopt(w->nl, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0)
			return rf_fail(err, -errno, "rtnetlink group %d: %s", group,
				       rf_code_text(-errno));
	}
	/* Without the right to force it the kernel's default serves, with more sweeps. */
	(void)setsockopt(mnl_socket_get_fd(w->nl), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	return 0;
}

int guard_watch_open(struct guard *guard, const struct guard_scope *scope,
		     void (*told)(void *arg, const struct guard_notice *notice), void *arg,
		     struct guard_watch **out, struct rf_err *err)
{
	struct guard_watch *w = rf_alloc(1, sizeof(*w));
	int rc;

	if (!w)
		return -ENOMEM;
	w->guard = guard;
	w->scope = *scope;
	w->told = told;
	w->arg = arg;
	w->buffer = rf_alloc(1, MESSAGE_BYTES);
	rc = w->buffer ? socket_open(w, err) : -ENOMEM;
	/* After the socket listens: what appears meanwhile is told as well. */
	if (rc == 0)
		rc = guard_watch_sweep(w, err);
	if (rc) {
		guard_watch_close(w);
		return rc;
	}
	*out = w;
	return 0;
}

int guard_watch_fd(const struct guard_watch *watch)
{
	return mnl_socket_get_fd(watch->nl);
}

void guard_watch_close(struct guard_watch *watch)
{
	if (!watch)
		return;
	if (watch->nl)
		mnl_socket_close(watch->nl);
	rf_free(watch->buffer);
	rf_free(watch);
}
