/* SPDX-License-Identifier: Apache-2.0 */
/* Domain XML: network cards, disks, other devices, consoles and channels. */
#include "virt_test.h"

#include "base/mem.h"

#define NIC(cols)     "SELECT " cols " FROM vm_nic"
#define DISK(cols)    "SELECT " cols " FROM vm_disk"
#define DEVICE(cols)  "SELECT " cols " FROM vm_device"
#define CONSOLE(cols) "SELECT " cols " FROM vm_console"
#define CHANNEL(cols) "SELECT " cols " FROM vm_channel"

static const struct virt_case nics[] = {
	{"plain", NULL, NULL,
	 "<interface type='bridge'><mac address='52:54:00:AA:BB:CC'/><source bridge='br0'/><model "
	 "type='ViRtIo'/></interface>",
	 NIC("nic||' '||mac||' '||mac_kind||' '||model||' '||kind||' '||network||' '||forged_source||"
	     "' '||mac_change||' '||arp_spoofing||' '||ip_spoofing||' '||promiscuous"),
	 "net0 52:54:00:aa:bb:cc static virtio bridge br0 accept accept accept accept reject"},
	{"no MAC", NULL, NULL, "<interface type='user'/>", NIC("mac||mac_kind"), "generated"},
	{"MAC marked as generated", NULL, NULL,
	 "<interface type='user'><mac address='52:54:00:00:00:01' type='generated'/></interface>",
	 NIC("mac_kind"), "generated"},
	{"filter leaves it open", NULL, NULL,
	 "<interface type='network'><source network='n'/><filterref filter='clean-traffic'><parameter "
	 "name='IP' value='10.0.0.1'/></filterref></interface>",
	 NIC("filter||filter_ip||(forged_source IS NULL)||(promiscuous IS NULL)"),
	 "clean-traffic111"},
	{"learning", NULL, NULL,
	 "<interface type='bridge'><filterref filter='f'><parameter name='CTRL_IP_LEARNING' "
	 "value='dhcp'/></filterref></interface>",
	 NIC("filter_ip"), "1"},
	{"other parameter", NULL, NULL,
	 "<interface type='bridge'><filterref filter='f'><parameter name='PORT' value='1'/>"
	 "</filterref></interface>",
	 NIC("filter_ip"), "0"},
	{"a passed-through card is the card's matter", NULL, NULL, "<interface type='hostdev'/>",
	 "SELECT (SELECT forged_source IS NULL FROM vm_nic)||(SELECT COUNT(*) FROM fact_gap WHERE "
	 "tbl='vm_nic' AND key='/v/x.xml/persistent/net0')",
	 "14"},
	{"trust", NULL, NULL, "<interface type='direct' trustGuestRxFilters='yes'/>",
	 NIC("promiscuous"), "accept"},
	{"live says it all", " id='1'", NULL,
	 "<interface type='network'><source network='n' portid='x' bridge='virbr0'/><target "
	 "dev='vnet3'/></interface>",
	 NIC("promiscuous||' '||network||' '||target"), "reject n vnet3"},
	{"vlan", NULL, NULL,
	 "<interface type='bridge'><vlan><tag id='4'/><tag id='7'/></vlan></interface>",
	 NIC("vlan_trunk||' '||vlan_ids"), "1 4,7"},
	{"one tag is no trunk", NULL, NULL,
	 "<interface type='bridge'><vlan><tag id='4'/></vlan></interface>",
	 NIC("vlan_trunk||' '||vlan_ids"), "0 4"},
	{"isolated, down, limited", NULL, NULL,
	 "<interface type='bridge'><port isolated='yes'/><link state='down'/><bandwidth><inbound "
	 "average='100'/><outbound average='200' peak='9'/></bandwidth></interface>",
	 NIC("isolated||link_up||' '||limit_in||' '||limit_out"), "10 100 200"},
	{"limit is no number", NULL, NULL,
	 "<interface type='bridge'><bandwidth><inbound average='fast'/></bandwidth></interface>",
	 "SELECT (SELECT limit_in IS NULL FROM vm_nic)||(SELECT col FROM fact_gap WHERE "
	 "tbl='vm_nic')",
	 "1limit_in"},
	{"script", NULL, NULL, "<interface type='ethernet'><script path='/etc/up'/></interface>",
	 NIC("script"), "/etc/up"},
	{"down script", NULL, NULL,
	 "<interface type='ethernet'><downscript path='/etc/down'/></interface>", NIC("script"),
	 "/etc/down"},
	{"vhost-user", NULL, NULL,
	 "<interface type='vhostuser'><source type='unix' path='/run/v.sock' mode='client'/>"
	 "</interface>",
	 NIC("socket"), "/run/v.sock"},
	{"mcast", NULL, NULL,
	 "<interface type='mcast'><source address='230.0.0.1' port='5558'/></interface>",
	 NIC("socket"), "230.0.0.1:5558"},
	{"direct", NULL, NULL, "<interface type='direct'><source dev='eth0'/></interface>",
	 NIC("network"), "eth0"},
	{"order", NULL, NULL, "<interface type='user'/><interface type='bridge'/>",
	 "SELECT kind FROM vm_nic WHERE nic='net1'", "bridge"},
};

static const struct virt_case disks[] = {
	{"file", NULL, NULL,
	 "<disk type='file' device='disk'><driver name='qemu' type='qcow2' cache='none' "
	 "discard='unmap' error_policy='stop'/><source file='/i/a.qcow2'/><target dev='vda' "
	 "bus='virtio'/></disk>",
	 DISK("disk||' '||device||' '||bus||' '||kind||' '||path||' '||format||format_stated||' '||"
	      "cache||' '||discard||' '||error_policy||' '||medium||readonly||shareable||"
	      "(backing_depth IS NULL)"),
	 "vda disk virtio file /i/a.qcow2 qcow21 none unmap stop 1001"},
	{"defaults", NULL, NULL, "<disk><source file='/i/a'/><target dev='sda'/></disk>",
	 DISK("device||bus||kind||format_stated"), "diskscsifile0"},
	{"no target", NULL, NULL, "<disk type='file'/>", DISK("disk"), "disk0"},
	{"raw has nothing below", NULL, NULL,
	 "<disk type='file'><driver type='raw'/><source file='/i/a'/><target dev='vda'/></disk>",
	 DISK("backing_depth||backing_remote||backing_format_stated"), "001"},
	{"empty drive", NULL, NULL,
	 "<disk type='file' device='cdrom'><target dev='sdb' bus='sata'/></disk>",
	 DISK("kind||medium||readonly||path||backing_depth"), "none010"},
	{"medium", NULL, NULL,
	 "<disk type='file' device='cdrom'><source file='/i/a.iso'/><target dev='sdb'/></disk>",
	 DISK("kind||medium"), "file1"},
	{"flags", NULL, NULL,
	 "<disk type='block' device='lun' rawio='yes' sgio='unfiltered'><source dev='/dev/sdx'>"
	 "<reservations managed='yes'/></source><target dev='sda'/><readonly/><shareable/><transient/>"
	 "</disk>",
	 DISK("device||rawio||sgio||reservations||readonly||shareable||transient||stable_name"),
	 "lun1unfiltered11110"},
	{"stable name", NULL, NULL,
	 "<disk type='block'><source dev='/dev/disk/by-id/x'/><target dev='vda'/></disk>",
	 DISK("stable_name"), "1"},
	{"volume group", NULL, NULL,
	 "<disk type='block'><source dev='/dev/vg0/web'/><target dev='vda'/></disk>",
	 DISK("stable_name"), "1"},
	{"block number", NULL, NULL,
	 "<disk type='block'><source dev='/dev/block/8:1'/><target dev='vda'/></disk>",
	 DISK("stable_name"), "0"},
	{"luks", NULL, NULL,
	 "<disk type='file'><source file='/a'><encryption format='luks'/></source><target dev='a'/>"
	 "</disk>",
	 DISK("encrypted"), "1"},
	{"old qcow encryption hides nothing", NULL, NULL,
	 "<disk type='file'><source file='/a'/><encryption format='qcow'/><target dev='a'/></disk>",
	 DISK("encrypted"), "0"},
	{"network", NULL, NULL,
	 "<disk type='network'><auth username='u'/><source protocol='rbd' name='pool/img' "
	 "tls='yes'><host name='m1' port='1'/><host name='m2'/></source><target dev='vda'/></disk>",
	 DISK("kind||' '||path||' '||auth||tls"), "network rbd://m1,m2/pool/img 11"},
	{"network over a socket", NULL, NULL,
	 "<disk type='network'><source protocol='nbd' name='x'><host transport='unix' "
	 "socket='/s'/></source><target dev='vda'/></disk>",
	 DISK("path||auth||tls"), "nbd:///s/x00"},
	{"https", NULL, NULL,
	 "<disk type='network'><source protocol='https' name='x'><host name='h'/></source><target "
	 "dev='vda'/></disk>",
	 DISK("tls"), "1"},
	{"volume", NULL, NULL,
	 "<disk type='volume'><source pool='p' volume='v'/><target dev='vda'/></disk>",
	 DISK("kind||pool||path"), "volumepv"},
	{"nvme", NULL, NULL,
	 "<disk type='nvme'><source type='pci' namespace='1'><address domain='0x0000' bus='0x01' "
	 "slot='0x00' function='0x0'/></source><target dev='vda'/></disk>",
	 DISK("path"), "nvme://0x0000:0x01:0x00.0x0/1"},
	{"iotune", NULL, NULL,
	 "<disk type='file'><iotune><read_bytes_sec>0</read_bytes_sec><total_iops_sec>5"
	 "</total_iops_sec></iotune><target dev='a'/></disk>",
	 DISK("limited"), "1"},
	{"iotune of zeros", NULL, NULL,
	 "<disk type='file'><iotune><read_bytes_sec>0</read_bytes_sec></iotune><target dev='a'/>"
	 "</disk>",
	 DISK("limited"), "0"},
	{"chain", " id='1'", NULL,
	 "<disk type='file'><driver type='qcow2'/><source file='/c'/><backingStore type='file'>"
	 "<format type='qcow2'/><source file='/b'/><backingStore type='network'><source "
	 "protocol='nbd' name='a'><host name='h'/></source><backingStore/></backingStore>"
	 "</backingStore><target dev='vda'/></disk>",
	 "SELECT backing_depth||backing_remote||backing_format_stated||(SELECT group_concat(key||'='||"
	 "value) FROM (SELECT key,value FROM vm_option WHERE key LIKE 'backing%' ORDER BY key)) "
	 "FROM vm_disk",
	 "210backing/vda/1=/b,backing/vda/2=nbd://h/a"},
	{"chain of none", " id='1'", NULL,
	 "<disk type='file'><driver type='qcow2'/><source file='/c'/><backingStore/><target "
	 "dev='vda'/></disk>",
	 DISK("backing_depth||backing_remote||backing_format_stated"), "001"},
};

static const struct virt_case devices[] = {
	{"serial", NULL, NULL,
	 "<serial type='tcp'><source mode='bind' host='0.0.0.0' service='4555'/><protocol "
	 "type='telnet'/><log file='/var/log/x.log'/></serial>",
	 DEVICE("device||' '||kind||' '||backend||' '||path||' '||log_path||' '||detail"),
	 "serial0 serial tcp 0.0.0.0:4555 /var/log/x.log bind, telnet"},
	{"udp listens at one of two", NULL, NULL,
	 "<console type='udp'><source mode='connect' host='a' service='1'/><source mode='bind' "
	 "host='b' service='2'/></console>",
	 DEVICE("path"), "b:2"},
	{"parallel", NULL, NULL, "<parallel type='dev'><source path='/dev/parport0'/></parallel>",
	 DEVICE("kind||backend||path"), "paralleldev/dev/parport0"},
	{"usb", NULL, NULL,
	 "<hostdev mode='subsystem' type='usb'><source><vendor id='0x1234'/><product id='0xbeef'/>"
	 "</source></hostdev>",
	 DEVICE("kind||' '||backend||' '||path"), "hostdev usb 0x1234:0xbeef"},
	{"pci", NULL, NULL,
	 "<hostdev mode='subsystem' type='pci' managed='yes'><source><address domain='0' bus='0x06' "
	 "slot='0x12' function='0x5'/></source></hostdev>",
	 DEVICE("path||' '||detail"), "0000:06:12.5 mode subsystem, managed yes"},
	{"mdev", NULL, NULL,
	 "<hostdev mode='subsystem' type='mdev' model='vfio-pci'><source><address uuid='u-1'/>"
	 "</source></hostdev>",
	 DEVICE("path||model"), "u-1vfio-pci"},
	{"scsi", NULL, NULL,
	 "<hostdev mode='subsystem' type='scsi'><source><adapter name='scsi_host0'/><address bus='0' "
	 "target='1' unit='2'/></source><readonly/></hostdev>",
	 DEVICE("path||readonly"), "scsi_host0:0:1:21"},
	{"capability", NULL, NULL,
	 "<hostdev mode='capabilities' type='misc'><source><char>/dev/input/event3</char></source>"
	 "</hostdev>",
	 DEVICE("path"), "/dev/input/event3"},
	{"redirdev", NULL, NULL, "<redirdev bus='usb' type='spicevmc'/>",
	 DEVICE("kind||backend||model"), "redirdevspicevmcusb"},
	{"smartcard", NULL, NULL, "<smartcard mode='passthrough' type='spicevmc'/>",
	 DEVICE("kind||backend"), "smartcardpassthrough"},
	{"usb controllers", NULL, NULL,
	 "<controller type='scsi'/><controller type='usb' model='qemu-xhci'/><controller type='usb' "
	 "model='none'/>",
	 DEVICE("group_concat(device||'='||model)"), "usb0=qemu-xhci,usb1=none"},
	{"root ports", NULL, NULL,
	 "<controller type='pci' model='pcie-root'/><controller type='pci' index='1' "
	 "model='pcie-root-port'><target hotplug='off'/></controller><controller type='pci' "
	 "model='pcie-root-port'/>",
	 DEVICE("group_concat(device||hotplug)"), "rootport00,rootport11"},
	{"sound and audio", NULL, NULL, "<sound model='ich9'/><audio id='1' type='pulseaudio'/>",
	 DEVICE("group_concat(kind||model||backend)"), "audiopulseaudio,soundich9"},
	{"shmem", NULL, NULL,
	 "<shmem name='s'><model type='ivshmem-plain'/></shmem><shmem name='t'><server "
	 "path='/run/t'/></shmem>",
	 "SELECT (SELECT shmem_count FROM vm)||(SELECT group_concat(model||backend||path) FROM "
	 "vm_device)",
	 "2ivshmem-plains,server/run/t"},
	{"9p", NULL, NULL,
	 "<filesystem type='mount' accessmode='mapped'><source dir='/srv'/><target dir='d'/>"
	 "<readonly/></filesystem>",
	 DEVICE("backend||path||readonly||access_mode||' '||detail"), "mount/srv1mapped seen as d"},
	{"virtiofs", NULL, NULL,
	 "<filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/></filesystem>",
	 DEVICE("backend||readonly||access_mode"), "virtiofs0passthrough"},
	{"vsock", NULL, NULL, "<vsock model='virtio'><cid auto='no' address='7'/></vsock>",
	 "SELECT vsock||(SELECT detail FROM vm_device) FROM vm", "1address 7"},
	{"evdev", NULL, NULL, "<input type='evdev'><source dev='/dev/input/event1'/></input>",
	 DEVICE("model||backend||path"), "evdevevdev/dev/input/event1"},
	{"passthrough input", NULL, NULL,
	 "<input type='passthrough' bus='virtio'><source evdev='/dev/input/event1'/></input>",
	 DEVICE("backend||path"), "passthrough/dev/input/event1"},
	{"tablet", NULL, NULL, "<input type='tablet' bus='usb'/>", DEVICE("model||backend"),
	 "tabletusb"},
	{"video", NULL, NULL,
	 "<video><model type='virtio' heads='1'><acceleration accel3d='yes' rendernode='/dev/dri/r'/>"
	 "</model></video>",
	 DEVICE("model||accel3d||path"), "virtio1/dev/dri/r"},
	{"rng without limit", NULL, NULL,
	 "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>",
	 "SELECT rng_unbounded||(SELECT path||' '||detail FROM vm_device) FROM vm",
	 "1/dev/urandom no rate limit"},
	{"rng with limit", NULL, NULL,
	 "<rng model='virtio'><rate bytes='1024'/><backend model='builtin'/></rng>",
	 "SELECT rng_unbounded||(SELECT detail FROM vm_device) FROM vm", "01024 bytes per 1000 ms"},
	{"no rng", NULL, NULL, NULL, "SELECT rng_unbounded||vsock||shmem_count FROM vm", "000"},
	{"others", NULL, NULL,
	 "<watchdog model='itco' action='reset'/><panic model='isa'/><iommu model='intel'/><hub "
	 "type='usb'/><memory model='dimm'><target><size unit='MiB'>5</size></target></memory>",
	 DEVICE("group_concat(kind||'='||model)"),
	 "hub=usb,iommu=intel,memory=dimm,panic=isa,watchdog=itco"},
	{"what is no device", NULL, NULL, "<memballoon model='none'/><lease/><unknown/>",
	 DEVICE("COUNT(*)"), "0"},
};

static const struct virt_case consoles[] = {
	{"vnc left open", NULL, NULL, "<graphics type='vnc'/>",
	 CONSOLE("console||' '||listen||listen_kind||' '||port||' '||password_stored||password_expires"
		 "||clipboard||file_transfer"),
	 "vnc0 default -1 0000"},
	{"vnc for everybody", NULL, NULL,
	 "<graphics type='vnc' port='5901' autoport='no' listen='0.0.0.0' passwd='x' "
	 "passwdValidTo='2010-04-09T15:51:00' sharePolicy='force-shared'/>",
	 CONSOLE("listen||' '||listen_kind||' '||port||password_stored||password_expires||share_policy"),
	 "0.0.0.0 everywhere 590111force-shared"},
	{"IPv6", NULL, NULL,
	 "<graphics type='vnc'><listen type='address' address='::'/></graphics>",
	 CONSOLE("listen_kind"), "everywhere"},
	{"loopback", NULL, NULL, "<graphics type='vnc' listen='127.0.0.1'/>",
	 CONSOLE("listen_kind"), "loopback"},
	{"loopback IPv6", NULL, NULL, "<graphics type='vnc' listen='::1'/>", CONSOLE("listen_kind"),
	 "loopback"},
	{"an address", NULL, NULL, "<graphics type='vnc' listen='192.0.2.1'/>",
	 CONSOLE("listen_kind"), "address"},
	{"a network", NULL, NULL,
	 "<graphics type='vnc'><listen type='network' network='mgmt'/></graphics>",
	 CONSOLE("listen||listen_kind"), "network:mgmtnetwork"},
	{"a socket", NULL, NULL,
	 "<graphics type='vnc'><listen type='socket' socket='/run/s'/></graphics>",
	 CONSOLE("listen||listen_kind||port"), "/run/ssocket0"},
	{"a socket of old", NULL, NULL, "<graphics type='vnc' socket='/run/s'/>",
	 CONSOLE("listen||listen_kind"), "/run/ssocket"},
	{"the widest counts", NULL, NULL,
	 "<graphics type='spice'><listen type='address' address='127.0.0.1'/><listen type='address' "
	 "address='0.0.0.0'/><listen type='none'/></graphics>",
	 CONSOLE("listen_kind"), "everywhere"},
	{"spice is open unless it says no", NULL, NULL, "<graphics type='spice'/>",
	 CONSOLE("clipboard||file_transfer||insecure_channels||default_mode"), "110"},
	{"spice closed", NULL, NULL,
	 "<graphics type='spice' defaultMode='secure' tlsPort='5902'><clipboard copypaste='no'/>"
	 "<filetransfer enable='no'/><channel name='main' mode='insecure'/><channel name='x' "
	 "mode='any'/><channel name='y' mode='secure'/></graphics>",
	 CONSOLE("clipboard||file_transfer||insecure_channels||default_mode||tls_port"),
	 "002secure5902"},
	{"gl", NULL, NULL, "<graphics type='egl-headless'><gl rendernode='/dev/dri/r'/></graphics>",
	 CONSOLE("console||listen_kind||gl||port"), "egl-headless0none10"},
	{"gl of spice", NULL, NULL, "<graphics type='spice'><gl enable='yes'/></graphics>",
	 CONSOLE("gl"), "1"},
	{"port that is chosen", NULL, NULL, "<graphics type='vnc' port='5900' autoport='yes'/>",
	 CONSOLE("port"), "-1"},
	{"port that was chosen", " id='1'", NULL,
	 "<graphics type='vnc' port='5900' autoport='yes' websocket='5700'/>",
	 "SELECT port||(SELECT value FROM vm_option WHERE key='graphics/vnc0/websocket') FROM "
	 "vm_console",
	 "59005700"},
	{"no port", NULL, NULL, "<graphics type='vnc' port='eighty'/>",
	 "SELECT (SELECT port IS NULL FROM vm_console)||(SELECT COUNT(*) FROM fact_gap WHERE "
	 "tbl='vm_console')",
	 "11"},
	{"two", NULL, NULL, "<graphics type='vnc'/><graphics type='spice'/><graphics type='vnc'/>",
	 CONSOLE("group_concat(console)"), "spice0,vnc0,vnc1"},
	{"agent", NULL, NULL,
	 "<channel type='unix'><source mode='bind' path='/run/a'/><target type='virtio' "
	 "name='org.qemu.guest_agent.0'/></channel>",
	 CHANNEL("channel||' '||kind||' '||name||' '||path||' '||clipboard"),
	 "channel0 unix org.qemu.guest_agent.0 /run/a 0"},
	{"vdagent", NULL, NULL,
	 "<channel type='qemu-vdagent'><source><clipboard copypaste='yes'/><mouse mode='client'/>"
	 "</source><target type='virtio' name='com.redhat.spice.0'/></channel>",
	 CHANNEL("clipboard"), "1"},
	{"guestfwd", NULL, NULL,
	 "<channel type='tcp'><source mode='connect' host='h' service='1'/><target type='guestfwd' "
	 "address='10.0.2.1' port='4600'/></channel>",
	 CHANNEL("name||' '||path"), "10.0.2.1:4600 h:1"},
	{"spiceport", NULL, NULL,
	 "<channel type='spiceport'><source channel='org.x'/><target type='virtio' name='n'/>"
	 "</channel>",
	 CHANNEL("path"), "org.x"},
};

#define CASES(name)                                                                                \
	static void test_##name(void **state)                                                      \
	{                                                                                          \
		(void)state;                                                                       \
		virt_cases(name, RF_COUNT(name));                                                  \
	}

CASES(nics)
CASES(disks)
CASES(devices)
CASES(consoles)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nics),
		cmocka_unit_test(test_disks),
		cmocka_unit_test(test_devices),
		cmocka_unit_test(test_consoles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
