# SPDX-License-Identifier: Apache-2.0
"""Goal: on a kernel whose cgroups are version 2 alone (Debian's own, in a VM without KVM), with groups as systemd and libvirt make them: a
reservation is kept against reclaim when each group of the VM's chain has it and lost when one above has not, the VMs' cell is a partition that
the rest of the host is kept out of, and a VM's pressure (PSI) and what its cap holds back are counted. A process stands for QEMU."""
import re

import guard_lab
import kernel_lab
import pytest

MODULES = [f"drivers/virtio/{m}" for m in ("virtio_ring", "virtio", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_pci")] + ["drivers/block/virtio_blk"]
MIB = 1 << 20
SCRIPT = r"""
G=/sys/fs/cgroup; S=$G/machine.slice; V="$S/machine-qemu\x2d1\x2dweb.scope"
busybox mount -t cgroup2 none $G
busybox mkdir -p "$V/libvirt" /run/libvirt/qemu
for g in "$G" "$S" "$V"; do echo "+cpu +cpuset +memory" > "$g/cgroup.subtree_control"; done
tool() { /unified_tool "$@" || echo "FAILED $*"; }
show() { echo "[$1] $(busybox cat "$2" | busybox head -1)"; }
# The guest: it has read its disk and has it open, which is memory that the kernel may take back.
busybox sh -c 'echo $$ > "$0/libvirt/cgroup.procs"; exec 3< /dev/vda; busybox cat <&3 > /dev/null; echo up > /tmp/up; exec busybox sleep 10000' "$V" &
echo $! > /run/libvirt/qemu/web.pid
for i in $(busybox seq 100); do [ -e /tmp/up ] || busybox sleep 0.2; done
# From above: what a group that is pressed itself has of its own does not count.
press() { echo 96M > $G/memory.reclaim 2>/dev/null; show "$1" "$V/memory.current"; }
show filled "$V/memory.current"
tool tune web memory.min 67108864
show own "$V/memory.min"; show below "$V/libvirt/memory.min"
tool value $S/memory.min 67108864
press whole-chain
tool value $S/memory.min 0
press broken-chain
tool cell 1
show partition $S/cpuset.cpus.partition; show others $G/cpuset.cpus.effective; show vms "$V/cpuset.cpus.effective"
# Two that spin on the one CPU of the cell.
for i in 1 2; do busybox sh -c 'echo $$ > "$0/libvirt/cgroup.procs"; while :; do :; done' "$V" & done
busybox sleep 2
echo "busy: $(tool counts web 5)"
echo "20000 100000" > "$V/libvirt/cpu.max"
echo "capped: $(tool counts web 3)"
tool cell none
show undone $S/cpuset.cpus.partition; show others-again $G/cpuset.cpus.effective
echo "the end"
"""


@pytest.fixture(scope="module")
def console(tmp_path_factory):
    folder = tmp_path_factory.mktemp("unified")
    disk = folder / "disk"
    disk.write_bytes(b"x" * (96 * MIB))
    text = kernel_lab.boot(folder, guard_lab.TOOL.parent / "unified_tool", MODULES, SCRIPT, "-smp", 2, "-drive", f"file={disk},format=raw,if=virtio,readonly=on",
                           append="psi=1")
    disk.unlink()
    assert "the end" in text and "FAILED" not in text, text[-4000:]
    return text


def shown(console, name):
    return re.search(rf"^\[{name}\] (.*?)\r?$", console, re.M).group(1)


def test_a_reservation_is_kept_where_each_group_of_the_chain_has_it(console):
    assert int(shown(console, "filled")) > 90 * MIB
    assert shown(console, "own") == shown(console, "below") == str(64 * MIB)
    assert int(shown(console, "whole-chain")) > 60 * MIB
    assert int(shown(console, "broken-chain")) < 32 * MIB


def test_the_cell_is_the_vms_alone(console):
    assert shown(console, "partition") == "root"
    assert (shown(console, "others"), shown(console, "vms")) == ("0", "1")
    assert shown(console, "undone") == "member" and shown(console, "others-again") == "0-1"


def test_pressure_and_what_a_cap_holds_back_are_counted(console):
    busy, capped = (dict(zip(w[::2], map(int, w[1::2]))) for w in (re.search(rf"{n}: (.*?)\r?$", console, re.M).group(1).split() for n in ("busy", "capped")))
    assert busy["version"] == 2 and busy["pressure"] == busy["throttled"] == 1
    # Of five seconds one of the two waited all the time; PSI tells it every two.
    assert busy["stalled_us"] > 1_000_000 and busy["held_us"] == 0
    assert capped["held_us"] > 0
