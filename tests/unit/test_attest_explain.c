/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What boot log events mean and what their digests prove: each type's rule, each place where a type
 * may stand, and each story that an attacker could tell with genuine digests (named).
 */
#include "eventlog_test.h"

static const uint8_t global_guid[16] = {0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11,
					0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c};
static const uint8_t security_guid[16] = {0xcb, 0xb2, 0x19, 0xd7, 0x3a, 0x3d, 0x96, 0x45,
					  0xa3, 0xbc, 0xda, 0xd0, 0x0e, 0x67, 0x65, 0x6f};
static const uint8_t shim_guid[16] = {0x50, 0xab, 0x5d, 0x60, 0x46, 0xe0, 0x00, 0x43,
				      0xab, 0xb6, 0x3d, 0xd8, 0x10, 0xdd, 0x8b, 0x23};
static const uint8_t other_guid[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

struct expected {
	enum eventlog_proof proof;
	enum eventlog_component component;
	const char *name, *text; /* NULL: not asked */
};

/* One event in a log of its own (SHA-1 and SHA-256), whose digests are those of measured. */
static void one(uint32_t pcr, uint32_t type, struct rf_slice data, struct rf_slice measured,
		struct expected expected)
{
	struct log_build b;
	struct eventlog_state seen;

	begin_log(&b, ATTEST_SHA1, ATTEST_SHA256, 0);
	add_measured(&b, pcr, type, data, measured);
	struct eventlog_meaning m = explain_last(&b, &seen);

	if (m.proof != expected.proof || m.component != expected.component)
		print_message("PCR %u type 0x%x: %s, %s: %s\n", pcr, type,
			      eventlog_proof_name(m.proof), eventlog_component_name(m.component),
			      m.text);
	assert_int_equal(m.proof, expected.proof);
	assert_int_equal(m.component, expected.component);
	if (expected.name)
		assert_string_equal(m.name, expected.name);
	if (expected.text)
		assert_string_equal(m.text, expected.text);
	end_log(&b);
}

/* ---- data that is the measured thing, hints, and texts ---- */

#define PE "a portable executable"

static const struct {
	const char *name;
	uint32_t pcr, type;
	struct rf_slice data, measured;
	struct expected expected;
} plain[] = {
	{"a version in ASCII",
	 0,
	 CRTM_VERSION,
	 BYTES("2.7.1"),
	 BYTES("2.7.1"),
	 {EVENTLOG_PROVED, COMPONENT_FIRMWARE, "version", "2.7.1"}},
	{"a version in UTF-16",
	 0,
	 CRTM_VERSION,
	 BYTES("v\0001\0\0\0"),
	 BYTES("v\0001\0\0\0"),
	 {EVENTLOG_PROVED, COMPONENT_FIRMWARE, NULL, "v1"}},
	{"a version that is not what was measured (Dell)",
	 0,
	 CRTM_VERSION,
	 BYTES("2.7.1"),
	 BYTES("other"),
	 {EVENTLOG_HINT, COMPONENT_FIRMWARE, NULL, "2.7.1"}},
	{"a blob",
	 0,
	 FIRMWARE_BLOB,
	 BYTES("\0\0\x82\0\0\0\0\0\0\0\x0e\0\0\0\0\0"),
	 BYTES("code"),
	 {EVENTLOG_HINT, COMPONENT_FIRMWARE, "", "917504 bytes at 0x820000"}},
	{"a named blob",
	 0,
	 FIRMWARE_BLOB2,
	 BYTES("\3FSP\0\0\x82\0\0\0\0\0\4\0\0\0\0\0\0\0"),
	 BYTES("code"),
	 {EVENTLOG_HINT, COMPONENT_FIRMWARE, "FSP", "FSP: 4 bytes at 0x820000"}},
	{"ACPI tables",
	 1,
	 POST_CODE,
	 BYTES("ACPI DATA"),
	 BYTES("tables"),
	 {EVENTLOG_HINT, COMPONENT_FIRMWARE_CONFIG, NULL, "ACPI DATA"}},
	{"microcode",
	 1,
	 MICROCODE,
	 BYTES("patch"),
	 BYTES("patch"),
	 {EVENTLOG_PROVED, COMPONENT_MICROCODE, NULL, "patch"}},
	{"hand-off tables",
	 1,
	 HANDOFF,
	 BYTES("\1\0\0\0\0\0\0\0"),
	 BYTES("smbios"),
	 {EVENTLOG_HINT, COMPONENT_FIRMWARE_CONFIG, NULL, "1 configuration tables"}},
	{"an option ROM's blob",
	 2,
	 FIRMWARE_BLOB,
	 BYTES("\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0"),
	 BYTES("rom"),
	 {EVENTLOG_HINT, COMPONENT_OPTION_ROM, NULL, "1 bytes at 0x0"}},
	{"an action",
	 4,
	 EFI_ACTION,
	 BYTES("Calling EFI Application from Boot Option"),
	 BYTES("Calling EFI Application from Boot Option"),
	 {EVENTLOG_PROVED, COMPONENT_ACTION, "", "Calling EFI Application from Boot Option"}},
	{"an action logged with NUL",
	 4,
	 ACTION,
	 BYTES_NUL("Booting"),
	 BYTES("Booting"),
	 {EVENTLOG_PROVED, COMPONENT_ACTION, "", "Booting"}},
	{"another action than measured",
	 4,
	 EFI_ACTION,
	 BYTES("fine"),
	 BYTES("evil"),
	 {EVENTLOG_DISPROVED, COMPONENT_ACTION, NULL, "fine"}},
	{"an action that is no text",
	 4,
	 EFI_ACTION,
	 BYTES("\1\2\3\4"),
	 BYTES("\1\2\3\4"),
	 {EVENTLOG_DISPROVED, COMPONENT_ACTION, NULL, "01020304"}},
	{"grub's command",
	 8,
	 IPL,
	 BYTES_NUL("grub_cmd: set root=hd0"),
	 BYTES("set root=hd0"),
	 {EVENTLOG_PROVED, COMPONENT_LOADER_COMMAND, "set", "set root=hd0"}},
	{"grub's command, measured with NUL",
	 8,
	 IPL,
	 BYTES_NUL("grub_cmd: boot"),
	 BYTES_NUL("boot"),
	 {EVENTLOG_PROVED, COMPONENT_LOADER_COMMAND, "boot", "boot"}},
	{"an old grub's command",
	 8,
	 IPL,
	 BYTES_NUL("grub_cmd set a=b"),
	 BYTES("set a=b"),
	 {EVENTLOG_PROVED, COMPONENT_LOADER_COMMAND, "set", "set a=b"}},
	{"another command than measured",
	 8,
	 IPL,
	 BYTES_NUL("grub_cmd: true"),
	 BYTES("insmod x"),
	 {EVENTLOG_DISPROVED, COMPONENT_LOADER_COMMAND, NULL, "true"}},
	{"a command, prefix measured too",
	 8,
	 IPL,
	 BYTES("grub_cmd: true"),
	 BYTES("grub_cmd: true"),
	 {EVENTLOG_DISPROVED, COMPONENT_LOADER_COMMAND, NULL, NULL}},
	{"an empty command",
	 8,
	 IPL,
	 BYTES("grub_cmd: "),
	 BYTES(""),
	 {EVENTLOG_PROVED, COMPONENT_LOADER_COMMAND, "", ""}},
	{"grub's command in another PCR",
	 9,
	 IPL,
	 BYTES("grub_cmd: boot"),
	 BYTES("boot"),
	 {EVENTLOG_NOT_ALLOWED, COMPONENT_LOADER_COMMAND, NULL, NULL}},
	{"the command line",
	 8,
	 IPL,
	 BYTES_NUL("kernel_cmdline: /vmlinuz root=/dev/sda ro"),
	 BYTES("/vmlinuz root=/dev/sda ro"),
	 {EVENTLOG_PROVED, COMPONENT_CMDLINE, "/vmlinuz", "/vmlinuz root=/dev/sda ro"}},
	{"a module's command line",
	 8,
	 IPL,
	 BYTES_NUL("module_cmdline: m x"),
	 BYTES("m x"),
	 {EVENTLOG_PROVED, COMPONENT_LOADER_COMMAND, "m", "m x"}},
	{"the kernel",
	 9,
	 IPL,
	 BYTES_NUL("(hd0,gpt1)/boot/vmlinuz-6.1"),
	 BYTES(PE),
	 {EVENTLOG_HINT, COMPONENT_KERNEL, "vmlinuz-6.1", "(hd0,gpt1)/boot/vmlinuz-6.1"}},
	{"the initrd",
	 9,
	 IPL,
	 BYTES_NUL("/boot/initrd.img-6.1"),
	 BYTES("cpio"),
	 {EVENTLOG_HINT, COMPONENT_INITRD, "initrd.img-6.1", NULL}},
	{"grub's configuration",
	 9,
	 IPL,
	 BYTES_NUL("/kernel/grub.cfg"),
	 BYTES("menu"),
	 {EVENTLOG_HINT, COMPONENT_LOADER_FILE, "grub.cfg", NULL}},
	{"shim's MokList",
	 14,
	 IPL,
	 BYTES_NUL("MokListX"),
	 BYTES("list"),
	 {EVENTLOG_HINT, COMPONENT_MOK_LIST, "MokListX", "MokListX"}},
	{"shim's state",
	 14,
	 IPL,
	 BYTES_NUL("MokSBState"),
	 BYTES("\1"),
	 {EVENTLOG_HINT, COMPONENT_SHIM_VARIABLE, "MokSBState", NULL}},
	{"a boot record",
	 4,
	 IPL,
	 BYTES("\xfa\x31"),
	 BYTES("mbr"),
	 {EVENTLOG_HINT, COMPONENT_BOOT_APP, NULL, "2 bytes"}},
	{"a command line of systemd-stub",
	 12,
	 IPL,
	 BYTES("r\0w\0\0\0"),
	 BYTES("r\0w\0\0\0"),
	 {EVENTLOG_PROVED, COMPONENT_CMDLINE, NULL, "rw"}},
	{"... of an old systemd-boot",
	 8,
	 IPL,
	 BYTES("r\0w\0\0"),
	 BYTES("r\0w\0\0\0"),
	 {EVENTLOG_PROVED, COMPONENT_CMDLINE, NULL, "rw"}},
	{"... measured without NUL",
	 12,
	 IPL,
	 BYTES("r\0w\0\0\0"),
	 BYTES("r\0w\0"),
	 {EVENTLOG_PROVED, COMPONENT_CMDLINE, NULL, "rw"}},
	{"what systemd-stub describes",
	 12,
	 IPL,
	 BYTES("a\0 \0i\0n\0i\0t\0r\0d\0"),
	 BYTES("cpio"),
	 {EVENTLOG_HINT, COMPONENT_INITRD, NULL, "a initrd"}},
	{"the name of a section",
	 11,
	 IPL,
	 BYTES(".\0l\0i\0n\0u\0x\0\0\0"),
	 BYTES_NUL(".linux"),
	 {EVENTLOG_PROVED, COMPONENT_KERNEL, ".linux", "section .linux"}},
	{"the contents of a section",
	 11,
	 IPL,
	 BYTES(".\0l\0i\0n\0u\0x\0\0\0"),
	 BYTES(PE),
	 {EVENTLOG_HINT, COMPONENT_KERNEL, ".linux", "contents of section .linux"}},
	{"Linux's initrd",
	 9,
	 EVENT_TAG,
	 BYTES("\xec\x22\x3b\x8f\x0d\0\0\0Linux initrd\0"),
	 BYTES("cpio"),
	 {EVENTLOG_HINT, COMPONENT_INITRD, "initrd", "Linux initrd"}},
	{"loader.conf",
	 5,
	 EVENT_TAG,
	 BYTES("\x2a\x58\xbc\xf5\4\0\0\0x\0y\0"),
	 BYTES("timeout 1"),
	 {EVENTLOG_HINT, COMPONENT_LOADER_FILE, "loader.conf", "xy"}},
	{"an ESXi module",
	 13,
	 EVENT_TAG,
	 BYTES("\2\0\0\0\6\0\0\0vmx.z\0"),
	 BYTES("code"),
	 {EVENTLOG_HINT, COMPONENT_ESX_MODULE, "module", "vmx.z"}},
	{"an ESXi boot option",
	 14,
	 EVENT_TAG,
	 BYTES("\3\0\0\0\4\0\0\0s.gz"),
	 BYTES("code"),
	 {EVENTLOG_HINT, COMPONENT_ESX_OPTION, "boot option", "s.gz"}},
	{"ESXi's command line",
	 14,
	 EVENT_TAG,
	 BYTES("\4\0\0\0\3\0\0\0b x"),
	 BYTES("b x"),
	 {EVENTLOG_PROVED, COMPONENT_CMDLINE, "command line", "b x"}},
	{"another command line than measured",
	 14,
	 EVENT_TAG,
	 BYTES("\4\0\0\0\3\0\0\0b x"),
	 BYTES("b y"),
	 {EVENTLOG_DISPROVED, COMPONENT_CMDLINE, NULL, NULL}},
	{"an asset tag",
	 14,
	 EVENT_TAG,
	 BYTES("\6\0\0\0\4\0\0\0rack"),
	 BYTES("rack"),
	 {EVENTLOG_PROVED, COMPONENT_ASSET_TAG, "asset tag", "rack"}},
	{"an ESXi signer that is no certificate",
	 14,
	 EVENT_TAG,
	 BYTES("\7\0\0\0\2\0\0\0\1\2"),
	 BYTES("\1\2"),
	 {EVENTLOG_PROVED, COMPONENT_ESX_SIGNER, "signer", "0102"}},
	{"an ESXi version",
	 13,
	 EVENT_TAG,
	 BYTES("\x08\0\0\0\x24\0\0\0" /* tag, size */
	       "\x24\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\x20\0\1\0\x21\0\1\0\x22\0\1\0\x23\0\1\0CPVF"),
	 BYTES("\x24\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\x20\0\1\0\x21\0\1\0\x22\0\1\0\x23\0\1\0CPVF"),
	 {EVENTLOG_PROVED, COMPONENT_ESX_MODULE, "version", "C, P V, F"}},
	{"an ESXi tag in a PCR that is not ESXi's",
	 9,
	 EVENT_TAG,
	 BYTES("\4\0\0\0\3\0\0\0b x"),
	 BYTES("b x"),
	 {EVENTLOG_PROVED, COMPONENT_OTHER, "", "tag 0x00000004, 3 bytes"}},
	{"an unknown tag, measured whole",
	 12,
	 EVENT_TAG,
	 BYTES("\1\0\0\x40\1\0\0\0x"),
	 BYTES("\1\0\0\x40\1\0\0\0x"),
	 {EVENTLOG_PROVED, COMPONENT_OTHER, "", "tag 0x40000001, 1 bytes"}},
	{"a tag that leads out of its event",
	 14,
	 EVENT_TAG,
	 BYTES("\4\0\0\0\xff\xff\xff\xff"
	       "b"),
	 BYTES("b"),
	 {EVENTLOG_HINT, COMPONENT_OTHER, "", "not a tagged event"}},
	{"a dynamic launch",
	 17,
	 0x404,
	 BYTES("mle"),
	 BYTES("mle"),
	 {EVENTLOG_PROVED, COMPONENT_DRTM, "TXT_MLE_HASH", "mle"}},
	{"tboot",
	 18,
	 0x501,
	 BYTES("x"),
	 BYTES("y"),
	 {EVENTLOG_HINT, COMPONENT_DRTM, "TBOOT_TB_HASH", "x"}},
	{"H-CRTM",
	 0,
	 HCRTM,
	 BYTES("HCRTM"),
	 BYTES("code"),
	 {EVENTLOG_HINT, COMPONENT_FIRMWARE, NULL, "HCRTM"}},
	{"an image without path",
	 4,
	 BOOT_APP,
	 BYTES("short"),
	 BYTES(PE),
	 {EVENTLOG_HINT, COMPONENT_BOOT_APP, "", "an image of 0 bytes, no path"}},
	{"what is no partition table",
	 5,
	 GPT,
	 BYTES("EFI PART"),
	 BYTES("EFI PART"),
	 {EVENTLOG_DISPROVED, COMPONENT_GPT, NULL, "not a partition table"}},
	{"what is no variable",
	 7,
	 VARIABLE_CONFIG,
	 ZEROS,
	 ZEROS,
	 {EVENTLOG_DISPROVED, COMPONENT_FIRMWARE_CONFIG, NULL, "not a variable"}},
	{"a type that nobody knows",
	 4,
	 0x12345,
	 BYTES("x"),
	 BYTES("x"),
	 {EVENTLOG_UNKNOWN_TYPE, COMPONENT_OTHER, "", "type 0x00012345, 1 bytes"}},
	{"the reserved type",
	 0,
	 0,
	 BYTES("x"),
	 BYTES("x"),
	 {EVENTLOG_NOT_ALLOWED, COMPONENT_OTHER, NULL, NULL}},
	{"no action",
	 0,
	 NO_ACTION,
	 BYTES_NUL("SP800-155 Event"),
	 BYTES(""),
	 {EVENTLOG_HINT, COMPONENT_OTHER, "SP800-155 Event", "SP800-155 Event"}},
	{"no action, short",
	 0,
	 NO_ACTION,
	 BYTES("\1"),
	 BYTES(""),
	 {EVENTLOG_HINT, COMPONENT_OTHER, "", "1 bytes"}},
	{"text that moves the cursor",
	 8,
	 IPL,
	 BYTES("grub_cmd: a\x1b[2Jb\n"),
	 BYTES("a\x1b[2Jb\n"),
	 {EVENTLOG_PROVED, COMPONENT_LOADER_COMMAND, NULL, "a\\x1b[2Jb\\x0a"}},
};

static void each_type_by_its_rule(void **state)
{
	(void)state;
	for (size_t i = 0; i < RF_COUNT(plain); i++) {
		print_message("%s\n", plain[i].name);
		one(plain[i].pcr, plain[i].type, plain[i].data, plain[i].measured,
		    plain[i].expected);
	}
}

/* ---- variables ---- */

/* What of a variable is measured. */
enum covers { ALL, VALUE, ELSE };

static const struct {
	uint32_t pcr, type;
	const uint8_t *guid;
	const char *name;
	struct rf_slice value;
	enum covers covers;
	struct expected expected;
} variables[] = {
	{7,
	 VARIABLE_CONFIG,
	 global_guid,
	 "SecureBoot",
	 BYTES("\1"),
	 ALL,
	 {EVENTLOG_PROVED, COMPONENT_SECURE_BOOT_STATE, "SecureBoot", "on"}},
	{7,
	 VARIABLE_CONFIG,
	 global_guid,
	 "SecureBoot",
	 BYTES("\0"),
	 ALL,
	 {EVENTLOG_PROVED, COMPONENT_SECURE_BOOT_STATE, "SecureBoot", "off"}},
	{7,
	 VARIABLE_CONFIG,
	 global_guid,
	 "SecureBoot",
	 BYTES(""),
	 ALL,
	 {EVENTLOG_PROVED, COMPONENT_SECURE_BOOT_STATE, "SecureBoot", "off (no value)"}},
	{7,
	 VARIABLE_CONFIG,
	 global_guid,
	 "SecureBoot",
	 BYTES("\1"),
	 ELSE,
	 {EVENTLOG_DISPROVED, COMPONENT_SECURE_BOOT_STATE, NULL, NULL}},
	/* In PCR 7 the name must be measured too. */
	{7,
	 VARIABLE_CONFIG,
	 global_guid,
	 "SecureBoot",
	 BYTES("\1"),
	 VALUE,
	 {EVENTLOG_DISPROVED, COMPONENT_SECURE_BOOT_STATE, NULL, NULL}},
	/* Somebody else's "SecureBoot" is not the Secure Boot state. */
	{7,
	 VARIABLE_CONFIG,
	 other_guid,
	 "SecureBoot",
	 BYTES("\1"),
	 ALL,
	 {EVENTLOG_PROVED, COMPONENT_FIRMWARE_CONFIG,
	  "SecureBoot-04030201-0605-0807-090a-0b0c0d0e0f10", "01"}},
	{7,
	 VARIABLE_CONFIG,
	 security_guid,
	 "SecureBoot",
	 BYTES("\1"),
	 ALL,
	 {EVENTLOG_PROVED, COMPONENT_FIRMWARE_CONFIG, "SecureBoot", "01"}},
	{1,
	 VARIABLE_CONFIG,
	 global_guid,
	 "SecureBoot",
	 BYTES("\1"),
	 ALL,
	 {EVENTLOG_PROVED, COMPONENT_FIRMWARE_CONFIG, NULL, NULL}},
	{7,
	 VARIABLE_CONFIG,
	 global_guid,
	 "PK",
	 BYTES(""),
	 ALL,
	 {EVENTLOG_PROVED, COMPONENT_SECURE_BOOT_PK, "PK", "empty"}},
	{7,
	 VARIABLE_CONFIG,
	 global_guid,
	 "KEK",
	 BYTES(""),
	 ALL,
	 {EVENTLOG_PROVED, COMPONENT_SECURE_BOOT_KEK, "KEK", "empty"}},
	{7,
	 VARIABLE_CONFIG,
	 security_guid,
	 "db",
	 BYTES("junk"),
	 ALL,
	 {EVENTLOG_PROVED, COMPONENT_SECURE_BOOT_DB, "db", "not readable"}},
	{7,
	 VARIABLE_CONFIG,
	 security_guid,
	 "dbx",
	 BYTES(""),
	 ALL,
	 {EVENTLOG_PROVED, COMPONENT_SECURE_BOOT_DBX, "dbx", "empty"}},
	{1,
	 VARIABLE_CONFIG,
	 other_guid,
	 "Setup",
	 BYTES("\x10\x20"),
	 VALUE,
	 {EVENTLOG_PROVED, COMPONENT_FIRMWARE_CONFIG, NULL, "1020"}},
	{1,
	 VARIABLE_BOOT,
	 global_guid,
	 "BootOrder",
	 BYTES("\3\0\0\0"),
	 VALUE,
	 {EVENTLOG_PROVED, COMPONENT_BOOT_ORDER, "BootOrder", "Boot0003, Boot0000"}},
	{1,
	 VARIABLE_BOOT,
	 global_guid,
	 "BootOrder",
	 BYTES("\3\0\0\0"),
	 ALL,
	 {EVENTLOG_PROVED, COMPONENT_BOOT_ORDER, "BootOrder", NULL}},
	{1,
	 VARIABLE_BOOT2,
	 global_guid,
	 "BootOrder",
	 BYTES("\3\0\0\0"),
	 ELSE,
	 {EVENTLOG_DISPROVED, COMPONENT_BOOT_ORDER, "BootOrder", NULL}},
	{1,
	 VARIABLE_BOOT,
	 global_guid,
	 "Boot0001",
	 BYTES("\1\0\0\0\4\0u\0\0\0\x7f\xff\4\0"),
	 VALUE,
	 {EVENTLOG_PROVED, COMPONENT_BOOT_ENTRY, "Boot0001", "u: "}},
	{1,
	 VARIABLE_BOOT,
	 global_guid,
	 "Boot0001",
	 BYTES("\1"),
	 VALUE,
	 {EVENTLOG_PROVED, COMPONENT_BOOT_ENTRY, "Boot0001", "not readable"}},
	{1,
	 VARIABLE_BOOT,
	 global_guid,
	 "Bootable",
	 BYTES("\1"),
	 VALUE,
	 {EVENTLOG_PROVED, COMPONENT_FIRMWARE_CONFIG, "Bootable", "01"}},
	{7,
	 AUTHORITY,
	 shim_guid,
	 "SbatLevel",
	 BYTES("sbat,1,2021030218\n"),
	 ALL,
	 {EVENTLOG_PROVED, COMPONENT_SHIM_VARIABLE, "SbatLevel", "sbat,1,2021030218"}},
	{7,
	 AUTHORITY,
	 shim_guid,
	 "SbatLevel",
	 BYTES("sbat,1,2025021800\nshim,4\ngrub,5\n"), /* 32 bytes, as a digest has */
	 ALL,
	 {EVENTLOG_PROVED, COMPONENT_SHIM_VARIABLE, "SbatLevel",
	  "sbat,1,2025021800\\x0ashim,4\\x0agrub,5"}},
	{7,
	 AUTHORITY,
	 shim_guid,
	 "MokListTrusted",
	 BYTES("\1"),
	 ALL,
	 {EVENTLOG_PROVED, COMPONENT_SHIM_VARIABLE, "MokListTrusted", "01"}},
	{7,
	 AUTHORITY,
	 shim_guid,
	 "vendor_db",
	 BYTES("0123456789abcdef0123456789abcdef"),
	 ALL,
	 {EVENTLOG_PROVED, COMPONENT_AUTHORITY, "vendor_db",
	  "SHA-256 3031323334353637383961626364656630313233343536373839616263646566"}},
	{7,
	 AUTHORITY,
	 security_guid,
	 "db",
	 BYTES("x"),
	 ELSE,
	 {EVENTLOG_DISPROVED, COMPONENT_AUTHORITY, "db", NULL}},
};

static void each_variable(void **state)
{
	(void)state;
	for (size_t i = 0; i < RF_COUNT(variables); i++) {
		RF_AUTOBUF struct rf_buf data = {0};
		struct rf_slice measured;

		put_variable(&data, variables[i].guid, variables[i].name, variables[i].value);
		measured = variables[i].covers == ALL	  ? rf_buf_slice(&data)
			   : variables[i].covers == VALUE ? variables[i].value
							  : BYTES("something else");
		one(variables[i].pcr, variables[i].type, rf_buf_slice(&data), measured,
		    variables[i].expected);
	}
}

/* Shims before 15.3 log a byte more than they measure; the value is inside what is proved. */
static void an_old_shim_s_authority_is_proved(void **state)
{
	RF_AUTOBUF struct rf_buf data = {0};

	(void)state;
	put_variable(&data, shim_guid, "Shim", BYTES("who"));
	rf_buf_add(&data, "\0\0", 2);
	one(7, AUTHORITY, rf_buf_slice(&data), (struct rf_slice){data.data, data.len - 1},
	    (struct expected){EVENTLOG_PROVED, COMPONENT_SHIM_VARIABLE, "Shim", NULL});
	/* Without such bytes the last one is part of the value: it must be measured. */
	data.len -= 2;
	one(7, AUTHORITY, rf_buf_slice(&data), (struct rf_slice){data.data, data.len - 1},
	    (struct expected){EVENTLOG_DISPROVED, COMPONENT_SHIM_VARIABLE, "Shim", NULL});
}

static void names_and_lengths_of_variables_are_not_trusted(void **state)
{
	static const uint64_t lengths[] = {0xffffffffffffffff, 0x8000000000000000, 0x80000000, 100};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(lengths) * 2; i++) {
		RF_AUTOBUF struct rf_buf data = {0};

		put_variable(&data, global_guid, "SecureBoot", BYTES("\1"));
		for (size_t k = 0; k < 8; k++)
			data.data[16 + 8 * (i % 2) + k] = (uint8_t)(lengths[i / 2] >> (8 * k));
		one(7, VARIABLE_CONFIG, rf_buf_slice(&data), rf_buf_slice(&data),
		    (struct expected){EVENTLOG_DISPROVED, COMPONENT_FIRMWARE_CONFIG, "",
				      "not a variable"});
	}
}

/* ---- banks ---- */

/* One bank says one thing, the other another: then nothing is proved. */
static void banks_that_differ_prove_nothing(void **state)
{
	struct log_build b;
	struct eventlog_state seen;

	(void)state;
	for (int lie = 0; lie < 2; lie++) {
		begin_log(&b, ATTEST_SHA1, ATTEST_SHA256, 0);
		put_le(&b.buf, 4, 4);
		put_le(&b.buf, EFI_ACTION, 4);
		put_le(&b.buf, 2, 4);
		put_le(&b.buf, ATTEST_SHA1, 2);
		put_digest(&b, ATTEST_SHA1, lie == 0 ? BYTES("lie") : BYTES("truth"));
		put_le(&b.buf, ATTEST_SHA256, 2);
		put_digest(&b, ATTEST_SHA256, lie == 1 ? BYTES("lie") : BYTES("truth"));
		put_le(&b.buf, 5, 4);
		put_slice(&b.buf, BYTES("truth"));
		assert_int_equal(explain_last(&b, &seen).proof, EVENTLOG_DISPROVED);
		end_log(&b);
	}
}

static void a_bank_that_we_lack_proves_nothing(void **state)
{
	struct log_build b;
	struct eventlog_state seen;

	(void)state;
	begin_log(&b, 0x0099, 0, 0);
	add_event(&b, 4, EFI_ACTION, BYTES("truth"));
	assert_int_equal(explain_last(&b, &seen).proof, EVENTLOG_DISPROVED);
	end_log(&b);
	begin_log(&b, 0x0099, ATTEST_SHA256, 0);
	add_event(&b, 4, EFI_ACTION, BYTES("truth"));
	assert_int_equal(explain_last(&b, &seen).proof, EVENTLOG_PROVED);
	end_log(&b);
}

/* ---- separators ---- */

static void separators_of_health_and_of_failure(void **state)
{
	static const struct {
		struct rf_slice data, measured;
		enum eventlog_proof proof;
		bool failed;
	} rows[] = {
		{BYTES("\0\0\0\0"), BYTES("\0\0\0\0"), EVENTLOG_PROVED, false},
		{BYTES("\xff\xff\xff\xff"), BYTES("\xff\xff\xff\xff"), EVENTLOG_PROVED, false},
		{BYTES("\1\0\0\0"), BYTES("\1\0\0\0"), EVENTLOG_PROVED, true},
		/* An error code in the record, the value 1 in the digest. */
		{BYTES("\x15\0\0\x80"), BYTES("\1\0\0\0"), EVENTLOG_PROVED, true},
		{BYTES("\x15\0\0\x80"), BYTES("\x15\0\0\x80"), EVENTLOG_PROVED, true},
		{BYTES(""), BYTES(""), EVENTLOG_PROVED, true},
		{BYTES("\x15\0\0\x80"), BYTES("else"), EVENTLOG_DISPROVED, true},
		/* A failure dressed as health. */
		{BYTES("\0\0\0\0"), BYTES("\1\0\0\0"), EVENTLOG_DISPROVED, true},
		{BYTES("\0\0\0\0"), BYTES("else"), EVENTLOG_DISPROVED, false},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		struct log_build b;
		struct eventlog_state seen;

		begin_log(&b, ATTEST_SHA256, 0, 0);
		add_measured(&b, 3, SEPARATOR, rows[i].data, rows[i].measured);
		struct eventlog_meaning m = explain_last(&b, &seen);

		assert_int_equal(m.proof, rows[i].proof);
		assert_int_equal(seen.failed_separator, rows[i].failed);
		assert_int_equal(seen.separators, 1u << 3);
		assert_int_equal(m.component,
				 rows[i].failed ? COMPONENT_BOOT_FAILURE : COMPONENT_SEPARATOR);
		end_log(&b);
	}
}

/* ---- places ---- */

static void types_in_pcrs_where_they_may_not_stand(void **state)
{
	static const struct {
		uint32_t pcr, type;
	} rows[] = {
		{4, CRTM_VERSION},    {7, IPL},		  {7, BOOT_APP},      {7, EVENT_TAG},
		{7, FIRMWARE_BLOB},   {7, POST_CODE},	  {0, BOOT_APP},      {8, VARIABLE_CONFIG},
		{4, VARIABLE_CONFIG}, {7, VARIABLE_BOOT}, {1, AUTHORITY},     {4, GPT},
		{5, BOOT_APP},	      {16, IPL},	  {23, IPL},	      {16, EVENT_TAG},
		{16, SEPARATOR},      {4, 0x402},	  {0, 0x501},	      {17, BOOT_APP},
		{8, EFI_ACTION},      {2, HCRTM},	  {10, CONFIG_FLAGS},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		struct log_build b;
		struct eventlog_state seen;

		begin_log(&b, ATTEST_SHA256, 0, 0);
		add_event(&b, rows[i].pcr, rows[i].type, BYTES("genuine"));
		assert_int_equal(explain_last(&b, &seen).proof, EVENTLOG_NOT_ALLOWED);
		end_log(&b);
	}
}

/* What may still be measured into a PCR after its separator. */
static void types_after_the_separator(void **state)
{
	static const struct {
		uint32_t pcr, type;
		bool allowed;
	} rows[] = {
		{0, POST_CODE, false},
		{0, CRTM_VERSION, false},
		{0, FIRMWARE_BLOB, false},
		{0, NO_ACTION, true},
		{7, VARIABLE_CONFIG, false},
		{7, AUTHORITY, true},
		{7, EFI_ACTION, false},
		{1, VARIABLE_BOOT, true},
		{2, BOOT_DRIVER, true},
		{4, BOOT_APP, true},
		{4, EFI_ACTION, true},
		{5, GPT, true},
		{4, FIRMWARE_BLOB, false},
		{3, SEPARATOR, false},
		{7, SEPARATOR, false},
		{1, MICROCODE, false},
		{8, IPL, true},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		struct log_build b;
		struct eventlog_state seen;

		begin_log(&b, ATTEST_SHA256, 0, 0);
		for (uint32_t pcr = 0; pcr < 8; pcr++)
			add_event(&b, pcr, SEPARATOR, ZEROS);
		add_event(&b, rows[i].pcr, rows[i].type, BYTES("data of some kind"));
		bool refused_here = explain_last(&b, &seen).proof == EVENTLOG_NOT_ALLOWED;

		assert_int_equal(refused_here, !rows[i].allowed);
		end_log(&b);
	}
}

/* A separator under another type would leave the PCR open: its digest gives it away. */
static void a_retyped_separator_closes_its_pcr(void **state)
{
	struct log_build b;
	struct eventlog_state seen;

	(void)state;
	begin_log(&b, ATTEST_SHA256, 0, 0);
	add_measured(&b, 0, POST_CODE, BYTES("ACPI DATA"), ZEROS);
	assert_int_equal(explain_last(&b, &seen).proof, EVENTLOG_NOT_ALLOWED);
	assert_int_equal(seen.separators, 1);
	add_measured(&b, 0, FIRMWARE_BLOB, BYTES("blob"), BYTES("malware"));
	assert_int_equal(explain_last(&b, &seen).proof, EVENTLOG_NOT_ALLOWED);
	end_log(&b);
}

/* Genuine digests under types that say something nicer. */
static void retyped_genuine_events_are_not_believed(void **state)
{
	RF_AUTOBUF struct rf_buf off = {0}, on = {0};
	struct rf_slice genuine;

	(void)state;
	put_variable(&off, global_guid, "SecureBoot", BYTES("\0"));
	put_variable(&on, global_guid, "SecureBoot", BYTES("\1"));
	genuine = rf_buf_slice(&off);
	/* other data over the genuine digest */
	one(7, VARIABLE_CONFIG, rf_buf_slice(&on), genuine,
	    (struct expected){EVENTLOG_DISPROVED, COMPONENT_SECURE_BOOT_STATE, NULL, "on"});
	/* the true event hidden under other types of PCR 7 */
	one(7, EFI_ACTION, genuine, genuine,
	    (struct expected){EVENTLOG_DISPROVED, COMPONENT_ACTION, NULL, NULL});
	one(7, SEPARATOR, genuine, genuine,
	    (struct expected){EVENTLOG_PROVED, COMPONENT_BOOT_FAILURE, NULL, NULL});
	one(7, IPL, genuine, genuine,
	    (struct expected){EVENTLOG_NOT_ALLOWED, COMPONENT_GPT, NULL, NULL});
	one(7, 0x777, genuine, genuine,
	    (struct expected){EVENTLOG_UNKNOWN_TYPE, COMPONENT_OTHER, NULL, NULL});
	/* a boot application measured as a command */
	one(4, EFI_ACTION, BYTES("fine"), BYTES(PE),
	    (struct expected){EVENTLOG_DISPROVED, COMPONENT_ACTION, NULL, NULL});
}

static void a_second_hcrtm_is_not_allowed(void **state)
{
	struct log_build b;
	struct eventlog_state seen;

	(void)state;
	begin_log(&b, ATTEST_SHA256, 0, 0);
	add_event(&b, 0, HCRTM, BYTES("HCRTM"));
	assert_int_equal(explain_last(&b, &seen).proof, EVENTLOG_HINT);
	add_event(&b, 0, HCRTM, BYTES("HCRTM"));
	assert_int_equal(explain_last(&b, &seen).proof, EVENTLOG_NOT_ALLOWED);
	end_log(&b);
}

/* ---- exit of boot services ---- */

#define INVOKED BYTES("Exit Boot Services Invocation")
#define DONE	BYTES("Exit Boot Services Returned with Success")
#define FAILED	BYTES("Exit Boot Services Returned with Failure")

static void nothing_is_believed_after_the_exit(void **state)
{
	static const struct {
		uint32_t pcr, type;
		bool allowed;
	} rows[] = {{4, BOOT_APP, false},   {8, IPL, false},	  {14, EVENT_TAG, false},
		    {5, EFI_ACTION, false}, {0, NO_ACTION, true}, {17, 0x402, true},
		    {9, SEPARATOR, false}};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		struct log_build b;
		struct eventlog_state seen;

		begin_log(&b, ATTEST_SHA256, 0, 0);
		add_event(&b, 5, EFI_ACTION, INVOKED);
		add_event(&b, 5, EFI_ACTION, DONE);
		assert_int_equal(explain_last(&b, &seen).proof, EVENTLOG_PROVED);
		assert_true(seen.exit_boot_services && seen.after_exit);
		add_event(&b, rows[i].pcr, rows[i].type, BYTES("something"));
		bool refused_here = explain_last(&b, &seen).proof == EVENTLOG_NOT_ALLOWED;

		assert_int_equal(refused_here, !rows[i].allowed);
		end_log(&b);
	}
}

/* Firmware may refuse the first time: then loading goes on. */
static void a_failed_exit_opens_again(void **state)
{
	struct log_build b;
	struct eventlog_state seen;

	(void)state;
	begin_log(&b, ATTEST_SHA256, 0, 0);
	add_event(&b, 5, EFI_ACTION, INVOKED);
	struct eventlog_meaning m = explain_last(&b, &seen);

	assert_int_equal(m.component, COMPONENT_EXIT_BOOT_SERVICES);
	assert_true(seen.after_exit);
	assert_false(seen.exit_boot_services);
	add_event(&b, 5, EFI_ACTION, FAILED);
	assert_int_equal(explain_last(&b, &seen).proof, EVENTLOG_PROVED);
	assert_false(seen.after_exit);
	add_event(&b, 4, BOOT_APP, BYTES("x"));
	assert_int_equal(explain_last(&b, &seen).proof, EVENTLOG_HINT);
	end_log(&b);
}

/* A lie opens nothing, and nothing opens after a success; but an unproved exit closes. */
static void an_exit_is_not_taken_back(void **state)
{
	struct log_build b;
	struct eventlog_state seen;

	(void)state;
	begin_log(&b, ATTEST_SHA256, 0, 0);
	add_event(&b, 5, EFI_ACTION, INVOKED);
	add_measured(&b, 5, EFI_ACTION, FAILED, BYTES("else"));
	assert_int_equal(explain_last(&b, &seen).proof, EVENTLOG_DISPROVED);
	assert_true(seen.after_exit);
	add_event(&b, 5, EFI_ACTION, DONE);
	add_event(&b, 5, EFI_ACTION, FAILED);
	explain_last(&b, &seen);
	assert_true(seen.after_exit);
	end_log(&b);
	begin_log(&b, ATTEST_SHA256, 0, 0);
	add_measured(&b, 5, EFI_ACTION, INVOKED, BYTES("else"));
	assert_int_equal(explain_last(&b, &seen).proof, EVENTLOG_DISPROVED);
	assert_true(seen.after_exit);
	end_log(&b);
	/* In another PCR the words are words. */
	begin_log(&b, ATTEST_SHA256, 0, 0);
	add_event(&b, 4, EFI_ACTION, DONE);
	assert_int_equal(explain_last(&b, &seen).component, COMPONENT_ACTION);
	assert_false(seen.after_exit);
	end_log(&b);
}

/* ---- confidential VMs, cuts, names ---- */

/* Register 1 stands for PCR 1 and 7, 2 for PCR 2 to 6, 3 for the system's. */
static void registers_of_a_confidential_vm(void **state)
{
	RF_AUTOBUF struct rf_buf var = {0};
	struct log_build b;
	struct eventlog_state seen;
	struct eventlog_meaning m;

	(void)state;
	put_variable(&var, global_guid, "SecureBoot", BYTES("\1"));
	begin_log(&b, ATTEST_SHA384, 0, 0);
	add_event(&b, 1, SEPARATOR, ZEROS);
	add_event(&b, 1, VARIABLE_CONFIG, rf_buf_slice(&var));
	m = explain_last(&b, &seen);
	assert_int_equal(m.proof, EVENTLOG_PROVED);
	assert_int_equal(m.component, COMPONENT_SECURE_BOOT_STATE);
	add_event(&b, 2, EFI_ACTION, INVOKED);
	assert_int_equal(explain_last(&b, &seen).component, COMPONENT_EXIT_BOOT_SERVICES);
	end_log(&b);
	begin_log(&b, ATTEST_SHA384, 0, 0);
	add_event(&b, 2, SEPARATOR, ZEROS);
	add_measured(&b, 3, IPL, BYTES_NUL("kernel_cmdline: ro"), BYTES("ro"));
	assert_int_equal(explain_last(&b, &seen).proof, EVENTLOG_PROVED);
	add_event(&b, 3, BOOT_APP, BYTES("x"));
	assert_int_equal(explain_last(&b, &seen).proof, EVENTLOG_NOT_ALLOWED);
	end_log(&b);
}

static void long_texts_are_cut(void **state)
{
	RF_AUTOBUF struct rf_buf data = {0};
	struct log_build b;
	struct eventlog_state seen;

	(void)state;
	put_slice(&data, BYTES("grub_cmd: "));
	for (int i = 0; i < 1000; i++)
		put_slice(&data, BYTES("\xc3\xa9"));
	begin_log(&b, ATTEST_SHA256, 0, 0);
	add_measured(&b, 8, IPL, rf_buf_slice(&data),
		     (struct rf_slice){data.data + 10, data.len - 10});
	struct eventlog_meaning m = explain_last(&b, &seen);

	assert_int_equal(m.proof, EVENTLOG_PROVED);
	assert_true(rf_ends(m.text, "\xc3\xa9..."));
	assert_true(strlen(m.text) > 500);
	assert_true(rf_utf8_valid((const uint8_t *)m.text, strlen(m.text)));
	assert_true(rf_ends(m.name, "..."));
	assert_int_equal(m.value.len, 2000);
	end_log(&b);
}

static void every_name_is_there(void **state)
{
	(void)state;
	for (int i = 0; i < COMPONENT_COUNT; i++)
		assert_true(strlen(eventlog_component_name((enum eventlog_component)i)) > 2);
	assert_string_equal(eventlog_component_name(COMPONENT_CMDLINE), "kernel command line");
	assert_string_equal(eventlog_component_name(COMPONENT_COUNT), "other");
	assert_string_equal(eventlog_proof_name(EVENTLOG_DISPROVED), "disproved");
	assert_string_equal(eventlog_proof_name((enum eventlog_proof)99), "unknown type");
	assert_string_equal(eventlog_type_name(BOOT_APP), "EV_EFI_BOOT_SERVICES_APPLICATION");
	assert_string_equal(eventlog_type_name(0x413), "EV_TXT_LCP_AUTHORITIES_HASH");
	assert_null(eventlog_type_name(0x7777));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_type_by_its_rule),
		cmocka_unit_test(each_variable),
		cmocka_unit_test(an_old_shim_s_authority_is_proved),
		cmocka_unit_test(names_and_lengths_of_variables_are_not_trusted),
		cmocka_unit_test(banks_that_differ_prove_nothing),
		cmocka_unit_test(a_bank_that_we_lack_proves_nothing),
		cmocka_unit_test(separators_of_health_and_of_failure),
		cmocka_unit_test(types_in_pcrs_where_they_may_not_stand),
		cmocka_unit_test(types_after_the_separator),
		cmocka_unit_test(a_retyped_separator_closes_its_pcr),
		cmocka_unit_test(retyped_genuine_events_are_not_believed),
		cmocka_unit_test(a_second_hcrtm_is_not_allowed),
		cmocka_unit_test(nothing_is_believed_after_the_exit),
		cmocka_unit_test(a_failed_exit_opens_again),
		cmocka_unit_test(an_exit_is_not_taken_back),
		cmocka_unit_test(registers_of_a_confidential_vm),
		cmocka_unit_test(long_texts_are_cut),
		cmocka_unit_test(every_name_is_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
