/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether ports are guarded by BPF here, by nft, or by somebody whom this process may not touch.
 * The one place where that is decided; see enum guard_means. Source: bpf(2), capabilities(7).
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/guard/internal.h"

int guard_forbidden(struct rf_err *why)
{
	/* r0 = 0; exit: the smallest program of the guard's kind. */
	static const struct bpf_insn nothing[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
		{.code = BPF_JMP | BPF_EXIT}};
	int fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "rf_may", "GPL", nothing, RF_COUNT(nothing),
			       NULL);

	if (fd < 0)
		return rf_fail(why, -errno,
			       "BPF is forbidden here: the kernel loads no program: %s",
			       rf_code_text(-errno));
	close(fd);
	return 0;
}

bool guard_hangs(uint32_t ifindex)
{
	struct filter filter;
	bool first;

	for (int way = GUARD_FROM_VM; way <= GUARD_TO_VM; way++) {
		if (guard_filter_find(ifindex, (enum guard_direction)way, &filter, &first) == 0 &&
		    filter.program)
			return true;
		if (guard_tcx_find(ifindex, (enum guard_direction)way, &filter, &first) == 0 &&
		    filter.program)
			return true;
	}
	return false;
}

/* A link with programs of a guard whose pins are not here: somebody else's, or lost. */
static bool orphan_find(char out[IF_NAMESIZE])
{
	struct guard_links links = {.items = NULL};
	bool found = false;

	if (guard_links_read(&links, NULL) < 0)
		return false;
	for (size_t i = 0; !found && i < links.count; i++) {
		found = guard_hangs(links.items[i].ifindex);
		if (found)
			rf_copy(out, IF_NAMESIZE, links.items[i].name);
	}
	guard_links_done(&links);
	return found;
}

enum guard_means guard_means(struct rf_err *why)
{
	const struct guard_options there = {.existing = true};
	struct rf_err forbidden = {0}, closed = {0};
	struct guard *guard = NULL;
	char link[IF_NAMESIZE];

	if (guard_forbidden(&forbidden) == 0)
		return GUARD_MEANS_BPF;
	int rc = guard_open(&there, &guard, &closed);
	const char *words = rf_err_text(&forbidden);

	guard_close(guard);
	if (rc == 0) {
		(void)rf_fail(
			why, -EPERM,
			"%s; the guard that is loaded (" GUARD_PIN_DIR
			") goes on and is changed as ever, only its programs stay as they are",
			words);
		return GUARD_MEANS_KEPT;
	}
	if (rc != -ENOENT) {
		(void)rf_fail(why, RF_E_DENIED, "%s; %s", words, rf_err_text(&closed));
		return GUARD_MEANS_NONE;
	}
	if (orphan_find(link)) {
		(void)rf_fail(
			why, RF_E_DENIED,
			"%s; programs of a guard hang on %s, and its pins are not below " GUARD_PIN_DIR
			" here: change it where they are or where CAP_BPF is "
			"given, or take it off (tc qdisc del dev %s clsact)",
			words, link, link);
		return GUARD_MEANS_NONE;
	}
	(void)rf_fail(why, -EPERM, "%s", words);
	return GUARD_MEANS_NFT;
}
