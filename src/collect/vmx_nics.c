/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Network cards of a .vmx: ethernetN, where N.present says so. What an absent security key means
 * depends on product and version; those columns stay NULL then, and controls look the key up.
 */
#include <string.h>

#include "base/str.h"
#include "collect/vmx_facts.h"

/* reject when the key is TRUE, accept when FALSE, NULL when it is not there or not understood. */
static const char *policy_of(const struct vmx *vmx, const char *nic, const char *name)
{
	struct fact_int truth = vmx_truth(vmx_find_in(vmx, nic, name), (struct fact_int){0});

	if (!truth.known)
		return NULL;
	return truth.v ? "reject" : "accept";
}

/*
 * What it is plugged into. Without connectionType a card is bridged; on ESX, where the port group's
 * name is written instead, it is on a standard switch, with dvs.* on a distributed one.
 */
static const char *kind_of(const struct vmx *vmx, const char *nic, char *out, size_t size)
{
	const struct vmx_entry *type = vmx_find_in(vmx, nic, "connectiontype");

	if (type)
		return vmx_lower(type, "", out, size);
	if (vmx_find_in(vmx, nic, "dvs.switchid") || vmx_find_in(vmx, nic, "dvs.portgroupid"))
		return "vpx";
	return vmx_find_in(vmx, nic, "networkname") ? "standard" : "bridged";
}

static const char *network_of(const struct vmx *vmx, const char *nic)
{
	static const char *const names[] = {"networkname", "vnet", "dvs.portgroupid"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct vmx_entry *e = vmx_find_in(vmx, nic, names[i]);

		if (e)
			return vmx_text(e, NULL);
	}
	return "";
}

/* Names of all filters on the card: ethernetN.filterM.name. */
static void dvfilters(const struct vmx *vmx, const char *nic, struct rf_buf *out)
{
	size_t len = strlen(nic);
	char filter[16];

	for (size_t i = 0; i < vmx->count; i++) {
		const struct vmx_entry *e = &vmx->entries[i];

		if (e->superseded || strncmp(e->key, nic, len) != 0 || e->key[len] != '.')
			continue;
		if (vmx_device_key(e->key + len + 1, "filter", false, "name", filter,
				   sizeof(filter)) &&
		    *e->value)
			rf_buf_printf(out, "%s%s", out->len ? "," : "", e->value);
	}
}

static void put_nic(struct vmx_vm *vm, const char *nic, const struct vmx_entry *present)
{
	const struct vmx *vmx = vm->vmx;
	char mac[64], type[32], model[32], kind[32];
	RF_AUTOBUF struct rf_buf filters = {0};
	const char *address_type =
		vmx_lower(vmx_find_in(vmx, nic, "addresstype"), "generated", type, sizeof(type));
	bool is_static = rf_equal(address_type, "static");
	const struct vmx_entry *address =
		vmx_find_in(vmx, nic, is_static ? "address" : "generatedaddress");

	dvfilters(vmx, nic, &filters);
	fact_put_vm_nic(
		vm->out,
		&(struct fact_vm_nic){
			.vm = vm->path,
			.layer = VMX_LAYER,
			.nic = nic,
			.mac = vmx_lower(address, "", mac, sizeof(mac)),
			.mac_kind = address_type,
			.mac_checked =
				vmx_truth(vmx_find_in(vmx, nic, "checkmacaddress"), FACT_INT(1)),
			.model = vmx_lower(vmx_find_in(vmx, nic, "virtualdev"), "", model,
					   sizeof(model)),
			.kind = kind_of(vmx, nic, kind, sizeof(kind)),
			.network = network_of(vmx, nic),
			.forged_source = policy_of(vmx, nic, "noforgedsrcaddr"),
			.mac_change = policy_of(vmx, nic, "downwhenaddrmismatch"),
			.promiscuous = policy_of(vmx, nic, "nopromisc"),
			.link_up = vmx_truth(vmx_find_in(vmx, nic, "startconnected"), FACT_INT(1)),
			.guest_control =
				vmx_truth(vmx_find_in(vmx, nic, "allowguestconnectioncontrol"),
					  (struct fact_int){0}),
			.dvfilter = rf_buf_text(&filters),
			.source = vmx_where(vm, present),
		});
}

void vmx_facts_nics(struct vmx_vm *vm)
{
	char nic[32];

	for (size_t i = 0; i < vm->vmx->count; i++) {
		const struct vmx_entry *e = &vm->vmx->entries[i];

		if (!e->superseded && e->key[0] == 'e' && vmx_is_present(e) &&
		    vmx_device_key(e->key, "ethernet", false, "present", nic, sizeof(nic)))
			put_nic(vm, nic, e);
	}
}
