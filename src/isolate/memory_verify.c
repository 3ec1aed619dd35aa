/* SPDX-License-Identifier: Apache-2.0 */
/* Proofs of what a policy says of memory. See memory_verify.h. Sources: proc(5), cgroup-v2.rst,
 * ksm.rst. */
#include "isolate/memory_verify.h"

#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "isolate/ksm_try.h"
#include "isolate/smaps.h"

#define HOST_ALONE	"no page of this host is shared"
#define MIB		(1ll << 20)
#define SMAPS_MAX_BYTES (32u << 20)

struct verifying {
	const struct policy *policy;
	const struct memory_input *in;
	const struct memory_result *result;
	struct sys *sys;
	struct memory_proofs *out;
};

void memory_proofs_done(struct memory_proofs *proofs)
{
	rf_free(proofs->items);
	memset(proofs, 0, sizeof(*proofs));
}

static struct memory_proof *proof_add(const struct verifying *v, const char *vm, const char *name)
{
	struct memory_proofs *out = v->out;

	if (rf_grow((void **)&out->items, &out->capacity, out->count + 1, sizeof(*out->items)) < 0)
		return NULL;
	out->items[out->count] = (struct memory_proof){.vm = vm, .name = name};
	return &out->items[out->count++];
}

/* "max" is more than any number; -1: it cannot be read. */
static int64_t value_of(struct sys *sys, const char *folder, const char *below, const char *file)
{
	char path[600], text[64];
	int64_t n;

	if (!folder[0] || !rf_format(path, sizeof(path), "%s%s/%s", folder, below, file) ||
	    sys_read_line(sys, path, text, sizeof(text)) < 0)
		return -1;
	if (strcmp(text, "max") == 0)
		return INT64_MAX;
	return rf_num(text, 10, 0, INT64_MAX, &n) < 0 ? -1 : n;
}

static int64_t process_value(struct sys *sys, int64_t pid, const char *file)
{
	char folder[48];

	rf_format(folder, sizeof(folder), "/proc/%lld", (long long)pid);
	return value_of(sys, folder, "", file);
}

/* ---- page sharing ---- */

static int ram_look(const struct verifying *v, const struct memory_vm *vm, struct smaps_ram *out,
		    struct rf_err *why)
{
	RF_AUTOBUF struct rf_buf text = {0};
	char path[48];

	if (vm->pid <= 0)
		return rf_fail(why, RF_E_MISSING, "its QEMU was not found among the processes");
	rf_format(path, sizeof(path), "/proc/%lld/smaps", (long long)vm->pid);
	int rc = sys_read(v->sys, path, SMAPS_MAX_BYTES, &text, why);

	if (!rc)
		rc = smaps_read(rf_buf_slice(&text), vm->bytes, out, why);
	if (!rc && !out->found)
		rc = rf_fail(why, RF_E_MISSING, "%s: no mapping is the VM's %lld MiB", path,
			     (long long)(vm->bytes / MIB));
	return rc;
}

static int sharing_prove(const struct verifying *v, const struct memory_wanted *w)
{
	struct memory_proof *p = proof_add(v, w->vm->vm, "no page is shared");
	struct smaps_ram ram = {0};
	struct rf_err why = {0};

	if (!p)
		return -ENOMEM;
	/* A VM that the policy does not name keeps its definition; a transient one has none. */
	p->configured = !w->profile[0] || !w->vm->defined || !w->vm->shares_defined;
	if (ram_look(v, w->vm, &ram, &why) < 0) {
		rf_format(p->evidence, sizeof(p->evidence), "%.280s", rf_err_text(&why));
		return 0;
	}
	int64_t merged = process_value(v->sys, w->vm->pid, "ksm_merging_pages");

	p->enforced = !ram.mergeable;
	p->proven = p->enforced && merged >= 0 && merged * 4096 <= ram.mergeable_bytes &&
		    (ram.mergeable_bytes || !merged);
	rf_format(p->evidence, sizeof(p->evidence),
		  "smaps of %lld: RAM of %lld MiB %s mg; %lld KiB of device memory can be shared "
		  "until its next cold boot; %lld pages of it are merged",
		  (long long)w->vm->pid, (long long)(ram.bytes / MIB),
		  ram.mergeable ? "has" : "has no",
		  (long long)((ram.mergeable_bytes - (ram.mergeable ? ram.bytes : 0)) / 1024),
		  (long long)merged);
	return 0;
}

static bool is_member(const struct verifying *v, int64_t pid)
{
	for (size_t i = 0; i < v->result->count; i++) {
		const struct memory_wanted *w = &v->result->items[i];

		if (w->vm->pid == pid)
			return w->share == SHARE_GROUP;
	}
	return false;
}

/* All processes of the host: one that nobody knows of may share, too. */
static int group_prove(const struct verifying *v)
{
	SYS_AUTONAMES struct sys_names names = {0};
	struct memory_proof *p = proof_add(v, "", "one group alone shares pages");
	size_t members = 0, strangers = 0;
	int64_t pid, stranger = 0;

	if (!p)
		return -ENOMEM;
	p->configured = true;
	if (sys_list(v->sys, "/proc", &names, NULL) < 0) {
		rf_format(p->evidence, sizeof(p->evidence), "/proc cannot be listed");
		return 0;
	}
	for (size_t i = 0; i < names.count; i++) {
		if (rf_num(names.names[i], 10, 1, INT32_MAX, &pid) < 0 ||
		    process_value(v->sys, pid, "ksm_merging_pages") <= 0)
			continue;
		if (is_member(v, pid)) {
			members++;
		} else {
			strangers++;
			stranger = pid;
		}
	}
	p->enforced = p->proven = strangers == 0;
	rf_format(p->evidence, sizeof(p->evidence),
		  "group %.60s: %zu of its VMs have merged pages, %zu other processes have%s%.0lld",
		  v->result->label, members, strangers, strangers ? ", such as " : "",
		  (long long)stranger);
	return 0;
}

/* Asked again, not taken from the input: a plan may have been applied since. */
static int host_prove(const struct verifying *v)
{
	const struct memory_policy *host = policy_memory(v->policy);
	bool off = (host->said & SAID_SHARING) && !host->sharing;
	struct memory_proof *p = off ? proof_add(v, "", HOST_ALONE) : NULL;

	if (!off)
		return v->result->label ? group_prove(v) : 0;
	if (!p)
		return -ENOMEM;
	int64_t run = value_of(v->sys, MEMORY_KSM_DIR, "", "run");
	int64_t shared = value_of(v->sys, MEMORY_KSM_DIR, "", "pages_shared");
	int64_t sharing = value_of(v->sys, MEMORY_KSM_DIR, "", "pages_sharing");
	bool none = run < 0 && !sys_exists(v->sys, MEMORY_KSM_DIR);

	p->configured = none || run == 2;
	p->enforced = none || run == 0 || run == 2;
	p->proven = none || (p->enforced && shared == 0 && sharing == 0);
	rf_format(p->evidence, sizeof(p->evidence),
		  none ? "this kernel has no KSM"
		       : "run %lld (2: stopped and taken apart), pages_shared %lld, pages_sharing "
			 "%lld",
		  (long long)run, (long long)shared, (long long)sharing);
	return 0;
}

/* ---- reservation, limit ---- */

/* The least of a value from the group that libvirt makes below the VM's up to the top. */
static int64_t chain_least(const struct verifying *v, const struct memory_vm *vm, const char *file,
			   const char **out_where)
{
	int64_t least = value_of(v->sys, vm->group, "", file);
	int64_t below = value_of(v->sys, vm->group, "/libvirt", file);

	*out_where = vm->group;
	if (below >= 0 && below < least) {
		least = below;
		*out_where = "the group that libvirt made below it";
	}
	for (size_t i = 0; i < vm->groups_count; i++) {
		const char *path = v->in->groups[vm->groups[i]].path;
		int64_t n = value_of(v->sys, path, "", file);

		if (n < least) {
			least = n;
			*out_where = path;
		}
	}
	return least;
}

static int protection_prove(const struct verifying *v, const struct memory_wanted *w, bool low)
{
	int64_t wanted = low ? w->low_bytes : w->min_bytes;
	const char *where = "", *file = low ? "memory.low" : "memory.min";
	struct memory_proof *p = proof_add(
		v, w->vm->vm, low ? "memory is taken from it last" : "its memory is reserved");

	if (!p)
		return -ENOMEM;
	int64_t least = chain_least(v, w->vm, file, &where);
	int64_t swapped = value_of(v->sys, w->vm->group, "", "memory.swap.current");

	p->configured = value_of(v->sys, w->vm->group, "", file) >= wanted;
	p->enforced = least >= wanted;
	if (!low && w->no_swap)
		p->enforced =
			p->enforced && value_of(v->sys, w->vm->group, "", "memory.swap.max") == 0;
	/* Nothing of it is elsewhere; a kernel without swap has no such file. */
	p->proven = p->enforced && (low || !w->no_swap || swapped <= 0);
	rf_format(p->evidence, sizeof(p->evidence),
		  "%s: the least of its chain is %lld MiB of %lld (%.120s); %lld KiB are swapped "
		  "out",
		  file, (long long)(least < 0 ? 0 : least / MIB), (long long)(wanted / MIB), where,
		  (long long)(swapped < 0 ? 0 : swapped / 1024));
	return 0;
}

static int limit_prove(const struct verifying *v, const struct memory_wanted *w)
{
	struct memory_proof *p = proof_add(v, w->vm->vm, "its memory is limited");
	bool old = w->vm->version == 1;
	const char *file = old ? "memory.limit_in_bytes" : "memory.max";

	if (!p)
		return -ENOMEM;
	int64_t limit = value_of(v->sys, w->vm->group, "", file);
	int64_t below = value_of(v->sys, w->vm->group, "/libvirt", file);
	int64_t used = value_of(v->sys, w->vm->group, "",
				old ? "memory.usage_in_bytes" : "memory.current");

	if (below >= 0 && (limit < 0 || below < limit))
		limit = below;
	p->enforced = limit >= 0 && limit <= w->max_bytes;
	p->configured = p->enforced;
	p->proven = p->enforced && used >= 0 && used <= limit;
	rf_format(p->evidence, sizeof(p->evidence), "%s is %lld MiB of %lld; %lld MiB are used",
		  file, (long long)(limit < 0 ? -1 : limit / MIB), (long long)(w->max_bytes / MIB),
		  (long long)(used < 0 ? -1 : used / MIB));
	return 0;
}

static int vm_prove(const struct verifying *v, const struct memory_wanted *w)
{
	int rc = 0;

	if (!w->vm->running)
		return 0;
	if (w->share == SHARE_OFF)
		rc = sharing_prove(v, w);
	if (!rc && w->min_bytes > 0)
		rc = protection_prove(v, w, false);
	if (!rc && w->low_bytes > 0)
		rc = protection_prove(v, w, true);
	return rc || w->max_bytes < 0 ? rc : limit_prove(v, w);
}

int memory_verify(const struct policy *policy, const struct memory_input *input,
		  const struct memory_result *result, struct sys *sys, struct memory_proofs *out,
		  struct rf_err *err)
{
	struct memory_proofs proofs = {0};
	const struct verifying v = {policy, input, result, sys, &proofs};
	int rc = host_prove(&v);

	for (size_t i = 0; rc == 0 && i < result->count; i++)
		rc = vm_prove(&v, &result->items[i]);
	if (rc < 0) {
		memory_proofs_done(&proofs);
		return rf_fail(err, rc, "no memory");
	}
	*out = proofs;
	return 0;
}

void memory_proofs_tried(struct memory_proofs *proofs, const struct ksm_trial *trial)
{
	static const char *const words[] = {"were merged", "were not merged",
					    "were not looked at in that time: unknown"};

	for (size_t i = 0; i < proofs->count; i++) {
		struct memory_proof *p = &proofs->items[i];
		size_t len = strlen(p->evidence);

		if (p->vm[0])
			continue;
		if (strcmp(p->name, HOST_ALONE) == 0 && trial->answer == KSM_MERGED)
			p->proven = false;
		(void)rf_format(p->evidence + len, sizeof(p->evidence) - len,
				"; tried: equal pages of our own %s (%u ms)", words[trial->answer],
				trial->ms);
	}
}
