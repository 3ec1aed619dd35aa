/* SPDX-License-Identifier: Apache-2.0 */
/* Differences between the layers of a VM, and approved definitions. */
#include "virt_test.h"

#include "base/mem.h"
#include "collect/domain.h"

/* Two definitions in memory; the differences of a pair of layers are in the store. */
struct pair {
	struct xml_doc docs[2];
	struct domain_facts facts[2];
	struct domain_source src[2];
	struct fact_store *store;
	size_t count;
};

static void differ(struct pair *p, const char *layer_a, const char *a, const char *layer_b,
		   const char *b)
{
	const char *texts[] = {a, b}, *layers[] = {layer_a, layer_b};
	struct rf_err err = {0};

	*p = (struct pair){0};
	assert_int_equal(fact_store_open(&p->store, &err), 0);
	struct fact_sink *sink = fact_store_sink(p->store, "h");

	for (int i = 0; i < 2; i++) {
		char *text;

		assert_true(asprintf(&text,
				     "<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/"
				     "domain/qemu/1.0'><name>w</name><memory>1</memory>%s</domain>",
				     texts[i]) > 0);
		if (xml_parse(rf_slice_text(text), "t", &p->docs[i], &err) < 0)
			fail_msg("%s", rf_err_text(&err));
		free(text);
		p->src[i] = (struct domain_source){
			.vm = "w", .layer = layers[i], .path = "", .state = "", .source = "s"};
		assert_int_equal(domain_read(p->docs[i].root, &p->src[i], sink, &p->facts[i], &err),
				 0);
	}
	p->count = domain_differ(&p->facts[0], &p->facts[1], sink);
	assert_int_equal(fact_sink_check(sink, &err), 0);
}

static void pair_done(struct pair *p)
{
	for (int i = 0; i < 2; i++) {
		domain_done(&p->facts[i]);
		xml_done(&p->docs[i]);
	}
	fact_store_close(p->store);
}

#define Q35(top, devices)                                                                          \
	"<os><type arch='x86_64' machine='q35'>hvm</type></os>" top "<devices>" devices "</devices>"
#define LIVE(top, devices)                                                                         \
	"<os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os>" top "<devices>" devices     \
	"</devices>"

/* "kind item change" of every difference, in order; "" for none. */
static const struct {
	const char *name, *layer_a, *a, *layer_b, *b, *want;
} cases[] = {
	{"same", "persistent", Q35("", ""), "live", Q35("", ""), ""},
	{"what a start fills in", "persistent",
	 Q35("<cpu mode='host-model'/>",
	     "<disk type='file'><source file='/a'/><target dev='vda'/></disk><interface "
	     "type='network'><mac address='52:54:00:00:00:01'/><source network='n'/></interface>"
	     "<serial type='pty'/><graphics type='vnc' port='-1' autoport='yes'/><channel "
	     "type='unix'><target name='org.qemu.guest_agent.0'/></channel>"),
	 "live",
	 LIVE("<cpu mode='custom' match='exact' check='full'><model>Skylake</model><feature "
	      "name='ssbd'/></cpu><resource><partition>/machine</partition></resource><seclabel "
	      "type='dynamic' model='apparmor'><label>l</label></seclabel>",
	      "<disk type='file'><driver type='raw'/><source file='/a' index='1'/><backingStore/>"
	      "<target dev='vda'/><alias name='x'/></disk><interface type='network'><mac "
	      "address='52:54:00:00:00:01'/><source network='n' portid='u' bridge='virbr0'/><target "
	      "dev='vnet0'/><model type='virtio'/></interface><serial type='pty'><source "
	      "path='/dev/pts/1'/></serial><graphics type='vnc' port='5900' autoport='yes' "
	      "listen='127.0.0.1'><listen type='address' address='127.0.0.1'/></graphics><channel "
	      "type='unix'><source mode='bind' path='/run/libvirt/qemu/channel/1/x'/><target "
	      "name='org.qemu.guest_agent.0' state='connected'/></channel>"),
	 ""},
	{"what libvirt adds to a hand-written one", "approved",
	 Q35("", "<graphics type='vnc'/><controller type='usb' model='qemu-xhci'/>"), "persistent",
	 LIVE("<cpu mode='custom'><model>qemu64</model></cpu><clock offset='utc'/><features><acpi/>"
	      "<apic/></features><pm><suspend-to-mem enabled='no'/></pm>",
	      "<emulator>/usr/bin/qemu</emulator><graphics type='vnc' port='-1' autoport='yes'/>"
	      "<controller type='pci' model='pcie-root-port'/><controller type='usb' "
	      "model='qemu-xhci'/><input type='mouse' bus='ps2'/><input type='keyboard' bus='ps2'/>"
	      "<audio id='1' type='none'/><video><model type='cirrus'/></video>"),
	 ""},
	{"processors", "persistent", Q35("<vcpu>1</vcpu>", ""), "live", Q35("<vcpu>2</vcpu>", ""),
	 "cpu vcpus changed"},
	{"memory", "persistent", Q35("<memoryBacking><nosharepages/></memoryBacking>", ""), "live",
	 Q35("", ""), "memory page_sharing changed"},
	{"disabled feature is gone", "persistent",
	 Q35("<cpu mode='custom'><model>m</model><feature policy='disable' name='vmx'/></cpu>", ""),
	 "live", Q35("<cpu mode='custom'><model>m</model><feature name='lahf_lm'/></cpu>", ""),
	 "cpu cpu_features_disabled changed"},
	{"medium", "persistent",
	 Q35("", "<disk device='cdrom' type='file'><target dev='sda'/></disk>"), "live",
	 Q35("",
	     "<disk device='cdrom' type='file'><source file='/x.iso'/><target dev='sda'/></disk>"),
	 "disk sda changed"},
	{"disk is new", "approved", Q35("", ""), "live",
	 Q35("", "<disk type='file'><source file='/a'/><target dev='vda'/></disk>"),
	 "disk vda /a added"},
	{"disk is gone", "persistent",
	 Q35("", "<disk type='file'><source file='/a'/><target dev='vda'/></disk>"), "live",
	 Q35("", ""), "disk vda /a removed"},
	{"filter was taken off", "persistent",
	 Q35("",
	     "<interface type='bridge'><mac address='52:54:00:00:00:01'/><filterref filter='f'/>"
	     "</interface>"),
	 "live", Q35("", "<interface type='bridge'><mac address='52:54:00:00:00:01'/></interface>"),
	 "nic net0 changed"},
	{"another card in its place", "persistent",
	 Q35("", "<interface type='user'><mac address='52:54:00:00:00:01'/></interface>"), "live",
	 Q35("", "<interface type='user'><mac address='52:54:00:00:00:02'/></interface>"),
	 "nic net0 52:54:00:00:00:01 removed|nic net0 52:54:00:00:00:02 added"},
	{"cards in another order", "persistent",
	 Q35("", "<interface type='user'><mac address='52:54:00:00:00:01'/></interface><interface "
		 "type='bridge'><mac address='52:54:00:00:00:02'/></interface>"),
	 "live",
	 Q35("",
	     "<interface type='bridge'><mac address='52:54:00:00:00:02'/></interface><interface "
	     "type='user'><mac address='52:54:00:00:00:01'/></interface>"),
	 ""},
	{"host device plugged in", "persistent", Q35("", ""), "live",
	 Q35("",
	     "<hostdev mode='subsystem' type='pci'><source><address bus='1'/></source></hostdev>"),
	 "device hostdev0 0000:01:00.0 added"},
	{"mouse plugged in", "persistent", Q35("", ""), "live",
	 Q35("", "<input type='mouse' bus='usb'/>"), "device input0 mouse added"},
	{"console opened", "persistent", Q35("", "<graphics type='vnc' listen='127.0.0.1'/>"),
	 "live", Q35("", "<graphics type='vnc' listen='0.0.0.0' port='5900'/>"),
	 "console vnc0/listen changed"},
	{"clipboard", "approved",
	 Q35("", "<graphics type='spice'><clipboard copypaste='no'/></graphics>"), "live",
	 Q35("", "<graphics type='spice'/>"), "console spice0 changed"},
	{"channel", "persistent", Q35("", ""), "live",
	 Q35("", "<channel type='unix'><source path='/x'/><target name='evil'/></channel>"),
	 "channel channel0 evil added"},
	{"firmware", "persistent", Q35("", ""), "live",
	 "<os firmware='efi'><type arch='x86_64' machine='q35'>hvm</type><firmware><feature "
	 "enabled='no' name='secure-boot'/></firmware></os>",
	 "firmware firmware changed"},
	{"label", "approved", Q35("", ""), "live",
	 Q35("<seclabel type='none' model='selinux'/>", ""),
	 "label seclabel_relabel changed|label seclabel_type changed"},
	{"another argument of the same number", "persistent",
	 Q35("<qemu:commandline><qemu:arg value='-a'/></qemu:commandline>", ""), "live",
	 Q35("<qemu:commandline><qemu:arg value='-b'/></qemu:commandline>", ""),
	 "options qemu:commandline/arg/@value changed"},
	{"option is new", "persistent", Q35("", ""), "live",
	 Q35("<features><hyperv><relaxed state='on'/></hyperv></features>", ""),
	 "options features/hyperv/relaxed/@state added"},
	{"machine", "persistent", Q35("", ""), "live",
	 "<os><type arch='x86_64' machine='pc-i440fx-7.2'>hvm</type></os>",
	 "other machine changed"},
};

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		struct pair p;
		struct test_host ask;

		differ(&p, cases[i].layer_a, cases[i].a, cases[i].layer_b, cases[i].b);
		ask.store = p.store;
		const char *got = host_ask(
			&ask,
			"SELECT COALESCE(group_concat(t, '|'), '') FROM (SELECT kind||' '||item||"
			"' '||change AS t FROM vm_difference ORDER BY t)");

		if (strcmp(got, cases[i].want) != 0)
			fail_msg("%s: got '%s'", cases[i].name, got);
		assert_int_equal(p.count > 0, *cases[i].want != '\0');
		pair_done(&p);
	}
}

/* Both directions agree on whether there is a difference. */
static void test_symmetric(void **state)
{
	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		struct pair p;

		differ(&p, cases[i].layer_b, cases[i].b, cases[i].layer_a, cases[i].a);
		if ((p.count > 0) != (*cases[i].want != '\0'))
			fail_msg("%s", cases[i].name);
		pair_done(&p);
	}
}

static void test_values(void **state)
{
	struct pair p;
	struct test_host ask;

	(void)state;
	differ(&p, "persistent",
	       Q35("", "<disk type='file'><source file='/a'/><target dev='vda'/></disk>"), "live",
	       Q35("",
		   "<disk type='file'><source file='/b'/><target dev='vda'/><shareable/></disk>"));
	ask.store = p.store;
	assert_fact(&ask, "SELECT a||' '||b||': '||value_a||' -> '||value_b FROM vm_difference",
		    "persistent live: path=/a shareable=0 -> path=/b shareable=1");
	pair_done(&p);
}

static void test_approved(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	virt_write(&h, "/v/web.xml", "", "<vcpu>2</vcpu>" HVM, "");
	virt_write(&h, "/approved/any-name.xml", "", "<vcpu>1</vcpu>" HVM, "");
	host_file(&h, "/approved/other.xml",
		  "<domain type='kvm'><name>other</name><memory>1</memory></domain>");
	host_file(&h, "/approved/broken.xml", "<domain>");
	host_file(&h, "/approved/README", "not XML");
	assert_int_equal(virt_collect(&h, "/v", "/approved", false), 0);
	assert_fact(&h,
		    "SELECT group_concat(vm||' '||layer) FROM (SELECT vm,layer FROM vm ORDER BY "
		    "vm,layer)",
		    "/v/web.xml approved,/v/web.xml persistent,other approved");
	assert_fact(&h, "SELECT a||b||kind||item||value_a||value_b FROM vm_difference",
		    "persistentapprovedcpuvcpus21");
	assert_fact(&h, "SELECT COUNT(*) FROM fact_gap WHERE key='/approved/broken.xml/approved'",
		    "1");
	host_done(&h);
}

static void test_approved_twice(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	virt_write(&h, "/approved/a.xml", "", HVM, "");
	virt_write(&h, "/approved/b.xml", "", HVM, "");
	virt_write(&h, "/v/x.xml", "", HVM, "");
	assert_int_equal(virt_collect(&h, "/v", "/approved", false), 0);
	assert_fact(&h, "SELECT path FROM vm WHERE layer='approved'", "/approved/a.xml");
	assert_fact(&h,
		    "SELECT reason LIKE '%another approved file%' FROM fact_gap WHERE "
		    "key='/approved/b.xml/approved'",
		    "1");
	host_done(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),	       cmocka_unit_test(test_symmetric),
		cmocka_unit_test(test_values),	       cmocka_unit_test(test_approved),
		cmocka_unit_test(test_approved_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
