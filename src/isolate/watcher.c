/* SPDX-License-Identifier: Apache-2.0 */
/* The watcher of hostile VMs. See watcher.h. */
#include "isolate/watcher.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

#define STATUS_MAX_VMS 10000u

struct vm {
	struct hostile_entry entry;
	struct hostile_subject subject;
	bool found;	/* subject is known */
	bool gone;	/* it was, and counts no more */
	int64_t logged; /* lines of the kernel's log */
	struct hostile state;
	struct hostile_reading reading;
};

struct watcher {
	struct watcher_options with;
	struct hostile_head head;
	struct vm *vms;
	struct hostile_look *looks;
	size_t count;
	struct rf_buf missing; /* as it was told */
};

RF_PRINTF(2, 3)
static void say(struct watcher *w, const char *fmt, ...)
{
	char line[640];
	va_list args;

	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	w->with.say(w->with.arg, line);
}

int watcher_open(const struct watcher_options *options, struct watcher **out, struct rf_err *err)
{
	struct watcher *w = rf_alloc(1, sizeof(*w));

	if (!w)
		return rf_fail(err, -ENOMEM, "no memory");
	w->with = *options;
	*out = w;
	return 0;
}

void watcher_close(struct watcher *w)
{
	if (!w)
		return;
	rf_free(w->vms);
	rf_free(w->looks);
	rf_buf_done(&w->missing);
	rf_free(w);
}

/* ---- the table ---- */

static struct vm *vm_find(struct watcher *w, const char *uuid, size_t *out_index)
{
	for (size_t i = 0; i < w->count; i++) {
		if (!uuid[0] || strcmp(w->vms[i].entry.uuid, uuid) != 0)
			continue;
		*out_index = i;
		return &w->vms[i];
	}
	return NULL;
}

/* Another process is another VM: its counts begin anew, and nothing is known of it. */
static void vm_take(struct watcher *w, const struct hostile_entry *entry, int64_t now_ms,
		    struct vm *vm, struct hostile_look *look)
{
	size_t i = 0;
	struct vm *old = vm_find(w, entry->uuid, &i);

	*vm = (struct vm){.entry = *entry};
	*look = (struct hostile_look){.fresh = true};
	vm->found = hostile_subject_find(w->with.sys, entry->vm, &vm->subject, NULL) == 0;
	if (old && old->found && vm->found && old->subject.pid == vm->subject.pid) {
		vm->state = old->state;
		vm->logged = old->logged;
		vm->reading = old->reading;
		*look = w->looks[i];
		/* More or fewer vCPUs: their sums do not go on. */
		look->fresh = look->fresh || old->subject.tasks_count != vm->subject.tasks_count;
		return;
	}
	if (entry->apart)
		hostile_resume(&vm->state, now_ms);
}

int watcher_table(struct watcher *w, struct hostile_table *table, int64_t now_ms,
		  struct rf_err *err)
{
	size_t count = table->head.count;
	RF_AUTOFREE struct vm *vms = rf_alloc(count + 1, sizeof(*vms));
	RF_AUTOFREE struct hostile_look *looks = rf_alloc(count + 1, sizeof(*looks));

	if (!vms || !looks) {
		hostile_table_done(table);
		return rf_fail(err, -ENOMEM, "no memory");
	}
	for (size_t i = 0; i < count; i++)
		vm_take(w, &table->entries[i], now_ms, &vms[i], &looks[i]);
	rf_free(w->vms);
	rf_free(w->looks);
	w->vms = rf_take(vms);
	w->looks = rf_take(looks);
	w->count = count;
	w->head = table->head;
	hostile_table_done(table);
	if (w->head.problem[0])
		say(w, "%s", w->head.problem);
	return 0;
}

/* ---- acting ---- */

static bool act(struct watcher *w, struct vm *vm, enum hostile_ask ask, const char *why)
{
	struct hostile_question question = {.ask = ask};
	struct hostile_answer answer = {.rc = RF_E_PEER};

	rf_copy(question.uuid, sizeof(question.uuid), vm->entry.uuid);
	(void)rf_format(question.why, sizeof(question.why), "%s", why);
	w->with.act(w->with.arg, &question, &answer);
	answer.text[sizeof(answer.text) - 1] = '\0';
	if (answer.rc < 0)
		say(w, "%s: %s, and cannot be %s: %s", vm->entry.vm, why,
		    ask == HOSTILE_ASK_APART ? "set apart" : "released", answer.text);
	else
		say(w, "%s: %s: %s", vm->entry.vm, why, answer.text);
	return answer.rc >= 0;
}

static void step_do(struct watcher *w, struct vm *vm, enum hostile_step step, const char *why,
		    int64_t now_ms)
{
	bool moves = vm->entry.watch == HOSTILE_WATCH_APART && !vm->entry.own;

	if (step == HOSTILE_SET_APART && !moves) {
		say(w, "%s: hostile: %s (%s)", vm->entry.vm, why,
		    vm->entry.own ? "it has cores of its own" : "only reported");
		return;
	}
	if (step == HOSTILE_RELEASE && !vm->entry.apart) {
		say(w, "%s: %s", vm->entry.vm, why);
		return;
	}
	if (act(w, vm, step == HOSTILE_SET_APART ? HOSTILE_ASK_APART : HOSTILE_ASK_RELEASE, why))
		vm->entry.apart = step == HOSTILE_SET_APART;
	else
		hostile_undo(&vm->state, step, now_ms);
}

static bool vm_judge(struct watcher *w, size_t i, int64_t now_ms)
{
	RF_AUTOBUF struct rf_buf why = {0};
	struct vm *vm = &w->vms[i];
	enum hostile_state before = vm->state.state;

	hostile_rates(w->looks, w->count, i, &vm->reading);
	/* The policy changed its mind. */
	if (vm->entry.apart && vm->entry.watch != HOSTILE_WATCH_APART) {
		if (act(w, vm, HOSTILE_ASK_RELEASE, "the policy does not set it apart any more")) {
			vm->entry.apart = 0;
			vm->state = (struct hostile){.since_ms = now_ms};
		}
		return true;
	}
	if (vm->entry.watch == HOSTILE_WATCH_OFF || w->looks[i].fresh)
		return false;
	enum hostile_step step =
		hostile_take(&w->head.rules, &vm->state, &vm->reading, now_ms, &why);

	if (step != HOSTILE_STAY)
		step_do(w, vm, step, rf_buf_text(&why), now_ms);
	return vm->state.state != before;
}

/* Said once, not at each look. */
static void missing_tell(struct watcher *w)
{
	RF_AUTOBUF struct rf_buf missing = {0};

	for (size_t i = 0; i < w->count; i++) {
		if (w->vms[i].entry.watch == HOSTILE_WATCH_OFF || w->looks[i].fresh)
			continue;
		(void)hostile_missing(&w->head.rules, &w->vms[i].reading, &missing);
		break;
	}
	if (strcmp(rf_buf_text(&missing), rf_buf_text(&w->missing)) == 0)
		return;
	rf_buf_reset(&w->missing);
	rf_buf_add(&w->missing, missing.data, missing.len);
	if (missing.len)
		say(w, "this host does not count: %s; a VM is not judged by that",
		    rf_buf_text(&missing));
}

static void vm_count(struct watcher *w, size_t i, int64_t now_ms)
{
	struct hostile_look *look = &w->looks[i];
	struct vm *vm = &w->vms[i];
	bool first = look->now.at_ms == 0;

	look->before = look->now;
	look->now = (struct hostile_count){.at_ms = now_ms};
	hostile_count_read(w->with.sys, &vm->subject, &look->now);
	look->now.locks = vm->logged;
	look->now.has[HOSTILE_SPLIT_LOCKS] = w->with.locks_logged;
	if (w->with.pmu)
		hostile_pmu_read(w->with.pmu, &vm->subject, &look->now);
	look->fresh = first;
	vm->gone = vm->subject.tasks_count && !look->now.vcpus;
}

bool watcher_look(struct watcher *w, int64_t now_ms)
{
	bool due = false;

	for (size_t i = 0; i < w->count; i++) {
		if (w->vms[i].found && !w->vms[i].gone)
			vm_count(w, i, now_ms);
		w->looks[i].fresh = w->looks[i].fresh || !w->vms[i].found || w->vms[i].gone;
		due = due || w->vms[i].gone;
	}
	if (w->with.pmu)
		hostile_pmu_sweep(w->with.pmu);
	for (size_t i = 0; i < w->count; i++)
		due = vm_judge(w, i, now_ms) || due;
	missing_tell(w);
	return due;
}

void watcher_log_line(struct watcher *w, const char *record)
{
	int tid = hostile_lock_line(record);

	for (size_t i = 0; tid && i < w->count; i++) {
		if (!w->vms[i].found || !hostile_subject_has(w->with.sys, &w->vms[i].subject, tid))
			continue;
		w->vms[i].logged++;
		return;
	}
}

/* ---- the account ---- */

static void rates_text(const struct hostile_reading *reading, struct rf_buf *out)
{
	for (enum hostile_counter i = 0; i < HOSTILE_COUNTERS; i++) {
		if (!reading->has[i])
			continue;
		rf_buf_printf(out, "%s%s ", out->len ? ", " : "", hostile_counter_name(i));
		hostile_rate_text(i, reading->rates[i], out);
	}
}

static json_t *vm_json(const struct vm *vm)
{
	RF_AUTOBUF struct rf_buf rates = {0};
	bool caused = vm->state.state != HOSTILE_CALM && vm->state.times;

	rates_text(&vm->reading, &rates);
	return json_pack("{s:s,s:s,s:s,s:s,s:b,s:I,s:s}", "vm", vm->entry.vm, "watch",
			 hostile_watch_name((enum hostile_watch)vm->entry.watch), "state",
			 hostile_state_name(vm->state.state), "cause",
			 caused ? hostile_counter_name(vm->state.cause) : "", "apart",
			 vm->entry.apart, "times", (json_int_t)vm->state.times, "rates",
			 rf_buf_text(&rates));
}

int watcher_status(const struct watcher *w, int64_t at_s, struct rf_buf *out)
{
	json_t *vms = json_array();
	int rc = vms ? 0 : -ENOMEM;

	for (size_t i = 0; rc == 0 && i < w->count; i++) {
		const struct hostile_entry *e = &w->vms[i].entry;

		/* A name that is no text stands in no JSON. */
		if ((e->watch != HOSTILE_WATCH_OFF || e->apart) &&
		    rf_utf8_valid((const uint8_t *)e->vm, strlen(e->vm)))
			rc = json_array_append_new(vms, vm_json(&w->vms[i])) < 0 ? -ENOMEM : 0;
	}
	json_t *doc = json_pack("{s:I,s:s,s:s,s:o}", "at", (json_int_t)at_s, "missing",
				rf_buf_text(&w->missing), "problem", w->head.problem, "vms", vms);
	RF_AUTOFREE char *text = doc && !rc ? json_dumps(doc, JSON_COMPACT) : NULL;

	json_decref(doc);
	return text ? rf_buf_printf(out, "%s\n", text) : -ENOMEM;
}

void watched_done(struct watched *watched)
{
	rf_free(watched->items);
	memset(watched, 0, sizeof(*watched));
}

static bool text_take(const json_t *map, const char *key, char *out, size_t size)
{
	const char *text = json_string_value(json_object_get(map, key));

	/* Rates may be cut. */
	return text && rf_format(out, size, "%.*s", (int)size - 1, text);
}

static int vm_read(const json_t *item, struct watched *out)
{
	struct watched_vm vm = {.apart = json_is_true(json_object_get(item, "apart"))};

	vm.times = (uint32_t)json_integer_value(json_object_get(item, "times"));
	if (!text_take(item, "vm", vm.vm, sizeof(vm.vm)) ||
	    !text_take(item, "watch", vm.watch, sizeof(vm.watch)) ||
	    !text_take(item, "state", vm.state, sizeof(vm.state)) ||
	    !text_take(item, "cause", vm.cause, sizeof(vm.cause)) ||
	    !text_take(item, "rates", vm.rates, sizeof(vm.rates)))
		return RF_E_SYNTAX;
	if (rf_grow((void **)&out->items, &out->capacity, out->count + 1, sizeof(vm)) < 0)
		return -ENOMEM;
	out->items[out->count++] = vm;
	return 0;
}

int watched_read(struct rf_slice json, struct watched *out, struct rf_err *err)
{
	struct watched watched = {0};
	json_t *doc = json_loadb((const char *)json.data, json.len, 0, NULL);
	json_t *vms = json_object_get(doc, "vms"), *item;
	size_t i;
	int rc = json_is_array(vms) && json_array_size(vms) <= STATUS_MAX_VMS &&
				 text_take(doc, "missing", watched.missing,
					   sizeof(watched.missing)) &&
				 text_take(doc, "problem", watched.problem, sizeof(watched.problem))
			 ? 0
			 : RF_E_SYNTAX;

	watched.at_s = json_integer_value(json_object_get(doc, "at"));
	json_array_foreach(vms, i, item)
	{
		if (rc == 0)
			rc = vm_read(item, &watched);
	}
	json_decref(doc);
	if (rc < 0) {
		watched_done(&watched);
		return rf_fail(err, rc, "this is no account of watched VMs");
	}
	*out = watched;
	return 0;
}

const struct watched_vm *watched_find(const struct watched *watched, const char *vm)
{
	for (size_t i = 0; i < watched->count; i++) {
		if (strcmp(watched->items[i].vm, vm) == 0)
			return &watched->items[i];
	}
	return NULL;
}
