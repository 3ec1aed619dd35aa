/* SPDX-License-Identifier: Apache-2.0 */
/* Findings to wants: placeholders, and the verbs of `fix:`. See remedy.h. */
#include "change/remedy.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "change/kinds.h"
#include "change/remedy_parts.h"

void remedy_done(struct remedy *remedy)
{
	rf_free(remedy->wants);
	rf_free(remedy->left);
	rf_arena_done(&remedy->texts);
	memset(remedy, 0, sizeof(*remedy));
}

/* ---- placeholders ---- */

static const char *evidence_get(const struct finding *f, const char *name)
{
	for (const char *p = f->evidence; p && *p;) {
		const char *value = p + strlen(p) + 1;

		if (strcmp(p, name) == 0)
			return value;
		p = value + strlen(value) + 1;
	}
	return NULL;
}

/* The part of the resource behind the VM: its network card, disk, ... */
static const char *part_of(const struct finding *f)
{
	size_t n = strlen(f->vm);

	return n && strncmp(f->resource, f->vm, n) == 0 && f->resource[n] == '/'
		       ? f->resource + n + 1
		       : f->resource;
}

/* The column of the row that its natural key names: the last one of "vm,layer,nic". */
static bool is_key_column(const struct finding *f, const char *name)
{
	const struct fact_table *table = f->control->table;
	const char *key = table ? table->key : NULL;
	const char *last = key ? strrchr(key, ',') : NULL;

	return key && strcmp(last ? last + 1 : key, name) == 0;
}

static const char *column(const struct finding *f, const char *name)
{
	const char *value = evidence_get(f, name);

	if (value && value[0])
		return value;
	if (strcmp(name, "resource") == 0)
		return f->resource;
	if (strcmp(name, "vm") == 0)
		return f->vm;
	if (is_key_column(f, name))
		return part_of(f);
	/* A query names its rows by the thing itself. */
	if (!f->control->table &&
	    (strcmp(name, "path") == 0 ? f->resource[0] == '/' : f->resource[0] != '\0'))
		return f->resource;
	return NULL;
}

static const char *substitute(struct remedy_call *c, const char *text)
{
	RF_AUTOBUF struct rf_buf out = {0};

	for (const char *p = text; *p;) {
		const char *end = *p == '{' ? strchr(p, '}') : NULL;
		char name[64];

		if (!end || !rf_format(name, sizeof(name), "%.*s", (int)(end - p - 1), p + 1)) {
			rf_buf_add_byte(&out, (uint8_t)*p++);
			continue;
		}
		const char *value = column(c->finding, name);

		if (!value) {
			c->reason = rf_arena_printf(&c->out->texts,
						    "the finding does not say its %s", name);
			return NULL;
		}
		rf_buf_add_text(&out, value);
		p = end + 1;
	}
	return rf_arena_copy(&c->out->texts, rf_buf_text(&out));
}

const char *remedy_arg(struct remedy_call *c, const char *name)
{
	const struct yaml_node *node = yaml_get(c->finding->control->fix, name);

	return node && node->kind == YAML_TEXT ? substitute(c, node->text) : NULL;
}

const char *remedy_part(const struct remedy_call *c)
{
	return part_of(c->finding);
}

/* ---- making wants ---- */

int remedy_refuse(struct remedy_call *c, const char *reason)
{
	if (!c->reason)
		c->reason = reason;
	return RF_E_UNSUPPORTED;
}

/* A zeroed want behind the others, with what the finding says; NULL when memory is short. */
static struct want *want_new(struct remedy_call *c)
{
	struct remedy *r = c->out;

	if (rf_grow((void **)&r->wants, &r->capacity, r->count + 1, sizeof(*r->wants)) < 0)
		return NULL;
	struct want *w = &r->wants[r->count];

	memset(w, 0, sizeof(*w));
	w->explanation = c->finding->control->title;
	w->origin = c->finding->control->id;
	w->needs = c->needs;
	w->could_cut_access = c->could_cut_access;
	w->secret = c->secret;
	return w;
}

static int want_put(struct remedy_call *c, const struct change_spec *spec)
{
	struct want *w = want_new(c);

	if (!w)
		return -ENOMEM;
	w->spec = *spec;
	c->out->count++;
	return 0;
}

/* A text that came from a finding may be longer than a change: that is a refusal, no failure. */
static int too_long(struct remedy_call *c)
{
	return remedy_refuse(c, "a name or value is longer than a change may be");
}

int remedy_simple(struct remedy_call *c, const char *verb, const char *target, const char *value)
{
	struct change_spec spec;

	if (change_spec_set(&spec, verb, target, NULL, value, NULL) < 0)
		return too_long(c);
	rf_copy(spec.hook, sizeof(spec.hook), c->hook ? c->hook : "");
	return want_put(c, &spec);
}

int remedy_edit(struct remedy_call *c, const struct remedy_edit *e)
{
	struct change_spec spec;

	if (change_spec_set(&spec, "edit", e->path, e->key, e->value, NULL) < 0 ||
	    !rf_copy(spec.section, sizeof(spec.section), e->section ? e->section : "") ||
	    !rf_copy(spec.style, sizeof(spec.style), e->style) ||
	    !rf_copy(spec.op, sizeof(spec.op), e->op))
		return too_long(c);
	rf_copy(spec.hook, sizeof(spec.hook), c->hook ? c->hook : "");
	return want_put(c, &spec);
}

int remedy_mode(struct remedy_call *c, const char *path, uint32_t mode, bool owner, bool group)
{
	struct change_spec spec;

	if (change_spec_set(&spec, "mode", path, NULL, NULL, NULL) < 0)
		return too_long(c);
	spec.mode = mode;
	spec.uid = owner ? 0 : CHANGE_LEAVE;
	spec.gid = group ? 0 : CHANGE_LEAVE;
	return want_put(c, &spec);
}

/* ---- the findings ---- */

static int leave(struct remedy *r, const struct finding *f, const char *reason, bool by_hand)
{
	if (rf_grow((void **)&r->left, &r->left_capacity, r->left_count + 1, sizeof(*r->left)) < 0)
		return -ENOMEM;
	r->left[r->left_count++] =
		(struct remedy_left){f, rf_arena_copy(&r->texts, reason), by_hand};
	return r->texts.failed ? -ENOMEM : 0;
}

static int finding_mend(struct remedy_call *c)
{
	const struct control *control = c->finding->control;
	size_t before = c->out->count;

	if (!control->fix)
		return leave(c->out, c->finding, control->manual ? control->manual : control->step,
			     true);
	const struct yaml_node *verb = yaml_get(control->fix, "verb");
	const struct remedy_verb *row = verb ? remedy_verb_find(verb->text) : NULL;
	int rc = !row	     ? RF_E_UNSUPPORTED
		 : row->make ? row->make(c)
			     : remedy_refuse(c, row->why_not);

	if (rc == RF_E_UNSUPPORTED || (rc == 0 && c->reason)) {
		c->out->count = before;
		return leave(c->out, c->finding, c->reason ? c->reason : "no verb for it is there",
			     false);
	}
	return rc;
}

int remedy_make(const struct finding_set *findings, plan_read_fn *read, void *read_arg,
		struct remedy *out, struct rf_err *err)
{
	struct remedy remedy = {0};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < findings->count; i++) {
		struct remedy_call c = {.finding = &findings->items[i],
					.out = &remedy,
					.read = read,
					.read_arg = read_arg};

		if (findings->items[i].state != FINDING_FAIL)
			continue;
		remedy.findings_count++;
		rc = finding_mend(&c);
	}
	if (!rc && remedy.texts.failed)
		rc = -ENOMEM;
	if (rc < 0) {
		remedy_done(&remedy);
		return rf_fail(err, rc, "%s", rf_code_text(rc));
	}
	*out = remedy;
	return 0;
}

bool remedy_knows(const char *verb)
{
	const struct remedy_verb *row = remedy_verb_find(verb);

	return row && row->make;
}
