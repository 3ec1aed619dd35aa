/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The views that controls of VMs, ports and libvirt read: which rows they leave out, what they
 * count, and that a gap makes a count unknown and never zero. Each case is facts in SQL, a question
 * and its answer.
 */
#include "facts_test.h"

#include "base/mem.h"

#define VM "INSERT INTO vm (host, vm, layer, format, digest, uuid, nvram, class) VALUES "
#define DEVICE                                                                                     \
	"INSERT INTO vm_device (host, vm, layer, device, kind, backend, model, log_path) VALUES "

static const struct view_case {
	const char *name, *facts, *question, *want;
} cases[] = {
	{"a definition that equals the running one is left out",
	 VM
	 "('h','a','live','libvirt','x','','',''), ('h','a','persistent','libvirt','x','','','')",
	 "SELECT group_concat(layer) FROM kvm_vm", "live"},
	{"one that differs is judged too",
	 VM
	 "('h','a','live','libvirt','x','','',''), ('h','a','persistent','libvirt','y','','','')",
	 "SELECT COUNT(*) FROM kvm_vm", "2"},
	{"unknown digests leave nothing out",
	 VM
	 "('h','a','live','libvirt',NULL,'','',''), ('h','a','persistent','libvirt',NULL,'','','')",
	 "SELECT COUNT(*) FROM kvm_vm", "2"},
	{"a VM of the same name on another host does not matter",
	 VM
	 "('h','a','live','libvirt','x','','',''), ('i','a','persistent','libvirt','x','','','')",
	 "SELECT COUNT(*) FROM kvm_vm", "2"},
	{"approved definitions and .vmx files are no KVM VMs",
	 VM
	 "('h','a','approved','libvirt','x','','',''), ('h','b','persistent','vmx','y','','','')",
	 "SELECT COUNT(*) FROM kvm_vm", "0"},
	{"devices of .vmx files are left out",
	 VM
	 "('h','a','live','libvirt','x','','',''), ('h','b','live','vmx','y','','','');" DEVICE
	 "('h','a','live','s0','serial','pty','',''), ('h','b','live','s0','serial','tcp','','')",
	 "SELECT group_concat(vm) FROM kvm_device", "a"},
	{"the console that is the serial port is not found twice",
	 VM "('h','a','live','libvirt','x','','','');" DEVICE
	    "('h','a','live','serial0','serial','tcp','',''),"
	    "('h','a','live','console0','console','tcp','serial',''),"
	    "('h','a','live','console1','console','pty','virtio','')",
	 "SELECT group_concat(device) FROM kvm_serial ORDER BY device", "console1,serial0"},
	{"a console without a serial port stays",
	 VM "('h','a','live','libvirt','x','','','');" DEVICE
	    "('h','a','live','console0','console','pty','','')",
	 "SELECT group_concat(device) FROM kvm_serial", "console0"},
	{"counts",
	 VM "('h','a','live','libvirt','x','','','');" DEVICE
	    "('h','a','live','p0','parallel','pty','',''),"
	    "('h','a','live','u0','usb_controller','','none',''),"
	    "('h','a','live','u1','usb_controller','','qemu-xhci',''),"
	    "('h','a','live','i0','input','usb','tablet',''),"
	    "('h','a','live','s0','serial','pty','','/var/log/libvirt/qemu/a.log'),"
	    "('h','a','live','s1','serial','pty','','/tmp/a.log')",
	 "SELECT parallel_count || usb_controller_count || usb_user_count || stray_log_count || "
	 "redirdev_count FROM kvm_total",
	 "11110"},
	{"a gap of the table makes counts unknown",
	 VM "('h','a','live','libvirt','x','','','');"
	    "INSERT INTO fact_gap VALUES ('h','vm_device','','','r','')",
	 "SELECT COALESCE(parallel_count, 'unknown') || floppies_count FROM kvm_total", "unknown0"},
	{"a gap of one VM is that VM's",
	 VM "('h','a','live','libvirt','x','','',''), ('h','b','live','libvirt','y','','','');"
	    "INSERT INTO fact_gap VALUES ('h','vm_device','a/live/serial0','','r','')",
	 "SELECT group_concat(vm || COALESCE(parallel_count, '?')) FROM kvm_total", "a?,b0"},
	{"a gap of one column hides no row",
	 VM "('h','a','live','libvirt','x','','','');"
	    "INSERT INTO fact_gap VALUES ('h','vm_device','a/live/serial0','path','r','')",
	 "SELECT parallel_count FROM kvm_total", "0"},
	{"a VM whose name begins like another's keeps its counts",
	 VM "('h','a','live','libvirt','x','','',''), ('h','a2','live','libvirt','y','','','');"
	    "INSERT INTO fact_gap VALUES ('h','vm_device','a2/live','','r','')",
	 "SELECT group_concat(vm || COALESCE(parallel_count, '?')) FROM kvm_total", "a0,a2?"},
	{"UUIDs and variables that two VMs share",
	 VM "('h','a','live','libvirt','x','u','n',''), ('h','b','live','libvirt','y','u','n',''),"
	    "('h','a','approved','libvirt','z','u','n','')",
	 "SELECT group_concat(vm || same_uuid_count || same_nvram_count) FROM kvm_total",
	 "a11,b11"},
	{"two VMs with one image",
	 VM
	 "('h','a','live','libvirt','x','','',''), ('h','b','live','libvirt','y','','','');"
	 "INSERT INTO vm_disk (host, vm, layer, disk, path, readonly) VALUES "
	 "('h','a','live','vda','/i',0), ('h','b','live','vda','/i',0), ('h','b','live','vdb','/j',0)",
	 "SELECT group_concat(vm || disk || ':' || other_vm) FROM kvm_disk", "avda:b,bvda:a,bvdb:"},
	{"the pool of an image by its path",
	 VM "('h','a','live','libvirt','x','','','');"
	    "INSERT INTO vm_disk (host, vm, layer, disk, path, pool) VALUES "
	    "('h','a','live','vda','/p/i',''), ('h','a','live','vdb','/pool/i','');"
	    "INSERT INTO storage_pool (host, pool, path, encrypted) VALUES ('h','s','/p',1)",
	 "SELECT group_concat(disk || pool_encrypted) FROM kvm_disk_pool", "vda1,vdb0"},
	{"qemu.conf decides where a definition is silent",
	 VM "('h','a','live','libvirt','x','','','');"
	    "INSERT INTO vm_console (host, vm, layer, console, kind, listen_kind) VALUES "
	    "('h','a','live','vnc0','vnc','default'), ('h','a','live','vnc1','vnc','loopback'),"
	    "('h','a','live','spice0','spice','default');"
	    "INSERT INTO qemu_option VALUES ('h','vnc_listen','0.0.0.0','f')",
	 "SELECT group_concat(console || ':' || listen_now) FROM kvm_console_host ORDER BY console",
	 "spice0:default,vnc0:everywhere,vnc1:loopback"},
	{"a console that can be reached counts for the host",
	 VM "('h','a','live','libvirt','x','','','');"
	    "INSERT INTO vm_console (host, vm, layer, console, kind, listen_kind) VALUES "
	    "('h','a','live','vnc0','vnc','address');"
	    "INSERT INTO libvirt (host, uri) VALUES ('h','qemu:///system')",
	 "SELECT remote_vnc || remote_spice || tls_socket FROM libvirt_daemon", "100"},
	{"no daemon, no row", "INSERT INTO libvirt (host, uri, daemon) VALUES ('h','files','none')",
	 "SELECT COUNT(*) FROM libvirt_daemon", "0"},
	{"TLS by the socket unit or by the port",
	 "INSERT INTO libvirt (host, uri) VALUES ('h','u'), ('i','u'), ('j','u');"
	 "INSERT INTO service (host, unit, enabled) VALUES ('h','virtproxyd-tls.socket',1);"
	 "INSERT INTO listener (host, proto, address, port, inode) VALUES ('i','tcp','::',16514,1)",
	 "SELECT group_concat(host || tls_socket) FROM libvirt_daemon", "h1,i1,j0"},
	{"a port knows its VM and the bridge it should be in",
	 "INSERT INTO bridge_port (host, name, bridge, role) VALUES ('h','vnet0','br9','guest'),"
	 "('h','vnet1','br0','guest'), ('h','eth0','br0','uplink');"
	 "INSERT INTO vm_nic (host, vm, layer, nic, kind, network, target, isolated) VALUES "
	 "('h','a','live','net0','network','lan','vnet0',1),"
	 "('h','a','persistent','net0','network','old','vnet0',0);"
	 "INSERT INTO network (host, network, layer, bridge) VALUES ('h','lan','live','virbr0')",
	 "SELECT group_concat(name || ':' || vm || declared_isolated || declared_bridge) FROM "
	 "guest_port",
	 "vnet0:a1virbr0,vnet1:0"},
	{"a network is judged once",
	 "INSERT INTO network (host, network, layer) VALUES ('h','a','live'), "
	 "('h','a','persistent'), ('h','b','live')",
	 "SELECT group_concat(network || layer) FROM libvirt_network", "apersistent,blive"},
	{"networks of two zones",
	 VM
	 "('h','a','live','libvirt','x','','','');"
	 "INSERT INTO vm_nic (host, vm, layer, nic, network) VALUES ('h','a','live','net0','n1'),"
	 "('h','a','live','net1','n2'), ('h','a','live','net2','n3');"
	 "INSERT INTO network (host, network, layer, zone) VALUES ('h','n1','live','red'),"
	 "('h','n2','live','blue'), ('h','n3','live','')",
	 "SELECT zones_count FROM kvm_zone", "2"},
};

static void test_views(void **state)
{
	(void)state;
	for (size_t i = 0; i < RF_COUNT(cases); i++) {
		struct test_host h = {0};
		struct rf_err err = {0};
		char *message = NULL;

		assert_int_equal(fact_store_open(&h.store, &err), 0);
		if (sqlite3_exec(fact_store_db(h.store), cases[i].facts, NULL, NULL, &message))
			fail_msg("%s: %s", cases[i].name, message);
		const char *got = host_ask(&h, cases[i].question);

		if (strcmp(got, cases[i].want) != 0)
			fail_msg("%s: %s instead of %s", cases[i].name, got, cases[i].want);
		fact_store_close(h.store);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_views)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
