/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which family of VMware products wrote a .vmx: ESX (ESX, ESXi, vCenter) or hosted (Workstation,
 * Player, Fusion, GSX, Server). The meaning of an absent key depends on it. The evidence is what
 * only one family writes, seen in real files of both:
 *
 *   esx     vc.uuid, sched.swap.derivedName, migrate.hostLog, viv.moid, sched.cpu.units,
 *	     sched.<disk>.shares, ethernetN.dvs.*, addressType vpx, paths below /vmfs/volumes
 *   hosted  virtualHW.productCompatibility = "hosted" (decides alone), ethernetN.vnet, .pvnID,
 *	     .linkStatePropagation.enable, connectionType nat or hostonly, inVMTeam, sharedFolderN,
 *	     usb.vbluetooth, gui.*, priority.grabbed, MemTrimRate, thinprint ports
 *
 * Not evidence: networkName (Fusion and GSX write it too), connectionType bridged, vmci, uuid.*.
 * Evidence of both, or of none, is "unknown": then no default is assumed.
 */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "collect/vmx_facts.h"

enum { ESX = 1, HOSTED = 2 };

struct evidence {
	const char *key;   /* whole key, or a beginning when it ends with . or * */
	const char *value; /* NULL: any */
	int says;
};

static const struct evidence rules[] = {
	{"vc.uuid", NULL, ESX},
	{"sched.swap.derivedname", NULL, ESX},
	{"migrate.hostlog", NULL, ESX},
	{"viv.moid", NULL, ESX},
	{"sched.cpu.units", NULL, ESX},
	{"vm.createdate", NULL, ESX},
	{"invmteam", NULL, HOSTED},
	{"sharedfolder*", NULL, HOSTED},
	{"usb.vbluetooth.", NULL, HOSTED},
	{"gui.", NULL, HOSTED},
	{"priority.grabbed", NULL, HOSTED},
	{"priority.ungrabbed", NULL, HOSTED},
	{"memtrimrate", NULL, HOSTED},
	{"memallowautoscaledown", NULL, HOSTED},
	{"policy.vm.mvmtid", NULL, HOSTED},
};

/* By the part of the key behind ethernetN. */
static const struct evidence nic_rules[] = {
	{"dvs.", NULL, ESX},
	{"addresstype", "vpx", ESX},
	{"vnet", NULL, HOSTED},
	{"pvnid", NULL, HOSTED},
	{"bsdname", NULL, HOSTED},
	{"linkstatepropagation.enable", NULL, HOSTED},
	{"connectiontype", "nat", HOSTED},
	{"connectiontype", "hostonly", HOSTED},
};

static bool rule_matches(const struct evidence *rule, const char *key, const char *value)
{
	size_t len = strlen(rule->key);
	char last = rule->key[len - 1];
	size_t compared = last == '*' ? len - 1 : len;

	if (strncmp(key, rule->key, compared) != 0)
		return false;
	if (last != '.' && last != '*' && key[len] != '\0')
		return false;
	return !rule->value || rf_equal_nocase(value, rule->value);
}

static int rules_say(const struct evidence *list, size_t count, const char *key, const char *value)
{
	for (size_t i = 0; i < count; i++) {
		if (list[i].key[0] == key[0] && rule_matches(&list[i], key, value))
			return list[i].says;
	}
	return 0;
}

static int entry_says(const struct vmx_entry *e)
{
	char device[32];

	if (rf_starts(e->value, "/vmfs/volumes/"))
		return ESX;
	if (vmx_device_key(e->key, "ethernet", false, "", device, sizeof(device)))
		return rules_say(nic_rules, RF_COUNT(nic_rules), e->key + strlen(device) + 1,
				 e->value);
	/* sched.scsi0:0.shares: only ESX shares disk bandwidth. */
	if (rf_starts(e->key, "sched.") && strchr(e->key, ':'))
		return ESX;
	if (rf_ends(e->key, ".filetype") && rf_equal_nocase(e->value, "thinprint"))
		return HOSTED;
	return rules_say(rules, RF_COUNT(rules), e->key, e->value);
}

const char *vmx_product(const struct vmx *vmx)
{
	const struct vmx_entry *said = vmx_find(vmx, "virtualhw.productcompatibility");
	int says = 0;

	if (said && !said->conflict && rf_equal_nocase(said->value, "hosted"))
		return "hosted";
	if (said && !said->conflict && rf_equal_nocase(said->value, "esx"))
		return "esx";
	for (size_t i = 0; i < vmx->count; i++)
		says |= entry_says(&vmx->entries[i]);
	return says == ESX ? "esx" : says == HOSTED ? "hosted" : "unknown";
}
