/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and changing settings of one VM through libvirt. See virtset.h. */
#include "sys/virtset.h"

#include <errno.h>
#include <libvirt/libvirt-qemu.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <string.h>

#include "base/cpus.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "sys/virt_load.h"

#define MAP_BYTES   (RF_MAX_CPUS / 8)
#define MAX_THREADS 1024u

#define VIRTSET_SYMBOLS(R, O)                                                                      \
	R(virInitialize)                                                                           \
	R(virSetErrorFunc)                                                                         \
	R(virGetLastErrorMessage)                                                                  \
	R(virGetLastErrorCode)                                                                     \
	R(virConnectOpen)                                                                          \
	R(virConnectClose)                                                                         \
	R(virNodeGetCPUMap)                                                                        \
	R(virDomainLookupByName)                                                                   \
	R(virDomainLookupByUUIDString)                                                             \
	R(virDomainFree)                                                                           \
	R(virDomainIsActive)                                                                       \
	R(virDomainIsPersistent)                                                                   \
	R(virDomainGetUUIDString)                                                                  \
	R(virDomainGetXMLDesc)                                                                     \
	R(virDomainDefineXML)                                                                      \
	R(virDomainGetSchedulerType)                                                               \
	R(virDomainGetSchedulerParametersFlags)                                                    \
	R(virDomainSetSchedulerParametersFlags)                                                    \
	R(virDomainGetMemoryParameters)                                                            \
	R(virDomainSetMemoryParameters)                                                            \
	R(virDomainGetBlkioParameters)                                                             \
	R(virDomainSetBlkioParameters)                                                             \
	R(virDomainGetBlockIoTune)                                                                 \
	R(virDomainSetBlockIoTune)                                                                 \
	R(virDomainGetInterfaceParameters)                                                         \
	R(virDomainSetInterfaceParameters)                                                         \
	R(virDomainGetVcpuPinInfo)                                                                 \
	R(virDomainPinVcpuFlags)                                                                   \
	R(virDomainGetEmulatorPinInfo)                                                             \
	R(virDomainPinEmulator)                                                                    \
	R(virDomainGetIOThreadInfo)                                                                \
	R(virDomainIOThreadInfoFree)                                                               \
	R(virDomainPinIOThread)                                                                    \
	R(virDomainUpdateDeviceFlags)                                                              \
	R(virDomainGetState)                                                                       \
	R(virDomainSuspend)                                                                        \
	R(virDomainResume)                                                                         \
	O(virDomainOpenGraphicsFD)                                                                 \
	R(virTypedParamsClear)

struct virtset_api {
#define FIELD(name) __typeof__(&name) name;
	VIRTSET_SYMBOLS(FIELD, FIELD)
#undef FIELD
};

static const struct virt_symbol symbols[] = {
#define REQUIRED(name) {#name, offsetof(struct virtset_api, name), true},
#define OPTIONAL(name) {#name, offsetof(struct virtset_api, name), false},
	VIRTSET_SYMBOLS(REQUIRED, OPTIONAL)
#undef REQUIRED
#undef OPTIONAL
};

struct virt_vm {
	struct virtset_api api;
	virConnectPtr conn;
	virDomainPtr dom;
};

static void say_nothing(void *ctx, virErrorPtr error)
{
	(void)ctx;
	(void)error;
}

/* libvirt's last error as one of ours. */
static int failed(struct virt_vm *vm, const char *what, struct rf_err *err)
{
	int rc = RF_E_PEER;

	switch (vm->api.virGetLastErrorCode()) {
	case VIR_ERR_NO_DOMAIN:
		rc = RF_E_MISSING;
		break;
	case VIR_ERR_OPERATION_UNSUPPORTED:
	case VIR_ERR_NO_SUPPORT:
	case VIR_ERR_CONFIG_UNSUPPORTED:
	case VIR_ERR_ARGUMENT_UNSUPPORTED:
		rc = RF_E_UNSUPPORTED;
		break;
	case VIR_ERR_ACCESS_DENIED:
	case VIR_ERR_AUTH_FAILED:
		rc = RF_E_DENIED;
		break;
	default:
		break;
	}
	return rf_fail(err, rc, "%s: %s", what, vm->api.virGetLastErrorMessage());
}

void virt_vm_close(struct virt_vm *vm)
{
	if (!vm)
		return;
	if (vm->dom)
		vm->api.virDomainFree(vm->dom);
	if (vm->conn)
		vm->api.virConnectClose(vm->conn);
	rf_free(vm);
}

static bool is_uuid(const char *text)
{
	return strlen(text) == 36 && strspn(text, "0123456789abcdefABCDEF-") == 36 &&
	       text[8] == '-' && text[13] == '-' && text[18] == '-' && text[23] == '-';
}

int virt_load_all(struct rf_err *err)
{
	int rc = virt_load("libvirt.so.0", NULL, 0, NULL, err);

	return rc ? rc : virt_load("libvirt-qemu.so.0", NULL, 0, NULL, err);
}

int virt_vm_open(const char *uri, const char *name, struct virt_vm **out, struct rf_err *err)
{
	VIRT_AUTOVM struct virt_vm *vm = rf_alloc(1, sizeof(*vm));

	if (!vm)
		return rf_fail(err, -ENOMEM, "no memory");
	int rc = virt_load("libvirt.so.0", symbols, RF_COUNT(symbols), &vm->api, err);

	if (rc < 0)
		return rc;
	vm->api.virSetErrorFunc(NULL, say_nothing);
	if (vm->api.virInitialize() < 0)
		return rf_fail(err, RF_E_PEER, "libvirt does not start");
	vm->conn = vm->api.virConnectOpen(uri);
	if (!vm->conn)
		return failed(vm, "libvirt", err);
	/* What reads as a UUID is never a name: else a VM called like another's UUID would be it.
	 */
	vm->dom = is_uuid(name) ? vm->api.virDomainLookupByUUIDString(vm->conn, name)
				: vm->api.virDomainLookupByName(vm->conn, name);
	if (!vm->dom)
		return failed(vm, name, err);
	*out = rf_take(vm);
	return 0;
}

bool virt_vm_has(struct virt_vm *vm, enum virt_layer layer)
{
	return layer == VIRT_LIVE ? vm->api.virDomainIsActive(vm->dom) > 0
				  : vm->api.virDomainIsPersistent(vm->dom) > 0;
}

void virt_vm_uuid(struct virt_vm *vm, char out[37])
{
	char uuid[VIR_UUID_STRING_BUFLEN] = "";

	if (vm->api.virDomainGetUUIDString(vm->dom, uuid) < 0)
		uuid[0] = '\0';
	rf_copy(out, 37, uuid);
}

static unsigned affect(enum virt_layer layer)
{
	return layer == VIRT_LIVE ? VIR_DOMAIN_AFFECT_LIVE : VIR_DOMAIN_AFFECT_CONFIG;
}

/* ---- typed parameters ---- */

static int group_get(struct virt_vm *vm, const struct virt_where *where,
		     virTypedParameterPtr params, int *count)
{
	unsigned flags = affect(where->layer);
	const char *item = where->item;

	switch (where->group) {
	case VIRT_SCHEDULER:
		return vm->api.virDomainGetSchedulerParametersFlags(vm->dom, params, count, flags);
	case VIRT_MEMORY:
		return vm->api.virDomainGetMemoryParameters(vm->dom, params, count, flags);
	case VIRT_BLKIO:
		return vm->api.virDomainGetBlkioParameters(vm->dom, params, count, flags);
	case VIRT_IOTUNE:
		return vm->api.virDomainGetBlockIoTune(vm->dom, item, params, count, flags);
	case VIRT_INTERFACE:
		return vm->api.virDomainGetInterfaceParameters(vm->dom, item, params, count, flags);
	}
	return -1;
}

static int group_set(struct virt_vm *vm, const struct virt_where *where,
		     virTypedParameterPtr params, int count)
{
	unsigned flags = affect(where->layer);
	const char *item = where->item;

	switch (where->group) {
	case VIRT_SCHEDULER:
		return vm->api.virDomainSetSchedulerParametersFlags(vm->dom, params, count, flags);
	case VIRT_MEMORY:
		return vm->api.virDomainSetMemoryParameters(vm->dom, params, count, flags);
	case VIRT_BLKIO:
		return vm->api.virDomainSetBlkioParameters(vm->dom, params, count, flags);
	case VIRT_IOTUNE:
		return vm->api.virDomainSetBlockIoTune(vm->dom, item, params, count, flags);
	case VIRT_INTERFACE:
		return vm->api.virDomainSetInterfaceParameters(vm->dom, item, params, count, flags);
	}
	return -1;
}

static int raw_get(struct virt_vm *vm, const struct virt_where *where, virTypedParameterPtr params,
		   int *count, struct rf_err *err)
{
	int n = VIRT_MAX_PARAMS;

	memset(params, 0, VIRT_MAX_PARAMS * sizeof(*params));
	/* The scheduler's list has to be as long as it says, the others say it when asked for 0. */
	if (where->group == VIRT_SCHEDULER) {
		char *type = vm->api.virDomainGetSchedulerType(vm->dom, &n);

		rf_free(type);
	} else {
		n = 0;
		if (group_get(vm, where, NULL, &n) < 0)
			return failed(vm, "reading parameters", err);
	}
	if (n <= 0 || n > VIRT_MAX_PARAMS)
		return rf_fail(err, RF_E_UNSUPPORTED,
			       "libvirt has no such parameters here (%d), is a cgroup controller "
			       "missing?",
			       n);
	if (group_get(vm, where, params, &n) < 0)
		return failed(vm, "reading parameters", err);
	*count = n;
	return 0;
}

static int64_t clamp(unsigned long long n)
{
	return n > (unsigned long long)INT64_MAX ? INT64_MAX : (int64_t)n;
}

static void param_take(const virTypedParameter *from, struct virt_param *out)
{
	memset(out, 0, sizeof(*out));
	rf_copy(out->name, sizeof(out->name), from->field);
	switch (from->type) {
	case VIR_TYPED_PARAM_INT:
		out->number = from->value.i;
		break;
	case VIR_TYPED_PARAM_UINT:
		out->number = from->value.ui;
		break;
	case VIR_TYPED_PARAM_LLONG:
		out->number = from->value.l;
		break;
	case VIR_TYPED_PARAM_ULLONG:
		out->number = clamp(from->value.ul);
		break;
	case VIR_TYPED_PARAM_BOOLEAN:
		out->number = from->value.b != 0;
		break;
	case VIR_TYPED_PARAM_STRING:
		out->is_text = true;
		rf_copy(out->text, sizeof(out->text), from->value.s ? from->value.s : "");
		break;
	default:
		break;
	}
}

int virt_params_get(struct virt_vm *vm, const struct virt_where *where, struct virt_param *out,
		    size_t *out_count, struct rf_err *err)
{
	virTypedParameter raw[VIRT_MAX_PARAMS];
	int count = 0;
	int rc = raw_get(vm, where, raw, &count, err);

	if (rc < 0)
		return rc;
	for (int i = 0; i < count; i++)
		param_take(&raw[i], &out[i]);
	vm->api.virTypedParamsClear(raw, count);
	*out_count = (size_t)count;
	return 0;
}

/* With the type that libvirt itself gave the parameter. */
static int param_give(const struct virt_param *from, virTypedParameterPtr to)
{
	switch (to->type) {
	case VIR_TYPED_PARAM_INT:
		to->value.i = (int)from->number;
		return from->is_text || from->number != (int)from->number ? RF_E_LIMIT : 0;
	case VIR_TYPED_PARAM_UINT:
		to->value.ui = (unsigned)from->number;
		return from->is_text || from->number != (unsigned)from->number ? RF_E_LIMIT : 0;
	case VIR_TYPED_PARAM_LLONG:
		to->value.l = from->number;
		return from->is_text ? RF_E_LIMIT : 0;
	case VIR_TYPED_PARAM_ULLONG:
		to->value.ul = (unsigned long long)from->number;
		return from->is_text || from->number < 0 ? RF_E_LIMIT : 0;
	case VIR_TYPED_PARAM_BOOLEAN:
		to->value.b = from->number != 0;
		return from->is_text ? RF_E_LIMIT : 0;
	case VIR_TYPED_PARAM_STRING:
		to->value.s = (char *)from->text;
		return from->is_text ? 0 : RF_E_LIMIT;
	default:
		return RF_E_UNSUPPORTED;
	}
}

int virt_params_set(struct virt_vm *vm, const struct virt_where *where,
		    const struct virt_param *params, size_t count, struct rf_err *err)
{
	virTypedParameter raw[VIRT_MAX_PARAMS], set[VIRT_MAX_PARAMS];
	int known = 0;
	int rc = count <= VIRT_MAX_PARAMS ? raw_get(vm, where, raw, &known, err)
					  : rf_fail(err, RF_E_LIMIT, "too many parameters");

	if (rc < 0)
		return rc;
	for (size_t i = 0; rc == 0 && i < count; i++) {
		int k = 0;

		while (k < known && strcmp(raw[k].field, params[i].name) != 0)
			k++;
		if (k == known) {
			rc = rf_fail(err, RF_E_UNKNOWN, "libvirt has no parameter %s here",
				     params[i].name);
			break;
		}
		memset(&set[i], 0, sizeof(set[i]));
		memcpy(set[i].field, raw[k].field, sizeof(set[i].field));
		set[i].type = raw[k].type;
		rc = param_give(&params[i], &set[i]);
		if (rc < 0)
			rc = rf_fail(err, rc, "%s: libvirt takes no such value", params[i].name);
	}
	if (!rc && group_set(vm, where, set, (int)count) < 0)
		rc = failed(vm, "setting parameters", err);
	vm->api.virTypedParamsClear(raw, known);
	return rc;
}

/* ---- where threads run ---- */

/* libvirt's map of bytes as a list. */
static void map_list(const unsigned char *map, unsigned count, struct rf_buf *out)
{
	struct rf_cpus cpus = {0};

	for (unsigned cpu = 0; cpu < count && cpu < RF_MAX_CPUS; cpu++) {
		if (map[cpu / 8] >> (cpu % 8) & 1)
			rf_cpus_add(&cpus, cpu);
	}
	rf_cpus_format(&cpus, out);
}

/* And back; the length of the map, or a negative code. */
static int list_map(const char *list, unsigned char map[MAP_BYTES], unsigned count)
{
	struct rf_cpus cpus;
	int rc = rf_cpus_parse(list, &cpus);

	memset(map, 0, MAP_BYTES);
	for (unsigned cpu = 0; rc == 0 && cpu < RF_MAX_CPUS; cpu++) {
		if (!rf_cpus_has(&cpus, cpu))
			continue;
		if (cpu >= count)
			return RF_E_LIMIT;
		map[cpu / 8] |= (unsigned char)(1u << (cpu % 8));
	}
	return rc ? rc : (int)(count + 7) / 8;
}

static int host_cpus(struct virt_vm *vm, unsigned *out, struct rf_err *err)
{
	int n = vm->api.virNodeGetCPUMap(vm->conn, NULL, NULL, 0);

	if (n <= 0 || (unsigned)n > RF_MAX_CPUS)
		return failed(vm, "the host's CPUs", err);
	*out = (unsigned)n;
	return 0;
}

static int vcpu_pin_get(struct virt_vm *vm, unsigned number, unsigned cpus, struct rf_buf *out,
			struct rf_err *err)
{
	int bytes = (int)(cpus + 7) / 8;
	RF_AUTOFREE unsigned char *maps = rf_alloc(number + 1, (size_t)bytes);

	if (!maps)
		return rf_fail(err, -ENOMEM, "no memory");
	int n = vm->api.virDomainGetVcpuPinInfo(vm->dom, (int)number + 1, maps, bytes,
						VIR_DOMAIN_AFFECT_LIVE);

	if (n < 0)
		return failed(vm, "where its vCPUs run", err);
	if ((unsigned)n <= number)
		return rf_fail(err, RF_E_MISSING, "the VM has no vCPU %u", number);
	map_list(maps + (size_t)number * (size_t)bytes, cpus, out);
	return 0;
}

static int iothread_pin_get(struct virt_vm *vm, unsigned number, unsigned cpus, struct rf_buf *out,
			    struct rf_err *err)
{
	virDomainIOThreadInfoPtr *infos = NULL;
	int n = vm->api.virDomainGetIOThreadInfo(vm->dom, &infos, VIR_DOMAIN_AFFECT_LIVE);
	bool found = false;

	if (n < 0)
		return failed(vm, "where its I/O threads run", err);
	for (int i = 0; i < n; i++) {
		unsigned here = (unsigned)infos[i]->cpumaplen * 8;

		if (infos[i]->iothread_id == number && !found) {
			map_list(infos[i]->cpumap, here < cpus ? here : cpus, out);
			found = true;
		}
		vm->api.virDomainIOThreadInfoFree(infos[i]);
	}
	rf_free(infos);
	return found ? 0 : rf_fail(err, RF_E_MISSING, "the VM has no I/O thread %u", number);
}

int virt_pin_get(struct virt_vm *vm, enum virt_threads threads, unsigned number, struct rf_buf *out,
		 struct rf_err *err)
{
	unsigned char map[MAP_BYTES];
	unsigned cpus = 0;
	int rc = number < MAX_THREADS ? host_cpus(vm, &cpus, err)
				      : rf_fail(err, RF_E_LIMIT, "thread %u", number);

	if (rc < 0)
		return rc;
	if (threads == VIRT_VCPU)
		return vcpu_pin_get(vm, number, cpus, out, err);
	if (threads == VIRT_IOTHREAD)
		return iothread_pin_get(vm, number, cpus, out, err);
	if (vm->api.virDomainGetEmulatorPinInfo(vm->dom, map, (int)(cpus + 7) / 8,
						VIR_DOMAIN_AFFECT_LIVE) < 0)
		return failed(vm, "where its emulator runs", err);
	map_list(map, cpus, out);
	return 0;
}

int virt_pin_set(struct virt_vm *vm, enum virt_threads threads, unsigned number, const char *list,
		 struct rf_err *err)
{
	unsigned char map[MAP_BYTES];
	unsigned cpus = 0, flags = VIR_DOMAIN_AFFECT_LIVE;
	int rc = host_cpus(vm, &cpus, err);
	int bytes = rc ? 0 : list_map(list, map, cpus);

	if (rc < 0)
		return rc;
	if (bytes < 0)
		return rf_fail(err, bytes, "%.60s is no list of this host's CPUs", list);
	if (threads == VIRT_VCPU)
		rc = vm->api.virDomainPinVcpuFlags(vm->dom, number, map, bytes, flags);
	else if (threads == VIRT_IOTHREAD)
		rc = vm->api.virDomainPinIOThread(vm->dom, number, map, bytes, flags);
	else
		rc = vm->api.virDomainPinEmulator(vm->dom, map, bytes, flags);
	return rc < 0 ? failed(vm, "pinning", err) : 0;
}

/* ---- monitor and definition ---- */

struct qemu_api {
	__typeof__(&virDomainQemuMonitorCommand) command;
};

int virt_monitor(struct virt_vm *vm, const char *command, struct rf_buf *out, struct rf_err *err)
{
	static const struct virt_symbol wanted = {"virDomainQemuMonitorCommand",
						  offsetof(struct qemu_api, command), true};
	struct qemu_api api = {0};
	char *answer = NULL;
	int rc = virt_load("libvirt-qemu.so.0", &wanted, 1, &api, err);

	if (rc < 0)
		return rc;
	if (api.command(vm->dom, command, &answer, 0) < 0)
		return failed(vm, "the monitor", err);
	rf_buf_add_text(out, answer ? answer : "");
	rf_free(answer);
	return out->failed ? -ENOMEM : 0;
}

int virt_xml_get(struct virt_vm *vm, enum virt_layer layer, bool secret, struct rf_buf *out,
		 struct rf_err *err)
{
	unsigned flags = (secret ? VIR_DOMAIN_XML_SECURE : 0u) |
			 (layer == VIRT_PERSISTENT ? VIR_DOMAIN_XML_INACTIVE : 0u);
	char *xml = vm->api.virDomainGetXMLDesc(vm->dom, flags);

	if (!xml)
		return failed(vm, "the definition", err);
	size_t len = strlen(xml);
	int rc = len > RF_MAX_XML_BYTES ? rf_fail(err, RF_E_LIMIT, "the definition is too large")
					: rf_buf_add(out, xml, len);

	rf_wipe(xml, len);
	rf_free(xml);
	return rc;
}

int virt_xml_put(struct virt_vm *vm, const char *xml, struct rf_err *err)
{
	virDomainPtr made = vm->api.virDomainDefineXML(vm->conn, xml);

	if (!made)
		return failed(vm, "the definition", err);
	vm->api.virDomainFree(made);
	return 0;
}

/* ---- devices, processors ---- */

int virt_device_update(struct virt_vm *vm, const char *xml, enum virt_layer layer,
		       struct rf_err *err)
{
	return vm->api.virDomainUpdateDeviceFlags(vm->dom, xml, affect(layer)) < 0
		       ? failed(vm, "the device", err)
		       : 0;
}

int virt_run_get(struct virt_vm *vm, enum virt_run *out, struct rf_err *err)
{
	int state, reason;

	if (vm->api.virDomainGetState(vm->dom, &state, &reason, 0) < 0)
		return failed(vm, "the state", err);
	*out = VIRT_OFF;
	if (vm->api.virDomainIsActive(vm->dom) > 0)
		*out = state == VIR_DOMAIN_PAUSED || state == VIR_DOMAIN_CRASHED ? VIRT_PAUSED
										 : VIRT_RUNS;
	return 0;
}

int virt_run_set(struct virt_vm *vm, enum virt_run run, struct rf_err *err)
{
	int rc = run == VIRT_PAUSED ? vm->api.virDomainSuspend(vm->dom)
				    : vm->api.virDomainResume(vm->dom);

	return rc < 0 ? failed(vm, run == VIRT_PAUSED ? "halting" : "resuming", err) : 0;
}

int virt_graphics_open(struct virt_vm *vm, unsigned screen, int *out_fd, struct rf_err *err)
{
	if (!vm->api.virDomainOpenGraphicsFD)
		return rf_fail(err, RF_E_UNSUPPORTED, "this libvirt cannot open a VM's screen");
	int fd =
		vm->api.virDomainOpenGraphicsFD(vm->dom, screen, VIR_DOMAIN_OPEN_GRAPHICS_SKIPAUTH);

	if (fd < 0)
		return failed(vm, "opening its screen", err);
	*out_fd = fd;
	return 0;
}
