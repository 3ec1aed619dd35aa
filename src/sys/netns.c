/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of network namespaces, see netns.h. Not here: what is in them (netlink.c). Sources:
 * namespaces(7), ip-netns(8), linux/net_namespace.h.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "sys/netns.h"

#define MAX_NAMESPACES 16384u
#define ANSWER_SECONDS 2
#define ANSWER_BYTES   8192
#define NSFS_TYPE      0x6e736673 /* NSFS_MAGIC of linux/magic.h */
#define NO_ID	       (-1)

/* Where names of namespaces are mounted: ip-netns(8), Docker. */
static const char *const folders[] = {"/run/netns", "/run/docker/netns"};

struct listing {
	struct mnl_socket *nl;
	struct rf_map seen; /* inodes */
	struct rf_buf *out;
	uint32_t sequence;
};

/* How the kernel is told which namespace is meant. */
struct holder {
	uint16_t type; /* NETNSA_PID or NETNSA_FD */
	uint32_t value;
};

static struct nlmsghdr *request_begin(struct listing *l, char *bytes, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(bytes);

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	nlh->nlmsg_seq = ++l->sequence;
	(void)mnl_nlmsg_put_extra_header(nlh, sizeof(struct rtgenmsg));
	return nlh;
}

/* Sends, and hands over what answers this one request: its message, or the kernel's error. */
static int request_run(struct listing *l, struct nlmsghdr *nlh, char *answer,
		       const struct nlmsghdr **out)
{
	uint32_t sequence = nlh->nlmsg_seq;

	if (mnl_socket_sendto(l->nl, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	for (;;) {
		ssize_t n = mnl_socket_recvfrom(l->nl, answer, ANSWER_BYTES);
		const struct nlmsghdr *m = (const void *)answer;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!mnl_nlmsg_ok(m, (int)n) || m->nlmsg_seq != sequence)
			continue;
		*out = m;
		if (m->nlmsg_type != NLMSG_ERROR)
			return 0;
		return mnl_nlmsg_get_payload_len(m) >= sizeof(int32_t)
			       ? *(const int32_t *)mnl_nlmsg_get_payload(m)
			       : -EPROTO;
	}
}

static int id_take(const struct nlattr *attr, void *arg)
{
	if (mnl_attr_get_type(attr) == NETNSA_NSID && mnl_attr_get_payload_len(attr) == 4)
		*(int32_t *)arg = (int32_t)mnl_attr_get_u32(attr);
	return MNL_CB_OK;
}

static int id_get(struct listing *l, struct holder who, int32_t *out)
{
	char request[256] __attribute__((aligned(8))) = {0};
	char answer[ANSWER_BYTES] __attribute__((aligned(8)));
	const struct nlmsghdr *m = NULL;
	struct nlmsghdr *nlh = request_begin(l, request, RTM_GETNSID, 0);

	mnl_attr_put_u32(nlh, who.type, who.value);
	int rc = request_run(l, nlh, answer, &m);

	*out = NO_ID;
	if (rc < 0 || m->nlmsg_type != RTM_NEWNSID)
		return rc;
	(void)mnl_attr_parse(m, sizeof(struct rtgenmsg), id_take, out);
	return 0;
}

/* NO_ID where the kernel refuses. */
static int32_t id_of(struct listing *l, struct holder who, int *rc)
{
	char request[256] __attribute__((aligned(8))) = {0};
	char answer[ANSWER_BYTES] __attribute__((aligned(8)));
	const struct nlmsghdr *m = NULL;
	int32_t id = NO_ID;

	*rc = id_get(l, who, &id);
	if (*rc < 0 || id != NO_ID)
		return id;
	struct nlmsghdr *nlh = request_begin(l, request, RTM_NEWNSID, NLM_F_ACK);

	mnl_attr_put_u32(nlh, who.type, who.value);
	mnl_attr_put_u32(nlh, NETNSA_NSID, (uint32_t)NO_ID);
	*rc = request_run(l, nlh, answer, &m);
	/* Another may have been as quick. */
	if (*rc == 0 || *rc == -EEXIST)
		*rc = id_get(l, who, &id);
	return id;
}

/* Adds a namespace that is not in the list yet. */
static int add(struct listing *l, uint64_t inode, struct holder who, const char *where)
{
	char key[24];
	int rc = 0;

	rf_format(key, sizeof(key), "%llu", (unsigned long long)inode);
	if (rf_map_has(&l->seen, key) || l->seen.count >= MAX_NAMESPACES)
		return 0;
	int32_t id = id_of(l, who, &rc);

	/* A process that ended meanwhile holds nothing any more. */
	if (rc == -ESRCH || rc == -EINVAL)
		return 0;
	if (rf_map_set(&l->seen, key, l) < 0)
		return -ENOMEM;
	return rf_buf_printf(l->out, "%d %s %s\n", id, key, where);
}

static int folder_add(struct listing *l, const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	int rc = 0;

	while (dir && rc == 0 && (entry = readdir(dir))) {
		char where[300];
		struct statfs fs;
		struct stat st;

		/* The list is lines of words. */
		if (entry->d_name[0] == '.' || strpbrk(entry->d_name, " \n"))
			continue;
		rf_format(where, sizeof(where), "%s/%s", folder, entry->d_name);
		int fd = openat(dirfd(dir), entry->d_name,
				O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);

		if (fd >= 0 && fstat(fd, &st) == 0 && fstatfs(fd, &fs) == 0 &&
		    fs.f_type == NSFS_TYPE)
			rc = add(l, st.st_ino, (struct holder){NETNSA_FD, (uint32_t)fd}, where);
		if (fd >= 0)
			close(fd);
	}
	if (dir)
		closedir(dir);
	return rc;
}

/* The inode out of "net:[4026531840]"; 0 when it may not be looked at. */
static uint64_t inode_of(const char *process)
{
	char path[64], target[64];
	int64_t inode = 0;

	rf_format(path, sizeof(path), "/proc/%.20s/ns/net", process);
	ssize_t n = readlink(path, target, sizeof(target) - 1);

	if (n < 7 || strncmp(target, "net:[", 5) != 0)
		return 0;
	target[n - 1] = '\0';
	return rf_num(target + 5, 10, 1, INT64_MAX, &inode) < 0 ? 0 : (uint64_t)inode;
}

static int processes_add(struct listing *l)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	int rc = 0;

	while (dir && rc == 0 && (entry = readdir(dir))) {
		char where[64];
		int64_t pid;
		uint64_t inode;

		if (rf_num(entry->d_name, 10, 1, INT32_MAX, &pid) < 0)
			continue;
		inode = inode_of(entry->d_name);
		rf_format(where, sizeof(where), "/proc/%lld", (long long)pid);
		if (inode)
			rc = add(l, inode, (struct holder){NETNSA_PID, (uint32_t)pid}, where);
	}
	if (dir)
		closedir(dir);
	return rc;
}

int netns_list(struct rf_buf *out, struct rf_err *why)
{
	static const struct timeval wait = {.tv_sec = ANSWER_SECONDS};
	struct listing l = {.nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC), .out = out};
	int rc = l.nl && mnl_socket_bind(l.nl, 0, MNL_SOCKET_AUTOPID) == 0 &&
				 setsockopt(mnl_socket_get_fd(l.nl), SOL_SOCKET, SO_RCVTIMEO, &wait,
					    sizeof(wait)) == 0
			 ? 0
			 : -errno;

	if (!rc)
		rc = add(&l, inode_of("self"), (struct holder){NETNSA_PID, (uint32_t)getpid()},
			 "/proc/self");
	for (size_t i = 0; rc == 0 && i < RF_COUNT(folders); i++)
		rc = folder_add(&l, folders[i]);
	if (!rc)
		rc = processes_add(&l);
	if (rc < 0)
		rc = rf_fail(why, rc, "network namespaces cannot be listed: %s", rf_code_text(rc));
	rf_map_done(&l.seen);
	if (l.nl)
		mnl_socket_close(l.nl);
	return rc;
}
