/* SPDX-License-Identifier: Apache-2.0 */
/* The disk block of a profile, and what has to be so for it. See disk.h; what is looked at is
 * disk_promises.c. */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/disk.h"
#include "isolate/host.h"
#include "isolate/policy_parts.h"
#include "isolate/tune.h"
#include "isolate/units.h"
#include "isolate/verbs.h"

#define LIMIT_MAX 1000000000000000ull /* QEMU's */
#define BURST_MAX 86400

struct block {
	int64_t iops, iops_burst, burst_s;
	const char *bytes_s, *bytes_burst, *shared, *encryption, *locking, *residue;
	const struct yaml_node *paths, *shared_paths, *luns;
};

static const struct yaml_field fields[] = {
	{"iops", YAML_T_INT, offsetof(struct block, iops), false},
	{"iops-burst", YAML_T_INT, offsetof(struct block, iops_burst), false},
	{"bytes-per-second", YAML_T_TEXT, offsetof(struct block, bytes_s), false},
	{"bytes-burst", YAML_T_TEXT, offsetof(struct block, bytes_burst), false},
	{"burst-seconds", YAML_T_INT, offsetof(struct block, burst_s), false},
	{"paths", YAML_T_TEXTS, offsetof(struct block, paths), false},
	{"luns", YAML_T_TEXTS, offsetof(struct block, luns), false},
	{"shared", YAML_T_TEXT, offsetof(struct block, shared), false},
	{"shared-paths", YAML_T_TEXTS, offsetof(struct block, shared_paths), false},
	{"encryption", YAML_T_TEXT, offsetof(struct block, encryption), false},
	{"locking", YAML_T_TEXT, offsetof(struct block, locking), false},
	{"residue", YAML_T_TEXT, offsetof(struct block, residue), false},
};

/* 0 and 1 for one of two words, -1 for another. */
static int word_of(const char *text, const char *no, const char *yes)
{
	return strcmp(text, no) == 0 ? 0 : strcmp(text, yes) == 0 ? 1 : -1;
}

static int number_take(const struct yaml_doc *doc, const struct yaml_node *map, const char *key,
		       int64_t n, uint64_t *out)
{
	const struct yaml_node *node = yaml_get(map, key);

	(void)doc;
	if (node && (n < 0 || (uint64_t)n > LIMIT_MAX))
		return RF_E_LIMIT;
	if (node)
		*out = (uint64_t)n;
	return 0;
}

static int limits_take(const struct yaml_doc *doc, const struct yaml_node *map,
		       const struct block *b, struct disk_profile *p, struct rf_err *err)
{
	if (number_take(doc, map, "iops", b->iops, &p->iops) < 0 ||
	    number_take(doc, map, "iops-burst", b->iops_burst, &p->iops_burst) < 0 ||
	    number_take(doc, map, "burst-seconds", b->burst_s, &p->burst_s) < 0 ||
	    p->burst_s > BURST_MAX)
		return yaml_fail(doc, map, err,
				 "iops and iops-burst are numbers from 0 (no limit), burst-seconds "
				 "is 1 to %d",
				 BURST_MAX);
	if ((b->bytes_s && unit_bytes(b->bytes_s, &p->bytes_s) < 0) ||
	    (b->bytes_burst && unit_bytes(b->bytes_burst, &p->bytes_burst) < 0) ||
	    p->bytes_s > LIMIT_MAX || p->bytes_burst > LIMIT_MAX)
		return yaml_fail(doc, map, err,
				 "bytes-per-second and bytes-burst are bytes a second (20MB, 64 "
				 "KiB; 0: no limit)");
	if ((p->iops_burst && p->iops_burst < p->iops) ||
	    (p->bytes_burst && p->bytes_burst < p->bytes_s))
		return yaml_fail(doc, map, err, "a burst below its limit");
	if ((p->iops_burst && !p->iops) || (p->bytes_burst && !p->bytes_s))
		return yaml_fail(doc, map, err, "a burst without a limit");
	p->limits |= yaml_get(map, "iops") || b->bytes_s || b->bytes_burst ||
		     yaml_get(map, "iops-burst") || yaml_get(map, "burst-seconds");
	return 0;
}

static int shared_take(const struct yaml_doc *doc, const struct yaml_node *map,
		       const struct block *b, struct disk_profile *p, struct rf_err *err)
{
	int word = b->shared ? word_of(b->shared, "forbidden", "listed") : -2;

	if (word == -1)
		return yaml_fail(doc, yaml_get(map, "shared"), err, "shared: forbidden or listed");
	if (word == 0)
		p->shared = NULL;
	if (b->shared_paths)
		p->shared = b->shared_paths;
	if (word == 0 && b->shared_paths)
		return yaml_fail(doc, map, err, "shared: forbidden, and shared-paths lists some");
	if (word == 1 && !p->shared)
		return yaml_fail(doc, map, err, "shared: listed wants shared-paths");
	return 0;
}

int disk_profile_read(const struct yaml_doc *doc, const struct yaml_node *map,
		      struct disk_profile *profile, struct rf_err *err)
{
	struct disk_profile p = *profile;
	struct block b = {0};
	int rc = yaml_bind(doc, map, fields, RF_COUNT(fields), &b, err);

	if (!rc)
		rc = limits_take(doc, map, &b, &p, err);
	if (!rc)
		rc = shared_take(doc, map, &b, &p, err);
	if (rc < 0)
		return rc;
	int encryption = b.encryption ? word_of(b.encryption, "any", "required") : p.encryption;
	int locking = b.locking ? word_of(b.locking, "any", "required") : p.locking;

	int residue = b.residue ? word_of(b.residue, "any", "none") : p.residue;

	if (encryption < 0 || locking < 0)
		return yaml_fail(doc, map, err, "encryption and locking: any or required");
	if (residue < 0)
		return yaml_fail(doc, map, err, "residue: any or none");
	p.residue = residue == 1;
	p.encryption = encryption == 1;
	p.locking = locking == 1;
	if (b.paths)
		p.paths = b.paths;
	if (b.luns)
		p.luns = b.luns;
	p.said = true;
	*profile = p;
	return 0;
}

/* ---- which VM has which ---- */

const struct disk_profile *disk_profile_of(const struct policy *policy, const char *vm,
					   const char *class, const char **out_name)
{
	const struct policy_vm who = {.name = vm, .class = class};
	bool twice;
	const struct policy_profile *found = policy_vm_profile(policy, &who, &twice);

	if (found)
		*out_name = found->name;
	return found ? &found->disk : NULL;
}

/* ---- wants ---- */

static void burst_words(struct rf_buf *out, const char *name, uint64_t burst, uint64_t seconds)
{
	rf_buf_printf(out, " %s_max=%llu read_%s_max=0 write_%s_max=0", name,
		      (unsigned long long)burst, name + strlen("total_"), name + strlen("total_"));
	if (burst)
		rf_buf_printf(out, " %s_max_length=%llu", name,
			      (unsigned long long)(seconds ? seconds : 1));
}

void disk_limits_words(const struct disk_profile *p, struct rf_buf *out)
{
	rf_buf_printf(out,
		      "total_bytes_sec=%llu read_bytes_sec=0 write_bytes_sec=0 total_iops_sec=%llu "
		      "read_iops_sec=0 write_iops_sec=0",
		      (unsigned long long)p->bytes_s, (unsigned long long)p->iops);
	burst_words(out, "total_bytes_sec", p->bytes_burst, p->burst_s);
	burst_words(out, "total_iops_sec", p->iops_burst, p->burst_s);
}

static int want_add(struct isolate_wants *wants, const struct disk_item *item,
		    enum virt_layer layer, const char *value, const char *profile)
{
	struct want want = {.needs = NEEDS_LIVE, .risk = RISK_LOW, .origin = "isolate"};
	char target[512];
	int rc = tune_target(target, item->vm, layer, "disk.limits", item->disk);

	if (!rc)
		rc = change_spec_set(&want.spec, "vm-tune", target, NULL, value, NULL);
	if (rc < 0)
		return rc;
	rf_copy(want.spec.op, sizeof(want.spec.op), "set");
	want.explanation =
		rf_arena_printf(&wants->texts, "%s %s: profile %s", item->vm, item->disk, profile);
	if (!want.explanation || rf_grow((void **)&wants->items, &wants->capacity, wants->count + 1,
					 sizeof(*wants->items)) < 0)
		return -ENOMEM;
	wants->items[wants->count++] = want;
	return 0;
}

int disk_wants_add(const struct policy *policy, const struct disk_input *input,
		   struct isolate_wants *wants, struct rf_err *err)
{
	for (size_t i = 0; i < input->count; i++) {
		const struct disk_item *item = &input->items[i];
		RF_AUTOBUF struct rf_buf words = {0}, value = {0};
		const char *name = "";
		const struct disk_profile *p =
			disk_profile_of(policy, item->vm, item->class, &name);

		if (!p || !p->limits)
			continue;
		disk_limits_words(p, &words);
		int rc = tune_canon(tune_find("disk.limits"), rf_buf_text(&words), &value, err);

		if (rc == 0 && item->live)
			rc = want_add(wants, item, VIRT_LIVE, rf_buf_text(&value), name);
		if (rc == 0 && item->defined)
			rc = want_add(wants, item, VIRT_PERSISTENT, rf_buf_text(&value), name);
		if (rc < 0)
			return rf_fail(err, rc, "%.60s %.40s: its limits cannot be planned: %s",
				       item->vm, item->disk, rf_code_text(rc));
	}
	return 0;
}
