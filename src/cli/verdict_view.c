/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A verdict on the screen: what is the matter in the first line, worst first, one next step each.
 * Colour, symbol and word say the same, so that none is needed alone. Not for judging.
 */
#include <stdio.h>
#include <string.h>

#include "attest/eventlog_types.h"
#include "attest/words.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/story.h"
#include "cli/verdict_view.h"

struct style {
	const char *symbol, *word, *color;
};

static const struct style state_styles[] = {
	[VERDICT_TRUSTED] = {"✔", "TRUSTED", "\033[1;32m"},
	[VERDICT_WARNING] = {"▲", "TRUSTED, WITH WARNINGS", "\033[1;33m"},
	[VERDICT_UNTRUSTED] = {"✖", "UNTRUSTED", "\033[1;31m"},
	[VERDICT_CANNOT_JUDGE] = {"?", "CANNOT JUDGE", "\033[1;35m"},
};

/* By what a reason does to the verdict. */
static const struct style effect_styles[] = {
	[REASON_NOTES] = {"·", "note", "\033[2m"},
	[REASON_WARNS] = {"▲", "warning", "\033[33m"},
	[REASON_DISTRUSTS] = {"✖", "untrusted", "\033[31m"},
	[REASON_BLINDS] = {"?", "cannot judge", "\033[35m"},
};

static const struct style allowed_style = {"~", "allowed", "\033[34m"};
static const struct style good_style = {"✔", "", "\033[32m"};
static const struct style unused_style = {"-", "", "\033[2m"};

static void put_styled(const struct verdict_view *view, const struct style *style, const char *word)
{
	fprintf(view->out, "%s%s %s%s", view->color ? style->color : "", style->symbol, word,
		view->color ? "\033[0m" : "");
}

/* The first line begins with head, the others are as far in. */
static void put_wrapped(const struct verdict_view *view, const char *head, const char *text)
{
	story_print_wrapped(view->out, head, (unsigned)rf_width(head), text);
}

static enum reason_effect effect_of(const struct reason *reason)
{
	return reason->demanded ? REASON_DISTRUSTS : reason_class_of(reason->id)->effect;
}

static const struct style *style_of(const struct reason *reason)
{
	return reason->allowed_by[0] ? &allowed_style : &effect_styles[effect_of(reason)];
}

/* Only said in passing: a note, or what a rule allows. */
static bool in_passing(const struct reason *reason)
{
	return reason->allowed_by[0] || effect_of(reason) == REASON_NOTES;
}

/* ---- reasons ---- */

/* Several of one kind in a row (the banks of a TPM) have one head and one next step. */
static bool same_kind(const struct reason *a, const struct reason *b)
{
	return a && b && !in_passing(a) && !in_passing(b) && a->id == b->id &&
	       style_of(a) == style_of(b) && strcmp(reason_next(a), reason_next(b)) == 0;
}

/* The i-th reason of the verdict. */
static void put_reason(const struct verdict_view *view, size_t i)
{
	const struct reasons *list = &view->verdict->reasons;
	const struct reason *reason = &list->items[i];
	const struct reason *before = i > 0 ? reason - 1 : NULL;
	const struct reason *behind = i + 1 < list->count ? reason + 1 : NULL;
	const struct style *style = style_of(reason);
	char text[1400];

	if (!same_kind(before, reason)) {
		fputs("\n", view->out);
		put_styled(view, style, style->word);
		fputs("\n", view->out);
	}
	reason_words(reason, text, sizeof(text));
	put_wrapped(view, "  ", text);
	if (!same_kind(reason, behind))
		put_wrapped(view, "  next  ", reason_next(reason));
}

static void put_note(const struct verdict_view *view, const struct reason *reason)
{
	const struct style *style = style_of(reason);
	char text[1600], head[16];

	reason_words(reason, text, sizeof(text));
	if (reason->allowed_by[0]) {
		size_t len = strlen(text);

		rf_format(text + len, sizeof(text) - len, " (allowed by the rule %s)",
			  reason->allowed_by);
	}
	rf_format(head, sizeof(head), "  %s ", style->symbol);
	put_wrapped(view, head, text);
	if (view->all && !reason->allowed_by[0])
		put_wrapped(view, "    next  ", reason_next(reason));
}

static void put_notes(const struct verdict_view *view)
{
	const struct reasons *list = &view->verdict->reasons;
	bool any = false;

	for (size_t i = 0; i < list->count; i++) {
		if (!in_passing(&list->items[i]))
			continue;
		fputs(any ? "" : "\nAlso\n", view->out);
		any = true;
		put_note(view, &list->items[i]);
	}
	if (list->dropped)
		fprintf(view->out, "  ... and %zu reasons more, for which there was no room\n",
			list->dropped);
}

/* ---- what was proved ---- */

static void count_pcrs(const struct verdict *v, uint32_t *explained, uint32_t *used)
{
	*explained = *used = 0;
	for (size_t i = 0; i < ATTEST_PCRS; i++) {
		*explained += v->pcrs[i].state == PCR_EXPLAINED;
		*used += v->pcrs[i].state != PCR_UNUSED && v->pcrs[i].state != PCR_NOT_QUOTED;
	}
}

static void put_proofs(const struct verdict_view *view)
{
	const struct verdict *v = view->verdict;
	struct words w;
	char text[512];
	uint32_t explained, used;

	fputs("\nWhat is proved\n", view->out);
	if (!v->quote_proved) {
		put_wrapped(view, "  ", "Nothing: no TPM's signature fits what was sent.");
		return;
	}
	w = words_into(text, sizeof(text));
	words_add(&w, "The TPM with the key ");
	words_add_hex(&w, (struct rf_slice){v->ak_name, v->ak_name_len}, 10);
	words_add(&w, " signed what was measured.");
	put_wrapped(view, "  ", text);
	count_pcrs(v, &explained, &used);
	w = words_into(text, sizeof(text));
	if (used == 0)
		words_add(&w, "Nothing was measured into it since the start");
	else
		words_printf(&w, "The logs explain %u of %u registers that are in use", explained,
			     used);
	if (v->ima_entries > 0)
		words_printf(&w, ", and %u files that were measured", v->ima_entries);
	words_add(&w, ".");
	put_wrapped(view, "  ", text);
	if (v->ima_beyond > 0) {
		w = words_into(text, sizeof(text));
		words_printf(&w,
			     "%u files were measured after the signature: the next evidence "
			     "proves them.",
			     v->ima_beyond);
		put_wrapped(view, "  ", text);
	}
}

static void put_head(const struct verdict_view *view)
{
	const struct style *style = &state_styles[view->verdict->state];

	put_styled(view, style, style->word);
	fprintf(view->out, "   %s", view->what);
	if (view->host[0])
		fprintf(view->out, ", which calls itself %s", view->host);
	fputs("\n", view->out);
}

void verdict_view_print(const struct verdict_view *view)
{
	const struct reasons *list = &view->verdict->reasons;

	uint32_t pcrs = 0;

	put_head(view);
	for (size_t i = 0; i < list->count; i++) {
		const struct reason *reason = &list->items[i];

		if (in_passing(reason))
			continue;
		put_reason(view, i);
		pcrs |= reason->pcrs | (reason->pcr < ATTEST_PCRS ? 1u << reason->pcr : 0);
	}
	story_print_registers(view->out, pcrs);
	if (view->verdict->state == VERDICT_TRUSTED)
		put_wrapped(view, "  ", "The boot started what was approved, and nothing else.");
	put_proofs(view);
	put_notes(view);
}

/* ---- register by register ---- */

static bool is_about(const struct reason *reason, uint32_t pcr)
{
	return reason->pcr == pcr || reason->pcrs & 1u << pcr;
}

/* The register under which a reason is told in full. */
static uint32_t home_of(const struct reason *reason)
{
	if (reason->pcr < ATTEST_PCRS)
		return reason->pcr;
	return reason->pcrs ? (uint32_t)__builtin_ctz(reason->pcrs) : REASON_NOWHERE;
}

/* One that tells of a difference to what was approved. */
static bool is_change(const struct reason *reason)
{
	return reason->id >= REASON_FIRMWARE_CHANGED && reason->id <= REASON_EVENT_REORDERED;
}

/* The worst reason about a register (reasons stand worst first); NULL for none. */
static const struct reason *worst_about(const struct verdict *v, uint32_t pcr)
{
	for (size_t i = 0; i < v->reasons.count; i++) {
		if (is_about(&v->reasons.items[i], pcr))
			return &v->reasons.items[i];
	}
	return NULL;
}

/* One word for a register. */
static void put_pcr_word(const struct verdict_view *view, uint32_t pcr, const struct reason *worst)
{
	const struct verdict_pcr *p = &view->verdict->pcrs[pcr];

	if (p->state == PCR_UNEXPLAINED)
		put_styled(view, &effect_styles[REASON_DISTRUSTS], "not explained by the log");
	else if (worst && !in_passing(worst))
		put_styled(view, style_of(worst),
			   is_change(worst) ? "changed" : style_of(worst)->word);
	else if (p->state == PCR_NOT_QUOTED)
		put_styled(view, &effect_styles[REASON_BLINDS], "not signed");
	else if (p->state == PCR_NO_LOG)
		put_styled(view, &effect_styles[REASON_BLINDS], "no log");
	else if (p->state == PCR_UNUSED)
		put_styled(view, &unused_style, "not used");
	else if (worst && worst->allowed_by[0])
		put_styled(view, &allowed_style, "changed, as a rule allows");
	else if (view->compared && !(worst && worst->id == REASON_IMA_UNJUDGED))
		put_styled(view, &good_style, "as approved");
	else
		put_styled(view, &good_style, "explained by the log");
}

static const struct boot_item *find_item(const struct verdict *v, const struct reason *reason)
{
	for (size_t i = 0; i < v->boot.count && reason->event != REASON_NOWHERE; i++) {
		const struct boot_item *item = &v->boot.items[i];

		if (item->event == reason->event && is_about(reason, item->pcr))
			return item;
	}
	return NULL;
}

/* The file that the host says has what was measured; NULL for none. */
static const char *path_of(const struct verdict_view *view, const struct boot_item *item)
{
	return view->paths ? boot_paths_find(view->paths, item) : NULL;
}

/* Below the event, as far in as its text. */
static void put_path(const struct verdict_view *view, const struct boot_item *item)
{
	const char *path = path_of(view, item);
	char text[600];

	if (!path)
		return;
	struct words w = words_into(text, sizeof(text));

	words_add_utf8(&w, rf_slice_text(path));
	words_add(&w, ", as the host says");
	put_wrapped(view, "        file   ", text);
}

/* "event 18 of the boot log (EV_EFI_BOOT_SERVICES_APPLICATION, proved): ..." */
static void put_event(const struct verdict_view *view, const char *head,
		      const struct boot_item *item)
{
	static const char *const logs[] = {[BOOT_FIRMWARE_LOG] = "boot log",
					   [BOOT_TXT_LOG] = "TXT log",
					   [BOOT_USERSPACE_LOG] = "system's log"};
	const char *type = eventlog_type_name(item->type);
	char text[1024];

	if (item->source == BOOT_USERSPACE_LOG)
		type = "systemd";
	rf_format(text, sizeof(text), "%u of the %s (%s, %s): %s", item->event, logs[item->source],
		  type ? type : "unknown type",
		  item->proof == EVENTLOG_HINT ? "what it says is not proved"
					       : eventlog_proof_name(item->proof),
		  item->text);
	put_wrapped(view, head, text);
	put_path(view, item);
}

static void put_pcr_reason(const struct verdict_view *view, const struct reason *reason,
			   uint32_t pcr)
{
	const struct boot_item *item = find_item(view->verdict, reason);
	char text[1400];

	if (view->pcr == VERDICT_ANY_PCR && home_of(reason) != pcr) {
		char title[256];

		rf_format(text, sizeof(text), "%s: see PCR %u",
			  reason_title(reason, title, sizeof(title)), home_of(reason));
		put_wrapped(view, "        cause  ", text);
		return;
	}
	reason_words(reason, text, sizeof(text));
	put_wrapped(view, "        cause  ", text);
	if (reason->component)
		put_wrapped(view, "        part   ", eventlog_component_name(reason->component));
	if (item)
		put_event(view, "        event  ", item);
	if (reason->allowed_by[0])
		put_wrapped(view, "        rule   ", reason->allowed_by);
	else
		put_wrapped(view, "        next   ", reason_next(reason));
}

/* All that was measured into the register, in order. */
static void put_events(const struct verdict_view *view, uint32_t pcr)
{
	const struct boot *boot = &view->verdict->boot;

	for (size_t i = 0; i < boot->count; i++) {
		if (boot->items[i].pcr == pcr && boot->items[i].type != EV_NO_ACTION)
			put_event(view, "        event  ", &boot->items[i]);
	}
}

static void put_value(const struct verdict_view *view, const struct attest_digest *value)
{
	char name[16], text[160];
	struct words w = words_into(text, sizeof(text));

	if (!value->alg)
		return;
	words_printf(&w, "%s ", attest_alg_name(value->alg, name));
	words_add_hex(&w, (struct rf_slice){value->bytes, value->len}, ATTEST_MAX_DIGEST);
	put_wrapped(view, "        value  ", text);
}

static void put_pcr(const struct verdict_view *view, uint32_t pcr)
{
	const struct verdict *v = view->verdict;
	const struct reason *worst = worst_about(v, pcr);

	fprintf(view->out, "PCR %-2u  %s: ", pcr, reason_pcr_title(pcr));
	put_pcr_word(view, pcr, worst);
	if (v->pcrs[pcr].events > 0)
		fprintf(view->out, ", %u event%s", v->pcrs[pcr].events,
			v->pcrs[pcr].events == 1 ? "" : "s");
	fputs("\n", view->out);
	for (size_t i = 0; i < v->reasons.count; i++) {
		if (is_about(&v->reasons.items[i], pcr))
			put_pcr_reason(view, &v->reasons.items[i], pcr);
	}
	if (view->pcr != pcr)
		return;
	put_value(view, &v->pcrs[pcr].value);
	put_events(view, pcr);
}

/* Registers about which nothing must be said. */
static bool is_quiet(const struct verdict_view *view, uint32_t pcr)
{
	const struct verdict_pcr *p = &view->verdict->pcrs[pcr];
	bool silent = p->state == PCR_UNUSED || (p->state == PCR_NOT_QUOTED && p->events == 0);

	return !view->all && silent && !worst_about(view->verdict, pcr);
}

/* Reasons about no register: key, nonce, missing parts. */
static void put_placeless(const struct verdict_view *view)
{
	const struct reasons *list = &view->verdict->reasons;

	for (size_t i = 0; i < list->count; i++) {
		const struct reason *reason = &list->items[i];

		if (reason->pcr == REASON_NOWHERE && reason->pcrs == 0 && !in_passing(reason))
			put_reason(view, i);
	}
}

void verdict_view_explain(const struct verdict_view *view)
{
	uint32_t quiet = 0;

	put_head(view);
	if (view->pcr == VERDICT_ANY_PCR)
		put_placeless(view);
	fputs("\n", view->out);
	put_wrapped(view, "",
		    "Each PCR is a register of the TPM chip: it records one part of the start, and "
		    "only a restart sets it back.\n");
	for (uint32_t pcr = 0; pcr < ATTEST_PCRS; pcr++) {
		if (view->pcr != VERDICT_ANY_PCR && view->pcr != pcr)
			continue;
		if (view->pcr == VERDICT_ANY_PCR && is_quiet(view, pcr))
			quiet++;
		else
			put_pcr(view, pcr);
	}
	if (quiet)
		fprintf(view->out, "%u registers are not in use or not signed (--all shows them)\n",
			quiet);
	if (view->pcr == VERDICT_ANY_PCR)
		put_notes(view);
}

/* ---- JSON ---- */

static json_t *hex_json(const uint8_t *bytes, size_t len)
{
	RF_AUTOBUF struct rf_buf hex = {0};

	if (len == 0)
		return json_null();
	rf_buf_add_hex(&hex, bytes, len);
	return json_string(rf_buf_text(&hex));
}

static json_t *value_json(const struct attest_digest *value)
{
	RF_AUTOBUF struct rf_buf text = {0};
	char name[16];

	if (!value->alg)
		return json_null();
	rf_buf_printf(&text, "%s:", attest_alg_name(value->alg, name));
	rf_buf_add_hex(&text, value->bytes, value->len);
	return json_string(rf_buf_text(&text));
}

static json_t *path_json(const struct verdict_view *view, const struct boot_item *item)
{
	const char *path = path_of(view, item);

	return path ? json_string(path) : json_null();
}

static json_t *events_json(const struct verdict_view *view, uint32_t pcr)
{
	const struct boot *boot = &view->verdict->boot;
	static const char *const logs[] = {[BOOT_FIRMWARE_LOG] = "firmware",
					   [BOOT_TXT_LOG] = "txt",
					   [BOOT_USERSPACE_LOG] = "userspace"};
	json_t *list = json_array();

	for (size_t i = 0; i < boot->count; i++) {
		const struct boot_item *item = &boot->items[i];
		const char *type = eventlog_type_name(item->type);

		if (item->pcr != pcr || item->type == EV_NO_ACTION)
			continue;
		json_array_append_new(list,
				      json_pack("{s:s, s:i, s:s, s:s, s:s, s:s, s:s, s:o}", "log",
						logs[item->source], "event", (int)item->event,
						"type", type ? type : "", "part",
						eventlog_component_name(item->component), "name",
						item->name, "text", item->text, "proof",
						eventlog_proof_name(item->proof), "file",
						path_json(view, item)));
	}
	return list;
}

static json_t *pcrs_json(const struct verdict_view *view, bool explain)
{
	const struct verdict *v = view->verdict;
	json_t *list = json_array();

	for (uint32_t pcr = 0; pcr < ATTEST_PCRS; pcr++) {
		if (view->pcr != VERDICT_ANY_PCR && view->pcr != pcr)
			continue;
		json_t *one = json_pack("{s:i, s:s, s:s, s:o, s:i, s:b}", "pcr", (int)pcr, "title",
					reason_pcr_title(pcr), "state",
					verdict_pcr_state_name(v->pcrs[pcr].state), "value",
					value_json(&v->pcrs[pcr].value), "events_count",
					(int)v->pcrs[pcr].events, "changed", v->pcrs[pcr].changed);

		if (one && explain)
			json_object_set_new(one, "events", events_json(view, pcr));
		json_array_append_new(list, one);
	}
	return list;
}

static json_t *reasons_json(const struct verdict *v)
{
	json_t *list = json_array();

	for (size_t i = 0; i < v->reasons.count; i++) {
		const struct reason *reason = &v->reasons.items[i];
		char words[1400];
		json_t *one = story_reason_json(reason);

		if (one) {
			json_object_set_new(one, "effect",
					    json_string(reason_effect_name(effect_of(reason))));
			json_object_set_new(
				one, "words",
				json_string(reason_words(reason, words, sizeof(words))));
		}
		json_array_append_new(list, one);
	}
	return list;
}

static json_t *clock_json(const struct verdict_memory *memory)
{
	if (!memory->known)
		return json_null();
	return json_pack("{s:I, s:I, s:I, s:I}", "clock_ms", (json_int_t)memory->clock_ms,
			 "reset_count", (json_int_t)memory->reset_count, "restart_count",
			 (json_int_t)memory->restart_count, "firmware_version",
			 (json_int_t)memory->firmware_version);
}

json_t *verdict_view_json(const struct verdict_view *view, bool explain)
{
	const struct verdict *v = view->verdict;

	return json_pack("{s:s, s:s, s:s, s:s, s:i, s:b, s:b, s:o, s:o, s:{s:i, s:i, s:i}, s:o, "
			 "s:o, s:I, s:o}",
			 "schema_version", "1.0", "what", view->what, "host", view->host, "verdict",
			 verdict_state_name(v->state), "exit_status", verdict_exit_code(v->state),
			 "quote_proved", v->quote_proved, "compared_with_baseline", view->compared,
			 "ak_name", hex_json(v->ak_name, v->ak_name_len), "ek_name",
			 hex_json(v->ek_name, v->ek_name_len), "ima", "entries",
			 (int)v->ima_entries, "beyond_quote", (int)v->ima_beyond, "violations",
			 (int)v->ima_violations, "tpm", clock_json(&v->memory), "reasons",
			 reasons_json(v), "reasons_dropped", (json_int_t)v->reasons.dropped, "pcrs",
			 pcrs_json(view, explain));
}
