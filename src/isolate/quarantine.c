/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a VM and a level to the wants of a plan, and the record of who is in quarantine as an object
 * of the plan engine. See quarantine.h.
 */
#include "isolate/quarantine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "change/files.h"
#include "isolate/hostile_table.h"

#define RECORD_MAX_BYTES 8192u
#define RECORD_ABSENT	 "-"
#define RECORD_TARGET	 QUARANTINE_DIR " "
#define UUID_CHARS	 36

static const struct {
	const char *name, *words;
	enum guard_quarantine guard;
	bool plugged; /* the card moves to a segment of its own */
} levels[QUARANTINE_LEVEL_COUNT] = {
	[QUARANTINE_OBSERVE] = {"observe", "its frames are recorded, nothing is refused for it",
				GUARD_WATCHED, false},
	[QUARANTINE_RESTRICT] = {"restrict", "only the listed services are left to it",
				 GUARD_RESTRICT, false},
	[QUARANTINE_HONEYWALL] = {"honeywall",
				  "all it sends goes to the honeywall, nothing else reaches it",
				  GUARD_HONEYWALL, true},
	[QUARANTINE_SEAL] = {"seal", "no frame in or out", GUARD_SEAL, true},
	[QUARANTINE_FREEZE] = {"freeze", "no frame in or out, and its processors stand still",
			       GUARD_SEAL, true},
};

const char *quarantine_level_name(enum quarantine_level level)
{
	return (unsigned)level < RF_COUNT(levels) ? levels[level].name : "?";
}

int quarantine_level_parse(const char *text, enum quarantine_level *out)
{
	for (size_t i = 0; i < RF_COUNT(levels); i++) {
		if (strcmp(levels[i].name, text) != 0)
			continue;
		*out = (enum quarantine_level)i;
		return 0;
	}
	return RF_E_UNKNOWN;
}

/* ---- wants ---- */

void quarantine_wants_done(struct quarantine_wants *wants)
{
	rf_free(wants->items);
	rf_arena_done(&wants->texts);
	memset(wants, 0, sizeof(*wants));
}

int quarantine_want_add(struct quarantine_wants *w, const struct quarantine_vm *vm,
			struct change_spec *spec, const char *origin, const char *explanation)
{
	if (!explanation ||
	    rf_grow((void **)&w->items, &w->capacity, w->count + 1, sizeof(*w->items)) < 0)
		return -ENOMEM;
	if (!rf_copy(spec->part, sizeof(spec->part), vm->uuid))
		return RF_E_LIMIT;
	w->items[w->count++] = (struct want){
		.spec = *spec, .risk = RISK_MEDIUM, .explanation = explanation, .origin = origin};
	return 0;
}

int quarantine_port_make(const struct quarantine_order *order, const char *mac,
			 struct quarantine_port *out, struct rf_err *err)
{
	struct quarantine_port port = {.level = (uint8_t)levels[order->level].guard};
	bool wall = order->level == QUARANTINE_HONEYWALL;
	char segment[IFNAMSIZ];
	int rc = guard_mac_parse(mac, port.mac);

	if (rc < 0)
		return rf_fail(err, rc, "\"%s\" is no MAC address", mac);
	segment_name(port.mac, segment);
	if (wall &&
	    !rf_copy(port.redirect, IFNAMSIZ, order->honeypot[0] ? order->honeypot : segment))
		return rf_fail(err, RF_E_USAGE, "%.40s is no name of a link", order->honeypot);
	if (order->record && (!wall || order->honeypot[0]))
		rf_copy(port.mirror, IFNAMSIZ, segment);
	if (order->level == QUARANTINE_RESTRICT && order->services_count) {
		port.n_services = (uint8_t)order->services_count;
		memcpy(port.services, order->services,
		       order->services_count * sizeof(*order->services));
	}
	*out = port;
	return 0;
}

static int port_want(struct quarantine_wants *w, const struct quarantine_vm *vm,
		     const struct quarantine_nic *nic, const struct quarantine_order *order,
		     struct rf_err *err)
{
	struct quarantine_port payload;
	struct change_spec spec;
	int rc = quarantine_port_make(order, nic->mac, &payload, err);

	if (!rc)
		rc = change_spec_set(&spec, "quarantine-port", nic->tap, NULL, NULL, err);
	if (rc < 0)
		return rc;
	memcpy(spec.value, &payload, sizeof(payload));
	spec.value_bytes = sizeof(payload);
	return quarantine_want_add(
		w, vm, &spec, "quarantine",
		rf_arena_printf(&w->texts, "%s: %s", vm->name, levels[order->level].words));
}

static int cable_want(struct quarantine_wants *w, const struct quarantine_vm *vm,
		      const struct quarantine_nic *nic, const struct quarantine_order *order,
		      bool live)
{
	char target[96], segment[IFNAMSIZ];
	struct change_spec spec;
	uint8_t mac[6];
	int rc = guard_mac_parse(nic->mac, mac);
	bool with_honeypot = order->level == QUARANTINE_HONEYWALL && order->segment_of_honeypot[0];

	if (rc < 0)
		return rc;
	segment_name(mac, segment);
	rf_format(target, sizeof(target), "%s %s %s", live ? "live" : "stored", vm->uuid, nic->mac);
	rc = change_spec_set(&spec, "vm-cable", target, NULL,
			     with_honeypot ? order->segment_of_honeypot : segment, NULL);
	return rc ? rc
		  : quarantine_want_add(
			    w, vm, &spec, "quarantine",
			    rf_arena_printf(&w->texts, "%s: %s", vm->name,
					    live ? "the bridge itself keeps it apart, too"
						 : "so it stays when the VM is started again"));
}

static int libvirt_wants(struct quarantine_wants *w, const struct quarantine_vm *vm,
			 const struct quarantine_order *order)
{
	struct change_spec spec;
	int rc = 0;

	for (size_t i = 0; rc == 0 && levels[order->level].plugged && i < vm->nics_count; i++) {
		if (vm->running)
			rc = cable_want(w, vm, &vm->nics[i], order, true);
		if (!rc && vm->persistent)
			rc = cable_want(w, vm, &vm->nics[i], order, false);
	}
	if (!rc && order->level == QUARANTINE_FREEZE) {
		rc = change_spec_set(&spec, "vm-freeze", vm->uuid, NULL, "paused", NULL);
		if (!rc)
			rc = quarantine_want_add(w, vm, &spec, "quarantine",
						 rf_arena_printf(&w->texts,
								 "%s: its memory is kept as it is",
								 vm->name));
	}
	return rc;
}

static int level_check(const struct quarantine_vm *vm, const struct quarantine_order *order,
		       struct rf_err *err)
{
	if (!vm->running &&
	    (!levels[order->level].plugged || !vm->in_libvirt || order->level == QUARANTINE_FREEZE))
		return rf_fail(err, RF_E_USAGE,
			       "%s does not run: honeywall and seal change its definition, "
			       "so that it stays shut in when it is started; %s cannot",
			       vm->name, levels[order->level].name);
	if (order->level == QUARANTINE_FREEZE && !vm->in_libvirt)
		return rf_fail(err, RF_E_USAGE,
			       "%s is known from a file only: libvirt alone can freeze a VM",
			       vm->name);
	if (order->services_count > GUARD_SERVICES)
		return rf_fail(err, RF_E_LIMIT, "at most %u services", GUARD_SERVICES);
	return 0;
}

bool quarantine_has_rest(const struct quarantine_vm *vm, enum quarantine_level level)
{
	/* Every level above observe limits something, or plugs cards elsewhere. */
	return vm->in_libvirt && level > QUARANTINE_OBSERVE;
}

int quarantine_wants_add(struct quarantine_wants *wants, const struct quarantine_vm *vm,
			 const struct quarantine_order *order, const char *record,
			 struct rf_err *err)
{
	char target[64];
	struct change_spec spec;
	bool cut = order->stage & QUARANTINE_CUT, rest = order->stage & QUARANTINE_REST;
	int rc = level_check(vm, order, err);

	for (size_t i = 0; rc == 0 && cut && i < vm->nics_count; i++)
		if (vm->running && vm->nics[i].tap[0])
			rc = port_want(wants, vm, &vm->nics[i], order, err);
	if (!rc && rest && vm->in_libvirt)
		rc = quarantine_limits_add(wants, vm, order->level);
	if (!rc && rest && vm->in_libvirt)
		rc = libvirt_wants(wants, vm, order);
	if (rc < 0)
		return rf_wrap(err, rc, "%s", vm->name);
	rf_format(target, sizeof(target), RECORD_TARGET "%s", vm->uuid);
	rc = change_spec_set(&spec, "quarantine-record", target, NULL, record, err);
	return rc ? rc
		  : quarantine_want_add(wants, vm, &spec, "quarantine",
					rf_arena_printf(&wants->texts,
							"%s: who, why and by which plan",
							vm->name));
}

/* ---- the record: one line of JSON, and one that names the plan ---- */

/* Where there are records: of VMs that are shut in, and of those that are set apart on cores of
 * their own. */
static const char *const folders[] = {QUARANTINE_DIR, APART_DIR};

/* "FOLDER UUID". */
struct record {
	const char *folder, *name;
};

static bool record_find(const char *target, struct record *out)
{
	for (size_t i = 0; i < RF_COUNT(folders); i++) {
		size_t len = strlen(folders[i]);

		if (!rf_starts(target, folders[i]) || target[len] != ' ')
			continue;
		*out = (struct record){folders[i], target + len + 1};
		return strlen(out->name) == UUID_CHARS &&
		       strspn(out->name, "0123456789abcdef-") == UUID_CHARS;
	}
	return false;
}

static int record_target_check(const struct verb_env *env, const char *target, struct rf_err *err)
{
	struct record record;

	(void)env;
	return record_find(target, &record)
		       ? 0
		       : rf_fail(err, RF_E_DENIED, "%.80s is no record of a quarantine", target);
}

static int folder_open(const struct verb_env *env, const char *name, bool make, struct rf_err *err)
{
	if (env->state <= 0)
		return rf_fail(err, RF_E_UNSUPPORTED, "there is no state folder");
	if (make && mkdirat(env->state, name, 0700) < 0 && errno != EEXIST)
		return rf_fail(err, -errno, "%s: %s", name, rf_code_text(-errno));
	int fd = openat(env->state, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd >= 0 ? fd : -errno;
}

static int record_read(const struct verb_env *env, const char *target, struct rf_buf *out,
		       struct rf_err *err)
{
	struct record record;

	if (!record_find(target, &record))
		return RF_E_DENIED;
	int folder = folder_open(env, record.folder, false, err);
	int rc = folder < 0 ? folder : files_read(folder, record.name, RECORD_MAX_BYTES, out, err);

	if (folder >= 0)
		close(folder);
	if (rc != -ENOENT)
		return rc;
	rf_err_clear(err);
	return rf_buf_add(out, RECORD_ABSENT, strlen(RECORD_ABSENT));
}

/* All but the line that names the plan, which is known to put alone. */
static struct rf_slice record_essence(struct rf_slice state)
{
	const uint8_t *end = state.len ? memchr(state.data, '\n', state.len) : NULL;

	return end ? (struct rf_slice){state.data, (size_t)(end - state.data)} : state;
}

static int record_write(int folder, const char *name, struct rf_slice text, struct rf_err *err)
{
	char temporary[64];

	rf_format(temporary, sizeof(temporary), ".%s", name);
	if (unlinkat(folder, temporary, 0) < 0 && errno != ENOENT)
		return rf_fail(err, -errno, "%s: %s", temporary, rf_code_text(-errno));
	int rc = files_make(folder, temporary, 0600, text, err);

	if (!rc && renameat(folder, temporary, folder, name) < 0)
		rc = rf_fail(err, -errno, "%s: %s", name, rf_code_text(-errno));
	return rc;
}

static int record_put(const struct verb_env *env, const char *target, struct rf_slice state,
		      struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf text = {0};
	struct record record;

	if (!record_find(target, &record))
		return RF_E_DENIED;
	const char *name = record.name;
	struct rf_slice line = record_essence(state);
	int folder = folder_open(env, record.folder, true, err), rc = 0;

	if (folder < 0)
		return rf_fail(err, folder, "%s: %s", record.folder, rf_code_text(folder));
	rf_buf_add(&text, state.data, state.len);
	if (line.len == state.len)
		rf_buf_printf(&text, "\n" QUARANTINE_PLAN_LINE "%s\n", env->scratch);
	if (rf_slice_equal(state, rf_slice_text(RECORD_ABSENT))) {
		if (unlinkat(folder, name, 0) < 0 && errno != ENOENT)
			rc = rf_fail(err, -errno, "%s: %s", name, rf_code_text(-errno));
	} else {
		rc = record_write(folder, name, rf_buf_slice(&text), err);
	}
	if (!rc && fsync(folder) < 0)
		rc = rf_fail(err, -errno, "%s: %s", record.folder, rf_code_text(-errno));
	close(folder);
	return rc;
}

const struct verb_kind quarantine_kind_record = {
	.name = "quarantine-record",
	/* Last: what it says is so. */
	.rank = 99,
	.check = record_target_check,
	.read = record_read,
	.put = record_put,
	.essence = record_essence,
};

int quarantine_record_predict(const struct change_spec *spec, struct rf_slice before,
			      struct rf_buf *out, struct rf_err *err)
{
	const char *text = change_spec_value(spec);

	(void)before;
	if (strcmp(spec->op, "remove") == 0)
		return rf_buf_add_text(out, RECORD_ABSENT);
	if (text[0] != '{')
		return rf_fail(err, RF_E_SYNTAX, "%s: this is no record", spec->target);
	return rf_buf_add(out, text, strlen(text));
}
