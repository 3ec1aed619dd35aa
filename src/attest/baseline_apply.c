/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Judges a boot by a baseline: what differs from the nearest approved boot, and which of that (and
 * of what else was found) a rule or a maintenance window allows. A rule that rests on names alone
 * says so. Reading rules: baseline_rules.c; files that ran: baseline_ima.c.
 */
#include <errno.h>
#include <string.h>

#include "attest/baseline_parts.h"
#include "base/mem.h"
#include "base/str.h"

/* ---- does a rule's proof hold? ---- */

/* Parts that follow from the one the rule is about carry no contents of their own. */
static bool is_consequence(const struct boot_item *item)
{
	return item->component == COMPONENT_CMDLINE || item->component == COMPONENT_LOADER_COMMAND;
}

/* The package in a label: "/usr/bin/true pkg:coreutils=9.1-1". */
static bool label_has_package(struct rf_slice label, const char *glob)
{
	char text[512], *at = text;

	rf_format(text, sizeof(text), "%.*s", (int)label.len, (const char *)label.data);
	for (char *word; (word = rf_word_next(&at));) {
		if (!rf_starts(word, "pkg:"))
			continue;
		word[strcspn(word, "=")] = '\0';
		if (rf_glob(glob, word + 4))
			return true;
	}
	return false;
}

static bool set_has(const struct baseline_rule *rule, const struct attest_digest *digest)
{
	const struct baseline_set *set = rule->digests;
	uint32_t place;

	/* A collision of SHA-1 can be bought: it proves nothing. */
	if (!set->digests || digest->alg == 0 || digest->alg == ATTEST_SHA1)
		return false;
	if (!digestset_has(set->digests, digest->alg, (struct rf_slice){digest->bytes, digest->len},
			   &place))
		return false;
	if (!rule->package)
		return true;
	return label_has_package(
		digestset_label((struct rf_slice){(const uint8_t *)set->text, set->text_len},
				place),
		rule->package);
}

static bool item_in_set(const struct baseline_rule *rule, const struct boot_item *item)
{
	for (size_t i = 0; i < item->digests_count; i++) {
		if (set_has(rule, &item->digests[i]))
			return true;
	}
	return false;
}

/* Every measurement of the reason must be in the set: one that is not would hide behind others. */
static bool digests_hold(const struct baseline_case *c, const struct baseline_rule *rule,
			 size_t index)
{
	const struct reason *r = &c->out->items[index];
	bool any = false, from_boot = false;

	for (size_t i = 0; i < c->changes.count; i++) {
		const struct diff_change *change = &c->changes.items[i];

		if (change->reason != index)
			continue;
		from_boot = true;
		if (r->id != REASON_CMDLINE_CHANGED &&
		    is_consequence(change->now ? change->now : change->was))
			continue;
		if (!change->now || !item_in_set(rule, change->now))
			return false;
		any = true;
	}
	return from_boot ? any : set_has(rule, &r->now_digest);
}

static const struct boot_item *find_item(const struct boot *boot, enum eventlog_component component,
					 const char *name)
{
	for (size_t i = 0; i < boot->count; i++) {
		if (boot->items[i].component == component && strcmp(boot->items[i].name, name) == 0)
			return &boot->items[i];
	}
	return NULL;
}

static bool names_signer(const struct baseline_rule *rule, const char *name)
{
	for (size_t i = 0; i < rule->signers.count; i++) {
		if (rf_glob(rule->signers.items[i], name))
			return true;
	}
	return false;
}

/* Was an image among the changes, so that somebody's signature was asked for? */
static bool image_was_checked(const struct baseline_case *c, size_t index)
{
	for (size_t i = 0; i < c->changes.count; i++) {
		const struct diff_change *change = &c->changes.items[i];

		if (change->reason == index && change->now &&
		    (change->now->pcr == 4 || change->now->pcr == 2))
			return true;
	}
	return false;
}

/*
 * The log does not say which certificate vouched for which image. So: Secure Boot is on and proved,
 * shim checks, the image was measured as one that is checked, the certificates in use are those of
 * the approved boot (a name can be given to any certificate, a digest cannot), and every one of
 * them is named by the rule.
 */
static bool signer_holds(const struct baseline_case *c, const struct baseline_rule *rule,
			 size_t index)
{
	const struct boot_item *on = find_item(c->now, COMPONENT_SECURE_BOOT_STATE, "SecureBoot");
	bool any = false;

	if (!on || on->proof != EVENTLOG_PROVED || strcmp(on->text, "on") != 0 ||
	    !image_was_checked(c, index))
		return false;
	for (size_t i = 0; i < c->changes.count; i++) {
		if (c->changes.items[i].role == COMPONENT_AUTHORITY ||
		    c->changes.items[i].role == COMPONENT_SECURE_BOOT_STATE)
			return false;
	}
	for (size_t i = 0; i < c->now->count; i++) {
		const struct boot_item *item = &c->now->items[i];

		/* shim measures this one when its checks are switched off. */
		if (strstr(item->name, "MokSBState"))
			return false;
		if (item->component != COMPONENT_AUTHORITY)
			continue;
		if (item->proof != EVENTLOG_PROVED || !names_signer(rule, item->text))
			return false;
		any = true;
	}
	return any;
}

/* ---- rules ---- */

static uint32_t pcrs_of(const struct reason *r)
{
	return r->pcrs ? r->pcrs : r->pcr < ATTEST_PCRS ? 1u << r->pcr : 0;
}

static bool rule_matches(const struct baseline_case *c, const struct baseline_rule *rule,
			 size_t index)
{
	const struct reason *r = &c->out->items[index];

	if (!rule->reasons[r->id] || c->facts->now_ms < rule->from_ms ||
	    c->facts->now_ms > rule->until_ms)
		return false;
	if (rule->subject && !rf_glob(rule->subject, r->subject))
		return false;
	/* All registers of the reason, or the rule would allow more than it says. */
	if (rule->pcrs && (pcrs_of(r) == 0 || (pcrs_of(r) & ~rule->pcrs) != 0))
		return false;
	if (rule->digests && !digests_hold(c, rule, index))
		return false;
	return rule->signers.count == 0 || signer_holds(c, rule, index);
}

/* Contents were not looked at: the name is what whoever wrote the file wanted. */
static const char *how_far(const struct baseline_rule *rule, const struct reason *r)
{
	if (rule->digests || rule->signers.count || !baseline_has_digest(r->id))
		return "";
	return rule->subject ? " (by name alone: no proof)" : " (by kind alone: no proof)";
}

static bool allow_by_rule(struct baseline_case *c, size_t index)
{
	struct reason *r = &c->out->items[index];

	for (size_t i = 0; i < c->baseline->rules_count; i++) {
		const struct baseline_rule *rule = &c->baseline->rules[i];

		if (!rule_matches(c, rule, index))
			continue;
		const char *far = how_far(rule, r);

		rf_format(r->allowed_by, sizeof(r->allowed_by), "%.60s%s", rule->name, far);
		c->rules_used[i] = true;
		return true;
	}
	return false;
}

static void allow_by_window(struct baseline_case *c, size_t index)
{
	struct reason *r = &c->out->items[index];

	for (size_t i = 0; i < c->baseline->windows_count; i++) {
		const struct baseline_window *window = &c->baseline->windows[i];

		if (c->facts->now_ms < window->from_ms ||
		    !baseline_package_changes(&window->packages, r->id))
			continue;
		if (c->facts->now_ms > window->until_ms) {
			c->windows_ended[i] = true;
			continue;
		}
		rf_format(r->allowed_by, sizeof(r->allowed_by),
			  "window %.40s (by date and kind alone: no proof)", window->name);
		c->windows_used[i] = true;
		return;
	}
}

/* ---- what had no effect ---- */

static struct reason *add_unused(struct baseline_case *c, const char *name, const char *detail)
{
	struct reason *r = reasons_add(c->out, REASON_RULE_UNUSED);

	if (!r)
		return NULL;
	rf_copy(r->subject, sizeof(r->subject), name);
	rf_copy(r->detail, sizeof(r->detail), detail);
	return r;
}

static void tell_unused_rules(struct baseline_case *c)
{
	char detail[128], time[32];

	for (size_t i = 0; i < c->baseline->rules_count; i++) {
		const struct baseline_rule *rule = &c->baseline->rules[i];

		if (c->rules_used[i])
			continue;
		rf_copy(detail, sizeof(detail), "it matched nothing in this boot");
		if (c->facts->now_ms > rule->until_ms)
			rf_format(detail, sizeof(detail), "it ended on %s",
				  baseline_time_text(rule->until_ms, time));
		else if (c->facts->now_ms < rule->from_ms)
			rf_format(detail, sizeof(detail), "it begins on %s",
				  baseline_time_text(rule->from_ms, time));
		add_unused(c, rule->name, detail);
	}
	for (size_t i = 0; c->facts->ima.len && i < c->baseline->ima.excludes_count; i++) {
		if (!c->excludes_used[i])
			add_unused(c, c->baseline->ima.excludes[i].path,
				   "no file that ran has such a path");
	}
}

static void tell_windows(struct baseline_case *c)
{
	char time[32];

	for (size_t i = 0; i < c->baseline->windows_count; i++) {
		const struct baseline_window *window = &c->baseline->windows[i];

		if (!c->windows_ended[i] || c->windows_used[i])
			continue;
		struct reason *r = reasons_add(c->out, REASON_BASELINE_EXPIRED);

		if (!r)
			return;
		rf_copy(r->subject, sizeof(r->subject), window->name);
		rf_format(r->detail, sizeof(r->detail),
			  "it ended on %s and would have allowed some of these changes",
			  baseline_time_text(window->until_ms, time));
	}
}

void baseline_apply_rules(struct baseline_case *c)
{
	size_t count = c->out->count;

	for (size_t i = 0; i < count; i++) {
		struct reason *r = &c->out->items[i];

		if (c->baseline->expected[r->id])
			r->demanded = true;
		if (r->allowed_by[0] || r->demanded || !baseline_may_allow(r->id))
			continue;
		if (!allow_by_rule(c, i))
			allow_by_window(c, i);
	}
	tell_unused_rules(c);
	tell_windows(c);
}

/* ---- the whole ---- */

static int check_files(const struct baseline *baseline, struct rf_err *err)
{
	for (size_t i = 0; i < baseline->sets_count; i++) {
		if (!baseline->sets[i].digests)
			return rf_fail(err, RF_E_MISSING, "the file of digests %s was not read",
				       baseline->sets[i].file);
	}
	if (baseline->ima.signers_file && !baseline->ima.signers)
		return rf_fail(err, RF_E_MISSING, "the file of certificates %s was not read",
			       baseline->ima.signers_file);
	return 0;
}

/* A boot that somebody has only to approve explains much of what differs. */
static void tell_unapproved(struct baseline_case *c, const struct baseline_boot *approved)
{
	struct reasons list = {0};

	for (size_t i = 0; i < c->baseline->boots_count; i++) {
		const struct baseline_boot *boot = &c->baseline->boots[i];

		reasons_clear(&list);
		if (boot->approved_by || boot_diff(&boot->boot, c->now, &list) < 0)
			continue;
		if (approved && list.count + list.dropped > 0)
			continue;
		struct reason *r = reasons_add(c->out, REASON_NOT_APPROVED);

		if (r) {
			rf_copy(r->subject, sizeof(r->subject), boot->name);
			rf_copy(r->detail, sizeof(r->detail),
				list.count + list.dropped > 0
					? "and this boot differs from it"
					: "this boot is exactly that one, and it waits for approval");
		}
		break;
	}
	reasons_done(&list);
}

static int compare(struct baseline_case *c, struct rf_err *err)
{
	const struct baseline_boot *nearest = NULL;
	struct rf_err why = {0};
	int rc = baseline_nearest(c->baseline, c->now, true, &nearest, &why);

	if (rc == -ENOMEM)
		return rf_fail(err, rc, "no memory");
	if (rc < 0) {
		struct reason *r = reasons_add(c->out, REASON_EVIDENCE_MISSING);

		if (r)
			rf_format(r->detail, sizeof(r->detail), "baseline: %s", rf_err_text(&why));
		return 0;
	}
	if (nearest)
		rc = diff_collect(&nearest->boot, c->now, c->out, &c->changes);
	if (rc < 0)
		return rf_fail(err, rc, "%s", rf_code_text(rc));
	/* A policy without boots (rules alone) asks for no approval. */
	if (c->baseline->boots_count > 0 && (!nearest || c->changes.count > 0))
		tell_unapproved(c, nearest);
	return 0;
}

static void tell_unjudged(struct baseline_case *c)
{
	struct reason *r = reasons_add(c->out, REASON_IMA_UNJUDGED);

	if (r)
		r->pcr = IMA_PCR;
}

static int judge(struct baseline_case *c, struct rf_err *err)
{
	int rc = compare(c, err);

	if (rc == 0 && c->baseline->ima.given && c->facts->ima.len)
		rc = baseline_judge_ima(c, err);
	else if (rc == 0 && c->facts->ima.len)
		tell_unjudged(c);
	if (rc == 0)
		baseline_apply_rules(c);
	return rc;
}

int baseline_judge(struct attest_hasher *hasher, const struct baseline *baseline,
		   const struct boot *now, const struct evidence_facts *facts, struct reasons *out,
		   struct rf_err *err)
{
	struct baseline_case c = {
		.hasher = hasher, .baseline = baseline, .now = now, .facts = facts, .out = out};
	RF_AUTOFREE bool *used = rf_alloc(baseline->ima.excludes_count, sizeof(*used));
	int rc = used ? check_files(baseline, err) : rf_fail(err, -ENOMEM, "no memory");

	c.excludes_used = used;
	if (rc == 0)
		rc = judge(&c, err);
	diff_changes_done(&c.changes);
	return rc;
}
