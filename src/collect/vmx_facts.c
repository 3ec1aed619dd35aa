/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the keys of a .vmx mean for the VM itself and for its options; network cards are in
 * vmx_nics.c, disks and devices in vmx_devices.c. Source of meanings and defaults: the comment at
 * the head of libvirt's src/vmx/vmx.c (read for its facts) and the keys of real files.
 */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "collect/vmx_facts.h"

enum { MAX_VALUE_BYTES = 4096, MAX_DESCRIPTION_BYTES = 1000, SMALL = 128 };

void vmx_vm_init(struct vmx_vm *vm, struct fact_sink *out, const struct vmx *vmx, const char *path)
{
	vm->out = out;
	vm->vmx = vmx;
	vm->path = path;
	rf_copy(vm->where, RF_MAX_PATH_BYTES, path);
	vm->path_len = strlen(vm->where);
}

const char *vmx_where(struct vmx_vm *vm, const struct vmx_entry *entry)
{
	char digits[12];
	size_t n = 0;
	char *to = vm->where + vm->path_len;

	/* By hand, because one row in a hundred thousand files times a hundred keys needs it. */
	for (uint32_t line = entry ? entry->line : 0; line; line /= 10)
		digits[n++] = (char)('0' + line % 10);
	if (n)
		*to++ = ':';
	while (n)
		*to++ = digits[--n];
	*to = '\0';
	return vm->where;
}

const char *vmx_text(const struct vmx_entry *entry, const char *absent)
{
	if (!entry)
		return absent;
	return entry->conflict ? NULL : entry->value;
}

const char *vmx_lower(const struct vmx_entry *entry, const char *absent, char *out, size_t size)
{
	const char *text = vmx_text(entry, absent);

	if (!text)
		return NULL;
	rf_copy(out, size, text);
	rf_lower(out);
	return out;
}

struct fact_int vmx_truth(const struct vmx_entry *entry, struct fact_int absent)
{
	if (!entry)
		return absent;
	int truth = entry->conflict ? -1 : rf_truth(entry->value);

	return truth < 0 ? (struct fact_int){0} : FACT_INT(truth);
}

static const char *row_key(struct vmx_vm *vm, char *out, size_t size, const char *rest)
{
	rf_format(out, size, "%s/" VMX_LAYER "%s%s", vm->path, *rest ? "/" : "", rest);
	return out;
}

struct fact_int vmx_number(struct vmx_vm *vm, const struct vmx_entry *entry, int64_t absent,
			   const char *column)
{
	int64_t n;

	if (!entry)
		return FACT_INT(absent);
	if (entry->conflict)
		return (struct fact_int){0};
	if (rf_equal_nocase(entry->value, "unlimited"))
		return FACT_INT(0);
	if (rf_num(entry->value, 10, INT32_MIN, INT64_MAX >> 24, &n) == 0)
		return FACT_INT(n);
	char key[RF_MAX_PATH_BYTES + SMALL];

	fact_gap(vm->out, FACT_T_VM, row_key(vm, key, sizeof(key), ""), column,
		 vmx_where(vm, entry), "%s = \"%.60s\" is not a number; correct the line",
		 entry->spelling, entry->value);
	return (struct fact_int){0};
}

bool vmx_is_present(const struct vmx_entry *present)
{
	/* A value that is not understood counts as present, so that the device is looked at. */
	return present && (present->conflict || rf_truth(present->value) != 0);
}

static const char *skip_digits(const char *p)
{
	const char *start = p;

	while (*p >= '0' && *p <= '9' && p - start < 5)
		p++;
	return p == start ? NULL : p;
}

bool vmx_device_key(const char *key, const char *prefix, bool two, const char *rest, char *out,
		    size_t size)
{
	size_t len = strlen(prefix);

	if (strncmp(key, prefix, len) != 0)
		return false;
	const char *p = skip_digits(key + len);

	if (p && two)
		p = *p == ':' ? skip_digits(p + 1) : NULL;
	if (!p || *p != '.' || (*rest && strcmp(p + 1, rest) != 0) || (size_t)(p - key) >= size)
		return false;
	memcpy(out, key, (size_t)(p - key));
	out[p - key] = '\0';
	return true;
}

/* Cuts a copy at a limit without leaving half a character of UTF-8. */
static const char *shortened(const char *text, char *out, size_t size)
{
	size_t len = text ? strlen(text) : 0;

	if (len < size)
		return text;
	len = size - 1;
	while (len && ((uint8_t)text[len] & 0xC0) == 0x80)
		len--;
	memcpy(out, text, len);
	out[len] = '\0';
	return out;
}

static void put_conflict(struct vmx_vm *vm, const struct vmx_entry *last)
{
	const struct vmx_entry *chain[32];
	size_t n = 0;
	RF_AUTOBUF struct rf_buf spellings = {0}, lines = {0};

	for (const struct vmx_entry *e = last; e && n < RF_COUNT(chain);
	     e = vmx_previous(vm->vmx, e))
		chain[n++] = e;
	while (n) {
		const struct vmx_entry *e = chain[--n];

		rf_buf_printf(&spellings, "%s%s", spellings.len ? "," : "", e->spelling);
		rf_buf_printf(&lines, "%s%u", lines.len ? "," : "", e->line);
	}
	fact_put_vm_option_conflict(
		vm->out, &(struct fact_vm_option_conflict){.vm = vm->path,
							   .layer = VMX_LAYER,
							   .key = last->key,
							   .spellings = rf_buf_text(&spellings),
							   .lines = rf_buf_text(&lines),
							   .same_value = FACT_BOOL(!last->conflict),
							   .source = vmx_where(vm, last)});
	if (!last->conflict)
		return;
	char key[RF_MAX_PATH_BYTES + SMALL + VMX_MAX_KEY_BYTES];

	fact_gap(vm->out, FACT_T_VM_OPTION, row_key(vm, key, sizeof(key), last->key), "value",
		 vmx_where(vm, last),
		 "%s stands on lines %s with different values, and VMware refuses such a file; "
		 "keep one of them",
		 last->spelling, rf_buf_text(&lines));
}

/*
 * The seam takes secrets out of what it reads. Here once more, because a spelling that the seam
 * does not see as a secret (an unusual encoding) must not become a fact either.
 */
static const char *without_secret(const struct vmx_entry *e, const char *value)
{
	bool secret = rf_starts(e->key, "encryption.") || strstr(e->key, "passw") ||
		      rf_equal(e->key, "remotedisplay.vnc.key");

	return secret && value && *value ? "(secret)" : value;
}

static void put_options(struct vmx_vm *vm)
{
	char cut[MAX_VALUE_BYTES + 1];

	for (size_t i = 0; i < vm->vmx->count; i++) {
		const struct vmx_entry *e = &vm->vmx->entries[i];

		if (e->superseded)
			continue;
		const char *value = shortened(vmx_text(e, NULL), cut, sizeof(cut));

		value = without_secret(e, value);
		fact_put_vm_option(vm->out, &(struct fact_vm_option){.vm = vm->path,
								     .layer = VMX_LAYER,
								     .key = e->key,
								     .value = value,
								     .source = vmx_where(vm, e)});
		if (e->previous)
			put_conflict(vm, e);
	}
}

/* "56 4d 9b ef ... -c8 f0 ..." as a UUID; "" without the key, NULL when it is none. */
static const char *uuid_of(const struct vmx_entry *e, char out[40])
{
	size_t n = 0;

	if (!e)
		return "";
	for (const char *p = vmx_text(e, NULL); p && *p; p++) {
		if (*p == ' ' || *p == '-')
			continue;
		if (!memchr("0123456789abcdefABCDEF", *p, 22) || n >= 36)
			return NULL;
		if (n == 8 || n == 13 || n == 18 || n == 23)
			out[n++] = '-';
		out[n++] = *p;
	}
	out[n] = '\0';
	rf_lower(out);
	return n == 36 ? out : NULL;
}

/* The display name; VMware shows the file's name when there is none. */
static const char *name_of(const struct vmx_vm *vm, char *out, size_t size)
{
	const struct vmx_entry *e = vmx_find(vm->vmx, "displayname");
	const char *slash = strrchr(vm->path, '/');

	if (e)
		return vmx_text(e, NULL);
	rf_copy(out, size, slash ? slash + 1 : vm->path);
	size_t len = strlen(out);

	if (len > 4 && rf_equal_nocase(out + len - 4, ".vmx"))
		out[len - 4] = '\0';
	return out;
}

/* libvirt's rule: names of 64-bit systems end with -64. */
static const char *arch_of(const char *guest_os)
{
	if (!guest_os || !*guest_os)
		return NULL;
	if (rf_starts(guest_os, "arm-"))
		return "aarch64";
	return rf_ends(guest_os, "-64") ? "x86_64" : "i686";
}

static struct fact_int scaled(struct fact_int n, int64_t factor)
{
	return n.known ? FACT_INT(n.v * factor) : n;
}

/* low, normal and high stand for 500, 1000 and 2000 shares for each virtual CPU. */
static struct fact_int shares_of(struct vmx_vm *vm, struct fact_int vcpus)
{
	const struct vmx_entry *e = vmx_find(vm->vmx, "sched.cpu.shares");
	static const struct {
		const char *name;
		int64_t each;
	} levels[] = {{"low", 500}, {"normal", 1000}, {"high", 2000}};

	for (size_t i = 0; e && !e->conflict && i < RF_COUNT(levels); i++) {
		if (rf_equal_nocase(e->value, levels[i].name))
			return scaled(vcpus, levels[i].each);
	}
	return vmx_number(vm, e, 0, "cpu_shares");
}

static void fill_cpu(struct vmx_vm *vm, struct fact_vm *row, char *ht, size_t size)
{
	const struct vmx *vmx = vm->vmx;
	const char *affinity = vmx_text(vmx_find(vmx, "sched.cpu.affinity"), "all");
	bool pinned = affinity && *affinity && !rf_equal_nocase(affinity, "all");
	struct fact_int per_socket =
		vmx_number(vm, vmx_find(vmx, "cpuid.corespersocket"), 1, "sockets");
	struct fact_int nested = vmx_truth(vmx_find(vmx, "vhv.enable"), FACT_INT(0));

	row->vcpus = vmx_number(vm, vmx_find(vmx, "numvcpus"), 1, "vcpus");
	if (row->vcpus.known && per_socket.known && per_socket.v > 0)
		row->sockets = FACT_INT(row->vcpus.v / per_socket.v);
	row->threads = FACT_INT(1);
	if (nested.known)
		row->nested = nested.v ? "on" : "off";
	row->cpu_shares = shares_of(vm, row->vcpus);
	if (affinity) {
		row->cpu_pinned = pinned ? row->vcpus : FACT_INT(0);
		row->cpu_set = pinned ? affinity : "";
	}
	row->pmu = vmx_truth(vmx_find(vmx, "vpmc.enable"), FACT_INT(0));
	row->ht_sharing = vmx_lower(vmx_find(vmx, "sched.cpu.htsharing"), "", ht, size);
}

static void fill_memory(struct vmx_vm *vm, struct fact_vm *row)
{
	const struct vmx *vmx = vm->vmx;
	const struct vmx_entry *min = vmx_find(vmx, "sched.mem.min");
	const struct vmx_entry *limit = vmx_find(vmx, "sched.mem.maxmemctl");
	bool endless = limit && rf_equal_nocase(limit->value, "unlimited");
	struct fact_int balloon = vmx_number(vm, endless ? NULL : limit, -1, "balloon");
	const int64_t mib = 1 << 20;

	min = min ? min : vmx_find(vmx, "sched.mem.minsize");
	/* Without the key VMware gives a VM 32 MiB. */
	row->memory_bytes =
		scaled(vmx_number(vm, vmx_find(vmx, "memsize"), 32, "memory_bytes"), mib);
	row->page_sharing = vmx_truth(vmx_find(vmx, "sched.mem.pshare.enable"), FACT_INT(1));
	row->memory_locked = vmx_truth(vmx_find(vmx, "sched.mem.pin"), FACT_INT(0));
	row->mem_hard_limit_bytes = scaled(
		vmx_number(vm, vmx_find(vmx, "sched.mem.max"), 0, "mem_hard_limit_bytes"), mib);
	row->mem_min_guarantee_bytes =
		scaled(vmx_number(vm, min, 0, "mem_min_guarantee_bytes"), mib);
	if (balloon.known)
		row->balloon = balloon.v == 0 ? "none" : "vmware";
}

static void fill_boot(struct vmx_vm *vm, struct fact_vm *row, char *firmware, size_t size)
{
	const struct vmx *vmx = vm->vmx;
	struct fact_int secure = vmx_truth(vmx_find(vmx, "uefi.secureboot.enabled"), FACT_INT(0));
	struct fact_int vtpm = vmx_truth(vmx_find(vmx, "vtpm.present"), FACT_INT(0));
	struct fact_int host = vmx_truth(vmx_find(vmx, "smbios.reflecthost"), FACT_INT(0));

	row->firmware = vmx_lower(vmx_find(vmx, "firmware"), "bios", firmware, size);
	if (secure.known && row->firmware)
		row->secure_boot = FACT_BOOL(secure.v && rf_equal(row->firmware, "efi"));
	row->nvram = vmx_text(vmx_find(vmx, "nvram"), "");
	row->boot_devices = vmx_text(vmx_find(vmx, "bios.bootorder"), "");
	if (vtpm.known) {
		bool software = vmx_find(vmx, "managedvm.autoaddvtpm") != NULL;

		row->tpm = vtpm.v || software ? "2.0" : "none";
		row->tpm_backend = vtpm.v || software ? "emulator" : "";
	}
	if (host.known)
		row->smbios_mode = host.v ? "host" : "emulate";
}

static void put_vm(struct vmx_vm *vm, const struct vmx_snapshots *snapshots)
{
	const struct vmx *vmx = vm->vmx;
	char name[SMALL * 2], uuid[40], guest[SMALL], ht[SMALL], firmware[SMALL],
		key[RF_MAX_PATH_BYTES + SMALL];
	char text[MAX_DESCRIPTION_BYTES + 1];
	const struct vmx_entry *hw = vmx_find(vmx, "virtualhw.version");
	const struct vmx_entry *start = vmx_find(vmx, "autostart");
	struct fact_vm row = {.vm = vm->path,
			      .layer = VMX_LAYER,
			      .format = "vmx",
			      .path = vm->path,
			      .state = "",
			      .virt_type = "vmware",
			      .owner = "",
			      .class = "",
			      .zone = "",
			      .title = ""};

	row.name = name_of(vm, name, sizeof(name));
	row.uuid = uuid_of(vmx_find(vmx, "uuid.bios"), uuid);
	row.product = vmx_product(vmx);
	row.guest_os = vmx_lower(vmx_find(vmx, "guestos"), "", guest, sizeof(guest));
	row.arch = arch_of(row.guest_os);
	row.description = shortened(vmx_text(vmx_find(vmx, "annotation"), ""), text, sizeof(text));
	if (start && !start->conflict)
		row.autostart = FACT_BOOL(rf_equal_nocase(start->value, "poweron") ||
					  rf_truth(start->value) == 1);
	if (hw)
		row.hw_version = vmx_number(vm, hw, 0, "hw_version");
	else
		fact_gap(
			vm->out, FACT_T_VM, row_key(vm, key, sizeof(key), ""), "hw_version",
			vm->path,
			"the file has no virtualHW.version, so the defaults of absent keys are not "
			"known; add the line");
	fill_cpu(vm, &row, ht, sizeof(ht));
	fill_memory(vm, &row);
	fill_boot(vm, &row, firmware, sizeof(firmware));
	row.snapshots_count = snapshots->count;
	row.snapshot_oldest_ms = snapshots->oldest_ms;
	row.source = vmx_where(vm, NULL);
	fact_put_vm(vm->out, &row);
}

void vmx_snapshots_read(const struct vmx *vmsd, struct vmx_snapshots *out)
{
	const struct vmx_entry *count = vmx_find(vmsd, "snapshot.numsnapshots");
	int64_t n, oldest = 0;

	*out = (struct vmx_snapshots){.count = FACT_INT(0), .oldest_ms = FACT_INT(0)};
	if (!count)
		return;
	if (count->conflict || rf_num(count->value, 10, 0, 100000, &n) < 0) {
		*out = (struct vmx_snapshots){0};
		return;
	}
	out->count = FACT_INT(n);
	for (size_t i = 0; i < vmsd->count; i++) {
		char device[32];
		int64_t high, low;

		if (!vmx_device_key(vmsd->entries[i].key, "snapshot", false, "createtimehigh",
				    device, sizeof(device)))
			continue;
		const struct vmx_entry *e = vmx_find_in(vmsd, device, "createtimelow");

		if (!e || rf_num(vmsd->entries[i].value, 10, 0, INT32_MAX, &high) < 0 ||
		    rf_num(e->value, 10, INT32_MIN, UINT32_MAX, &low) < 0)
			continue;
		/* Microseconds since 1970; the low half is written as a signed number. */
		int64_t ms = (int64_t)((uint64_t)high << 32 | (uint32_t)low) / 1000;

		oldest = oldest && oldest < ms ? oldest : ms;
	}
	out->oldest_ms = n && !oldest ? (struct fact_int){0} : FACT_INT(n ? oldest : 0);
}

void vmx_facts(struct vmx_vm *vm, const struct vmx_snapshots *snapshots)
{
	put_vm(vm, snapshots);
	put_options(vm);
	vmx_facts_nics(vm);
	vmx_facts_disks(vm);
	vmx_facts_devices(vm);
	vmx_facts_near_misses(vm);
}
