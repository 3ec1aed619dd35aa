/* SPDX-License-Identifier: Apache-2.0 */
/* ringfence controls list, show, test; man and completion. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/common.h"
#include "control/control.h"

static bool chosen(const struct cli_args *args, const struct control_set *set,
		   const struct control *c)
{
	bool in = args->counts[OPT_PROFILE] == 0;

	if (args->words_count && !rf_glob(args->words[0], c->id))
		return false;
	for (size_t i = 0; i < args->counts[OPT_PROFILE]; i++) {
		const struct profile *p = profile_find(set, args->values[OPT_PROFILE][i]);

		in = in || (p && profile_selects(p, c));
	}
	return in;
}

int cmd_controls_list(const struct cli_args *args, struct rf_err *err)
{
	CONTROL_AUTOSET struct control_set set = {0};
	size_t count = 0;
	int rc = common_controls(args, false, &set, err);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < set.controls_count; i++) {
		const struct control *c = &set.controls[i];

		if (!chosen(args, &set, c))
			continue;
		printf("%-44s %-8s %-10s %s\n", c->id, severity_name(c->severity), c->pillar,
		       c->title);
		count++;
	}
	printf("\n%zu controls", count);
	if (args->counts[OPT_PROFILE]) {
		printf("\n");
		return 0;
	}
	printf(". Profiles (--profile NAME):\n");
	for (size_t i = 0; i < set.profiles_count; i++) {
		size_t n = 0;

		for (size_t k = 0; k < set.controls_count; k++)
			n += profile_selects(&set.profiles[i], &set.controls[k]);
		printf("  %-12s %4zu controls  %s\n", set.profiles[i].id, n, set.profiles[i].title);
	}
	return 0;
}

static void show_node(const struct yaml_node *node, unsigned indent)
{
	for (size_t i = 0; node && i < node->items_count; i++) {
		const struct yaml_node *item = &node->items[i];

		printf("%*s%s%s", (int)indent, "", item->key ? item->key : "-",
		       item->key ? ": " : " ");
		if (item->kind == YAML_TEXT) {
			printf("%s\n", item->text);
			continue;
		}
		printf("\n");
		show_node(item, indent + 2);
	}
}

int cmd_controls_show(const struct cli_args *args, struct rf_err *err)
{
	CONTROL_AUTOSET struct control_set set = {0};
	int rc = common_controls(args, true, &set, err);

	if (rc < 0)
		return rc;
	const struct control *c = control_find(&set, args->words[0]);

	if (!c)
		return rf_fail(err, RF_E_UNKNOWN,
			       "there is no control %s; `ringfence controls list` shows them all",
			       args->words[0]);
	printf("# %s\n", c->doc.name);
	show_node(c->doc.root, 0);
	RF_AUTOFREE char *sql = control_sql_text(c);

	printf("\nSQL that runs:\n%s\n", sql ? sql : "");
	return 0;
}

struct totals {
	struct fact_store *scratch;
	size_t controls, bad;
	struct control_test_result sum;
};

static int test_one(const struct cli_args *args, const struct control *c, struct totals *totals,
		    struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf out = {0};
	struct control_test_result r = {0};
	struct rf_err why = {0};
	int rc = control_test(c, totals->scratch, !cli_has(args, OPT_NO_MUTANTS), &out, &r, &why);

	if (rc == -ENOMEM)
		return rf_fail(err, rc, "no memory");
	totals->controls++;
	totals->sum.rows_count += r.rows_count;
	totals->sum.rows_failed += r.rows_failed;
	totals->sum.mutants_count += r.mutants_count;
	totals->sum.mutants_alive += r.mutants_alive;
	if (rc < 0)
		printf("%s\n", rf_err_text(&why));
	fputs(rf_buf_text(&out), stdout);
	totals->bad += rc < 0 || r.rows_failed || r.mutants_alive;
	return 0;
}

int cmd_controls_test(const struct cli_args *args, struct rf_err *err)
{
	CONTROL_AUTOSET struct control_set set = {0};
	FACT_AUTOSTORE struct fact_store *scratch = NULL;
	struct totals totals = {0};
	int rc = common_controls(args, true, &set, err);

	if (!rc)
		rc = fact_store_open(&scratch, err);
	totals.scratch = scratch;

	for (size_t i = 0; rc == 0 && i < set.controls_count; i++) {
		if (chosen(args, &set, &set.controls[i]))
			rc = test_one(args, &set.controls[i], &totals, err);
	}
	if (rc < 0)
		return rc;
	size_t killed = totals.sum.mutants_count - totals.sum.mutants_alive;

	printf("%zu controls, %zu test rows (%zu failed), %zu mutants, %zu killed", totals.controls,
	       totals.sum.rows_count, totals.sum.rows_failed, totals.sum.mutants_count, killed);
	if (totals.sum.mutants_count)
		printf(" (mutation score %.1f %%)",
		       100.0 * (double)killed / (double)totals.sum.mutants_count);
	printf("\n");
	if (totals.controls == 0)
		return rf_fail(err, RF_E_UNKNOWN, "no control matches %s",
			       args->words_count ? args->words[0] : "*");
	return totals.bad || set.problems_count ? CLI_FINDINGS : 0;
}

int cmd_man(const struct cli_args *args, struct rf_err *err)
{
	char name[64] = "";

	for (size_t i = 0; i < args->words_count; i++) {
		size_t used = strlen(name);

		rf_format(name + used, sizeof(name) - used, "%s%s", i ? " " : "", args->words[i]);
	}
	for (size_t i = 0; i < cli_commands_count; i++) {
		if (strcmp(cli_commands[i].name, name) == 0) {
			cli_man(stdout, &cli_commands[i]);
			return 0;
		}
	}
	if (name[0])
		return rf_fail(err, RF_E_USAGE, "there is no command %s", name);
	cli_man(stdout, NULL);
	return 0;
}

int cmd_completion(const struct cli_args *args, struct rf_err *err)
{
	(void)args;
	(void)err;
	cli_completion(stdout);
	return 0;
}
