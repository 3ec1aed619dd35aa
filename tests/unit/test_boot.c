/* SPDX-License-Identifier: Apache-2.0 */
/* Collector boot: UEFI variables, TPM, kernel protection, boot loader, rescue shell. */
#include "machine_test.h"

#include "base/str.h"
#include "collect/boot.h"
#include "collect/efi.h"

#define EFIVARS	 "/sys/firmware/efi/efivars/"
#define GUID	 "-8be4df61-93ca-11d2-aa0d-00e098032b8c"
#define ATTR	 "\7\0\0\0"
#define SECURITY "/sys/kernel/security"

/* Device path nodes: type, subtype, length, body. */
#define HD     "\4\1\6\0xx"
#define END    "\x7f\xff\4\0"
#define PCI    "\1\1\6\0\0\0"
#define MAC    "\3\13\5\0x"
#define USB    "\3\5\6\0\0\0"
#define SATA   "\3\22\4\0"
#define NVME   "\3\27\4\0"
#define CDROM  "\4\2\4\0"
#define FVFILE "\4\6\4\0"
#define URI    "\3\30\4\0"
#define BBS(n) "\5\1\6\0" n "\0"
#define VENDOR "\1\4\4\0"

/* What /etc/grub.d/01_users of RHEL writes. */
#define RHEL_USERS                                                                                 \
	"if [ -f ${prefix}/user.cfg ]; then\n  source ${prefix}/user.cfg\n"                        \
	"  if [ -n \"${GRUB2_PASSWORD}\" ]; then\n    set superusers=\"root\"\n"                   \
	"    password_pbkdf2 root ${GRUB2_PASSWORD}\n  fi\nfi\n"

/* A load option: attributes, length of the path, label in UTF-16, path. */
static void option(struct rf_buf *out, uint32_t attributes, const char *label, const char *path,
		   size_t path_len)
{
	uint8_t head[6] = {(uint8_t)attributes, (uint8_t)(attributes >> 8), 0, 0,
			   (uint8_t)path_len,	(uint8_t)(path_len >> 8)};

	rf_buf_reset(out);
	rf_buf_add(out, head, sizeof(head));
	for (const char *p = label; *p; p++) {
		rf_buf_add_byte(out, (uint8_t)*p);
		rf_buf_add_byte(out, 0);
	}
	rf_buf_add(out, "\0\0", 2);
	rf_buf_add(out, path, path_len);
}

static void boot_entries_have_a_kind(void **state)
{
#define P(path) path, sizeof(path) - 1
	static const struct {
		uint32_t attributes;
		const char *label, *path;
		size_t len;
		const char *kind;
		bool active;
	} cases[] = {
		{1, "debian", P(HD END), "disk", true},
		{0, "debian", P(HD END), "disk", false},
		{1, "UEFI: PXE", P(PCI MAC END), "network", true},
		{1, "x", P(PCI URI END), "network", true},
		{1, "stick", P(PCI USB HD END), "removable", true},
		{1, "x", P(PCI SATA CDROM END), "removable", true},
		{1, "x", P(PCI NVME END), "disk", true},
		{1, "UEFI QEMU DVD-ROM QM00001 ", P(PCI SATA END), "removable", true},
		/* A partition is what it is, whatever it is called. */
		{1, "Network installer", P(PCI SATA HD END), "disk", true},
		{1, "EFI Shell", P(FVFILE END), "firmware", true},
		{0x101, "Setup", P(VENDOR END), "firmware", true},
		{1, "PXE IPv4", P(VENDOR END), "network", true},
		{1, "something", P(VENDOR END), "other", true},
		{1, "old disk", P(BBS("\2") END), "disk", true},
		{1, "old net", P(BBS("\6") END), "network", true},
		{1, "old cd", P(BBS("\3") END), "removable", true},
		{1, "old", P(BBS("\200") END), "other", true},
		/* Only the first instance of a path counts, and a node without end ends it. */
		{1, "x", P(HD END MAC END), "disk", true},
		{1, "x", P(HD "\3\13\0\0" MAC), "disk", true},
		{1, "x", P(HD "\3\13\377\377"), "disk", true},
		{1, "", "", 0, "other", true},
	};
	RF_AUTOBUF struct rf_buf in = {0};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		struct efi_load_option got = {0};

		option(&in, cases[i].attributes, cases[i].label, cases[i].path, cases[i].len);
		assert_int_equal(efi_load_option_parse(rf_buf_slice(&in), &got, NULL), 0);
		if (strcmp(got.kind, cases[i].kind) != 0)
			fail_msg("case %zu (%s): %s, want %s", i, cases[i].label, got.kind,
				 cases[i].kind);
		assert_int_equal(got.active, cases[i].active);
		assert_string_equal(got.label, cases[i].label);
	}
}

static void broken_boot_entries_are_refused(void **state)
{
	RF_AUTOBUF struct rf_buf in = {0};
	struct efi_load_option got = {.label = "same"};

	(void)state;
	option(&in, 1, "debian", P(HD END));
	for (size_t len = 0; len < in.len; len++) {
		struct rf_slice part = {in.data, len};
		struct rf_err err = {0};

		assert_int_equal(efi_load_option_parse(part, &got, &err), RF_E_TRUNCATED);
		assert_string_equal(got.label, "same");
	}
}

static void labels_become_utf8(void **state)
{
	static const struct {
		const char *in;
		size_t len;
		const char *want;
	} cases[] = {
		{P("a\0b\0\0\0c\0"), "ab"},
		{P("\xe9\0"), "\xc3\xa9"},
		{P("\xac\x20"), "\xe2\x82\xac"},
		{P("\x3d\xd8\0\xde"), "??"},
		{P("\n\0"), "?"},
		{P("a"), ""},
		{P(""), ""},
	};
	char out[EFI_LABEL_BYTES], tiny[6];

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		efi_text((struct rf_slice){(const uint8_t *)cases[i].in, cases[i].len}, out,
			 sizeof(out));
		assert_string_equal(out, cases[i].want);
	}
	efi_text((struct rf_slice){(const uint8_t *)"a\0b\0c\0d\0e\0f\0", 12}, tiny, sizeof(tiny));
	assert_string_equal(tiny, "ab");
}

static void variable(struct test_host *h, const char *name, const char *value, size_t len)
{
	RF_AUTOBUF struct rf_buf bytes = {0};
	char path[256];

	rf_buf_add(&bytes, ATTR, 4);
	rf_buf_add(&bytes, value, len);
	snprintf(path, sizeof(path), EFIVARS "%s" GUID, name);
	host_bytes(h, path, bytes.data, bytes.len);
}

static void firmware_is_read(void **state)
{
	static const struct ask cases[] = {
		{"SELECT uefi||secure_boot||setup_mode||removable_boot FROM boot", "1100"},
		{"SELECT count(*) FROM efi_boot_entry", "3"},
		{"SELECT label||kind||position||active FROM efi_boot_entry WHERE "
		 "number='Boot0002'",
		 "debiandisk01"},
		/* Switched off in the menu, so it is not tried. */
		{"SELECT kind||position||active FROM efi_boot_entry WHERE number='Boot0001'",
		 "network10"},
		{"SELECT kind||COALESCE(position,'?') FROM efi_boot_entry WHERE "
		 "number='Boot000A'",
		 "removable?"},
		{"SELECT key FROM fact_gap WHERE tbl='efi_boot_entry'", "0003"},
	};
	RF_AUTOBUF struct rf_buf in = {0};
	struct test_host h;

	(void)state;
	host_make(&h);
	variable(&h, "SecureBoot", "\1", 1);
	variable(&h, "SetupMode", "\0", 1);
	variable(&h, "BootOrder", "\2\0\1\0\7\0", 6);
	option(&in, 1, "debian", P(HD END));
	variable(&h, "Boot0002", (char *)in.data, in.len);
	option(&in, 0, "PXE", P(MAC END));
	variable(&h, "Boot0001", (char *)in.data, in.len);
	option(&in, 1, "USB", P(USB END));
	variable(&h, "Boot000A", (char *)in.data, in.len);
	variable(&h, "Boot0003", "\1\0", 2);
	variable(&h, "BootCurrent", "\2\0", 2);
	host_file(&h, EFIVARS "Boot0001-00000000-0000-0000-0000-000000000000", "x");
	host_collect(&h, collect_boot);
	ask_all(&h, cases);
	/* The same entry switched on. */
	option(&in, 1, "PXE", P(MAC END));
	variable(&h, "Boot0001", (char *)in.data, in.len);
	host_collect(&h, collect_boot);
	assert_fact(&h, "SELECT removable_boot FROM boot", "1");
	host_done(&h);
}

static void firmware_may_be_closed_or_old(void **state)
{
	struct test_host h;

	(void)state;
	/* efivarfs is not mounted. */
	host_make(&h);
	host_folder(&h, "/sys/firmware/efi/efivars");
	host_collect(&h, collect_boot);
	assert_fact(&h, "SELECT uefi FROM boot", "1");
	assert_fact(&h, "SELECT secure_boot FROM boot", "NULL");
	assert_fact(&h, "SELECT removable_boot FROM boot", "NULL");
	assert_fact(&h,
		    "SELECT count(*) FROM fact_gap WHERE col IN ('secure_boot', 'setup_mode', "
		    "'removable_boot')",
		    "3");
	/* Firmware without Secure Boot has other variables. */
	variable(&h, "BootOrder", "", 0);
	host_collect(&h, collect_boot);
	assert_fact(&h, "SELECT secure_boot||setup_mode||removable_boot FROM boot", "000");
	/* Too short to hold a value. */
	host_file(&h, EFIVARS "SecureBoot" GUID, "x");
	host_collect(&h, collect_boot);
	assert_fact(&h, "SELECT secure_boot FROM boot", "NULL");
	host_done(&h);
	host_make(&h);
	host_collect(&h, collect_boot);
	assert_fact(&h, "SELECT uefi||secure_boot||setup_mode FROM boot", "000");
	assert_fact(&h, "SELECT count(*) FROM fact_gap WHERE col='removable_boot'", "1");
	host_done(&h);
}

static void pcrs(struct test_host *h, const char *bank, const char *value, unsigned int count)
{
	char path[128];

	for (unsigned int i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "/sys/class/tpm/tpm0/pcr-%s/%u", bank, i);
		host_file(h, path, value);
	}
}

static void a_tpm_is_described(void **state)
{
	static const char log[] = "0123456789";
	struct test_host h;

	(void)state;
	host_make(&h);
	host_file(&h, "/sys/class/tpm/tpm0/tpm_version_major", "2\n");
	host_file(&h, SECURITY "/tpm0/binary_bios_measurements", log);
	pcrs(&h, "sha256", "AB01\n", 24);
	pcrs(&h, "sha1", "0000\n", 24);
	host_collect(&h, collect_boot);
	assert_fact(&h, "SELECT tpm_version||tpm_sha256_live||'/'||event_log_bytes FROM boot",
		    "21/10");
	/* One register that nobody extended: this bank is not fed. */
	host_file(&h, "/sys/class/tpm/tpm0/pcr-sha256/7", "0000\n");
	host_collect(&h, collect_boot);
	assert_fact(&h, "SELECT tpm_sha256_live FROM boot", "0");
	host_file(&h, "/sys/class/tpm/tpm0/pcr-sha256/7", "FFFF\n");
	host_collect(&h, collect_boot);
	assert_fact(&h, "SELECT tpm_sha256_live FROM boot", "0");
	host_done(&h);
}

static void other_tpms(void **state)
{
	static const struct {
		const char *files[3][2];
		const char *sql, *want;
	} cases[] = {
		{{{"/etc/x", ""}},
		 "SELECT tpm_version||tpm_sha256_live||event_log_bytes FROM boot",
		 "000"},
		{{{"/sys/class/tpm/tpm0/tpm_version_major", "1\n"},
		  {"/sys/class/tpm/tpm0/device/pcrs", "PCR-00: 3A 3F \nPCR-xx: 1\nPCR-24: 1\n"}},
		 "SELECT tpm_version||tpm_sha256_live FROM boot",
		 "10"},
		{{{"/sys/class/tpm/tpm0/device/caps", "x"}},
		 "SELECT tpm_version||tpm_sha256_live FROM boot",
		 "10"},
		{{{"/sys/class/tpm/tpm0/x", ""}, {"/dev/tpmrm0", ""}},
		 "SELECT tpm_version||COALESCE(tpm_sha256_live,'?') FROM boot",
		 "2?"},
		{{{"/sys/class/tpm/tpm0/x", ""}}, "SELECT tpm_version FROM boot", "NULL"},
		{{{"/sys/class/tpm/tpm0/tpm_version_major", "2\n"}},
		 "SELECT event_log_bytes FROM boot",
		 "NULL"},
		{{{"/sys/class/tpm/tpm0/tpm_version_major", "2\n"}, {SECURITY "/lsm", "yama\n"}},
		 "SELECT event_log_bytes FROM boot",
		 "0"},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		struct test_host h;

		host_make(&h);
		for (size_t f = 0; f < 3 && cases[i].files[f][0]; f++)
			host_file(&h, cases[i].files[f][0], cases[i].files[f][1]);
		host_collect(&h, collect_boot);
		if (strcmp(host_ask(&h, cases[i].sql), cases[i].want) != 0)
			fail_msg("case %zu: got %s, want %s", i, host_ask(&h, cases[i].sql),
				 cases[i].want);
		host_done(&h);
	}
}

/* One or more files, one answer. */
static void the_kernel_protects_itself(void **state)
{
	static const struct {
		const char *files[4][2];
		const char *sql, *want;
	} cases[] = {
		{{{SECURITY "/lockdown", "none [integrity] confidentiality\n"}},
		 "SELECT lockdown FROM boot",
		 "integrity"},
		{{{SECURITY "/lockdown", "[none] integrity confidentiality\n"}},
		 "SELECT lockdown FROM boot",
		 "none"},
		{{{SECURITY "/lockdown", "broken\n"}}, "SELECT lockdown FROM boot", "NULL"},
		{{{SECURITY "/lsm", "yama\n"}}, "SELECT lockdown FROM boot", "absent"},
		{{{"/boot/config-" TEST_RELEASE, "CONFIG_X=y\n"}},
		 "SELECT lockdown||ima_measurements||ima_policy_modules FROM boot",
		 "absent00"},
		{{{"/boot/config-" TEST_RELEASE, "CONFIG_SECURITY_LOCKDOWN_LSM=y\n"}},
		 "SELECT lockdown FROM boot",
		 "NULL"},
		/* modules */
		{{{"/proc/modules", ""}, {"/sys/module/module/parameters/sig_enforce", "Y\n"}},
		 "SELECT module_sig_enforce||modules_loadable FROM boot",
		 "11"},
		{{{"/proc/modules", ""}, {"/sys/module/module/parameters/sig_enforce", "N\n"}},
		 "SELECT module_sig_enforce FROM boot",
		 "0"},
		{{{"/proc/modules", ""},
		  {"/sys/module/module/parameters/sig_enforce", "N\n"},
		  {SECURITY "/lockdown", "none [integrity]\n"}},
		 "SELECT module_sig_enforce FROM boot",
		 "1"},
		{{{"/proc/modules", ""}}, "SELECT module_sig_enforce FROM boot", "0"},
		{{{"/proc/modules", ""}, {"/proc/sys/kernel/modules_disabled", "1\n"}},
		 "SELECT modules_loadable FROM boot",
		 "0"},
		{{{"/etc/x", ""}}, "SELECT module_sig_enforce||modules_loadable FROM boot", "10"},
		/* IMA */
		{{{SECURITY "/ima/runtime_measurements_count", "812\n"},
		  {SECURITY "/ima/policy",
		   "dont_measure fsmagic=0x9fa0\nmeasure func=BPRM_CHECK mask=MAY_EXEC\n"
		   "measure func=MODULE_CHECK\n"}},
		 "SELECT ima_measurements||'/'||ima_policy_modules FROM boot",
		 "812/1"},
		{{{SECURITY "/ima/runtime_measurements_count", "812\n"},
		  {SECURITY "/ima/policy",
		   "measure func=BPRM_CHECK\nappraise func=MODULE_CHECK\n"}},
		 "SELECT ima_policy_modules FROM boot",
		 "0"},
		{{{SECURITY "/integrity/ima/runtime_measurements_count", "3\n"},
		  {"/proc/cmdline", "ima_policy=tcb\n"}},
		 "SELECT ima_measurements||'/'||ima_policy_modules FROM boot",
		 "3/1"},
		{{{SECURITY "/ima/runtime_measurements_count", "3\n"},
		  {"/proc/cmdline", "ima_policy=appraise_tcb\n"}},
		 "SELECT ima_policy_modules FROM boot",
		 "NULL"},
		{{{SECURITY "/ima/runtime_measurements_count", "0\n"}},
		 "SELECT ima_policy_modules FROM boot",
		 "0"},
		/* pages */
		{{{"/proc/cmdline", "init_on_alloc=1 init_on_free=0\n"}},
		 "SELECT init_on_alloc||init_on_free FROM boot",
		 "10"},
		{{{"/boot/config-" TEST_RELEASE, "CONFIG_INIT_ON_ALLOC_DEFAULT_ON=y\n"}},
		 "SELECT init_on_alloc||init_on_free FROM boot",
		 "10"},
		{{{"/boot/config-" TEST_RELEASE, "CONFIG_INIT_ON_ALLOC_DEFAULT_ON=y\n"},
		  {"/proc/cmdline", "init_on_alloc=off\n"}},
		 "SELECT init_on_alloc FROM boot",
		 "0"},
		{{{"/etc/x", ""}}, "SELECT init_on_alloc FROM boot", "NULL"},
		/* devices */
		{{{"/sys/kernel/iommu_groups/0/x", ""}, {"/sys/kernel/iommu_groups/1/x", ""}},
		 "SELECT iommu_groups FROM boot",
		 "2"},
		{{{"/etc/x", ""}},
		 "SELECT iommu_groups||thunderbolt_security FROM boot",
		 "0absent"},
		{{{"/sys/bus/thunderbolt/devices/domain0/security", "secure\n"},
		  {"/sys/bus/thunderbolt/devices/domain1/security", "none\n"},
		  {"/sys/bus/thunderbolt/devices/0-0/x", ""}},
		 "SELECT thunderbolt_security FROM boot",
		 "none"},
		{{{"/sys/bus/thunderbolt/devices/domain0/security", "nopcie\n"}},
		 "SELECT thunderbolt_security FROM boot",
		 "nopcie"},
		{{{"/sys/bus/thunderbolt/devices/domain0/security", "new\n"}},
		 "SELECT thunderbolt_security FROM boot",
		 "NULL"},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		struct test_host h;

		host_make(&h);
		host_uname(&h);
		for (size_t f = 0; f < 4 && cases[i].files[f][0]; f++)
			host_file(&h, cases[i].files[f][0], cases[i].files[f][1]);
		host_collect(&h, collect_boot);
		if (strcmp(host_ask(&h, cases[i].sql), cases[i].want) != 0)
			fail_msg("case %zu: got %s, want %s", i, host_ask(&h, cases[i].sql),
				 cases[i].want);
		host_done(&h);
	}
}

static void grub_passwords_need_a_superuser(void **state)
{
	static const struct {
		const char *name, *text;
		bool user_cfg, want;
	} cases[] = {
		{"Debian's way", "set superusers=\"root\"\npassword_pbkdf2 root grub.pbkdf2.x\n",
		 false, true},
		{"no superuser", "password_pbkdf2 root grub.pbkdf2.x\n", false, false},
		{"no password", "set superusers=\"root\"\n", false, false},
		{"another user's", "set superusers=\"root\"\npassword_pbkdf2 bob x\n", false,
		 false},
		{"a part of a name", "set superusers=\"rooter\"\npassword root x\n", false, false},
		{"several", "set superusers=\"anna, bob\"\npassword bob x\n", false, true},
		{"commented out", "#set superusers=\"root\"\n#password root x\n", false, false},
		{"indented", "  set superusers='root'\n\tpassword_pbkdf2 'root' x\n", false, true},
		{"RHEL without user.cfg", RHEL_USERS, false, false},
		{"RHEL with it", RHEL_USERS, true, true},
		{"emptied later",
		 "set superusers=root\npassword root\npassword_pbkdf2\nset superusers=\"\"\n",
		 false, false},
		{"empty", "", false, false},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		char text[256];

		rf_copy(text, sizeof(text), cases[i].text);
		if (boot_grub_has_password(text, cases[i].user_cfg) != cases[i].want)
			fail_msg("%s", cases[i].name);
	}
}

static void loaders_and_shells(void **state)
{
	static const char sulogin[] = "[Service]\nExecStart=-/lib/systemd/systemd-sulogin-shell "
				      "rescue\n";
	const struct {
		const char *files[4][2];
		const char *sql, *want;
	} cases[] = {
		{{{"/boot/grub/grub.cfg", "set superusers=\"a\"\npassword_pbkdf2 a x\n"}},
		 "SELECT loader||loader_password FROM boot",
		 "grub1"},
		{{{"/boot/grub/grub.cfg", "menuentry 'x' {\n}\n"}},
		 "SELECT loader||loader_password FROM boot",
		 "grub0"},
		{{{"/boot/grub2/grub.cfg", RHEL_USERS},
		  {"/boot/grub2/user.cfg", "GRUB2_PASSWORD=grub.pbkdf2.sha512.x\n"}},
		 "SELECT loader||loader_password FROM boot",
		 "grub1"},
		{{{"/boot/grub2/grub.cfg", RHEL_USERS}},
		 "SELECT loader||loader_password FROM boot",
		 "grub0"},
		{{{"/boot/loader/loader.conf", "timeout 3\n"}},
		 "SELECT loader||loader_password FROM boot",
		 "systemd-boot0"},
		{{{"/etc/x", ""}}, "SELECT loader||loader_password FROM boot", "none found0"},
		/* the rescue shell */
		{{{"/lib/systemd/system/rescue.service", sulogin},
		  {"/lib/systemd/system/emergency.service", sulogin}},
		 "SELECT rescue_password FROM boot",
		 "1"},
		{{{"/lib/systemd/system/rescue.service", sulogin},
		  {"/lib/systemd/system/emergency.service", "[Service]\nExecStart=/bin/bash\n"}},
		 "SELECT rescue_password FROM boot",
		 "0"},
		{{{"/lib/systemd/system/rescue.service", sulogin},
		  {"/etc/systemd/system/rescue.service", "[Service]\nExecStart=/bin/sh\n"}},
		 "SELECT rescue_password FROM boot",
		 "0"},
		{{{"/lib/systemd/system/rescue.service", sulogin},
		  {"/etc/systemd/system/rescue.service.d/x.conf",
		   "[Service]\nEnvironment=SYSTEMD_SULOGIN_FORCE=1\n"}},
		 "SELECT rescue_password FROM boot",
		 "0"},
		{{{"/etc/inittab", "~~:S:wait:/sbin/sulogin\n"}},
		 "SELECT rescue_password||ctrl_alt_del_masked FROM boot",
		 "11"},
		{{{"/etc/inittab", "#~~:S:wait:/sbin/sulogin\n"
				   "ca:12345:ctrlaltdel:/sbin/shutdown -r now\n"}},
		 "SELECT rescue_password||ctrl_alt_del_masked FROM boot",
		 "00"},
		{{{"/etc/x", ""}}, "SELECT rescue_password FROM boot", "NULL"},
		/* Ctrl-Alt-Del */
		{{{"/run/systemd/system/x", ""}}, "SELECT ctrl_alt_del_masked FROM boot", "0"},
		{{{"/run/systemd/system/x", ""}, {"/proc/sys/kernel/ctrl-alt-del", "1\n"}},
		 "SELECT ctrl_alt_del_masked FROM boot",
		 "0"},
		{{{"/etc/x", ""}, {"/proc/sys/kernel/ctrl-alt-del", "1\n"}},
		 "SELECT ctrl_alt_del_masked FROM boot",
		 "0"},
		{{{"/etc/x", ""}}, "SELECT ctrl_alt_del_masked FROM boot", "NULL"},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		struct test_host h;

		host_make(&h);
		for (size_t f = 0; f < 4 && cases[i].files[f][0]; f++)
			host_file(&h, cases[i].files[f][0], cases[i].files[f][1]);
		host_collect(&h, collect_boot);
		if (strcmp(host_ask(&h, cases[i].sql), cases[i].want) != 0)
			fail_msg("case %zu: got %s, want %s", i, host_ask(&h, cases[i].sql),
				 cases[i].want);
		host_done(&h);
	}
}

static void a_masked_target_does_nothing(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	host_folder(&h, "/run/systemd/system");
	host_link(&h, "/etc/systemd/system/ctrl-alt-del.target", "/dev/null");
	host_collect(&h, collect_boot);
	assert_fact(&h, "SELECT ctrl_alt_del_masked FROM boot", "1");
	/* A link elsewhere is an alias. */
	host_link(&h, "/etc/systemd/system/ctrl-alt-del.target2", "/x");
	host_done(&h);
	host_make(&h);
	host_folder(&h, "/run/systemd/system");
	host_link(&h, "/etc/systemd/system/ctrl-alt-del.target", "/lib/systemd/system/x.target");
	host_collect(&h, collect_boot);
	assert_fact(&h, "SELECT ctrl_alt_del_masked FROM boot", "0");
	host_done(&h);
}

static void a_closed_grub_cfg_is_a_gap(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	host_file(&h, "/boot/grub/grub.cfg", "x");
	host_meta(&h, "/boot/grub/grub.cfg\tf\t0600\t0\t0\t-\t-\terror\tEACCES");
	host_collect(&h, collect_boot);
	assert_fact(&h, "SELECT loader||COALESCE(loader_password,'?') FROM boot", "grub?");
	assert_fact(&h, "SELECT count(*) FROM fact_gap WHERE col='loader_password'", "1");
	host_done(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(boot_entries_have_a_kind),
		cmocka_unit_test(broken_boot_entries_are_refused),
		cmocka_unit_test(labels_become_utf8),
		cmocka_unit_test(firmware_is_read),
		cmocka_unit_test(firmware_may_be_closed_or_old),
		cmocka_unit_test(a_tpm_is_described),
		cmocka_unit_test(other_tpms),
		cmocka_unit_test(the_kernel_protects_itself),
		cmocka_unit_test(grub_passwords_need_a_superuser),
		cmocka_unit_test(loaders_and_shells),
		cmocka_unit_test(a_masked_target_does_nothing),
		cmocka_unit_test(a_closed_grub_cfg_is_a_gap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
