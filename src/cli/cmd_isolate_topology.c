/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ringfence isolate topology: the switches of a host, what is plugged into them, and every way out
 * of those that a policy wants closed; as text, a picture, for Graphviz, or for a program.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "cli/common.h"
#include "cli/isolate.h"
#include "isolate/closed.h"
#include "isolate/facts.h"

static const struct style {
	const char *name;
	int (*draw)(const struct topology *t, struct rf_buf *out); /* NULL: JSON */
} styles[] = {
	{"text", topology_text}, {"dot", topology_dot}, {"svg", topology_svg}, {"json", NULL}};

static int style_choose(const struct cli_args *args, const struct style **out, struct rf_err *err)
{
	const char *output = cli_value(args, OPT_OUTPUT);

	for (size_t i = 0; i < RF_COUNT(styles); i++) {
		if (!output || rf_equal(output, styles[i].name)) {
			*out = &styles[i];
			return 0;
		}
	}
	return rf_fail(err, RF_E_USAGE, "-o: text, dot, svg or json, not %s", output);
}

/* Without a policy nothing is to be closed: the picture is drawn all the same. */
static int policy_read(const struct cli_args *args, struct rf_buf *out, const char **out_name,
		       struct rf_err *err)
{
	*out_name = args->words_count ? args->words[0] : ISOLATE_POLICY;
	if (!args->words_count && (cli_value(args, OPT_FROM) || access(ISOLATE_POLICY, F_OK) < 0))
		return 0;
	return common_read_file(*out_name, POLICY_MAX_BYTES, out, err);
}

static const char *kind_word(const struct topology_node *node)
{
	static const char *const words[] = {"switch", "link", "vm", "stack", "beyond"};

	return words[node->kind];
}

static const char *escape_word(const struct topology_node *node)
{
	static const char *const words[] = {"", "uplink", "host", "switch", "tunnel", "unknown"};

	return words[node->escape];
}

static json_t *nodes_json(const struct topology *t)
{
	json_t *list = json_array();

	for (size_t i = 0; i < t->nodes_count; i++) {
		const struct topology_node *node = &t->nodes[i];

		json_array_append_new(list, json_pack("{s:I,s:s,s:s,s:s,s:s,s:b,s:b}", "id",
						      (json_int_t)i, "name", node->name, "kind",
						      kind_word(node), "what", node->what, "escape",
						      escape_word(node), "closed", node->closed,
						      "live", node->live));
	}
	return list;
}

static json_t *arcs_json(const struct topology *t, const bool *breaks)
{
	json_t *list = json_array();

	for (size_t i = 0; i < t->arcs_count; i++) {
		const struct topology_arc *arc = &t->arcs[i];

		json_array_append_new(
			list,
			json_pack("{s:I,s:I,s:s,s:b,s:b,s:b}", "from", (json_int_t)arc->from, "to",
				  (json_int_t)arc->to, "words", arc->words, "live",
				  (arc->layers & TOPOLOGY_LIVE) != 0, "defined",
				  (arc->layers & TOPOLOGY_DEFINED) != 0, "breaks", breaks[i]));
	}
	return list;
}

static json_t *promises_json(const struct isolate_promises *promises)
{
	static const char *const words[] = {"no", "yes", "not asked"};
	json_t *list = json_array();

	for (size_t i = 0; i < promises->count; i++) {
		const struct isolate_promise *p = &promises->items[i];

		json_array_append_new(list, json_pack("{s:s,s:s,s:s,s:s,s:s,s:s}", "subject",
						      p->subject, "promise", p->what, "configured",
						      words[p->configured], "enforced",
						      words[p->enforced], "proven",
						      words[p->proven], "evidence", p->evidence));
	}
	return list;
}

static int json_draw(const struct topology *t, const struct isolate_promises *promises,
		     struct rf_err *err)
{
	TOPOLOGY_AUTOVIEW struct topology_view view = {0};

	if (topology_view_make(t, &view) < 0)
		return rf_fail(err, -ENOMEM, "no memory");
	json_t *out = json_pack("{s:o,s:o,s:o}", "nodes", nodes_json(t), "arcs",
				arcs_json(t, view.breaks), "closed", promises_json(promises));
	int rc = out && json_dumpf(out, stdout, JSON_INDENT(1)) == 0
			 ? 0
			 : rf_fail(err, -ENOMEM, "no memory");

	json_decref(out);
	printf("\n");
	return rc;
}

static int draw(const struct topology *t, const struct style *style,
		const struct isolate_promises *promises, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf picture = {0};

	if (!style->draw)
		return json_draw(t, promises, err);
	if (style->draw(t, &picture) < 0)
		return rf_fail(err, -ENOMEM, "no memory");
	fwrite(picture.data, 1, picture.len, stdout);
	if (style->draw == topology_text)
		isolate_promises_show(stdout, promises, true);
	return 0;
}

int cmd_isolate_topology(const struct cli_args *args, struct rf_err *err)
{
	TOPOLOGY_AUTO struct topology t = {0};
	FACT_AUTOSTORE struct fact_store *store = NULL;
	POLICY_AUTO struct policy *policy = NULL;
	RF_AUTOBUF struct rf_buf yaml = {0};
	CLOSED_AUTOGUARDS struct closed_guards guards = {.names = NULL};
	struct isolate_promises promises = {0};
	char missing[CLOSED_MISSING_BYTES];
	const struct style *style = NULL;
	const char *name = NULL;
	int rc = style_choose(args, &style, err);

	if (!rc)
		rc = policy_read(args, &yaml, &name, err);
	if (!rc)
		rc = common_facts_by(args, isolate_collectors_nets, &store, err);
	/* What was recorded says nothing of this host's guard. */
	if (!rc && !cli_value(args, OPT_FROM) && closed_guards_read(&guards) < 0)
		rc = rf_fail(err, -ENOMEM, "no memory");
	if (!rc)
		rc = common_lock_in(args, err);
	if (!rc && yaml.len)
		rc = policy_parse(rf_buf_slice(&yaml), name, &policy, err);
	const struct policy_layer *layer = policy ? policy_layer(policy) : NULL;

	if (!rc)
		rc = topology_load(&t, &(struct topology_sources){store, layer, &guards}, err);
	if (!rc)
		rc = closed_missing(store, missing);
	if (!rc && layer)
		rc = closed_promises(&t, layer, missing, &promises);
	if (!rc && !layer && missing[0])
		fprintf(stderr, "ringfence: %s\n", missing);
	if (!rc)
		rc = draw(&t, style, &promises, err);
	if (!rc && isolate_promises_failed(&promises))
		rc = CLI_FINDINGS;
	isolate_promises_done(&promises);
	return rc;
}
