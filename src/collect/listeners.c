/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collector listeners: TCP sockets that listen and UDP sockets that wait for anybody, with the
 * process that holds them. Sources: sock_diag(7), linux/inet_diag.h, proc(5).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <string.h>

#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/collect.h"
#include "collect/listeners.h"
#include "collect/netlink.h"
#include "collect/proc.h"

/* States of a TCP socket that listens, and of a UDP socket without peer. */
#define STATE_LISTEN 10
#define STATE_CLOSE  7

#define LISTENERS_MAX 65536u

struct owner {
	int64_t pid; /* 0: not found */
	char name[64];
};

struct socket_row {
	struct listener_socket socket;
	const char *proto;
	struct owner owner;
};

struct listeners {
	struct sys *sys;
	struct fact_sink *out;
	struct socket_row *rows;
	size_t count, capacity;
	struct rf_map by_inode; /* "socket:[N]" to the place of a row plus one */
	size_t hidden;		/* processes whose descriptors cannot be seen */
};

static void listeners_done(struct listeners *l)
{
	rf_free(l->rows);
	rf_map_done(&l->by_inode);
}

bool listener_parse(const struct nl_message *message, struct listener_socket *out)
{
	struct inet_diag_msg diag;

	if (message->type != SOCK_DIAG_BY_FAMILY || message->body.len < sizeof(diag))
		return false;
	memcpy(&diag, message->body.data, sizeof(diag));
	if (diag.idiag_family != AF_INET && diag.idiag_family != AF_INET6)
		return false;
	if (diag.idiag_state != STATE_LISTEN && diag.idiag_state != STATE_CLOSE)
		return false;
	*out = (struct listener_socket){.port = ntohs(diag.id.idiag_sport),
					.inode = diag.idiag_inode,
					.uid = diag.idiag_uid,
					.ifindex = diag.id.idiag_if};
	if (!inet_ntop(diag.idiag_family, diag.id.idiag_src, out->address, sizeof(out->address)))
		return false;
	const uint8_t *ip = (const uint8_t *)diag.id.idiag_src;
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	static const uint8_t none[16], one[16] = {[15] = 1};
	bool v6 = diag.idiag_family == AF_INET6;
	bool v4_in_v6 = v6 && memcmp(ip, mapped, sizeof(mapped)) == 0;

	out->loopback = (!v6 && ip[0] == 127) || (v4_in_v6 && ip[12] == 127) ||
			(v6 && memcmp(ip, one, sizeof(one)) == 0) || out->ifindex == 1;
	/* Bound to one interface, it does not hear the others, whatever its address. */
	out->everywhere = out->ifindex == 0 && memcmp(ip, none, v6 ? 16 : 4) == 0;
	return true;
}

static void add_socket(struct listeners *l, const char *proto, const struct listener_socket *socket)
{
	void *array = l->rows;
	char key[32];

	/* A UDP socket without port was never bound. */
	if (socket->port == 0 || l->count >= LISTENERS_MAX ||
	    rf_grow(&array, &l->capacity, l->count + 1, sizeof(*l->rows)) < 0)
		return;
	l->rows = array;
	l->rows[l->count] = (struct socket_row){.socket = *socket, .proto = proto};
	l->count++;
	rf_format(key, sizeof(key), "socket:[%u]", socket->inode);
	if (socket->inode && rf_map_set(&l->by_inode, key, (void *)l->count) < 0)
		l->rows[l->count - 1].socket.inode = 0;
}

/* True when the kernel answered. */
static bool read_sockets(struct listeners *l, const char *arg, const char *proto)
{
	RF_AUTOBUF struct rf_buf raw = {0};
	struct nl_message message;
	struct listener_socket socket;
	struct rf_err err = {0};
	int rc = sys_probe(l->sys, "sock-diag", arg, &raw, &err);
	struct rf_slice rest = rf_buf_slice(&raw);

	if (rc == 0) {
		while ((rc = nl_next(&rest, &message)) > 0) {
			if (listener_parse(&message, &socket))
				add_socket(l, proto, &socket);
		}
	}
	if (rc < 0)
		fact_gap(l->out, FACT_T_LISTENER, "", "", arg, "%s sockets could not be listed: %s",
			 arg, err.code ? rf_err_text(&err) : rf_code_text(rc));
	return rc == 0;
}

/* The process that serves is wanted, not the one that opened the socket for it (pid 1). */
static bool owner_better(const struct owner *old, int64_t pid)
{
	return old->pid == 0 || (old->pid == 1 && pid != 1);
}

/* Looks through the descriptors of one process. */
static void read_descriptors(struct listeners *l, const char *pid)
{
	SYS_AUTONAMES struct sys_names fds = {0};
	struct proc proc = {0};
	char path[96], target[64];

	rf_format(path, sizeof(path), "/proc/%.16s/fd", pid);
	int rc = sys_list(l->sys, path, &fds, NULL);
	bool hidden = rc == -EACCES || rc == -EPERM;

	for (size_t i = 0; rc == 0 && i < fds.count; i++) {
		rf_format(path, sizeof(path), "/proc/%.16s/fd/%.16s", pid, fds.names[i]);
		int link = sys_readlink(l->sys, path, target, sizeof(target));

		hidden = hidden || link == -EACCES || link == -EPERM;
		size_t place = link == 0 ? (size_t)rf_map_get(&l->by_inode, target) : 0;

		if (!place || (!proc.pid && proc_read(l->sys, pid, &proc) < 0))
			continue;
		struct owner *owner = &l->rows[place - 1].owner;

		if (owner_better(owner, proc.pid)) {
			owner->pid = proc.pid;
			rf_copy(owner->name, sizeof(owner->name), proc.comm);
		}
	}
	l->hidden += hidden;
}

static void read_owners(struct listeners *l)
{
	SYS_AUTONAMES struct sys_names pids = {0};

	if (proc_list(l->sys, &pids, NULL) < 0)
		return;
	for (size_t i = 0; i < pids.count; i++) {
		if (proc_is_pid(pids.names[i]))
			read_descriptors(l, pids.names[i]);
	}
}

static void tell_no_owner(const struct listeners *l, const struct socket_row *row)
{
	static const char *const columns[] = {"pid", "process"};
	char key[160];

	rf_format(key, sizeof(key), "%s/%s/%u/%u", row->proto, row->socket.address,
		  row->socket.port, row->socket.inode);
	for (size_t i = 0; i < RF_COUNT(columns); i++) {
		if (l->hidden)
			fact_gap(
				l->out, FACT_T_LISTENER, key, columns[i], "/proc/*/fd",
				"the descriptors of %zu processes cannot be seen: that takes root and "
				"the right to trace them",
				l->hidden);
		else
			fact_gap(
				l->out, FACT_T_LISTENER, key, columns[i], "/proc/*/fd",
				"no process here holds the socket: the kernel does, or a process of "
				"another process namespace");
	}
}

static void put_socket(const struct listeners *l, const struct socket_row *row)
{
	bool owned = row->owner.pid != 0;

	if (!owned)
		tell_no_owner(l, row);
	fact_put_listener(l->out,
			  &(struct fact_listener){
				  .proto = row->proto,
				  .address = row->socket.address,
				  .port = FACT_INT(row->socket.port),
				  .inode = FACT_INT(row->socket.inode),
				  .everywhere = FACT_BOOL(row->socket.everywhere),
				  .loopback = FACT_BOOL(row->socket.loopback),
				  .pid = owned ? FACT_INT(row->owner.pid) : (struct fact_int){0},
				  .process = owned ? row->owner.name : NULL,
				  .uid = FACT_INT(row->socket.uid),
				  .source = "sock-diag",
			  });
}

int collect_listeners(struct sys *sys, const struct collect_request *req, struct fact_sink *out,
		      struct rf_err *err)
{
	__attribute__((cleanup(listeners_done))) struct listeners l = {.sys = sys, .out = out};
	static const struct {
		const char *arg, *proto;
	} kinds[] = {{"tcp4", "tcp"}, {"tcp6", "tcp"}, {"udp4", "udp"}, {"udp6", "udp"}};
	bool any = false;

	(void)req;
	for (size_t i = 0; i < RF_COUNT(kinds); i++)
		any = read_sockets(&l, kinds[i].arg, kinds[i].proto) || any;
	if (!any)
		return rf_fail(err, RF_E_UNSUPPORTED, "listening sockets: the kernel told of none");
	if (l.count)
		read_owners(&l);
	for (size_t i = 0; i < l.count; i++)
		put_socket(&l, &l.rows[i]);
	return 0;
}
