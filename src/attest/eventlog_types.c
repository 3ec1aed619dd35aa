/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The closed list: every event type that we know, the PCRs where it may stand before and after that
 * PCR's separator, what it is about, and who reads it. Neither type nor place is covered by an
 * event's digest, so a genuine event can be given another type: what is not in this table in its
 * place is not believed.
 * Source: TCG PC Client Platform Firmware Profile 1.06, 3.3.4 (PCR usage) and 10.4.1 (types); Intel
 * TXT Software Development Guide, appendix F; tboot; what firmware of several vendors really does.
 */
#include <string.h>

#include "attest/eventlog_types.h"
#include "base/mem.h"

#define P(n)	     (1u << (n))
#define PP(from, to) ((P((to) + 1) - 1) & ~(P(from) - 1))
#define OS	     PP(8, 15)	/* boot loader and system */
#define LAUNCH	     PP(17, 22) /* dynamic launch */
#define ANYWHERE     PP(0, 23)

#define TYPE_COMPACT_HASH 0x0000000cu

#define DRTM(number, name)                                                                         \
	{                                                                                          \
		number, name, LAUNCH, LAUNCH, COMPONENT_DRTM, event_read_drtm                      \
	}

static const struct event_type types[] = {
	/* Reserved by the profile: it may stand nowhere. */
	{0x00000000, "EV_PREBOOT_CERT", 0, 0, COMPONENT_OTHER, event_read_text_or_hint},
	{0x00000001, "EV_POST_CODE", PP(0, 3), 0, COMPONENT_NONE, event_read_blob},
	{0x00000002, "EV_UNUSED", 0, 0, COMPONENT_OTHER, event_read_text_or_hint},
	{EV_NO_ACTION, "EV_NO_ACTION", ANYWHERE, ANYWHERE, COMPONENT_OTHER, event_read_no_action},
	{EV_SEPARATOR, "EV_SEPARATOR", PP(0, 15), 0, COMPONENT_SEPARATOR, event_read_separator},
	{0x00000005, "EV_ACTION", PP(0, 7), PP(1, 6), COMPONENT_ACTION, event_read_action},
	{EV_EVENT_TAG, "EV_EVENT_TAG", PP(1, 6) | OS | LAUNCH, PP(1, 6) | OS | LAUNCH,
	 COMPONENT_OTHER, event_read_tag},
	{0x00000007, "EV_S_CRTM_CONTENTS", P(0), 0, COMPONENT_FIRMWARE, event_read_blob},
	{0x00000008, "EV_S_CRTM_VERSION", P(0), 0, COMPONENT_FIRMWARE, event_read_crtm_version},
	{0x00000009, "EV_CPU_MICROCODE", PP(0, 1), 0, COMPONENT_MICROCODE, event_read_text_or_hint},
	{0x0000000a, "EV_PLATFORM_CONFIG_FLAGS", P(1) | P(3) | P(5), P(1),
	 COMPONENT_FIRMWARE_CONFIG, event_read_text_or_hint},
	{0x0000000b, "EV_TABLE_OF_DEVICES", PP(0, 3), P(1), COMPONENT_NONE,
	 event_read_text_or_hint},
	{TYPE_COMPACT_HASH, "EV_COMPACT_HASH", P(1) | PP(4, 6), P(1) | PP(4, 6), COMPONENT_NONE,
	 event_read_text_or_hint},
	{0x0000000d, "EV_IPL", PP(4, 5) | OS | LAUNCH, PP(4, 5) | OS | LAUNCH,
	 COMPONENT_LOADER_FILE, event_read_ipl},
	{0x0000000e, "EV_IPL_PARTITION_DATA", P(5), P(5), COMPONENT_GPT, event_read_text_or_hint},
	{0x0000000f, "EV_NONHOST_CODE", PP(0, 3), 0, COMPONENT_NONE, event_read_text_or_hint},
	{0x00000010, "EV_NONHOST_CONFIG", PP(0, 3), P(1), COMPONENT_NONE, event_read_text_or_hint},
	{0x00000011, "EV_NONHOST_INFO", PP(0, 1), 0, COMPONENT_NONE, event_read_text_or_hint},
	{0x00000012, "EV_OMIT_BOOT_DEVICE_EVENTS", P(4), P(4), COMPONENT_ACTION,
	 event_read_text_or_hint},
	{0x00000013, "EV_POST_CODE2", PP(0, 3), 0, COMPONENT_NONE, event_read_blob2},
	DRTM(0x00000401, "EV_TXT_PCR_MAPPING"),
	DRTM(0x00000402, "EV_TXT_HASH_START"),
	DRTM(0x00000403, "EV_TXT_COMBINED_HASH"),
	DRTM(0x00000404, "EV_TXT_MLE_HASH"),
	DRTM(0x0000040a, "EV_TXT_BIOSAC_REG_DATA"),
	DRTM(0x0000040b, "EV_TXT_CPU_SCRTM_STAT"),
	DRTM(0x0000040c, "EV_TXT_LCP_CONTROL_HASH"),
	DRTM(0x0000040d, "EV_TXT_ELEMENTS_HASH"),
	DRTM(0x0000040e, "EV_TXT_STM_HASH"),
	DRTM(0x0000040f, "EV_TXT_OSSINITDATA_CAP_HASH"),
	DRTM(0x00000410, "EV_TXT_SINIT_PUBKEY_HASH"),
	DRTM(0x00000411, "EV_TXT_LCP_HASH"),
	DRTM(0x00000412, "EV_TXT_LCP_DETAILS_HASH"),
	DRTM(0x00000413, "EV_TXT_LCP_AUTHORITIES_HASH"),
	DRTM(0x00000414, "EV_TXT_NV_INFO_HASH"),
	DRTM(0x00000415, "EV_TXT_COLD_BOOT_BIOS_HASH"),
	DRTM(0x00000416, "EV_TXT_KM_HASH"),
	DRTM(0x00000417, "EV_TXT_BPM_HASH"),
	DRTM(0x00000418, "EV_TXT_KM_INFO_HASH"),
	DRTM(0x00000419, "EV_TXT_BPM_INFO_HASH"),
	DRTM(0x0000041a, "EV_TXT_BOOT_POL_HASH"),
	DRTM(0x000004fe, "EV_TXT_RANDOM_VALUE"),
	DRTM(0x000004ff, "EV_TXT_CAP_VALUE"),
	DRTM(0x00000501, "EV_TBOOT_TB_HASH"),
	DRTM(0x00000502, "EV_SLAUNCH"),
	DRTM(0x00000503, "EV_SLAUNCH_START"),
	DRTM(0x00000504, "EV_SLAUNCH_END"),
	DRTM(0x00008001, "EV_AMD_SL_LOAD"),
	DRTM(0x00008002, "EV_AMD_SL_PSP_FW_SPLT"),
	DRTM(0x00008003, "EV_AMD_SL_TSME_RB_FUSE"),
	DRTM(0x00008004, "EV_AMD_SL_PUB_KEY"),
	DRTM(0x00008005, "EV_AMD_SL_SVN"),
	DRTM(0x00008006, "EV_AMD_SL_LOAD_1"),
	DRTM(0x00008007, "EV_AMD_SL_SEPARATOR"),
	{0x80000001, "EV_EFI_VARIABLE_DRIVER_CONFIG", P(1) | P(3) | P(5) | P(7), P(1) | P(3) | P(5),
	 COMPONENT_FIRMWARE_CONFIG, event_read_variable_config},
	/* PCR 5: firmware of the TPM 1.2 time. */
	{EV_EFI_VARIABLE_BOOT, "EV_EFI_VARIABLE_BOOT", P(1) | P(5), P(1) | P(5),
	 COMPONENT_BOOT_ENTRY, event_read_variable_boot},
	{0x80000003, "EV_EFI_BOOT_SERVICES_APPLICATION", P(2) | P(4), P(4), COMPONENT_BOOT_APP,
	 event_read_image},
	{0x80000004, "EV_EFI_BOOT_SERVICES_DRIVER", P(0) | P(2), P(2), COMPONENT_DRIVER,
	 event_read_image},
	{0x80000005, "EV_EFI_RUNTIME_SERVICES_DRIVER", P(0) | P(2), P(2), COMPONENT_DRIVER,
	 event_read_image},
	{0x80000006, "EV_EFI_GPT_EVENT", P(5), P(5), COMPONENT_GPT, event_read_gpt},
	{0x80000007, "EV_EFI_ACTION", PP(0, 7), PP(1, 6), COMPONENT_ACTION, event_read_action},
	{0x80000008, "EV_EFI_PLATFORM_FIRMWARE_BLOB", PP(0, 2) | P(4), 0, COMPONENT_NONE,
	 event_read_blob},
	{0x80000009, "EV_EFI_HANDOFF_TABLES", PP(0, 1), P(1), COMPONENT_FIRMWARE_CONFIG,
	 event_read_handoff},
	{0x8000000a, "EV_EFI_PLATFORM_FIRMWARE_BLOB2", PP(0, 2) | P(4), 0, COMPONENT_NONE,
	 event_read_blob2},
	{0x8000000b, "EV_EFI_HANDOFF_TABLES2", PP(0, 1), P(1), COMPONENT_FIRMWARE_CONFIG,
	 event_read_blob2},
	{EV_EFI_VARIABLE_BOOT2, "EV_EFI_VARIABLE_BOOT2", P(1), P(1), COMPONENT_BOOT_ENTRY,
	 event_read_variable_boot},
	{0x8000000d, "EV_EFI_GPT_EVENT2", P(5), P(5), COMPONENT_GPT, event_read_gpt},
	{EV_EFI_HCRTM_EVENT, "EV_EFI_HCRTM_EVENT", P(0), 0, COMPONENT_FIRMWARE, event_read_hcrtm},
	{0x800000e0, "EV_EFI_VARIABLE_AUTHORITY", P(7), P(7), COMPONENT_AUTHORITY,
	 event_read_variable_authority},
	{0x800000e1, "EV_EFI_SPDM_FIRMWARE_BLOB", P(2), P(2), COMPONENT_OPTION_ROM,
	 event_read_text_or_hint},
	{0x800000e2, "EV_EFI_SPDM_FIRMWARE_CONFIG", P(3), P(3), COMPONENT_OPTION_ROM,
	 event_read_text_or_hint},
	{0x800000e3, "EV_EFI_SPDM_DEVICE_POLICY", P(7), 0, COMPONENT_FIRMWARE_CONFIG,
	 event_read_variable_config},
	{0x800000e4, "EV_EFI_SPDM_DEVICE_AUTHORITY", P(7), P(7), COMPONENT_AUTHORITY,
	 event_read_variable_authority},
};

const struct event_type *event_type_find(uint32_t type)
{
	for (size_t i = 0; i < RF_COUNT(types); i++) {
		if (types[i].type == type)
			return &types[i];
	}
	return NULL;
}

const char *eventlog_type_name(uint32_t type)
{
	const struct event_type *row = event_type_find(type);

	return row ? row->name : NULL;
}

bool event_type_of_name(const char *name, uint32_t *out)
{
	for (size_t i = 0; i < RF_COUNT(types); i++) {
		if (strcmp(types[i].name, name) == 0) {
			*out = types[i].type;
			return true;
		}
	}
	return false;
}

bool event_type_is_drtm(uint32_t type)
{
	return (type >= 0x400 && type < 0x600) || (type >= 0x8000 && type < 0x8100);
}

static const char *const component_names[COMPONENT_COUNT] = {
	[COMPONENT_NONE] = "nothing",
	[COMPONENT_FIRMWARE] = "firmware",
	[COMPONENT_FIRMWARE_CONFIG] = "firmware settings",
	[COMPONENT_OPTION_ROM] = "option ROM",
	[COMPONENT_MICROCODE] = "CPU microcode",
	[COMPONENT_SECURE_BOOT_STATE] = "Secure Boot state",
	[COMPONENT_SECURE_BOOT_PK] = "Secure Boot platform key",
	[COMPONENT_SECURE_BOOT_KEK] = "Secure Boot key exchange keys",
	[COMPONENT_SECURE_BOOT_DB] = "Secure Boot allowed list (db)",
	[COMPONENT_SECURE_BOOT_DBX] = "Secure Boot forbidden list (dbx)",
	[COMPONENT_AUTHORITY] = "Secure Boot authority",
	[COMPONENT_BOOT_ORDER] = "boot order",
	[COMPONENT_BOOT_ENTRY] = "boot entry",
	[COMPONENT_BOOT_APP] = "boot application",
	[COMPONENT_DRIVER] = "UEFI driver",
	[COMPONENT_GPT] = "partition table",
	[COMPONENT_SHIM_VARIABLE] = "shim variable",
	[COMPONENT_MOK_LIST] = "machine owner keys",
	[COMPONENT_LOADER_COMMAND] = "boot loader command",
	[COMPONENT_LOADER_FILE] = "boot loader file",
	[COMPONENT_KERNEL] = "kernel",
	[COMPONENT_INITRD] = "initrd",
	[COMPONENT_CMDLINE] = "kernel command line",
	[COMPONENT_SEPARATOR] = "separator",
	[COMPONENT_BOOT_FAILURE] = "boot failure",
	[COMPONENT_EXIT_BOOT_SERVICES] = "exit of boot services",
	[COMPONENT_DRTM] = "dynamic launch",
	[COMPONENT_ESX_MODULE] = "ESXi module",
	[COMPONENT_ESX_OPTION] = "ESXi boot option",
	[COMPONENT_ESX_SIGNER] = "ESXi signer",
	[COMPONENT_ASSET_TAG] = "asset tag",
	[COMPONENT_ACTION] = "firmware action",
	[COMPONENT_OTHER] = "other",
};

const char *eventlog_component_name(enum eventlog_component component)
{
	return (size_t)component < COMPONENT_COUNT ? component_names[component] : "other";
}

const char *eventlog_proof_name(enum eventlog_proof proof)
{
	static const char *const names[] = {
		[EVENTLOG_PROVED] = "proved",
		[EVENTLOG_HINT] = "hint",
		[EVENTLOG_DISPROVED] = "disproved",
		[EVENTLOG_NOT_ALLOWED] = "not allowed here",
		[EVENTLOG_UNKNOWN_TYPE] = "unknown type",
	};

	return (size_t)proof < RF_COUNT(names) ? names[proof] : "unknown type";
}
