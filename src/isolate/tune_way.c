/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How settings of a running VM are read and put: libvirt's typed parameters, its pinning, and files
 * of the VM's cgroup that libvirt leaves alone. Sources: libvirt-domain.h, cgroups(7).
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "change/apart.h"
#include "change/kinds.h"
#include "isolate/tune.h"
#include "isolate/vm_scope.h"
#include "sys/qmp.h"

/* ---- typed parameters ---- */

static const struct virt_param *param_find(const struct virt_param *params, size_t count,
					   const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(params[i].name, name) == 0)
			return &params[i];
	}
	return NULL;
}

/* "No limit" has one form. */
static int64_t number_of(const struct tune_row *row, int64_t n)
{
	return row->unlimited && (n < 0 || n >= row->unlimited) ? -1 : n;
}

static int fields_read(const struct tune_row *row, const struct virt_param *params, size_t count,
		       struct rf_buf *out)
{
	for (size_t i = 0, n = 0; i < row->fields_count; i++) {
		const struct virt_param *p = param_find(params, count, row->fields[i].name);

		if (p && !p->is_text)
			rf_buf_printf(out, "%s%s=%lld", n++ ? " " : "", p->name,
				      (long long)number_of(row, p->number));
	}
	return out->failed ? -ENOMEM : 0;
}

static int param_read(const struct tune_call *call, struct rf_buf *out, struct rf_err *err)
{
	const struct tune_row *row = call->row;
	struct virt_param params[VIRT_MAX_PARAMS];
	size_t count = 0;
	int rc = virt_params_get(call->vm, &(struct virt_where){row->group, call->item, VIRT_LIVE},
				 params, &count, err);

	if (rc < 0)
		return rc;
	if (row->value == TUNE_FIELDS)
		return fields_read(row, params, count, out);
	const struct virt_param *p = param_find(params, count, row->param);

	if (!p)
		return rf_fail(err, RF_E_UNSUPPORTED, "libvirt has no %s for this VM", row->param);
	if (p->is_text)
		return rf_buf_add_text(out, p->text);
	return rf_buf_printf(out, "%lld", (long long)number_of(row, p->number));
}

static int fields_take(const struct tune_row *row, const char *value, struct virt_param *params,
		       size_t *count)
{
	RF_AUTOFREE char *copy = rf_strdup(value);
	char *cursor = copy;

	if (!copy)
		return -ENOMEM;
	for (char *word; (word = rf_word_next(&cursor));) {
		struct virt_param *p = &params[*count];
		char *eq = strchr(word, '=');

		if (!eq || *count == VIRT_MAX_PARAMS)
			return RF_E_SYNTAX;
		*eq = '\0';
		memset(p, 0, sizeof(*p));
		if (!rf_copy(p->name, sizeof(p->name), word) ||
		    rf_num(eq + 1, 10, -1, INT64_MAX, &p->number) < 0)
			return RF_E_SYNTAX;
		if (p->number == -1)
			p->number = row->unlimited;
		(*count)++;
	}
	return 0;
}

static int param_put(const struct tune_call *call, const char *value, struct rf_err *err)
{
	const struct tune_row *row = call->row;
	const struct virt_where where = {row->group, call->item, VIRT_LIVE};
	struct virt_param params[VIRT_MAX_PARAMS];
	size_t count = 0;
	int rc;

	if (row->value == TUNE_FIELDS) {
		rc = fields_take(row, value, params, &count);
		return rc ? rf_fail(err, rc, "%s: %.80s", row->name, value)
			  : virt_params_set(call->vm, &where, params, count, err);
	}
	struct virt_param *p = &params[0];

	memset(p, 0, sizeof(*p));
	rf_copy(p->name, sizeof(p->name), row->param);
	p->is_text = row->value == TUNE_WORD;
	if (p->is_text ? !rf_copy(p->text, sizeof(p->text), value)
		       : rf_num(value, 10, -1, INT64_MAX, &p->number) < 0)
		return rf_fail(err, RF_E_SYNTAX, "%s: %.80s", row->name, value);
	rc = virt_params_set(call->vm, &where, p, 1, err);
	/* Where "no limit" is not -1 it is the largest number. */
	if (rc < 0 && !p->is_text && p->number == -1) {
		p->number = row->unlimited;
		rc = virt_params_set(call->vm, &where, p, 1, err);
	}
	return rc;
}

const struct tune_way tune_param = {param_read, param_put};

/* ---- pinning ---- */

static int pin_number(const struct tune_call *call, unsigned *out)
{
	int64_t n = 0;

	if (call->item[0] && rf_num(call->item, 10, 0, 1023, &n) < 0)
		return RF_E_SYNTAX;
	*out = (unsigned)n;
	return 0;
}

static int pin_read(const struct tune_call *call, struct rf_buf *out, struct rf_err *err)
{
	unsigned n = 0;
	int rc = pin_number(call, &n);

	return rc ? rc : virt_pin_get(call->vm, call->row->threads, n, out, err);
}

static int pin_put(const struct tune_call *call, const char *value, struct rf_err *err)
{
	unsigned n = 0;
	int rc = pin_number(call, &n);

	return rc ? rc : virt_pin_set(call->vm, call->row->threads, n, value, err);
}

const struct tune_way tune_pin = {pin_read, pin_put};

/* ---- files of the VM's cgroup ---- */

static int cgroup_path(const struct tune_call *call, char out[512], struct rf_err *err)
{
	struct vm_scope scope;
	int rc = vm_scope_find(call->env->root, call->name, call->row->param, &scope, err);

	if (rc < 0)
		return rc;
	const char *file = scope.version == 2 ? call->row->param : call->row->param1;

	if (!file)
		return rf_fail(err, RF_E_UNSUPPORTED,
			       "%s: this host's cgroups (version %d) have "
			       "none",
			       call->row->name, scope.version);
	return rf_format(out, 512, "%s/%s", scope.path, file)
		       ? 0
		       : rf_fail(err, RF_E_LIMIT, "%s: its cgroup's path is too long", call->name);
}

static int cgroup_read(const struct tune_call *call, struct rf_buf *out, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf state = {0}, text = {0};
	char path[512];
	int rc = cgroup_path(call, path, err);

	if (!rc)
		rc = kind_value.read(call->env, path, &state, err);
	if (rc < 0)
		return rc;
	if (!value_state_text(rf_buf_slice(&state), &text))
		return rf_fail(err, RF_E_UNSUPPORTED, "%s is not there", path);
	const char *value = strcmp(rf_buf_text(&text), "max") == 0 ? "-1" : rf_buf_text(&text);

	return rf_buf_add_text(out, value);
}

static int cgroup_put(const struct tune_call *call, const char *value, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf state = {0};
	char path[512];
	bool none = call->row->unlimited && strcmp(value, "-1") == 0;
	int rc = cgroup_path(call, path, err);

	if (!rc)
		rc = value_state_encode(none ? "max" : value, &state);
	return rc ? rc : kind_value.put(call->env, path, rf_buf_slice(&state), err);
}

const struct tune_way tune_cgroup = {cgroup_read, cgroup_put};

/* ---- QEMU's monitor ---- */

/* A child's: with a connection of its own, so that one that is cut off in the middle of an answer
 * is nobody else's. */
static int monitor_work(void *arg, struct rf_slice in, struct rf_buf *out, struct rf_err *err)
{
	const char *const *question = arg; /* UUID, command */
	VIRT_AUTOVM struct virt_vm *vm = NULL;
	int rc = virt_vm_open(TUNE_URI, question[0], &vm, err);

	(void)in;
	return rc ? rc : virt_monitor(vm, question[1], out, err);
}

/* A QEMU that hangs, or that its guest keeps from answering, must not hold us: libvirt itself would
 * wait for ever. */
int tune_monitor(void *vm, const char *command, json_t *arguments, struct rf_buf *out,
		 struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf text = {0};
	char uuid[37];
	const char *question[] = {uuid, NULL};
	int rc = qmp_command_write(command, arguments, "", &text);

	if (rc < 0)
		return rf_fail(err, rc, "no memory");
	virt_vm_uuid(vm, uuid);
	question[1] = rf_buf_text(&text);
	rc = apart_ask(monitor_work, question, QMP_WAIT_MS, out, err);
	return rc == RF_E_TIMEOUT ? rf_wrap(err, rc, "its QEMU hangs (%s)", command) : rc;
}

int tune_monitor_here(void *vm, const char *command, json_t *arguments, struct rf_buf *out,
		      struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf text = {0};

	if (qmp_command_write(command, arguments, "", &text) < 0)
		return rf_fail(err, -ENOMEM, "no memory");
	return virt_monitor(vm, rf_buf_text(&text), out, err);
}
