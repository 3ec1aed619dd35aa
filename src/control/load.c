/* SPDX-License-Identifier: Apache-2.0 */
/* Control files: from YAML to a checked struct control; the verb table of `fix`. See control.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "control/embed.h"
#include "control/internal.h"

struct bound {
	const char *id, *title, *severity, *pillar, *why, *over, *when, *applies, *pass, *query;
	const char *lookup, *step, *manual;
	const struct yaml_node *evidence, *fix, *refs, *params, *tests;
};

#define F(name, type, required)                                                                    \
	{                                                                                          \
#name, type, offsetof(struct bound, name), required                                \
	}
static const struct yaml_field control_fields[] = {
	F(id, YAML_T_TEXT, true),	F(title, YAML_T_TEXT, true),
	F(severity, YAML_T_TEXT, true), F(pillar, YAML_T_TEXT, true),
	F(why, YAML_T_TEXT, true),	F(over, YAML_T_TEXT, false),
	F(when, YAML_T_TEXT, false),	F(applies, YAML_T_TEXT, false),
	F(pass, YAML_T_TEXT, false),	F(query, YAML_T_TEXT, false),
	F(lookup, YAML_T_TEXT, false),	F(step, YAML_T_TEXT, true),
	F(manual, YAML_T_TEXT, false),	F(evidence, YAML_T_LIST, false),
	F(fix, YAML_T_MAP, false),	F(refs, YAML_T_MAP, true),
	F(params, YAML_T_MAP, false),	F(tests, YAML_T_LIST, false),
};
#undef F

/* Verbs a control may name, with their arguments; docs/howto/add-a-control.md has the same table.
 */
struct verb_row {
	const char *verb;
	const char *required, *optional; /* argument names joined by ' ' */
};

static const struct verb_row verb_rows[] = {
	{"sysctl", "key value", ""},
	{"conf", "file key value style", "section"},
	{"ssh", "key value", ""},
	{"mode", "path", "mode owner group"},
	{"unit", "unit state", ""},
	{"modprobe", "module", "option value block"},
	{"cmdline", "", "add remove"},
	{"package", "", "remove install"},
	{"audit", "rule", ""},
	{"mount", "target options", ""},
	{"bridge-port", "flag value", "port"},
	{"link", "set", "link"},
	{"nft", "rule", ""},
	{"libvirtd", "key value", ""},
	{"qemu-conf", "key value", ""},
	{"domain", "op path", "value"},
	{"domain-nic", "", "op set path value"},
	{"domain-disk", "", "op set path value"},
	{"domain-console", "", "op set path value"},
	{"domain-device", "", "op set path value"},
	{"network", "op path", "value"},
	{"cgroup", "key value", ""},
	{"qmp", "key value", ""},
	{"vmx", "key value", ""},
};

static bool words_hold(const char *words, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = words; *p;) {
		size_t len = strcspn(p, " ");

		if (len == n && memcmp(p, word, n) == 0)
			return true;
		p += len + (p[len] == ' ');
	}
	return false;
}

static int fix_arguments_check(const struct control *c, const struct verb_row *row,
			       struct rf_err *err)
{
	size_t required = 0, given = 0;

	for (const char *p = row->required; *p; p++)
		required += p == row->required || p[-1] == ' ';
	for (size_t i = 0; i < c->fix->items_count; i++) {
		const struct yaml_node *arg = &c->fix->items[i];

		if (strcmp(arg->key, "verb") == 0)
			continue;
		if (arg->kind != YAML_TEXT)
			return yaml_fail(&c->doc, arg, err, "fix: %s must be text", arg->key);
		if (words_hold(row->required, arg->key))
			given++;
		else if (!words_hold(row->optional, arg->key))
			return yaml_fail(&c->doc, arg, err, "fix: the verb %s has no argument %s",
					 row->verb, arg->key);
	}
	if (given != required)
		return yaml_fail(&c->doc, c->fix, err, "fix: the verb %s needs: %s", row->verb,
				 row->required);
	return 0;
}

int control_fix_check(const struct control *c, struct rf_err *err)
{
	if (!c->fix)
		return 0;
	const struct yaml_node *verb = yaml_get(c->fix, "verb");

	if (!verb || verb->kind != YAML_TEXT)
		return yaml_fail(&c->doc, c->fix, err, "fix: the key verb is missing");
	for (size_t i = 0; i < RF_COUNT(verb_rows); i++) {
		if (strcmp(verb_rows[i].verb, verb->text) == 0)
			return fix_arguments_check(c, &verb_rows[i], err);
	}
	return yaml_fail(&c->doc, verb, err, "fix: no verb %s, see docs/howto/add-a-control.md",
			 verb->text);
}

static int control_bind(struct control *c, struct rf_err *err)
{
	struct bound b = {0};
	int rc = yaml_bind(&c->doc, c->doc.root, control_fields, RF_COUNT(control_fields), &b, err);

	if (rc < 0)
		return rc;
	if (severity_parse(b.severity, &c->severity) < 0)
		return yaml_fail(&c->doc, yaml_get(c->doc.root, "severity"), err,
				 "severity: critical, high, medium, low or info, not %s",
				 b.severity);
	c->id = b.id, c->title = b.title, c->why = b.why, c->pillar = b.pillar;
	c->over = b.over, c->when = b.when, c->applies = b.applies, c->pass = b.pass;
	c->query = b.query, c->lookup = b.lookup, c->step = b.step, c->manual = b.manual;
	c->evidence = b.evidence, c->fix = b.fix, c->refs = b.refs, c->params = b.params;
	c->tests = b.tests;
	return 0;
}

static const struct yaml_node *param_find(const struct control *c,
					  const struct yaml_node *const *overrides, size_t count,
					  const char *name)
{
	const struct yaml_node *found = yaml_get(c->params, name);

	for (size_t i = 0; found && i < count; i++) {
		const struct yaml_node *other = yaml_get(overrides[i], name);

		if (other)
			found = other;
	}
	return found;
}

int control_params_bind(const struct control *c, const struct yaml_node *const *overrides,
			size_t overrides_count, sqlite3_stmt *stmt, struct rf_err *err)
{
	for (int i = 1; i <= sqlite3_bind_parameter_count(stmt); i++) {
		const char *name = sqlite3_bind_parameter_name(stmt, i);
		const struct yaml_node *value =
			name ? param_find(c, overrides, overrides_count, name + 1) : NULL;
		int64_t n;

		if (!value || value->kind != YAML_TEXT)
			return yaml_fail(&c->doc, c->doc.root, err,
					 "the parameter %s has no value under params",
					 name ? name : "?");
		/* Quotes make text of a number, as everywhere in YAML. */
		if (!value->quoted && rf_num(value->text, 10, INT64_MIN, INT64_MAX, &n) == 0)
			sqlite3_bind_int64(stmt, i, n);
		else
			sqlite3_bind_text(stmt, i, value->text, -1, SQLITE_STATIC);
	}
	return 0;
}

int control_problem_add(struct control_set *set, const struct rf_err *why, struct rf_err *err)
{
	if (rf_grow((void **)&set->problems, &set->problems_capacity, set->problems_count + 1,
		    sizeof(*set->problems)) < 0)
		return rf_fail(err, -ENOMEM, "no memory");
	set->problems[set->problems_count] = rf_strdup(rf_err_text(why));
	if (!set->problems[set->problems_count])
		return rf_fail(err, -ENOMEM, "no memory");
	set->problems_count++;
	return 0;
}

static int controls_add(struct control_set *set, struct control *c, struct rf_err *err)
{
	if (control_find(set, c->id))
		return yaml_fail(&c->doc, c->doc.root, err, "the id %s is in use already", c->id);
	if (set->controls_count >= RF_MAX_CONTROLS)
		return rf_fail(err, RF_E_LIMIT, "more than %u controls", RF_MAX_CONTROLS);
	if (rf_grow((void **)&set->controls, &set->controls_capacity, set->controls_count + 1,
		    sizeof(*set->controls)) < 0)
		return -ENOMEM;
	set->controls[set->controls_count++] = *c;
	return 0;
}

static int control_load(struct control_set *set, sqlite3 *db, const char *name,
			struct rf_slice text, bool from_site, struct rf_err *err)
{
	struct control c = {.from_site = from_site};
	int rc = yaml_parse(text, name, &c.doc, err);

	if (!rc)
		rc = control_bind(&c, err);
	if (!rc)
		rc = control_check(&c, db, err);
	if (!rc)
		rc = controls_add(set, &c, err);
	if (rc < 0)
		control_done(&c);
	return rc;
}

/* One file: whose it is follows from db, which only strangers' files need. */
static int add_with(struct control_set *set, sqlite3 *db, const char *kind, const char *name,
		    struct rf_slice text, struct rf_err *err)
{
	bool from_site = db != NULL;

	struct rf_err why = {0};
	int rc;

	if (strcmp(kind, "controls") == 0)
		rc = control_load(set, db, name, text, from_site, &why);
	else if (strcmp(kind, "profiles") == 0)
		rc = profile_load(set, name, text, from_site, &why);
	else
		rc = waivers_load(set, name, text, &why);
	if (rc == -ENOMEM || (rc == 0))
		return rc ? rf_fail(err, rc, "%s: no memory", name) : 0;
	return control_problem_add(set, &why, err);
}

int control_set_add(struct control_set *set, const char *kind, const char *name,
		    struct rf_slice text, bool from_site, struct rf_err *err)
{
	FACT_AUTOSTORE struct fact_store *scratch = NULL;
	int rc = fact_store_open(&scratch, err);

	if (rc < 0)
		return rc;
	return add_with(set, from_site ? fact_store_db(scratch) : NULL, kind, name, text, err);
}

int control_set_load_builtin(struct control_set *set, bool with_tests, struct rf_err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < embedded_files_count; i++) {
		const struct embedded_file *file = &embedded_files[i];
		const char *kind = rf_starts(file->path, "controls/")	? "controls"
				   : rf_starts(file->path, "profiles/") ? "profiles"
									: NULL;

		if (kind && rf_ends(file->path, ".yaml"))
			rc = add_with(set, NULL, kind, file->path,
				      (struct rf_slice){file->data,
							with_tests ? file->len : file->head_len},
				      err);
	}
	return rc;
}

/* ---- data/vmx-defaults.yaml ---- */

struct vmx_default_row {
	const char *key, *product, *hw, *value, *source;
};

static const struct yaml_field default_fields[] = {
	{"key", YAML_T_TEXT, offsetof(struct vmx_default_row, key), true},
	{"product", YAML_T_TEXT, offsetof(struct vmx_default_row, product), true},
	{"hw", YAML_T_TEXT, offsetof(struct vmx_default_row, hw), true},
	{"value", YAML_T_TEXT, offsetof(struct vmx_default_row, value), true},
	{"source", YAML_T_TEXT, offsetof(struct vmx_default_row, source), false},
};

/* "13-18", "7-" or "13". */
static int hw_range(const char *text, int64_t *first, int64_t *last)
{
	char head[32];
	const char *dash = strchr(text, '-');

	if (!rf_copy(head, sizeof(head), text))
		return RF_E_SYNTAX;
	if (dash)
		head[dash - text] = '\0';
	if (rf_num(head, 10, 0, 1000, first) < 0)
		return RF_E_SYNTAX;
	*last = dash ? 1000 : *first;
	return dash && dash[1] ? rf_num(dash + 1, 10, *first, 1000, last) : 0;
}

static int default_insert(const struct yaml_doc *doc, const struct yaml_node *node,
			  sqlite3_stmt *stmt, struct rf_err *err)
{
	struct vmx_default_row row = {0};
	int64_t first, last;
	int rc = yaml_bind(doc, node, default_fields, RF_COUNT(default_fields), &row, err);

	if (rc < 0)
		return rc;
	if (hw_range(row.hw, &first, &last) < 0)
		return yaml_fail(doc, node, err, "hw: a version or FIRST-LAST, not %s", row.hw);
	RF_AUTOFREE char *key = rf_strdup(row.key);

	if (!key)
		return rf_fail(err, -ENOMEM, "no memory");
	rf_lower(key);
	sqlite3_bind_text(stmt, 1, key, -1, SQLITE_TRANSIENT);
	sqlite3_bind_text(stmt, 2, row.product, -1, SQLITE_TRANSIENT);
	sqlite3_bind_int64(stmt, 3, first);
	sqlite3_bind_int64(stmt, 4, last);
	sqlite3_bind_text(stmt, 5, row.value, -1, SQLITE_TRANSIENT);
	sqlite3_bind_text(stmt, 6, row.source, -1, SQLITE_TRANSIENT);
	int step = sqlite3_step(stmt);

	sqlite3_reset(stmt);
	return step == SQLITE_DONE ? 0 : yaml_fail(doc, node, err, "this default stands twice");
}

int control_defaults_load(struct fact_store *store, struct rf_err *err)
{
	const struct embedded_file *file = NULL;
	YAML_AUTODOC struct yaml_doc doc = {0};
	sqlite3_stmt *stmt = NULL;

	for (size_t i = 0; i < embedded_files_count; i++) {
		if (strcmp(embedded_files[i].path, "data/vmx-defaults.yaml") == 0)
			file = &embedded_files[i];
	}
	if (!file)
		return 0;
	int rc = yaml_parse((struct rf_slice){file->data, file->len}, file->path, &doc, err);

	if (!rc &&
	    sqlite3_prepare_v2(fact_store_db(store), "INSERT INTO vmx_default VALUES (?,?,?,?,?,?)",
			       -1, &stmt, NULL))
		rc = rf_fail(err, RF_E_DATABASE, "%s", sqlite3_errmsg(fact_store_db(store)));
	for (size_t i = 0; rc == 0 && i < doc.root->items_count; i++)
		rc = default_insert(&doc, &doc.root->items[i], stmt, err);
	sqlite3_finalize(stmt);
	return rc;
}
