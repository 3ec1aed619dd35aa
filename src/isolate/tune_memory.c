/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tunables of memory: rows, and the two ways that are memory's own: page sharing of the running
 * QEMU (ram.h), and a protection that counts only where each cgroup of the VM has it. Sources:
 * libvirt's formatdomain (memoryBacking, memtune, memballoon), Linux's cgroup-v2.rst (memory.min).
 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "change/kinds.h"
#include "isolate/ram.h"
#include "isolate/tune.h"
#include "isolate/vm_scope.h"

#define KIB_NONE  9007199254740991 /* VIR_DOMAIN_MEMORY_PARAM_UNLIMITED */
#define BYTES_MAX (1ll << 56)

/* ---- page sharing ---- */

static int sharing_read(const struct tune_call *call, struct rf_buf *out, struct rf_err *err)
{
	const struct qmp_peer peer = {tune_monitor_here, call->vm};

	return ram_sharing_read(&peer, out, err);
}

static int sharing_put(const struct tune_call *call, const char *value, struct rf_err *err)
{
	const struct qmp_peer peer = {tune_monitor_here, call->vm};

	return ram_sharing_put(&peer, value, err);
}

static const struct tune_way way_sharing = {sharing_read, sharing_put, .apart = true};

/* ---- a chain of cgroups ---- */

/* The cgroups of one VM that a protection must stand in: its own, and the one that libvirt makes
 * below where systemd owns the first. */
struct chain {
	char paths[2][512];
	size_t count;
};

static bool value_get(const struct verb_env *env, const char *path, struct rf_buf *out)
{
	RF_AUTOBUF struct rf_buf state = {0};

	return kind_value.read(env, path, &state, NULL) == 0 &&
	       value_state_text(rf_buf_slice(&state), out);
}

static int chain_find(const struct tune_call *call, struct chain *out, struct rf_err *err)
{
	static const char *const below[] = {"", "/libvirt"};
	const char *file = call->row->param;
	struct vm_scope scope;
	int rc = vm_scope_find(call->env->root, call->name, file, &scope, err);

	if (rc < 0)
		return rc;
	if (scope.version != 2)
		return rf_fail(err, RF_E_UNSUPPORTED,
			       "%s: this host's cgroups (version 1) have none; lock the VM's "
			       "memory at its next start instead",
			       call->row->name);
	*out = (struct chain){0};
	for (size_t i = 0; i < RF_COUNT(below); i++) {
		RF_AUTOBUF struct rf_buf now = {0};
		char *path = out->paths[out->count];

		if (!rf_format(path, sizeof(out->paths[0]), "%s%s/%s", scope.path, below[i], file))
			return rf_fail(err, RF_E_LIMIT, "%s: its cgroup's path is too long",
				       call->name);
		out->count += value_get(call->env, path, &now);
	}
	return out->count ? 0
			  : rf_fail(err, RF_E_UNSUPPORTED,
				    "%s: the memory controller is not on for it (%s)", call->name,
				    scope.path);
}

/* One number where all have the same, else one for each. */
static int chain_read(const struct tune_call *call, struct rf_buf *out, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf first = {0}, all = {0};
	struct chain chain;
	bool same = true;
	int rc = chain_find(call, &chain, err);

	for (size_t i = 0; rc == 0 && i < chain.count; i++) {
		RF_AUTOBUF struct rf_buf one = {0};

		if (!value_get(call->env, chain.paths[i], &one))
			return rf_fail(err, RF_E_MISSING, "%s went away", chain.paths[i]);
		const char *text = strcmp(rf_buf_text(&one), "max") == 0 ? "-1" : rf_buf_text(&one);

		if (i == 0)
			rf_buf_add_text(&first, text);
		same = same && strcmp(rf_buf_text(&first), text) == 0;
		rf_buf_printf(&all, "%s%s", i ? " " : "", text);
	}
	return rc ? rc : rf_buf_add_text(out, rf_buf_text(same ? &first : &all));
}

static int value_set(const struct verb_env *env, const char *path, const char *text,
		     struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf state = {0};
	int rc = value_state_encode(strcmp(text, "-1") == 0 ? "max" : text, &state);

	return rc ? rc : kind_value.put(env, path, rf_buf_slice(&state), err);
}

/* From the top, as a protection counts; what was set is set back where a later one is refused. */
static int chain_put(const struct tune_call *call, const char *value, struct rf_err *err)
{
	RF_AUTOFREE char *copy = rf_strdup(value);
	RF_AUTOBUF struct rf_buf before = {0};
	struct chain chain;
	char *cursor = copy, *word = NULL;
	int rc = copy ? chain_find(call, &chain, err) : -ENOMEM;

	for (size_t i = 0; rc == 0 && i < chain.count; i++) {
		char *next = rf_word_next(&cursor);

		word = next ? next : word;
		if (!word)
			return rf_fail(err, RF_E_SYNTAX, "%s: no value", call->row->name);
		if (i == 0 && !value_get(call->env, chain.paths[0], &before))
			return rf_fail(err, RF_E_MISSING, "%s went away", chain.paths[0]);
		rc = value_set(call->env, chain.paths[i], word, err);
		if (rc < 0 && i > 0 &&
		    value_set(call->env, chain.paths[0], rf_buf_text(&before), NULL) < 0)
			rf_wrap(err, rc, "and %s could not be put back", chain.paths[0]);
	}
	return rc;
}

static const struct tune_way way_chain = {chain_read, chain_put};

static const struct tune_row rows[] = {
	{.name = "memory.page-sharing",
	 .summary = "whether the VM's pages may be merged with others' (KSM)",
	 .value = TUNE_WORD,
	 .words = "on off",
	 .way = &way_sharing,
	 .xml = "memoryBacking/nosharepages",
	 .xml_word = "off"},
	/* Bytes that the kernel takes from the VM for no other's sake. */
	{.name = "memory.min",
	 .summary = "memory that the VM keeps however short the host is",
	 .unit = "bytes",
	 .value = TUNE_NUMBER,
	 .min = 0,
	 .max = BYTES_MAX,
	 .unlimited = INT64_MAX,
	 .way = &way_chain,
	 .param = "memory.min"},
	{.name = "memory.low",
	 .summary = "memory that the VM keeps while others have some to give",
	 .unit = "bytes",
	 .value = TUNE_NUMBER,
	 .min = 0,
	 .max = BYTES_MAX,
	 .unlimited = INT64_MAX,
	 .way = &way_chain,
	 .param = "memory.low"},
	{.name = "memory.swap.max",
	 .summary = "how much of the VM may be swapped out",
	 .unit = "bytes",
	 .value = TUNE_NUMBER,
	 .min = 0,
	 .max = BYTES_MAX,
	 .unlimited = INT64_MAX,
	 .way = &tune_cgroup,
	 .param = "memory.swap.max"},
	/* The guest's memory and what QEMU needs beside it: over it, the VM is ended. */
	{.name = "memory.max",
	 .summary = "memory that the VM with its QEMU may use",
	 .unit = "KiB",
	 .value = TUNE_NUMBER,
	 .min = 65536,
	 .max = KIB_NONE,
	 .unlimited = KIB_NONE,
	 .way = &tune_param,
	 .group = VIRT_MEMORY,
	 .param = "hard_limit",
	 .xml = "memtune/hard_limit",
	 .risk = RISK_MEDIUM},
	/* No running VM can lose or gain these. */
	{.name = "memory.balloon",
	 .summary = "the device by which a guest that agrees gives memory back",
	 .value = TUNE_WORD,
	 .words = "none virtio",
	 .xml = "devices/memballoon/@model"},
	{.name = "memory.locked",
	 .summary = "whether the VM's memory is locked when it starts",
	 .value = TUNE_WORD,
	 .words = "on",
	 .xml = "memoryBacking/locked",
	 .xml_word = "on"},
	{.name = "memory.hugepages",
	 .summary = "whether the VM's memory is huge pages, taken when it starts",
	 .value = TUNE_WORD,
	 .words = "on",
	 .xml = "memoryBacking/hugepages",
	 .xml_word = "on"},
};

const struct tune_rows tune_memory_rows = {rows, RF_COUNT(rows)};
