/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules, digest sets, maintenance windows and expectations of a baseline, checked at load: a rule
 * that can never match is refused with its place. What they do to reasons stands in
 * baseline_apply.c.
 */
#include <errno.h>
#include <string.h>

#include "attest/baseline_parts.h"
#include "base/mem.h"
#include "base/str.h"

/* ---- what rules may be about ---- */

enum about {
	MAY_ALLOW = 1,
	HAS_DIGEST = 2, /* its part is a file or an image with digests of its contents */
	HAS_SIGNER = 4, /* Secure Boot asks who signed it */
};

/* Closed list: what is not here says that the evidence is false, or cannot be judged. */
static const struct {
	enum reason_id id;
	unsigned int about;
} about_rows[] = {
	{REASON_RESUMED, MAY_ALLOW},
	{REASON_TPM_FIRMWARE, MAY_ALLOW},
	{REASON_WEAK_CRYPTO, MAY_ALLOW},
	{REASON_BANK_UNQUOTED, MAY_ALLOW},
	{REASON_EK_UNVERIFIED, MAY_ALLOW},
	{REASON_SOFTWARE_TPM, MAY_ALLOW},
	{REASON_EVENT_NOT_ALLOWED, MAY_ALLOW},
	{REASON_EVENT_UNKNOWN, MAY_ALLOW},
	{REASON_BOOT_FAILURE, MAY_ALLOW},
	{REASON_EXIT_MISSING, MAY_ALLOW},
	{REASON_SECURE_BOOT_OFF, MAY_ALLOW},
	{REASON_SETUP_MODE, MAY_ALLOW},
	{REASON_SHIM_VALIDATION_OFF, MAY_ALLOW},
	{REASON_LOCKDOWN_OFF, MAY_ALLOW},
	{REASON_IMA_OFF, MAY_ALLOW},
	{REASON_FIRMWARE_CHANGED, MAY_ALLOW | HAS_DIGEST},
	{REASON_FIRMWARE_CONFIG_CHANGED, MAY_ALLOW},
	{REASON_OPTION_ROM_CHANGED, MAY_ALLOW | HAS_DIGEST | HAS_SIGNER},
	{REASON_MICROCODE_CHANGED, MAY_ALLOW | HAS_DIGEST},
	{REASON_SECURE_BOOT_CHANGED, MAY_ALLOW},
	{REASON_SECURE_BOOT_KEYS_CHANGED, MAY_ALLOW | HAS_DIGEST},
	{REASON_DBX_CHANGED, MAY_ALLOW | HAS_DIGEST},
	{REASON_AUTHORITY_CHANGED, MAY_ALLOW | HAS_DIGEST},
	{REASON_MOK_CHANGED, MAY_ALLOW | HAS_DIGEST},
	{REASON_SBAT_CHANGED, MAY_ALLOW},
	{REASON_BOOT_ORDER_CHANGED, MAY_ALLOW},
	{REASON_BOOT_ENTRY_CHANGED, MAY_ALLOW},
	{REASON_BOOT_APP_CHANGED, MAY_ALLOW | HAS_DIGEST | HAS_SIGNER},
	{REASON_DRIVER_CHANGED, MAY_ALLOW | HAS_DIGEST | HAS_SIGNER},
	{REASON_GPT_CHANGED, MAY_ALLOW},
	{REASON_LOADER_COMMAND_CHANGED, MAY_ALLOW},
	{REASON_LOADER_FILE_CHANGED, MAY_ALLOW | HAS_DIGEST},
	{REASON_KERNEL_CHANGED, MAY_ALLOW | HAS_DIGEST | HAS_SIGNER},
	{REASON_INITRD_CHANGED, MAY_ALLOW | HAS_DIGEST},
	{REASON_CMDLINE_CHANGED, MAY_ALLOW | HAS_DIGEST},
	{REASON_DRTM_CHANGED, MAY_ALLOW | HAS_DIGEST},
	{REASON_ESX_CHANGED, MAY_ALLOW | HAS_DIGEST},
	{REASON_ASSET_TAG_CHANGED, MAY_ALLOW | HAS_DIGEST},
	{REASON_USERSPACE_CHANGED, MAY_ALLOW},
	{REASON_EVENT_CHANGED, MAY_ALLOW | HAS_DIGEST},
	{REASON_EVENT_REORDERED, MAY_ALLOW},
	{REASON_IMA_VIOLATION, MAY_ALLOW},
	{REASON_IMA_UNKNOWN_FILE, MAY_ALLOW | HAS_DIGEST},
	{REASON_IMA_CHANGED_FILE, MAY_ALLOW | HAS_DIGEST},
	{REASON_IMA_BAD_SIGNATURE, MAY_ALLOW | HAS_DIGEST},
	{REASON_IMA_WEAK, MAY_ALLOW},
	{REASON_IMA_UNJUDGED, MAY_ALLOW},
};

static unsigned int about(enum reason_id id)
{
	for (size_t i = 0; i < RF_COUNT(about_rows); i++) {
		if (about_rows[i].id == id)
			return about_rows[i].about;
	}
	return 0;
}

bool baseline_may_allow(enum reason_id id)
{
	return about(id) & MAY_ALLOW;
}

bool baseline_has_digest(enum reason_id id)
{
	return about(id) & HAS_DIGEST;
}

bool baseline_has_signer(enum reason_id id)
{
	return about(id) & HAS_SIGNER;
}

/* Packages by name, and what installing them changes in the next boot. */
static const struct {
	const char *package;
	enum reason_id ids[6];
	size_t count;
} package_rows[] = {
	{"linux-image*",
	 {REASON_KERNEL_CHANGED, REASON_INITRD_CHANGED, REASON_LOADER_FILE_CHANGED,
	  REASON_LOADER_COMMAND_CHANGED},
	 4},
	{"kernel*",
	 {REASON_KERNEL_CHANGED, REASON_INITRD_CHANGED, REASON_LOADER_FILE_CHANGED,
	  REASON_LOADER_COMMAND_CHANGED},
	 4},
	{"grub*",
	 {REASON_BOOT_APP_CHANGED, REASON_LOADER_FILE_CHANGED, REASON_LOADER_COMMAND_CHANGED},
	 3},
	{"shim*", {REASON_BOOT_APP_CHANGED, REASON_SBAT_CHANGED}, 2},
	{"systemd*", {REASON_BOOT_APP_CHANGED, REASON_INITRD_CHANGED, REASON_USERSPACE_CHANGED}, 3},
	{"*microcode*", {REASON_INITRD_CHANGED, REASON_MICROCODE_CHANGED}, 2},
	{"initramfs-tools*", {REASON_INITRD_CHANGED}, 1},
	{"dracut*", {REASON_INITRD_CHANGED}, 1},
	{"fwupd*",
	 {REASON_FIRMWARE_CHANGED, REASON_FIRMWARE_CONFIG_CHANGED, REASON_DBX_CHANGED,
	  REASON_OPTION_ROM_CHANGED, REASON_MICROCODE_CHANGED, REASON_BOOT_APP_CHANGED},
	 6},
	{"esx*", {REASON_ESX_CHANGED}, 1},
	{"*vib*", {REASON_ESX_CHANGED}, 1},
};

/* A window names packages by globs ("linux-image-6.1*"); a row covers a family of them. */
static bool same_family(const char *wanted, const char *family)
{
	char bare[128];

	rf_copy(bare, sizeof(bare), wanted);
	bare[strcspn(bare, "*?[")] = '\0';
	return rf_glob(family, wanted) || rf_glob(family, bare);
}

bool baseline_package_changes(const struct baseline_texts *packages, enum reason_id id)
{
	for (size_t p = 0; p < packages->count; p++) {
		for (size_t i = 0; i < RF_COUNT(package_rows); i++) {
			if (!same_family(packages->items[p], package_rows[i].package))
				continue;
			for (size_t k = 0; k < package_rows[i].count; k++) {
				if (package_rows[i].ids[k] == id)
					return true;
			}
		}
	}
	return false;
}

/* ---- reading ---- */

static int no_memory(struct baseline_reader *r)
{
	return rf_fail(r->err, -ENOMEM, "%s: no memory", r->doc->name);
}

static int read_texts(struct baseline_reader *r, const struct yaml_node *node,
		      struct baseline_texts *out)
{
	const struct yaml_node *first = node->kind == YAML_TEXT ? node : node->items;

	out->count = node->kind == YAML_TEXT ? 1 : node->items_count;
	if (out->count == 0 || out->count > BASELINE_MAX_GLOBS)
		return yaml_fail(r->doc, node, r->err, "%s: 1 to %u texts",
				 node->key ? node->key : "list", BASELINE_MAX_GLOBS);
	out->items = rf_arena_alloc(&r->baseline->arena, out->count, sizeof(*out->items));
	if (!out->items)
		return no_memory(r);
	for (size_t i = 0; i < out->count; i++) {
		if (first[i].text[0] == '\0')
			return yaml_fail(r->doc, &first[i], r->err,
					 "an empty text matches nothing");
		out->items[i] = rf_arena_copy(&r->baseline->arena, first[i].text);
		if (!out->items[i])
			return no_memory(r);
	}
	return 0;
}

static const struct baseline_set *find_set(const struct baseline *baseline, const char *name)
{
	for (size_t i = 0; i < baseline->sets_count; i++) {
		if (strcmp(baseline->sets[i].name, name) == 0)
			return &baseline->sets[i];
	}
	return NULL;
}

static int read_inline_set(struct baseline_reader *r, const struct yaml_node *node,
			   struct baseline_set *set)
{
	int rc = digestset_new(node->items_count, &set->digests, r->err);

	for (size_t i = 0; rc == 0 && i < node->items_count; i++) {
		const struct yaml_node *item = &node->items[i];
		struct attest_digest digest;

		if (item->kind != YAML_TEXT || baseline_digest_parse(item->text, &digest) < 0)
			return yaml_fail(r->doc, item, r->err, "a digest is written as sha256:HEX");
		rc = digestset_add(set->digests, digest.alg,
				   (struct rf_slice){digest.bytes, digest.len}, 0);
		if (rc < 0)
			return yaml_fail(r->doc, item, r->err, "%s", rf_code_text(rc));
	}
	return rc;
}

/* As a file of digests has it, in the baseline itself. */
static int read_text_set(struct baseline_reader *r, const struct yaml_node *node, const char *text,
			 struct baseline_set *set)
{
	struct rf_err why = {0};

	set->text = rf_strndup(text, strlen(text));
	if (!set->text)
		return no_memory(r);
	set->text_len = strlen(text);
	int rc = digestset_load((struct rf_slice){(const uint8_t *)set->text, set->text_len},
				&set->digests, &why);

	if (rc < 0)
		return yaml_fail(r->doc, node, r->err, "%s", rf_err_text(&why));
	if (digestset_count(set->digests) == 0)
		return yaml_fail(r->doc, node, r->err, "a set without digests allows nothing");
	return 0;
}

struct set_fields {
	const char *file, *text;
};

static const struct yaml_field set_table[] = {
	{"file", YAML_T_TEXT, offsetof(struct set_fields, file), false},
	{"text", YAML_T_TEXT, offsetof(struct set_fields, text), false},
};

static int read_set(struct baseline_reader *r, const struct yaml_node *node)
{
	struct baseline *baseline = r->baseline;
	struct baseline_set *set = &baseline->sets[baseline->sets_count];
	struct set_fields f = {0};

	if (node->kind == YAML_LIST && node->items_count == 0)
		return yaml_fail(r->doc, node, r->err, "a set without digests allows nothing");
	/* Counted before it is filled, so that what it owns is freed. */
	baseline->sets_count++;
	set->name = rf_arena_copy(&baseline->arena, node->key);
	if (!set->name)
		return no_memory(r);
	if (node->kind == YAML_LIST)
		return read_inline_set(r, node, set);
	int rc = yaml_bind(r->doc, node, set_table, RF_COUNT(set_table), &f, r->err);

	if (rc < 0)
		return rc;
	if (!f.file == !f.text)
		return yaml_fail(r->doc, node, r->err,
				 "a list of digests, or one of file and text");
	if (f.text)
		return read_text_set(r, node, f.text, set);
	if (f.file[0] == '\0')
		return yaml_fail(r->doc, node, r->err, "file: which one?");
	set->file = rf_arena_copy(&baseline->arena, f.file);
	return set->file ? 0 : no_memory(r);
}

int baseline_read_sets(struct baseline_reader *r, const struct yaml_node *node)
{
	int rc = 0;

	if (!node)
		return 0;
	if (node->items_count > BASELINE_MAX_SETS)
		return yaml_fail(r->doc, node, r->err, "more than %u digest sets",
				 BASELINE_MAX_SETS);
	r->baseline->sets = rf_arena_alloc(&r->baseline->arena, node->items_count + 1,
					   sizeof(*r->baseline->sets));
	if (!r->baseline->sets)
		return no_memory(r);
	for (size_t i = 0; rc == 0 && i < node->items_count; i++)
		rc = read_set(r, &node->items[i]);
	return rc;
}

struct rule_fields {
	const char *name, *why, *subject, *digests, *package, *from, *until;
	const struct yaml_node *allow, *signer, *pcr;
};

static const struct yaml_field rule_table[] = {
	{"name", YAML_T_TEXT, offsetof(struct rule_fields, name), true},
	{"allow", YAML_T_TEXTS, offsetof(struct rule_fields, allow), true},
	{"why", YAML_T_TEXT, offsetof(struct rule_fields, why), true},
	{"subject", YAML_T_TEXT, offsetof(struct rule_fields, subject), false},
	{"digests", YAML_T_TEXT, offsetof(struct rule_fields, digests), false},
	{"package", YAML_T_TEXT, offsetof(struct rule_fields, package), false},
	{"signer", YAML_T_TEXTS, offsetof(struct rule_fields, signer), false},
	{"from", YAML_T_TEXT, offsetof(struct rule_fields, from), false},
	{"until", YAML_T_TEXT, offsetof(struct rule_fields, until), false},
	{"pcr", YAML_T_TEXTS, offsetof(struct rule_fields, pcr), false},
};

/* Both ends of a period; an empty one can never match. */
static int read_period(struct baseline_reader *r, const struct yaml_node *node, int64_t *from_ms,
		       int64_t *until_ms)
{
	const struct yaml_node *from = yaml_get(node, "from"), *until = yaml_get(node, "until");

	*from_ms = INT64_MIN;
	*until_ms = INT64_MAX;
	if (from && baseline_time_parse(from->text, false, from_ms) < 0)
		return yaml_fail(r->doc, from, r->err,
				 "from: a day (2026-11-23) or a time (2026-11-23T20:00:00Z)");
	if (until && baseline_time_parse(until->text, true, until_ms) < 0)
		return yaml_fail(r->doc, until, r->err,
				 "until: a day (2026-11-23) or a time (2026-11-23T20:00:00Z)");
	if (*from_ms >= *until_ms)
		return yaml_fail(r->doc, node, r->err, "it ends before it begins");
	return 0;
}

static int read_allow(struct baseline_reader *r, const struct yaml_node *node,
		      struct baseline_rule *rule)
{
	const struct yaml_node *first = node->kind == YAML_TEXT ? node : node->items;
	size_t count = node->kind == YAML_TEXT ? 1 : node->items_count;

	if (count == 0)
		return yaml_fail(r->doc, node, r->err, "allow: which reasons?");
	for (size_t i = 0; i < count; i++) {
		enum reason_id id = reason_of_name(first[i].text);

		if (id == REASON_COUNT)
			return yaml_fail(r->doc, &first[i], r->err, "allow: there is no reason %s",
					 first[i].text);
		if (!baseline_may_allow(id))
			return yaml_fail(r->doc, &first[i], r->err,
					 "allow: %s cannot be allowed: it says that the evidence "
					 "is false, or that nothing can be judged",
					 first[i].text);
		if (rule->reasons[id])
			return yaml_fail(r->doc, &first[i], r->err, "allow: %s stands twice",
					 first[i].text);
		rule->reasons[id] = true;
	}
	return 0;
}

static int read_pcrs(struct baseline_reader *r, const struct yaml_node *node,
		     struct baseline_rule *rule)
{
	const struct yaml_node *first = node->kind == YAML_TEXT ? node : node->items;
	size_t count = node->kind == YAML_TEXT ? 1 : node->items_count;

	for (size_t i = 0; i < count; i++) {
		int64_t pcr;

		if (rf_num(first[i].text, 10, 0, ATTEST_PCRS - 1, &pcr) < 0)
			return yaml_fail(r->doc, &first[i], r->err, "pcr: 0 to %d",
					 ATTEST_PCRS - 1);
		rule->pcrs |= 1u << pcr;
	}
	return 0;
}

/* Every reason of the rule must be able to have what the rule asks for. */
static int check_asks(struct baseline_reader *r, const struct yaml_node *node,
		      const struct baseline_rule *rule)
{
	for (size_t id = 0; id < REASON_COUNT; id++) {
		const char *name = reason_class_of((enum reason_id)id)->id;

		if (!rule->reasons[id])
			continue;
		if (rule->digests && !baseline_has_digest((enum reason_id)id))
			return yaml_fail(r->doc, node, r->err,
					 "digests: %s has no contents to compare", name);
		if (rule->signers.count && !baseline_has_signer((enum reason_id)id))
			return yaml_fail(r->doc, node, r->err,
					 "signer: nobody signs what %s is about", name);
		if (r->baseline->expected[id])
			return yaml_fail(r->doc, node, r->err,
					 "allow: %s, and `expect` demands the contrary", name);
	}
	return 0;
}

static int read_digests(struct baseline_reader *r, const struct yaml_node *node,
			const struct rule_fields *f, struct baseline_rule *rule)
{
	if (f->digests) {
		rule->digests = find_set(r->baseline, f->digests);
		if (!rule->digests)
			return yaml_fail(r->doc, yaml_get(node, "digests"), r->err,
					 "digests: there is no set %s in digest-sets", f->digests);
	}
	if (!f->package)
		return 0;
	if (!rule->digests || !rule->digests->file)
		return yaml_fail(r->doc, yaml_get(node, "package"), r->err,
				 "package: a name alone proves nothing: give digests from a file, "
				 "with pkg:NAME behind each path");
	rule->package = rf_arena_copy(&r->baseline->arena, f->package);
	return rule->package ? 0 : no_memory(r);
}

static int fill_rule(struct baseline_reader *r, const struct yaml_node *node,
		     const struct rule_fields *f, struct baseline_rule *rule)
{
	int rc = read_allow(r, f->allow, rule);

	if (rc == 0)
		rc = read_period(r, node, &rule->from_ms, &rule->until_ms);
	if (rc == 0 && f->pcr)
		rc = read_pcrs(r, f->pcr, rule);
	if (rc == 0 && f->signer)
		rc = read_texts(r, f->signer, &rule->signers);
	if (rc == 0)
		rc = read_digests(r, node, f, rule);
	if (rc == 0 && f->subject && f->subject[0] == '\0')
		return yaml_fail(r->doc, yaml_get(node, "subject"), r->err,
				 "subject: an empty pattern matches nothing");
	rule->name = rf_arena_copy(&r->baseline->arena, f->name);
	rule->why = rf_arena_copy(&r->baseline->arena, f->why);
	rule->subject = rf_arena_copy(&r->baseline->arena, f->subject);
	if (rc == 0 && r->baseline->arena.failed)
		return no_memory(r);
	return rc < 0 ? rc : check_asks(r, node, rule);
}

static int read_rule(struct baseline_reader *r, const struct yaml_node *node)
{
	struct baseline *baseline = r->baseline;
	struct rule_fields f = {0};
	int rc = yaml_bind(r->doc, node, rule_table, RF_COUNT(rule_table), &f, r->err);

	if (rc < 0)
		return rc;
	if (f.name[0] == '\0' || f.why[0] == '\0')
		return yaml_fail(r->doc, node, r->err, "a rule needs a name and a reason (why)");
	for (size_t i = 0; i < baseline->rules_count; i++) {
		if (strcmp(baseline->rules[i].name, f.name) == 0)
			return yaml_fail(r->doc, node, r->err, "two rules are named %s", f.name);
	}
	return fill_rule(r, node, &f, &baseline->rules[baseline->rules_count++]);
}

int baseline_read_rules(struct baseline_reader *r, const struct yaml_node *node)
{
	int rc = 0;

	if (!node)
		return 0;
	if (node->items_count > BASELINE_MAX_RULES)
		return yaml_fail(r->doc, node, r->err, "more than %u rules", BASELINE_MAX_RULES);
	r->baseline->rules = rf_arena_alloc(&r->baseline->arena, node->items_count + 1,
					    sizeof(*r->baseline->rules));
	if (!r->baseline->rules)
		return no_memory(r);
	for (size_t i = 0; rc == 0 && i < node->items_count; i++)
		rc = read_rule(r, &node->items[i]);
	return rc;
}

struct window_fields {
	const char *name, *why, *from, *until;
	const struct yaml_node *packages;
};

static const struct yaml_field window_table[] = {
	{"name", YAML_T_TEXT, offsetof(struct window_fields, name), true},
	{"why", YAML_T_TEXT, offsetof(struct window_fields, why), true},
	{"from", YAML_T_TEXT, offsetof(struct window_fields, from), true},
	{"until", YAML_T_TEXT, offsetof(struct window_fields, until), true},
	{"packages", YAML_T_TEXTS, offsetof(struct window_fields, packages), true},
};

/* A package that changes nothing that is measured makes a window that allows nothing. */
static int check_packages(struct baseline_reader *r, const struct yaml_node *node,
			  const struct baseline_texts *packages)
{
	for (size_t p = 0; p < packages->count; p++) {
		const struct baseline_texts one = {&packages->items[p], 1};
		bool any = false;

		for (size_t id = 0; id < REASON_COUNT && !any; id++)
			any = baseline_package_changes(&one, (enum reason_id)id);
		if (!any)
			return yaml_fail(r->doc, node, r->err,
					 "packages: %s changes nothing that is measured at boot "
					 "(known: linux-image*, kernel*, grub*, shim*, systemd*, "
					 "*microcode*, initramfs-tools, dracut*, fwupd*)",
					 packages->items[p]);
	}
	return 0;
}

static int read_window(struct baseline_reader *r, const struct yaml_node *node)
{
	struct baseline *baseline = r->baseline;
	struct window_fields f = {0};
	int rc = yaml_bind(r->doc, node, window_table, RF_COUNT(window_table), &f, r->err);

	if (rc < 0)
		return rc;
	if (f.name[0] == '\0' || f.why[0] == '\0')
		return yaml_fail(r->doc, node, r->err, "a window needs a name and a reason (why)");
	struct baseline_window *window = &baseline->windows[baseline->windows_count++];

	window->name = rf_arena_copy(&baseline->arena, f.name);
	window->why = rf_arena_copy(&baseline->arena, f.why);
	if (!window->name || !window->why)
		return no_memory(r);
	rc = read_period(r, node, &window->from_ms, &window->until_ms);
	if (rc == 0)
		rc = read_texts(r, f.packages, &window->packages);
	return rc < 0 ? rc : check_packages(r, f.packages, &window->packages);
}

int baseline_read_windows(struct baseline_reader *r, const struct yaml_node *node)
{
	int rc = 0;

	if (!node)
		return 0;
	if (node->items_count > BASELINE_MAX_RULES)
		return yaml_fail(r->doc, node, r->err, "more than %u windows", BASELINE_MAX_RULES);
	r->baseline->windows = rf_arena_alloc(&r->baseline->arena, node->items_count + 1,
					      sizeof(*r->baseline->windows));
	if (!r->baseline->windows)
		return no_memory(r);
	for (size_t i = 0; rc == 0 && i < node->items_count; i++)
		rc = read_window(r, &node->items[i]);
	return rc;
}

/* ---- expectations ---- */

static const struct {
	const char *key;
	enum reason_id ids[3];
	size_t count;
} expect_rows[] = {
	{"secure-boot", {REASON_SECURE_BOOT_OFF, REASON_SETUP_MODE, REASON_SHIM_VALIDATION_OFF}, 3},
	{"lockdown", {REASON_LOCKDOWN_OFF}, 1},
	{"ima", {REASON_IMA_OFF}, 1},
	{"ima-rules", {REASON_IMA_UNJUDGED}, 1},
	{"strong-ima", {REASON_IMA_WEAK}, 1},
	{"ek-certificate", {REASON_EK_UNVERIFIED}, 1},
	{"hardware-tpm", {REASON_SOFTWARE_TPM}, 1},
	{"fresh-nonce", {REASON_NONCE_UNCHECKED}, 1},
};

int baseline_read_expect(struct baseline_reader *r, const struct yaml_node *node)
{
	for (size_t i = 0; node && i < node->items_count; i++) {
		const struct yaml_node *item = &node->items[i];
		size_t row = 0;

		while (row < RF_COUNT(expect_rows) && strcmp(expect_rows[row].key, item->key) != 0)
			row++;
		if (row == RF_COUNT(expect_rows))
			return yaml_fail(
				r->doc, item, r->err,
				"expect: unknown key %s (known: secure-boot, lockdown, "
				"ima, ima-rules, strong-ima, ek-certificate, hardware-tpm, "
				"fresh-nonce)",
				item->key);
		if (item->kind != YAML_TEXT || rf_truth(item->text) != 1)
			return yaml_fail(r->doc, item, r->err, "expect: %s: on, or leave it out",
					 item->key);
		for (size_t k = 0; k < expect_rows[row].count; k++)
			r->baseline->expected[expect_rows[row].ids[k]] = true;
	}
	return 0;
}

/* ---- IMA ---- */

struct ima_fields {
	const char *violations, *signers;
	const struct yaml_node *digests, *exclude;
};

static const struct yaml_field ima_table[] = {
	{"digests", YAML_T_TEXTS, offsetof(struct ima_fields, digests), false},
	{"exclude", YAML_T_LIST, offsetof(struct ima_fields, exclude), false},
	{"signers", YAML_T_TEXT, offsetof(struct ima_fields, signers), false},
	{"violations", YAML_T_TEXT, offsetof(struct ima_fields, violations), false},
};

static const struct yaml_field exclude_table[] = {
	{"path", YAML_T_TEXT, offsetof(struct baseline_exclude, path), true},
	{"why", YAML_T_TEXT, offsetof(struct baseline_exclude, why), true},
};

static int read_excludes(struct baseline_reader *r, const struct yaml_node *node)
{
	struct baseline_ima *ima = &r->baseline->ima;

	if (node->items_count > BASELINE_MAX_GLOBS)
		return yaml_fail(r->doc, node, r->err, "exclude: more than %u patterns",
				 BASELINE_MAX_GLOBS);
	ima->excludes =
		rf_arena_alloc(&r->baseline->arena, node->items_count + 1, sizeof(*ima->excludes));
	if (!ima->excludes)
		return no_memory(r);
	for (size_t i = 0; i < node->items_count; i++) {
		struct baseline_exclude *exclude = &ima->excludes[i];
		int rc = yaml_bind(r->doc, &node->items[i], exclude_table, RF_COUNT(exclude_table),
				   exclude, r->err);

		if (rc < 0)
			return rc;
		if (exclude->path[0] == '\0' || exclude->why[0] == '\0')
			return yaml_fail(r->doc, &node->items[i], r->err,
					 "exclude: path and why must say something");
		exclude->path = rf_arena_copy(&r->baseline->arena, exclude->path);
		exclude->why = rf_arena_copy(&r->baseline->arena, exclude->why);
		if (!exclude->path || !exclude->why)
			return no_memory(r);
	}
	ima->excludes_count = node->items_count;
	return 0;
}

static int read_ima_sets(struct baseline_reader *r, const struct yaml_node *node)
{
	const struct yaml_node *first = node->kind == YAML_TEXT ? node : node->items;
	size_t count = node->kind == YAML_TEXT ? 1 : node->items_count;
	struct baseline_ima *ima = &r->baseline->ima;

	for (size_t i = 0; i < count; i++) {
		const struct baseline_set *set = find_set(r->baseline, first[i].text);

		if (!set)
			return yaml_fail(r->doc, &first[i], r->err,
					 "digests: there is no set %s in digest-sets",
					 first[i].text);
		for (size_t k = 0; k < ima->sets_count; k++) {
			if (ima->sets[k] == set)
				return yaml_fail(r->doc, &first[i], r->err, "digests: %s twice",
						 first[i].text);
		}
		ima->sets[ima->sets_count++] = set;
	}
	return 0;
}

int baseline_read_ima(struct baseline_reader *r, const struct yaml_node *node)
{
	struct baseline_ima *ima = &r->baseline->ima;
	struct ima_fields f = {.violations = "warn"};
	int rc;

	if (!node)
		return 0;
	rc = yaml_bind(r->doc, node, ima_table, RF_COUNT(ima_table), &f, r->err);
	if (rc < 0)
		return rc;
	ima->given = true;
	ima->violations_fail = strcmp(f.violations, "fail") == 0;
	if (!ima->violations_fail && strcmp(f.violations, "warn") != 0)
		return yaml_fail(r->doc, node, r->err, "violations: fail or warn, not %s",
				 f.violations);
	if (!f.digests && !f.signers)
		return yaml_fail(
			r->doc, node, r->err,
			"ima: neither digests nor signers: no program could ever be known");
	if (f.signers) {
		ima->signers_file = rf_arena_copy(&r->baseline->arena, f.signers);
		if (!ima->signers_file)
			return no_memory(r);
	}
	rc = f.digests ? read_ima_sets(r, f.digests) : 0;
	return rc == 0 && f.exclude ? read_excludes(r, f.exclude) : rc;
}
