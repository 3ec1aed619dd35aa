/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings of VMs as a kind of object and one verb. See tune.h. The mechanisms are tune_way.c, the
 * definition's side tune_xml.c, the rows tune_*.c by pillar.
 */
#include "isolate/tune.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/cpus.h"
#include "base/mem.h"
#include "base/str.h"
#include "change/apart.h"
#include "sys/qmp.h"

/* ---- targets ---- */

static const char *const layers[] = {[VIRT_LIVE] = "live", [VIRT_PERSISTENT] = "persistent"};

const struct tune_row *tune_find(const char *name)
{
	for (size_t t = 0; tune_tables[t]; t++) {
		for (size_t i = 0; i < tune_tables[t]->count; i++) {
			if (strcmp(tune_tables[t]->rows[i].name, name) == 0)
				return &tune_tables[t]->rows[i];
		}
	}
	return NULL;
}

int tune_target(char out[512], const char *vm, enum virt_layer layer, const char *row,
		const char *item)
{
	bool fits = rf_format(out, 512, "%s/%s/%s%s%s", vm, layers[layer], row, item ? "/" : "",
			      item ? item : "");

	if (!vm[0] || strchr(vm, '/'))
		return RF_E_SYNTAX;
	return fits ? 0 : RF_E_LIMIT;
}

static bool item_ok(const struct tune_row *row, const char *item)
{
	char again[24];
	size_t len = strlen(item);
	int64_t n;

	switch (row->item) {
	case TUNE_NO_ITEM:
		return len == 0;
	case TUNE_INDEX:
		if (rf_num(item, 10, 0, 1023, &n) < 0)
			return false;
		rf_format(again, sizeof(again), "%lld", (long long)n);
		return strcmp(again, item) == 0;
	case TUNE_DISK:
		return len > 0 && len < 16 &&
		       strspn(item, "abcdefghijklmnopqrstuvwxyz0123456789") == len;
	case TUNE_NIC:
		return len == 17 && strspn(item, "0123456789abcdef:") == len;
	}
	return false;
}

/* libvirt's names hold no slash; quotes would end the ones of an XPath, but items are checked. */
static bool vm_ok(const char *vm)
{
	return vm[0] && strlen(vm) < sizeof(((struct tune_name *)0)->vm);
}

int tune_parse(const char *target, struct tune_name *out, struct rf_err *err)
{
	char copy[512], *parts[4] = {NULL};
	struct tune_name name = {.layer = VIRT_LIVE};
	size_t count = 0;

	if (!rf_copy(copy, sizeof(copy), target))
		return rf_fail(err, RF_E_LIMIT, "the target is too long");
	for (char *p = copy; p; count++) {
		if (count == RF_COUNT(parts))
			return rf_fail(err, RF_E_SYNTAX, "%.80s is no VM/LAYER/SETTING", target);
		parts[count] = p;
		p = strchr(p, '/');
		if (p)
			*p++ = '\0';
	}
	if (count < 3 || !vm_ok(parts[0]) ||
	    (strcmp(parts[1], "live") != 0 && strcmp(parts[1], "persistent") != 0))
		return rf_fail(err, RF_E_SYNTAX, "%.80s is no VM/LAYER/SETTING", target);
	rf_copy(name.vm, sizeof(name.vm), parts[0]);
	name.layer = strcmp(parts[1], "live") == 0 ? VIRT_LIVE : VIRT_PERSISTENT;
	name.row = tune_find(parts[2]);
	if (!name.row)
		return rf_fail(err, RF_E_UNKNOWN, "there is no setting %.60s of a VM", parts[2]);
	if (!item_ok(name.row, parts[3] ? parts[3] : "") ||
	    !rf_copy(name.item, sizeof(name.item), parts[3] ? parts[3] : ""))
		return rf_fail(err, RF_E_SYNTAX, "%s: %.40s is not what it is about",
			       name.row->name, parts[3] ? parts[3] : "nothing");
	if (name.layer == VIRT_LIVE ? !name.row->way : !name.row->xml)
		return rf_fail(err, RF_E_DENIED, "%s: a %s VM has no such setting", name.row->name,
			       name.layer == VIRT_LIVE ? "running" : "defined");
	*out = name;
	return 0;
}

/* ---- values ---- */

static int number_canon(const struct tune_row *row, int64_t min, int64_t max, const char *value,
			struct rf_buf *out)
{
	int64_t n;

	if (rf_num(value, 10, INT64_MIN, INT64_MAX, &n) < 0)
		return RF_E_SYNTAX;
	if (row->unlimited && (n == -1 || n >= row->unlimited))
		return rf_buf_add_text(out, "-1");
	if (n < min || n > max)
		return RF_E_LIMIT;
	return rf_buf_printf(out, "%lld", (long long)n);
}

/* A field and its value out of "name=1 name=2"; NULL: it is not named. false: an unknown name, or
 * one twice. */
static bool fields_split(const struct tune_row *row, char *text, const char **values)
{
	for (char *word; (word = rf_word_next(&text));) {
		char *eq = strchr(word, '=');
		size_t i = 0;

		if (!eq)
			return false;
		*eq = '\0';
		while (i < row->fields_count && strcmp(row->fields[i].name, word) != 0)
			i++;
		if (i == row->fields_count || values[i])
			return false;
		values[i] = eq + 1;
	}
	return true;
}

#define MAX_FIELDS VIRT_MAX_PARAMS

static int fields_canon(const struct tune_row *row, const char *value, struct rf_buf *out)
{
	RF_AUTOFREE char *copy = rf_strdup(value);
	const char *values[MAX_FIELDS] = {NULL};
	int rc = copy ? 0 : -ENOMEM;

	if (copy && (row->fields_count > MAX_FIELDS || !fields_split(row, copy, values)))
		return RF_E_SYNTAX;
	for (size_t i = 0; rc == 0 && i < row->fields_count; i++) {
		if (!values[i])
			continue;
		rf_buf_printf(out, "%s%s=", out->len ? " " : "", row->fields[i].name);
		rc = number_canon(row, row->fields[i].min, row->fields[i].max, values[i], out);
	}
	return rc;
}

static bool word_in(const char *words, const char *word)
{
	size_t len = strlen(word);

	for (const char *p = words; *p; p += *p == ' ') {
		size_t n = strcspn(p, " ");

		if (n == len && memcmp(p, word, n) == 0)
			return true;
		p += n;
	}
	return false;
}

static int cpus_canon(const char *value, struct rf_buf *out)
{
	struct rf_cpus cpus;
	int rc = rf_cpus_parse(value, &cpus);

	if (rc == 0 && rf_cpus_count(&cpus) == 0)
		rc = RF_E_SYNTAX;
	return rc ? rc : rf_cpus_format(&cpus, out);
}

int tune_canon(const struct tune_row *row, const char *value, struct rf_buf *out,
	       struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf text = {0};
	int rc = RF_E_SYNTAX;

	if (row->value == TUNE_NUMBER)
		rc = number_canon(row, row->min, row->max, value, &text);
	else if (row->value == TUNE_FIELDS)
		rc = fields_canon(row, value, &text);
	else if (row->value == TUNE_CPUS)
		rc = cpus_canon(value, &text);
	else if (word_in(row->words, value))
		rc = rf_buf_add_text(&text, value);
	if (rc < 0)
		return rf_fail(err, rc, "%s cannot be %.80s", row->name, value[0] ? value : "\"\"");
	return rf_buf_add(out, text.data, text.len);
}

/* Fields that value names replace those of before; both are canonical. */
static int fields_merge(const struct tune_name *name, const char *before, const char *value,
			struct rf_buf *out)
{
	const struct tune_row *row = name->row;
	bool drop = row->zero_unset && name->layer == VIRT_PERSISTENT;
	RF_AUTOFREE char *old = rf_strdup(before), *new = rf_strdup(value);
	const char *values[MAX_FIELDS] = {NULL}, *wanted[MAX_FIELDS] = {NULL};

	if (!old || !new)
		return -ENOMEM;
	if (!fields_split(row, old, values) || !fields_split(row, new, wanted))
		return RF_E_SYNTAX;
	for (size_t i = 0, n = 0; i < row->fields_count; i++) {
		const char *one = wanted[i] ? wanted[i] : values[i];

		if (one && !(drop && strcmp(one, "0") == 0))
			rf_buf_printf(out, "%s%s=%s", n++ ? " " : "", row->fields[i].name, one);
	}
	return out->failed ? -ENOMEM : 0;
}

/* ---- the kind ---- */

/* A state is one byte and, for SET, the value. */
enum { GONE = 'x', UNSET = '0', SET = '1' };

static int target_check(const struct verb_env *env, const char *target, struct rf_err *err)
{
	struct tune_name name;

	(void)env;
	return tune_parse(target, &name, err);
}

struct xml_work {
	const struct tune_name *name;
	const char *value;
};

static int xml_read_work(void *arg, struct rf_slice xml, struct rf_buf *out, struct rf_err *err)
{
	const struct xml_work *work = arg;
	RF_AUTOBUF struct rf_buf value = {0};

	(void)err;
	bool set = tune_xml_get(work->name, xml, &value);

	rf_buf_add_byte(out, set ? SET : UNSET);
	return rf_buf_add(out, value.data, value.len);
}

static int xml_put_work(void *arg, struct rf_slice xml, struct rf_buf *out, struct rf_err *err)
{
	const struct xml_work *work = arg;

	return tune_xml_put(work->name, xml, work->value, out, err);
}

static int live_read(const struct tune_call *call, struct rf_buf *out, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf value = {0};
	int rc = call->row->way->read(call, &value, err);

	if (rc < 0)
		return rc;
	rf_buf_add_byte(out, SET);
	return rf_buf_add(out, value.data, value.len);
}

static int definition_read(const struct tune_name *name, struct virt_vm *vm, struct rf_buf *out,
			   struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf xml = {0};
	struct xml_work work = {.name = name};
	int rc = virt_xml_get(vm, VIRT_PERSISTENT, false, &xml, err);

	return rc ? rc : apart_run(xml_read_work, &work, rf_buf_slice(&xml), out, err);
}

/* A libvirtd that is restarted in the middle of a plan is back in a moment: VMs and their groups
 * do not notice, and no plan has to fail for it. */
#define RESTART_TRIES	 20
#define RESTART_PAUSE_MS 250
/* Of one child: a libvirtd that comes back, and a QEMU that answers. */
#define APART_WAIT_MS (RESTART_TRIES * RESTART_PAUSE_MS + QMP_WAIT_MS)

static int open_patiently(const char *vm, struct virt_vm **out, struct rf_err *err)
{
	const struct timespec pause = {.tv_nsec = RESTART_PAUSE_MS * 1000000l};
	int rc = virt_vm_open(TUNE_URI, vm, out, err);

	for (unsigned i = 0; i < RESTART_TRIES && rc == RF_E_PEER; i++) {
		nanosleep(&pause, NULL);
		rf_err_clear(err);
		rc = virt_vm_open(TUNE_URI, vm, out, err);
	}
	return rc;
}

static int target_open(const struct verb_env *env, const char *target, struct tune_name *name,
		       struct virt_vm **vm, struct rf_err *err)
{
	int rc = tune_parse(target, name, err);

	if (rc < 0)
		return rc;
	if (!env->live)
		return rf_fail(err, RF_E_UNSUPPORTED, "only a running host has VMs to set");
	return open_patiently(name->vm, vm, err);
}

static int read_here(const struct verb_env *env, const char *target, struct rf_buf *out,
		     struct rf_err *err)
{
	VIRT_AUTOVM struct virt_vm *vm = NULL;
	struct tune_name name;
	int rc = target_open(env, target, &name, &vm, err);

	/* A VM that was switched off took its live settings with it. */
	if (rc == RF_E_MISSING || (rc == 0 && !virt_vm_has(vm, name.layer)))
		return rf_buf_add_byte(out, GONE);
	if (rc == 0 && name.layer == VIRT_PERSISTENT)
		rc = definition_read(&name, vm, out, err);
	else if (rc == 0)
		rc = live_read(&(struct tune_call){env, vm, name.vm, name.row, name.item}, out,
			       err);
	return rc ? rf_wrap(err, rc, "%s", target) : 0;
}

static int definition_put(const struct tune_name *name, struct virt_vm *vm, const char *value,
			  struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf xml = {0}, next = {0};
	struct xml_work work = {name, value};
	int rc = virt_xml_get(vm, VIRT_PERSISTENT, true, &xml, err);

	if (!rc)
		rc = apart_run(xml_put_work, &work, rf_buf_slice(&xml), &next, err);
	return rc ? rc : virt_xml_put(vm, rf_buf_text(&next), err);
}

static int put_here(const struct verb_env *env, const char *target, struct rf_slice state,
		    struct rf_err *err)
{
	VIRT_AUTOVM struct virt_vm *vm = NULL;
	RF_AUTOBUF struct rf_buf value = {0};
	struct tune_name name;
	int rc = target_open(env, target, &name, &vm, err);

	if (rc < 0)
		return rc;
	if (state.len == 0 || state.data[0] == GONE)
		return rf_fail(err, RF_E_MISSING, "%s: a VM is not made or taken away so", target);
	if (state.data[0] == SET)
		rf_buf_add(&value, state.data + 1, state.len - 1);
	if (value.failed)
		return rf_fail(err, -ENOMEM, "no memory");
	const char *text = state.data[0] == SET ? rf_buf_text(&value) : NULL;

	if (name.layer == VIRT_PERSISTENT)
		rc = definition_put(&name, vm, text, err);
	else if (text)
		rc = name.row->way->put(&(struct tune_call){env, vm, name.vm, name.row, name.item},
					text, err);
	else
		rc = RF_E_SYNTAX;
	return rc ? rf_wrap(err, rc, "%s", target) : 0;
}

/* ---- apart: with a QEMU that may never answer ---- */

struct apart_call {
	const struct verb_env *env;
	const char *target;
	struct rf_slice state;
};

static int read_apart(void *arg, struct rf_slice in, struct rf_buf *out, struct rf_err *err)
{
	const struct apart_call *c = arg;

	(void)in;
	return read_here(c->env, c->target, out, err);
}

static int put_apart(void *arg, struct rf_slice in, struct rf_buf *out, struct rf_err *err)
{
	const struct apart_call *c = arg;

	(void)in;
	(void)out;
	return put_here(c->env, c->target, c->state, err);
}

/* The child opens the VM: a connection does not outlive a fork, and its parent needs none. */
static int call_apart(apart_fn *work, struct apart_call *c, struct rf_buf *out, struct rf_err *err)
{
	int rc = virt_load_all(err);

	if (!rc)
		rc = apart_ask(work, c, APART_WAIT_MS, out, err);
	return rc == RF_E_TIMEOUT ? rf_wrap(err, rc, "%s: its QEMU hangs", c->target) : rc;
}

static bool is_apart(const struct verb_env *env, const char *target)
{
	struct tune_name name;

	return env->live && tune_parse(target, &name, NULL) == 0 && name.layer == VIRT_LIVE &&
	       name.row->way->apart;
}

static int tune_read(const struct verb_env *env, const char *target, struct rf_buf *out,
		     struct rf_err *err)
{
	struct apart_call c = {.env = env, .target = target};

	return is_apart(env, target) ? call_apart(read_apart, &c, out, err)
				     : read_here(env, target, out, err);
}

static int tune_put(const struct verb_env *env, const char *target, struct rf_slice state,
		    struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf none = {0};
	struct apart_call c = {.env = env, .target = target, .state = state};

	return is_apart(env, target) ? call_apart(put_apart, &c, &none, err)
				     : put_here(env, target, state, err);
}

static int tune_after(const struct verb_env *env, const char *target, struct rf_slice state,
		      struct rf_err *err)
{
	VIRT_AUTOVM struct virt_vm *vm = NULL;
	RF_AUTOBUF struct rf_buf value = {0};
	struct tune_name name;
	int rc = tune_parse(target, &name, err);

	if (rc || name.layer != VIRT_LIVE || !name.row->way->after || !state.len ||
	    state.data[0] != SET)
		return rc;
	rc = target_open(env, target, &name, &vm, err);
	if (!rc)
		rc = rf_buf_add(&value, state.data + 1, state.len - 1);
	if (!rc)
		rc = name.row->way->after(
			&(struct tune_call){env, vm, name.vm, name.row, name.item},
			rf_buf_text(&value), err);
	return rc ? rf_wrap(err, rc, "%s", target) : 0;
}

static bool tune_gone(struct rf_slice state)
{
	return state.len == 1 && state.data[0] == GONE;
}

static const struct verb_kind kind_tune = {
	.name = "vm-tune",
	/* Behind files and values, before the network guard: nothing here cuts anybody off. */
	.rank = 65,
	.check = target_check,
	.read = tune_read,
	.put = tune_put,
	.after = tune_after,
	.gone = tune_gone,
};

/* ---- the verb ---- */

static bool removes(const struct change_spec *spec)
{
	return strcmp(spec->op, "remove") == 0;
}

static const char *const ops[] = {"", "set", "remove", "at-most", "at-least"};

/* "At most" has a meaning for what has an order. */
static bool op_fits(const struct tune_row *row, const char *op)
{
	bool known = false;

	for (size_t i = 0; i < RF_COUNT(ops); i++)
		known = known || strcmp(ops[i], op) == 0;
	if (strcmp(op, "at-most") == 0)
		return row->value == TUNE_NUMBER || (row->value == TUNE_FIELDS && row->at_most);
	return known && (strcmp(op, "at-least") != 0 || row->value == TUNE_NUMBER);
}

static int tune_check(const struct verb_env *env, const struct change_spec *spec,
		      struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf canon = {0};
	struct tune_name name;
	int rc = tune_parse(spec->target, &name, err);

	(void)env;
	if (rc < 0)
		return rc;
	if (!op_fits(name.row, spec->op))
		return rf_fail(err, RF_E_UNKNOWN, "%s cannot be %s", name.row->name, spec->op);
	if (removes(spec) && name.layer == VIRT_LIVE)
		return rf_fail(err, RF_E_UNSUPPORTED, "%s: a running VM always has one",
			       name.row->name);
	if (removes(spec))
		return 0;
	rc = tune_canon(name.row, change_spec_value(spec), &canon, err);
	/* What is shown and approved is what is compared. */
	if (!rc && strcmp(rf_buf_text(&canon), change_spec_value(spec)) != 0)
		rc = rf_fail(err, RF_E_SYNTAX, "%s: %.80s is to be written %.80s", name.row->name,
			     change_spec_value(spec), rf_buf_text(&canon));
	return rc;
}

/* The tighter (or, at least, the larger) of two numbers; what is no number, or not above zero, is
 * no limit. */
static int number_bound(const char *op, const char *old, const char *value, struct rf_buf *out)
{
	bool most = strcmp(op, "at-most") == 0;
	int64_t have = 0, want = 0;
	bool limited = rf_num(old, 10, 1, INT64_MAX, &have) == 0;

	if (rf_num(value, 10, INT64_MIN, INT64_MAX, &want) < 0)
		return RF_E_SYNTAX;
	return rf_buf_add_text(out, limited && (most ? have < want : have > want) ? old : value);
}

static int value_predict(const struct tune_name *name, const char *op, const char *old,
			 const char *value, struct rf_buf *out)
{
	RF_AUTOBUF struct rf_buf fields = {0};
	bool bound = strcmp(op, "at-most") == 0 || strcmp(op, "at-least") == 0;

	if (name->row->value != TUNE_FIELDS)
		return bound ? number_bound(op, old, value, out) : rf_buf_add_text(out, value);
	int rc = bound ? name->row->at_most(old, value, &fields) : 0;

	return rc ? rc : fields_merge(name, old, bound ? rf_buf_text(&fields) : value, out);
}

static int tune_predict(const struct change_spec *spec, struct rf_slice before, struct rf_buf *out,
			struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf old = {0}, value = {0};
	struct tune_name name;
	int rc = tune_parse(spec->target, &name, err);

	if (rc < 0)
		return rc;
	if (before.len == 0 || tune_gone(before))
		return rf_fail(err, RF_E_MISSING, "%s: %s", name.vm,
			       name.layer == VIRT_LIVE
				       ? "this VM does not run"
				       : "there is no such VM, or it has no definition");
	if (removes(spec))
		return rf_buf_add_byte(out, UNSET);
	if (before.data[0] == SET)
		rf_buf_add(&old, before.data + 1, before.len - 1);
	rc = value_predict(&name, spec->op, rf_buf_text(&old), change_spec_value(spec), &value);
	if (rc < 0)
		return rf_fail(err, rc, "%s: %s", spec->target, rf_code_text(rc));
	/* A definition in which each field is "no limit" names none. */
	rf_buf_add_byte(out, name.row->zero_unset && value.len == 0 ? UNSET : SET);
	return rf_buf_add(out, value.data, value.len);
}

static bool tune_show(const struct change_spec *spec, struct rf_slice state, struct rf_buf *out)
{
	(void)spec;
	if (state.len == 0 || state.data[0] != SET)
		return false;
	return rf_buf_add(out, state.data + 1, state.len - 1) == 0;
}

static const struct verb rows[] = {
	{"vm-tune", "set a limit, weight or place of a VM", &kind_tune, 0, NEEDS_LIVE, RISK_LOW,
	 tune_check, tune_predict, tune_show, NULL},
};

const struct verb_table tune_verbs = {rows, RF_COUNT(rows)};
