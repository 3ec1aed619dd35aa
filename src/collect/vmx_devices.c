/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disks, drives, other devices and consoles of a .vmx. A device is there when its key .present says
 * so; a floppy drive also when that key is missing, because VMware's default is TRUE for it.
 */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "collect/vmx_facts.h"

enum { DEVICE_NAME_BYTES = 48 };

/* A disk or drive on its way to a row. */
struct drive {
	const char *name; /* scsi0:0 */
	const char *bus;
	char type[48]; /* deviceType or fileType in lower case; "" when not known or not there */
	const char *path;
	bool is_floppy, is_cdrom, is_client;
};

static const struct vmx_entry *find(const struct vmx_vm *vm, const char *device, const char *name)
{
	return vmx_find_in(vm->vmx, device, name);
}

/* Names that VMware writes where no medium is. */
static bool is_no_medium(const char *path)
{
	return !*path || rf_equal_nocase(path, "emptyBackingString");
}

static bool is_host_device(const char *path)
{
	return rf_starts(path, "/dev/") || rf_starts(path, "\\\\.\\") ||
	       rf_starts(path, "/vmfs/devices/") || rf_equal_nocase(path, "auto detect");
}

/* NULL when the path is not known. */
static const char *drive_kind(const struct drive *d)
{
	if (!d->path)
		return NULL;
	if (d->is_client || is_no_medium(d->path))
		return "none";
	bool image = rf_ends(d->type, "-image") || rf_equal(d->type, "file");

	if (!image && (is_host_device(d->path) || rf_equal(d->type, "device") ||
		       rf_equal(d->type, "rawdisk") || (d->is_cdrom && !rf_ends(d->path, ".iso"))))
		return "block";
	return "file";
}

/*
 * Whether a file lies outside the VM's own folder. A datastore path is where ESX keeps disks, and
 * cannot be compared with the folder of a copied .vmx.
 */
static struct fact_int leaves_folder(const struct vmx_vm *vm, const char *path)
{
	const char *slash = strrchr(vm->path, '/');
	size_t dir_len = slash ? (size_t)(slash - vm->path) + 1 : 0;

	if (!path)
		return (struct fact_int){0};
	if (strstr(path, "../") || strstr(path, "..\\"))
		return FACT_INT(1);
	if (rf_starts(path, "/vmfs/volumes/") || path[0] == '[')
		return FACT_INT(0);
	if (path[0] == '/' && dir_len && strncmp(path, vm->path, dir_len) == 0)
		return FACT_INT(0);
	return FACT_BOOL(path[0] == '/' || path[0] == '\\' || (path[0] && path[1] == ':'));
}

/* 1 when several VMs may write: the disk or its controller is shared. */
static struct fact_int shareable(const struct vmx_vm *vm, const struct drive *d)
{
	char controller[DEVICE_NAME_BYTES];
	const char *sharing = vmx_text(find(vm, d->name, "sharing"), "none");

	rf_copy(controller, sizeof(controller), d->name);
	char *colon = strchr(controller, ':');

	if (colon)
		*colon = '\0';
	const char *bus = vmx_text(find(vm, controller, "sharedbus"), "none");

	if (!sharing || !bus)
		return (struct fact_int){0};
	return FACT_BOOL(rf_equal_nocase(sharing, "multi-writer") ||
			 rf_equal_nocase(bus, "virtual") || rf_equal_nocase(bus, "physical"));
}

/* 1 when ESX limits its share of the disk's bandwidth. */
static struct fact_int limited(const struct vmx_vm *vm, const struct drive *d)
{
	char key[DEVICE_NAME_BYTES + 8];

	rf_format(key, sizeof(key), "sched.%s", d->name);
	const char *cap = vmx_text(find(vm, key, "throughputcap"), "off");
	const char *shares = vmx_text(find(vm, key, "shares"), "normal");

	if (!cap || !shares)
		return (struct fact_int){0};
	return FACT_BOOL(!rf_equal_nocase(cap, "off") || rf_equal_nocase(shares, "low"));
}

static const char *drive_device(const struct drive *d)
{
	if (d->is_floppy)
		return "floppy";
	if (d->is_cdrom)
		return "cdrom";
	return rf_starts(d->type, "scsi-passthru") ? "lun" : "disk";
}

static void put_drive(struct vmx_vm *vm, struct drive *d, const struct vmx_entry *at)
{
	char mode[48];
	const char *type = vmx_lower(find(vm, d->name, d->is_floppy ? "filetype" : "devicetype"),
				     "", d->type, sizeof(d->type));
	struct fact_int client = vmx_truth(find(vm, d->name, "clientdevice"), FACT_INT(0));
	struct fact_int write_through = vmx_truth(find(vm, d->name, "writethrough"), FACT_INT(0));

	d->path = vmx_text(find(vm, d->name, "filename"), "");
	d->is_cdrom =
		strstr(d->type, "cdrom") || (!*d->type && d->path && rf_ends(d->path, ".iso"));
	d->is_client = client.known && client.v;
	const char *kind = drive_kind(d);
	bool is_disk = !d->is_floppy && !d->is_cdrom;
	struct fact_vm_disk row = {.vm = vm->path,
				   .layer = VMX_LAYER,
				   .disk = d->name,
				   .device = type ? drive_device(d) : NULL,
				   .bus = d->bus,
				   .kind = kind,
				   .path = d->path && is_no_medium(d->path) ? "" : d->path,
				   .pool = "",
				   .shareable = shareable(vm, d),
				   .limited = limited(vm, d),
				   .client_device = client};

	row.mode = vmx_lower(find(vm, d->name, "mode"), "", mode, sizeof(mode));
	if (row.mode)
		row.transient = FACT_BOOL(strstr(row.mode, "nonpersistent") != NULL);
	row.readonly = is_disk ? vmx_truth(find(vm, d->name, "readonly"), FACT_INT(0))
			       : FACT_BOOL(d->is_cdrom);
	row.rawio = FACT_BOOL(rf_starts(d->type, "scsi-passthru"));
	row.format = d->path && rf_ends(d->path, ".vmdk") ? "vmdk" : "";
	row.format_stated = FACT_INT(0);
	if (write_through.known)
		row.cache = write_through.v ? "writethrough" : "";
	if (kind) {
		row.medium = FACT_BOOL(!rf_equal(kind, "none"));
		row.outside = rf_equal(kind, "file") ? leaves_folder(vm, d->path) : FACT_INT(0);
	}
	row.guest_control =
		vmx_truth(find(vm, d->name, "allowguestconnectioncontrol"), (struct fact_int){0});
	row.connected = vmx_truth(find(vm, d->name, "startconnected"), FACT_INT(1));
	row.source = vmx_where(vm, at);
	fact_put_vm_disk(vm->out, &row);
}

/* floppyN: present unless it says no; only drives that some key speaks of. */
static void put_floppy(struct vmx_vm *vm, const struct vmx_entry *e, unsigned *seen)
{
	char name[DEVICE_NAME_BYTES];

	if (!vmx_device_key(e->key, "floppy", false, "", name, sizeof(name)) || name[7] != '\0')
		return;
	unsigned bit = 1u << (name[6] - '0');
	const struct vmx_entry *present = find(vm, name, "present");
	struct drive d = {.name = name, .bus = "fdc", .is_floppy = true};

	if (*seen & bit)
		return;
	*seen |= bit;
	if (!present || vmx_is_present(present))
		put_drive(vm, &d, present ? present : e);
}

void vmx_facts_disks(struct vmx_vm *vm)
{
	static const char *const buses[] = {"scsi", "sata", "ide", "nvme"};
	unsigned floppies = 0;

	for (size_t i = 0; i < vm->vmx->count; i++) {
		const struct vmx_entry *e = &vm->vmx->entries[i];
		char name[DEVICE_NAME_BYTES];

		if (e->superseded)
			continue;
		if (e->key[0] == 'f')
			put_floppy(vm, e, &floppies);
		for (size_t b = 0; b < RF_COUNT(buses); b++) {
			struct drive d = {.name = name, .bus = buses[b]};

			if (e->key[0] == buses[b][0] &&
			    vmx_device_key(e->key, buses[b], true, "present", name, sizeof(name)) &&
			    vmx_is_present(e))
				put_drive(vm, &d, e);
		}
	}
}

/* How the keys of a kind of device are named. */
struct device_rule {
	const char *prefix;
	enum { EXACT, NUMBERED, PORT } form; /* sound, serial0, usb:1 */
	const char *kind;
};

static const struct device_rule device_rules[] = {
	{"serial", NUMBERED, "serial"},
	{"parallel", NUMBERED, "parallel"},
	{"usb", EXACT, "usb_controller"},
	{"ehci", EXACT, "usb_controller"},
	{"usb_xhci", EXACT, "usb_controller"},
	{"usb", PORT, "usb_device"},
	{"ehci", PORT, "usb_device"},
	{"usb_xhci", PORT, "usb_device"},
	{"sound", EXACT, "sound"},
	{"sound", NUMBERED, "sound"},
	{"pcipassthru", NUMBERED, "hostdev"},
	{"vmci", NUMBERED, "vmci"},
	{"sharedfolder", NUMBERED, "filesystem"},
	{"printer", EXACT, "printer"},
	{"printer", NUMBERED, "printer"},
	{"vtpm", EXACT, "tpm"},
	{"svga", EXACT, "video"},
};

static bool rule_fits(const struct device_rule *rule, const char *key, char *name, size_t size)
{
	char prefix[DEVICE_NAME_BYTES];
	size_t len = strlen(rule->prefix);

	if (strncmp(key, rule->prefix, len) != 0)
		return false;
	if (rule->form == EXACT) {
		rf_copy(name, size, rule->prefix);
		return rf_equal(key + len, ".present");
	}
	rf_format(prefix, sizeof(prefix), "%s%s", rule->prefix, rule->form == PORT ? ":" : "");
	return vmx_device_key(key, prefix, false, "present", name, size);
}

/* The host side of a port: words of VMware and ours. */
static const char *backend_of(const char *type)
{
	static const struct {
		const char *vmware, *ours;
	} types[] = {{"device", "dev"},
		     {"file", "file"},
		     {"pipe", "pipe"},
		     {"network", "network"},
		     {"thinprint", "thinprint"}};

	for (size_t i = 0; type && i < RF_COUNT(types); i++) {
		if (rf_equal(type, types[i].vmware))
			return types[i].ours;
	}
	return type;
}

/* A shared folder counts as open when it is enabled; anything else when it starts connected. */
static struct fact_int connected(const struct vmx_vm *vm, const char *name, bool is_folder)
{
	if (is_folder)
		return vmx_truth(find(vm, name, "enabled"), FACT_INT(0));
	return vmx_truth(find(vm, name, "startconnected"), FACT_INT(1));
}

static void put_device(struct vmx_vm *vm, const char *name, const char *kind,
		       const struct vmx_entry *at)
{
	char type[48], model[48];
	bool is_folder = rf_equal(kind, "filesystem"), is_video = rf_equal(kind, "video");
	const char *file_type = vmx_lower(find(vm, name, "filetype"), "", type, sizeof(type));
	const struct vmx_entry *path = find(vm, name, is_folder ? "hostpath" : "filename");
	struct fact_int write = vmx_truth(find(vm, name, "writeaccess"), FACT_INT(0));
	const struct vmx_entry *model_key = find(vm, name, "virtualdev");

	model_key = model_key ? model_key : find(vm, name, "devicetype");
	struct fact_vm_device row = {.vm = vm->path,
				     .layer = VMX_LAYER,
				     .device = name,
				     .kind = rf_equal(type, "thinprint") ? "printer" : kind,
				     .model = vmx_lower(model_key, "", model, sizeof(model)),
				     .backend = is_folder ? "mount" : backend_of(file_type),
				     .path = vmx_text(path, ""),
				     .connected = connected(vm, name, is_folder),
				     .source = vmx_where(vm, at)};

	if (is_folder && write.known)
		row.readonly = FACT_BOOL(!write.v);
	if (is_video)
		row.accel3d = vmx_truth(vmx_find(vm->vmx, "mks.enable3d"), (struct fact_int){0});
	row.detail = vmx_text(find(vm, name, is_folder ? "guestname" : "vspc"), "");
	fact_put_vm_device(vm->out, &row);
}

/* The address VNC listens on; without the key it is every address. */
static const char *listen_kind(const char *address)
{
	if (!address)
		return NULL;
	if (!*address || rf_equal(address, "0.0.0.0") || rf_equal(address, "::"))
		return "everywhere";
	return rf_starts(address, "127.") || rf_equal(address, "::1") ? "loopback" : "address";
}

static bool is_set(const struct vmx_vm *vm, const char *key)
{
	const struct vmx_entry *e = vmx_find(vm->vmx, key);

	return e && *e->value;
}

/* Every VM has VMware's own console (mks); VNC only when it is switched on. */
static void put_consoles(struct vmx_vm *vm)
{
	const struct vmx_entry *max = vmx_find(vm->vmx, "remotedisplay.maxconnections");
	const struct vmx_entry *vnc = vmx_find(vm->vmx, "remotedisplay.vnc.enabled");
	const struct vmx_entry *port = vmx_find(vm->vmx, "remotedisplay.vnc.port");
	int64_t n;
	struct fact_vm_console row = {.vm = vm->path,
				      .layer = VMX_LAYER,
				      .console = "mks",
				      .kind = "mks",
				      .listen = "",
				      .listen_kind = "default",
				      .password_stored = FACT_INT(0)};

	if (max && !max->conflict && rf_num(max->value, 10, INT32_MIN, INT32_MAX, &n) == 0)
		row.max_connections = FACT_INT(n);
	row.source = vmx_where(vm, max);
	fact_put_vm_console(vm->out, &row);
	if (!vmx_is_present(vnc))
		return;
	row.console = row.kind = "vnc";
	row.listen = vmx_text(vmx_find(vm->vmx, "remotedisplay.vnc.ip"), "");
	row.listen_kind = listen_kind(row.listen);
	row.password_stored = FACT_BOOL(is_set(vm, "remotedisplay.vnc.password") ||
					is_set(vm, "remotedisplay.vnc.key"));
	row.port = FACT_INT(5900); /* VMware's default */
	if (port)
		row.port = rf_num(port->value, 10, 0, 65535, &n) == 0 && !port->conflict
				   ? FACT_INT(n)
				   : (struct fact_int){0};
	row.source = vmx_where(vm, vnc);
	fact_put_vm_console(vm->out, &row);
}

void vmx_facts_devices(struct vmx_vm *vm)
{
	for (size_t i = 0; i < vm->vmx->count; i++) {
		const struct vmx_entry *e = &vm->vmx->entries[i];
		char name[DEVICE_NAME_BYTES];

		if (e->superseded || !rf_ends(e->key, ".present") || !vmx_is_present(e))
			continue;
		for (size_t r = 0; r < RF_COUNT(device_rules); r++) {
			if (rule_fits(&device_rules[r], e->key, name, sizeof(name))) {
				put_device(vm, name, device_rules[r].kind, e);
				break;
			}
		}
	}
	put_consoles(vm);
}
