/* SPDX-License-Identifier: Apache-2.0 */
/* A plan for a person. See show_plan.h. */
#include "cli/show_plan.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "cli/roles.h"
#include "cli/rows.h"

struct pen {
	const char *bold, *minus, *plus, *dim, *off;
};

static const struct pen plain = {"", "", "", "", ""};
static const struct pen colored = {"\033[1m", "\033[31m", "\033[32m", "\033[2m", "\033[0m"};

/* Everything shown may come from files of strangers. */
static void put(const char *text)
{
	RF_AUTOBUF struct rf_buf shown = {0};

	rf_buf_add_visible(&shown, text, strlen(text));
	fputs(rf_buf_text(&shown), stdout);
}

static void value_put(const char *sign, const char *color, const char *off, const char *key,
		      const char *value)
{
	printf("  %s%s ", color, sign);
	if (key[0]) {
		put(key);
		fputs(value[0] ? ": " : "", stdout);
	}
	put(value);
	printf("%s\n", off);
}

static void mode_text(const struct change_spec *spec, char *out, size_t size)
{
	out[0] = '\0';
	if (spec->mode != CHANGE_LEAVE)
		rf_format(out, size, "at most %04o", spec->mode);
	size_t n = strlen(out);

	if (spec->uid != CHANGE_LEAVE)
		rf_format(out + n, size - n, "%suid %u", n ? ", " : "", spec->uid);
	n = strlen(out);
	if (spec->gid != CHANGE_LEAVE)
		rf_format(out + n, size - n, "%sgid %u", n ? ", " : "", spec->gid);
}

/* Of a list of words one comes or goes; the others stay, and must not look as if they went. */
static void word_put(const struct change *c, const char *value, bool adds, const struct pen *pen)
{
	if (c->old_value)
		value_put(" ", pen->dim, pen->off, c->spec.key, c->old_value);
	value_put(adds ? "+" : "-", adds ? pen->plus : pen->minus, pen->off,
		  adds ? "a word more" : "a word less", value);
}

static void change_put(const struct change *c, const struct pen *pen)
{
	const struct change_spec *spec = &c->spec;
	const struct verb *verb = verb_find(&role_verbs, spec->verb);
	RF_AUTOBUF struct rf_buf payload = {0};
	const char *value = c->secret ? "(secret)" : change_spec_value(spec);
	bool set = !rf_starts(spec->op, "remove");
	char mode[96];

	if (verb && verb->payload_bytes && !c->secret) {
		verb->show_payload(spec, &payload);
		value = rf_buf_text(&payload);
	}
	bool word = rf_ends(spec->op, "-word") && !c->secret;

	if (c->old_value && !word)
		value_put("-", pen->minus, pen->off, spec->key,
			  c->secret ? "(secret)" : c->old_value);
	if (word) {
		word_put(c, value, set, pen);
	} else if (strcmp(spec->verb, "mode") == 0) {
		mode_text(spec, mode, sizeof(mode));
		value_put("+", pen->plus, pen->off, "", mode);
	} else if (strcmp(spec->verb, "folder") == 0) {
		value_put("+", pen->plus, pen->off, "", "a new folder");
	} else if (set && (value[0] || spec->key[0])) {
		value_put("+", pen->plus, pen->off, spec->key, value);
	}
	printf("    %s", pen->dim);
	put(c->explanation);
	printf(" (");
	put(c->origin);
	printf("; %s risk, %s%s)%s\n", change_risk_name(c->risk), change_needs_name(c->needs),
	       c->could_cut_access ? ", could cut access" : "", pen->off);
}

static void left_put(const struct remedy *remedy, bool all, const struct pen *pen)
{
	size_t by_hand = 0;

	for (size_t i = 0; i < remedy->left_count; i++)
		by_hand += remedy->left[i].by_hand;
	if (remedy->left_count)
		printf("Not in the plan: %zu findings are mended by hand, for %zu there is no verb%s\n",
		       by_hand, remedy->left_count - by_hand, all ? ":" : " (-a shows why)");
	for (size_t i = 0; all && i < remedy->left_count; i++) {
		const struct remedy_left *left = &remedy->left[i];

		printf("  ");
		put(left->finding->control->id);
		printf(" ");
		put(left->finding->resource);
		printf("\n    %s", pen->dim);
		put(left->reason);
		printf("%s\n", pen->off);
	}
}

static void refusals_put(const struct plan *plan)
{
	for (size_t i = 0; i < plan->refusals_count; i++) {
		if (i == 0)
			printf("Refused:\n");
		printf("  ");
		put(plan->refusals[i].origin);
		printf(": ");
		put(plan->refusals[i].reason);
		printf("\n");
	}
}

int show_plan(const struct plan *plan, const struct remedy *remedy, bool all, const char *color)
{
	const struct pen *pen = rows_color(color) ? &colored : &plain;
	const char *target = NULL;

	for (size_t i = 0; i < plan->count; i++) {
		const struct change *c = &plan->changes[i];

		if (!target || strcmp(target, c->spec.target) != 0) {
			printf("%s", pen->bold);
			put(c->spec.target);
			printf("%s\n", pen->off);
		}
		target = c->spec.target;
		change_put(c, pen);
	}
	refusals_put(plan);
	left_put(remedy, all, pen);
	if (plan->count == 0) {
		printf("Nothing to change%s.\n",
		       plan->held_count ? ": what the fixes want holds already" : "");
		return 0;
	}
	printf("Plan %s: %zu changes, %s risk, needs: %s%s.\n", plan->id, plan->count,
	       change_risk_name(plan_risk(plan)), change_needs_name(plan_needs(plan)),
	       plan_could_cut_access(plan) ? "; could cut access" : "");
	return 0;
}

int show_plan_json(const struct plan *plan, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf json = {0};
	int rc = plan_write(plan, &json, err);

	if (!rc && fwrite(json.data, 1, json.len, stdout) != json.len)
		rc = rf_fail(err, -EIO, "the output could not be written");
	return rc;
}
