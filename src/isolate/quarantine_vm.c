/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two kinds of the plan engine that go through libvirt: where a network card of a VM is plugged in
 * ("live UUID MAC" and "stored UUID MAC"), and whether a VM's processors run ("UUID"). What is not
 * there (a VM that is off has no live card) has a state of its own. See quarantine.h.
 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/cable.h"
#include "isolate/quarantine.h"
#include "isolate/verbs.h"
#include "isolate/tune.h"
#include "sys/virtset.h"

#define UUID_CHARS 36
#define MAC_CHARS  17
#define ABSENT	   "-"

static bool is_uuid(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? text[i] != '-' : !strchr("0123456789abcdef", text[i]) || !text[i])
			return false;
	}
	return len == UUID_CHARS;
}

static bool is_absent(struct rf_slice state)
{
	return rf_slice_equal(state, rf_slice_text(ABSENT));
}

/* ---- cables ---- */

struct cable {
	bool live;
	char uuid[UUID_CHARS + 1], mac[MAC_CHARS + 1];
};

static int cable_parse(const char *target, struct cable *out, struct rf_err *err)
{
	static const char *const layers[] = {"stored ", "live "};
	uint8_t mac[6];

	for (size_t i = 0; i < RF_COUNT(layers); i++) {
		const char *at = target + strlen(layers[i]);

		if (!rf_starts(target, layers[i]) || strlen(at) != UUID_CHARS + 1 + MAC_CHARS ||
		    !is_uuid(at, UUID_CHARS) || at[UUID_CHARS] != ' ' ||
		    guard_mac_parse(at + UUID_CHARS + 1, mac) < 0)
			continue;
		out->live = i == 1;
		rf_format(out->uuid, sizeof(out->uuid), "%.*s", UUID_CHARS, at);
		rf_copy(out->mac, sizeof(out->mac), at + UUID_CHARS + 1);
		return 0;
	}
	return rf_fail(err, RF_E_DENIED, "%.80s is no network card of a VM", target);
}

static int cable_target_check(const struct verb_env *env, const char *target, struct rf_err *err)
{
	struct cable cable;

	(void)env;
	return cable_parse(target, &cable, err);
}

/* The card's element in xml; RF_E_MISSING when VM, layer or card are not there. */
static int cable_fetch(const struct cable *cable, struct virt_vm **vm, struct rf_buf *xml,
		       struct rf_slice *out, struct rf_err *err)
{
	enum virt_layer layer = cable->live ? VIRT_LIVE : VIRT_PERSISTENT;
	int rc = virt_vm_open(TUNE_URI, cable->uuid, vm, err);

	if (!rc && !virt_vm_has(*vm, layer))
		return RF_E_MISSING;
	if (!rc)
		rc = virt_xml_get(*vm, layer, false, xml, err);
	return rc ? rc : cable_find(rf_buf_slice(xml), cable->mac, out);
}

static int vm_cable_read(const struct verb_env *env, const char *target, struct rf_buf *out,
			 struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf xml = {0};
	struct virt_vm *vm = NULL;
	struct rf_slice interface;
	struct cable cable;
	int rc = cable_parse(target, &cable, err);

	if (!rc && !env->live)
		rc = rf_fail(err, RF_E_UNSUPPORTED, "only a running host has VMs");
	if (!rc)
		rc = cable_fetch(&cable, &vm, &xml, &interface, err);
	if (rc == RF_E_MISSING)
		rc = rf_buf_add(out, ABSENT, strlen(ABSENT));
	else if (!rc)
		rc = cable_read(interface, out);
	virt_vm_close(vm);
	if (rc == RF_E_UNSUPPORTED && !(err && err->code))
		return rf_fail(err, rc, "%s: the card is plugged into no bridge and no network",
			       target);
	return rc;
}

static int vm_cable_put(const struct verb_env *env, const char *target, struct rf_slice state,
			struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf xml = {0}, wanted = {0};
	struct virt_vm *vm = NULL;
	struct rf_slice interface;
	struct cable cable;
	int rc = cable_parse(target, &cable, err);

	(void)env;
	if (!rc)
		rc = cable_fetch(&cable, &vm, &xml, &interface, err);
	if (rc == RF_E_MISSING && is_absent(state))
		rc = 0;
	else if (rc == RF_E_MISSING)
		rc = rf_fail(err, rc, "%s: the VM went off, or lost its card", target);
	else if (!rc) {
		rc = cable_replace(interface, state, &wanted);
		if (!rc)
			rc = virt_device_update(vm, rf_buf_text(&wanted),
						cable.live ? VIRT_LIVE : VIRT_PERSISTENT, err);
	}
	virt_vm_close(vm);
	return rc ? rf_wrap(err, rc, "%s", target) : 0;
}

const struct verb_kind quarantine_kind_cable = {
	.name = "vm-cable",
	.rank = 90,
	.check = cable_target_check,
	.read = vm_cable_read,
	.put = vm_cable_put,
	.partial = true,
	.gone = is_absent,
};

/* ---- processors ---- */

static const char *const run_words[] = {
	[VIRT_OFF] = ABSENT, [VIRT_RUNS] = "running", [VIRT_PAUSED] = "paused"};

static int run_target_check(const struct verb_env *env, const char *target, struct rf_err *err)
{
	(void)env;
	return is_uuid(target, strlen(target))
		       ? 0
		       : rf_fail(err, RF_E_DENIED, "%.80s is no UUID of a VM", target);
}

static int run_read(const struct verb_env *env, const char *target, struct rf_buf *out,
		    struct rf_err *err)
{
	enum virt_run run = VIRT_OFF;
	struct virt_vm *vm = NULL;
	int rc = env->live ? virt_vm_open(TUNE_URI, target, &vm, err)
			   : rf_fail(err, RF_E_UNSUPPORTED, "only a running host has VMs");

	if (!rc)
		rc = virt_run_get(vm, &run, err);
	virt_vm_close(vm);
	return rc && rc != RF_E_MISSING ? rc
					: rf_buf_add(out, run_words[run], strlen(run_words[run]));
}

static int run_put(const struct verb_env *env, const char *target, struct rf_slice state,
		   struct rf_err *err)
{
	enum virt_run run = VIRT_OFF, now;
	struct virt_vm *vm = NULL;

	(void)env;
	for (size_t i = 0; i < RF_COUNT(run_words); i++)
		if (rf_slice_equal(state, rf_slice_text(run_words[i])))
			run = (enum virt_run)i;
	if (run == VIRT_OFF)
		return rf_fail(err, RF_E_DENIED, "%s: a VM is not started or stopped so", target);
	int rc = virt_vm_open(TUNE_URI, target, &vm, err);

	if (!rc)
		rc = virt_run_get(vm, &now, err);
	if (!rc && now != run)
		rc = virt_run_set(vm, run, err);
	virt_vm_close(vm);
	return rc ? rf_wrap(err, rc, "%s", target) : 0;
}

const struct verb_kind quarantine_kind_run = {
	.name = "vm-run",
	/* Behind everything that the VM is told through libvirt while it runs. */
	.rank = 95,
	.check = run_target_check,
	.read = run_read,
	.put = run_put,
	.gone = is_absent,
};

/* ---- verbs ---- */

static int cable_verb_check(const struct verb_env *env, const struct change_spec *spec,
			    struct rf_err *err)
{
	(void)env;
	/* A segment of ours, or a bridge whose name could be a link's. */
	return isolate_port_name_check(env, change_spec_value(spec), err);
}

static int cable_predict(const struct change_spec *spec, struct rf_slice before, struct rf_buf *out,
			 struct rf_err *err)
{
	if (is_absent(before))
		return rf_fail(err, RF_E_MISSING, "%s: there is no such card", spec->target);
	rf_buf_printf(out, "bridge %s", change_spec_value(spec));
	return out->failed ? -ENOMEM : 0;
}

static bool text_show(const struct change_spec *spec, struct rf_slice state, struct rf_buf *out)
{
	(void)spec;
	if (is_absent(state))
		return false;
	rf_buf_add(out, state.data, state.len);
	return true;
}

static int freeze_verb_check(const struct verb_env *env, const struct change_spec *spec,
			     struct rf_err *err)
{
	(void)env;
	return strcmp(change_spec_value(spec), run_words[VIRT_PAUSED]) == 0
		       ? 0
		       : rf_fail(err, RF_E_DENIED, "a VM is only paused so");
}

static int freeze_predict(const struct change_spec *spec, struct rf_slice before,
			  struct rf_buf *out, struct rf_err *err)
{
	const char *paused = run_words[VIRT_PAUSED];

	if (is_absent(before))
		return rf_fail(err, RF_E_MISSING, "%s: the VM does not run", spec->target);
	return rf_buf_add(out, paused, strlen(paused));
}

static const struct verb rows[] = {
	{"quarantine-port", "shut a VM's port in", &quarantine_kind_port,
	 sizeof(struct quarantine_port), NEEDS_LIVE, RISK_MEDIUM, quarantine_port_check,
	 quarantine_port_predict, quarantine_port_show, quarantine_port_payload},
	{"vm-cable", "plug a VM's network card into another bridge", &quarantine_kind_cable, 0,
	 NEEDS_LIVE, RISK_MEDIUM, cable_verb_check, cable_predict, text_show, NULL},
	{"vm-freeze", "halt a VM's processors, its memory kept", &quarantine_kind_run, 0,
	 NEEDS_LIVE, RISK_MEDIUM, freeze_verb_check, freeze_predict, text_show, NULL},
	{"quarantine-record", "write down who is in quarantine, and why", &quarantine_kind_record,
	 0, NEEDS_LIVE, RISK_LOW, NULL, quarantine_record_predict, text_show, NULL},
};

const struct verb_table quarantine_verbs = {rows, RF_COUNT(rows)};
