# SPDX-License-Identifier: Apache-2.0
"""Goal: what may come between an order and libvirt on a real VM: the privileged process dies at each step of recabling and halting it, the VM
is destroyed or its definition is taken away meanwhile, libvirtd is restarted, or is gone. Each time it is said, nothing is half done, the
network stays cut as long as the order stands, and release gives everything back. A libvirtd of the test's own (libvirt_lab.py)."""
import itertools
import os
import re
import time

import pytest

from conftest import EXE
from libvirt_lab import Libvirt
from test_crash import KILL_AT, KILLED

NAME = "ward"
UUID = "7e577e57-0000-4000-8000-7e577e57000a"
MAC = "52:54:00:7e:57:0a"
SEGMENT = "rfq5254007e570a"
NIC = f"<interface type='bridge'><mac address='{MAC}'/><source bridge='br0'/><target dev='labtap0'/><model type='virtio'/></interface>"
STRIDE = int(os.environ.get("RINGFENCE_STRIDE", 170))  # RINGFENCE_STRIDE=1 for all of them
RESTART = "kill $(cat /run/libvirt/libvirtd-lab.pid); sleep 0.3; libvirtd -d -p /run/libvirt/libvirtd-lab.pid"


class Lab(Libvirt):
    def __init__(self):
        super().__init__()
        if not KILL_AT.exists():
            self.close()
            pytest.skip("kill_at is for x86-64")
        self.run("mount", "-t", "bpf", "bpf", "/sys/fs/bpf")
        self.run("sh", "-c", "ip link add br0 type bridge && ip link set br0 up", check=True)
        self.define(NAME, 10, extra=NIC)
        self.boot(NAME)

    def order(self, *args, tool=()):
        return self.run(*tool, EXE, "quarantine", NAME, *args, "--yes", "--reason", "x", "--state-dir", self.dir / "state", "-q")

    def freeze(self, *tool):
        return self.order("--level", "freeze", "--record-max", "0", tool=tool)

    def release(self):
        p = self.order("--release")
        assert p.returncode == 0, p.stdout + p.stderr

    def recover(self):
        p = self.run(EXE, "recover", "--state-dir", self.dir / "state")
        assert p.returncode == 0, p.stdout + p.stderr
        return p.stdout

    def recorded(self):
        return self.run("test", "-e", self.dir / f"state/quarantine/{UUID}").returncode == 0

    def picture(self):
        """Both definitions (libvirt goes on saying of a running VM that it has no quota), its state, where its card is, and if it is cut."""
        live = re.sub(r"  <cputune>\n    <global_quota>-1</global_quota>\n  </cputune>\n", "", self.virsh("dumpxml", NAME, check=False))
        master = re.search(r"master (\S+)", self.run("ip", "link", "show", "labtap0").stdout)
        return self.virsh("dumpxml", NAME, "--inactive", check=False), live, self.virsh("domstate", NAME, check=False), master and master.group(1)

    def cut(self):
        return "bpf" in self.run("tc", "filter", "show", "dev", "labtap0", "ingress").stdout


@pytest.fixture(scope="module")
def lab():
    if not os.path.isdir("/sys/fs/bpf"):
        pytest.skip("no BPF in this kernel")
    one = Lab()
    try:
        yield one
    finally:
        one.close()


def test_death_at_every_step(lab):
    """Every write and every message to libvirt is a step, some nine hundred; gone through in strides, another one each day of the month."""
    before = lab.picture()
    assert not lab.cut()
    undone = stood = 0
    for n in itertools.count(40 + time.localtime().tm_mday * 3, STRIDE):
        p = lab.freeze(KILL_AT, "-s", n)
        if p.returncode != KILLED:
            break
        lab.recover()
        assert lab.virsh("domstate", NAME).strip() == "running" and lab.picture()[3] in ("br0", SEGMENT), n
        if lab.recorded():
            assert lab.cut(), n
            stood += 1
            lab.release()
        else:
            undone += 1
        assert lab.picture() == before and not lab.cut(), n
    assert p.returncode == 0 and stood >= 2, (p.stderr, n, undone, stood)
    assert lab.virsh("domstate", NAME).strip() == "paused" and lab.picture()[3] == SEGMENT
    lab.release()
    assert lab.picture() == before and not lab.cut()


def test_libvirtd_is_restarted_meanwhile(lab, n=350):
    before = lab.picture()
    p = lab.freeze(KILL_AT, "-s", n, "-c", RESTART)
    print(n, p.returncode, p.stderr)
    assert lab.cut(), "the VM went free because libvirtd was restarted"
    if p.returncode:
        assert "the network cards are shut in and stay so" in p.stderr
        assert lab.picture() == before
        assert lab.freeze().returncode == 0, "the same order again does the rest"
    assert lab.virsh("domstate", NAME).strip() == "paused" and lab.picture()[3] == SEGMENT
    lab.release()
    assert lab.picture() == before and not lab.cut()


def test_the_vm_ends_meanwhile(lab, n=600):
    stored = lab.picture()[0]
    p = lab.freeze(KILL_AT, "-s", n, "-c", f"virsh -q -c qemu:///system destroy {NAME}")
    print(n, p.returncode, p.stderr)
    assert p.returncode == 1 and NAME in p.stderr or p.returncode == 0, p.stderr
    if p.returncode:
        assert lab.picture()[0] == stored, "half of it is done"
    lab.release()
    assert lab.picture()[0] == stored and not lab.recorded()
    lab.boot(NAME)
    assert lab.picture()[3] == "br0" and not lab.cut()


def test_the_definition_is_taken_away_meanwhile(lab):
    """As when it migrates: neither runs here nor is defined here any more."""
    xml = lab.picture()[0]
    p = lab.freeze(KILL_AT, "-s", 500, "-c", f"virsh -q -c qemu:///system undefine {NAME}; virsh -q -c qemu:///system destroy {NAME}")
    print(p.returncode, p.stderr)
    assert p.returncode == 1 and "stay" in p.stderr
    lab.release()
    assert not lab.recorded() and lab.run("ip", "link", "show", SEGMENT).returncode != 0
    (lab.dir / "again.xml").write_text(xml)
    lab.virsh("define", lab.dir / "again.xml")
    lab.boot(NAME)


def test_libvirtd_is_gone(lab):
    before = lab.picture()
    assert lab.freeze().returncode == 0
    lab.stop_daemons()
    lab.run("sh", "-c", "kill $(cat /run/libvirt/libvirtd-lab.pid)")
    p = lab.order("--release")
    assert p.returncode == 1 and "libvirt" in p.stderr and lab.recorded() and lab.cut(), p.stderr
    lab.start()
    lab.release()
    assert lab.picture() == before and not lab.cut()
