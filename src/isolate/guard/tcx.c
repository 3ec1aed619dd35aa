/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guard's programs on a link by tcx (kernel 6.6): before every clsact filter, out of reach of
 * "tc qdisc del"; but each change waits for an RCU grace period under the RTNL, some 16 ms a
 * direction (docs/adr/0007). Attached as programs, not as links, so that they stay without a pin.
 * libbpf 1.1 does not know tcx: bpf(2) is called itself. Source: linux/bpf.h of 6.6,
 * kernel/bpf/tcx.c.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "isolate/guard/internal.h"

#define PROGRAMS_MAX 64
#define BEFORE_ALL   (1u << 3) /* BPF_F_BEFORE, relative to nothing */
#define LOOPBACK     1u

/* BPF_TCX_INGRESS, BPF_TCX_EGRESS */
static const uint32_t POINTS[] = {[GUARD_FROM_VM] = 46, [GUARD_TO_VM] = 47};

static int ask(int command, union bpf_attr *attr)
{
	return syscall(SYS_bpf, command, attr, sizeof(*attr)) < 0 ? -errno : 0;
}

/* Ids of the programs, in the order in which they run. */
static int list(uint32_t ifindex, enum guard_direction direction, uint32_t ids[PROGRAMS_MAX],
		uint32_t *out_count)
{
	union bpf_attr attr = {0};

	attr.query.target_fd = ifindex;
	attr.query.attach_type = POINTS[direction];
	attr.query.prog_ids = (uint64_t)(uintptr_t)ids;
	attr.query.prog_cnt = PROGRAMS_MAX;

	int rc = ask(BPF_PROG_QUERY, &attr);

	*out_count = rc ? 0 : attr.query.prog_cnt;
	/* Nothing was ever attached there. */
	return rc == -ENOENT ? 0 : rc;
}

bool guard_tcx_works(void)
{
	uint32_t ids[PROGRAMS_MAX], count;

	return list(LOOPBACK, GUARD_FROM_VM, ids, &count) == 0;
}

/* Whether a program is a guard's, this one's or another build's: by its name. Keeps it open. */
static int open_if_ours(uint32_t id, enum guard_direction direction, struct filter *out)
{
	struct bpf_prog_info info = {0};
	uint32_t size = sizeof(info);
	int fd = bpf_prog_get_fd_by_id(id);

	if (fd < 0)
		return -1;
	if (bpf_obj_get_info_by_fd(fd, &info, &size) != 0 ||
	    strcmp(info.name, guard_program_name(direction)) != 0) {
		close(fd);
		return -1;
	}
	out->program = info.id;
	memcpy(out->tag, info.tag, sizeof(out->tag));
	return fd;
}

/* Finds our program; *out_fd is open when there is one, else -1. */
static int find(uint32_t ifindex, enum guard_direction direction, struct filter *out,
		bool *out_first, int *out_fd)
{
	uint32_t ids[PROGRAMS_MAX] = {0}, count = 0;
	int rc = list(ifindex, direction, ids, &count);

	*out = (struct filter){.ifindex = ifindex};
	*out_first = false;
	*out_fd = -1;
	for (uint32_t i = 0; rc == 0 && *out_fd < 0 && i < count && i < PROGRAMS_MAX; i++) {
		*out_fd = open_if_ours(ids[i], direction, out);
		*out_first = *out_fd >= 0 && i == 0;
	}
	return rc;
}

int guard_tcx_find(uint32_t ifindex, enum guard_direction direction, struct filter *out,
		   bool *out_first)
{
	int fd, rc = find(ifindex, direction, out, out_first, &fd);

	if (fd >= 0)
		close(fd);
	return rc;
}

int guard_tcx_attach(struct guard *guard, uint32_t ifindex, enum guard_direction direction)
{
	union bpf_attr attr = {0};
	struct filter there;
	bool first;
	int old, rc = find(ifindex, direction, &there, &first, &old);

	if (rc == 0 && there.program != guard->programs[direction].id) {
		attr.target_fd = ifindex;
		attr.attach_bpf_fd = (uint32_t)guard->programs[direction].fd;
		attr.attach_type = POINTS[direction];
		attr.attach_flags = old >= 0 ? BPF_F_REPLACE : BEFORE_ALL;
		attr.replace_bpf_fd = old >= 0 ? (uint32_t)old : 0;
		rc = ask(BPF_PROG_ATTACH, &attr);
	}
	if (old >= 0)
		close(old);
	return rc;
}

int guard_tcx_detach(uint32_t ifindex, enum guard_direction direction)
{
	union bpf_attr attr = {0};
	struct filter there;
	bool first;
	int old, rc = find(ifindex, direction, &there, &first, &old);

	if (rc == 0 && old >= 0) {
		attr.target_fd = ifindex;
		attr.attach_bpf_fd = (uint32_t)old;
		attr.attach_type = POINTS[direction];
		rc = ask(BPF_PROG_DETACH, &attr);
	}
	if (old >= 0)
		close(old);
	return rc == -ENOENT ? 0 : rc;
}
