/* SPDX-License-Identifier: Apache-2.0 */
/* Network filters, networks, storage pools, volumes, secrets; and the walk over folders of XML. */
#include <sys/stat.h>
#include <unistd.h>

#include "virt_test.h"

#include "base/mem.h"
#include "collect/nwfilter_xml.h"

static void collect_text(struct test_host *h, const char *text)
{
	host_make(h);
	host_file(h, "/v/x.xml", text);
	assert_int_equal(virt_collect(h, "/v/x.xml", NULL, false), 0);
}

/* Rules of one filter, and which of MAC, ARP and IP forgery it stops. */
static const struct {
	const char *name, *attrs, *rules, *want;
} stops[] = {
	{"pass own, drop rest", " chain='mac' priority='-800'",
	 "<rule direction='out' action='return'><mac srcmacaddr='$MAC'/></rule><rule direction='out' "
	 "action='drop'><mac/></rule>",
	 "100"},
	{"drop all but own", "",
	 "<rule action='drop' direction='out'><mac match='no' srcmacaddr='$MAC'/></rule>", "100"},
	{"inout", "",
	 "<rule action='reject' direction='inout'><mac match='no' srcmacaddr='$MAC'/>"
	 "</rule>",
	 "100"},
	{"incoming only", "",
	 "<rule action='drop' direction='in'><mac match='no' srcmacaddr='$MAC'/></rule>", "000"},
	{"destination", "",
	 "<rule action='drop' direction='out'><mac match='no' dstmacaddr='$MAC'/></rule>", "000"},
	{"rest is not dropped", "",
	 "<rule action='return' direction='out'><mac srcmacaddr='$MAC'/></rule>", "000"},
	{"only some of the rest is dropped", "",
	 "<rule action='return' direction='out'><mac srcmacaddr='$MAC'/></rule><rule action='drop' "
	 "direction='out'><mac protocolid='arp'/></rule>",
	 "000"},
	{"everything passes before", "",
	 "<rule action='accept' direction='out' priority='100'/><rule action='drop' direction='out'>"
	 "<mac match='no' srcmacaddr='$MAC'/></rule>",
	 "000"},
	{"everything passes after", "",
	 "<rule action='drop' direction='out'><mac match='no' srcmacaddr='$MAC'/></rule><rule "
	 "action='accept' direction='out' priority='900'/>",
	 "100"},
	{"drop comes first", "",
	 "<rule action='drop' direction='out' priority='1'/><rule action='return' direction='out' "
	 "priority='500'><mac srcmacaddr='$MAC'/></rule>",
	 "000"},
	{"chain of another protocol", " chain='ipv4'",
	 "<rule action='drop' direction='out'><mac match='no' srcmacaddr='$MAC'/></rule>", "000"},
	{"with a mask", "",
	 "<rule action='drop' direction='out'><mac match='no' srcmacaddr='$MAC' "
	 "srcmacmask='ff:ff:ff:00:00:00'/></rule>",
	 "000"},
	{"another variable", "",
	 "<rule action='drop' direction='out'><mac match='no' srcmacaddr='$MACRO'/></rule>", "000"},
	{"half of ARP", "",
	 "<rule action='drop' direction='out'><arp match='no' arpsrcmacaddr='$MAC'/></rule>",
	 "000"},
	{"ARP", "",
	 "<rule action='drop' direction='out'><arp match='no' arpsrcmacaddr='$MAC'/></rule><rule "
	 "action='drop' direction='out'><arp match='no' arpsrcipaddr='$IP'/></rule>",
	 "010"},
	{"IP", "",
	 "<rule action='drop' direction='out'><ip match='no' srcipaddr='$IP[@1]'/></rule>", "001"},
	{"IP by iptables", "",
	 "<rule action='drop' direction='out'><all match='no' srcipaddr='$IP'/></rule>", "001"},
	{"IPv4 chain", " chain='ipv4-ip'",
	 "<rule action='return' direction='out' priority='100'><ip srcipaddr='0.0.0.0' "
	 "protocol='udp'/></rule><rule direction='out' action='return'><ip srcipaddr='$IP'/></rule>"
	 "<rule direction='out' action='drop' priority='1000'/>",
	 "001"},
	{"IPv6 is not IPv4", "",
	 "<rule action='drop' direction='out'><ipv6 match='no' srcipaddr='$IPV6'/></rule>", "000"},
	{"priority is no number", "",
	 "<rule action='drop' direction='out' priority='x'><mac match='no' srcmacaddr='$MAC'/></rule>",
	 "100"},
	{"nothing", "", "", "000"},
};

static void test_stops(void **state)
{
	(void)state;
	for (size_t i = 0; i < RF_COUNT(stops); i++) {
		struct test_host h;
		char *text;

		assert_true(asprintf(&text, "<filter name='f'%s>%s</filter>", stops[i].attrs,
				     stops[i].rules) > 0);
		collect_text(&h, text);
		free(text);
		const char *got =
			host_ask(&h, "SELECT mac_spoofing||arp_spoofing||ip_spoofing FROM "
				     "network_filter");

		if (strcmp(got, stops[i].want) != 0)
			fail_msg("%s: %s", stops[i].name, got);
		host_done(&h);
	}
}

#define NO_MAC                                                                                     \
	"<rule direction='out' action='return'><mac srcmacaddr='$MAC'/></rule><rule "              \
	"direction='out' action='drop'><mac/></rule>"

static void test_closure(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	host_file(&h, "/v/a.xml",
		  "<filter name='a'><filterref filter='c'/><filterref filter='b'/>"
		  "</filter>");
	host_file(&h, "/v/b.xml", "<filter name='b'><filterref filter='a'/></filter>");
	host_file(&h, "/v/c.xml", "<filter name='c' chain='mac'>" NO_MAC "</filter>");
	host_file(&h, "/v/d.xml",
		  "<filter name='d'><filterref filter='gone'/><filterref "
		  "filter='c'/></filter>");
	assert_int_equal(virt_collect(&h, "/v", NULL, false), 0);
	assert_fact(&h,
		    "SELECT includes||mac_spoofing||broken FROM network_filter WHERE filter='a'",
		    "b,c1");
	/* In a circle each includes the others. */
	assert_fact(&h, "SELECT includes FROM network_filter WHERE filter='b'", "a,c");
	/* What is stopped stays stopped; the rest may be in the filter that is not there. */
	assert_fact(&h,
		    "SELECT mac_spoofing||(arp_spoofing IS NULL)||(broken IS NULL) FROM "
		    "network_filter WHERE filter='d'",
		    "111");
	assert_fact(&h, "SELECT COUNT(*) FROM fact_gap WHERE tbl='network_filter' AND key='d'",
		    "3");
	host_done(&h);
}

static void test_shipped(void **state)
{
	static const char *const same[] = {
		"<filter name='no-mac-spoofing' chain='mac' priority='-800'><uuid>x</uuid>"
		"<!-- c --><rule action='return' direction='out' priority='500'><mac match='yes' "
		"srcmacaddr='$MAC'/></rule><rule direction='out' action='drop'><mac/></rule></filter>",
		"<filter name='no-mac-spoofing' chain='mac'>" NO_MAC "</filter>"};
	static const struct {
		const char *text, *want;
	} cases[] = {
		{"<filter name='no-mac-spoofing' chain='mac'/>", "10"},
		{"<filter name='no-mac-spoofing' chain='mac' priority='-799'>" NO_MAC "</filter>",
		 "10"},
		{"<filter name='allow-arp' chain='arp' priority='-500'><rule direction='inout' "
		 "action='accept'/></filter>",
		 "11"},
		{"<filter name='allow-dhcpv6' chain='ipv6'><rule action='accept' direction='out' "
		 "priority='100'><ipv6 protocol='udp' srcipaddr='fe80::' srcipmask='10' "
		 "dstipaddr='ff02::1:2' srcportstart='546' dstportstart='547'/></rule><rule "
		 "action='accept' direction='in' priority='100'><ipv6 protocol='udp' "
		 "srcportstart='547' dstportstart='546'/></rule></filter>",
		 "11"},
		{"<filter name='mine'>" NO_MAC "</filter>", "0"},
	};
	struct test_host h;

	(void)state;
	for (size_t i = 0; i < RF_COUNT(same); i++) {
		collect_text(&h, same[i]);
		assert_fact(&h, "SELECT shipped||as_shipped FROM network_filter", "11");
		host_done(&h);
	}
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		collect_text(&h, cases[i].text);
		assert_fact(&h, "SELECT shipped||COALESCE(as_shipped, '') FROM network_filter",
			    cases[i].want);
		host_done(&h);
	}
	assert_int_equal(nwfilter_shipped("clean-traffic", "0000000000000000"), 0);
	assert_int_equal(nwfilter_shipped("mine", "0000000000000000"), -1);
}

static const struct {
	const char *name, *xml, *sql, *want;
} objects[] = {
	{"network",
	 "<network><name>n</name><uuid>ABC</uuid><bridge name='virbr0' "
	 "macTableManager='libvirt'/><forward/><ip address='10.0.0.1'><tftp root='/t'/>"
	 "<dhcp><range start='a' end='b'/></dhcp></ip><ip family='ipv6'/></network>",
	 "SELECT network||' '||layer||' '||uuid||' '||bridge||' '||forward_mode||' '||dhcp||dns||tftp||"
	 "isolated_ports||vlan_trunk||trust_guest_rx||' '||mac_table_manager||' '||addresses_count||"
	 "default_nat||zone FROM network",
	 "n persistent abc virbr0 nat 111000 libvirt 20"},
	{"isolated network", "<network><name>n</name><port isolated='yes'/></network>",
	 "SELECT forward_mode||isolated_ports||dns||addresses_count FROM network", "none100"},
	{"bridge network",
	 "<network trustGuestRxFilters='yes'><name>n</name><forward mode='bridge'/><bridge "
	 "name='br0'/><vlan trunk='yes'><tag id='1'/></vlan></network>",
	 "SELECT forward_mode||vlan_trunk||trust_guest_rx||dns FROM network", "bridge110"},
	{"port group",
	 "<network><name>n</name><portgroup name='p' trustGuestRxFilters='yes'><vlan><tag id='1'/>"
	 "<tag id='2'/></vlan></portgroup></network>",
	 "SELECT vlan_trunk||trust_guest_rx FROM network", "11"},
	{"interface of macvtap",
	 "<network><name>n</name><forward mode='private'><interface dev='eth3'/></forward></network>",
	 "SELECT forward_dev FROM network", "eth3"},
	{"dns off", "<network><name>n</name><dns enable='no'/><ip address='10.0.0.1'/></network>",
	 "SELECT dns FROM network", "0"},
	{"default network",
	 "<network><name>default</name><forward mode='nat'/><bridge name='virbr0'/><ip "
	 "address='192.168.122.1'/></network>",
	 "SELECT default_nat FROM network", "1"},
	{"zone",
	 "<network><name>n</name><metadata><r:tags xmlns:r='urn:ringfence:tags:1' zone='dmz'/>"
	 "</metadata></network>",
	 "SELECT zone FROM network", "dmz"},
	{"running network", "<networkstatus><network><name>n</name></network></networkstatus>",
	 "SELECT layer||active FROM network", "live1"},
	{"network state is not in a file", "<network><name>n</name></network>",
	 "SELECT COUNT(*) FROM fact_gap WHERE tbl='network' AND key='n/persistent'", "2"},
	{"network without name", "<network/>",
	 "SELECT (SELECT COUNT(*) FROM network)||(SELECT COUNT(*) FROM fact_gap WHERE tbl='network')",
	 "01"},
	{"pool",
	 "<pool type='dir'><name>p</name><target><path>/i</path><permissions><mode>0711</mode>"
	 "<owner>0</owner></permissions></target></pool>",
	 "SELECT pool||kind||path||mode||other_read||other_write||owner||auth||remote FROM storage_pool",
	 "pdir/i457000"},
	{"iscsi without auth",
	 "<pool type='iscsi'><name>p</name><source><host name='h1'/></source></pool>",
	 "SELECT auth||' '||remote FROM storage_pool", "none h1"},
	{"iscsi with auth",
	 "<pool type='iscsi'><name>p</name><source><host name='h'/><auth type='chap' username='u'/>"
	 "</source></pool>",
	 "SELECT auth FROM storage_pool", "chap"},
	{"ceph",
	 "<pool type='rbd'><name>p</name><source><host name='a'/><host name='b'/><auth type='ceph'/>"
	 "</source></pool>",
	 "SELECT auth||remote FROM storage_pool", "cepha,b"},
	{"pool not looked at",
	 "<pool type='dir'><name>p</name><target><path>/i</path></target></pool>",
	 "SELECT COUNT(*) FROM fact_gap WHERE tbl='storage_pool' AND key='p'", "11"},
	{"volume",
	 "<volume type='file'><name>a.qcow2</name><capacity unit='G'>1</capacity><allocation>5"
	 "</allocation><target><path>/i/a.qcow2</path><format type='qcow2'/><permissions><mode>0664"
	 "</mode><owner>7</owner></permissions><encryption format='luks'/></target><backingStore>"
	 "<path>/i/b</path></backingStore></volume>",
	 "SELECT pool||' '||volume||' '||path||' '||format||' '||capacity_bytes||' '||allocation_bytes||"
	 "' '||mode||other_read||group_other_write||' '||owner||' '||backing||encrypted FROM volume",
	 "/i a.qcow2 /i/a.qcow2 qcow2 1073741824 5 43611 7 /i/b1"},
	{"secret",
	 "<secret ephemeral='no' private='yes'><uuid>ABC</uuid><usage type='volume'><volume>/i/a"
	 "</volume></usage></secret>",
	 "SELECT uuid||usage_kind||usage||ephemeral||private FROM secret", "abcvolume/i/a01"},
	{"secret without usage", "<secret><uuid>a</uuid></secret>",
	 "SELECT usage_kind||usage||private FROM secret", "none0"},
	{"status of a VM",
	 "<domstatus state='paused' pid='3'><taint flag='custom-argv'/><taint flag='x'/><domain "
	 "type='kvm' id='3'><name>w</name><memory>1</memory></domain></domstatus>",
	 "SELECT layer||' '||state||' '||taints FROM vm", "live paused custom-argv,x"},
	{"snapshot",
	 "<domainsnapshot><name>s</name><domain type='kvm'><name>w</name></domain>"
	 "</domainsnapshot>",
	 "SELECT name||layer FROM vm", "wpersistent"},
	{"snapshot without a definition", "<domainsnapshot><name>s</name></domainsnapshot>",
	 "SELECT reason LIKE 'it is not a libvirt definition%' FROM fact_gap WHERE key='/v/x.xml'",
	 "1"},
	{"something else", "<html/>", "SELECT reason FROM fact_gap WHERE key='/v/x.xml'",
	 "it is not a libvirt definition: its root is <html>"},
	{"broken", "<domain", "SELECT COUNT(*) FROM fact_gap WHERE key='/v/x.xml'", "1"},
};

static void test_objects(void **state)
{
	(void)state;
	for (size_t i = 0; i < RF_COUNT(objects); i++) {
		struct test_host h;

		collect_text(&h, objects[i].xml);
		const char *got = host_ask(&h, objects[i].sql);

		if (strcmp(got, objects[i].want) != 0)
			fail_msg("%s: %s", objects[i].name, got);
		host_done(&h);
	}
}

/* A pool of this host: its folder tells. */
static void test_pool_of_host(void **state)
{
	struct test_host h;

	(void)state;
	host_make(&h);
	host_file(&h, "/proc/self/mountinfo",
		  "21 1 8:1 / / rw - ext4 /dev/sda1 rw\n22 21 0:44 / /nfs rw - nfs srv:/x rw\n");
	host_file(&h, "/etc/passwd", "root:x:0:0::/:/bin/sh\n");
	host_file(&h, "/i/x", "");
	host_file(&h, "/nfs/x", "");
	host_meta(&h, "/i\td\t0777\t0\t0");
	host_file(&h, "/etc/libvirt/storage/p.xml",
		  "<pool type='dir'><name>p</name><target><path>/i</path></target></pool>");
	host_file(&h, "/etc/libvirt/storage/n.xml",
		  "<pool type='netfs'><name>n</name><target><path>/nfs</path></target></pool>");
	host_file(&h, "/etc/libvirt/storage/autostart/p.xml", "");
	host_file(&h, "/.ringfence/probe/space/%2Fi", "1000 250\n");
	assert_int_equal(virt_collect(&h, "/etc/libvirt/storage", NULL, true), 0);
	assert_fact(&h,
		    "SELECT on_root||mode||other_read||other_write||owner||autostart FROM "
		    "storage_pool WHERE pool='p'",
		    "151111root1");
	assert_fact(&h, "SELECT on_root||encrypted||autostart FROM storage_pool WHERE pool='n'",
		    "000");
	host_done(&h);
}

static void test_walk(void **state)
{
	struct test_host h;
	char full[256], target[256];

	(void)state;
	host_make(&h);
	virt_write(&h, "/v/qemu/web.xml", "", HVM, "");
	host_file(&h, "/v/qemu/web.txt", "not looked at");
	host_file(&h, "/v/qemu/autostart/keep", "");
	snprintf(full, sizeof(full), "%s/v/qemu/autostart/web.xml", h.dir);
	assert_int_equal(symlink("../web.xml", full), 0);
	snprintf(full, sizeof(full), "%s/v/loop", h.dir);
	snprintf(target, sizeof(target), "../v");
	assert_int_equal(symlink(target, full), 0);
	snprintf(full, sizeof(full), "%s/v/dead.xml", h.dir);
	assert_int_equal(symlink("nowhere", full), 0);
	snprintf(full, sizeof(full), "%s/v/pipe.xml", h.dir);
	assert_int_equal(mkfifo(full, 0600), 0);
	assert_int_equal(virt_collect(&h, "/v", NULL, false), 0);
	assert_fact(&h, "SELECT group_concat(vm) FROM vm", "/v/qemu/web.xml");
	assert_fact(&h, "SELECT reason FROM fact_gap WHERE key='/v/pipe.xml'",
		    "it is a FIFO, socket or device, so it was not opened");
	assert_fact(&h, "SELECT COUNT(*) FROM fact_gap WHERE key='/v/dead.xml'", "1");
	host_done(&h);
}

static void test_paths(void **state)
{
	struct test_host h;
	const char *both[] = {"/none", "/v"};
	struct collect_request req = {.xml = both, .xml_count = 2};

	(void)state;
	host_make(&h);
	virt_write(&h, "/v/x.xml", "", HVM, "");
	assert_int_equal(host_collect_request(&h, collect_xml_files, &req), 0);
	assert_fact(&h, "SELECT COUNT(*) FROM vm", "1");
	assert_fact(&h, "SELECT reason FROM fact_gap WHERE key='/none'",
		    "there is no such file or folder");
	req.xml_count = 1;
	assert_true(host_collect_request(&h, collect_xml_files, &req) < 0);
	req.xml_count = 0;
	assert_int_equal(host_collect_request(&h, collect_xml_files, &req), 0);
	host_file(&h, "/empty/x.txt", "");
	assert_int_equal(virt_collect(&h, "/empty", NULL, false), 0);
	assert_fact(&h, "SELECT COUNT(*) FROM fact_gap WHERE key='/empty'", "1");
	host_done(&h);
}

static void test_deep_folders(void **state)
{
	struct test_host h;
	char path[512] = "/v";

	(void)state;
	host_make(&h);
	for (int i = 0; i < 40; i++)
		strcat(path, "/d");
	strcat(path, "/x.xml");
	virt_write(&h, path, "", HVM, "");
	assert_int_equal(virt_collect(&h, "/v", NULL, false), 0);
	assert_fact(&h, "SELECT COUNT(*) FROM vm", "0");
	assert_fact(&h, "SELECT COUNT(*) FROM fact_gap WHERE reason LIKE '%32 deep%'", "1");
	host_done(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stops),	     cmocka_unit_test(test_closure),
		cmocka_unit_test(test_shipped),	     cmocka_unit_test(test_objects),
		cmocka_unit_test(test_pool_of_host), cmocka_unit_test(test_walk),
		cmocka_unit_test(test_paths),	     cmocka_unit_test(test_deep_folders),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
