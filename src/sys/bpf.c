/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of BPF programs and the programs of tcx; see bpf.h. It only asks, and loads nothing.
 * Source: bpf(2), linux/bpf.h; tcx since Linux 6.6, newer than the headers we build with.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "sys/bpf.h"

#define TCX_INGRESS   46
#define TCX_EGRESS    47
#define TCX_MAX_PROGS 64

static int ask(int command, union bpf_attr *attr)
{
	long rc = syscall(SYS_bpf, command, attr, sizeof(*attr));

	return rc < 0 ? -errno : (int)rc;
}

int bpf_program(const char *arg, struct rf_buf *out, struct rf_err *why)
{
	struct bpf_prog_info info = {0};
	union bpf_attr attr = {0};
	int64_t id;

	if (rf_num(arg, 10, 1, UINT32_MAX, &id) < 0)
		return rf_fail(why, -EINVAL, "%s is no program id", arg);
	attr.prog_id = (uint32_t)id;
	int fd = ask(BPF_PROG_GET_FD_BY_ID, &attr);

	if (fd < 0)
		return fd;
	attr = (union bpf_attr){0};
	attr.info.bpf_fd = (uint32_t)fd;
	attr.info.info_len = sizeof(info);
	attr.info.info = (uint64_t)(uintptr_t)&info;
	int rc = ask(BPF_OBJ_GET_INFO_BY_FD, &attr);

	close(fd);
	if (rc < 0)
		return rc;
	rf_buf_printf(out, "name %.*s\ntag ", (int)strnlen(info.name, sizeof(info.name)),
		      info.name);
	rf_buf_add_hex(out, info.tag, sizeof(info.tag));
	return rf_buf_add_byte(out, '\n');
}

static int tcx_query(uint32_t ifindex, uint32_t where, const char *direction, struct rf_buf *out)
{
	uint32_t ids[TCX_MAX_PROGS] = {0};
	union bpf_attr attr = {0};

	/* An interface takes the place of the file descriptor of a group. */
	attr.query.target_fd = ifindex;
	attr.query.attach_type = where;
	attr.query.prog_ids = (uint64_t)(uintptr_t)ids;
	attr.query.prog_cnt = RF_COUNT(ids);
	int rc = ask(BPF_PROG_QUERY, &attr);

	/* Kernels before 6.6 do not know the attach type; without programs there is no entry. */
	if (rc == -EINVAL || rc == -ENOENT || rc == -EOPNOTSUPP)
		return 0;
	if (rc < 0 && rc != -ENOSPC)
		return rc;
	for (size_t i = 0; i < attr.query.prog_cnt && i < RF_COUNT(ids); i++)
		rf_buf_printf(out, "%s %u\n", direction, ids[i]);
	return out->failed ? -ENOMEM : 0;
}

int bpf_tcx(const char *arg, struct rf_buf *out, struct rf_err *why)
{
	int64_t ifindex;

	if (rf_num(arg, 10, 1, INT32_MAX, &ifindex) < 0)
		return rf_fail(why, -EINVAL, "%s is no interface index", arg);
	int rc = tcx_query((uint32_t)ifindex, TCX_INGRESS, "ingress", out);

	return rc < 0 ? rc : tcx_query((uint32_t)ifindex, TCX_EGRESS, "egress", out);
}
