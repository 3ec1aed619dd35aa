/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A baseline for a person: who, which boots, approved by whom, and what each rule allows and rests
 * on. The file itself is for editing; this is for signing.
 */
#include <errno.h>
#include <string.h>

#include "attest/baseline_parts.h"
#include "base/mem.h"
#include "base/str.h"

static void put_visible(struct rf_buf *out, const char *text)
{
	rf_buf_add_visible(out, text, strlen(text));
}

static void put_name(struct rf_buf *out, const char *title, struct rf_slice name)
{
	if (name.len == 0)
		return;
	rf_buf_printf(out, "  %s ", title);
	rf_buf_add_hex(out, name.data, name.len);
	rf_buf_add_byte(out, '\n');
}

static const struct boot_item *first_of(const struct boot *boot, enum eventlog_component component)
{
	for (size_t i = 0; i < boot->count; i++) {
		if (boot->items[i].component == component)
			return &boot->items[i];
	}
	return NULL;
}

/* The parts that people know a boot by. */
static void put_boot_parts(struct rf_buf *out, const struct boot *boot)
{
	static const struct {
		enum eventlog_component component;
		const char *title;
	} rows[] = {{COMPONENT_SECURE_BOOT_STATE, "Secure Boot"},
		    {COMPONENT_KERNEL, "kernel"},
		    {COMPONENT_INITRD, "initrd"},
		    {COMPONENT_CMDLINE, "kernel options"}};

	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		const struct boot_item *item = first_of(boot, rows[i].component);

		if (!item)
			continue;
		rf_buf_printf(out, "      %-15s ", rows[i].title);
		put_visible(out, diff_path(item->text));
		rf_buf_add_byte(out, '\n');
	}
}

static void put_boot(struct rf_buf *out, const struct baseline_boot *boot)
{
	char time[32];

	rf_buf_add_text(out, "  ");
	put_visible(out, boot->name);
	rf_buf_add_text(out, boot->predicted ? " (predicted, not seen when it was added)" : "");
	if (boot->approved_by) {
		rf_buf_add_text(out, ": approved by ");
		put_visible(out, boot->approved_by);
		rf_buf_printf(out, " on %s", baseline_time_text(boot->approved_at_ms, time));
	} else {
		rf_buf_add_text(out, ": NOT APPROVED, it counts for nothing until someone "
				     "approves it");
	}
	rf_buf_printf(out, "; %zu measurements\n", boot->boot.count);
	put_boot_parts(out, &boot->boot);
}

static void put_texts(struct rf_buf *out, const struct baseline_texts *texts, const char *between)
{
	for (size_t i = 0; i < texts->count; i++) {
		rf_buf_add_text(out, i ? between : "");
		put_visible(out, texts->items[i]);
	}
}

static void put_period(struct rf_buf *out, int64_t from_ms, int64_t until_ms)
{
	char time[32];

	if (from_ms != INT64_MIN)
		rf_buf_printf(out, "      from     %s\n", baseline_time_text(from_ms, time));
	if (until_ms != INT64_MAX)
		rf_buf_printf(out, "      until    %s\n", baseline_time_text(until_ms, time));
}

/* Is there a reason in the rule whose contents nobody looks at? */
static bool trusts_names(const struct baseline_rule *rule)
{
	if (rule->digests || rule->signers.count)
		return false;
	for (size_t id = 0; id < REASON_COUNT; id++) {
		if (rule->reasons[id] && baseline_has_digest((enum reason_id)id))
			return true;
	}
	return false;
}

static void put_rule(struct rf_buf *out, const struct baseline_rule *rule)
{
	rf_buf_add_text(out, "  ");
	put_visible(out, rule->name);
	rf_buf_add_text(out, "\n      because  ");
	put_visible(out, rule->why);
	for (size_t id = 0; id < REASON_COUNT; id++) {
		if (rule->reasons[id])
			rf_buf_printf(out, "\n      allows   %s",
				      reason_class_of((enum reason_id)id)->title);
	}
	if (rule->subject) {
		rf_buf_add_text(out, "\n      only     ");
		put_visible(out, rule->subject);
	}
	if (rule->digests) {
		rf_buf_add_text(out, "\n      only     contents listed in ");
		put_visible(out, rule->digests->name);
		if (rule->digests->digests)
			rf_buf_printf(out, " (%zu digests)",
				      digestset_count(rule->digests->digests));
	}
	if (rule->package) {
		rf_buf_add_text(out, ", of package ");
		put_visible(out, rule->package);
	}
	if (rule->signers.count) {
		rf_buf_add_text(out, "\n      only     when every signer in use is ");
		put_texts(out, &rule->signers, " or ");
	}
	rf_buf_add_byte(out, '\n');
	put_period(out, rule->from_ms, rule->until_ms);
	if (trusts_names(rule))
		rf_buf_printf(out,
			      "      careful  it looks at %s alone: that is no proof. Add "
			      "digests or signer\n",
			      rule->subject ? "names" : "the kind of change");
}

static void put_window(struct rf_buf *out, const struct baseline_window *window)
{
	rf_buf_add_text(out, "  ");
	put_visible(out, window->name);
	rf_buf_add_text(out, "\n      because  ");
	put_visible(out, window->why);
	rf_buf_add_text(out, "\n      allows   what these packages change at boot: ");
	put_texts(out, &window->packages, ", ");
	rf_buf_add_byte(out, '\n');
	put_period(out, window->from_ms, window->until_ms);
	rf_buf_add_text(out, "      careful  date and kind of change are no proof of what was "
			     "installed\n");
}

static void put_ima(struct rf_buf *out, const struct baseline_ima *ima)
{
	if (!ima->given) {
		rf_buf_add_text(out, "Programs that run (IMA): not judged\n");
		return;
	}
	rf_buf_add_text(out, "Programs that run (IMA): known by\n");
	for (size_t i = 0; i < ima->sets_count; i++) {
		rf_buf_add_text(out, "      contents listed in ");
		put_visible(out, ima->sets[i]->name);
		if (ima->sets[i]->digests)
			rf_buf_printf(out, " (%zu digests)",
				      digestset_count(ima->sets[i]->digests));
		rf_buf_add_byte(out, '\n');
	}
	if (ima->signers_file) {
		rf_buf_add_text(out, "      a signature by a certificate in ");
		put_visible(out, ima->signers_file);
		rf_buf_add_byte(out, '\n');
	}
	for (size_t i = 0; i < ima->excludes_count; i++) {
		rf_buf_add_text(out, "      not judged: ");
		put_visible(out, ima->excludes[i].path);
		rf_buf_add_text(out, " (");
		put_visible(out, ima->excludes[i].why);
		rf_buf_add_text(out, ")\n");
	}
	rf_buf_printf(out, "      a file that is written while it is measured: %s\n",
		      ima->violations_fail ? "untrusted" : "warning");
}

static void put_expected(struct rf_buf *out, const struct baseline *baseline)
{
	bool any = false;

	for (size_t id = 0; id < REASON_COUNT; id++) {
		if (!baseline->expected[id])
			continue;
		rf_buf_printf(out, "%s  %s\n",
			      any ? "" : "Untrusted as soon as one of these is found:\n",
			      reason_class_of((enum reason_id)id)->title);
		any = true;
	}
}

int baseline_describe(const struct baseline *baseline, struct rf_buf *out)
{
	if (baseline->host) {
		rf_buf_add_text(out, "Host: ");
		put_visible(out, baseline->host);
		rf_buf_add_byte(out, '\n');
	}
	if (baseline->ak_name.len || baseline->ek_name.len)
		rf_buf_add_text(out, "Only this TPM counts:\n");
	else
		rf_buf_add_text(out, "For any TPM: this baseline is not bound to one machine\n");
	put_name(out, "attestation key", baseline->ak_name);
	put_name(out, "endorsement key", baseline->ek_name);
	rf_buf_printf(out, "Boots (%zu):\n", baseline->boots_count);
	for (size_t i = 0; i < baseline->boots_count; i++)
		put_boot(out, &baseline->boots[i]);
	put_expected(out, baseline);
	rf_buf_printf(out, "Rules (%zu)%s\n", baseline->rules_count,
		      baseline->rules_count ? ":" : ": every change is told");
	for (size_t i = 0; i < baseline->rules_count; i++)
		put_rule(out, &baseline->rules[i]);
	if (baseline->windows_count)
		rf_buf_printf(out, "Maintenance windows (%zu):\n", baseline->windows_count);
	for (size_t i = 0; i < baseline->windows_count; i++)
		put_window(out, &baseline->windows[i]);
	put_ima(out, &baseline->ima);
	return out->failed ? -ENOMEM : 0;
}
