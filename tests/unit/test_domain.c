/* SPDX-License-Identifier: Apache-2.0 */
/* Domain XML: identity, processors, memory, firmware, labels and options. */
#include <errno.h>

#include "virt_test.h"

#include "base/mem.h"
#include "base/str.h"
#include "collect/domain.h"

#define VM(cols) "SELECT " cols " FROM vm"

static const struct virt_case cases[] = {
	{"defaults", NULL, NULL, NULL,
	 VM("format||' '||layer||' '||name||' '||uuid||' '||virt_type||' '||arch||' '||machine||' '||"
	    "on_crash||' '||clock_offset||' '||firmware||' '||boot_devices||' '||balloon"),
	 "libvirt persistent web 4e0a607a-a84c-4050-87d3-3a0a564db248 kvm x86_64 q35 destroy utc bios "
	 "hd virtio"},
	{"source", NULL, NULL, NULL, VM("source||' '||path||' '||state"), "/v/x.xml:1 /v/x.xml "},
	{"live", " id='3'", NULL, NULL, VM("layer"), "live"},
	{"tags", NULL,
	 "<metadata><r:tags xmlns:r='urn:ringfence:tags:1' owner='ops' "
	 "htsharing='none'><r:zone>dmz</r:zone></r:tags></metadata>",
	 NULL, VM("owner||' '||class||'/'||zone||' '||ht_sharing"), "ops /dmz none"},
	{"wants no trusted host", NULL,
	 "<metadata><trusted/><o:trusted xmlns:o='urn:other'/></metadata>", NULL,
	 VM("trusted_only"), "0"},
	{"wants a trusted host", NULL,
	 "<metadata><trusted xmlns='https://ringfence.example/vm/1'/></metadata>", NULL,
	 VM("trusted_only"), "1"},
	{"tags of others", NULL,
	 "<metadata><nova:instance xmlns:nova='urn:nova'><nova:owner><nova:user>ann</nova:user>"
	 "</nova:owner></nova:instance><l:libosinfo xmlns:l='http://libosinfo.org/x'><l:os "
	 "id='http://debian.org/12'/></l:libosinfo></metadata>",
	 NULL, VM("owner||' '||guest_os"), "ann http://debian.org/12"},
	{"no tags without a namespace", NULL, "<metadata><owner>x</owner></metadata>", NULL,
	 VM("owner"), ""},
	{"topology", NULL,
	 "<vcpu>8</vcpu><cpu mode='host-passthrough'><topology sockets='2' cores='2' threads='2'/>"
	 "</cpu>",
	 NULL, VM("vcpus||' '||sockets||' '||threads||' '||cpu_mode||' '||nested"),
	 "8 2 2 host-passthrough host"},
	{"no topology", NULL, NULL, NULL,
	 VM("vcpus||' '||threads||' '||(sockets IS NULL)||(pmu IS NULL)||(dump_core IS NULL)"),
	 "1 1 111"},
	{"model without mode", NULL, "<cpu match='exact'><model>Skylake-Server</model></cpu>", NULL,
	 VM("cpu_mode||' '||cpu_model||' '||nested"), "custom Skylake-Server "},
	{"features", NULL,
	 "<cpu mode='host-model'><feature name='ssbd'/><feature policy='force' name='md-clear'/>"
	 "<feature policy='disable' name='vmx'/><feature policy='forbid' name='hle'/><feature "
	 "policy='optional' name='x'/></cpu>",
	 NULL, VM("cpu_features_required||' '||cpu_features_disabled||' '||nested"),
	 "ssbd,md-clear vmx,hle off"},
	{"nested required", NULL,
	 "<cpu mode='host-model'><feature policy='disable' name='svm'/><feature name='vmx'/></cpu>",
	 NULL, VM("nested"), "on"},
	{"pins", NULL,
	 "<vcpu>4</vcpu><cputune><vcpupin vcpu='0' cpuset='1'/><vcpupin vcpu='0' cpuset='3'/>"
	 "<vcpupin vcpu='2' cpuset='8-10,^9'/><emulatorpin cpuset='0'/><shares>512</shares>"
	 "<quota>-1</quota></cputune>",
	 NULL,
	 VM("cpu_pinned||' '||cpu_set||' '||emulator_pinned||' '||cpu_shares||' '||cpu_quota"),
	 "2 1,3,8,10 1 512 -1"},
	{"cpuset of all", NULL, "<vcpu cpuset='1-4,8-20,525'>4</vcpu>", NULL,
	 VM("cpu_pinned||' '||cpu_set"), "4 1-4,8-20,525"},
	{"broken cpuset", NULL, "<vcpu cpuset='4-1'>1</vcpu>", NULL,
	 "SELECT (SELECT cpu_set IS NULL FROM vm)||(SELECT COUNT(*) FROM fact_gap WHERE "
	 "col='cpu_set')",
	 "11"},
	{"cpuset too large", NULL, "<vcpu cpuset='0-99999999999'>1</vcpu>", NULL,
	 VM("cpu_set IS NULL"), "1"},
	{"vcpu is no number", NULL, "<vcpu>many</vcpu>", NULL,
	 "SELECT (SELECT vcpus IS NULL FROM vm)||(SELECT COUNT(*) FROM fact_gap WHERE col='vcpus' "
	 "AND key='/v/x.xml/persistent')",
	 "11"},
	{"memory", NULL,
	 "<memoryBacking><hugepages/><nosharepages/><locked/><access mode='shared'/></memoryBacking>",
	 NULL,
	 VM("memory_bytes||' '||page_sharing||' '||memory_locked||' '||hugepages||' '||memory_access"),
	 "67108864 0 1 1 shared"},
	{"limits", NULL,
	 "<memtune><hard_limit unit='G'>1</hard_limit><soft_limit unit='KB'>3</soft_limit>"
	 "<min_guarantee>2</min_guarantee></memtune>",
	 NULL, VM("mem_hard_limit_bytes||' '||mem_soft_limit_bytes||' '||mem_min_guarantee_bytes"),
	 "1073741824 3000 2048"},
	{"no limit", NULL,
	 "<memtune><hard_limit unit='KiB'>9007199254740991</hard_limit></memtune>", NULL,
	 VM("mem_hard_limit_bytes"), "0"},
	{"limit that overflows", NULL, "<memtune><hard_limit unit='E'>9999</hard_limit></memtune>",
	 NULL, VM("mem_hard_limit_bytes"), "0"},
	{"limit is no size", NULL, "<memtune><hard_limit unit='yards'>1</hard_limit></memtune>",
	 NULL, VM("mem_hard_limit_bytes IS NULL"), "1"},
	{"balloon", NULL, NULL,
	 "<memballoon model='virtio' autodeflate='on' freePageReporting='on'/>",
	 VM("balloon||balloon_autodeflate||free_page_reporting"), "virtio11"},
	{"secure boot by features", NULL,
	 "<os firmware='efi'><type arch='x86_64'>hvm</type><firmware><feature enabled='yes' "
	 "name='enrolled-keys'/></firmware></os>",
	 NULL, VM("firmware||secure_boot||smm"), "efi11"},
	{"efi without a word", NULL, "<os firmware='efi'><type arch='x86_64'>hvm</type></os>", NULL,
	 "SELECT (SELECT secure_boot IS NULL FROM vm)||(SELECT COUNT(*) FROM fact_gap WHERE "
	 "col='secure_boot')",
	 "11"},
	{"secure boot refused", NULL,
	 "<os firmware='efi'><type arch='x86_64'>hvm</type><firmware><feature enabled='no' "
	 "name='secure-boot'/></firmware></os>",
	 NULL, VM("secure_boot"), "0"},
	{"secure loader with keys", NULL,
	 "<os><type arch='x86_64'>hvm</type><loader secure='yes' readonly='yes' type='pflash'>"
	 "/usr/share/OVMF/OVMF_CODE_4M.ms.fd</loader><nvram template='/usr/share/OVMF/"
	 "OVMF_VARS_4M.ms.fd'>/var/lib/libvirt/qemu/nvram/web_VARS.fd</nvram></os>"
	 "<features><smm state='on'/></features>",
	 NULL, VM("firmware||' '||secure_boot||' '||smm||' '||nvram"),
	 "efi 1 1 /var/lib/libvirt/qemu/nvram/web_VARS.fd"},
	{"secure loader, keys unknown", NULL,
	 "<os><type arch='x86_64'>hvm</type><loader secure='yes' type='pflash'>/x/OVMF.fd</loader>"
	 "<nvram>/n</nvram></os>",
	 NULL, VM("secure_boot IS NULL"), "1"},
	{"loader that does not insist", NULL,
	 "<os><type arch='x86_64'>hvm</type><loader type='pflash'>/x/OVMF_CODE.ms.fd</loader></os>",
	 NULL, VM("firmware||secure_boot"), "efi0"},
	{"nvram as source", NULL,
	 "<os><type>hvm</type><loader type='pflash'/><nvram type='file'><source file='/n'/></nvram>"
	 "</os>",
	 NULL, VM("nvram"), "/n"},
	{"direct kernel", NULL,
	 "<os><type arch='x86_64'>hvm</type><kernel>/boot/vmlinuz</kernel><cmdline>quiet "
	 "password=x</cmdline></os>",
	 NULL,
	 "SELECT firmware||' '||kernel||' '||(SELECT value FROM vm_option WHERE key='os/cmdline') "
	 "FROM vm",
	 " /boot/vmlinuz (secret)"},
	{"boot order of devices", NULL, NULL,
	 "<disk type='file' device='cdrom'><target dev='sda'/><boot order='2'/></disk><interface "
	 "type='user'><boot order='1'/></interface><disk type='file'><target dev='vda'/><boot "
	 "order='9'/></disk>",
	 VM("boot_devices"), "network,cdrom,hd"},
	{"boot devices", NULL,
	 "<os><type>hvm</type><boot dev='network'/><boot dev='hd'/><bootmenu enable='yes'/><smbios "
	 "mode='host'/></os>",
	 NULL, VM("boot_devices||' '||boot_menu||' '||smbios_mode"), "network,hd 1 host"},
	{"tpm 2", NULL, NULL,
	 "<tpm model='tpm-crb'><backend type='emulator' version='2.0'><encryption secret='u'/>"
	 "</backend></tpm>",
	 VM("tpm||' '||tpm_backend||' '||tpm_encrypted"), "2.0 emulator 1"},
	{"tpm by model", NULL, NULL, "<tpm model='tpm-tis'><backend type='emulator'/></tpm>",
	 VM("tpm||' '||tpm_encrypted"), "1.2 0"},
	{"tpm of the host", NULL, NULL,
	 "<tpm><backend type='passthrough'><device path='/dev/tpm0'/></backend></tpm>",
	 "SELECT (SELECT tpm IS NULL FROM vm)||(SELECT path FROM vm_device WHERE kind='tpm')",
	 "1/dev/tpm0"},
	{"no tpm", NULL, NULL, NULL, VM("tpm||tpm_backend"), "none"},
	{"launch security", NULL,
	 "<launchSecurity type='sev' kernelHashes='yes'><policy>0x0007</policy></launchSecurity>",
	 NULL, VM("launch_security||' '||launch_policy||' '||launch_kernel_hashes"), "sev 7 1"},
	{"custom arguments", " xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'",
	 "<qemu:commandline><qemu:arg value='-s'/><qemu:env name='A' value='b'/></qemu:commandline>"
	 "<qemu:capabilities><qemu:del capability='x'/></qemu:capabilities><qemu:override>"
	 "<qemu:device alias='d'><qemu:frontend><qemu:property name='a'/><qemu:property name='b'/>"
	 "</qemu:frontend></qemu:device></qemu:override>",
	 NULL, VM("custom_args_count||' '||custom_caps_count"), "2 3"},
	{"commandline in no namespace is none", NULL,
	 "<commandline><arg value='-s'/></commandline>", NULL, VM("custom_args_count"), "0"},
	{"secret in an argument", " xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0'",
	 "<q:commandline><q:arg value='-object'/><q:arg value='secret,id=a,data=hunter2'/>"
	 "</q:commandline>",
	 NULL,
	 "SELECT group_concat(value) FROM (SELECT value FROM vm_option WHERE key LIKE 'qemu:%' "
	 "ORDER BY key)",
	 "-object,(secret)"},
	{"no label", NULL, NULL, NULL,
	 VM("seclabel_type||'/'||seclabel_model||seclabel_relabel||label_overrides"), "/10"},
	{"the worst label counts", NULL,
	 "<seclabel type='dynamic' model='apparmor'/><seclabel type='none' model='dac'/>", NULL,
	 VM("seclabel_type||seclabel_model||seclabel_relabel"), "nonedac0"},
	{"static labels do not relabel", NULL,
	 "<seclabel type='static' model='selinux'><label>x</label></seclabel>", NULL,
	 VM("seclabel_type||seclabel_relabel"), "static0"},
	{"labels of devices", NULL, NULL,
	 "<disk type='file'><source file='/a'><seclabel relabel='no'/></source><target dev='vda'/>"
	 "</disk><serial type='file'><source path='/b'><seclabel labelskip='yes'/></source></serial>",
	 VM("label_overrides"), "2"},
	{"fw_cfg", NULL,
	 "<sysinfo type='fwcfg'><entry name='a'>b</entry><entry name='c'/></sysinfo><sysinfo "
	 "type='smbios'><bios><entry name='x'>y</entry></bios></sysinfo>",
	 NULL, VM("fw_cfg_count"), "2"},
	{"core dumps", NULL,
	 "<memory dumpCore='off'>1</memory><on_crash>coredump-destroy</on_crash>", NULL,
	 VM("on_crash"), "coredump-destroy"},
	{"hypervisor features", NULL,
	 "<features><hyperv><relaxed state='on'/></hyperv><pmu state='off'/></features>", NULL,
	 "SELECT pmu||' '||(SELECT value FROM vm_option WHERE key='features/hyperv/relaxed/@state') "
	 "FROM vm",
	 "0 on"},
	{"repeated elements", NULL,
	 "<clock offset='localtime'><timer name='rtc'/><timer name='pit'/></clock>", NULL,
	 "SELECT clock_offset||' '||(SELECT value FROM vm_option WHERE key='clock/timer[2]/@name') "
	 "FROM vm",
	 "localtime pit"},
	{"unbound prefix", NULL, "<qemu:commandline><qemu:arg value='-s'/></qemu:commandline>",
	 NULL, VM("custom_args_count"), "0"},
};

static void test_cases(void **state)
{
	(void)state;
	virt_cases(cases, RF_COUNT(cases));
}

static void test_size(void **state)
{
	static const struct {
		const char *number, *unit;
		int rc;
		int64_t want;
	} sizes[] = {
		{"1", NULL, 0, 1024},
		{"1", "", 0, 1024},
		{"1", "b", 0, 1},
		{"7", "bytes", 0, 7},
		{"2", "KB", 0, 2000},
		{"2", "k", 0, 2048},
		{"2", "KiB", 0, 2048},
		{"2", "MB", 0, 2000000},
		{"2", "M", 0, 2097152},
		{"1", "GiB", 0, 1 << 30},
		{"1", "T", 0, 1LL << 40},
		{"1", "PiB", 0, 1LL << 50},
		{"1", "E", 0, 1LL << 60},
		{"8", "E", RF_E_LIMIT, -5},
		{"1", "Q", RF_E_SYNTAX, -5},
		{"1", "KiBi", RF_E_SYNTAX, -5},
		{"-1", "K", RF_E_LIMIT, -5},
		{"1.5", "G", RF_E_SYNTAX, -5},
		{"", "G", RF_E_SYNTAX, -5},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(sizes); i++) {
		int64_t got = -5;
		int rc = domain_size(sizes[i].number, sizes[i].unit, "KiB", &got);

		if (rc != sizes[i].rc || got != sizes[i].want)
			fail_msg("%s %s: rc %d, %lld", sizes[i].number,
				 sizes[i].unit ? sizes[i].unit : "", rc, (long long)got);
	}
}

static void test_long_description(void **state)
{
	struct test_host h;
	struct rf_buf top = {0};

	(void)state;
	rf_buf_add_text(&top, "<description>");
	for (int i = 0; i < 600; i++)
		rf_buf_add_text(&top, "\xc3\xa4");
	rf_buf_add_text(&top, "</description>");
	host_make(&h);
	virt_write(&h, "/x.xml", "", rf_buf_text(&top), "");
	assert_int_equal(virt_collect(&h, "/x.xml", NULL, false), 0);
	assert_fact(&h,
		    "SELECT length(CAST(description AS BLOB))||' '||length(description) FROM vm",
		    "1000 500");
	rf_buf_done(&top);
	host_done(&h);
}

/* More devices than a VM can have: the rows end, and one gap says so. */
static void test_too_many(void **state)
{
	struct test_host h;
	struct rf_buf devices = {0};

	(void)state;
	for (int i = 0; i < 5000; i++)
		rf_buf_add_text(&devices, "<disk type='file'/>");
	host_make(&h);
	virt_write(&h, "/x.xml", "", HVM, rf_buf_text(&devices));
	assert_int_equal(virt_collect(&h, "/x.xml", NULL, false), 0);
	assert_fact(&h, "SELECT COUNT(*) FROM vm_disk", "4096");
	assert_fact(&h, "SELECT COUNT(*) FROM fact_gap WHERE tbl='vm_disk' AND col='' AND key<>''",
		    "1");
	rf_buf_done(&devices);
	host_done(&h);
}

/* The digest does not see what only a running VM has, and sees everything else. */
static void test_digest(void **state)
{
	static const struct {
		const char *a, *b;
		bool same;
	} pairs[] = {
		{"<domain type='kvm'><name>w</name></domain>",
		 "<domain id='3' type='kvm'>\n<name>w</name></domain>", true},
		{"<domain a='1' b='2'/>", "<domain b='2' a='1'/>", true},
		{"<domain><devices><disk><alias name='virtio-disk0'/><address type='pci'/></disk>"
		 "</devices></domain>",
		 "<domain><devices><disk/></devices></domain>", true},
		{"<domain><devices><disk><alias name='ua-mine'/></disk></devices></domain>",
		 "<domain><devices><disk/></devices></domain>", false},
		{"<domain><devices><interface><target dev='vnet7'/></interface></devices></domain>",
		 "<domain><devices><interface><target/></interface></devices></domain>", true},
		{"<domain><devices><interface><target dev='mine'/></interface></devices></domain>",
		 "<domain><devices><interface><target/></interface></devices></domain>", false},
		{"<domain><seclabel type='dynamic'><label>x</label></seclabel></domain>",
		 "<domain/>", true},
		{"<domain><seclabel type='none'/></domain>", "<domain/>", false},
		{"<domain><vcpu current='1'>2</vcpu></domain>", "<domain><vcpu>2</vcpu></domain>",
		 true},
		{"<domain><vcpu>2</vcpu></domain>", "<domain><vcpu>3</vcpu></domain>", false},
		{"<domain><a>b</a><c/></domain>", "<domain><a/><c>b</c></domain>", false},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(pairs); i++) {
		XML_AUTODOC struct xml_doc a = {0}, b = {0};
		char da[65], db[65];

		assert_int_equal(xml_parse(rf_slice_text(pairs[i].a), "a", &a, NULL), 0);
		assert_int_equal(xml_parse(rf_slice_text(pairs[i].b), "b", &b, NULL), 0);
		assert_int_equal(domain_digest(a.root, da), 0);
		assert_int_equal(domain_digest(b.root, db), 0);
		assert_int_equal(strlen(da), 64);
		if ((strcmp(da, db) == 0) != pairs[i].same)
			fail_msg("pair %zu", i);
	}
}

static void test_no_memory(void **state)
{
	static const char text[] =
		"<domain type='kvm'><name>a</name><vcpu cpuset='0-3'>2</vcpu><devices><disk><target "
		"dev='vda'/></disk><interface type='user'/><graphics type='vnc'/></devices></domain>";
	XML_AUTODOC struct xml_doc doc = {0};
	struct domain_source src = {
		.vm = "a", .layer = "live", .path = "", .state = "", .source = "s"};
	bool succeeded = false;
	struct fact_store *store;

	(void)state;
	assert_int_equal(xml_parse(rf_slice_text(text), "t", &doc, NULL), 0);
	assert_int_equal(fact_store_open(&store, NULL), 0);
	struct fact_sink *sink = fact_store_sink(store, "h");

	for (size_t n = 1; n < 300 && !succeeded; n++) {
		struct domain_facts facts;

		rf_alloc_fail_after(n);
		int rc = domain_read(doc.root, &src, sink, &facts, NULL);

		rf_alloc_fail_after(0);
		assert_true(rc == 0 || rc == -ENOMEM);
		succeeded = rc == 0;
		if (succeeded)
			domain_done(&facts);
	}
	assert_true(succeeded);
	fact_store_close(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_long_description),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_digest),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
