# SPDX-License-Identifier: Apache-2.0
"""Goal: the two libvirt examples, and a VM as virt-manager makes it, judged from files alone: nothing is found
fault with in the hardened one, each fault of the careless one is found, and a new user is not drowned."""
import json

import pytest

from conftest import ROOT, ringfence

EXAMPLES = ROOT / "examples/domain-xml"

FAULTS = {
    "vm.channel.socket-private", "vm.console.not-everywhere", "vm.console.password-not-stored",
    "vm.console.spice-mode", "vm.cpu.branch-mitigation", "vm.cpu.machine-current", "vm.cpu.nested-off",
    "vm.device.accel3d", "vm.device.custom-arguments", "vm.device.emulator", "vm.device.filesystem-mapped",
    "vm.device.filesystem-path", "vm.device.filesystem-readonly", "vm.device.floppy", "vm.device.parallel",
    "vm.device.pci-passthrough", "vm.device.serial-backend", "vm.device.shared-memory",
    "vm.device.usb-passthrough", "vm.disk.cache-safe", "vm.disk.cdrom-empty", "vm.disk.errors-noticed",
    "vm.disk.format-stated", "vm.disk.no-lun", "vm.disk.no-raw-scsi", "vm.disk.not-shareable",
    "vm.disk.sgio-filtered", "vm.disk.stable-name", "vm.firmware.boot-disk-first", "vm.firmware.efi",
    "vm.firmware.no-boot-menu", "vm.firmware.no-network-boot", "vm.firmware.smbios-own", "vm.label.confined",
    "vm.memory.no-dump-on-crash", "vm.memory.private", "vm.nic.forged-source", "vm.nic.kind",
    "vm.nic.mac-prefix", "vm.nic.script",
}

DEFAULT = """<domain type='kvm'><name>debian12</name><memory unit='GiB'>2</memory><vcpu>2</vcpu>
<os><type arch='x86_64' machine='q35'>hvm</type><boot dev='hd'/></os><features><acpi/><apic/></features>
<cpu mode='host-passthrough'/><devices><emulator>/usr/bin/qemu-system-x86_64</emulator>
<disk type='file' device='disk'><driver name='qemu' type='qcow2' discard='unmap'/>
<source file='/var/lib/libvirt/images/debian12.qcow2'/><target dev='vda' bus='virtio'/></disk>
<disk type='file' device='cdrom'><target dev='sda' bus='sata'/><readonly/></disk>
<controller type='usb' model='qemu-xhci'/><controller type='pci' model='pcie-root'/>
<interface type='network'><source network='default'/><mac address='52:54:00:11:22:33'/></interface>
<console type='pty'/><channel type='spicevmc'><target type='virtio' name='com.redhat.spice.0'/></channel>
<input type='tablet' bus='usb'/><graphics type='spice' autoport='yes'/><sound model='ich9'/>
<video><model type='virtio'/></video><redirdev bus='usb' type='spicevmc'/><memballoon model='virtio'/>
<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng></devices></domain>"""


def findings(path, profile="kvm-base"):
    r = ringfence("check", "--no-host", "--profile", profile, "--domain-xml", path, "-o", "json")
    assert r.code in (0, 2), r.err
    return json.loads(r.out)["findings"]


@pytest.mark.parametrize("profile", ["kvm-base", "kvm-high"])
def test_nothing_is_found_fault_with_in_the_hardened_example(profile):
    failed = {f["control"] for f in findings(EXAMPLES / "hardened.xml", profile) if f["state"] == "fail"}
    # Two that a file cannot have right for everybody.
    assert failed <= {"vm.nic.one-network"}


def test_each_fault_of_the_careless_example_is_found():
    failed = {f["control"] for f in findings(EXAMPLES / "careless.xml") if f["state"] == "fail"}
    assert FAULTS <= failed, FAULTS - failed


def test_a_new_vm_does_not_drown_its_owner(tmp_path):
    (tmp_path / "debian12.xml").write_text(DEFAULT)
    failed = [f for f in findings(tmp_path / "debian12.xml") if f["state"] == "fail"]
    severities = [f["severity"] for f in failed]
    assert severities.count("critical") == 0
    assert severities.count("high") <= 1
    assert severities.count("medium") <= 3
    assert len(failed) <= 15
