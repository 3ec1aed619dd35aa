/* SPDX-License-Identifier: Apache-2.0 */
/* The collector of .vmx files: what each key becomes, the folder, and hostile trees. */
#include "facts_test.h"

#include <unistd.h>

#include "base/mem.h"

static int collect(struct test_host *h, const char *path)
{
	struct collect_request req = {.vmx = &path, .vmx_count = 1};

	return host_collect_request(h, collect_vmx_files, &req);
}

/* One file /vm/a.vmx with that text. */
static void one(struct test_host *h, const char *text)
{
	host_make(h);
	host_file(h, "/vm/a.vmx", text);
	assert_int_equal(collect(h, "/vm/a.vmx"), 0);
}

struct question {
	const char *sql;
	const char *want;
};

static void ask(struct test_host *h, const struct question *q, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char *got = host_ask(h, q[i].sql);

		if (strcmp(got, q[i].want) != 0)
			fail_msg("%s: %s, not %s", q[i].sql, got, q[i].want);
	}
}

static const char full[] = "#!/usr/bin/vmware\n"
			   ".encoding = \"UTF-8\"\n"
			   "config.version = \"8\"\n"
			   "virtualHW.version = \"17\"\n"
			   "displayName = \"Web |22one|22\"\n"
			   "guestOS = \"debian11-64\"\n"
			   "uuid.bios = \"56 4D 9b ef ac d9 b4 e0-c8 f0 ae a8 b9 10 35 15\"\n"
			   "vc.uuid = \"50 1a f9 f2 6d 29 1c 76-19 a9 b2 08 ed e5 f3 74\"\n"
			   "memSize = \"4096\"\n"
			   "numvcpus = \"4\"\n"
			   "cpuid.coresPerSocket = \"2\"\n"
			   "sched.cpu.shares = \"high\"\n"
			   "sched.cpu.affinity = \"2,3\"\n"
			   "sched.cpu.htsharing = \"Internal\"\n"
			   "sched.mem.pshare.enable = \"FALSE\"\n"
			   "sched.mem.min = \"2048\"\n"
			   "sched.mem.max = \"unlimited\"\n"
			   "sched.mem.maxmemctl = \"0\"\n"
			   "firmware = \"efi\"\n"
			   "uefi.secureBoot.enabled = \"true\"\n"
			   "vtpm.present = \"TRUE\"\n"
			   "vhv.enable = \"yes\"\n"
			   "nvram = \"web.nvram\"\n"
			   "annotation = \"first|0Asecond\"\n"
			   "ethernet0.present = \"TRUE\"\n"
			   "ethernet0.networkName = \"VM Network\"\n"
			   "ethernet0.addressType = \"static\"\n"
			   "ethernet0.address = \"00:50:56:AA:bb:CC\"\n"
			   "ethernet0.noForgedSrcAddr = \"TRUE\"\n"
			   "ethernet0.downWhenAddrMismatch = \"FALSE\"\n"
			   "ethernet0.filter0.name = \"dv1\"\n"
			   "ethernet0.filter1.name = \"dv2\"\n"
			   "ethernet0.startConnected = \"FALSE\"\n"
			   "ethernet1.present = \"TRUE\"\n"
			   "ethernet1.connectionType = \"NAT\"\n"
			   "ethernet1.checkMACAddress = \"FALSE\"\n"
			   "ethernet2.present = \"FALSE\"\n"
			   "scsi0.present = \"TRUE\"\n"
			   "scsi0.sharedBus = \"virtual\"\n"
			   "scsi0:0.present = \"TRUE\"\n"
			   "scsi0:0.fileName = \"web.vmdk\"\n"
			   "scsi0:0.mode = \"independent-nonpersistent\"\n"
			   "scsi0:1.present = \"TRUE\"\n"
			   "scsi0:1.fileName = \"../other/secret.vmdk\"\n"
			   "scsi0:1.deviceType = \"scsi-hardDisk\"\n"
			   "scsi0:2.present = \"FALSE\"\n"
			   "sata0:0.present = \"TRUE\"\n"
			   "sata0:0.deviceType = \"cdrom-raw\"\n"
			   "sata0:0.clientDevice = \"TRUE\"\n"
			   "sata0:0.fileName = \"emptyBackingString\"\n"
			   "sata0:0.startConnected = \"FALSE\"\n"
			   "ide1:0.present = \"TRUE\"\n"
			   "ide1:0.deviceType = \"cdrom-image\"\n"
			   "ide1:0.fileName = \"/iso/tools.iso\"\n"
			   "nvme0:0.present = \"TRUE\"\n"
			   "nvme0:0.fileName = \"/vmfs/volumes/ds/x/x.vmdk\"\n"
			   "sched.nvme0:0.throughputCap = \"500\"\n"
			   "floppy0.fileName = \"/dev/fd0\"\n"
			   "floppy1.present = \"FALSE\"\n"
			   "serial0.present = \"TRUE\"\n"
			   "serial0.fileType = \"network\"\n"
			   "serial0.fileName = \"telnet://0.0.0.0:4001\"\n"
			   "serial0.vspc = \"vspc.example\"\n"
			   "serial1.present = \"TRUE\"\n"
			   "serial1.fileType = \"thinprint\"\n"
			   "parallel0.present = \"TRUE\"\n"
			   "parallel0.fileType = \"device\"\n"
			   "parallel0.fileName = \"/dev/parport0\"\n"
			   "parallel0.startConnected = \"FALSE\"\n"
			   "usb.present = \"TRUE\"\n"
			   "usb_xhci:4.present = \"TRUE\"\n"
			   "usb_xhci:4.deviceType = \"hid\"\n"
			   "sound.present = \"TRUE\"\n"
			   "sound.virtualDev = \"hdaudio\"\n"
			   "pciPassthru0.present = \"TRUE\"\n"
			   "vmci0.present = \"TRUE\"\n"
			   "sharedFolder0.present = \"TRUE\"\n"
			   "sharedFolder0.enabled = \"TRUE\"\n"
			   "sharedFolder0.hostPath = \"/home\"\n"
			   "sharedFolder0.writeAccess = \"TRUE\"\n"
			   "RemoteDisplay.maxConnections = \"1\"\n"
			   "RemoteDisplay.vnc.enabled = \"TRUE\"\n"
			   "RemoteDisplay.vnc.port = \"5999\"\n"
			   "RemoteDisplay.vnc.password = \"hunter2\"\n";

static void test_vm_row(void **state)
{
	(void)state;
	struct test_host h;
	static const struct question q[] = {
		{"SELECT vm || ' ' || layer || ' ' || format FROM vm", "/vm/a.vmx persistent vmx"},
		{"SELECT name FROM vm", "Web \"one\""},
		{"SELECT uuid FROM vm", "564d9bef-acd9-b4e0-c8f0-aea8b9103515"},
		{"SELECT product FROM vm", "unknown"}, /* vc.uuid, but NAT and a shared folder */
		{"SELECT hw_version FROM vm", "17"},
		{"SELECT arch || guest_os FROM vm", "x86_64debian11-64"},
		{"SELECT vcpus || '/' || sockets FROM vm", "4/2"},
		{"SELECT cpu_shares FROM vm", "8000"},
		{"SELECT cpu_pinned || ' ' || cpu_set FROM vm", "4 2,3"},
		{"SELECT ht_sharing FROM vm", "internal"},
		{"SELECT page_sharing FROM vm", "0"},
		{"SELECT memory_bytes FROM vm", "4294967296"},
		{"SELECT mem_min_guarantee_bytes FROM vm", "2147483648"},
		{"SELECT mem_hard_limit_bytes FROM vm", "0"},
		{"SELECT balloon FROM vm", "none"},
		{"SELECT firmware || secure_boot FROM vm", "efi1"},
		{"SELECT tpm || tpm_backend FROM vm", "2.0emulator"},
		{"SELECT nested FROM vm", "on"},
		{"SELECT nvram FROM vm", "web.nvram"},
		{"SELECT description FROM vm", "first\nsecond"},
		{"SELECT snapshots_count || ' ' || snapshot_oldest_ms FROM vm", "0 0"},
		{"SELECT count(*) FROM fact_gap", "0"},
		{"SELECT value FROM vm_option WHERE key = 'memsize'", "4096"},
		{"SELECT source FROM vm_option WHERE key = 'memsize'", "/vm/a.vmx:9"},
		{"SELECT source FROM vm", "/vm/a.vmx"},
	};

	one(&h, full);
	ask(&h, q, RF_COUNT(q));
	host_done(&h);
}

static void test_defaults_of_a_bare_file(void **state)
{
	(void)state;
	struct test_host h;
	static const struct question q[] = {
		{"SELECT name FROM vm", "a"},
		{"SELECT uuid || guest_os || description || nvram FROM vm", ""},
		{"SELECT arch FROM vm", "NULL"},
		{"SELECT vcpus || ' ' || memory_bytes FROM vm", "1 33554432"},
		{"SELECT firmware || secure_boot || tpm FROM vm", "bios0none"},
		{"SELECT page_sharing || nested || balloon FROM vm", "1offvmware"},
		{"SELECT cpu_pinned || cpu_set || cpu_shares FROM vm", "00"},
		{"SELECT count(*) FROM vm_nic", "0"},
		{"SELECT count(*) FROM vm_disk", "0"},
		{"SELECT count(*) FROM vm_device", "0"},
		{"SELECT console || max_connections FROM vm_console", "NULL"},
		{"SELECT col FROM fact_gap", "-"},
	};

	one(&h, "virtualHW.version = \"8\"\n");
	ask(&h, q, RF_COUNT(q));
	host_done(&h);
}

static void test_nics(void **state)
{
	(void)state;
	struct test_host h;
	static const struct question q[] = {
		{"SELECT group_concat(nic) FROM (SELECT nic FROM vm_nic ORDER BY nic)",
		 "ethernet0,ethernet1"},
		{"SELECT mac || ' ' || mac_kind FROM vm_nic WHERE nic = 'ethernet0'",
		 "00:50:56:aa:bb:cc static"},
		{"SELECT forged_source || ' ' || mac_change FROM vm_nic WHERE nic = 'ethernet0'",
		 "reject accept"},
		{"SELECT promiscuous FROM vm_nic WHERE nic = 'ethernet0'", "NULL"},
		{"SELECT kind || ' ' || network FROM vm_nic WHERE nic = 'ethernet0'",
		 "standard VM Network"},
		{"SELECT dvfilter FROM vm_nic WHERE nic = 'ethernet0'", "dv1,dv2"},
		{"SELECT link_up || mac_checked FROM vm_nic WHERE nic = 'ethernet0'", "01"},
		{"SELECT kind || network || mac || mac_kind FROM vm_nic WHERE nic = 'ethernet1'",
		 "natgenerated"},
		{"SELECT link_up || mac_checked FROM vm_nic WHERE nic = 'ethernet1'", "10"},
		{"SELECT forged_source FROM vm_nic WHERE nic = 'ethernet1'", "NULL"},
		{"SELECT source FROM vm_nic WHERE nic = 'ethernet1'", "/vm/a.vmx:34"},
	};

	one(&h, full);
	ask(&h, q, RF_COUNT(q));
	host_done(&h);
}

static void test_disks(void **state)
{
	(void)state;
	struct test_host h;
	static const struct question q[] = {
		{"SELECT group_concat(disk) FROM (SELECT disk FROM vm_disk ORDER BY disk)",
		 "floppy0,ide1:0,nvme0:0,sata0:0,scsi0:0,scsi0:1"},
		{"SELECT device || kind || transient || shareable FROM vm_disk WHERE disk = 'scsi0:0'",
		 "diskfile11"},
		{"SELECT mode || ' ' || outside || connected FROM vm_disk WHERE disk = 'scsi0:0'",
		 "independent-nonpersistent 01"},
		{"SELECT outside || transient || format FROM vm_disk WHERE disk = 'scsi0:1'",
		 "10vmdk"},
		{"SELECT device || kind || medium || client_device || connected || path FROM vm_disk"
		 " WHERE disk = 'sata0:0'",
		 "cdromnone010"},
		{"SELECT device || kind || medium || readonly || outside FROM vm_disk WHERE disk = "
		 "'ide1:0'",
		 "cdromfile111"},
		{"SELECT outside || limited || shareable FROM vm_disk WHERE disk = 'nvme0:0'",
		 "010"},
		{"SELECT limited FROM vm_disk WHERE disk = 'scsi0:0'", "0"},
		/* No floppy0.present: VMware's default is that the drive is there. */
		{"SELECT device || bus || kind || path FROM vm_disk WHERE disk = 'floppy0'",
		 "floppyfdcblock/dev/fd0"},
	};

	one(&h, full);
	ask(&h, q, RF_COUNT(q));
	host_done(&h);
}

static void test_devices_and_consoles(void **state)
{
	(void)state;
	struct test_host h;
	static const struct question q[] = {
		{"SELECT group_concat(device) FROM (SELECT device FROM vm_device ORDER BY device)",
		 "parallel0,pcipassthru0,serial0,serial1,sharedfolder0,sound,usb,usb_xhci:4,vmci0,vtpm"},
		{"SELECT kind || backend || path || detail FROM vm_device WHERE device = 'serial0'",
		 "serialnetworktelnet://0.0.0.0:4001vspc.example"},
		{"SELECT kind FROM vm_device WHERE device = 'serial1'", "printer"},
		{"SELECT backend || connected FROM vm_device WHERE device = 'parallel0'", "dev0"},
		{"SELECT kind || model FROM vm_device WHERE device = 'usb_xhci:4'",
		 "usb_devicehid"},
		{"SELECT kind || path || readonly || connected FROM vm_device WHERE device = "
		 "'sharedfolder0'",
		 "filesystem/home01"},
		{"SELECT kind || model FROM vm_device WHERE device = 'sound'", "soundhdaudio"},
		{"SELECT max_connections FROM vm_console WHERE console = 'mks'", "1"},
		{"SELECT port || listen_kind || password_stored FROM vm_console WHERE console = "
		 "'vnc'",
		 "5999everywhere1"},
		/* The seam takes secrets out before anybody sees them. */
		{"SELECT value FROM vm_option WHERE key = 'remotedisplay.vnc.password'",
		 "(secret)"},
	};

	one(&h, full);
	ask(&h, q, RF_COUNT(q));
	host_done(&h);
}

struct product_case {
	const char *line;
	const char *want;
};

static const struct product_case products[] = {
	{"virtualHW.productCompatibility = \"hosted\"", "hosted"},
	{"virtualHW.productCompatibility = \"hosted\"\nvc.uuid = \"x\"", "hosted"},
	{"vc.uuid = \"50 1a\"", "esx"},
	{"sched.swap.derivedName = \"a.vswp\"", "esx"},
	{"ethernet0.dvs.switchId = \"x\"", "esx"},
	{"ethernet0.addressType = \"vpx\"", "esx"},
	{"ethernet0.addressType = \"generated\"", "unknown"},
	{"sched.scsi0:0.shares = \"normal\"", "esx"},
	{"scsi0:0.fileName = \"/vmfs/volumes/a/b.vmdk\"", "esx"},
	{"ethernet0.networkName = \"VM Network\"", "unknown"},
	{"ethernet0.connectionType = \"bridged\"", "unknown"},
	{"ethernet0.connectionType = \"nat\"", "hosted"},
	{"ethernet0.connectionType = \"hostonly\"", "hosted"},
	{"ethernet0.vnet = \"/dev/vmnet2\"", "hosted"},
	{"inVMTeam = \"FALSE\"", "hosted"},
	{"gui.restricted = \"TRUE\"", "hosted"},
	{"sharedFolder.maxNum = \"0\"", "hosted"},
	{"serial0.fileType = \"thinprint\"", "hosted"},
	{"MemTrimRate = \"0\"", "hosted"},
	{"memtrimrates = \"0\"", "unknown"},
	{"MemTrimRate = \"0\"\nvc.uuid = \"x\"", "unknown"},
	{"smbios.reflecthost = \"true\"", "unknown"},
};

static void test_product(void **state)
{
	(void)state;
	for (size_t i = 0; i < RF_COUNT(products); i++) {
		struct test_host h;

		one(&h, products[i].line);
		const char *got = host_ask(&h, "SELECT product FROM vm");

		if (strcmp(got, products[i].want) != 0)
			fail_msg("%s: %s", products[i].line, got);
		host_done(&h);
	}
}

static void test_conflicts(void **state)
{
	(void)state;
	struct test_host h;
	static const struct question q[] = {
		{"SELECT count(*) FROM vm_option_conflict", "2"},
		{"SELECT spellings || ' ' || lines || ' ' || same_value FROM vm_option_conflict WHERE "
		 "key = 'msg.autoanswer'",
		 "msg.autoAnswer,msg.autoanswer 2,3 1"},
		{"SELECT spellings || ' ' || lines || ' ' || same_value FROM vm_option_conflict WHERE "
		 "key = 'ethernet0.noforgedsrcaddr'",
		 "ethernet0.noForgedSrcAddr,Ethernet0.noForgedSrcAddr 5,6 0"},
		/* What VMware would do with it is not known, so neither is the value. */
		{"SELECT value FROM vm_option WHERE key = 'ethernet0.noforgedsrcaddr'", "NULL"},
		{"SELECT forged_source FROM vm_nic", "NULL"},
		{"SELECT value FROM vm_option WHERE key = 'msg.autoanswer'", "TRUE"},
		{"SELECT tbl || ' ' || key || ' ' || col FROM fact_gap",
		 "vm_option /vm/a.vmx/persistent/ethernet0.noforgedsrcaddr value"},
		{"SELECT count(*) FROM fact_gap", "1"},
	};

	one(&h, "virtualHW.version = \"8\"\nmsg.autoAnswer = \"TRUE\"\nmsg.autoanswer = \"TRUE\"\n"
		"ethernet0.present = \"TRUE\"\nethernet0.noForgedSrcAddr = \"TRUE\"\n"
		"Ethernet0.noForgedSrcAddr = \"FALSE\"\n");
	ask(&h, q, RF_COUNT(q));
	host_done(&h);
}

/* A key as written, and what must be said of it: "" for nothing. */
struct miss_case {
	const char *key;
	const char *meant;
	const char *reason;
};

static const struct miss_case misses[] = {
	{"isolation.tools.copy", "isolation.tools.copy.disable", "obsolete"},
	{"isolation.tools.paste", "isolation.tools.paste.disable", "obsolete"},
	{"isolation.tools.dragAndDrop.disable", "isolation.tools.dnd.disable", "folklore"},
	{"isolation.tools.drag.disable", "isolation.tools.dnd.disable", "folklore"},
	{"isolation.tools.copy.enable", "isolation.tools.copy.disable", "folklore"},
	{"isolation.tools.paste.enabled", "isolation.tools.paste.disable", "folklore"},
	{"isolation.tools.diskShrink", "isolation.tools.diskShrink.disable", "folklore"},
	{"isolation.tools.hgfs.enable", "isolation.tools.hgfs.disable", "folklore"},
	{"isolation.tools.copy.dissable", "isolation.tools.copy.disable", "distance"},
	{"isolation.tool.copy.disable", "isolation.tools.copy.disable", "distance"},
	{"isolaton.tools.paste.disable", "isolation.tools.paste.disable", "distance"},
	{"isolation.tools.pasteDisable", "isolation.tools.paste.disable", "distance"},
	{"isolation.device.connectible.disable", "isolation.device.connectable.disable",
	 "distance"},
	{"ethernet0.noPromsic", "ethernet0.noPromisc", "distance"},
	{"ethernet12.noForgedSrcAdr", "ethernet12.noForgedSrcAddr", "distance"},
	{"RemoteDisplay.maxConnection", "RemoteDisplay.maxConnections", "distance"},
	{"log.rotateSizes", "log.rotateSize", "distance"},
	{"scsi3:11.startConected", "scsi3:11.startConnected", "distance"},
	{"mks.enabel3d", "mks.enable3d", "distance"},
	{"uefi.secureboot.enable", "uefi.secureBoot.enabled", "distance"},
	/* Real keys, free names, and keys of no security family. */
	{"isolation.tools.copy.disable", "", ""},
	{"ethernet0.downWhenAddrMisMatch", "", ""},
	{"isolation.tools.unity.disable", "", ""},
	{"isolation.tools.vmxCopyPasteVersionGet.disable", "", ""},
	{"usb:0.present", "", ""},
	{"usb_xhci:4.port", "", ""},
	{"serial0.fileType", "", ""},
	{"sched.mem.max", "", ""},
	{"sched.mem.minSize", "", ""},
	{"sched.scsi0:0.throughputCap", "", ""},
	{"toolScripts.beforePowerOff", "", ""},
	{"vmx.log.keepOld", "", ""},
	{"cpuid.coresPerSocket", "", ""},
	{"hpet0.present", "", ""},
	{"ahci.present", "", ""},
	{"sata0.present", "", ""},
	{"nvme0.subnqnUUID", "", ""},
	{"pciBridge4.virtualDev", "", ""},
	{"guestinfo.isolation.tools.copy.enable", "", ""},
	{"log", "", ""},
};

static void test_near_misses(void **state)
{
	(void)state;
	for (size_t i = 0; i < RF_COUNT(misses); i++) {
		const struct miss_case *c = &misses[i];
		char text[256];
		struct test_host h;

		snprintf(text, sizeof(text), "%s = \"TRUE\"\n", c->key);
		one(&h, text);
		const char *got = host_ask(
			&h, "SELECT key || ' ' || meant || ' ' || reason FROM vm_option_near_miss");
		char want[256] = "-";

		if (*c->meant)
			snprintf(want, sizeof(want), "%s %s %s", c->key, c->meant, c->reason);
		if (strcmp(got, want) != 0)
			fail_msg("%s: %s", c->key, got);
		host_done(&h);
	}
}

/* What is wrong with a file, and the gap that says so. */
struct gap_case {
	const char *text;
	const char *key;
	const char *part; /* of the reason */
	const char *vms;  /* rows of vm */
};

static const struct gap_case gaps[] = {
	{"", "/vm/a.vmx/persistent", "so it is not a .vmx", "0"},
	{"\x7F"
	 "ELF\x01\x02",
	 "/vm/a.vmx/persistent", "so it is not a .vmx", "0"},
	{"a = \"1\"", "/vm/a.vmx/persistent", "no virtualHW.version", "1"},
	{"virtualHW.version = \"x\"", "/vm/a.vmx/persistent", "\"x\" is not a number", "1"},
	{"virtualHW.version = \"8\"\nmemsize = \"4GB\"", "/vm/a.vmx/persistent",
	 "memsize = \"4GB\" is not a number", "1"},
	{"virtualHW.version = \"8\"\ngarbage", "/vm/a.vmx/persistent/line 2",
	 "line 2 is not understood: no = behind the name", "1"},
	{"virtualHW.version = \"8\"\ndisplayName = \"caf\xE9\"", "/vm/a.vmx/persistent/.encoding",
	 "not valid UTF-8", "1"},
	{".encoding = \"x-mac\"\nvirtualHW.version = \"8\"\ndisplayName = \"caf\xE9\"",
	 "/vm/a.vmx/persistent/.encoding", "\"x-mac\" is not known", "1"},
};

static void test_gaps(void **state)
{
	(void)state;
	for (size_t i = 0; i < RF_COUNT(gaps); i++) {
		struct test_host h;

		one(&h, gaps[i].text);
		assert_fact(&h, "SELECT key FROM fact_gap", gaps[i].key);
		const char *reason = host_ask(&h, "SELECT reason FROM fact_gap");

		if (!strstr(reason, gaps[i].part))
			fail_msg("case %zu: %s", i, reason);
		assert_fact(&h, "SELECT count(*) FROM vm", gaps[i].vms);
		host_done(&h);
	}
}

static void test_encoding_reaches_the_facts(void **state)
{
	(void)state;
	struct test_host h;

	one(&h,
	    ".encoding = \"windows-1252\"\nvirtualHW.version = \"8\"\ndisplayName = \"caf\xE9\"");
	assert_fact(&h, "SELECT name FROM vm", "caf\xC3\xA9");
	host_done(&h);
	one(&h, "virtualHW.version = \"8\"\ndisplayName = \"caf\xE9\"");
	assert_fact(&h, "SELECT name FROM vm", "caf\\xe9");
	host_done(&h);
}

static void test_long_values_are_cut(void **state)
{
	(void)state;
	struct test_host h;
	char *text = calloc(1, 20000);

	strcpy(text, "virtualHW.version = \"8\"\nannotation = \"x");
	for (int i = 0; i < 4000; i++)
		strcat(text, "\xC3\xA9");
	strcat(text, "\"\n");
	one(&h, text);
	free(text);
	assert_fact(&h,
		    "SELECT length(CAST(value AS BLOB)) FROM vm_option WHERE key = 'annotation'",
		    "4095");
	assert_fact(&h, "SELECT length(CAST(description AS BLOB)) FROM vm", "999");
	host_done(&h);
}

static void test_too_large(void **state)
{
	(void)state;
	struct test_host h;
	size_t size = (1u << 20) + 2;
	char *text = malloc(size);

	memset(text, ' ', size - 1);
	text[size - 1] = '\0';
	memcpy(text, "a = \"1\"\n", 8);
	host_make(&h);
	host_file(&h, "/vm/a.vmx", text);
	host_file(&h, "/vm/b.vmx", "virtualHW.version = \"8\"\n");
	free(text);
	assert_int_equal(collect(&h, "/vm"), 0);
	assert_fact(&h, "SELECT vm FROM vm", "/vm/b.vmx");
	assert_fact(&h, "SELECT key FROM fact_gap WHERE reason LIKE '%at most 1048576 bytes%'",
		    "/vm/a.vmx/persistent");
	host_done(&h);
}

static void test_folder(void **state)
{
	(void)state;
	struct test_host h;
	static const struct question q[] = {
		{"SELECT group_concat(vm) FROM (SELECT vm FROM vm ORDER BY vm)",
		 "/vm/UPPER.VMX,/vm/deep/er/c.vmx,/vm/web.vmx"},
		/* Two .vmx share a folder: each gets what begins with its name. */
		{"SELECT group_concat(path) FROM (SELECT path FROM vm_file WHERE vm = '/vm/web.vmx' "
		 "ORDER BY path)",
		 "/vm,/vm/web-1.vmdk,/vm/web.nvram,/vm/web.vmsd,/vm/web.vmx"},
		/* Alone in its folder: everything of a known kind, also vmware.log. */
		{"SELECT group_concat(path) FROM (SELECT path FROM vm_file WHERE vm = "
		 "'/vm/deep/er/c.vmx' ORDER BY path)",
		 "/vm/deep/er,/vm/deep/er/c.vmx,/vm/deep/er/vmware.log"},
		{"SELECT kind || mode_text || other_write FROM vm_file WHERE path = "
		 "'/vm/deep/er/c.vmx'",
		 "vmx06661"},
		{"SELECT kind || mode_text || owner || grp || group_write FROM vm_file WHERE path = "
		 "'/vm/web-1.vmdk'",
		 "vmdk0660rootkvm1"},
		{"SELECT snapshots_count || ' ' || snapshot_oldest_ms FROM vm WHERE vm = "
		 "'/vm/web.vmx'",
		 "2 1600358272642"},
		{"SELECT snapshots_count FROM vm WHERE vm = '/vm/UPPER.VMX'", "0"},
	};

	host_make(&h);
	host_file(&h, "/etc/passwd", "root:x:0:0::/root:/bin/sh\n");
	host_file(&h, "/etc/group", "root:x:0:\nkvm:x:36:\n");
	host_file(&h, "/vm/web.vmx", "virtualHW.version = \"8\"\n");
	host_file(&h, "/vm/UPPER.VMX", "virtualHW.version = \"8\"\n");
	host_file(&h, "/vm/web-1.vmdk", "x");
	host_file(&h, "/vm/web2.vmdk", "x");
	host_file(&h, "/vm/web.nvram", "x");
	host_file(&h, "/vm/notes.txt", "a = \"1\"");
	/* Microseconds in two halves; the low half may be written as a negative number. */
	host_file(&h, "/vm/web.vmsd",
		  "snapshot.numSnapshots = \"2\"\nsnapshot0.createTimeHigh = \"372612\"\n"
		  "snapshot0.createTimeLow = \"-5\"\nsnapshot1.createTimeHigh = \"372612\"\n"
		  "snapshot1.createTimeLow = \"1918545432\"\n");
	host_file(&h, "/vm/deep/er/c.vmx", "virtualHW.version = \"8\"\n");
	host_file(&h, "/vm/deep/er/vmware.log", "x");
	host_meta(&h, "/vm/deep/er/c.vmx\tf\t666\t0\t0");
	host_meta(&h, "/vm/web-1.vmdk\tf\t660\t0\t36");
	assert_int_equal(collect(&h, "/vm"), 0);
	ask(&h, q, RF_COUNT(q));
	host_done(&h);
}

/* Symbolic links in circles, FIFOs, links to nothing and folders that end with .vmx. */
static void test_hostile_tree(void **state)
{
	(void)state;
	struct test_host h;
	char path[256];

	host_make(&h);
	host_file(&h, "/vm/a/a.vmx", "virtualHW.version = \"8\"\n");
	host_file(&h, "/vm/folder.vmx/b.vmx", "virtualHW.version = \"8\"\n");
	snprintf(path, sizeof(path), "%s/vm/a/loop", h.dir);
	assert_int_equal(symlink("../../vm", path), 0);
	snprintf(path, sizeof(path), "%s/vm/loop2", h.dir);
	assert_int_equal(symlink("a", path), 0);
	snprintf(path, sizeof(path), "%s/vm/dead.vmx", h.dir);
	assert_int_equal(symlink("nowhere", path), 0);
	snprintf(path, sizeof(path), "%s/vm/fifo.vmx", h.dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(collect(&h, "/vm"), 0);
	assert_fact(&h, "SELECT count(*) FROM vm", "2");
	assert_fact(&h, "SELECT reason LIKE '%FIFO%' FROM fact_gap WHERE key LIKE '%fifo.vmx%'",
		    "1");
	assert_fact(&h, "SELECT count(*) FROM fact_gap WHERE key LIKE '%dead.vmx%'", "1");
	host_done(&h);
}

static void test_depth_limit(void **state)
{
	(void)state;
	struct test_host h;
	char path[512] = "/vm";

	host_make(&h);
	for (int i = 0; i < 40; i++)
		strcat(path, "/d");
	strcat(path, "/deep.vmx");
	host_file(&h, path, "virtualHW.version = \"8\"\n");
	host_file(&h, "/vm/d/near.vmx", "virtualHW.version = \"8\"\n");
	assert_int_equal(collect(&h, "/vm"), 0);
	assert_fact(&h, "SELECT group_concat(vm) FROM vm", "/vm/d/near.vmx");
	assert_fact(&h, "SELECT count(*) FROM fact_gap WHERE reason LIKE '%32 deep%'", "1");
	host_done(&h);
}

static void test_missing_and_empty(void **state)
{
	(void)state;
	struct test_host h;

	host_make(&h);
	host_file(&h, "/empty/readme.txt", "x");
	assert_true(collect(&h, "/nowhere") < 0);
	assert_fact(&h, "SELECT key FROM fact_gap", "/nowhere/persistent");
	assert_int_equal(collect(&h, "/empty"), 0);
	assert_fact(&h, "SELECT reason FROM fact_gap", "no .vmx file is in or below it");
	/* A file that is named may have any name. */
	host_file(&h, "/vm/odd.txt", "virtualHW.version = \"8\"\n");
	assert_int_equal(collect(&h, "/vm/odd.txt"), 0);
	assert_fact(&h, "SELECT name FROM vm", "odd.txt");
	host_done(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vm_row),
		cmocka_unit_test(test_defaults_of_a_bare_file),
		cmocka_unit_test(test_nics),
		cmocka_unit_test(test_disks),
		cmocka_unit_test(test_devices_and_consoles),
		cmocka_unit_test(test_product),
		cmocka_unit_test(test_conflicts),
		cmocka_unit_test(test_near_misses),
		cmocka_unit_test(test_gaps),
		cmocka_unit_test(test_encoding_reaches_the_facts),
		cmocka_unit_test(test_long_values_are_cut),
		cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_folder),
		cmocka_unit_test(test_hostile_tree),
		cmocka_unit_test(test_depth_limit),
		cmocka_unit_test(test_missing_and_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
