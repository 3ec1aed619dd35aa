/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a policy and the VMs of a host to what each VM's memory should be, and whether the host can
 * give it. Pure. See memory.h. A VM that gets two profiles is told by the ports' resolution; here
 * the same rule holds.
 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/memory.h"
#include "isolate/policy_parts.h"

#define MIB	    (1ll << 20)
#define NAMES_SHOWN 6u

const struct memory_policy *policy_memory(const struct policy *policy)
{
	return &policy->memory;
}

void memory_result_done(struct memory_result *result)
{
	rf_free(result->items);
	rf_free(result->notes);
	rf_arena_done(&result->texts);
	memset(result, 0, sizeof(*result));
}

/* text may be NULL: memory was short. */
static int note_add(struct memory_result *out, const char *vm, bool conflict, const char *text)
{
	if (!text || rf_grow((void **)&out->notes, &out->notes_capacity, out->notes_count + 1,
			     sizeof(*out->notes)) < 0)
		return -ENOMEM;
	out->notes[out->notes_count++] = (struct memory_note){vm, conflict, text};
	out->conflicts += conflict;
	return 0;
}

#define NOTE(out, vm, conflict, ...)                                                               \
	note_add((out), (vm), (conflict), rf_arena_printf(&(out)->texts, __VA_ARGS__))

/* The profile of a VM; NULL: none, or two, which is noted. */
static const struct policy_profile *profile_of(const struct policy *policy,
					       const struct memory_vm *vm,
					       struct memory_result *out, int *rc)
{
	const struct policy_rule *found = NULL;

	for (size_t i = 0; i < policy->rules_count; i++) {
		const struct policy_rule *rule = &policy->rules[i];
		bool matches = policy_rule_names(rule, vm->vm, vm->class);

		if (matches && found && found->profile != rule->profile) {
			*rc = NOTE(out, vm->vm, true,
				   "it is in two places: line %u says profile %s, line %u profile "
				   "%s",
				   found->line, found->profile->name, rule->line,
				   rule->profile->name);
			return NULL;
		}
		found = matches ? rule : found;
	}
	if (!found && policy->has_others)
		found = &policy->others;
	return found ? found->profile : NULL;
}

/* The hundredth first, so that nothing overflows; whole MiB, for the kernel counts in pages and a
 * value that is read back as another would be set for ever. */
static int64_t percent(int64_t bytes, uint32_t pct)
{
	int64_t n = bytes / 100 * (int64_t)pct + bytes % 100 * (int64_t)pct / 100;

	return n > INT64_MAX - MIB ? INT64_MAX / MIB * MIB : (n + MIB - 1) / MIB * MIB;
}

static void profile_lay(const struct memory_profile *p, struct memory_wanted *w)
{
	int64_t bytes = w->vm->bytes;

	if (p->said & SAID_SHARING) {
		w->share = p->label ? SHARE_GROUP : SHARE_OFF;
		w->label = p->label ? p->label : "";
	}
	if (p->said & SAID_RESERVATION) {
		w->min_bytes = p->reservation_mib ? p->reservation_mib * MIB
						  : percent(bytes, p->reservation_pct);
		w->no_swap = w->min_bytes >= bytes;
	}
	if (p->said & SAID_PRIORITY)
		w->low_bytes = percent(bytes, p->priority_pct);
	if (p->said & SAID_LIMIT)
		w->max_bytes = p->limit_mib ? p->limit_mib * MIB : percent(bytes, p->limit_pct);
	w->no_balloon = (p->said & SAID_BALLOON) && !p->balloon;
	w->locked = (p->said & SAID_LOCKED) && p->locked;
	w->hugepages = (p->said & SAID_HUGEPAGES) && p->hugepages;
}

/* What of a profile this VM cannot have now, in words. */
static int vm_notes(struct memory_result *out, const struct memory_wanted *w)
{
	const struct memory_vm *vm = w->vm;
	bool protects = w->min_bytes > 0 || w->low_bytes > 0;
	int rc = 0;

	if (w->max_bytes >= 0 && w->max_bytes < vm->bytes)
		rc = NOTE(out, vm->vm, true,
			  "profile %s limits it to %lld MiB and the VM has %lld MiB: it would be "
			  "ended",
			  w->profile, (long long)(w->max_bytes / MIB),
			  (long long)(vm->bytes / MIB));
	if (!rc && w->min_bytes >= vm->bytes + MIB)
		rc = NOTE(out, vm->vm, true,
			  "profile %s reserves %lld MiB for it and it has %lld MiB", w->profile,
			  (long long)(w->min_bytes / MIB), (long long)(vm->bytes / MIB));
	if (!rc && vm->running && protects && vm->version == 1)
		rc = NOTE(out, vm->vm, true,
			  "profile %s reserves memory, which this host's cgroups (version 1) "
			  "cannot do live: lock it at the VM's next start (locked: yes), or boot "
			  "the host with systemd.unified_cgroup_hierarchy=1",
			  w->profile);
	if (!rc && vm->running && protects && vm->version == 0)
		rc = NOTE(out, vm->vm, true,
			  "profile %s reserves memory, and the VM's cgroup was not found",
			  w->profile);
	if (!rc && vm->running && w->no_balloon && vm->balloon)
		rc = NOTE(out, vm->vm, false,
			  "its balloon is taken away at its next cold boot; until then it gives "
			  "memory back only if the guest agrees, so no limit is built on it");
	if (!rc && vm->running && (w->locked || w->hugepages))
		rc = NOTE(out, vm->vm, false,
			  "locked and huge pages need a cold boot of the VM: the reservation holds "
			  "by its cgroup until then");
	return rc;
}

/* ---- who may share pages ---- */

static bool is_member(const struct memory_wanted *w, const char *label)
{
	return w->share == SHARE_GROUP && strcmp(w->label, label) == 0;
}

/* Linux knows no groups: whoever may share, may share with all that may. So one group at a time. */
static int label_choose(const struct policy *policy, struct memory_result *out)
{
	const struct memory_policy *host = &policy->memory;
	const char *label = NULL;

	if (host->said & SAID_LABEL)
		label = host->label;
	if ((host->said & SAID_SHARING) && !host->sharing)
		return 0;
	for (size_t i = 0; !(host->said & SAID_LABEL) && i < out->count; i++) {
		const struct memory_wanted *w = &out->items[i];

		if (w->share != SHARE_GROUP || (label && strcmp(label, w->label) == 0))
			continue;
		if (label)
			return NOTE(out, w->vm->vm, true,
				    "its group %s and group %s would share pages with one another: "
				    "one group of a host may share at a time, say which by host: "
				    "memory: sharing-label",
				    w->label, label);
		label = w->label;
	}
	out->label = label;
	return 0;
}

static int sharing_settle(const struct policy *policy, struct memory_result *out)
{
	int rc = label_choose(policy, out);

	for (size_t i = 0; rc == 0 && i < out->count; i++) {
		struct memory_wanted *w = &out->items[i];
		bool outside =
			w->share == SHARE_GROUP && (!out->label || !is_member(w, out->label));

		if (outside && out->label)
			rc = NOTE(out, w->vm->vm, false,
				  "its group %s shares no pages on this host: group %s does",
				  w->label, out->label);
		/* Where a group shares, everybody else is out of it, in the policy or not. */
		if (outside || (out->label && w->share == SHARE_AS_IS))
			w->share = SHARE_OFF;
	}
	return rc;
}

/* ---- what the host can give ---- */

/* "a 2048 MiB, b 1024 MiB and 3 more", the largest first would hide who is new: as the facts are.
 */
static void names_list(const struct memory_result *out, bool reserved, struct rf_buf *text)
{
	size_t shown = 0, more = 0;

	for (size_t i = 0; i < out->count; i++) {
		const struct memory_wanted *w = &out->items[i];
		int64_t bytes = reserved ? w->min_bytes : w->vm->bytes;

		if (!w->vm->running || bytes <= 0)
			continue;
		if (shown == NAMES_SHOWN) {
			more++;
			continue;
		}
		rf_buf_printf(text, "%s%.60s %lld MiB", shown++ ? ", " : "", w->vm->vm,
			      (long long)(bytes / MIB));
	}
	if (more)
		rf_buf_printf(text, " and %zu more", more);
}

static int64_t running_sum(const struct memory_result *out, bool reserved)
{
	int64_t sum = 0;

	for (size_t i = 0; i < out->count; i++) {
		const struct memory_wanted *w = &out->items[i];
		int64_t bytes = reserved ? w->min_bytes : w->vm->bytes;

		if (w->vm->running && bytes > 0 && __builtin_add_overflow(sum, bytes, &sum))
			return INT64_MAX;
	}
	return sum;
}

static int sum_refuse(struct memory_result *out, bool reserved, int64_t sum, int64_t most,
		      const char *of)
{
	RF_AUTOBUF struct rf_buf names = {0};

	names_list(out, reserved, &names);
	return NOTE(out, "", true, "%s %lld MiB (%s), and %s is %lld MiB",
		    reserved ? "the policy reserves" : "the running VMs have",
		    (long long)(sum / MIB), rf_buf_text(&names), of, (long long)(most / MIB));
}

static int host_admit(const struct policy *policy, const struct memory_input *in,
		      struct memory_result *out)
{
	const struct memory_policy *host = &policy->memory;
	uint32_t keep = host->said & SAID_KEEP_FREE ? host->keep_free_pct : 10;
	int64_t reserved = running_sum(out, true), all = running_sum(out, false);
	int64_t most = in->host_bytes - percent(in->host_bytes, keep);
	int rc = 0;

	if (in->host_bytes <= 0)
		return reserved > 0 || (host->said & SAID_OVER_COMMIT)
			       ? NOTE(out, "", true,
				      "how much memory this host has is not known: nothing can be "
				      "reserved")
			       : 0;
	if (reserved > most)
		rc = sum_refuse(out, true, reserved, most, "what this host may reserve");
	most = percent(in->host_bytes, host->over_commit_pct);
	if (!rc && (host->said & SAID_OVER_COMMIT) && all > most)
		rc = sum_refuse(out, false, all, most, "the most that this host may promise");
	return rc;
}

/* KSM's own rules: these two are taken only while nothing is shared. */
static int ksm_notes(const struct policy *policy, const struct memory_input *in,
		     struct memory_result *out)
{
	const struct memory_policy *host = &policy->memory;
	const struct memory_ksm *ksm = &in->ksm;
	bool across = (host->said & SAID_ACROSS) && ksm->across_nodes >= 0 &&
		      ksm->across_nodes != host->across_nodes;
	bool most = (host->said & SAID_MAX_SHARING) && ksm->max_page_sharing >= 0 &&
		    ksm->max_page_sharing != host->max_page_sharing;
	bool stops = (host->said & SAID_SHARING) && !host->sharing;
	int rc = 0;

	if ((across || most) && ksm->pages_shared > 0 && !stops)
		rc = NOTE(out, "", true,
			  "%s can be changed only while no page is shared, and %lld are: apply "
			  "page-sharing: off first",
			  across ? "merge-across-nodes" : "max-page-sharing",
			  (long long)ksm->pages_shared);
	if (!rc && (host->said & SAID_SHARING) && host->sharing && ksm->run < 0)
		rc = NOTE(out, "", true, "this kernel cannot share pages (no KSM)");
	if (!rc && (host->said & SAID_ADVISOR) && !ksm->advisor[0])
		rc = NOTE(out, "", false,
			  "this kernel's KSM has no advisor (Linux 6.8 has): that key does "
			  "nothing here");
	return rc;
}

static int vms_lay(const struct policy *policy, const struct memory_input *in,
		   struct memory_result *out)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < in->count; i++) {
		struct memory_wanted *w = &out->items[out->count++];

		*w = (struct memory_wanted){.vm = &in->vms[i],
					    .profile = "",
					    .label = "",
					    .min_bytes = -1,
					    .low_bytes = -1,
					    .max_bytes = -1};
		const struct policy_profile *profile = profile_of(policy, w->vm, out, &rc);

		if (!profile || rc < 0)
			continue;
		w->profile = profile->name;
		profile_lay(&profile->memory, w);
		rc = vm_notes(out, w);
	}
	return rc;
}

int memory_resolve(const struct policy *policy, const struct memory_input *input,
		   struct memory_result *out, struct rf_err *err)
{
	struct memory_result result = {.items = rf_alloc(input->count + 1, sizeof(*result.items))};
	int rc = result.items ? vms_lay(policy, input, &result) : -ENOMEM;

	if (!rc)
		rc = sharing_settle(policy, &result);
	if (!rc)
		rc = host_admit(policy, input, &result);
	if (!rc)
		rc = ksm_notes(policy, input, &result);
	if (rc < 0) {
		memory_result_done(&result);
		return rf_fail(err, rc, "no memory");
	}
	*out = result;
	return 0;
}
