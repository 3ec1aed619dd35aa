/* SPDX-License-Identifier: Apache-2.0 */
/* Collector libvirt over recorded answers, and the columns that derive.sql joins from them. */
#include "virt_test.h"

#include "base/mem.h"

/* Writes an answer of the probe for qemu:///system. XML stands in it with ' for quotes. */
static void answer(struct test_host *h, const char *json)
{
	host_make(h);
	host_file(h, "/.ringfence/probe/libvirt/qemu:%2F%2F%2Fsystem", json);
}

static int collect(struct test_host *h, const char *approved)
{
	struct collect_request req = {.uri = "qemu:///system", .approved_dir = approved};

	return host_collect_request(h, collect_libvirt, &req);
}

#define WEB                                                                                          \
	"<domain type='kvm'><name>web</name><uuid>4e0a607a-a84c-4050-87d3-3a0a564db248</uuid>"       \
	"<memory>1</memory><os><type arch='x86_64' machine='q35'>hvm</type></os><devices><disk "     \
	"type='file'><driver type='raw'/><source file='/pool/a'/><target dev='vda'/></disk><disk "   \
	"type='volume'><source pool='p' volume='v'/><target dev='vdb'/></disk><interface "           \
	"type='network'><mac address='52:54:00:00:00:01'/><source network='n'/><filterref "          \
	"filter='clean'/></interface><interface type='bridge'><mac address='52:54:00:00:00:02'/>"    \
	"<source bridge='b'/><filterref filter='gone'/></interface><graphics type='vnc'/></devices>" \
	"</domain>"

#define FULL                                                                                            \
	"{\"uri\": \"qemu:///system\", \"version\": \"9.0.0\","                                         \
	"\"domains\": [{\"name\": \"web\", \"state\": \"running\", \"autostart\": true,"                \
	"\"managed_save\": false, \"persistent_xml\": \"" WEB "\", \"live_xml\": \"" WEB "\","          \
	"\"taints\": [\"custom-argv\", \"high-privileges\"],"                                           \
	"\"snapshots\": [{\"name\": \"s2\", \"created_ms\": 2000}, {\"name\": \"s1\", \"created_ms\":"  \
	" 1000}]}],"                                                                                    \
	"\"networks\": [{\"name\": \"n\", \"active\": true, \"autostart\": false, \"persistent_xml\":"  \
	"\"<network trustGuestRxFilters='yes'><name>n</name></network>\", \"live_xml\": null}],"        \
	"\"nwfilters\": [{\"name\": \"clean\", \"xml\": \"<filter name='clean'><rule action='drop' "    \
	"direction='out'><mac match='no' srcmacaddr='$MAC'/></rule></filter>\"},"                       \
	"{\"name\": \"half\", \"xml\": \"<filter name='half'><filterref filter='none'/></filter>\"}],"  \
	"\"pools\": [{\"name\": \"p\", \"active\": true, \"autostart\": true, \"capacity_bytes\":"      \
	" 1000, \"free_bytes\": 150, \"xml\": \"<pool type='dir'><name>p</name><target><path>/pool"     \
	"</path></target></pool>\", \"volumes\": [{\"name\": \"v\", \"path\": \"/pool/v\", \"xml\":"    \
	"\"<volume><name>v</name><target><path>/pool/v</path></target><backingStore><path>/pool/base"   \
	"</path></backingStore></volume>\"}, {\"name\": \"base\", \"path\": \"/pool/base\", \"xml\":"   \
	"\"<volume><name>base</name></volume>\"}, {\"name\": \"orphan\", \"path\": \"/pool/o\","        \
	"\"xml\": \"<volume><name>orphan</name></volume>\"}]}],"                                        \
	"\"secrets\": [{\"uuid\": \"u\", \"xml\": \"<secret private='yes'><uuid>u</uuid></secret>\"}]," \
	"\"gaps\": [{\"what\": \"domain db\", \"reason\": \"it went away\"}]}"

static void test_full(void **state)
{
	static const struct {
		const char *sql, *want;
	} asks[] = {
		{"SELECT connected||version||' '||daemon FROM libvirt", "19.0.0 none"},
		{"SELECT group_concat(layer||state||autostart||managed_save||snapshots_count||' '||"
		 "snapshot_oldest_ms||' '||taints, ';') FROM vm",
		 "liverunning102 1000 custom-argv,high-privileges;"
		 "persistentrunning102 1000 custom-argv,high-privileges"},
		{"SELECT COUNT(*) FROM vm_difference", "0"},
		{"SELECT COUNT(DISTINCT digest) FROM vm", "1"},
		{"SELECT source FROM vm_disk WHERE layer='live' AND disk='vdb'",
		 "qemu:///system web /domain/devices/disk[2]"},
		{"SELECT network||layer||active||autostart||used_by_count FROM network",
		 "npersistent101"},
		{"SELECT forged_source||mac_change||arp_spoofing||promiscuous FROM vm_nic WHERE "
		 "nic='net0' AND layer='persistent'",
		 "rejectrejectacceptaccept"},
		{"SELECT forged_source IS NULL FROM vm_nic WHERE nic='net1' AND layer='live'", "1"},
		{"SELECT reason LIKE '%filter gone%' FROM fact_gap WHERE tbl='vm_nic' AND "
		 "key='web/live/net1' AND col='forged_source'",
		 "1"},
		{"SELECT broken||mac_spoofing FROM network_filter WHERE filter='half'", "none0"},
		{"SELECT capacity_bytes||' '||free_pct||autostart FROM storage_pool", "1000 151"},
		{"SELECT group_concat(volume||used) FROM volume", "base1,orphan0,v1"},
		{"SELECT outside FROM vm_disk WHERE disk='vda' AND layer='live'", "0"},
		{"SELECT uuid||private FROM secret", "u1"},
		{"SELECT reason FROM fact_gap WHERE tbl='vm' AND key='db'", "it went away"},
	};
	struct test_host h;

	(void)state;
	answer(&h, FULL);
	assert_int_equal(collect(&h, NULL), 0);
	virt_finish(&h);
	for (size_t i = 0; i < RF_COUNT(asks); i++) {
		const char *got = host_ask(&h, asks[i].sql);

		if (strcmp(got, asks[i].want) != 0)
			fail_msg("%s: %s", asks[i].sql, got);
	}
	host_done(&h);
}

/* libvirt leaves passwords out; its own file tells whether there is one. */
static void test_passwords(void **state)
{
	struct test_host h;

	(void)state;
	answer(&h, FULL);
	assert_int_equal(collect(&h, NULL), 0);
	assert_fact(&h, "SELECT COUNT(*) FROM vm_console WHERE password_stored IS NULL", "2");
	assert_fact(&h, "SELECT COUNT(*) FROM fact_gap WHERE tbl='vm_console'", "4");
	host_done(&h);
	answer(&h, FULL);
	host_file(&h, "/etc/libvirt/qemu/web.xml",
		  "<!-- made by libvirt --><domain><devices><graphics type='vnc' passwd='x'/>"
		  "</devices></domain>");
	host_file(
		&h, "/run/libvirt/qemu/web.xml",
		"<domstatus><domain><devices><graphics type='vnc'/></devices></domain></domstatus>");
	assert_int_equal(collect(&h, NULL), 0);
	assert_fact(&h, "SELECT group_concat(layer||password_stored) FROM vm_console",
		    "live0,persistent1");
	host_done(&h);
}

static void test_approved(void **state)
{
	struct test_host h;

	(void)state;
	answer(&h, FULL);
	virt_write(&h, "/ok/web.xml", "", "<vcpu>3</vcpu>" HVM, "");
	host_file(&h, "/ok/other.xml", "<domain><name>other</name><memory>1</memory></domain>");
	assert_int_equal(collect(&h, "/ok"), 0);
	assert_fact(&h, "SELECT COUNT(*) FROM vm WHERE layer='approved' AND vm='web'", "1");
	assert_fact(&h,
		    "SELECT group_concat(a||' '||b) FROM (SELECT a, b FROM vm_difference WHERE "
		    "item='vcpus' ORDER BY a)",
		    "live approved,persistent approved");
	host_done(&h);
}

/* What libvirt says of its hypervisor comes apart, and each thing that it does not say has a gap.
 */
static void test_hypervisor(void **state)
{
	static const struct {
		const char *json; /* NULL: it does not answer */
		const char *sql, *want;
		bool fails;
	} cases[] = {
		{"{\"hypervisor_version\": \"7.2.22\", \"capabilities\": \"<capabilities><host><secmodel>"
		 "<model>apparmor</model></secmodel><secmodel><model>dac</model></secmodel></host>"
		 "</capabilities>\"}",
		 "SELECT version||' '||secmodels||' '||uri FROM libvirt_hypervisor",
		 "7.2.22 apparmor,dac qemu:///system", false},
		{"{\"hypervisor_version\": null, \"capabilities\": \"<capabilities><host/></capabilities>\"}",
		 "SELECT h.secmodels||'|'||g.col FROM libvirt_hypervisor h, fact_gap g", "|version",
		 false},
		{"{\"hypervisor_version\": \"1.0.0\", \"capabilities\": \"<capabilities><host\"}",
		 "SELECT version||' '||(SELECT group_concat(col) FROM fact_gap) FROM libvirt_hypervisor",
		 "1.0.0 secmodels", false},
		{"{}", "SELECT COUNT(*) FROM fact_gap", "2", false},
		{NULL,
		 "SELECT COUNT(*) FROM fact_gap WHERE tbl='libvirt_hypervisor' AND key='' AND col=''",
		 "1", false},
		{"{\"hypervisor_version\"", "SELECT COUNT(*) FROM libvirt_hypervisor", "0", true},
		{"[]", "SELECT COUNT(*) FROM libvirt_hypervisor", "0", true},
	};
	struct collect_request req = {.uri = "qemu:///system"};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		struct test_host h;

		host_make(&h);
		host_file(&h, "/etc/libvirt/qemu.conf", "");
		if (cases[i].json)
			host_file(&h, "/.ringfence/probe/libvirt-hypervisor/qemu:%2F%2F%2Fsystem",
				  cases[i].json);
		assert_int_equal(host_collect_request(&h, collect_libvirt_hypervisor, &req) < 0,
				 cases[i].fails);
		assert_fact(&h, cases[i].sql, cases[i].want);
		host_done(&h);
	}
	/* Without libvirt there is nothing to say, and nothing is missing. */
	struct test_host h;

	host_make(&h);
	host_file(&h, "/etc/hostname", "h");
	assert_int_equal(host_collect_request(&h, collect_libvirt_hypervisor, &req), 0);
	assert_fact(&h, "SELECT COUNT(*) FROM fact_gap", "0");
	host_done(&h);
}

static void test_no_answer(void **state)
{
	struct test_host h;

	(void)state;
	/* libvirt is installed and does not answer: nobody knows its VMs. */
	host_make(&h);
	host_file(&h, "/etc/libvirt/qemu.conf", "");
	assert_int_equal(collect(&h, NULL), 0);
	assert_fact(&h, "SELECT connected FROM libvirt", "0");
	assert_fact(&h,
		    "SELECT COUNT(*) FROM fact_gap WHERE tbl IN ('vm', 'network', 'volume') AND "
		    "key='' AND col=''",
		    "3");
	host_done(&h);
	/* It is not installed: there are no VMs of it. */
	host_make(&h);
	host_file(&h, "/etc/hostname", "h");
	assert_int_equal(collect(&h, NULL), 0);
	assert_fact(&h, "SELECT connected||daemon FROM libvirt", "0none");
	assert_fact(&h, "SELECT COUNT(*) FROM fact_gap WHERE tbl='vm'", "0");
	host_done(&h);
	/* Nobody asked. */
	host_make(&h);
	host_collect(&h, collect_libvirt);
	assert_fact(&h, "SELECT COUNT(*) FROM libvirt", "0");
	host_done(&h);
}

static void test_hostile_answers(void **state)
{
	static const struct {
		const char *name, *json;
		bool fails;
		const char *sql, *want;
	} cases[] = {
		{"no JSON", "<xml/>", true, "SELECT COUNT(*) FROM vm", "0"},
		{"a list", "[]", true, "SELECT COUNT(*) FROM vm", "0"},
		{"twice the same key", "{\"domains\": [], \"domains\": []}", true,
		 "SELECT COUNT(*) FROM vm", "0"},
		{"empty", "{}", false, "SELECT connected||(version IS NULL) FROM libvirt", "11"},
		{"wrong types",
		 "{\"domains\": 7, \"networks\": {\"a\": 1}, \"pools\": [1, null, \"x\"], \"nwfilters\":"
		 " [{}], \"secrets\": [[]], \"gaps\": [7], \"version\": 9}",
		 false, "SELECT COUNT(*) FROM vm", "0"},
		{"no name", "{\"domains\": [{\"live_xml\": \"<domain/>\"}]}", false,
		 "SELECT COUNT(*) FROM vm", "0"},
		{"no XML", "{\"domains\": [{\"name\": \"a\"}]}", false,
		 "SELECT reason FROM fact_gap WHERE key='a'", "libvirt gave no definition of it"},
		{"broken XML", "{\"domains\": [{\"name\": \"a\", \"live_xml\": \"<domain\"}]}",
		 false, "SELECT COUNT(*) FROM fact_gap WHERE key='a' AND tbl='vm'", "1"},
		{"other XML", "{\"domains\": [{\"name\": \"a\", \"live_xml\": \"<pool/>\"}]}",
		 false, "SELECT COUNT(*) FROM vm", "0"},
		{"name with slashes",
		 "{\"domains\": [{\"name\": \"../../etc/x\", \"live_xml\": \"<domain><name>n</name>"
		 "<memory>1</memory></domain>\"}]}",
		 false, "SELECT COUNT(*) FROM vm_file", "0"},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		struct test_host h;

		answer(&h, cases[i].json);
		assert_int_equal(collect(&h, NULL) < 0, cases[i].fails);
		const char *got = host_ask(&h, cases[i].sql);

		if (strcmp(got, cases[i].want) != 0)
			fail_msg("%s: %s", cases[i].name, got);
		host_done(&h);
	}
}

/* A test connection's VMs are invented: nothing of this machine is looked at for them. */
static void test_not_local(void **state)
{
	struct test_host h;
	struct collect_request req = {.uri = "test:///default"};

	(void)state;
	host_make(&h);
	host_file(&h, "/.ringfence/probe/libvirt/test:%2F%2F%2Fdefault", FULL);
	host_file(&h, "/pool/a", "image");
	assert_int_equal(host_collect_request(&h, collect_libvirt, &req), 0);
	assert_fact(&h, "SELECT exists_ IS NULL FROM vm_disk WHERE disk='vda'", "1");
	assert_fact(&h,
		    "SELECT COUNT(*) FROM fact_gap WHERE tbl='vm_disk' AND key='' AND "
		    "col='exists_'",
		    "1");
	host_done(&h);
}

/* Ports and filters in force, told from links and firewall chains. */
static void derive_ports(struct test_host *h, bool has_links, const char *chain)
{
	struct rf_err err = {0};

	host_make(h);
	assert_int_equal(fact_store_open(&h->store, &err), 0);
	struct fact_sink *s = fact_store_sink(h->store, "h");

	fact_put_vm_nic(s, &(struct fact_vm_nic){.vm = "w",
						 .layer = "live",
						 .nic = "net0",
						 .kind = "bridge",
						 .target = "vnet0",
						 .filter = "f",
						 .network = "b"});
	if (has_links)
		fact_put_link(s, &(struct fact_link){.name = "eth0"});
	if (chain)
		fact_put_firewall_chain(s, &(struct fact_firewall_chain){.family = "bridge",
									 .tbl = "nat",
									 .chain = chain});
	virt_finish(h);
}

static void test_ports(void **state)
{
	static const struct {
		bool has_links;
		const char *chain, *want;
	} cases[] = {
		{false, NULL, "??"},
		{true, NULL, "0?"},
		{true, "libvirt-I-vnet0", "01"},
		{true, "libvirt-I-vnet1", "00"},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		struct test_host h;

		derive_ports(&h, cases[i].has_links, cases[i].chain);
		assert_fact(&h,
			    "SELECT COALESCE(port_exists,'?')||COALESCE(filter_live,'?') FROM "
			    "vm_nic",
			    cases[i].want);
		assert_fact(&h, "SELECT COUNT(*) FROM fact_gap WHERE col='filter_live'",
			    cases[i].chain ? "0" : "1");
		host_done(&h);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full),	   cmocka_unit_test(test_passwords),
		cmocka_unit_test(test_approved),   cmocka_unit_test(test_no_answer),
		cmocka_unit_test(test_hypervisor), cmocka_unit_test(test_hostile_answers),
		cmocka_unit_test(test_not_local),  cmocka_unit_test(test_ports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
